"""Independent tasks whose entries are penalised one by one: each is solved on few features of its own.

Where the polar of a penalty is the largest of the polars of its entries, W_dt = 0 is optimal wherever that of
G = M'r is below 1 at (d, t). So each task has a working set of its own, of the features in use and those of
largest polar, and its Gram matrix is small: tasks are iterated on side by side as far as their matrices fit
in the cache of a processor, and those that are solved are left alone. (Of a sparse design some columns are
taken instead, which are cheaper than Gram matrices.) Then one gradient over all entries says how far that is
from the whole, and which features were missing. The certificate is of all features.

Where there are a few hundred features and no solution to begin with, the paths of solutions are followed from
zero (`fista.homotopy`): on the first working sets, and if these are not enough on all features.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fista import homotopy, working_sets
from fista.certificate import entry_polars, seems_solved
from fista.graphs import Graph
from fista.losses import (
    GRAM_LIMIT,
    Centering,
    GramLoss,
    OperatorLoss,
    QuadraticLoss,
    StackedRows,
    largest_eigenvalues,
)
from fista.penalties import Penalty
from fista.problem import Problem
from fista.working_sets import Inner, first_size, next_aim

__all__ = ["applicable", "solve", "suit"]

Floats = NDArray[np.float64]
Positions = NDArray[np.intp]
FIRST = 16  # features of a task in its first working set, at least
FOLLOWED = 256  # features, at most, for solutions to be followed
CACHE = 1_000_000  # entries that an iteration on some tasks together goes through, 8 MB


def suit(penalty: Penalty, shape: tuple[int, int], graph: Graph | None) -> bool:
    """Whether tasks are to be solved so."""
    D, T = shape
    told_apart = all(
        hasattr(penalty, f) for f in ("entry_polars", "l1_weights", "on_tasks", "row_polars", "on_rows")
    )
    by_entries = penalty.separable and told_apart and not hasattr(penalty, "conjugate")
    large = D > 4 * FIRST and 4 * D * D * T > CACHE
    coupled = graph is not None and graph.weight.any()
    return by_entries and large and not coupled and not penalty.unpenalised(T).any()


def applicable(problem: Problem) -> bool:
    """Whether a problem is one of those, and not one of a Gram matrix that its tasks share."""
    loss = problem.loss
    apart = isinstance(loss, OperatorLoss) or (isinstance(loss, GramLoss) and loss.gram.ndim == 3)
    return apart and suit(problem.penalty, loss.shape, loss.graph)


def solve(problem: Problem, start: Floats, tol: float, max_iter: int, inner: Inner) -> tuple[Floats, int]:
    """Return coefficients that seem solved to tol, and the iterations of ``inner`` on all working sets.

    ``inner(problem, start, tol, max_iter)`` solves some tasks on few features; their iterations count once.
    """
    D, T = problem.loss.shape
    source = _source(problem.loss)
    W, n_iter, aim = start.copy(), 0, 0.0
    W[:, problem.polar(problem.descent_at_zero()) <= 1] = 0.0  # the solution, whose gap no aim is to hide
    followed = isinstance(source, _Grams) and D <= FOLLOWED and not W.any() and _is_hard(problem)
    ended = np.zeros(T, dtype=bool)  # paths over all features: they end nowhere else the next time
    size, last = np.zeros(T, dtype=np.intp), np.full(T, np.inf)
    polars = problem.penalty.entry_polars(problem.descent_at_zero())  # type: ignore[attr-defined]
    least = np.where(W.any(axis=0), 0, first_size(polars))
    while True:
        image = problem.image(W) if W.any() else np.zeros((D, T))
        if n_iter >= max_iter - 1 or seems_solved(problem, W, image, n_iter, tol):
            return W, n_iter
        polars, gaps, gap = entry_polars(problem, W, image)
        used = W != 0
        size, last = np.maximum(_sizes(used.sum(axis=0), size, gaps > 0.5 * last), least), gaps
        least[:] = 0
        size[4 * size >= 3 * D] = D  # else selecting costs more than it saves
        if followed:
            size[FIRST * used.sum(axis=0) >= D] = D  # a path that begins again should be the last
        elif source.too_wide(int(size.max())):  # then by the features of all tasks
            W, others = working_sets.solve(problem, W, tol, max_iter - n_iter, inner)
            return W, n_iter + others
        ranked = _largest(np.where(used, np.inf, polars), int(size.max()))
        aim = next_aim(gap, aim, tol)
        spent, before = 0, W.copy()
        for tasks in _together(np.flatnonzero(gaps > aim), size, source.memory(size)):
            entries = np.sort(ranked[len(ranked) - size[tasks].max() :, tasks], axis=0)
            loss = source.loss_on(entries, tasks)
            part = replace(problem, loss=loss, penalty=problem.penalty.on_tasks(tasks))  # type: ignore[attr-defined]
            V, steps, left = W[entries, tasks], 0, max_iter - n_iter - 1
            if followed and left > homotopy.STEPS * len(V) and not ended[tasks].all():
                V, steps = homotopy.follow(part, V)
                ended[tasks] |= len(V) == D
            state = inner(part, V, aim, left - steps)
            W[entries, tasks] = state.W  # all that was used before is among the entries
            spent = max(spent, steps + state.n_iter)
        n_iter += spent
        # A gap of rounding; or under a ridge, of so many entries that a few hold too little of it: all go on.
        if np.array_equal(W, before):
            return W, n_iter


def _is_hard(problem: Problem) -> bool:
    """Whether 10 sqrt(L / (2 beta)) iterations take longer than D steps, each of which is as long as four."""
    D = problem.loss.shape[0]
    return not problem.ridge or 2 * problem.ridge * D**2 < 8 * float(np.max(problem.lipschitz[0]))


def _sizes(used: Positions, size: Positions, stalled: NDArray[np.bool_]) -> Positions:
    """Of the next working sets: hardly larger than what is used.

    Twice as many where the last ones were all taken up or did not help, but hardly more than twice the used.
    """
    grown = np.minimum(2 * size, 2 * used + FIRST)
    grows = stalled | (5 * used > 4 * size)
    return np.asarray(np.maximum(5 * used // 4 + FIRST, np.where(grows, grown, 0)))


def _largest(values: Floats, n: int) -> Positions:
    """Positions of the n largest of each column, in increasing order of their values."""
    first = np.argpartition(values, len(values) - n, axis=0)[len(values) - n :]
    order = np.argsort(np.take_along_axis(values, first, axis=0), axis=0)
    return np.take_along_axis(first, order, axis=0)


def _together(tasks: Positions, size: Positions, memory: Positions) -> Iterator[Positions]:
    """Tasks in groups of similar size that fit in the cache."""
    tasks = tasks[np.argsort(size[tasks], kind="stable")]
    while len(tasks):
        needed = np.arange(1, len(tasks) + 1) * memory[tasks]
        n = max(1, int(np.searchsorted(needed, CACHE, side="right")))
        yield tasks[:n]
        tasks = tasks[n:]


class EntryLoss(GramLoss):
    """The loss of some tasks, and of W that is zero but for some features of each.

    Column k of ``entries`` (w x n) has the features of task ``tasks[k]``. There are no blocks, and no proof
    from the rows.
    """

    def __init__(self, loss: QuadraticLoss, entries: Positions, tasks: Positions, gram: Floats) -> None:
        _restrict(self, loss, entries, tasks)
        self.gram = gram


class SparseEntryLoss(OperatorLoss):
    """The same of a sparse design, through its rows: those of all tasks are one block-diagonal matrix.

    Each row has a weight, and the position of its task.
    """

    def __init__(
        self,
        loss: QuadraticLoss,
        entries: Positions,
        tasks: Positions,
        rows: Any,
        weight: Floats,
        task: Positions,
    ) -> None:
        _restrict(self, loss, entries, tasks)
        self.rows, self.weight, self.task = rows, weight, task

    def rows_hessian(self, W: Floats) -> Floats:
        n_features, n_tasks = self.shape
        R = self.rows @ W.T.ravel()
        means = self.centering.features
        if self.centering.fit_intercept:
            R -= (means * W).sum(axis=0)[self.task]
        R *= self.weight
        HW = (self.rows.T @ R).reshape(n_tasks, n_features).T
        if self.centering.fit_intercept:
            HW = HW - means * np.bincount(self.task, weights=R, minlength=n_tasks)
        return np.asarray(HW)

    @cached_property
    def rows_lipschitz(self) -> tuple[float | Floats, bool]:
        """An estimate a task, by powers."""
        start = np.random.default_rng(0).standard_normal((self.shape[1], self.shape[0], 1))
        return largest_eigenvalues(lambda V: self.hessian(V[:, :, 0].T).T[:, :, None], start), False


def _restrict(part: StackedRows, loss: QuadraticLoss, entries: Positions, tasks: Positions) -> None:
    """What the loss on some entries has of the whole, without the rows."""

    def taken(values: Floats) -> Floats:
        return np.asarray(np.broadcast_to(values, loss.shape)[entries, tasks])

    part.blocks, part.graph, part.coupling = {}, None, None
    part.shape = (len(entries), len(tasks))
    part.n_terms = loss.n_terms
    part.linear, part.energy = taken(loss.linear), loss.energy[tasks]
    part.column_norms, part.target_norms = taken(loss.column_norms), loss.target_norms[tasks]
    means = loss.centering
    part.centering = Centering(taken(means.features), means.targets[tasks], means.fit_intercept)


def _mean_column(loss: QuadraticLoss) -> int:
    """The entries that are stored of a column of the rows of a task, on average."""
    D, T = loss.shape
    return sum(block.cost for block in loss.blocks.values()) // (D * T)


def _better_shared(loss: QuadraticLoss, width: int) -> bool:
    """Whether one product with all rows, which serves all tasks, is cheaper than one a task of that width."""
    return all(block.shared_gram for block in loss.blocks.values()) and 4 * width > loss.shape[0]


def _source(loss: QuadraticLoss) -> _Grams | _Columns:
    """Columns of sparse rows; but Gram matrices, where those of the whole are at hand."""
    sparse = any(not block.dense for block in loss.blocks.values())
    return _Columns(loss) if sparse and isinstance(loss, OperatorLoss) else _Grams(loss)


class _Grams:
    """The Gram matrices of some features of each task; what its last set had is not computed again."""

    def __init__(self, loss: QuadraticLoss) -> None:
        self.loss = loss
        self.known: dict[int, tuple[Positions, Floats]] = {}

    def memory(self, size: Positions) -> Positions:
        """Entries that an iteration goes through, a task."""
        return size**2

    def too_wide(self, width: int) -> bool:
        """Whether Gram matrices of that width take too much memory, or longer than rows of all features."""
        if width**2 > GRAM_LIMIT:
            return True
        if isinstance(self.loss, GramLoss):
            return False
        rows = 2 * self.loss.shape[0] * _mean_column(self.loss)
        return width**2 > rows or _better_shared(self.loss, width)

    def loss_on(self, entries: Positions, tasks: Positions) -> EntryLoss:
        gram = np.stack([self.of(int(t), features) for t, features in zip(tasks, entries.T, strict=True)])
        return EntryLoss(self.loss, entries, tasks, gram)

    def of(self, task: int, features: Positions) -> Floats:
        D, T = self.loss.shape
        before, known = self.known.get(task, (np.empty(0, dtype=np.intp), np.empty((0, 0))))
        if 2 * len(before) <= len(features):  # not worth the search
            before = before[:0]
        place = np.full(D, -1)
        place[before] = np.arange(len(before))
        place = place[features]
        old, new = np.flatnonzero(place >= 0), np.flatnonzero(place < 0)
        gram = np.empty((len(features), len(features)))
        gram[np.ix_(old, old)] = known[np.ix_(place[old], place[old])]
        if len(new):
            cross = self.loss.cross_gram(task, features, features[new])
            cross[new] = 0.5 * (cross[new] + cross[new].T)  # symmetric to the last digit
            gram[:, new] = cross
            gram[new] = cross.T
        if T * gram.size <= GRAM_LIMIT:
            self.known[task] = features, gram
        return gram


class _Columns:
    """The columns of sparse designs, task by task."""

    def __init__(self, loss: QuadraticLoss) -> None:
        self.loss = loss
        self.blocks = [block.by_columns() for block in loss.blocks.values()]

    def memory(self, size: Positions) -> Positions:
        """Entries that an iteration goes through, a task."""
        return size * (_mean_column(self.loss) + 1)

    def too_wide(self, width: int) -> bool:
        """Rows of its own take a task no less than some of their columns."""
        return _better_shared(self.loss, width)

    def loss_on(self, entries: Positions, tasks: Positions) -> SparseEntryLoss:
        return SparseEntryLoss(self.loss, entries, tasks, *self.of(entries, tasks))

    def of(self, entries: Positions, tasks: Positions) -> tuple[Any, Floats, Positions]:
        """The rows of some features of each task, block-diagonal; their weights; and their tasks."""
        pieces, weights = [], []
        for k, t in enumerate(tasks):
            designs, own = zip(*(block(int(t)) for block in self.blocks), strict=True)
            pieces.append(sp.vstack([X[:, entries[:, k]] for X in designs]))
            weights.append(np.concatenate(own))
        task = np.repeat(np.arange(len(tasks)), [len(weight) for weight in weights])
        return sp.block_diag(pieces, format="csr"), np.concatenate(weights), task
