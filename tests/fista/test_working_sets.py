"""Working sets and screening: the same answers in less time, and nothing discarded that is needed."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from fista import (
    EGMTL,
    L21MTL,
    SRMTL,
    DirtyMTL,
    MTLasso,
    MultiTaskRegressor,
    RobustMTL,
    STLasso,
    entry_sets,
    working_sets,
)
from fista.certificate import row_polars
from fista.penalties import L1, RowL1Linf, RowL21
from fista.solver import minimize
from tests.fista.brackets import assert_same_coefficients

N, D, T = 20, 400, 3
MODELS = [
    (STLasso(), ("alpha",)),
    (MTLasso(beta=0.0), ("alpha",)),
    (MTLasso(beta=0.5), ("alpha",)),
    (L21MTL(beta=0.0), ("alpha",)),
    (L21MTL(beta=0.5), ("alpha",)),
    (DirtyMTL(rho1=1.5), ("rho1", "rho2")),
    (SRMTL(alpha=0.3, gamma=0.2), ("beta",)),
    (EGMTL(lam2=0.3), ("lam3",)),
    (MultiTaskRegressor(RowL1Linf(1.0)), ("penalty__alpha",)),
    (MultiTaskRegressor(RowL21(np.linspace(0.5, 2.0, D))), ("penalty__alpha",)),
    (MultiTaskRegressor(L1(np.linspace(0.5, 2.0, D)[:, None])), ("penalty__alpha",)),
]
EVERY = pytest.mark.parametrize(("model", "weights"), MODELS, ids=lambda v: str(v)[:40])


def wide(per_task=False, sparse=False, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N * (T if per_task else 1), D)) * 10 ** rng.uniform(-1, 1, size=D) + 0.3
    X = X * (rng.random(X.shape) < 0.3) if sparse else X
    W = rng.standard_normal((D, T)) * (rng.random((D, 1)) < 0.02)
    tasks = np.arange(len(X)) % T
    Y = X @ W + rng.standard_normal((len(X), T))
    X = sp.csr_array(X) if sparse else X
    return (X, Y[np.arange(len(tasks)), tasks], {"tasks": tasks}) if per_task else (X, Y, {})


def at_level(model, weights, level, X, y, data, **settings):
    """The model with its sparsity weights at a share of lambda_max."""
    factor = level * model.lambda_max(X, y, **data)
    parameters = model.get_params()
    changed = {name: factor * np.asarray(parameters[name]) for name in weights}
    changed = {name: float(value) if value.ndim == 0 else value for name, value in changed.items()}
    return type(model)(**model.get_params(deep=False)).set_params(**changed, **settings)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("form", ["shared", "per-task", "sparse"])
@EVERY
def test_the_answer_is_that_of_all_features(model, weights, form, intercept, monkeypatch):
    monkeypatch.setattr(entry_sets, "applicable", lambda problem: False)
    X, y, data = wide(form == "per-task", form == "sparse")
    for level in (0.5, 0.05):
        chosen = at_level(
            model, weights, level, X, y, data, fit_intercept=intercept, tol=1e-9, max_iter=10**5
        )
        problem = chosen._problem(chosen._read(X, y, data.get("tasks")))
        assert working_sets.applicable(problem)
        fast = chosen.fit(X, y, **data)
        a, W = fast.certificate_, fast.coef_
        with monkeypatch.context() as patch:
            patch.setattr(working_sets, "applicable", lambda problem: False)
            slow = chosen.fit(X, y, **data)
        assert_same_coefficients(problem, a, W.T, slow.certificate_, slow.coef_.T)


@pytest.mark.parametrize("level", [0.9, 0.5, 0.1])
@EVERY
def test_what_is_discarded_is_zero_in_every_solution(model, weights, level):
    """At any W: a feature whose polar stays below 1 within the radius of the gap is zero at the optimum.

    At the optimum of a tight solution the polar of such a row, too, is below 1, which rules out another.
    """
    X, y, data = wide()
    chosen = at_level(model, weights, level, X, y, data, tol=1e-12, max_iter=10**5).fit(X, y)
    problem = chosen._problem(chosen._read(X, y))
    if problem.ridge:
        assert np.isinf(row_polars(problem, np.zeros(problem.shape), np.zeros((D, T)))[1]).all()
        return
    tight = np.stack(list(chosen.parts_.values())).reshape(problem.shape)
    exact, _, _ = row_polars(problem, tight, problem.image(tight))
    seen = 0
    for rough_tol in (1e-1, 1e-2, 1e-4):
        state, _ = minimize(problem, tol=rough_tol, max_iter=10**5)
        for W in (np.zeros(problem.shape), state.W, 0.5 * state.W):
            polars, most, _ = row_polars(problem, W, problem.image(W))
            assert np.all(polars <= most)
            gone = most < 1
            seen += gone.sum()
            assert not chosen.coef_[:, gone].any()
            # The tight dual point lies within the radius that was promised, up to its own gap.
            assert np.all(exact[gone] < 1)
    assert seen > 0


def test_the_iterations_of_all_working_sets_count():
    X, y, _ = wide()
    model = at_level(L21MTL(beta=0.0), ("alpha",), 0.1, X, y, {}, tol=1e-12)
    needed = model.fit(X, y).n_iter_
    assert model.certificate_.n_iter == needed
    for most in (1, 2, 7, needed // 2):
        with pytest.warns(ConvergenceWarning, match=f"stopped at max_iter={most} "):
            model.set_params(max_iter=most).fit(X, y)
        assert model.n_iter_ <= most
        assert np.isfinite(model.certificate_.gap)


def test_a_warm_start_is_taken():
    X, y, _ = wide()
    model = at_level(L21MTL(beta=0.0), ("alpha",), 0.1, X, y, {}, tol=1e-9, warm_start=True)
    first = model.fit(X, y).n_iter_
    assert model.fit(X, y).n_iter_ == 1 < first


def test_only_where_features_are_penalised_one_by_one():
    X, y, _ = wide()
    for model in (RobustMTL(), STLasso([0.0, 1.0, 1.0]), MultiTaskRegressor(RowL21(np.arange(D) % 2 * 1.0))):
        assert not working_sets.applicable(model._problem(model._read(X, y)))
    narrow = L21MTL()._problem(L21MTL()._read(X[:, :50], y))
    assert not working_sets.applicable(narrow)
