"""Small problems of every objective, and a slow evaluation that shares nothing with the package."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import formulations

NAMES = list(formulations.OBJECTIVES)
DESIGNS = ["shared", "per task"]
SOLVERS = {
    name: ["CLARABEL", "SCS"] if name in ("L21MTL", "RobustMTL") else ["CLARABEL", "OSQP", "SCS"]
    for name in NAMES
}
CASES = [(name, design) for name in NAMES for design in DESIGNS]
WEIGHTS: dict[str, dict[str, Any]] = {
    "STLasso": {"alpha": [1.5, 0.5, 0.25]},
    "MTLasso": {"alpha": 1.5, "beta": 0.25},
    "L21MTL": {"alpha": 2.0, "beta": 0.25},
    "DirtyMTL": {"rho1": 2.0, "rho2": 1.25},
    "RobustMTL": {"rho1": 2.0, "rho2": 2.5},
    "SRMTL": {"alpha": 0.5, "beta": 1.5, "gamma": 0.25},
    "EGMTL": {"lam1": 0.75, "lam2": 0.5, "lam3": 1.5},
}
EDGES = [(0, 1, 3.0), (2, 1, 0.5)]


@dataclass
class Problem:
    model: Any
    X: Any
    y: Any
    keywords: dict[str, Any] = field(default_factory=dict)

    def fit(self) -> Any:
        return self.model.fit(self.X, self.y, **self.keywords)

    def declare(self) -> formulations.Declared:
        return formulations.declare(self.model, self.X, self.y, **self.keywords)


def make(
    name: str, design: str, *, seed: int = 0, weights: dict[str, Any] | None = None, **arguments: Any
) -> Problem:
    """Return a problem of 3 tasks and 4 features with weights, and a missing rating if shared."""
    rng = np.random.default_rng(seed)
    given = dict(WEIGHTS[name] if weights is None else weights)
    if name in ("SRMTL", "EGMTL"):
        arguments.setdefault("graph", EDGES)
    model = getattr(formulations, name)(**given, **arguments)
    T, D = 3, 4
    W = rng.normal(size=(D, T)) * (rng.random((D, T)) < 0.6)
    if design == "shared":
        X, P = rng.normal(size=(9, D)), rng.normal(size=(5, D))
        y, v = X @ W + rng.normal(size=(9, T)), P @ W + rng.normal(size=(5, T))
        u = rng.uniform(0.5, 2.0, size=(9, T))
        y[2, 1], u[2, 1] = np.nan, 0.0
        keywords: dict[str, Any] = {"sample_weight": u}
        experts: dict[str, Any] = {"X_expert": P, "y_expert": v}
    else:
        tasks = np.array(list("bacabccabbacabcacbca"))
        X, P = rng.normal(size=(20, D)) + 0.5, rng.normal(size=(5, D))
        y, v = rng.normal(size=20) * 2, rng.normal(size=5)
        keywords = {"tasks": tasks, "sample_weight": rng.uniform(0.5, 2.0, size=20)}
        experts = {"X_expert": P, "y_expert": v, "tasks_expert": ["a", "c", "a", "b", "c"]}
        experts["sample_weight_expert"] = rng.uniform(20.0, 40.0, size=5)
    if name == "EGMTL":
        keywords |= experts
    return Problem(model, X, y, keywords)


def squares(X: Any, y: Any, u: Any, tasks: Any, W: Any, c: Any, number: Any = float) -> Any:
    """Return sum u (y - x w - c)^2 with plain loops; `number` may be Fraction."""
    total = number(0)
    X, y, W, c = (np.asarray(a, dtype=float).tolist() for a in (X, y, W, c))
    for n, row in enumerate(X):
        if tasks is None:
            entries = [(t, y[n][t], u[n][t]) for t in range(len(c))]
        else:
            entries = [(tasks[n], y[n], u[n])]
        for t, target, weight in entries:
            if weight == 0:
                continue
            r = number(target) - number(c[t])
            for d, x in enumerate(row):
                r -= number(x) * number(W[d][t])
            total += number(weight) * r * r
    return total


def loops(problem: Problem, parts: dict[str, Any], c: Any, number: Any = float) -> Any:
    """Return the objective, from section 3 of the design, with plain loops."""
    name, m, kw = type(problem.model).__name__, problem.model, problem.keywords
    W = sum(parts.values())
    D, T = W.shape
    labels = sorted(set(kw["tasks"])) if "tasks" in kw else None

    def ssq(X: Any, y: Any, u: Any, tasks: Any) -> Any:
        at = None if tasks is None else [labels.index(t) for t in tasks]
        shape = np.shape(y)
        u = np.ones(shape) if u is None else np.asarray(u)
        if len(shape) == 2 and u.ndim == 1:
            u = np.repeat(u[:, None], shape[1], axis=1)
        return squares(X, y, u.tolist(), at, W, c, number)

    def l1(A: Any) -> Any:
        return sum((abs(number(a)) for a in A.ravel().tolist()), number(0))

    def l2(values: Any) -> float:
        return math.sqrt(math.fsum(a * a for a in values.tolist()))

    def frobenius(A: Any) -> Any:
        return sum((number(a) ** 2 for a in A.ravel().tolist()), number(0))

    def graph() -> Any:
        total = number(0)
        for i, j, g in EDGES:
            for d in range(D):
                total += number(g) ** 2 * (number(float(W[d, i])) - number(float(W[d, j]))) ** 2
        return total

    crowd = ssq(problem.X, problem.y, kw.get("sample_weight"), kw.get("tasks"))
    if name == "STLasso":
        alpha = np.broadcast_to(np.asarray(m.alpha, dtype=float), T)
        return crowd + sum(number(float(alpha[t])) * l1(W[:, t]) for t in range(T))
    if name == "MTLasso":
        return crowd + number(m.alpha) * l1(W) + number(m.beta) * frobenius(W)
    if name == "L21MTL":
        return crowd + m.alpha * sum(l2(W[d]) for d in range(D)) + m.beta * frobenius(W)
    P, Q = parts.get("P"), parts.get("Q")
    if name == "DirtyMTL":
        largest = sum((max(abs(number(a)) for a in P[d].tolist()) for d in range(D)), number(0))
        return crowd + number(m.rho1) * largest + number(m.rho2) * l1(Q)
    if name == "RobustMTL":
        rows, columns = sum(l2(P[d]) for d in range(D)), sum(l2(Q[:, t]) for t in range(T))
        return crowd + m.rho1 * rows + m.rho2 * columns
    if name == "SRMTL":
        rest = number(m.beta) * l1(W) + number(m.gamma) * frobenius(W)
        return crowd + number(m.alpha) * graph() + rest
    total = crowd / 2 + number(m.lam2) * graph() + number(m.lam3) * l1(W)
    if "X_expert" in kw:
        args = kw["X_expert"], kw["y_expert"], kw.get("sample_weight_expert")
        total += number(m.lam1) * ssq(*args, kw.get("tasks_expert"))
    return total


def random_parts(declared: formulations.Declared, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    shape = (declared.n_features, declared.n_tasks)
    return {name: rng.normal(size=shape).round(3) for name in declared.parts}
