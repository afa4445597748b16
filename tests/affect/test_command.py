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

ROUNDING = 4 * np.finfo(float).eps  # by way of [0, 1]: a few roundings of numbers of size 1
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
    for part in (
        "Table 3.",
        "Table 7.",
        "Table 8.",
        "Figure 2.",
        "Figure 5.",
        "ratings.csv",
        "50 of 50",
        "ANOVA of Kendall",
        "Pearson correlation of crowd with experts",
        "Mean Pearson correlation of two raters",
    ):
        assert part in page, part
    assert "Table 9." not in page  # there is no Eval set
    for name in ("agreement-val.csv", "table3.tex", "table8.csv", "table8.txt", "table7.tex"):
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


def prepared(arguments, protocol=None):
    """What the command would solve."""
    return command._own(command._parser().parse_args(arguments), protocol or Protocol())


def evaluation(folder, populations=("crowd", "crowd", "crowd"), name="eval.csv"):
    """Tidy ratings of two more clips, in [-1, 1], and the options that name them."""
    rng = np.random.default_rng(5)
    rows = [
        (clip, f"s{k}", population, "arousal", t, value)
        for clip in ("x", "y")
        for k, population in enumerate(populations)
        for t, value in enumerate(np.round(rng.uniform(-1, 1, 50), 3))
    ]
    columns = ["clip", "rater", "population", "dimension", "time", "value"]
    table = pd.DataFrame(rows, columns=columns)
    table.to_csv(folder / name, index=False)
    clips = pd.DataFrame({"clip": ["x", "y"], "quadrant": ["HAHV", "LALV"], "length": 50})
    clips.to_csv(folder / "eval.clips.csv", index=False)
    return table, ["--evaluation", str(folder / name)]


@pytest.mark.parametrize(("scale", "factor"), [([], 1.0), (["--scale", "-2", "2"], 0.5)])
def test_an_eval_set_is_on_the_scale_that_is_said_or_the_papers(tmp_path, scale, factor):
    """GTrace's [-1, 1] (section 3), though the crowd of a Val set has its slider of [-2, 2]."""
    table, more = evaluation(tmp_path)
    found = prepared([*files(tmp_path), *more, *scale])
    error = found.evaluation.traces["value"] - factor * table["value"]
    assert error.abs().max() <= ROUNDING


def test_the_scale_that_is_written_beside_an_eval_set_wins(tmp_path):
    table, more = evaluation(tmp_path)
    scale = pd.DataFrame({"population": ["crowd", "expert"], "low": -4.0, "high": 4.0})
    scale.to_csv(tmp_path / "eval.scale.csv", index=False)
    found = prepared([*files(tmp_path), *more])
    error = found.evaluation.traces["value"] - table["value"] / 4
    assert error.abs().max() <= ROUNDING


def test_experts_of_an_eval_set_are_left_out_with_a_note(tmp_path):
    _, more = evaluation(tmp_path, ("crowd", "expert", "crowd", "crowd"))
    found = prepared([*files(tmp_path), *more])
    assert set(found.evaluation.traces["rater"]) == {"s0", "s2", "s3"}
    assert "The Eval set is a crowd's: 1 experts who rated it are left out." in found.notes
    assert set(found.material.evaluation) == {"arousal"}


def test_raters_are_named_for_the_eval_set_as_well(tmp_path):
    _, more = evaluation(tmp_path, ("crowd",) * 5)
    found = prepared([*files(tmp_path), *more, "--experts", "s1", "r[456]", "--leave-out", "s2", "r0"])
    assert set(found.evaluation.traces["rater"]) == {"s0", "s3", "s4"}
    assert set(found.val.traces["rater"]) == {f"r{k}" for k in range(1, 7)}


def test_an_eval_set_of_gtrace_is_a_crowds(tmp_path):
    table, _ = evaluation(tmp_path)
    paths = []
    for rater, rows in table.groupby("rater"):
        samples = "".join(
            f'<annotation clip="{clip}" dimension="arousal">'
            + "".join(f'<sample time="{t}" value="{v}"/>' for t, v in own[["time", "value"]].to_numpy())
            + "</annotation>"
            for clip, own in rows.groupby("clip")
        )
        paths.append(tmp_path / f"{rater}.xml")
        paths[-1].write_text(f'<log rater="{rater}">{samples}</log>')
    clips = ["--evaluation-clips", str(tmp_path / "eval.clips.csv")]
    found = prepared([*files(tmp_path), "--evaluation", *map(str, paths), *clips])
    assert set(found.evaluation.traces["population"]) == {"crowd"}
    assert found.material.evaluation["arousal"].values.shape == (2, 50, 3)
    assert found.evaluation.traces["value"].abs().max() > 0.9


def test_the_dimension_of_a_wide_eval_file_is_that_of_the_command(tmp_path):
    rng = np.random.default_rng(0)
    wide = pd.DataFrame({"time": range(50)} | {f"s{k}": rng.uniform(-1, 1, 50) for k in range(3)})
    wide.to_csv(tmp_path / "x.csv", index=False)
    found = prepared([*files(tmp_path), "--evaluation", str(tmp_path / "x.csv"), "--dimension", "arousal"])
    assert set(found.evaluation.traces["rater"]) == {"s0", "s1", "s2"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.assign(population="expert"), "evaluation: found 3 experts and nobody else"),
        (lambda table: table.assign(dimension="valence"), "--evaluation: found ratings of valence only"),
        (lambda table: table.assign(value=2 * table["value"]), "expected a number in [-1, 1]"),
    ],
)
def test_an_eval_set_that_p2_cannot_use_is_refused_before_anything_is_solved(
    tmp_path, capsys, monkeypatch, change, message
):
    table, more = evaluation(tmp_path)
    change(table).to_csv(tmp_path / "eval.csv", index=False)
    monkeypatch.setattr(command, "run", lambda *_, **__: pytest.fail("was solved"))
    assert command.main([*files(tmp_path), *more]) == 2
    assert message in capsys.readouterr().err


def test_experts_and_crowd_of_one_wide_file_have_one_slider(tmp_path):
    rng = np.random.default_rng(1)
    wide = {f"arousal_{rater}": rng.uniform(-1, 1, 60).round(3) for rater in "abc"}
    pd.DataFrame({"sec": range(60), **wide}).to_csv(tmp_path / "film.csv", index=False)
    pd.DataFrame({"sec": range(60), "x": rng.uniform(size=60)}).to_csv(tmp_path / "f.csv", index=False)
    given = ["--ratings", str(tmp_path / "film.csv"), "--features", str(tmp_path / "f.csv"), "--experts", "c"]
    for scale, factor in (([], 0.5), (["--scale", "-1", "1"], 1.0)):  # the paper's is the crowd's, [-2, 2]
        found = prepared([*given, *scale])
        for rater in "abc":
            own = found.val.traces.loc[found.val.traces["rater"] == rater, "value"]
            np.testing.assert_allclose(own, factor * wide[f"arousal_{rater}"], rtol=0, atol=ROUNDING)
        low, high = scale[1:] or (-2, 2)
        assert any(f"Scales of Val, as read: crowd [{low}, {high}], " in note for note in found.notes)
        assert any("the same slider as the others of the file" in note for note in found.notes)


def test_experts_by_gtrace_join_a_crowd_by_its_own_slider(tmp_path):
    """As in the paper: [-2, 2] and [-1, 1] in one set."""
    trace = "".join(f'<sample time="{t}" value="{t / 100}"/>' for t in range(50))
    expert = f'<log rater="e" clip="a" dimension="arousal">{trace}</log>'
    (tmp_path / "e.xml").write_text(expert)
    files(tmp_path)
    table = read_ratings([tmp_path / "ratings.csv", tmp_path / "e.xml"])
    assert table.scale == {"crowd": (-2.0, 2.0), "expert": (-1.0, 1.0)}
    assert "e" in set(table.traces.loc[table.traces["population"] == "expert", "rater"])


def test_static_ratings_of_experts_alone_say_nothing_of_the_crowd(tmp_path):
    arguments = files(tmp_path)
    rows = [(clip, f"r{k}", "expert", "arousal", 0.5) for clip in CLIPS for k in (4, 5, 6)]
    columns = ["clip", "rater", "population", "dimension", "value"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "static.csv", index=False)
    found = prepared([*arguments, "--static", str(tmp_path / "static.csv")])
    assert found.val.traces["rater"].nunique() == 7


def test_what_is_missing_is_missing_of_a_segment(tmp_path):
    """Crowd rater b misses 15 of the first 50 s (30%), a 15 of the last 50 s of 100."""
    rng = np.random.default_rng(1)
    wide = pd.DataFrame({f"arousal_{rater}": rng.uniform(-1, 1, 100).round(3) for rater in "abce"})
    wide.loc[20:34, "arousal_b"] = np.nan
    wide.loc[70:84, "arousal_a"] = np.nan
    wide.insert(0, "sec", range(100))
    wide.to_csv(tmp_path / "film.csv", index=False)
    pd.DataFrame({"sec": range(100), "x": rng.uniform(size=100)}).to_csv(tmp_path / "f.csv", index=False)
    given = ["--ratings", str(tmp_path / "film.csv"), "--features", str(tmp_path / "f.csv"), "--experts", "e"]
    found = prepared([*given, "--segment", "50"])
    of = {clip: sorted(rows["rater"].unique()) for clip, rows in found.val.traces.groupby("clip")}
    assert of == {"film @000s": ["a", "c", "e"], "film @050s": ["b", "c", "e"]}
    assert ("segments: values missing", 2, 6) in found.quality


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
    # GTrace's scale is the study's: the Eval crowd is left as it is, but for a few roundings.
    both = simulation.eval.traces.merge(
        prepared.evaluation.traces, on=["clip", "rater", "dimension", "time"], validate="one_to_one"
    )
    assert len(both) == len(prepared.evaluation.traces)
    np.testing.assert_allclose(both["value_x"], both["value_y"], rtol=0, atol=ROUNDING)
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
