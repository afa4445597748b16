"""The paper's tables: console, CSV, LaTeX and HTML from one description.

The best of a column is bold, baselines that the paper lacks included; an entry of which a fit is not
certified, of the cross-validation as well, is marked.
"""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from affect.methods import METHODS
from affect.problems import HALVES, LENGTHS
from affect.relations import BASELINES
from affect.study import Results

__all__ = ["Entry", "Table", "agreement_table", "table_6", "table_7", "table_8", "table_9"]

UNCERTIFIED = "○"
LATEX = {
    "\\": r"\textbackslash{}",
    **{mark: rf"\{mark}" for mark in "%_&#${}"},
    **{
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        "○": r"$\circ$",
        "ℓ": r"$\ell$",
        "–": "--",
    },
}


@dataclass(frozen=True)
class Entry:
    """A number with its deviation or a note beside it.

    Attributes
    ----------
    value : float
        NaN where there is none.
    sd : float or None
    note : str
        In parentheses.
    certified : bool
        Whether every fit behind it is, those of the cross-validation included.
    best : bool
    """

    value: float
    sd: float | None = None
    note: str = ""
    certified: bool = True
    best: bool = False

    def text(self, digits: int) -> str:
        """As it is printed."""
        if np.isnan(self.value):
            return "–"
        parts = [f"{self.value:.{digits}f}"]
        if self.sd is not None and not np.isnan(self.sd):
            parts.append(f"±{self.sd:.{digits}f}")
        if self.note:
            parts.append(f" ({self.note})")
        return "".join(parts) + ("" if self.certified else UNCERTIFIED)


@dataclass(frozen=True)
class Table:
    """Rows of entries under a header; the first columns are the labels of the rows.

    Attributes
    ----------
    name : str
        Such as ``"table8"``, for files.
    caption : str
    labels, header : sequence of str
        Names of the label columns, and of the columns of entries.
    rows : sequence of (labels, entries)
    lower_is_better : bool or None
        Which entry of a column is the best, within rows of equal labels but the last; None: no bold.
    digits : int
    """

    name: str
    caption: str
    labels: Sequence[str]
    header: Sequence[str]
    rows: Sequence[tuple[tuple[str, ...], Sequence[Entry]]]
    lower_is_better: bool | None = None
    digits: int = 3

    def __post_init__(self) -> None:
        if self.lower_is_better is not None:
            object.__setattr__(self, "rows", self._marked())

    def _marked(self) -> list[tuple[tuple[str, ...], list[Entry]]]:
        """Rows with the best entries marked: what is equal as printed is equally good."""
        sign = 1 if self.lower_is_better else -1
        best: dict[tuple[tuple[str, ...], int], float] = {}
        for labels, entries in self.rows:
            for k, entry in enumerate(entries):
                if not np.isnan(entry.value):
                    where, value = (labels[:-1], k), sign * round(entry.value, self.digits)
                    best[where] = min(best.get(where, np.inf), value)
        return [
            (
                labels,
                [
                    replace(e, best=sign * round(e.value, self.digits) == best.get((labels[:-1], k)))
                    for k, e in enumerate(entries)
                ],
            )
            for labels, entries in self.rows
        ]

    @property
    def uncertified(self) -> bool:
        """Whether an entry is marked."""
        return any(not entry.certified for _, entries in self.rows for entry in entries)

    def console(self) -> str:
        """With the best in asterisks."""
        lines = [[*self.labels, *self.header]]
        for labels, entries in self.rows:
            cells = [f"*{e.text(self.digits)}*" if e.best else e.text(self.digits) for e in entries]
            lines.append([*labels, *cells])
        widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
        n = len(self.labels)
        out = [self.caption]
        for line in lines:
            parts = [
                c.ljust(w) if k < n else c.rjust(w) for k, (c, w) in enumerate(zip(line, widths, strict=True))
            ]
            out.append("  ".join(parts).rstrip())
        return "\n".join(out) + "\n"

    def csv(self) -> str:
        """Numbers in full, one line an entry."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*self.labels, "column", "value", "sd", "note", "best", "certified"])
        for labels, entries in self.rows:
            for column, e in zip(self.header, entries, strict=True):
                sd = "" if e.sd is None else e.sd
                writer.writerow([*labels, column, e.value, sd, e.note, int(e.best), int(e.certified)])
        return file.getvalue()

    def latex(self) -> str:
        """A table of booktabs."""

        def escape(text: str) -> str:
            return "".join(LATEX.get(mark, mark) for mark in text)  # a mark at a time: codes are not escaped

        lines = [
            r"\begin{table}",
            rf"\caption{{{escape(self.caption)}}}\label{{tab:{self.name}}}",
            rf"\begin{{tabular}}{{{'l' * len(self.labels)}{'r' * len(self.header)}}}",
            r"\toprule",
            " & ".join(map(escape, (*self.labels, *self.header))) + r" \\",
            r"\midrule",
        ]
        before: tuple[str, ...] | None = None
        for labels, entries in self.rows:
            if before is not None and labels[:-1] != before:
                lines.append(r"\midrule")
            before = labels[:-1]
            cells = [escape(e.text(self.digits)) for e in entries]
            cells = [rf"\textbf{{{c}}}" if e.best else c for c, e in zip(cells, entries, strict=True)]
            lines.append(" & ".join([*map(escape, labels), *cells]) + r" \\")
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]) + "\n"

    def html(self) -> str:
        """A table that scrolls by itself, with blocks of rows of equal labels."""
        head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in self.labels)
        head += "".join(f'<th scope="col" class="number">{html.escape(name)}</th>' for name in self.header)
        body, before = [], None
        for labels, entries in self.rows:
            kind = ' class="block"' if before is not None and labels[:-1] != before else ""
            before = labels[:-1]
            cells = "".join(f"<td>{html.escape(label)}</td>" for label in labels[:-1])
            cells += f'<th scope="row">{html.escape(labels[-1])}</th>'
            for e in entries:
                text = html.escape(e.text(self.digits))
                cells += f'<td class="number">{f"<b>{text}</b>" if e.best else text}</td>'
            body.append(f"<tr{kind}>{cells}</tr>")
        return (
            f'<div class="scroll" role="region" aria-labelledby="{self.name}" tabindex="0"><table>'
            f'<caption id="{self.name}"><span>{html.escape(self.caption)}</span></caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
        )


def _certified(result: Mapping[str, Any]) -> bool:
    """Whether the reported fit and all that its weight was chosen by are; what fits nothing is."""
    proof, folds = result["proof"], result["cross_validation"]["fits"]
    return (proof is None or bool(proof["converged"])) and all(converged for *_, converged in folds)


def _entry(records: Iterable[Mapping[str, Any]], key: str, *, spread: bool = True) -> Entry:
    """Mean and standard deviation over runs."""
    found = list(records)
    values = np.array([record[key] for record in found], dtype=float)
    certified = all(map(_certified, found))
    sd = float(values.std(ddof=1)) if spread and len(values) > 1 else None
    return Entry(float(values.mean()) if len(values) else float("nan"), sd, certified=certified)


def table_8(results: Results, measure: str = "rmse") -> Table:
    """RMSE of P1, mean and deviation over runs.

    Parameters
    ----------
    results : Results
    measure : {"rmse", "rmse_crowd", "rmse_truth"}
        Against the experts' median, the crowd's, or the true profile.
    """
    against = {
        "rmse": "the median of the experts",
        "rmse_crowd": "the median of the crowd",
        "rmse_truth": "the true profile",
    }[measure]
    records = results.of("p1-")
    blocks = dict.fromkeys(tuple(key.split("-")[:2]) for key in records)
    rows = []
    for dimension, modality in blocks:
        for method in METHODS:
            entries = []
            for half in HALVES:
                for length in LENGTHS:
                    prefix = f"{dimension}-{modality}-{half}-{length:02d}-"
                    runs = [r["methods"][method.name] for k, r in records.items() if k.startswith(prefix)]
                    entries.append(_entry(runs, measure))
            rows.append(((dimension, modality, method.name), entries))
    return Table(
        "table8" if measure == "rmse" else f"table8-{measure.removeprefix('rmse_')}",
        f"Table 8. P1: RMSE against {against} on snippets that were held out, mean ± sd over runs",
        ("dimension", "features", "method"),
        [f"{half} {length} s" for half in HALVES for length in LENGTHS],
        rows,
        lower_is_better=True,
    )


def table_9(results: Results) -> Table:
    """Accuracy of P2 on the Eval set."""
    rows = []
    for dimension in dict.fromkeys(key.split("-")[0] for key in results.of("p2-")):
        records = list(results.of(f"p2-{dimension}-").values())
        for method in METHODS:
            runs = [record["methods"][method.name] for record in records]
            entries = [_entry(runs, "accuracy"), _entry(runs, "clip_accuracy")]
            rows.append(((dimension, method.name), entries))
    return Table(
        "table9",
        "Table 9. P2: accuracy on the Eval set, mean ± sd over runs (which differ in their folds and in the "
        "few experts), over annotations as in the paper, and over clips by majority of their annotations",
        ("dimension", "method"),
        ("annotations", "clips"),
        rows,
        lower_is_better=False,
    )


def table_6(results: Results) -> Table:
    """Training accuracy with ratings as features."""
    rows = []
    for key, record in results.of("table6-").items():
        population, dimension = key.split("-")
        entries = []
        for name in BASELINES:
            r = record["methods"][name]
            entries.append(Entry(r["accuracy"], None, f"{r['zeros']:.2f}", _certified(r)))
        rows.append(((dimension, population), entries))
    return Table(
        "table6",
        "Table 6. Accuracy on the Val set, on the training data, with ratings as features; in parentheses "
        "the share of zeros in W",
        ("dimension", "population"),
        BASELINES,
        rows,
        digits=2,
    )


def table_7(results: Results) -> Table:
    """Training RMSE of the experts' medians."""
    rows = []
    for key, record in results.of("table7-").items():
        modality, dimension = key.rsplit("-", 1)
        entries = []
        for name in BASELINES:
            r = record["methods"][name]
            entries.append(Entry(r["rmse"], None, f"{r['zeros']:.2f}", _certified(r)))
        rows.append(((dimension, modality), entries))
    return Table(
        "table7",
        "Table 7. RMSE on the training data, of the experts' medians by descriptors; in parentheses the "
        "share of zeros in W",
        ("dimension", "features"),
        BASELINES,
        rows,
        digits=2,
    )


def agreement_table(name: str, caption: str, summary: pd.DataFrame) -> Table:
    """Tables 3 and 4 from rows ``group, population, part, mean, sd``; columns are groups and parts."""
    populations = list(dict.fromkeys(summary["population"]))
    columns = list(dict.fromkeys(zip(summary["group"], summary["part"], strict=True)))
    rows = []
    for population in populations:
        mine = summary[summary["population"] == population].set_index(["group", "part"])
        entries = [
            Entry(float(mine.loc[c, "mean"]), float(mine.loc[c, "sd"]))
            if c in mine.index
            else Entry(float("nan"))
            for c in columns
        ]
        rows.append(((population,), entries))
    return Table(name, caption, ("population",), [f"{g} {p}" for g, p in columns], rows, digits=2)
