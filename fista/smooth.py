"""Problems whose loss is not quadratic.

    sum_i omega_i phi(y_i, z_i) + 1/2 ||E W'||_F^2 + beta ||W||_F^2 + Omega(W)

The predictions are ``z_i = (x_i - mean) w_t + c_t``, the mean (weighted, a task) and the offset c being 0
without an intercept. With one, the loss is minimised over c at every W: what is left is a convex function
of W alone, whose gradient is that at the best c, and whose Hessian is at most that of the centred rows. Like
squares, such a loss has an image that is linear in W: the predictions without their offset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fista.graphs import Graph
from fista.losses import Centering, LeastSquares, OperatorLoss, StackedRows
from fista.pointwise import PointwiseLoss
from fista.problem import TINY, Problem
from fista.rows import Rows

__all__ = ["SmoothLoss", "SmoothProblem"]

Floats = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)


class SmoothLoss(StackedRows):
    """A pointwise loss over one block of rows, whose weights include the factor of the loss."""

    def __init__(
        self,
        phi: PointwiseLoss,
        blocks: Mapping[str, Rows],
        centering: Centering,
        graph: Graph | None = None,
    ) -> None:
        super().__init__(blocks, centering, graph)
        (self.rows,) = blocks.values()
        self.phi = phi
        self.targets = self.rows.deviations(np.zeros(self.shape[1]))
        self.mass = np.broadcast_to(self.rows.weight_sums(), self.shape[1:])
        above, below = (self.rows.task_sums(np.maximum(s * self.targets, 0.0)) for s in (1.0, -1.0))
        self.odds = np.log(np.maximum(above, TINY)) - np.log(np.maximum(below, TINY))

    def image(self, W: Floats) -> Floats:
        """(X - mean) W, in the layout of the targets."""
        shift = -(self.centering.features * W).sum(axis=0) if self.centering.fit_intercept else None
        return -self.rows.residual(W, shift, targets=False)

    def adjoint(self, tau: Floats) -> Floats:
        """(X - mean)' (omega * tau), D x T."""
        G = self.rows.adjoint(tau)
        if self.centering.fit_intercept:
            G = G - self.centering.features * self.rows.task_sums(tau)
        return G

    def predictions(self, image: Floats) -> Floats:
        """z, with the best offset."""
        return image + self.rows.spread(self.offset(image)) if self.centering.fit_intercept else image

    def total(self, values: Floats) -> float:
        """sum_i omega_i values_i."""
        return float(self.rows.task_sums(values).sum())

    def offset(self, image: Floats) -> Floats:
        """The best c for given (X - mean) W, (T,): by Newton's method, bisecting where that leads astray."""
        if not self.centering.fit_intercept:
            return np.zeros(self.shape[1])
        return self._root(image, self._offset_at_zero)

    @cached_property
    def _offset_at_zero(self) -> Floats:
        nothing = np.zeros_like(self.targets)
        return self._root(nothing, np.mean(self.phi.offsets(self.targets, nothing, self.odds), axis=0))

    def _root(self, image: Floats, start: Floats) -> Floats:
        sums, spread = self.rows.task_sums, self.rows.spread
        low, high = self.phi.offsets(self.targets, image, self.odds)
        c = np.clip(start, low, high)
        for _ in range(200):  # bisection alone would take 64 or, from huge brackets, a few more
            z = image + spread(c)
            tau = self.phi.dual(self.targets, z)
            slope, bend = sums(tau), sums(self.phi.second(self.targets, z))
            low, high = np.where(slope >= 0, c, low), np.where(slope <= 0, c, high)
            solved = np.abs(slope) <= self.n_terms * EPS * sums(np.abs(tau))
            solved |= high - low <= 2 * EPS * np.maximum(np.abs(low), np.abs(high))
            if solved.all():
                break
            newton = np.where(bend > 0, c + slope / np.where(bend > 0, bend, 1.0), np.inf)
            moved = np.where((low < newton) & (newton < high), newton, 0.5 * (low + high))
            c = np.where(solved, c, moved)
        return c

    def balanced(self, tau: Floats) -> Floats:
        """A dual point with sums of 0 over each task, as an intercept asks of a dual point.

        What the best offset leaves is taken off by scaling down the larger of the positive and the negative
        side, which leads out of no domain.
        """
        if not self.centering.fit_intercept:
            return tau
        above, below = self.rows.task_sums(np.maximum(tau, 0.0)), self.rows.task_sums(np.maximum(-tau, 0.0))
        least = np.minimum(above, below)
        up, down = (least / np.where(side > 0, side, 1.0) for side in (above, below))
        return np.asarray(tau * np.where(tau > 0, self.rows.spread(up), self.rows.spread(down)))

    def lipschitz(self) -> tuple[float, bool]:
        """That of the squares times the largest second derivative: a power iteration from below."""
        squares, _ = OperatorLoss(self.blocks, self.centering).lipschitz()
        return float(np.max(squares)) * self.phi.curvature + self._coupling_norm, False


@dataclass(frozen=True)
class SmoothProblem(Problem):
    """A problem with a `SmoothLoss`; its tasks are solved together."""

    loss: SmoothLoss  # type: ignore[assignment]

    @cached_property
    def separable(self) -> bool:
        return False

    @cached_property
    def null(self) -> None:
        return None

    @cached_property
    def implicit(self) -> None:
        return None

    @property
    def _second_derivative(self) -> float:
        return self.loss.phi.curvature

    def image(self, W: Floats) -> Floats:
        """The predictions without their offset."""
        return self.loss.image(self.total(W))

    def gradient(self, W: Floats, image: Floats) -> Floats:
        """That of the smooth part, D x T."""
        return self._quadratic(self.total(W)) - self.descent(image)

    def descent(self, image: Floats) -> Floats:
        """Minus the gradient of the loss of the rows, D x T."""
        return self.loss.adjoint(self.loss.phi.dual(self.loss.targets, self.loss.predictions(image)))

    def _quadratic(self, W: Floats) -> Floats:
        """The gradient of the graph term and of the ridge."""
        slope = (2 * self.ridge) * W
        return slope if self.loss.coupling is None else slope + W @ self.loss.coupling

    def curvature(self, d: Floats, image_V: Floats, image_Z: Floats) -> float:
        """The least L that is sure to carry the quadratic upper bound along d = V - Z.

        With an intercept, the loss at V is at most that with the offset of Z.
        """
        rise = self.loss.phi.rise(self.loss.targets, self.loss.predictions(image_Z), image_V - image_Z)
        total = self.total(d)
        least = self.loss.total(rise) + float(np.vdot(total, self._quadratic(total)))
        return least / (float(np.vdot(d, d)) + TINY)

    def at_zero(self) -> Floats:
        z = self.loss.predictions(np.zeros_like(self.loss.targets))
        return self.loss.rows.task_sums(self.loss.phi.value(self.loss.targets, z))

    def descent_at_zero(self) -> Floats:
        return self.descent(np.zeros_like(self.loss.targets))

    def lambda_max(self) -> float:
        return np.inf if len(self.null_basis) else super().lambda_max()

    def projection(self, n_iter: int) -> LeastSquares | None:
        return None

    def start(self) -> Floats:
        return np.zeros(self.shape)

    def offset(self, W: Floats) -> Floats:
        return self.loss.offset(self.loss.image(self.total(W)))
