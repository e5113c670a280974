"""Every screen as text, at five sizes. After an intended change: WATTUI_GOLDEN=write pytest …"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Mapping
from difflib import unified_diff
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.app import App
from textual.events import Resize
from textual.geometry import Size
from textual.pilot import Pilot
from textual.screen import Screen

from recorders.rows import FIXED_COLUMNS
from recorders.source import Channel
from recorders.wire import Message
from tests.support import dashboards
from tests.support.dashboards import dashboard_of
from tests.support.fakes import FakeSession
from tests.support.growing_fleet import START_S, GrowingNode
from tests.support.made_runs import B1, B8, B64, IDLE, Part, finished
from wattui.config import Settings
from wattui.runs.recorded import Run
from wattui.runs.run_json import ReadSource, limits_w
from wattui.show import plot
from wattui.show.graphs import graphs
from wattui.tui.app import Dashboard
from wattui.tui.screens.ask import Ask
from wattui.tui.screens.compare import Compare
from wattui.tui.screens.compare_many import CompareMany
from wattui.tui.screens.confirm import Confirm
from wattui.tui.screens.device import DeviceScreen
from wattui.tui.screens.doctor import DoctorScreen
from wattui.tui.screens.export import ask_export
from wattui.tui.screens.fleet import FleetScreen
from wattui.tui.screens.help import Help
from wattui.tui.screens.launch_form import LaunchForm
from wattui.tui.screens.main import MainScreen
from wattui.tui.screens.processes import ProcessesScreen
from wattui.tui.screens.results import Results
from wattui.tui.screens.runs import Runs
from wattui.tui.screens.settings import SettingsScreen
from wattui.tui.state.devices import devices_now
from wattui.tui.state.fleet import Fleet, FleetWatch
from wattui.tui.state.live import Live
from wattui.tui.state.playback import Playback
from wattui.tui.state.processes import Process, Processes
from wattui.tui.state.session import Stream
from workloads.catalogue import catalogue

FOLDER = Path(__file__).parent / "golden"
SIZES = ((200, 50), (160, 45), (120, 35), (80, 24), (60, 16))
# Where the dashboard has no room for its panels: the mini mode, alone and above a graph.
MINI_SIZES = {"mini": (40, 6), "phone": (40, 44)}
# Watts of each channel: idle, then running.
NO_GPUS_W = {"package0": (22.0, 73.0), "core0": (9.0, 58.0), "dram0": (4.0, 18.0)}
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
LIMITS_W = {"package": 95.0, "gpu": 700.0}
# The gauges of the processor and of every GPU: idle, then running.
GAUGES = {
    "cpu_util_pct": (3.0, 60.0),
    "cpu_freq_MHz": (1400.0, 3310.0),
    "cpu_temp_C": (34.0, 61.0),
    "gpu_util_pct": (1.0, 97.0),
    "gpu_mem_MiB": (410.0, 62464.0),
    "gpu_temp_C": (38.0, 68.0),
}
RUNNING_S, CYCLE_S = 15, 30


def gauges(channels: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """The gauges of a machine with these channels."""
    gpus = [name for name in channels if name.startswith("gpu")]
    of_gpus = {
        name.replace("gpu", gpu): values
        for gpu in gpus
        for name, values in GAUGES.items()
        if name.startswith("gpu")
    }
    return {name: values for name, values in GAUGES.items() if name.startswith("cpu")} | of_gpus


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
            if not name.startswith("core"):
                totals = [totals[0] + joules[name], totals[1] + power_w]
            joules[name] += power_w / 10
        cells += [f"{values[running]}" for values in gauges(channels).values()]
        cells += [f"{totals[0]:.6f}", f"{totals[1]:.3f}"]
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
    fake.columns += [*gauges(channels), "total_J", "total_W"]
    limits = (
        Channel(name, "J", "measured", limit_w=limit_w)
        for name in channels
        for kind, limit_w in LIMITS_W.items()
        if name.startswith(kind)
    )
    fake.sources = [ReadSource("powercap", "os.pread", tuple(limits))]
    fake.coming = rows(76, channels)
    return fake


def screen(app: App[Any]) -> str:
    """The terminal's lines without the blanks at their ends."""
    return "".join(f"{line.rstrip()}\n" for line in dashboards.screen(app).split("\n"))


def difference(name: str, shown: str) -> str:
    """How a screen differs from its file, which is remade if so asked."""
    path = FOLDER / f"{name}.txt"
    if os.environ.get("WATTUI_GOLDEN") == "write":
        path.write_text(shown)
    expected = path.read_text().splitlines() if path.exists() else []
    return "\n".join(unified_diff(expected, shown.splitlines(), path.name, lineterm="", n=1))


async def differences(
    name: str, pilot: Pilot[Any], sizes: Iterable[tuple[int, int]] = SIZES
) -> list[str]:
    """How the topmost screen differs from its files at each of these sizes."""
    found = []
    for width, height in sizes:
        if pilot.app.size != (width, height):
            # As `resize_terminal` does, but waiting once.
            pilot.app._driver._size = Size(width, height)
            pilot.app.post_message(Resize(Size(width, height), Size(width, height)))
        await pilot.pause()
        found.append(difference(f"{name}-{width}x{height}", screen(pilot.app)))
    return list(filter(None, found))


async def settle(pilot: Pilot[Any]) -> None:
    """Have all rows read, and the energies computed from them without waiting for their turn."""
    await pilot.pause()
    main = pilot.app.main  # type: ignore[attr-defined]
    while isinstance(main.stream, Playback) and main.stream.is_seeking:
        await pilot.pause(0.02)
    main._summary_due_s = 0.0
    main.catch_up()
    await pilot.pause()


def dashboard(stream: Stream | None = None, **settings: Any) -> Dashboard:
    return dashboard_of(stream or session(), **settings)


# ------------------------------------------------------------ the graphs


def without_gpus() -> FakeSession:
    return session(NO_GPUS_W)


def played_back() -> Playback:
    """A playback that is paused at 41 s."""
    path = Path("run.csv")
    with path.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*FIXED_COLUMNS, *session().columns])
        for each in rows(76):
            fixed = (each[key] for key in ("phase", "label", "repeat", "event", "inferences"))
            table.writerow([each["time"], "", *fixed, *each["cells"]])
    playback = Playback(path)
    playback.pause()
    playback.seek(41.0)
    return playback


STREAMS: Mapping[str, Callable[[], Any]] = {
    "dashboard": session,
    "no-gpus": without_gpus,
    "eight-gpus": lambda: session(EIGHT_GPUS_W),
    "playback": played_back,
}


@pytest.mark.parametrize("name", STREAMS)
async def test_the_graphs_at_five_sizes(name: str, place: Path, undrawn: None) -> None:
    app = dashboard(STREAMS[name]())
    async with app.run_test(size=SIZES[0]) as pilot:
        await settle(pilot)
        found = await differences(name, pilot)
        if name == "dashboard":
            found += await differences(name, pilot, MINI_SIZES.values())
    assert not found, "\n\n".join(found)


async def test_the_graphs_in_ascii() -> None:
    app = dashboard(ascii=True)
    async with app.run_test(size=(120, 35)) as pilot:
        await settle(pilot)
        assert screen(app).isascii()
        assert not await differences("ascii", pilot, [(120, 35)])


@pytest.mark.parametrize("size", SIZES[:3])
async def test_eight_gpus_each_keep_their_name(size: tuple[int, int]) -> None:
    width, height = size
    shown = (FOLDER / f"eight-gpus-{width}x{height}.txt").read_text()
    assert all(f"gpu{n}│" in shown for n in range(8))


# ------------------------------------------------------------ what opens over them

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


READINGS = [
    {"channel": "package0", "value": 21.94, "unit": "W", "update_period_s": 0.000976},
    {"channel": "dram0", "value": 4.2, "unit": "W", "update_period_s": 0.000976},
]
REPORT: dict[str, Any] = {
    "sources": [
        {
            "name": "powercap",
            "reader": "os.pread",
            "devices": {},
            "readings": [each | {"origin": "measured", "remarks": []} for each in READINGS],
        }
    ],
    "missing": [
        {
            "source": "nvml",
            "reason": "no NVIDIA driver is loaded",
            "remedy": "install the driver of the distribution",
            "kind": "unread",
        },
        {"source": "psys", "reason": "no such zone", "remedy": "", "kind": "absent"},
        {
            "source": "dram",
            "reason": "only root may read it",
            "remedy": "sudo chmod o+r /sys/class/powercap/*/energy_uj",
            "kind": "right",
        },
    ],
    "host": {"processor": "A Processor", "system": "Linux"},
    "scheduler": "normal",
    "lateness_ms": {"p99_ms": 0.2},
    "config": "/somewhere/config.toml",
}
WARMUP = Part("warmup", 2, 45.0)


class Page(App[None]):
    """A terminal with nothing under the screen that is shown."""


class CountingSession(FakeSession):
    """A recorder that has counted the processes as soon as it is asked to."""

    def request(self, **message: Any) -> Message:
        self.processes = PROCESSES
        return super().request(**message)


def device() -> DeviceScreen:
    found = session()
    live = Live(found.columns)
    for message in found.poll():
        live.take(message)
    devices = devices_now(live, graphs(found.columns, limits_w(found.sources)))
    counting = CountingSession()
    return DeviceScreen("gpu0", lambda: devices, lambda: counting, plot.BRAILLE)


def processes() -> ProcessesScreen:
    counting = CountingSession()
    return ProcessesScreen(lambda: counting)


def run(name: str, *parts: Part) -> Run:
    return finished(Path(f"{name}.csv"), parts, ["package0", "dram0"])


def before_and_after() -> tuple[Run, Run]:
    return run("before", IDLE, WARMUP, B1, B8), run("after", IDLE, WARMUP, B1._replace(watts=44.0))


def runs() -> Runs:
    """Four runs: one estimated, one whose command failed, one in a folder inside."""
    run("quick", IDLE, B1)
    finished(Path("slow.csv"), [IDLE, B8], ["est_cpu"], command={"argv": ["./bench", "--slow"]})
    failed = {"argv": ["python", "infer.py"], "exit_statuses": [1]}
    finished(Path("failed.csv"), [IDLE, B8], command=failed)
    Path("earlier").mkdir()
    run("earlier/b64", IDLE, B64)
    return Runs(Path.cwd())


def export() -> Screen[Any]:
    """The dialog that `ask_export` opens."""
    opened: list[Screen[Any]] = []
    page = SimpleNamespace(app=SimpleNamespace(push_screen=lambda each, _: opened.append(each)))
    ask_export(page, run("kws", IDLE, B1))  # type: ignore[arg-type]
    return opened[0]


def fleet() -> FleetScreen:
    """Four nodes: one without DRAM, one that was lost, and one that joined late and estimates."""
    run = Path("shared/run=slurm-4711.0")
    nodes = [
        GrowingNode(run, "gpu-a-01", 214.0, 0, batch=32),
        GrowingNode(run, "gpu-a-02", 187.0, 1, batch=32, notes=["missing dram0: only root may"]),
        GrowingNode(run, "gpu-a-03", 226.0, 2, batch=32),
        GrowingNode(run, "b-01", 48.0, 3, starts_s=15.0, columns=("est_cpu_J", "est_cpu_W")),
    ]
    now_s = 0.0
    watch = FleetWatch(Fleet(run, lambda: now_s, lambda: START_S + now_s))
    for now_s, growing in ((15.0, nodes[:3]), (40.0, nodes), (75.0, [*nodes[:2], nodes[3]])):
        for node in growing:
            node.begin("running" if now_s > 15 else "idle", "b32" if now_s > 15 else "")
            node.record(now_s - node.starts_s - node.time_s)
            node.watts *= 1.5
        watch.now = watch.fleet.look()
    return FleetScreen(watch, plot.BRAILLE)


SCREENS: Mapping[str, Callable[[], Screen[Any]]] = {
    "launch": lambda: LaunchForm(catalogue(), Settings(), columns=session().columns),
    "results": lambda: Results(run("kws", IDLE, WARMUP, B1, B8, B64)),
    "results-of-one": lambda: Results(run("b64", IDLE, B64), output=["1000 images classified"]),
    "compare": lambda: Compare(*before_and_after(), plot.BRAILLE),
    "compare-many": lambda: CompareMany(
        [*before_and_after(), run("later", IDLE, B1._replace(watts=60.0))], plot.BRAILLE
    ),
    "runs": runs,
    "device": device,
    "processes": processes,
    "doctor": lambda: DoctorScreen(look=lambda *_: REPORT),
    "fleet": fleet,
    "settings": lambda: SettingsScreen(Settings(), Path("config.toml")),
    "help": lambda: Help(MainScreen.BINDINGS),
    "export": export,
    "ask": lambda: Ask("Phase", "a name, then a label", "run", ["running", "warmup", "armed"]),
    "confirm": lambda: Confirm("Quit wattui", "Recording to kws.csv. Stop it and quit?"),
}


@pytest.mark.parametrize("name", SCREENS)
async def test_a_screen_over_the_graphs_at_five_sizes(
    name: str, place: Path, undrawn: None
) -> None:
    app = Page()
    async with app.run_test(size=SIZES[0]) as pilot:
        await app.push_screen(SCREENS[name]())
        await app.workers.wait_for_complete()
        found = await differences(name, pilot)
    assert not found, "\n\n".join(found)
