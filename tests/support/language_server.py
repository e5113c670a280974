"""The bundled language-model server in this process, with an engine whose steps a test takes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from typing import Any

from workloads.serve.dialects import DIALECTS, Make
from workloads.serve.engine import Engine, Toy
from workloads.serve.scheduler import Scheduler
from workloads.serve.server import Server


class Stepped(Toy):
    """Gives a token whenever the test lets it: never the end, and every ninth is half a letter."""

    name = "gpt"

    def __init__(self) -> None:
        super().__init__()
        self.steps = threading.Semaphore(0)

    def stream(self, prompt: bytes, n: int, *, seed: int) -> Iterator[int]:
        for token in (b"letters\xc3\xa9" * n)[:n]:
            assert self.steps.acquire(timeout=20)
            yield token


class Client:
    """Asks a server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.scheduler = server.scheduler

    def open(self, path: str, body: Any = None) -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=20)
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request("POST" if content is not None else "GET", path, content)
        return connection.getresponse()

    def text(self, path: str, body: Any = None) -> str:
        with self.open(path, body) as response:
            return response.read().decode()

    def json(self, path: str, body: Any = None) -> Any:
        return json.loads(self.text(path, body))

    def events(self, path: str, body: Any) -> list[Any]:
        """The events of a stream, without the last, which must be [DONE]."""
        events = self.text(path, body).split("\n\n")
        assert events[-2:] == ["data: [DONE]", ""]
        return [json.loads(event.removeprefix("data: ")) for event in events[:-2]]

    def samples(self, path: str = "/metrics") -> dict[str, float]:
        """Every sample of a page by its name and labels."""
        lines = [line for line in self.text(path).splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


@contextmanager
def serving(
    metrics: str | dict[str, Make] = "vllm",
    engine: Engine | None = None,
    slots: int = 8,
    step_s: float = 0.0,
    port: int = 0,
) -> Iterator[Client]:
    """A server on the loopback interface, on a free port if none is given."""
    scheduler = Scheduler(engine or Toy(), slots, step_s)
    pages = DIALECTS[metrics] if isinstance(metrics, str) else metrics
    with Server(("127.0.0.1", port), scheduler, pages, metrics == "llama") as server:
        scheduler.start()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Client(server)
        finally:
            server.shutdown()
            thread.join()
            scheduler.close()
