"""Expected results of a recording on the test bench, and what other users need to make one."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from recorders.recorder import APART_NS
from testbench.recording import BenchRecording

NOBODY = 65534
OWN = ("recorders", "wattui")
OTHERS = ("rich", "markdown_it", "mdurl", "pygments", "psutil", "pynvml", "pyRAPL", "platformdirs")

REFRESH_S = 0.001
EXACT_SHARE = 0.001
APART_S = APART_NS * 1e-9
# The share of the cells whose reads are interrupted for long on a busy machine.
FEW = 0.02


def allowed_j(true_j: float, seconds: float) -> float:
    """0.1 % of a phase of 1 s or more; else one refresh of the counter and half of one for reads
    that had to wait for a processor."""
    return true_j * (EXACT_SHARE if seconds >= 1 else 1.5 * REFRESH_S / seconds)


def assert_exact(recording: BenchRecording, label: str, *channels: str) -> None:
    """The rows and the summary hold the true joules of a phase."""
    assert_rows_exact(recording, label, *channels)
    for channel in channels:
        block_j, summed_j = (
            of(channel, label) for of in (recording.true_block_j, recording.summed_j)
        )
        most_j = _most_j(recording, label, channel)
        assert summed_j == pytest.approx(block_j, rel=0, abs=most_j), channel


def assert_rows_exact(recording: BenchRecording, label: str, *channels: str) -> None:
    """The rows hold the true joules of a phase."""
    for channel in channels:
        true_j, energy_j = (of(channel, label) for of in (recording.true_j, recording.energy_j))
        most_j = _most_j(recording, label, channel)
        assert energy_j == pytest.approx(true_j, rel=0, abs=most_j), channel


def _most_j(recording: BenchRecording, label: str, channel: str) -> float:
    """Its own thread reads a GPU, so its readings may lie APART_S from their rows."""
    true_j, seconds = recording.true_j(channel, label), recording.seconds(label)
    with_gpu = recording.has_gpus and channel.startswith(("gpu", "total"))
    return allowed_j(true_j, seconds) + (true_j / seconds * APART_S if with_gpu else 0.0)


def assert_covered(recording: BenchRecording, label: str, *channels: str) -> None:
    """The only running phase's energy is within the ± of the summary, however long it took to read
    the counters."""
    domains = recording.run["summary"]["running"]["domains"]
    for channel in channels:
        figure, true_j = domains[channel]["running_j"], recording.true_block_j(channel, label)
        assert figure["value"] == pytest.approx(true_j, rel=0, abs=figure["plus_minus"]), channel


def assert_on_curve(recording: BenchRecording, channel: str, peak_w: float, apart_s: float) -> None:
    """A channel's cells are its true energy within apart_s of the row's time.

    The process may lose the processor between a counter's answer and the time that it is given: no
    cell is further away than the longest read of its source, as run.json has it, and few are.
    """
    longest_s = recording.longest_read_s("nvml" if channel.startswith("gpu") else "powercap")
    off_s = [
        abs(float(row[f"{channel}_J"]) - recording.since_start_j(channel, row)) / peak_w
        for row in recording.rows
        if row[f"{channel}_J"]
    ]
    assert len(off_s) > 20
    assert max(off_s) <= apart_s + longest_s
    assert sum(each > apart_s for each in off_s) <= len(off_s) * FEW


def assert_never_falls(recording: BenchRecording) -> None:
    """No energy column ever falls or is negative, and no power is."""
    for column in recording.rows[0]:
        if column.endswith(("_J", "_W")):
            values = [float(row[column]) for row in recording.rows if row[column]]
            assert min(values, default=0.0) >= 0.0, column
            if column.endswith("_J"):
                assert values == sorted(values), column


def readable_copies(folder: Path) -> Path:
    """The modules that a recording needs, where every user may read them."""
    folder.mkdir()
    for name in (*OWN, *OTHERS):
        spec = importlib.util.find_spec(name)
        assert spec, name
        assert spec.origin, name
        origin = Path(spec.origin)
        if origin.name == "__init__.py":
            shutil.copytree(origin.parent, folder / name)
        else:
            shutil.copy(origin, folder)
    subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
    return folder


@cache
def interpreter_for_all() -> str | None:
    """A Python of this version that any user may run."""
    name = f"python3.{sys.version_info.minor}"
    places = [Path(sys.executable).resolve(), Path("/usr/bin", name), Path("/usr/local/bin", name)]
    for place in places:
        with suppress(OSError):
            tried = [str(place), "-S", "-c", ""]
            subprocess.run(tried, check=True, user=NOBODY, group=NOBODY, extra_groups=(), cwd="/")
            return str(place)
    return None
