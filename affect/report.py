"""All that a study shows: its tables, figures and conclusions, as files and as one page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from affect.annotations.files import write_whole
from affect.claims import claims
from affect.concordance import anova_rows, clip_rows, concordance_tables, measured, populations_rows
from affect.figures import as_bytes, figure_2, figure_3, figure_4, figure_5
from affect.page import page
from affect.pipeline import Prepared
from affect.study import Results
from affect.tables import Table, table_6, table_7, table_8, table_9

__all__ = ["figures", "result_tables", "uncertified", "write_report"]

CAPTIONS = {
    "2": "Ratings of crowd and experts over the last seconds of a clip of each quadrant (or of the first "
    "clips).",
    "3": "Experts as tasks, the ratings of each second as features, static labels as targets: |W|, darker = "
    "larger, each panel by its own largest.",
    "4": "Clips as tasks, the experts' ratings of each second as features: |W|, darker = larger. SR MTL "
    "relates the clips of equal static label.",
    "5": "Clips as tasks, descriptors as features, static labels as targets: |W| of standardised "
    "descriptors, darker = larger. A column of the label matrix says which clip a row is of, so that arousal "
    "and valence differ by SR MTL's graph alone.",
}


def result_tables(results: Results) -> tuple[list[Table], list[Table]]:
    """Tables 8 and 9 with all that was judged, and Tables 6 and 7."""
    main = []
    if p1 := results.of("p1-"):
        one = next(iter(next(iter(p1.values()))["methods"].values()))
        main += [table_8(results, m) for m in ("rmse", "rmse_truth", "rmse_crowd") if m in one]
    if results.of("p2-"):
        main.append(table_9(results))
    shared = [
        table(results) for prefix, table in (("table6-", table_6), ("table7-", table_7)) if results.of(prefix)
    ]
    return main, shared


def figures(prepared: Prepared, results: Results) -> Iterator[tuple[str, Any]]:
    """Number and figure, of those that the data allow."""
    yield "2", figure_2(prepared.material)
    for number, draw in (("3", figure_3), ("4", figure_4), ("5", figure_5)):
        figure = draw(results)
        if figure is not None:
            yield number, figure


def uncertified(results: Results) -> list[str]:
    """What is not certified, of the cross-validation as well, in a few words each; empty if all is."""
    reported = [
        f"{name}, {key}: gap {proof['relative_gap']:.2g} F(0) after {proof['n_iter']} iterations"
        + (f" ({proof['reason']})" if proof["reason"] else "")
        for key, name, proof in results.fits()
        if not proof["converged"]
    ]
    chosen_by = []
    for key, record in results.records.items():
        for name, result in record["methods"].items():
            proved = [converged for *_, converged in result["cross_validation"]["fits"]]
            if not all(proved):
                left = f"{proved.count(False)} of {len(proved)} fits of the cross-validation"
                chosen_by.append(f"{name}, {key}: {left}")
    return reported + chosen_by


def write_report(
    prepared: Prepared, results: Results, folder: Path, options: Sequence[tuple[str, Any]]
) -> Path:
    """Write report.html, each table (txt, csv, tex) and figure (png, pdf) by itself, and what else it says.

    Returns
    -------
    Path
        Of the page.
    """
    by_set = measured(prepared.val, prepared.evaluation)
    agreement = concordance_tables(by_set)
    main, shared = result_tables(results)
    for table in (*agreement, *main, *shared):
        for suffix, content in (("txt", table.console()), ("csv", table.csv()), ("tex", table.latex())):
            write_whole(folder / "tables" / f"{table.name}.{suffix}", content)
    drawn = {}
    for number, figure in figures(prepared, results):
        png = as_bytes(figure)
        drawn[number] = (CAPTIONS[number], png)
        write_whole(folder / "figures" / f"figure{number}.png", png)
        write_whole(folder / "figures" / f"figure{number}.pdf", as_bytes(figure, "pdf"))
    effects, statements = anova_rows(by_set), claims(results)
    said = [(c.text, c.problem, c.holds, c.of, c.in_paper) for c in statements]
    frames = {
        **{f"agreement-{name.lower()}": by_clip for name, by_clip in by_set.items()},
        "quality": pd.DataFrame(prepared.quality, columns=["rule", "dropped", "left"]),
        "anova": pd.DataFrame(effects, columns=["factor", "F", "degrees of freedom", "p"]),
        "conclusions": pd.DataFrame(said, columns=["statement", "problem", "holds in", "of", "in the paper"]),
    }
    for name, frame in frames.items():
        if len(frame):
            write_whole(folder / "tables" / f"{name}.csv", frame.to_csv(index=False))
    settings = results.settings
    facts: list[tuple[str, Any]] = [
        *settings.get("protocol", {}).items(),
        ("seed", settings.get("seed")),
        ("hash of the data", settings.get("data")),
        *settings.get("versions", {}).items(),
        *options,
    ]
    path = folder / "report.html"
    text = page(
        prepared.title,
        counts=results.count(),
        uncertified=uncertified(results),
        claims=statements,
        quality=prepared.quality,
        agreement=agreement,
        anova=effects,
        clips=clip_rows(by_set),
        populations=populations_rows(prepared.val),
        results=main,
        relations=shared,
        figures=drawn,
        notes=prepared.notes,
        settings=facts,
    )
    write_whole(path, text)
    return path
