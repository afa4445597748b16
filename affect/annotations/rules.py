"""The quality rules of section 3.2, each by itself, and `clean`, which applies them in order.

A rule takes annotations and returns those that it drops: a table of ``clip, rater, population, dimension,
session`` and ``found``, what it found in each. All but `latest_session` concern the crowd, as in the paper;
``population=None`` makes a rule concern everybody. Where the paper gives a threshold it is the default; where
it says "threshold" only (`too_little_data`, `values_missing`, `small_deviation`) the default is ours. Exactly
at a threshold, an annotation is kept.

Shares are of media time: a second in which fifty samples came in counts as much as one with a single sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affect.annotations.seconds import second_of
from affect.annotations.tables import ANNOTATION, Annotations

__all__ = [
    "RULES",
    "TRACE_RULES",
    "Report",
    "Rule",
    "at_most_clips",
    "clean",
    "data_lost",
    "latest_session",
    "slider_unmoved",
    "small_deviation",
    "static_absent",
    "static_opposite",
    "too_little_data",
    "values_missing",
]

Rule = Callable[[Annotations], pd.DataFrame]
Floats = NDArray[np.float64]
EPS = float(np.finfo(float).eps)


def latest_session(annotations: Annotations, *, population: str | None = None) -> pd.DataFrame:
    """Who annotates a clip again overrides what was there: all sessions but the last are dropped."""
    table = _annotations(annotations, population)
    last = table.groupby(ANNOTATION[:-1], sort=False)["session"].transform("max")
    return _dropped(table, table["session"] < last, [f"session {s} came later" for s in last])


def at_most_clips(
    annotations: Annotations, *, clips: int = 5, population: str | None = "crowd"
) -> pd.DataFrame:
    """A worker annotates at most five clips: of more, the first five in the table are kept.

    A clip that is annotated again is one clip, and where it was at first. So this rule comes before
    `latest_session`, which leaves only the last of its sessions.
    """
    table = _annotations(annotations, population)
    order = pd.concat(
        [pd.Series(pd.factorize(own["clip"])[0], index=own.index) for _, own in table.groupby("rater")]
        or [_EMPTY]
    ).reindex(table.index)
    return _dropped(table, order >= clips, [f"clip number {k + 1:g} of the worker" for k in order])


def too_little_data(
    annotations: Annotations, *, seconds: float = 10.0, hold: float = 1.0, population: str | None = "crowd"
) -> pd.DataFrame:
    """Less than so much rated media time ("files smaller than a threshold size")."""

    def found(time: Floats, value: Floats, length: float) -> str | None:
        rated = length - _lost(time, length, hold)
        return f"{rated:.4g} s rated" if seconds - rated > _slack(time, length) else None

    return _each(annotations, population, found)


def slider_unmoved(
    annotations: Annotations, *, share: float = 0.8, hold: float = 1.0, population: str | None = "crowd"
) -> pd.DataFrame:
    """The slider stood still for more than 80% of the clip's duration.

    What counts is the longest time at a stretch in which no sample differs from the one before. (A sum over
    all moments without a movement would depend on how often the slider is read: at 10 Hz it stands still most
    of the time.) The last sample lasts for ``hold`` seconds, at most to the end of the clip.
    """

    def found(time: Floats, value: Floats, length: float) -> str | None:
        moves = np.concatenate(
            [time[:1], time[1:][np.diff(value) != 0], [max(time[-1], min(time[-1] + hold, length))]]
        )
        still = float(np.diff(moves).max())
        return (
            f"unmoved for {still:.4g} s of {length:.4g} s"
            if still - share * length > _slack(time, length)
            else None
        )

    return _each(annotations, population, found)


def data_lost(
    annotations: Annotations, *, share: float = 0.2, hold: float = 1.0, population: str | None = "crowd"
) -> pd.DataFrame:
    """More than 20% of the clip's duration is lost.

    A sample stands for the ``hold`` seconds after it; what no sample stands for is lost, before the first
    sample and after the last as well. Raters who are read less than once a second need a larger ``hold``.
    """

    def found(time: Floats, value: Floats, length: float) -> str | None:
        lost = _lost(time, length, hold)
        return (
            f"{lost:.4g} s of {length:.4g} s lost" if lost - share * length > _slack(time, length) else None
        )

    return _each(annotations, population, found)


def values_missing(
    annotations: Annotations, *, share: float = 0.2, seconds: int = 50, population: str | None = "crowd"
) -> pd.DataFrame:
    """More than that share of the last 50 seconds, which the study learns from, has no rating.

    A clip that is shorter counts as a whole.
    """

    def found(time: Floats, value: Floats, length: float) -> str | None:
        end = max(int(second_of(length)), 1)
        start = max(end - seconds, 0)
        rated = np.unique(second_of(time))
        missing = end - start - int(((rated >= start) & (rated < end)).sum())
        most = share * (end - start)
        # A share such as 0.29 is rounded, and the product once more: each by half of EPS at most.
        return f"{missing} of the last {end - start} s missing" if missing - most > EPS * most else None

    return _each(annotations, population, found)


def small_deviation(
    annotations: Annotations, *, deviation: float = 0.05, population: str | None = "crowd"
) -> pd.DataFrame:
    """The standard deviation over the seconds of the clip is below a threshold, on a scale of [-1, 1]."""
    low, high = (pd.Series({p: ends[k] for p, ends in annotations.scale.items()}) for k in (0, 1))

    def found(time: Floats, value: Floats, length: float) -> str | None:
        seconds = pd.Series(value).groupby(second_of(time)).mean().to_numpy()
        sd = float(np.std(seconds))
        # Rounding of a standard deviation, relative to the largest value.
        rounding = len(seconds) * EPS * float(np.abs(seconds).max())
        return f"standard deviation {sd:.4g}" if deviation - sd > rounding else None

    width = annotations.traces["population"].map((high - low) / 2).to_numpy(float)
    unit = annotations.traces.assign(value=annotations.traces["value"] / width)
    return _each(annotations, population, found, unit)


def static_absent(annotations: Annotations, *, population: str | None = "crowd") -> pd.DataFrame:
    """The rater gave the clip no overall rating."""
    table = _annotations(annotations, population)
    return _dropped(table, _static(annotations, table).isna(), ["no static rating"] * len(table))


def static_opposite(annotations: Annotations, *, population: str | None = "crowd") -> pd.DataFrame:
    """The overall rating and the largest continuous value have opposite signs.

    The largest is the farthest from the middle of the scale, to either side; if both sides are as far, either
    sign will do. A rating in the middle is opposite to nothing, one that is absent is `static_absent`'s.
    """
    middle = {p: (low + high) / 2 for p, (low, high) in annotations.scale.items()}
    table = _annotations(annotations, population)
    of = annotations.traces
    largest = (
        of.assign(value=of["value"] - of["population"].map(middle).astype(float))
        .groupby(ANNOTATION)["value"]
        .agg(["min", "max"])
    )
    largest = largest.reindex(pd.MultiIndex.from_frame(table[ANNOTATION]))
    low, high = largest["min"].to_numpy(), largest["max"].to_numpy()
    static = (_static(annotations, table) - table["population"].map(middle).astype(float)).to_numpy(float)
    # One of the two is the farthest, or both are; NaN, an absent rating, is opposite to nothing.
    opposite = ((static < 0) & (high > -low) & (high > 0)) | ((static > 0) & (-low > high) & (low < 0))
    found = [
        f"static {s:+.3g}, traced from {a:+.3g} to {b:+.3g}"
        for s, a, b in zip(static, low, high, strict=True)
    ]
    return _dropped(table, opposite, found)


#: Of crowdworkers who also rated clips as a whole: the paper's Val set.
RULES: tuple[Rule, ...] = (
    at_most_clips,
    latest_session,
    too_little_data,
    slider_unmoved,
    data_lost,
    values_missing,
    small_deviation,
    static_absent,
    static_opposite,
)
#: Those that need traces alone, of any number of clips: the paper's Eval set, and films.
TRACE_RULES: tuple[Rule, ...] = (
    latest_session,
    too_little_data,
    slider_unmoved,
    data_lost,
    values_missing,
    small_deviation,
)


@dataclass(frozen=True, eq=False)
class Report:
    """What `clean` did.

    Attributes
    ----------
    dropped : DataFrame
        ``rule, clip, rater, population, dimension, session, found``: every annotation that was dropped, once.
    steps : DataFrame
        ``rule, dropped, annotations, raters, samples``: the last three are left after the rule.
    left : DataFrame
        ``clip, population, dimension, annotations``: how many of each are left.
    """

    dropped: pd.DataFrame
    steps: pd.DataFrame
    left: pd.DataFrame

    def __str__(self) -> str:
        fewest = self.left["annotations"].min()
        return (
            f"{self.steps.to_string(index=False)}\n"
            f"{len(self.dropped)} annotations dropped; "
            f"at least {fewest} left of each clip, population and dimension"
        )


def clean(annotations: Annotations, rules: Sequence[Rule] = RULES) -> tuple[Annotations, Report]:
    """Apply quality rules one after the other, each to what the ones before it left.

    Parameters
    ----------
    annotations : Annotations
    rules : sequence of functions, default RULES
        Other thresholds by ``functools.partial(data_lost, share=0.1)``.

    Returns
    -------
    kept : Annotations
        Static ratings without an annotation are gone as well; all clips stay.
    report : Report

    Raises
    ------
    ValueError
        Nothing is left.

    Examples
    --------
    >>> columns = ["clip", "rater", "population", "dimension", "time", "value"]
    >>> rows = [[c, "r", "crowd", "arousal", t, v * t] for c, v in [("a", 0.01), ("b", 0)] for t in range(60)]
    >>> traces = pd.DataFrame(rows, columns=columns)
    >>> kept, report = clean(Annotations(traces), rules=[slider_unmoved])
    >>> kept
    Annotations(1 clip, 1 rater, 1 annotation, 60 samples)
    >>> print(report.dropped[["rule", "clip", "rater", "found"]].to_string(index=False))
              rule clip rater                    found
    slider_unmoved    b     r unmoved for 60 s of 60 s
    """
    started = _annotations(annotations, None)
    kept, drops, steps = annotations, [], [_step("", 0, annotations.traces)]
    for rule in rules:
        name = rule.func.__name__ if isinstance(rule, partial) else rule.__name__
        dropped = rule(kept)
        if len(dropped):
            drops.append(dropped.assign(rule=name)[["rule", *ANNOTATION, "found"]])
            traces = kept.traces[~_keys(kept.traces).isin(_keys(dropped))]
            if traces.empty:
                counts = ", ".join(f"{len(d)} by {d['rule'].iloc[0]}" for d in drops)
                found = f"no annotation left of {len(started)} (dropped {counts})"
                raise ValueError(f"rules: found {found}; expected some")
            kept = replace(kept, traces=traces)
        steps.append(_step(name, len(dropped), kept.traces))
    left = _annotations(kept, None)
    groups = [*ANNOTATION[:1], *ANNOTATION[2:4]]
    counts = (
        left.groupby(groups)
        .size()
        .reindex(pd.MultiIndex.from_frame(started[groups].drop_duplicates()), fill_value=0)
    )
    columns = ["clip", "rater", "dimension"]
    static = kept.static[_keys(kept.static, columns).isin(_keys(left, columns))]
    dropped = (
        pd.concat(drops, ignore_index=True) if drops else pd.DataFrame(columns=["rule", *ANNOTATION, "found"])
    )
    report = Report(dropped, pd.DataFrame(steps), counts.rename("annotations").reset_index())
    return replace(kept, static=static), report


_EMPTY = pd.Series(dtype=float)


def _annotations(annotations: Annotations, population: str | None) -> pd.DataFrame:
    table = annotations.traces[ANNOTATION].drop_duplicates()
    return table if population is None else table[table["population"] == population]


def _dropped(table: pd.DataFrame, wrong: Any, found: Sequence[str]) -> pd.DataFrame:
    return table.assign(found=np.asarray(found, dtype=object))[np.asarray(wrong, dtype=bool)]


def _each(
    annotations: Annotations,
    population: str | None,
    fault: Callable[[Floats, Floats, float], str | None],
    traces: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The annotations in whose times and values, given the clip's length, a fault is found."""
    lengths = annotations.clips.set_index("clip")["length"]
    table = _annotations(annotations, population)
    samples = annotations.traces if traces is None else traces
    where = samples.groupby(ANNOTATION, sort=False).indices
    time, value = samples["time"].to_numpy(), samples["value"].to_numpy()

    def faults() -> Iterator[str | None]:
        for key in table.itertuples(index=False, name=None):
            own = where[key]
            yield fault(time[own], value[own], float(lengths[key[0]]))

    found = list(faults())
    return _dropped(table, [f is not None for f in found], [f or "" for f in found])


def _lost(time: Floats, length: float, hold: float) -> float:
    """The part of [0, length) that is farther than ``hold`` after every sample."""
    gaps = np.diff(np.minimum(np.concatenate([time, [length]]), length)) - hold
    return float(min(time[0], length) + gaps[gaps > 0].sum())


def _slack(time: Floats, length: float) -> float:
    """What rounding of times (decimal to binary), of their differences and of sums of these can amount to."""
    return (2 * len(time) + 4) * EPS * length


def _static(annotations: Annotations, table: pd.DataFrame) -> pd.Series:
    """The static rating of each annotation; NaN where there is none."""
    ratings = annotations.static.set_index(["clip", "rater", "dimension"])["value"].astype(float)
    wanted = pd.MultiIndex.from_frame(table[["clip", "rater", "dimension"]])
    return pd.Series(ratings.reindex(wanted).to_numpy(), index=table.index)


def _keys(table: pd.DataFrame, columns: list[str] = ANNOTATION) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(table[columns])


def _step(rule: str, dropped: int, traces: pd.DataFrame) -> dict[str, object]:
    return {
        "rule": rule or "(all)",
        "dropped": dropped,
        "annotations": len(traces[ANNOTATION].drop_duplicates()),
        "raters": traces["rater"].nunique(),
        "samples": len(traces),
    }
