"""Joules per another count: chosen by a key or in the palette, on the graphs and in results."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot

from tests.support.dashboards import dashboard_of, screen
from tests.support.fakes import FakeSession
from tests.support.made_runs import IDLE, TOKENS, finished
from tests.wattui.tui.test_golden import NO_GPUS_W, rows, session, settle
from wattui.tui.app import Dashboard
from wattui.tui.screens.results import Results
from wattui.tui.screens.runs import columns_of

SIZE = (200, 50)


def counting() -> FakeSession:
    """Ten output tokens to a request, and the milliseconds that a server counts up."""
    fake = session(NO_GPUS_W)
    fake.coming = rows(76, NO_GPUS_W)
    for message in fake.coming:
        n = message.pop("inferences")
        message |= {"inferences": None, "counts": {"requests": n, "tokens_out": 10 * n}}
        message["counts"]["prefill_ms"] = n
    return fake


async def shown(pilot: Pilot[None]) -> str:
    await settle(pilot)
    return screen(pilot.app)


async def test_a_key_states_joules_per_the_next_count() -> None:
    app = dashboard_of(counting())
    async with app.run_test(size=SIZE) as pilot:
        assert "J/output token" in await shown(pilot)
        await pilot.press("b")
        assert "J/request" in await shown(pilot)
        assert "J/output token" not in screen(app)
        await pilot.press("b")
        assert "J/output token" in await shown(pilot)


async def test_the_palette_lists_the_counts_and_results_follow(tmp_path: Path) -> None:
    app = dashboard_of(counting())
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        commands = {each.title: each.callback for each in app.get_system_commands(app.main)}
        counts = [title for title in commands if title.startswith("Count per")]
        assert counts == ["Count per request", "Count per output token"]
        commands["Count per request"]()
        assert "J/request" in await shown(pilot)
        app._show_results(finished(tmp_path / "llm.csv", [IDLE, TOKENS]), [], [])
        await pilot.pause()
        assert "20.0000 ± 0.0050 J per request" in screen(app)
        assert "J per request" in screen(app)


async def test_one_count_offers_no_other() -> None:
    app = dashboard_of(session(NO_GPUS_W))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "per" in app._useless
        assert not any(
            each.title.startswith("Count per") for each in app.get_system_commands(app.main)
        )


async def test_results_are_stated_per_each_of_the_counts_in_turn(tmp_path: Path) -> None:
    run = finished(tmp_path / "llm.csv", [IDLE, TOKENS])
    app: Dashboard = dashboard_of(FakeSession())
    async with app.run_test(size=SIZE) as pilot:
        await app.push_screen(Results(run))
        await pilot.pause()
        assert "J per output token" in screen(app)
        await pilot.press("b", "u")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "J per request" in screen(app)
        assert "--per requests" in screen(app)
        assert "J per output token" not in screen(app)
        await pilot.press("b")
        await pilot.pause()
        assert "J per output token" in screen(app)


def test_a_list_of_runs_states_the_usual_count(tmp_path: Path) -> None:
    from wattui.show.palette import DARK

    cells = columns_of(finished(tmp_path / "llm.csv", [IDLE, TOKENS]), DARK)
    assert "J/tok" in cells[0].plain
    assert cells[1].plain == "100 tok"
