"""Starts the process that exports a recording, for headless, the dashboard and the library alike.

The process reads the recorder's page and nothing else, so neither the recorder nor the front end
waits for whoever asks for metrics.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import socket
import subprocess
import threading
from importlib.util import find_spec
from typing import IO
from urllib.parse import urlsplit

from recorders.marks import ENVIRONMENT
from recorders.own_process import own_command
from wattui.errors import UsageError

LOOPBACK = "127.0.0.1"
# How long the end of a recording waits for the last values to reach a collector.
FLUSH_S, END_S = 1.5, 2.0
START_S = 10.0
OTLP_PATH = "/v1/metrics"
OTLP_EVERY_S = 10.0


class Exports:
    """The exports asked for: checked, with its port open.

    Raises UsageError if something is missing or the port cannot be used.
    """

    def __init__(self, prometheus: str | None, otlp: str | None) -> None:
        self._otlp = _endpoint(otlp) if otlp is not None else None
        self._listener = _listening(prometheus) if prometheus is not None else None
        self.every_s = OTLP_EVERY_S

    @property
    def notes(self) -> list[str]:
        """Where a person finds the metrics."""
        if self._listener is None:
            return []
        host, port = self._listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        return [f"metrics for Prometheus: http://{shown}:{port}/metrics"]

    def start(self, directory: str, stderr: int | None = None) -> Exporter:
        """Export the recording of a recorder's directory; `stderr` as for Popen."""
        return Exporter(self._listener, self._otlp, self.every_s, directory, stderr)

    def close(self) -> None:
        """Close the port."""
        if self._listener is not None:
            self._listener.close()


def exports_of(options: argparse.Namespace) -> Exports | None:
    """The exports that the command line asks for. Raises UsageError."""
    if options.prometheus is None and options.otlp is None:
        return None
    return Exports(options.prometheus, options.otlp)


class Exporter:
    """A running process; it ends by itself after the recording."""

    def __init__(
        self,
        listener: socket.socket | None,
        otlp: str | None,
        every_s: float,
        directory: str,
        stderr: int | None,
    ) -> None:
        descriptor = listener.fileno() if listener else None
        environ = {key: text for key, text in os.environ.items() if key != ENVIRONMENT}
        self._process = subprocess.Popen(
            own_command("wattui.live.exporter"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            pass_fds=[] if descriptor is None else [descriptor],
            env=environ,
            start_new_session=True,
        )
        told = {"directory": directory, "listener": descriptor, "otlp": otlp, "every_s": every_s}
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps(told).encode() + b"\n")
            self._process.stdin.close()
        if self._process.stderr:
            os.set_blocking(self._process.stderr.fileno(), False)

    def wait_ready(self) -> Exporter:
        """Wait until it has started, whose work is then in no baseline."""
        assert self._process.stdout is not None
        select.select([self._process.stdout], [], [], START_S)
        return self

    def notices(self) -> list[str]:
        """Its messages since the last call, if its standard error is a pipe."""
        stream: IO[bytes] | None = self._process.stderr
        data = stream.read() if stream and not stream.closed else None
        lines = (data or b"").decode(errors="replace").splitlines()
        return [line.removeprefix("wattui: ") for line in lines]

    def end(self) -> None:
        """Wait until the last values are sent, for `END_S` at most; the recording has ended."""
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def leave(self) -> None:
        """Let it end by itself, as `end`, without waiting."""
        threading.Thread(target=self.end, daemon=True).start()


def _endpoint(url: str) -> str:
    """A collector's metrics endpoint: `/v1/metrics` if the URL has no path. Raises UsageError."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"--otlp {url}: {error}: fix: http://HOST:4318") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"--otlp {url}: not an http or https URL: fix: http://HOST:4318")
    _require("otlp", "opentelemetry.exporter.otlp.proto.http")
    return parts._replace(path=OTLP_PATH).geturl() if parts.path in ("", "/") else url


def _listening(where: str) -> socket.socket:
    """A listening socket at [HOST:]PORT, on the loopback interface without a host.

    Raises UsageError.
    """
    host, _, port = where.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or LOOPBACK
    if not (port.isascii() and port.isdigit() and int(port) < 2**16):
        raise UsageError(f"--prometheus {where}: must be PORT or HOST:PORT, with port 0 for any")
    _require("prometheus", "prometheus_client")
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(f"--prometheus {where}: {error.strerror}: fix: check the host") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise UsageError(
            f"--prometheus {where}: {error.strerror}: fix: use another port, or 0 for any"
        ) from None
    return listener


def _require(extra: str, module: str) -> None:
    """Raise UsageError if an extra is not installed."""
    try:
        found = find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise UsageError(f"--{extra} needs more packages: fix: pip install 'wattui[{extra}]'")
