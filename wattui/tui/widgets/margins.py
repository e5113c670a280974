"""The margins of a plot: phase ribbon, value axis, time axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypeAlias

from rich.cells import set_cell_size

from wattui.clean import one_line
from wattui.show import ticks
from wattui.show.palette import Palette
from wattui.show.plot import DOTS_WIDE, Glyphs
from wattui.tui.state.live import Live, LivePhase
from wattui.tui.state.titles import unit_text
from wattui.tui.state.viewport import Viewport
from wattui.tui.terminal.ascii import ascii_text

GUTTER = 6
RIBBON = 0.35

# Text and background colours; None for the widget's own.
Ink: TypeAlias = tuple[str | None, str | None]
Inked: TypeAlias = tuple[str, Ink]
Tint: TypeAlias = Callable[[Palette, str, float], str]


def phases(live: Live, column_s: float, first: int, columns: int) -> list[LivePhase | None]:
    """The phase at the middle of each character column; a short phase gets one column, and one that
    goes on all of the newest."""
    found: list[LivePhase | None] = [None] * columns
    for stretch in live.visible(first * column_s, (first + columns) * column_s):
        start = math.floor(stretch.start_s / column_s + 0.5) - first
        last = math.floor(live.time_s / column_s) + 1 - first
        if stretch.end_s is not None:
            last = math.floor(stretch.end_s / column_s + 0.5) - first
        end = max(start + 1, last)
        part = slice(max(0, start), min(columns, max(0, end)))
        found[part] = [stretch] * len(found[part])
    return found


def ribbon(
    stretches: Sequence[LivePhase | None],
    palette: Palette,
    glyphs: Glyphs,
    tint: Tint,
    top: float | None = None,
) -> tuple[Inked, ...]:
    """A band for each phase with as much of its title as fits; beside it, the top of lanes."""
    label = "" if top is None else f"{ticks.value_label(top)} "
    inks: list[Inked] = [(f"{label:>{GUTTER}}", (palette.dim if label else None, None))]
    for stretch, run in groupby(stretches):
        width = len(list(run))
        if stretch is None:
            inks.append((" " * width, (None, None)))
            continue
        colour = palette.of_phase(stretch.phase)
        text = one_line(f"{glyphs.axis}{stretch.title}")
        text = set_cell_size(ascii_text(text) if glyphs.ascii else text, width)
        inks.append((text, (palette.text, tint(palette, colour, RIBBON))))
    return tuple(inks)


def gutter(
    tick: float | None,
    palette: Palette,
    glyphs: Glyphs,
    name: tuple[str, str] | None = None,
) -> tuple[Inked, ...]:
    """A name in its colour, an axis value, or just the axis."""
    text, colour = name or ("" if tick is None else ticks.value_label(tick), palette.dim)
    mark = glyphs.axis if tick is None else glyphs.tick
    label = set_cell_size(f"{text:>{GUTTER - 1}}", GUTTER - 1)
    return (label, (colour, None)), (mark, (palette.grid, None))


def axis(
    unit: str,
    view: Viewport,
    zero_s: float,
    first: int,
    columns: int,
    palette: Palette,
    glyphs: Glyphs,
) -> tuple[Inked, ...]:
    """Unit and round times since `zero_s`; the crosshair's time takes precedence."""
    column_s = view.bin_s * DOTS_WIDE
    line = [" "] * columns
    begin, moment = _moment(view, zero_s, first, columns)
    end = begin + len(moment)
    start_s, end_s = (each * column_s - zero_s for each in (first, first + columns))
    for place, label in ticks.time_ticks(start_s, end_s, columns, -zero_s):
        if not moment or place + len(label) < begin or end < place:
            line[place : place + len(label)] = label
    text, dim = "".join(line), (palette.dim, None)
    inks: list[Inked] = [(f"{unit_text(unit, glyphs):>{GUTTER - 1}} ", dim)]
    return (*inks, (text[:begin], dim), (moment, (palette.text, None)), (text[end:], dim))


def _moment(view: Viewport, zero_s: float, first: int, columns: int) -> tuple[int, str]:
    """The crosshair's time and its place; empty text if it is not visible."""
    if view.cursor_s is None:
        return 0, ""
    place = math.floor(view.cursor_s / (view.bin_s * DOTS_WIDE)) - first
    if not 0 <= place < columns:
        return 0, ""
    label = ticks.moment_label(view.cursor_s - zero_s, view.bin_s)[:columns]
    return max(0, min(columns - len(label), place - len(label) // 2)), label
