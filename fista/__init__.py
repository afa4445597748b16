"""Sparse multi-task least squares, solved by FISTA, with a duality-gap certificate for every answer."""

import fista.fenchel  # noqa: F401  (the certificates of losses that are not quadratic)
from fista.certificate import Certificate
from fista.classifier import MultiTaskClassifier
from fista.cv import PathCV
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
from fista.path import Path, path

__all__ = [
    "EGMTL",
    "L21MTL",
    "SRMTL",
    "Certificate",
    "DirtyMTL",
    "MTLasso",
    "MultiTaskClassifier",
    "MultiTaskRegressor",
    "Path",
    "PathCV",
    "RobustMTL",
    "STLasso",
    "path",
]
__version__ = "0.1.0"
