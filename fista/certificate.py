"""Duality gaps, and the certificate that every answer comes with.

The problem is ``F(W) = 1/2 ||M w - b||^2 + beta ||W||_F^2 + Omega(W)``. Every theta with
``Omega*(M'theta) < inf`` gives a lower bound on its minimum,

    D(theta) = <b, theta> - 1/2 ||theta||^2 - (beta ||.||^2 + Omega)*(M'theta),

where the last term is 0 or inf according to ``polar(M'theta) <= 1`` if beta = 0, and
``1/(4 beta) dist(M'theta, {polar <= 1})^2`` if beta > 0. We take theta = s r along the residual
r = b - M w. Then, with G = M'r, the gap needs no difference of large numbers:

    gap(s) = 1/2 (1 - s)^2 ||r||^2 + Omega(W) - s <W, G>                                   (beta = 0)
           ... + beta ||W||^2 + dist(s G, {polar <= 1})^2 / (4 beta)                          (beta > 0)

For a penalty that is no norm the conjugate takes the place of the dual ball: gap(s) has Omega*(s G) besides,
and with a ridge min_u Omega*(u) + ||s G - u||^2 / (4 beta), for which any u will do.

Only the part of r in the range of M needs scaling: theta = r - (1 - s) M (M'M)^+ G has M'theta = s G too, and
gap(s) with <G, (M'M)^+ G> for ||r||^2, which is far less where weights are small. That takes a design of full
rank and an eigendecomposition, made once it costs no more than the iterations so far.

The point of the dual ball nearest to s G is s G less its prox of Omega with step 1 (Moreau); its polar is
computed, and where it exceeds 1 the point is scaled back, so that a proof depends on the polar alone.

A task that only the loss acts on needs M'theta = 0: theta is then the least-squares residual, and the gap is
``1/2 <G, (M'M)^+ G>``. Floating point cannot tell a singular M from one that is so but for its last bits:
where M is rank-deficient, ``reason`` says that the gap holds for an M within rounding of the given one.

A semi-norm with null space N needs N'M'theta = 0. W is moved along N until N'G is 0 but for rounding, and
what that leaves is paid for (`NullSpace`): some theta' with N'M'theta' = 0 has ||theta' - s r|| <= s eta, so
that D is less by at most s eta ||b - s r|| + (s eta)^2, and the entries of M'theta' are within
s (E + eta ||M_.d||) of s G. Where the rank of M N is not certain, the gap is inf.

Rounding. Sums of n terms carry a relative error of at most gamma_n = n u / (1 - n u). With the magnitudes
A = ||b|| + sum_d ||M_.d|| |w_d| (before centring), the computed residual is within gamma A of b - M w, and
the computed G is within E = gamma ||M_.d|| ||r|| of M'r. Feasibility is claimed only for polar(G) + polar(E)
(polars of absolute norms are monotone and subadditive), and a conjugate is the largest within E of G, so that
D is a true lower bound; what is left is the error of the value itself, which is returned as ``rounding``.

Where there are no rows but only M'M, M'b and ||b||^2, each of these carries an error of gamma times the norms
of its two columns (`fista.moments` counts the terms). Then E = gamma ||M_.d|| A, and ||r||^2 is computed from
them to within gamma A^2, so that A takes the place of ||r|| in the bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import singledispatch
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fista.losses import LeastSquares
from fista.null_space import inexact
from fista.problem import Problem, Scalars

__all__ = [
    "Certificate",
    "certify",
    "entry_polars",
    "gap_from_statistics",
    "is_outside",
    "row_polars",
    "seems_solved",
]

Floats = NDArray[np.float64]
UNIT = float(np.finfo(np.float64).eps) / 2
RANK_DEFICIENT = "unpenalised: singular values of the design within rounding of zero count as zero"
NULL_SPACE = "the penalty is a semi-norm, and the rank of the design on its null space is not certain"
NO_DUAL = "the penalty has neither polar nor conjugate: judged by the KKT residual"
OUTSIDE = (
    "the conjugate of the penalty is inf at all multiples of M'r but 0; a ridge, however small, gives a gap"
)
NEGATIVE = (
    "the gap is negative: the penalty's polar or conjugate is too small for its value, see check_penalty"
)
TINY = float(np.finfo(np.float64).tiny)  # so that 0 / 0 does not arise
EXCUSED = 0.01  # of F(0), is all that the rounding of W may excuse


@dataclass(frozen=True, eq=False)  # arrays have no one truth value
class Certificate:
    """A proof that F(W) is within ``gap + rounding`` of the minimum.

    Attributes
    ----------
    primal : float
        F(W) at the returned coefficients.
    dual : float
        A lower bound on the minimum of F: the dual objective at ``dual_point``.
    gap : float
        ``primal - dual``, >= F(W) - F*; +inf where no bound could be proved, see ``reason``.
    relative_gap : float
        ``gap / F(0)``, F(0) being the objective at W = 0 with its best intercept; 0 where both are 0.
    rounding : float
        A bound on the floating-point error of ``gap``.
    kkt_residual : float
        ``L ||W - prox_{1/L}(W - grad f(W) / L)||_F``; 0 at a minimiser. L is the curvature along
        one coefficient, at most (of a task, where tasks are independent): from norms before centring.
    dual_point : dict of str to ndarray
        theta in the rows of M, in the caller's order: ``"crowd"``, and ``"expert"`` (edges: ``"graph"``)
        where there are such rows. Row i is scaled by sqrt(c_i u_i): u_i is the weight of the sample, c_i is
        2 (SSQ without 1/2), 1 (the crowd of EG-MTL) or 2 lam1 (its experts); graph rows are scaled by
        sqrt(2 * weight). Empty where ``form`` is ``"statistics"``. Where a weight is less than twice the
        rounding of M'theta, ``dual`` is that of an exact projection, of which this is the rounded image.
    form : str
        What the gap was computed from: ``"rows"``, the residuals, or ``"statistics"``, sums over the rows (of
        the fits in cross-validation, `fista.moments`).
    n_iter : int
        Iterations, the start point included.
    converged : bool
        ``gap <= tol * F(0) + rounding`` (for `STLasso`: for every task by itself), where ``rounding`` counts
        for a hundredth of F(0) at most, besides that of the targets. With a penalty that has neither polar
        nor conjugate ``kkt_residual <= tol * ||M'b||_F``, which proves nothing about F.
    tol : float
        The relative gap that was asked for.
    reason : str
        Why there is no bound, if there is none, or what the bound is subject to (an unpenalised,
        rank-deficient design).
    gap_by_task : ndarray of shape (n_tasks,) or None
        The gap of every task by itself, where the tasks are independent.
    """

    primal: float
    dual: float
    gap: float
    relative_gap: float
    rounding: float
    kkt_residual: float
    dual_point: dict[str, Floats] = field(repr=False)
    form: str
    n_iter: int
    converged: bool
    tol: float
    reason: str = ""
    gap_by_task: Floats | None = field(default=None, repr=False)

    def __str__(self) -> str:
        verdict = "certified" if self.converged else "NOT certified"
        because = f" ({self.reason})" if self.reason else ""
        return (
            f"{verdict} to tol={self.tol:g}: F(W) = {self.primal:.10g}, "
            f"F(W) - F* <= {self.gap:.3g} = {self.relative_gap:.2g} F(0) (rounding {self.rounding:.1g}), "
            f"KKT residual {self.kkt_residual:.2g}, {self.n_iter} iterations{because}"
        )


@singledispatch
def seems_solved(problem: Problem, W: Floats, HW: Floats, n_iter: int, tol: float) -> bool:
    """Whether W is worth a certificate, by the statistics at hand (``HW``: the ridge included)."""
    if not problem.has_dual:
        G = problem.loss.linear - HW + (2 * problem.ridge) * problem.total(W)
        return kkt_residual(problem, W, G) <= tol * float(np.linalg.norm(problem.descent_at_zero()))
    targets = tol * problem.at_zero()
    gap, rounding = gap_from_statistics(problem, W, HW, n_iter)
    return bool(np.all(gap <= (targets if problem.independent else targets.sum()) + rounding))


def gap_from_statistics(problem: Problem, W: Floats, HW: Floats, n_iter: int = 0) -> tuple[Scalars, Scalars]:
    """The gap at W and a bound on its rounding error, from M'M W (``HW``, ridge included), M'b and ||b||^2.

    One number each, or one a task where ``problem.independent``.
    """
    _, gap, _, rounding = _from_statistics(problem, W, HW, n_iter)
    return (gap, rounding) if problem.independent else (np.sum(gap), np.sum(rounding))


def _from_statistics(
    problem: Problem, W: Floats, HW: Floats, n_iter: int
) -> tuple[Floats, Scalars, Scalars, Scalars]:
    """G = M'r; the gap, its scale and the bound on its rounding, one a task where tasks are apart."""
    loss, total = problem.loss, problem.total(W)
    MMW = HW - (2 * problem.ridge) * total if problem.ridge else HW
    G = loss.linear - MMW
    energy = loss.energy if problem.separable else loss.energy.sum()
    energy = np.maximum(energy - problem.inner(loss.linear + G, total), 0.0)
    magnitude = _magnitude(problem, total)
    gamma = gamma_of(loss.n_terms)
    bounded = problem.free.any() or problem.null is not None
    E = gamma * loss.column_norms * magnitude if bounded else None
    omega = problem.penalty_value(W)
    rounding = gamma * (2 * np.square(_join(problem, magnitude)) + omega)
    directions = _directions(problem, total, G, energy, E, n_iter)
    best = _best_point(problem, W, G, omega, E, directions, lambda _: rounding, refine=False)
    return G, np.maximum(best.gap, 0.0), best.scale, best.rounding


def row_polars(problem: Problem, W: Floats, image: Floats) -> tuple[Floats, Floats, float]:
    """The polars of the rows of M'theta, of the best dual point at most, and the gap relative to F(0).

    theta = s r is the dual point of the gap at W. D is 1-strongly concave, so that the best one is within
    R = sqrt(2 gap) of it, and ``M_.d'theta`` moves by at most R ||M_.d||. (With a ridge, where D is another,
    the second is inf.)
    """
    loss = problem.loss
    G, gap, scale, rounding = _from_statistics(problem, W, image, 0)
    norms = np.broadcast_to(loss.column_norms, G.shape)
    if loss.coupling is not None:
        norms = np.hypot(norms, np.sqrt(loss.coupling.diagonal()))
    found: Floats = problem.penalty.row_polars(scale * G)  # type: ignore[attr-defined]
    most = np.full_like(found, np.inf)
    if not problem.ridge:
        radius = np.sqrt(2 * (gap + rounding))
        inexact = gamma_of(loss.n_terms) * _join(problem, _magnitude(problem, problem.total(W)))
        most = found + problem.penalty.row_polars(norms * (radius + scale * inexact))  # type: ignore[attr-defined]
    zero = float(problem.at_zero().sum())
    return found, most, float(np.sum(gap)) / zero if zero > 0 else 0.0


def entry_polars(problem: Problem, W: Floats, image: Floats) -> tuple[Floats, Floats, float]:
    """The polars of the entries of M'theta; the gap relative to F(0), of each independent task and of all."""
    G, gap, scale, _ = _from_statistics(problem, W, image, 0)
    zero = problem.at_zero()
    found: Floats = problem.penalty.entry_polars(scale * G)  # type: ignore[attr-defined]
    gaps = np.divide(gap, zero, out=np.zeros_like(zero), where=zero > 0)
    return found, gaps, float(np.sum(gap) / zero.sum()) if zero.any() else 0.0


@singledispatch
def certify(problem: Problem, W: Floats, *, tol: float, n_iter: int) -> Certificate:
    """The certificate of W, computed afresh from the rows; of a loss without, from its statistics."""
    loss, total = problem.loss, problem.total(W)
    gamma = gamma_of(loss.n_terms)
    statistics = _residual_statistics if loss.blocks else _summed_statistics
    residuals, energy, G, E = statistics(problem, total)
    omega = problem.penalty_value(W)
    directions = _directions(problem, total, G, energy, E, n_iter)
    ridge = problem.ridge * problem.inner(total, total)
    primal = float(np.sum(0.5 * energy + omega + ridge))
    size = _join(problem, _magnitude(problem, total))
    length = np.sqrt(energy) if loss.blocks else size  # what ||r||^2 is summed or subtracted from
    at_zero = problem.at_zero()
    targets = tol * at_zero
    # A bound on rounding as large as the problem says nothing of W (nor does one that is inf).
    worst = float(targets.sum() + EXCUSED * at_zero.sum() + gamma * np.square(loss.target_norms).sum())

    def value_rounding(scale: Scalars) -> Scalars:
        return gamma * ((3 + scale) * size * length + omega + ridge) + np.square(gamma * size)

    for refine in (False, True):  # the best scale takes time: only where a quick one is not enough
        found, scale, reason, rounding, projection = _best_point(
            problem, W, G, omega, E, directions, value_rounding, refine=refine
        )
        gap = np.maximum(found, 0.0)
        if problem.independent:
            converged = bool(np.all(gap <= targets + rounding))
        else:
            converged = bool(np.sum(gap) <= targets.sum() + np.sum(rounding))
        converged = converged and bool(np.isfinite(primal) and np.sum(gap) <= worst)
        if converged or not problem.ridge:
            break
    kkt = kkt_residual(problem, W, G)
    if np.any(found < -rounding):
        gap, converged, reason = np.full_like(gap, np.inf), False, NEGATIVE
    if not converged and not reason and is_outside(problem, G, gap):
        reason = OUTSIDE
    if not problem.has_dual:
        converged = bool(np.isfinite(primal) and kkt <= tol * np.linalg.norm(problem.descent_at_zero()))
    zero, total_gap = float(at_zero.sum()), float(np.sum(gap))
    return Certificate(
        primal=primal,
        dual=primal - total_gap,
        gap=total_gap,
        relative_gap=total_gap / zero if zero > 0 else (0.0 if converged else np.inf),
        rounding=float(np.sum(rounding)),
        kkt_residual=kkt,
        dual_point=_dual_point(problem, total, residuals, G, scale, projection) if loss.blocks else {},
        form="rows" if loss.blocks else "statistics",
        n_iter=n_iter,
        converged=converged,
        tol=tol,
        reason=reason,
        gap_by_task=np.asarray(gap) if problem.separable else None,
    )


def _residuals(problem: Problem, W: Floats) -> dict[str, Floats]:
    """Those of each block of rows, with the best intercept."""
    intercept = problem.loss.centering.intercept(W)
    return {name: block.residual(W, intercept) for name, block in problem.loss.blocks.items()}


def _residual_statistics(problem: Problem, W: Floats) -> tuple[dict[str, Floats], Scalars, Floats, Floats]:
    """The residuals, ||r||^2, G = M'r, and E with |computed G - M'r| <= E (Cauchy and Schwarz by columns)."""
    loss = problem.loss
    residuals = _residuals(problem, W)
    energies = np.zeros(loss.shape[1])
    G = np.zeros(loss.shape)
    for block, R in zip(loss.blocks.values(), residuals.values(), strict=True):
        energies += block.energy(R)
        G += block.adjoint(R)
        if loss.centering.fit_intercept:  # the columns of M are centred
            G -= loss.centering.features * block.task_sums(R)
    E = np.broadcast_to(loss.column_norms * np.sqrt(energies), G.shape)
    energy: Scalars = energies if problem.separable else float(energies.sum())
    if loss.graph is not None and loss.coupling is not None:
        differences = loss.graph.incidence @ W.T
        G -= (loss.graph.incidence.T @ differences).T
        squares = np.square(differences).sum(axis=0)
        E = E + np.outer(np.sqrt(squares), np.sqrt(loss.coupling.diagonal()))
        energy = energy + float(squares.sum())
    return residuals, energy, G, gamma_of(loss.n_terms) * E


def _summed_statistics(problem: Problem, W: Floats) -> tuple[dict[str, Floats], Scalars, Floats, Floats]:
    """The same from M'M, M'b and ||b||^2, whose entries are within gamma of the norms of their columns."""
    loss = problem.loss
    G = loss.linear - loss.hessian(W)
    E = loss.column_norms * _magnitude(problem, W)
    if loss.coupling is not None:
        E = E + np.abs(W) @ np.abs(loss.coupling)
    energy = loss.energy if problem.separable else float(loss.energy.sum())
    energy = np.maximum(energy - problem.inner(loss.linear + G, W), 0.0)
    return {}, energy, G, gamma_of(loss.n_terms) * E


class _Direction(NamedTuple):
    """What of the residual is scaled: all, or its projection on the range of M."""

    projection: LeastSquares | None
    energy: Scalars  # of what is scaled
    fixed: Floats | None  # what rounding adds to M'theta, whatever the scale
    value_error: Scalars  # and to the dual value


class _Point(NamedTuple):
    """A dual point, by its gap(s) and its scale; ``reason`` says why a gap is infinite."""

    gap: Scalars
    scale: Scalars
    reason: str
    rounding: Scalars
    projection: LeastSquares | None


def _directions(
    problem: Problem, W: Floats, G: Floats, energy: Scalars, E: Floats | None, n_iter: int
) -> list[_Direction]:
    """That of the residual, and after so many iterations that of its projection.

    A projected dual point is the residual at W' = W + (1 - s) (M'M)^+ G, 0 <= s <= 2 (`_dual_point`).
    However small s, rounding in M'theta is that of the residual at W'. Where it may take half of a weight,
    numbers cannot hold a dual point, and what is known is that of the exact projection.
    """
    projection, loss = problem.projection(n_iter), problem.loss
    plain = _Direction(None, energy, None, 0.0)
    if projection is None:
        return [plain]
    inside = _projected_energy(problem, G, energy, E, projection)
    V = np.abs(W) + np.abs(projection.solve(G))
    fixed = loss.column_norms * _magnitude_of_rows(problem, V)
    if loss.coupling is not None:
        fixed = fixed + V @ np.abs(loss.coupling)
    fixed = gamma_of(loss.n_terms) * np.broadcast_to(fixed, V.shape)
    if np.any(problem.polar_bound(fixed) > 0.5):
        return [plain, _Direction(projection, inside, None, 0.0)]
    return [plain, _Direction(projection, inside, fixed, problem.inner(fixed, V))]


def _best_point(
    problem: Problem,
    W: Floats,
    G: Floats,
    omega: Scalars,
    E: Floats | None,
    directions: list[_Direction],
    value_rounding: Callable[[Scalars], Scalars],
    *,
    refine: bool,
) -> _Point:
    """The dual point of the smallest gap, with its rounding."""
    points = []
    for projection, energy, fixed, value_error in directions:
        gap, scale, reason = _best_gap(problem, W, G, energy, omega, E, fixed, refine=refine)
        points.append(_Point(gap, scale, reason, value_rounding(scale) + value_error, projection))
    return min(points, key=lambda point: np.sum(np.maximum(point.gap, 0.0) + point.rounding))


def _projected_energy(
    problem: Problem, G: Floats, energy: Scalars, E: Floats | None, projection: LeastSquares
) -> Scalars:
    """That of the part of r in the range of M, at most."""
    lengths = projection.length(G)
    if E is not None:
        lengths = lengths + projection.size(E) / np.sqrt(projection.smallest())
    inside = np.square(lengths)
    return np.minimum(inside if problem.separable else inside.sum(), energy)


def _best_gap(
    problem: Problem,
    W: Floats,
    G: Floats,
    energy: Scalars,
    omega: Scalars,
    E: Floats | None,
    fixed: Floats | None,
    *,
    refine: bool,
) -> tuple[Scalars, Scalars, str]:
    """The smallest gap(s) found, its scale s, and why it is infinite if it is.

    Rounding in M'theta is at most ``s * E + fixed``.
    """
    free = problem.free
    if not problem.has_dual:
        return np.inf, 1.0, NO_DUAL
    if free.all():
        # With nothing to pay for W, the minimum is that of least squares; a part that does cost is in excess.
        excess, ones, reason = _least_squares_gap(problem, G, E)
        return excess + omega, ones, reason
    if problem.ridge:
        gap, scale = _ridge_gap(problem, W, G, energy, omega, E, fixed, refine=refine)
    elif problem.null is not None and E is not None:
        if not problem.null.certain:
            return np.inf, 1.0, NULL_SPACE
        eta = problem.null.distance(G, E)
        gap, scale = _norm_gap(problem, W, G, energy, omega, E + eta * problem.null.column_norms, fixed)
        # ||b - s r|| = ||M w + (1 - s) r||, and neither M w nor r exceeds the magnitude.
        length = 2 * _join(problem, _magnitude(problem, problem.total(W)))
        gap = gap + scale * eta * length + np.square(scale * eta)
    else:
        gap, scale = _norm_gap(problem, W, G, energy, omega, E, fixed)
    if not free.any():
        return gap, scale, ""
    free_gap, _, reason = _least_squares_gap(problem, G, E)
    return np.where(free, free_gap, gap), np.where(free, 1.0, scale), reason


def _norm_gap(
    problem: Problem,
    W: Floats,
    G: Floats,
    energy: Scalars,
    omega: Scalars,
    E: Floats | None,
    fixed: Floats | None,
) -> tuple[Scalars, Scalars]:
    """Without a ridge: the best s with polar(s M'r) <= 1, a parabola clipped to an interval.

    The best s tends to 1; that it stays below 2 keeps rounding bounded where the residual vanishes.
    """
    fit = problem.inner(problem.total(W), G)
    bound = problem.polar(G) + (problem.polar_bound(E) if E is not None else 0.0)
    room = 1.0 - (problem.polar_bound(fixed) if fixed is not None else 0.0)
    limit = np.minimum(room / np.maximum(bound, TINY), 2.0)
    scale = np.minimum(np.maximum(1.0 + fit / np.maximum(energy, TINY), 0.0), limit)

    def gap(s: Scalars) -> Scalars:
        paid = problem.conjugate(G, E, s)
        return np.asarray(0.5 * np.square(1.0 - s) * energy + omega + paid - s * fit)

    if problem.is_norm:  # then that is the best
        return gap(scale), scale
    return _best_of(gap, [np.minimum(limit, 1.0), scale])


def _ridge_gap(
    problem: Problem,
    W: Floats,
    G: Floats,
    energy: Scalars,
    omega: Scalars,
    E: Floats | None,
    fixed: Floats | None,
    *,
    refine: bool,
) -> tuple[Scalars, Scalars]:
    """With a ridge: the elastic-net dual at s = 1 and at the scaled point of the ridge taken as rows of M.

    At the latter it is at least as good as the norm's own dual there, since s (G - 2 beta W) is a point of
    the dual ball at distance 2 beta s ||W|| from s G. ``refine`` then seeks the best s by bisection on the
    derivative, which increases in s, between 0 and 2.
    """
    beta = problem.ridge
    fit, square = problem.inner(W, G), problem.inner(W, W)
    error, least_error = (0.0 if A is None else np.sqrt(problem.inner(A, A)) for A in (E, fixed))

    def gap(s: Scalars) -> Scalars:
        inside = problem.off_null(s * G - problem.beyond(s * G))
        inside = inside / np.maximum(problem.polar(inside), 1.0)  # a proof trusts no prox
        beyond = s * G - inside
        distance = np.sqrt(problem.inner(beyond, beyond)) + np.abs(s) * error + least_error
        if len(problem.null_basis):  # which `inside` may miss by rounding
            distance = distance + inexact(inside)
        smooth = 0.5 * np.square(1.0 - s) * energy + beta * square
        paid = problem.conjugate(inside)
        return np.asarray(smooth + omega + paid - s * fit + np.square(distance) / (4 * beta))

    augmented = np.maximum(energy + 2 * beta * square, TINY)
    limit = np.minimum(1.0 / np.maximum(problem.polar(G - 2 * beta * W), TINY), 2.0)
    scaled = np.minimum(np.maximum(1.0 + (fit - 2 * beta * square) / augmented, 0.0), limit)
    candidates = [np.ones_like(scaled), scaled]
    if refine:
        low, high = np.zeros_like(scaled), np.full_like(scaled, 2.0)
        for _ in range(25):
            middle = 0.5 * (low + high)
            beyond = problem.beyond(middle * G)
            slope = (middle - 1.0) * energy - fit + problem.inner(beyond, G) / (2 * beta)
            low, high = np.where(slope < 0, middle, low), np.where(slope < 0, high, middle)
        candidates.append(0.5 * (low + high))
    return _best_of(gap, candidates)


def _best_of(gap: Callable[[Scalars], Scalars], scales: list[Scalars]) -> tuple[Scalars, Scalars]:
    """The smallest of the gaps at some scales, and the scale that has it."""
    gaps = np.stack([np.asarray(gap(s)) for s in scales])
    choice = gaps.argmin(axis=0)
    scale = np.take_along_axis(np.stack(scales), choice[None], axis=0)[0]
    return gaps.min(axis=0), scale


def _least_squares_gap(problem: Problem, G: Floats, E: Floats | None) -> tuple[Scalars, Scalars, str]:
    """No penalty: F(W) - F* = 1/2 <G, (M'M)^+ G>, with room for an error of E in G."""
    ones = np.ones(problem.loss.shape[1]) if problem.separable else 1.0
    solver = problem.loss.least_squares()
    if solver is None or E is None:
        return np.inf * ones, ones, "unpenalised, and the rank of the design is unknown"
    # G lies in the range of M', but for its own error and that of the range as it was found.
    outside, error = solver.outside(G), solver.size(E)
    proved = outside <= error + solver.tilt() * solver.size(G)
    gaps = 0.5 * np.square(solver.length(G) + (error + outside) / np.sqrt(solver.smallest()))
    gaps = np.where(proved, gaps, np.inf)
    blocked = proved if len(proved) == 1 else proved | ~problem.free
    reason = "" if solver.full_rank else RANK_DEFICIENT
    if not blocked.all():
        reason = "unpenalised, and the rank of the design cannot be decided"
    return (gaps if problem.separable else float(gaps.sum())), ones, reason


def is_outside(problem: Problem, G: Floats, gap: Scalars) -> bool:
    """Whether there is no dual point to be had from G and its rounding, however near to a minimum."""
    if problem.ridge or problem.free.any():
        return False
    if not np.all(np.isfinite(gap)):
        return True
    return not np.all(np.isfinite(problem.polar(G) + problem.polar_bound(np.ones_like(G))))


def kkt_residual(problem: Problem, W: Floats, G: Floats) -> float:
    L = problem.coordinate_lipschitz
    descent = G - (2 * problem.ridge) * problem.total(W)
    return float(np.linalg.norm(L * (W - problem.penalty.prox(W + descent / L, 1.0 / L))))


def _dual_point(
    problem: Problem,
    W: Floats,
    residuals: dict[str, Floats],
    G: Floats,
    scale: Scalars,
    projection: LeastSquares | None,
) -> dict[str, Floats]:
    """The residual r scaled by s, all of it or only in the range of M; for free tasks s is 0 there.

    r - (1 - s) M (M'M)^+ G is the residual at W + (1 - s) (M'M)^+ G.
    """
    loss = problem.loss
    scales = np.broadcast_to(scale, loss.shape[1])
    if problem.free.any():
        projection = loss.least_squares()
        step = np.where(problem.free, 1.0, 0.0)
    elif projection is not None:
        step, scales = 1.0 - scales, np.ones_like(scales)
    if projection is not None:
        W = W + step * projection.solve(G)
        residuals = _residuals(problem, W)
    point = {
        name: block.dual_rows(block.spread(scales) * residuals[name]) for name, block in loss.blocks.items()
    }
    if loss.graph is not None:
        point["graph"] = -scales[0] * (loss.graph.incidence @ W.T)
    return point


def _magnitude(problem: Problem, W: Floats) -> Floats:
    """A a task: ||b_t|| + sum_d ||M_.d|| |w_dt|, and with it what intercept and graph rows add.

    The intercept is the mean of y - x w, so its column adds at most as much again; the graph rows have
    ||E W'||^2 <= 2 sum_t K_tt ||w_t||^2.
    """
    loss = problem.loss
    sizes = _magnitude_of_rows(problem, W)
    if loss.coupling is not None:
        sizes = sizes + np.sqrt(2 * loss.coupling.diagonal() * np.square(W).sum(axis=0))
    return np.asarray(sizes)


def _magnitude_of_rows(problem: Problem, W: Floats) -> Floats:
    loss = problem.loss
    sizes = loss.target_norms + (loss.column_norms * np.abs(W)).sum(axis=0)
    return np.asarray(2 * sizes if loss.centering.fit_intercept else sizes)


def _join(problem: Problem, magnitude: Floats) -> Scalars:
    return magnitude if problem.separable else float(np.sqrt(np.square(magnitude).sum()))


def gamma_of(n: int) -> float:
    return n * UNIT / (1 - n * UNIT)
