"""Compares this node's clock with the first node's: at the start, every minute and at the end.

The first node is the one that first puts its address into the shared folder, `run=ID/clock.json`,
which `wattui.fleet.publish` does; without such a file, it is the launcher's first host. The two
talk over a TCP connection of their own, on loopback or private addresses only, and about nothing
but the time. All of this is in threads: a node that does not answer delays nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import json
import selectors
import socket
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from wattui.fleet.clock import Offset, Stamps, best, line
from wattui.fleet.kernel_clock import kernel_clock

EXCHANGES, EVERY_S = 20, 60.0
CONNECT_S, ANSWER_S = 1.0, 1.0
# Before a recording starts, the first comparison is waited for this long; at its end, the last.
FIRST_S, LAST_S = 5.0, 3.0
# How long to wait for the shared folder to say which node is the first.
LEARN_S = 5.0
APART_S = 3600.0
MOST_BYTES = 4096
# Where a first node listens if nothing else does there; others find it without the folder.
PORTS = range(20000, 30000)


@dataclass(frozen=True, slots=True)
class Me:
    """What a node tells the other about itself."""

    run: str
    boot_id: str
    host: str
    version: str


class TimeServer:
    """Answers other nodes of this run with the time, until `close`."""

    def __init__(self, me: Me, addresses: Iterable[str] | None = None) -> None:
        """Listen on these addresses, or all that are loopback or private."""
        self._me = me
        self._selector = selectors.DefaultSelector()
        self.port = 0
        self.addresses: list[str] = []
        wanted = usual_port(me.run)
        for address in own_addresses() if addresses is None else addresses:
            for port in (self.port,) if self.port else (wanted, 0):
                with contextlib.suppress(OSError):
                    self._listen(address, port)
                    break
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._serve, name="time server", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._wake.close()
        self._thread.join(ANSWER_S)

    def _listen(self, address: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen(128)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        self.addresses.append(address)
        self._selector.register(listener, selectors.EVENT_READ, None)

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    self._end()
                    return
                assert isinstance(key.fileobj, socket.socket)
                with contextlib.suppress(OSError):
                    if isinstance(key.data, bytearray):
                        self._answer(key.fileobj, key.data)
                    else:
                        link, _ = key.fileobj.accept()
                        link.setblocking(False)
                        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        self._selector.register(link, selectors.EVENT_READ, bytearray())

    def _answer(self, link: socket.socket, got: bytearray) -> None:
        received_ns = time.monotonic_ns()
        try:
            data = link.recv(MOST_BYTES)
        except OSError:
            data = b""
        got += data
        if not data or len(got) > MOST_BYTES:
            self._selector.unregister(link)
            link.close()
            return
        while (end := got.find(b"\n")) >= 0:
            asked = bytes(got[:end])
            del got[: end + 1]
            if asked == b"?":
                link.sendall(b"%d %d\n" % (received_ns, time.monotonic_ns()))
            elif asked == self._me.run.encode():
                told = asdict(self._me) | {"wall_ns": time.time_ns() - time.monotonic_ns()}
                link.sendall(json.dumps(told).encode() + b"\n")
            else:
                link.sendall(b"{}\n")

    def _end(self) -> None:
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._selector.close()


@dataclass(frozen=True, slots=True)
class Compared:
    """The result of one comparison: who answered, where, the offset, and its wall clock minus
    ours."""

    me: Me
    address: str
    offset: Offset
    wall_offset_ns: float


def compare(run: str, address: str, port: int, exchanges: int = EXCHANGES) -> Compared:
    """Compare the clocks. Raises OSError if there is no answer, or one of another job's."""
    with socket.create_connection((address, port), CONNECT_S) as link:
        link.settimeout(ANSWER_S)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.sendall(run.encode() + b"\n")
        try:
            told = json.loads(_line(link))
            wall_ns = int(told.pop("wall_ns"))
            me = Me(**told)
            stamps = [_exchange(link) for _ in range(exchanges)]
        except (ValueError, TypeError, KeyError):
            raise OSError("another program answers there") from None
    offset = best(stamps)
    here_ns = time.time_ns() - time.monotonic_ns()
    return Compared(me, address, offset, wall_ns - here_ns + offset.offset_ns)


class Timekeeper:
    """Compares clocks while a node records; `facts` has what it found, for run.json."""

    def __init__(
        self,
        me: Me,
        is_first: bool,
        first_host: str | None,
        addresses: Sequence[str] | None = None,
    ) -> None:
        """`first_host` is the launcher's first, which is us if `is_first`."""
        self._me = me
        self._is_first, self._first_host = is_first, first_host
        self._server = TimeServer(me, addresses)
        self._compared: list[Compared] = []
        self._first: Mapping[str, Any] | None = None
        self._is_reference = False
        # What is known of the first node's clock, as in run.json.
        self._known: dict[str, Any] = {"unknown": "the first node has not answered yet"}
        self._kernel: dict[str, Any] = {}
        self._learned, self._tried, self._over = (threading.Event() for _ in range(3))
        self._thread = threading.Thread(target=self._run, name="timekeeper", daemon=True)
        self._thread.start()

    @property
    def address(self) -> dict[str, Any]:
        """Where this node answers."""
        return {
            "boot_id": self._me.boot_id,
            "addresses": self._server.addresses,
            "port": self._server.port,
        }

    def learn(self, first: Mapping[str, Any], is_first: bool) -> None:
        """Take the address of the run's first node, which is us if `is_first`."""
        self._first, self._is_reference = first, is_first
        self._learned.set()

    def refusal(self) -> str | None:
        """Why the two nodes cannot be of one run, in a line; None if they can, or it is unknown."""
        self._tried.wait(FIRST_S)
        if not self._compared:
            return None
        found = self._compared[0]
        there, here = found.me, self._me
        if there.version != here.version:
            return (
                f"{here.host} has wattui {here.version}, and {there.host} {there.version}: fix: "
                "install one version on every node"
            )
        apart_s = -found.wall_offset_ns * 1e-9
        if abs(apart_s) > APART_S:
            return (
                f"the clock of {here.host} is {abs(apart_s):,.0f} s "
                f"{'ahead of' if apart_s > 0 else 'behind'} that of {there.host}: fix: set it "
                "(chronyc makestep)"
            )
        return None

    def facts(self) -> dict[str, Any]:
        """The entry `clock`: the reference, the offsets to it, and the line through them."""
        found: dict[str, Any] = {"host": self._me.host, "kernel": self._kernel}
        if self._is_reference:
            return found | {"is_reference": True}
        return found | {"is_reference": False, **self._known}

    def end(self) -> None:
        """Compare once more; others may still compare with us."""
        self._over.set()
        self._thread.join(LAST_S)

    def close(self) -> None:
        """Stop answering."""
        self._over.set()
        self._server.close()

    def _run(self) -> None:
        if not self._learned.wait(LEARN_S):
            self._is_reference = self._is_first
        self._kernel = kernel_clock()
        while not self._is_reference:
            is_last = self._over.is_set()
            self._compare()
            self._tried.set()
            if is_last:
                break
            self._over.wait(EVERY_S)
        self._tried.set()

    def _compare(self) -> None:
        for address, port in self._places():
            with contextlib.suppress(OSError):
                found = compare(self._me.run, address, port)
                if found.me.boot_id != self._me.boot_id:
                    self._compared.append(found)
                    self._known = _facts(self._compared)
                    return
        if not self._compared:
            self._known = {"unknown": "no address of the first node answers"}

    def _places(self) -> list[tuple[str, int]]:
        if (there := self._first) is not None:
            try:
                port = int(there["port"])
                return [(str(each), port) for each in there["addresses"] if is_near(str(each))]
            except (ValueError, TypeError, KeyError):
                return []
        if self._first_host is None:
            return []
        with contextlib.suppress(OSError):
            found = socket.getaddrinfo(self._first_host, None, type=socket.SOCK_STREAM)
            addresses = dict.fromkeys(str(each[4][0]) for each in found)
            return [(each, usual_port(self._me.run)) for each in addresses if is_near(each)]
        return []


def _facts(compared: Sequence[Compared]) -> dict[str, Any]:
    """What comparisons with the first node say of its clock, as in run.json."""
    last, offsets = compared[-1], [each.offset for each in compared]
    through = line(offsets)
    assert through is not None
    return {
        "reference": {"boot_id": last.me.boot_id, "host": last.me.host, "address": last.address},
        "offsets": [asdict(each) for each in offsets],
        "line": asdict(through),
        "wall_offset_ns": last.wall_offset_ns,
    }


def usual_port(run: str) -> int:
    """The port at which the first node of a run listens if it is free."""
    digest = hashlib.blake2b(run.encode(), digest_size=4).digest()
    return PORTS[int.from_bytes(digest, "big") % len(PORTS)]


def is_near(address: str) -> bool:
    """Whether an address is loopback or private, and means the same machine everywhere."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    is_nobody = found.is_unspecified or found.is_link_local
    return found.is_loopback or (found.is_private and not is_nobody)


def own_addresses() -> list[str]:
    """This machine's private addresses, and loopback last."""
    import psutil

    found = [
        each.address
        for addresses in psutil.net_if_addrs().values()
        for each in addresses
        if each.family in (socket.AF_INET, socket.AF_INET6) and is_near(each.address)
    ]
    return sorted(found, key=lambda address: ipaddress.ip_address(address).is_loopback)


def _exchange(link: socket.socket) -> Stamps:
    t0 = time.monotonic_ns()
    link.sendall(b"?\n")
    answer = _line(link)
    t3 = time.monotonic_ns()
    t1, t2 = map(int, answer.split())
    return Stamps(t0, t1, t2, t3)


def _line(link: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        if not (part := link.recv(MOST_BYTES)) or len(data) > MOST_BYTES:
            raise ConnectionResetError
        data += part
    return data
