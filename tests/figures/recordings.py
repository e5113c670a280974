"""Writes run files of known powers row by row, and puts those that the recorder made beside them.

recorded/bench.csv was made on the test bench, at `--rate 2 --idle 3 --repeats 2`: two sockets with
DRAM, and a GPU that draws 71.3 W, 171.3 W and at last 188.9 W; labels of 2 s each.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

FIXED = "time_s,time_utc,phase,label,repeat,event,inferences"
BEGUN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STEP_MS = 200
SWING = 0.03
ROOT = Path(__file__).parents[2]
# As the recorder wrote them, with run.json beside them.
RECORDED = (
    *sorted((ROOT / "docs/recordings").iterdir()),
    *sorted((ROOT / "screenshots/runs").iterdir()),
    *sorted((Path(__file__).parent / "recorded").iterdir()),
)

Watts = Mapping[str, float]


class Recording:
    """A run file as time passes: counters grow by their watts, gauges are as they are set."""

    def __init__(self, counters: Sequence[str], gauges: Sequence[str] = ()) -> None:
        self._counters, self._gauges = counters, gauges
        measured = [name for name in counters if name.startswith(("package", "dram", "gpu"))]
        self._in_total = measured
        names = [*counters, *(["total"] if measured else [])]
        header = [FIXED, *(f"{name}_{unit}" for name in names for unit in "JW"), *gauges]
        self.lines = [",".join(header)]
        self.gauge: dict[str, float] = {}
        self.silent: set[str] = set()
        self.watts: dict[str, float] = dict.fromkeys(counters, 0.0)
        self._joules = dict.fromkeys(counters, 0.0)
        self._open: list[tuple[str, str, int | None]] = []
        self._time_ms = self._steps = 0
        self._count: int | None = None
        self.row()

    def row(self, event: str = "", where: tuple[str, str, int | None] | None = None) -> None:
        """Write what can be read now."""
        phase, label, repeat = where or (self._open[-1] if self._open else ("", "", None))
        utc = (BEGUN + timedelta(milliseconds=self._time_ms)).isoformat(timespec="milliseconds")
        fixed = [
            f"{self._time_ms / 1000:.6f}",
            utc.replace("+00:00", "Z"),
            phase,
            label,
            "" if repeat is None else str(repeat),
            f'"{event}"' if "," in event else event,
            "" if self._count is None else str(self._count),
        ]
        cells = [text for name in self._counters for text in self._cells(name, event)]
        if self._in_total:
            whole = self.silent.isdisjoint(self._in_total)
            joules = sum(self._joules[name] for name in self._in_total)
            watts = sum(self._power_w(name) for name in self._in_total)
            cells += [f"{joules:.6f}", f"{watts:.3f}"] if whole else ["", ""]
        cells += [f"{self.gauge[name]:.2f}" if name in self.gauge else "" for name in self._gauges]
        self.lines.append(",".join([*fixed, *cells]))

    def _cells(self, name: str, event: str) -> tuple[str, str]:
        if name.startswith("meter"):
            return "", f"{self.watts[name]:.3f}" if event.startswith("note:meter") else ""
        if name in self.silent:
            return "", ""
        return f"{self._joules[name]:.6f}", f"{self._power_w(name):.3f}"

    def _power_w(self, name: str) -> float:
        phase = self._steps * 1.7 + self._counters.index(name)
        return self.watts[name] * (1 + SWING * math.sin(phase))

    def passes(self, seconds: float, counted: int = 0) -> None:
        """Let time pass, and count so many inferences evenly."""
        steps = round(seconds * 1000 / STEP_MS)
        before = self._count or 0
        for step in range(1, steps + 1):
            self._steps += 1
            self._time_ms += STEP_MS
            for name in self._counters:
                self._joules[name] += self._power_w(name) * STEP_MS / 1000
            if counted:
                self._count = before + counted * step // steps
            self.row()

    def begin(self, phase: str, label: str = "", repeat: int | None = None) -> None:
        """Begin a phase inside the last."""
        self._open.append((phase, label, repeat))
        self.row("begin")

    def end(self, place: int = -1) -> None:
        """End the last phase, or another."""
        ended = self._open.pop(place)
        self.row("end", ended)

    @contextmanager
    def phase(
        self, phase: str, watts: Watts, label: str = "", repeat: int | None = None
    ) -> Iterator[None]:
        """Begin a phase of these watts, and end it."""
        self.watts.update(watts)
        self.begin(phase, label, repeat)
        yield
        self.end()


def server(scale: float) -> list[str]:
    """Two packages, DRAM, a GPU and a platform counter: three repeats of two labels."""
    gauges = ["gpu0_util_pct", "gpu0_mem_MiB", "gpu0_temp_C", "gpu0_clock_MHz", "cpu_util_pct"]
    run = Recording(
        ["package0", "core0", "package1", "dram0", "psys", "gpu0"],
        [*gauges, "cpu_freq_MHz", "cpu_temp_C", "command_cpu_pct"],
    )
    run.row("note:update_period_s package0=0.001 package1=0.001 dram0=0.001 gpu0=0.02")
    idle = {"package0": 21.3, "core0": 8, "package1": 19.1, "dram0": 3.7, "psys": 120, "gpu0": 57}
    armed = {**idle, "package0": 24.9, "gpu0": 71.2}
    with run.phase("idle", idle):
        run.passes(6)
    for repeat in (1, 2, 3):
        wear = scale * (1 + 0.004 * repeat)
        with run.phase("armed", armed, repeat=repeat):
            run.passes(2)
        with run.phase("warmup", {"package0": 40.0}, repeat=repeat):
            run.passes(1, 7)
        for label, package_w, gpu_w, counted in (
            ("b1", 55.3, 183.7, 311),
            ("b8", 71.9, 371.3, 977),
        ):
            busy = {"package0": package_w * wear, "core0": 0.7 * package_w, "gpu0": gpu_w * wear}
            run.gauge = {
                "gpu0_util_pct": 40 + 20 * repeat,
                "gpu0_mem_MiB": 1234,
                "gpu0_temp_C": 50 + 4 * repeat,
                "gpu0_clock_MHz": 1980 - 90 * repeat,
                "cpu_util_pct": 33.3,
                "cpu_freq_MHz": 3100,
                "cpu_temp_C": 61.5,
                "command_cpu_pct": 21.9,
            }
            with run.phase("running", {**busy, "dram0": 9.3 * wear}, label, repeat):
                run.passes(4, counted + 3 * repeat)
        run.gauge = {}
        with run.phase("cooldown", idle, repeat=repeat):
            run.passes(1)
    with run.phase("idle", {"package0": 24.1, "gpu0": 63}):
        run.passes(4)
    return run.lines


def parallel() -> list[str]:
    """Two threads run at the same time, with counts of their own and an edge that came late."""
    run = Recording(["package0", "dram0"])
    with run.phase("idle", {"package0": 11.7, "dram0": 1.3}):
        run.passes(5)
    run.watts.update({"package0": 47.1, "dram0": 4.9})
    run.begin("running", "left")
    run.passes(3, 30)
    run.row("span:0")
    run.begin("running", "right")
    run.watts["package0"] = 83.7
    run.passes(4, 90)
    run.row("span:1")
    run.row("count:77")
    run.end(0)
    run.watts["package0"] = 44.3
    run.passes(2, 20)
    run.row("late:13.900000")
    run.row("count:63")
    run.end()
    with run.phase("running", {"package0": 52.9}, "alone"):
        run.passes(3, 41)
        with run.phase("loading data", {"package0": 30.1}):
            run.passes(1)
    return run.lines


def faulty() -> list[str]:
    """Gaps, a reset, a stuck counter, a part that is missing and a counter that is lost."""
    run = Recording(["package0", "package1", "dram0", "gpu0"])
    run.row("note:update_period_s package0=0.001 package1=0.001 dram0=0.001")
    run.row("note:missing dram1: the zone cannot be read")
    run.row("note:integrated gpu0")
    with run.phase("idle", {"package0": 14.3, "package1": 13.1, "dram0": 2.9, "gpu0": 44.7}):
        run.passes(5)
    busy = {"package0": 63.1, "package1": 58.7, "dram0": 6.1, "gpu0": 211.3}
    with run.phase("running", busy, "gap"):
        run.passes(2, 20)
        run.silent = {"package1"}
        run.row("gap:package1")
        run.passes(1, 11)
        run.silent = set()
        run.passes(2, 23)
    with run.phase("running", busy, "reset"):
        run.passes(2, 19)
        run.row("reset:dram0")
        run.row("note:lacks up to 1.75 J of dram0")
        run.passes(2, 21)
    with run.phase("running", busy, "stuck"):
        run.passes(1, 10)
        run.row("note:stuck package0 since 14.600000")
        run.watts["package0"] = 0.0
        run.passes(2, 20)
    with run.phase("running", {**busy, "package0": 59.9}, "lost"):
        run.row("note:moving package0")
        run.passes(1, 12)
        run.row("lost:gpu0")
        run.silent = {"gpu0"}
        run.passes(2, 22)
    with run.phase("running", busy, "short"):
        run.passes(0.2, 3)
    run.row("note:lost marks: 5 counts came too late")
    return run.lines


def by_hand() -> list[str]:
    """An estimate, a simulated curve and a wall meter; one repeat failed."""
    run = Recording(["est_cpu", "sim_cpu", "meter_wall"], ["cpu_util_pct"])
    run.gauge = {"cpu_util_pct": 47.5}

    def reading(watts: float) -> None:
        run.watts["meter_wall"] = watts
        run.row(f"note:meter wall {watts:g} W")

    with run.phase("idle", {"est_cpu": 1.7, "sim_cpu": 5.3}):
        reading(51.5)
        run.passes(3)
        reading(52.5)
    for repeat, status in ((1, 0), (2, 1), (3, 0)):
        with run.phase("running", {"est_cpu": 4.9, "sim_cpu": 17.7 + repeat}, "", repeat):
            run.passes(2)
            reading(103.2 + repeat)
            run.passes(2, 400 + 7 * repeat)
        run.row(f"note:command ended with exit {status} in repeat {repeat}")
    return run.lines


def broken() -> list[str]:
    """Nothing was counted, there is no baseline, and the last line is half written."""
    run = Recording(["package0"])
    run.watts["package0"] = 33.3
    run.begin("running", "cut")
    run.passes(3)
    return [*run.lines[:-1], run.lines[-1][:31]]


def sizes() -> list[str]:
    """Energy per inference along the pixels of an image: 20 mJ + 3 µJ a pixel, and some noise."""
    run = Recording(["package0"])
    with run.phase("idle", {"package0": 10.0}):
        run.passes(5)
    for place, side in enumerate((32, 64, 96, 128, 160, 192, 224, 256, 288, 320)):
        joules = (0.02 + 3e-6 * side**2) * (1 + 0.05 * math.sin(2.3 * place))
        counted = round(120 / joules)
        with run.phase("running", {"package0": joules * counted / 3}, str(side)):
            run.passes(3, counted)
    return run.lines


MADE: dict[str, Callable[[], list[str]]] = {
    "server": lambda: server(1.0),
    "limited": lambda: server(0.93),
    "parallel": parallel,
    "faulty": faulty,
    "by-hand": by_hand,
    "broken": broken,
    "sizes": sizes,
}


def fill(folder: Path) -> None:
    """Put all recordings into a folder."""
    for name, made in MADE.items():
        text = "\n".join(made())
        (folder / f"{name}.csv").write_text(text if name == "broken" else text + "\n")
    for path in RECORDED:
        shutil.copy(path, folder)
    for number, path in enumerate(sorted(folder.iterdir())):
        os.utime(path, (BEGUN.timestamp() + number,) * 2)
