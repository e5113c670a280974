"""Runs every peer through the same window on the bench, with and without a counter wrap."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
import psutil

import wattui
from benchmarks import machine
from benchmarks.peers.window import BEGIN_S, END_S
from benchmarks.recording import cpu_ns
from benchmarks.table import Table, number, say
from testbench import topologies
from testbench.curves import Steps
from testbench.sandbox import Bench
from testbench.zones import INTEL, Topology

ROOT = Path(__file__).resolve().parents[2]
INSTALL_S, RUN_S = 600, 60
WRAP_S = 10.5
LOOK_S = (BEGIN_S, END_S)
# So little outside the pulse that a peer's exact start and end do not matter.
PACKAGE_W, DRAM_W = (0.1, 80.0), (0.1, 6.0)


@dataclass(frozen=True)
class Peer:
    """A meter: its pip requirement (None: this project), and its driver's module."""

    name: str
    requirement: str | None
    driver: str


PEERS = (
    Peer("wattui", None, "wattui_run"),
    Peer("pyRAPL", "pyRAPL==0.2.3.1", "pyrapl"),
    Peer("pyJoules", "pyJoules==0.5.1", "pyjoules"),
    Peer("CodeCarbon", "codecarbon==3.3.2", "codecarbon_tracker"),
    Peer("Zeus", "zeus==0.16.0", "zeus_monitor"),
    Peer("landauer-gap", "landauer-gap==0.8.0", "landauer_gap"),
    Peer("powerlog", "powerlog==0.1.2", "powerlog_run"),
)
HEADINGS = (
    "", "package J", "true J", "error %", "DRAM J", "true J", "error %", "CPU ms", "CPU s in total",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """Measured joules (None: not measured) and true ones; CPU time in the pulse and in total."""

    package_j: float | None
    true_package_j: float
    dram_j: float | None
    true_dram_j: float
    pulse_ms: float
    whole_s: float
    how: str


class UnusableError(Exception):
    """A peer could not be installed or could not measure; the text says why."""


def tables(quick: bool) -> list[Table]:
    """One table without a wrap and one with a wrap of both counters in mid-pulse."""
    if reason := machine.missing():
        say(f"peers: skipped: {reason}")
        return []
    repeats = 1 if quick else 3
    pythons: dict[str, Path | str] = {}
    for peer in PEERS:
        try:
            pythons[peer.name] = environment_python(peer)
        except UnusableError as error:
            pythons[peer.name] = str(error)
    return [_table(wraps, pythons, repeats) for wraps in (False, True)]


def _table(wraps: bool, pythons: dict[str, Path | str], repeats: int) -> Table:
    rows, notes = [], []
    for peer in PEERS:
        say(f"peers: {peer.name}, {'a wrap' if wraps else 'no wrap'}")
        outcomes, reason = [], str(pythons[peer.name])
        if isinstance(python := pythons[peer.name], Path):
            try:
                outcomes = [_measure(peer, python, wraps) for _ in range(repeats)]
            except UnusableError as error:
                reason = str(error)
        name = f"{peer.name} {(peer.requirement or wattui.__version__).rpartition('=')[2]}"
        if outcomes:
            rows.append([name, *_cells(outcomes)])
            notes.append(f"{peer.name}: {outcomes[0].how}.")
        else:
            rows.append([name, "skipped", *[""] * 7])
            notes.append(f"{peer.name}: skipped: {reason}.")
    where = "one wrap of each counter inside" if wraps else "no wrap"
    about = (
        f"Median of {repeats}, largest error; –: not reported. CPU ms: all its processes in "
        f"the {END_S - BEGIN_S:g} s pulse; CPU s in total: from start to end."
    )
    return Table(
        f"Peers on the same pulse of known joules, {where}", HEADINGS, rows, (about, *notes)
    )


def _cells(outcomes: list[Outcome]) -> Iterator[str]:
    """Joules, truth and error by domain; processor time."""
    for domain in ("package", "dram"):
        true_j = statistics.median(getattr(outcome, f"true_{domain}_j") for outcome in outcomes)
        found = [getattr(outcome, f"{domain}_j") for outcome in outcomes]
        if any(value is None for value in found):
            yield from ("–", number(true_j), "–")
            continue
        errors = [
            100 * (j / getattr(outcome, f"true_{domain}_j") - 1)
            for j, outcome in zip(found, outcomes, strict=True)
        ]
        yield from (number(statistics.median(found)), number(true_j))
        yield f"{max(errors, key=abs):+.3f}"
    yield number(statistics.median(outcome.pulse_ms for outcome in outcomes))
    yield number(statistics.median(outcome.whole_s for outcome in outcomes))


def _machine(wraps: bool) -> Topology:
    """One socket with DRAM, quiet except for the pulse."""
    package, dram = (
        Steps((0.0, BEGIN_S, END_S), (low_w, high_w, low_w))
        for low_w, high_w in (PACKAGE_W, DRAM_W)
    )
    topology = topologies.plain(package, dram)
    if not wraps:
        return topology
    for domain, curve in (("package0", package), ("dram0", dram)):
        counter = INTEL.wrapping_at(curve, WRAP_S)
        topology = topology.changed(domain, counter=counter)
    return topology


def _measure(peer: Peer, python: Path, wraps: bool) -> Outcome:
    with (
        tempfile.TemporaryDirectory() as folder,
        Bench(_machine(wraps)) as sandbox,
    ):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = sandbox.popen(
            [str(python), "-m", f"benchmarks.peers.{peer.driver}"],
            cwd=folder,
            env={"HOME": folder, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        pulse_ms = _pulse_ms(process.pid, sandbox)
        try:
            said, errors = process.communicate(timeout=RUN_S)
        except subprocess.TimeoutExpired:
            raise UnusableError(f"it did not end in {RUN_S} s") from None
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if process.returncode:
            raise UnusableError((errors.strip().splitlines() or ["it failed"])[-1])
        found = json.loads(said.splitlines()[-1])
        return Outcome(
            sum(found["package"]) if found["package"] else None,
            sandbox.true_j("package0", *found["window"]),
            sum(found["dram"]) if found["dram"] else None,
            sandbox.true_j("dram0", *found["window"]),
            pulse_ms,
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            found["how"],
        )


def _pulse_ms(pid: int, sandbox: Any) -> float:
    """Processor time of a process and its descendants while the pulse lasts."""
    spent_ns = []
    for edge_s in LOOK_S:
        time.sleep(max(0.0, edge_s - sandbox.seconds(time.monotonic_ns())))
        spent_ns.append(_tree_cpu_ns(pid))
    first, last = spent_ns
    return sum(last[pid] - first.get(pid, 0) for pid in last) * 1e-6


def _tree_cpu_ns(pid: int) -> dict[int, int]:
    found = {}
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(OSError):
                found[process.pid] = cpu_ns(process.pid)
    return found


def environment_python(peer: Peer) -> Path:
    """The interpreter of the peer's environment, made at the first use and kept."""
    if peer.requirement is None:
        return Path(sys.executable)
    folder = platformdirs.user_cache_path("wattui") / "benchmarks" / peer.requirement
    python, ready = folder / "bin/python", folder / ".ready"
    if ready.exists():
        return python
    say(f"peers: installing {peer.requirement} into {folder}")
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", peer.requirement]
    try:
        for argv in ([sys.executable, "-m", "venv", "--clear", str(folder)], [str(python), *pip]):
            subprocess.run(
                argv, check=True, capture_output=True, text=True, timeout=INSTALL_S, env=_clean()
            )
    except subprocess.CalledProcessError as error:
        raise UnusableError(_last_line(error.stderr)) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnusableError(f"not installed: {error}") from None
    ready.touch()
    return python


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it failed"])[-1]
