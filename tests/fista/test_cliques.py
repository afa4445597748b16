"""Strong edges in the prox: it is the minimum that it says, and answers are the same in fewer iterations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fista import EGMTL, L21MTL, SRMTL, MultiTaskRegressor
from fista import problem as composite
from fista.cliques import Cliques
from fista.graphs import Graph, chain, complete, from_labels
from fista.penalties import L1, RowL21, Scaled
from fista.solver import minimize
from tests.fista.brackets import assert_same_coefficients

EPS = 2.3e-16
N, D, T = 30, 12, 4
INTERCEPT = pytest.mark.parametrize("intercept", [False, True])


def data(per_task=False, seed=0):
    rng = np.random.default_rng(seed)
    X, tasks = rng.standard_normal((N, D)), np.arange(N) % T
    W = rng.standard_normal((D, 1)) * (rng.random((D, 1)) < 0.5) + 0.1 * rng.standard_normal((D, T))
    Y = X @ W + 0.3 * rng.standard_normal((N, T))
    return {"X": X, "y": Y[np.arange(N), tasks], "tasks": tasks} if per_task else {"X": X, "y": Y}


def problem_of(model, X, y, tasks=None):
    return model._problem(model._read(X, y, tasks, None))


@given(
    st.integers(1, 6),
    st.integers(0, 2**16),
    st.sampled_from([1e-6, 1e-3, 0.5, 1.0, 30.0, 1e4, 1e8]),
    st.sampled_from([0.0, 0.5, 1.0, 100.0]),
    st.booleans(),
    st.booleans(),
)
def test_the_prox_meets_the_optimality_conditions(n, seed, c, theta, integers, huge):
    """Z - v - c (n v - m) is theta_t sign(v_t), or at most theta_t where v_t = 0.

    v is computed to within some n eps of the largest of z and theta, which 1 + n c multiplies; but huge
    thresholds take no digits off the others.
    """
    rng = np.random.default_rng(seed)
    Z = rng.integers(-3, 4, (5, n)).astype(float) if integers else rng.standard_normal((5, n)) * 3
    weights = theta * rng.integers(0, 3, (5, n))
    room = 20 * n * EPS * (1 + n * c) * (np.abs(Z).max() + weights.max())
    weights[:, 0] = 1e12 if huge else weights[:, 0]
    found = Cliques(((np.arange(n), 2 * c),), c * np.eye(n), c * np.eye(n)).prox(Z, 0.5, 2 * weights)
    slope = Z - found - c * (n * found - found.sum(axis=1, keepdims=True))
    assert np.all(np.abs(slope) <= weights + room)
    used = np.abs(found) > room
    assert np.all(np.abs(slope - weights * np.sign(found))[used] <= room)


def test_tasks_in_no_group_are_thresholded():
    Z = np.array([[3.0, -0.5, -2.0, 4.0]])
    found = Cliques.of(Graph.of([(0, 2, 2.0)], 4).laplacian()).prox(Z, 1.0, np.full((1, 4), 1.0))
    np.testing.assert_allclose(found[:, [1, 3]], [[0.0, 3.0]])
    # 1/2 (a - 3)^2 + 1/2 (b + 2)^2 + |a| + |b| + 2 (a - b)^2: b = 0 and 5 a = 2
    np.testing.assert_allclose(found[:, [0, 2]], [[0.4, 0.0]], atol=1e-15)


@pytest.mark.parametrize(
    ("edges", "sizes"),
    [
        (complete(T, 3.0), [(T, 9.0)]),
        (chain(T), []),
        (from_labels("aabb", 2.0), [(2, 4.0), (2, 4.0)]),
        ([(0, 1, 3.0), (1, 2, 2.0), (0, 2, 5.0)], [(3, 4.0)]),
        ([(0, 1, 3.0), (1, 2, 2.0), (0, 2, 0.0)], []),
        ([(0, 1, 1e4), (1, 2, 1e-8), (2, 3, 1e4)], [(2, 1e8), (2, 1e8)]),
        ([*complete(T, 0.1), (0, 3, 5.0)], [(2, 25.01)]),
        ([], []),
    ],
)
def test_groups_are_those_in_which_all_are_tied(edges, sizes):
    """And what is taken out leaves the Laplacian of a graph."""
    coupling = Graph.of(edges, T).laplacian()
    found = Cliques.of(coupling)
    assert [(len(tasks), weight) for tasks, weight in found.groups] == sizes
    # T additions and an eigenvalue of a T x T matrix: some T^2 eps of the largest entry, here far less.
    eps = 1e-12 * max(1.0, *np.diagonal(coupling))
    np.testing.assert_allclose(found.coupling + found.rest, coupling, atol=eps)
    for part, norm in ((found.coupling, found.norm), (found.rest, found.norm_of_rest)):
        values = np.linalg.eigvalsh(part)
        assert values[0] >= -eps
        assert values[-1] <= norm + eps
        np.testing.assert_allclose(part.sum(axis=0), 0.0, atol=eps)
        assert np.all(part[~np.eye(T, dtype=bool)] <= 0)
    assert found.norm == pytest.approx(np.linalg.eigvalsh(found.coupling)[-1], abs=eps)


UNEVEN = [(0, 1, 2.0), (0, 2, 3.0), (1, 2, 2.5), (0, 3, 2.0), (1, 3, 2.2), (2, 3, 4.0)]
MODELS = [
    SRMTL(5.0, 2.0, 0.3),
    SRMTL(1.0, 2.0, 0.0, UNEVEN),
    SRMTL(5.0, 2.0, 0.0, from_labels("abab", 3.0)),
    EGMTL(1.0, 5.0, 2.0),
    MultiTaskRegressor(L1(np.array([1.0, 3.0, 0.5, 2.0])), graph=complete(T, 2.0)),
    MultiTaskRegressor(Scaled(L1(np.linspace(0.2, 3.0, D * T).reshape(D, T)), 2.0), graph=complete(T, 2.0)),
]


@INTERCEPT
@pytest.mark.parametrize("per_task", [False, True])
@pytest.mark.parametrize("model", MODELS, ids=lambda v: str(v)[:50])
def test_the_answer_is_that_of_edges_in_the_gradient(model, per_task, intercept, monkeypatch):
    rows = data(per_task)
    answers = []
    for strong in (0.0, np.inf):
        monkeypatch.setattr(composite, "STRONG", strong)
        problem = problem_of(model.set_params(fit_intercept=intercept), **rows)
        assert (problem.implicit is None) == (strong > 0)
        answers.append((problem, *minimize(problem, tol=1e-10, max_iter=10**5)))
    (problem, state, proof), (_, other, gap) = answers
    assert_same_coefficients(problem, proof, state.W, gap, other.W)


@INTERCEPT
@pytest.mark.parametrize("n_features", [12, 100])  # through a Gram matrix, and through the rows
@pytest.mark.parametrize("per_task", [False, True])
def test_strong_edges_take_no_more_iterations(per_task, n_features, intercept):
    """With them in the gradient it would be a hundred times as many at 1e6 as at 100 times the data."""
    rng = np.random.default_rng(1)
    X, tasks = rng.standard_normal((N, n_features)), np.arange(N) % T
    Y = X[:, :5].sum(axis=1, keepdims=True) + rng.standard_normal((N, T))
    rows = {"X": X, "y": Y[:, 0], "tasks": tasks} if per_task else {"X": X, "y": Y}
    top = 2 * np.linalg.eigvalsh(X.T @ X)[-1]
    n_iter = []
    for strength in (100.0, 1e4, 1e6):
        model = SRMTL(strength * top, 1.0, 0.0, fit_intercept=intercept)
        model.set_params(beta=0.03 * model.lambda_max(**rows))
        n_iter.append(model.fit(**rows).n_iter_)
        assert model.certificate_.converged
    assert max(n_iter) <= 2 * min(n_iter)
    assert max(n_iter) < 500


def test_edges_stay_in_the_gradient_where_it_would_not_pay_or_the_prox_is_another():
    rows = data()
    strong = complete(T, 1e3)
    assert problem_of(SRMTL(1.0, 1.0, 0.0, strong), **rows).implicit is not None
    assert problem_of(SRMTL(1.0, 1.0, 0.0, complete(T, 1e-3)), **rows).implicit is None
    assert problem_of(SRMTL(1.0, 1.0, 0.0, chain(T, 1e3)), **rows).implicit is None
    assert problem_of(MultiTaskRegressor(RowL21(1.0), graph=strong), **rows).implicit is None
    assert problem_of(MultiTaskRegressor(L1(1.0), graph=strong, loss="huber"), **rows).implicit is None
    assert problem_of(L21MTL(1.0), **rows).implicit is None
