"""Media time: seconds, ends and halves of clips, pieces of films."""

import numpy as np
import pytest

from affect.annotations import half, last_seconds, matrix, resample, segments
from affect.annotations.seconds import second_of
from tests.affect.traces import annotations, trace


def test_a_second_is_the_mean_of_its_samples_and_of_nothing_else():
    held = annotations(trace([0.0, 0.3, 0.6, 1.0, -1.0], [0.0, 0.25, 0.999, 1.0, 3.5]))
    one = resample(held)
    assert one.traces["time"].tolist() == [0.0, 1.0, 3.0]
    np.testing.assert_allclose(one.traces["value"], [0.3, 1.0, -1.0], rtol=4 * np.finfo(float).eps)
    assert one.clips.equals(held.clips)
    assert resample(one).traces.equals(one.traces)


def test_sample_counts_do_not_matter_between_seconds():
    dense = trace(
        np.where(np.arange(110) < 100, 0.2, 0.4), [*(np.arange(100) / 100), *(1 + np.arange(10) / 10)]
    )
    np.testing.assert_allclose(resample(annotations(dense)).traces["value"], [0.2, 0.4], rtol=1e-14)


@pytest.mark.parametrize("rate", [3, 7, 10, 25, 30])
def test_times_that_binary_cannot_hold_are_in_their_second(rate):
    summed = np.cumsum(np.full(60 * rate, 1 / rate)) - 1 / rate
    assert (np.bincount(second_of(summed)) == rate).all()
    assert (second_of(np.arange(60 * rate) / rate) == np.repeat(np.arange(60), rate)).all()


def test_the_last_seconds_of_clips_of_any_length():
    held = annotations(
        trace(np.arange(60) / 100), trace(np.arange(73) / 100, clip="b"), length={"a": 60.0, "b": 73.4}
    )
    ends = last_seconds(held, 50)
    assert ends.clips["length"].tolist() == [50.0, 50.0]
    for clip, first in (("a", 0.10), ("b", 0.23)):
        values = matrix(ends, clip, "crowd", "arousal")["r"].to_numpy()
        np.testing.assert_array_equal(values, (np.arange(50) + round(first * 100)) / 100)
    with pytest.raises(ValueError, match=r"seconds=61: clip 'a' has 60 s; expected no more"):
        last_seconds(held, 61)
    assert len(last_seconds(held, 60).traces) == 120


def test_what_a_player_adds_after_the_last_whole_second_is_not_of_it():
    held = annotations(trace([0.1, 0.2, 0.3], [8.0, 9.0, 10.2]), length={"a": 10.4})
    assert last_seconds(held, 2).traces["value"].tolist() == [0.1, 0.2]


@pytest.mark.parametrize("length", [10, 11])
def test_halves_share_nothing_and_leave_nothing_out(length):
    held = annotations(trace(np.arange(length) / 100))
    first, second = half(held, 1), half(held, 2)
    assert first.traces["value"].tolist() == [k / 100 for k in range(length // 2)]
    assert second.traces["value"].tolist() == [k / 100 for k in range(length // 2, length)]
    assert first.clips["length"].tolist() + second.clips["length"].tolist() == [
        length // 2,
        length - length // 2,
    ]
    with pytest.raises(ValueError, match="which: found 3"):
        half(held, 3)


def test_segments_of_a_film():
    held = annotations(trace(np.arange(7) / 10), trace([1.0], [5.0], rater="s"), static=[("a", "r", 1)])
    pieces = segments(held, 3)
    assert pieces.clips["clip"].tolist() == ["a @0s", "a @3s"]
    assert pieces.traces.groupby("clip")["value"].agg(list).tolist() == [
        [0.0, 0.1, 0.2],
        [0.3, 0.4, 0.5, 1.0],
    ]
    assert pieces.traces["time"].max() == 2.0
    assert pieces.static.empty
    for seconds, message in ((8, "found no clip of that length"), (0, "expected a whole number > 0")):
        with pytest.raises(ValueError, match=message):
            segments(held, seconds)


def test_matrices_have_a_row_for_every_second_and_want_one_session():
    held = annotations(trace([0.1], [2.0]), trace([0.2, 0.4], [0.0, 0.5], rater="s"), length={"a": 4.0})
    expected = [[np.nan, 0.3], [np.nan] * 2, [0.1, np.nan], [np.nan] * 2]
    np.testing.assert_allclose(matrix(held, "a", "crowd", "arousal"), expected, rtol=1e-15)
    again = annotations(trace([0.1]), trace([0.2], session=1))
    with pytest.raises(ValueError, match=r"column 'session': found clip 'a' rated more than once by 'r'"):
        matrix(again, "a", "crowd", "arousal")
