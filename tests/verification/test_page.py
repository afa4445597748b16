"""The HTML page of a run: its structure, its numbers, its plots, and how a real browser shows it."""

import json
import shutil
import time
import warnings
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree.ElementTree import tostring

import numpy as np
import pytest

import fista
import verification.__main__ as command
from formulations import declare
from verification.agreement import verify
from verification.drawing import DASHES, Axes, plot
from verification.page import page
from verification.report import Report, whole_file
from verification.strategies import OBJECTIVES
from verification.trajectory import Trajectory, trajectory

QUICK = ["--random", "0", "--objectives", "L21MTL", "STLasso", "--solvers", "CLARABEL"]
NASTY = '<b>&"x.csv'
LONG = "a_long_name_without_a_break_" * 8
VOID = {"meta"}


def ratings(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((20, 5))
    W = rng.standard_normal((5, 3)) * (rng.random((5, 3)) < 0.6)
    return {"X": X, "y": X @ W + 0.1 * rng.standard_normal((20, 3))}


@pytest.fixture(scope="module")
def run():
    """A report with every verdict and with names to be escaped, and its trajectories."""
    report, trajectories = Report(), []
    for name in (NASTY, LONG, *(f"set {k}" for k in range(len(DASHES)))):
        for objective in ("STLasso", "DirtyMTL"):
            data = ratings(len(report.entries))
            model = getattr(fista, objective)()
            report.add(name, 0.1, verify(model, **data, solvers=["CLARABEL"]))
            trajectories.append(trajectory(model, **data))
    for k, (verdict, findings) in enumerate(
        [
            ("inconclusive", ("its own bracket is 0.1 F(0) wide",)),
            ("DISAGREE", ("<script>alert('&amp;')</script> " + LONG, "twice")),
            ("not certified", ()),
        ]
    ):
        data, level, v = report.entries[k]
        changed = replace(v.comparisons[0], verdict=verdict, findings=findings)
        certificate = replace(v.certificate, converged=verdict != "not certified")
        report.entries[k] = data, level, replace(v, comparisons=(changed,), certificate=certificate)
    return report, trajectories


@pytest.fixture(scope="module")
def text(run):
    report, trajectories = run
    options = {"data": NASTY, "random": 4, "level": [0.1, 0.2], "json": None}
    return page(report, trajectories, planned=len(report.entries), options=options)


class Outline(HTMLParser):
    """Elements in order, with the text of each; every tag must be closed by its own."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements = [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs)
        element = {"tag": tag, "text": "", **dict(attrs)}
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, *tags):
        return [e for e in self.elements if e["tag"].lower() in tags]

    def rows(self, table):
        """The cells of the rows of a table, by the id of its caption."""
        first = next(k for k, e in enumerate(self.elements) if e.get("id") == table)
        found = []
        for element in self.elements[first + 1 :]:
            if element["tag"] == "caption":
                break
            if element["tag"] == "tr":
                found.append([])
            elif element["tag"] in ("th", "td"):
                found[-1].append(element["text"])
        return found


@pytest.fixture(scope="module")
def outline(text):
    return Outline(text)


def test_the_structure_is_sound(text, outline):
    assert text.startswith("<!DOCTYPE html>\n<html lang=")
    assert len(outline.all("h1")) == 1
    levels = [int(e["tag"][1]) for e in outline.all("h1", "h2", "h3")]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [e["id"] for e in outline.elements if "id" in e]
    assert len(set(ids)) == len(ids)
    assert all(e["aria-labelledby"] in ids for e in outline.elements if "aria-labelledby" in e)
    assert len(outline.all("caption")) == len(outline.all("table")) == 6
    assert {e.get("scope") for e in outline.all("th")} == {"col", "row"}
    plots = [e for e in outline.all("svg") if e.get("class") == "plot"]
    assert len(plots) == 2
    assert all(e["role"] == "img" and e["aria-label"] for e in plots)


def test_nothing_is_loaded_or_run(text, outline):
    assert not outline.all("script", "link", "img", "iframe", "object", "embed", "base", "use")
    assert not [e for e in outline.elements for name in e if name in ("src", "href") or name.startswith("on")]
    assert "://" not in text
    assert "url(" not in text
    assert "@import" not in text


def test_names_and_findings_are_escaped(run, outline):
    report, _ = run
    assert not outline.all("b")
    assert [e["text"] for e in outline.all("li") if "class" not in e][-len(report.findings()) :] == (
        report.findings()
    )
    assert any("<script>alert('&amp;')</script>" in finding for finding in report.findings())
    assert NASTY in [cell for row in outline.rows("agreement-table") for cell in row]
    assert ["--data", NASTY] in outline.rows("software")
    assert ["--level", "0.1 0.2"] in outline.rows("software")


def test_the_numbers_are_those_of_the_report(run, outline):
    report, _ = run
    assert outline.rows("agreement-table")[1:] == [list(row) for row in report.rows()]
    facts = {
        t["text"]: d["text"] for t, d in zip(outline.all("dt"), outline.all("dd"), strict=True)
    }  # each term comes before its description
    assert facts["problems"] == str(len(report.entries))
    for verdict in ("agree", "inconclusive", "DISAGREE", "not certified"):
        assert facts[verdict.lower()] == str(report.verdicts[verdict])
    whole, solver = report.speed_ratios
    assert [v for k, v in facts.items() if "FISTA" in k] == [f"{whole:.0f}x", f"{solver:.1f}x"]
    assert f"{whole:.0f}x (median)" in report.summary()
    longest = [int(row[1]) for row in outline.rows("longest")[1:]]
    assert longest == sorted((v.certificate.n_iter for _, _, v in report.entries), reverse=True)[:5]
    nearest = max(c.distance / c.distance_bound for c in report.comparisons)
    assert outline.rows("nearest")[1][1] == f"{nearest:.2g}"


def test_the_verdict_says_why(run):
    report, trajectories = run
    sentence = verdict_of(page_of(report, trajectories))
    assert sentence.startswith(
        "Failed: a promise was broken on 1 of 28 problems; FISTA is not certified on 1"
    )
    good = Report(report.entries[3:])
    sentence = verdict_of(page_of(good, trajectories[3:]))
    assert sentence == "Passed: every answer is certified, 25 of 25 comparisons agree and none disagrees."
    assert verdict_of(page_of(Report(), [])) == "Failed: nothing was compared."
    sentence = verdict_of(page(good, trajectories[3:-1], planned=28, options={}))
    assert sentence.startswith("Interrupted: 25 of 28 problems were done; every answer is certified")


def verdict_of(text):
    return Outline(text).all("p")[0]["text"]


def page_of(report, trajectories):
    return page(report, trajectories, planned=len(report.entries), options={})


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_trajectories_are_those_of_the_fit_and_its_certificates(objective):
    """Stopped at an iteration, FISTA has the gap that the trajectory says; `formulations` evaluates it."""
    data = ratings()
    model = getattr(fista, objective)()
    if objective in ("MTLasso", "L21MTL"):
        model.set_params(beta=0.0)  # a certificate seeks a better dual point where there is a ridge
    elif objective == "SRMTL":
        model.set_params(gamma=0.0)
    way = trajectory(model, **data)
    fitted = model.fit(**data)
    assert fitted.certificate_.converged
    assert way.iterations[-1] == fitted.n_iter_
    assert (np.diff(way.iterations) > 0).all()
    assert way.gaps[-1] <= way.tol
    for n in way.iterations[:: max(len(way.iterations) // 4, 1)]:
        stopped = getattr(fista, objective)(**{**model.get_params(), "max_iter": int(n)})
        result = verify(stopped, **data, solvers=())
        found = result.bracket.relative_gap
        if objective == "STLasso":
            found = largest_of_the_tasks(stopped, data)
        expected = way.gaps[list(way.iterations).index(n)]
        # The same dual point: what is left is the rounding of the two evaluations.
        room = 2 * (result.bracket.rounding + result.certificate.rounding) / result.bracket.at_zero
        assert abs(found - expected) <= min(room, 1e-4 * expected + 1e-12)


def largest_of_the_tasks(model, data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it was stopped on purpose
        model.fit(**data)
    gaps = declare(model, **data).task_gaps(model.parts_, model.intercept_, model.certificate_.dual_point)
    return max(gap / at_zero for gap, at_zero, _ in gaps)


def test_long_trajectories_are_thinned_out():
    data = ratings()
    data["X"][:, 0] = data["X"][:, 1] + 1e-4 * data["X"][:, 0]
    model = fista.MTLasso(alpha=1e-4, beta=0.0, tol=0.0, max_iter=5000)
    way = trajectory(model, **data)
    assert way.iterations[-1] == 5000
    assert len(way.iterations) < 150


def way_of(*gaps):
    return Trajectory(np.arange(1, len(gaps) + 1), np.array(gaps), 1e-6)


@pytest.mark.parametrize(
    ("gaps", "drawn"),
    [
        ((1.0, 1e-3, 1e-7), ["polyline", "circle"]),
        ((1.0, 0.0), ["polyline", "path"]),
        ((0.0,), ["path"]),  # solved where it started
        ((1e-9,), ["circle"]),
        ((np.inf,), []),
        ((np.inf, 1.0, 1e-7), ["polyline", "circle"]),
        ((1e-3, 1e-300), ["polyline", "path"]),
    ],
)
def test_gaps_of_zero_and_infinity_are_drawn_or_left_out(gaps, drawn):
    way = way_of(*gaps)
    axes = Axes.around([way])
    made = plot("label", [("name", way)], axes)
    group = next(e for e in made.iter("g") if e.get("class").startswith("line"))
    assert [e.tag for e in group if e.tag != "title"] == drawn
    assert "nan" not in tostring(made, encoding="unicode")
    assert "inf" not in tostring(made, encoding="unicode")
    for line in group.iter("polyline"):
        for x, y in (map(float, point.split(",")) for point in line.get("points").split()):
            assert 0 <= x <= 360
            assert 0 <= y <= 244


def test_lines_with_a_name_differ_by_their_dashes(outline):
    assert len(set(DASHES)) == len(DASHES)
    named = [e["stroke-dasharray"] for e in outline.all("polyline")]
    assert set(named) == {*DASHES, "none"}
    assert sum("others, faint" in e["text"] for e in outline.all("li")) == 2


def test_the_command_writes_the_page(capsys, tmp_path):
    path = tmp_path / "report.html"
    status = command.main([*QUICK, "--report", str(path)])
    out = capsys.readouterr().out
    assert status == 0
    assert list(tmp_path.iterdir()) == [path]
    outline = Outline(path.read_text(encoding="utf-8"))
    rows = [line.split() for line in out.splitlines() if line.startswith(("L21MTL", "STLasso"))]
    shown = [" ".join(row).split() for row in outline.rows("agreement-table")[1:]]
    assert shown == rows
    assert ["--solvers", "CLARABEL"] in outline.rows("software")


def test_an_interrupted_run_has_its_page(capsys, tmp_path, monkeypatch):
    genuine, done = command.trajectory, []

    def interrupted(*arguments, **keywords):
        if done:
            raise KeyboardInterrupt
        done.append(genuine(*arguments, **keywords))
        return done[0]

    monkeypatch.setattr(command, "trajectory", interrupted)
    path = tmp_path / "report.html"
    assert command.main([*QUICK, "--report", str(path)]) == 130
    outline = Outline(path.read_text(encoding="utf-8"))
    assert "Interrupted: 2 of 8 problems were done" in outline.all("p")[0]["text"]
    assert len(outline.rows("agreement-table")) == 3
    assert len(outline.all("polyline")) == 1  # the second was verified, but not yet recorded


def test_the_file_is_whole_or_not_at_all(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("before")
    half = ("half" if k == 0 else 1 / 0 for k in range(2))
    with pytest.raises(ZeroDivisionError), whole_file(path) as file:
        file.writelines(half)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
    with whole_file(path) as file:
        file.write("a name that is no UTF-8: \udcff")
    assert path.read_text() == "a name that is no UTF-8: \\udcff"


# -- in a browser ----------------------------------------------------------------------------------

#: Every element with text of its own: what it is, its text and the contrast to what is behind it.
CONTRASTS = """
const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const behind = element => {
  for (let e = element; e; e = e.parentElement) {
    const colour = numbers(getComputedStyle(e).backgroundColor);
    if (colour.length === 3 || colour[3] > 0) return colour;
  }
};
return [...document.body.querySelectorAll("*")]
  .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && !e.closest("title"))
  .map(e => {
    const style = getComputedStyle(e);
    const colour = e.closest("svg") ? style.fill : style.color;
    const [a, b] = [luminance(numbers(colour)), luminance(behind(e))];
    const kind = e.closest("svg") ? "svg text" : e.className || e.tagName.toLowerCase();
    return [kind, e.textContent, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
  });
"""
#: For each plot its size, and the pairs of texts, or of a text and the frame, that overlap.
OVERLAPS = """
const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
return [...document.querySelectorAll("svg.plot")].map(svg => {
  const box = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")].map(e => [e.textContent, e.getBoundingClientRect()]);
  const marks = [...texts, ["frame", svg.querySelector(".frame").getBoundingClientRect()]];
  const clashes = texts.flatMap(([name, a], k) =>
    marks.slice(k + 1).filter(([_, b]) => !apart(a, b)).map(([other, _]) => name + " / " + other));
  const outside = texts.filter(([_, a]) =>
    a.left < box.left || a.right > box.right || a.top < box.top || a.bottom > box.bottom);
  return [box.width, box.height, clashes, outside.map(([name, _]) => name)];
});
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.fail(
            "found no chromium and chromedriver; expected them: apt-get install chromium chromium-driver"
        )
    try:
        from selenium import webdriver
    except ImportError:
        pytest.fail("found no selenium; expected it: pip install -e '.[browser]'")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture(scope="module")
def address(text, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


def show(browser, address, scheme, width):
    """Open the page afresh, with the logs emptied."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get("about:blank")
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(address)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
class TestInABrowser:
    def test_no_error_and_no_request_but_the_file(self, browser, address, scheme, width):
        show(browser, address, scheme, width)
        time.sleep(0.5)  # a late request would have begun
        assert browser.get_log("browser") == []
        events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        requested = [
            e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
        ]
        assert requested == [address]

    def test_the_body_does_not_scroll_sideways_and_tables_do(self, browser, address, scheme, width):
        show(browser, address, scheme, width)
        scroll, inner = browser.execute_script(
            "return [document.scrollingElement.scrollWidth, window.innerWidth]"
        )
        assert inner == width  # a phone would widen its window to what overflows
        assert scroll <= inner
        tables = browser.execute_script(
            "return [...document.querySelectorAll('.scroll')].map(e => [e.scrollWidth, e.clientWidth])"
        )
        assert all(scroll <= client for scroll, client in tables) or width < 500
        assert tables[0][0] > tables[0][1] or width > 500

    def test_text_stands_out(self, browser, address, scheme, width):
        show(browser, address, scheme, width)
        found = browser.execute_script(CONTRASTS)
        assert [entry for entry in found if entry[2] < 4.5] == []
        kinds = {kind for kind, _, _ in found}
        assert {"p", "svg text", "number", "agree", "inconclusive", "disagree", "uncertified"} <= kinds
        assert {text for kind, text, _ in found if kind == "svg text"} >= {"iteration (log)", "tol"}

    def test_plots_are_seen_and_their_text_is_clear_of_the_frame(self, browser, address, scheme, width):
        show(browser, address, scheme, width)
        found = browser.execute_script(OVERLAPS)
        assert len(found) == 2
        for plot_width, height, clashes, outside in found:
            assert min(plot_width, height) >= 200
            assert clashes == []
            assert outside == []


@pytest.mark.browser
def test_light_and_dark_differ(browser, address):
    grounds = []
    for scheme in ("light", "dark"):
        show(browser, address, scheme, 1280)
        grounds.append(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] != grounds[1]
