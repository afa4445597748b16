"""The price of one line of CVXPY: prototypes against the same penalties by hand, D = 20, T = 8, N = 100.

Each is fitted to the same data by the same FISTA; both answers count only if their brackets, evaluated by
`verification` from the expression alone, are within the same relative gap, and if the brackets overlap.
Times are medians of several runs on this machine; the ratio is of times in one run. *compile* is what the
prototype's first fit takes longer than its later ones.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import cvxpy as cp
import numpy as np
from cvxpy.transforms.indicator import indicator
from threadpoolctl import threadpool_limits

from fista import MultiTaskRegressor
from fista.penalties import (
    L1,
    ColumnL21,
    ExclusiveLasso,
    InfimalConvolution,
    NonNegativeL1,
    RowL1Linf,
    RowL21,
    Slope,
    SparseGroupLasso,
    TraceNorm,
)
from verification import certify, from_expression

TOL = 1e-6
Pair = tuple[dict[str, Any], dict[str, Any]]


def rows(W: Any) -> Any:
    return cp.sum(cp.norm(W, 2, axis=1))


def columns(W: Any) -> Any:
    return cp.sum(cp.norm(W, 2, axis=0))


def sorted_sizes(W: Any, weights: Any) -> Any:
    """sum_i weights_i |W|_(i), as a sum of sums of the k largest."""
    steps = -np.diff(np.append(weights, 0.0))
    sizes = cp.abs(cp.vec(W, order="C"))
    return sum(s * cp.sum_largest(sizes, k + 1) for k, s in enumerate(steps) if s > 0)


def pairs(D: int, T: int, weight: float = 1.0) -> dict[str, Pair]:
    """Ten penalties: the arguments of `MultiTaskRegressor` with the fast one, and with its prototype."""

    def line(declare: Callable[[Any], Any]) -> Any:
        return from_expression(declare, n_features=D, n_tasks=T)

    # Of four steps: each takes a `sum_largest`, of which CVXPY compiles and solves 160 but slowly.
    a, order = weight, weight * np.linspace(1.0, 0.1, 4).repeat(-(-D * T // 4))[: D * T]
    halves = [list(range(0, D, 2)), list(range(1, D, 2))]

    def groups(W: Any) -> Any:
        return sum(np.sqrt(len(g)) * cp.norm(W[g, :], "fro") for g in halves)

    fast_and_slow = {
        "row l21": (RowL21(a), line(lambda W: a * rows(W))),
        "column l21": (ColumnL21(a), line(lambda W: a * columns(W))),
        "l1/linf": (RowL1Linf(a), line(lambda W: a * cp.sum(cp.max(cp.abs(W), axis=1)))),
        "trace norm": (TraceNorm(a), line(lambda W: a * cp.normNuc(W))),
        "SLOPE": (Slope(order), line(lambda W: sorted_sizes(W, order))),
        "sparse group lasso": (
            SparseGroupLasso(halves, 0.5 * a, 0.5 * a),
            line(lambda W: 0.5 * a * cp.norm1(W) + 0.5 * a * groups(W)),
        ),
        "exclusive lasso": (
            ExclusiveLasso(a),
            line(lambda W: 0.5 * a * cp.sum_squares(cp.sum(cp.abs(W), axis=1))),
        ),
        "non-negative": (NonNegativeL1(a), line(lambda W: a * cp.sum(W) + indicator([W >= 0]))),
        "infimal convolution": (
            InfimalConvolution(RowL21(a), ColumnL21(1.5 * a)),
            InfimalConvolution(line(lambda W: a * rows(W)), line(lambda W: 1.5 * a * columns(W))),
        ),
    }
    both: dict[str, Pair] = {
        name: ({"penalty": fast}, {"penalty": slow}) for name, (fast, slow) in fast_and_slow.items()
    }
    mixture = line(lambda W: a * cp.norm1(W) + 0.3 * a * cp.sum_squares(W))
    both["elastic mixture"] = {"penalty": L1(a), "ridge": 0.3 * a}, {"penalty": mixture}
    return both


def median_time(run: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15, help="runs of the fast penalty (default: 15)")
    parser.add_argument("--slow-repeats", type=int, default=3, help="runs of the prototype (default: 3)")
    parser.add_argument("--weight", type=float, default=10.0, help="weight of the penalties (default: 10)")
    options = parser.parse_args()

    rng = np.random.default_rng(0)
    N, D, T = 100, 20, 8
    W = rng.standard_normal((D, T)) * (rng.random((D, 1)) < 0.4)
    X = rng.standard_normal((N, D))
    Y = X @ W + rng.standard_normal((N, T))
    print(f"D = {D}, T = {T}, N = {N}, certified relative gap <= {TOL:g}\n")
    print("| penalty | iterations | fast ms | prototype ms | compile ms | prototype/fast |")
    print("|---|---|---|---|---|---|")
    for name, (fast_arguments, slow_arguments) in pairs(D, T, options.weight).items():
        fast = MultiTaskRegressor(**fast_arguments, tol=TOL)
        slow = MultiTaskRegressor(**slow_arguments, tol=TOL)
        start = time.perf_counter()
        slow.fit(X, Y)
        first = time.perf_counter() - start
        ours = median_time(lambda m=fast: m.fit(X, Y), options.repeats)
        theirs = median_time(lambda m=slow: m.fit(X, Y), options.slow_repeats)
        one, other = certify(fast, X, Y), certify(slow, X, Y)
        # The brackets give up 1e-8 of their terms, what CVXPY is trusted to, besides the gap promised.
        held = one.holds(2 * TOL) and other.holds(2 * TOL)
        room = one.rounding + other.rounding
        assert held, f"{name}: {one}; {other}"
        assert one.dual <= other.primal + room, name
        assert other.dual <= one.primal + room, name
        print(
            f"| {name} | {fast.n_iter_} | {1e3 * ours:.2f} | {1e3 * theirs:.0f} "
            f"| {1e3 * (first - theirs):.0f} | {theirs / ours:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
