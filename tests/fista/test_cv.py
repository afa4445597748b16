"""Cross-validation of the weights: what a search over plain fits finds, from one pass over the data."""

import pickle
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    RepeatedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import fista
from fista import EGMTL, L21MTL, MTLasso, MultiTaskClassifier, MultiTaskRegressor, PathCV, STLasso
from fista.certificate import _summed_statistics
from fista.cv import _choice, _folds, _kinds, _prepare
from fista.moments import MomentLoss
from fista.penalties import Box, RowL21
from fista.solver import minimize
from tests.fista.explicit import EPS, NAMES, WEIGHTS
from verification import certify

RNG = np.random.default_rng(3)
N, D = 48, 5
X = RNG.standard_normal((N, D)) + 0.5
Y = (
    X @ (RNG.standard_normal((D, 3)) * (RNG.random((D, 3)) < 0.6))
    + RNG.standard_normal((N, 3))
    + [3.0, 0.0, -5.0]
)
TASKS = np.array(list("abc"))[RNG.permutation(np.arange(N) % 3)]
EXPERT = RNG.permutation(np.arange(N) % 4 == 0)
BOTH = pytest.mark.parametrize("design", ["shared", "per task"])
EVERY = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def model_of(name, **settings):
    return getattr(fista, name)(**{**WEIGHTS[name], "tol": 1e-12, "max_iter": 100_000, **settings})


def data_of(name, design, *, weighted=True):
    """Targets and the other arguments of fit: weights, a missing rating, experts for EGMTL."""
    rng = np.random.default_rng(4)
    targets, data = (Y.copy(), {}) if design == "shared" else (Y[:, 0].copy(), {"tasks": TASKS})
    if weighted:
        u = rng.uniform(0.5, 2.0, size=targets.shape)
        u[(7, 1) if design == "shared" else 7] = 0.0
        data["sample_weight"] = u
        targets[u == 0] = np.nan
    if name == "EGMTL":
        data["expert"] = EXPERT
    return targets, data


@BOTH
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.usefixtures("routing")
@EVERY
def test_the_search_over_plain_fits_finds_the_same(name, design, fit_intercept):
    targets, data = data_of(name, design)
    model = model_of(
        name, fit_intercept=fit_intercept, task_labels=None if design == "shared" else list("abc")
    )
    cv = KFold(3, shuffle=True, random_state=0)
    found = PathCV(model, alphas=5, eps=1e-2, cv=cv, scoring="r2").fit(X, targets, **data)
    model.set_fit_request(**dict.fromkeys(data, True)).set_score_request(
        **{key: True for key in data if key != "expert"}
    )
    scores = np.empty((5, 3))
    for j, alpha in enumerate(found.alphas_):
        plain = clone(model).set_params(**times(model, alpha))
        for k, (train, test) in enumerate(cv.split(X)):
            part = {key: value[train] for key, value in data.items()}
            plain.fit(X[train], targets[train], **part)
            held = {key: value[test] for key, value in data.items() if key != "expert"}
            scores[j, k] = plain.score(X[test], targets[test], **held)
            mse, slack, r2_slack = by_definition(plain, found.certificates_[j, k], train, test, targets, data)
            assert abs(found.mse_path_[j, k] - mse) <= slack
            assert abs(found.score_path_[j, k] - scores[j, k]) <= r2_slack
            assert slack <= 1e-3 * mse  # so that this says something
            assert found.certificates_[j, k].converged
    # A search by these scores.
    means = scores.mean(axis=1)
    if len(model._sparsity) == 1:  # the two weights of Dirty and Robust in their ratio are no grid
        search = GridSearchCV(model, grid_of(model, found.alphas_), cv=cv, error_score="raise")
        search.fit(X, targets, **data)
        np.testing.assert_allclose(search.cv_results_["mean_test_score"], means, rtol=0, atol=100 * EPS)
        for key, value in times(model, found.alpha_).items():
            np.testing.assert_array_equal(search.best_params_[key], value)
    assert found.alphas_[np.argmax(means)] == found.alpha_
    # The model of all rows is that of a plain fit.
    alone = clone(model).set_params(**times(model, found.alpha_)).fit(X, targets, **data)
    np.testing.assert_array_equal(found.coef_, alone.coef_)
    np.testing.assert_array_equal(found.intercept_, alone.intercept_)
    assert str(found.certificate_) == str(alone.certificate_)


def times(model, alpha):
    return {key: alpha * np.asarray(WEIGHTS[type(model).__name__][key]) for key in model._sparsity}


def grid_of(model, alphas):
    (key,) = model._sparsity
    return {key: [times(model, alpha)[key] for alpha in alphas]}


def by_definition(plain, other, train, test, targets, data):
    """The mean squared error of a plain fit, and how far that and R^2 may be from those of another fit.

    F is 1-strongly convex in M w, M being the weighted and centred rows of the fit, so two fits are within
    e = sqrt(2 gap_1) + sqrt(2 gap_2) of each other there, and coefficients within e / sqrt(mu) where
    M'M >= mu I. The intercept is mean(y) - mean(x) w: a prediction at x moves by at most
    max ||x - mean|| e / sqrt(mu) =: d, and a mean of squares s by at most 2 d sqrt(s) + d^2 (Cauchy and
    Schwarz). Summed from moments, s has an error of at most gamma_4n times the mean of
    (|y| + |x| |w| + |c|)^2, y and x less their means over all rows or not.
    """
    predicted = plain.predict(X[test], **({"tasks": TASKS[test]} if "tasks" in data else {}))
    u = data["sample_weight"][test]
    y = np.where(u > 0, targets[test], 0.0)
    squares = u * (y - predicted) ** 2
    each = squares.sum(axis=0) / u.sum(axis=0)
    factors = (
        np.where(data["expert"][train], 2 * plain.lam1, 1.0) if "expert" in data else np.full(len(train), 2.0)
    )
    least, reach = np.inf, 0.0
    for t in range(3):
        if "tasks" in data:
            omega = factors * data["sample_weight"][train] * (TASKS[train] == "abc"[t])
        else:
            omega = factors * data["sample_weight"][train][:, t]
        mean = omega @ X[train] / omega.sum() if plain.fit_intercept else np.zeros(D)
        M = np.sqrt(omega)[:, None] * (X[train] - mean)
        least = min(least, np.linalg.eigvalsh(M.T @ M)[0])
        reach = max(reach, np.linalg.norm(X[test] - mean, axis=1).max())
    e = sum(np.sqrt(2 * (c.gap + c.rounding)) for c in (plain.certificate_, other))
    d = reach * e / np.sqrt(least)
    sizes = np.abs(X[test]) @ np.abs(plain.coef_.T) + np.abs(plain.intercept_)
    sizes = (np.abs(y).max() + sizes.max()) ** 2
    slack = np.atleast_1d(2 * d * np.sqrt(each) + d**2 + 4 * (N + D + 10) * EPS * sizes)
    spread = np.atleast_1d((u * (y - (u * y).sum(axis=0) / u.sum(axis=0)) ** 2).sum(axis=0) / u.sum(axis=0))
    return np.mean(each), np.mean(slack), np.mean(slack / spread) + 100 * N * EPS


@pytest.mark.parametrize("n_folds", [1, 3, 80])
def test_rows_are_told_apart_by_the_folds_they_are_in(n_folds):
    """80 columns of three values each have more combinations than numbers of 64 bits."""
    rng = np.random.default_rng(n_folds)
    uses = rng.integers(0, 3, size=(7, n_folds))[rng.integers(0, 7, size=60)]
    kinds, kind_of = _kinds(uses)
    assert np.array_equal(kinds[kind_of], uses)
    assert len(kinds) == len({tuple(row) for row in uses.tolist()})


def test_without_weights_the_errors_are_those_of_scikit_learn():
    model = MTLasso(1.0, 0.1, tol=1e-12)
    found = PathCV(model, alphas=[30.0, 3.0, 0.3], cv=KFold(4)).fit(X, Y)
    search = GridSearchCV(
        model, {"alpha": found.alphas_.tolist()}, cv=KFold(4), scoring="neg_mean_squared_error"
    ).fit(X, Y)
    mse = -np.array([search.cv_results_[f"split{k}_test_score"] for k in range(4)]).T
    # The argument of `by_definition`, at gaps of 1e-12 F(0): errors of coefficients of 1e-6 sqrt(F(0) / mu).
    np.testing.assert_allclose(found.mse_path_, mse, rtol=1e-4)
    assert found.alpha_ == search.best_params_["alpha"]


# -- the statistics of folds -----------------------------------------------------------------------


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize(
    "cv",
    [KFold(3), KFold(5, shuffle=True, random_state=1), ShuffleSplit(3, random_state=1), TimeSeriesSplit(3),
     RepeatedKFold(n_splits=3, n_repeats=2, random_state=1), LeaveOneOut()],
    ids=lambda cv: type(cv).__name__,
)  # fmt: skip
def test_sums_of_folds_are_those_of_their_rows(cv, fit_intercept):
    model = EGMTL(fit_intercept=fit_intercept)
    read = model._read(X, Y)
    folds = _folds(cv, read.crowd, Y, None, EXPERT)
    _, prepared = _prepare(model, read, EXPERT, folds)
    for prepare, (train, _) in list(zip(prepared, folds, strict=True))[:6]:
        problem, means, _ = prepare()
        assert isinstance(problem.loss, MomentLoss)
        plain, plain_means = model._centred_problem(model._read(X[train], Y[train], expert=EXPERT[train]))
        # Both are sums of rows with errors of at most gamma times the norms of the columns (`fista.moments`).
        gamma = (problem.loss.n_terms + plain.loss.n_terms) * EPS * 4
        sizes = problem.loss.column_norms[:, 0]
        assert np.all(np.abs(problem.loss.gram - plain.loss.gram) <= gamma * np.outer(sizes, sizes) + 1e-300)
        assert np.all(
            np.abs(problem.loss.linear - plain.loss.linear)
            <= gamma * np.outer(sizes, problem.loss.target_norms)
        )
        assert np.all(np.abs(problem.loss.energy - plain.loss.energy) <= gamma * problem.loss.target_norms**2)
        np.testing.assert_allclose(means.targets, plain_means.targets, rtol=0, atol=gamma * np.abs(Y).max())


@BOTH
@EVERY
def test_a_proof_from_statistics_holds_of_the_rows(name, design):
    """Its bracket contains a better one of the same coefficients, computed from the rows."""
    targets, data = data_of(name, design)
    model = model_of(name, fit_intercept=True)
    read = model._read(1e3 + X, targets, data.get("tasks"), data["sample_weight"])
    folds = _folds(KFold(3), read.crowd, targets, None, data.get("expert"))
    _, prepared = _prepare(model, read, data.get("expert"), folds)
    for prepare, (train, _) in zip(prepared, folds, strict=True):
        problem = prepare().problem
        for tol in (1e-2, 1e-8):
            state, proof = minimize(problem, tol=tol, max_iter=10_000)
            assert proof.form == "statistics"
            assert proof.dual_point == {}
            part = {key: value[train] for key, value in data.items()}
            W = state.W if problem.penalty.n_parts == 1 else dict(zip("PQ", state.W, strict=True))
            sharp = clone(model).set_params(tol=1e-13)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                sharp.fit(1e3 + X[train], targets[train], **part)
            best = sharp.certificate_
            assert proof.primal + proof.rounding >= best.dual - best.rounding
            assert proof.dual - proof.rounding <= best.primal + best.rounding
            claim = certify(W, 1e3 + X[train], targets[train], objective=model, **part)
            assert abs(claim.primal - proof.primal) <= proof.rounding + claim.rounding


def test_the_gradient_from_statistics_is_within_its_bound():
    """Against extended precision, far from 0, where rounding is more than nothing."""
    far, W = X + 1e3, RNG.standard_normal((D, 3))
    model = MTLasso()
    read = model._read(far, Y)
    folds = _folds(3, read.crowd, Y, None, None)
    train = folds[0][0]
    problem = _prepare(model, read, None, folds)[1][0]().problem
    _, energy, G, E = _summed_statistics(problem, W)
    long = far[train].astype(np.longdouble)
    R = Y[train] - long @ W
    assert np.all(np.abs(G - 2 * long.T @ R) <= E)
    assert np.all(1e-9 * np.abs(G).max() >= E)
    size = problem.loss.target_norms + (problem.loss.column_norms * np.abs(W)).sum(axis=0)
    gamma = problem.loss.n_terms * EPS
    assert np.abs(np.sum(energy) - 2 * (R**2).sum()) <= gamma * np.square(size).sum()


def test_one_pass_serves_wide_data_too():
    """More features than a Gram matrix is worth: the folds are fitted from their rows."""
    wide = RNG.standard_normal((20, 300))
    found = PathCV(L21MTL(beta=0.0), alphas=4, eps=0.1, cv=2).fit(wide, Y[:20])
    assert {c.form for c in found.certificates_.ravel()} == {"rows"}
    assert all(c.converged for c in found.certificates_.ravel())
    small = PathCV(L21MTL(beta=0.0), alphas=4, eps=0.1, cv=2).fit(X, Y)
    assert {c.form for c in small.certificates_.ravel()} == {"statistics"}
    assert small.certificate_.form == "rows"


def test_any_penalty_and_huber():
    found = PathCV(MultiTaskRegressor(RowL21(2.0), loss="huber"), alphas=4, cv=3).fit(X, Y)
    assert found.estimator_.penalty.factor == found.alpha_
    assert found.certificate_.converged
    default = PathCV(MultiTaskRegressor(), alphas=4, cv=3).fit(X, Y)
    plain = PathCV(MTLasso(1.0, 0.0), alphas=4, cv=3).fit(X, Y)
    np.testing.assert_array_equal(default.mse_path_, plain.mse_path_)


# -- conventions -----------------------------------------------------------------------------------


def test_errors_from_moments_are_those_of_the_rows():
    """Rounding is all that sets them apart, even of data far from 0."""
    rng = np.random.default_rng(5)
    for fit_intercept in (False, True):
        model = MTLasso(fit_intercept=fit_intercept)
        read = model._read(X + 10.0, Y, None, rng.uniform(0.5, 2.0, size=(N, 3)))
        folds = _folds(3, read.crowd, Y, None, None)
        for prepare, (_, test) in zip(_prepare(model, read, None, folds)[1], folds, strict=True):
            _, _, squares = prepare()
            rows = read.crowd.take(test).rows(1.0, 3)
            W, c = rng.standard_normal((D, 3)), rng.standard_normal(3)
            direct = rows.energy(rows.residual(W, c))
            sizes = np.abs(X + 10.0).max(axis=0) @ np.abs(W) + np.abs(c) + np.abs(Y).max()
            gamma = 4 * (N + D + 10) * EPS
            assert np.all(np.abs(squares(W, c) - direct) <= gamma * rows.weight_sums() * (2 * sizes) ** 2)


@parametrize_with_checks([PathCV(MTLasso(), alphas=3), PathCV(EGMTL(fit_intercept=True), alphas=3)])
def test_check_estimator(estimator, check):
    check(estimator)


def test_the_standard_error_is_that_of_a_mean():
    """Of 0 and 2: the deviation (over n - 1) is sqrt(2), of the mean 1; so 1.9 is within, 2.1 beyond."""
    errors = np.array([[2.1, 2.1], [1.9, 1.9], [0.0, 2.0], [1.5, 1.5]])
    assert _choice(errors, one_standard_error=True) == 1
    assert _choice(errors, one_standard_error=False) == 2


def test_the_standard_error_rule_is_its_definition():
    plain = PathCV(MTLasso(1.0, 0.0), alphas=30, cv=6).fit(X, Y)
    cautious = PathCV(MTLasso(1.0, 0.0), alphas=30, cv=6, one_standard_error=True).fit(X, Y)
    np.testing.assert_array_equal(plain.mse_path_, cautious.mse_path_)
    means = [sum(row) / 6 for row in plain.mse_path_]
    best = min(range(30), key=lambda j: means[j])
    deviation = sum((e - means[best]) ** 2 for e in plain.mse_path_[best]) / 5
    limit = means[best] + (deviation / 6) ** 0.5
    assert plain.alpha_ == plain.alphas_[best]
    assert cautious.alpha_ == max(a for a, m in zip(plain.alphas_, means, strict=True) if m <= limit)
    assert cautious.alpha_ > plain.alpha_


def test_the_grid_starts_where_all_is_zero():
    model = PathCV(EGMTL(lam3=2.0), alphas=5, eps=1e-2, cv=3).fit(X, Y)
    largest = EGMTL(lam3=2.0).lambda_max(X, Y)
    # Moments and rows are summed in another order.
    np.testing.assert_allclose(model.alphas_, largest * np.geomspace(1, 1e-2, 5), rtol=1000 * EPS)
    given = PathCV(EGMTL(), alphas=[0.1, 5.0, 1.0], cv=3).fit(X, Y)
    assert given.alphas_.tolist() == [5.0, 1.0, 0.1]


def test_folds_keep_groups_and_share_out_tasks_and_experts():
    clips = np.arange(N) // 4
    crowd = EGMTL()._read(X, Y[:, 0], TASKS).crowd
    for train, test in _folds(2, crowd, Y[:, 0], clips, EXPERT):
        assert not set(clips[train]) & set(clips[test])
    for train, test in _folds(2, crowd, Y[:, 0], None, EXPERT):
        for rows in (TASKS == "a", TASKS == "b", EXPERT):
            assert abs(rows[test].sum() - rows.sum() / 2) <= 1.5  # half a row of each of at most 3 strata
        assert len(train) + len(test) == N
    plain = EGMTL()._read(X, Y).crowd
    for one, other in zip(_folds(None, plain, Y, None, None), KFold(5).split(X), strict=True):
        np.testing.assert_array_equal(one[1], other[1])
    for one, other in zip(
        _folds(3, plain, Y, clips, None), GroupKFold(3).split(X, groups=clips), strict=True
    ):
        np.testing.assert_array_equal(one[1], other[1])


def test_a_fold_without_a_task_keeps_its_place():
    held = TASKS == "b"
    cv = [(np.flatnonzero(~held), np.flatnonzero(held)), (np.flatnonzero(held), np.flatnonzero(~held))]
    found = PathCV(EGMTL(lam2=0.3), alphas=3, cv=cv).fit(X, Y[:, 0], tasks=TASKS)
    assert found.tasks_.tolist() == ["a", "b", "c"]
    assert np.isfinite(found.mse_path_).all()
    alone = EGMTL(lam2=0.3, lam3=found.alphas_[1], task_labels=list("abc"))
    alone.fit(X[~held], Y[~held, 0], tasks=TASKS[~held])
    mse = np.mean((Y[held, 0] - alone.predict(X[held], tasks=TASKS[held])) ** 2)
    assert found.mse_path_[1, 0] == pytest.approx(mse, rel=1e-2)  # both at the default tol


def test_fits_that_are_not_certified_are_counted():
    with pytest.warns(ConvergenceWarning) as caught:
        model = PathCV(MTLasso(1.0, 0.0, max_iter=2), alphas=4, cv=3).fit(X, Y)
    missed = sum(not c.converged for c in model.certificates_.ravel())
    assert 0 < missed < 12
    assert any(f"{missed} of 12 fits were not certified" in str(w.message) for w in caught)


def test_copies_and_jobs():
    model = PathCV(STLasso([1.0, 2.0, 0.5]), alphas=5, cv=3)
    alone = clone(model).fit(X, Y)
    two = clone(model).set_params(n_jobs=2).fit(X, Y)
    np.testing.assert_array_equal(alone.mse_path_, two.mse_path_)
    copy = pickle.loads(pickle.dumps(alone))
    np.testing.assert_array_equal(copy.predict(X), alone.predict(X))
    assert str(copy.certificates_[2, 1]) == str(alone.certificates_[2, 1])
    assert not hasattr(clone(alone), "alpha_")
    assert clone(model).set_params(estimator__tol=1e-3).estimator.tol == 1e-3
    assert alone.score(X, Y) == alone.estimator_.score(X, Y)


def test_frames_and_sparse_matrices():
    frame = pd.DataFrame(X, columns=list("vwxyz"))
    model = PathCV(MTLasso(), alphas=3).fit(frame, pd.DataFrame(Y))
    assert model.feature_names_in_.tolist() == list("vwxyz")
    A = np.where(RNG.random(X.shape) < 0.5, X, 0.0)
    for fit_intercept in (False, True):
        plain = MTLasso(fit_intercept=fit_intercept, tol=1e-12)
        one = PathCV(plain, alphas=4).fit(sp.csr_array(A), Y)
        other = PathCV(plain, alphas=4).fit(A, Y)
        np.testing.assert_allclose(one.mse_path_, other.mse_path_, rtol=1e-4)  # as above, at gaps of 1e-12
        assert one.alpha_ == pytest.approx(other.alpha_)


@pytest.mark.usefixtures("routing")
def test_labels_are_routed_through_a_pipeline():
    model = PathCV(EGMTL(), alphas=3).set_fit_request(groups=True, expert=True)
    clips = np.arange(N) // 4
    pipeline = make_pipeline(StandardScaler(), model).fit(X, Y, groups=clips, expert=EXPERT)
    alone = PathCV(EGMTL(), alphas=3).fit(StandardScaler().fit_transform(X), Y, groups=clips, expert=EXPERT)
    np.testing.assert_array_equal(pipeline[-1].mse_path_, alone.mse_path_)


@pytest.mark.parametrize(
    ("settings", "data", "error", "message"),
    [
        ({"estimator": 3}, {}, TypeError, "estimator"),
        ({"estimator": MultiTaskClassifier()}, {}, TypeError, "found MultiTaskClassifier; expected a regr"),
        ({"scoring": "mae"}, {}, ValueError, "scoring: found 'mae'; expected"),
        ({"alphas": 0}, {}, ValueError, "alphas: found 0"),
        ({"alphas": [1.0, -1.0]}, {}, ValueError, "alphas: found"),
        ({"eps": 2.0}, {}, ValueError, "eps: found 2.0"),
        ({"cv": []}, {}, ValueError, "cv: found no folds"),
        ({"cv": [([0, 1], [])]}, {}, ValueError, "cv: found fold 0"),
        ({"estimator": MTLasso(alpha=0.0)}, {}, ValueError, "alphas: found a sparsity weight of 0"),
        ({"estimator": MultiTaskRegressor(Box(-1, 1))}, {}, TypeError, "penalty: found Box"),
        ({}, {"expert": EXPERT}, TypeError, "expert: found a mask for MTLasso"),
        (
            {"estimator": EGMTL(), "cv": [(np.flatnonzero(EXPERT), [1, 2])]},
            {"expert": EXPERT},
            ValueError,
            "expert: found True",
        ),
    ],
)  # fmt: skip
def test_wrong_calls(settings, data, error, message):
    model = PathCV(**{"estimator": MTLasso(), "alphas": 3, **settings})
    with pytest.raises(error, match=message):
        model.fit(X, Y, **data)
    assert not hasattr(model, "alpha_")


def test_an_interrupted_fit_leaves_nothing_behind(monkeypatch):
    model = PathCV(MTLasso(), alphas=3).fit(X, Y)
    before = dict(vars(model))

    def interrupted(self, data):
        raise KeyboardInterrupt

    monkeypatch.setattr(MTLasso, "_solve", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:30], Y[:30])
    assert vars(model).keys() == before.keys()
    assert all(value is before[key] for key, value in vars(model).items())


def test_progress_is_shown_on_a_terminal_only(monkeypatch, capsys):
    monkeypatch.setattr("fista.progress.PATIENCE", -1.0)
    model = PathCV(MTLasso(), alphas=3, cv=3)
    model.fit(X, Y)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    model.fit(X, Y)
    shown = capsys.readouterr().err
    assert "3 of 3 folds" in shown
    assert shown.endswith("\r\x1b[2K")
