"""Every text on the screen has a contrast of 4.5:1 or more (WCAG 2.1, 1.4.3) in every theme."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.color import Color
from rich.color_triplet import ColorTriplet

from tests.wattui.tui.test_golden import dashboard, settle
from wattui.tui.app import Dashboard
from wattui.tui.themes import NAME, PALETTES, PANEL, palette_of

ENOUGH = 4.5
RECORDINGS = Path(__file__).parents[3] / "docs/recordings"


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


def unreadable(app: Dashboard) -> set[str]:
    return {
        f"{text!r} {colour.hex} on {under.hex}: {contrast(colour, under):.2f}"
        for text, colour, under in texts(app)
        if contrast(colour, under) < ENOUGH
    }


async def test_every_text_is_readable_in_every_theme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("kws-numpy.csv", "kws-numpy.json"):
        shutil.copy(RECORDINGS / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    app = dashboard()
    async with app.run_test(size=(200, 50)) as pilot:
        await settle(pilot)
        for name in PALETTES:
            app.theme = NAME + name
            await pilot.pause(0.2)
            assert len(list(texts(app))) > 100
            assert not unreadable(app), name
            for key in ("l", "comma", "R") if name in ("dark", "light") else ():
                await pilot.press(key)
                await pilot.pause(0.2)
                found = unreadable(app)
                await pilot.press("escape")
                await pilot.pause(0.1)
                assert not found, (name, key)


def test_every_colour_of_a_text_is_readable_on_every_ground() -> None:
    for name in PALETTES:
        palette = palette_of(NAME + name, True, False)
        texts = [palette.text, palette.dim, palette.estimated, palette.alarm, palette.accent]
        for colour in (*texts, *palette.series, *palette.phases.values(), palette.other_phase):
            text = Color.parse(colour).get_truecolor()
            for ground in (palette.background, palette.tint(palette.accent, PANEL)):
                found = contrast(text, Color.parse(ground).get_truecolor())
                assert found >= ENOUGH, (name, colour, ground, round(found, 2))
