"""Do FISTA and CVXPY agree? By bounds that follow from duality, with no tolerance to tune.

The objective F is 1-strongly convex in M w, and ``mu + 2 beta``-strongly convex in W, where
``M'M >= mu I`` and beta is the ridge weight. (Of Huber's loss and the logistic loss, which are not strongly
convex, M has the rows of the graph only, and mu is 0.) So if F(W_k) - F* <= g_k for two points,

    ||M (w_1 - w_2)||  <= sqrt(2 g_1) + sqrt(2 g_2),
    ||W_1 - W_2||_F    <= (sqrt(2 g_1) + sqrt(2 g_2)) / sqrt(mu + 2 beta).

Both solvers bring a bracket [dual, primal] of the same minimum, and two brackets of one number overlap:
``D_fista <= F_oracle`` and ``D_oracle <= F_fista``. Every F is read off the CVXPY expression at the returned
coefficients, every D is evaluated here through `formulations`, from FISTA's dual point and from the conic
solver's own multipliers; nothing of `fista`'s certificate is believed, it is checked.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from inspect import Parameter, signature
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import fista
import formulations
from fista.certificate import NEGATIVE
from formulations import Declared, Posed, declare
from formulations.posed import GENERIC
from verification.exact import ExactCertificate
from verification.proposal import prove

__all__ = ["CONES", "SOLVERS", "Bracket", "Comparison", "Verification", "certify", "solvers_for", "verify"]

Floats = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)

SOLVERS = ("CLARABEL", "OSQP", "SCS")
CONES = ("L21MTL", "RobustMTL")  # these need second-order cones, which OSQP has not
#: The width of an oracle's own bracket, relative to F(0), above which its answer decides nothing.
INCONCLUSIVE = {"CLARABEL": 1e-6, "OSQP": 1e-6, "SCS": 1e-4}


def solvers_for(objective: str) -> tuple[str, ...]:
    """The CVXPY solvers that can solve an objective."""
    return tuple(s for s in SOLVERS if not (s == "OSQP" and objective in CONES))


def _solvers(declared: Declared | Posed) -> tuple[str, ...]:
    """Those that can solve the objective: of a generic one, CVXPY says whether it is a quadratic program."""
    if isinstance(declared, Declared):
        return solvers_for(declared.name)
    return SOLVERS if declared.quadratic_program else tuple(s for s in SOLVERS if s != "OSQP")


@dataclass(frozen=True)
class Bracket:
    """``dual - rounding <= F* <= F(W) = primal``, evaluated without any solver's own word.

    Attributes
    ----------
    primal, dual : float
        The CVXPY expression at the coefficients, and a lower bound on its minimum.
    gap : float
        ``max(primal - dual, 0)``.
    relative_gap : float
        ``gap / F(0)``; 0 where both are 0.
    rounding : float
        A bound on the floating-point error of primal and dual together.
    reason : str
        Why there is no lower bound, where dual is -inf.
    """

    primal: float
    dual: float
    rounding: float
    at_zero: float
    reason: str = ""

    @property
    def gap(self) -> float:
        return max(self.primal - self.dual, 0.0)

    @property
    def relative_gap(self) -> float:
        return _relative(self.gap, self.at_zero)

    @property
    def distance_to_optimum(self) -> float:
        """A bound on ``||M (w - w*)||``: ``sqrt(2 (gap + rounding))``."""
        return float(np.sqrt(2 * (self.gap + self.rounding)))

    def holds(self, tol: float) -> bool:
        """Whether ``F(W) - F* <= tol * F(0)`` is proved, up to rounding."""
        return self.gap <= tol * self.at_zero + self.rounding

    def __str__(self) -> str:
        because = f" ({self.reason})" if self.reason else ""
        gap = "within rounding" if self.gap <= self.rounding else f"{self.relative_gap:.2g} F(0)"
        return f"F* in [{self.dual:.10g}, {self.primal:.10g}], gap {gap}{because}"


@dataclass(frozen=True)
class Comparison:
    """FISTA against one oracle.

    ``verdict`` is ``"agree"``, ``"inconclusive"`` (the oracle's own bracket is too wide to decide, or it gave
    no answer), ``"not certified"`` (no bound is broken, but FISTA stopped before its promise was kept) or
    ``"DISAGREE"``, and ``findings`` says what was found.
    """

    solver: str
    verdict: str
    findings: tuple[str, ...]
    bracket: Bracket | None
    distance: float  # ||M (w_fista - w_oracle)||
    distance_bound: float
    coefficient_distance: float  # ||W_fista - W_oracle||_F
    coefficient_bound: float  # inf where W is not unique
    seconds: float
    solver_seconds: float
    status: str


@dataclass(frozen=True)
class Verification:
    """What `verify` found: one `Comparison` an oracle. True in a boolean context if `agree`."""

    objective: str
    design: str
    bracket: Bracket
    certificate: fista.Certificate
    seconds: float
    comparisons: tuple[Comparison, ...] = field(default=())
    findings: tuple[str, ...] = ()

    @property
    def agree(self) -> bool:
        """Whether FISTA kept its promise, at least one oracle decides, and none disagrees."""
        return not self.disagree and any(c.verdict == "agree" for c in self.comparisons)

    @property
    def certified(self) -> bool:
        """Whether FISTA claims to have kept its promise; if so, `findings` says where that is not true."""
        return self.certificate.converged

    @property
    def disagree(self) -> bool:
        """Whether any promise was seen to be broken; not the opposite of `agree`, which takes a decision."""
        return bool(self.findings) or any(c.verdict == "DISAGREE" for c in self.comparisons)

    @property
    def inconclusive(self) -> tuple[Comparison, ...]:
        return tuple(c for c in self.comparisons if c.verdict == "inconclusive")

    def __bool__(self) -> bool:
        return self.agree

    def __str__(self) -> str:
        lines = [f"{self.objective} ({self.design}): FISTA {self.bracket}"]
        if not self.certified:
            lines.append(f"  FISTA: {self.certificate}")
        lines += [f"  FISTA: {finding}" for finding in self.findings]
        for c in self.comparisons:
            lines.append(f"  {c.solver}: {c.verdict} ({c.status}); {c.bracket}")
            lines += [f"    {finding}" for finding in c.findings]
        return "\n".join(lines)


def verify(model: Any, X: Any, y: Any, *, solvers: Sequence[str] | None = None, **data: Any) -> Verification:
    """Solve with FISTA and with every applicable CVXPY solver, and say whether they agree.

    Parameters
    ----------
    model : estimator of `fista` or `formulations`
        Which objective, with which weights and settings; it is not changed. A generic one must have a penalty
        that `formulations.penalties.expression` accepts, such as one of `from_expression`.
    X, y, **data
        As for its ``fit``.
    solvers : sequence of {"CLARABEL", "OSQP", "SCS"}, optional
        The oracles; by default all that can solve the objective.

    Returns
    -------
    Verification
        Its ``disagree`` is true if any bound that theory promises was seen to be broken; its ``agree`` takes
        more: that FISTA kept its promise and an oracle was accurate enough to decide.

    Examples
    --------
    >>> from fista import L21MTL
    >>> from verification import verify
    >>> verify(L21MTL(alpha=1.0), [[1.0, 0.0], [0.0, 1.0]], [[3.0, 4.0], [1.0, 0.0]]).agree
    True
    """
    objective = _objective_name(model)
    wanted = None if solvers is None else _read_solvers(solvers)
    declared = declare(model, X, y, **data)
    solved, seconds = _solve_fista(objective, model, X, y, data)
    point = _parts(solved), np.atleast_1d(np.asarray(solved.intercept_, dtype=np.float64))
    bracket = _bracket(declared, point, solved.certificate_.dual_point)
    chosen = _solvers(declared) if wanted is None else wanted
    # A bound of ours is lower than it might be by what it subtracts for trusting CVXPY.
    slack = declared.slack(*point) if isinstance(declared, Posed) else 0.0
    findings = tuple(_check_claims(solved.certificate_, bracket, slack))
    if objective == "STLasso" and solved.certificate_.converged:
        findings += tuple(_check_tasks(solved.certificate_, declared, point))
    oracle = getattr(formulations, objective)(**_parameters(model))  # one for all solvers: it is built once
    return Verification(
        objective=objective,
        design="per-task" if data.get("tasks") is not None else "shared",
        bracket=bracket,
        certificate=solved.certificate_,
        seconds=seconds,
        comparisons=tuple(
            _compare(
                oracle.set_params(solver=solver),
                declared,
                point,
                bracket,
                solved.certificate_,
                findings,
                (X, y, data),
            )
            for solver in chosen
        ),
        findings=findings,
    )


@overload
def certify(
    model_or_W: Any, X: Any, y: Any, *, objective: Any = None, exact: Literal[False] = False, **data: Any
) -> Bracket: ...


@overload
def certify(
    model_or_W: Any, X: Any, y: Any, *, objective: Any = None, exact: Literal[True], **data: Any
) -> ExactCertificate: ...


def certify(
    model_or_W: Any, X: Any, y: Any, *, objective: Any = None, exact: bool = False, **data: Any
) -> Bracket | ExactCertificate:
    """A bracket of the minimum from coefficients alone, whoever computed them.

    Parameters
    ----------
    model_or_W : fitted estimator, array of shape (D, T), dict of parts or pair (P, Q)
        A fitted estimator brings its own objective; an array is W, features x tasks (the transpose of a
        ``coef_``), a dict is ``{"W": W}`` or ``{"P": P, "Q": Q}``.
    X, y, **data
        As for ``fit``.
    objective : estimator, optional
        Which objective (needed with an array or a dict).
    exact : bool
        Whether to prove it in ball arithmetic (extra ``exact``): the bounds are then true, of these very
        floating-point coefficients and data, and not only up to rounding. What nothing penalises has no
        such proof but F* >= 0.

    Returns
    -------
    Bracket, or ExactCertificate if ``exact``

    Examples
    --------
    >>> from fista import STLasso
    >>> from verification import certify
    >>> X, y = [[1.0, 0.0], [0.0, 1.0]], [2.0, 0.25]
    >>> certify([[1.5], [0.0]], X, y, objective=STLasso()).holds(tol=1e-9)
    True
    >>> certify([[1.0], [0.0]], X, y, objective=STLasso()).holds(tol=1e-9)
    False
    """
    intercept: Floats | None = None
    if hasattr(model_or_W, "parts_"):
        model, parts = model_or_W if objective is None else objective, _parts(model_or_W)
        intercept = np.atleast_1d(np.asarray(model_or_W.intercept_, dtype=np.float64))
    else:
        if hasattr(model_or_W, "fit"):
            raise ValueError(
                f"model_or_W: found {type(model_or_W).__name__}, not fitted or of another library; expected "
                "an estimator fitted here, or coefficients (of another library: model.coef_.T)"
            )
        if objective is None:
            raise ValueError("objective: found None with plain coefficients; expected an estimator")
        if isinstance(objective, str | type):
            raise TypeError(
                f"objective: found {objective!r}; expected an estimator, whose weights count too, such as "
                "L21MTL(alpha=1.0)"
            )
        model = objective
        if isinstance(model_or_W, tuple) and len(model_or_W) == 2 == len(model._part_names):
            model_or_W = dict(zip(model._part_names, model_or_W, strict=True))
        given = model_or_W if isinstance(model_or_W, dict) else {"W": model_or_W}
        parts = {name: _read_part(name, part) for name, part in given.items()}
    declared = declare(model, X, y, **data)
    _check_parts(parts, declared, plain=not (hasattr(model_or_W, "parts_") or isinstance(model_or_W, dict)))
    if exact:
        if not isinstance(declared, Declared):
            raise TypeError(
                f"exact: found True with {declared.name}; expected an objective whose penalty is known in "
                f"ball arithmetic: {', '.join(formulations.OBJECTIVES)}"
            )
        claim = getattr(model_or_W, "certificate_", None)
        known = None if claim is None or objective is not None else claim.gap + claim.rounding
        return prove(declared, parts, intercept if declared.fit_intercept else None, known)
    return _bracket(declared, (parts, intercept), declared.residual_theta(parts, intercept))


def _read_solvers(solvers: Any) -> tuple[str, ...]:
    expected = f"expected a sequence of some of {', '.join(SOLVERS)}"
    if isinstance(solvers, str) or not isinstance(solvers, Iterable):
        raise TypeError(f"solvers: found {solvers!r}; {expected}, such as ['CLARABEL']")
    chosen = tuple(solvers)
    if unknown := [name for name in chosen if name not in SOLVERS]:
        raise ValueError(f"solvers: found {unknown[0]!r}; {expected}")
    return chosen


def _read_part(name: str, part: Any) -> Floats:
    try:
        return np.asarray(part, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f"model_or_W: found {part!r} of type {type(part).__name__} for {name}; expected a fitted "
            "estimator, or coefficients, features x tasks"
        ) from None


def _check_parts(parts: dict[str, Floats], declared: Declared | Posed, *, plain: bool) -> None:
    if set(parts) != set(declared.parts):
        found = "one array" if plain else f"the parts {sorted(parts)}"
        raise ValueError(
            f"model_or_W: found {found}; expected a dict of {sorted(declared.parts)}, whose sum is W"
        )
    for name, part in parts.items():
        expected = declared.n_features, declared.n_tasks
        if part.shape != expected:
            raise ValueError(
                f"model_or_W: found {name} of shape {part.shape}; expected {expected}, features x tasks "
                "(coef_ is the transpose: pass coef_.T)"
            )
        if not np.isfinite(part).all():
            raise ValueError(f"model_or_W: found NaN or infinity in {name}; expected finite coefficients")


def _objective_name(model: Any) -> str:
    for cls in type(model).__mro__:
        if cls.__name__ in formulations.OBJECTIVES or cls.__name__ in GENERIC:
            return cls.__name__
    known = ", ".join([*formulations.OBJECTIVES, *GENERIC])
    raise TypeError(f"model: found {type(model).__name__}; expected one of {known}")


def _parameters(model: Any) -> dict[str, Any]:
    """What `fista` and `formulations` share of the parameters that are not at their defaults."""
    defaults = {name: p.default for name, p in signature(type(model).__init__).parameters.items()}
    given = model.get_params(deep=False).items()
    return {k: v for k, v in given if k != "solver" and v is not defaults.get(k, Parameter.empty)}


def _solve_fista(objective: str, model: Any, X: Any, y: Any, data: dict[str, Any]) -> tuple[Any, float]:
    if type(model).__module__.startswith("formulations"):
        solver = getattr(fista, objective)(**_parameters(model))
    else:
        solver = clone(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # reported as a finding
        start = time.perf_counter()
        solver.fit(X, y, **data)
    return solver, time.perf_counter() - start


def _parts(model: Any) -> dict[str, Floats]:
    return {name: np.asarray(part, dtype=np.float64) for name, part in model.parts_.items()}


def _bracket(
    declared: Declared | Posed, point: tuple[dict[str, Floats], Floats | None], theta: dict[str, Floats]
) -> Bracket:
    parts, intercept = point
    bound = declared.dual(theta)
    return Bracket(
        primal=declared.primal(parts, intercept),
        dual=bound.value,
        rounding=declared.rounding(parts),
        at_zero=declared.at_zero,
        reason="" if np.isfinite(bound.value) else bound.reason,
    )


def _check_claims(claim: fista.Certificate, bracket: Bracket, slack: float = 0.0) -> list[str]:
    """FISTA's certificate against the bracket evaluated here at its coefficients and its dual point.

    Its dual value is not compared with ours, which pays for rounding in its own way: what counts is that
    our bracket keeps the promise, and (in `_compare`) that no oracle reaches below the claimed bound.
    """
    room = 2 * bracket.rounding  # ours, at both ends: what is judged does not set its own tolerance
    found = [claim.reason] if claim.reason == NEGATIVE else []
    if abs(claim.primal - bracket.primal) > room:
        found.append(
            f"claims F(W) = {claim.primal!r}, but the declared objective is {bracket.primal!r} there"
        )
    if (
        claim.converged
        and np.isfinite(bracket.dual)
        and bracket.gap > claim.tol * bracket.at_zero + room + slack
    ):
        found.append(f"claims a relative gap of {claim.relative_gap:.3g}, found {bracket.relative_gap:.3g}")
    return found


def _check_tasks(
    claim: fista.Certificate, declared: Declared, point: tuple[dict[str, Floats], Floats]
) -> list[str]:
    """The promise of `STLasso` is made to every task by itself."""
    gaps = declared.task_gaps(*point, claim.dual_point)
    return [
        f"task {t}: claims a relative gap of {claim.tol:g}, found {gap / at_zero if at_zero else np.inf:.3g}"
        for t, (gap, at_zero, rounding) in enumerate(gaps)
        if np.isfinite(gap) and gap > claim.tol * at_zero + 2 * rounding
    ]


def _compare(
    oracle: Any,
    declared: Declared | Posed,
    point: tuple[dict[str, Floats], Floats],
    ours: Bracket,
    claim: fista.Certificate,
    findings: tuple[str, ...],
    arguments: tuple[Any, Any, dict[str, Any]],
) -> Comparison:
    solver = oracle.solver
    X, y, data = arguments
    start = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # its bracket tells more
            oracle.fit(X, y, **data)
    except formulations.OracleError as error:
        seconds, nan = time.perf_counter() - start, float("nan")
        return Comparison(
            solver, "inconclusive", (str(error),), None, nan, nan, nan, nan, seconds, nan, "failed"
        )
    seconds = time.perf_counter() - start
    parts = _parts(oracle)
    theirs = _bracket(
        declared,
        (parts, np.atleast_1d(np.asarray(oracle.intercept_, dtype=np.float64))),
        oracle.multipliers_,
    )
    room = ours.rounding + theirs.rounding
    found = []
    if ours.dual > theirs.primal + room:
        found.append(f"brackets do not overlap: FISTA's bound {ours.dual!r} > F(oracle) {theirs.primal!r}")
    if theirs.dual > ours.primal + room:
        found.append(f"brackets do not overlap: oracle's bound {theirs.dual!r} > F(FISTA) {ours.primal!r}")
    if claim.dual > theirs.primal + room:
        found.append(f"FISTA claims the bound {claim.dual!r}, the oracle reaches {theirs.primal!r}")

    mine = point[0]
    # The images themselves are computed to within gamma A, where gamma A^2 is the bound on the values.
    images = np.sqrt(sum(declared.M.shape) * EPS * room)
    distance = float(np.linalg.norm(declared.image(mine) - declared.image(parts)))
    bound = ours.distance_to_optimum + theirs.distance_to_optimum + images
    if distance > bound:
        found.append(f"||M(w1 - w2)|| = {distance:.3g} exceeds its bound {bound:.3g}")
    convexity = (declared.mu() or 0.0) + 2 * declared.ridge
    apart = float(np.linalg.norm(sum(mine.values()) - sum(parts.values())))
    coefficient_bound = bound / np.sqrt(convexity) if convexity > 0 else np.inf
    if apart > coefficient_bound:
        found.append(f"||W1 - W2|| = {apart:.3g} exceeds its bound {coefficient_bound:.3g}")

    decisive = theirs.gap <= INCONCLUSIVE[solver] * theirs.at_zero + theirs.rounding
    if found or findings:
        verdict = "DISAGREE"
    elif not claim.converged:  # with a wide bracket of FISTA's own the bounds above are met by anything
        verdict = "not certified"
    elif decisive:
        verdict = "agree"
    else:
        verdict = "inconclusive"
        found.append(f"its own bracket is {theirs.relative_gap:.2g} F(0) wide")
    return Comparison(
        solver,
        verdict,
        tuple(found),
        theirs,
        distance,
        bound,
        apart,
        float(coefficient_bound),
        seconds,
        float(oracle.solve_time_),
        oracle.status_,
    )


def _relative(gap: float, at_zero: float) -> float:
    if gap == 0:
        return 0.0
    return gap / at_zero if at_zero > 0 else np.inf
