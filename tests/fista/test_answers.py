"""A penalty whose methods return what is no number or no matrix is refused before the first iteration."""

import numpy as np
import pytest

from fista import MultiTaskClassifier, MultiTaskRegressor, path
from fista.penalties import L1, Blocks, Elastic, InfimalConvolution, Penalty, Rotated, RowL21, Scaled

D, T = 4, 3
rng = np.random.default_rng(0)
X = rng.standard_normal((20, D))
Y = X @ rng.standard_normal((D, T)) + rng.standard_normal((20, T))


def mine(**methods):
    return type("Mine", (RowL21,), methods)(1.0)


def without_sum(self, W):
    return self.alpha * np.linalg.norm(W, axis=1)


WRONG = {
    # methods, error, message
    "value, array": ({"value": without_sum}, TypeError, r"Mine.value returns an array of shape \(4,\)"),
    "value, one entry": (
        {"value": lambda self, W: np.array([1.0])},
        TypeError,
        r"Mine.value returns an array of shape \(1,\) and type float64; expected a number \(is a sum missing",
    ),
    "value, None": ({"value": lambda self, W: None}, TypeError, "Mine.value returns None; expected a number"),
    "value, text": ({"value": lambda self, W: "1"}, TypeError, "Mine.value returns '1' of type str"),
    "value, complex": ({"value": lambda self, W: 1j}, TypeError, "Mine.value returns 1j of type complex"),
    "value, NaN": ({"value": lambda self, W: np.nan}, ValueError, "Mine.value returns NaN"),
    "prox, None": (
        {"prox": lambda self, V, s: None},
        TypeError,
        r"Mine.prox returns None; .* shape \(4, 3\)",
    ),
    "prox, list": ({"prox": lambda self, V, s: V.tolist()}, TypeError, "Mine.prox returns .* of type list"),
    "prox, shape": (
        {"prox": lambda self, V, s: V.T},
        ValueError,
        r"Mine.prox returns an array of shape \(3, 4\); expected \(4, 3\)",
    ),
    "prox, flat": ({"prox": lambda self, V, s: V.ravel()}, ValueError, r"Mine.prox .* shape \(12,\)"),
    "prox, NaN": ({"prox": lambda self, V, s: V * np.nan}, ValueError, "Mine.prox returns NaN or infinity"),
    "prox, complex": ({"prox": lambda self, V, s: V * 1j}, TypeError, "Mine.prox .* type complex128"),
    "polar, array": (
        {"polar": lambda self, G: np.linalg.norm(G, axis=1)},
        TypeError,
        r"Mine.polar returns an array of shape \(4,\)",
    ),
    "polar, NaN": ({"polar": lambda self, G: np.nan}, ValueError, "Mine.polar returns NaN"),
    "conjugate, array": (
        {"conjugate": lambda self, G, E: 0 * G},
        TypeError,
        r"Mine.conjugate returns an array of shape \(4, 3\)",
    ),
    "conjugate, None": ({"conjugate": lambda self, G, E: None}, TypeError, "Mine.conjugate returns None"),
    "task values": (
        {"separable": True, "task_values": lambda self, W: 1.0, "task_polars": lambda self, G: G[0]},
        TypeError,
        r"Mine.task_values returns 1.0 of type float; expected an array of shape \(3,\)",
    ),
    "task polars": (
        {"separable": True, "task_values": lambda self, W: W[0], "task_polars": lambda self, G: G},
        ValueError,
        r"Mine.task_polars returns an array of shape \(4, 3\); expected \(3,\)",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_answer_is_refused_with_class_and_method(name):
    methods, error, message = WRONG[name]
    for model, targets in (
        (MultiTaskRegressor(mine(**methods)), Y),
        (MultiTaskRegressor(mine(**methods), loss="huber", fit_intercept=True), Y),
        (MultiTaskClassifier(mine(**methods), ridge=0.1), Y > 0),
    ):
        with pytest.raises(error, match=f"penalty: found that {message}"):
            model.fit(X, targets)


@pytest.mark.parametrize(
    "penalty",
    [
        lambda p: Scaled(p, 2.0),
        lambda p: Elastic(p, 0.3),
        lambda p: Rotated(p, np.eye(D)),
        lambda p: InfimalConvolution(L1(1.0), p),
        lambda p: Blocks([[0, 2], [1, 3]], [L1(1.0), Scaled(p, 2.0)]),
    ],
)
def test_a_part_is_asked_too(penalty):
    with pytest.raises(TypeError, match=r"penalty: found that Mine\.value returns an array of shape"):
        MultiTaskRegressor(penalty(mine(value=without_sum))).fit(X, Y)


def test_a_path_is_refused_as_a_fit_is():
    with pytest.raises(TypeError, match=r"Mine\.value returns an array"):
        path(MultiTaskRegressor(mine(value=without_sum)), X, Y, alphas=[1.0, 0.5])
    with pytest.raises(TypeError, match=r"Mine\.polar returns an array"):
        MultiTaskRegressor(mine(polar=lambda self, G: G)).lambda_max(X, Y)


@pytest.mark.parametrize("kind", [float, np.float32, np.float64, np.asarray, lambda v: int(v * 0)])
def test_numbers_are_numbers_of_any_type(kind):
    class Mine(RowL21):
        def value(self, W):
            return kind(super().value(W))

    MultiTaskRegressor(Mine(1.0), max_iter=100).fit(X, Y)


def test_inf_is_a_number():
    """0 need not be allowed, and undefined there a value may be, too: it is nowhere compared with that."""

    class Positive(RowL21):
        def value(self, W):
            with np.errstate(divide="ignore", invalid="ignore"):
                return float(-np.log(W).sum())

        def prox(self, V, step):
            return 0.5 * (V + np.sqrt(V**2 + 4 * step))

        def conjugate(self, G, E):
            return np.inf

    with pytest.warns(match="stopped at max_iter"):
        MultiTaskRegressor(Positive(1.0), max_iter=50).fit(X, Y)


def test_the_questions_are_asked_once():
    calls = []

    class Counted(RowL21):
        def prox(self, V, step):
            calls.append(step)
            return super().prox(V, step)

    model = MultiTaskRegressor(Counted(1.0), tol=0.0, max_iter=1).fit
    with pytest.warns(match="stopped"):
        model(X, Y)
    few = len(calls)
    calls.clear()
    with pytest.warns(match="stopped"):
        MultiTaskRegressor(Counted(1.0), tol=0.0, max_iter=2).fit(X, Y)
    assert len(calls) - few <= 3  # a step, tried again


def test_parts_and_wrappers_of_ones_own_are_called_as_they_are():
    """With K parts the prox is of K x D x T; an attribute named `penalty` is its owner's business."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((30, 6)), rng.standard_normal((30, 2))

    class Two(Penalty):
        n_parts = 2

        def value(self, W):
            assert W.ndim == 3
            return float(np.abs(W).sum())

        def prox(self, V, step):
            assert V.ndim == 3
            return np.sign(V) * np.maximum(np.abs(V) - step, 0.0)

        def polar(self, G):
            return float(np.abs(G).max())

    class Transposed(Penalty):
        def __init__(self):
            self.penalty = RowL21(np.array([1.0, 2.0]))

        def value(self, W):
            return self.penalty.value(W.T)

        def prox(self, V, step):
            return self.penalty.prox(V.T, step).T

        def polar(self, G):
            return self.penalty.polar(G.T)

    for penalty in (Two(), Transposed()):
        assert MultiTaskRegressor(penalty).fit(X, Y).certificate_.converged
