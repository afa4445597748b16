"""From tidy tables to the arrays of problems P1 and P2: the same last seconds of every clip.

A second's rating is the mean of the samples in it and of nothing else, so that holding out a second holds out
all that is known of it. Seconds are those of `affect.annotations.seconds.second_of`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from affect.agreement.clips import levels
from affect.annotations.seconds import second_of
from affect.problems import P1Data, P2Data, median

__all__ = [
    "Cube",
    "Material",
    "complete",
    "cube",
    "feature_cube",
    "is_high_of",
    "labelled",
    "no_p2",
    "p1_data",
    "p2_data",
]

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
    wanted = (traces["population"] == population) & (traces["dimension"] == dimension)
    chosen = _last_seconds(traces[wanted & traces["value"].notna()], clips, seconds)
    names = np.asarray(clips["clip"], dtype=str)
    raters = np.unique(np.asarray(traces.loc[wanted & traces["clip"].isin(names), "rater"], dtype=str))
    means = (
        chosen.assign(rater=chosen["rater"].astype(str)).groupby(["clip", "time", "rater"])["value"].mean()
    )
    every = pd.MultiIndex.from_product([names, range(seconds), raters])
    return Cube(means.reindex(every).to_numpy(float).reshape(len(names), seconds, len(raters)), names, raters)


def _last_seconds(table: pd.DataFrame, clips: pd.DataFrame, seconds: int) -> pd.DataFrame:
    """Rows of the last seconds of these clips, ``time`` being whole seconds since the first of them."""
    start = dict(zip(clips["clip"].astype(str), second_of(clips["length"]) - seconds, strict=True))
    short = [clip for clip, first in start.items() if first < 0]
    if short:
        raise ValueError(
            f"clips: found {str(short[0])!r} of less than {seconds} s; expected at least as many"
        )
    clip = table["clip"].astype(str)
    table = table.assign(clip=clip)[clip.isin(list(start))]
    time = second_of(table["time"]) - table["clip"].map(start).astype(int)
    return table.assign(time=time)[(time >= 0) & (time < seconds)]


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


def labelled(clips: pd.DataFrame | None) -> bool:
    """Whether the quadrant of every clip is known."""
    return clips is not None and "quadrant" in clips and bool((clips["quadrant"].fillna("") != "").all())


def is_high_of(clips: pd.DataFrame, dimension: str) -> NDArray[np.bool_]:
    """The static label of each clip, from its quadrant such as HALV.

    Raises
    ------
    ValueError
        The quadrant of a clip is not known (see `labelled`).
    """
    if not labelled(clips):
        raise ValueError("clips, column 'quadrant': found none, or an empty one; expected that of every clip")
    of_clip = levels(clips[["clip", "quadrant"]].assign(dimension=dimension))
    return np.asarray(of_clip.str.startswith("H"), dtype=bool)


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
    means = _last_seconds(features, clips, seconds).groupby(["clip", "time"])[list(names)].mean()
    start = second_of(clips["length"]) - seconds
    found = means.reindex(pd.MultiIndex.from_product([clips["clip"].astype(str), range(seconds)]))
    missing = found.isna().any(axis=1).to_numpy()
    if missing.any():
        t, second = divmod(int(np.argmax(missing)), seconds)
        where = f"clip {str(clips['clip'].iloc[t])!r} at {start[t] + second} s"
        raise ValueError(f"features: found no complete row of {where}; expected one a second")
    return np.asarray(found.to_numpy(float).reshape(len(clips), seconds, len(names)))


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


def no_p2(material: Material, dimension: str) -> str:
    """Why there is no P2 for one dimension; empty if there is."""
    if material.evaluation_clips is None:
        return "there are no ratings of an Eval set, which P2 is about"
    for name, clips in (("Val", material.clips), ("Eval", material.evaluation_clips)):
        if not labelled(clips):
            return f"the quadrant of some clip of {name} is not known"
    if dimension not in material.evaluation:
        return "nobody rated it in Eval"
    for name, ratings, least in (
        ("the crowd", material.ratings["crowd", dimension], 2),
        ("the experts", material.ratings["expert", dimension], 1),
        ("Eval", material.evaluation[dimension], 1),
    ):
        found = len(np.unique(complete(ratings)[2]))
        if found < least:
            return f"{found} of the raters of {name} have a complete annotation; at least {least} must"
    return ""


def p2_data(material: Material, dimension: str) -> P2Data:
    """The arrays of P2 for one dimension.

    Raises
    ------
    ValueError
        There is no P2, for the reason that `no_p2` gives.
    """
    reason = no_p2(material, dimension)
    if reason or material.evaluation_clips is None:
        raise ValueError(f"evaluation: found no P2 for {dimension}: {reason}; expected the data of both sets")
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
