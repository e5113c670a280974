"""The screen of processes: asked for while it is open, sorted by keys, texts never markup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.support.dashboards import dashboard_of, screen, settle
from tests.support.fakes import FakeSession, row
from wattui.tui.app import Dashboard
from wattui.tui.screens.processes import ProcessesScreen
from wattui.tui.state.processes import Process, Processes
from wattui.tui.widgets.processes import PERIOD_S

PROCESSES = (
    Process(10, "python", "ana", 45.0, 96.0, 2048.0, 900.0, of_command=True),
    Process(11, "[red]evil[/]", "bob", 60.0, 3.0, 10.0, 3000.0, of_command=False),
)


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
def app(session: FakeSession) -> Dashboard:
    return dashboard_of(session)


def places(app: Dashboard, *names: str) -> list[int]:
    text = screen(app)
    return [text.index(name) for name in names]


async def look(pilot: Pilot[Any], session: FakeSession, *processes: Process, gpus: int = 1) -> None:
    names = tuple(f"gpu{n}" for n in range(gpus))
    session.processes = Processes(names, processes)
    pilot.app.screen._look()
    await pilot.pause()


async def test_it_is_asked_for_while_it_is_open_and_no_longer(
    app: Dashboard, session: FakeSession
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert {"do": "processes", "show": True} not in session.asked
        await pilot.press("P")
        await pilot.pause()
        assert "Counting processes" in screen(app)
        assert session.asked[-1] == {"do": "processes", "show": True}
        await pilot.press("escape")
        await pilot.pause()
        assert session.asked[-1] == {"do": "processes", "show": False}
        assert not isinstance(app.screen, ProcessesScreen)


async def test_keys_sort_it_and_the_command_is_marked(app: Dashboard, session: FakeSession) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("P")
        await look(pilot, session, *PROCESSES)
        assert "CPU %▼" in screen(app)
        evil, python = places(app, "[red]evil[/]", "●  python")
        assert evil < python
        await pilot.press("g")
        await pilot.pause()
        evil, python = places(app, "[red]evil[/]", "●  python")
        assert python < evil
        assert "GPU %▼" in screen(app)
        assert "● the command, 1 process: 45.0 % CPU, 96.0 % GPU" in screen(app)
        assert "Shares of time, not of joules" in screen(app)


async def test_processes_that_end_leave_the_table(app: Dashboard, session: FakeSession) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("P")
        await look(pilot, session, *PROCESSES)
        await look(pilot, session, PROCESSES[1])
        assert "python" not in screen(app)
        assert "the command" not in screen(app)


async def test_without_gpus_there_is_nothing_to_sort_by_them(
    app: Dashboard, session: FakeSession
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("P")
        await look(pilot, session, *PROCESSES, gpus=0)
        assert "GPU" not in screen(app).partition("Processes")[2]
        await pilot.press("g")
        await pilot.pause()
        assert "CPU %▼" in screen(app)


async def test_a_new_recorder_is_asked_again(app: Dashboard, session: FakeSession) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("P")
        await look(pilot, session, *PROCESSES)
        later = FakeSession()
        app.main.follow(later)  # type: ignore[arg-type]
        app.screen._look()
        assert {"do": "processes", "show": True} in later.asked


async def test_the_table_is_copied_for_a_spreadsheet_with_nothing_raw(
    app: Dashboard, session: FakeSession
) -> None:
    hostile = Process(12, "a\x1b]52;c;b\tc", "bob", 1.0, 0.0, 1.0, 0.0, of_command=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("P")
        await look(pilot, session, *PROCESSES, hostile)
        await pilot.press("y")
        lines = [line.split("\t") for line in app.clipboard.splitlines()]
    assert len(lines) == 4
    assert {len(line) for line in lines} == {len(lines[0])}
    assert "python" in lines[2]
    assert "\x1b" not in app.clipboard


async def summarise(pilot: Pilot[Any], app: Dashboard) -> None:
    """What happens once a second."""
    app.main._summary_due_s = 0.0
    app.main.redraw()
    await pilot.pause()


async def test_the_busiest_are_beside_the_graphs_until_a_recording_begins(
    app: Dashboard, session: FakeSession
) -> None:
    session.coming = [row(time_s / 10, 40) for time_s in range(50)]
    async with app.run_test(size=(200, 50)) as pilot:
        await settle(pilot)
        await summarise(pilot, app)
        assert session.asked[-1] == {"do": "processes", "show": True, "period_s": PERIOD_S}
        session.processes = Processes(("gpu0",), PROCESSES)
        await summarise(pilot, app)
        text = screen(app)
        assert text.index("python") < text.index("[red]evil[/]")
        assert "P lists all 2" in text
        session.csv = Path("run.csv")
        await summarise(pilot, app)
        assert session.asked[-1] == {"do": "processes", "show": False, "period_s": PERIOD_S}
        assert "[red]evil[/]" not in screen(app)


async def test_the_list_hands_the_counting_back_to_the_panel(
    app: Dashboard, session: FakeSession
) -> None:
    session.coming = [row(time_s / 10, 40) for time_s in range(50)]
    async with app.run_test(size=(200, 50)) as pilot:
        await settle(pilot)
        await summarise(pilot, app)
        await pilot.press("P")
        await pilot.pause()
        await summarise(pilot, app)
        await pilot.press("escape")
        await pilot.pause()
        await summarise(pilot, app)
        asked = [each["show"] for each in session.asked if each["do"] == "processes"]
        assert asked == [True, True, False, True]
