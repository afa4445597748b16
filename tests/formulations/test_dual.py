"""The lower bounds: true at any dual point, tight at the solver's own multipliers."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import formulations
from formulations import EGMTL, MTLasso, STLasso, declare, dual
from tests.formulations.problems import CASES, DESIGNS, NAMES, SOLVERS, WEIGHTS, make, random_parts


def random_theta(d, rng, size=1.0):
    return {name: rng.normal(size=shape) * size for name, shape in d._theta_shapes.items()}


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize(("name", "design", "solver"), [(n, d, s) for n, d in CASES for s in SOLVERS[n]])
def test_the_solvers_own_multipliers_are_tight(name, design, solver, intercept):
    problem = make(name, design, solver=solver, fit_intercept=intercept)
    model, d = problem.fit(), problem.declare()
    rounding = d.rounding(model.parts_, model.intercept_)
    # The promise of an oracle: 1e-6 of F(0) for itself (SCS: 1e-4); nothing here is tuned.
    limit = (1e-4 if solver == "SCS" else 1e-6) * d.at_zero + rounding
    for theta in (model.multipliers_, d.residual_theta(model.parts_, model.intercept_)):
        bound = d.dual(theta)
        assert -rounding <= model.certificate_.primal - bound.value <= limit
        # The bound's own point gives the bound again.
        assert d.dual(bound.theta).value >= bound.value - rounding


@pytest.mark.parametrize(("name", "design"), CASES)
def test_multipliers_are_the_residuals(name, design):
    problem = make(name, design, fit_intercept=True)
    model, d = problem.fit(), problem.declare()
    residual = d.residual_theta(model.parts_, model.intercept_)
    assert set(residual) == set(model.multipliers_) == set(d._theta_shapes)
    # Both are within sqrt(2 gap) of the optimal theta: 1/2 ||.||^2 is 1-strongly convex in it.
    gap = max(model.certificate_.primal - d.dual(model.multipliers_).value, 0)
    gap += d.rounding(model.parts_, model.intercept_)
    for key, theta in residual.items():
        assert theta.shape == model.multipliers_[key].shape
        bound = d.dual(model.multipliers_).theta[key]
        assert np.linalg.norm(theta - bound) <= 2 * np.sqrt(2 * gap)


positive = st.floats(1e-3, 1e2)


@settings(max_examples=80, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    design=st.sampled_from(DESIGNS),
    seed=st.integers(0, 1000),
    intercept=st.booleans(),
    factors=st.lists(st.one_of(st.just(0.0), positive), min_size=3, max_size=3),
    size=st.sampled_from([1e-6, 1.0, 1e6]),
)
def test_a_bound_is_true_at_any_theta(name, design, seed, intercept, factors, size):
    weights = dict(zip(WEIGHTS[name], factors, strict=False))
    problem = make(name, design, seed=seed % 7, weights=weights, fit_intercept=intercept)
    model, d = problem.fit(), problem.declare()
    rng = np.random.default_rng(seed)
    optimum = model.certificate_.primal  # at least F*
    rounding = d.rounding(model.parts_, model.intercept_)
    thetas = [random_theta(d, rng, size)]
    thetas.append(d.residual_theta(random_parts(d, seed)))
    # Near the optimum, where a bound that is wrong by a factor would pass it.
    noise = random_theta(d, rng, 1e-3)
    thetas.append({key: 3.0 * model.multipliers_[key] + noise[key] for key in noise})
    for theta in thetas:
        bound = d.dual(theta)
        assert 0 <= bound.value <= optimum + rounding
        for key, value in d.dual({k: -v for k, v in theta.items()}).theta.items():
            assert value.shape == theta[key].shape


def test_the_dual_point_is_feasible_in_exact_arithmetic():
    # With c u = 1, 2 lam1 = 1 and 2 lam2 = 1 the entries of M are those of the data, so that both
    # feasibility and the value can be checked in rational numbers.
    rng = np.random.default_rng(4)
    X, P = rng.normal(size=(9, 4)), rng.normal(size=(5, 4))
    Y, V = rng.normal(size=(9, 3)), rng.normal(size=(5, 3))
    model = EGMTL(0.5, 0.5, 0.7, graph=[(0, 1), (1, 2, 0.3)])
    kw = {"X_expert": P, "y_expert": V}
    model.fit(X, Y, **kw)
    d = declare(model, X, Y, **kw)
    edges = d.edges
    parts = [model.parts_, {"W": np.zeros((4, 3))}, random_parts(d)]
    for theta in [model.multipliers_, *map(d.residual_theta, parts), random_theta(d, rng)]:
        bound = d.dual(theta)
        crowd, expert, graph = (bound.theta[key] for key in ("crowd", "expert", "graph"))
        largest, value = Fraction(0), Fraction(0)
        for t in range(3):
            for f in range(4):
                G = sum(Fraction(X[n, f]) * Fraction(crowd[n, t]) for n in range(9))
                G += sum(Fraction(P[n, f]) * Fraction(expert[n, t]) for n in range(5))
                for q, (i, j, g) in enumerate(edges):
                    G += ((t == i) - (t == j)) * Fraction(g) * Fraction(graph[q, f])
                largest = max(largest, abs(G))
        for block, target in ((crowd, Y), (expert, V), (graph, np.zeros((2, 4)))):
            for b, s in zip(target.ravel().tolist(), block.ravel().tolist(), strict=True):
                value += Fraction(b) * Fraction(s) - Fraction(s) ** 2 / 2
        assert largest <= Fraction(0.7)
        assert abs(value - Fraction(bound.value)) <= Fraction(d.rounding(model.parts_))


def test_ridge_without_a_norm_has_a_finite_and_tight_bound():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(4, 6)), rng.normal(size=(4, 2))
    for name, weights in (
        ("MTLasso", {"alpha": 0.0, "beta": 0.3}),
        ("L21MTL", {"alpha": 0.0, "beta": 0.3}),
        ("SRMTL", {"alpha": 0.5, "beta": 0.0, "gamma": 0.3}),
    ):
        model = getattr(formulations, name)(**weights).fit(X, Y)
        bound = declare(model, X, Y).dual(model.multipliers_)
        assert bound.reason == "elastic-net dual"
        assert model.certificate_.converged


@pytest.mark.parametrize("name", ["MTLasso", "L21MTL", "SRMTL"])
def test_the_elastic_dual_is_the_best_over_the_scaling(name):
    d = make(name, "shared").declare()
    rng = np.random.default_rng(0)
    for size in (1e-2, 1.0, 1e2):
        A = np.abs(rng.normal(size=(4, 3))) * size
        a, q = 5.0, 2.0

        def value(s, A=A, a=a, q=q):
            return s * a - s * s * q / 2 - d._distance(A, s) / (4 * d.ridge)

        best = d._elastic_scale(A, a, q)
        slack = 1e-12 * a * best  # a maximum is flat: its rounding is that of the terms
        assert all(value(s) <= value(best) + slack for s in np.linspace(0, 3 * best, 200))


def test_a_ridge_bound_is_never_below_the_scaled_point():
    for name in ("MTLasso", "L21MTL", "SRMTL"):
        problem = make(name, "shared")
        d = problem.declare()
        without = make(name, "shared", weights=WEIGHTS[name] | {d.side.ridge: 0.0}).declare()
        rng = np.random.default_rng(0)
        for _ in range(20):
            theta = random_theta(d, rng)
            assert d.dual(theta).value >= without.dual(theta).value


def test_unpenalised_blocks_are_projected():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    model = STLasso([0.0, 1.0]).fit(X, Y)
    d = declare(model, X, Y)
    bound = d.dual({"crowd": rng.normal(size=(8, 2))})
    assert np.isfinite(bound.value)
    G = np.abs(X.T @ bound.theta["crowd"][:, 0])
    # What a product of 8 terms may be off by.
    size = np.abs(X.T) @ np.abs(bound.theta["crowd"][:, 0])
    assert (dual.gamma(8 + 8) * size + 8 * np.finfo(float).eps * np.linalg.norm(X) >= G).all()
    assert model.certificate_.converged


@pytest.mark.parametrize(("name", "design"), CASES)
def test_the_intercept_has_no_say_in_the_dual(name, design):
    # A multiple of its column, sqrt(c u) in the rows of a task, is projected away.
    d = make(name, design, fit_intercept=True).declare()
    theta = random_theta(d, np.random.default_rng(0), 0.1)
    vector = d._stack_theta(theta)
    shifted = d._unstack(vector + d._B @ np.array([1.0, -2.0, 3.0]))
    a, b = d.dual(theta), d.dual(shifted)
    size = np.linalg.norm(vector) + 4
    # Two projections of vectors of this size, scaled by at most <b, theta> / ||theta||^2 each.
    slack = dual.gamma(4 * len(vector)) * size * np.linalg.norm(d.b) ** 2 / np.linalg.norm(vector)
    assert abs(a.value - b.value) <= slack
    ones = d._stack([np.ones_like(rows.y) for _, rows, _ in d._blocks])
    assert abs(ones @ d._stack_theta(b.theta)) <= dual.gamma(4 * len(vector)) * size * np.abs(ones).sum()


def test_too_many_unpenalised_columns_are_refused_with_a_reason(monkeypatch):
    monkeypatch.setattr(dual, "MAX_DENSE_COLUMNS", 3)
    problem = make("MTLasso", "shared", weights={"alpha": 0.0, "beta": 0.0})
    bound = problem.declare().dual({})
    assert bound.value == -np.inf
    assert "unpenalised" in bound.reason
    with pytest.warns(formulations.estimators.ConvergenceWarning, match="unpenalised"):
        problem.fit()
    assert problem.model.certificate_.gap == np.inf
    assert not problem.model.certificate_.converged
    assert problem.declare().mu() is None


def test_nearly_singular_data_never_give_more_than_the_truth():
    # Two columns that differ in the last digits: the optimum needs coefficients of 1e14.
    rng = np.random.default_rng(0)
    x = rng.normal(size=6)
    X = np.column_stack([x, x * (1 + np.finfo(float).eps * rng.integers(0, 8, 6))])
    d = declare(MTLasso(1e-30, 0.0), X, rng.normal(size=6))
    for theta in (d.residual_theta({"W": np.zeros((2, 1))}), {"crowd": rng.normal(size=6)}):
        # Least squares on x alone is an upper bound of F*; no lower bound may pass it.
        w = np.linalg.lstsq(x[:, None], np.asarray(d.data.crowd.y), rcond=None)[0]
        W = np.vstack([w, np.zeros((1, 1))])
        assert d.dual(theta).value <= d.primal({"W": W}) + d.rounding({"W": W})


# -- M, b and what is derived from them ------------------------------------------------------------


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize(("name", "design"), CASES)
def test_M_and_b_make_the_objective(name, design, intercept):
    problem = make(name, design, fit_intercept=intercept)
    d = problem.declare()
    parts = random_parts(d)
    W = sum(parts.values())
    rounding = d.rounding(parts)
    # F = 1/2 ||M w - b||^2 + the rest, and the rest is F with the data and the graph taken away.
    half = 0.5 * np.sum((d.image(parts) - d.b) ** 2)
    quiet = {key: value for key, value in problem.keywords.items() if key == "tasks"}
    weights = dict(WEIGHTS[name])
    if name == "SRMTL":
        weights["alpha"] = 0.0
    if name == "EGMTL":
        weights["lam2"] = 0.0
    rest = make(name, design, weights=weights)
    rest = declare(rest.model, problem.X * 0, np.nan_to_num(problem.y) * 0, **quiet).primal(parts)
    assert abs(half + rest - d.primal(parts)) <= 2 * rounding
    # Three ways to M w agree to what a sum of D + 8 products (and the means) may be off by.
    w = W.T.ravel()
    dense = d.dense_M()
    size = np.abs(d.M).sum() * np.abs(w).max() + np.abs(d.b).sum()
    slack = dual.gamma(dense.shape[0] + dense.shape[1] + 8) * size
    assert np.abs(dense @ w - d.image(parts)).max() <= slack
    if not intercept:
        assert np.abs(d.M @ w - d.image(parts)).max() <= slack
    assert sp.issparse(d.M)
    residual = d._stack_theta(d.residual_theta(parts))
    assert np.abs(residual - (d.b - d.image(parts))).max() <= slack
    # mu is a lower bound of the smallest eigenvalue, and not a vacuous one.
    smallest = np.linalg.svd(dense, compute_uv=False)[-1] ** 2
    assert 0 < d.mu() <= smallest
    assert d.mu() > 0.999 * smallest


def test_mu_is_zero_without_full_rank():
    X = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    assert declare(MTLasso(), X, np.ones(3)).mu() == 0
    assert declare(MTLasso(), X[:1], np.ones(1)).mu() == 0
    assert declare(MTLasso(fit_intercept=True), np.ones((3, 1)), np.ones(3)).mu() == 0
    assert declare(MTLasso(1.0, 5.0), X, np.ones(3)).ridge == 5.0


def test_polars_are_dual_to_their_norms():
    # polar(G) = max <G, W> / Omega(W): never passed by random W, reached by the maximiser.
    rng = np.random.default_rng(0)
    X, Y = np.eye(4), np.zeros((4, 3))
    for name, weights in (
        ("STLasso", {"alpha": [0.5, 2.0, 1.0]}),
        ("MTLasso", {"alpha": 1.5, "beta": 0.0}),
        ("L21MTL", {"alpha": 1.5, "beta": 0.0}),
        ("DirtyMTL", {"rho1": 2.0, "rho2": 1.25}),
        ("RobustMTL", {"rho1": 2.0, "rho2": 2.5}),
    ):
        model = getattr(formulations, name)(**weights)
        d = declare(model, X, Y)
        norms = [d.weights[w] for w in d.side.norms]
        G = rng.normal(size=(4, 3))
        polar = d.side.polar(np.abs(G), *norms)

        def omega(parts, d=d):
            return d.primal(parts) - sum(float(np.sum(p)) for p in (sum(parts.values()) ** 2,))

        ratios = []
        zero = np.zeros((4, 3))
        candidates = [rng.normal(size=(4, 3)) for _ in range(50)]
        for f in range(4):
            for t in range(3):
                one = zero.copy()
                one[f, t] = np.sign(G[f, t])
                candidates.append(one)
            row = zero.copy()
            row[f] = np.sign(G[f])
            candidates.append(row)
            row = zero.copy()
            row[f] = G[f]
            candidates.append(row)
        for t in range(3):
            column = zero.copy()
            column[:, t] = G[:, t]
            candidates.append(column)
        for W in candidates:
            for part in d.parts:
                parts = {p: (W if p == part else zero) for p in d.parts}
                ratios.append(float((G * W).sum()) / omega(parts))
        assert max(ratios) == pytest.approx(polar, rel=1e-12)


def test_wrong_arguments():
    d = make("EGMTL", "shared", fit_intercept=True).declare()
    parts = random_parts(d)
    with pytest.raises(ValueError, match="parts"):
        d.primal({"P": parts["W"]})
    with pytest.raises(ValueError, match=r"parts\['W'\].*shape"):
        d.primal({"W": parts["W"].T})
    with pytest.raises(ValueError, match="finite"):
        d.primal({"W": parts["W"] * np.nan})
    with pytest.raises(ValueError, match="intercept"):
        d.primal(parts, np.zeros(2))
    with pytest.raises(ValueError, match=r"theta.*keys"):
        d.dual({"ridge": 0})
    with pytest.raises(ValueError, match=r"theta\['crowd'\].*shape"):
        d.dual({"crowd": np.zeros(3)})
    with pytest.raises(ValueError, match="finite"):
        d.dual({"crowd": np.full((9, 3), np.inf)})
    plain = make("EGMTL", "shared").declare()
    with pytest.raises(ValueError, match="fit_intercept=False"):
        plain.primal(parts, 1.0)
    with pytest.raises(TypeError, match="one of"):
        declare(object(), np.eye(2), np.ones(2))
    with pytest.raises(TypeError, match="X_expert"):
        declare(MTLasso(), np.eye(2), np.ones(2), X_expert=np.eye(2))


def test_models_of_other_packages_are_known_by_name():
    class MTLasso:
        alpha, beta = 1.0, 0.0

    class Mine(MTLasso):
        pass

    X, y = np.eye(2), np.array([3.0, 0.25])
    assert declare(Mine(), X, y).primal({"W": np.array([[2.5], [0.0]])}) == 2.8125
    del MTLasso.beta
    with pytest.raises(TypeError, match="beta"):
        declare(Mine(), X, y)
