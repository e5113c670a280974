"""Makes screenshots/dashboard-film.svg: the dashboard in motion, as frames switched by CSS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import NamedTuple, TypeAlias

from rich.color import Color
from rich.style import Style
from textual.pilot import Pilot
from textual.strip import Strip

CELL_WIDTH, CELL_HEIGHT, FONT_SIZE = 8, 16, 13.3
DESCENT = 4
FONT = "'DejaVu Sans Mono', Menlo, Consolas, monospace"
# Of the film; the last frame stays for so much longer.
FRAME_S, LAST_S = 0.6, 3.0


class Run(NamedTuple):
    """Characters of one look in a row, from a column on."""

    column: int
    text: str
    colour: str
    ground: str
    is_bold: bool


Row: TypeAlias = tuple[Run, ...]


class Span(NamedTuple):
    """A row as it stays from one frame to before another."""

    first: int
    end: int
    row: Row


def rows_of(pilot: Pilot[int]) -> list[Row]:
    """The screen as it is."""
    return [tuple(_runs(strip)) for strip in pilot.app.screen._compositor.render_strips()]


def film(frames: Sequence[Sequence[Row]], ground: str) -> str:
    """An SVG that shows one frame after the other, over and over; `ground` is its background."""
    long_s = FRAME_S * (len(frames) - 1) + LAST_S
    columns = max(run.column + len(run.text) for row in frames[0] for run in row)
    width, height = columns * CELL_WIDTH, len(frames[0]) * CELL_HEIGHT
    looks: dict[tuple[str, bool], str] = {}
    parts: dict[tuple[int, int], dict[int, Row]] = {}
    for number, versions in enumerate(zip(*frames, strict=True)):
        for span in _spans(versions):
            parts.setdefault((span.first, span.end), {})[number] = span.row
    rules, groups = [], []
    for place, ((first, end), rows) in enumerate(parts.items()):
        name = ""
        if (first, end) != (0, len(frames)):
            name = f" class='f{place}'"
            rules.append(_shown(f"f{place}", first, end, len(frames), long_s))
        drawn = [*_grounds(rows, ground), *_texts(rows, looks)]
        groups.append(f"<g{name}>{''.join(drawn)}</g>")
    rules += [
        f".{name}{{fill:{colour}{';font-weight:bold' if is_bold else ''}}}"
        for (colour, is_bold), name in looks.items()
    ]
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}'>"
        f"<style>text{{font:{FONT_SIZE}px {FONT};white-space:pre}}{''.join(rules)}</style>"
        f"<rect width='100%' height='100%' rx='6' fill='{ground}'/>{''.join(groups)}</svg>\n"
    )


def _grounds(rows: Mapping[int, Row], ground: str) -> Iterator[str]:
    """A path for each colour of ground, of rectangles as tall as they can be."""
    tall: dict[tuple[str, int, int], list[list[int]]] = {}
    for number, row in rows.items():
        for colour, same in groupby(row, key=lambda run: run.ground):
            runs = list(same)
            key = colour, runs[0].column, runs[-1].column + len(runs[-1].text)
            if colour == ground:
                continue
            stretches = tall.setdefault(key, [])
            if stretches and stretches[-1][1] == number:
                stretches[-1][1] += 1
            else:
                stretches.append([number, number + 1])
    paths: dict[str, list[str]] = {}
    for (colour, left, right), stretches in tall.items():
        for top, bottom in stretches:
            x, end, high = left * CELL_WIDTH, right * CELL_WIDTH, (bottom - top) * CELL_HEIGHT
            path = f"M{x} {top * CELL_HEIGHT}H{end}v{high}H{x}z"
            paths.setdefault(colour, []).append(path)
    return (f"<path fill='{colour}' d='{''.join(each)}'/>" for colour, each in paths.items())


def _texts(rows: Mapping[int, Row], looks: dict[tuple[str, bool], str]) -> Iterator[str]:
    """The texts of each look, each run in its place."""
    found: dict[str, list[str]] = {}
    for number, row in rows.items():
        for run in row:
            text = run.text.strip()
            if not text:
                continue
            look = looks.setdefault((run.colour, run.is_bold), f"c{len(looks)}")
            x = (run.column + len(run.text) - len(run.text.lstrip())) * CELL_WIDTH
            # Fonts differ in the width of what they have to take from others.
            is_plain = text.isascii() or len(text) == 1
            fit = "" if is_plain else f" textLength='{len(text) * CELL_WIDTH}'"
            place = f"x='{x}' y='{(number + 1) * CELL_HEIGHT - DESCENT}'"
            found.setdefault(look, []).append(f"<tspan {place}{fit}>{escape(text)}</tspan>")
    return (f"<text class='{look}'>{''.join(parts)}</text>" for look, parts in found.items())


def _shown(name: str, first: int, end: int, count: int, long_s: float) -> str:
    """The rule that shows a part in some frames only; without motion, in the last one."""
    begin, stop = (100 * FRAME_S * n / long_s for n in (first, end))
    steps = f"{begin:.2f}%{{visibility:visible}}"
    if first:
        steps = f"0%{{visibility:hidden}}{steps}"
    if end < count:
        steps += f"{stop:.2f}%{{visibility:hidden}}"
    still = "" if end == count else "visibility:hidden;"
    rule = f"{still}animation:{name} {long_s:g}s step-end infinite"
    return f".{name}{{{rule}}}@keyframes {name}{{{steps}}}"


def _spans(versions: Sequence[Row]) -> Iterator[Span]:
    first = 0
    for row, same in groupby(versions):
        end = first + len(list(same))
        yield Span(first, end, row)
        first = end


def _runs(strip: Strip) -> Iterator[Run]:
    column = 0
    for segment in strip:
        style = segment.style or Style.null()
        text, ground = _hex(style.color, "#ffffff"), _hex(style.bgcolor, "#000000")
        if style.reverse:
            text, ground = ground, text
        yield Run(column, segment.text, text, ground, bool(style.bold))
        column += segment.cell_length


def _hex(colour: Color | None, default: str) -> str:
    return default if colour is None else colour.get_truecolor().hex
