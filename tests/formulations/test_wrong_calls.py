"""Wrong calls fail before any work, naming the argument; and graphs in every spelling."""

import doctest

import numpy as np
import pytest
import scipy.sparse as sp

import formulations
from formulations import EGMTL, L21MTL, SRMTL, MTLasso, STLasso, declare, dual, estimators
from formulations.graphs import read_graph

X = np.arange(12.0).reshape(6, 2)
Y = np.ones((6, 3))
y = np.ones(6)
TASKS = [0, 1, 2, 0, 1, 2]
EXPERTS = {"X_expert": X[:2], "y_expert": Y[:2]}
NAN = np.where(np.arange(6) == 1, np.nan, 1.0)

WRONG = [
    # model, X, y, keywords, error, message
    (MTLasso(alpha=-1.0), X, Y, {}, ValueError, "alpha.*>= 0"),
    (MTLasso(alpha=np.nan), X, Y, {}, ValueError, "alpha"),
    (MTLasso(alpha="1"), X, Y, {}, TypeError, "alpha"),
    (MTLasso(beta=[1.0]), X, Y, {}, TypeError, "beta"),
    (MTLasso(beta=True), X, Y, {}, TypeError, "beta"),
    (STLasso(alpha=[1.0, 2.0]), X, Y, {}, ValueError, "alpha.*3.*2"),
    (STLasso(alpha=[1.0, -2.0, 1.0]), X, Y, {}, ValueError, "alpha"),
    (STLasso(alpha="abc"), X, Y, {}, TypeError, "alpha"),
    (MTLasso(solver="GUROBI"), X, Y, {}, ValueError, "solver.*GUROBI"),
    (L21MTL(solver="OSQP"), X, Y, {}, ValueError, "solver.*CLARABEL or SCS"),
    (MTLasso(tol=-1.0), X, Y, {}, ValueError, "tol"),
    (MTLasso(tol="x"), X, Y, {}, TypeError, "tol"),
    (MTLasso(max_iter=0), X, Y, {}, ValueError, "max_iter"),
    (MTLasso(max_iter=1.5), X, Y, {}, TypeError, "max_iter"),
    (MTLasso(fit_intercept="yes"), X, Y, {}, TypeError, "fit_intercept"),
    (MTLasso(warm_start=2), X, Y, {}, TypeError, "warm_start"),
    (MTLasso(), X, None, {}, ValueError, "y"),
    (MTLasso(), X[:0], y[:0], {}, ValueError, "sample"),
    (MTLasso(), X, y[:5], {}, ValueError, "y.*6.*5"),
    (MTLasso(), X, np.ones((6, 2, 2)), {}, ValueError, "dim"),
    (MTLasso(), X, np.ones((6, 0)), {}, ValueError, "y"),
    (MTLasso(), X, NAN, {}, ValueError, "y contains NaN"),
    (MTLasso(), np.full((6, 2), np.nan), y, {}, ValueError, "X contains NaN"),
    (MTLasso(), X, NAN, {"sample_weight": NAN}, ValueError, "sample_weight contains NaN"),
    (MTLasso(), X, y, {"sample_weight": -y}, ValueError, "sample_weight.*>= 0"),
    (MTLasso(), X, y, {"sample_weight": 0 * y}, ValueError, "sample_weight.*zero"),
    (MTLasso(), X, y, {"sample_weight": y[:3]}, ValueError, r"sample_weight.*\(6,\).*\(3,\)"),
    (MTLasso(), X, Y, {"sample_weight": Y[:, :2]}, ValueError, r"sample_weight.*\(6, 3\).*\(6, 2\)"),
    (MTLasso(), X, Y, {"tasks": TASKS}, ValueError, "tasks.*2-D"),
    (MTLasso(), X, y, {"tasks": TASKS[:4]}, ValueError, "tasks.*6.*4"),
    (MTLasso(), X, y, {"tasks": [None, *TASKS[1:]]}, TypeError, "tasks.*None"),
    (MTLasso(), X, y, {"tasks": NAN}, TypeError, "tasks"),
    (MTLasso(), X, y, {"tasks": ["a", *TASKS[1:]]}, TypeError, "tasks"),
    (MTLasso(), X, y, {"tasks": [True, False] * 3}, TypeError, "tasks"),
    (MTLasso(), X, y, {"tasks": [TASKS]}, ValueError, "tasks"),
    (MTLasso(task_labels=[0, 1]), X, y, {"tasks": TASKS}, ValueError, "tasks.*unknown.*2"),
    (MTLasso(task_labels=["a"]), X, y, {"tasks": TASKS}, TypeError, "tasks"),
    (MTLasso(task_labels=[0, 0, 1]), X, Y, {}, ValueError, "task_labels.*distinct"),
    (MTLasso(task_labels=[0, 1]), X, Y, {}, ValueError, "task_labels.*3.*2"),
    (MTLasso(task_labels=[2, 1, 0]), X, Y, {}, ValueError, "task_labels.*sorted"),
    (MTLasso(task_labels="abc"), X, Y, {}, TypeError, "task_labels"),
    (MTLasso(task_labels=3), X, Y, {}, TypeError, "task_labels"),
    (MTLasso(task_labels=[]), X, Y, {}, ValueError, "task_labels"),
    (EGMTL(), X, Y, {"X_expert": X}, ValueError, "y_expert"),
    (EGMTL(), X, Y, {"y_expert": Y}, ValueError, "y_expert.*X_expert"),
    (EGMTL(), X, Y, {"tasks_expert": TASKS}, ValueError, "tasks_expert"),
    (EGMTL(), X, Y, {"sample_weight_expert": y}, ValueError, "sample_weight_expert"),
    (EGMTL(), X, Y, {"X_expert": X[:, :1], "y_expert": Y}, ValueError, "X_expert.*2.*1"),
    (EGMTL(), X, Y, {"X_expert": X, "y_expert": Y[:5]}, ValueError, "y_expert"),
    (EGMTL(), X, Y, {"X_expert": X, "y_expert": y}, ValueError, "y_expert.*2-D"),
    (EGMTL(), X, Y, {"X_expert": X, "y_expert": Y[:, :2]}, ValueError, "y_expert.*3 columns"),
    (EGMTL(), X, Y, {"X_expert": NAN[:, None] * X, "y_expert": Y}, ValueError, "X_expert.*NaN"),
    (EGMTL(), X, Y, {"X_expert": X, "y_expert": NAN[:, None] * Y}, ValueError, "y_expert.*NaN"),
    (EGMTL(), X, Y, EXPERTS | {"tasks_expert": [0, 1]}, ValueError, "tasks_expert"),
    (EGMTL(), X, y, {"tasks": TASKS, "X_expert": X, "y_expert": y}, ValueError, "tasks_expert"),
    (
        EGMTL(),
        X,
        y,
        {"tasks": TASKS, "X_expert": X, "y_expert": y, "tasks_expert": [7] * 6},
        ValueError,
        "tasks_expert.*unknown.*7",
    ),
    (EGMTL(), X, Y, EXPERTS | {"sample_weight_expert": y}, ValueError, "sample_weight_expert"),
    (EGMTL(), X, Y, EXPERTS | {"expert": y > 0}, ValueError, "expert.*X_expert"),
    (EGMTL(), X, Y, {"expert": y > 0}, ValueError, "expert.*crowd"),
    (EGMTL(), X, Y, {"expert": y}, TypeError, "expert.*boolean"),
    (EGMTL(), X, Y, {"expert": [True]}, ValueError, r"expert.*\(6,\)"),
    (SRMTL(graph="star"), X, Y, {}, ValueError, "graph.*star"),
    (SRMTL(graph=None), X, Y, {}, TypeError, "graph"),
    (SRMTL(graph=3), X, Y, {}, TypeError, "graph"),
    (SRMTL(graph=[(0, 0)]), X, Y, {}, ValueError, "graph.*different"),
    (SRMTL(graph=[(0, 3)]), X, Y, {}, ValueError, r"graph.*0\.\.2"),
    (SRMTL(graph=[(-1, 0)]), X, Y, {}, ValueError, "graph"),
    (SRMTL(graph=[(0, 1, -1.0)]), X, Y, {}, ValueError, "graph.*>= 0"),
    (SRMTL(graph=[(0, 1, np.inf)]), X, Y, {}, ValueError, "graph"),
    (SRMTL(graph=[(0, 1, "w")]), X, Y, {}, TypeError, "graph"),
    (SRMTL(graph=[(0.0, 1)]), X, Y, {}, TypeError, "graph.*integers"),
    (SRMTL(graph=[(0, True)]), X, Y, {}, TypeError, "graph.*integers"),
    (SRMTL(graph=[(0,)]), X, Y, {}, ValueError, "graph"),
    (SRMTL(graph=[0, 1]), X, Y, {}, ValueError, "graph"),
    (SRMTL(graph=[[0, 1, 0], [1, 0, 1], [0, 1, 0]]), X, Y, {}, ValueError, "graph.*tuples"),
    (SRMTL(graph=np.ones((2, 2))), X, Y, {}, ValueError, r"graph.*\(3, 3\)"),
    (SRMTL(graph=np.array([(0, 1), (1, 2)])), X, Y, {}, ValueError, "graph.*list of tuples"),
    (SRMTL(graph=np.ones((3, 3))), X, Y, {}, ValueError, "graph.*diagonal"),
    (SRMTL(graph=np.triu(np.ones((3, 3)), 1)), X, Y, {}, ValueError, "graph.*symmetric"),
    (SRMTL(graph=np.eye(3) - np.ones((3, 3))), X, Y, {}, ValueError, "graph.*>= 0"),
    (SRMTL(graph=np.full((3, 3), np.nan)), X, Y, {}, ValueError, "graph.*finite"),
    (SRMTL(graph=np.full((3, 3), "a")), X, Y, {}, TypeError, "graph.*numeric"),
    (SRMTL(graph=sp.eye_array(3)), X, Y, {}, ValueError, "graph.*diagonal"),
]


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_wrong_calls(case, monkeypatch):
    model, X, y, keywords, error, message = WRONG[case]

    def no_work(*args, **keywords):
        raise AssertionError("work was done")

    monkeypatch.setattr(formulations.oracle.Compiled, "__init__", no_work)
    with pytest.raises(error, match=f"(?s){message}"):
        model.fit(X, y, **keywords)


def test_wrong_predictions():
    model = MTLasso().fit(X, y + np.arange(6), tasks=TASKS)
    for labels, error in (([5] * 6, ValueError), (["a"] * 6, TypeError), ([0, 1], ValueError)):
        with pytest.raises(error, match="tasks"):
            model.predict(X, tasks=labels)
    with pytest.raises(ValueError, match="tasks"):
        model.score(X, y)
    with pytest.raises(ValueError, match="y"):
        model.score(X, np.ones((6, 2)))
    with pytest.raises(ValueError, match="features"):
        model.predict(X[:, :1])


def test_spellings_of_a_graph():
    chain = [(0, 1, 1.0), (1, 2, 1.0)]
    adjacency = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    for graph in (
        "chain",
        [(0, 1), (1, 2)],
        ((0, 1), (1, 2, 1)),
        [[0, 1], [1, 2]],
        [np.array([0, 1]), (np.int64(1), np.int32(2), np.float32(1))],
        adjacency,
        adjacency.astype(bool),
        sp.csr_array(adjacency),
        sp.coo_matrix(adjacency),
    ):
        assert read_graph(graph, 3) == chain
    weighted = [(0, 1, 2.5), (1, 2, 2.5)]
    assert read_graph(2.5 * adjacency, 3) == read_graph(sp.csr_array(2.5 * adjacency), 3) == weighted
    assert read_graph("complete", 3) == [(0, 1, 1.0), (0, 2, 1.0), (1, 2, 1.0)]
    assert read_graph("complete", 1) == read_graph("chain", 1) == read_graph([], 4) == []
    # Order and direction are those given, as the dual variables of the edges are.
    assert read_graph([(2, 1, 1), (0, 1)], 3) == [(2, 1, 1.0), (0, 1, 1.0)]


def test_edges_given_twice_add_their_squares():
    # In either direction: 3^2 + 4^2 = 5^2. An edge of weight 0 adds nothing.
    W = np.array([[1.0, 3.0]])
    for graph in ([(0, 1, 3), (1, 0, 4)], [(1, 0, 5)], [(0, 1, 5), (0, 1, 0.0)]):
        d = declare(SRMTL(1.0, 0.0, 0.0, graph=graph), [[0.0]], [[0.0, 0.0]])
        assert d.primal({"W": W}) == 100.0


def test_docstrings_run_and_say_what_they_must():
    for module in (estimators, dual):
        assert doctest.testmod(module).failed == 0
    for name in formulations.OBJECTIVES:
        text = getattr(formulations, name).__doc__
        for section in ("Minimises", "Parameters", "Attributes", "Raises", "Examples", "default 1.0"):
            assert section in text
