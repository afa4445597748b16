"""The library of penalties: each against CVXPY, by itself and in an estimator, with brackets that overlap."""

import warnings

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

import formulations
from fista import SRMTL, MTLasso, MultiTaskClassifier, MultiTaskRegressor, RobustMTL
from fista.penalties import (
    L1,
    Blocks,
    Box,
    CappedRows,
    ColumnL1Linf,
    ColumnL21,
    Elastic,
    ExclusiveLasso,
    Frobenius,
    FusedTasks,
    InfimalConvolution,
    KSupport,
    NonNegativeL1,
    Penalty,
    Rotated,
    RowL1Linf,
    RowL21,
    Scaled,
    Simplex,
    Slope,
    SparseGroupLasso,
    TraceNorm,
    latent_groups,
)
from fista.penalties.combinations import OnRows
from fista.penalties.interface import null_space_of
from formulations.penalties import constraints, expression
from verification import check_penalty, verify

D, T = 4, 3
Q = np.linalg.qr(np.random.default_rng(0).standard_normal((D, D)))[0]
PENALTIES = {
    "L1": L1(0.7),
    "Frobenius": Frobenius(0.7),
    "ColumnL1Linf": ColumnL1Linf(0.7),
    "TraceNorm": TraceNorm(0.7),
    "Slope": Slope(np.linspace(1.0, 0.1, D * T)),
    "ExclusiveLasso": ExclusiveLasso(0.7),
    "SparseGroupLasso": SparseGroupLasso([[0, 2], [1, 3]], 0.3, 0.5),
    "latent groups": latent_groups([[0, 1, 2], [2, 3], [1]], 0.6),
    "NonNegativeL1": NonNegativeL1(0.7),
    "Box": Box(-0.3, 0.5),
    "CappedRows": CappedRows(0.8),
    "Simplex": Simplex(1.3),
    "Blocks": Blocks([[0, 3], [1], [2]], [TraceNorm(0.5), L1(0.2), RowL21(1.0)]),
    "mixed blocks": Blocks([[0, 3], [1, 2]], [Box(-0.3, 0.5), RowL1Linf(0.4)]),
    "Rotated": Rotated(RowL21(0.6), Q),
    "three parts": InfimalConvolution(RowL21(0.6), ColumnL21(0.7), L1(0.5)),
    "Scaled": Scaled(InfimalConvolution(RowL21(0.3), L1(0.25)), 2.0),
    "Scaled box": Scaled(Box(-0.3, 0.5), 2.0),
    "mixed parts": InfimalConvolution(RowL21(0.6), ExclusiveLasso(0.9)),
    "KSupport": KSupport(3, 0.7),
    "KSupport, 1": KSupport(1, 0.7),
    "KSupport, all": KSupport(D * T, 0.7),
    "Elastic": Elastic(TraceNorm(0.5), 0.3),
    "elastic constraint": Elastic(Box(-0.3, 0.5), 0.4),
    "elastic semi-norm": Elastic(FusedTasks(0.5), 0.3),
    "elastic block": Blocks([[0, 3], [1, 2]], [Elastic(L1(0.4), 0.3), RowL21(0.6)]),
    "elastic part": InfimalConvolution(Elastic(RowL21(0.6), 0.2), L1(0.7)),
    "weighted L1": L1(np.linspace(0.2, 1.3, D * T).reshape(D, T)),
    "a weight a feature": L1(np.array([[0.2], [0.5], [1.0], [0.7]])),
    "weighted rows": RowL21(np.array([0.3, 1.2, 0.6, 0.9])),
    "weighted columns": ColumnL21(np.array([0.3, 1.2, 0.6])),
    "weighted maxima": RowL1Linf(np.array([0.3, 1.2, 0.6, 0.9])),
    "weighted task maxima": ColumnL1Linf(np.array([0.3, 1.2, 0.6])),
    "weighted groups": SparseGroupLasso([[0, 2], [1, 3]], 0.3, 0.5, [2.0, 0.0]),
    "NonNegativeL1, weighted": NonNegativeL1(np.array([0.3, 1.2, 0.6])),
    "FusedTasks": FusedTasks(0.7),
    "free entries": L1(np.linspace(0.2, 1.3, D * T).reshape(D, T) * (np.arange(D * T).reshape(D, T) % 5 > 0)),
    "free task": L1(np.array([0.5, 0.0, 0.7])),
    "free rows": RowL21(np.array([0.3, 0.0, 0.6, 0.0])),
    "free column": ColumnL21(np.array([0.3, 0.0, 0.6])),
    "free row of maxima": RowL1Linf(np.array([0.3, 1.2, 0.0, 0.9])),
    "free column of maxima": ColumnL1Linf(np.array([0.3, 0.0, 0.6])),
    "free group": SparseGroupLasso([[0, 2], [1, 3]], 0.0, 0.5, [2.0, 0.0]),
    "fused block": Blocks([[0, 3], [1, 2]], [FusedTasks(0.5), Box(-0.3, 0.5)]),
    "fused part": InfimalConvolution(FusedTasks(0.6), L1(0.5)),
    "two semi-norms": InfimalConvolution(FusedTasks(0.6), RowL21(np.array([0.3, 0.0, 0.6, 0.9]))),
    "fused rows of a part": InfimalConvolution(OnRows(FusedTasks(0.6), [0, 2]), RowL21(0.8)),
    "rotated semi-norm": Rotated(FusedTasks(0.6), Q),
}
EVERY = pytest.mark.parametrize("name", PENALTIES)


@EVERY
def test_the_pieces_belong_together(name):
    report = check_penalty(PENALTIES[name], n_features=D, n_tasks=T, examples=60)
    assert report.passed, str(report)


def doubled(self, V, step):
    return type(self).__mro__[1].prox(self, V, 2 * step)


def inverted(self, V, step):
    return type(self).__mro__[1].prox(self, V, 1 / step if step > 0 else 0.0)


def a_little_off(self, V, step):
    return type(self).__mro__[1].prox(self, V, step) * V.dtype.type(0.999)


def transposed(self, V, step):
    right = type(self).__mro__[1].prox(self, V, step)
    return right[..., ::-1, :].copy() if step > 0 else right


CONSTRAINTS = ("Box", "CappedRows", "Simplex", "Scaled box")  # their prox knows no step
# Seconds each, so that most are with the deep tests.
FAULTS = [
    pytest.param(
        name,
        fault,
        id=f"{name}, {fault.__name__}",
        marks=[pytest.mark.deep] * (k % {a_little_off: 6, transposed: 3}.get(fault, 24) > 0),
    )
    for k, name in enumerate(PENALTIES)
    for fault in (a_little_off, transposed, doubled, inverted)
    if not (name in CONSTRAINTS and fault in (doubled, inverted))
]


@pytest.mark.parametrize(("name", "fault"), FAULTS)
def test_a_wrong_prox_is_found(name, fault):
    penalty = PENALTIES[name]
    cls = type("Faulty" + type(penalty).__name__, (type(penalty),), {"prox": fault})
    faulty = cls.__new__(cls)
    faulty.__dict__.update(vars(penalty))
    report = check_penalty(faulty, n_features=D, n_tasks=T, examples=20)
    assert not report.passed
    for finding in report.findings:
        example = {"np": np}
        exec(finding.code, example)
        shape = example["V"].shape
        assert shape == finding.shape == (D, T)[-len(shape) :] or shape == (penalty.n_parts, D, T)
        # A wrong prox is wrong somewhere: where the search is not cut short, a few entries show it.
        assert np.count_nonzero(example["V"]) <= max(D, T) * penalty.n_parts or finding.check == "expression"


def cvxpy_minimum(penalty, designs, targets, ridge, edges, intercept):
    """Designs and targets a task."""
    parts = [cp.Variable((D, T)) for _ in range(penalty.n_parts)]
    W, own = sum(parts[1:], start=parts[0]), parts if penalty.n_parts > 1 else parts[0]
    c = cp.Variable(T) if intercept else np.zeros(T)
    rows = enumerate(zip(designs, targets, strict=True))
    value = sum(cp.sum_squares(y - X @ W[:, t] - c[t]) for t, (X, y) in rows)
    value += expression(penalty, own) + ridge * cp.sum_squares(W)
    value += sum(g**2 * cp.sum_squares(W[:, i] - W[:, j]) for i, j, g in edges)
    problem = cp.Problem(cp.Minimize(value), constraints(penalty, own))
    tight = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 1e-11)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem.solve(solver=cp.CLARABEL, **tight)
    return problem.value


@EVERY
@settings(max_examples=30)
@given(data=st.data())
def test_brackets_overlap_with_cvxpy(name, data):
    check_brackets(name, data)


@pytest.mark.deep
@EVERY
@settings(max_examples=200, derandomize=False)
@given(data=st.data())
def test_brackets_overlap_with_cvxpy_at_length(name, data):
    check_brackets(name, data)


def check_brackets(name, data):
    """CLARABEL's value is within 1e-7 F(0) of the minimum; ours brackets it."""
    penalty = PENALTIES[name]
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    ridge = data.draw(st.sampled_from([0.0, 0.3])) if penalty.n_parts == 1 else 0.0
    edges = data.draw(st.sampled_from([None, [(0, 1, 0.8)]]))
    intercept, shared = data.draw(st.booleans()), data.draw(st.booleans())
    # What the penalty does not see is for the data to determine.
    free = not ridge and (len(null_space_of(penalty, D, T)) or penalty.unpenalised(T).any())
    n = data.draw(st.integers(D + 3 if free else 2, 12))
    X, Y = rng.standard_normal((n if shared else n * T, D)), rng.standard_normal((n, T))
    Y = 10 ** rng.uniform(-1, 1) * Y
    model = MultiTaskRegressor(penalty, ridge=ridge, graph=edges, fit_intercept=intercept, max_iter=10**5)
    if shared:
        model.fit(X, Y)
    else:
        model.fit(X, Y.T.ravel(), tasks=np.repeat(np.arange(T), n))
    certificate, zero = model.certificate_, float(np.sum(Y**2))
    assert certificate.converged
    assert certificate.reason == ""
    minimum = cvxpy_minimum(
        penalty, [X] * T if shared else np.split(X, T), Y.T, ridge, edges or (), intercept
    )
    assert certificate.dual - certificate.rounding <= minimum + 1e-7 * zero
    assert minimum <= certificate.primal + certificate.rounding + 1e-7 * zero


def test_the_seven_are_special_cases():
    rng = np.random.default_rng(1)
    X, Y = rng.standard_normal((20, D)), rng.standard_normal((20, T))
    # 2 sqrt(2) and sqrt(8) are the same float, so that the two graphs have the same edges to the last bit.
    pairs = [
        (MTLasso(0.7, 0.3), MultiTaskRegressor(L1(0.7), ridge=0.3)),
        (RobustMTL(0.7, 0.9), MultiTaskRegressor(InfimalConvolution(RowL21(0.7), ColumnL21(0.9)))),
        (SRMTL(4.0, 0.5, 0.3, "chain"), MultiTaskRegressor(L1(0.5), 0.3, [(0, 1, 2.0), (1, 2, 2.0)])),
    ]
    for one, other in pairs:
        np.testing.assert_array_equal(one.fit(X, Y).coef_, other.fit(X, Y).coef_)


class NoDual(Penalty):
    def value(self, W):
        return float(np.abs(W).sum())

    def prox(self, V, step):
        return L1(1.0).prox(V, step)


def test_without_polar_and_conjugate_the_certificate_says_so():
    rng = np.random.default_rng(2)
    X, Y = rng.standard_normal((20, D)), rng.standard_normal((20, T))
    model = MultiTaskRegressor(NoDual(), tol=1e-9).fit(X, Y)
    assert model.certificate_.converged
    assert model.certificate_.gap == np.inf
    assert "neither polar nor conjugate" in model.certificate_.reason
    # F is mu-strongly convex, so that ||W - W*|| is at most 2 / mu times the KKT residual of the one, and
    # sqrt(2 gap / mu) of the other.
    other = MTLasso(1.0, 0.0, tol=1e-14).fit(X, Y)
    mu = 2 * np.linalg.eigvalsh(X.T @ X)[0]
    gap = other.certificate_.gap + other.certificate_.rounding
    allowed = 2 * model.certificate_.kkt_residual / mu + np.sqrt(2 * gap / mu)
    assert np.linalg.norm(model.coef_ - other.coef_) <= allowed <= 1e-6
    with pytest.warns(ConvergenceWarning, match="neither polar nor conjugate"):
        MultiTaskRegressor(NoDual(), max_iter=2).fit(X, Y)


class NoProx(Penalty):
    def value(self, W):
        return 0.0


@pytest.mark.parametrize(
    ("penalty", "message"),
    [
        (3.0, "penalty: found float; expected a fista.penalties.Penalty"),
        (NoProx(), "penalty: found NoProx without prox"),
    ],
)
def test_what_is_missing_is_named(penalty, message):
    with pytest.raises(TypeError, match=message):
        MultiTaskRegressor(penalty).fit([[1.0]], [[1.0]])


WRONG = {
    r"low: found an array of shape \(3,\); expected one number": lambda: Box(np.zeros(3), np.ones(3)),
    r"weights: found \[\]; expected numbers": lambda: Slope([]),
    "groups: found an empty group; expected sequences": lambda: SparseGroupLasso([[0, 1], []]),
    "groups: found none; expected sequences": lambda: latent_groups([]),
    "weights: found 1; expected 2, one a group": lambda: latent_groups([[0], [1]], weights=[1.0]),
    "weights: found": lambda: Slope([1.0, 2.0]),
    "weights: found only zeros": lambda: Slope([0.0, 0.0]),
    "low, high: found 1": lambda: Box(1.0, 2.0),
    "alpha: found 0;": lambda: ExclusiveLasso(0.0),
    "alpha: found -1": lambda: TraceNorm(-1.0),
    "radius: found nan": lambda: CappedRows(np.nan),
    "rows: found the features": lambda: Blocks([[0], [0]], [L1(1.0), L1(1.0)]),
    "penalties: found 1; expected 2": lambda: Blocks([[0], [1]], [L1(1.0)]),
    "groups: found the features": lambda: SparseGroupLasso([[0, 1], [1]]),
    "Q: found columns that are not orthonormal": lambda: Rotated(L1(1.0), np.ones((2, 2))),
    "penalties: found 1; expected two": lambda: InfimalConvolution(L1(1.0)),
    "penalties: found one of several parts; expected penalties of one, side": lambda: InfimalConvolution(
        InfimalConvolution(L1(1.0), RowL21(1.0)), L1(1.0)
    ),
    "rows: found \\[0, 0, 1\\]": lambda: latent_groups([[0, 0, 1], [1, 2]]),
    "rows: found the feature 9; expected less than 3": lambda: latent_groups([[0, 1], [2, 9]]).value(
        np.zeros((2, 3, 2))
    ),
    "Q: found shape": lambda: Rotated(L1(1.0), np.ones((2, 3))),
    "expected 3, as many as W has": lambda: Blocks([[0], [1]], [L1(1.0)] * 2).value(np.zeros((3, 2))),
}


WRONG_TYPES = {
    "alpha: found 'a' of type str; expected a finite weight >= 0, or one a task": lambda: L1("a"),
    "alpha: found '1' of type str": lambda: RowL21("1"),
    "alpha: found 'x' of type str; expected a number": lambda: TraceNorm("x"),
    "alpha: found True of type bool": lambda: L1(True),
    "alpha: found 1j of type complex": lambda: L1(1j),
    r"alpha: found \[\[1\], \[1, 2\]\] of type list": lambda: L1([[1], [1, 2]]),
    "low: found 'a' of type str; expected a number": lambda: Box("a", 1),
    "weights: found 'a' of type str": lambda: Slope("a"),
    "Q: found 'a' of type str; expected a square matrix": lambda: Rotated(L1(1.0), "a"),
    "groups: found 0 where a group belongs; expected sequences of features": lambda: SparseGroupLasso([0, 1]),
    "groups: found 3; expected sequences of features": lambda: SparseGroupLasso(3),
    "groups: found the feature 'a'; expected positions 0, 1": lambda: SparseGroupLasso([["a", "b"], ["c"]]),
    "groups: found the feature 0.0; expected positions": lambda: latent_groups([[0.0]]),
    "groups: found 1 where a group": lambda: latent_groups([[0], 1]),
    "rows: found 0 where a group belongs": lambda: Blocks([0, 1], [L1(1.0), L1(1.0)]),
    "penalties: found L1.* expected a sequence of penalties": lambda: Blocks([[0], [1]], L1(1.0)),
    "penalties: found the class L1; expected an instance of it, such as L1": lambda: InfimalConvolution(
        L1, TraceNorm
    ),
    "penalties: found a list of 2; expected the penalties themselves, side by side": lambda: (
        InfimalConvolution([L1(1.0), TraceNorm(1.0)])
    ),
    "penalties: found 2.0 of type float; expected a Penalty": lambda: InfimalConvolution(L1(1.0), 2.0),
    "penalties: found the class L1": lambda: Blocks([[0], [1]], [L1, L1]),
    "penalty: found 3.0 of type float; expected a Penalty": lambda: Scaled(3.0, 2.0),
    "penalty: found 'l1' of type str; expected a Penalty": lambda: Elastic("l1"),
    "penalty: found the class L1; expected an instance": lambda: Rotated(L1, np.eye(3)),
    "penalty: found the class L1; expected an instance of it": lambda: MultiTaskRegressor(L1).fit(*DATA),
    "penalty: found the class TraceNorm; expected an": lambda: MultiTaskClassifier(TraceNorm).fit(*DATA),
}
DATA = np.eye(D), np.eye(D)[:, :T]


@pytest.mark.parametrize("message", WRONG)
def test_wrong_parameters(message):
    with pytest.raises(ValueError, match=message):
        WRONG[message]()


@pytest.mark.parametrize("message", WRONG_TYPES)
def test_parameters_of_a_wrong_type(message):
    with pytest.raises(TypeError, match=message):
        WRONG_TYPES[message]()


WRONG_SHAPES = {
    "alpha: found weights for 2 tasks; expected 3": [
        L1(np.ones(2)),
        L1(np.ones((2, 2))),
        Scaled(L1(np.ones(2)), 2.0),
    ],
    r"alpha: found shape \(9, 3\); expected one of \(4, 3\), \(4, 1\), \(3,\), \(\)": [L1(np.ones((9, 3)))],
    r"alpha: found shape \(9, 1\); expected": [L1(np.ones((9, 1))), NonNegativeL1(np.ones((9, 1)))],
    r"alpha: found shape \(2,\); expected": [NonNegativeL1(np.ones(2))],
    "alpha: found 2; expected 3, one a column": [ColumnL21(np.ones(2)), ColumnL1Linf(np.ones(2))],
    "alpha: found 2; expected 4, one a row": [RowL21(np.ones(2)), RowL1Linf(np.ones(2))],
    r"Q: found shape \(3, 3\); expected \(4, 4\), for as many features": [Rotated(L1(1.0), np.eye(3))],
    "rows: found the feature 9; expected less than 4": [
        latent_groups([[0, 1], [2, 9]]),
        OnRows(L1(1.0), [9]),
    ],
}


@pytest.mark.parametrize("message", WRONG_SHAPES)
def test_penalties_of_another_shape_are_named_by_a_fit(message):
    for penalty in WRONG_SHAPES[message]:
        with pytest.raises(ValueError, match=message):
            MultiTaskRegressor(penalty).fit(*DATA)
    if "weights for" in message:
        with pytest.raises(ValueError, match=message):
            L1(np.ones(2)).unpenalised(T)


def test_parameters_of_nested_penalties_are_searched():
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((30, D)), rng.standard_normal((30, T))
    model = MultiTaskRegressor(Scaled(Elastic(TraceNorm(1.0), 0.3), 2.0))
    listed = model.get_params()
    assert listed["penalty__factor"] == 2.0
    assert listed["penalty__penalty__beta"] == 0.3
    assert listed["penalty__penalty__penalty__alpha"] == 1.0
    assert set(model.penalty.get_params(deep=False)) == {"penalty", "factor"}
    grid = {"penalty__penalty__penalty__alpha": [0.1, 100.0], "penalty__factor": [1.0, 3.0]}
    search = GridSearchCV(model, grid, cv=3).fit(X, Y)
    assert len({round(s, 12) for s in search.cv_results_["mean_test_score"]}) > 2
    assert model.penalty.penalty.penalty.alpha == 1.0
    copy = clone(model).set_params(penalty__penalty=L1(5.0), penalty__factor=4.0)
    assert (copy.penalty.factor, copy.penalty.penalty.alpha) == (4.0, 5.0)
    copy.set_params(penalty__penalty=RowL21(5.0), penalty__penalty__alpha=6.0)
    assert repr(copy.penalty) == "Scaled(penalty=RowL21(alpha=6.0), factor=4.0)"
    with pytest.raises(ValueError, match="beta: found no such parameter of TraceNorm"):
        model.set_params(penalty__penalty__penalty__beta=1.0)
    with pytest.raises(ValueError, match="factor__alpha: found no penalty factor in Scaled; expected one of"):
        model.penalty.set_params(factor__alpha=1.0)


@pytest.mark.parametrize("estimator", [MultiTaskRegressor, MultiTaskClassifier])
def test_the_warning_points_at_the_call_of_fit(estimator):
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((30, D)), rng.standard_normal((30, T)) > 0
    with pytest.warns(ConvergenceWarning) as caught:
        estimator(max_iter=1, tol=0.0).fit(X, Y)
    assert caught[0].filename == __file__


def test_a_frame_is_a_graph():
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((30, D)), rng.standard_normal((30, T))
    adjacency = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 2.0], [0.0, 2.0, 0.0]])
    for labels in (None, ["a", "b", "c"]):
        frame = pd.DataFrame(adjacency, index=labels, columns=labels)
        one, other = (MultiTaskRegressor(L1(1.0), graph=graph) for graph in (frame, adjacency))
        np.testing.assert_array_equal(one.fit(X, Y).coef_, other.fit(X, Y).coef_)
        assert verify(one, X, Y, solvers=["CLARABEL"]).agree
    for rows, columns in (("abc", "acb"), ("bac", "bac")):
        frame = pd.DataFrame(adjacency, index=list(rows), columns=list(columns))
        with pytest.raises(ValueError, match=r"graph: found a DataFrame with rows .* in the order of tasks_"):
            MultiTaskRegressor(graph=frame).fit(X, Y)
        with pytest.raises(ValueError, match="graph must have the same labels"):
            formulations.MultiTaskRegressor(graph=frame).fit(X, Y)


def test_rows_that_nothing_penalises_are_certified_beside_others():
    rng = np.random.default_rng(4)
    X, Y = rng.standard_normal((20, D)), rng.standard_normal((20, T))
    for free in (L1(0.0), L1(np.zeros(T)), TraceNorm(0.0)):
        model = MultiTaskRegressor(Blocks([[0], [1, 2, 3]], [free, RowL21(9.0)]), tol=1e-9).fit(X, Y)
        assert model.certificate_.converged
        assert model.coef_[:, 0].all()
    model = MultiTaskRegressor(latent_groups([[0], [1, 2, 3]], 9.0, weights=[0.0, 1.0]), tol=1e-9).fit(X, Y)
    assert model.certificate_.converged


def test_rotated_constraints_hold_but_for_rounding():
    rng = np.random.default_rng(5)
    X, Y = rng.standard_normal((20, D)), rng.standard_normal((20, T))
    for penalty in (NonNegativeL1(0.5), Box(0.0, 0.3), Simplex(1.0)):
        model = MultiTaskRegressor(Rotated(penalty, Q), ridge=0.1).fit(X, Y)
        assert model.certificate_.converged
    assert Rotated(Box(0.0, 0.3), Q).value(Q @ np.full((D, T), -1e-3)) == np.inf


def test_one_group_is_no_convolution():
    rng = np.random.default_rng(6)
    X, Y = rng.standard_normal((20, D)), rng.standard_normal((20, T))
    one = MultiTaskRegressor(latent_groups([[0, 1]], 2.0), tol=1e-9).fit(X, Y)
    assert one.certificate_.converged
    assert not one.coef_[:, 2:].any()


def test_a_warm_start_of_another_penalty_is_none():
    rng = np.random.default_rng(7)
    X, Y = rng.standard_normal((20, D)), rng.standard_normal((20, T))
    model = MultiTaskRegressor(L1(1.0), warm_start=True).fit(X, Y)
    model.set_params(penalty=InfimalConvolution(L1(1.0), RowL21(2.0))).fit(X, Y)
    assert set(model.parts_) == {"W1", "W2"}
    assert model.fit(X[:, :2], Y).coef_.shape == (T, 2)


def test_parameters_are_searched_and_cloned():
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((30, D)), rng.standard_normal((30, T))
    search = GridSearchCV(MultiTaskRegressor(TraceNorm(1.0)), {"penalty__alpha": [0.1, 100.0]}, cv=3).fit(
        X, Y
    )
    assert search.best_params_["penalty__alpha"] in (0.1, 100.0)
    assert len({round(s, 12) for s in search.cv_results_["mean_test_score"]}) == 2
    model = MultiTaskRegressor(L1(2.0))
    copy = clone(model).set_params(penalty__alpha=3.0)
    assert (model.penalty.alpha, copy.penalty.alpha) == (2.0, 3.0)
    with pytest.raises(ValueError, match="beta: found no such parameter of L1"):
        model.set_params(penalty__beta=1.0)


def test_lambda_max_is_that_of_a_norm():
    X, Y = np.eye(4), np.arange(12.0).reshape(4, 3)
    model = MultiTaskRegressor(TraceNorm(1.0))
    factor = model.lambda_max(X, Y)
    assert not MultiTaskRegressor(TraceNorm(factor * 1.001)).fit(X, Y).coef_.any()
    assert MultiTaskRegressor(TraceNorm(factor * 0.9)).fit(X, Y).coef_.any()
    with pytest.raises(TypeError, match="expected a norm"):
        MultiTaskRegressor(ExclusiveLasso()).lambda_max(X, Y)


@parametrize_with_checks([MultiTaskRegressor(), MultiTaskRegressor(TraceNorm(1.0), ridge=0.5)])
def test_check_estimator(estimator, check):
    check(estimator)
