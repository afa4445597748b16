"""The problems are what they claim to be, cover what they must, find faults and shrink."""

from random import Random

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

import fista
import formulations
from fista.losses import OperatorLoss
from verification.strategies import (
    DESIGNS,
    GRAPH,
    OBJECTIVES,
    RIDGE,
    SPARSITY,
    Case,
    cases,
    crowd_matrices,
    expert_matrices,
    factors,
    indicator_labels,
    sample_weights,
    task_graphs,
    task_rows,
)

quick = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("objective", OBJECTIVES)
@given(data=st.data())
@settings(quick, max_examples=20)
def test_cases_are_accepted_by_both_packages_and_printed_as_code(objective, design, data):
    case = data.draw(cases(objective, design))
    assert case.design == design
    for package in (fista, formulations):
        model = case.model(package)
        assert set(case.parameters) <= set(model.get_params())
    formulations.declare(case.model(), **case.data)
    namespace = {}
    code = case.code().replace("print(verify(model, **data))", "")
    exec(code, namespace)
    for key, value in case.data.items():
        np.testing.assert_array_equal(dense(namespace["data"][key]), dense(value))
    for key, value in case.parameters.items():
        np.testing.assert_array_equal(namespace["model"].get_params()[key], value)


def dense(value):
    return value.toarray() if sp.issparse(value) else value


def design(case):
    return dense(case.data["X"])


REACHED = {
    "zero weight": lambda c: any(c.parameters[k] == 0 for k in SPARSITY[c.objective]),
    "above lambda_max": lambda c: c.model().lambda_max(**c.data) < 1,
    "far below lambda_max": lambda c: 900 < c.model().lambda_max(**c.data) < np.inf,
    "missing rating": lambda c: np.isnan(c.data["y"]).any(),
    "zero row weight": lambda c: "sample_weight" in c.data and (c.data["sample_weight"] == 0).any(),
    "single row": lambda c: len(design(c)) == 1,
    "more features than rows": lambda c: design(c).shape[1] > len(design(c)) > 1,
    "duplicate column": lambda c: (
        design(c).shape[1] > 1 and design(c).any() and (design(c).T[0] == design(c).T[1]).all()
    ),
    "large data": lambda c: np.abs(design(c)).max() >= 1e6,
    "sparse": lambda c: sp.issparse(c.data["X"]),
    "operator form": lambda c: isinstance(c.model()._problem(c.model()._read(**c.data)).loss, OperatorLoss),
    "experts": lambda c: "X_expert" in c.data,
    "weighted experts": lambda c: "sample_weight_expert" in c.data,
    "mask": lambda c: "expert" in c.data and "sample_weight" in c.data,
    "adjacency": lambda c: isinstance(c.parameters["graph"], np.ndarray),
    "empty graph": lambda c: isinstance(c.parameters["graph"], list) and not c.parameters["graph"],
}


@pytest.mark.parametrize("kind", REACHED)
def test_cases_reach_every_kind_of_trouble(kind):
    reach("shared", REACHED[kind])


def test_cases_reach_names_and_tasks_without_rows():
    reach("per-task", lambda c: c.data["tasks"].dtype.kind == "U" and "task_labels" in c.parameters)
    reach("per-task", lambda c: "expert" in c.data)


def reach(design, condition):
    find(
        cases("EGMTL", design),
        condition,
        settings=settings(max_examples=2000, database=None, phases=[Phase.generate], deadline=None),
    )


@pytest.mark.parametrize("objective", sorted({**RIDGE, **GRAPH}))
def test_condition_numbers_stay_within_the_bound(objective):
    name = {**RIDGE, **GRAPH}[objective]

    @quick
    @given(cases(objective, "shared", zero_weights=False))
    def bounded(case):
        assert case.parameters[name] > 0

    bounded()


@given(st.data())
@quick
def test_the_parts_have_the_shapes_they_promise(data):
    X = data.draw(crowd_matrices(max_rows=6, max_features=3))
    N, D = X.shape
    assert N <= 6
    assert D <= 3
    assert data.draw(expert_matrices(D)).shape[1] == D
    Y = data.draw(indicator_labels(N, 3))
    assert (Y.sum(axis=1) == 1).all()
    assert set(np.unique(Y)) <= {0, 1}
    weights = data.draw(sample_weights((N, 3)))
    assert weights is None or (weights.shape == (N, 3) and (weights >= 0).all())
    tasks = data.draw(task_rows(5, 3))
    assert set(tasks) == {0, 1, 2}
    fista.graphs.read_edges(data.draw(task_graphs(3)), 3)
    assert data.draw(factors(-4, 4)) in [10.0**e for e in range(-4, 5)]


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="objective: found 'Ridge'"):
        find(cases("Ridge", "shared"), bool)
    with pytest.raises(ValueError, match="design: found 'both'"):
        find(cases("L21MTL", "both"), bool)


def test_a_planted_fault_is_found_and_shrunk_to_something_readable(monkeypatch):
    """A prox that shrinks twice too much is caught, on a problem that can be read."""
    genuine = fista.penalties.RowL21.prox
    monkeypatch.setattr(fista.penalties.RowL21, "prox", lambda self, V, step: genuine(self, V, 2 * step))

    def caught(case: Case) -> bool:
        model = case.model(max_iter=500)
        return not model.fit(**case.data).certificate_.converged

    with pytest.warns(fista.base.ConvergenceWarning):
        smallest = find(
            cases("L21MTL", "shared"),
            caught,
            settings=settings(max_examples=500, database=None, deadline=None),
            random=Random(0),
        )
    # At most half of the largest problem, the targets zero but for an entry or two, no row weights.
    assert smallest.data["X"].size + smallest.data["y"].size <= 36
    assert np.count_nonzero(smallest.data["y"]) <= 2
    assert "sample_weight" not in smallest.data
    assert smallest.code().count("\n") <= 10
