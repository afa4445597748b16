"""Proof that FISTA and CVXPY agree: by brackets and strong convexity, on random and on real data."""

from verification.agreement import Bracket, Comparison, Verification, certify, verify
from verification.exact import ExactCertificate
from verification.penalty_checks import PenaltyReport, check_penalty
from verification.prototype import from_expression
from verification.solver_checks import SolverReport, check_solver, from_estimator

__all__ = [
    "Bracket",
    "Comparison",
    "ExactCertificate",
    "PenaltyReport",
    "SolverReport",
    "Verification",
    "certify",
    "check_penalty",
    "check_solver",
    "from_estimator",
    "from_expression",
    "verify",
]
