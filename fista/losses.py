"""The smooth part: 1/2 ||M w - b||^2, where M stacks weighted data rows, expert rows and graph rows.

As a quadratic it is ``1/2 <W, M'M W> - <M'b, W> + 1/2 ||b||^2``. `GramLoss` keeps the statistics M'M and
M'b; `OperatorLoss` applies the rows themselves, which is cheaper when there are many features. With an
intercept the rows are centred by their weighted means a task, which is the same as minimising over it.
The graph rows ``E W'`` (b = 0; the weight of the term is in the edges) enter as ``W K`` with K = E'E.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import scipy.linalg as sla
from numpy.typing import NDArray

from fista.graphs import Graph, by_strength
from fista.rows import SMALL, Rows

__all__ = [
    "Centering",
    "GramLoss",
    "LeastSquares",
    "OperatorLoss",
    "QuadraticLoss",
    "StackedRows",
    "gram_is_cheaper",
    "gram_product",
    "largest_eigenvalues",
    "quadratic_loss",
]

Floats = NDArray[np.float64]
Positions = NDArray[np.intp]
EPS = float(np.finfo(np.float64).eps)
GRAM_LIMIT = 50_000_000  # entries of the Gram matrices, 400 MB
LEAST_SQUARES_LIMIT = 2000  # features up to which unpenalised tasks are given a Gram matrix to invert
DECOMPOSED = 5_000_000  # multiplications, up to which all eigenvalues of Gram matrices are found
POWERS = 10  # of a matrix, for an estimate of its largest eigenvalue
DENSE_LIMIT = 2000  # columns up to which M'M is decomposed whole for an unpenalised, coupled problem


@dataclass(frozen=True)
class Centering:
    """Weighted means of features (D x 1 or D x T) and targets (T,) a task; zeros without an intercept."""

    features: Floats
    targets: Floats
    fit_intercept: bool

    @classmethod
    def of(cls, rows: Sequence[Rows], fit_intercept: bool) -> Centering:
        if not fit_intercept:
            D, T = rows[0].shape
            return cls(np.zeros((D, 1)), np.zeros(T), False)
        mass = _sum([b.weight_sums() for b in rows])
        mass = np.where(mass > 0, mass, 1.0)  # a task without rows has means of zero
        features = _sum([b.feature_sums() for b in rows]) / mass
        targets = _sum([b.target_sums() for b in rows]) / mass
        return cls(features, targets, True)

    def from_origin(self, origin: Centering) -> Centering:
        """The means, where these are of data that another's have been taken off."""
        if not origin.fit_intercept:
            return self
        return Centering(self.features + origin.features, self.targets + origin.targets, True)

    def intercept(self, W: Floats) -> Floats:
        """The best intercept for W: mean target less mean fit, a task."""
        if not self.fit_intercept:
            return np.zeros(W.shape[1])
        return np.asarray(self.targets - (self.features * W).sum(axis=0))


def _sum(terms: Sequence[Floats]) -> Floats:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return np.asarray(total)


def _safe_norms(W: Floats) -> Floats:
    """Frobenius norms of one or more matrices, ... x 1 x 1, without squares that overflow or vanish."""
    largest = np.abs(W).max(axis=(-2, -1), keepdims=True)
    scaled = W / np.where(largest > 0, largest, 1.0)
    return np.asarray(largest * np.linalg.norm(scaled, axis=(-2, -1), keepdims=True))


def largest_eigenvalues(product: Callable[[Floats], Floats], W: Floats) -> Floats:
    """Of one or more linear maps, by powers, and so from below: the solver must backtrack from them."""
    norms = _safe_norms(W)
    for _ in range(POWERS):
        W = product(W / np.where(norms > 0, norms, 1.0))
        norms = _safe_norms(W)
    return np.asarray(norms[..., 0, 0])


class QuadraticLoss(Protocol):
    """What the solver asks of a loss on W of shape D x T."""

    shape: tuple[int, int]
    linear: Floats  # M'b, D x T
    energy: Floats  # ||b_t||^2 of the (centred) targets, (T,)
    coupling: Floats | None  # K of the graph rows, T x T
    blocks: Mapping[str, Rows]
    graph: Graph | None
    centering: Centering
    column_norms: Floats  # of M before centring, D x 1 or D x T
    target_norms: Floats  # of b before centring, (T,)
    n_terms: int  # the longest sum that a statistic takes, for the bounds on rounding

    def hessian(self, W: Floats) -> Floats:
        """M'M W."""

    def rows_hessian(self, W: Floats) -> Floats:
        """The same without the graph."""

    def lipschitz(self) -> tuple[float | Floats, bool]:
        """The largest eigenvalue of M'M (a scalar, or one a task) and whether that is an upper bound."""

    @property
    def rows_lipschitz(self) -> tuple[float | Floats, bool]:
        """The same without the graph."""

    @property
    def connected(self) -> list[NDArray[np.bool_]]:
        """The groups of several tasks that edges of any strength connect."""

    def least_squares(self) -> LeastSquares | None:
        """The pseudo-inverse of M'M, where it can be had."""

    def on_features(self, features: NDArray[Any]) -> QuadraticLoss:
        """The loss of W that is zero but on some features."""

    def cross_gram(self, task: int, left: Positions, right: Positions) -> Floats:
        """The part of the Gram matrix of a task that is between some features and others."""


@dataclass(frozen=True)
class LeastSquares:
    """The pseudo-inverse of M'M, block by block, on equilibrated coordinates (unit diagonal).

    A block is one task, or all tasks at once where a graph couples them. Directions whose eigenvalue is
    within rounding of zero are taken as the null space; that a gradient has nothing there but rounding is
    checked by the certificate, through `outside`.
    """

    shape: tuple[int, int]
    vectors: Floats  # blocks (or 1 for all of them) x n x n
    values: Floats  # likewise x n x 1, zero in the null space
    scale: Floats  # likewise x n x 1
    error: Floats  # of the eigenvalues, a block

    @classmethod
    def of(cls, H: Floats, shape: tuple[int, int], norms: Floats, n_terms: int) -> LeastSquares:
        """H is 1 x D x D (the same for all tasks), T x D x D, or 1 x DT x DT (tasks outermost).

        ``norms`` (D x T or D x 1) are those of the columns of M before centring: H is computed to within
        n_terms eps times their products, which is what an eigenvalue must exceed to count as positive.
        """
        diagonal = np.einsum("bii->bi", H)
        sizes = norms.T.reshape(-1, H.shape[-1])
        kept = diagonal > np.square(n_terms * EPS * sizes)  # else it is what centring left of a constant
        scale = kept / np.sqrt(np.where(kept, diagonal, 1.0))
        values, vectors = np.linalg.eigh(H * scale[:, :, None] * scale[:, None, :])
        floor = n_terms * EPS * np.square(scale * sizes).sum(axis=1, keepdims=True)
        values = np.where(values > 2 * floor, values, 0.0)
        return cls(shape, vectors, values[:, :, None], np.where(kept, scale, 1.0)[:, :, None], floor[:, 0])

    @property
    def full_rank(self) -> bool:
        """Whether all eigenvalues are certainly positive."""
        return bool(np.all(self.values > 0))

    def _equilibrated(self, G: Floats) -> Floats:
        return np.asarray(self.scale * G.T.reshape(-1, self.scale.shape[1], 1))

    def _spectrum(self, G: Floats) -> Floats:
        return np.asarray(self.vectors.transpose(0, 2, 1) @ self._equilibrated(G))

    def _inverse(self) -> Floats:
        positive = self.values > 0
        return np.where(positive, 1.0 / np.where(positive, self.values, 1.0), 0.0)

    def _largest_inverse(self) -> Floats:
        """What the inverse can be at most, given the error of the eigenvalues (which exceed it twice)."""
        positive = self.values > 0
        least = self.values - self.error[:, None, None]
        return np.where(positive, 1.0 / np.where(positive, least, 1.0), 0.0)

    def solve(self, G: Floats) -> Floats:
        """(M'M)^+ G, D x T."""
        V = self.scale * (self.vectors @ (self._inverse() * self._spectrum(G)))
        return np.asarray(V.reshape(self.shape[1], self.shape[0]).T)

    def length(self, G: Floats) -> Floats:
        """A bound on <G, (M'M)^+ G>^(1/2), a block."""
        return np.asarray(np.sqrt((self._largest_inverse() * np.square(self._spectrum(G))).sum(axis=(1, 2))))

    def outside(self, G: Floats) -> Floats:
        """The norm of what G (equilibrated) has in the null space, a block."""
        in_null = np.where(self.values > 0, 0.0, self._spectrum(G))
        return np.asarray(np.sqrt(np.square(in_null).sum(axis=(1, 2))))

    def size(self, E: Floats) -> Floats:
        """The norm of E (equilibrated), a block."""
        return np.asarray(np.sqrt(np.square(self._equilibrated(E)).sum(axis=(1, 2))))

    def tilt(self) -> Floats:
        """A bound on the sine between the null space found and the true one (Davis and Kahan), a block."""
        return np.asarray(self.error / self.smallest())

    def smallest(self) -> Floats:
        """What the smallest non-zero eigenvalue (equilibrated) is at least, a block; inf where M is zero."""
        least = self.values - self.error[:, None, None]
        return np.asarray(np.where(self.values > 0, least, np.inf).min(axis=(1, 2)))


class StackedRows:
    """What all losses share: the blocks of rows, their centring, the graph."""

    def __init__(self, blocks: Mapping[str, Rows], centering: Centering, graph: Graph | None = None) -> None:
        self.blocks, self.centering = blocks, centering
        self.graph = graph if graph is not None and graph.weight.any() else None
        self.coupling = None if self.graph is None else self.graph.laplacian()
        rows = list(blocks.values())
        self.shape = rows[0].shape
        intercept = centering.intercept(np.zeros(self.shape))
        residuals = [b.deviations(intercept) for b in rows]
        with np.errstate(over="ignore"):
            self.energy = _sum([b.energy(R) for b, R in zip(rows, residuals, strict=True)])
            # Magnitudes, for the bounds on rounding.
            self.column_norms = np.sqrt(_sum([b.squared_norms() for b in rows]))
            self.target_norms = np.sqrt(_sum([b.target_energy() for b in rows]))
        if not (np.isfinite(self.column_norms).all() and np.isfinite(self.target_norms).all()):
            raise ValueError("X, y: found values whose weighted squares overflow; expected smaller ones")
        n_edges = 0 if self.graph is None else len(self.graph.weight)
        self.n_terms = sum(b.n_rows for b in rows) + n_edges + sum(self.shape) + 10
        self.linear = np.ascontiguousarray(_sum([b.adjoint(R) for b, R in zip(rows, residuals, strict=True)]))

    def least_squares(self) -> LeastSquares | None:
        return None

    def on_features(self, features: NDArray[Any]) -> QuadraticLoss:
        blocks = {name: block.on_features(features) for name, block in self.blocks.items()}
        centering = replace(self.centering, features=self.centering.features[features])
        return quadratic_loss(blocks, centering, self.graph, invert=False)

    @cached_property
    def _coupling_norm(self) -> float:
        if self.coupling is None:
            return 0.0
        if len(self.coupling) <= 500:
            return float(np.linalg.eigvalsh(self.coupling)[-1])
        return float(2 * self.coupling.diagonal().max())  # Gershgorin, for a Laplacian


def gram_product(gram: Floats, W: Floats) -> Floats:
    """G W of a Gram matrix that all tasks share, G_t w_t of one a task.

    Of a symmetric matrix rows may be taken for columns, and copying some rows pays sooner than columns would
    (`matrix_product`).
    """
    if gram.ndim == 3:
        return np.asarray(np.matmul(gram, W.T[:, :, None])[:, :, 0].T)
    if W.size > SMALL and 2 * len(used := np.flatnonzero(W.any(axis=1))) < len(W):
        gram, W = gram[used], W[used]
    return np.asarray((W.T @ gram).T)


class _Quadratic(StackedRows, ABC):
    """What the graph adds to the rows."""

    @abstractmethod
    def rows_hessian(self, W: Floats) -> Floats:
        """M'M W without the graph."""

    @property
    @abstractmethod
    def rows_lipschitz(self) -> tuple[float | Floats, bool]:
        """The largest eigenvalue without the graph, and whether that is an upper bound."""

    def hessian(self, W: Floats) -> Floats:
        HW = self.rows_hessian(W)
        return HW if self.coupling is None else np.asarray(HW + W @ self.coupling)

    def lipschitz(self) -> tuple[float | Floats, bool]:
        largest, exact = self.rows_lipschitz
        return (largest if self.coupling is None else np.max(largest) + self._coupling_norm), exact

    @cached_property
    def connected(self) -> list[NDArray[np.bool_]]:
        """Which tasks are in each of the groups of several that edges connect, those of any strength."""
        if self.coupling is None:
            return []
        groups = [labels == k for labels in by_strength(self.coupling) for k in range(labels.max() + 1)]
        several = {group.tobytes(): group for group in groups if group.sum() > 1}
        return list(several.values())


class GramLoss(_Quadratic):
    """The loss through its statistics: G = X'X (D x D, or T x D x D) and M'b."""

    def __init__(self, blocks: Mapping[str, Rows], centering: Centering, graph: Graph | None = None) -> None:
        super().__init__(blocks, centering, graph)
        grams = [b.gram(centering.features) for b in blocks.values()]
        self.gram = _sum([G if G.ndim == max(g.ndim for g in grams) else G[None] for G in grams])

    def rows_hessian(self, W: Floats) -> Floats:
        return gram_product(self.gram, W)

    @cached_property
    def rows_lipschitz(self) -> tuple[float | Floats, bool]:
        D = self.shape[0]
        exact = self.gram.size * D <= DECOMPOSED
        if exact:
            largest = np.maximum(np.linalg.eigvalsh(self.gram)[..., -1], 0.0)
        else:
            v = np.random.default_rng(0).standard_normal((*self.gram.shape[:-1], 1))
            largest = largest_eigenvalues(lambda v: self.gram @ v, v)
        # An eigenvalue of a symmetric matrix is computed to within a small multiple of D eps ||G||.
        largest = largest * (1 + 10 * D * EPS)
        return (largest if np.ndim(largest) else float(largest)), exact

    def cross_gram(self, task: int, left: Positions, right: Positions) -> Floats:
        gram = self.gram[task] if self.gram.ndim == 3 else self.gram
        return np.asarray(gram[np.ix_(left, right)])

    def least_squares(self) -> LeastSquares | None:
        return self._least_squares

    @cached_property
    def _least_squares(self) -> LeastSquares | None:
        D, T = self.shape
        norms = self.column_norms
        if self.coupling is None:
            grams = self.gram if self.gram.ndim == 3 else self.gram[None]
            return LeastSquares.of(grams, self.shape, norms, self.n_terms)
        if D * T > DENSE_LIMIT:
            return None
        blocks = self.gram if self.gram.ndim == 3 else [self.gram] * T
        H = sla.block_diag(*blocks) + np.kron(self.coupling, np.eye(D))
        norms = np.hypot(norms, np.sqrt(self.coupling.diagonal()))
        return LeastSquares.of(H[None], self.shape, norms, self.n_terms)


class OperatorLoss(_Quadratic):
    """The loss through its rows: one product with X and one with X' an application."""

    def rows_hessian(self, W: Floats) -> Floats:
        mean = self.centering.features
        shift = -(mean * W).sum(axis=0) if self.centering.fit_intercept else None
        HW = np.zeros(W.shape)
        for block in self.blocks.values():
            R = block.residual(W, shift, targets=False)
            HW -= block.adjoint(R)
            if shift is not None:
                HW += mean * block.task_sums(R)
        return HW

    def cross_gram(self, task: int, left: Positions, right: Positions) -> Floats:
        center = np.broadcast_to(self.centering.features, self.shape)[:, task]
        return _sum([b.cross_gram(task, left, right, center) for b in self.blocks.values()])

    @cached_property
    def rows_lipschitz(self) -> tuple[float | Floats, bool]:
        """An estimate, by a power iteration; where the rows are the same for all tasks, one is enough."""
        alike = all(b.shared_gram for b in self.blocks.values()) and self.centering.features.shape[1] == 1
        W = np.random.default_rng(0).standard_normal((self.shape[0], 1) if alike else self.shape)
        return float(largest_eigenvalues(self.rows_hessian, W)), False

    def least_squares(self) -> LeastSquares | None:
        return None


def gram_is_cheaper(blocks: Mapping[str, Rows], *, invert: bool, by_entries: bool = False) -> bool:
    """Whether an iteration is cheaper through M'M than through the rows, and M'M fits.

    Of the Gram matrices of single tasks with fewer rows than features only small parts are needed
    ``by_entries`` (`fista.entry_sets`).
    """
    D, T = next(iter(blocks.values())).shape
    shared = all(block.shared_gram for block in blocks.values())
    through_gram = D * D * T
    through_rows = sum(2 * block.cost for block in blocks.values())
    if by_entries and not shared and through_rows < 2 * through_gram:
        return False
    fits = D * D * (1 if shared else T) <= GRAM_LIMIT
    return fits and (through_gram <= through_rows or D <= 64 or (invert and D <= LEAST_SQUARES_LIMIT))


def quadratic_loss(
    blocks: Mapping[str, Rows],
    centering: Centering,
    graph: Graph | None,
    *,
    invert: bool,
    by_entries: bool = False,
) -> QuadraticLoss:
    """Gram form where that is cheaper, else operator form."""
    cheaper = gram_is_cheaper(blocks, invert=invert, by_entries=by_entries)
    return (GramLoss if cheaper else OperatorLoss)(blocks, centering, graph)
