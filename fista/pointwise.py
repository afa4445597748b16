"""Losses of one prediction: phi(y, z) of a target y and a prediction z, convex and smooth in z.

What a duality gap needs is tau = -phi'(z), the dual variable of a row, and the concave

    d(y, tau) = inf_z phi(y, z) + tau z = -phi*(-tau),

so that sum_i omega_i d(y_i, tau_i) is the loss's part of the dual objective. Both domains hold with tau all
that lies between it and 0: a dual point may always be scaled down.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr, expit

__all__ = ["Huber", "Logistic", "PointwiseLoss"]

Floats = NDArray[np.float64]


class PointwiseLoss(Protocol):
    """What the solver and the certificate ask of a loss; arrays are of the shape of the targets."""

    factor: float  # of phi in the objective
    curvature: float  # the largest second derivative
    translates: bool  # whether phi(y + a, z + a) = phi(y, z)

    def value(self, y: Floats, z: Floats) -> Floats:
        """phi(y, z)."""

    def dual(self, y: Floats, z: Floats) -> Floats:
        """The dual variable tau = -phi'(z)."""

    def second(self, y: Floats, z: Floats) -> Floats:
        """phi''(z)."""

    def dual_value(self, y: Floats, tau: Floats) -> Floats:
        """d(y, tau)."""

    def dual_size(self, y: Floats, tau: Floats) -> Floats:
        """At least what the terms of d(y, tau) add up to in size, for the bounds on rounding."""

    def rise(self, y: Floats, z: Floats, step: Floats) -> Floats:
        """At least 2 (phi(z + step) - phi(z) - phi'(z) step), without differences of large numbers."""

    def offsets(self, y: Floats, z: Floats, odds: Floats) -> tuple[Floats, Floats]:
        """Bounds on the c with sum phi'(z + c) = 0, a task.

        ``odds`` is the logarithm of the weighted sum of the positive targets over that of the negative ones.
        """


class Huber:
    """phi = r^2 / 2 for |r| <= delta, delta |r| - delta^2 / 2 beyond, of the residual r = y - z.

    Twice that is ``cvxpy.huber(r, delta)``: r^2, and 2 delta |r| - delta^2 beyond.

    References
    ----------
    P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics, 1964.
    """

    factor = 2.0
    curvature = 1.0
    translates = True

    def __init__(self, delta: float) -> None:
        self.delta = delta

    def value(self, y: Floats, z: Floats) -> Floats:
        r = y - z
        tau = np.clip(r, -self.delta, self.delta)
        return np.asarray(tau * (r - 0.5 * tau))

    def dual(self, y: Floats, z: Floats) -> Floats:
        return np.clip(y - z, -self.delta, self.delta)

    def second(self, y: Floats, z: Floats) -> Floats:
        return np.asarray(np.abs(y - z) < self.delta, dtype=np.float64)

    def dual_value(self, y: Floats, tau: Floats) -> Floats:
        return np.asarray(tau * (y - 0.5 * tau))

    def dual_size(self, y: Floats, tau: Floats) -> Floats:
        return np.asarray(np.abs(tau) * (np.abs(y) + 0.5 * np.abs(tau)))

    def rise(self, y: Floats, z: Floats, step: Floats) -> Floats:
        # The tangent at r is tau r - tau^2 / 2, whatever branch r lies on.
        before, r = self.dual(y, z), y - z - step
        after = np.clip(r, -self.delta, self.delta)
        return np.asarray((after - before) * (2.0 * r - after - before))

    def offsets(self, y: Floats, z: Floats, odds: Floats) -> tuple[Floats, Floats]:
        r = y - z
        return np.full_like(odds, r.min()), np.full_like(odds, r.max())


class Logistic:
    """phi = log(1 + exp(-y z)) of a target y = 1 or -1 and its log-odds z."""

    factor = 1.0
    curvature = 0.25
    translates = False

    def value(self, y: Floats, z: Floats) -> Floats:
        return np.logaddexp(0.0, -y * z)

    def dual(self, y: Floats, z: Floats) -> Floats:
        return np.asarray(y * expit(-y * z))

    def second(self, y: Floats, z: Floats) -> Floats:
        return np.asarray(expit(z) * expit(-z))

    def dual_value(self, y: Floats, tau: Floats) -> Floats:
        q = y * tau
        return np.asarray(entr(q) + entr(1.0 - q))

    def dual_size(self, y: Floats, tau: Floats) -> Floats:
        # 1 - q is off by eps / 2, which counts |log(1 - q)| <= 37 times; gamma is 6 eps at least.
        return np.full_like(tau, 4.0)

    def rise(self, y: Floats, z: Floats, step: Floats) -> Floats:
        # |d log phi'' / dz| <= 1, so that phi'' grows by exp(|step|) at most.
        size = np.abs(step)
        most = np.minimum(self.second(y, z) * np.exp(np.minimum(size, 2.0)), self.curvature)
        return np.asarray(np.where(size < 2.0, most, self.curvature) * step * step)

    def offsets(self, y: Floats, z: Floats, odds: Floats) -> tuple[Floats, Floats]:
        return odds - z.max(), odds - z.min()
