"""Ollama's /api/generate and /api/chat, with counts and durations (ns) in the last line."""

from __future__ import annotations

import json
import time
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

USUAL_TOKENS = 128
# A num_predict that has no limit but the context.
ENDLESS = -1


@dataclass(frozen=True, slots=True)
class OllamaReply:
    """An answer to /api/generate or /api/chat."""

    wanted: Wanted
    streamed: bool
    head: Head
    chat: bool
    content_type: str = "application/x-ndjson"

    def opening(self) -> Iterator[bytes]:
        """Nothing: the text comes first."""
        return iter(())

    def piece(self, text: str, generation: Generation, so_far: int) -> bytes:
        """The line of a piece of the text."""
        return _line({**self._head(text), "done": False})

    def closing(self, done: Generation) -> Iterator[bytes]:
        """The line of the counts."""
        if done.finish is Finish.ERROR:
            yield _line({"error": "the engine failed"})
        else:
            yield _line(self.whole("", done))

    def whole(self, text: str, done: Generation) -> Mapping[str, Any]:
        """The answer in one piece."""
        total_s = time.monotonic() - done.arrived_s
        return {
            **self._head(text),
            "done": True,
            "done_reason": done.finish,
            "total_duration": round(total_s * 1e9),
            "load_duration": 0,
            "prompt_eval_count": len(done.wanted.prompt),
            "prompt_eval_duration": round(done.prefill_s * 1e9),
            "eval_count": done.generated,
            "eval_duration": round(done.decode_s * 1e9),
        }

    def _head(self, text: str) -> dict[str, Any]:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        said = {"message": {"role": "assistant", "content": text}} if self.chat else {}
        return {"model": self.head.model, "created_at": stamp, **(said or {"response": text})}


def ollama_reply(body: Body, engine: Engine, head: Head, *, chat: bool) -> OllamaReply:
    """The answer to a request. Raises RefusedError."""
    check_model(body, engine)
    options = part(body, "options")
    prompt = conversation(body) if chat else _prompt(body)
    most = whole(options, "num_predict", USUAL_TOKENS, least=ENDLESS)
    if most <= 0:
        most = max(1, engine.context - len(prompt))
    return OllamaReply(
        wanted(prompt, most, options, engine), truth(body, "stream", default=True), head, chat
    )


def tags(name: str) -> Mapping[str, Any]:
    """The answer to /api/tags."""
    return {"models": [{"name": f"{name}:latest", "model": f"{name}:latest"}]}


def error(status: int, message: str) -> Mapping[str, Any]:
    """The body of an error."""
    return {"error": message}


def _prompt(body: Body) -> bytes:
    given = body.get("prompt")
    if not isinstance(given, str):
        raise RefusedError(400, "prompt: must be a text")
    return encoded(given)


def _line(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content).encode() + b"\n"
