"""A Ray cluster of this machine and others that ssh reaches, for one recording.

Each `ray start` stays in a shell of its own, so that its end stops these processes of Ray and no
others.
"""

from __future__ import annotations

import contextlib
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from wattui.clean import one_line
from wattui.errors import UsageError

START_S, STOP_S, LOOK_S = 60.0, 20.0, 0.2
_STARTED = b"Ray runtime started"
_SSH = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10")
# Ends with Ray, and ends Ray with standard input, which ssh closes when it is ended itself.
_WHILE_HELD = (
    "exec 3<&0; {ray} 3<&- & ray=$!; "
    "(cat; kill $ray) <&3 >/dev/null 2>&1 & held=$!; wait $ray; kill $held"
)
_USUAL = ("--disable-usage-stats", "--block")


@contextmanager
def started(hosts: Sequence[str]) -> Iterator[str]:
    """A cluster with a head here and a node on each host; gives its address. Raises UsageError."""
    with contextlib.ExitStack() as after:
        port = _free_port()
        ray = Path(sys.executable).with_name("ray")
        head = [str(ray), "start", "--head", f"--port={port}", "--include-dashboard=false", *_USUAL]
        after.enter_context(_held("this machine", _while_held(head)))
        address = f"{_own_address(hosts[0])}:{port}"
        join = _while_held([str(ray), "start", f"--address={address}", *_USUAL])
        nodes = [
            after.enter_context(_Held(host, [*_SSH, host, shlex.join(join)])) for host in hosts
        ]
        for node in nodes:
            node.wait()
        yield address


def _while_held(ray: Sequence[str]) -> list[str]:
    return ["sh", "-c", _WHILE_HELD.format(ray=shlex.join(ray))]


@contextmanager
def _held(where: str, argv: Sequence[str]) -> Iterator[_Held]:
    with _Held(where, argv) as held:
        held.wait()
        yield held


class _Held:
    """A `ray start` that runs until the block ends."""

    def __init__(self, where: str, argv: Sequence[str]) -> None:
        self._where, self._argv = where, argv

    def __enter__(self) -> _Held:
        self._said = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(
                self._argv,
                stdin=subprocess.PIPE,
                stdout=self._said,
                stderr=self._said,
                start_new_session=True,
            )
        except OSError as error:
            raise UsageError(f"{self._argv[0]}: {error.strerror}") from None
        return self

    def wait(self) -> None:
        """Wait until Ray has started. Raises UsageError."""
        until_s = time.monotonic() + START_S
        while _STARTED not in (said := self._words()):
            if self._process.poll() is not None:
                lines = said.decode(errors="replace").strip().splitlines() or ["it ended"]
                raise UsageError(f"Ray on {self._where}: {one_line(lines[-1])}")
            if time.monotonic() > until_s:
                raise UsageError(f"Ray on {self._where} has not started within {START_S:g} s")
            time.sleep(LOOK_S)

    def _words(self) -> bytes:
        self._said.seek(0)
        return self._said.read()

    def __exit__(self, *_: object) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.terminate()
        self._said.close()


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("", 0))
        return int(listening.getsockname()[1])


def _own_address(host: str) -> str:
    """This machine's address on the way to a host. Raises UsageError."""
    name = host.rpartition("@")[2]
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
            way.connect((name, 22))
            return str(way.getsockname()[0])
    except OSError as error:
        raise UsageError(f"{host}: {error.strerror}: fix: use names that resolve here") from None
