"""How the cost of a fit grows: with rows, features, tasks, edges, weights, folds and the length of a path.

Written to docs/scaling.md. One size is doubled at a time, all others staying what they are; times are medians
of three fits, memory is the most that was allocated at once besides the data. An exponent is the slope of a
line through the logarithms of the last half of the sizes: 1 is proportional, 0 no growth.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from fista import L21MTL, SRMTL, PathCV, path
from verification.files import whole_file

REPEATS = 3
SHARE = 0.1  # of lambda_max, unless that is what varies


@dataclass(frozen=True)
class Measured:
    """One size: seconds, peak bytes, and how often the iteration went round."""

    size: float
    seconds: float
    memory: int
    n_iter: int


@dataclass(frozen=True)
class Growth:
    """What varies, what stays, and how a fit of one size is made: a function without arguments."""

    what: str
    stays: str
    sizes: Sequence[float]
    fit: Callable[[float], Callable[[], Any]]


def data(
    n_rows: int, n_features: int, n_tasks: int, *, own: bool = False, correlation: float = 0.0
) -> dict[str, Any]:
    """Rows of noise and of ten features that all tasks use; with ``own``, that many rows for each task.

    ``correlation`` is that of neighbouring features.
    """
    rng = np.random.default_rng(0)
    W = np.zeros((n_features, n_tasks))
    W[rng.choice(n_features, 10, replace=False)] = rng.standard_normal((10, n_tasks))
    tasks = np.repeat(np.arange(n_tasks), n_rows)
    X = rng.standard_normal((n_rows * (n_tasks if own else 1), n_features))
    X[:, 1:] *= np.sqrt(1 - correlation**2)
    for d in range(1, n_features if correlation else 1):
        X[:, d] += correlation * X[:, d - 1]
    if own:
        y = np.einsum("nd,nd->n", X, W.T[tasks]) + rng.standard_normal(len(X))
        return {"X": X, "y": y, "tasks": tasks}
    return {"X": X, "y": X @ W + rng.standard_normal((n_rows, n_tasks))}


def fit_of(model: Any, given: dict[str, Any], name: str = "alpha", share: float = SHARE) -> Callable[[], Any]:
    """A fit at a share of lambda_max."""
    factor = share * model.set_params(**{name: 1.0}).lambda_max(**given)
    model.set_params(**{name: factor}, max_iter=100_000)
    return lambda: model.fit(**given)


def ring(n_tasks: int, n_edges: int) -> list[tuple[int, int]]:
    """So many edges, between tasks that are 1, 2, ... apart on a ring."""
    pairs = [(t, (t + apart) % n_tasks) for apart in range(1, n_tasks // 2) for t in range(n_tasks)]
    return pairs[:n_edges]


def _shared(n_rows: int, n_features: int, n_tasks: int) -> Callable[[], Any]:
    return fit_of(L21MTL(beta=0.0), data(n_rows, n_features, n_tasks))


def _graph(n_edges: int) -> Callable[[], Any]:
    given = data(500, 50, 200)
    return fit_of(SRMTL(alpha=1.0, gamma=0.0, graph=ring(200, n_edges)), given, "beta")


def _cross_validation(n_folds: int) -> Callable[[], Any]:
    given = data(5_000, 100, 10)
    model = PathCV(L21MTL(beta=0.0), alphas=20, cv=n_folds)
    return lambda: model.fit(**given)


def _path(n_alphas: int) -> Callable[[], Any]:
    given = data(5_000, 100, 10)
    return lambda: path(L21MTL(beta=0.0), given["X"], given["y"], alphas=n_alphas)


def _small_weight(ratio: float) -> Callable[[], Any]:
    return fit_of(L21MTL(beta=0.0), data(1_000, 100, 10, correlation=0.99), share=1 / ratio)


def _doubled(first: float, times: int) -> list[float]:
    return [first * 2**k for k in range(times + 1)]


GROWTHS = [
    Growth("rows", "D 100, T 10", _doubled(2_000, 5), lambda n: _shared(int(n), 100, 10)),
    Growth(
        "features, fewer than rows", "N 4,000, T 10", _doubled(50, 5), lambda n: _shared(4_000, int(n), 10)
    ),
    Growth("features, more than rows", "N 200, T 10", _doubled(1_000, 5), lambda n: _shared(200, int(n), 10)),
    Growth("tasks", "N 1,000, D 50", _doubled(10, 6), lambda n: _shared(1_000, 50, int(n))),
    Growth(
        "tasks, each with 100 rows of its own",
        "D 50",
        _doubled(10, 6),
        lambda n: fit_of(L21MTL(beta=0.0), data(100, 50, int(n), own=True)),
    ),
    Growth("edges of the graph", "N 500, D 50, T 200", _doubled(200, 5), lambda n: _graph(int(n))),
    Growth(
        "smallness of the weight (lambda_max over it), neighbouring features correlated 0.99",
        "N 1,000, D 100, T 10",
        _doubled(2, 9),
        _small_weight,
    ),
    Growth(
        "folds, of 20 weights each",
        "N 5,000, D 100, T 10",
        _doubled(2, 4),
        lambda n: _cross_validation(int(n)),
    ),
    Growth("weights of a path", "N 5,000, D 100, T 10", _doubled(5, 5), lambda n: _path(int(n))),
]


def measure(growth: Growth, size: float, repeats: int = REPEATS) -> Measured:
    """Time and memory of the fits of one size."""
    fit = growth.fit(size)
    found = fit()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        fit()
        seconds.append(time.perf_counter() - start)
    tracemalloc.start()
    fit()
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return Measured(size, median(seconds), memory, _iterations(found))


def _iterations(found: Any) -> int:
    """Of one fit, or of all of a path or of a cross-validation."""
    several = getattr(found, "certificates_", getattr(found, "certificates", None))
    return int(found.n_iter_) if several is None else sum(c.n_iter for c in np.ravel(several))


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The slope of the logarithms over the last half of the sizes.

    Examples
    --------
    >>> round(exponent([1.0, 2.0, 4.0, 8.0], [9.0, 8.0, 32.0, 128.0]), 2)
    2.0
    """
    half = len(sizes) // 2 - 1
    return float(np.polyfit(np.log(sizes[half:]), np.log(values[half:]), 1)[0])


def section(growth: Growth, measured: Sequence[Measured]) -> list[str]:
    """A table of one growth."""
    sizes = [m.size for m in measured]
    by_time = exponent(sizes, [m.seconds for m in measured])
    by_memory = exponent(sizes, [float(m.memory) for m in measured])
    lines = [
        f"## {growth.what[0].upper()}{growth.what[1:]}",
        "",
        f"{growth.stays}. Time grows with the power {by_time:.2f}, memory with {by_memory:.2f}.",
        "",
        "| | time, ms | iterations | memory, MB |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {m.size:,.0f} | {1e3 * m.seconds:.3g} | {m.n_iter:,} | {m.memory / 1e6:.3g} |" for m in measured
    ]
    return [*lines, ""]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/scaling.md"), help="(default: %(default)s)")
    options = parser.parse_args(arguments)
    lines = [
        "# How the cost of a fit grows",
        "",
        "Written by `python -m benchmarks.scaling` (`make bench-scaling`): `L21MTL` (for graphs `SRMTL`) at "
        f"a tenth of lambda_max, certified to 1e-6 F(0). Times are medians of {REPEATS} fits on "
        f"{os.cpu_count()} cores; memory is the most that is allocated at once besides the data. Exponents "
        "are slopes of logarithms over the last half of the sizes: small ones are mostly Python's own time.",
        "",
    ]
    for growth in GROWTHS:
        measured = []
        for size in growth.sizes:
            measured.append(measure(growth, size))
            print(f"{growth.what}: {measured[-1]}", file=sys.stderr, flush=True)
        lines += section(growth, measured)
    with whole_file(options.output) as file:
        file.write("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
