"""One fit of one method: whose rows, on which scale, for which tasks, judged by whom."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from affect.methods import METHODS, Rows, fit, select
from fista import EGMTL

BY_NAME = {method.name: method for method in METHODS}
SOLVED = [method for method in METHODS if method.weight]


def rows(seed, per_task=40, tasks=(0, 2), n_tasks=3, shift=0.0):
    """Task 0 falls with the first descriptor and task 2 rises."""
    rng = np.random.default_rng(seed)
    task = np.repeat(tasks, per_task)
    X = rng.standard_normal((len(task), 3)) + shift
    return Rows(X, np.where(task == 0, -3.0, 3.0) * X[:, 0], task, n_tasks)


# -- scale -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", SOLVED, ids=lambda m: m.name)
def test_a_constant_descriptor_has_no_weight(method):
    """The deviation of 160 times 0.1 is 1.4e-17: divided by it, 0.3 would be 1.4e16."""
    assert np.full(160, 0.1).std() > 0
    plain = rows(0, per_task=80)
    constant = Rows(np.column_stack([plain.X, np.full(160, 0.1)]), plain.y + 5.0, plain.tasks, 3)
    model, _ = fit(method, 1.0, constant, constant)
    assert np.array_equal(model.coef[:, 3], np.zeros(3))
    assert np.abs(model.coef[:, 0]).max() > 1.0


def test_a_descriptor_that_varies_by_rounding_is_constant():
    """Its weight is 0 since the correlation with the targets is below alpha, by a factor of 1e13."""
    plain = rows(0)
    mean_of_equal_numbers = np.where(np.arange(80) % 2, 0.1, np.nextafter(0.1, 1.0))
    X = np.column_stack([plain.X, mean_of_equal_numbers])
    model, _ = fit(BY_NAME["MT-Lasso"], 1.0, Rows(X, plain.y, plain.tasks, 3))
    assert np.array_equal(model.coef[:, 3], np.zeros(3))


def test_a_descriptor_of_any_unit_has_the_same_effect():
    plain = rows(0)
    scaled = Rows(plain.X * [1e-9, 1.0, 1e9] + [0.0, 1e3, 0.0], plain.y, plain.tasks, 3)
    one, other = (fit(BY_NAME["MT-Lasso"], 1.0, part, tol=1e-10)[0] for part in (plain, scaled))
    # Both within tol of the minimum of one objective that is 2-strongly convex in W (standardised).
    apart = 2 * np.sqrt(1e-10 * (plain.y @ plain.y))
    assert np.abs((one.coef - other.coef * [1e-9, 1.0, 1e9]) * plain.X.std(axis=0)).max() <= apart


def test_eg_mtl_is_standardised_by_crowd_and_experts_and_has_the_papers_weights():
    crowd, expert = rows(0), rows(1, shift=3.0)
    both = np.concatenate([crowd.X, expert.X])
    centre, scale = both.mean(axis=0), both.std(axis=0)
    by_hand = EGMTL(lam1=2.0, lam2=1.0, lam3=1.0, task_labels=[0, 1, 2]).fit(
        (crowd.X - centre) / scale,
        crowd.y,
        tasks=crowd.tasks,
        X_expert=(expert.X - centre) / scale,
        y_expert=expert.y,
        tasks_expert=expert.tasks,
    )
    for name in ("EG-MTL", "EG-MTL (7)"):
        model, _ = fit(BY_NAME[name], 2.0, crowd, expert)
        np.testing.assert_allclose(model.coef, by_hand.coef_ / scale, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(model.intercept, -model.coef @ centre, rtol=1e-12)


# -- tasks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", SOLVED, ids=lambda m: m.name)
@pytest.mark.parametrize(
    ("crowd", "expert"), [((0, 2), (0, 2)), ((0, 2), (0, 1, 2)), ((0, 1, 2), (0, 2)), ((0, 1, 2), (0, 1))]
)
def test_a_task_without_rows_does_not_move_the_others(method, crowd, expert):
    model, _ = fit(method, 0.1, rows(0, tasks=crowd), rows(1, tasks=expert))
    assert model.coef.shape == (3, 3)
    assert model.coef[0, 0] < -0.5
    if not (method.experts == "only" and 2 not in expert):
        assert model.coef[2, 0] > 0.5
    assert len(model.predict(np.ones((3, 3)), np.arange(3))) == 3


def test_the_mean_of_a_task_is_its_own_and_0_without_rows():
    labels = Rows(np.zeros((3, 1)), np.array([0.0, 9.0, 7.0]), np.array([0, 2, 2]), 4)
    model, _ = fit(BY_NAME["mean"], 1.0, labels)
    assert model.predict(np.zeros((4, 1)), np.arange(4)).tolist() == [0.0, 0.0, 8.0, 0.0]


def test_rows_keep_their_tasks():
    whole = rows(0)
    assert whole.take(whole.tasks == 0).universe == 3
    assert whole.take(whole.tasks == 0).and_(rows(1, tasks=(0, 1), n_tasks=5)).universe == 5
    assert Rows(whole.X, whole.y, whole.tasks).take(whole.tasks == 0).universe == 3
    assert Rows(whole.X, np.zeros((len(whole.X), 4))).universe == 4


# -- whose labels choose -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", SOLVED, ids=lambda m: m.name)
@pytest.mark.parametrize("judge", ["own", "crowd"])
def test_the_weight_is_chosen_by_whose_labels_are_asked_for(method, judge):
    crowd, expert = rows(0), rows(1)
    held = np.arange(80) % 5 == 0
    seen = []
    select(
        method,
        crowd,
        expert,
        [(held, held)],
        lambda model, judged: seen.append(judged.y) or 0.0,
        grid=(1.0,),
        judge=judge,
    )
    judges = expert if judge == "own" and method.experts != "none" else crowd
    np.testing.assert_array_equal(seen, [judges.y[held]])


# -- discrete levels ---------------------------------------------------------------------------------

LEVELS = np.linspace(-1, 1, 5)


def test_an_indicator_stands_for_the_nearest_level():
    rng = np.random.default_rng(0)
    y, tasks = rng.uniform(-1.3, 1.3, 50), rng.integers(0, 3, 50)
    encoded = Rows(np.arange(50.0)[:, None], y, tasks, 4).indicators(LEVELS)
    assert encoded.universe == 20
    for n in range(50):
        mine = encoded.X[:, 0] == n
        level = int(np.clip(np.round(2 * y[n]) + 2, 0, 4))
        assert encoded.tasks[mine].tolist() == [5 * tasks[n] + c for c in range(5)]
        assert encoded.y[mine].tolist() == [float(c == level) for c in range(5)]
    with pytest.raises(ValueError, match=r"^rows: found no task labels"):
        Rows(np.ones((2, 1)), np.ones((2, 3))).indicators(LEVELS)


def test_the_expected_level_of_ridge_is_ridge_of_the_levels():
    """Ridge is linear in its targets, so that decoding its scores is ridge on the rounded ratings."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((30, 4)) + 1.0, rng.uniform(-1, 1, 30)
    found, _ = fit(BY_NAME["ridge"], 3.0, Rows(X, y, np.zeros(30, dtype=int)), tol=1e-12, levels=LEVELS)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    exact = np.linalg.solve(Z.T @ Z + 3.0 * np.eye(4), Z.T @ (np.round(2 * y) / 2))
    # F(0) is 30, a one a row, and F is 2 * 3-strongly convex: ||W - W*||^2 <= gap / 3, times ||levels||^2.
    apart = np.linalg.norm(LEVELS) * np.sqrt((1e-12 * 30 + 1e-13) / 3.0)
    assert np.linalg.norm(found.coef[0] * X.std(axis=0) - exact) <= apart
    assert found.intercept[0] == pytest.approx(-(found.coef[0] @ X.mean(axis=0)), abs=1e-12)


@pytest.mark.parametrize("intercept", [False, True])
def test_ridge_is_that_of_scikit_learn_with_and_without_an_intercept(intercept):
    """Task by task, on descriptors that are standardised over all of them."""
    plain = rows(0)
    given = Rows(plain.X, plain.y + np.where(plain.tasks == 0, 5.0, -2.0), plain.tasks, 3)
    found, _ = fit(BY_NAME["ridge"], 3.0, given, tol=1e-12, intercept=intercept)
    centre, scale = given.X.mean(axis=0), given.X.std(axis=0)
    # F is 2 * 3-strongly convex: ||W - W*||^2 <= gap / 3. The intercept is what W leaves, at most |x| times.
    apart = np.sqrt((1e-12 * np.square(given.y).sum() + 1e-13) / 3.0)
    for t in (0, 2):
        mine = given.tasks == t
        Z = (given.X[mine] - centre) / scale
        ridge = Ridge(3.0, fit_intercept=intercept, tol=1e-12).fit(Z, given.y[mine])
        np.testing.assert_allclose(found.coef[t] * scale, ridge.coef_, rtol=0, atol=apart)
        offset = found.intercept[t] + found.coef[t] @ centre
        np.testing.assert_allclose(offset, ridge.intercept_, rtol=0, atol=2 * apart + 1e-12)


def test_the_mean_of_levels_is_decoded():
    y, tasks = np.array([0.9, 0.2, -0.6, 0.3]), np.array([0, 0, 2, 2])
    model, _ = fit(BY_NAME["mean"], 1.0, Rows(np.ones((4, 2)), y, tasks, 3), levels=LEVELS)
    np.testing.assert_allclose(model.intercept, [0.5, 0.0, 0.0], atol=1e-15)
    assert model.coef.shape == (3, 2)


def test_zeros_of_levels_are_counted_before_decoding():
    model, estimator = fit(BY_NAME["MT-Lasso"], 20.0, rows(0), levels=LEVELS)
    assert estimator.coef_.shape == (15, 3)
    assert model.zeros == (estimator.coef_ == 0).mean()
    assert model.coef.shape == (3, 3)
