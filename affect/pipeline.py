"""From annotations to what the study learns from: quality rules, one scale, the last seconds, agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from affect.annotations import RULES, TRACE_RULES, Annotations, clean, rescale
from affect.annotations.rules import Rule, values_missing
from affect.material import Material, cube, feature_cube, p1_data
from affect.problems import P1Data, Protocol
from affect.simulate import AUDIO, VIDEO, Simulation
from affect.study import remarks

__all__ = ["Prepared", "cleaned", "last_seconds_of", "of_simulation", "prepare", "quality_rules"]


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


def quality_rules(annotations: Annotations) -> tuple[Rule, ...]:
    """Rules of static ratings apply where the crowd gave any, and to its workers the limit of five clips."""
    return RULES if (annotations.static["population"] == "crowd").any() else TRACE_RULES


def last_seconds_of(rules: Sequence[Rule], seconds: int) -> list[Rule]:
    """The rules, missing values being counted in the last seconds that are learned from."""
    return [partial(rule, seconds=seconds) if rule is values_missing else rule for rule in rules]


def cleaned(
    annotations: Annotations, label: str = "", rules: Sequence[Rule] | None = None
) -> tuple[Annotations, list[tuple[str, int, int]]]:
    """What quality rules (by default `quality_rules`) leave, on [-1, 1], and what each of them did."""
    kept, report = clean(annotations, quality_rules(annotations) if rules is None else rules)
    steps = [
        (label + str(step.rule).replace("_", " "), int(step.dropped), int(step.annotations))
        for step in report.steps.itertuples()
    ]
    return rescale(kept), steps


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
    quality: Sequence[tuple[str, int, int]] = (),
    notes: Sequence[str] = (),
) -> Prepared:
    """Cut out the last seconds of clean annotations on [-1, 1], for all that the study does.

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
    quality, notes
        What readers have to know.

    Returns
    -------
    Prepared
    """
    protocol = protocol or Protocol()
    seconds = protocol.seconds
    rated = set(map(tuple, val.traces[["population", "dimension"]].drop_duplicates().to_numpy().tolist()))
    dimensions = sorted({d for _, d in rated if {("crowd", d), ("expert", d)} <= rated})
    if not dimensions:
        left = ", ".join(f"{d} by {'experts' if p == 'expert' else 'the crowd'}" for p, d in sorted(rated))
        dropped = "; ".join(f"{rule}: {count}" for rule, count, _ in quality if count)
        raise ValueError(
            f"ratings: found {left or 'none'}; expected one dimension at least that crowd and experts rated"
            + (f" (annotations that the quality rules dropped: {dropped})" if dropped else "")
            + ("" if ("expert", "arousal") in rated or ("expert", "valence") in rated else " (--experts?)")
        )
    others = {}
    if evaluation is not None:
        known = set(evaluation.traces["dimension"])
        others = {
            d: cube(evaluation.traces, evaluation.clips, "crowd", d, seconds)
            for d in dimensions
            if d in known
        }
    material = Material(
        val.clips,
        {(p, d): cube(val.traces, val.clips, p, d, seconds) for p in ("crowd", "expert") for d in dimensions},
        {
            modality: feature_cube(features, val.clips, columns, seconds)
            for modality, columns in names.items()
        },
        names,
        None if evaluation is None else evaluation.clips,
        others,
    )
    p1 = p1_data(material, profiles, weights)
    told = (*notes, *_protocol_notes(protocol), *remarks(material, protocol))
    return Prepared(title, val, evaluation, material, p1, tuple(quality), told)


def _protocol_notes(protocol: Protocol) -> tuple[str, str]:
    """What the numbers are of."""
    offset = (
        "Every clip has an intercept of its own (--intercept), which the paper's models have not."
        if protocol.intercept
        else "As in the paper no model of P1 has an intercept: of all methods only the mean can predict "
        "anything but 0 where the descriptors are at their means. Where ratings are far from 0, that alone "
        "may decide for the mean; with --intercept every clip has one."
    )
    used = (
        f"Ratings are converted to [-1, 1], and RMSE are in these units. The last {protocol.seconds} s of "
        "every clip are learned from; agreement is of whole clips."
    )
    return used, offset


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
        f"A simulation (seed {simulation.seed}): clips, raters and descriptors were drawn with the "
        "statistics of the paper's Tables 1 to 4. The paper's own ratings were never published.",
        "Experts are not the truth: they are raters who agree as the paper's experts do. RMSE against the "
        "true profile is in a table of its own.",
    )
    kept, quality = cleaned(Annotations(val.traces, val.static, val.clips))
    students, dropped = cleaned(
        Annotations(other.traces, None, other.clips, scale={"crowd": (-1.0, 1.0)}), "Eval: "
    )
    return prepare(
        "Expert-guided multi-task learning: the study on a simulation",
        kept,
        val.features,
        {"audio": AUDIO, "video": VIDEO},
        evaluation=students,
        protocol=protocol,
        profiles=val.profiles,
        weights=val.weights,
        quality=[*quality, *dropped],
        notes=notes,
    )
