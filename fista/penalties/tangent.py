"""What a penalty is near a point, along the directions that keep its zeros."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Tangent"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Tangent:
    """The smooth function that Omega is near W, of the entries that are not zero.

    Attributes
    ----------
    free : ndarray of bool
        The entries, in the shape of W.
    gradient : ndarray
        Of Omega in these entries; 0 elsewhere.
    curvature : callable
        Its Hessian, applied to a direction that is 0 elsewhere.
    diagonal : ndarray
        That of the Hessian.
    within : callable
        Points on which that function is still Omega, made of any (a changed sign becomes 0).
    along : callable, optional
        The orthogonal projection on the directions that keep the structure. By default all that is free.
    """

    free: NDArray[np.bool_]
    gradient: Floats
    curvature: Callable[[Floats], Floats]
    diagonal: Floats
    within: Callable[[Floats], Floats]
    along: Callable[[Floats], Floats] | None = None

    def projected(self, d: Floats) -> Floats:
        """The part of a direction that keeps the structure."""
        return np.where(self.free, d, 0.0) if self.along is None else self.along(d)

    def times(self, factor: float) -> Tangent:
        """That of ``factor * Omega``."""
        return Tangent(
            self.free,
            factor * self.gradient,
            lambda d: factor * self.curvature(d),
            factor * self.diagonal,
            self.within,
            self.along,
        )
