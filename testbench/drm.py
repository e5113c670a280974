"""Processes that use AMD and Intel GPUs with known shares, as files of /proc.

Their fdinfo is as the drivers show it (Documentation/gpu/drm-usage-stats.rst of Linux): amdgpu and
i915 count nanoseconds, xe counts cycles beside those that passed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

XE_HZ = 19_200_000
# The address of the first card.
CARD = "0000:03:00.0"


@dataclass(frozen=True)
class DrmClient:
    """An open file of a card: the shares of time of its engines (1: one engine all the time), what
    it has in each region of memory, and the (process, descriptor) pairs that hold it."""

    number: int
    holders: tuple[tuple[int, int], ...]
    busy: Mapping[str, float] = field(default_factory=dict)
    memory_mib: Mapping[str, int] = field(default_factory=dict)
    driver: Literal["amdgpu", "i915", "xe"] = "amdgpu"
    card: str = CARD
    capacity: Mapping[str, int] = field(default_factory=dict)

    def fdinfo(self, t_s: float) -> str:
        """Its text from the kernel at t_s."""
        lines = ["pos:\t0", "flags:\t02100002", "mnt_id:\t27", "ino:\t571"]
        lines += [f"drm-driver:\t{self.driver}", f"drm-client-id:\t{self.number}"]
        lines += [f"drm-pdev:\t{self.card}"]
        for region, mib in self.memory_mib.items():
            size = f"{mib * 1024} KiB"
            kind = "memory" if self.driver == "amdgpu" else "resident"
            lines += [f"drm-total-{region}:\t{2 * mib * 1024} KiB", f"drm-{kind}-{region}:\t{size}"]
        for engine, share in self.busy.items():
            if self.driver == "xe":
                lines.append(f"drm-cycles-{engine}:\t{round(share * t_s * XE_HZ)}")
                lines.append(f"drm-total-cycles-{engine}:\t{round((1000 + t_s) * XE_HZ)}")
            else:
                lines.append(f"drm-engine-{engine}:\t{round(share * t_s * 1e9)} ns")
            if engine in self.capacity:
                lines.append(f"drm-engine-capacity-{engine}:\t{self.capacity[engine]}")
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class DrmProcess:
    """A process: its name, its parent, its user, and its share of one processor's time."""

    pid: int
    name: str = "python"
    parent: int = 1
    uid: int = 1000
    cpu: float = 0.0
    memory_mib: int = 100

    def stat(self, t_s: float) -> str:
        """Its /proc/PID/stat at t_s (proc_pid_stat(5))."""
        ticks = round(self.cpu * t_s * os.sysconf("SC_CLK_TCK"))
        pages = self.memory_mib * 2**20 // os.sysconf("SC_PAGE_SIZE")
        numbers = ["0"] * 9 + [str(ticks), *["0"] * 7, "4242", "0", str(pages), *["0"] * 28]
        return f"{self.pid} ({self.name}) S {self.parent} " + " ".join(numbers) + "\n"


def show(
    root: Path, processes: Iterable[DrmProcess], clients: Iterable[DrmClient], t_s: float
) -> None:
    """Write /proc below a root as it is at t_s."""
    for process in processes:
        directory = root / "proc" / str(process.pid)
        for name in ("fd", "fdinfo"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        (directory / "stat").write_text(process.stat(t_s))
        uid = process.uid
        (directory / "status").write_text(f"Name:\tx\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n")
    for client in clients:
        for pid, descriptor in client.holders:
            directory = root / "proc" / str(pid)
            link = directory / "fd" / str(descriptor)
            if not link.is_symlink():
                link.symlink_to("/dev/dri/renderD128")
            (directory / "fdinfo" / str(descriptor)).write_text(client.fdinfo(t_s))
