"""Paths of solutions: what they end at is optimal, or else no worse than what there was."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet

from fista import MTLasso, STLasso, entry_sets, homotopy
from fista.homotopy import follow
from fista.solver import minimize
from tests.fista.brackets import assert_same_coefficients

EPS = 2.3e-16
T = 4
MODELS = [MTLasso(1.0, 0.0), MTLasso(1.0, 0.7), STLasso(np.array([1.0, 0.2, 3.0, 0.5]))]
EVERY = pytest.mark.parametrize("model", MODELS, ids=lambda v: str(v)[:50])


def per_task(rows=40, n_features=30, seed=0, mixed=0.1):
    """Rows of one task each, in turns; columns that are mixed, so that entries fall out of use again."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows * T, n_features))
    X = X @ (np.eye(n_features) + mixed * rng.standard_normal((n_features, n_features)))
    W = rng.standard_normal((n_features, T)) * (rng.random((n_features, T)) < 0.3)
    tasks = np.arange(rows * T) % T
    return X, (X * W.T[tasks]).sum(axis=1) + rng.standard_normal(rows * T), tasks


def problem_of(model, X, y, tasks):
    return model._problem(model._read(X, y, tasks, None))


def at_level(model, level, X, y, tasks, **settings):
    factor = level * model.lambda_max(X, y, tasks=tasks)
    alpha = factor * np.asarray(model.alpha)
    return type(model)(**{**model.get_params(), "alpha": alpha if alpha.ndim else float(alpha), **settings})


@pytest.fixture
def left(monkeypatch):
    """The entries that fell out of use."""
    seen = []
    leave = homotopy._Paths._leave

    def counted(self, tasks, slots):
        seen.extend(self.entry[tasks, slots])
        leave(self, tasks, slots)

    monkeypatch.setattr(homotopy._Paths, "_leave", counted)
    return seen


@pytest.fixture
def seen(monkeypatch):
    """The steps of every call."""
    steps = []

    def watched(problem, W):
        found = follow(problem, W)
        steps.append(found[1])
        return found

    monkeypatch.setattr(homotopy, "follow", watched)
    return steps


@EVERY
@pytest.mark.parametrize("level", [1.0, 0.5, 0.05, 0.001])
def test_the_end_of_a_path_is_optimal(model, level, left):
    """By the optimality conditions, in plain sums over the rows of a task; and in the steps that it takes.

    W solves the system of its entries but for rounding. Its inverse is built by as many updates as there are
    steps, each of which loses digits to the condition of the Gram matrix at most; so gradients are off by
    less than (steps + rows) * condition * eps of ||x_d|| ||y||.
    """
    X, y, tasks = per_task()
    chosen = at_level(model, level, X, y, tasks, fit_intercept=False)
    problem = problem_of(chosen, X, y, tasks)
    W, steps = follow(problem, problem.start())
    beta = getattr(chosen, "beta", 0.0)
    alphas = np.broadcast_to(np.asarray(chosen.alpha), T)
    for t in range(T):
        A, b, w = X[tasks == t], y[tasks == t], W[:, t]
        values = np.linalg.eigvalsh(A.T @ A)
        condition = values[-1] / values[0]
        room = (steps + len(b)) * condition * EPS * np.linalg.norm(A, axis=0).max() * np.linalg.norm(b)
        assert room < 1e-6 * alphas[t]  # so that it is a test
        descent = 2 * A.T @ (b - A @ w) - 2 * beta * w  # the loss has no half
        used = w != 0
        np.testing.assert_allclose(descent[used], alphas[t] * np.sign(w[used]), rtol=0, atol=2 * room)
        assert np.all(np.abs(descent) <= alphas[t] + 2 * room)
    assert steps <= 3 * len(W)
    if level == 0.001 and beta == 0:
        assert left  # else this is no test of it


@EVERY
def test_it_is_the_answer_of_coordinate_descent(model):
    X, y, tasks = per_task(seed=1)
    chosen = at_level(model, 0.1, X, y, tasks, fit_intercept=False)
    problem = problem_of(chosen, X, y, tasks)
    W, _ = follow(problem, problem.start())
    beta = getattr(chosen, "beta", 0.0)
    for t, alpha in enumerate(np.broadcast_to(np.asarray(chosen.alpha), T)):
        A, b = X[tasks == t], y[tasks == t]
        # 1/(2n) ||b - A w||^2 + a r |w| + a (1 - r) / 2 ||w||^2, of ||b - A w||^2 + alpha |w| + beta ||w||^2
        l1, ridge = alpha / (2 * len(b)), beta / len(b)
        other = ElasticNet(
            l1 + ridge, l1_ratio=l1 / (l1 + ridge), fit_intercept=False, tol=1e-15, max_iter=10**6
        )
        # Its gap g is 1e-15 ||b||^2, and ||w - w*|| <= sqrt(2 g / least eigenvalue), at most 1.2e-6 here.
        np.testing.assert_allclose(W[:, t], other.fit(A, b).coef_, rtol=0, atol=1e-6 * np.abs(W[:, t]).max())


@given(st.integers(0, 2**16), st.integers(1, 7), st.sampled_from([0.0, 0.5]))
def test_no_answer_is_worse_than_what_there_was(seed, n_features, beta):
    """Small integers: ties, columns of zeros, equal and dependent columns."""
    rng = np.random.default_rng(seed)
    X, y = rng.integers(-1, 2, (12, n_features)).astype(float), rng.integers(-2, 3, 12).astype(float)
    tasks = np.arange(12) % T
    problem = problem_of(MTLasso(0.25, beta, fit_intercept=False), X, y, tasks)

    def objectives(W):
        return [
            np.square(y[tasks == t] - X[tasks == t] @ W[:, t]).sum()
            + 0.25 * np.abs(W[:, t]).sum()
            + beta * np.square(W[:, t]).sum()
            for t in range(T)
        ]

    for start in (problem.start(), rng.standard_normal((n_features, T))):
        kept = start.copy()
        W, steps = follow(problem, start)
        np.testing.assert_array_equal(start, kept)
        assert steps <= homotopy.STEPS * n_features
        scale = np.square(y).sum() + np.square(X @ start).sum()
        assert np.all(np.array(objectives(W)) <= np.array(objectives(start)) + 1e-13 * scale)


def test_equal_columns_do_not_end_a_path():
    """The second of two equal columns cannot be told from the first, and is left at zero."""
    X, y, tasks = per_task(n_features=6)
    X = np.repeat(X, 2, axis=1)
    chosen = at_level(MTLasso(1.0, 0.0), 0.01, X, y, tasks, fit_intercept=False)
    problem = problem_of(chosen, X, y, tasks)
    W, _ = follow(problem, problem.start())
    assert not np.any((W[::2] != 0) & (W[1::2] != 0))
    state, proof = minimize(problem, W, tol=1e-10)
    assert proof.converged
    assert state.n_iter == 1


@pytest.mark.parametrize("bad", [np.inf, np.nan, -1.0])
def test_a_path_that_leads_nowhere_leaves_what_there_was(bad):
    X, y, tasks = per_task(n_features=5)
    problem = problem_of(MTLasso(1.0, 0.0), X, y, tasks)
    problem.loss.gram[:2, 2, 2] = bad
    start = np.full(problem.shape, 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        W, _ = follow(problem, start)
    assert np.isfinite(W).all()
    if bad != -1.0:
        np.testing.assert_array_equal(W[:, :2], start[:, :2])
    assert not np.any(W[:, 2:] == start[:, 2:])


def test_fits_from_zero_follow_paths_and_others_do_not(seen, monkeypatch):
    """To a gap of rounding, in steps that count as iterations."""
    X, y, tasks = per_task(rows=60, n_features=200, mixed=0.01)
    model = at_level(MTLasso(1.0, 0.0), 0.05, X, y, tasks, tol=1e-6)
    problem = problem_of(model, X, y, tasks)
    monkeypatch.setattr(entry_sets, "CACHE", 4 * 200**2 * T - 1)
    assert entry_sets.applicable(problem)
    state, proof = minimize(problem, tol=1e-6)
    assert proof.converged
    assert proof.relative_gap < 1e-11
    assert len(seen) <= 3  # of two working sets, of all features
    assert sum(seen) < proof.n_iter <= sum(seen) + 2 * len(seen)
    with monkeypatch.context() as patch:
        patch.setattr(entry_sets, "FOLLOWED", 199)
        other, gap = minimize(problem, tol=1e-10, max_iter=10**5)
    assert_same_coefficients(problem, proof, state.W, gap, other.W)
    seen.clear()
    near = 1.01 * state.W
    assert minimize(problem, near, tol=1e-6)[1].converged
    assert not seen


def test_ties_do_not_go_round_in_circles(seen):
    """Columns 1[z > k] of integers z: entries leave as soon as they have come."""
    rng = np.random.default_rng(0)
    Z = rng.integers(0, 16, (1200, 8))
    X = np.hstack([Z[:, [j]] > np.arange(16) for j in range(8)]).astype(float)
    rows = {"X": X, "y": X[:, 3] + 2 * X[:, 40], "tasks": np.arange(1200) % 20}
    model = MTLasso(1.0, 0.0)
    model.set_params(alpha=1e-3 * model.lambda_max(**rows)).fit(**rows)
    assert model.certificate_.converged
    assert max(seen) < 100
    assert model.n_iter_ < 100


def test_no_path_is_followed_twice_to_an_end_that_is_not_optimal(monkeypatch):
    """Indicators of 16 factors depend on each other: entries are left out, and iterations have to go on."""
    whole = []

    def watched(problem, W):
        if len(W) == 128:
            whole.append(W.shape[1])
        return follow(problem, W)

    monkeypatch.setattr(homotopy, "follow", watched)
    rng = np.random.default_rng(0)
    Z = rng.integers(0, 8, (4000, 16))
    X = np.hstack([Z[:, [j]] == np.arange(8) for j in range(16)]).astype(float)
    y = X[:, 3] + 2 * X[:, 20] + rng.integers(-3, 4, 4000)
    rows = {"X": X, "y": y, "tasks": np.arange(4000) % 40}
    model = MTLasso(1.0, 0.0)
    model.set_params(alpha=1e-3 * model.lambda_max(**rows)).fit(**rows)
    assert model.certificate_.converged
    assert model.n_iter_ > 500  # so that it is a test
    assert sum(whole) == 40


def test_paths_are_left_alone_where_iterations_would_be_cut_short_or_few(seen, monkeypatch):
    """A path that is cut off leaves no iterations; with a ridge, some dozens are enough."""
    monkeypatch.setattr(entry_sets, "CACHE", 1)
    X, y, tasks = per_task(rows=300, n_features=128, mixed=0.0)
    for beta, most, longest in ((0.0, 10_000, 4 * 128), (0.0, 100, 25), (1000.0, 10_000, 0)):
        model = at_level(MTLasso(1.0, beta), 0.001, X, y, tasks, max_iter=most)
        model.fit(X, y, tasks=tasks)
        assert model.certificate_.converged
        assert 0.2 * longest < max(seen, default=0) <= longest or not longest
        seen.clear()


@pytest.mark.parametrize("most", [1, 2, 3, 10, 30])
def test_there_are_no_more_steps_and_iterations_than_are_asked_for(most, monkeypatch):
    monkeypatch.setattr(entry_sets, "CACHE", 1)
    X, y, tasks = per_task(rows=60, n_features=200, mixed=0.01)
    model = at_level(MTLasso(1.0, 0.0), 0.01, X, y, tasks, max_iter=most)
    with pytest.warns(ConvergenceWarning, match=f"stopped at max_iter={most} "):
        model.fit(X, y, tasks=tasks)
    assert model.n_iter_ <= most
