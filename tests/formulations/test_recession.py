"""What expressions grow like far out: by their definition, at points; and which of them are homogeneous."""

import cvxpy as cp
import numpy as np
import pytest

from fista.penalties import Penalty
from formulations.conjugates import dual_of
from formulations.recession import recession
from tests.fista.test_library import PENALTIES, D, T

SHAPE = (3, 2)
ONES = np.ones(SHAPE)


def indicator(*constraints):
    return cp.transforms.indicator(list(constraints), err_tol=0.0)


NORMS = {
    "l1": cp.norm1,
    "Frobenius": lambda W: cp.norm(W, "fro"),
    "trace": cp.normNuc,
    "spectral": cp.sigma_max,
    "mixed": lambda W: cp.mixed_norm(W, 2, 1),
    "p": lambda W: cp.pnorm(cp.vec(W, order="C"), 3),
    "slope": lambda W: cp.sum_largest(cp.abs(W), 2) + 0.5 * cp.norm1(W),
    "dotsort": lambda W: cp.dotsort(cp.abs(cp.vec(W, order="C")), np.arange(6.0)),
    "differences": lambda W: cp.sum(cp.abs(cp.diff(W, axis=1))),
    "total variation": cp.tv,
    "maximum": lambda W: cp.maximum(cp.norm1(W), 2 * cp.norm(W, "fro")),
    "positive part": lambda W: cp.sum(cp.pos(W)) + cp.sum(cp.neg(2 * W)),
    "tilted": lambda W: 2 * cp.norm1(W) - cp.sum(W) / 2,
    "cone": lambda W: indicator(W >= 0),
    "another cone": lambda W: (
        cp.norm1(W) + indicator(cp.sum(W, axis=0) == 0, cp.norm1(W) <= 3 * cp.sum(W[0]))
    ),
}
OTHERS = {
    "prior": lambda W: cp.norm(W - ONES, "fro"),
    "dead zone": lambda W: cp.sum(cp.pos(cp.abs(W) - 20.0)),
    "plus a constant": lambda W: cp.norm1(W) + 7,
    "plus almost nothing": lambda W: cp.norm(W, "fro") + 1e-9,
    "hinge": lambda W: cp.sum(cp.pos(1 - W)),
    "Huber": lambda W: cp.sum(cp.huber(W, 2)),
    "logistic": lambda W: cp.sum(cp.logistic(3 * W)),
    "log-sum-exp": cp.log_sum_exp,
    "squares": lambda W: cp.sum_squares(W[0, :]) + cp.norm1(W),
    "squares of rows": lambda W: cp.sum_squares(cp.sum(cp.abs(W), axis=1)),
    "a power": lambda W: cp.sum(cp.power(cp.abs(W), 1.5)),
    "a quadratic form": lambda W: cp.quad_form(W[:, 0], np.diag([1.0, 2.0, 0.0])) + cp.norm1(W),
    "entropy": lambda W: cp.sum(-cp.entr(W + 5)),
    "barrier": lambda W: -cp.sum(cp.log(W + 5)),
    "exponential": lambda W: cp.sum(cp.exp(W)),
    "box": lambda W: indicator(cp.abs(W) <= 0.5),
    "ball and norm": lambda W: cp.norm1(W) + indicator(cp.normNuc(W) <= 1),
    "half-spaces": lambda W: cp.norm1(W) + indicator(W >= -1),
}


def directions():
    """Random ones, and others with zeros and of one sign."""
    rng = np.random.default_rng(0)
    first = [rng.standard_normal(SHAPE) for _ in range(4)]
    return [
        *first,
        np.eye(*SHAPE),
        -np.eye(*SHAPE),
        np.abs(first[0]),
        -np.abs(first[1]),
        np.diag([0, 0, 1.0])[:, 1:],
    ]


def value(expression, W, at):
    W.value = at
    with np.errstate(all="ignore"):
        found = expression.value
    return np.inf if found is None or np.isnan(found) else float(found)


def far_value(found, W, at):
    W.value = at
    if any(np.max(c.violation()) > 1e-12 for c in found.constraints):
        return np.inf
    return float(found.value.value)


@pytest.mark.parametrize("declare", NORMS.values(), ids=NORMS)
def test_what_is_homogeneous_is_its_own_recession(declare):
    W = cp.Variable(SHAPE)
    expression = declare(W)
    found = recession(expression)
    assert found.homogeneous
    for d in directions():
        assert far_value(found, W, d) == pytest.approx(value(expression, W, d), rel=1e-12, abs=1e-14)
        for t in (1e-6, 1e6):
            assert value(expression, W, t * d) == pytest.approx(
                t * value(expression, W, d), rel=1e-9, abs=1e-20
            )


@pytest.mark.parametrize("declare", OTHERS.values(), ids=OTHERS)
def test_the_recession_is_the_limit(declare):
    """Omega(t d) / t at t = 1e12, where constants of some tens leave 1e-10.

    What grows faster, by a logarithm at least, has grown by log(1e12) / log(1e4) = 3 since t = 1e4.
    """
    W = cp.Variable(SHAPE)
    expression = declare(W)
    found = recession(expression)
    assert not found.homogeneous
    assert found.value.is_convex()
    assert all(constraint.is_dcp() for constraint in found.constraints)
    for d in directions():
        near, limit = (value(expression, W, t * d) / t for t in (1e4, 1e12))
        claimed = far_value(found, W, d)
        if np.isinf(claimed):
            assert limit == np.inf or limit > 2 * near
        else:
            assert limit == pytest.approx(claimed, abs=1e-9)


def test_what_is_not_known_is_not_guessed():
    W = cp.Variable(SHAPE)
    assert recession(cp.quad_over_lin(W, cp.sum(W) + 1)) is None
    assert recession(cp.norm1(W) + cp.sum(cp.kl_div(W, ONES))) is None
    assert recession(indicator(cp.SOC(cp.sum(W), W[:, 0]))) is None


@pytest.mark.parametrize("name", PENALTIES)
def test_the_library_is_told_apart(name):
    """Norms and gauges have a polar and no conjugate; what has a conjugate is none."""
    assert dual_of(PENALTIES[name], D, T).is_norm == (not hasattr(PENALTIES[name], "conjugate"))


def test_a_kink_away_from_zero_is_seen():
    """|w_0| + max(w_0 - w_1 - 8, 0) is constant along w_1 about 0: its conjugate at (1.5, 0) is inf."""

    class Kinked(Penalty):
        def expression(self, W):
            return cp.abs(W[0, 0]) + cp.pos(W[0, 0] - W[1, 0] - 8)

    dual = dual_of(Kinked(), 2, 1)
    assert not dual.all_unseen.size
    assert dual.conjugate(np.array([[1.5], [0.0]]), np.zeros((2, 1)))[0] == np.inf
