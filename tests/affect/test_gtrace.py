"""Logs and XML of GTrace and its like."""

import re

import pandas as pd
import pytest

from affect.annotations import combine, read_gtrace

OF = {"clip": "a", "rater": "e1", "dimension": "arousal"}
EMOTIONML = """<?xml version="1.0" encoding="UTF-8"?>
<emotionml version="1.0" xmlns="http://www.w3.org/2009/10/emotionml">
  <emotion dimension-set="http://www.w3.org/TR/emotion-voc/xml#pad-dimensions">
    <reference uri="file:///clips/psycho.avi#t=12,14" role="triggeredBy"/>
    <dimension name="arousal"><trace freq="4 Hz" samples="0.5 0.75
      1 0"/></dimension>
    <dimension name="pleasure"><trace freq="2Hz" samples="0.25 0.5"/></dimension>
    <dimension name="dominance"><trace freq="2Hz" samples="0.1 0.1"/></dimension>
  </emotion>
</emotionml>
"""
SAMPLES = """<log clip="psycho" rater="w7">
  <annotation dimension="valence" session="1">
    <sample time="0.0" value="0"/>
    <sample time="0.4" value="-1.5"/>
  </annotation>
  <annotation dimension="arousal"><sample time="0.0" value="2"/></annotation>
</log>
"""


def file_of(tmp_path, text, name="trace.txt"):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "text",
    [
        "0.00 0.1\n0.25 0.2\n0.50 -0.3\n",
        "% GTrace\n# clip a\ntime\tarousal\n0.00\t0.1\n\n0.25\t0.2 # here\n0.50\t-0.3",
        "time, value\r\n0.00, 0.1\r\n0.25, 0.2\r\n0.50, -0.3\r\n",
        "0;0.1\n.25;2e-1\n0.5;-.3\n",
    ],
)
def test_logs(tmp_path, text):
    held = read_gtrace(file_of(tmp_path, text), **OF)
    assert held.traces["time"].tolist() == [0, 0.25, 0.5]
    assert held.traces["value"].tolist() == [0.1, 0.2, -0.3]
    assert held.traces[["clip", "rater", "population", "dimension"]].drop_duplicates().values.tolist() == [
        ["a", "e1", "expert", "arousal"]
    ]


def test_emotionml(tmp_path):
    held = read_gtrace(file_of(tmp_path, EMOTIONML, "e1.xml"), rater="e1")
    table = held.traces[["clip", "rater", "dimension", "time", "value"]]
    assert table.values.tolist() == [
        ["psycho", "e1", "arousal", 12.0, 0.0],
        ["psycho", "e1", "arousal", 12.25, 0.5],
        ["psycho", "e1", "arousal", 12.5, 1.0],
        ["psycho", "e1", "arousal", 12.75, -1.0],
        ["psycho", "e1", "valence", 12.0, -0.5],
        ["psycho", "e1", "valence", 12.5, 0.0],
    ]
    wider = read_gtrace(file_of(tmp_path, EMOTIONML), rater="w", population="crowd", scale=(-2, 2))
    assert wider.traces["value"].tolist() == [0, 1, 2, -2, -1, 0]


REFERENCE = '    <reference uri="file:///clips/psycho.avi#t=12,14" role="triggeredBy"/>\n'


@pytest.mark.parametrize("given", [{}, {"clip": "mine"}])
def test_a_reference_counts_wherever_it_stands(tmp_path, given):
    """EmotionML leaves the order of the children of an emotion free."""
    last = EMOTIONML.replace(REFERENCE, "").replace("  </emotion>", f"{REFERENCE}  </emotion>")
    assert last.index("<reference") > last.index("<trace")
    tables = [read_gtrace(file_of(tmp_path, text), rater="e1", **given).traces for text in (EMOTIONML, last)]
    pd.testing.assert_frame_equal(*tables)
    assert tables[1]["time"].min() == 12
    assert set(tables[1]["clip"]) == {given.get("clip", "psycho")}


def test_every_emotion_has_its_own_reference(tmp_path):
    emotion = """<emotion><dimension name="arousal"><trace freq="1Hz" samples="0 1"/></dimension>
      <reference uri="{}"/></emotion>"""
    text = f"<emotionml>{emotion.format('a.avi#t=3')}{emotion.format('b.avi')}</emotionml>"
    held = read_gtrace(file_of(tmp_path, text), rater="e1")
    assert held.traces[["clip", "time"]].values.tolist() == [["a", 3], ["a", 4], ["b", 0], ["b", 1]]


@pytest.mark.parametrize(
    ("fragment", "start"),
    [
        ("", 0.0),
        ("#track=1", 0.0),
        ("#t=12.5", 12.5),
        ("#t=npt:12.5,20", 12.5),
        ("#t=,20", 0.0),
        ("#t=90", 90.0),
        ("#t=01:30", 90.0),
        ("#t=npt:0:01:30", 90.0),
        ("#t=npt%3A1:00:01.25,2:00:00", 3601.25),
        ("#track=1&amp;t=7", 7.0),
    ],
)
def test_media_fragments_are_in_normal_play_time(tmp_path, fragment, start):
    text = EMOTIONML.replace("#t=12,14", fragment)
    assert read_gtrace(file_of(tmp_path, text), rater="e1").traces["time"].min() == start


@pytest.mark.parametrize("time", ["smpte:00:01:30", "clock:2009-07-26T11:19:01Z", "1:90", "soon", "", "-3"])
def test_other_units_of_media_fragments_are_refused_by_name(tmp_path, time):
    file = file_of(tmp_path, EMOTIONML.replace("#t=12,14", f"#t={time}"))
    expected = re.escape(f"{file}, line 4, column 'uri': found t={time!r}; expected normal play time")
    with pytest.raises(ValueError, match=expected):
        read_gtrace(file, rater="e1")


def test_a_sample_an_element(tmp_path):
    held = read_gtrace(file_of(tmp_path, SAMPLES), population="crowd", scale=(-2, 2))
    assert held.traces[["rater", "dimension", "session", "time", "value"]].values.tolist() == [
        ["w7", "valence", 1, 0.0, 0.0],
        ["w7", "valence", 1, 0.4, -1.5],
        ["w7", "arousal", 0, 0.0, 2.0],
    ]
    mine = read_gtrace(file_of(tmp_path, SAMPLES), rater="me", population="crowd", scale=(-2, 2))
    assert set(mine.traces["rater"]) == {"me"}


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        ("", OF, "found an empty file"),
        ("time value\n", OF, "found no samples"),
        ("0 0.1\n0.5 0.1 0.2\n", OF, "line 2, column 'value': found 3 columns"),
        ("0 0.1\n0.5 x\n", OF, "line 2, column 'value': found 'x'"),
        ("0 0.1\nnan 0.1\n", OF, "line 2, column 'time': found 'nan'"),
        ("0 0.1\n\n# x\n0.5 0.1\n0.25 0\n", OF, "line 5, column 'time': found 0.25 after 0.5"),
        ("0 0.1\n0 0.1\n", OF, "line 2, column 'time': found 'a', 'e1'"),
        ("0 1.1\n", OF, "line 1, column 'value': found 1.1 by rater 'e1'; expected a number in [-1, 1]"),
        ("0 1\n", {**OF, "dimension": "joy"}, "column 'dimension': found 'joy'"),
        ("0 1\n", {**OF, "rater": None}, "found nothing that says the rater; expected the argument `rater=`"),
        ("0 1\n", {**OF, "population": "all"}, "population: found 'all'"),
        (EMOTIONML, {}, "found nothing that says the rater"),
        (EMOTIONML.replace("4 Hz", "often"), OF, "line 5, column 'freq': found 'often'"),
        (EMOTIONML.replace("2Hz", "0Hz"), OF, "line 7, column 'freq': found '0Hz'"),
        (EMOTIONML.replace("0.25", "-0.25"), OF, "line 7, column 'samples': found '-0.25' at position 1"),
        (EMOTIONML.replace("</emotion>", ""), OF, "line 10: found mismatched tag; expected XML"),
        (
            EMOTIONML.replace('"arousal"', '"a"').replace('"pleasure"', '"p"'),
            OF,
            "found no samples of arousal",
        ),
        (SAMPLES.replace("0.4", "soon"), {}, "line 4, column 'time': found 'soon'"),
        (SAMPLES.replace("-1.5", ""), {}, "line 4, column 'value': found ''"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(tmp_path, text, more, message):
    file = file_of(tmp_path, text)
    scale = {} if more.get("population") == "all" else {"scale": (-1, 1) if "1.1" in text else (-2, 2)}
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        read_gtrace(file, **more, **scale)
    if "population:" not in message:
        assert str(file) in str(caught.value)


def test_logs_of_many_raters_together(tmp_path):
    parts = [
        read_gtrace(file_of(tmp_path, "0 0.1\n1 0.2\n"), clip="a", rater=rater, dimension=dimension)
        for rater in ("e1", "e2")
        for dimension in ("arousal", "valence")
    ]
    assert str(combine(parts)) == "Annotations(1 clip, 2 raters, 4 annotations, 8 samples)"
