"""The certificate of a loss that is not quadratic, by Fenchel's duality.

With the notation of `fista.smooth`, tau_i = -phi'(z_i) and any scale s in [0, 1], weak duality is

    F* >= sum_i omega_i d(y_i, s tau_i) - s^2/2 ||E W'||_F^2 - (Omega + beta ||.||^2)*(s G),
    G = (X - mean)' (omega * tau) - W E'E,

provided that with an intercept ``sum_i omega_i tau_i = 0`` over each task. Without a ridge the last term is
Omega*(s G), which for a norm is 0 where polar(s G) <= 1. With one it is at most
``Omega*(u) + ||s G - u||^2 / (4 beta)`` for any u: we take s = 1 and the best u by the prox, or
``u = s (G - 2 beta W)``, the ridge taken as rows of squares, whichever gives more.

Rounding. With the magnitudes A = ||b|| + sum_d ||M_.d|| |w_d| + |c| of the scaled rows, the computed
predictions are within gamma A of those of W, so that the computed loss is within
gamma A ||sqrt(omega) tau|| + (gamma A)^2 of that of W. Whatever tau has been computed is a dual point, but
for what its sums leave of 0, which is within gamma of either side: an exact one is within gamma of it, entry
by entry. So G is known to within E = 2 gamma ||M_.d|| ||sqrt(omega) tau|| (without an intercept, half of
that), for which the conjugate and the polar make room, and d to within gamma of what its terms add up to.
What that room takes off the bound counts as rounding, too: no iteration wins it back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fista.certificate import (
    NEGATIVE,
    NO_DUAL,
    OUTSIDE,
    Certificate,
    certify,
    gamma_of,
    is_outside,
    kkt_residual,
    seems_solved,
)
from fista.null_space import inexact
from fista.problem import TINY
from fista.smooth import SmoothProblem

__all__: list[str] = []

Floats = NDArray[np.float64]
BLURRED = 1e-3  # of F(0): the rounding beyond which nothing is called certified
ROUNDING = "rounding is more than a thousandth of F(0); expected data and weights of more even sizes"
UNPENALISED = "unpenalised coefficients, for which this loss has no dual bound; expected a ridge"


@dataclass(frozen=True)
class _Sides:
    """Both sides of the duality at W; those of the dual at ``scale``."""

    primal: float
    dual: float
    rounding: float
    scale: float
    tau: Floats
    G: Floats
    reason: str


@seems_solved.register
def _(problem: SmoothProblem, W: Floats, image: Floats, n_iter: int, tol: float) -> bool:
    sides = _sides(problem, W, image)
    if not problem.has_dual:
        return kkt_residual(problem, W, sides.G) <= tol * float(np.linalg.norm(problem.descent_at_zero()))
    return sides.primal - sides.dual <= tol * float(problem.at_zero().sum()) + sides.rounding


@certify.register
def _(problem: SmoothProblem, W: Floats, *, tol: float, n_iter: int) -> Certificate:
    loss, total = problem.loss, problem.total(W)
    sides = _sides(problem, W, problem.image(W))
    gap, zero = max(sides.primal - sides.dual, 0.0), float(problem.at_zero().sum())
    kkt = kkt_residual(problem, W, sides.G)
    # A bound on rounding that is near F(0) says nothing of W (nor does one that is inf).
    blurred = sides.rounding > BLURRED * zero
    converged = gap <= tol * zero + sides.rounding and not blurred
    reason = sides.reason or (ROUNDING if blurred else "")
    if sides.primal - sides.dual < -sides.rounding:
        gap, converged, reason = np.inf, False, NEGATIVE
    if not converged and not reason and is_outside(problem, sides.G, gap):
        reason = OUTSIDE
    if not problem.has_dual:
        converged = kkt <= tol * float(np.linalg.norm(problem.descent_at_zero()))
    point = {"crowd": loss.rows.dual_rows(sides.scale * sides.tau)}
    if loss.graph is not None:
        point["graph"] = -sides.scale * (loss.graph.incidence @ total.T)
    return Certificate(
        primal=sides.primal,
        dual=sides.primal - gap,
        gap=gap,
        relative_gap=gap / zero if zero > 0 else (0.0 if converged else np.inf),
        rounding=sides.rounding,
        kkt_residual=kkt,
        dual_point=point,
        form="rows",
        n_iter=n_iter,
        converged=bool(converged and np.isfinite(sides.primal)),
        tol=tol,
        reason=reason,
    )


def _sides(problem: SmoothProblem, W: Floats, image: Floats) -> _Sides:
    loss, phi, total = problem.loss, problem.loss.phi, problem.total(W)
    offset = loss.offset(image)
    z = image + loss.rows.spread(offset)
    tau = loss.balanced(phi.dual(loss.targets, z))
    size = np.sqrt(loss.rows.energy(tau))  # of the scaled dual rows, a task
    G = loss.adjoint(tau)
    E = (1 + loss.centering.fit_intercept) * loss.column_norms * size
    graph_energy = 0.0
    if loss.graph is not None and loss.coupling is not None:
        differences = loss.graph.incidence @ total.T
        squares = np.square(differences).sum(axis=0)
        G = G - (loss.graph.incidence.T @ differences).T
        E = E + np.outer(np.sqrt(squares), np.sqrt(loss.coupling.diagonal()))
        graph_energy = float(squares.sum())
    E = gamma_of(loss.n_terms) * np.broadcast_to(E, G.shape)
    rest = 0.5 * graph_energy + problem.ridge * float(np.vdot(total, total)) + float(problem.penalty_value(W))
    primal = loss.total(phi.value(loss.targets, z)) + rest

    def dual(s: float, paid: float) -> float:
        rows = loss.total(phi.dual_value(loss.targets, s * tau))
        return rows - 0.5 * s * s * graph_energy - paid

    free = problem.free.any() or (len(problem.null_basis) > 0 and not problem.ridge)
    reason = NO_DUAL if not problem.has_dual else UNPENALISED if free else ""
    best, scale, room = -np.inf, 1.0, 0.0
    if not reason:
        best, scale = max((dual(s, paid), s) for s, paid in _paid(problem, total, G, E))
        exact = max(dual(s, paid) for s, paid in _paid(problem, total, G, np.zeros_like(E)))
        room = exact - best if np.isfinite(best) else 0.0
    magnitude = loss.target_norms + (loss.column_norms * np.abs(total)).sum(axis=0)
    magnitude = magnitude + np.abs(offset) * np.sqrt(loss.mass)
    if loss.coupling is not None:
        magnitude = magnitude + np.sqrt(2 * loss.coupling.diagonal() * np.square(total).sum(axis=0))
    g = gamma_of(loss.n_terms)
    terms = float((size * magnitude).sum()) + g * float(np.square(magnitude).sum()) + primal + graph_energy
    rounding = g * (terms + loss.total(phi.dual_size(loss.targets, tau))) + max(room, 0.0)
    return _Sides(primal, best, rounding, scale, tau, G, reason)


def _paid(problem: SmoothProblem, W: Floats, G: Floats, E: Floats) -> list[tuple[float, float]]:
    """Some scales s, with (Omega + beta ||.||^2)*(s G) at each, or a bound on it."""
    if not problem.ridge:
        s = min(1.0 / max(float(problem.polar(G)) + float(problem.polar_bound(E)), TINY), 1.0)
        return [(s, problem.conjugate(G, E, s))]
    limit = min(1.0 / max(float(problem.polar(G - 2 * problem.ridge * W)), TINY), 1.0)
    pairs = []
    for s, u in ((1.0, G - problem.beyond(G)), (limit, limit * (G - 2 * problem.ridge * W))):
        inside = problem.off_null(u)
        inside = inside / max(float(problem.polar(inside)), 1.0)  # a proof trusts no prox
        beyond = float(np.linalg.norm(s * G - inside)) + s * float(np.linalg.norm(E))
        if len(problem.null_basis):  # which `inside` may miss by rounding
            beyond += inexact(inside)
        pairs.append((s, problem.conjugate(inside) + beyond**2 / (4 * problem.ridge)))
    return pairs
