"""FISTA (Beck and Teboulle, 2009) with adaptive restart (O'Donoghue and Candes, 2015).

`fista` is the iteration: an endless generator of states. `minimize` consumes it and knows when to stop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from fista.certificate import Certificate, certify, gap_from_statistics
from fista.problem import Problem, Scalars

__all__ = ["State", "fista", "minimize"]

Floats = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)
SHORT = 10_000_000  # multiplications an iteration, some milliseconds on one core


@dataclass(frozen=True)
class State:
    """Where the iteration stands; ``n_iter`` counts the points at which the Hessian was applied."""

    n_iter: int
    W: Floats  # the proximal point
    HW: Floats  # the Hessian applied to it, D x T
    lipschitz: Scalars  # the reciprocal of the step


def fista(problem: Problem, start: Floats) -> Iterator[State]:
    """Yield the start point and then one proximal point after the other, without end.

    The loss is quadratic, so the gradient at the extrapolated point Z is the same combination of the
    gradients at the last two proximal points: one application of the Hessian an iteration serves the step,
    the test of the step and the duality gap.
    """
    linear, prox, inner = problem.loss.linear, problem.penalty.prox, problem.inner
    L, exact = problem.lipschitz
    W = Z = start
    HW = HZ = problem.hessian(start)
    t: Scalars = 1.0
    n_iter = 1
    yield State(n_iter, W, HW, L)
    while True:
        gradient = HZ - linear
        V = prox(Z - gradient / L, 1.0 / L)
        HV = problem.hessian(V)
        while not (exact or _is_upper_bound(problem, L, V - Z, HV, HZ)):
            L = 1.5 * L
            V = prox(Z - gradient / L, 1.0 / L)
            HV = problem.hessian(V)
        # Restart where the momentum points uphill: <Z - V, V - W> > 0.
        step = V - W
        onward = np.less_equal(inner(Z - V, step), 0.0)
        t_next = 0.5 + np.sqrt(0.25 + t * t)
        momentum = onward * ((t - 1.0) / t_next)
        t = 1.0 + onward * (t_next - 1.0)
        Z = V + momentum * step
        HZ = HV + momentum * (HV - HW)
        W, HW = V, HV
        n_iter += 1
        yield State(n_iter, W, HW, L)


def _is_upper_bound(problem: Problem, L: Scalars, d: Floats, HV: Floats, HZ: Floats) -> bool:
    """Whether L carries the quadratic upper bound along d = V - Z: <d, H d> <= L ||d||^2.

    H d is taken from HV - HZ, which near the optimum is mostly rounding: what n_terms eps of both can
    account for is no reason to shorten the step.
    """
    size = np.asarray(problem.inner(d, d))
    noise = np.linalg.norm(HV) + np.linalg.norm(HZ)
    slack = problem.loss.n_terms * EPS * np.sqrt(size) * noise
    return bool(np.all(problem.inner(problem.total(d), HV - HZ) <= L * size + slack))


def minimize(
    problem: Problem,
    start: Floats | None = None,
    *,
    tol: float = 1e-6,
    max_iter: int = 10_000,
    callback: Callable[[State], object] | None = None,
) -> tuple[State, Certificate]:
    """Iterate until the duality gap is at most tol * F(0), or for max_iter iterations.

    The gap is watched through the statistics that the iteration has at hand, each time that the count of
    iterations has grown by four and a fifth; the certificate that is returned is computed afresh from the
    rows and must pass too.

    Parameters
    ----------
    problem : Problem
    start : array of ``problem.shape``, optional
        It is not changed. Where W = 0 is optimal, the iteration starts there all the same.
    tol : float
        Relative duality gap.
    max_iter : int
    callback : callable, optional
        Called with every state.

    Returns
    -------
    state : State
        The last one.
    certificate : Certificate
        Its ``converged`` says whether the promise was kept.
    """
    if start is None or problem.lambda_max() <= 1:
        start = problem.start()
    with _few_threads(problem):
        return _until_certified(problem, start, tol, max_iter, callback)


def _until_certified(
    problem: Problem,
    start: Floats,
    tol: float,
    max_iter: int,
    callback: Callable[[State], object] | None,
) -> tuple[State, Certificate]:
    targets = tol * problem.at_zero()
    target = targets if problem.independent else targets.sum()
    next_check = 1
    for state in fista(problem, start):
        if callback is not None:
            callback(state)
        last = state.n_iter >= max_iter
        if not last and state.n_iter < next_check:
            continue
        next_check = state.n_iter + 4 + state.n_iter // 5
        gap, rounding = gap_from_statistics(problem, state.W, state.HW, state.n_iter)
        if last or np.all(gap <= target + rounding):
            certificate = certify(problem, state.W, tol=tol, n_iter=state.n_iter)
            if last or certificate.converged:
                return state, certificate
    raise AssertionError("the iteration has no end")


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def _few_threads(problem: Problem) -> AbstractContextManager[object]:
    """One BLAS thread where an iteration is so short that threads would mostly wait for each other."""
    D, T = problem.loss.shape
    if D * D * T > SHORT:
        return nullcontext()
    limit: AbstractContextManager[object] = _blas().limit(limits=1, user_api="blas")
    return limit
