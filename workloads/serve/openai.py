"""OpenAI's completions and chat completions, with vLLM's `ignore_eos` and
`continuous_usage_stats`, and llama-server's `timings`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workloads.serve.counters import Finish
from workloads.serve.engine import Engine
from workloads.serve.replies import (
    Body,
    Head,
    RefusedError,
    check_model,
    conversation,
    encoded,
    part,
    truth,
    wanted,
    whole,
)
from workloads.serve.scheduler import Generation, Wanted

USUAL_TOKENS = 16
UNSUPPORTED = ("stop", "suffix", "logprobs", "tools", "echo")


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer to /v1/completions or /v1/chat/completions."""

    wanted: Wanted
    streamed: bool
    head: Head
    chat: bool
    usage_wanted: bool
    usage_always: bool
    timings: bool
    content_type: str = "text/event-stream; charset=utf-8"

    def opening(self) -> Iterator[bytes]:
        """A chat begins with the role."""
        if self.chat:
            yield self._event(self._choice({"role": "assistant", "content": ""}, None))

    def piece(self, text: str, generation: Generation, so_far: int) -> bytes:
        """The event of a piece of the text."""
        choice = self._choice({"content": text} if self.chat else text, None)
        stated = {"usage": usage(generation, so_far)} if self.usage_always else {}
        return self._event(choice, **stated)

    def closing(self, done: Generation) -> Iterator[bytes]:
        """The reason of the end, the usage if it was asked for, and the mark of the end."""
        if done.finish is Finish.ERROR:
            yield _event({"error": {"message": "the engine failed", "type": "server_error"}})
        else:
            end = self._choice({} if self.chat else "", done.finish)
            yield self._event(end, **(_timings(done) if self.timings else {}))
            if self.usage_wanted:
                yield self._event(None, usage=usage(done, done.generated))
        yield b"data: [DONE]\n\n"

    def whole(self, text: str, done: Generation) -> Mapping[str, Any]:
        """The answer in one piece."""
        content: Any = {"role": "assistant", "content": text} if self.chat else text
        kind = "chat.completion" if self.chat else "text_completion"
        choice = self._choice(content, done.finish, "message")
        timings = _timings(done) if self.timings else {}
        return {
            **self._head(kind),
            "choices": [choice],
            "usage": usage(done, done.generated),
            **timings,
        }

    def _event(self, choice: Mapping[str, Any] | None, **more: Any) -> bytes:
        head = self._head("chat.completion.chunk" if self.chat else "text_completion")
        none = {"usage": None} if self.usage_wanted else {}
        return _event({**head, "choices": [choice] if choice else [], **none, **more})

    def _choice(self, content: Any, finish: Finish | None, name: str = "delta") -> dict[str, Any]:
        named = {(name if self.chat else "text"): content}
        return {"index": 0, **named, "logprobs": None, "finish_reason": finish}

    def _head(self, kind: str) -> dict[str, Any]:
        name = f"{'chatcmpl' if self.chat else 'cmpl'}-{self.head.number}"
        return {
            "id": name,
            "object": kind,
            "created": self.head.created_s,
            "model": self.head.model,
        }


def completion(
    body: Body, engine: Engine, head: Head, *, chat: bool, timings: bool = False
) -> Completion:
    """The answer to a request. Raises RefusedError."""
    check_model(body, engine)
    if whole(body, "n", 1) > 1:
        raise RefusedError(400, "n: this server gives one answer a request")
    for name in UNSUPPORTED:
        if body.get(name):
            raise RefusedError(400, f"{name}: is not supported by this server")
    streamed = truth(body, "stream")
    options = part(body, "stream_options")
    if options and not streamed:
        raise RefusedError(400, "stream_options: needs stream=true")
    most = whole(body, "max_completion_tokens" if chat else "max_tokens", 0) or whole(
        body, "max_tokens", USUAL_TOKENS
    )
    prompt = conversation(body) if chat else _prompt(body)
    return Completion(
        wanted(prompt, most, body, engine),
        streamed,
        head,
        chat,
        truth(options, "include_usage"),
        truth(options, "include_usage") and truth(options, "continuous_usage_stats"),
        timings,
    )


def models(name: str, context: int) -> Mapping[str, Any]:
    """The answer to /v1/models."""
    model = {"id": name, "object": "model", "created": 0, "owned_by": "wattui"}
    return {"object": "list", "data": [model | {"max_model_len": context}]}


def usage(generation: Generation, generated: int) -> Mapping[str, Any]:
    """The tokens of a request when it has got so many."""
    prompt = len(generation.wanted.prompt)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": generated,
        "total_tokens": prompt + generated,
        "prompt_tokens_details": {"cached_tokens": generation.cached},
    }


def error(status: int, message: str) -> Mapping[str, Any]:
    """The body of an error."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": status}}


def _timings(done: Generation) -> Mapping[str, Any]:
    """llama-server's timings, in milliseconds."""
    computed = len(done.wanted.prompt) - done.cached
    return {
        "timings": {
            "cache_n": done.cached,
            "prompt_n": computed,
            "prompt_ms": done.prefill_s * 1e3,
            "predicted_n": done.generated,
            "predicted_ms": done.decode_s * 1e3,
        }
    }


def _prompt(body: Body) -> bytes:
    """A prompt: text, or tokens; either may be the only one of a list."""
    given = body.get("prompt")
    if isinstance(given, list) and len(given) == 1 and not isinstance(given[0], int):
        given = given[0]
    if isinstance(given, str):
        return encoded(given)
    if isinstance(given, list) and all(type(each) is int and 0 <= each < 256 for each in given):
        return bytes(given)
    raise RefusedError(400, "prompt: must be one text, or a list of tokens from 0 to 255")


def _event(content: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(content).encode() + b"\n\n"
