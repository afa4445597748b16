"""`verify` and `certify` catch what they are there to catch, and nothing else."""

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import MultiTaskLasso

import fista
import formulations
from verification import agreement, certify, verify
from verification.strategies import OBJECTIVES

rng = np.random.default_rng(0)
X = rng.standard_normal((20, 4))
Y = X @ rng.standard_normal((4, 3)) + rng.standard_normal((20, 3))


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("package", [fista, formulations])
def test_models_of_either_package_are_verified(objective, package):
    result = verify(getattr(package, objective)(), X, Y)
    assert result.agree, str(result)
    assert bool(result)
    assert [c.solver for c in result.comparisons] == list(agreement.solvers_for(objective))
    for c in result.comparisons:
        assert c.verdict == "agree"
        assert c.distance <= c.distance_bound
        assert c.coefficient_distance <= c.coefficient_bound < np.inf
    assert "agree" in str(result)


def test_a_wrong_certificate_is_caught_though_the_answer_is_right(monkeypatch):
    """The true polar of the row norms, but off by a factor: the dual point is not feasible."""
    genuine = fista.penalties.RowL21.polar
    monkeypatch.setattr(fista.penalties.RowL21, "polar", lambda self, G: genuine(self, G) / 2)
    model = fista.L21MTL(alpha=10.0, beta=0.0)
    result = verify(model, X, Y, solvers=["CLARABEL"])
    assert not result.agree
    assert any("the gap is negative" in finding for finding in result.findings)


def test_a_wrong_objective_is_caught_by_the_brackets(monkeypatch):
    genuine = fista.estimators.weight
    monkeypatch.setattr(fista.estimators, "weight", lambda name, value: 2 * genuine(name, value))
    result = verify(fista.MTLasso(5.0, 0.5), X, Y)
    assert all(c.verdict == "DISAGREE" for c in result.comparisons)


def test_an_early_stop_is_not_an_agreement():
    """Nor is it a disagreement: all bounds hold, they are only wide."""
    result = verify(fista.RobustMTL(max_iter=1), X, Y, solvers=["CLARABEL"])
    assert not result.agree
    assert not result.certified
    assert not result.disagree
    assert [c.verdict for c in result.comparisons] == ["not certified"]
    assert "NOT certified" in str(result)


def test_a_wide_oracle_decides_nothing(monkeypatch):
    """An oracle that stops at a tenth of the answer is inconclusive, not an agreement."""

    class Early(formulations.L21MTL):
        def fit(self, X, y, **data):
            super().fit(X, y, **data)
            self.parts_ = {name: 0.9 * part for name, part in self.parts_.items()}
            self.multipliers_ = {name: 0.9 * rows for name, rows in self.multipliers_.items()}
            return self

    monkeypatch.setattr(formulations, "L21MTL", Early)
    result = verify(fista.L21MTL(), X, Y, solvers=["CLARABEL"])
    assert [c.verdict for c in result.comparisons] == ["inconclusive"]
    assert result.inconclusive
    assert not result.agree
    assert not result


def test_an_oracle_that_fails_decides_nothing(monkeypatch):
    def failing(self, *arguments, **keywords):
        raise formulations.OracleError("CLARABEL: no answer")

    monkeypatch.setattr(formulations.L21MTL, "fit", failing)
    (comparison,) = verify(fista.L21MTL(), X, Y, solvers=["CLARABEL"]).comparisons
    assert comparison.verdict == "inconclusive"
    assert comparison.status == "failed"


def test_models_of_other_kinds_are_refused():
    with pytest.raises(TypeError, match=r"model: found int; expected one of"):
        verify(3, X, Y)


def test_certify_brackets_any_coefficients():
    model = fista.DirtyMTL().fit(X, Y)
    assert certify(model, X, Y).holds(model.tol)
    assert certify(model.parts_, X, Y, objective=model).holds(model.tol)
    far = certify({"P": np.zeros((4, 3)), "Q": np.zeros((4, 3))}, X, Y, objective=model)
    assert not far.holds(1e-3)
    assert far.primal >= model.certificate_.dual
    assert far.dual <= model.certificate_.primal


def test_certify_takes_a_pair():
    model = fista.RobustMTL().fit(X, Y)
    pair = model.parts_["P"], model.parts_["Q"]
    assert certify(pair, X, Y, objective=model) == certify(model.parts_, X, Y, objective=model)


@pytest.mark.parametrize(
    ("given", "objective", "message"),
    [
        (fista.L21MTL(), None, "model_or_W: found L21MTL, not fitted or of another library"),
        (MultiTaskLasso().fit(X, Y), None, "model_or_W: found MultiTaskLasso, not fitted or of another"),
        (np.zeros((4, 3)), "L21MTL", "objective: found 'L21MTL'; expected an estimator"),
        (np.zeros((4, 3)), fista.L21MTL, "objective: found <class 'fista.estimators.L21MTL'>; expected"),
    ],
)
def test_certify_names_what_is_no_answer(given, objective, message):
    with pytest.raises((TypeError, ValueError), match=message):
        certify(given, X, Y, objective=objective)


def test_certify_says_what_it_needs():
    with pytest.raises(ValueError, match="objective: found None"):
        certify(np.zeros((4, 3)), X, Y)
    with pytest.raises(ValueError, match=r"found one array; expected a dict of \['P', 'Q'\]"):
        certify(np.zeros((4, 3)), X, Y, objective=fista.DirtyMTL())
    with pytest.raises(ValueError, match=r"found W of shape \(3, 4\); expected \(4, 3\), .*coef_.T"):
        certify(np.zeros((3, 4)), X, Y, objective=fista.MTLasso())
    with pytest.raises(ValueError, match="found NaN or infinity in W"):
        certify(np.full((4, 3), np.nan), X, Y, objective=fista.MTLasso())


def test_a_certificate_does_not_set_its_own_tolerance(monkeypatch):
    """A solver that stops at once, and excuses it by a huge bound on rounding, is not believed."""
    genuine = fista.solver.certify

    def excused(*arguments, **keywords):
        honest = genuine(*arguments, **keywords)
        return dataclasses.replace(honest, converged=True, gap=0.0, rounding=1e9)

    monkeypatch.setattr(fista.solver, "certify", excused)
    monkeypatch.setattr(fista.solver, "seems_solved", lambda *arguments: True)
    result = verify(fista.L21MTL(beta=0.0), X, Y, solvers=["CLARABEL"])
    assert not result.agree
    assert result.disagree


def test_the_promise_to_every_task_is_checked(monkeypatch):
    """One stopping rule for all tasks together leaves a small task unsolved."""
    genuine = fista.STLasso._terms
    monkeypatch.setattr(
        fista.STLasso, "_terms", lambda self, T: dataclasses.replace(genuine(self, T), independent=False)
    )
    # An easy large task, and a small one of nearly equal columns, which takes many more iterations.
    common = rng.standard_normal((20, 1))
    design = np.vstack([np.eye(4), common + 0.01 * rng.standard_normal((20, 4))])
    y = np.concatenate([10.0 * np.ones(4), 1e-4 * rng.standard_normal(20)])
    model = fista.STLasso(np.array([1.0, 1e-8]), tol=1e-4)
    result = verify(model, design, y, tasks=np.repeat([0, 1], [4, 20]), solvers=["CLARABEL"])
    assert any(finding.startswith("task 1") for finding in result.findings)
