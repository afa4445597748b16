"""A whole regularisation path: one pass over the data, each fit started from the one before.

The sparsity weights of an estimator are multiplied by one factor, so that they keep their ratio; `lambda_max`
is the factor at which W becomes zero, and where a path starts.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from inspect import signature
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from fista.base import MultiTaskEstimator, largest_factor, weight
from fista.certificate import Certificate
from fista.penalties import L1, Scaled
from fista.problem import Problem
from fista.progress import shown
from fista.solver import State, solve

__all__ = ["Path", "along", "grid", "path", "scaled"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Path:
    """The fits of `path`, from the largest factor to the smallest.

    Attributes
    ----------
    alphas : ndarray of shape (n_alphas,)
        The factors on the sparsity weights, in decreasing order.
    coefs : ndarray of shape (n_alphas, n_tasks, n_features)
    intercepts : ndarray of shape (n_alphas, n_tasks)
    parts : dict of str to ndarray of shape (n_alphas, n_features, n_tasks)
    certificates : list of Certificate
        From the rows; one a fit.
    tasks : ndarray of shape (n_tasks,)
        The sorted labels of the tasks.
    """

    alphas: Floats
    coefs: Floats = field(repr=False)
    intercepts: Floats = field(repr=False)
    parts: dict[str, Floats] = field(repr=False)
    certificates: list[Certificate] = field(repr=False)
    tasks: NDArray[Any] = field(repr=False)


def path(
    estimator: MultiTaskEstimator,
    X: ArrayLike,
    y: ArrayLike,
    *,
    alphas: int | ArrayLike = 100,
    eps: float = 1e-3,
    **data: Any,
) -> Path:
    """Fit an estimator at many factors on its sparsity weights.

    Parameters
    ----------
    estimator : estimator of `fista`
        It is not changed. Its sparsity weights give the ratio, and the unit of ``alphas``.
    X, y
        As in the ``fit`` of the estimator.
    alphas : int or array-like, default 100
        The factors, or how many there are to be, evenly spaced in their logarithm between ``lambda_max`` and
        ``eps * lambda_max``.
    eps : float, default 1e-3
    **data
        What else the ``fit`` of the estimator takes.

    Returns
    -------
    Path

    Warns
    -----
    ConvergenceWarning
        If fits were not certified to the ``tol`` of the estimator; it says how many.

    Examples
    --------
    >>> from fista import MTLasso, path
    >>> X, Y = [[1.0, 0.0], [0.0, 1.0]], [[2.0], [1.0]]
    >>> found = path(MTLasso(alpha=1.0, beta=0.0), X, Y, alphas=[1.0, 3.0])
    >>> found.alphas, found.coefs[:, 0]
    (array([3., 1.]), array([[0.5, 0. ],
           [1.5, 0.5]]))
    """
    probe = clone(estimator)
    if not isinstance(probe, MultiTaskEstimator):
        raise TypeError(f"estimator: found {type(probe).__name__}; expected an estimator of fista")
    try:
        arguments = signature(probe.fit).bind(X, y, **data).arguments
    except TypeError as error:
        raise TypeError(f"path: {error}; expected the arguments of fit") from None
    read = probe._read(**arguments)
    problem, means = probe._centred_problem(read)
    factors = grid(problem, alphas, eps)
    fits = list(shown(along(problem, factors, probe.tol, probe.max_iter), len(factors), "weights"))
    totals = [problem.total(state.W) for state, _ in fits]
    warn_of([certificate for _, certificate in fits], probe.tol)
    parts = np.stack([state.W.reshape(-1, *problem.loss.shape) for state, _ in fits], axis=1)
    return Path(
        alphas=factors,
        coefs=np.stack([W.T for W in totals]),
        intercepts=np.stack(
            [means.intercept(W) + problem.offset(s.W) for W, (s, _) in zip(totals, fits, strict=True)]
        ),
        parts=dict(zip(probe._part_names, parts, strict=True)),
        certificates=[certificate for _, certificate in fits],
        tasks=read.tasks,
    )


def along(problem: Problem, alphas: Floats, tol: float, max_iter: int) -> Iterator[tuple[State, Certificate]]:
    """Solve with the penalty times each factor in turn, from where the last two solutions point to.

    Between two supports the path of an l1 norm is linear in the factor, and others nearly are.
    """
    problem.expect_answers()
    start, last = None, None
    for k, alpha in enumerate(alphas):
        scaled_problem = replace(problem, penalty=Scaled(problem.penalty, float(alpha)))
        state, certificate = solve(scaled_problem, start, tol, max_iter)
        yield state, certificate
        start = state.W
        if last is not None and 0 < k < len(alphas) - 1 and alphas[k - 1] > alpha:
            ahead = (alpha - alphas[k + 1]) / (alphas[k - 1] - alpha)
            start = state.W + min(ahead, 1.0) * (state.W - last)
        last = state.W


def grid(problem: Problem, alphas: int | ArrayLike, eps: float) -> Floats:
    """The factors in decreasing order, as given or from ``lambda_max`` down to eps times that."""
    if isinstance(alphas, Integral) and not isinstance(alphas, bool):
        if alphas < 1:
            raise ValueError(f"alphas: found {alphas}; expected at least one factor")
        if not 0 < weight("eps", eps) < 1:
            raise ValueError(f"eps: found {eps}; expected a number between 0 and 1")
        largest = largest_factor(problem)
        if not np.isfinite(largest):
            raise ValueError("alphas: found a sparsity weight of 0; expected positive ones, or the factors")
        return np.geomspace(1.0, eps, int(alphas)) * (largest if largest > 0 else 1.0)
    factors = np.asarray(alphas, dtype=np.float64)
    if factors.ndim != 1 or not len(factors) or not np.all(np.isfinite(factors) & (factors > 0)):
        raise ValueError(f"alphas: found {alphas!r}; expected a number of them, or positive factors")
    return np.sort(factors)[::-1].copy()


def scaled(estimator: MultiTaskEstimator, alpha: float) -> dict[str, Any]:
    """The sparsity weights of an estimator times a factor, as parameters for ``set_params``."""
    found = {name: getattr(estimator, name) for name in estimator._sparsity}
    if found.get("penalty", 0) is None:
        found = {"penalty": L1(1.0)}  # the default
    return {name: _times(alpha, value) for name, value in found.items()}


def _times(alpha: float, value: Any) -> Any:
    if np.ndim(value) == 0 and isinstance(value, (int, float, np.number)):
        return alpha * float(value)
    return Scaled(value, alpha) if hasattr(value, "prox") else alpha * np.asarray(value, dtype=np.float64)


def warn_of(certificates: Sequence[Certificate], tol: float) -> None:
    """Say how many fits were not certified."""
    missed = [c for c in certificates if not c.converged]
    if missed:
        worst = max(c.relative_gap for c in missed)
        warnings.warn(
            f"{len(missed)} of {len(certificates)} fits were not certified to tol={tol:g}; the largest gap "
            f"is {worst:.3g} F(0). Raise max_iter, raise tol, or leave out the smallest weights.",
            ConvergenceWarning,
            stacklevel=3,
        )
