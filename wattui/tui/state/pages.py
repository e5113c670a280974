"""Which graphs are on the screen: presets of graphs, and pages of as many as fit. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from wattui.config import Layout, layout_of
from wattui.show.graphs import GraphSpec

PresetName = Literal["power", "gpu", "cpu", "all"]
PRESET_NAMES: tuple[PresetName, ...] = get_args(PresetName)

# The number of graphs and of columns on screens from these sizes on.
SMALL_COLUMNS, SMALL_ROWS = 100, 30
_FITTING = ((240, 66, 9, 3), (160, 50, 6, 2), (SMALL_COLUMNS, SMALL_ROWS, 4, 2), (0, 0, 1, 1))

_KEPT: dict[PresetName, Callable[[GraphSpec], bool]] = {
    "power": lambda spec: spec.unit == "W",
    "gpu": lambda spec: _device(spec) in ("gpu", "igpu"),
    "cpu": lambda spec: _device(spec) in ("package", "core", "uncore", "dram", "cpu", "command"),
    "all": lambda _: True,
}


def of_preset(name: PresetName, specs: Sequence[GraphSpec]) -> list[GraphSpec]:
    """The graphs that a preset shows."""
    return [spec for spec in specs if _KEPT[name](spec)]


def of_layout(layout: Layout, specs: Sequence[GraphSpec]) -> list[GraphSpec]:
    """The graphs of a saved layout that there are, in its order."""
    known = {spec.title: spec for spec in specs}
    return [known[title] for title in layout.titles if title in known]


def saved(layouts: Sequence[Layout], text: str) -> list[Layout]:
    """The layouts with one more, as typed; it replaces the one of its name, or removes it if it
    has no graphs."""
    name = text.partition(":")[0].strip()
    others = [each for each in layouts if each.name != name]
    layout = layout_of(text)
    return [*others, *([layout] if layout else [])]


def layout_refusal(text: str, specs: Sequence[GraphSpec]) -> str | None:
    """Why a typed layout cannot be saved; None if it can."""
    name, colon, _ = text.partition(":")
    if not name.strip() or not colon:
        return "begin with a name and a colon"
    if ";" in text:
        return "use commas between the titles"
    known = {spec.title for spec in specs}
    layout = layout_of(text)
    unknown = [title for title in layout.titles if title not in known] if layout else []
    if not unknown:
        return None
    import difflib

    near = difflib.get_close_matches(unknown[0], known, 1)
    return f"there is no graph {unknown[0]!r}" + (f": did you mean {near[0]}?" if near else "")


def fitting(width: int, height: int) -> tuple[int, int]:
    """How many graphs fit a screen of so many characters, and in how many columns."""
    return next(
        (graphs, columns)
        for least_width, least_height, graphs, columns in _FITTING
        if width >= least_width and height >= least_height
    )


@dataclass(frozen=True, slots=True)
class Pages:
    """So many graphs on pages of `size`; `number` is the page that is shown, from 0."""

    graphs: int = 0
    size: int = 1
    number: int = 0

    @property
    def count(self) -> int:
        """How many pages there are."""
        return max(1, math.ceil(self.graphs / self.size))

    @property
    def places(self) -> range:
        """The graphs on the page, by place."""
        first = self.number * self.size
        return range(first, min(self.graphs, first + self.size))

    def turned(self, pages: int) -> Pages:
        """Turned by a number of pages, from the last to the first."""
        return replace(self, number=(self.number + pages) % self.count)

    def at(self, place: int) -> Pages:
        """The page with the graph at a place."""
        return replace(self, number=max(0, min(self.count - 1, place // self.size)))

    def of(self, graphs: int, size: int) -> Pages:
        """The same for other numbers of graphs, on the page with the first graph shown so far."""
        return Pages(graphs, size).at(self.number * self.size)


def _device(spec: GraphSpec) -> str:
    """The kind of device in a graph: gpu of gpu0_util."""
    return spec.series[0].channel.partition("_")[0].rstrip("0123456789")
