"""Competitors one after the other, each in a process that is stopped where it takes too long."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cases import Shape
from benchmarks.judge import at_level
from benchmarks.solvers import Competitor

__all__ = ["Record", "Rules", "gap", "race"]

ROOT = Path(__file__).resolve().parent.parent
SET_UP = 300.0  # seconds for imports, compilation and drawing the data
#: Set by people whose machine OpenBLAS knows badly; benchmarks are of what it chooses by itself.
OVERRIDES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Rules:
    """What all competitors are held to."""

    levels: tuple[float, ...] = (0.5, 0.1, 0.01, 0.001)
    timeout: float = 30.0
    repeats: int = 5
    threads: int = 1
    seed: int = 0
    file: Path | None = None
    memory: int = 0  # bytes of data a process may have; 0: no bound
    registry: str = "benchmarks.solvers"

    @property
    def budget(self) -> float:
        """Seconds for all settings of a competitor at one level."""
        return 3 * self.timeout


@dataclass
class Record:
    """What a competitor did on one objective, shape and level; ``rungs`` as `worker.climb` yields them."""

    shape: str
    objective: str
    competitor: str
    package: str
    level: float
    rungs: list[dict[str, Any]] = field(default_factory=list)
    ended: str = ""  # why its ladder ended before its end
    compile_seconds: float | None = None
    pools: list[dict[str, Any]] = field(default_factory=list)

    def reached(self, target: float, lower: float) -> dict[str, Any] | None:
        """The loosest setting whose answer is certified to a relative gap."""
        return next((rung for rung in self.rungs if gap(rung, lower) <= target), None)

    def seconds(self, target: float, lower: float, *, own: bool = False) -> float | None:
        """The median time at that setting; with ``own``, of what the solver claims for itself."""
        rung = self.reached(target, lower)
        times = (rung["own"] if own else rung["seconds"]) if rung is not None else []
        return median(times) if times else None

    def why_not(self, lower: float) -> str:
        """Why a target was not reached."""
        solved = [rung for rung in self.rungs if rung.get("primal") is not None]
        if not solved:
            return self.ended or next((rung["error"] for rung in self.rungs if "error" in rung), "no answer")
        best = min(solved, key=lambda rung: gap(rung, lower))
        text = f"no better than {gap(best, lower):.1e}, at {_spelled(best['settings'])}"
        text += f" ({best['said']})" if best["said"] else ""
        return text + (f"; then {self.ended}" if self.ended else "")


def gap(rung: Mapping[str, Any], lower: float) -> float:
    """F(W) less a lower bound of the minimum, relative to F(0); inf without an answer."""
    if rung.get("primal") is None:
        return float("inf")
    return float(max(rung["primal"] - max(lower, rung["dual"]), 0.0) / rung["at_zero"])


def race(competitors: list[Competitor], shape: Shape, objective: str, rules: Rules) -> Iterator[Record]:
    """All who cover the objective, one after the other: each is told the best lower bounds so far."""
    small = at_level(shape.tiny().case(objective), 0.1)
    lower = dict.fromkeys(rules.levels, 0.0)
    for competitor in competitors:
        if competitor.declines(small):
            continue
        records = [
            Record(shape.name, objective, competitor.name, competitor.package, level)
            for level in rules.levels
        ]
        if missing := competitor.missing():
            for record in records:
                record.ended = missing
        else:
            _compete(records, shape, rules, lower)
        for record in records:
            for rung in record.rungs:
                lower[record.level] = max(lower[record.level], rung.get("dual", 0.0))
        yield from records


def _compete(records: list[Record], shape: Shape, rules: Rules, lower: Mapping[float, float]) -> None:
    """Run one competitor, level by level; after a process was stopped the next takes the levels left."""
    waiting = list(records)
    while waiting:
        job = {
            "competitor": waiting[0].competitor,
            "objective": waiting[0].objective,
            "shape": asdict(shape),
            "levels": [record.level for record in waiting],
            "lower": {str(level): bound for level, bound in lower.items()},
            "repeats": rules.repeats,
            "budget": rules.budget,
            "seed": rules.seed,
            "file": str(rules.file) if rules.file else "",
            "memory": rules.memory,
            "registry": rules.registry,
        }
        begun: list[Record] = []
        settings: Mapping[str, Any] | None = None
        ended = "ended without a word"
        for message in _listen(job, rules):
            event = message.pop("event")
            if event == "ready":
                for record in waiting:
                    record.compile_seconds = message["compile"]
                    record.pools = message["pools"]
            elif event == "level":
                begun.append(waiting.pop(0))
            elif event == "begin":
                settings = message["settings"]
            elif event == "rung":
                begun[-1].rungs.append(message)
                settings = None
                spent = sum(sum(rung.get("seconds", ())) for rung in begun[-1].rungs)
                if spent > rules.budget:
                    begun[-1].ended = f"more than {rules.budget:g} s for all settings"
            elif event == "done":
                return
            elif event == "stopped":
                ended = message["why"] + (f" at {_spelled(settings)}" if settings is not None else "")
        if not begun:  # it did not even get that far: nor would it at another level
            for record in waiting:
                record.ended = ended
            return
        begun[-1].ended = ended
        if not begun[-1].rungs:  # smaller weights are no easier
            for record in waiting:
                record.ended = f"{ended}, at weights of {begun[-1].level:g} already"
            return


def _listen(job: Mapping[str, Any], rules: Rules) -> Iterator[dict[str, Any]]:
    """The messages of a worker; it is stopped when a solve takes longer than the time-out."""
    environment = {name: value for name, value in os.environ.items() if name not in OVERRIDES}
    environment |= dict.fromkeys(THREADS, str(rules.threads))
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.worker", json.dumps(job)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    lines: queue.Queue[str | None] = queue.Queue()
    errors: list[str] = []
    threading.Thread(target=_pass_on, args=(process.stdout, lines), daemon=True).start()
    listener = threading.Thread(target=lambda: errors.extend(list(process.stderr or [])[-20:]), daemon=True)
    listener.start()
    limit = SET_UP
    try:
        while True:
            try:
                line = lines.get(timeout=limit)
            except queue.Empty:
                yield {"event": "stopped", "why": f"more than {limit:g} s"}
                return
            if line is None:
                code = process.wait()
                listener.join(timeout=5)
                last = next((text.strip() for text in reversed(errors) if text.strip()), "")
                why = f"its process ended with code {code}" + (f" ({last[:200]})" if last else "")
                yield {"event": "done"} if code == 0 else {"event": "stopped", "why": why}
                return
            message = json.loads(line)
            limit = rules.timeout if message["event"] == "begin" else SET_UP
            yield message
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _pass_on(stream: Any, lines: queue.Queue[str | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _spelled(settings: Mapping[str, Any]) -> str:
    """Settings as in a call, the bounds on iterations left out."""
    kept = {k: v for k, v in settings.items() if "max" not in k} or settings
    return ", ".join(f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in kept.items()) or "once"
