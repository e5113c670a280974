"""Money and CO2 of a run by stated factors, and published devices beside it."""

from __future__ import annotations

from pathlib import Path

from tests.support.made_runs import B1, B8, IDLE, Part, finished
from wattui.config import Rate
from wattui.report.costs import cost_blocks
from wattui.report.document import PageTable, Words
from wattui.report.loaded import ReportOptions, ReportRun
from wattui.report.published import published_blocks
from wattui.runs.recorded import Run
from wattui.runs.traces import read_traces

# 36 kJ are 10 Wh.
TEN_WH = Part("running", 36, 1000.0, "b1", 100)


def loaded(run: Run) -> ReportRun:
    return ReportRun(run.csv.stem, run, read_traces(run.csv), "", {})


def numbers(cells: tuple[str, ...]) -> list[float]:
    return [float(cell.partition(" ±")[0]) for cell in cells]


def test_energy_becomes_money_and_carbon(tmp_path: Path) -> None:
    run = loaded(finished(tmp_path / "r.csv", [IDLE, TEN_WH]))
    price, carbon = Rate(0.30, "EUR"), Rate(350, "grid mean of 2025")
    table, said = cost_blocks(run, ReportOptions(price=price, carbon=carbon))
    assert isinstance(table, PageTable)
    assert table.head == ("for", "kWh", "EUR", "kg CO₂")
    running, million = table.rows
    assert numbers(running[1:]) == [0.01, 0.003, 0.0035]
    assert numbers(million[1:]) == [100, 30, 35]
    assert isinstance(said, Words)
    assert "0.3 EUR per kWh and 350 g CO₂ per kWh (grid mean of 2025), as stated" in said.text


def test_labels_are_not_mixed_and_nothing_is_said_without_a_factor(tmp_path: Path) -> None:
    run = loaded(finished(tmp_path / "r.csv", [IDLE, B1, B8]))
    table, _ = cost_blocks(run, ReportOptions(price=Rate(0.3)))
    assert isinstance(table, PageTable)
    assert [row[0] for row in table.rows] == [
        "while running", "a million inferences, b1", "a million inferences, b8",
    ]  # fmt: skip
    assert table.head == ("for", "kWh", "money")
    assert not list(cost_blocks(run, ReportOptions()))


def test_a_price_and_an_intensity_of_the_same_number_are_both_shown(tmp_path: Path) -> None:
    run = loaded(finished(tmp_path / "r.csv", [IDLE, TEN_WH]))
    table, _ = cost_blocks(run, ReportOptions(price=Rate(0.3), carbon=Rate(0.3)))
    assert isinstance(table, PageTable)
    assert numbers(table.rows[0][1:]) == [0.01, 0.003, 0.003]
    assert table.head[1:] == ("kWh", "money", "g CO₂")


def test_published_devices_stand_beside_ones_own(tmp_path: Path) -> None:
    run = loaded(finished(tmp_path / "kws.csv", [IDLE, B1, B8]))
    _, table, _ = published_blocks([run], ReportOptions(published="kws"))
    assert isinstance(table, PageTable)
    assert table.head == ("device", "label", "W", "inferences/s", "total J", "dynamic J")
    own, *others = [row for row in table.rows if row[1] == "b1"]
    assert own[0] == "kws"
    assert numbers(own[2:]) == [50, 25, 2, 1.6]
    assert others[-1] == ("Loihi (published)", "b1", "0.1100", "296.0", "–", "0.0002700")
    other = loaded(finished(tmp_path / "other.csv", [IDLE, B1._replace(label="mine")]))
    _, said = published_blocks([other], ReportOptions(published="kws"))
    assert isinstance(said, Words)
    assert said.text.startswith("No label in common with ABR")
    assert not list(published_blocks([run], ReportOptions()))
