"""The program where nothing of Linux is: it loads, records Apple silicon, and says what is not."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.darwin import BEGIN, PUBLISH_S, WATTS

ROOT = Path(__file__).parents[2]
LOAD_ALL = """
import importlib, pkgutil
names = []
for package in ("recorders", "wattui", "workloads"):
    found = importlib.import_module(package)
    names += [m.name for m in pkgutil.walk_packages(found.__path__, f"{package}.")]
for name in names:
    if not name.endswith("__main__"):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:  # of an extra that is not installed
            if error.name.partition(".")[0] in ("recorders", "wattui", "workloads"):
                raise
print(len(names))
"""
COMMAND = """
import time, wattui
with wattui.phase("running", label="all"):
    for _ in range(10):
        wattui.count(3)
        time.sleep(0.12)
"""


def run(source: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-c", BEGIN + source, *arguments],
        cwd=folder,
        env=environ,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_every_module_loads(tmp_path: Path) -> None:
    done = run(LOAD_ALL, tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 150


@pytest.mark.quiet
def test_a_command_is_recorded_with_the_joules_of_the_chip(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BEGIN + COMMAND]
    main = "import sys; from wattui.cli import main; sys.exit(main(sys.argv[1:]))"
    options = ["--headless", "--csv", "run.csv", "--idle", "0", "--counters", "task_clock", "--"]
    done = run(main, tmp_path, *options, *command)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "run.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    energies = {name for name in rows[0] if name.endswith("_J")}
    assert energies == {f"{name}_J" for name in (*WATTS, "package0", "total")}
    assert max(int(row["inferences"] or 0) for row in rows) == 30
    run_json = json.loads((tmp_path / "run.json").read_text())
    begin, end = (row for row in rows if row["label"] == "all" and row["event"] in ("begin", "end"))
    seconds = float(end["time_s"]) - float(begin["time_s"])
    energy_j = {name: float(end[name]) - float(begin[name]) for name in energies}
    (phase,) = (each for each in run_json["summary"]["phases"] if each["label"] == "all")
    for channel, watts in {"package0": 8.0, "total": sum(WATTS.values())}.items():
        # The rows' counters are those of the last publication; the summary's of the edges.
        most_j = watts * PUBLISH_S
        assert energy_j[f"{channel}_J"] == pytest.approx(watts * seconds, abs=most_j)
        assert phase["energy_j"][channel] == pytest.approx(watts * seconds, abs=most_j)
    (missing,) = run_json["missing"]
    assert missing["reason"].endswith("are read on Linux only")


def test_doctor_says_what_is_read_on_linux_only(tmp_path: Path) -> None:
    main = "import sys; from wattui.cli import main; sys.exit(main(sys.argv[1:]))"
    done = run(main, tmp_path, "doctor")
    assert done.returncode == 0, done.stderr
    assert "package0" in done.stdout
    assert "are read on Linux only" in " ".join(done.stdout.split())
    assert "modprobe" not in done.stdout
