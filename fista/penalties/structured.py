"""Norms that know of groups of features, or of the order of the tasks."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fista.penalties.interface import (
    TINY,
    Penalty,
    divided,
    read_group_weights,
    read_partition,
    read_weight,
    split,
)
from fista.penalties.norms import entries

__all__ = ["FusedTasks", "SparseGroupLasso"]

Floats = NDArray[np.float64]


class SparseGroupLasso(Penalty):
    """alpha ||W||_1 + beta sum_g weight_g ||W_g||_F: few groups of features, and few entries within them.

    Parameters
    ----------
    groups : sequence of sequences of int
        The features of each group; every feature belongs to exactly one.
    alpha, beta : float
        At least one of them > 0.
    weights : sequence of float, optional
        One a group, >= 0; by default the square roots of the numbers of features. Where alpha = 0, a group
        of weight 0 is free.

    References
    ----------
    N. Simon et al., "A sparse-group lasso", JCGS 2013.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[int]],
        alpha: float = 1.0,
        beta: float = 1.0,
        weights: Sequence[float] | None = None,
    ) -> None:
        self.groups = read_partition("groups", groups)
        self.alpha, self.beta = read_weight("alpha", alpha), read_weight("beta", beta)
        self.weights = None if weights is None else read_group_weights(weights, len(self.groups))

    def _of_groups(self, W: Floats) -> list[tuple[Floats, float]]:
        pieces = split("groups", self.groups, W)
        weights = [float(np.sqrt(len(A))) for A in pieces] if self.weights is None else self.weights
        return [(A, self.beta * w) for A, w in zip(pieces, weights, strict=True)]

    def _free(self) -> list[int]:
        """The features of groups without a weight, where nothing else acts on them."""
        if self.weights is None or self.alpha or not self.beta:
            return []
        return [d for group, w in zip(self.groups, self.weights, strict=True) if w == 0 for d in group]

    def null_space(self, n_features: int, n_tasks: int) -> Floats:
        free = np.isin(np.arange(n_features), self._free())
        return entries(np.broadcast_to(free[:, None], (n_features, n_tasks)))

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
        nothing = self.beta == 0 or (self.weights is not None and not any(self.weights))
        return np.full(n_tasks, self.alpha == 0 and nothing)

    def polar(self, G: Floats) -> float:
        """The least p such that soft thresholding at p alpha leaves of each group no more than p beta."""
        return max(self._polar(np.abs(A), weight) for A, weight in self._of_groups(self._seen(G)))

    def _seen(self, G: Floats) -> Floats:
        seen = G.copy()
        seen[self._free()] = 0.0
        return seen

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


class FusedTasks(Penalty):
    """alpha sum_d sum_t |W_d,t+1 - W_d,t|: coefficients are piecewise constant along a chain of tasks.

    The tasks are in the order of ``tasks_``, as points of time are. A semi-norm: what is constant over the
    tasks costs nothing. Its polar is ``max_dt |sum_{s <= t} G_ds| / alpha`` of the G whose rows sum to zero.

    For the differences along the edges of another graph there is no such formula; as one line of CVXPY,
    ``cp.sum(cp.abs(W @ E.T))``, they come with the same certificate (`verification.from_expression`).

    Parameters
    ----------
    alpha : float

    References
    ----------
    R. Tibshirani et al., "Sparsity and smoothness via the fused lasso", JRSS B, 2005; N. Johnson, "A dynamic
    programming algorithm for the fused lasso and L0-segmentation", JCGS, 2013, for the prox.

    Examples
    --------
    >>> import numpy as np
    >>> from fista.penalties import FusedTasks
    >>> FusedTasks(1.0).prox(np.array([[0.0, 0.0, 9.0, 9.0]]), 2.0)
    array([[1., 1., 8., 8.]])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = read_weight("alpha", alpha)

    def value(self, W: Floats) -> float:
        return float(self.alpha * np.abs(np.diff(W, axis=1)).sum())

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        threshold = float(step) * self.alpha
        if threshold == 0:
            return V.copy()
        means = V.mean(axis=1, keepdims=True, dtype=np.float64)
        W = np.broadcast_to(means, V.shape).copy()
        for d in np.flatnonzero(self._most(V) > threshold):  # the others are constant
            W[d] += _denoised((V[d] - means[d]).tolist(), threshold)
        return np.asarray(W, dtype=V.dtype)

    def polar(self, G: Floats) -> float:
        return divided(float(self._most(G).max()), self.alpha)

    def _most(self, G: Floats) -> Floats:
        """The largest partial sum of each row about its mean."""
        centred = G - G.mean(axis=1, keepdims=True, dtype=np.float64)
        return np.asarray(np.abs(np.cumsum(centred, axis=1)[:, :-1]).max(axis=1, initial=0.0))

    def polar_bound(self, E: Floats) -> float:
        # A partial sum about the mean is one of entries times factors between -1 and 1.
        return divided(float(E.sum(axis=1).max()), self.alpha)

    def null_space(self, n_features: int, n_tasks: int) -> Floats:
        constant = np.full(n_tasks, 1.0 / np.sqrt(n_tasks))
        return np.asarray(np.eye(n_features)[:, :, None] * constant)

    def unpenalised(self, n_tasks: int) -> NDArray[np.bool_]:
        return np.full(n_tasks, self.alpha == 0 or n_tasks == 1)


def _denoised(v: list[float], threshold: float) -> list[float]:
    """Minimise 1/2 ||w - v||^2 + threshold sum_t |w_t+1 - w_t| by dynamic programming, in O(T).

    The least cost of v_1 ... v_t has, as a function of w_t, a derivative of lines between knots. The term of
    the next difference clips it to [-threshold, threshold]: where it reaches these, w_t has its bounds given
    w_t+1. A line is stored less what v_1 ... v_t add to all of them: slope t, intercept -sum v.
    """
    lines, knots = deque([(0.0, 0.0)]), deque[float]()
    lows, highs = [], []
    total = 0.0
    for count, target in enumerate(v[:-1], start=1):
        total += target
        low = _leftmost(lines, knots, -threshold, count, total)
        lines.appendleft((-count, total - threshold))
        knots.appendleft(low)
        # The same from the right.
        while True:
            slope, intercept = lines[-1]
            high = (threshold + total - intercept) / (slope + count)
            if len(knots) == 1 or high >= knots[-1]:
                break
            lines.pop()
            knots.pop()
        lines.append((-count, total + threshold))
        knots.append(high)
        lows.append(low)
        highs.append(high)
    w = [_leftmost(lines, knots, 0.0, len(v), total + v[-1])]
    for low, high in zip(reversed(lows), reversed(highs), strict=True):
        w.append(min(max(w[-1], low), high))
    return w[::-1]


def _leftmost(
    lines: deque[tuple[float, float]], knots: deque[float], level: float, count: int, total: float
) -> float:
    """Where the derivative reaches a level; the lines left of there are dropped."""
    while True:
        slope, intercept = lines[0]
        root = (level + total - intercept) / (slope + count)
        if not knots or root <= knots[0]:
            return root
        lines.popleft()
        knots.popleft()
