"""Independent tasks whose entries are penalised one by one: each is solved on few features of its own.

Where the polar of a penalty is the largest of the polars of its entries, W_dt = 0 is optimal wherever that of
G = M'r is below 1 at (d, t). So each task has a working set of its own, of the features in use and those of
largest polar, and its Gram matrix is small: tasks are iterated on side by side as far as their matrices fit
in the cache of a processor, and those that are solved are left alone. Then one gradient over all entries says
how far that is from the whole, and which features were missing. The certificate is of all features.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fista.certificate import entry_polars, seems_solved
from fista.graphs import Graph
from fista.losses import GRAM_LIMIT, Centering, GramLoss, OperatorLoss, QuadraticLoss
from fista.penalties import Penalty
from fista.problem import Problem
from fista.rows import Rows
from fista.working_sets import Inner, next_aim

__all__ = ["applicable", "solve", "suit"]

Floats = NDArray[np.float64]
Positions = NDArray[np.intp]
FIRST = 16  # features of a task in its first working set
CACHE = 1_000_000  # entries of the Gram matrices that are iterated on together, 8 MB


def suit(penalty: Penalty, blocks: Mapping[str, Rows], graph: Graph | None) -> bool:
    """Whether the tasks of a dense design are to be solved so: of a sparse one, rows are cheaper."""
    D, T = next(iter(blocks.values())).shape
    return all(block.dense for block in blocks.values()) and _suit(penalty, D, T, graph)


def applicable(problem: Problem) -> bool:
    """Whether a problem is one of those, and not one of a Gram matrix that its tasks share."""
    loss = problem.loss
    if isinstance(loss, OperatorLoss):
        return suit(problem.penalty, loss.blocks, loss.graph)
    alone = isinstance(loss, GramLoss) and loss.gram.ndim == 3
    return alone and _suit(problem.penalty, *loss.shape, loss.graph)


def _suit(penalty: Penalty, D: int, T: int, graph: Graph | None) -> bool:
    by_entries = penalty.separable and hasattr(penalty, "entry_polars") and hasattr(penalty, "on_tasks")
    large = D > 4 * FIRST and 4 * D * D * T > CACHE
    coupled = graph is not None and graph.weight.any()
    return by_entries and large and not coupled and not penalty.unpenalised(T).any()


def solve(problem: Problem, start: Floats, tol: float, max_iter: int, inner: Inner) -> tuple[Floats, int]:
    """Return coefficients that seem solved to tol, and the iterations of ``inner`` on all working sets.

    ``inner(problem, start, tol, max_iter)`` solves some tasks on few features; their iterations count once.
    """
    D, T = problem.loss.shape
    grams = _Grams(problem.loss)
    W, n_iter, aim = start.copy(), 0, 0.0
    size, last = np.zeros(T, dtype=np.intp), np.full(T, np.inf)
    while True:
        image = problem.image(W)
        if n_iter >= max_iter - 1 or seems_solved(problem, W, image, n_iter, tol):
            return W, n_iter
        polars, gaps, gap = entry_polars(problem, W, image)
        used = W != 0
        size, last = _sizes(used.sum(axis=0), size, gaps > 0.5 * last), gaps
        size[4 * size >= 3 * D] = D  # else selecting costs more than it saves
        ranked = np.argsort(np.where(used, np.inf, polars), axis=0)
        aim = next_aim(gap, aim, tol)
        spent = 0
        for tasks in _together(np.flatnonzero(gaps > aim), size):
            entries = np.sort(ranked[D - size[tasks].max() :, tasks], axis=0)
            loss = EntryLoss(problem.loss, entries, tasks, grams)
            part = replace(problem, loss=loss, penalty=problem.penalty.on_tasks(tasks))  # type: ignore[attr-defined]
            state = inner(part, W[entries, tasks], aim, max_iter - n_iter - 1)
            W[entries, tasks] = state.W  # all that was used before is among the entries
            spent = max(spent, state.n_iter)
        n_iter += spent


def _sizes(used: Positions, size: Positions, stalled: NDArray[np.bool_]) -> Positions:
    """Of the next working sets: hardly larger than what is used.

    Twice as many where the last ones were all taken up or did not help, but hardly more than twice the used.
    """
    grown = np.minimum(2 * size, 2 * used + FIRST)
    grows = stalled | (5 * used > 4 * size)
    return np.asarray(np.maximum(5 * used // 4 + FIRST, np.where(grows, grown, 0)))


def _together(tasks: Positions, size: Positions) -> Iterator[Positions]:
    """Tasks in groups of similar size whose Gram matrices fit in the cache."""
    tasks = tasks[np.argsort(size[tasks], kind="stable")]
    while len(tasks):
        needed = np.arange(1, len(tasks) + 1) * size[tasks] ** 2
        n = max(1, int(np.searchsorted(needed, CACHE, side="right")))
        yield tasks[:n]
        tasks = tasks[n:]


class EntryLoss(GramLoss):
    """The loss of some tasks, and of W that is zero but for some features of each.

    Column k of ``entries`` (w x n) has the features of task ``tasks[k]``. There are no blocks, and no proof
    from the rows.
    """

    def __init__(self, loss: QuadraticLoss, entries: Positions, tasks: Positions, grams: _Grams) -> None:
        def taken(values: Floats) -> Floats:
            return np.asarray(np.broadcast_to(values, loss.shape)[entries, tasks])

        self.blocks, self.graph, self.coupling = {}, None, None
        n_features, n_tasks = entries.shape
        self.shape = (n_features, n_tasks)
        self.n_terms = loss.n_terms
        self.linear, self.energy = taken(loss.linear), loss.energy[tasks]
        self.column_norms, self.target_norms = taken(loss.column_norms), loss.target_norms[tasks]
        means = loss.centering
        self.centering = Centering(taken(means.features), means.targets[tasks], means.fit_intercept)
        self.gram = np.empty((n_tasks, n_features, n_features))
        for k, t in enumerate(tasks):
            self.gram[k] = grams.of(int(t), entries[:, k])


class _Grams:
    """The Gram matrices of some features of each task; what is known of a task is not computed again."""

    def __init__(self, loss: QuadraticLoss) -> None:
        self.loss = loss
        self.known: dict[int, tuple[Positions, Floats]] = {}

    def of(self, task: int, features: Positions) -> Floats:
        D, T = self.loss.shape
        before, known = self.known.get(task, (np.empty(0, dtype=np.intp), np.empty((0, 0))))
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
