"""The arrays of the study are those of the tidy tables, second by second."""

import numpy as np
import pandas as pd
import pytest

from affect.annotations import Annotations
from affect.annotations.seconds import last_seconds, matrix
from affect.material import cube, feature_cube, is_high_of, labelled
from tests.affect.traces import COLUMNS

CLOCK = np.cumsum(np.full(80, 0.1))  # 10 Hz: 0.1, 0.2, 0.30000000000000004, ..., 0.9999999999999999


def made():
    """Two clips of unequal length, three raters of whom one rated one clip, and another population."""
    rng = np.random.default_rng(0)
    rows = []
    for clip, n, raters in (("b", 80, "xyz"), ("a", 62, "xz")):
        for rater in raters:
            for population in ("crowd", "expert"):
                for time in CLOCK[:n]:
                    rows.append([clip, population + rater, population, "arousal", time, rng.uniform(-1, 1)])
    clips = pd.DataFrame({"clip": ["b", "a"], "length": [CLOCK[79], 6.2]})
    gap = pd.DataFrame(rows, columns=COLUMNS).query(
        "not (clip == 'b' and rater == 'crowdy' and 4.9 < time < 6)"
    )
    return Annotations(gap, clips=clips)


def test_a_cube_has_the_last_seconds_of_every_clip():
    assert np.floor(CLOCK[79]) == 7  # a clock that is a little slow, and the length of clip b
    annotations = made()
    end = last_seconds(annotations, 6)
    for population in ("crowd", "expert"):
        found = cube(annotations.traces, annotations.clips, population, "arousal", 6)
        assert found.clips.tolist() == annotations.clips["clip"].tolist()
        assert found.raters.tolist() == [population + rater for rater in "xyz"]
        for t, clip in enumerate(found.clips):
            expected = matrix(end, clip, population, "arousal").reindex(columns=found.raters)
            # Means of at most 10 numbers, in another order: 10 eps.
            np.testing.assert_allclose(found.values[t], expected.to_numpy(), rtol=1e-12)
        # The clip that y did not rate, and in the crowd the gap.
        assert np.isnan(found.values).sum() == 6 + (population == "crowd")


def test_a_cube_of_nobody_is_empty():
    annotations = made()
    assert cube(annotations.traces, annotations.clips, "crowd", "valence", 6).values.shape == (2, 6, 0)


@pytest.mark.parametrize("seconds", [7, 8])
def test_a_clip_that_is_too_short_is_named(seconds):
    annotations = made()
    with pytest.raises(ValueError, match=r"^clips: found 'a' of less than \d s"):
        cube(annotations.traces, annotations.clips, "crowd", "arousal", seconds)


def test_descriptors_are_of_the_same_seconds():
    clips = pd.DataFrame({"clip": ["b", "a"], "length": [8.0, 6.0]})
    whole = np.floor(np.round(CLOCK, 6))
    features = pd.concat(
        pd.DataFrame({"clip": clip, "time": CLOCK, "x": whole + shift, "y": CLOCK})
        for clip, shift in (("a", 0.0), ("b", 100.0), ("not a clip of the study", 0.0))
    )
    found = feature_cube(features, clips, ["y", "x"], 3)
    assert found.shape == (2, 3, 2)
    assert found[..., 1].tolist() == [[105, 106, 107], [3, 4, 5]]
    # Means of ten times below 6 s on a clock of fewer than 100 steps: 100 eps, and 10 of the mean.
    np.testing.assert_allclose(found[1, :, 0], [3.45, 4.45, 5.45], rtol=1e-12)
    with pytest.raises(ValueError, match=r"^features: found no complete row of clip 'a' at 4 s"):
        feature_cube(features.query("not (clip == 'a' and 3.99 < time < 4.99)"), clips, ["x"], 3)


def test_labels_are_known_for_all_clips_or_not():
    clips = pd.DataFrame({"clip": list("abcd"), "quadrant": ["HALV", "LAHV", "LALV", "HAHV"]})
    assert labelled(clips)
    assert is_high_of(clips, "arousal").tolist() == [True, False, False, True]
    assert is_high_of(clips, "valence").tolist() == [False, True, False, True]
    for unknown in ("", None, np.nan):
        some = clips.assign(quadrant=["HALV", unknown, "LALV", "HAHV"])
        assert not labelled(some)
        with pytest.raises(ValueError, match=r"^clips, column 'quadrant': found none, or an empty one"):
            is_high_of(some, "arousal")
    assert not labelled(clips.drop(columns="quadrant"))
    assert not labelled(None)
