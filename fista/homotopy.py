"""Lasso problems of small Gram matrices, side by side, solved by following their solutions from zero.

Of ``1/2 w'Gw - c'w + level * sum_d lam_d |w_d|`` the solution is piecewise linear in the level (Osborne,
Presnell and Turlach, 2000; Efron, Hastie, Johnstone and Tibshirani, 2004): with g = c - G w, every entry in
use has g_d = level * lam_d * sign(w_d), and all others |g_d| <= level * lam_d. Zero is the solution at a high
level. As that falls w and g move linearly, until an entry comes into use or falls out of it; and at 1 the
solution is reached, exactly but for rounding, after hardly more steps than it has entries.

The inverse of the Gram matrix of what is in use is updated by a rank of one a step. Nothing guards its
digits; and an entry whose column depends on those in use is left out from then on, after which g may exceed
its bound. So the end need not be optimal: the iteration goes on from any, and one that is no better than what
there was is not taken.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dger

from fista.losses import GramLoss
from fista.problem import Problem
from fista.threads import few_threads

__all__ = ["follow"]

Floats = NDArray[np.float64]
Positions = NDArray[np.intp]
SLOTS = 16  # for entries in use, by which there are more when they are needed
INDEPENDENT = 1e-10  # of the square of a column, at least, is what the others leave of it
STEPS = 4  # for each entry, at most
STILL = 1e-14  # of the level, by which it falls at least where it is not still the same


def follow(problem: Problem, W: Floats) -> tuple[Floats, int]:
    """Of each task the better of W and the end of its path, which is the solution as a rule; and the steps.

    Of a problem of independent tasks with a Gram matrix each, under an l1 norm.
    """
    loss = problem.loss
    assert isinstance(loss, GramLoss)
    weights = problem.penalty.l1_weights(loss.shape)  # type: ignore[attr-defined]
    with few_threads(0), np.errstate(all="ignore"):  # what overflows is no better than W
        paths, steps = _Paths(loss.gram, loss.linear.T, weights.T, 2 * problem.ridge), 0
        while steps < STEPS * loss.shape[0] and paths.step():
            steps += 1
        V = paths.solution().T
        better = _objective(problem, V) < _objective(problem, W)
    return np.where(better, V, W), steps


def _objective(problem: Problem, W: Floats) -> Floats:
    """Less that of zero, a task."""
    slope = 0.5 * problem.image(W) - problem.loss.linear
    return np.asarray(problem.inner(W, slope) + problem.penalty_value(W))


class _Paths:
    """The solutions of T problems on D entries at a level each.

    What is in use has slots, K a task, some of them empty (zeros): with its rows of the Gram matrix, and the
    inverse of what these have in common.
    """

    def __init__(self, gram: Floats, linear: Floats, weights: Floats, ridge: float) -> None:
        T, D = linear.shape
        self.gram, self.ridge, self.g, self.weights = gram, ridge, linear.copy(), weights
        self.level = np.maximum((np.abs(linear) / weights).max(axis=1), 1.0)
        self.unused = np.ones((T, D), dtype=bool)
        self.left = np.zeros((T, D))  # the signs of what has left at this level: it would go round in circles
        self.entry, self.taken = np.zeros((T, SLOTS), dtype=np.intp), np.zeros((T, SLOTS), dtype=bool)
        self.w, self.pull = np.zeros((2, T, SLOTS))  # the latter: sign times weight
        self.rows, self.inverse = np.zeros((T, SLOTS, D)), np.zeros((T, SLOTS, SLOTS))

    def solution(self) -> Floats:
        W = np.zeros(self.g.shape)
        tasks, slots = np.nonzero(self.taken)
        W[tasks, self.entry[tasks, slots]] = self.w[tasks, slots]
        return W

    def step(self) -> bool:
        """Go down to where an entry of each task comes into use or falls out of it; whether there is any."""
        dw = _times(self.inverse, self.pull)
        dg = _times(self.rows, dw)
        most = self.level[:, None] * self.weights
        sign = np.sign(self.pull)
        upper = _reached(most - self.g, self.weights - dg, self.unused & (self.left <= 0))
        lower = _reached(most + self.g, self.weights + dg, self.unused & (self.left >= 0))
        coming, arrival = _first(np.minimum(upper, lower))
        going, departure = _first(_reached(sign * self.w, -sign * dw, self.taken))
        event = np.minimum(arrival, departure)
        room = self.level - 1.0
        length = np.minimum(event, room)
        self.w += length[:, None] * dw
        self.g -= length[:, None] * dg
        self.left[length > STILL * self.level] = 0.0
        self.level -= length
        leaving = np.flatnonzero((event < room) & (departure <= arrival))
        entering = np.flatnonzero((event < room) & (departure > arrival))
        if len(leaving):
            self._leave(leaving, going[leaving])
        if len(entering):
            self._enter(entering, coming[entering])
        return len(leaving) + len(entering) > 0

    def _enter(self, tasks: Positions, entries: Positions) -> None:
        """Give entries slots, one a task; but leave out for good what depends on those in use."""
        if self.taken[tasks].all(axis=1).any():
            self._add_slots()
        self.unused[tasks, entries] = False
        rows, cross = self.gram[tasks, entries], np.zeros(self.w.shape)
        rows[np.arange(len(tasks)), entries] += self.ridge
        cross[tasks] = np.where(self.taken[tasks], np.take_along_axis(rows, self.entry[tasks], axis=1), 0.0)
        u = _times(self.inverse, cross)
        square = rows[np.arange(len(tasks)), entries]
        rest = square - (cross * u)[tasks].sum(axis=1)
        regular = rest > INDEPENDENT * square
        tasks, entries, rows = tasks[regular], entries[regular], rows[regular]
        factor = np.zeros(len(u))
        factor[tasks] = 1.0 / rest[regular]
        self._add_to_inverse(factor, u)
        slots = self.taken[tasks].argmin(axis=1)
        self.inverse[tasks, slots] = self.inverse[tasks, :, slots] = -factor[tasks, None] * u[tasks]
        self.inverse[tasks, slots, slots] = factor[tasks]
        self.rows[tasks, slots], self.entry[tasks, slots], self.taken[tasks, slots] = rows, entries, True
        self.pull[tasks, slots] = np.sign(self.g[tasks, entries]) * self.weights[tasks, entries]

    def _leave(self, tasks: Positions, slots: Positions) -> None:
        """Empty slots, one a task."""
        u, factor = np.zeros(self.w.shape), np.zeros(len(self.w))
        u[tasks], factor[tasks] = self.inverse[tasks, slots], -1.0 / self.inverse[tasks, slots, slots]
        self._add_to_inverse(factor, u)
        entries = self.entry[tasks, slots]
        self.unused[tasks, entries], self.left[tasks, entries] = True, np.sign(self.pull[tasks, slots])
        for values in (self.inverse, self.rows, self.w, self.pull, self.taken):
            values[tasks, slots] = 0
        self.inverse[tasks, :, slots] = 0.0

    def _add_to_inverse(self, factor: Floats, u: Floats) -> None:
        """Add factor u u' a task."""
        for t in np.flatnonzero(factor):
            dger(factor[t], u[t], u[t], a=self.inverse[t].T, overwrite_a=1)

    def _add_slots(self) -> None:
        def wider(values: NDArray[Any], *axes: int) -> NDArray[Any]:
            return np.pad(values, [(0, SLOTS * (axis in axes)) for axis in range(values.ndim)])

        self.entry, self.taken = wider(self.entry, 1), wider(self.taken, 1)
        self.w, self.pull = wider(self.w, 1), wider(self.pull, 1)
        self.rows, self.inverse = wider(self.rows, 1), wider(self.inverse, 1, 2)


def _times(rows: Floats, w: Floats) -> Floats:
    """The sum of rows (T x K x D) times w (T x K)."""
    return np.asarray(np.matmul(w[:, None, :], rows)[:, 0])


def _reached(distance: Floats, speed: Floats, where: NDArray[np.bool_]) -> Floats:
    """How far it is until a distance is gone; inf where it does not shrink."""
    return np.where(where & (speed > 0), np.maximum(distance, 0.0) / speed, np.inf)


def _first(lengths: Floats) -> tuple[Positions, Floats]:
    """The position of the least of each task, and the least."""
    position = lengths.argmin(axis=1)
    return position, lengths[np.arange(len(lengths)), position]
