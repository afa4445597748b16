"""How late raters are, and traces without that delay, which the paper names as a cause of noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affect.annotations.seconds import one_session
from affect.annotations.tables import Annotations

__all__ = ["correct_lags", "estimate_lags"]

Floats = NDArray[np.float64]


def estimate_lags(
    annotations: Annotations, *, bound: float = 5.0, step: float = 0.1, reference: str | None = None
) -> pd.DataFrame:
    """Delay of each rater in seconds, where the cross-correlation with a reference is largest.

    Parameters
    ----------
    annotations : Annotations
    bound : float, default 5.0
        Delays are looked for in [-bound, bound].
    step : float, default 0.1
        In seconds: traces are compared, and delays found, on that grid. Between samples they are
        interpolated.
    reference : {"crowd", "expert"}, optional
        The population whose mean is the reference. Without, it is the mean of all *other* raters of the same
        population.

    Returns
    -------
    DataFrame
        ``population, dimension, rater, lag, correlation, without, at_bound``: correlations with the
        reference after and before the shift; ``at_bound`` says that the largest correlation is at an end of
        the range, so that the delay is not known. The lag is NaN for who has no correlation: constant, or
        alone.

    Notes
    -----
    One delay a rater and dimension: covariances and variances are pooled over clips. A rater's delay against
    the others is the own one less the mean of the m - 1 others', and so m / (m - 1) times that against the
    mean of all m. The latter is returned: correction takes everybody to the mean delay. What delay all raters
    share cannot be seen without a ``reference``.

    Examples
    --------
    >>> columns = ["clip", "rater", "population", "dimension", "time", "value"]
    >>> late = {"r": 0, "s": 1, "x": 2}
    >>> times = range(60)
    >>> rows = [["a", r, "crowd", "valence", t, np.sin((t - d) / 4)] for r, d in late.items() for t in times]
    >>> lags = estimate_lags(Annotations(pd.DataFrame(rows, columns=columns)))
    >>> lags["lag"].round(1).tolist()
    [-1.0, 0.0, 1.0]
    """
    if not (0 < step <= bound < np.inf):
        raise ValueError(f"bound, step: found {bound!r}, {step!r}; expected 0 < step <= bound, in seconds")
    if reference not in (None, "crowd", "expert"):
        raise ValueError(f"reference: found {reference!r}; expected None, 'crowd' or 'expert'")
    one_session(annotations.traces)
    most = int(np.floor(bound / step + 1e-9))
    shifts = np.arange(-most, most + 1)
    rows = []
    for (population, dimension), traces in annotations.traces.groupby(
        ["population", "dimension"], sort=False
    ):
        if population == reference:
            continue
        raters = list(traces["rater"].unique())
        sums = np.zeros((len(raters), len(shifts), 3))  # covariance, variance of rater, variance of reference
        share, seen = np.zeros(len(raters)), np.zeros(len(raters))
        for clip, samples in traces.groupby("clip", sort=False):
            length = float(annotations.clips.set_index("clip")["length"][clip])
            own = _grid(samples, raters, length, step)
            there = _moves(own)  # a constant delays nobody's mean
            if reference is None:
                others = _mean_of_others(own)
                m = there.sum()
                share += there * (m - 1) / max(m, 1)
            else:
                of = annotations.traces
                of = of[
                    (of["clip"] == clip) & (of["population"] == reference) & (of["dimension"] == dimension)
                ]
                if of.empty:
                    continue
                mean = _mean(_grid(of, list(of["rater"].unique()), length, step))
                others = np.repeat(mean[:, None], len(raters), axis=1)
                share += there
            seen += there
            for k in range(len(shifts)):
                sums[:, k] += _moments(_later(own, k - most), _earlier(others, k - most))
        with np.errstate(invalid="ignore", divide="ignore"):
            correlations = sums[..., 0] / np.sqrt(sums[..., 1] * sums[..., 2])
            share = share / seen
        for rater, r, s in zip(raters, correlations, share, strict=True):
            if np.isnan(r).all():
                rows.append((population, dimension, rater, np.nan, np.nan, np.nan, False))
                continue
            best = int(np.nanargmax(r))
            at_bound = best in (0, 2 * most)
            rows.append(
                (
                    population,
                    dimension,
                    rater,
                    s * shifts[best] * step,
                    r[best],
                    r[most],
                    at_bound,
                )
            )
    columns = ["population", "dimension", "rater", "lag", "correlation", "without", "at_bound"]
    return pd.DataFrame(rows, columns=columns)


def correct_lags(annotations: Annotations, lags: pd.DataFrame) -> Annotations:
    """Traces moved earlier by each rater's delay; what falls out of its clip is left out.

    Parameters
    ----------
    annotations : Annotations
    lags : DataFrame
        From `estimate_lags`, or any with ``population, dimension, rater, lag``. Who is not in it, has no lag
        or one that is ``at_bound`` is left as is.
    """
    known = lags.dropna(subset="lag")
    if "at_bound" in known:
        known = known[~known["at_bound"].astype(bool)]
    key = ["population", "dimension", "rater"]
    by = known.set_index(key)["lag"]
    traces = annotations.traces
    lag = by.reindex(pd.MultiIndex.from_frame(traces[key])).fillna(0.0).to_numpy(float)
    length = traces["clip"].map(annotations.clips.set_index("clip")["length"]).to_numpy(float)
    # To the microsecond that clocks are trusted to, so that 1.1 - 0.1 is in second 1.
    time = np.where(lag == 0, traces["time"], np.round(traces["time"] - lag, 6))
    inside = (lag == 0) | ((time >= 0) & (time < length))
    return replace(annotations, traces=traces.assign(time=time)[inside])


def _grid(samples: pd.DataFrame, raters: list[str], length: float, step: float) -> Floats:
    """Ratings on a grid of media time, interpolated; NaN before a rater's first sample and after the last."""
    times = np.arange(int(np.floor(length / step + 1e-9))) * step
    values = np.full((len(times), len(raters)), np.nan)
    column = {rater: k for k, rater in enumerate(raters)}
    for rater, own in samples.groupby("rater", sort=False):
        known = own["time"].to_numpy()
        values[:, column[rater]] = np.interp(times, known, own["value"].to_numpy(), left=np.nan, right=np.nan)
    return values


def _mean(ratings: Floats) -> Floats:
    known = ~np.isnan(ratings)
    count = known.sum(axis=1)
    return np.where(count > 0, np.where(known, ratings, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)


def _moves(ratings: Floats) -> NDArray[np.bool_]:
    low = np.where(np.isnan(ratings), np.inf, ratings).min(axis=0, initial=np.inf)
    return np.asarray(low < np.where(np.isnan(ratings), -np.inf, ratings).max(axis=0, initial=-np.inf))


def _mean_of_others(ratings: Floats) -> Floats:
    known = ~np.isnan(ratings)
    values = np.where(known, ratings, 0.0)
    count = known.sum(axis=1, keepdims=True) - known
    total = values.sum(axis=1, keepdims=True) - values
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _later(ratings: Floats, shift: int) -> Floats:
    """The rater, from when the reference's first moment shows."""
    return ratings[max(shift, 0) : len(ratings) + min(shift, 0)]


def _earlier(reference: Floats, shift: int) -> Floats:
    return reference[max(-shift, 0) : len(reference) - max(shift, 0)]


def _moments(own: Floats, other: Floats) -> Floats:
    """Centred sums of products, of own squares and of the other's, over where both are known."""
    both = ~(np.isnan(own) | np.isnan(other))
    count = np.maximum(both.sum(axis=0), 1)

    def centred(values: Floats) -> Floats:
        values = np.where(both, values, 0.0)
        deviations = np.where(both, values - values.sum(axis=0) / count, 0.0)
        # Rounding of a mean is no variance: a constant is to have exactly none.
        rounding = count * np.finfo(float).eps * np.abs(values).max(axis=0, initial=0.0)
        return np.where(np.abs(deviations).max(axis=0, initial=0.0) <= rounding, 0.0, deviations)

    a, b = centred(own), centred(other)
    return np.stack([(a * b).sum(axis=0), (a * a).sum(axis=0), (b * b).sum(axis=0)], axis=-1)
