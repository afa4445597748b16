"""Both sides of a generic objective at given points: any loss of `losses`, any declared penalty.

    F(W) = sum_i c u_i phi(r_i) + 1/2 ||G w||^2 + Omega(W) + beta ||W||_F^2,

with rows G w of ``sqrt(2) g (w_i - w_j)`` a task edge. For any tau of the loss's domain and any theta_graph,
summing the inequality of `losses` over the rows gives

    F(W) >= sum_i c u_i d(tau_i) - 1/2 ||theta_graph||^2 - (Omega + beta ||.||^2)*(A),
    A = X'(c u tau) + G'theta_graph,

provided that, with an intercept, ``sum_i c u_i tau_i = 0`` over each task's rows. A dual point is kept in the
scaled rows of M (see `dual`): ``theta_crowd = sqrt(c u) tau``. Scaling by s in [0, 1] stays in the domain.

- A norm needs ``polar(s A) <= 1``. With a ridge, for any V, ``(Omega + beta ||.||^2)*(s A)`` is at most
  ``s^2 beta ||V||^2`` where ``polar(s (A - 2 beta V)) <= 1``: V is the maximiser of the conjugate.
- Anything else has its conjugate, which may be finite on a bounded set only: some s are tried.
- What neither the penalty nor a ridge sees, and the intercept, need ``B'theta = 0``, B being their columns.
  theta is moved there by the least step, rows near the end of their domain moving less:
  ``theta - H^(1/2) (H^(1/2) B)'^+ B'theta``. For the squared loss that is the orthogonal projection.

The penalty's side comes from its CVXPY expression alone (`conjugates`), which is trusted to 1e-8 of its size;
what that may cost a bound is `Posed.slack`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import cvxpy as cp
import numpy as np
from scipy.optimize import minimize_scalar

from formulations.conjugates import TRUSTED, PenaltyDual, dual_of
from formulations.data import Array, Data, read_data
from formulations.dual import Declared, DualBound, Theta, gamma, replace_X
from formulations.graphs import Edge, read_graph
from formulations.labels import read_signs
from formulations.losses import Huber, Logistic, Loss, Squared
from formulations.terms import Terms, rows_by_task
from formulations.weights import read_weights

__all__ = ["GENERIC", "Posed", "pose"]

#: The names of the classes that pose a generic objective.
GENERIC = ("MultiTaskRegressor", "MultiTaskClassifier")
#: The scales tried where a conjugate is not finite at 1.
SCALES = (
    1.0,
    1 - 3 * TRUSTED,
    1 - 1e-7,
    1 - 1e-6,
    1 - 1e-5,
    1 - 1e-4,
    1 - 1e-3,
    1 - 1e-2,
    0.9,
    0.5,
    0.1,
    0.0,
)


class L1:
    """The default penalty, the sum of absolute values."""

    alpha = 1.0
    n_parts = 1

    def expression(self, W: Any) -> Any:
        return cp.sum(cp.abs(W))


def pose(name: str, model: Any, X: Any, y: Any, **fit_keywords: Any) -> Posed:
    """Pose the objective of a `MultiTaskRegressor` or `MultiTaskClassifier`, of any package, on data.

    What `formulations.declare` does for models of these names.
    """
    allowed = {"tasks", "sample_weight"}
    if unknown := sorted(set(fit_keywords) - allowed):
        raise TypeError(f"{unknown[0]}: not a keyword of {name}.fit; expected {sorted(allowed)}")
    labels = getattr(model, "task_labels", None)
    if name == "MultiTaskClassifier":
        y, _ = read_signs(y, fit_keywords.get("sample_weight"))
    return from_data(name, model, read_data(X, y, task_labels=labels, **fit_keywords))


def from_data(name: str, model: Any, data: Data) -> Posed:
    """Pose the objective on data already read; a classifier's targets are signs."""
    ridge = read_weights({"ridge": getattr(model, "ridge", 0.0)}, name, data.n_tasks)["ridge"]
    graph = getattr(model, "graph", None)
    edges = [] if graph is None else read_graph(graph, data.n_tasks)
    given = getattr(model, "penalty", None)
    penalty = dual_of(L1() if given is None else given, data.n_features, data.n_tasks)
    loss: Loss = Logistic() if name == "MultiTaskClassifier" else _read_loss(model)
    return Posed(name, loss, penalty, ridge, edges, bool(getattr(model, "fit_intercept", False)), data)


def _read_loss(model: Any) -> Loss:
    loss, delta = getattr(model, "loss", "squared"), getattr(model, "delta", 1.0)
    if loss not in ("squared", "huber"):
        raise ValueError(f"loss: expected 'squared' or 'huber'; got {loss!r}")
    delta = read_weights({"delta": delta}, "", 1)["delta"]
    if delta == 0:
        raise ValueError("delta: expected a positive number; got 0")
    return Squared() if loss == "squared" else Huber(delta)


class Posed:
    """One generic objective on one data set: what `Declared` is to the seven, with the same methods.

    Attributes
    ----------
    name : str
        "MultiTaskRegressor" or "MultiTaskClassifier".
    loss : Squared, Huber or Logistic
    penalty : PenaltyDual
    ridge : float
    edges : list of (i, j, g)
    n_features, n_tasks : int
    parts : tuple of str
        ``("W",)``, or ``("W1", ..., "WK")`` where the penalty has K parts, whose sum is W.
    M : scipy.sparse.csr_array
        The stacked rows, as for `Declared`: ``sqrt(c u) x`` and ``sqrt(2) g (w_i - w_j)``.
    """

    separable = False  # nothing is promised of every task by itself

    def __init__(
        self,
        name: str,
        loss: Loss,
        penalty: PenaltyDual,
        ridge: float,
        edges: list[Edge],
        fit_intercept: bool,
        data: Data,
    ) -> None:
        self.name, self.loss, self.penalty, self.ridge = name, loss, penalty, float(ridge)
        self.edges, self.fit_intercept, self.data = edges, fit_intercept, data
        self.n_features, self.n_tasks = data.n_features, data.n_tasks
        n = penalty.n_parts
        self.parts = ("W",) if n == 1 else tuple(f"W{k + 1}" for k in range(n))
        # The same rows with squares: it has M, and reads and stacks dual points.
        target = 0.0 if isinstance(loss, Logistic) else data.crowd.y
        crowd = replace(data.crowd, y=target + np.zeros_like(data.crowd.y))
        weights = {"lam1": 0.0, "lam2": 1.0, "lam3": 0.0}
        if loss.c == 2.0:
            self._rows = Declared(
                "SRMTL",
                {"alpha": 1.0, "beta": 0.0, "gamma": 0.0},
                edges,
                fit_intercept,
                replace(data, crowd=crowd),
            )
        else:
            self._rows = Declared("EGMTL", weights, edges, fit_intercept, replace(data, crowd=crowd))
        self.M = self._rows.M

    # -- the primal side, through the declared expressions -----------------------------------------

    def primal(self, parts: Mapping[str, Any], intercept: Any = None) -> float:
        """Return F at the given parts, the value of the CVXPY expressions on the data as given.

        Parameters
        ----------
        parts : dict of D x T arrays
            Under the names ``self.parts``.
        intercept : array (T,) or scalar, optional
            By default the best intercept, or zero without one.

        Returns
        -------
        float
            inf where a constraint of the penalty is violated by more than 1e-9 (relative to the largest
            coefficient, at least 1); what less may amount to is in `rounding`.
        """
        read = self._read(parts)
        W, c = self._total(read), self._read_intercept(read, intercept)
        variable, shift, smooth = self._expression
        variable.value = W
        if shift is not None:
            shift.value = c
        return float(smooth.value) + self.penalty.value([read[name] for name in self.parts])

    @cached_property
    def _expression(self) -> tuple[Any, Any, Any]:
        W = cp.Variable((self.n_features, self.n_tasks))
        c = cp.Variable(self.n_tasks) if self.fit_intercept else None
        loss, graph, _ = declare_smooth(self.loss, self.data, self.edges, W, c)
        return W, c, loss + graph + self.ridge * cp.sum_squares(W)

    @cached_property
    def at_zero(self) -> float:
        """F(0): the objective at W = 0 with its best intercept; where that is not allowed, the loss alone."""
        zero = {name: np.zeros((self.n_features, self.n_tasks)) for name in self.parts}
        value = self.primal(zero)
        if np.isfinite(value):
            return value
        r = self._residual(zero["W"] if "W" in zero else zero["W1"], self.best_intercept(zero))
        return float(np.sum(self._u * self.loss.dual(self.loss.slope(r, self._y), self._y)) * self.loss.c)

    def best_intercept(self, parts: Mapping[str, Any]) -> Array:
        """Return the intercept that minimises F at the given parts, by bisection on its derivative."""
        if not self.fit_intercept:
            return np.zeros(self.n_tasks)
        rows, W = self.data.crowd, self._total(self._read(parts))
        if isinstance(self.loss, Squared) and self.loss.quadratic:
            return self._rows.best_intercept({"W": W})
        r = self._residual(W, np.zeros(self.n_tasks))
        # Beyond these ends no row, or no row by more than exp(-40), asks for more.
        beyond = 40.0 if isinstance(self.loss, Logistic) else 0.0
        seen = np.where(rows.u > 0, r, 0.0)
        low = np.full(self.n_tasks, seen.min() - beyond)
        high = np.full(self.n_tasks, seen.max() + beyond)
        for _ in range(200):
            middle = 0.5 * (low + high)
            slope = rows.totals(rows.u * self.loss.slope(r - rows.spread(middle), rows.y))
            low, high = np.where(slope > 0, middle, low), np.where(slope > 0, high, middle)
        return np.where(rows.totals(rows.u) > 0, 0.5 * (low + high), 0.0)

    @property
    def quadratic_program(self) -> bool:
        """Whether minimising F is a quadratic program, by CVXPY's word."""
        parts, value, within = self.penalty.declare()
        W = sum(parts[1:], start=parts[0])
        c = cp.Variable(self.n_tasks) if self.fit_intercept else None
        loss, graph, _ = declare_smooth(self.loss, self.data, self.edges, W, c)
        whole = loss + graph + self.ridge * cp.sum_squares(W) + value
        return bool(cp.Problem(cp.Minimize(whole), within).is_qp())

    # -- rows --------------------------------------------------------------------------------------

    @property
    def _u(self) -> Array:
        return self.data.crowd.u

    @property
    def _y(self) -> Array:
        return self.data.crowd.y

    def _residual(self, W: Array, c: Array) -> Array:
        """Y - z, of the shape of y (-z for signs)."""
        rows = self._rows.data.crowd
        return np.asarray(rows.y - rows.fitted(W) - rows.spread(c))

    def residual_theta(self, parts: Mapping[str, Any], intercept: Any = None) -> Theta:
        """Return the dual point of given coefficients: the slopes of the loss, and -G w."""
        read = self._read(parts)
        W, c = self._total(read), self._read_intercept(read, intercept)
        tau = self.loss.slope(self._residual(W, c), self._y)
        graph = self._rows.image({"W": W})[self._u.size :]
        vector = np.concatenate([(np.sqrt(self.loss.c * self._u) * tau).ravel(), -graph])
        return self._rows._unstack(vector)

    def image(self, parts: Mapping[str, Any]) -> Array:
        """Return M w in the rows in which F is 1-strongly convex, 0 in the others.

        That is all rows (centred with an intercept) for the squared loss, and those of the graph else.
        """
        image = self._rows.image({"W": self._total(self._read(parts))})
        if not self.loss.quadratic:
            image[: self._u.size] = 0.0
        return image

    def mu(self) -> float | None:
        """Return a mu >= 0 with M'M >= mu I, as `Declared.mu`; 0 where the loss has no such bound."""
        return self._rows.mu() if self.loss.quadratic else 0.0

    # -- the dual side -----------------------------------------------------------------------------

    def dual(self, theta: Mapping[str, Any]) -> DualBound:
        """Return the best lower bound of F* found along a dual direction.

        Parameters
        ----------
        theta : dict of str to array
            In the scaled rows of M: ``"crowd"`` (shape of y), ``sqrt(c u) tau``, and ``"graph"``
            (edges x D), at the optimum ``-sqrt(2) g (w_i - w_j)``. Missing keys are zeros. Any point will do:
            it is brought into the domain, into the null spaces and into the dual ball here.

        Returns
        -------
        DualBound
        """
        vector = self._into_domain(self._rows._read_theta(theta))
        moved = self._moved(vector)
        if isinstance(moved, str):
            return self._no_bound(moved)
        A, E = self._adjoint(moved)
        return self._norm_bound(moved, A, E) if self.penalty.is_norm else self._other_bound(moved, A, E)

    def _no_bound(self, reason: str) -> DualBound:
        return DualBound(-np.inf, self._rows._unstack(np.zeros(self.M.shape[0])), reason)

    @cached_property
    def _root(self) -> Array:
        return np.sqrt(self.loss.c * self._u).ravel()

    def _tau(self, vector: Array) -> Array:
        crowd = vector[: self._u.size]
        tau = np.divide(crowd, self._root, out=np.zeros_like(crowd), where=self._root > 0)
        return np.asarray(tau.reshape(self._u.shape))

    def _into_domain(self, vector: Array) -> Array:
        tau = self.loss.into_domain(self._tau(vector), self._y)
        return np.concatenate([self._root * tau.ravel(), vector[self._u.size :]])

    def _of_rows(self, vector: Array, s: float = 1.0) -> float:
        """Sum c u d(s tau) - 1/2 ||s theta_graph||^2, concave in s."""
        seen = self._u > 0
        tau, y = s * self._tau(vector)[seen], self._y[seen]
        graph = s * vector[self._u.size :]
        # Rounding may leave tau outside of its domain by its last bits, and no more than that.
        inside = self.loss.into_domain(tau, y)
        if np.any(np.abs(tau - inside) > gamma(8) * np.maximum(np.abs(tau), np.abs(inside))):
            return -np.inf
        values = self.loss.c * self._u[seen] * self.loss.dual(inside, y)
        return float(np.sum(values) - graph @ graph / 2)

    def _adjoint(self, vector: Array) -> tuple[Array, Array]:
        """A = M'theta without what is unseen, D x T, and a bound on the error of its entries."""
        A = np.asarray(self.M.T @ vector)
        E = gamma(self.M.shape[0] + 8) * np.asarray(abs(self.M).T @ np.abs(vector))
        A, E = (a.reshape(self.n_tasks, self.n_features).T for a in (A, E))
        if self._unseen.size:
            A = A - (self._unseen @ (self._unseen.T @ A.ravel())).reshape(A.shape)
        return A, E

    @cached_property
    def _unseen(self) -> Array:
        """An orthonormal basis of the directions of W, by rows, that neither penalty nor ridge sees."""
        if self.ridge > 0:
            return np.zeros((self.n_features * self.n_tasks, 0))
        return self.penalty.all_unseen

    @cached_property
    def _free(self) -> Array:
        """The columns of M that theta must be orthogonal to: of intercepts, and of what is unseen."""
        columns = []
        if self.fit_intercept:
            columns.append(self._rows._B.toarray())
        if self._unseen.size:
            D, T = self.n_features, self.n_tasks
            columns.append(self.M @ self._unseen.reshape(D, T, -1).transpose(1, 0, 2).reshape(D * T, -1))
        return np.hstack(columns) if columns else np.zeros((self.M.shape[0], 0))

    def _moved(self, vector: Array) -> Array | str:
        """Theta orthogonal to the free columns and within the domain, or why there is none."""
        if not self._free.shape[1]:
            return vector
        moved = vector
        for _ in range(2):  # the second time removes what rounding left over in the first
            seen = self._u > 0
            give = np.ones(len(vector))
            give[: self._u.size] = np.where(seen, self.loss.give(self._tau(moved), self._y), 0.0).ravel()
            H = np.sqrt(np.maximum(give, 0.0))
            step = np.linalg.lstsq((H[:, None] * self._free).T, self._free.T @ moved, rcond=None)[0]
            moved = moved - H * step
        off = np.linalg.norm(self._free.T @ moved)
        size = np.linalg.norm(abs(self._free).T @ np.abs(vector))
        outside = np.abs(self._into_domain(moved) - moved) > gamma(8) * np.abs(moved)
        if off <= gamma(len(vector) + 8) * size and not outside.any():
            return np.asarray(moved)
        if self._unseen.size:
            return "theta cannot be moved to where the penalty sees nothing, within the domain of the loss"
        return self._balanced(vector)

    def _balanced(self, vector: Array) -> Array:
        """Scale the larger of the positive and the negative side of every task down to the other."""
        rows, tau = self.data.crowd, self._tau(vector)
        up, down = rows.totals(rows.u * np.maximum(tau, 0)), rows.totals(rows.u * np.maximum(-tau, 0))
        share = np.minimum(up, down)
        up_by = np.divide(share, up, out=np.zeros_like(share), where=up > 0)
        down_by = np.divide(share, down, out=np.zeros_like(share), where=down > 0)
        tau = np.where(tau > 0, rows.spread(up_by), rows.spread(down_by)) * tau
        return np.concatenate([self._root * tau.ravel(), vector[self._u.size :]])

    def _norm_bound(self, vector: Array, A: Array, E: Array) -> DualBound:
        """Scaled into the dual ball, with and without the rows of a ridge; or the conjugate of both at 1."""
        tried = [(A, 0.0)]
        bounds = []
        if self.ridge > 0:
            paid, V = self.penalty.conjugate(A, E, self.ridge)
            V = self.penalty.with_unseen(V, A / (2 * self.ridge))
            bounds.append((self._of_rows(vector) - paid, 1.0, "conjugate of penalty and ridge"))
            if np.isfinite(paid):
                square = self.ridge * float(np.sum(V**2)) * (1 + gamma(V.size + 8))
                tried.append((A - 2 * self.ridge * V, square))
        for U, square in tried:
            polar = self.penalty.polar(U, E)
            if not np.isfinite(polar):
                continue
            most = 1.0 / polar if polar > 0 else 2.0
            most = min(most, 2.0 if self.loss.quadratic else 1.0)

            def value(s: float, square: float = square) -> float:
                return self._of_rows(vector, s) - s * s * square

            s = _best_scale(value, most)
            bounds.append((value(s), s, "scaled into the dual ball"))
        if not bounds:
            return self._no_bound("the penalty's polar is inf at M'theta, or no solver found it")
        return self._best(vector, bounds)

    def _other_bound(self, vector: Array, A: Array, E: Array) -> DualBound:
        bounds: list[tuple[float, float, str]] = []
        for s in SCALES:
            paid, _ = self.penalty.conjugate(s * A, s * E, self.ridge)
            bounds.append((self._of_rows(vector, s) - paid, s, "conjugate of the penalty"))
            # Concave in s: past the best it only falls.
            if np.isfinite(bounds[-1][0]) and bounds[-1][0] < max(value for value, *_ in bounds):
                break
        return self._best(vector, bounds)

    def _best(self, vector: Array, bounds: list[tuple[float, float, str]]) -> DualBound:
        value, s, reason = max(bounds, key=lambda bound: bound[0])
        if not np.isfinite(value):
            return self._no_bound("the penalty's conjugate is inf at M'theta, or no solver found it")
        return DualBound(value, self._rows._unstack(s * vector), reason)

    @property
    def lambda_max(self) -> float:
        """The least factor on a norm at which W = 0 is optimal: its polar at the slopes there; or inf."""
        if not self.penalty.is_norm:
            raise TypeError(
                f"penalty: expected a norm, of which there is a factor; got {self.penalty.penalty!r}"
            )
        zero = {name: np.zeros((self.n_features, self.n_tasks)) for name in self.parts}
        A = self.M.T @ self._rows._stack_theta(self.residual_theta(zero))
        A = A.reshape(self.n_tasks, self.n_features).T
        unseen = self.penalty.all_unseen
        if unseen.size and np.abs(unseen.T @ A.ravel()).max() > TRUSTED * np.abs(A).max():
            return np.inf
        return self.penalty.polar(A)

    # -- rounding ----------------------------------------------------------------------------------

    def rounding(self, parts: Mapping[str, Any], intercept: Any = None) -> float:
        """Return a bound on what ``primal`` and ``dual`` together may be off by at this point.

        Primal: a residual is off by at most e = gamma (|y| + |X| |w| + |intercept|), its loss by
        ``c u (|tau| e + e^2 / 2)`` (phi'' <= 1), and a sum of nonnegative terms by gamma F. A constraint that
        is violated by v is taken to be kept by a point at most ``v sqrt(D T)`` away, as it is for bounds on
        entries, rows and sums; the smooth part is at most ``v sqrt(D T) ||gradient||`` larger there. Where
        CVXPY has to solve for a penalty's value, that is off by what `solved` derives.

        Dual: the sum has terms of size at most ``c u (|y tau| + tau^2)``, taken at the slopes of this point,
        and is off by gamma of these. What CVXPY is trusted to is no part of it: bounds have that subtracted.
        """
        read = self._read(parts)
        W, c = self._total(read), self._read_intercept(read, intercept)
        rows, n = self.data.crowd, self.M.shape[0]
        size = np.abs(self._rows.data.crowd.y) + rows.spread(np.abs(c))
        size = size + replace_X(rows, abs(rows.X)).fitted(np.abs(W))
        e = gamma(self.n_features + 8) * size
        tau = self.loss.slope(self._residual(W, c), self._y)
        u = self.loss.c * rows.u
        graph = self._rows.image({"W": W})[rows.u.size :]
        smooth = float(np.sum(u * (np.abs(tau) * e + e**2 / 2))) + gamma(8) * float(graph @ graph)
        value = self.primal(read, c)
        value = value if np.isfinite(value) else self.at_zero
        terms = float(np.sum(u * (np.abs(self._y * tau) + tau**2))) + float(graph @ graph)
        floats = gamma(n + 2 * W.size * self.penalty.n_parts + 8) * (value + 4 * terms + self.at_zero)
        own = [read[name] for name in self.parts]
        floats += self.penalty.solved_within(own)
        violated = self.penalty.violation(own)
        if violated:
            slope = self._rows._stack_theta(self.residual_theta(read, c))
            gradient = np.linalg.norm(self.M.T @ slope) + 2 * self.ridge * np.linalg.norm(W)
            floats += violated * math.sqrt(W.size) * float(gradient)
        return smooth + floats

    def slack(self, parts: Mapping[str, Any], intercept: Any = None) -> float:
        """Return how much lower a bound may be for trusting CVXPY to `TRUSTED` only.

        Scaling by a polar, or paying a conjugate, that is `TRUSTED` too large loses at most `TRUSTED` of the
        terms of the dual (see `rounding`), of F(0) and of F(W), four times over; where a conjugate has to be
        taken at the next of the `SCALES`, thrice that besides.
        """
        read = self._read(parts)
        W, c = self._total(read), self._read_intercept(read, intercept)
        tau = self.loss.slope(self._residual(W, c), self._y)
        graph = self._rows.image({"W": W})[self._u.size :]
        terms = self.loss.c * float(np.sum(self._u * (np.abs(self._y * tau) + tau**2))) + float(graph @ graph)
        value = self.primal(read, c)
        times = 4 if self.penalty.is_norm else 16
        return times * TRUSTED * (terms + self.at_zero + (value if np.isfinite(value) else 0.0))

    # -- reading arguments -------------------------------------------------------------------------

    def _read(self, parts: Mapping[str, Any]) -> dict[str, Array]:
        if not isinstance(parts, Mapping) or set(parts) != set(self.parts):
            got = sorted(parts) if isinstance(parts, Mapping) else type(parts).__name__
            raise ValueError(f"parts: expected a dict with keys {self.parts}; got {got}")
        read = {}
        for name in self.parts:
            read[name] = self._rows._read_parts({"W": parts[name]})["W"]
        return read

    def _total(self, read: Mapping[str, Array]) -> Array:
        return np.asarray(sum(read.values()))

    def _read_intercept(self, read: Mapping[str, Array], intercept: Any) -> Array:
        if intercept is None:
            return self.best_intercept(read)
        return self._rows._read_intercept({"W": self._total(read)}, intercept)


def _best_scale(value: Callable[[float], float], most: float) -> float:
    """The s in [0, most] of the largest value, which is concave: the end, or what a bounded search finds."""
    found = minimize_scalar(
        lambda s: -value(s), bounds=(0.0, most), method="bounded", options={"xatol": 1e-12}
    )
    return max((most, min(1.0, most), float(found.x)), key=value)


def declare_smooth(
    loss: Loss, data: Data, edges: list[Edge], W: Any, intercept: Any, *, split: bool = False
) -> tuple[Any, Any, dict[str, Any]]:
    """The loss and the graph term as CVXPY expressions, and, if split, the ties of residuals to W."""
    rows, order = data.crowd, Ellipsis if data.crowd.task is None else rows_by_task(data.crowd.task)
    signs = isinstance(loss, Logistic)
    # `Terms` weighs its residuals; here the loss does.
    plain = replace(rows, u=np.ones_like(rows.u), y=np.zeros_like(rows.y) if signs else rows.y)
    terms = Terms(replace(data, crowd=plain), edges, intercept, split=split)
    value = loss.declare(terms.crowd(W), rows.y[order], rows.u[order])
    return value, cp.sum_squares(terms.graph(W)), terms.ties
