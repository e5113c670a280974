"""The processes that the recorder counts: read, sorted, and as texts of a table. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from recorders.wire import Message
from wattui.clean import one_line, short

UNKNOWN = "–"
MARK = "●"


@dataclass(frozen=True, slots=True)
class Process:
    """One process; shares are in per cent of time, memory in MiB, None is unknown.

    `uses` has the share and the memory of each GPU that it uses, `share_pct` its part of what all
    processes together use of one device.
    """

    pid: int
    name: str
    user: str
    cpu_pct: float | None
    gpu_pct: float | None
    gpu_mib: float | None
    memory_mib: float | None
    of_command: bool
    uses: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    share_pct: float | None = None


@dataclass(frozen=True, slots=True)
class Processes:
    """All processes at one moment; `left_out` is the number of those that are not listed."""

    gpus: tuple[str, ...]
    processes: tuple[Process, ...]
    left_out: int = 0

    @property
    def is_partly_unknown(self) -> bool:
        """Whether some could not be looked at."""
        return bool(self.gpus) and any(each.gpu_pct is None for each in self.processes)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: its width, the text of a process, and what sorts it; numbers are
    sorted from the largest."""

    title: str
    width: int
    text: Callable[[Process], str]
    value: Callable[[Process], Any] | None = None
    is_number: bool = True
    of_gpu: bool = False


def _pct(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.1f}"


def _mib(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.0f}"


MARKED = Column("", 1, lambda p: MARK if p.of_command else "", is_number=False)
NAME = Column("process", 15, lambda p: short(p.name, 15), lambda p: p.name.lower(), False)
PID = Column("pid", 7, lambda p: str(p.pid))
USER = Column("user", 8, lambda p: short(p.user, 8), lambda p: p.user.lower(), False)
CPU = Column("CPU %", 6, lambda p: _pct(p.cpu_pct), lambda p: p.cpu_pct)
GPU = Column("GPU %", 6, lambda p: _pct(p.gpu_pct), lambda p: p.gpu_pct, of_gpu=True)
GPU_MEMORY = Column("GPU MiB", 8, lambda p: _mib(p.gpu_mib), lambda p: p.gpu_mib, of_gpu=True)
MEMORY = Column("MiB", 7, lambda p: _mib(p.memory_mib), lambda p: p.memory_mib)
SHARE = Column("share %", 8, lambda p: _pct(p.share_pct), lambda p: p.share_pct)
COLUMNS = (MARKED, NAME, PID, USER, CPU, GPU, GPU_MEMORY, MEMORY)
OF_DEVICE = (MARKED, NAME, PID, CPU, GPU, SHARE, GPU_MEMORY, MEMORY)


def read_processes(message: Message) -> Processes:
    """The recorder's table, with every text on one line."""
    rows = (
        Process(pid, one_line(name), one_line(user), cpu, gpu, gpu_mib, mib, own, _uses(uses))
        for pid, name, user, cpu, gpu, gpu_mib, mib, own, uses in message["rows"]
    )
    return Processes(tuple(message["gpus"]), tuple(rows), message["left_out"])


def _uses(found: Mapping[str, Sequence[float | None]]) -> dict[str, tuple[float | None, ...]]:
    return {gpu: tuple(use) for gpu, use in found.items()}


def columns(gpus: Sequence[str], known: Sequence[Column] = COLUMNS) -> tuple[Column, ...]:
    """Those of the columns that a machine with these GPUs has."""
    return tuple(each for each in known if gpus or not each.of_gpu)


def of_device(found: Processes, gpu: str) -> Processes:
    """The processes that use a GPU, with their use of it alone; of the processor (""), all of them.

    Shares are unknown unless the use of every process is known.
    """
    if not gpu:
        return replace(found, processes=_shared(found.processes, lambda p: p.cpu_pct))
    users = [
        replace(each, gpu_pct=each.uses[gpu][0], gpu_mib=each.uses[gpu][1])
        for each in found.processes
        if gpu in each.uses
    ]
    if not found.is_partly_unknown:
        users = list(_shared(users, lambda p: p.gpu_pct))
    return replace(found, processes=tuple(users), left_out=0)


def _shared(
    processes: Sequence[Process], use: Callable[[Process], float | None]
) -> tuple[Process, ...]:
    """With each one's part of the use of all; a process that has just begun has none yet."""
    whole = math.fsum(use(each) or 0.0 for each in processes)
    return tuple(
        each
        if (used := use(each)) is None or not whole
        else replace(each, share_pct=100 * used / whole)
        for each in processes
    )


def ordered(processes: Sequence[Process], by: Column) -> list[Process]:
    """Sorted by a column: numbers from the largest, the unknown last; then by CPU share."""

    def key(process: Process) -> tuple[Any, ...]:
        value = by.value(process) if by.value else None
        first = (value is None, -value if by.is_number and value is not None else value or "")
        return (*first, -(process.cpu_pct or 0.0), process.pid)

    return sorted(processes, key=key)


def use_pct(process: Process) -> float:
    """Its shares of the processors' and the GPUs' time together, as far as known."""
    return (process.cpu_pct or 0.0) + (process.gpu_pct or 0.0)


def command_text(found: Processes) -> str:
    """The use of the command's processes together; empty if none runs."""
    own = [each for each in found.processes if each.of_command]
    if not own:
        return ""
    words = [f"{_pct(_sum([each.cpu_pct for each in own]))} % CPU"]
    if found.gpus:
        words.append(f"{_pct(_sum([each.gpu_pct for each in own]))} % GPU")
        words.append(f"{_mib(_sum([each.gpu_mib for each in own]))} MiB on GPUs")
    count = f"{len(own)} process{'es' * (len(own) > 1)}"
    return f"{MARK} the command, {count}: {', '.join(words)}"


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) if len(known) == len(values) else None
