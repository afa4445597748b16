"""Is a penalty right? `check_penalty` looks for the smallest matrix at which it is not.

With phi(W) = 1/2 ||W - V||_F^2 + s Omega(W) and p = prox(V, s), what is checked follows from the definitions
and from nothing that the penalty says of itself:

- *argmin*: phi is 1-strongly convex, so phi(W) >= phi(p) + 1/2 ||W - p||^2 for every W;
- *expression*: CVXPY evaluates and minimises the declared penalty, which must agree;
- *nonexpansive*: ||p - q||^2 <= <p - q, V - V'> for the proxes of two points;
- *subgradient*: u = (V - p) / s has <p, u> = Omega(p) and polar(u) <= 1 (norms), by Fenchel and Young;
- *norm*: Omega(c W) = c Omega(W), Omega(-W) = Omega(W), Omega(V + W) <= Omega(V) + Omega(W);
- *polar*: <G, W> <= polar(G) Omega(W), with equality for the W that CVXPY finds;
- *conjugate*: <G, W> <= Omega(W) + Omega*(G), with equality at the prox and for the W that CVXPY finds;
- *zeros*: p is exactly zero if and only if polar(V) <= s; of a semi-norm, p is then the projection of V on
  the null space;
- *null space*: of an orthonormal basis Omega(N_k) = Omega(-N_k) = 0, prox(V + N_k) = prox(V) + N_k, polar(G)
  does not see N_k, and Omega is not 0 on the complement. Polars and conjugates are tested at G that are
  orthogonal to it;
- *input and output*: nothing is written into the input, shape and dtype are kept, no NaN; a step of 0 changes
  nothing.

A computed prox is allowed an error of `ROUNDING` n eps of the largest number that goes into it, n being the
number of entries: sums over groups have fewer than n terms, and a backward stable formula of a few operations
has no need of more. A prox that is solved for, and says so (as one of `from_expression` does, by its
``accuracy``), is not that exact: it is held to what CVXPY finds, to `CONIC`, and no other checks are made.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any

import cvxpy as cp
import numpy as np
from hypothesis import Phase
from hypothesis import strategies as st
from numpy.typing import NDArray

from fista.penalties.interface import gauge, gauge_bound, null_space_of
from formulations.penalties import constraints, expression, is_declared
from formulations.solved import is_solved
from verification.penalty_diagnosis import diagnose
from verification.search import Search

__all__ = ["Finding", "PenaltyReport", "check_penalty"]

Floats = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)
ROUNDING = 16
#: What a conic solver may leave of its objective, relative to its size.
CONIC = 1e-6
#: What makes it no norm, by whether there is a polar.
NO_NORM = {True: "has a conjugate, so it is no norm", False: "has no polar"}


@dataclass(frozen=True)
class Finding:
    """One property that does not hold, at the smallest example that was found."""

    check: str
    text: str
    code: str  # the matrices and the step that play a part
    shape: tuple[int, ...]  # of the smallest V
    tried: int  # matrices, until the first at which it does not hold

    def __str__(self) -> str:
        indented = "\n".join(f"    {line}" for line in self.code.splitlines())
        return f"{self.check}: {self.text}\n{indented}"


@dataclass(frozen=True)
class PenaltyReport:
    """What `check_penalty` found. True in a boolean context if it found nothing."""

    penalty: str
    examples: dict[str, int] = field(default_factory=dict)  # of each check that was made, until one failed
    findings: tuple[Finding, ...] = ()
    skipped: dict[str, str] = field(default_factory=dict)
    scope: str = ""  # the shapes, entries and steps of the examples
    diagnosis: str = ""  # what the wrong prox, polar or value is instead, where that was seen

    @property
    def passed(self) -> bool:
        return not self.findings

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        verdict = "passed" if self.passed else f"FAILED {len(self.findings)} of {len(self.examples)} checks"
        tried = ", ".join(f"{name} ({count})" for name, count in self.examples.items())
        lines = [f"{self.penalty}: {verdict}; examples: {tried}"]
        lines += [f"tried on {self.scope}"] if self.scope else []
        lines += [f"diagnosis: {self.diagnosis}"] if self.diagnosis else []
        for why in dict.fromkeys(self.skipped.values()):
            names = ", ".join(name for name, reason in self.skipped.items() if reason == why)
            lines.append(f"not checked: {names}, {why}")
        return "\n".join([*lines, *map(str, self.findings)])


@dataclass(frozen=True)
class _Probe:
    """The matrices that a property is tried at."""

    V: Floats
    other: Floats
    G: Floats
    step: float

    def code(self, names: tuple[str, ...]) -> str:
        """V, what else a check cannot do without, and of the others what is not 0."""
        shown = [n for n in ("V", "other", "G") if n in ("V", *names) or np.any(getattr(self, n))]
        lines = [f"{name} = np.array({getattr(self, name).tolist()})" for name in shown]
        return "\n".join([*lines, f"step = {self.step!r}"])


class _Violation(Exception):
    """A property does not hold; the message says how."""


def check_penalty(
    penalty: Any,
    *,
    n_features: int | None = None,
    n_tasks: int | None = None,
    examples: int = 100,
    seed: int = 0,
) -> PenaltyReport:
    """Look for matrices at which a penalty's value, prox and polar do not belong together.

    Parameters
    ----------
    penalty : object
        With ``value(W)`` and ``prox(V, step)``, the minimiser of ``1/2 ||W - V||_F^2 + step * value(W)``.
        Optionally ``polar(G)``, the largest <G, W> over value(W) <= 1, which says that it is a norm (a
        semi-norm or a gauge: the polar may be inf); or ``conjugate(G, E)``, a bound on the largest
        <G', W> - value(W) for G' within E of G, which says that it is none (then ``polar``, if any, is the
        gauge of a set on which the conjugate is finite). ``null_space(D, T)``, a basis of the directions that
        it does not see, is that of a semi-norm. ``expression(W)``, the same penalty of a CVXPY
        variable (of a list of them, one a part), is known of all of `fista.penalties`. ``n_parts`` is K if
        its coefficients are K x D x T, and ``symmetric`` False if value(-W) is not value(W).
    n_features, n_tasks : int, optional
        D and T, where the penalty needs a certain number; by default they vary from 1 to 4.
    examples : int
        Random matrices for each property; a tenth of them where CVXPY has to solve a problem.
    seed : int
        Of the random matrices.

    Returns
    -------
    PenaltyReport
        Its ``findings`` say what is wrong, each with code for the smallest example found.

    Raises
    ------
    TypeError
        If it has no ``value`` or no ``prox``.
    ValueError
        If its value is for a certain shape, and n_features and n_tasks are not given.

    Examples
    --------
    >>> from fista.penalties import RowL21
    >>> from verification import check_penalty
    >>> check_penalty(RowL21(2.0), examples=20).passed
    True
    >>> class Wrong(RowL21):
    ...     def prox(self, V, step):
    ...         return super().prox(V, 2 * step)
    >>> sorted({finding.check for finding in check_penalty(Wrong(2.0), examples=20).findings})
    ['argmin', 'expression', 'subgradient', 'zeros']
    """
    if isinstance(penalty, type):
        raise TypeError(f"penalty: found the class {penalty.__name__}; expected an instance of it")
    for name in ("value", "prox"):
        if not callable(getattr(penalty, name, None)):
            raise TypeError(
                f"penalty: found {type(penalty).__name__} without {name}; expected a method {name}"
            )
    _expect_count("examples", examples)
    for name, size in (("n_features", n_features), ("n_tasks", n_tasks)):
        if size is not None:
            _expect_count(name, size)
    if n_features is None or n_tasks is None:
        _expect_any_shape(penalty, n_features, n_tasks)
    has = {name: callable(getattr(penalty, name, None)) for name in ("polar", "conjugate")}
    has |= {"expression": is_declared(penalty), "norm": has["polar"] and not has["conjugate"]}
    has |= {
        "null_space": callable(getattr(penalty, "null_space", None)),
        "exact": not _is_solved_for(penalty),
    }
    tried: dict[str, int] = {}
    findings: list[Finding] = []
    skipped = {}
    diagnosis = ""
    for name, (needs, conic, check, names) in CHECKS.items():
        if missing := [need for need in needs if not has[need]]:
            skipped[name] = _lack(missing, has["polar"])
            continue
        count = max(examples // 10, 5) if conic else examples
        strategy = _probes(getattr(penalty, "n_parts", 1), n_features, n_tasks)
        axes = tuple(axis for axis, fixed in ((-2, n_features), (-1, n_tasks)) if not fixed)
        # CVXPY takes its time: where the fault is known already, its example is not made smaller.
        phases = (Phase.generate,) if conic and findings else (Phase.generate, Phase.shrink)
        found, tried[name] = _smallest(penalty, check, strategy, count, seed, axes, phases)
        if found:
            probe, text = found
            findings.append(Finding(name, text, probe.code(names), probe.V.shape, tried[name]))
            diagnosis = diagnosis or diagnose(penalty, probe.V, probe.step)
    scope = _scope(n_features, n_tasks, tried)
    return PenaltyReport(type(penalty).__name__, tried, tuple(findings), skipped, scope, diagnosis)


def _expect_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name}: found {value!r}; expected an integer >= 1")
    if value < 1:
        raise ValueError(f"{name}: found {value}; expected an integer >= 1")


def _expect_any_shape(penalty: Any, n_features: int | None, n_tasks: int | None) -> None:
    """Refuse to vary the shape for a penalty whose value is for a certain one."""
    n_parts = getattr(penalty, "n_parts", 1)
    for D, T in ((1, 1), (1, 2), (2, 1), (2, 3), (4, 4)):
        shape = (n_features or D, n_tasks or T)
        try:
            penalty.value(np.zeros(shape if n_parts == 1 else (n_parts, *shape)))
        except (IndexError, ValueError) as error:
            raise ValueError(
                f"n_features, n_tasks: found {n_features}, {n_tasks} for {type(penalty).__name__}, whose "
                f"value at zeros of shape {shape} raises {type(error).__name__} ({error}); expected the "
                "shape that it is for: pass n_features=, n_tasks="
            ) from error
        except Exception:
            return  # a fault, to be found


def _is_solved_for(penalty: Any) -> bool:
    """Whether a penalty, or a part of one, says how accurate its answers are, which exact ones do not."""
    parts = [*getattr(penalty, "penalties", ()), getattr(penalty, "penalty", None)]
    return hasattr(penalty, "accuracy") or any(_is_solved_for(part) for part in parts if part is not None)


def _lack(missing: list[str], has_polar: bool) -> str:
    if "exact" in missing:
        return f"prox and dual are solved for, and not right to rounding: others hold them to {CONIC:g}"
    lacks = [NO_NORM[has_polar] if need == "norm" else f"has no {need}" for need in missing]
    return f"the penalty {' and '.join(lacks)}"


def _scope(n_features: int | None, n_tasks: int | None, tried: dict[str, int]) -> str:
    features, tasks = (str(size) if size else f"1 to {MOST}" for size in (n_features, n_tasks))
    conic = sum(count for name, count in tried.items() if CHECKS[name][1])
    huge = f" (and 0 and {HUGE:g})" if "input and output" in tried else ""
    return (
        f"{sum(tried.values())} examples of {features} features x {tasks} tasks, entries up to {LARGEST:g} "
        f"in size, steps from {min(STEPS_TRIED):g} to {max(STEPS_TRIED):g}{huge}; for {conic} of them CVXPY "
        "solved a problem"
    )


Check = Callable[[Any, _Probe], None]


def _smallest(
    penalty: Any,
    check: Check,
    strategy: st.SearchStrategy[_Probe],
    examples: int,
    seed: int,
    axes: tuple[int, ...],
    phases: tuple[Phase, ...],
) -> tuple[tuple[_Probe, str] | None, int]:
    search = Search[_Probe](lambda probe: _violation(penalty, check, probe) is not None)
    probe = search.smallest(strategy, examples=examples, seed=seed, phases=phases)
    if probe is None:
        return None, search.tried
    tried, probe = search.tried, _trimmed(probe, search, axes)
    text = _violation(penalty, check, probe) or "seen once, but not when tried again"
    return (probe, text), tried


def _trimmed(probe: _Probe, violated: Callable[[_Probe], bool], axes: tuple[int, ...]) -> _Probe:
    """Without the rows and columns that the violation can do without, and with zeros where these will do."""
    for axis in axes:
        k = 0
        while k < probe.V.shape[axis] > 1:
            V, other, G = (np.delete(A, k, axis=axis) for A in (probe.V, probe.other, probe.G))
            smaller = _Probe(V, other, G, probe.step)
            if violated(smaller):
                probe = smaller
            else:
                k += 1
    for name in ("G", "other", "V"):
        for at in np.argwhere(getattr(probe, name)):
            A = getattr(probe, name).copy()
            A[tuple(at)] = 0.0
            if violated(simpler := replace(probe, **{name: A})):
                probe = simpler
    return probe


def _violation(penalty: Any, check: Check, probe: _Probe) -> str | None:
    try:
        with np.errstate(all="ignore"):  # a huge step may well overflow: what comes of it is judged
            check(penalty, probe)
    except _Violation as violation:
        return str(violation)
    except Exception as error:  # whatever a penalty raises
        return f"raises {type(error).__name__}: {error}"
    return None


# -- matrices --------------------------------------------------------------------------------------

MOST, LARGEST = 4, 10.0  # features and tasks, and the size of an entry
STEPS_TRIED, HUGE = (1.0, 0.25, 1.7, 1e-3, 100.0), 1e300
ENTRIES = st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5, -3.0]) | st.floats(-LARGEST, LARGEST).map(
    lambda v: round(v, 2)
)
STEPS = st.sampled_from(STEPS_TRIED)


@st.composite
def _probes(draw: st.DrawFn, n_parts: int, n_features: int | None, n_tasks: int | None) -> _Probe:
    """Matrices with ties, zero rows and repeated rows, in all sizes up to 4 x 4."""
    D = n_features or draw(st.integers(1, MOST))
    T = n_tasks or draw(st.integers(1, MOST))

    def matrix(shape: tuple[int, ...]) -> Floats:
        size = math.prod(shape)
        A = np.array(draw(st.lists(ENTRIES, min_size=size, max_size=size))).reshape(shape)
        if draw(st.booleans()):
            A[..., draw(st.integers(0, D - 1)), :] = draw(st.sampled_from([0.0, 1.5]))
        return A

    shape = (D, T) if n_parts == 1 else (n_parts, D, T)
    return _Probe(matrix(shape), matrix(shape), matrix((D, T)), draw(STEPS))


# -- what is used by several checks ----------------------------------------------------------------


def _expect(holds: bool | np.bool_, text: str) -> None:
    if not holds:
        raise _Violation(text)


def _prox(penalty: Any, V: Floats, step: float) -> Floats:
    p = np.asarray(penalty.prox(V.copy(), step))
    _expect(p.shape == V.shape, f"prox has shape {p.shape}, V has {V.shape}")
    _expect(np.isfinite(p).all(), "prox(V, step) holds NaN or infinity")
    return p


def _error(*matrices: Floats) -> float:
    """The error that an entry of a computed prox may have."""
    n = matrices[0].size
    return ROUNDING * n * EPS * max(float(np.abs(A).max(initial=0.0)) for A in matrices)


def _finite(value: float) -> float:
    return float(value) if np.isfinite(value) else 0.0


def _inner(A: Floats, B: Floats) -> float:
    return float(np.sum(A * B))


def _phi(penalty: Any, W: Floats, V: Floats, step: float) -> float:
    return 0.5 * float(np.sum((W - V) ** 2)) + step * float(penalty.value(W))


def _points(p: Floats, probe: _Probe) -> Iterator[Floats]:
    """Points to compare a prox with: zero, its argument, and some around it."""
    yield np.zeros_like(p)
    yield probe.V
    yield probe.other
    for distance in (1e-1, 1e-3, 1e-5):
        for direction in (probe.V, -p, probe.other, np.sign(probe.other)):
            yield p + distance * direction


def _along(penalty: Any, G: Floats) -> Floats:
    """What G, D x T, has in the null space of a semi-norm; 0 of a norm."""
    N = null_space_of(penalty, *G.shape)
    return np.asarray(np.tensordot(np.tensordot(N, G, axes=2), N, axes=1))


def _across(penalty: Any, G: Floats) -> Floats:
    """What G has orthogonal to it, where a polar or conjugate may be finite."""
    return G - _along(penalty, G)


def _unbounded(penalty: Any, parts: list[Any]) -> list[Any]:
    """Constraints that leave out of a maximisation what costs nothing and gains no more than rounding."""
    total = sum(parts[1:], start=parts[0])
    return [cp.sum(cp.multiply(N, total)) == 0 for N in null_space_of(penalty, *parts[0].shape)]


def _total(W: Floats) -> Floats:
    return np.asarray(W if W.ndim == 2 else W.sum(axis=0))


def _declared(penalty: Any, W: Floats) -> tuple[list[Any], Any, list[Any]]:
    """CVXPY variables for the parts, the penalty of them, and its constraints."""
    parts = [cp.Variable(W.shape[-2:]) for _ in (W if W.ndim == 3 else [W])]
    own = parts if W.ndim == 3 else parts[0]
    return parts, expression(penalty, own), constraints(penalty, own)


def _solve(problem: Any, parts: list[Any]) -> Floats:
    """CVXPY's answer, whose accuracy is judged by the caller; a second solver where the first gives up."""
    accuracy = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 1e-11)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            problem.solve(solver=cp.CLARABEL, **accuracy)
        except cp.SolverError:
            problem.solve(solver=cp.SCS, eps_abs=1e-10, eps_rel=1e-10, max_iters=200_000)
    values = [part.value for part in parts]
    _expect(all(v is not None for v in values), f"CVXPY finds no solution: {problem.status}")
    return np.asarray(values[0] if len(values) == 1 else np.stack(values))


# -- the properties --------------------------------------------------------------------------------


def _argmin(penalty: Any, probe: _Probe) -> None:
    V, s = probe.V, probe.step
    p = _prox(penalty, V, s)
    here, error = _phi(penalty, p, V, s), _error(V)
    for W in _points(p, probe):
        there, apart = _phi(penalty, W, V, s), float(np.linalg.norm(W - p))
        # An error E of p, ||E|| <= sqrt(n) error, changes phi(p) by s Omega(E) + <p - V, E> and the last
        # term by ||W - p|| ||E||; both values are sums of fewer than n + 10 terms.
        size = math.sqrt(p.size) * error
        slack = size * (apart + float(np.linalg.norm(p - V)) + size)
        slack += s * _finite(penalty.value(np.full_like(p, error)))  # no rounding leads out of a constraint
        slack += EPS * (p.size + 10) * (abs(here) + abs(there))
        _expect(
            here + 0.5 * apart**2 <= there + slack,
            f"prox(V, {s:g}) is not the minimiser: phi is {here:.6g} there, and {there:.6g} at a distance of "
            f"{apart:.3g}, where strong convexity asks for {here + 0.5 * apart**2:.6g} at least",
        )


def _as_declared(penalty: Any, probe: _Probe) -> None:
    V, s = probe.V, probe.step
    for W in (V, probe.other, _prox(penalty, V, s)):
        parts, declared, within = _declared(penalty, W)
        for part, value in zip(parts, W if W.ndim == 3 else [W], strict=True):
            part.value = value
        own = float(penalty.value(W))
        # A constraint that holds with equality may be missed by the rounding of either.
        off = max((float(np.max(c.violation())) for c in within), default=0.0)
        if not np.isfinite(own):
            _expect(off > 0, "value(V) is inf where the constraints hold")
            continue
        _expect(off <= 8 * _error(W, V), f"value(V) is {own:.8g}, but a constraint is violated by {off:.3g}")
        there = float(declared.value)
        accuracy = CONIC if is_solved(declared) else ROUNDING * W.size * EPS
        _expect(
            abs(there - own) <= accuracy * max(abs(there), abs(own), float(np.abs(W).max())),
            f"value(V) is {own:.8g}, the expression is {there:.8g}",
        )
    parts, declared, within = _declared(penalty, V)
    distance = sum(cp.sum_squares(x - v) for x, v in zip(parts, V if V.ndim == 3 else [V], strict=True))
    found = _solve(cp.Problem(cp.Minimize(0.5 * distance + s * declared), within), parts)
    p = _prox(penalty, V, s)
    # CVXPY's point may be outside of a constraint by what it allows itself: its value is the expression's.
    theirs = 0.5 * float(np.sum((found - V) ** 2)) + s * float(declared.value)
    ours = _phi(penalty, p, V, s)
    scale = 0.5 * float(np.sum(V**2)) + ours + 1e-12
    _expect(
        ours <= theirs + CONIC * scale,
        f"CVXPY finds {theirs:.8g} for 1/2 ||W - V||^2 + {s:g} Omega(W), the prox reaches {ours:.8g}",
    )


def _nonexpansive(penalty: Any, probe: _Probe) -> None:
    V, U, s = probe.V, probe.other, probe.step
    d, D = _prox(penalty, V, s) - _prox(penalty, U, s), V - U
    error = 2 * _error(V, U)
    slack = float(np.sum(error * (2 * np.abs(d) + np.abs(D)))) + d.size * error**2
    _expect(
        _inner(d, d) <= _inner(d, D) + slack,
        f"not firmly nonexpansive: ||p - q||^2 = {_inner(d, d):.6g} > <p - q, V - V'> = {_inner(d, D):.6g}",
    )


def _subgradient(penalty: Any, probe: _Probe) -> None:
    V, s = probe.V, probe.step
    p = _prox(penalty, V, s)
    u, error = (V - p) / s, _error(V)
    value, product = float(penalty.value(p)), _inner(p, u)
    slack = float(np.sum(np.abs(p))) * error / s + float(np.sum(np.abs(u))) * error + p.size * error**2 / s
    slack += ROUNDING * p.size * EPS * (abs(value) + float(np.sum(np.abs(p * u))))
    _expect(
        abs(product - value) <= slack,
        f"<p, (V - p) / {s:g}> = {product:.8g}, but Omega(p) = {value:.8g}: (V - p) / step is no subgradient",
    )
    if p.ndim == 2:
        room = 1 + ROUNDING * p.size * EPS + gauge_bound(penalty, np.full_like(u, error / s))
        polar = float(penalty.polar(u.copy()))
        # That of a semi-norm is inf but on a subspace, which rounding misses; what follows is for it, too.
        _expect(polar <= room or not np.isfinite(polar), f"polar((V - p) / step) = {polar:.10g} > 1")
    for W in (V, probe.other, u, -p):  # of several parts, too: the support function of the ball that u is in
        most, product = float(penalty.value(W)), _inner(u, W)
        slack = float(np.sum(np.abs(W))) * error / s + ROUNDING * p.size * EPS * (most + abs(product))
        _expect(
            product <= most + slack, f"<u, W> = {product:.8g} > Omega(W) = {most:.8g} for u = (V - p) / step"
        )


def _within(penalty: Any, W: Floats) -> Floats:
    """A point near W where the penalty is finite."""
    return W if np.isfinite(penalty.value(W)) else _prox(penalty, W, 1.0)


def _norm(penalty: Any, probe: _Probe) -> None:
    V, U = _within(penalty, probe.V), _within(penalty, probe.other)
    value = float(penalty.value(V))
    close = ROUNDING * V.size * EPS * (value + float(penalty.value(U)))
    _expect(value >= 0, f"value(V) = {value:g} < 0")
    _expect(penalty.value(np.zeros_like(V)) == 0, "value(0) is not 0")
    _expect(abs(penalty.value(3 * V) - 3 * value) <= 3 * close, "value(3 V) is not 3 value(V)")
    if getattr(penalty, "symmetric", True):
        _expect(abs(penalty.value(-V) - value) <= close, "value(-V) is not value(V)")
    total = float(penalty.value(V + U))
    _expect(
        total <= value + penalty.value(U) + close,
        f"no triangle inequality: value(V + other) = {total:.8g} > {value + penalty.value(U):.8g}",
    )
    p, doubled = _prox(penalty, V, probe.step), _prox(penalty, 2 * V, 2 * probe.step)
    _expect(np.abs(doubled - 2 * p).max() <= 4 * _error(V), "prox(2 V, 2 step) is not 2 prox(V, step)")


def _polar_bounds(penalty: Any, probe: _Probe) -> None:
    G = _across(penalty, probe.G)
    polar = float(penalty.polar(G.copy()))
    _expect(polar >= 0, f"polar(G) = {polar:g} < 0")
    shape = probe.V.shape
    points = (probe.V, np.broadcast_to(G, shape), np.broadcast_to(np.sign(G), shape))
    for W in (_within(penalty, np.array(point)) for point in points):
        value, product = float(penalty.value(W)), _inner(G, _total(W))
        if value == 0 and polar == np.inf:
            continue  # a semi-norm
        size = float(np.sum(np.abs(probe.G) * _total(np.abs(W))))
        _expect(
            product <= (polar * value if value > 0 else 0.0) + ROUNDING * W.size * EPS * size,
            f"<G, W> = {product:.8g} > polar(G) Omega(W) = {polar:.8g} * {value:.8g} for W = {W.tolist()}",
        )
    most = gauge_bound(penalty, np.abs(probe.G)) * (1 + ROUNDING * probe.G.size * EPS)
    for H in (probe.G, -probe.G, np.copysign(probe.G, _total(probe.other))):
        found = float(penalty.polar(H.copy()))
        _expect(
            found <= most or most == np.inf,
            f"polar(H) = {found:.8g} > {most:.8g}, the bound of what is no larger, for H = {H.tolist()}",
        )


def _polar_is_attained(penalty: Any, probe: _Probe) -> None:
    G = _across(penalty, probe.G)
    polar = float(penalty.polar(G.copy()))
    if not np.isfinite(polar):
        return
    parts, declared, within = _declared(penalty, probe.V)
    product = cp.sum(cp.multiply(G, sum(parts[1:], start=parts[0])))
    bounded = [declared <= 1, *within, *_unbounded(penalty, parts)]
    W = _solve(cp.Problem(cp.Maximize(product), bounded), parts)
    value = float(declared.value)
    reached = max(_inner(G, _total(W)) / value, 0.0) if value > 1e-9 else 0.0
    _expect(
        abs(reached - polar) <= CONIC * max(polar, reached) + _rounding_of_polar(penalty, probe.G),
        f"polar(G) = {polar:.8g}, but the largest <G, W> over Omega(W) <= 1 is {reached:.8g}",
    )


def _rounding_of_polar(penalty: Any, G: Floats) -> float:
    """What is left of a G within the null space when it is taken off; 0 of a norm."""
    off = ROUNDING * G.size * EPS * float(np.linalg.norm(G))
    return gauge_bound(penalty, np.full_like(G, off)) if len(null_space_of(penalty, *G.shape)) else 0.0


def _conjugate(penalty: Any, probe: _Probe) -> None:
    V, s = probe.V, probe.step
    p = _prox(penalty, V, s)
    u, error = (V - p) / s, _error(V) / s
    if p.ndim == 2:
        # p attains the conjugate at u, and so does, within error, what was computed of either.
        low, high = (float(penalty.conjugate(u, np.full_like(u, e))) for e in (0.0, error))
        product = _inner(p, u) - float(penalty.value(p))
        slack = float(np.sum(np.abs(p))) * error + (high - low if np.isfinite(high) else 0.0)
        slack += ROUNDING * p.size * EPS * (abs(low) + abs(product) + float(np.sum(np.abs(p * u))))
        _expect(
            abs(low - product) <= slack,
            f"conjugate(u) = {low:.8g}, but <p, u> - Omega(p) = {product:.8g} for u = (V - p) / step",
        )
    # All within E of G must have a gauge of at most 1.
    E = np.full_like(probe.G, 0.5 / max(gauge_bound(penalty, np.ones_like(probe.G)), 5.0))
    G = _across(penalty, probe.G)
    G = G * (0.5 / max(gauge(penalty, G), 0.5))
    bound, most = (float(penalty.conjugate(G, e)) for e in (np.zeros_like(G), E))
    for W in (_within(penalty, V), p, _within(penalty, probe.other)):
        W = _across(penalty, W) if p.ndim == 2 else W
        value, product = float(penalty.value(W)), _inner(G, _total(W))
        size = float(np.sum(np.abs(G) * _total(np.abs(W)))) + abs(value) + abs(bound)
        _expect(
            product - value <= bound + ROUNDING * W.size * EPS * size,
            f"<G, W> - Omega(W) = {product - value:.8g} > conjugate(G) = {bound:.8g} for W = {W.tolist()}",
        )
        for moved in (G, G + E, G - E):
            _expect(
                _inner(moved, _total(W)) - value <= most + ROUNDING * W.size * EPS * (size + abs(most)),
                f"<G', W> - Omega(W) exceeds conjugate(G, E) = {most:.8g} for a G' within {E[0, 0]:g} of G",
            )


def _conjugate_is_attained(penalty: Any, probe: _Probe) -> None:
    G = _across(penalty, probe.G)
    G = G / max(2 * gauge(penalty, G), 1.0)  # at a gauge of 1 there are rays that neither gain nor lose
    bound = float(penalty.conjugate(G, np.zeros_like(G)))
    if not np.isfinite(bound):
        return
    parts, declared, within = _declared(penalty, probe.V)
    product = cp.sum(cp.multiply(G, sum(parts[1:], start=parts[0])))
    within = [*within, *_unbounded(penalty, parts)]
    W = _solve(cp.Problem(cp.Maximize(product - declared), within), parts)
    reached = _inner(G, _total(W)) - float(declared.value)
    _expect(
        abs(reached - bound) <= CONIC * (abs(bound) + abs(reached) + float(np.abs(G).sum()) + CONIC),
        f"conjugate(G) = {bound:.8g}, but the largest <G, W> - Omega(W) is {reached:.8g}",
    )


def _zeros(penalty: Any, probe: _Probe) -> None:
    V = probe.V
    if V.ndim == 3 or not np.isfinite(polar := float(penalty.polar(V.copy()))):
        return
    room = ROUNDING * V.size * EPS
    at = polar * (1 + room)
    if len(null_space_of(penalty, *V.shape)):
        p, left, error = _prox(penalty, V, at), _along(penalty, V), 2 * _error(V)
        _expect(
            np.abs(p - left).max() <= error,
            f"prox(V, {at:g}) is not the projection of V on the null space, though polar(V) <= step",
        )
        return
    _expect(not _prox(penalty, V, at).any(), f"prox(V, {at:g}) is not exactly 0, though polar(V) <= step")
    if polar > 0:
        below = polar * (1 - 1e-3)
        _expect(_prox(penalty, V, below).any(), f"prox(V, {below:g}) is 0, though polar(V) > step")


def _null_space(penalty: Any, probe: _Probe) -> None:
    V, s, G = probe.V, probe.step, probe.G
    D, T = G.shape
    N = np.asarray(penalty.null_space(D, T))
    _expect(N.ndim == 3 and N.shape[1:] == (D, T), f"null_space has shape {N.shape}; expected (k, {D}, {T})")
    room = ROUNDING * G.size * EPS
    off = np.abs(np.tensordot(N, N, axes=((1, 2), (1, 2))) - np.eye(len(N))).max(initial=0.0)
    _expect(off <= room, f"null_space is not orthonormal, by {off:.3g}")
    units = sum(_finite(penalty.value(np.broadcast_to(e, V.shape))) for e in np.eye(D * T).reshape(-1, D, T))
    p = _prox(penalty, V, s)
    for direction in N:
        own = penalty.share(direction) if V.ndim == 3 else direction
        for sign in (1.0, -1.0):
            value = float(penalty.value(sign * own))
            _expect(abs(value) <= room * units, f"Omega = {value:g} at {(sign * own).tolist()} of null_space")
        moved, error = _prox(penalty, V + 3 * own, s), 2 * _error(V, V + 3 * own)
        apart = float(np.abs(moved - p - 3 * own).max())
        _expect(
            apart <= error, f"prox(V + N, step) is not prox(V, step) + N, by {apart:.3g}, for N in null_space"
        )
        if V.ndim == 2 and hasattr(penalty, "polar"):
            one, other = float(penalty.polar(G.copy())), float(penalty.polar(G + 3 * direction))
            allowed = gauge_bound(penalty, np.full_like(G, 2 * _error(G, G + 3 * direction)))
            _expect(
                one == other or abs(one - other) <= allowed,
                f"polar(G) = {one:.8g} and polar(G + N) = {other:.8g} for N in null_space",
            )
    wholly = getattr(penalty, "unpenalised", None)  # says so in another way
    if V.ndim == 2 and not (wholly and np.all(wholly(T))):
        for W in (_across(penalty, V), _across(penalty, _prox(penalty, V, 1e6))):
            # A multiple, so that within a constraint is not taken for along a direction.
            size = float(np.linalg.norm(W))
            seen = penalty.value(W * (1e6 / size)) + penalty.value(W * (-1e6 / size)) if size else np.inf
            _expect(
                size <= 4 * D * T * _error(V) or seen > 1e6 * room * units,
                f"Omega is 0 along {(W / size if size else W).tolist()}, orthogonal to null_space",
            )


def _input_and_output(penalty: Any, probe: _Probe) -> None:
    V, s = probe.V, probe.step
    given = V.copy()
    p = np.asarray(penalty.prox(given, s))
    penalty.value(given)
    _expect(np.array_equal(given, V), "prox(V, step) writes into V, or value(V) does")
    if hasattr(penalty, "polar"):
        G = probe.G.copy()
        penalty.polar(G)
        _expect(np.array_equal(G, probe.G), "polar(G) writes into G")
    _expect(not np.shares_memory(p, given), "prox(V, step) returns the memory of V")
    if np.isfinite(penalty.value(V)):
        _expect(np.array_equal(_prox(penalty, V, 0.0), V), "prox(V, 0) is not V")
    _expect(p.dtype == V.dtype, f"prox of {V.dtype} is {p.dtype}")
    small = np.asarray(penalty.prox(V.astype(np.float32), s))
    _expect(small.dtype == np.float32, f"prox of float32 is {small.dtype}")
    for A in (p, _prox(penalty, V, HUGE)):
        _expect(np.isfinite(penalty.value(A)), "value(prox(V, step)) is not finite")
    by_columns = np.asfortranarray(V) if V.ndim == 2 else V.transpose(0, 2, 1).copy().transpose(0, 2, 1)
    apart = float(np.abs(np.asarray(penalty.prox(by_columns, s)) - p).max())
    _expect(apart <= 2 * _error(V), "prox depends on the order in which V is stored")


#: Name -> what the penalty must have for it, whether CVXPY solves a problem for it, the property, and what of
#: an example besides V and the step it cannot do without.
CHECKS: dict[str, tuple[tuple[str, ...], bool, Check, tuple[str, ...]]] = {
    "input and output": (("exact",), False, _input_and_output, ()),
    "argmin": (("exact",), False, _argmin, ()),
    "nonexpansive": (("exact",), False, _nonexpansive, ("other",)),
    "norm": (("exact", "norm"), False, _norm, ()),
    "subgradient": (("exact", "norm"), False, _subgradient, ()),
    "polar": (("exact", "norm"), False, _polar_bounds, ("G",)),
    "zeros": (("exact", "norm"), False, _zeros, ()),
    "null space": (("exact", "null_space"), False, _null_space, ()),
    "conjugate": (("exact", "conjugate"), False, _conjugate, ("G",)),
    "expression": (("expression",), True, _as_declared, ()),
    "polar is attained": (("norm", "expression"), True, _polar_is_attained, ("G",)),
    "conjugate is attained": (("conjugate", "expression"), True, _conjugate_is_attained, ("G",)),
}
