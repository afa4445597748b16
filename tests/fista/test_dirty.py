"""The dirty model is solved for the sum of its parts, whose norm is known in closed form."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fista import DirtyMTL, MultiTaskRegressor
from fista.newton import TiedPreconditioner, newton_step
from fista.penalties import L1, ColumnL21, InfimalConvolution, RowL1Linf, Scaled
from fista.penalties.dirty import DirtyNorm
from fista.solver import minimize
from tests.fista.brackets import assert_same_minimum

EPS = 2.3e-16
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 6))
# Integers for ties; and numbers of any size between.
MATRICES = SHAPES.flatmap(
    lambda shape: st.one_of(
        arrays(np.float64, shape, elements=st.integers(-3, 3).map(float)),
        arrays(np.float64, shape, elements=st.floats(-100, 100).map(lambda v: 0.0 if abs(v) < 1e-6 else v)),
    )
)
WEIGHTS = st.sampled_from([0.1, 0.5, 1.0, 1.3, 2.0, 3.0, 7.0])
STEPS = st.sampled_from([1e-4, 0.1, 1.0, 1.5, 20.0])

HARD = {
    "X": [
        [0.0065390625, 0.503, 0.655],
        [0.0175390625, -1.294, 1.951],
        [-0.004703125, 0.027, 0.181],
        [0.00246875, -0.784, -1.074],
        [0.0040390625, 0.534, -0.458],
        [-0.008671875, 0.947, -0.185],
        [-0.0074296875, -0.731, -0.397],
    ],
    "y": [-1.11, -0.185, 0.517, 0.316, -1.074, -0.784, 0.947],
    "tasks": [0, 0, 0, 1, 1, 2, 2],
    "sample_weight": [3, 3, 2, 3, 2, 2, 2],
}


def of_parts(rho1, rho2):
    return InfimalConvolution(RowL1Linf(rho1), L1(rho2))


@given(MATRICES, WEIGHTS, WEIGHTS)
def test_the_value_is_the_least_cost_of_two_parts(W, rho1, rho2):
    """The cost of a row is piecewise linear in the level of P: its least is at 0 or at one of the entries."""
    least = 0.0
    for row in np.abs(W):
        least += min(rho1 * z + rho2 * np.maximum(row - z, 0.0).sum() for z in (0.0, *row))
    norm = DirtyNorm(rho1, rho2)
    room = 4 * W.size * EPS * (rho1 + rho2) * np.abs(W).sum()
    assert abs(norm.value(W) - least) <= room
    parts = norm.split(W)
    assert np.all(np.abs(parts.sum(axis=0) - W) <= 2 * EPS * np.abs(W))
    assert abs(of_parts(rho1, rho2).value(parts) - least) <= room


@given(MATRICES, WEIGHTS, WEIGHTS)
def test_the_polar_is_that_of_the_parts(G, rho1, rho2):
    norm = DirtyNorm(rho1, rho2)
    assert norm.polar(G) == pytest.approx(of_parts(rho1, rho2).polar(G), rel=1e-14)
    assert norm.row_polars(G).max() == norm.polar(G)
    assert norm.on_rows(np.array([0])).polar(G[:1]) == norm.row_polars(G)[0]


@given(MATRICES, WEIGHTS, WEIGHTS, STEPS)
def test_the_prox_and_what_it_takes_off_are_in_balance(V, rho1, rho2, step):
    """P is the prox if and only if V - p is in step times the dual ball and <V - p, p> = step Omega(p).

    Sums of 2 T terms, none of which is larger than V or its weights times the step.
    """
    norm = DirtyNorm(rho1, rho2)
    before = V.copy()
    p = norm.prox(V, step)
    np.testing.assert_array_equal(V, before)
    taken = V - p
    size = np.abs(V).max() + step * (rho1 + rho2)
    room = 8 * V.shape[1] * EPS * size
    assert np.all(np.abs(taken).sum(axis=1) <= step * rho1 + V.shape[1] * room)
    assert np.all(np.abs(taken) <= step * rho2 + room)
    assert abs(np.vdot(taken, p) - step * norm.value(p)) <= V.size * room * size
    assert np.all(p * V >= 0)


@given(MATRICES, WEIGHTS, WEIGHTS, st.integers(0, 99))
def test_the_tangent_is_the_norm_as_long_as_the_structure_is_kept(W, rho1, rho2, seed):
    """Omega is linear there: its value at any such point is that of the tangent at W."""
    norm = DirtyNorm(rho1, rho2)
    W = norm.prox(W, 0.1)
    rng = np.random.default_rng(seed)
    tangent = norm.tangent(W)
    size = np.abs(W).max() + 1.0
    room = 100 * W.size * EPS * (rho1 + rho2) * size + 1e-8 * (rho1 + rho2) * size  # what is tied, to 1e-9
    positive = np.abs(W)[W != 0]
    gaps = [b - a for row in np.abs(W) for a, b in pairwise(sorted({0.0, *row}))]
    small = 0.2 * min([1.0, *positive, *(gap for gap in gaps if gap > 1e-6)])
    for _ in range(3):
        d, e = rng.uniform(-1, 1, (2, *W.shape))
        along = tangent.projected(d)
        np.testing.assert_allclose(tangent.projected(along), along, rtol=0, atol=1e-14)
        assert np.vdot(along, e) == pytest.approx(np.vdot(d, tangent.projected(e)), abs=1e-13)
        moved = W + small * along
        assert abs(norm.value(moved) - norm.value(W) - small * np.vdot(tangent.gradient, along)) <= room
        far = tangent.within(W + 10 * size * along)
        assert abs(norm.value(far) - norm.value(W) - np.vdot(tangent.gradient, far - W)) <= 100 * room
    assert not tangent.gradient[~tangent.free].any()
    assert not W[~tangent.free].any()


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize(("rho1", "rho2"), [(3.0, 2.0), (4.0, 4.0), (1.0, 5.0), (30.0, 1.0)])
def test_the_answer_is_that_of_the_parts(rho1, rho2, intercept, monkeypatch):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((30, 8)), rng.standard_normal((30, 4))
    model = DirtyMTL(rho1, rho2, fit_intercept=intercept, tol=1e-10, max_iter=10**5).fit(X, Y)
    a, W = model.certificate_, model.coef_
    np.testing.assert_allclose(sum(model.parts_.values()), W.T, rtol=0, atol=1e-14)
    P, Q = model.parts_.values()
    penalty = rho1 * np.abs(P).max(axis=1).sum() + rho2 * np.abs(Q).sum()
    squares = np.square(Y - model.predict(X)).sum()
    assert squares + penalty == pytest.approx(a.primal, rel=1e-12)
    monkeypatch.setattr(InfimalConvolution, "as_one", None)
    assert_same_minimum(a, model.fit(X, Y).certificate_)


def test_a_way_that_costs_nothing_takes_no_time():
    """One task has next to no curvature along a feature, which P and Q may share in any proportion.

    Part by part that takes 168,000 iterations.
    """
    model = DirtyMTL(rho1=0.0005121892, rho2=0.0005121892, tol=1e-8).fit(**HARD)
    assert model.certificate_.converged


@pytest.mark.parametrize("weights", [(1e10, 1e-300), (1.0, 5e-324), (1e-300, 1e100), (5e-324, 1e10)])
def test_weights_of_any_size(weights):
    """The quotient of the two is inf or 0; next to such a weight the other does not count: least squares."""
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((20, 3)), rng.standard_normal((20, 4))
    model = DirtyMTL(*weights, tol=1e-12).fit(X, Y)
    assert model.certificate_.converged
    residual = Y - X @ np.linalg.lstsq(X, Y, rcond=None)[0]
    assert model.certificate_.primal == pytest.approx(np.square(residual).sum(), rel=1e-10)


def test_a_prox_in_single_precision():
    """Steps as in double precision, whose result is rounded."""
    V = np.array([[9.0, -4.0, 1.0], [7.5, 7.25, 7.0]])
    norm = DirtyNorm(5.0, 3.0)
    single = norm.prox(V.astype(np.float32), 0.5)
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, norm.prox(V, 0.5).astype(np.float32))


def test_only_norms_of_that_kind_are_joined():
    assert isinstance(of_parts(1.0, 2.0).as_one, DirtyNorm)
    for other in (
        InfimalConvolution(L1(1.0), RowL1Linf(1.0)),
        InfimalConvolution(RowL1Linf(np.array([1.0, 2.0])), L1(1.0)),
        InfimalConvolution(RowL1Linf(1.0), L1(np.array([1.0, 2.0]))),
        of_parts(0.0, 1.0),
        of_parts(1.0, 0.0),
        InfimalConvolution(RowL1Linf(1.0), L1(1.0), L1(2.0)),
    ):
        assert other.as_one is None
    joined = Scaled(of_parts(1.0, 2.0), 3.0).as_one
    V = np.array([[1.0, -4.0, 9.0], [0.1, 0.2, -0.1]])
    assert joined.value(V) == pytest.approx(DirtyNorm(3.0, 6.0).value(V))
    np.testing.assert_allclose(joined.prox(V, 0.3), DirtyNorm(3.0, 6.0).prox(V, 0.3))
    np.testing.assert_array_equal(joined.split(V), DirtyNorm(3.0, 6.0).split(V))
    assert Scaled(of_parts(0.0, 1.0), 2.0).as_one is None


@pytest.mark.parametrize("loss", ["squared", "huber"])
def test_whoever_writes_the_parts_has_the_same(loss):
    rng = np.random.default_rng(1)
    X, Y = rng.standard_normal((25, 5)), rng.standard_normal((25, 3))
    model = MultiTaskRegressor(Scaled(of_parts(1.0, 2.0), 3.0), loss=loss, tol=1e-9).fit(X, Y)
    other = MultiTaskRegressor(of_parts(3.0, 6.0), loss=loss, tol=1e-9).fit(X, Y)
    assert set(model.parts_) == set(other.parts_) == {"W1", "W2"}
    assert_same_minimum(model.certificate_, other.certificate_)


def test_states_are_shown_in_parts():
    rng = np.random.default_rng(2)
    model = DirtyMTL(3.0, 2.0)
    problem = model._problem(model._read(rng.standard_normal((20, 4)), rng.standard_normal((20, 3))))
    seen = []
    state, _ = minimize(problem, callback=seen.append)
    assert all(s.W.shape == (2, 4, 3) for s in seen)
    assert minimize(problem)[0].W.shape == (2, 4, 3)
    again, _ = minimize(problem, state.W)
    assert again.n_iter == 1


@pytest.mark.parametrize("per_task", [False, True])
@pytest.mark.parametrize("levels", [0, 1, 2])
def test_a_system_of_entries_and_levels_is_solved_exactly(per_task, levels):
    """Against the system in coordinates, put together here: an entry each, and one for what is tied of a row.

    Entries of the inverse are below 1 / damping = 10, and the condition number is below 1e4.
    """
    rng = np.random.default_rng(4)
    D, T, damping = 5, 3, 0.1
    X = rng.standard_normal((12 * T, D))
    tasks = np.arange(12 * T) % T
    y = rng.standard_normal(12 * T) if per_task else rng.standard_normal((12 * T, T))
    model = DirtyMTL(1.5, 1.0, fit_intercept=True)
    data = model._read(X, y, **({"tasks": tasks} if per_task else {}))
    problem = replace(model._centred_problem(data)[0], penalty=DirtyNorm(1.5, 1.0))  # ties the second largest
    W = np.zeros((D, T))
    W[0], W[1] = [[2.0, -1.0, 0.5], [1.0, -1.0, 1.0], [3.0, 1.0, -1.0]][levels], [0.3, -0.7, 0.7]
    W[3] = [0.0, 2.0, 1.0]
    tangent = problem.penalty.tangent(W)

    grams = []
    for t in range(T):
        Xt = X[tasks == t] if per_task else X
        Xt = Xt - Xt.mean(axis=0)
        grams.append(2 * Xt.T @ Xt + damping * np.eye(D))
    columns = []
    for d in range(D):
        tied = [t for t in range(T) if tangent.tied[d, t]]
        for group in [tied] * bool(tied) + [[t] for t in range(T) if W[d].any() and t not in tied]:
            columns.append(np.zeros((D, T)))
            columns[-1][d, group] = np.sign(W[d, group]) if group is tied else 1.0
    basis = np.array(columns)
    images = np.stack([np.einsum("tde,ket->kdt", np.array(grams), basis)])[0]
    system = np.einsum("kdt,ldt->kl", basis, images)
    c = rng.standard_normal(len(basis))
    d = np.einsum("k,kdt->dt", c, basis)
    sizes = np.square(basis).sum(axis=(1, 2))
    right = np.einsum("k,kdt->dt", system @ c / sizes, basis)  # the projection of the image of d
    np.testing.assert_allclose(TiedPreconditioner(problem, tangent, damping)(right), d, atol=1e-10)


def test_with_the_right_structure_one_step_solves_it():
    """From all sizes a tenth too small; the damping of 1e-10 leaves that, times a condition number of 1e3.

    What is solved to a gap of g has coefficients to sqrt(2 g / mu), with mu = 2 x 5 the least eigenvalue.
    """
    rng = np.random.default_rng(5)
    X, noise = rng.standard_normal((60, 6)), rng.standard_normal((60, 4))
    Y = X @ rng.integers(-2, 3, (6, 4)) + noise
    model = DirtyMTL(40.0, 25.0, fit_intercept=False, tol=1e-14, max_iter=10**5).fit(X, Y)
    assert np.linalg.eigvalsh(X.T @ X)[0] > 5
    W, problem = model.coef_.T, model._problem(model._read(X, Y))
    problem = replace(problem, penalty=problem.penalty.as_one)
    tied = problem.penalty.tangent(W).tied != 0
    assert np.count_nonzero(tied) > np.count_nonzero(tied.any(axis=1)) > 1
    V, lower, _ = newton_step(problem, 0.9 * W, problem.image(0.9 * W), 1e-10)
    assert lower
    error = np.sqrt(2 * model.certificate_.gap / 10)
    np.testing.assert_allclose(V, W, rtol=0, atol=1e-7 * np.abs(W).max() + error)


def test_the_iterations_on_working_sets_count_whether_they_are_watched_or_not():
    rng = np.random.default_rng(6)
    X = rng.standard_normal((40, 400))
    Y = X[:, :3] @ rng.standard_normal((3, 4)) + rng.standard_normal((40, 4))
    model = DirtyMTL(20.0, 15.0)
    problem = model._problem(model._read(X, Y))
    plain, watched = minimize(problem), minimize(problem, callback=lambda state: None)
    assert plain[0].n_iter == plain[1].n_iter == watched[0].n_iter == watched[1].n_iter > 1
    np.testing.assert_array_equal(plain[0].W, watched[0].W)


def test_ties_are_kept_where_the_norm_is_one_of_several_parts():
    rng = np.random.default_rng(7)
    W = np.array([[1.0, -1.0, 0.3], [0.0, 0.0, 0.0], [2.0, 1.0, -1.0]])
    parts = [DirtyNorm(1.5, 1.0), ColumnL21(2.0)]
    joined = InfimalConvolution(*parts).tangent(np.stack([W, W]))
    d = rng.standard_normal((2, 3, 3))
    alone = np.stack([p.tangent(W).projected(e) for p, e in zip(parts, d, strict=True)])
    np.testing.assert_array_equal(joined.projected(d), alone)
    assert abs(alone[0][0, 0]) == abs(alone[0][0, 1]) != abs(d[0][0, 0])
    X = np.cumsum(rng.standard_normal((40, 12)), axis=1)
    Y = X @ rng.integers(-2, 3, (12, 4)) + rng.standard_normal((40, 4))
    penalty = Scaled(InfimalConvolution(DirtyNorm(0.02, 0.012), ColumnL21(0.03)), np.abs(X.T @ Y).max())
    assert MultiTaskRegressor(penalty, tol=1e-8).fit(X, Y).certificate_.converged


def test_newton_steps_that_lead_nowhere_do_not_take_the_momentum_for_good():
    """Each of a thousand undamped steps was lower by a little, and the next zeros were as wrong as the last.

    One every twenty iterations took 22,000 of them, where without Newton steps 931 are enough.
    """
    X = [
        [0.43, 2.532, -0.742, 1.233, -1.299],
        [-1.788, -0.687, 0.93, -1.399, 0.128],
        [-0.174, 1.445, 0.588, -0.495, 0.02],
    ]
    y = [[-0.261, -1.286, 1.237, -0.867], [-0.943, -1.583, 1.339, 0.544], [2.231, -0.629, 0.326, 0.295]]
    weight = [[1.0, 1.0, 1.0, 100.0], [0.01, 1.0, 1.0, 1.0], [0.1, 1.0, 1.0, 10.0]]
    model = DirtyMTL(rho1=4.4345633818, rho2=4.4345633818).fit(X, y, sample_weight=weight)
    assert model.certificate_.converged
