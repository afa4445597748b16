"""Two classes a task: the logistic loss with any penalty."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from fista.base import MultiTaskEstimator, Terms, weight
from fista.estimators import documented, part_names, read_graph, read_penalty
from fista.pointwise import Logistic

__all__ = ["MultiTaskClassifier"]

Floats = NDArray[np.float64]


@documented
class MultiTaskClassifier(ClassifierMixin, MultiTaskEstimator):
    """Logistic regression of many tasks with any penalty, a ridge and a task graph.

    Minimises, with neither 1/2 nor 1/N,

        sum_i u_i log(1 + exp(-s_i z_i)) + Omega(W) + ridge ||W||_F^2 + sum_edges g^2 ||w_i - w_j||^2

    where z are the log-odds ``X W`` (plus the intercept), s is 1 for ``classes_[1]`` and -1 for
    ``classes_[0]``, and Omega is the penalty. All tasks have the same two classes.

    Parameters
    ----------
    penalty : Penalty, optional
        One of `fista.penalties`, or of your own; by default ``L1(1.0)``. It is not changed. scikit-learn's
        ``LogisticRegression(C=C)`` with the l1 penalty is ``L1(1 / C)``.
    ridge : float, default 0.0
        Weight of the ridge, >= 0; a penalty of several parts takes none. scikit-learn's l2 penalty is
        ``ridge=1 / (2 * C)``, with the penalty ``L1(0.0)``.
    graph : "complete", "chain", sequence of edges, or (T, T) adjacency matrix, optional
        Edges ``(i, j)`` or ``(i, j, g)`` between positions in ``tasks_``; by default there are none.
    {common}
    classes_ : ndarray of shape (2,)
        The sorted labels.

    Raises
    ------
    ValueError
        From `fit`: where y has not two classes, or with an intercept a task has but one (its intercept would
        be infinite).

    See Also
    --------
    MultiTaskRegressor : the same with squares or Huber's loss.

    Notes
    -----
    Coefficients that nothing penalises have no certificate with this loss: ``penalty=L1(0.0)`` takes a ridge.

    References
    ----------
    The paper's problem P2; MALSAR's ``Logistic_Lasso`` and ``Logistic_L21``.

    Examples
    --------
    >>> from fista import MultiTaskClassifier
    >>> from fista.penalties import RowL21
    >>> X = [[2.0, 0.1], [1.0, -0.1], [-1.0, 0.2], [-2.0, 0.0]]
    >>> Y = [["yes", "no"], ["yes", "no"], ["no", "yes"], ["no", "yes"]]
    >>> model = MultiTaskClassifier(RowL21(0.5)).fit(X, Y)
    >>> model.predict([[3.0, 0.0]]).tolist(), model.coef_.round(2).tolist()
    ([['yes', 'no']], [[1.89, -0.0], [-1.89, 0.0]])
    """

    _sparsity = ("penalty",)

    classes_: NDArray[Any]

    def __init__(
        self,
        penalty: Any = None,
        ridge: float = 0.0,
        graph: Any = None,
        *,
        fit_intercept: bool = False,
        tol: float = 1e-6,
        max_iter: int = 10_000,
        task_labels: Any = None,
        warm_start: bool = False,
    ) -> None:
        self.penalty = penalty
        self.ridge = ridge
        self.graph = graph
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_labels = task_labels
        self.warm_start = warm_start

    @property
    def _part_names(self) -> tuple[str, ...]:  # type: ignore[override]
        return part_names(self.penalty)

    def _terms(self, n_tasks: int) -> Terms:
        return Terms(
            read_penalty(self.penalty),
            ridge=weight("ridge", self.ridge),
            factors=(Logistic.factor, 0.0),
            graph=read_graph(self.graph, n_tasks),
            loss=Logistic(),
        )

    def _read(self, X: Any, y: Any, tasks: Any = None, sample_weight: Any = None, **others: Any) -> Any:
        classes, signs = _signs(y)
        data = super()._read(X, signs, tasks, sample_weight, **others)
        if self.fit_intercept:
            _expect_both(data.crowd.rows(1.0, data.n_tasks), data.tasks)
        self._classes = classes
        return data

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        tasks: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Minimise the objective.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (N, D)
            The design.
        y : array-like of shape (N,) or (N, T)
            Labels of two classes. 2-D: a shared design, one task a column. 1-D: one task, or with ``tasks``
            one a label. A missing label is NaN with weight 0.
        tasks : array-like of shape (N,), optional
            The task of each row (integers or strings), for one design a task.
        sample_weight : array-like of shape (N,) or (N, T), optional
            Weights u >= 0 of the rows, or of the single labels of a shared design; 1 by default.

        Returns
        -------
        self
        """
        try:
            self._solve(self._read(X, y, tasks, sample_weight))
        finally:
            classes = self.__dict__.pop("_classes", None)
        self.classes_ = classes
        return self

    def decision_function(self, X: ArrayLike, tasks: ArrayLike | None = None) -> Floats:
        """Return the log-odds of ``classes_[1]``: (N, T), or (N,) for a 1-D y or with ``tasks``."""
        return self._decision(X, tasks)

    def predict_proba(self, X: ArrayLike, tasks: ArrayLike | None = None) -> Floats:
        """Return probabilities.

        Of both classes, (N, 2), for a 1-D y or with ``tasks``; of ``classes_[1]`` a task, (N, T), else (as
        scikit-learn's multi-label classifiers).
        """
        odds = self._decision(X, tasks)
        return expit(odds) if odds.ndim == 2 else np.column_stack([expit(-odds), expit(odds)])

    def predict(self, X: ArrayLike, tasks: ArrayLike | None = None) -> NDArray[Any]:
        """Return the likelier class: (N, T), or (N,) for a 1-D y or with ``tasks``."""
        likelier = self._decision(X, tasks) > 0
        return np.asarray(self.classes_[likelier.astype(np.intp)])

    def score(
        self,
        X: ArrayLike,
        y: ArrayLike,
        tasks: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Return the share of labels that are predicted: of all rows for a 1-D y, else the mean over tasks.

        Labels of weight 0 are left out.
        """
        self._expect_tasks(tasks)
        _, signs = _signs(y, self.classes_)
        columns = self._rated(np.where(self._decision(X, tasks) > 0, 1.0, -1.0), signs, sample_weight)
        return float(np.mean([np.average(s == p, weights=w) for s, p, w in columns]))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


def _signs(y: Any, classes: NDArray[Any] | None = None) -> tuple[NDArray[Any], Floats]:
    """The two sorted classes, and y as -1 and 1 with NaN where a label is missing."""
    if y is None:
        raise ValueError(
            "y: found None; expected labels (this estimator requires y to be passed, but the target y is "
            "None)"
        )
    labels = np.asarray(y)
    if labels.dtype == object:  # strings of a frame, or labels with None or NaN among them
        missing = np.array([v is None or v != v for v in labels.ravel()], dtype=bool).reshape(labels.shape)
    else:
        missing = np.isnan(labels) if labels.dtype.kind == "f" else np.zeros(labels.shape, dtype=bool)
    known = labels[~missing]
    known = np.array(known.tolist()) if labels.dtype == object else known
    check_classification_targets(known)
    found = np.unique(known)
    if classes is None:
        if len(found) != 2:
            raise ValueError(
                f"y: found {len(found)} class{'es' * (len(found) != 1)}, {found[:5].tolist()}; expected 2. "
                "Only binary classification is supported."
            )
        classes = found
    elif unknown := [label for label in found.tolist() if label not in classes.tolist()]:
        raise ValueError(f"y: found the class {unknown[0]!r}; expected one of {classes.tolist()}")
    signs = np.full(labels.shape, np.nan)
    signs[~missing] = np.where(known == classes[1], 1.0, -1.0)
    return classes, signs


def _expect_both(rows: Any, tasks: NDArray[Any]) -> None:
    """With an intercept, a task whose labels are all the same has its optimum at infinity."""
    signs = rows.deviations(np.zeros(tasks.shape))
    positive, negative = (rows.task_sums(np.maximum(s * signs, 0.0)) > 0 for s in (1.0, -1.0))
    alone = positive != negative  # a task without rows has neither
    if alone.any():
        raise ValueError(
            f"y: found one class only in task {tasks[alone].tolist()[0]!r}; expected both, "
            "or fit_intercept=False"
        )
