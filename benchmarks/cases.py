"""What is solved: shapes of data, objectives on them, and their weights as shares of lambda_max."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

__all__ = ["OBJECTIVES", "SHAPES", "TARGETS", "Block", "Case", "Shape"]

Floats = NDArray[np.float64]
TARGETS = (1e-4, 1e-6, 1e-8)  # certified gaps relative to F(0)


@dataclass(frozen=True)
class Objective:
    """One estimator: the names of its parts, of its sparsity weights and of the weight of its graph."""

    estimator: str
    parts: tuple[str, ...] = ("W",)
    sparsity: tuple[str, ...] = ("alpha",)
    graph: str | None = None


OBJECTIVES = {
    "l1": Objective("MTLasso"),
    "elastic": Objective("MTLasso"),
    "l21": Objective("L21MTL"),
    "Dirty": Objective("DirtyMTL", ("P", "Q"), ("rho1", "rho2")),
    "Robust": Objective("RobustMTL", ("P", "Q"), ("rho1", "rho2")),
    "SR": Objective("SRMTL", sparsity=("beta",), graph="alpha"),
    "EG": Objective("EGMTL", sparsity=("lam3",), graph="lam2"),
}
L1_RATIO = 0.9  # of the elastic net, in scikit-learn's terms


@dataclass(frozen=True)
class Block:
    """Rows and targets: Y is N x T, or with ``tasks`` (sorted positions) one target a row."""

    X: Any  # dense in Fortran order, or CSC: what most of the solvers read without a copy
    Y: Floats
    tasks: NDArray[np.intp] | None = None

    @cached_property
    def slices(self) -> list[slice]:
        """The rows of each task."""
        assert self.tasks is not None
        ends = np.searchsorted(self.tasks, np.arange(self.tasks[-1] + 2))
        return [slice(start, stop) for start, stop in pairwise(ends.tolist())]

    def pieces(self) -> list[tuple[Any, Floats]]:
        """Designs and targets that can be fitted by themselves: one, or one a task."""
        if self.tasks is None:
            return [(self.X, self.Y)]
        return [(np.asfortranarray(self.X[rows]), self.Y[rows, None]) for rows in self.slices]


@dataclass(frozen=True)
class Case:
    """One objective on some data; ``weights`` are those of its estimator, ``graph`` included."""

    objective: str
    crowd: Block
    expert: Block | None
    n_tasks: int
    weights: Mapping[str, Any]

    @property
    def estimator(self) -> str:
        return OBJECTIVES[self.objective].estimator

    @property
    def n_features(self) -> int:
        return int(self.crowd.X.shape[1])

    @property
    def design(self) -> str:
        return "shared" if self.crowd.tasks is None else "own"

    @property
    def blocks(self) -> dict[str, Block]:
        return {"crowd": self.crowd} | ({} if self.expert is None else {"expert": self.expert})

    @property
    def data(self) -> dict[str, Any]:
        """The arguments of ``fit``."""
        data = {"X": self.crowd.X, "y": self.crowd.Y, "tasks": self.crowd.tasks}
        if self.expert is not None:
            data |= {"X_expert": self.expert.X, "y_expert": self.expert.Y, "tasks_expert": self.expert.tasks}
        return {name: value for name, value in data.items() if value is not None}

    def at(self, factor: float) -> Case:
        """The same with sparsity weights multiplied by a factor; the ridge of the elastic net goes along."""
        scaled = {name: factor * self.weights[name] for name in OBJECTIVES[self.objective].sparsity}
        if self.objective == "elastic":
            scaled["beta"] = scaled["alpha"] * (1 - L1_RATIO) / (2 * L1_RATIO)
        return replace(self, weights={**self.weights, **scaled})


@dataclass(frozen=True)
class Shape:
    """Random data of some size, the same for the same seed.

    A tenth of the features (at least 5) is shared by all tasks, a hundredth of the entries is a task's own;
    the noise is as large as the signal. Experts have a tenth as many rows as the crowd (of a task, where
    each has rows of its own), and a tenth of its noise.
    """

    name: str
    rows: int
    features: int
    tasks: int
    own_rows: bool = False  # each task has its own ``rows``
    density: float = 1.0
    correlation: float = 0.0  # of neighbouring columns: each row is a stationary random walk
    graph: str = "complete"
    file: bool = False  # X, y and tasks are read from a file

    def __str__(self) -> str:
        if self.file:
            return "of a file, one design a task"
        text = f"N {self.rows:,}, D {self.features:,}, T {self.tasks:,}"
        if self.own_rows:
            text = f"{self.tasks:,} tasks x {self.rows:,} rows x {self.features:,} features, own designs"
        text += f", {self.density:.0%} dense X" if self.density < 1 else ""
        return text + (f", neighbouring columns correlated {self.correlation:g}" if self.correlation else "")

    def tiny(self) -> Shape:
        """A small one of the same kind, to warm up with and to test with."""
        return replace(
            self,
            rows=12,
            features=8,
            tasks=3,
            density=max(self.density, 0.5) if self.density < 1 else 1.0,
            file=False,
        )

    def case(self, objective: str, *, file: Path | None = None, seed: int = 0) -> Case:
        """The objective on these data, its sparsity weights at a factor of 1."""
        crowd, experts = self._read(file) if self.file else self._draw(np.random.default_rng(seed))
        expert = experts if objective == "EG" else None
        n_tasks = int(crowd.tasks[-1]) + 1 if crowd.tasks is not None else crowd.Y.shape[1]
        D, rows = crowd.X.shape[1], crowd.X.shape[0] / (n_tasks if crowd.tasks is not None else 1)
        weights: dict[str, Any] = {
            "l1": {"alpha": 1.0, "beta": 0.0},
            "elastic": {"alpha": 1.0, "beta": 0.0},
            "l21": {"alpha": 1.0, "beta": 0.0},
            # Ratios between those at which one of the two parts vanishes.
            "Dirty": {"rho1": np.sqrt(n_tasks), "rho2": 1.0},
            "Robust": {"rho1": np.sqrt(n_tasks), "rho2": np.sqrt(D)},
            # The graph is worth a tenth of the rows to every task, however many neighbours that has.
            "SR": {"alpha": 0.1 * rows / n_tasks, "beta": 1.0, "gamma": 0.0},
            "EG": {"lam1": 1.0, "lam2": 0.1 * rows / n_tasks, "lam3": 1.0},
        }[objective]
        if OBJECTIVES[objective].graph:
            weights = {**weights, "graph": self.graph}
        return Case(objective, crowd, expert, n_tasks, weights)

    def _draw(self, rng: np.random.Generator) -> tuple[Block, Block]:
        D, T = self.features, self.tasks
        W = np.zeros((D, T))
        shared = rng.choice(D, min(max(D // 10, 5), D), replace=False)
        W[shared] = rng.standard_normal((len(shared), 1)) + 0.5 * rng.standard_normal((len(shared), T))
        W += rng.standard_normal((D, T)) * (rng.random((D, T)) < 0.01)
        experts = max(self.rows // 10, 1)
        return self._block(rng, W, self.rows, 1.0), self._block(rng, W, experts, 0.1)

    def _block(self, rng: np.random.Generator, W: Floats, n_rows: int, noise: float) -> Block:
        T = W.shape[1]
        X = self._design(rng, n_rows * (T if self.own_rows else 1))
        if not self.own_rows:
            signal = np.asarray(X @ W)
            return Block(X, signal + noise * signal.std() * rng.standard_normal(signal.shape))
        tasks = np.repeat(np.arange(T), n_rows)
        signal = np.einsum("nd,nd->n", X, W.T[tasks])
        return Block(X, signal + noise * signal.std() * rng.standard_normal(len(signal)), tasks)

    def _design(self, rng: np.random.Generator, n_rows: int) -> Any:
        if self.density < 1:
            size: Any = (n_rows, self.features)
            return sp.random_array(
                size, density=self.density, format="csc", rng=rng, data_sampler=rng.standard_normal
            )
        X = rng.standard_normal((n_rows, self.features))
        if self.correlation:
            X[:, 1:] *= np.sqrt(1 - self.correlation**2)
            for d in range(1, self.features):
                X[:, d] += self.correlation * X[:, d - 1]
        return np.asfortranarray(X)

    def _read(self, file: Path | None) -> tuple[Block, Block]:
        """Standard columns and centred targets; every tenth row stands in for an expert."""
        if file is None:
            raise ValueError(f"file: found None for the shape {self.name}; expected its data (--school)")
        with np.load(file) as stored:
            X, y = stored["X"].astype(np.float64), stored["y"].astype(np.float64)
            _, tasks = np.unique(stored["tasks"], return_inverse=True)
        order = np.argsort(tasks, kind="stable")
        X, y, tasks = X[order], y[order], tasks[order]
        spread = X.std(axis=0)
        X = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        X, y = np.asfortranarray(X), y - y.mean()
        return Block(X, y, tasks), Block(np.asfortranarray(X[::10]), y[::10], tasks[::10])


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("paper", 180, 50, 24),
        Shape("tall", 20_000, 500, 50),
        Shape("wide", 500, 5_000, 20),
        Shape("sparse", 2_000, 50_000, 10, density=0.01),
        Shape("own", 100, 200, 50, own_rows=True),
        Shape("school", 0, 0, 0, own_rows=True, file=True),
        Shape("many", 100, 50, 1_000, own_rows=True, graph="chain"),
        Shape("collinear", 180, 50, 24, correlation=0.99),
    )
}
