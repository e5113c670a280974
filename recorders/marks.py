"""Marks: how a command tells the recorder what it does. Both ends, beside each other.

`WATTUI_RUN` names a private directory (0700) with
    count-PID   one 64-bit count per process, mapped into memory by both ends
    socket      requests as JSON lines, each answered when its edge has been read
    mark        a pipe for shells: `echo running b32 > "$WATTUI_RUN/mark"`
Without `WATTUI_RUN` every call is a no-op. This module is imported inside people's inference
loops: it loads only what it needs, when it needs it.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # the name that type checkers know; importing typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Any, Literal

    Sync = Literal["auto"] | bool | None

ENVIRONMENT = "WATTUI_RUN"
SOCKET, PIPE, PAGE_PREFIX = "socket", "mark", "count-"
PAGE_BYTES = 8
ANSWER_S = 5.0


# ---------------------------------------------------------------- the command's end


class _Unattached:
    """Stands where the count page will be until the first count of this process."""

    def __getitem__(self, _: int) -> int:
        _attach()
        return int(_page[0])

    def __setitem__(self, _: int, value: int) -> None:
        _page[0] = value


_page: Any = _Unattached()
_link: _Link | None = None


def count(n: int = 1) -> None:
    """Add `n` inferences to the recording's count (about 0.1 µs; one thread at a time).

    Raises TypeError where `n` is not a whole number.
    """
    _page[0] += n


class phase:  # noqa: N801  read as a verb in people's code
    """Mark a phase: `with wattui.phase("running", label="b32"): …`.

    `name` is idle, armed, warmup, running, cooldown or a name of your own. Both edges return only
    after the counters were read. `sync="auto"` first waits for torch, cupy and jax, where they are
    already imported and in use on a GPU; a function is called instead; None waits for nothing.
    `repeat` numbers a program's own repeats, 1…n; those of `wattui --repeats` come first.
    Raises ValueError for an empty name or a repeat under 1.
    """

    def __init__(
        self,
        name: str,
        label: str = "",
        sync: Sync | Callable[[], object] = "auto",
        repeat: int | None = None,
    ) -> None:
        if not name:
            raise ValueError("a phase needs a name")
        if repeat is not None and repeat < 1:
            raise ValueError(f"repeat {repeat}: repeats are numbered from 1")
        self._name, self._label, self._sync, self._repeat = name, label, sync, repeat
        self._id: int | None = None

    def __enter__(self) -> phase:
        if not _joined():
            return self
        _synchronise(self._sync)
        asked: dict[str, object] = {"do": "begin", "phase": self._name, "label": self._label}
        if self._repeat is not None:
            asked["repeat"] = self._repeat
        answer = _request(asked)
        self._id = answer.get("id")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._id is None:
            return
        if error is None:
            _synchronise(self._sync)
        _request({"do": "end", "id": self._id})


def recording() -> bool:
    """Whether this process runs inside a recording."""
    return _joined()


def note(text: str) -> None:
    """Write a note into the recording, at this moment."""
    _request({"do": "note", "text": str(text)})


def mark(name: str, label: str = "") -> None:
    """End the phase that the last `mark` began, if any, and begin this one."""
    _request({"do": "mark", "phase": name, "label": label})


def end_mark() -> None:
    """End the phase that the last `mark` began, if any."""
    _request({"do": "mark", "phase": ""})


def add_count(n: int) -> None:
    """Add `n` inferences from a process that ends at once (`wattui mark --count`)."""
    _request({"do": "count", "n": n})


def detach() -> None:
    """Forget the recording: the next call looks at `WATTUI_RUN` anew."""
    global _page, _link
    if _link is not None:
        _link.close()
    _page, _link = _Unattached(), None


class _Link:
    """A connection to the recorder; once broken it answers nothing and never raises."""

    def __init__(self, directory: str) -> None:
        import json
        import socket
        import threading

        self._json = json
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(ANSWER_S)
        try:
            link.connect(os.path.join(directory, SOCKET))
        except OSError:
            link.close()
            return
        self._socket = link
        self._lines = link.makefile("rb")

    def request(self, message: dict[str, object]) -> dict[str, Any]:
        with self._lock:
            if self._socket is None:
                return {}
            try:
                self._socket.sendall(self._json.dumps(message).encode() + b"\n")
                line = self._lines.readline()
                if line.endswith(b"\n"):
                    answer: dict[str, Any] = self._json.loads(line)
                    return answer
            except OSError:
                pass
            self.close()
            return {}

    def close(self) -> None:
        if self._socket is not None:
            self._lines.close()
            self._socket.close()
            self._socket = None


def _joined() -> bool:
    if _link is None:
        _attach()
    return _link is not None


def _request(message: dict[str, object]) -> dict[str, Any]:
    answer = _link.request(message) if _joined() and _link is not None else {}
    if "error" in answer:
        raise ValueError(answer["error"])
    return answer


def _attach() -> None:
    """Join the recording that `WATTUI_RUN` names, or count into nothing."""
    global _page, _link
    directory = os.environ.get(ENVIRONMENT)
    if not directory or not os.path.isdir(directory):
        _page = _nowhere()
        return
    import mmap

    link = _Link(directory)
    name = f"{PAGE_PREFIX}{os.getpid()}"
    try:
        descriptor = os.open(os.path.join(directory, name), os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(descriptor, PAGE_BYTES)
        page = memoryview(mmap.mmap(descriptor, PAGE_BYTES)).cast("q")
        os.close(descriptor)
    except OSError:
        _page, _link = _nowhere(), link
        return
    _page, _link = page, link
    link.request({"do": "hello", "page": name})


def _nowhere() -> memoryview:
    """A count that nobody reads, and that takes and refuses what a recording does."""
    return memoryview(bytearray(PAGE_BYTES)).cast("q")


def _synchronise(sync: Sync | Callable[[], object]) -> None:
    """Wait until the work that was handed to accelerators is done."""
    if callable(sync):
        sync()
    elif sync == "auto" or sync is True:
        for wait in _accelerators():
            wait()


def _accelerators() -> Iterator[Callable[[], object]]:
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda") and torch.cuda.is_initialized():
        yield torch.cuda.synchronize
    mps: Any = getattr(getattr(torch, "backends", None), "mps", None)
    if mps is not None and mps.is_available():
        yield torch.mps.synchronize
    cupy: Any = sys.modules.get("cupy")
    if cupy is not None and hasattr(cupy, "cuda"):
        yield cupy.cuda.runtime.deviceSynchronize
    jax: Any = sys.modules.get("jax")
    if jax is not None and hasattr(jax, "device_put"):
        for device in jax.devices():
            # A device runs its queue in order: when this small copy is there, so is the rest.
            yield (jax.device_put(0.0, device) + 0).block_until_ready


os.register_at_fork(after_in_child=detach)


# ---------------------------------------------------------------- the recorder's end


class CountPages:
    """The counts of every process that counts into one marks directory."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._pages: dict[str, memoryview] = {}
        self._added = 0
        self._highest = 0
        self.known = False

    def open(self, name: str) -> None:
        """Map the page that a process has announced; raises ValueError for any other name."""
        import mmap

        if not name.startswith(PAGE_PREFIX) or not name[len(PAGE_PREFIX) :].isdigit():
            raise ValueError(f"{name!r} is not a count page")
        if name in self._pages:
            return
        with open(os.path.join(self._directory, name), "r+b") as file:
            self._pages[name] = memoryview(mmap.mmap(file.fileno(), PAGE_BYTES)).cast("q")

    def add(self, n: int) -> None:
        """Count `n` more that came another way (output, shell, --inferences)."""
        self._added += n
        self.known = True

    def total(self) -> int | None:
        """Inferences so far, or None while nothing has been counted; it never falls."""
        total = self._added
        for page in self._pages.values():
            total += page[0]
        if total > self._highest:
            self._highest = total
            self.known = True
        return self._highest if self.known else None


def parse_pipe_line(line: str) -> dict[str, object]:
    """One line from a shell as a request: `PHASE [LABEL]`, `end`, `+N` or `note: TEXT`.

    Raises ValueError for an empty line.
    """
    text = line.strip()
    if text.startswith("+") and text[1:].isdigit():
        return {"do": "count", "n": int(text[1:])}
    if text.startswith("note:"):
        return {"do": "note", "text": text[5:].strip()}
    if text == "end":
        return {"do": "mark", "phase": ""}
    name, _, label = text.partition(" ")
    if not name:
        raise ValueError("an empty mark")
    return {"do": "mark", "phase": name, "label": label.strip()}
