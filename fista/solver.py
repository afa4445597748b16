"""FISTA (Beck and Teboulle, 2009) with adaptive restart (O'Donoghue and Candes, 2015).

`fista` is the iteration: an endless generator of states. `minimize` consumes it and knows when to stop.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from math import isqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fista import cost, entry_sets, newton, working_sets
from fista.certificate import Certificate, certify, seems_solved
from fista.problem import Problem, Scalars
from fista.threads import few_threads

__all__ = ["State", "fista", "minimize", "solve"]

Floats = NDArray[np.float64]
NEWTON = 20.0  # iterations, at least, between two Newton steps
LONGER = 1.4  # a wait, after a step that was of no use
DAMPING = (1e-10, 1e-3, 1.0)  # of Newton steps: the least, the first, the most


class State(NamedTuple):
    """Where the iteration stands; ``n_iter`` counts the proximal points, the start being the first."""

    n_iter: int
    W: Floats  # the proximal point
    image: Floats  # what the gradient is computed from, linear in W (`Problem.image`)
    lipschitz: Scalars  # the reciprocal of the step that led there; at the start, of none


def fista(problem: Problem, start: Floats) -> Generator[State, Floats | None]:
    """Yield the start point and then one proximal point after the other, without end.

    Coefficients that are sent in return are where the iteration goes on from, with the momentum that it has:
    should that lead uphill from there, it is found out as ever.

    The gradient is a function of an image that is linear in W (the Hessian applied to W, of a quadratic; the
    predictions, of any other loss), so the image of the extrapolated point Z is the same combination of those
    of the last two proximal points: one image an iteration serves the step, the test of the step and the
    duality gap.

    The Lipschitz constant is that of the worst direction, while a step needs no more than the curvature
    along itself: L falls a little each iteration and rises where the step fails its test, up to the constant
    if that is known. Momentum pays for a longer step, which keeps the rate of FISTA (Scheinberg, Goldfarb and
    Bai, 2014); L falls the slower the more of it there is, so that t still grows by 3/8 at least for 1/2.
    Tasks side by side keep to one step each, unless it is too long: to try a step again for one of them is to
    try it again for all.
    """
    prox, inner, image_of = problem.prox, problem.inner, problem.explicit_image
    W = Z = start
    image_W = image_Z = image_of(start)
    t: Scalars = 1.0
    n_iter = 1
    jump = yield State(n_iter, W, problem.whole(W, image_W), problem.coordinate_lipschitz)
    largest, exact = problem.lipschitz  # which takes time: not before it is known that a step is needed
    kept = problem.separable
    some, every, most = (np.any, np.all, np.max) if kept else (bool, bool, float)
    highest: Scalars = largest if exact else np.inf
    L = largest if kept else largest / 4
    while True:
        if jump is not None:
            ahead, image_ahead = Z - W, image_Z - image_W
            W, image_W = jump, image_of(jump)
            Z, image_Z = W + ahead, image_W + image_ahead
        gradient = problem.gradient(Z, image_Z)
        V = prox(Z - gradient / L, 1.0 / L)
        image_V = image_of(V)
        d = V - Z
        while some(highest > L) and some((needed := problem.curvature(d, image_V, image_Z)) > L):
            L = np.where(needed > L, np.minimum(1.5 * needed, highest), L)
            V = prox(Z - gradient / L, 1.0 / L)
            image_V = image_of(V)
            d = V - Z
        # Restart where the momentum points uphill: <d, V - W> < 0.
        step = V - W
        onward = inner(d, step) >= 0.0
        shrink = 1.0 - 1.0 / (16.0 + 4.0 * most(t)) if every(onward) else 0.7
        L_next = L if kept else max(shrink * L, largest / 50)
        t_next = 0.5 + np.sqrt(0.25 + (L_next / L) * t * t)
        momentum = onward * ((t - 1.0) / t_next)
        t = 1.0 + onward * (t_next - 1.0)
        Z = V + momentum * step
        image_Z = image_V + momentum * (image_V - image_W)
        W, image_W = V, image_V
        n_iter += 1
        jump = yield State(n_iter, W, problem.whole(W, image_W), L)
        L = L_next


def with_newton(problem: Problem, start: Floats) -> Iterator[State]:
    """The states of `fista`, which goes on from better coefficients wherever a Newton step has found some.

    A step is tried when the iterations since the last cost as much. Its damping is ten times less after a
    step that was good, and ten times more after one that was not. Where it fails, the wait grows; and where
    it is good without damping, too, since that should have been the last one, were the zeros the right ones.
    """
    least, damping, most = DAMPING[0], np.asarray(DAMPING[1]), DAMPING[2]
    since, due, wait, products, one = 0, NEWTON, 1.0, 10, cost.iteration(problem)
    states = fista(problem, start)
    state = next(states)
    while True:
        yield state
        since += 1
        jump = None
        if since >= due:
            due = wait * max(NEWTON, cost.newton_step(problem, state.W, products) / one)
            due = min(due, 2.0 * since)  # till then, the structure may change
            if since >= due:
                V, lower, products = newton.newton_step(problem, state.W, state.image, damping)
                wait = 1.0 if np.any(lower & (damping > least)) else LONGER * wait
                damping = np.clip(np.where(lower, 0.1, 10.0) * damping, least, most)
                since, due, jump = 0, wait * NEWTON, V if np.any(lower) else None
        state = states.send(jump)


def minimize(
    problem: Problem,
    start: Floats | None = None,
    *,
    tol: float = 1e-6,
    max_iter: int = 10_000,
    callback: Callable[[State], object] | None = None,
) -> tuple[State, Certificate]:
    """Iterate until the duality gap is at most tol * F(0), or for max_iter iterations.

    The gap is watched through the statistics that the iteration has at hand. A look takes the time of c
    iterations, so with looks sqrt(2 c n) apart what the looks take and what is iterated in vain between the
    last two are about the same. The certificate that is returned is computed afresh from the rows and must
    pass too.

    Parameters
    ----------
    problem : Problem
    start : array of ``problem.shape``, optional
        It is not changed. Where W = 0 is optimal, the iteration starts there all the same.
    tol : float
        Relative duality gap.
    max_iter : int
    callback : callable, optional
        Called with every state over all features; many features are first solved for in working sets.

    Returns
    -------
    state : State
        The last one.
    certificate : Certificate
        Its ``converged`` says whether the promise was kept.

    Raises
    ------
    TypeError, ValueError
        If the penalty's methods return what is no number or no matrix.
    """
    problem.expect_answers()
    return solve(problem, start, tol, max_iter, callback)


def solve(
    problem: Problem,
    start: Floats | None,
    tol: float,
    max_iter: int,
    callback: Callable[[State], object] | None = None,
) -> tuple[State, Certificate]:
    """What `minimize` does with a penalty whose answers have been seen to be numbers."""
    whole = getattr(problem.penalty, "as_one", None)
    if whole is not None:
        return _solve_as_one(problem, whole, start, tol, max_iter, callback)
    if start is None or problem.zero_is_optimal():
        start = problem.start()
    for sets in (entry_sets, working_sets):
        if sets.applicable(problem):
            start, spent = sets.solve(problem, start, tol, max_iter, _on_few_features)
            state, certificate = _until_certified(problem, start, tol, max_iter - spent, callback)
            n_iter = spent + state.n_iter
            return state._replace(n_iter=n_iter), replace(certificate, n_iter=n_iter)
    return _until_certified(problem, start, tol, max_iter, callback)


def _solve_as_one(
    problem: Problem,
    penalty: Any,
    start: Floats | None,
    tol: float,
    max_iter: int,
    callback: Callable[[State], object] | None,
) -> tuple[State, Certificate]:
    """Solve for the sum of the parts, and split it: they cost what the penalty of the sum says."""

    def parts(state: State) -> State:
        return state._replace(W=penalty.split(state.W))

    shown: list[State] = []

    def show(state: State) -> None:
        shown[:] = [parts(state)]
        if callback is not None:
            callback(shown[0])

    start = None if start is None else problem.total(start)
    whole = replace(problem, penalty=penalty)
    state, certificate = solve(whole, start, tol, max_iter, callback and show)
    last_seen = bool(shown) and shown[0].n_iter == state.n_iter  # else iterations on working sets were added
    return shown[0] if last_seen else parts(state), certificate


def _on_few_features(problem: Problem, start: Floats, tol: float, max_iter: int) -> State:
    return _until_certified(problem, start, tol, max_iter, None)[0]


def _until_certified(
    problem: Problem,
    start: Floats,
    tol: float,
    max_iter: int,
    callback: Callable[[State], object] | None,
) -> tuple[State, Certificate]:
    D, T = problem.loss.shape
    next_check, share = 1, cost.look(problem) / cost.iteration(problem)
    iterate = with_newton if newton.applicable(problem) else fista
    with few_threads(D * D * T):
        for state in iterate(problem, start):
            if callback is not None:
                callback(state)
            last = state.n_iter >= max_iter
            if not last and state.n_iter < next_check:
                continue
            next_check = state.n_iter + 1 + isqrt(int(2 * share * state.n_iter))
            if problem.null is not None:
                W, image = problem.settled(state.W, state.image)
                state = state._replace(W=W, image=image)
            if last or seems_solved(problem, state.W, state.image, state.n_iter, tol):
                certificate = certify(problem, state.W, tol=tol, n_iter=state.n_iter)
                if last or certificate.converged:
                    return state, certificate
    raise AssertionError("the iteration has no end")
