"""What the paper concludes from its Tables 8 and 9, as statements that results fulfil or not.

A cell of P1 is a dimension, a modality, a half and a length (24), of P2 a dimension (2); its figure is the
mean over runs. EG-MTL with few of the experts is a method of its own, which EG-MTL has to beat too, unless
they are all the experts there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from affect.methods import METHODS, PAPER
from affect.study import Results

__all__ = ["CLAIMS", "IN_PAPER", "Claim", "claims", "losses"]

CLAIMS = {
    "mtl": "every multi-task method beats the single-task Lasso",
    "eg": "EG-MTL is the best of the paper's methods",
    "eg7": "EG-MTL with seven experts beats all methods without experts",
    "all": "EG-MTL is the best of all, baselines included",
    "crowd": "EG-MTL beats the same model of the experts alone: the crowd helps",
    "longer": "longer snippets are harder: RMSE of EG-MTL rises from 5 to 10 to 15 s",
    "back": "back halves are harder than front halves (EG-MTL)",
    "audio": "audio predicts better than video (EG-MTL)",
}
# The same counts of the paper's own Tables 8 and 9, which have no Robust MTL in P1 and no baselines.
IN_PAPER = {
    ("mtl", "p1"): "24 of 24",
    ("eg", "p1"): "21 of 24",
    ("eg7", "p1"): "19 of 24",
    ("longer", "p1"): "7 of 8",
    ("back", "p1"): "11 of 12",
    ("audio", "p1"): "9 of 12",
    ("mtl", "p2"): "2 of 2",
    ("eg", "p2"): "2 of 2",
    ("eg7", "p2"): "2 of 2",
}


@dataclass(frozen=True)
class Claim:
    """In how many of the cells (or pairs, or triples of cells) a statement holds."""

    name: str
    problem: str
    holds: int
    of: int

    @property
    def in_paper(self) -> str:
        """The count of the paper's own tables; empty where they do not tell."""
        return IN_PAPER.get((self.name, self.problem), "")

    @property
    def text(self) -> str:
        """The statement."""
        return CLAIMS[self.name]


def losses(results: Results, measure: str = "rmse") -> dict[tuple[str, ...], dict[str, float]]:
    """What is to be small, by cell and method: RMSE (P1), 1 - accuracy (P2), means over runs.

    A run in which a method could not be judged (NaN: nobody rated the snippet) counts for none.
    """
    found: dict[tuple[str, ...], list[dict[str, float]]] = {}
    for key, record in results.records.items():
        problem, *cell, _ = key.split("-")
        if problem in ("p1", "p2"):
            by = {
                name: r[measure] if problem == "p1" else 1 - r["accuracy"]
                for name, r in record["methods"].items()
            }
            if not np.isnan(list(by.values())).any():
                found.setdefault((problem, *cell), []).append(by)
    return {
        cell: {m: float(np.mean([by[m] for by in runs])) for m in runs[0]} for cell, runs in found.items()
    }


def claims(results: Results, measure: str = "rmse") -> list[Claim]:
    """Count how often each statement holds; a tie is no win."""
    table = losses(results, measure)
    counted = []
    crowd_only = [m.name for m in METHODS if m.name in PAPER and m.experts == "none"]
    baselines = [m.name for m in METHODS if m.name not in PAPER]
    for problem in ("p1", "p2"):
        cells = [by for cell, by in table.items() if cell[0] == problem]
        if not cells:
            continue
        few = not any(r.get("few_are_all") for r in results.of(f"{problem}-").values())
        rivals = [*crowd_only, *["EG-MTL (7)"] * few]

        def count(name: str, holds: list[bool], problem: str = problem) -> None:
            counted.append(Claim(name, problem, sum(holds), len(holds)))

        count("mtl", [max(by[m] for m in PAPER[1:]) < by["Lasso"] for by in cells])
        count("eg", [by["EG-MTL"] < min(by[m] for m in rivals) for by in cells])
        if few:
            count("eg7", [by["EG-MTL (7)"] < min(by[m] for m in crowd_only) for by in cells])
        count("all", [by["EG-MTL"] < min(by[m] for m in (*rivals, *baselines)) for by in cells])
        count("crowd", [by["EG-MTL"] < by["SR, experts only"] for by in cells])
    eg = {cell[1:]: by["EG-MTL"] for cell, by in table.items() if cell[0] == "p1"}
    counted += _pairs(eg)
    return counted


def _pairs(eg: Mapping[tuple[str, ...], float]) -> list[Claim]:
    """Statements that compare cells: of length, of halves, of modalities."""
    found = []
    lengths = [
        (eg[d, m, h, "05"], eg[d, m, h, "10"], eg[d, m, h, "15"])
        for d, m, h, n in eg
        if n == "05" and {(d, m, h, "10"), (d, m, h, "15")} <= set(eg)
    ]
    if lengths:
        found.append(Claim("longer", "p1", sum(a < b < c for a, b, c in lengths), len(lengths)))
    halves = [
        (eg[d, m, "front", n], eg[d, m, "back", n])
        for d, m, h, n in eg
        if h == "front" and (d, m, "back", n) in eg
    ]
    if halves:
        found.append(Claim("back", "p1", sum(a < b for a, b in halves), len(halves)))
    senses = [
        (eg[d, "audio", h, n], eg[d, "video", h, n])
        for d, m, h, n in eg
        if m == "audio" and (d, "video", h, n) in eg
    ]
    if senses:
        found.append(Claim("audio", "p1", sum(a < b for a, b in senses), len(senses)))
    return found
