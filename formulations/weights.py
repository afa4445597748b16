"""Penalty weights: read and validated in one place."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np

__all__ = ["read_weights"]


def read_weights(given: dict[str, Any], name: str, n_tasks: int) -> dict[str, Any]:
    """Return the weights as floats (STLasso's alpha as one float per task)."""
    return {
        weight: _per_task(value, n_tasks) if name == "STLasso" else _number(value, weight)
        for weight, value in given.items()
    }


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: expected a real number >= 0; got {value!r}")
    number = float(value)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{name}: expected a finite number >= 0; got {value!r}")
    return number


def _per_task(value: Any, n_tasks: int) -> Any:
    if isinstance(value, numbers.Real):
        return np.full(n_tasks, _number(value, "alpha"))
    if isinstance(value, str) or not np.iterable(value):
        raise TypeError(f"alpha: expected a number or one number per task; got {value!r}")
    entries = np.array([_number(entry, "alpha") for entry in value], dtype=np.float64)
    if entries.shape != (n_tasks,):
        raise ValueError(f"alpha: expected one number per task, {n_tasks}; got {len(entries)}")
    return entries
