"""Norms of the entries, the rows and the columns of W.

All are absolute norms (or semi-norms where a weight is zero): their polars grow with every ``|G_dt|``, which
is what lets a certificate bound the effect of rounding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fista.penalties.interface import TINY, Penalty, divided, read_weight, read_weights

__all__ = ["L1", "ColumnL1Linf", "ColumnL21", "Frobenius", "RowL1Linf", "RowL21"]

Floats = NDArray[np.float64]


class L1(Penalty):
    """sum_t alpha_t sum_d |W_dt|.

    Parameters
    ----------
    alpha : float or (T,) array
        One weight for all tasks, or one a task; >= 0.
    """

    separable = True

    def __init__(self, alpha: float | Floats) -> None:
        self.alpha = read_weights("alpha", alpha)

    def value(self, W: Floats) -> float:
        return float(self.task_values(W).sum())

    def task_values(self, W: Floats) -> Floats:
        return np.asarray(self.alpha * np.abs(W).sum(axis=0))

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        threshold = np.asarray(step * self.alpha, dtype=V.dtype)
        return np.asarray(V - np.minimum(np.maximum(V, -threshold), threshold))

    def polar(self, G: Floats) -> float:
        return float(self.task_polars(G).max())

    def task_polars(self, G: Floats) -> Floats:
        sizes = np.abs(G).max(axis=0)
        positive = np.greater(self.alpha, 0)
        quotients = sizes / np.where(positive, self.alpha, 1.0)
        return np.where(positive, quotients, np.where(sizes > 0, np.inf, 0.0))

    def unpenalised(self, n_tasks: int) -> NDArray[np.bool_]:
        return np.broadcast_to(np.equal(self.alpha, 0), (n_tasks,))


class _GroupNorm(Penalty):
    """alpha * sum of a norm over the rows (or columns) of W."""

    def __init__(self, alpha: float) -> None:
        self.alpha = read_weight("alpha", alpha)

    def unpenalised(self, n_tasks: int) -> NDArray[np.bool_]:
        return np.full(n_tasks, self.alpha == 0)


class _L21(_GroupNorm):
    squares: str  # sums of squares a group, as einsum has it

    def _norms(self, W: Floats) -> Floats:
        return np.asarray(np.sqrt(np.einsum(self.squares, W, W)))

    def value(self, W: Floats) -> float:
        return float(self.alpha * self._norms(W).sum())

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        threshold = float(step) * self.alpha
        shrink = 1.0 - threshold / np.maximum(self._norms(V), max(threshold, TINY))
        return V * (shrink[:, None] if self.squares == "dt,dt->d" else shrink)

    def polar(self, G: Floats) -> float:
        return divided(self._norms(G).max(), self.alpha)


class RowL21(_L21):
    """alpha * sum_d ||W_d.||_2: a feature is used by all tasks or by none."""

    squares = "dt,dt->d"


class ColumnL21(_L21):
    """alpha * sum_t ||W_.t||_2: a task has coefficients or has none."""

    squares = "dt,dt->t"


class RowL1Linf(_GroupNorm):
    """alpha * sum_d max_t |W_dt|, the l1/l-infinity norm of Jalali et al."""

    def value(self, W: Floats) -> float:
        return float(self.alpha * np.abs(W).max(axis=1).sum())

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        # Moreau: V minus its projection on the l1 ball of that radius, which is V clipped at the level tau
        # that takes exactly `radius` of l1 norm off the row (0 if the row has no more than that). With k
        # entries above it the level is (sum of the k largest - radius) / k; the right k has the highest.
        radius = step * self.alpha
        largest_sums = -np.cumsum(np.sort(-np.abs(V), axis=1), axis=1)
        levels = (largest_sums - radius) / np.arange(1, V.shape[1] + 1, dtype=V.dtype)
        tau = np.maximum(levels.max(axis=1, keepdims=True), 0.0)
        return np.asarray(np.minimum(np.maximum(V, -tau), tau))

    def polar(self, G: Floats) -> float:
        return divided(np.abs(G).sum(axis=1).max(), self.alpha)


class ColumnL1Linf(_GroupNorm):
    """alpha * sum_t max_d |W_dt|: what limits a task is its largest coefficient."""

    def value(self, W: Floats) -> float:
        return float(self.alpha * np.abs(W).max(axis=0).sum())

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        return np.ascontiguousarray(RowL1Linf(self.alpha).prox(np.ascontiguousarray(V.T), step).T)

    def polar(self, G: Floats) -> float:
        return divided(np.abs(G).sum(axis=0).max(), self.alpha)


class Frobenius(_GroupNorm):
    """alpha * ||W||_F, not squared: all of W is zero, or none of it need be."""

    def value(self, W: Floats) -> float:
        return float(self.alpha * np.linalg.norm(W))

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        threshold = float(step) * self.alpha
        return np.asarray(V * (1.0 - threshold / max(float(np.linalg.norm(V)), threshold, TINY)), V.dtype)

    def polar(self, G: Floats) -> float:
        return divided(float(np.linalg.norm(G)), self.alpha)
