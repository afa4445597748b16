"""How accurate a value is that CVXPY finds by solving a problem: that of a support function.

Of the value ``sigma(y) = sup {<y, x> : x in C}`` of `cvxpy.suppfunc` CVXPY says "optimal" and no more: it
rounds y to 9 decimals and takes CLARABEL's default tolerances, so that 1e-8 of the value may be wrong, or
less, or more. Here it is solved for once more, with y scaled to size 1 and not rounded, and enclosed by what
that leaves. For

    min q'x over A x + s = b, s in K        max -b'z over A'z + q = 0, z in K*

CLARABEL, an interior-point method, returns an (x, s, z) with s in K and z in K*, but for residuals
``r = A x + s - b`` and ``d = A'z + q``. With the optimal x*, s* and z*, of which z*'s >= 0 and z's* >= 0,

    q'x  = -z*'A x        = z*'s - z*'(b + r)     >= min - z*'r,
    q'x* = d'x* - z'A x*  = d'x* - z'(b - s*)     >= d'x* - b'z,

so that the minimum is between ``d'x* - b'z`` and ``q'x + z*'r``. For ``|x*|`` and ``|z*|``, which nobody
knows, stand twice those that were found.

By the rules of disciplined convex programming a convex expression does not decrease in a convex atom of it.
So its value is between those with each support function at its lower and at its upper end.
"""

from __future__ import annotations

from typing import Any

import cvxpy as cp
import numpy as np
from cvxpy.atoms.suppfunc import SuppFuncAtom
from cvxpy.transforms.indicator import indicator

__all__ = ["is_solved", "solved_within"]

#: What CLARABEL is asked for; whether it was reached does not matter.
ASKED = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 1e-11)


def is_solved(expression: Any) -> bool:
    """Whether CVXPY finds the value of an expression by solving a problem, and only as well as that."""
    return isinstance(expression, SuppFuncAtom) or any(is_solved(part) for part in expression.args)


def solved_within(expression: Any) -> float:
    """By how much CVXPY's value of a convex expression may be off at the values of its variables.

    Parameters
    ----------
    expression : cvxpy.Expression
        Its variables have values.

    Returns
    -------
    float
        0 of what is evaluated and not solved; NaN where CLARABEL ends without numbers.
    """
    if not is_solved(expression):
        return 0.0
    value = float(expression.value)
    low, high = (float(_at_end(expression, end).value) for end in (0, 1))
    return float(np.maximum(abs(value - low), abs(high - value)))  # unlike max, it keeps a NaN


def _at_end(expression: Any, end: int) -> Any:
    """The expression with each support function at one end of its enclosure."""
    if isinstance(expression, SuppFuncAtom):
        return cp.Constant(_enclosed(expression)[end])
    if not is_solved(expression):
        return expression
    if isinstance(expression, indicator):
        return indicator([_at_end(part, end) for part in expression.args], err_tol=expression.err_tol)
    return expression.copy([_at_end(part, end) for part in expression.args])


def _enclosed(atom: Any) -> tuple[float, float]:
    """Bounds on the value of a support function."""
    y = np.ravel(atom.args[0].value, order="F")
    size = float(np.abs(y).max(initial=0.0)) or 1.0
    within = atom._parent  # the x and the constraints of its set, which CVXPY keeps to itself
    problem = cp.Problem(cp.Maximize((y / size) @ within.x.flatten(order="F")), within.constraints)
    data, chain, _ = problem.get_problem_data(cp.CLARABEL, solver_opts=ASKED)
    found = chain.solve_via_data(problem, data, solver_opts=ASKED)
    A, b, q = data["A"], data["b"], data["c"]
    x, s, z = (np.asarray(v, dtype=np.float64) for v in (found.x, found.s, found.z))
    above = 2 * float(np.abs(z) @ np.abs(A @ x + s - b))
    below = 2 * float(np.abs(x) @ np.abs(A.T @ z + q))
    return size * (float(-q @ x) - above), size * (float(b @ z) + below)
