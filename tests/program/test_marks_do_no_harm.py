"""Marks never end, stop or mislead the program that makes them, whatever its surroundings."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

import pytest

from .conftest import MakeDisk
from .running import PYTHON, Place, edges, last_count, python, until

MARKED = """
import wattui
with wattui.phase("running", label="b32"):
    wattui.count(32)
wattui.note("done")
print("ended well")
"""


def flags(place: Place) -> dict[str, str]:
    found: list[dict[str, str]] = place.run_json()["summary"]["flags"]
    return {flag["name"]: flag["text"] for flag in found}


@pytest.mark.parametrize("name", ["recorders", "workloads"])
@pytest.mark.parametrize("is_package", [False, True])
@pytest.mark.parametrize("recorded", [False, True])
def test_a_module_of_the_programs_with_one_of_our_names(
    place: Place, name: str, is_package: bool, recorded: bool
) -> None:
    own = place.path / name / "__init__.py" if is_package else place.path / f"{name}.py"
    own.parent.mkdir(exist_ok=True)
    own.write_text("MINE = True\n")
    (place.path / "infer.py").write_text(f"import {name}\nassert {name}.MINE\n{MARKED}")
    command = [PYTHON, "infer.py"]
    env = place.environment | {"PYTHONPATH": f"{place.path}:{place.environment['PYTHONPATH']}"}
    argv = place.argv("--simulate", command=command) if recorded else command
    found = place.run(argv, env=env)
    assert (found.status, found.out) == (0, b"ended well\n"), found.err.decode()
    if recorded:
        assert edges(place.rows()) == [
            *([("begin", "loading", ""), ("end", "loading", "")]),
            ("begin", "running", "b32"),
            ("end", "running", "b32"),
        ]


def test_recording_from_a_program_that_hides_our_package_is_refused_in_a_line(
    place: Place,
) -> None:
    (place.path / "recorders.py").write_text("MINE = True\n")
    code = "import wattui\ntry:\n    wattui.record('run.csv')\nexcept ImportError as e: print(e)"
    (place.path / "infer.py").write_text(code)
    (line,) = place.run([PYTHON, "infer.py"]).out.decode().splitlines()
    assert "recorders.py hides wattui's package 'recorders': fix: rename it" in line


def test_a_full_directory_of_marks_does_not_end_the_program(
    place: Place, make_disk: MakeDisk
) -> None:
    disk = make_disk("size=64k")
    env = place.environment | {"TMPDIR": str(disk)}
    fill = (
        "import os\n"
        f"with open({str(disk / 'fill')!r}, 'wb', buffering=0) as file:\n"
        "    try:\n"
        "        while True: file.write(bytes(4096))\n"
        "    except OSError: pass\n"
    )
    found = place.run(place.argv("--simulate", command=python(fill + MARKED)), env=env)
    assert (found.status, found.out) == (0, b"ended well\n"), found.err.decode()
    assert last_count(place.rows()) == "32"
    (disk / "fill").unlink()


def test_a_program_without_a_free_descriptor_goes_on(place: Place) -> None:
    code = (
        "import os, resource, wattui\n"
        "wattui.count, wattui.phase, wattui.note\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))\n"
        "taken = []\n"
        "try:\n"
        "    while True: taken.append(os.open('/dev/null', os.O_RDONLY))\n"
        "except OSError: pass\n"
    )
    found = place.record("--quiet", command=python(code + MARKED))
    assert (found.status, found.out) == (0, b"ended well\n"), found.err.decode()


@pytest.mark.parametrize("cut", ["truncate", "unlink"])
def test_a_count_page_that_somebody_cuts_does_not_end_the_recorder(place: Place, cut: str) -> None:
    code = (
        "import os, time, wattui\n"
        "with wattui.phase('running'):\n"
        "    wattui.count(5)\n"
        "    time.sleep(0.3)\n"
        "    page = f'{os.environ[\"WATTUI_RUN\"]}/counts-{os.getpid()}'\n"
        "    os.truncate(page, 0)\n"
        "    os._exit(0)\n"
        if cut == "truncate"
        else "import os, time, wattui\n"
        "with wattui.phase('running'):\n"
        "    wattui.count(5)\n"
        "    os.unlink(f'{os.environ[\"WATTUI_RUN\"]}/counts-{os.getpid()}')\n"
        "    wattui.count(2)\n"
    )
    found = place.record(command=python(code))
    assert place.run_json()["status"] == "finished"
    if cut == "truncate":
        assert last_count(place.rows()) == "5"
        assert "lost_marks" in flags(place)
        assert found.status == 1, "the recording is incomplete"
    else:
        assert last_count(place.rows()) == "7"
        assert found.status == 0


def test_marks_made_while_the_recorder_stands_still_are_delivered_later(place: Place) -> None:
    code = (
        "import time, wattui\n"
        "wattui.count(0)\n"
        "open('ready', 'w').close()\n"
        "time.sleep(0.6)\n"
        "begun = time.monotonic()\n"
        "for number in range(14):\n"
        "    with wattui.phase('running', label=f'b{number}'):\n"
        "        time.sleep(0.1)\n"
        "        wattui.count(10)\n"
        "print(time.monotonic() - begun)\n"
        "time.sleep(1.5)\n"
    )
    started = place.start(
        place.argv("--simulate", "--no-estimate", command=python(code)), stdout=-1, stderr=-1
    )
    recorder = place.recorder_of(started.pid)
    until((place.path / "ready").exists, "the program to be ready")
    os.kill(recorder, signal.SIGSTOP)
    time.sleep(4.0)
    os.kill(recorder, signal.SIGCONT)
    out, err = started.communicate(timeout=30)
    assert started.returncode == 0, err.decode()
    assert float(out) < 14 * 0.1 + 4, "the program waits once, for two seconds"
    summary: dict[str, Any] = place.run_json()["summary"]
    labels = {group["label"]: group for group in summary["labels"]}
    assert list(labels) == [f"b{number}" for number in range(14)]
    assert all(group["inferences"] == 10 for group in labels.values())
    assert all(0.09 < group["seconds"] < 0.5 for group in list(labels.values())[1:])
    assert "late_edge" in flags(place)
    again = place.run([PYTHON, "-P", "-m", "wattui", "summary", "run.csv", "--json"])
    assert json.loads(again.out) == summary


def test_more_programs_than_there_is_room_for_are_all_recorded(place: Place) -> None:
    one = "import wattui; wattui.count(1)"
    ranks = "".join(f"{PYTHON} -c '{one}' & " for _ in range(6))
    limit = place.argv("--simulate", command=["sh", "-c", f"{ranks} wait"])
    found = place.run(["sh", "-c", 'ulimit -n 70; exec "$@"', "sh", *limit])
    assert found.status == 0, found.err.decode()
    assert last_count(place.rows()) == "6"
