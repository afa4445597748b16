"""Agreement clip by clip, whole and in halves, and its mean and deviation over clips: Tables 3 and 4."""

from __future__ import annotations

import numpy as np
import pandas as pd

from affect.agreement.concordance import kendall_w, mean_correlation, permutation_test
from affect.annotations.fusion import correlation
from affect.annotations.seconds import matrices, matrix
from affect.annotations.tables import Annotations

__all__ = ["PARTS", "agreement", "between", "levels", "summary"]

PARTS = ("full", "1st", "2nd")


def agreement(annotations: Annotations, *, permutations: int = 0) -> pd.DataFrame:
    """Agreement on every clip, as a whole and in halves.

    Parameters
    ----------
    annotations : Annotations
        At any rate; they are resampled to 1 Hz.
    permutations : int, default 0
        Of `permutation_test` by rotation, for ``rotation_p``, which is NaN without.

    Returns
    -------
    DataFrame
        ``population, dimension, clip, quadrant, part``, the latter "full", "1st" or "2nd" (half); ``W``,
        ``mean_rank_correlation``, ``pearson``, ``raters``, ``seconds``, ``of_seconds``, ``chi2_p``, ``F_p``,
        ``rotation_p``; and ``excluded``: who did not enter and why, or why there is no W.

    Examples
    --------
    >>> columns = ["clip", "rater", "population", "dimension", "time", "value"]
    >>> rows = [["a", r, "crowd", "valence", t, k * t / 9] for k, r in enumerate("xyz") for t in range(9)]
    >>> agreement(Annotations(pd.DataFrame(rows, columns=columns)))[["part", "W", "raters", "excluded"]]
       part    W  raters     excluded
    0  full  1.0       2  x: constant
    1   1st  1.0       2  x: constant
    2   2nd  1.0       2  x: constant
    """
    clips = annotations.clips
    quadrants = dict(zip(clips["clip"], clips["quadrant"], strict=True)) if "quadrant" in clips else {}
    rows = []
    for (population, dimension, clip), ratings in matrices(annotations):
        middle = len(ratings) // 2
        for part, seconds in zip(PARTS, (ratings, ratings[:middle], ratings[middle:]), strict=True):
            of = kendall_w(seconds)
            excluded = [f"{rater}: {why}" for rater, why in of.excluded.items()]
            rows.append(
                {
                    "population": population,
                    "dimension": dimension,
                    "clip": clip,
                    "quadrant": quadrants.get(clip, ""),
                    "part": part,
                    "W": of.W,
                    "mean_rank_correlation": of.mean_rank_correlation,
                    "pearson": mean_correlation(seconds),
                    "raters": of.raters,
                    "seconds": of.items,
                    "of_seconds": len(seconds),
                    "chi2_p": of.chi2_p,
                    "F_p": of.F_p,
                    "rotation_p": permutation_test(seconds, how="rotate", permutations=permutations)
                    if permutations
                    else float("nan"),
                    "excluded": "; ".join([*excluded, *([of.reason] if of.reason else [])]),
                }
            )
    return pd.DataFrame(rows)


def between(annotations: Annotations) -> pd.DataFrame:
    """Pearson correlations of crowd with experts, on every clip and dimension that both rated.

    Returns
    -------
    DataFrame
        ``dimension, clip, pairs, medians``: the mean over pairs of one of the crowd and one expert, and the
        correlation of the two medians.
    """
    rows = []
    for (dimension, clip), traces in annotations.traces.groupby(["dimension", "clip"], sort=False):
        if traces["population"].nunique() < 2:
            continue
        crowd, expert = (
            matrix(annotations, clip, population, dimension) for population in ("crowd", "expert")
        )
        of_all = pd.concat([crowd, expert], axis=1).corr(min_periods=2).to_numpy()
        pairs = of_all[: crowd.shape[1], crowd.shape[1] :]
        mean = float(np.nanmean(pairs)) if np.isfinite(pairs).any() else float("nan")
        medians = correlation(crowd.median(axis=1).to_numpy(), expert.median(axis=1).to_numpy())
        rows.append((dimension, clip, mean, medians))
    return pd.DataFrame(rows, columns=["dimension", "clip", "pairs", "medians"])


def summary(table: pd.DataFrame, value: str = "W") -> pd.DataFrame:
    """Mean and standard deviation over clips, as in Tables 3 and 4.

    Parameters
    ----------
    table : DataFrame
        From `agreement`.
    value : str, default "W"
        Or ``"mean_rank_correlation"``, ``"pearson"``.

    Returns
    -------
    DataFrame
        ``dimension, population, level, part, mean, sd, clips``: the level is "All", and, where quadrants are
        known, "HA" and "LA" (arousal) or "HV" and "LV" (valence). The standard deviation divides by clips - 1
        and is NaN of one clip; clips without the value do not count.
    """
    if value not in table:
        raise ValueError(f"value: found {value!r}; expected a column among {list(table.columns)}")
    of_clip = levels(table)
    named = pd.concat([table.assign(level="All"), table[of_clip != ""].assign(level=of_clip)])
    keys = ["dimension", "population", "level", "part"]
    result = named.groupby(keys)[value].agg(["mean", "std", "count"]).reset_index()
    result = result.rename(columns={"std": "sd", "count": "clips"})
    order = {name: k for k, name in enumerate(("expert", "crowd", "All", "HA", "LA", "HV", "LV", *PARTS))}
    return result.sort_values(
        keys, key=lambda column: column.map(order).fillna(-1) if column.name != "dimension" else column
    ).reset_index(drop=True)


def levels(table: pd.DataFrame) -> pd.Series:
    """HA, LA, HV or LV of each row; empty where the quadrant is not known."""
    quadrants = table["quadrant"].astype(str)
    return quadrants.str[:2].where(table["dimension"] == "arousal", quadrants.str[2:])
