"""What related tasks share: section 5.2 of the paper, behind its Tables 6 and 7 and Figures 3 to 5.

All is fitted to all seconds and judged on the training data, as in the paper; the first weight is chosen by
cross-validation as everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affect.material import Material, complete, is_high_of
from affect.methods import METHODS, Fit, Method, Rows, fit, proof, select
from affect.problems import (
    Protocol,
    group_folds,
    indicator,
    is_high,
    misclassified,
    rows_of,
    squared_error,
    stream,
    time_folds,
)
from fista import SRMTL
from fista.graphs import from_labels

__all__ = ["BASELINES", "clips_as_tasks", "descriptors_of_clips", "experts_as_tasks", "table_7"]

Floats = NDArray[np.float64]

BASELINES = ("Lasso", "ℓ21 MTL", "Dirty MTL", "Robust MTL", "SR MTL")


def _methods(names: Sequence[str], labels: Sequence[Any] | None = None) -> list[Method]:
    """Methods by name; with labels, the graph of SR-MTL relates tasks with equal ones."""
    chosen = [method for method in METHODS if method.name in names]
    if labels is None:
        return chosen
    graph = from_labels(labels)
    related = Method("SR MTL", lambda w: SRMTL(alpha=w, graph=graph), weight="alpha")
    return [related if method.name == "SR MTL" else method for method in chosen]


def _classes(high: NDArray[np.bool_]) -> list[str]:
    """What columns of `indicator` are related by: class of the column and class of its clip.

    So columns of one class, of clips of that class, are related; and so are the empty ones, among themselves.
    """
    return [f"{column}{clip}" for clip in high for column in (False, True)]


def _fitted(
    method: Method,
    rows: Rows,
    folds: Sequence[NDArray[np.bool_]],
    loss: Any,
    protocol: Protocol,
    *,
    standardise: bool,
) -> tuple[Fit, dict[str, Any]]:
    weight, chosen = select(
        method,
        rows,
        None,
        [(held, None) for held in folds],
        loss,
        grid=protocol.grid,
        tol=protocol.fold_tol,
        standardise=standardise,
    )
    model, estimator = fit(method, weight, rows, tol=protocol.tol, standardise=standardise)
    return model, {
        "weight": weight,
        "zeros": model.zeros,
        "proof": proof(model.certificate),
        # Of standardised descriptors, so that darker is more whatever the unit.
        "coef": estimator.coef_.tolist(),
        "cross_validation": chosen,
    }


def _own_class_only(result: dict[str, Any], high: NDArray[np.bool_]) -> None:
    """Leave the column of the other class of each clip, which is empty, out of weights and share of zeros."""
    coef = np.array(result["coef"])[2 * np.arange(len(high)) + high]
    result["coef"] = coef.tolist()
    result["zeros"] = float((coef == 0).mean())


def experts_as_tasks(material: Material, dimension: str, seed: int, protocol: Protocol) -> dict[str, Any]:
    """Figure 3: a task an expert, the ratings of each second as features, static labels +1 and -1.

    Returns
    -------
    dict
        By method: ``coef`` (experts x seconds), the weight, share of zeros, proofs.
    """
    rows, clips, raters = complete(material.ratings["expert", dimension])
    names, tasks = np.unique(raters, return_inverse=True)
    labels = np.where(is_high_of(material.clips, dimension), 1.0, -1.0)
    data = Rows(rows, labels[clips], tasks)
    # A fold is of clips: a second opinion on a clip would tell its label.
    folds = group_folds(clips, protocol.n_folds, stream(seed, "figure 3", 0))
    record: dict[str, Any] = {"tasks": names.tolist(), "methods": {}}
    for method in _methods(BASELINES[:4]):
        _, record["methods"][method.name] = _fitted(
            method, data, folds, squared_error, protocol, standardise=False
        )
    return record


def clips_as_tasks(
    material: Material, population: str, dimension: str, seed: int, protocol: Protocol
) -> dict[str, Any]:
    """Table 6 and Figure 4: columns for clip and class, the ratings of each second as features.

    SR-MTL's graph relates the clips of equal static label. The figure shows of each clip the column of its
    own class (the other is 0).

    Returns
    -------
    dict
        By method: training ``accuracy``, ``coef`` (clips x seconds), the weight, share of zeros, proofs.
    """
    X, clips, _ = complete(material.ratings[population, dimension])
    high = is_high_of(material.clips, dimension)
    data = Rows(X, indicator(clips, high))
    wrong = partial(misclassified, rule=protocol.rule)
    folds = group_folds(np.arange(len(X)), protocol.n_folds, stream(seed, "table 6", 0))
    record: dict[str, Any] = {"tasks": list(material.clips["clip"]), "methods": {}}
    for method in _methods(BASELINES, _classes(high)):
        model, result = _fitted(method, data, folds, wrong, protocol, standardise=False)
        result["accuracy"] = float((is_high(model.predict(X), protocol.rule) == high[clips]).mean())
        _own_class_only(result, high)
        record["methods"][method.name] = result
    return record


def descriptors_of_clips(
    material: Material, modality: str, dimension: str, seed: int, protocol: Protocol
) -> dict[str, Any]:
    """Figure 5: columns for clip and class, the descriptors of every second as rows.

    Returns
    -------
    dict
        By method: ``coef`` (clips x descriptors), the weight, share of zeros, proofs.
    """
    X = material.features[modality]
    high = is_high_of(material.clips, dimension)
    clips = np.repeat(np.arange(len(X)), X.shape[1])
    data = Rows(X.reshape(-1, X.shape[2]), indicator(clips, high))
    seconds = np.tile(np.arange(X.shape[1]), len(X))
    folds = [np.isin(seconds, block) for block in time_folds(np.arange(X.shape[1]), protocol.n_folds)]
    record: dict[str, Any] = {
        "tasks": list(material.clips["clip"]),
        "features": list(material.names[modality]),
        "methods": {},
    }
    for method in _methods(BASELINES[1:], _classes(high)):
        _, result = _fitted(method, data, folds, squared_error, protocol, standardise=True)
        _own_class_only(result, high)
        record["methods"][method.name] = result
    return record


def table_7(
    material: Material, modality: str, dimension: str, seed: int, protocol: Protocol
) -> dict[str, Any]:
    """Table 7: RMSE on the training set, of models of the experts' medians.

    Returns
    -------
    dict
        By method: training ``rmse``, ``coef`` (clips x descriptors), the weight, share of zeros, proofs.
    """
    everything = np.ones(material.features[modality].shape[1], dtype=bool)
    labels = material.ratings["expert", dimension].median
    data, seconds = rows_of(material.features[modality], labels, everything)
    blocks = time_folds(np.arange(len(everything)), protocol.n_folds)
    folds = [np.isin(seconds, block) for block in blocks]
    record: dict[str, Any] = {"methods": {}}
    for method in _methods(BASELINES):
        model, result = _fitted(method, data, folds, squared_error, protocol, standardise=True)
        result["rmse"] = float(np.sqrt(squared_error(model, data) / len(data.y)))
        record["methods"][method.name] = result
    return record
