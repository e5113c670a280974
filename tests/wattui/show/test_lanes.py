"""Lanes of many series: heights by hand, unknown readings, and room for all of them."""

from __future__ import annotations

from wattui.show.lanes import lane_rows, lanes
from wattui.show.plot import ASCII, BRAILLE


def text(columns: list) -> list[str]:  # type: ignore[type-arg]
    return ["".join(cell.character for cell in row) for row in zip(*columns, strict=True)]


def test_a_bar_is_as_high_as_the_reading_and_a_missing_one_has_none() -> None:
    loads = [(place, [(0.0, place * 20.0)] * 2) for place in range(5)]
    picture = lanes([*loads, (5, [None] * 2)], 80.0, 1, 7, BRAILLE)
    assert text(picture) == ["▁", "▂", "▄", "▅", "▇", " ", " "]
    assert [cell.series for cell in picture[0]] == [0, 1, 2, 3, 4, None, None]


def test_with_room_a_lane_has_several_rows_and_a_gap_above_it() -> None:
    loads = [(place, [(0.0, 80.0 if place % 2 else 40.0)] * 4) for place in range(5)]
    assert text(lanes(loads, 80.0, 2, 10, BRAILLE)) == ["  ", "██", "▇▇", "██"] * 2 + ["  ", "██"]
    assert text(lanes(loads, 80.0, 2, 10, ASCII)) == ["  ", "##", "**", "##"] * 2 + ["  ", "##"]


def test_there_are_lanes_only_for_many_series_that_fit() -> None:
    assert [lane_rows(n, 11) for n in (1, 4, 5, 8, 11, 12)] == [0, 0, 2, 1, 1, 0]
