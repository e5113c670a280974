"""The proxy for tokens: what it adds to a request, and whether it loses a token or a connection."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from benchmarks.table import Figure, Table, of_figures, say

ADDED_MS = 1.0
TOKENS = 16
SERVER = (sys.executable, "-m", "workloads", "serve", "toy", "--dialect", "vllm", "--slots", "64")
PROXY = (sys.executable, "-m", "wattui", "tokens", "proxy", "--to")
BODY = {"prompt": "once upon a time there was a", "max_tokens": TOKENS, "ignore_eos": True}
STREAM = json.dumps(BODY | {"stream": True}).encode()


def tables(quick: bool) -> list[Table]:
    """Latency, direct and through the proxy by turns; then many requests at once."""
    repeats, each, many, at_once = (3, 100, 1000, 16) if quick else (7, 400, 10_000, 16)
    with _started(SERVER) as (server, _), _started((*PROXY, server)) as (proxy, process):
        say("proxy: latency")
        _ask(server, each)
        _ask(proxy, each)
        direct, through = [], []
        for _ in range(repeats):
            direct.append(_median_ms(_ask(server, each)))
            through.append(_median_ms(_ask(proxy, each)))
        added = [b - a for a, b in zip(direct, through, strict=True)]
        say(f"proxy: {many} requests, {at_once} at once")
        before = _counts(server, proxy)
        time.sleep(0.2)
        files_before = _files(process.pid)
        begun_s = time.monotonic()
        threads = [Thread(target=_ask, args=(proxy, many // at_once)) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - begun_s
        time.sleep(0.2)
        counted, passed = (b - a for a, b in zip(before, _counts(server, proxy), strict=True))
        left = _files(process.pid) - files_before
    sent = many // at_once * at_once
    figures = [
        Figure("first byte of a stream, direct, p50", direct, "ms"),
        Figure("through the proxy, p50", through, "ms"),
        Figure("added, p50", added, "ms", ADDED_MS),
        Figure(f"of {sent:,} requests, lost", [float(abs(counted - passed))], "tokens", 0.0),
        Figure(f"missing from {sent * TOKENS:,}", [float(sent * TOKENS - passed)], "tokens", 0.0),
        Figure("left over", [float(left)], "connections", 0.0),
        Figure("through the proxy, 16 at once", [sent / seconds], "requests/s"),
    ]
    notes = (
        f"Each of n values is the median of {each} requests for {TOKENS} streamed tokens of the "
        "bundled server's toy model, one after the other on one connection, until the first byte "
        f"of the answer; direct and through the proxy by turns. Then {sent:,} such requests, "
        f"{at_once} at once.",
    )
    return [of_figures("Proxy", figures, notes)]


def _ask(url: str, requests: int) -> Sequence[float]:
    """The seconds until the first byte of each answer."""
    at = urlsplit(url)
    connection = HTTPConnection(at.hostname or "", at.port, timeout=60)
    headers = {"Content-Type": "application/json"}
    seconds = []
    for _ in range(requests):
        begun_s = time.perf_counter()
        connection.request("POST", "/v1/completions", STREAM, headers)
        response = connection.getresponse()
        response.read(1)
        seconds.append(time.perf_counter() - begun_s)
        if not response.read().endswith(b"data: [DONE]\n\n"):
            raise RuntimeError("an answer was cut off")
    connection.close()
    return seconds


def _counts(server: str, proxy: str) -> tuple[int, int]:
    """The tokens generated, as the server and as the proxy count them."""
    return (
        _counter(server, r"^vllm:generation_tokens_total\S* (\S+)$"),
        _counter(proxy, r"^wattui_proxy_tokens_out_total (\S+)$"),
    )


def _counter(url: str, pattern: str) -> int:
    at = urlsplit(url)
    connection = HTTPConnection(at.hostname or "", at.port, timeout=60)
    connection.request("GET", "/metrics")
    page = connection.getresponse().read().decode()
    connection.close()
    found = re.search(pattern, page, re.M)
    if found is None:
        raise RuntimeError(f"{url}/metrics has no such counter")
    return int(float(found[1]))


def _files(pid: int) -> int:
    """The open files of a process, connections among them."""
    return len(os.listdir(Path("/proc", str(pid), "fd")))


def _median_ms(seconds: Sequence[float]) -> float:
    return sorted(seconds)[len(seconds) // 2] * 1e3


@contextmanager
def _started(argv: Sequence[str]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A program that says its address at the end of its first line."""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1], process
        finally:
            process.terminate()
