"""A recorder process that is not there: scripted rows in, requests kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from recorders.client import Finished
from recorders.source import Channel, Refusal
from recorders.wire import Message
from wattui.runs.run_json import ReadSource, Sampling
from wattui.tui.state.health import Disk
from wattui.tui.state.processes import Processes

COLUMNS = ["package0_J", "package0_W", "dram0_J", "dram0_W", "cpu_util_pct", "total_J", "total_W"]


def row(
    time_s: float, power_w: float, phase: str = "", event: str = "", count: int | None = None
) -> Message:
    """A row at constant power: the package at `power_w`, DRAM at a tenth of it."""
    watts = (power_w, power_w / 10, power_w * 1.1)
    package_j, dram_j, total_j = (time_s * each for each in watts)
    cells = (package_j, watts[0], dram_j, watts[1], 50.0, total_j, watts[2])
    return message(time_s, cells, phase, "", event, count)


def message(
    time_s: float,
    cells: Iterable[float | None],
    phase: str = "",
    label: str = "",
    event: str = "",
    count: int | None = None,
) -> Message:
    """A row with these readings; None was not read."""
    return {
        "t": "event" if event else "row",
        "time": f"{time_s:.6f}",
        "event": event,
        "phase": phase,
        "label": label,
        "repeat": None,
        "inferences": count,
        "cells": ["" if value is None else f"{value:.6f}" for value in cells],
    }


class FakeSession:
    """Stands where wattui.tui.state.session.Session would."""

    def __init__(self, csv: Path | None = None, measured: bool = True) -> None:
        self.columns = list(COLUMNS)
        channels = (Channel("package0", "J", "measured" if measured else "estimated"),)
        self.sources: Sequence[ReadSource] = [ReadSource("powercap", "os.pread", channels)]
        refusal = Refusal("powercap", "root only", "wattui doctor", kind="right")
        self.missing: Sequence[Refusal] = [] if measured else [refusal]
        self.directory = "/nowhere"
        self.rate_hz = 10.0
        self.csv = csv
        self.lost: str | None = None
        self.alarm: str | None = None
        self.is_silent = False
        self.refusal = ""
        self.disk: Disk | None = None
        self.sampling: Sampling | None = None
        self.processes: Processes | None = None
        self.done: Finished | None = None
        self.coming: list[Message] = []
        self.asked: list[dict[str, Any]] = []
        self.finished = False

    def poll(self) -> list[Message]:
        found, self.coming = self.coming, []
        return found

    def notices(self) -> list[str]:
        return []

    def request(self, **message: Any) -> Message:
        self.asked.append(message)
        return {"id": len(self.asked)}

    def finish(self, **about: Any) -> Finished | None:
        self.finished = True
        return self.done

    def stop(self, **about: Any) -> None:
        self.finish(**about)

    def keep(self) -> Finished | None:
        return self.done
