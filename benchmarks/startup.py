"""Start-up times: importing wattui, its help, and the time it adds to a command."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.table import Figure, Table, of_figures, say
from testbench.sandbox import Bench

IMPORT_MS, HELP_MS, ADDED_MS = 10.0, 80.0, 150.0
OPENING_MS, DOCTOR_MS = 150.0, 1000.0
DOCTOR = [sys.executable, "-m", "wattui", "doctor"]
# Where a recorder's start goes; each part in a fresh process.
PARTS = """
import json, time
begun_s = time.monotonic()
import recorders.recording, recorders.probe
took_s = {"import the recorder": time.monotonic() - begun_s}
took_s |= recorders.probe.probe(recorders.probe.Wanted()).took_s
print(json.dumps(took_s))
"""

Run = Callable[[Sequence[str]], subprocess.CompletedProcess[str]]


def tables(quick: bool) -> list[Table]:
    """Each figure beside a run without wattui, in turn, so that both see the same machine."""
    number = 5 if quick else 25
    say("startup: import, help")
    bare = [sys.executable, "-c", "pass"]
    figures = [
        Figure(
            "import wattui, added",
            _added_ms(_run, bare, [sys.executable, "-c", "import wattui"], number),
            "ms",
            IMPORT_MS,
        ),
        Figure(
            "import wattui; wattui.count(), added",
            _added_ms(_run, bare, [sys.executable, "-c", "import wattui; wattui.count()"], number),
            "ms",
        ),
        Figure("python -c pass", [_ms(_run, bare) for _ in range(number)], "ms"),
        Figure(
            "wattui --help",
            [_ms(_run, [sys.executable, "-m", "wattui", "--help"]) for _ in range(number)],
            "ms",
            HELP_MS,
        ),
    ]
    with tempfile.TemporaryDirectory() as folder:
        csv = str(Path(folder, "run.csv"))
        figures += _recording(_run, csv, "as this machine is", number)
        figures += _opening(_run, "as this machine is", number)
        if reason := machine.missing():
            say(f"startup on the bench: skipped: {reason}")
        else:
            with Bench(machine.five_zones(), machine.one_gpu()) as sandbox:
                figures += _recording(sandbox.run, csv, "five zones, one GPU", number)
                figures += _opening(sandbox.run, "five zones, one GPU", number)
    return [
        of_figures(
            "Start",
            figures,
            ("All files in the page cache; differences are between alternating runs.",),
        )
    ]


def _opening(run: Run, where: str, number: int) -> list[Figure]:
    """Milliseconds of each part of the recorder's start, and of `wattui doctor`."""
    say(f"startup: opening the sensors, doctor, {where}")
    found = [json.loads(run([sys.executable, "-c", PARTS]).stdout) for _ in range(number)]
    parts = [
        Figure(
            f"{'open all sensors' if part == 'all' else part}, {where}",
            [each[part] * 1e3 for each in found],
            "ms",
            OPENING_MS if part == "all" else None,
        )
        for part in found[0]
    ]
    doctor = [_ms(run, DOCTOR) for _ in range(number)]
    return [*parts, Figure(f"wattui doctor, {where}", doctor, "ms", DOCTOR_MS)]


def _recording(run: Run, csv: str, where: str, number: int) -> list[Figure]:
    """Milliseconds that a recording of `true` takes longer than `true`."""
    figures = []
    for quiet in ([], ["--quiet"]):
        said = " --quiet" if quiet else ""
        say(f"startup: headless{said}, {where}")
        options = ["--headless", "--idle", "0", "--force", "--csv", csv, *quiet]
        argv = [sys.executable, "-m", "wattui", *options, "--", "true"]
        added = _added_ms(run, ["true"], argv, number)
        figures.append(Figure(f"added to a command{said}, {where}", added, "ms", ADDED_MS))
    return figures


def _added_ms(run: Run, without: Sequence[str], argv: Sequence[str], number: int) -> list[float]:
    _ms(run, argv)
    return [_ms(run, argv) - _ms(run, without) for _ in range(number)]


def _ms(run: Run, argv: Sequence[str]) -> float:
    begun = time.perf_counter()
    run(argv)
    return (time.perf_counter() - begun) * 1e3


def _run(argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, check=True, capture_output=True, text=True)
