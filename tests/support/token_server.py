"""A server of language models that takes a known time, on a clock that skips what nobody awaits."""

from __future__ import annotations

import asyncio
import json
import selectors
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx


class _Skipping(selectors.DefaultSelector):
    """Never waits: the time passes at once."""

    now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is not None:
            self.now_s += max(timeout, 0.0)
        return ready


class _SkippingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.skipping = _Skipping()
        super().__init__(self.skipping)

    def time(self) -> float:
        return self.skipping.now_s


def at_once(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end, without waiting for any timer."""
    with asyncio.Runner(loop_factory=_SkippingLoop) as runner:
        runner.run(work)


@dataclass
class Marked:
    """Phases and counts, with the time of each."""

    log: list[tuple[float, str, object]] = field(default_factory=list)
    edge_s: float = 0.0
    notes: list[str] = field(default_factory=list)

    async def begin(self, phase: str, label: str = "", repeat: int | None = None) -> None:
        await asyncio.sleep(self.edge_s)
        self.log.append((self.now_s, phase, (label, repeat)))

    async def end(self) -> None:
        if self.log and self.open:
            self.log.append((self.now_s, "", None))

    def count(self, counts: Mapping[str, int]) -> None:
        self.log.append((self.now_s, "count", dict(counts)))

    async def note(self, text: str) -> None:
        self.notes.append(text)

    @property
    def open(self) -> str:
        phases = [what for _, what, _ in self.log if what != "count"]
        return phases[-1] if phases else ""

    @property
    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def phases(self) -> list[tuple[str, object, float, float, dict[str, int]]]:
        """Each phase: its name, label and repeat, begin, end, and counts."""
        found: list[tuple[str, object, float, float, dict[str, int]]] = []
        name, which, begun_s, counts = "", None, 0.0, dict[str, int]()
        for at_s, what, more in [*self.log, (self.log[-1][0], "", None)]:
            if what == "count":
                assert isinstance(more, dict)
                for each, n in more.items():
                    counts[each] = counts.get(each, 0) + n
                continue
            if name:
                found.append((name, which, begun_s, at_s, counts))
            name, which, begun_s, counts = what, more, at_s, {}
        return found


@dataclass
class Pace:
    """Answers after `prefill_s`, then `per_chunk` tokens every `chunk_s`."""

    prefill_s: float = 0.1
    chunk_s: float = 0.02
    per_chunk: int = 1
    tokens: Callable[[int], int] = lambda most: most
    states_usage: bool = False
    states_times: bool = False
    delay_s: Callable[[], float] = lambda: 0.0
    tokens_per_word: int = 1
    counts_letters: bool = False
    generated_s: list[float] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=_Transport(self))

    def total(self, begun_s: float, ended_s: float) -> int:
        """The tokens generated in a window."""
        return sum(begun_s < at_s <= ended_s for at_s in self.generated_s)


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/models"):
            return httpx.Response(200, json={"data": [{"id": "m"}]})
        body = json.loads(request.content)
        self._pace.bodies.append(body)
        headers = {"content-type": "text/event-stream; charset=utf-8"}
        return httpx.Response(200, headers=headers, stream=_Stream(self._pace, body))


class _Stream(httpx.AsyncByteStream):
    def __init__(self, pace: Pace, body: dict[str, Any]) -> None:
        self._pace, self._body = pace, body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pace, body = self._pace, self._body
        text = body.get("prompt") or json.dumps(body.get("messages"))
        words = len(text) if pace.counts_letters else len(text.split())
        prompt = words * pace.tokens_per_word + 3
        wanted = pace.tokens(body["max_tokens"])
        await asyncio.sleep(pace.delay_s() + pace.prefill_s)
        done = 0
        while done < wanted:
            if done:
                await asyncio.sleep(pace.chunk_s)
            new = min(pace.per_chunk, wanted - done)
            done += new
            pace.generated_s += [asyncio.get_running_loop().time()] * new
            event: dict[str, Any] = {"choices": [{"text": "word " * new, "index": 0}]}
            if pace.states_usage:
                event["usage"] = {"prompt_tokens": prompt, "completion_tokens": done}
            yield _event(event)
        usage = {"prompt_tokens": prompt, "completion_tokens": wanted}
        last: dict[str, Any] = {"choices": [], "usage": usage}
        if pace.states_times:
            decode_ms = 1000 * pace.chunk_s * (-(-wanted // pace.per_chunk) - 1)
            last["timings"] = {"prompt_ms": 1000 * pace.prefill_s, "predicted_ms": decode_ms}
        yield _event(last)
        yield b"data: [DONE]\n\n"


def _event(event: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()
