"""From annotations to what the study learns from: quality rules, one scale, the last seconds, agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from affect.annotations import Annotations
from affect.material import Material, cube, feature_cube, p1_data
from affect.problems import P1Data, Protocol
from affect.simulate import AUDIO, VIDEO, Simulation

__all__ = ["Prepared", "modalities", "of_simulation", "prepare", "segments", "with_experts"]


@dataclass(frozen=True)
class Prepared:
    """Data that the study can run on.

    Attributes
    ----------
    title : str
    val, evaluation : Annotations
        What is left of the annotations after the quality rules, on [-1, 1]; evaluation may be None.
    material : Material
    p1 : P1Data
    quality : rows of (rule, annotations dropped, annotations left)
    notes : sequence of str
        What readers have to know.
    """

    title: str
    val: Annotations
    evaluation: Annotations | None
    material: Material
    p1: P1Data
    quality: Sequence[tuple[str, int, int]]
    notes: Sequence[str] = field(default_factory=tuple)


def unit_scale(annotations: Annotations) -> Annotations:
    """All ratings on [-1, 1], from the scale of each population."""
    scaled = {}
    for name in ("traces", "static"):
        table = getattr(annotations, name).copy()
        low = table["population"].map({p: ends[0] for p, ends in annotations.scale.items()}).to_numpy(float)
        high = table["population"].map({p: ends[1] for p, ends in annotations.scale.items()}).to_numpy(float)
        table["value"] = np.clip(2 * (table["value"].to_numpy(float) - low) / (high - low) - 1, -1, 1)
        scaled[name] = table
    unit = dict.fromkeys(annotations.scale, (-1.0, 1.0))
    return Annotations(scaled["traces"], scaled["static"], annotations.clips, scale=unit)


def screened(annotations: Annotations) -> tuple[Annotations, list[tuple[str, int, int]]]:
    raise NotImplementedError


def prepare(
    title: str,
    val: Annotations,
    features: pd.DataFrame,
    names: Mapping[str, Sequence[str]],
    *,
    evaluation: Annotations | None = None,
    protocol: Protocol | None = None,
    profiles: pd.DataFrame | None = None,
    weights: Mapping[str, pd.DataFrame] | None = None,
    notes: Sequence[str] = (),
) -> Prepared:
    """Drop what the quality rules drop, and cut out the last seconds.

    Parameters
    ----------
    title : str
    val : Annotations
        Of crowd and experts.
    features : DataFrame
        ``clip, time`` and the descriptors.
    names : dict of str to list of str
        The descriptors of each modality.
    evaluation : Annotations, optional
        Of a crowd, on clips with quadrants, for P2.
    protocol : Protocol, optional
    profiles, weights : optional
        The truth, where it is known.
    notes : sequence of str

    Returns
    -------
    Prepared
    """
    seconds = (protocol or Protocol()).seconds
    kept, quality = screened(val)
    kept = unit_scale(kept)
    rated = set(map(tuple, kept.traces[["population", "dimension"]].drop_duplicates().to_numpy().tolist()))
    dimensions = sorted({d for _, d in rated if {("crowd", d), ("expert", d)} <= rated})
    if not dimensions:
        raise ValueError(
            f"ratings: found {sorted(rated)}; expected one dimension at least that crowd and experts rated"
        )
    others, other_clips = {}, None
    if evaluation is not None:
        evaluation, dropped = screened(evaluation)
        evaluation = unit_scale(evaluation)
        quality += [(f"Eval: {rule}", n, left) for rule, n, left in dropped]
        other_clips = evaluation.clips
        known = set(evaluation.traces["dimension"])
        others = {
            d: cube(evaluation.traces, other_clips, "crowd", d, seconds) for d in dimensions if d in known
        }
    material = Material(
        kept.clips,
        {
            (p, d): cube(kept.traces, kept.clips, p, d, seconds)
            for p in ("crowd", "expert")
            for d in dimensions
        },
        {modality: feature_cube(features, kept.clips, columns, seconds) for modality, columns in names.items()},
        names,
        other_clips,
        others,
    )
    return Prepared(
        title, kept, evaluation, material, p1_data(material, profiles, weights), quality, tuple(notes)
    )


def of_simulation(simulation: Simulation, protocol: Protocol | None = None) -> Prepared:
    """The study's data from a simulation, with the truth.

    Examples
    --------
    >>> from affect.simulate import simulate
    >>> prepared = of_simulation(simulate(seed=0))
    >>> prepared.p1.features["audio"].shape
    (12, 50, 56)
    """
    val, other = simulation.val, simulation.eval
    notes = (
        f"A simulation (seed {simulation.seed}): clips, raters and descriptors were drawn with the statistics of "
        "the paper's Tables 1 to 4. The paper's own ratings were never published.",
        "Experts are not the truth: they are raters who agree as the paper's experts do. RMSE against the true "
        "profile is in a table of its own.",
    )
    return prepare(
        "Expert-guided multi-task learning: the study on a simulation",
        Annotations(val.traces, val.static, val.clips),
        val.features,
        {"audio": AUDIO, "video": VIDEO},
        evaluation=Annotations(other.traces, None, other.clips, scale={"crowd": (-1.0, 1.0)}),
        protocol=protocol,
        profiles=val.profiles,
        weights=val.weights,
        notes=notes,
    )


# -- one's own data ----------------------------------------------------------------------------------


def with_experts(annotations: Annotations, experts: Sequence[str], leave_out: Sequence[str] = ()) -> Annotations:
    """Name the raters that are the experts, and those to leave out, by patterns such as ``av1o0[5-9]``."""

    def named(patterns: Sequence[str]) -> set[str]:
        raters = annotations.traces["rater"].unique()
        found: set[str] = set()
        for pattern in patterns:
            matched = {rater for rater in raters if fnmatchcase(rater, pattern)}
            if not matched:
                raise ValueError(f"raters: found none like {pattern!r} among {', '.join(sorted(raters))}")
            found |= matched
        return found

    chosen, gone = named(experts), named(leave_out)
    tables = {}
    for name in ("traces", "static"):
        table = getattr(annotations, name)
        table = table[~table["rater"].isin(gone)].copy()
        table["population"] = np.where(table["rater"].isin(chosen), "expert", table["population"])
        tables[name] = table
    return Annotations(tables["traces"], tables["static"], annotations.clips, scale=annotations.scale)


def segments(annotations: Annotations, features: pd.DataFrame, seconds: float) -> tuple[Annotations, pd.DataFrame]:
    """Cut long recordings into clips of so many seconds; what is left over at the end is not used."""
    starts = {
        clip: np.arange(int(length // seconds)) * seconds
        for clip, length in zip(annotations.clips["clip"], annotations.clips["length"], strict=True)
    }

    def cut(table: pd.DataFrame) -> pd.DataFrame:
        number = (table["time"] // seconds).astype(int)
        inside = number < table["clip"].map({clip: len(s) for clip, s in starts.items()})
        piece = table["clip"].astype(str) + "-" + number.map("{:03d}".format)
        return table.assign(clip=piece, time=table["time"] - number * seconds)[inside]

    clips = pd.DataFrame(
        [(f"{clip}-{k:03d}", float(seconds)) for clip, s in starts.items() for k in range(len(s))],
        columns=["clip", "length"],
    )
    if clips.empty:
        raise ValueError(f"segment: found {seconds:g} s; expected no more than the length of the recordings")
    pieces = Annotations(cut(annotations.traces), None, clips, scale=annotations.scale)
    return pieces, cut(features)


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


def renamed(prepared: Prepared, title: str) -> Prepared:
    """The same under another title."""
    return replace(prepared, title=title)
