"""Which of the paper's conclusions hold, over many simulations, and where not: the command's ``--seeds``.

A simulation is one draw of clips, raters and descriptors; means over simulations come with 95% confidence
intervals of Student's t.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from affect.claims import claims, losses
from affect.methods import METHODS, PAPER
from affect.pipeline import of_simulation
from affect.problems import Cell, Protocol
from affect.simulate import DIMENSIONS, Settings, simulate
from affect.study import Results, jobs, p1_jobs, run, settings_of

__all__ = ["SWEEPS", "interval", "many", "markdown", "sweep"]

SWEEPS: Mapping[str, Sequence[float]] = {
    "expert_noise": (0.5, 1.0, 2.0, 4.0),
    "experts": (2, 4, 8, 16),
    "crowd_noise": (0.25, 0.5, 1.0, 2.0),
    "relatedness": (0.0, 0.25, 0.5, 0.75, 1.0),
}
SWEPT_CELLS = tuple(Cell(d, m, "back", 10) for d in DIMENSIONS for m in ("audio", "video"))
SWEPT_METHODS = (
    "Lasso",
    "MT-Lasso",
    "SR MTL",
    "EG-MTL",
    "EG-MTL (7)",
    "mean",
    "SR, pooled",
    "SR, experts only",
)


def interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Mean and half the width of its confidence interval.

    Examples
    --------
    >>> mean, half = interval([1.0, 2.0, 3.0])
    >>> mean, round(half, 2)
    (2.0, 2.48)
    """
    numbers = np.asarray(values, dtype=float)
    if len(numbers) < 2:
        return float(numbers.mean()), float("nan")
    half = student.ppf(0.5 + level / 2, len(numbers) - 1) * numbers.std(ddof=1) / np.sqrt(len(numbers))
    return float(numbers.mean()), float(half)


def many(
    seeds: Sequence[int],
    protocol: Protocol,
    folder: Path,
    *,
    settings: Settings | None = None,
    n_jobs: int = 1,
    show: Callable[[str], None] = lambda text: None,
) -> list[Results]:
    """P1 and P2 on one simulation a seed, resumed from what the folder holds."""
    found = []
    for seed in seeds:
        prepared = of_simulation(simulate(seed, settings), protocol)
        wanted = [
            job
            for job in jobs(prepared.material, prepared.p1, seed, protocol)
            if job.key[:3] in ("p1-", "p2-")
        ]
        found.append(
            run(
                wanted,
                settings_of(prepared.material, protocol, seed, prepared.p1),
                folder,
                n_jobs=n_jobs,
                show=partial(_prefixed, show, f"seed {seed}"),
            )
        )
    return found


def _prefixed(show: Callable[[str], None], prefix: str, text: str) -> None:
    show(f"{prefix}: {text}")


@dataclass(frozen=True)
class Swept:
    """Mean RMSE over the cells, one a seed, by method, and the results that it is of."""

    knob: str
    value: float
    rmse: Mapping[str, Sequence[float]]
    results: Sequence[Results] = ()


def sweep(
    seeds: Sequence[int],
    protocol: Protocol,
    folder: Path,
    *,
    n_jobs: int = 1,
    show: Callable[[str], None] = lambda text: None,
) -> Iterator[Swept]:
    """P1 at other values of one knob of the simulation at a time."""
    methods = [method for method in METHODS if method.name in SWEPT_METHODS]
    for knob, values in SWEEPS.items():
        for value in values:
            rmse: dict[str, list[float]] = {}
            found = []
            for seed in seeds:
                settings = replace(Settings(), **{knob: value})  # type: ignore[arg-type]
                prepared = of_simulation(simulate(seed, settings), protocol)
                described = settings_of(prepared.material, protocol, seed, prepared.p1, methods)
                results = run(
                    list(p1_jobs(prepared.p1, seed, protocol, SWEPT_CELLS, methods)),
                    described,
                    folder,
                    n_jobs=n_jobs,
                    show=partial(_prefixed, show, f"{knob} {value:g}, seed {seed}"),
                )
                found.append(results)
                by_cell = losses(results).values()
                for method in methods:
                    rmse.setdefault(method.name, []).append(
                        float(np.mean([by[method.name] for by in by_cell]))
                    )
            yield Swept(knob, float(value), rmse, found)


def _with_interval(values: Sequence[float], digits: int = 3) -> str:
    mean, half = interval(values)
    return f"{mean:.{digits}f}" if np.isnan(half) else f"{mean:.{digits}f} ± {half:.{digits}f}"


def markdown(found: Sequence[Results], swept: Sequence[Swept], command: str) -> str:
    """The page docs/study.md."""
    protocol = found[0].settings["protocol"]
    every = [*found, *(results for s in swept for results in s.results)]
    fits = np.sum([results.count() for results in every], axis=0)
    lines = [
        "# What holds of the paper's conclusions, on simulations",
        "",
        f"Written by `{command}`. {len(found)} simulations, runs of each cell: {protocol['runs']}; intervals "
        "are 95% confidence intervals of the mean over simulations (Student's t). The simulation's "
        "parameters come from the paper's Tables 1 to 4 (`affect/simulate.py` says which from where) and "
        "were fixed before anything was learned from it.",
        "",
        f"Folds of the cross-validation: {protocol['folds']}; weights of methods that are given experts are "
        f"chosen by labels of: {protocol['judge']}; P2 scores a class by: {protocol['rule']}. P1 is "
        f"fitted to {protocol['targets']}, {'with' if protocol['intercept'] else 'without'} intercepts.",
        "",
        f"{fits[1]} of {fits[0]} reported fits and {fits[3]} of {fits[2]} fits of the cross-validation are "
        f"certified to their tolerance ({protocol['tol']:g} and {protocol['fold_tol']:g} of F(0))"
        + (", those of the knobs below included." if swept else "."),
        "",
        "## The conclusions",
        "",
        "In how many cells of Table 8 (P1: RMSE against the experts' median) and rows of Table 9 (P2: "
        "accuracy) a statement holds. P2 (all runs of a simulation share its data) has two rows.",
        "",
        "| statement | problem | cells in which it holds, mean | simulations in which it holds in "
        "all cells | cells in the paper |",
        "|---|---|---|---|---|",
    ]
    counted = [claims(results) for results in found]
    for k, claim in enumerate(counted[0]):
        holds = [each[k].holds for each in counted]
        everywhere = sum(each[k].holds == each[k].of for each in counted)
        lines.append(
            f"| {claim.text} | {claim.problem.upper()} | {_with_interval(holds, 1)} of {claim.of} | "
            f"{everywhere} of {len(found)} | {claim.in_paper} |"
        )
    lines += [
        "",
        "The paper's RMSE grow by factors of 1.61 and 2.05 from 5 to 10 and to 15 s (geometric means over "
        "the rows and halves of its Table 8, Lasso left out), at least as fast as the square root of the "
        "length, 1.41 and 1.73. A root of summed squares that are not divided by the number of seconds grows "
        "like that. Here they are divided: EG-MTL's grows " + _growth(found) + ".",
    ]
    lines += [
        "",
        "## The methods",
        "",
        "RMSE is the mean over the 24 cells, against the experts' median, the crowd's, and the true profile, "
        "which the paper could not know. The difference is that to EG-MTL on the same simulation (positive: "
        "EG-MTL is better). Accuracy is the mean over arousal and valence. Baselines in italics are not in "
        "the paper.",
        "",
        "| method | RMSE, experts | RMSE, crowd | RMSE, truth | minus EG-MTL (experts) | minus EG-MTL "
        "(truth) | accuracy (P2) | EG-MTL minus it (P2) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    means = {
        (problem, measure): [
            {
                name: float(
                    np.mean([by[name] for cell, by in losses(r, measure).items() if cell[0] == problem])
                )
                for name in (m.name for m in METHODS)
            }
            for r in found
        ]
        for problem, measure in (("p1", "rmse"), ("p1", "rmse_crowd"), ("p1", "rmse_truth"), ("p2", "rmse"))
    }
    for method in METHODS:
        name = method.name
        cells_of = [
            _with_interval([by[name] for by in means["p1", measure]])
            for measure in ("rmse", "rmse_crowd", "rmse_truth")
        ]
        differences = [
            ""
            if name == "EG-MTL"
            else _with_interval([by[name] - by["EG-MTL"] for by in means["p1", measure]])
            for measure in ("rmse", "rmse_truth")
        ]
        accuracy = _with_interval([1 - by[name] for by in means["p2", "rmse"]])
        lead = (
            ""
            if name == "EG-MTL"
            else _with_interval([by[name] - by["EG-MTL"] for by in means["p2", "rmse"]])
        )
        label = name if name in PAPER else f"*{name}*"
        lines.append(f"| {label} | " + " | ".join([*cells_of, *differences, accuracy, lead]) + " |")
    if swept:
        lines += _sweeps(swept)
    return "\n".join(lines) + "\n"


def _growth(found: Sequence[Results]) -> str:
    """By what factors the RMSE of EG-MTL grows with the length of the snippet."""
    ratios: dict[str, list[float]] = {"10": [], "15": []}
    for results in found:
        eg = {cell: by["EG-MTL"] for cell, by in losses(results).items() if cell[0] == "p1"}
        for length, logs in ratios.items():
            pairs = [
                (eg[cell], eg[(*cell[:-1], length)])
                for cell in eg
                if cell[-1] == "05" and (*cell[:-1], length) in eg
            ]
            if pairs:
                logs.append(float(np.mean([np.log(b / a) for a, b in pairs])))
    words = [
        f"to {length} s a factor of {np.exp(np.mean(logs)):.2f}" for length, logs in ratios.items() if logs
    ]
    return " and ".join(words) or "there is one length only"


def _sweeps(swept: Sequence[Swept]) -> list[str]:
    number = len(next(iter(swept[0].rmse.values())))
    lines = [
        "",
        "## Where they cease to hold",
        "",
        f"One knob of the simulation at a time, {number} simulations each, back halves, 10 s, both "
        "dimensions and both kinds of descriptors: mean RMSE against the experts' median (which changes with "
        "the experts). The best is in bold.",
    ]
    for knob in dict.fromkeys(s.knob for s in swept):
        lines += [
            "",
            f"**{knob}**",
            "",
            f"| {knob} | " + " | ".join(SWEPT_METHODS) + " |",
            "|---|" + "---|" * len(SWEPT_METHODS),
        ]
        for s in (s for s in swept if s.knob == knob):
            best = min(np.mean(s.rmse[name]) for name in SWEPT_METHODS)
            row = []
            for name in SWEPT_METHODS:
                text = _with_interval(s.rmse[name])
                row.append(f"**{text}**" if np.mean(s.rmse[name]) == best else text)
            lines.append(f"| {s.value:g} | " + " | ".join(row) + " |")
    return lines
