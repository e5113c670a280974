"""A server with OpenAI's interface: what it serves, and one streamed request.

Streams are server-sent events, `data: {…}` a line, ended by `data: [DONE]`; the last event before
it states the usage, because `stream_options.include_usage` asks for it.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard
from urllib.parse import urlsplit

from wattui.clean import one_line, short
from wattui.errors import UsageError, WattuiError
from wattui.tokens.prompts import CHAT, COMPLETION, Prompt
from wattui.tokens.trace import MS, Timings, Trace, Usage

if TYPE_CHECKING:
    import httpx

VERSION = "v1"
MODELS = "models"
# Where servers have their metrics; the second is TensorRT-LLM's.
PAGES = ("/metrics", "/prometheus/metrics")
MISSING, DENIED, INVALID = 404, (401, 403), (400, 422)
MOST_SHOWN, MOST_NAMED = 160, 8
CONNECT_S = 10.0
# Longer lines and pages are no answers; of a refusal, this much is read.
MOST_BYTES, MOST_REFUSAL_BYTES = 16 << 20, 1 << 16
# No request has more tokens.
MOST_TOKENS = 1 << 40
# Fields that few servers refuse: they end every answer at the same length, and make counts exact.
EXTRAS = ("ignore_eos", "continuous_usage_stats")
TIMINGS = ("prompt_ms", "predicted_ms")
TEXTS = ("content", "reasoning_content", "reasoning", "tool_calls", "refusal")


class ServerError(WattuiError):
    """The server does not answer as it should."""


class RequestError(Exception):
    """One request failed; the text says why, without its address. `status` is that of HTTP."""

    def __init__(self, reason: str, status: int = 0) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is: `base` ends with its version; `endpoint` if the user named one; `metrics`
    is the path of their page."""

    base: str
    endpoint: str | None
    metrics: str = PAGES[0]

    def of(self, endpoint: str) -> str:
        """The address of an endpoint."""
        return f"{self.base}/{endpoint}"


def parse_address(url: str) -> Address:
    """The address of a server, of its version, of one of its endpoints or of its metrics.

    Raises UsageError.
    """
    try:
        parts = urlsplit(url)
        is_there = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
        known = is_there and url.isprintable() and (parts.hostname or "").encode("idna")
    except ValueError:
        known = False
    if not known:
        raise UsageError(f"{url}: expected an address, as in http://127.0.0.1:8000")
    if parts.username or parts.password:
        raise UsageError("the address has a user or a password: fix: use --api-key-env NAME")
    base = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
    for endpoint in (CHAT, COMPLETION):
        if base.endswith(f"/{endpoint}"):
            return Address(base.removesuffix(f"/{endpoint}"), endpoint)
    page = max((page for page in PAGES if base.endswith(page)), key=len, default="")
    base = base.removesuffix(page)
    if not base.endswith(f"/{VERSION}"):
        base = f"{base}/{VERSION}"
    return Address(base, None, page or PAGES[0])


@asynccontextmanager
async def connected(
    address: Address, timeout_s: float, key_name: str | None = None
) -> AsyncIterator[Server]:
    """A server that may be asked any number of things at once. Raises UsageError."""
    try:
        import httpx
    except ImportError:
        raise UsageError("this needs httpx: fix: pip install 'wattui[tokens]'") from None
    key = _key_of(key_name)
    async with httpx.AsyncClient(
        timeout=httpx.Timeout(timeout_s, connect=CONNECT_S, pool=None),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
        headers={"Authorization": f"Bearer {key}"} if key else {},
        trust_env=False,
    ) as client:
        yield Server(client, address, asyncio.get_running_loop().time, key_name)


def _key_of(name: str | None) -> str | None:
    """The key in an environment variable. Raises UsageError."""
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if not key:
        raise UsageError(f"--api-key-env {name}: it is not set: fix: export {name}=…")
    if not key.isascii() or not key.isprintable():
        raise UsageError(f"--api-key-env {name}: a key has only printable ASCII characters")
    return key


class Server:
    """A server, asked through one client. `key_name` is the variable that holds its key."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        address: Address,
        now_s: Callable[[], float],
        key_name: str | None = None,
    ) -> None:
        self._client = client
        self.address = address
        self._now_s = now_s
        self._key_name = key_name
        self.model = ""
        self._has_extras = True

    async def models(self) -> list[str]:
        """The models it serves. Raises ServerError."""
        url = self.address.of(MODELS)
        try:
            found = await self._answered(url)
        except RequestError as error:
            raise self.error(url, error) from None
        try:
            return [str(each["id"]) for each in json.loads(found)["data"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ServerError(
                f"{url}: it is not a list of models: fix: check the address, which ends before /v1"
            ) from None

    async def check(self, prompt: Prompt) -> Trace:
        """Ask once, without what a strict server refuses. Raises ServerError."""
        url = self._url(prompt)
        for has_extras in (True, False):
            self._has_extras = has_extras
            trace = Trace(prompt.size, self._now_s())
            try:
                await self._stream(prompt, trace, lambda: None)
            except RequestError as error:
                if has_extras and error.status in INVALID:
                    continue
                if error.status == MISSING:
                    raise await self._missing(url, error) from None
                raise self.error(url, error) from None
            break
        return trace

    async def ask(self, prompt: Prompt, on_first: Callable[[], None], trace: Trace) -> None:
        """Stream the answer to a prompt into a trace, which says if it failed."""
        try:
            await self._stream(prompt, trace, on_first)
        except RequestError as error:
            trace.failure = str(error)
        finally:
            trace.ended_s = self._now_s()

    def error(self, url: str, error: RequestError) -> ServerError:
        """The error for the user."""
        if error.status in DENIED:
            name = self._key_name
            fix = f"check the key in {name}" if name else "name the variable with its key: "
            fix += "" if name else "--api-key-env OPENAI_API_KEY"
            return ServerError(f"{url}: it wants a key ({error}): fix: {fix}")
        return ServerError(f"{url}: {error}")

    async def _missing(self, url: str, error: RequestError) -> ServerError:
        try:
            names = await self.models()
        except ServerError:
            names = []
        if names and self.model not in names:
            return ServerError(
                f"{url}: it has no model {short(self.model, MOST_SHOWN)!r}: fix: --model NAME with "
                f"one of {listed_names(names)}"
            )
        return ServerError(f"{url}: {error}: fix: check the address, which ends before /v1")

    def _url(self, prompt: Prompt) -> str:
        return self.address.of(self.address.endpoint or prompt.endpoint)

    def _body(self, prompt: Prompt) -> dict[str, Any]:
        options = {"include_usage": True, "continuous_usage_stats": True}
        body = {
            **prompt.body_for(self.address.endpoint or prompt.endpoint),
            "model": self.model,
            "stream": True,
            "stream_options": options,
        }
        if not self._has_extras:
            for name in EXTRAS:
                body.pop(name, None)
                options.pop(name, None)
        return body

    async def _stream(self, prompt: Prompt, trace: Trace, on_first: Callable[[], None]) -> None:
        """Fill a trace. Raises RequestError."""
        usage: Usage | None = None
        trace.sent_s = self._now_s()
        async for event in self._events(self._url(prompt), self._body(prompt)):
            stated = usage_of(event)
            usage = stated or usage
            trace.timings = _timings(event) or trace.timings
            if _has_token(event):
                trace.chunks_s.append(self._now_s())
                trace.stated.append(stated.completion if stated else None)
                if len(trace.chunks_s) == 1:
                    on_first()
        if usage is None:
            raise RequestError(
                "its stream has no usage, so nothing can be counted: fix: update the server, or "
                "count through `wattui tokens proxy`"
            )
        if not trace.chunks_s:  # an answer without a text
            trace.chunks_s.append(self._now_s())
            trace.stated.append(usage.completion)
            on_first()
        trace.usage = usage

    async def _events(self, url: str, body: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The events of a stream. Raises RequestError, also if it ends before its end."""
        import httpx

        try:
            async with self._client.stream("POST", url, json=body) as response:
                if response.status_code != httpx.codes.OK:
                    raise await _refused(response)
                kind = response.headers.get("content-type", "nothing")
                if not kind.startswith("text/event-stream"):
                    raise RequestError(f"it answered 200 with {kind}, not with a stream of events")
                async for line in _lines(response):
                    if not line.startswith(b"data:"):
                        continue
                    data = line[len(b"data:") :].strip()
                    if data == b"[DONE]":
                        return
                    yield _event(data)
        except httpx.HTTPError as error:
            raise RequestError(_reason(error)) from None
        raise RequestError("the stream ended before its end")

    async def _answered(self, url: str) -> bytes:
        """The content of a page. Raises RequestError."""
        import httpx

        try:
            async with self._client.stream("GET", url) as response:
                if response.status_code != httpx.codes.OK:
                    raise await _refused(response)
                return await _beginning(response, MOST_BYTES)
        except httpx.HTTPError as error:
            raise RequestError(_reason(error)) from None


def listed_names(names: Sequence[str]) -> str:
    """The first names of models, each on one line and not too long."""
    shown = [one_line(short(name, MOST_SHOWN)) for name in names[:MOST_NAMED]]
    return ", ".join(shown) + ", …" * (len(names) > MOST_NAMED)


async def _refused(response: httpx.Response) -> RequestError:
    """Why a server refuses, in its words."""
    status = response.status_code
    if response.is_redirect:
        to = response.headers.get("location", "?")
        return RequestError(f"it redirects to {one_line(short(to, MOST_SHOWN))}: fix: use that")
    text = (await _beginning(response, MOST_REFUSAL_BYTES)).decode(errors="replace")
    said = response.reason_phrase
    try:
        found = json.loads(text)
        inner = found.get("error", found)
        said = inner if isinstance(inner, str) else inner.get("message") or said
    except (ValueError, AttributeError, RecursionError):
        pass
    return RequestError(
        f"HTTP {status}: {short(one_line(' '.join(str(said).split())), MOST_SHOWN)}", status
    )


async def _beginning(response: httpx.Response, most_bytes: int) -> bytes:
    """The content of an answer, which may have no end, as far as it is wanted."""
    content = bytearray()
    async for piece in response.aiter_bytes():
        content += piece
        if len(content) >= most_bytes:
            break
    return bytes(content)


def _reason(error: httpx.HTTPError) -> str:
    import httpx

    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return "no server answers there: fix: start it, or check the address"
    if isinstance(error, httpx.TimeoutException):
        return "it sent nothing for too long: fix: raise --timeout"
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError):
        return "it ended the connection in the middle of an answer"
    return one_line(short(f"{type(error).__name__}: {error}", MOST_SHOWN))


async def _lines(response: httpx.Response) -> AsyncIterator[bytes]:
    """Lines of a stream; unlike httpx's, only a newline ends one. Raises RequestError."""
    rest = b""
    async for piece in response.aiter_bytes():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > MOST_BYTES:
            raise RequestError("it sent a line without an end")
    yield rest


def _event(data: bytes) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise RequestError("it sent an event that is not JSON")
    if error := event.get("error"):
        said = error.get("message", error) if isinstance(error, dict) else error
        raise RequestError(short(one_line(str(said)), MOST_SHOWN))
    return event


def is_number_of_tokens(found: object) -> TypeGuard[int]:
    """Whether it can be the number of tokens of a request."""
    return type(found) is int and 0 <= found <= MOST_TOKENS


def usage_of(event: Mapping[str, Any]) -> Usage | None:
    """The usage that an event states; None if it states none that makes sense."""
    found = event.get("usage")
    if not isinstance(found, dict):
        return None
    details = found.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    counts = [found.get("prompt_tokens"), found.get("completion_tokens", 0), cached or 0]
    prompt, completion, cached = (n if is_number_of_tokens(n) else None for n in counts)
    if prompt is None or completion is None or cached is None:
        return None
    return Usage(prompt, completion, min(cached, prompt))


def _timings(event: Mapping[str, Any]) -> Timings | None:
    """The times that llama-server states at the end of a request."""
    found = event.get("timings")
    times = [found.get(name) for name in TIMINGS] if isinstance(found, dict) else []
    known = [float(ms) / MS for ms in times if isinstance(ms, int | float) and 0 <= ms < math.inf]
    return Timings(*known) if len(known) == len(TIMINGS) else None


def _has_token(event: Mapping[str, Any]) -> bool:
    """Whether an event carries some of the answer."""
    choices = event.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        return False
    if choice.get("text"):
        return True
    delta = choice.get("delta")
    return isinstance(delta, dict) and any(delta.get(name) for name in TEXTS)
