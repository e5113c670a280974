"""The recorder's side of marks, by which a command tells the recorder what it is doing.

`wattui.marks` is the program's side, and documents the directory named by `WATTUI_RUN`.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from recorders.counts import INFERENCES, MOST_COUNTED, MOST_NAMES, Counts, CountSource, check_name

ENVIRONMENT = "WATTUI_RUN"
SOCKET, PIPE, PAGE_PREFIX = "socket", "mark", "counts-"
# The slots of a page: the number in use, the counts outside phases, then those of each open phase.
# Each slot has so many counts, of which the first is that of inferences.
IN_USE, OUTSIDE, FIRST = 0, 1, 2
WIDTH, COUNT_BYTES, MOST_SLOTS = 32, 8, 1 << 20
_COUNT = re.compile(r"\+([0-9]{1,18})(?:[ \t]+(\S+))?")


@dataclass(slots=True)
class _Page:
    """One process's counts as last read; `names` has the place of each in a slot."""

    descriptor: int
    names: Mapping[str, int]
    rank: str = ""
    in_use: int = FIRST
    everything: Counter[str] = field(default_factory=Counter)
    outside: Counter[str] = field(default_factory=Counter)
    is_damaged: bool = False
    counts: Sequence[int] = ()

    def read(self) -> None:
        """Read the counts; if the page was truncated, keep the last ones.

        The file is read, not mapped: reading a truncated mapping would kill this process.
        """
        size = self.in_use * WIDTH * COUNT_BYTES
        data = os.pread(self.descriptor, size, 0)
        if len(data) < size:
            self.is_damaged = True
            return
        counts = memoryview(data).cast("q")
        if self.in_use < counts[IN_USE] <= MOST_SLOTS:
            self.in_use = counts[IN_USE]
            self.read()
            return
        self.counts = counts
        for name, number in self.names.items():
            every = counts[OUTSIDE * WIDTH + number :: WIDTH]
            self.outside[name] = max(self.outside[name], every[0])
            self.everything[name] = max(self.everything[name], sum(every))


class CountPages:
    """The counts of all processes that use one marks directory, and of the `sources`.

    Raises ValueError for a source with an invalid name.
    """

    def __init__(self, directory: str, sources: Sequence[CountSource] = ()) -> None:
        self._directory = directory
        self._pages: dict[str, _Page] = {}
        self._gone_everything: Counter[str] = Counter()
        self._gone_outside: Counter[str] = Counter()
        self._added: Counter[str] = Counter()
        # What each rank of a job counted in processes that have ended, or without a page.
        self._of_ranks: dict[str, Counter[str]] = {}
        self._sources = sources
        # What the sources counted, as last read.
        self._sourced: dict[str, int] = {}
        self._totals: dict[str, int] = {}
        self._names: dict[str, None] = {INFERENCES: None}
        self._source_names = frozenset(name for source in sources for name in source.names)
        for name in sorted(self._source_names):
            self._admit(name)

    def open(self, name: str, names: Mapping[str, int], rank: str = "") -> None:
        """Start reading the page that a process has announced; `names` has the place of each count
        in a slot, `rank` is that of its job.

        Raises ValueError for an invalid name, OSError if it cannot be opened.
        """
        if not name.startswith(PAGE_PREFIX) or not name[len(PAGE_PREFIX) :].isdigit():
            raise ValueError(f"{name!r} is not a count page")
        if name not in self._pages:
            path = os.path.join(self._directory, name)
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            self._pages[name] = _Page(descriptor, {INFERENCES: 0}, rank)
        self.name(name, names)

    def name(self, page: str, names: Mapping[str, int]) -> None:
        """A process has more counts. Raises ValueError if there is an invalid one, which is left
        out."""
        known, wrong = {INFERENCES: 0}, ""
        for name, number in names.items():
            try:
                if not 0 <= number < WIDTH:
                    raise ValueError(f"{name}: there is no count {number}")
                self._admit(name)
            except ValueError as error:
                wrong = str(error)
            else:
                known[name] = number
        if page in self._pages:
            self._pages[page].names = known
        if wrong:
            raise ValueError(wrong)

    def _admit(self, name: str) -> str:
        """The name of a count, if there is room for it. Raises ValueError."""
        if name not in self._names:
            check_name(name)
            if len(self._names) > MOST_NAMES:
                raise ValueError(f"{name}: a recording has room for {MOST_NAMES} names of counts")
            self._names[name] = None
        return name

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
        self._gone_everything.update(page.everything)
        self._gone_outside.update(page.outside)
        self._of_rank(page.rank).update(page.everything)
        return not page.is_damaged

    def add(self, n: int, of: str = INFERENCES, rank: str = "") -> None:
        """Add `n` counted another way (output, shell, --inferences). Raises ValueError if there can
        be no such count."""
        self._added[self._admit(of)] += n
        self._of_rank(rank)[of] += n

    def totals(self) -> dict[str, int]:
        """What was counted so far, where anything was; never falls. Without the counts of a source
        that does not know them now, and those too large for a run file."""
        for page in self._pages.values():
            page.read()
        known = {name: n for source in self._sources for name, n in source.totals().items()}
        self._sourced |= known
        self._totals = {
            name: n
            for name in self._names
            if name not in self._source_names
            and ((n := self._counted(name)) or name in self._added or name in self._totals)
            and n <= MOST_COUNTED
        } | known
        return self._totals

    def _counted(self, name: str) -> int:
        """What programs counted, as last read."""
        open_pages = sum(page.everything[name] for page in self._pages.values())
        return self._added[name] + self._gone_everything[name] + open_pages

    def by_rank(self) -> dict[str, dict[str, int]]:
        """What each rank of a job counted, as last read."""
        found = {rank: Counter(counts) for rank, counts in self._of_ranks.items()}
        for page in self._pages.values():
            found.setdefault(page.rank, Counter()).update(page.everything)
        return {
            rank: {name: n for name, n in counts.items() if n}
            for rank, counts in sorted(found.items())
            if rank and any(counts.values())
        }

    def _of_rank(self, rank: str) -> Counter[str]:
        return self._of_ranks.setdefault(rank, Counter())

    def counted_elsewhere(self) -> dict[str, int]:
        """What programs counted under the names of sources, which is left out."""
        return {name: n for name in sorted(self._source_names) if (n := self._counted(name))}

    def outside(self) -> dict[str, int]:
        """Counts, as last read, that belong to none of their process's phases."""
        found = self._added + self._gone_outside
        for page in self._pages.values():
            found.update(page.outside)
        return self._own(found) | self._sourced

    def inside(self, name: str) -> dict[str, int]:
        """Counts, as last read, inside the phases of a page's process."""
        page = self._pages.get(name)
        if page is None:
            return {}
        return self._own({each: page.everything[each] - page.outside[each] for each in page.names})

    def at(self, name: str, place: int) -> dict[str, int]:
        """The counts in one slot of a page, as last read; none if there is no such slot."""
        page = self._pages.get(name)
        if page is None or not OUTSIDE < place < len(page.counts) // WIDTH:
            return {}
        return self._own({each: page.counts[place * WIDTH + n] for each, n in page.names.items()})

    def _own(self, counts: Counts) -> dict[str, int]:
        """These counts without those of which a source has the last word."""
        return {name: n for name, n in counts.items() if name not in self._source_names}


def parse_pipe_line(line: str) -> dict[str, object]:
    """Parse a line from a shell into a request: `PHASE [LABEL]`, `end`, `+N`, `+N NAME` or
    `note: TEXT`.

    Raises ValueError for an empty line.
    """
    text = line.strip()
    if found := _COUNT.fullmatch(text):
        return {"do": "count", "n": int(found[1])} | ({"of": found[2]} if found[2] else {})
    if text.startswith("note:"):
        return {"do": "note", "text": text[5:].strip()}
    if text == "end":
        return {"do": "mark", "phase": ""}
    name, _, label = text.partition(" ")
    if not name:
        raise ValueError("an empty mark")
    return {"do": "mark", "phase": name, "label": label.strip()}
