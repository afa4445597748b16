"""One profile from many raters, second by second: median, mean, or weighted by how well each agrees."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affect.annotations.seconds import matrices
from affect.annotations.tables import Annotations

__all__ = ["evaluator_weights", "fuse"]

Floats = NDArray[np.float64]


def fuse(annotations: Annotations, how: Literal["median", "mean", "weighted"] = "median") -> pd.DataFrame:
    """One profile a clip, population and dimension.

    Parameters
    ----------
    annotations : Annotations
        At any rate; they are resampled to 1 Hz.
    how : {"median", "mean", "weighted"}, default "median"
        "weighted" is the evaluator-weighted estimator ``sum_k r_k x_k(t) / sum_k r_k`` with the weights r_k
        of `evaluator_weights`; both sums are over those who rated that second.

    Returns
    -------
    DataFrame
        ``clip, population, dimension, time, value, raters``: the last is how many rated that second. A
        second that nobody rated (or nobody of weight) is left out.

    References
    ----------
    Grimm and Kroschel, "Evaluation of natural emotions using self assessment manikins", ASRU 2005.

    Examples
    --------
    >>> columns = ["clip", "rater", "population", "dimension", "time", "value"]
    >>> slopes = {"r": 0.1, "s": 0.2, "x": -0.6}
    >>> rows = [["a", r, "crowd", "valence", t, v * t] for r, v in slopes.items() for t in (1, 2)]
    >>> annotations = Annotations(pd.DataFrame(rows, columns=columns))
    >>> fuse(annotations)["value"].tolist()
    [0.1, 0.2]
    >>> fuse(annotations.only(raters=["r", "s"]), "weighted")["value"].round(6).tolist()
    [0.15, 0.3]
    """
    if how not in ("median", "mean", "weighted"):
        raise ValueError(f"how: found {how!r}; expected 'median', 'mean' or 'weighted'")
    weights = None
    if how == "weighted":
        table = evaluator_weights(annotations)
        weights = table.set_index(["population", "dimension", "rater"])["weight"]
    parts = []
    for (population, dimension, clip), ratings in matrices(annotations):
        if weights is None:
            fused = ratings.median(axis=1) if how == "median" else ratings.mean(axis=1)
        else:
            of_rater = weights[population, dimension].reindex(ratings.columns).to_numpy()
            total = (ratings.notna() * of_rater).sum(axis=1)
            fused = (ratings * of_rater).sum(axis=1) / total.where(total > 0)
        profile = pd.DataFrame({"value": fused, "raters": ratings.notna().sum(axis=1)}).reset_index()
        profile.insert(0, "clip", clip)
        profile.insert(1, "population", population)
        profile.insert(2, "dimension", dimension)
        parts.append(profile.dropna(subset="value"))
    fused = pd.concat(parts, ignore_index=True)
    return fused.assign(time=fused["time"].astype(float))


def evaluator_weights(annotations: Annotations) -> pd.DataFrame:
    """Correlation of each rater with the mean of all, over all seconds of all clips that the rater rated.

    Negative correlations count as 0, as does that of a rater who never moves. A single rater, of whom nothing
    can be said, has weight 1. A population in which no weight is positive has no such estimate.

    Returns
    -------
    DataFrame
        ``population, dimension, rater, correlation, weight``; the correlation is NaN where there is none.
    """
    rows = []
    clips: dict[tuple[str, str], list[pd.DataFrame]] = {}
    for (population, dimension, _), ratings in matrices(annotations):
        clips.setdefault((population, dimension), []).append(ratings)
    for (population, dimension), tables in clips.items():
        ratings = pd.concat(tables, ignore_index=True)
        mean = ratings.mean(axis=1)
        for rater in ratings:
            r = correlation(ratings[rater].to_numpy(), mean.to_numpy())
            weight = 1.0 if ratings.shape[1] == 1 else max(r, 0.0) if np.isfinite(r) else 0.0
            rows.append((population, dimension, rater, r, weight))
    return pd.DataFrame(rows, columns=["population", "dimension", "rater", "correlation", "weight"])


def correlation(a: Floats, b: Floats) -> float:
    """Pearson's r over where both are known; NaN if either is constant there, or with fewer than two points.

    Examples
    --------
    >>> correlation(np.array([0.0, 1.0, np.nan, 2.0]), np.array([1.0, 2.0, 9.0, 3.0]))
    1.0
    """
    both = ~(np.isnan(a) | np.isnan(b))
    a, b = a[both], b[both]
    if len(a) < 2 or (a == a[0]).all() or (b == b[0]).all():
        return float("nan")
    return float(np.clip(np.corrcoef(a, b)[0, 1], -1.0, 1.0))
