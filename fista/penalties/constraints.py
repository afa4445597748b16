"""Constraints, as penalties that are 0 where they hold and inf elsewhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fista.penalties.interface import Penalty, entry_weights, read_number, read_weight, read_weights

__all__ = ["Box", "CappedRows", "NonNegativeL1", "Simplex"]

Floats = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)


class NonNegativeL1(Penalty):
    """sum alpha_dt W_dt for W >= 0, else inf; alpha = 0 leaves the constraint alone.

    alpha is a number, or an array of shape (T,), (D, 1) or (D, T). The polar is the largest
    ``max(G_dt, 0) / alpha_dt``. Where alpha = 0 that is inf but for G <= 0, which rounding does not
    keep: certificates then take a ridge.
    """

    symmetric = False

    def __init__(self, alpha: float | Floats = 1.0) -> None:
        self.alpha = read_weights("alpha", alpha, 2, "task, feature or entry")

    def value(self, W: Floats) -> float:
        return float((entry_weights(self.alpha, W.shape) * W).sum()) if W.min(initial=0.0) >= 0 else np.inf

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        return np.asarray(np.maximum(V - step * self.alpha, 0), dtype=V.dtype)

    def polar(self, G: Floats) -> float:
        # A weight of 0 leaves a half-line free, which is no null space.
        sizes, positive = np.maximum(G, 0.0), np.greater(self.alpha, 0)
        quotients = sizes / np.where(positive, self.alpha, 1.0)
        return float(np.where(positive, quotients, np.where(sizes > 0, np.inf, 0.0)).max(initial=0.0))


class Box(Penalty):
    """0 where low <= W_dt <= high, else inf; low <= 0 <= high.

    Its conjugate is ``sum max(low G_dt, high G_dt)``.
    """

    def __init__(self, low: float = 0.0, high: float = 1.0) -> None:
        self.low, self.high = read_number("low", low), read_number("high", high)
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low <= 0 <= self.high):
            raise ValueError(f"low, high: found {low!r}, {high!r}; expected finite numbers, low <= 0 <= high")

    def value(self, W: Floats) -> float:
        return 0.0 if np.all((self.low <= W) & (self.high >= W)) else np.inf

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        return np.asarray(np.clip(V, self.low, self.high), dtype=V.dtype)

    def conjugate(self, G: Floats, E: Floats) -> float:
        most = np.maximum(self.low * G, self.high * G) + max(-self.low, self.high) * E
        return float(most.sum())


class CappedRows(Penalty):
    """0 where ||W_d.||_2 <= radius in every row, else inf: no feature weighs more than that.

    Its conjugate is ``radius sum_d ||G_d.||_2``.
    """

    def __init__(self, radius: float) -> None:
        self.radius = read_weight("radius", radius)

    def value(self, W: Floats) -> float:
        # The rows of a prox may be longer by the rounding of a norm.
        return 0.0 if np.all(np.linalg.norm(W, axis=1) <= self.radius * (1 + 4 * W.size * EPS)) else np.inf

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        norms = np.linalg.norm(V, axis=1, keepdims=True)
        return np.asarray(V * np.minimum(1.0, self.radius / np.maximum(norms, EPS * self.radius)), V.dtype)

    def conjugate(self, G: Floats, E: Floats) -> float:
        return float(self.radius * np.linalg.norm(np.abs(G) + E, axis=1).sum())


class Simplex(Penalty):
    """0 where every task's coefficients are >= 0 and sum to the total, else inf.

    Its conjugate is ``total sum_t max_d G_dt``.
    """

    def __init__(self, total: float = 1.0) -> None:
        self.total = read_weight("total", total)

    def value(self, W: Floats) -> float:
        off = np.abs(W.sum(axis=0) - self.total)  # of a prox: the rounding of a sum
        holds = W.min(initial=0.0) >= 0 and np.all(off <= 4 * W.size * EPS * max(self.total, np.abs(W).max()))
        return 0.0 if holds else np.inf

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        # W = max(V - tau, 0); with k entries above it the level is (sum of the k largest - total) / k, and
        # the right k has the highest.
        ranked = -np.sort(-V, axis=0)
        counts = np.arange(1, len(V) + 1, dtype=V.dtype)[:, None]
        levels = (np.cumsum(ranked, axis=0) - V.dtype.type(self.total)) / counts
        return np.asarray(np.maximum(V - levels.max(axis=0), 0), dtype=V.dtype)

    def conjugate(self, G: Floats, E: Floats) -> float:
        return float(self.total * (G + E).max(axis=0).sum())
