"""A Python without what only Linux has, as on macOS: modules' constants, calls, /proc and /sys.

`become` changes this process, so it is for one that was started for it:
`python -c "from tests.support.darwin import become; become(); …"`. It shows which code relies on
Linux, not how macOS behaves.
"""

from __future__ import annotations

import os
import select
import selectors
import signal
import socket
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

HIDDEN = ("/proc", "/sys")
ROOT = str(Path(__file__).parents[2])
PUBLISH_S = 0.05
WATTS = {"core0": 5.0, "igpu0": 2.0, "npu0": 1.0, "dram0": 3.0}
BEGIN = "from tests.support.darwin import become; become(); "
# What macOS's Python does not have.
MISSING: dict[ModuleType, tuple[str, ...]] = {
    select: ("epoll", "EPOLL"),
    signal: ("sigtimedwait", "sigwaitinfo"),
    socket: ("SO_PEERCRED", "SO_PASSCRED", "AF_NETLINK", "AF_PACKET"),
    time: ("CLOCK_BOOTTIME", "pthread_getcpuclockid"),
    os: (
        "posix_fallocate", "posix_fadvise", "sched_", "SCHED_", "memfd", "MFD_", "pidfd", "eventfd",
        "EFD_", "pipe2", "O_TMPFILE", "O_PATH", "O_DIRECT", "O_NOATIME", "getxattr", "splice",
        "copy_file_range", "setns", "unshare", "getrandom", "fdatasync",
    ),
}  # fmt: skip


def become() -> None:
    """Take from this process what macOS lacks, and give it a chip that draws WATTS."""
    import psutil  # noqa: F401  # that of this machine

    from recorders import own_process
    from testbench.curves import Constant
    from testbench.fakeapple import FakeChip

    sys.platform = "darwin"
    for module, names in MISSING.items():
        for name in list(vars(module)):
            if name.startswith(names) and name != "O_DIRECTORY":
                delattr(module, name)
    del selectors.EpollSelector
    selectors.DefaultSelector = selectors.PollSelector
    sys.addaudithook(_hide)
    for name in ("stat", "lstat", "access"):
        setattr(os, name, _hidden_from(getattr(os, name)))
    chip = FakeChip({part: Constant(w) for part, w in WATTS.items()}, time.monotonic, PUBLISH_S)
    sys.modules["zeus_apple_silicon"] = chip  # type: ignore[assignment]
    # In our own processes, too, which are started without PYTHONPATH.
    own_process.BOOT = f"import sys; sys.path.insert(0, {ROOT!r}); {BEGIN}\n{own_process.BOOT}"


def _hide(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("open", "os.listdir", "os.scandir", "os.readlink"):
        _check(arguments[0])


def _check(path: object) -> None:
    """Raise if a path is hidden; psutil is this machine's."""
    text = os.fspath(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
    text = os.fsdecode(text)
    if text.startswith(HIDDEN) and not _asks_psutil():
        raise FileNotFoundError(2, "No such file or directory", text)


def _asks_psutil() -> bool:
    frame = sys._getframe(2)
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).startswith(("psutil", "multiprocessing")):
            return True
        if (back := frame.f_back) is None:
            return False
        frame = back
    return False


def _hidden_from(call: Any) -> Any:
    def checked(path: Any, *arguments: Any, **options: Any) -> Any:
        try:
            _check(path)
        except FileNotFoundError:
            if call.__name__ == "access":
                return False
            raise
        return call(path, *arguments, **options)

    return checked
