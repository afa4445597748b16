"""Values that CVXPY solves for are off by no more than is said; others are not said to be off."""

import warnings

import cvxpy as cp
import numpy as np
import pytest

from fista.penalties import L1, Blocks, Elastic, KSupport, Scaled, TraceNorm
from formulations.penalties import expression
from formulations.solved import is_solved, solved_within

D, T = 4, 3


def evaluated(penalty, value):
    W = cp.Variable((D, T))
    W.value = value
    return expression(penalty, W)


SOLVED = {
    "k-support": KSupport(3, 5.0),
    "scaled": Scaled(KSupport(2, 0.3), 7.0),
    "elastic": Elastic(KSupport(3, 5.0), 0.4),
    "two blocks": Blocks([[0, 2], [1, 3]], [KSupport(2, 0.7), KSupport(3, 0.1)]),
}


@pytest.mark.parametrize("size", [1e-6, 1e-2, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("name", SOLVED)
def test_the_true_value_is_within_what_is_said(name, size):
    penalty, rng = SOLVED[name], np.random.default_rng(0)
    for k in range(5):
        W = size * rng.standard_normal((D, T)) * (rng.random((D, T)) > k / 6)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a large argument CVXPY calls its own value inaccurate
            declared = evaluated(penalty, W)
            off = abs(float(declared.value) - penalty.value(W))
            within = solved_within(declared)
        assert off <= within
        assert within <= 1e-6 * penalty.value(W) + 2e-8  # CVXPY rounds arguments to 9 decimals


@pytest.mark.parametrize("penalty", [L1(0.7), TraceNorm(0.7), Elastic(TraceNorm(0.7), 0.1)])
def test_what_is_evaluated_is_right_but_for_rounding(penalty):
    declared = evaluated(penalty, np.arange(12.0).reshape(D, T))
    assert not is_solved(declared)
    assert solved_within(declared) == 0


def test_a_support_function_within_a_decreasing_one():
    """-sigma is concave, and 1 / (9 - sigma) increases in sigma again."""
    y, u = cp.Variable(3), cp.Variable(3)
    y.value = np.array([1.0, 2.0, -2.0])
    declared = cp.inv_pos(9 - cp.suppfunc(u, [cp.norm2(u) <= 1])(y))
    assert declared.is_convex()
    assert abs(float(declared.value) - 1 / 6) <= solved_within(declared) <= 1e-8
