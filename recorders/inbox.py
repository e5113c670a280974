"""Where requests reach the recorder: the front end's pipe, marked processes, shells."""

from __future__ import annotations

import contextlib
import os
import select
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from recorders import wire
from recorders.marks import PIPE, SOCKET, parse_pipe_line

FRONT_END = 0
SHELL = 1
# select() takes descriptors below 1024; a program that is not let in counts and marks nothing.
MOST_LINKS = 900


@dataclass(frozen=True, slots=True)
class Request:
    """A message, who sent it, and how to answer; `bye` says that the sender is gone."""

    message: wire.Message
    owner: int
    answer: Callable[[wire.Message], None]


class Inbox:
    """Waits on everything that can ask something of the recorder."""

    def __init__(self, directory: Path, control_fd: int, send: Callable[[wire.Message], None]):
        self._send = send
        self._lines: dict[int, wire.Lines] = {}
        self._sockets: dict[int, socket.socket] = {}
        self._control_fd = control_fd
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.setblocking(False)
        self._listener.bind(str(directory / SOCKET))
        self._listener.listen(64)
        os.mkfifo(directory / PIPE, 0o600)
        # Open for writing as well, so that the end of one shell's line is not the end of the pipe.
        self._pipe_fd = os.open(directory / PIPE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._watched = [control_fd, self._pipe_fd, self._listener.fileno()]

    def wait(self, timeout_s: float) -> Iterator[Request]:
        """Requests that arrive within the time, as they are complete."""
        ready, _, _ = select.select(self._watched, [], [], max(0.0, timeout_s))
        for descriptor in ready:
            if descriptor == self._listener.fileno():
                self._accept()
            else:
                yield from self._read(descriptor)

    def close(self) -> None:
        """Close every connection; whoever still marks gets no answer and goes on."""
        for link in (*self._sockets.values(), self._listener):
            link.close()
        os.close(self._pipe_fd)

    def _accept(self) -> None:
        try:
            link, _ = self._listener.accept()
        except OSError:
            return
        if len(self._sockets) >= MOST_LINKS:
            link.close()
            return
        link.setblocking(False)
        self._sockets[link.fileno()] = link
        self._watched.append(link.fileno())

    def _read(self, descriptor: int) -> Iterator[Request]:
        owner = self._owner(descriptor)
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        for line in self._lines.setdefault(descriptor, wire.Lines()).feed(data):
            try:
                message = self._message(descriptor, line)
            except ValueError as error:
                self._answer(descriptor, {"error": f"not understood: {error}"})
                continue
            yield Request(message, owner, lambda reply: self._answer(descriptor, reply))
        if not data:
            self._drop(descriptor)
            yield Request({"do": "bye"}, owner, lambda _: None)

    def _owner(self, descriptor: int) -> int:
        return {self._control_fd: FRONT_END, self._pipe_fd: SHELL}.get(descriptor, descriptor + 2)

    def _message(self, descriptor: int, line: bytes) -> wire.Message:
        if descriptor == self._pipe_fd:
            return parse_pipe_line(line.decode(errors="replace"))
        return wire.decode(line)

    def _answer(self, descriptor: int, reply: wire.Message) -> None:
        if descriptor == self._control_fd:
            self._send(reply)
        elif link := self._sockets.get(descriptor):
            with contextlib.suppress(OSError):  # the asker may be gone; its `bye` follows
                link.sendall(wire.encode(reply))

    def _drop(self, descriptor: int) -> None:
        self._watched.remove(descriptor)
        self._lines.pop(descriptor, None)
        if link := self._sockets.pop(descriptor, None):
            link.close()
