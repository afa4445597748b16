"""One profile from many raters."""

import numpy as np
import pytest

from affect.annotations import evaluator_weights, fuse
from tests.affect.traces import annotations, trace

EPS = np.finfo(float).eps


def test_median_and_mean_of_those_who_rated_the_second():
    held = annotations(
        trace([0.0, 0.1, 0.2]), trace([0.3, 0.5], rater="s"), trace([0.9, -0.3, 0.4], [0, 1, 3], rater="x")
    )
    median = fuse(held)
    assert median[["time", "value", "raters"]].values.tolist() == [
        [0, 0.3, 3],
        [1, 0.1, 3],
        [2, 0.2, 1],
        [3, 0.4, 1],
    ]
    mean = fuse(held, "mean")
    np.testing.assert_allclose(mean["value"], [0.4, 0.1, 0.2, 0.4], rtol=4 * EPS)


def test_populations_dimensions_and_clips_stay_apart():
    held = annotations(
        trace([0.1]),
        trace([0.9], rater="e", population="expert"),
        trace([0.5], dimension="valence"),
        trace([0.7], clip="b"),
    )
    rows = fuse(held)[["clip", "population", "dimension", "value"]].values.tolist()
    assert sorted(rows) == [
        ["a", "crowd", "arousal", 0.1],
        ["a", "crowd", "valence", 0.5],
        ["a", "expert", "arousal", 0.9],
        ["b", "crowd", "arousal", 0.7],
    ]


def test_weights_are_correlations_with_the_mean_by_hand():
    # Mean (0, 1, 2) of r = (0, 1, 2) and s = (0, 1, 2) and x = (0, 1, 2); then of x = (2, 0, 1), where
    # the mean is (2, 2, 5) / 3: deviations (-1, -1, 2) / 3 against (-1, 0, 1) of r give
    # 3 / sqrt(6 * 2) = 0.8660 and against (1, -1, 0) of x give 0.
    held = annotations(
        trace([0, 0.1, 0.2], rater="r"), trace([0, 0.1, 0.2], rater="s"), trace([0.2, 0, 0.1], rater="x")
    )
    table = evaluator_weights(held).set_index("rater")["correlation"]
    np.testing.assert_allclose(table[["r", "s"]], np.sqrt(3) / 2, rtol=16 * EPS)
    assert abs(table["x"]) < 16 * EPS
    np.testing.assert_allclose(fuse(held, "weighted")["value"], [0, 0.1, 0.2], atol=32 * EPS)


def test_weights_are_over_all_clips_and_never_negative():
    # On clip a alone r would be constant.
    held = annotations(
        trace([0.0, 0.0]),
        trace([0.5, 0.5], clip="b"),
        trace([0.1, 0.2], rater="s"),
        trace([0.7, 0.8], clip="b", rater="s"),
        trace([0.3, 0.2], rater="against"),
        trace([-0.3, -0.4], clip="b", rater="against"),
        trace([0.1, 0.1], rater="still"),
    )
    table = evaluator_weights(held).set_index("rater")
    assert (table.loc[["r", "s"], "weight"] == table.loc[["r", "s"], "correlation"]).all()
    assert (table.loc[["r", "s"], "weight"] > 0.9).all()
    assert table.loc["against", "correlation"] < 0
    assert table.loc["against", "weight"] == 0
    assert np.isnan(table.loc["still", "correlation"])
    assert table.loc["still", "weight"] == 0


def test_who_did_not_rate_a_second_has_no_say_in_it():
    held = annotations(trace([0.0, 0.5, 1.0]), trace([0.0, 0.5], rater="s"))
    fused = fuse(held, "weighted")
    np.testing.assert_allclose(fused["value"], [0.0, 0.5, 1.0], atol=4 * EPS)
    assert fused["raters"].tolist() == [2, 2, 1]


def test_one_rater_is_the_profile_and_nobody_of_weight_is_none():
    np.testing.assert_allclose(fuse(annotations(trace([0.5, 0.5])), "weighted")["value"], 0.5)
    assert fuse(annotations(trace([0.5, 0.5]), trace([0.1, 0.1], rater="s")), "weighted").empty
    with pytest.raises(ValueError, match="how: found 'best'"):
        fuse(annotations(trace([0.5])), "best")


def test_weighting_is_better_than_the_mean_where_some_rate_noise():
    rng = np.random.default_rng(0)
    truth = np.sin(np.arange(200) / 10) / 2
    good = [trace(truth + 0.05 * rng.standard_normal(200), rater=f"g{k}") for k in range(5)]
    bad = [trace(0.4 * rng.standard_normal(200).clip(-2, 2), rater=f"b{k}") for k in range(5)]
    held = annotations(*good, *bad)
    error = {how: ((fuse(held, how)["value"] - truth) ** 2).mean() for how in ("mean", "weighted")}
    # The mean halves the signal: an error of a quarter of its power of 1/8. Weights keep most of it.
    assert error["weighted"] < error["mean"] / 2
