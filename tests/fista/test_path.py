"""A whole regularisation path: each fit is that of a plain estimator, certified from the rows."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lasso_path

from fista import EGMTL, L21MTL, MTLasso, MultiTaskClassifier, MultiTaskRegressor, STLasso, path
from fista.penalties import L1, Box, InfimalConvolution, RowL21
from tests.fista.explicit import NAMES, WEIGHTS, make

BOTH = pytest.mark.parametrize("design", ["shared", "per task"])


@BOTH
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_each_fit_is_that_of_a_plain_estimator(name, design, fit_intercept):
    model, X, y, data = make(name, design, fit_intercept=fit_intercept, tol=1e-9, max_iter=100_000)
    found = path(model, X, y, alphas=6, eps=1e-2, **data)
    assert found.alphas[0] == pytest.approx(model.lambda_max(X, y, **data), rel=1e-12)
    assert not found.coefs[0].any()
    for k, alpha in enumerate(found.alphas):
        weights = {key: alpha * np.asarray(WEIGHTS[name][key]) for key in model._sparsity}
        plain = clone(model).set_params(**weights).fit(X, y, **data)
        one, other = found.certificates[k], plain.certificate_
        assert one.converged
        assert one.form == "rows"
        # Two brackets of one minimum overlap, and their widths are small.
        assert one.dual - one.rounding <= other.primal + other.rounding
        assert other.dual - other.rounding <= one.primal + one.rounding
        assert max(one.relative_gap, other.relative_gap) <= 1e-8
        # What is returned is what was certified: its objective, by a fit that cannot move from it.
        assert pytest.approx(found.coefs[k], abs=0) == sum(found.parts.values())[k].T
        still = clone(model).set_params(**weights, warm_start=True, tol=1.0, max_iter=1)
        still.parts_ = {key: value[k] for key, value in found.parts.items()}
        still.fit(X, y, **data)
        np.testing.assert_array_equal(still.coef_, found.coefs[k])
        np.testing.assert_array_equal(still.intercept_, found.intercepts[k])
        # Scaled(penalty) and the scaled weights round differently.
        assert still.certificate_.primal == pytest.approx(one.primal, rel=1e-12, abs=2 * one.rounding)


def test_the_path_of_scikit_learn():
    """lasso_path minimises 1/(2N) ||y - X w||^2 + a ||w||_1: its a is ours over 2 N."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 6))
    y = X @ [2.0, -1.0, 0.0, 0.0, 0.5, 0.0] + rng.standard_normal(30)
    found = path(STLasso(1.0, tol=1e-13), X, y, alphas=8, eps=1e-3)
    _, coefs, _ = lasso_path(X, y, alphas=found.alphas / 60, tol=1e-13)
    np.testing.assert_allclose(found.alphas[0], 60 * np.abs(X.T @ y).max() / 30, rtol=1e-12)
    # Both gaps are at most 1e-13 F(0), so that ||X (w1 - w2)||^2 <= 4e-13 F(0) in our scale.
    mu = 2 * np.linalg.eigvalsh(X.T @ X)[0]
    for ours, theirs in zip(found.coefs[:, 0], coefs.T, strict=True):
        assert np.linalg.norm(ours - theirs) <= 2 * np.sqrt(2e-13 * (y @ y) / mu) + 1e-13


def test_other_penalties_losses_and_designs():
    rng = np.random.default_rng(1)
    X, Y = rng.standard_normal((30, 4)), rng.standard_normal((30, 3))
    parts = MultiTaskRegressor(InfimalConvolution(RowL21(1.0), L1(0.7)), loss="huber")
    found = path(parts, X, Y, alphas=4)
    assert list(found.parts) == ["W1", "W2"]
    assert all(c.converged for c in found.certificates)
    labels = np.where(Y > 0, "yes", "no")
    assert path(MultiTaskClassifier(fit_intercept=True), X, labels, alphas=3).intercepts.shape == (3, 3)
    wide = path(L21MTL(beta=0.0), sp.csr_array(rng.standard_normal((10, 300))), Y[:10], alphas=4, eps=0.1)
    assert all(c.converged for c in wide.certificates)


def test_given_factors_are_sorted_and_need_not_be_even():
    X, Y = np.eye(2), np.array([[2.0], [1.0]])
    found = path(MTLasso(alpha=2.0, beta=0.0), X, Y, alphas=[0.1, 1.0, 0.1, 0.2])
    assert found.alphas.tolist() == [1.0, 0.2, 0.1, 0.1]
    # The prox of an orthogonal design, weights alpha and loss SSQ: y less half of them.
    np.testing.assert_allclose(found.coefs[:, 0, 0], 2.0 - found.alphas, atol=1e-3)
    assert (path(MTLasso(), X, 0 * Y, alphas=3).coefs == 0).all()


def test_fits_that_are_not_certified_are_counted():
    rng = np.random.default_rng(2)
    X, Y = rng.standard_normal((30, 4)), rng.standard_normal((30, 3))
    with pytest.warns(ConvergenceWarning, match=r"[1-4] of 5 fits were not certified to tol=1e-06"):
        path(EGMTL(max_iter=2), X, Y, alphas=5)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"estimator": 3.0}, TypeError, "estimator"),
        ({"alphas": True}, ValueError, "alphas: found True"),
        ({"alphas": 0}, ValueError, "alphas: found 0"),
        ({"alphas": []}, ValueError, "alphas: found"),
        ({"alphas": [0.0]}, ValueError, "alphas: found"),
        ({"eps": 1.0}, ValueError, "eps: found 1.0"),
        ({"expert": [True, False]}, TypeError, "path: .*expert"),
        ({"estimator": MTLasso(alpha=0.0)}, ValueError, "alphas: found a sparsity weight of 0"),
        ({"estimator": MultiTaskRegressor(Box(-1, 1))}, TypeError, "penalty: found Box"),
    ],
)
def test_wrong_calls(arguments, error, message):
    with pytest.raises(error, match=message):
        path(**{"estimator": MTLasso(), "X": np.eye(2), "y": np.eye(2), **arguments})
