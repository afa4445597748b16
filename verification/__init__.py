"""Proof that FISTA and CVXPY agree: by brackets and strong convexity, on random and on real data."""

from verification.agreement import Bracket, Comparison, Verification, certify, verify
from verification.exact import ExactCertificate
from verification.penalty_checks import PenaltyReport, check_penalty

__all__ = [
    "Bracket",
    "Comparison",
    "ExactCertificate",
    "PenaltyReport",
    "Verification",
    "certify",
    "check_penalty",
    "verify",
]
