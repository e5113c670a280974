"""One part of the GPU benchmark, run in a process of its own, so that every part fails alone.

`python -m benchmarks.gpu.part NAME` prints the part's table as JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.gpu.device import UnusableError
from benchmarks.table import Table

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Part:
    """A module of this package (with an argument) that makes a table, and its time at most."""

    name: str
    title: str
    budget_s: float


PARTS = (
    Part("refresh", "Refresh period and averaging window", 45),
    Part("counter", "Energy counter against integrated power", 85),
    Part("short", "Short phases of a constant kernel", 75),
    Part("network:kws", "Keyword spotter on CUDA", 30),
    Part("network:lenet", "LeNet-5, layer by layer, on CUDA", 35),
    Part("network:alexnet", "AlexNet on CUDA", 50),
    Part("network:resnet50", "ResNet-50 on CUDA", 35),
    Part("network:bert", "BERT-base on CUDA", 35),
    Part("cost", "Latency of edges and cost of the recorder, GPU busy", 50),
    Part("clocks", "Clock event reasons", 30),
)


def run(part: Part, argv: Sequence[str] = (sys.executable, "-m", "benchmarks.gpu.part")) -> Table:
    """The part's table; one that says why, if it failed or took too long."""
    process = subprocess.Popen(
        [*argv, part.name],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, errors = process.communicate(timeout=part.budget_s)
    except subprocess.TimeoutExpired:
        return _failed(part, f"not finished in {part.budget_s:g} s")
    finally:
        _end_group(process)
    if process.returncode or not said.strip():
        return _failed(part, (errors.strip().splitlines() or ["it failed without a word"])[-1])
    found = json.loads(said.splitlines()[-1])
    return Table(part.title, found["headings"], found["rows"], found["notes"])


def _end_group(process: subprocess.Popen[str]) -> None:
    """End the part and all that it started, such as a load."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _failed(part: Part, reason: str) -> Table:
    return Table(part.title, ("",), (), (f"Not measured: {reason}.",))


def main(name: str) -> int:
    """Run one part here; 1 and a line on stderr if it cannot be measured."""
    module, _, argument = name.partition(":")
    try:
        made = importlib.import_module(f"benchmarks.gpu.{module}").table(*filter(None, [argument]))
    except UnusableError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(asdict(made)))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
