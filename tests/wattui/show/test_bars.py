"""Bars are as long as their figures, and curves are as high."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType

from recorders.summary.figures import Value
from tests.support.examples import examples
from tests.support.made_runs import B1, B8, B64, IDLE, Part, finished
from wattui.show import plot
from wattui.show.bars import LEAST_BAR, Bar, LabelPoint, bar_text, bars, curve, families
from wattui.show.palette import DARK
from wattui.show.pictures import MOST_BARS, mac_families, pictures
from wattui.show.quantities import with_uncertainty

EIGHTH_OF = {character: eighths for eighths, character in enumerate(" ▏▎▍▌▋▊▉█")}
NAMES = st.text(st.characters(exclude_categories=["C", "Z", "M"]), max_size=40)
BOTH = pytest.mark.parametrize("glyphs", [plot.BRAILLE, plot.ASCII], ids=["braille", "ascii"])


def drawn(*parts: RenderableType, columns: int = 80) -> list[str]:
    console = Console(width=columns, force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(Group(*parts))
    return capture.get().splitlines()


@given(st.floats(0.001, 1), st.integers(8, 60))
def test_a_bar_is_as_long_as_its_share_to_an_eighth(share: float, columns: int) -> None:
    eighths = sum(EIGHTH_OF[character] for character in bar_text(share, columns, plot.BRAILLE))
    assert eighths == pytest.approx(share * columns * 8, abs=1)
    assert eighths >= 1


@given(st.floats(0.001, 1), st.integers(8, 60))
def test_an_ascii_bar_is_of_number_signs(share: float, columns: int) -> None:
    text = bar_text(share, columns, plot.ASCII)
    assert set(text) == {"#"}
    assert len(text) == pytest.approx(share * columns, abs=1)


def test_the_longest_bar_is_that_of_the_highest_figure_and_a_half_is_half_of_it() -> None:
    rows = [Bar("b1", Value(4.0, None), ""), Bar("b32", Value(2.0, 0.25), "")]
    lines = drawn(bars(rows, 60, 1.0))
    assert lines[0].count("█") == pytest.approx(2 * lines[1].count("█"), abs=1)
    assert lines[0].rstrip().endswith("4.000")
    assert lines[1].rstrip().endswith("2.00 ± 0.25")


def test_a_figure_below_zero_has_its_number_and_no_bar() -> None:
    (line,) = drawn(bars([Bar("less", Value(-0.5, 0.25), "")], 60, 1.0))
    assert "█" not in line
    assert "−0.50 ± 0.25" in line


@BOTH
@pytest.mark.parametrize("columns", [30, 60, 100])
@examples(20)
@given(
    st.lists(
        st.builds(
            Bar,
            st.text(
                st.characters(min_codepoint=32, exclude_categories=["C", "Z", "M"]), max_size=40
            ),
            st.builds(Value, st.floats(-1e-3, 1e3), st.floats(1e-6, 1e2) | st.none()),
            st.just("red"),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_bars_stay_in_their_width(columns: int, glyphs: plot.Glyphs, rows: list[Bar]) -> None:
    lines = drawn(bars(rows, columns, 1.0, glyphs), columns=200)
    figures = [len(with_uncertainty(row.joules.value, row.joules.plus_minus, 1.0)) for row in rows]
    assert len(lines) == len(rows)
    widest = max(cell_len(line.rstrip()) for line in lines)
    assert widest <= max(columns, 2 * LEAST_BAR + 2 + max(figures))


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (["b1", "b8", "b64"], {"bn": {"b1": 1, "b8": 8, "b64": 64}}),
        (["224", "256", "288"], {"n": {"224": 224, "256": 256, "288": 288}}),
        (["w0.5", "w1", "w1.5"], {"wn": {"w0.5": 0.5, "w1": 1, "w1.5": 1.5}}),
        (
            ["conv1 32x32", "conv1 64x64", "conv1 96x96", "conv2 32x32"],
            {"conv1": {"conv1 32x32": 32, "conv1 64x64": 64, "conv1 96x96": 96}},
        ),
        (["b1", "b8"], {}),
        (["cold", "warm", "hot"], {}),
        (["3x5", "4x7", "9x2"], {}),
    ],
)
def test_the_number_that_varies_is_found(
    labels: list[str], found: dict[str, dict[str, float]]
) -> None:
    assert families(labels) == found


def where(lines: list[str], mark: str) -> list[tuple[int, int]]:
    """Columns and rows of points, from left to right."""
    places = [(x, y) for y, line in enumerate(lines) for x, c in enumerate(line) if c == mark]
    return sorted(places)


def points_of(
    series: list[LabelPoint], glyphs: plot.Glyphs = plot.BRAILLE
) -> list[tuple[int, int]]:
    lines = [line.plain for line in curve({"n": series}, ["red"], 80, 12, glyphs)]
    return where(lines, "o" if glyphs.ascii else "●")


@BOTH
def test_a_line_of_points_rises_evenly(glyphs: plot.Glyphs) -> None:
    found = points_of([LabelPoint(10, 1.0), LabelPoint(20, 2.0), LabelPoint(30, 3.0)], glyphs)
    assert len(found) == 3
    assert found[1][0] - found[0][0] == pytest.approx(found[2][0] - found[1][0], abs=1)
    assert found[0][1] - found[1][1] == pytest.approx(found[1][1] - found[2][1], abs=1)
    assert found[0][1] > found[2][1]


def test_a_wide_range_is_drawn_by_its_logarithm_across_and_upwards() -> None:
    series = [LabelPoint(1, 0.01), LabelPoint(8, 0.08), LabelPoint(64, 0.64)]
    found = points_of(series)
    assert found[1][0] - found[0][0] == pytest.approx(found[2][0] - found[1][0], abs=1)
    assert found[0][1] - found[1][1] == pytest.approx(found[1][1] - found[2][1], abs=1)
    lines = [line.plain for line in curve({"n": series}, ["red"], 80, 12)]
    assert [line.split()[0] for line in lines if "┤" in line] == ["1", "0.1", "0.01"]
    assert lines[-1].split() == ["1", "8", "64"]


def test_points_below_zero_are_below_its_tick() -> None:
    series = [LabelPoint(1, -1.0), LabelPoint(2, 0.0), LabelPoint(3, 1.0)]
    lines = [line.plain for line in curve({"n": series}, ["red"], 80, 12)]
    ticks = {line.split()[0]: y for y, line in enumerate(lines[:-1]) if "┤" in line}
    below, on, above = (y for _, y in points_of(series))
    assert above < on < below
    assert on == ticks["0"]


@BOTH
@example([LabelPoint(0, 0.0), LabelPoint(1, 1e-5), LabelPoint(2, 0.0)])
@example([LabelPoint(0, -1e-5), LabelPoint(1, -1e-5), LabelPoint(2, -1e-5)])
@given(
    st.lists(
        st.builds(LabelPoint, st.floats(0, 1e6), st.floats(-1e9, 1e9)),
        min_size=3,
        max_size=20,
        unique_by=lambda point: point.x,
    )
)
def test_a_curve_of_anything_has_its_size(glyphs: plot.Glyphs, points: list[LabelPoint]) -> None:
    lines = [line.plain for line in curve({"n": points}, ["red"], 70, 10, glyphs)]
    assert len(lines) == 11
    assert {len(line) for line in lines[:-1]} == {70}
    assert len(lines[-1]) == 70
    if glyphs.ascii:
        assert all(line.isascii() for line in lines)


def run_of(tmp_path: Path, *parts: Part, channels: tuple[str, ...] = ("package0",)) -> dict:
    return finished(tmp_path / "run.csv", [IDLE, *parts], channels).summary


def test_a_picture_has_a_bar_for_each_label_and_their_curve(tmp_path: Path) -> None:
    lines = drawn(*pictures(run_of(tmp_path, B1, B8, B64), {}, DARK, plot.BRAILLE, 80))
    assert lines[0].strip() == "J per inference, total  best: b64"
    assert [line.split()[0] for line in lines[1:4]] == ["b1", "b8", "b64"]
    assert lines[2].count("█") == pytest.approx(2 * lines[1].count("█"), abs=1)
    assert any("over the number in the label, logarithmic across" in line for line in lines)
    assert lines[-1].split() == ["1", "8", "64"]


def test_known_macs_give_a_curve_over_them(tmp_path: Path) -> None:
    parts = (p._replace(label=name) for p, name in ((B1, "112"), (B8, "224"), (B64, "448")))
    macs = {"112": 100_000_000, "224": 714_188_480, "448": 3_000_000_000}
    lines = drawn(*pictures(run_of(tmp_path, *parts), macs, DARK, plot.BRAILLE, 80))
    assert any("J per inference over multiply-accumulates" in line for line in lines)
    assert lines[-1].split() == ["100M", "714M", "3G"]
    same = pictures(
        run_of(tmp_path, B1, B8, B64), {"b1": 5, "b8": 5, "b64": 5}, DARK, plot.BRAILLE, 80
    )
    assert not any("multiply" in line for line in drawn(*same)), "one number is no curve"


def test_layers_of_one_network_are_one_curve() -> None:
    macs = {"a/conv1": 1, "a/conv2": 2, "a/conv3": 3, "b/conv1": 1, "b/conv2": 2}
    assert mac_families(macs, macs) == {"a": {"a/conv1": 1, "a/conv2": 2, "a/conv3": 3}}


def test_without_labels_the_domains_are_drawn(tmp_path: Path) -> None:
    summary = run_of(tmp_path, B1._replace(label=""), channels=("package0", "sim_cpu"))
    lines = drawn(*pictures(summary, {}, DARK, plot.BRAILLE, 80))
    assert [line.split()[0] for line in lines] == ["J", "package0", "sim_cpu", "total"]
    assert "(simulated)" in lines[2]


def test_what_was_not_counted_is_drawn_in_joules(tmp_path: Path) -> None:
    lines = drawn(*pictures(run_of(tmp_path, B1._replace(count=0)), {}, DARK, plot.BRAILLE, 80))
    assert lines[0].strip() == "J while running by domain"
    assert "200.0" in lines[1]


@pytest.mark.parametrize("channels", [(), ("package0",)])
@pytest.mark.parametrize("parts", [[], [IDLE], [IDLE, B1, B8, B64]])
def test_where_nothing_is_known_nothing_is_drawn(
    tmp_path: Path, parts: list[Part], channels: tuple[str, ...]
) -> None:
    summary = finished(tmp_path / "run.csv", parts, channels).summary
    known = bool(channels) and len(parts) > 1
    assert bool(list(pictures(summary, {}, DARK, plot.BRAILLE, 80))) == known


def test_more_labels_than_fit_are_counted(tmp_path: Path) -> None:
    parts = [Part("running", 1, 10.0, f"size{n}", 10) for n in range(MOST_BARS + 3)]
    lines = drawn(*pictures(run_of(tmp_path, *parts), {}, DARK, plot.ASCII, 80))
    assert any(line.startswith("and 3 more") for line in lines)
