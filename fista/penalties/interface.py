"""What the solver and the certificate ask of a penalty."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Penalty",
    "conjugate_of",
    "divided",
    "entry_weights",
    "gauge",
    "gauge_bound",
    "has_dual",
    "largest_ratio",
    "null_space_of",
    "read_group_weights",
    "read_groups",
    "read_number",
    "read_numbers",
    "read_part",
    "read_partition",
    "read_parts",
    "read_weight",
    "read_weights",
    "split",
]

Floats = NDArray[np.float64]
TINY = float(np.finfo(np.float64).tiny)  # so that 0 / 0 does not arise


class Penalty:
    """A convex penalty Omega on coefficients W, D x T; derive from it and write ``value`` and ``prox``.

    Attributes
    ----------
    n_parts : int
        1, or the number K of summands of W: coefficients are then K x D x T.
    separable : bool
        Whether Omega is a sum over tasks; it then has ``task_values`` and ``task_polars``, both (T,).
    symmetric : bool
        Whether Omega(-W) = Omega(W).

    Notes
    -----
    For a certificate write one of

    ``polar(G)``
        Of a norm (or semi-norm, or gauge): the largest <G, W> over Omega(W) <= 1, inf where there is none. It
        must be subadditive, and ``polar(E)`` at least the polar of anything whose entries do not exceed those
        of E >= 0 in size.
    ``conjugate(G, E)``
        Of anything else: a bound on the largest <G', W> - Omega(W), over W and over all G' within E of G,
        entry by entry; the conjugate itself where E = 0.

    A dual point of a semi-norm (or of anything else that does not change along some directions) must be
    orthogonal to these. So that rounding does not make the gap infinite, write as well

    ``null_space(n_features, n_tasks)``
        An orthonormal basis, k x D x T and right to rounding, of the N with Omega(N) = Omega(-N) = 0 (of what
        is no norm: along which it is constant). ``polar(G)`` then sees only what G has orthogonal to it, so
        that it is finite. k may be 0: of a norm, and of a penalty that leaves all tasks `unpenalised`.
    ``polar_bound(E)``
        Where ``polar(E)`` is not that bound: at least the polar of anything whose entries do not exceed those
        of E >= 0 in size.

    For speed, and only that, write

    ``tangent(W)``
        A `fista.penalties.tangent.Tangent`: the smooth function that Omega is near W, of the entries that are
        not zero. Newton steps then go where the iteration would take long.

    Examples
    --------
    >>> import numpy as np
    >>> from fista import MultiTaskRegressor
    >>> class Ridge(Penalty):
    ...     def value(self, W):
    ...         return 0.5 * float(np.sum(W**2))
    ...     def prox(self, V, step):
    ...         return V / (1 + step)
    ...     def conjugate(self, G, E):
    ...         return 0.5 * float(np.sum((np.abs(G) + E) ** 2))
    >>> model = MultiTaskRegressor(Ridge()).fit([[1.0], [2.0]], [[1.0], [2.0]])
    >>> model.certificate_.converged
    True
    """

    n_parts: int = 1
    separable: bool = False
    symmetric: bool = True

    def value(self, W: Floats) -> float:
        """Omega(W)."""
        raise NotImplementedError(f"{type(self).__name__} has no value; expected a method value(W)")

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        """The minimiser of 1/2 ||W - V||_F^2 + step * Omega(W)."""
        raise NotImplementedError(f"{type(self).__name__} has no prox; expected a method prox(V, step)")

    def unpenalised(self, n_tasks: int) -> NDArray[np.bool_]:
        """For each task, whether Omega leaves its coefficients free."""
        return np.zeros(n_tasks, dtype=np.bool_)

    # As parameters of an estimator penalties are searched through and cloned like estimators.

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters, for a grid search to name ``penalty__alpha``, or ``penalty__penalty__alpha``."""
        parameters = dict(vars(self))
        for name, value in vars(self).items():
            if deep and isinstance(value, Penalty):
                parameters |= {f"{name}__{inner}": found for inner, found in value.get_params().items()}
        return parameters

    def set_params(self, **parameters: Any) -> Self:
        """Build the penalty anew with some parameters changed; those of one in it are ``penalty__alpha``."""
        inner: dict[str, dict[str, Any]] = {}
        for key in [key for key in parameters if "__" in key]:
            name, _, rest = key.partition("__")
            inner.setdefault(name, {})[rest] = parameters.pop(key)
        for name, changed in inner.items():
            within = parameters.get(name, vars(self).get(name))
            if not isinstance(within, Penalty):
                raise ValueError(
                    f"{name}__{next(iter(changed))}: found no penalty {name} in {type(self).__name__}; "
                    f"expected one of {', '.join(vars(self))}"
                )
            parameters[name] = within.set_params(**changed)
        unknown = parameters.keys() - vars(self).keys()
        if unknown:
            raise ValueError(
                f"{sorted(unknown)[0]}: found no such parameter of {type(self).__name__}; expected one of "
                f"{', '.join(vars(self))}"
            )
        self.__init__(**{**vars(self), **parameters})  # type: ignore[misc]
        return self

    def __sklearn_clone__(self) -> Self:
        return deepcopy(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


# What the dual side of any penalty is, whichever way it states it: Omega* is finite on {gauge <= 1} at least.


def has_dual(penalty: Any) -> bool:
    """Whether there is a polar or a conjugate, and so a duality gap."""
    return hasattr(penalty, "polar") or hasattr(penalty, "conjugate")


def gauge(penalty: Any, G: Floats) -> float:
    """The polar; 0 where there is only a conjugate, which says itself where it is finite."""
    return float(penalty.polar(G)) if hasattr(penalty, "polar") else 0.0


def gauge_bound(penalty: Any, E: Floats) -> float:
    """At least the gauge of anything whose entries do not exceed those of E >= 0 in size."""
    bound = getattr(penalty, "polar_bound", None) or getattr(penalty, "polar", None)
    return float(bound(E)) if bound is not None else 0.0


def conjugate_of(penalty: Any, G: Floats, E: Floats) -> float:
    """A bound on the conjugate within E of G; 0 for a norm, where the gauge is at most 1."""
    return float(penalty.conjugate(G, E)) if hasattr(penalty, "conjugate") else 0.0


def null_space_of(penalty: Any, n_features: int, n_tasks: int) -> Floats:
    """The null space that a penalty states, k x D x T; k = 0 where it states none."""
    if not hasattr(penalty, "null_space"):
        return np.empty((0, n_features, n_tasks))
    return np.asarray(penalty.null_space(n_features, n_tasks), dtype=np.float64)


def largest_ratio(sizes: Floats, weights: float | Floats) -> float:
    """The polar of a weighted sum of norms; in an array of weights those that are 0 are the null space."""
    if np.ndim(weights) == 0:
        return divided(float(np.max(sizes, initial=0.0)), float(weights))
    kept = np.greater(weights, 0)
    return float(np.max(sizes / np.where(kept, weights, 1.0), initial=0.0, where=kept))


def divided(size: float, weight: float) -> float:
    """Divide for the polar of a weighted norm: 0/0 = 0 and x/0 = inf."""
    if size == 0:
        return 0.0
    return float(size / weight) if weight > 0 else np.inf


def read_weights(name: str, value: float | Floats, ndim: int = 1, each: str = "task") -> float | Floats:
    """A finite weight >= 0, or an array of them with at most ndim axes."""
    weight = read_numbers(name, value, f"a finite weight >= 0, or one a {each}")
    if weight.ndim > ndim or not np.all(np.isfinite(weight)) or np.any(weight < 0):
        raise ValueError(f"{name}: found {value!r}; expected a finite weight >= 0, or one a {each}")
    return float(weight) if weight.ndim == 0 else weight


def read_weight(name: str, value: float) -> float:
    """A finite weight >= 0."""
    weight = read_number(name, value)
    if not 0 <= weight < np.inf:
        raise ValueError(f"{name}: found {value!r}; expected a finite weight >= 0")
    return weight


def read_number(name: str, value: Any) -> float:
    """One real number."""
    number = read_numbers(name, value, "a number")
    if number.ndim:
        raise ValueError(f"{name}: found an array of shape {number.shape}; expected one number")
    return float(number)


def read_numbers(name: str, value: Any, expected: str) -> Floats:
    """Real numbers; text that spells one is none."""
    try:
        given = np.asarray(value, dtype=np.float64 if isinstance(value, Real) else None)
    except ValueError:  # rows of different lengths
        given = np.asarray(None)
    if given.dtype.kind not in "fiu" or isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: found {value!r} of type {type(value).__name__}; expected {expected}")
    return np.asarray(given, dtype=np.float64)


def read_part(name: str, penalty: Any) -> Any:
    """A penalty within another."""
    if isinstance(penalty, type):
        raise TypeError(
            f"{name}: found the class {penalty.__name__}; expected an instance of it, such as "
            f"{penalty.__name__}(...)"
        )
    if not isinstance(penalty, Penalty):
        raise TypeError(f"{name}: found {penalty!r} of type {type(penalty).__name__}; expected a Penalty")
    return penalty


def read_parts(name: str, penalties: Any) -> tuple[Any, ...]:
    """A sequence of them."""
    if isinstance(penalties, str) or not isinstance(penalties, Iterable):
        raise TypeError(f"{name}: found {penalties!r}; expected a sequence of penalties")
    return tuple(read_part(name, penalty) for penalty in penalties)


def entry_weights(alpha: float | Floats, shape: tuple[int, ...]) -> Floats:
    """Weights one for all, one a task, a feature or an entry, as those of entries (D x T)."""
    expected: tuple[tuple[int, ...], ...] = (shape, (shape[0], 1), shape[1:], ())
    found: tuple[int, ...] = np.shape(alpha)
    if found not in expected:
        raise ValueError(f"alpha: found shape {found}; expected one of {', '.join(map(str, expected))}")
    return np.broadcast_to(alpha, shape)


def read_partition(name: str, groups: Sequence[Sequence[int]]) -> list[list[int]]:
    """Groups of features of which every feature is in exactly one."""
    groups = read_groups(name, groups)
    every = sorted(d for group in groups for d in group)
    if every != list(range(len(every))):
        raise ValueError(f"{name}: found the features {every}; expected each of 0, 1, ... exactly once")
    return groups


def read_groups(name: str, groups: Any) -> list[list[int]]:
    """Groups of features, by their positions, none of them empty; they may overlap."""
    expected = f"expected sequences of features 0, 1, ..., such as {name}=[[0, 2], [1]]"
    if isinstance(groups, str) or not isinstance(groups, Iterable):
        raise TypeError(f"{name}: found {groups!r}; {expected}")
    read = []
    for group in groups:
        if isinstance(group, str) or not isinstance(group, Iterable):
            raise TypeError(f"{name}: found {group!r} where a group belongs; {expected}")
        features = list(group)
        for d in features:
            if isinstance(d, bool | np.bool_) or not isinstance(d, Integral):
                raise TypeError(
                    f"{name}: found the feature {d!r}; expected positions 0, 1, ... in the columns of X"
                )
        if not features:
            raise ValueError(f"{name}: found an empty group; {expected}")
        read.append([int(d) for d in features])
    if not read:
        raise ValueError(f"{name}: found none; {expected}")
    return read


def read_group_weights(weights: Any, n_groups: int) -> list[float]:
    """Weights >= 0, one a group."""
    given = np.atleast_1d(read_weights("weights", weights, each="group"))
    if len(given) != n_groups:
        raise ValueError(f"weights: found {len(given)}; expected {n_groups}, one a group")
    return [float(w) for w in given]


def split(name: str, groups: list[list[int]], W: Floats) -> list[Floats]:
    """The rows of each group."""
    n = sum(map(len, groups))
    if len(W) != n:
        raise ValueError(f"{name}: found {n} features; expected {len(W)}, as many as W has")
    return [W[group] for group in groups]
