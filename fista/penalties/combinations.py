"""Penalties made of penalties; each is of the same kind as its parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fista.penalties.dirty import DirtyNorm
from fista.penalties.interface import (
    TINY,
    Penalty,
    conjugate_of,
    gauge,
    gauge_bound,
    has_dual,
    null_space_of,
    read_group_weights,
    read_groups,
    read_numbers,
    read_part,
    read_partition,
    read_parts,
    read_weight,
    split,
)
from fista.penalties.norms import L1, Frobenius, RowL1Linf
from fista.penalties.tangent import Tangent

__all__ = ["Blocks", "Elastic", "InfimalConvolution", "OnRows", "Rotated", "Scaled", "latent_groups"]

Floats = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)
ROUNDING = 16  # of a few sums as long as a matrix


class Combination(Penalty):
    """What sums of penalties of different matrices share: polars are the largest, conjugates the sum."""

    penalties: tuple[Any, ...]

    def _pieces(self, G: Floats) -> list[Floats]:
        """What each of the penalties is to see of a dual matrix."""
        raise NotImplementedError

    def _bounds(self, E: Floats) -> list[Floats]:
        """At least the entries of `_pieces` of anything whose entries do not exceed those of E in size."""
        return self._pieces(E)

    def __getattr__(self, name: str) -> Any:
        # There is a polar or a conjugate where the parts have them; a norm has no use for a conjugate.
        if name in ("polar", "polar_bound", "conjugate") and self.__dict__:
            if not all(has_dual(p) for p in self.penalties):
                raise AttributeError(f"{type(self).__name__}: a part has neither polar nor conjugate")
            if name != "conjugate" or any(hasattr(p, "conjugate") for p in self.penalties):
                return {"polar": self._polar, "polar_bound": self._bound, "conjugate": self._conjugate}[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def _seen(self, pieces: list[Floats]) -> list[tuple[Any, Floats]]:
        """The penalties, each with its piece, but for those whose rows are null space altogether."""
        return list(zip(self.penalties, pieces, strict=True))

    def _polar(self, G: Floats) -> float:
        return max((gauge(p, A) for p, A in self._seen(self._pieces(G))), default=0.0)

    def _bound(self, E: Floats) -> float:
        return max((gauge_bound(p, A) for p, A in self._seen(self._bounds(E))), default=0.0)

    def _conjugate(self, G: Floats, E: Floats) -> float:
        pieces = zip(self.penalties, self._pieces(G), self._bounds(E), strict=True)
        return float(sum(conjugate_of(p, A, B) for p, A, B in pieces))


class InfimalConvolution(Combination):
    """inf {Omega_1(W_1) + ... + Omega_K(W_K) : W_1 + ... + W_K = W}, minimised over the parts themselves.

    Its coefficients are the stacked parts, K x D x T; the polar is the largest of the polars.

    References
    ----------
    A. Jalali et al., NIPS 2010 (the dirty model); P. Gong et al., KDD 2012 (the robust model).
    """

    def __init__(self, *penalties: Any) -> None:
        if len(penalties) == 1 and isinstance(penalties[0], list | tuple):
            raise TypeError(
                f"penalties: found a {type(penalties[0]).__name__} of {len(penalties[0])}; expected the "
                "penalties themselves, side by side: InfimalConvolution(L1(1.0), TraceNorm(1.0))"
            )
        read_parts("penalties", penalties)
        if len(penalties) < 2:
            raise ValueError(f"penalties: found {len(penalties)}; expected two or more, one a part")
        if any(p.n_parts > 1 for p in penalties):
            raise ValueError("penalties: found one of several parts; expected penalties of one, side by side")
        self.penalties = penalties

    @property
    def n_parts(self) -> int:  # type: ignore[override]
        return len(self.penalties)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {}

    def __repr__(self) -> str:
        return f"InfimalConvolution({', '.join(map(repr, self.penalties))})"

    def value(self, W: Floats) -> float:
        return float(sum(p.value(part) for p, part in zip(self.penalties, W, strict=True)))

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        W = np.empty_like(V)
        for k, penalty in enumerate(self.penalties):
            W[k] = penalty.prox(V[k], step)
        return W

    def unpenalised(self, n_tasks: int) -> NDArray[np.bool_]:
        free: NDArray[np.bool_] = np.any([p.unpenalised(n_tasks) for p in self.penalties], axis=0)
        return free

    def null_space(self, n_features: int, n_tasks: int) -> Floats:
        """The sum of the null spaces of the parts."""
        every = np.concatenate([null_space_of(p, n_features, n_tasks) for p in self.penalties])
        if not len(every):
            return every
        _, sizes, N = np.linalg.svd(every.reshape(len(every), -1), full_matrices=False)
        # Sines and cosines of the angles between the spaces, each right to rounding.
        small = sizes <= ROUNDING * every[0].size * EPS
        if np.any(~small & (sizes <= np.sqrt(EPS))):
            raise ValueError(
                "penalties: found null spaces that nearly have a direction in common; expected that they "
                "share it or do not"
            )
        return np.asarray(N[~small].reshape(-1, n_features, n_tasks))

    def __getattr__(self, name: str) -> Any:
        # Rows can be told apart where they can in every part; so with tangents.
        own = {"row_polars": self._row_polars, "on_rows": self._on_rows, "tangent": self._tangent}
        if name in own and all(hasattr(p, name) for p in self.__dict__.get("penalties", [None])):
            return own[name]
        return super().__getattr__(name)

    def _row_polars(self, G: Floats) -> Floats:
        return np.asarray(np.max([p.row_polars(G) for p in self.penalties], axis=0))

    def _on_rows(self, rows: NDArray[Any]) -> InfimalConvolution:
        return InfimalConvolution(*(p.on_rows(rows) for p in self.penalties))

    def _tangent(self, W: Floats) -> Tangent:
        parts = [p.tangent(part) for p, part in zip(self.penalties, W, strict=True)]
        return Tangent(
            np.stack([p.free for p in parts]),
            np.stack([p.gradient for p in parts]),
            lambda d: np.stack([p.curvature(part) for p, part in zip(parts, d, strict=True)]),
            np.stack([p.diagonal for p in parts]),
            lambda V: np.stack([p.within(part) for p, part in zip(parts, V, strict=True)]),
            None if all(p.tied is None for p in parts) else np.stack([p.ties for p in parts]),
        )

    @property
    def as_one(self) -> DirtyNorm | None:
        """The penalty of the sum of the parts, if it is known in closed form: it is solved for, and split."""
        if [type(p) for p in self.penalties] != [RowL1Linf, L1]:
            return None
        rho1, rho2 = (p.alpha for p in self.penalties)
        usual = np.ndim(rho1) == np.ndim(rho2) == 0 and rho1 > 0 and rho2 > 0
        return DirtyNorm(rho1, rho2) if usual else None

    def share(self, step: Floats) -> Floats:
        """A step within `null_space` as steps of the parts, K x D x T, each within its own."""
        bases = [null_space_of(p, *step.shape) for p in self.penalties]
        every = np.concatenate(bases).reshape(-1, step.size)
        c = np.linalg.lstsq(every.T, step.ravel(), rcond=None)[0]
        parts = np.split(c, np.cumsum([len(N) for N in bases])[:-1])
        return np.stack([np.tensordot(a, N, axes=1) for a, N in zip(parts, bases, strict=True)])

    def _pieces(self, G: Floats) -> list[Floats]:
        return [G] * len(self.penalties)


class _OnBlocks(Combination):
    """Penalties on rows of their own: rows that nothing penalises are null space."""

    def _seen(self, pieces: list[Floats]) -> list[tuple[Any, Floats]]:
        return [(p, A) for p, A in super()._seen(pieces) if not p.unpenalised(A.shape[1]).all()]


class Blocks(_OnBlocks):
    """sum_b Omega_b(W_b), each penalty on rows (features) of its own.

    Parameters
    ----------
    rows : sequence of sequences of int
        The features of each block; every feature belongs to exactly one.
    penalties : sequence of Penalty
        One a block. Weights that differ from block to block are theirs.

    Examples
    --------
    >>> import numpy as np
    >>> from fista.penalties import L1, RowL21
    >>> both = Blocks([[0, 2], [1]], [L1(1.0), RowL21(2.0)])
    >>> both.value(np.array([[1.0, 1.0], [3.0, 4.0], [0.0, 1.0]]))
    13.0
    """

    def __init__(self, rows: Sequence[Sequence[int]], penalties: Sequence[Any]) -> None:
        self.penalties, blocks = read_parts("penalties", penalties), read_groups("rows", rows)
        if len(blocks) != len(self.penalties):
            raise ValueError(
                f"penalties: found {len(self.penalties)}; expected {len(blocks)}, one a block of rows"
            )
        if any(p.n_parts > 1 for p in self.penalties):
            raise ValueError("penalties: found one of several parts; expected penalties of one")
        self.rows = read_partition("rows", blocks)

    def value(self, W: Floats) -> float:
        return float(sum(p.value(A) for p, A in zip(self.penalties, self._pieces(W), strict=True)))

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        W = np.empty_like(V)
        for block, penalty, A in zip(self.rows, self.penalties, self._pieces(V), strict=True):
            W[block] = penalty.prox(A, step)
        return W

    def unpenalised(self, n_tasks: int) -> NDArray[np.bool_]:
        free: NDArray[np.bool_] = np.all([p.unpenalised(n_tasks) for p in self.penalties], axis=0)
        return free

    def _pieces(self, G: Floats) -> list[Floats]:
        return split("rows", self.rows, G)

    def null_space(self, n_features: int, n_tasks: int) -> Floats:
        pairs = zip(self.penalties, self.rows, strict=True)
        return np.concatenate([_embedded(p, rows, n_features, n_tasks) for p, rows in pairs])


def _embedded(penalty: Any, rows: list[int], n_features: int, n_tasks: int) -> Floats:
    """The null space of a penalty on some rows: all of them where it leaves them free."""
    if penalty.unpenalised(n_tasks).all():
        own = np.eye(len(rows) * n_tasks).reshape(-1, len(rows), n_tasks)
    else:
        own = null_space_of(penalty, len(rows), n_tasks)
    N = np.zeros((len(own), n_features, n_tasks))
    N[:, rows] = own
    return N


class OnRows(_OnBlocks):
    """A penalty on some rows (features) of W, the others being held at zero."""

    def __init__(self, penalty: Any, rows: Sequence[int]) -> None:
        rows = [int(d) for d in rows]
        if not rows or min(rows) < 0 or len(set(rows)) < len(rows):
            raise ValueError(f"rows: found {rows}; expected distinct features 0, 1, ..., at least one")
        self.penalty, self.rows = penalty, rows

    def _checked(self, W: Floats) -> Floats:
        if len(W) <= max(self.rows):
            raise ValueError(f"rows: found the feature {max(self.rows)}; expected less than {len(W)}")
        return W

    @property
    def penalties(self) -> tuple[Any, ...]:  # type: ignore[override]
        return (self.penalty,)

    def value(self, W: Floats) -> float:
        others = np.delete(self._checked(W), self.rows, axis=0)
        return float(self.penalty.value(W[self.rows])) if not others.any() else np.inf

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        W = np.zeros_like(self._checked(V))
        W[self.rows] = self.penalty.prox(V[self.rows], step)
        return W

    def _pieces(self, G: Floats) -> list[Floats]:
        return [self._checked(G)[self.rows]]

    def null_space(self, n_features: int, n_tasks: int) -> Floats:
        return _embedded(self.penalty, self.rows, n_features, n_tasks)


def latent_groups(
    groups: Sequence[Sequence[int]], alpha: float = 1.0, weights: Sequence[float] | None = None
) -> InfimalConvolution | OnRows:
    """The latent group lasso: W is a sum of parts, each on one group of features, and few of them non-zero.

    ``inf {alpha sum_g weight_g ||W_g||_F : sum_g W_g = W, W_g zero outside of group g}``. Groups may overlap;
    a feature that is in none is zero.

    Parameters
    ----------
    groups : sequence of sequences of int
        The features of each group.
    alpha : float
    weights : sequence of float, optional
        One a group; by default the square roots of the sizes.

    References
    ----------
    L. Jacob, G. Obozinski, J.-P. Vert, "Group lasso with overlap and graph lasso", ICML 2009.
    """
    groups = read_groups("groups", groups)
    default = [float(np.sqrt(len(group))) for group in groups]
    sizes = default if weights is None else read_group_weights(weights, len(groups))
    size = read_weight("alpha", alpha)
    parts = [OnRows(Frobenius(size * w), group) for group, w in zip(groups, sizes, strict=True)]
    return InfimalConvolution(*parts) if len(parts) > 1 else parts[0]


class Rotated(Combination):
    """Omega(Q'W) for an orthogonal Q, D x D: a penalty in another basis of the features."""

    def __init__(self, penalty: Any, Q: Floats) -> None:
        read_part("penalty", penalty)
        Q = read_numbers("Q", Q, "a square matrix")
        if Q.ndim != 2 or Q.shape[0] != Q.shape[1]:
            raise ValueError(f"Q: found shape {Q.shape}; expected a square matrix")
        if np.abs(Q.T @ Q - np.eye(len(Q))).max() > 32 * len(Q) * EPS:
            raise ValueError("Q: found columns that are not orthonormal; expected Q'Q = I")
        if penalty.n_parts > 1:
            raise ValueError("penalty: found one of several parts; expected one of one")
        self.penalty, self.Q = penalty, Q

    @property
    def penalties(self) -> tuple[Any, ...]:  # type: ignore[override]
        return (self.penalty,)

    def _turned(self, W: Floats) -> Floats:
        if len(W) != len(self.Q):
            raise ValueError(
                f"Q: found shape {self.Q.shape}; expected {(len(W), len(W))}, for as many features"
            )
        return np.asarray(self.Q.T @ W)

    def value(self, W: Floats) -> float:
        turned = self._turned(W)
        value = float(self.penalty.value(turned))
        if np.isfinite(value):
            return value
        # A constraint may be missed by the rounding of the rotations.
        nearest = self.penalty.prox(turned, TINY)
        near = np.abs(nearest - turned).max() <= 4 * len(W) * EPS * np.abs(W).max()
        return float(self.penalty.value(nearest)) if near else value

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        turned = np.asarray(self._turned(V), dtype=V.dtype)
        W = self.penalty.prox(turned, step)
        # What is left as it is comes back as it was, without the rounding of two rotations.
        return V.copy() if np.array_equal(W, turned) else np.asarray(self.Q @ W, dtype=V.dtype)

    def unpenalised(self, n_tasks: int) -> NDArray[np.bool_]:
        free: NDArray[np.bool_] = self.penalty.unpenalised(n_tasks)
        return free

    def _pieces(self, G: Floats) -> list[Floats]:
        return [self._turned(G)]

    def _bounds(self, E: Floats) -> list[Floats]:
        return [np.abs(self.Q.T) @ E]

    def null_space(self, n_features: int, n_tasks: int) -> Floats:
        return np.asarray(self.Q @ null_space_of(self.penalty, n_features, n_tasks))


class Scaled(Penalty):
    """factor * Omega(W): a penalty with all of its weights multiplied, in their ratio.

    Parameters
    ----------
    penalty : Penalty
    factor : float
        > 0.

    Examples
    --------
    >>> import numpy as np
    >>> from fista.penalties import L1
    >>> Scaled(L1(1.0), 2.0).prox(np.array([[3.0, 0.5]]), 1.0)
    array([[1., 0.]])
    """

    def __init__(self, penalty: Any, factor: float = 1.0) -> None:
        self.penalty, self.factor = read_part("penalty", penalty), read_weight("factor", factor)
        if self.factor == 0:
            raise ValueError("factor: found 0; expected a positive number")

    def value(self, W: Floats) -> float:
        return self.factor * float(self.penalty.value(W))

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        return np.asarray(self.penalty.prox(V, step * self.factor))

    def unpenalised(self, n_tasks: int) -> NDArray[np.bool_]:
        free: NDArray[np.bool_] = self.penalty.unpenalised(n_tasks)
        return free

    @property
    def n_parts(self) -> int:  # type: ignore[override]
        return int(self.penalty.n_parts)

    @property
    def separable(self) -> bool:  # type: ignore[override]
        return bool(self.penalty.separable)

    @property
    def symmetric(self) -> bool:  # type: ignore[override]
        return bool(self.penalty.symmetric)

    def __getattr__(self, name: str) -> Any:
        # What the penalty has besides: its duals see G / factor, its null space stays what it is.
        if name.startswith("_") or not self.__dict__ or not hasattr(self.penalty, name):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        own, factor = getattr(self.penalty, name), self.factor
        if name in ("polar", "polar_bound", "row_polars", "entry_polars", "task_polars"):
            return lambda G: own(G / factor)
        if name == "task_values":
            return lambda W: factor * own(W)
        if name == "tangent":
            return lambda W: own(W).times(factor)
        if name == "l1_weights":
            return lambda shape: factor * own(shape)
        if name == "conjugate":
            return lambda G, E: factor * own(G / factor, E / factor)
        if name in ("on_rows", "on_tasks"):
            return lambda kept: Scaled(own(kept), factor)
        if name == "as_one":
            return None if own is None else Scaled(own, factor)
        if name in ("null_space", "share", "split", "penalties"):
            return own
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")


class Elastic(Penalty):
    """Omega(W) + beta ||W||_F^2: a penalty and a ridge of its own, for one block or part.

    (The ridge of all of W is an argument of the estimator, which has a better bound for it.) The conjugate is
    the Moreau envelope ``min_u Omega*(u) + ||G - u||^2 / (4 beta)``, finite everywhere.

    Parameters
    ----------
    penalty : Penalty
        Of one part.
    beta : float
        > 0.

    References
    ----------
    H. Zou, T. Hastie, "Regularization and variable selection via the elastic net", JRSS B, 2005.

    Examples
    --------
    >>> import numpy as np
    >>> from fista.penalties import L1
    >>> Elastic(L1(1.0), 0.5).prox(np.array([[3.0, 0.5]]), 1.0)
    array([[1., 0.]])
    """

    def __init__(self, penalty: Any, beta: float = 1.0) -> None:
        if read_part("penalty", penalty).n_parts > 1:
            raise ValueError("penalty: found one of several parts; expected one of one")
        self.penalty, self.beta = penalty, read_weight("beta", beta)
        if self.beta == 0:
            raise ValueError("beta: found 0; expected a positive weight")

    @property
    def symmetric(self) -> bool:  # type: ignore[override]
        return bool(self.penalty.symmetric)

    def value(self, W: Floats) -> float:
        return float(self.penalty.value(W)) + self.beta * float(np.square(W).sum())

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        shrink = 1.0 / (1.0 + 2 * float(step) * self.beta)
        return np.asarray(self.penalty.prox(V * V.dtype.type(shrink), step * shrink), dtype=V.dtype)

    def __getattr__(self, name: str) -> Any:
        if name == "conjugate" and self.__dict__ and has_dual(self.penalty):
            return self._conjugate
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def _conjugate(self, G: Floats, E: Floats) -> float:
        # Any u bounds it; that of Moreau attains it. A proof trusts no prox: u is put where Omega* is finite.
        curvature = 2 * self.beta
        u = G - curvature * self.penalty.prox(G / curvature, 1.0 / curvature)
        N = null_space_of(self.penalty, *G.shape)
        u = u - np.tensordot(np.tensordot(N, u, axes=2), N, axes=1)
        u = u / max(gauge(self.penalty, u), 1.0)
        distance = float(np.linalg.norm(np.abs(G - u) + E))
        if len(N) and E.any():  # with rounding, what u may still have in the null space
            distance += ROUNDING * G.size * EPS * float(np.linalg.norm(u))
        return conjugate_of(self.penalty, u, np.zeros_like(u)) + distance**2 / (2 * curvature)
