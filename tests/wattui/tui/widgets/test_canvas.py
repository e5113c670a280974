"""Pictures of a graph: what is kept between drawings, widths, crosshair, span, hidden series."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style
from textual.strip import Strip

from recorders.wire import Message
from tests.support import fakes
from tests.support.examples import examples
from wattui.show import plot
from wattui.show.graphs import GraphSpec, graphs
from wattui.show.palette import DARK
from wattui.tui.state.live import Live
from wattui.tui.state.viewport import Viewport
from wattui.tui.widgets.canvas import FILL, Canvas, PlotStyle
from wattui.tui.widgets.margins import GUTTER

COLUMNS = ["package0_J", "package0_W", "package1_W", "dram0_W", "gpu0_util_pct"]
PACKAGES, DRAM, UTILISATION = graphs(COLUMNS)
LOOK = PlotStyle(Viewport(0.4, 10.0), DARK, plot.BRAILLE, Style(), columns=40, rows=8)
LABELS = [
    "",
    "conv1 64x64",
    "日本語のラベル",
    "🔥 hot 🔥",
    "e\u0301tude",
    "a\tb\nc\x1b[31m",
    "👩‍👩‍👧",
]


def message(time_s: float, cells: dict[str, float], phase: str = "", label: str = "") -> Message:
    return fakes.message(time_s, map(cells.get, COLUMNS), phase, label)


def constant(seconds: int, phase: str = "", **cells: float) -> Live:
    live = Live(COLUMNS)
    for tenth in range(10 * seconds):
        live.take(message(tenth / 10, cells, phase))
    return live


def text(strips: list[Strip]) -> list[str]:
    return [strip.text for strip in strips]


def ground(strips: list[Strip], y: int, x: int) -> Any:
    """The background of a cell of the plot."""
    cell = strips[1 + y].crop(GUTTER + x, GUTTER + x + 1)
    return next(iter(cell)).style.bgcolor


def is_of_curve(character: str) -> bool:
    return character > "\u2800" and character not in plot.BRAILLE.fills


def colours(strips: list[Strip], character: str = "") -> set[str]:
    """Colours of the dots, or of one character of the plot."""
    found = set()
    for strip in strips[1:-1]:
        for segment in strip.crop(GUTTER, strip.cell_length):
            wanted = [
                c for c in segment.text if c == character or (not character and is_of_curve(c))
            ]
            if wanted and segment.style and segment.style.color:
                found.add(segment.style.color.name)
    return found


def rows(random: Random) -> Iterator[Message]:
    """Rows with jitter, jumps, pauses, late ones, absent cells and phases."""
    time_s, phase, label, level = 0.0, "", "", 20.0
    while True:
        time_s += random.choice([0.05, 0.1, 0.1, 0.2, 1.0, 7.0 if random.random() < 0.1 else 0.1])
        if random.random() < 0.1:
            phase = random.choice(["", "idle", "running"])
            label, level = random.choice(LABELS), random.choice([20.0, 70.0, 250.0])
        values = {name: level * random.uniform(0.8, 1.2) for name in COLUMNS}
        cells = {name: value for name, value in values.items() if random.random() < 0.8}
        late_s = random.choice([0.0, 0.0, 0.0, 0.15, 3.0])
        yield message(max(0.0, time_s - late_s), cells, phase, label)


def moved(random: Random, look: PlotStyle, live: Live) -> PlotStyle:
    """Something that a person does, or nothing."""
    view, now_s = look.view, live.time_s
    return random.choice(
        [
            look,
            look,
            look,
            replace(look, view=view.zoomed(random.choice([-1, 1]))),
            replace(look, view=view.panned(random.randint(-60, 60), now_s)),
            replace(look, view=view.frozen(now_s)),
            replace(look, view=view.pointed(random.uniform(0, now_s))),
            replace(look, view=view.spanned(random.uniform(0, now_s), random.uniform(0, now_s))),
            replace(look, view=view.pointed(None).spanned(None, None)),
            replace(look, view=view.toggled(random.choice(COLUMNS))),
            replace(look, columns=random.choice([12, 40, 61]), rows=random.choice([4, 8, 13])),
            replace(look, glyphs=random.choice([plot.ASCII, plot.BRAILLE])),
            replace(look, palette=replace(DARK, plain=random.random() < 0.5)),
            replace(look, base=Style(bgcolor=random.choice(["#000000", "#101010"]))),
        ]
    )


@pytest.mark.slow
@examples(25)
@given(st.integers(0, 10**6), st.sampled_from([PACKAGES, DRAM, UTILISATION]))
def test_a_picture_that_goes_on_is_the_one_drawn_from_nothing(seed: int, spec: GraphSpec) -> None:
    random = Random(seed)
    canvas, live, look, coming = Canvas(spec), Live(COLUMNS), LOOK, rows(random)
    for _ in range(40):
        for _ in range(random.choice([0, 1, 2, 2, 30])):
            live.take(next(coming))
        if random.random() < 0.05:
            live.take({"t": "renamed", "first_event": 0})
        look = moved(random, look, live)
        fresh = Canvas(spec, canvas.top, canvas.filled)
        assert [list(strip) for strip in canvas.draw(live, look)] == [
            list(strip) for strip in fresh.draw(live, look)
        ]
        if random.random() < 0.02:
            live, coming = Live(COLUMNS), rows(random)


@examples(60)
@given(st.integers(0, 10**6), st.integers(8, 90), st.integers(3, 20))
def test_every_line_has_exactly_the_width_of_the_widget(seed: int, columns: int, high: int) -> None:
    random = Random(seed)
    live, look, coming = Live(COLUMNS), replace(LOOK, columns=columns, rows=high), rows(random)
    for _ in range(60):
        live.take(next(coming))
    look = replace(look, glyphs=random.choice([plot.ASCII, plot.BRAILLE]))
    look = replace(look, view=look.view.pointed(random.uniform(0, live.time_s)))
    for spec in (PACKAGES, UTILISATION):
        strips = Canvas(spec).draw(live, look)
        assert len(strips) == high + 2
        for strip in strips:
            assert strip.cell_length == sum(s.cell_length for s in strip) == columns + GUTTER
            assert not any(character < " " for character in strip.text)
            assert strip.text.isascii() or not look.glyphs.ascii


def test_what_has_not_changed_is_the_same_line() -> None:
    cells = {"package0_W": 70.0, "package1_W": 60.0}
    live, canvas = constant(61, **cells), Canvas(PACKAGES)
    before = canvas.draw(live, LOOK)
    live.take(message(61.0, cells))
    assert all(old is new for old, new in zip(before, canvas.draw(live, LOOK), strict=True))
    live.take(message(61.1, {**cells, "package1_W": 5.0}))
    same = [old is new for old, new in zip(before, canvas.draw(live, LOOK), strict=True)]
    assert same == [True, True, True] + [False] * 6 + [True]


@pytest.mark.parametrize(("glyphs", "line"), [(plot.BRAILLE, "│"), (plot.ASCII, "|")])
def test_the_crosshair_stands_on_its_moment_and_the_axis_says_it(
    glyphs: plot.Glyphs, line: str
) -> None:
    live, canvas = constant(60, package0_W=70.0, package1_W=70.0), Canvas(PACKAGES)
    look = replace(LOOK, glyphs=glyphs)
    plain = text(canvas.draw(live, look))
    strips = canvas.draw(live, replace(look, view=look.view.pointed(41.2)))
    x = int(41.2 // 0.8) - canvas.first
    for before, strip in zip(plain[1:-1], strips[1:-1], strict=True):
        cell, old = strip.text[GUTTER + x], before[GUTTER + x]
        assert cell == (line if old in (" ", glyphs.grid, *glyphs.fills) else old)
        assert strip.text[: GUTTER + x] + strip.text[GUTTER + x + 1 :] == (
            before[: GUTTER + x] + before[GUTTER + x + 1 :]
        )
    assert "41.2s" in strips[-1].text
    assert abs(strips[-1].text.index("41.2s") + 2 - (GUTTER + x)) <= 1
    gone = canvas.draw(live, replace(look, view=look.view.pointed(1.0)))
    assert text(gone) == plain


def test_the_selected_span_is_tinted_and_nothing_else() -> None:
    live, canvas = constant(60, package0_W=70.0, package1_W=70.0), Canvas(PACKAGES)
    before = canvas.draw(live, LOOK)
    strips = canvas.draw(live, replace(LOOK, view=LOOK.view.spanned(40.0, 48.0)))
    tinted = [x for x in range(40) if ground(strips, 5, x) != ground(before, 5, x)]
    assert tinted == [number - canvas.first for number in range(50, 60)]
    assert text(strips) == text(before)


def test_a_hidden_series_is_not_drawn_and_does_not_scale_the_axis() -> None:
    live, canvas = constant(60, package0_W=400.0, package1_W=30.0), Canvas(PACKAGES)
    first, second = (canvas.colour(DARK, place) for place in (0, 1))
    assert colours(canvas.draw(live, LOOK)) == {first, second}
    assert canvas.top == 500.0
    hidden = canvas.draw(live, replace(LOOK, view=LOOK.view.toggled("package0_W")))
    assert colours(hidden) == {second}
    assert canvas.top == 40.0
    assert colours(canvas.draw(live, LOOK)) == {first, second}


def test_equal_series_are_all_seen() -> None:
    live = constant(60, package0_W=70.0, package1_W=70.0)
    canvas = Canvas(PACKAGES)
    assert colours(canvas.draw(live, LOOK)) == {canvas.colour(DARK, place) for place in (0, 1)}


def test_without_colours_each_curve_has_its_number() -> None:
    live = constant(60, package0_W=70.0, package1_W=70.0)
    plain = replace(LOOK, palette=replace(DARK, plain=True))
    plot_text = "".join(line[GUTTER:] for line in text(Canvas(PACKAGES).draw(live, plain))[1:-1])
    assert {"1", "2"} <= set(plot_text)
    coloured = "".join(line[GUTTER:] for line in text(Canvas(PACKAGES).draw(live, LOOK))[1:-1])
    assert not {"1", "2"} & set(coloured)


def column(strips: list[Strip], x: int) -> str:
    """The characters of a column of the plot, from the top."""
    return "".join(line[GUTTER + x] for line in text(strips)[1:-1])


def test_the_area_under_the_highest_curve_is_filled_in_three_steps() -> None:
    fills = plot.BRAILLE.fills
    live = constant(60, package0_W=20.0, package1_W=70.0)
    canvas = Canvas(PACKAGES)
    strips = canvas.draw(live, replace(LOOK, rows=12))
    cells = column(strips, 21)
    above, under = cells.split(next(filter(is_of_curve, cells)), 1)
    assert not set(above) & set(fills)
    assert [under.count(fill) > 0 for fill in fills] == [True, True, True]
    steps = [fills.index(cell) for cell in under if cell in fills]
    assert steps == sorted(steps, reverse=True)
    shades = {name for fill in fills for name in colours(strips, fill)}
    assert shades == {DARK.tint(canvas.colour(DARK, 1), FILL)}
    plain = replace(LOOK, palette=replace(DARK, plain=True))
    for look in (plain, replace(LOOK, glyphs=plot.ASCII)):
        assert not set("".join(text(Canvas(PACKAGES).draw(live, look)))) & set(fills)


def test_the_area_does_not_change_sides_as_the_curves_cross() -> None:
    live, canvas = constant(60, package0_W=70.0, package1_W=69.0), Canvas(PACKAGES)
    canvas.draw(live, LOOK)
    for tenth in range(600, 1200):
        live.take(message(tenth / 10, {"package0_W": 70.0, "package1_W": 74.0}))
    canvas.draw(live, LOOK)
    assert canvas.filled == 0
    for tenth in range(1200, 1800):
        live.take(message(tenth / 10, {"package0_W": 70.0, "package1_W": 90.0}))
    canvas.draw(live, LOOK)
    assert canvas.filled == 1


def test_a_power_limit_is_a_dashed_line_with_its_name_once_the_curve_comes_near() -> None:
    limited = graphs(COLUMNS, {"package0": 95.0, "package1": 95.0})[0]
    canvas = Canvas(limited)
    strips = canvas.draw(constant(60, package0_W=60.0, package1_W=50.0), LOOK)
    (y,) = [y for y, line in enumerate(text(strips)) if " limit 95 " in line]
    assert plot.BRAILLE.limit * 20 in text(strips)[y]
    assert y - 1 == plot.Scale(0.0, 100.0).row(95.0, LOOK.rows)
    quiet = Canvas(limited)
    assert "limit" not in "".join(text(quiet.draw(constant(60, package0_W=20.0), LOOK)))
    assert quiet.top == 25.0


def test_a_device_has_one_colour_in_all_graphs() -> None:
    found = graphs(["gpu0_W", "gpu1_W", "gpu1_util_pct", "gpu0_temp_C", "gpu1_temp_C"])
    by_device: dict[str, set[int]] = {}
    for series in (each for spec in found for each in spec.series):
        by_device.setdefault(series.channel.partition("_")[0], set()).add(series.colour)
    assert all(len(numbers) == 1 for numbers in by_device.values())
    assert by_device["gpu0"] != by_device["gpu1"]


def test_a_slow_quantity_stands_until_the_next_reading_and_no_longer() -> None:
    live = Live(COLUMNS)
    for tenth in range(0, 600):
        cells = {"gpu0_util_pct": 50.0} if tenth % 10 == 0 and tenth < 400 else {}
        live.take(message(tenth / 10, cells))
    canvas = Canvas(UTILISATION)
    strips = canvas.draw(live, LOOK)
    drawn = {x for line in text(strips)[1:-1] for x, c in enumerate(line[GUTTER:]) if c > "\u2800"}
    # From the first reading that is seen to two seconds after that of 39.0 s.
    assert drawn == set(range(int(41.2 // 0.8) + 1 - canvas.first))


def test_graphs_of_one_screen_begin_with_different_colours() -> None:
    screens = [
        ["package0_W", "dram0_W", "cpu_util_pct", "psys_W"],
        ["package0_W", "gpu0_W", "dram0_W", "cpu_util_pct"],
        ["est_cpu_W", "gpu0_W", "cpu_util_pct"],
        ["sim_cpu_W", "cpu_util_pct"],
    ]
    for columns in screens:
        found = [spec.series[0].colour for spec in graphs(columns)]
        assert all(len(set(found[n : n + 4])) == len(found[n : n + 4]) for n in range(len(found)))


def eight(rows: int, **cells: float) -> list[str]:
    """A graph of eight GPUs."""
    columns = [f"gpu{n}_W" for n in range(8)]
    live = Live(columns)
    for tenth in range(100):
        values = [f"{cells.get(name, 100.0)}" for name in columns]
        live.take({**message(tenth / 10, {}), "cells": values})
    (spec,) = graphs(columns)
    return text(Canvas(spec).draw(live, replace(LOOK, rows=rows)))


def test_of_eight_gpus_each_has_its_name_and_its_own_bars() -> None:
    picture = eight(11, gpu3_W=700.0)
    names = [line[:GUTTER].strip(" │") for line in picture]
    assert names == ["800", *(f"gpu{n}" for n in range(8)), "", "", "", "W"]
    assert picture[4].endswith("▆▆▆▆")
    assert picture[3].endswith("▁▁▁▁")


def test_without_room_for_a_line_each_they_share_one_graph() -> None:
    picture = eight(7)
    assert not any("gpu" in line for line in picture)
    assert any(is_of_curve(character) for line in picture for character in line)
