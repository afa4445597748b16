"""Hypothesis strategies for multi-task problems: crowd and expert rows, task graphs, weights, and trouble.

Importable by others: draw from `cases` in a property test of your own, or from the parts it is made of.
Everything shrinks: matrices towards small integers and zeros, sizes towards one, settings towards defaults.
The ``repr`` of a `Case` is code that reproduces it.

    from hypothesis import given
    from verification.strategies import cases

    @given(cases("L21MTL", "shared"))
    def test_my_solver(case): ...
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp
from hypothesis import strategies as st
from numpy.typing import NDArray

import fista
from fista.graphs import Graph

__all__ = [
    "DESIGNS",
    "OBJECTIVES",
    "Case",
    "cases",
    "crowd_matrices",
    "designs",
    "expert_matrices",
    "factors",
    "indicator_labels",
    "literal",
    "sample_weights",
    "targets",
    "task_graphs",
    "task_rows",
]

Floats = NDArray[np.float64]
OBJECTIVES = ("STLasso", "MTLasso", "L21MTL", "DirtyMTL", "RobustMTL", "SRMTL", "EGMTL")
DESIGNS = ("shared", "per-task")

#: Which weights of an objective act as sparsity, as a ridge and along the graph.
SPARSITY = {
    "STLasso": ("alpha",),
    "MTLasso": ("alpha",),
    "L21MTL": ("alpha",),
    "DirtyMTL": ("rho1", "rho2"),
    "RobustMTL": ("rho1", "rho2"),
    "SRMTL": ("beta",),
    "EGMTL": ("lam3",),
}
RIDGE = {"MTLasso": "beta", "L21MTL": "beta", "SRMTL": "gamma"}
GRAPH = {"SRMTL": "alpha", "EGMTL": "lam2"}


WIDE = 70  # features, for as few rows as we draw: FISTA then applies the rows, and makes no Gram matrix
TINY, HUGE = 2.0**-20, 2.0**20  # 1e-6 and 1e6, but such that equal columns stay so to the last bit

#: Sparsity weights relative to lambda_max; above it W = 0, so most lie below.
LEVELS = (0.1, 0.3, 0.03, 0.01, 0.5, 0.003, 1e-3, 3e-4, 1e-4, 0.9, 1.0, 1.5, 10.0, 1e4)


@dataclass(frozen=True)
class Case:
    """One problem: the objective, its parameters, and the arguments of ``fit``."""

    objective: str
    parameters: dict[str, Any]
    data: dict[str, Any] = field(hash=False)

    @property
    def design(self) -> str:
        return "per-task" if self.data.get("tasks") is not None else "shared"

    def model(self, package: Any = fista, **settings: Any) -> Any:
        """The estimator of that name in a package (`fista` or `formulations`)."""
        return getattr(package, self.objective)(**{**self.parameters, **settings})

    def code(self) -> str:
        """Python that builds and verifies this case."""
        return self.posed("verify") + "print(verify(model, **data))"

    def posed(self, imported: str) -> str:
        """Python that builds the estimator ``model`` and the arguments of its ``fit``, ``data``."""
        arguments = ", ".join(f"{k}={literal(v)}" for k, v in self.parameters.items())
        data = ",\n    ".join(f"{k}={literal(v)}" for k, v in self.data.items())
        return (
            "import numpy as np\n"
            f"{'import scipy.sparse as sp' + chr(10) if any(map(sp.issparse, self.data.values())) else ''}"
            f"from fista import {self.objective}\n"
            f"from verification import {imported}\n"
            f"model = {self.objective}({arguments})\n"
            f"data = dict(\n    {data},\n)\n"
        )

    def __repr__(self) -> str:
        return "\n" + self.code() + "\n"


def literal(value: Any) -> str:
    """An expression that evaluates to the value, bit for bit."""
    if isinstance(value, sp.csr_array):
        return f"sp.csr_array({literal(value.toarray())})"
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f":
            return f"np.array({value.tolist()!r})".replace("nan", "np.nan")
        return (
            f"np.array({value.tolist()!r}, dtype={value.dtype.kind + str(value.dtype.itemsize)!r})"
            if (value.dtype.kind not in "bU")
            else f"np.array({value.tolist()!r})"
        )
    return repr(value.item() if isinstance(value, np.generic) else value)


def factors(low: int = -4, high: int = 4) -> st.SearchStrategy[float]:
    """Powers of ten, from 10**low to 10**high, tending to 1."""
    return st.integers(min(low, 0), max(high, 0)).filter(lambda e: low <= e <= high).map(lambda e: 10.0**e)


@st.composite
def _matrices(draw: st.DrawFn, n_rows: int, n_columns: int) -> Floats:
    """Small integers, where ties and zeros abound, or draws from a normal law, where nothing is special."""
    if draw(st.booleans()):
        seed = draw(st.integers(0, 2**16))
        return np.random.default_rng(seed).standard_normal((n_rows, n_columns)).round(3)
    size = n_rows * n_columns
    entries = draw(st.lists(st.integers(-3, 3), min_size=size, max_size=size))
    return np.array(entries, dtype=np.float64).reshape(n_rows, n_columns)


@st.composite
def designs(draw: st.DrawFn, n_rows: int, n_features: int) -> Floats:
    """Designs N x D, some with zero, constant, duplicate or badly scaled columns, or a rank of one."""
    X = draw(_matrices(n_rows, n_features))
    trouble = draw(
        st.sampled_from(["none", "none", "none", "zero", "constant", "duplicate", "scaled", "rank one"])
    )
    column = draw(st.integers(0, n_features - 1)) if trouble != "none" else 0
    if trouble == "zero":
        X[:, column] = 0.0
    elif trouble == "constant":
        X[:, column] = 1.0
    elif trouble == "duplicate":
        X[:, column] = X[:, 0]
    elif trouble == "scaled":
        X[:, column] *= draw(st.sampled_from([128.0, 1 / 128.0]))
    elif trouble == "rank one":
        X = np.outer(X[:, column], 2.0 ** np.arange(n_features))  # to the last bit
    return X


def crowd_matrices(max_rows: int = 8, max_features: int = 5) -> st.SearchStrategy[Floats]:
    """Designs of any size up to the given one."""
    sizes = st.tuples(st.integers(1, max_rows), st.integers(1, max_features))
    return sizes.flatmap(lambda s: designs(*s))


def expert_matrices(n_features: int, max_rows: int = 3) -> st.SearchStrategy[Floats]:
    """A few rows with the features of the crowd."""
    return st.integers(1, max_rows).flatmap(lambda n: designs(n, n_features))


@st.composite
def indicator_labels(draw: st.DrawFn, n_rows: int, n_tasks: int) -> Floats:
    """Label matrices of Eq. (1): a one for the task (and class) of the row, zeros elsewhere."""
    Y = np.zeros((n_rows, n_tasks))
    columns = draw(st.lists(st.integers(0, n_tasks - 1), min_size=n_rows, max_size=n_rows))
    Y[np.arange(n_rows), columns] = 1.0
    return Y


def targets(n_rows: int, n_tasks: int) -> st.SearchStrategy[Floats]:
    """Ratings, or indicator labels, N x T; all zero now and then."""
    return st.one_of(
        _matrices(n_rows, n_tasks), _matrices(n_rows, n_tasks), indicator_labels(n_rows, n_tasks)
    )


@st.composite
def task_rows(draw: st.DrawFn, n_rows: int, n_tasks: int) -> NDArray[np.intp]:
    """The task of each row, in any order; some tasks may have one row."""
    first = list(range(min(n_rows, n_tasks)))
    more = max(n_rows - n_tasks, 0)
    rest = draw(st.lists(st.integers(0, n_tasks - 1), min_size=more, max_size=more))
    return np.array(draw(st.permutations(first + rest)))


@st.composite
def sample_weights(draw: st.DrawFn, shape: tuple[int, ...]) -> Floats | None:
    """None, or weights of rows or single ratings: positive, some zero, of very different sizes."""
    kind = draw(st.sampled_from(["none", "none", "counts", "spread"]))
    if kind == "none":
        return None
    size = int(np.prod(shape))
    entry = st.integers(0, 3).map(float) if kind == "counts" else factors(-2, 2)
    weights = np.array(draw(st.lists(entry, min_size=size, max_size=size))).reshape(shape)
    return weights if weights.any() else None


@st.composite
def task_graphs(draw: st.DrawFn, n_tasks: int) -> Any:
    """Every accepted form of ``graph=``: names, edges with weights, adjacency; empty and disconnected too."""
    kind = draw(st.sampled_from(["complete", "chain", "edges", "adjacency"]))
    if kind in ("complete", "chain"):
        return kind
    if n_tasks == 1:
        return []
    pair = st.tuples(st.integers(0, n_tasks - 1), st.integers(0, n_tasks - 1)).filter(lambda e: e[0] != e[1])
    weight = st.sampled_from([1.0, 0.5, 2.0, 0.0])
    pairs = draw(st.lists(pair, max_size=2 * n_tasks))
    if kind == "edges":
        return [(i, j, draw(weight)) for i, j in pairs]
    A = np.zeros((n_tasks, n_tasks))
    for i, j in pairs:
        A[i, j] = A[j, i] = draw(weight)
    return A


@st.composite
def cases(
    draw: st.DrawFn,
    objective: str,
    design: str = "shared",
    *,
    max_rows: int = 8,
    max_features: int = 5,
    max_tasks: int = 4,
    max_condition: int = 6,
    zero_weights: bool = True,
    plain: bool = False,
) -> Case:
    """Problems for one objective.

    Sparsity weights reach from 1e-4 to 1e4 times lambda_max. Ridge and graph weights start at
    ``10**-max_condition`` times the largest eigenvalue of the data; a ridge ends at ``10**max_condition``
    times that, a graph where it makes the condition number ``10**max_condition``, compared with the
    smallest positive eigenvalue of the data of a task, or of all tasks together. Data are scaled by up to
    1e-6 or 1e6; with ``zero_weights`` any weight may be 0. Unless ``plain``, data come in every form that
    ``fit`` takes: designs dense or sparse, a few of them `WIDE`; task labels as numbers or strings, with
    ``task_labels`` that name a task without rows; experts as ``X_expert`` or as a mask.

    Parameters
    ----------
    objective : str
        One of `OBJECTIVES`.
    design : {"shared", "per-task"}
    max_rows, max_features, max_tasks : int
        Largest N, D, T.
    max_condition : int
        Exponent of the largest condition number that ridge and graph weights bring about.
    zero_weights : bool
        Whether regularisation weights may be 0.
    plain : bool
        Whether to draw arrays only, of few features.
    """
    _check("objective", objective, OBJECTIVES)
    _check("design", design, DESIGNS)
    T = draw(st.integers(1, max_tasks))
    N = draw(st.integers(T if design == "per-task" else 1, max(max_rows, T)))
    scale_x, scale_y = draw(st.sampled_from([(1.0, 1.0)] * 4 + [(TINY, 1.0), (HUGE, TINY), (1.0, HUGE)]))
    if not plain and draw(st.integers(0, 19)) == 19:
        X = np.random.default_rng(draw(st.integers(0, 2**16))).standard_normal((N, WIDE)).round(3)
    else:
        X = draw(designs(N, draw(st.integers(1, max_features))))
    data: dict[str, Any] = {"X": X * scale_x}
    parameters: dict[str, Any] = {"fit_intercept": draw(st.booleans())}
    if design == "shared":
        data["y"] = draw(targets(N, T)) * scale_y
        weights = draw(sample_weights(draw(st.sampled_from([(N,), (N, T)]))))
        if weights is not None and weights.shape == (N, T) and draw(st.booleans()):
            data["y"] = np.where(weights == 0, np.nan, data["y"])  # missing ratings
    else:
        data["y"] = draw(targets(N, 1))[:, 0] * scale_y
        named = not plain and draw(st.booleans())
        labels = np.array([f"task {t}" for t in range(T + 1)]) if named else np.arange(T + 1)
        data["tasks"] = labels[draw(task_rows(N, T))]
        weights = draw(sample_weights((N,)))
        if not plain and draw(st.integers(0, 3)) == 3:
            parameters["task_labels"] = labels.tolist()  # the last one has no rows
        T = _n_tasks(parameters, data)
    if weights is not None:
        data["sample_weight"] = weights
    if objective in GRAPH:
        parameters["graph"] = draw(task_graphs(T))
    if objective == "EGMTL":
        parameters["lam1"] = draw(factors(-2, 2))
        if draw(st.booleans()):
            data.update(draw(_experts(data, T, scale_x, scale_y)))
            if not plain and draw(st.booleans()):
                data = _as_mask(data)
    parameters.update(draw(_weights(objective, parameters, data, max_condition, zero_weights)))
    if not plain and draw(st.integers(0, 3)) == 3:
        data = {name: sp.csr_array(v) if name in ("X", "X_expert") else v for name, v in data.items()}
    return Case(objective, parameters, data)


@st.composite
def _experts(draw: st.DrawFn, data: dict[str, Any], T: int, scale_x: float, scale_y: float) -> dict[str, Any]:
    P = draw(expert_matrices(data["X"].shape[1]))
    n = len(P)
    experts: dict[str, Any] = {"X_expert": P * scale_x}
    if "tasks" in data:
        experts["y_expert"] = draw(targets(n, 1))[:, 0] * scale_y
        known = np.unique(data["tasks"])
        positions = draw(st.lists(st.integers(0, len(known) - 1), min_size=n, max_size=n))
        experts["tasks_expert"] = known[positions]
    else:
        experts["y_expert"] = draw(targets(n, T)) * scale_y
    weights = draw(sample_weights((n,)))
    return experts if weights is None else {**experts, "sample_weight_expert": weights}


def _as_mask(data: dict[str, Any]) -> dict[str, Any]:
    """The same rows in one array, the experts' among those of the crowd, with the mask that tells them."""
    n = [len(data["X"]), len(data["X_expert"])]
    order = np.argsort(np.arange(sum(n)) % n[1], kind="stable")
    joined = {"X": ("X", "X_expert"), "y": ("y", "y_expert"), "tasks": ("tasks", "tasks_expert")}
    out: dict[str, Any] = {
        name: np.concatenate([data[pair[0]], data[pair[1]]])[order]
        for name, pair in joined.items()
        if name in data
    }
    if "sample_weight" in data or "sample_weight_expert" in data:
        crowd = data.get("sample_weight", np.ones(n[0]))
        expert = data.get("sample_weight_expert", np.ones(n[1]))
        if crowd.ndim == 2:
            expert = np.broadcast_to(expert[:, None], (n[1], crowd.shape[1]))
        out["sample_weight"] = np.concatenate([crowd, expert])[order]
    out["expert"] = np.repeat([False, True], n)[order]
    return out


@st.composite
def _weights(
    draw: st.DrawFn,
    objective: str,
    parameters: dict[str, Any],
    data: dict[str, Any],
    max_condition: int,
    zero_weights: bool,
) -> dict[str, Any]:
    """Sparsity weights relative to lambda_max, ridge and graph weights relative to the data's curvature."""
    least, curvature = _curvatures(objective, parameters, data)
    names = SPARSITY[objective]
    ratios = {name: draw(factors(-1, 1)) if len(names) > 1 else 1.0 for name in names}
    unit = getattr(fista, objective)(**parameters, **ratios).lambda_max(**data)
    # What centring leaves of a constant column is rounding; so is then lambda_max, and no weight at all.
    rated = 1.0 if data.get("sample_weight") is None else float(np.max(data["sample_weight"]))
    noise = 1e-12 * np.sqrt(curvature * 2 * rated) * np.linalg.norm(np.nan_to_num(data["y"]))
    unit = unit if np.isfinite(unit) and unit > noise else curvature
    level = draw(st.sampled_from(LEVELS)) * unit
    weights: dict[str, Any] = {name: level * ratio for name, ratio in ratios.items()}

    if objective in RIDGE:
        weights[RIDGE[objective]] = float(curvature * draw(factors(-max_condition, max_condition)))
    if objective in GRAPH:
        n_tasks = _n_tasks(parameters, data)
        largest = np.linalg.eigvalsh(Graph.of(parameters["graph"], n_tasks).laplacian())[-1] or 1.0
        # Without strong convexity, as WIDE designs are, a condition number costs more.
        wide = data["X"].shape[1] == WIDE
        most = 10.0 ** (min(max_condition, 3) if wide else max_condition) * least
        weights[GRAPH[objective]] = float(
            min(curvature * draw(factors(-max_condition, max_condition)), most) / largest
        )
    if objective == "STLasso" and draw(st.booleans()):
        n_tasks = _n_tasks(parameters, data)
        ratio = draw(st.lists(factors(-1, 1), min_size=n_tasks, max_size=n_tasks))
        weights["alpha"] = np.array(ratio) * level
    if zero_weights and draw(st.integers(0, 9)) == 9:
        weights[draw(st.sampled_from(sorted(weights)))] = 0.0
    return weights


def _curvatures(objective: str, parameters: dict[str, Any], data: dict[str, Any]) -> tuple[float, float]:
    """The smallest positive and the largest eigenvalue of M'M without graph rows, of any task; 1 if none.

    Under a graph also those of all tasks together, of which strong edges make one.
    """
    model = getattr(fista, objective)(**parameters)
    if objective in GRAPH:
        model.set_params(**{GRAPH[objective]: 0.0})
    loss = model._problem(model._read(**data)).loss
    D, T = loss.shape
    # Nothing couples the tasks: one column of every task's matrix at a time.
    columns = [loss.hessian(np.repeat(unit[:, None], T, axis=1)) for unit in np.eye(D)]
    grams = np.stack(columns).transpose(2, 0, 1)
    if objective in GRAPH:
        grams = np.concatenate([grams, grams.sum(axis=0, keepdims=True)])
    values = np.linalg.eigvalsh(grams)
    # Compared with the columns before centring: what that leaves of a constant is rounding.
    positive = values[values > 1e-12 * float(np.square(loss.column_norms).max())]
    return (float(positive.min()), float(positive.max())) if len(positive) else (1.0, 1.0)


def _n_tasks(parameters: dict[str, Any], data: dict[str, Any]) -> int:
    if "task_labels" in parameters:
        return len(parameters["task_labels"])
    if data.get("tasks") is not None:
        return len(np.unique(data["tasks"]))
    return int(np.atleast_2d(data["y"].T).shape[0])


def _check(name: str, found: str, allowed: tuple[str, ...]) -> None:
    if found not in allowed:
        raise ValueError(f"{name}: found {found!r}; expected one of {', '.join(allowed)}")
