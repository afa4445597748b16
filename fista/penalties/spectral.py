"""Norms of the singular values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fista.penalties.interface import divided
from fista.penalties.norms import _GroupNorm

__all__ = ["TraceNorm"]

Floats = NDArray[np.float64]


class TraceNorm(_GroupNorm):
    """alpha * the sum of the singular values of W: the tasks share a subspace of few dimensions.

    Its polar is the spectral norm. Of matrices that are >= 0 that is monotone, so that it bounds the effect
    of rounding like the polar of an absolute norm.

    References
    ----------
    A. Argyriou, T. Evgeniou, M. Pontil, "Convex multi-task feature learning", Machine Learning, 2008.
    """

    def value(self, W: Floats) -> float:
        return float(self.alpha * np.linalg.svd(W, compute_uv=False).sum())

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        left, sizes, right = np.linalg.svd(V, full_matrices=False)
        kept = np.maximum(sizes - float(step) * self.alpha, 0.0)
        return np.asarray((left * kept) @ right if step > 0 else V.copy(), dtype=V.dtype)

    def polar(self, G: Floats) -> float:
        return divided(float(np.linalg.norm(G, 2)), self.alpha)
