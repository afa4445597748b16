"""The checks that are meant to find the mutants: each says what it found first, and how small it got.

They run in a copy of the packages in which one mistake is planted, with the public functions as a user has
them. A check that finds nothing returns None, as all of them must where nothing is planted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sklearn.exceptions import ConvergenceWarning

import fista
from fista import penalties
from tests.verification.solvers import solver_of
from verification import check_penalty, check_solver, verify
from verification.search import Search
from verification.strategies import Case, cases

__all__ = ["Caught", "Check", "Claims", "Oracle", "Penalty", "Solver", "Tests"]


@dataclass(frozen=True)
class Caught:
    """What a check found: after how many examples, how small, and in whose words."""

    after: str
    size: str
    text: str


@dataclass(frozen=True)
class Solver:
    """`check_solver` on an estimator of `fista`, which is not excused by a warning."""

    objective: str
    design: str = "shared"
    takes: tuple[str, ...] = ()
    max_iter: int = 20_000

    def __str__(self) -> str:
        return f"`check_solver`, {self.objective}, {self.design}"

    def __call__(self) -> Caught | None:
        report = check_solver(
            self._solve, self.objective, design=self.design, takes=self.takes, budget=120, seed=1
        )
        found = report.counterexample
        if found is None:
            return None
        text = f"{found.text}; {found.diagnosis}" if found.diagnosis else found.text
        return Caught(_count(found.tried, "problem"), _size(found.case), text)

    def _solve(self, X: Any, y: Any, **keywords: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return solver_of(fista, self.objective, max_iter=self.max_iter)(X, y, **keywords)


@dataclass(frozen=True)
class Penalty:
    """`check_penalty` on a penalty of `fista`."""

    name: str
    arguments: tuple[Any, ...] = (0.7,)
    n_tasks: int | None = None

    def __str__(self) -> str:
        return f"`check_penalty`, {self.name}"

    def __call__(self) -> Caught | None:
        parts = [Penalty.build(a) if isinstance(a, Penalty) else a for a in self.arguments]
        report = check_penalty(getattr(penalties, self.name)(*parts), n_tasks=self.n_tasks, seed=1)
        if report.passed:
            return None
        first, names = report.findings[0], ", ".join(f.check for f in report.findings)
        size = " x ".join(map(str, first.shape))
        return Caught(_count(first.tried, "matrix", "matrices"), size, f"{names}: {first.text}")

    @staticmethod
    def build(part: Penalty) -> Any:
        return getattr(penalties, part.name)(*part.arguments)


@dataclass(frozen=True)
class _Drawn:
    """A search among drawn problems for one of which something does not hold."""

    objective: str
    design: str = "shared"
    max_iter: int = 20_000
    examples: int = 150

    def wrong(self, case: Case) -> str:
        raise NotImplementedError

    def __call__(self) -> Caught | None:
        search = Search[Case](lambda case: bool(self.wrong(case)))
        strategy = cases(self.objective, self.design, max_condition=3)
        case = search.smallest(strategy, examples=self.examples, seed=1)
        if case is None:
            return None
        return Caught(_count(search.tried, "problem"), _size(case), self.wrong(case))


class Claims(_Drawn):
    """The claims of a certificate, against a bracket that is evaluated without it; no oracle is asked."""

    def __str__(self) -> str:
        return f"`verify`, claims after {self.max_iter:,} iterations at most, {self.objective}, {self.design}"

    def wrong(self, case: Case) -> str:
        result = verify(case.model(max_iter=self.max_iter), solvers=(), **case.data)
        return "; ".join(result.findings)


class Oracle(_Drawn):
    """FISTA against CLARABEL: the two must agree."""

    def __str__(self) -> str:
        return f"`verify`, {self.objective}, {self.design}"

    def wrong(self, case: Case) -> str:
        result = verify(case.model(max_iter=self.max_iter), solvers=("CLARABEL",), **case.data)
        if result.agree:
            return ""
        (comparison,) = result.comparisons
        return f"{comparison.verdict}: {'; '.join([*comparison.findings, *result.findings])}"


@dataclass(frozen=True)
class Tests:
    """A file of the test-suite, or one test of it."""

    node: str

    def __str__(self) -> str:
        return f"`{self.node}`"

    def __call__(self) -> Caught | None:
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-W", "ignore"]
        wide = {**os.environ, "COLUMNS": "400"}
        run = subprocess.run([*command, self.node], capture_output=True, text=True, check=False, env=wide)
        if run.returncode == 0:
            return None
        failed = [line for line in run.stdout.splitlines() if line.startswith("FAILED ")]
        if run.returncode != 1 or not failed:
            raise RuntimeError(f"{self.node} could not be run:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
        passed = run.stdout.split(" passed")[0].split()[-1] if " passed" in run.stdout else "0"
        name, _, text = failed[0].removeprefix("FAILED ").partition(" - ")
        return Caught(_count(int(passed) + 1, "test"), name.partition("::")[2], text)


Check = Callable[[], Caught | None]


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def _size(case: Case) -> str:
    X, y = case.data["X"], case.data["y"]
    n_tasks = len(set(case.data["tasks"])) if "tasks" in case.data else y.shape[1] if y.ndim == 2 else 1
    return f"{X.shape[0]} x {X.shape[1]}, {_count(n_tasks, 'task')}"
