"""Parts of JSON, read by the kind that they must be. Pure.

A kind takes what was found and returns it, or raises WrongPartError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

# No figure is larger: 10^15 J, as in the rows themselves.
MOST = 1e15

T = TypeVar("T")
Kind = Callable[[Any], T]


class WrongPartError(ValueError):
    """A part is missing or of another kind; the text says which and why."""


def part(found: Any, key: str, kind: Kind[T]) -> T:
    """A part of an object. Raises WrongPartError, with the key before what is wrong in it."""
    there = an_object(found)
    if key not in there:
        raise WrongPartError(f"{key} is missing")
    try:
        return kind(there[key])
    except WrongPartError as error:
        raise WrongPartError(f"{key}: {error}") from None


def part_or(found: Any, key: str, kind: Kind[T], otherwise: T) -> T:
    """A part of an object that need not be there. Raises WrongPartError."""
    return part(found, key, kind) if key in an_object(found) else otherwise


def an_object(found: Any) -> dict[str, Any]:
    """An object, of whatever parts."""
    if not isinstance(found, dict):
        raise WrongPartError("not an object")
    return found


def text(found: Any) -> str:
    """A text."""
    if not isinstance(found, str):
        raise WrongPartError("not a text")
    return found


def flag(found: Any) -> bool:
    """True or false."""
    if not isinstance(found, bool):
        raise WrongPartError("neither true nor false")
    return found


def whole(found: Any) -> int:
    """A whole number of 64 bits."""
    if not isinstance(found, int) or isinstance(found, bool) or abs(found) > 1 << 63:
        raise WrongPartError("not a whole number")
    return found


def number(found: Any) -> float:
    """A figure of the size that figures have."""
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise WrongPartError("not a number")
    if not abs(found) <= MOST:
        raise WrongPartError("no possible figure")
    return float(found)


def size(found: Any) -> float:
    """A figure that is not below zero."""
    if (value := number(found)) < 0:
        raise WrongPartError("below zero")
    return value


def optional(kind: Kind[T]) -> Kind[T | None]:
    """Null, or something of a kind."""
    return lambda found: None if found is None else kind(found)


def list_of(kind: Kind[T]) -> Kind[list[T]]:
    """A list of things of a kind."""

    def read(found: Any) -> list[T]:
        if not isinstance(found, list):
            raise WrongPartError("not a list")
        return [kind(each) for each in found]

    return read


def dict_of(kind: Kind[T]) -> Kind[dict[str, T]]:
    """An object whose parts are all of a kind."""

    def read(found: Any) -> dict[str, T]:
        return {key: kind(each) for key, each in an_object(found).items()}

    return read


def one_of(*words: T) -> Kind[T]:
    """One of some words."""

    def read(found: Any) -> T:
        for word in words:
            if word == found and isinstance(found, str):
                return word
        raise WrongPartError(f"not one of {', '.join(map(str, words))}")

    return read
