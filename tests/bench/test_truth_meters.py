"""Sensors inside a machine and three kinds of meters outside it, in one file with known joules."""

from __future__ import annotations

import json
import os
import pty
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from recorders.summary.summary import summarise
from testbench import topologies
from testbench.curves import Constant
from testbench.fakenvml import FakeNvml, Gpu
from testbench.recording import record
from tests.support.meters import plug
from wattui.runs.reduce import reduce_csv

from .conftest import MakeBench

pytestmark = [pytest.mark.needs_bench, pytest.mark.needs_nvml, pytest.mark.quiet]

PACKAGE_W, DRAM_W, GPU_W = 60.0, 5.0, 200.0
INSIDE_W = PACKAGE_W + DRAM_W + GPU_W
PLUG_W, SERIAL_W, TYPED_W = 330.0, 324.0, 331.0
WATTS = {"total": INSIDE_W, "wall": PLUG_W, "usb": SERIAL_W, "hand": TYPED_W}
# What a user types into the dashboard reaches the recorder as the same request.
COMMAND = f"""
import json, os, socket, time, wattui
link = socket.socket(socket.AF_UNIX)
link.connect(os.environ["WATTUI_RUN"] + "/socket")
with wattui.phase("running", label="b1"):
    wattui.count(10)
    asked = {{"do": "meter", "name": "hand", "power_w": {TYPED_W}}}
    link.sendall(json.dumps(asked).encode() + b"\\n")
    assert "error" not in json.loads(link.makefile().readline())
    time.sleep(3)
"""


@contextmanager
def serial_meter() -> Iterator[str]:
    """A port on which volts and amperes arrive five times a second."""
    device, port = pty.openpty()
    os.set_blocking(device, False)
    ended = threading.Event()

    def send() -> None:
        while not ended.wait(0.2):
            with suppress(BlockingIOError):
                os.write(device, b"12.0 27.0\r\n")

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield os.ttyname(port)
    finally:
        ended.set()
        thread.join()
        os.close(device)
        os.close(port)


def of_plug(path: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
    counted_wh = round(PLUG_W * time.monotonic() / 3600, 3)
    return 200, {}, json.dumps({"apower": PLUG_W, "aenergy": {"total": counted_wh}}).encode()


def test_rapl_a_gpu_a_plug_a_serial_meter_and_one_read_by_hand_are_one_file(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    machine = topologies.plain(package=Constant(PACKAGE_W), dram=Constant(DRAM_W))
    bench = make_bench(machine, FakeNvml((Gpu(Constant(GPU_W)),)))
    with plug() as device, serial_meter() as port:
        device.answer = of_plug
        meters = f"wall=shelly2:{device.host}", f"usb=serial:{port}", "hand=manual"
        options = ["--idle", "3", *(text for meter in meters for text in ("--meter", meter))]
        recording = record(bench, tmp_path, COMMAND, rate_hz=10, options=options)
    inside = {"package0_J", "dram0_J", "gpu0_J", "total_J"}
    assert recording.energy_columns == {*inside, "meter_wall_J", "meter_usb_J", "meter_hand_J"}
    summary = recording.run["summary"]
    assert summary["headline"] == "total"
    running = summary["running"]
    for name, watts in WATTS.items():
        domain = running["domains"][name if name == "total" else f"meter_{name}"]
        found = domain["running_j"]
        assert found["value"] == pytest.approx(watts * running["seconds"], rel=0.01), name
    coverage = {each["meter"]: each for each in summary["coverage"]}
    assert coverage["meter_wall"]["idle"] == pytest.approx(INSIDE_W / PLUG_W, abs=0.01)
    for name in ("wall", "usb", "hand"):
        share = coverage[f"meter_{name}"]["running"]["value"]
        assert share == pytest.approx(INSIDE_W / WATTS[name], abs=0.01)
    assert "of meter_wall" in recording.said
    assert summarise(reduce_csv(recording.path)).to_dict() == summary
