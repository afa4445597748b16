"""``python -m verification``: tables, files, exit status, interruption."""

import inspect
import json

import numpy as np
import pytest

import verification.__main__ as command
from verification.report import Report

QUICK = ["--random", "0", "--objectives", "L21MTL", "--solvers", "CLARABEL"]


def run(capsys, *arguments):
    status = command.main(list(arguments))
    output = capsys.readouterr()
    return status, output.out, output.err


def test_real_data_agree_and_the_table_says_so(capsys):
    status, out, err = run(capsys, *QUICK)
    assert status == 0
    lines = out.splitlines()
    header = lines[0].split()
    assert header[:5] == ["objective", "data", "design", "level", "solver"]
    assert sum(line.startswith("L21MTL") for line in lines) == 4
    assert "0 disagree" in out
    assert err == ""  # no progress where there is no terminal


def test_json_holds_every_bracket(capsys, tmp_path):
    path = tmp_path / "result.json"
    status, _, _ = run(capsys, *QUICK, "--json", str(path))
    content = json.loads(path.read_text())
    assert status == 0
    assert content["passed"]
    assert len(content["problems"]) == 4
    for problem in content["problems"]:
        assert problem["dual"] <= problem["primal"]
        assert [oracle["solver"] for oracle in problem["oracles"]] == ["CLARABEL"]
    assert list(tmp_path.iterdir()) == [path]  # nothing temporary is left


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((12, 3))
    return {
        "X": X,
        "y": X[:, 0] + 0.1 * rng.standard_normal(12),
        "tasks": np.repeat([0, 1, 2], 4),
        "sample_weight": rng.uniform(0.5, 1, 12),
        "X_expert": X[:3],
        "y_expert": X[:3, 0],
        "tasks_expert": np.array([0, 1, 2]),
        "edges": np.array([[0, 1, 2.0], [1, 2, 1.0]]),
    }


def test_own_data_from_npz(capsys, tmp_path, problem):
    path = tmp_path / "mine.npz"
    np.savez(path, **problem)
    status, out, _ = run(capsys, "--data", str(path))
    assert status == 0
    assert out.count("mine") == 19  # seven objectives, three solvers, less OSQP for two of them
    assert "per-task" in out


def test_own_data_from_csv(capsys, tmp_path, problem):
    path = tmp_path / "mine.csv"
    rows = [
        f"{','.join(map(repr, x.tolist()))},{y!r},clip{t}"
        for x, y, t in zip(problem["X"], problem["y"].tolist(), problem["tasks"], strict=True)
    ]
    path.write_text("a,b,c,rating,clip\n" + "\n".join(rows))
    arguments = ["--data", str(path), "--target", "rating", "--objectives", "STLasso"]
    status, out, _ = run(capsys, *arguments, "--task", "clip")
    assert status == 0
    assert "per-task" in out


def test_an_empty_cell_is_a_missing_rating(capsys, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("a,calm,tense\n1,2,\n2,,1\n3,1,1\n")
    data = command.read_csv(path, ["calm", "tense"], None).data
    np.testing.assert_array_equal(data["sample_weight"], [[1, 0], [0, 1], [1, 1]])
    status, out, _ = run(capsys, "--data", str(path), "--target", "calm", "tense")
    assert status == 0, out


@pytest.mark.parametrize(
    ("content", "arguments", "says"),
    [
        (None, ["--data", "absent.npz"], "absent.npz"),
        (None, ["--data", "data.txt"], ".npz or .csv"),
        (None, ["--target", "y"], "--data"),
        ("a,b\n1,2\n", ["--data", "data.csv"], "--target"),
        ("a,b\n1,2\n", ["--data", "data.csv", "--target", "z"], "z"),
        ("a,b\n1,x\n", ["--data", "data.csv", "--target", "b"], "not a number"),
        ("a,b\n1,2\n1,x\n", ["--data", "data.csv", "--target", "b"], "line 3, column 'b': found 'x'"),
        ("a,b\n,2\n", ["--data", "data.csv", "--target", "b"], "line 2, column 'a': found ''"),
        ("a,b\n1\n", ["--data", "data.csv", "--target", "b"], "line 2: found 1 cells; expected 2"),
        ("a,a,b\n1,2,3\n", ["--data", "data.csv", "--target", "b"], "distinct"),
        ("a,b\n", ["--data", "data.csv", "--target", "b"], "no rows"),
        ("b\n1\n", ["--data", "data.csv", "--target", "b"], "features"),
        ("a,b\n1,2\n", ["--data", "data.csv", "--target", "b", "--json", "no/where.json"], "--json"),
        ("a,b\n1,2\n", ["--data", "data.csv", "--target", "b", "--report", "no/where.html"], "--report"),
        ("a,b\n1,2\n", ["--data", "data.csv", "--target", "b", "--report", "."], "expected a file"),
        (None, ["--data", "absent.csv"], "no file absent.csv"),
        ("PK\x03\x04", ["--data", "data.npz"], "no npz"),
        ("", ["--data", "data.npz"], "no npz"),
        ("", ["--data", "data.npz", "--target", "b"], "CSV file only"),
        ("a,b,t\n1,2,3\n", ["--data", "data.csv", "--target", "a", "b", "--task", "t"], "expected one"),
        ("a,b\nnan,2\n", ["--data", "data.csv", "--target", "b"], "finite"),
    ],
)
def test_wrong_calls_say_what_is_wrong(capsys, tmp_path, monkeypatch, content, arguments, says):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / arguments[1]).write_text(content)
    status, _, err = run(capsys, *arguments)
    assert status == 2
    assert says in err


def test_npz_with_unknown_arrays_is_refused(capsys, tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, X=np.eye(2), target=np.ones(2))
    status, _, err = run(capsys, "--data", str(path))
    assert status == 2
    assert "target" in err


def test_interruption_prints_what_there_is(capsys, monkeypatch):
    done = []

    def interrupted(*arguments, **keywords):
        if done:
            raise KeyboardInterrupt
        done.append(genuine(*arguments, **keywords))
        return done[0]

    genuine = command.verify
    monkeypatch.setattr(command, "verify", interrupted)
    status, out, _ = run(capsys, *QUICK)
    assert status == 130
    assert "interrupted: 1 of 4" in out
    assert "L21MTL" in out


def test_a_disagreement_is_a_failure(capsys, monkeypatch):
    """A solver that minimises the wrong objective (half the penalty) makes the run fail."""
    genuine = command.fista.L21MTL._terms

    def halved(self, n_tasks):
        self.alpha, alpha = self.alpha / 2, self.alpha
        try:
            return genuine(self, n_tasks)
        finally:
            self.alpha = alpha

    monkeypatch.setattr(command.fista.L21MTL, "_terms", halved)
    status, out, _ = run(capsys, *QUICK)
    assert status == 1
    assert "DISAGREE" in out
    assert "0 agree, 0 inconclusive, 4 disagree" in out
    assert "claims F(W)" in out


def test_what_is_not_certified_is_a_failure_but_no_disagreement(capsys, monkeypatch):
    genuine = command.fista.L21MTL.__init__

    def impatient(self, alpha=1.0, beta=1.0, **settings):
        genuine(self, alpha, beta, **{**settings, "max_iter": 1})

    impatient.__signature__ = inspect.signature(genuine)
    monkeypatch.setattr(command.fista.L21MTL, "__init__", impatient)
    status, out, _ = run(capsys, *QUICK)
    assert status == 1
    assert "0 agree, 0 inconclusive, 0 disagree, 4 not certified (FISTA on 4 problems)" in out
    assert "DISAGREE" not in out


def test_json_is_not_left_half_written(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    path.write_text("before")
    monkeypatch.setattr("json.dump", lambda *a, **k: (_ for _ in ()).throw(RuntimeError("disk full")))
    with pytest.raises(RuntimeError, match="disk full"):
        Report().write_json(path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_that_compares_nothing_has_not_passed(capsys):
    status, out, _ = run(capsys, "--random", "0", "--objectives", "L21MTL", "--solvers", "OSQP")
    assert status == 1
    assert "nothing was compared" in out
