"""What is wrong with a penalty: which true prox, polar or value its own one is, if it is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray

from formulations.penalties import constraints, expression, is_declared

__all__ = ["diagnose"]

Floats = NDArray[np.float64]
Prox = Callable[[Floats, float], tuple[Floats, Floats, float]]
#: How well two numbers agree that are the same: ours are right to rounding, CVXPY's to some 1e-8.
CLOSE, CONIC = 1e-9, 1e-6
STEPS = (0.25, 1.7, 0.6)  # none of which is its own square, double or inverse, or those of another


def diagnose(penalty: Any, V: Floats, step: float) -> str:
    """Say what a wrong prox, polar or value is instead of the right one; "" where that is not seen.

    Parameters
    ----------
    penalty : object
        As for `verification.check_penalty`.
    V : array
        Where something was found to be wrong, D x T (or K x D x T).
    step : float
        That of the prox.

    Notes
    -----
    p is the prox of V at s, of the penalty's own value, if phi(W) >= phi(p) + 1/2 ||W - p||^2 for all W. That
    is tried at points around p, for V and for some random matrices of its shape, with other steps for s. The
    true polar is the step from which a right prox is 0; the true value is that of the expression.
    """
    try:
        with np.errstate(all="ignore"):
            cases = list(_cases(penalty, V, step))
            # To a wrong value a right prox looks wrong, and to a wrong prox a right polar.
            return _of_value(penalty, cases) or _of_prox(penalty, cases) or _of_polar(penalty, cases)
    except Exception:  # it is a faulty penalty that is called here, and its faults are reported elsewhere
        return ""


def _cases(penalty: Any, V: Floats, step: float) -> Iterator[tuple[Floats, float]]:
    """Where it was found, and where a prox is neither 0 nor its argument."""
    yield V, step
    rng = np.random.default_rng(0)
    for s in STEPS:
        A = 1.0 + rng.random(V.shape)
        for _ in range(8):
            if np.any(penalty.prox(A.copy(), s)):
                break
            A = 4 * A
        yield A, s
        yield A * rng.choice([-1.0, 1.0], V.shape), s


# -- the prox --------------------------------------------------------------------------------------


def _of_prox(penalty: Any, cases: list[tuple[Floats, float]]) -> str:
    if _holds(penalty, cases, lambda V, s: (penalty.prox(V, s), V, s)):
        return ""
    for text, prox in _mistakes(penalty):
        if _holds(penalty, cases, prox):
            return text
    return ""


def _mistakes(penalty: Any) -> Iterator[tuple[str, Prox]]:
    """What a prox may be instead: text, and what is then the true prox, of what, and at what step."""
    steps: dict[str, Callable[[float], float]] = {
        "2 s": lambda s: 2 * s,
        "s / 2": lambda s: s / 2,
        "1 / s": lambda s: 1 / s,
        "s^2": lambda s: s * s,
        "the square root of s": lambda s: s**0.5,
        "step 1, whatever s is": lambda s: 1.0,
    }
    for name, weight in _weights(penalty):
        steps[f"s / {name}: is the weight forgotten?"] = lambda s, w=weight: s / w  # type: ignore[misc]
        steps[f"s {name}: is the weight there twice?"] = lambda s, w=weight: s * w  # type: ignore[misc]
    for text, other in steps.items():
        yield (
            f"prox(V, s) here is the true prox at {text}",
            lambda V, s, at=other: (penalty.prox(V, s), V, at(s)),  # type: ignore[misc]
        )
    yield (
        "prox(V, s) here goes from V away from the true prox, as far: is a sign wrong, or the step -s?",
        lambda V, s: (2 * V - penalty.prox(V, s), V, s),
    )
    yield (
        "prox(V, s) here is what V less the true prox is: the projection, and not the prox",
        lambda V, s: (V - penalty.prox(V, s), V, s),
    )
    yield (
        "prox(V, s) here is the true prox of V transposed: is it along the other axis?",
        lambda V, s: (_turned(penalty.prox(V, s)), _turned(V), s),
    )


def _turned(A: Floats) -> Floats:
    return np.swapaxes(A, -1, -2)


def _weights(penalty: Any) -> Iterator[tuple[str, float]]:
    for name, value in getattr(penalty, "__dict__", {}).items():
        if isinstance(value, float) and value > 0 and value != 1:
            yield name, value


def _holds(penalty: Any, cases: list[tuple[Floats, float]], prox: Prox) -> bool:
    try:
        return all(_is_prox(penalty, *prox(V.copy(), s)) for V, s in cases)
    except Exception:  # as of a penalty that has no transpose
        return False


def _is_prox(penalty: Any, p: Floats, V: Floats, s: float) -> bool:
    """Whether strong convexity about p is seen to hold, as far as it is tried."""

    def phi(W: Floats) -> float:
        return 0.5 * float(np.sum((W - V) ** 2)) + s * float(penalty.value(W))

    if p.shape != V.shape or not np.isfinite(here := phi(p)):
        return False
    rng = np.random.default_rng(1)
    units = np.eye(V.size).reshape(-1, *V.shape)
    directions = [*units, V, p, V - p, np.sign(p), *rng.standard_normal((8, *V.shape))]
    points = [p + sign * d * D for D in directions for sign in (1, -1) for d in (1.0, 1e-1, 1e-3)]
    slack = CLOSE * (abs(here) + float(np.sum(V**2)))
    return all(here + 0.5 * float(np.sum((W - p) ** 2)) <= phi(W) + slack for W in [0 * V, V, *points])


# -- polar and value -------------------------------------------------------------------------------


def _of_polar(penalty: Any, cases: list[tuple[Floats, float]]) -> str:
    """Compare with the step from which the prox is 0, where that is right."""
    norm = hasattr(penalty, "polar") and not hasattr(penalty, "conjugate")
    right = norm and _holds(penalty, cases, lambda V, s: (penalty.prox(V, s), V, s))
    if not right or cases[0][0].ndim == 3:
        return ""
    pairs = [(float(penalty.polar(V.copy())), _from_prox(penalty, V)) for V, _ in cases[1:]]
    return _times("polar(G)", penalty, pairs, CONIC, "the true polar")


def _from_prox(penalty: Any, G: Floats) -> float:
    low, high = 0.0, 1.0
    while np.any(penalty.prox(G.copy(), high)) and high < 1e12:
        high *= 2
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if np.any(penalty.prox(G.copy(), middle)) else (low, middle)
    return high


def _of_value(penalty: Any, cases: list[tuple[Floats, float]]) -> str:
    if not is_declared(penalty):
        return ""
    V = cases[0][0]
    parts = [cp.Variable(V.shape[-2:]) for _ in (V if V.ndim == 3 else [V])]
    own = parts if V.ndim == 3 else parts[0]
    declared = expression(penalty, own)
    if constraints(penalty, own):
        return ""
    pairs = []
    for W, _ in cases[1:]:
        for part, value in zip(parts, W if W.ndim == 3 else [W], strict=True):
            part.value = value
        pairs.append((float(penalty.value(W)), float(declared.value)))
    return _times("value(W)", penalty, pairs, CONIC, "the expression")


def _times(what: str, penalty: Any, pairs: list[tuple[float, float]], close: float, true: str) -> str:
    """By which factor numbers are off, if by the same one all."""
    factors = {"twice": 2.0, "half of": 0.5, "minus": -1.0}
    for name, weight in _weights(penalty):
        factors |= {f"{name} times": weight, f"1 / {name} times": 1 / weight}
        factors |= {f"{name}^2 times": weight**2, f"1 / {name}^2 times": weight**-2}
    if any(not np.isfinite(pair).all() or pair[1] == 0 for pair in map(np.asarray, pairs)):
        return ""
    for text, factor in factors.items():
        if all(abs(found - factor * right) <= close * abs(found) for found, right in pairs):
            return f"{what} here is {text} {true}"
    if all(abs(found - right**2) <= close * abs(found) for found, right in pairs):
        return f"{what} here is the square of {true}"
    return ""
