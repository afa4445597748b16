"""Independent tasks on features of their own: the same answers in less time, and the same quadratic."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from fista import L21MTL, SRMTL, MTLasso, MultiTaskRegressor, PathCV, STLasso, entry_sets, working_sets
from fista import solver as iteration
from fista.certificate import entry_polars
from fista.data import consecutive
from fista.entry_sets import SparseEntryLoss, _Columns, _Grams, _largest, _sizes, _together
from fista.losses import GramLoss, OperatorLoss, quadratic_loss
from fista.penalties import L1, Scaled
from fista.solver import minimize
from fista.working_sets import first_size, next_aim
from tests.fista.brackets import assert_same_coefficients, assert_same_minimum

N, D, T = 40, 320, 3
EPS = 2.3e-16
WEIGHTS = np.array([1.0, 0.3, 2.0])
MODELS = [
    STLasso(),
    STLasso(WEIGHTS),
    MTLasso(beta=0.0),
    MTLasso(beta=0.5),
    MultiTaskRegressor(L1(WEIGHTS)),
    MultiTaskRegressor(Scaled(L1(WEIGHTS), 2.0)),
]
EVERY = pytest.mark.parametrize("model", MODELS, ids=lambda v: str(v)[:50])
DENSE, SPARSE = ["shared", "weighted", "per-task"], ["sparse", "sparse per-task"]
DESIGNS = pytest.mark.parametrize("design", DENSE + SPARSE)
INTERCEPT = pytest.mark.parametrize("intercept", [False, True])


def wide(design="shared", rows=N, seed=0):
    """More features than rows, of scales that differ; the tasks differ in scale and in what they use."""
    rng = np.random.default_rng(seed)
    per_task = "per-task" in design
    X = rng.standard_normal((rows * (T if per_task else 1), D)) * 10 ** rng.uniform(-0.5, 0.5, size=D) + 0.3
    W = rng.standard_normal((D, T)) * (rng.random((D, T)) < 0.03) * np.array([1.0, 5.0, 0.2])
    X = X * (rng.random(X.shape) < 0.4) if "sparse" in design else X
    Y = X @ W + rng.standard_normal((len(X), T))
    rows = len(X)
    X = sp.csr_array(X) if "sparse" in design else X
    if per_task:
        tasks = np.arange(rows) % T
        weight = rng.uniform(0.5, 2.0, size=rows)
        return X, Y[np.arange(rows), tasks], {"tasks": tasks, "sample_weight": weight}
    weighted = {"sample_weight": rng.uniform(0.0, 2.0, size=Y.shape)} if design == "weighted" else {}
    return X, Y, weighted


def at_level(model, level, X, y, data, **settings):
    """The model with its weight (or penalty) at a share of lambda_max."""
    factor = level * model.lambda_max(X, y, **data)
    parameters = model.get_params(deep=False)
    if "penalty" in parameters:
        changed = {"penalty": Scaled(parameters["penalty"], factor)}
    else:
        changed = {"alpha": factor * np.asarray(parameters["alpha"])}
        changed = {"alpha": changed["alpha"] if changed["alpha"].ndim else float(changed["alpha"])}
    return type(model)(**{**parameters, **changed, **settings})


def problem_of(model, X, y, data):
    return model._problem(model._read(X, y, data.get("tasks"), data.get("sample_weight")))


@pytest.fixture
def made(monkeypatch):
    """The entries and tasks of all small problems, as they are made."""
    seen = []
    loss = entry_sets.EntryLoss

    def recorded(whole, entries, tasks, gram):
        seen.append((entries, tasks))
        return loss(whole, entries, tasks, gram)

    monkeypatch.setattr(entry_sets, "EntryLoss", recorded)
    return seen


def whole(patch):
    """No working sets: all features at once."""
    patch.setattr(entry_sets, "applicable", lambda problem: False)
    patch.setattr(working_sets, "applicable", lambda problem: False)


@INTERCEPT
@DESIGNS
@EVERY
def test_the_answer_is_that_of_all_features(model, design, intercept, monkeypatch):
    X, y, data = wide(design)
    for level in (0.5, 0.05):
        chosen = at_level(model, level, X, y, data, fit_intercept=intercept, tol=1e-9, max_iter=10**5)
        problem = problem_of(chosen, X, y, data)
        assert entry_sets.applicable(problem)
        fast = chosen.fit(X, y, **data)
        a, W = fast.certificate_, fast.coef_
        with monkeypatch.context() as patch:
            whole(patch)
            slow = chosen.fit(X, y, **data)
        b = slow.certificate_
        assert a.form == b.form == "rows"
        assert_same_coefficients(problem, a, W.T, b, slow.coef_.T)


@INTERCEPT
@pytest.mark.parametrize("form", [GramLoss, OperatorLoss])
@pytest.mark.parametrize(
    ("source", "design"),
    [(_Grams, design) for design in DENSE] + [(_Columns, design) for design in DENSE + SPARSE],
)
def test_the_loss_on_entries_is_that_of_the_rows(source, form, design, intercept):
    """Gradients and products of few entries, against those of all, where the others are zero.

    A product takes sums of N + D terms, each of which is as large as two norms of columns allow.
    """
    X, y, data = wide(design)
    problem = problem_of(MTLasso(fit_intercept=intercept), X, y, data)
    loss = form(problem.loss.blocks, problem.loss.centering)
    rng = np.random.default_rng(1)
    tasks = np.array([2, 0])
    entries = np.stack([np.sort(rng.choice(D, 25, replace=False)) for _ in tasks], axis=1)
    grams = source(loss)
    chosen = entries
    for kept in (20, 12, 25):  # the second time fewer features, then those of before and others
        entries = chosen[:kept]
        part = grams.loss_on(entries, tasks)
        V = rng.standard_normal(entries.shape)
        W = np.zeros((D, T))
        W[entries, tasks] = V
        norms = np.broadcast_to(loss.column_norms, (D, T))[entries, tasks]
        room = 4 * (N + D) * EPS * norms * (norms * np.abs(V)).sum(axis=0)
        assert np.all(np.abs(part.hessian(V) - loss.hessian(W)[entries, tasks]) <= room)
        np.testing.assert_array_equal(part.linear, loss.linear[entries, tasks])
        np.testing.assert_array_equal(part.energy, loss.energy[tasks])
        np.testing.assert_array_equal(part.target_norms, loss.target_norms[tasks])
        np.testing.assert_array_equal(part.column_norms, norms)
        assert part.n_terms == loss.n_terms
        np.testing.assert_allclose(
            part.centering.intercept(V), loss.centering.intercept(W)[tasks], rtol=0, atol=1e-12
        )


@INTERCEPT
def test_steps_of_sparse_rows_are_estimated_task_by_task(intercept):
    """Ten powers on the largest eigenvalue, from below, and near it."""
    X, y, data = wide("sparse per-task")
    loss = problem_of(MTLasso(fit_intercept=intercept), X, y, data).loss
    tasks = np.arange(T)
    entries = np.stack([np.arange(12), np.arange(20, 32), np.arange(5, 17)], axis=1)
    part = _Columns(loss).loss_on(entries, tasks)
    assert isinstance(part, SparseEntryLoss)
    estimates, known = part.lipschitz()
    assert not known
    for t in tasks:
        columns = [part.hessian(np.outer(unit, tasks == t))[:, t] for unit in np.eye(12)]
        top = np.linalg.eigvalsh(np.stack(columns))[-1]
        assert 0.6 * top <= estimates[t] <= top * (1 + 1e-12)


@given(st.integers(1, 12), st.integers(0, 99))
def test_the_largest_of_each_column_in_order(n, seed):
    values = np.random.default_rng(seed).integers(0, 9, (12, 3)).astype(float)
    found = _largest(values, n)
    sorted_values = np.sort(values, axis=0)[12 - n :] if n < 12 else np.sort(values, axis=0)
    np.testing.assert_array_equal(np.take_along_axis(values, found, axis=0), sorted_values)
    assert all(len(set(column)) == n for column in found.T)


def test_what_is_known_of_a_gram_matrix_is_not_computed_again(monkeypatch):
    X, y, data = wide("per-task")
    loss = problem_of(MTLasso(), X, y, data).loss
    direct = loss.cross_gram(1, np.arange(D), np.arange(D))
    asked = []
    given = loss.cross_gram

    def counted(task, left, right):
        asked.append((task, sorted(right)))
        return given(task, left, right)

    monkeypatch.setattr(loss, "cross_gram", counted, raising=False)
    grams = _Grams(loss)
    first, second = np.array([3, 7, 20]), np.array([5, 7, 20, 31])
    room = 4 * N * EPS * np.outer(loss.column_norms[:, 1], loss.column_norms[:, 1])
    for features in (first, second, second, np.array([5, 31])):
        found = grams.of(1, features)
        assert np.all(np.abs(found - direct[np.ix_(features, features)]) <= room[np.ix_(features, features)])
        np.testing.assert_array_equal(found, found.T)
    grams.of(0, second)
    assert asked == [(1, [3, 7, 20]), (1, [5, 31]), (0, [5, 7, 20, 31])]


@given(st.lists(st.integers(1, 900), min_size=1, max_size=60))
def test_every_task_is_in_one_group_that_fits(sizes):
    size = np.array(sizes)
    tasks = np.flatnonzero(size % 3 != 1)
    groups = list(_together(tasks, size, size**2))
    assert sorted(np.concatenate([*groups, np.empty(0, dtype=int)])) == list(tasks)
    for group in groups:
        assert len(group) == 1 or len(group) * size[group].max() ** 2 <= entry_sets.CACHE
    for one, other in pairwise(groups):
        assert size[one].max() <= size[other].min()
        assert (len(one) + 1) * size[other].min() ** 2 > entry_sets.CACHE


@given(st.integers(0, 500), st.integers(0, 500), st.booleans())
def test_a_working_set_has_room_for_what_is_used_and_more(used, size, stalled):
    (found,) = _sizes(np.array([used]), np.array([size]), np.array([stalled]))
    assert used + entry_sets.FIRST <= found + used // 4 + 1 <= max(2 * used + used // 4, 3 * used // 2) + 20
    assert found > used


def test_a_working_set_grows_where_it_was_taken_up_or_did_not_help():
    used, size = np.array([100, 100, 100]), np.array([200, 200, 110])
    helped_stalled_taken = _sizes(used, size, np.array([False, True, False]))
    np.testing.assert_array_equal(helped_stalled_taken, [141, 216, 216])


def test_the_first_working_set_has_what_orthogonal_columns_would_use(made):
    """Then that is the solution (Tibshirani, 1996): one round. Of more than one in 32 features, so many."""
    polars = np.zeros((320, 2))
    polars[:7, 0], polars[:40, 1] = 1.5, 1.5
    np.testing.assert_array_equal(first_size(polars), [7, 10])
    assert first_size(polars[:, 0]) == 7
    rng = np.random.default_rng(0)
    X = np.concatenate([np.linalg.qr(rng.standard_normal((700, 640)))[0] for _ in range(3)])
    y, data = X[:, :19] @ rng.uniform(1.0, 2.0, 19), {"tasks": np.repeat(np.arange(3), 700)}
    problem = problem_of(MTLasso(1.0, 0.0), X, y, data)
    assert minimize(problem, tol=1e-8)[1].converged
    assert [len(entries) for entries, _ in made] == [19]


def test_the_next_aim_is_below_the_gap_and_not_below_the_tolerance():
    assert next_aim(1e-2, 0.0, 1e-6) == pytest.approx(1e-3)  # not what was aimed at
    assert next_aim(1e-2, 1e-2, 1e-6) == pytest.approx(3e-4)
    assert next_aim(1e-6, 1e-6, 1e-6) == pytest.approx(5e-7)


@EVERY
def test_entries_that_are_ranked_last_are_zero(model):
    """The polars of entries are those of the whole, entry by entry; at the optimum those in use have 1."""
    X, y, data = wide()
    chosen = at_level(model, 0.2, X, y, data, tol=1e-12, max_iter=10**5)
    problem = problem_of(chosen, X, y, data)
    state, proof = minimize(problem, tol=1e-12, max_iter=10**5)
    polars, gaps, gap = entry_polars(problem, state.W, state.image)
    assert polars.shape == (D, T)
    assert gaps.shape == (T,)
    room = 1e-12 + proof.rounding / problem.at_zero().sum()
    assert gap <= room
    np.testing.assert_allclose(gaps @ problem.at_zero(), gap * problem.at_zero().sum(), rtol=1e-9)
    if not problem.ridge:  # with one, entries in use have larger polars
        # The scaled point is feasible. As gap >= (1 - scale)^2 ||r_t||^2 / 2, and what is left of F_t(0) here
        # is more than a hundredth, scales are within sqrt(100 1e-12) of 1.
        assert polars.max() <= 1 + 1e-9
        of_tasks = problem.polar(problem.loss.linear - state.image)
        np.testing.assert_allclose(of_tasks, polars.max(axis=0), rtol=1e-5)
    assert polars[state.W != 0].min() > polars[state.W == 0].mean()


def test_a_task_that_is_solved_is_left_alone(made):
    """Two tasks have no signal, another takes several working sets: only that is gone back to."""
    X, y, data = wide()
    y = y * np.array([1.0, 1e-3, 1e-3])
    model = at_level(MTLasso(beta=0.0), 0.05, X, y, data, tol=1e-10)
    problem = problem_of(model, X, y, data)
    state, proof = minimize(problem, tol=1e-10, max_iter=10**5)
    assert proof.converged
    assert not state.W[:, 1:].any()
    assert len(made) > 1
    assert all(list(tasks) == [0] for _, tasks in made)


def test_the_iterations_of_all_working_sets_count():
    X, y, data = wide("per-task")
    model = at_level(MTLasso(beta=0.0), 0.1, X, y, data, tol=1e-12)
    needed = model.fit(X, y, **data).n_iter_
    assert model.certificate_.n_iter == needed
    for most in (1, 2, 7, needed // 2):
        with pytest.warns(ConvergenceWarning, match=f"stopped at max_iter={most} "):
            model.set_params(max_iter=most).fit(X, y, **data)
        assert model.n_iter_ <= most
        assert np.isfinite(model.certificate_.gap)


def test_iterations_of_tasks_side_by_side_count_once(monkeypatch):
    monkeypatch.setattr(entry_sets, "CACHE", 1)  # one task after the other
    X, y, _ = wide()
    problem = problem_of(at_level(MTLasso(beta=0.0), 0.1, X, y, {}), X, y, {})
    seen = []

    def inner(part, start, tol, max_iter):
        state, _ = minimize(part, start, tol=tol, max_iter=max_iter)
        seen.append((len(looks), state.n_iter))
        return state

    looks = []
    image = type(problem).image

    class Watched(type(problem)):
        def image(self, W):
            if W.shape == (D, T):
                looks.append(1)
            return image(self, W)

    watched = Watched(problem.loss, problem.penalty, problem.ridge)
    _, n_iter = entry_sets.solve(watched, np.zeros((D, T)), 1e-8, 10**5, inner)
    rounds = {k: max(n for at, n in seen if at == k) for k, _ in seen}
    assert len(rounds) > 2
    assert n_iter == sum(rounds.values())


def test_what_would_take_too_much_memory_is_left_to_the_features_of_all(made, monkeypatch):
    X, y, data = wide()
    model = at_level(MTLasso(beta=0.0), 0.05, X, y, data, tol=1e-8)
    expected = model.fit(X, y, **data).certificate_
    made.clear()
    monkeypatch.setattr(entry_sets, "GRAM_LIMIT", 40**2)
    iterations = []
    few = iteration._on_few_features

    def counted(*arguments):
        state = few(*arguments)
        iterations.append(state.n_iter)
        return state

    monkeypatch.setattr(iteration, "_on_few_features", counted)
    found = model.fit(X, y, **data)
    assert found.certificate_.converged
    assert 0 < max(len(entries) for entries, _ in made) <= 40
    assert found.n_iter_ == sum(iterations) + 1  # the last look
    assert len(iterations) > len(made)
    assert_same_minimum(expected, found.certificate_)


@pytest.mark.parametrize("how", ["a task lost", "weights of zero", "targets of zero"])
def test_a_warm_start_of_a_task_without_targets_ends(how):
    """Its gap is not nothing relative to F(0) = 0, and yet no working set of it is left out."""
    rng = np.random.default_rng(0)
    X, tasks = rng.standard_normal((120, 400)), np.arange(120) % 3
    y = 3 * X[:, 0] + X[:, 1] + rng.standard_normal(120)
    model = MTLasso(30.0, 0.0, warm_start=True, task_labels=[0, 1, 2], max_iter=500)
    model.fit(X, y, tasks=tasks)
    assert model.coef_[1].any()
    kept, gone = tasks != 1, tasks == 1
    if how == "a task lost":
        model.fit(X[kept], y[kept], tasks=tasks[kept])
    elif how == "weights of zero":
        model.fit(X, y, tasks=tasks, sample_weight=kept.astype(float))
    else:
        model.fit(X, np.where(gone, 0.0, y), tasks=tasks)
    assert model.certificate_.converged
    assert not model.coef_[1].any()
    assert model.n_iter_ == 1  # all others are solved


@pytest.mark.parametrize("scale", [0.01, 0.003])
def test_a_gap_that_is_spread_over_all_features_is_closed(scale):
    """Under a ridge the features of a first working set may hold next to nothing of it."""
    rng = np.random.default_rng(0)
    X = scale * rng.standard_normal((100, 2000))
    y = 50 * rng.standard_normal(100) + X @ rng.standard_normal(2000) / scale
    model = MTLasso().fit(X, y)
    assert model.certificate_.converged
    assert model.coef_.any()


def test_a_gap_of_rounding_is_left_to_all_features():
    """At tol=0 a look may find more than rounding where a working set finds nothing to do."""
    rng = np.random.default_rng(0)
    X, tasks = rng.standard_normal((1800, 300)), np.arange(1800) % 3
    W = rng.standard_normal((300, 3)) * (rng.random((300, 3)) < 0.2)
    y = np.einsum("nd,nd->n", X, W.T[tasks]) + rng.standard_normal(1800)
    factor = MTLasso(1.0, 0.0).lambda_max(X, y, tasks=tasks)
    model = MTLasso(1e-2 * factor, 0.0, tol=0.0, max_iter=3000).fit(X, y, tasks=tasks)
    assert model.certificate_.converged


def test_dense_solutions_take_no_gram_matrices(made):
    """Of 40 rows, Gram matrices of more than 160 features would take longer than the rows."""
    X, y, _ = wide()
    model = MTLasso(0.1, 100.0).fit(X, y)
    assert model.certificate_.converged
    assert (model.coef_ != 0).sum(axis=1).max() > 4 * N
    assert max((len(entries) for entries, _ in made), default=0) <= 4 * N


def test_one_long_task_does_not_leave_all_to_the_rows(made):
    """It uses more features than the others have rows: 29 tasks of 10, and one of 300.

    A Gram matrix of 150 features is half of the rows of a mean task, twenty of 1,000 features.
    """
    rng = np.random.default_rng(0)
    tasks = np.repeat(np.arange(30), [300] + 29 * [10])
    X, W = (
        rng.standard_normal((590, 1000)),
        rng.standard_normal((1000, 30)) * (rng.random((1000, 30)) < 0.002),
    )
    W[:60, 0] = 1.0
    y = np.einsum("nd,nd->n", X, W.T[tasks]) + 0.1 * rng.standard_normal(590)
    model = at_level(MTLasso(beta=0.0), 0.05, X, y, {"tasks": tasks})
    assert model.fit(X, y, tasks=tasks).certificate_.converged
    assert 4 * 20 < (model.coef_[0] != 0).sum() < max(len(entries) for entries, _ in made) <= 200


@pytest.mark.parametrize("sparse", [False, True])
def test_dense_solutions_of_shared_rows_are_left_to_one_product_for_all_tasks(sparse, monkeypatch):
    rng = np.random.default_rng(0)
    X, W = rng.standard_normal((400, 600)), rng.standard_normal((600, 20))
    X = X * (rng.random(X.shape) < 0.3) if sparse else X[:100]
    Y = X @ W + rng.standard_normal((len(X), 20))
    widths = []
    for source in (_Grams, _Columns):
        loss_on = source.loss_on

        def seen(self, entries, tasks, loss_on=loss_on):
            widths.append(len(entries))
            return loss_on(self, entries, tasks)

        monkeypatch.setattr(source, "loss_on", seen)
    X = sp.csr_array(X) if sparse else X
    model = at_level(MTLasso(beta=5.0), 1e-3, X, Y, {})
    assert model.fit(X, Y).certificate_.converged
    assert (model.coef_ != 0).sum(axis=1).max() > 150
    assert max(widths, default=0) <= 150


def test_gram_matrices_that_are_at_hand_are_used_of_sparse_rows(made):
    rng = np.random.default_rng(0)
    X, tasks = rng.standard_normal((6000, 80)) * (rng.random((6000, 80)) < 0.7), np.arange(6000) % 40
    y = X[:, :4].sum(axis=1) + rng.standard_normal(6000)
    model = at_level(MTLasso(beta=0.0), 0.1, sp.csr_array(X), y, {"tasks": tasks})
    problem = problem_of(model, sp.csr_array(X), y, {"tasks": tasks})
    assert isinstance(problem.loss, GramLoss)
    assert entry_sets.applicable(problem)
    assert minimize(problem)[1].converged
    assert made


@DESIGNS
def test_a_start_is_not_changed(design):
    X, y, data = wide(design)
    problem = problem_of(at_level(MTLasso(beta=0.0), 0.1, X, y, data), X, y, data)
    start = np.random.default_rng(1).standard_normal(problem.shape)
    before = start.copy()
    assert minimize(problem, start, tol=1e-8)[1].converged
    np.testing.assert_array_equal(start, before)


@DESIGNS
def test_a_warm_start_is_taken(design):
    X, y, data = wide(design)
    model = at_level(MTLasso(beta=0.0), 0.1, X, y, data, tol=1e-9, warm_start=True)
    first = model.fit(X, y, **data).n_iter_
    before = model.coef_.copy()
    kept = model.coef_
    assert model.fit(X, y, **data).n_iter_ == 1 < first
    np.testing.assert_array_equal(kept, before)


@pytest.mark.parametrize("lacking", [0, 1])
def test_a_task_without_targets_is_zero(lacking):
    X, y, data = wide()
    y = y.copy()
    y[:, lacking] = 0.0
    model = at_level(STLasso(), 0.1, X, y, data).fit(X, y)
    assert model.certificate_.converged
    assert not model.coef_[lacking].any()
    assert model.coef_.any()


def test_cross_validation_goes_through_the_same_sets(monkeypatch):
    """Folds are fitted from moments: Gram matrices a task, of which the working sets are parts."""
    X, y, data = wide("per-task", rows=170)
    search = PathCV(MTLasso(beta=300.0, tol=1e-10), alphas=5, cv=3)
    used = []
    solve = entry_sets.solve

    def counted(problem, *arguments):
        used.append(type(problem.loss).__name__)
        return solve(problem, *arguments)

    monkeypatch.setattr(entry_sets, "solve", counted)
    fast = search.fit(X, y, **data)
    errors, proofs, chosen = fast.mse_path_, fast.certificates_, fast.alpha_
    assert set(used) == {"MomentLoss", "OperatorLoss"}
    with monkeypatch.context() as patch:
        whole(patch)
        slow = search.fit(X, y, **data)
    # F is 2 beta-strongly convex: ||w - w*|| <= sqrt(gap / beta). Roots of errors differ by no more than
    # ||X (w1 - w2)|| in the weighted mean over the rows held out, of weights from 0.5 to 2.
    gaps = np.vectorize(lambda c: np.sqrt((c.gap + c.rounding) / search.estimator.beta))
    moved = gaps(proofs) + gaps(slow.certificates_)
    room = np.sqrt(2.0 / (0.5 * (len(X) // 3))) * np.linalg.norm(X, 2) * moved
    assert np.all(np.abs(np.sqrt(errors) - np.sqrt(slow.mse_path_)) <= room)
    assert room.max() < 0.004 * np.sqrt(errors.min())  # so that the errors themselves are
    np.testing.assert_allclose(errors, slow.mse_path_, rtol=1e-2)
    assert chosen == slow.alpha_


def test_where_they_are_not_of_use():
    X, y, _ = wide()
    shared = MTLasso()._problem(MTLasso()._read(np.tile(X, (5, 1)), np.tile(y, (5, 1))))
    assert isinstance(shared.loss, GramLoss)  # one matrix of all tasks
    assert not entry_sets.applicable(shared)
    for model in (
        L21MTL(),
        SRMTL(alpha=0.3),
        MultiTaskRegressor(L1(np.ones((D, T)))),
    ):
        assert not entry_sets.applicable(model._problem(model._read(X, y)))
    X, y, data = wide("per-task")
    assert entry_sets.applicable(problem_of(STLasso([0.1, 1.0, 1.0]), X, y, data))
    assert not entry_sets.applicable(problem_of(STLasso([0.0, 1.0, 1.0]), X, y, data))


class Without:
    """An l1 norm without one of its methods."""

    def __init__(self, missing):
        self.missing, self.norm = missing, L1(1.0)

    def __getattr__(self, name):
        if name == self.missing:
            raise AttributeError(name)
        return getattr(self.norm, name)


def test_penalties_that_lack_what_is_needed_are_solved_as_a_whole():
    assert entry_sets.suit(Without("nothing"), (D, T * 10), None)
    for missing in ("entry_polars", "on_tasks", "row_polars", "on_rows"):
        assert not entry_sets.suit(Without(missing), (D, T * 10), None)

    class Shifted(L1):
        def conjugate(self, G):  # of |w - 1|: its zero is not where the polar says
            return float(G.sum())

    assert not entry_sets.suit(Shifted(1.0), (D, T * 10), None)


def test_gram_matrices_of_tasks_are_not_made_where_parts_will_do():
    X, y, data = wide("per-task", rows=170)
    problem = problem_of(MTLasso(), X, y, data)
    blocks, means = problem.loss.blocks, problem.loss.centering
    assert isinstance(problem.loss, OperatorLoss)
    assert isinstance(quadratic_loss(blocks, means, None, invert=False), GramLoss)
    assert isinstance(problem_of(L21MTL(), X, y, data).loss, GramLoss)


@given(st.lists(st.booleans(), max_size=30))
def test_consecutive_rows_are_a_slice(mask):
    rows = np.array(mask, dtype=bool)
    values = np.arange(len(rows))
    for chosen in (rows, np.flatnonzero(rows)):
        found = consecutive(chosen)
        np.testing.assert_array_equal(values[found], values[chosen])
        assert isinstance(found, slice) == bool(np.all(np.diff(np.flatnonzero(rows)) == 1))


@given(st.lists(st.integers(0, 9), max_size=8))
def test_rows_in_any_order_are_taken_in_that_order(positions):
    rows = np.array(positions, dtype=np.intp)
    np.testing.assert_array_equal(np.arange(10)[consecutive(rows)], rows)
