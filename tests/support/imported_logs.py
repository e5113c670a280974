"""Made-up logs of known powers in other tools' formats, and their import."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from recorders.runfile import json_path
from recorders.summary.summary import summarise
from wattui.commands import import_logs as import_command
from wattui.runs.reduce import reduce_csv

ABR = Path(__file__).parents[3] / "shared/data/abr"
START = datetime(2018, 9, 15, 19, 48)
OLD_S_TUI = "Time,Top Freq,Cur Freq,Perf Lost,Utilization,Cur Temp,Max Temp,Cur Power,Max Power,Fan"
Curve = Callable[[float], float]


def nvidia_smi(
    seconds: float, power_w: Curve, period_s: float = 0.2, start: datetime = START
) -> str:
    """nvidia-smi's CSV of one GPU."""
    lines = ["timestamp, power.draw [W]"]
    for place in range(round(seconds / period_s) + 1):
        at = start + timedelta(seconds=place * period_s)
        stamp = at.strftime("%Y/%m/%d %H:%M:%S.%f")[:-3]
        lines.append(f"{stamp}, {power_w(place * period_s):.2f} W")
    return "\n".join(lines) + "\n"


def s_tui(seconds: int, power_w: Curve, per_second: int = 5, start: datetime = START) -> str:
    """s-tui's CSV of 2018: several rows to a second, stamps to the whole second."""
    lines = [OLD_S_TUI]
    for second in range(seconds):
        stamp = (start + timedelta(seconds=second)).strftime("%Y-%m-%d_%H:%M:%S")
        for place in range(per_second):
            watts = power_w(second + place / per_second)
            lines.append(
                f"{stamp},2800 MHz,1900.0 MHz,0 (N/A) run sudo,5.0 %,41.0 C,42.0 C,{watts:.1f} W,"
                "99.0 W,1023.0 RPM"
            )
    return "\n".join(lines) + "\n"


def typed(rows: list[tuple[str, str]]) -> str:
    """A table that a person typed."""
    return "Timestamp,Power\n" + "".join(f"{stamp},{power}\n" for stamp, power in rows)


def metadata(start_s: float, end_s: float, inferences: int, **more: Any) -> str:
    """The metadata of a run of the ABR benchmark."""
    stamps = [
        (START + timedelta(seconds=s)).strftime("%Y-%m-%d_%H:%M:%S") for s in (start_s, end_s)
    ]
    found = {"hardware": "GPU", "start_time": stamps[0], "end_time": stamps[1]}
    return json.dumps(found | {"n_inferences": inferences, "n_seconds": end_s - start_s} | more)


def imported(*arguments: str | Path) -> int:
    """`wattui import`; its exit status."""
    options = import_command.parser().parse_args([str(argument) for argument in arguments])
    return import_command.main(options)


def run_of(csv: Path) -> dict[str, Any]:
    """The content of run.json, once the CSV alone has given the same summary."""
    run: dict[str, Any] = json.loads(json_path(csv).read_text())
    assert summarise(reduce_csv(csv)).to_dict() == run["summary"]
    return run


def one_import(folder: Path, text: str, *arguments: str) -> dict[str, Any]:
    """Import the text of one log; the content of its run.json."""
    (folder / "log.csv").write_text(text)
    assert imported(folder / "log.csv", "--out", folder / "out.csv", *arguments) == 0
    return run_of(folder / "out.csv")


def remarks(run: dict[str, Any]) -> str:
    """What was left out or is doubtful, as one text."""
    return "\n".join(run["import"]["remarks"])


def running(run: dict[str, Any], channel: str) -> dict[str, Any]:
    """The figures of one channel."""
    found: dict[str, Any] = run["summary"]["running"]["domains"][channel]
    return found
