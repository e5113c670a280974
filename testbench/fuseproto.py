"""A read-only file tree over /dev/fuse, with every read computed on demand.

The kernel protocol is spoken directly (include/uapi/linux/fuse.h, 7.31): no library to install, one
read and one write per request, and a slow read is a late reply that delays nothing else.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from testbench.mounts import MS_NODEV, MS_NOSUID, MS_RDONLY, mount

BUFFER_BYTES = 65536
FOREVER_S = 10**6
FOPEN_DIRECT_IO = 1
PAGE_BYTES = 4096

_IN = struct.Struct("<IIQQIIII")
_OUT = struct.Struct("<IiQ")
_READ = struct.Struct("<QQI")
_INIT = struct.Struct("<IIIIHHIIHHI28x")
_ATTR = struct.Struct("<QQQQQQIIIIIIIIII")
_ENTRY = struct.Struct("<QQQQII")
_ATTR_OUT = struct.Struct("<QII")
_OPEN = struct.Struct("<QII")
_DIRENT = struct.Struct("<QQII")
_STATFS = struct.Struct("<QQQQQIIII24x")

Span = tuple[float, float]


@dataclass(eq=False)
class Inode:
    """A file, directory or link; `gone` spans (s) are when it does not exist."""

    mode: int
    show: Callable[[float], str] | None = None
    target: str = ""
    children: dict[str, Inode] = field(default_factory=dict)
    uid: int = 0
    gid: int = 0
    gone: tuple[Span, ...] = ()
    delay_s: Callable[[float], float] | None = None
    inode: int = 0

    def exists(self, t_s: float) -> bool:
        """Whether a lookup finds it at t_s."""
        return not any(start_s <= t_s < end_s for start_s, end_s in self.gone)

    def vanished(self, since_s: float, t_s: float) -> bool:
        """Whether it went away after since_s, which makes descriptors opened then invalid."""
        return any(since_s <= start_s <= t_s for start_s, _ in self.gone)


@dataclass
class _Opened:
    node: Inode
    at_s: float
    data: bytes = b""


class FuseServer:
    """Answers the kernel for one mounted tree; clock_s() is the time `show` is called with."""

    def __init__(self, root: Inode, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._nodes: dict[int, Inode] = {}
        self._number(root)
        self._opened: dict[int, _Opened] = {}
        self._next_handle = 1
        self._fd = -1
        self._answers: dict[int, Callable[[int, bytes], bytes]] = {
            1: self._lookup,
            3: self._getattr,
            5: self._readlink,
            14: self._open,
            17: self._statfs,
            18: self._release,
            26: self._init,
            27: self._open,
            28: self._readdir,
            29: self._release,
        }
        self._silent = frozenset({2, 36, 42})

    def mount(self, target: str) -> None:
        """Mount the tree at `target`, for every user, with the modes enforced by the kernel."""
        self._fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._fd},rootmode=40755,user_id=0,group_id=0"
        flags = MS_RDONLY | MS_NOSUID | MS_NODEV
        mount("powercap", target, "fuse", flags, f"{options},allow_other,default_permissions")

    def serve(self) -> None:
        """Answer requests until the tree is unmounted."""
        while True:
            try:
                request = os.read(self._fd, BUFFER_BYTES)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                if error.errno in (errno.ENOENT, errno.EAGAIN):
                    continue
                raise
            self._answer(request)

    def _answer(self, request: bytes) -> None:
        _, opcode, unique, inode, *_ = _IN.unpack_from(request)
        body = request[_IN.size :]
        if opcode == 15:
            self._read(unique, body)
        elif opcode not in self._silent:
            answer = self._answers.get(opcode, _refuse)
            self._reply(unique, lambda: answer(inode, body))

    def _reply(self, unique: int, answer: Callable[[], bytes]) -> None:
        """Send what `answer` returns, or the error it raises."""
        try:
            data, number = answer(), 0
        except OSError as error:
            data, number = b"", error.errno or errno.EIO
        try:
            os.write(self._fd, _OUT.pack(_OUT.size + len(data), -number, unique) + data)
        except OSError as error:
            if error.errno != errno.ENOENT:  # the reader was killed while it waited
                raise

    def _read(self, unique: int, body: bytes) -> None:
        handle, offset, size = _READ.unpack_from(body)
        opened = self._opened[handle]
        delay = opened.node.delay_s
        delay_s = delay(self._clock_s()) if delay and offset == 0 else 0.0
        if delay_s:
            late = threading.Timer(
                delay_s, self._reply, (unique, lambda: self._content(opened, offset, size))
            )
            late.daemon = True
            late.start()
        else:
            self._reply(unique, lambda: self._content(opened, offset, size))

    def _content(self, opened: _Opened, offset: int, size: int) -> bytes:
        t_s = self._clock_s()
        if opened.node.gone and opened.node.vanished(opened.at_s, t_s):
            raise OSError(errno.ENODEV, "gone")
        if offset == 0 and opened.node.show:
            opened.data = opened.node.show(t_s).encode()
        return opened.data[offset : offset + size]

    def _number(self, node: Inode) -> None:
        node.inode = len(self._nodes) + 1
        self._nodes[node.inode] = node
        for child in node.children.values():
            self._number(child)

    def _living(self, inode: int) -> Inode:
        node = self._nodes[inode]
        if not node.exists(self._clock_s()):
            raise OSError(errno.ENOENT, "gone")
        return node

    def _lookup(self, inode: int, body: bytes) -> bytes:
        child = self._living(inode).children.get(body.rstrip(b"\0").decode())
        if child is None or not child.exists(self._clock_s()):
            raise OSError(errno.ENOENT, "no such name")
        return _ENTRY.pack(child.inode, 0, 0, FOREVER_S, 0, 0) + _attributes(child)

    def _getattr(self, inode: int, body: bytes) -> bytes:
        return _ATTR_OUT.pack(FOREVER_S, 0, 0) + _attributes(self._nodes[inode])

    def _readlink(self, inode: int, body: bytes) -> bytes:
        return self._living(inode).target.encode()

    def _open(self, inode: int, body: bytes) -> bytes:
        handle, self._next_handle = self._next_handle, self._next_handle + 1
        self._opened[handle] = _Opened(self._living(inode), self._clock_s())
        flags = FOPEN_DIRECT_IO if stat.S_ISREG(self._nodes[inode].mode) else 0
        return _OPEN.pack(handle, flags, 0)

    def _release(self, inode: int, body: bytes) -> bytes:
        self._opened.pop(_READ.unpack_from(body)[0], None)
        return b""

    def _readdir(self, inode: int, body: bytes) -> bytes:
        _, offset, size = _READ.unpack_from(body)
        t_s = self._clock_s()
        node = self._living(inode)
        names = [(".", node), ("..", node)]
        names += [(name, child) for name, child in node.children.items() if child.exists(t_s)]
        data = b""
        for position, (name, child) in enumerate(names[offset:], offset + 1):
            entry = _directory_entry(name, child, position)
            if len(data) + len(entry) > size:
                break
            data += entry
        return data

    def _statfs(self, inode: int, body: bytes) -> bytes:
        return _STATFS.pack(0, 0, 0, len(self._nodes), 0, PAGE_BYTES, 255, PAGE_BYTES, 0)

    def _init(self, inode: int, body: bytes) -> bytes:
        return _INIT.pack(7, 31, PAGE_BYTES, 0, 16, 12, PAGE_BYTES, 1, 1, 0, 0)


def _refuse(inode: int, body: bytes) -> bytes:
    raise OSError(errno.ENOSYS, "not served")


def _attributes(node: Inode) -> bytes:
    size = PAGE_BYTES if stat.S_ISREG(node.mode) else 0
    links = 2 if stat.S_ISDIR(node.mode) else 1
    return _ATTR.pack(
        node.inode,
        size,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        node.mode,
        links,
        node.uid,
        node.gid,
        0,
        PAGE_BYTES,
        0,
    )


def _directory_entry(name: str, node: Inode, position: int) -> bytes:
    encoded = name.encode()
    head = _DIRENT.pack(node.inode, position, len(encoded), stat.S_IFMT(node.mode) >> 12)
    return head + encoded + b"\0" * (-len(encoded) % 8)
