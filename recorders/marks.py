"""The recorder's side of marks, by which a command tells the recorder what it is doing.

`wattui.marks` is the program's side, and documents the directory named by `WATTUI_RUN`.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

ENVIRONMENT = "WATTUI_RUN"
SOCKET, PIPE, PAGE_PREFIX = "socket", "mark", "count-"
# Layout of a page: the number of slots in use, the count outside phases, then one per open phase.
IN_USE, OUTSIDE, FIRST = 0, 1, 2
COUNT_BYTES, MOST_COUNTS = 8, 1 << 20
_COUNT = re.compile(r"\+[0-9]{1,18}")


@dataclass(slots=True)
class _Page:
    """One process's counts as last read."""

    descriptor: int
    in_use: int = FIRST
    everything: int = 0
    outside: int = 0
    is_damaged: bool = False
    counts: Sequence[int] = ()

    def read(self) -> None:
        """Read the counts; if the page was truncated, keep the last ones.

        The file is read, not mapped: reading a truncated mapping would kill this process.
        """
        data = os.pread(self.descriptor, self.in_use * COUNT_BYTES, 0)
        if len(data) < self.in_use * COUNT_BYTES:
            self.is_damaged = True
            return
        counts = memoryview(data).cast("q")
        if self.in_use < counts[IN_USE] <= MOST_COUNTS:
            self.in_use = counts[IN_USE]
            self.read()
            return
        self.counts = counts
        self.outside = max(self.outside, counts[OUTSIDE])
        self.everything = max(self.everything, sum(counts[OUTSIDE:]))


class CountPages:
    """The counts of all processes that use one marks directory."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._pages: dict[str, _Page] = {}
        self._gone_everything = self._gone_outside = 0
        self._added = 0
        self.known = False

    def open(self, name: str) -> None:
        """Start reading the page that a process has announced.

        Raises ValueError for an invalid name, OSError if it cannot be opened.
        """
        if not name.startswith(PAGE_PREFIX) or not name[len(PAGE_PREFIX) :].isdigit():
            raise ValueError(f"{name!r} is not a count page")
        if name not in self._pages:
            path = os.path.join(self._directory, name)
            self._pages[name] = _Page(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW))

    def close(self, name: str) -> bool:
        """Keep the counts of a process that has ended; False if its page was damaged."""
        page = self._pages.pop(name, None)
        if page is None:
            return True
        page.read()
        os.close(page.descriptor)
        # A later process with the same id starts at zero.
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self._directory, name))
        self._gone_everything += page.everything
        self._gone_outside += page.outside
        return not page.is_damaged

    def add(self, n: int) -> None:
        """Add `n` counted another way (output, shell, --inferences)."""
        self._added += n
        self.known = True

    def total(self) -> int | None:
        """Inferences so far, or None if nothing has been counted; never falls."""
        total = self._added + self._gone_everything
        for page in self._pages.values():
            page.read()
            total += page.everything
        self.known = self.known or total > 0
        return total if self.known else None

    def outside(self) -> int:
        """Counts, as last read, that belong to none of their process's phases."""
        open_pages = sum(page.outside for page in self._pages.values())
        return self._added + self._gone_outside + open_pages

    def inside(self, name: str) -> int:
        """Counts, as last read, inside the phases of a page's process."""
        page = self._pages.get(name)
        return page.everything - page.outside if page else 0

    def at(self, name: str, place: int) -> int:
        """One count of a page, as last read; 0 if there is none."""
        page = self._pages.get(name)
        return page.counts[place] if page and OUTSIDE < place < len(page.counts) else 0


def parse_pipe_line(line: str) -> dict[str, object]:
    """Parse a line from a shell into a request: `PHASE [LABEL]`, `end`, `+N` or `note: TEXT`.

    Raises ValueError for an empty line.
    """
    text = line.strip()
    if _COUNT.fullmatch(text):
        return {"do": "count", "n": int(text)}
    if text.startswith("note:"):
        return {"do": "note", "text": text[5:].strip()}
    if text == "end":
        return {"do": "mark", "phase": ""}
    name, _, label = text.partition(" ")
    if not name:
        raise ValueError("an empty mark")
    return {"do": "mark", "phase": name, "label": label.strip()}
