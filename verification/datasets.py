"""Problems to verify on: the real sets that scikit-learn ships, and files of the user's own."""

from __future__ import annotations

import contextlib
import csv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets as sklearn_datasets

__all__ = ["DataSet", "random_sets", "read_csv", "read_npz", "real_sets"]

Floats = NDArray[np.float64]
KEYS = ("X", "y", "tasks", "sample_weight", "X_expert", "y_expert", "tasks_expert", "edges")


@dataclass(frozen=True)
class DataSet:
    """Arguments of ``fit`` by name; experts and edges are used by the objectives that take them."""

    name: str
    data: dict[str, Any]
    edges: list[tuple[int, int, float]] | None = None

    @property
    def design(self) -> str:
        return "per-task" if "tasks" in self.data else "shared"

    def arguments(self, objective: str) -> dict[str, Any]:
        """The arguments of ``fit`` that an objective takes."""
        if objective == "EGMTL":
            return dict(self.data)
        return {k: v for k, v in self.data.items() if "expert" not in k}


def real_sets() -> Iterator[DataSet]:
    """Real data with both designs; every fifth row stands in for an expert.

    - *linnerud* (20 x 3, shared): three exercises and three physiological targets of the same men.
    - *wine* (178 x 13, shared): indicator labels of three cultivars, as in Eq. (1).
    - *diabetes* (442 x 10, per task): disease progression, one task for each sex and age group.
    - *iris* (150 x 3, per task): petal width from the other measures, one task a species.
    """
    linnerud = sklearn_datasets.load_linnerud()
    yield _with_experts("linnerud", _standard(linnerud.data), _standard(linnerud.target))
    wine = sklearn_datasets.load_wine()
    yield _with_experts("wine", _standard(wine.data), np.eye(3)[wine.target])
    diabetes = sklearn_datasets.load_diabetes()
    age, sex = diabetes.data[:, 0], diabetes.data[:, 1]
    bands = np.digitize(age, np.quantile(age, [1 / 3, 2 / 3]))
    groups = np.array([f"{'FM'[int(s > 0)]}{b}" for s, b in zip(sex, bands, strict=True)])
    X = _standard(np.delete(diabetes.data, 1, axis=1))
    yield _with_experts("diabetes", X, _standard(diabetes.target), groups)
    iris = sklearn_datasets.load_iris()
    yield _with_experts("iris", _standard(iris.data[:, :3]), _standard(iris.data[:, 3]), iris.target)


def random_sets(count: int, seed: int) -> Iterator[DataSet]:
    """Crowd and expert problems of random sizes, ``count`` of each design.

    Tasks share some features and have some of their own; the crowd is noisy and of varying reliability, a
    few experts are not; every third problem has rank-deficient designs, every fourth an odd scale.
    """
    rng = np.random.default_rng(seed)
    for k in range(count):
        D, T = int(rng.integers(2, 13)), int(rng.integers(2, 7))
        W = rng.standard_normal((D, T)) * (rng.random((D, 1)) < 0.5)
        W += rng.standard_normal((D, T)) * (rng.random((D, T)) < 0.1)
        scale = 10.0 ** rng.integers(-3, 4) if k % 4 == 3 else 1.0

        def design(n: int, D: int = D, k: int = k) -> Floats:
            X = rng.standard_normal((n, D))
            if k % 3 == 2:
                X[:, -1] = X[:, 0]
            return X

        X, P = design(int(rng.integers(T, 50))), design(int(rng.integers(1, 8)))
        shared = {
            "X": X,
            "y": scale * (X @ W + rng.standard_normal((len(X), T))),
            "sample_weight": rng.uniform(0.1, 1.0, len(X)),
            "X_expert": P,
            "y_expert": scale * (P @ W + 0.1 * rng.standard_normal((len(P), T))),
        }
        yield DataSet(f"random {k}", shared)
        tasks = rng.permutation(np.arange(len(X)) % T)
        tasks_expert = rng.integers(0, T, len(P))
        yield DataSet(
            f"random {k}",
            {
                **shared,
                "y": shared["y"][np.arange(len(X)), tasks],
                "tasks": tasks,
                "y_expert": shared["y_expert"][np.arange(len(P)), tasks_expert],
                "tasks_expert": tasks_expert,
            },
        )


def _with_experts(name: str, X: Floats, y: Floats, tasks: NDArray[Any] | None = None) -> DataSet:
    expert = np.arange(len(X)) % 5 == 0
    data: dict[str, Any] = {"X": X[~expert], "y": y[~expert], "X_expert": X[expert], "y_expert": y[expert]}
    if tasks is not None:
        data.update(tasks=tasks[~expert], tasks_expert=tasks[expert])
    return DataSet(name, data)


def _standard(values: Floats) -> Floats:
    return np.asarray((values - values.mean(axis=0)) / values.std(axis=0))


def read_npz(path: Path) -> DataSet:
    """An npz file with X, y and optionally tasks, sample_weight, X_expert, y_expert, tasks_expert, edges."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (AttributeError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: found no npz file of plain arrays ({error})") from None
    unknown = sorted(set(arrays) - set(KEYS))
    missing = sorted({"X", "y"} - set(arrays))
    if unknown or missing:
        raise ValueError(
            f"{path}: found the arrays {sorted(arrays)}; expected X and y, "
            f"and optionally {', '.join(KEYS[2:])}"
        )
    edges = None
    if "edges" in arrays:
        rows = arrays.pop("edges")
        if rows.ndim != 2 or rows.shape[1] not in (2, 3):
            raise ValueError(f"{path}: found edges of shape {rows.shape}; expected (edges, 2) or (edges, 3)")
        edges = [(int(e[0]), int(e[1]), float(e[2]) if len(e) == 3 else 1.0) for e in rows]
    return DataSet(path.stem, arrays, edges)


def read_csv(path: Path, target: list[str], task: str | None) -> DataSet:
    """A CSV file with a header: target columns, optionally a column of task labels, the rest features.

    An empty cell in a target column is a missing rating.
    """
    try:
        with path.open(newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            rows: dict[int, list[str]] = {}
            for row in reader:
                if row:
                    rows[reader.line_num] = row
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: found no CSV text ({error})") from None
    wanted = [*target, *([task] if task else [])]
    if len(set(header)) < len(header):
        raise ValueError(f"{path}: found the header {header}; expected distinct names")
    if unknown := [name for name in wanted if name not in header]:
        raise ValueError(f"{path}: found no column {unknown}; expected among {header}")
    if task and len(target) != 1:
        raise ValueError(f"--target: found {len(target)} columns besides --task; expected one")
    if not rows:
        raise ValueError(f"{path}: found no rows below the header")
    for line, row in rows.items():
        if len(row) != len(header):
            raise ValueError(
                f"{path}, line {line}: found {len(row)} cells; expected {len(header)}, as in the header"
            )
    features = [name for name in header if name not in wanted]
    if not features:
        raise ValueError(f"{path}: found no columns besides {wanted}; expected features")
    table = {name: dict(zip(rows, column, strict=True)) for name, column in _columns(header, rows)}
    X = np.array([_numbers(path, name, table[name]) for name in features]).T
    Y = np.array([_numbers(path, name, table[name], empty=np.nan) for name in target]).T
    data: dict[str, Any] = {"X": X, "y": Y if task is None else Y[:, 0]}
    if np.isnan(Y).any():
        data["sample_weight"] = np.where(np.isnan(data["y"]), 0.0, 1.0)
    if task:
        labels = np.array(list(table[task].values()))
        with contextlib.suppress(ValueError):
            labels = labels.astype(np.int64)
        data["tasks"] = labels
    return DataSet(path.stem, data)


def _columns(header: list[str], rows: dict[int, list[str]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    return zip(header, zip(*rows.values(), strict=True), strict=True)


def _numbers(path: Path, name: str, column: dict[int, str], empty: float | None = None) -> list[float]:
    """The cells of a column, by their lines, as numbers; what an empty cell means, if it may be empty."""
    values = []
    for line, cell in column.items():
        if empty is not None and not cell.strip():
            values.append(empty)
            continue
        try:
            values.append(float(cell))
        except ValueError:
            raise ValueError(
                f"{path}, line {line}, column {name!r}: found {cell!r}, not a number; expected one "
                "(--task names a column of labels, --target the targets; all other columns are features)"
            ) from None
        if not np.isfinite(values[-1]):
            raise ValueError(
                f"{path}, line {line}, column {name!r}: found {cell!r}; expected a finite number"
                + ("" if empty is None else ", or an empty cell for a missing rating")
            )
    return values
