"""Sparsity penalties, each with the same four parts: parameters, value, prox and polar.

With a step s, ``prox(V, s) = argmin_W 1/2 ||W - V||_F^2 + s Omega(W)``, and with weights included
``polar(G) = sup {<G, W> : Omega(W) <= 1}``, so that Omega is the support function of ``{polar <= 1}``: this
set is where a dual point must lie. All are absolute norms (or semi-norms where a weight is zero): their
polars grow with every ``|G_dt|``, which is what lets a certificate bound the effect of rounding.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["L1", "ColumnL21", "InfimalConvolution", "Penalty", "RowL1Linf", "RowL21"]

Floats = NDArray[np.float64]
TINY = float(np.finfo(np.float64).tiny)  # so that 0 / 0 does not arise


class Penalty(Protocol):
    """What the solver and the certificate ask of a penalty on coefficients of shape D x T."""

    @property
    def n_parts(self) -> int:
        """1, or the number K of summands of W: coefficients are then K x D x T."""

    @property
    def separable(self) -> bool:
        """Whether the penalty is a sum over tasks; it then has `task_values` and `task_polars`."""

    def value(self, W: Floats) -> float:
        """Omega(W)."""

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        """The minimiser of 1/2 ||W - V||_F^2 + step * Omega(W)."""

    def polar(self, G: Floats) -> float:
        """The largest <G, W> over Omega(W) <= 1; G is D x T."""

    def unpenalised(self, n_tasks: int) -> NDArray[np.bool_]:
        """For each task, whether Omega leaves its coefficients free."""


def _over(size: float, weight: float) -> float:
    """Divide for the polar of a weighted norm: 0/0 = 0 and x/0 = inf."""
    if size == 0:
        return 0.0
    return float(size / weight) if weight > 0 else np.inf


class L1:
    """sum_t alpha_t sum_d |W_dt|.

    Parameters
    ----------
    alpha : float or (T,) array
        One weight for all tasks, or one a task; >= 0.
    """

    n_parts = 1
    separable = True

    def __init__(self, alpha: float | Floats) -> None:
        self.alpha = _weight("alpha", alpha)

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


class _GroupNorm:
    """alpha * sum of a norm over the rows (or columns) of W."""

    n_parts = 1
    separable = False

    def __init__(self, alpha: float) -> None:
        self.alpha = _scalar_weight("alpha", alpha)

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
        return _over(self._norms(G).max(), self.alpha)


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
        return _over(np.abs(G).sum(axis=1).max(), self.alpha)


class InfimalConvolution:
    """inf {Omega_1(P) + Omega_2(Q) : P + Q = W}, minimised over the parts themselves.

    Its coefficients are the stacked parts, 2 x D x T; the polar is the larger of the two polars.
    """

    separable = False

    def __init__(self, *penalties: Penalty) -> None:
        self.penalties = penalties
        self.n_parts = len(penalties)

    def value(self, W: Floats) -> float:
        return sum(penalty.value(part) for penalty, part in zip(self.penalties, W, strict=True))

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        W = np.empty_like(V)
        for k, penalty in enumerate(self.penalties):
            W[k] = penalty.prox(V[k], step)
        return W

    def polar(self, G: Floats) -> float:
        return max(penalty.polar(G) for penalty in self.penalties)

    def unpenalised(self, n_tasks: int) -> NDArray[np.bool_]:
        free: NDArray[np.bool_] = np.any([p.unpenalised(n_tasks) for p in self.penalties], axis=0)
        return free


def _weight(name: str, value: float | Floats) -> float | Floats:
    weight = np.asarray(value, dtype=np.float64)
    if weight.ndim > 1 or not np.all(np.isfinite(weight)) or np.any(weight < 0):
        raise ValueError(f"{name}: found {value!r}; expected a finite weight >= 0, or one a task")
    return float(weight) if weight.ndim == 0 else weight


def _scalar_weight(name: str, value: float) -> float:
    weight = _weight(name, value)
    if not isinstance(weight, float):
        raise ValueError(f"{name}: found an array of shape {weight.shape}; expected one number")
    return weight
