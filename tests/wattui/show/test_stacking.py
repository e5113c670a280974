"""Tables of figures."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wattui.show.stacking import Fitting, plain_table


def drawn(fitting: Fitting, width: int) -> list[str]:
    out = StringIO()
    Console(file=out, width=width, color_system=None).print(fitting)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_decimal_points_are_below_each_other_in_values_and_errors() -> None:
    table = plain_table("label", "total mJ", "W")
    table.add_row("b1", "129.67 ± 0.12", "4.5")
    table.add_row("b8", "5.6 ± 12.1", "12")
    table.add_row("b64", "–", "0.25")
    title, *lines = drawn(Fitting(table).with_aligned_decimals(), 80)
    assert title.split() == ["label", "total", "mJ", "W"]
    assert lines == [
        "b1     129.67 ±  0.12   4.5",
        "b8       5.6  ± 12.1   12",
        "b64      –              0.25",
    ]
    assert drawn(Fitting(table).with_aligned_decimals(), 20)[1:3] == ["b1", "  total mJ 129.67 ±"]


CELLS = st.builds(
    Text,
    st.sampled_from(["", "b1", "5.6 ± 12.1", "日本", "a long name of a file", "two\nlines"]),
    st.sampled_from(["", "bold", "yellow"]),
    justify=st.sampled_from([None, "left"]),
)


def seen(table: Table | Fitting) -> list[tuple[str, str]]:
    """Every character on a wide screen, with its style."""
    console = Console(file=StringIO(), width=200, color_system="truecolor", force_terminal=True)
    lines = console.render_lines(table, pad=True)
    return [
        (character, str(segment.style or "") if character != " " else "")
        for line in lines
        for segment in line
        for character in segment.text
    ]


@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS, st.sampled_from(["", "dim"])), max_size=4),
    st.booleans(),
)
def test_a_table_that_fits_is_drawn_as_rich_draws_it(
    rows: list[tuple[Text, Text, Text, str]], titled: bool
) -> None:
    table = plain_table("label", "total mJ", "", left=(0, 2))
    for *cells, style in rows:
        table.add_row(*cells, style=style)
    if titled:
        table.title, table.caption = Text("energy", "bold"), "joules"
        table.title_justify = table.caption_justify = "left"
    assert seen(Fitting(table)) == seen(table)


@pytest.mark.parametrize("width", [12, 30])
def test_a_table_that_does_not_fit_is_stacked_and_a_long_line_wrapped(width: int) -> None:
    table = plain_table("label", "total mJ", "W")
    table.add_row("a name longer than it", "129.67 ± 0.12", "4.5")
    lines = drawn(Fitting(table), width)
    assert max(map(len, lines)) <= width
    assert "129.67" in " ".join(lines)
