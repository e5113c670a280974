"""The processes of this machine: names, users, and shares of processor time, from /proc."""

from __future__ import annotations

import contextlib
import os
import pwd
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

MIB = 2.0**-20
MOST_NAME = 64
# Over 50 numbers of up to 20 digits; a name has 64 bytes at most.
MOST_STAT = 4096


class Seen(NamedTuple):
    """A process as its `stat` shows it; `started` (in ticks) tells it from a later one with the
    same number."""

    pid: int
    parent: int
    started: int
    name: str
    cpu_ticks: int
    memory_pages: int


class Counted(NamedTuple):
    """A process and its share of the time of all processors since the last census (None:
    unknown); `user_of` looks its user up."""

    seen: Seen
    cpu_pct: float | None
    memory_mib: float
    user_of: Callable[[Seen], str]

    @property
    def user(self) -> str:
        """Its user's name."""
        return self.user_of(self.seen)

    @property
    def who(self) -> str:
        """Its name and its user."""
        return f"{self.seen.name} of user {self.user}"


def parse_stat(text: str) -> Seen | None:
    """A running process from its /proc/PID/stat (proc_pid_stat(5)); None if it has ended.

    Its name, which it can choose, may hold spaces and brackets. Raises ValueError for another text.
    """
    head, _, rest = text.rpartition(")")
    pid, _, name = head.partition("(")
    fields = rest.split()
    if len(fields) < 22:
        raise ValueError("not the stat of a process")
    if fields[0] in ("Z", "X"):
        return None
    utime, stime, started, pages = (int(fields[place]) for place in (11, 12, 19, 21))
    if min(utime, stime, started, pages) < 0:
        raise ValueError("not the stat of a process")
    return Seen(int(pid), int(fields[1]), started, cleaned(name), utime + stime, pages)


def cleaned(name: str) -> str:
    """A name that others chose, on one line and of bounded length."""
    shown = "".join(each if each.isprintable() else "?" for each in name[:MOST_NAME]).strip()
    return shown or "?"


class Census:
    """Counts the processes, each time with their shares since the last time."""

    def __init__(
        self,
        root: Path = Path("/"),
        clock: Callable[[], int] = time.monotonic_ns,
        name_user: Callable[[int], str] | None = None,
    ) -> None:
        self._proc, self._clock = root / "proc", clock
        self._name_user = name_user or user_name
        self._names: dict[int, str] = {}
        self._ticks_per_s = os.sysconf("SC_CLK_TCK") * (os.cpu_count() or 1)
        self._page_mib = os.sysconf("SC_PAGE_SIZE") * MIB
        self._users: dict[tuple[int, int], str] = {}
        self._before: dict[tuple[int, int], int] = {}
        self.taken_ns: int | None = None

    def take(self) -> list[Counted]:
        """The processes that run, and their shares since the last time (at first unknown)."""
        before_ns, self.taken_ns = self.taken_ns, self._clock()
        ticks = (self.taken_ns - (before_ns or 0)) * 1e-9 * self._ticks_per_s
        found = list(self._running(self._pids()))
        known = {(seen.pid, seen.started): seen.cpu_ticks for seen in found}
        self._users = {key: user for key, user in self._users.items() if key in known}
        before, self._before = self._before, known
        if before_ns is None or ticks <= 0:
            return [self._counted(seen, None) for seen in found]
        # A process that was not there the last time has started since.
        spent = {key: max(0, now - before.get(key, 0)) for key, now in known.items()}
        return [self._counted(s, 100 * spent[s.pid, s.started] / ticks) for s in found]

    def of(self, pids: Iterable[int]) -> list[Counted]:
        """These processes, if they run, without their shares."""
        return [self._counted(seen, None) for seen in self._running(map(str, pids))]

    def _counted(self, seen: Seen, cpu_pct: float | None) -> Counted:
        return Counted(seen, cpu_pct, seen.memory_pages * self._page_mib, self._user)

    def _pids(self) -> list[str]:
        """None on systems without /proc."""
        try:
            return [name for name in os.listdir(self._proc) if name.isdecimal()]
        except FileNotFoundError:
            return []

    def _running(self, pids: Iterable[str]) -> Iterator[Seen]:
        for pid in pids:
            with contextlib.suppress(OSError, ValueError):
                # Hundreds are read in a row; the kernel gives each whole, in one read.
                descriptor = os.open(f"{self._proc}/{pid}/stat", os.O_RDONLY)
                try:
                    text = os.read(descriptor, MOST_STAT).decode(errors="replace")
                finally:
                    os.close(descriptor)
                if seen := parse_stat(text):
                    yield seen

    def _user(self, seen: Seen) -> str:
        """Its user: `status` tells it even of a process whose files belong to root."""
        key = seen.pid, seen.started
        if key not in self._users:
            self._users[key] = "?"
            with contextlib.suppress(OSError, ValueError, IndexError):
                for line in (self._proc / str(seen.pid) / "status").read_text().splitlines():
                    if line.startswith("Uid:"):
                        self._users[key] = self._name_of(int(line.split()[2]))
        return self._users[key]

    def _name_of(self, uid: int) -> str:
        if uid not in self._names:
            self._names[uid] = self._name_user(uid)
        return self._names[uid]


def user_name(uid: int) -> str:
    """A user's name, or the number if there is none."""
    try:
        return cleaned(pwd.getpwuid(uid).pw_name)
    except (KeyError, OverflowError):
        return str(uid)


def by_who(counted: Iterable[Counted], pcts: Mapping[int, float]) -> dict[str, float]:
    """Shares in per cent of all processes with the same name and user together."""
    found: dict[str, float] = {}
    for each in counted:
        if pct := pcts.get(each.seen.pid, 0.0):
            found[each.who] = found.get(each.who, 0.0) + pct
    return found
