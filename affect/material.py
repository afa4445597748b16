"""From tidy tables to the arrays of problems P1 and P2: the same last seconds of every clip.

A second's rating is the mean of the samples in it and of nothing else, so that holding out a second holds out
all that is known of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affect.problems import P1Data, P2Data, median

__all__ = ["Cube", "Material", "complete", "cube", "is_high_of", "p1_data", "p2_data"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cube:
    """Ratings of one population for one dimension.

    Attributes
    ----------
    values : ndarray of shape (clips, seconds, raters)
        NaN where nothing was rated.
    clips, raters : ndarray of str
    """

    values: Floats
    clips: NDArray[np.str_]
    raters: NDArray[np.str_]

    @property
    def median(self) -> Floats:
        """Over raters, of shape (clips, seconds)."""
        return median(self.values)

    @property
    def mean(self) -> Floats:
        """Over raters, of shape (clips, seconds)."""
        known = ~np.isnan(self.values).all(axis=-1)
        fused = np.full(self.values.shape[:-1], np.nan)
        fused[known] = np.nanmean(self.values[known], axis=-1)
        return fused


def cube(
    traces: pd.DataFrame, clips: pd.DataFrame, population: str, dimension: str, seconds: int = 50
) -> Cube:
    """The last seconds of all clips, which may differ in length.

    Examples
    --------
    >>> rows = [("a", "r", "crowd", "arousal", t, float(t)) for t in range(9)]
    >>> columns = ["clip", "rater", "population", "dimension", "time", "value"]
    >>> traces = pd.DataFrame(rows, columns=columns)
    >>> clips = pd.DataFrame({"clip": ["a"], "length": [9.0]})
    >>> cube(traces, clips, "crowd", "arousal", 3).values[:, :, 0]
    array([[6., 7., 8.]])
    """
    names = np.asarray(clips["clip"], dtype=str)
    lengths = np.floor(np.asarray(clips["length"], dtype=float)).astype(int)
    short = names[lengths < seconds]
    if len(short):
        raise ValueError(f"clips: found {short[0]!r} of less than {seconds} s; expected at least as many")
    wanted = (traces["population"] == population) & (traces["dimension"] == dimension)
    chosen = traces.loc[wanted & traces["clip"].isin(names)]
    raters = np.unique(np.asarray(chosen["rater"], dtype=str))
    position = pd.Index(names).get_indexer(pd.Index(chosen["clip"].astype(str)))
    rater = np.searchsorted(raters, np.asarray(chosen["rater"], dtype=str))
    second = np.floor(chosen["time"].to_numpy(float)).astype(int) - (lengths - seconds)[position]
    value = chosen["value"].to_numpy(float)
    inside = (second >= 0) & (second < seconds) & ~np.isnan(value)
    shape = (len(names), seconds, len(raters))
    where = np.ravel_multi_index((position[inside], second[inside], rater[inside]), shape)
    count = np.bincount(where, minlength=int(np.prod(shape)))
    total = np.bincount(where, weights=value[inside], minlength=int(np.prod(shape)))
    values = np.full(len(count), np.nan)
    values[count > 0] = total[count > 0] / count[count > 0]
    return Cube(values.reshape(shape), names, raters)


def complete(ratings: Cube) -> tuple[Floats, NDArray[np.int_], NDArray[np.str_]]:
    """One row an annotation, its missing seconds interpolated; without those that miss over a fifth.

    Returns
    -------
    rows : ndarray of shape (annotations, seconds)
    clips : ndarray of int
        The position of the clip of each.
    raters : ndarray of str
    """
    rows, clips, raters = [], [], []
    seconds = np.arange(ratings.values.shape[1])
    for t, r in zip(*np.nonzero(~np.isnan(ratings.values).all(axis=1)), strict=True):
        values = ratings.values[t, :, r]
        known = ~np.isnan(values)
        if known.mean() >= 0.8:
            rows.append(np.interp(seconds, seconds[known], values[known]))
            clips.append(t)
            raters.append(ratings.raters[r])
    return np.array(rows).reshape(-1, len(seconds)), np.array(clips, dtype=int), np.array(raters, dtype=str)


def is_high_of(clips: pd.DataFrame, dimension: str) -> NDArray[np.bool_]:
    """The static label of each clip, from its quadrant such as HALV."""
    letter = 0 if dimension == "arousal" else 2
    return np.array([quadrant[letter] == "H" for quadrant in clips["quadrant"]])


@dataclass(frozen=True)
class Material:
    """All that the study learns from and shows.

    Attributes
    ----------
    clips : DataFrame
        ``clip, length`` and, where known, ``quadrant``.
    ratings : dict of (population, dimension) to Cube
    features : dict of str to ndarray of shape (clips, seconds, descriptors)
    names : dict of str to list of str
        The descriptors of each modality.
    evaluation_clips, evaluation : as clips and ratings of the crowd, by dimension
        The Eval set; None and empty if there is none.
    """

    clips: pd.DataFrame
    ratings: Mapping[tuple[str, str], Cube]
    features: Mapping[str, Floats]
    names: Mapping[str, Sequence[str]]
    evaluation_clips: pd.DataFrame | None
    evaluation: Mapping[str, Cube]

    @property
    def dimensions(self) -> list[str]:
        """Those that crowd and experts both rated."""
        return sorted({d for _, d in self.ratings if {("crowd", d), ("expert", d)} <= set(self.ratings)})


def feature_cube(features: pd.DataFrame, clips: pd.DataFrame, names: Sequence[str], seconds: int) -> Floats:
    """Descriptors of the last seconds of all clips; the mean where a second has several rows."""
    lengths = dict(zip(clips["clip"].astype(str), np.floor(clips["length"]).astype(int), strict=True))
    second = np.floor(features["time"].to_numpy(float)).astype(int)
    means = features.assign(time=second, clip=features["clip"].astype(str)).groupby(["clip", "time"])
    table = means[list(names)].mean()
    wanted = [(clip, n - seconds + k) for clip, n in lengths.items() for k in range(seconds)]
    found = table.reindex(pd.MultiIndex.from_tuples(wanted))
    missing = found.isna().any(axis=1)
    if missing.any():
        clip, time = found.index[int(np.argmax(missing))]
        raise ValueError(
            f"features: found no complete row of clip {clip!r} at {time} s; expected one a second"
        )
    return np.asarray(found.to_numpy(float).reshape(len(lengths), seconds, len(names)))


def p1_data(
    material: Material,
    profiles: pd.DataFrame | None = None,
    weights: Mapping[str, pd.DataFrame] | None = None,
) -> P1Data:
    """The arrays of P1, with the truth where it is known (`affect.simulate`)."""
    any_cube = next(iter(material.ratings.values()))
    seconds = any_cube.values.shape[1]
    truth = {}
    if profiles is not None:
        as_rater = profiles.assign(rater="truth", population="truth")
        truth = {
            d: cube(as_rater, material.clips, "truth", d, seconds).values[:, :, 0]
            for d in material.dimensions
        }
    known = {}
    for dimension, table in (weights or {}).items():
        for modality, names in material.names.items():
            known[dimension, modality] = table.loc[list(names), list(material.clips["clip"])].to_numpy().T
    return P1Data(
        features=material.features,
        crowd={d: material.ratings["crowd", d].median for d in material.dimensions},
        experts={d: material.ratings["expert", d].values for d in material.dimensions},
        truth=truth,
        weights=known,
    )


def p2_data(material: Material, dimension: str) -> P2Data:
    """The arrays of P2 for one dimension."""
    if material.evaluation_clips is None:
        raise ValueError("evaluation: found none; expected the ratings of an Eval set, which P2 is about")
    crowd, crowd_clips, crowd_raters = complete(material.ratings["crowd", dimension])
    expert, expert_clips, expert_raters = complete(material.ratings["expert", dimension])
    evaluation, evaluation_clips, _ = complete(material.evaluation[dimension])
    return P2Data(
        crowd,
        crowd_clips,
        crowd_raters,
        expert,
        expert_clips,
        expert_raters,
        evaluation,
        evaluation_clips,
        is_high_of(material.clips, dimension),
        is_high_of(material.evaluation_clips, dimension),
    )
