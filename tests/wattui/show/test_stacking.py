"""Tables of figures."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

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
