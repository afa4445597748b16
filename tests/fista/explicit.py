"""The seven objectives as explicit rows of M and b, by plain loops from section 3 of the design.

Nothing here comes from `fista`: the intercept has columns of its own in M instead of centred rows, graph
terms are rows, penalties and their conjugates are written out. `reference` minimises it with CVXPY.
"""

import math
from typing import Any

import cvxpy as cp
import numpy as np

import fista

EPS = float(np.finfo(float).eps)
NAMES = ("STLasso", "MTLasso", "L21MTL", "DirtyMTL", "RobustMTL", "SRMTL", "EGMTL")
EDGES = [(0, 1), (1, 2, 0.5), (2, 0, 2.0), (0, 1, 1.5)]  # one of them twice
WEIGHTS: dict[str, dict[str, Any]] = {
    "STLasso": {"alpha": [1.0, 3.0, 0.5]},
    "MTLasso": {"alpha": 2.0, "beta": 0.5},
    "L21MTL": {"alpha": 3.0, "beta": 0.25},
    "DirtyMTL": {"rho1": 4.0, "rho2": 2.5},
    "RobustMTL": {"rho1": 4.0, "rho2": 5.0},
    "SRMTL": {"alpha": 0.5, "beta": 2.0, "gamma": 0.25, "graph": EDGES},
    "EGMTL": {"lam1": 1.5, "lam2": 0.75, "lam3": 2.0, "graph": EDGES},
}


def make(name: str, design: str, *, seed: int = 0, **arguments: Any) -> tuple[Any, Any, Any, dict[str, Any]]:
    """Return a model and data of 3 tasks and 4 features: weights, a missing rating, experts for EGMTL."""
    rng = np.random.default_rng(seed)
    model = getattr(fista, name)(**{**WEIGHTS[name], **arguments})
    D, T = 4, 3
    W = rng.normal(size=(D, T)) * (rng.random((D, T)) < 0.6)
    P = rng.normal(size=(5, D))
    if design == "shared":
        X = rng.normal(size=(9, D)) + 0.5
        y = X @ W + rng.normal(size=(9, T)) + [1.0, 0.0, -2.0]
        u = rng.uniform(0.5, 2.0, size=(9, T))
        y[2, 1], u[2, 1] = np.nan, 0.0
        data: dict[str, Any] = {"sample_weight": u}
        experts: dict[str, Any] = {"y_expert": P @ W + rng.normal(size=(5, T))}
    else:
        tasks = np.array(list("bacabccabbacabcacbca"))
        X = rng.normal(size=(20, D)) + 0.5
        y = rng.normal(size=20) * 2 + 1
        data = {"tasks": tasks, "sample_weight": rng.uniform(0.5, 2.0, size=20)}
        experts = {"y_expert": rng.normal(size=5), "tasks_expert": list("acabc")}
        experts["sample_weight_expert"] = rng.uniform(1.0, 3.0, size=5)
    if name == "EGMTL":
        data |= {"X_expert": P} | experts
    return model, X, y, data


class Explicit:
    """1/2 ||M w - b||^2 + beta ||W||_F^2 + Omega(W); w holds the D coefficients of task 0, 1, ..., then c."""

    def __init__(
        self,
        model: Any,
        X: Any,
        y: Any,
        *,
        tasks: Any = None,
        sample_weight: Any = None,
        X_expert: Any = None,
        y_expert: Any = None,
        tasks_expert: Any = None,
        sample_weight_expert: Any = None,
        expert: Any = None,
    ) -> None:
        self.name, self.model = type(model).__name__, model
        self.intercept = bool(model.fit_intercept)
        X, y = np.asarray(X, float), np.asarray(y, float)
        if model.task_labels is not None:
            labels = sorted(model.task_labels)
        elif tasks is not None:
            labels = sorted(set(tasks))
        else:
            labels = list(range(1 if y.ndim == 1 else y.shape[1]))
        self.D, self.T = X.shape[1], len(labels)
        crowd, experts = (1.0, 2.0 * model.lam1) if self.name == "EGMTL" else (2.0, 0.0)

        # One entry a rating: (task, x, y, omega, where its dual variable is).
        self.ratings: list[tuple[int, Any, float, float, tuple[str, Any]]] = []

        def add(rows: Any, where: str, factor: float, X: Any, y: Any, labelled: Any, weights: Any) -> None:
            for at, i in enumerate(rows):
                if labelled is not None:
                    targets = [(labels.index(labelled[i]), y[i], at)]
                elif y.ndim == 1:
                    targets = [(0, y[i], (at, 0))]
                else:
                    targets = [(t, y[i, t], (at, t)) for t in range(self.T)]
                for t, target, index in targets:
                    weight = 1.0
                    if weights is not None:
                        weight = float(weights[i] if np.ndim(weights) == 1 else weights[i][t])
                    value = float(target) if weight > 0 else 0.0
                    self.ratings.append((t, X[i], value, factor * weight, (where, index)))

        everyone = range(len(X))
        if expert is None:
            add(everyone, "crowd", crowd, X, y, tasks, sample_weight)
        else:
            add([i for i in everyone if not expert[i]], "crowd", crowd, X, y, tasks, sample_weight)
            add([i for i in everyone if expert[i]], "expert", experts, X, y, tasks, sample_weight)
        if X_expert is not None:
            P, V = np.asarray(X_expert, float), np.asarray(y_expert, float)
            add(range(len(P)), "expert", experts, P, V, tasks_expert, sample_weight_expert)

        self.edges: list[tuple[int, int, float]] = []
        if self.name in ("SRMTL", "EGMTL"):
            self.edges = edges_of(model.graph, self.T)
        self.graph_weight = {"SRMTL": "alpha", "EGMTL": "lam2"}.get(self.name)
        self.ridge = {"MTLasso": "beta", "L21MTL": "beta", "SRMTL": "gamma"}.get(self.name)
        self.beta = 0.0 if self.ridge is None else float(getattr(model, self.ridge))
        self.M, self.b = self._rows()

    def _rows(self) -> tuple[Any, Any]:
        D, T = self.D, self.T
        columns = D * T + (T if self.intercept else 0)
        rows, b = [], []
        for t, x, target, omega, _ in self.ratings:
            row = np.zeros(columns)
            for d in range(D):
                row[t * D + d] = math.sqrt(omega) * x[d]
            if self.intercept:
                row[D * T + t] = math.sqrt(omega)
            rows.append(row)
            b.append(math.sqrt(omega) * target)
        for i, j, g in self.edges if self.graph_weight else []:
            size = math.sqrt(2 * float(getattr(self.model, self.graph_weight))) * g  # type: ignore[arg-type]
            for d in range(D):
                row = np.zeros(columns)
                row[i * D + d], row[j * D + d] = size, -size
                rows.append(row)
                b.append(0.0)
        return np.array(rows), np.array(b)

    # -- the primal ------------------------------------------------------------------------------

    def best_intercept(self, W: Any) -> Any:
        """The weighted mean of what is left of the targets, one task after the other."""
        c = np.zeros(self.T)
        if self.intercept:
            for t in range(self.T):
                mine = [(omega, y - float(x @ W[:, t])) for s, x, y, omega, _ in self.ratings if s == t]
                mass = math.fsum(omega for omega, _ in mine)
                c[t] = math.fsum(omega * r for omega, r in mine) / mass if mass > 0 else 0.0
        return c

    def omega(self, parts: Any) -> float:
        """The sparsity penalty of a list of parts, by loops."""
        m, D, T = self.model, range(self.D), range(self.T)
        W = parts[0]
        if self.name == "STLasso":
            alpha = np.broadcast_to(m.alpha, (self.T,))
            return math.fsum(alpha[t] * abs(W[d, t]) for d in D for t in T)
        if self.name == "L21MTL":
            return m.alpha * math.fsum(math.hypot(*W[d]) for d in D)
        if self.name == "DirtyMTL":
            largest = math.fsum(max(abs(W[d, t]) for t in T) for d in D)
            return m.rho1 * largest + m.rho2 * math.fsum(abs(parts[1][d, t]) for d in D for t in T)
        if self.name == "RobustMTL":
            rows = math.fsum(math.hypot(*W[d]) for d in D)
            return m.rho1 * rows + m.rho2 * math.fsum(math.hypot(*parts[1][:, t]) for t in T)
        weight = {"MTLasso": "alpha", "SRMTL": "beta", "EGMTL": "lam3"}[self.name]
        return getattr(m, weight) * math.fsum(abs(W[d, t]) for d in D for t in T)

    def objective(self, parts: Any, c: Any = None) -> float:
        """F as the table of the design states it, term by term; with its best intercept if none is given."""
        parts = list(parts.values()) if isinstance(parts, dict) else list(parts)
        W = sum(parts[1:], start=parts[0])
        c = self.best_intercept(W) if c is None else np.atleast_1d(c)
        squares = [omega * (y - float(x @ W[:, t]) - c[t]) ** 2 for t, x, y, omega, _ in self.ratings]
        graph = [g * g * (W[d, i] - W[d, j]) ** 2 for i, j, g in self.edges for d in range(self.D)]
        factor = float(getattr(self.model, self.graph_weight)) if self.graph_weight else 0.0
        total = 0.5 * math.fsum(squares) + factor * math.fsum(graph) + self.omega(parts)
        return total + self.beta * math.fsum(v * v for v in W.ravel())

    def at_zero(self) -> float:
        return self.objective(
            [np.zeros((self.D, self.T))] * (2 if self.name in ("DirtyMTL", "RobustMTL") else 1)
        )

    # -- rounding --------------------------------------------------------------------------------

    @property
    def n(self) -> int:
        """No sum here or there takes more terms than this."""
        return sum(self.M.shape) + 10

    def magnitude(self, W: Any) -> float:
        """||b|| + sum_j ||M_j|| |w_j|, what the entries of a residual are sums of."""
        w = np.concatenate([W.T.ravel(), self.best_intercept(W)])[: self.M.shape[1]]
        return float(np.linalg.norm(self.b) + np.linalg.norm(self.M, axis=0) @ np.abs(w))

    def slack(self, parts: Any) -> float:
        """How far two evaluations of F may be apart.

        A sum of n terms is exact to n u times the sum of their sizes (u = eps / 2): a residual to n u A, half
        its square to n u A ||r|| <= n u A^2 and to n u ||r||^2 / 2 for the sum, the other terms to n u of
        themselves. Twice, for two evaluations: eps n (3/2 A^2 + Omega + ridge).
        """
        parts = list(parts.values()) if isinstance(parts, dict) else list(parts)
        W = sum(parts[1:], start=parts[0])
        others = self.omega(parts) + self.beta * float(np.sum(W * W))
        return EPS * self.n * (1.5 * self.magnitude(W) ** 2 + others)

    # -- the dual --------------------------------------------------------------------------------

    def theta(self, point: dict[str, Any]) -> Any:
        """The rows of a certificate's dual point in the order of the rows of M."""
        theta = [float(point[where][index]) for *_, (where, index) in self.ratings]
        if "graph" in point:
            theta += [float(v) for row in point["graph"] for v in row]
        return np.array(theta)

    def gradient(self, theta: Any) -> tuple[Any, Any]:
        """M'theta: D x T for the coefficients, and what is left for the intercepts."""
        G = self.M.T @ theta
        return G[: self.D * self.T].reshape(self.T, self.D).T, G[self.D * self.T :]

    def polar(self, G: Any) -> float:
        """Sup <G, W> over Omega(W) <= 1, from section 3 of the design."""
        m, D, T = self.model, range(self.D), range(self.T)

        def over(size: float, weight: float) -> float:
            return 0.0 if size == 0 else (size / weight if weight > 0 else math.inf)

        entries = max(abs(G[d, t]) for d in D for t in T)
        rows = max(math.hypot(*G[d]) for d in D)
        if self.name == "STLasso":
            alpha = np.broadcast_to(m.alpha, (self.T,))
            return max(over(abs(G[d, t]), alpha[t]) for d in D for t in T)
        if self.name == "L21MTL":
            return over(rows, m.alpha)
        if self.name == "DirtyMTL":
            sums = max(math.fsum(abs(G[d, t]) for t in T) for d in D)
            return max(over(sums, m.rho1), over(entries, m.rho2))
        if self.name == "RobustMTL":
            return max(over(rows, m.rho1), over(max(math.hypot(*G[:, t]) for t in T), m.rho2))
        return over(entries, getattr(m, {"MTLasso": "alpha", "SRMTL": "beta", "EGMTL": "lam3"}[self.name]))

    def distance(self, G: Any) -> float:
        """The distance of G to {polar <= 1}, for the penalties that go with a ridge."""
        if self.name == "L21MTL":
            excess = [max(math.hypot(*G[d]) - self.model.alpha, 0.0) for d in range(self.D)]
        else:
            weight = self.model.alpha if self.name == "MTLasso" else self.model.beta
            excess = [max(abs(g) - weight, 0.0) for g in G.ravel()]
        return math.hypot(*excess)

    def dual(self, theta: Any) -> float:
        """<b, theta> - 1/2 ||theta||^2, less the conjugate where there is a ridge."""
        value = float(self.b @ theta - 0.5 * theta @ theta)
        if self.beta:
            value -= self.distance(self.gradient(theta)[0]) ** 2 / (4 * self.beta)
        return value

    # -- another solver --------------------------------------------------------------------------

    def reference(self) -> list[Any]:
        """The parts that CLARABEL returns for M and b: good to its tolerance, not to be believed as F*."""
        D, T = self.D, self.T
        m = self.model
        parts = [cp.Variable((D, T)) for _ in range(2 if self.name in ("DirtyMTL", "RobustMTL") else 1)]
        W = sum(parts[1:], start=parts[0])
        w = cp.vec(W, order="F")
        if self.intercept:
            w = cp.hstack([w, cp.Variable(T)])
        F = 0.5 * cp.sum_squares(self.M @ w - self.b) + self.beta * cp.sum_squares(W)
        if self.name == "STLasso":
            F += cp.sum(cp.multiply(np.tile(np.broadcast_to(m.alpha, (T,)), (D, 1)), cp.abs(W)))
        elif self.name == "L21MTL":
            F += m.alpha * cp.sum(cp.norm(W, 2, axis=1))
        elif self.name == "DirtyMTL":
            F += m.rho1 * cp.sum(cp.max(cp.abs(parts[0]), axis=1)) + m.rho2 * cp.sum(cp.abs(parts[1]))
        elif self.name == "RobustMTL":
            F += m.rho1 * cp.sum(cp.norm(parts[0], 2, axis=1)) + m.rho2 * cp.sum(cp.norm(parts[1], 2, axis=0))
        else:
            weight = {"MTLasso": "alpha", "SRMTL": "beta", "EGMTL": "lam3"}[self.name]
            F += getattr(m, weight) * cp.sum(cp.abs(W))
        cp.Problem(cp.Minimize(F)).solve(solver=cp.CLARABEL)
        return [np.asarray(part.value) for part in parts]


def edges_of(graph: Any, n_tasks: int) -> list[tuple[int, int, float]]:
    """The forms of a graph that the tests of objectives use."""
    if isinstance(graph, str):
        pairs = [(i, j) for i in range(n_tasks) for j in range(i + 1, n_tasks)]
        return [(i, j, 1.0) for i, j in pairs if graph == "complete" or j == i + 1]
    return [(e[0], e[1], float(e[2]) if len(e) == 3 else 1.0) for e in graph]


def problem_of(model: Any, X: Any, y: Any, **data: Any) -> Any:
    """The problem that `fit` would hand to the solver."""
    return model._problem(model._read(X, y, **data))


def shape_of(model: Any, D: int, T: int) -> tuple[int, ...]:
    """The shape of the coefficients that the solver works on."""
    return (2, D, T) if type(model).__name__ in ("DirtyMTL", "RobustMTL") else (D, T)
