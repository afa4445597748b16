"""Jobs and their files: an interruption costs nothing, changes nothing, and results never mix."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from affect.annotations.files import write_whole
from affect.claims import IN_PAPER, claims, losses
from affect.material import Cube, Material
from affect.methods import METHODS, PAPER
from affect.problems import P1Data, Protocol
from affect.study import (
    Job,
    Results,
    code_hash,
    data_hash,
    fingerprint,
    jobs,
    p1_jobs,
    remarks,
    run,
    settings_of,
)

ROOT = Path(__file__).resolve().parent.parent.parent


def tiny(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((3, 50, 4))
    truth = np.einsum("tsd,d->ts", X, rng.standard_normal(4))
    crowd = truth + rng.standard_normal(truth.shape)
    experts = truth[..., None] + 0.3 * rng.standard_normal((3, 50, 8))
    return P1Data({"audio": X}, {"arousal": crowd}, {"arousal": experts})


def some_jobs(data):
    methods = [method for method in METHODS if method.name in ("mean", "ridge", "SR MTL", "EG-MTL (7)")]
    return list(p1_jobs(data, 0, Protocol(runs=1), methods=methods))[:4]


def test_resumption_after_a_failure_gives_the_same_results(tmp_path):
    wanted = some_jobs(tiny())
    whole = run(wanted, {"a": 1}, tmp_path / "whole")

    def broken():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([*wanted[:2], Job("broken", broken, ()), *wanted[2:]], {"a": 1}, tmp_path / "parts")
    place = tmp_path / "parts" / fingerprint({"a": 1})
    kept = {path.stem for path in place.glob("p1-*.json")}
    assert kept == {job.key for job in wanted[:2]}  # what was done is there, whole
    for key in kept:
        json.loads((place / f"{key}.json").read_text())

    done = []
    refused = [Job(job.key, lambda: pytest.fail("was done already"), ()) for job in wanted[:2]]
    resumed = run([*refused, *wanted[2:]], {"a": 1}, tmp_path / "parts", show=done.append)
    assert list(resumed.records) == list(whole.records)
    np.testing.assert_equal(dict(resumed.records), dict(whole.records))
    assert done[0] == "2 of 4 done"
    assert done[-1].startswith("4 of 4 done")


def test_resumption_after_a_kill_gives_the_same_results(tmp_path):
    """A process that is killed without warning, in the middle of its third job."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from tests.affect.test_study import some_jobs, tiny\n"
        "from affect.study import Job, run\n"
        "wanted = some_jobs(tiny())\n"
        "def kill(*arguments): os.kill(os.getpid(), 9)\n"
        "run([*wanted[:2], Job(wanted[2].key, kill, ())], {'a': 1}, Path(sys.argv[1]))\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True)
    assert killed.returncode == -9, killed.stderr
    place = tmp_path / fingerprint({"a": 1})
    assert len(list(place.glob("p1-*.json"))) == 2
    wanted = some_jobs(tiny())
    resumed = run(wanted, {"a": 1}, tmp_path)
    np.testing.assert_equal(dict(resumed.records), dict(run(wanted, {"a": 1}, tmp_path / "new").records))


def test_processes_give_what_one_gives(tmp_path):
    wanted = some_jobs(tiny())
    one, two = (run(wanted, {"a": 1}, tmp_path / str(n), n_jobs=n).records for n in (1, 2))
    np.testing.assert_equal(dict(one), dict(two))


def test_a_file_is_written_whole_or_stays_as_it_was(tmp_path):
    path = tmp_path / "folder" / "file"
    write_whole(path, "before")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\ud800")
    assert path.read_text() == "before"
    assert list(path.parent.iterdir()) == [path]
    write_whole(path, b"after")
    assert path.read_bytes() == b"after"


def material(data):
    clips = np.array(["a", "b", "c"])
    ratings = {
        ("crowd", "arousal"): Cube(data.crowd["arousal"][..., None], clips, np.array(["x"])),
        ("expert", "arousal"): Cube(data.experts["arousal"], clips, np.array([f"e{k}" for k in range(8)])),
    }
    table = pd.DataFrame({"clip": clips, "length": 50.0})
    return Material(table, ratings, data.features, {"audio": list("wxyz")}, None, {})


def test_results_belong_to_data_protocol_seed_and_code():
    plain = material(tiny())
    first = fingerprint(settings_of(plain, Protocol(), 0))
    assert first == fingerprint(settings_of(material(tiny()), Protocol(), 0))
    changed = tiny()
    changed.experts["arousal"][0, 0, 0] += 1e-12
    others = [
        settings_of(material(changed), Protocol(), 0),
        settings_of(replace(plain, names={"audio": list("wxyy")}), Protocol(), 0),
        settings_of(plain, Protocol(runs=4), 0),
        settings_of(plain, Protocol(), 1),
        settings_of(plain, Protocol(), 0) | {"code": "other"},
    ]
    assert len({first, *map(fingerprint, others)}) == 6
    assert len(data_hash(plain)) == len(code_hash()) == 64


def renamed(cube, clips=None, raters=None, values=None):
    return Cube(
        cube.values if values is None else values,
        cube.clips if clips is None else np.array(clips),
        cube.raters if raters is None else np.array(raters),
    )


def whole(val=("HAHV", "LALV", "HALV"), test=("HAHV", "LALV", "HALV"), crowd=3):
    """Val and Eval of three clips; quadrants as given, None: no such column."""
    rng = np.random.default_rng(0)
    clips = np.array(["a", "b", "c"])

    def table(quadrants):
        plain = pd.DataFrame({"clip": clips, "length": 50.0})
        return plain if quadrants is None else plain.assign(quadrant=quadrants)

    def rated(n, name):
        return Cube(rng.uniform(-1, 1, (3, 50, n)), clips, np.array([f"{name}{k}" for k in range(n)]))

    ratings = {("crowd", "arousal"): rated(crowd, "c"), ("expert", "arousal"): rated(8, "e")}
    return Material(
        table(val),
        ratings,
        {"audio": rng.standard_normal((3, 50, 4))},
        {"audio": list("wxyz")},
        table(test),
        {"arousal": rated(4, "s")},
    )


def test_the_hash_is_of_everything_that_the_jobs_are_given():
    one = whole()
    features, evaluation = one.features["audio"].copy(), one.evaluation["arousal"].values.copy()
    features[0, 0, 0] += 1e-12
    evaluation[0, 0, 0] += 1e-12
    crowd, students = one.ratings["crowd", "arousal"], one.evaluation["arousal"]
    truth = P1Data({}, {}, {}, {"arousal": np.zeros((3, 50))})
    changed = [
        (replace(one, features={"audio": features}), None),
        (replace(one, clips=one.clips.assign(quadrant="HAHV")), None),
        (replace(one, evaluation_clips=one.clips.assign(quadrant="HAHV")), None),
        (replace(one, evaluation={"arousal": renamed(students, values=evaluation)}), None),
        (replace(one, evaluation={"arousal": renamed(students, raters=list("wxyz"))}), None),
        (
            replace(one, ratings=one.ratings | {("crowd", "arousal"): renamed(crowd, clips=["a", "b", "d"])}),
            None,
        ),
        (
            replace(one, ratings=one.ratings | {("crowd", "arousal"): renamed(crowd, raters=list("xyz"))}),
            None,
        ),
        (replace(one, evaluation_clips=None), None),
        (one, P1Data({}, {}, {})),
        (one, truth),
        (one, replace(truth, truth={"arousal": np.full((3, 50), 1e-12)})),
        (one, replace(truth, truth={}, weights={("arousal", "audio"): np.zeros((3, 50))})),
        (one, replace(truth, truth={}, crowd=truth.truth)),
        (one, replace(truth, truth={}, experts=truth.truth)),
    ]
    hashes = [data_hash(one), *(data_hash(*each) for each in changed)]
    assert len(set(hashes)) == len(hashes)
    assert data_hash(whole()) == hashes[0]


def test_what_was_found_without_truth_or_with_fewer_methods_is_not_used_again(tmp_path):
    data, protocol = tiny(), Protocol(runs=1)
    known = replace(data, truth={"arousal": data.crowd["arousal"]})
    by_name = {method.name: method for method in METHODS}

    def found(data, names):
        methods = [by_name[name] for name in names]
        wanted = list(p1_jobs(data, 0, protocol, methods=methods))[:1]
        settings = settings_of(material(tiny()), protocol, 0, data, methods)
        (record,) = run(wanted, settings, tmp_path).records.values()
        return record["methods"]

    assert "rmse_truth" not in found(data, ["mean"])["mean"]
    assert "rmse_truth" in found(known, ["mean"])["mean"]
    assert set(found(known, ["mean", "ridge"])) == {"mean", "ridge"}


def keys(material):
    data = P1Data({"audio": material.features["audio"]}, {}, {})
    return {job.key.split("-")[0] for job in jobs(material, data, 0, Protocol(runs=1))}


BLANK = ("HAHV", "", "HALV")


@pytest.mark.parametrize(
    ("changed", "expected", "said"),
    [
        (whole(), {"p2", "figure3", "table6", "figure5", "table7"}, []),
        (whole(test=None), {"figure3", "table6", "figure5", "table7"}, ["No P2 .* clip of Eval"]),
        (whole(test=BLANK), {"figure3", "table6", "figure5", "table7"}, ["No P2 .* clip of Eval"]),
        (whole(val=None), {"table7"}, ["No Figure 5", "No Table 6", "No P2 .* clip of Val"]),
        (whole(val=BLANK), {"table7"}, ["No Figure 5", "No Table 6", "No P2 .* clip of Val"]),
        (whole(val=["HAHV", None, "HALV"]), {"table7"}, ["No Figure 5", "No Table 6", "No P2 .* Val"]),
        (
            whole(crowd=1),
            {"figure3", "table6", "figure5", "table7"},
            ["No P2 .* 1 of the raters of the crowd"],
        ),
        (replace(whole(), evaluation={}), {"figure3", "table6", "figure5", "table7"}, ["No P2 .* nobody"]),
        (
            replace(whole(), evaluation_clips=None, evaluation={}),
            {"figure3", "table6", "figure5", "table7"},
            ["No P2 .* no ratings of an Eval set"],
        ),
    ],
)
def test_what_the_data_do_not_allow_is_left_out_and_said(changed, expected, said):
    assert keys(changed) == expected
    lines = remarks(changed, Protocol(n_folds=3))
    assert len(lines) == len(said)
    for line, pattern in zip(lines, said, strict=True):
        assert re.search(pattern, line), line


def test_jobs_that_are_left_in_can_be_done():
    """All of the smallest data that allow P2: two raters of the crowd, one of them of two clips only."""
    small = whole(crowd=2)
    small.ratings["crowd", "arousal"].values[0, :, 1] = np.nan
    small.ratings["expert", "arousal"].values[1:, :, 0] = np.nan  # an expert of one clip
    data = P1Data(small.features, {}, {})
    for job in jobs(small, data, 0, Protocol(runs=1, grid=(1.0,))):
        json.dumps(job.function(*job.arguments))


def test_remarks_of_raters():
    unrated = whole()
    unrated.ratings["crowd", "arousal"].values[1] = np.nan
    lines = remarks(unrated, Protocol(few=8, n_folds=5))
    assert re.match("arousal: the crowd did not rate b[.]", lines[0])
    assert "EG-MTL (7) is EG-MTL" in lines[1]
    assert re.match("P2, arousal: 3 folds", lines[2])


def threads():
    pools = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return {"threads": pools}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_job_has_one_blas_thread(tmp_path, n_jobs):
    with threadpool_limits(2):
        assert 2 in threads()["threads"]
        wanted = [Job(str(k), threads, ()) for k in range(2)]
        found = run(wanted, {}, tmp_path, n_jobs=n_jobs)
        assert 2 in threads()["threads"]  # as before
    for record in found.records.values():
        assert set(record["threads"]) <= {1}


@pytest.mark.parametrize(
    ("n_jobs", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_a_number_of_processes_is_a_number_of_processes(tmp_path, n_jobs, error):
    with pytest.raises(error, match=r"^n_jobs: found"):
        run([], {}, tmp_path / "none", n_jobs=n_jobs)
    assert not (tmp_path / "none").exists()


# -- what is concluded from them ---------------------------------------------------------------------


def result(rmse, converged=True):
    proof = {"converged": converged, "relative_gap": 1e-7, "n_iter": 3, "reason": "", "tol": 1e-6}
    return {"rmse": rmse, "accuracy": 1 - rmse, "clip_accuracy": 1 - rmse, "zeros": 0.5, "proof": proof,
            "cross_validation": {"fits": [[1.0, 1e-4, 5, True]]}}  # fmt: skip


def made(change=None, problem="p1", cell="arousal-audio-front-05"):
    """A record of each of two runs, the methods worse and worse from the last to the first."""
    base = {method.name: 0.9 - 0.05 * k for k, method in enumerate(METHODS)} | (change or {})
    return {
        f"{problem}-{cell}-{k}": {"methods": {name: result(value + 0.01 * k) for name, value in base.items()}}
        for k in range(2)
    }


def counted(records):
    return {(c.name, c.problem): (c.holds, c.of) for c in claims(Results(records, {}))}


def test_claims_count_what_they_say():
    first = counted(made())
    assert first["mtl", "p1"] == (1, 1)  # Lasso is the worst
    assert first["eg", "p1"] == (0, 1)  # EG-MTL (7) is better
    assert counted(made({"EG-MTL": 0.5}))["eg", "p1"] == (1, 1)
    assert first["all", "p1"] == (0, 1)  # the baselines are better still
    assert first["crowd", "p1"] == (0, 1)
    assert counted(made({"Dirty MTL": 0.95}))["mtl", "p1"] == (0, 1)
    assert counted(made({"EG-MTL": 0.5, "Robust MTL": 0.1}))["eg", "p1"] == (0, 1)
    assert counted(made({"Robust MTL": 0.1}))["eg7", "p1"] == (0, 1)
    best = dict.fromkeys(("mean", "ridge", "SR, pooled", "SR, experts only"), 0.8)
    assert counted(made(best))["all", "p1"] == (0, 1)  # EG-MTL (7) is better
    assert counted(made(best | {"EG-MTL": 0.5}))["all", "p1"] == (1, 1)
    assert counted(made(best | {"EG-MTL": 0.5, "mean": 0.4}))["all", "p1"] == (0, 1)
    assert counted(made(best))["crowd", "p1"] == (1, 1)


def test_a_tie_is_no_win():
    ties = dict.fromkeys([method.name for method in METHODS], 0.5)
    for (name, _), (holds, _) in counted(made(ties)).items():
        assert holds == 0, name


def test_claims_that_compare_cells():
    records = {}
    for modality, shift in (("audio", 0.0), ("video", 0.1)):
        for half, more in (("front", 0.0), ("back", 0.05)):
            for length in (5, 10, 15):
                value = 0.2 + shift + more + 0.01 * length
                records |= made({"EG-MTL": value}, cell=f"arousal-{modality}-{half}-{length:02d}")
    found = counted(records)
    assert found["longer", "p1"] == (4, 4)
    assert found["back", "p1"] == (6, 6)
    assert found["audio", "p1"] == (6, 6)
    records |= made({"EG-MTL": 0.1}, cell="arousal-audio-back-15")
    found = counted(records)
    assert found["longer", "p1"] == (3, 4)
    assert found["back", "p1"] == (5, 6)


def test_losses_are_means_over_runs_and_p2_is_one_minus_accuracy():
    both = made() | made(problem="p2", cell="valence")
    table = losses(Results(both, {}))
    assert table["p1", "arousal", "audio", "front", "05"]["Lasso"] == pytest.approx(0.905)
    assert table["p2", "valence"]["Lasso"] == pytest.approx(0.905)
    assert {"mtl", "eg", "eg7", "all", "crowd"} <= {name for name, p in counted(both) if p == "p2"}


def test_a_run_that_could_not_be_judged_counts_for_nothing():
    records = made()
    for judged in records["p1-arousal-audio-front-05-1"]["methods"].values():
        judged["rmse"] = float("nan")
    (by,) = losses(Results(records, {})).values()
    assert by["Lasso"] == pytest.approx(0.9)  # of run 0
    records |= made({name.name: float("nan") for name in METHODS}, cell="arousal-audio-front-10")
    assert len(losses(Results(records, {}))) == 1
    assert counted(records)["mtl", "p1"] == (1, 1)


def test_eg_mtl_need_not_beat_itself():
    records = made({"EG-MTL": 0.1, "EG-MTL (7)": 0.1})
    assert counted(records)["eg", "p1"] == counted(records)["all", "p1"] == (0, 1)
    for record in records.values():
        record["few_are_all"] = True
    found = counted(records)
    assert found["eg", "p1"] == found["all", "p1"] == (1, 1)
    assert ("eg7", "p1") not in found


def test_fits_are_counted_certified_or_not():
    records = made()
    records["p1-arousal-audio-front-05-0"]["methods"][PAPER[0]] = result(0.5, converged=False)
    final, proved, folds, folds_proved = Results(records, {}).count()
    assert (final, proved) == (2 * len(METHODS), 2 * len(METHODS) - 1)
    assert folds == folds_proved == 2 * len(METHODS)


# The means of the paper's Table 8: valence by video and audio, arousal by video and audio;.
TABLE_8 = """
    0.880 1.724 2.111 1.066 1.677 2.004
    0.542 0.988 1.202 0.685 1.050 1.331
    0.526 0.959 1.183 0.685 1.053 1.288
    0.564 0.889 1.126 0.671 0.986 1.221
    0.494 0.735 0.904 0.666 1.078 1.290
    0.480 0.720 0.877 0.585 0.893 1.047
    0.484 0.726 0.893 0.592 0.919 1.086
    0.819 1.227 1.437 1.098 1.541 2.064
    0.542 0.800 0.961 0.731 1.079 1.489
    0.580 0.775 0.894 0.751 1.097 1.409
    0.528 0.758 0.942 0.689 0.969 1.313
    0.482 0.715 0.829 0.684 0.976 1.357
    0.477 0.710 0.848 0.680 0.923 1.234
    0.478 0.711 0.859 0.683 0.972 1.309
    0.879 1.661 2.526 0.841 1.250 1.501
    0.482 0.745 1.055 0.367 0.665 0.947
    0.465 0.729 1.068 0.355 0.644 0.914
    0.391 0.683 0.913 0.334 0.578 0.685
    0.365 0.575 0.761 0.384 0.640 0.811
    0.298 0.479 0.608 0.313 0.811 0.549
    0.302 0.523 0.665 0.336 0.792 0.625
    2.146 3.705 4.474 1.673 2.240 2.412
    0.183 0.307 0.508 0.218 0.358 0.460
    0.183 0.307 0.508 0.218 0.358 0.460
    0.205 0.350 0.538 0.235 0.391 0.493
    0.174 0.295 0.505 0.227 0.366 0.486
    0.161 0.252 0.359 0.223 0.349 0.427
    0.172 0.290 0.403 0.225 0.355 0.442
"""


def test_the_counts_of_the_papers_own_table():
    numbers = np.array(TABLE_8.split(), dtype=float).reshape(4, 7, 2, 3)
    methods = [name for name in PAPER if name != "Robust MTL"]
    blocks = [("valence", "video"), ("valence", "audio"), ("arousal", "video"), ("arousal", "audio")]
    records = {}
    for (dimension, modality), block in zip(blocks, numbers, strict=True):
        for h, half in enumerate(("front", "back")):
            for n, length in enumerate((5, 10, 15)):
                found = {name: result(block[m, h, n]) for m, name in enumerate(methods)}
                # What the paper does not have neither wins nor loses.
                for name in {method.name for method in METHODS} - set(methods):
                    found[name] = found["MT-Lasso"]
                records[f"p1-{dimension}-{modality}-{half}-{length:02d}-0"] = {"methods": found}
    for claim in claims(Results(records, {})):
        if claim.name not in ("all", "crowd"):
            assert IN_PAPER[claim.name, claim.problem] == f"{claim.holds} of {claim.of}"


def test_the_counts_of_the_papers_table_9():
    table = {
        "arousal": "0.592 0.764 0.753 0.717 0.761 0.829 0.893 0.862",
        "valence": "0.567 0.718 0.728 0.677 0.667 0.728 0.811 0.795",
    }
    records = {}
    for dimension, row in table.items():
        found = {name: result(1 - float(x)) for name, x in zip(PAPER, row.split(), strict=True)}
        for name in {method.name for method in METHODS} - set(PAPER):
            found[name] = found["MT-Lasso"]
        records[f"p2-{dimension}-0"] = {"methods": found}
    for claim in claims(Results(records, {})):
        if claim.name not in ("all", "crowd"):
            assert IN_PAPER[claim.name, claim.problem] == f"{claim.holds} of {claim.of}"
