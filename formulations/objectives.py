"""The seven objectives, as the paper writes them.

``W`` is D x T; ``P`` and ``Q`` are its two parts where it has two. ``crowd(W)`` are the residuals
U^(1/2) (Y - X W) of the crowd rows, ``expert(W)`` those of the expert rows V - P W, and
``graph(W)`` is E W', one row per edge. ``ssq`` is the plain sum of squares: there is no 1/2 and no
1/N unless it is written below.

Mind that ``cp.norm(W, 1)`` of a matrix is the *induced* norm (the largest column sum): the sum of
absolute values is ``cp.norm1(W)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cvxpy as cp
from cvxpy import sum_squares as ssq

__all__ = ["OBJECTIVES", "Objective"]


@dataclass(frozen=True)
class Objective:
    """A declared objective and how each of its weights behaves when the data are rescaled."""

    declare: Callable[..., Any]
    parts: tuple[str, ...]
    weights: dict[str, str]  # name -> "norm" | "square" | "graph" | "expert"
    crowd_factor: float  # the factor of SSQ_crowd
    quadratic_program: bool  # False where second-order cones are needed

    @property
    def has_graph(self) -> bool:
        return "graph" in self.weights.values()

    @property
    def has_expert(self) -> bool:
        return "expert" in self.weights.values()


OBJECTIVES: dict[str, Objective] = {}


def _objective(
    name: str,
    parts: str = "W",
    crowd_factor: float = 1.0,
    quadratic_program: bool = True,
    **weights: str,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(declare: Callable[..., Any]) -> Callable[..., Any]:
        OBJECTIVES[name] = Objective(declare, tuple(parts), weights, crowd_factor, quadratic_program)
        return declare

    return register


@_objective("STLasso", alpha="norm")
def st_lasso(W: Any, *, crowd: Any, alpha: Any) -> Any:
    """SSQ(W) + sum_t alpha_t ||w_t||_1."""
    return ssq(crowd(W)) + cp.sum(cp.abs(W), axis=0) @ alpha


@_objective("MTLasso", alpha="norm", beta="square")
def mt_lasso(W: Any, *, crowd: Any, alpha: Any, beta: Any) -> Any:
    """SSQ(W) + alpha ||W||_1 + beta ||W||_F^2."""
    return ssq(crowd(W)) + alpha * cp.norm1(W) + beta * ssq(W)


@_objective("L21MTL", alpha="norm", beta="square", quadratic_program=False)
def l21_mtl(W: Any, *, crowd: Any, alpha: Any, beta: Any) -> Any:
    """SSQ(W) + alpha sum_d ||W_d.||_2 + beta ||W||_F^2."""
    return ssq(crowd(W)) + alpha * cp.sum(cp.norm(W, 2, axis=1)) + beta * ssq(W)


@_objective("DirtyMTL", parts="PQ", rho1="norm", rho2="norm")
def dirty_mtl(P: Any, Q: Any, *, crowd: Any, rho1: Any, rho2: Any) -> Any:
    """SSQ(P + Q) + rho1 sum_d max_t |P_dt| + rho2 ||Q||_1."""
    return ssq(crowd(P + Q)) + rho1 * cp.sum(cp.max(cp.abs(P), axis=1)) + rho2 * cp.norm1(Q)


@_objective("RobustMTL", parts="PQ", quadratic_program=False, rho1="norm", rho2="norm")
def robust_mtl(P: Any, Q: Any, *, crowd: Any, rho1: Any, rho2: Any) -> Any:
    """SSQ(P + Q) + rho1 sum_d ||P_d.||_2 + rho2 sum_t ||Q_.t||_2."""
    rows, columns = cp.norm(P, 2, axis=1), cp.norm(Q, 2, axis=0)
    return ssq(crowd(P + Q)) + rho1 * cp.sum(rows) + rho2 * cp.sum(columns)


@_objective("SRMTL", alpha="graph", beta="norm", gamma="square")
def sr_mtl(W: Any, *, crowd: Any, graph: Any, alpha: Any, beta: Any, gamma: Any) -> Any:
    """SSQ(W) + alpha ||W R||_F^2 + beta ||W||_1 + gamma ||W||_F^2, with R = E'."""
    return ssq(crowd(W)) + alpha * ssq(graph(W)) + beta * cp.norm1(W) + gamma * ssq(W)


@_objective("EGMTL", crowd_factor=0.5, lam1="expert", lam2="graph", lam3="norm")
def eg_mtl(W: Any, *, crowd: Any, expert: Any, graph: Any, lam1: Any, lam2: Any, lam3: Any) -> Any:
    """1/2 SSQ_crowd(W) + lam1 ||V - P W||_F^2 + lam2 ||E W'||_F^2 + lam3 ||W||_1."""
    return 0.5 * ssq(crowd(W)) + lam1 * ssq(expert(W)) + lam2 * ssq(graph(W)) + lam3 * cp.norm1(W)
