"""Readings of a log of any size: those beyond a few megabytes are kept in a temporary file."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import NamedTuple, overload

BLOCK = 4096
IN_MEMORY = 16 << 20


class Sample(NamedTuple):
    """Readings at one moment by channel name, and their line in the log."""

    line: int
    time_ns: int
    values: dict[str, float]


class Samples(Sequence[Sample]):
    """Samples in the order in which they were added. They can be read while none is added."""

    def __init__(self, samples: Iterable[Sample] = ()) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  open until forgotten
        self._starts: list[int] = []
        self._last: list[Sample] = []
        self._read: tuple[int, list[Sample]] = (-1, [])
        for sample in samples:
            self.append(sample)

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Samples:
        """These samples, not copied if they are kept already."""
        return samples if isinstance(samples, cls) else cls(samples)

    def append(self, sample: Sample) -> None:
        """Add a sample at the end."""
        self._last.append(sample)
        if len(self._last) == BLOCK:
            self._file.seek(0, 2)
            self._starts.append(self._file.tell())
            self._file.write(marshal.dumps([tuple(each) for each in self._last]))
            self._last = []

    def part(self, start: int, end: int) -> Samples:
        """Those from one place up to another."""
        if (start, end) == (0, len(self)):
            return self
        return Samples(islice(self._from(start), end - start))

    def __len__(self) -> int:
        return len(self._starts) * BLOCK + len(self._last)

    def __iter__(self) -> Iterator[Sample]:
        return self._from(0)

    def _from(self, start: int) -> Iterator[Sample]:
        first, skipped = divmod(start, BLOCK)
        for place in range(first, len(self._starts) + 1):
            yield from islice(self._block(place), skipped, None)
            skipped = 0

    @overload
    def __getitem__(self, place: int) -> Sample: ...
    @overload
    def __getitem__(self, place: slice) -> Samples: ...
    def __getitem__(self, place: int | slice) -> Sample | Samples:
        if isinstance(place, slice):
            start, end, step = place.indices(len(self))
            return self.part(start, end) if step == 1 else Samples(list(self)[place])
        at = place + len(self) if place < 0 else place
        if not 0 <= at < len(self):
            raise IndexError(place)
        block, inside = divmod(at, BLOCK)
        if self._read[0] != block:
            self._read = (block, self._block(block))
        return self._read[1][inside]

    def _block(self, place: int) -> list[Sample]:
        if place == len(self._starts):
            return self._last
        self._file.seek(self._starts[place])
        end = self._starts[place + 1] if place + 1 < len(self._starts) else None
        size = -1 if end is None else end - self._starts[place]
        return list(map(Sample._make, marshal.loads(self._file.read(size))))
