"""Penalties, each with the same parts: parameters, value, prox, and polar or conjugate.

With a step s, ``prox(V, s) = argmin_W 1/2 ||W - V||_F^2 + s Omega(W)``. What a certificate needs is one of

- ``polar(G) = sup {<G, W> : Omega(W) <= 1}`` of a norm, weights included, so that Omega is the support
  function of ``{polar <= 1}``: the set where a dual point must lie;
- ``conjugate(G) = sup_W <G, W> - Omega(W)`` of anything else.

A semi-norm, which is 0 along some directions, has ``null_space(D, T)`` besides, an orthonormal basis of them:
the polar sees only what G has orthogonal to it, and the certificate takes care of the rest.

A penalty of one's own derives from `Penalty`; only ``value`` and ``prox`` must be written. Without polar and
conjugate there is no duality gap, and the certificate says so. `verification.check_penalty` looks for
mistakes.
"""

from fista.penalties.combinations import (
    Blocks,
    Elastic,
    InfimalConvolution,
    Rotated,
    Scaled,
    latent_groups,
)
from fista.penalties.constraints import Box, CappedRows, NonNegativeL1, Simplex
from fista.penalties.interface import Penalty
from fista.penalties.norms import L1, ColumnL1Linf, ColumnL21, Frobenius, RowL1Linf, RowL21
from fista.penalties.sorted import ExclusiveLasso, KSupport, Slope
from fista.penalties.spectral import TraceNorm
from fista.penalties.structured import FusedTasks, SparseGroupLasso

__all__ = [
    "L1",
    "Blocks",
    "Box",
    "CappedRows",
    "ColumnL1Linf",
    "ColumnL21",
    "Elastic",
    "ExclusiveLasso",
    "Frobenius",
    "FusedTasks",
    "InfimalConvolution",
    "KSupport",
    "NonNegativeL1",
    "Penalty",
    "Rotated",
    "RowL1Linf",
    "RowL21",
    "Scaled",
    "Simplex",
    "Slope",
    "SparseGroupLasso",
    "TraceNorm",
    "latent_groups",
]
