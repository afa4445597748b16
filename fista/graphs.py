"""Task graphs: who is related to whom, and how strongly.

An edge ``(i, j, g)`` between two positions in ``tasks_`` contributes ``g**2 * ||w_i - w_j||**2`` to the
penalty ``||E W'||_F**2``, where row q = (i, j) of the incidence matrix E holds ``g`` in column i and ``-g``
in column j. Every helper returns a plain list of such edges, which any estimator takes as ``graph=``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

__all__ = ["Edge", "Graph", "chain", "complete", "from_adjacency", "from_incidence", "from_labels"]

Edge = tuple[int, int, float]
Floats = NDArray[np.float64]
REACH = 1e100  # what squares of weights are multiplied with, at most


@dataclass(frozen=True)
class Graph:
    """Edges ``(tail[q], head[q])`` of weight ``weight[q]`` between ``n_tasks`` tasks."""

    n_tasks: int
    tail: NDArray[np.intp]
    head: NDArray[np.intp]
    weight: Floats

    @classmethod
    def of(cls, graph: Any, n_tasks: int) -> Graph:
        """Read any accepted form of ``graph=`` (see `read_edges`)."""
        edges = read_edges(graph, n_tasks)
        return cls(
            n_tasks,
            np.array([i for i, _, _ in edges], dtype=np.intp),
            np.array([j for _, j, _ in edges], dtype=np.intp),
            np.array([g for _, _, g in edges], dtype=np.float64),
        )

    @cached_property
    def incidence(self) -> Any:
        """E, edges x T, sparse: row q holds g at the tail of edge q and -g at its head."""
        edges = np.arange(len(self.weight))
        entries = np.concatenate([self.weight, -self.weight])
        ends = np.concatenate([edges, edges]), np.concatenate([self.tail, self.head])
        return sp.csr_array((entries, ends), shape=(len(edges), self.n_tasks))

    def laplacian(self) -> Floats:
        """E'E, T x T: sum of g**2 over the edges of a task on the diagonal, -g**2 off it."""
        with np.errstate(over="ignore"):
            found = np.asarray((self.incidence.T @ self.incidence).toarray())
            if not np.isfinite(REACH * found).all():
                raise ValueError("graph: found weights whose squares overflow; expected smaller ones")
        return found


def by_strength(coupling: Floats) -> Iterator[NDArray[np.signedinteger[Any]]]:
    """Labels of the tasks that edges connect: the strongest, then all of a tenth of the next, and so on.

    Each labelling joins groups of the one before; the last is that of all edges. There is none without edges.
    """
    strength = np.maximum(-coupling, 0.0)
    np.fill_diagonal(strength, 0.0)
    labels: NDArray[np.signedinteger[Any]] = np.arange(len(coupling))
    while (strongest := np.where(labels[:, None] != labels, strength, 0.0).max(initial=0.0)) > 0:
        labels = connected_components((strength > 0) & (strength >= 0.1 * strongest), directed=False)[1]
        yield labels


def complete(n_tasks: int, weight: float = 1.0) -> list[Edge]:
    """Every pair of tasks is related.

    Examples
    --------
    >>> complete(3)
    [(0, 1, 1.0), (0, 2, 1.0), (1, 2, 1.0)]
    """
    return [(i, j, float(weight)) for i in range(n_tasks) for j in range(i + 1, n_tasks)]


def chain(n_tasks: int, weight: float = 1.0) -> list[Edge]:
    """Each task is related to the next, in the order of ``tasks_``.

    Examples
    --------
    >>> chain(3)
    [(0, 1, 1.0), (1, 2, 1.0)]
    """
    return [(i, i + 1, float(weight)) for i in range(n_tasks - 1)]


def from_labels(labels: Iterable[Any], weight: float = 1.0) -> list[Edge]:
    """Tasks with equal labels are related; ``labels`` holds one label a task, in the order of ``tasks_``.

    Examples
    --------
    >>> from_labels(["calm", "tense", "calm"])
    [(0, 2, 1.0)]
    """
    seen = list(labels)
    return [
        (i, j, float(weight)) for i in range(len(seen)) for j in range(i + 1, len(seen)) if seen[i] == seen[j]
    ]


def from_adjacency(adjacency: Any) -> list[Edge]:
    """Edges of a symmetric T x T matrix with zero diagonal; entry g gives ``g**2 * ||w_i - w_j||**2``.

    Raises
    ------
    ValueError
        If the matrix is not square, not symmetric, has a non-zero diagonal, a negative or a non-finite entry.

    Examples
    --------
    >>> from_adjacency([[0, 2], [2, 0]])
    [(0, 1, 2.0)]
    """
    try:
        A = sp.coo_array(adjacency)
        A = A.astype(np.float64, casting="same_kind" if A.dtype.kind in "fc" else "unsafe")
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"graph: found an adjacency matrix that is not numeric ({error}); expected T x T weights"
        ) from None
    if A.ndim != 2 or A.shape[0] != A.shape[1]:
        raise ValueError(
            f"graph: found an adjacency matrix of shape {A.shape}; expected a square (T, T) matrix "
            "(edges go in as a list of tuples, an incidence matrix through graphs.from_incidence)"
        )
    A.sum_duplicates()
    if not np.all(np.isfinite(A.data)):
        raise ValueError("graph: found NaN or infinity in the adjacency matrix; expected finite weights")
    if np.any(A.data < 0):
        raise ValueError(
            f"graph: found a negative adjacency weight ({A.data.min():g}); expected weights >= 0"
        )
    if A.diagonal().any():
        raise ValueError(
            "graph: found a non-zero diagonal (a self-loop) in the adjacency matrix; expected zeros there"
        )
    if abs(A - A.T).max() > 0:
        raise ValueError("graph: found an adjacency matrix that is not symmetric; expected A == A.T")
    rows, cols = A.coords
    upper = np.flatnonzero((rows < cols) & (A.data > 0))
    order = upper[np.lexsort((cols[upper], rows[upper]))]
    return [(int(rows[q]), int(cols[q]), float(A.data[q])) for q in order]


def from_incidence(incidence: Any) -> list[Edge]:
    """Edges of an (edges x T) incidence matrix whose rows hold one ``g`` and one ``-g`` each.

    Raises
    ------
    ValueError
        If a row does not consist of one positive entry and its negative.

    Examples
    --------
    >>> from_incidence([[1, -1, 0], [0, 2, -2]])
    [(0, 1, 1.0), (1, 2, 2.0)]
    """
    E = sp.csr_array(incidence).astype(np.float64)
    edges: list[Edge] = []
    for q in range(E.shape[0]):
        columns = E.indices[E.indptr[q] : E.indptr[q + 1]]
        entries = E.data[E.indptr[q] : E.indptr[q + 1]]
        columns, entries = columns[entries != 0], entries[entries != 0]
        if len(entries) != 2 or entries.sum() != 0 or not np.all(np.isfinite(entries)):
            raise ValueError(
                f"incidence: found row {q} with entries {entries.tolist()}; expected exactly one g and one -g"
            )
        plus = int(np.argmax(entries))
        edges.append((int(columns[plus]), int(columns[1 - plus]), float(entries[plus])))
    return edges


def read_edges(graph: Any, n_tasks: int) -> list[Edge]:
    """Validate ``graph`` and return its edges.

    Parameters
    ----------
    graph : "complete", "chain", sequence of edges, or (T, T) array or sparse matrix
        A list or tuple is a sequence of edges ``(i, j)`` or ``(i, j, weight)``; a NumPy array, a
        scipy.sparse matrix or a pandas frame is an adjacency matrix.
    n_tasks : int
        T, the number of tasks.
    """
    if isinstance(graph, str):
        if graph == "complete":
            return complete(n_tasks)
        if graph == "chain":
            return chain(n_tasks)
        raise ValueError(
            f'graph: found {graph!r}; expected "complete", "chain", a sequence of edges or a T x T matrix'
        )
    matrix: Any = graph
    if hasattr(graph, "to_numpy"):
        graph = matrix = _from_frame(graph)
    if sp.issparse(graph) or isinstance(graph, np.ndarray):
        if matrix.shape != (n_tasks, n_tasks):
            raise ValueError(
                f"graph: found a matrix of shape {matrix.shape}; expected a ({n_tasks}, {n_tasks}) adjacency "
                "matrix (edges go in as a list of tuples, an incidence matrix through graphs.from_incidence)"
            )
        return from_adjacency(matrix)
    if not isinstance(graph, Sequence):
        raise TypeError(
            f'graph: found {type(graph).__name__}; expected "complete", "chain", a sequence of edges '
            "(i, j) or (i, j, weight), or a T x T adjacency matrix"
        )
    if len(graph) == n_tasks and all(isinstance(e, list) and len(e) == n_tasks for e in graph):
        raise ValueError(
            f"graph: found a list of {n_tasks} lists of length {n_tasks}, which could be edges or an "
            "adjacency matrix; expected edges as tuples, or the matrix as a NumPy array"
        )
    return [_read_edge(edge, q, n_tasks) for q, edge in enumerate(graph)]


def _from_frame(frame: Any) -> Floats:
    """The entries of a frame whose labels are in the order of the tasks."""
    labels = list(getattr(frame, "index", ()))
    if labels != list(getattr(frame, "columns", ())) or labels != sorted(labels):
        raise ValueError(
            f"graph: found a {type(frame).__name__} with rows {labels}, and columns "
            f"{list(getattr(frame, 'columns', ()))}; expected the same labels of both, in the order of "
            "tasks_, which is sorted"
        )
    return np.asarray(frame.to_numpy())


def _read_edge(edge: Any, q: int, n_tasks: int) -> Edge:
    where = f"graph: edge {q}"
    if not isinstance(edge, Sequence | np.ndarray) or isinstance(edge, str) or len(edge) not in (2, 3):
        raise ValueError(f"{where}: found {edge!r}; expected (i, j) or (i, j, weight)")
    i, j = edge[0], edge[1]
    g = edge[2] if len(edge) == 3 else 1.0
    for end in (i, j):
        if not isinstance(end, Integral) or isinstance(end, bool):
            raise TypeError(f"{where}: found the end {end!r}; expected an integer position in tasks_")
        if not 0 <= int(end) < n_tasks:
            raise ValueError(f"{where}: found the end {end}; expected a position in 0..{n_tasks - 1}")
    if i == j:
        raise ValueError(f"{where}: found a self-loop at {i}; expected two different tasks")
    if not isinstance(g, Real) or isinstance(g, bool):
        raise TypeError(f"{where}: found the weight {g!r}; expected a number >= 0")
    size = float(g)
    if not (np.isfinite(size) and size >= 0):
        raise ValueError(f"{where}: found the weight {size}; expected a finite number >= 0")
    return int(i), int(j), size
