"""What a run of `python -m verification` found: the table that is printed, and the JSON that is written."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from verification.agreement import Comparison, Verification
from verification.files import whole_file

__all__ = ["HEADER", "MOST_INCONCLUSIVE", "Report", "versions"]

#: The share of inconclusive oracles above which a run has failed.
MOST_INCONCLUSIVE = 0.02
PACKAGES = ("certified-mtl", "numpy", "scipy", "scikit-learn", "cvxpy", "clarabel", "osqp", "scs")
#: The columns of `Report.rows`.
HEADER = (
    "objective",
    "data",
    "design",
    "level",
    "solver",
    "F(W)",
    "gap/F(0)",
    "||M dW||",
    "bound",
    "iter",
    "time",
    "speed-up",
    "verdict",
)


@dataclass
class Report:
    """All verifications of a run."""

    entries: list[tuple[str, float, Verification]] = field(default_factory=list)

    def add(self, data: str, level: float, verification: Verification) -> None:
        """Record a verification on a data set, with sparsity weights of ``level * lambda_max``."""
        self.entries.append((data, level, verification))

    @property
    def comparisons(self) -> list[Comparison]:
        return [c for _, _, v in self.entries for c in v.comparisons]

    @property
    def verdicts(self) -> Counter[str]:
        return Counter(c.verdict for c in self.comparisons)

    @property
    def uncertified(self) -> int:
        """The number of problems whose promise FISTA does not claim to have kept."""
        return sum(not v.certified for _, _, v in self.entries)

    @property
    def speed_ratios(self) -> tuple[float, float]:
        """Medians over the comparisons of what an oracle takes, in fits of FISTA; nan if there are none.

        The whole fit, CVXPY's modelling included, and its solver's own time.
        """
        pairs = [(v.seconds, c) for _, _, v in self.entries for c in v.comparisons]
        if not pairs:
            return float("nan"), float("nan")
        whole = np.median([c.seconds / seconds for seconds, c in pairs])
        return float(whole), float(np.nanmedian([c.solver_seconds / seconds for seconds, c in pairs]))

    @property
    def too_many_inconclusive(self) -> bool:
        return self.verdicts["inconclusive"] > MOST_INCONCLUSIVE * len(self.comparisons)

    @property
    def passed(self) -> bool:
        """All is certified, nothing disagrees, something was compared, and few oracles left it undecided."""
        undisputed = all(v.certified and not v.disagree for _, _, v in self.entries)
        return undisputed and bool(self.comparisons) and not self.too_many_inconclusive

    def table(self) -> str:
        """One line for each data set, objective and oracle."""
        return "\n".join(_aligned([HEADER, *self.rows()]))

    def rows(self) -> Iterator[tuple[str, ...]]:
        """The cells of the table, as text: a row for each comparison, or for a problem without any."""
        for data, level, v in self.entries:
            for c in v.comparisons or (None,):
                yield (
                    v.objective,
                    data,
                    v.design,
                    f"{level:g}",
                    c.solver if c else "-",
                    f"{v.bracket.primal:.6g}",
                    f"{v.bracket.relative_gap:.1e}",
                    _small(c.distance) if c else "-",
                    _small(c.distance_bound) if c else "-",
                    str(v.certificate.n_iter),
                    _milliseconds(v.seconds),
                    f"{c.seconds / v.seconds:.0f}x" if c else "-",
                    c.verdict if c else _alone(v),
                )

    def findings(self) -> list[str]:
        """Everything that did not simply agree."""
        return [
            f"{v.objective} on {data} ({v.design}), {who}: {finding}"
            for data, _, v in self.entries
            for who, found in [
                ("FISTA", v.findings if v.certified else (str(v.certificate), *v.findings)),
                *((c.solver, c.findings) for c in v.comparisons),
            ]
            for finding in found
        ]

    def summary(self) -> str:
        counts = self.verdicts
        line = (
            f"{_number(len(self.entries), 'problem')}, {_number(len(self.comparisons), 'comparison')}: "
            f"{counts['agree']} agree, {counts['inconclusive']} inconclusive, {counts['DISAGREE']} disagree"
        )
        if self.uncertified:
            problems = _number(self.uncertified, "problem")
            line += f", {counts['not certified']} not certified (FISTA on {problems})"
        if self.comparisons:
            whole, solver = self.speed_ratios
            line += (
                f"\nfit of the oracle, CVXPY's modelling included, over fit of FISTA: {whole:.0f}x (median); "
                f"its solver's own time over fit of FISTA: {solver:.1f}x"
            )
        if not self.comparisons:
            line += "\nnothing was compared: no solver that was chosen can solve the objectives"
        if self.too_many_inconclusive:
            line += f"\nmore than {MOST_INCONCLUSIVE:.0%} inconclusive: the run decides too little"
        return line

    def write_json(self, path: Path) -> None:
        """Write everything but the arrays; the file appears whole or not at all."""
        content = {
            "versions": versions(),
            "passed": self.passed,
            "counts": dict(self.verdicts),
            "problems": [_as_json(*entry) for entry in self.entries],
        }
        with whole_file(path) as file:
            json.dump(content, file, indent=1)


def versions() -> dict[str, str]:
    """The versions of Python, of this package and of what it computes with."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # run from its source, say
        return "not installed"


def _as_json(data: str, level: float, v: Verification) -> dict[str, Any]:
    return {
        "objective": v.objective,
        "data": data,
        "level": level,
        "design": v.design,
        "primal": v.bracket.primal,
        "dual": _finite(v.bracket.dual),
        "relative_gap": _finite(v.bracket.relative_gap),
        "converged": v.certificate.converged,
        "iterations": v.certificate.n_iter,
        "seconds": v.seconds,
        "findings": list(v.findings),
        "oracles": [
            {
                "solver": c.solver,
                "verdict": c.verdict,
                "status": c.status,
                "primal": c.bracket.primal if c.bracket else None,
                "dual": _finite(c.bracket.dual) if c.bracket else None,
                "distance": _finite(c.distance),
                "distance_bound": _finite(c.distance_bound),
                "coefficient_distance": _finite(c.coefficient_distance),
                "coefficient_bound": _finite(c.coefficient_bound),
                "seconds": c.seconds,
                "solver_seconds": _finite(c.solver_seconds),
                "findings": list(c.findings),
            }
            for c in v.comparisons
        ],
    }


def _alone(v: Verification) -> str:
    """The verdict on a problem that no oracle was asked about."""
    return "DISAGREE" if v.disagree else "-" if v.certified else "not certified"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _small(value: float) -> str:
    return f"{value:.1e}" if np.isfinite(value) else "-"


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.1f} ms"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    for n, row in enumerate(rows):
        cells = [
            cell.ljust(width) if k < 5 or k == len(row) - 1 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
        if n == 0:
            yield "  ".join("-" * width for width in widths)
