"""The methods that are compared: seven objectives, EG-MTL with few experts, and what honesty demands beside.

Each has one weight that is chosen, the first of its objective (EG-MTL: lam1), from a grid by cross-validation
on the training rows; the others are 1. Descriptors are standardised by the training rows of each fit.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
    """Rows of a design with their targets: 1-D with ``tasks``, or 2-D with one task a column.

    Attributes
    ----------
    X : ndarray of shape (rows, descriptors)
    y : ndarray of shape (rows,) or (rows, tasks)
    tasks : ndarray of int, optional
        The task of each row, from 0.
    n_tasks : int, optional
        How many tasks there are, whether they have rows or not; by default up to the last that has.
    """

    X: Floats
    y: Floats
    tasks: NDArray[np.int_] | None = None
    n_tasks: int | None = None

    @property
    def universe(self) -> int:
        """How many tasks there are: what is left out of some rows never moves the others' labels."""
        if self.n_tasks is not None:
            return self.n_tasks
        return int(self.y.shape[1] if self.tasks is None else self.tasks.max(initial=-1) + 1)

    def take(self, index: NDArray[Any]) -> Rows:
        """Only some rows."""
        if self.tasks is None:
            return Rows(self.X[index], self.y[index])
        return Rows(self.X[index], self.y[index], self.tasks[index], self.universe)

    def and_(self, other: Rows) -> Rows:
        """The rows of both."""
        X, y = np.concatenate([self.X, other.X]), np.concatenate([self.y, other.y])
        if self.tasks is None or other.tasks is None:
            return Rows(X, y)
        tasks = np.concatenate([self.tasks, other.tasks])
        return Rows(X, y, tasks, max(self.universe, other.universe))

    def indicators(self, levels: Floats) -> Rows:
        """A task for every task and level, in this order: 1 where the target is nearest to the level, else 0.

        Each row stands once a level. Of two levels equally near, the target is of the lower.

        Examples
        --------
        >>> rows = Rows(np.ones((2, 1)), np.array([0.9, -0.2]), np.array([0, 1]))
        >>> encoded = rows.indicators(np.array([-1.0, 0.0, 1.0]))
        >>> encoded.tasks.tolist(), encoded.y.astype(int).tolist()
        ([0, 1, 2, 3, 4, 5], [0, 0, 1, 0, 1, 0])
        """
        if self.tasks is None:
            raise ValueError(
                "rows: found no task labels; expected them, to tell the levels of each task apart"
            )
        each = np.arange(len(levels))
        level = np.abs(self.y[:, None] - levels).argmin(axis=1)
        return Rows(
            np.repeat(self.X, len(levels), axis=0),
            (level[:, None] == each).astype(float).ravel(),
            (self.tasks[:, None] * len(levels) + each).ravel(),
            self.universe * len(levels),
        )


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
    """The mean of the training labels of every task; if it has none 0, as of models without intercept."""

    def fit(self, rows: Rows) -> _TaskMeans:
        if rows.tasks is None:
            self.intercept_ = rows.y.mean(axis=0)
        else:
            total = np.bincount(rows.tasks, weights=rows.y, minlength=rows.universe)
            count = np.bincount(rows.tasks, minlength=rows.universe)
            self.intercept_ = total / np.maximum(count, 1)
        self.coef_ = np.zeros((rows.universe, rows.X.shape[1]))
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

    Without an intercept of its own, a model has what standardising left.
    """

    coef: Floats
    intercept: Floats
    zeros: float
    certificate: Certificate | None

    def predict(self, X: Floats, tasks: NDArray[np.int_] | None = None) -> Floats:
        """All tasks of each row, or with ``tasks`` one value a row."""
        every = X @ self.coef.T + self.intercept
        return every if tasks is None else every[np.arange(len(X)), tasks]


def standardisation(X: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each column; of a constant one, the constant and 1.

    The mean of N numbers is known up to N eps max|x|: a column that varies less than that is constant, as far
    as its deviations from the mean can tell. Divided by what rounding left, it would be huge elsewhere.
    """
    low, high, spread = X.min(axis=0), X.max(axis=0), X.std(axis=0)
    rounding = len(X) * np.finfo(float).eps * np.maximum(np.abs(low), np.abs(high))
    constant = (high - low <= rounding) | (spread == 0)  # the square of a tiny spread may be 0
    return np.where(constant, low, X.mean(axis=0)), np.where(constant, 1.0, spread)


def fit(
    method: Method,
    weight: float,
    crowd: Rows,
    expert: Rows | None = None,
    *,
    tol: float = 1e-6,
    standardise: bool = True,
    start: Any = None,
    levels: Floats | None = None,
    intercept: bool = False,
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
    levels : ndarray, optional
        If given, indicators of these levels are fitted (`Rows.indicators`) and the model predicts the
        expected level: scores are taken for probabilities, ``sum_c levels[c] x'w_(t,c)``. Levels that are
        symmetric around 0 need no score to be normalised: what all of a clip's scores share drops out.
    intercept : bool
        Whether every task has an intercept of its own, which nothing penalises. The paper's models have none.

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
        centre, scale = standardisation(rows.X if guide is None else np.concatenate([rows.X, guide.X]))

    def prepared(part: Rows) -> Rows:
        scaled = replace(part, X=(part.X - centre) / scale)
        return scaled if levels is None else scaled.indicators(levels)

    rows, guide = prepared(rows), None if guide is None else prepared(guide)
    model = method.build(weight)
    if isinstance(model, _TaskMeans):
        model.fit(rows)
        coef, offset, zeros, certificate = model.coef_, model.intercept_, 1.0, None
    else:
        if start is not None:
            model = start.set_params(**model.get_params())
        model.set_params(tol=tol, max_iter=MAX_ITER, warm_start=True, fit_intercept=intercept)
        _train(model, rows, guide)
        coef = model.coef_ / scale
        offset = model.intercept_ - coef @ centre
        zeros, certificate = float((model.coef_ == 0).mean()), model.certificate_
    if levels is not None:
        coef = np.einsum("c,tcd->td", levels, coef.reshape(-1, len(levels), D))
        offset = offset.reshape(-1, len(levels)) @ levels
    return Fit(coef, offset, zeros, certificate), model


def _train(model: Any, rows: Rows, guide: Rows | None) -> None:
    """Fit an estimator to rows, all tasks being there even if some have no rows."""
    arguments: dict[str, Any] = {}
    if guide is not None:
        arguments = {"X_expert": guide.X, "y_expert": guide.y}
    if rows.tasks is not None:
        n_tasks = rows.universe if guide is None else max(rows.universe, guide.universe)
        model.set_params(task_labels=np.arange(n_tasks))
        arguments["tasks"] = rows.tasks
        if guide is not None:
            arguments["tasks_expert"] = guide.tasks
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the certificate says it, and is kept
        model.fit(rows.X, rows.y, **arguments)


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
    levels: Floats | None = None,
    intercept: bool = False,
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
    levels : ndarray, optional
        As of `fit`; held-out labels are never rounded to levels.
    intercept : bool
        As of `fit`.

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
            model, start = fit(
                method,
                weight,
                training,
                guide,
                tol=tol,
                standardise=standardise,
                start=start,
                levels=levels,
                intercept=intercept,
            )
            totals[k] += loss(model, judged)
            certificate = model.certificate
            if certificate is not None:
                fits.append([weight, certificate.relative_gap, certificate.n_iter, certificate.converged])
    best = order[int(np.argmin(totals))]
    return best, {
        "losses": dict(zip(map(str, order), (totals / count).tolist(), strict=True)),
        "fits": fits,
    }
