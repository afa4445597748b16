"""Delays that are known are found, within the grid; correction takes them out."""

import numpy as np
import pandas as pd
import pytest

from affect.annotations import correct_lags, estimate_lags
from tests.affect.traces import annotations, trace

STEP = 0.1


def profile(t, clip=0):
    return 0.4 * np.sin((t + 31 * clip) / 3.1) + 0.3 * np.sin((t + 17 * clip) / 1.3)


def late(lags, clips=1, rate=10, seconds=80, **more):
    times = np.round(np.arange(seconds * rate) / rate, 6)
    return [
        trace(profile(times - lag, clip), times, clip=f"c{clip}", rater=rater, **more)
        for rater, lag in lags.items()
        for clip in range(clips)
    ]


def found(held, **more):
    return estimate_lags(held, **more).set_index("rater")["lag"]


def test_delays_against_a_reference():
    lags = {"a": 0.0, "b": 0.3, "c": 1.7, "early": -0.6}
    held = annotations(*late(lags, clips=2), *late({"truth": 0.0}, clips=2, population="expert"))
    table = estimate_lags(held, reference="expert").set_index("rater")
    # Delays are multiples of the step, where the correlation is 1.
    np.testing.assert_allclose(table["lag"], pd.Series(lags), atol=1e-9)
    np.testing.assert_allclose(table["correlation"], 1.0, rtol=1e-12)
    assert (table["without"] <= table["correlation"]).all()
    assert not table["at_bound"].any()
    assert "truth" not in table.index


@pytest.mark.parametrize("raters", [2, 3, 8])
def test_delays_against_the_others_are_those_against_the_mean_of_all(raters):
    lags = {f"r{k}": 0.4 * k for k in range(raters)}
    table = found(annotations(*late(lags)))
    expected = pd.Series(lags) - np.mean(list(lags.values()))
    # A mean of shifted profiles is not quite a profile shifted by the mean: two steps for the widest spread.
    np.testing.assert_allclose(table, expected, atol=2 * STEP)


def test_correction_brings_raters_together():
    lags = {"a": 0.0, "b": 1.0, "c": 2.0, "d": 3.0}
    held = annotations(*late(lags, clips=2))
    before = found(held)
    after = found(correct_lags(held, estimate_lags(held)))
    assert np.ptp(before) > 2.5
    assert np.ptp(after) < 0.5


def test_two_raters_meet_and_do_not_swap():
    held = annotations(*late({"a": 0.0, "b": 1.0}))
    np.testing.assert_allclose(found(held), [-0.5, 0.5], atol=1e-9)
    np.testing.assert_allclose(found(correct_lags(held, estimate_lags(held))), [0, 0], atol=1e-9)


def test_delays_at_one_hertz_are_found_to_the_second():
    held = annotations(*late({"a": 0.0, "b": 2.0}, rate=1), *late({"e": 0.0}, rate=1, population="expert"))
    np.testing.assert_allclose(found(held, reference="expert"), [0.0, 2.0], atol=1e-9)


def test_a_delay_beyond_the_bound_is_not_known():
    held = annotations(*late({"slow": 3.0}), *late({"e": 0.0}, population="expert"))
    table = estimate_lags(held, bound=2.0, reference="expert")
    assert table["at_bound"].tolist() == [True]
    moved = correct_lags(held, table)
    pd.testing.assert_frame_equal(moved.traces, held.traces)


def test_who_has_no_correlation_has_no_delay():
    times = np.arange(80.0)
    still = trace(np.full(80, 0.1), times, clip="c0", rater="still")
    table = found(annotations(*late({"a": 0.0, "b": 1.0}), still))
    assert np.isnan(table["still"])
    # The two others are as if it was not there.
    np.testing.assert_allclose(table[["a", "b"]], [-0.5, 0.5], atol=1e-9)
    alone = estimate_lags(annotations(*late({"a": 0.0})))
    assert alone["lag"].isna().all()


def test_correction_moves_samples_earlier_and_drops_what_leaves_the_clip():
    held = annotations(trace([0.1, 0.2, 0.3]), trace([0.4, 0.5], rater="s"), trace([0.7], rater="u"))
    lags = pd.DataFrame(
        {"population": "crowd", "dimension": "arousal", "rater": ["r", "s", "u"], "lag": [1.0, -1.5, np.nan]}
    )
    moved = correct_lags(held, lags).traces
    assert moved[["rater", "time", "value"]].values.tolist() == [
        ["r", 0.0, 0.2],
        ["r", 1.0, 0.3],
        ["s", 1.5, 0.4],
        ["s", 2.5, 0.5],
        ["u", 0.0, 0.7],
    ]
    assert held.traces["time"].tolist() == [0, 1, 2, 0, 1, 0]


def test_dimensions_have_delays_of_their_own():
    held = annotations(
        *late({"a": 0.0}),
        *late({"a": 1.0}, dimension="valence"),
        *late({"e": 0.0}, population="expert"),
        *late({"e": 0.0}, population="expert", dimension="valence"),
    )
    table = estimate_lags(held, reference="expert").set_index("dimension")["lag"]
    np.testing.assert_allclose(table[["arousal", "valence"]], [0.0, 1.0], atol=1e-9)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"bound": 0}, "bound, step"),
        ({"step": 0}, "bound, step"),
        ({"reference": "truth"}, "reference: found 'truth'"),
    ],
)
def test_wrong_calls(more, message):
    with pytest.raises(ValueError, match=message):
        estimate_lags(annotations(trace([0.1, 0.2])), **more)
