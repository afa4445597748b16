"""Both sides of every objective at given points: its value, and lower bounds from duality.

Every objective is written as

    F(W) = 1/2 ||M w - b||^2 + Omega(W) + beta ||W||_F^2,    w = vec(W), task by task,

where M stacks, for every row, sqrt(c u) x (c = 2 for SSQ, 1 for the EG crowd, 2 lam1 for its
experts) and, for every edge and feature, sqrt(2 lam) g (w_i - w_j); beta is the ridge weight, kept
outside M. For any theta and s, weak duality gives

    F(W) >= <b, s theta> - 1/2 ||s theta||^2                    if Omega°(s M'theta) <= 1,
    F(W) >= <b, s theta> - 1/2 ||s theta||^2 - 1/(4 beta) dist(s M'theta, {Omega° <= 1})^2.

The intercept, and every block of W that nothing penalises, need M'theta = 0: theta is projected.
M is built here explicitly, row by row, from the data as given: slow, obvious, and shared with no
solver.

Rounding
--------
With unit roundoff ``eps/2``, a sum of n products computed in any order has an error of at most
gamma_n sum |a_i b_i|, gamma_n = n eps/2 / (1 - n eps/2) (Higham, Accuracy and Stability, sec. 3.1).
All bounds below use gamma_n with eps for eps/2, which leaves a factor 2 for the rounding of the
bounds themselves, and n = number of terms + 8 for the square roots, products and quotients that form
the entries of M and b.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cvxpy as cp
import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray

from formulations.data import Array, Data, Rows, read_data
from formulations.graphs import Edge, read_graph
from formulations.objectives import OBJECTIVES, Objective
from formulations.terms import Terms
from formulations.weights import read_weights

__all__ = ["Declared", "DualBound", "declare"]

EPS = float(np.finfo(np.float64).eps)
MAX_DENSE_COLUMNS = 2000
MAX_SVD_WORK = 10**9  # rows x columns^2, about a second
Theta = dict[str, Array]


def gamma(n: int) -> float:
    """Return the factor by which a computed sum of n products may be wrong (see the module)."""
    return n * EPS / (1 - n * EPS)


# -- the polars, from their definitions ----------------------------------------------------------
# Each takes |G|, D x T, and the weights, and returns the smallest p with |G| in p times the dual
# ball. They are monotone in |G|, so that polar(|G| + e) bounds the polar of anything within e of G.


def _over(value: Array, weight: Any) -> float:
    """Return max(value / weight) with 0/0 = 0 and x/0 = inf."""
    value, weight = np.broadcast_arrays(np.asarray(value, float), np.asarray(weight, float))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.where(value == 0, 0.0, value / weight)
    return float(ratio.max(initial=0.0))


def _lasso_polar(A: Array, alpha: Any) -> float:
    return _over(A.max(axis=0), alpha)


def _l21_polar(A: Array, alpha: float) -> float:
    return _over(np.sqrt((A**2).sum(axis=1)), alpha)


def _dirty_polar(A: Array, rho1: float, rho2: float) -> float:
    return max(_over(A.sum(axis=1), rho1), _over(A, rho2))


def _robust_polar(A: Array, rho1: float, rho2: float) -> float:
    rows, columns = np.sqrt((A**2).sum(axis=1)), np.sqrt((A**2).sum(axis=0))
    return max(_over(rows, rho1), _over(columns, rho2))


@dataclass(frozen=True)
class Side:
    """The dual side of one objective: which weight plays which part."""

    c: float  # crowd rows of M are sqrt(c u) x
    polar: Callable[..., float]
    norms: tuple[str, ...]
    ridge: str | None = None
    graph: str | None = None
    expert: str | None = None
    rows: bool = False  # the norm groups rows: its polar sees ||G_d.||_2


SIDES: dict[str, Side] = {
    "STLasso": Side(2.0, _lasso_polar, ("alpha",)),
    "MTLasso": Side(2.0, _lasso_polar, ("alpha",), ridge="beta"),
    "L21MTL": Side(2.0, _l21_polar, ("alpha",), ridge="beta", rows=True),
    "DirtyMTL": Side(2.0, _dirty_polar, ("rho1", "rho2")),
    "RobustMTL": Side(2.0, _robust_polar, ("rho1", "rho2")),
    "SRMTL": Side(2.0, _lasso_polar, ("beta",), ridge="gamma", graph="alpha"),
    "EGMTL": Side(1.0, _lasso_polar, ("lam3",), graph="lam2", expert="lam1"),
}


@dataclass(frozen=True)
class DualBound:
    """A lower bound of the optimal value.

    Attributes
    ----------
    value : float
        The bound, true up to ``Declared.rounding``; -inf where none could be had.
    theta : dict of str to array
        The dual point that gives it, keys and shapes as for ``Declared.dual``. Feasible as it is
        when `reason` is "scaled into the dual ball" and every block is penalised and there is no
        intercept; otherwise within rounding of the feasible point whose value is bounded.
    reason : str
        How the bound was obtained, or why there is none.
    """

    value: float
    theta: Theta
    reason: str


def declare(model: Any, X: Any, y: Any, **fit_keywords: Any) -> Any:
    """Declare the objective of a model on data, without solving anything.

    Parameters
    ----------
    model : object
        Its class, or a base class of it, is named like one of the seven objectives, and it has that
        objective's weights as attributes (and `graph` where there is one); `fit_intercept`
        (default False) and `task_labels` (default None) are used when present. It may come from any
        package. Or the name is `MultiTaskRegressor` or `MultiTaskClassifier`, with a `penalty` that
        `formulations.penalties.expression` accepts.
    X, y, **fit_keywords
        As for ``fit``: `tasks`, `sample_weight`, and for EGMTL the expert arguments.

    Returns
    -------
    Declared, or Posed for a generic objective

    Raises
    ------
    TypeError, ValueError
        If the model is none of these, or the arguments are wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from formulations import MTLasso, declare
    >>> d = declare(MTLasso(alpha=1.0, beta=0.0), np.eye(2), np.array([3.0, 0.25]))
    >>> d.at_zero
    9.0625
    >>> W = np.array([[2.5], [0.0]])
    >>> d.primal({"W": W})
    2.8125
    >>> round(d.dual(d.residual_theta({"W": W})).value, 12)
    2.8125
    """
    from formulations.posed import GENERIC, pose  # which builds on this module

    names = [cls.__name__ for cls in type(model).__mro__]
    if generic := next((name for name in names if name in GENERIC), None):
        return pose(generic, model, X, y, **fit_keywords)
    name = next((name for name in names if name in OBJECTIVES), None)
    if name is None:
        known = sorted([*OBJECTIVES, *GENERIC])
        raise TypeError(f"model: expected a class named like one of {known}; got {names[0]}")
    objective = OBJECTIVES[name]
    allowed = {"tasks", "sample_weight"}
    if objective.has_expert:
        allowed |= {"X_expert", "y_expert", "tasks_expert", "sample_weight_expert", "expert"}
    if unknown := sorted(set(fit_keywords) - allowed):
        raise TypeError(f"{unknown[0]}: not a keyword of {name}.fit; expected {sorted(allowed)}")
    missing = [w for w in objective.weights if not hasattr(model, w)]
    if missing:
        raise TypeError(f"model: expected the attribute {missing[0]!r} of {name}; it has none")
    data = read_data(X, y, task_labels=getattr(model, "task_labels", None), **fit_keywords)
    return from_data(name, model, data)


def from_data(name: str, model: Any, data: Data) -> Declared:
    """Declare objective `name` with the weights and graph of `model` on data already read."""
    objective = OBJECTIVES[name]
    weights = read_weights({w: getattr(model, w) for w in objective.weights}, name, data.n_tasks)
    edges = read_graph(model.graph, data.n_tasks) if objective.has_graph else []
    return Declared(name, weights, edges, bool(getattr(model, "fit_intercept", False)), data)


class Declared:
    """One objective on one data set; see `declare`.

    Attributes
    ----------
    name : str
        Which objective.
    n_features, n_tasks : int
    parts : tuple of str
        ``("W",)`` or ``("P", "Q")``.
    edges : list of (i, j, g)
        The graph's edges, in the order of ``theta["graph"]``.
    ridge : float
        beta, the weight of ``||W||_F^2`` (0 where there is none).
    M : scipy.sparse.csr_array
        The stacked rows, not centred: crowd, expert, graph. Columns are vec(W), task by task:
        W[d, t] is column ``t * n_features + d``. Rows of a shared design are ordered by row, then
        task; graph rows by edge, then feature.
    b : array
        The stacked targets; with an intercept, centred by the weighted mean of each task.
    """

    def __init__(
        self,
        name: str,
        weights: dict[str, Any],
        edges: list[Edge],
        fit_intercept: bool,
        data: Data,
    ) -> None:
        self.name, self.weights, self.edges = name, weights, edges
        self.fit_intercept, self.data = fit_intercept, data
        self.objective: Objective = OBJECTIVES[name]
        self.side = SIDES[name]
        self.parts = self.objective.parts
        self.n_features, self.n_tasks = data.n_features, data.n_tasks
        self.ridge = float(weights[self.side.ridge]) if self.side.ridge else 0.0

    # -- the primal side, through the declared expression ------------------------------------------

    @cached_property
    def _expression(self) -> tuple[dict[str, Any], Any, Any]:
        shape = (self.n_features, self.n_tasks)
        parts = {name: cp.Variable(shape, name=name) for name in self.parts}
        intercept = cp.Variable(self.n_tasks, name="c") if self.fit_intercept else None
        terms = Terms(self.data, self.edges, intercept, split=False).of(self.objective)
        return parts, intercept, self.objective.declare(**parts, **terms, **self.weights)

    def primal(self, parts: Mapping[str, Any], intercept: Any = None) -> float:
        """Return F at the given parts, the value of the CVXPY expression on the data as given.

        Parameters
        ----------
        parts : dict of D x T arrays
            Under the names ``self.parts``.
        intercept : array (T,) or scalar, optional
            By default the best intercept, or zero without one. A model without intercept accepts
            only zero.

        Returns
        -------
        float
        """
        read = self._read_parts(parts)
        c = self._read_intercept(read, intercept)
        variables, variable_c, expression = self._expression
        for name, variable in variables.items():
            variable.value = read[name]
        if variable_c is not None:
            variable_c.value = c
        return float(expression.value)

    @cached_property
    def at_zero(self) -> float:
        """F(0): the objective at W = 0 with its best intercept."""
        zero = np.zeros((self.n_features, self.n_tasks))
        return self.primal(dict.fromkeys(self.parts, zero))

    @property
    def lambda_max(self) -> float:
        """The least factor on all norm weights at which W = 0 is optimal: the polar of M'b; or inf."""
        G = np.abs(np.asarray(self.M.T @ self.b)).reshape(self.n_tasks, self.n_features).T
        return self.side.polar(G, *(self.weights[w] for w in self.side.norms))

    def best_intercept(self, parts: Mapping[str, Any]) -> Array:
        """Return the intercept that minimises F at the given parts: weighted mean residuals."""
        read = self._read_parts(parts)
        if not self.fit_intercept:
            return np.zeros(self.n_tasks)
        W = _total(read)
        return self._means([rows.y - rows.fitted(W) for _, rows, _ in self._blocks])

    # -- M and b -----------------------------------------------------------------------------------

    @cached_property
    def _blocks(self) -> list[tuple[str, Rows, float]]:
        """The data blocks of M: name, rows and the factor c of their squares."""
        blocks = [("crowd", self.data.crowd, self.side.c)]
        if self.data.expert is not None and self.side.expert is not None:
            blocks.append(("expert", self.data.expert, 2.0 * self.weights[self.side.expert]))
        return blocks

    @cached_property
    def _graph_weight(self) -> float:
        return 2.0 * self.weights[self.side.graph] if self.side.graph else 0.0

    @cached_property
    def _scales(self) -> list[Array]:
        return [np.sqrt(c * rows.u) for _, rows, c in self._blocks]

    @cached_property
    def M(self) -> Any:
        D, T = self.n_features, self.n_tasks
        values: list[Any] = []
        at_row: list[Any] = []
        at_column: list[Any] = []
        start = 0
        for (_, rows, _), scale in zip(self._blocks, self._scales, strict=True):
            X = sp.coo_array(rows.X)
            n, d, x = X.coords[0], X.coords[1], X.data
            if rows.task is None:
                for t in range(T):
                    values.append(scale[n, t] * x)
                    at_row.append(start + n * T + t)
                    at_column.append(t * D + d)
            else:
                values.append(scale[n] * x)
                at_row.append(start + n)
                at_column.append(rows.task[n] * D + d)
            start += rows.y.size
        root = np.sqrt(self._graph_weight)
        for i, j, g in self.edges:
            for task, sign in ((i, 1.0), (j, -1.0)):
                values.append(np.full(D, sign * root * g))
                at_row.append(start + np.arange(D))
                at_column.append(task * D + np.arange(D))
            start += D
        coordinates = (np.concatenate(at_row), np.concatenate(at_column))
        M = sp.csr_array((np.concatenate(values), coordinates), shape=(start, D * T))
        M.eliminate_zeros()
        return M

    @cached_property
    def b_uncentred(self) -> Array:
        return self._stack([rows.y for _, rows, _ in self._blocks])

    @cached_property
    def b(self) -> Array:
        return self._stack(self._centred([rows.y for _, rows, _ in self._blocks]))

    def _stack(self, values: list[Array]) -> Array:
        """Scale values of the shapes of the y's into one vector, with zeros for the graph rows."""
        scaled = [(s * v).ravel() for s, v in zip(self._scales, values, strict=True)]
        return np.concatenate([*scaled, np.zeros(len(self.edges) * self.n_features)])

    def _means(self, values: list[Array]) -> Array:
        """Return the mean of values per task, weighted over crowd and expert rows together."""
        pairs = list(zip(self._blocks, values, strict=True))
        total = sum(c * rows.totals(rows.u) for (_, rows, c), _ in pairs)
        weighted = sum(c * rows.totals(rows.u * v) for (_, rows, c), v in pairs)
        return np.divide(weighted, total, out=np.zeros(self.n_tasks), where=total > 0)

    def _centred(self, values: list[Array]) -> list[Array]:
        if not self.fit_intercept:
            return values
        means = self._means(values)
        return [v - rows.spread(means) for (_, rows, _), v in zip(self._blocks, values, strict=True)]

    def image(self, parts: Mapping[str, Any]) -> Array:
        """Return M w as a vector, centred (like `b`) when there is an intercept."""
        W = _total(self._read_parts(parts))
        image = self._stack(self._centred([rows.fitted(W) for _, rows, _ in self._blocks]))
        root, D = np.sqrt(self._graph_weight), self.n_features
        start = len(image) - len(self.edges) * D
        for q, (i, j, g) in enumerate(self.edges):
            image[start + q * D : start + (q + 1) * D] = root * g * (W[:, i] - W[:, j])
        return image

    @cached_property
    def _B(self) -> Any:
        """The columns of the intercepts, scaled to norm 1 (zero for a task without weight)."""
        ones = [np.ones_like(rows.y) for _, rows, _ in self._blocks]
        values = self._stack(ones)
        columns = []
        for _, rows, _ in self._blocks:
            task = np.arange(self.n_tasks) if rows.task is None else rows.task
            columns.append(np.broadcast_to(task, rows.y.shape).ravel())
        column = np.concatenate(columns)
        n = len(column)
        norm = np.sqrt(np.bincount(column, values[:n] ** 2, minlength=self.n_tasks))
        safe = np.where(norm > 0, norm, 1.0)
        shape = (len(values), self.n_tasks)
        return sp.csr_array((values[:n] / safe[column], (np.arange(n), column)), shape=shape)

    def dense_M(self) -> Array:
        """Return M as a dense array, centred explicitly when there is an intercept."""
        return self._dense(np.arange(self.n_features * self.n_tasks))

    def _dense(self, columns: NDArray[np.intp]) -> Array:
        M = self.M[:, columns]
        if not self.fit_intercept:
            return np.asarray(M.toarray())
        return np.asarray(M.toarray() - self._B @ (self._B.T @ M).toarray())

    # -- the dual side -----------------------------------------------------------------------------

    def residual_theta(self, parts: Mapping[str, Any], intercept: Any = None) -> Theta:
        """Return r = b - M w at given coefficients (with the best intercept by default)."""
        read = self._read_parts(parts)
        c = self._read_intercept(read, intercept)
        W = _total(read)
        values = [rows.y - rows.fitted(W) - rows.spread(c) for _, rows, _ in self._blocks]
        r = self._stack(values)
        graph = self.image(parts)[len(r) - len(self.edges) * self.n_features :]
        r[len(r) - len(graph) :] = -graph
        return self._unstack(r)

    def dual(self, theta: Mapping[str, Any]) -> DualBound:
        """Return the best lower bound of F* along a dual direction.

        Parameters
        ----------
        theta : dict of str to array
            In the scaled rows of M: ``"crowd"`` (shape of y), ``"expert"`` (shape of the expert
            targets) and ``"graph"`` (edges x D); at the optimum sqrt(c u) (y - x w - intercept) and
            -sqrt(2 lam) g (w_i - w_j). Missing keys are zeros. Any point will do: it is made
            feasible here, by projection and scaling.

        Returns
        -------
        DualBound
        """
        vector = self._read_theta(theta)
        bound, polar = self._bound(vector)
        if polar > 1 and self._ranges is not None:
            # Scaling all of theta costs much where M'theta is large against the weights, be it by
            # rounding: here only its component in the range of M is scaled.
            inside = np.zeros_like(vector)
            for basis, _, _ in self._ranges:
                inside += basis @ (basis.T @ vector)
            other, _ = self._bound(vector - inside + inside / polar)
            bound = max(bound, other, key=lambda found: found.value)
        return bound

    def _bound(self, theta: Array) -> tuple[DualBound, float]:
        """Return the best bound along one direction, and the polar of M'theta."""
        point = self._project(theta)
        if isinstance(point, str):
            return DualBound(-np.inf, self._unstack(np.zeros_like(theta)), point), 0.0
        vector, slack, G, error = point
        if not np.isfinite(slack):  # F >= 0 is all that is left
            return DualBound(0.0, self._unstack(np.zeros_like(theta)), "M is too near to singular"), 0.0
        if float(self.b @ vector) < 0:
            vector, G = -vector, -G
        # The exactly projected theta is within `slack` of the computed one.
        a = float(self.b @ vector) - slack * float(np.linalg.norm(self.b))
        q = (float(np.linalg.norm(vector)) + slack) ** 2
        A = (np.abs(G) + error).reshape(self.n_tasks, self.n_features).T
        # Rounded up: a polar sums at most D T terms. So s is rounded down.
        polar = self.side.polar(A, *(self.weights[w] for w in self.side.norms))
        polar *= 1 + gamma(A.size + 8)
        best = min(1 / polar if polar > 0 else np.inf, a / q) if a > 0 and q > 0 else 0.0
        value, reason = best * a - best**2 * q / 2, "scaled into the dual ball"
        if self.ridge > 0 and a > 0:
            s = self._elastic_scale(A, a, q)
            elastic = s * a - s**2 * q / 2 - self._distance(A, s) / (4 * self.ridge)
            if elastic > value:
                best, value, reason = s, elastic, "elastic-net dual"
        least = min((sigma for *_, sigma in self._ranges or ()), default=0.0)
        if polar > 1 and a > 0 and least > 0:
            # For some theta' with the same component outside the range of M and M'theta' in the
            # dual ball, ||theta' - s theta|| <= (s - 1 / polar) ||M'theta|| / sigma_min: that may
            # cost less than the scaling, where rounding alone makes M'theta infeasible.
            s = a / q
            away = (s - min(s, 1 / polar)) * float(np.linalg.norm(A)) / least
            moved = s * a - away * float(np.linalg.norm(self.b))
            moved -= (s * np.sqrt(q) + away) ** 2 / 2
            if moved > value:
                best, value, reason = s, moved, "moved into the dual ball along the range of M"
        if not np.isfinite(value):
            return DualBound(-np.inf, self._unstack(np.zeros_like(vector)), "overflow"), 0.0
        return DualBound(float(value), self._unstack(best * vector), reason), polar

    def _levels(self, A: Array) -> Array:
        return np.sqrt((A**2).sum(axis=1)) if self.side.rows else A.ravel()

    def _distance(self, A: Array, s: float) -> float:
        """Squared distance of s A to the dual ball: clipping for l1, rescaling for rows l21."""
        excess = np.maximum(s * self._levels(A) - self.weights[self.side.norms[0]], 0)
        return float(excess @ excess) * (1 + gamma(A.size + 8))

    def _elastic_scale(self, A: Array, a: float, q: float) -> float:
        """Maximise s a - s^2 q / 2 - sum max(s h - alpha, 0)^2 / (4 beta) over s >= 0.

        The derivative is continuous, decreasing and linear between the points alpha / h: with the k
        largest h active its zero is at (a + alpha sum h / 2 beta) / (q + sum h^2 / 2 beta).
        """
        alpha, twice = float(self.weights[self.side.norms[0]]), 2 * self.ridge
        h = np.sort(self._levels(A))[::-1]
        h = h[h > 0]
        first = np.concatenate([[0.0], np.cumsum(h)])
        second = np.concatenate([[0.0], np.cumsum(h**2)])
        with np.errstate(divide="ignore", over="ignore"):
            starts = np.concatenate([[0.0], alpha / h, [np.inf]])
        for k in range(len(h) + 1):
            slope = twice * q + second[k]
            zero = (twice * a + alpha * first[k]) / slope if slope > 0 else np.inf
            if zero <= starts[k + 1]:
                return float(max(zero, 0.0)) if np.isfinite(zero) else 0.0
        return 0.0

    def _project(self, theta: Array) -> tuple[Array, float, Array, Array] | str:
        """Return theta in the null spaces it must lie in, how far it may be from the exact
        projection, G = M'theta, and a bound on the error of every entry of G.
        """
        M, n = self.M, self.M.shape[0]
        size, free = abs(M), self._free
        if any(len(block) > MAX_DENSE_COLUMNS for block in self._free_blocks):
            return (
                f"{int(free.sum())} coefficients are unpenalised: the projection of theta is not "
                f"attempted beyond {MAX_DENSE_COLUMNS} columns"
            )
        bases = self._free_bases
        for _ in range(2):  # the second time removes what rounding left over in the first
            if self.fit_intercept:
                theta = theta - self._B @ (self._B.T @ theta)
            for basis, _, _ in bases:
                theta = theta - basis @ (basis.T @ theta)
        # Row by row, the component that the intercepts may have left.
        away = np.zeros(n)
        if self.fit_intercept:
            B = abs(self._B)
            away = B @ (np.abs(self._B.T @ theta) + gamma(n + 8) * (B.T @ np.abs(theta)))
        error = size.T @ (away + gamma(n + 8) * np.abs(theta))
        # What is left in the range of a free block is at most ||M_b'theta|| / sigma_min.
        G, slack = np.asarray(M.T @ theta), 0.0
        for _, columns, smallest in bases:
            left = float(np.linalg.norm(np.abs(G[columns]) + error[columns]))
            slack += left / smallest if smallest > 0 else np.inf
        if slack:
            error = error + slack * np.sqrt(np.asarray(M.multiply(M).sum(axis=0)).ravel())
        G[free], error[free] = 0.0, 0.0
        return theta, slack + float(np.linalg.norm(away)), G, error

    @cached_property
    def _free(self) -> NDArray[np.bool_]:
        """The columns of M that nothing penalises."""
        free = np.zeros((self.n_tasks, self.n_features), dtype=bool)
        if self.ridge == 0:
            for name in self.side.norms:
                zero = np.broadcast_to(np.asarray(self.weights[name]) == 0, self.n_tasks)
                free |= zero[:, None]
        return free.ravel()

    @cached_property
    def _groups(self) -> list[NDArray[np.intp]]:
        """The tasks, in groups that share no row of M."""
        coupled = bool(self.edges) and self._graph_weight > 0
        adjacency = np.zeros((self.n_tasks, self.n_tasks))
        for i, j, _ in self.edges if coupled else []:
            adjacency[i, j] = 1
        _, label = sp.csgraph.connected_components(sp.csr_array(adjacency), directed=False)
        return [np.flatnonzero(label == k) for k in np.unique(label)]

    def _columns(self, tasks: NDArray[np.intp]) -> NDArray[np.intp]:
        return (tasks[:, None] * self.n_features + np.arange(self.n_features)).ravel()

    @cached_property
    def _free_blocks(self) -> list[NDArray[np.intp]]:
        blocks = [self._columns(group) for group in self._groups]
        blocks = [block[self._free[block]] for block in blocks]
        return [block for block in blocks if len(block)]

    @cached_property
    def _free_bases(self) -> list[tuple[Array, NDArray[np.intp], float]]:
        """An orthonormal basis of the range of every free block, and its least singular value.

        The rank is decided in floating point: see `_range`.
        """
        bases = []
        for block in self._free_blocks:
            basis, smallest = self._range(block)
            bases.append((basis, block, smallest))
        return [base for base in bases if base[0].shape[1]]

    def _range(self, columns: NDArray[np.intp]) -> tuple[Array, float]:
        """Return an orthonormal basis of the range of columns of M, and their least singular value."""
        U, sigma, _ = scipy.linalg.svd(self._dense(columns), full_matrices=False)
        # What a singular value may be off by: the decomposition's backward error, and the rounding
        # of the entries of M, of means among them. Below that it counts as zero.
        raw = float(np.sqrt((self.M[:, columns].data ** 2).sum()))
        error = gamma(8 + (self.M.shape[0] if self.fit_intercept else 0)) * raw
        error += max(self.M.shape[0], len(columns)) * EPS * sigma.max(initial=0.0)
        rank = int((sigma > error).sum())
        return U[:, :rank], float(sigma[rank - 1] - error) if rank else 0.0

    @cached_property
    def _ranges(self) -> list[tuple[Array, NDArray[np.intp], float]] | None:
        """As `_free_bases`, of all columns of every group of tasks; None where M is large.

        The least singular value is 0 unless the rank is full (the number of columns that are not
        zero, or of rows that are not zero less the intercepts), so that it is proved to be positive.
        """
        blocks = [self._columns(group) for group in self._groups]
        if sum(self.M.shape[0] * len(block) ** 2 for block in blocks) > MAX_SVD_WORK:
            return None
        bases = []
        for block in blocks:
            basis, smallest = self._range(block)
            size = abs(self.M[:, block])
            rows, intercepts = size.sum(axis=1), 0
            if self.fit_intercept:  # centring spreads over every row of the tasks
                B = abs(self._B[:, np.unique(block // self.n_features)])
                rows, intercepts = rows + B.sum(axis=1), int(np.count_nonzero(B.sum(axis=0)))
            full = min(np.count_nonzero(size.sum(axis=0)), np.count_nonzero(rows) - intercepts)
            bases.append((basis, block, smallest if basis.shape[1] == full else 0.0))
        return [base for base in bases if base[0].shape[1]]

    # -- rounding and curvature --------------------------------------------------------------------

    def rounding(self, parts: Mapping[str, Any], intercept: Any = None) -> float:
        """Return a bound on the rounding error of ``primal`` and ``dual`` together at this point.

        Primal: a residual is a sum of D + 2 products, so it errs by at most
        e = gamma (|b| + |M| |w| + |intercept|) in its scaled row, the half sum of squares by
        sum |r| e + e^2 / 2, and the sum of all nonnegative terms of F by gamma F. Dual: a useful
        theta has <b, theta> >= ||theta||^2 / 2, so ||theta|| <= 2 ||b||, and <b, theta> and
        ||theta||^2 / 2 err by at most gamma (2 ||b||^2 + 2 ||b||^2), where centring b by a mean adds
        gamma ||b uncentred|| to ||b||'s error.
        """
        read = self._read_parts(parts)
        c = np.abs(self._read_intercept(read, intercept))
        n, D = self.M.shape[0], self.n_features
        absolute = _total({name: np.abs(part) for name, part in read.items()})
        rows = [
            np.abs(rows.y) + replace_X(rows, abs(rows.X)).fitted(absolute) + rows.spread(c)
            for _, rows, _ in self._blocks
        ]
        size = self._stack(rows)
        root, start = np.sqrt(self._graph_weight), n - len(self.edges) * D
        for q, (i, j, g) in enumerate(self.edges):
            size[start + q * D : start + (q + 1) * D] = root * g * (absolute[:, i] + absolute[:, j])
        terms = D + 8 + (n if self.fit_intercept else 0)
        e = gamma(terms) * size
        r = np.abs(self._stack_theta(self.residual_theta(read, intercept)))
        smooth = float(r @ e + e @ e)
        summing = gamma(n + 2 * absolute.size + 8) * self.primal(read, intercept)
        b, raw = float(np.linalg.norm(self.b)), float(np.linalg.norm(self.b_uncentred))
        dual = gamma(n + 8) * (4 * b * b + 4 * b * raw)
        return smooth + summing + dual

    def mu(self) -> float | None:
        """Return a lower bound of the smallest eigenvalue of M'M (centred), without the ridge.

        The computed least singular value, less the backward error of the decomposition and the
        rounding of M's entries, squared. 0.0 where that is not positive; None if M has a coupled
        block of more than 2000 columns.
        """
        least = np.inf
        for group in self._groups:
            columns = self._columns(group)
            if len(columns) > MAX_DENSE_COLUMNS:
                return None
            M = self._dense(columns)
            M = M[np.abs(M).any(axis=1)]
            if len(M) < len(columns):
                return 0.0
            sigma = scipy.linalg.svdvals(M)
            raw = float(np.sqrt((self.M[:, columns].data ** 2).sum()))
            centring = self.M.shape[0] if self.fit_intercept else 0
            error = max(M.shape) * EPS * float(sigma[0]) + gamma(8 + centring) * raw
            least = min(least, max(float(sigma[-1]) - error, 0.0) ** 2)
        return float(least)

    # -- tasks by themselves -----------------------------------------------------------------------

    @property
    def separable(self) -> bool:
        """Whether the objective is a sum over tasks, each to be certified by itself."""
        return self.name == "STLasso"

    def task_gaps(
        self, parts: Mapping[str, Any], intercept: Any, theta: Mapping[str, Any]
    ) -> list[tuple[float, float, float]]:
        """Return (gap, F(0), rounding bound) of every task of a separable objective by itself.

        The dual direction is `theta` restricted to the task, scaled for that task alone.
        """
        gaps = []
        for t in range(self.n_tasks):
            alone, pick = self.alone(t)
            if alone is None:
                continue
            part = {name: np.asarray(value)[:, [t]] for name, value in parts.items()}
            c = np.broadcast_to(np.asarray(intercept, dtype=float), self.n_tasks)[[t]]
            own = np.asarray(theta["crowd"]).reshape(self.data.crowd.y.shape)
            bound = alone.dual({"crowd": own[pick]})
            gap = alone.primal(part, c) - bound.value
            gaps.append((gap, alone.at_zero, alone.rounding(part, c)))
        return gaps

    def alone(self, t: int) -> tuple[Declared | None, Any]:
        """Return a separable objective on task t alone (None without rows), and where its rows are."""
        rows = self.data.crowd
        if rows.task is None:
            pick: Any = (slice(None), [t])
            X, y, u = rows.X, rows.y[pick], rows.u[pick]
        else:
            pick = np.flatnonzero(rows.task == t)
            if len(pick) == 0:
                return None, pick
            X, y, u = rows.X[pick], rows.y[pick], rows.u[pick]
        task = None if rows.task is None else np.zeros(len(pick), dtype=np.intp)
        data = Data(Rows(X, y, u, task, 1), None, self.data.labels[[t]], False)
        weights = {name: np.asarray(value)[[t]] for name, value in self.weights.items()}
        return Declared(self.name, weights, [], self.fit_intercept, data), pick

    # -- reading arguments -------------------------------------------------------------------------

    def _read_parts(self, parts: Mapping[str, Any]) -> dict[str, Array]:
        if not isinstance(parts, Mapping) or set(parts) != set(self.parts):
            got = sorted(parts) if isinstance(parts, Mapping) else type(parts).__name__
            raise ValueError(f"parts: expected a dict with keys {self.parts}; got {got}")
        read, shape = {}, (self.n_features, self.n_tasks)
        for name in self.parts:
            read[name] = np.asarray(parts[name], dtype=np.float64)
            if read[name].shape != shape:
                raise ValueError(f"parts[{name!r}]: expected shape {shape}; got {read[name].shape}")
            if not np.isfinite(read[name]).all():
                raise ValueError(f"parts[{name!r}]: expected finite values; got NaN or infinity")
        return read

    def _read_intercept(self, parts: Mapping[str, Array], intercept: Any) -> Array:
        if intercept is None:
            return self.best_intercept(parts)
        c = np.asarray(intercept, dtype=np.float64)
        if c.shape not in ((), (self.n_tasks,)):
            raise ValueError(f"intercept: expected a number or shape ({self.n_tasks},); got shape {c.shape}")
        if not self.fit_intercept and c.any():
            raise ValueError("intercept: the model has fit_intercept=False; expected zero")
        return np.broadcast_to(c, (self.n_tasks,)).astype(np.float64)

    def _read_theta(self, theta: Mapping[str, Any]) -> Array:
        shapes = self._theta_shapes
        if not isinstance(theta, Mapping) or (unknown := sorted(set(theta) - set(shapes))):
            got = unknown if isinstance(theta, Mapping) else type(theta).__name__
            raise ValueError(f"theta: expected a dict with keys among {sorted(shapes)}; got {got}")
        read = {}
        for name, shape in shapes.items():
            value = np.asarray(theta.get(name, np.zeros(shape)), dtype=np.float64)
            if value.shape != shape and value.shape == (*shape, 1):
                value = value[:, 0]
            if value.shape != shape:
                raise ValueError(f"theta[{name!r}]: expected shape {shape}; got {value.shape}")
            if not np.isfinite(value).all():
                raise ValueError(f"theta[{name!r}]: expected finite values; got NaN or infinity")
            read[name] = value
        vector = self._stack_theta(read)
        n = 0
        for scale in self._scales:  # a row of weight 0 has no say
            vector[n : n + scale.size][scale.ravel() == 0] = 0.0
            n += scale.size
        if self._graph_weight == 0:
            vector[n:] = 0.0
        return vector

    @cached_property
    def _theta_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        for name, rows, _ in self._blocks:
            shapes[name] = rows.y.shape[:1] if self.data.flat else rows.y.shape
        if self.side.graph is not None:
            shapes["graph"] = (len(self.edges), self.n_features)
        return shapes

    def _stack_theta(self, theta: Theta) -> Array:
        return np.concatenate([theta[name].ravel() for name in self._theta_shapes])

    def _unstack(self, vector: Array) -> Theta:
        theta, start = {}, 0
        for name, shape in self._theta_shapes.items():
            size = int(np.prod(shape))
            theta[name] = vector[start : start + size].reshape(shape)
            start += size
        return theta


def replace_X(rows: Rows, X: Any) -> Rows:
    """Return the same rows with another design."""
    return Rows(X, rows.y, rows.u, rows.task, rows.n_tasks)


def _total(parts: Mapping[str, Array]) -> Array:
    """W, the sum of its parts."""
    return np.asarray(sum(parts.values()))
