"""The HTTP server: paths, bodies, and answers in one piece or as a stream."""

from __future__ import annotations

import codecs
import json
import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import urlsplit

from workloads.serve import ollama, openai
from workloads.serve.counters import Finish
from workloads.serve.dialects import JSON, Make, Page
from workloads.serve.engine import Engine
from workloads.serve.replies import Body, Head, RefusedError, Reply
from workloads.serve.scheduler import Generation, Scheduler

MOST_BODY_BYTES = 16 * 2**20

# A piece of the text, and how many tokens there were up to its end.
Piece = tuple[str, int]
MakeReply = Callable[[Body, Engine, Head], Reply]


class Server(ThreadingHTTPServer):
    """Serves one engine; `metrics` has the pages of a server by their paths."""

    daemon_threads = True
    request_queue_size = 512
    block_on_close = False

    def __init__(
        self,
        address: tuple[str, int],
        scheduler: Scheduler,
        metrics: Mapping[str, Make],
        timings: bool = False,
    ) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.scheduler, self.metrics = scheduler, metrics
        complete = partial(openai.completion, timings=timings)
        self.replies: dict[str, MakeReply] = {
            "/v1/completions": partial(complete, chat=False),
            "/v1/chat/completions": partial(complete, chat=True),
            "/api/generate": partial(ollama.ollama_reply, chat=False),
            "/api/chat": partial(ollama.ollama_reply, chat=True),
        }
        super().__init__(address, _Handler)

    @property
    def url(self) -> str:
        """The address of the server."""
        host, port = self.server_address[:2]
        shown = f"[{host!s}]" if self.address_family == socket.AF_INET6 else str(host)
        return f"http://{shown}:{port}"

    def page(self, path: str) -> Page | None:
        """What is shown at a path; None if there is nothing."""
        engine = self.scheduler.engine
        if path in self.metrics:
            with self.scheduler.lock:
                return self.metrics[path](self.scheduler.counters, engine.name)
        shown: dict[str, Mapping[str, Any]] = {
            "/health": {"status": "ok"},
            "/v1/models": openai.models(engine.name, engine.context),
            "/api/tags": ollama.tags(engine.name),
        }
        return Page(200, JSON, json.dumps(shown[path])) if path in shown else None

    def server_bind(self) -> None:
        """Bind without looking up a name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: the connection has broken, or its client sent garbage."""


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 600

    def do_GET(self) -> None:
        """Show a page."""
        path = urlsplit(self.path).path
        if page := self.server.page(path):
            self._send(page)
        elif path in self.server.replies:
            self.send_error(405, f"{path} needs POST")
        else:
            self.send_error(404, f"{path} is not found")

    def do_POST(self) -> None:
        """Generate an answer."""
        path = urlsplit(self.path).path
        try:
            body = self._body()
            if path not in self.server.replies:
                known = self.server.page(path)
                message = f"{path} needs GET" if known else f"{path} is not found"
                raise RefusedError(405 if known else 404, message)
            scheduler = self.server.scheduler
            head = Head(scheduler.counters.arrived, int(time.time()), scheduler.engine.name)
            reply = self.server.replies[path](body, scheduler.engine, head)
        except RefusedError as refused:
            self.send_error(refused.status, str(refused))
            return
        generation = scheduler.submit(reply.wanted)
        pieces = _pieces(generation.tokens(self._connected), scheduler.engine.end)
        if reply.streamed:
            self._stream(reply, pieces, generation)
        else:
            self._whole(reply, "".join(text for text, _ in pieces), generation)

    def _body(self) -> Body:
        """The JSON object that the client sent. Raises RefusedError."""
        text = self.headers.get("Content-Length", "")
        if not text.isdecimal():
            self.close_connection = True
            raise RefusedError(411, "the request needs a Content-Length")
        if int(text) > MOST_BODY_BYTES:
            self.close_connection = True
            raise RefusedError(413, f"a request has at most {MOST_BODY_BYTES} bytes")
        try:
            body = json.loads(self.rfile.read(int(text)))
        except (ValueError, RecursionError):
            raise RefusedError(400, "the body is not JSON") from None
        if not isinstance(body, dict):
            raise RefusedError(400, "the body is not a JSON object")
        return body

    def _whole(self, reply: Reply, text: str, done: Generation) -> None:
        if done.finish in (None, Finish.ABORT):
            self.close_connection = True
        elif done.finish is Finish.ERROR:
            self.send_error(500, "the engine failed")
        else:
            self._send(Page(200, JSON, json.dumps(reply.whole(text, done))))

    def _stream(self, reply: Reply, pieces: Iterator[Piece], generation: Generation) -> None:
        """Send each piece as a chunk when it comes."""
        self.send_response(200)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for chunk in reply.opening():
                self._chunk(chunk)
            for text, so_far in pieces:
                self._chunk(reply.piece(text, generation, so_far))
            if generation.finish in (None, Finish.ABORT):
                self.close_connection = True
                return
            for chunk in reply.closing(generation):
                self._chunk(chunk)
            self._chunk(b"")
        finally:
            generation.cancelled = True

    def _chunk(self, content: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))

    def _send(self, page: Page) -> None:
        content = page.text.encode()
        self.send_response(page.status)
        self.send_header("Content-Type", page.content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _connected(self) -> bool:
        """Whether the client is there; it may have sent its next request already."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        return not readable or bool(self.connection.recv(1, socket.MSG_PEEK))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer with an error of the protocol that the path belongs to."""
        protocol = ollama if getattr(self, "path", "").startswith("/api/") else openai
        text = message or HTTPStatus(code).phrase
        self._send(Page(code, JSON, json.dumps(protocol.error(code, text))))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _pieces(tokens: Iterator[int], end: int | None) -> Iterator[Piece]:
    """The text of the tokens, which are bytes, without the end; half a character waits for its
    other half."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    so_far = 0
    for token in tokens:
        so_far += 1
        if token != end and (text := decoder.decode(bytes([token]))):
            yield text, so_far
    if text := decoder.decode(b"", final=True):
        yield text, so_far
