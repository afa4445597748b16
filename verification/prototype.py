"""A penalty from one line of CVXPY, to be tried before anything is derived by hand.

Its value is the expression; its prox and its polar (of a norm) or conjugate (of anything else) are compiled
CVXPY problems. That is slow, some milliseconds each, but the answer carries the same certificate: the dual
side is a bound that CVXPY finds, widened by what its solver may leave.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cached_property
from typing import Any

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray

from fista.penalties import Penalty

__all__ = ["Prototype", "from_expression"]

Floats = NDArray[np.float64]
#: What the conic solver is asked for, and what its answers are trusted to, relative to their size.
ASKED, TRUSTED = 1e-11, 1e-8


class Prototype(Penalty):
    """A penalty whose value is a CVXPY expression; made by `from_expression`."""

    def __init__(self, declare: Callable[[Any], Any], n_features: int, n_tasks: int) -> None:
        self.declare, self.n_features, self.n_tasks = declare, n_features, n_tasks
        W = cp.Variable((n_features, n_tasks))
        try:
            declared = declare(W)
        except Exception as error:
            raise ValueError(
                f"declare: found an expression that cannot be built ({type(error).__name__}: {error}); "
                f"expected one of a CVXPY variable of shape {(n_features, n_tasks)}"
            ) from error
        if not (isinstance(declared, cp.Expression) and declared.is_scalar()):
            raise ValueError(f"declare: found {declared!r}; expected a scalar CVXPY expression")
        if not declared.is_convex():
            raise ValueError(
                f"declare: found {declared}, of curvature {declared.curvature}; expected one that is convex "
                "by the rules of disciplined convex programming"
            )

    def __getstate__(self) -> dict[str, Any]:
        # Compiled problems stay behind.
        names = ("declare", "n_features", "n_tasks")
        return {name: self.__dict__[name] for name in names}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {}

    def __repr__(self) -> str:
        return f"from_expression({self.expression(cp.Variable((self.n_features, self.n_tasks), name='W'))})"

    def expression(self, W: Any) -> Any:
        """The penalty of a CVXPY variable."""
        return self.declare(W)

    @cached_property
    def is_norm(self) -> bool:
        """Whether it is positively homogeneous at some points, which is taken for all."""
        rng = np.random.default_rng(0)
        points = [rng.standard_normal((self.n_features, self.n_tasks)) for _ in range(4)]
        points += [np.eye(self.n_features, self.n_tasks), -np.abs(points[0])]
        if self.value(np.zeros_like(points[0])) != 0:
            return False
        pairs = [(self.value(W), self.value(3 * W)) for W in points]
        return all(np.isclose(tripled, 3 * value, rtol=1e-12, atol=1e-12) for value, tripled in pairs)

    def __getattr__(self, name: str) -> Any:
        if "declare" in self.__dict__ and name == ("polar" if self.is_norm else "conjugate"):
            return self._polar if name == "polar" else self._conjugate
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
    def _support(self) -> tuple[Any, Any, Any]:
        """The largest <G, W> over the unit ball of a norm."""
        W, G = self._variable(), cp.Parameter((self.n_features, self.n_tasks))
        product = cp.sum(cp.multiply(G, W))
        return W, G, cp.Problem(cp.Maximize(product), [self.expression(W) <= 1])

    @cached_property
    def _conjugated(self) -> tuple[Any, Any, Any]:
        W, G = self._variable(), cp.Parameter((self.n_features, self.n_tasks))
        product = cp.sum(cp.multiply(G, W))
        return W, G, cp.Problem(cp.Maximize(product - self.expression(W)))

    # -- what a penalty is --------------------------------------------------------------------------

    def value(self, W: Floats) -> float:
        variable, declared = self._valued
        variable.value = self._checked(W)
        return float(declared.value)

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        if step == 0:
            return V.copy()
        W, parameter, length, problem = self._proximal
        # A norm in units of V, so that the solver sees numbers of size 1 whatever the data are.
        size = (float(np.abs(V).max(initial=0.0)) if self.is_norm else 0.0) or 1.0
        parameter.value, length.value = self._checked(V) / size, float(step) / size
        self._solve(problem, "prox")
        return np.asarray(size * W.value, dtype=V.dtype)

    def _polar(self, G: Floats) -> float:
        """An upper bound: what CVXPY finds, and what its solver may have left."""
        size = float(np.abs(G).max(initial=0.0))
        if size == 0:
            return 0.0
        _, parameter, problem = self._support
        parameter.value = self._checked(G) / size
        found = self._solve(problem, "polar")
        return size * found * (1 + TRUSTED) if np.isfinite(found) else np.inf

    def _conjugate(self, G: Floats, E: Floats) -> float:
        """An upper bound: what CVXPY finds, what its solver may have left, and twice the effect of E on it.

        The maximiser W is the derivative of the conjugate, so that <E, |W|> is the effect to first order.
        """
        variable, parameter, problem = self._conjugated
        parameter.value = self._checked(G)
        found = self._solve(problem, "conjugate")
        if not np.isfinite(found):
            return np.inf
        W = np.abs(variable.value)
        return found + TRUSTED * (abs(found) + float(np.sum(np.abs(G) * W))) + 2 * float(np.sum(E * W))

    def _checked(self, A: Floats) -> Floats:
        if A.shape != (self.n_features, self.n_tasks):
            raise ValueError(
                f"W: found shape {A.shape}; expected {(self.n_features, self.n_tasks)}, that of the prototype"
            )
        return np.asarray(A, dtype=np.float64)

    def _solve(self, problem: Any, what: str) -> float:
        tight = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), ASKED)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the answer is worth is for the certificate to say
            problem.solve(solver=cp.CLARABEL, **tight)
        if problem.status in ("unbounded", "unbounded_inaccurate"):
            return np.inf
        if problem.status not in ("optimal", "optimal_inaccurate"):
            raise RuntimeError(f"{what} of {self!r}: CLARABEL ended with status {problem.status!r}")
        return float(problem.value)


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
        A penalty for `fista.MultiTaskRegressor`. Where tripling W triples the expression it is taken for a
        norm and certified through its polar, otherwise through its conjugate, which are bounded to 1e-8 of
        their size, the accuracy to which CLARABEL is trusted. (The polar of a semi-norm is inf but on a
        subspace: it has no useful certificate.)

    Raises
    ------
    ValueError
        If the expression is not scalar or not convex; the message has the reason.

    Examples
    --------
    >>> import cvxpy as cp
    >>> from fista import MultiTaskRegressor
    >>> from verification import from_expression
    >>> penalty = from_expression(lambda W: 2 * cp.normNuc(W), n_features=2, n_tasks=2)
    >>> model = MultiTaskRegressor(penalty).fit([[1.0, 0.0], [0.0, 1.0]], [[3.0, 3.0], [0.0, 0.1]])
    >>> model.certificate_.converged
    True
    """
    return Prototype(declare, n_features, n_tasks)
