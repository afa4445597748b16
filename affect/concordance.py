"""Tables 3 and 4, and the analysis of variance beside them, for the report."""

from __future__ import annotations

import pandas as pd

from affect.agreement import agreement, anova, summary
from affect.annotations import Annotations
from affect.tables import Table, agreement_table

__all__ = ["anova_rows", "concordance_tables", "measured"]

NUMBERS = {"arousal": 3, "valence": 4}
NAMES = {("Val", "expert"): "Val experts", ("Val", "crowd"): "Val crowd", ("Eval", "crowd"): "Eval crowd"}
MEASURES = {
    "W": ("", "Kendall's W"),
    "mean_rank_correlation": ("-r", "mean rank correlation of two raters, (m W - 1) / (m - 1)"),
}


def measured(val: Annotations, evaluation: Annotations | None) -> dict[str, pd.DataFrame]:
    """Agreement clip by clip, of Val and Eval."""
    sets = {"Val": val} | ({} if evaluation is None else {"Eval": evaluation})
    return {name: agreement(annotations) for name, annotations in sets.items()}


def concordance_tables(by_set: dict[str, pd.DataFrame]) -> list[Table]:
    """Tables 3 (arousal) and 4 (valence) of W, and beside them of the mean rank correlation.

    Parameters
    ----------
    by_set : dict of str to DataFrame
        From `measured`.
    """
    tables = []
    for measure, (suffix, words) in MEASURES.items():
        parts = [
            summary(table, measure).assign(
                population=lambda rows, name=name: [NAMES[name, p] for p in rows["population"]]
            )
            for name, table in by_set.items()
        ]
        whole = pd.concat(parts, ignore_index=True).rename(columns={"level": "group"})
        for dimension, number in NUMBERS.items():
            mine = whole[whole["dimension"] == dimension]
            if len(mine):
                caption = f"Table {number}. {words[0].upper()}{words[1:]}, {dimension}: mean ± sd over clips"
                tables.append(agreement_table(f"table{number}{suffix}", caption, mine))
    return tables


def anova_rows(by_set: dict[str, pd.DataFrame]) -> list[tuple[str, str, str, str]]:
    """Effects on W of population, half and attribute, as rows of text; none without levels to compare."""
    rows = []
    table = by_set["Val"]
    for dimension in NUMBERS:
        if not (table["dimension"] == dimension).any():
            continue
        try:
            effects = anova(table, dimension)
        except ValueError:  # one population, or clips without quadrants
            continue
        residual = int(effects.loc["Residual", "df"])
        for name, effect in effects.drop(index="Residual").iterrows():
            rows.append(
                (
                    f"{dimension}: {name}",
                    f"{effect['F']:.2f}",
                    f"{effect['df']:.0f}, {residual}",
                    f"{effect['PR(>F)']:.2g}",
                )
            )
    return rows
