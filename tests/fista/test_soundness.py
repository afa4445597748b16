"""Answers that were once certified though they were wrong, and inputs that were once changed."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from fista import EGMTL, L21MTL, SRMTL, DirtyMTL, MTLasso, MultiTaskRegressor, RobustMTL, STLasso
from fista.certificate import certify as certificate_of
from fista.penalties import RowL21
from fista.solver import minimize
from verification import certify, verify

rng = np.random.default_rng(0)
X = rng.standard_normal((20, 4))
Y = X @ rng.standard_normal((4, 3)) + rng.standard_normal((20, 3))


@pytest.mark.parametrize("Model", [DirtyMTL, RobustMTL])
@pytest.mark.parametrize("first", [(0.0, 5.0), (5.0, 0.0), (5.0, 5.0)])
@pytest.mark.parametrize("then", [(0.0, 5.0), (5.0, 0.0), (0.0, 0.0)])
def test_a_free_part_does_not_excuse_the_other(Model, first, then):
    """After a warm start the part that costs need not be zero, and counts."""
    model = Model(*first, warm_start=True).fit(X, Y)
    model.set_params(rho1=then[0], rho2=then[1]).fit(X, Y)
    assert model.certificate_.converged
    # With a free part F* is that of least squares.
    least = float(sum(np.linalg.lstsq(X, Y)[1]))
    room = model.tol * np.square(Y).sum() + model.certificate_.rounding
    # lstsq is right to some N D eps of the energy of Y
    assert model.certificate_.primal <= least + room + X.size * np.finfo(float).eps * np.square(Y).sum()


@pytest.mark.parametrize("seed", [*range(12), 191])
def test_nearly_equal_columns_do_not_make_the_gap_too_small(seed):
    """An eigenvalue is only known to within its error: the oracle may not reach below the claimed bound."""
    draw = np.random.default_rng(seed)
    A = draw.standard_normal((6, 2))
    A[:, 1] = A[:, 0] + 10.0 ** -draw.uniform(5, 7.5) * draw.standard_normal(6)
    y = draw.standard_normal(6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        claim = STLasso(alpha=0.0, tol=1e-9).fit(A, y).certificate_
    Q, _ = np.linalg.qr(A)  # orthogonal to eps cond(A) = 1e-8 at worst, whose square counts
    least = float(np.square(y - Q @ (Q.T @ y)).sum())
    assert claim.dual <= least + claim.rounding + 1e-14 * np.square(y).sum()


def test_huge_data_in_operator_form():
    """The squares of the gradient overflow, those of the data do not."""
    draw = np.random.default_rng(0)
    A, y = draw.standard_normal((5, 100)), draw.standard_normal(5)
    plain = STLasso(alpha=0.1, tol=1e-4, max_iter=100_000).fit(A, y)
    huge = STLasso(alpha=0.1e90, tol=1e-4, max_iter=100_000).fit(1e90 * A, y)
    assert plain.certificate_.converged
    assert huge.certificate_.converged
    assert huge.certificate_.primal <= plain.certificate_.primal + 1e-4 * np.square(y).sum()


@pytest.mark.parametrize("max_iter", [1, 3, 30])
def test_nothing_worse_than_zero_is_converged(max_iter, monkeypatch):
    """A step that is far too long makes W explode, and with it the bound on rounding."""
    genuine = STLasso._centred_problem

    def long_steps(self, data):
        problem, means = genuine(self, data)
        object.__setattr__(problem, "lipschitz", (1e-9, True))
        return problem, means

    monkeypatch.setattr(STLasso, "_centred_problem", long_steps)
    with pytest.warns(ConvergenceWarning):
        proof = STLasso(alpha=0.1, max_iter=max_iter).fit(X, Y).certificate_
    assert not proof.converged


@pytest.mark.parametrize("beta", [0.0, 0.1])
def test_a_wrong_prox_cannot_certify_itself(beta, monkeypatch):
    """With a ridge the certificate seeks a dual point with the help of the prox, which it must not trust."""
    genuine = RowL21.prox
    monkeypatch.setattr(RowL21, "prox", lambda self, V, step: genuine(self, V, 2 * step))
    with pytest.warns(ConvergenceWarning):
        claim = L21MTL(alpha=5.0, beta=beta, max_iter=500).fit(X, Y).certificate_
    monkeypatch.undo()
    right = L21MTL(alpha=5.0, beta=beta).fit(X, Y).certificate_
    assert not claim.converged
    assert claim.dual <= right.primal


@pytest.mark.parametrize("where", ["crowd", "expert"])
def test_sparse_input_in_disorder_is_not_put_in_order(where):
    """Duplicate and unsorted entries are the caller's: they are summed in a copy."""
    data, columns, ends = (
        np.array([1.0, 2.0, 3.0, 4.0, 5.0]),
        np.array([1, 0, 0, 1, 1]),
        np.array([0, 2, 3, 5]),
    )
    A = sp.csr_array((data.copy(), columns.copy(), ends.copy()), shape=(3, 2))
    dense, y = A.toarray(), np.array([1.0, 2.0, 3.0])
    if where == "crowd":
        model = EGMTL().fit(A, y)
        same = EGMTL().fit(dense, y)
    else:
        model = EGMTL().fit(np.eye(2), y[:2], X_expert=A, y_expert=y)
        same = EGMTL().fit(np.eye(2), y[:2], X_expert=dense, y_expert=y)
    np.testing.assert_array_equal(A.data, data)
    np.testing.assert_array_equal(A.indices, columns)
    np.testing.assert_array_equal(A.indptr, ends)
    np.testing.assert_array_equal(model.coef_ == 0, same.coef_ == 0)


def test_the_operator_form_agrees_with_the_oracles():
    """More than 64 features and few rows: no Gram matrix is made. Dense and sparse."""
    draw = np.random.default_rng(3)
    A = draw.standard_normal((8, 80)) * (draw.random((8, 80)) < 0.3)
    B = draw.standard_normal((8, 2))
    for design in (A, sp.csr_array(A)):
        for model in (STLasso(1.0), DirtyMTL(1.0, 1.0), EGMTL(lam2=0.1, lam3=0.5, fit_intercept=True)):
            result = verify(model.set_params(max_iter=200_000), design, B, solvers=["CLARABEL"])
            assert result.agree, str(result)
    assert certify(STLasso(1.0).fit(A, B), A, B).holds(1e-6)


def test_a_gap_below_zero_is_no_proof():
    """A polar that is half of what it should be admits dual points that are none: D exceeds F."""

    class Careless(RowL21):
        def polar(self, G):
            return super().polar(G) / 2

    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((30, 5)), rng.standard_normal((30, 3))
    with pytest.warns(ConvergenceWarning, match="the gap is negative"):
        model = MultiTaskRegressor(Careless(1.0), max_iter=200).fit(X, Y)
    assert not model.certificate_.converged
    assert model.certificate_.gap == np.inf


def test_a_free_task_is_not_without_a_gap():
    """Its gap is that of least squares: more iterations do help."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((30, 5)), rng.standard_normal((30, 2))
    with pytest.warns(ConvergenceWarning, match="Raise max_iter"):
        model = STLasso([1.0, 0.0], max_iter=1, tol=1e-14).fit(X, Y)
    assert np.isfinite(model.certificate_.gap)
    assert "ridge" not in model.certificate_.reason


def test_rounding_as_large_as_the_problem_excuses_nothing():
    """Edges of 1e16 make the bound on rounding larger than F(0), though not that of the targets."""
    model = SRMTL(1.0, 1.0, 0.0, [(0, 1, 1e16), (1, 2, 1e16)])
    problem = model._problem(model._read(X, Y))
    W = np.repeat(np.linalg.lstsq(X, Y.mean(axis=1), rcond=None)[0][:, None], 3, axis=1)
    claim = certificate_of(problem, 0.5 * W, tol=1e-6, n_iter=1)
    assert claim.rounding > claim.gap > 0.02 * problem.at_zero().sum()
    assert not claim.converged


@pytest.mark.parametrize("weight", [0.0, 1.0, 1e3, 1e5])
def test_later_certificates_of_the_same_coefficients_are_no_worse(weight):
    """A projection is one more dual point. Beside strong edges its rounding is more than what it gains."""
    model = SRMTL(1.0, 1.0, 0.0, [(0, 1, weight), (1, 2, weight)])
    problem = model._problem(model._read(X, Y))
    W = minimize(problem, tol=1e-4)[0].W
    early, late = (certificate_of(problem, W, tol=1e-12, n_iter=n) for n in (1, 10**6))
    assert problem.projection(10**6) is not None
    assert late.gap + late.rounding <= early.gap + early.rounding


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 1.0), (1e-300, 0.0), (1e-12, 0.0)])
def test_rounding_next_to_a_small_weight_is_no_excuse_for_a_gap(alpha, beta):
    """After so many iterations dual points are projected, and polars of their rounding are divided by it."""
    model = MTLasso(alpha, beta)
    problem = model._problem(model._read(X, Y))
    assert problem.projection(10**6) is not None
    W = minimize(problem, tol=1e-9)[0].W + 0.05
    claim = certificate_of(problem, W, tol=1e-6, n_iter=10**6)
    assert not claim.converged
    assert claim.rounding < 1e-6 * claim.gap
