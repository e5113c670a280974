"""Wrapped lines: a number stays with its unit."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.text import Text

from wattui.show.wrapping import WORD, wrapped

PLAN = "idle 10 s · warm-up 0.5 s · running b1 (2.5 s) · cool-down 1 min 5 s · 42 W, 3 packages"


@pytest.mark.parametrize("width", range(12, 100))
def test_a_line_does_not_end_between_a_number_and_its_unit(width: int) -> None:
    lines = wrapped(Text(PLAN), width).plain.split("\n")
    assert " ".join(lines) == PLAN
    assert max(map(cell_len, lines)) <= width
    for quantity in ("10 s", "0.5 s", "2.5 s", "1 min", "5 s", "42 W"):
        assert any(quantity in line for line in lines), lines


def test_lines_are_as_full_as_can_be() -> None:
    text = Text("idle 10 s, then load\nrunning 2.5 s\n")
    assert wrapped(text, 13).plain == "idle 10 s,\nthen load\nrunning 2.5 s\n"
    assert wrapped(text, 12).plain == "idle 10 s,\nthen load\nrunning\n2.5 s\n"


def test_styles_stay_with_their_words() -> None:
    text = Text.assemble("idle ", ("10 s", "bold"), " · load")
    found = wrapped(text, 6)
    assert found.plain == "idle\n10 s ·\nload"
    assert [found.plain[span.start : span.end] for span in found.spans] == ["10 s"]


def test_other_words_break_at_every_space() -> None:
    text = "3 packages  of resnet50 #3 J, x = 5 "
    found = [word[0] for word in WORD.finditer(text)]
    assert found == ["3 ", "packages  ", "of ", "resnet50 ", "#3 ", "J, ", "x ", "= ", "5 "]
