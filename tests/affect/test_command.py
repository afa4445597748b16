"""`python -m affect` on one's own files: end to end, and every mistake named."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import affect.__main__ as command
from affect.own import cut, modalities, read_features, read_ratings
from affect.pipeline import cleaned, of_simulation
from affect.problems import Protocol
from affect.seeds import SWEPT_METHODS, Swept
from affect.simulate import simulate
from affect.study import Results
from tests.affect.test_study import made

CLIPS = {"a": "HAHV", "b": "LALV", "c": "HALV"}


def files(folder, seconds=50, seed=0):
    """Tidy ratings of three clips by four of a crowd and three experts, and descriptors."""
    rng = np.random.default_rng(seed)
    ratings, features = [], []
    for clip in CLIPS:
        X = rng.standard_normal((seconds, 4))
        truth = np.clip(0.3 * X @ [1, -1, 0.5, 0], -1, 1)
        for t in range(seconds):
            features.append((clip, t, *X[t]))
        for k in range(7):
            population = "crowd" if k < 4 else "expert"
            noise = 0.5 if k < 4 else 0.1
            scale = 2.0 if k < 4 else 1.0
            values = scale * np.clip(truth + noise * rng.standard_normal(seconds), -1, 1)
            ratings += [
                (clip, f"r{k}", population, "arousal", t, v)
                for t, v in zip(range(seconds), values, strict=True)
            ]
    columns = ["clip", "rater", "population", "dimension", "time", "value"]
    pd.DataFrame(ratings, columns=columns).to_csv(folder / "ratings.csv", index=False)
    names = ["clip", "time", "energy", "pitch", "motion", "hue"]
    pd.DataFrame(features, columns=names).to_csv(folder / "features.csv", index=False)
    clips = pd.DataFrame({"clip": CLIPS.keys(), "quadrant": CLIPS.values(), "length": seconds})
    clips.to_csv(folder / "clips.csv", index=False)
    ratings_file, features_file = str(folder / "ratings.csv"), str(folder / "features.csv")
    given = ["--ratings", ratings_file, "--features", features_file, "--audio", "energy", "pitch"]
    return [*given, "--jobs", "1", "--runs", "1", "--output", str(folder / "out")]


def test_ones_own_files_become_a_report(tmp_path, capsys):
    arguments = [*files(tmp_path), "--clips", str(tmp_path / "clips.csv")]
    assert command.main(arguments) == 0
    out = capsys.readouterr()
    assert out.err == ""  # progress is for terminals
    assert "Table 8. P1" in out.out
    assert "certified" in out.out
    folder = tmp_path / "out"
    page = (folder / "report.html").read_text()
    for part in ("Table 3.", "Table 7.", "Table 8.", "Figure 2.", "Figure 5.", "ratings.csv"):
        assert part in page, part
    assert "Table 9." not in page  # there is no Eval set
    for name in ("table3.tex", "table8.csv", "table8.txt", "table7.tex"):
        assert (folder / "tables" / name).is_file()
    assert (folder / "figures" / "figure2.pdf").read_bytes()[:4] == b"%PDF"
    (place,) = (folder / "results").iterdir()
    settings = json.loads((place / "settings.json").read_text())
    assert {"seed", "protocol", "versions", "data", "code", "methods"} <= set(settings)
    record = json.loads(next(place.glob("p1-*.json")).read_text())
    for name, result in record["methods"].items():
        if name != "mean":
            assert result["proof"]["converged"]
            assert len(result["cross_validation"]["fits"]) == 20

    # Once more: nothing is done again, and all is the same.
    before = {path: path.stat().st_mtime_ns for path in place.glob("*-*.json")}
    tables = {path.name: path.read_text() for path in (folder / "tables").iterdir()}
    assert command.main(arguments) == 0
    assert {path: path.stat().st_mtime_ns for path in place.glob("*-*.json")} == before
    assert {path.name: path.read_text() for path in (folder / "tables").iterdir()} == tables


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a[:2], "--features: found none"),
        (lambda a: [*a, "--experts", "nobody"], "found none like 'nobody'"),
        (lambda a: [*a, "--video", "nothing*"], "video: found no column like nothing*"),
        (lambda a: [*a, "--segment", "1000"], "found no clip of that length"),
        (lambda a: [*a, "--clips", "missing.csv"], "missing.csv"),
        (lambda a: [*a, "--seeds", "2"], "--seeds: found besides --ratings"),
        (lambda a: [*a, "--leave-out", "r4", "r5", "r6"], "expected one dimension at least"),
        (lambda a: [*a, "--segment", "30"], "of less than 50 s"),
    ],
)
def test_mistakes_are_named_before_anything_is_solved(tmp_path, capsys, change, message):
    assert command.main(change(files(tmp_path))) == 2
    error = capsys.readouterr().err
    assert error.startswith("affect: ")
    assert message in error
    assert not (tmp_path / "out" / "report.html").exists()


def test_bad_files_are_named_by_file_line_and_column(tmp_path, capsys):
    arguments = files(tmp_path)
    path = Path(arguments[3])
    lines = path.read_text().splitlines()
    lines[5] = lines[5].rsplit(",", 1)[0] + ",loud"
    path.write_text("\n".join(lines))
    assert command.main(arguments) == 2
    error = capsys.readouterr().err
    assert "features.csv, line 6, column 'hue': found 'loud'" in error


def test_a_wide_film_is_cut_into_clips(tmp_path):
    rng = np.random.default_rng(1)
    seconds = 130
    table = {
        f"arousal_{rater}": rng.uniform(-1, 1, seconds).round(3) for rater in ("av1", "av2", "av3", "ao1")
    }
    pd.DataFrame({"sec": range(seconds), **table}).to_csv(tmp_path / "film.csv", index=False)
    pd.DataFrame({"sec": range(seconds), "x": range(seconds)}).to_csv(tmp_path / "f.csv", index=False)
    film = read_ratings([tmp_path / "film.csv"], scale=(-1.0, 1.0), experts=["av3"], leave_out=["ao*"])
    assert set(film.traces["rater"]) == {"av1", "av2", "av3"}
    features = read_features(tmp_path / "f.csv", film.clips)
    kept, steps = cleaned(film)
    assert steps[0] == ("(all)", 0, 3)
    pieces, parts = cut(kept, features, 60)
    assert len(pieces.clips) == 2
    second = pieces.clips["clip"].iloc[1]
    assert parts.loc[parts["clip"] == second, "x"].tolist() == list(range(60, 120))
    assert parts.loc[parts["clip"] == second, "time"].tolist() == list(range(60))
    chosen = (pieces.traces["clip"] == second) & (pieces.traces["rater"] == "av1")
    # From [-1, 1] to [-1, 1] by way of [0, 1]: a few roundings of numbers of size 1.
    error = pieces.traces.loc[chosen, "value"].to_numpy() - table["arousal_av1"][60:120]
    assert np.abs(error).max() <= 4 * np.finfo(float).eps


def test_modalities_are_named_by_patterns():
    assert modalities(["a", "b"], [], []) == {"features": ["a", "b"]}
    assert modalities(["rms_mean", "hue"], ["rms_*"], ["hue"]) == {"audio": ["rms_mean"], "video": ["hue"]}


def test_the_rules_find_what_the_simulation_planted():
    """Of a simulation, what the rules drop is exactly what was planted, and each kind is found."""
    simulation = simulate(0)
    prepared = of_simulation(simulation)
    left = set(prepared.val.traces["rater"])
    before = set(simulation.val.traces["rater"])
    assert before - left == {rater for rater in before if "-x" in rater}
    dropped = {rule: n for rule, n, _ in prepared.quality if n}
    assert set(dropped) == {"slider unmoved", "data lost", "static absent", "static opposite"}
    assert prepared.val.traces["value"].abs().max() <= 1
    crowd = prepared.val.traces[prepared.val.traces["population"] == "crowd"]
    assert (crowd.groupby(["clip", "dimension"])["rater"].nunique() == 15).all()


def doubtful(results):
    """The same results with one fit of a cross-validation that ended too early."""
    records = json.loads(json.dumps(dict(results.records)))
    fits = next(iter(records.values()))["methods"]["EG-MTL"]["cross_validation"]["fits"]
    fits[0][3] = False
    return Results(records, results.settings)


def test_the_exit_status_is_1_if_a_fit_of_the_cross_validation_is_not_certified(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(
        command, "run", lambda wanted, settings, *_, **__: doubtful(Results(made(), settings))
    )
    assert command.main(files(tmp_path)) == 1
    assert "NOT certified: EG-MTL, p1-arousal-audio-front-05-0: 1 of 1 fits of the" in capsys.readouterr().out
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Every fit is certified" not in page
    assert 'class="result failed"' in page


@pytest.mark.parametrize("wrong", ["nothing", "a seed", "a sweep"])
def test_seeds_and_sweeps_are_in_the_exit_status_and_in_the_command(tmp_path, monkeypatch, capsys, wrong):
    def one(is_wrong):
        records = made() | made(problem="p2", cell="valence")
        for record in records.values():
            for r in record["methods"].values():
                r["rmse_crowd"] = r["rmse_truth"] = r["rmse"]
        results = Results(records, {"protocol": asdict(Protocol())})
        return doubtful(results) if is_wrong else results

    rmse = {name: [0.1] for name in SWEPT_METHODS}
    monkeypatch.setattr(command, "many", lambda *_, **__: [one(False), one(wrong == "a seed")])
    monkeypatch.setattr(
        command, "sweep", lambda *_, **__: iter([Swept("experts", 2.0, rmse, [one(wrong == "a sweep")])])
    )
    given = "--seeds 2 --sweeps 1 --seed 7 --runs 3 --judge crowd --folds random --rule max"
    out = tmp_path / "out"
    status = command.main([*given.split(), "--output", str(out), "--jobs", "1"])
    assert status == (wrong != "nothing")
    text = (out / "study.md").read_text()
    assert f"`python -m affect {given}`" in text
    assert str(tmp_path) not in text
    if wrong != "nothing":
        said = {"a seed": "seed 8: EG-MTL", "a sweep": "experts 2: EG-MTL"}[wrong]
        assert f"NOT certified: {said}" in capsys.readouterr().out


def test_defaults_are_not_in_the_command():
    options = command._parser().parse_args(["--seeds", "2"])
    assert command._command(options) == "python -m affect --seeds 2"


def test_counts_are_counts(capsys):
    for wrong in ("0", "x", "-1"):
        with pytest.raises(SystemExit):
            command.main(["--runs", wrong])
        assert "expected an integer >= 1" in capsys.readouterr().err
