"""Solving: statuses, warnings, normalisation, degenerate data, and living in scikit-learn."""

import copy
import pickle
import warnings

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from formulations import EGMTL, SRMTL, MTLasso, OracleError, STLasso, oracle
from tests.formulations.problems import CASES, DESIGNS, NAMES, SOLVERS, WEIGHTS, make

pytestmark = pytest.mark.filterwarnings("error")


def tight(problem, relative=1e-6):
    """Assert that the fitted model's own bracket is as narrow as it promises."""
    c, d = problem.model.certificate_, problem.declare()
    rounding = d.rounding(problem.model.parts_, problem.model.intercept_)
    assert c.converged
    assert -rounding <= c.gap <= relative * d.at_zero + rounding
    assert c.primal == d.primal(problem.model.parts_, problem.model.intercept_)


# -- statuses --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["L21MTL", "RobustMTL"])
def test_osqp_has_no_cones(name):
    with pytest.raises(ValueError, match=r"solver.*CLARABEL or SCS"):
        make(name, "shared", solver="OSQP").fit()


@pytest.mark.parametrize("solver", ["CLARABEL", "OSQP", "SCS"])
def test_what_is_there_at_a_limit_is_told_apart_from_an_answer(solver, monkeypatch):
    limit = {"max_iters" if solver == "SCS" else "max_iter": 1}
    monkeypatch.setitem(oracle.SOLVERS, solver, [limit])
    problem = make("MTLasso", "shared", solver=solver)
    status = "optimal_inaccurate" if solver == "SCS" else "user_limit"  # as SCS calls whatever it has
    with pytest.warns(ConvergenceWarning) as caught:
        problem.fit()
    assert any(f"{solver} ended with status '{status}'" in str(w.message) for w in caught)
    assert problem.model.status_ == status
    assert not problem.model.certificate_.converged


def test_the_next_settings_are_tried(monkeypatch):
    good = oracle.SOLVERS["CLARABEL"][0]
    monkeypatch.setitem(oracle.SOLVERS, "CLARABEL", [{"max_iter": 1}, good])
    problem = make("MTLasso", "shared")
    assert problem.fit().status_ == "optimal"
    tight(problem)


@pytest.mark.parametrize("status", ["infeasible", "unbounded", "solver_error"])
def test_other_statuses_raise(status, monkeypatch):
    monkeypatch.setattr(cp.Problem, "status", property(lambda self: status))
    with pytest.raises(OracleError, match=f"CLARABEL.*'{status}'"):
        make("MTLasso", "shared").fit()


def test_a_failing_solver_raises(monkeypatch):
    def fail(self, **keywords):
        raise cp.error.SolverError("no")

    monkeypatch.setattr(cp.Problem, "solve", fail)
    with pytest.raises(OracleError, match="SCS failed on MTLasso"):
        make("MTLasso", "shared", solver="SCS").fit()
    assert issubclass(OracleError, RuntimeError)


@pytest.mark.parametrize("status", ["optimal_inaccurate", "user_limit"])
def test_inaccurate_answers_warn_and_keep_their_certificate(status, monkeypatch):
    monkeypatch.setattr(cp.Problem, "status", property(lambda self: status))
    problem = make("MTLasso", "shared")
    with pytest.warns(ConvergenceWarning, match=f"CLARABEL ended with status '{status}'"):
        problem.fit()
    assert problem.model.status_ == status
    tight(problem)


def test_the_word_optimal_is_not_believed(monkeypatch):
    loose = {"eps_abs": 1e-2, "eps_rel": 1e-2}
    monkeypatch.setitem(oracle.SOLVERS, "SCS", [loose])
    problem = make("EGMTL", "shared", solver="SCS")
    with pytest.warns(ConvergenceWarning, match="duality gap reached is"):
        problem.fit()
    c = problem.model.certificate_
    assert problem.model.status_ == "optimal"
    assert not c.converged
    assert c.gap > 1e-6 * problem.declare().at_zero
    problem.model.set_params(tol=2 * c.relative_gap)
    assert problem.fit().certificate_.converged


def test_each_task_of_the_single_task_lasso_converges_by_itself(monkeypatch):
    # The second task is a billionth of the first: its gap vanishes in the sum, not in its own F(0).
    monkeypatch.setitem(oracle.SOLVERS, "SCS", [{"eps_abs": 1e-4, "eps_rel": 1e-4}])
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2)) * [1.0, 1e-9]
    model = STLasso([0.1, 1e-10], solver="SCS")
    with pytest.warns(ConvergenceWarning, match="for all tasks or one of them"):
        model.fit(X, y)
    assert not model.certificate_.converged
    assert model.certificate_.relative_gap <= model.tol


# -- solvers, designs, certificates ----------------------------------------------------------------


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize(("name", "design", "solver"), [(n, d, s) for n, d in CASES for s in SOLVERS[n]])
def test_every_solver_gives_a_tight_certificate(name, design, solver, intercept):
    problem = make(name, design, solver=solver, fit_intercept=intercept)
    model = problem.fit()
    tight(problem)
    c = model.certificate_
    assert c.form == "rows"
    assert np.isnan(c.kkt_residual)
    assert c.n_iter == model.n_iter_ >= 1
    assert c.gap == model.dual_gap_ == c.primal - c.dual
    assert model.status_ == "optimal"
    assert 0 <= model.solve_time_ < 60
    assert np.array_equal(model.coef_.T, sum(model.parts_.values()))
    assert model.intercept_.shape == (3,)
    assert bool(model.intercept_.any()) == intercept


@pytest.mark.parametrize("name", NAMES)
def test_powers_of_two_change_no_digit(name):
    # The normalisation is exact: in other units the very same primed problem is solved.
    problem = make(name, "shared")
    model = problem.fit()
    x, y, u = 2.0**13, 2.0**-9, 2.0**6  # u is the factor on all row weights
    kinds = {"norm": x * y * u, "square": x * x * u, "graph": x * x * u, "expert": 1.0}
    weights = {
        w: np.multiply(WEIGHTS[name][w], kinds[kind]) for w, kind in oracle.OBJECTIVES[name].weights.items()
    }
    weights = {w: v.tolist() if v.ndim else float(v) for w, v in weights.items()}
    other = make(name, "shared", weights=weights)
    other.X, other.y = other.X * x, other.y * y
    other.keywords["sample_weight"] = other.keywords["sample_weight"] * u
    if name == "EGMTL":
        other.keywords["X_expert"] = other.keywords["X_expert"] * x
        other.keywords["y_expert"] = other.keywords["y_expert"] * y
        other.keywords["sample_weight_expert"] = np.full(5, u)
    rescaled = other.fit()
    assert np.array_equal(rescaled.coef_ * (x / y), model.coef_)
    for key, theta in model.multipliers_.items():
        # theta scales like sqrt(u) y; where sqrt(2 lam) enters it is rounded once on either side.
        unit = y * np.sqrt(u)
        np.testing.assert_allclose(rescaled.multipliers_[key], theta * unit, rtol=8 * np.finfo(float).eps)


@pytest.mark.parametrize("scale_y", [1e-6, 1e6])
@pytest.mark.parametrize("scale_x", [1e-6, 1e6])
@pytest.mark.parametrize("name", NAMES)
def test_badly_scaled_data_are_solved_as_well(name, scale_x, scale_y):
    factor = {"norm": scale_x * scale_y, "square": scale_x**2, "graph": scale_x**2, "expert": 1.0}
    weights = {
        w: np.multiply(WEIGHTS[name][w], factor[kind]).tolist()
        for w, kind in oracle.OBJECTIVES[name].weights.items()
    }
    problem = make(name, "per task", weights=weights)
    problem.X, problem.y = problem.X * scale_x, problem.y * scale_y
    if name == "EGMTL":
        problem.keywords["X_expert"] = problem.keywords["X_expert"] * scale_x
        problem.keywords["y_expert"] = problem.keywords["y_expert"] * scale_y
    for solver in SOLVERS[name]:
        problem.model.set_params(solver=solver)
        problem.fit()
        tight(problem)


@pytest.mark.parametrize("weight", [0.0, 1e-12, 1e-3, 1e6, 1e12])
@pytest.mark.parametrize("name", NAMES)
def test_weights_from_nothing_to_everything(name, weight):
    # Without its experts: a term of weight 1e12 and one of weight 1e-12 do not fit one double.
    problem = make(name, "shared", weights=dict.fromkeys(WEIGHTS[name], weight))
    problem.keywords = {"sample_weight": problem.keywords["sample_weight"]}
    model = problem.fit()
    tight(problem)
    if weight >= 1e6:
        assert not model.coef_.any()


RNG = np.random.default_rng(1)
X0, Y0 = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 3))
DEGENERATE = {
    "y = 0": (X0, 0 * Y0),
    "X = 0": (0 * X0, Y0),
    "zero column": (X0 * [1, 0, 1], Y0),
    "constant columns": (np.ones((6, 3)), Y0),
    "duplicate columns": (X0[:, [0, 0, 0]], Y0),
    "one row": (X0[:1], Y0[:1]),
    "one feature": (X0[:, :1], Y0),
    "one task": (X0, Y0[:, 0]),
    "one of all": (X0[:1, :1], Y0[:1, 0]),
    "far from the origin": (X0 + 1e4, Y0 - 1e5),
    "integers": ((X0 * 4).astype(int), (Y0 * 4).astype(int)),
    "constant y": (X0, np.full((6, 3), 0.1)),
}


@pytest.mark.parametrize("zero_weights", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("data", DEGENERATE)
@pytest.mark.parametrize("name", NAMES)
def test_degenerate_data(name, data, intercept, zero_weights):
    X, y = DEGENERATE[data]
    weights = dict.fromkeys(WEIGHTS[name], 0.0 if zero_weights else 1.0)
    problem = (
        make(name, "shared", weights=weights, graph="chain")
        if name in ("SRMTL", "EGMTL")
        else (make(name, "shared", weights=weights))
    )
    problem.model.set_params(fit_intercept=intercept)
    problem.X, problem.y, problem.keywords = X, y, {}
    problem.fit()
    tight(problem)
    assert np.isfinite(problem.model.certificate_.relative_gap)
    if data == "y = 0":
        assert problem.model.certificate_.primal == 0
        assert problem.model.certificate_.relative_gap == 0


@pytest.mark.parametrize("name", ["SRMTL", "EGMTL"])
@pytest.mark.parametrize("graph", [[], np.zeros((3, 3)), sp.csr_array((3, 3))])
def test_empty_graph(name, graph):
    problem = make(name, "per task", graph=graph)
    problem.fit()
    tight(problem)
    assert problem.declare().edges == []


def test_without_coupling_each_task_is_alone():
    problem = make("MTLasso", "per task", weights={"alpha": 1.5, "beta": 0.0})
    together = problem.fit()
    single = make("STLasso", "per task", weights={"alpha": 1.5})
    single.fit()
    d = problem.declare()
    # The same objective: their brackets overlap.
    rounding = d.rounding(together.parts_) + d.rounding(single.model.parts_)
    assert together.certificate_.dual <= d.primal(single.model.parts_) + rounding
    assert single.model.certificate_.dual <= together.certificate_.primal + rounding


# -- forms of input --------------------------------------------------------------------------------


@pytest.mark.parametrize("design", DESIGNS)
def test_expert_mask_is_the_same_problem(design):
    problem = make("EGMTL", design)
    kw = problem.keywords
    n, e = len(problem.X), len(kw["X_expert"])
    reference = copy.deepcopy(problem).fit()
    order = np.random.default_rng(0).permutation(n + e)
    # Interleaved, with each block in its own order, the rows are the very same.
    mask = order >= n
    X, y = np.empty((n + e, 4)), np.empty((n + e, *problem.y.shape[1:]))
    X[~mask], X[mask] = problem.X, kw["X_expert"]
    y[~mask], y[mask] = problem.y, kw["y_expert"]
    u = np.ones_like(y)
    u[~mask] = kw["sample_weight"]
    u[mask] = kw.get("sample_weight_expert", 1.0)
    keywords = {"sample_weight": u, "expert": mask}
    if design == "per task":
        tasks = np.empty(n + e, dtype="<U1")
        tasks[~mask], tasks[mask] = kw["tasks"], kw["tasks_expert"]
        keywords["tasks"] = tasks
    model = clone(problem.model).fit(X, y, **keywords)
    assert np.array_equal(model.coef_, reference.coef_)
    assert model.certificate_.primal == reference.certificate_.primal
    nobody = clone(problem.model).fit(X, y, **keywords | {"expert": np.zeros(n + e, dtype=bool)})
    keywords.pop("expert")
    assert np.array_equal(nobody.coef_, clone(problem.model).fit(X, y, **keywords).coef_)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("name", NAMES)
def test_sparse_pandas_and_float32_are_the_same_data(name, design):
    problem = make(name, design)
    problem.X = problem.X.astype(np.float32)
    if "X_expert" in problem.keywords:
        problem.keywords["X_expert"] = problem.keywords["X_expert"].astype(np.float32)
    before = copy.deepcopy(problem)
    reference = problem.fit().certificate_
    for convert in (sp.csr_array, sp.csc_matrix, lambda X: pd.DataFrame(X, columns=list("abcd"))):
        other = make(name, design, fit_intercept=False)
        other.X = convert(problem.X)
        if "X_expert" in problem.keywords:
            other.keywords["X_expert"] = convert(problem.keywords["X_expert"])
        found = other.fit().certificate_
        d = other.declare()
        rounding = d.rounding(problem.model.parts_) + d.rounding(other.model.parts_)
        assert found.dual <= reference.primal + rounding
        assert reference.dual <= found.primal + rounding
        tight(other)
    assert list(other.model.feature_names_in_) == list("abcd")
    # Inputs are as they were.
    np.testing.assert_array_equal(problem.X, before.X)
    np.testing.assert_array_equal(problem.y, before.y)
    for key, value in before.keywords.items():
        np.testing.assert_array_equal(problem.keywords[key], value)


def test_sparse_constants_stay_sparse():
    model = make("MTLasso", "shared").model.fit(sp.eye_array(6, format="csr"), np.ones(6))
    assert any(sp.issparse(c.value) for c in model.problem_.constants())


def test_shapes_of_answers():
    X, y = X0, Y0[:, 0]
    flat = MTLasso(fit_intercept=True).fit(X, y)
    assert flat.coef_.shape == (1, 3)
    assert isinstance(flat.intercept_, float)
    assert flat.predict(X).shape == (6,)
    assert MTLasso().fit(X, y).intercept_ == 0.0
    column = MTLasso().fit(X, y[:, None])
    assert column.predict(X).shape == (6, 1)
    assert np.array_equal(column.coef_, MTLasso().fit(X, y).coef_)
    tasks = ["b", "a", "b", "a", "b", "a"]
    per_task = MTLasso(fit_intercept=True).fit(X, y, tasks=tasks)
    assert list(per_task.tasks_) == ["a", "b"]
    assert per_task.predict(X).shape == (6, 2)
    chosen = per_task.predict(X, tasks=tasks)
    assert np.array_equal(chosen, per_task.predict(X)[np.arange(6), [1, 0, 1, 0, 1, 0]])
    assert set(per_task.parts_) == {"W"}
    assert per_task.score(X, y, tasks=tasks) == pytest.approx(
        1 - ((y - chosen) ** 2).sum() / ((y - y.mean()) ** 2).sum(), rel=1e-12
    )


def test_rows_in_any_order():
    problem = make("DirtyMTL", "per task")
    reference = problem.fit()
    order = np.random.default_rng(3).permutation(20)
    kw = {key: np.asarray(value)[order] for key, value in problem.keywords.items()}
    other = clone(reference).fit(problem.X[order], problem.y[order], **kw)
    d = problem.declare()
    rounding = d.rounding(reference.parts_) + d.rounding(other.parts_)
    assert d.primal(other.parts_) >= reference.certificate_.dual - rounding
    assert other.certificate_.dual <= reference.certificate_.primal + rounding
    # The multipliers are in the user's order of rows.
    moved = d.dual({"crowd": other.multipliers_["crowd"][np.argsort(order)]})
    assert reference.certificate_.primal - moved.value <= 1e-6 * d.at_zero + rounding


def test_universe_of_tasks():
    X, y = X0, Y0[:, 0]
    tasks = [3, 1, 3, 1, 3, 1]
    model = SRMTL(task_labels=[3, 2, 1], graph="chain").fit(X, y, tasks=tasks)
    assert model.tasks_.tolist() == [1, 2, 3]
    assert model.coef_.shape == (3, 3)
    assert model.predict(X, tasks=[2] * 6).shape == (6,)
    lone = STLasso(0.0, task_labels=[1, 2, 3], fit_intercept=True).fit(X, y, tasks=tasks)
    assert lone.intercept_[1] == 0
    assert lone.certificate_.converged
    assert MTLasso(task_labels=["p", "q", "r"]).fit(X, Y0).tasks_.tolist() == ["p", "q", "r"]


def test_a_task_that_nothing_is_known_of_is_exactly_zero():
    u = np.ones((6, 3)) * [1.0, 0.0, 1.0]
    for solver in SOLVERS["STLasso"]:
        model = STLasso(0.002, solver=solver).fit(X0[:1], Y0[:1], sample_weight=u[:1])
        assert not model.coef_[1].any()
        assert model.certificate_.converged


def test_missing_ratings_and_weights_of_zero_do_not_count():
    y, u = Y0.copy(), np.ones_like(Y0)
    y[1, 2] = y[4, 0] = np.nan
    u[1, 2] = u[4, 0] = 0
    model = MTLasso(fit_intercept=True).fit(X0, y, sample_weight=u)
    filled = np.where(np.isnan(y), 1e9, y)
    assert np.array_equal(model.coef_, MTLasso(fit_intercept=True).fit(X0, filled, sample_weight=u).coef_)
    assert model.multipliers_["crowd"][1, 2] == 0
    assert model.certificate_.dual_point["crowd"][4, 0] == 0
    assert model.score(X0, y, sample_weight=u) == model.score(X0, filled, sample_weight=u)


# -- life in scikit-learn --------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_pickle_and_clone(name):
    problem = make(name, "shared")
    model = problem.fit()
    loaded = pickle.loads(pickle.dumps(model))
    assert np.array_equal(loaded.predict(problem.X), model.predict(problem.X))
    assert loaded.certificate_.gap == model.certificate_.gap
    with pytest.raises(AttributeError, match="pickled"):
        _ = loaded.problem_
    problem.model = loaded
    assert np.array_equal(problem.fit().coef_, model.coef_)
    assert isinstance(loaded.problem_, cp.Problem)
    fresh = clone(model)
    assert not hasattr(fresh, "coef_")
    with pytest.raises(AttributeError, match="not fitted"):
        _ = fresh.problem_
    assert fresh.get_params() == model.get_params()


def test_warm_start_is_still_certified():
    problem = make("EGMTL", "shared", solver="SCS", warm_start=True)
    problem.fit()
    for lam3 in (1.0, 0.5, 0.25):
        problem.model.set_params(lam3=lam3)
        problem.fit()
        tight(problem)


def test_a_failed_fit_leaves_the_last_answer(monkeypatch):
    problem = make("MTLasso", "shared")
    model = problem.fit()
    before = model.coef_
    monkeypatch.setattr(cp.Problem, "status", property(lambda self: "infeasible"))
    with pytest.raises(OracleError):
        problem.fit()
    assert model.coef_ is before


def test_experts_cannot_be_cut_by_cross_validation():
    problem = make("EGMTL", "shared")
    X, Y = X0, Y0
    for P, V in ((X, Y), (problem.keywords["X_expert"], problem.keywords["y_expert"])):
        with pytest.raises(ValueError, match="expert="):
            cross_val_score(EGMTL(), X, Y, params={"X_expert": P, "y_expert": V}, cv=2, error_score="raise")
    mask = np.array([True, False, False, True, False, False])
    scores = cross_val_score(EGMTL(), X, Y, params={"expert": mask}, cv=2, error_score="raise")
    assert np.isfinite(scores).all()


def test_metadata_routing():
    mask = np.array([True, False, False, True, False, False])
    u = np.linspace(0.5, 1.5, 6)
    with sklearn.config_context(enable_metadata_routing=True):
        for never in ("X_expert", "y_expert", "tasks_expert", "sample_weight_expert"):
            with pytest.raises(TypeError, match=never):
                EGMTL().set_fit_request(**{never: True})
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        model = EGMTL().set_fit_request(expert=True, sample_weight=True, tasks=True)
        model.set_score_request(sample_weight=True, tasks=True).set_predict_request(tasks=False)
        search = GridSearchCV(make_pipeline(scaler, model), {"egmtl__lam3": [0.1, 1.0]}, cv=2)
        search.fit(X0, Y0[:, 0], expert=mask, sample_weight=u, tasks=np.array([0, 1, 0, 1, 0, 1]))
        assert search.best_estimator_[-1].certificate_.converged
        for name in NAMES:
            request = make(name, "shared").model.set_fit_request(tasks=True, sample_weight=True)
            assert request.get_metadata_routing().fit.requests == (
                {"tasks": True, "sample_weight": True} | ({"expert": None} if name == "EGMTL" else {})
            )


def test_no_warning_on_ordinary_problems():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, design in CASES:
            make(name, design, seed=5).fit()
