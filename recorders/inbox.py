"""Receives requests from the front end's pipe, marking processes and shells."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from recorders import wire
from recorders.arrivals import open_arrivals
from recorders.marks import PIPE, SOCKET, parse_pipe_line

FRONT_END = 0
SHELL = 1
# How many programs may mark at the same time; others wait. Each takes a descriptor for requests
# and one for counts.
MOST_LINKS = 4000
SPARE_DESCRIPTORS = 64
# Limits on reading from one program per interval. The pipe gives no answers, so its writers block
# only when it is full; fewer of its lines are taken, a few at a time.
MOST_BYTES, REST_S = 2**20, 0.1
MOST_PIPE_BYTES, MOST_PIPE_LINES = 2**16, 200
READ_BYTES, PIPE_READ_BYTES = 2**16, 2**10
# struct ucred of unix(7): process, user, group.
_CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Request:
    """A message, its sender, and how to answer; `bye` means that the sender is gone.

    `pid` is the sender's process, 0 if unknown: from a shell's pipe, in another PID namespace, or
    not on Linux.
    """

    message: wire.Message
    owner: int
    answer: Callable[[wire.Message], None]
    pid: int = 0


class Inbox:
    """Waits for requests from all senders."""

    def __init__(self, directory: Path, control_fd: int, send: Callable[[wire.Message], None]):
        self._send = send
        self._lines: dict[int, wire.Lines] = {}
        self._taken: dict[int, int] = {}
        # What has arrived; a caller of `wait` may leave some of it.
        self._arriving: Iterator[Request] | None = None
        # Per sender: start of interval, share of the limit used, and until when it is held back.
        self._sent: dict[int, tuple[float, float]] = {}
        self._resting: dict[int, float] = {}
        self._sockets: dict[int, socket.socket] = {}
        self._most_links = most_links()
        self._control_fd = control_fd
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.setblocking(False)
        self._listener.bind(str(directory / SOCKET))
        self._listener.listen(MOST_LINKS)
        os.mkfifo(directory / PIPE, 0o600)
        # Also opened for writing, so that the pipe does not close after one shell's line.
        self._pipe_fd = os.open(directory / PIPE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._watched = open_arrivals()
        self._listens = False
        self._watched.watch(control_fd)
        self._watched.watch(self._pipe_fd)
        self._listen(True)

    def wait(self, timeout_s: float) -> Iterable[Request]:
        """Wait for requests, which come once complete.

        A caller may take only the first; the next call gives the rest, without waiting.
        """
        if self._arriving is None:
            if self._resting:
                self._end_rests()
            if not self._watched.wait(max(0.0, timeout_s)):
                return ()
            self._arriving = self._arrived()
        return self._arriving

    def _arrived(self) -> Iterator[Request]:
        # The front end comes last, so that a command's last marks are handled before its end.
        for descriptor in sorted(self._watched.ready(), key=self._control_fd.__eq__):
            if descriptor == self._listener.fileno():
                yield from self._accept()
            else:
                yield from self._read(descriptor)
        self._arriving = None

    def close(self) -> None:
        """Close all connections; programs still marking get no answer and carry on."""
        for link in (*self._sockets.values(), self._listener):
            link.close()
        self._watched.close()
        os.close(self._pipe_fd)

    def _listen(self, on: bool) -> None:
        """Accept new connections while there is room."""
        if on and not self._listens:
            self._watched.watch(self._listener.fileno())
        elif self._listens and not on:
            self._watched.ignore(self._listener.fileno())
        self._listens = on

    def _accept(self) -> Iterator[Request]:
        """Accept a connection; what its program has already sent is read at once."""
        try:
            link, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError:
            self._listen(False)
            return
        link.setblocking(False)
        self._sockets[link.fileno()] = link
        self._watched.watch(link.fileno())
        self._listen(len(self._sockets) < self._most_links)
        yield from self._read(link.fileno())

    def _read(self, descriptor: int) -> Iterator[Request]:
        owner = self._owner(descriptor)
        try:
            is_pipe = descriptor == self._pipe_fd
            data = os.read(descriptor, PIPE_READ_BYTES if is_pipe else READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        lines = self._lines.setdefault(descriptor, wire.Lines())
        too_long = lines.too_long
        found = lines.feed(data)
        if lines.too_long > too_long:
            reason = f"line longer than {wire.MOST_LINE_BYTES >> 20} MiB"
            yield Request({"do": "unreadable", "reason": reason}, owner, lambda _: None)
        for line in found:
            self._taken[descriptor] = self._taken.get(descriptor, 0) + 1
            try:
                message = self._message(descriptor, line)
            except ValueError as error:
                self._answer(descriptor, {"error": f"cannot parse the request: {error}"})
                continue
            pid = self._pid(descriptor)
            yield Request(message, owner, lambda reply: self._answer(descriptor, reply), pid)
        self._slow_down(descriptor, len(data), len(found))
        if not data:
            self._drop(descriptor)
            yield Request({"do": "bye"}, owner, lambda _: None)

    def _slow_down(self, descriptor: int, size: int, lines: int) -> None:
        """Hold back a sender that floods the recorder, which would take all its time."""
        now_s = time.monotonic()
        since_s, share = self._sent.get(descriptor, (now_s, 0.0))
        if now_s - since_s > REST_S:
            since_s, share = now_s, 0.0
        if descriptor == self._pipe_fd:
            share += size / MOST_PIPE_BYTES + lines / MOST_PIPE_LINES
        else:
            share += size / MOST_BYTES
        self._sent[descriptor] = since_s, share
        if share > 1 and descriptor != self._control_fd:
            self._watched.ignore(descriptor)
            self._resting[descriptor] = since_s + REST_S

    def _end_rests(self) -> None:
        now_s = time.monotonic()
        for descriptor in [each for each, until_s in self._resting.items() if until_s <= now_s]:
            del self._resting[descriptor], self._sent[descriptor]
            self._watched.watch(descriptor)

    def _owner(self, descriptor: int) -> int:
        return {self._control_fd: FRONT_END, self._pipe_fd: SHELL}.get(descriptor, descriptor + 2)

    def _pid(self, descriptor: int) -> int:
        link = self._sockets.get(descriptor)
        if link is None or not hasattr(socket, "SO_PEERCRED"):
            return 0
        found = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return int(_CREDENTIALS.unpack(found)[0])

    def _message(self, descriptor: int, line: bytes) -> wire.Message:
        if descriptor == self._pipe_fd:
            return parse_pipe_line(line.decode(errors="replace"))
        return wire.decode(line)

    def _answer(self, descriptor: int, reply: wire.Message) -> None:
        if descriptor == self._control_fd:
            self._send(reply)
        elif link := self._sockets.get(descriptor):
            # The sender may be gone (its `bye` follows) or read too slowly for every answer; the
            # next answer says how many requests were taken.
            with contextlib.suppress(OSError):
                link.sendall(wire.encode({**reply, "of": self._taken[descriptor]}))

    def _drop(self, descriptor: int) -> None:
        if self._resting.pop(descriptor, None) is None:
            self._watched.ignore(descriptor)
        self._lines.pop(descriptor, None)
        self._sent.pop(descriptor, None)
        self._taken.pop(descriptor, None)
        if link := self._sockets.pop(descriptor, None):
            link.close()
            self._listen(True)


def most_links() -> int:
    """The maximum number of connections; raises this process's descriptor limit as permitted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    if soft == resource.RLIM_INFINITY:
        return MOST_LINKS
    return max(1, min(MOST_LINKS, (soft - SPARE_DESCRIPTORS) // 2))
