"""Kendall's W, with its tests, and mean correlations, of one table of ratings.

References
----------
Kendall and Babington Smith, "The problem of m rankings", Ann. Math. Statist. 1939. Legendre, "Species
associations: the Kendall coefficient of concordance revisited", J. Agric. Biol. Environ. Stat. 2005.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

__all__ = ["Concordance", "kendall_w", "mean_correlation", "permutation_test"]

Floats = NDArray[np.float64]
MISSING = 0.2  # of the items that anybody rated: the paper's bound on lost data


@dataclass(frozen=True)
class Concordance:
    """Kendall's W of one table of ratings.

    Attributes
    ----------
    W : float
        Corrected for ties; NaN if there is none (`reason`).
    W_uncorrected : float
        As R's ``irr::kendall(correct = FALSE)``.
    raters, items : int
        That entered: m and n.
    mean_rank_correlation : float
        (m W - 1) / (m - 1). Without ties it is the mean of Spearman's rho over pairs of raters.
    chi2, chi2_p : float
        m (n - 1) W, on n - 1 degrees of freedom: Friedman's test.
    F, F_p : float
        (m - 1) W / (1 - W), on n - 1 - 2/m and (m - 1) times as many degrees of freedom.
    excluded : dict
        Raters who did not enter, and why.
    reason : str
        Why there is no W.

    Notes
    -----
    Both tests take items for exchangeable. Seconds of a clip are not: neighbours are alike, and the tests
    then reject too often. `permutation_test` with ``how="rotate"`` keeps neighbours together.
    """

    W: float
    W_uncorrected: float
    raters: int
    items: int
    mean_rank_correlation: float
    chi2: float
    chi2_p: float
    F: float
    F_p: float
    excluded: Mapping[object, str] = field(default_factory=dict)
    reason: str = ""


def kendall_w(ratings: ArrayLike | pd.DataFrame) -> Concordance:
    """Kendall's coefficient of concordance.

    With R_i the sum over raters of the rank of item i, ties at their mean rank, and T_j the sum of t^3 - t
    over the groups of t tied items of rater j,

        W = 12 sum_i (R_i - mean R)^2 / (m^2 (n^3 - n) - m sum_j T_j).

    Parameters
    ----------
    ratings : array-like of shape (items, raters)
        Or a DataFrame, whose columns then name raters. NaN is a missing rating.

    Returns
    -------
    Concordance
        Raters who rated nothing, who are constant (and so rank nothing) or miss over a fifth of what others
        rated are excluded, and named. Items that one of the rest did not rate are left out, as by R's
        ``na.omit``. Where many raters miss a little each, that could leave no item; so raters are left out as
        well, one after the other the one without whom most items are left, if the table of complete ratings
        that remains is the larger for it.

    Warns
    -----
    UserWarning
        Less than four fifths of the items that anybody rated are left.

    Examples
    --------
    Three raters of four items: the rank sums 4, 5, 10, 11 have mean 7.5, their squared deviations sum to 37,
    and 12 * 37 / (9 * 60) = 0.822.

    >>> round(kendall_w([[1, 2, 1], [2, 1, 2], [3, 4, 3], [4, 3, 4]]).W, 3)
    0.822
    """
    table = _ratings(ratings)
    values, excluded = _usable(table)
    n, m = values.shape
    nan = float("nan")
    if m < 2 or n < 2:
        reason = f"{m} raters of {n} items are left; at least 2 of 2 are needed"
        return Concordance(nan, nan, m, n, nan, nan, nan, nan, nan, excluded, reason)
    rated = int(table.notna().any(axis=1).sum())
    if n < (1 - MISSING) * rated:
        warnings.warn(
            f"W of {m} of {table.shape[1]} raters is of {n} of {rated} items: the others lack a rating",
            stacklevel=2,
        )
    ranks, ties = _ranks(values)
    S = _spread(ranks.sum(axis=1))
    most = m**2 * (n**3 - n)
    W, plain = 12 * S / (most - m * ties), 12 * S / most
    chi2 = m * (n - 1) * W
    # All that enters W is exact, so that it is 1 if and only if all rank alike.
    F = (m - 1) * W / (1 - W) if W < 1 else float("inf")
    df = n - 1 - 2 / m
    return Concordance(
        W=W,
        W_uncorrected=plain,
        raters=m,
        items=n,
        mean_rank_correlation=(m * W - 1) / (m - 1),
        chi2=chi2,
        chi2_p=float(stats.chi2.sf(chi2, n - 1)),
        F=F,
        F_p=float(stats.f.sf(F, df, (m - 1) * df)) if df > 0 else nan,
        excluded=excluded,
    )


def permutation_test(
    ratings: ArrayLike | pd.DataFrame,
    *,
    how: Literal["shuffle", "rotate"] = "shuffle",
    permutations: int = 999,
    seed: int | None = 0,
) -> float:
    """Share of permutations, the given order among them, in which W is at least as large.

    Parameters
    ----------
    ratings : array-like of shape (items, raters)
        As of `kendall_w`, which is what is tested.
    how : {"shuffle", "rotate"}, default "shuffle"
        "shuffle" puts each rater's items in random order: Legendre's test, of exchangeable items. "rotate"
        shifts each rater's by a random number, and what falls out at the end comes in at the start: for
        series, whose neighbours stay together.
    permutations : int, default 999
    seed : int, optional

    Returns
    -------
    float
        The p-value; NaN where there is no W.

    Examples
    --------
    >>> permutation_test(np.arange(20)[:, None] * [1, 2, 3])
    0.001
    """
    if how not in ("shuffle", "rotate"):
        raise ValueError(f"how: found {how!r}; expected 'shuffle' or 'rotate'")
    if permutations < 1:
        raise ValueError(f"permutations: found {permutations!r}; expected a whole number >= 1")
    kept, _ = _usable(_ratings(ratings))
    n, m = kept.shape
    if m < 2 or n < 2:
        return float("nan")
    ranks, _ = _ranks(kept)
    rng = np.random.default_rng(seed)
    observed = _spread(ranks.sum(axis=1))  # W but for a factor that no permutation changes
    items, raters = np.arange(n)[:, None], np.arange(m)
    count = 1
    for _ in range(permutations):
        if how == "shuffle":
            permuted = rng.permuted(ranks, axis=0)
        else:
            permuted = ranks[(items + rng.integers(n, size=m)) % n, raters]
        count += _spread(permuted.sum(axis=1)) >= observed
    return count / (permutations + 1)


def mean_correlation(ratings: ArrayLike | pd.DataFrame) -> float:
    """Mean of Pearson's r over pairs of raters, over the items that both rated.

    Pairs without one (a constant rater, fewer than two items) are left out; NaN if none is left.

    Examples
    --------
    >>> round(mean_correlation([[1, 2, 3], [2, 4, 2], [3, 6, 1]]), 3)
    -0.333
    """
    r = _ratings(ratings).corr(min_periods=2).to_numpy()
    pairs = r[np.tril_indices(len(r), k=-1)]
    return float(np.nanmean(pairs)) if np.isfinite(pairs).any() else float("nan")


def _ratings(ratings: Any) -> pd.DataFrame:
    table = ratings if isinstance(ratings, pd.DataFrame) else pd.DataFrame(np.asarray(ratings, dtype=float))
    values = table.astype(float)
    if np.isinf(values.to_numpy()).any():
        raise ValueError("ratings: found an infinite value; expected numbers, NaN where missing")
    return values


def _usable(table: pd.DataFrame) -> tuple[Floats, dict[object, str]]:
    """Complete items of raters who rank something, and why others do not enter."""
    values = table.to_numpy()
    values = values[~np.isnan(values).all(axis=1)]
    missing, constant = np.isnan(values).sum(axis=0), _constant(values)
    excluded: dict[object, str] = {}
    for k, rater in enumerate(table):
        if missing[k] == len(values):
            excluded[rater] = "missing"
        elif missing[k] > MISSING * len(values):
            excluded[rater] = f"misses {missing[k]} of {len(values)}"
        elif constant[k]:
            excluded[rater] = "constant"
    raters = [k for k, rater in enumerate(table) if rater not in excluded]
    costly = _costly(np.isnan(values[:, raters]))
    excluded.update({table.columns[raters[k]]: "gaps cost more than the ratings add" for k in costly})
    raters = [rater for k, rater in enumerate(raters) if k not in costly]
    kept = values[:, raters]
    kept = kept[~np.isnan(kept).any(axis=1)]
    # Constant over what is left, though not over all.
    if len(kept):
        still = _constant(kept)
        excluded.update({table.columns[raters[k]]: "constant where all rated" for k in np.flatnonzero(still)})
        kept = kept[:, ~still]
    return kept, excluded


def _costly(missing: NDArray[np.bool_]) -> set[int]:
    """Raters (columns) without whom complete items times raters is largest, found one after the other."""
    gaps = missing.sum(axis=1)
    left = list(range(missing.shape[1]))
    out: list[int] = []
    best, number = int((gaps == 0).sum()) * len(left), 0
    while len(left) > 2 and gaps.any():
        # Items that become complete, and next to that gaps that go, so that two together may complete one.
        k = max(left, key=lambda k: ((missing[:, k] & (gaps == 1)).sum(), missing[:, k].sum(), k))
        left.remove(k)
        out.append(k)
        gaps = gaps - missing[:, k]
        if (size := int((gaps == 0).sum()) * len(left)) > best:
            best, number = size, len(out)
    return set(out[:number])


def _constant(values: Floats) -> NDArray[np.bool_]:
    known = ~np.isnan(values)
    low = np.where(known, values, np.inf).min(axis=0, initial=np.inf)
    return np.asarray(low >= np.where(known, values, -np.inf).max(axis=0, initial=-np.inf))


def _ranks(values: Floats) -> tuple[Floats, float]:
    """Ranks of each column, ties at their mean, and the sum of t^3 - t over all groups of ties."""
    ranks = np.asarray(stats.rankdata(values, axis=0))
    counts = [np.unique(column, return_counts=True)[1].astype(float) for column in values.T]
    return ranks, float(sum((t**3 - t).sum() for t in counts))


def _spread(sums: Floats) -> float:
    """Squared deviations of rank sums from their mean; exact, as all of them are multiples of 1/2 and 1/4."""
    return float(((sums - sums.sum() / len(sums)) ** 2).sum())
