"""Tidy files of ratings, and several as one.

Messages name file, line and column. Separators are commas, semicolons or tabs, whichever the first line has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from affect.annotations.checks import Source
from affect.annotations.files import companion, table_of
from affect.annotations.tables import (
    ANNOTATION,
    OVERRUN,
    POPULATIONS,
    SCALES,
    Annotations,
    check_clips,
    lengths_of,
    validate,
    validate_clips,
    validate_static,
)

__all__ = ["Scale", "combine", "read", "scale_of_each", "validated"]

Scale = Mapping[str, tuple[float, float]] | tuple[float, float]


def read(
    path: str | PathLike[str],
    *,
    static: str | PathLike[str] | None = None,
    clips: str | PathLike[str] | None = None,
    scale: Scale | None = None,
) -> Annotations:
    r"""Read tidy files: a row for every sample.

    Parameters
    ----------
    path : path
        CSV (or Parquet, by its suffix) with ``clip, rater, population, dimension, time, value`` and
        optionally ``session``. What is known of whole annotations and clips may stand in further columns, the
        same in all rows of one: ``static`` and ``familiarity``, ``quadrant`` and ``length``. Others are left
        out.
    static, clips : path, optional
        The other two tables of `affect.annotations`. Without, ``ratings.static.csv`` and
        ``ratings.clips.csv`` are read if they are beside ``ratings.csv``, where `Annotations.to_csv` puts
        them.
    scale : dict of population to (low, high), or (low, high) of all, optional
        By default what `Annotations.to_csv` wrote beside the file, else the crowd in [-2, 2] and experts in
        [-1, 1].

    Raises
    ------
    ValueError
        As `affect.annotations.validate`, with file, line and column.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp(), "ratings.csv")
    >>> _ = file.write_text("clip,rater,population,dimension,time,value\na,r,crowd,arousal,0,1.5\n")
    >>> read(file)
    Annotations(1 clip, 1 rater, 1 annotation, 1 sample)
    >>> _ = file.write_text("clip,rater,population,dimension,time,value\na,r,crowd,arousal,0,high\n")
    >>> read(file)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: ...ratings.csv, line 2, column 'value': found 'high'; expected a finite number ...
    """
    if scale is None:
        scale = _written_scale(companion(path, "scale"))
    ends = scale_of_each(scale)
    table, source = table_of(path)
    traces = validate(table, source, ends)
    static, clips = (
        (companion(path, name) if companion(path, name).exists() else None) if given is None else given
        for name, given in (("static", static), ("clips", clips))
    )
    of_raters = _static_columns(table, traces, source, ends)
    of_clips = _clip_columns(table, traces, source)
    for name, inside, given in (("static", of_raters, static), ("clips", of_clips, clips)):
        if inside is not None and given is not None:
            raise ValueError(
                f"{source.name}: found {name} in its columns and in {given}; expected one of them"
            )
    if static is not None:
        of_raters = validate_static(*table_of(static), ends)
    if clips is not None:
        of_clips = validate_clips(*table_of(clips))
    if of_clips is not None:
        check_clips(traces, of_clips, source)  # once more in Annotations, but here lines are known
    return Annotations(traces, of_raters, of_clips, ends)


def combine(parts: Iterable[Annotations], clips: pd.DataFrame | None = None) -> Annotations:
    """Annotations of several files as one, all on the same scales (`rescale` converts).

    Parameters
    ----------
    parts : iterable of Annotations
    clips : DataFrame, optional
        The table of clips. Without, that of the parts: a clip that is in several has to be the same in all,
        up to a second of length, of which the longest counts.

    Raises
    ------
    ValueError
        Two clips have the same name, or an annotation or a static rating is there twice.
    """
    parts = list(parts)
    if not parts:
        raise ValueError("parts: found none; expected at least one")
    for k, part in enumerate(parts):
        if dict(part.scale) != dict(parts[0].scale):
            found = f"scale {dict(part.scale)} after {dict(parts[0].scale)}"
            raise ValueError(f"parts[{k}]: found {found}; expected one scale of all (rescale converts)")
    keys = pd.concat([part.traces[ANNOTATION].drop_duplicates() for part in parts], ignore_index=True)
    again = keys[keys.duplicated()]
    if len(again):
        found = f"{' '.join(map(str, again.iloc[0]))} in several parts"
        raise ValueError(f"traces: found {found}; expected an annotation in one")
    return Annotations(
        pd.concat([part.traces for part in parts], ignore_index=True),
        pd.concat([part.static for part in parts], ignore_index=True),
        _same_clips(pd.concat([part.clips for part in parts], ignore_index=True)) if clips is None else clips,
        parts[0].scale,
    )


def _same_clips(clips: pd.DataFrame) -> pd.DataFrame:
    for name, rows in clips.groupby("clip", sort=False):
        lengths = rows["length"]
        for column in rows.columns.drop(["clip", "length"]):
            if rows[column].nunique() > 1:
                found = f"{name!r} with {column} {' and '.join(map(repr, rows[column].unique()))}"
                raise ValueError(f"clips: found two clips {found}; expected one clip of a name")
        if lengths.max() - lengths.min() > OVERRUN:
            found = f"{name!r} of {lengths.min():g} s and {lengths.max():g} s"
            raise ValueError(f"clips: found two clips {found}; expected one clip of a name (or `clips=`)")
    longest = clips.groupby("clip")["length"].transform("max")
    return clips.assign(length=longest).drop_duplicates("clip")


def _written_scale(path: Path) -> Scale:
    if not path.exists():
        return SCALES
    table, _ = table_of(path)
    return {p: (float(low), float(high)) for p, low, high in table.itertuples(index=False, name=None)}


def scale_of_each(scale: Scale) -> dict[str, tuple[float, float]]:
    """The ends of the scale of each population."""
    if isinstance(scale, Mapping):
        return {**SCALES, **scale}
    low, high = scale
    return dict.fromkeys(POPULATIONS, (low, high))


def _static_columns(
    table: pd.DataFrame, traces: pd.DataFrame, source: Source, scale: Mapping[str, tuple[float, float]]
) -> pd.DataFrame | None:
    """Static ratings that stand beside the samples."""
    if "static" not in table:
        return None
    key = ["clip", "rater", "population", "dimension"]
    names = [name for name in ("static", "familiarity") if name in table]
    rows = pd.concat([traces[[*key, "session"]], table[names]], axis=1)
    of_session = _constant(rows, [*key, "session"], names, source)
    # The rating of the latest session that has one.
    given = of_session[of_session["static"].str.strip() != ""].sort_values("session", kind="stable")
    last = given.drop_duplicates(key, keep="last").rename(columns={"static": "value"}).drop(columns="session")
    return validated(last.sort_index(), source, scale, {"value": "static"}, validate_static)


def _clip_columns(table: pd.DataFrame, traces: pd.DataFrame, source: Source) -> pd.DataFrame | None:
    """What is known of clips, if it stands beside the samples."""
    names = [name for name in ("length", "quadrant") if name in table]
    if not names:
        return None
    rows = pd.concat([traces[["clip"]], table[names]], axis=1)
    clips = _constant(rows, ["clip"], names, source)
    if "length" not in names:
        clips = clips.merge(lengths_of(traces), on="clip").set_index(clips.index)
    return validate_clips(clips, source)


def _constant(rows: pd.DataFrame, key: list[str], names: list[str], source: Source) -> pd.DataFrame:
    """One row of each key; what stands in ``names`` has to be the same throughout."""
    for name in names:
        first = rows.groupby(key, sort=False)[name].transform("first")
        differs = (rows[name] != first).to_numpy()
        if differs.any():
            k = int(differs.argmax())
            found = f"{rows[name].iloc[k]!r} of clip {rows['clip'].iloc[k]!r}, {first.iloc[k]!r} before"
            raise source.refuse(
                rows.index[k], name, found, "the same in all rows (two clips of the same name?)"
            )
    return rows.drop_duplicates(key)


def validated(
    table: pd.DataFrame,
    source: Source,
    scale: Mapping[str, tuple[float, float]],
    called: dict[str, str],
    check: Any = validate,
) -> pd.DataFrame:
    """Checked, in a source whose columns have other names."""

    class Renamed(Source):
        def refuse(self, row: object, column: str, found: object, expected: str) -> ValueError:
            return super().refuse(row, called.get(column, column), found, expected)

    return check(table, Renamed(source.name, source.unit), scale)
