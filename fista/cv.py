"""Cross-validation of the sparsity weights: all folds and all weights from one pass over the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial, reduce
from inspect import signature
from numbers import Integral
from operator import add
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from fista.base import Data, MultiTaskRegression, Terms
from fista.certificate import Certificate
from fista.data import Population, boolean_mask
from fista.losses import GRAM_LIMIT, Centering, gram_is_cheaper
from fista.moments import MomentLoss, Moments
from fista.path import along, grid, scaled, warn_of
from fista.problem import Problem
from fista.progress import shown
from fista.rows import Rows as BlockOfRows

__all__ = ["PathCV"]

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Squares = Callable[[Floats, Floats], Floats]  # of coefficients and intercepts, a task


class PathCV(RegressorMixin, BaseEstimator):
    """Choose the sparsity weights of an estimator by cross-validation, as `LassoCV` does.

    The weights are multiplied by one factor, so that they keep their ratio. What `GridSearchCV` over the
    estimator finds on the same folds and weights is found here from one pass over the data, each fit started
    from the one before.

    Parameters
    ----------
    estimator : regressor of `fista`
        It is not changed. Its sparsity weights (alpha; rho1 and rho2; beta of `SRMTL`; lam3 of `EGMTL`; those
        of the penalty) give the ratio, and the unit of the factors; all else stays as it is.
    alphas : int or array-like, default 100
        The factors, or how many there are to be, evenly spaced in their logarithm between ``lambda_max`` of
        all rows and ``eps`` times that.
    eps : float, default 1e-3
    cv : int, splitter or iterable of (train, test), optional
        An int (5 by default) is the number of folds, in which groups stay together, and every task and crowd
        and experts alike have their share where the rows are labelled: `GroupKFold` with ``groups``,
        `StratifiedKFold` with ``tasks`` or ``expert``, `StratifiedGroupKFold` with both, else `KFold`.
    scoring : {"mse", "r2"}, default "mse"
        What is averaged over the folds to choose by: the mean squared error, or ``score`` of the estimator.
    one_standard_error : bool, default False
        Whether to choose the largest factor whose mean is within one standard error of the best one.
    n_jobs : int, optional
        Folds that are fitted at the same time.

    Attributes
    ----------
    alpha_ : float
        The chosen factor.
    alphas_ : ndarray of shape (n_alphas,)
        The factors, in decreasing order.
    mse_path_ : ndarray of shape (n_alphas, n_folds)
        Mean squared errors of the rows that were held out, weighted as these; of a 2-D y the mean over tasks.
    score_path_ : ndarray of shape (n_alphas, n_folds)
        Their R^2, as ``score`` has it.
    certificates_ : ndarray of Certificate of shape (n_alphas, n_folds)
        The proof of each fit: from the rows, or where a fit was made of sums over them from those
        (``form="statistics"``, with its rounding).
    estimator_ : estimator
        Fitted to all rows with the chosen weights; its certificate is from the rows. Its ``coef_``,
        ``intercept_``, ``parts_``, ``tasks_``, ``n_iter_``, ``dual_gap_`` and ``certificate_`` are attributes
        here, too.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X had them.

    See Also
    --------
    fista.path : the fits to all rows, without cross-validation.

    Notes
    -----
    Tasks are those of all rows: a fold that lacks one keeps its place in the graph. `GridSearchCV` does the
    same if the estimator has ``task_labels``.

    The loss is a sum over rows, so that a weight counts for more in a fold, which has fewer, than it does on
    all rows. `LassoCV` has means; what it chooses is n_folds / (n_folds - 1) times as large.

    Examples
    --------
    >>> import numpy as np
    >>> from fista import L21MTL, PathCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 8))
    >>> Y = X[:, :2] @ [[2.0, -1.0, 1.0], [1.0, 1.0, 0.0]] + rng.standard_normal((60, 3))
    >>> model = PathCV(L21MTL(beta=0.0), alphas=20, one_standard_error=True).fit(X, Y)
    >>> model.mse_path_.shape, model.coef_.any(axis=0)[:3].tolist(), model.certificate_.converged
    ((20, 5), [True, True, False], True)
    """

    alpha_: float
    alphas_: Floats
    mse_path_: Floats
    score_path_: Floats
    certificates_: NDArray[Any]
    estimator_: Any

    def __init__(
        self,
        estimator: Any,
        *,
        alphas: int | ArrayLike = 100,
        eps: float = 1e-3,
        cv: Any = None,
        scoring: Literal["mse", "r2"] = "mse",
        one_standard_error: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.alphas = alphas
        self.eps = eps
        self.cv = cv
        self.scoring = scoring
        self.one_standard_error = one_standard_error
        self.n_jobs = n_jobs

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        tasks: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        expert: ArrayLike | None = None,
    ) -> Self:
        """Fit all folds at all weights, and all rows at the best.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (N, D)
        y : array-like of shape (N,) or (N, T)
            As in ``fit`` of the estimator.
        groups : array-like of shape (N,), optional
            Labels of rows (clips, say) that belong into one fold.
        tasks : array-like of shape (N,), optional
            The task of each row, for one design a task.
        sample_weight : array-like of shape (N,) or (N, T), optional
            Weights, of fits and errors alike.
        expert : array-like of bool of shape (N,), optional
            Which rows are the experts', for `EGMTL`. Errors count all rows that are held out alike.

        Returns
        -------
        self

        Warns
        -----
        ConvergenceWarning
            If fits were not certified to the ``tol`` of the estimator; it says how many.
        """
        if self.scoring not in ("mse", "r2"):
            raise ValueError(f'scoring: found {self.scoring!r}; expected "mse" or "r2"')
        probe = clone(self.estimator)
        if not isinstance(probe, MultiTaskRegression):
            raise TypeError(f"estimator: found {type(probe).__name__}; expected a regressor of fista")
        data = probe._read(X, y, tasks, sample_weight)
        everyone, mask = data.crowd, None
        if expert is not None:
            if "expert" not in signature(probe.fit).parameters:
                raise TypeError(f"expert: found a mask for {type(probe).__name__}, which has no experts")
            mask = boolean_mask("expert", expert, everyone.X.shape[0])
        folds = _folds(self.cv, everyone, y, groups, mask)
        whole, prepared = _prepare(probe, data, mask, folds)
        alphas = grid(whole, self.alphas, self.eps)
        jobs = (
            delayed(_fold)(
                prepare,
                everyone,
                test,
                data.layout == "per-task",
                data.n_tasks,
                alphas,
                probe.tol,
                probe.max_iter,
            )
            for prepare, (_, test) in zip(prepared, folds, strict=True)
        )
        results = Parallel(n_jobs=self.n_jobs, return_as="generator")(jobs)
        found = list(shown(results, len(folds), "folds"))
        certificates = np.array([c for fold in found for c in fold.certificates], dtype=object)
        mse, score = np.array([f.mse for f in found]).T, np.array([f.score for f in found]).T
        best = _choice(mse if self.scoring == "mse" else -score, one_standard_error=self.one_standard_error)
        warn_of(certificates.tolist(), probe.tol)
        fitted = probe.set_params(**scaled(probe, float(alphas[best])))
        fitted._solve(data if mask is None else data.split(mask))
        # Nothing is set before all is done.
        self.alphas_, self.alpha_ = alphas, float(alphas[best])
        self.mse_path_, self.score_path_ = mse, score
        self.certificates_ = certificates.reshape(len(folds), -1).T
        self.estimator_ = fitted
        for name in ("coef_", "intercept_", "parts_", "tasks_", "n_iter_", "dual_gap_", "certificate_"):
            setattr(self, name, getattr(fitted, name))
        self.n_features_in_ = fitted.n_features_in_
        self.__dict__.pop("feature_names_in_", None)
        if hasattr(fitted, "feature_names_in_"):
            self.feature_names_in_ = fitted.feature_names_in_
        return self

    def predict(self, X: ArrayLike, tasks: ArrayLike | None = None) -> Floats:
        """Predict by the model of the chosen weights; see its ``predict``."""
        check_is_fitted(self)
        predicted: Floats = self.estimator_.predict(X, tasks=tasks)
        return predicted

    def score(
        self,
        X: ArrayLike,
        y: ArrayLike,
        tasks: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """R^2 of the predictions: over all rows for a 1-D y, else the mean over the tasks."""
        check_is_fitted(self)
        return float(self.estimator_.score(X, y, tasks=tasks, sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.sparse = True
        return tags


class _Prepared(NamedTuple):
    problem: Problem
    means: Centering
    squares: Squares | None  # of the rows that are held out, where their moments are at hand


Prepare = Callable[[], _Prepared]


# -- folds ---------------------------------------------------------------------------------------


def _folds(
    cv: Any, everyone: Population, y: Any, groups: Any, expert: NDArray[np.bool_] | None
) -> list[tuple[Rows, Rows]]:
    """Which rows are fitted and which are held out, fold by fold."""
    if cv is None or isinstance(cv, Integral):
        labels = [part for part in (everyone.task, expert) if part is not None]
        kinds: Any = (KFold, GroupKFold) if not labels else (StratifiedKFold, StratifiedGroupKFold)
        cv = kinds[groups is not None](5 if cv is None else int(cv))
        if labels:
            y = np.unique(np.column_stack(labels), axis=0, return_inverse=True)[1].reshape(-1)
    every, nothing = np.arange(everyone.X.shape[0]), slice(0)
    split = check_cv(cv).split(everyone.X, y, groups)
    found = [(every[a if len(a) else nothing], every[b if len(b) else nothing]) for a, b in split]
    if not found:
        raise ValueError(f"cv: found no folds in {cv!r}; expected at least one")
    for k, (train, test) in enumerate(found):
        if not everyone.weight[train].any() or not everyone.weight[test].any():
            raise ValueError(
                f"cv: found fold {k} with a side of no weight; expected rows with positive weights"
            )
        if expert is not None and expert[train].all():
            raise ValueError(
                f"expert: found True in every row that fold {k} is fitted to; expected some of the crowd"
            )
    return found


def _prepare(
    probe: MultiTaskRegression, data: Data, expert: NDArray[np.bool_] | None, folds: list[tuple[Rows, Rows]]
) -> tuple[Problem, list[Prepare]]:
    """The problem of all rows, and what makes that of each fold.

    Rows are told apart by the folds that they are fitted in or held out of. Where Gram form applies, the
    moments of each such set are summed once, and those of a fold added from them.
    """
    terms = probe._terms(data.n_tasks)
    apart = _apart(data, expert)
    blocks = apart.blocks(terms.factors)
    uses = np.zeros((data.crowd.X.shape[0], 2 * len(folds)), dtype=np.intp)
    for k, rows in enumerate(rows for sides in folds for rows in sides):
        np.add.at(uses[:, k], rows, 1)
    kinds, kind_of = _kinds(uses)
    D, T = next(iter(blocks.values())).shape
    size = len(kinds) * D * D * (1 if all(b.shared_gram for b in blocks.values()) else T)
    by_moments = terms.loss is None and gram_is_cheaper(blocks, invert=terms.invert(T))
    if not by_moments or size > GRAM_LIMIT or kinds.max() > 1:
        whole, _ = probe._centred_problem(apart)
        return whole, [partial(_from_rows, probe, data, expert, train) for train, _ in folds]
    means = Centering.of(list(blocks.values()), bool(probe.fit_intercept))
    origin = replace(means, features=apart.shift(means)) if means.fit_intercept else means
    populations = [(apart.crowd, kind_of)]
    if apart.expert is not None and expert is not None:
        populations = [(apart.crowd, kind_of[~expert]), (apart.expert, kind_of[expert])]
    sums = [
        [_moments(population.take(each == k), T, origin) for population, each in populations]
        for k in range(len(kinds))
    ]

    def added(k: int) -> list[Moments]:
        chosen = [each for each, kind in zip(sums, kinds, strict=True) if kind[k]]
        return [reduce(add, of_one) for of_one in zip(*chosen, strict=True)]

    prepared: list[Prepare] = []
    for k, (_, test) in enumerate(folds):
        # Where there are fewer rows than features, errors are cheaper from the rows, and sharper.
        held_out = reduce(add, added(2 * k + 1)) if len(test) > D else None
        prepared.append(partial(_from_moments, added(2 * k), terms, origin, held_out))
    every = [reduce(add, of_one) for of_one in zip(*sums, strict=True)]
    return _from_moments(every, terms, origin, None).problem, prepared


def _kinds(uses: Rows) -> tuple[Rows, Rows]:
    """The distinct rows, and which of them each row is.

    As `np.unique` over an axis, but by numbers, in which a few columns are joined at a time: sorting those is
    ten times faster.
    """
    codes, size = np.zeros(len(uses), dtype=np.int64), 1
    for column in uses.T:
        values = int(column.max()) + 1
        if size > np.iinfo(np.int64).max // values:
            codes = np.unique(codes, return_inverse=True)[1]
            size = int(codes.max()) + 1
        codes, size = codes * values + column, size * values
    _, first, kind_of = np.unique(codes, return_index=True, return_inverse=True)
    return uses[first], kind_of


def _apart(data: Data, expert: NDArray[np.bool_] | None) -> Data:
    return data if expert is None else data.split(expert)


def _moments(part: Population, n_tasks: int, origin: Centering) -> Moments:
    """Those of some rows of the crowd or of the experts, as they weigh among themselves."""
    block = part.rows(1.0, n_tasks)
    if origin.fit_intercept:
        block = block.shifted(origin.features, origin.targets)
    return Moments.of(block)


def _from_moments(
    fitted: list[Moments], terms: Terms, origin: Centering, held_out: Moments | None
) -> _Prepared:
    moments = reduce(add, [m.times(factor) for m, factor in zip(fitted, terms.factors, strict=False)])
    loss = MomentLoss(moments, terms.graph, fit_intercept=origin.fit_intercept)
    means = loss.centering.from_origin(origin)
    squares = None if held_out is None else partial(_squares, held_out, origin)
    return _Prepared(Problem(loss, terms.penalty, terms.ridge, terms.independent), means, squares)


def _squares(held_out: Moments, origin: Centering, W: Floats, intercept: Floats) -> Floats:
    return held_out.squares(W, intercept - origin.intercept(W))


def _from_rows(
    probe: MultiTaskRegression, data: Data, expert: NDArray[np.bool_] | None, train: Rows
) -> _Prepared:
    part = replace(data, crowd=data.crowd.take(train))
    problem, means = probe._centred_problem(_apart(part, None if expert is None else expert[train]))
    return _Prepared(problem, means, None)


# -- a fold --------------------------------------------------------------------------------------


class _Fold(NamedTuple):
    mse: list[float]  # one a weight
    score: list[float]
    certificates: list[Certificate]


def _fold(
    prepare: Prepare,
    everyone: Population,
    test: Rows,
    per_task: bool,
    n_tasks: int,
    alphas: Floats,
    tol: float,
    max_iter: int,
) -> _Fold:
    """Fit the rows of a fold at all weights, and judge by those that are held out."""
    problem, means, squares = prepare()
    if squares is not None:  # then only the targets are looked at
        everyone = replace(everyone, X=everyone.X[:, :0])
    judge = _Judge(everyone.take(test).rows(1.0, n_tasks), squares, joined=per_task)
    fold = _Fold([], [], [])
    for state, certificate in along(problem, alphas, tol, max_iter):
        W = problem.total(state.W)
        mse, score = judge(W, means.intercept(W) + problem.offset(state.W))
        fold.mse.append(mse)
        fold.score.append(score)
        fold.certificates.append(certificate)
    return fold


class _Judge:
    """Mean squared error and R^2 on rows that were held out: the means over tasks, or of all joined."""

    def __init__(self, rows: BlockOfRows, squares: Squares | None, *, joined: bool) -> None:
        n_tasks = rows.shape[1]
        self.rows, self.joined = rows, joined
        self.squares = squares or self._squares_of_rows
        self.mass = self._sums(np.broadcast_to(rows.weight_sums(), n_tasks))
        self.rated = self.mass > 0
        mean = self._sums(rows.target_sums()) / np.where(self.rated, self.mass, 1.0)
        self.spread = self._sums(rows.energy(rows.deviations(np.broadcast_to(mean, n_tasks))))[self.rated]

    def _sums(self, by_task: Floats) -> Floats:
        return by_task.sum(keepdims=True) if self.joined else by_task

    def _squares_of_rows(self, W: Floats, intercept: Floats) -> Floats:
        return self.rows.energy(self.rows.residual(W, intercept))

    def __call__(self, W: Floats, intercept: Floats) -> tuple[float, float]:
        squares = self._sums(self.squares(W, intercept))[self.rated]
        mse = float(np.mean(squares / self.mass[self.rated]))
        # As r2_score has it: 1 for constants that are met, 0 for others.
        constant = self.spread == 0
        share = np.where(constant, squares > 0, squares / np.where(constant, 1.0, self.spread))
        return mse, float(np.mean(1.0 - share))


def _choice(errors: Floats, *, one_standard_error: bool) -> int:
    """The weight of the least mean error; of those within a standard error of it, the largest."""
    means = errors.mean(axis=1)
    best = int(np.argmin(means))
    if not one_standard_error or errors.shape[1] < 2:
        return best
    allowed = means[best] + errors[best].std(ddof=1) / np.sqrt(errors.shape[1])
    return int(np.flatnonzero(means <= allowed)[0])
