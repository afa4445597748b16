"""One line of CVXPY gives a certified answer, which is that of the penalty written by hand."""

import pickle

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fista import MultiTaskRegressor
from fista.penalties import ExclusiveLasso, RowL1Linf, RowL21, Slope, SparseGroupLasso, TraceNorm
from formulations.penalties import expression
from verification import check_penalty, from_expression
from verification.prototype import TRUSTED

D, T = 4, 3
BY_HAND = {
    "rows": RowL21(0.7),
    "maxima": RowL1Linf(0.7),
    "trace": TraceNorm(0.7),
    "slope": Slope(np.linspace(1.0, 0.1, D * T)),
    "sparse groups": SparseGroupLasso([[0, 2], [1, 3]], 0.3, 0.5),
    "exclusive": ExclusiveLasso(0.7),
}


def prototype(name):
    return from_expression(lambda W: expression(BY_HAND[name], W), n_features=D, n_tasks=T)


@pytest.mark.parametrize("name", BY_HAND)
@settings(max_examples=5)
@given(data=st.data())
def test_the_prototype_and_the_penalty_by_hand_agree(name, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    X, Y = rng.standard_normal((10, D)), rng.standard_normal((10, T))
    ridge = data.draw(st.sampled_from([0.0, 0.5]))
    slow = MultiTaskRegressor(prototype(name), ridge=ridge).fit(X, Y)
    fast = MultiTaskRegressor(BY_HAND[name], ridge=ridge).fit(X, Y)
    one, other = slow.certificate_, fast.certificate_
    assert one.converged
    assert other.converged
    room = one.rounding + other.rounding
    assert one.dual <= other.primal + room
    assert other.dual <= one.primal + room


@pytest.mark.parametrize("name", ["rows", "exclusive"])
def test_an_inexact_prox_cannot_break_the_promise(name, monkeypatch):
    """With a prox that is off by a hundredth the gap stays open, or what is claimed is true."""
    rng = np.random.default_rng(1)
    X, Y = rng.standard_normal((10, D)), rng.standard_normal((10, T))
    right = MultiTaskRegressor(BY_HAND[name], tol=1e-10).fit(X, Y).certificate_
    penalty = prototype(name)
    genuine = penalty.prox
    monkeypatch.setattr(penalty, "prox", lambda V, step: 1.01 * genuine(V, step))
    with pytest.warns(match="stopped at max_iter"):
        wrong = MultiTaskRegressor(penalty, max_iter=100).fit(X, Y).certificate_
    assert not wrong.converged
    assert wrong.dual <= right.primal + right.rounding


def test_its_pieces_belong_together():
    """To the accuracy of a conic solver only: the bounds on rounding of `check_penalty` are not for them."""
    penalty, V = prototype("trace"), np.arange(12.0).reshape(D, T)
    # Strong convexity allows sqrt(2 gap), 1e-4 here. An interior-point method ends far below what it was
    # asked for, since its last steps are quadratic; 1e-7 of the largest entry is asked of it.
    np.testing.assert_allclose(penalty.prox(V, 2.0), BY_HAND["trace"].prox(V, 2.0), atol=1e-7 * 12)
    # An upper bound: TRUSTED above what CVXPY finds, which is within TRUSTED of the truth.
    most = (1 + TRUSTED) ** 2
    assert BY_HAND["trace"].polar(V) <= penalty.polar(V) <= BY_HAND["trace"].polar(V) * most
    none = prototype("exclusive")
    # That of the conjugate is allowed TRUSTED of its value and of <G, W>, which is twice the value here.
    bound = BY_HAND["exclusive"].conjugate(V, 0 * V)
    assert bound <= none.conjugate(V, 0 * V) <= bound * (1 + 5 * TRUSTED)
    assert not hasattr(none, "polar")
    assert not hasattr(penalty, "conjugate")


def test_what_is_not_convex_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="of curvature CONCAVE; expected one that is convex"):
        from_expression(lambda W: cp.sum(cp.sqrt(W)), n_features=2, n_tasks=2)
    with pytest.raises(ValueError, match="expected a scalar CVXPY expression"):
        from_expression(cp.abs, n_features=2, n_tasks=2)
    with pytest.raises(ValueError, match="cannot be built"):
        from_expression(lambda W: cp.sum(W @ W), n_features=2, n_tasks=3)
    with pytest.raises(ValueError, match=r"found shape \(3, 2\); expected \(2, 2\)"):
        from_expression(cp.norm1, n_features=2, n_tasks=2).value(np.zeros((3, 2)))


def test_the_polar_of_a_semi_norm():
    """Total variation along the tasks: its polar is inf but where the tasks' gradients sum to zero."""
    variation = from_expression(lambda W: 0.5 * cp.sum(cp.abs(cp.diff(W, axis=1))), n_features=2, n_tasks=3)
    assert variation.polar(np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])) == np.inf
    assert 2.0 <= variation.polar(np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 0.0]])) <= 2.0 * (1 + TRUSTED) ** 2


def test_it_pickles_without_its_problems():
    penalty = from_expression(cp.norm1, n_features=2, n_tasks=2)
    W = np.array([[1.0, -2.0], [0.0, 3.0]])
    assert penalty.value(W) == 6.0
    assert pickle.loads(pickle.dumps(penalty)).value(W) == 6.0


def test_check_penalty_finds_what_a_fast_version_gets_wrong():
    class Fast(RowL21):
        def prox(self, V, step):
            return super().prox(V.T, step).T

        def expression(self, W):
            return 0.7 * cp.sum(cp.norm(W, 2, axis=1))

    report = check_penalty(Fast(0.7), examples=20)
    assert {"argmin", "expression"} <= {finding.check for finding in report.findings}
