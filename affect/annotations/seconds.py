"""Media time: one rating a second, the last seconds of clips, halves, segments; and the scale of ratings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from affect.annotations.tables import ANNOTATION, Annotations

__all__ = [
    "half",
    "last_seconds",
    "matrices",
    "matrix",
    "one_session",
    "resample",
    "rescale",
    "second_of",
    "segments",
]


def second_of(time: ArrayLike) -> NDArray[np.int64]:
    """The whole second that a time is in; clocks are trusted to the microsecond, so that 2.9999999996 is 3.

    Examples
    --------
    >>> second_of([0.0, 0.99, 3 * 0.1 * 10, 2.9999999996])
    array([0, 0, 3, 3])
    """
    return np.floor(np.round(np.asarray(time, dtype=float), 6)).astype(np.int64)


def resample(annotations: Annotations) -> Annotations:
    """One sample a second: the mean of the samples in that second of media time, and of nothing else.

    A second without a sample stays without; its neighbours tell nothing of it, so that holding out a second
    holds out all that is known of it. Ratings that are at 1 Hz already are left as they are.

    Examples
    --------
    >>> rows = [["a", "r", "expert", "valence", t, v] for t, v in [(0.0, 0.2), (0.5, 0.4), (2.1, 0.8)]]
    >>> columns = ["clip", "rater", "population", "dimension", "time", "value"]
    >>> resample(Annotations(pd.DataFrame(rows, columns=columns))).traces[["time", "value"]]
       time  value
    0   0.0    0.3
    1   2.0    0.8
    """
    traces = annotations.traces
    seconds = traces.assign(time=second_of(traces["time"]).astype(float))
    means = seconds.groupby([*ANNOTATION, "time"], sort=False, as_index=False)["value"].mean()
    return replace(annotations, traces=means)


def last_seconds(annotations: Annotations, seconds: int = 50) -> Annotations:
    """The end of every clip, where clips of any length have as many seconds; time then counts from its start.

    The paper's choice (section 5): the latter part is emotionally more salient. A clip ends with its last
    whole second.

    Raises
    ------
    ValueError
        A clip is shorter.
    """
    ends = annotations.clips.assign(end=second_of(annotations.clips["length"]))
    short = ends[ends["end"] < seconds]
    if len(short):
        clip = short.iloc[0]
        raise ValueError(
            f"seconds={seconds}: clip {clip['clip']!r} has {clip['length']:g} s; expected no more"
        )
    start = annotations.traces["clip"].map(ends.set_index("clip")["end"]) - seconds
    return _cut(annotations, start, start + seconds, annotations.clips.assign(length=float(seconds)))


def half(annotations: Annotations, which: int) -> Annotations:
    """The first (1) or second (2) half of every clip, in its own time; a middle second is the second half's.

    Examples
    --------
    >>> rows = [["a", "r", "expert", "valence", t, t / 10] for t in range(5)]
    >>> columns = ["clip", "rater", "population", "dimension", "time", "value"]
    >>> annotations = Annotations(pd.DataFrame(rows, columns=columns))
    >>> [half(annotations, which).traces["value"].tolist() for which in (1, 2)]
    [[0.0, 0.1], [0.2, 0.3, 0.4]]
    """
    if which not in (1, 2):
        raise ValueError(f"which: found {which!r}; expected 1 or 2")
    clips = annotations.clips
    middle = pd.Series(second_of(clips["length"]) // 2, index=clips["clip"]).astype(float)
    at = annotations.traces["clip"].map(middle)
    if which == 1:
        return _cut(annotations, at * 0, at, clips.assign(length=middle.to_numpy()))
    return _cut(annotations, at, at + np.inf, clips.assign(length=clips["length"] - middle.to_numpy()))


def segments(annotations: Annotations, seconds: int) -> Annotations:
    """Clips cut into pieces of so many seconds, each a clip of its own; what is left at the end is left out.

    For one long film. A piece is called after its clip and where it starts; static ratings, which are of the
    whole, are left out, and quadrants with them.

    Examples
    --------
    >>> rows = [["film", "r", "expert", "valence", t, t / 10] for t in range(7)]
    >>> columns = ["clip", "rater", "population", "dimension", "time", "value"]
    >>> segments(Annotations(pd.DataFrame(rows, columns=columns)), 3).clips
           clip  length
    0  film @0s     3.0
    1  film @3s     3.0
    """
    if not seconds > 0:
        raise ValueError(f"seconds: found {seconds!r}; expected a whole number > 0")
    pieces = {
        clip: [f"{clip} @{k * seconds:0{len(str(end))}d}s" for k in range(end // seconds)]
        for clip, end in zip(annotations.clips["clip"], second_of(annotations.clips["length"]), strict=True)
    }
    traces = annotations.traces
    number = second_of(traces["time"]) // seconds
    whole = number < traces["clip"].map({clip: len(names) for clip, names in pieces.items()})
    traces, number = traces[whole], number[whole]
    if traces.empty:
        raise ValueError(f"seconds={seconds}: found no clip of that length; expected less")
    names = [pieces[clip][k] for clip, k in zip(traces["clip"], number, strict=True)]
    traces = traces.assign(clip=names, time=(traces["time"] - number * seconds).clip(lower=0.0))
    clips = pd.DataFrame(
        {"clip": [name for names in pieces.values() for name in names], "length": float(seconds)}
    )
    return Annotations(traces, clips=clips, scale=annotations.scale)


def rescale(annotations: Annotations, low: float = -1.0, high: float = 1.0) -> Annotations:
    """All ratings, static ones as well, on one scale: each population's own ends become low and high.

    Examples
    --------
    >>> columns = ["clip", "rater", "population", "dimension", "time", "value"]
    >>> rows = [["a", "r", "crowd", "valence", 0, -2], ["a", "r", "crowd", "valence", 1, 1]]
    >>> rescale(Annotations(pd.DataFrame(rows, columns=columns))).traces["value"].tolist()
    [-1.0, 0.5]
    """
    if not low < high:
        raise ValueError(f"low, high: found {low!r}, {high!r}; expected low < high")

    def rescaled(table: pd.DataFrame) -> pd.DataFrame:
        bottom, top = (
            table["population"].map({p: ends[k] for p, ends in annotations.scale.items()}).astype(float)
            for k in (0, 1)
        )
        share = (table["value"].astype(float) - bottom) / (top - bottom)
        # Both ends are met exactly, and rounding never leaves the scale.
        return table.assign(value=(low * (1 - share) + high * share).clip(low, high))

    return replace(
        annotations,
        traces=rescaled(annotations.traces),
        static=rescaled(annotations.static),
        scale=dict.fromkeys(annotations.scale, (low, high)),
    )


def matrix(annotations: Annotations, clip: str, population: str, dimension: str) -> pd.DataFrame:
    """Ratings of one clip at 1 Hz: a row for every second, a column for every rater, NaN where there is none.

    Examples
    --------
    >>> columns = ["clip", "rater", "population", "dimension", "time", "value"]
    >>> rows = [["a", "r", "crowd", "valence", 0, -2], ["a", "s", "crowd", "valence", 1, 1]]
    >>> matrix(Annotations(pd.DataFrame(rows, columns=columns)), "a", "crowd", "valence").to_numpy()
    array([[-2., nan],
           [nan,  1.]])
    """
    traces = annotations.traces
    wanted = (
        (traces["clip"] == clip) & (traces["population"] == population) & (traces["dimension"] == dimension)
    )
    return _by_second(traces[wanted], _length(annotations, clip))


def matrices(annotations: Annotations) -> Iterator[tuple[tuple[str, str, str], pd.DataFrame]]:
    """All that `matrix` gives, by population, dimension and clip, in the order of the traces."""
    for key, traces in annotations.traces.groupby(["population", "dimension", "clip"], sort=False):
        yield key, _by_second(traces, _length(annotations, key[2]))


def _length(annotations: Annotations, clip: str) -> float:
    lengths = annotations.clips.loc[annotations.clips["clip"] == clip, "length"]
    if lengths.empty:
        raise ValueError(f"clip: found {clip!r}; expected a clip of the table of clips")
    return float(lengths.iloc[0])


def _by_second(traces: pd.DataFrame, length: float) -> pd.DataFrame:
    one_session(traces)
    means = traces.assign(time=second_of(traces["time"])).groupby(["time", "rater"])["value"].mean().unstack()
    return means.reindex(pd.RangeIndex(max(int(second_of(length)), 1), name="time"))


def one_session(traces: pd.DataFrame) -> None:
    """Refuse a clip that a rater annotated more than once: it is not said which counts."""
    again = traces[ANNOTATION].drop_duplicates()
    again = again[again.duplicated(ANNOTATION[:-1])]
    if len(again):
        row = again.iloc[0]
        raise ValueError(
            f"traces, column 'session': found clip {row['clip']!r} rated more than once by {row['rater']!r}; "
            "expected one session (rules.latest_session keeps the last)"
        )


def _cut(annotations: Annotations, start: pd.Series, end: pd.Series, clips: pd.DataFrame) -> Annotations:
    """What is in [start, end) of each sample's clip, in time from start."""
    traces = annotations.traces
    second = second_of(traces["time"])
    inside = (second >= start) & (second < end)
    if not inside.any():
        raise ValueError("traces: found no sample in that part of the clips; expected at least one")
    moved = (traces["time"] - start)[inside].clip(lower=0.0)
    return replace(annotations, traces=traces[inside].assign(time=moved), clips=clips)
