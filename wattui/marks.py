"""Marks: how a program tells the recorder what it does. This is the program's end.

`WATTUI_RUN` names a private directory (0700) with
    count-PID   two 64-bit counts per process: all, and those made outside of any phase
    socket      requests as JSON lines, each answered when its edge has been read
    mark        a pipe for shells: `echo running b32 > "$WATTUI_RUN/mark"`
`recorders/marks.py` is the recorder's end. Without `WATTUI_RUN` every call is a no-op.

This module is imported inside people's inference loops: it loads only what it needs, when it needs
it, depends on no name that a program may have taken, and raises nothing but what it documents.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock
from contextvars import ContextVar

TYPE_CHECKING = False  # the name that type checkers know; importing typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Any, Literal

    from wattui.mark_link import Link

    Sync = Literal["auto"] | bool | None

ENVIRONMENT = "WATTUI_RUN"
PAGE_PREFIX = "count-"
# All counts of this process, then those that were made outside of any phase.
ALL, OUTSIDE, PAGE_BYTES = 0, 1, 16


class _Unattached:
    """A count until the recording is joined: the first use joins it, and goes to the real one."""

    def __init__(self, place: int) -> None:
        self._place = place

    def __getitem__(self, _: int) -> int:
        with _joining:
            if isinstance(_outside.page, _Unattached):
                _attach()
        return int(_outside.page[self._place])

    def __setitem__(self, _: int, value: int) -> None:
        _outside.page[self._place] = value


class _Context:
    """Where the counts of a thread, a task or a process go: its innermost phase.

    `page[0]` is the process's count, `cell[0]` the part of it that was counted here.
    """

    __slots__ = ("around", "cell", "link", "number", "page")

    def __init__(
        self, page: Any, cell: Any, link: Link | None, number: int, around: _Context | None
    ) -> None:
        self.page, self.cell, self.link = page, cell, link
        self.number, self.around = number, around


_outside = _Context(_Unattached(ALL), _Unattached(OUTSIDE), None, 0, None)
_here: ContextVar[_Context] = ContextVar("wattui phase", default=_outside)
_open: set[_Context] = set()
_joining = RLock()


def count(n: int = 1) -> None:
    """Add `n` inferences to the recording and to the phase of this thread or task (about 0.1 µs).

    Raises TypeError where `n` is not a whole number, ValueError where it has over 64 bits.
    """
    here = _here.get()
    here.page[0] += n
    here.cell[0] += n


class phase:  # noqa: N801  read as a verb in people's code
    """Mark a phase: `with wattui.phase("running", label="b32"): …`.

    `name` is idle, armed, warmup, running, cooldown or a name of your own. Both edges return only
    after the counters were read. Phases nest within a thread, a task or a process; those of others
    are beside them. `sync="auto"` first waits for torch, cupy and jax, where they are already
    imported and in use on a GPU; a function is called instead; None waits for nothing. `repeat`
    numbers a program's own repeats, 1…n; those of `wattui --repeats` come first.
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
        self._asked: dict[str, object] = {"do": "begin", "phase": str(name), "label": str(label)}
        if repeat is not None:
            self._asked["repeat"] = int(repeat)
        self._sync = sync
        self._entered: list[_Context] = []

    def __enter__(self) -> phase:
        link = _joined()
        if link is None:
            return self
        _synchronise(self._sync)
        around = _here.get()
        if around.link is not link:
            around = _outside
        number = link.next_number()
        here = _Context(_outside.page, _new_count(1), link, number, around)
        link.request({**self._asked, "id": number, "in": around.number})
        _open.add(here)
        _here.set(here)
        self._entered.append(here)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        here = self._leave()
        if here is None or here.link is None:
            return
        try:
            if error is None:
                _synchronise(self._sync)
        finally:
            counted = int(here.cell[0])
            # A context that was copied while the phase was open counts outside of it from now on.
            here.page, here.cell = _Unattached(ALL), _Unattached(OUTSIDE)
            here.link.request({"do": "end", "id": here.number, "n": counted})

    def _leave(self) -> _Context | None:
        """The phase that ends: this context's, or the last that was begun in another."""
        if not self._entered:
            return None
        here = _here.get()
        if here in self._entered:
            _here.set(here.around or _outside)
        else:
            here = self._entered[-1]
        self._entered.remove(here)
        was_open = here in _open
        _open.discard(here)
        return here if was_open else None


def recording() -> bool:
    """Whether this process runs inside a recording."""
    return _joined() is not None


def note(text: str) -> None:
    """Write a note into the recording, at this moment."""
    ask(do="note", text=str(text))


def mark(name: str, label: str = "") -> None:
    """End the phase that the last `mark` began, if any, and begin this one."""
    ask(do="mark", phase=str(name), label=str(label))


def ask(**message: object) -> str:
    """Ask something of the recorder; what is wrong with it is the answer, else it is empty."""
    link = _joined()
    return str(link.request(message).get("error", "")) if link else ""


def detach() -> None:
    """Forget the recording: the next call looks at `WATTUI_RUN` again."""
    attachment = take_off()
    if attachment[1] is not None:
        attachment[1].close()


def take_off() -> tuple[Any, Link | None, _Context]:
    """Leave the recording as it is, for `put_back`; until then the next one is joined."""
    attachment = _outside.page, _outside.link, _here.get()
    _outside.page, _outside.cell = _Unattached(ALL), _Unattached(OUTSIDE)
    _outside.link = None
    _here.set(_outside)
    return attachment


def put_back(attachment: tuple[Any, Link | None, _Context]) -> None:
    """Join again the recording that `take_off` left."""
    detach()
    page, link, here = attachment
    _outside.link = link
    if not isinstance(page, _Unattached):
        _outside.page, _outside.cell = page, page[OUTSIDE:]
    _here.set(here)


def _joined() -> Link | None:
    if _outside.link is None and os.environ.get(ENVIRONMENT):
        with _joining:
            if _outside.link is None:
                _attach()
    link = _outside.link
    return link if link is not None and link.is_alive else None


def _attach() -> None:
    """Join the recording that `WATTUI_RUN` names, or count into nothing."""
    directory = os.environ.get(ENVIRONMENT)
    page: Any = None
    if directory and os.path.isdir(directory):
        try:
            page = _join(directory)
        except Exception:  # whatever a program has done to its interpreter, marks do not end it
            page = None
    page = page or _new_count(2)
    _outside.page, _outside.cell = page, page[OUTSIDE:]


def _join(directory: str) -> memoryview:
    """Connect to the recorder; returns this process's counts."""
    from wattui.mark_link import Link

    name = f"{PAGE_PREFIX}{os.getpid()}"
    page = _count_page(os.path.join(directory, name))
    uncounted = None if page else _new_count(2)
    _outside.link = Link(directory, uncounted)
    if page:
        _outside.link.request({"do": "hello", "page": name})
    return page or uncounted or _new_count(2)


def _count_page(path: str) -> memoryview | None:
    """The counts that the recorder reads; None where there is no room for them.

    Room is taken before they are mapped: writing to a mapped page that does not fit ends a program.
    """
    try:
        import mmap

        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, PAGE_BYTES)
            return memoryview(mmap.mmap(descriptor, PAGE_BYTES)).cast("q")
        finally:
            os.close(descriptor)
    except (OSError, ValueError, AttributeError, ImportError, MemoryError):
        return None


def _new_count(places: int) -> memoryview:
    """Counts in this process's own memory, which take and refuse what a recording's do."""
    return memoryview(bytearray(8 * places)).cast("q")


def _after_fork() -> None:
    """A child is a process of its own: it counts and nests for itself."""
    global _joining
    _joining = RLock()
    link = _outside.link
    for context in _open:
        context.page, context.cell = _Unattached(ALL), _Unattached(OUTSIDE)
    _open.clear()
    take_off()
    if link is not None:
        link.abandon()


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


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
