"""Task graphs: every accepted spelling becomes one list of weighted edges."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

__all__ = ["Edge", "read_graph"]

Edge = tuple[int, int, float]


def read_graph(graph: Any, n_tasks: int) -> list[Edge]:
    """Return the edges ``(i, j, g)`` of a task graph, in the order and direction given.

    Parameters
    ----------
    graph : {"complete", "chain"}, sequence of edges, or T x T adjacency matrix
        A list or tuple always means edges, ``(i, j)`` (weight 1) or ``(i, j, g)``. A NumPy array, a
        scipy.sparse matrix or a pandas frame always means an adjacency matrix: symmetric, zero diagonal,
        entry g >= 0. An edge of weight g stands for the penalty ``g**2 * ||w_i - w_j||**2``; edges given
        more than once (in either direction) are kept apart, so that their ``g**2`` add.
    n_tasks : int
        The number of tasks T.

    Raises
    ------
    TypeError
        If `graph` is none of these, or an end point is not an integer.
    ValueError
        For an unknown name, a self-loop, a negative or non-finite weight, an end point outside
        ``0..T-1``, a matrix that is not a T x T symmetric adjacency, or a list of T lists of length
        T, which could be either edges or an adjacency matrix.
    """
    if isinstance(graph, str):
        return _named(graph, n_tasks)
    if hasattr(graph, "to_numpy") and hasattr(graph, "columns"):
        names = list(graph.index), list(graph.columns)
        if names[0] != names[1] or names[0] != sorted(names[0]):
            raise ValueError(
                "graph must have the same labels of rows and columns, sorted as the tasks are; got "
                f"{names[0]} and {names[1]}"
            )
        graph = np.asarray(graph.to_numpy())
    if isinstance(graph, np.ndarray) or sp.issparse(graph):
        return _from_adjacency(graph, n_tasks)
    if isinstance(graph, list | tuple):
        return _from_edges(graph, n_tasks)
    raise TypeError(
        f"graph must be 'complete', 'chain', a list or tuple of edges, or a {n_tasks} x {n_tasks} "
        f"NumPy or scipy.sparse adjacency matrix; got {type(graph).__name__}"
    )


def _named(name: str, n_tasks: int) -> list[Edge]:
    if name == "complete":
        return [(i, j, 1.0) for i in range(n_tasks) for j in range(i + 1, n_tasks)]
    if name == "chain":
        return [(i, i + 1, 1.0) for i in range(n_tasks - 1)]
    raise ValueError(f"graph must be 'complete' or 'chain' when it is a string; got {name!r}")


def _from_adjacency(graph: Any, n_tasks: int) -> list[Edge]:
    if graph.shape != (n_tasks, n_tasks):
        raise ValueError(
            f"graph: an adjacency matrix must have shape ({n_tasks}, {n_tasks}), one row and column "
            f"per task; got {graph.shape} (edges are given as a list of tuples)"
        )
    dense: Any = graph if isinstance(graph, np.ndarray) else graph.toarray()
    if dense.dtype.kind not in "biuf":
        raise TypeError(f"graph: an adjacency matrix must be numeric; got dtype {dense.dtype}")
    matrix = np.asarray(dense, dtype=np.float64)
    if not np.isfinite(matrix).all():
        raise ValueError("graph: an adjacency matrix must be finite; got NaN or infinity")
    if (matrix < 0).any():
        raise ValueError(f"graph: edge weights must be >= 0; got {matrix.min()}")
    if np.diagonal(matrix).any():
        raise ValueError("graph: an adjacency matrix must have a zero diagonal; got a self-loop")
    if not np.array_equal(matrix, matrix.T):
        raise ValueError("graph: an adjacency matrix must be symmetric; this one is not")
    rows, columns = np.nonzero(np.triu(matrix))
    return [(int(i), int(j), float(matrix[i, j])) for i, j in zip(rows, columns, strict=True)]


def _from_edges(graph: Sequence[Any], n_tasks: int) -> list[Edge]:
    if (
        n_tasks in (2, 3)
        and len(graph) == n_tasks
        and all(isinstance(row, list) and len(row) == n_tasks for row in graph)
    ):
        raise ValueError(
            f"graph: {n_tasks} lists of length {n_tasks} may mean edges or an adjacency matrix; "
            "pass tuples for edges or a NumPy array for an adjacency matrix"
        )
    return [_read_edge(edge, n_tasks) for edge in graph]


def _read_edge(edge: Any, n_tasks: int) -> Edge:
    if not isinstance(edge, list | tuple | np.ndarray) or len(edge) not in (2, 3):
        raise ValueError(
            f"graph: an edge must be (i, j) or (i, j, weight); got {edge!r} "
            "(an adjacency matrix is given as a NumPy array)"
        )
    for end in edge[:2]:
        if isinstance(end, bool | np.bool_) or not isinstance(end, numbers.Integral):
            raise TypeError(f"graph: the ends of an edge must be integers; got {edge!r}")
        if not 0 <= int(end) < n_tasks:
            raise ValueError(
                f"graph: the ends of an edge are positions 0..{n_tasks - 1} in tasks_; got {edge!r}"
            )
    i, j = int(edge[0]), int(edge[1])
    if i == j:
        raise ValueError(f"graph: an edge must join two different tasks; got {edge!r}")
    weight = edge[2] if len(edge) == 3 else 1.0
    if isinstance(weight, bool | np.bool_) or not isinstance(weight, numbers.Real):
        raise TypeError(f"graph: an edge weight must be a real number; got {edge!r}")
    if not (math.isfinite(weight) and float(weight) >= 0):
        raise ValueError(f"graph: an edge weight must be finite and >= 0; got {edge!r}")
    return i, j, float(weight)
