"""FISTA against the CVXPY solvers at the paper's shape: N = 180 crowd rows, D = 50, T = 24, 18 expert rows.

Every competitor minimises the same declared objective; its answer counts only if its bracket, evaluated by
`verification`, is within the same relative gap. Times are medians of several runs on this machine, ratios are
of times in one run:

- *solver*: FISTA's own time (statistics, iteration and certificate), without reading the data;
- *fit*: the whole of ``fit``;
- *first*: the first ``fit`` of the oracle, compiling included; *own*: the time its solver reports for itself;
- *again*: a ``fit`` with another weight on the same data, which re-solves without compiling.
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
    options = parser.parse_args()

    crowd, experts = paper_shape()
    threads = {info["user_api"]: info["num_threads"] for info in threadpool_info()}
    print(f"threads {threads}, weights {options.level:g} lambda_max, certified relative gap <= {TOL:g}\n")
    print(
        "| objective | iterations | solver ms | fit ms "
        "| oracle | first | own | again | first/solver | own/solver |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for objective in OBJECTIVES:
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
            first, own, again = [], [], []
            for _ in range(options.oracle_repeats):
                parameters = {k: v for k, v in model.get_params().items() if k != "warm_start"}
                oracle = getattr(formulations, objective)(**parameters, solver=solver)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    try:
                        first.append(median_time(lambda o=oracle, d=data: o.fit(**d), 1))
                    except formulations.OracleError as error:
                        print(f"<!-- {error} -->")
                        break
                    own.append(oracle.solve_time_)
                    reached = certify(oracle, **data).holds(TOL)
                    oracle.set_params(**dict.fromkeys(SPARSITY[objective], 1.1 * unit))
                    again.append(median_time(lambda o=oracle, d=data: o.fit(**d), 1))
            else:
                rows.append(
                    (
                        statistics.median(first),
                        statistics.median(own),
                        statistics.median(again),
                        solver,
                        reached,
                    )
                )
        for first_time, own_time, again_time, solver, reached in sorted(rows):
            print(
                f"| {objective} | {certificate.n_iter} | {1e3 * ours:.2f} | {1e3 * fit:.2f} "
                f"| {solver}{'' if reached else ' (gap missed)'} | {1e3 * first_time:.0f} "
                f"| {1e3 * own_time:.0f} | {1e3 * again_time:.0f} "
                f"| {first_time / ours:.0f} | {own_time / ours:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
