"""The three tables of annotations, and what may be in them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affect.annotations.checks import (
    Source,
    check_numbers,
    check_once,
    check_one_of,
    check_text,
    columns_of,
    first_of,
    natural,
)
from affect.annotations.files import write
from affect.extra import required

__all__ = [
    "ANNOTATION",
    "DIMENSIONS",
    "POPULATIONS",
    "QUADRANTS",
    "SCALES",
    "Annotations",
    "check_clips",
    "lengths_of",
    "validate",
    "validate_clips",
    "validate_static",
]

POPULATIONS = ("crowd", "expert")
DIMENSIONS = ("arousal", "valence")
QUADRANTS = ("HAHV", "LAHV", "LALV", "HALV")  # in the order of the paper's Table 2
#: The sliders of the paper: the crowd's own (section 3.2.1) and GTrace.
SCALES: Mapping[str, tuple[float, float]] = {"crowd": (-2.0, 2.0), "expert": (-1.0, 1.0)}

ANNOTATION = ["clip", "rater", "population", "dimension", "session"]
TRACES = ("clip", "rater", "population", "dimension", "time", "value")
STATIC = ("clip", "rater", "population", "dimension", "value")
OVERRUN = 1.0  # s: a player's clock may pass the end of a clip by less than the second that is analysed


def validate(
    traces: pd.DataFrame,
    source: Source | str = "traces",
    scale: Mapping[str, tuple[float, float]] | None = None,
) -> pd.DataFrame:
    """Check a table of traces, and return it with names as str, numbers as float and a session for every row.

    Parameters
    ----------
    traces : DataFrame
        The columns of `affect.annotations`. It is not changed; the result has the same index.
    source : Source or str, default "traces"
        What messages call the table.
    scale : dict of population to (low, high), optional
        Where values have to be; not checked without.

    Returns
    -------
    DataFrame

    Raises
    ------
    ValueError
        A column is missing, the table is empty, a population or dimension is unknown, a number is none, a
        value off its scale, time runs backwards, a sample is there twice, one rater is in both populations.
        The message names the table, the row (or line of a file) and the column.

    Examples
    --------
    >>> traces = pd.DataFrame([["a", "r", "crowd", "arousal", 0, 1]], columns=TRACES)
    >>> validate(traces)
      clip rater population dimension  session  time  value
    0    a     r      crowd   arousal        0   0.0    1.0
    >>> validate(traces.assign(population="students"))
    Traceback (most recent call last):
    ValueError: traces, row 0, column 'population': found 'students'; expected 'crowd' or 'expert'
    """
    source = Source(source) if isinstance(source, str) else source
    table = columns_of(traces, TRACES, source)
    if table.empty:
        raise ValueError(f"{source.name}: found no rows; expected at least one sample")
    table["session"] = _sessions(traces, source)
    table = table[[*ANNOTATION, "time", "value"]]
    _names(table, source)
    check_numbers(table, "time", source, "seconds of media time, finite and >= 0", lambda t: t >= 0)
    check_numbers(table, "value", source, "a finite number (a missing rating is a sample that is not there)")
    _on_scale(table, source, scale)
    _one_population(table, source)
    _order(table, source)
    return table


def validate_static(
    static: pd.DataFrame,
    source: Source | str = "static",
    scale: Mapping[str, tuple[float, float]] | None = None,
) -> pd.DataFrame:
    """Check a table of static ratings as `validate` checks traces; it may be empty."""
    source = Source(source) if isinstance(source, str) else source
    table = columns_of(static, STATIC, source)
    _names(table, source)
    check_numbers(table, "value", source, "a finite number (an absent rating is a row that is not there)")
    _on_scale(table, source, scale)
    check_once(
        table,
        ["clip", "rater", "dimension"],
        "value",
        source,
        "one static rating of a clip and dimension by a rater",
    )
    if "familiarity" in static:
        table["familiarity"] = natural(static["familiarity"])
    return table


def validate_clips(clips: pd.DataFrame, source: Source | str = "clips") -> pd.DataFrame:
    """Check a table of clips; columns beyond ``clip``, ``length`` and ``quadrant`` are kept as they are.

    A quadrant that is not known is empty.
    """
    source = Source(source) if isinstance(source, str) else source
    table = columns_of(clips, ("clip", "length"), source)
    check_text(table, "clip", source)
    check_once(table, ["clip"], "clip", source, "one clip of a name")
    check_numbers(table, "length", source, "seconds, finite and > 0", lambda t: t > 0)
    if "quadrant" in clips:
        table["quadrant"] = clips["quadrant"].where(clips["quadrant"].notna(), "").astype(str)
        check_one_of(table, "quadrant", (*QUADRANTS, ""), source)
    for column in clips.columns.difference(table.columns, sort=False):
        table[column] = natural(clips[column])
    return table


@dataclass(frozen=True, eq=False)
class Annotations:
    """Traces, static ratings and clips that belong together, checked.

    Parameters
    ----------
    traces : DataFrame
        ``clip, rater, population, dimension, time, value`` and optionally ``session``.
    static : DataFrame, optional
        ``clip, rater, population, dimension, value`` and optionally ``familiarity``.
    clips : DataFrame, optional
        ``clip, length`` and optionally ``quadrant``. Without, a clip is as long as its longest trace.
    scale : dict of population to (low, high), default {"crowd": (-2, 2), "expert": (-1, 1)}
        Where values have to be, static ones as well.

    Notes
    -----
    The tables are copies; attributes have the names of the parameters.

    Examples
    --------
    >>> rows = [["a", "r", "crowd", "arousal", t, t / 10] for t in range(3)]
    >>> annotations = Annotations(pd.DataFrame(rows, columns=TRACES))
    >>> annotations
    Annotations(1 clip, 1 rater, 1 annotation, 3 samples)
    >>> annotations.clips
      clip  length
    0    a     3.0
    """

    traces: pd.DataFrame
    static: pd.DataFrame = None
    clips: pd.DataFrame = None
    scale: Mapping[str, tuple[float, float]] = field(default_factory=lambda: SCALES)

    def __post_init__(self) -> None:
        scale = {**SCALES, **_scale(self.scale)}
        traces = validate(self.traces, "traces", scale).reset_index(drop=True)
        static = pd.DataFrame(columns=list(STATIC)) if self.static is None else self.static
        static = validate_static(static, "static", scale).reset_index(drop=True)
        clips = lengths_of(traces) if self.clips is None else self.clips
        clips = validate_clips(clips, "clips").reset_index(drop=True)
        check_clips(traces, clips, Source("traces"))
        for name, value in (("traces", traces), ("static", static), ("clips", clips), ("scale", scale)):
            object.__setattr__(self, name, value)

    def only(
        self,
        *,
        clips: Iterable[str] | None = None,
        raters: Iterable[str] | None = None,
        population: str | None = None,
        dimension: str | None = None,
    ) -> Annotations:
        """The annotations of some clips, some raters, one population, one dimension.

        Clips that are named stay in the table of clips even if nobody rated them.

        Examples
        --------
        >>> rows = [["a", rater, "crowd", "arousal", 0, 1] for rater in ("r", "s")]
        >>> Annotations(pd.DataFrame(rows, columns=TRACES)).only(raters=["s"])
        Annotations(1 clip, 1 rater, 1 annotation, 1 sample)
        """
        wanted = {
            "clip": None if clips is None else list(clips),
            "rater": None if raters is None else list(raters),
            "population": None if population is None else [population],
            "dimension": None if dimension is None else [dimension],
        }

        def chosen(table: pd.DataFrame) -> pd.DataFrame:
            for column, names in wanted.items():
                if names is not None and column in table:
                    table = table[table[column].isin(names)]
            return table

        traces = chosen(self.traces)
        if traces.empty:
            asked = ", ".join(f"{column} in {names}" for column, names in wanted.items() if names is not None)
            raise ValueError(f"traces: found none with {asked}; expected at least one sample")
        return Annotations(traces, chosen(self.static), chosen(self.clips), self.scale)

    def _tables(self) -> dict[str, pd.DataFrame]:
        ends = [(population, low, high) for population, (low, high) in self.scale.items()]
        scale = pd.DataFrame(ends, columns=["population", "low", "high"])
        return {"scale": scale, "clips": self.clips, "static": self.static, "": self.traces}

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write the traces, and beside ``ratings.csv`` the others as ``ratings.static.csv`` and so on.

        `read` finds them there. No file has its name before it is complete.
        """
        write(self._tables(), Path(path), lambda table, file: table.to_csv(file, index=False))

    def to_parquet(self, path: str | PathLike[str]) -> None:
        """As `to_csv`, in Parquet, with pyarrow."""
        required("pyarrow")
        write(self._tables(), Path(path), lambda table, file: table.to_parquet(file, index=False))

    def __repr__(self) -> str:
        counts = {
            "clip": self.traces["clip"].nunique(),
            "rater": self.traces["rater"].nunique(),
            "annotation": len(self.traces[ANNOTATION].drop_duplicates()),
            "sample": len(self.traces),
        }
        return f"Annotations({', '.join(f'{n} {name}' + 's' * (n != 1) for name, n in counts.items())})"


def _names(table: pd.DataFrame, source: Source) -> None:
    check_text(table, "clip", source)
    check_text(table, "rater", source)
    check_one_of(table, "population", POPULATIONS, source)
    check_one_of(table, "dimension", DIMENSIONS, source)


def _sessions(traces: pd.DataFrame, source: Source) -> NDArray[np.int64]:
    if "session" not in traces:
        return np.zeros(len(traces), dtype=np.int64)
    table = traces[["session"]].copy()
    check_numbers(table, "session", source, "an integer", lambda s: s == np.floor(s))
    return np.asarray(table["session"], dtype=np.int64)


def _scale(scale: Any) -> dict[str, tuple[float, float]]:
    checked = {}
    for population, ends in dict(scale).items():
        if population not in POPULATIONS:
            raise ValueError(
                f"scale: found population {population!r}; expected {' or '.join(map(repr, POPULATIONS))}"
            )
        low, high = map(float, ends)
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"scale: found {ends!r} of {population!r}; expected finite numbers (low, high)")
        checked[population] = (low, high)
    return checked


def _on_scale(table: pd.DataFrame, source: Source, scale: Mapping[str, tuple[float, float]] | None) -> None:
    if scale is None:
        return
    low = table["population"].map({p: ends[0] for p, ends in scale.items()}).to_numpy(float)
    high = table["population"].map({p: ends[1] for p, ends in scale.items()}).to_numpy(float)
    k = first_of((table["value"] < low) | (table["value"] > high))
    if k is not None:
        row = table.iloc[k]
        expected = (
            f"a number in [{low[k]:g}, {high[k]:g}], the scale of {row['population']!r} "
            "(scales mixed up? `scale=` says which is meant)"
        )
        raise source.refuse(table.index[k], "value", f"{row['value']:g} by rater {row['rater']!r}", expected)


def _one_population(table: pd.DataFrame, source: Source) -> None:
    first = table.groupby("rater", sort=False)["population"].transform("first")
    k = first_of(first != table["population"])
    if k is not None:
        row = table.iloc[k]
        found = f"{row['population']!r} of rater {row['rater']!r}, {first.iloc[k]!r} before"
        raise source.refuse(table.index[k], "population", found, "one population a rater")


def _order(table: pd.DataFrame, source: Source) -> None:
    check_once(table, [*ANNOTATION, "time"], "time", source, "one sample at a time")
    before = table.groupby(ANNOTATION, sort=False)["time"].shift()
    k = first_of(table["time"] < before)
    if k is not None:
        found = f"{table['time'].iloc[k]:g} after {before.iloc[k]:g}"
        raise source.refuse(table.index[k], "time", found, "media time that increases within an annotation")


def lengths_of(traces: pd.DataFrame) -> pd.DataFrame:
    """As long as the longest trace, whose last sample stands for as long as its samples usually do."""
    rows = []
    for clip, samples in traces.groupby("clip", sort=False):
        steps = samples.groupby(ANNOTATION)["time"].diff()
        step = steps.median() if steps.notna().any() else 1.0
        # Decimal times are not binary ones: 177.9 + 0.1 is to be 178 s.
        rows.append((clip, round(float(samples["time"].max() + step), 6)))
    return pd.DataFrame(rows, columns=["clip", "length"])


def check_clips(traces: pd.DataFrame, clips: pd.DataFrame, source: Source) -> None:
    """Every sample is of a known clip, and within it but for `OVERRUN`."""
    length = traces["clip"].map(clips.set_index("clip")["length"])
    k = first_of(length.isna())
    if k is not None:
        raise source.refuse(
            traces.index[k], "clip", repr(traces["clip"].iloc[k]), "a clip of the table of clips"
        )
    k = first_of(traces["time"] > length + OVERRUN)
    if k is not None:
        found = f"{traces['time'].iloc[k]:g} s of clip {traces['clip'].iloc[k]!r}"
        raise source.refuse(traces.index[k], "time", found, f"media time within its {length.iloc[k]:g} s")
