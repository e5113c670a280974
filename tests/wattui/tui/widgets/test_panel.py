"""The panels beside the graphs cost nothing while what they show stays the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from textual.widget import Widget

from tests.support.dashboards import dashboard_of
from tests.support.fakes import FakeSession, row
from wattui.tui.state.processes import Process, Processes
from wattui.tui.widgets.alarm import Alarm
from wattui.tui.widgets.devices import DevicesPanel
from wattui.tui.widgets.energy import EnergyPanel
from wattui.tui.widgets.output import OutputPanel
from wattui.tui.widgets.phases import PhasesPanel
from wattui.tui.widgets.processes import ProcessesPanel

PANELS = {Alarm, DevicesPanel, EnergyPanel, OutputPanel, PhasesPanel, ProcessesPanel}
ONE = Process(10, "infer", "ana", 45.0, None, None, 900.0, False)


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[type[Widget]]:
    """The widgets that ask to be painted."""
    found: list[type[Widget]] = []
    refresh = Widget.refresh

    def noted(self: Widget, *regions: Any, **how: Any) -> Widget:
        found.append(type(self))
        return refresh(self, *regions, **how)

    monkeypatch.setattr(Widget, "refresh", noted)
    return found


async def test_a_panel_is_painted_only_when_what_it_shows_changes(
    painted: list[type[Widget]],
) -> None:
    session = FakeSession()
    session.coming = [row(n / 10, 30.0) for n in range(30)]
    app = dashboard_of(session)

    def show() -> set[type[Widget]]:
        """Those of the panels that are painted when all are shown."""
        painted.clear()
        app._tick()
        app.main._summary_due_s = 0.0
        app.main.redraw()
        return PANELS & set(painted)

    async with app.run_test(size=(200, 50)) as pilot:
        output = ["loading"]
        app._launched = SimpleNamespace(  # type: ignore[assignment]
            title="python infer.py", progress=0.5, output=output, poll=lambda: False
        )
        session.processes, session.alarm = Processes((), (ONE,)), "the disk is full"
        await pilot.pause()
        show()
        await pilot.pause()
        assert "infer" in str(app.main.query_one(ProcessesPanel).content)
        assert show() == set()
        session.coming = [row(3, 40.0)]
        assert show() == {DevicesPanel}
        session.alarm = "the disk does not answer"
        assert show() == {Alarm}
        output.append("running")
        assert show() == {OutputPanel}
