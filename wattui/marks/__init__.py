"""Marks: how a program tells the recorder what it is doing. This is the program's side.

`WATTUI_RUN` names a private directory (0700) with
    counts-PID  64-bit counts of one process, in slots: how many there are, those of no phase, and
                of each phase; in a slot first inferences, then the counts with names
    socket      requests as JSON lines, each answered when its edge has been read
    mark        a pipe for shells: `echo running b32 > "$WATTUI_RUN/mark"`
`recorders/marks.py` is the recorder's side. Without `WATTUI_RUN` every call is a no-op.

This module is imported in users' inference loops: it loads only what it needs, when it needs it,
depends on no name that a program may have taken, and raises only what it documents.
"""

from __future__ import annotations

import os
import sys
import time
from _thread import RLock
from contextvars import ContextVar

TYPE_CHECKING = False  # type checkers know this name; importing typing costs 4 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Any, Literal

    from wattui.marks.link import Link

    Sync = Literal["auto"] | bool | None

ENVIRONMENT = "WATTUI_RUN"
# Phases whose edges wait for no server.
NOT_DRAINED = ("warmup", "cooldown", "loading")
PAGE_PREFIX = "counts-"
INFERENCES = "inferences"
# The counts with names in one program, besides inferences, and the letters of a name.
MOST_NAMES, MOST_LETTERS = 16, 40
_FIRST_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_LETTERS = _FIRST_LETTERS.union("0123456789_")


class _Unattached:
    """A stand-in count: the first use joins the recording and goes to the real count.

    It stays 0, so that whatever is written to it was added: several threads may do so at once.
    """

    def __getitem__(self, _: int) -> int:
        return 0

    def __setitem__(self, number: int, added: int) -> None:
        with _joining:
            if isinstance(_outside.cell, _Unattached):
                _attach()
        _outside.cell[number] += added


class _Ended:
    """The count of an ended phase: contexts copied from it count into the enclosing one."""

    def __init__(self, around: _Context) -> None:
        self._around = around

    def __getitem__(self, _: int) -> int:
        return 0

    def __setitem__(self, number: int, added: int) -> None:
        _still_open(self._around).cell[number] += added


class _Context:
    """Where the counts of a thread, task or process go: `cell`, the slot of its innermost phase."""

    __slots__ = ("aligned", "around", "begun_ns", "cell", "counted", "link", "number")

    def __init__(self, cell: Any, link: Link | None, number: int, around: _Context | None) -> None:
        self.cell, self.link = cell, link
        self.number, self.around = number, around
        self.counted: list[int] = []
        self.begun_ns = 0
        self.aligned = False


_outside = _Context(_Unattached(), None, 0, None)
_here: ContextVar[_Context] = ContextVar("wattui phase", default=_outside)
_open: set[_Context] = set()
_joining = RLock()
# The number of each count in a slot.
_numbers = {INFERENCES: 0}


def count(n: int = 1, of: str | None = None) -> None:
    """Add `n` inferences to the recording and to the phase of this thread or task (about 0.1 µs).

    `of` counts something else, such as tokens_out: a to z, 0 to 9 and _, at most 40 characters, and
    at most 16 such names (docs/run-file.md). Raises TypeError if `n` is not a whole number,
    ValueError if it is negative or has over 64 bits, or the name is not allowed.
    """
    if n < 0:
        raise ValueError(f"{n} cannot be counted: a count never falls")
    if of is None:
        _here.get().cell[0] += n
    else:
        number = _numbers.get(of)
        _here.get().cell[_number(of) if number is None else number] += n


class phase:  # noqa: N801  read as a verb in people's code
    """Mark a phase: `with wattui.phase("running", label="b32"): …`.

    `name` is idle, armed, warmup, running, cooldown or any other name. Both edges return only after
    the counters were read, which takes no time of the phase: it is the block. Phases nest within a
    thread, a task or a process; those of others run in parallel. `sync="auto"` first waits for
    torch, cupy and jax if they are already imported and in use on a GPU; a function is called
    instead; None waits for nothing. `repeat` numbers a program's own repeats, 1…n; those of `wattui
    --repeats` come first. `align` is for very short work: the program waits before and after it, at
    most two seconds, while the counters move twice, and the power of that quiet time is not in the
    energy. Where a server of language models counts tokens at a request's end (docs/tokens.md), the
    edges wait until it has none; not those of warmup and cooldown, nor without `drain`, as for a
    load that never pauses. Raises ValueError for an empty name or a repeat under 1.
    """

    def __init__(
        self,
        name: str,
        label: str = "",
        sync: Sync | Callable[[], object] = "auto",
        repeat: int | None = None,
        align: bool = False,
        drain: bool = True,
    ) -> None:
        if not name:
            raise ValueError("a phase needs a name")
        if repeat is not None and repeat < 1:
            raise ValueError(f"repeat {repeat}: repeats are numbered from 1")
        self._asked: dict[str, object] = {"do": "begin", "phase": str(name), "label": str(label)}
        if repeat is not None:
            self._asked["repeat"] = int(repeat)
        self._sync = sync
        self._align = align
        self._drain = drain and name not in NOT_DRAINED
        self._entered: list[_Context] = []

    def __enter__(self) -> phase:
        link = _joined()
        if link is None:
            return self
        _synchronise(self._sync)
        around = _still_open(_here.get())
        if around.link is not link:
            around = _outside
        if self._drain:
            link.drain()
        number = link.next_number()
        here = _Context(link.counts.take(), link, number, around)
        here.counted = list(here.cell)
        place = link.counts.place(here.cell)
        asked = {**self._asked, "id": number, "in": around.number, "place": place, "block": True}
        if self._align:
            why = link.be_quiet()
            here.aligned = not why
            asked |= {"unaligned": why} if why else {"quiet": True}
        link.request(asked)
        _open.add(here)
        _here.set(here)
        self._entered.append(here)
        here.begun_ns = time.monotonic_ns()
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
                if self._drain:
                    here.link.drain()
        finally:
            ended_ns = time.monotonic_ns()
            cell, here.cell = here.cell, _Ended(here.around or _outside)
            ended = {"do": "end", "id": here.number, "begun_ns": here.begun_ns}
            ended |= _counted(here.counted, here.link.counts.give_back(cell))
            if here.aligned and error is None:
                here.link.request({**ended, "quiet": True}, ended_ns)
                here.link.be_quiet()
            else:
                here.link.request(ended, ended_ns)

    @property
    def is_recorded(self) -> bool:
        """Whether it is open in a recording."""
        return bool(self._entered)

    def ask(self, **message: object) -> dict[str, Any]:
        """Ask the recorder about this open phase; empty if there is no answer in time."""
        here = self._entered[-1] if self._entered else None
        if here is None or here.link is None:
            return {}
        return here.link.request({**message, "id": here.number, "begun_ns": here.begun_ns})

    def _leave(self) -> _Context | None:
        """The phase to end: this context's, or the last one begun in another."""
        if not self._entered:
            return None
        here = _here.get()
        if here in self._entered:
            _here.set(_still_open(here.around or _outside))
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
    """End the phase that the last `mark` began, if any, and begin this one.

    All processes share the last mark; for work in parallel, use `phase`.
    """
    ask(do="mark", phase=str(name), label=str(label))


def ask(**message: object) -> str:
    """Send a request to the recorder; returns its objection, or an empty string."""
    link = _joined()
    if link and message["do"] == "mark" and message["phase"] not in NOT_DRAINED:
        link.drain()
    return str(link.request(message).get("error", "")) if link else ""


def detach() -> None:
    """Forget the recording: the next call looks at `WATTUI_RUN` again."""
    attachment = take_off()
    if attachment[1] is not None:
        attachment[1].close()


def take_off() -> tuple[Any, Link | None, _Context]:
    """Detach from the recording until `put_back`; until then the next one is joined."""
    attachment = _outside.cell, _outside.link, _here.get()
    _outside.cell, _outside.link = _Unattached(), None
    _here.set(_outside)
    return attachment


def put_back(attachment: tuple[Any, Link | None, _Context]) -> None:
    """Rejoin the recording that `take_off` left."""
    detach()
    _outside.cell, _outside.link, here = attachment
    _here.set(here)
    if _outside.link is not None:
        _outside.link.tell_names(_numbers)


def _still_open(context: _Context) -> _Context:
    """A phase, or the innermost one around it that has not ended."""
    while context.around is not None and context not in _open:
        context = context.around
    return context


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
    cell: Any = None
    if directory and os.path.isdir(directory):
        try:
            from wattui.marks.link import Link

            link = _outside.link = Link(directory, f"{PAGE_PREFIX}{os.getpid()}", _numbers)
            cell = link.counts.outside
        except Exception:  # whatever a program did to its interpreter, marks must not crash it
            cell = None
    _outside.cell = _nowhere() if cell is None else cell


def _nowhere() -> Any:
    """A slot that nobody reads."""
    return memoryview(bytearray(8 * (1 + MOST_NAMES))).cast("q")


def _number(name: str) -> int:
    """The number of a count that this program has not made yet. Raises ValueError."""
    with _joining:
        if name in _numbers:
            return _numbers[name]
        if wrong := wrong_name(name):
            raise ValueError(wrong)
        if len(_numbers) > MOST_NAMES:
            raise ValueError(f"{name}: a program can have {MOST_NAMES} names of counts at most")
        _numbers[name] = len(_numbers)
        if (link := _joined()) is not None:
            link.tell_names(_numbers)
        return _numbers[name]


def wrong_name(name: str) -> str:
    """Why a count cannot have this name; empty if it can."""
    is_right = (
        isinstance(name, str)
        and 0 < len(name) <= MOST_LETTERS
        and name[0] in _FIRST_LETTERS
        and _LETTERS.issuperset(name)
    )
    return (
        ""
        if is_right
        else f"{name!r} cannot be the name of a count: use a to z, 0 to 9 and _, a letter first, "
        f"and at most {MOST_LETTERS} characters"
    )


def _counted(before: list[int], after: list[int]) -> dict[str, object]:
    """What a slot counted between two moments, as told to the recorder."""
    named = {name: after[n] - before[n] for name, n in _numbers.items() if n}
    counts = {name: n for name, n in named.items() if n}
    return {"n": after[0] - before[0], **({"counts": counts} if counts else {})}


def _after_fork() -> None:
    """A child is a separate process: it counts and nests for itself."""
    global _joining
    _joining = RLock()
    link = _outside.link
    for context in _open:
        context.cell = _Unattached()
    _open.clear()
    take_off()
    if link is not None:
        link.abandon()


def _synchronise(sync: Sync | Callable[[], object]) -> None:
    """Wait until the work given to accelerators is done."""
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
