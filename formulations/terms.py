"""The residuals that the objectives are written in, as CVXPY expressions or as split variables."""

from __future__ import annotations

from typing import Any

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from formulations.data import Array, Data, Rows
from formulations.graphs import Edge
from formulations.objectives import Objective

__all__ = ["Terms", "incidence"]


def incidence(edges: list[Edge], n_tasks: int) -> sp.csr_array:
    """Return E, edges x T: E[q, i] = g and E[q, j] = -g for edge q = (i, j, g)."""
    E = sp.lil_array((len(edges), n_tasks))
    for q, (i, j, g) in enumerate(edges):
        E[q, i], E[q, j] = g, -g
    return E.tocsr()


class Terms:
    """``crowd(W)``, ``expert(W)`` and ``graph(W)`` for the objectives.

    With ``split=False`` they are plain expressions in W and the intercept. With ``split=True`` each
    is a new variable tied to its expression by an equality, so that the solver's multiplier of that
    equality is, up to sign and scale, the dual variable of the residual.
    """

    def __init__(self, data: Data, edges: list[Edge], intercept: Any, *, split: bool) -> None:
        self.data, self.edges, self.intercept, self.split = data, edges, intercept, split
        self.ties: dict[str, Any] = {}  # name of the term -> its equality constraint

    def of(self, objective: Objective) -> dict[str, Any]:
        """Return the terms that an objective asks for, by name."""
        wanted: dict[str, Any] = {"crowd": self.crowd}
        if objective.has_expert:
            wanted["expert"] = self.expert
        if objective.has_graph:
            wanted["graph"] = self.graph
        return wanted

    def crowd(self, W: Any) -> Any:
        return self._tied("crowd", self._residual(self.data.crowd, W))

    def expert(self, W: Any) -> Any:
        if self.data.expert is None:
            return cp.Constant(0.0)
        return self._tied("expert", self._residual(self.data.expert, W))

    def graph(self, W: Any) -> Any:
        if not self.edges:
            return cp.Constant(0.0)
        return self._tied("graph", incidence(self.edges, self.data.n_tasks) @ W.T)

    def _tied(self, name: str, expression: Any) -> Any:
        if not self.split:
            return expression
        variable = cp.Variable(expression.shape, name=name)
        self.ties[name] = variable == expression
        return variable

    def _residual(self, rows: Rows, W: Any) -> Any:
        """U^(1/2) (Y - X W - 1 c'): N x T, or, with one design per task, stacked task by task."""
        if rows.task is None:
            root, residual = np.sqrt(rows.u), rows.y - rows.X @ W
            if self.intercept is not None:
                ones = np.ones((len(rows.y), 1))
                residual = residual - ones @ cp.reshape(self.intercept, (1, rows.n_tasks), "C")
        else:
            order = rows_by_task(rows.task)
            root, pieces = np.sqrt(rows.u[order]), []
            for t in np.unique(rows.task):
                mine = np.flatnonzero(rows.task == t)
                piece = rows.y[mine] - rows.X[mine] @ W[:, t]
                pieces.append(piece if self.intercept is None else piece - self.intercept[t])
            residual = cp.hstack(pieces)
        return residual if (root == 1).all() else cp.multiply(root, residual)


def rows_by_task(task: Any) -> Any:
    """Return the order in which a per-task residual stacks its rows."""
    return np.argsort(task, kind="stable")


def in_row_order(rows: Rows, values: Array) -> Array:
    """Undo the stacking of a per-task residual."""
    if rows.task is None:
        return values.reshape(rows.y.shape)
    out = np.empty_like(values)
    out[rows_by_task(rows.task)] = values
    return out
