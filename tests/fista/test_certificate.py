"""The certificate against the definition: rows of M written out by loops, a second solver, least squares."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from fista import EGMTL, L21MTL, SRMTL, DirtyMTL, MTLasso, RobustMTL, STLasso
from fista.certificate import certify, gap_from_statistics
from fista.losses import Centering, OperatorLoss
from fista.penalties import L1
from fista.problem import Problem
from fista.rows import SharedRows
from tests.fista.explicit import EPS, NAMES, WEIGHTS, Explicit, make, problem_of, shape_of

DESIGNS = ("shared", "per task")
CASES = [(name, design, intercept) for name in NAMES for design in DESIGNS for intercept in (False, True)]
OBJECTIVES = pytest.mark.parametrize(("name", "design", "intercept"), CASES)


def parts_of(W):
    """The coefficients of the solver as a list of parts."""
    return list(W) if W.ndim == 3 else [W]


def assert_dual_point_is_feasible(explicit, theta, W):
    """M'theta lies in the dual ball, and theta is orthogonal to the columns of the intercepts.

    The products of M' with theta, here and there, are within n eps ||M_j|| ||theta|| of the truth; that
    sqrt(omega)'theta = 0 for a residual with its best intercept is true up to n eps ||sqrt(omega)|| A.
    """
    G, of_intercepts = explicit.gradient(theta)
    norms = np.linalg.norm(explicit.M, axis=0)
    error = EPS * explicit.n * norms * (np.linalg.norm(theta) + explicit.magnitude(W))
    assert np.all(np.abs(of_intercepts) <= error[explicit.D * explicit.T :])
    if not explicit.beta:
        E = error[: explicit.D * explicit.T].reshape(explicit.T, explicit.D).T
        assert explicit.polar(G) <= 1 + explicit.polar(E)


@OBJECTIVES
def test_of_a_fit_is_what_the_definition_says(name, design, intercept):
    model, X, y, data = make(name, design, fit_intercept=intercept)
    model.fit(X, y, **data)
    explicit, proof = Explicit(model, X, y, **data), model.certificate_
    parts = list(model.parts_.values())
    W = sum(parts)
    slack = explicit.slack(parts) + proof.rounding

    assert proof.converged
    assert proof.form == "rows"
    np.testing.assert_array_equal(W.T, model.coef_)
    # The sum of weighted residuals of the best intercept is zero: the intercept is the minimiser over c.
    assert explicit.objective(parts, model.intercept_) <= explicit.objective(parts) + slack
    assert abs(proof.primal - explicit.objective(parts, model.intercept_)) <= slack
    assert abs(proof.gap - (proof.primal - proof.dual)) <= EPS * proof.primal
    assert model.dual_gap_ == proof.gap
    assert proof.relative_gap == pytest.approx(proof.gap / explicit.at_zero(), rel=EPS * explicit.n, abs=0)
    assert 0 <= proof.gap <= model.tol * explicit.at_zero() + slack

    theta = explicit.theta(proof.dual_point)
    assert_dual_point_is_feasible(explicit, theta, W)
    assert abs(explicit.dual(theta) - proof.dual) <= slack

    # F(W) - F(any other point) <= gap, the second solver's included.
    assert explicit.objective(parts) - explicit.objective(explicit.reference()) <= proof.gap + slack


@OBJECTIVES
def test_bounds_the_distance_to_the_minimum_anywhere(name, design, intercept):
    model, X, y, data = make(name, design, fit_intercept=intercept, tol=1e-12)
    problem = problem_of(model, X, y, **data)
    explicit = Explicit(model, X, y, **data)
    model.fit(X, y, **data)
    best = min(explicit.objective(model.parts_), explicit.objective(explicit.reference()))
    # F* lies between best - gap and best: the bracket is narrow, and so the test is not vacuous.
    assert model.certificate_.gap <= 1e-10 * explicit.at_zero()

    rng = np.random.default_rng(1)
    solution = np.stack(list(model.parts_.values())).reshape(problem.shape)
    for scale in (1e-6, 1e-3, 0.1, 1.0, 30.0):
        for origin in (solution, np.zeros_like(solution)):
            W = origin + scale * rng.normal(size=problem.shape)
            proof = certify(problem, W, tol=0.0, n_iter=0)
            parts = parts_of(W)
            slack = explicit.slack(parts) + proof.rounding
            excess = explicit.objective(parts) - best
            assert excess <= proof.gap + slack
            assert abs(proof.primal - explicit.objective(parts)) <= slack
            assert not proof.converged
            assert np.isfinite(proof.gap)
            theta = explicit.theta(proof.dual_point)
            assert_dual_point_is_feasible(explicit, theta, sum(parts))
            assert abs(explicit.dual(theta) - proof.dual) <= slack
            # A lower bound on the minimum, and so on every value of F.
            assert proof.dual <= best + slack


@OBJECTIVES
def test_gap_closes_quadratically_or_better_than_linearly_near_the_optimum(name, design, intercept):
    """The bound must be useful too: it shrinks with the distance to the solution."""
    model, X, y, data = make(name, design, fit_intercept=intercept, tol=1e-13)
    problem = problem_of(model, X, y, **data)
    solution = np.stack(list(model.fit(X, y, **data).parts_.values())).reshape(problem.shape)
    direction = np.random.default_rng(2).normal(size=problem.shape)
    gaps = [certify(problem, solution + s * direction, tol=0, n_iter=0).gap for s in (1e-1, 1e-3, 1e-5)]
    # F and the scaled dual point are Lipschitz in W, so the gap falls at least in proportion to s; room of
    # a factor 10 for the quadratic term that the largest step adds.
    assert gaps[1] <= 0.1 * gaps[0]
    assert gaps[2] <= 0.1 * gaps[1]


@OBJECTIVES
def test_kkt_residual_vanishes_at_the_optimum_only(name, design, intercept):
    model, X, y, data = make(name, design, fit_intercept=intercept, tol=1e-14)
    problem = problem_of(model, X, y, **data)
    model.fit(X, y, **data)
    L = float(np.max(problem.lipschitz[0]))
    explicit, proof = Explicit(model, X, y, **data), model.certificate_
    # One proximal step decreases F by at least ||residual||^2 / (2 L), and no step by more than the gap.
    bound = np.sqrt(2 * L * (proof.gap + proof.rounding + explicit.slack(model.parts_)))
    assert proof.kkt_residual <= bound

    rng = np.random.default_rng(3)
    for W in (np.zeros(problem.shape), rng.normal(size=problem.shape)):
        elsewhere = certify(problem, W, tol=1e-6, n_iter=0)
        assert elsewhere.kkt_residual > bound
        assert elsewhere.kkt_residual > 0
        # The same inequality: what a step can gain is at most the gap.
        gain = elsewhere.kkt_residual**2 / (2 * L)
        assert gain <= elsewhere.gap + elsewhere.rounding + explicit.slack(parts_of(W))


@OBJECTIVES
def test_gap_from_statistics_is_that_of_the_rows(name, design, intercept):
    model, X, y, data = make(name, design, fit_intercept=intercept)
    problem = problem_of(model, X, y, **data)
    explicit = Explicit(model, X, y, **data)
    model.fit(X, y, **data)
    solution = np.stack(list(model.parts_.values())).reshape(problem.shape)
    rng = np.random.default_rng(4)
    for scale in (0.0, 1e-3, 1.0):
        W = solution + scale * rng.normal(size=problem.shape)
        gap, rounding = gap_from_statistics(problem, W, problem.image(W))
        proof = certify(problem, W, tol=0.0, n_iter=0)
        allowed = np.sum(rounding) + proof.rounding
        if explicit.beta:
            # The rows seek the best scale besides: they may only be tighter. Each is a true bound.
            best = min(explicit.objective(model.parts_), explicit.objective(explicit.reference()))
            assert proof.gap <= np.sum(gap) + allowed
            assert explicit.objective(parts_of(W)) - best <= np.sum(gap) + allowed + explicit.slack([W])
        else:
            assert abs(np.sum(gap) - proof.gap) <= allowed
        # The rounding that is stated must not swallow the gap: n eps times the squares that are summed.
        assert np.sum(rounding) <= 4 * explicit.n * EPS * (
            4 * explicit.T * explicit.magnitude(sum(parts_of(W))) ** 2 + explicit.omega(parts_of(W))
        )


# -- STLasso -------------------------------------------------------------------------------------


def test_every_task_of_a_single_task_lasso_keeps_the_promise():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 5))
    # Targets of very different sizes: a promise on the sum would be void for the small one.
    Y = (X @ rng.normal(size=(5, 3)) + rng.normal(size=(30, 3))) * [1.0, 1e-4, 1e4]
    alpha = np.array([3.0, 3e-4, 3e4])
    model = STLasso(alpha=alpha, tol=1e-6).fit(X, Y)
    proof = model.certificate_
    assert proof.gap_by_task.shape == (3,)
    assert proof.gap == pytest.approx(proof.gap_by_task.sum(), rel=4 * EPS)
    for t in range(3):
        alone = STLasso(alpha=alpha[t], tol=1e-12).fit(X, Y[:, t])
        explicit = Explicit(alone, X, Y[:, t])
        slack = explicit.slack([model.coef_[[t]].T])
        excess = explicit.objective([model.coef_[[t]].T]) - explicit.objective(alone.parts_)
        assert excess <= proof.gap_by_task[t] + slack
        assert proof.gap_by_task[t] <= 1e-6 * explicit.at_zero() + slack


def test_a_task_that_is_not_solved_spoils_the_promise():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 5))
    Y = (X @ rng.normal(size=(5, 2)) + rng.normal(size=(30, 2))) * [1e6, 1.0]
    model = STLasso(alpha=[3e6, 3.0], tol=1e-6).fit(X, Y)
    W = model.coef_.T.copy()
    W[:, 1] += 0.1  # the small task only: nothing next to the sum
    problem = problem_of(model, X, Y)
    proof = certify(problem, W, tol=1e-6, n_iter=0)
    assert proof.relative_gap <= 1e-6
    assert not proof.converged


# -- without a penalty ---------------------------------------------------------------------------

FREE = [
    STLasso(alpha=0.0),
    MTLasso(alpha=0.0, beta=0.0),
    L21MTL(alpha=0.0, beta=0.0),
    DirtyMTL(rho1=0.0, rho2=0.0),
    DirtyMTL(rho1=1.0, rho2=0.0),
    DirtyMTL(rho1=0.0, rho2=1.0),
    RobustMTL(rho1=0.0, rho2=0.0),
    RobustMTL(rho1=1.0, rho2=0.0),
    SRMTL(alpha=0.0, beta=0.0, gamma=0.0),
    EGMTL(lam1=0.0, lam2=0.0, lam3=0.0),
]


def designs():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(12, 4))
    yield "full rank", X
    yield "duplicate column", X[:, [0, 1, 2, 0]]
    yield "collinear", np.column_stack([X[:, :3], X[:, :3] @ [1.0, -2.0, 0.5]])
    yield "zero column", X * [1.0, 0.0, 1.0, 1.0]
    yield "more features than rows", rng.normal(size=(3, 4))
    yield "columns of all sizes", X * [1e-5, 1.0, 1e5, 1e3]
    yield "rank one", np.outer(X[:, 0], [1.0, 2.0, -1.0, 3.0])


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize(("kind", "X"), list(designs()), ids=lambda v: v if isinstance(v, str) else "")
@pytest.mark.parametrize("model", FREE, ids=str)
def test_least_squares(model, kind, X, intercept):
    rng = np.random.default_rng(6)
    Y = rng.normal(size=(len(X), 3)) + 2.0
    u = rng.uniform(0.5, 2.0, size=len(X))
    model.set_params(fit_intercept=intercept)
    model.fit(X, Y, sample_weight=u)
    explicit, proof = Explicit(model, X, Y, sample_weight=u), model.certificate_
    assert proof.converged
    root = np.sqrt(u)[:, None]
    columns = np.column_stack([X, np.ones(len(X))]) if intercept else X
    theirs = np.linalg.lstsq(root * columns, root * Y, rcond=None)[0]
    factor = 0.5 if isinstance(model, EGMTL) else 1.0
    least = factor * float(np.sum((root * (Y - columns @ theirs)) ** 2))
    slack = explicit.slack(model.parts_) + proof.rounding
    # Both are values of the same F, so each is at least F*; mine is within the gap of it.
    mine = explicit.objective(model.parts_, model.intercept_)
    assert mine - least <= proof.gap + slack
    assert proof.dual <= least + slack
    assert proof.gap <= model.tol * explicit.at_zero() + slack


def test_least_squares_with_a_graph():
    rng = np.random.default_rng(7)
    X, Y = rng.normal(size=(3, 4)), rng.normal(size=(3, 3))
    model = SRMTL(alpha=0.7, beta=0.0, gamma=0.0, graph=[(0, 1), (1, 2, 2.0)]).fit(X, Y)
    explicit = Explicit(model, X, Y)
    w = np.linalg.lstsq(explicit.M, explicit.b, rcond=None)[0]
    theirs = explicit.objective([w.reshape(3, 4).T])
    slack = explicit.slack(model.parts_) + model.certificate_.rounding
    assert model.certificate_.converged
    assert explicit.objective(model.parts_) - theirs <= model.certificate_.gap + slack


def test_one_task_without_a_weight():
    model, X, y, data = make("STLasso", "per task", alpha=[1.0, 0.0, 2.0], fit_intercept=True, tol=1e-10)
    model.fit(X, y, **data)
    explicit, proof = Explicit(model, X, y, **data), model.certificate_
    assert proof.converged
    slack = explicit.slack(model.parts_) + proof.rounding
    assert explicit.objective(model.parts_) - explicit.objective(explicit.reference()) <= proof.gap + slack
    # M'theta = 0 for that task. The least-squares residual leaves what the solve with M'M, here of condition
    # below 100, leaves: 100 times the rounding of a product with M'.
    mine = np.array(data["tasks"]) == "b"
    G, _ = explicit.gradient(explicit.theta(proof.dual_point))
    A = explicit.magnitude(model.coef_.T)
    assert np.linalg.cond(X[mine]) ** 2 < 100
    assert np.abs(G[:, 1]).max() <= 100 * EPS * explicit.n * np.linalg.norm(explicit.M, axis=0).max() * A


def unpenalised(X, Y, loss_type):
    rows = {"crowd": SharedRows(X, Y, np.full((len(X), 1), 2.0))}
    return Problem(loss_type(rows, Centering.of(list(rows.values()), False)), L1(0.0))


@pytest.mark.parametrize("apart", [1e-4, 1e-6, 1e-7, 1e-8, 1e-10, 1e-12])
def test_columns_that_are_nearly_equal(apart):
    """The target is the difference of two columns: it takes huge coefficients, or looks like no fit at all.

    Where the Gram matrix cannot tell, no number is given rather than one that may be untrue.
    """
    rng = np.random.default_rng(8)
    x, z = rng.normal(size=(2, 40))
    X, Y = np.column_stack([x, x + apart * z]), z[:, None]
    model = MTLasso(alpha=0.0, beta=0.0, max_iter=20)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(X, Y)
    proof = model.certificate_
    assert proof.converged == (not caught)
    assert proof.converged or apart < 1e-4
    # The least is no more than what is left at w = (-1, 1) / apart.
    left = [
        Fraction(y) - (Fraction(b) - Fraction(a)) / Fraction(apart) for (a, b), (y,) in zip(X, Y, strict=True)
    ]
    rounding = proof.rounding + Explicit(model, X, Y).slack(model.parts_)
    assert proof.primal - float(sum(r * r for r in left)) <= proof.gap + rounding
    if not np.isfinite(proof.gap):
        assert "rank of the design cannot be decided" in proof.reason
        assert "rank of the design cannot be decided" in str(caught[0].message)
        assert proof.dual == -np.inf
    assert np.isfinite(proof.gap) or apart < 1e-4


@pytest.mark.parametrize("name", ["STLasso", "MTLasso"])
def test_columns_that_differ_in_the_last_bit(name):
    """X is invertible, so F* = 0, at w = (-2^52, 2^52): a certificate must not deny it unqualified."""
    free = {"STLasso": STLasso(alpha=0.0), "MTLasso": MTLasso(alpha=0.0, beta=0.0)}[name].set_params(
        max_iter=5
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        proof = free.fit([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]], [0.0, 1.0]).certificate_
    said = "singular values of the design within rounding of zero count as zero"
    assert proof.primal - 0.0 <= proof.gap + proof.rounding or said in str(proof)


def test_an_unknown_rank_is_not_certified():
    rng = np.random.default_rng(9)
    X, Y = rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    problem = unpenalised(X, Y, OperatorLoss)
    proof = certify(problem, problem.start(), tol=1e-6, n_iter=0)
    assert proof.gap == np.inf
    assert proof.dual == -np.inf
    assert not proof.converged
    assert "rank" in proof.reason
    assert "NOT certified" in str(proof)
    assert proof.reason in str(proof)


def test_an_unknown_rank_ends_with_a_warning_that_gives_the_reason(monkeypatch):
    rng = np.random.default_rng(9)
    X, Y = rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    monkeypatch.setattr("fista.losses.GramLoss", OperatorLoss)
    with pytest.warns(ConvergenceWarning, match="rank of the design is unknown"):
        model = MTLasso(alpha=0.0, beta=0.0, max_iter=5).fit(X, Y)
    assert model.dual_gap_ == np.inf
    assert not model.certificate_.converged


# -- nothing to explain --------------------------------------------------------------------------


@OBJECTIVES
def test_targets_of_zero(name, design, intercept):
    model, X, y, data = make(name, design, fit_intercept=intercept)
    y = np.where(np.isnan(y), np.nan, 0.0)
    data |= {"y_expert": 0 * data["y_expert"]} if "y_expert" in data else {}
    proof = model.fit(X, y, **data).certificate_
    assert (proof.primal, proof.dual, proof.gap, proof.relative_gap) == (0, 0, 0, 0)
    assert proof.converged
    assert model.n_iter_ == 1
    assert not model.coef_.any()


@pytest.mark.parametrize("name", NAMES)
def test_targets_that_the_intercept_explains(name):
    model = make(name, "shared", fit_intercept=True)[0]
    X = np.random.default_rng(0).normal(size=(8, 4))
    model.fit(X, np.full((8, 3), 4.0))  # centred to exactly 0, as 4 is a power of two
    assert model.certificate_.converged
    assert model.certificate_.primal == 0
    np.testing.assert_array_equal(model.intercept_, [4.0] * 3)


def test_the_verdict_is_readable():
    model, X, y, data = make("MTLasso", "shared")
    text = str(model.fit(X, y, **data).certificate_)
    assert text.startswith("certified to tol=1e-06")
    assert f"{model.n_iter_} iterations" in text
    with pytest.warns(ConvergenceWarning):
        model.set_params(max_iter=1).fit(X, y, **data)
    assert str(model.certificate_).startswith("NOT certified")


@pytest.mark.parametrize("name", NAMES)
def test_shapes_and_order_of_the_dual_point(name):
    for design, crowd in (("shared", (9, 3)), ("per task", (20,))):
        model, X, y, data = make(name, design)
        point = model.fit(X, y, **data).certificate_.dual_point
        shapes = {"crowd": crowd}
        if name == "EGMTL":
            shapes["expert"] = (5, *crowd[1:])
        if name in ("SRMTL", "EGMTL"):
            shapes["graph"] = (len(WEIGHTS[name]["graph"]), 4)
        assert {key: value.shape for key, value in point.items()} == shapes
        assert shape_of(model, 4, 3) == problem_of(model, X, y, **data).shape


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("name", ["MTLasso", "L21MTL", "SRMTL"])
@pytest.mark.parametrize("max_iter", [1, 2, 5])
def test_the_elastic_net_dual_is_scaled_for_the_best(name, design, max_iter):
    """Where the quick scales do not do, no multiple of the dual point gives a better bound.

    The bisection leaves 2^-24 of the scale, and the bound is flat at the best: of second order in that.
    """
    model, X, y, data = make(name, design, tol=0.0, max_iter=max_iter)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y, **data)
    explicit, proof = Explicit(model, X, y, **data), model.certificate_
    theta = explicit.theta(proof.dual_point)
    best = max(explicit.dual(s * theta) for s in np.linspace(0.5, 1.5, 101))
    slack = explicit.slack(list(model.parts_.values())) + proof.rounding
    assert proof.dual >= best - slack - 2.0**-40 * explicit.at_zero()
