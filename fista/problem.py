"""A composite problem: 1/2 ||M w - b||^2 + beta ||W||_F^2 + Omega(W)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fista.cliques import Cliques
from fista.losses import LeastSquares, QuadraticLoss
from fista.null_space import NullSpace
from fista.penalties import Penalty
from fista.penalties.answers import expect_answers
from fista.penalties.interface import conjugate_of, gauge, gauge_bound, has_dual, null_space_of

__all__ = ["Problem"]

Floats = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)
TINY = float(np.finfo(np.float64).tiny)  # so that 0 / 0 does not arise
STRONG = 10.0  # edges, by the Lipschitz constant of all else: an iteration with them in the prox takes longer
Scalars = float | Floats  # one number, or one a task where the tasks are independent of each other


@dataclass(frozen=True)
class Problem:
    """The loss, the penalty and the ridge weight beta.

    ``W`` in the methods is D x T, or K x D x T where the penalty splits W into K parts. Where neither the
    penalty nor a graph ties the tasks to each other they are solved side by side, each with its own step,
    momentum and dual scaling: `inner` then returns one number a task. With ``independent`` the promise of
    the stopping rule, too, is made to every task by itself.
    """

    loss: QuadraticLoss
    penalty: Penalty
    ridge: float = 0.0
    independent: bool = False

    def __post_init__(self) -> None:
        if self.independent and not self.separable:
            raise ValueError("independent: found True for tied tasks; expected a separable problem")
        if self.ridge and self.penalty.n_parts > 1:
            raise ValueError(
                f"ridge: found {self.ridge:g} with a penalty of {self.penalty.n_parts} parts; "
                "expected 0, its dual is not available"
            )

    @cached_property
    def separable(self) -> bool:
        return self.penalty.separable and self.loss.coupling is None

    @cached_property
    def free(self) -> NDArray[np.bool_]:
        """The tasks that nothing but the loss acts on, (T,); those of a null space are none of them."""
        unpenalised = self.penalty.unpenalised(self.loss.shape[1]) & (self.ridge == 0)
        return unpenalised & (len(self.null_basis) == 0)

    @cached_property
    def null_basis(self) -> Floats:
        """An orthonormal basis of what a semi-norm does not see, k x D x T; k = 0 of a norm.

        Empty, too, where whole tasks are free (`free`) and nothing ties them to others.
        """
        alone = self.separable or (not self.ridge and self.penalty.unpenalised(self.loss.shape[1]).all())
        return np.empty((0, *self.loss.shape)) if alone else null_space_of(self.penalty, *self.loss.shape)

    @cached_property
    def null(self) -> NullSpace | None:
        """The smooth part along `null_basis`."""
        if not len(self.null_basis):
            return None

        def hessian(N: Floats) -> Floats:
            return self.loss.hessian(N) + (2 * self.ridge) * N

        return NullSpace.of(self.null_basis, hessian, self.loss)

    def settled(self, W: Floats, HW: Floats) -> tuple[Floats, Floats]:
        """W moved to the minimum along the null space of the penalty, whose value stays; and the Hessian."""
        if self.null is None:
            return W, HW
        step, image = self.null.step(self.loss.linear - HW)
        return W + (step if self.penalty.n_parts == 1 else self.penalty.share(step)), HW + image  # type: ignore[attr-defined]

    def off_null(self, G: Floats) -> Floats:
        """What G has orthogonal to the null space of the penalty."""
        if not len(self.null_basis):
            return G
        N = self.null_basis
        return np.asarray(G - np.tensordot(np.tensordot(N, G, axes=2), N, axes=1))

    @property
    def shape(self) -> tuple[int, ...]:
        n_parts = self.penalty.n_parts
        return self.loss.shape if n_parts == 1 else (n_parts, *self.loss.shape)

    def on_rows(self, rows: NDArray[Any]) -> Problem:
        """The problem on some features, the coefficients of all others being held at zero."""
        return replace(self, loss=self.loss.on_features(rows), penalty=self.penalty.on_rows(rows))  # type: ignore[attr-defined]

    def total(self, W: Floats) -> Floats:
        """The sum of the parts, D x T."""
        return W if self.penalty.n_parts == 1 else sum(W[1:], start=W[0])

    def inner(self, A: Floats, B: Floats) -> Scalars:
        """<A, B>, one a task where the tasks are independent."""
        return np.einsum("dt,dt->t", A, B) if self.separable else float(np.vdot(A, B))

    def image(self, W: Floats) -> Floats:
        """The Hessian of the smooth part applied to the sum of the parts, D x T."""
        total = self.total(W)
        HW = self.loss.hessian(total)
        return HW + (2 * self.ridge) * total if self.ridge else HW

    def explicit_image(self, W: Floats) -> Floats:
        """The image without edges that are in the prox: rounding of theirs would be more than all else."""
        if self.implicit is None:
            return self.image(W)
        return self.loss.rows_hessian(W) + W @ self.implicit.rest + (2 * self.ridge) * W

    def whole(self, W: Floats, image: Floats) -> Floats:
        """The image of W by its explicit one."""
        return image if self.implicit is None else image + W @ self.implicit.coupling

    def gradient(self, W: Floats, image: Floats) -> Floats:
        """That of the smooth part in W, by its image (of the explicit part, by `explicit_image`), D x T."""
        return image - self.loss.linear

    def curvature(self, d: Floats, image_V: Floats, image_Z: Floats) -> Scalars:
        """<d, H d> / ||d||^2: the least L that carries the quadratic bound along d = V - Z.

        H d is taken from the images, which near the optimum is mostly rounding: where no known constant keeps
        L down, what n_terms eps of both can account for is no reason to shorten the step.
        """
        square = self.inner(d, d) + TINY
        product = self.inner(self.total(d), image_V - image_Z)
        if not self.lipschitz[1]:
            size = np.sqrt(self.inner(image_V, image_V)) + np.sqrt(self.inner(image_Z, image_Z))
            product = product - self.loss.n_terms * EPS * size * np.sqrt(square)
        return product / square

    @cached_property
    def lipschitz(self) -> tuple[Scalars, bool]:
        """The Lipschitz constant of the gradient in W, and whether it is certainly an upper bound.

        K parts act on the residual together, which multiplies the largest eigenvalue by K.
        """
        if self.implicit is not None:
            largest, exact = self.loss.rows_lipschitz
            largest = largest + self.implicit.norm_of_rest
        else:
            largest, exact = self.loss.lipschitz()
        if not self.separable:
            largest = float(np.max(largest))
        L = np.asarray(largest * self.penalty.n_parts + 2 * self.ridge)
        L = np.where(L > 0, L, 1.0)  # where M = 0 any step will do
        return (L if L.ndim else float(L)), exact

    @cached_property
    def implicit(self) -> Cliques | None:
        """Edges that the prox takes along instead of the gradient, where they are so strong that it pays."""
        if self.loss.coupling is None or not hasattr(self.penalty, "l1_weights"):
            return None
        others = float(np.max(self.loss.rows_lipschitz[0])) + 2 * self.ridge
        if 2 * self.loss.coupling.diagonal().max() <= STRONG * others:  # which no norm exceeds (Gershgorin)
            return None
        cliques = Cliques.of(self.loss.coupling)
        return cliques if cliques.norm > STRONG * (others + cliques.norm_of_rest) else None

    def prox(self, V: Floats, step: Scalars) -> Floats:
        """That of what is not in the gradient: of the penalty, and of edges that are strong."""
        if self.implicit is None:
            return self.penalty.prox(V, step)
        weights = self.penalty.l1_weights(V.shape)  # type: ignore[attr-defined]
        return self.implicit.prox(V, float(step), weights)

    @property
    def other_diagonal(self) -> Scalars:
        """That of the Hessian of ridge and graph."""
        coupling = self.loss.coupling
        return 2 * self.ridge + (0.0 if coupling is None else coupling.diagonal())

    @cached_property
    def coordinate_lipschitz(self) -> Scalars:
        """The Lipschitz constant of the gradient along one coefficient, at most.

        From norms of columns before centring, and so at hand where `lipschitz` must be searched for.
        """
        diagonal = np.square(self.loss.column_norms) * self._second_derivative + self.other_diagonal
        if not self.separable:
            return float(diagonal.max()) or 1.0
        largest = np.broadcast_to(diagonal.max(axis=0), self.loss.shape[1])
        return np.where(largest > 0, largest, 1.0)  # where M = 0 any step will do

    @property
    def _second_derivative(self) -> float:
        """Of the loss of a row, at most."""
        return 1.0

    def penalty_value(self, W: Floats) -> Scalars:
        return self.penalty.task_values(W) if self.separable else self.penalty.value(W)  # type: ignore[attr-defined]

    @cached_property
    def has_dual(self) -> bool:
        """Whether a duality gap can be had: the penalty has a polar or a conjugate."""
        return has_dual(self.penalty)

    @cached_property
    def is_norm(self) -> bool:
        """Whether the penalty is positively homogeneous: its conjugate is 0 where the polar is at most 1."""
        return hasattr(self.penalty, "polar") and not hasattr(self.penalty, "conjugate")

    def polar(self, G: Floats) -> Scalars:
        """The polar of a norm; of anything else, the gauge of a set on which the conjugate is finite."""
        return self.penalty.task_polars(G) if self.separable else gauge(self.penalty, G)  # type: ignore[attr-defined]

    def polar_bound(self, E: Floats) -> Scalars:
        """At least the polar of anything whose entries do not exceed those of E >= 0 in size."""
        return self.penalty.task_polars(E) if self.separable else gauge_bound(self.penalty, E)  # type: ignore[attr-defined]

    def conjugate(self, G: Floats, E: Floats | None = None, scale: Scalars = 1.0) -> float:
        """The largest conjugate within scale E of scale G, where the polar is at most 1: 0 for a norm."""
        if self.is_norm:
            return 0.0
        return conjugate_of(self.penalty, scale * G, np.zeros_like(G) if E is None else scale * E)

    def beyond(self, G: Floats) -> Floats:
        """What G has beyond the u of least Omega*(u) + ||G - u||^2 / (4 beta): 2 beta prox(G / (2 beta))."""
        if self.is_norm:  # then the point of the dual ball that is nearest to G, whatever beta
            return self.penalty.prox(G, 1.0)
        return 2 * self.ridge * self.penalty.prox(G / (2 * self.ridge), 1.0 / (2 * self.ridge))

    def projection(self, n_iter: int) -> LeastSquares | None:
        """The projection on the range of M, once it costs no more than n_iter iterations.

        Of norms, and where M is of full rank.
        """
        D, T = self.loss.shape
        blocks, n = (T, D) if self.loss.coupling is None else (1, D * T)
        if not self.is_norm or self.free.any() or 10 * blocks * n**3 > 2 * n_iter * D * D * T:
            return None
        solver = self.loss.least_squares()
        return solver if solver is not None and solver.full_rank else None

    def descent_at_zero(self) -> Floats:
        """Minus the gradient of the loss at W = 0, D x T."""
        return self.loss.linear

    def offset(self, W: Floats) -> Floats:
        """The best intercept of centred data, (T,): with squares, 0."""
        return np.zeros(self.loss.shape[1])

    def at_zero(self) -> Floats:
        """F(0) a task: half the (centred) energy of the targets, (T,)."""
        return 0.5 * self.loss.energy

    def lambda_max(self) -> float:
        """The smallest factor on the weights of a norm at which W = 0 is optimal.

        Of a semi-norm: at which the best W within its null space is.
        """
        return gauge(self.penalty, self.descent_at_zero() - self._settled_zero()[1])

    def _settled_zero(self) -> tuple[Floats, Floats]:
        return self.settled(np.zeros(self.shape), np.zeros(self.loss.shape))

    def zero_is_optimal(self) -> bool:
        """Whether W = 0 is known to be: Omega(0) + Omega*(M'b) = 0, by Fenchel and Young.

        Of a semi-norm, whether `start` is.
        """
        if not self.has_dual or self.lambda_max() > 1:
            return False
        return self.is_norm or bool(
            self.penalty.value(np.zeros(self.shape)) + self.conjugate(self.descent_at_zero()) <= 0
        )

    def expect_answers(self) -> None:
        """Refuse a penalty whose methods return what is no number or no matrix, at a first step from zero."""
        G = self.descent_at_zero()
        largest = float(np.abs(G).max(initial=0.0))
        step = 1.0 / max(largest, TINY)
        expect_answers(self.penalty, G * step, step, G)

    def start(self) -> Floats:
        """Zero, and the least-squares solution for tasks or directions that nothing but the loss acts on."""
        W = self._settled_zero()[0]
        if self.free.any() and (solver := self.loss.least_squares()) is not None:
            solution = np.where(self.free, solver.solve(self.loss.linear), 0.0)
            # of several parts, one that costs nothing takes it all
            W.reshape(-1, *self.loss.shape)[self._free_part()] = solution
        return W

    def _free_part(self) -> int:
        parts = getattr(self.penalty, "penalties", ()) if self.penalty.n_parts > 1 else (self.penalty,)
        return next(k for k, p in enumerate(parts) if p.unpenalised(self.loss.shape[1]).any())
