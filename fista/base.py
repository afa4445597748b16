"""What the seven estimators share: reading data, solving, predicting, scoring.

An estimator states its objective in `_terms`; nothing else distinguishes it from its siblings.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, replace
from inspect import signature
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted, validate_data

from fista import data as reading
from fista import entry_sets
from fista.certificate import OUTSIDE, Certificate
from fista.data import Population
from fista.graphs import Graph
from fista.losses import Centering, quadratic_loss
from fista.penalties import Penalty
from fista.pointwise import PointwiseLoss
from fista.problem import Problem
from fista.rows import Rows
from fista.smooth import SmoothLoss, SmoothProblem
from fista.solver import minimize

__all__ = ["Data", "MultiTaskEstimator", "MultiTaskRegression", "Terms", "largest_factor", "weight"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Terms:
    """An objective for T tasks: factors of the rows, penalty, ridge, graph (its weight in the edges).

    ``loss`` is what takes the place of squares, which then know no experts.
    """

    penalty: Penalty
    ridge: float = 0.0
    factors: tuple[float, float] = (2.0, 0.0)  # of 1/2 sum u r^2: crowd rows, expert rows
    graph: Graph | None = None
    independent: bool = False
    loss: PointwiseLoss | None = None

    def invert(self, n_tasks: int) -> bool:
        """Whether there are tasks that take a pseudo-inverse, since only the loss acts on them."""
        return bool(self.penalty.unpenalised(n_tasks).any() and self.ridge == 0)


@dataclass(frozen=True)
class Data:
    """What `fit` was given, read."""

    crowd: Population
    expert: Population | None
    tasks: NDArray[Any]
    layout: str  # "single" (1-D y), "shared" (2-D y) or "per-task"

    @property
    def n_tasks(self) -> int:
        return len(self.tasks)

    def split(self, expert: NDArray[np.bool_]) -> Data:
        """The crowd's rows and the experts' apart."""
        return replace(self, crowd=self.crowd.take(~expert), expert=self.crowd.take(expert))

    def blocks(self, factors: tuple[float, float]) -> dict[str, Rows]:
        """The rows of each population with their weights in the objective."""
        populations = {"crowd": self.crowd, "expert": self.expert}
        return {
            name: population.rows(factor, self.n_tasks)
            for (name, population), factor in zip(populations.items(), factors, strict=True)
            if population is not None
        }

    def shift(self, means: Centering) -> Floats:
        """What may be taken off the design where there is an intercept, D x T.

        Large means then cost no accuracy, since a difference is right to its own last bit. What is sparse, or
        shared, allows less.
        """
        shift = np.broadcast_to(means.features, (self.crowd.X.shape[1], self.n_tasks))
        if self.layout != "per-task":
            shift = np.broadcast_to(shift.mean(axis=1, keepdims=True), shift.shape)
        if any(sp.issparse(p.X) for p in (self.crowd, self.expert) if p is not None):
            shift = np.zeros_like(shift)
        return shift


def weight(name: str, value: Any) -> float:
    """A regularisation weight: a finite number >= 0."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name}: found {value!r} of type {type(value).__name__}; expected a number >= 0")
    number = float(value)
    if not (np.isfinite(number) and number >= 0):
        raise ValueError(f"{name}: found {number}; expected a finite number >= 0")
    return number


def largest_factor(problem: Problem) -> float:
    """The smallest factor on the penalty at which W = 0 is optimal."""
    if not problem.is_norm:
        raise TypeError(f"penalty: found {problem.penalty!r}; expected a norm, of which there is a factor")
    problem.expect_answers()
    return problem.lambda_max()


class MultiTaskEstimator(BaseEstimator):
    """Base of the estimators: ``fit`` and ``lambda_max``; what they predict is for others to say."""

    _part_names: ClassVar[tuple[str, ...]] = ("W",)
    _sparsity: ClassVar[tuple[str, ...]] = ("alpha",)  # the parameters that weigh the penalty

    # Set in the constructors of the estimators.
    fit_intercept: bool
    tol: float
    max_iter: int
    task_labels: Any
    warm_start: bool

    # Set by fit.
    coef_: Floats
    intercept_: float | Floats
    parts_: dict[str, Floats]
    tasks_: NDArray[Any]
    n_iter_: int
    dual_gap_: float
    certificate_: Certificate

    def _terms(self, n_tasks: int) -> Terms:
        raise NotImplementedError(f"{type(self).__name__} does not state its objective")

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
            The design. It is read as float64 and is not changed.
        y : array-like of shape (N,) or (N, T)
            Targets. 2-D: a shared design, one task a column. 1-D: one task, or with ``tasks`` one a label.
            A missing rating is NaN with weight 0.
        tasks : array-like of shape (N,), optional
            The task of each row (integers or strings), for one design a task.
        sample_weight : array-like of shape (N,) or (N, T), optional
            Weights u >= 0 of the rows, or of the single ratings of a shared design; 1 by default.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If an argument is not as described; the message names it, what was found and what was expected.

        Warns
        -----
        ConvergenceWarning
            If ``max_iter`` ends before the gap is certified; the warning says the gap that was reached.
        """
        return self._solve(self._read(X, y, tasks, sample_weight))

    def lambda_max(self, X: ArrayLike, y: ArrayLike, **data: Any) -> float:
        """Return the smallest factor on the sparsity weights, in their ratio, at which W = 0 is optimal.

        The sparsity weights are alpha (`STLasso`, `MTLasso`, `L21MTL`), rho1 and rho2 together
        (`DirtyMTL`, `RobustMTL`), beta (`SRMTL`) and lam3 (`EGMTL`). The arguments are those of `fit`. The
        factor is inf where a sparsity weight is 0 and the data do not vanish.
        """
        probe = clone(self)
        try:
            arguments = signature(probe.fit).bind(X, y, **data).arguments
        except TypeError as error:
            raise TypeError(f"lambda_max: {error}; expected the arguments of fit") from None
        return largest_factor(probe._problem(probe._read(**arguments)))

    def _decision(self, X: ArrayLike, tasks: ArrayLike | None) -> Floats:
        """``X @ coef_.T + intercept_``, in the layout of the predictions."""
        check_is_fitted(self)
        design: Any = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        every = np.asarray(design @ self.coef_.T + self.intercept_)
        if tasks is None:
            return every[:, 0] if self._layout == "single" else every
        if self._layout != "per-task":
            raise ValueError("tasks: found labels for a model that was fitted without tasks; expected None")
        labels = reading.task_labels_of("tasks", tasks, every.shape[0])
        return np.asarray(every[np.arange(len(labels)), reading.task_positions("tasks", labels, self.tasks_)])

    def _rated(
        self, predicted: Floats, targets: Floats, sample_weight: Any
    ) -> list[tuple[Floats, Floats, Floats]]:
        """Targets, predictions and weights of what has a weight, column by column (a 1-D y is one)."""
        if targets.ndim == 2 and predicted.ndim == 1 and targets.shape[1] == 1:
            predicted = predicted[:, None]
        if targets.shape != predicted.shape:
            raise ValueError(
                f"y: found shape {targets.shape}; expected {predicted.shape}, that of the predictions"
            )
        rated = reading.read_population(None, targets, sample_weight, None)
        if not rated.weight.any():
            raise ValueError("sample_weight: found only zeros; expected at least one positive weight")
        weights = rated.weight if rated.weight.shape == targets.shape else rated.weight[:, None]
        weights = np.broadcast_to(weights, targets.shape).reshape(len(targets), -1)
        columns = zip(
            rated.y.reshape(weights.shape).T, predicted.reshape(weights.shape).T, weights.T, strict=True
        )
        return [(y[w > 0], p[w > 0], w[w > 0]) for y, p, w in columns if w.any()]

    def _expect_tasks(self, tasks: ArrayLike | None) -> None:
        check_is_fitted(self)
        if self._layout == "per-task" and tasks is None:
            raise ValueError(
                "tasks: found None for a model that was fitted with tasks; expected one label a row "
                "(in GridSearchCV: metadata routing and set_score_request(tasks=True))"
            )

    # -- reading ---------------------------------------------------------------------------------

    def _read(
        self,
        X: Any,
        y: Any,
        tasks: Any = None,
        sample_weight: Any = None,
        *,
        X_expert: Any = None,
        y_expert: Any = None,
        tasks_expert: Any = None,
        sample_weight_expert: Any = None,
        expert: Any = None,
    ) -> Data:
        self._check_settings()
        if y is None:
            reading.numeric_targets("y", y, 0)
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float64)
        X = reading.canonical(X)
        reading.refuse_underflow("X", X)
        y = reading.numeric_targets("y", y, X.shape[0])
        universe, position, layout = self._tasks(X.shape[0], y, tasks)
        everyone = reading.read_population(X, y, sample_weight, position)
        if X_expert is not None:
            _refuse_cross_validation()
            others = self._read_experts(
                X_expert, y_expert, tasks_expert, sample_weight_expert, everyone, universe, layout
            )
            if expert is not None:
                raise ValueError("expert: found a mask besides X_expert; expected one of the two forms")
            if not (everyone.weight.any() or others.weight.any()):
                raise ValueError(
                    "sample_weight, sample_weight_expert: found only zeros; expected a positive weight"
                )
            return Data(everyone, others, universe, layout)
        for name, value in [
            ("y_expert", y_expert),
            ("tasks_expert", tasks_expert),
            ("sample_weight_expert", sample_weight_expert),
        ]:
            if value is not None:
                raise ValueError(f"{name}: found values without X_expert; expected both or neither")
        if not everyone.weight.any():
            raise ValueError("sample_weight: found only zeros; expected at least one positive weight")
        if expert is None:
            return Data(everyone, None, universe, layout)
        mask = reading.boolean_mask("expert", expert, X.shape[0])
        if mask.all():
            raise ValueError("expert: found True in every row; expected at least one row of the crowd")
        return Data(everyone, None, universe, layout).split(mask)

    def _tasks(self, n_rows: int, y: Floats, tasks: Any) -> tuple[NDArray[Any], NDArray[np.intp] | None, str]:
        """The sorted universe of tasks, the position of each row in it, and the layout."""
        universe = None if self.task_labels is None else reading.sorted_labels(self.task_labels)
        if tasks is None:
            n_tasks = 1 if y.ndim == 1 else y.shape[1]
            if universe is not None and len(universe) != n_tasks:
                raise ValueError(
                    f"task_labels: found {len(universe)} labels; expected {n_tasks}, one a task of y"
                )
            if universe is not None and list(universe) != list(self.task_labels):
                raise ValueError(
                    "task_labels: found labels out of order; expected them sorted, one a column of y"
                )
            labels = np.arange(n_tasks) if universe is None else universe
            return labels, None, "single" if y.ndim == 1 else "shared"
        if y.ndim == 2:
            raise ValueError(
                f"tasks: found labels with a 2-D y of shape {y.shape}; expected a 1-D y "
                "(the columns of a 2-D y are its tasks)"
            )
        labels = reading.task_labels_of("tasks", tasks, n_rows)
        universe = np.unique(labels) if universe is None else universe
        return universe, reading.task_positions("tasks", labels, universe), "per-task"

    def _read_experts(
        self,
        X: Any,
        y: Any,
        tasks: Any,
        sample_weight: Any,
        crowd: Population,
        universe: NDArray[Any],
        layout: str,
    ) -> Population:
        X = reading.expert_design(X, crowd.X.shape[1])
        if y is None:
            raise ValueError("y_expert: found None besides X_expert; expected the experts' targets")
        y = reading.numeric_targets("y_expert", y, X.shape[0], rows_of="X_expert")
        if y.ndim != crowd.y.ndim or y.shape[1:] != crowd.y.shape[1:]:
            raise ValueError(
                f"y_expert: found shape {y.shape}; expected {(X.shape[0], *crowd.y.shape[1:])}, "
                "the tasks of the crowd"
            )
        position = None
        if layout == "per-task":
            if tasks is None:
                raise ValueError("tasks_expert: found None besides tasks; expected one label a row")
            labels = reading.task_labels_of("tasks_expert", tasks, X.shape[0], "X_expert")
            position = reading.task_positions("tasks_expert", labels, universe)
        elif tasks is not None:
            raise ValueError("tasks_expert: found labels without tasks; expected None")
        return reading.read_population(
            X, y, sample_weight, position, y_name="y_expert", weight_name="sample_weight_expert"
        )

    def _check_settings(self) -> None:
        for name in ("fit_intercept", "warm_start"):
            if not isinstance(getattr(self, name), (bool, np.bool_)):
                raise TypeError(f"{name}: found {getattr(self, name)!r}; expected True or False")
        weight("tol", self.tol)
        if not isinstance(self.max_iter, Integral) or isinstance(self.max_iter, bool):
            raise TypeError(f"max_iter: found {self.max_iter!r}; expected an integer >= 1")
        if self.max_iter < 1:
            raise ValueError(f"max_iter: found {self.max_iter}; expected an integer >= 1")

    # -- solving ---------------------------------------------------------------------------------

    def _problem(self, data: Data) -> Problem:
        return self._centred_problem(data)[0]

    def _centred_problem(self, data: Data) -> tuple[Problem, Centering]:
        """The problem, and the means of the data that its intercept is measured from."""
        terms = self._terms(data.n_tasks)
        blocks = data.blocks(terms.factors)
        means = Centering.of(list(blocks.values()), bool(self.fit_intercept))
        if terms.loss is not None and means.fit_intercept:
            # Outliers move a mean, and the digits of all others with it; labels are not to be moved.
            center = data.crowd.medians(data.n_tasks) if terms.loss.translates else np.zeros(data.n_tasks)
            means = replace(means, targets=center)
        if means.fit_intercept:
            shift = data.shift(means)
            blocks = {name: block.shifted(shift, means.targets) for name, block in blocks.items()}
        centering = Centering.of(list(blocks.values()), means.fit_intercept)
        if terms.loss is not None:
            smooth = SmoothLoss(terms.loss, blocks, centering, terms.graph)
            return SmoothProblem(smooth, terms.penalty, terms.ridge), means
        loss = quadratic_loss(
            blocks,
            centering,
            terms.graph,
            invert=terms.invert(data.n_tasks),
            by_entries=entry_sets.suit(terms.penalty, (data.crowd.X.shape[1], data.n_tasks), terms.graph),
        )
        return Problem(loss, terms.penalty, terms.ridge, terms.independent), means

    def _solve(self, data: Data) -> Self:
        problem, means = self._centred_problem(data)
        state, certificate = minimize(
            problem, self._warm_start(problem), tol=self.tol, max_iter=self.max_iter
        )
        W = problem.total(state.W)
        intercept = means.intercept(W) + problem.offset(state.W)
        self.parts_ = dict(
            zip(self._part_names, state.W.reshape(-1, *problem.loss.shape).copy(), strict=True)
        )
        self.coef_ = np.ascontiguousarray(W.T)
        self.intercept_ = float(intercept[0]) if data.layout == "single" else intercept
        self.tasks_ = data.tasks
        self.n_iter_ = state.n_iter
        self.dual_gap_ = certificate.gap
        self.certificate_ = certificate
        self._layout = data.layout
        if not certificate.converged:
            because = f": {certificate.reason}" if certificate.reason else ""
            advice = "Raise max_iter, raise tol, or use a larger weight; warm_start=True goes on from here."
            if certificate.reason == OUTSIDE or not np.isfinite(certificate.gap):
                advice = ""  # none of these would help
            warnings.warn(
                f"{type(self).__name__} stopped at max_iter={self.max_iter} with a duality gap of "
                f"{certificate.gap:.3g} = {certificate.relative_gap:.3g} F(0), above tol={self.tol:g}"
                f"{because}. {advice}".rstrip(),
                ConvergenceWarning,
                stacklevel=3,
            )
        return self

    def _warm_start(self, problem: Problem) -> Floats | None:
        if not self.warm_start or tuple(getattr(self, "parts_", ())) != self._part_names:
            return None
        if any(part.shape != problem.loss.shape for part in self.parts_.values()):
            return None
        start = np.stack([self.parts_[name] for name in self._part_names])
        return start.reshape(problem.shape)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.sparse = True
        return tags


class MultiTaskRegression(RegressorMixin, MultiTaskEstimator):
    """What regressors predict, and how that is scored."""

    def predict(self, X: ArrayLike, tasks: ArrayLike | None = None) -> Floats:
        """Predict ``X @ coef_.T + intercept_``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (N, D)
        tasks : array-like of shape (N,), optional
            After a fit with ``tasks``: the task of each row.

        Returns
        -------
        ndarray of shape (N, T)
            One column a task; (N,) where y was 1-D, or with ``tasks``, one value a row.
        """
        return self._decision(X, tasks)

    def score(
        self,
        X: ArrayLike,
        y: ArrayLike,
        tasks: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """R^2 of the predictions: over all rows for a 1-D y, else the mean over the tasks.

        Ratings of weight 0 are left out.
        """
        self._expect_tasks(tasks)
        predicted = self.predict(X, tasks=tasks)
        targets = reading.numeric_targets("y", y, predicted.shape[0])
        columns = self._rated(predicted, targets, sample_weight)
        return float(np.mean([r2_score(y, p, sample_weight=w) for y, p, w in columns]))


def _refuse_cross_validation() -> None:
    """X_expert has rows of its own, which cross-validation would slice by the crowd's folds or leak."""
    frame = sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        if frame.f_globals.get("__name__", "").startswith("sklearn.model_selection"):
            raise ValueError(
                "X_expert: found inside sklearn.model_selection, where its rows would be cut by the crowd's "
                "folds or leak held-out rows; expected all rows in X and y and the mask expert="
            )
