"""Wide problems: solved on few features at a time, and certified on all of them.

Where the polar of a penalty is the largest of the polars of its rows, W_d = 0 is optimal for every feature d
whose row of G = M'r has a polar below 1. So the problem is solved on a working set of features, those in use
and those whose polar is largest, from its small Gram matrix; then one gradient over all features says how far
that is from the whole, and which features were missing (Massias, Gramfort and Salmon, 2018).

Without a ridge, features can also be discarded for good (Ndiaye, Fercoq, Gramfort and Salmon, 2017): the dual
objective is 1-strongly concave, so the best dual point is within R = sqrt(2 gap) of s r, and

    polar_d(s G) + polar_d(R ||M_.d||) < 1

implies that W_d = 0 in every solution. Neither touches the certificate: the last one is of all features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fista.certificate import row_polars, seems_solved
from fista.losses import OperatorLoss
from fista.problem import Problem

__all__ = ["Inner", "applicable", "first_size", "next_aim", "solve"]

Floats = NDArray[np.float64]
FIRST = 64  # features of the first working set, at least
LEFT = (0.1, 0.03)  # of the gap over all features, what is left open on a working set: at first, and later

Inner = Callable[[Problem, Floats, float, int], Any]


def applicable(problem: Problem) -> bool:
    """Whether the features of a problem are penalised one by one, all of them, and worth selecting."""
    wide = isinstance(problem.loss, OperatorLoss) and problem.loss.shape[0] > 4 * FIRST
    rows = hasattr(problem.penalty, "row_polars") and hasattr(problem.penalty, "on_rows")
    return wide and rows and not problem.free.any() and not len(problem.null_basis)


def solve(problem: Problem, start: Floats, tol: float, max_iter: int, inner: Inner) -> tuple[Floats, int]:
    """Return coefficients that seem solved to tol, and the iterations of ``inner`` on all working sets.

    ``inner(problem, start, tol, max_iter)`` solves a problem on few features.
    """
    D = problem.loss.shape[0]
    kept = np.arange(D)  # the features of `current`
    current, W, size, last, aim, n_iter = problem, start, 0, np.inf, 0.0, 0
    polars = problem.penalty.row_polars(problem.descent_at_zero())  # type: ignore[attr-defined]
    least = 0 if W.any() else first_size(polars)
    while True:
        image = current.image(W) if W.any() else np.zeros(current.loss.shape)
        if n_iter >= max_iter - 1 or seems_solved(current, W, image, n_iter, tol):
            return _embedded(W, kept, D), n_iter
        polars, most, relative_gap = row_polars(current, W, image)
        needed = (most >= 1) | _used(W)
        if 2 * needed.sum() < len(kept):
            current, W = current.on_rows(needed), W[..., needed, :]
            kept, polars = kept[needed], polars[needed]
        used = _used(W)
        # Twice as many where the last ones were all taken up or did not help; else hardly more than are used.
        grows = used.sum() > 0.8 * size or relative_gap > 0.5 * last
        size, last = max(int(1.25 * used.sum()) + FIRST, 2 * size if grows else 0, least), relative_gap
        least = 0
        size = size if 4 * size < 3 * len(kept) else len(kept)  # else selecting costs more than it saves
        rows = np.sort(np.argsort(np.where(used, np.inf, polars))[len(kept) - size :])
        aim = next_aim(relative_gap, aim, tol)
        state = inner(current.on_rows(rows), W[..., rows, :], aim, max_iter - n_iter - 1)
        n_iter += state.n_iter
        W = _embedded(state.W, rows, len(kept))


def first_size(polars: Floats) -> Any:
    """Of a working set before anything is in use, by the polars at zero; along the first axis.

    As many as would be in use were the columns orthogonal; not most of them, of which more is known later.
    """
    return np.minimum(np.count_nonzero(polars > 1, axis=0), len(polars) // 32)


def next_aim(gap: float, aim: float, tol: float) -> float:
    """The gap to solve the next working set to: further, if the gap over all features is what was aimed at.

    Then the last working set had all that is needed. Otherwise what it lacked is worth more than a solution.
    """
    early, late = LEFT
    return max((late if gap <= aim else early) * gap, 0.5 * tol)


def _used(W: Floats) -> NDArray[np.bool_]:
    return np.asarray(np.any(W.reshape(-1, *W.shape[-2:]) != 0, axis=(0, 2)))


def _embedded(W: Floats, rows: NDArray[np.intp], n_features: int) -> Floats:
    """W with zeros in all other rows."""
    whole = np.zeros((*W.shape[:-2], n_features, W.shape[-1]))
    whole[..., rows, :] = W
    return whole
