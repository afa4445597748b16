"""Strong edges between all tasks of a group, which the prox of an l1 norm takes along.

A gradient step is no longer than the strongest edges allow, however little the data say of what tasks have in
common: iterations grow with the root of the weight. But edges of one weight between all tasks of a group need
not be in the gradient, since the prox of a row is known with them, too. For n tasks the minimum of

    1/2 ||v - z||^2 + sum_t theta_t |v_t| + c/2 sum_{s<t} (v_s - v_t)^2

has ``(1 + n c) v_t = soft(z_t + c m, theta_t)`` with m = sum_t v_t, and so m is where

    h(m) = (1 + n c) m - sum_t soft(z_t + c m, theta_t)

is zero: h rises by 1 at least, and is linear between the 2 n points at which a task becomes or ceases to be
zero (a prox in the metric of a diagonal less a rank of one, Becker and Fadili, 2012).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fista.graphs import by_strength

__all__ = ["Cliques"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cliques:
    """Groups of tasks, and what the edges between any two of each weigh at least.

    ``coupling`` is the Laplacian of these edges, ``rest`` that of what they leave of the graph.
    """

    groups: tuple[tuple[NDArray[np.intp], float], ...]
    coupling: Floats
    rest: Floats

    @classmethod
    def of(cls, coupling: Floats) -> Cliques:
        """The groups that edges connect, of those in which every two tasks have one.

        Of the edges of some strength (`by_strength`), such that least is left of the graph.

        Examples
        --------
        >>> import numpy as np
        >>> found = Cliques.of(np.array([[3.0, -2.0, -1.0], [-2.0, 3.0, -1.0], [-1.0, -1.0, 2.0]]))
        >>> found.groups[0][1], found.rest.tolist()
        (1.0, [[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
        """
        none = cls((), np.zeros_like(coupling), coupling)
        every = [none, *(cls._of_groups(coupling, labels) for labels in by_strength(coupling))]
        return min(every, key=lambda found: found.norm_of_rest)

    @classmethod
    def _of_groups(cls, coupling: Floats, labels: NDArray[np.signedinteger[Any]]) -> Cliques:
        groups, tied = [], np.zeros_like(coupling)
        for tasks in (np.flatnonzero(labels == k) for k in range(labels.max() + 1)):
            n = len(tasks)
            weights = -coupling[np.ix_(tasks, tasks)]
            least = float(weights[~np.eye(n, dtype=bool)].min(initial=np.inf))
            if n > 1 and least > 0:
                groups.append((tasks, least))
                tied[np.ix_(tasks, tasks)] = least * (n * np.eye(n) - 1.0)
        return cls(tuple(groups), tied, coupling - tied)

    @property
    def norm(self) -> float:
        """The largest eigenvalue of ``coupling``."""
        return max((len(tasks) * weight for tasks, weight in self.groups), default=0.0)

    @property
    def norm_of_rest(self) -> float:
        """At least the largest eigenvalue of ``rest`` (Gershgorin)."""
        return float(2 * np.diagonal(self.rest).max(initial=0.0))

    def prox(self, V: Floats, step: float, weights: Floats) -> Floats:
        """argmin_W 1/2 ||W - V||^2 + step * (sum_dt weights_dt |W_dt| + 1/2 <W, W coupling>)."""
        thresholds = step * weights
        out = V - np.clip(V, -thresholds, thresholds)
        for tasks, weight in self.groups:
            out[:, tasks] = _row_prox(V[:, tasks], thresholds[:, tasks], step * weight)
        return np.asarray(out)


def _row_prox(Z: Floats, theta: Floats, c: float) -> Floats:
    """The minimum above, for every row.

    h is summed from m = 0, which is nearer to its root than tasks with large thresholds are.
    """
    rows, n = np.arange(len(Z)), Z.shape[1]
    at_zero = (Z - np.clip(Z, -theta, theta)).sum(axis=1)
    sign = np.where(at_zero < 0, -1.0, 1.0)[:, None]  # so that m is not negative
    Z = sign * Z
    ends = np.concatenate([-theta - Z, theta - Z], axis=1) / c
    order = np.argsort(ends, axis=1)
    ends = np.maximum(np.take_along_axis(ends, order, axis=1), 0.0)
    start = np.zeros((len(Z), 1))
    slope = np.hstack([start + 1.0, 1.0 + c * np.cumsum(np.where(order < n, 1.0, -1.0), axis=1)])
    rise = np.cumsum(slope[:, :-1] * np.diff(ends, axis=1, prepend=0.0), axis=1)
    h = np.hstack([start, rise]) - np.abs(at_zero)[:, None]  # at 0 and at the ends
    last = np.maximum(np.count_nonzero(h < 0, axis=1) - 1, 0)
    m = np.hstack([start, ends])[rows, last] - h[rows, last] / slope[rows, last]
    U = Z + c * m[:, None]
    return np.asarray(sign * (U - np.clip(U, -theta, theta)) / (1.0 + n * c))
