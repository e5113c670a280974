"""Who uses the GPUs: the use of one process, and of several together. Pure.

A share is of time, never of energy: how long a GPU worked for a process, not what it drew for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Protocol

# Readings of several processes are not of the same moment, so their sum may pass 100 % by a little.
MOST_PCT = 110.0
# The end of the channel with the memory beside that with the time.
MEMORY = "_mem"


@dataclass(frozen=True, slots=True)
class GpuUse:
    """One process's use of one GPU; None is unknown.

    `engines` are the shares of time for which each kind of engine worked for it (0 to 1).
    `memory_mib` is the GPU memory that it holds.
    """

    engines: Mapping[str, float | None] = field(default_factory=dict)
    memory_mib: float | None = 0.0


NOTHING = GpuUse()
UNKNOWN = GpuUse({"": None}, None)


@dataclass(frozen=True, slots=True)
class Users:
    """The use of one GPU by process id, and by any process that is not listed."""

    uses: Mapping[int, GpuUse]
    others: GpuUse = NOTHING

    def of(self, pids: Iterable[int]) -> list[GpuUse]:
        """The use by these processes."""
        return [self.uses.get(pid, self.others) for pid in pids]


class GpuUsers(Protocol):
    """Reads which processes use one or several GPUs; the shares are of the time since its last
    read.

    `gpus` are their channels, `unseen` the processes of the last read that could not be looked at,
    `reader` what it asks.
    """

    reader: str
    gpus: tuple[str, ...]
    unseen: Set[int]

    def read(self, members: Set[int]) -> Mapping[str, Users]:
        """The users of each GPU; `members` are processes that are always looked at."""


def share_of(gpu: str) -> str:
    """The channel with the command's share of a GPU's time."""
    return f"command_{gpu}"


def time_pct(uses: Iterable[GpuUse]) -> float | None:
    """The busiest engine's time for several processes together, in per cent; None if unknown.

    It is also unknown where it is over 100 %: then it is of several engines, of which the driver
    does not say how many there are.
    """
    engines: dict[str, float] = {}
    for use in uses:
        for name, share in use.engines.items():
            if share is None:
                return None
            engines[name] = engines.get(name, 0.0) + share
    busiest_pct = 100 * max(engines.values(), default=0.0)
    return min(busiest_pct, 100.0) if busiest_pct <= MOST_PCT else None


def memory_mib(uses: Iterable[GpuUse]) -> float | None:
    """GPU memory of several processes together; None if that of one is unknown."""
    found = [use.memory_mib for use in uses]
    known = [mib for mib in found if mib is not None]
    return math.fsum(known) if len(known) == len(found) else None
