"""Norms of the entries, the rows and the columns of W.

All are absolute norms (or semi-norms where a weight is zero): their polars grow with every ``|G_dt|``, which
is what lets a certificate bound the effect of rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fista.penalties.interface import (
    TINY,
    Penalty,
    divided,
    entry_weights,
    largest_ratio,
    read_weight,
    read_weights,
)
from fista.penalties.tangent import Tangent

__all__ = ["L1", "ColumnL1Linf", "ColumnL21", "Frobenius", "RowL1Linf", "RowL21", "entries"]

Floats = NDArray[np.float64]


def entries(where: NDArray[np.bool_]) -> Floats:
    """The basis of the matrices that are zero but at some entries (D x T)."""
    rows, columns = np.nonzero(where)
    N = np.zeros((len(rows), *where.shape))
    N[np.arange(len(rows)), rows, columns] = 1.0
    return N


class L1(Penalty):
    """sum_dt alpha_dt |W_dt|, with one weight for all, one a task, a feature or an entry (adaptive lasso).

    Parameters
    ----------
    alpha : float or array of shape (T,), (D, 1) or (D, T)
        >= 0; what has a weight of 0 in an array is free.

    References
    ----------
    H. Zou, "The adaptive lasso and its oracle properties", JASA, 2006.
    """

    def __init__(self, alpha: float | Floats) -> None:
        self.alpha = read_weights("alpha", alpha, 2, "task, feature or entry")

    @property
    def separable(self) -> bool:  # type: ignore[override]
        return np.ndim(self.alpha) < 2

    def value(self, W: Floats) -> float:
        return float(self.task_values(W).sum())

    def task_values(self, W: Floats) -> Floats:
        if np.ndim(self.alpha) == 2:
            return np.asarray((self.l1_weights(W.shape) * np.abs(W)).sum(axis=0))
        if np.ndim(self.alpha):
            self.l1_weights(W.shape)  # is of that shape
        return np.asarray(self.alpha * np.abs(W).sum(axis=0))

    def l1_weights(self, shape: tuple[int, ...]) -> Floats:
        """Those of all entries; what has such a method is an l1 norm."""
        return entry_weights(self.alpha, shape)

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        threshold = np.asarray(step * self.alpha, dtype=V.dtype)
        return np.asarray(V - np.minimum(np.maximum(V, -threshold), threshold))

    def polar(self, G: Floats) -> float:
        return largest_ratio(np.abs(G), self.l1_weights(G.shape) if np.ndim(self.alpha) else self.alpha)

    def row_polars(self, G: Floats) -> Floats:
        return np.asarray(self.entry_polars(G).max(axis=1))

    def entry_polars(self, G: Floats) -> Floats:
        return np.asarray(np.abs(G) / self.l1_weights(G.shape))

    def on_tasks(self, tasks: NDArray[np.intp]) -> L1:
        return L1(np.asarray(self.alpha)[tasks]) if np.ndim(self.alpha) == 1 else self

    def tangent(self, W: Floats) -> Tangent:
        signs = np.sign(W)
        zero = np.zeros_like(W)
        return Tangent(
            W != 0,
            self.alpha * signs,
            lambda d: zero,
            zero,
            lambda V: np.where(V * signs > 0, V, 0.0),
        )

    def on_rows(self, rows: NDArray[Any]) -> L1:
        by_feature = np.ndim(self.alpha) == 2
        return L1(np.asarray(self.alpha)[rows]) if by_feature else self

    def null_space(self, n_features: int, n_tasks: int) -> Floats:
        shape = (n_features, n_tasks)
        return entries((self.l1_weights(shape) == 0) & (np.ndim(self.alpha) > 0))

    def task_polars(self, G: Floats) -> Floats:
        sizes = np.abs(G).max(axis=0)
        positive = np.greater(self.alpha, 0)
        quotients = sizes / np.where(positive, self.alpha, 1.0)
        return np.where(positive, quotients, np.where(sizes > 0, np.inf, 0.0))

    def unpenalised(self, n_tasks: int) -> NDArray[np.bool_]:
        weights = np.max(self.alpha, axis=0) if np.ndim(self.alpha) == 2 else self.alpha
        if np.size(weights) not in (1, n_tasks):
            raise ValueError(f"alpha: found weights for {np.size(weights)} tasks; expected {n_tasks}")
        return np.broadcast_to(np.equal(weights, 0), (n_tasks,))


class _GroupNorm(Penalty):
    """alpha * sum of a norm over the rows (or columns) of W."""

    def __init__(self, alpha: float) -> None:
        self.alpha = read_weight("alpha", alpha)

    def unpenalised(self, n_tasks: int) -> NDArray[np.bool_]:
        return np.full(n_tasks, self.alpha == 0)


class _WeightedGroups(Penalty):
    """Rows or columns, with one weight for all of them, or one each; weights of 0 in an array are free."""

    across: int  # 1 where the groups are rows, 0 where they are columns

    def __init__(self, alpha: float | Floats) -> None:
        self.alpha = read_weights("alpha", alpha, each=("column", "row")[self.across])

    def _weights(self, n_groups: int) -> Any:
        """A number, or an array that broadcasts along the groups."""
        if np.ndim(self.alpha) and np.size(self.alpha) != n_groups:
            kind = ("column", "row")[self.across]
            raise ValueError(f"alpha: found {np.size(self.alpha)}; expected {n_groups}, one a {kind}")
        return self.alpha

    def null_space(self, n_features: int, n_tasks: int) -> Floats:
        shape = (n_features, n_tasks)
        free = np.broadcast_to(self._weights(shape[1 - self.across]) == 0, shape[1 - self.across])
        free = free & (np.ndim(self.alpha) > 0)
        return entries(np.broadcast_to(np.expand_dims(free, self.across), shape))

    def unpenalised(self, n_tasks: int) -> NDArray[np.bool_]:
        zero = np.equal(self.alpha if self.across else self._weights(n_tasks), 0)
        return np.broadcast_to(zero.all() if self.across else zero, (n_tasks,))


class _L21(_WeightedGroups):
    squares: str  # sums of squares a group, as einsum has it

    def _norms(self, W: Floats) -> Floats:
        return np.asarray(np.sqrt(np.einsum(self.squares, W, W)))

    def value(self, W: Floats) -> float:
        return float((self._weights(W.shape[1 - self.across]) * self._norms(W)).sum())

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        threshold = float(step) * self._weights(V.shape[1 - self.across])
        shrink = 1.0 - threshold / np.maximum(self._norms(V), threshold + TINY)
        return np.asarray(V * (shrink[:, None] if self.across else shrink), dtype=V.dtype)

    def polar(self, G: Floats) -> float:
        return largest_ratio(self._norms(G), self._weights(G.shape[1 - self.across]))

    def tangent(self, W: Floats) -> Tangent:
        """Of alpha ||w|| the gradient is alpha u, the Hessian alpha / ||w|| (I - u u'), u = w / ||w||."""
        along = self.across
        norms = np.expand_dims(self._norms(W), along)
        free = np.broadcast_to(norms > 0, W.shape)
        weights = np.asarray(self._weights(W.shape[1 - along]))
        sizes = np.where(norms > 0, norms, 1.0)
        bend = np.where(norms > 0, np.expand_dims(weights, along) if weights.ndim else weights, 0.0) / sizes
        U = W / sizes
        return Tangent(
            free,
            bend * W,
            lambda d: bend * (d - U * (U * d).sum(axis=along, keepdims=True)),
            bend * (1.0 - U * U),
            lambda V: V,
        )


class RowL21(_L21):
    """sum_d alpha_d ||W_d.||_2: a feature is used by all tasks or by none.

    Parameters
    ----------
    alpha : float or (D,) array
        >= 0; rows that have a weight of 0 in an array are free.
    """

    squares, across = "dt,dt->d", 1

    def row_polars(self, G: Floats) -> Floats:
        return np.asarray(self._norms(G) / self._weights(len(G)))

    def on_rows(self, rows: NDArray[Any]) -> RowL21:
        return RowL21(np.asarray(self.alpha)[rows]) if np.ndim(self.alpha) else self


class ColumnL21(_L21):
    """sum_t alpha_t ||W_.t||_2: a task has coefficients or has none.

    Parameters
    ----------
    alpha : float or (T,) array
        >= 0; columns that have a weight of 0 in an array are free.
    """

    squares, across = "dt,dt->t", 0


def l1_levels(sizes: Floats, radius: float | Floats) -> Floats:
    """The z >= 0 with sum_t max(sizes_dt - z, 0) = radius of each row, D x 1, or 0 where that is less.

    With k entries above it the level is (sum of the k largest - radius) / k; the right k has the highest.
    """
    largest_sums = -np.cumsum(np.sort(-sizes, axis=1), axis=1)
    levels = (largest_sums - radius) / np.arange(1, sizes.shape[1] + 1, dtype=sizes.dtype)
    return np.asarray(np.maximum(levels.max(axis=1, keepdims=True), 0.0))


class RowL1Linf(_WeightedGroups):
    """sum_d alpha_d max_t |W_dt|, the l1/l-infinity norm of Jalali et al.

    Parameters
    ----------
    alpha : float or (D,) array
        >= 0; rows that have a weight of 0 in an array are free.
    """

    across = 1

    def value(self, W: Floats) -> float:
        return float((self._weights(len(W)) * np.abs(W).max(axis=1)).sum())

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        # Moreau: V less its projection on the rows of l1 norm <= step * alpha, which is V clipped.
        radius = np.expand_dims(step * np.asarray(self._weights(len(V)), dtype=V.dtype), -1)
        tau = l1_levels(np.abs(V), radius)
        return np.asarray(np.minimum(np.maximum(V, -tau), tau))

    def polar(self, G: Floats) -> float:
        return largest_ratio(np.abs(G).sum(axis=1), self._weights(len(G)))

    def row_polars(self, G: Floats) -> Floats:
        return np.asarray(np.abs(G).sum(axis=1) / self._weights(len(G)))

    def on_rows(self, rows: NDArray[Any]) -> RowL1Linf:
        return RowL1Linf(np.asarray(self.alpha)[rows]) if np.ndim(self.alpha) else self


class ColumnL1Linf(_WeightedGroups):
    """sum_t alpha_t max_d |W_dt|: what limits a task is its largest coefficient.

    Parameters
    ----------
    alpha : float or (T,) array
        >= 0; columns that have a weight of 0 in an array are free.
    """

    across = 0

    def value(self, W: Floats) -> float:
        return float((self._weights(W.shape[1]) * np.abs(W).max(axis=0)).sum())

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        rows = RowL1Linf(self._weights(V.shape[1]))
        return np.ascontiguousarray(rows.prox(np.ascontiguousarray(V.T), step).T)

    def polar(self, G: Floats) -> float:
        return largest_ratio(np.abs(G).sum(axis=0), self._weights(G.shape[1]))


class Frobenius(_GroupNorm):
    """alpha * ||W||_F, not squared: all of W is zero, or none of it need be."""

    def value(self, W: Floats) -> float:
        return float(self.alpha * np.linalg.norm(W))

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        threshold = float(step) * self.alpha
        return np.asarray(V * (1.0 - threshold / max(float(np.linalg.norm(V)), threshold, TINY)), V.dtype)

    def polar(self, G: Floats) -> float:
        return divided(float(np.linalg.norm(G)), self.alpha)
