"""The dual side of any declared penalty, found by CVXPY from its expression alone.

Omega is a function of W, or of K parts whose sum is W. A lower bound on the objective needs one of

    polar(G)     = sup {<G, W> : Omega(W) <= 1}                   of a norm (semi-norm, gauge),
    conjugate(G) = sup_W <G, W> - Omega(W) - beta ||W||_F^2        of anything, with a ridge or without.

Both are compiled once for a penalty and a shape, and solved for each G. A conic solver's answer is trusted to
`TRUSTED` of its size and no further: what is returned is an upper bound, larger by that. The directions that
Omega does not see (``Omega(W + n) = Omega(W)``) are found by evaluating it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from functools import cached_property, lru_cache
from typing import Any

import cvxpy as cp
import numpy as np
import scipy.linalg

from formulations.data import Array
from formulations.penalties import constraints, expression, is_declared
from formulations.recession import Recession, recession
from formulations.solved import solved_within

__all__ = ["TRUSTED", "PenaltyDual", "dual_of"]

#: What the conic solvers' answers are trusted to, relative to their size.
TRUSTED = 1e-8
#: What they are asked for, in turn until one succeeds; "inaccurate" means 1e-9.
_TOLERANCES = ("tol_gap_abs", "tol_gap_rel", "tol_feas")
_CLARABEL = {**dict.fromkeys(_TOLERANCES, 1e-11), **{f"reduced_{name}": 1e-9 for name in _TOLERANCES}}
ASKED: list[dict[str, Any]] = [
    {"solver": cp.CLARABEL, **_CLARABEL},
    {"solver": cp.CLARABEL, **_CLARABEL, "static_regularization_constant": 1e-7},
    {"solver": cp.SCS, "eps_abs": 1e-10, "eps_rel": 1e-10, "max_iters": 20_000},
    {"solver": cp.CLARABEL, **_CLARABEL, "max_step_fraction": 0.8, "equilibrate_enable": False},
    {"solver": cp.SCS, "eps_abs": 1e-9, "eps_rel": 1e-9, "max_iters": 100_000},
]
#: Those that answer in milliseconds.
QUICK = [settings for settings in ASKED if settings["solver"] == cp.CLARABEL]
#: The last resort, of which more is to be subtracted: its own tolerances are 1e-8. It might take a supremum
#: that is barely inf for a finite one, and is for what is known to be finite, such as polars of even norms.
LAST, TRUSTED_LAST = {"solver": cp.CLARABEL, **{f"reduced_{name}": 1e-8 for name in _TOLERANCES}}, 1e-7
#: What an inaccurate answer is trusted to where there are exponential cones, and the atoms that have them.
INACCURATE = 1e-4
EXPONENTIAL = {
    "entr",
    "exp",
    "kl_div",
    "log",
    "log1p",
    "log_det",
    "log_sum_exp",
    "logistic",
    "rel_entr",
    "xexp",
}
EPS = float(np.finfo(np.float64).eps)
#: How far a constraint may be violated, relative to the largest coefficient (at least 1), and still hold.
FEASIBLE = 1e-9


class PenaltyDual:
    """Value, polar and conjugate of one penalty on D x T coefficients; see `dual_of`."""

    def __init__(self, penalty: Any, n_features: int, n_tasks: int) -> None:
        if not is_declared(penalty):
            expression(penalty, None)  # says what to write
        self.penalty, self.shape = penalty, (n_features, n_tasks)
        self.n_parts = int(getattr(penalty, "n_parts", 1))
        try:
            self._parts, self._value, self._constraints = self.declare()
        except Exception as error:
            raise ValueError(
                f"penalty: found an expression that cannot be built ({type(error).__name__}: {error}); "
                f"expected one of a CVXPY variable of shape {self.shape}"
            ) from error
        if not (self._value.is_scalar() and self._value.is_convex()):
            raise ValueError(
                f"penalty: found the expression {self._value} of curvature {self._value.curvature}; expected "
                "a scalar that is convex by the rules of disciplined convex programming"
            )

    def declare(self) -> tuple[list[Any], Any, list[Any]]:
        """New variables of the parts, the penalty of them, and its constraints."""
        parts = [cp.Variable(self.shape) for _ in range(self.n_parts)]
        own: Any = parts if self.n_parts > 1 else parts[0]
        value = cp.Expression.cast_to_const(expression(self.penalty, own))
        return parts, value, constraints(self.penalty, own)

    # -- the primal side ---------------------------------------------------------------------------

    def value(self, parts: list[Array]) -> float:
        """Omega, inf where a constraint is violated."""
        self._set(parts)
        allowed = FEASIBLE * max(1.0, *(float(np.abs(part).max(initial=0.0)) for part in parts))
        if self.violation(parts) > allowed:
            return np.inf
        return float(self._value.value)

    def violation(self, parts: list[Array]) -> float:
        """By how much the constraints are violated, the largest entry."""
        if not self._constraints:
            return 0.0
        self._set(parts)
        return max(float(np.max(c.violation())) for c in self._constraints)

    def solved_within(self, parts: list[Array]) -> float:
        """By how much `value` may be off, where CVXPY has to solve a problem for it."""
        self._set(parts)
        return solved_within(self._value)

    def _set(self, parts: list[Array]) -> None:
        for variable, part in zip(self._parts, parts, strict=True):
            variable.value = part

    # -- what kind of function it is ---------------------------------------------------------------

    @cached_property
    def _points(self) -> list[list[Array]]:
        """Points of different signs, random and with zeros, that keep the constraints."""
        rng = np.random.default_rng(0)
        points = [[rng.standard_normal(self.shape) for _ in range(self.n_parts)] for _ in range(2)]
        points.append([np.eye(*self.shape) for _ in range(self.n_parts)])
        points += [[sign * np.abs(part) for part in points[0]] for sign in (1.0, -1.0)]
        return [self._nearest(point) for point in points]

    def _nearest(self, parts: list[Array]) -> list[Array]:
        if not self._constraints:
            return parts
        variables, _, within = self.declare()
        distance = sum(cp.sum_squares(v - p) for v, p in zip(variables, parts, strict=True))
        self._solve(cp.Problem(cp.Minimize(distance), within))
        return [np.asarray(v.value) for v in variables]

    @cached_property
    def is_norm(self) -> bool:
        """Whether it is positively homogeneous, as far as the tree of the expression tells."""
        return self._far is not None and self._far.homogeneous

    @cached_property
    def _far(self) -> Recession | None:
        """What it grows like, where the atoms of the expression are known."""
        return recession(self._value, self._constraints)

    @cached_property
    def unseen(self) -> list[Array]:
        """For each part, an orthonormal basis (columns, of vec(W) by rows) of what Omega does not see.

        Nothing, if the supremum of a general G is finite. Else what Omega does see is spanned by its
        derivatives at enough points, and a basis vector n of the rest counts only if Omega grows neither
        along n nor along -n, and so is constant along it. Where what it grows like is not known, and with
        constraints, nothing is sought.
        """
        size = int(np.prod(self.shape))
        nothing = [np.zeros((size, 0)) for _ in range(self.n_parts)]
        if self._far is None or self._constraints or self._sees_everything():
            return nothing
        return [self._unseen(k) for k in range(self.n_parts)]

    def _sees_everything(self) -> bool:
        general = np.random.default_rng(3).uniform(0.5, 1.0, self.shape)
        parts, value, _ = self.declare()
        product = sum(cp.sum(cp.multiply(general, part)) for part in parts)
        if self.is_norm:
            return bool(np.isfinite(self._solve(cp.Problem(cp.Maximize(product), [value <= 1]))))
        problems = [cp.Problem(cp.Maximize(s * product - value)) for s in (1.0, 1e-3, 1e-6)]
        return any(np.isfinite(self._solve(problem)) for problem in problems)

    def _unseen(self, k: int) -> Array:
        rng, size = np.random.default_rng(1), int(np.prod(self.shape))
        points = list(rng.standard_normal((size + 2, *self.shape)))
        seen = np.zeros((0, size))
        for _ in range(size + 2):
            seen = np.vstack([seen, *(self._derivative(k, point) for point in points)])
            basis = scipy.linalg.null_space(seen, rcond=1e-10)
            # A general vector of the rest, too: at a basis vector there may be a kink.
            trial = [*basis.T, basis @ rng.standard_normal(basis.shape[1])] if basis.size else []
            points = [n.reshape(self.shape) for n in trial if not self._is_unseen(k, n.reshape(self.shape))]
            if not points:
                return np.asarray(basis)
            points += [-point for point in points]
        return np.zeros((size, 0))  # nothing is claimed: polars are then inf where they are

    def _at(self, k: int, part: Array) -> float:
        return self.value([part if i == k else np.zeros(self.shape) for i in range(self.n_parts)])

    def _is_unseen(self, k: int, n: Array) -> bool:
        assert self._far is not None
        zero, general = self._at(k, 0 * n), np.random.default_rng(2).standard_normal(self.shape)
        size = abs(self._at(k, general) - zero)
        return all(
            abs(self._at(k, s * n) - zero) <= TRUSTED * size and self._far.rise(TRUSTED) <= TRUSTED * size
            for s in (1.0, -1.0)
        )

    def _derivative(self, k: int, point: Array) -> Array:
        """A subgradient, scaled to norm 1."""
        self._at(k, point)
        gradient = None
        with suppress(NotImplementedError, AttributeError):  # of an indicator, of a support function
            gradient = self._value.grad.get(self._parts[k])
        if gradient is None:
            return np.zeros(point.size)
        g = np.asarray(gradient.toarray()).reshape(self.shape, order="F").ravel()
        norm = float(np.linalg.norm(g))
        return g / norm if norm > 0 else g

    # -- polar and conjugate -----------------------------------------------------------------------

    @cached_property
    def _support(self) -> tuple[Any, Any, Any]:
        parts, value, within = self.declare()
        G = cp.Parameter(self.shape)
        product = sum(cp.sum(cp.multiply(G, part)) for part in parts)
        within = [value <= self._level, *within, *self._seen_only(parts)]
        return parts, G, cp.Problem(cp.Maximize(product), within)

    @cached_property
    def _level(self) -> float:
        """A value of Omega at which W is of size 1, so that the solver sees numbers of that size."""
        sizes = [(self.value(p), float(np.linalg.norm(p))) for p in self._points]
        ratios = [value / norm for value, norm in sizes if norm > 0 and 0 < value < np.inf]
        return float(np.median(ratios)) if ratios else 1.0

    @cached_property
    def _conjugated(self) -> tuple[Any, ...]:
        """The largest <G, W> - a Omega(k W) - b ||W||^2: with units for G and W, it can be of size 1."""
        G, a, b, k = (cp.Parameter(self.shape), *(cp.Parameter(nonneg=True) for _ in range(3)))
        parts = [cp.Variable(self.shape) for _ in range(self.n_parts)]
        scaled = [k * part for part in parts]
        own: Any = scaled if self.n_parts > 1 else scaled[0]
        paid = cp.Variable()
        within = [expression(self.penalty, own) <= paid, *constraints(self.penalty, own)]
        W = sum(parts[1:], start=parts[0])
        gain = cp.sum(cp.multiply(G, W)) - a * paid
        ridge = cp.Problem(cp.Maximize(gain - b * cp.sum_squares(W)), within)
        plain = cp.Problem(cp.Maximize(gain), [*within, *self._seen_only(parts)])
        return parts, G, a, b, k, ridge, plain

    def _seen_only(self, parts: list[Any]) -> list[Any]:
        """W orthogonal to what Omega does not see: the same supremum for G orthogonal to it."""
        return [
            N.T @ cp.vec(part, order="C") == 0 for N, part in zip(self.unseen, parts, strict=True) if N.size
        ]

    def polar(self, G: Array, E: Array | None = None) -> float:
        """An upper bound on the polar within E of G; inf unless G is orthogonal to what is unseen.

        It is what is found, and `TRUSTED` more (a solver's tolerance is absolute as well, in units where W is
        of size 1). The maximiser W is the derivative: twice <E, |W|> is taken for the effect of E.
        """
        size = float(np.abs(G).max(initial=0.0))
        if size == 0:
            return 0.0
        if not self._seen(G):
            return np.inf
        parts, parameter, problem = self._support
        parameter.value = G / size
        found = self._solve(problem, (*ASKED, LAST) if self._even else ASKED)
        if not np.isfinite(found):
            return np.inf
        effect = 0.0 if E is None else 2 * float(np.sum(E * np.abs(sum(part.value for part in parts))))
        return (size * (found * (1 + TRUSTED) + TRUSTED / 10) + effect) / self._level

    @cached_property
    def _even(self) -> bool:
        """Whether Omega(-W) = Omega(W) at some points, constraints included."""
        pairs = [(self.value(p), self.value([-part for part in p])) for p in self._points]
        return all(one == other for one, other in pairs)

    def _seen(self, G: Array) -> bool:
        """Whether G is orthogonal to what is unseen, within the rounding of its projection."""
        away = np.abs(G - self.with_unseen(G, 0 * G)).max()
        return bool(away <= 4 * G.size * EPS * np.abs(G).max())

    def with_unseen(self, W: Array, other: Array) -> Array:
        """W with what is unseen of it taken from another."""
        basis = self.all_unseen
        difference = basis @ (basis.T @ (other - W).ravel())
        return np.asarray(W + difference.reshape(self.shape))

    @cached_property
    def all_unseen(self) -> Array:
        """An orthonormal basis of what is unseen of W by one part or another."""
        bases = np.hstack(self.unseen)
        if not bases.size:
            return bases
        left, sizes, _ = np.linalg.svd(bases, full_matrices=False)
        return np.asarray(left[:, sizes > 1e-8])

    def conjugate(
        self, G: Array, E: Array, ridge: float = 0.0, attempts: Sequence[dict[str, Any]] = ASKED
    ) -> tuple[float, Array]:
        """An upper bound on (Omega + ridge ||.||^2)* within E of G, and the W at which it is attained.

        It is the supremum found, and `TRUSTED` of the size of its terms more; since a solver's tolerance is
        absolute as well, W is found in units of its own size, at the second attempt. Without a ridge it may
        be finite on a bounded set only: G is then stretched by `TRUSTED` first, so that a G on the edge is
        found outside. The maximiser W is the derivative, so that <E, |W|> is the effect of E to first order.
        """
        size = float(np.abs(G).max(initial=0.0))
        if ridge == 0 and not self._seen(G):
            return np.inf, np.zeros(self.shape)
        size = size or 1.0
        parts, parameter, a, b, k, with_ridge, plain = self._conjugated
        parameter.value = (1.0 if ridge > 0 else 1 + TRUSTED) * G / size
        unit = size / ridge if self.is_norm and ridge > 0 else 1.0
        found, W = np.inf, np.zeros(self.shape)
        for _ in range(4):
            k.value, a.value, b.value = unit, 1 / (size * unit), ridge * unit / size
            again = self._solve(with_ridge if ridge > 0 else plain, attempts)
            if not np.isfinite(again):  # where W is zero its unit may become too small: the last will do
                break
            V = np.asarray(sum(part.value for part in parts))
            found, W, used = size * unit * again, unit * V, unit
            largest = float(np.abs(V).max())
            if 0.01 <= largest <= 100:
                break
            unit *= min(max(largest, 1e-4), 1e4)
        if not np.isfinite(found):
            return np.inf, W
        terms = abs(found) + float(np.sum(np.abs(G) * np.abs(W))) + size * used
        curved = float(np.sum(E**2)) / (4 * ridge) if ridge > 0 else float(np.sum(E * np.abs(W)))
        return found + TRUSTED * terms + float(np.sum(E * np.abs(W))) + curved, W

    @cached_property
    def _exponential(self) -> bool:
        """Whether there are exponential cones, at which "inaccurate" has been seen to mean 6e-7."""
        return bool(EXPONENTIAL & {atom.__name__ for atom in self._value.atoms()})

    def _solve(self, problem: Any, attempts: Sequence[dict[str, Any]] = ASKED) -> float:
        """The supremum; inf where there is none, or where the solver has no answer to be trusted."""
        for settings in attempts:
            for variable in problem.variables():
                variable.save_value(None)  # CVXPY compiles `sum_largest` otherwise where it has values
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what the answer is worth is for the bound to say
                try:
                    # Warm, CLARABEL would keep the equilibration of another G, and CVXPY old values.
                    problem.solve(warm_start=False, **settings)
                except cp.error.SolverError:
                    continue
            found = problem.status == cp.OPTIMAL_INACCURATE and settings["solver"] == cp.CLARABEL
            if found or problem.status == cp.OPTIMAL:
                value = float(problem.value)
                trusted = TRUSTED_LAST if settings is LAST else 0.0
                if problem.status == cp.OPTIMAL_INACCURATE and self._exponential:
                    trusted = INACCURATE
                return value + trusted * (abs(value) + 1.0)
            if problem.status == cp.UNBOUNDED:
                return np.inf
        return np.inf


# -- one for each penalty and shape --------------------------------------------------------------------


def dual_of(penalty: Any, n_features: int, n_tasks: int) -> PenaltyDual:
    """The dual side of a penalty for D x T coefficients, compiled once for penalties that are equal.

    Raises
    ------
    TypeError
        If there is no expression of the penalty; the message says what to write.
    ValueError
        If its expression is not scalar, not convex or not for this shape.
    """
    return _compiled(_Key(penalty), n_features, n_tasks)


class _Key:
    """A penalty, equal to another of the same class and parameters."""

    def __init__(self, penalty: Any) -> None:
        self.penalty, self.frozen = penalty, _frozen(penalty)

    def __hash__(self) -> int:
        return hash(self.frozen)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.frozen == other.frozen


@lru_cache(maxsize=64)
def _compiled(key: _Key, n_features: int, n_tasks: int) -> PenaltyDual:
    return PenaltyDual(copy(key.penalty), n_features, n_tasks)  # a later set_params leaves the copy alone


def _frozen(value: Any) -> Any:
    """A hashable image of parameters; of what is unknown, the object itself."""
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes()
    if isinstance(value, list | tuple):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return tuple(sorted((str(k), _frozen(v)) for k, v in value.items()))
    if is_declared(value):
        state: Callable[[], Any] = value.__getstate__
        return type(value), _frozen(state() or {})
    return value if type(value).__hash__ is not None else id(value)
