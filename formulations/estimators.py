"""The seven oracles as scikit-learn estimators."""

from __future__ import annotations

import math
import numbers
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted, validate_data

from formulations.data import Array, Data, read_data, read_labels, task_positions
from formulations.dual import Declared, DualBound, declare, from_data
from formulations.objectives import OBJECTIVES
from formulations.oracle import SOLVERS, Compiled, Solution
from formulations.posed import Posed

__all__ = [
    "EGMTL",
    "L21MTL",
    "SRMTL",
    "Certificate",
    "DirtyMTL",
    "MTLasso",
    "RobustMTL",
    "STLasso",
]


_Class = TypeVar("_Class", bound=type)


@dataclass(frozen=True)
class Certificate:
    """What proves that an answer is near the optimum.

    Attributes
    ----------
    primal : float
        The objective at the returned coefficients and intercept, on the data as given.
    dual : float
        A lower bound of the optimal value, from ``dual_point``.
    gap : float
        ``primal - dual``: the answer is at most this much (plus rounding) above the optimum. For
        STLasso `converged` asks the same of every task by itself.
    relative_gap : float
        ``gap / F(0)``, where F(0) is the objective at W = 0 with its best intercept; 0 where
        both are within rounding of 0.
    kkt_residual : float
        NaN: a conic solver does not take gradient steps.
    dual_point : dict of str to array
        As for ``Declared.dual``, already feasible.
    dual_source : {"multipliers", "residual"}
        Whether the dual point comes from the conic solver's own multipliers or from b - M w.
    form : str
        "rows": everything was computed from the rows of the data.
    n_iter : int
        Iterations of the conic solver.
    converged : bool
        Whether ``gap <= tol * F(0)`` up to the derived rounding bound.
    """

    primal: float
    dual: float
    gap: float
    relative_gap: float
    kkt_residual: float
    dual_point: dict[str, Array] = field(repr=False)
    dual_source: str
    form: str
    n_iter: int
    converged: bool

    def __str__(self) -> str:
        verdict = "certified" if self.converged else "NOT certified"
        return (
            f"{verdict}: F(W) = {self.primal:.10g}, F(W) - F* <= {self.gap:.3g} "
            f"= {self.relative_gap:.2g} F(0), by the {self.dual_source}, {self.n_iter} iterations"
        )


class Oracle(MultiOutputMixin, BaseEstimator):
    """What all oracles share: fit, predict and the certificate."""

    # Attributes that do not travel in a pickle: they hold the data and compiled solver state.
    _left_behind: ClassVar[tuple[str, ...]] = ("_compiled",)

    # The constructor's arguments, declared for the type checker.
    fit_intercept: bool
    tol: float
    max_iter: int
    task_labels: Any
    warm_start: bool
    solver: str

    @property
    def _name(self) -> str:
        """The name of the objective, that of the class or of the base it is derived from."""
        return next(c.__name__ for c in type(self).__mro__ if c.__module__ == __name__)

    def fit(self, X: Any, y: Any, *, tasks: Any = None, sample_weight: Any = None) -> Self:
        """Solve the declared objective with a conic solver.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (N, D)
            The design.
        y : array-like of shape (N,) or (N, T)
            Targets. 2-D: one design shared by T tasks. 1-D: one task, or with `tasks` one design
            per task. A missing rating is NaN with weight exactly 0.
        tasks : array-like of shape (N,), optional
            The task of every row of a 1-D y: all integers or all strings.
        sample_weight : array-like of shape (N,) or (N, T), optional
            Nonnegative weights of the squares, default 1.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            For wrong arguments, before any work.
        OracleError
            If the solver ends without an answer; a RuntimeError.

        Warns
        -----
        ConvergenceWarning
            If the solver calls its answer inaccurate, or the gap exceeds ``tol * F(0)``.
        """
        return self._fit(X, y, tasks=tasks, sample_weight=sample_weight)

    def lambda_max(self, X: Any, y: Any, **keywords: Any) -> float:
        """Return the least factor on the sparsity weights, in their ratio, at which W = 0 is optimal.

        Of a generic objective the factor is on the penalty, which has to be a norm. The arguments are those
        of `fit`; no problem is solved for the coefficients. It is inf where a sparsity weight is 0 and the
        data do not vanish.
        """
        try:
            signature(self.fit).bind(X, y, **keywords)
        except TypeError as error:
            raise TypeError(f"lambda_max: {error}; expected the arguments of fit") from None
        return float(declare(self, X, y, **keywords).lambda_max)

    def _fit(self, X: Any, y: Any, **keywords: Any) -> Self:
        self._check_arguments()
        read_X = validate_data(self, X, accept_sparse="csr", dtype=np.float64)
        data = self._read(read_X, y, **keywords)
        declared = self._declare(data)
        self._keep(declared, data, self._solve(declared, data))
        return self

    def _read(self, X: Any, y: Any, **keywords: Any) -> Data:
        return read_data(X, y, task_labels=self.task_labels, **keywords)

    def _declare(self, data: Data) -> Declared | Posed:
        return from_data(self._name, self, data)

    def _solve(self, declared: Any, data: Data) -> Solution:
        compiled = self._compile(declared, data)
        return compiled.solve(declared.weights, self.solver, warm_start=self.warm_start)

    def _compile(self, declared: Declared, data: Data) -> Compiled:
        """Return the compiled problem of these very data, built now or kept from the last fit."""
        key = Compiled.key_of(declared.name, data, declared.edges, declared.fit_intercept)
        kept: Compiled | None = getattr(self, "_compiled", None)
        if kept is None or kept.key != key:
            kept = Compiled(declared.name, data, declared.edges, declared.fit_intercept)
        self._compiled = kept
        return kept

    def _keep(self, declared: Declared | Posed, data: Data, solution: Solution) -> None:
        parts = _cleanest(declared, solution.parts)
        intercept = declared.best_intercept(parts)
        W = np.asarray(sum(parts.values()))
        self.parts_ = parts
        self.coef_ = np.ascontiguousarray(W.T)
        self.intercept_ = float(intercept[0]) if data.flat else intercept
        self.tasks_ = data.labels
        self.n_iter_ = solution.n_iter
        self.status_ = solution.status
        self.solve_time_ = solution.solve_time
        self.multipliers_ = solution.multipliers
        self.certificate_ = self._certify(declared, parts, intercept, solution)
        self.dual_gap_ = self.certificate_.gap
        self._flat, self._per_task = data.flat, data.per_task

    def _certify(
        self, declared: Declared | Posed, parts: dict[str, Array], intercept: Array, solution: Solution
    ) -> Certificate:
        primal, at_zero = declared.primal(parts, intercept), declared.at_zero
        bounds: dict[str, DualBound] = {
            "multipliers": declared.dual(solution.multipliers),
            "residual": declared.dual(declared.residual_theta(parts, intercept)),
        }
        source = max(bounds, key=lambda name: bounds[name].value)
        bound, rounding = bounds[source], declared.rounding(parts, intercept)
        gap = primal - bound.value
        converged = gap <= self.tol * at_zero + rounding
        if isinstance(declared, Declared) and declared.separable:
            converged = converged and all(
                task_gap <= self.tol * zero + delta
                for task_gap, zero, delta in declared.task_gaps(parts, intercept, bound.theta)
            )
        if not converged:
            why = bound.reason if gap == math.inf else f"F(0) is {at_zero:.3g}"
            warnings.warn(
                f"{self.solver} on {self._name}: the duality gap reached is {gap:.3g} ({why}), more "
                f"than tol = {self.tol:g} times F(0) for all tasks or one of them; try another "
                f"solver or a larger tol",
                ConvergenceWarning,
                stacklevel=5,
            )
        nothing = at_zero <= rounding
        return Certificate(
            primal=primal,
            dual=bound.value,
            gap=gap,
            relative_gap=(0.0 if gap <= rounding else math.inf) if nothing else gap / at_zero,
            kkt_residual=math.nan,
            dual_point=bound.theta,
            dual_source=source,
            form="rows",
            n_iter=solution.n_iter,
            converged=bool(converged),
        )

    @property
    def problem_(self) -> Any:
        """The `cvxpy.Problem` that was solved, in normalised units (see `formulations.oracle`)."""
        if "_compiled" not in self.__dict__:
            raise AttributeError(
                f"problem_: this {type(self).__name__} holds no compiled problem: it is not fitted "
                "yet, or was pickled, which leaves the problem behind; call fit"
            )
        return self._compiled.problem

    def predict(self, X: Any, tasks: Any = None) -> Array:
        """Predict X W + intercept.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (N, D)
        tasks : array-like of shape (N,), optional
            The task of every row, all of them known from `fit`: one value per row is returned.

        Returns
        -------
        array of shape (N,) or (N, T)
            (N,) with `tasks`, or after a fit to a 1-D y without tasks; otherwise every task's.
        """
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        everything = np.asarray(X @ self.coef_.T) + self.intercept_
        if tasks is not None:
            labels = read_labels(tasks, "tasks", X.shape[0])
            at = task_positions(labels, self.tasks_, "tasks")
            return np.asarray(everything[np.arange(len(at)), at])
        return everything[:, 0] if self._flat else everything

    def _check_arguments(self) -> None:
        if self.solver not in SOLVERS:
            raise ValueError(f"solver: expected one of {sorted(SOLVERS)}; got {self.solver!r}")
        for name in ("fit_intercept", "warm_start"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise TypeError(f"{name}: expected True or False; got {getattr(self, name)!r}")
        tol, max_iter = self.tol, self.max_iter
        if isinstance(tol, bool) or not isinstance(tol, numbers.Real):
            raise TypeError(f"tol: expected a real number >= 0; got {tol!r}")
        if not (math.isfinite(tol) and tol >= 0):
            raise ValueError(f"tol: expected a finite number >= 0; got {tol!r}")
        if isinstance(max_iter, bool) or not isinstance(max_iter, numbers.Integral):
            raise TypeError(f"max_iter: expected an integer >= 1; got {max_iter!r}")
        if max_iter < 1:
            raise ValueError(f"max_iter: expected an integer >= 1; got {max_iter!r}")

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        for name in self._left_behind:
            state.pop(name, None)
        return state

    def __sklearn_is_fitted__(self) -> bool:
        return "coef_" in self.__dict__

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class Regressor(RegressorMixin, Oracle):
    """An oracle of numbers, scored by R^2."""

    def score(self, X: Any, y: Any, tasks: Any = None, sample_weight: Any = None) -> float:
        """Return R^2: of all rows for a 1-D y, the mean over the columns of a 2-D y.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (N, D)
        y : array-like of shape (N,) or (N, T)
        tasks : array-like of shape (N,), optional
            The task of every row; needed for a 1-D y after a fit with tasks.
        sample_weight : array-like of shape (N,) or (N, T), optional
            As in `fit`: entries of weight 0 (missing ratings) do not count.

        Returns
        -------
        float
        """
        check_is_fitted(self)
        if np.ndim(y) == 1 and tasks is None and not self._flat:
            raise ValueError("tasks: needed to score a 1-D y after a fit to several tasks")
        predicted = self.predict(X, tasks=tasks)
        if np.ndim(y) == 1:
            data = read_data(X, y, sample_weight=sample_weight)
        else:
            data = read_data(X, y, tasks=tasks, sample_weight=sample_weight)
        y, u = data.crowd.y, data.crowd.u
        predicted = predicted.reshape(len(predicted), -1)
        if predicted.shape != y.shape:
            raise ValueError(f"y: expected {predicted.shape[1]} columns; got {y.shape[1]}")
        columns = []
        for t in range(y.shape[1]):
            seen = u[:, t] > 0
            columns.append(r2_score(y[seen, t], predicted[seen, t], sample_weight=u[seen, t]))
        return float(np.mean(columns))


class _Oracle(Regressor):
    """One of the seven."""

    def _check_arguments(self) -> None:
        super()._check_arguments()
        if self.solver == "OSQP" and not OBJECTIVES[self._name].quadratic_program:
            raise ValueError(
                f"solver: {self._name} needs second-order cones, which OSQP has not; expected CLARABEL or SCS"
            )


def _cleanest(declared: Declared | Posed, parts: dict[str, Array]) -> dict[str, Array]:
    """Return the best of the solver's point, the same without its numerical dust, and zero.

    Interior-point and splitting methods leave about 1e-10 where the optimum has an exact zero,
    which a very large weight turns into a large value. The objective itself decides.
    """
    largest = max(float(np.abs(part).max()) for part in parts.values())
    candidates = [{name: np.zeros_like(part) for name, part in parts.items()}]
    for share in (1e-7, 1e-10, 0.0):
        candidates.append({name: np.where(np.abs(p) > share * largest, p, 0.0) for name, p in parts.items()})
    best = min(candidates, key=declared.primal)  # the first, cleanest, of equals
    if not (isinstance(declared, Declared) and declared.separable):
        return best
    for t in range(declared.n_tasks):
        alone = declared.alone(t)[0]
        if alone is None or alone.at_zero <= alone.primal({n: p[:, [t]] for n, p in best.items()}):
            for part in best.values():
                part[:, t] = 0.0
    return best


_COMMON = """fit_intercept : bool, default False
        Whether to fit one unpenalised intercept per task.
    tol : float, default 1e-6
        ``certificate_.converged`` says whether the duality gap is at most ``tol * F(0)``.
    max_iter : int, default 10000
        Accepted so that the oracle can stand in for the fast solver, and not used: a ground truth is
        not cut short. The conic solvers have limits of their own.
    task_labels : sequence, optional
        The universe of tasks, distinct integers or strings. With a 2-D y the sorted names of its
        columns.
    warm_start : bool, default False
        Let the conic solver start from its last answer on the same data, if it can.
    solver : {solvers}, default "CLARABEL"
        The conic solver.

    Attributes
    ----------
    coef_ : array of shape (T, D)
        W transposed.
    parts_ : dict of arrays of shape (D, T)
        {parts}
    intercept_ : array of shape (T,), or float
        Zeros without `fit_intercept`; a float after a fit to a 1-D y without tasks.
    tasks_ : array of shape (T,)
        Sorted task labels.
    certificate_ : Certificate
        The proof: primal and dual value, gap, dual point.
    dual_gap_ : float
        ``certificate_.gap``, in units of the objective.
    multipliers_ : dict of arrays
        The conic solver's own multipliers as a dual point for ``Declared.dual``.
    problem_ : cvxpy.Problem
        The problem that was solved, in normalised units. It is not pickled.
    status_ : str
        The solver's status.
    solve_time_ : float
        Seconds, as reported by the solver.
    n_iter_ : int
        The solver's iterations.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    Raises
    ------
    ValueError, TypeError
        From `fit`: wrong arguments, before any work.
    OracleError
        From `fit`: the solver ended without an answer."""


def document(solvers: str, parts: str, penalty: str = "") -> Callable[[_Class], _Class]:
    """Put what all oracles share into the docstring; only parts and solvers differ."""

    def decorate(cls: _Class) -> _Class:
        common = _COMMON.replace("{solvers}", solvers).replace("{parts}", parts)
        cls.__doc__ = (cls.__doc__ or "").replace("{common}", common).replace("{penalty}", penalty)
        return cls

    return decorate


def _documented(cls: _Class) -> _Class:
    objective = OBJECTIVES[cls.__name__]
    solvers = '{"CLARABEL", "OSQP", "SCS"}' if objective.quadratic_program else '{"CLARABEL", "SCS"}'
    parts = '``{"W": W}``.' if objective.parts == ("W",) else '``{"P": P, "Q": Q}`` with W = P + Q.'
    return document(solvers, parts)(cls)


@_documented
class STLasso(_Oracle):
    """Single-task lasso: every task by itself.

    Minimises ::

        SSQ(W) + sum_t alpha_t ||w_t||_1

    No 1/2 and no 1/N: SSQ is the weighted sum of squares; with scikit-learn's Lasso,
    ``alpha = 2 N alpha_sklearn``.

    Parameters
    ----------
    alpha : float or sequence of T floats, default 1.0
        Weight of the l1 norm, one for all tasks or one per task.
    {common}

    References
    ----------
    MALSAR: Zhou, Chen and Ye, "Multi-task learning via structural regularization", 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from formulations import STLasso
    >>> X = np.eye(2)
    >>> Y = np.array([[3.0, 2.0], [0.25, 0.0]])
    >>> model = STLasso(alpha=1.0).fit(X, Y)
    >>> abs(model.coef_.T.round(4))
    array([[2.5, 1.5],
           [0. , 0. ]])
    >>> model.certificate_.converged
    True
    """

    def __init__(
        self,
        alpha: Any = 1.0,
        *,
        fit_intercept: bool = False,
        tol: float = 1e-6,
        max_iter: int = 10_000,
        task_labels: Any = None,
        warm_start: bool = False,
        solver: str = "CLARABEL",
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_labels = task_labels
        self.warm_start = warm_start
        self.solver = solver


@_documented
class MTLasso(_Oracle):
    """Multi-task lasso with a ridge.

    Minimises ::

        SSQ(W) + alpha ||W||_1 + beta ||W||_F^2

    No 1/2 and no 1/N: SSQ is the weighted sum of squares.

    Parameters
    ----------
    alpha : float, default 1.0
        Weight of the sum of absolute values.
    beta : float, default 1.0
        Weight of the ridge.
    {common}

    References
    ----------
    MALSAR: Zhou, Chen and Ye, "Multi-task learning via structural regularization", 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from formulations import MTLasso
    >>> X = np.eye(2)
    >>> Y = np.array([[3.0, 2.0], [0.25, 0.0]])
    >>> model = MTLasso(alpha=1.0, beta=0.0).fit(X, Y)
    >>> abs(model.coef_.T.round(4))
    array([[2.5, 1.5],
           [0. , 0. ]])
    >>> model.certificate_.converged
    True
    """

    def __init__(
        self,
        alpha: float = 1.0,
        beta: float = 1.0,
        *,
        fit_intercept: bool = False,
        tol: float = 1e-6,
        max_iter: int = 10_000,
        task_labels: Any = None,
        warm_start: bool = False,
        solver: str = "CLARABEL",
    ) -> None:
        self.alpha = alpha
        self.beta = beta
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_labels = task_labels
        self.warm_start = warm_start
        self.solver = solver


@_documented
class L21MTL(_Oracle):
    """Joint feature selection: the l2,1 norm with a ridge.

    Minimises ::

        SSQ(W) + alpha sum_d ||W_d.||_2 + beta ||W||_F^2

    No 1/2 and no 1/N: SSQ is the weighted sum of squares.

    Parameters
    ----------
    alpha : float, default 1.0
        Weight of the sum of the Euclidean norms of the rows (features) of W.
    beta : float, default 1.0
        Weight of the ridge.
    {common}

    References
    ----------
    MALSAR: Zhou, Chen and Ye, "Multi-task learning via structural regularization", 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from formulations import L21MTL
    >>> X = np.eye(2)
    >>> Y = np.array([[3.0, 2.0], [0.25, 0.0]])
    >>> model = L21MTL(alpha=1.0, beta=0.0).fit(X, Y)
    >>> abs(model.coef_.T.round(4))
    array([[2.584 , 1.7226],
           [0.    , 0.    ]])
    >>> model.certificate_.converged
    True
    """

    def __init__(
        self,
        alpha: float = 1.0,
        beta: float = 1.0,
        *,
        fit_intercept: bool = False,
        tol: float = 1e-6,
        max_iter: int = 10_000,
        task_labels: Any = None,
        warm_start: bool = False,
        solver: str = "CLARABEL",
    ) -> None:
        self.alpha = alpha
        self.beta = beta
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_labels = task_labels
        self.warm_start = warm_start
        self.solver = solver


@_documented
class DirtyMTL(_Oracle):
    """A dirty model: block-sparse plus sparse.

    Minimises ::

        SSQ(P + Q) + rho1 sum_d max_t |P_dt| + rho2 ||Q||_1,    W = P + Q

    No 1/2 and no 1/N: SSQ is the weighted sum of squares.

    Parameters
    ----------
    rho1 : float, default 1.0
        Weight of the sum over features of the largest absolute entry of a row of P.
    rho2 : float, default 1.0
        Weight of the sum of absolute values of Q.
    {common}

    References
    ----------
    Jalali, Ravikumar, Sanghavi and Ruan, "A dirty model for multi-task learning", NIPS 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from formulations import DirtyMTL
    >>> X = np.eye(2)
    >>> Y = np.array([[3.0, 2.0], [0.25, 0.0]])
    >>> model = DirtyMTL(rho1=1.0, rho2=1.0).fit(X, Y)
    >>> abs(model.coef_.T.round(4))
    array([[2.5, 2. ],
           [0. , 0. ]])
    >>> model.certificate_.converged
    True
    """

    def __init__(
        self,
        rho1: float = 1.0,
        rho2: float = 1.0,
        *,
        fit_intercept: bool = False,
        tol: float = 1e-6,
        max_iter: int = 10_000,
        task_labels: Any = None,
        warm_start: bool = False,
        solver: str = "CLARABEL",
    ) -> None:
        self.rho1 = rho1
        self.rho2 = rho2
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_labels = task_labels
        self.warm_start = warm_start
        self.solver = solver


@_documented
class RobustMTL(_Oracle):
    """Robust multi-task feature learning: shared features plus outlier tasks.

    Minimises ::

        SSQ(P + Q) + rho1 sum_d ||P_d.||_2 + rho2 sum_t ||Q_.t||_2,    W = P + Q

    No 1/2 and no 1/N: SSQ is the weighted sum of squares.

    Parameters
    ----------
    rho1 : float, default 1.0
        Weight of the sum of the norms of the rows (features) of P.
    rho2 : float, default 1.0
        Weight of the sum of the norms of the columns (tasks) of Q.
    {common}

    References
    ----------
    Gong, Ye and Zhang, "Robust multi-task feature learning", KDD 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from formulations import RobustMTL
    >>> X = np.eye(2)
    >>> Y = np.array([[3.0, 2.0], [0.25, 0.0]])
    >>> model = RobustMTL(rho1=1.0, rho2=1.0).fit(X, Y)
    >>> abs(model.coef_.T.round(4))
    array([[2.584 , 1.7227],
           [0.    , 0.    ]])
    >>> model.certificate_.converged
    True
    """

    def __init__(
        self,
        rho1: float = 1.0,
        rho2: float = 1.0,
        *,
        fit_intercept: bool = False,
        tol: float = 1e-6,
        max_iter: int = 10_000,
        task_labels: Any = None,
        warm_start: bool = False,
        solver: str = "CLARABEL",
    ) -> None:
        self.rho1 = rho1
        self.rho2 = rho2
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_labels = task_labels
        self.warm_start = warm_start
        self.solver = solver


@_documented
class SRMTL(_Oracle):
    """Sparse graph-regularised multi-task learning.

    Minimises ::

        SSQ(W) + alpha ||W R||_F^2 + beta ||W||_1 + gamma ||W||_F^2

    No 1/2 and no 1/N: SSQ is the weighted sum of squares; R is T x
    edges, and ``||W R||_F^2 = sum_edges g^2 ||w_i - w_j||^2``.

    Parameters
    ----------
    alpha : float, default 1.0
        Weight of the graph term.
    beta : float, default 1.0
        Weight of the sum of absolute values.
    gamma : float, default 1.0
        Weight of the ridge.
    graph : default "complete"
        "complete", "chain", a sequence of edges ``(i, j)`` or ``(i, j, g)`` between positions in
        `tasks_`, or a symmetric T x T adjacency matrix (NumPy or scipy.sparse) with zero diagonal.
        An edge of weight g gives the penalty ``g**2 ||w_i - w_j||**2``.
    {common}

    References
    ----------
    MALSAR: Zhou, Chen and Ye, "Multi-task learning via structural regularization", 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from formulations import SRMTL
    >>> X = np.eye(2)
    >>> Y = np.array([[3.0, 2.0], [0.25, 0.0]])
    >>> model = SRMTL(alpha=1.0, beta=1.0, gamma=0.0).fit(X, Y)
    >>> abs(model.coef_.T.round(4))
    array([[2.1667, 1.8333],
           [0.    , 0.    ]])
    >>> model.certificate_.converged
    True
    """

    def __init__(
        self,
        alpha: float = 1.0,
        beta: float = 1.0,
        gamma: float = 1.0,
        *,
        graph: Any = "complete",
        fit_intercept: bool = False,
        tol: float = 1e-6,
        max_iter: int = 10_000,
        task_labels: Any = None,
        warm_start: bool = False,
        solver: str = "CLARABEL",
    ) -> None:
        self.alpha = alpha
        self.beta = beta
        self.gamma = gamma
        self.graph = graph
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_labels = task_labels
        self.warm_start = warm_start
        self.solver = solver


@_documented
class EGMTL(_Oracle):
    """Expert-guided multi-task learning.

    Minimises ::

        1/2 SSQ_crowd(W) + lam1 ||V - P W||_F^2 + lam2 ||E W'||_F^2 + lam3 ||W||_1

    The 1/2 is on the crowd term only, there is no 1/N. P and V are the experts' rows and
    targets, their squares weighted by `sample_weight_expert`; E is edges x T, and
    ``||E W'||_F^2 = sum_edges g^2 ||w_i - w_j||^2``. Without experts their term is absent.

    Parameters
    ----------
    lam1 : float, default 1.0
        Weight of the experts' squares.
    lam2 : float, default 1.0
        Weight of the graph term.
    lam3 : float, default 1.0
        Weight of the sum of absolute values.
    graph : default "complete"
        "complete", "chain", a sequence of edges ``(i, j)`` or ``(i, j, g)`` between positions in
        `tasks_`, or a symmetric T x T adjacency matrix (NumPy or scipy.sparse) with zero diagonal.
        An edge of weight g gives the penalty ``g**2 ||w_i - w_j||**2``.
    {common}

    References
    ----------
    "Expert-guided multi-task learning", Eq. (1).

    Examples
    --------
    >>> import numpy as np
    >>> from formulations import EGMTL
    >>> X = np.eye(2)
    >>> Y = np.array([[3.0, 2.0], [0.25, 0.0]])
    >>> model = EGMTL(lam1=1.0, lam2=1.0, lam3=0.5).fit(X, Y)
    >>> abs(model.coef_.T.round(4))
    array([[2.1, 1.9],
           [0. , 0. ]])
    >>> model.certificate_.converged
    True
    """

    def __init__(
        self,
        lam1: float = 1.0,
        lam2: float = 1.0,
        lam3: float = 1.0,
        *,
        graph: Any = "complete",
        fit_intercept: bool = False,
        tol: float = 1e-6,
        max_iter: int = 10_000,
        task_labels: Any = None,
        warm_start: bool = False,
        solver: str = "CLARABEL",
    ) -> None:
        self.lam1 = lam1
        self.lam2 = lam2
        self.lam3 = lam3
        self.graph = graph
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_labels = task_labels
        self.warm_start = warm_start
        self.solver = solver

    # Sliced by row they would be cut by the crowd's folds: only `expert` can be routed.
    __metadata_request__fit: ClassVar[dict[str, Any]] = {
        "X_expert": UNUSED,
        "y_expert": UNUSED,
        "tasks_expert": UNUSED,
        "sample_weight_expert": UNUSED,
    }

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        tasks: Any = None,
        sample_weight: Any = None,
        X_expert: Any = None,
        y_expert: Any = None,
        tasks_expert: Any = None,
        sample_weight_expert: Any = None,
        expert: Any = None,
    ) -> Self:
        """Solve the declared objective with a conic solver.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (N, D)
            The crowd's design (with `expert`, the experts' rows too).
        y : array-like of shape (N,) or (N, T)
            Targets. 2-D: one design shared by T tasks. 1-D: one task, or with `tasks` one design
            per task. A missing rating is NaN with weight exactly 0.
        tasks : array-like of shape (N,), optional
            The task of every row of a 1-D y: all integers or all strings.
        sample_weight : array-like of shape (N,) or (N, T), optional
            Nonnegative weights of the squares, default 1.
        X_expert, y_expert, tasks_expert, sample_weight_expert : optional
            The experts' rows, in the same form as the crowd's. Not for cross-validation.
        expert : array-like of bool of shape (N,), optional
            Instead of these: which rows of X and y are the experts'. `tasks` and `sample_weight`
            then cover all rows. This is the form for pipelines and cross-validation.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            For wrong arguments, before any work; also for `X_expert` within
            ``sklearn.model_selection``.
        OracleError
            If the solver ends without an answer; a RuntimeError.

        Warns
        -----
        ConvergenceWarning
            If the solver calls its answer inaccurate, or the gap exceeds ``tol * F(0)``.
        """
        if X_expert is not None and _within_model_selection():
            raise ValueError(
                "X_expert: scikit-learn's model selection would cut the experts' rows by the "
                "crowd's folds, or leak held-out rows; put all rows into X and y and pass the "
                "boolean mask expert="
            )
        return self._fit(
            X,
            y,
            tasks=tasks,
            sample_weight=sample_weight,
            X_expert=X_expert,
            y_expert=y_expert,
            tasks_expert=tasks_expert,
            sample_weight_expert=sample_weight_expert,
            expert=expert,
        )


def _within_model_selection() -> bool:
    frame = sys._getframe(1)
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).startswith("sklearn.model_selection"):
            return True
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False
