"""Memory still available to this process: the machine's, or its container's if that is less."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psutil

# For each version of control groups: limit, usage, and reclaimable memory.
_V2 = ("memory.max", "memory.current", "inactive_file")
_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def available_bytes(root: Path = Path("/")) -> int:
    """The machine's available memory, limited by the control groups of this process."""
    return min([psutil.virtual_memory().available, *_left_in_groups(root)])


def _left_in_groups(root: Path) -> Iterator[int]:
    """Memory left in each group of this process; a limit applies to all groups below it."""
    base = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _left_from(base, path, *_V2)
        elif "memory" in controllers.split(","):
            yield from _left_from(base / "memory", path, *_V1)


def _left_from(base: Path, path: str, limit: str, usage: str, cache: str) -> Iterator[int]:
    """From the process's group up to the root, which in a container is the container's own."""
    group = Path(path.lstrip("/"))
    for place in (group, *group.parents):
        limit_text, usage_text = _text(base / place / limit), _text(base / place / usage)
        if limit_text.isdigit() and usage_text.isdigit():
            found = re.search(rf"^{cache} (\d+)$", _text(base / place / "memory.stat"), re.M)
            cached = int(found[1]) if found else 0
            yield max(int(limit_text) - int(usage_text) + cached, 0)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
