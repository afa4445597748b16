"""The paper's Figures 2 to 5, for print: profiles of crowd and experts, and W of each method as heat maps."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import FixedLocator, NullFormatter

from affect.material import Material, labelled
from affect.relations import BASELINES
from affect.study import Results

__all__ = ["as_bytes", "figure_2", "figure_3", "figure_4", "figure_5", "heat_map"]

CROWD, EXPERTS = "#b2182b", "#1b7837"  # red and green as in the paper; told apart by the dashes as well
STYLE: dict[str, Any] = {"fontsize": 8}


def as_bytes(figure: Figure, kind: str = "png") -> bytes:
    """The file of a figure, the same bytes for the same numbers."""
    file = io.BytesIO()
    metadata = {"png": {"Software": None}, "pdf": {"CreationDate": None}}[kind]
    figure.savefig(file, format=kind, dpi=160, metadata=metadata)
    return file.getvalue()


def exemplars(material: Material, most: int = 4) -> list[int]:
    """The first clip of each quadrant, in the paper's order; without quadrants the first clips."""
    if not labelled(material.clips):
        return list(range(min(most, len(material.clips))))
    quadrants = list(material.clips["quadrant"])
    return [quadrants.index(q) for q in ("HAHV", "LAHV", "LALV", "HALV") if q in quadrants]


def figure_2(material: Material) -> Figure:
    """Median (line) and mean (dashes) of crowd and experts over the last seconds of four clips."""
    chosen, dimensions = exemplars(material), material.dimensions
    figure = Figure(figsize=(2.1 * len(chosen) + 0.8, 1.8 * len(dimensions) + 0.6), layout="constrained")
    panels = np.atleast_2d(
        figure.subplots(len(dimensions), len(chosen), sharex=True, sharey=True, squeeze=False)
    )
    for row, dimension in zip(panels, dimensions, strict=True):
        for panel, t in zip(row, chosen, strict=True):
            for population, color, name in (("crowd", CROWD, "crowd"), ("expert", EXPERTS, "experts")):
                ratings = material.ratings[population, dimension]
                seconds = np.arange(ratings.values.shape[1]) - ratings.values.shape[1]
                panel.plot(seconds, ratings.median[t], color=color, lw=1.4, label=f"{name}, median")
                panel.plot(seconds, ratings.mean[t], color=color, lw=1, ls=(0, (3, 2)), label=f"{name}, mean")
            panel.axhline(0, color="0.6", lw=0.6, zorder=0)
            panel.tick_params(labelsize=7)
            panel.spines[["top", "right"]].set_visible(False)
        row[0].set_ylabel(dimension, **STYLE)
    for panel, t in zip(panels[0], chosen, strict=True):
        panel.set_title(_clip_name(material, t), fontsize=8)
    for panel in panels[-1]:
        panel.set_xlabel("seconds before the end", **STYLE)
    figure.legend(
        *panels[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        fontsize=7,
        frameon=False,
    )
    return figure


def _clip_name(material: Material, t: int) -> str:
    row = material.clips.iloc[t]
    quadrant = row.get("quadrant")
    name = str(row["clip"])
    return name if not isinstance(quadrant, str) or quadrant in name else f"{name} ({quadrant})"


def heat_map(
    panel: Axes, W: Any, *, x: Sequence[str] | None = None, y: Sequence[str] | None = None, start: float = 0.0
) -> None:
    """Absolute weights, tasks x features, darker where larger; scaled by the largest of the panel."""
    size = np.abs(np.asarray(W, dtype=float))
    panel.imshow(
        size,
        cmap="Greys",
        vmin=0.0,
        vmax=size.max() if size.max() > 0 else 1.0,
        aspect="auto",
        interpolation="nearest",
        extent=(start - 0.5, start + size.shape[1] - 0.5, size.shape[0] - 0.5, -0.5),
    )
    if x is not None:
        panel.set_xticks(range(len(x)), x, rotation=90, fontsize=5.5)
    else:
        panel.tick_params(axis="x", labelsize=7)
    if y is not None:
        panel.set_yticks(range(len(y)), y, fontsize=5.5)
    else:
        panel.yaxis.set_major_locator(FixedLocator([]))
        panel.yaxis.set_major_formatter(NullFormatter())
    panel.tick_params(length=1.5, pad=1)


def _maps(
    place: FigureBase,
    columns: Mapping[str, Mapping[str, Any]],
    methods: Sequence[str],
    x_label: str,
    *,
    y: Sequence[str],
    x: Sequence[str] | None = None,
    start: float = 0.0,
) -> None:
    """A grid: one row a method, one column a record."""
    panels = place.subplots(len(methods), len(columns), sharex="col", sharey=True, squeeze=False)
    for i, method in enumerate(methods):
        for j, (title, record) in enumerate(columns.items()):
            panel = panels[i, j]
            last = i == len(methods) - 1
            heat_map(panel, record["methods"][method]["coef"], x=x, y=y, start=start)
            panel.tick_params(labelbottom=last, labelleft=j == 0)
            if i == 0:
                panel.set_title(title, fontsize=9)
            if last:
                panel.set_xlabel(x_label, **STYLE)
            if j == 0:
                panel.set_ylabel(method, fontsize=8, fontweight="bold")


def _over_time(
    records: Mapping[str, Mapping[str, Any]], methods: Sequence[str], height: float
) -> Figure | None:
    if not records:
        return None
    some = next(iter(records.values()))
    n = len(some["methods"][methods[0]]["coef"][0])
    size = (3.6 * len(records) + 0.8, height * len(methods) + 0.6)
    figure = Figure(figsize=size, layout="constrained")
    _maps(figure, records, methods, "seconds before the end", y=some["tasks"], start=-float(n))
    return figure


def figure_3(results: Results) -> Figure | None:
    """Experts as tasks: weights of the seconds before the end."""
    records = {key.capitalize(): record for key, record in results.of("figure3-").items()}
    return _over_time(records, BASELINES[:4], 1.5)


def figure_4(results: Results) -> Figure | None:
    """Clips as tasks and the experts' ratings as features."""
    records = {key.capitalize(): record for key, record in results.of("table6-expert-").items()}
    return _over_time(records, BASELINES[1:], 1.3)


def figure_5(results: Results) -> Figure | None:
    """Clips as tasks and descriptors as features; one block of rows a modality."""
    blocks: dict[str, dict[str, Any]] = {}
    for key, record in results.of("figure5-").items():
        modality, dimension = key.rsplit("-", 1)
        blocks.setdefault(modality, {})[f"{dimension.capitalize()}, {modality}"] = record
    if not blocks:
        return None
    dimensions = max(map(len, blocks.values()))
    figure = Figure(figsize=(5.2 * dimensions + 0.8, 6.2 * len(blocks)), layout="constrained")
    places = figure.subfigures(len(blocks), 1, squeeze=False)[:, 0]
    for place, records in zip(places, blocks.values(), strict=True):
        some = next(iter(records.values()))
        _maps(place, records, BASELINES[1:], "", y=some["tasks"], x=some["features"])
    return figure
