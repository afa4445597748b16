"""Problems P1 and P2 of section 5.3.

P1, regression: descriptors of the last 50 seconds of every clip (a task each), the crowd's median ratings for
training and the experts' to guide; a snippet of 5, 10 or 15 s at the same time points of all clips, in their
front or back half, is held out of everything.

P2, classification: an annotation's last 50 seconds of ratings are its features, clip and class its label
(Eq. (1): one column a clip and class). Trained on Val, applied to the crowd of Eval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affect.methods import GRID, METHODS, Fit, Method, Rows, fit, proof, select

__all__ = ["Cell", "P1Data", "P2Data", "Protocol", "cells", "solve_p1", "solve_p2", "time_folds"]

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
        Folds of the cross-validation that chooses it.
    folds : {"time", "random"}
        Whether a fold of P1 is a block of seconds or random ones, the same of all clips.
    few : int
        Experts of "EG-MTL (7)", drawn anew in every run.
    judge : {"own", "crowd"}
        Whose held-out labels choose the weight of methods that are given experts: the experts' or the
        crowd's.
    rule : {"sum", "max"}
        P2: the score of a class on an unseen clip is the sum, or the largest, of those of all clips.
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
    tol: float = 1e-6
    fold_tol: float = 1e-3

    def __post_init__(self) -> None:
        for name, values in {
            "folds": ("time", "random"),
            "judge": ("own", "crowd"),
            "rule": ("sum", "max"),
        }.items():
            if getattr(self, name) not in values:
                raise ValueError(
                    f"{name}: found {getattr(self, name)!r}; expected {' or '.join(map(repr, values))}"
                )
        for name, least in {"seconds": 2 * max(LENGTHS), "runs": 1, "n_folds": 2, "few": 1}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name}: found {getattr(self, name)}; expected at least {least}")


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
    return Rows(features[clip, second], labels[clip, second], clip), second


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
    return list(np.array_split(ordered, n_folds))


def squared_error(model: Fit, rows: Rows) -> float:
    """Sum of squared errors."""
    return float(((model.predict(rows.X, rows.tasks) - rows.y) ** 2).sum())


def solve_p1(
    data: P1Data,
    cell: Cell,
    run: int,
    seed: int,
    protocol: Protocol | None = None,
    methods: Sequence[Method] = METHODS,
) -> dict[str, Any]:
    """One run of one cell of Table 8, for all methods.

    Snippet, folds and the few experts depend on seed, half, length and run alone, so that methods, dimensions
    and modalities are compared on the same seconds.

    Returns
    -------
    dict
        Of each method: the chosen weight, RMSE on the snippet against the experts' median (``rmse``), the
        crowd's and the truth, share of zeros, error of the weights, the proofs of all fits.
    """
    protocol = protocol or Protocol()
    X, crowd = data.features[cell.modality], data.crowd[cell.dimension]
    panel = data.experts[cell.dimension]
    n_seconds = X.shape[1]
    rng = np.random.default_rng([seed, run, HALVES.index(cell.half), cell.length])
    held = snippet(cell, n_seconds, rng)
    few = rng.permutation(panel.shape[-1])[: protocol.few]
    shuffle = rng if protocol.folds == "random" else None
    blocks = time_folds(np.flatnonzero(~held), protocol.n_folds, shuffle)
    targets = {"rmse": median(panel), "rmse_crowd": crowd}
    if cell.dimension in data.truth:
        targets["rmse_truth"] = data.truth[cell.dimension]
    experts = {False: median(panel), True: median(panel[..., few])}
    crowd_rows, crowd_seconds = rows_of(X, crowd, ~held)
    record: dict[str, Any] = {"held_out": np.flatnonzero(held).tolist(), "few": few.tolist(), "methods": {}}
    for method in methods:
        expert_rows, expert_seconds = rows_of(X, experts[method.few], ~held)
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
        )
        model, _ = fit(method, weight, crowd_rows, expert_rows, tol=protocol.tol)
        result: dict[str, Any] = {"weight": weight, "zeros": model.zeros, "proof": proof(model.certificate)}
        for name, labels in targets.items():
            rows, _ = rows_of(X, labels, held)
            result[name] = float(np.sqrt(squared_error(model, rows) / len(rows.y)))
        if (cell.dimension, cell.modality) in data.weights:
            true = data.weights[cell.dimension, cell.modality]
            result["weight_error"] = float(np.linalg.norm(model.coef - true) / np.linalg.norm(true))
        record["methods"][method.name] = result | {"cross_validation": chosen}
    return record


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


def solve_p2(
    data: P2Data, run: int, seed: int, protocol: Protocol | None = None, methods: Sequence[Method] = METHODS
) -> dict[str, Any]:
    """One run of one row of Table 9, for all methods.

    Folds are of raters: nobody is in training and validation at once. The crowd's held-out annotations choose
    the weight, since a crowd is what the model is for.

    Returns
    -------
    dict
        Of each method: the chosen weight, accuracy over the annotations of Eval and over its clips (by
        majority of their annotations), share of zeros, the proofs of all fits.
    """
    protocol = protocol or Protocol()
    rng = np.random.default_rng([seed, run])
    raters = rng.permutation(np.unique(data.crowd_raters))
    experts = np.unique(data.expert_raters)
    few = rng.permutation(experts)[: protocol.few]
    crowd = Rows(data.crowd, indicator(data.crowd_clips, data.high))
    expert = Rows(data.experts, indicator(data.expert_clips, data.high))
    some = expert.take(np.isin(data.expert_raters, few))
    folds = [(np.isin(data.crowd_raters, part), None) for part in np.array_split(raters, protocol.n_folds)]

    def wrong(model: Fit, rows: Rows) -> float:
        # Several columns a row: the count of the rows is what the mean is taken over in `select`.
        truth = rows.y.reshape(len(rows.y), -1, 2).sum(axis=1)[:, 1] > 0
        return float((is_high(model.predict(rows.X), protocol.rule) != truth).sum() * rows.y.shape[1])

    record: dict[str, Any] = {"few": [str(name) for name in few], "methods": {}}
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
