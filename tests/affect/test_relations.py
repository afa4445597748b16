"""Section 5.2, each model once more by hand: which rows and labels, whose graph, and what is shown of W."""

import numpy as np
import pandas as pd
import pytest

from affect.material import Cube, Material
from affect.problems import Protocol
from affect.relations import BASELINES, clips_as_tasks, descriptors_of_clips, experts_as_tasks, table_7
from fista import L21MTL, SRMTL, DirtyMTL, RobustMTL, STLasso

PROTOCOL = Protocol(grid=(0.1, 1.0), n_folds=3)
QUADRANTS = ("HALV", "LAHV", "LALV", "HAHV")
HIGH = {"arousal": [True, False, False, True], "valence": [False, True, False, True]}
SECONDS, D = 50, 3


@pytest.fixture(scope="module")
def material():
    """Ratings tend to the static label, the experts' with less noise; descriptors explain the experts'."""
    rng = np.random.default_rng(0)
    names = np.array(["a", "b", "c", "d"])
    features = rng.standard_normal((4, SECONDS, D)) * [1.0, 2.0, 5.0] + 1.0
    ratings = {}
    for dimension, high in HIGH.items():
        level = np.where(high, 0.6, -0.6)[:, None] * np.linspace(0, 1, SECONDS) + 0.1 * features[..., 0]
        for population, n, noise in (("crowd", 6, 0.8), ("expert", 5, 0.1)):
            values = level[..., None] + noise * rng.standard_normal((4, SECONDS, n))
            values[2, :, 0] = np.nan  # clip c has one rater less
            raters = np.array([f"{population}{k}" for k in range(n)])
            ratings[population, dimension] = Cube(values, names, raters)
    clips = pd.DataFrame({"clip": names, "length": float(SECONDS), "quadrant": QUADRANTS})
    return Material(clips, ratings, {"audio": features}, {"audio": list("xyz")}, None, {})


def by_name(weight, graph):
    """The baselines at a weight; their other weights are 1."""
    return {
        "Lasso": STLasso(alpha=weight),
        "ℓ21 MTL": L21MTL(alpha=weight, beta=1.0),
        "Dirty MTL": DirtyMTL(rho1=weight, rho2=1.0),
        "Robust MTL": RobustMTL(rho1=weight, rho2=1.0),
        "SR MTL": SRMTL(alpha=weight, beta=1.0, gamma=1.0, graph=graph),
    }


def solved(name, result, X, y, graph="complete", tasks=None):
    """The estimator that the record is of: the same inputs give the same numbers, but for rounding."""
    model = by_name(result["weight"], graph)[name].set_params(tol=PROTOCOL.tol, max_iter=100_000)
    return model.fit(X, y) if tasks is None else model.fit(X, y, tasks=tasks)


def annotations(cube):
    """Rows of ratings, by clip and rater."""
    kept = [(t, r) for t in range(4) for r in range(cube.values.shape[2]) if not (t == 2 and r == 0)]
    return np.array([cube.values[t, :, r] for t, r in kept]), *np.array(kept).T


def label_matrix(clips, high):
    Y = np.zeros((len(clips), 8))
    for row, t in enumerate(clips):
        Y[row, 2 * t + high[t]] = 1.0
    return Y


def related(high):
    """Columns (clip t, class c) and (clip s, class d): of one class, of clips of equal label."""
    G = np.zeros((8, 8))
    for i in range(8):
        for j in range(8):
            same = i % 2 == j % 2 and high[i // 2] == high[j // 2]
            G[i, j] = float(same and i != j)
    return G


def assert_same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dimension", HIGH)
@pytest.mark.parametrize("population", ["crowd", "expert"])
def test_clips_as_tasks(material, population, dimension):
    high = HIGH[dimension]
    X, clips, _ = annotations(material.ratings[population, dimension])
    record = clips_as_tasks(material, population, dimension, 0, PROTOCOL)
    assert record["tasks"] == list("abcd")
    assert tuple(record["methods"]) == BASELINES
    for name, result in record["methods"].items():
        model = solved(name, result, X, label_matrix(clips, high), related(high))
        own = model.coef_[[2 * t + high[t] for t in range(4)]]
        assert_same(result["coef"], own)
        assert np.abs(own).max() > 0
        assert result["zeros"] == (own == 0).mean()
        scores = X @ model.coef_.T
        is_high = scores[:, 1::2].sum(axis=1) > scores[:, ::2].sum(axis=1)
        assert result["accuracy"] == (is_high == np.array(high)[clips]).mean()
        assert result["proof"]["converged"]


def test_the_graph_tells_the_methods_apart(material):
    """Another graph is another model: what the test above would see."""
    high = HIGH["arousal"]
    X, clips, _ = annotations(material.ratings["crowd", "arousal"])
    result = clips_as_tasks(material, "crowd", "arousal", 0, PROTOCOL)["methods"]["SR MTL"]
    own, others = (
        solved("SR MTL", result, X, label_matrix(clips, high), graph).coef_
        for graph in (related(high), related(HIGH["valence"]))
    )
    assert np.abs(own - others).max() > 1e-3 * np.abs(own).max()


@pytest.mark.parametrize("dimension", HIGH)
def test_descriptors_of_clips(material, dimension):
    high = HIGH[dimension]
    X = material.features["audio"].reshape(-1, D)
    Y = label_matrix(np.repeat(range(4), SECONDS), high)
    record = descriptors_of_clips(material, "audio", dimension, 0, PROTOCOL)
    assert record["features"] == list("xyz")
    assert tuple(record["methods"]) == BASELINES[1:]
    for name, result in record["methods"].items():
        model = solved(name, result, (X - X.mean(axis=0)) / X.std(axis=0), Y, related(high))
        assert_same(result["coef"], model.coef_[[2 * t + high[t] for t in range(4)]])


@pytest.mark.parametrize("dimension", HIGH)
def test_experts_as_tasks(material, dimension):
    X, clips, experts = annotations(material.ratings["expert", dimension])
    y = np.where(HIGH[dimension], 1.0, -1.0)[clips]
    record = experts_as_tasks(material, dimension, 0, PROTOCOL)
    assert record["tasks"] == [f"expert{k}" for k in range(5)]
    assert tuple(record["methods"]) == BASELINES[:4]
    for name, result in record["methods"].items():
        model = solved(name, result, X, y, tasks=experts)
        assert_same(result["coef"], model.coef_)
        # Ratings rise where the label is +1: more weight on them is more.
        assert np.sum(result["coef"]) > 0


def test_an_expert_of_one_clip_is_a_task_as_any(material):
    cube = material.ratings["expert", "arousal"]
    values = cube.values.copy()
    values[1:, :, 1] = np.nan
    ratings = {**material.ratings, ("expert", "arousal"): Cube(values, cube.clips, cube.raters)}
    sparse = Material(material.clips, ratings, material.features, material.names, None, {})
    record = experts_as_tasks(sparse, "arousal", 0, PROTOCOL)
    assert record["tasks"] == [f"expert{k}" for k in range(5)]
    assert all(len(result["coef"]) == 5 for result in record["methods"].values())


@pytest.mark.parametrize("dimension", HIGH)
def test_table_7_is_of_the_experts_medians(material, dimension):
    X = material.features["audio"].reshape(-1, D)
    y = np.nanmedian(material.ratings["expert", dimension].values, axis=-1).ravel()
    tasks = np.repeat(range(4), SECONDS)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    record = table_7(material, "audio", dimension, 0, PROTOCOL)
    assert tuple(record["methods"]) == BASELINES
    for name, result in record["methods"].items():
        model = solved(name, result, Z, y, tasks=tasks)
        errors = (Z * model.coef_[tasks]).sum(axis=1) - y
        assert result["rmse"] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-9)
        assert_same(result["coef"], model.coef_)


def test_table_7_keeps_a_clip_that_no_expert_rated(material):
    cube = material.ratings["expert", "arousal"]
    values = cube.values.copy()
    values[1] = np.nan
    ratings = {**material.ratings, ("expert", "arousal"): Cube(values, cube.clips, cube.raters)}
    sparse = Material(material.clips, ratings, material.features, material.names, None, {})
    record = table_7(sparse, "audio", "arousal", 0, PROTOCOL)
    for result in record["methods"].values():
        assert np.shape(result["coef"]) == (4, D)
        assert result["rmse"] < 1.0
