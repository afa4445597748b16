"""Objectives that must coincide, and changes of the data that must only change the answer accordingly.

None compares a formula with itself: FISTA solves one problem, and its answer V is judged as an answer to the
other, by the declared objective F of `formulations` and a lower bound D on its minimum, which `formulations`
evaluates at a dual point of that other problem. If F* - D <= tol_D F(0), and V is within tol_V F(0) of the
minimum because the two problems are the same, then F(V) - D <= (tol_V + tol_D) F(0), up to rounding.
"""

import cvxpy as cp
import numpy as np
import pytest
import sklearn.linear_model as linear
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sklearn.base import clone

import fista
import formulations
from formulations import declare
from verification.strategies import DESIGNS, GRAPH, OBJECTIVES, RIDGE, SPARSITY, Case, cases

TOL = 1e-8
FIT = {"tol": TOL, "max_iter": 1_000_000}
EPS = np.finfo(float).eps

identity = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
either_design = pytest.mark.parametrize("design", DESIGNS)
any_objective = pytest.mark.parametrize("objective", OBJECTIVES)


def tame(objective, design):
    """Cases whose answers are compared across problems: no unpenalised blocks, moderate conditioning."""
    return cases(objective, design, max_condition=2, zero_weights=False, plain=True)


def solve(case, **settings):
    model = case.model(**FIT, **settings).fit(**case.data)
    assert model.certificate_.converged, str(model.certificate_)
    return model


def total(model):
    return sum(model.parts_.values())


def assert_optimal(parts, model, data, tol=TOL):
    """The coefficients are within tol * F(0) of the minimum of the model's objective on the data."""
    parts = parts if isinstance(parts, dict) else {"W": parts}
    other = clone(model).set_params(**FIT).fit(**data)
    assert other.certificate_.converged, str(other.certificate_)
    declared = declare(other, **data)
    lower = declared.dual(other.certificate_.dual_point).value
    rounding = declared.rounding(parts) + declared.rounding(other.parts_) + other.certificate_.rounding
    excess = declared.primal(parts) - lower
    assert excess <= (tol + TOL) * declared.at_zero + rounding, (
        f"{other} on {data}: {excess:.3g}, F(0) = {declared.at_zero:.3g}"
    )


@either_design
@given(data=st.data())
@identity
def test_stlasso_is_mtlasso_without_ridge(design, data):
    case = data.draw(tame("MTLasso", design))
    alpha, intercept = case.parameters["alpha"], case.parameters["fit_intercept"]
    joint = fista.MTLasso(alpha, 0.0, fit_intercept=intercept, **FIT).fit(**case.data)
    alone = fista.STLasso(alpha, fit_intercept=intercept, **FIT).fit(**case.data)
    assert_optimal(total(joint), alone, case.data)
    assert_optimal(total(alone), joint, case.data)


@given(case=tame("STLasso", "per-task"))
@identity
def test_stlasso_is_scikit_learns_lasso_task_by_task(case):
    assume("sample_weight" not in case.data)
    model = solve(case)
    X, y, tasks = case.data["X"], case.data["y"], case.data["tasks"]
    alphas = np.broadcast_to(case.parameters["alpha"], len(model.tasks_))
    for t, alpha in enumerate(alphas):
        rows = tasks == model.tasks_[t]
        # theirs: 1/(2N) ||y - Xw||^2 + a ||w||_1, stopped at a gap of tol ||y||^2 / N (centred): as SSQ the
        # gap is 2N times that, 2 tol F(0).
        theirs = linear.Lasso(
            alpha / (2 * rows.sum()),
            fit_intercept=case.parameters["fit_intercept"],
            tol=1e-10,
            max_iter=1_000_000,
        ).fit(X[rows], y[rows])
        own = fista.STLasso(float(alpha), fit_intercept=case.parameters["fit_intercept"])
        assert_optimal(theirs.coef_[:, None], own, {"X": X[rows], "y": y[rows]}, tol=2e-10)
        assert_optimal(model.coef_[t][:, None], own, {"X": X[rows], "y": y[rows]})


@given(case=tame("L21MTL", "shared"))
@identity
def test_l21mtl_is_scikit_learns_multi_task_lasso(case):
    assume("sample_weight" not in case.data)
    intercept = case.parameters["fit_intercept"]
    ours = fista.L21MTL(case.parameters["alpha"], 0.0, fit_intercept=intercept, **FIT).fit(**case.data)
    theirs = linear.MultiTaskLasso(
        case.parameters["alpha"] / (2 * len(case.data["X"])),
        fit_intercept=intercept,
        tol=1e-10,
        max_iter=1_000_000,
    ).fit(**case.data)
    assert_optimal(theirs.coef_.T, ours, case.data, tol=2e-10)
    assert_optimal(total(ours), ours, case.data)


@either_design
@given(data=st.data())
@identity
def test_egmtl_without_experts_is_srmtl(design, data):
    case = data.draw(tame("EGMTL", design))
    rows = {k: v for k, v in case.data.items() if "expert" not in k}
    lam2, lam3, graph = (case.parameters[k] for k in ("lam2", "lam3", "graph"))
    common = {"graph": graph, "fit_intercept": case.parameters["fit_intercept"], **FIT}
    guided = fista.EGMTL(1.0, lam2, lam3, **common).fit(**rows)
    sparse = fista.SRMTL(2 * lam2, 2 * lam3, 0.0, **common).fit(**rows)
    assert_optimal(total(guided), sparse, rows)
    assert_optimal(total(sparse), guided, rows)


@either_design
@given(data=st.data())
@identity
def test_srmtl_without_graph_is_mtlasso(design, data):
    case = data.draw(tame("SRMTL", design))
    beta, gamma, intercept = (case.parameters[k] for k in ("beta", "gamma", "fit_intercept"))
    graph = fista.SRMTL(0.0, beta, gamma, fit_intercept=intercept, **FIT).fit(**case.data)
    plain = fista.MTLasso(beta, gamma, fit_intercept=intercept, **FIT).fit(**case.data)
    assert_optimal(total(graph), plain, case.data)
    assert_optimal(total(plain), graph, case.data)


@given(case=cases("L21MTL", "shared", max_tasks=1, max_condition=2, zero_weights=False, plain=True))
@identity
def test_with_one_task_the_sparse_norms_coincide(case):
    alpha, beta, intercept = (case.parameters[k] for k in ("alpha", "beta", "fit_intercept"))
    settings_ = {"fit_intercept": intercept, **FIT}
    rows = fista.L21MTL(alpha, beta, **settings_).fit(**case.data)
    assert_optimal(total(rows), fista.MTLasso(alpha, beta, **settings_), case.data)
    # With one task the row norms are absolute values: the cheaper of the two parts takes everything.
    dirty = fista.DirtyMTL(alpha, 2 * alpha, **settings_).fit(**case.data)
    assert_optimal(total(dirty), fista.STLasso(alpha, **settings_), case.data)


@either_design
@given(data=st.data())
@identity
def test_dirty_with_costly_rows_is_l1(design, data):
    case = data.draw(tame("DirtyMTL", design))
    rho2 = case.parameters["rho2"]
    n_tasks = len(solve(case).tasks_)
    case = Case(case.objective, {**case.parameters, "rho1": n_tasks * rho2}, case.data)
    plain = fista.MTLasso(rho2, 0.0, fit_intercept=case.parameters["fit_intercept"], **FIT)
    assert_optimal(total(solve(case)), plain, case.data)


@either_design
@given(data=st.data())
@identity
def test_robust_with_costly_outliers_is_row_l21(design, data):
    case = data.draw(tame("RobustMTL", design))
    rho1, D = case.parameters["rho1"], case.data["X"].shape[1]
    case = Case(case.objective, {**case.parameters, "rho2": 1.001 * np.sqrt(D) * rho1}, case.data)
    plain = fista.L21MTL(rho1, 0.0, fit_intercept=case.parameters["fit_intercept"], **FIT)
    assert_optimal(total(solve(case)), plain, case.data)


LIMITS = {
    # objective, weights (cheap part first) -> the norm that is left, by its definition
    "DirtyMTL": lambda W: cp.sum(cp.max(cp.abs(W), axis=1)),
    "RobustMTL": lambda W: cp.sum(cp.norm(W, 2, axis=0)),
}


@pytest.mark.parametrize("objective", LIMITS)
@given(data=st.data())
@settings(identity, max_examples=20)
def test_the_other_limit_of_the_split(objective, data):
    """Dirty at rho2 >= rho1 is l1/l-infinity, Robust at rho1 >= sqrt(T) rho2 is column l21.

    F of the split is at most F of the norm, so a split W with gap g has F_norm(W) <= F_split* + g
    <= F_norm(any V) + g: for V we take CVXPY's answer.
    """
    case = data.draw(
        cases(objective, "shared", max_condition=2, zero_weights=False, plain=True).filter(
            lambda c: "sample_weight" not in c.data and not c.parameters["fit_intercept"]
        )
    )
    X, Y = case.data["X"], case.data["y"]
    assume(X.any() and Y.any())
    (D, T), weight = (X.shape[1], Y.shape[1]), case.parameters["rho1"]
    weights = (
        {"rho1": weight, "rho2": 1.001 * weight}
        if objective == "DirtyMTL"
        else {"rho1": 1.001 * np.sqrt(T) * weight, "rho2": weight}
    )
    split = solve(Case(objective, {**case.parameters, **weights}, case.data))
    W = cp.Variable((D, T))
    scale = np.abs(Y).max()
    unit = scale / np.abs(X).max()  # an exact equivalence: W in units of y / x
    loss = cp.sum_squares((Y - unit * X @ W) / scale)
    problem = cp.Problem(cp.Minimize(loss + weight * unit / scale**2 * LIMITS[objective](W)))
    problem.solve(solver="CLARABEL")

    def value(V):
        return float(np.square(Y - X @ V).sum() + weight * LIMITS[objective](cp.Constant(V)).value)

    certificate = split.certificate_
    # value() sums N T + D T terms of the size of its parts: rounding of at most that many eps of F
    rounding = certificate.rounding + (X.size + Y.size + D * T) * EPS * value(np.zeros((D, T)))
    assert value(total(split)) <= value(unit * W.value) + certificate.gap + rounding


@any_objective
@given(data=st.data())
@identity
def test_integer_weights_are_repeated_rows(objective, data):
    case = data.draw(tame(objective, "per-task"))
    rows = {k: v for k, v in case.data.items() if k != "sample_weight"}
    counts = np.array(
        data.draw(st.lists(st.integers(1, 3), min_size=len(rows["X"]), max_size=len(rows["X"])))
    )
    repeated = {k: np.repeat(v, counts, axis=0) if k in ("X", "y", "tasks") else v for k, v in rows.items()}
    weighted = {**rows, "sample_weight": counts.astype(float)}
    assert_optimal(solve(Case(objective, case.parameters, weighted)).parts_, case.model(), repeated)
    assert_optimal(solve(Case(objective, case.parameters, repeated)).parts_, case.model(), weighted)


@any_objective
@given(data=st.data())
@identity
def test_permutations(objective, data):
    """Rows leave the answer, features and tasks permute it."""
    case = data.draw(tame(objective, "shared"))
    N, D = case.data["X"].shape
    T = case.data["y"].shape[1]
    rows, features, tasks = (np.array(data.draw(st.permutations(range(n)))) for n in (N, D, T))
    moved = dict(case.data)
    moved["X"] = case.data["X"][np.ix_(rows, features)]
    moved["y"] = case.data["y"][np.ix_(rows, tasks)]
    if (u := case.data.get("sample_weight")) is not None:
        moved["sample_weight"] = u[rows] if u.ndim == 1 else u[np.ix_(rows, tasks)]
    if "X_expert" in moved:
        moved["X_expert"] = case.data["X_expert"][:, features]
        moved["y_expert"] = case.data["y_expert"][:, tasks]
    parameters = dict(case.parameters)
    if objective in GRAPH:
        place = np.argsort(tasks)  # where a task has gone
        edges = fista.graphs.read_edges(parameters["graph"], T)
        parameters["graph"] = [(int(place[i]), int(place[j]), g) for i, j, g in edges]
    if np.ndim(parameters.get("alpha", 0)):
        parameters["alpha"] = parameters["alpha"][tasks]
    answer = solve(Case(objective, parameters, moved))
    back = {
        name: part[np.ix_(np.argsort(features), np.argsort(tasks))] for name, part in answer.parts_.items()
    }
    assert_optimal(back, case.model(), case.data)


@any_objective
@given(data=st.data())
@identity
def test_rotating_the_rows_changes_nothing(objective, data):
    case = data.draw(
        tame(objective, "shared").filter(
            lambda c: "sample_weight" not in c.data and not c.parameters["fit_intercept"]
        )
    )
    seed = data.draw(st.integers(0, 1000))
    N = len(case.data["X"])
    Q, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((N, N)))
    turned = {**case.data, "X": Q @ case.data["X"], "y": Q @ case.data["y"]}
    answer = solve(Case(objective, case.parameters, turned))
    # Q is orthogonal to N eps: F is changed by some N eps F(0) = 1e-15 F(0), a millionth of TOL.
    assert_optimal(answer.parts_, case.model(), case.data)


@any_objective
@either_design
@given(data=st.data())
@identity
def test_scaling_data_and_weights_scales_the_answer(objective, design, data):
    """Y -> a y, X -> b X, W -> a/b W: norms need weights times a b, squares of W weights times b^2."""
    case = data.draw(tame(objective, design))
    a, b = (10.0 ** data.draw(st.integers(-6, 6)) for _ in range(2))
    scaled = {
        k: v * b if k.startswith("X") else v * a if k.startswith("y") else v for k, v in case.data.items()
    }
    parameters = dict(case.parameters)
    for name in SPARSITY[objective]:
        parameters[name] = parameters[name] * a * b
    for names in (RIDGE, GRAPH):
        if objective in names:
            parameters[names[objective]] = parameters[names[objective]] * b**2
    answer = solve(Case(objective, parameters, scaled))
    assert_optimal({k: v * b / a for k, v in answer.parts_.items()}, case.model(), case.data)


@pytest.mark.parametrize("objective", GRAPH)
@either_design
@given(data=st.data())
@identity
def test_linked_tasks_are_close(objective, design, data):
    """Lam g^2 ||w_i - w_j||^2 <= F(W) <= F(0) + gap."""
    case = data.draw(tame(objective, design))
    answer = solve(case)
    lam = case.parameters[GRAPH[objective]]
    most = declare(case.model(), **case.data).at_zero + answer.certificate_.gap
    for i, j, g in fista.graphs.read_edges(case.parameters["graph"], len(answer.tasks_)):
        if lam * g > 0:
            apart = np.linalg.norm(answer.coef_[i] - answer.coef_[j])
            # one subtraction and a norm of D terms, relative to the larger of the two
            size = np.linalg.norm(answer.coef_[i]) + np.linalg.norm(answer.coef_[j])
            assert apart <= np.sqrt(most / lam) / g + answer.coef_.shape[1] * EPS * size


@any_objective
@either_design
@given(data=st.data())
@identity
def test_both_packages_find_the_same_lambda_max(objective, design, data):
    """Both are the polar of M'b: one from blocks of rows, the other from M written out.

    An entry of M'b is a sum of n products, computed to gamma_n ||M_.d|| ||b||. The polar of such errors is at
    most their sum over a group, D or T of them, divided by the smallest weight.
    """
    case = data.draw(tame(objective, design))
    declared = declare(case.model(), **case.data)
    ours, theirs = case.model().lambda_max(**case.data), case.model(formulations).lambda_max(**case.data)
    M, b = declared.M, declared.b_uncentred
    largest = np.sqrt(M.power(2).sum(axis=0).max()) * np.linalg.norm(b)
    smallest_weight = min(float(np.min(case.parameters[name])) for name in SPARSITY[objective])
    error = 2 * sum(M.shape) * EPS * largest * sum(declared.M.shape) / smallest_weight
    assert abs(ours - theirs) <= error
