"""Readings of a log of any size, in blocks of columns: those beyond a few megabytes are kept in a
temporary file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, NamedTuple, overload

from wattui.analysis.importers.log import UnreadableError

if TYPE_CHECKING:
    import polars as pl

BLOCK = 4096
# Times before 1843 and after 2096 are of no log.
MOST_NS = 4 * 10**18
IN_MEMORY = 16 << 20
# The columns of a block before those of its channels: no channel can have such a name.
LINE, TIME = "#line", "#time_ns"


class Sample(NamedTuple):
    """Readings at one moment by channel name, and their line in the log."""

    line: int
    time_ns: int
    values: dict[str, float]


def in_blocks(samples: Iterable[Sample]) -> Iterator[pl.DataFrame]:
    """Samples as blocks: a row each, with their line, their time, and null where a channel was not
    read."""
    rest = iter(samples)
    while found := list(islice(rest, BLOCK)):
        yield block_of(found)


def block_of(samples: Sequence[Sample]) -> pl.DataFrame:
    """One block of samples. Raises UnreadableError for a time of more than 64 bits."""
    import polars as pl

    if wrong := next((s.line for s in samples if abs(s.time_ns) > MOST_NS), None):
        raise UnreadableError(f"line {wrong}: its time is further away than that of any log")
    names = dict.fromkeys(name for sample in samples for name in sample.values)
    cells = {name: [sample.values.get(name) for sample in samples] for name in names}
    whole = {LINE: [s.line for s in samples], TIME: [s.time_ns for s in samples]}
    kinds = {LINE: pl.Int64, TIME: pl.Int64} | dict.fromkeys(names, pl.Float64)
    return pl.DataFrame(whole | cells, schema=kinds)


def samples_of(block: pl.DataFrame) -> Iterator[Sample]:
    """The samples in a block."""
    names = block.columns[2:]
    for line, time_ns, *cells in block.iter_rows():
        values = {n: value for n, value in zip(names, cells, strict=True) if value is not None}
        yield Sample(line, time_ns, values)


class Samples(Sequence[Sample]):
    """Samples in the order in which they were added."""

    def __init__(self, samples: Iterable[Sample] = ()) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  open until forgotten
        # Where each block begins and the last one ends: bytes of the file, and samples.
        self._bytes, self._places = [0], [0]
        for block in in_blocks(samples):
            self._add(block)

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Samples:
        """These samples, not copied if they are kept already."""
        return samples if isinstance(samples, cls) else cls(samples)

    @classmethod
    def of_blocks(cls, blocks: Iterable[pl.DataFrame]) -> Samples:
        """The samples in blocks."""
        made = cls()
        for block in blocks:
            made._add(block)
        return made

    def _add(self, block: pl.DataFrame) -> None:
        if block.height:
            written = BytesIO()
            block.write_ipc(written)
            self._file.seek(self._bytes[-1])
            self._file.write(written.getbuffer())
            self._bytes.append(self._file.tell())
            self._places.append(self._places[-1] + block.height)

    def blocks(self) -> Iterator[pl.DataFrame]:
        """The samples as blocks."""
        return map(self._block, range(len(self._places) - 1))

    def times_ns(self, name: str | None = None) -> Iterator[int]:
        """The times of the samples, or of those with a reading of this channel."""
        for block in self.blocks():
            if name is None:
                yield from block[TIME].to_list()
            elif name in block.columns:
                yield from block.drop_nulls(name)[TIME].to_list()

    def part(self, start: int, end: int) -> Samples:
        """Those from one place up to another."""
        if (start, end) == (0, len(self)):
            return self
        found = zip(self._places, self.blocks(), strict=False)
        cuts = ((max(0, start - first), end - first, block) for first, block in found)
        return self.of_blocks(block[a:b] for a, b, block in cuts if max(a, 0) < b)

    def __len__(self) -> int:
        return self._places[-1]

    def __iter__(self) -> Iterator[Sample]:
        return (sample for block in self.blocks() for sample in samples_of(block))

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
        number = bisect_right(self._places, at) - 1
        inside = at - self._places[number]
        return next(samples_of(self._block(number)[inside : inside + 1]))

    def _block(self, number: int) -> pl.DataFrame:
        import polars as pl

        start, end = self._bytes[number : number + 2]
        self._file.seek(start)
        return pl.read_ipc(self._file.read(end - start))
