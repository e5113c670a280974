"""wattui's own themes, so that the whole screen has the colours of the graphs."""

from __future__ import annotations

from textual.theme import Theme

from wattui.tui.palette import DARK, LIGHT, Palette


def _theme(name: str, palette: Palette, dark: bool, surface: str, panel: str) -> Theme:
    return Theme(
        name=name,
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
        dark=dark,
        variables={
            "border": palette.grid,
            "footer-key-foreground": palette.series[1],
            "footer-background": panel,
            "block-cursor-background": palette.accent,
        },
    )


THEMES = (
    _theme("wattui-dark", DARK, True, "#1d1e2a", "#2a2c3d"),
    _theme("wattui-light", LIGHT, False, "#f1f1ec", "#e3e4ec"),
)
