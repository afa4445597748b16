"""The library of penalties once more, declared in CVXPY: what `fista.penalties` is checked against.

A penalty is recognised by the name of its class and read by its parameters; one's own has a method
``expression(W)``, the same penalty of a CVXPY variable (of the list of its parts where it has several).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cvxpy as cp
import numpy as np

__all__ = ["constraints", "expression", "is_declared"]


def expression(penalty: Any, W: Any) -> Any:
    """Declare a penalty of a CVXPY variable, D x T (of a list of K of them where it has K parts).

    Where a constraint belongs to it, that is in `constraints`, and the expression is its value within.

    Raises
    ------
    TypeError
        If the penalty is not of the library and has no ``expression``.
    """
    if callable(getattr(penalty, "expression", None)):
        return penalty.expression(W)
    return _entry(penalty)[0](penalty, W)


def is_declared(penalty: Any) -> bool:
    """Whether `expression` knows the penalty."""
    own = callable(getattr(penalty, "expression", None))
    return own or any(cls.__name__ in DECLARED for cls in type(penalty).__mro__)


def constraints(penalty: Any, W: Any) -> list[Any]:
    """The constraints that a penalty puts on W; outside of them it is inf."""
    if callable(getattr(penalty, "expression", None)):
        return []
    return _entry(penalty)[1](penalty, W)


def _entry(penalty: Any) -> tuple[Callable[..., Any], Callable[..., list[Any]]]:
    for cls in type(penalty).__mro__:
        if cls.__name__ in DECLARED:
            return DECLARED[cls.__name__]
    raise TypeError(
        f"penalty: found {type(penalty).__name__} without expression; expected a method expression(W), or "
        f"one of {', '.join(sorted(DECLARED))}"
    )


def _free(penalty: Any, W: Any) -> list[Any]:
    return []


def _rows(W: Any, rows: list[int]) -> Any:
    """The rows of W, as a matrix."""
    return cp.vstack([W[d, :] for d in rows])


def _others(W: Any, rows: list[int]) -> list[int]:
    return [d for d in range(W.shape[0]) if d not in rows]


def _slope(p: Any, W: Any) -> Any:
    """A sum of sums of the k largest sizes, by Abel's summation."""
    steps = -np.diff(np.append(p.weights, 0.0))
    sizes = cp.abs(cp.vec(W, order="C"))
    return sum(s * cp.sum_largest(sizes, k + 1) for k, s in enumerate(steps) if s > 0)


def _sparse_groups(p: Any, W: Any) -> Any:
    weights = [np.sqrt(len(g)) for g in p.groups] if p.weights is None else p.weights
    pairs = zip(p.groups, weights, strict=True)
    norms = sum(p.beta * w * cp.norm(cp.vec(_rows(W, g), order="C"), 2) for g, w in pairs)
    return p.alpha * cp.sum(cp.abs(W)) + norms


def _chain(p: Any, W: Any) -> Any:
    return p.alpha * cp.sum(cp.abs(cp.diff(W, axis=1))) if W.shape[1] > 1 else cp.Constant(0.0)


def _k_support(p: Any, W: Any) -> Any:
    """By its definition: the largest <W, u> over the u whose k largest squares sum to at most 1."""
    size = W.shape[0] * W.shape[1]
    u = cp.Variable(size)
    support = cp.suppfunc(u, [cp.sum_largest(cp.square(u), min(p.k, size)) <= 1])
    return p.alpha * support(cp.vec(W, order="C"))


def _on_rows_constraints(p: Any, W: Any) -> list[Any]:
    zero = [W[d, :] == 0 for d in _others(W, p.rows)]
    return zero + constraints(p.penalty, _rows(W, p.rows))


DECLARED: dict[str, tuple[Callable[..., Any], Callable[..., list[Any]]]] = {
    "L1": (lambda p, W: cp.sum(cp.multiply(np.broadcast_to(p.alpha, W.shape), cp.abs(W))), _free),
    "RowL21": (lambda p, W: cp.sum(cp.multiply(p.alpha, cp.norm(W, 2, axis=1))), _free),
    "ColumnL21": (lambda p, W: cp.sum(cp.multiply(p.alpha, cp.norm(W, 2, axis=0))), _free),
    "RowL1Linf": (lambda p, W: cp.sum(cp.multiply(p.alpha, cp.max(cp.abs(W), axis=1))), _free),
    "ColumnL1Linf": (lambda p, W: cp.sum(cp.multiply(p.alpha, cp.max(cp.abs(W), axis=0))), _free),
    "Frobenius": (lambda p, W: p.alpha * cp.norm(cp.vec(W, order="C"), 2), _free),
    "TraceNorm": (lambda p, W: p.alpha * cp.normNuc(W), _free),
    "Slope": (_slope, _free),
    "ExclusiveLasso": (lambda p, W: 0.5 * p.alpha * cp.sum_squares(cp.sum(cp.abs(W), axis=1)), _free),
    "SparseGroupLasso": (_sparse_groups, _free),
    "KSupport": (_k_support, _free),
    "FusedTasks": (_chain, _free),
    "Scaled": (lambda p, W: p.factor * expression(p.penalty, W), lambda p, W: constraints(p.penalty, W)),
    "Elastic": (
        lambda p, W: expression(p.penalty, W) + p.beta * cp.sum_squares(W),
        lambda p, W: constraints(p.penalty, W),
    ),
    "NonNegativeL1": (
        lambda p, W: cp.sum(cp.multiply(np.broadcast_to(p.alpha, W.shape), W)),
        lambda p, W: [W >= 0],
    ),
    "Box": (lambda p, W: cp.Constant(0.0), lambda p, W: [p.low <= W, p.high >= W]),
    "CappedRows": (lambda p, W: cp.Constant(0.0), lambda p, W: [cp.norm(W, 2, axis=1) <= p.radius]),
    "Simplex": (lambda p, W: cp.Constant(0.0), lambda p, W: [W >= 0, cp.sum(W, axis=0) == p.total]),
    "InfimalConvolution": (
        lambda p, W: sum(expression(q, V) for q, V in zip(p.penalties, W, strict=True)),
        lambda p, W: [c for q, V in zip(p.penalties, W, strict=True) for c in constraints(q, V)],
    ),
    "Blocks": (
        lambda p, W: sum(expression(q, _rows(W, r)) for q, r in zip(p.penalties, p.rows, strict=True)),
        lambda p, W: [
            c for q, r in zip(p.penalties, p.rows, strict=True) for c in constraints(q, _rows(W, r))
        ],
    ),
    "OnRows": (lambda p, W: expression(p.penalty, _rows(W, p.rows)), _on_rows_constraints),
    "Rotated": (
        lambda p, W: expression(p.penalty, p.Q.T @ W),
        lambda p, W: constraints(p.penalty, p.Q.T @ W),
    ),
}
