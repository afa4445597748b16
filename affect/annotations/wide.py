"""Wide CSV files, with a column for every rater."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from os import PathLike
from pathlib import Path

import pandas as pd

from affect.annotations.checks import Source
from affect.annotations.files import table_of
from affect.annotations.reading import Scale, scale_of_each, validated
from affect.annotations.tables import DIMENSIONS, SCALES, Annotations, lengths_of

__all__ = ["read_wide"]


def read_wide(
    path: str | PathLike[str],
    *,
    clip: str | None = None,
    time: str | None = None,
    dimension: str | None = None,
    experts: str | Sequence[str] = (),
    omit: str | Sequence[str] = (),
    scale: Scale = SCALES,
) -> Annotations:
    r"""Read a wide file: a row for every moment of one clip, a column for every rater.

    Parameters
    ----------
    path : path
        CSV. An empty cell (or "NaN") is a moment without a rating.
    clip : str, optional
        Name of the clip; by default that of the file.
    time : str, optional
        Column of media time in seconds; by default the one called ``sec``, ``t`` or ``time``.
    dimension : {"arousal", "valence"}, optional
        What is rated; columns are then raters. Without, columns are called ``<dimension>_<rater>``.
    experts, omit : str or sequence of str
        Raters who are experts (all others are the crowd), and columns to leave out, by name or by a pattern
        such as ``"ao*"``.
    scale : dict of population to (low, high), or (low, high) of all
        By default the crowd in [-2, 2] and experts in [-1, 1].

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp(), "film.csv")
    >>> _ = file.write_text("sec,arousal_a,arousal_b,valence_b\n0,0,1,1\n1,,-1,1\n")
    >>> read_wide(file, experts="b").traces
       clip rater population dimension  session  time  value
    0  film     a      crowd   arousal        0   0.0    0.0
    1  film     b     expert   arousal        0   0.0    1.0
    2  film     b     expert   arousal        0   1.0   -1.0
    3  film     b     expert   valence        0   0.0    1.0
    4  film     b     expert   valence        0   1.0    1.0
    """
    if dimension not in (None, *DIMENSIONS):
        raise ValueError(
            f"dimension: found {dimension!r}; expected None, {' or '.join(map(repr, DIMENSIONS))}"
        )
    table, source = table_of(path)
    time = _time_column(table, time, source)
    ends = scale_of_each(scale)
    name = Path(path).stem if clip is None else clip
    common = {"clip": name, "rater": "all", "population": "crowd", "dimension": "arousal"}
    moments = pd.DataFrame({**common, "time": table[time], "value": ends["crowd"][0]}, index=table.index)
    moments = validated(moments, source, ends, {"time": time})
    columns = _rater_columns(table, time, dimension, omit, source)
    patterns = [experts] if isinstance(experts, str) else list(experts)
    for pattern in patterns:
        if not any(fnmatchcase(rater, pattern) for _, rater in columns.values()):
            raise ValueError(f"{source.name}: found no rater {pattern!r} (experts); expected at least one")
    parts = []
    for column, (of, rater) in columns.items():
        known = table[column].str.strip().str.lower()
        there = table[~known.isin(["", "nan", "na"])]
        expert = any(fnmatchcase(rater, pattern) for pattern in patterns)
        rows = {
            "clip": name,
            "rater": rater,
            "population": "expert" if expert else "crowd",
            "dimension": of,
            "time": moments["time"],
            "value": there[column],
        }
        # One column at a time, so that a message can name it as the file does.
        part = pd.DataFrame(rows, index=there.index)
        if len(part):
            parts.append(validated(part, source, ends, {"value": column, "time": time}))
    if not parts:
        raise ValueError(f"{source.name}: found no ratings; expected at least one")
    traces = pd.concat(parts)
    return Annotations(traces, clips=lengths_of(moments), scale=ends)


def _time_column(table: pd.DataFrame, time: str | None, source: Source) -> str:
    candidates = ("sec", "t", "time") if time is None else (time,)
    found = [column for column in candidates if column in table]
    if not found:
        expected = " or ".join(map(repr, candidates))
        raise ValueError(f"{source.name}: found no column {expected} among {list(table.columns)} (time)")
    return found[0]


def _rater_columns(
    table: pd.DataFrame, time: str, dimension: str | None, omit: str | Sequence[str], source: Source
) -> dict[str, tuple[str, str]]:
    """Dimension and rater of each column."""
    patterns = [omit] if isinstance(omit, str) else list(omit)
    used: set[str] = set()
    columns: dict[str, tuple[str, str]] = {}
    for column in table.columns:
        if column == time:
            continue
        if dimension is not None:
            of, rater = dimension, column
        else:
            of, _, rater = column.partition("_")
        hits = {
            pattern for pattern in patterns if fnmatchcase(rater, pattern) or fnmatchcase(column, pattern)
        }
        used |= hits
        if hits:
            continue
        if of not in DIMENSIONS or not rater:
            expected = " or ".join(f"{name}_<rater>" for name in DIMENSIONS)
            raise ValueError(
                f"{source.name}, line 1, column {column!r}: found no dimension; expected {expected} "
                "(or say `dimension=`, or `omit=` the column)"
            )
        columns[column] = (of, rater)
    for pattern in patterns:
        if pattern not in used:
            raise ValueError(f"{source.name}: found no column {pattern!r} (omit); expected at least one")
    if not columns:
        raise ValueError(
            f"{source.name}: found no column of a rater among {list(table.columns)}; expected one"
        )
    return columns
