"""Many series as lanes: bars for each, one below another, so that each can be named. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from wattui.show.history import Bin
from wattui.show.plot import BLANK, DOTS_WIDE, Glyphs, PlotCell

# More curves than this in one graph hide each other.
MOST_CURVES = 4


def lane_rows(series: int, rows: int) -> int:
    """How many rows each of so many series gets; 0 if curves are better, or lanes do not fit."""
    return rows // series if series > MOST_CURVES else 0


def lanes(
    series: Sequence[tuple[int, Sequence[Bin | None]]],
    top: float,
    columns: int,
    rows: int,
    glyphs: Glyphs,
) -> list[list[PlotCell]]:
    """Columns of cells, each from the top: for each series, given with its place, a bar in each
    column as high as its highest reading there, of `top`.

    The smallest bar is that of a reading of 0; without a reading there is none. Even the highest
    leaves a gap below the lane above it.
    """
    high = lane_rows(len(series), rows)
    found: list[list[PlotCell]] = []
    for column in range(columns):
        cells: list[PlotCell] = []
        for place, bins in series:
            part = bins[column * DOTS_WIDE : (column + 1) * DOTS_WIDE]
            known = [each[1] for each in part if each]
            cells += _bar(max(known) / top, place, high, glyphs) if known else [BLANK] * high
        found.append(cells + [BLANK] * (rows - len(cells)))
    return found


def _bar(share: float, place: int, rows: int, glyphs: Glyphs) -> list[PlotCell]:
    """The cells of a bar from the top."""
    steps = len(glyphs.bars)
    level = max(1, round(max(0.0, min(1.0, share)) * (steps * rows - 1)))
    filled = (min(steps, max(0, level - steps * row)) for row in reversed(range(rows)))
    return [PlotCell(glyphs.bars[each - 1], place) if each else BLANK for each in filled]
