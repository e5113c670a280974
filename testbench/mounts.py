"""The Linux mount calls that Python 3.11 lacks."""

from __future__ import annotations

import ctypes
import os

CLONE_NEWNS = 0x00020000
MS_RDONLY, MS_NOSUID, MS_NODEV = 1, 2, 4
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """mount(2); raises OSError naming the target."""
    result = _libc.mount(
        source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()
    )
    _check(result, target)


def bind(source: str, target: str) -> None:
    """Show `source` at `target` too."""
    mount(source, target, "", MS_BIND)


def overlay_read_only(upper: str, lower: str, target: str) -> None:
    """Show `upper` over `lower` at `target`."""
    mount("overlay", target, "overlay", MS_RDONLY, f"lowerdir={upper}:{lower}")


def enter_private_namespace() -> None:
    """Give the calling thread private mounts that nobody else sees."""
    _check(_libc.unshare(CLONE_NEWNS), "unshare")
    mount("none", "/", "", MS_REC | MS_PRIVATE)
