"""What the parts of the work take, so that it can be shared out among them.

The unit is the time of one multiplication in a product of a matrix with a vector, half a nanosecond or so.
Only ratios matter, and being wrong by a factor of two costs some per cent: nothing is measured where it runs,
so that the same data always take the same iterations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fista.losses import GramLoss
from fista.problem import Problem

__all__ = ["iteration", "look", "newton_step"]

CALLS = 100_000  # the calls of an iteration, whatever the size of the arrays
ENTRY = 8  # what is done with each coefficient in a look
TURN = 10_000  # one turn of a loop over tasks
REUSE = 8  # multiplications in the time of one, where matrices are multiplied with matrices
MEMORY = 10_000_000  # entries of the factors, 80 MB


def iteration(problem: Problem) -> float:
    """One application of the Hessian, and the rest of an iteration.

    Not by the number of rows, even where it goes through them: rows that are weighted must take the same
    iterations as rows that are repeated.
    """
    loss = problem.loss
    D, T = loss.shape
    per_task = isinstance(loss, GramLoss) and loss.gram.ndim == 3
    return CALLS + D**2 * T / (1 if per_task else REUSE)


def look(problem: Problem) -> float:
    """The duality gap, from statistics at hand."""
    D, T = problem.loss.shape
    return 2 * CALLS + ENTRY * problem.penalty.n_parts * D * T


def newton_step(problem: Problem, W: NDArray[np.float64], products: int) -> float:
    """Factors of the Gram matrices of the entries in use, conjugate gradients, some trials of the length.

    It is inf where the factors take too much memory.
    """
    D, T = problem.loss.shape
    width = int(np.any(W.reshape(-1, D, T) != 0, axis=0).sum(axis=0).max())
    if T * width**2 > MEMORY:
        return np.inf
    factors = T * (width**2 + width**3 / REUSE + TURN)
    product = iteration(problem) + T * (2 * width**2 + TURN)
    return factors + products * product + 3 * iteration(problem)
