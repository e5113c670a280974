"""Charts under the mouse, one view for all of them, as the main screen wires them."""

from __future__ import annotations

import pytest
from rich.style import Style
from textual import events
from textual.app import App, ComposeResult
from textual.containers import Grid
from textual.pilot import Pilot

from tests.support.fakes import COLUMNS, row
from wattui.show import plot
from wattui.show.graphs import graphs
from wattui.show.palette import DARK
from wattui.tui.state.live import Live
from wattui.tui.state.viewport import Viewport, first
from wattui.tui.widgets.chart import Chart
from wattui.tui.widgets.margins import GUTTER

COLUMNS_OF_TWO = [*COLUMNS, "package1_J", "package1_W"]
# Within the widget the border comes before the plot.
LEFT = 1 + GUTTER


class Charts(App[None]):
    """All graphs of a minute of readings, 10 a second."""

    CSS = "Grid { grid-size: 2; }"

    def __init__(self, glyphs: plot.Glyphs = plot.BRAILLE) -> None:
        super().__init__()
        self.live = Live(COLUMNS_OF_TWO)
        for tenth in range(600):
            self.add(tenth / 10)
        self.view: Viewport = first(10.0)
        self.glyphs = glyphs

    def add(self, time_s: float, power_w: float | None = None) -> None:
        message = row(time_s, (30.0 if time_s < 50 else 60.0) if power_w is None else power_w)
        message["cells"] = [*message["cells"], f"{time_s * 7:.6f}", "7.0"]
        self.live.take(message)

    def compose(self) -> ComposeResult:
        with Grid():
            for spec in graphs(COLUMNS_OF_TWO)[:4]:
                yield Chart(spec)

    def redraw(self) -> None:
        for chart in self.query(Chart):
            chart.show(self.live, self.view, DARK, self.glyphs)

    def on_chart_looked(self, event: Chart.Looked) -> None:
        self.view = event.change(self.view)
        self.redraw()

    @property
    def charts(self) -> list[Chart]:
        return list(self.query(Chart))


def screen(app: App[None]) -> list[str]:
    """What the terminal shows, as lines of text."""
    lines = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip) for strip in lines]


def shown(app: Charts, chart: Chart) -> list[str]:
    """A chart as the terminal shows it, border and all."""
    region = chart.region
    return [line[region.x : region.right] for line in screen(app)[region.y : region.bottom]]


async def drawn(app: Charts, pilot: Pilot[None]) -> Chart:
    await pilot.pause()
    app.redraw()
    await pilot.pause()
    return app.charts[0]


def start_s(app: Charts, chart: Chart) -> float:
    return app.view.start_s(app.live.time_s, chart.bins)


async def test_the_crosshair_is_on_all_graphs_with_the_values_there() -> None:
    app = Charts()
    async with app.run_test(size=(160, 40)) as pilot:
        chart = await drawn(app, pilot)
        assert "pkg0 60.0 W" in shown(app, chart)[0]
        await pilot.hover(chart, offset=(LEFT + 40, 6))
        await pilot.pause()
        time_s = start_s(app, chart) + 40.5 * 0.8
        assert app.view.cursor_s == pytest.approx(time_s)
        assert time_s < 50
        for each in app.charts:
            lines = shown(app, each)
            assert f"{time_s:.1f}s" in lines[-2]
            assert sum(line[LEFT + 40] == "│" for line in lines[2:-2]) > 5
        assert "pkg0 30.0 W pkg1 7.00 W" in shown(app, chart)[0]
        await pilot.hover(chart, offset=(3, 6))
        await pilot.pause()
        assert app.view.cursor_s is None
        assert "pkg0 60.0 W" in shown(app, chart)[0]


async def test_a_chart_that_gets_its_size_later_is_drawn_then() -> None:
    """No more rows may come: a playback that is paused, a stream that took another's place."""
    app = Charts()
    async with app.run_test(size=(160, 40)) as pilot:
        chart = Chart(graphs(COLUMNS_OF_TWO)[0])
        mounted = app.query_one(Grid).mount(chart)
        chart.show(app.live, app.view, DARK, app.glyphs)
        await mounted
        await pilot.pause()
        assert "pkg0 60.0 W" in shown(app, chart)[0]
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert all(len(line.strip()) > 1 for line in shown(app, chart)[1:-1])


async def test_a_chart_of_a_sensor_that_the_next_recording_lacks_may_be_resized() -> None:
    """A server's requests, as the panel of its load closes before the graphs are replaced."""
    app = Charts()
    async with app.run_test(size=(160, 40)) as pilot:
        await drawn(app, pilot)
        Live(["cpu_util_pct"], app.live, 1.0)
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert all(chart.content_size.width < 80 for chart in app.charts)


async def test_a_chart_of_two_rows_has_curves() -> None:
    """All that is left at 60×16 while a recording is played back."""
    app = Charts()
    async with app.run_test(size=(120, 12)) as pilot:
        chart = await drawn(app, pilot)
        assert chart.content_size.height == 4
        assert "80┤" in shown(app, chart)[2]
        assert "0┤" in shown(app, chart)[3]


async def test_the_crosshair_goes_with_the_mouse_from_chart_to_chart() -> None:
    app = Charts()
    async with app.run_test(size=(160, 40)) as pilot:
        await drawn(app, pilot)
        left, right = app.charts[:2]
        await pilot.hover(left, offset=(LEFT + 10, 6))
        await pilot.hover(right, offset=(LEFT + 20, 6))
        await pilot.pause()
        assert app.view.cursor_s == pytest.approx(start_s(app, right) + 20.5 * 0.8)


async def test_dragging_selects_whole_columns_and_a_click_lets_go() -> None:
    app = Charts()
    async with app.run_test(size=(160, 40)) as pilot:
        chart = await drawn(app, pilot)
        begin_s = start_s(app, chart)
        await pilot.mouse_down(chart, offset=(LEFT + 30, 6))
        await pilot.hover(chart, offset=(LEFT + 24, 9))
        assert app.view.span_s == pytest.approx((begin_s + 24 * 0.8, begin_s + 31 * 0.8))
        await pilot.hover(chart, offset=(LEFT + 21, 9))
        await pilot.mouse_up(chart, offset=(LEFT + 21, 9))
        await pilot.pause()
        span_s = begin_s + 21 * 0.8, begin_s + 31 * 0.8
        assert app.view.span_s == pytest.approx(span_s)
        assert app.mouse_captured is None
        expected = (span_s[1] - span_s[0]) * (30 + 7)
        assert f"8.00 s · Σ {expected:.1f} J" in shown(app, chart)[-1]
        await pilot.click(chart, offset=(LEFT + 5, 6))
        await pilot.pause()
        assert app.view.span_s is None


async def test_a_span_ends_where_readings_end_though_the_mouse_goes_on() -> None:
    app = Charts()
    async with app.run_test(size=(160, 40)) as pilot:
        chart = await drawn(app, pilot)
        await pilot.mouse_down(chart, offset=(LEFT + 60, 6))
        await pilot.hover(app.charts[1], offset=(30, 6))
        await pilot.mouse_up(app.charts[1], offset=(30, 6))
        await pilot.pause()
        assert app.view.span_s is not None
        assert app.view.span_s[1] == app.live.time_s
        assert "– J" not in shown(app, chart)[-1]


async def test_a_click_on_a_name_hides_the_series_and_another_shows_it() -> None:
    app = Charts()
    async with app.run_test(size=(160, 40)) as pilot:
        chart = await drawn(app, pilot)
        at = shown(app, chart)[0].index("pkg0")
        await pilot.click(chart, offset=(at + 1, 0))
        await pilot.pause()
        assert app.view.hidden == {"package0_W"}
        assert "pkg0 pkg1 7.00 W" in shown(app, chart)[0]
        style = app.screen.get_style_at(chart.region.x + at, chart.region.y)
        assert style.strike
        assert app.view.span_s is None
        await pilot.click(chart, offset=(at + 1, 0))
        await pilot.pause()
        assert app.view.hidden == set()
        await pilot.click(chart, offset=(4, 0))
        await pilot.pause()
        assert app.view.hidden == set()


def wheel(chart: Chart, kind: type[events.MouseEvent], x: int = 40, shift: bool = False) -> None:
    at = chart.region.offset
    chart.post_message(kind(chart, x, 6, 0, 0, 0, shift, False, False, at.x + x, at.y + 6, Style()))


@pytest.mark.parametrize(
    ("kind", "shift", "zoom", "bins"),
    [
        (events.MouseScrollUp, False, 1, 0),
        (events.MouseScrollDown, False, -1, 0),
        (events.MouseScrollUp, True, 0, -18),
        (events.MouseScrollDown, True, 0, 18),
        (events.MouseScrollLeft, False, 0, -18),
        (events.MouseScrollRight, False, 0, 18),
    ],
)
async def test_the_wheel_zooms_and_pans(
    kind: type[events.MouseEvent], shift: bool, zoom: int, bins: int
) -> None:
    app = Charts()
    async with app.run_test(size=(160, 40)) as pilot:
        chart = await drawn(app, pilot)
        app.view = app.view.panned(-50, app.live.time_s)
        expected = app.view.zoomed(zoom).panned(bins, app.live.time_s)
        wheel(chart, kind, shift=shift)
        wheel(chart, kind, x=2, shift=shift)
        await pilot.pause()
        assert app.view == expected


async def test_the_terminal_shows_what_was_drawn_after_each_of_many_changes() -> None:
    app = Charts()
    async with app.run_test(size=(120, 30)) as pilot:
        await drawn(app, pilot)
        views = [app.view, app.view.pointed(40.4), app.view.pointed(55.0).spanned(40, 50)]
        for number in range(24):
            app.add(60 + number / 10, power_w=20.0 * (number % 5))
            app.view = views[number % 3]
            app.redraw()
            await pilot.pause()
            for chart in app.charts:
                inside = [line[1:-1] for line in shown(app, chart)[1:-1]]
                assert inside == [strip.text for strip in chart._strips]


@pytest.mark.parametrize("size", [(200, 50), (90, 24), (60, 16), (30, 12)])
async def test_with_ascii_glyphs_the_screen_is_ascii(size: tuple[int, int]) -> None:
    app = Charts(plot.ASCII)
    async with app.run_test(size=size) as pilot:
        await drawn(app, pilot)
        app.view = app.view.pointed(40.0).spanned(30.0, 50.0)
        app.redraw()
        await pilot.pause()
        assert all(line.isascii() for line in screen(app))
        assert app.charts[0].bins >= 2
