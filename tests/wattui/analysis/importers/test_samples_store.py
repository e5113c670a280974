"""Readings of a log are kept in order and in little memory, however many they are."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from wattui.analysis.importers import samples as store
from wattui.analysis.importers.any_table import read
from wattui.analysis.importers.given import NamedTable
from wattui.analysis.importers.samples import BLOCK, Sample, Samples
from wattui.analysis.importers.text import LONGEST_LINE, LogText


def some(n: int) -> list[Sample]:
    return [Sample(line, 10 * line, {"gpu0": line / 7}) for line in range(n)]


@examples(8)
@given(st.sampled_from([0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 5]), st.data())
def test_samples_are_a_sequence(n: int, data: st.DataObject) -> None:
    expected, kept = some(n), Samples(some(n))
    assert (len(kept), list(kept)) == (n, expected)
    for place in data.draw(st.lists(st.integers(-n, max(0, n - 1)), max_size=3)) if n else []:
        assert kept[place] == expected[place]
    start, end = sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n))))
    assert list(kept[start:end]) == expected[start:end]
    assert list(kept.part(start, end)) == expected[start:end]
    with pytest.raises(IndexError):
        kept[n]


def test_two_loops_over_the_same_samples_do_not_disturb_each_other() -> None:
    kept = Samples(some(3 * BLOCK))
    assert all(one == other for one, other in zip(kept, kept, strict=True))
    assert Samples.of(kept) is kept


def test_the_memory_of_a_reader_does_not_grow_with_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store, "IN_MEMORY", 1 << 16)
    rows = 60_000

    def lines() -> Iterator[str]:
        yield "t,P\n"
        yield from (f"{n},{n % 97}.5\n" for n in range(rows))

    before = sys.getallocatedblocks()
    log = read(LogText(lines()), NamedTable("t=s", ("P=W",)))
    assert len(log.samples) == rows
    assert sys.getallocatedblocks() - before < rows  # a list has four for each


def test_a_line_without_an_end_does_not_fill_the_memory() -> None:
    pieces = iter(["t,P\n", "0,1\n", "1,2\n", "x" * LONGEST_LINE])
    with pytest.raises(Exception, match="line 4 is longer than 1 MB"):
        read(LogText(pieces), NamedTable("t=s", ("P=W",)))
