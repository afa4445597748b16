"""What a CVXPY expression grows like far out, read from how it is built.

The recession function of a convex Omega is ``rec(W) = lim Omega(t W) / t`` as t grows. One that is positively
homogeneous is its own, and the conjugate of any is finite only where the polar of rec is at most 1. Both are
found from the tree of the expression, constants becoming 0 where they are added. What is read off the tree is
true everywhere; what a number of points say need not be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cvxpy as cp
import numpy as np
from cvxpy.atoms.affine.affine_atom import AffAtom
from cvxpy.atoms.suppfunc import SuppFuncAtom
from cvxpy.transforms.indicator import indicator

__all__ = ["Recession", "recession"]

#: Positively homogeneous in all of their arguments together.
HOMOGENEOUS = {
    "abs",
    "cummax",
    "lambda_max",
    "lambda_min",
    "lambda_sum_largest",
    "max",
    "maximum",
    "min",
    "minimum",
    "norm1",
    "normNuc",
    "norm_inf",
    "Pnorm",
    "PnormApprox",
    "sigma_max",
    "sum_largest",
}
#: Linear in one argument, the others being constant.
FACTORS = {"DivExpression", "MulExpression", "conv", "convolve", "dotsort", "kron", "multiply"}


@dataclass(frozen=True)
class Recession:
    """An expression's recession function.

    Attributes
    ----------
    value : Expression
        Where all constraints hold; inf elsewhere.
    constraints : list of Constraint
    homogeneous : bool
        Whether the expression is positively homogeneous, and so its own recession function.
    """

    value: Any
    constraints: list[Any]
    homogeneous: bool

    def rise(self, violation: float) -> float:
        """The value at the variables as they are set; inf where constraints are violated by more."""
        most = max((float(np.max(c.violation())) for c in self.constraints), default=0.0)
        return float(self.value.value) if most <= violation else np.inf


def recession(expression: Any, constraints: list[Any] | None = None) -> Recession | None:
    """Find the recession function of a convex expression, inf outside of some constraints.

    Returns
    -------
    Recession or None
        None where an atom is not known here.

    Examples
    --------
    >>> W = cp.Variable((2, 2), name="W")
    >>> recession(2 * cp.norm1(W)).homogeneous
    True
    >>> far = recession(cp.norm1(W) + 7 + cp.sum_squares(W[0, :]))
    >>> print(far.value, far.constraints, far.homogeneous)
    norm1(W) + 0.0 + 0.0 [Equality(Expression(AFFINE, UNKNOWN, (2,)), Constant(CONSTANT, ZERO, ()))] False
    """
    walk = _Walk()
    try:
        value = walk.of(expression)
        for constraint in constraints or []:
            walk.constrain(constraint)
    except _UnknownError:
        return None
    return Recession(value, walk.constraints, walk.homogeneous)


class _UnknownError(Exception):
    """An atom whose growth is not known here."""


class _Walk:
    """Through the tree, once; `of` returns what each expression becomes."""

    def __init__(self) -> None:
        self.constraints: list[Any] = []
        self.homogeneous = True

    def of(self, e: Any) -> Any:
        if isinstance(e, indicator):
            for constraint in e.args:
                self.constrain(constraint)
            return cp.Constant(0.0)
        if e.is_constant():
            stored = e.value.data if hasattr(e.value, "nnz") else e.value  # of a sparse matrix
            self.homogeneous &= not np.any(stored)
            return cp.Constant(np.zeros(e.shape))
        if isinstance(e, cp.Variable):
            return e
        name = type(e).__name__
        if name in FACTORS:
            return e.copy([a if a.is_constant() else self.of(a) for a in e.args])
        if isinstance(e, SuppFuncAtom):
            return SuppFuncAtom(self.of(e.args[0]), e._parent)
        if isinstance(e, AffAtom) or name in HOMOGENEOUS:
            return e.copy([self.of(a) for a in e.args])
        if name in GROWTH:
            self.homogeneous = False
            return GROWTH[name](self, e)
        raise _UnknownError

    def constrain(self, constraint: Any) -> None:
        """The cone of directions along which a constraint goes on holding."""
        if type(constraint).__name__ not in ("Equality", "Inequality", "NonNeg", "NonPos", "PSD", "Zero"):
            raise _UnknownError
        self.constraints.append(constraint.copy([self.of(a) for a in constraint.args]))

    def still(self, e: Any) -> Any:
        """What grows faster than linearly, is inf but where its argument does not grow at all."""
        far = self.of(e)
        if e.is_affine():
            self.constraints.append(far == 0)
        elif e.is_convex() and e.is_nonneg():
            self.constraints.append(far <= 0)
        else:
            raise _UnknownError
        return cp.Constant(0.0)


def _power(walk: _Walk, e: Any) -> Any:
    p = float(e.p.value if hasattr(e.p, "value") else e.p)
    if p == 1:
        return walk.of(e.args[0])
    if p < 1:
        raise _UnknownError
    walk.still(e.args[0])
    return cp.Constant(np.zeros(e.shape))


def _over_linear(walk: _Walk, e: Any) -> Any:
    if not e.args[1].is_constant():
        raise _UnknownError
    return walk.still(e.args[0])


def _quadratic_form(walk: _Walk, e: Any) -> Any:
    x, P = e.args
    if not (P.is_constant() and x.is_affine()):
        raise _UnknownError
    walk.constraints.append(P @ walk.of(x) == 0)
    return cp.Constant(0.0)


def _exponential(walk: _Walk, e: Any) -> Any:
    walk.constraints.append(walk.of(e.args[0]) <= 0)
    return cp.Constant(np.zeros(e.shape))


def _entropy(walk: _Walk, e: Any) -> Any:
    walk.still(e.args[0])
    return cp.Constant(np.zeros(e.shape))


def _logarithm(walk: _Walk, e: Any) -> Any:
    walk.constraints.append(walk.of(e.args[0]) >= 0)
    return cp.Constant(np.zeros(e.shape))


def _huber(walk: _Walk, e: Any) -> Any:
    return 2 * float(e.M.value) * cp.abs(walk.of(e.args[0]))


#: Atoms that are not homogeneous, and what they grow like.
GROWTH: dict[str, Callable[[_Walk, Any], Any]] = {
    "Power": _power,
    "PowerApprox": _power,
    "QuadForm": _quadratic_form,
    "entr": _entropy,
    "exp": _exponential,
    "huber": _huber,
    "log": _logarithm,
    "log_sum_exp": lambda walk, e: cp.max(walk.of(e.args[0]), axis=e.axis, keepdims=e.keepdims),
    "logistic": lambda walk, e: cp.pos(walk.of(e.args[0])),
    "quad_over_lin": _over_linear,
}
