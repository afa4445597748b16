"""A dual point for given coefficients, found in floating point; `verification.exact` proves its worth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse.linalg import LinearOperator, lsmr

from formulations import Declared
from verification.exact import (
    ExactCertificate,
    Point,
    Statement,
    Statistics,
    enclose,
    groups_of,
    statistics,
)

__all__ = ["prove"]

Floats = NDArray[np.float64]
DENSE_WORK = 10**9  # rows x columns^2, about a second


def prove(
    declared: Declared, parts: dict[str, Floats], intercept: Floats | None, target: float | None = None
) -> ExactCertificate:
    """Enclose the gap of coefficients, with the residual at them as the dual point.

    Where the gap so found exceeds ``target`` (by default 1e-6 F(0)) a second dual point is tried: the
    residual at W + (1 - s) M^+ r, which is r scaled by s in the range of M only.
    """
    statement = Statement(
        declared.name,
        declared.weights,
        declared.edges,
        declared.fit_intercept,
        declared.data.labels.tolist(),
    )
    groups = groups_of(statement, declared.n_tasks)

    def proof(V: Floats, found: Statistics) -> ExactCertificate:
        scales = [_scale(declared, groups[k], found, k, found.energies[k]) for k in range(len(groups))]
        return enclose(statement, declared.data, Point(parts, intercept, V, scales))

    W = np.asarray(sum(parts.values()), dtype=np.float64)
    found = statistics(statement, declared.data, W)
    best = proof(W, found)
    enough = 1e-6 * float(best.at_zero) if target is None else target
    if not best.reason and float(best.gap) <= enough:
        return best
    step = _towards_least_squares(declared, parts)
    V = W.copy()
    for k, group in enumerate(groups):
        inside = float(np.sum(step[:, group] * found.G[:, group]))  # the energy of r in the range of M
        V[:, group] += (1 - _scale(declared, group, found, k, inside)) * step[:, group]
    other = proof(V, statistics(statement, declared.data, V))
    return min(best, other, key=lambda certificate: float(certificate.gap))


def _scale(declared: Declared, group: list[int], found: Statistics, k: int, energy: float) -> float:
    """The s in [0, 2] that maximises the dual of a group of tasks, if ``energy`` is what s scales."""
    fit, polar = float(found.fits[k]), float(found.polars[k])
    if declared.ridge == 0:
        best = max(min(1 + fit / energy, 2.0), 0.0) if energy > 0 else 1.0
        return min(best, float(np.nextafter(1 / polar, 0))) if polar > 0 else best
    alpha = np.broadcast_to(declared.weights[declared.side.norms[0]], declared.n_tasks)[group[0]]
    G = found.G[:, group]
    levels = np.sqrt((G**2).sum(axis=1)) if declared.side.rows else np.abs(G).ravel()

    def negative(s: float) -> float:
        beyond = np.maximum(s * levels - alpha, 0.0)
        return float(-(s - s * s / 2) * energy - s * fit + beyond @ beyond / (4 * declared.ridge))

    best = minimize_scalar(negative, bounds=(0.0, 2.0), method="bounded", options={"xatol": 1e-12}).x
    return min(1.0, float(best), key=negative)  # 1 exactly where nothing is gained by another scale


def _towards_least_squares(declared: Declared, parts: dict[str, Floats]) -> Floats:
    """M^+ (b - M w), D x T; where M is large by an iteration, as any approximation will do."""
    D, T = declared.n_features, declared.n_tasks
    residual = declared.b - declared.image(parts)
    if declared.M.shape[0] * (D * T) ** 2 <= DENSE_WORK:
        step = np.linalg.lstsq(declared.dense_M(), residual, rcond=None)[0]
    else:
        zeros = {name: np.zeros((D, T)) for name in declared.parts}
        operator = LinearOperator(
            declared.M.shape,
            matvec=lambda v: declared.image({**zeros, declared.parts[0]: v.reshape(T, D).T}),
            rmatvec=lambda r: np.asarray(declared.M.T @ r),  # r is centred, as all that lsmr makes of it
            dtype=np.float64,
        )
        step = lsmr(operator, residual, atol=1e-14, btol=1e-14, maxiter=4 * D * T)[0]
    return np.asarray(step).reshape(T, D).T
