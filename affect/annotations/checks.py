"""Checks of one column each, which say where and what."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = [
    "Source",
    "check_numbers",
    "check_once",
    "check_one_of",
    "check_text",
    "columns_of",
    "first_of",
    "natural",
]


@dataclass(frozen=True)
class Source:
    """Where a table is from, for messages: its name and what its index counts."""

    name: str
    unit: str = "row"

    def refuse(self, row: object, column: str, found: object, expected: str) -> ValueError:
        return ValueError(
            f"{self.name}, {self.unit} {row}, column {column!r}: found {found}; expected {expected}"
        )


def shown(value: object) -> str:
    """A cell as Python writes it, not NumPy."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def columns_of(table: Any, wanted: tuple[str, ...], source: Source) -> pd.DataFrame:
    """A copy of the columns that are wanted."""
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"{source.name}: found {type(table).__name__}; expected a DataFrame")
    for column in wanted:
        if column not in table:
            alike = [other for other in table.columns if str(other).strip().lower() == column]
            raise ValueError(
                f"{source.name}: found no column {column!r} among {list(table.columns)}; "
                f"expected {', '.join(wanted)}" + (f" ({column!r} for {alike[0]!r})" if alike else "")
            )
    return table[list(wanted)].copy()


def natural(column: pd.Series) -> pd.Series:
    """Numbers where all that is there is a number, as of a file; else as it is."""
    blank = column.isna() | (column.astype(object).astype(str).str.strip() == "")
    numbers = pd.to_numeric(column.where(~blank), errors="coerce")
    return numbers if (numbers.isna() == blank).all() and not blank.all() else column


def first_of(wrong: Any) -> int | None:
    """Position of the first True, or None."""
    wrong = np.asarray(wrong, dtype=bool)
    return int(wrong.argmax()) if wrong.any() else None


def check_text(table: pd.DataFrame, column: str, source: Source) -> None:
    """Names, stripped, as str; none may be blank."""
    # Few names stand in many rows.
    codes, names = pd.factorize(table[column].astype(object), use_na_sentinel=False)
    stripped = np.array(["" if pd.isna(name) else str(name).strip() for name in names], dtype=object)
    k = first_of((stripped == "")[codes])
    if k is not None:
        raise source.refuse(table.index[k], column, shown(table[column].iloc[k]), "a name")
    table[column] = pd.Series(stripped[codes], index=table.index, dtype=str)


def check_one_of(table: pd.DataFrame, column: str, known: tuple[str, ...], source: Source) -> None:
    """One of a few words."""
    k = first_of(~table[column].isin(known))
    if k is not None:
        expected = " or ".join(repr(name) for name in known)
        raise source.refuse(table.index[k], column, shown(table[column].iloc[k]), expected)
    table[column] = table[column].astype(str)


def check_numbers(
    table: pd.DataFrame,
    column: str,
    source: Source,
    expected: str,
    allowed: Callable[[NDArray[np.float64]], NDArray[np.bool_]] = np.isfinite,
) -> None:
    """Finite numbers that are allowed; text of files becomes numbers."""
    # A flag or a date is no rating, though pandas would make a number of it.
    kind = getattr(table[column].dtype, "kind", "O")
    numbers = (
        pd.to_numeric(table[column], errors="coerce")
        if kind in "iufO"
        else table[column].map(lambda _: math.nan)
    )
    numbers = numbers.to_numpy(dtype=float, na_value=math.nan)
    k = first_of(~(np.isfinite(numbers) & allowed(numbers)))
    if k is not None:
        found = table[column].iloc[k]
        if isinstance(found, str) and re.fullmatch(r"\s*[-+]?\d+,\d+\s*", found):
            expected += " (with a decimal point)"
        raise source.refuse(table.index[k], column, shown(found), expected)
    table[column] = numbers


def check_once(table: pd.DataFrame, key: list[str], column: str, source: Source, expected: str) -> None:
    """A key is there once."""
    k = first_of(table.duplicated(key))
    if k is not None:
        row = table.iloc[k]
        found = ", ".join(shown(row[name]) for name in key) + " a second time"
        raise source.refuse(table.index[k], column, found, expected)
