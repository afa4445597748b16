"""Solvers of other libraries, as subjects of `check_solver`.

Each is one line of that library's own Python, with its weights mapped from ours: what is printed is what is
run. ``python -m verification.third_party`` writes what was found to ``docs/third_party.md``: calls, versions,
data and brackets. A package is imported when it is used, and one that is not installed is reported as such.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import platform
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from verification.files import whole_file
from verification.solver_checks import Counterexample, SolverReport, check_solver
from verification.strategies import SPARSITY

__all__ = ["SUBJECTS", "Finding", "Subject", "examine", "markdown"]

Floats = NDArray[np.float64]
#: What is asked of a solver at default settings whose documentation does not bound F(W) - F*.
UNDEFINED = 1e-4
#: What is asked of every solver at tight settings.
TIGHT = 1e-5
BUDGET = 60


@dataclass(frozen=True)
class Subject:
    """One solver of another library, for one objective of ours.

    ``call`` is an expression for W (D x T) in terms of ``X``, ``Y``, the weights of ``objective``,
    ``N, D, T``, ``settings`` and, for a solver that ``takes`` it, ``fit_intercept``.
    """

    name: str
    package: str  # as it is installed
    objective: str
    imports: str
    call: str
    mapping: str  # the objective that its documentation states, and where
    stopping: str  # what its documentation says of the tolerance, and where
    promise: float | None = None  # F(W) - F* <= promise * F(0) at default settings, where that is documented
    default: Mapping[str, Any] = field(default_factory=dict)
    tight: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, float] = field(default_factory=dict)  # weights of ours that it lacks
    takes: tuple[str, ...] = ()
    installing: str = ""  # why it may be missing, where pip alone does not install it here

    @property
    def version(self) -> str | None:
        """Of the installed package; None if it is not installed."""
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return None

    @property
    def missing(self) -> str:
        """Why it cannot be run here; empty if it can."""
        if self.version is None:
            return f"{self.package} is not installed" + (f": {self.installing}" if self.installing else "")
        try:
            exec(self.imports, {})
        except Exception as error:  # whatever another library raises is only reported
            return f"{self.package} {self.version} cannot be imported: {type(error).__name__}: {error}"
        return ""

    def solver(self, **settings: Any) -> Callable[..., Floats]:
        """The solver for `check_solver`, at these settings.

        Weights of zero are outside of what these libraries cover (of alpha = 0 scikit-learn says that it
        "is not advised"): such a problem is declined, with a warning, and the solver is not asked.
        """

        def solve(X: Any, y: Any, fit_intercept: bool = False, **weights: Any) -> Floats:
            if not all(np.all(np.asarray(weights[name]) > 0) for name in SPARSITY[self.objective]):
                warnings.warn(
                    "not converged: a weight of zero is not covered", ConvergenceWarning, stacklevel=2
                )
                return np.zeros((X.shape[1], y.shape[1]))
            names = {"np": np, "X": X, "Y": y, "settings": settings, "fit_intercept": fit_intercept}
            names.update(weights)
            names.update(N=X.shape[0], D=X.shape[1], T=y.shape[1])
            exec(self.imports, names)
            return np.asarray(eval(self.call, names), dtype=np.float64)

        return solve


def _columns(one: str) -> str:
    """A call that solves the tasks one by one; ``a`` is the weight and ``y`` the ratings of one."""
    return f"np.column_stack([{one} for a, y in zip(np.broadcast_to(alpha, T), Y.T)])"


def _elastic(options: str) -> str:
    """The weights of an elastic net ``a r ||w||_1 + a (1 - r) / 2 ||w||^2`` whose loss is divided by 2N."""
    return f"(alpha + 2 * beta) / (2 * N), l1_ratio=alpha / (alpha + 2 * beta), {options}"


_NO_RIDGE = {"beta": 0.0}
_INTERCEPT = "fit_intercept=fit_intercept, **settings"
_PLAIN = "fit_intercept=False, **settings"

# scikit-learn: the objectives and, under Notes, the stopping rule are those of the classes' docstrings.
_SKLEARN_LASSO = "1/(2N) ||y - Xw||^2 + a ||w||_1, W row-wise in the multi-task classes (class docstring)"
_SKLEARN_NET = "1/(2N) ||y - Xw||^2 + a r ||w||_1 + a (1 - r)/2 ||w||^2 (class docstring)"
_SKLEARN_STOP = (
    "`tol=1e-4`: the updates, then the duality gap <= tol ||y||^2 / N in units of 1/(2N) SSQ "
    "(class docstring), which is 2 tol F(0)"
)
_SKLEARN: dict[str, Any] = {
    "package": "scikit-learn",
    "stopping": _SKLEARN_STOP,
    "promise": 2e-4,
    "tight": {"tol": 1e-10, "max_iter": 1_000_000},
    "takes": ("fit_intercept",),
}

# skglm: the objectives are scikit-learn's. Its stopping quantity is found in its source only
# (solvers/anderson_cd.py, solvers/multitask_bcd.py): the largest distance to the subdifferential.
_SKGLM: dict[str, Any] = {
    "package": "skglm",
    "stopping": '`tol=1e-4`: "Stopping criterion for the optimization", unit not stated (class docstring)',
    "tight": {"tol": 1e-10, "max_epochs": 5000},
}

_CELER: dict[str, Any] = {
    "package": "celer",
    "stopping": (
        "`tol=1e-4`: duality gap <= tol ||y||^2 / N in units of 1/(2N) SSQ (class docstring), "
        "which is 2 tol F(0)"
    ),
    "promise": 2e-4,
    "tight": {"tol": 1e-9},
}

# spams: loss "square" is 1/2 ||Y - XW||^2, "l1l2" the sum of the norms of the rows, "elastic-net" the 1-norm
# with half the squared norm times lambda2 (SPAMS documentation: proximal toolbox, fistaFlat; lasso).
_SPAMS: dict[str, Any] = {
    "package": "spams-bin",
    "imports": "import spams",
    "stopping": (
        "`tol=1e-6`: relative duality gap, or relative change of the parameters where there is no gap; "
        'looked at every `it0=100` of `max_it=1000` iterations; `L0=1.0`, the first L, "should be small '
        'enough" (SPAMS, fistaFlat)'
    ),
    "tight": {"tol": 1e-9, "max_it": 100_000, "it0": 10, "L0": 1e-14},
}


def _flat(regularisation: str, options: str = "") -> str:
    return (
        "spams.fistaFlat(np.asfortranarray(Y), np.asfortranarray(X), np.zeros((D, T), order='F'), "
        f"loss='square', regul='{regularisation}', lambda1=alpha / 2, {options}numThreads=1, **settings)"
    )


_GROUP_LASSO: dict[str, Any] = {
    "package": "group-lasso",
    "objective": "L21MTL",
    "imports": "from group_lasso import GroupLasso",
    "stopping": "`tol=1e-5`: ||W_next - W|| < tol, within `n_iter=100` iterations (class docstring)",
    "tight": {"tol": 1e-9, "n_iter": 10_000},
    "fixed": _NO_RIDGE,
}


def _group_lasso(weight: str) -> str:
    return (
        f"GroupLasso(np.arange(D), group_reg={weight}, l1_reg=0.0, scale_reg='none', fit_intercept=False, "
        "supress_warning=True, random_state=0, **settings).fit(X, Y).coef_"
    )


_MUTAR: dict[str, Any] = {
    "package": "mutar",
    "stopping": "`tol=1e-4`: the updates, then the duality gap, unit not stated (class docstring)",
    "tight": {"tol": 1e-10, "max_iter": 100_000},
    "installing": (
        "version 0.0.1 has no wheel and its build stops with \"No module named 'Cython'\"; with Cython and "
        "NumPy installed beforehand and pip's --no-build-isolation it builds"
    ),
}

_PYPROXIMAL: dict[str, Any] = {
    "package": "pyproximal",
    "stopping": (
        "`niter=10` iterations, `tol=None`: run until niter is reached; else the relative change of the "
        "objective; `tau=None`: backtracking, from tau = 1 (ProximalGradient)"
    ),
    "tight": {"niter": 5000, "acceleration": "fista", "tol": 1e-9},
    "fixed": _NO_RIDGE,
}
_PYPROXIMAL_IMPORTS = (
    "from pylops import BlockDiag, MatrixMult\n"
    "from pyproximal import {norm}, L2\n"
    "from pyproximal.optimization.primal import ProximalGradient"
)
# Its L2 is sigma/2 ||Op x - b||^2; its L21 sums the norms of the columns of the T x D array that x is.
_PYPROXIMAL_CALL = (
    "ProximalGradient(L2(Op=BlockDiag([MatrixMult(X)] * T), b=Y.T.ravel(), sigma=2.0), {norm}, "
    "np.zeros(T * D), **settings).reshape(T, D).T"
)


def _like_scikit_learn(module: str, options: str, net: str, library: dict[str, Any]) -> tuple[Subject, ...]:
    """The three estimators that scikit-learn has and others took over; ``net`` calls its ElasticNet."""

    def subject(name: str, objective: str, call: str, mapping: str, **rest: Any) -> Subject:
        return Subject(
            name=f"{module}.{name}",
            objective=objective,
            imports=f"from {module} import {name}",
            call=call,
            mapping=mapping,
            **rest,
            **library,
        )

    lasso = _columns(f"Lasso(a / (2 * N), {options}).fit(X, y).coef_")
    rows = f"MultiTaskLasso(alpha / (2 * N), {options}).fit(X, Y).coef_.T"
    return (
        subject("Lasso", "STLasso", lasso, _SKLEARN_LASSO),
        subject("ElasticNet", "MTLasso", net, _SKLEARN_NET),
        subject("MultiTaskLasso", "L21MTL", rows, _SKLEARN_LASSO, fixed=_NO_RIDGE),
    )


_NET_BY_COLUMNS = _columns(f"ElasticNet({_elastic(_PLAIN)}).fit(X, y).coef_")

SUBJECTS: tuple[Subject, ...] = (
    *_like_scikit_learn(
        "sklearn.linear_model",
        _INTERCEPT,
        f"np.atleast_2d(ElasticNet({_elastic(_INTERCEPT)}).fit(X, Y).coef_).T",
        _SKLEARN,
    ),
    Subject(
        name="sklearn.linear_model.MultiTaskElasticNet",
        objective="L21MTL",
        imports="from sklearn.linear_model import MultiTaskElasticNet",
        call=f"MultiTaskElasticNet({_elastic(_INTERCEPT)}).fit(X, Y).coef_.T",
        mapping=_SKLEARN_NET,
        **_SKLEARN,
    ),
    *_like_scikit_learn("skglm", _PLAIN, _NET_BY_COLUMNS, _SKGLM),
    *_like_scikit_learn("celer", _PLAIN, _NET_BY_COLUMNS, _CELER),
    Subject(
        name="celer.homotopy.mtl_path",
        objective="L21MTL",
        imports="from celer.homotopy import mtl_path",
        call="mtl_path(X, Y, alphas=[alpha / (2 * N)], **settings)[1][..., 0].T",
        mapping="that of celer.MultiTaskLasso, which calls it; the function has no docstring",
        fixed=_NO_RIDGE,
        **{
            **_CELER,
            "stopping": "`tol=1e-6`, of which nothing is documented",
            "promise": None,
        },
    ),
    Subject(
        name="adelie.grpnet",
        package="adelie",
        objective="L21MTL",
        imports="import adelie",
        # The loss of `multigaussian` is divided by 2NT; `penalty` would be the roots of the group sizes.
        call=(
            "adelie.grpnet(np.asfortranarray(X), adelie.glm.multigaussian(np.asfortranarray(Y)), "
            "alpha=alpha / (alpha + 2 * beta), penalty=np.ones(D), "
            "lmda_path=[(alpha + 2 * beta) / (2 * N * T)], intercept=False, early_exit=False, "
            "progress_bar=False, **settings).betas.toarray().reshape(D, T)"
        ),
        mapping="1/(2NT) ||Y - XW||^2 + lmda sum_d penalty_d (a ||W_d.|| + (1 - a)/2 ||W_d.||^2) (grpnet)",
        stopping='`tol=1e-7`: "coordinate descent convergence tolerance", unit not stated (grpnet)',
        tight={"tol": 1e-14},
        installing="version 1.1.52 requires numpy<2, this package numpy>=2",
    ),
    Subject(
        name="spams.fistaFlat, l1",
        objective="MTLasso",
        call=_flat("l1"),
        mapping="1/2 ||Y - XW||^2 + lambda1 sum |W_dt| (SPAMS, fistaFlat)",
        fixed=_NO_RIDGE,
        **_SPAMS,
    ),
    Subject(
        name="spams.fistaFlat, elastic-net",
        objective="MTLasso",
        call=_flat("elastic-net", "lambda2=beta, "),
        mapping="1/2 ||Y - XW||^2 + lambda1 sum |W_dt| + lambda2/2 ||W||^2 (SPAMS, fistaFlat)",
        **_SPAMS,
    ),
    Subject(
        name="spams.fistaFlat, l1l2",
        objective="L21MTL",
        call=_flat("l1l2"),
        mapping="1/2 ||Y - XW||^2 + lambda1 sum_d ||W_d.|| (SPAMS, fistaFlat)",
        fixed=_NO_RIDGE,
        **_SPAMS,
    ),
    Subject(
        name="spams.lasso",
        package="spams-bin",
        objective="MTLasso",
        imports="import spams",
        call=(
            "spams.lasso(np.asfortranarray(Y), D=np.asfortranarray(X), lambda1=alpha / 2, lambda2=beta, "
            "mode=2, numThreads=1, **settings).toarray()"
        ),
        mapping="1/2 ||y - Xw||^2 + lambda1 ||w||_1 + lambda2/2 ||w||^2, mode 2 = PENALTY (SPAMS, lasso)",
        stopping="homotopy (LARS), no tolerance; `L`, a largest number of steps, is not set (SPAMS, lasso)",
    ),
    Subject(
        name="group_lasso.GroupLasso, weights of its loss()",
        call=_group_lasso("alpha / (2 * N)"),
        mapping="1/(2N) ||Y - XW||^2 + group_reg sum_d ||W_d.||, what GroupLasso.loss evaluates",
        **_GROUP_LASSO,
    ),
    Subject(
        name="group_lasso.GroupLasso, weights of its iteration",
        call=_group_lasso("alpha / (4 * N)"),
        # In _fista.py the gradient of the loss is halved in each step, and the proximal map is not.
        mapping="1/(4N) ||Y - XW||^2 + group_reg sum_d ||W_d.||, whose minimisers its iteration leaves fixed",
        **_GROUP_LASSO,
    ),
    Subject(
        name="mutar.IndLasso",
        objective="STLasso",
        imports="from mutar import IndLasso",
        call=(
            "IndLasso(np.broadcast_to(alpha, T) / (2 * N), fit_intercept=False, **settings)"
            ".fit(np.stack([X] * T), Y.T).coef_"
        ),
        mapping=_SKLEARN_LASSO,
        **_MUTAR,
    ),
    Subject(
        name="mutar.GroupLasso",
        objective="L21MTL",
        imports="from mutar import GroupLasso",
        call="GroupLasso(alpha / (2 * N), fit_intercept=False, **settings).fit(np.stack([X] * T), Y.T).coef_",
        mapping="1/(2N) ||Y - XW||^2 + a sum_d ||W_d.|| (class docstring)",
        fixed=_NO_RIDGE,
        **_MUTAR,
    ),
    Subject(
        name="pyproximal.ProximalGradient, L1",
        objective="MTLasso",
        imports=_PYPROXIMAL_IMPORTS.format(norm="L1"),
        call=_PYPROXIMAL_CALL.format(norm="L1(sigma=alpha)"),
        mapping="sigma/2 ||Op x - b||^2 (L2) + sigma ||x||_1 (L1)",
        **_PYPROXIMAL,
    ),
    Subject(
        name="pyproximal.ProximalGradient, L21",
        objective="L21MTL",
        imports=_PYPROXIMAL_IMPORTS.format(norm="L21"),
        call=_PYPROXIMAL_CALL.format(norm="L21(ndim=T, sigma=alpha)"),
        mapping="sigma/2 ||Op x - b||^2 (L2) + sigma sum_d ||W_d.|| (L21)",
        **_PYPROXIMAL,
    ),
)


@dataclass(frozen=True)
class Finding:
    """What `check_solver` found of a subject at some settings, or why it could not be asked."""

    subject: Subject
    settings: Mapping[str, Any]
    tol: float
    report: SolverReport | None = None
    said: tuple[str, ...] = ()  # its warnings on the counterexample
    missing: str = ""

    @property
    def verdict(self) -> str:
        """In a few words."""
        if self.report is None:
            return "not run"
        found = self.report.counterexample
        tried = sum(self.report.problems.values())
        if found is None:
            more = [f"{self.report.declined} declined"] if self.report.declined else []
            more += [f"{self.report.undecided} undecided"] if self.report.undecided else []
            if not self.report.passed:
                return f"nothing proved on {tried} ({', '.join(more) or 'W = 0 would do'})"
            kept = self.report.proved + self.report.trivial
            return f"held on {kept} of {tried}" + (f" ({', '.join(more)})" if more else "")
        if found.optimum is None:  # no coefficients to speak of
            return f"problem {found.tried}: {found.text.split(':')[0]}"
        above = f"{found.excess:.1e} F(0)" if np.isfinite(found.excess) else "more than F(0) = 0"
        return f"problem {found.tried}: {above}, " + ("warned" if self.said else "no warning")


def examine(subject: Subject, *, tight: bool = False, budget: int = BUDGET, seed: int = 0) -> Finding:
    """Run `check_solver` on a subject.

    Parameters
    ----------
    subject : Subject
    tight : bool
        At tight settings, judged at `TIGHT`; else at default ones, judged at what the documentation promises
        and, where it promises nothing of F(W) - F*, at `UNDEFINED`.
    budget, seed : int
        As for `check_solver`.
    """
    settings = subject.tight if tight else subject.default
    tol = TIGHT if tight else UNDEFINED if subject.promise is None else subject.promise
    missing = subject.missing
    if missing:
        return Finding(subject, settings, tol, missing=missing)
    solve = subject.solver(**settings)
    report = check_solver(
        solve,
        subject.objective,
        tol=tol,
        takes=subject.takes,
        fixed=subject.fixed,
        budget=budget,
        seed=seed,
    )
    said = () if report.counterexample is None else _said(solve, report.counterexample)
    return Finding(subject, settings, tol, report, said)


def _said(solve: Callable[..., Any], found: Counterexample) -> tuple[str, ...]:
    """What the solver warns of when it solves the counterexample."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            solve(**deepcopy({**found.case.data, **found.case.parameters}))
        except Exception:  # it is in the text of the counterexample
            return ()
    return tuple(dict.fromkeys(f"{w.category.__name__}: {w.message}" for w in caught))


# -- the report ------------------------------------------------------------------------------------


def script(finding: Finding, found: Counterexample) -> str:
    """Python that runs the subject on the counterexample and brackets the optimum."""
    subject, case = finding.subject, found.case
    weights = {k: v for k, v in case.parameters.items() if k != "fit_intercept"}
    weights = {k: v.tolist() if isinstance(v, np.ndarray) else float(v) for k, v in weights.items()}
    lines = [
        "import numpy as np",
        subject.imports,
        f"from fista import {subject.objective}",
        "from verification import certify",
        f"X = np.array({case.data['X'].tolist()!r})",
        f"Y = np.array({case.data['y'].tolist()!r})",
        "N, D, T = *X.shape, Y.shape[1]",
        *(f"{name} = {value!r}" for name, value in weights.items()),
        f"settings = {dict(finding.settings)!r}",
    ]
    if subject.takes:
        lines.append(f"fit_intercept = {case.parameters['fit_intercept']}")
    arguments = ", ".join(f"{name}={name}" for name in weights)
    intercept = "fit_intercept" if subject.takes else "False"
    return "\n".join(
        [
            *lines,
            f"W = {subject.call}",
            f"ours = {subject.objective}({arguments}, fit_intercept={intercept}, tol=1e-9, max_iter=20000)",
            "print(certify(W, X, Y, objective=ours).primal, certify(ours.fit(X, Y), X, Y))",
        ]
    )


def markdown(
    findings: Sequence[tuple[Finding, Finding]], *, date: str, budget: int = BUDGET, seed: int = 0
) -> str:
    """The report: the same for the same findings.

    Parameters
    ----------
    findings : sequence of (Finding, Finding)
        At default and at tight settings, of each subject.
    date : str
    budget, seed : int
        What they were found with.
    """
    return "\n".join(_lines(findings, date, budget, seed)) + "\n"


def _lines(findings: Sequence[tuple[Finding, Finding]], date: str, budget: int, seed: int) -> Iterator[str]:
    yield "# Solvers of other libraries under check_solver"
    yield ""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "scipy", "scikit-learn")
    )
    yield f"{date}; Python {platform.python_version()}, {versions}; {budget} problems a run, seed {seed}."
    yield f"Written by `python -m verification.third_party --budget {budget} --seed {seed}`."
    yield ""
    yield (
        "Each solver is given ordinary and hostile problems (scaled, collinear, tiny and huge weights) of at "
        "most 24 rows, 5 features and 4 tasks, with the weights that its documentation makes equal to ours. "
        "Default settings are judged at what the documentation promises of F(W) - F*, relative to F(0), and "
        f"where it promises nothing of it at {UNDEFINED:g}; tight settings at {TIGHT:g}. A problem counts "
        "against a solver only where better coefficients are known. Where it warns that it has not converged "
        "the problem is declined; so are those with a sparsity weight of zero, which are not given to it."
    )
    yield ""
    yield (
        "`held on n`: n problems, none of which counts. `problem k: x F(0)`: the k-th counts; in the "
        "smallest such problem F(W) is x F(0) above the optimum, and `no warning` says that nothing was "
        "raised or warned."
    )
    yield ""
    yield "| solver | package | objective | default settings | judged at | tight settings |"
    yield "|---|---|---|---|---|---|"
    for loose, tight in findings:
        s = loose.subject
        objective = f"`{s.objective}`" + "".join(f", {k} = {v:g}" for k, v in s.fixed.items())
        package = f"{s.package} {s.version}" if s.version else s.package
        judged = f"{loose.tol:g}" + (" (documented)" if s.promise is not None else "")
        yield f"| {s.name} | {package} | {objective} | {loose.verdict} | {judged} | {tight.verdict} |"
    for loose, tight in findings:
        s = loose.subject
        yield ""
        yield f"## {s.name}"
        yield ""
        yield f"- call: `{s.call}`"
        yield f"- its objective: {s.mapping}"
        yield f"- its stopping rule: {s.stopping}"
        if s.takes:
            yield f"- takes: {', '.join(s.takes)}"
        if loose.missing:
            yield f"- not run: {loose.missing}"
            continue
        if s.installing:
            yield f"- installing: {s.installing}"
        for name, finding in (("default", loose), ("tight", tight)):
            settings = dict(finding.settings)
            yield f"- {name} settings `{settings!r}`, judged at {finding.tol:g}: {finding.verdict}"
        for name, finding in (("default", loose), ("tight", tight)):
            if finding.report is not None and finding.report.counterexample is not None:
                yield from _counterexample(name, finding, finding.report.counterexample)


def _counterexample(name: str, finding: Finding, found: Counterexample) -> Iterator[str]:
    yield ""
    yield f"At {name} settings, {found.family}: {found.text}."
    if found.optimum is not None:
        yield f"The optimum: {found.optimum}."
    if found.diagnosis:
        yield f"Diagnosis: {found.diagnosis}."
    yield f"Warnings: {'; '.join(' '.join(text.split()) for text in finding.said) or 'none'}."
    yield ""
    yield "```python"
    yield script(finding, found)
    yield "```"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report; the exit status is 0 whatever was found."""
    parser = argparse.ArgumentParser(prog="python -m verification.third_party", description=main.__doc__)
    parser.add_argument("--budget", type=int, default=BUDGET, help="problems a run (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the problems (default %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=Path("docs/third_party.md"), help="default %(default)s"
    )
    parser.add_argument("--only", default="", help="subjects whose name contains this")
    options = parser.parse_args(arguments)
    findings = []
    for subject in SUBJECTS:
        if options.only not in subject.name:
            continue
        loose, tight = (
            examine(subject, tight=tight, budget=options.budget, seed=options.seed) for tight in (False, True)
        )
        print(f"{subject.name}: {loose.missing or loose.verdict + '; tight: ' + tight.verdict}", flush=True)
        findings.append((loose, tight))
    today = datetime.date.today().isoformat()
    text = markdown(findings, date=today, budget=options.budget, seed=options.seed)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(options.output) as file:
        file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
