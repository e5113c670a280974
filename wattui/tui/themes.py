"""wattui's own themes, so that the whole screen has the colours of the graphs."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from rich.color import Color
from rich.terminal_theme import TerminalTheme
from textual.theme import Theme

from wattui.show.palette import COLOUR_BLIND, DARK, HIGH_CONTRAST, LIGHT, Palette

PALETTES = {
    "dark": DARK,
    "light": LIGHT,
    "high-contrast": HIGH_CONTRAST,
    "colour-blind": COLOUR_BLIND,
}
NAME = "wattui-"
# The shares of the accent in the ground of panels and of the row with the cursor.
PANEL, CURSOR = 0.12, 0.15


def themes() -> list[Theme]:
    """A theme for each palette; the first is the default."""
    return [_theme(name, palette) for name, palette in PALETTES.items()]


@cache
def palette_of(theme_name: str, dark: bool, plain: bool) -> Palette:
    """The graph colours for any theme, including Textual's own."""
    other = DARK if dark else LIGHT
    return replace(PALETTES.get(theme_name.removeprefix(NAME), other), plain=plain)


@cache
def terminal_theme(theme_name: str, dark: bool) -> TerminalTheme:
    """The colours that red, green and the other names of a terminal's colours stand for."""
    palette = palette_of(theme_name, dark, plain=False)
    red, green, yellow = palette.alarm, palette.phases["running"], palette.estimated
    blue, magenta, cyan = palette.phases["idle"], palette.other_phase, palette.series[0]
    named = [palette.background, red, green, yellow, blue, magenta, cyan, palette.text]
    bright = [palette.dim, *named[1:]]
    return TerminalTheme(
        _rgb(palette.background),
        _rgb(palette.text),
        [_rgb(each) for each in named],
        [_rgb(each) for each in bright],
    )


def next_theme(name: str) -> str:
    """The next theme, wrapping around."""
    names = list(PALETTES)
    known = name.removeprefix(NAME)
    place = names.index(known) + 1 if known in names else 0
    return NAME + names[place % len(names)]


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = Color.parse(colour).get_truecolor()
    return red, green, blue


def _theme(name: str, palette: Palette) -> Theme:
    surface, panel = palette.tint(palette.text, 0.05), palette.tint(palette.accent, PANEL)
    return Theme(
        name=NAME + name,
        primary=palette.accent,
        secondary=palette.series[0],
        accent=palette.accent,
        foreground=palette.text,
        background=palette.background,
        surface=surface,
        panel=panel,
        success=palette.phases["running"],
        warning=palette.estimated,
        error=palette.alarm,
        dark=palette is not LIGHT,
        variables={
            "border": palette.grid,
            "footer-key-foreground": palette.series[1],
            "footer-background": panel,
            "block-cursor-background": palette.tint(palette.accent, CURSOR),
            "block-cursor-foreground": palette.text,
            "block-cursor-blurred-background": palette.tint(palette.accent, CURSOR),
        },
    )
