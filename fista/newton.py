"""Newton steps on the structure that the iteration has found.

Near a solution the zeros of W stay what they are, and on all other entries Omega is smooth: constant gradient
for an l1 norm, norms of rows that are not zero, and so on (`Penalty.tangent`). There the objective is a
quadratic but for the curvature of Omega, and a Newton step leads to its minimum where FISTA takes a thousand
iterations if columns are collinear. The system is solved by conjugate gradients. They are preconditioned by
the inverse, task by task, of the Gram matrix of the free entries with the diagonals of all else, which for an
l1 norm without a graph is the inverse itself.

Where entries of a row are tied to each other, as the dirty model does, they move together, and what couples
the tasks is one system of all levels: all else is eliminated first.

Coefficients in parts share the residual: what the parts have in common is preconditioned by the Gram matrix,
what they have against each other by their own diagonals alone (by elimination: the exact inverse where the
curvatures are diagonal). The system is damped as Levenberg and Marquardt do, since it may well be singular
before the right zeros are found.

A step that does not lower the objective is halved and in the end given up, so that no step can do harm: the
iteration goes on from there, prox and momentum find other zeros, and the certificate judges the result.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtrs

from fista.losses import GramLoss
from fista.penalties.tangent import Tangent
from fista.problem import Problem, Scalars

__all__ = ["Preconditioner", "TiedPreconditioner", "applicable", "newton_step"]

Floats = NDArray[np.float64]
HALVINGS = 6
PRODUCTS = 30  # of conjugate gradients
RESIDUAL = 0.1  # relative, at which they stop: the structure changes before more would pay


def applicable(problem: Problem) -> bool:
    """Whether there are Gram matrices, and tangents of the penalty."""
    return isinstance(problem.loss, GramLoss) and hasattr(problem.penalty, "tangent")


def newton_step(problem: Problem, W: Floats, image: Floats, damping: Scalars) -> tuple[Floats, Any, int]:
    """W after one step; whether the objective is lower there; and the products that it took.

    A task stays where it would not be lower. ``damping`` times the largest diagonal entry of the Hessian (of
    a task) is added to the diagonal of the system; but for the graph, which does not see what all tasks have
    in common, however large its weight. Of independent tasks it is one number each, and so is the answer.
    """
    tangent = problem.penalty.tangent(W)  # type: ignore[attr-defined]
    direction, products = _direction(problem, image, W, tangent, damping)
    return *_lower(problem, W, image, tangent, direction), products


def _direction(
    problem: Problem, image: Floats, W: Floats, tangent: Tangent, damping: Scalars
) -> tuple[Floats, int]:
    """The Newton direction on the free entries, by preconditioned conjugate gradients; and their products."""
    loss = problem.loss
    assert isinstance(loss, GramLoss)
    largest = np.einsum("...dd->...d", loss.gram).max(axis=-1) + 2 * problem.ridge
    proximal = damping * np.where(largest > 0, largest, 1.0)
    one_by_one = tangent.tied is None or problem.penalty.n_parts > 1
    inverse = (Preconditioner if one_by_one else TiedPreconditioner)(problem, tangent, proximal)
    inner = problem.inner
    residual = tangent.projected(problem.loss.linear - image - tangent.gradient)
    found = np.zeros_like(W)
    z = tangent.projected(inverse(residual))
    size = first = inner(residual, z)
    d = z
    products = 0
    while products < PRODUCTS:
        products += 1
        product = problem.image(d) + tangent.curvature(d) + proximal * d
        product = tangent.projected(product)
        curvature = inner(d, product)
        step = np.where(curvature > 0, size / np.where(curvature > 0, curvature, 1.0), 0.0)
        found = found + step * d
        residual = residual - step * product
        z = tangent.projected(inverse(residual))
        last, size = size, inner(residual, z)
        if np.all((size <= RESIDUAL**2 * first) | (curvature <= 0)):
            break
        d = z + np.where(last > 0, size / np.where(last > 0, last, 1.0), 0.0) * d
    return found, products


class Preconditioner:
    """The inverse, task by task, of Gram matrices of free entries with the diagonals of all else.

    Where edges connect tasks, that of what they have in common is added (`common`): features of all of them
    together, of which the graph costs next to nothing, while its diagonal may be larger than all else.
    """

    def __init__(self, problem: Problem, tangent: Tangent, proximal: Scalars) -> None:
        loss = problem.loss
        assert isinstance(loss, GramLoss)
        D, T = loss.shape
        self.shape = tangent.free.shape
        free = tangent.free.reshape(-1, D, T)
        own = tangent.diagonal.reshape(-1, D, T) + proximal
        self.shares = free / np.where(free, own, 1.0)  # of what acts on the sum, a part
        total = self.shares.sum(axis=0)
        used = total > 0
        self.joint = np.where(used, 1.0 / np.where(used, total, 1.0), 0.0)
        diagonal = self.joint + problem.other_diagonal
        gram = np.broadcast_to(loss.gram, (T, D, D))
        self.rows = [np.flatnonzero(column) for column in used.T]
        self.factors = [
            _cholesky(gram[t][np.ix_(rows, rows)], diagonal[rows, t]) for t, rows in enumerate(self.rows)
        ]
        self.common = []
        for group in loss.connected:
            system = np.zeros((D, D))
            for t in np.flatnonzero(group):
                part = np.ix_(self.rows[t], self.rows[t])
                system[part] += gram[t][part]
            U = used & group
            edges = -((~U @ loss.coupling) * U).sum(axis=1)  # to what does not take the step
            own = (U * (self.joint + 2 * problem.ridge)).sum(axis=1) + edges
            rows = np.flatnonzero(U.any(axis=1))
            self.common.append((U, rows, _cholesky(system[np.ix_(rows, rows)], own[rows])))

    def __call__(self, R: Floats) -> Floats:
        parts = R.reshape(-1, *self.shape[-2:])
        right = self.joint * (self.shares * parts).sum(axis=0)
        total = np.zeros_like(right)
        for t, (rows, factor) in enumerate(zip(self.rows, self.factors, strict=True)):
            if len(rows):
                total[rows, t] = dpotrs(factor, right[rows, t], lower=1)[0]
        for used, rows, factor in self.common:
            if len(rows):
                step = dpotrs(factor, (used * right).sum(axis=1)[rows], lower=1)[0]
                total[rows] += used[rows] * step[:, None]
        return np.asarray((self.shares * (parts - right + self.joint * total)).reshape(self.shape))


class TiedPreconditioner:
    """The same where entries of a row are tied to each other: all of these are one unknown, their level.

    Of each task the entries that are not tied are eliminated, which leaves one system of all levels.
    """

    def __init__(self, problem: Problem, tangent: Tangent, proximal: Scalars) -> None:
        loss, signs = problem.loss, tangent.tied
        assert isinstance(loss, GramLoss)
        assert signs is not None
        D, T = loss.shape
        diagonal = np.broadcast_to(tangent.diagonal + proximal + problem.other_diagonal, (D, T))
        levels = np.zeros((D, D))
        self.tasks = []
        for t, gram in enumerate(np.broadcast_to(loss.gram, (T, D, D))):
            tied = np.flatnonzero(signs[:, t])
            own = np.flatnonzero(tangent.free[:, t] & (signs[:, t] == 0))
            sign = signs[tied, t]
            factor = _cholesky(gram[np.ix_(own, own)], diagonal[own, t])
            cross = _substituted(factor, gram[np.ix_(own, tied)] * sign)
            left = sign[:, None] * gram[np.ix_(tied, tied)] * sign - cross.T @ cross
            np.einsum("dd->d", left)[:] += diagonal[tied, t]
            levels[np.ix_(tied, tied)] += left
            self.tasks.append((own, tied, sign, factor, cross))
        self.used = np.flatnonzero(signs.any(axis=1))
        self.factor = _cholesky(levels[np.ix_(self.used, self.used)], np.zeros(len(self.used)))

    def __call__(self, R: Floats) -> Floats:
        right, level, found, halves = np.zeros(len(R)), np.zeros(len(R)), np.zeros_like(R), []
        for t, (own, tied, sign, factor, cross) in enumerate(self.tasks):
            halves.append(_substituted(factor, R[own, t]))
            right[tied] += sign * R[tied, t] - cross.T @ halves[t]
        if len(self.used):
            level[self.used] = dpotrs(self.factor, right[self.used], lower=1)[0]
        for t, (own, tied, sign, factor, cross) in enumerate(self.tasks):
            found[tied, t] = sign * level[tied]
            found[own, t] = _substituted(factor, halves[t] - cross @ level[tied], transposed=1)
        return found


def _substituted(factor: Floats, right: Floats, transposed: int = 0) -> Floats:
    """The x with L x = b of a lower factor, or with L' x = b."""
    return np.asarray(dtrtrs(factor, right, lower=1, trans=transposed)[0]) if right.size else right


def _cholesky(gram: Floats, diagonal: Floats) -> Floats:
    """The lower factor of gram + diag(diagonal), of its diagonal alone should rounding make it indefinite."""
    np.einsum("dd->d", gram)[:] += diagonal
    factor, failed = dpotrf(gram, lower=1, clean=0)
    if not failed:
        return np.asarray(factor)
    diagonal = np.diagonal(gram)
    return np.diag(np.sqrt(np.where(diagonal > 0, diagonal, 1.0)))


def _lower(
    problem: Problem, W: Floats, image: Floats, tangent: Tangent, direction: Floats
) -> tuple[Floats, Any]:
    """The first of W + d, W + d / 2, ... at which the objective is lower, for each task if it can be."""
    value = problem.penalty_value(W)
    step: Scalars = np.ones_like(value)
    for _ in range(HALVINGS):
        V = tangent.within(W + step * direction)
        image_V = problem.image(V)
        slope = 0.5 * (image_V + image) - problem.loss.linear
        change = problem.inner(problem.total(V) - problem.total(W), slope) + problem.penalty_value(V) - value
        if np.all(change <= 0):
            break
        step = np.where(change <= 0, step, 0.5 * step)
    lower = np.less(change, 0)
    return np.where(lower, V, W), lower
