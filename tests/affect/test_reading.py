"""Files in and out: tidy, wide and GTrace; what is wrong is told with file, line and column."""

import os
import re

import numpy as np
import pandas as pd
import pytest

from affect.annotations import Annotations, combine, files, read, read_wide, rescale
from tests.affect.traces import annotations, trace

HEADER = "clip,rater,population,dimension,time,value"
GOOD = ["a,r,crowd,arousal,0,0.5", "a,r,crowd,arousal,1.5,-2", "b,s,expert,valence,0,1"]


def written(tmp_path, *lines, name="ratings.csv"):
    file = tmp_path / name
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def refused(message, call, *arguments, **more):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        call(*arguments, **more)
    return str(caught.value)


@pytest.mark.parametrize(
    ("line", "row", "message"),
    [
        (
            3,
            "a,r,students,arousal,1.5,-2",
            "column 'population': found 'students'; expected 'crowd' or 'expert'",
        ),
        (3, "a,r,crowd,joy,1.5,-2", "column 'dimension': found 'joy'"),
        (3, "a,r,crowd,arousal,1.5,NaN", "column 'value': found 'NaN'; expected a finite number"),
        (3, "a,r,crowd,arousal,1.5,", "column 'value': found ''; expected a finite number"),
        (3, "a,r,crowd,arousal,nan,0", "column 'time': found 'nan'; expected seconds"),
        (3, "a,r,crowd,arousal,1.5,high", "column 'value': found 'high'"),
        (3, "a,,crowd,arousal,1.5,0", "column 'rater': found ''; expected a name"),
        (
            4,
            "a,r,crowd,arousal,1.2,0",
            "column 'time': found 1.2 after 1.5; expected media time that increases",
        ),
        (
            4,
            "a,r,crowd,arousal,1.5,0",
            "column 'time': found 'a', 'r', 'crowd', 'arousal', 0, 1.5 a second time",
        ),
        (
            3,
            "a,r,crowd,arousal,1.5,55",
            "column 'value': found 55 by rater 'r'; expected a number in [-2, 2]",
        ),
        (
            4,
            "b,s,expert,valence,0,-1.7",
            "column 'value': found -1.7 by rater 's'; expected a number in [-1, 1]",
        ),
        (3, "a,r,crowd,arousal,1.5", "found 5 columns; expected the 6 of the header"),
        (3, "a,r,crowd,arousal,1.5,0,0", "found 7 columns"),
        (3, 'a,r,crowd,arousal,1.5,"0', "expected CSV"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_column(tmp_path, line, row, message):
    lines = [HEADER, *GOOD]
    lines[line - 1] = row
    file = written(tmp_path, *lines)
    assert str(file) in refused(message, read, file)
    if "CSV" not in message:
        refused(f"{file}, line {line}", read, file)


def test_lines_are_counted_as_an_editor_does(tmp_path):
    file = written(tmp_path, HEADER, "", '"a\nb",r,crowd,arousal,0,0', "", "a,r,crowd,arousal,0,high")
    refused(f"{file}, line 6, column 'value': found 'high'", read, file)
    # A row of two lines begins at the first.
    file = written(tmp_path, HEADER, "a,r,crowd,arousal,0,0", '"a\nb",r,crowd,arousal,0,high')
    refused(f"{file}, line 3, column 'value': found 'high'", read, file)


@pytest.mark.parametrize("column", HEADER.split(","))
def test_a_missing_column_is_named(tmp_path, column):
    table = pd.DataFrame([row.split(",") for row in GOOD], columns=HEADER.split(",")).drop(columns=column)
    file = tmp_path / "ratings.csv"
    table.to_csv(file, index=False)
    refused(f"{file}: found no column {column!r} among", read, file)


def test_files_without_content(tmp_path):
    refused("empty.csv: found an empty file", read, written(tmp_path, "", name="empty.csv"))
    refused("header.csv: found no rows", read, written(tmp_path, HEADER, name="header.csv"))
    twice = written(tmp_path, HEADER + ",clip", GOOD[0] + ",a")
    refused(f"{twice}, line 1, column 'clip': found twice", read, twice)
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"clip,\na,\xff\xfe\x00")
    refused("binary.csv, line 2: found the byte 0xff, which is no UTF-8", read, binary)


def test_a_decimal_comma_is_told(tmp_path):
    file = written(tmp_path, HEADER.replace(",", ";"), GOOD[0].replace(",", ";").rsplit(";", 1)[0] + ";0,5")
    refused("found '0,5'; expected a finite number", read, file)
    assert "decimal point" in refused("line 2, column 'value'", read, file)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_byte_order_marks_and_line_ends(tmp_path, separator):
    file = tmp_path / "ratings.csv"
    text = "\r\n".join([HEADER, *GOOD, ""]).replace(",", separator)
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read(file).traces["value"].tolist() == [0.5, -2, 1]


def test_what_is_known_of_raters_and_clips_may_stand_beside_samples(tmp_path):
    header = HEADER + ",static,familiarity,quadrant,length"
    file = written(
        tmp_path, header, GOOD[0] + ",1.5,3,HAHV,60", GOOD[1] + ",1.5,3,HAHV,60", GOOD[2] + ",,,LALV,70"
    )
    held = read(file)
    assert held.static.values.tolist() == [["a", "r", "crowd", "arousal", 1.5, 3]]
    assert held.clips.values.tolist() == [["a", 60, "HAHV"], ["b", 70, "LALV"]]
    differs = written(tmp_path, header, GOOD[0] + ",1.5,3,HAHV,60", GOOD[1] + ",1.5,3,HAHV,61")
    refused(f"{differs}, line 3, column 'length': found '61' of clip 'a', '60' before", read, differs)
    both = written(tmp_path, header, GOOD[0] + ",1,3,HAHV,60", GOOD[1] + ",-1,3,HAHV,60")
    refused(f"{both}, line 3, column 'static': found '-1' of clip 'a', '1' before", read, both)
    off = written(tmp_path, header, GOOD[0] + ",7,3,HAHV,60")
    refused(f"{off}, line 2, column 'static': found 7 by rater 'r'", read, off)
    later = written(tmp_path, header, GOOD[2] + ",,,LALV,70", GOOD[1] + ",,,HAHV,0.2")
    refused(f"{later}, line 3, column 'time': found 1.5 s of clip 'a'", read, later)


def test_quadrants_alone_leave_lengths_to_the_traces(tmp_path):
    held = read(written(tmp_path, HEADER + ",quadrant", GOOD[0] + ",HAHV", GOOD[1] + ",HAHV", GOOD[2] + ","))
    assert held.clips[["clip", "length", "quadrant"]].values.tolist() == [["a", 3.0, "HAHV"], ["b", 1.0, ""]]


def test_the_static_rating_of_the_latest_session_counts(tmp_path):
    rows = ["a,r,crowd,arousal,0,1,2,-1", "a,r,crowd,arousal,0,1,1,1"]
    file = written(tmp_path, HEADER + ",session,static", *rows)
    assert read(file).static["value"].tolist() == [-1]


def test_two_clips_of_the_same_name(tmp_path):
    file = written(tmp_path, HEADER, *GOOD)
    clips = written(tmp_path, "clip,length", "a,60", "b,70", "a,80", name="clips.csv")
    refused(
        f"{clips}, line 4, column 'clip': found 'a' a second time; expected one clip of a name",
        read,
        file,
        clips=clips,
    )


def full():
    return annotations(
        trace([0.1, 1 / 3, -2.0], [0.1, 0.7, 1.2]),
        trace([1e-17, 0.3], rater="e", population="expert", dimension="valence"),
        trace([0.3, 0.4], clip="b", session=1),
        static=[("a", "r", -1.5)],
        length={"a": 61.5, "b": 70.0},
    )


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_what_is_written_is_read_again(tmp_path, suffix):
    held = rescale(full(), -1, 1)
    clips = held.clips.assign(quadrant=["HAHV", ""], arousal=[0.25, np.nan])
    held = Annotations(held.traces, held.static.assign(familiarity=[2.0]), clips, held.scale)
    file = tmp_path / f"ratings.{suffix}"
    getattr(held, f"to_{suffix}")(file)
    again = read(file)
    for name in ("traces", "static", "clips"):
        pd.testing.assert_frame_equal(
            getattr(again, name), getattr(held, name), check_exact=True, check_dtype=False, check_like=True
        )
    assert again.scale == held.scale
    names = {f"ratings.{suffix}", *(f"ratings.{part}.{suffix}" for part in ("static", "clips", "scale"))}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_without_static_ratings_as_well(tmp_path):
    held = annotations(trace([0.1]))
    held.to_csv(tmp_path / "ratings.csv")
    assert read(tmp_path / "ratings.csv").static.empty


def test_an_interrupted_write_leaves_what_was_there(tmp_path, monkeypatch):
    file = tmp_path / "ratings.csv"
    full().to_csv(file)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def interrupted(table, path, **_):
        if path.name == "ratings.csv":
            path.write_text("clip,ra")
            raise KeyboardInterrupt
        return original(table, path, index=False)

    original = pd.DataFrame.to_csv
    monkeypatch.setattr(pd.DataFrame, "to_csv", interrupted)
    with pytest.raises(KeyboardInterrupt):
        annotations(trace([0.9])).to_csv(file)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_name_appears_when_the_file_is_complete(tmp_path, monkeypatch):
    seen = []

    def replace(part, file):
        seen.append((file.name, part.read_text().count("\n")))
        original(part, file)

    original = os.replace
    monkeypatch.setattr(files.os, "replace", replace)
    full().to_csv(tmp_path / "ratings.csv")
    assert seen[-1] == ("ratings.csv", 8)


def test_wide_files_with_a_dimension_in_the_columns_names(tmp_path):
    lines = ["sec,arousal_x,arousal_y_1,valence_x,arousal_ao1", "0,0,1,-1,9", "1,,1,NaN,9", "2,-1,0,1,9"]
    file = written(tmp_path, *lines, name="film.csv")
    held = read_wide(file, omit="ao*", experts=["y_1"], scale=(-1, 1))
    assert held.clips.values.tolist() == [["film", 3.0]]
    assert held.traces.groupby(["rater", "dimension"]).size().to_dict() == {
        ("x", "arousal"): 2,
        ("x", "valence"): 2,
        ("y_1", "arousal"): 3,
    }
    assert held.traces.groupby("rater")["population"].first().to_dict() == {"x": "crowd", "y_1": "expert"}
    assert held.scale == {"crowd": (-1, 1), "expert": (-1, 1)}


def test_wide_files_of_one_dimension(tmp_path):
    file = written(tmp_path, "t,ann1,ann_2,objective", "0.0,0.5,0.5,0.4", "0.1,0.5,0.6,0.42")
    held = read_wide(file, clip="green", dimension="valence", experts="objective", scale=(0, 1))
    assert held.clips.values.tolist() == [["green", 0.2]]
    assert set(held.traces["rater"]) == {"ann1", "ann_2", "objective"}
    assert set(held.traces["dimension"]) == {"valence"}


@pytest.mark.parametrize(
    ("lines", "more", "message"),
    [
        (["x,arousal_a", "0,0"], {}, "found no column 'sec' or 't' or 'time' among ['x', 'arousal_a']"),
        (["sec,arousal_a", "0,0"], {"time": "t"}, "found no column 't'"),
        (
            ["sec,arousal_a,b", "0,0,0"],
            {},
            "line 1, column 'b': found no dimension; expected arousal_<rater>",
        ),
        (["sec,arousal_", "0,0"], {}, "line 1, column 'arousal_'"),
        (["sec,arousal_a,arousal_a", "0,0,0"], {}, "line 1, column 'arousal_a': found twice"),
        (["sec,arousal_a", "0,0", "2,0", "1,0"], {}, "line 4, column 'sec': found 1 after 2"),
        (["sec,arousal_a", "0,0", "0,0"], {}, "line 3, column 'sec': found"),
        (["sec,arousal_a", "0,0", ",1"], {}, "line 3, column 'sec': found ''"),
        (["sec,arousal_a", "0,", "x,"], {}, "line 3, column 'sec': found 'x'"),
        (["sec,arousal_a", "0,0", "1,two"], {}, "line 3, column 'arousal_a': found 'two'"),
        (
            ["sec,arousal_a", "0,0", "1,7"],
            {},
            "line 3, column 'arousal_a': found 7 by rater 'a'; expected a number",
        ),
        (["sec,arousal_a", "0,", "1,"], {}, "found no ratings"),
        (["sec,arousal_a"], {}, "found no rows"),
        (["sec,arousal_a", "0,0"], {"omit": "b*"}, "found no column 'b*' (omit)"),
        (["sec,arousal_a", "0,0"], {"omit": "a"}, "found no column of a rater"),
        (["sec,arousal_a", "0,0"], {"experts": "b"}, "found no rater 'b' (experts)"),
        (["sec,arousal_a", "0,0"], {"dimension": "joy"}, "dimension: found 'joy'"),
    ],
)
def test_wide_files_that_are_wrong(tmp_path, lines, more, message):
    refused(message, read_wide, written(tmp_path, *lines), **more)


def test_files_of_several_clips_together():
    one, two = annotations(trace([0.1, 0.2])), annotations(trace([0.3], clip="b", rater="s"))
    assert len(combine([one, two]).traces) == 3
    refused("found a r crowd arousal 0 in several parts", combine, [one, two, one])
    other = annotations(trace([0.1], rater="s"), length={"a": 90.0})
    refused("found two clips 'a' of 2 s and 90 s", combine, [one, other])
    assert combine([one, other], clips=other.clips).clips["length"].tolist() == [90.0]
    refused("expected one scale of all", combine, [one, rescale(two)])
    quadrants = [
        Annotations(part.traces, clips=part.clips.assign(quadrant=q))
        for part, q in ((one, "HAHV"), (annotations(trace([0, 0], rater="s")), "LALV"))
    ]
    refused("found two clips 'a' with quadrant 'HAHV' and 'LALV'", combine, quadrants)
    refused("parts: found none", combine, [])


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_file_that_is_written_whole_has_the_mode_of_any_new_file(tmp_path, umask):
    before = os.umask(umask)
    try:
        files.write_whole(tmp_path / "new" / "a.txt", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "new" / "a.txt").stat().st_mode & 0o777 == 0o666 & ~umask
    assert (tmp_path / "new" / "a.txt").read_text() == "text"


def test_a_file_has_its_name_only_when_its_bytes_are_on_the_disk(tmp_path, monkeypatch):
    path, order = tmp_path / "a.txt", []
    path.write_text("before")

    def synced(handle):
        order.append((os.fstat(handle).st_size, path.read_text()))

    monkeypatch.setattr(os, "fsync", synced)
    files.write_whole(path, b"after")
    assert order == [(5, "before")]

    def fails(handle):
        raise OSError("full")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="full"):
        files.write_whole(path, "later")
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]
