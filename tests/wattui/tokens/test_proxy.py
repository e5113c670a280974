"""The proxy: everything passes as it comes, every token is counted, and no connection is left."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.language_server import serving
from wattui.cli import main
from wattui.errors import UsageError
from wattui.tokens.proxy import Proxy, parse_listen, parse_target
from wattui.tokens.totals import Totals
from wattui.tokens.wire import LAST_CHUNK, Chunked, chunk

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
TEXT = b'data: {"choices": [{"text": "a"}], "usage": null}\n\n'
USAGE = (
    b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5, '
    b'"prompt_tokens_details": {"cached_tokens": 3}}}\n\n'
)
DONE = b"data: [DONE]\n\n"


@dataclass
class Proxied:
    """A proxy on a free port, what it has counted, and the requests its server has got."""

    url: str
    totals: Totals
    proxy: Proxy
    counted: dict[str, int]
    got: list[bytes] = field(default_factory=list)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        at = urlsplit(self.url)
        return await asyncio.open_connection(at.hostname, at.port)

    async def ask(self, body: bytes, path: str = "/v1/completions") -> bytes:
        """Everything that a client gets for a request, until the connection ends."""
        reader, writer = await self.open()
        writer.write(_request(body, path))
        got = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return got


def _request(body: bytes, path: str = "/v1/completions", more: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: here\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[Proxied]:
    counted: dict[str, int] = {}

    def count(counts: Mapping[str, int]) -> None:
        for name, n in counts.items():
            counted[name] = counted.get(name, 0) + n

    totals = Totals(count)
    proxy = Proxy(parse_target(url), totals)
    listens = await proxy.listen("127.0.0.1", 0)
    try:
        yield Proxied(listens, totals, proxy, counted)
    finally:
        await proxy.close()


@asynccontextmanager
async def before(script: Script) -> AsyncIterator[Proxied]:
    """A proxy before a server that follows a script for each connection."""
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split()[0])
            got.append(head + await reader.readexactly(length))
            await script(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    async with server, proxied(f"http://{host}:{port}") as made:
        made.got = got
        yield made


def _sends(*pieces: bytes) -> Script:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return script


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.002)


async def test_a_stream_passes_unchanged_and_is_counted() -> None:
    raw = STREAM + chunk(TEXT) + chunk(USAGE[:30]) + chunk(USAGE[30:] + DONE) + LAST_CHUNK
    asked = b'{"stream": true, "stream_options": {"include_usage": true}}'
    async with before(_sends(raw)) as made:
        assert await made.ask(asked) == raw
        assert made.got[0].endswith(asked)
    assert made.counted == {"tokens_out": 5, "tokens_in": 4, "tokens_cached": 3, "requests": 1}


async def test_a_usage_that_the_client_has_not_asked_for_is_taken_out_again() -> None:
    raw = STREAM + chunk(TEXT) + chunk(USAGE + DONE) + LAST_CHUNK
    async with before(_sends(raw)) as made:
        got = await made.ask(b'{"stream": true}')
        assert got.startswith(STREAM)
        assert Chunked().feed(got.removeprefix(STREAM)) == TEXT + DONE
        assert b'"include_usage": true' in made.got[0]
    assert made.counted["tokens_out"] == 5


@pytest.mark.parametrize("asked", [b'{"stream": true}', b"{}"])
async def test_a_stream_that_ends_with_its_connection_is_counted(asked: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    async with before(_sends(head, TEXT, USAGE, DONE)) as made:
        hidden = b"" if b"stream" in asked else USAGE
        assert await made.ask(asked) == head + TEXT + hidden + DONE
    assert made.counted["requests"] == 1


async def test_each_piece_passes_before_the_next_has_come() -> None:
    let = asyncio.Semaphore(0)

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in (STREAM + chunk(TEXT), chunk(TEXT), chunk(USAGE) + LAST_CHUNK):
            await let.acquire()
            writer.write(piece)

    async with before(script) as made:
        reader, writer = await made.open()
        writer.write(_request(b'{"stream": true}'))
        for wanted in (STREAM + chunk(TEXT), chunk(TEXT), LAST_CHUNK):
            let.release()
            assert await asyncio.wait_for(reader.readexactly(len(wanted)), 20) == wanted
            assert made.totals.running == (wanted != LAST_CHUNK) or made.totals.requests
        writer.close()


@pytest.mark.parametrize("begun", [b"", STREAM + chunk(TEXT)], ids=["hangs", "answers"])
async def test_a_client_that_goes_ends_its_request_at_the_server(begun: bytes) -> None:
    gone = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(begun)
        assert await reader.read() == b""
        gone.set()

    async with before(script) as made:
        reader, writer = await made.open()
        writer.write(_request(b'{"stream": true}'))
        await reader.readexactly(len(begun))
        await _until(lambda: made.totals.running == 1)
        writer.close()
        await asyncio.wait_for(gone.wait(), 20)
        await _until(lambda: made.totals.requests_aborted == 1)
        assert made.totals.running == 0
        await _until(lambda: made.proxy.connections == 0)


async def test_a_server_that_answers_before_it_has_read_all_is_heard() -> None:
    refused = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!"

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(refused)
        writer.write_eof()
        await reader.read()

    async with before(script) as made:
        reader, writer = await made.open()
        writer.write(_request(b"", "/upload"))
        await reader.readuntil(b"\r\n\r\n")
        request = _request(b"x" * 1000, "/upload")
        writer.write(request[:-1])
        await _until(lambda: made.proxy.connections == 1)
        await asyncio.sleep(0.02)  # for the refusal, which is to wait
        writer.write(request[-1:])
        assert await asyncio.wait_for(reader.read(), 20) == refused
        writer.close()


JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 500 Oh\r\nContent-Length: 5\r\n\r\nno :(",
        b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
        STREAM + chunk(b'data: {"error": {"message": "no memory"}}\n\n') + LAST_CHUNK,
        JSON_HEAD + b"{}",
        STREAM + chunk(TEXT),
        STREAM + b"zz\r\n",
        JSON_HEAD + b"{",
        b"garbage without an end",
        b"garbage\r\n\r\n",
        b"garbage HTTP/1.1 %b OK\r\n\r\n" % (b"9" * 5000),
        b"",
    ],
    ids=lambda raw: raw[:14].decode(),
)
async def test_an_answer_that_is_none_passes_as_far_as_it_goes_and_has_failed(raw: bytes) -> None:
    async with before(_sends(raw)) as made:
        got = await made.ask(b'{"stream": true, "stream_options": {"include_usage": true}}')
        assert got == (b"" if raw.startswith(b"garbage") else raw)
        assert made.totals.requests_failed == 1
    assert made.counted == {}


@pytest.mark.parametrize(("client", "server"), [("1.0", b"1.1"), ("1.1", b"1.0"), ("1.0", b"1.0")])
async def test_http_1_0_gets_no_chunks(client: str, server: bytes) -> None:
    head = b"HTTP/%b 200 OK\r\nContent-Type: text/event-stream\r\n" % server
    content = TEXT + USAGE + DONE
    async with before(
        _sends(head + b"Content-Length: %d\r\n\r\n" % len(content) + content)
    ) as made:
        reader, writer = await made.open()
        writer.write(_request(b'{"stream": true}').replace(b"HTTP/1.1", f"HTTP/{client}".encode()))
        got = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        assert got == head + b"Connection: close\r\n\r\n" + TEXT + DONE
        assert made.totals.requests == 1


async def test_lengths_that_are_no_numbers_end_a_connection_quietly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with before(_sends(JSON_HEAD.replace(b"2\r", b"9" * 5000 + b"\r"))) as made:
        assert await made.ask(b"{}") == b""
        reader, writer = await made.open()
        writer.write(b"POST /v1/completions HTTP/1.1\r\nContent-Length: %b\r\n\r\n" % (b"9" * 5000))
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
        await _until(lambda: made.proxy.connections == 0)
    assert not caplog.records


async def test_a_server_that_is_not_there_is_said_to_be_so() -> None:
    async with proxied("http://127.0.0.1:1") as made:
        got = await made.ask(b"{}")
        assert got.startswith(b"HTTP/1.1 502 ")
        assert b"no server at 127.0.0.1:1" in got
        assert made.totals.requests_failed == 1


async def test_other_paths_pass_with_the_servers_name_and_prefix() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
    async with before(_sends(b"HTTP/1.1 100 Continue\r\n\r\n", raw)) as made:
        got = await made.ask(b"x" * 100_000, "/v1/audio?a=1")
        assert got.endswith(raw)
        assert made.got[0].startswith(b"POST /v1/audio?a=1 HTTP/1.1\r\nHost: 127.0.0.1:")
        assert made.got[0].endswith(b"\r\n\r\n" + b"x" * 100_000)
        assert made.totals.requests_passed == 1


async def test_a_client_that_waits_for_leave_to_send_gets_it() -> None:
    raw = b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"eval_count":3}'
    async with before(_sends(raw)) as made:
        reader, writer = await made.open()
        head, body = _request(b"{}", "/api/chat", "Expect: 100-continue\r\n"), b"{}"
        writer.write(head.removesuffix(body))
        wanted = b"HTTP/1.1 100 Continue\r\n\r\n"
        assert await asyncio.wait_for(reader.readexactly(len(wanted)), 20) == wanted
        writer.write(body)
        assert await asyncio.wait_for(reader.read(), 20) == raw
        assert b"Expect" not in made.got[0]
    assert made.counted == {"tokens_out": 3, "requests": 1}


async def test_a_tunnel_passes_both_ways() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\nhello")
        writer.write((await reader.readexactly(4)).upper())

    async with before(script) as made:
        reader, writer = await made.open()
        writer.write(_request(b"", "/ws"))
        await reader.readuntil(b"hello")
        writer.write(b"ping")
        assert await asyncio.wait_for(reader.read(), 20) == b"PING"
        writer.close()


def _ask(url: str, *requests: tuple[str, object]) -> list[bytes]:
    """The answers to requests on one connection, each of a path and a body."""
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=60)) as connection:
        answers = []
        for path, body in requests:
            connection.request("POST" if body else "GET", path, json.dumps(body) if body else None)
            response = connection.getresponse()
            answers.append(response.read())
            assert response.status == 200
    return answers


@pytest.mark.needs_prometheus
async def test_its_metrics_are_its_own() -> None:
    from recorders.servers.pages import read_page

    raw = b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"eval_count":3}'
    async with before(_sends(raw)) as made:
        await made.ask(b"{}", "/api/generate")
        (page,) = await asyncio.to_thread(_ask, made.url, ("/metrics", None))
    read = read_page(page)
    assert read.server == "wattui tokens proxy"
    assert {each.metric: n for each, n in read.counters.items()} == {
        "wattui_proxy_tokens_out_total": 3,
        "wattui_proxy_tokens_in_total": 0,
        "wattui_proxy_tokens_cached_total": 0,
        "wattui_proxy_requests_total": 1,
    }
    assert (read.running, read.waiting) == (0, None)
    assert made.totals.line() == "tokens: 3 out, 0 in; requests: 1 answered"


REQUESTS, AT_ONCE = 100, 4
PATHS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/v1/completions", {"prompt": "once upon a time there was"}),
    ("/v1/completions", {"prompt": "once upon a time there was", "stream": True}),
    ("/api/generate", {"prompt": "once upon a time", "options": {"num_predict": 16}}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "a"}], "stream": True}),
)


@pytest.mark.slow
async def test_no_token_is_lost_and_no_connection_is_left_over() -> None:
    with serving(slots=AT_ONCE) as server:
        async with proxied(server.server.url) as made:
            asked = [PATHS[number % len(PATHS)] for number in range(REQUESTS // AT_ONCE)]
            askers = (asyncio.to_thread(_ask, made.url, *asked) for _ in range(AT_ONCE))
            for answers in await asyncio.gather(*askers):
                for (_, body), answer in zip(asked, answers, strict=True):
                    assert (b'"usage": {' in answer) == ("prompt" in body and len(body) == 1)
            await _until(lambda: made.proxy.connections == 0)
        ended = server.scheduler.counters.ended
        assert made.counted["tokens_out"] == ended.generated
        assert made.counted["requests"] == REQUESTS
        # Ollama does not say which tokens of a prompt were cached.
        assert made.totals.tokens_in + made.totals.tokens_cached == ended.prompt


def test_the_command_counts_and_ends_on_a_signal() -> None:
    with serving() as server:
        argv = [sys.executable, "-m", "wattui", "tokens", "proxy", "--to", server.server.url]
        pipe = subprocess.PIPE
        with subprocess.Popen(argv, stdout=pipe, stderr=pipe, text=True) as proxy:
            assert proxy.stdout is not None
            url = proxy.stdout.readline().split()[-1]
            body = {"prompt": "once", "max_tokens": 20, "ignore_eos": True}
            _ask(url, ("/v1/completions", body))
            proxy.send_signal(signal.SIGTERM)
            _, said = proxy.communicate(timeout=20)
            assert proxy.returncode == 0
    assert said == "wattui: tokens: 20 out, 4 in; requests: 1 answered\n"


@pytest.mark.parametrize("listen", ["9", "0.0.0.0:9", "localhost:9", "[::1]:9"])
def test_a_proxy_is_not_its_own_server(listen: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokens", "proxy", "--to", "http://127.0.0.1:9", "--listen", listen]) == 2
    assert "that is the address of --to: fix: choose another port" in capsys.readouterr().err


def test_addresses() -> None:
    assert parse_listen("8001") == ("127.0.0.1", 8001)
    assert parse_listen("[::1]:0") == ("::1", 0)
    target = parse_target("https://example.org/llm/v1")
    assert (target.host, target.port, target.is_tls, target.prefix) == (
        "example.org",
        443,
        True,
        "/llm",
    )
    for wrong in ("127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "a..b:1", f"{'a' * 64}:1"):
        with pytest.raises(UsageError, match="HOST:PORT"):
            parse_listen(wrong)
    for wrong in ("http://a..b:1", f"http://{'a' * 64}", "http://a:1/\x1b[31m"):
        with pytest.raises(UsageError, match="expected an address"):
            parse_target(wrong)
