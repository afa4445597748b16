"""One competitor on one objective and shape, in a process of its own: ``python -m benchmarks.worker JOB``.

It reports line by line in JSON, and announces every solve beforehand, so that whoever listens can put an end
to one that takes too long. Nothing that a library prints gets in between.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from benchmarks.cases import TARGETS, Case, Shape
from benchmarks.judge import Judge, at_level
from benchmarks.solvers import Answer, Competitor, Solve

__all__ = ["climb", "run"]

Emit = Callable[[Mapping[str, Any]], None]
PATIENCE = 3.0  # seconds after which a setting is not timed again


def climb(
    competitor: Competitor,
    case: Case,
    *,
    lower: float,
    repeats: int,
    budget: float,
    announce: Callable[[Mapping[str, Any]], None],
) -> Iterator[dict[str, Any]]:
    """Go up the ladder of a competitor until its answer is within the last of the targets.

    It ends before where the runs took more than ``budget`` seconds, or two settings raised.

    Yields
    ------
    dict
        ``settings``, ``seconds`` (of each run), ``primal``, ``dual`` (the best lower bound from its answers
        so far), ``own`` (the solver's own time) and ``said`` (its first warning), or ``error``.
    """
    solve, judge = competitor.prepare(case), Judge(case)
    best, closest, spent, failures = 0.0, np.inf, 0.0, 0
    for settings in competitor.ladder:
        rung: dict[str, Any] = {"settings": dict(settings), "at_zero": judge.at_zero}
        announce(settings)
        try:
            answer, seconds, said = _timed(solve, settings)
        except Exception as error:  # whatever another library raises is only reported
            yield {**rung, "error": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
            failures += 1
            if failures == 2:  # it is not the tolerance that it stumbles over
                return
            continue
        primal = judge.primal(answer.parts)
        best = max(best, judge.lower(answer.parts, answer.theta))
        times, own = [seconds], [answer.own_seconds]
        distance = (primal - max(best, lower)) / judge.at_zero
        nearer = [target for target in TARGETS if distance <= target < closest]
        # Only settings that may be the loosest for some target are worth a median.
        while nearer and len(times) < repeats and sum(times) < PATIENCE:
            announce(settings)
            again, seconds, _ = _timed(solve, settings)
            times.append(seconds)
            own.append(again.own_seconds)
        closest = min(closest, distance)
        claimed = [x for x in own if x is not None]
        known = primal if np.isfinite(primal) else None
        yield {**rung, "seconds": times, "own": claimed, "primal": known, "dual": best, "said": said}
        spent += sum(times)
        if distance <= min(TARGETS) or spent > budget:
            return


def _timed(solve: Solve, settings: Mapping[str, Any]) -> tuple[Answer, float, str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.perf_counter()
        answer = solve(settings)
        seconds = time.perf_counter() - start
    said = next((f"{w.category.__name__}: {' '.join(str(w.message).split())[:200]}" for w in caught), "")
    return answer, seconds, said


def run(job: Mapping[str, Any], emit: Emit) -> None:
    """What the job says: a competitor by name, an objective, a shape, levels, lower bounds by level."""
    shape = Shape(**job["shape"])
    registry = importlib.import_module(job["registry"]).COMPETITORS
    small = at_level(shape.tiny().case(job["objective"]), 0.1)
    competitor = next(c for c in registry if c.name == job["competitor"] and not c.declines(small))

    solve = competitor.prepare(small)
    first, again = _warm_up(solve, competitor.ladder[0]), _warm_up(solve, competitor.ladder[0])
    pools = [
        {k: pool.get(k) for k in ("internal_api", "architecture", "num_threads")}
        for pool in threadpool_info()
    ]
    emit({"event": "ready", "compile": max(first - again, 0.0), "pools": pools})

    case = shape.case(job["objective"], file=Path(job["file"]) if job["file"] else None, seed=job["seed"])
    for level in job["levels"]:
        weighted = at_level(case, level)
        emit({"event": "level", "level": level})
        rungs = climb(
            competitor,
            weighted,
            lower=job["lower"].get(str(level), 0.0),
            repeats=job["repeats"],
            budget=job["budget"],
            announce=lambda settings: emit({"event": "begin", "settings": settings}),
        )
        for rung in rungs:
            emit({"event": "rung", **rung})


def _warm_up(solve: Solve, settings: Mapping[str, Any]) -> float:
    try:
        return _timed(solve, settings)[1]
    except Exception:  # it will be reported of the real data
        return 0.0


def main() -> None:
    """Read the job and report to the standard output, which then is nobody else's."""
    job = json.loads(sys.argv[1])
    report = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    if job["memory"]:
        resource.setrlimit(resource.RLIMIT_DATA, (job["memory"], job["memory"]))
    run(job, lambda message: print(json.dumps(message), file=report, flush=True))


if __name__ == "__main__":
    main()
