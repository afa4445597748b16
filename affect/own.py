"""One's own files of ratings and descriptors, as the study takes them."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from affect.annotations import Annotations, combine, read, read_gtrace, read_wide, segments
from affect.annotations.files import table_of
from affect.annotations.seconds import second_of
from affect.annotations.tables import SCALES, validate_clips, validate_static

__all__ = ["cut", "modalities", "read_features", "read_ratings", "with_experts"]

TIDY = {"clip", "rater", "population", "dimension", "value"}
TIME = ("time", "sec", "t")
LOGS = (".xml", ".log", ".txt", ".eml")  # GTrace


def read_ratings(
    paths: Sequence[Path],
    *,
    clips: Path | None = None,
    static: Path | None = None,
    scale: tuple[float, float] | None = None,
    dimension: str | None = None,
    experts: Sequence[str] = (),
    leave_out: Sequence[str] = (),
) -> Annotations:
    """Read ratings in whatever of the formats of `affect.annotations` each file has.

    Parameters
    ----------
    paths : sequence of Path
        Tidy CSV or Parquet (with columns ``clip`` and ``rater``), wide CSV (a column for every rater), or
        GTrace logs and XML.
    clips, static : Path, optional
        Tables of clips and of static ratings.
    scale : (low, high), optional
        Of all ratings; by default that of the file, or the paper's.
    dimension : str, optional
        What is rated, where a wide file or a log does not say it.
    experts, leave_out : sequences of str
        Raters that are the experts, and raters not to use, by patterns such as ``av1o0[5-9]``.
    """
    parts = []
    for path in paths:
        if path.suffix in LOGS:
            parts.append(read_gtrace(path, dimension=dimension, scale=scale or (-1.0, 1.0)))
            continue
        table, _ = table_of(path)
        if len(TIDY & {column.lower() for column in table.columns}) > 1:  # else `read` says what it lacks
            parts.append(read(path, scale=scale))
        else:
            parts.append(read_wide(path, dimension=dimension, scale=scale or SCALES))
    whole = combine(parts)
    if clips is not None or static is not None:
        whole = Annotations(
            whole.traces,
            whole.static if static is None else validate_static(*table_of(static), whole.scale),
            whole.clips if clips is None else validate_clips(*table_of(clips)),
            whole.scale,
        )
    return with_experts(whole, experts, leave_out) if experts or leave_out else whole


def read_features(path: Path, clips: pd.DataFrame) -> pd.DataFrame:
    """Read descriptors: ``time`` (or ``sec``, ``t``), numbers, and ``clip`` unless there is one clip only."""
    table, source = table_of(path)
    table = table.copy()
    time = next((name for name in TIME if name in table), None)
    if time is None:
        raise ValueError(f"{source.name}: found columns {', '.join(table.columns)}; expected one called time")
    if "clip" not in table:
        if len(clips) != 1:
            found = f"no column clip besides {len(clips)} clips that are rated"
            raise ValueError(f"{source.name}: found {found}; expected one")
        table.insert(0, "clip", clips["clip"].iloc[0])
    columns = [name for name in table.columns if name not in ("clip", time)]
    if not columns:
        raise ValueError(f"{source.name}: found no descriptors; expected at least one column")
    numbers = {name: pd.to_numeric(table[name], errors="coerce") for name in (time, *columns)}
    for name, values in numbers.items():
        wrong = ~np.isfinite(values.to_numpy(float))
        if wrong.any():
            k = int(wrong.argmax())
            raise source.refuse(table.index[k], name, repr(table[name].iloc[k]), "a finite number")
    whole = {"clip": table["clip"].astype(str), "time": numbers[time]}
    return pd.DataFrame(whole | {name: numbers[name] for name in columns}).reset_index(drop=True)


def with_experts(
    annotations: Annotations, experts: Sequence[str], leave_out: Sequence[str] = ()
) -> Annotations:
    """Name the raters that are the experts, and those to leave out, by patterns such as ``av1o0[5-9]``."""

    def named(patterns: Sequence[str]) -> set[str]:
        raters = annotations.traces["rater"].unique()
        found: set[str] = set()
        for pattern in patterns:
            matched = {rater for rater in raters if fnmatchcase(rater, pattern)}
            if not matched:
                raise ValueError(f"raters: found none like {pattern!r} among {', '.join(sorted(raters))}")
            found |= matched
        return found

    chosen, gone = named(experts), named(leave_out)
    tables = {}
    for name in ("traces", "static"):
        table = getattr(annotations, name)
        table = table[~table["rater"].isin(gone)].copy()
        table["population"] = np.where(table["rater"].isin(chosen), "expert", table["population"])
        tables[name] = table
    return Annotations(tables["traces"], tables["static"], annotations.clips, scale=annotations.scale)


def cut(annotations: Annotations, features: pd.DataFrame, seconds: int) -> tuple[Annotations, pd.DataFrame]:
    """Clips of so many seconds out of long recordings, with their descriptors."""
    pieces = segments(annotations, seconds)
    numbers = (second_of(annotations.clips["length"]) // seconds).tolist()
    whole = [(clip, k) for clip, n in zip(annotations.clips["clip"], numbers, strict=True) for k in range(n)]
    names = dict(zip(whole, pieces.clips["clip"], strict=True))
    number = second_of(features["time"]) // seconds
    piece = [names.get(key) for key in zip(features["clip"].astype(str), number.tolist(), strict=True)]
    moved = features.assign(clip=piece, time=features["time"] - number * seconds)
    return pieces, moved[moved["clip"].notna()].reset_index(drop=True)


def modalities(columns: Sequence[str], audio: Sequence[str], video: Sequence[str]) -> dict[str, list[str]]:
    """Which descriptors are audio and which video, by patterns; without patterns all are ``features``.

    Examples
    --------
    >>> modalities(["rms", "hue"], ["rms"], ["h*"])
    {'audio': ['rms'], 'video': ['hue']}
    """
    if not (audio or video):
        return {"features": list(columns)}
    found = {}
    for name, patterns in (("audio", audio), ("video", video)):
        mine = [column for column in columns if any(fnmatchcase(column, pattern) for pattern in patterns)]
        if patterns and not mine:
            raise ValueError(f"{name}: found no column like {' '.join(patterns)} among {', '.join(columns)}")
        if mine:
            found[name] = mine
    return found
