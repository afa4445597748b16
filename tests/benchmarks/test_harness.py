"""The benchmark harness: all competitors minimise the same objective, and the judge believes none of them.

No time is asserted. Libraries that are not installed are skipped.
"""

import json
import sys
import types
from dataclasses import replace

import numpy as np
import pytest

import fista
from benchmarks import __main__ as command
from benchmarks.cases import OBJECTIVES, SHAPES, TARGETS
from benchmarks.judge import Judge, at_level
from benchmarks.page import Results, draw, markdown
from benchmarks.race import Record, Rules, gap, race
from benchmarks.solvers import COMPETITORS
from benchmarks.stacking import lasso, rows_by_feature
from benchmarks.worker import climb
from tests.benchmarks import planted
from verification import certify

TINY = {name: shape.tiny() for name, shape in SHAPES.items()}
KINDS = ("paper", "sparse", "own", "many", "collinear")  # those that differ when tiny
EVERY = pytest.mark.parametrize("objective", OBJECTIVES)
OFFERED = [
    pytest.param(competitor, kind, objective, id=f"{competitor.name}, {kind}, {objective}")
    for competitor in COMPETITORS
    for kind in ("paper", "own")
    for objective in OBJECTIVES
    if not competitor.declines(at_level(TINY[kind].case(objective), 0.1))
]


def solved(case, tol=1e-12):
    return getattr(fista, case.estimator)(**case.weights, tol=tol, max_iter=10**6).fit(**case.data)


def rungs_of(competitor, case, lower=0.0):
    return list(climb(competitor, case, lower=lower, repeats=1, budget=60.0, announce=lambda settings: None))


# -- the judge ------------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tol", [1e-2, 1e-12])
def test_the_judge_agrees_with_verification(kind, objective, tol):
    case = at_level(TINY[kind].case(objective), 0.1)
    model, judge = solved(case, tol), Judge(case)
    bracket = certify(model, **case.data)
    parts, theta = dict(model.parts_), model.certificate_.dual_point
    # Both are computed from the same rows, in another order: the bound on rounding is of either.
    assert abs(judge.primal(parts) - bracket.primal) <= 2 * bracket.rounding
    assert abs(judge.at_zero - bracket.at_zero) <= 2 * bracket.rounding
    best = certify(solved(case), **case.data)
    lower = judge.lower(parts, theta)
    assert lower <= best.primal + 2 * best.rounding
    # What it lacks of the other bound is no more than what that point's own gap leaves open.
    if tol < 1e-10:
        assert judge.primal(parts) - lower <= 1e-10 * judge.at_zero


@EVERY
@pytest.mark.parametrize("kind", KINDS)
def test_levels_are_shares_of_lambda_max(kind, objective):
    case = at_level(TINY[kind].case(objective), 1.0)
    model = getattr(fista, case.estimator)(**case.weights)
    # Sums of n terms in two orders differ by 2 n eps of their size at most, n being rows and columns of M.
    n = case.crowd.X.shape[0] + case.n_features * case.n_tasks
    assert abs(model.lambda_max(**case.data) - 1) <= 2 * n * np.finfo(float).eps
    assert not solved(case.at(1.001)).coef_.any()


@EVERY
def test_what_is_no_answer_has_an_infinite_gap(objective):
    case = at_level(TINY["paper"].case(objective), 0.1)
    judge, parts = Judge(case), OBJECTIVES[objective].parts
    for W in (np.full((8, 3), np.nan), np.zeros((3, 8))):
        assert judge.primal(dict.fromkeys(parts, W)) == np.inf


# -- the competitors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("competitor", "kind", "objective"), OFFERED)
def test_all_minimise_the_same_objective(competitor, kind, objective):
    if missing := competitor.missing():
        pytest.skip(missing)
    case = at_level(TINY[kind].case(objective), 0.1)
    model, judge = solved(case), Judge(case)
    lower = judge.lower(dict(model.parts_), model.certificate_.dual_point)
    rungs = rungs_of(competitor, case, lower)
    # pyproximal and group-lasso stop where they like; all others have a setting that is good enough.
    assert min(gap(rung, lower) for rung in rungs) <= TARGETS[-1], rungs


class MutarStandIn:
    """1/(2N) ||y_t - X_t w_t||^2, summed over tasks, + alpha sum_d ||W_d.||; X is T x N x D, y T x N."""

    def __init__(self, alpha, fit_intercept, **settings):
        self.alpha = alpha

    def fit(self, X, y):
        T, N, D = X.shape
        assert y.shape == (T, N)
        model = fista.L21MTL(alpha=2 * N * self.alpha, beta=0.0, tol=1e-12, max_iter=10**6)
        self.coef_ = model.fit(X.reshape(-1, D), y.ravel(), tasks=np.repeat(np.arange(T), N)).coef_.T
        return self


def test_mutar_is_given_what_it_documents(monkeypatch):
    made = types.ModuleType("mutar")
    made.GroupLasso = MutarStandIn
    monkeypatch.setitem(sys.modules, "mutar", made)
    case = at_level(TINY["own"].case("l21"), 0.1)
    (competitor,) = [c for c in COMPETITORS if c.name == "mutar" and not c.declines(case)]
    (rung,) = rungs_of(competitor, case)
    assert gap(rung, 0.0) <= TARGETS[-1]


@pytest.mark.parametrize("objective", ["l1", "SR", "EG"])
@pytest.mark.parametrize("kind", ["paper", "sparse", "own", "many"])
def test_stacked_rows_have_the_same_objective(kind, objective):
    case = at_level(TINY[kind].case(objective), 0.1)
    (A, b, alpha), judge = lasso(case), Judge(case)
    scale = 2.0 if objective == "EG" else 1.0
    rng = np.random.default_rng(0)
    points = [rng.standard_normal((case.n_features, case.n_tasks)) for _ in range(2)]

    def stacked(W):
        w = W.T.ravel()
        return float(np.sum((b - A @ w) ** 2)) + alpha * float(np.abs(w).sum())

    # Cholesky factors leave a constant out, so that only differences are the same; they are some 1e3 large,
    # and each is a sum of fewer than 1e3 squares.
    there = stacked(points[0]) - stacked(points[1])
    here = scale * (judge.primal({"W": points[0]}) - judge.primal({"W": points[1]}))
    assert abs(there - here) <= 1e3 * np.finfo(float).eps * scale * sum(
        judge.primal({"W": W}) for W in points
    )


def test_rows_by_feature_are_the_same_rows():
    case = at_level(TINY["own"].case("l21"), 0.1)
    (A, b, _), (B, c) = lasso(case), rows_by_feature(case)
    W = np.arange(24.0).reshape(8, 3)
    np.testing.assert_array_equal(b, c)
    np.testing.assert_allclose(A @ W.T.ravel(), B @ W.ravel(), rtol=1e-12)


# -- the race -------------------------------------------------------------------------------------------

SMALL = replace(TINY["paper"], features=9)
RULES = Rules(levels=(0.5, 0.1), timeout=5.0, repeats=2, registry="tests.benchmarks.planted")


@pytest.fixture(scope="module")
def results():
    return Results(race(list(planted.COMPETITORS), SMALL, "l21", RULES))


def test_each_gets_what_it_deserves(results):
    assert len(results.records) == len(planted.COMPETITORS) * len(RULES.levels)
    for record in results.where(competitor="right"):
        assert all(results.seconds(record, target) > 0 for target in TARGETS)
    for name in ("wrong", "raising", "hanging", "dying"):
        for record in results.where(competitor=name):
            assert all(results.seconds(record, target) is None for target in TARGETS), name


def why(results, name):
    return [record.why_not(results.lower(record)) for record in results.where(competitor=name)]


def test_it_says_why(results):
    assert all(text.startswith("no better than ") for text in why(results, "wrong"))
    assert why(results, "raising") == ["ZeroDivisionError: planted"] * 2
    assert all("more than 5 s at tol=1e-10" in text for text in why(results, "hanging"))
    assert why(results, "dying")[0] == "its process ended with code 1 (planted death) at tol=0.001"
    assert why(results, "dying")[1] == why(results, "dying")[0] + ", at weights of 0.5 already"


def test_a_false_dual_point_proves_nothing():
    """A dual point is scaled until it is feasible, whoever boasts of it."""
    case = at_level(SMALL.case("l21"), 0.1)
    judge, best = Judge(case), solved(case)
    boast = {"crowd": 1e6 * case.crowd.Y}
    assert judge.lower({"W": np.zeros((9, 3))}, boast) <= judge.primal(dict(best.parts_))


def test_what_is_missing_is_in_the_table():
    absent = replace(planted.COMPETITORS[0], missing=lambda: "it is not there")
    records = list(race([absent], SMALL, "l21", RULES))
    assert [record.ended for record in records] == ["it is not there"] * 2
    assert "- right: it is not there (weights 0.5, 0.1)" in markdown(Results(records), {}, {})


def test_page_and_picture(results, tmp_path):
    page = markdown(results, {"processor": "of paper"}, {"right": 0.1})
    assert "- processor: of paper" in page
    for name in ("right", "wrong", "raising", "hanging"):
        assert f"\n| {name} |" in page
    assert "| wrong | - / - / - | - / - / - |" in page
    draw(results, tmp_path / "picture.png")
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


def test_the_loosest_sufficient_setting_counts():
    def rung(primal, seconds):
        return {"settings": {}, "at_zero": 1.0, "primal": primal, "dual": 0.0, "seconds": seconds, "said": ""}

    steps = [rung(1.1, [1.0]), rung(1.0 + 1e-7, [5.0, 3.0, 4.0]), rung(1.0, [9.0])]
    record = Record("s", "l1", "c", "p", 0.1, steps)
    assert [record.seconds(target, 1.0) for target in TARGETS] == [4.0, 4.0, 9.0]
    assert record.seconds(1e-6, 0.9) is None


# -- the command ----------------------------------------------------------------------------------------


def test_the_command_prints_a_page_and_leaves_the_document_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(SHAPES, "paper", TINY["paper"])
    arguments = [
        "--quick",
        "--objective",
        "l1",
        "--only",
        "scikit-learn, Gram",
        "--json",
        str(tmp_path / "run.json"),
    ]
    assert command.main([*arguments, "--output", str(tmp_path / "page.md")]) == 0
    assert "| paper | l1 | 0.1 |" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    stored = json.loads((tmp_path / "run.json").read_text())
    assert {record["competitor"] for record in stored["records"]} == {"fista", "scikit-learn, Gram"}
    assert "pools seen: " in stored["environment"]["threads"]


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(SHAPES, "paper", TINY["paper"])
    monkeypatch.setattr(command, "COMPETITORS", COMPETITORS[:1])
    arguments = ["--quick", "--repeats", "1", "--json", str(tmp_path / "run.json")]
    assert command.main([*arguments, "--objective", "l1"]) == 0
    before = json.loads((tmp_path / "run.json").read_text())["records"]
    assert command.main([*arguments, "--objective", "l1", "elastic"]) == 0
    after = json.loads((tmp_path / "run.json").read_text())["records"]
    assert after[: len(before)] == before
    assert {record["objective"] for record in after} == {"l1", "elastic"}
    assert "| paper | l1 | 0.1 |" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="run of other rules"):
        command.main([*arguments, "--objective", "l1", "--weights", "0.5"])


def test_overrides_of_the_kernel_do_not_reach_a_run(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    (record,) = race([planted.COMPETITORS[0]], SMALL, "l21", replace(RULES, levels=(0.5,)))
    architectures = {pool["architecture"] for pool in record.pools if pool["internal_api"] == "openblas"}
    assert "Prescott" not in architectures


def test_the_file_is_asked_for():
    with pytest.raises(SystemExit):
        command.main(["--shape", "school"])


def test_a_file_is_read_sorted_and_centred(tmp_path):
    rng = np.random.default_rng(0)
    X, y, tasks = rng.standard_normal((40, 4)), rng.standard_normal(40), rng.integers(3, 6, 40)
    np.savez(tmp_path / "own.npz", X=X, y=y, tasks=tasks)
    case = SHAPES["school"].case("EG", file=tmp_path / "own.npz")
    assert case.n_tasks == len(np.unique(tasks))
    assert (np.diff(case.crowd.tasks) >= 0).all()
    assert abs(case.crowd.Y.mean()) < 1e-14
    assert solved(at_level(case, 0.1), 1e-8).certificate_.converged


def test_a_full_run_writes_page_and_picture_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "SHAPES", {"paper": TINY["paper"]})
    monkeypatch.setattr(command, "OBJECTIVES", {"l1": OBJECTIVES["l1"]})
    monkeypatch.setattr(command, "COMPETITORS", COMPETITORS[:1])
    assert command.main(["--output", str(tmp_path / "page.md"), "--repeats", "1"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.md", "page.png"]
    assert "![gap against time](page.png)" in (tmp_path / "page.md").read_text()
