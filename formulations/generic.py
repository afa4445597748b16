"""The generic oracles: any declared penalty, with squares, Huber's loss or the logistic loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from formulations.data import Array, Data, read_data
from formulations.estimators import Oracle, Regressor, document
from formulations.generic_oracle import CompiledGeneric
from formulations.labels import read_signs
from formulations.oracle import Solution
from formulations.posed import Posed, from_data

__all__ = ["MultiTaskClassifier", "MultiTaskRegressor"]


class _Generic(Oracle):
    """What the two share."""

    penalty: Any
    ridge: float

    @property
    def _name(self) -> str:
        return next(c.__name__ for c in type(self).__mro__ if c.__module__ == __name__)

    @property
    def _part_names(self) -> tuple[str, ...]:
        n_parts = getattr(self.penalty, "n_parts", 1)
        return ("W",) if n_parts == 1 else tuple(f"W{k + 1}" for k in range(n_parts))

    def _declare(self, data: Data) -> Posed:
        return from_data(self._name, self, data)

    def _solve(self, declared: Any, data: Data) -> Solution:
        kept: CompiledGeneric | None = getattr(self, "_compiled", None)
        if kept is None or kept.key != CompiledGeneric.key_of(declared):
            kept = CompiledGeneric(declared)
        self._compiled: Any = kept
        if self.solver == "OSQP" and not kept.problem.is_qp():
            raise ValueError(
                f"solver: this {self._name} needs cones, which OSQP has not; expected CLARABEL or SCS"
            )
        return kept.solve(declared.ridge, self.solver, warm_start=self.warm_start)


_PARTS = '``{"W": W}``, or W1, ..., WK with sum W.'
_PENALTY = """penalty : object, optional
        Anything that `formulations.penalties.expression` accepts: one of `fista.penalties`, a prototype of
        `verification.from_expression`, or an object with a method ``expression(W)`` that returns a convex
        CVXPY expression. By default the sum of absolute values.
    ridge : float, default 0.0
        Weight of the ridge, >= 0.
    graph : "complete", "chain", sequence of edges, or T x T adjacency matrix, optional
        Edges ``(i, j)`` or ``(i, j, g)`` between positions in `tasks_`; by default there are none."""


@document('{"CLARABEL", "OSQP", "SCS"}', _PARTS, _PENALTY)
class MultiTaskRegressor(_Generic, Regressor):
    """Any penalty, with squares or Huber's loss, a ridge and a task graph.

    Minimises ::

        Loss(W) + Omega(W) + ridge ||W||_F^2 + sum_edges g^2 ||w_i - w_j||^2

    Omega being the penalty, and the loss ``SSQ = sum u (y - z)^2`` of the fitted values z = X W, or
    ``sum u h(y - z)``, h(r) being r^2 up to ``|r| = delta`` and ``2 delta |r| - delta^2`` beyond. No 1/2 and
    no 1/N. Where the penalty has several parts, the minimum is over these.

    Parameters
    ----------
    {penalty}
    loss : {"squared", "huber"}, default "squared"
    delta : float, default 1.0
        Up to where Huber's loss is a square, > 0.
    {common}

    References
    ----------
    P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics, 1964.

    Examples
    --------
    >>> import cvxpy as cp
    >>> import numpy as np
    >>> from formulations import MultiTaskRegressor
    >>> class TraceNorm:
    ...     def expression(self, W):
    ...         return 2.0 * cp.normNuc(W)
    >>> Y = np.array([[3.0, 3.0], [0.0, 0.1]])
    >>> model = MultiTaskRegressor(TraceNorm()).fit(np.eye(2), Y)
    >>> abs(model.coef_.round(2))
    array([[2.29, 0.04],
           [2.29, 0.04]])
    >>> model.certificate_.converged
    True
    """

    def __init__(
        self,
        penalty: Any = None,
        ridge: float = 0.0,
        graph: Any = None,
        *,
        loss: str = "squared",
        delta: float = 1.0,
        fit_intercept: bool = False,
        tol: float = 1e-6,
        max_iter: int = 10_000,
        task_labels: Any = None,
        warm_start: bool = False,
        solver: str = "CLARABEL",
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
        self.solver = solver


@document('{"CLARABEL", "SCS"}', _PARTS, _PENALTY)
class MultiTaskClassifier(ClassifierMixin, _Generic):
    """Any penalty, with the logistic loss: one binary classification a task.

    Minimises ::

        sum u log(1 + exp(-s z)) + Omega(W) + ridge ||W||_F^2 + sum_edges g^2 ||w_i - w_j||^2

    Omega being the penalty, z = X W the fitted values, and s = +1 for the second class, -1 for the first; the
    two classes are common to all tasks. With scikit-learn's LogisticRegression(C) its l1 penalty is
    ``1/C ||W||_1`` and its l2 penalty is ``ridge = 1 / (2 C)``.

    Parameters
    ----------
    {penalty}
    {common}

    References
    ----------
    T. Hastie, R. Tibshirani, J. Friedman, "The elements of statistical learning", 2009, section 4.4.

    Examples
    --------
    >>> import numpy as np
    >>> from formulations import MultiTaskClassifier
    >>> X = np.array([[2.0, 0.0], [1.0, 1.0], [-1.0, 1.0], [-2.0, 0.0]])
    >>> model = MultiTaskClassifier().fit(X, ["yes", "yes", "no", "no"])
    >>> model.predict([[3.0, 0.0]])
    array(['yes'], dtype='<U3')
    >>> model.certificate_.converged
    True
    """

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
        solver: str = "CLARABEL",
    ) -> None:
        self.penalty = penalty
        self.ridge = ridge
        self.graph = graph
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.task_labels = task_labels
        self.warm_start = warm_start
        self.solver = solver

    def _read(self, X: Any, y: Any, **keywords: Any) -> Data:
        signs, classes = read_signs(y, keywords.get("sample_weight"))
        data = read_data(X, signs, task_labels=self.task_labels, **keywords)
        self.classes_ = classes
        return data

    def decision_function(self, X: Any, tasks: Any = None) -> Array:
        """Return the fitted values z = X W + intercept, positive for ``classes_[1]``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (N, D)
        tasks : array-like of shape (N,), optional
            The task of every row: one value per row is returned.

        Returns
        -------
        array of shape (N,) or (N, T)
        """
        return super().predict(X, tasks=tasks)

    def predict(self, X: Any, tasks: Any = None) -> Any:
        """Predict labels; the arguments and shapes are those of `decision_function`."""
        check_is_fitted(self)
        return self.classes_[(self.decision_function(X, tasks=tasks) > 0).astype(np.intp)]

    def predict_proba(self, X: Any, tasks: Any = None) -> Any:
        """Return probabilities, in scikit-learn's two forms.

        Where `decision_function` has one value a row, those of the two classes, (N, 2); else that of
        ``classes_[1]`` for every task, (N, T).
        """
        z = self.decision_function(X, tasks=tasks)
        return np.column_stack([expit(-z), expit(z)]) if z.ndim == 1 else expit(z)

    def score(self, X: Any, y: Any, tasks: Any = None, sample_weight: Any = None) -> float:
        """Return the accuracy: of all rows for a 1-D y, the mean over the columns of a 2-D y.

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
        signs, _ = read_signs(y, sample_weight, self.classes_)
        rows = read_data(X, signs, sample_weight=sample_weight).crowd
        predicted = np.where(self.decision_function(X, tasks=tasks) > 0, 1.0, -1.0)
        predicted = predicted.reshape(len(predicted), -1)
        if predicted.shape != rows.y.shape:
            raise ValueError(f"y: expected {predicted.shape[1]} columns; got {rows.y.shape[1]}")
        accuracies = [
            accuracy_score(rows.y[seen, t], predicted[seen, t], sample_weight=rows.u[seen, t])
            for t, seen in enumerate((rows.u > 0).T)
            if seen.any()
        ]
        return float(np.mean(accuracies))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
