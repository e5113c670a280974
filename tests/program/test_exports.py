"""Metrics of recordings that the program makes, beside their files."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from urllib.request import urlopen

import pytest

import wattui

from .running import WATTUI, Place, Row, python, until

pytestmark = [pytest.mark.needs_prometheus, pytest.mark.needs_otlp]

WORK = """
import time, wattui
for label in ("a", "b"):
    with wattui.phase("running", label=label):
        for _ in range(12):
            time.sleep(0.1)
            wattui.count(5)
"""


@pytest.fixture
def silent_collector() -> Iterator[str]:
    """The URL of a collector that takes every request and never answers."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    taken.append(listener.accept()[0])

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    for each in taken:
        each.close()


def scrape(port: str) -> dict[str, float]:
    """The value of every metric without its labels but the channel's."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            channel = re.search(r'channel="(\w+)"', name)
            found[name.partition("{")[0] + (f" {channel[1]}" if channel else "")] = float(value)
    return found


def newest(rows: list[Row], column: str, time_s: float) -> float | None:
    """The last cell of a column until a time."""
    cells = [row[column] for row in rows if float(row["time_s"]) <= time_s and row[column]]
    return float(cells[-1]) if cells else None


def test_a_scrape_is_a_row_of_the_file_and_no_collector_delays_the_end(
    place: Place, silent_collector: str
) -> None:
    argv = place.argv(
        *("--simulate", "--prometheus", "0", "--otlp", silent_collector), command=python(WORK)
    )
    program = place.start(argv, stderr=subprocess.PIPE)
    assert program.stderr is not None
    found = re.search(r"http://127\.0\.0\.1:(\d+)/metrics", program.stderr.readline().decode())
    assert found
    scrapes = []
    with contextlib.suppress(OSError):
        while program.poll() is None and len(scrapes) < 12:
            scrapes.append(scrape(found[1]))
            time.sleep(0.15)
    said = program.stderr.read().decode()
    assert program.wait() == 0
    assert said.count("no answer at the end: values are dropped while this lasts") == 1
    ended_s = time.time()
    rows = place.rows()
    last_s = float(rows[-1]["time_s"]) + place.run_json()["clock"]["start_utc_ns"] * 1e-9
    assert ended_s - last_s < 2.0 + 5.0  # the bound, and a busy machine's time for the summary
    compared = 0
    for metrics in scrapes:
        if not metrics["wattui_recorder_up"]:
            continue
        time_s = metrics["wattui_row_seconds"]
        assert time_s in [float(row["time_s"]) for row in rows]
        assert metrics["wattui_energy_joules_total sim_cpu"] == newest(rows, "sim_cpu_J", time_s)
        assert metrics.get("wattui_power_watts sim_cpu") == newest(rows, "sim_cpu_W", time_s)
        assert metrics.get("wattui_inferences_total") == newest(rows, "inferences", time_s)
        compared += 1
    assert compared > 3


def test_a_recording_from_python_is_exported_and_shown(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    with wattui.record(place.csv, simulate=True, prometheus=port):
        with wattui.phase("running", label="b1"):
            time.sleep(0.7)
            wattui.count(10)
        time.sleep(0.7)
        assert scrape(port)["wattui_inferences_total"] == 10
        ours = place.environment | {"TMPDIR": os.environ.get("TMPDIR", "/tmp")}
        shown = place.run([*WATTUI, "status", str(place.csv)], env=ours)
    assert shown.status == 0
    assert re.search(r"simulated \d+ W · recording · b1: .* J/inf", shown.out.decode()), shown.out
    with pytest.raises(OSError, match="refused"):
        scrape(port)


def test_a_recorder_that_stands_still_is_no_source_of_numbers(place: Place) -> None:
    program = place.start(
        place.argv("--simulate", "--prometheus", "0", command=["sleep", "30"]),
        stderr=subprocess.PIPE,
    )
    assert program.stderr is not None
    found = re.search(r"http://127\.0\.0\.1:(\d+)/metrics", program.stderr.readline().decode())
    assert found
    until(lambda: scrape(found[1])["wattui_recorder_up"], "the first page")
    program.send_signal(signal.SIGSTOP)  # a front end that is suspended changes nothing
    row_s = scrape(found[1])["wattui_row_seconds"]
    until(lambda: scrape(found[1])["wattui_row_seconds"] > row_s, "a later row")
    program.send_signal(signal.SIGCONT)
    pid = place.recorder_of(program.pid)
    os.kill(pid, signal.SIGSTOP)
    try:
        end_s = time.monotonic() + 20
        while (metrics := scrape(found[1]))["wattui_recorder_up"] and time.monotonic() < end_s:
            time.sleep(0.2)
        assert metrics == {"wattui_recorder_up": 0.0}
        shown = place.run([*WATTUI, "status", str(place.csv)])
        assert shown.status == 1
        assert f"the recorder (process {pid}) has not responded for" in shown.out.decode()
    finally:
        os.kill(pid, signal.SIGCONT)
    program.terminate()
    program.stderr.read()
    program.wait()
