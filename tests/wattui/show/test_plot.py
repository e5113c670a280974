"""Curves as sets of dots against their extents, and a few pictures to look at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattui.show.history import Bin
from wattui.show.plot import (
    ASCII,
    BRAILLE,
    DOT_BITS,
    Glyphs,
    PlotCell,
    Scale,
    heights,
    raster,
)
from wattui.show.ticks import (
    HEADROOM,
    LABEL_CELLS,
    TICK_ROWS,
    TIME_STEPS_S,
    axis_ticks,
    moment_label,
    nice_ticks,
    nice_top,
    time_label,
    time_ticks,
    value_label,
)

values = st.floats(-50.0, 150.0)
bins = st.one_of(st.none(), st.tuples(values, values).map(lambda pair: (min(pair), max(pair))))
bins_of_16_columns = st.lists(bins, min_size=32, max_size=32)
SCALE = Scale(0.0, 100.0)


def rows_of(
    series: Sequence[Sequence[Bin | None]],
    scale: Scale,
    columns: int,
    rows: int,
    glyphs: Glyphs = BRAILLE,
    **how: Any,
) -> list[list[PlotCell]]:
    """The rows of a picture, the top one first."""
    found = raster(series, scale, columns, rows, glyphs, **how)
    assert [len(cells) for cells in found] == [rows] * columns
    return [list(row) for row in zip(*found, strict=True)]


def lit(cells: list[list[PlotCell]]) -> list[set[int]]:
    """For each column of dots the rows of those that are set, from the bottom."""
    columns: list[set[int]] = [set() for _ in range(2 * len(cells[0]))]
    for row, line in enumerate(cells):
        for column, cell in enumerate(line):
            bits = 0 if cell.character == " " else ord(cell.character) - 0x2800
            for side in range(2):
                for down in range(4):
                    if bits & DOT_BITS[side][down]:
                        columns[2 * column + side].add(4 * (len(cells) - row) - 1 - down)
    return columns


def dot(value: float, rows: int) -> float:
    """Where a value lies between the rows of dots of SCALE, from the bottom."""
    return min(max(value / 100.0, 0.0), 1.0) * (4 * rows - 1)


def flat(*values: float | None) -> list[Bin | None]:
    return [None if value is None else (value, value) for value in values]


def picture(cells: list[list[PlotCell]]) -> list[str]:
    return ["".join(cell.character for cell in line) for line in cells]


def owners(cells: list[list[PlotCell]]) -> list[str]:
    return ["".join(" " if c.series is None else str(c.series) for c in line) for line in cells]


def drawn(*series: list[Bin | None], glyphs: Glyphs = BRAILLE) -> list[list[PlotCell]]:
    """Four rows of characters, a row of dots for each whole number from 0 to 15."""
    return rows_of(series, Scale(0, 15), len(series[0]) // 2, 4, glyphs)


@given(st.lists(bins, min_size=2, max_size=30).filter(lambda x: len(x) % 2 == 0), st.integers(1, 9))
def test_a_column_has_its_extent_and_what_joins_it_to_the_one_before(
    series: list[Bin | None], rows: int
) -> None:
    columns = lit(rows_of([series], SCALE, len(series) // 2, rows))
    for number, (found, dots) in enumerate(zip(series, columns, strict=True)):
        if found is None:
            assert not dots
            continue
        low, high = dot(found[0], rows), dot(found[1], rows)
        assert dots == set(range(min(dots), max(dots) + 1))
        assert min(dots) <= low + 0.5
        assert max(dots) >= high - 0.5
        before = series[number - 1] if number else None
        if before is not None:
            low, high = min(low, dot(before[1], rows) + 1), max(high, dot(before[0], rows) - 1)
            joints = columns[number - 1]
            assert min(dots) - 1 <= max(joints)
            assert max(dots) + 1 >= min(joints)
        assert low - 0.51 <= min(dots)
        assert max(dots) <= high + 0.51


@given(values, st.integers(1, 12), st.integers(1, 20))
def test_a_constant_is_one_row_of_dots(value: float, rows: int, columns: int) -> None:
    found = lit(rows_of([[(value, value)] * (2 * columns)], SCALE, columns, rows))
    assert len(found[0]) == 1
    assert all(dots == found[0] for dots in found)
    assert SCALE.row(value, rows) == rows - 1 - min(found[0]) // 4


@given(st.lists(st.lists(bins, min_size=8, max_size=8), max_size=4), st.integers(1, 6))
def test_all_dots_of_many_series_stay_and_one_that_has_any_colours(
    many: list[list[Bin | None]], rows: int
) -> None:
    alone = [rows_of([series], SCALE, 4, rows) for series in many]
    together = rows_of(many, SCALE, 4, rows)
    dots = [lit(cells) for cells in alone]
    assert lit(together) == [set().union(*(each[x] for each in dots)) for x in range(8)]
    for row in range(rows):
        for column in range(4):
            has = [n for n, cells in enumerate(alone) if cells[row][column].series is not None]
            assert together[row][column].series in (has or [None])


@given(bins_of_16_columns, st.integers(2, 4))
def test_equal_series_share_their_cells_evenly(series: list[Bin | None], many: int) -> None:
    alone = rows_of([series], SCALE, 16, 6)
    together = rows_of([series] * many, SCALE, 16, 6)
    assert picture(alone) == picture(together)
    for row in together:
        for cells in zip(*(row[n:] for n in range(many)), strict=False):
            if all(cell.series is not None for cell in cells):
                assert {cell.series for cell in cells} == set(range(many))


@given(bins_of_16_columns, st.integers(-50, 50), st.integers(1, 14))
def test_a_column_is_the_same_wherever_the_picture_begins(
    series: list[Bin | None], first: int, cut: int
) -> None:
    other = series[2:] + series[:2]
    whole = raster([series, other], SCALE, 16, 5, first=first, numbered=True)
    parts = [each[2 * cut :] for each in (series, other)]
    later = raster(parts, SCALE, 16 - cut, 5, first=first + cut, numbered=True)
    assert later[1:] == whole[cut + 1 :]


def test_numbered_curves_have_their_place_in_them_once_in_twelve_columns() -> None:
    low, high = flat(*[1] * 48), flat(*[14] * 48)
    cells = rows_of([low, high], Scale(0, 15), 24, 4, numbered=True)
    assert picture(cells) == [
        "⠒2⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒2⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒",
        " " * 24,
        " " * 24,
        "1⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤1⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤",
    ]
    assert cells[0][1].series == 1
    assert cells[3][12].series == 0


def test_ascii_glyphs_are_ascii() -> None:
    characters = [getattr(ASCII, field.name) for field in fields(ASCII)]
    assert "".join(characters).isascii()
    assert (ASCII.ascii, BRAILLE.ascii) == (True, False)


@given(st.lists(bins, min_size=8, max_size=8), st.integers(1, 6))
def test_ascii_marks_the_same_cells(series: list[Bin | None], rows: int) -> None:
    dots, plain = (rows_of([series], SCALE, 4, rows, glyphs) for glyphs in (BRAILLE, ASCII))
    assert owners(dots) == owners(plain)
    for line in plain:
        assert all((cell.character == " ") == (cell.series is None) for cell in line)
        assert all(cell.character in " '-.|#" for cell in line)


@given(st.lists(bins, min_size=12, max_size=12), st.integers(1, 6))
def test_heights_reach_the_highest_dot_of_the_bins(series: list[Bin | None], rows: int) -> None:
    for column, height in enumerate(heights(series, SCALE, rows)):
        highs = [found[1] for found in series[2 * column : 2 * column + 2] if found]
        if highs:
            assert height - 1 == pytest.approx(dot(max(highs), rows), abs=0.51)
        else:
            assert height == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_not_drawn(bad: float) -> None:
    whole: list[Bin | None] = [(1.0, 2.0), None, None, (3.0, 3.0)]
    assert drawn([(1.0, 2.0), (bad, bad), (min(bad, 1.0), bad), (3.0, 3.0)]) == drawn(whole)


def test_a_step_is_a_connected_line() -> None:
    step = flat(*[2] * 8, *[13] * 8, *[2] * 8)
    assert picture(drawn(step)) == [
        "    ⡤⠤⠤⠤⡀   ",
        "    ⡇   ⡇   ",
        "    ⡇   ⡇   ",
        "⠒⠒⠒⠒⠁   ⠓⠒⠒⠒",
    ]
    assert picture(drawn(step, glyphs=ASCII)) == [
        "    .---.   ",
        "    |   |   ",
        "    |   |   ",
        "----'   '---",
    ]


def test_a_ramp_has_one_dot_a_column() -> None:
    ramp = flat(*range(16))
    assert picture(drawn(ramp)) == [
        "      ⡠⠊",
        "    ⡠⠊  ",
        "  ⡠⠊    ",
        "⡠⠊      ",
    ]
    assert picture(drawn(ramp, glyphs=ASCII)) == [
        "      .'",
        "    .'  ",
        "  .'    ",
        ".'      ",
    ]


def test_a_band_with_a_gap_and_a_peak() -> None:
    band: list[Bin | None] = [(8, 11)]
    series = band * 6 + [None] * 4 + band * 2 + [(0, 15), (0, 15)] + band * 4
    assert picture(drawn(series)) == [
        "      ⣿  ",
        "⣿⣿⣿  ⣿⣿⣿⣿",
        "      ⣿  ",
        "      ⣿  ",
    ]
    assert picture(drawn(series, glyphs=ASCII)) == [
        "      #  ",
        "###  ####",
        "      #  ",
        "      #  ",
    ]
    assert heights(series, Scale(0, 15), 4) == [12, 12, 12, 0, 0, 12, 16, 12, 12]


def test_two_series_share_a_cell() -> None:
    cells = drawn(flat(*[14] * 8, *[1] * 16), flat(*[10] * 12, *[1] * 12))
    assert picture(cells) == [
        "⠒⠒⠒⠒⡄       ",
        "⠒⠒⠒⠒⡗⠒⡄     ",
        "    ⡇ ⡇     ",
        "    ⠧⠤⠧⠤⠤⠤⠤⠤",
    ]
    assert owners(cells) == [
        "00000       ",
        "1111111     ",
        "    0 1     ",
        "    00101010",
    ]


def test_values_off_the_scale_lie_on_its_border() -> None:
    cells = drawn(flat(*[10] * 4, *[40] * 4, *[10] * 4, *[-9] * 4))
    assert picture(cells) == [
        "  ⡏⠉⡆   ",
        "⠒⠒⠁ ⠓⠒⡄ ",
        "      ⡇ ",
        "      ⣇⣀",
    ]


def test_a_graph_without_series_or_room_is_blank() -> None:
    assert picture(rows_of([], SCALE, 3, 2)) == ["   ", "   "]
    assert raster([[None] * 4], SCALE, 2, 0) == [[], []]
    assert raster([[]], SCALE, 0, 2) == []
    with pytest.raises(ValueError, match="3 bins do not fill 2 columns"):
        raster([[None] * 3], SCALE, 2, 2)
    with pytest.raises(ValueError, match="must increase"):
        Scale(1.0, 1.0)


edges = st.floats(-1e6, 1e6)


@given(edges, st.floats(1e-3, 1e6), st.integers(1, 60))
def test_ticks_are_round_ordered_in_range_and_apart(low: float, span: float, rows: int) -> None:
    high = low + span
    ticks = nice_ticks(low, high, rows)
    assert all(low <= tick <= high for tick in ticks)
    if low <= 0 <= high:
        assert 0.0 in ticks
    for before, after in pairwise(ticks):
        assert (after - before) * (rows - 1) / span >= min(TICK_ROWS, rows - 1) * (1 - 1e-6)
        assert f"{after - before:.0e}"[0] in "125"
    assert len(ticks) <= 1 + (rows - 1) / min(TICK_ROWS, max(1, rows - 1))


@pytest.mark.parametrize(
    ("high", "rows", "ticks"),
    [
        (100, 20, [0, 20, 40, 60, 80, 100]),
        (500, 20, [0, 100, 200, 300, 400, 500]),
        (20, 20, [0, 5, 10, 15, 20]),
        (600, 12, [0, 200, 400, 600]),
        (100, 12, [0, 50, 100]),
        (0.3, 12, [0, 0.1, 0.2, 0.3]),
        (100, 3, [0, 100]),
        (100, 1, [0]),
    ],
)
def test_ticks_of_usual_axes(high: float, rows: int, ticks: list[float]) -> None:
    assert nice_ticks(0, high, rows) == ticks


def test_an_axis_always_has_two_labels() -> None:
    for rows in range(2, 40):
        for top in map(nice_top, (0.13, 1.4, 9, 38, 70, 410, 5100)):
            found = axis_ticks(top, rows)
            assert len(found) > 1
            assert found[0] == 0
            assert found[-1] <= top


@given(st.lists(st.floats(1e-3, 1e5), min_size=1, max_size=20))
def test_a_top_holds_the_highest_with_the_graph_at_least_half_full(highest: list[float]) -> None:
    top = None
    for value in highest:
        before, top = top, nice_top(value, top)
        assert top / 2 <= value <= top
        if before is None or top != before:
            assert value * HEADROOM <= top <= value * HEADROOM * 1.5 * (1 + 1e-9)
            assert top in nice_ticks(0, top, 20)


def test_a_top_does_not_follow_every_sample() -> None:
    tops, top = [], None
    for highest in (79.5, 81.0, 60.0, 99.0, 50.0, 49.0, 40.0, 51.0, 0.0, math.nan):
        top = nice_top(highest, top)
        tops.append(top)
    assert tops == [100, 100, 100, 100, 100, 50, 50, 60, 1, 1]


@given(st.floats(-1e5, 1e6), st.floats(0.5, 1e6), st.integers(0, 300))
def test_time_labels_are_round_ordered_inside_and_apart(
    start_s: float, span_s: float, columns: int
) -> None:
    ticks = time_ticks(start_s, start_s + span_s, columns)
    for (begin, label), (after, _) in pairwise(ticks):
        assert begin + len(label) < after
    for begin, label in ticks:
        assert 0 <= begin <= columns - len(label)
        time_s = seconds(label)
        place = (time_s - start_s) * columns / span_s - len(label) // 2
        assert begin == pytest.approx(place, abs=1.001)
    times_s = [seconds(label) for _, label in ticks]
    steps_s = {after - before for before, after in pairwise(times_s)}
    assert len(steps_s) <= 1
    assert all(step in TIME_STEPS_S or step % 86400 == 0 for step in steps_s)
    assert all(time_s % step == 0 for step in steps_s for time_s in times_s)


def seconds(label: str) -> int:
    """What a label says."""
    total = 0
    for part in label.removesuffix("s").split(":"):
        total = 60 * total + int(part)
    return total


def test_time_labels_of_usual_windows() -> None:
    assert time_ticks(16.4, 76.4, 68) == [(3, "20s"), (25, "40s"), (48, "60s")]
    assert time_ticks(60, 180, 68) == [(16, "90s"), (32, "2:00"), (49, "2:30")]
    assert time_ticks(-30, 30, 60) == [(29, "0s"), (49, "20s")]
    assert time_ticks(-30, 30, 60, -30) == [(8, "-20s"), (29, "0s"), (49, "20s")]
    assert time_ticks(-180, 0, 60, -180) == [(18, "-2:00"), (38, "-1:00")]
    assert time_ticks(3480, 3840, 60) == [(17, "1:00:00"), (37, "1:02:00")]
    assert time_ticks(5, 5, 60) == time_ticks(0, 10, 0) == []


def test_times_are_said_in_the_unit_of_the_axis() -> None:
    said = [(0, 20), (99, 1), (100, 20), (60, 60), (3720, 600), (90_000, 86_400)]
    labels = [time_label(time_s, step_s) for time_s, step_s in said]
    assert labels == ["0s", "99s", "1:40", "1:00", "1:02:00", "25:00:00"]


def test_a_moment_is_said_as_finely_as_the_bins_are_narrow() -> None:
    said = [(41.23, 0.4), (99.96, 0.4), (162.43, 0.4), (41.9, 1.6), (3720.5, 51.2), (0.0, 0.1)]
    labels = [moment_label(time_s, bin_s) for time_s, bin_s in said]
    assert labels == ["41.2s", "1:40.0", "2:42.4", "41s", "1:02:00", "0.0s"]


@given(st.floats(1e-3, 1e6), st.integers(3, 80))
def test_values_of_an_axis_fit_beside_it(highest: float, rows: int) -> None:
    for tick in nice_ticks(0, nice_top(highest), rows):
        label = value_label(tick)
        assert len(label) <= LABEL_CELLS
        scaled = {"k": 1e3, "M": 1e6}.get(label[-1], 1.0)
        assert float(label.rstrip("kM")) * scaled == pytest.approx(
            tick, rel=0.5 if "e" in label else 1e-9
        )
