"""FISTA against the CVXPY solvers at the paper's shape: N = 180 crowd rows, D = 50, T = 24, 18 expert rows.

Every competitor minimises the same declared objective; its answer counts only if its bracket, evaluated by
`verification`, is within the same relative gap. Times are medians of several runs on this machine, ratios are
of times in one run:

- *solver*: FISTA's own time (statistics, iteration and certificate), without reading the data;
- *fit*: the whole of ``fit``;
- *first*: CVXPY's first solve, declaring and compiling included, certificates not; *own*: the time that its
  solver reports for itself; *again*: a solve with another weight on the same data, without compiling;
- *compile*: what a later solve saves, (first - own) / (again - own) for the two solves' own times.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

import fista
import formulations
from fista.solver import minimize
from formulations import declare
from formulations.oracle import Compiled
from verification import certify
from verification.agreement import solvers_for
from verification.strategies import OBJECTIVES, SPARSITY

TOL = 1e-6


def paper_shape(seed: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """A crowd with shared and own features, noisy, and a few precise expert rows."""
    rng = np.random.default_rng(seed)
    N, D, T, experts = 180, 50, 24, 18
    W = rng.standard_normal((D, T)) * (rng.random((D, 1)) < 0.2)
    W += rng.standard_normal((D, T)) * (rng.random((D, T)) < 0.05)
    X, P = rng.standard_normal((N, D)), rng.standard_normal((experts, D))
    data = {"X": X, "y": X @ W + rng.standard_normal((N, T))}
    return data, {"X_expert": P, "y_expert": P @ W + 0.1 * rng.standard_normal((experts, T))}


def median_time(run: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=21, help="runs of FISTA (default: 21)")
    parser.add_argument("--oracle-repeats", type=int, default=3, help="runs of each oracle (default: 3)")
    parser.add_argument("--level", type=float, default=0.1, help="share of lambda_max (default: 0.1)")
    parser.add_argument("--objectives", nargs="+", choices=OBJECTIVES, default=OBJECTIVES, metavar="NAME")
    options = parser.parse_args()

    crowd, experts = paper_shape()
    threads = {info["user_api"]: info["num_threads"] for info in threadpool_info()}
    print(f"threads {threads}, weights {options.level:g} lambda_max, certified relative gap <= {TOL:g}\n")
    print(
        "| objective | iterations | solver ms | fit ms "
        "| oracle | first ms | own ms | again ms | compile | first/solver | own/solver |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for objective in options.objectives:
        data = {**crowd, **(experts if objective == "EGMTL" else {})}
        model = getattr(fista, objective)(tol=TOL)
        unit = options.level * model.lambda_max(**data)
        model.set_params(**dict.fromkeys(SPARSITY[objective], unit))
        problem = model._problem(model._read(**data))
        certificate = minimize(problem, tol=TOL)[1]
        assert certify(model.fit(**data), **data).holds(TOL)

        # A new loss each time, so that nothing (its eigenvalues) is remembered from the run before.
        def solve(model: Any = model, data: Any = data) -> None:
            minimize(model._problem(model._read(**data)), tol=TOL)

        def read(model: Any = model, data: Any = data) -> None:
            model._read(**data)

        ours = median_time(solve, options.repeats) - median_time(read, options.repeats)
        fit = median_time(lambda m=model, d=data: m.fit(**d), options.repeats)
        rows = []
        for solver in solvers_for(objective):
            times = [_oracle_times(model, data, solver, unit) for _ in range(options.oracle_repeats)]
            if None in times:
                print(f"<!-- {solver} gave no answer for {objective} -->")
                continue
            first, own, again, own_again = (statistics.median(column) for column in zip(*times, strict=True))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                oracle = getattr(formulations, objective)(**model.get_params(), solver=solver).fit(**data)
            reached = "" if certify(oracle, **data).holds(TOL) else " (gap missed)"
            rows.append((first, own, again, own_again, solver + reached))
        for first, own, again, own_again, solver in sorted(rows):
            print(
                f"| {objective} | {certificate.n_iter} | {1e3 * ours:.2f} | {1e3 * fit:.2f} | {solver} "
                f"| {1e3 * first:.0f} | {1e3 * own:.0f} | {1e3 * again:.0f} "
                f"| {(first - own) / (again - own_again):.0f} | {first / ours:.0f} | {own / ours:.0f} |",
                flush=True,
            )


def _oracle_times(
    model: Any, data: dict[str, Any], solver: str, unit: float
) -> tuple[float, float, float, float] | None:
    """First solve and its solver's own time, then both again with a weight larger by a tenth."""
    declared = declare(model, **data)
    sparsity = SPARSITY[type(model).__name__]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            start = time.perf_counter()
            compiled = Compiled(declared.name, declared.data, declared.edges, declared.fit_intercept)
            own = compiled.solve(declared.weights, solver, warm_start=False).solve_time
            first = time.perf_counter() - start
            weights = declared.weights | {name: 1.1 * declared.weights[name] for name in sparsity}
            start = time.perf_counter()
            own_again = compiled.solve(weights, solver, warm_start=False).solve_time
            return first, own, time.perf_counter() - start, own_again
        except formulations.OracleError:
            return None


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
