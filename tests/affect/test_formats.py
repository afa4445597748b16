"""The examples of docs/formats.md are files of the formats that they are examples of."""

import re
from pathlib import Path

import pandas as pd
import pytest

from affect.own import read_features, read_ratings

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"


def example(folder, heading, name):
    """The first block under a heading, as a file."""
    text = PAGE.read_text(encoding="utf-8")
    section = text[text.index(f"## {heading}\n") :]
    path = folder / name
    path.write_text(re.search(r"```\n(.*?)```", section, re.S).group(1))
    return path


def test_tidy(tmp_path):
    found = read_ratings([example(tmp_path, "Ratings, tidy", "ratings.csv")])
    assert found.traces[["clip", "rater", "value"]].values.tolist() == [
        ["c1", "w07", 0.1],
        ["c1", "w07", 0.2],
        ["c1", "e01", 0.05],
    ]
    assert found.static[["rater", "value"]].values.tolist() == [["w07", 1.5]]
    assert found.clips[["clip", "length", "quadrant"]].values.tolist() == [["c1", 92.0, "HAHV"]]


def test_wide(tmp_path):
    path = example(tmp_path, "Ratings, wide", "film.csv")
    found = read_ratings([path], experts=["av2"])
    assert set(found.traces["clip"]) == {"film"}
    assert found.traces.groupby("rater")["population"].first().to_dict() == {"av1": "crowd", "av2": "expert"}
    assert len(found.traces) == 5  # an empty cell is none


def test_descriptors(tmp_path):
    clips = pd.DataFrame({"clip": ["c1"], "length": [92.0]})
    found = read_features(example(tmp_path, "Descriptors", "features.csv"), clips)
    assert found.columns.tolist() == ["clip", "time", "rms_mean", "rms_sd", "hue"]
    assert found["hue"].tolist() == [180.0, 171.5]


@pytest.mark.parametrize("option", ["--scale", "--names", "--leave-out", "--segment", "--experts", "--audio"])
def test_options_that_are_named_exist(option):
    import affect.__main__ as command

    assert option in PAGE.read_text(encoding="utf-8")
    assert option in command._parser().format_help()
