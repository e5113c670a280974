"""Text in a graph's border, at any width."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.support.fakes import message
from wattui.clean import one_line
from wattui.show import plot
from wattui.show.graphs import GraphSpec, Series, graphs
from wattui.tui.state.border import of_span, seen, values_at
from wattui.tui.state.live import Live
from wattui.tui.state.titles import TitleValue, reading, subtitle, title

PACKAGES = graphs(["package0_W", "package1_W"])[0]
GPUS = graphs([f"gpu{number}_W" for number in range(8)])[0]
DRAM = graphs(["dram0_W"])[0]
PACKAGE = GraphSpec("CPU package", "W", PACKAGES.series[:1])
ESTIMATE = graphs(["est_cpu_W"])[0]


def values(*numbers: float | None) -> list[TitleValue | None]:
    return [None if each is None else TitleValue(f"{each:g}", each) for each in numbers]


def said(
    spec: GraphSpec,
    found: list[TitleValue | None],
    width: int,
    *hidden: int,
    ascii_only: bool = False,
) -> str:
    glyphs = plot.ASCII if ascii_only else plot.BRAILLE
    return "".join(part.text for part in title(spec, found, frozenset(hidden), width, glyphs))


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (60, "CPU package  pkg0 72.4 W pkg1 64.7 W"),
        (36, "CPU package  pkg0 72.4 W pkg1 64.7 W"),
        (35, "CPU package  pkg0 72.4 pkg1 64.7 W"),
        (33, "CPU package  72.4 64.7 W"),
        (23, "2 packages Σ 137 W"),
        (17, "CPU package"),
        (5, "CPU p"),
    ],
)
def test_a_title_says_as_much_as_there_is_room_for(width: int, text: str) -> None:
    assert said(PACKAGES, values(72.4, 64.7), width) == text


def test_eight_gpus_are_told_by_their_sum_and_temperatures_by_their_mean() -> None:
    found = values(*[301.625] * 8)
    assert said(GPUS, found, 40) == "GPU board  8 GPUs Σ 2413 W"
    assert said(GPUS, found, 40, ascii_only=True) == "GPU board  8 GPUs sum 2413 W"
    assert said(GPUS, [*found[:7], None], 40) == "GPU board  7 of 8 GPUs Σ 2111 W"
    assert said(GPUS, found, 40, 0) == "GPU board  7 of 8 GPUs Σ 2111 W"
    hot = graphs([f"gpu{number}_temp_C" for number in range(8)])[0]
    hotter = values(*[60.0] * 7, 68.0)
    assert said(hot, hotter, 40) == "GPU temperature  8 GPUs mean 61 °C"
    assert said(hot, hotter, 40, ascii_only=True) == "GPU temperature  8 GPUs mean 61 degC"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (7.0, "%", "7"),
        (0.677, "%", "0.7"),
        (26.99, "%", "27"),
        (100.0, "%", "100"),
        (-4.25, "°C", "−4.2"),
        (3.0, "requests", "3"),
        (4.5, "W", "4.50"),
        (10240.0, "MiB", "10240"),
    ],
)
def test_a_reading_has_no_more_digits_than_its_sensor(value: float, unit: str, text: str) -> None:
    assert reading(value, unit) == text


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (70, "GPU utilisation  gpu0 54 gpu1 49 command gpu0 55 command gpu1 50 %"),
        (56, "GPU utilisation  gpu0 54 gpu1 49 command 55 50 %"),
        (47, "GPU utilisation  54 49 55 50 %"),
    ],
)
def test_shares_of_a_command_are_named_once_where_room_is_short(width: int, text: str) -> None:
    columns = ["gpu0_util_pct", "gpu1_util_pct", "command_gpu0_pct", "command_gpu1_pct"]
    (use,) = graphs(columns)
    assert said(use, values(54, 49, 55, 50), width) == text


def test_what_may_contain_each_other_has_no_sum_and_no_mean_together() -> None:
    rails = graphs(["rail_cpu0_W", "rail_grace0_W", "rail_sysio0_W"])[0]
    assert said(rails, values(145.0, 205.0, 20.0), 36) == "Board rails  145 205 20 W"
    assert said(rails, values(145.0, 205.0, 20.0), 20) == "Board rails"
    (use,) = graphs(["cpu_util_pct", "command_cpu_pct"])
    assert said(use, values(100.0, 12.0), 22) == "CPU utilisation"


@given(
    st.integers(1, 8),
    st.lists(st.none() | st.floats(0.01, 99_999), min_size=8, max_size=8),
    st.sets(st.integers(0, 7)),
    st.integers(0, 120),
    st.sampled_from([plot.ASCII, plot.BRAILLE]),
    st.text(max_size=12),
)
def test_a_title_never_overflows(
    count: int,
    numbers: list[float | None],
    hidden: set[int],
    width: int,
    glyphs: plot.Glyphs,
    name: str,
) -> None:
    series = tuple(Series(f"gpu{n}_W", one_line(f"{name}{n}")) for n in range(count))
    spec = GraphSpec("GPU board", "W", series)
    parts = title(
        spec, values(*numbers[:count]), frozenset(hidden & set(range(count))), width, glyphs
    )
    assert sum(cell_len(part.text) for part in parts) <= width


def test_a_hidden_series_keeps_its_name_and_says_no_value() -> None:
    parts = title(PACKAGES, values(72.4, 64.7), frozenset([0]), 60, plot.BRAILLE)
    assert "".join(part.text for part in parts) == "CPU package  pkg0 pkg1 64.7 W"
    assert [(part.text, part.series) for part in parts if part.role == "hidden"] == [("pkg0", 0)]


def test_an_unknown_value_is_a_dash_and_an_estimate_says_so() -> None:
    assert said(DRAM, [None], 40) == "DRAM  – W"
    assert said(DRAM, [None], 40, ascii_only=True) == "DRAM  - W"
    assert said(ESTIMATE, values(31.0), 40) == "CPU  estimated 31 W"
    assert said(ESTIMATE, values(31.0), 16) == "estimated 31 W"
    assert said(ESTIMATE, values(31.0), 10) == "CPU"


def test_figures_go_from_the_end_where_they_do_not_fit() -> None:
    figures = ["12.4 s", "1042 J", "mean 84.1", "max 97.3"]
    assert subtitle(figures, DRAM, 60, plot.BRAILLE) == "12.4 s · 1042 J · mean 84.1 W · max 97.3 W"
    assert subtitle(figures, DRAM, 30, plot.BRAILLE) == "12.4 s · 1042 J · mean 84.1 W"
    assert subtitle(figures, DRAM, 20, plot.BRAILLE) == "12.4 s · 1042 J"
    assert subtitle(figures, DRAM, 3, plot.BRAILLE) == ""


def test_a_users_text_is_one_line_of_known_width() -> None:
    assert one_line("a\tb\nc\x1b[31m") == "a b c␛[31m"
    assert one_line("\u202eabc\u200d\udc80") == "\\u202eabc\\x80"
    assert one_line("日本 é") == "日本 é"


def recording() -> Live:
    """40 W for 10 s, then 80 W, the second package half of it."""
    live = Live(["package0_J", "package0_W", "package1_J", "package1_W", "est_cpu_J", "est_cpu_W"])
    for tenth in range(300):
        time_s = tenth / 10
        power_w = 40.0 if time_s < 10 else 80.0
        energy_j = 40 * time_s if time_s < 10 else 400 + 80 * (time_s - 10)
        powers = [energy_j, power_w, energy_j / 2, power_w / 2, energy_j, power_w]
        live.take(message(time_s, powers))
    return live


def test_a_span_has_the_joules_of_the_counters_and_their_mean() -> None:
    live, (first, second) = recording(), PACKAGES.series
    alone = of_span(live, PACKAGES, [first], (5.0, 15.0), plot.BRAILLE)
    assert alone == ["10.0 s", "600.0 J", "mean 60.0", "max 80.0"]
    both = of_span(live, PACKAGES, [first, second], (5.0, 15.0), plot.BRAILLE)
    assert both == ["10.0 s", "Σ 900.0 J", "mean 45.0", "max 80.0"]
    late = of_span(live, PACKAGES, [first], (25.0, 35.0), plot.BRAILLE)
    assert late[1] == "– J"
    guess = of_span(live, ESTIMATE, ESTIMATE.series, (5.0, 15.0), plot.BRAILLE)
    assert guess[:2] == ["10.0 s", "estimated 600.0 J"]


def test_what_is_seen_has_the_joules_so_far_and_mixes_no_estimate_in() -> None:
    live, (first, _) = recording(), PACKAGES.series
    found = seen(live, PACKAGES, [first], (12.0, 20.0), plot.BRAILLE)
    assert found == ["1992 J", "mean 80.0", "max 80.0"]
    mixed = seen(live, PACKAGES, [first, *ESTIMATE.series], (12.0, 20.0), plot.BRAILLE)
    assert mixed == found
    assert seen(live, PACKAGES, [], (12.0, 20.0), plot.BRAILLE) == []


def test_joules_of_what_may_contain_each_other_are_not_added() -> None:
    live, nested = recording(), replace(PACKAGES, disjoint=False)
    assert seen(live, nested, nested.series, (12.0, 20.0), plot.BRAILLE)[0].startswith("mean")
    assert seen(live, nested, nested.series[:1], (12.0, 20.0), plot.BRAILLE)[0] == "1992 J"
    both = of_span(live, nested, nested.series, (5.0, 15.0), plot.BRAILLE)
    assert not any("J" in figure for figure in both)


def test_the_crosshair_tells_the_mean_and_of_wide_bins_the_extremes() -> None:
    live = recording()
    narrow = values_at(
        live, PACKAGE, [live.history.bins("package0_W", 9.6, 0.4, 2)], (9.6, 10.4), plot.BRAILLE
    )
    assert narrow == [TitleValue("60.0", pytest.approx(60.0))]
    wide = values_at(
        live, PACKAGE, [live.history.bins("package0_W", 0.0, 12.8, 2)], (0.0, 25.6), plot.BRAILLE
    )
    assert wide[0] is not None
    assert wide[0].text == "40.0–80.0"
    assert values_at(live, PACKAGE, [[None, None]], (90.0, 90.8), plot.BRAILLE) == [None]
