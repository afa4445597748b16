"""`verify` on Huber's loss and the logistic loss: FISTA against the oracles, on every design."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fista
import formulations
from fista.penalties import L1, ExclusiveLasso, InfimalConvolution, NonNegativeL1, RowL21, TraceNorm
from verification import certify, verify

PENALTIES = {
    "L1": L1(0.7),
    "rows": RowL21(0.7),
    "trace": TraceNorm(0.7),
    "exclusive": ExclusiveLasso(0.7),
    "non-negative": NonNegativeL1(0.7),
    "parts": InfimalConvolution(RowL21(0.7), L1(0.5)),
}
EDGES = [(0, 1, 0.8), (2, 1, 0.5)]
LOSSES = ["huber", "logistic"]
D, T = 4, 3


def estimator(package, loss, name, **arguments):
    if loss == "logistic":
        return package.MultiTaskClassifier(PENALTIES[name], **arguments)
    return package.MultiTaskRegressor(PENALTIES[name], loss="huber", delta=0.8, **arguments)


def problem(loss, design, seed, n=24):
    """Rows with weights, a missing rating if shared; labels too noisy to be separable."""
    r = np.random.default_rng(seed)
    tasks = None if design == "shared" else r.permutation(np.resize(list("abc"), n * T))
    X = r.standard_normal((n if tasks is None else n * T, D))
    W = r.standard_normal((D, T))
    z = X @ W if tasks is None else (X * W.T[np.searchsorted(list("abc"), tasks)]).sum(axis=1)
    y = z + 2 * r.standard_normal(z.shape) * (1 + 4 * (r.random(z.shape) < 0.1))
    u = r.uniform(0.5, 2.0, size=y.shape)
    y = np.where(y > 0, 1.0, 0.0) if loss == "logistic" else y
    if tasks is not None:
        return {"X": X, "y": y, "tasks": tasks, "sample_weight": u}
    y[2, 1], u[2, 1] = np.nan, 0.0
    return {"X": X, "y": y, "sample_weight": u}


@pytest.mark.parametrize("design", ["shared", "per task"])
@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("loss", LOSSES)
def test_fista_and_the_oracles_agree(loss, name, design):
    data = problem(loss, design, seed=0)
    for ridge, graph, intercept in [(0.0, None, False), (0.3, EDGES, True)]:
        ridge = 0.0 if name == "parts" else ridge
        model = estimator(fista, loss, name, ridge=ridge, graph=graph, fit_intercept=intercept)
        result = verify(model, **data)
        assert result.agree, str(result)
        assert not result.inconclusive, str(result)
        for c in result.comparisons:  # strongly convex in W with a ridge only
            assert (c.coefficient_bound < np.inf) == (ridge > 0)


@pytest.mark.parametrize("loss", LOSSES)
def test_models_of_either_package_are_the_same(loss):
    data = problem(loss, "shared", seed=1)
    one, other = (estimator(p, loss, "rows", fit_intercept=True) for p in (fista, formulations))
    assert verify(other, **data).agree
    one.fit(**data)
    other.fit(**data)
    assert certify(one, **data).holds(2e-6)
    bound = certify(other, **data)
    assert one.certificate_.dual <= bound.primal + bound.rounding + one.certificate_.rounding
    assert {key: rows.shape for key, rows in one.certificate_.dual_point.items() if rows.size} == {
        key: rows.shape for key, rows in other.certificate_.dual_point.items() if rows.size
    }
    if loss == "logistic":
        np.testing.assert_array_equal(one.classes_, other.classes_)


def assert_agreement(case):
    loss, name, design, seed, size, ridge, graph, intercept = case
    data = problem(loss, design, seed)
    data["X"] = size * data["X"]
    ridge = 0.0 if name == "parts" else ridge
    model = estimator(fista, loss, name, ridge=ridge, graph=graph, fit_intercept=intercept, max_iter=10**5)
    result = verify(model, **data)
    assert result.certified, str(result)
    assert not result.disagree, str(result)


cases = st.tuples(
    st.sampled_from(LOSSES),
    st.sampled_from(sorted(PENALTIES)),
    st.sampled_from(["shared", "per task"]),
    st.integers(0, 10**6),
    st.sampled_from([0.1, 1.0, 10.0]),
    st.sampled_from([0.0, 0.01, 1.0]),
    st.sampled_from([None, EDGES]),
    st.booleans(),
)


@settings(max_examples=30)
@given(cases)
def test_random_problems_agree(case):
    assert_agreement(case)


@pytest.mark.deep
@settings(max_examples=1000, derandomize=False)
@given(cases)
def test_random_problems_agree_at_length(case):
    assert_agreement(case)
