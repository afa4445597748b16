"""In the company of scikit-learn: pipelines, searches, routing, copies, frames."""

import io
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

import fista
from fista import EGMTL, L21MTL, MTLasso, STLasso
from tests.fista.explicit import EPS, NAMES, make

EVERY = pytest.mark.parametrize("name", NAMES)
BOTH = pytest.mark.parametrize("design", ["shared", "per task"])
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5)) * [1.0, 10.0, 0.1, 1.0, 3.0] + 2.0
W = np.array([[1.0, 1.0, 0.0], [0.2, 0.1, 0.0], [0.0] * 3, [0.0, 0.5, 0.5], [0.0] * 3])
Y = X @ W + RNG.normal(size=(40, 3))
TASKS = np.tile(np.array(["c", "a", "b"]), 14)[:40]
y = Y[np.arange(40), np.searchsorted(["a", "b", "c"], TASKS)]


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def model_of(name, **arguments):
    return getattr(fista, name)(fit_intercept=True, **arguments)


# -- predictions and scores ----------------------------------------------------------------------


@BOTH
@EVERY
def test_predictions_are_what_the_coefficients_say(name, design):
    model, X, y, data = make(name, design, fit_intercept=True)
    model.fit(X, y, **data)
    every = model.predict(X)
    assert every.shape == (len(X), 3)
    for n, t in np.ndindex(every.shape):
        loop = sum(float(X[n, d]) * float(model.coef_[t, d]) for d in range(4)) + float(model.intercept_[t])
        size = sum(abs(X[n, d] * model.coef_[t, d]) for d in range(4)) + abs(model.intercept_[t])
        assert abs(every[n, t] - loop) <= 2 * 6 * EPS * size  # two sums of five products
    if design == "per task":
        mine = model.predict(X, tasks=data["tasks"])
        position = [model.tasks_.tolist().index(label) for label in data["tasks"]]
        np.testing.assert_array_equal(mine, every[np.arange(len(X)), position])
        np.testing.assert_array_equal(model.predict(X[::-1], tasks=data["tasks"][::-1]), mine[::-1])


def test_score_of_one_task_is_r2():
    model = MTLasso().fit(X, Y[:, 0])
    assert model.score(X, Y[:, 0]) == r2_score(Y[:, 0], model.predict(X))
    u = np.arange(40.0)
    assert model.score(X, Y[:, 0], sample_weight=u) == pytest.approx(
        r2_score(Y[:, 0], model.predict(X), sample_weight=u),
        rel=1000 * EPS,  # sums of 40 terms, some in another order
    )


def by_definition(y, predicted, u):
    """1 - sum u (y - p)^2 / sum u (y - mean)^2."""
    mean = np.sum(u * y) / np.sum(u)
    return 1 - np.sum(u * (y - predicted) ** 2) / np.sum(u * (y - mean) ** 2)


def test_score_of_a_shared_model_leaves_missing_ratings_out():
    u = (RNG.random(Y.shape) < 0.7) * RNG.uniform(0.5, 2.0, size=Y.shape)
    targets = np.where(u > 0, Y, np.nan)
    model = L21MTL().fit(X, targets, sample_weight=u)
    predicted = model.predict(X)
    each = [by_definition(*(A[u[:, t] > 0, t] for A in (Y, predicted, u))) for t in range(3)]
    # r2 = 1 - a / b, b of the order of a or larger; sums of 40 terms, twice.
    assert model.score(X, targets, sample_weight=u) == pytest.approx(np.mean(each), abs=400 * EPS)
    # What stands in the place of a missing rating is of no account.
    assert model.score(X, np.where(u > 0, Y, 1e6), sample_weight=u) == model.score(
        X, targets, sample_weight=u
    )
    # A task without any rating is left out of the mean.
    u[:, 1] = 0.0
    targets = np.where(u > 0, Y, np.nan)
    assert model.score(X, targets, sample_weight=u) == pytest.approx(
        np.mean([each[0], each[2]]), abs=400 * EPS
    )


def test_score_of_a_per_task_model_leaves_missing_ratings_out():
    u = np.where(RNG.random(40) < 0.7, 1.0, 0.0)
    targets = np.where(u > 0, y, np.nan)
    model = L21MTL().fit(X, targets, tasks=TASKS, sample_weight=u)
    rated = u > 0
    expected = by_definition(y[rated], model.predict(X, tasks=TASKS)[rated], u[rated])
    assert model.score(X, targets, tasks=TASKS, sample_weight=u) == pytest.approx(expected, abs=400 * EPS)


# -- copies --------------------------------------------------------------------------------------


@BOTH
@EVERY
def test_copies_predict_the_same(name, design):
    model, X, y, data = make(name, design, fit_intercept=True)
    model.fit(X, y, **data)
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    for other in (pickle.loads(pickle.dumps(model)), joblib.load(buffer)):
        np.testing.assert_array_equal(other.predict(X), model.predict(X))
        np.testing.assert_array_equal(other.tasks_, model.tasks_)
        assert str(other.certificate_) == str(model.certificate_)
        for key, theta in model.certificate_.dual_point.items():
            np.testing.assert_array_equal(other.certificate_.dual_point[key], theta)
        if design == "per task":
            given = {"tasks": data["tasks"]}
            np.testing.assert_array_equal(other.predict(X, **given), model.predict(X, **given))


@EVERY
def test_clone_takes_the_settings_only(name):
    model, X, y, data = make(name, "shared", fit_intercept=True, task_labels=[0, 1, 2])
    other = clone(model.fit(X, y, **data))
    assert not hasattr(other, "coef_")
    assert {k: str(v) for k, v in other.get_params().items()} == {
        k: str(v) for k, v in model.get_params().items()
    }
    np.testing.assert_array_equal(other.fit(X, y, **data).coef_, model.coef_)


@BOTH
@EVERY
def test_new_settings_take_effect_at_the_next_fit(name, design):
    model, X, y, data = make(name, design)
    model.fit(X, y, **data)
    settings = {k: v for k, v in model.get_params().items() if k not in ("task_labels", "warm_start")}
    new = {k: 3 * v for k, v in settings.items() if type(v) is float}
    new |= {"fit_intercept": True, **({"graph": "chain"} if "graph" in settings else {})}
    for key, value in new.items():
        model.set_params(**{key: value}).fit(X, y, **data)
        fresh = clone(model).fit(X, y, **data)
        np.testing.assert_array_equal(model.coef_, fresh.coef_)
        np.testing.assert_array_equal(model.intercept_, fresh.intercept_)
        assert str(model.certificate_) == str(fresh.certificate_)


# -- pipelines and searches ----------------------------------------------------------------------


@EVERY
def test_in_a_pipeline(name):
    pipeline = make_pipeline(StandardScaler(), model_of(name)).fit(X, Y)
    scaled = StandardScaler().fit_transform(X)
    alone = model_of(name).fit(scaled, Y)
    np.testing.assert_array_equal(pipeline.predict(X), alone.predict(scaled))
    assert pipeline.score(X, Y) == alone.score(scaled, Y)
    assert pipeline[-1].certificate_.converged


@EVERY
def test_sparse_in_a_pipeline(name):
    A = sp.csr_array(X * (RNG.random(X.shape) < 0.5))
    pipeline = make_pipeline(MaxAbsScaler(), model_of(name, tol=1e-10)).fit(A, Y)
    dense = make_pipeline(MaxAbsScaler(), model_of(name, tol=1e-10)).fit(A.toarray(), Y)
    assert pipeline[-1].certificate_.converged
    assert pipeline.predict(A).shape == (40, 3)
    # Centred predictions are M w but for the factor of the rows (2; 1 for the crowd of EG-MTL).
    proofs = [p[-1].certificate_ for p in (pipeline, dense)]
    distance = sum(np.sqrt(2 * (c.gap + c.rounding)) for c in proofs)
    moved = pipeline.predict(A) - dense.predict(A.toarray())
    factor = 1.0 if name == "EGMTL" else 2.0
    rounding = 100 * EPS * np.abs(Y).sum()  # of predictions, sums of 5 products that add up to about Y
    assert np.sqrt(factor) * np.linalg.norm(moved - moved.mean(axis=0)) <= distance + rounding


@EVERY
def test_grid_search_over_a_pipeline(name):
    weights = {
        "DirtyMTL": ["rho1", "rho2"],
        "RobustMTL": ["rho1", "rho2"],
        "SRMTL": ["beta"],
        "EGMTL": ["lam3"],
    }
    pipeline = Pipeline([("scale", StandardScaler()), ("model", model_of(name))])
    grid = {f"model__{weight}": [0.1, 1e5] for weight in weights.get(name, ["alpha"])}
    search = GridSearchCV(pipeline, grid, cv=KFold(4), error_score="raise").fit(X, Y)
    assert min(search.best_params_.values()) == 0.1  # at 1e5 all coefficients are 0
    assert search.best_estimator_["model"].certificate_.converged
    # The score of a fold is the score of a fit without it.
    train, test = next(KFold(4).split(X))
    by_hand = clone(pipeline).set_params(**search.best_params_).fit(X[train], Y[train])
    assert search.cv_results_["split0_test_score"][search.best_index_] == by_hand.score(X[test], Y[test])
    assert search.predict(X).shape == (40, 3)


@EVERY
def test_cross_val_predict(name):
    predicted = cross_val_predict(model_of(name), X, Y, cv=KFold(4))
    train, test = next(KFold(4).split(X))
    np.testing.assert_array_equal(predicted[test], model_of(name).fit(X[train], Y[train]).predict(X[test]))


@pytest.mark.usefixtures("routing")
@EVERY
def test_tasks_are_routed_through_cross_validation(name):
    u = RNG.uniform(0.5, 2.0, size=40)
    model = model_of(name, task_labels=["a", "b", "c"])
    model.set_fit_request(tasks=True, sample_weight=True).set_score_request(tasks=True, sample_weight=True)
    data = {"tasks": TASKS, "sample_weight": u}
    found = cross_validate(
        model,
        X,
        y,
        cv=KFold(4),
        params=data,
        return_estimator=True,
        return_train_score=True,
        error_score="raise",
    )
    for k, (train, test) in enumerate(KFold(4).split(X)):
        alone = clone(model).fit(X[train], y[train], tasks=TASKS[train], sample_weight=u[train])
        np.testing.assert_array_equal(found["estimator"][k].coef_, alone.coef_)
        score = alone.score(X[test], y[test], tasks=TASKS[test], sample_weight=u[test])
        assert found["test_score"][k] == score
    search = GridSearchCV(model, {"tol": [1e-3, 1e-6]}, cv=KFold(3), error_score="raise").fit(X, y, **data)
    assert search.best_estimator_.tasks_.tolist() == ["a", "b", "c"]


@pytest.mark.usefixtures("routing")
def test_a_fold_that_lacks_a_task_keeps_its_place():
    """Without `task_labels` the task that is held out would be unknown."""
    groups = TASKS == "b"
    model = EGMTL(task_labels=["a", "b", "c"]).set_fit_request(tasks=True).set_score_request(tasks=True)
    cv = [(np.flatnonzero(~groups), np.flatnonzero(groups))]
    found = cross_validate(
        model, X, y, cv=cv, params={"tasks": TASKS}, return_estimator=True, error_score="raise"
    )
    assert found["estimator"][0].coef_.shape == (3, 5)
    assert np.isfinite(found["test_score"]).all()
    with pytest.raises(ValueError, match="tasks: found the unknown"):
        cross_val_score(
            model.set_params(task_labels=None), X, y, cv=cv, params={"tasks": TASKS}, error_score="raise"
        )


@pytest.mark.usefixtures("routing")
def test_tasks_that_were_not_requested_are_an_error():
    with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="tasks"):
        cross_validate(STLasso(), X, y, params={"tasks": TASKS})


@pytest.mark.usefixtures("routing")
def test_tasks_are_routed_through_a_pipeline():
    model = (
        STLasso().set_fit_request(tasks=True).set_score_request(tasks=True).set_predict_request(tasks=True)
    )
    pipeline = make_pipeline(StandardScaler(), model).fit(X, y, tasks=TASKS)
    scaled = StandardScaler().fit_transform(X)
    alone = STLasso().fit(scaled, y, tasks=TASKS)
    np.testing.assert_array_equal(pipeline.predict(X, tasks=TASKS), alone.predict(scaled, tasks=TASKS))
    assert pipeline.score(X, y, tasks=TASKS) == alone.score(scaled, y, tasks=TASKS)
    assert np.isfinite(cross_val_score(pipeline, X, y, params={"tasks": TASKS}, error_score="raise")).all()


@pytest.mark.usefixtures("routing")
@BOTH
def test_the_mask_of_experts_is_routed_through_a_search(design):
    expert = np.arange(40) % 4 == 0
    model = EGMTL(fit_intercept=True, task_labels=None if design == "shared" else ["a", "b", "c"])
    model.set_fit_request(expert=True, tasks=design == "per task")
    model.set_score_request(tasks=design == "per task")
    targets, data = (Y, {"expert": expert}) if design == "shared" else (y, {"expert": expert, "tasks": TASKS})
    labels = {} if design == "shared" else {"tasks": TASKS}
    pipeline = Pipeline([("scale", StandardScaler()), ("model", model)])
    grid = {"model__lam1": [0.01, 100.0]}
    search = GridSearchCV(pipeline, grid, cv=KFold(4), error_score="raise").fit(X, targets, **data)
    for k, lam1 in enumerate(grid["model__lam1"]):
        for fold, (train, test) in enumerate(KFold(4).split(X)):
            scale = StandardScaler().fit(X[train])
            e, A = expert[train], scale.transform(X[train])
            crowd = {key: value[train][~e] for key, value in labels.items()}
            theirs = {f"{key}_expert": value[train][e] for key, value in labels.items()}
            alone = EGMTL(lam1=lam1, fit_intercept=True, task_labels=model.task_labels)
            alone.fit(A[~e], targets[train][~e], X_expert=A[e], y_expert=targets[train][e], **crowd, **theirs)
            score = alone.score(
                scale.transform(X[test]), targets[test], **{k: v[test] for k, v in labels.items()}
            )
            # The same blocks of rows in the same order.
            assert search.cv_results_[f"split{fold}_test_score"][k] == score
    assert search.best_estimator_["model"].certificate_.converged


# -- frames --------------------------------------------------------------------------------------


@EVERY
def test_frames(name):
    frame = pd.DataFrame(X, columns=list("vwxyz"), index=np.arange(40)[::-1])
    targets = pd.DataFrame(Y, columns=["calm", "tense", "sad"], index=frame.index)
    weights = pd.Series(np.linspace(0.5, 1.5, 40), index=frame.index)
    model = model_of(name, tol=1e-10).fit(frame, targets, sample_weight=weights)
    plain = model_of(name, tol=1e-10).fit(X, Y, sample_weight=weights.to_numpy())
    # A frame is stored by columns, so sums may round differently: the points are apart by their gaps,
    # ||M (w1 - w2)|| <= sqrt(2 gap_1) + sqrt(2 gap_2), where M w are centred, weighted predictions times the
    # root of 2 (1 for EG-MTL).
    distance = sum(np.sqrt(2 * (m.dual_gap_ + m.certificate_.rounding)) for m in (model, plain))
    moved = (model.predict(frame) - plain.predict(X)) * np.sqrt(weights.to_numpy())[:, None]
    root = np.sqrt(weights.to_numpy() / weights.sum())[:, None]
    moved = moved - root * (root * moved).sum(axis=0)
    factor = 1.0 if name == "EGMTL" else 2.0
    assert np.sqrt(factor) * np.linalg.norm(moved) <= distance + 100 * EPS * np.abs(Y).sum()
    assert model.feature_names_in_.tolist() == list("vwxyz")
    assert not hasattr(plain, "feature_names_in_")
    assert isinstance(model.predict(frame), np.ndarray)
    assert model.score(frame, targets, sample_weight=weights) == model.score(
        frame, targets.to_numpy(), sample_weight=weights
    )
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[list("zyxwv")])


@pytest.mark.parametrize("dtype", ["category", "string", "object", "str"])
def test_labels_in_a_series(dtype):
    labels = pd.Series(TASKS, dtype=dtype, index=np.arange(40)[::-1])
    model = STLasso().fit(X, pd.Series(y), tasks=labels)
    plain = STLasso().fit(X, y, tasks=TASKS)
    assert model.tasks_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(model.coef_, plain.coef_)
    np.testing.assert_array_equal(model.predict(X, tasks=labels), plain.predict(X, tasks=TASKS))


def test_integer_labels_in_a_series():
    labels = pd.Series(np.arange(40) % 3 - 1, dtype="Int64")
    assert STLasso().fit(X, y, tasks=labels).tasks_.tolist() == [-1, 0, 1]
    missing = labels.copy()
    missing[3] = pd.NA
    with pytest.raises(TypeError, match="tasks: found the label"):
        STLasso().fit(X, y, tasks=missing)


def test_kinds_of_pandas_that_numpy_has_not():
    """Targets with <NA> at weight 0, a mask of objects."""
    missing = np.arange(40) % 7 == 0
    ratings = pd.Series(np.where(missing, np.nan, y)).astype("Float64")
    assert ratings.isna().any()
    weights = pd.Series(~missing, dtype="Int64")
    model = STLasso().fit(X, ratings, sample_weight=weights)
    plain = STLasso().fit(X, np.where(missing, np.nan, y), sample_weight=(~missing).astype(float))
    np.testing.assert_array_equal(model.coef_, plain.coef_)
    with pytest.raises(ValueError, match="y: found NaN where sample_weight is not 0"):
        STLasso().fit(X, ratings)
    mask = pd.Series(missing).astype(object)
    np.testing.assert_array_equal(
        EGMTL().fit(X, y, expert=mask).coef_, EGMTL().fit(X, y, expert=missing).coef_
    )


def test_pandas_output_of_a_transformer():
    pipeline = make_pipeline(StandardScaler(), MTLasso()).set_output(transform="pandas")
    pipeline.fit(pd.DataFrame(X, columns=list("vwxyz")), Y)
    assert pipeline[-1].feature_names_in_.tolist() == list("vwxyz")


def test_warnings_reach_the_caller_of_a_pipeline():
    with pytest.warns(ConvergenceWarning, match="STLasso stopped at max_iter=2"):
        make_pipeline(StandardScaler(), STLasso(max_iter=2)).fit(X, Y)
