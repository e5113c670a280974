"""The energy panel's figures: units, and many domains taken together."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console
from textual.app import App, ComposeResult

from recorders.summary.figures import Group, Summary
from recorders.summary.per import by
from recorders.summary.reduction import Reducer
from recorders.summary.summary import summarise
from tests.support.dashboards import screen
from wattui.show.palette import DARK
from wattui.show.quantities import number, with_uncertainty
from wattui.tui.state.pace import Now
from wattui.tui.widgets.energy import (
    EnergyPanel,
    energy_lines,
    energy_parts,
    figures_j,
    folded,
    nested,
    pace_line,
)
from wattui.tui.widgets.phases import phase_table

SECONDS, INFERENCES = 10.0, 100


def summary(names: list[str], power_w: float = 36.0) -> Summary:
    """Every channel at the same power, running for ten seconds, a hundred inferences."""
    columns = [f"{name}_{unit}" for name in names for unit in "JW"]
    reducer = Reducer(columns)
    for time_s, event, count in ((0.0, "begin", 0), (SECONDS, "end", INFERENCES)):
        cells = [f"{time_s * power_w}", f"{power_w}"] * len(names)
        reducer.add(f"{time_s:.6f}", cells, event, ("running", "b1", None), count)
    return summarise(reducer.reduction)


def running_of(found: Summary) -> Group:
    assert found.running is not None
    return found.running


def text(*parts: Any) -> str:
    console = Console(width=60, record=True, file=io.StringIO())
    for part in parts:
        console.print(part)
    return console.export_text()


@pytest.mark.parametrize(
    ("units", "says"),
    [
        ("auto", "3.600 ± 0.036 J"),
        ("mJ", "3600 ± 36 mJ"),
        ("Wh", "0.001000 ± 0.000010 Wh"),
        ("J", "3.600 ± 0.036 J"),
    ],
)
def test_units_are_those_of_the_settings(units: Any, says: str) -> None:
    found = summary(["package0"])
    assert f"{says}/inference" in text(*energy_parts(found, DARK, units))
    assert f"{says}/inference" in text(*energy_lines(found, DARK, units))


def test_what_was_counted_is_named_in_the_panel_and_the_phases() -> None:
    reducer = Reducer(["package0_J", "package0_W"])
    for time_s, event, n in ((0.0, "begin", 0), (SECONDS, "end", 720)):
        cells = [f"{time_s * 36}", "36"]
        where, counts = ("running", "c8", None), {"tokens_out": n}
        reducer.add(f"{time_s:.6f}", cells, event, where, None, counts)
    found = by(summarise(reducer.reduction))
    shown = text(*energy_parts(found, DARK, "auto"))
    assert "500.0 ± 5.0 mJ/output token" in shown
    assert "720 output tokens" in shown
    assert "mJ/output token" in text(*energy_lines(found, DARK, "auto"))
    assert "mJ/tok" in text(phase_table(found, "package0", 5, DARK, "auto"))
    assert "inf" not in shown


class Page(App[None]):
    def compose(self) -> ComposeResult:
        yield EnergyPanel()


async def test_tables_become_lines_where_the_panel_shrinks_and_nothing_new_comes() -> None:
    app = Page()
    async with app.run_test(size=(60, 20)) as pilot:
        app.query_one(EnergyPanel).styles.height = "100%"
        await pilot.pause()
        app.query_one(EnergyPanel).show(summary(["package0"]), DARK, "auto")
        await pilot.pause()
        assert "domain" in screen(app)
        await pilot.resize_terminal(60, 5)
        await pilot.pause()
        assert "domain" not in screen(app)
        assert "package0  idle" in screen(app)


def test_the_pace_of_tokens_says_over_how_long_and_when_they_come() -> None:
    steady = pace_line(Now(5000, 10.0, 20.0), 650.0, DARK, "auto")
    assert steady.plain == "now 130.0 mJ/token  500.0 tokens/s  over 10 s"
    late = pace_line(Now(900, 0.0, 12.0, at_end=True, is_short=True), None, DARK, "auto")
    assert late.plain == (
        "now – J/token  75.00 tokens/s  over 12 s, as tokens come when a request ends: too short"
    )


@pytest.mark.parametrize("size", [(60, 6), (60, 30)])
async def test_the_pace_of_tokens_stands_below_the_headline(size: tuple[int, int]) -> None:
    app = Page()
    async with app.run_test(size=size) as pilot:
        panel = app.query_one(EnergyPanel)
        panel.pace = Now(5000, 10.0, 20.0), 650.0
        panel.show(summary(["package0"]), DARK, "auto")
        await pilot.pause()
        lines = [line.strip(" │") for line in screen(app).splitlines()]
        place = next(n for n, line in enumerate(lines) if "J/inference" in line)
        assert lines[place + 1].startswith("now 130.0 mJ/token  500.0 tokens/s")


def test_many_domains_are_taken_together() -> None:
    names = [f"package{n}" for n in range(4)] + [f"gpu{n}" for n in range(8)]
    domains = folded(running_of(summary(names)).domains)
    assert list(domains) == ["package ×4", "gpu ×8"]
    assert domains["gpu ×8"].running_w == pytest.approx(8 * 36)
    total = domains["gpu ×8"].total_j_per_inference
    assert total is not None
    assert total.value == pytest.approx(8 * 3.6)


def test_a_kind_with_an_unknown_part_is_unknown() -> None:
    names = [f"gpu{n}" for n in range(9)]
    domains = running_of(summary(names)).domains
    domains["gpu3"] = replace(domains["gpu3"], running_w=None)
    assert folded(domains)["gpu ×9"].running_w is None


def test_without_a_count_joules_beyond_the_baselines_are_shown() -> None:
    found = summary(["package0"])
    domain = replace(running_of(found).domains["package0"], idle_w=10.0, armed_w=None)
    running = replace(running_of(found), inferences=None, domains={"package0": domain})
    found = replace(found, running=running)
    assert figures_j(domain, running, counted=False) == [
        pytest.approx(360),
        pytest.approx(260),
        None,
    ]
    assert "260.0" in text(*energy_parts(found, DARK, "auto"))


def test_a_long_label_is_cut_and_no_figure_is() -> None:
    found = summary(["package0"])
    group = replace(found.labels[0], label="模型 " * 20)
    found = replace(found, labels=[group, group])
    console = Console(width=50, record=True, file=io.StringIO())
    console.print(*energy_parts(found, DARK, "auto"))
    assert console.export_text().count("3.600") == 4


def test_phases_are_listed_with_their_joules() -> None:
    found = summary(["package0"])
    shown = text(phase_table(found, "package0", 5, DARK, "auto"))
    assert "b1" in shown
    assert "360.0" in shown
    assert "3.600 ± 0.036" in shown


def test_the_latest_phases_are_listed_in_order_of_time_with_their_uncertainty() -> None:
    reducer = Reducer(["package0_J", "package0_W"])
    marks = [("idle", "", None), ("running", "b1", 1), ("running", "b1", 2), ("running", "b8", 1)]
    for place, mark in enumerate(marks):
        for time_s, event, count in ((10.0 * place, "begin", 0), (10.0 * place + 9, "end", 9)):
            reducer.add(f"{time_s:.6f}", [f"{time_s * 36}", "36.0"], event, mark, count)
    table = phase_table(summarise(reducer.reduction), "package0", 3, DARK, "auto")
    _, *lines = text(table).splitlines()
    assert [line.split()[1] for line in lines] == ["b1", "b1", "b8"]
    assert ["±" in line for line in lines] == [False, False, True]


def test_cores_and_dram_stand_under_their_package() -> None:
    names = ["package0", "package1", "core0", "dram0", "dram1", "gpu0", "dram7", "total"]
    assert [text for _, text in nested(names)] == [
        "package0",
        "└ core0",
        "└ dram0",
        "package1",
        "└ dram1",
        "gpu0",
        "dram7",
        "total",
    ]


def test_the_headline_and_the_figures_have_their_uncertainty() -> None:
    found = summary(["package0"])
    running = running_of(found).domains["package0"]
    value = running.total_j_per_inference
    assert value is not None
    assert value.plus_minus is not None
    shown = text(*energy_parts(found, DARK, "auto"))
    assert with_uncertainty(value.value, value.plus_minus, 1.0) in shown
    (errors,) = [line.split() for line in shown.splitlines() if line.strip().startswith("±")]
    assert errors[:2] == ["±", number(value.plus_minus, 2)]
    (first, *_) = energy_lines(found, DARK, "auto")
    assert "±" in first.plain
