"""One HTML page of a run, to be read by people: `mtl-verify --report report.html`.

It is a single file that loads nothing and runs nothing, on a phone, on paper and in the dark.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, tostring

import numpy as np

from verification.agreement import Verification
from verification.drawing import DASHES, SMALLEST, Axes, element, plot, sample
from verification.report import HEADER, MOST_INCONCLUSIVE, Report, versions
from verification.trajectory import Trajectory

__all__ = ["page"]

WORST = 5  # rows of each table of worst cases
VERDICTS = {
    "agree": "agree",
    "inconclusive": "inconclusive",
    "DISAGREE": "disagree",
    "not certified": "uncertified",
}
PROBLEM = ("objective", "data", "design", "level")
STYLE = """
:root { color-scheme: light dark;
  --page: #fdfdfb; --text: #1c1c1c; --quiet: #55554f; --rule: #d4d4cc; --row: #f3f3ee;
  --agree: #17602a; --inconclusive: #6f4c00; --disagree: #a3001b; --uncertified: #5d2a8c;
  --c0: #1f5fa8; --c1: #b04a00; --c2: #17703f; --c3: #8b2f8f; --c4: #a3001b; --c5: #4c4c46; }
@media screen and (prefers-color-scheme: dark) { :root {
  --page: #16181b; --text: #e9e7e2; --quiet: #b3b1aa; --rule: #3d4045; --row: #1e2125;
  --agree: #7fd091; --inconclusive: #e5bd62; --disagree: #ff9a9f; --uncertified: #cfa8f5;
  --c0: #7db7f5; --c1: #f2a566; --c2: #7fd091; --c3: #dd9be0; --c4: #ff9a9f; --c5: #c4c2bb; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 80rem; background: var(--page);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .75rem; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.75rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0 0 .25rem; }
p, figcaption { max-width: 44rem; }
p { margin: .5rem 0 1rem; }
.result { font-size: 1.125rem; border-left: .3rem solid var(--agree); padding-left: .75rem; }
.result.failed { border-left: .3rem double var(--disagree); }
.quiet, caption { color: var(--quiet); font-size: .875rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 1px;
  margin: 1rem 0; padding: 1px; }
.facts div { display: flex; flex-direction: column-reverse; justify-content: flex-end; padding: .5rem .75rem;
  box-shadow: 0 0 0 1px var(--rule); }
.facts dt { color: var(--quiet); font-size: .875rem; line-height: 1.3; }
.facts dd { margin: 0; font-size: 1.375rem; font-variant-numeric: tabular-nums; }
.scroll { overflow: auto; max-height: 85vh; width: fit-content; max-width: 100%; margin: 1rem 0;
  border: 1px solid var(--rule); }
.side { display: flex; flex-wrap: wrap; align-items: flex-start; gap: 1rem; margin: 1rem 0; }
.side .scroll { margin: 0; }
table { border-collapse: separate; border-spacing: 0; font-size: .8125rem; line-height: 1.35;
  font-variant-numeric: tabular-nums; overflow-wrap: normal; }
caption { text-align: left; padding: .5rem .6rem; }
caption span { position: sticky; left: .6rem; display: inline-block; max-width: min(44rem, 100vw - 4rem); }
th, td { padding: .25rem .6rem; text-align: left; white-space: nowrap; background: var(--page);
  border-top: 1px solid var(--rule); }
thead th { position: sticky; top: 0; z-index: 1; }
th { font-weight: 600; }
tbody th { position: sticky; left: 0; }
tbody tr:nth-child(even) > * { background: var(--row); }
.number { text-align: right; }
td.wide { white-space: normal; min-width: 8em; max-width: 40rem; overflow-wrap: anywhere; }
.agree { color: var(--agree); } .agree::before { content: "\\2713\\00a0" / ""; }
.inconclusive { color: var(--inconclusive); font-style: italic; }
.inconclusive::before { content: "?\\00a0" / ""; }
.disagree { color: var(--disagree); font-weight: 700; } .disagree::before { content: "\\2717\\00a0" / ""; }
.uncertified { color: var(--uncertified); font-style: italic; }
.uncertified::before { content: "\\25cb\\00a0" / ""; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: 2rem; }
figure { margin: 0; min-width: 0; max-width: 34rem; }
.plot { display: block; width: 100%; height: auto; }
.plot text { fill: var(--text); font: 13px system-ui, sans-serif; }
.plot tspan { font-size: 10px; }
.frame { fill: none; stroke: var(--quiet); }
.grid { stroke: var(--rule); }
.tolerance { stroke: var(--text); stroke-width: 1.5; }
.line polyline, .sample line { fill: none; stroke: currentColor; stroke-width: 1.5; }
.line circle, .line path { fill: currentColor; }
.other { color: var(--quiet); opacity: .5; }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); }
.c3 { color: var(--c3); } .c4 { color: var(--c4); } .c5 { color: var(--c5); }
.legend { list-style: none; margin: .25rem 0 0; padding: 0; font-size: .8125rem; line-height: 1.4; }
.legend li { display: grid; grid-template-columns: 2.5rem minmax(0, 1fr) auto; gap: .6rem;
  align-items: center; }
.legend .all { display: block; }
.sample { width: 2.5rem; height: .625rem; }
.findings li { margin: .35rem 0; }
@media print {
  @page { margin: 12mm; }
  html { font-size: 9pt; } body { padding: 0; max-width: none; }
  .scroll { overflow: visible; max-height: none; border: 0; }
  table { font-size: 6.5pt; } th, td { padding: 1pt 3pt; position: static !important; }
  .plots { grid-template-columns: 1fr 1fr; gap: 1rem; }
  figure, tr { break-inside: avoid; } h2, h3 { break-after: avoid; }
}
"""
# Nothing may be loaded or run, whatever a data set is called.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(
    report: Report, trajectories: Sequence[Trajectory], *, planned: int, options: Mapping[str, object]
) -> str:
    """One self-contained HTML page of a report.

    Parameters
    ----------
    report : Report
    trajectories : sequence of Trajectory
        How the gap fell, for each entry of the report in turn; the last ones may be missing.
    planned : int
        The number of problems of the run; if the report has fewer, it was interrupted.
    options : mapping of str to object
        The options of the command, by name.

    Returns
    -------
    str

    Examples
    --------
    >>> page(Report(), [], planned=0, options={})[:15]
    '<!DOCTYPE html>'
    """
    title = "Verification of FISTA against CVXPY"
    head = element(
        "head",
        None,
        element("meta", {"charset": "utf-8"}),
        element("meta", {"http-equiv": "Content-Security-Policy", "content": POLICY}),
        element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("title", None, title),
        element("style", None, STYLE),
    )
    content = element(
        "main",
        None,
        element("h1", None, title),
        *_head(report, planned),
        *_section("Agreement", *_agreement(report)),
        *_section("Convergence", *_convergence(report, trajectories)),
        *_section("Worst cases", *_worst(report)),
        *_section("Findings", *_findings(report)),
        *_section("Environment", *_environment(options)),
    )
    whole = element("html", {"lang": "en"}, head, element("body", None, content))
    return "<!DOCTYPE html>\n" + tostring(whole, encoding="unicode", method="html") + "\n"


def _section(title: str, *content: Element) -> tuple[Element, ...]:
    return element("h2", {"id": title.lower().replace(" ", "-")}, title), *content


# -- the verdict -----------------------------------------------------------------------------------


def _head(report: Report, planned: int) -> Iterable[Element]:
    interrupted = len(report.entries) < planned
    word = "Interrupted" if interrupted else "Passed" if report.passed else "Failed"
    reasons = "; ".join(_reasons(report, planned))
    kind = "result" if report.passed and not interrupted else "result failed"
    yield element("p", {"class": kind}, element("strong", None, word), f": {reasons}.")
    counts = report.verdicts
    facts = {
        "problems": str(len(report.entries)),
        "comparisons": str(len(report.comparisons)),
        **{name.lower(): str(counts[name]) for name in VERDICTS},
    }
    if report.comparisons:
        whole, solver = report.speed_ratios
        facts["fit of the oracle, CVXPY's modelling included, over fit of FISTA (median)"] = f"{whole:.0f}x"
        facts["its solver's own time over fit of FISTA (median)"] = f"{solver:.1f}x"
    pairs = [element("div", None, element("dt", None, k), element("dd", None, v)) for k, v in facts.items()]
    yield element("dl", {"class": "facts"}, *pairs)


def _reasons(report: Report, planned: int) -> Iterable[str]:
    counts, total = report.verdicts, len(report.comparisons)
    disputed = sum(v.disagree for _, _, v in report.entries)
    if len(report.entries) < planned:
        yield f"{len(report.entries)} of {planned} problems were done"
    if disputed:
        yield f"a promise was broken on {disputed} of {len(report.entries)} problems"
    if report.uncertified:
        yield f"FISTA is not certified on {report.uncertified} of {len(report.entries)} problems"
    if not total:
        yield "nothing was compared"
    elif report.too_many_inconclusive:
        yield (
            f"{counts['inconclusive']} of {total} comparisons are inconclusive, "
            f"more than {MOST_INCONCLUSIVE:.0%}, so that the run decides too little"
        )
    if report.passed:
        yield f"every answer is certified, {counts['agree']} of {total} comparisons agree and none disagrees"


# -- tables ----------------------------------------------------------------------------------------


def _agreement(report: Report) -> Iterable[Element]:
    yield element(
        "p",
        None,
        "Each row compares FISTA with one solver of CVXPY. F(W) and gap/F(0) are FISTA's, evaluated without "
        "its own word; ||M dW|| is the distance between the two answers, which may not exceed its bound, a "
        "consequence of both gaps. Iterations and time are FISTA's; speed-up is the time of the oracle's "
        "fit, CVXPY's modelling included, over it.",
    )
    yield _table("agreement-table", "All comparisons", HEADER, report.rows())


def _table(name: str, caption: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Element:
    """A table that scrolls by itself; its columns are words or numbers, and what users name may be long."""
    wide = {"data", "value"}
    words = {header[0], "design", "solver", "verdict"} | wide

    def cell(column: str, value: str) -> Element:
        if column == header[0]:
            return element("th", {"scope": "row"}, value)
        kind = VERDICTS.get(value, "") if column == "verdict" else "wide" if column in wide else ""
        return element("td", {"class": kind if column in words else "number"}, value)

    headings = [
        element("th", {"scope": "col", "class": "" if column in words else "number"}, column)
        for column in header
    ]
    lines = [
        element("tr", None, *(cell(column, value) for column, value in zip(header, row, strict=True)))
        for row in rows
    ]
    return element(
        "div",
        {"class": "scroll", "role": "region", "aria-labelledby": name, "tabindex": 0},
        element(
            "table",
            None,
            element("caption", {"id": name}, element("span", None, caption)),
            element("thead", None, element("tr", None, *headings)),
            element("tbody", None, *lines),
        ),
    )


def _problem(data: str, level: float, v: Verification) -> tuple[str, ...]:
    return v.objective, data, v.design, f"{level:g}"


def _worst(report: Report) -> Iterable[Element]:
    entries = [(v, _problem(data, level, v)) for data, level, v in report.entries]
    nearest = _ranking(
        "nearest",
        "Nearest to their bound: beyond 1 they would disagree",
        "distance / bound",
        (
            (c.distance / c.distance_bound, (*problem, c.solver))
            for v, problem in entries
            for c in v.comparisons
            if np.isfinite(c.distance) and c.distance_bound > 0
        ),
        ".2g",
    )
    widest = _ranking(
        "widest",
        "Widest certified gap",
        "gap / (tol F(0))",
        (
            (v.bracket.relative_gap / v.certificate.tol, problem)
            for v, problem in entries
            if v.certified and v.certificate.tol > 0
        ),
        ".3f",
    )
    longest = _ranking(
        "longest",
        "Most iterations",
        "iterations",
        ((float(v.certificate.n_iter), problem) for v, problem in entries),
        ".0f",
    )
    slowest = _ranking(
        "slowest",
        "Slowest fits of FISTA",
        "ms",
        ((1e3 * v.seconds, problem) for v, problem in entries),
        ".1f",
    )
    yield element("div", {"class": "side"}, nearest, widest, longest, slowest)


def _ranking(
    name: str, caption: str, column: str, rows: Iterable[tuple[float, tuple[str, ...]]], form: str
) -> Element:
    """The rows of the largest values, which come second, to be seen on a phone."""
    worst = sorted(rows, key=lambda row: row[0], reverse=True)[:WORST]
    header = (*PROBLEM, "solver")[: len(worst[0][1])] if worst else PROBLEM
    return _table(
        name,
        caption,
        (header[0], column, *header[1:]),
        [(row[0], f"{value:{form}}", *row[1:]) for value, row in worst],
    )


def _findings(report: Report) -> Iterable[Element]:
    findings = report.findings()
    if not findings:
        yield element("p", None, "None.")
        return
    yield element("ol", {"class": "findings"}, *(element("li", None, finding) for finding in findings))


def _environment(options: Mapping[str, object]) -> Iterable[Element]:
    rows = [
        ("date (UTC)", datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")),
        ("platform", platform.platform()),
        ("CPUs", str(os.cpu_count())),
        *versions().items(),
        *((f"--{name}", _option(value)) for name, value in options.items()),
    ]
    yield _table("software", "Versions, machine and options", ("what", "value"), rows)


def _option(value: object) -> str:
    if value is None:
        return "not given"
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


# -- plots -----------------------------------------------------------------------------------------


def _convergence(report: Report, trajectories: Sequence[Trajectory]) -> Iterable[Element]:
    entries = list(zip(report.entries, trajectories, strict=False))
    yield element(
        "p",
        None,
        "How the relative duality gap fell, each problem having been solved once more to record it. A dot is "
        f"where FISTA stopped, a triangle at the lower edge a gap of 0 or below {SMALLEST:g}; where no gap "
        "was proved there is no line. STLasso keeps its promise to every task by itself: the largest gap of "
        "its tasks is shown.",
    )
    axes = Axes.around(trajectories)
    panels = dict.fromkeys(v.objective for (_, _, v), _ in entries)
    yield element(
        "div",
        {"class": "plots"},
        *(_panel(name, [e for e in entries if e[0][2].objective == name], axes) for name in panels),
    )


def _panel(
    objective: str, entries: Sequence[tuple[tuple[str, float, Verification], Trajectory]], axes: Axes
) -> Element:
    several = len({level for (_, level, _), _ in entries}) > 1
    lines = [
        (f"{data}, {v.design}" + (f", level {level:g}" if several else ""), way)
        for (data, level, v), way in entries
    ]
    longest = max(int(way.iterations[-1]) for _, way in lines)
    label = (
        f"{objective}: relative duality gap against iteration, both on log axes, of {len(lines)} problems; "
        f"the longest took {longest} iterations"
    )
    legend = [
        element("li", None, sample(k), element("span", None, name), element("span", None, _end(way)))
        for k, (name, way) in enumerate(lines[: len(DASHES)])
    ]
    if len(lines) > len(DASHES):
        legend.append(element("li", {"class": "all"}, f"and {len(lines) - len(DASHES)} others, faint"))
    return element(
        "figure",
        None,
        element("h3", None, objective),
        plot(label, lines, axes),
        element("figcaption", None, element("ul", {"class": "legend"}, *legend)),
    )


def _end(way: Trajectory) -> str:
    gap = f"{way.gaps[-1]:.1e}" if np.isfinite(way.gaps[-1]) else "no gap proved"
    return f"{way.iterations[-1]} it., {gap}"
