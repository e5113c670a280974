"""Makes screenshots/*.svg and *.png from the real program, on recordings that are played back.

`python -m screenshots` needs no root; if the test bench can be used, it also makes the pictures of
`wattui doctor` and of a headless recording.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path

from textual.pilot import Pilot

from recorders.client import Config
from screenshots import browser, commands, machines
from screenshots.commands import COLUMNS, printed
from screenshots.film import FRAME_S, film, rows_of
from screenshots.picture import png
from screenshots.record import GPU_POWERS_W, POWERS_W, RUNS
from testbench import sandbox, topologies
from testbench.curves import Constant
from testbench.fakenvml import FakeNvml, Gpu
from wattui.config import Settings
from wattui.tui.app import Dashboard
from wattui.tui.state.options import Start
from wattui.tui.state.playback import Playback

HERE = Path(__file__).parent
WIDE, NARROW, SMALL = (200, 50), (120, 35), (80, 24)
FORM = (156, 42)
RUN, OTHER = RUNS / "resnet50.csv", RUNS / "resnet50-250w.csv"
SETTLED_S = 1.0
# A moment in the last batch size.
MIDDLE_S = 67.4
FILM_SPEED = 4.0
CONFIG = "~/.config/wattui/config.toml"
PRINTED = {
    "FORCE_COLOR": "1",
    "COLUMNS": str(COLUMNS),
    # `python` is the one that wattui is installed for.
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
}


def main() -> int:
    """Take all pictures."""
    asyncio.run(of_the_dashboard())
    asyncio.run(in_motion())
    if reason := browser.missing():
        sys.stderr.write(f"screenshots: no browser: {reason}\n")
    else:
        browser.take(RUN, HERE / "browser.png")
    commands.main()
    if sandbox.available():
        on_the_bench()
        machines.main()
    else:
        sys.stderr.write(f"screenshots: no doctor, no summary: {sandbox.unavailable_reason()}\n")
    return 0


async def of_the_dashboard() -> None:
    """Graphs at three sizes and in four themes, and every screen over them."""
    os.chdir(RUNS)
    playback = Playback(RUN, 1.0, lambda: 0.0)
    app = Dashboard(playback, Start(Settings(theme="dark"), Config(csv=None), Path(CONFIG)))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.pause(SETTLED_S)
        playback.seek(MIDDLE_S)
        await pilot.pause(SETTLED_S)
        for name, size in (("", WIDE), ("-narrow", NARROW), ("-small", SMALL)):
            await pilot.resize_terminal(*size)
            await take(pilot, f"dashboard{name}")
        await pilot.resize_terminal(*NARROW)
        await pilot.press("t")
        await take(pilot, "dashboard-light")
        await pilot.press("t")
        await take(pilot, "dashboard-high-contrast")
        await pilot.press("t")
        await take(pilot, "dashboard-colour-blind")
        await pilot.press("t")
        await pilot.resize_terminal(*FORM)
        await pilot.press("l")
        await take(pilot, "launch")
        await pilot.press("escape", "comma")
        await take(pilot, "settings")
        await pilot.press("escape", "R")
        await take(pilot, "runs")
        await pilot.press("enter")
        await take(pilot, "results")
        await pilot.press("escape", "home", "space", "space", "c")
        await take(pilot, "compare")


async def in_motion() -> None:
    """The whole recording, played back in about 20 s."""
    os.chdir(RUNS)
    now_s = 0.0
    playback = Playback(RUN, FILM_SPEED, lambda: now_s)
    app = Dashboard(playback, Start(Settings(), Config(csv=None), Path(CONFIG)))
    frames = []
    async with app.run_test(size=NARROW) as pilot:
        await pilot.pause(SETTLED_S)
        ground = app.main.palette.background
        while not playback.ended:
            now_s += FRAME_S
            await pilot.pause(SETTLED_S / 2)
            frames.append(rows_of(pilot))
    (HERE / "dashboard-film.svg").write_text(film(frames, ground))


async def take(pilot: Pilot[int], name: str) -> None:
    """One picture of the screen as it is."""
    await pilot.pause(SETTLED_S)
    pilot.app.save_screenshot(str(HERE / f"{name}.svg"))
    png(HERE / f"{name}.svg")


def on_the_bench() -> None:
    """Output of `wattui doctor` and a headless recording on a server with two GPUs."""
    machine = topologies.two_sockets()
    for zone, levels_w in POWERS_W.items():
        machine = machine.changed(zone, curve=Constant(levels_w[0]))
    gpus = tuple(Gpu(Constant(levels_w[0])) for levels_w in GPU_POWERS_W)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(HERE.parent / "examples/infer.py", folder)
        for name, arguments in (
            ("summary", ["--headless", "--csv", "run.csv", "--", "python", "infer.py"]),
            ("doctor", ["doctor"]),
        ):
            with sandbox.Bench(machine, nvml=FakeNvml(gpus)) as bench:
                shown = bench.run(
                    [sys.executable, "-m", "wattui", *arguments],
                    cwd=folder,
                    env={**os.environ, "WATTUI_CONFIG": CONFIG, **PRINTED},
                )
            lines = (shown.stdout + shown.stderr).splitlines()
            last = [line for line in lines if line and "idle baseline" not in line]
            printed(name, " ".join(arguments), "\n".join(last))


if __name__ == "__main__":
    sys.exit(main())
