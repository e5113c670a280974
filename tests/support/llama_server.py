"""A real llama-server on the loopback: the program on the PATH, or the one in package xllamacpp."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("llama-server")
PACKAGE = find_spec("xllamacpp")
MISSING = "no llama-server on the PATH, and no package xllamacpp"
SLOTS = 4
START_S, ASK_S = 60.0, 120.0
# As `llama-server -m MODEL --port PORT -c 65536 -np 4 -t 1 [--metrics]`.
_IN_PACKAGE = """
import sys, threading, xllamacpp
params = xllamacpp.CommonParams()
model, port, context, slots, metrics = sys.argv[1:]
params.model.path, params.model_alias = model, {"tiny"}
params.port, params.n_ctx, params.n_parallel = int(port), int(context), int(slots)
params.cpuparams.n_threads = 1
params.warmup = False
params.endpoint_metrics = metrics == "--metrics"
server = xllamacpp.Server(params)
threading.Event().wait()
"""


class LlamaServer:
    """A server that answers at `port`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def open(self, path: str, body: Mapping[str, Any] | None = None) -> HTTPResponse:
        """Ask; the answer is to be closed, which gives up what has not been read."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=ASK_S)
        content = None if body is None else json.dumps(body)
        connection.request("GET" if content is None else "POST", path, content)
        return connection.getresponse()

    def complete(self, prompt: str, n: int) -> dict[str, Any]:
        """Exactly n tokens after a prompt; returns the usage."""
        wish = {"prompt": prompt, "max_tokens": n, "ignore_eos": True, "model": "tiny"}
        with self.open("/v1/completions", wish) as answer:
            found = json.load(answer)
        usage: dict[str, Any] = found["usage"]
        return usage


@contextmanager
def serving(options: Sequence[str], port: int | None = None) -> Iterator[LlamaServer]:
    """A server with options, which must be known to the program."""
    assert PROGRAM is not None
    port = port or free_port()
    usual = ("--port", str(port), "--no-warmup", "-t", "1")
    with _started([PROGRAM, *usual, *options], port) as server:
        yield server


@contextmanager
def serving_model(
    model: Path, metrics: bool = True, port: int | None = None
) -> Iterator[LlamaServer]:
    """A server of one model, with its metrics or without."""
    port = port or free_port()
    shown = ["--metrics"] if metrics else []
    if PROGRAM:
        options = ["-m", str(model), "--alias", "tiny", "-c", "65536", "-np", str(SLOTS), *shown]
        with serving(options, port) as server:
            yield server
        return
    options = [str(model), str(port), "65536", str(SLOTS), *(shown or ["without"])]
    with _started([sys.executable, "-c", _IN_PACKAGE, *options], port) as server:
        yield server


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def _started(argv: list[str], port: int) -> Iterator[LlamaServer]:
    server = LlamaServer(port)
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline_s = time.monotonic() + START_S
        while not _is_ready(server):
            assert process.poll() is None, f"it ended with exit {process.returncode}: {argv}"
            assert time.monotonic() < deadline_s, f"it does not answer: {argv}"
            time.sleep(0.05)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_ready(server: LlamaServer) -> bool:
    try:
        with server.open("/health") as answer:
            return answer.status == 200
    except (OSError, HTTPException):
        return False
