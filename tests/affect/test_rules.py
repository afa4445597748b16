"""Every rule of section 3.2 below, at and above its threshold; and rules one after the other."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from affect.annotations import RULES, TRACE_RULES, clean, rules
from tests.affect.traces import annotations, trace

RAMP = np.arange(100) / 100


def drops(rule, *traces, **more):
    """Whether the rule drops the (only) annotation."""
    return len(rule(annotations(*traces, **{"length": {"a": 100.0}, **more}))) == 1


def still(seconds, step=1.0):
    """A slider that moves at every sample but for so many seconds in the middle of 100."""
    times = np.arange(round(100 / step)) * step
    return trace(np.where((times >= 5) & (times < 5 + seconds), 0.5, times / 100), times=times)


@pytest.mark.parametrize(("seconds", "dropped"), [(79, False), (80, False), (81, True)])
@pytest.mark.parametrize("step", [1.0, 0.1, 0.25])
def test_slider_unmoved_for_more_than_80_percent_of_media_time(seconds, dropped, step):
    assert drops(rules.slider_unmoved, still(seconds, step)) == dropped


def test_slider_unmoved_counts_media_time_and_not_samples():
    # 90 of 100 samples are of the 10 s in which the slider stands still.
    dense = np.concatenate([np.arange(9) * 5.0, 45 + np.arange(90) / 9, [60.0]])
    values = np.concatenate([np.arange(9) / 10, np.full(90, -1.0), [0.9]])
    assert not drops(rules.slider_unmoved, trace(values, dense))
    # 9 of 10 samples move, all in the first 10 s; then there is one that lasts.
    sparse = trace([*np.arange(10) / 10, 0.9], [*range(10), 99.0])
    assert drops(rules.slider_unmoved, sparse)


def test_slider_unmoved_from_the_first_to_the_last_second():
    assert drops(rules.slider_unmoved, trace(np.zeros(100)))
    # Constant to the end: 19 s of movement and 81 at rest, of which the last sample's second is one.
    assert drops(rules.slider_unmoved, trace(np.minimum(RAMP, 0.19)))
    assert not drops(rules.slider_unmoved, trace(np.minimum(RAMP, 0.20)))


@pytest.mark.parametrize(("lost", "dropped"), [(19, False), (20, False), (21, True)])
@pytest.mark.parametrize("start", [0, 40])
def test_more_than_20_percent_lost_of_media_time(lost, dropped, start):
    keep = [k for k in range(100) if not start <= k < start + lost]
    assert drops(rules.data_lost, trace(RAMP[keep], keep)) == dropped
    # At the end as well.
    assert drops(rules.data_lost, trace(RAMP[: 100 - lost])) == dropped


def test_lost_data_is_counted_on_media_time_and_not_on_samples():
    # 10 Hz, of which nine of ten samples were lost at random places, but no second without one.
    assert not drops(rules.data_lost, trace(RAMP))
    # A thousand samples in the first 70 s, none in the rest.
    times = np.arange(1000) * 0.07
    assert drops(rules.data_lost, trace(np.sin(times), times))
    # Read every 2 s: half of the time is more than a second after a sample, unless told so.
    slow = trace(RAMP[::2], np.arange(0, 100, 2))
    assert drops(rules.data_lost, slow)
    assert not drops(partial(rules.data_lost, hold=2.0), slow)


def test_decimal_times_at_the_threshold_are_not_above_it():
    # 50 s at 10 Hz of which exactly a fifth is lost: samples at 13.6 and 24.6, of which the first stands for
    # a second. 0.1 has no finite binary expansion, and 24.6 - 13.6 - 1 > 10 in floating point.
    assert 24.6 - 13.6 - 1.0 > 10.0
    times = np.round(np.arange(500) / 10, 1)
    kept = times[(times < 13.65) | (times > 24.55)]
    assert not drops(rules.data_lost, trace(np.sin(kept), kept), length={"a": 50.0})
    one_less = np.delete(kept, np.searchsorted(kept, 13.55))
    assert drops(rules.data_lost, trace(np.sin(one_less), one_less), length={"a": 50.0})


@pytest.mark.parametrize(("seconds", "dropped"), [(11, False), (10, False), (9, True)])
def test_too_little_data(seconds, dropped):
    assert drops(rules.too_little_data, trace(RAMP[:seconds])) == dropped
    assert drops(partial(rules.too_little_data, seconds=5), trace(RAMP[:seconds])) is False


@pytest.mark.parametrize(("missing", "dropped"), [(9, False), (10, False), (11, True)])
def test_values_missing_in_the_last_50_seconds(missing, dropped):
    # Eleven of a hundred seconds are few (`data_lost` keeps them), of the last fifty they are many.
    late = [k for k in range(100) if not 60 <= k < 60 + missing]
    assert drops(rules.values_missing, trace(RAMP[late], late)) == dropped
    assert not drops(rules.data_lost, trace(RAMP[late], late))
    early = [k for k in range(100) if not 20 <= k < 20 + missing]
    assert not drops(rules.values_missing, trace(RAMP[early], early))


@pytest.mark.parametrize(("missing", "dropped"), [(7, False), (8, False), (9, True)])
def test_values_missing_of_a_clip_that_is_shorter(missing, dropped):
    keep = range(missing, 40)
    assert drops(rules.values_missing, trace(RAMP[keep], keep), length={"a": 40.0}) == dropped


@pytest.mark.parametrize(("deviation", "dropped"), [(0.0635, False), (0.0625, False), (0.0615, True)])
@pytest.mark.parametrize(("population", "half"), [("crowd", 2.0), ("expert", 1.0)])
def test_small_deviation_is_measured_on_one_scale(deviation, dropped, population, half):
    # Half of the seconds above the mean by the standard deviation and half below; 1/16 is exact in binary.
    values = half * np.where(np.arange(100) % 2, deviation, -deviation)
    rule = partial(rules.small_deviation, deviation=0.0625, population=None)
    assert drops(rule, trace(values, population=population)) == dropped


def test_small_deviation_default_and_constant_values():
    assert drops(rules.small_deviation, trace(np.full(100, 0.3)))
    assert drops(rules.small_deviation, trace(0.098 * (-1.0) ** np.arange(100)))
    assert not drops(rules.small_deviation, trace(0.1 * (-1.0) ** np.arange(100)))
    # The seconds count: a thousand samples of the extreme in one second are one second.
    times = np.concatenate([np.arange(50.0), 50 + np.arange(1000) / 1001])
    assert drops(rules.small_deviation, trace(np.where(times < 50, 0.0, 0.3), times))


def test_static_absent_and_opposite():
    high = trace(RAMP)
    assert drops(rules.static_absent, high)
    assert not drops(rules.static_absent, high, static=[("a", "r", 0.0)])
    for static, dropped in [(0.5, False), (0.0, False), (-0.1, True)]:
        assert drops(rules.static_opposite, high, static=[("a", "r", static)]) == dropped
    assert not drops(rules.static_opposite, high)


@pytest.mark.parametrize(
    ("low", "high", "static", "dropped"),
    [
        (-0.5, 0.4, -1, False),  # the largest is negative
        (-0.5, 0.4, 1, True),
        (-0.5, 0.6, 1, False),
        (-0.5, 0.6, -1, True),
        (-0.5, 0.5, 1, False),  # both are largest
        (-0.5, 0.5, -1, False),
        (0.1, 0.2, -1, True),
        (-0.2, -0.1, 1, True),
        (0.0, 0.0, 1, False),  # a largest value of 0 has no sign
    ],
)
def test_the_largest_continuous_value_is_the_largest_in_size(low, high, static, dropped):
    assert drops(rules.static_opposite, trace([low, high, low]), static=[("a", "r", static)]) == dropped


def test_signs_are_about_the_middle_of_the_scale():
    scale = {"crowd": (1, 9)}
    assert drops(rules.static_opposite, trace([5, 8]), static=[("a", "r", 3)], scale=scale)
    assert not drops(rules.static_opposite, trace([5, 8]), static=[("a", "r", 6)], scale=scale)


def test_the_latest_session_wins_and_others_are_dropped():
    held = annotations(
        trace([0.1, 0.2], session=2),
        trace([0.3, 0.4], session=0),
        trace([0.5], dimension="valence", session=1),
        trace([0.6], rater="e", population="expert", session=3),
        trace([0.7], rater="e", population="expert", session=4),
    )
    dropped = rules.latest_session(held)
    assert dropped[["rater", "dimension", "session"]].values.tolist() == [
        ["r", "arousal", 0],
        ["e", "arousal", 3],
    ]
    kept, _ = clean(held, [rules.latest_session])
    assert kept.traces["value"].tolist() == [0.1, 0.2, 0.5, 0.7]


@pytest.mark.parametrize(("clips", "dropped"), [(4, []), (5, []), (6, ["c5"]), (7, ["c5", "c6"])])
def test_a_worker_annotates_five_clips(clips, dropped):
    traces = [trace([0.0], clip=f"c{k}", dimension=d) for d in ("valence", "arousal") for k in range(clips)]
    others = [trace([0.0], clip=f"c{k}", rater="e", population="expert") for k in range(clips)]
    found = rules.at_most_clips(annotations(*traces, *others))
    # Both dimensions of a clip are one clip; experts annotate all.
    assert found["clip"].tolist() == dropped * 2
    assert set(found["rater"]) <= {"r"}


@pytest.mark.parametrize("rule", [r for r in RULES if r not in (rules.latest_session, rules.at_most_clips)])
def test_rules_concern_the_crowd_unless_told(rule):
    seconds = 90 if rule is rules.slider_unmoved else 3
    held = annotations(trace(np.zeros(seconds), rater="e", population="expert"), length={"a": 100.0})
    assert len(rule(held)) == 0
    if rule is not rules.static_opposite:
        assert len(rule(held, population=None)) == 1


def test_clean_applies_rules_in_order_and_says_what_is_left():
    good = 0.3 + np.sin(np.arange(100) / 9)
    held = annotations(
        trace(good, rater="good"),
        trace(np.zeros(100), rater="still"),  # and of no deviation, but the first rule has it
        trace(good[:60], rater="gone"),
        trace(good, rater="opposite"),
        trace(good, rater="silent"),
        trace(good, rater="again"),
        trace(np.zeros(100), rater="again", session=1),
        static=[
            ("a", "good", 1),
            ("a", "still", 1),
            ("a", "gone", 1),
            ("a", "opposite", -2),
            ("a", "again", 1),
        ],
        length={"a": 100.0, "never rated": 50.0},
    )
    before = held.traces.copy()
    kept, report = clean(held, RULES)
    pd.testing.assert_frame_equal(held.traces, before)
    by = report.dropped.groupby("rater")["rule"].agg(list).to_dict()
    assert by == {
        "again": ["latest_session", "slider_unmoved"],
        "still": ["slider_unmoved"],
        "gone": ["data_lost"],
        "silent": ["static_absent"],
        "opposite": ["static_opposite"],
    }
    assert sorted(kept.traces["rater"].unique()) == ["good"]
    assert sorted(kept.static["rater"]) == ["good"]
    assert kept.clips["clip"].tolist() == ["a", "never rated"]
    steps = report.steps.set_index("rule")
    assert steps.loc["(all)", "annotations"] == 7
    assert steps["dropped"].sum() == len(report.dropped) == 6
    assert (steps["annotations"] == 7 - steps["dropped"].cumsum()).all()
    assert report.left["annotations"].tolist() == [1]
    assert "6 annotations dropped; at least 1 left" in str(report)


def test_what_has_nothing_left_says_which_rule_took_it():
    with pytest.raises(ValueError, match=r"found no annotation left of 1 \(dropped 1 by slider_unmoved\)"):
        clean(annotations(trace(np.zeros(100))), [partial(rules.slider_unmoved, share=0.5)])


def test_a_clip_that_lost_all_is_in_the_report():
    held = annotations(trace(np.sin(np.arange(50.0))), trace(np.zeros(50), clip="b"))
    _, report = clean(held, TRACE_RULES)
    assert dict(zip(report.left["clip"], report.left["annotations"], strict=True)) == {"a": 1, "b": 0}


@pytest.mark.parametrize(("missing", "dropped"), [(29, False), (30, True)])
def test_exactly_at_a_share_that_is_no_binary_number_an_annotation_is_kept(missing, dropped):
    assert 0.29 * 100 < 29  # as computed
    held = trace(np.zeros(100 - missing))
    rule = partial(rules.values_missing, share=0.29, seconds=100)
    assert drops(rule, held, length={"a": 100.0}) == dropped


def test_a_clip_that_is_annotated_again_stays_where_it_was_at_first():
    """Six clips of one worker, of whom the first is redone at the end: the sixth is one too many."""
    values = 0.3 + np.sin(np.arange(60.0))
    traces = [trace(values, clip=f"c{k}") for k in range(6)] + [trace(values / 2, clip="c0", session=1)]
    kept, report = clean(annotations(*traces, static=[(f"c{k}", "r", 1) for k in range(6)]), RULES)
    assert kept.traces["clip"].unique().tolist() == ["c1", "c2", "c3", "c4", "c0"]
    by_rule = report.dropped.groupby("rule")["clip"].agg(list).to_dict()
    assert by_rule == {"at_most_clips": ["c5"], "latest_session": ["c0"]}
