"""What may be in the three tables, and what messages say of what may not."""

import re

import numpy as np
import pandas as pd
import pytest

from affect.annotations import Annotations, rescale, validate
from tests.affect.traces import COLUMNS, annotations, trace

GOOD = pd.DataFrame(
    [
        ["a", "r", "crowd", "arousal", 0.0, 0.5],
        ["a", "r", "crowd", "arousal", 1.0, -2.0],
        ["b", "s", "expert", "valence", 0.0, 1.0],
    ],
    columns=COLUMNS,
)


def changed(row, column, value):
    table = GOOD.astype(object)
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("row", "column", "value", "found"),
    [
        (1, "population", "students", "'students'; expected 'crowd' or 'expert'"),
        (1, "dimension", "dominance", "'dominance'; expected 'arousal' or 'valence'"),
        (0, "clip", "  ", "'  '; expected a name"),
        (2, "rater", None, "None; expected a name"),
        (1, "time", -1.0, "-1.0; expected seconds of media time, finite and >= 0"),
        (1, "time", "soon", "'soon'; expected seconds"),
        (1, "time", np.nan, "nan; expected seconds"),
        (1, "time", 0.0, "'a', 'r', 'crowd', 'arousal', 0, 0.0 a second time"),
        (0, "time", 3.0, "1 after 3; expected media time that increases"),
        (1, "value", np.nan, "nan; expected a finite number"),
        (2, "value", np.inf, "inf; expected a finite number"),
        (2, "value", 1.5, "1.5 by rater 's'; expected a number in [-1, 1], the scale of 'expert'"),
        (1, "value", -2.1, "-2.1 by rater 'r'; expected a number in [-2, 2], the scale of 'crowd'"),
        (2, "rater", "r", "'expert' of rater 'r', 'crowd' before"),
    ],
)
def test_a_bad_cell_is_named_by_table_row_and_column(row, column, value, found):
    table = changed(row, column, value)
    # Backwards shows in the row after, and that a rater is in two populations in their column.
    at = 1 if "after" in found else row
    named = "population" if "before" in found else column
    with pytest.raises(ValueError, match=re.escape(f"traces, row {at}, column {named!r}: found {found}")):
        Annotations(table)


def test_the_good_table_is_good_and_left_alone():
    before = GOOD.copy()
    held = Annotations(GOOD)
    pd.testing.assert_frame_equal(GOOD, before)
    held.traces.loc[:, "value"] = 0.0
    pd.testing.assert_frame_equal(GOOD, before)
    assert str(held) == "Annotations(2 clips, 2 raters, 2 annotations, 3 samples)"


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_is_needed(column):
    with pytest.raises(ValueError, match=f"traces: found no column '{column}' among"):
        validate(GOOD.drop(columns=column))


def test_empty_and_foreign_tables():
    with pytest.raises(ValueError, match="traces: found no rows"):
        validate(GOOD.iloc[:0])
    with pytest.raises(TypeError, match="traces: found dict; expected a DataFrame"):
        validate({"clip": ["a"]})
    with pytest.raises(ValueError, match=r"row 0, column 'value': found True"):
        validate(GOOD.assign(value=True))


def test_sessions_keep_one_moment_apart_and_are_whole_numbers():
    twice = pd.concat([trace([0.0, 1.0]), trace([0.5, 0.5], session=1)])
    assert len(validate(twice)) == 4
    with pytest.raises(ValueError, match=r"column 'session': found 0.5; expected an integer"):
        validate(trace([0.0], session=0.5))


def test_names_that_are_numbers_become_text():
    assert validate(GOOD.assign(clip=7))["clip"].tolist() == ["7", "7", "7"]


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        (
            {"clip": ["a", "b", "a"], "length": [9, 9, 9]},
            "clips, row 2, column 'clip': found 'a' a second time",
        ),
        ({"clip": ["a", "b"], "length": [9, 0]}, "clips, row 1, column 'length': found 0"),
        (
            {"clip": ["a", "b"], "length": [9, 9], "quadrant": ["HAHV", "HHVV"]},
            "row 1, column 'quadrant': found 'HHVV'",
        ),
        (
            {"clip": ["a"], "length": [9]},
            "traces, row 2, column 'clip': found 'b'; expected a clip of the table",
        ),
        ({"clip": ["a", "b"], "length": [9, 9], "x": [1, 2]}, None),
        ({"clip": ["a", "b"]}, "clips: found no column 'length'"),
    ],
)
def test_clips(clips, message):
    if message is None:
        assert list(Annotations(GOOD, clips=pd.DataFrame(clips)).clips) == ["clip", "length", "x"]
    else:
        with pytest.raises(ValueError, match=re.escape(message)):
            Annotations(GOOD, clips=pd.DataFrame(clips))


def test_a_sample_may_pass_the_end_of_its_clip_by_a_second():
    annotations(trace([0, 0], times=[0, 10.9]), length={"a": 10.0})
    with pytest.raises(
        ValueError, match=r"row 1, column 'time': found 11.1 s of clip 'a'; expected .* its 10 s"
    ):
        annotations(trace([0, 0], times=[0, 11.1]), length={"a": 10.0})


def test_clips_are_as_long_as_their_longest_trace():
    tenths = trace(np.zeros(1780), times=np.round(np.arange(1780) / 10, 1))
    assert annotations(tenths).clips["length"].tolist() == [178.0]
    assert annotations(trace([0.0]), trace([0, 0, 0], rater="s")).clips["length"].tolist() == [3.0]


def test_static_ratings_are_given_once_and_on_the_scale():
    with pytest.raises(
        ValueError, match=r"static, row 1, column 'value': found 'a', 'r', 'arousal' a second time"
    ):
        annotations(trace([0.0]), static=[("a", "r", 1), ("a", "r", 2)])
    with pytest.raises(ValueError, match=r"static, row 0, column 'value': found 3 by rater 'r'"):
        annotations(trace([0.0]), static=[("a", "r", 3)])


@pytest.mark.parametrize(
    ("scale", "found"),
    [
        ({"students": (0, 1)}, "'students'"),
        ({"crowd": (1, 1)}, "(1, 1)"),
        ({"crowd": (0, np.inf)}, "(0, inf)"),
    ],
)
def test_scales_have_two_ends(scale, found):
    with pytest.raises(ValueError, match=f"scale: found .*{re.escape(found)}"):
        Annotations(GOOD, scale=scale)


def test_rescale_meets_both_ends_of_each_population_and_goes_back():
    held = annotations(
        trace([-2, -1, 0, 2]), trace([-1, 0.5, 1], rater="e", population="expert"), static=[("a", "r", -2)]
    )
    one = rescale(held)
    assert one.traces["value"].tolist() == [-1, -0.5, 0, 1, -1, 0.5, 1]
    assert one.static["value"].tolist() == [-1]
    two = rescale(one, -2, 2)
    assert two.traces["value"].tolist() == [-2, -1, 0, 2, -2, 1, 2]
    assert two.scale == {"crowd": (-2, 2), "expert": (-2, 2)}
    with pytest.raises(ValueError, match="low, high"):
        rescale(held, 1, -1)


def test_only_narrows_all_tables():
    held = annotations(trace([0.0]), trace([0.0], clip="b", rater="s"), static=[("a", "r", 1), ("b", "s", 1)])
    part = held.only(clips=["b"])
    assert [set(table["clip"]) for table in (part.traces, part.static, part.clips)] == [{"b"}] * 3
    with pytest.raises(ValueError, match="found none with population in"):
        held.only(population="expert")
