"""`verify` and `certify` on generic objectives: fast penalties and prototypes, and the oracles."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fista
import formulations
from benchmarks.prototypes import pairs
from fista import MultiTaskRegressor
from fista.penalties import ExclusiveLasso, KSupport, RowL21, TraceNorm, latent_groups
from formulations import declare
from verification import agreement, certify, verify

D, T = 4, 3
PAIRS = pairs(D, T, 0.7)
FAST = {name: fast for name, (fast, _) in PAIRS.items()}
FAST["latent groups"] = {"penalty": latent_groups([[0, 1, 2], [2, 3], [1]], 0.6)}
rng = np.random.default_rng(0)
X = rng.standard_normal((20, D))
Y = X @ rng.standard_normal((D, T)) + rng.standard_normal((20, T))


@pytest.mark.parametrize("name", FAST)
def test_fast_penalties_are_verified(name):
    result = verify(MultiTaskRegressor(**FAST[name]), X, Y)
    assert result.agree, str(result)
    assert [c.verdict for c in result.comparisons] == ["agree"] * len(result.comparisons)
    assert ("OSQP" in [c.solver for c in result.comparisons]) == declare(
        MultiTaskRegressor(**FAST[name]), X, Y
    ).quadratic_program


@pytest.mark.parametrize("name", ["row l21", "exclusive lasso", "elastic mixture"])
def test_designs_weights_graphs_and_intercepts(name):
    r = np.random.default_rng(1)
    shared = {"X": X, "y": Y.copy(), "sample_weight": r.uniform(0.5, 2.0, Y.shape)}
    shared["y"][0, 0], shared["sample_weight"][0, 0] = np.nan, 0.0
    by_row = {"X": X, "y": Y[:, 0], "tasks": np.resize(["a", "b", "c"], 20)}
    for data in (shared, by_row, {"X": X, "y": Y[:, 0]}):
        for intercept in (False, True):
            graph = None if np.ndim(data["y"]) == 1 and "tasks" not in data else [(0, 1, 0.8)]
            model = MultiTaskRegressor(**FAST[name], graph=graph, fit_intercept=intercept)
            if np.ndim(data["y"]) == 1 and "tasks" not in data and name != "row l21":
                continue
            assert verify(model, **data).agree, str(verify(model, **data))


@pytest.mark.parametrize("name", PAIRS)
def test_prototypes_are_verified(name):
    result = verify(MultiTaskRegressor(**PAIRS[name][1]), X, Y, solvers=["CLARABEL"])
    assert result.agree, str(result)


def test_models_of_either_package_are_verified():
    for package in (fista, formulations):
        model = package.MultiTaskRegressor(RowL21(0.7), ridge=0.2, graph="chain")
        result = verify(model, X, Y)
        assert result.agree, str(result)
        assert result.objective == "MultiTaskRegressor"
        assert all(c.coefficient_distance <= c.coefficient_bound < np.inf for c in result.comparisons)
    assert verify(formulations.MultiTaskRegressor(), X, Y).agree


def assert_agreement(name, data):
    """The prototype and the fast penalty bracket one minimum, and their fitted values are near."""
    r = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    n = data.draw(st.integers(2, 12))
    X, Y = r.standard_normal((n, D)), 10 ** r.uniform(-1, 1) * r.standard_normal((n, T))
    graph = data.draw(st.sampled_from([None, [(0, 1, 0.8)]]))
    intercept = data.draw(st.booleans())
    fast, slow = (
        MultiTaskRegressor(**arguments, graph=graph, fit_intercept=intercept, max_iter=10**5).fit(X, Y)
        for arguments in PAIRS[name]
    )
    assert fast.certificate_.converged
    assert slow.certificate_.converged
    declared = [declare(m, X, Y) for m in (fast, slow)]
    one, other = (
        agreement._bracket(d, (m.parts_, m.intercept_), m.certificate_.dual_point)
        for d, m in zip(declared, (fast, slow), strict=True)
    )
    room = one.rounding + other.rounding
    # Both objectives are the same, evaluated from two expressions at the fast one's point. (A prox by a conic
    # solver may be outside of a constraint by what `indicator` allows.)
    at = [d.primal(fast.parts_, fast.intercept_) for d in declared]
    assert abs(at[0] - at[1]) <= 2 * room
    assert one.dual <= other.primal + room
    assert other.dual <= one.primal + room
    # What each claims of itself holds against the other's point as well.
    assert fast.certificate_.dual <= other.primal + room + fast.certificate_.rounding
    assert slow.certificate_.dual <= one.primal + room + slow.certificate_.rounding
    apart = np.linalg.norm(declared[0].image(fast.parts_) - declared[0].image(slow.parts_))
    images = np.sqrt(sum(declared[0].M.shape) * np.finfo(float).eps * room)
    assert apart <= one.distance_to_optimum + other.distance_to_optimum + images
    # Not vacuous: each within its promise, but for what the bounds give up for trusting CVXPY.
    for bracket, d, m in ((one, declared[0], fast), (other, declared[1], slow)):
        assert bracket.gap <= 1e-6 * bracket.at_zero + bracket.rounding + d.slack(m.parts_, m.intercept_)


@pytest.mark.parametrize("name", PAIRS)
@settings(max_examples=4)
@given(data=st.data())
def test_prototype_and_fast_penalty_agree(name, data):
    assert_agreement(name, data)


@pytest.mark.deep
@pytest.mark.parametrize("name", PAIRS)
@settings(max_examples=200, derandomize=False)
@given(data=st.data())
def test_prototype_and_fast_penalty_agree_at_length(name, data):
    assert_agreement(name, data)


@pytest.mark.parametrize("loss", ["squared", "huber", "logistic"])
def test_a_value_that_cvxpy_solves_for_is_no_disagreement(loss):
    """That of the k-support norm is right to some 1e-9, which is no fault of FISTA's."""
    for seed in range(3):
        r = np.random.default_rng(seed)
        X, Y = r.standard_normal((20, D)), r.standard_normal((20, T))
        if loss == "logistic":
            model, Y = fista.MultiTaskClassifier(KSupport(3, 0.5)), Y > 0
        else:
            model = MultiTaskRegressor(KSupport(3, 5.0), loss=loss, fit_intercept=bool(seed))
        result = verify(model, X, Y, solvers=["CLARABEL"])
        assert result.agree, str(result)
        # No more is allowed for than that: what is exact is still within rounding.
        assert result.bracket.rounding <= 1e-7 * result.bracket.primal


# -- what is wrong is found ------------------------------------------------------------------------


def test_a_wrong_polar_is_caught_though_the_answer_is_right(monkeypatch):
    genuine = TraceNorm.polar
    monkeypatch.setattr(TraceNorm, "polar", lambda self, G: genuine(self, G) / 2)
    result = verify(MultiTaskRegressor(TraceNorm(10.0)), X, Y, solvers=["CLARABEL"])
    assert not result.agree
    assert any("the gap is negative" in finding for finding in result.findings)


def test_a_value_that_is_a_little_wrong_is_caught_where_cvxpy_solves_for_it(monkeypatch):
    genuine = KSupport.value
    monkeypatch.setattr(KSupport, "value", lambda self, W: genuine(self, W) * (1 + 1e-6))
    result = verify(MultiTaskRegressor(KSupport(3, 5.0)), X, Y, solvers=["CLARABEL"])
    assert any("claims F(W)" in finding for finding in result.findings)


def test_a_wrong_conjugate_is_caught(monkeypatch):
    genuine = ExclusiveLasso.conjugate
    monkeypatch.setattr(ExclusiveLasso, "conjugate", lambda self, G, E: genuine(self, G, E) / 2)
    result = verify(MultiTaskRegressor(ExclusiveLasso(10.0)), X, Y, solvers=["CLARABEL"])
    assert result.disagree


def test_a_wrong_value_and_prox_are_caught(monkeypatch):
    """Another penalty altogether, which agrees with itself: the expression does not agree with it."""
    for name in ("value", "prox", "polar"):
        monkeypatch.setattr(
            RowL21, name, lambda self, A, *s, m=name: getattr(TraceNorm(self.alpha), m)(A, *s)
        )
    result = verify(MultiTaskRegressor(RowL21(5.0)), X, Y)
    assert all(c.verdict == "DISAGREE" for c in result.comparisons)


def test_an_early_stop_is_no_disagreement():
    result = verify(MultiTaskRegressor(TraceNorm(1.0), max_iter=1), X, Y, solvers=["CLARABEL"])
    assert not result.agree
    assert not result.disagree
    assert [c.verdict for c in result.comparisons] == ["not certified"]


def test_a_claim_of_a_smaller_gap_is_caught(monkeypatch):
    genuine = MultiTaskRegressor.fit

    def boasting(self, X, y, **data):
        genuine(self, X, y, **data)
        self.coef_, self.parts_ = 0.9 * self.coef_, {k: 0.9 * v for k, v in self.parts_.items()}
        primal = certify(self, X, y).primal
        self.certificate_ = dataclasses.replace(self.certificate_, primal=primal, dual=primal, gap=0.0)
        return self

    monkeypatch.setattr(MultiTaskRegressor, "fit", boasting)
    result = verify(MultiTaskRegressor(RowL21(0.7)), X, Y, solvers=["CLARABEL"])
    assert any("claims a relative gap" in finding for finding in result.findings)
    assert any("FISTA claims the bound" in f for c in result.comparisons for f in c.findings)


@pytest.mark.parametrize(
    ("solvers", "error", "message"),
    [
        ("CLARABEL", TypeError, r"solvers: found 'CLARABEL'; expected a sequence .* such as \['CLARABEL'\]"),
        (3, TypeError, "solvers: found 3; expected a sequence"),
        (
            ["GUROBI"],
            ValueError,
            "solvers: found 'GUROBI'; expected a sequence of some of CLARABEL, OSQP, SCS",
        ),
    ],
)
def test_solvers_are_read_before_anything_is_solved(solvers, error, message):
    with pytest.raises(error, match=message):
        verify(MultiTaskRegressor(), X, Y, solvers=solvers)


def test_coefficients_are_numbers():
    with pytest.raises(
        TypeError, match="model_or_W: found 'W' of type str for W; expected a fitted estimator"
    ):
        certify("W", X, Y, objective=MultiTaskRegressor())


# -- certify ---------------------------------------------------------------------------------------


def test_certify_takes_coefficients_parts_and_models():
    model = MultiTaskRegressor(RowL21(0.7), fit_intercept=True).fit(X, Y)
    bracket = certify(model, X, Y)
    assert bracket.holds(2e-6)
    assert certify(model.coef_.T, X, Y, objective=model).primal == pytest.approx(bracket.primal, rel=1e-12)
    assert not certify(0.5 * model.coef_.T, X, Y, objective=model).holds(1e-3)
    two = MultiTaskRegressor(latent_groups([[0, 1], [1, 2, 3]])).fit(X, Y)
    assert certify(two.parts_, X, Y, objective=two).holds(2e-6)
    with pytest.raises(ValueError, match="found one array; expected a dict of"):
        certify(two.coef_.T, X, Y, objective=two)


def test_there_is_no_exact_proof_of_a_generic_model():
    model = MultiTaskRegressor(RowL21(0.7)).fit(X, Y)
    with pytest.raises(TypeError, match="exact: found True with MultiTaskRegressor; expected"):
        certify(model, X, Y, exact=True)


def test_a_penalty_without_expression_is_refused_with_what_to_write():
    class Fast(fista.penalties.Penalty):
        def value(self, W):
            return float(np.abs(W).sum())

        def prox(self, V, step):
            return fista.penalties.L1(1.0).prox(V, step)

    with pytest.raises(TypeError, match=r"expected a method expression\(W\)"):
        verify(MultiTaskRegressor(Fast()), X, Y)


def test_claims_have_room_for_what_cvxpy_is_trusted_to():
    """At the edge of its promise FISTA is not accused for the 1e-8 that our own bound gives up."""
    model = MultiTaskRegressor(TraceNorm(0.7), tol=1e-12, max_iter=10**5).fit(X, Y)
    d = declare(model, X, Y)
    bracket = agreement._bracket(d, (model.parts_, np.zeros(T)), model.certificate_.dual_point)
    slack = d.slack(model.parts_)
    assert not agreement._check_claims(model.certificate_, bracket, slack)
    assert 0 < slack <= 1e-6 * d.at_zero
