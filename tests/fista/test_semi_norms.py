"""Certificates of semi-norms: what they do not see is settled, what rounding leaves of it is paid for."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from fista import MultiTaskRegressor
from fista.certificate import certify, gap_from_statistics
from fista.graphs import Graph
from fista.losses import Centering, GramLoss, OperatorLoss
from fista.penalties import L1, Blocks, FusedTasks, InfimalConvolution, RowL21
from fista.problem import Problem
from fista.rows import SharedRows, TaskRows
from fista.solver import minimize
from tests.fista.brackets import assert_same_minimum

D, T = 4, 3
EPS = float(np.finfo(float).eps)
SEMI_NORMS = {
    "chain": FusedTasks(2.0),
    "free rows": RowL21(np.array([3.0, 0.0, 2.0, 0.0])),
    "free entries": L1(3.0 * (np.arange(D * T).reshape(D, T) % 4 > 0)),
    "parts": InfimalConvolution(FusedTasks(2.0), RowL21(np.array([3.0, 0.0, 2.0, 1.0]))),
    "blocks": Blocks([[0, 2], [1, 3]], [FusedTasks(1.0), L1(2.0)]),
}
EVERY = pytest.mark.parametrize("name", SEMI_NORMS)


def problem_of(penalty, X, Y, loss=GramLoss, intercept=False, edges=False):
    rows = SharedRows(X, Y, np.full((len(X), 1), 2.0)) if Y.ndim == 2 else None
    if rows is None:
        rows = TaskRows(X, Y, np.full(len(X), 2.0), np.arange(len(X)) % T, T)
    graph = Graph(T, np.array([0, 1]), np.array([1, 2]), np.array([0.7, 1.1])) if edges else None
    return Problem(loss({"crowd": rows}, Centering.of([rows], intercept), graph), penalty)


@EVERY
@pytest.mark.parametrize("per_task", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("edges", [False, True])
def test_both_forms_of_the_loss_certify_it(name, per_task, intercept, edges):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((24, D)), rng.standard_normal(24 if per_task else (24, T))
    claims = []
    for loss in (GramLoss, OperatorLoss):
        problem = problem_of(SEMI_NORMS[name], X, Y, loss, intercept, edges)
        state, claim = minimize(problem, tol=1e-10)
        assert claim.converged
        assert claim.reason == ""
        gap, rounding = gap_from_statistics(problem, state.W, state.image, state.n_iter)
        assert gap <= 1e-10 * problem.at_zero().sum() + rounding
        # From the gradient's own rounding error, whatever form it has: nothing is left along the null space.
        left = np.tensordot(problem.null_basis, problem.loss.linear - state.image, axes=2)
        size = problem.loss.n_terms * EPS * problem.loss.column_norms.max() * problem.loss.target_norms.sum()
        assert np.abs(left).max() <= 100 * D * T * size
        claims.append(claim)
    one, other = claims
    assert_same_minimum(one, other)


@EVERY
def test_settling_changes_the_loss_only(name):
    """To the minimum along the null space: the penalty stays, and the loss is least there."""
    rng = np.random.default_rng(1)
    penalty = SEMI_NORMS[name]
    problem = problem_of(penalty, rng.standard_normal((20, D)), rng.standard_normal((20, T)))
    W = rng.standard_normal(problem.shape)
    moved, HW = problem.settled(W, problem.image(W))
    np.testing.assert_allclose(HW, problem.image(moved), atol=1e3 * EPS * np.abs(HW).max())
    assert abs(penalty.value(moved) - penalty.value(W)) <= 100 * EPS * penalty.value(W)

    def loss(V):
        return 0.5 * np.vdot(problem.total(V), problem.image(V)) - np.vdot(
            problem.loss.linear, problem.total(V)
        )

    for N in problem.null_basis:
        step = N if penalty.n_parts == 1 else penalty.share(N)
        np.testing.assert_allclose(problem.total(step), N, atol=1e-14)
        for size in (1e-3, -1e-3):  # strictly convex along N, so that rounding does not hide a wrong minimum
            assert loss(moved + size * step) > loss(moved)


def test_of_a_huge_weight_least_squares_is_left():
    """F* is that of one task with all rows, which fractions give exactly."""
    rng = np.random.default_rng(2)
    X, Y = np.round(8 * rng.standard_normal((9, 1))) / 8, np.round(8 * rng.standard_normal((9, T))) / 8
    claim = MultiTaskRegressor(FusedTasks(1e6), tol=1e-13).fit(X, Y).certificate_
    x, ys = [Fraction(v) for v in X[:, 0]], [[Fraction(v) for v in row] for row in Y]
    products = sum(a * sum(row) for a, row in zip(x, ys, strict=True))
    best = sum(v * v for row in ys for v in row) - products**2 / (T * sum(a * a for a in x))
    assert claim.converged
    assert claim.dual <= float(best) + claim.rounding
    assert float(best) <= claim.primal + claim.rounding


@settings(max_examples=60)
@given(apart=st.integers(1, 52), seed=st.integers(0, 10**6))
def test_nearly_equal_columns_of_the_null_space(apart, seed):
    """Rank 2 for sure down to some 2^-20: then the bound is true; below, there is none, and a reason."""
    rng = np.random.default_rng(seed)
    X, Y = np.round(8 * rng.standard_normal((6, 2))) / 8, np.round(8 * rng.standard_normal((6, T))) / 8
    X[:, 1] = X[:, 0] + np.ldexp(np.round(8 * rng.standard_normal(6)), -apart)
    if not X[:, 0].any() or np.linalg.matrix_rank(np.c_[X[:, 0], np.ldexp(X[:, 1] - X[:, 0], apart)]) < 2:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        claim = MultiTaskRegressor(FusedTasks(1e6), tol=1e-9, max_iter=50).fit(X, Y).certificate_
    if not np.isfinite(claim.gap):
        assert "rank of the design on its null space is not certain" in claim.reason
        assert not claim.converged
        assert apart > 10
        return
    # Exactly, by Gram and Schmidt on the first column and the difference of the two.
    a = [Fraction(v) for v in X[:, 0]]
    d = [Fraction(u) - Fraction(v) for u, v in X[:, ::-1]]
    inner = lambda u, v: sum(p * q for p, q in zip(u, v, strict=True))  # noqa: E731
    d = [v - u * inner(a, d) / inner(a, a) for u, v in zip(a, d, strict=True)]
    ys = [[Fraction(v) for v in column] for column in Y.T]
    total = [sum(row) for row in zip(*ys, strict=True)]
    best = sum(inner(y, y) for y in ys) - sum(inner(c, total) ** 2 / inner(c, c) for c in (a, d)) / T
    assert claim.dual <= float(best) + claim.rounding
    assert float(best) <= claim.primal + claim.rounding


def test_without_the_rank_there_is_no_number():
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((3, D)), rng.standard_normal((3, T))  # fewer rows than constant features
    with pytest.warns(ConvergenceWarning, match="rank of the design on its null space is not certain"):
        claim = MultiTaskRegressor(FusedTasks(2.0), max_iter=20).fit(X, Y).certificate_
    assert (claim.gap, claim.dual) == (np.inf, -np.inf)
    # A ridge decides it, and so does a feature that is nowhere: it asks nothing.
    assert MultiTaskRegressor(FusedTasks(2.0), ridge=0.1).fit(X, Y).certificate_.converged
    X = rng.standard_normal((20, D))
    X[:, 2] = 0.0
    assert MultiTaskRegressor(FusedTasks(2.0)).fit(X, rng.standard_normal((20, T))).certificate_.converged


@EVERY
@pytest.mark.parametrize("far", [1e-3, 1.0, 1e3])
def test_what_is_not_settled_is_paid_for(name, far):
    """At a W moved along the null space the bound must hold as well, however much it costs."""
    rng = np.random.default_rng(4)
    problem = problem_of(SEMI_NORMS[name], rng.standard_normal((20, D)), rng.standard_normal((20, T)))
    state, best = minimize(problem, tol=1e-12)
    for N in problem.null_basis:
        step = N if problem.penalty.n_parts == 1 else problem.penalty.share(N)
        for size in (far, -far):
            claim = certify(problem, state.W + size * step, tol=1e-6, n_iter=1)
            assert claim.dual <= best.primal + best.rounding + claim.rounding
            assert claim.reason == ""  # nor is the gap negative, which nobody would believe
            # 1-strong convexity in M w: what is lost there is all in the loss.
            lost = 0.5 * size**2 * np.vdot(N, problem.loss.hessian(N))
            assert claim.primal >= best.dual + lost - 1e-3 * lost - claim.rounding


def test_lambda_max_is_where_the_null_space_is_the_answer():
    rng = np.random.default_rng(5)
    X, Y = rng.standard_normal((20, D)), rng.standard_normal((20, T))
    for ridge in (0.0, 0.5):
        factor = MultiTaskRegressor(FusedTasks(1.0), ridge=ridge).lambda_max(X, Y)
        at, below = (MultiTaskRegressor(FusedTasks(factor * c), ridge).fit(X, Y) for c in (1.001, 0.9))
        assert np.ptp(at.coef_, axis=0).max() == 0
        assert at.n_iter_ == 1
        assert np.ptp(below.coef_, axis=0).max() > 0


def test_null_spaces_at_a_tiny_angle_are_refused():
    class Tilted(L1):
        def null_space(self, n_features, n_tasks):
            N = np.zeros((1, n_features, n_tasks))
            N[0, 1, :2] = 1.0, 1e-10
            return N

    parts = InfimalConvolution(RowL21(np.array([1.0, 0.0])), Tilted(1.0))
    assert parts.null_space(2, 2).shape == (2, 2, 2)  # within the free row
    apart = InfimalConvolution(L1(np.array([[1.0, 1.0], [0.0, 1.0]])), Tilted(1.0))
    with pytest.raises(ValueError, match="nearly have a direction in common"):
        apart.null_space(2, 2)
