"""Markup without a template: elements of HTML and SVG, and a plot of duality gaps on two log axes.

Elements are those of `xml.etree`, which escapes whatever text they are given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from xml.etree.ElementTree import Element

import numpy as np

from verification.trajectory import Trajectory

__all__ = ["DASHES", "SMALLEST", "Axes", "element", "plot", "sample"]

#: Dash patterns of the lines that have a name; no two are alike, so that colour is a help only.
DASHES = (
    *("none", "6 3", "2 2", "8 3 2 3", "12 3", "4 4", "1 3", "8 2 2 2 2 2"),
    *("3 1", "14 3 4 3", "5 2 1 2", "10 6"),
)
N_COLOURS = 6
WIDTH, HEIGHT = 360, 244
LEFT, RIGHT, TOP, BOTTOM = 68, 330, 12, 202
#: A gap below it is rounding, and is drawn as one of 0.
SMALLEST = 1e-16


def element(
    tag: str, attributes: Mapping[str, object] | None = None, *children: Element | str | None
) -> Element:
    """An element with attributes, and with text and elements in it; None is left out."""
    made = Element(tag, {name: str(value) for name, value in (attributes or {}).items()})
    for child in children:
        if isinstance(child, Element):
            made.append(child)
        elif child and len(made):
            made[-1].tail = (made[-1].tail or "") + child
        elif child:
            made.text = (made.text or "") + child
    return made


@dataclass(frozen=True)
class Axes:
    """Where iterations and gaps are drawn: the decades of the gap, and the last iteration."""

    lowest: int
    highest: int
    last: float

    @classmethod
    def around(cls, trajectories: Sequence[Trajectory]) -> Axes:
        """Axes that hold all of them and their tolerances, so that plots can be compared."""
        gaps = np.concatenate([np.append(way.gaps, way.tol) for way in trajectories] or [np.ones(1)])
        gaps = np.maximum(gaps[np.isfinite(gaps) & (gaps > 0)], SMALLEST)
        last = max((int(way.iterations[-1]) for way in trajectories), default=1)
        if not gaps.size:
            return cls(-1, 0, max(last, 10))
        lowest, highest = floor(log10(gaps.min())), ceil(log10(gaps.max()))
        return cls(lowest, max(highest, lowest + 1), max(last, 10))

    def x(self, iteration: float) -> float:
        """The abscissa of an iteration."""
        return LEFT + (RIGHT - LEFT) * log10(iteration) / log10(self.last)

    def y(self, gap: float) -> float:
        """The ordinate of a relative gap; that of 0 is the lower edge."""
        share = (log10(max(gap, 10.0**self.lowest)) - self.lowest) / (self.highest - self.lowest)
        return BOTTOM - (BOTTOM - TOP) * share

    def iterations(self) -> list[int]:
        """The iterations that are written below the plot."""
        steps = (1, 2, 5) if self.last < 200 else (1,)
        every = [s * 10**k for k in range(ceil(log10(self.last)) + 1) for s in steps]
        return [n for n in every if n <= self.last]

    def decades(self) -> range:
        """The powers of ten that are written beside the plot."""
        return range(self.highest, self.lowest - 1, -ceil((self.highest - self.lowest) / 6))


def plot(label: str, lines: Sequence[tuple[str, Trajectory]], axes: Axes) -> Element:
    """Relative duality gaps against iterations; the lines beyond the dash patterns are faint and solid."""
    named, others = lines[: len(DASHES)], lines[len(DASHES) :]
    return element(
        "svg",
        {"class": "plot", "viewBox": f"0 0 {WIDTH} {HEIGHT}", "role": "img", "aria-label": label},
        *_grid(axes),
        *_tolerances({way.tol for _, way in lines if way.tol > 0}, axes),
        *(_line("other", "none", name, way, axes) for name, way in others),
        *(_line(f"c{k % N_COLOURS}", DASHES[k], name, way, axes) for k, (name, way) in enumerate(named)),
    )


def sample(k: int) -> Element:
    """A short piece of the k-th line, for a legend."""
    line = {"x1": 0, "y1": 5, "x2": 40, "y2": 5, "stroke-dasharray": DASHES[k]}
    attributes = {"class": f"sample c{k % N_COLOURS}", "viewBox": "0 0 40 10", "aria-hidden": "true"}
    return element("svg", attributes, element("line", line))


def _grid(axes: Axes) -> Iterator[Element]:
    for n in axes.iterations():
        x = f"{axes.x(n):.1f}"
        yield element("line", {"class": "grid", "x1": x, "y1": TOP, "x2": x, "y2": BOTTOM})
        yield element("text", {"x": x, "y": BOTTOM + 16, "text-anchor": "middle"}, *_number(n))
    for k in axes.decades():
        y = axes.y(10.0**k)
        yield element("line", {"class": "grid", "x1": LEFT, "y1": f"{y:.1f}", "x2": RIGHT, "y2": f"{y:.1f}"})
        yield element("text", {"x": LEFT - 6, "y": f"{y + 4:.1f}", "text-anchor": "end"}, *_power(k))
    frame = {"x": LEFT, "y": TOP, "width": RIGHT - LEFT, "height": BOTTOM - TOP}
    yield element("rect", {"class": "frame", **frame})
    yield element(
        "text", {"x": (LEFT + RIGHT) / 2, "y": HEIGHT - 6, "text-anchor": "middle"}, "iteration (log)"
    )
    middle = (TOP + BOTTOM) / 2
    turned = {"x": 16, "y": middle, "text-anchor": "middle", "transform": f"rotate(-90 16 {middle:g})"}
    yield element("text", turned, "gap / F(0) (log)")


def _tolerances(tolerances: set[float], axes: Axes) -> Iterator[Element]:
    for tol in sorted(tolerances):
        y = axes.y(tol)
        yield element(
            "line", {"class": "tolerance", "x1": LEFT, "y1": f"{y:.1f}", "x2": RIGHT, "y2": f"{y:.1f}"}
        )
        yield element("text", {"x": RIGHT + 5, "y": f"{y + 4:.1f}"}, "tol")


def _line(style: str, dash: str, name: str, way: Trajectory, axes: Axes) -> Element:
    """A line that ends in a dot, or at the lower edge in a triangle where the gap is below it.

    Where no gap was proved there is nothing to draw.
    """
    points = [
        (axes.x(float(n)), axes.y(float(gap)))
        for n, gap in zip(way.iterations, way.gaps, strict=True)
        if np.isfinite(gap)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return element(
        "g",
        {"class": f"line {style}"},
        element("title", None, name),
        element("polyline", {"points": path, "stroke-dasharray": dash}) if len(points) > 1 else None,
        _end(*points[-1], below=way.gaps[-1] < 10.0**axes.lowest) if points else None,
    )


def _end(x: float, y: float, *, below: bool) -> Element:
    if below:
        return element("path", {"d": f"M{x - 4:.1f},{y - 7:.1f}h8l-4,7z"})
    return element("circle", {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": 2.5})


def _number(n: int) -> tuple[Element | str, ...]:
    return (str(n),) if n < 10_000 else _power(round(log10(n)))


def _power(k: int) -> tuple[Element | str, ...]:
    raised = {"dy": -4, "font-size": "75%"}
    return ("1",) if k == 0 else ("10", element("tspan", raised, str(k).replace("-", "−")))
