"""The counts of this process, in a memory page that the recorder reads too."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Slots in a page: the number in use, the counts outside phases, then those of each open phase. Each
# has room for inferences and for the counts with names.
IN_USE, OUTSIDE, FIRST = 0, 1, 2
WIDTH, COUNT_BYTES = 32, 8
# A chunk is mapped at a time: the slots in a page of memory.
CHUNK_BYTES = os.sysconf("SC_PAGE_SIZE")
CHUNK = CHUNK_BYTES // (WIDTH * COUNT_BYTES)


class Counts:
    """64-bit counts; `outside` counts outside phases. `shared`: the recorder reads `path`.

    Each slot is a view of its counts, which only grow, even when another phase takes it.
    The page has the requested name, with zeros appended if another process has that: in another
    container a process may have the same number.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._chunks: list[Any] = []
        self._free: list[int] = []
        self._places: dict[int, int] = {}
        self._in_use = FIRST
        self.shared = self._make() and self._map()
        if not self.shared:
            self._grow()
        self._chunks[0][IN_USE] = FIRST
        self.outside = self._cell(OUTSIDE)

    def take(self) -> Any:
        """A slot for a phase; the one outside phases if there is no room for more."""
        if self._free:
            place = self._free.pop()
        elif self._in_use < CHUNK * len(self._chunks) or self._grow():
            place, self._in_use = self._in_use, self._in_use + 1
            self._chunks[0][IN_USE] = self._in_use
        else:
            return self.outside
        cell = self._cell(place)
        self._places[id(cell)] = place
        return cell

    def place(self, cell: Any) -> int:
        """The slot in which the recorder finds what `take` gave; 0 if it has none."""
        return self._places.get(id(cell), 0) if self.shared else 0

    def give_back(self, cell: Any) -> list[int]:
        """Give back what `take` gave, for another phase; returns its counts."""
        if (place := self._places.pop(id(cell), None)) is not None:
            self._free.append(place)
        return list(cell)

    def total(self, number: int) -> int:
        """The sum of one count over all slots; 0 is that of inferences."""
        in_use = 0 if number else int(self._chunks[0][IN_USE])
        return sum(sum(chunk[number::WIDTH]) for chunk in self._chunks) - in_use

    def _cell(self, place: int) -> Any:
        first = place % CHUNK * WIDTH
        return self._chunks[place // CHUNK][first : first + WIDTH]

    def _make(self) -> bool:
        """Create the page, which no other process has; False if that is not possible."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        while True:
            try:
                os.close(os.open(self.path, flags, 0o600))
            except FileExistsError:
                self.path += "0"
            except OSError:
                return False
            else:
                return True

    def _grow(self) -> bool:
        """Make room for more slots; False if there is none."""
        if self.shared:
            return self._map()
        self._chunks.append(memoryview(bytearray(CHUNK_BYTES)).cast("q"))
        return True

    def _map(self) -> bool:
        """Map one more chunk of the page; False if there is no room for it.

        Space is reserved before it is mapped: writing to a mapped page that does not fit is fatal.
        """
        try:
            import mmap

            size, begin = CHUNK_BYTES, len(self._chunks) * CHUNK_BYTES
            descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(descriptor, begin, size)
                else:  # macOS: written zeros take their space
                    os.pwrite(descriptor, bytes(size), begin)
                chunk = mmap.mmap(descriptor, size, offset=begin)
            finally:
                os.close(descriptor)
        except (OSError, ValueError, AttributeError, ImportError, MemoryError):
            return False
        self._chunks.append(memoryview(chunk).cast("q"))
        return True
