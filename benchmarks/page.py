"""The page of a run: tables in markdown, and a picture."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cases import OBJECTIVES, SHAPES, TARGETS
from benchmarks.race import Record, gap

__all__ = ["Results", "draw", "markdown"]

AIM = 1e-6  # of the summary
DRAWN = ("l21", 0.1)  # what the picture is of, where it was run


class Results:
    """Records, and the best lower bound that any of them found of each minimum."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = list(records)
        self._lower: dict[tuple[str, str, float], float] = {}
        for record in self.records:
            duals = [rung.get("dual", 0.0) for rung in record.rungs]
            key = self._key(record)
            self._lower[key] = max([self._lower.get(key, 0.0), *duals])

    @staticmethod
    def _key(record: Record) -> tuple[str, str, float]:
        return record.shape, record.objective, record.level

    def lower(self, record: Record) -> float:
        return self._lower[self._key(record)]

    def seconds(self, record: Record, target: float, *, own: bool = False) -> float | None:
        return record.seconds(target, self.lower(record), own=own)

    def shapes(self) -> list[str]:
        return list(dict.fromkeys(record.shape for record in self.records))

    def where(self, **fields: Any) -> list[Record]:
        """The records with these values."""
        return [r for r in self.records if all(getattr(r, name) == value for name, value in fields.items())]


def markdown(results: Results, environment: Mapping[str, Any], imports: Mapping[str, float]) -> str:
    """The page: the same for the same records."""
    return "\n".join(_lines(results, environment, imports)) + "\n"


def _lines(results: Results, environment: Mapping[str, Any], imports: Mapping[str, float]) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    yield "Written by `make bench`: time to the same certified gap, on the same objective."
    yield ""
    for name, value in environment.items():
        yield f"- {name}: {value}"
    yield ""
    yield (
        "Each competitor climbs a ladder of its own tolerances, in a process of its own, one at a time. Its "
        "answer is judged by its objective value, computed from the rows, less the best lower bound that "
        "anybody's dual point gives, relative to F(0); the time is the median at the loosest setting whose "
        "answer is certified to the gap, whatever the solver says of itself. Runs follow a warm-up on small "
        "data. All get X in Fortran order; reading it, stacking rows for solvers that need it, and declaring "
        "and compiling in CVXPY count, imports and compilation by numba do not. SR and EG are given to Lasso "
        "solvers as stacked rows."
    )
    yield ""
    yield f"## To a relative gap of {AIM:g}"
    yield ""
    yield "Ratios are of times in this run; above 1 `fista` is faster."
    yield ""
    yield "| shape | objective | weights | fista | fastest other | its time | ratio | best of CVXPY | ratio |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for ours in results.where(competitor="fista"):
        yield _summary(results, ours)
    for shape in results.shapes():
        yield ""
        yield f"## {shape}: {SHAPES.get(shape, shape)}"
        yield from _tables(results, shape)
    yield ""
    yield "## Imports and compilation"
    yield ""
    yield "Seconds: imports in a new process, and what a first small fit took beyond a second one."
    yield ""
    yield "| competitor | imports | compilation |"
    yield "|---|---|---|"
    for name in dict.fromkeys(record.competitor for record in results.records):
        compiled = [
            r.compile_seconds for r in results.where(competitor=name) if r.compile_seconds is not None
        ]
        if compiled and name in imports:
            yield f"| {name} | {imports[name]:.2f} | {median(compiled):.2f} |"


def _summary(results: Results, ours: Record) -> str:
    same = {"shape": ours.shape, "objective": ours.objective, "level": ours.level}
    others = [r for r in results.where(**same) if r is not ours]
    time = results.seconds(ours, AIM)
    cells = [ours.shape, ours.objective, f"{ours.level:g}", _spelled(time)]
    for among in (others, [r for r in others if r.competitor.startswith("CVXPY")]):
        reached = [(t, r.competitor) for r in among if (t := results.seconds(r, AIM)) is not None]
        best, name = min(reached, default=(None, "none"))
        ratio = f"{best / time:.2g}" if best is not None and time is not None else "-"
        cells += [name, _spelled(best), ratio] if among is others else [_spelled(best), ratio]
    return f"| {' | '.join(cells)} |"


def _tables(results: Results, shape: str) -> Iterator[str]:
    for objective in [name for name in OBJECTIVES if results.where(shape=shape, objective=name)]:
        records = results.where(shape=shape, objective=objective)
        levels = sorted({record.level for record in records}, reverse=True)
        yield ""
        yield f"### {shape}, {objective}"
        yield ""
        yield f"Time to gaps of {', '.join(f'{target:g}' for target in TARGETS)}, by weights over lambda_max."
        yield ""
        yield f"| competitor | {' | '.join(f'{level:g}' for level in levels)} |"
        yield "|---" * (len(levels) + 1) + "|"
        why: dict[str, list[str]] = {}
        for name in dict.fromkeys(record.competitor for record in records):
            mine = {record.level: record for record in records if record.competitor == name}
            yield _row(name, [mine[level] for level in levels], results.seconds)
            if any(rung.get("own") for record in mine.values() for rung in record.rungs):
                own = lambda record, target: results.seconds(record, target, own=True)  # noqa: E731
                yield _row(f"{name}, its own time", [mine[level] for level in levels], own)
            for level, record in mine.items():
                if any(results.seconds(record, target) is None for target in TARGETS):
                    reason = record.why_not(results.lower(record))
                    why.setdefault(f"{name}: {reason}", []).append(f"{level:g}")
        if why:
            yield ""
        for reason, where in why.items():
            yield f"- {reason} (weights {', '.join(where)})"


def _row(name: str, records: Sequence[Record], seconds: Callable[[Record, float], float | None]) -> str:
    cells = [" / ".join(_spelled(seconds(record, target)) for target in TARGETS) for record in records]
    return f"| {name} | {' | '.join(cells)} |"


def _spelled(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def draw(results: Results, path: Path) -> None:
    """Gap against time, one panel a shape, one line a competitor with a point for each setting."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(record.competitor for record in results.records))
    shapes = results.shapes()
    columns = min(len(shapes), 4)
    rows = -(-len(shapes) // columns)
    figure = Figure(figsize=(max(4 * columns, 9), 3.4 * rows + 0.8), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels[len(shapes) :]:
        panel.set_visible(False)
    for panel, shape in zip(panels, shapes, strict=False):
        records = results.where(shape=shape)
        objective, level = min(
            {(r.objective, r.level) for r in records},
            key=lambda found: (found[0] != DRAWN[0], abs(found[1] - DRAWN[1]), found),
        )
        panel.set(xscale="log", yscale="log", title=f"{shape}: {objective}, {level:g} lambda_max")
        panel.set(xlabel="seconds", ylabel="certified gap / F(0)")
        for target in TARGETS:
            panel.axhline(target, color="0.85", linewidth=0.8, zorder=0)
        for record in results.where(shape=shape, objective=objective, level=level):
            k = names.index(record.competitor)
            points = [
                (median(rung["seconds"]), max(gap(rung, results.lower(record)), 1e-10))
                for rung in record.rungs
                if gap(rung, results.lower(record)) <= 1
            ]
            if points:
                style = {"color": f"C{k % 10}", "linestyle": "-" if k < 10 else "--"}
                width = 2.4 if record.competitor == "fista" else 1.0
                panel.plot(
                    *zip(*points, strict=True),
                    marker="o" if k < 10 else "s",
                    markersize=4,
                    linewidth=width,
                    label=record.competitor,
                    **style,
                )
    handles = {
        label: line
        for panel in panels
        for line, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside lower center",
        ncols=min(6, max(len(handles), 1)),
        fontsize=8,
    )
    with tempfile.TemporaryDirectory(dir=path.parent, suffix=".part") as folder:
        part = Path(folder, path.name)
        figure.savefig(part, dpi=110)
        os.replace(part, path)
