"""What `fit` accepts, read once into rows: design, targets, weights and task of every row."""

from __future__ import annotations

import hashlib
import numbers
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils import check_array

__all__ = ["Array", "Data", "Rows", "read_data", "read_labels", "task_positions"]

Array = NDArray[np.float64]


def is_sparse(X: Any) -> bool:
    return bool(sp.issparse(X))


@dataclass(frozen=True)
class Rows:
    """Observed rows: crowd or expert.

    Shared design (``task is None``): ``y`` and ``u`` are N x T. One design per task: ``y``, ``u``
    and ``task`` (positions in ``tasks_``) have length N. ``y`` is 0 wherever ``u`` is 0.
    """

    X: Any
    y: Array
    u: Array
    task: NDArray[np.intp] | None
    n_tasks: int

    @property
    def n_features(self) -> int:
        return int(self.X.shape[1])

    def fitted(self, W: Array) -> Array:
        """Return the fitted values X W, of the shape of y, without intercept."""
        if self.task is None:
            return np.asarray(self.X @ W)
        if is_sparse(self.X):
            return np.asarray(self.X.multiply(W.T[self.task]).sum(axis=1)).ravel()
        return np.asarray((self.X * W.T[self.task]).sum(axis=1))

    def spread(self, c: Array) -> Array:
        """Return per-task numbers c as an array that broadcasts against y."""
        return c if self.task is None else c[self.task]

    def totals(self, values: Array) -> Array:
        """Sum values, of the shape of y, over the rows of each task."""
        if self.task is None:
            return np.asarray(values.sum(axis=0))
        sums = np.bincount(self.task, weights=values, minlength=self.n_tasks)
        return np.asarray(sums, dtype=np.float64)

    def digest(self, into: Any) -> None:
        """Feed every byte that matters into a hash."""
        if is_sparse(self.X):
            parts: list[Any] = [self.X.data, self.X.indices, self.X.indptr]
        else:
            parts = [self.X]
        for part in (*parts, self.y, self.u, self.task):
            if part is None:
                into.update(b"none;")
            else:
                into.update(f"{part.dtype}{part.shape};".encode())
                into.update(np.ascontiguousarray(part).tobytes())


@dataclass(frozen=True)
class Data:
    """Everything that `fit` was given, validated."""

    crowd: Rows
    expert: Rows | None
    labels: NDArray[Any]
    flat: bool  # a 1-D y without tasks: one task, answers without a task axis

    @property
    def n_tasks(self) -> int:
        return len(self.labels)

    @property
    def n_features(self) -> int:
        return self.crowd.n_features

    @property
    def per_task(self) -> bool:
        return self.crowd.task is not None

    def fingerprint(self) -> bytes:
        """Return a hash of all arrays: a changed array never has the fingerprint of the old one."""
        digest = hashlib.blake2b(digest_size=32)
        digest.update(f"{self.n_tasks},{self.flat},{self.expert is None};".encode())
        self.crowd.digest(digest)
        if self.expert is not None:
            self.expert.digest(digest)
        return digest.digest()


# ----------------------------------------------------------------------------------------------


def read_data(
    X: Any,
    y: Any,
    *,
    tasks: Any = None,
    sample_weight: Any = None,
    X_expert: Any = None,
    y_expert: Any = None,
    tasks_expert: Any = None,
    sample_weight_expert: Any = None,
    expert: Any = None,
    task_labels: Any = None,
) -> Data:
    """Validate the arguments of `fit`, in every form, without changing any of them."""
    if y is None:
        raise ValueError(
            "This estimator requires y to be passed, but the target y is None; y: expected an array"
        )
    X = _read_X(X, "X")
    y = _read_y(y, "y", len_X=X.shape[0], name_X="X")
    universe = None if task_labels is None else _read_universe(task_labels)
    flat = y.ndim == 1 and tasks is None
    if tasks is not None and y.ndim == 2:
        raise ValueError(
            "tasks: only for a 1-D y with one design per task; got a 2-D y, whose columns already "
            "are the tasks"
        )
    labels_of_rows = None
    if tasks is None:
        labels = _column_labels(universe, 1 if flat else y.shape[1])
    else:
        labels_of_rows = read_labels(tasks, "tasks", X.shape[0])
        labels = np.unique(labels_of_rows) if universe is None else universe

    if expert is not None:
        for name, value in (
            ("X_expert", X_expert),
            ("y_expert", y_expert),
            ("tasks_expert", tasks_expert),
            ("sample_weight_expert", sample_weight_expert),
        ):
            if value is not None:
                raise ValueError(
                    f"expert: the mask says which rows of X and y are the experts', so {name} must "
                    "not be given as well"
                )
    everything = _rows(X, y, sample_weight, labels_of_rows, labels, "y", "sample_weight", "tasks")
    if expert is not None:
        mask = _read_mask(expert, X.shape[0])
        return _weighing(Data(_take(everything, ~mask), _take(everything, mask), labels, flat))
    if X_expert is None:
        for name, value in (
            ("y_expert", y_expert),
            ("tasks_expert", tasks_expert),
            ("sample_weight_expert", sample_weight_expert),
        ):
            if value is not None:
                raise ValueError(f"{name}: given without X_expert; expected both or neither")
        return _weighing(Data(everything, None, labels, flat))

    if y_expert is None:
        raise ValueError("y_expert: X_expert was given without it; expected both or neither")
    P = _read_X(X_expert, "X_expert")
    if P.shape[1] != X.shape[1]:
        raise ValueError(f"X_expert: expected {X.shape[1]} features, as in X; got {P.shape[1]} features")
    v = _read_y(y_expert, "y_expert", len_X=P.shape[0], name_X="X_expert")
    if v.ndim != y.ndim or (v.ndim == 2 and v.shape[1] != y.shape[1]):
        expected = "a 1-D array" if y.ndim == 1 else f"a 2-D array of {y.shape[1]} columns"
        raise ValueError(f"y_expert: expected {expected}, as y; got shape {v.shape}")
    labels_of_experts = None
    if tasks is None and tasks_expert is not None:
        raise ValueError("tasks_expert: given without tasks; expected both or neither")
    if tasks is not None:
        if tasks_expert is None:
            raise ValueError("tasks_expert: missing; with tasks every expert row needs its task label too")
        labels_of_experts = read_labels(tasks_expert, "tasks_expert", P.shape[0])
    experts = _rows(
        P,
        v,
        sample_weight_expert,
        labels_of_experts,
        labels,
        "y_expert",
        "sample_weight_expert",
        "tasks_expert",
    )
    return _weighing(Data(everything, experts, labels, flat))


def task_positions(labels_of_rows: NDArray[Any], labels: NDArray[Any], name: str) -> NDArray[Any]:
    """Return the position of every label in the sorted labels."""
    if labels_of_rows.dtype.kind != labels.dtype.kind:
        raise TypeError(
            f"{name}: expected labels of the same kind as {labels.tolist()!r}; "
            f"got {labels_of_rows[:1].tolist()!r}"
        )
    position = np.minimum(np.searchsorted(labels, labels_of_rows), len(labels) - 1)
    unknown = labels[position] != labels_of_rows
    if unknown.any():
        raise ValueError(
            f"{name}: unknown task {labels_of_rows[unknown][0]!r}; the known tasks are {labels.tolist()!r}"
        )
    return np.asarray(position, dtype=np.intp)


# ----------------------------------------------------------------------------------------------


def _read_X(X: Any, name: str) -> Any:
    checked = check_array(X, accept_sparse="csr", dtype=np.float64, input_name=name)
    if is_sparse(checked):
        checked = sp.csr_array(checked)
        if not checked.has_canonical_format:
            checked = checked.copy()
            checked.sum_duplicates()
    return checked


def _read_y(y: Any, name: str, *, len_X: int, name_X: str) -> Array:
    checked = check_array(
        y, ensure_2d=False, dtype=np.float64, ensure_all_finite="allow-nan", input_name=name
    )
    if checked.ndim not in (1, 2) or checked.shape[-1] == 0:
        raise ValueError(f"{name}: expected a 1-D or 2-D array; got shape {checked.shape}")
    if len(checked) != len_X:
        raise ValueError(
            f"{name}: found input variables with inconsistent numbers of samples; expected "
            f"{len_X} rows, as {name_X}; got {len(checked)}"
        )
    return np.asarray(checked)


def read_labels(labels: Any, name: str, n_rows: int | None) -> NDArray[Any]:
    """Return labels as an int64 or str array; anything else is a TypeError."""
    given = np.asarray(labels, dtype=object) if not isinstance(labels, np.ndarray) else labels
    if given.ndim != 1:
        raise ValueError(f"{name}: expected a 1-D sequence of labels; got shape {given.shape}")
    if n_rows is not None and len(given) != n_rows:
        raise ValueError(f"{name}: expected one label per row, {n_rows}; got {len(given)}")
    if len(given) == 0:
        raise ValueError(f"{name}: expected at least one label; got none")
    if given.dtype.kind in "iu":
        return given.astype(np.int64)
    if given.dtype.kind == "U":
        return given
    items = given.tolist()
    if all(isinstance(a, numbers.Integral) and not isinstance(a, bool | np.bool_) for a in items):
        return np.array(items, dtype=np.int64)
    if all(isinstance(a, str) for a in items):
        return np.array(items, dtype=np.str_)
    odd = next((a for a in items if not isinstance(a, str | numbers.Integral)), items[0])
    raise TypeError(
        f"{name}: labels must be all integers or all strings, so that they can be sorted; "
        f"got {odd!r} ({type(odd).__name__}) among them"
    )


def _read_universe(task_labels: Any) -> NDArray[Any]:
    if isinstance(task_labels, str) or not np.iterable(task_labels):
        raise TypeError(
            f"task_labels: expected a sequence of labels or None; got {task_labels!r} "
            f"({type(task_labels).__name__})"
        )
    given = read_labels(
        task_labels if isinstance(task_labels, np.ndarray) else list(task_labels),
        "task_labels",
        None,
    )
    universe = np.unique(given)
    if len(universe) < len(given):
        raise ValueError(f"task_labels: expected distinct labels; got {given.tolist()!r}")
    universe.flags.writeable = False
    return universe if not np.array_equal(universe, given) else np.array(given)


def _column_labels(universe: NDArray[Any] | None, n_columns: int) -> NDArray[Any]:
    if universe is None:
        return np.arange(n_columns)
    if len(universe) != n_columns:
        raise ValueError(f"task_labels: expected one label per column of y, {n_columns}; got {len(universe)}")
    if not universe.flags.writeable:  # the mark that _read_universe had to sort
        raise ValueError(
            "task_labels: for a 2-D y the labels name its columns in order and must be sorted; they are not"
        )
    return universe


def _read_weights(weights: Any, name: str, shape: tuple[int, ...]) -> Array:
    if weights is None:
        return np.ones(shape)
    if isinstance(weights, numbers.Real) and not isinstance(weights, bool):
        checked = np.full(shape, float(weights))
    else:
        checked = check_array(
            weights, ensure_2d=False, dtype=np.float64, input_name=name, ensure_min_samples=0
        )
        if checked.shape == shape:
            checked = checked.copy()
        elif checked.shape == shape[:1]:
            checked = np.repeat(checked[:, None], shape[1], axis=1)
        else:
            expected = " or ".join(str(s) for s in dict.fromkeys((shape[:1], shape)))
            raise ValueError(f"{name}: expected shape {expected}; got {checked.shape}")
    if not np.isfinite(checked).all():
        raise ValueError(f"{name}: weights must be finite; got NaN or infinity")
    if (checked < 0).any():
        raise ValueError(f"{name}: weights must be >= 0; got {checked.min()}")
    return np.asarray(checked)


def _read_mask(expert: Any, n_rows: int) -> NDArray[np.bool_]:
    mask = np.asarray(expert)
    if mask.dtype == object and all(isinstance(a, bool | np.bool_) for a in mask.ravel()):
        mask = mask.astype(bool)
    if mask.dtype != bool:
        raise TypeError(f"expert: expected a boolean mask; got dtype {mask.dtype}")
    if mask.shape != (n_rows,):
        raise ValueError(f"expert: expected shape ({n_rows},), one per row; got {mask.shape}")
    if mask.all():
        raise ValueError("expert: every row is marked; expected at least one crowd row")
    return mask


def _rows(
    X: Any,
    y: Array,
    weights: Any,
    labels_of_rows: NDArray[Any] | None,
    labels: NDArray[Any],
    name_y: str,
    name_weights: str,
    name_tasks: str,
) -> Rows:
    task = None
    u = _read_weights(weights, name_weights, y.shape)
    if labels_of_rows is not None:
        task = task_positions(labels_of_rows, labels, name_tasks)
    elif y.ndim == 1:
        y, u = y[:, None], u[:, None]
    missing = np.isnan(y)
    if (missing & (u > 0)).any():
        raise ValueError(
            f"Input {name_y} contains NaN where its weight is positive; a missing rating must have "
            f"weight exactly 0 in {name_weights}"
        )
    return Rows(X, np.where(u > 0, y, 0.0), u, task, len(labels))


def _weighing(data: Data) -> Data:
    blocks = [rows for rows in (data.crowd, data.expert) if rows is not None]
    if not any(rows.u.any() for rows in blocks):
        raise ValueError("sample_weight: all weights are zero; expected at least one positive weight")
    return data


def _take(rows: Rows, mask: NDArray[np.bool_]) -> Rows | Any:
    if not mask.any():
        return None
    task = None if rows.task is None else rows.task[mask]
    return replace(rows, X=rows.X[mask], y=rows.y[mask], u=rows.u[mask], task=task)
