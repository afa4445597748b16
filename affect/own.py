"""One's own files of ratings and descriptors, as the study takes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from affect.annotations import Annotations, combine, read, read_gtrace, read_wide, rescale, segments
from affect.annotations.files import companion, table_of
from affect.annotations.seconds import second_of
from affect.annotations.tables import SCALES, validate_clips, validate_static

__all__ = [
    "EVAL_SCALE",
    "cut",
    "modalities",
    "named",
    "of_crowd",
    "read_features",
    "read_ratings",
    "with_experts",
]

TIDY = {"clip", "rater", "population", "dimension", "value"}
TIME = ("time", "sec", "t")
NAMED = ("clip", "rater", "dimension")
LOGS = (".xml", ".log", ".txt", ".eml")  # GTrace
#: Of the paper's Eval set, whose crowd used GTrace (section 3).
EVAL_SCALE = {"crowd": (-1.0, 1.0), "expert": (-1.0, 1.0)}


def read_ratings(
    paths: Sequence[Path],
    *,
    clips: Path | None = None,
    static: Path | None = None,
    scale: tuple[float, float] | None = None,
    dimension: str | None = None,
    names: str | None = None,
    experts: Sequence[str] = (),
    leave_out: Sequence[str] = (),
    population: str = "expert",
    default: Mapping[str, tuple[float, float]] = SCALES,
) -> Annotations:
    """Read ratings in whatever of the formats of `affect.annotations` each file has.

    Parameters
    ----------
    paths : sequence of Path
        Tidy CSV or Parquet (with columns ``clip`` and ``rater``), wide CSV (a column for every rater), or
        GTrace logs and XML.
    clips, static : Path, optional
        Tables of clips and of static ratings.
    scale : (low, high), optional
        Of all ratings; by default that written beside a tidy file, or else `default`.
    dimension : str, optional
        What is rated, where a wide file or a log does not say it.
    names : str, optional
        What the names of GTrace files say, such as ``"{clip}_{rater}"``: see `named`.
    experts, leave_out : sequences of str
        Raters that are the experts, and raters not to use, by patterns such as ``av1o0[5-9]``. Who is made an
        expert so used the slider of the others of the file: see `with_experts`.
    population : {"expert", "crowd"}, default "expert"
        Whose the traces of GTrace are, which does not say it.
    default : dict of population to (low, high), default the crowd in [-2, 2] and experts in [-1, 1]
        The scales of the paper's Val set; of its Eval set they are `EVAL_SCALE`.
    """
    ends = default if scale is None else scale
    parts = []
    for path in paths:
        if path.suffix in LOGS:
            said = named(path, names) if names else {}
            trace = read_gtrace(
                path,
                clip=said.get("clip"),
                rater=said.get("rater"),
                dimension=said.get("dimension", dimension),
                population=population,
                scale=ends,
            )
            parts.append(trace)
            continue
        table, _ = table_of(path)
        if len(TIDY & {column.lower() for column in table.columns}) > 1:  # else `read` says what it lacks
            written = scale is None and companion(path, "scale").exists()
            parts.append(read(path, scale=None if written else ends))
        else:
            parts.append(read_wide(path, dimension=dimension, scale=ends))
    whole = combine(parts)
    if clips is not None or static is not None:
        whole = Annotations(
            whole.traces,
            whole.static if static is None else validate_static(*table_of(static), whole.scale),
            whole.clips if clips is None else validate_clips(*table_of(clips)),
            whole.scale,
        )
    return with_experts(whole, experts, leave_out) if experts or leave_out else whole


def named(path: Path, pattern: str) -> dict[str, str]:
    """What the name of a file, without its suffix, says of clip, rater and dimension.

    Raises
    ------
    ValueError
        The pattern has other fields, or none; or the name is none of its kind.

    Examples
    --------
    >>> named(Path("logs/psycho_e1.txt"), "{clip}_{rater}")
    {'clip': 'psycho', 'rater': 'e1'}
    """
    fields = re.findall(r"\{(.*?)\}", pattern)
    if not fields or not set(fields) <= set(NAMED) or len(set(fields)) < len(fields):
        expected = ", ".join(f"{{{name}}}" for name in NAMED)
        raise ValueError(f"names: found {pattern!r}; expected some of {expected}, once each")
    expression = re.escape(pattern)
    for name in fields:
        expression = expression.replace(re.escape(f"{{{name}}}"), f"(?P<{name}>.+?)")
    found = re.fullmatch(expression, path.stem)
    if found is None:
        raise ValueError(f"{path}: found the name {path.stem!r}; expected one like {pattern} (names)")
    return found.groupdict()


def of_crowd(annotations: Annotations) -> tuple[Annotations, int]:
    """The annotations of the crowd, and how many experts are left out: an Eval set is a crowd's.

    Raises
    ------
    ValueError
        There is no crowd.
    """
    raters = annotations.traces.groupby("population")["rater"].nunique()
    if "crowd" not in raters:
        found = f"{raters['expert']} experts and nobody else"
        raise ValueError(f"evaluation: found {found}; expected ratings of a crowd")
    return annotations.only(population="crowd"), int(raters.get("expert", 0))


def read_features(path: Path, clips: pd.DataFrame) -> pd.DataFrame:
    """Read descriptors: ``time`` (or ``sec``, ``t``), numbers, and ``clip`` unless there is one clip only."""
    table, source = table_of(path)
    table = table.copy()
    time = next((name for name in TIME if name in table), None)
    if time is None:
        raise ValueError(f"{source.name}: found columns {', '.join(table.columns)}; expected one called time")
    if "clip" not in table:
        if len(clips) != 1:
            found = f"no column clip besides {len(clips)} clips that are rated"
            raise ValueError(f"{source.name}: found {found}; expected one")
        table.insert(0, "clip", clips["clip"].iloc[0])
    columns = [name for name in table.columns if name not in ("clip", time)]
    if not columns:
        raise ValueError(f"{source.name}: found no descriptors; expected at least one column")
    numbers = {name: pd.to_numeric(table[name], errors="coerce") for name in (time, *columns)}
    for name, values in numbers.items():
        wrong = ~np.isfinite(values.to_numpy(float))
        if wrong.any():
            k = int(wrong.argmax())
            raise source.refuse(table.index[k], name, repr(table[name].iloc[k]), "a finite number")
    whole = {"clip": table["clip"].astype(str), "time": numbers[time]}
    return pd.DataFrame(whole | {name: numbers[name] for name in columns}).reset_index(drop=True)


def with_experts(
    annotations: Annotations,
    experts: Sequence[str],
    leave_out: Sequence[str] = (),
    *,
    others: Iterable[str] = (),
) -> Annotations:
    """Name the raters that are the experts, and those to leave out, by patterns such as ``av1o0[5-9]``.

    A pattern has to fit a rater of these annotations or one of the ``others``, such as of another set.
    A rater's slider does not change with what he is called. So where the scales of the two populations
    differ, all ratings are brought to [-1, 1] first, each by the scale that it was read with.

    Examples
    --------
    >>> rows = [["a", rater, "crowd", "arousal", 0, value] for rater, value in (("r", -2), ("s", 1))]
    >>> columns = ["clip", "rater", "population", "dimension", "time", "value"]
    >>> with_experts(Annotations(pd.DataFrame(rows, columns=columns)), ["s"]).traces[["population", "value"]]
      population  value
    0      crowd   -1.0
    1     expert    0.5
    """

    def fitting(patterns: Sequence[str]) -> set[str]:
        raters = {*annotations.traces["rater"], *others}
        found: set[str] = set()
        for pattern in patterns:
            matched = {rater for rater in raters if fnmatchcase(rater, pattern)}
            if not matched:
                raise ValueError(f"raters: found none like {pattern!r} among {', '.join(sorted(raters))}")
            found |= matched
        return found

    chosen, gone = fitting(experts), fitting(leave_out)
    if (
        chosen.intersection(annotations.traces["rater"])
        and annotations.scale["crowd"] != annotations.scale["expert"]
    ):
        annotations = rescale(annotations)
    tables = {}
    for name in ("traces", "static"):
        table = getattr(annotations, name)
        table = table[~table["rater"].isin(gone)].copy()
        table["population"] = np.where(table["rater"].isin(chosen), "expert", table["population"])
        tables[name] = table
    return Annotations(tables["traces"], tables["static"], annotations.clips, scale=annotations.scale)


def cut(annotations: Annotations, features: pd.DataFrame, seconds: int) -> tuple[Annotations, pd.DataFrame]:
    """Clips of so many seconds out of long recordings, with their descriptors."""
    pieces = segments(annotations, seconds)
    numbers = (second_of(annotations.clips["length"]) // seconds).tolist()
    whole = [(clip, k) for clip, n in zip(annotations.clips["clip"], numbers, strict=True) for k in range(n)]
    names = dict(zip(whole, pieces.clips["clip"], strict=True))
    number = second_of(features["time"]) // seconds
    piece = [names.get(key) for key in zip(features["clip"].astype(str), number.tolist(), strict=True)]
    moved = features.assign(clip=piece, time=features["time"] - number * seconds)
    return pieces, moved[moved["clip"].notna()].reset_index(drop=True)


def modalities(columns: Sequence[str], audio: Sequence[str], video: Sequence[str]) -> dict[str, list[str]]:
    """Which descriptors are audio and which video, by patterns; without patterns all are ``features``.

    Examples
    --------
    >>> modalities(["rms", "hue"], ["rms"], ["h*"])
    {'audio': ['rms'], 'video': ['hue']}
    """
    if not (audio or video):
        return {"features": list(columns)}
    found = {}
    for name, patterns in (("audio", audio), ("video", video)):
        mine = [column for column in columns if any(fnmatchcase(column, pattern) for pattern in patterns)]
        if patterns and not mine:
            raise ValueError(f"{name}: found no column like {' '.join(patterns)} among {', '.join(columns)}")
        if mine:
            found[name] = mine
    return found
