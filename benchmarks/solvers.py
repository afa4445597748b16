"""Who competes: `fista`, the solvers of other libraries where they cover an objective, and CVXPY's.

The calls of other libraries and their weights are those of `verification.third_party`, with three more that
a user in a hurry would find: scikit-learn's coordinate descent on the Gram matrix, and group Lasso with one
design a task. Each has a ladder of its own tolerances, from loose to tight.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks.cases import Case
from benchmarks.stacking import lasso, rows_by_feature
from verification.third_party import SUBJECTS, Subject

__all__ = ["COMPETITORS", "Answer", "Competitor"]

Floats = NDArray[np.float64]
Settings = Mapping[str, Any]
DECADES = tuple(10.0**-k for k in range(2, 13))
LARGEST_DENSE = 3000  # columns up to which stacked rows are given to a solver that reads dense ones only


@dataclass(frozen=True)
class Answer:
    """Coefficients D x T by parts, a dual point if the solver has one, and the time that it claims."""

    parts: dict[str, Floats]
    theta: dict[str, Floats] | None = None
    own_seconds: float | None = None


Solve = Callable[[Settings], Answer]


@dataclass(frozen=True)
class Competitor:
    """A solver with a ladder of settings.

    ``prepare`` imports what it needs and returns the function that is timed; ``declines`` says why a case
    is not for it ("" where it is), which leaves it out of the tables without further ado.
    """

    name: str
    package: str
    prepare: Callable[[Case], Solve]
    ladder: Sequence[Settings]
    declines: Callable[[Case], str]
    imports: str
    missing: Callable[[], str] = lambda: ""


# -- ours -------------------------------------------------------------------------------------------


def _fit_fista(case: Case) -> Solve:
    import fista

    def solve(settings: Settings) -> Answer:
        model = getattr(fista, case.estimator)(**case.weights, max_iter=10**7, **settings).fit(**case.data)
        return Answer(dict(model.parts_), model.certificate_.dual_point)

    return solve


# -- CVXPY ------------------------------------------------------------------------------------------


def _cvxpy(solver: str, ladder: Sequence[Settings]) -> Competitor:
    """The declared objective: reading, declaring and compiling count; its certificate does not."""

    def prepare(case: Case) -> Solve:
        import formulations
        from formulations import declare
        from formulations.oracle import SOLVERS, Compiled

        model = getattr(formulations, case.estimator)(**case.weights)

        def solve(settings: Settings) -> Answer:
            declared = declare(model, **case.data)
            compiled = Compiled(declared.name, declared.data, declared.edges, declared.fit_intercept)
            with patch.dict(SOLVERS, {solver: [dict(settings)]}):
                solution = compiled.solve(declared.weights, solver, warm_start=False)
            return Answer(solution.parts, solution.multipliers, solution.solve_time)

        return solve

    def declines(case: Case) -> str:
        cones = solver == "OSQP" and case.objective in ("l21", "Robust")
        return "has no second-order cones" if cones else ""

    return Competitor(f"CVXPY, {solver}", solver.lower(), prepare, ladder, declines, "import formulations")


# -- other libraries: a call of `verification.third_party` on pieces of the data ---------------------


def _evaluator(subject: Subject) -> Callable[..., Floats]:
    """The subject's call, compiled once, since some of the solvers take less time than compiling it."""
    names: dict[str, Any] = {
        "np": np,
        "fit_intercept": False,
        "threads": int(os.environ.get("OMP_NUM_THREADS", "1")),
    }
    exec(subject.imports, names)
    # spams reads sparse matrices, but not through what its dense ones go through; X is in columns as it is.
    names["columns"] = lambda X: sp.csc_matrix(X) if sp.issparse(X) else X
    call = subject.call.replace("numThreads=1", "numThreads=threads")
    call = call.replace("np.asfortranarray(X)", "columns(X)")
    code = compile(call, subject.name, "eval")

    def evaluate(X: Any, Y: Floats, settings: Settings, **others: Any) -> Floats:
        N, D = X.shape[-2:]
        given = {"X": X, "Y": Y, "N": N, "D": D, "T": Y.shape[1], "settings": settings}
        return np.asarray(eval(code, names | given | others), dtype=np.float64)

    return evaluate


def _competitor(
    name: str,
    subject: Subject,
    ladder: Sequence[Settings],
    prepare: Callable[[Case], Solve],
    objectives: tuple[str, ...],
    designs: tuple[str, ...] = ("shared", "own"),
    declines: Callable[[Case], str] = lambda case: "",
) -> Competitor:
    def reason(case: Case) -> str:
        if case.objective not in objectives:
            return "has no such objective"
        if case.design not in designs:
            return f"is for {designs[0]} designs"
        return declines(case)

    return Competitor(
        name, subject.package, prepare, ladder, reason, subject.imports, lambda: subject.missing
    )


def _as_it_is(name: str, subject: Subject, ladder: Sequence[Settings], *objectives: str) -> Competitor:
    """On the shared design or, where the objective is a sum over tasks, on every task by itself."""

    def prepare(case: Case) -> Solve:
        evaluate, pieces = _evaluator(subject), case.crowd.pieces()
        weights = {name: case.weights[name] for name in ("alpha", "beta")}

        def solve(settings: Settings) -> Answer:
            return Answer({"W": np.hstack([evaluate(X, Y, settings, **weights) for X, Y in pieces])})

        return solve

    designs = ("shared",) if "l21" in objectives else ("shared", "own")
    return _competitor(name, subject, ladder, prepare, objectives, designs)


def _stacked(name: str, subject: Subject, ladder: Sequence[Settings], *, dense: bool = False) -> Competitor:
    """A Lasso solver on stacked rows, for the objectives with a graph; stacking counts."""

    def prepare(case: Case) -> Solve:
        evaluate = _evaluator(subject)

        def solve(settings: Settings) -> Answer:
            A, b, alpha = lasso(case)
            rows = A.toarray(order="F") if dense else A
            w = evaluate(rows, b[:, None], settings, alpha=alpha, beta=0.0)
            return Answer({"W": w.reshape(case.n_tasks, case.n_features).T})

        return solve

    def declines(case: Case) -> str:
        columns = case.n_features * case.n_tasks
        return (
            f"reads dense rows only, here of {columns:,} columns" if dense and columns > LARGEST_DENSE else ""
        )

    return _competitor(name, subject, ladder, prepare, ("SR", "EG"), declines=declines)


def _grouped(name: str, subject: Subject, ladder: Sequence[Settings]) -> Competitor:
    """A group Lasso on rows stacked task by task, for l21 with one design a task; stacking counts."""
    call = (
        "GroupLasso(groups=tasks, alpha=alpha / (2 * N), fit_intercept=False, **settings)"
        ".fit(X, Y[:, 0]).coef_"
    )
    grouped = replace(subject, imports=subject.imports.replace("Lasso", "GroupLasso"), call=call)

    def prepare(case: Case) -> Solve:
        evaluate, alpha = _evaluator(grouped), case.weights["alpha"]

        def solve(settings: Settings) -> Answer:
            A, b = rows_by_feature(case)
            w = evaluate(A, b[:, None], settings, alpha=alpha, tasks=case.n_tasks)
            return Answer({"W": w.reshape(case.n_features, case.n_tasks)})

        return solve

    return _competitor(name, grouped, ladder, prepare, ("l21",), ("own",))


def _own_designs(name: str, subject: Subject, ladder: Sequence[Settings], call: str) -> Competitor:
    """A solver of l21 that takes one design a task, as ``designs``, with all targets in one column."""
    own = replace(subject, call=call)

    def prepare(case: Case) -> Solve:
        evaluate, X, Y = _evaluator(own), case.crowd.X, case.crowd.Y[:, None]
        designs = [piece for piece, _ in case.crowd.pieces()]

        def solve(settings: Settings) -> Answer:
            alpha = case.weights["alpha"]
            return Answer({"W": evaluate(X, Y, settings, alpha=alpha, designs=designs, T=case.n_tasks)})

        return solve

    return _competitor(name, subject, ladder, prepare, ("l21",), ("own",))


_NAMED = {subject.name: subject for subject in SUBJECTS}
_SKLEARN = _NAMED["sklearn.linear_model.ElasticNet"]
_GRAM = replace(_SKLEARN, call=_SKLEARN.call.replace("fit_intercept=", "precompute=True, fit_intercept="))
_MUTAR = _NAMED["mutar.GroupLasso"]
_PYPROXIMAL = _NAMED["pyproximal.ProximalGradient, L21"]
_GROUP_LASSO = _NAMED["group_lasso.GroupLasso, weights of its iteration"]


def _tols(name: str = "tol", decades: Sequence[float] = DECADES, **others: Any) -> list[Settings]:
    return [{name: tol, **others} for tol in decades]


_SWEEPS = _tols(max_iter=10**7)
_SETS = _tols(max_iter=10**4)  # of working sets; celer and skglm bound the sweeps on each of them
_FLAT = _tols(max_it=10**6, it0=10)
_STEPS = [
    {"niter": n, "acceleration": "fista"} for n in (10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)
]

COMPETITORS: tuple[Competitor, ...] = (
    Competitor(
        "fista", "certified-mtl", _fit_fista, _tols(decades=DECADES[:9]), lambda case: "", "import fista"
    ),
    _as_it_is("scikit-learn", _SKLEARN, _SWEEPS, "l1", "elastic"),
    _as_it_is("scikit-learn, Gram", _GRAM, _SWEEPS, "l1", "elastic"),
    _as_it_is("scikit-learn", _NAMED["sklearn.linear_model.MultiTaskLasso"], _SWEEPS, "l21"),
    _stacked("scikit-learn", _NAMED["sklearn.linear_model.Lasso"], _SWEEPS),
    _as_it_is("skglm", _NAMED["skglm.Lasso"], _SETS, "l1"),
    _as_it_is("skglm", _NAMED["skglm.ElasticNet"], _SETS, "elastic"),
    _as_it_is("skglm", _NAMED["skglm.MultiTaskLasso"], _SETS, "l21"),
    _stacked("skglm", _NAMED["skglm.Lasso"], _SETS),
    _grouped("skglm", _NAMED["skglm.Lasso"], _SETS),
    _as_it_is("celer", _NAMED["celer.Lasso"], _SETS, "l1"),
    _as_it_is("celer", _NAMED["celer.ElasticNet"], _SETS, "elastic"),
    _as_it_is("celer", _NAMED["celer.homotopy.mtl_path"], _SETS, "l21"),
    _stacked("celer", _NAMED["celer.Lasso"], _SETS),
    _grouped("celer", _NAMED["celer.Lasso"], _SETS),
    _as_it_is("adelie", _NAMED["adelie.grpnet"], _tols(max_iters=10**7), "l21"),
    _as_it_is("spams, LARS", _NAMED["spams.lasso"], [{}], "l1", "elastic"),
    _as_it_is("spams, FISTA", _NAMED["spams.fistaFlat, l1"], _FLAT, "l1"),
    _as_it_is("spams, FISTA", _NAMED["spams.fistaFlat, elastic-net"], _FLAT, "elastic"),
    _as_it_is("spams, FISTA", _NAMED["spams.fistaFlat, l1l2"], _FLAT, "l21"),
    _stacked("spams, LARS", _NAMED["spams.lasso"], [{}], dense=True),
    _as_it_is("mutar", _NAMED["mutar.IndLasso"], _SWEEPS, "l1"),
    _as_it_is("mutar", _MUTAR, _SWEEPS, "l21"),
    _own_designs(
        "mutar",
        _MUTAR,
        _SWEEPS,
        "GroupLasso(alpha / (2 * len(designs[0])), fit_intercept=False, **settings)"
        ".fit(np.stack(designs), Y.reshape(T, -1)).coef_",
    ),
    _as_it_is("group-lasso", _GROUP_LASSO, _tols(n_iter=10**6), "l21"),
    _as_it_is("pyproximal", _NAMED["pyproximal.ProximalGradient, L1"], _STEPS, "l1"),
    _as_it_is("pyproximal", _PYPROXIMAL, _STEPS, "l21"),
    _own_designs(
        "pyproximal",
        _PYPROXIMAL,
        _STEPS,
        _PYPROXIMAL.call.replace("[MatrixMult(X)] * T", "[MatrixMult(X) for X in designs]"),
    ),
    _cvxpy("CLARABEL", [dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), tol) for tol in DECADES]),
    _cvxpy(
        "OSQP", [{"eps_abs": tol, "eps_rel": tol, "max_iter": 10**6, "polishing": True} for tol in DECADES]
    ),
    _cvxpy("SCS", [{"eps_abs": tol, "eps_rel": tol, "max_iters": 10**6} for tol in DECADES]),
)
