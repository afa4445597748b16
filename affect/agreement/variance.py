"""Analysis of variance of agreement, by statsmodels."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from affect.agreement.clips import PARTS, levels
from affect.extra import required

__all__ = ["NotComparable", "anova", "factorial"]


class NotComparable(ValueError):
    """There is nothing to compare: one level of a factor only, or no more values than cells."""


def anova(table: pd.DataFrame, dimension: str, value: str = "W", typ: Literal[1, 2, 3] = 2) -> pd.DataFrame:
    """Three-way ANOVA: population x half of the clip x level of the attribute (HA and LA, or HV and LV).

    Parameters
    ----------
    table : DataFrame
        From `agreement`, of clips whose quadrants are known. What has no value does not enter.
    dimension : {"arousal", "valence"}
    value : str, default "W"
    typ : {1, 2, 3}, default 2
        Of sums of squares; all are the same where every cell has as many clips.

    Returns
    -------
    DataFrame
        One row an effect, and "Residual": ``sum_sq, df, F, PR(>F)`` as of statsmodels, and
        ``partial_eta_sq``.

    Notes
    -----
    As in the paper, all values count as independent, though the same clips are rated by both populations and
    in both halves.
    """
    if dimension not in ("arousal", "valence"):
        raise ValueError(f"dimension: found {dimension!r}; expected 'arousal' or 'valence'")
    halves = table[(table["dimension"] == dimension) & table["part"].isin(PARTS[1:])]
    data = pd.DataFrame(
        {
            "value": halves[value],
            "population": halves["population"],
            "half": halves["part"],
            "level": levels(halves),
        }
    ).dropna()
    data = data[data["level"] != ""]
    return factorial(data, "value", ["population", "half", "level"], typ)


def factorial(data: pd.DataFrame, value: str, factors: list[str], typ: Literal[1, 2, 3] = 2) -> pd.DataFrame:
    """ANOVA of a full factorial design by statsmodels, with contrasts that sum to 0.

    Raises
    ------
    NotComparable
        A factor has one level only, or there are no more values than cells.
    """
    for name in factors:
        if data[name].nunique() < 2:
            found = ", ".join(map(repr, data[name].unique())) or "nothing"
            raise NotComparable(f"{name}: found {found}; expected at least two levels to compare")
    cells = data.groupby(factors).size()
    if len(cells) < np.prod([data[name].nunique() for name in factors]) or len(data) <= len(cells):
        raise NotComparable(
            f"data: found {len(data)} values in {len(cells)} cells of {' x '.join(factors)}; "
            "expected values in every cell and more than one in some"
        )
    formula_api, anova_lm = required("statsmodels.formula.api"), required("statsmodels.stats.anova").anova_lm
    # Names of ours, so that no column's name is read as a formula.
    renamed = pd.DataFrame({f"x{k}": data[name].astype(str) for k, name in enumerate(factors)})
    terms = " * ".join(f"C(x{k}, Sum)" for k in range(len(factors)))
    fit = formula_api.ols(f"y ~ {terms}", data=renamed.assign(y=data[value].astype(float))).fit()
    result: Any = anova_lm(fit, typ=typ)
    result = result.drop(index="Intercept", errors="ignore")
    for k, name in enumerate(factors):
        result.index = [effect.replace(f"C(x{k}, Sum)", name).replace(":", " x ") for effect in result.index]
    residual = result.loc["Residual", "sum_sq"]
    effects = result["sum_sq"].where(result.index != "Residual")
    return result.assign(partial_eta_sq=effects / (effects + residual))[
        ["sum_sq", "df", "F", "PR(>F)", "partial_eta_sq"]
    ]
