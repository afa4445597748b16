"""Objectives for solvers of plain Lasso and group Lasso, by stacking rows: ||b - A w||^2 + alpha ||w||.

The tasks lie one below the other, w = (w_1, ..., w_T), so A has a block a task; experts are more rows of a
block, and the graph's sum over edges of ||w_i - w_j||^2 is ||(G x I) w||^2 with G = sqrt(T) times Helmert's
matrix where all tasks are related (T - 1 rows for T (T - 1) / 2 edges), and the differences in a chain. A
block with more rows than features is replaced by the Cholesky factor of its Gram matrix, which leaves the
same minimisers. EG is stacked times 2, since its crowd has a factor of 1/2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as sla
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks.cases import Case
from benchmarks.judge import incidence

__all__ = ["lasso", "rows_by_feature"]

Floats = NDArray[np.float64]


def lasso(case: Case) -> tuple[sp.csc_array, Floats, float]:
    """A, b and alpha of a Lasso for an objective whose norm is l1; W is ``w.reshape(T, D).T``."""
    weights, D, T = case.weights, case.n_features, case.n_tasks
    if case.objective == "EG":
        rows, alpha = 2 * weights["lam2"], 2 * weights["lam3"]
    elif case.objective == "SR":
        rows, alpha = weights["alpha"], weights["beta"]
    else:
        rows, alpha = 0.0, weights["alpha"]
    G = np.sqrt(rows) * _graph_rows(weights["graph"], T) if rows else np.zeros((0, T))
    blocks = _blocks(case)
    A = _stack([X for X, _ in blocks], G)
    b = np.concatenate([*(y for _, y in blocks), np.zeros(len(G) * D)])
    return A, b, float(alpha)


def rows_by_feature(case: Case) -> tuple[sp.csc_array, Floats]:
    """A and b with the T coefficients of a feature side by side; W is ``w.reshape(D, T)``."""
    A, b, _ = lasso(case)
    order = np.arange(case.n_features * case.n_tasks).reshape(case.n_tasks, -1).T.ravel()
    return A[:, order], b


def _graph_rows(graph: str, n_tasks: int) -> Floats:
    if graph == "complete":
        return np.asarray(np.sqrt(n_tasks) * sla.helmert(n_tasks))
    return np.asarray(incidence(graph, n_tasks).toarray())


def _blocks(case: Case) -> list[tuple[Any, Floats]]:
    """Design and targets of every task, experts below the crowd."""
    pieces = case.crowd.pieces()
    if case.expert is not None:
        root = np.sqrt(2 * case.weights["lam1"])
        both = zip(pieces, case.expert.pieces(), strict=True)
        pieces = [(_below(X, root * P), np.vstack([Y, root * V])) for (X, Y), (P, V) in both]
    pieces = [_reduced(X, Y) for X, Y in pieces]
    if case.crowd.tasks is None:
        ((X, Y),) = pieces
        return [(X, y) for y in Y.T]
    return [(X, y[:, 0]) for X, y in pieces]


def _below(X: Any, P: Any) -> Any:
    return sp.vstack([X, P], format="csc") if sp.issparse(X) else np.vstack([X, P])


def _reduced(X: Any, Y: Floats) -> tuple[Any, Floats]:
    if sp.issparse(X) or X.shape[0] <= X.shape[1]:
        return X, Y
    try:
        R = np.linalg.cholesky(X.T @ X).T
    except np.linalg.LinAlgError:  # rank-deficient
        return X, Y
    return R, sla.solve_triangular(R, X.T @ Y, trans=1)


def _stack(designs: list[Any], G: Floats) -> sp.csc_array:
    """The blocks along the diagonal, and (G x I) below: dense ones straight into columns."""
    if sp.issparse(designs[0]):
        tied = [sp.kron(sp.csc_array(G), sp.eye_array(designs[0].shape[1]))] if len(G) else []
        return sp.vstack([sp.block_diag(designs, format="csr"), *tied], format="csc")
    D, n_rows = designs[0].shape[1], [len(X) for X in designs]
    starts, below = np.cumsum([0, *n_rows]), sum(n_rows)
    values, indices, counts = [], [], []
    for X, g, start in zip(designs, G.T, starts[:-1], strict=True):
        edges = np.flatnonzero(g)
        values.append(np.hstack([X.T, np.tile(g[edges], (D, 1))]).ravel())
        tied = below + edges * D + np.arange(D)[:, None]
        own = np.broadcast_to(start + np.arange(len(X)), (D, len(X)))
        indices.append(np.hstack([own, tied]).astype(np.int32).ravel())
        counts.append(np.full(D, len(X) + len(edges)))
    ends = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int32)
    shape = (below + len(G) * D, D * len(designs))
    return sp.csc_array((np.concatenate(values), np.concatenate(indices), ends), shape=shape)
