"""The norm of the dirty model: what P and Q cost at least, given W = P + Q."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fista.penalties.interface import Penalty
from fista.penalties.norms import l1_levels
from fista.penalties.tangent import Tangent

__all__ = ["DirtyNorm"]

Floats = NDArray[np.float64]
TIED = 1e-9  # relative: how near to its level an entry is taken to be tied to it


class DirtyNorm(Penalty):
    """min over P + Q = W of rho1 sum_d max_t |P_dt| + rho2 sum_dt |Q_dt|.

    Row by row P is W clipped at a level, and Q the rest. A lower level saves rho1 and costs rho2 for each
    entry above it, so the best is the k-th largest ``|W_dt|``, k = ceil(rho1 / rho2), or 0 if T < k.

    The sum of two parts is better conditioned than the parts: what may be moved from one to the other at no
    cost, for a long way, is no direction any more.

    Parameters
    ----------
    rho1, rho2 : float
        > 0.
    """

    def __init__(self, rho1: float, rho2: float) -> None:
        self.rho1, self.rho2 = float(rho1), float(rho2)

    def _levels(self, sizes: Floats) -> Floats:
        """Of P, D x 1."""
        T = sizes.shape[1]
        k = max(ceil(min(self.rho1 / self.rho2, T + 1)), 1)  # of weights of any size
        if k > T:
            return np.zeros((len(sizes), 1))
        return np.asarray(-np.partition(-sizes, k - 1, axis=1)[:, k - 1 : k])

    def value(self, W: Floats) -> float:
        sizes = np.abs(W)
        levels = self._levels(sizes)
        beyond = np.maximum(sizes - levels, 0.0)
        return float(self.rho1 * levels.sum() + self.rho2 * beyond.sum())

    def split(self, W: Floats) -> Floats:
        """P and Q, 2 x D x T."""
        levels = self._levels(np.abs(W))
        P = np.clip(W, -levels, levels)
        return np.stack([P, W - P])

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        # Moreau: V less its projection on the rows g with sum |g| <= rho1 and max |g| <= rho2 (times the
        # step), which is min(max(|V| - level, 0), rho2) with the signs of V.
        sizes = np.abs(V, dtype=np.float64)
        radius, most = float(step) * self.rho1, float(step) * self.rho2
        levels = l1_levels(sizes, radius)
        both = sizes.max(axis=1) - levels[:, 0] > most
        if both.any():
            levels[both] = _levels_of_sum(sizes[both], most, radius)
        return np.asarray(np.copysign(np.maximum(np.minimum(sizes, levels), sizes - most), V), dtype=V.dtype)

    def polar(self, G: Floats) -> float:
        return float(self.row_polars(G).max(initial=0.0))

    def row_polars(self, G: Floats) -> Floats:
        sizes = np.abs(G)
        with np.errstate(over="ignore"):  # of tiny weights it is inf
            return np.asarray(np.maximum(sizes.sum(axis=1) / self.rho1, sizes.max(axis=1) / self.rho2))

    def on_rows(self, rows: NDArray[Any]) -> DirtyNorm:
        return self

    def tangent(self, W: Floats) -> Tangent:
        """Entries above the level are in Q, too; those at the level move together, those below freely."""
        sizes, signs = np.abs(W), np.sign(W)
        levels = self._levels(sizes)
        above = sizes > levels * (1 + TIED)
        equal = (levels > 0) & ~above & (sizes >= levels * (1 - TIED))
        tied = np.where(equal, signs, 0.0)
        share = tied / np.maximum(equal.sum(axis=1, keepdims=True), 1)
        zero = np.zeros_like(W)

        def within(V: Floats) -> Floats:
            top = np.maximum(tangent.level(V), 0.0)
            outer = signs * np.maximum(signs * V, top)
            inner = np.where(tangent.free, np.clip(V, -top, top), 0.0)
            return np.where(above, outer, np.where(equal, signs * top, inner))

        tangent = Tangent(
            above | (levels > 0),
            self.rho2 * np.where(above, signs, 0.0)
            + (self.rho1 - self.rho2 * above.sum(axis=1, keepdims=True)) * share,
            lambda d: zero,
            zero,
            within,
            tied,
        )
        return tangent


def _levels_of_sum(sizes: Floats, most: float, radius: float) -> Floats:
    """The z >= 0 with sum_t min(max(sizes_dt - z, 0), most) = radius of each row, or 0 where that is less.

    The sum is piecewise linear in z: a term begins to fall at sizes - most and is zero from sizes on.
    """
    # Which of the two a corner is goes into its last bit: faster than to sort by positions. Off by that much,
    # corners only tell which terms are falling.
    T = sizes.shape[1]
    corners = np.concatenate([sizes - most, sizes], axis=1)
    bits = corners.view(np.int64)
    bits[:, :T] &= ~1
    bits[:, T:] |= 1
    corners.sort(axis=1)
    slopes = np.cumsum(2 * (bits & 1) - 1, axis=1)[:, :-1]
    falls = np.cumsum(slopes * np.diff(corners, axis=1), axis=1)
    piece = np.argmax(T * most + falls <= radius, axis=1)
    row = np.arange(len(corners))
    low, high = corners[row, piece][:, None], corners[row, piece + 1][:, None]
    between = 0.5 * (low + high)
    # Of the terms on that piece those that are falling, and those that are still whole.
    whole = sizes - most > between
    falling = ~whole & (sizes > between)
    count = np.maximum(falling.sum(axis=1, keepdims=True), 1)
    total = (np.where(falling, sizes, 0.0) + most * whole).sum(axis=1, keepdims=True)
    return np.asarray(np.maximum(np.clip((total - radius) / count, low, high), 0.0))
