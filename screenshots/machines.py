"""Makes the pictures of docs/machines.md: a recording on each machine of the test bench.

`python -m screenshots.machines` needs root. What other programs did on this machine is left out.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from rich.text import Text

from screenshots.commands import printed
from testbench import machines, sandbox
from testbench.machines import Machine

COLUMNS = 100
RECORD = ["--headless", "--idle", "3", "--csv", "run.csv", "--", "python", "infer.py"]
PROGRAM = """
import time, wattui
with wattui.phase("running"):
    for _ in range(1000):
        time.sleep(0.01)
        wattui.count()
"""
# What begins a part of the summary, and the parts that are not of the machine.
PARTS, OTHERS = ("! ", "– ", "share ", "10.0"), ("foreign_load", "share of")


def main() -> int:
    """Record on each machine."""
    if not sandbox.available():
        sys.stderr.write(f"screenshots: {sandbox.unavailable_reason()}\n")
        return 1
    for make in machines.ALL:
        name = f"machine-{make.__name__.replace('_', '-')}"
        printed(name, " ".join(RECORD), own_parts(recorded(make())), COLUMNS, with_png=False)
    return 0


def recorded(machine: Machine) -> list[str]:
    """The lines of a recording's summary there, in colour."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "infer.py").write_text(PROGRAM)
        environ = {
            **os.environ,
            # `python` is the one that wattui is installed for.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "FORCE_COLOR": "1",
            "COLUMNS": str(COLUMNS),
            "XDG_CONFIG_HOME": folder,
            **({} if machine.nvml else {"CUDA_VISIBLE_DEVICES": ""}),
            **machine.environ,
        }
        with sandbox.Bench(machine.topology, machine.nvml, machine.board) as bench:
            argv = [sys.executable, "-m", "wattui", *RECORD]
            shown = bench.run(argv, cwd=folder, env=environ, check=True)
    lines = shown.stderr.splitlines()
    box = next(n for n, line in enumerate(lines) if "╭" in line or "┌" in line)
    return lines[box:]


def own_parts(lines: list[str]) -> str:
    """The summary without its parts about other programs."""
    kept, is_own = [], True
    for line in lines:
        text = Text.from_ansi(line).plain.strip(" │")
        if text.startswith(PARTS) or text.startswith(("╰", "└")) or not text:
            is_own = not any(name in text for name in OTHERS)
        if is_own:
            kept.append(line)
    return "\n".join(kept)


if __name__ == "__main__":
    sys.exit(main())
