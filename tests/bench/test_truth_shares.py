"""Recorded shares of GPUs: the command's processes, and those of others, as NVML tells them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from recorders.summary.summary import summarise
from testbench import topologies
from testbench.curves import Constant
from testbench.fakenvml import FakeNvml, Gpu, NvmlFault
from testbench.recording import BenchRecording, record
from testbench.sandbox import Bench
from wattui.runs.reduce import reduce_csv

from .conftest import MakeBench

pytestmark = [pytest.mark.needs_bench, pytest.mark.needs_nvml]

USE = """
import os, time
def use(*lines):
    with open(os.environ["FAKE_NVML_CONFIG"] + ".processes", "a") as file:
        file.writelines(f"{line}\\n" for line in lines)
"""
# Two processes of the command, on two GPUs.
COMMAND = f"""{USE}
child = os.fork()
use(f"0 {{os.getpid()}} 30 1000", f"1 {{os.getpid()}} 5 -1") if child else use(
    f"0 {{os.getpid()}} 25 500")
time.sleep(4)
"""
OTHER = f"""{USE}
use(f"0 {{os.getpid()}} 35 4000")
time.sleep(60)
"""
PLAIN = topologies.plain(package=Constant(50.0))
GPU = Gpu(Constant(200.0))


@pytest.fixture(autouse=True)
def _no_choice_of_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def shared(bench: Bench, folder: Path) -> BenchRecording:
    """A recording of the command while another program uses gpu0."""
    other = bench.popen([sys.executable, "-c", OTHER], stdout=subprocess.DEVNULL)
    try:
        return record(bench, folder, COMMAND, rate_hz=10.0)
    finally:
        other.kill()


def values(recording: BenchRecording, column: str) -> set[float]:
    return {float(row[column]) for row in recording.rows if row[column]}


def test_the_commands_share_is_that_of_its_processes_and_others_are_named(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    recording = shared(make_bench(PLAIN, FakeNvml((GPU, GPU))), tmp_path)
    # The first reading may be before the child's.
    assert max(values(recording, "command_gpu0_pct")) == 55.0
    assert max(values(recording, "command_gpu0_mem_MiB")) == 1500.0
    assert max(values(recording, "command_gpu1_pct")) == 5.0
    assert values(recording, "command_gpu1_mem_MiB") <= {0.0}
    shares = {share["device"]: share for share in recording.run["summary"]["shares"]}
    assert shares["gpu0"]["memory_mib"] == 1500.0
    assert summarise(reduce_csv(recording.path)).to_dict() == recording.run["summary"]
    (flag,) = (f for f in recording.run["summary"]["flags"] if f["where"] == "gpu0")
    assert flag["name"] == "foreign_load"
    assert flag["text"].endswith("used 35 % of gpu0")
    assert "python" in flag["text"]


def test_a_driver_that_does_not_tell_has_no_such_channels(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    silent = NvmlFault("nvmlDeviceGetProcessUtilization", 3)
    recording = shared(
        make_bench(PLAIN, FakeNvml((Gpu(Constant(9.0), faults=(silent,)),))), tmp_path
    )
    assert "command_gpu0_pct" not in recording.rows[0]
    assert max(values(recording, "command_gpu0_mem_MiB")) == 1500.0
    (missing,) = (m for m in recording.run["missing"] if m["source"] == "gpu shares")
    assert "does not tell" in missing["reason"]
