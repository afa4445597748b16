"""What shares out the work: the estimates, and products that leave zeros out."""

import numpy as np
import pytest

from fista import MTLasso, RobustMTL, cost
from fista.losses import gram_product
from fista.rows import SMALL


def problem_of(n_rows, n_features, n_tasks, model=None):
    rng = np.random.default_rng(0)
    model = MTLasso(1.0, beta=0.0) if model is None else model
    X, Y = rng.standard_normal((n_rows, n_features)), rng.standard_normal((n_rows, n_tasks))
    return model._centred_problem(model._read(X, Y))[0]


def test_a_look_takes_a_smaller_share_of_a_larger_iteration():
    shares = [cost.look(p) / cost.iteration(p) for p in (problem_of(20, 5, 3), problem_of(400, 200, 30))]
    assert shares[0] > 2 * shares[1]


def test_a_newton_step_takes_longer_the_more_is_in_use():
    problem = problem_of(60, 40, 5, RobustMTL(1.0, 1.0))
    W = np.zeros(problem.shape)
    few = cost.newton_step(problem, W, 2)
    W[1] = 1.0
    many = cost.newton_step(problem, W, 2)
    assert cost.iteration(problem) < few < many < cost.newton_step(problem, W, 30)


def test_no_step_is_worth_more_memory_than_there_may_be(monkeypatch):
    problem = problem_of(60, 40, 5)
    W = np.ones(problem.shape)
    monkeypatch.setattr(cost, "MEMORY", 5 * 40**2)
    assert np.isfinite(cost.newton_step(problem, W, 2))
    monkeypatch.setattr(cost, "MEMORY", 5 * 40**2 - 1)
    assert cost.newton_step(problem, W, 2) == np.inf


@pytest.mark.parametrize("n_used", [0, 1, 40, 100, 200])
def test_rows_of_zeros_are_left_out_of_a_product(n_used):
    """At most 200 terms of size 1 differ in their order: by 200 eps each, of sums below 200."""
    rng = np.random.default_rng(1)
    A = rng.uniform(-1, 1, (200, 200))
    gram, W = A + A.T, np.zeros((200, 30))
    assert W.size > SMALL
    W[rng.choice(200, n_used, replace=False)] = rng.uniform(-1, 1, (n_used, 30))
    expected = np.einsum("ij,jt->it", gram, W)
    np.testing.assert_allclose(gram_product(gram, W), expected, rtol=0, atol=200 * 400 * 2.3e-16)
