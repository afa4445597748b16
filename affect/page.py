"""The report: one HTML page that loads and runs nothing, for phone, paper and dark screens."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from affect.claims import Claim
from affect.tables import UNCERTIFIED, Table

__all__ = ["page"]

STYLE = """
:root { color-scheme: light dark; --page: #fdfdfb; --text: #1c1c1c; --quiet: #55554f; --rule: #d4d4cc;
  --row: #f3f3ee; --good: #17602a; --bad: #a3001b; }
@media screen and (prefers-color-scheme: dark) { :root { --page: #16181b; --text: #e9e7e2; --quiet: #b3b1aa;
  --rule: #3d4045; --row: #1e2125; --good: #7fd091; --bad: #ff9a9f; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 80rem; background: var(--page);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif;
  overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .75rem; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.75rem 0 .5rem; }
p, li, figcaption { max-width: 44rem; }
p { margin: .5rem 0 1rem; }
.result { font-size: 1.125rem; border-left: .3rem solid var(--good); padding-left: .75rem; }
.result.failed { border-left: .3rem double var(--bad); }
figcaption, caption, .quiet { color: var(--quiet); font-size: .875rem; }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
a { color: inherit; }
.scroll { overflow: auto; max-height: 85vh; width: fit-content; max-width: 100%; margin: 1rem 0;
  border: 1px solid var(--rule); }
table { border-collapse: separate; border-spacing: 0; font-size: .8125rem; line-height: 1.35;
  font-variant-numeric: tabular-nums; overflow-wrap: normal; }
caption { text-align: left; padding: .5rem .6rem; }
caption span { position: sticky; left: .6rem; display: inline-block; max-width: min(44rem, 100vw - 4rem); }
th, td { padding: .25rem .6rem; text-align: left; white-space: nowrap; background: var(--page);
  border-top: 1px solid var(--rule); }
thead th { position: sticky; top: 0; z-index: 1; }
th { font-weight: 600; }
tbody tr:nth-child(even) > * { background: var(--row); }
tbody tr.block > * { border-top: 2px solid var(--quiet); }
.number { text-align: right; }
td.wide { white-space: normal; min-width: 12em; max-width: 40rem; }
figure { margin: 1rem 0 2rem; }
figure img { display: block; max-width: 100%; height: auto; background: #fff; padding: .5rem; }
figure .pan { overflow-x: auto; }
figure .pan img { min-width: min(44rem, 200vw); }
@media print { @page { margin: 12mm; } html { font-size: 9pt; } body { padding: 0; max-width: none; }
  .scroll { overflow: visible; max-height: none; border: 0; } table { font-size: 6.5pt; }
  th, td { padding: 1pt 3pt; position: static !important; } figure, tr { break-inside: avoid; }
  figure .pan img { min-width: 0; } h2 { break-after: avoid; } }
"""
CLIPS_HEADER = (
    "raters of: clip",
    "dimension",
    "W",
    "rank correlation",
    "Pearson",
    "raters",
    "seconds",
    "p (rotation)",
    "p (chi2)",
    "did not enter",
)
CLIPS_CAPTION = (
    "Agreement on each clip. W is of the seconds that all who enter have rated. Rotation shifts each rater's "
    "series in time; the chi-squared test takes neighbouring seconds for unrelated and rejects too often."
)
# Nothing may be loaded or run, whatever a clip is called.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def _kind(text: str) -> str:
    """Numbers to the right, long words over several lines."""
    if text[:1].isdigit() and len(text) < 20:
        return ' class="number"'
    return ' class="wide"' if len(text) > 24 else ""


def _plain(name: str, caption: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table of words."""
    head = "".join(f'<th scope="col">{html.escape(h)}</th>' for h in header)
    body = "".join(
        "<tr>"
        + f'<th scope="row">{html.escape(str(row[0]))}</th>'
        + "".join(f"<td{_kind(str(cell))}>{html.escape(str(cell))}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" role="region" aria-labelledby="{name}" tabindex="0"><table>'
        f'<caption id="{name}">'
        f"<span>{html.escape(caption)}</span></caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        "</table></div>"
    )


def _figure(number: str, caption: str, png: bytes) -> str:
    data = base64.b64encode(png).decode()
    text = html.escape(caption)
    return (
        f'<figure id="figure{number}"><div class="pan">'
        f'<img alt="{text}" src="data:image/png;base64,{data}"></div>'
        f"<figcaption>Figure {number}. {text}</figcaption></figure>"
    )


def page(
    title: str,
    *,
    counts: tuple[int, int, int, int],
    uncertified: Sequence[str],
    claims: Sequence[Claim],
    quality: Sequence[Sequence[Any]],
    agreement: Sequence[Table],
    anova: Sequence[Sequence[Any]],
    results: Sequence[Table],
    relations: Sequence[Table],
    figures: Mapping[str, tuple[str, bytes]],
    notes: Sequence[str],
    settings: Sequence[tuple[str, Any]],
    clips: Sequence[Sequence[str]] = (),
    populations: Sequence[Sequence[str]] = (),
) -> str:
    """One self-contained page.

    Parameters
    ----------
    title : str
    counts : (reported fits, certified, fits of the cross-validation, certified)
    uncertified : sequence of str
        What is not certified, each in a few words.
    claims : sequence of Claim
    quality : rows of (rule, dropped annotations, left)
    agreement, results, relations : sequences of Table
    anova : rows of (dimension, factor, F, degrees of freedom, p)
    figures : dict of number to (caption, PNG)
    notes : sequence of str
        What the reader has to know about the data.
    settings : sequence of (what, value)
    clips : rows of (set and clip, dimension, W, rank correlation, Pearson, raters, seconds, p, p, excluded)
    populations : rows of (dimension, Pearson over pairs, of medians, clips)

    Returns
    -------
    str
    """
    final, proved, folds, folds_proved = counts
    whole = final == proved and folds == folds_proved
    verdict = (
        f"{proved} of {final} reported fits and {folds_proved} of {folds} fits of the cross-validation are "
        "certified: their objectives are within the tolerance of the minimum, by a duality gap."
    )
    parts: list[tuple[str, list[str]]] = []
    said = [f"<li>{html.escape(note)}</li>" for note in notes]
    parts.append(("Data", [f"<ul>{''.join(said)}</ul>" if said else ""]))
    if quality:
        parts[-1][1].append(
            _plain("quality", "What the quality rules dropped", ("rule", "dropped", "left"), quality)
        )
    if "2" in figures:
        parts[-1][1].append(_figure("2", *figures["2"]))
    if agreement:
        tables = [table.html() for table in agreement]
        if anova:
            header = ("dimension: factor", "F", "degrees of freedom", "p")
            caption = "ANOVA of Kendall's W: population x half x attribute intensity"
            tables.append(_plain("anova", caption, header, anova))
        if populations:
            header = ("dimension", "pairs of raters", "medians", "clips")
            caption = "Pearson correlation of crowd with experts, mean over clips of the Val set"
            tables.append(_plain("populations", caption, header, populations))
        if clips:
            tables.append(_plain("clips", CLIPS_CAPTION, CLIPS_HEADER, clips))
        parts.append(("Agreement", tables))
    if claims:
        statements = [(c.text, c.problem.upper(), f"{c.holds} of {c.of}", c.in_paper) for c in claims]
        parts.append(
            (
                "Conclusions",
                [
                    "<p>In how many cells of Tables 8 and 9 each statement holds, by the means over runs. "
                    "One data set is one draw: <code>--seeds 20</code> has intervals over many.</p>",
                    _plain(
                        "claims",
                        "Statements",
                        (
                            "statement of the paper, or of ours",
                            "problem",
                            "holds in",
                            "in the paper's tables",
                        ),
                        statements,
                    ),
                ],
            )
        )
    parts.append(("Problems P1 and P2", [table.html() for table in results]))
    shown = [_figure(k, *figures[k]) for k in ("3", "4", "5") if k in figures]
    if relations or shown:
        parts.append(("What related tasks share", [*(table.html() for table in relations), *shown]))
    doubt = [f"<li>{html.escape(text)}</li>" for text in uncertified]
    left = final - proved + folds - folds_proved
    certificates = ["<p>Every fit is certified.</p>" if whole else f"<p>{left} of all fits.</p>"]
    certificates += [f"<ul>{''.join(doubt)}</ul>"] if doubt else []
    parts.append(("Fits that are not certified", certificates))
    facts = [("date (UTC)", datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")), *settings]
    parts.append(
        ("Settings", [_plain("settings-table", "All that the results depend on", ("what", "value"), facts)])
    )
    names = [name.lower().replace(" ", "-") for name, _ in parts]
    links = "".join(
        f'<li><a href="#{key}">{html.escape(name)}</a></li>'
        for key, (name, _) in zip(names, parts, strict=True)
    )
    sections = "".join(
        f'<section><h2 id="{key}">{html.escape(name)}</h2>{"".join(content)}</section>'
        for key, (name, content) in zip(names, parts, strict=True)
    )
    legend = f"Bold: the best of a column. {UNCERTIFIED}: a fit behind this number is not certified."
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{html.escape(title)}</h1>"
        f'<p class="result{"" if whole else " failed"}">{html.escape(verdict)}</p>'
        f'<p class="quiet">{legend}</p><nav aria-label="Contents"><ul>{links}</ul></nav>{sections}'
        "</main></body></html>\n"
    )
