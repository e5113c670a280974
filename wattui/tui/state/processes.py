"""The processes that the recorder counts: read, sorted, and as texts of a table. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from recorders.wire import Message
from wattui.clean import one_line, short

UNKNOWN = "–"
MARK = "●"


@dataclass(frozen=True, slots=True)
class Process:
    """One process; shares are in per cent of time, memory in MiB, None is unknown."""

    pid: int
    name: str
    user: str
    cpu_pct: float | None
    gpu_pct: float | None
    gpu_mib: float | None
    memory_mib: float | None
    of_command: bool


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
COLUMNS = (MARKED, NAME, PID, USER, CPU, GPU, GPU_MEMORY, MEMORY)


def read_processes(message: Message) -> Processes:
    """The recorder's table, with every text on one line."""
    rows = (
        Process(pid, one_line(name), one_line(user), *numbers)
        for pid, name, user, *numbers in message["rows"]
    )
    return Processes(tuple(message["gpus"]), tuple(rows), message["left_out"])


def columns(gpus: Sequence[str]) -> tuple[Column, ...]:
    """The columns of a machine with these GPUs."""
    return tuple(each for each in COLUMNS if gpus or not each.of_gpu)


def ordered(processes: Sequence[Process], by: Column) -> list[Process]:
    """Sorted by a column: numbers from the largest, the unknown last; then by CPU share."""

    def key(process: Process) -> tuple[Any, ...]:
        value = by.value(process) if by.value else None
        first = (value is None, -value if by.is_number and value is not None else value or "")
        return (*first, -(process.cpu_pct or 0.0), process.pid)

    return sorted(processes, key=key)


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
