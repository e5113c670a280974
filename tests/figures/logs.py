"""Logs as other tools write them, of known powers."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from pathlib import Path

START = datetime(2024, 5, 6, 7, 8, 9)
OLD_S_TUI = "Time,Top Freq,Cur Freq,Perf Lost,Utilization,Cur Temp,Max Temp,Cur Power,Max Power,Fan"
S_TUI = "Time,Frequency:Avg,Util:Avg,Power:package-0,Power:package-1,Power:dram,Fan:cpu"
DEEPMETER = (
    "CPU/Package_0_power,CPU/Package_0_energy,CPU/Package_1_power,CPU/Package_1_energy,"
    "DRAM/DRAM_0_power,DRAM/DRAM_0_energy,DRAM/DRAM_1_power,DRAM/DRAM_1_energy"
)
CODECARBON = (
    "timestamp,project_name,run_id,duration,emissions,cpu_power,gpu_power,ram_power,"
    "cpu_energy,gpu_energy,ram_energy,energy_consumed"
)
ENERGIBRIDGE = (
    "Delta,Time,CPU_USAGE_0,CPU_USAGE_1,DRAM_ENERGY (J),PACKAGE_ENERGY (J),GPU0_POWER (mWatts)"
)


def watts(base_w: float, time_s: float) -> float:
    """A power that swings a little."""
    return base_w * (1 + 0.05 * math.sin(1.3 * time_s))


def stamp(time_s: float, form: str) -> str:
    """A moment of the log; `%f` is milliseconds."""
    at = START + timedelta(seconds=time_s)
    return at.strftime(form.replace("%f", f"{at.microsecond // 1000:03d}"))


def nvidia_smi(base_w: float, seconds: int) -> list[str]:
    """Two GPUs by index, with a reading that failed."""
    lines = ["index, timestamp, power.draw [W], utilization.gpu [%], memory.used [MiB]"]
    for place in range(seconds * 5 + 1):
        at = stamp(place / 5, "%Y/%m/%d %H:%M:%S.%f")
        for gpu in (0, 1):
            drawn = f"{watts(base_w + 70 * gpu, place / 5):.2f} W"
            power = "[N/A]" if place == 77 and gpu else drawn
            lines.append(f"{gpu}, {at}, {power}, {50 + gpu} %, {700 + gpu} MiB")
    return lines


def s_tui() -> list[str]:
    """Of today."""
    rows = (
        f"{stamp(s, '%Y-%m-%d_%H:%M:%S')},2000.0,7.5,{watts(21, s):.3f},{watts(19, s):.3f},4.1,1200"
        for s in range(60)
    )
    return [S_TUI, *rows]


def old_s_tui() -> list[str]:
    """Of 2018: five rows to a second."""
    rows = (
        f"{stamp(n // 5, '%Y-%m-%d_%H:%M:%S')},2800 MHz,1900.0 MHz,0 (N/A) run sudo,5.0 %,41.0 C,"
        f"42.0 C,{watts(31, n / 5):.1f} W,99.0 W,1023.0 RPM"
        for n in range(300)
    )
    return [OLD_S_TUI, *rows]


def typed() -> list[str]:
    """A wall meter read once a minute."""
    rows = (f"{stamp(60 * n, '%Y-%m-%d %H:%M:%S')},{watts(93, n):.1f} W" for n in range(11))
    return ["Timestamp,Power", *rows]


def aipowermeter(base_w: float, start_s: float) -> list[str]:
    """CPU, DRAM and a GPU, each 2 s."""
    lines = []
    for second in range(0, 40, 2):
        cpu = {
            "intel_power": watts(base_w, second),
            "psys_power": -1,
            "total_dram_power": 5.3,
            "total_cpu_power": base_w / 3,
        }
        about = {"cpu": cpu, "gpu": {"nvidia_power": watts(67, second)}}
        at = START + timedelta(seconds=start_s + second, microseconds=307695)
        lines.append(json.dumps({"date": str(at), "metrics": about}))
    return lines


def deepmeter() -> list[str]:
    """Three layers, one without DRAM."""
    return [
        DEEPMETER,
        "28123,56246,36011,72022,6007,12014,14003,28006",
        "30457,15228.5,36029,18014.5,0,0,14009,7004.5",
        "31789,31789,37013,37013,6101,6101,14107,14107",
    ]


def codecarbon() -> list[str]:
    """Two runs, one of which has an earlier row."""
    return [
        CODECARBON,
        "2024-01-01T10:00:00,kws,a,50,1e-4,30,0,3,0.000437,0,0.000051,0.000488",
        "2024-01-01T10:00:10,kws,a,60,1e-4,30,0,3,0.000541,0,0.000053,0.000594",
        "2024-01-02T10:00:00,kws,b,61,1e-4,30,0,3,0.000713,0.002317,0.000057,0.003087",
    ]


def energibridge() -> list[str]:
    """Counters, and a GPU's milliwatts."""
    rows = (
        f"1,{1_700_000_000_000 + 200 * n},{10 + n % 2},20,{500 + 3.1 * n:.3f},"
        f"{7000 + 10.7 * n:.3f},{1000 * watts(53, n / 5):.0f}"
        for n in range(76)
    )
    return [ENERGIBRIDGE, *rows]


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def fill(folder: Path) -> None:
    """Put a log of each tool into a folder."""
    for name, lines in (
        ("nvidia-smi", nvidia_smi(113, 60)),
        ("nvidia-idle", nvidia_smi(23, 60)),
        ("s-tui", s_tui()),
        ("s-tui-2018", old_s_tui()),
        ("typed", typed()),
        ("deepmeter", deepmeter()),
        ("codecarbon", codecarbon()),
        ("energibridge", energibridge()),
    ):
        _write(folder / f"{name}.csv", lines)
    for size, base_w in ((112, 41.0), (224, 63.0)):
        for number in (0, 1):
            run = folder / f"aipowermeter/input_{size}/run_{number}"
            _write(run / "power_metrics.json", aipowermeter(base_w + number, 100 * number))
            _write(run / "latency.csv", ["2.1e-01"] * (50 + number))
    _write(folder / "abr/gpu_b1.csv", nvidia_smi(113, 60))
    about = {"hardware": "GPU", "n_inferences": 600, "n_seconds": 40}
    for key, time_s in (("start_time", 12), ("end_time", 52)):
        about[key] = stamp(time_s, "%Y-%m-%d_%H:%M:%S")
    _write(folder / "abr/gpu_b1.json", [json.dumps(about)])
