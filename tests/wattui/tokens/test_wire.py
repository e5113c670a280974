"""Heads and bodies: read whole however they are cut, and passed on as they are."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattui.tokens.wire import LAST_CHUNK, BrokenError, Chunked, Head, chunk, read_head

PIECES = st.lists(st.binary(min_size=1, max_size=40), max_size=6)


@given(PIECES, st.lists(st.integers(1, 30), min_size=1), st.booleans())
def test_chunks_are_read_however_they_are_cut(
    pieces: list[bytes], cuts: list[int], has_trailer: bool
) -> None:
    raw = b"".join(map(chunk, pieces)) + (b"0\r\nA: b\r\n\r\n" if has_trailer else LAST_CHUNK)
    framing, content, place = Chunked(), b"", 0
    while place < len(raw):
        assert not framing.done
        size = cuts[place % len(cuts)]
        content += framing.feed(raw[place : place + size])
        place += size
    assert framing.done
    assert content == b"".join(pieces)


@pytest.mark.parametrize("raw", [b"x\r\n", b"-1\r\n", LAST_CHUNK + b"more", b"1" * (1 << 17)])
def test_what_are_no_chunks_is_an_error(raw: bytes) -> None:
    with pytest.raises(BrokenError):
        Chunked().feed(raw)


async def _head(raw: bytes) -> Head | None:
    reader = asyncio.StreamReader()
    reader.feed_data(raw)
    reader.feed_eof()
    return await read_head(reader)


async def test_a_head_is_passed_on_as_it_is() -> None:
    raw = b"GET / HTTP/1.1\r\nhOsT:  x \r\nX-A:\r\nX-A: 2\r\n\r\n"
    head = await _head(raw)
    assert head is not None
    assert head.raw == raw
    assert head.having(b"host", b"y").fields[0] == (b"host", b" y")
    assert head.without(b"x-a").fields == ((b"hOsT", b"  x "),)
    assert await _head(b"") is None


@pytest.mark.parametrize("raw", [b"GET / HTTP", b"GET / HTTP/1.1\r\nnothing\r\n\r\n"])
async def test_what_is_no_head_is_an_error(raw: bytes) -> None:
    with pytest.raises(BrokenError):
        await _head(raw)
