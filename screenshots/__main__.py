"""Makes screenshots/*.svg from the real program, run on the test bench: `python -m screenshots`."""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from bench import sandbox, topologies  # noqa: E402  the bench is a package of the tests
from bench.curves import Steps  # noqa: E402
from bench.fakenvml import Gpu, Nvml  # noqa: E402

COLUMNS = 96
EXAMPLE = HERE.parent / "examples/infer.py"
# Idle for ten seconds, model loaded, running, idle again: about when the example does so.
TIMES_S = (0.0, 10.5, 13.4, 15.9)

STEP_S, HALF_CYCLE_S, CYCLES_S = 0.4, 12.0, 90.0


def steps(idle_w: float, armed_w: float, running_w: float) -> Steps:
    """A power curve that follows the example's phases."""
    return Steps(TIMES_S, (idle_w, armed_w, running_w, idle_w))


def main() -> int:
    """Write summary.svg and doctor.svg; needs root, /dev/fuse and gcc."""
    if not sandbox.available():
        sys.stderr.write(f"screenshots: {sandbox.unavailable_reason()}\n")
        return 1
    machine = (
        topologies.two_sockets()
        .changed("package0", curve=steps(22.1, 24.0, 73.4))
        .changed("package1", curve=steps(19.0, 19.2, 64.9))
        .changed("dram0", curve=steps(2.1, 2.3, 9.1))
        .changed("dram1", curve=steps(1.9, 1.9, 8.7))
    )
    gpu = Gpu(steps(58.2, 71.0, 371.0))
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(EXAMPLE, folder)
        for name, arguments in (
            ("summary", ["--headless", "--csv", "run.csv", "--", "python", "infer.py"]),
            ("doctor", ["doctor"]),
        ):
            with sandbox.Bench(machine, nvml=Nvml((gpu,))) as bench:
                shown = bench.run(
                    [sys.executable, "-m", "wattui", *arguments],
                    cwd=folder,
                    env={**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)},
                )
            lines = (shown.stdout + shown.stderr).splitlines()
            last_picture = [line for line in lines if line and "idle baseline" not in line]
            picture(name, f"wattui {' '.join(arguments)}", "\n".join(last_picture))
    gpus = Gpu(cycle(58.2, 371.0)), Gpu(cycle(57.0, 342.8))
    with sandbox.Bench(cycling_machine(), nvml=Nvml(gpus)) as bench:
        argv = [sys.executable, "-m", "screenshots.dashboard", str(HERE)]
        shown = bench.run(argv, cwd=HERE.parent, env={**os.environ, "TERM": "xterm-256color"})
        sys.stderr.write(shown.stderr)
    return 0


def cycling_machine() -> topologies.Topology:
    """Two sockets that idle and run in turn."""
    return (
        topologies.two_sockets()
        .changed("package0", curve=cycle(22.1, 73.4))
        .changed("package1", curve=cycle(19.0, 64.9))
        .changed("dram0", curve=cycle(2.1, 9.1))
        .changed("dram1", curve=cycle(1.9, 8.7))
    )


def cycle(idle_w: float, running_w: float) -> Steps:
    """Idle for 12 s, running for 12 s, and so on; the power differs a little from step to step."""
    chance = random.Random(running_w)
    times_s = [STEP_S * place for place in range(round(CYCLES_S / STEP_S))]
    levels_w = (running_w if int(time_s / HALF_CYCLE_S) % 2 else idle_w for time_s in times_s)
    return Steps(
        tuple(times_s), tuple(level_w * chance.uniform(0.93, 1.07) for level_w in levels_w)
    )


def picture(name: str, title: str, text: str) -> None:
    """One SVG of what a terminal showed."""
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(f"$ {title}\n{text}"), soft_wrap=True)
        console.save_svg(str(HERE / f"{name}.svg"), title="wattui")


if __name__ == "__main__":
    sys.exit(main())
