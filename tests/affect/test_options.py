"""Options of `python -m affect`: what they change, and when they are refused."""

import json

import pandas as pd
import pytest

import affect.__main__ as command
from affect.figures import exemplars
from affect.material import Material
from tests.affect.test_command import files


@pytest.mark.parametrize("name", command.OF_RATINGS)
def test_what_is_said_of_ratings_needs_ratings(name, capsys):
    """Else minutes of a simulation would look like a study of one's own data."""
    value = {"segment": ["60"], "scale": ["-1", "1"], "dimension": ["arousal"]}.get(name, ["x"])
    assert command.main([f"--{name}", *value]) == 2
    assert f"--{name}: found without --ratings" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "protocol", "words"),
    [
        ([], {"intercept": False, "targets": "ratings"}, "no model of P1 has an intercept"),
        (["--intercept"], {"intercept": True}, "Every clip has an intercept of its own"),
        (
            ["--targets", "levels", "--levels", "3"],
            {"targets": "levels", "n_levels": 3},
            "converted to [-1, 1]",
        ),
    ],
)
def test_options_reach_protocol_and_page(tmp_path, more, protocol, words):
    assert command.main([*files(tmp_path), *more]) == 0
    (place,) = (tmp_path / "out" / "results").iterdir()
    settings = json.loads((place / "settings.json").read_text())
    assert protocol.items() <= settings["protocol"].items()
    page = (tmp_path / "out" / "report.html").read_text()
    assert words in page
    assert "neither audio nor video are not used: motion, hue" in page
    assert "there are 3 experts, not more than 7" in page
    tables = tmp_path / "out" / "tables"
    assert pd.read_csv(tables / "quality.csv").columns.tolist() == ["rule", "dropped", "left"]
    assert len(pd.read_csv(tables / "conclusions.csv")) > 0


def test_unknown_quadrants_make_no_exemplars():
    def material(*quadrants):
        clips = pd.DataFrame({"clip": ["a", "b", "c"], "quadrant": quadrants, "length": 60.0})
        return Material(clips, {}, {}, {}, None, {})

    assert exemplars(material("HALV", "HAHV", "HALV")) == [1, 0]
    assert exemplars(material("HALV", "", "HAHV")) == [0, 1, 2]


def test_ratings_that_the_rules_dropped_are_said(tmp_path, capsys):
    """A slider that is not moved, of the whole crowd."""
    arguments = files(tmp_path)
    table = pd.read_csv(arguments[1])
    table.loc[table["population"] == "crowd", "value"] = 0.5
    table.to_csv(arguments[1], index=False)
    assert command.main(arguments) == 2
    error = capsys.readouterr().err
    assert "found arousal by experts; expected one dimension at least" in error
    assert "dropped: " in error
    assert ": 12" in error


@pytest.mark.parametrize("column", ["clip", "rater", "value"])
def test_a_tidy_file_that_lacks_a_column_is_not_taken_for_a_wide_one(tmp_path, capsys, column):
    arguments = files(tmp_path)
    table = pd.read_csv(arguments[1])
    table.drop(columns=column).to_csv(arguments[1], index=False)
    assert command.main(arguments) == 2
    assert f"found no column '{column}' among" in capsys.readouterr().err
    table.rename(columns=str.capitalize).to_csv(arguments[1], index=False)
    assert command.main(arguments) == 2
    assert "'clip' for 'Clip'" in capsys.readouterr().err
