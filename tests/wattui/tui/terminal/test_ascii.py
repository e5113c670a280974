"""Plain ASCII: as wide as what it stands for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from wattui.tui.start import needs_ascii
from wattui.tui.terminal.app import TerminalApp
from wattui.tui.terminal.ascii import AsciiFilter, CleanFilter, ascii_text


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Mn", "Me", "Cf"))))
def test_it_is_ascii_of_the_same_width(text: str) -> None:
    assert ascii_text(text).isascii()
    assert len(ascii_text(text)) == cell_len(text)


def test_borders_and_signs_become_what_is_like_them() -> None:
    assert ascii_text("╭─ 1 × 2 ± 3 °C ▶") == "+- 1 x 2 ~ 3 'C >"


def test_the_filter_keeps_styles() -> None:
    style = Style(bold=True)
    (segment,) = AsciiFilter().apply([Segment("│a", style)], Color(0, 0, 0))
    assert segment == Segment("|a", style)


def test_when_a_terminal_needs_it() -> None:
    assert needs_ascii({"TERM": "linux", "LANG": "de_DE.UTF-8"})
    assert needs_ascii({"TERM": "xterm", "LANG": "C"})
    assert needs_ascii({"TERM": "xterm", "LC_ALL": "POSIX", "LANG": "en_GB.UTF-8"})
    assert needs_ascii({"TERM": "xterm", "LANG": "C", "LC_CTYPE": "C.UTF-8"})
    assert needs_ascii({"TERM": "xterm", "LANG": "en_US.ISO-8859-1"}, "iso8859-1")
    assert not needs_ascii({"TERM": "xterm", "LANG": "en_GB.UTF-8"})
    assert not needs_ascii({"TERM": "xterm", "LANG": "en_GB.UTF-8"}, "UTF-8")
    assert not needs_ascii({"TERM": "xterm-256color", "LC_CTYPE": "C.UTF-8"})


class AsciiOnly(TerminalApp):
    is_ascii = True


async def test_a_line_that_stays_is_filtered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[Segment]] = []
    for kind in (CleanFilter, AsciiFilter):
        apply = kind.apply

        def counted(
            self: LineFilter, segments: list[Segment], background: Color, apply: Any = apply
        ) -> list[Segment]:
            seen.append(segments)
            return list(apply(self, segments, background))

        monkeypatch.setattr(kind, "apply", counted)
    app = AsciiOnly()
    async with app.run_test() as pilot:
        await pilot.pause()
        app.screen._compositor.render_strips()
        assert seen
        seen.clear()
        app.screen._compositor.render_strips()
        assert not seen
