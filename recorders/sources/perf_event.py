"""Opens events of the kernel's perf subsystem, without a library. See perf_event_open(2)."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from dataclasses import dataclass
from typing import NamedTuple, Protocol

# Numbers of perf_event_open: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic.
SYSCALLS = {"x86_64": 298, "aarch64": 241, "riscv64": 241}
# struct perf_event_attr up to config2, and zeros up to PERF_ATTR_SIZE_VER7: type, size, config,
# sample_period and sample_type (0), read_format, flags, wakeup_events and bp_type (0), config1 and
# config2.
_ATTR, _ATTR_BYTES = struct.Struct("=IIQ16xQQ8xQQ"), 128
_CLOSE_ON_EXEC = 8
_COUNT, _SCALED = struct.Struct("=Q"), struct.Struct("=QQQ")
# PERF_FORMAT_TOTAL_TIME_ENABLED and _RUNNING, and bits of perf_event_attr's flags.
_TIMES = 1 | 2
_DISABLED, _INHERIT, _NO_KERNEL, _NO_HYPERVISOR, _ON_EXEC = 1, 1 << 1, 1 << 5, 1 << 6, 1 << 12
ALL, NONE = -1, -1


@dataclass(frozen=True, slots=True)
class PmuEvent:
    """An event of a PMU: the fields of perf_event_attr that select it."""

    pmu: int
    config: int
    config1: int = 0
    config2: int = 0


class Scaled(NamedTuple):
    """A count, and for how many nanoseconds it was wanted and was really counted.

    The second is shorter if more events share the counters than there are.
    """

    value: int
    enabled_ns: int
    running_ns: int


class Events(Protocol):
    """The calls that count events; each raises OSError."""

    def open(self, pmu: int, config: int, cpu: int) -> int:
        """Start counting an event of a PMU (by its type) on a processor, for all processes."""

    def read(self, descriptor: int) -> int:
        """The count since it was opened."""

    def close(self, descriptor: int) -> None:
        """Stop counting."""


class CountedEvents(Protocol):
    """The calls that count events on a processor or in a command; each raises OSError."""

    def open_on(self, event: PmuEvent, cpu: int) -> int:
        """Start counting on a processor, for all processes."""

    def open_for(self, event: PmuEvent, thread: int, kernel: bool) -> int:
        """Start counting in every program that this thread starts from now on, with all that
        those start, but not in the thread itself; also in the `kernel` if permitted."""

    def read_scaled(self, descriptor: int) -> Scaled:
        """The count since it was opened, with its times."""

    def close(self, descriptor: int) -> None:
        """Stop counting."""


class KernelEvents:
    """Events of this machine's kernel."""

    def open(self, pmu: int, config: int, cpu: int) -> int:
        """Start counting; raises OSError, also where the number of the call is unknown."""
        return _open(PmuEvent(pmu, config), NONE, cpu)

    def open_on(self, event: PmuEvent, cpu: int) -> int:
        """Start counting on a processor."""
        return _open(event, NONE, cpu, _TIMES)

    def open_for(self, event: PmuEvent, thread: int, kernel: bool) -> int:
        """Start counting in what a thread starts."""
        flags = _DISABLED | _INHERIT | _ON_EXEC | (0 if kernel else _NO_KERNEL | _NO_HYPERVISOR)
        return _open(event, thread, ALL, _TIMES, flags)

    def read_scaled(self, descriptor: int) -> Scaled:
        """The count since it was opened, with its times."""
        return Scaled(*_read(descriptor, _SCALED))

    def read(self, descriptor: int) -> int:
        """The count since it was opened."""
        return _read(descriptor, _COUNT)[0]

    def close(self, descriptor: int) -> None:
        """Stop counting."""
        os.close(descriptor)


def _open(event: PmuEvent, thread: int, cpu: int, read_format: int = 0, flags: int = 0) -> int:
    """A descriptor of an event; raises OSError."""
    machine = os.uname().machine
    if sys.platform != "linux" or machine not in SYSCALLS:
        raise OSError(f"perf events are not supported on {sys.platform} {machine}")
    fields = (event.pmu, _ATTR_BYTES, event.config, read_format, flags)
    packed = _ATTR.pack(*fields, event.config1, event.config2)
    attr = ctypes.create_string_buffer(packed, _ATTR_BYTES)
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    arguments = (ctypes.c_long(thread), ctypes.c_long(cpu), ctypes.c_long(-1))
    number = ctypes.c_long(SYSCALLS[machine])
    descriptor = int(call(number, attr, *arguments, ctypes.c_ulong(_CLOSE_ON_EXEC)))
    if descriptor < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return descriptor


def _read(descriptor: int, form: struct.Struct) -> tuple[int, ...]:
    data = os.read(descriptor, form.size)
    if len(data) != form.size:
        raise OSError(errno.ENODEV, "the event no longer counts")
    return form.unpack(data)
