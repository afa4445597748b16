"""From what a caller passes to `fit` to validated blocks of rows.

Everything is checked before any work is done; an error names the argument, what was found and what was
expected. Nothing that the caller passes is changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.validation import check_array

from fista.rows import Rows, SharedRows, TaskRows

__all__ = ["Population", "numeric_targets", "read_population", "sorted_labels", "task_positions"]

Floats = NDArray[np.float64]
SMALLEST = 1e-140  # squares of less lose digits, and those below 1e-162 are zero


@dataclass(frozen=True)
class Population:
    """Rows of one origin (crowd or expert), validated: weight 0 where a rating is missing, y 0 there."""

    X: Any  # N x D, dense or CSR, float64
    y: Floats  # (N,) per task, or N x T shared
    weight: Floats  # (N,) or N x T
    task: NDArray[np.intp] | None  # positions in tasks_, or None for a shared design

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Population:
        """Some of the rows, by their positions or where a mask is true; consecutive ones without copies."""
        at = consecutive(rows)
        task = None if self.task is None else self.task[at]
        return Population(self.X[at], self.y[at], self.weight[at], task)

    def medians(self, n_tasks: int) -> Floats:
        """The median of the targets that have a weight, a task; 0 where there are none."""
        y = self.y if self.y.ndim == 2 else self.y[:, None]
        rated = np.broadcast_to((self.weight if self.weight.ndim == 2 else self.weight[:, None]) > 0, y.shape)
        if self.task is None:
            columns = [y[seen, t] for t, seen in enumerate(rated.T)]
        else:
            columns = [y[rated[:, 0] & (self.task == t), 0] for t in range(n_tasks)]
        return np.array([np.median(column) if len(column) else 0.0 for column in columns])

    def rows(self, factor: float, n_tasks: int) -> Rows:
        """The rows with their weights times the factor of their term in the objective."""
        weight = factor * self.weight
        if self.task is not None:
            return TaskRows(self.X, self.y, weight, self.task, n_tasks)
        Y = self.y if self.y.ndim == 2 else self.y[:, None]
        return SharedRows(self.X, Y, weight if weight.ndim == 2 else weight[:, None])


def consecutive(rows: NDArray[np.bool_] | NDArray[np.intp]) -> NDArray[np.intp] | slice:
    """Rows that follow each other as a slice, which takes no copy of them; others by their positions."""
    positions = np.flatnonzero(rows) if rows.dtype == np.bool_ else np.asarray(rows, dtype=np.intp)
    if len(positions) == 0:
        return slice(0, 0)
    first = int(positions[0])
    alike = np.array_equal(positions, np.arange(first, first + len(positions)))
    return slice(first, first + len(positions)) if alike else positions


def numeric_targets(name: str, y: Any, n_rows: int, *, rows_of: str = "X") -> Floats:
    """Y as float64, 1-D or 2-D, with as many rows as the design; NaN is judged later, with the weights."""
    if y is None:
        raise ValueError(
            f"{name}: found None; expected targets (this estimator requires y to be passed, but the target "
            "y is None)"
        )
    if sp.issparse(y):
        raise TypeError(f"{name}: found a sparse matrix; expected a dense array of targets")
    values = _floats(name, y)
    if values.ndim not in (1, 2):
        raise ValueError(f"{name}: found {values.ndim} dimensions; expected 1 or 2")
    if values.ndim == 2 and values.shape[1] == 0:
        raise ValueError(f"{name}: found shape {values.shape}; expected at least one column (task)")
    if values.shape[0] != n_rows:
        raise ValueError(
            f"{name}: found {values.shape[0]} rows; expected {n_rows}, as many as {rows_of} "
            "(inconsistent numbers of samples)"
        )
    if np.isinf(values).any():
        raise ValueError(f"{name}: found infinity; expected finite values")
    return values


def read_population(
    X: Any,
    y: Floats,
    weight: Any,
    task: NDArray[np.intp] | None,
    *,
    y_name: str = "y",
    weight_name: str = "sample_weight",
) -> Population:
    """Join rows, targets and weights; a missing rating is NaN with weight 0."""
    weights = _row_weights(weight_name, weight, y, per_task=task is not None)
    missing = np.isnan(y)
    if missing.any():
        spread = weights if weights.shape == y.shape else np.broadcast_to(weights[:, None], y.shape)
        if np.any(missing & (spread != 0)):
            raise ValueError(
                f"{y_name}: found NaN where {weight_name} is not 0; expected numbers "
                "(a missing rating is NaN with weight 0)"
            )
        y = np.where(missing, 0.0, y)
    return Population(X, y, weights, task)


def canonical(X: Any) -> Any:
    """A sparse X without duplicate or unsorted entries, in a copy where the caller's has them."""
    if not isinstance(X, np.ndarray) and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def refuse_underflow(name: str, X: Any) -> None:
    """A column so small that its squares vanish would count as zero."""
    if isinstance(X, np.ndarray):  # without a copy
        sizes = np.maximum(-X.min(axis=0), X.max(axis=0))
    else:
        sizes = abs(X).max(axis=0).toarray().ravel()
    if np.any((sizes > 0) & (sizes < SMALLEST)):
        raise ValueError(
            f"{name}: found a column of values below {SMALLEST:g}, whose squares underflow; expected larger "
            "ones, rescale it"
        )


def _row_weights(name: str, weight: Any, y: Floats, *, per_task: bool) -> Floats:
    if weight is None:
        return np.ones(y.shape[0])
    if sp.issparse(weight):
        raise TypeError(f"{name}: found a sparse matrix; expected a dense array of weights")
    weights = _floats(name, weight)
    if weights.ndim == 0:
        weights = np.full(y.shape[0], weights)
    shapes = [(y.shape[0],)] if per_task or y.ndim == 1 else [(y.shape[0],), y.shape]
    if y.ndim == 2 and y.shape[1] == 1:
        shapes = [(y.shape[0],), y.shape]
    if weights.shape not in shapes:
        raise ValueError(
            f"{name}: found shape {weights.shape}; expected {' or '.join(map(str, shapes))} "
            "(sample weights are one a row, or one a rating for a shared design)"
        )
    if not np.all(np.isfinite(weights)):
        raise ValueError(f"{name}: found NaN or infinity; expected finite weights >= 0")
    if np.any(weights < 0):
        raise ValueError(f"{name}: found the negative weight {weights.min():g}; expected >= 0")
    return weights


def task_labels_of(name: str, tasks: Any, n_rows: int, rows_of: str = "X") -> NDArray[Any]:
    """One label a row: integers or strings, sortable among each other."""
    labels = np.asarray(tasks)
    if labels.ndim != 1:
        raise ValueError(f"{name}: found {labels.ndim} dimensions; expected one label a row, 1-D")
    if len(labels) != n_rows:
        raise ValueError(
            f"{name}: found {len(labels)} labels; expected {n_rows}, one for each row of {rows_of}"
        )
    return _plain_labels(name, tasks, labels)


def _plain_labels(name: str, given: Any, labels: NDArray[Any]) -> NDArray[Any]:
    """Integers or strings as a plain array; mixed, missing and other labels are refused."""
    # np.asarray turns [1, "a"] into strings: look at what was given.
    values = labels.tolist() if isinstance(given, np.ndarray) else list(given)
    types = set(map(type, values))
    wrong = {t for t in types if not issubclass(t, (str, int, np.integer)) or issubclass(t, bool)}
    if wrong:
        value = next(v for v in values if type(v) in wrong)
        raise TypeError(
            f"{name}: found the label {value!r} of type {type(value).__name__}; expected integers or strings"
        )
    kinds = {"str" if issubclass(t, str) else "int" for t in types}
    if len(kinds) > 1:
        raise TypeError(f"{name}: found integers and strings mixed; expected labels of one kind")
    try:
        return np.array(values, dtype=np.int64 if kinds == {"int"} else None)
    except OverflowError:
        raise ValueError(f"{name}: found {max(values)}; expected integers of 64 bits with a sign") from None


def sorted_labels(labels: Any, *, name: str = "task_labels") -> NDArray[Any]:
    """The sorted universe of tasks, as given in the constructor; duplicates are refused."""
    array = np.asarray(labels)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"{name}: found shape {array.shape}; expected a 1-D sequence of labels")
    array = _plain_labels(name, labels, array)
    unique = np.unique(array)
    if len(unique) != len(array):
        raise ValueError(f"{name}: found duplicates; expected distinct labels")
    return unique


def task_positions(name: str, labels: NDArray[Any], universe: NDArray[Any]) -> NDArray[np.intp]:
    """The position of every label in the sorted universe."""
    if (labels.dtype.kind == "U") != (universe.dtype.kind == "U"):
        raise TypeError(
            f"{name}: found labels of type {labels.dtype}; expected the type of tasks_, {universe.dtype}"
        )
    positions = np.searchsorted(universe, labels)
    known = universe[np.minimum(positions, len(universe) - 1)] == labels
    if not np.all(known):
        unknown = np.unique(labels[~known])
        raise ValueError(
            f"{name}: found the unknown task(s) {unknown[:5].tolist()}; expected labels among "
            f"{universe[:5].tolist()}{'...' if len(universe) > 5 else ''}"
        )
    return positions.astype(np.intp)


def expert_design(X: Any, n_features: int) -> Any:
    """X_expert as float64, dense or CSR, with the crowd's features."""
    try:
        design = check_array(X, accept_sparse="csr", dtype=np.float64, input_name="X_expert")
    except (TypeError, ValueError) as error:
        raise type(error)(f"X_expert: {error}; expected a finite N x {n_features} matrix") from None
    if design.shape[1] != n_features:
        raise ValueError(f"X_expert: found {design.shape[1]} features; expected {n_features}, as many as X")
    design = canonical(design)
    refuse_underflow("X_expert", design)
    return design


def boolean_mask(name: str, mask: Any, n_rows: int) -> NDArray[np.bool_]:
    """One boolean a row."""
    values = np.asarray(mask)
    if values.dtype == object and all(isinstance(v, (bool, np.bool_)) for v in values.ravel()):
        values = values.astype(np.bool_)  # a column of a frame
    if values.dtype != np.bool_:
        raise TypeError(f"{name}: found dtype {values.dtype}; expected booleans, True for an expert's row")
    if values.shape != (n_rows,):
        raise ValueError(f"{name}: found shape {values.shape}; expected ({n_rows},), one for each row of X")
    return values


def _floats(name: str, values: Any) -> Floats:
    try:
        if hasattr(getattr(values, "dtype", None), "na_value"):  # pandas' own kinds, whose <NA> NumPy has not
            values = values.to_numpy(dtype=np.float64, na_value=np.nan)
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: found what is no array of numbers ({error}); expected one") from None
    if array.dtype.kind == "c":
        raise ValueError(f"{name}: found complex numbers; expected real ones")
    if array.dtype.kind in "USmM":
        raise ValueError(f"{name}: found dtype {array.dtype}; expected numbers")
    try:
        return np.asarray(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: found values that are not numbers ({error}); expected numbers") from None
