"""A program's connection to the recorder: requests go out in order, and none is dropped.

A request waits for its answer, which says that the counters were read. If none comes in time the
program continues: that request and later ones keep the time at which they were made, and are
delivered when the recorder reads again.
"""

from __future__ import annotations

import json
import os
import select
import socket
import threading
import time

from wattui.marks.counts import Counts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

SOCKET = "socket"
# The rank of a program that is one process of a job.
RANK = "WATTUI_RANK"
# How long a program waits, once, for a recorder that does not answer.
ANSWER_S = 2.0
# How long it waits before it asks again whether a server has requests: at first, and at most.
LOOK_S, MOST_LOOK_S = 0.005, 0.1
GONE = "the recorder did not answer in time"
# How many undelivered requests are kept; more are counted and reported as lost.
KEPT_BYTES = 4 << 20


class Link:
    """Sends requests to one directory's recorder; never raises. `page`: this process's counts, and
    `names` the number of each.

    If the recorder cannot read them, they are sent along with the requests.
    """

    def __init__(self, directory: str, page: str, names: Mapping[str, int]) -> None:
        self._path = os.path.join(directory, SOCKET)
        self.counts = Counts(os.path.join(directory, page))
        self._told: dict[str, int] = {}
        self._names: dict[str, int] = {}
        rank = os.environ.get(RANK)
        self._rank = {"rank": rank} if rank else {}
        self._lock = threading.RLock()
        self._numbers = 0
        self._socket: socket.socket | None = None
        self._out = bytearray()
        self._in = bytearray()
        self._made = 0
        self._taken = 0
        self._answer: dict[str, Any] = {}
        self._lost = 0
        self._leaves_something = False
        self._drain_s = 0.0
        self.is_alive = True
        self._connect(ANSWER_S)
        if self.counts.shared:
            page = os.path.basename(self.counts.path)
            self._names = dict(names)
            hello = {"do": "hello", "page": page, "names": self._names, **self._rank}
            self._drain_s = float(self.request(hello).get("drain_s", 0.0))
        self.tell_names(names)

    def next_number(self) -> int:
        """A number for a phase, unique in this process."""
        with self._lock:
            self._numbers += 1
            return self._numbers

    def tell_names(self, names: Mapping[str, int]) -> None:
        """Tell the recorder the numbers of the counts with names, if there are new ones."""
        with self._lock:
            if self._names.keys() == names.keys():
                return
            self._names = dict(names)
        if self.counts.shared:
            self.request({"do": "names", "names": self._names})

    def request(self, message: dict[str, Any], at_ns: int | None = None) -> dict[str, Any]:
        """Deliver a request, made at `at_ns` or now, and wait for the answer; empty if none came in
        time."""
        at_ns = at_ns or time.monotonic_ns()
        with self._lock:
            try:
                return self._request({**message, "at_ns": at_ns})
            except (OSError, ValueError, TypeError, KeyError, RecursionError, MemoryError):
                self._end()
                return {}

    def be_quiet(self) -> str:
        """Wait until the counters' power of a quiet machine is known; returns why it is not.

        It has a connection of its own: other threads go on marking.
        """
        if not self.is_alive:
            return GONE
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as waits:
                waits.settimeout(ANSWER_S)
                waits.connect(self._path)
                waits.sendall(b'{"do": "quiet"}\n')
                answer = b""
                while not answer.endswith(b"\n"):
                    if not (data := waits.recv(4096)):
                        return GONE
                    answer += data
            return str(json.loads(answer).get("error", ""))
        except (OSError, ValueError, AttributeError, MemoryError):
            return GONE

    def drain(self) -> None:
        """Wait until servers whose tokens are counted at a request's end have none, at most as long
        as the recorder allows."""
        since_ns, wait_s = time.monotonic_ns(), LOOK_S
        while time.monotonic_ns() - since_ns < self._drain_s * 1e9:
            if not self.request({"do": "drain", "since_ns": since_ns}).get("wait"):
                return
            time.sleep(wait_s)
            wait_s = min(MOST_LOOK_S, 1.5 * wait_s)

    def close(self) -> None:
        """Deliver pending requests within a time limit, and close."""
        with self._lock:
            try:
                if self.is_alive:
                    self._tell_counts()
                    self._exchange(time.monotonic() + ANSWER_S, answered=False)
            except (OSError, ValueError):
                pass
            self._end()

    def abandon(self) -> None:
        """Close this process's copy of a connection that belongs to its parent."""
        self._lock = threading.RLock()
        self._end()

    def _request(self, message: dict[str, Any]) -> dict[str, Any]:
        if not self.is_alive:
            return {}
        self._exchange(0.0)
        late = self._is_behind
        self._tell_counts()
        self._put({**message, "late": True} if late else message)
        self._answer = {}
        if late:
            self._exchange(0.0)
            return {}
        self._exchange(time.monotonic() + ANSWER_S)
        if self._is_behind:
            self._come_back_at_exit()
            return {}
        return self._answer

    @property
    def _is_behind(self) -> bool:
        return bool(self._out) or self._taken < self._made

    def _put(self, message: dict[str, Any]) -> None:
        if len(self._out) > KEPT_BYTES:
            self._lost += 1
            return
        if self._lost and not self._out:
            lost, self._lost = self._lost, 0
            self._put({"do": "lost", "n": lost})
        self._out += json.dumps(message).encode() + b"\n"
        self._made += 1

    def _tell_counts(self) -> None:
        for name, number in () if self.counts.shared else self._names.items():
            if (n := self.counts.total(number) - self._told.get(name, 0)) > 0:
                self._told[name] = self._told.get(name, 0) + n
                self._put({"do": "count", "n": n, "of": name, **self._rank})
                self._come_back_at_exit()

    def _exchange(self, deadline_s: float, answered: bool = True) -> None:
        """Send pending requests and read answers, until nothing is open or the time is up."""
        while self.is_alive and (self._is_behind if answered else self._out):
            if self._socket is None and not self._connect(0.0):
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    return
                time.sleep(min(0.01, left_s))
                continue
            self._send()
            self._receive()
            left_s = max(0.0, deadline_s - time.monotonic())
            if self._socket is not None and (self._is_behind if answered else self._out):
                poll = select.poll()
                events = select.POLLIN | (select.POLLOUT if self._out else 0)
                poll.register(self._socket.fileno(), events)
                if not poll.poll(left_s * 1000):
                    return

    def _connect(self, timeout_s: float) -> bool:
        """Connect; a recorder whose queue is full may have room later, one that is gone not."""
        link = None
        try:
            link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            link.settimeout(timeout_s)
            link.connect(self._path)
        except (BlockingIOError, TimeoutError):
            if link is not None:
                link.close()
            return False
        except OSError:
            if link is not None:
                link.close()
            self.is_alive = False
            return False
        link.setblocking(False)
        self._socket = link
        return True

    def _send(self) -> None:
        try:
            while self._out and self._socket is not None:
                del self._out[: self._socket.send(self._out)]
        except BlockingIOError:
            pass
        except OSError:
            self._end()

    def _receive(self) -> None:
        while self._socket is not None:
            try:
                data = self._socket.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._end()
                return
            self._in += data
            while (place := self._in.find(b"\n")) >= 0:
                line = bytes(self._in[:place])
                del self._in[: place + 1]
                self._answer = json.loads(line)
                self._taken = int(self._answer["of"])

    def _come_back_at_exit(self) -> None:
        if not self._leaves_something:
            self._leaves_something = True
            import atexit

            atexit.register(self.close)

    def _end(self) -> None:
        self.is_alive = False
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._out.clear()
