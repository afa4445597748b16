"""The methods that are compared: seven objectives, EG-MTL with few experts, and what honesty demands beside.

Each has one weight that is chosen, the first of its objective (EG-MTL: lam1), from a grid by cross-validation
on the training rows; the others are 1. Descriptors are standardised by the training rows of each fit.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from fista import EGMTL, L21MTL, SRMTL, DirtyMTL, MTLasso, RobustMTL, STLasso
from fista.certificate import Certificate

__all__ = ["GRID", "METHODS", "PAPER", "Fit", "Method", "Rows", "fit", "proof", "select"]

Floats = NDArray[np.float64]

GRID = (0.1, 1.0, 10.0, 100.0)
MAX_ITER = 100_000


@dataclass(frozen=True)
class Rows:
    """Rows of a design with their targets: 1-D with ``tasks``, or 2-D with one task a column."""

    X: Floats
    y: Floats
    tasks: NDArray[np.int_] | None = None

    def take(self, index: NDArray[Any]) -> Rows:
        """Only some rows."""
        return Rows(self.X[index], self.y[index], None if self.tasks is None else self.tasks[index])

    def and_(self, other: Rows) -> Rows:
        """The rows of both."""
        tasks = None
        if self.tasks is not None and other.tasks is not None:
            tasks = np.concatenate([self.tasks, other.tasks])
        return Rows(np.concatenate([self.X, other.X]), np.concatenate([self.y, other.y]), tasks)


@dataclass(frozen=True)
class Method:
    """What is fitted to which rows.

    Attributes
    ----------
    name : str
        As the paper's tables call it.
    build : callable
        The estimator at a value of its first weight.
    experts : str
        What becomes of the experts' rows: ``"none"``, ``"guide"`` (EG-MTL), ``"pooled"`` with the crowd's, or
        ``"only"`` they are used.
    few : bool
        Whether only some of the experts are at hand.
    weight : str
        The name of the weight that is chosen; empty if there is none.
    """

    name: str
    build: Callable[[float], Any]
    experts: str = "none"
    few: bool = False
    weight: str = ""


class _TaskMeans:
    """The mean of the training labels of every task."""

    def fit(self, X: Floats, y: Floats, tasks: NDArray[np.int_] | None = None) -> _TaskMeans:
        if tasks is None:
            self.intercept_ = y.mean(axis=0)
        else:
            self.intercept_ = np.array([y[tasks == t].mean() for t in np.unique(tasks)])
        self.coef_ = np.zeros((len(self.intercept_), X.shape[1]))
        return self


METHODS = (
    Method("Lasso", lambda w: STLasso(alpha=w), weight="alpha"),
    Method("MT-Lasso", lambda w: MTLasso(alpha=w), weight="alpha"),
    Method("ℓ21 MTL", lambda w: L21MTL(alpha=w), weight="alpha"),
    Method("Dirty MTL", lambda w: DirtyMTL(rho1=w), weight="rho1"),
    Method("Robust MTL", lambda w: RobustMTL(rho1=w), weight="rho1"),
    Method("SR MTL", lambda w: SRMTL(alpha=w), weight="alpha"),
    Method("EG-MTL", lambda w: EGMTL(lam1=w), "guide", weight="lam1"),
    Method("EG-MTL (7)", lambda w: EGMTL(lam1=w), "guide", few=True, weight="lam1"),
    Method("mean", lambda w: _TaskMeans()),
    Method("ridge", lambda w: MTLasso(alpha=0.0, beta=w), weight="beta"),
    Method("SR, pooled", lambda w: SRMTL(alpha=w), "pooled", weight="alpha"),
    Method("SR, experts only", lambda w: SRMTL(alpha=w), "only", weight="alpha"),
)
PAPER = tuple(method.name for method in METHODS[:8])  # the others are baselines that the paper lacks


@dataclass(frozen=True)
class Fit:
    """A fitted model in the units of the caller's descriptors: ``X @ coef.T + intercept``.

    ``intercept`` is what standardising left: no model has one of its own, but for the mean.
    """

    coef: Floats
    intercept: Floats
    zeros: float
    certificate: Certificate | None

    def predict(self, X: Floats, tasks: NDArray[np.int_] | None = None) -> Floats:
        """All tasks of each row, or with ``tasks`` one value a row."""
        every = X @ self.coef.T + self.intercept
        return every if tasks is None else every[np.arange(len(X)), tasks]


def fit(
    method: Method,
    weight: float,
    crowd: Rows,
    expert: Rows | None = None,
    *,
    tol: float = 1e-6,
    standardise: bool = True,
    start: Any = None,
) -> tuple[Fit, Any]:
    """Fit a method, and say with what proof.

    Parameters
    ----------
    method : Method
    weight : float
        The weight that is chosen.
    crowd, expert : Rows
        Training rows; the expert's may be None where the method uses none.
    tol : float
        Relative duality gap.
    standardise : bool
        Whether descriptors are taken to mean 0 and deviation 1, by all the rows given to the method.
    start : estimator, optional
        One that was fitted to the same rows at another weight, to go on from.

    Returns
    -------
    Fit
    estimator
        To start from next time.
    """
    if method.experts != "none" and expert is None:
        raise ValueError(f"expert: found None; expected the experts' rows, which {method.name} uses")
    if expert is not None and method.experts in ("pooled", "only"):
        rows, guide = (crowd.and_(expert) if method.experts == "pooled" else expert), None
    else:
        rows, guide = crowd, expert if method.experts == "guide" else None
    D = rows.X.shape[1]
    centre, scale = np.zeros(D), np.ones(D)
    if standardise:
        seen = rows.X if guide is None else np.concatenate([rows.X, guide.X])
        centre, spread = seen.mean(axis=0), seen.std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)
    arguments: dict[str, Any] = {} if rows.tasks is None else {"tasks": rows.tasks}
    if guide is not None:
        arguments |= {"X_expert": (guide.X - centre) / scale, "y_expert": guide.y}
        if guide.tasks is not None:
            arguments["tasks_expert"] = guide.tasks
    model = method.build(weight)
    if isinstance(model, _TaskMeans):
        model.fit(rows.X, rows.y, rows.tasks)
        return Fit(model.coef_, model.intercept_, 1.0, None), model
    if start is not None:
        model = start.set_params(**model.get_params())
    model.set_params(tol=tol, max_iter=MAX_ITER, warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the certificate says it, and is kept
        model.fit((rows.X - centre) / scale, rows.y, **arguments)
    coef = model.coef_ / scale
    return Fit(coef, -coef @ centre, float((model.coef_ == 0).mean()), model.certificate_), model


def proof(certificate: Certificate | None) -> dict[str, Any] | None:
    """What is kept of a certificate."""
    if certificate is None:
        return None
    return {
        "primal": certificate.primal,
        "dual": certificate.dual,
        "gap": certificate.gap,
        "relative_gap": certificate.relative_gap,
        "rounding": certificate.rounding,
        "n_iter": certificate.n_iter,
        "tol": certificate.tol,
        "converged": bool(certificate.converged),
        "reason": certificate.reason,
    }


def select(
    method: Method,
    crowd: Rows,
    expert: Rows | None,
    folds: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_] | None]],
    loss: Callable[[Fit, Rows], float],
    *,
    grid: Sequence[float] = GRID,
    tol: float = 1e-4,
    judge: str = "own",
    standardise: bool = True,
) -> tuple[float, dict[str, Any]]:
    """Choose the first weight by cross-validation on the training rows.

    Parameters
    ----------
    method : Method
    crowd, expert : Rows
    folds : sequence of (held-out rows of the crowd, held-out rows of the experts)
        What is held out is in no fit of its fold, whoever rated it; None: experts stay in.
    loss : callable
        Sum of losses over rows.
    judge : {"own", "crowd"}
        Whose held-out labels decide: the experts' for a method that is given experts, or always the crowd's.

    Returns
    -------
    weight : float
        The best of the grid; of equals, the largest.
    record : dict
        Mean losses and the proofs of all fits.
    """
    if not method.weight:
        return float("nan"), {"losses": {}, "fits": []}
    order = sorted(grid, reverse=True)  # strong weights are solved fast, and give the next a start
    totals = np.zeros(len(order))
    count, fits = 0, []
    for held, held_expert in folds:
        guide = expert
        judged = crowd.take(held)
        if expert is not None and held_expert is not None:
            guide = expert.take(~held_expert)
            if judge == "own" and method.experts != "none":
                judged = expert.take(held_expert)
        count += judged.y.size
        training, start = crowd.take(~held), None
        for k, weight in enumerate(order):
            model, start = fit(method, weight, training, guide, tol=tol, standardise=standardise, start=start)
            totals[k] += loss(model, judged)
            certificate = model.certificate
            if certificate is not None:
                fits.append([weight, certificate.relative_gap, certificate.n_iter, certificate.converged])
    best = order[int(np.argmin(totals))]
    return best, {
        "losses": dict(zip(map(str, order), (totals / count).tolist(), strict=True)),
        "fits": fits,
    }
