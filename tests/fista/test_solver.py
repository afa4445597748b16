"""The iteration and what consumes it: states, stopping, steps, starts, forms of data."""

import copy
import itertools
import warnings
from itertools import islice, pairwise

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

import fista as package
from fista import EGMTL, L21MTL, SRMTL, MTLasso, STLasso, losses
from fista.certificate import certify, seems_solved
from fista.graphs import Graph
from fista.losses import Centering, GramLoss, OperatorLoss
from fista.penalties import L1, ColumnL21, InfimalConvolution, RowL1Linf, RowL21
from fista.problem import Problem
from fista.rows import SharedRows, TaskRows
from fista.solver import fista, minimize
from tests.fista.brackets import assert_same_coefficients, assert_same_minimum
from tests.fista.explicit import EPS, NAMES, Explicit, make, problem_of

CASES = pytest.mark.parametrize(
    ("name", "design", "intercept"),
    [(n, d, c) for n in NAMES for d in ("shared", "per task") for c in (False, True)],
)
PENALTIES = {
    "l1": (L1(3.0), 0.0),
    "l1 and ridge": (L1(3.0), 0.5),
    "l1 a task": (L1(np.array([3.0, 0.1, 9.0])), 0.0),
    "l21": (RowL21(4.0), 0.0),
    "dirty": (InfimalConvolution(RowL1Linf(6.0), L1(3.0)), 0.0),
    "robust": (InfimalConvolution(RowL21(5.0), ColumnL21(9.0)), 0.0),
}
LAYOUTS = ("shared", "a weight each", "per task", "both")


def blocks_of(layout, *, sparse=False, D=6, T=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(12, D)) * (rng.random((12, D)) < 0.7)
    Y = rng.normal(size=(12, T)) + 1.0
    P, v = rng.normal(size=(10, D)), rng.normal(size=10)
    task = np.arange(10) % T
    if sparse:
        X, P = sp.csr_array(X), sp.csr_array(P)
    weight = rng.uniform(0.5, 2.0, size=(12, T if layout == "a weight each" else 1))
    blocks = {
        "crowd": SharedRows(X, Y, weight),
        "expert": TaskRows(P, v, rng.uniform(0.5, 2, size=10), task, T),
    }
    if layout == "both":
        return blocks
    return {"expert": blocks["expert"]} if layout == "per task" else {"crowd": blocks["crowd"]}


def loss_of(kind, layout, *, intercept=False, graph=None, **options):
    blocks = blocks_of(layout, **options)
    edges = None if graph is None else Graph.of(graph, 3)
    return kind(blocks, Centering.of(list(blocks.values()), intercept), edges)


# -- the generator -------------------------------------------------------------------------------


@CASES
def test_the_start_comes_first_and_is_not_changed(name, design, intercept):
    model, X, y, data = make(name, design, fit_intercept=intercept)
    problem = problem_of(model, X, y, **data)
    start = np.random.default_rng(0).normal(size=problem.shape)
    before = start.copy()
    start.flags.writeable = False
    states = list(itertools.islice(fista(problem, start), 12))
    np.testing.assert_array_equal(states[0].W, before)
    np.testing.assert_array_equal(start, before)
    assert [state.n_iter for state in states] == list(range(1, 13))
    for state in states:
        # The image that a state carries is the one of its point: the same products, in the same order.
        np.testing.assert_array_equal(state.image, problem.image(state.W))
    # Points are not overwritten by later ones.
    assert len({state.W.tobytes() for state in states}) == 12


@CASES
def test_the_first_step_is_a_proximal_gradient_step_and_never_goes_up(name, design, intercept):
    model, X, y, data = make(name, design, fit_intercept=intercept)
    problem, explicit = problem_of(model, X, y, **data), Explicit(model, X, y, **data)
    start = np.random.default_rng(0).normal(size=problem.shape)
    first, second = itertools.islice(fista(problem, start), 2)
    parts = [list(s.W) if s.W.ndim == 3 else [s.W] for s in (first, second)]
    assert explicit.objective(parts[1]) <= explicit.objective(parts[0]) + explicit.slack(parts[0])


@pytest.mark.parametrize("name", NAMES)
def test_convergence_is_as_fast_as_the_theory_says(name):
    """Beck and Teboulle: F(W_k) - F* <= 2 L ||W_0 - W*||^2 / (k + 1)^2 for FISTA without restarts.

    A restart begins the count anew from a better point, so it is checked up to the first. A gradient off by a
    factor, or momentum from the extrapolated point, breaks it.
    """
    model, X, y, data = make(name, "shared", tol=1e-13)
    problem, explicit = problem_of(model, X, y, **data), Explicit(model, X, y, **data)
    model.fit(X, y, **data)
    solution = np.stack(list(model.parts_.values())).reshape(problem.shape)
    start = problem.start()
    L = float(np.max(problem.lipschitz[0]))
    best = min(explicit.objective(model.parts_), explicit.objective(explicit.reference()))
    distance = float(np.sum((start - solution) ** 2))
    previous, checked = None, 0
    for k, state in zip(range(60), fista(problem, start), strict=False):
        parts = list(state.W) if state.W.ndim == 3 else [state.W]
        F = explicit.objective(parts)
        if previous is not None and previous < F:
            break  # only momentum lets F rise: a restart follows
        if k:
            assert F - best <= 2 * L * distance / (k + 1) ** 2 + explicit.slack(parts)
            checked += 1
        previous = F
    assert checked >= 3


# -- minimize ------------------------------------------------------------------------------------


@CASES
def test_the_callback_sees_every_state(name, design, intercept):
    model, X, y, data = make(name, design, fit_intercept=intercept)
    problem = problem_of(model, X, y, **data)
    seen = []
    state, proof = minimize(problem, callback=seen.append)
    assert [s.n_iter for s in seen] == list(range(1, state.n_iter + 1))
    assert seen[-1] is state
    assert proof.n_iter == state.n_iter
    assert proof.converged
    np.testing.assert_array_equal(seen[0].W, problem.start())


@CASES
def test_the_count_of_iterations_is_bounded(name, design, intercept):
    """With mu the smallest eigenvalue of M'M, FISTA restarted whenever F could rise needs O(sqrt(L / mu)).

    Every 2 e sqrt(L / mu) iterations the distance to F* falls by e^2 (Necoara, Nesterov, Glineur); adaptive
    restarts do about as well, and the gap is looked at every 3 + sqrt(2 n) iterations.
    Where parts or null spaces leave no mu, 500 iterations are what these problems of 12 numbers may take.
    """
    model, X, y, data = make(name, design, fit_intercept=intercept, tol=1e-8)
    model.fit(X, y, **data)
    problem, explicit = problem_of(model, X, y, **data), Explicit(model, X, y, **data)
    L = float(np.max(problem.lipschitz[0]))
    centred = (
        explicit.M[:, :12] - explicit.M[:, 12:] @ np.linalg.pinv(explicit.M[:, 12:]) @ explicit.M[:, :12]
    )
    mu = float(np.linalg.eigvalsh(centred.T @ centred)[0]) + 2 * explicit.beta
    bound = 500.0
    if problem.penalty.n_parts == 1:
        # From F(0) to a gap of 1e-8 F(0). A gap at W is at most a constant times the square root of the
        # distance to F*: twice the digits.
        enough = 2 * np.e * np.sqrt(L / mu) * (np.log(1e16) / 2 + 1)
        bound = min(bound, enough + 3 + np.sqrt(2 * enough))
    assert model.n_iter_ <= bound
    # So does the bare iteration, without Newton steps to put it right.
    states = islice(fista(problem, problem.start()), int(bound))
    assert any(seems_solved(problem, *problem.settled(s.W, s.image), s.n_iter, 1e-8) for s in states)


@pytest.mark.parametrize("name", NAMES)
def test_max_iter_ends_with_a_warning_that_states_the_gap(name):
    model, X, y, data = make(name, "shared", max_iter=2, tol=1e-12)
    with pytest.warns(ConvergenceWarning) as caught:
        model.fit(X, y, **data)
    (warning,) = caught
    assert model.n_iter_ == 2
    assert not model.certificate_.converged
    for said in (name, "max_iter=2", f"{model.dual_gap_:.3g}", "tol=1e-12", "Raise max_iter", "warm_start"):
        assert said in str(warning.message)
    assert warning.filename == __file__
    # Not converged, but certified: the gap is still a bound.
    explicit = Explicit(model, X, y, **data)
    excess = explicit.objective(model.parts_) - explicit.objective(explicit.reference())
    assert excess <= model.dual_gap_ + model.certificate_.rounding + explicit.slack(model.parts_)
    assert model.dual_gap_ > 1e-12 * explicit.at_zero()


def test_max_iter_of_one_is_no_exception():
    with pytest.warns(ConvergenceWarning, match="max_iter=1 "):
        model = MTLasso(max_iter=1).fit([[1.0, 2.0], [3.0, 1.0]], [5.0, 6.0])
    assert model.n_iter_ == 1
    assert not model.coef_.any()


def test_no_warning_where_the_promise_is_kept():
    model, X, y, data = make("DirtyMTL", "shared")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y, **data)


@pytest.mark.parametrize("name", NAMES)
def test_a_tolerance_of_zero_is_reached_to_rounding_or_warned_of(name):
    model, X, y, data = make(name, "shared", tol=0.0, max_iter=2000)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y, **data)
    proof = model.certificate_
    assert proof.converged == (not caught)
    assert proof.converged == (proof.gap <= proof.rounding)


# -- starts --------------------------------------------------------------------------------------


@CASES
def test_a_warm_start_is_not_slower(name, design, intercept):
    model, X, y, data = make(name, design, fit_intercept=intercept)
    cold = model.fit(X, y, **data).n_iter_
    parts = {k: v.copy() for k, v in model.parts_.items()}
    model.set_params(warm_start=True).fit(X, y, **data)
    assert model.n_iter_ == 1  # it starts where the certificate was passed
    for key, part in parts.items():
        np.testing.assert_array_equal(model.parts_[key], part)
    model.set_params(tol=1e-8).fit(X, y, **data)
    assert model.certificate_.converged
    from_zero = make(name, design, fit_intercept=intercept, tol=1e-8)[0].fit(X, y, **data).n_iter_
    assert model.n_iter_ <= from_zero
    assert cold >= 1


def test_a_warm_start_goes_on_after_max_iter():
    model, X, y, data = make("RobustMTL", "shared", warm_start=True, max_iter=30, tol=1e-10)
    gaps = []
    for _ in range(100):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            gaps.append(model.fit(X, y, **data).dual_gap_)
        if model.certificate_.converged:
            break
    assert model.certificate_.converged
    assert len(gaps) > 2
    assert gaps[-1] < gaps[0]


def test_a_warm_start_of_another_shape_is_dropped():
    rng = np.random.default_rng(0)
    model = MTLasso(warm_start=True).fit(rng.normal(size=(8, 4)), rng.normal(size=(8, 2)))
    assert model.fit(rng.normal(size=(8, 3)), rng.normal(size=(8, 3))).certificate_.converged
    # 2 x 6 and 6 x 2 have as many numbers: the start is no better than any other, the answer is certified.
    X, Y = rng.normal(size=(8, 6)), rng.normal(size=(8, 2))
    model.fit(rng.normal(size=(8, 2)), rng.normal(size=(8, 6)))
    again = model.fit(X, Y)
    assert again.coef_.shape == (2, 6)
    assert again.certificate_.converged


@pytest.mark.parametrize("name", NAMES)
def test_a_start_far_away_leads_to_the_same_answer(name):
    model, X, y, data = make(name, "shared", tol=1e-10)
    problem, explicit = problem_of(model, X, y, **data), Explicit(model, X, y, **data)
    start = 1e3 * np.random.default_rng(0).normal(size=problem.shape)
    state, proof = minimize(problem, start, tol=1e-10)
    near, other = minimize(problem, tol=1e-10)
    assert proof.converged
    # Both gaps bound the distance in M w: F is 1-strongly convex there.
    total = [problem.total(s.W).T.ravel() for s in (state, near)]
    rounding = [
        p.rounding + explicit.slack(list(s.W) if s.W.ndim == 3 else [s.W])
        for s, p in ((state, proof), (near, other))
    ]
    bound = np.sqrt(2 * (proof.gap + rounding[0])) + np.sqrt(2 * (other.gap + rounding[1]))
    assert np.linalg.norm(explicit.M @ (total[0] - total[1])) <= bound


# -- the two forms of the loss -------------------------------------------------------------------


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("graph", [None, [(0, 1), (1, 2, 2.0)]])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gram_and_operator_form_are_the_same_quadratic(layout, graph, intercept, sparse):
    gram = loss_of(GramLoss, layout, graph=graph, intercept=intercept, sparse=sparse)
    rows = loss_of(OperatorLoss, layout, graph=graph, intercept=intercept, sparse=sparse)
    W = np.random.default_rng(1).normal(size=(6, 3))
    np.testing.assert_array_equal(gram.linear, rows.linear)
    np.testing.assert_array_equal(gram.energy, rows.energy)
    # Entry (d, t) sums products that are at most ||M_d|| sum_e ||M_e|| |w_e|, before centring; centring makes
    # it four such sums, and the graph adds K.
    norms = np.broadcast_to(gram.column_norms, (6, 3))
    size = 4 * norms * (norms * np.abs(W)).sum(axis=0)
    if graph is not None:
        size = size + np.abs(W) @ np.abs(gram.coupling)
    assert np.all(np.abs(gram.hessian(W) - rows.hessian(W)) <= 2 * gram.n_terms * EPS * size)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_hessian_is_m_transposed_m(layout, intercept):
    """Against M with columns for the intercepts, eliminated by their Schur complement."""
    loss = loss_of(GramLoss, layout, intercept=intercept)
    D, T = 6, 3
    rows, mass = [], np.zeros(T)
    for block in blocks_of(layout).values():
        for i in range(block.n_rows):
            for t in range(T) if isinstance(block, SharedRows) else [block.task[i]]:
                X = block.X if isinstance(block, SharedRows) else np.concatenate(block._blocks)
                w = (
                    block.weight[i, min(t, block.weight.shape[1] - 1)]
                    if block.weight.ndim == 2
                    else block.weight[i]
                )
                row = np.zeros(D * T + T)
                row[t * D : t * D + D], row[D * T + t] = X[i], 1.0
                rows.append(np.sqrt(w) * row)
                mass[t] += w
    H = np.array(rows).T @ np.array(rows)
    A, B = H[: D * T, : D * T], H[: D * T, D * T :]
    expected = A - (B / mass) @ B.T if intercept else A
    W = np.random.default_rng(2).normal(size=(D, T))
    found = loss.hessian(W).T.ravel()
    norms = np.sqrt(np.diag(A))
    size = 4 * norms * (norms @ np.abs(W.T.ravel()))
    assert np.all(np.abs(found - expected @ W.T.ravel()) <= 4 * loss.n_terms * EPS * size)
    # The Lipschitz constant is the largest eigenvalue, a task or in all, and never below it.
    largest, exact = loss.lipschitz()
    assert exact
    top = np.linalg.eigvalsh(expected)[-1]
    assert top * (1 - 1e3 * EPS) <= np.max(largest) <= top * (1 + 1e3 * EPS)  # 1e3 > 10 D + 2 n


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("graph", [None, "chain"])
@pytest.mark.parametrize("kind", PENALTIES)
def test_a_backtracked_step_leads_to_the_same_answer(kind, graph, intercept, sparse):
    penalty, ridge = PENALTIES[kind]
    answers = []
    for form in (GramLoss, OperatorLoss):
        loss = loss_of(form, "both", graph=graph, intercept=intercept, sparse=sparse)
        problem = Problem(loss, penalty, ridge)
        state, proof = minimize(problem, tol=1e-10)
        assert problem.lipschitz[1] == (form is GramLoss)
        answers.append((problem, problem.total(state.W), proof, state))
    (problem, A, one, exact), (_, B, two, searched) = answers
    assert_same_coefficients(problem, one, A, two, B)
    # The search takes 1.5 times a curvature, the exact constant at most; where that is known it is the limit.
    L = np.max(problem.lipschitz[0])
    assert np.max(searched.lipschitz) <= 1.5 * L
    assert np.max(exact.lipschitz) <= L


@pytest.mark.parametrize("ridge", [0.0, 1e4])
@pytest.mark.parametrize("graph", [None, [(0, 1, 100.0), (1, 2)]])
@pytest.mark.parametrize("kind", PENALTIES)
def test_the_constant_bounds_the_whole_hessian(kind, graph, ridge):
    """In all parts at once, with the ridge and the graph: its largest eigenvalue, and not much more.

    Where strong edges are in the prox, of what is left in the gradient.
    """
    penalty, _ = PENALTIES[kind]
    if penalty.n_parts > 1:
        ridge = 0.0
    problem = Problem(loss_of(GramLoss, "both", graph=graph), penalty, ridge)
    basis = np.eye(int(np.prod(problem.shape))).reshape(-1, *problem.shape)
    columns = [np.broadcast_to(problem.image(unit), problem.shape).ravel() for unit in basis]
    hessian = np.stack(columns)
    left = [np.broadcast_to(problem.explicit_image(unit), problem.shape) for unit in basis]
    whole = [problem.whole(unit, image).ravel() for unit, image in zip(basis, left, strict=True)]
    # The same terms in another order, a dozen or so of them, each within eps of the largest.
    np.testing.assert_allclose(whole, hessian, rtol=0, atol=1e-12 * np.abs(hessian).max())
    top = float(np.linalg.eigvalsh([image.ravel() for image in left])[-1])
    largest, exact = problem.lipschitz
    assert exact
    # The sum of the largest eigenvalues of data and graph may exceed that of their sum, at most twice.
    assert top * (1 - 1e3 * EPS) <= np.max(largest) <= top * (2 if graph else 1 + 1e3 * EPS)
    # Along one coefficient it is the diagonal, at most with what centring takes off.
    assert hessian.diagonal().max() <= np.max(problem.coordinate_lipschitz) * (1 + 1e3 * EPS)


def test_the_step_follows_the_curvature():
    """L falls below the constant of the worst direction, and so does the count of iterations."""
    problem = Problem(loss_of(GramLoss, "both"), RowL21(3.0))
    _, proof = minimize(problem, tol=1e-10, callback=(seen := []).append)
    L = [float(state.lipschitz) for state in seen]
    assert proof.converged
    assert any(later < earlier for earlier, later in pairwise(L))
    assert max(L) <= problem.lipschitz[0]


def test_a_step_that_is_too_long_is_shortened(monkeypatch):
    """From a constant 1,000 times too small, backtracking must get to a step that converges."""
    loss = loss_of(OperatorLoss, "both")
    problem = Problem(loss, L1(3.0))
    true = float(np.max(loss_of(GramLoss, "both").lipschitz()[0]))
    monkeypatch.setattr(OperatorLoss, "lipschitz", lambda self: (true / 1000, False))
    state, proof = minimize(problem, tol=1e-10, max_iter=2000)
    assert proof.converged
    assert np.max(state.lipschitz) <= 1.5 * true


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_estimate_of_the_constant_is_from_below_and_near(layout, monkeypatch):
    """Ten powers on the largest eigenvalue: ||G v|| never exceeds it, for a unit v.

    A random v in 6 dimensions has c > 0.01 along the top eigenvector but in one case of a hundred, and then
    the estimate is at least (c^2 / (1 + c^2))^(1/20) of it: 0.63.
    """
    exact = loss_of(GramLoss, layout).lipschitz()[0]
    monkeypatch.setattr(losses, "DECOMPOSED", 0)
    estimate, known = loss_of(GramLoss, layout).lipschitz()
    assert not known
    assert np.shape(estimate) == np.shape(exact)
    assert np.all(estimate <= exact * (1 + 1e3 * EPS))
    assert np.all(estimate >= 0.63 * exact)


@pytest.mark.parametrize("kind", PENALTIES)
def test_steps_are_searched_task_by_task(kind, monkeypatch):
    """From constants 1,000 times too small in one task: it is searched for, and no other is shortened."""
    penalty, ridge = PENALTIES[kind]
    known = Problem(loss_of(GramLoss, "per task"), penalty, ridge)
    _, one = minimize(known, tol=1e-10)
    true = np.asarray(loss_of(GramLoss, "per task").lipschitz()[0])
    given = true * np.array([1.0, 1e-3, 1.0])
    monkeypatch.setattr(GramLoss, "lipschitz", lambda self: (given, False))
    problem = Problem(loss_of(GramLoss, "per task"), penalty, ridge)
    state, two = minimize(problem, tol=1e-10, max_iter=2000)
    assert_same_minimum(one, two)
    if problem.separable:
        assert np.all(state.lipschitz <= 1.5 * (true + 2 * ridge) * (1 + 1e3 * EPS))
        np.testing.assert_array_equal(state.lipschitz[[0, 2]], true[[0, 2]] + 2 * ridge)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize(
    "model", [MTLasso(6, 1), L21MTL(9, 1), STLasso(6), SRMTL(0.3, 4, 1), EGMTL(1, 1, 4)], ids=str
)
def test_many_features_take_the_operator_form(model, intercept, sparse):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 90)) * (rng.random((20, 90)) < 0.3)
    Y = X[:, :5] @ rng.normal(size=(5, 2)) + rng.normal(size=(20, 2)) + 3
    model = model.set_params(fit_intercept=intercept, tol=1e-7)
    model.fit(sp.csr_array(X) if sparse else X, Y)
    assert isinstance(problem_of(model, sp.csr_array(X) if sparse else X, Y).loss, OperatorLoss)
    assert model.certificate_.converged
    explicit = Explicit(model, X, Y)
    slack = explicit.slack(model.parts_) + model.certificate_.rounding
    assert abs(explicit.objective(model.parts_, model.intercept_) - model.certificate_.primal) <= slack
    excess = explicit.objective(model.parts_) - explicit.objective(explicit.reference())
    assert excess <= model.dual_gap_ + slack
    assert model.dual_gap_ <= 1e-7 * explicit.at_zero() + slack


# -- forms of data -------------------------------------------------------------------------------

FORMS = {
    "float32": lambda X: X.astype(np.float32),
    "Fortran": np.asfortranarray,
    "int": lambda X: X.astype(int),
    "list": lambda X: X.tolist(),
    "pandas": lambda X: pd.DataFrame(X, columns=[f"f{d}" for d in range(X.shape[1])]),
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "csr": sp.csr_array,
    "csc": sp.csc_array,
    "coo": sp.coo_array,
    "csr_matrix": sp.csr_matrix,
}


@pytest.mark.parametrize("form", FORMS)
@CASES
def test_forms_of_x_and_y_do_not_matter(name, design, intercept, form):
    model, X, y, data = make(name, design, fit_intercept=intercept, tol=1e-10)
    X, y = np.round(2 * X), np.where(np.isnan(y), 0.0, np.round(2 * y))  # whole numbers: all forms hold them
    if form == "int":
        y_form = y.astype(int)
    elif form == "pandas":
        y_form = pd.DataFrame(y) if y.ndim == 2 else pd.Series(y)
    elif form == "list":
        y_form = y.tolist()
    else:
        y_form = y.astype(np.float32)
    plain = copy.deepcopy(model).fit(X, y, **data)
    other = model.fit(FORMS[form](X), y_form, **data)
    assert other.coef_.dtype == np.float64
    explicit = Explicit(model, X, y, **data)
    slack = explicit.slack(plain.parts_) + explicit.slack(other.parts_)
    difference = np.concatenate([(plain.coef_ - other.coef_).ravel(), plain.intercept_ - other.intercept_])
    bound = sum(np.sqrt(2 * (m.dual_gap_ + m.certificate_.rounding + slack)) for m in (plain, other))
    assert np.linalg.norm(explicit.M @ difference[: explicit.M.shape[1]]) <= bound
    if form in ("float32", "int", "list", "strided"):
        np.testing.assert_array_equal(plain.coef_, other.coef_)  # the same numbers in the same order
    assert other.n_features_in_ == X.shape[1]
    assert hasattr(other, "feature_names_in_") == (form == "pandas")
    if form == "pandas":
        assert other.feature_names_in_.tolist() == ["f0", "f1", "f2", "f3"]
    np.testing.assert_array_equal(other.predict(FORMS[form](X)).shape, (len(X), 3))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_is_passed_is_changed(name):
    for design in ("shared", "per task"):
        graph = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
        for form in (np.array, sp.csr_array):
            extra = {"graph": form(graph)} if name in ("SRMTL", "EGMTL") else {}
            extra |= {"alpha": np.array([1.0, 3.0, 0.5])} if name == "STLasso" else {}
            model, X, y, data = make(name, design, fit_intercept=True, **extra)
            model.set_params(task_labels=np.array([0, 1, 2] if design == "shared" else list("abc")))
            X = form(X)
            given = [X, y, *data.values(), *extra.values(), model.task_labels]
            arrays = [a.data if sp.issparse(a) else np.asarray(a) for a in given]
            before = [a.copy() for a in arrays]
            for a in arrays:
                a.flags.writeable = False
            params = {k: id(v) for k, v in model.get_params().items()}
            model.fit(X, y, **data)
            model.predict(X)
            model.lambda_max(X, y, **data)
            for a, b in zip(arrays, before, strict=True):
                np.testing.assert_array_equal(a, b)
            assert {k: id(v) for k, v in model.get_params().items()} == params


@pytest.mark.parametrize("name", NAMES)
def test_fitting_twice_is_fitting_once(name):
    model, X, y, data = make(name, "shared")
    first = model.fit(X, y, **data).coef_
    second = copy.deepcopy(model).fit(X, y, **data)
    np.testing.assert_array_equal(first, second.coef_)
    assert first is not second.coef_
    assert model.n_iter_ == second.n_iter_


@pytest.mark.parametrize("name", NAMES)
def test_weights_of_rows_are_repetitions(name):
    """A weight of 3 is a row given three times, and one of 0 a row left out."""
    model, X, y, data = make(name, "shared", tol=1e-11, fit_intercept=True)
    del data["sample_weight"]
    y = np.nan_to_num(y)
    u = np.array([3, 1, 0, 2, 1, 1, 0, 1, 2])
    weighted = copy.deepcopy(model).fit(X, y, sample_weight=u, **data)
    repeated = copy.deepcopy(model).fit(np.repeat(X, u, axis=0), np.repeat(y, u, axis=0), **data)
    explicit = Explicit(model, X, y, sample_weight=u, **data)
    slack = explicit.slack(weighted.parts_) + explicit.slack(repeated.parts_)
    difference = np.concatenate(
        [(weighted.coef_ - repeated.coef_).ravel(), weighted.intercept_ - repeated.intercept_]
    )
    bound = sum(np.sqrt(2 * (m.dual_gap_ + m.certificate_.rounding + slack)) for m in (weighted, repeated))
    assert np.linalg.norm(explicit.M @ difference) <= bound


def test_single_task_lasso_at_one_weight_is_multi_task_lasso_without_ridge():
    _, X, y, data = make("STLasso", "shared")
    one = STLasso(alpha=2.0, tol=1e-11).fit(X, y, **data)
    two = MTLasso(alpha=2.0, beta=0.0, tol=1e-11).fit(X, y, **data)
    explicit = Explicit(one, X, y, **data)
    slack = explicit.slack(one.parts_) + explicit.slack(two.parts_)
    bound = sum(np.sqrt(2 * (m.dual_gap_ + m.certificate_.rounding + slack)) for m in (one, two))
    assert np.linalg.norm(explicit.M @ (one.coef_ - two.coef_).ravel()) <= bound
    assert one.dual_gap_ <= 1e-11 * explicit.at_zero() + slack


def test_the_problem_refuses_what_it_cannot_certify():
    loss = loss_of(GramLoss, "shared", graph="chain")
    with pytest.raises(ValueError, match=r"independent: found True .*expected"):
        Problem(loss, L1(1.0), independent=True)
    with pytest.raises(ValueError, match=r"ridge: found 1 .*expected 0"):
        Problem(loss, InfimalConvolution(L1(1.0), L1(1.0)), ridge=1.0)


def test_independent_tasks_stay_apart():
    """Whatever happens in the third task, the iterates of the others are the same to the last bit."""
    X, Y = np.random.default_rng(0).normal(size=(2, 30, 3))
    X += 3 * X[:, :1]  # so that there are restarts, each in a task by itself
    other = np.column_stack([Y[:, :2], 1e3 * Y[::-1, 2]])
    problems = [problem_of(STLasso(alpha=1.0), X, targets) for targets in (Y, other)]
    runs = [list(itertools.islice(fista(p, np.zeros(p.shape)), 100)) for p in problems]
    for one, two in zip(*runs, strict=True):
        np.testing.assert_array_equal(one.W[:, :2], two.W[:, :2])
    assert (runs[0][-1].W[:, 2] != runs[1][-1].W[:, 2]).all()
    proofs = [certify(p, run[-1].W, tol=1e-6, n_iter=100) for p, run in zip(problems, runs, strict=True)]
    np.testing.assert_array_equal(proofs[0].gap_by_task[:2], proofs[1].gap_by_task[:2])


def test_the_public_names():
    assert set(NAMES) <= set(package.__all__)
