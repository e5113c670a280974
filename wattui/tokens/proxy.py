"""A proxy that passes everything on as it comes, and counts the tokens that the server states.

Each connection of a client has one of its own to the server, so that the end of either ends the
other, and no connection is left over. Nothing of prompts or answers is kept.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from wattui.errors import UsageError
from wattui.tokens.passing import Answer, asking_usage, is_counted
from wattui.tokens.server import VERSION, parse_address
from wattui.tokens.totals import Tally, Totals
from wattui.tokens.wire import (
    LAST_CHUNK,
    PIECE_BYTES,
    BrokenError,
    Framing,
    Head,
    Reader,
    UntilClose,
    answer,
    chunk,
    nothing,
    read_head,
    read_piece,
    request_framing,
    response_framing,
)

METRICS = b"/metrics"
TEXT = b"text/plain; version=0.0.4; charset=utf-8"
MOST_BODY_BYTES = 256 << 20
SWITCHING = 101
OK = 200
BACKLOG = 1024
MOST_PORT = 65535
# Names under which a server of this machine is reached, or listens.
LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "::"})


@dataclass(frozen=True, slots=True)
class Target:
    """The server: where it listens, and what comes before each path."""

    host: str
    port: int
    is_tls: bool
    netloc: str
    prefix: str


def parse_target(url: str) -> Target:
    """The server at an address; a path of /v1 is left out. Raises UsageError."""
    parts = urlsplit(parse_address(url).base)
    is_tls = parts.scheme == "https"
    return Target(
        parts.hostname or "",
        parts.port or (443 if is_tls else 80),
        is_tls,
        parts.netloc,
        parts.path.removesuffix(f"/{VERSION}"),
    )


def parse_listen(text: str) -> tuple[str, int]:
    """HOST:PORT, or a port of the loopback interface. Raises UsageError."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    try:
        host.encode("idna")
        number = int(port) if port.isdecimal() else -1
    except ValueError:
        number = -1
    if not 0 <= number <= MOST_PORT:
        raise UsageError(f"--listen {text}: expected HOST:PORT, as in 127.0.0.1:8001")
    return host, number


def is_itself(target: Target, host: str, port: int) -> bool:
    """Whether a proxy that listens there would be its own server."""
    return port == target.port and (host == target.host or {host, target.host} <= LOCAL)


@dataclass(frozen=True, slots=True)
class _Side:
    """One end of a connection."""

    reader: Reader
    writer: asyncio.StreamWriter

    async def send(self, content: bytes) -> None:
        self.writer.write(content)
        await self.writer.drain()

    def end(self) -> None:
        """Close the connection at once, whatever is still to be sent."""
        self.writer.transport.abort()

    def finish(self) -> None:
        """Close the connection once everything is sent."""
        self.writer.close()


class Proxy:
    """Passes requests on to a server, and counts into `totals`."""

    def __init__(self, target: Target, totals: Totals) -> None:
        self._target, self._totals = target, totals
        self._tls = ssl.create_default_context() if target.is_tls else None
        self._open: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, port: int) -> str:
        """Begin to accept connections; returns the address. Raises UsageError."""
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: asyncio.StreamReaderProtocol(Reader(), self._client),
                host,
                port,
                backlog=BACKLOG,
            )
        except OSError as error:
            reason = error.strerror or str(error)
            raise UsageError(
                f"--listen {host}:{port}: {reason}: fix: choose another port"
            ) from None
        bound = self._server.sockets[0].getsockname()
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        return f"http://{shown}:{bound[1]}"

    async def close(self) -> None:
        """End all connections."""
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    @property
    def connections(self) -> int:
        """The connections of clients that are open."""
        return len(self._open)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert isinstance(reader, Reader)
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        client = _Side(reader, writer)
        link = _Link(client, self._target, self._tls, self._totals)
        try:
            while await link.exchange():
                pass
        except (BrokenError, OSError):
            pass  # the client sees a connection that ends, as it would without a proxy
        except asyncio.CancelledError:
            client.end()
        finally:
            link.close()
            self._open.discard(task)


class _Link:
    """A client's connection, and the server's that belongs to it."""

    def __init__(
        self, client: _Side, target: Target, tls: ssl.SSLContext | None, totals: Totals
    ) -> None:
        self._client, self._target, self._tls, self._totals = client, target, tls, totals
        self._server: _Side | None = None

    async def exchange(self) -> bool:
        """Pass on a request and its answer; False if the connection then ends."""
        if self._server:  # one that the server ends between requests ends the client's, too
            self._server.reader.on_end = self._client.finish
            if self._server.reader.ended:
                return False
        head = await read_head(self._client.reader)
        if head is None:
            return False
        if self._server:
            self._server.reader.on_end = nothing
        method, path = _asked(head)
        if path == METRICS and method == b"GET":
            await self._client.send(answer(b"200 OK", self._totals.page().encode(), TEXT))
            return False
        if not is_counted(method, path):
            return await self._pass(head, method)
        self._totals.running += 1
        try:
            return await self._count(head, method, path)
        finally:
            self._totals.running -= 1

    def close(self) -> None:
        """End both connections."""
        self._client.finish()
        if self._server:
            self._server.end()

    async def _pass(self, head: Head, method: bytes) -> bool:
        """Pass on a request whose answer has no tokens."""
        server = await self._connected()
        if server is None:
            return False
        await self._allow(head)
        await server.send(self._to_server(head).raw)
        framing = request_framing(head)
        with suppress(ConnectionError):  # a server may answer before it has read all
            while not framing.done:
                raw = await read_piece(self._client.reader, framing)
                framing.feed(raw)
                await server.send(raw)
        with _ending_together(self._client, server):
            found = await self._final_head(server)
            await self._client.send(found.raw)
            if found.status == SWITCHING:
                await _both_ways(self._client, server)
                return False
            framing = response_framing(found, method)
            await _relay(server, framing, self._client.send)
        self._totals.requests_passed += 1
        return self._stays(found, framing)

    async def _count(self, head: Head, method: bytes, path: bytes) -> bool:
        """Pass on a request and count the tokens of its answer."""
        await self._allow(head)
        asked = asking_usage(path, await self._body(head))
        answered: Answer | None = None
        has_passed = False
        try:
            server = await self._connected()
            if server is None:
                return False
            plain = head.without(b"Accept-Encoding", b"Transfer-Encoding")
            length = str(len(asked.body)).encode()
            sent = self._to_server(plain.having(b"Content-Length", length))
            with _ending_together(self._client, server):
                with suppress(ConnectionError):
                    await server.send(sent.raw + asked.body)
                found = await self._final_head(server)
                framing = response_framing(found, method)
                if found.status == OK:
                    kind, tally = found.value(b"content-type"), Tally(self._totals)
                    answered = Answer(kind, asked.adds_usage, tally.take)
                if answered and answered.rewrites:
                    if head.is_old or found.is_old:  # it has no chunks
                        sized = (b"Content-Length", b"Transfer-Encoding")
                        found = found.without(*sized).having(b"Connection", b"close")
                    await self._rewritten(server, found, framing, answered)
                else:
                    await self._client.send(found.raw)
                    await _relay(server, framing, self._client.send, answered)
            has_passed = True
            return self._stays(found, framing)
        finally:
            if has_passed and answered and answered.has_usage and not answered.has_error:
                self._totals.add({"requests": 1})
            elif self._client.reader.ended and not has_passed:
                self._totals.requests_aborted += 1
            else:
                self._totals.requests_failed += 1

    async def _rewritten(
        self, server: _Side, head: Head, framing: Framing, answered: Answer
    ) -> None:
        """Pass on a stream without the usage that the client has not asked for."""
        if head.value(b"content-length"):
            head = head.without(b"Content-Length").having(b"Transfer-Encoding", b"chunked")
        is_bare = not head.value(b"transfer-encoding")
        await self._client.send(head.raw)

        async def send(content: bytes) -> None:
            if content:
                await self._client.send(content if is_bare else chunk(content))

        while not framing.done:
            raw = await read_piece(server.reader, framing)
            if not raw:
                break
            await send(answered.feed(framing.feed(raw)))
        await send(answered.end())
        if not is_bare:
            await self._client.send(LAST_CHUNK)

    async def _body(self, head: Head) -> bytes:
        """The whole body of a request. Raises BrokenError."""
        framing = request_framing(head)
        content = bytearray()
        while not framing.done:
            content += framing.feed(await read_piece(self._client.reader, framing))
            if len(content) > MOST_BODY_BYTES:
                raise BrokenError(f"a request is longer than {MOST_BODY_BYTES} bytes")
        return bytes(content)

    async def _allow(self, head: Head) -> None:
        """Let a client go on that waits for it before it sends a body."""
        if head.value(b"expect") == b"100-continue":
            await self._client.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def _connected(self) -> _Side | None:
        """The connection to the server; None, and an answer to the client, if there is none."""
        if self._server is None:
            target = self._target
            try:
                self._server = await _connect(target, self._tls)
            except OSError as error:
                reason = error.strerror or type(error).__name__
                text = f"wattui tokens proxy: no server at {target.netloc}: {reason}"
                body = json.dumps({"error": {"message": text, "type": "proxy_error"}}).encode()
                await self._client.send(answer(b"502 Bad Gateway", body))
        return self._server

    async def _final_head(self, server: _Side) -> Head:
        """The head of the answer; what the server says before is passed on. Raises BrokenError."""
        while True:
            found = await read_head(server.reader)
            if found is None:
                raise BrokenError("the server has ended the connection")
            if found.status >= OK or found.status == SWITCHING:
                return found
            await self._client.send(found.raw)

    def _to_server(self, head: Head) -> Head:
        """A request as the server gets it: its name as the host, and what comes before the path."""
        method, _, rest = head.start.partition(b" ")
        start = b"%b %b%b" % (method, self._target.prefix.encode(), rest)
        named = head.without(b"Expect").having(b"Host", self._target.netloc.encode())
        return Head(start, named.fields)

    def _stays(self, found: Head, framing: Framing) -> bool:
        """Whether the connection can have another request."""
        return not (
            isinstance(framing, UntilClose)
            or b"close" in found.value(b"connection")
            or found.is_old
        )


def _asked(head: Head) -> tuple[bytes, bytes]:
    """The method and the path of a request. Raises BrokenError."""
    parts = head.start.split(b" ")
    if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
        raise BrokenError("the request is not HTTP/1")
    return parts[0], parts[1].partition(b"?")[0]


async def _connect(target: Target, tls: ssl.SSLContext | None) -> _Side:
    """A connection to the server. Raises OSError."""
    loop, reader = asyncio.get_running_loop(), Reader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.create_connection(lambda: protocol, target.host, target.port, ssl=tls)
    return _Side(reader, asyncio.StreamWriter(transport, protocol, reader, loop))


@contextmanager
def _ending_together(client: _Side, server: _Side) -> Iterator[None]:
    """While an answer passes, the end of the client is that of the server."""
    client.reader.on_end = server.end
    if client.reader.ended:
        server.end()
    try:
        yield
    finally:
        client.reader.on_end = nothing


async def _relay(
    server: _Side,
    framing: Framing,
    send: Callable[[bytes], Awaitable[None]],
    answered: Answer | None = None,
) -> None:
    """Pass on a body as it is. Raises BrokenError."""
    while not framing.done:
        raw = await read_piece(server.reader, framing)
        if not raw:
            break
        await send(raw)
        content = framing.feed(raw)
        if answered:
            answered.feed(content)
    if answered:
        answered.end()


async def _both_ways(one: _Side, other: _Side) -> None:
    """Pass on whatever comes, until either side ends."""

    async def copy(source: _Side, target: _Side) -> None:
        while raw := await source.reader.read(PIECE_BYTES):
            await target.send(raw)

    tasks = [asyncio.ensure_future(copy(*sides)) for sides in ((one, other), (other, one))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
