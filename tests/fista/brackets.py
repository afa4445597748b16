"""Two answers to one problem, compared by what their certificates promise."""

from typing import Any

import numpy as np

__all__ = ["assert_same_coefficients", "assert_same_minimum"]


def assert_same_minimum(one: Any, other: Any) -> None:
    """Both certificates are kept, and their brackets [dual, primal] overlap."""
    assert one.converged
    assert other.converged
    room = one.rounding + other.rounding
    assert one.dual <= other.primal + room
    assert other.dual <= one.primal + room


def assert_same_coefficients(problem: Any, one: Any, A: Any, other: Any, B: Any) -> None:
    """Of a quadratic loss, A and B (D x T) are as near to each other in ||M .|| as their gaps promise.

    ||M (A - B)|| <= sqrt(2 gap_A) + sqrt(2 gap_B), squared through the Hessian of the rows and edges.
    """
    assert_same_minimum(one, other)
    d = A - B
    moved = float(np.sum(d * problem.loss.hessian(d)))
    bound = np.sqrt(2 * (one.gap + one.rounding)) + np.sqrt(2 * (other.gap + other.rounding))
    assert np.sqrt(max(moved, 0.0)) <= bound
