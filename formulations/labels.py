"""The labels of a binary classification, read into signs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from formulations.data import Array

__all__ = ["read_signs"]


def read_signs(y: Any, sample_weight: Any, classes: NDArray[Any] | None = None) -> tuple[Any, NDArray[Any]]:
    """Return y as signs, +1 for the second class, and the two sorted classes, common to all tasks.

    Where the weight is 0 any label will do, and becomes NaN. With given classes there are no others.

    Raises
    ------
    ValueError
        If the labels of positive weight are not of two classes.
    """
    if y is None:
        return None, np.array([])  # for `read_data` to refuse
    dtype = None if isinstance(y, np.ndarray) and y.dtype.kind != "O" else object
    given = np.asarray(
        check_array(
            y, ensure_2d=False, dtype=dtype, ensure_all_finite=False, input_name="y", ensure_min_samples=0
        )
    )
    weight = np.asarray(1.0 if sample_weight is None else sample_weight, dtype=object)
    if given.ndim == 2 and weight.ndim == 1 and len(weight) == len(given):
        weight = weight[:, None]
    try:
        seen = np.broadcast_to(weight != 0, given.shape)
    except ValueError:  # for `read_data` to refuse
        seen = np.ones(given.shape, dtype=bool)
    labels = np.array(given[seen].tolist()) if given.dtype.kind == "O" else given[seen]
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError(
            "Input y contains NaN or infinity where its weight is positive; a missing label must have weight "
            "exactly 0 in sample_weight"
        )
    if not labels.size:
        return np.full(given.shape, np.nan), labels  # for `read_data` to refuse
    if classes is None:
        check_classification_targets(labels)
        classes = np.unique(labels)
        if len(classes) > 2:
            raise ValueError(
                "Only binary classification is supported. The type of the target is "
                f"{type_of_target(labels)}. y: expected labels of two classes; got {len(classes)}"
            )
        if len(classes) < 2:
            raise ValueError(
                f"y: expected labels of two classes; got {len(classes)} class where weights are positive"
            )
    elif not np.isin(labels, classes).all():
        odd = labels[~np.isin(labels, classes)][0]
        raise ValueError(f"y: expected the classes {classes.tolist()}; got {odd!r}")
    signs: Array = np.where(seen, np.where(given == classes[1], 1.0, -1.0), np.nan)
    return signs, classes
