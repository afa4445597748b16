"""Newton steps: right where they can be computed otherwise, harmless everywhere, worth it if collinear."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from fista import EGMTL, L21MTL, SRMTL, DirtyMTL, MTLasso, RobustMTL, STLasso
from fista import problem as composite
from fista.graphs import chain
from fista.newton import Preconditioner, _cholesky, newton_step
from fista.penalties import L1, ColumnL21, InfimalConvolution, RowL1Linf, RowL21, Scaled
from fista.solver import fista, minimize

D, T = 6, 3
PENALTIES = [
    L1(0.7),
    L1(np.array([0.2, 0.7, 1.1])),
    L1(np.linspace(0.2, 1.4, D)[:, None]),
    RowL21(0.7),
    RowL21(np.linspace(0.2, 1.4, D)),
    ColumnL21(0.7),
    ColumnL21(np.array([0.2, 0.7, 1.1])),
    Scaled(RowL21(0.7), 3.0),
    InfimalConvolution(RowL21(0.7), ColumnL21(1.3)),
    Scaled(InfimalConvolution(L1(0.5), RowL21(0.7), ColumnL21(1.3)), 2.0),
]
EVERY = pytest.mark.parametrize("penalty", PENALTIES, ids=repr)


def coefficients(penalty, rng):
    """Some with a zero row, a zero column and zeros of their own."""
    W = rng.choice([-1.0, 1.0], size=(penalty.n_parts, D, T)) * rng.uniform(0.5, 2.0, (penalty.n_parts, D, T))
    W[:, 2], W[:, :, 1], W[:, 4, 0] = 0.0, 0.0, 0.0
    return W.reshape((D, T) if penalty.n_parts == 1 else W.shape)


@EVERY
def test_the_tangent_is_the_penalty_to_second_order(penalty):
    """Omega(W + s d) against its Taylor polynomial.

    The entries are 0.5 at least, so that the derivatives of norms that are sums of no more than 18 entries
    are bounded by some hundreds: the third leaves s^3 1e3 / 6, which at s = 1e-4 is less than 2e-10.
    """
    rng = np.random.default_rng(0)
    W = coefficients(penalty, rng)
    tangent = penalty.tangent(W)
    assert np.array_equal(tangent.free | (W == 0), np.ones(W.shape, dtype=bool))
    for _ in range(5):
        d = np.where(tangent.free & (W != 0), rng.uniform(-1, 1, W.shape), 0.0)
        s = 1e-4
        expected = s * np.vdot(tangent.gradient, d) + 0.5 * s**2 * np.vdot(d, tangent.curvature(d))
        assert penalty.value(W + s * d) - penalty.value(W) == pytest.approx(expected, abs=2e-10)


@EVERY
def test_the_diagonal_is_that_of_the_curvature(penalty):
    W = coefficients(penalty, np.random.default_rng(1))
    tangent = penalty.tangent(W)
    diagonal = np.broadcast_to(tangent.diagonal, W.shape)
    for position in zip(*np.nonzero(tangent.free), strict=True):
        unit = np.zeros(W.shape)
        unit[position] = 1.0
        assert tangent.curvature(unit)[position] == pytest.approx(diagonal[position], abs=1e-14)


def test_signs_that_change_become_zero():
    W = np.array([[1.0, -1.0, 0.0]])
    V = L1(1.0).tangent(W).within(np.array([[-2.0, -3.0, 4.0]]))
    assert np.array_equal(V, [[0.0, -3.0, 0.0]])


def centred_problem(model, X, y, **data):
    return model._centred_problem(model._read(X, y, **data))[0]


@pytest.mark.parametrize("per_task", [False, True])
def test_with_the_right_signs_one_step_solves_a_lasso(per_task):
    """Against the linear equations X_S'X_S w = X_S'y - alpha s, solved here.

    The damping of 1e-10 leaves 1e-10 times the condition number, which is below 1e3.
    """
    rng = np.random.default_rng(2)
    X = rng.standard_normal((40 * T, 5)) if per_task else rng.standard_normal((40, 5))
    truth = np.array([[2.0, -1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 1.0, -2.0], [0.0, 0.0, 0.0], [-1.0, 0.0, 4.0]])
    alpha, tasks = 1.5, np.arange(40 * T) % T
    if per_task:
        y = np.einsum("nd,nd->n", X, truth.T[tasks])
        problem = centred_problem(MTLasso(alpha, beta=0.0, fit_intercept=False), X, y, tasks=tasks)
        designs, targets = [X[tasks == t] for t in range(T)], [y[tasks == t] for t in range(T)]
    else:
        Y = X @ truth
        problem = centred_problem(MTLasso(alpha, beta=0.0, fit_intercept=False), X, Y)
        designs, targets = [X] * T, list(Y.T)
    W = 0.9 * truth
    V, lower, _ = newton_step(problem, W, problem.image(W), 1e-10)
    assert np.all(lower)
    for t in range(T):
        S = truth[:, t] != 0
        XS = designs[t][:, S]
        # SSQ has no 1/2: the gradient of ||y - X w||^2 is twice that.
        w = np.linalg.solve(2 * XS.T @ XS, 2 * XS.T @ targets[t] - alpha * np.sign(truth[S, t]))
        np.testing.assert_allclose(V[S, t], w, rtol=1e-6)
        assert not V[~S, t].any()


@pytest.mark.parametrize("per_task", [False, True])
@pytest.mark.parametrize(
    "model", [MTLasso(0.5, beta=0.3), SRMTL(0.7, 0.5, 0.4), RobustMTL(0.8, 0.6)], ids=repr
)
def test_the_preconditioner_inverts_what_it_says(model, per_task):
    """Gram matrices of the free entries and all diagonals, put together here entry by entry.

    And under a graph, the whole system for steps that connected tasks take together (Galerkin).

    Entries of the inverse are below 1 / damping = 10, and the condition number is below 1e4.
    """
    rng = np.random.default_rng(7)
    X, tasks = rng.standard_normal((10 * T, D)), np.arange(10 * T) % T
    y = rng.standard_normal(10 * T) if per_task else rng.standard_normal((10 * T, T))
    model = clone(model).set_params(fit_intercept=True)
    problem = centred_problem(model, X, y, **({"tasks": tasks} if per_task else {}))
    W = coefficients(problem.penalty, rng)
    tangent = problem.penalty.tangent(W)
    damping = 0.1
    inverse = Preconditioner(problem, tangent, damping)
    designs = [X[tasks == t] if per_task else X for t in range(T)]
    incidence = np.zeros((1, T)) if problem.loss.graph is None else problem.loss.graph.incidence.toarray()
    free = tangent.free.reshape(-1, D, T)
    diagonal = np.broadcast_to(tangent.diagonal, W.shape).reshape(-1, D, T)
    d = np.where(free, rng.standard_normal(free.shape), 0.0)
    image = np.zeros(d.shape)
    for t, Xt in enumerate(designs):
        Xt = Xt - Xt.mean(axis=0)
        smooth = 2 * Xt.T @ Xt + (np.square(incidence[:, t]).sum() + 2 * problem.ridge) * np.eye(D)
        for k in range(len(d)):
            image[k, :, t] = smooth @ d[:, :, t].sum(axis=0) + (diagonal[k, :, t] + damping) * d[k, :, t]
    image = np.where(free, image, 0.0)
    expected = d.reshape(W.shape)
    if incidence.any():
        used = free[0].astype(float)  # W is in one part

        def whole(step):
            Xs = [Xt - Xt.mean(axis=0) for Xt in designs]
            smooth = np.stack([2 * Xt.T @ (Xt @ step[:, t]) for t, Xt in enumerate(Xs)], axis=1)
            return smooth + step @ incidence.T @ incidence + (damping + 2 * problem.ridge) * step

        steps = [np.outer(np.eye(D)[k], np.ones(T)) * used for k in range(D) if used[k].any()]
        system = [[np.vdot(a, whole(b)) for b in steps] for a in steps]
        sizes = np.linalg.solve(system, [np.vdot(a, image[0]) for a in steps])
        expected = expected + np.tensordot(sizes, steps, axes=1)
    np.testing.assert_allclose(inverse(image.reshape(W.shape)), expected, atol=1e-10)


def test_a_graph_of_any_weight_does_not_slow_down_what_tasks_have_in_common():
    """The least curvature is 1e-11 of the largest, which is that of the graph: FISTA takes 1e6 iterations."""
    X = [[-0.418], [-0.77], [-0.769], [-1.321], [-0.06], [2.259], [0.733]] * np.array(
        [1.0, 2.0, 4.0, 8.0, 16.0]
    )
    model = EGMTL(
        lam1=1.0, lam2=562395.9327460753, lam3=0.007362219280000001, graph="chain", task_labels=list(range(5))
    )
    y, tasks = [0.126, -0.132, 0.64, 0.105, -0.536, 0.362, 1.304], [1, 3, 0, 0, 0, 3, 2]
    model.set_params(fit_intercept=False).fit(X, y, tasks=tasks, sample_weight=[1, 1, 10, 0.01, 10, 0.1, 1])
    assert model.certificate_.converged


@pytest.mark.parametrize(
    "edges", [[(0, 1, 1e4), (2, 3, 1e4), (1, 2, 1e-8)], [(0, 1, 1e5), (2, 3, 1e5), (1, 2, 1.0)]]
)
def test_a_weak_edge_between_strong_ones_does_not_make_iterations_many(edges, monkeypatch):
    """Each pair has steps of its own: without, the first takes 38,000 iterations, the second over 200,000."""
    monkeypatch.setattr(composite, "STRONG", np.inf)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 8))
    W = rng.standard_normal((8, 4)) * (rng.random((8, 4)) < 0.6)
    model = SRMTL(1.0, 5.0, 0.0, edges).fit(X, X @ W + 0.3 * rng.standard_normal((30, 4)))
    assert model.certificate_.converged
    assert model.n_iter_ < 1000


def test_a_strong_chain_takes_no_more_iterations_than_a_weak_one():
    """Steps that are damped by the graph take twice as many."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 8))
    Y = X @ (rng.standard_normal((8, 4)) * (rng.random((8, 4)) < 0.6)) + 0.3 * rng.standard_normal((30, 4))
    weak, strong = (SRMTL(1.0, 5.0, 0.0, chain(4, weight)).fit(X, Y) for weight in (1e2, 1e4))
    assert strong.certificate_.converged
    assert strong.n_iter_ <= 1.5 * weak.n_iter_


def test_rounding_that_makes_a_gram_matrix_indefinite_leaves_its_diagonal():
    factor = _cholesky(np.array([[4.0, 10.0], [10.0, 8.0]]), np.array([0.0, 1.0]))
    np.testing.assert_array_equal(factor, [[2.0, 0.0], [0.0, 3.0]])
    factor = _cholesky(np.array([[4.0, 1.0], [1.0, -1e-17]]), np.zeros(2))
    np.testing.assert_array_equal(factor, [[2.0, 0.0], [0.0, 1.0]])


def test_a_jump_takes_the_momentum_along():
    """One task is put elsewhere by d: all others go on as they were, and it goes on from Z + d.

    As long as no sign changes the prox subtracts the same, so that the next point is d - H d / L further.
    """
    rng = np.random.default_rng(8)
    X, Y = random_walks(rng, 40, 10), rng.standard_normal((40, 3))
    problem = centred_problem(STLasso(0.01), X, Y)
    with_jump, without = fista(problem, problem.start()), fista(problem, problem.start())
    for _ in range(15):
        state, plain = next(with_jump), next(without)
    d = np.zeros(state.W.shape)
    d[:, 1] = 1e-6 * rng.standard_normal(10)
    state, plain = with_jump.send(state.W + d), next(without)
    assert np.array_equal(np.sign(state.W), np.sign(plain.W))
    expected = d[:, 1] - 2 * X.T @ (X @ d[:, 1]) / plain.lipschitz
    # Rounding of X'X W and L = 1e2 and more: differences of numbers below 10.
    np.testing.assert_allclose((state.W - plain.W)[:, 1], expected, rtol=1e-6, atol=1e-12)
    for _ in range(5):
        # The same operations in the same order, but for those of BLAS.
        np.testing.assert_allclose(state.W[:, [0, 2]], plain.W[:, [0, 2]], rtol=1e-12, atol=1e-12)
        state, plain = next(with_jump), next(without)


MODELS = [
    STLasso(0.5),
    MTLasso(0.5, beta=0.0),
    MTLasso(0.5, beta=0.3),
    L21MTL(0.5, beta=0.0),
    L21MTL(0.5, beta=0.3),
    RobustMTL(0.8, 0.6),
    SRMTL(0.7, 0.5, 0.0),
    SRMTL(0.7, 0.5, 0.4),
]


@pytest.mark.parametrize("model", MODELS, ids=repr)
@given(
    seed=st.integers(0, 2**20),
    n=st.integers(2, 12),
    damping=st.sampled_from([1e-10, 1e-3, 1.0]),
    n_iter=st.integers(1, 40),
)
def test_a_step_never_raises_the_objective(model, seed, n, damping, n_iter):
    """From wherever the iteration is, for tall and wide designs; F is computed from the rows.

    F sums at most n T + D T + 9 terms, none above F(W) <= F(0) but for ||y||^2 = F(0), each with a relative
    error of a few eps: 1e-12 F(0) is more.
    """
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((n, D)), rng.standard_normal((n, T))
    Y -= Y.mean(axis=0)
    X -= X.mean(axis=0)
    problem = centred_problem(model, X, Y)
    states = fista(problem, problem.start())
    state = [next(states) for _ in range(n_iter)][-1]
    V, lower, _ = newton_step(problem, state.W, state.image, damping)

    def F(W):
        total = W if W.ndim == 2 else W.sum(axis=0)
        graph = 0.0
        if problem.loss.graph is not None:
            graph = 0.5 * float(np.square(problem.loss.graph.incidence @ total.T).sum())
        ridge = problem.ridge * float(np.square(total).sum())
        return float(np.square(Y - X @ total).sum()) + graph + ridge + problem.penalty.value(W)

    zero = float(np.square(Y).sum())
    assert F(V) <= F(state.W) + 1e-12 * zero
    if not np.any(lower):
        assert np.array_equal(V, state.W)


def random_walks(rng, n=90, D=25):
    """Neighbouring columns correlated 0.99, as rating traces are."""
    X = rng.standard_normal((n, D))
    X[:, 1:] *= np.sqrt(1 - 0.99**2)
    for d in range(1, D):
        X[:, d] += 0.99 * X[:, d - 1]
    return X


COLLINEAR = [
    (MTLasso(beta=0.0), ("alpha",)),
    (L21MTL(beta=0.0), ("alpha",)),
    (RobustMTL(2.0, 2.0), ("rho1", "rho2")),
    (SRMTL(1.0, 1.0, 0.0), ("beta",)),
    (EGMTL(lam2=1.0), ("lam3",)),
]


@pytest.mark.parametrize(("model", "weights"), COLLINEAR, ids=lambda v: str(v)[:20])
def test_collinear_columns_take_few_iterations(model, weights):
    """A relative gap of 1e-10 at 0.001 lambda_max; without Newton steps half of the work is far from it."""
    rng = np.random.default_rng(3)
    X = random_walks(rng)
    Y = X @ (rng.standard_normal((25, 4)) * (rng.random((25, 4)) < 0.5)) + rng.standard_normal((90, 4))
    data = {"X_expert": X[::9] + 0.1, "y_expert": Y[::9]} if isinstance(model, EGMTL) else {}
    factor = 1e-3 * model.lambda_max(X, Y, **data)
    model = type(model)(**model.get_params())
    model.set_params(**{w: factor * getattr(model, w) for w in weights}, tol=1e-10, max_iter=100_000)
    problem = centred_problem(model, X, Y, **data)
    _, certificate = minimize(problem, tol=1e-10, max_iter=100_000)
    assert certificate.converged
    for plain in fista(problem, problem.start()):
        if plain.n_iter == 2 * certificate.n_iter:
            break
    _, halfway = minimize(problem, plain.W, tol=1e-10, max_iter=1)
    assert halfway.relative_gap > 1e-10


def test_what_has_no_tangent_is_solved_without():
    assert not hasattr(InfimalConvolution(RowL1Linf(1.0), L1(1.0)), "tangent")
    rng = np.random.default_rng(4)
    X, Y = random_walks(rng, 60, 10), rng.standard_normal((60, 3))
    assert DirtyMTL(0.1, 0.1, tol=1e-8, max_iter=100_000).fit(X, Y).certificate_.converged


def test_more_features_than_rows_are_no_obstacle():
    """The Gram matrix of the first supports is singular; the answer is certified all the same."""
    rng = np.random.default_rng(5)
    X, Y = rng.standard_normal((20, 40)), rng.standard_normal((20, 3))
    factor = 1e-3 * MTLasso(1.0, beta=0.0).lambda_max(X, Y)
    model = MTLasso(factor, beta=0.0, tol=1e-8, max_iter=20_000).fit(X, Y)
    assert model.certificate_.converged


def test_the_arguments_are_not_changed():
    rng = np.random.default_rng(6)
    problem = centred_problem(RobustMTL(0.5, 0.5), rng.standard_normal((30, D)), rng.standard_normal((30, T)))
    W = rng.standard_normal((2, D, T))
    image = problem.image(W)
    before, image_before = W.copy(), image.copy()
    newton_step(problem, W, image, 1e-3)
    assert np.array_equal(W, before)
    assert np.array_equal(image, image_before)
