"""What a proxy changes in a request, and counts in an answer, while it passes. Pure; keeps nothing
of what it has read but numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from wattui.tokens.server import is_number_of_tokens, usage_of
from wattui.tokens.trace import Usage

# The ends of the paths whose answers have tokens.
OPENAI = (b"/completions",)
OLLAMA = (b"/api/generate", b"/api/chat")
# A part of an answer that is longer is passed on without being counted.
MOST_BYTES = 16 << 20
EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
LINE_END = re.compile(rb"\n")
NEVER = re.compile(rb"(?!)")
# Only parts with one of these words say anything about tokens.
TELLING = (b'"usage"', b'"eval_count"', b'"error"')


class Asked(NamedTuple):
    """The body to send; `adds_usage` if it asks for a usage that the client has not asked for."""

    body: bytes
    adds_usage: bool


def is_counted(method: bytes, path: bytes) -> bool:
    """Whether an answer has tokens to count."""
    return method == b"POST" and path.endswith((*OPENAI, *OLLAMA))


def asking_usage(path: bytes, body: bytes) -> Asked:
    """The body of a request, with `stream_options.include_usage` if it is an OpenAI stream."""
    asked = _object(body)
    if asked is None or not path.endswith(OPENAI) or asked.get("stream") is not True:
        return Asked(body, False)
    options = asked.get("stream_options")
    if options is None and "stream_options" not in asked:
        # All that the client has sent stays as it is.
        return Asked(body.rstrip()[:-1] + b', "stream_options": {"include_usage": true}}', True)
    if not isinstance(options, dict | None) or (options or {}).get("include_usage") is True:
        return Asked(body, False)
    options = {**(options or {}), "include_usage": True}
    return Asked(json.dumps({**asked, "stream_options": options}).encode(), True)


class Answer:
    """Finds the usage in an answer while its content passes, and calls `on_usage` with each.

    `hides_usage` takes out the event of a stream that has nothing but the usage.
    """

    def __init__(
        self, content_type: bytes, hides_usage: bool, on_usage: Callable[[Usage], object]
    ) -> None:
        kind = content_type.partition(b";")[0].strip()
        self._is_events = kind == b"text/event-stream"
        is_lines = kind.endswith((b"ndjson", b"jsonl", b"stream+json"))
        self._end = EVENT_END if self._is_events else LINE_END if is_lines else NEVER
        self._hides = hides_usage and self._is_events
        self._on_usage = on_usage
        self._rest = b""
        self._is_lost = False
        self.has_usage = self.has_error = False

    @property
    def rewrites(self) -> bool:
        """Whether what is passed on may differ from what has come."""
        return self._hides

    def feed(self, content: bytes) -> bytes:
        """Read the next content; returns what to pass on of it."""
        if self._is_lost:
            return content
        whole = self._rest + content
        # The end of a part may lie in both.
        search = max(0, len(self._rest) - 3)
        begin = 0
        kept = []
        while match := self._end.search(whole, max(begin, search)):
            part = whole[begin : match.end()]
            if not self._read(part):
                kept.append(part)
            begin = match.end()
        self._rest = whole[begin:]
        if len(self._rest) > MOST_BYTES:
            self._is_lost = True
            kept.append(self._rest)
            self._rest = b""
        return b"".join(kept) if self._hides else content

    def end(self) -> bytes:
        """Read what is left at the end; returns what to pass on of it."""
        rest, self._rest = self._rest, b""
        hidden = self._read(rest)
        return rest if self._hides and not hidden else b""

    def _read(self, part: bytes) -> bool:
        """Count what a part says; True if it is to be hidden."""
        if not any(word in part for word in TELLING):
            return False
        said = _object(_data(part) if self._is_events else part)
        if said is None:
            return False
        if said.get("error"):
            self.has_error = True
        usage = usage_of(said) or _ollama_usage(said)
        if usage is None:
            return False
        self.has_usage = True
        self._on_usage(usage)
        return self._hides and not said.get("choices")


def _data(event: bytes) -> bytes:
    """The data of an event."""
    lines = event.splitlines()
    return b"\n".join(line[5:] for line in lines if line.startswith(b"data:"))


def _ollama_usage(said: Mapping[str, Any]) -> Usage | None:
    """The tokens in the last line of Ollama, which leaves out a prompt that was cached whole."""
    counts = said.get("prompt_eval_count", 0), said.get("eval_count")
    prompt, generated = (n if is_number_of_tokens(n) else None for n in counts)
    return None if prompt is None or generated is None else Usage(prompt, generated)


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
