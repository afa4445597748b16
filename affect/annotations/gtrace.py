"""Traces of GTrace and FEELtrace: logs of one trace, and XML.

- *Logs* are lines of media time in seconds and a value, separated by blanks, tabs, commas or semicolons; a
  first line of words is a header, what follows ``#`` or ``%`` is a comment.
- *EmotionML*, which GTrace is compatible with: ``<trace freq="10Hz" samples="..."/>`` in a ``<dimension
  name="arousal">``, from the start that the fragment ``#t=12,45`` of the ``<reference uri="...">`` of its
  ``<emotion>`` gives, before or after the traces, else from 0. EmotionML has values in [0, 1], of which 0.5
  is neutral; they become those of the scale. ``pleasure`` is valence; other dimensions are left out.
- *XML with a sample an element*: anything that has attributes ``time`` and ``value``, in elements whose
  attributes ``clip``, ``rater``, ``dimension``, ``session`` say what they are of.

References
----------
Cowie, Sawey, Doherty, Jaimovich, Fyans and Stapleton, "GTrace: General trace program compatible with
EmotionML", ACII 2013. Emotion Markup Language (EmotionML) 1.0, W3C Recommendation, 2014. Media Fragments URI
1.0, W3C Recommendation, 2012.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from urllib.parse import unquote
from xml.parsers import expat

import pandas as pd

from affect.annotations.checks import Source
from affect.annotations.files import decoded
from affect.annotations.reading import Scale, scale_of_each
from affect.annotations.tables import POPULATIONS, Annotations, validate

__all__ = ["read_gtrace"]

DIMENSIONS = {"arousal": "arousal", "valence": "valence", "pleasure": "valence"}
Row = tuple[int, dict[str, str]]


def read_gtrace(
    path: str | PathLike[str],
    *,
    clip: str | None = None,
    rater: str | None = None,
    dimension: str | None = None,
    session: int | None = None,
    population: str = "expert",
    scale: Scale = (-1.0, 1.0),
) -> Annotations:
    r"""Read one log or XML file.

    Parameters
    ----------
    path : path
        XML if its first character is ``<``, a log otherwise.
    clip, rater, dimension, session : optional
        What the file is of. They win over what is written in it; a log says nothing of them, so that clip,
        rater and dimension have to be given. EmotionML says the clip, by its reference, and the dimension.
    population : {"expert", "crowd"}, default "expert"
    scale : (low, high) or dict of population to (low, high), default (-1, 1)

    Returns
    -------
    Annotations
        For `combine` with others.

    Examples
    --------
    >>> import tempfile
    >>> log = Path(tempfile.mkdtemp(), "log.txt")
    >>> _ = log.write_text("0.00 0.10\n0.25 0.15\n0.50 -0.20\n")
    >>> read_gtrace(log, clip="psycho", rater="e1", dimension="arousal").traces[["time", "value"]]
       time  value
    0  0.00   0.10
    1  0.25   0.15
    2  0.50  -0.20
    """
    if population not in POPULATIONS:
        raise ValueError(f"population: found {population!r}; expected {' or '.join(map(repr, POPULATIONS))}")
    ends = scale_of_each(scale)
    source = Source(str(path), "line")
    data = Path(path).read_bytes()
    if not data.strip():
        raise ValueError(f"{source.name}: found an empty file; expected a trace")
    of_file = {"clip": clip, "rater": rater, "dimension": dimension, "session": session}
    given = {name: str(value) for name, value in of_file.items() if value is not None}
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        rows = list(_from_xml(data, source, ends[population]))
    else:
        rows = list(_from_log(data, source))
    if not rows:
        raise ValueError(f"{source.name}: found no samples of arousal or valence; expected at least one")
    table = pd.DataFrame([{**row, **given} for _, row in rows], index=[line for line, _ in rows])
    for name in ("clip", "rater", "dimension"):
        if name not in table or table[name].isna().any():
            raise ValueError(
                f"{source.name}: found nothing that says the {name}; expected the argument `{name}=`"
            )
    if "session" in table:
        table["session"] = table["session"].fillna("0")
    traces = validate(table.assign(population=population), source, ends)
    return Annotations(traces, scale=ends)


def _from_log(data: bytes, source: Source) -> Iterator[Row]:
    lines = decoded(data, source.name).splitlines()
    begun = False
    for number, line in enumerate(lines, start=1):
        text = re.split("[#%]", line)[0].strip()
        if not text:
            continue
        words = re.split(r"\s*[,;\t]\s*|\s+", text)
        if not begun and not any(map(_is_number, words)):
            begun = True  # a header
            continue
        begun = True
        if len(words) != 2:
            raise source.refuse(number, "value", f"{len(words)} columns", "time and value")
        yield number, {"time": words[0], "value": words[1]}


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


@dataclass
class _Element:
    """An open element: what it and those around it say."""

    name: str
    attributes: dict[str, str]
    of: dict[str, str] = field(default_factory=dict)  # clip, rater, dimension, session
    start: float = 0.0
    traces: list[tuple[int, _Element]] = field(default_factory=list)  # of an emotion, with their lines


def _from_xml(data: bytes, source: Source, scale: tuple[float, float]) -> Iterator[Row]:
    """Samples of any element of the three kinds, in the order of the file, with their lines."""
    rows: list[Row] = []
    open_elements: list[_Element] = []
    parser = expat.ParserCreate(namespace_separator=" ")

    def opened(tag: str, attributes: dict[str, str]) -> None:
        name = tag.split(" ")[-1]
        around = open_elements[-1] if open_elements else _Element("", {})
        element = _Element(name, attributes, dict(around.of))
        element.of.update({k: attributes[k] for k in ("clip", "rater", "session") if k in attributes})
        line = parser.CurrentLineNumber
        if "dimension" in attributes:
            element.of["dimension"] = attributes["dimension"]
        if name == "dimension" and "name" in attributes:
            element.of["dimension"] = DIMENSIONS.get(attributes["name"], "")
        open_elements.append(element)
        if name == "reference" and "uri" in attributes and around.name == "emotion":
            around.of.setdefault("clip", _clip_of(attributes["uri"]))
            around.start = _start_of(attributes["uri"], line, source)
        elif name == "trace" and "samples" in attributes:
            if element.of.get("dimension"):
                emotion = next((e for e in reversed(open_elements) if e.name == "emotion"), element)
                emotion.traces.append((line, element))
        elif {"time", "value"} <= set(attributes):
            rows.append((line, {**element.of, "time": attributes["time"], "value": attributes["value"]}))

    def closed(tag: str) -> None:
        # Only now is it known what the emotion refers to: its reference may come after its traces.
        emotion = open_elements.pop()
        for line, trace in emotion.traces:
            trace.of, trace.start = {**emotion.of, **trace.of}, emotion.start
            rows.extend(_emotionml(trace, line, source, scale))

    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        message = expat.ErrorString(error.code)
        raise ValueError(f"{source.name}, line {error.lineno}: found {message}; expected XML") from None
    yield from rows


def _emotionml(element: _Element, line: int, source: Source, scale: tuple[float, float]) -> Iterator[Row]:
    found = element.attributes.get("freq", "")
    match = re.fullmatch(r"\s*([0-9.eE+]+)\s*Hz\s*", found)
    rate = float(match[1]) if match and _is_number(match[1]) else 0.0
    if not rate > 0:
        raise source.refuse(line, "freq", repr(found), "samples a second such as '10Hz'")
    low, high = scale
    for k, word in enumerate(element.attributes["samples"].split()):
        share = float(word) if _is_number(word) else float("nan")
        if not 0 <= share <= 1:
            raise source.refuse(line, "samples", f"{word!r} at position {k + 1}", "numbers in [0, 1]")
        time, value = element.start + k / rate, low * (1 - share) + high * share
        yield line, {**element.of, "time": repr(round(time, 6)), "value": repr(value)}


def _clip_of(uri: str) -> str:
    return Path(uri.split("#")[0]).stem


def _start_of(uri: str, line: int, source: Source) -> float:
    """Seconds at which a media fragment starts: ``film.avi#t=12,45``, ``#t=npt:01:30``, ``#t=0:01:30.5``."""
    pairs = [part.partition("=") for part in unquote(uri).partition("#")[2].split("&")]
    times = [value for name, _, value in pairs if name == "t"]
    if not times:
        return 0.0
    start = times[-1].removeprefix("npt:").partition(",")[0]  # of several, the last counts
    if not start and "," in times[-1]:
        return 0.0
    match = re.fullmatch(r"(?:(?:(\d+):)?([0-5]?\d):)?(\d+(?:\.\d*)?)", start)
    if not match or (match[2] and float(match[3]) >= 60):
        expected = "normal play time such as '12.5', '01:30' or 'npt:0:01:30' (other units are not read)"
        raise source.refuse(line, "uri", f"t={times[-1]!r}", expected)
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds
