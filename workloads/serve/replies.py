"""An answer as a protocol writes it, and the reading of what a client asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from workloads.serve.engine import Engine
from workloads.serve.scheduler import Generation, Wanted

Body = Mapping[str, Any]


class RefusedError(Exception):
    """A request that is not carried out: the status, and a line for the client."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Reply(Protocol):
    """How the answer to one request is written."""

    @property
    def wanted(self) -> Wanted:
        """What the engine is asked for."""
        ...

    @property
    def streamed(self) -> bool:
        """Whether the answer is sent piece by piece."""
        ...

    @property
    def content_type(self) -> str:
        """The type of a streamed answer."""
        ...

    def opening(self) -> Iterable[bytes]:
        """The chunks before the text."""
        ...

    def piece(self, text: str, generation: Generation, so_far: int) -> bytes:
        """The chunk of a piece of the text, which ends at the token `so_far`."""
        ...

    def closing(self, done: Generation) -> Iterable[bytes]:
        """The chunks after the text."""
        ...

    def whole(self, text: str, done: Generation) -> Mapping[str, Any]:
        """The answer in one piece."""
        ...


class Head(NamedTuple):
    """The first fields of an answer: its number, the time it was asked for, and the model."""

    number: int
    created_s: int
    model: str


def check_model(body: Body, engine: Engine) -> None:
    """Raise RefusedError unless a body names the engine's model, or none."""
    name = body.get("model", engine.name)
    if not isinstance(name, str):
        raise RefusedError(400, "model: must be a string")
    if name not in (engine.name, f"{engine.name}:latest"):
        raise RefusedError(404, f"The model `{name}` does not exist. This server has {engine.name}")


def wanted(prompt: bytes, most: int, options: Body, engine: Engine) -> Wanted:
    """The request to the engine. Raises RefusedError if it is longer than the context."""
    if not prompt:
        raise RefusedError(400, "the prompt is empty")
    if len(prompt) + most > engine.context:
        raise RefusedError(
            400,
            f"This model's maximum context length is {engine.context} tokens. You requested "
            f"{len(prompt) + most} tokens ({len(prompt)} in the prompt, {most} in the completion)",
        )
    ignore_end = truth(options, "ignore_eos")
    return Wanted(prompt, most, whole(options, "seed", 0, least=-(2**63)), ignore_end)


def conversation(body: Body) -> bytes:
    """The prompt of a list of messages: a line for each, and the beginning of the answer's."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RefusedError(400, "messages: must be a list of messages")
    lines = [f"{_field(each, 'role')}: {_content(each)}\n" for each in messages]
    return encoded("".join((*lines, "assistant:")))


def encoded(text: str) -> bytes:
    """The tokens of a text: its bytes."""
    return text.encode("utf-8", "replace")


def whole(body: Body, name: str, default: int, *, least: int = 1) -> int:
    """A whole number in a body. Raises RefusedError."""
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise RefusedError(400, f"{name}: must be a whole number of at least {least}")
    return value


def truth(body: Body, name: str, default: bool = False) -> bool:
    """A true or false in a body. Raises RefusedError."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise RefusedError(400, f"{name}: must be true or false")
    return value


def part(body: Body, name: str) -> Body:
    """An object inside a body, empty if it is absent. Raises RefusedError."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RefusedError(400, f"{name}: must be an object")
    return value


def _field(message: object, name: str) -> object:
    if not isinstance(message, dict) or name not in message:
        raise RefusedError(400, f"messages: each needs a {name}")
    return message[name]


def _content(message: object) -> str:
    """The text of a message, which may be given in parts."""
    content = _field(message, "content")
    if isinstance(content, list):
        texts = [each.get("text") for each in content if isinstance(each, dict)]
        known = [text for text in texts if isinstance(text, str)]
        content = "".join(known) if len(known) == len(content) else None
    if not isinstance(content, str):
        raise RefusedError(400, "messages: content must be text")
    return content
