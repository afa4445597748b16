"""What a semi-norm does not see: the smooth part along the null space of the penalty.

Let N be an orthonormal basis of the W with Omega(W) = Omega(-W) = 0. Along N only the smooth part acts, so

- the minimum there is a small least-squares problem: W moves by ``sum_k c_k N_k`` with
  ``(N'HN) c = N'G``, which leaves the penalty as it is and N'G = 0 but for rounding;
- a dual point theta must have N'M'theta = 0. One that misses it by e has such a point at a distance of
  ``<e, (N'M'MN)^-1 e>^(1/2)``, the length of a projection; that is what `distance` bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fista.losses import LeastSquares, QuadraticLoss

__all__ = ["NullSpace", "inexact"]

Floats = NDArray[np.float64]
UNIT = float(np.finfo(np.float64).eps) / 2


def inexact(G: Floats) -> float:
    """What N'G may be off by: n u ||G|| by its rounding, 2 n u ||G|| as N is, which is right to n eps."""
    return 4 * G.size * UNIT * float(np.linalg.norm(G))


@dataclass(frozen=True)
class NullSpace:
    """The directions that the penalty does not see and the rows of M do."""

    basis: Floats  # k x D x T
    images: Floats  # the Hessian of the smooth part applied to each of them
    solver: LeastSquares  # of N'HN, k x k
    column_norms: Floats  # of M before centring, graph rows included, D x T

    @classmethod
    def of(cls, basis: Floats, hessian: Callable[[Floats], Floats], loss: QuadraticLoss) -> NullSpace | None:
        """None where there is nothing to do: a direction that no row of M sees asks nothing of theta."""
        norms = np.broadcast_to(loss.column_norms, loss.shape)
        if loss.coupling is not None:
            norms = np.hypot(norms, np.sqrt(loss.coupling.diagonal()))
        reach = np.einsum("kdt,dt->k", np.abs(basis), norms)  # at least ||M N_k||
        basis, reach = basis[reach > 0], reach[reach > 0]
        if not len(basis):
            return None
        images = np.stack([hessian(N) for N in basis])
        H = np.einsum("idt,jdt->ij", basis, images)
        # Centring at most doubles what the columns of M, and with them rounding, amount to.
        n_terms = loss.n_terms + int(np.prod(loss.shape))
        solver = LeastSquares.of(0.5 * (H + H.T)[None], (len(H), 1), 2 * reach[:, None], n_terms)
        return cls(basis, images, solver, norms)

    @property
    def certain(self) -> bool:
        """Whether M N has full rank for sure."""
        return self.solver.full_rank

    def coefficients(self, G: Floats) -> Floats:
        """N'G, k x 1."""
        return np.asarray(np.einsum("kdt,dt->k", self.basis, G)[:, None])

    def step(self, G: Floats) -> tuple[Floats, Floats]:
        """The way to the minimum along N, given the negative gradient G, and the Hessian applied to it."""
        c = self.solver.solve(self.coefficients(G))[:, 0]
        return np.tensordot(c, self.basis, axes=1), np.tensordot(c, self.images, axes=1)

    def distance(self, G: Floats, E: Floats) -> float:
        """From theta with M'theta within E of G, at most, to the nearest one with N'M'theta = 0."""
        error = np.einsum("kdt,dt->k", np.abs(self.basis), E)[:, None] + inexact(G)
        exact = self.solver.length(self.coefficients(G))
        return float((exact + self.solver.size(error) / np.sqrt(self.solver.smallest()))[0])
