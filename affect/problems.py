"""Problems P1 and P2 of section 5.3.

P1, regression: descriptors of the last 50 seconds of every clip (a task each), the crowd's median ratings for
training and the experts' to guide; a snippet of 5, 10 or 15 s at the same time points of all clips, in their
front or back half, is held out of everything.

P2, classification: an annotation's last 50 seconds of ratings are its features, clip and class its label
(Eq. (1): one column a clip and class). Trained on Val, applied to the crowd of Eval.

The random snippets, folds and few experts have a stream of random numbers each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affect.methods import GRID, METHODS, Fit, Method, Rows, fit, proof, select

__all__ = [
    "Cell",
    "P1Data",
    "P2Data",
    "Protocol",
    "cells",
    "group_folds",
    "misclassified",
    "solve_p1",
    "solve_p2",
    "stream",
    "time_folds",
]

Floats = NDArray[np.float64]

HALVES = ("front", "back")
LENGTHS = (5, 10, 15)


@dataclass(frozen=True)
class Protocol:
    """How the problems are run; the defaults are the paper's, where it says.

    Parameters
    ----------
    seconds : int
        The last seconds of a clip that are used.
    runs : int
        Random snippets (P1), random folds (P2).
    grid : tuple of float
        Values of the first weight.
    n_folds : int
        Folds of the cross-validation that chooses it; less where there is less to deal (P2: raters).
    folds : {"time", "random"}
        Whether a fold of P1 is a block of seconds or random ones, the same of all clips.
    few : int
        Experts of "EG-MTL (7)", drawn anew in every run.
    judge : {"own", "crowd"}
        Whose held-out labels choose the weight of methods that are given experts: the experts' or the
        crowd's.
    rule : {"sum", "max"}
        P2: the score of a class on an unseen clip is the sum, or the largest, of those of all clips.
    targets : {"ratings", "levels"}
        P1: regression on the ratings, or on indicators of discrete levels (the label matrix of Eq. (1), each
        clip's rows being of its own columns), decoded to the expected level.
    n_levels : int
        Levels of ``targets="levels"``, evenly from -1 to 1. The paper does not give their number.
    intercept : bool
        P1: whether every clip has an intercept of its own. The paper's models have none, so that of all
        methods only the mean can be off zero where the descriptors are at their means.
    tol, fold_tol : float
        Relative duality gaps of what is reported, and of the fits of the cross-validation.
    """

    seconds: int = 50
    runs: int = 5
    grid: tuple[float, ...] = GRID
    n_folds: int = 5
    folds: str = "time"
    few: int = 7
    judge: str = "own"
    rule: str = "sum"
    targets: str = "ratings"
    n_levels: int = 5
    intercept: bool = False
    tol: float = 1e-6
    fold_tol: float = 1e-3

    def __post_init__(self) -> None:
        for name, values in {
            "folds": ("time", "random"),
            "judge": ("own", "crowd"),
            "rule": ("sum", "max"),
            "targets": ("ratings", "levels"),
        }.items():
            if getattr(self, name) not in values:
                raise ValueError(
                    f"{name}: found {getattr(self, name)!r}; expected {' or '.join(map(repr, values))}"
                )
        smallest = {"seconds": 2 * max(LENGTHS), "runs": 1, "n_folds": 2, "few": 1, "n_levels": 2}
        for name, least in smallest.items():
            value = getattr(self, name)
            if not isinstance(value, Integral):
                raise TypeError(f"{name}: found {value!r}; expected an integer")
            if value < least:
                raise ValueError(f"{name}: found {value}; expected at least {least}")

    @property
    def levels(self) -> Floats | None:
        """The discrete levels that P1 is fitted to; None if to the ratings."""
        return np.linspace(-1.0, 1.0, self.n_levels) if self.targets == "levels" else None


@dataclass(frozen=True)
class Cell:
    """A cell of Table 8."""

    dimension: str
    modality: str
    half: str
    length: int

    @property
    def key(self) -> str:
        """A name for files."""
        return f"{self.dimension}-{self.modality}-{self.half}-{self.length:02d}"


def cells(dimensions: Iterable[str], modalities: Iterable[str]) -> list[Cell]:
    """All cells of Table 8: 24 with two dimensions and two modalities."""
    wanted = list(modalities)
    return [Cell(d, m, h, n) for d in dimensions for m in wanted for h in HALVES for n in LENGTHS]


@dataclass(frozen=True)
class P1Data:
    """What P1 learns from; all clips have the same number of seconds.

    Attributes
    ----------
    features : dict of str to ndarray of shape (clips, seconds, descriptors)
        By modality.
    crowd : dict of str to ndarray of shape (clips, seconds)
        Median ratings by dimension, NaN where nobody rated.
    experts : dict of str to ndarray of shape (clips, seconds, raters)
        Ratings of each expert by dimension, NaN where missing.
    truth : dict of str to ndarray of shape (clips, seconds)
        The true profiles, if they are known.
    weights : dict of (dimension, modality) to ndarray of shape (clips, descriptors)
        The true weights, if they are known.
    """

    features: Mapping[str, Floats]
    crowd: Mapping[str, Floats]
    experts: Mapping[str, Floats]
    truth: Mapping[str, Floats] = field(default_factory=dict)
    weights: Mapping[tuple[str, str], Floats] = field(default_factory=dict)


def median(ratings: Floats) -> Floats:
    """Over raters (the last axis), second by second: a second takes nothing from its neighbours."""
    known = ~np.isnan(ratings).all(axis=-1)
    fused = np.full(ratings.shape[:-1], np.nan)
    fused[known] = np.nanmedian(ratings[known], axis=-1)
    return fused


def stream(seed: int, purpose: str, *which: int) -> np.random.Generator:
    """Random numbers of their own for every purpose, and for every run or cell of it.

    None moves when another draws more or less. They are also apart from ``default_rng(seed)``, and from
    ``default_rng([seed, 0])``, which is the same.

    Examples
    --------
    >>> a, b = (stream(0, purpose, 1).permutation(20).tolist() for purpose in ("folds", "few"))
    >>> a == b
    False
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(*purpose.encode(), *which)))


def snippet(cell: Cell, seconds: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which of the seconds are held out."""
    middle = seconds // 2
    first, last = (0, middle) if cell.half == "front" else (middle, seconds)
    start = int(rng.integers(first, last - cell.length + 1))
    held = np.zeros(seconds, dtype=bool)
    held[start : start + cell.length] = True
    return held


def rows_of(features: Floats, labels: Floats, seconds: NDArray[np.bool_]) -> tuple[Rows, NDArray[np.int_]]:
    """The rated ones among these seconds of all clips, and the second of each row."""
    clip, second = np.nonzero(seconds[None, :] & ~np.isnan(labels))
    return Rows(features[clip, second], labels[clip, second], clip, len(labels)), second


def time_folds(
    seconds: NDArray[np.int_], n_folds: int, rng: np.random.Generator | None = None
) -> list[NDArray[np.int_]]:
    """Seconds cut into blocks, or with a generator dealt at random.

    Examples
    --------
    >>> [fold.tolist() for fold in time_folds(np.arange(5), 2)]
    [[0, 1, 2], [3, 4]]
    """
    ordered = np.sort(seconds) if rng is None else rng.permutation(seconds)
    return _dealt(ordered, n_folds)


def group_folds(groups: NDArray[Any], n_folds: int, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    """Random folds of groups of rows (such as those of one rater), as masks of the rows held out.

    Examples
    --------
    >>> held = group_folds(np.array(["x", "y", "x"]), 5, np.random.default_rng(0))
    >>> sorted(mask.tolist() for mask in held)
    [[False, True, False], [True, False, True]]
    """
    parts = _dealt(rng.permutation(np.unique(groups)), n_folds)
    return [np.isin(groups, part) for part in parts]


def _dealt(items: NDArray[Any], n_folds: int) -> list[NDArray[Any]]:
    """Folds of almost equal size, in this order; fewer where they would be empty."""
    return list(np.array_split(items, min(n_folds, len(items))))


def squared_error(model: Fit, rows: Rows) -> float:
    """Sum of squared errors."""
    return float(((model.predict(rows.X, rows.tasks) - rows.y) ** 2).sum())


def _rmse(model: Fit, rows: Rows) -> float:
    """NaN where there is nothing to judge by."""
    return float(np.sqrt(squared_error(model, rows) / len(rows.y))) if len(rows.y) else float("nan")


def solve_p1(
    data: P1Data,
    cell: Cell,
    run: int,
    seed: int,
    protocol: Protocol | None = None,
    methods: Sequence[Method] = METHODS,
) -> dict[str, Any]:
    """One run of one cell of Table 8, for all methods.

    Snippet, folds and the few experts depend on seed, half, length and run alone (the few also on how many
    experts there are), so that methods, dimensions and modalities are compared on the same seconds.

    A clip that nobody rated in training has the weights that the objective gives a task without rows: those
    of related clips where there is a graph, else 0; its mean is 0.

    Returns
    -------
    dict
        Of each method: the chosen weight, RMSE on the snippet against the experts' median (``rmse``), the
        crowd's and the truth (NaN if they rated nothing of it), share of zeros, error of the weights, the
        proofs of all fits. ``few_are_all``: whether the few experts are all there are.

    Raises
    ------
    ValueError
        The crowd, or the experts, or the few experts of this run, rated no second of the training rows.
    """
    protocol = protocol or Protocol()
    X, crowd = data.features[cell.modality], data.crowd[cell.dimension]
    panel = data.experts[cell.dimension]
    n_seconds = X.shape[1]
    which = (run, HALVES.index(cell.half), cell.length)
    held = snippet(cell, n_seconds, stream(seed, "snippet", *which))
    few = stream(seed, "few", *which).permutation(panel.shape[-1])[: protocol.few]
    shuffle = stream(seed, "folds", *which) if protocol.folds == "random" else None
    blocks = time_folds(np.flatnonzero(~held), protocol.n_folds, shuffle)
    targets = {"rmse": median(panel), "rmse_crowd": crowd}
    if cell.dimension in data.truth:
        targets["rmse_truth"] = data.truth[cell.dimension]
    options: dict[str, Any] = {"levels": protocol.levels, "intercept": protocol.intercept}
    experts = {False: median(panel), True: median(panel[..., few])}
    crowd_rows, crowd_seconds = rows_of(X, crowd, ~held)
    _expect_rows("crowd", crowd_rows, cell)
    record: dict[str, Any] = {
        "held_out": np.flatnonzero(held).tolist(),
        "few": few.tolist(),
        "few_are_all": len(few) == panel.shape[-1],
        "methods": {},
    }
    for method in methods:
        expert_rows, expert_seconds = rows_of(X, experts[method.few], ~held)
        if method.experts != "none":
            _expect_rows("experts", expert_rows, cell)
        folds = [(np.isin(crowd_seconds, block), np.isin(expert_seconds, block)) for block in blocks]
        weight, chosen = select(
            method,
            crowd_rows,
            expert_rows,
            folds,
            squared_error,
            grid=protocol.grid,
            tol=protocol.fold_tol,
            judge=protocol.judge,
            **options,
        )
        model, _ = fit(method, weight, crowd_rows, expert_rows, tol=protocol.tol, **options)
        result: dict[str, Any] = {"weight": weight, "zeros": model.zeros, "proof": proof(model.certificate)}
        for name, labels in targets.items():
            result[name] = _rmse(model, rows_of(X, labels, held)[0])
        if (cell.dimension, cell.modality) in data.weights:
            true = data.weights[cell.dimension, cell.modality]
            result["weight_error"] = float(np.linalg.norm(model.coef - true) / np.linalg.norm(true))
        record["methods"][method.name] = result | {"cross_validation": chosen}
    return record


def _expect_rows(who: str, rows: Rows, cell: Cell) -> None:
    if not len(rows.y):
        raise ValueError(
            f"{who}: found no rating of {cell.dimension} in the training seconds of {cell.key}; expected some"
        )


@dataclass(frozen=True)
class P2Data:
    """What P2 learns from and is applied to, for one dimension.

    Attributes
    ----------
    crowd, experts, evaluation : ndarray of shape (annotations, seconds)
        Ratings of the last seconds, complete.
    crowd_clips, expert_clips, evaluation_clips : ndarray of shape (annotations,)
        The clip of each.
    crowd_raters, expert_raters : ndarray of shape (annotations,)
        Who made it.
    high, evaluation_high : ndarray of bool of shape (clips,)
        The static labels.
    """

    crowd: Floats
    crowd_clips: NDArray[np.int_]
    crowd_raters: NDArray[Any]
    experts: Floats
    expert_clips: NDArray[np.int_]
    expert_raters: NDArray[Any]
    evaluation: Floats
    evaluation_clips: NDArray[np.int_]
    high: NDArray[np.bool_]
    evaluation_high: NDArray[np.bool_]


def indicator(clips: NDArray[np.int_], high: NDArray[np.bool_]) -> Floats:
    """Label matrix of Eq. (1): column 2 t + c is 1 for the annotations of clip t, of class c.

    Examples
    --------
    >>> indicator(np.array([0, 1]), np.array([True, False]))
    array([[0., 1., 0., 0.],
           [0., 0., 1., 0.]])
    """
    Y = np.zeros((len(clips), 2 * len(high)))
    Y[np.arange(len(clips)), 2 * clips + high[clips]] = 1.0
    return Y


def is_high(scores: Floats, rule: str) -> NDArray[np.bool_]:
    """The class whose scores, one a clip, have the larger sum (or maximum); of equals, low."""
    by_class = scores.reshape(len(scores), -1, 2)
    score = by_class.sum(axis=1) if rule == "sum" else by_class.max(axis=1)
    return np.asarray(score[:, 1] > score[:, 0])


def misclassified(model: Fit, rows: Rows, rule: str) -> float:
    """How many rows of an indicator matrix get the wrong class, counted once a column as in `select`."""
    truth = rows.y.reshape(len(rows.y), -1, 2).sum(axis=1)[:, 1] > 0
    return float((is_high(model.predict(rows.X), rule) != truth).sum() * rows.y.shape[1])


def solve_p2(
    data: P2Data, run: int, seed: int, protocol: Protocol | None = None, methods: Sequence[Method] = METHODS
) -> dict[str, Any]:
    """One run of one row of Table 9, for all methods.

    Folds are of raters, and no more than these: nobody is in training and validation at once. The crowd's
    held-out annotations choose the weight, since a crowd is what the model is for.

    Returns
    -------
    dict
        Of each method: the chosen weight, accuracy over the annotations of Eval and over its clips (by
        majority of their annotations; of halves, low), share of zeros, the proofs of all fits.
        ``few_are_all``: whether the few experts are all there are.

    Raises
    ------
    ValueError
        There are fewer than two raters of the crowd, or no annotations of the experts or of Eval.
    """
    protocol = protocol or Protocol()
    raters, experts = np.unique(data.crowd_raters), np.unique(data.expert_raters)
    for name, found, least in (
        ("crowd_raters", len(raters), 2),
        ("expert_raters", len(experts), 1),
        ("evaluation", len(data.evaluation), 1),
    ):
        if found < least:
            raise ValueError(f"{name}: found {found} with a complete annotation; expected at least {least}")
    few = stream(seed, "few", run).permutation(experts)[: protocol.few]
    crowd = Rows(data.crowd, indicator(data.crowd_clips, data.high))
    expert = Rows(data.experts, indicator(data.expert_clips, data.high))
    some = expert.take(np.isin(data.expert_raters, few))
    held = group_folds(data.crowd_raters, protocol.n_folds, stream(seed, "folds", run))
    folds = [(part, None) for part in held]
    wrong = partial(misclassified, rule=protocol.rule)
    record: dict[str, Any] = {
        "few": [str(name) for name in few],
        "few_are_all": len(few) == len(experts),
        "methods": {},
    }
    for method in methods:
        guide = some if method.few else expert
        weight, chosen = select(
            method, crowd, guide, folds, wrong, grid=protocol.grid, tol=protocol.fold_tol, standardise=False
        )
        model, _ = fit(method, weight, crowd, guide, tol=protocol.tol, standardise=False)
        predicted = is_high(model.predict(data.evaluation), protocol.rule)
        truth = data.evaluation_high[data.evaluation_clips]
        by_clip = [
            (predicted[data.evaluation_clips == t].mean() > 0.5) == data.evaluation_high[t]
            for t in np.unique(data.evaluation_clips)
        ]
        record["methods"][method.name] = {
            "weight": weight,
            "accuracy": float((predicted == truth).mean()),
            "clip_accuracy": float(np.mean(by_clip)),
            "zeros": model.zeros,
            "proof": proof(model.certificate),
            "cross_validation": chosen,
        }
    return record
