"""The pure parts of the GPU benchmark, on simulated readings; and its end without a GPU."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest

from benchmarks.gpu import clocks, counter, network, refresh, report, short
from benchmarks.gpu.device import Sample
from benchmarks.gpu.part import PARTS, Part, run
from benchmarks.table import Table, markdown
from recorders.counter import update_period_s
from testbench.counters import NVML_J, SlowCounter
from testbench.curves import Constant, PowerCurve, Steps
from testbench.fakenvml import PowerSensor

END_S = 6.0
FALL = Steps((0.0, END_S), (300.0, 80.0))


def read(
    sensor: PowerSensor, curve: PowerCurve, until_s: float = 10.0
) -> list[tuple[float, float]]:
    """Readings every 2 ms."""
    times = [2.0 + n * 0.002 for n in range(int((until_s - 2.0) / 0.002))]
    return [(at_s, sensor.power_w(curve, at_s)) for at_s in times]


@pytest.mark.parametrize("window_s", [0.2, 0.5, 1.0])
def test_an_averaging_window_is_found_from_the_fall_of_a_load(window_s: float) -> None:
    found = refresh.step_response(read(PowerSensor("boxcar", 0.1, window_s), FALL), END_S)
    assert found is not None
    assert found[0] == pytest.approx(window_s, abs=0.06)
    assert found[1] <= 0.1


def test_an_instant_sensor_averages_over_nothing_and_is_as_late_as_its_refresh() -> None:
    found = refresh.step_response(read(PowerSensor("instant", 0.1), FALL), END_S)
    assert found is not None
    assert found[0] + found[1] <= 0.12


def test_a_load_that_does_not_fall_shows_no_window() -> None:
    assert refresh.step_response(read(PowerSensor(), Constant(200.0)), END_S) is None


@pytest.mark.parametrize("off_s", [-0.8, 0.9])
def test_a_fall_at_another_time_than_the_end_of_the_load_is_no_window(off_s: float) -> None:
    """The best of the fits tried was given as if it fitted: 1500 ms, 500 ms late."""
    assert refresh.step_response(read(PowerSensor(), FALL, 12.0), END_S - off_s) is None


def test_refresh_and_power_of_an_energy_counter_are_found() -> None:
    slow = SlowCounter("gpu0", FALL, 0.02, NVML_J)
    energies = [(2.0 + n * 0.001, slow.shown_j(2.0 + n * 0.001)) for n in range(8000)]
    assert update_period_s(refresh.changes(energies)) == pytest.approx(0.02, rel=0.02)
    powers = refresh.powers_of(energies)
    assert powers[0][1] == pytest.approx(300.0, rel=0.06)
    window_s, delay_s = refresh.step_response(powers, END_S) or (math.nan, math.nan)
    assert window_s + delay_s <= 0.06


def test_counter_and_power_give_the_same_mean_and_an_absent_one_none() -> None:
    found = [Sample(n * 0.1, 50.0 * n * 0.1, 50.0) for n in range(20)]
    assert counter.counted(found) == pytest.approx(50.0)
    assert counter.integrated(found) == pytest.approx(50.0)
    silent = [Sample(n * 0.1, None, None) for n in range(20)]
    assert counter.counted(silent) is None
    assert counter.integrated(silent) is None


def test_short_phases_are_scored_by_the_mean_power_of_the_same_kernel() -> None:
    assert short.scored([(11.0, 1.5, 1.0), (9.0, 0.5, 1.0)], 10.0) == ("10", "50", "2", "2")
    assert short.scored([(math.nan, None, 1.0)], 10.0) == ("–", "–", "0", "1")


def test_reasons_have_their_share_and_are_unknown_where_they_are_not_reported() -> None:
    assert clocks.reasons([0x4, 0x4, 0x0, 0x24]) == (
        "software power cap 75 %, software thermal slowdown 25 %"
    )
    assert clocks.reasons([0, 0]) == "none"
    assert clocks.reasons([0x200, 0x400]) == "board limit 50 %, reliability limit 50 %"
    assert clocks.reasons([None]) == "–"


def test_a_network_without_a_marginal_energy_has_a_dash_for_it() -> None:
    value = {"value": 0.002, "plus_minus": 0.0001}
    domain = {
        "idle_w": 50.0,
        "armed_w": None,
        "running_w": 200.0,
        "total_j_per_inference": value,
        "dynamic_j_per_inference": value,
        "marginal_j_per_inference": None,
    }
    group = {"label": "224", "inferences_per_s": 1000.0, "domains": {"gpu0": domain}}
    cells = network.row_of(group)
    assert cells == ("224", "1000", "2.000 ± 0.1", "2.000 ± 0.1", "–", "50.0", "–", "200.0")


def test_all_parts_together_take_at_most_eight_minutes() -> None:
    assert sum(part.budget_s for part in PARTS) <= 480


def test_a_part_that_hangs_fails_or_dies_says_so_and_the_others_are_measured(
    tmp_path: Path,
) -> None:
    good = json.dumps({"headings": ("", "W"), "rows": [("idle", "50")], "notes": ()})
    programs = {
        "hangs": "import time; time.sleep(60)",
        "fails": "import sys; sys.exit('torch finds no usable CUDA device')",
        "dies": "import os; os.abort()",
        "works": f"print({good!r})",
    }
    parts = [Part(name, f"It {name}", 1.5) for name in programs]

    def in_python(part: Part) -> Table:
        return run(part, (sys.executable, "-S", "-c", programs[part.name]))

    path = tmp_path / "gpu.md"
    tables = report.write(path, {"GPU": "a GPU"}, parts, in_python)
    assert [table.notes for table in tables] == [
        ("Not measured: not finished in 1.5 s.",),
        ("Not measured: torch finds no usable CUDA device.",),
        ("Not measured: it failed without a word.",),
        [],
    ]
    assert "- GPU: a GPU\n" in path.read_text()
    assert "| idle | 50 |" in path.read_text()


def test_without_a_gpu_the_reason_is_given_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import pynvml

    def fails() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", fails)
    monkeypatch.setattr(report, "DOCUMENT", tmp_path / "gpu.md")
    (table,) = report.tables(quick=False)
    assert table.notes[0].startswith("Skipped: no NVIDIA GPU")
    assert not (tmp_path / "gpu.md").exists()


def test_a_table_is_aligned_markdown() -> None:
    table = Table("Watts", ("", "W"), [("idle", "5"), ("full load", "120")], ("By hand.",))
    assert markdown(table).splitlines() == [
        "## Watts",
        "",
        "|           |   W |",
        "|-----------|----:|",
        "| idle      |   5 |",
        "| full load | 120 |",
        "",
        "By hand.",
    ]
