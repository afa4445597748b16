"""The generic oracles: any loss, any declared penalty; their values, bounds and manners."""

import pickle

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

import formulations
from fista.penalties import L1, ColumnL21, InfimalConvolution, RowL1Linf, RowL21, TraceNorm
from formulations import MultiTaskClassifier, MultiTaskRegressor, conjugates, declare, losses
from formulations.conjugates import TRUSTED, dual_of
from tests.formulations.generic_problems import (
    DESIGNS,
    EDGES,
    LOSSES,
    PENALTIES,
    D,
    Own,
    T,
    estimator,
    problem,
    smooth_part,
    variation,
)

rng = np.random.default_rng(0)


@parametrize_with_checks(
    [
        MultiTaskRegressor(),
        MultiTaskRegressor(RowL1Linf(0.5), ridge=0.3, loss="huber", fit_intercept=True),
        MultiTaskClassifier(),
        MultiTaskClassifier(RowL21(0.5), ridge=0.1, fit_intercept=True),
    ]
)
def test_check_estimator(estimator, check):
    check(estimator)


# -- values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_objective_is_what_numpy_says(loss, design, intercept):
    model = estimator(loss, RowL21(0.7), ridge=0.3, graph=EDGES, fit_intercept=intercept)
    data = problem(loss, design)
    d = declare(model, **data)
    for seed in range(5):
        W = np.random.default_rng(seed).standard_normal((D, T))
        c = np.arange(1.0, 4.0) if intercept else np.zeros(T)
        expected = smooth_part(model, data, W, c) + 0.7 * np.linalg.norm(W, axis=1).sum()
        assert abs(d.primal({"W": W}, c) - expected) <= 2 * d.rounding({"W": W}, c)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_best_intercept_is_the_best(loss):
    data = problem(loss)
    d = declare(estimator(loss, RowL21(0.7), fit_intercept=True), **data)
    W = {"W": rng.standard_normal((D, T))}
    best = d.best_intercept(W)
    for step in (1e-3, 1.0):
        for t in range(T):
            for sign in (-1, 1):
                other = best.copy()
                other[t] += sign * step
                assert d.primal(W) < d.primal(W, other)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("loss", ["huber", "logistic"])
def test_the_smooth_ridge_case_is_what_scipy_finds(loss, design):
    """No penalty but a ridge: scipy's gradient method minimises the NumPy expression."""
    zero = Own(lambda W: 0.0 * cp.sum(cp.abs(W)))
    model = estimator(loss, zero, ridge=0.4, graph=EDGES, fit_intercept=True)
    data = problem(loss, design)
    model.fit(**data)
    start = np.zeros((D + 1) * T)

    def value(w):
        return smooth_part(model, data, w[T:].reshape(D, T), w[:T])

    found = minimize(value, start, method="BFGS", options={"gtol": 1e-6})
    certificate, d = model.certificate_, declare(model, **data)
    rounding = d.rounding(model.parts_, model.intercept_)
    assert certificate.converged
    assert certificate.dual - rounding <= found.fun
    # scipy's point is a point like any other: the oracle's is no worse, but for its certified gap.
    assert value(np.r_[model.intercept_, model.parts_["W"].ravel()]) <= found.fun + certificate.gap + rounding


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            {"penalty": L1(1 / 0.7)},
            {"C": 0.7, "l1_ratio": 1.0, "solver": "liblinear", "fit_intercept": False},
        ),
        (
            {"penalty": L1(1 / 0.7), "fit_intercept": True},
            {"C": 0.7, "l1_ratio": 1.0, "solver": "saga", "max_iter": 100_000},
        ),
        (
            {"penalty": L1(0.0), "ridge": 1 / 1.4, "fit_intercept": True},
            {"C": 0.7, "solver": "lbfgs", "max_iter": 10_000},
        ),
    ],
)
def test_logistic_regression_of_scikit_learn(ours, theirs):
    """Each is a point of the other's problem: neither may be below the bound, ours not above theirs."""
    X = rng.standard_normal((60, D))
    y = np.where(X @ [1.0, -2.0, 0.0, 0.5] + rng.standard_normal(60) > 0.3, "yes", "no")
    model = MultiTaskClassifier(**ours).fit(X, y)
    other = LogisticRegression(tol=1e-12, **theirs).fit(X, y)
    d, certificate = declare(model, X, y), model.certificate_
    rounding = d.rounding(model.parts_, model.intercept_)
    assert certificate.converged
    value = d.primal({"W": other.coef_.T}, other.intercept_ if model.fit_intercept else None)
    assert certificate.dual - rounding <= value
    assert certificate.primal <= value + certificate.gap + rounding
    s = np.where(y == "yes", 1, -1)
    margin = s * (X @ other.coef_[0] + other.intercept_)
    plain = np.log1p(np.exp(-margin)).sum() + d.ridge * np.sum(other.coef_**2)
    plain += ours["penalty"].alpha * np.abs(other.coef_).sum()
    assert abs(plain - value) <= 2 * rounding
    np.testing.assert_array_equal(model.classes_, other.classes_)
    np.testing.assert_array_equal(model.predict(X), other.predict(X))


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("design", DESIGNS)
def test_with_squares_it_is_the_seven(design, intercept):
    data = problem("squared", design)
    seven = formulations
    pairs = [
        (seven.MTLasso(0.7, 0.3), {"penalty": L1(0.7), "ridge": 0.3}),
        (seven.L21MTL(0.7, 0.0), {"penalty": RowL21(0.7)}),
        (seven.DirtyMTL(0.7, 0.5), {"penalty": InfimalConvolution(RowL1Linf(0.7), L1(0.5))}),
        (seven.RobustMTL(0.7, 0.5), {"penalty": InfimalConvolution(RowL21(0.7), ColumnL21(0.5))}),
        (
            seven.SRMTL(4.0, 0.5, 0.3, graph="chain"),
            {"penalty": L1(0.5), "ridge": 0.3, "graph": [(0, 1, 2.0), (1, 2, 2.0)]},
        ),
    ]
    for one, arguments in pairs:
        other = MultiTaskRegressor(**arguments, fit_intercept=intercept).fit(**data)
        one.set_params(fit_intercept=intercept).fit(**data)
        known, posed = declare(one, **data), declare(other, **data)
        parts = dict(zip(posed.parts, one.parts_.values(), strict=True))
        room = known.rounding(one.parts_) + posed.rounding(parts)
        assert abs(known.primal(one.parts_) - posed.primal(parts)) <= room
        assert abs(known.at_zero - posed.at_zero) <= room
        np.testing.assert_array_equal(known.image(one.parts_), posed.image(parts))
        assert one.certificate_.converged
        assert other.certificate_.converged
        assert one.certificate_.dual <= other.certificate_.primal + room
        assert other.certificate_.dual <= one.certificate_.primal + room
        # One dual point, two evaluations: ours may be lower by what it subtracts for trusting CVXPY.
        theta = one.certificate_.dual_point
        slack = posed.slack(parts)
        assert abs(known.dual(theta).value - posed.dual(theta).value) <= slack + room


@pytest.mark.parametrize("delta", [1e3, 1e12])
def test_a_large_delta_is_squares(delta):
    data = problem("squared")
    one = MultiTaskRegressor(RowL21(0.7), loss="huber", delta=delta).fit(**data)
    other = MultiTaskRegressor(RowL21(0.7)).fit(**data)
    d = declare(other, **data)
    room = 2 * d.rounding(other.parts_)
    assert one.certificate_.converged
    assert one.certificate_.dual <= other.certificate_.primal + room
    assert other.certificate_.dual <= one.certificate_.primal + room


@pytest.mark.parametrize("size", [1e-6, 1e6])
@pytest.mark.parametrize("loss", ["squared", "huber"])
def test_units_do_not_matter_to_a_norm(loss, size):
    """y, delta and the penalty times a factor: the coefficients are, and the certificate is as good."""
    data = problem(loss)
    alike = MultiTaskRegressor(TraceNorm(0.7), loss=loss, delta=0.8).fit(**data)
    scaled = data | {"y": size * data["y"]}
    model = MultiTaskRegressor(TraceNorm(0.7 * size), loss=loss, delta=0.8 * size).fit(**scaled)
    assert model.certificate_.converged
    assert alike.certificate_.dual * size**2 <= model.certificate_.primal * (1 + 1e-12)
    assert model.certificate_.dual <= alike.certificate_.primal * size**2 * (1 + 1e-12)


# -- bounds ----------------------------------------------------------------------------------------


def gap_of(d, model):
    """What the oracle's own multipliers and the slopes at its coefficients prove, each by itself."""
    thetas = (model.multipliers_, d.residual_theta(model.parts_, model.intercept_))
    return [model.certificate_.primal - d.dual(theta).value for theta in thetas]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", PENALTIES)
def test_bounds_are_tight_at_the_optimum(name, loss):
    for ridge, graph, intercept in [(0.0, None, False), (0.3, None, True), (0.0, EDGES, True)]:
        model = estimator(loss, PENALTIES[name], ridge=ridge, graph=graph, fit_intercept=intercept)
        data = problem(loss)
        model.fit(**data)
        d = declare(model, **data)
        rounding = d.rounding(model.parts_, model.intercept_)
        assert model.certificate_.converged
        gaps = gap_of(d, model)
        assert -rounding <= min(gaps) <= 1e-6 * d.at_zero + rounding


def assert_true_bounds(loss, name, design, seed, intercept, ridge, graph):
    """No dual point gives a bound above the value that the oracle reached."""
    model = estimator(loss, PENALTIES[name], ridge=ridge, graph=graph, fit_intercept=intercept)
    data = problem(loss, design, seed, n=8)
    model.fit(**data)
    d = declare(model, **data)
    rounding, r = d.rounding(model.parts_, model.intercept_), np.random.default_rng(seed)
    own = d.residual_theta(model.parts_, model.intercept_)
    elsewhere = {part: r.standard_normal((D, T)) for part in d.parts}
    thetas = [own, d.residual_theta(elsewhere), {k: 3 * v for k, v in own.items()}]
    thetas.append(d.residual_theta({part: 0 * W for part, W in elsewhere.items()}))
    # What would be best without the domain of a loss, and without an intercept.
    for other in ({"loss": "squared"}, {"fit_intercept": False}):
        if loss == "huber" or "loss" not in other:
            thetas.append(clone(model).set_params(**other).fit(**data).multipliers_)
    thetas += [{k: v + size * r.standard_normal(v.shape) for k, v in own.items()} for size in (1e-3, 1.0)]
    for theta in thetas:
        bound = d.dual(theta)
        assert bound.value <= model.certificate_.primal + rounding, (loss, name, bound.reason)
        assert {k: v.shape for k, v in bound.theta.items()} == {k: v.shape for k, v in own.items()}


arguments = {
    "loss": st.sampled_from(LOSSES),
    "name": st.sampled_from(sorted(PENALTIES)),
    "design": st.sampled_from(DESIGNS),
    "seed": st.integers(0, 10**6),
    "intercept": st.booleans(),
    "ridge": st.sampled_from([0.0, 1e-3, 0.5]),
    "graph": st.sampled_from([None, EDGES]),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # of separable labels
@settings(max_examples=60)
@given(**arguments)
def test_a_bound_is_true_at_any_theta(**case):
    assert_true_bounds(**case)


@pytest.mark.deep
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@settings(max_examples=2000, derandomize=False)
@given(**arguments)
def test_a_bound_is_true_at_any_theta_at_length(**case):
    assert_true_bounds(**case)


def too_much(genuine):
    return lambda self, *given: 1.2 * genuine(self, *given)


def outside(self, tau, y):
    return tau


def unlimited(self, tau, y):
    return y * tau - tau**2 / 2


def first(genuine):
    return lambda self, G, *rest: (0.8 * genuine(self, G, *rest)[0], genuine(self, G, *rest)[1])


FAULTS = {
    "d of squares": ("squared", "rows", losses.Squared, {"dual": lambda self, tau, y: y * tau - tau**2 / 3}),
    "d of the logistic loss": ("logistic", "rows", losses.Logistic, {"dual": too_much(losses.Logistic.dual)}),
    "tau beyond delta": ("huber", "L1", losses.Huber, {"into_domain": outside, "dual": unlimited}),
    "a smaller polar": (
        "squared",
        "trace",
        conjugates.PenaltyDual,
        {"polar": lambda self, *given, genuine=conjugates.PenaltyDual.polar: 0.8 * genuine(self, *given)},
    ),
    "a smaller conjugate": (
        "huber",
        "exclusive",
        conjugates.PenaltyDual,
        {"conjugate": first(conjugates.PenaltyDual.conjugate)},
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_bound_is_caught(fault, monkeypatch):
    loss, name, cls, wrong = FAULTS[fault]
    conjugates._compiled.cache_clear()
    for attribute, value in wrong.items():
        monkeypatch.setattr(cls, attribute, value)
    with pytest.raises(AssertionError):
        assert_true_bounds(loss, name, "shared", 0, False, 0.0, None)
    conjugates._compiled.cache_clear()


@pytest.mark.parametrize("forgotten", [False, True])
def test_what_is_unseen_must_be_orthogonal(forgotten, monkeypatch):
    """The dual point of W whose tasks sum to zero is none of all W, which the variation does not see."""
    data, model = problem("squared", n=8), MultiTaskRegressor(Own(variation))
    within = Own(lambda W: variation(W) + 1e3 * cp.sum(cp.abs(cp.sum(W, axis=1))))
    theta = MultiTaskRegressor(within).fit(**data).multipliers_
    best = model.fit(**data).certificate_.primal
    conjugates._compiled.cache_clear()
    if forgotten:
        monkeypatch.setattr(conjugates.PenaltyDual, "_seen", lambda self, G: True)
        monkeypatch.setattr(conjugates.PenaltyDual, "all_unseen", np.zeros((D * T, 0)))
    d = declare(model, **data)
    assert (d.dual(theta).value > best + d.rounding(model.parts_)) == forgotten
    conjugates._compiled.cache_clear()


def test_an_intercept_that_is_forgotten_is_caught(monkeypatch):
    monkeypatch.setattr(formulations.Posed, "_moved", lambda self, vector: vector)
    with pytest.raises(AssertionError):
        assert_true_bounds("squared", "rows", "shared", 0, True, 0.0, None)


# -- the penalty's side ----------------------------------------------------------------------------


def test_polars_are_those_known_in_closed_form():
    """Above them by what CVXPY is trusted to, and never below."""
    known = {
        "L1": lambda G: np.abs(G).max() / 0.7,
        "rows": lambda G: np.linalg.norm(G, axis=1).max() / 0.7,
        "maxima": lambda G: np.abs(G).sum(axis=1).max() / 0.7,
        "trace": lambda G: np.linalg.norm(G, 2) / 0.7,
        "non-negative": lambda G: max(G.max(), 0) / 0.7,
    }
    for name, polar in known.items():
        dual = dual_of(PENALTIES[name], D, T)
        assert dual.is_norm
        for size in (1e-5, 1.0, 1e5):
            G = size * rng.standard_normal((D, T))
            assert polar(G) <= dual.polar(G) <= polar(G) * (1 + 2 * TRUSTED)
            E = 1e-6 * size * rng.uniform(size=(D, T))
            for _ in range(10):
                assert polar(G + rng.choice([-1, 1], E.shape) * E) <= dual.polar(G, E)


def test_conjugates_are_those_known_in_closed_form():
    G, nothing = rng.standard_normal((D, T)), np.zeros((D, T))
    exclusive = np.square(np.abs(G).max(axis=1)).sum() / (2 * 0.7)
    box = np.maximum(-0.3 * G, 0.5 * G).sum()
    for name, known in (("exclusive", exclusive), ("box", box)):
        dual = dual_of(PENALTIES[name], D, T)
        assert not dual.is_norm
        # Of the value and of <G, W>, which is at most twice the value here; and G is stretched.
        assert known <= dual.conjugate(G, nothing)[0] <= known * (1 + 6 * TRUSTED)
    beyond = np.square(np.maximum(np.abs(3 * G) - 0.7, 0)).sum() / (4 * 0.5)
    found = dual_of(L1(0.7), D, T).conjugate(3 * G, nothing, ridge=0.5)[0]
    product = np.sum(np.abs(3 * G) * np.maximum(np.abs(3 * G) - 0.7, 0)) / (2 * 0.5)
    assert beyond <= found <= beyond + 2 * TRUSTED * (beyond + product)


def test_a_conjugate_that_is_zero_has_a_bound():
    """W = 0 attains it, whose own size is none to measure it by."""
    elastic = Own(lambda W: 0.7 * cp.norm1(W) + 0.2 * cp.sum_squares(W))
    nothing = np.zeros((D, T))
    for size in (0.6, 1e-3):
        G = size * rng.uniform(-1, 1, (D, T))
        assert 0 <= dual_of(elastic, D, T).conjugate(G, nothing)[0] <= 2 * TRUSTED * size


@pytest.mark.parametrize(
    ("penalty", "dimension"),
    [
        (L1(1.0), 0),
        (L1(np.array([0.0, 1.0, 0.0])), 2 * D),
        (Own(variation), D),
        (Own(lambda W: cp.norm(W[0], 2)), (D - 1) * T),
        (Own(lambda W: cp.sum_squares(W[:, 0] - W[:, 1])), D * T - D),
        (Own(lambda W: cp.sum(cp.pos(W))), 0),
    ],
)
def test_what_a_penalty_does_not_see(penalty, dimension):
    dual = dual_of(penalty, D, T)
    basis = dual.all_unseen
    assert basis.shape == (D * T, dimension)
    np.testing.assert_allclose(basis.T @ basis, np.eye(dimension), atol=1e-14 * D * T)
    for n in basis.T:
        W = rng.standard_normal((D, T))
        # Derivatives are right to some digits: 1e-10 of the size, see `PenaltyDual.unseen`.
        assert abs(dual.value([W + n.reshape(D, T)]) - dual.value([W])) <= 1e-9 * dual.value([W])


def test_equal_penalties_are_compiled_once():
    assert dual_of(L1(0.25), D, T) is dual_of(L1(0.25), D, T)
    assert dual_of(L1(0.25), D, T) is not dual_of(L1(0.5), D, T)
    penalty = L1(0.25)
    known = dual_of(penalty, D, T)
    penalty.set_params(alpha=0.5)
    assert known.polar(np.ones((D, T))) > 3.9
    assert dual_of(penalty, D, T).polar(np.ones((D, T))) < 2.1


def test_a_one_sided_penalty_has_no_bound_but_on_its_side_and_says_why():
    data, penalty = problem("squared"), Own(lambda W: cp.sum(cp.pos(W)))
    d = declare(MultiTaskRegressor(penalty), **data)
    bound = d.dual(d.residual_theta({"W": np.zeros((D, T))}))  # of gradients of both signs
    assert bound.value == -np.inf
    assert "polar is inf" in bound.reason
    assert MultiTaskRegressor(penalty, ridge=0.1).fit(**data).certificate_.converged


def test_lambda_max():
    data = problem("logistic")
    model = MultiTaskClassifier(TraceNorm(1.0), fit_intercept=True)
    factor = model.lambda_max(**data)
    assert not MultiTaskClassifier(TraceNorm(factor * 1.001), fit_intercept=True).fit(**data).coef_.any()
    assert MultiTaskClassifier(TraceNorm(factor * 0.9), fit_intercept=True).fit(**data).coef_.any()
    assert MultiTaskRegressor(Own(variation)).lambda_max(**problem("squared")) == np.inf
    with pytest.raises(TypeError, match="expected a norm"):
        MultiTaskRegressor(PENALTIES["exclusive"]).lambda_max(**problem("squared"))


# -- classification --------------------------------------------------------------------------------


def test_labels_are_common_to_all_tasks():
    X = rng.standard_normal((30, 2))
    Y = np.where(X @ rng.standard_normal((2, 2)) > 0, "b", "a").astype(object)
    weight = np.ones(Y.shape)
    Y[3, 1], weight[3, 1] = "whatever", 0.0
    Y[4, 0], weight[4, 0] = None, 0.0
    model = MultiTaskClassifier(RowL21(0.5)).fit(X, Y, sample_weight=weight)
    assert model.classes_.tolist() == ["a", "b"]
    assert (
        model.predict(X).shape == model.decision_function(X).shape == model.predict_proba(X).shape == (30, 2)
    )
    np.testing.assert_array_equal(model.predict(X) == "b", model.predict_proba(X) > 0.5)
    right = (model.predict(X) == Y)[weight.all(axis=1)].mean()
    kept = weight.all(axis=1)
    assert model.score(X[kept], Y[kept]) == pytest.approx(right)
    assert 0 < model.score(X, Y, sample_weight=weight) <= 1


def test_labels_of_tasks_by_row():
    data = problem("logistic", "per task")
    model = MultiTaskClassifier(RowL21(0.5)).fit(**data)
    X, tasks = data["X"], data["tasks"]
    assert model.predict(X).shape == (len(X), T)
    assert model.predict(X, tasks=tasks).shape == (len(X),)
    proba = model.predict_proba(X, tasks=tasks)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-15)
    assert model.score(X, data["y"], tasks=tasks) == np.mean(model.predict(X, tasks=tasks) == data["y"])
    with pytest.raises(ValueError, match="tasks: needed to score"):
        model.score(X, data["y"])


# -- wrong calls -----------------------------------------------------------------------------------

X2, Y2 = np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]])
WRONG = {
    "expected a method expression": (TypeError, lambda: MultiTaskRegressor(3.0).fit(X2, Y2)),
    "of curvature CONCAVE; expected": (
        ValueError,
        lambda: MultiTaskRegressor(Own(lambda W: -cp.norm(W, 2))).fit(X2, Y2),
    ),
    "cannot be built": (ValueError, lambda: MultiTaskRegressor(Own(lambda W: W[7])).fit(X2, Y2)),
    "loss: expected 'squared' or 'huber'": (
        ValueError,
        lambda: MultiTaskRegressor(loss="absolute").fit(X2, Y2),
    ),
    "delta: expected a positive": (
        ValueError,
        lambda: MultiTaskRegressor(loss="huber", delta=0.0).fit(X2, Y2),
    ),
    "ridge: expected a finite number >= 0": (ValueError, lambda: MultiTaskRegressor(ridge=-1.0).fit(X2, Y2)),
    "needs cones, which OSQP has not": (
        ValueError,
        lambda: MultiTaskRegressor(RowL21(1.0), solver="OSQP").fit(X2, Y2),
    ),
    "X_expert: not a keyword of MultiTaskRegressor": (
        TypeError,
        lambda: declare(MultiTaskRegressor(), X2, Y2, X_expert=X2),
    ),
    "Only binary classification": (ValueError, lambda: MultiTaskClassifier().fit(np.eye(3), [0, 1, 2])),
    "expected labels of two classes; got 1 class": (
        ValueError,
        lambda: MultiTaskClassifier().fit(np.eye(2), [1, 1]),
    ),
    "Unknown label type": (ValueError, lambda: MultiTaskClassifier().fit(np.eye(2), [0.5, 1.7])),
    "expected the classes": (
        ValueError,
        lambda: MultiTaskClassifier().fit(np.eye(2), [0, 1]).score(np.eye(2), [0, 2]),
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_calls(message):
    error, call = WRONG[message]
    with pytest.raises(error, match=message):
        call()


# -- manners ---------------------------------------------------------------------------------------


def test_osqp_where_it_is_a_quadratic_program():
    data = problem("huber")
    model = estimator("huber", L1(0.7), solver="OSQP").fit(**data)
    assert model.certificate_.converged
    assert declare(model, **data).quadratic_program
    assert not declare(estimator("huber", RowL21(0.7)), **data).quadratic_program


def test_the_problem_is_built_once_for_the_same_data_and_penalty():
    data = problem("squared")
    model = MultiTaskRegressor(L1(0.7), ridge=0.1).fit(**data)
    built = model.problem_
    assert model.set_params(ridge=0.2).fit(**data).problem_ is built
    assert model.set_params(penalty__alpha=0.8).fit(**data).problem_ is not built
    fresh = MultiTaskRegressor(L1(0.8), ridge=0.2).fit(**data)
    room = declare(model, **data).rounding(model.parts_)
    assert model.certificate_.dual <= fresh.certificate_.primal + room
    assert fresh.certificate_.dual <= model.certificate_.primal + room


def test_it_lives_in_scikit_learn():
    data = problem("squared")
    model = MultiTaskRegressor(TraceNorm(0.7)).fit(data["X"], np.nan_to_num(data["y"]))
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(model)).predict(data["X"]), model.predict(data["X"])
    )
    assert clone(model).penalty.alpha == 0.7
    search = GridSearchCV(MultiTaskRegressor(L1(1.0)), {"penalty__alpha": [0.1, 1e3]}, cv=2)
    search.fit(data["X"], np.nan_to_num(data["y"]))
    assert len({round(s, 12) for s in search.cv_results_["mean_test_score"]}) == 2
