"""Every text on the screen has a contrast of 4.5:1 or more (WCAG 2.1, 1.4.3) in every theme."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from rich.color import Color
from rich.color_triplet import ColorTriplet
from textual.pilot import Pilot

from tests.support.dashboards import LIMIT_S
from tests.wattui.tui.test_golden import SCREENS, dashboard, settle
from wattui.show.palette import Palette
from wattui.tui.app import Dashboard
from wattui.tui.screens.confirm import Confirm
from wattui.tui.themes import NAME, PALETTES, PANEL, palette_of
from wattui.tui.widgets.line import Line

ENOUGH = 4.5


def colours(palette: Palette) -> set[str]:
    """Every colour of a palette."""
    return set(re.findall("#[0-9a-f]{6}", str(asdict(palette))))


EVERY_COLOUR = set().union(*map(colours, PALETTES.values()))


def luminance(colour: ColorTriplet) -> float:
    parts = [part / 255 for part in colour]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(text: ColorTriplet, ground: ColorTriplet) -> float:
    low, high = sorted([luminance(text), luminance(ground)])
    return (high + 0.05) / (low + 0.05)


def texts(app: Dashboard) -> Iterator[tuple[str, ColorTriplet, ColorTriplet]]:
    """Each run of letters or digits on the topmost screen, its colour, and the colour under it."""
    shown = app.screen.children[0].region if len(app.screen_stack) > 1 else app.screen.region
    strips = app.screen._compositor.render_strips()
    for strip in strips[shown.y : shown.bottom]:
        for segment in strip.crop(shown.x, shown.right):
            style = segment.style
            if not any(c.isalnum() for c in segment.text) or not (style and style.bgcolor):
                continue
            text, under = (style.color or Color.parse("white")).get_truecolor(), style.bgcolor
            pair = text, under.get_truecolor()
            if style.reverse:
                pair = pair[1], pair[0]
            if style.dim:
                pair = blended(*pair), pair[1]
            yield segment.text.strip(), *pair


def blended(text: ColorTriplet, ground: ColorTriplet) -> ColorTriplet:
    """A dim text, as terminals draw it: halfway to its background."""
    return ColorTriplet(*((a + b) // 2 for a, b in zip(text, ground, strict=True)))


def faults(app: Dashboard, palette: Palette) -> set[str]:
    """What is hard to read, or has a colour that only another theme has."""
    others = EVERY_COLOUR - colours(palette)
    found = list(texts(app))
    wrong = {
        f"{text!r} {colour.hex} on {under.hex}: {contrast(colour, under):.2f}"
        for text, colour, under in found
        if contrast(colour, under) < ENOUGH or not others.isdisjoint({colour.hex, under.hex})
    }
    return wrong if found else {"nothing is drawn"}


async def faults_left(pilot: Pilot[Any], app: Dashboard, palette: Palette) -> set[str]:
    """The faults when a theme is drawn, however long a busy machine takes for it."""
    deadline_s = time.monotonic() + LIMIT_S
    await pilot.pause()
    while (found := faults(app, palette)) and time.monotonic() < deadline_s:
        await pilot.pause(0.05)
    return found


async def test_the_graphs_are_readable_in_every_theme_that_is_chosen() -> None:
    app = dashboard()
    async with app.run_test(size=(200, 50)) as pilot:
        await settle(pilot)
        for theme, palette in reversed(PALETTES.items()):
            app.theme = NAME + theme
            assert not await faults_left(pilot, app, palette), theme
            assert len(list(texts(app))) > 100


@pytest.mark.parametrize("name", SCREENS)
async def test_an_open_screen_is_readable_in_every_theme_that_is_chosen(
    name: str, place: Path, undrawn: None
) -> None:
    app = dashboard()
    async with app.run_test(size=(200, 50)) as pilot:
        await app.push_screen(SCREENS[name]())
        await app.workers.wait_for_complete()
        # The focus lights the ground of a placeholder.
        for line in app.screen.query(Line):
            if line.placeholder and not line.value:
                line.focus()
        for theme, palette in reversed(PALETTES.items()):
            app.theme = NAME + theme
            assert not await faults_left(pilot, app, palette), theme


async def test_every_screen_offers_the_next_theme() -> None:
    app = dashboard()
    async with app.run_test() as pilot:
        await app.push_screen(Confirm("Quit wattui", "Stop it?"))
        commands = {each.title: each.callback for each in app.get_system_commands(app.screen)}
        commands["Theme"]()
        await pilot.pause()
        assert app.theme == f"{NAME}light"
        assert isinstance(app.screen, Confirm)
        assert app.screen.palette.background == PALETTES["light"].background


def test_every_colour_of_a_text_is_readable_on_every_ground() -> None:
    for name in PALETTES:
        palette = palette_of(NAME + name, True, False)
        texts = [palette.text, palette.dim, palette.estimated, palette.alarm, palette.accent]
        for colour in (*texts, *palette.series, *palette.phases.values(), palette.other_phase):
            text = Color.parse(colour).get_truecolor()
            for ground in (palette.background, palette.tint(palette.accent, PANEL)):
                found = contrast(text, Color.parse(ground).get_truecolor())
                assert found >= ENOUGH, (name, colour, ground, round(found, 2))
