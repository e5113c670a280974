"""The ribbon of phases over a graph."""

from __future__ import annotations

from tests.support.fakes import FakeSession, row
from wattui.tui.state.live import Live
from wattui.tui.widgets.margins import phases


def shown(live: Live, column_s: float, columns: int) -> str:
    """A letter for the phase of each column."""
    return "".join(each.phase[0] if each else "-" for each in phases(live, column_s, 0, columns))


def test_an_open_phase_has_all_of_the_newest_column() -> None:
    live = Live(FakeSession().columns)
    live.take(row(0.0, 20.0, "idle", "begin"))
    live.take(row(2.0, 20.0, "idle", "end"))
    live.take(row(2.0, 20.0, "running", "begin"))
    assert shown(live, 1.0, 6) == "iir---"
    live.take(row(3.1, 20.0, "running"))
    assert shown(live, 1.0, 6) == "iirr--"
    live.take(row(3.1, 20.0, "running", "end"))
    assert shown(live, 1.0, 6) == "iir---"
