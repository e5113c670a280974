"""HTTP/1.1 as bytes: heads, and where bodies end. A proxy needs both to pass a message on as it is,
which libraries for clients and servers do not: they decode it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

MOST_HEAD_BYTES = 1 << 16
PIECE_BYTES = 1 << 16
MOST_DIGITS = 18
END = b"\r\n"
BODILESS = (204, 304)


class BrokenError(Exception):
    """The other side does not speak HTTP/1, or has ended in the middle of a message."""


class Reader(asyncio.StreamReader):
    """A reader that calls `on_end` as soon as its connection ends, even if nobody reads."""

    def __init__(self) -> None:
        super().__init__(limit=MOST_HEAD_BYTES)
        self.on_end: Callable[[], object] = nothing
        self.ended = False

    def feed_eof(self) -> None:
        """The other side sends no more."""
        super().feed_eof()
        self._end()

    def set_exception(self, exc: Exception) -> None:
        """The connection is lost."""
        super().set_exception(exc)
        self._end()

    def _end(self) -> None:
        self.ended = True
        self.on_end()


@dataclass(frozen=True, slots=True)
class Head:
    """The start line of a message and its fields, as they were sent."""

    start: bytes
    fields: tuple[tuple[bytes, bytes], ...]

    @property
    def raw(self) -> bytes:
        """The head as sent."""
        lines = (self.start, *(name + b":" + value for name, value in self.fields))
        return b"".join(line + END for line in lines) + END

    @property
    def status(self) -> int:
        """The status of a response. Raises BrokenError."""
        parts = self.start.split(None, 2)
        if len(parts) < 2 or not parts[0].startswith(b"HTTP/"):
            raise BrokenError("the answer is not HTTP")
        return _number(parts[1], "status")

    @property
    def is_old(self) -> bool:
        """Whether the message is of HTTP/1.0, which has no chunks."""
        return b"HTTP/1.0" in self.start.split()

    def value(self, name: bytes) -> bytes:
        """The value of a field in small letters, empty if it is absent."""
        return next((value.strip().lower() for key, value in self.fields if _is(key, name)), b"")

    def without(self, *names: bytes) -> Head:
        """The head without these fields."""
        kept = (field for field in self.fields if not any(_is(field[0], name) for name in names))
        return replace(self, fields=tuple(kept))

    def having(self, name: bytes, value: bytes) -> Head:
        """The head with one field of this name, at the place of the first it had."""
        fields = list(self.without(name).fields)
        place = next((i for i, (key, _) in enumerate(self.fields) if _is(key, name)), len(fields))
        fields.insert(place, (name, b" " + value))
        return replace(self, fields=tuple(fields))


class Framing(Protocol):
    """Where a body ends, found while its bytes pass."""

    done: bool

    def feed(self, raw: bytes) -> bytes:
        """The content in the next bytes. Raises BrokenError."""
        ...


class Length:
    """A body of so many bytes."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.done = not left

    def feed(self, raw: bytes) -> bytes:
        """All of it. Raises BrokenError if it is more than there should be."""
        self.left -= len(raw)
        if self.left < 0:
            raise BrokenError("a body is longer than its Content-Length")
        self.done = not self.left
        return raw


class UntilClose:
    """A body that ends with its connection."""

    done = False

    def feed(self, raw: bytes) -> bytes:
        """All of it."""
        return raw


class Chunked:
    """A body in chunks, each behind its size."""

    def __init__(self) -> None:
        self.done = False
        self._rest = b""
        self._left = 0
        self._in_trailer = False

    def feed(self, raw: bytes) -> bytes:
        """The content of the chunks, as far as they have come. Raises BrokenError."""
        content = []
        rest = self._rest + raw
        while rest and not self.done:
            if self._left > len(END):  # what is left counts the line end behind the chunk
                part = rest[: self._left - len(END)]
                content.append(part)
                self._left -= len(part)
                rest = rest[len(part) :]
            elif self._left:
                if len(rest) < self._left:
                    break
                rest, self._left = rest[self._left :], 0
            else:
                line, found, after = rest.partition(END)
                if not found:
                    break
                rest = after
                self._line(line)
        if len(rest) > MOST_HEAD_BYTES or (self.done and rest):
            raise BrokenError("a body has more bytes than chunks")
        self._rest = rest
        return b"".join(content)

    def _line(self, line: bytes) -> None:
        if self._in_trailer:
            self.done = not line
            return
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            raise BrokenError("a chunk has no size") from None
        if size < 0:
            raise BrokenError("a chunk has no size")
        self._in_trailer = not size
        self._left = size + len(END) if size else 0


def chunk(content: bytes) -> bytes:
    """Content as one chunk."""
    return b"%x\r\n%b\r\n" % (len(content), content)


LAST_CHUNK = b"0\r\n\r\n"


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next head; None if there is none any more. Raises BrokenError."""
    try:
        raw = await reader.readuntil(END + END)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise BrokenError("a head has no end") from None
        return None
    except asyncio.LimitOverrunError:
        raise BrokenError(f"a head is longer than {MOST_HEAD_BYTES} bytes") from None
    start, *lines = raw.removesuffix(END + END).split(END)
    fields = [line.partition(b":") for line in lines]
    if not all(colon for _, colon, _ in fields):
        raise BrokenError("a line of a head has no colon")
    return Head(start, tuple((name, value) for name, _, value in fields))


def request_framing(head: Head) -> Framing:
    """Where a request's body ends. Raises BrokenError."""
    return _framing(head) or Length(0)


def response_framing(head: Head, method: bytes) -> Framing:
    """Where a response's body ends. Raises BrokenError."""
    if method == b"HEAD" or head.status in BODILESS:
        return Length(0)
    return _framing(head) or UntilClose()


async def read_piece(reader: asyncio.StreamReader, framing: Framing) -> bytes:
    """The next bytes of a body, as sent; empty at the end of one that ends with its connection.
    Raises BrokenError if the connection ends before the body."""
    most = framing.left if isinstance(framing, Length) else PIECE_BYTES
    raw = await reader.read(min(most, PIECE_BYTES))
    if not raw and not isinstance(framing, UntilClose):
        raise BrokenError("a body has no end")
    return raw


def answer(status: bytes, body: bytes, content_type: bytes = b"application/json") -> bytes:
    """A whole response, after which the connection is closed."""
    head = (
        b"HTTP/1.1 " + status,
        b"Content-Type: " + content_type,
        b"Content-Length: %d" % len(body),
        b"Connection: close",
    )
    return END.join((*head, b"", body))


def _framing(head: Head) -> Framing | None:
    if coding := head.value(b"transfer-encoding"):
        if coding != b"chunked":
            raise BrokenError("a body has an unknown Transfer-Encoding")
        return Chunked()
    if length := head.value(b"content-length"):
        return Length(_number(length, "Content-Length"))
    return None


def _number(text: bytes, name: str) -> int:
    if not text.isdigit() or len(text) > MOST_DIGITS:
        raise BrokenError(f"a {name} is not a number")
    return int(text)


def _is(name: bytes, other: bytes) -> bool:
    return name.lower() == other.lower()


def nothing() -> None:
    """Do nothing when a connection ends."""
