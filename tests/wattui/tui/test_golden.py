"""Whole screens as text. After an intended change: WATTUI_GOLDEN=write python -m pytest …"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Mapping
from difflib import unified_diff
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot

from recorders.rows import FIXED_COLUMNS
from recorders.wire import Message
from tests.support import dashboards
from tests.support.dashboards import dashboard_of
from tests.support.fakes import FakeSession
from wattui.tui.app import Dashboard
from wattui.tui.screens.processes import LOOK_S
from wattui.tui.screens.runs import Runs
from wattui.tui.state.playback import Playback
from wattui.tui.state.processes import Process, Processes

FOLDER = Path(__file__).parent / "golden"
SIZES = {"wide": (200, 50), "narrow": (120, 35), "small": (80, 24)}
# Where the dashboard has no room for its panels: the mini mode, alone and above a graph.
MINI_SIZES = {"mini": (40, 6), "phone": (40, 44)}
SETTLED_S = 0.4
# Watts of each channel: idle, then running.
POWERS_W = {
    "package0": (22.0, 73.0),
    "package1": (19.0, 65.0),
    "dram0": (4.0, 18.0),
    "gpu0": (58.0, 371.0),
    "gpu1": (57.0, 343.0),
}
EIGHT_GPUS_W = {
    "package0": (22.0, 73.0),
    **{f"gpu{n}": (55.0 + n, 250.0 + 50 * n) for n in range(8)},
}
RUNNING_S, CYCLE_S = 15, 30


def is_running(time_s: float) -> bool:
    return time_s % CYCLE_S >= RUNNING_S


def rows(seconds: int, channels: Mapping[str, tuple[float, float]] = POWERS_W) -> list[Message]:
    """Ten rows a second; every half minute is spent half idle, half running."""
    found: list[Message] = []
    joules = dict.fromkeys(channels, 0.0)
    count = 0
    for number in range(seconds * 10):
        time_s = number / 10
        running = is_running(time_s)
        label = f"resnet50 #{int(time_s // CYCLE_S) + 1}" if running else ""
        cells: list[str] = []
        totals = [0.0, 0.0]
        for name, powers_w in channels.items():
            power_w = powers_w[running] * (1 + 0.03 * ((number * 7 + len(name)) % 5 - 2))
            cells += [f"{joules[name]:.6f}", f"{power_w:.3f}"]
            totals = [totals[0] + joules[name], totals[1] + power_w]
            joules[name] += power_w / 10
        cells += [f"{97.0 if running else 1.0}", f"{92.0 if running else 0.0}"]
        cells += [f"{60.0 if running else 3.0}", f"{totals[0]:.6f}", f"{totals[1]:.3f}"]
        message = {
            "t": "row",
            "time": f"{time_s:.6f}",
            "event": "",
            "phase": "running" if running else "idle",
            "label": label,
            "repeat": None,
            "inferences": count,
            "cells": cells,
        }
        if number and running != is_running(time_s - 0.1):
            before = found[-1]
            ended = {key: before[key] for key in ("phase", "label")}
            found.append({**message, "t": "event", "event": "end", **ended})
        if not number or running != is_running(time_s - 0.1):
            found.append({**message, "t": "event", "event": "begin"})
        found.append(message)
        count += 32 * running
    return found


def session(channels: Mapping[str, tuple[float, float]] = POWERS_W) -> FakeSession:
    fake = FakeSession(Path("run.csv"))
    fake.columns = [f"{name}_{unit}" for name in channels for unit in "JW"]
    fake.columns += ["gpu0_util_pct", "gpu1_util_pct", "cpu_util_pct", "total_J", "total_W"]
    fake.coming = rows(76, channels)
    return fake


def screen(app: App[Any]) -> str:
    """The terminal's lines without the blanks at their ends."""
    return "".join(f"{line.rstrip()}\n" for line in dashboards.screen(app).split("\n"))


def compare(name: str, shown: str) -> None:
    path = FOLDER / f"{name}.txt"
    if os.environ.get("WATTUI_GOLDEN") == "write":
        path.write_text(shown)
    expected = path.read_text()
    difference = "\n".join(
        unified_diff(expected.splitlines(), shown.splitlines(), lineterm="", n=1)
    )
    assert not difference, f"{path.name} is not what is shown:\n{difference}"


async def settle(pilot: Pilot[Any]) -> None:
    """Wait for the energies, which come last."""
    for _ in range(300):
        await pilot.pause(0.1)
        if "Nothing has run yet" not in screen(pilot.app):
            break
    await pilot.pause(SETTLED_S)


def dashboard(**settings: Any) -> Dashboard:
    return dashboard_of(session(), **settings)


@pytest.mark.parametrize("name", SIZES)
async def test_the_dashboard_at_three_sizes(name: str) -> None:
    app = dashboard()
    async with app.run_test(size=SIZES[name]) as pilot:
        await settle(pilot)
        compare(f"dashboard-{name}", screen(app))


@pytest.mark.parametrize("name", ["wide", "narrow"])
async def test_eight_gpus_each_keep_their_name(name: str) -> None:
    app = dashboard_of(session(EIGHT_GPUS_W))
    async with app.run_test(size=SIZES[name]) as pilot:
        await settle(pilot)
        shown = screen(app)
        assert all(f"gpu{n}│" in shown for n in range(8))
        compare(f"eight-gpus-{name}", shown)


@pytest.mark.parametrize("name", MINI_SIZES)
async def test_the_dashboard_in_mini_mode(name: str) -> None:
    app = dashboard()
    async with app.run_test(size=MINI_SIZES[name]) as pilot:
        await settle(pilot)
        compare(f"dashboard-{name}", screen(app))


async def test_the_dashboard_in_ascii() -> None:
    app = dashboard(ascii=True)
    async with app.run_test(size=SIZES["narrow"]) as pilot:
        await settle(pilot)
        assert screen(app).isascii()
        compare("dashboard-ascii", screen(app))


PROCESSES = Processes(
    ("gpu0", "gpu1"),
    (
        Process(
            *(41207, "python", "ana", 31.4, 187.2, 14_336.0, 9214.0, True),
            uses={"gpu0": (96.1, 7168.0), "gpu1": (91.1, 7168.0)},
        ),
        Process(41233, "pt_data_worker", "ana", 12.9, 0.0, 0.0, 2100.0, of_command=True),
        Process(40112, "ffmpeg", "bob", 9.7, None, None, 412.0, of_command=False),
        Process(
            *(2214, "gnome-shell", "ana", 1.2, 2.4, 310.0, 388.0, False),
            uses={"gpu0": (2.4, 310.0)},
        ),
        Process(1, "systemd", "root", 0.0, 0.0, 0.0, 13.0, of_command=False),
    ),
)


@pytest.mark.parametrize("name", SIZES)
async def test_the_table_of_processes_at_three_sizes(name: str) -> None:
    app = dashboard()
    async with app.run_test(size=SIZES[name]) as pilot:
        await settle(pilot)
        await pilot.press("P")
        await pilot.pause()
        app.stream.processes = PROCESSES
        await pilot.pause(2 * LOOK_S)
        compare(f"processes-{name}", screen(app))


@pytest.mark.parametrize("name", SIZES)
async def test_a_device_at_three_sizes(name: str) -> None:
    app = dashboard()
    async with app.run_test(size=SIZES[name]) as pilot:
        await settle(pilot)
        app.action_device("gpu0")
        await pilot.pause()
        app.stream.processes = PROCESSES
        await pilot.pause(2 * LOOK_S)
        compare(f"device-{name}", screen(app))


@pytest.mark.parametrize("name", SIZES)
async def test_the_list_of_runs_at_three_sizes(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    app = dashboard()
    async with app.run_test(size=SIZES[name]) as pilot:
        await settle(pilot)
        app.push_screen(Runs(Path(copytree(folder, folder / "runs"))))
        await pilot.pause(SETTLED_S)
        await app.workers.wait_for_complete()
        await pilot.press("s", "s")
        await pilot.pause(SETTLED_S)
        compare(f"runs-{name}", screen(app))


@pytest.mark.parametrize("name", SIZES)
async def test_a_playback_at_three_sizes(name: str, tmp_path: Path) -> None:
    columns = session().columns
    path = tmp_path / "run.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*FIXED_COLUMNS, *columns])
        for each in rows(76):
            fixed = (each[key] for key in ("phase", "label", "repeat", "event", "inferences"))
            table.writerow([each["time"], "", *fixed, *each["cells"]])
    playback = Playback(path)
    playback.pause()
    playback.seek(41.0)
    app = dashboard_of(playback)
    async with app.run_test(size=SIZES[name]) as pilot:
        await settle(pilot)
        compare(f"playback-{name}", screen(app))
