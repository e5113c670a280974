"""The table of a fleet's nodes, and the way to a node and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from recorders.client import Config
from tests.support.dashboards import screen
from tests.support.growing_fleet import START_S, GrowingNode
from tests.support.hostile import assert_harmless
from wattui.config import Settings
from wattui.show import plot
from wattui.tui.app import Dashboard
from wattui.tui.screens.fleet import COLUMNS, FleetScreen, fitting
from wattui.tui.screens.help import Help
from wattui.tui.state.fleet import Fleet, FleetNow, FleetWatch, NoRows
from wattui.tui.state.fleet_texts import count_text, headline, joules, spark
from wattui.tui.state.options import Start
from wattui.tui.state.playback import Following, Playback

WORST = "[bold]x[/nothing]\x1b[31m"


class Watched:
    """A dashboard of a fleet of two nodes, whose folder is looked at when a test says so."""

    def __init__(self, run: Path, *hosts: str) -> None:
        self.nodes = [
            GrowingNode(run, f"n{rank}", 100.0 * (rank + 1), rank, batch=10, host=host)
            for rank, host in enumerate(hosts)
        ]
        self.now_s = 0.0
        self.watch = FleetWatch(Fleet(run, lambda: self.now_s, lambda: START_S + self.now_s))
        self.watch.start = lambda: self.watch  # type: ignore[method-assign]
        start = Start(Settings(), Config(csv=None), Path("/nowhere/config.toml"))
        for node in self.nodes:
            node.begin("running", "b10")
        self.record(3)
        self.app = Dashboard(NoRows(), start, self.watch)

    def record(self, seconds: float) -> None:
        for node in self.nodes:
            node.record(seconds)
        self.now_s += seconds
        self.watch.now = self.watch.fleet.look()

    @property
    def table(self) -> FleetScreen:
        assert isinstance(self.app.screen, FleetScreen)
        return self.app.screen

    async def show(self, pilot: Pilot[int]) -> str:
        await pilot.pause()
        self.table._look()
        await pilot.pause()
        return screen(self.app)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run=job"


async def test_enter_opens_a_node_which_goes_on_and_q_comes_back(run: Path) -> None:
    watched = Watched(run, "left", "right")
    app = watched.app
    async with app.run_test(size=(120, 35)) as pilot:
        assert "right" in await watched.show(pilot)
        for back in ("escape", "q"):
            await pilot.press("end", "enter")
            await pilot.pause()
            assert app.screen is app.main
            assert isinstance(app.stream, Following)
            assert app.stream.path == watched.nodes[1].journal
            assert "q for all nodes" in screen(app)
            before_s = app.stream.position_s
            watched.record(1)
            app.stream._at_s += 2.0
            app._tick()
            app._tick()
            assert app.stream.position_s == pytest.approx(before_s + 1.0)
            await pilot.press("r")
            assert isinstance(app.stream, Following)
            await pilot.press(back)
            await pilot.pause()
            assert watched.table.here == "n1"
        await pilot.press("q")
    assert app.return_code == 0


async def test_a_filter_keeps_the_sum_of_all_nodes_and_the_cursor_its_node(run: Path) -> None:
    watched = Watched(run, "left", "right")
    async with watched.app.run_test(size=(120, 35)) as pilot:
        await watched.show(pilot)
        await pilot.press("end")
        assert watched.table.here == "n1"
        await pilot.press("slash", *"righ", "enter")
        shown = await watched.show(pilot)
        assert "left" not in shown
        assert "1 of 2 nodes" in shown
        assert "900.0" in shown
        assert watched.table.here == "n1"
        await pilot.press("escape")
        assert "left" in await watched.show(pilot)


async def test_columns_sort_and_the_cursor_stays_on_its_node(run: Path) -> None:
    watched = Watched(run, "left", "right")
    async with watched.app.run_test(size=(120, 35)) as pilot:
        await watched.show(pilot)
        for _ in range(10):
            await pilot.press("s")
            if watched.table._by == "W":
                break
        shown = await watched.show(pilot)
        assert shown.index("right") < shown.index("left")
        assert watched.table.here == "n0"
        await pilot.press("S")
        shown = await watched.show(pilot)
        assert shown.index("left") < shown.index("right")


async def test_the_copy_has_the_nodes_and_their_sum(run: Path) -> None:
    watched = Watched(run, "left", "right")
    copied: list[str] = []
    watched.app.copy_to_clipboard = copied.append  # type: ignore[method-assign]
    async with watched.app.run_test(size=(200, 50)) as pilot:
        await watched.show(pilot)
        await pilot.press("y")
    heads, *rows = [line.split("\t") for line in copied[0].split("\n")]
    assert [row[0] for row in rows] == ["left", "right", "sum"]
    assert [row[heads.index("J")] for row in rows] == ["300.0", "600.0", "900.0"]
    assert [row[heads.index("J/inference")] for row in rows] == ["1.000 J", "2.000 J", "1.500 J"]


async def test_help_explains_the_states(run: Path) -> None:
    watched = Watched(run, "left")
    async with watched.app.run_test(size=(120, 45)) as pilot:
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(watched.app.screen, Help)
        assert "joined late" in screen(watched.app)


async def test_texts_of_the_files_are_only_text(run: Path) -> None:
    watched = Watched(run, WORST)
    watched.nodes[0].begin("running", WORST)
    watched.record(1)
    async with watched.app.run_test(size=(200, 50)) as pilot:
        shown = await watched.show(pilot)
        assert "[bold]x" in shown
        assert_harmless(shown)


async def test_a_folder_that_does_not_answer_is_said(run: Path) -> None:
    watched = Watched(run, "left")
    watched.watch._error = "shared: Stale file handle"
    async with watched.app.run_test(size=(120, 35)) as pilot:
        assert "Stale file handle" in await watched.show(pilot)


def test_the_headline_says_which_nodes_it_is_of() -> None:
    assert headline(FleetNow()).startswith("sum of 0 nodes")


@pytest.mark.parametrize("width", [40, 60, 76, 116, 196, 300])
def test_columns_fit_a_screen(width: int) -> None:
    found = fitting(COLUMNS, width)
    assert sum(column.width + 2 for column in found) <= width
    assert [column.title for column in found][:1] == ["node"]


def test_texts_of_amounts() -> None:
    assert count_text({"inferences": 12_000, "tokens_out": 3}) == "12,000"
    assert count_text({"tokens_out": 12_000}) == "12,000 tokens_out"
    assert [count_text({}), joules(None)] == ["–", "–"]
    assert [joules(99.5), joules(123_456.7)] == ["99.50", "123,457"]
    assert spark((0.0, 50.0, 100.0), 100.0, 5, plot.BRAILLE) == "  ▁▅█"


async def test_why_a_node_has_no_figures_is_said_on_every_screen(run: Path) -> None:
    watched = Watched(run, "left")
    GrowingNode(run, "bare", 0.0, 1, columns=("cpu_util_pct", "cpu_temp_C")).record(1)
    watched.record(1)
    async with watched.app.run_test(size=(80, 24)) as pilot:
        await watched.show(pilot)
        await pilot.press("end")
        shown = await watched.show(pilot)
        assert "bare: no power sensor" in " ".join(shown.replace("│", " ").split())


async def test_a_finished_node_plays_back_from_its_beginning(run: Path) -> None:
    watched = Watched(run, "left")
    watched.nodes[0].finish()
    watched.watch.now = watched.watch.fleet.look()
    app = watched.app
    async with app.run_test(size=(120, 35)) as pilot:
        assert "1.000 J per inference · sum of 1 node" in await watched.show(pilot)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.stream, Playback)
        assert not isinstance(app.stream, Following)
        assert app.stream.path == watched.nodes[0].path / "part.parquet"
        assert "left × 1" in screen(app)
