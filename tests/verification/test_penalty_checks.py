"""`check_penalty` passes right penalties, and each of its checks catches the faults that it is meant for."""

import doctest
import re

import cvxpy as cp
import numpy as np
import pytest

from fista.penalties import (
    L1,
    Blocks,
    Box,
    ColumnL21,
    FusedTasks,
    InfimalConvolution,
    Rotated,
    RowL1Linf,
    RowL21,
    Scaled,
    Slope,
)
from fista.penalties.combinations import OnRows
from verification import check_penalty, from_expression, penalty_checks
from verification.penalty_diagnosis import diagnose

ROWS, COLUMNS = (lambda W: cp.sum(cp.norm(W, 2, axis=1))), (lambda W: cp.sum(cp.norm(W, 2, axis=0)))
MAXIMA, ENTRIES = (lambda W: cp.sum(cp.max(cp.abs(W), axis=1))), (lambda W: cp.sum(cp.abs(W)))


def STEPS(W):
    return cp.sum(cp.abs(cp.diff(W, axis=1))) if W.shape[1] > 1 else cp.Constant(0.0)


def declared(penalty, expression):
    penalty.expression = expression
    return penalty


RIGHT = {
    "l1": lambda: declared(L1(0.7), lambda W: 0.7 * ENTRIES(W)),
    "rows": lambda: declared(RowL21(2.0), lambda W: 2.0 * ROWS(W)),
    "columns": lambda: declared(ColumnL21(0.3), lambda W: 0.3 * COLUMNS(W)),
    "maxima": lambda: declared(RowL1Linf(1.3), lambda W: 1.3 * MAXIMA(W)),
    "dirty": lambda: declared(
        InfimalConvolution(RowL1Linf(1.0), L1(0.4)), lambda P: MAXIMA(P[0]) + 0.4 * ENTRIES(P[1])
    ),
    "robust": lambda: declared(
        InfimalConvolution(RowL21(1.0), ColumnL21(0.9)), lambda P: ROWS(P[0]) + 0.9 * COLUMNS(P[1])
    ),
    "nothing": lambda: L1(0.0),
    "chain": lambda: declared(FusedTasks(1.5), lambda W: 1.5 * STEPS(W)),
    "chain and rows": lambda: InfimalConvolution(FusedTasks(1.5), RowL21(0.8)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_penalties_pass(name):
    report = check_penalty(RIGHT[name]())
    assert report.passed, str(report)
    assert bool(report)
    assert set(report.examples) | set(report.skipped) == set(penalty_checks.CHECKS)


def test_a_weight_for_every_task():
    assert check_penalty(L1(np.array([1.0, 2.0, 0.5])), n_tasks=3).passed


class Quadratic:
    """No norm: a value and a prox are enough."""

    def value(self, W):
        return float(np.sum(W**2))

    def prox(self, V, step):
        return V / V.dtype.type(1 + 2 * step)

    def expression(self, W):
        return cp.sum_squares(W)


def test_what_is_no_norm_is_checked_for_what_it_has():
    report = check_penalty(Quadratic())
    assert report.passed, str(report)
    norms = {"norm", "subgradient", "polar", "polar is attained", "zeros"}
    assert set(report.skipped) == norms | {"null space", "conjugate", "conjugate is attained"}
    assert "not checked: norm, subgradient, polar, zeros, polar is attained, the penalty has no" in str(
        report
    )


def fault(base, **methods):
    return lambda: type("Faulty", (base,), methods)(1.5)


def soft(V, t):
    return V - np.clip(V, -t, t)


FAULTS = {
    # penalty, the check that is meant to catch it
    "step inverted": (
        fault(RowL21, prox=lambda self, V, s: RowL21.prox(self, V, 1 / s if s else 0.0)),
        "argmin",
    ),
    "step doubled": (fault(L1, prox=lambda self, V, s: L1.prox(self, V, 2 * s)), "argmin"),
    "weight forgotten": (fault(L1, prox=lambda self, V, s: soft(V, s)), "argmin"),
    "columns for rows": (fault(RowL21, prox=lambda self, V, s: ColumnL21(1.5).prox(V, s)), "argmin"),
    "hard threshold": (
        fault(L1, prox=lambda self, V, s: np.where(abs(V) > 1.5 * s, V, 0 * V)),
        "nonexpansive",
    ),
    "value without a weight": (fault(RowL21, value=lambda self, W: RowL21(1.0).value(W)), "subgradient"),
    "squared norm": (fault(RowL21, value=lambda self, W: RowL21.value(self, W) ** 2), "norm"),
    "polar of the entries": (fault(RowL21, polar=lambda self, G: np.abs(G).max() / 1.5), "polar"),
    "polar too large": (fault(RowL21, polar=lambda self, G: np.abs(G).sum() / 1.5), "zeros"),
    "polar times the weight": (fault(L1, polar=lambda self, G: np.abs(G).max() * 1.5), "subgradient"),
    "not quite zero": (
        fault(L1, prox=lambda self, V, s: L1.prox(self, V, s) + np.asarray(1e-17 * V, V.dtype)),
        "zeros",
    ),
    "writes into its input": (
        fault(L1, prox=lambda self, V, s: np.multiply(V, 0.5, out=V)),
        "input and output",
    ),
    "NaN for a row of zeros": (
        fault(RowL21, prox=lambda self, V, s: V * np.float32(0) / np.linalg.norm(V, axis=1)[:, None]),
        "input and output",
    ),
    "integers": (
        fault(L1, prox=lambda self, V, s: L1.prox(self, V, s).round().astype(int)),
        "input and output",
    ),
    "shape": (fault(L1, prox=lambda self, V, s: L1.prox(self, V, s).ravel()), "argmin"),
    "another expression": (
        lambda: declared(RowL21(1.5), lambda W: 1.5 * COLUMNS(W)),
        "expression",
    ),
    "half the expression": (lambda: declared(L1(1.5), lambda W: 0.75 * ENTRIES(W)), "expression"),
    "polar not attained": (
        lambda: declared(
            fault(L1, polar=lambda self, G: np.abs(G).sum() / 1.5)(), lambda W: 1.5 * ENTRIES(W)
        ),
        "polar is attained",
    ),
    "a direction forgotten": (
        fault(FusedTasks, null_space=lambda self, D, T: FusedTasks.null_space(self, D, T)[1:]),
        "null space",
    ),
    "a direction too many": (
        fault(FusedTasks, null_space=lambda self, D, T: np.eye(D * T).reshape(-1, D, T)),
        "null space",
    ),
    "a basis that is not orthonormal": (
        fault(FusedTasks, null_space=lambda self, D, T: 2 * FusedTasks.null_space(self, D, T)),
        "null space",
    ),
    "a basis of another shape": (
        fault(FusedTasks, null_space=lambda self, D, T: np.zeros((1, T, D, 1))),
        "null space",
    ),
    "a prox that shrinks what is free": (
        fault(FusedTasks, prox=lambda self, V, s: FusedTasks.prox(self, V, s) / V.dtype.type(1 + s)),
        "null space",
    ),
    "a polar that sees what is free": (
        fault(FusedTasks, polar=lambda self, G: np.abs(np.cumsum(G, axis=1)).max() / 1.5),
        "null space",
    ),
    "a projection on another space": (
        fault(FusedTasks, polar=lambda self, G: FusedTasks.polar(self, G[:, ::-1] * np.arange(G.shape[1]))),
        "polar is attained",
    ),
    "no room for rounding": (
        fault(FusedTasks, polar_bound=lambda self, E: FusedTasks.polar(self, E)),
        "polar",
    ),
    "in the bounds of a box, not along a line": (
        lambda: type(
            "Faulty",
            (Blocks,),
            {"null_space": lambda self, D, T: np.eye(2 * T)[:1].reshape(1, 2, T)},
        )([[0], [1]], [Box(-2.0, 2.0), L1(1.0)]),
        "null space",
    ),
    "raises": (fault(L1, value=lambda self, W: 1 / 0), "argmin"),
}


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_caught_by_the_check_that_is_meant_to(name):
    make, check = FAULTS[name]
    report = check_penalty(make(), n_features=2 if "box" in name else None)
    assert not report.passed
    found = {finding.check: finding for finding in report.findings}
    assert check in found, str(report)
    # The example is small, and is code.
    namespace = {"np": np}
    exec(found[check].code, namespace)
    assert namespace["V"].size <= 8
    assert np.count_nonzero(namespace["V"]) <= 4
    assert found[check].text in str(report)


DIAGNOSES = {
    "prox(V, s) here is the true prox at 2 s": fault(L1, prox=lambda self, V, s: L1.prox(self, V, 2 * s)),
    "prox(V, s) here is the true prox at s / 2": fault(
        RowL21, prox=lambda self, V, s: RowL21.prox(self, V, s / 2)
    ),
    "prox(V, s) here is the true prox at 1 / s": FAULTS["step inverted"][0],
    "prox(V, s) here is the true prox at s^2": fault(
        RowL1Linf, prox=lambda self, V, s: RowL1Linf.prox(self, V, s * s)
    ),
    "the true prox at step 1, whatever s is": fault(L1, prox=lambda self, V, s: L1.prox(self, V, 1.0)),
    "at s / alpha: is the weight forgotten?": FAULTS["weight forgotten"][0],
    "at s alpha: is the weight there twice?": fault(L1, prox=lambda self, V, s: soft(V, 1.5**2 * s)),
    "is a sign wrong": fault(L1, prox=lambda self, V, s: 2 * V - L1.prox(self, V, s)),
    "the projection, and not the prox": fault(RowL21, prox=lambda self, V, s: V - RowL21.prox(self, V, s)),
    "is it along the other axis?": FAULTS["columns for rows"][0],
    "polar(G) here is twice the true polar": fault(RowL21, polar=lambda self, G: 2 * RowL21.polar(self, G)),
    "polar(G) here is alpha^2 times the true polar": FAULTS["polar times the weight"][0],
    "value(W) here is 1 / alpha times the expression": FAULTS["value without a weight"][0],
    "value(W) here is twice the expression": lambda: declared(
        fault(L1, value=lambda self, W: 2 * L1.value(self, W))(), lambda W: 1.5 * ENTRIES(W)
    ),
}


@pytest.mark.parametrize("text", DIAGNOSES)
def test_what_is_wrong_is_told_where_it_can_be(text):
    assert text in diagnose(DIAGNOSES[text](), np.array([[1.0, -2.0], [0.5, 3.0]]), 0.25)


def test_the_report_has_the_diagnosis():
    report = check_penalty(FAULTS["step inverted"][0](), examples=20)
    assert report.diagnosis == "prox(V, s) here is the true prox at 1 / s"
    assert f"\ndiagnosis: {report.diagnosis}\n" in str(report)


@pytest.mark.parametrize("name", ["hard threshold", "raises", "not quite zero", "shape"])
def test_nothing_is_told_of_what_is_no_prox_of_anything(name):
    assert diagnose(FAULTS[name][0](), np.array([[1.0, -2.0], [0.5, 3.0]]), 0.25) == ""
    assert diagnose(RIGHT["rows"](), np.array([[1.0, -2.0], [0.5, 3.0]]), 0.25) == ""


def test_the_report_says_what_was_tried():
    report = check_penalty(L1(0.7), n_features=2, examples=20)
    assert re.search(
        r"tried on \d+ examples of 2 features x 1 to 4 tasks, entries up to 10 in size, steps from 0.001 to "
        r"100 \(and 0 and 1e\+300\); for 10 of them CVXPY solved a problem",
        str(report),
    )
    assert sum(report.examples.values()) == int(re.search(r"tried on (\d+)", str(report)).group(1))


def test_a_prox_that_is_solved_for_is_held_to_what_it_says():
    """It fails at a step of 1e300, and is right to no more than 1e-8."""
    for factor, passes in ((1.0, True), (0.99, False)):
        penalty = from_expression(lambda W: cp.norm1(W), n_features=2, n_tasks=2)
        penalty.prox = lambda V, s, own=penalty.prox, c=factor: c * own(V, s)
        for every in (penalty, Scaled(penalty, 2.0)):
            report = check_penalty(every, n_features=2, n_tasks=2, examples=10)
            assert report.passed == passes, str(report)
            assert "solved for" in report.skipped["argmin"]


def test_whatever_a_penalty_raises_is_a_finding():
    def failing(self, V, s):
        if s > 1e100:
            raise RuntimeError("the solver has failed")
        return L1.prox(self, V, s)

    (found,) = check_penalty(fault(L1, prox=failing)(), examples=10).findings
    assert found.check == "input and output"
    assert found.text == "raises RuntimeError: the solver has failed"


@pytest.mark.parametrize(
    "penalty",
    [
        Slope([2.0, 1.0]),
        Blocks([[0], [1, 2]], [L1(1.0), L1(2.0)]),
        RowL21(np.ones(3)),
        L1(np.ones(3)),
        OnRows(L1(1.0), [2]),
        Rotated(L1(1.0), np.eye(3)),
        from_expression(cp.norm1, n_features=2, n_tasks=1),
    ],
)
def test_a_penalty_for_a_certain_shape_asks_for_it(penalty):
    with pytest.raises(ValueError, match=r"n_features, n_tasks: found None, None for .*: pass n_features="):
        check_penalty(penalty)


@pytest.mark.parametrize("name", ["examples", "n_features", "n_tasks"])
def test_counts_are_read(name):
    with pytest.raises(ValueError, match=f"{name}: found 0; expected an integer >= 1"):
        check_penalty(L1(1.0), **{name: 0})
    with pytest.raises(TypeError, match=f"{name}: found 2.5; expected an integer >= 1"):
        check_penalty(L1(1.0), **{name: 2.5})


def test_nothing_in_a_counterexample_is_there_in_vain():
    """Where the size is given, what can be zero is."""
    make, _ = FAULTS["columns for rows"]
    found = {f.check: f for f in check_penalty(make(), n_features=4, n_tasks=3).findings}["argmin"]
    namespace = {"np": np}
    exec(found.code, namespace)
    assert found.shape == namespace["V"].shape == (4, 3)
    assert "G" not in namespace  # it plays no part
    nothing = np.zeros_like(namespace["V"])
    probe = penalty_checks._Probe(namespace["V"], namespace.get("other", nothing), nothing, namespace["step"])
    for at in np.argwhere(probe.V):
        V = probe.V.copy()
        V[tuple(at)] = 0.0
        simpler = penalty_checks._Probe(V, probe.other, probe.G, probe.step)
        assert penalty_checks._violation(make(), penalty_checks.CHECKS["argmin"][2], simpler) is None


def test_the_same_seed_finds_the_same():
    make, _ = FAULTS["columns for rows"]
    assert str(check_penalty(make(), seed=3)) == str(check_penalty(make(), seed=3))


def test_what_is_no_penalty_is_refused():
    with pytest.raises(TypeError, match="penalty: found int without value; expected"):
        check_penalty(3)
    with pytest.raises(TypeError, match="penalty: found Faulty without prox; expected"):
        check_penalty(type("Faulty", (), {"value": lambda self, W: 0.0})())


def test_the_docstring():
    assert doctest.testmod(penalty_checks).failed == 0
