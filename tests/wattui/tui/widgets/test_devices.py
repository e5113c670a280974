"""The devices panel: each device's own gauges, unknown ones left out, and old ones unknown."""

from __future__ import annotations

from tests.support.fakes import message
from wattui.show import plot
from wattui.show.graphs import graphs
from wattui.show.palette import DARK
from wattui.tui.state.devices import devices_now
from wattui.tui.state.live import Live
from wattui.tui.widgets.devices import device_lines

LIMITS_W = {"package0": 95.0, "gpu0": 700.0}


def lines(cells: dict[str, float], later: dict[str, float] | None = None) -> list[str]:
    """The panel after readings at 0 s, and others 30 s later."""
    columns = list(cells)
    live, specs = Live(columns), graphs(columns, LIMITS_W)
    live.take(message(0.0, map(cells.get, columns)))
    if later is not None:
        live.take(message(30.0, map(later.get, columns)))
    return [line.plain for line in device_lines(devices_now(live, specs), DARK, plot.BRAILLE)]


def test_a_device_has_its_power_its_limit_and_its_own_gauges() -> None:
    package, gpu = lines(
        {
            "package0_W": 47.5,
            "gpu0_W": 350.0,
            "gpu0_util_pct": 91.0,
            "gpu0_mem_MiB": 8192.0,
            "gpu0_temp_C": 68.0,
            "gpu0_clock_MHz": 1980.0,
            "cpu_util_pct": 61.0,
            "cpu_freq_MHz": 3310.0,
        }
    )
    assert package.split() == ["pkg0", "█████", "47.5/95", "W", "61", "%", "3.31", "GHz"]
    assert gpu.split() == ["gpu0", "█████", "350/700", "W", "91", "%", "68°", "8.0", "GiB"]


def test_gauges_of_the_whole_processor_are_those_of_none_of_its_packages() -> None:
    first, second, cpu = lines({"package0_W": 50.0, "package1_W": 40.0, "cpu_util_pct": 61.0})
    assert "%" not in first + second
    assert cpu.split() == ["cpu", "61", "%"]


def test_every_node_has_the_gauges_of_its_own_processor() -> None:
    cells = {"node0_package0_W": 50.0, "node1_package0_W": 40.0}
    cells |= {"node0_cpu_util_pct": 61.0, "node1_cpu_util_pct": 7.0}
    first, second = lines(cells)
    assert "61 %" in " ".join(first.split())
    assert "7 %" in " ".join(second.split())


def test_an_old_reading_is_unknown_and_never_0() -> None:
    cells = {"package0_W": 50.0, "gpu0_W": 350.0}
    package, gpu = lines(cells, {"package0_W": 55.0})
    assert "55.0/95 W" in package
    assert "–/700 W" in gpu


def test_no_name_vanishes_however_many_there_are() -> None:
    shown = "\n".join(lines({f"gpu{n}_W": 100.0 + n for n in range(16)}))
    assert all(f"gpu{n} " in shown for n in range(16))
    assert all(f"{100 + n}" in shown for n in range(16))
    assert shown.count("\n") < 12
    assert max(map(len, shown.splitlines())) <= 50


def test_a_machine_without_a_power_says_so() -> None:
    assert lines({"other_W": 1.0}) == ["No device with a power."]
