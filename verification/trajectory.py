"""How the duality gap falls: a problem solved once more, with the gaps kept along the way.

`verification.verify` times FISTA and therefore keeps nothing; the iteration is deterministic, so that solving
again takes the same steps to the same end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from fista.certificate import gap_from_statistics
from fista.problem import Problem, Scalars
from fista.solver import State, minimize

__all__ = ["Trajectory", "trajectory"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trajectory:
    """The relative duality gaps of one run of FISTA.

    Attributes
    ----------
    iterations : ndarray of int
        Where the gap was evaluated: at first at every iteration, later at every twentieth part of them. The
        last is where FISTA stopped.
    gaps : ndarray of float
        ``gap / F(0)``, inf where no bound was proved. The last is that of the certificate. For `STLasso`,
        whose promise is made to every task by itself, the largest of the tasks.
    tol : float
        The relative gap that was asked for.
    """

    iterations: NDArray[np.int_]
    gaps: Floats
    tol: float


def trajectory(model: Any, X: Any, y: Any, **data: Any) -> Trajectory:
    """Solve with an estimator of `fista` again, and record how the gap falls.

    Parameters
    ----------
    model : estimator of `fista`
        It is not changed.
    X, y, **data
        As for its ``fit``.

    Returns
    -------
    Trajectory

    Examples
    --------
    >>> from fista import L21MTL
    >>> way = trajectory(L21MTL(alpha=1.0), [[1.0, 0.0], [0.0, 2.0]], [[3.0, 4.0], [1.0, 0.0]])
    >>> bool(way.gaps[0] > way.tol >= way.gaps[-1])
    True
    """
    solver = clone(model)
    problem = solver._problem(solver._read(X, y, **data))
    gaps: dict[int, float] = {}

    def look(state: State) -> None:
        if not gaps or state.n_iter > 1.05 * next(reversed(gaps)):
            gap, rounding = gap_from_statistics(problem, state.W, state.image, state.n_iter)
            gaps[state.n_iter] = _relative(problem, gap, rounding)

    _, certificate = minimize(problem, tol=solver.tol, max_iter=solver.max_iter, callback=look)
    by_task = certificate.gap_by_task if problem.independent else None
    last = certificate.gap if by_task is None else by_task
    gaps[certificate.n_iter] = _relative(problem, last, certificate.rounding)
    return Trajectory(np.array(list(gaps)), np.array(list(gaps.values())), float(solver.tol))


def _relative(problem: Problem, gap: Scalars, rounding: Scalars) -> float:
    """Gap over F(0), the largest of independent tasks; where F(0) = 0, a gap within rounding is 0."""
    at_zero = problem.at_zero() if problem.independent else problem.at_zero().sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(at_zero > 0, gap / at_zero, np.where(np.less_equal(gap, rounding), 0.0, np.inf))
    return float(ratio.max())
