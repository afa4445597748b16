"""One line of CVXPY gives a certified answer, which is that of the penalty written by hand."""

import pickle
import warnings

import cvxpy as cp
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from fista import MTLasso, MultiTaskRegressor
from fista.penalties import ExclusiveLasso, FusedTasks, RowL1Linf, RowL21, Slope, SparseGroupLasso, TraceNorm
from formulations.penalties import expression
from verification import check_penalty, from_expression, verify
from verification.prototype import ASKED, REDUCED, TRUSTED

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
    # That of the conjugate is allowed TRUSTED of its value, of <|G|, |W|>, which is twice the value here, and
    # of max|G| times a unit of at most 100 max|W| = 100 max|G| / 0.7; the value found, as much again.
    bound = BY_HAND["exclusive"].conjugate(V, 0 * V)
    terms = 3 * bound + 100 * np.abs(V).max() ** 2 / 0.7
    assert bound <= none.conjugate(V, 0 * V) <= bound + 2 * TRUSTED * terms
    assert 0 <= none.polar(V) <= TRUSTED  # its conjugate is finite everywhere
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


U = cp.Variable((2, 2), name="U")
PART = cp.Problem(cp.Minimize(cp.norm1(U)))
WRONG = {
    # what is declared: what the message says
    "a variable of its own": (
        lambda W: cp.norm1(W - U),
        "found the variable U, which is not W, .*Convolution",
    ),
    "integers": (
        lambda W: cp.norm1(W - cp.Variable((2, 2), boolean=True, name="B")),
        "found the variable B, which is not W",
    ),
    "a partial minimum": (
        lambda W: cp.norm1(W) + cp.transforms.partial_optimize.partial_optimize(PART, [U], []),
        "found the variable var[0-9]+, which is not W",
    ),
    "no W": (lambda W: cp.Constant(3), "found 3.0, in which W does not occur; expected an expression of W"),
    "complex": (lambda W: cp.norm1(W @ np.array([[1, 1j], [0, 1]])), r"found complex numbers in norm1\(W"),
    "a 1 x 1 matrix": (
        lambda W: cp.sum(cp.abs(W), keepdims=True),
        r"of shape \(1, 1\); expected a scalar CVXPY expression, of shape \(\)",
    ),
    "infinity": (
        lambda W: np.inf * cp.norm1(W),
        r"found NaN or infinity in inf \* norm1\(W\); expected finite",
    ),
    "NaN": (lambda W: cp.norm1(cp.multiply(np.full((2, 2), np.nan), W)), "found NaN or infinity in"),
    "a parameter": (
        lambda W: cp.Parameter(nonneg=True, name="a") * cp.norm1(W),
        "found the parameter a without a value",
    ),
    "chance": (
        lambda W: np.random.default_rng().random() * cp.norm1(W),
        "found an expression of value .* at one call and of .* at the next",
    ),
    "NumPy": (lambda W: np.abs(W).sum(), "RuntimeError: You're calling a NumPy function .* of shape"),
    "a number": (lambda W: 3.0, "found 3.0; expected a scalar CVXPY expression"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_expression_of_W_is_refused_on_one_line(name):
    declare, message = WRONG[name]
    with pytest.raises(ValueError, match=f"^declare: .*{message}") as refused:
        from_expression(declare, n_features=2, n_tasks=2)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["n_features", "n_tasks"])
@pytest.mark.parametrize(
    ("size", "error"), [(0, ValueError), (-1, ValueError), ("3", TypeError), (2.5, TypeError)]
)
def test_sizes_are_read(name, size, error):
    with pytest.raises(error, match=f"{name}: found {size!r}; expected an integer >= 1"):
        from_expression(cp.norm1, **({"n_features": 2, "n_tasks": 2} | {name: size}))


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="declare: found 3; expected a function"):
        from_expression(3, n_features=2, n_tasks=2)


def test_a_constraint_is_verified():
    """CVXPY has no derivative of an indicator: what it does not see is not known, which is no error."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((9, 2)), rng.standard_normal((9, 2))
    penalty = from_expression(lambda W: cp.transforms.indicator([W >= 0]), n_features=2, n_tasks=2)
    assert verify(MultiTaskRegressor(penalty, ridge=0.1), X, Y, solvers=["CLARABEL"]).agree
    assert not verify(MultiTaskRegressor(penalty), X, Y, solvers=["CLARABEL"]).disagree


def test_a_support_function_has_no_derivative_to_fail():
    def ball(W):
        u = cp.Variable(4)
        return cp.suppfunc(u, [cp.norm2(u) <= 1])(cp.vec(W, order="C"))

    penalty = from_expression(ball, n_features=2, n_tasks=2)
    assert penalty.null_space(2, 2).shape == (0, 2, 2)


CHAIN = np.diff(np.eye(T), axis=0)
TRIANGLE = np.array([[1.0, -1.0, 0.0], [0.0, 1.0, -2.0], [1.5, 0.0, -1.5]])
CENTRED = np.eye(T) - np.ones((T, T)) / T
SEMI_NORMS = {
    # one line of CVXPY, and the dimension of its null space
    "chain": (lambda W: 2.0 * cp.sum(cp.abs(W @ CHAIN.T)), D),
    "graph": (lambda W: cp.sum(cp.abs(W @ TRIANGLE.T)), 0),
    "cycle": (lambda W: cp.sum(cp.abs(W @ (CENTRED @ np.diag([1, 1, 1])))), D),
    "lengths of differences": (lambda W: 2.0 * cp.sum(cp.norm(W @ CHAIN.T, 2, axis=0)), D),
    "spectrum": (lambda W: 2.0 * cp.normNuc(W @ CENTRED), D),
    "rows and a chain": (
        lambda W: 0.5 * cp.sum(cp.norm(W[:2], 2, axis=1)) + cp.tv(W[3]),
        (D - 2) * T - T + 1,
    ),
    "no norm": (lambda W: cp.sum(cp.huber(W @ CHAIN.T)), D),
    "a norm after all": (lambda W: cp.sum(cp.abs(W @ CHAIN.T)) + 0.1 * cp.norm1(W), 0),
}


@pytest.mark.parametrize("name", SEMI_NORMS)
@settings(max_examples=4)
@given(data=st.data())
def test_one_line_of_a_semi_norm_is_certified(name, data):
    declare, k = SEMI_NORMS[name]
    penalty = from_expression(declare, n_features=D, n_tasks=T)
    assert penalty.null_space(D, T).shape == (k, D, T)
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    X, Y = rng.standard_normal((10, D)), rng.standard_normal((10, T))
    ridge, intercept = data.draw(st.sampled_from([0.0, 0.5])), data.draw(st.booleans())
    claim = MultiTaskRegressor(penalty, ridge=ridge, fit_intercept=intercept).fit(X, Y).certificate_
    assert claim.converged
    assert claim.reason == ""
    W, c = cp.Variable((D, T)), cp.Variable((1, T))
    fit = Y - X @ W - (np.ones((10, 1)) @ c if intercept else 0.0)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(fit) + declare(W) + ridge * cp.sum_squares(W)))
    problem.solve(solver=cp.CLARABEL)
    # CLARABEL's default accuracy is 1e-8 of the objective, ours 1e-6 F(0).
    room = claim.rounding + 1e-7 * float(np.sum(Y**2))
    assert claim.dual <= problem.value + room
    assert problem.value <= claim.primal + room


def test_the_chain_by_hand_and_as_one_line_agree():
    penalty, chain = from_expression(SEMI_NORMS["chain"][0], n_features=D, n_tasks=T), FusedTasks(2.0)
    rng = np.random.default_rng(0)
    N, M = penalty.null_space(D, T).reshape(D, -1), chain.null_space(D, T).reshape(D, -1)
    assert np.abs(N.T @ N - M.T @ M).max() <= 16 * D * T * np.finfo(float).eps  # the same projection
    for G in rng.standard_normal((5, D, T)):
        exact = chain.polar(G)
        assert exact <= penalty.polar(G) <= exact * (1 + TRUSTED) ** 2
        # A bound for every sign pattern, which the polar of |G| is not.
        assert exact <= penalty.polar_bound(np.abs(G))


@pytest.mark.parametrize("ridge", [0.0, 0.5])
@pytest.mark.parametrize("factor", [0.9, 1.0 + 1e-4, 1.1])
def test_a_perturbed_prox_of_a_semi_norm_claims_nothing_false(ridge, factor, monkeypatch):
    rng = np.random.default_rng(1)
    X, Y = rng.standard_normal((10, D)), rng.standard_normal((10, T))
    right = MultiTaskRegressor(FusedTasks(0.5), ridge=ridge, tol=1e-12).fit(X, Y).certificate_
    penalty = from_expression(lambda W: 0.25 * SEMI_NORMS["chain"][0](W), n_features=D, n_tasks=T)
    genuine = penalty.prox
    monkeypatch.setattr(penalty, "prox", lambda V, step: factor * genuine(V, step))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        claim = MultiTaskRegressor(penalty, ridge=ridge, max_iter=60).fit(X, Y).certificate_
    assert claim.dual <= right.primal + right.rounding + claim.rounding
    assert right.dual <= claim.primal + right.rounding + claim.rounding
    if factor in (0.9, 1.1):
        assert not claim.converged


def test_a_null_space_that_is_not_certain_is_not_claimed():
    """A weight of 1e-10 is neither rounding nor clearly more: that it is a semi-norm is not claimed."""
    penalty = from_expression(
        lambda W: cp.sum(cp.abs(W @ CHAIN.T)) + 1e-10 * cp.norm1(W), n_features=D, n_tasks=T
    )
    assert penalty.null_space(D, T).shape == (0, D, T)


def test_what_cannot_be_certified_is_refused_or_works_as_it_is():
    with pytest.raises(ValueError, match="positively homogeneous and unbounded below"):
        from_expression(cp.sum, n_features=2, n_tasks=2)
    with pytest.raises(ValueError, match="positively homogeneous and unbounded below"):
        from_expression(cp.max, n_features=2, n_tasks=2)
    with pytest.raises(ValueError, match="which is inf everywhere"):
        from_expression(lambda W: -cp.log(-1 - cp.square(W[0, 0])), n_features=2, n_tasks=2)
    rng = np.random.default_rng(2)
    X, Y = rng.standard_normal((10, D)), rng.standard_normal((10, T))
    barrier = from_expression(lambda W: -cp.sum(cp.log(W)), n_features=D, n_tasks=T)
    assert barrier.conjugate(np.zeros((D, T)), np.zeros((D, T))) > 1e2  # it is inf; CVXPY may stop on the way
    assert MultiTaskRegressor(barrier).fit(X, Y).certificate_.converged


def test_it_tells_how_accurate_its_answers_are():
    penalty = from_expression(lambda W: cp.normNuc(W), n_features=D, n_tasks=T)
    V = np.arange(12.0).reshape(D, T)
    penalty.prox(V, 1.0)
    penalty.polar(V)
    assert {"prox", "polar"} <= set(penalty.accuracy)
    assert all(ASKED <= found <= REDUCED for found in penalty.accuracy.values())
    assert "by CVXPY, to 1e-08" in repr(penalty)


def test_it_pickles_without_its_problems():
    penalty = from_expression(cp.norm1, n_features=2, n_tasks=2)
    W = np.array([[1.0, -2.0], [0.0, 3.0]])
    assert penalty.value(W) == 6.0
    assert pickle.loads(pickle.dumps(penalty)).value(W) == 6.0


def test_a_lambda_goes_to_other_processes():
    """As joblib sends it, which takes functions by value."""
    cloudpickle = pytest.importorskip("cloudpickle")
    sent = cloudpickle.dumps(from_expression(lambda W: cp.norm1(W), n_features=1, n_tasks=2))
    assert cloudpickle.loads(sent).value(np.array([[1.0, -2.0]])) == 3.0


def test_check_penalty_finds_what_a_fast_version_gets_wrong():
    class Fast(RowL21):
        def prox(self, V, step):
            return super().prox(V.T, step).T

        def expression(self, W):
            return 0.7 * cp.sum(cp.norm(W, 2, axis=1))

    report = check_penalty(Fast(0.7), examples=20)
    assert {"argmin", "expression"} <= {finding.check for finding in report.findings}


def indicator(*constraints):
    return cp.transforms.indicator(list(constraints))


W_0 = np.arange(12.0).reshape(D, T) / 10 - 0.5
NOT_HOMOGENEOUS = {
    "box": lambda W: indicator(cp.abs(W) <= 0.5),
    "l1 ball": lambda W: indicator(cp.norm1(W) <= 1),
    "norm within a ball": lambda W: 0.1 * cp.norm1(W) + indicator(cp.normNuc(W) <= 1),
    "soft cap": lambda W: cp.sum(cp.pos(cp.abs(W) - 0.4)),
    "dead zone": lambda W: 8 * cp.sum(cp.pos(cp.abs(W) - 0.3)) + 1e-3 * cp.norm1(W),
    "prior": lambda W: 10 * cp.norm(W - W_0, "fro"),
    "plus a constant": lambda W: cp.norm1(W) + 7,
    "minus a constant": lambda W: cp.norm1(W) - 7,
}


@pytest.mark.parametrize(("scale", "weighted"), [(1e-2, False), (1.0, True), (30.0, False)])
@pytest.mark.parametrize("name", NOT_HOMOGENEOUS)
def test_what_is_no_norm_is_not_taken_for_one(name, scale, weighted):
    """At whatever size of data: constraints that hold, and zones without a price, look homogeneous there."""
    declare = NOT_HOMOGENEOUS[name]
    rng = np.random.default_rng(3)
    X = rng.standard_normal((30, D))
    Y = scale * (0.3 * X @ rng.standard_normal((D, T)) + 0.06 * rng.standard_normal((30, T)))
    weight = 1 / 30 if weighted else 1.0
    penalty = from_expression(declare, n_features=D, n_tasks=T)
    assert not penalty.is_norm
    model = MultiTaskRegressor(penalty, max_iter=100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        claim = model.fit(X, Y, sample_weight=np.full(30, weight)).certificate_
    W, zero = cp.Variable((D, T)), weight * float(np.sum(Y**2))
    problem = cp.Problem(cp.Minimize((weight * cp.sum_squares(Y - X @ W) + declare(W)) / zero))
    problem.solve(solver=cp.CLARABEL)
    # CLARABEL's default accuracy is 1e-8 of the objective, which has a 7 / F(0) in it, and constraints hold
    # within 1e-8; 1e-6 F(0) is ours.
    room = claim.rounding + 1e-7 * (zero + 7)
    assert claim.dual <= zero * problem.value + room
    assert zero * problem.value <= claim.primal + room
    if scale >= 1:  # else 1e-8 of the terms of the conjugate, to which it is known, is not small
        assert claim.converged


def test_a_prox_of_no_norm_knows_its_units():
    penalty = from_expression(NOT_HOMOGENEOUS["box"], n_features=D, n_tasks=T)
    for size in (1e-3, 0.3, 3.0, 1e3):
        V = size * np.linspace(-1, 1, D * T).reshape(D, T)
        np.testing.assert_allclose(penalty.prox(V, 0.7), np.clip(V, -0.5, 0.5), atol=1e-6)


def test_constraints_hold_or_do_not():
    penalty = from_expression(NOT_HOMOGENEOUS["box"], n_features=D, n_tasks=T)
    assert penalty.value(np.full((D, T), 0.5)) == 0
    assert penalty.value(np.full((D, T), 0.5 + 1e-6)) == np.inf


@pytest.mark.parametrize("declare", [lambda W: indicator(W >= 0), lambda W: cp.sum(cp.pos(W))])
def test_where_there_is_no_gap_the_reason_says_so(declare):
    """One-sided penalties have dual points of one sign only, which rounding misses."""
    rng = np.random.default_rng(4)
    X, Y = rng.standard_normal((20, D)), rng.standard_normal((20, T))
    penalty = from_expression(declare, n_features=D, n_tasks=T)
    with pytest.warns(ConvergenceWarning, match="a ridge, however small, gives a gap"):
        model = MultiTaskRegressor(penalty, max_iter=100).fit(X, Y)
    assert "ridge" in model.certificate_.reason
    assert MultiTaskRegressor(penalty, ridge=1e-3).fit(X, Y).certificate_.converged


def test_a_value_that_is_solved_for_is_a_bound():
    """A support function, of the cube with corners +-1: it is the l1 norm."""
    u = cp.Variable(D * T)

    def support(W):
        return cp.suppfunc(u, [cp.norm_inf(u) <= 1])(cp.vec(W, order="F"))

    penalty = from_expression(support, n_features=D, n_tasks=T)
    assert penalty.is_norm
    rng = np.random.default_rng(5)
    for W in (1e-3 * rng.standard_normal((D, T)), 1e3 * rng.standard_normal((D, T))):
        exact = float(np.abs(W).sum())
        assert exact * (1 - 1e-15) <= penalty.value(W) <= exact * (1 + 1e-6)
    X, Y = rng.standard_normal((20, D)), rng.standard_normal((20, T))
    claim = MultiTaskRegressor(penalty).fit(X, Y).certificate_
    right = MTLasso(1.0, beta=0.0).fit(X, Y).certificate_
    assert claim.converged
    assert claim.dual <= right.primal + claim.rounding
    assert right.dual <= claim.primal + claim.rounding


@pytest.mark.parametrize("extra", [0.0, 1.0])
def test_what_is_flat_here_and_rises_elsewhere_is_no_null_space(extra):
    """|w_0| + max(w_0 - 8 - w_1 / 1000, 0) is constant along w_1 about 0, but not where w_0 is 40."""
    X, Y = np.array([[1.0, 0.0], [0.0, 1e-6]]), np.array([[40.0], [0.0]])

    def declare(W):
        flat = cp.abs(W[0, 0]) + cp.pos(W[0, 0] - 8 - W[1, 0] / 1000)
        return flat + (extra * cp.inv_pos(W[0, 0] + 100) if extra else 0.0)  # an atom of unknown growth

    penalty = from_expression(declare, n_features=2, n_tasks=1)
    assert len(penalty.null_space(2, 1)) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        claim = MultiTaskRegressor(penalty, fit_intercept=False, max_iter=50).fit(X, Y).certificate_
    there = np.array([[39.5], [32_000.0]])
    assert claim.dual <= np.square(Y - X @ there).sum() + penalty.value(there) + claim.rounding


def test_sparse_constants_and_plain_parameters_are_numbers():
    rng = np.random.default_rng(6)
    X, Y = rng.standard_normal((20, D)), rng.standard_normal((20, T))
    shifted = from_expression(lambda W: cp.norm1(W - sp.csr_array(np.eye(D, T))), n_features=D, n_tasks=T)
    assert not shifted.is_norm
    assert MultiTaskRegressor(shifted).fit(X, Y).certificate_.converged
    weight = cp.Parameter(nonneg=True, value=4.0)
    weighted = from_expression(lambda W: weight * cp.norm1(W), n_features=D, n_tasks=T)
    assert MultiTaskRegressor(weighted).fit(X, Y).certificate_.converged


def test_constraints_within_constraints_are_tightened_too():
    nested = from_expression(
        lambda W: cp.norm1(W) + indicator(indicator(W >= 0) <= 0), n_features=1, n_tasks=1
    )
    assert nested.value(np.array([[-9e-4]])) == np.inf


def test_a_prox_without_an_answer_says_so():
    penalty = from_expression(cp.norm1, n_features=2, n_tasks=2)
    penalty._solve = lambda problem, what: -np.inf  # as where CLARABEL calls it unbounded
    with pytest.raises(RuntimeError, match=r"prox of .*: CLARABEL ended with status"):
        penalty.prox(np.ones((2, 2)), 1.0)
