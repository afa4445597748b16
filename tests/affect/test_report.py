"""Tables, figures and the page: right numbers, the best in bold, doubts shown, nothing loaded."""

import csv
import io
import re
from dataclasses import asdict, replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from affect.claims import Claim
from affect.figures import as_bytes, figure_2, figure_5, heat_map
from affect.material import Cube, Material, feature_cube, p1_data
from affect.methods import METHODS
from affect.page import page
from affect.problems import Protocol
from affect.relations import BASELINES
from affect.report import uncertified
from affect.seeds import SWEPT_METHODS, Swept, interval, many, markdown, sweep
from affect.simulate import AUDIO, simulate
from affect.study import Results
from affect.tables import Entry, Table, agreement_table, table_6, table_7, table_8, table_9
from tests.affect.test_study import made, result

VOID = {"meta", "img"}


def table(values, lower=True, **changes):
    rows = [(("block", f"m{k}"), [Entry(v, 0.01) for v in row]) for k, row in enumerate(values)]
    return Table("t", "A caption, 5% & more_x", ("group", "method"), ("a", "b"), rows, lower, **changes)


def bold(t):
    return [[entry.best for entry in entries] for _, entries in t.rows]


def test_the_best_of_each_column_is_bold():
    assert bold(table([[0.3, 0.2], [0.1, 0.9]])) == [[False, True], [True, False]]
    assert bold(table([[0.3, 0.2], [0.1, 0.9]], lower=False)) == [[True, False], [False, True]]
    assert bold(table([[0.3, 0.2], [0.1, 0.9]], lower=None)) == [[False, False], [False, False]]
    # What is equal as printed is equally good; NaN never is.
    assert bold(table([[0.1001, np.nan], [0.1004, 0.9]])) == [[True, False], [True, True]]


def test_blocks_have_their_own_best():
    rows = [((g, "m"), [Entry(v)]) for g, v in (("x", 0.1), ("y", 0.2))]
    assert bold(Table("t", "c", ("g", "m"), ("a",), rows, True)) == [[True], [True]]


def test_console_csv_latex_and_html_say_the_same():
    t = table([[0.3, 0.25], [0.1, 0.9]])
    assert "*0.100±0.010*" in t.console()
    assert len({len(line.rstrip()) for line in t.console().splitlines()[1:]}) <= 2  # aligned, to the asterisk
    rows = list(csv.DictReader(io.StringIO(t.csv())))
    assert [float(row["value"]) for row in rows] == [0.3, 0.25, 0.1, 0.9]
    assert [row["best"] for row in rows] == ["0", "1", "1", "0"]
    assert re.findall(r"\\textbf\{(.*?)\}", t.latex()) == [r"0.250$\pm$0.010", r"0.100$\pm$0.010"]
    assert re.findall(r"<b>(.*?)</b>", t.html()) == ["0.250±0.010", "0.100±0.010"]


def test_latex_is_well_formed():
    t = table([[0.3, np.nan], [0.1, 0.9]])
    text = replace(t, caption=r"50% of_{all} & #1 \ ~ ^ $x$ ℓ21").latex()
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    assert len(re.findall(r"(?<!\\)\$", text)) % 2 == 0
    for begin in re.findall(r"\\begin\{(\w+)\}", text):
        assert rf"\end{{{begin}}}" in text
    columns = len(re.search(r"\\begin\{tabular\}\{(\w+)\}", text)[1])
    body = text.split(r"\toprule")[1].split(r"\bottomrule")[0]
    for line in body.replace(r"\midrule", "").strip().splitlines():
        if line.strip():
            assert len(re.findall(r"(?<!\\)&", line)) == columns - 1
            assert line.endswith(r"\\")
    assert all(ord(mark) < 128 for mark in text)
    assert r"50\% of\_\{all\} \& \#1 \textbackslash{} \textasciitilde{}" in text


def test_table_8_has_mean_and_deviation_over_runs():
    records = made()
    t = table_8(Results(records, {}))
    labels, entries = t.rows[0]
    assert labels == ("arousal", "audio", "Lasso")
    assert entries[0].value == pytest.approx(0.905)
    assert entries[0].sd == pytest.approx(0.01 / np.sqrt(2))
    assert np.isnan(entries[1].value)  # no such cell
    assert "–" in t.console()
    best = [labels[-1] for labels, entries in t.rows if entries[0].best]
    assert best == ["SR, experts only"]


def test_table_9_has_the_accuracies_and_the_highest_is_best():
    records = made({"ridge": 0.125, "mean": 0.5}, problem="p2", cell="valence")
    rows = dict(table_9(Results(records, {})).rows)
    accuracy = {name: rows["valence", name][0] for name in ("ridge", "mean")}
    np.testing.assert_allclose([e.value for e in accuracy.values()], [0.87, 0.495])  # two runs: 0.01 apart
    assert [labels[-1] for labels, entries in rows.items() if entries[0].best] == ["ridge"]


@pytest.mark.parametrize(
    ("measure", "name", "words"),
    [
        ("rmse", "table8", "against the median of the experts on"),
        ("rmse_crowd", "table8-crowd", "against the median of the crowd on"),
        ("rmse_truth", "table8-truth", "against the true profile on"),
    ],
)
def test_table_8_says_what_it_is_against(measure, name, words):
    records = made()
    for record in records.values():
        for r in record["methods"].values():
            r |= {"rmse": 1.0, "rmse_crowd": 2.0, "rmse_truth": 3.0}
    t = table_8(Results(records, {}), measure)
    assert t.name == name
    assert words in t.caption
    assert {entries[0].value for _, entries in t.rows} == {
        {"rmse": 1.0, "rmse_crowd": 2.0, "rmse_truth": 3.0}[measure]
    }


def test_what_is_not_certified_is_marked():
    records = made()
    records["p1-arousal-audio-front-05-1"]["methods"]["Dirty MTL"] = result(0.5, converged=False)
    t = table_8(Results(records, {}))
    assert t.uncertified
    assert t.console().count("○") == t.html().count("○") == t.latex().count(r"$\circ$") == 1
    assert uncertified(Results(records, {})) == [
        "Dirty MTL, p1-arousal-audio-front-05-1: gap 1e-07 F(0) after 3 iterations"
    ]


def test_a_fit_of_the_cross_validation_counts_as_a_reported_one_does():
    """The weight was chosen by it: it is marked, listed and counted."""
    records = made() | made(problem="p2", cell="valence")
    for key in ("p1-arousal-audio-front-05-1", "p2-valence-0"):
        records[key]["methods"]["Dirty MTL"]["cross_validation"]["fits"] += [[1.0, 0.2, 9, False]] * 2
    results = Results(records, {})
    assert results.count()[0] == results.count()[1]  # every reported fit is certified
    for t in (table_8(results), table_9(results)):
        marked = {labels[-1] for labels, entries in t.rows for e in entries if not e.certified}
        assert marked == {"Dirty MTL"}
    assert uncertified(results) == [
        "Dirty MTL, p1-arousal-audio-front-05-1: 2 of 3 fits of the cross-validation",
        "Dirty MTL, p2-valence-0: 2 of 3 fits of the cross-validation",
    ]


@pytest.mark.parametrize(
    ("relation", "key"), [(table_6, "table6-crowd-arousal"), (table_7, "table7-audio-arousal")]
)
def test_tables_6_and_7_mark_what_is_not_certified(relation, key):
    records = {key: {"methods": {name: result(0.2) for name in BASELINES}}}
    assert not relation(Results(records, {})).uncertified
    records[key]["methods"]["Lasso"]["cross_validation"]["fits"].append([1.0, 0.2, 9, False])
    ((_, entries),) = relation(Results(records, {})).rows
    assert [e.certified for e in entries] == [name != "Lasso" for name in BASELINES]


def test_agreement_table():
    summary = pd.DataFrame(
        [
            ("All", "Val", "full", 0.39, 0.27),
            ("HA", "Val", "full", 0.55, 0.21),
            ("All", "Eval", "full", 0.38, 0.18),
        ],
        columns=["group", "population", "part", "mean", "sd"],
    )
    t = agreement_table("table3", "Kendall's W", summary)
    assert t.header == ["All full", "HA full"]
    assert "0.39±0.27" in t.console()
    assert np.isnan(t.rows[1][1][1].value)


# -- figures -----------------------------------------------------------------------------------------


def test_darker_is_larger_and_axes_are_named():
    figure = Figure()
    panel = figure.subplots()
    W = np.array([[0.0, -2.0, 0.5], [1.0, 0.0, 0.0]])
    heat_map(panel, W, x=["energy", "pitch", "motion"], y=["a", "b"])
    (image,) = panel.images
    shades = image.cmap(image.norm(image.get_array()))[..., :3].sum(axis=-1)
    order = np.argsort(np.abs(W).ravel(), kind="stable")
    assert (np.diff(shades.ravel()[order]) <= 0).all()
    assert shades[0, 0] == 3.0  # zero is white
    assert [label.get_text() for label in panel.get_xticklabels()] == ["energy", "pitch", "motion"]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["a", "b"]


def material(n=4):
    rng = np.random.default_rng(0)
    quadrants = ["HAHV", "LAHV", "LALV", "HALV"]
    clips = pd.DataFrame({"clip": [f"c{k}" for k in range(n)], "quadrant": quadrants[:n], "length": 50.0})
    names = np.asarray(clips["clip"], dtype=str)
    ratings = {
        (p, "arousal"): Cube(rng.uniform(-1, 1, (n, 50, 5)), names, np.array([f"{p}{k}" for k in range(5)]))
        for p in ("crowd", "expert")
    }
    return Material(
        clips, ratings, {"audio": rng.standard_normal((n, 50, 3))}, {"audio": list("xyz")}, None, {}
    )


def test_figure_2_shows_median_and_mean_of_both():
    m = material()
    figure = figure_2(m)
    panels = figure.axes
    assert [panel.get_title() for panel in panels] == [
        f"c{k} ({q})" for k, q in enumerate(m.clips["quadrant"])
    ]
    lines = {line.get_label(): line.get_ydata() for line in panels[0].lines}
    np.testing.assert_array_equal(
        lines["experts, median"], np.median(m.ratings["expert", "arousal"].values[0], axis=-1)
    )
    np.testing.assert_allclose(lines["crowd, mean"], m.ratings["crowd", "arousal"].values[0].mean(axis=-1))
    assert as_bytes(figure)[:4] == b"\x89PNG"
    assert as_bytes(figure) == as_bytes(figure_2(m))
    assert as_bytes(figure, "pdf")[:4] == b"%PDF"


def test_figure_5_has_a_block_a_modality():
    record = {
        "tasks": ["c0", "c1"],
        "features": ["energy", "pitch"],
        "methods": {
            name: {"coef": [[0, 1], [1, 0]]} for name in ("ℓ21 MTL", "Dirty MTL", "Robust MTL", "SR MTL")
        },
    }
    results = Results({"figure5-audio-arousal": record, "figure5-video-arousal": record}, {})
    figure = figure_5(results)
    assert [panel.get_title() for panel in figure.axes if panel.get_title()] == [
        "Arousal, audio",
        "Arousal, video",
    ]
    assert figure_5(Results({}, {})) is None


def test_features_are_of_the_last_seconds_and_a_gap_is_named():
    clips = pd.DataFrame({"clip": ["a"], "length": [5.0]})
    features = pd.DataFrame({"clip": "a", "time": np.arange(5.0), "x": np.arange(5.0)})
    assert feature_cube(features, clips, ["x"], 3)[0, :, 0].tolist() == [2, 3, 4]
    with pytest.raises(ValueError, match=r"^features: found no complete row of clip 'a' at 3 s"):
        feature_cube(features[features["time"] != 3], clips, ["x"], 3)


def test_the_truth_is_cut_like_the_ratings():
    m = material()
    profiles = pd.DataFrame(
        [(clip, "arousal", t, t / 50) for clip in m.clips["clip"] for t in range(50)],
        columns=["clip", "dimension", "time", "value"],
    )
    weights = {
        "arousal": pd.DataFrame(np.arange(12).reshape(3, 4), index=list("xyz"), columns=m.clips["clip"])
    }
    data = p1_data(m, profiles, weights)
    np.testing.assert_allclose(data.truth["arousal"], np.tile(np.arange(50) / 50, (4, 1)))
    np.testing.assert_array_equal(data.weights["arousal", "audio"], np.arange(12).reshape(3, 4).T)


# -- page --------------------------------------------------------------------------------------------


class Outline(HTMLParser):
    """Elements in order; every tag has to be closed by its own."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements = [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append({"tag": tag, **dict(attrs)})
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


NASTY = '<script>alert("&")</script>'


@pytest.fixture(scope="module")
def text():
    return page(
        f"A study {NASTY}",
        counts=(10, 9, 20, 20),
        uncertified=[NASTY],
        claims=[Claim("eg", "p1", 20, 24)],
        quality=[("slider unmoved", 3, 17)],
        agreement=[table([[0.1, 0.2]], lower=None)],
        anova=[("arousal: population", "11.1", "1, 40", "0.002")],
        results=[replace(table([[0.1, 0.2]]), name="t2")],
        relations=[replace(table([[0.1, 0.2]]), name="t3")],
        figures={"2": ("Profiles", as_bytes(figure_2(material())))},
        notes=[NASTY],
        settings=[("seed", 0), (NASTY, NASTY)],
    )


def test_the_page_is_sound_and_loads_nothing(text):
    outline = Outline(text)
    assert text.startswith("<!DOCTYPE html>\n<html lang=")
    ids = [e["id"] for e in outline.elements if "id" in e]
    assert len(ids) == len(set(ids))
    assert {e["href"][1:] for e in outline.elements if e["tag"] == "a"} <= set(ids)
    assert "script" not in {e["tag"] for e in outline.elements}
    assert NASTY not in text
    for e in outline.elements:
        assert e.get("src", "data:").startswith("data:")
        assert e["tag"] != "link"
    (image,) = [e for e in outline.elements if e["tag"] == "img"]
    assert image["alt"]
    for region in (e for e in outline.elements if e.get("role") == "region"):
        assert region["aria-labelledby"] in ids
    assert "default-src 'none'" in text


def test_the_page_says_what_is_not_certified(text):
    assert 'class="result failed"' in text
    assert "9 of 10 reported fits" in text
    assert "20 of 24" in text


@pytest.mark.parametrize(
    ("counts", "certified"),
    [((10, 10, 20, 20), True), ((10, 10, 20, 15), False), ((10, 9, 20, 20), False)],
)
def test_the_page_says_one_thing_of_its_fits(counts, certified):
    text = page(
        "A study",
        counts=counts,
        uncertified=[],
        **dict.fromkeys(("claims", "quality", "agreement", "anova", "results", "relations", "notes"), ()),
        figures={},
        settings=(),
    )
    assert ('class="result failed"' in text) != certified
    assert ("Every fit is certified." in text) == certified


# -- over seeds --------------------------------------------------------------------------------------


def test_interval_is_students():
    mean, half = interval([1.0, 3.0])
    assert mean == 2.0
    assert half == pytest.approx(12.706 * np.sqrt(2) / np.sqrt(2), rel=1e-4)  # t of 97.5% with one degree
    assert np.isnan(interval([1.0])[1])


def test_the_page_of_seeds():
    def one(shift):
        changed = {"EG-MTL": 0.2 + shift}
        records = made(changed) | made(changed, problem="p2", cell="valence")
        for record in records.values():
            for r in record["methods"].values():
                r["rmse_crowd"] = r["rmse_truth"] = r["rmse"]
        return Results(records, {"protocol": asdict(Protocol(runs=2, judge="crowd", rule="max"))})

    swept = [
        Swept("experts", n, {name: [0.1, 0.2] if name == "EG-MTL" else [0.3, 0.5] for name in SWEPT_METHODS})
        for n in (2.0, 4.0)
    ]
    text = markdown([one(0.0), one(0.02)], swept, "python -m affect --seeds 2")
    assert "| EG-MTL is the best of the paper's methods | P1 | 1.0 ± 0.0 of 1 | 2 of 2 | 21 of 24 |" in text
    row = next(line for line in text.splitlines() if line.startswith("| EG-MTL | "))
    assert "0.215 ± 0.127" in row  # 0.205 and 0.225
    assert "**0.150 ± 0.635**" in text
    section = text.split("## The methods")[1].split("##")[0]
    widths = [line.count("|") for line in section.splitlines() if line.startswith("|")]
    assert len(set(widths)) == 1
    # Lasso has RMSE 0.9 and accuracy 0.1 where EG-MTL has 0.2 and 0.8, then 0.22 and 0.78: EG-MTL leads.
    cells = [c.strip() for c in next(c for c in text.splitlines() if c.startswith("| Lasso | ")).split("|")]
    assert [cells[k].split(" ")[0] for k in (5, 6, 8)] == ["0.690"] * 3
    assert "Folds of the cross-validation: time; " in text
    assert "chosen by labels of: crowd; P2 scores a class by: max." in text
    # Per simulation 2 runs of 2 problems, of each method one reported fit and one of the cross-validation.
    number = 2 * 2 * 2 * len(METHODS)
    assert f"{number} of {number} reported fits and {number} of {number} fits of" in text
    swept[0] = replace(swept[0], results=[one(0.0)])
    number += 2 * 2 * len(METHODS)
    assert f"{number} of {number} reported fits" in markdown([one(0.0), one(0.02)], swept, "")


def fast(monkeypatch, seen):
    """`run` without solving: what it is given is remembered."""

    def remembered(wanted, settings, folder, **_):
        seen.append((list(wanted), settings))
        return Results(made(), settings)

    monkeypatch.setattr("affect.seeds.run", remembered)


def test_every_seed_is_simulated(monkeypatch, tmp_path):
    seen = []
    fast(monkeypatch, seen)
    many([3, 4], Protocol(runs=1), tmp_path)
    for seed, (wanted, settings) in zip([3, 4], seen, strict=True):
        assert settings["seed"] == seed
        data = next(job for job in wanted if job.key.startswith("p1-arousal-audio")).arguments[0]
        truth = simulate(seed).val.weights["arousal"].loc[list(AUDIO)].to_numpy().T
        np.testing.assert_array_equal(data.weights["arousal", "audio"], truth)


def test_a_sweep_has_the_values_that_it_says(monkeypatch, tmp_path):
    seen = []
    fast(monkeypatch, seen)
    monkeypatch.setattr("affect.seeds.SWEEPS", {"experts": (2, 5), "relatedness": (1.0,)})
    swept = list(sweep([3], Protocol(runs=1), tmp_path))
    assert [(s.knob, s.value) for s in swept] == [("experts", 2.0), ("experts", 5.0), ("relatedness", 1.0)]
    assert [len(s.results) for s in swept] == [1, 1, 1]
    data = [wanted[0].arguments[0] for wanted, _ in seen]
    assert [part.experts["arousal"].shape[-1] for part in data] == [2, 5, 16]
    weights = data[2].weights["arousal", "audio"]
    assert np.ptp(weights, axis=0).max() < 1e-12  # all clips have the same
    assert np.ptp(data[1].weights["arousal", "audio"], axis=0).max() > 0.01
