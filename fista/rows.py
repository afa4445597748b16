"""Weighted rows of data: a design that all tasks share, or one design a task.

A block of rows contributes ``1/2 sum_i omega_i (y_i - x_i w_t - c_t)^2`` to the loss, where omega is the
sample weight times the factor of the block in the objective. Blocks know only products with their rows;
what is summed from them (Gram matrices, residual energies) is the business of `losses` and `certificate`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

__all__ = ["SMALL", "Rows", "SharedRows", "TaskRows", "matrix_product"]

Floats = NDArray[np.float64]
Positions = NDArray[np.intp]
SMALL = 5000  # coefficients, for which to look for zero rows takes longer than to multiply them


class Rows(Protocol):
    """One block of weighted rows. Residuals have the layout of its targets."""

    n_rows: int
    shape: tuple[int, int]  # D x T
    cost: int  # multiplications of a product of the rows with W

    @property
    def shared_gram(self) -> bool:
        """Whether all tasks have the same rows with the same weights."""

    @property
    def dense(self) -> bool:
        """Whether the design is stored entry by entry."""

    def shifted(self, features: Floats, targets: Floats) -> Rows:
        """The block with (task-wise) constants taken off its dense design and its targets."""

    def on_features(self, features: NDArray[Any]) -> Rows:
        """The block with some columns of the design only."""

    def weight_sums(self) -> Floats:
        """Sum of omega: (1,) if all tasks share them, else (T,)."""

    def feature_sums(self) -> Floats:
        """Sum of omega_i x_i, D x 1 or D x T."""

    def squared_norms(self) -> Floats:
        """Sum of omega_i x_i^2, D x 1 or D x T."""

    def target_sums(self) -> Floats:
        """Sum of omega_i y_i, (T,)."""

    def target_energy(self) -> Floats:
        """Sum of omega_i y_i^2, (T,)."""

    def deviations(self, intercept: Floats) -> Floats:
        """Y - c, the residual of W = 0."""

    def residual(self, W: Floats, intercept: Floats | None, *, targets: bool = True) -> Floats:
        """Y - x w - c, or -(x w + c) without the targets."""

    def adjoint(self, R: Floats) -> Floats:
        """X' (omega * R), D x T."""

    def task_sums(self, R: Floats) -> Floats:
        """Sum of omega_i R_i, (T,)."""

    def energy(self, R: Floats) -> Floats:
        """Sum of omega_i R_i^2, (T,)."""

    def spread(self, values: Floats) -> Floats:
        """One value a task, in the layout of a residual."""

    def dual_rows(self, R: Floats) -> Floats:
        """sqrt(omega) * R in the caller's order of rows."""

    def gram(self, center: Floats) -> Floats:
        """Sum of omega_i (x_i - center)(x_i - center)': D x D if all of it is shared, else T x D x D."""

    def by_columns(self) -> Callable[[int], tuple[Any, Floats]]:
        """The design of a task, column by column (CSC), and the weights of its rows."""

    def cross_gram(self, task: int, left: Positions, right: Positions, center: Floats) -> Floats:
        """Those entries of the Gram matrix of a task (center: (D,)) between some features and others."""


def _stored(X: Any) -> int:
    return int(X.size)  # of a sparse matrix, the stored entries


def _squared_norms(X: Any, weight: Floats) -> Floats:
    """Sums of weight_i x_id^2, D or D x T; of a dense X without a copy where the weights are equal."""
    if not isinstance(X, np.ndarray):
        return np.asarray(X.power(2).T @ weight)
    if len(weight) and np.all(weight == weight[:1]):
        return np.asarray(np.multiply.outer(np.einsum("nd,nd->d", X, X), weight[0]))
    return np.asarray((X * X).T @ weight)


def matrix_product(A: Any, W: Floats) -> Floats:
    """A W of a dense or sparse A; rows of zeros in W are left out, where that saves more than it copies.

    A dense product is computed as (W'A')', which for a narrow W takes BLAS half of the time.
    """
    if not isinstance(A, np.ndarray):
        return np.asarray(A @ W)
    if W.size > SMALL and 5 * len(used := np.flatnonzero(W.any(axis=1))) < len(W):
        A, W = A[:, used], W[used]
    return np.asarray((W.T @ A.T).T)


def _moved(X: Any, by: Floats) -> Any:
    """X less a constant a column; a sparse X stays sparse and takes none."""
    return X - by if by.any() else X


def _weighted_gram(X: Any, weight: Floats, center: Floats) -> Floats:
    """X' diag(weight) X about a center, for dense or sparse X; the center of a dense X is taken off first."""
    design: Any = X
    if sp.issparse(X):
        G = np.asarray((design.T @ sp.diags_array(weight) @ design).todense())
        sums = design.T @ weight
        return np.asarray(
            G - np.outer(center, sums) - np.outer(sums, center) + weight.sum() * np.outer(center, center)
        )
    scaled = X - center if center.any() else X
    if np.all(weight == weight[:1]):
        return np.asarray((scaled.T @ scaled) * (weight[0] if len(weight) else 1.0))
    scaled = scaled * np.sqrt(weight)[:, None]
    return np.asarray(scaled.T @ scaled)


def _cross_gram(X: Any, weight: Floats, left: Positions, right: Positions, center: Floats) -> Floats:
    """Sum of weight_i (x_il - center_l)(x_ir - center_r), for a dense X."""
    one, other = _moved(X[:, left], center[left]), _moved(X[:, right], center[right])
    return np.asarray(one.T @ (other * weight[:, None]))


class SharedRows:
    """Rows x_i that every task shares; targets N x T and weights N x 1 or N x T."""

    def __init__(self, X: Any, Y: Floats, weight: Floats) -> None:
        self.X, self.Y, self.weight = X, Y, weight
        self.n_rows = X.shape[0]
        self.shape = (X.shape[1], Y.shape[1])
        self.cost = _stored(X) * Y.shape[1]
        self.shared_gram = weight.shape[1] == 1
        self.dense = isinstance(X, np.ndarray)

    def shifted(self, features: Floats, targets: Floats) -> SharedRows:
        return SharedRows(_moved(self.X, features[:, 0]), self.Y - targets, self.weight)

    def on_features(self, features: NDArray[Any]) -> SharedRows:
        return SharedRows(self.X[:, features], self.Y, self.weight)

    def weight_sums(self) -> Floats:
        return np.asarray(self.weight.sum(axis=0))

    def feature_sums(self) -> Floats:
        return np.asarray(self.X.T @ self.weight)

    def squared_norms(self) -> Floats:
        return _squared_norms(self.X, self.weight)

    def target_sums(self) -> Floats:
        return self.task_sums(self.Y)

    def target_energy(self) -> Floats:
        return self.energy(self.Y)

    def deviations(self, intercept: Floats) -> Floats:
        return self.Y - intercept

    def residual(self, W: Floats, intercept: Floats | None, *, targets: bool = True) -> Floats:
        R = matrix_product(self.X, W)
        if intercept is not None:
            R += self.spread(intercept)
        return self.Y - R if targets else -R

    def adjoint(self, R: Floats) -> Floats:
        return matrix_product(self.X.T, self.weight * R)

    def task_sums(self, R: Floats) -> Floats:
        return np.asarray((self.weight * R).sum(axis=0))

    def energy(self, R: Floats) -> Floats:
        return np.asarray((self.weight * R * R).sum(axis=0))

    def spread(self, values: Floats) -> Floats:
        return values

    def dual_rows(self, R: Floats) -> Floats:
        return np.asarray(np.sqrt(self.weight) * R)

    def gram(self, center: Floats) -> Floats:
        if self.shared_gram and center.shape[1] == 1:
            return _weighted_gram(self.X, self.weight[:, 0], center[:, 0])
        weight, center = np.broadcast_to(self.weight, self.Y.shape), np.broadcast_to(center, self.shape)
        return np.stack([_weighted_gram(self.X, weight[:, t], center[:, t]) for t in range(self.shape[1])])

    def by_columns(self) -> Callable[[int], tuple[Any, Floats]]:
        X, weight = sp.csc_array(self.X), np.broadcast_to(self.weight, self.Y.shape)
        return lambda task: (X, weight[:, task])

    def cross_gram(self, task: int, left: Positions, right: Positions, center: Floats) -> Floats:
        weight = np.broadcast_to(self.weight, self.Y.shape)[:, task]
        return _cross_gram(self.X, weight, left, right, center)


class TaskRows:
    """Rows that belong to one task each; targets, weights and task positions (N,)."""

    shared_gram = False

    def __init__(self, X: Any, y: Floats, weight: Floats, task: NDArray[np.intp], n_tasks: int) -> None:
        self.order = np.argsort(task, kind="stable")
        self.task = task[self.order]
        X = X[self.order]
        self.y, self.weight = y[self.order], weight[self.order]
        self.n_rows = X.shape[0]
        self.shape = (X.shape[1], n_tasks)
        self.cost = _stored(X)
        self.dense = isinstance(X, np.ndarray)
        ends = np.searchsorted(self.task, np.arange(n_tasks + 1))
        self._slices = [slice(a, b) for a, b in pairwise(ends)]
        self._blocks = [X[rows] for rows in self._slices]

    def shifted(self, features: Floats, targets: Floats) -> TaskRows:
        out = copy(self)
        out.y = self.y - self.spread(targets)
        out._blocks = [_moved(X, features[:, t]) for t, X in enumerate(self._blocks)]
        return out

    def on_features(self, features: NDArray[Any]) -> TaskRows:
        out = copy(self)
        out._blocks = [X[:, features] for X in self._blocks]
        out.shape = (out._blocks[0].shape[1], self.shape[1])
        out.cost = sum(map(_stored, out._blocks))
        return out

    def _tasks(self) -> Iterator[tuple[int, slice, Any]]:
        """Each task that has rows: its position, where its rows lie, its design."""
        for t, (rows, X) in enumerate(zip(self._slices, self._blocks, strict=True)):
            if rows.stop > rows.start:
                yield t, rows, X

    def weight_sums(self) -> Floats:
        return self.task_sums(np.ones(self.n_rows))

    def feature_sums(self) -> Floats:
        return self.adjoint(np.ones(self.n_rows))

    def squared_norms(self) -> Floats:
        out = np.zeros(self.shape)
        for t, rows, X in self._tasks():
            out[:, t] = _squared_norms(X, self.weight[rows])
        return out

    def target_sums(self) -> Floats:
        return self.task_sums(self.y)

    def target_energy(self) -> Floats:
        return self.energy(self.y)

    def deviations(self, intercept: Floats) -> Floats:
        return self.y - self.spread(intercept)

    def residual(self, W: Floats, intercept: Floats | None, *, targets: bool = True) -> Floats:
        fitted = np.empty(self.n_rows)
        for t, rows, X in self._tasks():
            fitted[rows] = X @ W[:, t]
        if intercept is not None:
            fitted += self.spread(intercept)
        return self.y - fitted if targets else -fitted

    def adjoint(self, R: Floats) -> Floats:
        out = np.zeros(self.shape)
        weighted = self.weight * R
        for t, rows, X in self._tasks():
            out[:, t] = X.T @ weighted[rows]
        return out

    def task_sums(self, R: Floats) -> Floats:
        sums: Any = np.bincount(self.task, weights=self.weight * R, minlength=self.shape[1])
        return np.asarray(sums, dtype=np.float64)

    def energy(self, R: Floats) -> Floats:
        return self.task_sums(R * R)

    def spread(self, values: Floats) -> Floats:
        return values[self.task]

    def dual_rows(self, R: Floats) -> Floats:
        out = np.empty(self.n_rows)
        out[self.order] = np.sqrt(self.weight) * R
        return out

    def gram(self, center: Floats) -> Floats:
        D, T = self.shape
        out = np.zeros((T, D, D))
        center = np.broadcast_to(center, self.shape)
        for t, rows, X in self._tasks():
            out[t] = _weighted_gram(X, self.weight[rows], center[:, t])
        return out

    def by_columns(self) -> Callable[[int], tuple[Any, Floats]]:
        designs = [sp.csc_array(X) for X in self._blocks]
        return lambda task: (designs[task], self.weight[self._slices[task]])

    def cross_gram(self, task: int, left: Positions, right: Positions, center: Floats) -> Floats:
        return _cross_gram(self._blocks[task], self.weight[self._slices[task]], left, right, center)
