"""Counts and phases from the output of programs that nobody may change."""

from __future__ import annotations

import re
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from wattui.errors import UsageError

ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]")
_NUMBER = re.compile(r"[0-9]{1,18}")
LONGEST_LINE = 65536
# Output that waits to be matched; a command that prints faster for longer is not held up.
LIMIT_BYTES = 256 * 2**20
BATCH_BYTES = 2**20

Request = dict[str, object]
# Stream, what it brought, and CLOCK_MONOTONIC at that moment.
Printed = tuple[int, bytes, int]


@dataclass(slots=True)
class Matcher:
    """Turns the output of one run of a command into requests to the recorder.

    A line that matches `count` counts its group `n` (or its first group) or one; the group
    `total` holds a running total instead. A line that matches `phase` begins the phase named by
    its group `phase` (running without one), labelled by its group `label`.
    """

    count: re.Pattern[str] | None
    phase: re.Pattern[str] | None
    _rest: dict[int, bytes] = field(default_factory=dict)
    _total: int = 0

    def feed(self, stream: int, data: bytes) -> Iterator[Request]:
        """Requests from the lines that `data` completes; progress bars end lines with \\r."""
        lines, end, rest = (
            (self._rest.get(stream, b"") + data).replace(b"\r", b"\n").rpartition(b"\n")
        )
        self._rest[stream] = rest[-LONGEST_LINE:]
        return self._requests(lines) if end else iter(())

    def finish(self) -> Iterator[Request]:
        """Requests from last lines without an end."""
        for rest in self._rest.values():
            yield from self._requests(rest)
        self._rest.clear()

    def _requests(self, lines: bytes) -> Iterator[Request]:
        """Requests from whole lines, what they count added up between the phases."""
        text = lines.decode(errors="replace")
        is_plain = "\x1b" not in text
        phase, count = self.phase and self.phase.search, self.count and self.count.search
        counted = self._counted
        n = 0
        for raw in text.split("\n"):
            if not raw:
                continue
            line = raw if is_plain else ESCAPES.sub("", raw)
            if phase and (found := phase(line)):
                yield from _count(n)
                n = 0
                named = found.groupdict()
                name, label = named.get("phase") or "running", named.get("label") or ""
                yield {"do": "mark", "phase": name, "label": label}
            if count and (found := count(line)):
                n += counted(found)
        yield from _count(n)

    def _counted(self, found: re.Match[str]) -> int:
        groups = found.re.groupindex
        if "total" in groups and found["total"] is not None:
            total = _whole(found["total"]) or 0
            step, self._total = total - self._total, max(total, self._total)
            return max(0, step)
        if "n" in groups:
            return _whole(found["n"]) or 0
        first = _whole(found[1]) if found.re.groups else None
        return 1 if first is None else first


class Matching:
    """Matches the output of a command in a thread of its own; nothing here holds up the command.

    `ask` sends a request to the recorder; a phase says when its line was printed. `missed_bytes`
    is output for which there was no memory.
    """

    def __init__(self, matcher: Matcher, ask: Callable[[Request], object]) -> None:
        self._matcher, self._ask = matcher, ask
        self._printed: SimpleQueue[Printed | None] = SimpleQueue()
        self._given = self._done = 0
        self.missed_bytes = 0
        self._thread = threading.Thread(target=self._work, name="matching", daemon=True)
        self._thread.start()

    def put(self, stream: int, data: bytes) -> None:
        """Take a copy of what was printed, without waiting."""
        if self._given - self._done > LIMIT_BYTES:
            self.missed_bytes += len(data)
            return
        self._given += len(data)
        self._printed.put((stream, data, time.monotonic_ns()))

    def finish(self) -> None:
        """Match all that was printed, the last lines without an end as well."""
        self._printed.put(None)
        self._thread.join()

    @property
    def note(self) -> str:
        """What the recording says of output that was not matched."""
        return f"unmatched {unmatched(self.missed_bytes)}"

    def _work(self) -> None:
        ended = False
        while not ended:
            batch = self._batch()
            ended = batch[-1] is None
            for request in added_up(self._requests(batch)):
                self._ask(request)

    def _batch(self) -> list[Printed | None]:
        """What has been printed since the last one."""
        batch = [self._printed.get()]
        size = 0
        try:
            while (part := batch[-1]) is not None and (size := size + len(part[1])) < BATCH_BYTES:
                batch.append(self._printed.get_nowait())
        except Empty:
            pass
        return batch

    def _requests(self, batch: Iterable[Printed | None]) -> Iterator[Request]:
        for part in batch:
            if part is None:
                yield from self._matcher.finish()
                return
            stream, data, at_ns = part
            for request in self._matcher.feed(stream, data):
                yield request | {"at_ns": at_ns} if request["do"] == "mark" else request
            self._done += len(data)


def unmatched(size: int) -> str:
    """So many bytes of output were not matched, in words."""
    return f"{size} bytes of output came too fast to be matched: counts may be too low"


def added_up(requests: Iterable[Request]) -> Iterator[Request]:
    """The same requests in their order, with one count between two phases."""
    n = 0
    for request in requests:
        if request["do"] == "count":
            n += int(str(request["n"]))
        else:
            yield from _count(n)
            n = 0
            yield request
    yield from _count(n)


def _count(n: int) -> Iterator[Request]:
    if n:
        yield {"do": "count", "n": n}


def compile_pattern(option: str, text: str | None) -> re.Pattern[str] | None:
    """A pattern from the command line; raises UsageError where it does not compile."""
    if text is None:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # of what it may mean in later Pythons
            return re.compile(text)
    except re.error as error:
        raise UsageError(
            f"{option} {text!r} is not a regular expression ({error}): "
            "put a backslash before characters meant as they are"
        ) from None


def _whole(text: str | None) -> int | None:
    """The whole number in a text such as 1,000; None where it is none."""
    digits = (text or "").replace(",", "").replace("_", "").strip()
    return int(digits) if _NUMBER.fullmatch(digits) else None
