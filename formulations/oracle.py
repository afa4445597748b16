"""Solve a declared objective with a conic solver: normalise, compile once, solve, check the status.

Normalisation
-------------
A solver may say "optimal" on badly scaled data while it is far away, so the problem is rescaled by
an exact equivalence first. With powers of two a, b, k, m, h (so that no digit changes) put

    y = a y',  X = b X',  u = k^2 u',  u_expert = m^2 u_expert',  E = h E',  W = (a/b) W',

and the intercept c = a c'. Then SSQ = a^2 k^2 SSQ', and dividing F by a^2 k^2 leaves the same
problem in the primed quantities if every weight is replaced by

    norm       ||W||          (a/b)               / (a^2 k^2)  ->  weight / (a b k^2)
    square     ||W||_F^2      (a/b)^2             / (a^2 k^2)  ->  weight / (b^2 k^2)
    graph      ||E W'||_F^2   (a/b)^2 h^2         / (a^2 k^2)  ->  weight h^2 / (b^2 k^2)
    expert     ||V - P W||^2  a^2 m^2             / (a^2 k^2)  ->  weight m^2 / k^2

With an intercept, y and a dense X are moved by their (weighted) means, which only moves the
intercept. The multipliers nu' of ``R' == U'^(1/2) (y' - X' W' - c')`` and its like give the dual
variables in the user's units: with objective terms f ||R||^2 in the primed problem nu' = -2 f R', so

    theta_crowd  = sqrt(c) R           = -a k nu' / (2 f) sqrt(c),             c = 2 f
    theta_expert = sqrt(2 lam) R       = -a m nu' / (2 lam') sqrt(2 lam)
    theta_graph  = -sqrt(2 lam) E W'   =  (a/b) h nu' / (2 lam') sqrt(2 lam)

A norm's weight beyond every reach
----------------------------------
The optimal theta has ||theta|| <= ||b||, so |M'theta| <= ||M||_F ||b|| in every norm that a polar
takes, up to sqrt(D T). A norm weight above that bound times 2 leaves the set of dual solutions and
of primal solutions as it is at the bound: it is lowered to it, in the primed problem only. Where
that makes W = 0 the solution, quadratic penalties above the bound are lowered to it as well.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import cvxpy as cp
import numpy as np
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from formulations.data import Array, Data, Rows, is_sparse
from formulations.graphs import Edge
from formulations.objectives import OBJECTIVES
from formulations.terms import Terms, in_row_order

__all__ = ["SOLVERS", "Compiled", "OracleError", "Solution"]


def _clarabel(tol: float) -> dict[str, float]:
    names = ("tol_gap_abs", "tol_gap_rel", "tol_feas")
    return {**dict.fromkeys(names, tol), **{f"reduced_{name}": 1e3 * tol for name in names}}


# Per solver, the settings to try in turn until one ends "optimal": the tightest that double
# precision can reach is not known beforehand. What the answer is worth is for the gap to say.
SOLVERS: dict[str, list[dict[str, Any]]] = {
    "CLARABEL": [_clarabel(1e-12), _clarabel(1e-10), _clarabel(1e-9), _clarabel(1e-8)],
    "OSQP": [
        {"eps_abs": 1e-10, "eps_rel": 1e-10, "max_iter": 10_000, "polishing": True},
        {"eps_abs": 1e-8, "eps_rel": 1e-8, "max_iter": 200_000, "polishing": True},
    ],
    "SCS": [
        {"eps_abs": 1e-10, "eps_rel": 1e-10, "max_iters": 10_000},
        {"eps_abs": 1e-8, "eps_rel": 1e-8, "max_iters": 100_000},
    ],
}


#: An answer, whose worth is for its certificate to say.
INACCURATE = (cp.OPTIMAL_INACCURATE, cp.settings.USER_LIMIT)


class OracleError(RuntimeError):
    """The conic solver gave no usable answer."""


@dataclass(frozen=True)
class Solution:
    """What a solver answered, in the user's units."""

    parts: dict[str, Array]
    multipliers: dict[str, Array]
    status: str
    n_iter: int
    solve_time: float


def _power_of_two(x: float) -> float:
    """Return the power of two nearest to x in magnitude, 1 for 0."""
    return float(2.0 ** np.round(np.log2(x))) if x > 0 and np.isfinite(x) else 1.0


@dataclass(frozen=True)
class Scales:
    """The powers of two of the normalisation (see the module)."""

    a: float
    b: float
    k: float
    m: float
    h: float

    def weight(self, kind: str) -> float:
        """Return the factor that takes a user's weight to the primed problem."""
        a, b, k, m, h = self.a, self.b, self.k, self.m, self.h
        return {
            "norm": 1 / a / b / k / k,
            "square": 1 / b / b / k / k,
            "graph": h / b / k * (h / b / k),
            "expert": m / k * (m / k),
        }[kind]


def _frobenius(x: Any) -> float:
    """Return the Frobenius norm without overflow or underflow."""
    values = x.data if is_sparse(x) else np.asarray(x)
    largest = float(np.abs(values).max(initial=0.0))
    return largest * float(np.linalg.norm(values / largest)) if largest > 0 else 0.0


def _weighted_size(rows: Rows) -> float:
    """Return ||diag(root) X||_F, where root is the largest U^(1/2) of every row."""
    root = np.sqrt(rows.u)
    return _frobenius(sp.diags_array(root.max(axis=1) if rows.task is None else root) @ rows.X)


def _moved(rows: Rows, means_y: Array, means_X: Array | None) -> Rows:
    """Subtract means (per task for y; per feature, or per task and feature, for X)."""
    y = np.where(rows.u > 0, rows.y - rows.spread(means_y), 0.0)
    if means_X is None:
        return replace(rows, y=y)
    return replace(rows, y=y, X=rows.X - (means_X[0] if rows.task is None else means_X[rows.task]))


def _centred(blocks: list[Rows]) -> list[Rows]:
    """Move y and dense X by their weighted means: only the intercept changes."""
    total = np.sum([rows.totals(rows.u) for rows in blocks], axis=0)
    safe = np.where(total > 0, total, 1.0)
    means_y = np.asarray(sum(rows.totals(rows.u * rows.y) for rows in blocks) / safe)
    if any(is_sparse(rows.X) for rows in blocks):
        return [_moved(rows, means_y, None) for rows in blocks]
    if blocks[0].task is None:
        weight = [rows.u.sum(axis=1) for rows in blocks]
        means_X = sum(w @ rows.X for w, rows in zip(weight, blocks, strict=True))[None, :]
        means_X = means_X / max(float(total.sum()), np.finfo(float).tiny)
    else:
        columns = range(blocks[0].n_features)
        means_X = np.stack(
            [sum(rows.totals(rows.u * rows.X[:, d]) for rows in blocks) / safe for d in columns],
            axis=1,
        )
    return [_moved(rows, means_y, means_X) for rows in blocks]


def normalise(data: Data, edges: list[Edge], fit_intercept: bool) -> tuple[Data, list[Edge], Scales]:
    """Return the primed problem's data and edges, and the scales that lead back."""
    blocks = [rows for rows in (data.crowd, data.expert) if rows is not None]
    if fit_intercept:
        blocks = _centred(blocks)
    roots = [_power_of_two(float(np.sqrt(rows.u.max(initial=0.0)))) for rows in blocks]
    blocks = [replace(r, u=r.u / root / root) for r, root in zip(blocks, roots, strict=True)]
    a = _power_of_two(max(_frobenius(np.sqrt(rows.u) * rows.y) for rows in blocks))
    b = _power_of_two(max(_weighted_size(rows) for rows in blocks) / np.sqrt(data.n_features))
    h = _power_of_two(max((g for _, _, g in edges), default=1.0))
    blocks = [replace(rows, y=rows.y / a, X=rows.X / b) for rows in blocks]
    expert = blocks[1] if len(blocks) > 1 else None
    scales = Scales(a, b, roots[0], roots[1] if expert is not None else 1.0, h)
    scaled_edges = [(i, j, g / h) for i, j, g in edges]
    return replace(data, crowd=blocks[0], expert=expert), scaled_edges, scales


class Conic:
    """A compiled problem: its solver's settings are tried in turn until one ends with an answer."""

    name: str
    problem: Any

    def _run(self, solver: str, warm_start: bool) -> str:
        if solver not in cp.installed_solvers():
            raise OracleError(f"{solver} is not installed; CVXPY found {cp.installed_solvers()}")
        usable = None  # the last settings that left an answer, if not an optimal one
        for settings in SOLVERS[solver]:
            error = self._try(solver, warm_start, settings)
            if error is None:
                if self.problem.status == cp.OPTIMAL:
                    break
                if self.problem.status in INACCURATE:
                    usable = settings
        if error is not None and usable is not None:
            error = self._try(solver, warm_start, usable)
        if error is not None:
            status = self.problem.status or "solver_error"
            raise OracleError(f"{solver} failed on {self.name}, status {status!r}") from error
        status = str(self.problem.status)
        if status in INACCURATE:
            warnings.warn(
                f"{solver} ended with status {status!r} on {self.name}: see certificate_ for how "
                "near the answer is",
                ConvergenceWarning,
                stacklevel=4,
            )
        elif status != cp.OPTIMAL:
            raise OracleError(f"{solver} ended with status {status!r} on {self.name}")
        return status

    def _try(self, solver: str, warm_start: bool, settings: dict[str, Any]) -> Exception | None:
        """Solve with some settings; return the error where the solver gives up."""
        try:
            with warnings.catch_warnings():
                # Their news is in the status, which is reported in our own words.
                warnings.filterwarnings("ignore", message="Solution may be inaccurate")
                warnings.filterwarnings("ignore", message=".*[Cc]onverged to an inaccurate")
                self.problem.solve(solver=solver, warm_start=warm_start, **settings)
        except cp.error.SolverError as failure:
            return failure  # type: ignore[no-any-return]
        return None


class Compiled(Conic):
    """One objective on one data set and graph, with its weights as parameters.

    Building it is the expensive part; ``solve`` may be called with any weights.
    """

    def __init__(self, name: str, data: Data, edges: list[Edge], fit_intercept: bool) -> None:
        self.name, self.objective = name, OBJECTIVES[name]
        self.key = self.key_of(name, data, edges, fit_intercept)
        self.data, self.edges, self.scales = normalise(data, edges, fit_intercept)
        shape = (data.n_features, data.n_tasks)
        self.parts = {part: cp.Variable(shape, name=part) for part in self.objective.parts}
        self.weights = {
            weight: cp.Parameter((data.n_tasks,) if name == "STLasso" else (), name=weight, nonneg=True)
            for weight in self.objective.weights
        }
        intercept = cp.Variable(data.n_tasks, name="c") if fit_intercept else None
        terms = Terms(self.data, self.edges, intercept, split=True)
        value = self.objective.declare(**self.parts, **terms.of(self.objective), **self.weights)
        self.ties = terms.ties
        self.problem = cp.Problem(cp.Minimize(value), list(self.ties.values()))
        if not self.problem.is_dcp(dpp=True):
            raise AssertionError(f"{name} is not declared by the rules of DPP")
        self.reach = self._reach()

    @staticmethod
    def key_of(name: str, data: Data, edges: list[Edge], fit_intercept: bool) -> tuple[Any, ...]:
        """Return what must be equal for a compiled problem to be used again."""
        return name, data.fingerprint(), tuple(edges), fit_intercept

    def _reach(self) -> tuple[float, float]:
        """Bound ||M||_F ||b|| of the primed problem: crowd part and expert part."""
        sizes = []
        for rows in (self.data.crowd, self.data.expert):
            if rows is None:
                sizes.append((0.0, 0.0))
                continue
            X = _weighted_size(rows) * np.sqrt(rows.n_tasks)
            sizes.append((X, _frobenius(np.sqrt(rows.u) * rows.y)))
        (X, y), (P, v) = sizes
        return float(np.hypot(X, P)), float(np.hypot(y, v))

    def _primed(self, weights: dict[str, Any]) -> dict[str, Any]:
        kinds = self.objective.weights
        with np.errstate(over="ignore", under="ignore"):
            primed = {w: weights[w] * self.scales.weight(kind) for w, kind in kinds.items()}
        experts = [primed[w] for w, kind in kinds.items() if kind == "expert"]
        experts = experts if self.data.expert is not None else []
        factor = max(2 * self.objective.crowd_factor, *(2 * e for e in experts), 0.0)
        size = self.data.n_features * self.data.n_tasks
        limit = max(2 * factor * self.reach[0] * self.reach[1] * np.sqrt(size), 1.0)
        for w, kind in kinds.items():
            if kind == "norm":
                primed[w] = np.minimum(primed[w], limit)
        norms = [primed[w] for w, kind in kinds.items() if kind == "norm"]
        if all((norm >= limit).all() for norm in norms):
            # W = 0 is optimal whatever the quadratic penalties are.
            for w, kind in kinds.items():
                if kind in ("square", "graph"):
                    primed[w] = min(primed[w], limit)
        for w in kinds:
            if not np.isfinite(primed[w]).all():
                raise OracleError(f"{w} = {weights[w]} overflows at the scale of these data")
        return primed

    def solve(self, weights: dict[str, Any], solver: str, *, warm_start: bool) -> Solution:
        """Solve at the user's weights; an answer of any status but optimal warns or raises."""
        primed = self._primed(weights)
        for name, parameter in self.weights.items():
            parameter.value = primed[name]
        status = self._run(solver, warm_start)
        if any(part.value is None for part in self.parts.values()):
            raise OracleError(f"{solver} ended with status {status!r} and no values")
        with np.errstate(over="ignore", under="ignore"):
            unit = self.scales.a / self.scales.b
            parts = {name: np.array(v.value, dtype=float) * unit for name, v in self.parts.items()}
        if not all(np.isfinite(part).all() for part in parts.values()):
            raise OracleError(f"{solver} ended with status {status!r} and values that are not finite")
        stats = self.problem.solver_stats
        return Solution(
            parts=parts,
            multipliers=self._multipliers(weights, primed),
            status=status,
            n_iter=max(int(stats.num_iters or 0), 1),
            solve_time=float(stats.solve_time or 0.0),
        )

    def _multipliers(self, weights: dict[str, Any], primed: dict[str, Any]) -> dict[str, Array]:
        """Return the dual point of the solver's own multipliers, in the user's units."""
        s, c = self.scales, 2 * self.objective.crowd_factor
        theta: dict[str, Array] = {}
        kinds = {kind: w for w, kind in self.objective.weights.items()}
        for term, tie in self.ties.items():
            nu = np.asarray(tie.dual_value, dtype=float)
            if term == "crowd":
                theta[term] = in_row_order(self.data.crowd, -s.a * s.k * nu / np.sqrt(c))
                continue
            lam, lam_primed = weights[kinds[term]], primed[kinds[term]]
            factor = np.sqrt(2 * lam) / (2 * lam_primed) if lam_primed > 0 else 0.0
            if term == "expert" and self.data.expert is not None:
                theta[term] = in_row_order(self.data.expert, -s.a * s.m * factor * nu)
            if term == "graph":
                theta[term] = (s.a / s.b) * s.h * factor * nu
        for term, rows in (("crowd", self.data.crowd), ("expert", self.data.expert)):
            if term in theta and rows is not None:
                theta[term] = np.where(rows.u > 0, theta[term], 0.0)
                theta[term] = theta[term][:, 0] if self.data.flat else theta[term]
        return theta
