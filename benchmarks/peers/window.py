"""The window that every peer measures: a pulse of three seconds, with a quiet margin around it.

Nothing outside the standard library: it runs in the peers' environments. As a program it is the
command that command wrappers measure: `python -m benchmarks.peers.window FILE` writes the times
between which it ran.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# Seconds of the bench's time; a peer must have been loaded by OPEN_S.
OPEN_S, BEGIN_S, END_S, CLOSE_S = 8.0, 9.0, 12.0, 12.5


def wait_until(bench_s: float) -> None:
    """Sleep until this time of the bench; raises RuntimeError if it has passed."""
    left_s = int(os.environ["BENCH_T0_NS"]) * 1e-9 + bench_s - time.monotonic()
    if left_s < 0:
        raise RuntimeError(f"{-left_s:.1f} s late: it was not loaded after {bench_s:g} s")
    time.sleep(left_s)


def through(begin: Callable[[], object], end: Callable[[], object]) -> tuple[int, int]:
    """Open a measurement before the pulse and close it after; returns both times in ns."""
    wait_until(OPEN_S)
    begin_ns = time.monotonic_ns()
    begin()
    wait_until(CLOSE_S)
    end()
    return begin_ns, time.monotonic_ns()


def command(file: Path) -> list[str]:
    """The command for a wrapper: it waits through the window and writes its times."""
    return [sys.executable, "-S", "-m", "benchmarks.peers.window", str(file)]


def times(file: Path) -> tuple[int, int]:
    """The start and end times of the command, ns."""
    begin_ns, end_ns = json.loads(file.read_text())
    return int(begin_ns), int(end_ns)


def report(
    window: tuple[int, int], package_j: Sequence[float], dram_j: Sequence[float], how: str
) -> None:
    """Print a peer's measurement as JSON: joules by socket, empty if it does not measure them."""
    found = {"window": window, "package": list(package_j), "dram": list(dram_j), "how": how}
    print("\n" + json.dumps(found), flush=True)


def main(file: str) -> None:
    """Be the command."""
    begin_ns = time.monotonic_ns()
    wait_until(CLOSE_S)
    Path(file).write_text(json.dumps((begin_ns, time.monotonic_ns())))


if __name__ == "__main__":
    main(*sys.argv[1:])
