"""The seven objectives as scikit-learn estimators, solved by FISTA with a duality-gap certificate.

Throughout, ``SSQ(W)`` is the weighted sum of squares, with neither 1/2 nor 1/N:
``sum_i u_i ||Y_i - X_i W||^2`` for a shared design (2-D y, one task a column), or
``sum_t sum_i u_ti (y_ti - x_ti w_t)^2`` with one design a task (1-D y and ``tasks=``). W is D x T, and
``coef_`` is its transpose.
"""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.metadata_routing import UNUSED

from fista.base import MultiTaskRegression, Terms, weight
from fista.graphs import Graph
from fista.penalties import L1, ColumnL21, InfimalConvolution, Penalty, RowL1Linf, RowL21
from fista.pointwise import Huber

__all__ = ["EGMTL", "L21MTL", "SRMTL", "DirtyMTL", "MTLasso", "MultiTaskRegressor", "RobustMTL", "STLasso"]

_COMMON = """fit_intercept : bool, default False
        Whether each task has an unpenalised intercept (unlike scikit-learn, off by default, as in the paper).
    tol : float, default 1e-6
        The duality gap that is promised, relative to F(0), the objective at W = 0 with its best intercept.
    max_iter : int, default 10_000
        Iterations after which fitting stops with a `ConvergenceWarning`; those on working sets count, and so
        do the steps of paths that are followed.
    task_labels : sequence of int or str, optional
        The universe of tasks, so that data that lack one do not shift the graph.
    warm_start : bool, default False
        Whether `fit` starts from the last solution.

    Attributes
    ----------
    coef_ : ndarray of shape (n_tasks, n_features)
        W transposed.
    intercept_ : float or ndarray of shape (n_tasks,)
    parts_ : dict of str to ndarray of shape (n_features, n_tasks)
        {parts}
    tasks_ : ndarray of shape (n_tasks,)
        The sorted labels of the tasks.
    n_iter_ : int
    dual_gap_ : float
        ``certificate_.gap``, an upper bound on F(W) - F*.
    certificate_ : Certificate
        The proof of optimality; see `fista.certificate.Certificate`.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X had them."""


def documented(cls: type) -> type:
    """Put the parameters and attributes that all share into the docstring."""
    names: Any = cls._part_names  # type: ignore[attr-defined]
    parts = " and ".join(f'``"{name}"``' for name in (names if isinstance(names, tuple) else ("W",)))
    cls.__doc__ = (cls.__doc__ or "").replace("{common}", _COMMON.replace("{parts}", parts))
    return cls


@documented
class STLasso(MultiTaskRegression):
    """Single-task Lasso: every task by itself, each with its own weight.

    Minimises ``SSQ(W) + sum_t alpha_t ||w_t||_1``. The promise of ``tol`` holds for every task by itself.

    Parameters
    ----------
    alpha : float or array-like of shape (n_tasks,), default 1.0
        Weight of the l1 norm, >= 0. scikit-learn's `Lasso(alpha=a)` on N rows is ``alpha = 2 * N * a``.
    {common}

    See Also
    --------
    MTLasso : one weight for all tasks, and a ridge.

    References
    ----------
    R. Tibshirani, "Regression shrinkage and selection via the lasso", JRSS B, 1996.

    Examples
    --------
    >>> from fista import STLasso
    >>> model = STLasso(alpha=1.0).fit([[1.0, 0.0], [0.0, 1.0]], [2.0, 0.25])
    >>> model.coef_
    array([[1.5, 0. ]])
    """

    def __init__(
        self,
        alpha: float | ArrayLike = 1.0,
        *,
        fit_intercept: bool = False,
        tol: float = 1e-6,
        max_iter: int = 10_000,
        task_labels: Any = None,
        warm_start: bool = False,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_labels = task_labels
        self.warm_start = warm_start

    def _terms(self, n_tasks: int) -> Terms:
        return Terms(L1(_task_weights("alpha", self.alpha, n_tasks)), independent=True)


@documented
class MTLasso(MultiTaskRegression):
    """Multi-task Lasso with a ridge: one weight of sparsity for all tasks.

    Minimises ``SSQ(W) + alpha ||W||_1 + beta ||W||_F^2``, with ``||W||_1 = sum |W_dt|``.

    Parameters
    ----------
    alpha : float, default 1.0
        Weight of the l1 norm, >= 0.
    beta : float, default 1.0
        Weight of the ridge, >= 0.
    {common}

    References
    ----------
    The paper's section 4, "MT-Lasso"; MALSAR's ``Least_Lasso``.

    Examples
    --------
    >>> from fista import MTLasso
    >>> model = MTLasso(alpha=1.0, beta=1.0).fit([[1.0, 0.0], [0.0, 1.0]], [[2.0], [0.25]])
    >>> model.coef_
    array([[0.75, 0.  ]])
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
    ) -> None:
        self.alpha = alpha
        self.beta = beta
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_labels = task_labels
        self.warm_start = warm_start

    def _terms(self, n_tasks: int) -> Terms:
        return Terms(L1(weight("alpha", self.alpha)), ridge=weight("beta", self.beta))


@documented
class L21MTL(MultiTaskRegression):
    """Joint feature selection: a feature is used by all tasks or by none.

    Minimises ``SSQ(W) + alpha sum_d ||W_d.||_2 + beta ||W||_F^2`` over the rows W_d. of W.

    Parameters
    ----------
    alpha : float, default 1.0
        Weight of the norms of the rows, >= 0. scikit-learn's `MultiTaskLasso(alpha=a)` on N rows is
        ``alpha = 2 * N * a, beta = 0``.
    beta : float, default 1.0
        Weight of the ridge, >= 0.
    {common}

    References
    ----------
    A. Argyriou, T. Evgeniou, M. Pontil, "Convex multi-task feature learning", Machine Learning, 2008; the
    paper's section 4; MALSAR's ``Least_L21``.

    Examples
    --------
    >>> from fista import L21MTL
    >>> model = L21MTL(alpha=5.0, beta=0.0).fit([[1.0, 0.0], [0.0, 1.0]], [[3.0, 4.0], [1.0, 0.0]])
    >>> model.coef_
    array([[1.5, 0. ],
           [2. , 0. ]])
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
    ) -> None:
        self.alpha = alpha
        self.beta = beta
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_labels = task_labels
        self.warm_start = warm_start

    def _terms(self, n_tasks: int) -> Terms:
        return Terms(RowL21(weight("alpha", self.alpha)), ridge=weight("beta", self.beta))


@documented
class DirtyMTL(MultiTaskRegression):
    """Dirty model: features that all tasks share (P) plus some of a task's own (Q).

    Minimises ``SSQ(P + Q) + rho1 sum_d max_t |P_dt| + rho2 sum |Q_dt|`` over P and Q, and W = P + Q. The
    split need not be unique, W often is.

    Parameters
    ----------
    rho1 : float, default 1.0
        Weight of the largest absolute entries of the rows of P, >= 0.
    rho2 : float, default 1.0
        Weight of the l1 norm of Q, >= 0.
    {common}

    References
    ----------
    A. Jalali, P. Ravikumar, S. Sanghavi, C. Ruan, "A dirty model for multi-task learning", NIPS 2010; the
    paper's section 4; MALSAR's ``Least_Dirty``.

    Examples
    --------
    >>> from fista import DirtyMTL
    >>> model = DirtyMTL(rho1=2.0, rho2=10.0, tol=1e-12).fit([[1.0]], [[3.0, 3.0]])
    >>> model.coef_.round(3)
    array([[2.5],
           [2.5]])
    """

    _part_names = ("P", "Q")
    _sparsity = ("rho1", "rho2")

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
    ) -> None:
        self.rho1 = rho1
        self.rho2 = rho2
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_labels = task_labels
        self.warm_start = warm_start

    def _terms(self, n_tasks: int) -> Terms:
        shared, own = RowL1Linf(weight("rho1", self.rho1)), L1(weight("rho2", self.rho2))
        return Terms(InfimalConvolution(shared, own))


@documented
class RobustMTL(MultiTaskRegression):
    """Robust model: features that all tasks share (P) plus tasks that stand apart (Q).

    Minimises ``SSQ(P + Q) + rho1 sum_d ||P_d.||_2 + rho2 sum_t ||Q_.t||_2`` over P and Q, and W = P + Q:
    rows of P are features, columns of Q are outlying tasks.

    Parameters
    ----------
    rho1 : float, default 1.0
        Weight of the norms of the rows of P, >= 0.
    rho2 : float, default 1.0
        Weight of the norms of the columns of Q, >= 0.
    {common}

    References
    ----------
    P. Gong, J. Ye, C. Zhang, "Robust multi-task feature learning", KDD 2012; the paper's section 4; MALSAR's
    ``Least_rMTFL``.

    Examples
    --------
    >>> from fista import RobustMTL
    >>> model = RobustMTL(rho1=5.0, rho2=50.0, tol=1e-12)
    >>> model = model.fit([[1.0, 0.0], [0.0, 1.0]], [[3.0, 4.0], [1.0, 0.0]])
    >>> model.coef_.round(3)
    array([[1.5, 0. ],
           [2. , 0. ]])
    """

    _part_names = ("P", "Q")
    _sparsity = ("rho1", "rho2")

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
    ) -> None:
        self.rho1 = rho1
        self.rho2 = rho2
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_labels = task_labels
        self.warm_start = warm_start

    def _terms(self, n_tasks: int) -> Terms:
        features = RowL21(weight("rho1", self.rho1))
        outliers = ColumnL21(weight("rho2", self.rho2))
        return Terms(InfimalConvolution(features, outliers))


@documented
class SRMTL(MultiTaskRegression):
    """Sparse graph regularisation: related tasks have similar coefficients.

    Minimises ``SSQ(W) + alpha ||W R||_F^2 + beta ||W||_1 + gamma ||W||_F^2``, where R is T x edges: the first
    term is ``alpha sum_edges g^2 ||w_i - w_j||^2``.

    Parameters
    ----------
    alpha : float, default 1.0
        Weight of the graph term, >= 0.
    beta : float, default 1.0
        Weight of the l1 norm, >= 0.
    gamma : float, default 1.0
        Weight of the ridge, >= 0.
    graph : "complete", "chain", sequence of edges, or (T, T) adjacency matrix, default "complete"
        Edges ``(i, j)`` or ``(i, j, g)`` between positions in ``tasks_``; an adjacency entry g means
        ``g^2 ||w_i - w_j||^2``. See `fista.graphs`.
    {common}

    References
    ----------
    The paper's section 4, "SR-MTL"; MALSAR's ``Least_SRMTL``.

    Examples
    --------
    >>> from fista import SRMTL
    >>> model = SRMTL(alpha=0.5, beta=1.0, gamma=0.0).fit([[1.0]], [[2.0, 1.0]])
    >>> model.coef_.round(3)
    array([[1.25],
           [0.75]])
    """

    _sparsity = ("beta",)

    def __init__(
        self,
        alpha: float = 1.0,
        beta: float = 1.0,
        gamma: float = 1.0,
        graph: Any = "complete",
        *,
        fit_intercept: bool = False,
        tol: float = 1e-6,
        max_iter: int = 10_000,
        task_labels: Any = None,
        warm_start: bool = False,
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

    def _terms(self, n_tasks: int) -> Terms:
        return Terms(
            L1(weight("beta", self.beta)),
            ridge=weight("gamma", self.gamma),
            graph=_weighted_graph(self.graph, n_tasks, weight("alpha", self.alpha)),
        )


@documented
class EGMTL(MultiTaskRegression):
    """Expert-guided multi-task learning: noisy crowd ratings, refined by a few experts.

    Minimises

        1/2 SSQ_crowd(W) + lam1 SSQ_expert(W) + lam2 ||E W'||_F^2 + lam3 ||W||_1

    where ``SSQ_crowd(W) = ||U^(1/2) (Y - X W)||_F^2``, ``SSQ_expert(W) = ||V - P W||_F^2`` and
    ``||E W'||_F^2 = sum_edges g^2 ||w_i - w_j||^2``. With an intercept it is common to crowd and experts.

    Parameters
    ----------
    lam1 : float, default 1.0
        Weight of the experts' squares, >= 0.
    lam2 : float, default 1.0
        Weight of the graph term, >= 0.
    lam3 : float, default 1.0
        Weight of the l1 norm, >= 0.
    graph : "complete", "chain", sequence of edges, or (T, T) adjacency matrix, default "complete"
        Edges ``(i, j)`` or ``(i, j, g)`` between positions in ``tasks_``; an adjacency entry g means
        ``g^2 ||w_i - w_j||^2``. See `fista.graphs`.
    {common}

    References
    ----------
    The paper, Eq. (1): "Expert-guided multi-task learning".

    Examples
    --------
    >>> import numpy as np
    >>> from fista import EGMTL
    >>> X, Y = np.eye(2), np.array([[4.0], [0.1]])
    >>> model = EGMTL(lam1=0.5, lam2=0.0, lam3=1.0)
    >>> model.fit(X, Y, X_expert=[[1.0, 0.0]], y_expert=[[2.0]]).coef_
    array([[2.5, 0. ]])
    """

    _sparsity = ("lam3",)

    # Rows of their own cannot follow the crowd's folds: only the mask `expert` is routed.
    __metadata_request__fit: ClassVar[dict[str, str]] = {
        "X_expert": UNUSED,
        "y_expert": UNUSED,
        "tasks_expert": UNUSED,
        "sample_weight_expert": UNUSED,
    }

    def __init__(
        self,
        lam1: float = 1.0,
        lam2: float = 1.0,
        lam3: float = 1.0,
        graph: Any = "complete",
        *,
        fit_intercept: bool = False,
        tol: float = 1e-6,
        max_iter: int = 10_000,
        task_labels: Any = None,
        warm_start: bool = False,
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

    def _terms(self, n_tasks: int) -> Terms:
        return Terms(
            L1(weight("lam3", self.lam3)),
            factors=(1.0, 2.0 * weight("lam1", self.lam1)),
            graph=_weighted_graph(self.graph, n_tasks, weight("lam2", self.lam2)),
        )

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        tasks: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        X_expert: ArrayLike | None = None,
        y_expert: ArrayLike | None = None,
        tasks_expert: ArrayLike | None = None,
        sample_weight_expert: ArrayLike | None = None,
        expert: ArrayLike | None = None,
    ) -> Self:
        """Minimise the objective.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (N, D)
            The crowd's design; with ``expert``, that of crowd and experts.
        y : array-like of shape (N,) or (N, T)
            The ratings. 2-D: a shared design, one task a column. 1-D: one task, or with ``tasks`` one a
            label. A missing rating is NaN with weight 0.
        tasks : array-like of shape (N,), optional
            The task of each row (integers or strings), for one design a task.
        sample_weight : array-like of shape (N,) or (N, T), optional
            Reliability u >= 0 of the rows, or of the single ratings of a shared design; 1 by default.
        X_expert, y_expert : array-like of shapes (Ne, D) and (Ne,) or (Ne, T), optional
            The experts' rows, for a plain fit. They cannot be routed through cross-validation, which would
            cut or leak them: there, give all rows in X and y and the mask ``expert``.
        tasks_expert : array-like of shape (Ne,), optional
            The tasks of the experts' rows, where ``tasks`` is given.
        sample_weight_expert : array-like of shape (Ne,) or (Ne, T), optional
            Weights of the experts' rows.
        expert : array-like of bool of shape (N,), optional
            Which rows of X and y are the experts'.

        Returns
        -------
        self
        """
        return self._solve(
            self._read(
                X,
                y,
                tasks,
                sample_weight,
                X_expert=X_expert,
                y_expert=y_expert,
                tasks_expert=tasks_expert,
                sample_weight_expert=sample_weight_expert,
                expert=expert,
            )
        )


@documented
class MultiTaskRegressor(MultiTaskRegression):
    """Squares, or Huber's loss, with any penalty, a ridge and a task graph.

    Minimises ``Loss(W) + Omega(W) + ridge ||W||_F^2 + sum_edges g^2 ||w_i - w_j||^2``, Omega being the
    penalty. Where W is a sum of parts (`fista.penalties.InfimalConvolution`), the minimum is over these.
    Loss(W) is SSQ(W), or for ratings with outliers the weighted sum of ``h(r) = r^2`` where
    ``|r| <= delta`` and ``2 delta |r| - delta^2`` beyond, r being the residuals: no 1/2 and no 1/N.

    Parameters
    ----------
    penalty : Penalty, optional
        One of `fista.penalties`, or of your own; by default ``L1(1.0)``. It is not changed. In a search its
        parameters are ``penalty__alpha`` and so on.
    ridge : float, default 0.0
        Weight of the ridge, >= 0; a penalty of several parts takes none.
    graph : "complete", "chain", sequence of edges, or (T, T) adjacency matrix, optional
        Edges ``(i, j)`` or ``(i, j, g)`` between positions in ``tasks_``; by default there are none.
    loss : {"squared", "huber"}, default "squared"
        Huber's loss has no certificate for coefficients that nothing penalises.
    delta : float, default 1.0
        The residual from which on Huber's loss grows linearly, > 0, in units of y.
    {common}

    See Also
    --------
    MultiTaskClassifier : the same for two classes, with the logistic loss.
    fista.penalties.Penalty : what a penalty must have, and what it needs for a certificate.

    References
    ----------
    A. Beck, M. Teboulle, "A fast iterative shrinkage-thresholding algorithm", SIAM J. Imaging Sciences, 2009;
    P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics, 1964.

    Examples
    --------
    >>> from fista import MultiTaskRegressor
    >>> from fista.penalties import TraceNorm
    >>> model = MultiTaskRegressor(TraceNorm(2.0)).fit([[1.0, 0.0], [0.0, 1.0]], [[3.0, 3.0], [0.0, 0.1]])
    >>> model.coef_.round(2)
    array([[2.29, 0.04],
           [2.29, 0.04]])
    """

    _sparsity = ("penalty",)

    def __init__(
        self,
        penalty: Any = None,
        ridge: float = 0.0,
        graph: Any = None,
        *,
        loss: Literal["squared", "huber"] = "squared",
        delta: float = 1.0,
        fit_intercept: bool = False,
        tol: float = 1e-6,
        max_iter: int = 10_000,
        task_labels: Any = None,
        warm_start: bool = False,
    ) -> None:
        self.penalty = penalty
        self.ridge = ridge
        self.graph = graph
        self.loss = loss
        self.delta = delta
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_labels = task_labels
        self.warm_start = warm_start

    @property
    def _part_names(self) -> tuple[str, ...]:  # type: ignore[override]
        return part_names(self.penalty)

    def _terms(self, n_tasks: int) -> Terms:
        if self.loss not in ("squared", "huber"):
            raise ValueError(f'loss: found {self.loss!r}; expected "squared" or "huber"')
        if not isinstance(self.delta, Real) or isinstance(self.delta, bool) or not self.delta > 0:
            raise ValueError(f"delta: found {self.delta!r}; expected a number > 0")
        return Terms(
            read_penalty(self.penalty),
            ridge=weight("ridge", self.ridge),
            graph=read_graph(self.graph, n_tasks),
            loss=Huber(float(self.delta)) if self.loss == "huber" else None,
        )


def _task_weights(name: str, value: Any, n_tasks: int) -> float | NDArray[np.float64]:
    """One weight for all tasks, or one a task."""
    if np.ndim(value) == 0:
        return weight(name, value)
    weights = np.array([weight(f"{name}[{t}]", v) for t, v in enumerate(np.asarray(value).tolist())])
    if weights.shape != (n_tasks,):
        raise ValueError(f"{name}: found {len(weights)} weights; expected one, or {n_tasks}, one a task")
    return weights


def _weighted_graph(graph: Any, n_tasks: int, factor: float) -> Graph:
    """The graph with edges scaled so that 1/2 ||E W'||_F^2 is the term of the objective."""
    edges = Graph.of(graph, n_tasks)
    return Graph(n_tasks, edges.tail, edges.head, np.sqrt(2 * factor) * edges.weight)


def part_names(penalty: Any) -> tuple[str, ...]:
    """W, or W1, W2, ... of a penalty of several parts."""
    n_parts = 1 if penalty is None else penalty.n_parts
    return ("W",) if n_parts == 1 else tuple(f"W{k + 1}" for k in range(n_parts))


def read_penalty(penalty: Any) -> Penalty:
    """A penalty that has what the solver needs; the l1 norm for None."""
    if penalty is None:
        return L1(1.0)
    if isinstance(penalty, type):
        raise TypeError(
            f"penalty: found the class {penalty.__name__}; expected an instance of it, such as "
            f"{penalty.__name__}(...)"
        )
    if not isinstance(penalty, Penalty):
        raise TypeError(
            f"penalty: found {type(penalty).__name__}; expected a fista.penalties.Penalty (derive from it)"
        )
    for name in ("value", "prox"):
        if getattr(type(penalty), name) is getattr(Penalty, name):
            raise TypeError(f"penalty: found {type(penalty).__name__} without {name}; expected a method")
    return penalty


def read_graph(graph: Any, n_tasks: int) -> Graph | None:
    """A graph whose edges are counted once, or none."""
    return None if graph is None else _weighted_graph(graph, n_tasks, 1.0)
