"""Penalties that depend on the order of the sizes of the entries."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from fista.penalties.interface import Penalty, divided, read_numbers, read_weight

__all__ = ["ExclusiveLasso", "KSupport", "Slope"]

Floats = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)


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
        given = read_numbers("weights", weights, "numbers >= 0 that do not increase")
        if (
            given.ndim != 1
            or not given.size
            or not np.all(np.isfinite(given))
            or np.any(np.diff(given) > 0)
            or given[-1] < 0
        ):
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


class KSupport(Penalty):
    """alpha times the k-support norm of all entries, the tightest convex set for k non-zeros of given length.

    Its unit ball is the convex hull of the W with at most k entries that are not 0 and ||W||_F <= 1: k = 1
    gives the l1 norm, k = D T that of Frobenius. The polar is the square root of the sum of the k largest
    squares, over alpha.

    Parameters
    ----------
    k : int
        >= 1.
    alpha : float

    References
    ----------
    A. Argyriou, R. Foygel, N. Srebro, "Sparse prediction with the k-support norm", NIPS 2012.

    Examples
    --------
    >>> import numpy as np
    >>> KSupport(2, 1.0).value(np.array([[3.0, 4.0]]))
    5.0
    """

    def __init__(self, k: int = 1, alpha: float = 1.0) -> None:
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            raise ValueError(f"k: found {k!r}; expected an integer >= 1")
        self.k, self.alpha = int(k), read_weight("alpha", alpha)

    def unpenalised(self, n_tasks: int) -> NDArray[np.bool_]:
        return np.full(n_tasks, self.alpha == 0)

    def value(self, W: Floats) -> float:
        # Of the k largest sizes all but the last r + 1 count by themselves; those and all others count
        # together, by the square of their sum over r + 1. The right r is the first that leaves a larger one.
        z, k = -np.sort(-np.abs(W), axis=None), min(self.k, W.size)
        head, tails = z[:k], np.cumsum(z[::-1])[::-1]
        shares = tails[:k] / np.arange(k, 0, -1)  # from r = k - 1 down to r = 0
        first = max((i for i in range(1, k) if head[i - 1] > shares[i]), default=0)
        together = tails[first] * shares[first]
        return float(self.alpha * np.sqrt(np.square(head[:first]).sum() + together))

    def polar(self, G: Floats) -> float:
        return divided(self._largest(np.abs(G).ravel()), self.alpha)

    def _largest(self, sizes: Floats) -> float:
        return float(np.linalg.norm(-np.sort(-sizes)[: self.k]))

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        # V less its projection u on the ball of the polar (Moreau). There is a shrinking c >= 1 and a level
        # tau such that sizes above c tau become z / c, those between c tau and tau become tau, others stay.
        radius = float(step) * self.alpha
        z = np.abs(V, dtype=np.float64).ravel()
        if radius == 0:
            return V.copy()
        length = self._largest(z)
        if length <= radius:
            return np.zeros_like(V)
        low, high = length / radius, float(z.sum()) / radius * (1 + 4 * z.size * EPS)
        ranked = -np.sort(-z)
        for _ in range(64):
            c = 0.5 * (low + high)
            low, high = (c, high) if self._largest(self._levelled(z, ranked, c)) > radius else (low, c)
        u = self._levelled(z, ranked, high)
        return np.asarray(np.copysign((z - u).reshape(V.shape), V), dtype=V.dtype)

    def _levelled(self, z: Floats, ranked: Floats, c: float) -> Floats:
        """The median of z / c, tau and z, with the tau that shares k units of shrinking out.

        An entry takes (z / tau - 1) / (c - 1) units of them, between 0 and 1.
        """
        k, sums = min(self.k, len(z)), np.append(0.0, np.cumsum(ranked))
        shrunk = ranked / c
        points = np.unique(np.concatenate([ranked, shrunk]))
        points = points[points > 0]
        above = np.searchsorted(-shrunk, -points, side="left")  # z > c tau
        inside = np.searchsorted(-ranked, -points, side="left")  # z > tau
        middle = (sums[inside] - sums[above]) / points - (inside - above)
        enough = np.flatnonzero(above * (c - 1) + middle >= k * (c - 1))
        if not len(enough):  # fewer than k are not zero
            return z / c
        i = enough[-1]
        tau, a, b = points[i], above[i], inside[i]
        if b > a:
            tau = (sums[b] - sums[a]) / ((k - a) * (c - 1) + b - a)
        return np.asarray(np.clip(tau, z / c, z))
