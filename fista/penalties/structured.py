"""Norms that know of groups of features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fista.penalties.interface import TINY, Penalty, read_partition, read_weight, split

__all__ = ["SparseGroupLasso"]

Floats = NDArray[np.float64]


class SparseGroupLasso(Penalty):
    """alpha ||W||_1 + beta sum_g sqrt(size_g) ||W_g||_F: few groups of features, and few entries within them.

    Parameters
    ----------
    groups : sequence of sequences of int
        The features of each group; every feature belongs to exactly one. size_g counts features.
    alpha, beta : float
        At least one of them > 0.

    References
    ----------
    N. Simon et al., "A sparse-group lasso", JCGS 2013.
    """

    def __init__(self, groups: Sequence[Sequence[int]], alpha: float = 1.0, beta: float = 1.0) -> None:
        self.groups = read_partition("groups", groups)
        self.alpha, self.beta = read_weight("alpha", alpha), read_weight("beta", beta)

    def _of_groups(self, W: Floats) -> list[tuple[Floats, float]]:
        return [(A, self.beta * float(np.sqrt(len(A)))) for A in split("groups", self.groups, W)]

    def value(self, W: Floats) -> float:
        norms = sum(weight * float(np.linalg.norm(A)) for A, weight in self._of_groups(W))
        return float(self.alpha * np.abs(W).sum()) + norms

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        s = float(step)
        W = V - np.clip(V, -s * self.alpha, s * self.alpha)
        for group, (A, weight) in zip(self.groups, self._of_groups(W), strict=True):
            threshold = s * weight
            W[group] = A * (1.0 - threshold / max(float(np.linalg.norm(A)), threshold, TINY))
        return np.asarray(W, dtype=V.dtype)

    def unpenalised(self, n_tasks: int) -> NDArray[np.bool_]:
        return np.full(n_tasks, self.alpha == 0 and self.beta == 0)

    def polar(self, G: Floats) -> float:
        """The least p such that soft thresholding at p alpha leaves of each group no more than p beta."""
        return max(self._polar(np.abs(A), weight) for A, weight in self._of_groups(G))

    def _polar(self, A: Floats, weight: float) -> float:
        # A root of a decreasing function, between two bounds; the upper end is feasible all the way.
        total = float(np.linalg.norm(A))
        ends = [total / weight] if weight > 0 else []
        ends += [float(A.max()) / self.alpha] if self.alpha > 0 else []
        if total == 0 or not ends:
            return 0.0 if total == 0 else np.inf
        low, high = 0.0, min(ends)
        for _ in range(60):
            middle = 0.5 * (low + high)
            left = float(np.linalg.norm(np.maximum(A - middle * self.alpha, 0.0)))
            low, high = (low, middle) if left <= middle * weight else (middle, high)
        return high
