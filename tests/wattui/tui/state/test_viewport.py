"""The time range that is shown: zoom, pan, freeze, follow."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wattui.show.history import BIN_STEPS_S
from wattui.tui.state.viewport import Viewport, first

RATES_HZ = st.floats(0.5, 1000)
NOWS_S = st.floats(0, 4e5)
BINS = st.integers(16, 500).map(lambda columns: 2 * columns)


@st.composite
def views(draw: st.DrawFn) -> Viewport:
    end_s = draw(st.none() | st.floats(0, 4e5))
    return Viewport(draw(st.sampled_from(BIN_STEPS_S)), draw(RATES_HZ), end_s)


def _legal(rate_hz: float) -> list[float]:
    return [step for step in BIN_STEPS_S if step * rate_hz >= 1.99]


@given(views(), st.integers(1, 12))
def test_zooming_in_and_out_again_is_the_same_view_where_neither_met_a_limit(
    view: Viewport, steps: int
) -> None:
    legal = _legal(view.rate_hz)
    assume(view.bin_s in legal)
    place = legal.index(view.bin_s)
    if place - steps >= 0:
        assert view.zoomed(steps).zoomed(-steps) == view
    if place + steps < len(legal):
        assert view.zoomed(-steps).zoomed(steps) == view


@given(views(), st.integers(-20, 20))
def test_no_zoom_is_finer_than_two_samples_or_off_the_steps(view: Viewport, steps: int) -> None:
    bin_s = view.zoomed(steps).bin_s
    assert bin_s in BIN_STEPS_S
    assert bin_s * view.rate_hz >= 1.99


@given(views())
def test_each_step_in_is_finer_and_each_step_out_coarser_until_the_limit(view: Viewport) -> None:
    legal = _legal(view.rate_hz)
    view = view.zoomed(0)
    finer, coarser = view.zoomed(1).bin_s, view.zoomed(-1).bin_s
    assert finer < view.bin_s or view.bin_s == legal[0] == finer
    assert coarser > view.bin_s or view.bin_s == legal[-1] == coarser


@given(views(), st.integers(-20, 20))
def test_zooming_does_not_move_where_the_view_ends(view: Viewport, steps: int) -> None:
    assert view.zoomed(steps).end_s == view.end_s


@given(views(), NOWS_S, BINS)
def test_the_left_edge_is_on_the_grid_of_bins_and_the_end_is_in_the_last_character(
    view: Viewport, now_s: float, bins: int
) -> None:
    start_s = view.start_s(now_s, bins)
    assert start_s / view.bin_s == pytest.approx(round(start_s / view.bin_s), abs=1e-6)
    last = now_s if view.live else view.end_s
    end_s = start_s + bins * view.bin_s
    assert last is not None
    assert end_s - 2 * view.bin_s - 1e-6 <= last <= end_s + 1e-6


@given(NOWS_S, st.floats(0, 1e3), BINS, RATES_HZ)
def test_a_view_that_stands_still_does_not_move_with_time(
    now_s: float, later_s: float, bins: int, rate_hz: float
) -> None:
    still = first(rate_hz).frozen(now_s)
    assert still.start_s(now_s, bins) == still.start_s(now_s + later_s, bins)
    assert still.frozen(now_s + later_s).live


@given(st.integers(1, 400), st.floats(0, 1e5), st.floats(0, 100))
def test_panning_to_the_end_is_live_again(back: int, now_s: float, later_s: float) -> None:
    view = first(10.0)
    moved = view.panned(-back, now_s)
    returned = moved.panned(back + 1 + round(later_s / view.bin_s) + 1, now_s + later_s)
    assert returned.live


@given(st.integers(1, 400), st.floats(1e3, 1e5))
def test_panning_back_leaves_live_by_just_so_much(back: int, now_s: float) -> None:
    view = first(10.0)
    moved = view.panned(-back, now_s)
    assert not moved.live
    assert moved.end_s == pytest.approx(now_s - back * view.bin_s)


@given(views(), st.integers(-5000, 5000), NOWS_S)
def test_panning_never_leaves_the_recording(view: Viewport, bins: int, now_s: float) -> None:
    end_s = view.panned(bins, now_s).end_s
    assert end_s is None or 0 <= end_s < now_s


@given(RATES_HZ)
def test_the_first_view_has_bins_of_two_fifths_of_a_second_or_of_two_samples(
    rate_hz: float,
) -> None:
    view = first(rate_hz)
    assert view.live
    assert view.bin_s == (0.4 if 0.4 in _legal(rate_hz) else _legal(rate_hz)[0])


@given(views(), NOWS_S, BINS)
def test_characters_are_numbered_by_their_time(view: Viewport, now_s: float, bins: int) -> None:
    first_character = view.first_character(now_s, bins // 2)
    assert first_character * 2 * view.bin_s == pytest.approx(view.start_s(now_s, bins), abs=1e-6)


def test_a_span_has_its_edges_in_order_and_is_let_go() -> None:
    view = first(10.0)
    assert view.spanned(9.0, 4.0).span_s == view.spanned(4.0, 9.0).span_s == (4.0, 9.0)
    assert view.spanned(4.0, 9.0).spanned(None, None) == view


def test_the_crosshair_comes_and_goes() -> None:
    view = first(10.0)
    assert view.pointed(3.5).cursor_s == 3.5
    assert view.pointed(3.5).pointed(None) == view


def test_series_are_hidden_and_shown_one_by_one() -> None:
    view = first(10.0).toggled("a_W").toggled("b_W")
    assert view.hidden == {"a_W", "b_W"}
    assert view.toggled("a_W").hidden == {"b_W"}


@given(views(), st.integers(-3, 3), NOWS_S)
def test_zoom_and_pan_keep_crosshair_span_and_what_is_hidden(
    view: Viewport, steps: int, now_s: float
) -> None:
    marked = view.pointed(1.0).spanned(2.0, 3.0).toggled("a_W")
    for moved in (
        marked.zoomed(steps),
        marked.panned(steps, now_s),
        marked.frozen(now_s),
    ):
        assert (moved.cursor_s, moved.span_s, moved.hidden) == (1.0, (2.0, 3.0), {"a_W"})
