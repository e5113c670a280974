"""Lines that are wrapped in the dashboard: a number stays with its unit."""

from __future__ import annotations

import pytest
from rich._wrap import words
from textual.content import Content

from wattui.tui.screens import steady

PLAN = "idle 10 s · warm-up 0.5 s · running b1 (2.5 s) · cool-down 1 min 5 s · 42 W, 3 packages"


@pytest.mark.parametrize("width", range(12, 60))
def test_a_line_does_not_end_between_a_number_and_its_unit(width: int) -> None:
    assert steady.keep_quantities
    lines = [line.plain.strip() for line in Content(PLAN).wrap(width)]
    assert " ".join(lines) == PLAN
    for quantity in ("10 s", "0.5 s", "2.5 s", "1 min", "5 s", "42 W"):
        assert any(quantity in line for line in lines), lines


def test_other_words_are_as_before() -> None:
    text = "3 packages  of resnet50 #3 J, x = 5 "
    found = [word for *_, word in words(text)]
    assert found == ["3 ", "packages  ", "of ", "resnet50 ", "#3 ", "J, ", "x ", "= ", "5 "]
