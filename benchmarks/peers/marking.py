"""A program that marks blocks of code with one tool's own calls for that.

`python -m benchmarks.peers.marking TOOL BLOCKS RESULT DRIVE`. Nothing outside the standard library
but the tool: it runs in the peers' environments. A block begins when the tool's first call has
returned, and ends before its last call is made. The block itself sets the power of the bench.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

Joules = dict[str, float]
Tool = tuple[Callable[[str], object], Callable[[], Joules]]
WARM_UPS, WARM_UP_S, MICRO, MILLI, J_PER_KWH = 4, 0.1, 1e-6, 1e-3, 3.6e6


class Drive:
    """Sets the power of a `testbench.curves.Driven`."""

    def __init__(self, path: str, t0_ns: int) -> None:
        with open(path, "r+b") as file:
            self._numbers = memoryview(mmap.mmap(file.fileno(), 0)).cast("d")
        self._t0_ns = t0_ns

    def set(self, level_w: float) -> int:
        """Set the power from now on; returns the time, ns."""
        many, at_ns = int(self._numbers[0]), time.monotonic_ns()
        self._numbers[2 * many + 1] = (at_ns - self._t0_ns) / 1e9
        self._numbers[2 * many + 2] = level_w
        self._numbers[0] = many + 1
        return at_ns


def _pyrapl() -> Tool:
    import pyRAPL

    pyRAPL.setup()
    open_: list[pyRAPL.Measurement] = []

    def begin(label: str) -> None:
        open_[:] = [pyRAPL.Measurement(label)]
        open_[0].begin()

    def end() -> Joules:
        open_[0].end()
        return {"package0": sum(open_[0].result.pkg) * MICRO}

    return begin, end


def _pyjoules() -> Tool:
    from pyJoules.device import DeviceFactory  # type: ignore[import-not-found]
    from pyJoules.energy_meter import EnergyMeter  # type: ignore[import-not-found]

    meter = EnergyMeter(DeviceFactory.create_devices())
    names = {"package_0": ("package0", MICRO), "nvidia_gpu_0": ("gpu0", MILLI)}

    def end() -> Joules:
        meter.stop()
        energy = meter.get_trace()[0].energy
        return {ours: energy[name] * unit for name, (ours, unit) in names.items() if name in energy}

    return lambda label: meter.start(tag=label), end


def _codecarbon() -> Tool:
    from codecarbon import OfflineEmissionsTracker  # type: ignore[import-not-found]

    tracker = OfflineEmissionsTracker(
        country_iso_code="FRA", save_to_file=False, log_level="error", allow_multiple_runs=True
    )

    def end() -> Joules:
        found = tracker.stop_task()
        return {"package0": found.cpu_energy * J_PER_KWH, "gpu0": found.gpu_energy * J_PER_KWH}

    return tracker.start_task, end


def _zeus() -> Tool:
    from zeus.monitor import ZeusMonitor  # type: ignore[import-not-found]

    monitor = ZeusMonitor()
    labels: list[str] = []

    def begin(label: str) -> None:
        labels[:] = [label]
        monitor.begin_window(label, sync_execution=False)

    def end() -> Joules:
        found = monitor.end_window(labels[0], sync_execution=False)
        gpus = {f"gpu{index}": energy_j for index, energy_j in found.gpu_energy.items()}
        package = {"package0": sum(found.cpu_energy.values())} if found.cpu_energy else {}
        return {**package, **gpus}

    return begin, end


def _wattui(align: bool) -> Tool:
    import wattui

    phases: list[wattui.phase] = []

    def begin(label: str) -> None:
        phases[:] = [wattui.phase("running", label=label, align=align)]
        phases[0].__enter__()

    def end() -> Joules:
        phases[0].__exit__(None, None, None)
        return {}

    return begin, end


TOOLS: dict[str, Callable[[], Tool]] = {
    "wattui": lambda: _wattui(align=False),
    "wattui-aligned": lambda: _wattui(align=True),
    "pyRAPL": _pyrapl,
    "pyJoules": _pyjoules,
    "CodeCarbon": _codecarbon,
    "Zeus": _zeus,
}


def main(tool: str, blocks: str, result: str, drive: str) -> None:
    """Run the blocks; write the label, begin and end (ns) and the tool's joules of each.

    A block is its label, how long to wait before it and how long it lasts (s), and the power before
    and in it (W).
    """
    begin, end = TOOLS[tool]()
    power, found = Drive(drive, int(os.environ["BENCH_T0_NS"])), []
    for number in range(WARM_UPS):
        time.sleep(WARM_UP_S)
        begin(f"warm-up {number}")
        end()
    quiet_w = None
    for label, wait_s, seconds, around_w, busy_w in json.loads(Path(blocks).read_text()):
        if around_w != quiet_w:
            power.set(quiet_w := around_w)
        time.sleep(wait_s)
        begin(label)
        begun_ns = power.set(busy_w)
        while time.monotonic_ns() < begun_ns + seconds * 1e9:
            pass
        ended_ns = power.set(around_w)
        found.append((label, begun_ns, ended_ns, end()))
    Path(result).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
