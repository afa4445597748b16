"""Sums over rows that add up, and the loss of any sum of them.

What least squares need to know of their rows is ``sum omega``, ``sum omega x``, ``sum omega y``,
``sum omega x x'``, ``sum omega x y`` and ``sum omega y^2``. Those of two sets of rows add up to those of
both, so one pass over the data serves every fold of a cross-validation: the moments of the rows that are
fitted in a fold are added, rather than those of the others subtracted, which would cancel digits.

Rounding. With the Euclidean norms ||a|| of the weighted columns of design and targets, a sum over n rows
carries an error of at most gamma_n ||a|| ||b||, and taking off ``mean_a mean_b sum omega`` at most three
times as much again. So all that is computed is within gamma_4n of what the norms allow, where n counts the
rows and the additions. `MomentLoss.n_terms` is 2n, since an intercept doubles the magnitudes of the
certificate besides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fista.graphs import Graph
from fista.losses import Centering, GramLoss, gram_product
from fista.rows import Rows

__all__ = ["MomentLoss", "Moments"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Sums over weighted rows of T tasks; those that all tasks share have one column (or are one matrix)."""

    n_terms: int  # rows, and the additions of what they were summed from
    mass: Floats  # sum of omega, (1,) or (T,)
    features: Floats  # sum of omega x, D x 1 or D x T
    targets: Floats  # sum of omega y, (T,)
    gram: Floats  # sum of omega x x', D x D or T x D x D
    products: Floats  # sum of omega x y, D x T
    energy: Floats  # sum of omega y^2, (T,)

    @classmethod
    def of(cls, rows: Rows) -> Moments:
        """Sum over a block of rows.

        Examples
        --------
        >>> import numpy as np
        >>> from fista.rows import SharedRows
        >>> X, Y, u = np.array([[1.0], [2.0]]), np.array([[3.0], [4.0]]), np.ones((2, 1))
        >>> one, two = (Moments.of(SharedRows(X[i], Y[i], u[i])) for i in ([0], [1]))
        >>> (one + two).gram, (one + two).products
        (array([[5.]]), array([[11.]]))
        """
        D, T = rows.shape
        return cls(
            rows.n_rows,
            rows.weight_sums(),
            rows.feature_sums(),
            rows.target_sums(),
            rows.gram(np.zeros((D, 1))),
            rows.adjoint(rows.deviations(np.zeros(T))),
            rows.target_energy(),
        )

    def __add__(self, other: Moments) -> Moments:
        if self.gram.ndim == other.gram.ndim:
            gram = self.gram + other.gram
        else:  # of one, all tasks share the rows
            gram = self.gram + other.gram[None] if self.gram.ndim == 3 else self.gram[None] + other.gram
        return Moments(
            self.n_terms + other.n_terms + 1,
            self.mass + other.mass,
            self.features + other.features,
            self.targets + other.targets,
            gram,
            self.products + other.products,
            self.energy + other.energy,
        )

    def times(self, factor: float) -> Moments:
        """The sums with all weights times a factor."""
        return Moments(
            self.n_terms + 1,
            factor * self.mass,
            factor * self.features,
            factor * self.targets,
            factor * self.gram,
            factor * self.products,
            factor * self.energy,
        )

    def squares(self, W: Floats, intercept: Floats) -> Floats:
        """Sum of omega (y - x w - c)^2, (T,), to within rounding of what its terms amount to."""
        images = gram_product(self.gram, W)
        squares = self.energy + (W * (images - 2 * self.products)).sum(axis=0)
        left = self.targets - (self.features * W).sum(axis=0)
        return np.asarray(np.maximum(squares + intercept * (self.mass * intercept - 2 * left), 0.0))


class MomentLoss(GramLoss):
    """The loss of rows of which only the moments are left: it has no blocks, and no proof from the rows."""

    def __init__(self, moments: Moments, graph: Graph | None, *, fit_intercept: bool) -> None:
        self.blocks = {}
        self.graph = graph if graph is not None and graph.weight.any() else None
        self.coupling = None if self.graph is None else self.graph.laplacian()
        D, T = self.shape = moments.products.shape
        n_edges = 0 if self.graph is None else len(self.graph.weight)
        self.n_terms = (2 if fit_intercept else 1) * (moments.n_terms + n_edges + D * T + 10)
        diagonal = np.einsum("...dd->...d", moments.gram)
        self.column_norms = np.sqrt(diagonal.T if diagonal.ndim == 2 else diagonal[:, None])
        self.target_norms = np.sqrt(moments.energy)
        if not (np.isfinite(self.column_norms).all() and np.isfinite(self.target_norms).all()):
            raise ValueError("X, y: found values whose weighted squares overflow; expected smaller ones")
        if not fit_intercept:
            self.centering = Centering(np.zeros((D, 1)), np.zeros(T), False)
            self.gram, self.linear, self.energy = moments.gram, moments.products, moments.energy
            return
        mass = np.where(moments.mass > 0, moments.mass, 1.0)  # a task without rows has means of zero
        means = Centering(moments.features / mass, moments.targets / mass, True)
        scaled = moments.features / np.sqrt(mass)
        if moments.gram.ndim == 3:
            scaled = np.broadcast_to(scaled, (D, T)).T
            self.gram = moments.gram - scaled[:, :, None] * scaled[:, None, :]
        else:
            self.gram = moments.gram - np.outer(scaled, scaled)
        self.centering = means
        self.linear = moments.products - moments.features * means.targets
        self.energy = np.maximum(moments.energy - moments.targets * means.targets, 0.0)
