"""Small generic problems, and their objectives with NumPy alone, which share nothing with the package."""

from __future__ import annotations

from typing import Any

import cvxpy as cp
import numpy as np

import formulations
from fista.penalties import (
    L1,
    Box,
    ExclusiveLasso,
    InfimalConvolution,
    NonNegativeL1,
    RowL1Linf,
    RowL21,
    Slope,
    SparseGroupLasso,
    TraceNorm,
    latent_groups,
)

D, T = 4, 3
EDGES = [(0, 1, 0.8), (2, 1, 0.5)]
LOSSES = ["squared", "huber", "logistic"]
DESIGNS = ["shared", "per task"]


class Own:
    """A penalty of one's own: nothing but an expression."""

    def __init__(self, declare: Any) -> None:
        self.declare = declare

    def expression(self, W: Any) -> Any:
        return self.declare(W)


def variation(W):
    return 0.5 * cp.sum(cp.abs(cp.diff(W, axis=1)))


def elastic(W):
    return 0.4 * cp.sum(cp.norm(W, 2, axis=1)) + 0.3 * cp.sum_squares(W)


PENALTIES: dict[str, Any] = {
    "L1": L1(0.7),
    "one task free": L1(np.array([0.0, 1.0, 2.0])),
    "rows": RowL21(0.7),
    "maxima": RowL1Linf(0.7),
    "trace": TraceNorm(0.7),
    "slope": Slope(np.linspace(1.0, 0.1, D * T)),
    "sparse groups": SparseGroupLasso([[0, 2], [1, 3]], 0.3, 0.5),
    "exclusive": ExclusiveLasso(0.7),
    "non-negative": NonNegativeL1(0.7),
    "box": Box(-0.3, 0.5),
    "latent": latent_groups([[0, 1, 2], [2, 3], [1]], 0.6),
    "mixed parts": InfimalConvolution(RowL21(0.6), ExclusiveLasso(0.9)),
    "variation": Own(variation),
    "elastic": Own(elastic),
}


def estimator(loss: str, penalty: Any, **arguments: Any) -> Any:
    if loss == "logistic":
        return formulations.MultiTaskClassifier(penalty, **arguments)
    return formulations.MultiTaskRegressor(penalty, loss=loss, delta=0.8, **arguments)


def problem(loss: str, design: str = "shared", seed: int = 0, n: int = 24) -> dict[str, Any]:
    """Rows with weights; a missing rating if shared. No task's labels are separable, by noise."""
    rng = np.random.default_rng(seed)
    tasks = None if design == "shared" else rng.permutation(np.resize(list("abc"), n * T))
    rows = n if tasks is None else n * T
    X, W = rng.standard_normal((rows, D)), rng.standard_normal((D, T))
    z = X @ W if tasks is None else (X * W.T[np.searchsorted(list("abc"), tasks)]).sum(axis=1)
    y = z + 2 * rng.standard_normal(z.shape)
    u = rng.uniform(0.5, 2.0, size=y.shape)
    if loss == "logistic":
        y = np.where(y > 0, 1.0, 0.0)
    data = {"X": X, "y": y, "sample_weight": u}
    if tasks is None:
        y[2, 1], u[2, 1] = np.nan, 0.0
    else:
        data["tasks"] = tasks
    return data


def smooth_part(model: Any, data: dict[str, Any], W: Any, c: Any = 0.0) -> float:
    """Everything but the penalty, in NumPy."""
    y, u, c = data["y"], data["sample_weight"], np.broadcast_to(c, T)
    z = data["X"] @ W + c
    if "tasks" in data:
        z = z[np.arange(len(y)), np.searchsorted(list("abc"), data["tasks"])]
    seen = u > 0
    y, z, u = y[seen], z[seen], u[seen]
    if isinstance(model, formulations.MultiTaskClassifier):
        value = np.sum(u * np.log1p(np.exp(-np.where(y == 1, 1, -1) * z)))
    else:
        r = np.abs(y - z)
        h = r**2 if model.loss == "squared" else np.where(r <= 0.8, r**2, 1.6 * r - 0.64)
        value = np.sum(u * h)
    value += model.ridge * np.sum(W**2)
    for i, j, g in model.graph or []:
        value += g**2 * np.sum((W[:, i] - W[:, j]) ** 2)
    return float(value)
