"""Blocks of code shorter than a counter's refresh, on the bench: the error of each tool's joules.

Each tool marks the same blocks with its own calls. The truth is the energy of the block alone.
"""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks import machine
from benchmarks.peers.compare import PEERS, ROOT, Peer, UnusableError, environment_python
from benchmarks.table import Table, say
from testbench import topologies
from testbench.curves import Constant, Driven, make_drive
from testbench.fakenvml import FakeNvml, Gpu
from testbench.sandbox import Bench

TITLE = "Blocks of code, marked with each tool's own calls"
SEED, RUN_S, LONGER, QUICK = 13, 90, 1.1, 0.08
# Blocks are so much shorter or longer than their row says: at steady power, a difference of two
# readings would be right by chance if they were a whole number of refreshes.
UNEVEN = 0.25
# A recorder finds out meanwhile how often a slow counter is refreshed.
SETTLE_S = 1.5
STEADY_W, QUIET_W, BUSY_W, DRAM_W, REFRESH_S = 50.0, 20.0, 80.0, 3.0, 0.1
RAPL, GPU = "package0", "gpu0"
LOADS = {"steady": (STEADY_W, STEADY_W), "stepping": (QUIET_W, BUSY_W)}


class Length(NamedTuple):
    """Blocks of one length, as many after so long a pause (up to half as long again), seconds."""

    channel: str
    seconds: float
    pause_s: float
    many: int


LENGTHS = (
    Length(RAPL, 0.003, 0.04, 40),
    Length(RAPL, 0.01, 0.04, 40),
    Length(RAPL, 0.03, 0.04, 20),
    Length(RAPL, 0.1, 0.04, 12),
    Length(GPU, 0.1, 0.25, 10),
    Length(GPU, 0.3, 0.25, 8),
    Length(GPU, 1.0, 0.25, 4),
)
NAMES = {RAPL: "a CPU (RAPL)", GPU: "a GPU refreshed every 100 ms"}
WORDS = {"steady": "steady power", "stepping": "load in the block only"}
PYJOULES = Peer("pyJoules", "pyJoules[nvidia]==0.5.1", "marking")


class Column(NamedTuple):
    """A tool's name, its program, and why it gives nothing for a channel that it cannot read."""

    tool: str
    program: str
    cannot: Mapping[str, str]


COLUMNS = (
    Column("wattui", "wattui", {}),
    Column("wattui, align=True", "wattui-aligned", {}),
    Column("pyRAPL", "pyRAPL", {GPU: "it reads no GPU"}),
    Column("pyJoules", "pyJoules", {}),
    Column("CodeCarbon", "CodeCarbon", {}),
    Column("Zeus", "Zeus", {}),
)

# Label, wait before it, duration (s), power around and in it (W).
Block = tuple[str, float, float, float, float]


@dataclass(frozen=True)
class Marked:
    """A block as a tool measured it: joules (None: it gave none), the true ones, ±, and how many
    times as long as asked it took."""

    found_j: float | None
    true_j: float
    plus_minus_j: float | None = None
    longer: float = 1.0


# By load, channel and length.
Row = tuple[str, str, float]
Cells = dict[Row, list[Marked]]


def blocks(channel: str, share: float = 1.0) -> list[Block]:
    """The blocks for one channel, or a share of them, in a random order within each load."""
    choose = random.Random(SEED)
    found: list[Block] = []
    for load, (around_w, busy_w) in LOADS.items():
        here = [
            (length, number)
            for length in LENGTHS
            if length.channel == channel
            for number in range(round(length.many * share))
        ]
        choose.shuffle(here)
        for length, number in here:
            wait_s = length.pause_s * choose.uniform(1.0, 1.5) + (0.0 if found else SETTLE_S)
            lasts_s = length.seconds * choose.uniform(1 - UNEVEN, 1 + UNEVEN)
            label = f"{load} {length.seconds:g} {number}"
            found.append((label, wait_s, lasts_s, around_w, busy_w))
    return found


def rms_pct(marked: Iterable[Marked]) -> float | None:
    """RMS error of the joules that were given, in % of the true ones; None without any."""
    shares = [each.found_j / each.true_j - 1 for each in marked if each.found_j is not None]
    return 100 * math.sqrt(math.fsum(s * s for s in shares) / len(shares)) if shares else None


def inside_pct(marked: Iterable[Marked]) -> float | None:
    """The share of the true joules that are within ±, %; an unknown ± contains nothing."""
    given = [each for each in marked if each.found_j is not None]
    inside = [
        each.plus_minus_j is not None and abs(each.found_j - each.true_j) <= each.plus_minus_j
        for each in given
        if each.found_j is not None
    ]
    return 100 * sum(inside) / len(inside) if inside else None


def error_cell(marked: Sequence[Marked]) -> str:
    """RMS error, and how many have a figure if not all do; – if none does or all are 0 J."""
    error_pct = rms_pct(marked)
    if error_pct is None or not any(each.found_j for each in marked):
        return "–"
    text = f"{error_pct:.2g}" if error_pct < 100 else f"{error_pct:.0f}"
    given = sum(each.found_j is not None for each in marked)
    return text if given == len(marked) else f"{text} [{given}/{len(marked)}]"


def tables(quick: bool) -> list[Table]:
    """The table, after every tool has run."""
    if reason := machine.missing():
        return [Table(TITLE, ("",), (), (f"Skipped: {reason}.",))]
    before, share = os.getloadavg(), QUICK if quick else 1.0
    found: dict[str, Cells] = {}
    reasons: list[str] = []
    for tool, program, cannot in COLUMNS:
        cells = found.setdefault(program, {})
        for channel in (RAPL, GPU):
            say(f"short: {tool} on {NAMES[channel]}")
            if why := cannot.get(channel):
                reasons.append(f"{tool} on {NAMES[channel]}: –, as {why}.")
                continue
            try:
                cells |= _measured(program, channel, blocks(channel, share))
            except UnusableError as error:
                reasons.append(f"{tool} on {NAMES[channel]}: –: {error}.")
    return [table(found, reasons, before, os.getloadavg())]


def table(
    found: Mapping[str, Cells],
    reasons: Sequence[str] = (),
    before: Sequence[float] = (),
    after: Sequence[float] = (),
) -> Table:
    """RMS errors by block and tool."""
    headings = ["block of code", "blocks"]
    for tool, program, _ in COLUMNS:
        headings += [tool, "inside ±"] if program.startswith("wattui") else [tool]
    rows = []
    for load in LOADS:
        for length in LENGTHS:
            key = load, length.channel, length.seconds
            every = {program: cells.get(key, []) for program, cells in found.items()}
            if not any(every.values()):
                continue
            line = [_block_text(*key)]
            line.append(str(max(map(len, every.values()), default=0)))
            for _, program, _ in COLUMNS:
                marked = every.get(program, [])
                line.append(error_cell(marked))
                if program.startswith("wattui"):
                    inside = inside_pct(marked)
                    line.append("–" if inside is None else f"{inside:.0f} %")
            rows.append(line)
    notes = (
        "RMS error of a block's energy, in % of the true one. The truth is the same for each tool: "
        "the energy from the return of its first call to the making of its last, which is what a "
        "user's code used. What a tool's own calls add to that is an error, and wattui's ± must "
        "cover it: `inside ±` is the share of blocks where it does.",
        f"Steady power: always {STEADY_W:g} W. Load in the block only: {BUSY_W:g} W, and "
        f"{QUIET_W:g} W around it. Blocks last up to {100 * UNEVEN:g} % less or more than stated, "
        f"and are the same for each tool. –: no figure. [k/n]: k of n blocks have a figure.",
        *reasons,
        *_zeros(found),
        *_longer(found),
        f"Load before {_load(before)}, after {_load(after)}.",
    )
    return Table(TITLE, headings, rows, notes)


def _block_text(load: str, channel: str, seconds: float) -> str:
    return f"{1000 * seconds:g} ms on {NAMES[channel]}, {WORDS[load]}"


def _zeros(found: Mapping[str, Cells]) -> list[str]:
    """Where a tool gave 0 J for every block of a row."""
    return [
        f"{program}, {_block_text(*row)}: –, as it gave 0 J for each of {len(marked)} blocks."
        for program, cells in found.items()
        for row, marked in cells.items()
        if marked and all(each.found_j == 0 for each in marked)
    ]


def _longer(found: Mapping[str, Cells]) -> list[str]:
    """How many blocks the machine drew out: their truth is that of the time they took."""
    every = [each for cells in found.values() for marked in cells.values() for each in marked]
    late = sum(each.longer > LONGER for each in every)
    return [
        f"{late} of {len(every)} blocks took over {100 * (LONGER - 1):.0f} % longer than asked, as "
        "other programs had the processor; the truth is that of the time they took."
    ]


def _load(load: Sequence[float]) -> str:
    return " ".join(f"{each:.2f}" for each in load)


def _measured(program: str, channel: str, here: Sequence[Block]) -> Cells:
    """Run the blocks with one tool on a machine with the channel."""
    python = _interpreter(program)  # installed before the bench's time begins
    ours = program.startswith("wattui")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        drive = folder / "drive"
        make_drive(drive)
        load = Driven(STEADY_W, str(drive))
        gpus = FakeNvml((Gpu(load, energy_refresh_s=REFRESH_S),)) if channel == GPU else None
        own = {"HOME": name, "XDG_CONFIG_HOME": name, "PYTHONPATH": str(ROOT)}
        if gpus:
            own["PATH"] = f"{_with_nvidia_smi(folder)}:{os.environ['PATH']}"
        with Bench(topologies.plain(load, Constant(DRAM_W)), gpus) as bench:
            (folder / "blocks.json").write_text(json.dumps(here))
            argv = ["-m", "benchmarks.peers.marking", program, "blocks.json", "marked.json"]
            argv = [str(python), *argv, str(drive)]
            if ours:
                options = ["--headless", "--quiet", "--all-gpus", "--idle", "0", "--csv", "run.csv"]
                argv = [sys.executable, "-m", "wattui", *options, "--", *argv]
            try:
                done = bench.run(argv, cwd=folder, env=own, timeout=RUN_S)
            except subprocess.TimeoutExpired:
                raise UnusableError(f"it did not end in {RUN_S} s") from None
            if done.returncode:
                raise UnusableError((done.stderr.strip().splitlines() or ["it failed"])[-1])
            figures = _ours(folder / "run.json", channel) if ours else {}
            found: Cells = {}
            asked_s = {block[0]: block[2] for block in here}
            for label, begin_ns, end_ns, joules in json.loads((folder / "marked.json").read_text()):
                load_name, seconds_text, _ = label.split()
                found_j, plus_minus_j = figures.get(label, (joules.get(channel), None))
                true_j = bench.true_j(channel, begin_ns, end_ns)
                longer = (end_ns - begin_ns) * 1e-9 / asked_s[label]
                cells = found.setdefault((load_name, channel, float(seconds_text)), [])
                cells.append(Marked(found_j, true_j, plus_minus_j, longer))
            return found


def _with_nvidia_smi(folder: Path) -> Path:
    """A folder with a program of that name, without which CodeCarbon looks for no GPU."""
    programs = folder / "bin"
    programs.mkdir()
    smi = programs / "nvidia-smi"
    smi.write_text("#!/bin/sh\n")
    smi.chmod(0o755)
    return programs


def _ours(run: Path, channel: str) -> dict[str, tuple[float | None, float | None]]:
    """Joules and ± by label, from run.json."""
    return {
        group["label"]: (domain["running_j"]["value"], domain["running_j"]["plus_minus"])
        for group in json.loads(run.read_text())["summary"]["labels"]
        if (domain := group["domains"].get(channel)) and domain["running_j"]
    }


def _interpreter(program: str) -> Path:
    """The Python of a program's tool."""
    tool = program.removesuffix("-aligned")
    peers = {peer.name: peer for peer in (*PEERS, PYJOULES)}
    return environment_python(peers[tool])
