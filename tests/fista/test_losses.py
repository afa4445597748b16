"""Huber's loss and the logistic loss: from their definitions, against CVXPY, and in their limits."""

import warnings

import cvxpy as cp
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from fista import MultiTaskClassifier, MultiTaskRegressor
from fista.penalties import (
    L1,
    Blocks,
    ColumnL21,
    ExclusiveLasso,
    FusedTasks,
    InfimalConvolution,
    RowL21,
    SparseGroupLasso,
    TraceNorm,
)
from fista.pointwise import Huber, Logistic
from formulations.penalties import expression
from tests.fista.brackets import assert_same_minimum

EPS = np.finfo(float).eps
LOSSES = {"huber": Huber(0.8), "logistic": Logistic()}
EVERY = pytest.mark.parametrize("name", LOSSES)


# -- one prediction -------------------------------------------------------------------------------


def definition(name, y, z):
    """Phi in extended precision, by the textbook."""
    y, z = np.longdouble(y), np.longdouble(z)
    if name == "logistic":
        return np.log1p(np.exp(-abs(y * z))) + np.maximum(-y * z, 0)
    r, delta = abs(y - z), np.longdouble(0.8)
    return np.where(r <= delta, r * r / 2, delta * r - delta * delta / 2)


def points(name):
    rng = np.random.default_rng(0)
    z = np.concatenate([rng.normal(size=200) * 3, [0.0, 0.8, -0.8, 1e-9, 40.0, -40.0, 800.0, -800.0]])
    y = np.where(rng.random(z.size) < 0.5, 1.0, -1.0) if name == "logistic" else rng.normal(size=z.size)
    return y, z


@EVERY
def test_the_value_is_the_definition(name):
    y, z = points(name)
    exact = definition(name, y, z)
    # Both are sums of two terms that do not cancel, of a residual (or odds) that is right to eps.
    size = np.abs(exact) + np.abs(y - z) + 1
    assert np.all(np.abs(LOSSES[name].value(y, z) - exact) <= 8 * EPS * size)


@EVERY
def test_the_derivatives_are_those_of_the_value(name):
    """By differences of the definition: their error is h phi'' at most, plus rounding / h."""
    loss = LOSSES[name]
    y, z = points(name)
    h = np.longdouble(1e-8)
    slope = (definition(name, y, z + h) - definition(name, y, z - h)) / (2 * h)
    noise = np.finfo(np.longdouble).eps * (np.abs(definition(name, y, z)) + 1) / h
    assert np.all(np.abs(-loss.dual(y, z) - slope) <= h * loss.curvature + 4 * noise)
    away = np.abs(np.abs(y - z) - 0.8) > 1e-6 if name == "huber" else np.ones(z.shape, dtype=bool)
    rates = (loss.dual(y, z - 1e-6) - loss.dual(y, z + 1e-6)) / 2e-6
    # |phi'''| <= phi'' <= 1, so that the central difference errs by its step squared, and rounding.
    assert np.all(np.abs(loss.second(y, z) - rates)[away] <= 1e-12 + 4 * EPS / 1e-6 * (1 + np.abs(z[away])))
    assert np.all(loss.second(y, z) <= loss.curvature)


@EVERY
def test_the_dual_value_is_the_least_of_the_lagrangian(name):
    """d(y, tau) = inf_z phi(y, z) + tau z, by a search; and attained at z where tau = -phi'(z)."""
    loss = LOSSES[name]
    y, z = points(name)
    for a, b in zip(y, np.clip(z, -10, 10), strict=True):
        tau = loss.dual(a, b)
        d = float(loss.dual_value(a, tau))
        attained = float(definition(name, a, b) + np.longdouble(tau) * np.longdouble(b))
        assert abs(d - attained) <= 64 * EPS * (abs(a * tau) + abs(b) + 1)
        for s in (0.3, 0.9):
            found = minimize_scalar(lambda v, t=s * tau, u=a: float(definition(name, u, v) + t * v))
            d = float(loss.dual_value(a, s * tau))
            # From above, and by a search that is accurate to the square root of eps in z.
            assert d - 64 * EPS * (abs(a) + 10) <= found.fun <= d + 1e-12 * (1 + abs(d))


@EVERY
def test_the_rise_bounds_the_excess_over_the_tangent(name):
    loss = LOSSES[name]
    rng = np.random.default_rng(1)
    y, z = points(name)
    for size in (1e-12, 1e-6, 1e-3, 0.1, 1.0, 10.0, 1e3):
        step = size * rng.normal(size=z.size)
        rise = loss.rise(y, z, step)
        tangent = definition(name, y, z) - np.longdouble(loss.dual(y, z)) * step
        excess = 2 * (definition(name, y, z + np.longdouble(step)) - tangent)
        noise = 8 * np.finfo(np.longdouble).eps * (np.abs(tangent) + 1) + 4 * EPS * np.abs(step) * (
            1 + abs(z)
        )
        assert np.all(excess <= rise + noise)
        assert np.all(
            rise <= loss.curvature * step**2 * (1 + 8 * EPS) + 4 * EPS * np.abs(step) * (1 + abs(z))
        )


# -- whole problems, against CVXPY ----------------------------------------------------------------

D, T = 4, 3
PENALTIES = {
    "l1": L1(0.7),
    "rows": RowL21(0.9),
    "trace": TraceNorm(0.8),
    "exclusive": ExclusiveLasso(0.9),
    "parts": InfimalConvolution(RowL21(0.9), ColumnL21(1.1)),
}


def minimum(model, X, Y, weight, classes=None, *, at=cp.Variable):
    """CVXPY's minimum of the declared objective, on a shared design with weights N x T; F(0) at np.zeros."""
    penalty, n_parts = model.penalty, model.penalty.n_parts
    parts = [at((X.shape[1], Y.shape[1])) for _ in range(n_parts)]
    W, own = sum(parts[1:], start=parts[0]), parts if n_parts > 1 else parts[0]
    z = X @ W
    if model.fit_intercept:
        z = z + np.ones((len(X), 1)) @ cp.Variable((1, Y.shape[1]))
    if classes is None:
        rows = cp.huber(Y - z, model.delta)
    else:
        rows = cp.logistic(-cp.multiply(np.where(classes[1] == Y, 1.0, -1.0), z))
    value = cp.sum(cp.multiply(weight, rows)) + expression(penalty, own) + model.ridge * cp.sum_squares(W)
    value += sum(g**2 * cp.sum_squares(W[:, i] - W[:, j]) for i, j, g in model.graph or ())
    problem = cp.Problem(cp.Minimize(value))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem.solve(solver=cp.CLARABEL, **dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 1e-10))
    return problem.value


@st.composite
def cases(draw):
    """A shared design, weights (some of them 0, their rating missing), and the settings of a model."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    N = draw(st.integers(4, 14))
    X = rng.standard_normal((N, D)) * 10.0 ** rng.uniform(-0.5, 0.5, size=D)
    Z = X @ rng.standard_normal((D, T)) + rng.standard_normal((N, T))
    weight = rng.choice([0.0, 0.5, 1.0, 3.0], p=[0.1, 0.2, 0.6, 0.1], size=(N, T))
    name = draw(st.sampled_from(sorted(PENALTIES)))
    penalty = PENALTIES[name]
    shared = {
        "ridge": draw(st.sampled_from([0.0, 0.3])) if penalty.n_parts == 1 else 0.0,
        "graph": draw(st.sampled_from([None, [(0, 1, 0.8), (1, 2, 0.5)]])),
        "fit_intercept": draw(st.booleans()),
        "max_iter": 10**5,
    }
    return X, Z, weight, penalty, shared, rng


def check_bracket(model, *data):
    """The minimum is within 1e-7 F(0) of the lower of two: what CLARABEL finds, and the objective at our W.

    With outliers in Y CLARABEL has called answers optimal to 1e-10 that were 1e-6 above it.
    """
    parts = iter(model.parts_.values())
    proof, at_zero = model.certificate_, minimum(model, *data, at=np.zeros)
    ours = minimum(model, *data, at=lambda shape: next(parts))
    lowest = min(minimum(model, *data), ours)
    assert proof.converged
    assert abs(proof.primal - ours) <= proof.rounding + 1e-7 * at_zero
    assert proof.gap <= model.tol * at_zero * (1 + 1e-7) + proof.rounding
    assert proof.dual - proof.rounding <= lowest + 1e-7 * at_zero
    assert lowest <= proof.primal + proof.rounding + 1e-7 * at_zero


def compare_huber(case):
    X, Z, weight, penalty, shared, rng = case
    Y = np.where(rng.random(Z.shape) < 0.2, 30 * Z, Z)
    delta = float(rng.choice([0.1, 1.0, 5.0]))
    model = MultiTaskRegressor(penalty, loss="huber", delta=delta, **shared)
    weight[:2] = np.maximum(weight[:2], 0.5)
    model.fit(X, np.where(weight > 0, Y, np.nan), sample_weight=weight)
    check_bracket(model, X, Y, weight)


def compare_logistic(case):
    X, Z, weight, penalty, shared, _ = case
    labels = np.where(Z > 0, "yes", "no").astype(object)
    weight[:2] = np.maximum(weight[:2], 0.5)
    labels[0], labels[1] = "yes", "no"  # both classes in every task
    model = MultiTaskClassifier(penalty, **shared)
    model.fit(X, np.where(weight > 0, labels, None), sample_weight=weight)
    check_bracket(model, X, labels, weight, model.classes_)


@settings(max_examples=60)
@given(case=cases())
def test_huber_brackets_the_minimum_of_cvxpy(case):
    compare_huber(case)


@settings(max_examples=60)
@given(case=cases())
def test_logistic_brackets_the_minimum_of_cvxpy(case):
    compare_logistic(case)


@pytest.mark.deep
@settings(max_examples=1000, derandomize=False)
@given(case=cases())
def test_brackets_at_length(case):
    compare_huber(case)
    compare_logistic(case)


# -- the dual point is one ------------------------------------------------------------------------


def problem_data(seed, n=30):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, D)) + 0.5
    Z = X @ rng.standard_normal((D, T)) + rng.standard_normal((n, T)) - 1.0
    return X, Z, rng


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("per_task", [False, True])
@EVERY
def test_the_dual_point_proves_the_bound(name, per_task, intercept):
    """The dual objective at `dual_point`, by its definition, is the claimed bound; the point is feasible."""
    X, Z, rng = problem_data(3)
    alpha, edges, u = 1.3, [(0, 1, 0.8), (1, 2, 0.5)], rng.uniform(0.5, 2.0, size=len(X))
    if name == "huber":
        model, c = MultiTaskRegressor(L1(alpha), 0.0, edges, loss="huber", delta=0.7), 2.0
        Y = Z
    else:
        model, c = MultiTaskClassifier(L1(alpha), 0.0, edges), 1.0
        Y = np.where(Z > 0, 1.0, -1.0)
    model.set_params(fit_intercept=intercept, tol=1e-9)
    tasks = np.arange(len(X)) % T
    if per_task:
        targets = Y[np.arange(len(X)), tasks]
        model.fit(X, targets, tasks=tasks, sample_weight=u)
    else:
        targets = Y
        model.fit(X, Y, sample_weight=u)
    proof = model.certificate_
    omega = c * u if per_task else np.broadcast_to(c * u[:, None], Y.shape)
    tau = proof.dual_point["crowd"] / np.sqrt(omega)
    # The domain, as it was computed: a square root and a quotient, eps each, away from tau.
    if name == "huber":
        assert np.abs(tau).max() <= 0.7 * (1 + 4 * EPS)
        rows = targets * tau - tau**2 / 2
    else:
        q = np.clip(targets * tau, 0.0, 1.0)
        assert np.all((targets * tau >= 0) & (targets * tau <= 1 + 4 * EPS))
        rows = -np.sum([np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0.0) for p in (q, 1 - q)], axis=0)
    graph = proof.dual_point["graph"]
    weighted = omega * tau
    if per_task:
        G = np.stack([X[tasks == t].T @ weighted[tasks == t] for t in range(T)], axis=1)
        sums = np.bincount(tasks, weighted)
    else:
        G, sums = X.T @ weighted, weighted.sum(axis=0)
    for (i, j, g), row in zip(edges, graph, strict=True):
        G[:, i] += np.sqrt(2) * g * row
        G[:, j] -= np.sqrt(2) * g * row
    room = len(X) * 4 * EPS * np.abs(weighted).sum()
    if intercept:
        assert np.all(np.abs(sums) <= room)
    assert np.abs(G).max() <= alpha * (1 + 1e-12) + room * np.abs(X).max()
    dual = float(np.sum(omega * rows)) - 0.5 * float(np.sum(graph**2))
    assert abs(dual - proof.dual) <= proof.rounding + room * (1 + np.abs(targets).max())
    assert proof.gap <= 1e-9 * proof.gap / proof.relative_gap + proof.rounding


# -- limits and symmetries ------------------------------------------------------------------------


def overlap(one, other):
    """Two answers to one problem: their brackets overlap, and both are narrow."""
    assert_same_minimum(one.certificate_, other.certificate_)


@pytest.mark.parametrize("intercept", [False, True])
def test_a_large_delta_is_squares(intercept):
    X, Y, _ = problem_data(4)
    shared = {"fit_intercept": intercept, "tol": 1e-10}
    squares = MultiTaskRegressor(RowL21(2.0), 0.1, "chain", **shared).fit(X, Y)
    huber = MultiTaskRegressor(RowL21(2.0), 0.1, "chain", loss="huber", delta=1e6, **shared).fit(X, Y)
    overlap(squares, huber)
    # F is 2 (0.1)-strongly convex in W.
    bound = sum(np.sqrt((m.certificate_.gap + m.certificate_.rounding) / 0.1) for m in (squares, huber))
    assert np.linalg.norm(squares.coef_ - huber.coef_) <= bound <= 1e-3


@pytest.mark.parametrize("intercept", [False, True])
@EVERY
def test_a_weight_is_a_repetition_and_units_do_not_matter(name, intercept):
    X, Z, rng = problem_data(5)
    repeats = rng.integers(0, 4, size=len(X))
    repeats[:2] = 1
    Y = Z if name == "huber" else (Z.mean() < Z).astype(int)
    model = (
        MultiTaskRegressor(RowL21(2.0), loss="huber") if name == "huber" else MultiTaskClassifier(RowL21(2.0))
    )
    model.set_params(fit_intercept=intercept, tol=1e-9)
    weighted = clone(model).fit(X, Y, sample_weight=repeats)
    overlap(weighted, clone(model).fit(np.repeat(X, repeats, axis=0), np.repeat(Y, repeats, axis=0)))
    # In other units of X the weight is another: alpha ||W|| is the same for 8 X, 8 alpha and W / 8.
    overlap(weighted, clone(model).set_params(penalty__alpha=16.0).fit(8 * X, Y, sample_weight=repeats))
    overlap(weighted, clone(model).fit(sp.csr_array(X), Y, sample_weight=repeats))
    order = rng.permutation(len(X))
    overlap(weighted, clone(model).fit(X[order], Y[order], sample_weight=repeats[order]))
    tasks = np.repeat(np.arange(T), len(X))
    stacked = clone(model).fit(
        np.tile(X, (T, 1)), Y.T.ravel(), tasks=tasks, sample_weight=np.tile(repeats, T)
    )
    overlap(weighted, stacked)


def test_a_constant_moves_the_intercept_of_huber_and_nothing_else():
    X, Y, _ = problem_data(6)
    model = MultiTaskRegressor(RowL21(2.0), 0.5, loss="huber", fit_intercept=True, tol=1e-12)
    one, other = clone(model).fit(X, Y), clone(model).fit(X + 64.0, Y + 1024.0)
    # 2 (0.5)-strongly convex; the second problem's data are rounded by eps 1024 a row, and with them F.
    moved = len(X) * T * 2 * model.delta * EPS * 1024 * 4
    gaps = [m.certificate_.gap + m.certificate_.rounding + moved for m in (one, other)]
    assert np.linalg.norm(one.coef_ - other.coef_) <= sum(np.sqrt(g / 0.5) for g in gaps) <= 1e-3


def test_outliers_hardly_matter():
    """Far beyond delta an outlier pulls no more for being farther."""
    X, Y, _ = problem_data(7)
    far, farther = Y.copy(), Y.copy()
    far[0, 0], farther[0, 0] = 1e3, 1e6
    model = MultiTaskRegressor(RowL21(2.0), 0.5, loss="huber", tol=1e-12)
    one, other = clone(model).fit(X, far), clone(model).fit(X, farther)
    gaps = [m.certificate_.gap + m.certificate_.rounding for m in (one, other)]
    assert np.linalg.norm(one.coef_ - other.coef_) <= sum(np.sqrt(g / 0.5) for g in gaps)


def test_the_classes_are_symmetric():
    X, Z, _ = problem_data(8)
    model = MultiTaskClassifier(L1(1.0), 0.5, fit_intercept=True, tol=1e-12)
    one, other = clone(model).fit(X, Z > 0), clone(model).fit(X, Z <= 0)
    overlap(one, other)
    gaps = [m.certificate_.gap + m.certificate_.rounding for m in (one, other)]
    assert np.linalg.norm(one.coef_ + other.coef_) <= sum(np.sqrt(g / 0.5) for g in gaps) <= 1e-3
    np.testing.assert_array_equal(one.predict(X), ~other.predict(X))


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize(("l1", "ridge"), [(0.5, 0.0), (0.0, 0.5)])
def test_scikit_learns_logistic_regression(l1, ridge, intercept):
    """Its answer is no better than the bound, and ours no worse than its answer, in the objective of both."""
    X, Z, _ = problem_data(9)
    for column in Z.T:
        y = column > column.mean()
        ours = MultiTaskClassifier(L1(l1), ridge, fit_intercept=intercept, tol=1e-8).fit(X, y)
        settings = {"l1_ratio": 1, "solver": "saga", "C": 2.0} if l1 else {"l1_ratio": 0, "C": 1.0}
        theirs = LogisticRegression(fit_intercept=intercept, tol=1e-10, max_iter=10**6, **settings).fit(X, y)
        w, c = theirs.coef_.ravel(), float(theirs.intercept_[0]) if intercept else 0.0
        s = np.where(y, 1.0, -1.0)
        value = float(np.sum(np.log1p(np.exp(-s * (X @ w + c)))) + l1 * np.abs(w).sum() + ridge * w @ w)
        proof = ours.certificate_
        assert proof.converged
        assert proof.dual - proof.rounding <= value
        # saga and lbfgs stop on small gradients, 1e-10: what is left is of the second order.
        assert proof.primal <= value + proof.gap + proof.rounding


# -- settings, and what is refused ----------------------------------------------------------------


def test_zero_is_optimal_from_lambda_max_on():
    X, Z, _ = problem_data(10)
    for model, y in (
        (MultiTaskRegressor(RowL21(1.0), loss="huber", fit_intercept=True), Z),
        (MultiTaskClassifier(RowL21(1.0), fit_intercept=True), Z > 0),
    ):
        factor = model.lambda_max(X, y)
        assert not clone(model).set_params(penalty__alpha=factor * (1 + 1e-9)).fit(X, y).coef_.any()
        assert clone(model).set_params(penalty__alpha=0.9 * factor).fit(X, y).coef_.any()


@EVERY
def test_unpenalised_coefficients_have_no_certificate_and_say_so(name):
    X, Z, _ = problem_data(11)
    model = MultiTaskRegressor(L1(0.0), loss="huber") if name == "huber" else MultiTaskClassifier(L1(0.0))
    with pytest.warns(ConvergenceWarning, match="unpenalised coefficients"):
        model.set_params(max_iter=20).fit(X, Z if name == "huber" else Z > 0)
    assert model.certificate_.gap == np.inf
    assert (
        model.set_params(ridge=0.1, max_iter=10_000)
        .fit(X, Z if name == "huber" else Z > 0)
        .certificate_.converged
    )


def test_huge_and_separable_data():
    rng = np.random.default_rng(12)
    X = rng.standard_normal((20, D))
    for scale in (1e-6, 1.0, 1e6):
        y = X[:, 0] > 0
        model = MultiTaskClassifier(L1(0.1 * scale), fit_intercept=True).fit(scale * X, y)
        assert model.certificate_.converged
        assert model.score(scale * X, y) == 1.0
        proba = model.predict_proba(scale * X)
        np.testing.assert_array_less(np.abs(proba.sum(axis=1) - 1), 4 * EPS)


def test_layouts_of_predictions():
    X, Z, _ = problem_data(13)
    labels = np.where(Z > 0, "yes", "no")
    shared = MultiTaskClassifier(L1(0.5)).fit(X, labels)
    assert shared.classes_.tolist() == ["no", "yes"]
    assert shared.predict(X).shape == labels.shape == shared.decision_function(X).shape
    assert shared.predict_proba(X).shape == labels.shape
    assert shared.score(X, labels) == np.mean(shared.predict(X) == labels)
    tasks = np.array(["a", "b", "c"])[np.arange(len(X)) % T]
    y = labels[np.arange(len(X)), np.arange(len(X)) % T]
    single = MultiTaskClassifier(L1(0.5)).fit(X, y, tasks=tasks)
    assert single.predict(X).shape == (len(X), T)
    assert single.predict(X, tasks=tasks).shape == y.shape
    assert single.predict_proba(X, tasks=tasks).shape == (len(X), 2)
    assert single.score(X, y, tasks=tasks) == np.mean(single.predict(X, tasks=tasks) == y)
    np.testing.assert_array_equal(
        single.predict_proba(X, tasks=tasks)[:, 1] > 0.5, single.predict(X, tasks=tasks) == "yes"
    )


def test_missing_labels():
    X, Z, _ = problem_data(14)
    labels = np.where(Z > 0, 1.0, 0.0)
    weight = np.ones_like(labels)
    weight[3:9, 1] = 0
    gone = np.where(weight > 0, labels, np.nan)
    one = MultiTaskClassifier(L1(0.5)).fit(X, gone, sample_weight=weight)
    other = MultiTaskClassifier(L1(0.5)).fit(X, labels, sample_weight=weight)
    np.testing.assert_array_equal(one.coef_, other.coef_)
    assert one.score(X, gone, sample_weight=weight) == other.score(X, labels, sample_weight=weight)


def test_grid_search_over_a_penalty():
    X, Z, _ = problem_data(15)
    search = GridSearchCV(MultiTaskClassifier(RowL21(1.0)), {"penalty__alpha": [0.5, 50.0]}, cv=3)
    search.fit(X, Z[:, 0] > 0)
    assert search.best_params_ == {"penalty__alpha": 0.5}


NOTHING = {
    "l1": L1(np.zeros(1)),
    "rows": RowL21(np.zeros(D)),
    "one task": FusedTasks(1.0),
    "groups": SparseGroupLasso([[0, 1], [2, 3]], 0.0, 1.0, [0.0, 0.0]),
    "blocks": Blocks([[0, 1], [2, 3]], [L1(np.zeros(1)), L1(0.0)]),
}


@pytest.mark.parametrize("penalty", NOTHING)
@pytest.mark.parametrize("name", [*LOSSES, "squared"])
def test_a_penalty_of_nothing_leaves_the_ridge(name, penalty):
    """A polar that does not see what is free must not let W = 0 pass for optimal."""
    X, Z, _ = problem_data(16)
    y = Z[:, 0] if name != "logistic" else Z[:, 0] > 0
    kind = MultiTaskClassifier if name == "logistic" else MultiTaskRegressor
    settings = {"loss": name} if name != "logistic" else {}
    one, other = (kind(p, 1.0, tol=1e-9, **settings).fit(X, y) for p in (NOTHING[penalty], L1(0.0)))
    overlap(one, other)
    assert one.coef_.any()


def test_one_outlier_costs_no_digits_of_the_others():
    """The intercept is measured from the median: a rating of 1e10 does not blur those of size 1."""
    rng = np.random.default_rng(17)
    X = rng.standard_normal((30, D))
    y = X @ [1.0, -2.0, 0.0, 0.5] + 0.01 * rng.standard_normal(30)
    for outlier in (1e8, 1e12):
        y[0] = outlier
        model = MultiTaskRegressor(L1(1e-3), loss="huber", delta=0.1, fit_intercept=True, tol=1e-9).fit(X, y)
        assert model.certificate_.converged
        assert np.abs(model.coef_ - [[1.0, -2.0, 0.0, 0.5]]).max() < 0.1
        assert abs(model.intercept_) < 0.1


def test_both_classes_are_told_by_labels_not_by_sums():
    rng = np.random.default_rng(18)
    X, y = rng.standard_normal((1000, D)), np.ones((1000, 2))
    y[:, 1] = -1.0
    with pytest.raises(ValueError, match="one class only in task 0"):
        MultiTaskClassifier(fit_intercept=True).fit(X, y, sample_weight=np.full(1000, 0.1))
    y = np.where(np.arange(1000) % 2, 1.0, -1.0)
    model = MultiTaskClassifier(fit_intercept=True).fit(X, y, sample_weight=np.where(y > 0, 1e-10, 1.0))
    assert model.certificate_.relative_gap <= 1e-6 + model.certificate_.rounding


def test_what_rounding_blurs_is_not_certified():
    """With weights of 1e-16 for one class F(0) is lost in the rounding of the other."""
    rng = np.random.default_rng(19)
    X, y = rng.standard_normal((40, D)), np.where(np.arange(40) % 2, 1.0, -1.0)
    model = MultiTaskClassifier(L1(1e-3), fit_intercept=True, max_iter=50)
    with pytest.warns(ConvergenceWarning, match="rounding is more than a thousandth"):
        model.fit(X, y, sample_weight=np.where(y > 0, 1e-16, 1.0))
    assert not model.certificate_.converged


def test_a_failed_fit_leaves_nothing_behind():
    model = MultiTaskClassifier()
    with pytest.raises(ValueError, match="X"):
        model.fit([[np.nan], [1.0]], [0, 1])
    assert not [name for name in vars(model) if name.startswith("_classes")]


X0, Y0 = np.eye(4), np.array([0, 1, 0, 1])
WRONG = {
    "loss: found 'absolute'": lambda: MultiTaskRegressor(loss="absolute").fit(X0, Y0),
    "delta: found 0": lambda: MultiTaskRegressor(loss="huber", delta=0).fit(X0, Y0),
    "delta: found 'a'": lambda: MultiTaskRegressor(loss="huber", delta="a").fit(X0, Y0),
    "delta: found nan": lambda: MultiTaskRegressor(loss="huber", delta=float("nan")).fit(X0, Y0),
    r"y: found 3 classes, \[0, 1, 2\]": lambda: MultiTaskClassifier().fit(X0, [0, 1, 2, 1]),
    r"y: found 1 class, \[1\]": lambda: MultiTaskClassifier().fit(X0, [1, 1, 1, 1]),
    "y: found None": lambda: MultiTaskClassifier().fit(X0, None),
    "one class only in task 1": lambda: MultiTaskClassifier(fit_intercept=True).fit(
        X0, np.column_stack([Y0, np.ones(4, int)])
    ),
    "y: found NaN where sample_weight is not 0": lambda: MultiTaskClassifier().fit(X0, [0, 1, np.nan, 1]),
    "y: found the class 2": lambda: MultiTaskClassifier().fit(X0, Y0).score(X0, [0, 1, 2, 1]),
    "tasks: found None for a model that was fitted with tasks": lambda: (
        MultiTaskClassifier().fit(X0, Y0, tasks=[0, 0, 1, 1]).score(X0, Y0)
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_calls(message):
    with pytest.raises(ValueError, match=message):
        WRONG[message]()


# The equivalence of weights and repetitions is asked to 1e-7: predictions that differ by less take a gap of
# about its square, and a strongly convex objective.
@parametrize_with_checks(
    [
        MultiTaskRegressor(loss="huber"),
        MultiTaskRegressor(RowL21(0.5), ridge=1.0, loss="huber", fit_intercept=True, tol=1e-14),
        MultiTaskClassifier(),
        MultiTaskClassifier(RowL21(0.5), ridge=0.1, fit_intercept=True),
    ]
)
def test_check_estimator(estimator, check):
    check(estimator)
