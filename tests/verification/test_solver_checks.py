"""`check_solver` passes right solvers, and finds small problems that wrong ones get wrong."""

import doctest
import sys
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.linear_model as linear

import fista
import formulations
from fista.penalties import L1, RowL1Linf
from tests.verification.solvers import solver_of
from verification import check_solver, from_estimator, solver_checks
from verification.agreement import INCONCLUSIVE, solvers_for
from verification.report import MOST_INCONCLUSIVE
from verification.strategies import DESIGNS, OBJECTIVES, Case

X2 = np.array([[1.0, 0.5], [0.0, 2.0]])
EVERYTHING = ("sample_weight", "fit_intercept", "X_expert")


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_fista_passes(objective, design):
    solve = solver_of(fista, objective, max_iter=10**6)
    report = check_solver(solve, objective, design=design, takes=EVERYTHING, budget=50)
    assert report.passed, str(report)
    assert bool(report)
    assert sum(report.problems.values()) >= 48
    assert report.proved + report.trivial == sum(report.problems.values())
    assert report.proved >= 12


@pytest.mark.parametrize(("objective", "solver"), [(o, s) for o in OBJECTIVES for s in solvers_for(o)])
@pytest.mark.parametrize("design", DESIGNS)
def test_the_oracles_pass(objective, solver, design):
    """At the width at which their brackets decide."""
    solve = solver_of(formulations, objective, solver=solver)
    report = check_solver(
        solve, objective, design=design, takes=EVERYTHING, budget=50, tol=INCONCLUSIVE[solver]
    )
    assert report.passed, str(report)


@pytest.mark.deep
@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_fista_passes_at_length(objective, design):
    solve = solver_of(fista, objective, max_iter=10**6)
    report = check_solver(solve, objective, design=design, takes=EVERYTHING, budget=1000, seed=1)
    assert report.passed, str(report)


@pytest.mark.deep
@pytest.mark.parametrize(("objective", "solver"), [(o, s) for o in OBJECTIVES for s in solvers_for(o)])
@pytest.mark.parametrize("design", DESIGNS)
def test_the_oracles_pass_at_length(objective, solver, design):
    """They may say that they have not converged, but not often."""
    tol = INCONCLUSIVE[solver]
    solve = solver_of(formulations, objective, solver=solver, tol=tol)
    report = check_solver(solve, objective, design=design, takes=EVERYTHING, budget=1000, seed=1, tol=tol)
    print(report)
    assert report.passed, str(report)
    assert report.declined + report.undecided <= MOST_INCONCLUSIVE * sum(report.problems.values())


# -- wrong solvers ---------------------------------------------------------------------------------


def ista(X, y, alpha, beta, change=1e-3, loss=1.0):
    """Stops at a relative change of the coefficients, as many do."""
    L = 2 * loss * np.linalg.norm(X, 2) ** 2 + 2 * beta or 1.0
    W = np.zeros((X.shape[1], y.shape[1]))
    for _ in range(100_000):
        V = W - (2 * loss * X.T @ (X @ W - y) + 2 * beta * W) / L
        V = np.sign(V) * np.maximum(np.abs(V) - alpha / L, 0)
        if np.linalg.norm(V - W) <= change * np.linalg.norm(V):
            break
        W = V
    return V


def jacobi(X, y, rho1, rho2):
    """Both parts take the full step of one: together they go twice as far."""
    L = 2 * np.linalg.norm(X, 2) ** 2 or 1.0
    P = Q = np.zeros((X.shape[1], y.shape[1]))
    for _ in range(500):
        gradient = 2 * X.T @ (X @ (P + Q) - y) / L
        P, Q = RowL1Linf(rho1).prox(P - gradient, 1 / L), L1(rho2).prox(Q - gradient, 1 / L)
    return P, Q


def size(report):
    data = report.counterexample.case.data
    return max(*data["X"].shape, data["y"].shape[-1])


def test_a_loose_stopping_rule_is_found():
    report = check_solver(ista, "MTLasso")
    assert not report.passed
    assert size(report) <= 3
    assert "the right support, not converged" in report.counterexample.diagnosis
    assert "FAILED" in str(report)


def test_a_missing_factor_is_found_and_named():
    report = check_solver(
        lambda X, y, alpha, beta: ista(X, y, alpha, beta, change=1e-12, loss=0.5), "MTLasso", budget=30
    )
    assert size(report) <= 3
    found = report.counterexample
    assert found.diagnosis.startswith("it is the optimum of another problem: the loss times 1/2")
    # The true optimum is certified, and the solver's excess over it.
    assert found.optimum.holds(1e-8)
    assert found.excess > 1e-6


def test_a_jacobi_step_is_found():
    report = check_solver(jacobi, "DirtyMTL", budget=30)
    assert not report.passed
    assert size(report) <= 3


right = solver_of(fista, "MTLasso", max_iter=10**5)


def forgets_weights(X, y, sample_weight=None, **rest):
    return right(X, np.nan_to_num(y), **rest)


def squares_weights(X, y, sample_weight=None, **rest):
    return right(X, y, **rest, **({} if sample_weight is None else {"sample_weight": sample_weight**2}))


def forgets_the_ridge(X, y, alpha, beta, **rest):
    return right(X, y, alpha=alpha, beta=0.0, **rest)


def forgets_the_intercept(X, y, fit_intercept=False, **rest):
    return right(X, y, **rest)


WRONG = {
    forgets_weights: "without sample weights",
    squares_weights: "sample weights squared",
    forgets_the_ridge: "beta = 0",
    forgets_the_intercept: "without intercept",
}


@pytest.mark.parametrize(("solve", "diagnosis"), WRONG.items())
def test_what_the_answer_would_be_right_for_is_told(solve, diagnosis):
    report = check_solver(solve, "MTLasso", takes=("sample_weight", "fit_intercept"), budget=60)
    assert diagnosis in report.counterexample.diagnosis, str(report)


def zeros(X, y):
    return np.zeros((X.shape[1], y.shape[1]))


def writes(X, y, **weights):
    y *= 2
    return zeros(X, y)


MANNERS = {
    "raises ZeroDivisionError": lambda X, y, **weights: 1 / 0,
    "of shape": lambda X, y, **weights: np.zeros((y.shape[1] + 1, X.shape[1])),
    "NaN or infinity": lambda X, y, **weights: zeros(X, y) + np.nan,
    "returns [];": lambda X, y, **weights: {"V": zeros(X, y)},
    "returns a tuple of 2; expected W": lambda X, y, **weights: (zeros(X, y), zeros(X, y)),
    "no matrix of real numbers: complex": lambda X, y, **weights: zeros(X, y) + 1j,
    "no matrix of real numbers: could not convert": lambda X, y, **weights: "hello",
    "no matrix of real numbers: float() argument": lambda X, y, **weights: fista.MTLasso(),
    "raises SystemExit": lambda X, y, **weights: sys.exit(3),
    "writes into its argument y": writes,
    "claims a gap": lambda X, y, **weights: {"W": zeros(X, y), "gap": 0.0},
}


@pytest.mark.parametrize("says", MANNERS)
def test_manners(says):
    tol = 1e9 if says == "claims a gap" else 1e-6  # a wrong claim though the promise is kept
    assert says in str(check_solver(MANNERS[says], "MTLasso", budget=12, tol=tol))


def test_a_fault_that_the_reference_shares_is_found(monkeypatch):
    """Were FISTA itself wrong, its bound would not reach its value, and CVXPY would be asked."""
    terms = fista.MTLasso._terms

    def without_ridge(self, n_tasks):
        return replace(terms(self, n_tasks), ridge=0.0)

    monkeypatch.setattr(fista.MTLasso, "_terms", without_ridge)
    report = check_solver(right, "MTLasso", budget=30)
    assert not report.passed
    assert size(report) <= 3
    assert report.counterexample.tried <= 5
    assert "beta = 0" in report.counterexample.diagnosis


def test_what_cannot_be_decided_is_counted(monkeypatch):
    monkeypatch.setattr(solver_checks._Minimum, "_ask", lambda *arguments, **settings: None)
    report = check_solver(right, "MTLasso", budget=12)
    assert not report.passed
    assert report.counterexample is None
    assert report.undecided == 12
    assert "not decided: 12" in str(report)


def test_who_says_so_breaks_no_promise():
    def short(X, y, warn=True, **weights):
        with warnings.catch_warnings():
            warnings.simplefilter("default" if warn else "ignore")
            return fista.MTLasso(**weights, max_iter=3).fit(X, y)

    report = check_solver(short, "MTLasso", budget=30)
    assert report.passed
    assert report.declined > 0
    assert report.proved + report.trivial + report.declined == sum(report.problems.values()) == 30
    assert f"not converged, and said so: {report.declined}" in str(report)
    assert not check_solver(partial(short, warn=False), "MTLasso", budget=30)


def test_weights_can_be_held_fixed():
    """A solver without a ridge is right where there is none."""
    assert not check_solver(forgets_the_ridge, "MTLasso", budget=12)
    assert check_solver(forgets_the_ridge, "MTLasso", budget=12, fixed={"beta": 0.0})
    with pytest.raises(ValueError, match="fixed: found 'gamma'"):
        check_solver(right, "MTLasso", fixed={"gamma": 0.0})


def test_scikit_learn_through_its_adapter():
    def build(n_rows, alpha, beta):
        return linear.ElasticNet(
            (alpha + 2 * beta) / (2 * n_rows),
            l1_ratio=alpha / (alpha + 2 * beta),
            fit_intercept=False,
            tol=1e-10,
            max_iter=10**6,
        )

    assert check_solver(from_estimator(build), "MTLasso", budget=30, tol=1e-5).passed


def test_the_same_seed_finds_the_same_and_what_is_found_is_code():
    first, second = (check_solver(ista, "MTLasso", budget=60, seed=5) for _ in range(2))
    assert str(first) == str(second)
    namespace = {}
    exec(first.counterexample.case.posed("verify"), namespace)
    assert namespace["model"].get_params()["alpha"] == first.counterexample.case.parameters["alpha"]


WRONG_CALLS = {
    "objective: found 'Ridge'": {"objective": "Ridge"},
    "design: found 'both'": {"design": "both"},
    "takes: found 'weights'": {"takes": ("weights",)},
    "takes: found 'X_expert'; expected a tuple": {"takes": "X_expert"},
    "tol: found -1; expected a finite number > 0": {"tol": -1},
    "tol: found 0; expected a finite number > 0": {"tol": 0},
    "budget: found 0; expected an integer >= 1": {"budget": 0},
    "budget: found 1.5; expected an integer >= 1": {"budget": 1.5},
    "seed: found 'a'; expected an integer >= 0": {"seed": "a"},
    "solve: found MTLasso; expected a function": {"solve": fista.MTLasso()},
    "fixed: found beta = -1; expected a finite weight": {"fixed": {"beta": -1}},
}


@pytest.mark.parametrize("message", WRONG_CALLS)
def test_wrong_calls(message):
    with pytest.raises((TypeError, ValueError), match=message):
        check_solver(**{"solve": ista, "objective": "MTLasso", **WRONG_CALLS[message]})


def of_small_problems(wrong):
    """Right on problems of up to three rows, which are most of the first."""
    return lambda X, y, **weights: right(X, y, **weights) if len(X) < 4 else wrong(X, y, **weights)


def test_coefficients_that_overflow_are_wrong():
    huge = of_small_problems(lambda X, y, **weights: zeros(X, y) + 1e200)
    report = check_solver(huge, "MTLasso", budget=60)
    assert not report.passed
    assert report.counterexample.diagnosis == "it is no better than W = 0"


def test_a_warning_that_it_has_converged_is_no_excuse():
    def proud(X, y, **weights):
        warnings.warn("converged in 7 iterations", UserWarning, stacklevel=1)
        return zeros(X, y)

    assert check_solver(of_small_problems(proud), "MTLasso", budget=60).counterexample is not None


@pytest.mark.parametrize("graph", [[(0, 1, 0.5)], np.array([[0.0, 2.0], [2.0, 0.0]])])
def test_what_is_written_into_weights_is_seen(graph):
    def writes(X, y, graph, **weights):
        model = fista.SRMTL(graph=graph, **weights, max_iter=10**5).fit(X, y)
        if not isinstance(graph, str):
            graph *= 0
        return model

    case = Case("SRMTL", {"graph": graph, "alpha": 1.0, "fit_intercept": False}, {"X": X2, "y": X2})
    with pytest.raises(solver_checks._Wrong, match="writes into its argument graph"):
        solver_checks._verdict(writes, case, 1e-6)


def test_a_solver_that_is_right_at_times_is_found():
    rng = np.random.default_rng(0)

    def wavers(X, y, **weights):
        return right(X, y, **weights).coef_.T + (rng.random() < 0.2)

    report = check_solver(wavers, "MTLasso", budget=60)
    assert report.counterexample is not None
    assert isinstance(str(report), str)


def test_a_sparse_answer_is_read_and_a_gap_of_nan_is_not():
    assert check_solver(lambda X, y, **w: sp.csr_array(right(X, y, **w).coef_.T), "MTLasso", budget=30)
    report = check_solver(
        lambda X, y, **w: {"W": right(X, y, **w).coef_.T, "gap": np.nan}, "MTLasso", budget=6
    )
    assert "claims a gap that is NaN" in str(report)


def test_problems_that_zero_solves_prove_nothing():
    """The first problem of each family is the smallest that there is: X = 0."""
    report = check_solver(lambda X, y, **weights: zeros(X, y), "MTLasso", budget=6)
    assert not report.passed
    assert (report.proved, report.trivial, report.counterexample) == (0, 6, None)
    assert "nothing was proved" in str(report)


def test_the_code_of_a_counterexample_shows_the_failure(capsys):
    found = check_solver(half, "MTLasso", budget=30).counterexample
    exec(found.code(), {"solve": half})
    assert f"{found.optimum.dual:.6g}"[:6] in capsys.readouterr().out
    assert f"its answer: W = {found.answer['W'].tolist()}" in str(found)
    assert f"the best known: W = {found.best['W'].tolist()}" in str(found)


def half(X, y, alpha, beta):
    return right(X, y, alpha=2 * alpha, beta=2 * beta).coef_.T


def forgets_graph_weights(X, y, graph, **weights):
    if isinstance(graph, list):
        graph = [(edge[0], edge[1]) for edge in graph]
    if isinstance(graph, np.ndarray):
        graph = (graph > 0).astype(float)
    return solver_of(fista, "SRMTL", max_iter=10**5)(X, y, graph=graph, **weights)


def test_weights_of_edges_that_are_ignored_are_named():
    report = check_solver(forgets_graph_weights, "SRMTL", budget=300)
    assert "all graph weights 1" in report.counterexample.diagnosis, str(report)


def test_what_has_the_right_support_only_is_not_said_to_be_unfinished():
    report = check_solver(lambda X, y, **weights: 0.5 * right(X, y, **weights).coef_.T, "MTLasso", budget=60)
    assert "not converged" not in report.counterexample.diagnosis


def test_the_docstrings():
    assert doctest.testmod(solver_checks).failed == 0
