"""The losses of the generic objectives, declared in CVXPY, and what their duality takes.

Each is written in residuals r = y - z of the fitted values z (with r = -z for `Logistic`, whose y are the
signs) as a sum over rows ``c u phi(r)`` with weights u. A dual point has one number tau a row, the slope
of phi, and by Fenchel and Young

    phi(r) >= d(tau) - tau z    for every tau of the domain, with equality at tau = phi'(r).

======== ================================ === ============== =====================================
loss     c phi(r)                          c  tau             d(tau)
======== ================================ === ============== =====================================
squared  r^2                               2  r               y tau - tau^2 / 2
huber    r^2, beyond delta                 2  r, clipped at   y tau - tau^2 / 2, abs(tau) <= delta
         2 delta abs(r) - delta^2         +- delta
logistic log(1 + exp(s r))                 1  s sigma(s r)    -q log q - (1 - q) log(1 - q), q = s tau
======== ================================ === ============== =====================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cvxpy as cp
import numpy as np
from scipy.special import entr, expit

from formulations.data import Array

__all__ = ["Huber", "Logistic", "Loss", "Squared"]


@dataclass(frozen=True)
class Squared:
    """``sum u r^2``."""

    c = 2.0
    quadratic = True

    def declare(self, r: Any, y: Array, u: Array) -> Any:
        """The loss of a CVXPY expression of the residuals."""
        return cp.sum(cp.multiply(u, cp.square(r)))

    def slope(self, r: Array, y: Array) -> Array:
        """tau, the derivative of phi."""
        return r

    def dual(self, tau: Array, y: Array) -> Array:
        """d(tau), -inf outside of the domain."""
        return y * tau - tau**2 / 2

    def into_domain(self, tau: Array, y: Array) -> Array:
        """The nearest tau of the domain."""
        return tau

    def give(self, tau: Array, y: Array) -> Array:
        """How far tau may be moved, relative to the others: less near the ends of its domain."""
        return np.ones_like(tau)


@dataclass(frozen=True)
class Huber(Squared):
    """``sum u h(r)``: r^2 up to delta, and ``2 delta |r| - delta^2`` beyond.

    References
    ----------
    P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics, 1964.
    """

    delta: float = 1.0
    quadratic = False

    def declare(self, r: Any, y: Array, u: Array) -> Any:
        """The loss of a CVXPY expression of the residuals."""
        return cp.sum(cp.multiply(u, cp.huber(r, self.delta)))

    def slope(self, r: Array, y: Array) -> Array:
        """tau, the derivative of phi."""
        return np.clip(r, -self.delta, self.delta)

    def dual(self, tau: Array, y: Array) -> Array:
        """d(tau), -inf outside of the domain."""
        return np.where(np.abs(tau) <= self.delta, y * tau - tau**2 / 2, -np.inf)

    def into_domain(self, tau: Array, y: Array) -> Array:
        """The nearest tau of the domain."""
        return np.clip(tau, -self.delta, self.delta)

    def give(self, tau: Array, y: Array) -> Array:
        """How far tau may be moved, relative to the others: less near the ends of its domain."""
        return np.asarray(1.0 - np.abs(tau) / self.delta)


@dataclass(frozen=True)
class Logistic:
    """``sum u log(1 + exp(-s z))``, y being the signs s = +1, -1; r = -z."""

    c = 1.0
    quadratic = False

    def declare(self, r: Any, y: Array, u: Array) -> Any:
        """The loss of a CVXPY expression of the residuals."""
        return cp.sum(cp.multiply(u, cp.logistic(cp.multiply(y, r))))

    def slope(self, r: Array, y: Array) -> Array:
        """tau, the derivative of phi."""
        return np.asarray(y * expit(y * r))

    def dual(self, tau: Array, y: Array) -> Array:
        """d(tau), -inf outside of the domain."""
        return np.asarray(entr(y * tau) + entr(1.0 - y * tau))

    def into_domain(self, tau: Array, y: Array) -> Array:
        """The nearest tau of the domain."""
        return np.asarray(y * np.clip(y * tau, 0.0, 1.0))

    def give(self, tau: Array, y: Array) -> Array:
        """How far tau may be moved, relative to the others: less near the ends of its domain."""
        q = y * tau
        return np.asarray(q * (1.0 - q))


Loss = Squared | Huber | Logistic
