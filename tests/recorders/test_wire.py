"""Messages survive the pipe, however its bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.wire import Lines, decode, encode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.dictionaries(st.text(), JSON, max_size=4)


@given(MESSAGES)
def test_a_message_is_one_line_and_comes_back_as_it_was(message: dict[str, object]) -> None:
    line = encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == message


@given(st.lists(MESSAGES, max_size=6), st.integers(1, 40))
def test_any_cut_of_the_stream_gives_the_same_messages(
    messages: list[dict[str, object]], size: int
) -> None:
    stream = b"".join(map(encode, messages))
    lines, found = Lines(), []
    for start in range(0, len(stream), size):
        found += lines.feed(stream[start : start + size])
    assert [decode(line) for line in found] == messages


def test_a_line_without_its_end_waits() -> None:
    lines = Lines()
    assert lines.feed(b'{"do"') == []
    assert lines.feed(b':"stop"}') == []
    assert lines.feed(b"\n") == [b'{"do":"stop"}']


@given(st.lists(st.binary(max_size=12)), st.integers(0, 9), st.integers(1, 7))
def test_a_line_that_is_too_long_is_left_out_and_counted(
    parts: list[bytes], most_bytes: int, size: int
) -> None:
    stream = b"\n".join([*parts, b""])
    whole = stream.split(b"\n")[:-1]
    lines, found = Lines(most_bytes), []
    for start in range(0, len(stream), size):
        found += lines.feed(stream[start : start + size])
    assert found == [line for line in whole if len(line) <= most_bytes]
    assert lines.too_long == sum(len(line) > most_bytes for line in whole)


def test_of_endless_bytes_nothing_is_kept() -> None:
    lines = Lines(1000)
    for _ in range(1000):
        assert lines.feed(bytes(999)) == []
    assert sum(map(len, lines._parts)) <= 1000
    assert lines.too_long == 1
    assert lines.feed(b"\nend\n") == [b"end"]


@pytest.mark.parametrize("line", [b"", b"{", b"[1]", b"7", b"null", b"\xff\xfe", b"running b32"])
def test_what_is_no_json_object_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the text differs from line to line
        decode(line)
