"""The cost of `--count-match` for a command that prints as fast as it can."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.table import Figure, Table, of_figures, say

LINE_US = 3.0
# Prints this many lines, then the microseconds per line on stderr.
PRINTS = """
import sys, time
lines, flush = int(sys.argv[1]), sys.argv[2] == "each"
begun_s = time.monotonic()
for number in range(lines):
    print(f"step {number}: batch of 32 done in 1.5 ms", flush=flush)
sys.stdout.flush()
sys.stderr.write(str((time.monotonic() - begun_s) / lines * 1e6))
"""


def tables(quick: bool) -> list[Table]:
    """With and without, alternating, so that both see the same machine."""
    lines, repeats = (20_000, 2) if quick else (100_000, 7)
    figures = []
    for flushed, what in (("all", "in blocks"), ("each", "each flushed")):
        say(f"matching: {lines} lines {what}")
        pairs = [(_us(lines, flushed), _us(lines, flushed, MATCH)) for _ in range(repeats)]
        added = [matched - plain for plain, matched in pairs]
        ratio = [matched / plain for plain, matched in pairs]
        figures += [
            Figure(f"a line {what}, without", [plain for plain, _ in pairs], "µs"),
            Figure(f"a line {what}, added by --count-match", added, "µs", LINE_US),
            Figure(f"a line {what}, with / without", ratio, ""),
        ]
    note = f"As the command sees it, over {lines:,} lines into a pipe that is read at once."
    return [of_figures("Matching a command's output", figures, (note,))]


MATCH = ("--count-match", r"batch of (\d+)")


def _us(lines: int, flushed: str, options: Sequence[str] = ()) -> float:
    """Microseconds per line for the recorded command."""
    with tempfile.TemporaryDirectory() as folder:
        csv = str(Path(folder, "run.csv"))
        own = ["--headless", "--quiet", "--idle", "0", "--simulate", "--csv", csv, *options]
        command = [sys.executable, "-c", PRINTS, str(lines), flushed]
        argv = [sys.executable, "-m", "wattui", *own, "--", *command]
        done = subprocess.run(argv, check=True, capture_output=True, text=True)
        counted = Path(csv).read_text().splitlines()[-1].split(",")[6]
    if options and counted != str(32 * lines):
        raise RuntimeError(f"{counted} counted, not {32 * lines}")
    return float(done.stderr)
