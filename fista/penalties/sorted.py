"""Penalties that depend on the order of the sizes of the entries."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from fista.penalties.interface import Penalty, divided, read_weight

__all__ = ["ExclusiveLasso", "Slope"]

Floats = NDArray[np.float64]


class Slope(Penalty):
    """sum_i weights_i |W|_(i), |W|_(1) >= |W|_(2) >= ... being the sizes of all entries in order.

    Parameters
    ----------
    weights : array-like of length D * T
        Not increasing, >= 0, the first > 0. Equal weights are the l1 norm.

    References
    ----------
    M. Bogdan et al., "SLOPE: adaptive variable selection via convex optimization", Annals of Applied
    Statistics, 2015; also OSCAR and OWL.
    """

    def __init__(self, weights: ArrayLike) -> None:
        given = np.asarray(weights, dtype=np.float64)
        if given.ndim != 1 or not np.all(np.isfinite(given)) or np.any(np.diff(given) > 0) or given[-1] < 0:
            raise ValueError(f"weights: found {weights!r}; expected numbers >= 0 that do not increase")
        if given[0] == 0:
            raise ValueError("weights: found only zeros; expected the first to be positive")
        self.weights = given

    def _sorted(self, W: Floats) -> Floats:
        if W.size != len(self.weights):
            raise ValueError(f"weights: found {len(self.weights)}; expected {W.size}, one an entry of W")
        return -np.sort(-np.abs(W), axis=None)

    def value(self, W: Floats) -> float:
        return float(self._sorted(W) @ self.weights)

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        sizes = np.abs(V).ravel()
        order = np.argsort(-sizes, kind="stable")
        fitted = isotonic_regression(self._sorted(V) - float(step) * self.weights, increasing=False).x
        W = np.empty_like(sizes)
        W[order] = np.maximum(fitted, 0.0)
        return np.asarray(np.copysign(W.reshape(V.shape), V), dtype=V.dtype)

    def polar(self, G: Floats) -> float:
        return float((np.cumsum(self._sorted(G)) / np.cumsum(self.weights)).max())


class ExclusiveLasso(Penalty):
    """alpha / 2 * sum_d ||W_d.||_1^2: the tasks compete for each feature, and all features are used.

    It is no norm. Its conjugate is ``sum_d max_t |G_dt|^2 / (2 alpha)``.

    Parameters
    ----------
    alpha : float
        > 0.

    References
    ----------
    Y. Zhou, R. Jin, S. Hoi, "Exclusive lasso for multi-task feature selection", AISTATS 2010.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = read_weight("alpha", alpha)
        if self.alpha == 0:
            raise ValueError("alpha: found 0; expected a positive weight")

    def value(self, W: Floats) -> float:
        return float(0.5 * self.alpha * np.square(np.abs(W).sum(axis=1)).sum())

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        # W = V soft-thresholded at a level tau = s ||W||_1; with k entries above it the level is
        # s (sum of the k largest) / (1 + k s), and the right k has the highest.
        s = float(step) * self.alpha
        counts = np.arange(1, V.shape[1] + 1)
        largest_sums = -np.cumsum(np.sort(-np.abs(V), axis=1), axis=1)
        shares = s / (1.0 + counts * s) if np.isfinite(s) else 1.0 / counts
        tau = (largest_sums * shares).max(axis=1, keepdims=True)
        return np.asarray(V - np.clip(V, -tau, tau), dtype=V.dtype)

    def conjugate(self, G: Floats, E: Floats) -> float:
        return divided(0.5 * float(np.square((np.abs(G) + E).max(axis=1)).sum()), self.alpha)
