"""Proof that FISTA and CVXPY agree: by brackets and strong convexity, on random and on real data."""

from verification.agreement import Bracket, Comparison, Verification, certify, verify

__all__ = ["Bracket", "Comparison", "Verification", "certify", "verify"]
