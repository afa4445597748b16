"""The declared objectives against plain loops, and what CVXPY makes of them."""

import copy
from fractions import Fraction

import cvxpy as cp
import numpy as np
import pytest
import scipy.sparse as sp

from formulations import L21MTL, OBJECTIVES, DirtyMTL, MTLasso, STLasso, declare, oracle
from tests.formulations.problems import CASES, NAMES, WEIGHTS, loops, make, random_parts


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize(("name", "design"), CASES)
def test_value_is_that_of_plain_loops(name, design, intercept):
    problem = make(name, design, fit_intercept=intercept)
    d = problem.declare()
    parts = random_parts(d)
    c = np.array([0.5, -1.0, 2.0]) if intercept else np.zeros(3)
    # Both sums are within the derived bound of the exact value.
    assert abs(d.primal(parts, c) - loops(problem, parts, c)) <= 2 * d.rounding(parts, c)
    # The weights of the wrong objective would show: every term has its say.
    for weight in OBJECTIVES[name].weights:
        other = copy.deepcopy(problem)
        setattr(other.model, weight, 7.0)
        assert other.declare().primal(parts, c) > d.primal(parts, c)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("L21MTL", "RobustMTL")])
def test_rounding_bound_holds_against_exact_arithmetic(name):
    # All but the Euclidean norms are rational functions of the data: Fraction evaluates them exactly.
    for seed in range(3):
        problem = make(name, "per task", seed=seed)
        d = problem.declare()
        parts = {key: 10.0 ** (3 * seed) * W for key, W in random_parts(d, seed).items()}
        exact = loops(problem, parts, np.zeros(3), Fraction)
        assert abs(Fraction(d.primal(parts)) - exact) <= Fraction(d.rounding(parts))


def test_rounding_bound_is_small():
    problem = make("MTLasso", "shared")
    d = problem.declare()
    parts = random_parts(d)
    # Some hundred units in the last place: a bound that is useful at tol = 1e-12.
    assert 0 < d.rounding(parts) < 1e-12 * d.primal(parts)


def test_norms_are_not_the_induced_ones():
    X, Y = np.eye(2), np.zeros((2, 2))
    W = np.array([[1.0, -2.0], [3.0, 4.0]])
    data = (W**2).sum()
    zero = np.zeros((2, 2))
    # Induced would be the largest column sum 6 and the largest row sum 7.
    assert declare(MTLasso(1.0, 0.0), X, Y).primal({"W": W}) == data + 10
    assert declare(STLasso([1.0, 10.0]), X, Y).primal({"W": W}) == data + 4 + 60
    assert declare(DirtyMTL(1.0, 0.0), X, Y).primal({"P": W, "Q": zero}) == data + 2 + 4
    assert declare(DirtyMTL(0.0, 1.0), X, Y).primal({"P": zero, "Q": W}) == data + 10
    rows = declare(L21MTL(1.0, 0.0), X, Y)
    exact = data + np.sqrt(5) + 5
    assert abs(rows.primal({"W": W}) - exact) <= rows.rounding({"W": W})


def test_default_intercept_is_the_best_one():
    problem = make("EGMTL", "per task", fit_intercept=True)
    d = problem.declare()
    parts = random_parts(d)
    best, at = d.primal(parts), d.best_intercept(parts)
    for step in (np.eye(3) * 1e-3).tolist() + (-np.eye(3) * 1e-3).tolist():
        assert d.primal(parts, at + np.array(step)) > best


def test_zero_objective_at_zero():
    for name in NAMES:
        problem = make(name, "per task", fit_intercept=True)
        problem.y = np.full_like(problem.y, 3.0)
        if name == "EGMTL":
            problem.keywords["y_expert"] = np.full(5, 3.0)
        d = problem.declare()
        zero = {part: np.zeros((4, 3)) for part in d.parts}
        assert d.at_zero <= d.rounding(zero)


# -- DPP and compiling once ------------------------------------------------------------------------


@pytest.fixture
def compilations(monkeypatch):
    built = []
    original = oracle.Compiled.__init__

    def counting(self, *args, **keywords):
        built.append(self)
        original(self, *args, **keywords)

    monkeypatch.setattr(oracle.Compiled, "__init__", counting)
    return built


@pytest.mark.parametrize(("name", "design"), CASES)
def test_new_weights_reuse_the_compiled_problem(name, design, compilations):
    problem = make(name, design)
    model = problem.fit()
    assert model.problem_.is_dcp(dpp=True)
    first, program = model.problem_, model.problem_._cache.param_prog
    assert program is not None
    before = model.coef_
    model.set_params(**dict.fromkeys(WEIGHTS[name], 0.125))
    problem.fit()
    assert len(compilations) == 1
    assert model.problem_ is first
    assert model.problem_._cache.param_prog is program  # CVXPY canonicalised once
    assert not np.array_equal(model.coef_, before)
    fresh = make(name, design, weights=dict.fromkeys(WEIGHTS[name], 0.125)).fit()
    # Each certifies itself; two brackets of one optimum overlap.
    a, b = model.certificate_, fresh.certificate_
    rounding = problem.declare().rounding(model.parts_) + problem.declare().rounding(fresh.parts_)
    assert a.dual <= b.primal + rounding
    assert b.dual <= a.primal + rounding


def test_changed_data_never_reuse_the_compiled_problem(compilations):
    problem = make("EGMTL", "shared")
    model = problem.fit()
    problem.X[0, 0] += 1e-15 + abs(problem.X[0, 0]) * 1e-15  # in place: the same object
    problem.fit()
    assert len(compilations) == 2
    for key in ("sample_weight", "X_expert", "y_expert"):
        problem.keywords[key] = problem.keywords[key] * 1.5
        problem.fit()
    assert len(compilations) == 5
    model.set_params(fit_intercept=True)
    problem.fit()
    model.set_params(graph="chain")
    problem.fit()
    assert len(compilations) == 7
    problem.fit()
    assert len(compilations) == 7
    problem.X = sp.csr_array(problem.X)
    problem.keywords["X_expert"] = sp.csr_array(problem.keywords["X_expert"])
    problem.fit()
    assert len(compilations) == 8


def test_the_form_of_y_is_part_of_what_was_compiled():
    X, y = np.eye(3), np.arange(3.0)
    model = MTLasso().fit(X, y)
    assert model.predict(X).shape == (3,)
    assert model.fit(X, y[:, None]).predict(X).shape == (3, 1)
    assert np.ndim(model.fit(X, y).intercept_) == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_objective_is_convex_and_needs_the_cones_it_says(name):
    problem = make(name, "shared").fit().problem_
    assert problem.is_dcp(dpp=True)
    assert problem.is_qp() == OBJECTIVES[name].quadratic_program
    assert problem.objective.NAME == cp.Minimize.NAME
