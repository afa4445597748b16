"""A penalty from one line of CVXPY, to be tried before anything is derived by hand.

Its value is the expression; its prox and its polar (of a norm) or conjugate (of anything else) are compiled
CVXPY problems. That is slow, some milliseconds each, but the answer carries the same certificate: the dual
side is a bound that CVXPY finds, widened by what its solver may leave. The prox is as inexact, which the
certificate need not know: it takes W as it finds it.

A semi-norm needs to know along which directions it is constant: these are orthogonal to all its subgradients,
whose span random points fill.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from numbers import Integral
from typing import Any

import cvxpy as cp
import numpy as np
from cvxpy.transforms.indicator import indicator
from numpy.typing import NDArray

from fista.penalties import Penalty
from formulations.conjugates import LAST, QUICK, PenaltyDual
from formulations.recession import Recession, recession
from formulations.solved import solved_within

__all__ = ["Prototype", "from_expression"]

Floats = NDArray[np.float64]
#: What the conic solver is asked for, and what its answers are trusted to, relative to their size.
ASKED, TRUSTED = 1e-11, 1e-8
#: What CLARABEL's answers are accepted with at worst, bounds being wider by as much.
REDUCED = 1e-4
#: The statuses of which the value is known, and what they say where it is infinite.
ANSWERS = {
    "optimal": None,
    "optimal_inaccurate": None,
    "unbounded": "unbounded",
    "unbounded_inaccurate": "unbounded",
    "infeasible": "infeasible",
    "infeasible_inaccurate": "infeasible",
}
#: How far a constraint may be violated, and still hold: what a prox leaves.
FEASIBLE = 1e-7
EPS = float(np.finfo(np.float64).eps)


class Prototype(Penalty):
    """A penalty whose value is a CVXPY expression; made by `from_expression`.

    Attributes
    ----------
    accuracy : dict of str to float
        Of ``"prox"`` and ``"polar"`` or ``"conjugate"``, once they have been solved for: the worst that
        CLARABEL ended with: `ASKED`, `TRUSTED` or `REDUCED`, relative. Bounds are widened by `TRUSTED`, or by
        `REDUCED` where CLARABEL ended there.
    """

    def __init__(self, declare: Callable[[Any], Any], n_features: int, n_tasks: int) -> None:
        self.n_features = _read_size("n_features", n_features)
        self.n_tasks = _read_size("n_tasks", n_tasks)
        self.declare = declare
        W = cp.Variable((self.n_features, self.n_tasks), name="W")
        declared = _read_expression(declare, W)
        self.accuracy: dict[str, float] = {}
        lowest = self._least(W, declared)
        self._bounded = bool(np.isfinite(lowest))
        if lowest == np.inf:
            raise ValueError(f"declare: found {declared}, which is inf everywhere; expected a finite value")
        if lowest == -np.inf and self.is_norm:
            raise ValueError(
                f"declare: found {declared}, which is positively homogeneous and unbounded below: its "
                "conjugate is finite on a set without 0 that rounding misses; expected one that is >= 0, or "
                "with a term that bounds it"
            )

    def _least(self, W: Any, declared: Any) -> float:
        """The infimum of the expression; NaN where CVXPY finds none."""
        lowest = np.nan
        with suppress(RuntimeError):
            lowest = self._solve(cp.Problem(cp.Minimize(declared)), "least value")
        return lowest

    def __getstate__(self) -> dict[str, Any]:
        # Compiled problems stay behind.
        names = ("declare", "n_features", "n_tasks", "accuracy", "_bounded")
        return {name: self.__dict__[name] for name in names}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {}

    def __repr__(self) -> str:
        declared = self.expression(cp.Variable((self.n_features, self.n_tasks), name="W"))
        return f"from_expression({declared}; prox and dual by CVXPY, to {TRUSTED:g})"

    def expression(self, W: Any) -> Any:
        """The penalty of a CVXPY variable."""
        declared = self.declare(W)
        _tighten(declared)
        return declared

    @cached_property
    def _far(self) -> Recession | None:
        """What it grows like, where the atoms of the expression are known."""
        return recession(self._valued[1])

    @property
    def is_norm(self) -> bool:
        """Whether it is positively homogeneous, as the tree of the expression tells: a norm or a gauge."""
        return self._far is not None and self._far.homogeneous

    def __getattr__(self, name: str) -> Any:
        own = {"polar": self._polar, "polar_bound": self._polar_bound, "conjugate": self._conjugate}
        # A norm has a polar only; anything else a conjugate, and a polar that says where it is finite.
        if "accuracy" in self.__dict__ and name in own:
            known = self._far is not None if name.startswith("polar") else not self.is_norm
            if known:
                return own[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    # -- the compiled problems ----------------------------------------------------------------------

    def _variable(self) -> Any:
        return cp.Variable((self.n_features, self.n_tasks))

    @cached_property
    def _valued(self) -> tuple[Any, Any]:
        W = self._variable()
        return W, self.expression(W)

    @cached_property
    def _proximal(self) -> tuple[Any, Any, Any, Any]:
        W, step = self._variable(), cp.Parameter(nonneg=True)
        V = cp.Parameter((self.n_features, self.n_tasks))
        objective = 0.5 * cp.sum_squares(W - V) + step * self.expression(W)
        return W, V, step, cp.Problem(cp.Minimize(objective))

    @cached_property
    def _support(self) -> tuple[Any, Any]:
        """The largest <G, W> over the unit ball of a norm, or of what anything else grows like."""
        W = self._variable()  # CVXPY compiles `sum_largest` otherwise where a variable has a value
        far = recession(self.expression(W))
        assert far is not None
        G = cp.Parameter((self.n_features, self.n_tasks))
        product = cp.sum(cp.multiply(G, W))
        within = [far.value <= 1, *far.constraints, *self._across(W)]
        return G, cp.Problem(cp.Maximize(product), within)

    @cached_property
    def _dual(self) -> PenaltyDual:
        return PenaltyDual(self, self.n_features, self.n_tasks)

    def _across(self, W: Any) -> list[Any]:
        """W is orthogonal to the null space, where G is."""
        return [cp.sum(cp.multiply(N, W)) == 0 for N in self._null]

    # -- the null space -----------------------------------------------------------------------------

    def null_space(self, n_features: int, n_tasks: int) -> Floats:
        """The directions along which it is constant, k x D x T; none where that is not certain."""
        self._checked(np.zeros((n_features, n_tasks)))
        return self._null

    @cached_property
    def _null(self) -> Floats:
        shape, n = (self.n_features, self.n_tasks), self.n_features * self.n_tasks
        rng = np.random.default_rng(1)
        points = rng.standard_normal((n + 8, *shape))
        nothing = np.empty((0, *shape))
        if self._far is None:  # flat at some points, it may rise elsewhere
            return nothing
        try:
            slopes = np.stack([self._subgradient(W).ravel() for W in points])
        except RuntimeError:  # of the prox
            return nothing
        sizes, N = np.linalg.svd(slopes)[1:]
        small = sizes <= 16 * n * EPS * sizes[0]
        # What is small but not within rounding of zero decides nothing: then nothing is claimed.
        certain = not np.any(~small & (sizes <= np.sqrt(EPS) * sizes[0]))
        N = N[small].reshape(-1, *shape)
        far, zero = 1e3, self.value(np.zeros(shape))
        rise = max(abs(self.value(W) - zero) for W in (far * points[0], -far * points[0]))
        for W in (*N, *-N):
            certain = certain and abs(self.value(far * W) - zero) <= 16 * n * EPS * (rise + abs(zero))
            # If nothing grows along W and -W, Omega is constant along them, wherever one is.
            self._valued[0].value = W
            certain = certain and self._far.rise(16 * n * EPS) <= 16 * n * EPS * self._scale
        return N if certain else nothing

    @cached_property
    def _scale(self) -> float:
        """How much it grows along a general direction; 0 where that is inf."""
        assert self._far is not None
        rng = np.random.default_rng(2)
        self._valued[0].value = rng.standard_normal((self.n_features, self.n_tasks))
        return abs(self._far.rise(np.inf))

    def _subgradient(self, W: Floats) -> Floats:
        """CVXPY's, to rounding; where it has none, that at a prox, which is less accurate."""
        variable, declared = self._valued
        variable.value = W
        slope = None
        # Of an indicator, of a support function, of an eigenvalue where W is not symmetric.
        with suppress(NotImplementedError, AttributeError, ValueError):
            slope = declared.grad.get(variable)
        if slope is None:
            return W - self.prox(W, 1.0)
        dense = slope.toarray() if hasattr(slope, "toarray") else np.asarray(slope)
        return np.asarray(dense.reshape(W.shape, order="F"))

    # -- what a penalty is --------------------------------------------------------------------------

    def value(self, W: Floats) -> float:
        variable, declared = self._valued
        variable.value = self._checked(W)
        with np.errstate(all="ignore"):
            value = declared.value
            if value is None or np.isnan(value):  # outside of its domain
                return np.inf
            # Where CVXPY solves for the value, the most that it can be.
            value = float(value + solved_within(declared))
        return np.inf if np.isnan(value) else value

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        if step == 0:
            return V.copy()
        W, parameter, length, problem = self._proximal
        # A norm in units of V, so that the solver sees numbers of size 1 whatever the data are.
        size = (float(np.abs(V).max(initial=0.0)) if self.is_norm else 0.0) or 1.0
        parameter.value, length.value = self._checked(V) / size, float(step) / size
        if not np.isfinite(self._solve(problem, "prox")):
            raise RuntimeError(f"prox of {self!r}: CLARABEL ended with status {problem.status!r}")
        return np.asarray(size * W.value, dtype=V.dtype)

    def _polar(self, G: Floats) -> float:
        """An upper bound: what CVXPY finds, and what its solver may have left."""
        size = float(np.abs(G).max(initial=0.0))
        if size == 0:
            return 0.0
        parameter, problem = self._support
        parameter.value = self._checked(G) / size
        try:
            found = self._solve(problem, "polar")
        except RuntimeError:  # with a last resort, other solvers
            return self._dual.polar(self._off_null(G)) if self.is_norm else np.inf
        # That of a conjugate is to lead into its domain by more than G is stretched there.
        widened = self._widened() if self.is_norm else 4 * self._widened()
        return size * max(found, 0.0) * (1 + widened) if np.isfinite(found) else np.inf

    @cached_property
    def _unit_polars(self) -> Floats:
        """The polar of each entry by itself, of either sign: one or two problems an entry, once."""
        shape = (self.n_features, self.n_tasks)
        units = np.eye(shape[0] * shape[1]).reshape(-1, *shape)
        return np.reshape([max(self._polar(e), self._polar(-e)) for e in units], shape)

    def _polar_bound(self, E: Floats) -> float:
        """By the triangle inequality; that the norm grows with the size of each entry, nobody says.

        Of anything else nothing is needed: it is for the conjugate to say whether it is finite within E.
        """
        if not self.is_norm:
            return 0.0
        return float(np.sum(E * self._unit_polars, where=E > 0))

    def _conjugate(self, G: Floats, E: Floats) -> float:
        """An upper bound: see `formulations.conjugates`."""
        self.accuracy["conjugate"] = TRUSTED
        G = self._off_null(self._checked(G))
        if self._far is None:
            return self._dual.conjugate(G, E, attempts=QUICK)[0]
        if self._polar(G) > 1 + TRUSTED:
            return np.inf
        # Within the domain by some TRUSTED (see `_polar`) it is finite if it is at 0: a last resort may do.
        attempts = (*QUICK, LAST) if self._bounded else QUICK
        return self._dual.conjugate(G, E, attempts=attempts)[0]

    def _off_null(self, G: Floats) -> Floats:
        return np.asarray(G - np.tensordot(np.tensordot(self._null, G, axes=2), self._null, axes=1))

    def _checked(self, A: Floats) -> Floats:
        if A.shape != (self.n_features, self.n_tasks):
            raise ValueError(
                f"W: found shape {A.shape}; expected {(self.n_features, self.n_tasks)}, that of the prototype"
            )
        return np.asarray(A, dtype=np.float64)

    def _solve(self, problem: Any, what: str) -> float:
        """The optimal value, infinite ones included; `_ended` is how accurate it is."""
        asked = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), ASKED)
        for accuracy in (TRUSTED, REDUCED):
            # What CLARABEL calls inaccurate is within these.
            reduced = dict.fromkeys((f"reduced_{name}" for name in asked), accuracy)
            status = "failed"  # problem.status would still be that of the last answer
            with warnings.catch_warnings(), suppress(cp.SolverError):
                warnings.simplefilter("ignore")  # what the answer is worth is for the certificate to say
                # Warm, CLARABEL keeps the equilibration of other data: for the dual side that is too rough.
                problem.solve(solver=cp.CLARABEL, warm_start=what == "prox", **asked, **reduced)
                status = problem.status
            if status in ANSWERS:
                break
        else:
            raise RuntimeError(f"{what} of {self!r}: CLARABEL ended with status {status!r}")
        self._ended = ASKED if status == "optimal" else accuracy
        self.accuracy[what] = max(self.accuracy.get(what, 0.0), self._ended)
        if ANSWERS[status] is None:
            return float(problem.value)
        highest = isinstance(problem.objective, cp.Maximize)
        return np.inf if highest == (ANSWERS[status] == "unbounded") else -np.inf

    def _widened(self) -> float:
        return max(TRUSTED, self._ended)


def _tighten(declared: Any) -> None:
    """Constraints hold within `FEASIBLE`, where CVXPY would have 1e-3."""
    if isinstance(declared, indicator):
        declared.err_tol = FEASIBLE
    for part in declared.args:
        _tighten(part)


def _read_size(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name}: found {value!r}; expected an integer >= 1")
    if value < 1:
        raise ValueError(f"{name}: found {value}; expected an integer >= 1")
    return int(value)


def _read_expression(declare: Callable[[Any], Any], W: Any) -> Any:
    """The expression of W, if it is one that a penalty can be made of."""
    if not callable(declare):
        raise TypeError(f"declare: found {declare!r}; expected a function of a CVXPY variable")
    declared = _built(declare, W)
    if not isinstance(declared, cp.Expression):
        raise ValueError(f"declare: found {declared!r}; expected a scalar CVXPY expression")
    text = _line(declared)
    if declared.shape != ():
        raise ValueError(
            f"declare: found {text} of shape {declared.shape}; expected a scalar CVXPY expression, of "
            "shape () (cp.sum makes one)"
        )
    _refuse_leaves(declared, W, text)
    if not declared.is_convex():
        raise ValueError(
            f"declare: found {text}, of curvature {declared.curvature}; expected one that is convex "
            "by the rules of disciplined convex programming"
        )
    W.value = np.random.default_rng(0).standard_normal(W.shape)
    with np.errstate(all="ignore"):
        one, other = (np.float64(found.value) for found in (declared, _built(declare, W)))  # NaN for None
    W.value = None
    if not np.array_equal(one, other, equal_nan=True):
        raise ValueError(
            f"declare: found an expression of value {one} at one call and of {other} at the next, W being "
            "the same; expected the same expression whenever it is called"
        )
    return declared


def _built(declare: Callable[[Any], Any], W: Any) -> Any:
    try:
        return declare(W)
    except Exception as error:
        raise ValueError(
            f"declare: found an expression that cannot be built ({type(error).__name__}: {_line(error)}); "
            f"expected one of a CVXPY variable of shape {W.shape}"
        ) from error


def _refuse_leaves(declared: Any, W: Any, text: str) -> None:
    """What an expression of W is made of is W and finite real numbers."""
    variables = {variable.id: variable for variable in declared.variables()}
    if variables.pop(W.id, None) is None:
        raise ValueError(f"declare: found {text}, in which W does not occur; expected an expression of W")
    if variables:
        other = next(iter(variables.values()))
        raise ValueError(
            f"declare: found the variable {other.name()}, which is not W, in {text}; expected an "
            "expression of W alone (a penalty that is the least over all sums of parts is "
            "fista.penalties.InfimalConvolution, with a prototype for each)"
        )
    if any(leaf.is_complex() for leaf in declared.constants() + declared.parameters()):
        raise ValueError(f"declare: found complex numbers in {text}; expected real ones")
    for leaf in declared.constants() + declared.parameters():
        if leaf.value is None:
            raise ValueError(f"declare: found the parameter {leaf.name()} without a value; expected numbers")
        values = leaf.value.data if hasattr(leaf.value, "nnz") else leaf.value  # of a sparse matrix
        if not np.all(np.isfinite(values)):
            raise ValueError(f"declare: found NaN or infinity in {text}; expected finite numbers")


def _line(found: Any) -> str:
    """What CVXPY prints on several lines, on one."""
    return " ".join(str(found).split())


def from_expression(declare: Callable[[Any], Any], *, n_features: int, n_tasks: int) -> Prototype:
    """Make a penalty of one CVXPY expression.

    Parameters
    ----------
    declare : callable
        Called with a CVXPY variable W, features x tasks; it returns a convex scalar expression.
    n_features, n_tasks : int
        D and T of the data that it is for.

    Returns
    -------
    Prototype
        A penalty for `fista.MultiTaskRegressor`. Where the atoms of the expression make it positively
        homogeneous it is a norm, certified through its polar, otherwise through its conjugate, which are
        bounded to 1e-8 of their size, the accuracy to which CLARABEL is trusted. Constraints hold within
        1e-7. Its ``accuracy`` says what CLARABEL ended with.

    Raises
    ------
    ValueError
        If the expression is not scalar, not convex, inf everywhere, positively homogeneous and unbounded
        below, not of W alone, or not the same at every call; the message has the reason.

    Notes
    -----
    Directions along which the expression is constant (a semi-norm, such as total variation) are found by the
    singular values of its subgradients at random points: those within rounding of zero. Where others are
    nearly as small, or the expression does vary along what was found, none are claimed, and there is no gap.

    Pickle takes functions that a module defines with ``def``; lambdas need cloudpickle, which joblib uses.

    What is unbounded below, such as a barrier -log W, is certified too; but its conjugate is inf at 0, so
    that there is no gap before the gradient is near that of a minimum.

    Examples
    --------
    >>> import cvxpy as cp
    >>> import numpy as np
    >>> from fista import MultiTaskRegressor
    >>> from verification import from_expression
    >>> penalty = from_expression(lambda W: 2 * cp.normNuc(W), n_features=2, n_tasks=2)
    >>> model = MultiTaskRegressor(penalty).fit([[1.0, 0.0], [0.0, 1.0]], [[3.0, 3.0], [0.0, 0.1]])
    >>> model.certificate_.converged
    True

    Differences along the edges of a graph of tasks, here a triangle:

    >>> E = np.array([[1, -1, 0], [0, 1, -1], [1, 0, -1]])
    >>> penalty = from_expression(lambda W: cp.sum(cp.abs(W @ E.T)), n_features=2, n_tasks=3)
    >>> len(penalty.null_space(2, 3))
    2
    >>> model = MultiTaskRegressor(penalty).fit(np.eye(2), [[3.0, 0.0, 0.0], [1.0, 1.0, 5.0]])
    >>> model.coef_.T.round(2)
    array([[2. , 0.5, 0.5],
           [1.5, 1.5, 4. ]])
    >>> model.certificate_.converged
    True
    """
    return Prototype(declare, n_features, n_tasks)
