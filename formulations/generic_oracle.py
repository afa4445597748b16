"""Solve a generic objective with a conic solver: normalised, compiled once.

As in `oracle`, with powers of two, y = a y', X = b X', u = k^2 u', E = h E', W = (a/b) W': dividing F by
a^2 k^2 leaves the same problem in the primed quantities with

    penalty    Omega(W)        ->  Omega(W') / (a b k^2)
    ridge      ||W||_F^2       ->  ridge / (b^2 k^2)
    graph      ||E W'||_F^2    ->  h^2 / (b^2 k^2)
    delta                      ->  delta / a

which takes a norm. Of any other penalty W cannot be rescaled: then b = a, and only y and the weights of
rows are of size 1. The logistic loss has no unit of y: a = 1. The multipliers nu' of the ties
``R' == y' - z'`` are -c u' tau', so that ``sqrt(c u) tau = -a k nu' / sqrt(c u')``.

A delta beyond sqrt(F(0) / min u) never acts below F(0) and is lowered to that, if the penalty is a norm.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cvxpy as cp
import numpy as np

from formulations.data import Array, Data
from formulations.graphs import Edge
from formulations.losses import Huber, Logistic, Loss
from formulations.oracle import Conic, OracleError, Scales, Solution, normalise
from formulations.posed import Posed, declare_smooth
from formulations.terms import in_row_order

__all__ = ["CompiledGeneric"]


def normalise_posed(posed: Posed) -> tuple[Data, list[Edge], Loss, Scales]:
    """Return the primed problem's data, edges and loss, and the scales that lead back."""
    signs, loss = isinstance(posed.loss, Logistic), posed.loss
    crowd = posed.data.crowd
    given = replace(posed.data, crowd=replace(crowd, y=0 * crowd.y)) if signs else posed.data
    data, edges, scales = normalise(given, posed.edges, posed.fit_intercept)
    rows = data.crowd
    if not posed.penalty.is_norm:
        rows = replace(rows, X=rows.X * (scales.b / scales.a))
        scales = replace(scales, b=scales.a)
    if signs:
        rows = replace(rows, y=crowd.y)
    if isinstance(loss, Huber):
        delta = loss.delta / scales.a
        if posed.penalty.is_norm:
            most = np.sqrt(np.sum(rows.u * rows.y**2) / rows.u[rows.u > 0].min())
            delta = min(delta, max(1.01 * float(most), np.finfo(float).tiny))
        loss = Huber(delta)
    return replace(data, crowd=rows), edges, loss, scales


class CompiledGeneric(Conic):
    """One generic objective on one data set and graph, with the ridge as a parameter."""

    def __init__(self, posed: Posed) -> None:
        self.name, self.key = posed.name, self.key_of(posed)
        self.data, self.edges, self.loss, self.scales = normalise_posed(posed)
        parts, value, within = posed.penalty.declare()
        self.parts = dict(zip(posed.parts, parts, strict=True))
        intercept = cp.Variable(posed.n_tasks, name="c") if posed.fit_intercept else None
        W = sum(parts[1:], start=parts[0])
        smooth, graph, self.ties = declare_smooth(self.loss, self.data, self.edges, W, intercept, split=True)
        self.ridge = cp.Parameter(nonneg=True, name="ridge")
        s = self.scales
        whole = smooth + (s.weight("norm")) * value + s.weight("graph") * graph
        whole += self.ridge * cp.sum_squares(W)
        self.problem = cp.Problem(cp.Minimize(whole), [*self.ties.values(), *within])

    @staticmethod
    def key_of(posed: Posed) -> tuple[Any, ...]:
        """Return what must be equal for a compiled problem to be used again."""
        edges = tuple(posed.edges)
        return posed.data.fingerprint(), edges, posed.fit_intercept, posed.loss, id(posed.penalty)

    def solve(self, ridge: float, solver: str, *, warm_start: bool) -> Solution:
        """Solve at the user's ridge; an answer of any status but optimal warns or raises."""
        self.ridge.value = ridge * self.scales.weight("square")
        if not np.isfinite(self.ridge.value):
            raise OracleError(f"ridge = {ridge} overflows at the scale of these data")
        for variable in self.problem.variables():
            variable.save_value(None)  # CVXPY compiles `sum_largest` otherwise where it has values
        status = self._run(solver, warm_start)
        if any(part.value is None for part in self.parts.values()):
            raise OracleError(f"{solver} ended with status {status!r} and no values")
        unit = self.scales.a / self.scales.b
        parts = {name: np.array(v.value, dtype=float) * unit for name, v in self.parts.items()}
        if not all(np.isfinite(part).all() for part in parts.values()):
            raise OracleError(f"{solver} ended with status {status!r} and values that are not finite")
        stats = self.problem.solver_stats
        return Solution(
            parts=parts,
            multipliers=self._multipliers(),
            status=status,
            n_iter=max(int(stats.num_iters or 0), 1),
            solve_time=float(stats.solve_time or 0.0),
        )

    def _multipliers(self) -> dict[str, Array]:
        """Return the dual point of the solver's own multipliers, in the user's units."""
        s, rows = self.scales, self.data.crowd
        nu = in_row_order(rows, np.asarray(self.ties["crowd"].dual_value, dtype=float))
        root = np.sqrt(self.loss.c * rows.u)
        theta = np.divide(-s.a * s.k * nu, root, out=np.zeros_like(nu), where=root > 0)
        multipliers = {"crowd": theta[:, 0] if self.data.flat else theta}
        if "graph" in self.ties:
            unit = s.a * s.b * s.k / s.h * s.k / np.sqrt(2)
            multipliers["graph"] = unit * np.asarray(self.ties["graph"].dual_value, dtype=float)
        return multipliers
