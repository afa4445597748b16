"""Options of `python -m affect`: what they change, and when they are refused."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

import affect.__main__ as command
from affect.figures import exemplars
from affect.material import Material
from affect.own import named
from tests.affect.test_command import files


@pytest.mark.parametrize("name", command.OF_RATINGS)
def test_what_is_said_of_ratings_needs_ratings(name, capsys):
    """Else minutes of a simulation would look like a study of one's own data."""
    value = {"segment": ["60"], "scale": ["-1", "1"], "dimension": ["arousal"]}.get(name, ["x"])
    assert command.main([f"--{name}", *value]) == 2
    assert f"--{name}: found without --ratings" in capsys.readouterr().err
    assert command.main(["--seeds", "1", f"--{name}", *value]) == 2
    assert f"--{name}: found without --ratings" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "protocol", "words"),
    [
        ([], {"intercept": False, "targets": "ratings"}, "no model of P1 has an intercept"),
        (
            ["--intercept", "--targets", "levels", "--levels", "3"],
            {"intercept": True, "targets": "levels", "n_levels": 3},
            "Every clip has an intercept of its own",
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
    assert "in these units" in page
    assert "neither audio nor video are not used: motion, hue" in page
    assert "there are 3 experts, not more than 7" in page
    tables = tmp_path / "out" / "tables"
    assert pd.read_csv(tables / "quality.csv").columns.tolist() == ["rule", "dropped", "left"]
    assert len(pd.read_csv(tables / "conclusions.csv")) > 0


def test_clips_may_be_shorter_than_the_papers(tmp_path, capsys):
    """Recordings of 80 s in segments of 40 s, of which all seconds are learned from: P1 has 2 x 20 s."""
    arguments = files(tmp_path, seconds=80)
    assert command.main([*arguments, "--segment", "40"]) == 2
    assert "of less than 50 s" in capsys.readouterr().err
    assert command.main([*arguments, "--segment", "40", "--seconds", "40"]) == 0
    (place,) = (tmp_path / "out" / "results").iterdir()
    records = [json.loads(path.read_text()) for path in place.glob("p1-*back*.json")]
    assert records
    assert all(20 <= second < 40 for record in records for second in record["held_out"])
    assert "The last 40 s of every clip" in (tmp_path / "out" / "report.html").read_text()
    assert command.main([*arguments, "--seconds", "29"]) == 2
    assert "seconds: found 29; expected at least 30" in capsys.readouterr().err


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


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("c1_w2", "{clip}_{rater}", {"clip": "c1", "rater": "w2"}),
        (
            "w2-arousal-c1",
            "{rater}-{dimension}-{clip}",
            {"rater": "w2", "dimension": "arousal", "clip": "c1"},
        ),
        ("a.b (1)", "{clip} (1)", {"clip": "a.b"}),
    ],
)
def test_names_of_files_say_what_they_are_of(name, pattern, expected):
    assert named(Path(f"{name}.log"), pattern) == expected


@pytest.mark.parametrize(
    ("name", "pattern", "message"),
    [
        ("c1", "{clip}_{rater}", "c1.log: found the name 'c1'; expected one like {clip}_{rater}"),
        ("c1", "{who}", "names: found '{who}'; expected some of {clip}, {rater}, {dimension}, once each"),
        ("c1", "clip", "names: found 'clip'"),
        ("c1", "{clip}{clip}", "names: found '{clip}{clip}'"),
    ],
)
def test_names_that_say_nothing(name, pattern, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        named(Path(f"{name}.log"), pattern)


def test_logs_of_gtrace_become_a_report(tmp_path):
    """The same traces from tidy files and from logs are the same data: the results have one name."""
    arguments = files(tmp_path)
    table = pd.read_csv(arguments[1])
    table.loc[table["population"] == "crowd", "value"] /= 2.0  # one slider
    table.to_csv(arguments[1], index=False)
    logs = []
    for (clip, rater), rows in table.groupby(["clip", "rater"]):
        logs.append(tmp_path / f"{clip}_{rater}.log")
        rows[["time", "value"]].to_csv(logs[-1], index=False, header=False, sep=" ")
    assert command.main([*arguments, "--scale", "-1", "1"]) == 0
    of_logs = ["--ratings", *map(str, logs), *arguments[2:]]
    more = ["--dimension", "arousal", "--names", "{clip}_{rater}", "--experts", "r4", "r5", "r6"]
    assert command.main([*of_logs, *more, "--scale", "-1", "1"]) == 0
    assert len(list((tmp_path / "out" / "results").iterdir())) == 1
