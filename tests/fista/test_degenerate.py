"""Data at the edge of what makes sense: every answer is certified all the same."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp

import fista
from fista import EGMTL, SRMTL, MTLasso, STLasso
from tests.fista.explicit import EPS, NAMES, WEIGHTS, Explicit, make, problem_of

EVERY = pytest.mark.parametrize("name", NAMES)
INTERCEPT = pytest.mark.parametrize("intercept", [False, True])
BOTH = pytest.mark.parametrize("design", ["shared", "per task"])
SPARSITY = {
    "STLasso": ["alpha"],
    "MTLasso": ["alpha"],
    "L21MTL": ["alpha"],
    "DirtyMTL": ["rho1", "rho2"],
    "RobustMTL": ["rho1", "rho2"],
    "SRMTL": ["beta"],
    "EGMTL": ["lam3"],
}


@pytest.fixture(autouse=True)
def no_warnings():
    """An answer without a certificate warns, and so do overflow and division by zero."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def model_of(name, n_tasks, **arguments):
    weights = dict(WEIGHTS[name])
    if n_tasks != 3:
        weights.pop("graph", None)
        if name == "STLasso":
            weights["alpha"] = 1.5
    return getattr(fista, name)(**{**weights, **arguments})


def certify(model, X, y, **data):
    """Fit, and check the certificate's bound against the definition and another solver."""
    model.fit(X, y, **data)
    proof, explicit = model.certificate_, Explicit(model, X, y, **data)
    slack = explicit.slack(model.parts_) + proof.rounding
    assert proof.converged
    assert proof.gap <= model.tol * explicit.at_zero() + slack
    F = explicit.objective(model.parts_, model.intercept_)
    assert abs(F - proof.primal) <= slack
    assert F - explicit.objective(explicit.reference()) <= proof.gap + slack
    assert np.isfinite(model.coef_).all()
    return model


def shared(N=8, D=4, T=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, D)), rng.normal(size=(N, T)) + 1.0


DESIGNS = {
    "zero column": lambda X: X * [1, 0, 1, 1],
    "all zero": lambda X: 0 * X,
    "constant column": lambda X: np.column_stack([X[:, :3], np.full(len(X), 0.1)]),
    "all constant": lambda X: np.full(X.shape, 0.1),
    "duplicate columns": lambda X: X[:, [0, 0, 1, 1]],
    "negated column": lambda X: np.column_stack([X[:, :3], -X[:, 0]]),
    "rank one": lambda X: np.outer(X[:, 0], [1.0, 2.0, 3.0, 4.0]),
    "duplicate rows": lambda X: X[[0, 0, 0, 1, 1, 1, 2, 2]],
    "columns of many sizes": lambda X: X * [0.1, 1.0, 3.0, 30.0],
}


@INTERCEPT
@pytest.mark.parametrize("kind", DESIGNS)
@EVERY
def test_designs(name, kind, intercept):
    X, Y = shared()
    model = certify(model_of(name, 3, fit_intercept=intercept), DESIGNS[kind](X), Y)
    if kind == "all zero" or (kind == "all constant" and intercept):
        assert not model.coef_.any()
    if kind == "zero column":
        assert not model.coef_[:, 1].any()


@INTERCEPT
@pytest.mark.parametrize(("N", "D", "T"), [(1, 4, 3), (8, 1, 3), (8, 4, 1), (1, 1, 1), (2, 9, 2), (1, 1, 5)])
@EVERY
def test_shapes(name, N, D, T, intercept):
    X, Y = shared(N, D, T)
    model = certify(model_of(name, T, fit_intercept=intercept), X, Y)
    assert model.coef_.shape == (T, D)
    assert model.predict(X).shape == (N, T)
    if intercept and N == 1:
        np.testing.assert_array_equal(model.coef_, np.zeros((T, D)))


@INTERCEPT
@EVERY
def test_one_dimensional_targets(name, intercept):
    X, Y = shared()
    model = certify(model_of(name, 1, fit_intercept=intercept), X, Y[:, 0])
    assert model.coef_.shape == (1, 4)
    assert model.predict(X).shape == (8,)
    assert isinstance(model.intercept_, float)
    column = model_of(name, 1, fit_intercept=intercept).fit(X, Y[:, :1])
    np.testing.assert_array_equal(column.coef_, model.coef_)
    assert column.predict(X).shape == (8, 1)
    assert model.tasks_.tolist() == [0]


@INTERCEPT
@EVERY
def test_a_task_with_one_row(name, intercept):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(9, 3)), rng.normal(size=9) + 2
    tasks = np.array([0, 0, 1, 2, 2, 0, 2, 2, 0])
    model = certify(model_of(name, 3, fit_intercept=intercept), X, y, tasks=tasks)
    if intercept and name not in ("SRMTL", "EGMTL"):
        # Its intercept explains its row; nothing is left for its coefficients.
        np.testing.assert_array_equal(model.coef_[1], np.zeros(3))
        assert model.intercept_[1] == y[2]


@INTERCEPT
@BOTH
@EVERY
def test_rows_without_weight_do_not_count(name, design, intercept):
    model, X, y, data = make(name, design, fit_intercept=intercept, tol=1e-10)
    u = np.array(data["sample_weight"])
    u[[0, 3]] = 0.0
    model = certify(model, X, y, **(data | {"sample_weight": u}))
    wild, targets = X.copy(), y.copy()
    wild[[0, 3]], targets[[0, 3]] = 1e3, np.nan
    other = make(name, design, fit_intercept=intercept, tol=1e-10)[0]
    other.fit(wild, targets, **(data | {"sample_weight": u}))
    # Zeros are added where there were zeros: the same numbers throughout.
    np.testing.assert_array_equal(model.coef_, other.coef_)
    np.testing.assert_array_equal(model.intercept_, other.intercept_)


@INTERCEPT
@BOTH
@EVERY
def test_a_task_without_weight_or_ratings(name, design, intercept):
    model, X, y, data = make(name, design, fit_intercept=intercept)
    u, targets = np.array(data["sample_weight"]), y.copy()
    mine = (slice(None), 1) if design == "shared" else data["tasks"] == "b"
    u[mine], targets[mine] = 0.0, np.nan
    data["sample_weight"] = u
    if name == "EGMTL":
        v = np.array(data["y_expert"])
        w = np.ones(v.shape)
        gone = (slice(None), 1) if design == "shared" else np.array(data["tasks_expert"]) == "b"
        v[gone], w[gone] = np.nan, 0.0
        data |= {"y_expert": v, "sample_weight_expert": w}
    model = certify(model, X, targets, **data)
    if name not in ("SRMTL", "EGMTL"):  # there the graph may hand on the neighbours' coefficients
        assert not model.coef_[1].any()
    if intercept and name not in ("SRMTL", "EGMTL"):
        assert model.intercept_[1] == 0


@INTERCEPT
@EVERY
def test_missing_ratings_are_left_out(name, intercept):
    rng = np.random.default_rng(1)
    X, Y = shared(N=12)
    u = (rng.random((12, 3)) < 0.6).astype(float)
    Y[u == 0] = np.nan
    model = certify(model_of(name, 3, fit_intercept=intercept, tol=1e-10), X, Y, sample_weight=u)
    # The same ratings, one a row.
    i, t = np.nonzero(u)
    rows = model_of(name, 3, fit_intercept=intercept, tol=1e-10).fit(X[i], Y[i, t], tasks=t)
    explicit = Explicit(model, X, Y, sample_weight=u)
    slack = explicit.slack(model.parts_) + explicit.slack(rows.parts_)
    bound = sum(np.sqrt(2 * (m.dual_gap_ + m.certificate_.rounding + slack)) for m in (model, rows))
    difference = np.concatenate([(model.coef_ - rows.coef_).ravel(), model.intercept_ - rows.intercept_])
    assert np.linalg.norm(explicit.M @ difference[: explicit.M.shape[1]]) <= bound


NOTHING = {
    "STLasso": {"alpha": 0.0},
    "MTLasso": {"alpha": 0.0, "beta": 0.0},
    "L21MTL": {"alpha": 0.0, "beta": 0.0},
    "DirtyMTL": {"rho1": 0.0, "rho2": 0.0},
    "RobustMTL": {"rho1": 0.0, "rho2": 0.0},
    "SRMTL": {"alpha": 0.0, "beta": 0.0, "gamma": 0.0},
    "EGMTL": {"lam1": 0.0, "lam2": 0.0, "lam3": 0.0},
}


@INTERCEPT
@pytest.mark.parametrize("kind", ["as it is", "zero column", "duplicate columns", "rank one", "all zero"])
@BOTH
@EVERY
def test_no_regularisation_at_all(name, design, kind, intercept):
    model, X, y, data = make(name, design, fit_intercept=intercept, **NOTHING[name])
    certify(model, DESIGNS[kind](X) if kind in DESIGNS and kind != "duplicate rows" else X, y, **data)


@pytest.mark.parametrize(
    "model",
    [
        MTLasso(0.0, 1.0),
        fista.L21MTL(0.0, 1.0),
        SRMTL(1.0, 0.0, 1.0),
        SRMTL(0.0, 0.0, 1.0),
        SRMTL(1.0, 0.0, 0.0),
        EGMTL(1.0, 1.0, 0.0),
        EGMTL(0.0, 1.0, 1.0),
        fista.DirtyMTL(0.0, 1.0),
        fista.RobustMTL(1.0, 0.0),
        STLasso([0.0, 1.0, 2.0]),
    ],
    ids=str,
)
@INTERCEPT
def test_some_weights_of_zero(model, intercept):
    X, Y = shared()
    certify(model.set_params(fit_intercept=intercept), X, Y)


# -- lambda_max ----------------------------------------------------------------------------------


def scaled(model, name, factor):
    for weight in SPARSITY[name]:
        value = getattr(model, weight)
        model.set_params(**{weight: factor * np.asarray(value) if np.ndim(value) else factor * value})
    return model


@INTERCEPT
@BOTH
@EVERY
def test_lambda_max(name, design, intercept):
    model, X, y, data = make(name, design, fit_intercept=intercept, tol=1e-9)
    largest = model.lambda_max(X, y, **data)
    assert not hasattr(model, "coef_")

    # From the definition: the factor at which M'b, with the best intercept for W = 0, is in the dual ball.
    explicit = Explicit(model, X, y, **data)
    b = explicit.b.copy()
    if intercept:
        columns = explicit.M[:, 12:]
        b -= columns @ explicit.best_intercept(np.zeros((4, 3)))
    G, _ = explicit.gradient(b)
    error = EPS * explicit.n * np.linalg.norm(explicit.M, axis=0).max() * 2 * np.linalg.norm(explicit.b)
    assert abs(largest - explicit.polar(G)) <= 2 * explicit.polar(np.full(G.shape, error))

    above = scaled(make(name, design, fit_intercept=intercept)[0], name, largest * (1 + 1e-9))
    certify(above, X, y, **data)
    assert above.n_iter_ == 1
    np.testing.assert_array_equal(above.coef_, np.zeros((3, 4)))
    for part in above.parts_.values():
        assert not part.any()
    assert above.certificate_.primal == pytest.approx(explicit.at_zero(), rel=EPS * explicit.n)

    below = scaled(make(name, design, fit_intercept=intercept, tol=1e-14)[0], name, largest * 0.999)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 1e-14 is close to rounding
        below.fit(X, y, **data)
    assert below.coef_.any()
    below.set_params(tol=1e-6)
    certify(below, X, y, **data)


@EVERY
def test_a_warm_start_is_dropped_where_zero_is_optimal(name):
    model, X, y, data = make(name, "shared", warm_start=True)
    model.fit(X, y, **data)
    assert model.coef_.any()
    scaled(model, name, 2 * model.lambda_max(X, y, **data))
    assert not model.fit(X, y, **data).coef_.any()
    assert model.n_iter_ == 1


def test_lambda_max_without_a_sparsity_weight():
    X, Y = shared()
    assert MTLasso(alpha=0.0).lambda_max(X, Y) == np.inf
    assert MTLasso(alpha=0.0).lambda_max(X, 0 * Y) == 0


# -- graphs --------------------------------------------------------------------------------------


@INTERCEPT
@pytest.mark.parametrize("name", ["SRMTL", "EGMTL"])
@pytest.mark.parametrize("graph", [[], (), np.zeros((3, 3)), sp.csr_array((3, 3)), [(0, 1, 0.0)]], ids=str)
def test_empty_graphs(name, graph, intercept):
    X, Y = shared()
    model = getattr(fista, name)(graph=graph, fit_intercept=intercept, tol=1e-9)
    model.fit(X, Y)
    assert model.certificate_.converged
    weights = {"SRMTL": "alpha", "EGMTL": "lam2"}
    without = getattr(fista, name)(**{weights[name]: 0.0}, fit_intercept=intercept, tol=1e-9).fit(X, Y)
    np.testing.assert_array_equal(model.coef_, without.coef_)


@INTERCEPT
@pytest.mark.parametrize("name", ["SRMTL", "EGMTL"])
def test_a_disconnected_graph(name, intercept):
    """A task that no edge reaches is fitted as if it were alone."""
    X, Y = shared()
    model = certify(getattr(fista, name)(graph=[(0, 2)], fit_intercept=intercept, tol=1e-10), X, Y)
    alone = getattr(fista, name)(fit_intercept=intercept, tol=1e-10).fit(X, Y[:, 1])
    explicit = Explicit(alone, X, Y[:, 1])
    slack = explicit.slack([model.coef_[[1]].T]) + explicit.slack(alone.parts_) + model.certificate_.rounding
    # What is not the optimum for task 1 is not the optimum for all: its excess is at most the whole gap.
    excess = explicit.objective([model.coef_[[1]].T]) - explicit.objective(alone.parts_)
    assert excess <= model.dual_gap_ + slack


@pytest.mark.parametrize("name", ["SRMTL", "EGMTL"])
@pytest.mark.parametrize("weight", [1e-8, 30.0])
def test_weak_and_strong_graphs(name, weight):
    X, Y = shared()
    certify(getattr(fista, name)(graph=[(0, 1, weight), (1, 2, weight)]), X, Y)


# -- sizes ---------------------------------------------------------------------------------------


@INTERCEPT
@pytest.mark.parametrize("power", [-20, -10, 10, 20])
@BOTH
@EVERY
def test_targets_and_weights_of_another_unit(name, design, power, intercept):
    """In units c times smaller, c a power of two (about 1e-6 to 1e6): y, W and the sparsity weights by c.

    F is c^2 times F, and so is every number on the way: the answer is the same to the last bit.
    """
    c = 2.0**power
    model, X, y, data = make(name, design, fit_intercept=intercept)
    plain = certify(model, X, y, **data)
    scaled_data = data | ({"y_expert": c * data["y_expert"]} if "y_expert" in data else {})
    other = scaled(make(name, design, fit_intercept=intercept)[0], name, c)
    other.fit(X, c * y, **scaled_data)
    assert other.certificate_.converged
    np.testing.assert_array_equal(other.coef_, c * plain.coef_)
    np.testing.assert_array_equal(other.intercept_, c * np.asarray(plain.intercept_))
    assert other.n_iter_ == plain.n_iter_
    assert other.dual_gap_ == c**2 * plain.dual_gap_
    assert other.certificate_.relative_gap == plain.certificate_.relative_gap


@INTERCEPT
@pytest.mark.parametrize("power", [-20, 20])
@BOTH
@EVERY
def test_features_of_another_unit(name, design, power, intercept):
    """X by c and W by 1/c: the sparsity weights by c, those of squares of W by c^2."""
    c = 2.0**power
    model, X, y, data = make(name, design, fit_intercept=intercept)
    plain = certify(model, X, y, **data)
    scaled_data = data | ({"X_expert": c * data["X_expert"]} if "X_expert" in data else {})
    other = scaled(make(name, design, fit_intercept=intercept)[0], name, c)
    for weight in {
        "MTLasso": ["beta"],
        "L21MTL": ["beta"],
        "SRMTL": ["alpha", "gamma"],
        "EGMTL": ["lam2"],
    }.get(name, []):
        other.set_params(**{weight: c**2 * getattr(other, weight)})
    other.fit(c * X, y, **scaled_data)
    assert other.certificate_.converged
    np.testing.assert_array_equal(other.coef_, plain.coef_ / c)
    assert other.n_iter_ == plain.n_iter_
    assert other.dual_gap_ == plain.dual_gap_


UNITS = [(1e-6, 1.0), (1e6, 1.0), (1.0, 1e-6), (1.0, 1e6), (1e-6, 1e6)]  # of X and of Y
# Beyond a first-order method: weights so small that mass drifts between P and Q at 1e-8 of its size an
# iteration, and a graph 1e12 times stronger than the data.
BEYOND = {(name, unit) for name in ("DirtyMTL", "RobustMTL") for unit in UNITS[1::2]} | {("EGMTL", UNITS[4])}


@pytest.mark.parametrize(("name", "unit"), [(n, u) for n in NAMES for u in UNITS if (n, u) not in BEYOND])
def test_data_of_extreme_size_with_the_weights_as_they_are(name, unit):
    X, Y = shared(N=30)
    X, Y = X * unit[0], Y * unit[1]
    model = model_of(name, 3).fit(X, Y)
    proof, explicit = model.certificate_, Explicit(model, X, Y)
    assert proof.converged
    slack = explicit.slack(model.parts_) + proof.rounding
    assert proof.gap <= model.tol * explicit.at_zero() + slack
    theta = explicit.theta(proof.dual_point)
    G, _ = explicit.gradient(theta)
    E = EPS * explicit.n * np.linalg.norm(explicit.M, axis=0).max() * np.linalg.norm(theta)
    assert proof.dual <= explicit.dual(theta) + slack
    if explicit.beta:
        # The distance to the dual ball is taken larger by the error of G, here of 12 entries.
        error = np.sqrt(12) * E
        slack += (2 * explicit.distance(G) * error + error**2) / (4 * explicit.beta)
    else:
        assert explicit.polar(G) <= 1 + explicit.polar(np.full(G.shape, E))
    assert proof.dual >= explicit.dual(theta) - slack


@EVERY
def test_what_floating_point_cannot_certify_is_said(name):
    """Columns from 1e-6 to 1e6, weights of 1e-14 of the gradients: certified or warned of, never untrue."""
    X, Y = shared(N=30)
    cases = [(X * [1e-6, 1.0, 1e3, 1e6], Y), (1e6 * X, 1e6 * Y)]
    for A, B in cases + [(a * X, b * Y) for n, (a, b) in sorted(BEYOND) if n == name]:
        model = model_of(name, 3, max_iter=500)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(A, B)
        proof, explicit = model.certificate_, Explicit(model, A, B)
        assert proof.converged == (not caught)
        slack = explicit.slack(model.parts_) + proof.rounding
        # The least-squares solution, in units in which the columns have norm 1, is a point like any other.
        norms = np.linalg.norm(A, axis=0)
        W = np.linalg.lstsq(A / norms, B, rcond=None)[0] / norms[:, None]
        parts = [W, 0 * W] if len(model.parts_) == 2 else [W]
        assert proof.dual <= explicit.objective(parts) + slack + explicit.slack(parts)


@pytest.mark.parametrize("offset", [1e3, 1e6])
@EVERY
def test_large_means_with_an_intercept(name, offset):
    X, Y = shared(N=30)
    model = model_of(name, 3, fit_intercept=True).fit(X + offset, Y + offset)
    assert model.certificate_.converged
    plain = model_of(name, 3, fit_intercept=True).fit(X, Y)
    # The same problem but for the rounding of X + offset, which moves M by eps offset sqrt(N) a column: both
    # are near-optimal for it.
    explicit = Explicit(plain, X, Y)
    moved = (
        8 * EPS * offset * np.sqrt(30) * (1 + np.abs(model.coef_).sum()) * explicit.magnitude(plain.coef_.T)
    )
    excess = explicit.objective(model.parts_) - explicit.objective(plain.parts_)
    assert excess <= model.dual_gap_ + model.certificate_.rounding + explicit.slack(model.parts_) + moved


# -- labels --------------------------------------------------------------------------------------


@INTERCEPT
@EVERY
def test_a_universe_with_a_task_that_has_no_rows(name, intercept):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 4)), rng.normal(size=12) + 1
    tasks = np.array(list("acca" * 3))
    model = model_of(name, 3, fit_intercept=intercept, task_labels=["c", "a", "b"])
    certify(model, X, y, tasks=tasks)
    assert model.tasks_.tolist() == ["a", "b", "c"]
    assert model.coef_.shape == (3, 4)
    assert model.predict(X).shape == (12, 3)
    assert model.predict(X[:1], tasks=["b"]).shape == (1,)
    if name not in ("SRMTL", "EGMTL"):
        assert not model.coef_[1].any()
        assert model.predict(X[:1], tasks=["b"])[0] == 0
    if name in ("SRMTL", "EGMTL"):
        # Positions in the graph are those in the universe: an edge to b, which is absent, is not one to c.
        through = getattr(fista, name)(task_labels=["a", "b", "c"], graph=[(0, 1)]).fit(X, y, tasks=tasks)
        apart = getattr(fista, name)(task_labels=["a", "b", "c"], graph=[]).fit(X, y, tasks=tasks)
        explicit = Explicit(apart, X, y, tasks=tasks)
        # w_b = w_a costs nothing for the graph, but l1 and ridge: b follows a only in part.
        assert np.abs(through.coef_[1]).sum() <= np.abs(through.coef_[0]).sum()
        # c is not touched by that edge: optimal without it, too, within the gaps.
        mixed = apart.coef_.copy()
        mixed[2] = through.coef_[2]
        excess = explicit.objective([mixed.T]) - explicit.objective(apart.parts_)
        assert excess <= through.dual_gap_ + through.certificate_.rounding + explicit.slack([mixed.T])


@INTERCEPT
@EVERY
def test_the_order_of_rows_and_the_spelling_of_labels_do_not_matter(name, intercept):
    model, X, y, data = make(name, "per task", fit_intercept=intercept, tol=1e-11)
    plain = certify(model, X, y, **data)
    assert plain.tasks_.tolist() == ["a", "b", "c"]
    order = np.random.default_rng(0).permutation(len(X))
    shuffled = {k: np.asarray(v)[order] if len(v) == len(X) else v for k, v in data.items()}
    spelled = dict(data)
    for key in {"tasks", "tasks_expert"} & set(data):
        spelled[key] = [{"a": -7, "b": 0, "c": 30}[label] for label in data[key]]
    explicit = Explicit(model, X, y, **data)
    for features, targets, given in ((X[order], y[order], shuffled), (X, y, spelled)):
        other = make(name, "per task", fit_intercept=intercept, tol=1e-11)[0].fit(features, targets, **given)
        slack = explicit.slack(plain.parts_) + explicit.slack(other.parts_)
        bound = sum(np.sqrt(2 * (m.dual_gap_ + m.certificate_.rounding + slack)) for m in (plain, other))
        difference = np.concatenate(
            [(plain.coef_ - other.coef_).ravel(), plain.intercept_ - other.intercept_]
        )
        assert np.linalg.norm(explicit.M @ difference[: explicit.M.shape[1]]) <= bound
    assert other.tasks_.tolist() == [-7, 0, 30]
    # The dual point of shuffled rows comes in the caller's order.
    other = make(name, "per task", fit_intercept=intercept)[0].fit(X[order], y[order], **shuffled)
    theta = Explicit(other, X[order], y[order], **shuffled)
    value = theta.dual(theta.theta(other.certificate_.dual_point))
    assert abs(value - other.certificate_.dual) <= theta.slack(other.parts_) + other.certificate_.rounding


# -- experts -------------------------------------------------------------------------------------


@INTERCEPT
@BOTH
def test_the_mask_is_the_same_as_rows_of_their_own(design, intercept):
    model, X, y, data = make("EGMTL", design, fit_intercept=intercept, tol=1e-11)
    one = certify(model, X, y, **data)
    u = data["sample_weight"]
    v = data.get("sample_weight_expert", np.ones(np.shape(data["y_expert"])))
    n = len(X)
    order = np.random.default_rng(0).permutation(n + 5)
    together = {"sample_weight": np.concatenate([u, v])[order], "expert": (np.arange(n + 5) >= n)[order]}
    if design == "per task":
        together["tasks"] = np.concatenate([data["tasks"], data["tasks_expert"]])[order]
    other = make("EGMTL", design, fit_intercept=intercept, tol=1e-11)[0]
    certify(
        other,
        np.concatenate([X, data["X_expert"]])[order],
        np.concatenate([y, data["y_expert"]])[order],
        **together,
    )
    explicit = Explicit(one, X, y, **data)
    slack = explicit.slack(one.parts_) + explicit.slack(other.parts_)
    bound = sum(np.sqrt(2 * (m.dual_gap_ + m.certificate_.rounding + slack)) for m in (one, other))
    difference = np.concatenate([(one.coef_ - other.coef_).ravel(), one.intercept_ - other.intercept_])
    assert np.linalg.norm(explicit.M @ difference[: explicit.M.shape[1]]) <= bound


@INTERCEPT
@BOTH
def test_a_mask_without_experts(design, intercept):
    model, X, y, data = make("EGMTL", design, fit_intercept=intercept)
    given = {k: v for k, v in data.items() if k in ("tasks", "sample_weight")}
    certify(model, X, y, expert=np.full(len(X), False), **given)


@INTERCEPT
def test_experts_without_weight_of_theirs_do_not_count(intercept):
    model, X, y, data = make("EGMTL", "shared", lam1=0.0, fit_intercept=intercept, tol=1e-10)
    model.fit(X, y, **data)
    without = make("EGMTL", "shared", lam1=0.0, fit_intercept=intercept, tol=1e-10)[0]
    without.fit(X, y, sample_weight=data["sample_weight"])
    np.testing.assert_array_equal(model.coef_, without.coef_)
    assert problem_of(model, X, y, **data).loss.blocks.keys() == {"crowd", "expert"}


@EVERY
def test_only_experts_have_weight(name):
    """Crowd rows may all have weight 0 where there are experts."""
    if name == "EGMTL":
        model, X, y, data = make(name, "shared")
        certify(model, X, y, **(data | {"sample_weight": np.zeros(len(X))}))
    else:
        X, Y = shared()
        with pytest.raises(ValueError, match="sample_weight: found only zeros; expected"):
            model_of(name, 3).fit(X, Y, sample_weight=np.zeros(8))
