"""Brackets of the optimum for anybody's coefficients, from the rows.

`verification.certify` builds M row by row, which is slow, obvious, and too much for 20,000 rows or 50,000
features. Here the same F(W) = 1/2 ||M w - b||^2 + beta ||W||_F^2 + Omega(W) and the same bounds

    D(theta) = <b, theta> - 1/2 ||theta||^2,  polar(M'theta) <= 1        (beta = 0),
    D(theta) = ... - ||S_alpha(M'theta)||^2 / (4 beta)                   (elastic net),

with the polars of `formulations`, are computed by applying the rows; that both agree is a test. No solver's
word is taken. Any dual point bounds the same minimum from below, so an answer is judged by the best that
anybody has found: its gap is F(W) less the largest D. Rounding, some 1e-13 F(0), is not accounted for.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from benchmarks.cases import OBJECTIVES, Block, Case
from formulations.dual import SIDES

__all__ = ["Judge", "at_level", "incidence"]

Floats = NDArray[np.float64]
Theta = Mapping[str, Floats]


def incidence(graph: str, n_tasks: int) -> sp.csr_array:
    """E, edges x T: the difference of the two tasks of each edge."""
    pairs = (
        combinations(range(n_tasks), 2)
        if graph == "complete"
        else zip(range(n_tasks - 1), range(1, n_tasks), strict=True)
    )
    ends = np.array(list(pairs), dtype=np.intp).reshape(-1, 2)
    rows = np.repeat(np.arange(len(ends)), 2)
    signs = np.tile([1.0, -1.0], len(ends))
    return sp.csr_array((signs, (rows, ends.ravel())), shape=(len(ends), n_tasks))


def _fitted(block: Block, W: Floats) -> Floats:
    if block.tasks is None:
        return np.asarray(block.X @ W)
    return np.concatenate([block.X[rows] @ W[:, t] for t, rows in enumerate(block.slices)])


def _adjoint(block: Block, R: Floats) -> Floats:
    if block.tasks is None:
        return np.asarray(block.X.T @ R)
    return np.column_stack([block.X[rows].T @ R[rows] for rows in block.slices])


class Judge:
    """The value and lower bounds of one case; ``theta`` is as in `formulations.Declared.dual`."""

    def __init__(self, case: Case) -> None:
        self.case, weights = case, case.weights
        self.side = SIDES[case.estimator]
        self.norms = [weights[name] for name in self.side.norms]
        self.ridge = float(weights[self.side.ridge]) if self.side.ridge else 0.0
        self.scale = {"crowd": np.sqrt(self.side.c)}
        if case.expert is not None and self.side.expert:
            self.scale["expert"] = np.sqrt(2 * weights[self.side.expert])
        self.graph = None
        if self.side.graph:
            self.graph = np.sqrt(2 * weights[self.side.graph]) * incidence(weights["graph"], case.n_tasks)
        self.at_zero = 0.5 * sum(s**2 * float(np.sum(case.blocks[k].Y ** 2)) for k, s in self.scale.items())

    def residual(self, W: Floats) -> dict[str, Floats]:
        """B - M w, by blocks."""
        r = {k: s * (self.case.blocks[k].Y - _fitted(self.case.blocks[k], W)) for k, s in self.scale.items()}
        return r if self.graph is None else {**r, "graph": -(self.graph @ W.T)}

    def adjoint(self, theta: Theta) -> Floats:
        """M'theta, D x T."""
        G = sum(s * _adjoint(self.case.blocks[k], theta[k]) for k, s in self.scale.items())
        return np.asarray(G if self.graph is None else G + (self.graph.T @ theta["graph"]).T)

    def primal(self, parts: Mapping[str, Floats]) -> float:
        """F(W); inf for what is no answer."""
        W = np.asarray(sum(parts.values()))
        shape = (self.case.n_features, self.case.n_tasks)
        if np.shape(W) != shape or not np.all(np.isfinite(W)):
            return np.inf
        smooth = sum(float(np.sum(r**2)) for r in self.residual(W).values())
        return 0.5 * smooth + self.ridge * float(np.sum(W**2)) + self._omega(parts)

    def _omega(self, parts: Mapping[str, Floats]) -> float:
        rows = [float(np.sum(np.linalg.norm(part, axis=1))) for part in parts.values()]
        entries = [float(np.sum(np.abs(part))) for part in parts.values()]
        match self.case.objective:
            case "l21":
                terms = [rows[0]]
            case "Dirty":
                terms = [float(np.sum(np.abs(parts["P"]).max(axis=1))), entries[1]]
            case "Robust":
                terms = [rows[0], float(np.sum(np.linalg.norm(parts["Q"], axis=0)))]
            case _:
                terms = [entries[0]]
        return float(np.dot(self.norms, terms))

    def polar(self, G: Floats) -> float:
        """The smallest p with M'theta = G in p times the dual ball."""
        return float(self.side.polar(np.abs(G), *self.norms))

    def dual(self, theta: Theta) -> float:
        """The best bound along a direction: the largest D(s theta) over s."""
        b_theta = sum(s * float(np.vdot(self.case.blocks[k].Y, theta[k])) for k, s in self.scale.items())
        square = sum(float(np.sum(t**2)) for t in theta.values())
        G = self.adjoint(theta)
        if not np.isfinite(G).all() or square == 0:
            return 0.0  # of theta = 0
        if self.ridge:
            (alpha,) = self.norms

            def bound(s: float) -> float:
                beyond = np.maximum(np.abs(s * G) - alpha, 0.0)
                return s * b_theta - 0.5 * s**2 * square - float(np.sum(beyond**2)) / (4 * self.ridge)

            best: float = minimize_scalar(
                lambda s: -bound(s), bounds=(0.0, 2.0), method="bounded", options={"xatol": 1e-12}
            ).x
            return max(bound(best), bound(1.0))
        polar = self.polar(G)
        s = max(min(b_theta / square, 1 / polar if polar > 0 else np.inf), 0.0)
        return float(s * b_theta - 0.5 * s**2 * square)

    def lower(self, parts: Mapping[str, Floats], theta: Theta | None) -> float:
        """The better of the bounds from an answer's residual and from its own dual point, if it has one."""
        W = np.asarray(sum(parts.values()))
        if np.shape(W) != (self.case.n_features, self.case.n_tasks):
            return 0.0
        points = [self.residual(W)] + ([] if theta is None else [theta])
        return max(self.dual(point) for point in points)

    def lambda_max(self) -> float:
        """The factor on the sparsity weights from which W = 0 is optimal."""
        return self.polar(self.adjoint(self.residual(np.zeros((self.case.n_features, self.case.n_tasks)))))


def at_level(case: Case, level: float) -> Case:
    """The case with sparsity weights at a share of lambda_max."""
    assert all(case.weights[name] > 0 for name in OBJECTIVES[case.objective].sparsity)
    return case.at(level * Judge(case).lambda_max())
