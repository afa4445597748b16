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
    tied : ndarray, optional
        Signs, 0 where an entry is not tied: those of a row (of one part) whose sizes are equal, and stay so.
    """

    free: NDArray[np.bool_]
    gradient: Floats
    curvature: Callable[[Floats], Floats]
    diagonal: Floats
    within: Callable[[Floats], Floats]
    tied: Floats | None = None

    def projected(self, d: Floats) -> Floats:
        """The part of a direction that keeps the structure, which is the orthogonal projection."""
        free = np.where(self.free, d, 0.0)
        if self.tied is None:
            return free
        return np.where(self.tied == 0, free, self.tied * self.level(d))

    def level(self, d: Floats) -> Floats:
        """How much the common size of what is tied grows along a direction, a row."""
        assert self.tied is not None
        count = np.count_nonzero(self.tied, axis=-1, keepdims=True)
        return np.asarray((self.tied * d).sum(axis=-1, keepdims=True) / np.maximum(count, 1))

    @property
    def ties(self) -> Floats:
        """``tied``, of zeros where nothing is."""
        return np.zeros(self.free.shape) if self.tied is None else self.tied

    def times(self, factor: float) -> Tangent:
        """That of ``factor * Omega``."""
        return Tangent(
            self.free,
            factor * self.gradient,
            lambda d: factor * self.curvature(d),
            factor * self.diagonal,
            self.within,
            self.tied,
        )
