"""Sparse multi-task least squares, solved by FISTA, with a duality-gap certificate for every answer."""

from fista.certificate import Certificate
from fista.estimators import (
    EGMTL,
    L21MTL,
    SRMTL,
    DirtyMTL,
    MTLasso,
    MultiTaskRegressor,
    RobustMTL,
    STLasso,
)

__all__ = [
    "EGMTL",
    "L21MTL",
    "SRMTL",
    "Certificate",
    "DirtyMTL",
    "MTLasso",
    "MultiTaskRegressor",
    "RobustMTL",
    "STLasso",
]
__version__ = "0.1.0"
