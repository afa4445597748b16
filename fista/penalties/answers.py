"""Do a penalty's methods answer with what the solver takes them for?

An array where a number is expected would be broadcast, and summed into an objective that nobody has written,
of which the certificate would then be one. So each method is called once, before the first iteration.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fista.penalties.combinations import Combination, Elastic, Scaled

__all__ = ["expect_answers"]

Floats = NDArray[np.float64]


def expect_answers(penalty: Any, V: Floats, step: float, G: Floats) -> None:
    """Refuse a penalty, or a part of one, whose methods return what is no number or no matrix.

    Parameters
    ----------
    penalty : Penalty
    V, G : array, D x T
        Where the prox, and where polar and conjugate are called.
    step : float
        That of the prox.

    Raises
    ------
    TypeError, ValueError
        The message has the class and the method.
    """
    for part, A, B in _innermost(penalty, V, G):
        if type(part).__module__.startswith("fista."):
            continue  # those of this package are tested
        name = type(part).__name__
        _expect_number(f"{name}.value", part.value(np.zeros_like(A)), undefined=True)
        p = part.prox(A.copy(), step)
        _expect_matrix(f"{name}.prox", p, A.shape)
        _expect_number(f"{name}.value", part.value(p))
        if hasattr(part, "polar"):
            _expect_number(f"{name}.polar", part.polar(B.copy()))
        if hasattr(part, "conjugate"):
            _expect_number(f"{name}.conjugate", part.conjugate(B.copy(), np.zeros_like(B)))
        if part.separable:
            _expect_matrix(f"{name}.task_values", part.task_values(p), A.shape[1:])
            if hasattr(part, "task_polars"):
                _expect_matrix(f"{name}.task_polars", part.task_polars(B.copy()), A.shape[1:], finite=False)


def _innermost(penalty: Any, V: Floats, G: Floats) -> Iterator[tuple[Any, Floats, Floats]]:
    """The penalties that a penalty is made of, each with what it sees of V and G."""
    if isinstance(penalty, Combination):
        pieces = zip(penalty.penalties, penalty._pieces(V), penalty._pieces(G), strict=True)
        for part, A, B in pieces:
            yield from _innermost(part, A, B)
    elif isinstance(penalty, (Elastic, Scaled)):
        yield from _innermost(penalty.penalty, V, G)
    elif penalty.n_parts > 1:
        yield penalty, np.stack([V] * penalty.n_parts), G
    else:
        yield penalty, V, G


def _expect_number(method: str, found: Any, *, undefined: bool = False) -> None:
    """A number: NaN only where a penalty may be undefined, and inf anywhere."""
    if found is None or np.ndim(found) != 0 or np.asarray(found).dtype.kind not in "fiub":
        raise TypeError(
            f"penalty: found that {method} returns {_kind(found)}; expected a number"
            + (" (is a sum missing?)" if np.ndim(found) else "")
        )
    if np.isnan(found) and not undefined:
        raise ValueError(f"penalty: found that {method} returns NaN; expected a number")


def _expect_matrix(method: str, found: Any, shape: tuple[int, ...], *, finite: bool = True) -> None:
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiub":
        raise TypeError(
            f"penalty: found that {method} returns {_kind(found)}; expected an array of shape {shape}"
        )
    if found.shape != shape:
        raise ValueError(
            f"penalty: found that {method} returns an array of shape {found.shape}; expected {shape}"
        )
    if np.isnan(found).any() or (finite and not np.isfinite(found).all()):
        raise ValueError(f"penalty: found that {method} returns NaN or infinity; expected finite numbers")


def _kind(found: Any) -> str:
    if isinstance(found, np.ndarray):
        return f"an array of shape {found.shape} and type {found.dtype}"
    return "None" if found is None else f"{found!r} of type {type(found).__name__}"
