"""Is a solver right? `check_solver` looks for the smallest problem that it gets wrong, and says how wrong.

Only proofs count. A solver fails where other coefficients are known whose objective is smaller than its own
by more than it promises, and it is right where a lower bound shows that there are none. Those come from
`fista` and, where they do not decide, from CLARABEL; values and bounds are those of the declared objective
(`formulations`), so that neither the solver's own word nor ours is believed.
"""

from __future__ import annotations

import math
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning

import fista
import formulations
from formulations import OBJECTIVES as DECLARATIONS
from formulations import Declared, declare
from verification.agreement import Bracket
from verification.search import Search
from verification.strategies import DESIGNS, GRAPH, OBJECTIVES, RIDGE, SPARSITY, Case, cases, literal

__all__ = ["Counterexample", "SolverReport", "check_solver", "from_estimator"]

Floats = NDArray[np.float64]
#: What a solver may be able to take besides X, y (and tasks): not all can.
OPTIONS = ("sample_weight", "fit_intercept", "X_expert")
#: What a warning says that is no `ConvergenceWarning`.
NOT_CONVERGED = re.compile(r"(\bnot\b|n't|\bfail\w*|\bwithout\b|\bno\b).*converge")
SHOWN = 12  # coefficients, up to which a counterexample prints them
EARLY = (
    0.05  # what an answer with the right support exceeds the optimum by, in F(0), if it was just not finished
)


@dataclass(frozen=True)
class Counterexample:
    """A problem that the solver gets wrong, as small as could be found."""

    family: str
    case: Case
    text: str
    diagnosis: str
    optimum: Bracket | None  # of the true minimum
    excess: float  # F(W) less the upper end of it, relative to F(0)
    tried: int  # problems, all families counted, until the first that it got wrong
    answer: dict[str, Floats] | None = None  # what the solver returned
    best: dict[str, Floats] | None = None  # what is as good as the optimum

    def code(self) -> str:
        """Python that poses the problem to a function ``solve`` and certifies what it returns."""
        weights = ", ".join(f"{k}={literal(v)}" for k, v in _keywords(self.case).items())
        return self.case.posed("certify") + (
            f"W = solve(**data, {weights})\nprint(certify(W, objective=model, **data))"
        )

    def __str__(self) -> str:
        lines = [f"{self.family}: {self.text}"]
        if self.optimum is not None:
            lines.append(f"the optimum: {self.optimum}")
        for name, parts in (("its answer", self.answer), ("the best known", self.best)):
            if parts and sum(part.size for part in parts.values()) <= SHOWN:
                lines.append(f"{name}: {', '.join(f'{k} = {v.tolist()}' for k, v in parts.items())}")
        if self.diagnosis:
            lines.append(f"diagnosis: {self.diagnosis}")
        return "\n".join([*lines, *(f"    {line}" for line in self.code().splitlines())])


@dataclass(frozen=True)
class SolverReport:
    """What `check_solver` found. True in a boolean context if it found nothing."""

    objective: str
    design: str
    tol: float
    problems: dict[str, int] = field(default_factory=dict)  # tried, of each family
    proved: int = 0  # of them, where the answer keeps the promise, by a lower bound, and W = 0 would not
    trivial: int = 0  # where it does, but so would W = 0
    declined: int = 0  # where it does not, but the solver warns that it has not converged
    undecided: int = 0  # where neither FISTA nor CLARABEL can prove either
    counterexample: Counterexample | None = None

    @property
    def passed(self) -> bool:
        """Whether no problem was got wrong, and some were proved to be right that W = 0 is not."""
        return self.counterexample is None and self.proved > 0

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "FAILED" if self.counterexample else "nothing was proved"
        tried = ", ".join(f"{name} ({count})" for name, count in self.problems.items())
        tried += f"; proved right: {self.proved}, and {self.trivial} for which W = 0 would do"
        if self.declined:
            tried += f"; not converged, and said so: {self.declined}"
        if self.undecided:
            tried += f"; not decided: {self.undecided}"
        head = f"{self.objective} ({self.design}) to tol={self.tol:g}: {verdict}; problems tried: {tried}"
        return head if self.counterexample is None else f"{head}\n{self.counterexample}"


def check_solver(
    solve: Callable[..., Any],
    objective: str,
    *,
    design: str = "shared",
    tol: float = 1e-6,
    takes: tuple[str, ...] = (),
    fixed: Mapping[str, float] | None = None,
    budget: int = 100,
    seed: int = 0,
) -> SolverReport:
    """Look for problems that a solver gets wrong.

    Parameters
    ----------
    solve : callable
        Called as ``solve(X, y, **weights)``, with ``tasks=`` for one design a task, and with what it
        ``takes``; the weights (and ``graph``) are those of the estimator of that name. It returns W (D x T),
        the pair (P, Q), a dict of the parts, or a fitted estimator. A dict may also hold ``"gap"``, what the
        solver claims F(W) - F* to be at most.
    objective : str
        One of `verification.strategies.OBJECTIVES`.
    design : {"shared", "per-task"}
    tol : float
        The solver's own promise: F(W) - F* <= tol * F(0).
    takes : tuple of {"sample_weight", "fit_intercept", "X_expert"}
        Optional arguments that the solver has; each is given only where a problem has it. ``X_expert`` (of
        EGMTL) stands for ``X_expert, y_expert, tasks_expert, sample_weight_expert`` and the mask ``expert``;
        with ``sample_weight`` a rating of weight 0 may be NaN. ``graph`` comes in every form that the
        estimators take.
    fixed : dict of str to float, optional
        Weights that are the same in all problems, such as ``{"beta": 0.0}`` for a solver without a ridge.
    budget : int
        Problems to try, shared among the families: ordinary, hostile (scaled, collinear, zero weights,
        tiny and huge weights), weights as repeated rows, permuted, rescaled, W = 0 optimal. Each begins with
        trivial ones, and an objective with more parts has more that can be wrong: take 100 at least, and
        some hundreds for EGMTL and SRMTL.
    seed : int
        Of the problems.

    Returns
    -------
    SolverReport
        With the smallest counterexample of the first family that has one. A solver that falls short but warns
        that it has not converged breaks no promise: such problems are counted as declined.

    Examples
    --------
    >>> import fista
    >>> from verification import check_solver
    >>> def right(X, y, **weights):
    ...     return fista.MTLasso(**weights, tol=1e-7, max_iter=10**6).fit(X, y)
    >>> check_solver(right, "MTLasso", budget=12).passed
    True
    >>> def halved(X, y, alpha, beta):  # minimises 1/2 ||Y - X W||^2 + ..., not ||Y - X W||^2 + ...
    ...     return right(X, y, alpha=2 * alpha, beta=2 * beta)
    >>> check_solver(halved, "MTLasso", budget=12).counterexample.diagnosis
    'it is the optimum of another problem: the loss times 1/2 or 1/(2N)'
    """
    if not callable(solve):
        raise TypeError(
            f"solve: found {type(solve).__name__}; expected a function of X, y and the weights "
            "(of an estimator make one with from_estimator)"
        )
    _check("objective", objective, OBJECTIVES)
    _check("design", design, DESIGNS)
    if isinstance(takes, str):
        raise TypeError(f"takes: found {takes!r}; expected a tuple, ({takes!r},)")
    for option in takes:
        _check("takes", option, OPTIONS)
    if not (isinstance(tol, Real) and 0 < tol < math.inf):
        raise ValueError(f"tol: found {tol!r}; expected a finite number > 0")
    for name, number, least in (("budget", budget, 1), ("seed", seed, 0)):
        if not isinstance(number, Integral) or number < least:
            raise ValueError(f"{name}: found {number!r}; expected an integer >= {least}")
    held = dict(fixed or {})
    for name in held:
        _check("fixed", name, tuple(DECLARATIONS[objective].weights))
        if not (isinstance(held[name], Real) and 0 <= held[name] < math.inf):
            raise ValueError(f"fixed: found {name} = {held[name]!r}; expected a finite weight >= 0")
    problems: dict[str, int] = {}
    verdicts: Counter[str] = Counter()
    found = None
    for name, family in FAMILIES.items():
        search = _search(solve, tol, verdicts)
        strategy = family(objective, design).map(lambda case: _as_taken(case, takes, held))
        case = search.smallest(strategy, examples=max(budget // len(FAMILIES), 1), seed=seed)
        problems[name] = search.tried
        if case is not None:
            case = _trimmed(case, search)
            found = _counterexample(solve, name, case, tol, sum(problems.values()))
            break
    counts = (verdicts[verdict] for verdict in ("right", "trivial", "declined", "undecided"))
    return SolverReport(objective, design, tol, problems, *counts, found)


def from_estimator(build: Callable[..., Any]) -> Callable[..., Any]:
    """Make a solver of an estimator with ``fit`` and ``coef_`` (T x D, or D of one task).

    Parameters
    ----------
    build : callable
        Called as ``build(n_rows, **weights)``; it returns the estimator that minimises the objective with
        those weights. Other libraries divide by the number of rows, which is therefore given.

    Examples
    --------
    >>> from sklearn.linear_model import MultiTaskLasso
    >>> from verification import check_solver, from_estimator
    >>> def build(n_rows, alpha, beta):
    ...     return MultiTaskLasso(alpha / (2 * n_rows), fit_intercept=False, tol=1e-9, max_iter=10**5)
    >>> solve = from_estimator(build)
    >>> solve([[1.0], [2.0]], [[1.0, 0.0], [2.0, 1.0]], alpha=0.5, beta=0.0).round(3).tolist()
    [[0.954, 0.381]]
    """

    def solve(X: Any, y: Any, **keywords: Any) -> Floats:
        data = {k: v for k, v in keywords.items() if k in ("tasks", "sample_weight")}
        weights = {k: v for k, v in keywords.items() if k not in data}
        model = build(len(X), **weights).fit(X, y, **data)
        return np.atleast_2d(np.asarray(model.coef_, dtype=np.float64)).T

    return solve


# -- problems --------------------------------------------------------------------------------------


def _ordinary(objective: str, design: str) -> st.SearchStrategy[Case]:
    return cases(objective, design, plain=True, zero_weights=False, max_condition=2)


def _hostile(objective: str, design: str) -> st.SearchStrategy[Case]:
    return cases(objective, design, plain=True, max_condition=4)


def _of_rows(case: Case, rows: Any) -> dict[str, Any]:
    per_row = ("X", "y", "tasks", "sample_weight")
    return {k: v[rows] if k in per_row else v for k, v in case.data.items()}


@st.composite
def _repeated(draw: st.DrawFn, objective: str, design: str) -> Case:
    """Rows that occur several times, as weights that are counts would have it."""
    case = draw(_ordinary(objective, design))
    n = len(case.data["X"])
    counts = draw(st.lists(st.integers(1, 3), min_size=n, max_size=n))
    return replace(case, data=_of_rows(case, np.repeat(np.arange(n), counts)))


@st.composite
def _permuted(draw: st.DrawFn, objective: str, design: str) -> Case:
    """Rows in another order, features in another order."""
    case = draw(_ordinary(objective, design))
    N, D = case.data["X"].shape
    data = _of_rows(case, np.array(draw(st.permutations(range(N)))))
    features = np.array(draw(st.permutations(range(D))))
    return replace(case, data={k: v[:, features] if k.startswith("X") else v for k, v in data.items()})


@st.composite
def _rescaled(draw: st.DrawFn, objective: str, design: str) -> Case:
    """The same problem in other units: y in a, X in b."""
    case = draw(_ordinary(objective, design))
    a, b = (10.0 ** draw(st.integers(-3, 3)) for _ in range(2))
    units = {"X": b, "X_expert": b, "y": a, "y_expert": a}
    weights = dict.fromkeys(SPARSITY[objective], a * b)
    for names in (RIDGE, GRAPH):
        if objective in names:
            weights[names[objective]] = b**2
    parameters = {k: v * weights[k] if k in weights else v for k, v in case.parameters.items()}
    data = {k: v * units[k] if k in units else v for k, v in case.data.items()}
    return Case(objective, parameters, data)


@st.composite
def _zero(draw: st.DrawFn, objective: str, design: str) -> Case:
    """Weights at which W = 0 is optimal, or just no longer."""
    case = draw(_ordinary(objective, design))
    factor = case.model().lambda_max(**case.data)
    if not (math.isfinite(factor) and factor > 0):
        return case
    factor *= draw(st.sampled_from([0.999, 1.001, 10.0]))
    return _times(case, SPARSITY[objective], factor)


def _times(case: Case, names: Sequence[str], factor: float) -> Case:
    """The case with some of its weights multiplied."""
    parameters = {k: v * factor if k in names else v for k, v in case.parameters.items()}
    return replace(case, parameters=parameters)


FAMILIES: dict[str, Callable[[str, str], st.SearchStrategy[Case]]] = {
    "ordinary": _ordinary,
    "hostile": _hostile,
    "repeated rows": _repeated,
    "permuted": _permuted,
    "rescaled": _rescaled,
    "zero is optimal": _zero,
}


def _as_taken(case: Case, takes: tuple[str, ...], fixed: Mapping[str, float]) -> Case:
    """The case without what the solver cannot take."""
    data, parameters = dict(case.data), {**case.parameters, **fixed}
    if "sample_weight" not in takes:
        data = {k: v for k, v in data.items() if not k.startswith("sample_weight")}
        data["y"] = np.nan_to_num(data["y"])
    if "X_expert" not in takes:
        data = {k: v for k, v in data.items() if "expert" not in k}
    if "fit_intercept" not in takes:
        parameters["fit_intercept"] = False
    return Case(case.objective, parameters, data)


# -- the verdict -----------------------------------------------------------------------------------


class _Wrong(Exception):
    """The solver broke its promise; the message says how."""

    def __init__(self, text: str, judged: _Judged | None = None) -> None:
        super().__init__(text)
        self.judged = judged  # where there were coefficients to judge


class _Minimum:
    """What is known of the minimum of a case: a value that is attained, and a lower bound."""

    def __init__(self, case: Case, declared: Declared) -> None:
        self.case, self.declared = case, declared
        self.value, self.lower, self.reason = math.inf, -math.inf, ""
        self.parts: dict[str, Floats] = {}
        self._ask(fista, lambda model: model.certificate_.dual_point, tol=1e-9, max_iter=20_000)

    def ask_the_oracle(self) -> None:
        """Learn from CVXPY, too: should FISTA itself be wrong, its own bound is too low to hide it."""
        self._ask(formulations, lambda model: model.multipliers_, solver="CLARABEL")

    def _ask(self, package: Any, theta: Callable[[Any], dict[str, Floats]], **settings: Any) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = self.case.model(package, **settings).fit(**self.case.data)
                value, bound = self.declared.primal(model.parts_), self.declared.dual(theta(model))
        except (ArithmeticError, LookupError, RuntimeError, ValueError):
            return  # one that does not know tells nothing
        if value < self.value:
            self.value = value
            self.parts = {name: np.asarray(part) for name, part in model.parts_.items()}
        if bound.value > self.lower:
            self.lower, self.reason = bound.value, bound.reason

    @property
    def rounding(self) -> float:
        return self.declared.rounding(self.parts) if self.parts else 0.0

    @property
    def bracket(self) -> Bracket:
        return Bracket(self.value, self.lower, self.rounding, self.declared.at_zero, self.reason)


@dataclass(frozen=True)
class _Answer:
    parts: dict[str, Floats]
    gap: float | None  # that it claims
    warned: bool  # that it has not converged


@dataclass(frozen=True)
class _Judged:
    """The solver's answer, and by how much it is proved to exceed the minimum."""

    answer: _Answer
    value: float  # F(W)
    minimum: _Minimum
    promise: float  # what it may exceed the minimum by, rounding included

    @property
    def above(self) -> float:
        """F(W) - F* is at least that."""
        return self.value - self.minimum.value

    @property
    def wrong(self) -> bool:
        if not math.isfinite(self.value):  # coefficients so large that F overflows
            return math.isfinite(self.minimum.value)
        return self.above > self.promise + self.minimum.rounding

    @property
    def right(self) -> bool:
        return math.isfinite(self.promise) and self.value - self.minimum.lower <= self.promise

    @property
    def verdict(self) -> str:
        if self.right:
            zero = self.minimum.declared.at_zero - self.minimum.value <= self.promise
            return "trivial" if zero else "right"
        return "undecided" if not self.wrong else "declined" if self.answer.warned else "wrong"


def _run(solve: Callable[..., Any], case: Case, declared: Declared) -> _Answer:
    """What the solver answers; it may not change what it is given."""
    given = {**case.data, **_keywords(case)}
    copies = deepcopy(given)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            answer = solve(**copies)
            parts, gap = _read(answer, declared)
    except _Wrong:
        raise
    except (Exception, SystemExit) as error:
        raise _Wrong(f"raises {type(error).__name__}: {error}") from error
    for name, value in given.items():
        if literal(copies[name]) != literal(value):
            raise _Wrong(f"writes into its argument {name}")
    return _Answer(parts, gap, warned=any(map(_says_not_converged, caught)))


def _says_not_converged(warning: warnings.WarningMessage) -> bool:
    text = str(warning.message).lower()
    return issubclass(warning.category, ConvergenceWarning) or bool(NOT_CONVERGED.search(text))


def _keywords(case: Case) -> dict[str, Any]:
    """The weights and the graph, and the intercept where there is one."""
    intercept = {"fit_intercept": True} if case.parameters["fit_intercept"] else {}
    return {k: v for k, v in case.parameters.items() if k != "fit_intercept"} | intercept


def _read(answer: Any, declared: Declared) -> tuple[dict[str, Floats], float | None]:
    names = tuple(declared.parts)
    if hasattr(answer, "parts_"):
        answer = answer.parts_
    elif hasattr(answer, "coef_"):
        answer = np.atleast_2d(answer.coef_).T
    gap = None
    if isinstance(answer, Mapping):
        gap = answer.get("gap")
        given = {name: answer[name] for name in names if name in answer}
    elif isinstance(answer, tuple):
        if len(answer) != len(names):
            raise _Wrong(f"returns a tuple of {len(answer)}; expected {', '.join(names)}")
        given = dict(zip(names, answer, strict=True))
    else:
        given = {names[0]: answer}
    if set(given) != set(names):
        raise _Wrong(f"returns {sorted(given)}; expected {', '.join(names)}")
    try:
        given = {name: _dense(part) for name, part in given.items()}
        if any(np.iscomplexobj(part) for part in given.values()):
            raise TypeError("complex numbers")
        parts = {name: np.array(part, dtype=np.float64) for name, part in given.items()}
        claim = None if gap is None else float(gap)
    except (TypeError, ValueError) as error:
        raise _Wrong(f"returns what is no matrix of real numbers: {error}") from error
    if claim is not None and math.isnan(claim):
        raise _Wrong("claims a gap that is NaN")
    shape = (declared.n_features, declared.n_tasks)
    for name, part in parts.items():
        if part.shape != shape:
            raise _Wrong(f"returns {name} of shape {part.shape}; expected {shape}, features x tasks")
        if not np.isfinite(part).all():
            raise _Wrong(f"returns NaN or infinity in {name}")
    return parts, claim


def _dense(part: Any) -> Any:
    return part.toarray() if issparse(part) else part  # type: ignore[attr-defined]


def _judge(case: Case, answer: _Answer, tol: float, declared: Declared | None = None) -> _Judged:
    """The answer against what is known; the oracle is asked where FISTA cannot decide."""
    declared = declare(case.model(), **case.data) if declared is None else declared
    minimum = _Minimum(case, declared)
    with np.errstate(all="ignore"):  # of huge answers
        promise = tol * declared.at_zero + declared.rounding(answer.parts)
        judged = _Judged(answer, declared.primal(answer.parts), minimum, promise)
    if not judged.wrong and not judged.right:
        minimum.ask_the_oracle()
    return judged


def _verdict(solve: Callable[..., Any], case: Case, tol: float) -> _Judged:
    declared = declare(case.model(), **case.data)
    answer = _run(solve, case, declared)
    judged = _judge(case, answer, tol, declared)
    if judged.wrong and not answer.warned:
        relative = _over(judged.above, declared.at_zero)
        raise _Wrong(
            f"F(W) = {judged.value:.8g}, but {judged.minimum.value:.8g} is attained: "
            f"it is {relative:.2g} F(0) too high, promised is {tol:g}",
            judged,
        )
    room = declared.rounding(answer.parts) + judged.minimum.rounding
    if answer.gap is not None and judged.above > answer.gap + room:
        raise _Wrong(
            f"claims a gap of {answer.gap:.3g}, but F(W) is {judged.above:.3g} above what is attained",
            judged,
        )
    return judged


def _search(solve: Callable[..., Any], tol: float, verdicts: Counter[str]) -> Search[Case]:
    """A search for a problem that the solver gets wrong, which counts the verdicts until the first."""

    def broken(case: Case) -> bool:
        try:
            judged = _verdict(solve, case, tol)
        except _Wrong:
            return True
        verdicts[judged.verdict] += search.last is None
        return False

    search = Search(broken)
    return search


def _trimmed(case: Case, broken: Callable[[Case], bool]) -> Case:
    """Without the rows, features and tasks that the failure can do without."""
    going_on = True
    while going_on:
        going_on = False
        for smaller in _smaller(case):
            if _is_valid(smaller) and broken(smaller):
                case, going_on = smaller, True
                break
    return case


def _is_valid(case: Case) -> bool:
    try:
        declare(case.model(), **case.data)
    except ValueError:  # no row with a weight is left
        return False
    return True


def _smaller(case: Case) -> Iterator[Case]:
    N, D = case.data["X"].shape
    n_tasks = len(set(case.data["tasks"].tolist())) if "tasks" in case.data else 0
    for n in range(N if N > 1 else 0):
        data = _of_rows(case, np.delete(np.arange(N), n))
        if n_tasks == len(set(np.asarray(data.get("tasks", [])).tolist())) or not n_tasks:
            yield replace(case, data=data)
    for d in range(D if D > 1 else 0):
        yield replace(
            case, data={k: np.delete(v, d, axis=1) if k.startswith("X") else v for k, v in case.data.items()}
        )
    named = isinstance(case.parameters.get("graph", "complete"), str)
    if not n_tasks and named and not np.ndim(case.parameters.get("alpha", 0)):
        T = case.data["y"].shape[1]
        of_tasks = {k for k in case.data if k.startswith("y")}
        if np.ndim(case.data.get("sample_weight", 0)) == 2:
            of_tasks.add("sample_weight")
        for t in range(T if T > 1 else 0):
            data = {k: np.delete(v, t, axis=1) if k in of_tasks else v for k, v in case.data.items()}
            yield replace(case, data=data)


# -- what is wrong ---------------------------------------------------------------------------------


def _counterexample(
    solve: Callable[..., Any], family: str, case: Case, tol: float, tried: int
) -> Counterexample:
    judged: _Judged | None
    try:
        text, judged = "seen once, but not when tried again", _verdict(solve, case, tol)
    except _Wrong as wrong:
        text, judged = str(wrong), wrong.judged
    if judged is None:
        return Counterexample(family, case, text, "", None, np.inf, tried)
    known = judged.minimum
    excess = _over(judged.above, known.declared.at_zero)
    diagnosis = _diagnosis(solve, case, judged, tol)
    return Counterexample(
        family, case, text, diagnosis, known.bracket, excess, tried, judged.answer.parts, known.parts
    )


def _diagnosis(solve: Callable[..., Any], case: Case, judged: _Judged, tol: float) -> str:
    """What the answer would be right for, where that can be told."""
    fitting = []
    at_zero = judged.minimum.declared.at_zero
    if judged.above > 10 * tol * at_zero:  # else another problem's optimum may be as near
        for text, other in _others(case):
            try:
                if _judge(other, judged.answer, tol).right:
                    fitting.append(text)
            except ValueError:  # the other problem is none, with all weights 0 or ratings missing
                continue
    if fitting:
        return f"it is the optimum of another problem: {'; or '.join(fitting[:4])}"
    if judged.value >= at_zero and judged.wrong:
        return "it is no better than W = 0"
    notes = []
    if judged.wrong:
        support = np.asarray(sum(judged.answer.parts.values())) != 0
        best = np.asarray(sum(judged.minimum.parts.values())) != 0
        early = ", not converged" if judged.above <= EARLY * at_zero else ""
        same = np.array_equal(support, best)
        notes.append(f"the right support{early}" if same else "not the support of the optimum that is known")
    names = SPARSITY[case.objective]
    if len(names) == 2 and case.parameters[names[0]] != case.parameters[names[1]]:
        equal = replace(case, parameters={**case.parameters, names[1]: case.parameters[names[0]]})
        try:
            if _verdict(solve, equal, tol).verdict == "right":
                notes.append(f"right where {names[0]} = {names[1]}")
        except _Wrong:
            pass
    return "; ".join(notes)


def _others(case: Case) -> Iterator[tuple[str, Case]]:
    """Problems that a solver may have solved instead."""
    N, data, parameters = len(case.data["X"]), case.data, case.parameters
    sparsity = SPARSITY[case.objective]
    smooth = [names[case.objective] for names in (RIDGE, GRAPH) if case.objective in names]
    if "sample_weight" in data:
        u = data["sample_weight"]
        without = {k: v for k, v in data.items() if k != "sample_weight"}
        yield "without sample weights", replace(case, data=without)
        yield "sample weights squared", replace(case, data={**data, "sample_weight": u**2})
        yield "square roots of the sample weights", replace(case, data={**data, "sample_weight": np.sqrt(u)})
    if "X_expert" in data:
        without = {k: v for k, v in data.items() if "expert" not in k}
        yield "without experts", replace(case, data=without)
    if parameters["fit_intercept"]:
        yield "without intercept", replace(case, parameters={**parameters, "fit_intercept": False})
    graph = parameters.get("graph")
    if isinstance(graph, np.ndarray | list):
        for power, text in ((0.5, "graph weights not squared"), (0.0, "all graph weights 1")):
            yield text, replace(case, parameters={**parameters, "graph": _powers(graph, power)})
    texts: dict[float, list[str]] = {}  # the same factor may have several reasons, where there is one row
    for factor, text in ((2.0, "1/2"), (0.5, "2"), (N, "1/N"), (2 * N, "1/(2N)"), (N / 2, "2/N")):
        texts.setdefault(float(factor), []).append(text)
    for factor, reasons in texts.items():
        if factor != 1:
            yield f"the loss times {' or '.join(reasons)}", _times(case, [*sparsity, *smooth], factor)
    for factor in (2.0, 0.5):
        for names in (sparsity, *([name] for name in smooth)):
            yield f"{' and '.join(names)} times {factor:g}", _times(case, names, factor)
    if "X_expert" in data:
        for factor in (2.0, 0.5):
            yield f"lam1 times {factor:g}", _times(case, ["lam1"], factor)
    for name in (*sparsity, *smooth):
        yield f"{name} = 0", _times(case, [name], 0.0)


def _powers(graph: Any, power: float) -> Any:
    """The graph with powers of its weights; what is no edge stays none."""
    if isinstance(graph, np.ndarray):
        return np.where(graph > 0, np.power(graph, power), 0.0)
    return [(edge[0], edge[1], (edge[2] if len(edge) == 3 else 1.0) ** power) for edge in graph]


def _over(value: float, zero: float) -> float:
    return value / zero if zero > 0 else math.inf


def _check(name: str, found: str, allowed: tuple[str, ...]) -> None:
    if found not in allowed:
        raise ValueError(f"{name}: found {found!r}; expected one of {', '.join(allowed)}")
