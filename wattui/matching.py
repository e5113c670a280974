"""Counts and phases from the output of programs that nobody may change. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from wattui.errors import UsageError

ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]")
_NUMBER = re.compile(r"[0-9]{1,18}")
LONGEST_LINE = 65536

Request = dict[str, object]


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
        *lines, rest = re.split(rb"[\r\n]", self._rest.get(stream, b"") + data)
        self._rest[stream] = rest[-LONGEST_LINE:]
        for line in lines:
            yield from self.line(line)

    def finish(self) -> Iterator[Request]:
        """Requests from last lines without an end."""
        for rest in self._rest.values():
            yield from self.line(rest)
        self._rest.clear()

    def line(self, line: bytes) -> Iterator[Request]:
        """Requests from one line."""
        if not line:
            return
        text = ESCAPES.sub("", line.decode(errors="replace"))
        if self.phase and (found := self.phase.search(text)):
            named = found.groupdict()
            yield {
                "do": "mark",
                "phase": named.get("phase") or "running",
                "label": named.get("label") or "",
            }
        if self.count and (found := self.count.search(text)):
            n = self._counted(found)
            if n > 0:
                yield {"do": "count", "n": n}

    def _counted(self, found: re.Match[str]) -> int:
        named = found.groupdict()
        if named.get("total") is not None:
            total = _whole(named["total"]) or 0
            step, self._total = total - self._total, max(total, self._total)
            return step
        if "n" in named:
            return _whole(named["n"]) or 0
        first = _whole(found.group(1)) if found.re.groups else None
        return 1 if first is None else first


def compile_pattern(option: str, text: str | None) -> re.Pattern[str] | None:
    """A pattern from the command line; raises UsageError where it does not compile."""
    if text is None:
        return None
    try:
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
