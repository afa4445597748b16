"""The objectives, declared symbolically in CVXPY: the ground truth for fast solvers.

``objectives`` reads like the paper, ``estimators`` wraps it for scikit-learn, ``dual`` bounds the
optimal value from below without trusting any solver.
"""

from formulations.dual import Declared, DualBound, declare
from formulations.estimators import (
    EGMTL,
    L21MTL,
    SRMTL,
    Certificate,
    DirtyMTL,
    MTLasso,
    RobustMTL,
    STLasso,
)
from formulations.generic import MultiTaskClassifier, MultiTaskRegressor
from formulations.objectives import OBJECTIVES
from formulations.oracle import SOLVERS, OracleError
from formulations.posed import Posed

__all__ = [
    "EGMTL",
    "L21MTL",
    "OBJECTIVES",
    "SOLVERS",
    "SRMTL",
    "Certificate",
    "Declared",
    "DirtyMTL",
    "DualBound",
    "MTLasso",
    "MultiTaskClassifier",
    "MultiTaskRegressor",
    "OracleError",
    "Posed",
    "RobustMTL",
    "STLasso",
    "declare",
]
