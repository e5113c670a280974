"""Run files of any length, laid out as the recorder lays out a recording at 1 kHz."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from recorders.rows import Layout, UtcText, time_text
from recorders.source import Channel

ZONES_W = {"package0": 60.0, "package1": 45.0, "dram0": 6.0, "dram1": 4.0, "psys": 130.0}
GPU_W = 200.0
STEP_NS = 1_000_000
START_UTC_NS = 1_700_000_000_000_000_000
IDLE_SHARE, PHASES = 0.1, 20
COUNT_PER_ROW = 3
BLOCK = 20_000


def channels() -> list[Channel]:
    """Five zones, one GPU with its gauges, and the system's."""
    zones = [Channel(name, "J", in_total=name != "psys") for name in ZONES_W]
    gpu = [
        Channel("gpu0", "J", in_total=True),
        Channel("gpu0_util", "pct"),
        Channel("gpu0_mem", "MiB"),
        Channel("gpu0_temp", "C"),
        Channel("gpu0_clock", "MHz"),
    ]
    system = [
        Channel("cpu_util", "pct"),
        Channel("cpu_freq", "MHz"),
        Channel("cpu_temp", "C"),
        Channel("command_cpu", "pct"),
    ]
    return [*zones, *gpu, *system]


def write(path: Path, rows: int) -> None:
    """Write a run of `rows` ticks: one idle phase, then running phases with counts."""
    layout = Layout(channels())
    with path.open("w") as file:
        file.write(layout.header)
        lines = []
        for line in _lines(layout, rows):
            lines.append(line)
            if len(lines) == BLOCK:
                file.write("".join(lines))
                lines.clear()
        file.write("".join(lines))


def _lines(layout: Layout, rows: int) -> Iterator[str]:
    """Power cells every 5th row, the GPU's every 20th, the system's once a second."""
    utc, utc_text = START_UTC_NS, UtcText()
    idle_rows = int(rows * IDLE_SHARE)
    phase_rows = (rows - idle_rows) // PHASES
    count = 0
    yield _event(layout, 0, "note:update_period_s " + _periods(), ",,", 0)
    yield _event(layout, 0, "begin", "idle,,", 0)
    for row in range(rows):
        idle = row < idle_rows
        where = "idle,," if idle else f"running,b{(row - idle_rows) // phase_rows},"
        if not idle:
            count += COUNT_PER_ROW
            if (row - idle_rows) % phase_rows == 0:
                before = f"running,b{(row - idle_rows) // phase_rows - 1},"
                yield _event(layout, row, "end", "idle,," if row == idle_rows else before, count)
                yield _event(layout, row, "begin", where, count)
        time_ns = row * STEP_NS + 100_000
        cells = ",".join(_cells(row, time_ns * 1e-9))
        counted = count or ""
        yield f"{time_text(time_ns)},{utc_text(utc + time_ns)},{where},,{counted},{cells}\n"
    yield _event(layout, rows, "end", where, count)


def _cells(row: int, t_s: float) -> list[str]:
    """The columns in the layout's order; a sawtooth stands for the noise of real counters."""
    swing_j = row % 97 * 1e-4
    joules = [f"{watts * t_s + swing_j:.6f}" for watts in ZONES_W.values()]
    powers = [f"{watts + row % 89:.3f}" for watts in ZONES_W.values()] if row % 5 == 0 else _NO_W
    cells = [cell for pair in zip(joules, powers, strict=True) for cell in pair]
    with_gpu = row % 20 == 0
    if with_gpu:
        cells += [f"{GPU_W * t_s:.6f}", f"{GPU_W + row % 83:.3f}", *_GPU]
    else:
        cells += _NO_GPU
    cells += _SYSTEM if row % 1000 == 0 else _NO_SYSTEM
    if with_gpu:
        total_w = sum(ZONES_W.values()) - ZONES_W["psys"] + GPU_W
        return [*cells, f"{total_w * t_s + 4 * swing_j:.6f}", f"{total_w:.3f}"]
    return [*cells, "", ""]


_NO_W = [""] * len(ZONES_W)
_GPU, _NO_GPU = ["87.00", "10240.00", "45.00", "1410.00"], [""] * 6
_SYSTEM, _NO_SYSTEM = ["52.30", "3400.00", "61.00", "47.80"], [""] * 4


def _event(layout: Layout, row: int, event: str, where: str, count: int) -> str:
    """A row of its own; an edge has every energy."""
    time_ns = row * STEP_NS + 50_000
    cells = [""] * layout.width
    if event in ("begin", "end"):
        for name, watts in {**ZONES_W, "gpu0": GPU_W}.items():
            cells[layout.place[name]] = f"{watts * time_ns * 1e-9:.6f}"
        total_w = sum(ZONES_W.values()) - ZONES_W["psys"] + GPU_W
        cells[-2] = f"{total_w * time_ns * 1e-9:.6f}"
    text = ",".join(cells)
    utc = UtcText()(START_UTC_NS + time_ns)
    return f"{time_text(time_ns)},{utc},{where},{event},{count or ''},{text}\n"


def _periods() -> str:
    return " ".join(f"{name}=0.001000" for name in ZONES_W) + " gpu0=0.020000"
