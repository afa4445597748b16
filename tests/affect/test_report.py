"""Tables, figures and the page: right numbers, the best in bold, doubts shown, nothing loaded."""

import csv
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from affect.claims import Claim
from affect.figures import as_bytes, figure_2, figure_5, heat_map
from affect.material import Cube, Material, feature_cube, p1_data
from affect.page import page
from affect.report import uncertified
from affect.seeds import SWEPT_METHODS, Swept, interval, markdown
from affect.study import Results
from affect.tables import Entry, Table, agreement_table, table_8, table_9
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
    assert [
        labels[-1] for labels, e in table_9(Results(made(problem="p2", cell="valence"), {})).rows if e[0].best
    ]


def test_what_is_not_certified_is_marked():
    records = made()
    records["p1-arousal-audio-front-05-1"]["methods"]["Dirty MTL"] = result(0.5, converged=False)
    t = table_8(Results(records, {}))
    assert t.uncertified
    assert t.console().count("○") == t.html().count("○") == t.latex().count(r"$\circ$") == 1
    assert uncertified(Results(records, {})) == [
        "Dirty MTL, p1-arousal-audio-front-05-1: gap 1e-07 F(0) after 3 iterations"
    ]


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
        protocol = {"runs": 2, "tol": 1e-6, "fold_tol": 1e-3}
        return Results(records, {"protocol": protocol})

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
