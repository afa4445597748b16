"""Tables 3 and 4, what is behind them clip by clip, and the analysis of variance, for the report."""

from __future__ import annotations

import pandas as pd

from affect.agreement import NotComparable, agreement, anova, between, summary
from affect.annotations import Annotations
from affect.tables import Table, agreement_table

__all__ = ["anova_rows", "clip_rows", "concordance_tables", "measured", "populations_rows"]

NUMBERS = {"arousal": 3, "valence": 4}
NAMES = {("Val", "expert"): "Val experts", ("Val", "crowd"): "Val crowd", ("Eval", "crowd"): "Eval crowd"}
PERMUTATIONS = 199  # the least p-value is 0.005
MEASURES = {
    "W": ("", "Kendall's W"),
    "mean_rank_correlation": ("-r", "mean rank correlation of two raters, (m W - 1) / (m - 1)"),
    "pearson": ("-pearson", "mean Pearson correlation of two raters"),
}


def measured(val: Annotations, evaluation: Annotations | None) -> dict[str, pd.DataFrame]:
    """Agreement clip by clip, of Val and Eval."""
    sets = {"Val": val} | ({} if evaluation is None else {"Eval": evaluation})
    return {name: agreement(held, permutations=PERMUTATIONS) for name, held in sets.items()}


def clip_rows(by_set: dict[str, pd.DataFrame]) -> list[tuple[str, ...]]:
    """What Tables 3 and 4 are means of: rows of text, one a population, dimension and (whole) clip."""
    return [
        (
            f"{NAMES[name, row.population]}: {row.clip}",
            row.dimension,
            *(_number(value) for value in (row.W, row.mean_rank_correlation, row.pearson)),
            f"{row.raters}",
            f"{row.seconds} of {row.of_seconds}",
            *(_number(p, ".2g") for p in (row.rotation_p, row.chi2_p)),
            row.excluded,
        )
        for name, table in by_set.items()
        for row in table[table["part"] == "full"].itertuples()
    ]


def populations_rows(val: Annotations) -> list[tuple[str, ...]]:
    """Pearson correlations of crowd with experts, as rows of text, one a dimension: means over clips."""
    table = between(val)
    return [
        (str(dimension), *(_number(of[name].mean()) for name in ("pairs", "medians")), str(len(of)))
        for dimension, of in table.groupby("dimension")
    ]


def _number(value: float, form: str = ".2f") -> str:
    return "–" if pd.isna(value) else f"{value:{form}}"


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
    """Effects on W of population, half and attribute in the Val set, as rows of text, or why none are."""
    rows = []
    table = by_set["Val"]
    for dimension in NUMBERS:
        if not (table["dimension"] == dimension).any():
            continue
        try:
            effects = anova(table, dimension)
        except NotComparable as error:  # one population, or clips without quadrants
            rows.append((f"{dimension}: no ANOVA", "–", "–", f"{error}"))
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
