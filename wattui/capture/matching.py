"""Counts and phases from the output of programs that cannot be changed."""

from __future__ import annotations

import json
import os
import re
import select
import struct
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import IO

from wattui.errors import UsageError
from wattui.marks import ENVIRONMENT, INFERENCES, wrong_name
from wattui.own_packages import ROOT

ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]")
# The groups of --count-match that count inferences.
OWN_GROUPS = frozenset({"n", "total"})
_NUMBER = re.compile(r"[0-9]{1,18}")
LONGEST_LINE = 65536
# Output waiting to be matched; a command that prints faster for longer is not slowed down.
LIMIT_BYTES = 256 * 2**20
BATCH_BYTES = 2**20
# A piece of output, 64 KiB at most, takes milliseconds; some patterns never finish.
STUCK_S = 10.0
BOOT = (
    "import sys; sys.path.append(sys.argv[1]); from wattui.capture.match_process import main; "
    "sys.exit(main(*sys.argv[2:4]))"
)

Request = dict[str, object]
# Stream, data, and CLOCK_MONOTONIC when it arrived.
Printed = tuple[int, bytes, int]
# Header of a piece of output: stream (0: no more), time, length.
HEADER = struct.Struct("=BqI")
END: Printed = (0, b"", 0)
NOTHING: Printed = (1, b"", 0)


@dataclass(slots=True)
class Matcher:
    """Turns the output of one run of a command into requests to the recorder.

    A line that matches `count` counts its group `n` (or its first group), or 1; the group `total`
    is a running total instead. A group with any other name counts what it is named after; without
    `n` and `total`, no inferences are then counted. A line that matches `phase` begins the phase
    named by its group `phase` (running without one), labelled by its group `label`.
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
        """Requests from unfinished last lines."""
        for rest in self._rest.values():
            yield from self._requests(rest)
        self._rest.clear()

    def _requests(self, lines: bytes) -> Iterator[Request]:
        """Requests from whole lines, with counts added up between phases."""
        text = lines.decode(errors="replace")
        is_plain = "\x1b" not in text
        phase, count = self.phase and self.phase.search, self.count and self.count.search
        counts: Counter[str] = Counter()
        for raw in text.split("\n"):
            if not raw:
                continue
            line = raw if is_plain else ESCAPES.sub("", raw)
            if phase and (found := phase(line)):
                yield from _counts(counts)
                counts.clear()
                named = found.groupdict()
                name, label = named.get("phase") or "running", named.get("label") or ""
                yield {"do": "mark", "phase": name, "label": label}
            if count and (found := count(line)):
                counts.update(self._counted(found))
        yield from _counts(counts)

    def _counted(self, found: re.Match[str]) -> dict[str, int]:
        """What a line counts."""
        groups = found.re.groupindex
        others = {name: _whole(found[name]) or 0 for name in groups if name not in OWN_GROUPS}
        if others and OWN_GROUPS.isdisjoint(groups):
            return others
        return {INFERENCES: self._inferences(found), **others}

    def _inferences(self, found: re.Match[str]) -> int:
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
    """Matches a command's output in a separate process; nothing here slows the command down.

    Making one waits until the process is ready, so that a command's first line is matched at once.
    `ask` sends a request to the recorder; a phase says when its line was printed. `missed` says in
    words what could not be matched: output that came too fast, or for which a pattern took too
    long. Empty if everything was.
    """

    def __init__(self, matcher: Matcher, ask: Callable[[Request], object]) -> None:
        self._ask = ask
        self._printed: SimpleQueue[Printed | None] = SimpleQueue()
        self._given = self._done = self._missed_bytes = 0
        self._matcher = _Process(matcher)
        self._is_stuck = not self._matcher.requests([NOTHING])
        self._thread = threading.Thread(target=self._work, name="matching", daemon=True)
        self._thread.start()

    def put(self, stream: int, data: bytes) -> None:
        """Take a copy of what was printed, without waiting."""
        if self._is_stuck or self._given - self._done > LIMIT_BYTES:
            self._missed_bytes += len(data)
            return
        self._given += len(data)
        self._printed.put((stream, data, time.monotonic_ns()))

    def finish(self) -> None:
        """Match all output, unfinished last lines included."""
        self._printed.put(None)
        self._thread.join()
        self._matcher.close()

    @property
    def missed(self) -> str:
        """Output that was not matched, in words."""
        why = f"a pattern took over {STUCK_S:g} s" if self._is_stuck else "it came too fast"
        return f"{self._missed_bytes} bytes of output: {why}" if self._missed_bytes else ""

    def _work(self) -> None:
        ended = False
        while not ended:
            batch = self._batch()
            ended = batch[-1] is None
            for request in added_up(self._requests(batch)):
                self._ask(request)

    def _batch(self) -> list[Printed | None]:
        """Output since the last one."""
        batch = [self._printed.get()]
        size = 0
        try:
            while (part := batch[-1]) is not None and (size := size + len(part[1])) < BATCH_BYTES:
                batch.append(self._printed.get_nowait())
        except Empty:
            pass
        return batch

    def _requests(self, batch: Iterable[Printed | None]) -> Iterator[Request]:
        """Requests from a batch; bytes that are not matched are counted."""
        pieces = [part or END for part in batch]
        found = [] if self._is_stuck else self._matcher.requests(pieces)
        self._is_stuck |= len(found) < len(pieces)
        self._missed_bytes += sum(len(data) for _, data, _ in pieces[len(found) :])
        self._done += sum(len(data) for _, data, _ in pieces)
        for requests in found:
            yield from requests


class _Process:
    """A process that matches; started at once, and killed if a piece takes too long."""

    def __init__(self, matcher: Matcher) -> None:
        patterns = [each.pattern if each else "" for each in (matcher.count, matcher.phase)]
        environ = {k: v for k, v in os.environ.items() if k != ENVIRONMENT}
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", BOOT, ROOT, *patterns],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environ,
            start_new_session=True,
        )
        self._rest = b""
        for pipe in (self._process.stdin, self._process.stdout):
            os.set_blocking(_descriptor(pipe), False)

    def requests(self, pieces: Sequence[Printed]) -> list[list[Request]]:
        """Requests from each piece of output, up to one that takes too long."""
        out = memoryview(
            b"".join(HEADER.pack(stream, at, len(data)) + data for stream, data, at in pieces)
        )
        found: list[list[Request]] = []
        try:
            while len(found) < len(pieces):
                out = self._exchange(out)
                *lines, rest = self._rest.split(b"\n")
                self._rest = rest
                found += map(json.loads, lines)
        except (OSError, TimeoutError):
            self._process.kill()
        return found

    def close(self) -> None:
        """End the process, which has no work left."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._process.kill()
        self._process.wait()

    def _exchange(self, out: memoryview) -> memoryview:
        """Send and receive as much as possible; returns what is still to be sent.

        Raises TimeoutError if there is no progress, OSError if the process has ended.
        """
        to, back = _descriptor(self._process.stdin), _descriptor(self._process.stdout)
        poll = select.poll()
        poll.register(back, select.POLLIN)
        if out:
            poll.register(to, select.POLLOUT)
        ready = dict(poll.poll(STUCK_S * 1000))
        if not ready:
            raise TimeoutError
        if ready.get(to, 0):
            out = out[os.write(to, out) :]
        if ready.get(back, 0):
            data = os.read(back, 65536)
            if not data:
                raise BrokenPipeError
            self._rest += data
        return out


def _descriptor(pipe: IO[bytes] | None) -> int:
    if pipe is None:
        raise BrokenPipeError
    return pipe.fileno()


def added_up(requests: Iterable[Request]) -> Iterator[Request]:
    """The same requests in their order, with one count of each name between two phases."""
    counts: Counter[str] = Counter()
    for request in requests:
        if request["do"] == "count":
            counts[str(request.get("of", INFERENCES))] += int(str(request["n"]))
        else:
            yield from _counts(counts)
            counts.clear()
            yield request
    yield from _counts(counts)


def _counts(counts: Mapping[str, int]) -> Iterator[Request]:
    for name, n in counts.items():
        if n:
            yield {"do": "count", "n": n} | ({} if name == INFERENCES else {"of": name})


def compile_pattern(option: str, text: str | None) -> re.Pattern[str] | None:
    """A pattern from the command line; raises UsageError if it does not compile."""
    if text is None:
        return None
    try:
        with warnings.catch_warnings(
            action="ignore"
        ):  # warnings about its meaning in later Python versions
            return re.compile(text)
    except re.error as error:
        raise UsageError(
            f"{option} {text!r} is not a regular expression ({error}): fix: put a backslash "
            "before literal characters"
        ) from None


def count_pattern(option: str, text: str | None) -> re.Pattern[str] | None:
    """A pattern whose groups are named after counts; raises UsageError if it is none."""
    pattern = compile_pattern(option, text)
    for name in pattern.groupindex if pattern else ():
        if name not in OWN_GROUPS and (wrong := wrong_name(name)):
            raise UsageError(f"{option}: its group {wrong}")
    return pattern


def _whole(text: str | None) -> int | None:
    """The whole number in a text such as 1,000; None if it is not one."""
    digits = (text or "").replace(",", "").replace("_", "").strip()
    return int(digits) if _NUMBER.fullmatch(digits) else None
