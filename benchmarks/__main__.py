"""Time `fista` and other solvers on the same objective to the same certified gap.

A full run, without any of --shape, --objective, --weights, --only and --quick, takes hours and writes the
page and the picture; others print the page. With --json FILE a run that was stopped goes on where it was: an
objective at a shape that the file has, measured under the same rules and versions, is not run again.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.cases import OBJECTIVES, SHAPES, TARGETS
from benchmarks.page import Results, draw, markdown
from benchmarks.race import ROOT, Record, Rules, race
from benchmarks.solvers import COMPETITORS, Competitor
from verification.files import whole_file

QUICK = {"shape": ["paper"], "objective": ["l21", "SR"], "weights": [0.1], "timeout": 3.0, "repeats": 3}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and report; the exit status is 0 whoever wins."""
    options = _options(arguments)
    full = not (options.shape or options.objective or options.weights or options.only or options.quick)
    for name, value in QUICK.items() if options.quick else ():
        if getattr(options, name) in (None, []):
            setattr(options, name, value)
    shapes = [SHAPES[name] for name in options.shape or SHAPES if options.school or not SHAPES[name].file]
    rules = Rules(
        levels=tuple(sorted(options.weights or Rules.levels, reverse=True)),
        timeout=options.timeout or Rules.timeout,
        repeats=options.repeats or Rules.repeats,
        threads=options.threads,
        seed=options.seed,
        file=options.school,
        memory=int(0.7 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")),
    )
    competitors = [c for c in COMPETITORS if c.name == "fista" or options.only in c.name]
    asked = _asked(rules, competitors)
    records = _stored(options.json, rules, asked) if options.json else []
    for shape in shapes:
        for objective in options.objective or OBJECTIVES:
            if any((record.shape, record.objective) == (shape.name, objective) for record in records):
                continue
            raced: list[Record] = []
            for record in race(competitors, shape, objective, rules):
                raced.append(record)
                results = Results(raced)
                found = [results.seconds(record, target) for target in TARGETS]
                times = ", ".join("-" if t is None else f"{1e3 * t:.3g} ms" for t in found)
                why = record.why_not(results.lower(record)) if None in found else ""
                print(
                    f"{shape.name} {objective} {record.level:g} {record.competitor}: {times}  {why}",
                    file=sys.stderr,
                    flush=True,
                )
                if options.json:
                    _write_json(options.json, [*records, *raced], len(records), rules, asked)
            records += raced
            if options.json:
                _write_json(options.json, records, len(records), rules, asked)
    results, facts = Results(records), environment(records, rules)
    run = {record.competitor for record in records if record.rungs}
    page = markdown(results, facts, {c.name: import_seconds(c) for c in competitors if c.name in run})
    if full:
        draw(results, options.output.with_suffix(".png"))
        page += f"\n![gap against time]({options.output.with_suffix('.png').name})\n"
        with whole_file(options.output) as file:
            file.write(page)
    else:
        print(page)
        if options.picture:
            draw(results, options.picture)
    return 0


def environment(records: Sequence[Record], rules: Rules) -> dict[str, str]:
    """What the numbers depend on besides the code."""
    packages = ["numpy", "scipy", "cvxpy", *dict.fromkeys(c.package for c in COMPETITORS)]
    pools = {
        f"{p['internal_api']} {p['architecture'] or ''} x {p['num_threads']}"
        for r in records
        for p in r.pools
    }
    return {
        "date": datetime.date.today().isoformat(),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()}, Python {platform.python_version()}",
        "threads": f"{rules.threads}; pools seen: {', '.join(sorted(' '.join(p.split()) for p in pools))}",
        "versions": ", ".join(f"{name} {_version(name)}" for name in packages),
        "runs": (
            f"medians of at most {rules.repeats}, once where one takes 3 s; a time-out of {rules.timeout:g} "
            f"s a run and {rules.budget:g} s for all settings together; seed {rules.seed}"
        ),
    }


def import_seconds(competitor: Competitor) -> float:
    """What its imports take in a process of their own."""
    code = (
        f"import time; start = time.perf_counter()\n{competitor.imports}\nprint(time.perf_counter() - start)"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(ended.stdout.split()[-1])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def _asked(rules: Rules, competitors: Sequence[Competitor]) -> dict[str, Any]:
    """What was asked for, as JSON has it."""
    names = [competitor.name for competitor in competitors]
    asked: dict[str, Any] = json.loads(
        json.dumps({"rules": asdict(rules), "competitors": names}, default=str)
    )
    return asked


def _write_json(path: Path, records: Sequence[Record], whole: int, rules: Rules, asked: Any) -> None:
    """All records, of which the first so many are of objectives that everybody has raced on."""
    stored: dict[str, Any] = {
        "environment": environment(records, rules),
        "asked": asked,
        "targets": TARGETS,
        "whole": whole,
        "records": [asdict(record) for record in records],
    }
    with whole_file(path) as file:
        json.dump(stored, file, indent=1)


def _stored(path: Path, rules: Rules, asked: dict[str, Any]) -> list[Record]:
    """The records of whole objectives of a run that was stopped, if it was the same but for its date."""
    if not path.exists():
        return []
    stored = json.loads(path.read_text())
    records = [Record(**record) for record in stored["records"]]
    then = stored["asked"] | stored["environment"]
    now = asked | environment(records, rules)
    if different := [name for name in now if name != "date" and then.get(name) != now[name]]:
        raise SystemExit(
            f"{path}: found a run of other {', '.join(different)}; expected the same, or another file"
        )
    return records[: stored["whole"]]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", nargs="+", choices=SHAPES, help="only these: %(choices)s", metavar="NAME")
    parser.add_argument(
        "--objective", nargs="+", choices=OBJECTIVES, help="only these: %(choices)s", metavar="NAME"
    )
    parser.add_argument("--weights", nargs="+", type=float, help="shares of lambda_max (0.5 0.1 0.01 0.001)")
    parser.add_argument(
        "--quick", action="store_true", help="about a minute: l21 and SR at the paper's shape"
    )
    parser.add_argument("--only", default="", help="fista and the competitors whose name contains this")
    parser.add_argument(
        "--school", type=Path, help="file with X, y and tasks (.npz), for the shape of that name"
    )
    parser.add_argument("--threads", type=int, default=1, help="of BLAS, OpenMP and numba (default: 1)")
    parser.add_argument("--timeout", type=float, help=f"seconds a run (default: {Rules.timeout:g})")
    parser.add_argument("--repeats", type=int, help=f"runs to take the median of (default: {Rules.repeats})")
    parser.add_argument("--seed", type=int, default=0, help="of the data (default: 0)")
    parser.add_argument(
        "--json", type=Path, help="file for all that was measured, written as the run goes on"
    )
    parser.add_argument("--picture", type=Path, help="file for the picture of a run that is not full")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("docs/benchmarks.md"),
        help="page of a full run (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    if options.shape and any(SHAPES[name].file for name in options.shape) and not options.school:
        parser.error("--shape school: found no file; expected --school FILE")
    return options


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the running competitor is stopped, too
    sys.exit(main())
