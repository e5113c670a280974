"""Opens events of the kernel's perf subsystem, without a library. See perf_event_open(2)."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from typing import Protocol

# Numbers of perf_event_open: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic.
SYSCALLS = {"x86_64": 298, "aarch64": 241, "riscv64": 241}
# struct perf_event_attr: u32 type, u32 size, u64 config, and zeros up to PERF_ATTR_SIZE_VER7.
_ATTR, _ATTR_BYTES = struct.Struct("=IIQ"), 128
_CLOSE_ON_EXEC = 8
_COUNT = struct.Struct("=Q")


class Events(Protocol):
    """The calls that count events; each raises OSError."""

    def open(self, pmu: int, config: int, cpu: int) -> int:
        """Start counting an event of a PMU (by its type) on a processor, for all processes."""

    def read(self, descriptor: int) -> int:
        """The count since it was opened."""

    def close(self, descriptor: int) -> None:
        """Stop counting."""


class KernelEvents:
    """Events of this machine's kernel."""

    def open(self, pmu: int, config: int, cpu: int) -> int:
        """Start counting; raises OSError, also where the number of the call is unknown."""
        machine = platform.machine()
        if machine not in SYSCALLS:
            raise OSError(f"perf events are not supported on {machine}")
        attr = ctypes.create_string_buffer(_ATTR.pack(pmu, _ATTR_BYTES, config), _ATTR_BYTES)
        call = ctypes.CDLL(None, use_errno=True).syscall
        call.restype = ctypes.c_long
        arguments = (ctypes.c_long(-1), ctypes.c_long(cpu), ctypes.c_long(-1))
        number, flags = ctypes.c_long(SYSCALLS[machine]), ctypes.c_ulong(_CLOSE_ON_EXEC)
        descriptor = int(call(number, attr, *arguments, flags))
        if descriptor < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return descriptor

    def read(self, descriptor: int) -> int:
        """The count since it was opened."""
        data = os.read(descriptor, _COUNT.size)
        if len(data) != _COUNT.size:
            raise OSError(errno.ENODEV, "the event no longer counts")
        return int(_COUNT.unpack(data)[0])

    def close(self, descriptor: int) -> None:
        """Stop counting."""
        os.close(descriptor)
