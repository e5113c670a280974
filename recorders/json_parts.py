"""Readers for typed parts of JSON. Pure.

A kind takes a value and returns it checked, or raises WrongPartError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

# The largest possible figure: 10^15 J, as in the rows.
MOST = 1e15
# The most per second: a count of 64 bits, over a nanosecond.
MOST_RATE = 2.0**64 * 1e9

T = TypeVar("T")
Kind = Callable[[Any], T]


class WrongPartError(ValueError):
    """A part is missing or has the wrong type; the text says which and why."""


def part(found: Any, key: str, kind: Kind[T]) -> T:
    """Read a required part of an object. Raises WrongPartError, naming the key."""
    there = an_object(found)
    if key not in there:
        raise WrongPartError(f"{key} is missing")
    try:
        return kind(there[key])
    except WrongPartError as error:
        raise WrongPartError(f"{key}: {error}") from None


def part_or(found: Any, key: str, kind: Kind[T], otherwise: T) -> T:
    """Read an optional part of an object. Raises WrongPartError."""
    return part(found, key, kind) if key in an_object(found) else otherwise


def record(make: Callable[..., T], **parts: Kind[Any]) -> Kind[T]:
    """What a class or function makes of these parts of an object, all of them required."""
    kinds = tuple(parts.items())

    def read(found: Any) -> T:
        there = an_object(found)
        name, made = "", {}
        try:
            for name, kind in kinds:
                if name not in there:
                    break
                made[name] = kind(there[name])
        except WrongPartError as error:
            raise WrongPartError(f"{name}: {error}") from None
        if len(made) < len(kinds):
            raise WrongPartError(f"{name} is missing")
        return make(**made)

    return read


def an_object(found: Any) -> dict[str, Any]:
    """An object with any parts."""
    if not isinstance(found, dict):
        raise WrongPartError("not an object")
    return found


def text(found: Any) -> str:
    """A string."""
    if not isinstance(found, str):
        raise WrongPartError("not a string")
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


def number(found: Any, most: float = MOST) -> float:
    """A number no larger than a possible figure."""
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise WrongPartError("not a number")
    if not abs(found) <= most:
        raise WrongPartError("out of range")
    return float(found)


def rate(found: Any) -> float:
    """How many there are of something in a second."""
    return number(found, MOST_RATE)


def size(found: Any) -> float:
    """A number that is not negative."""
    if (value := number(found)) < 0:
        raise WrongPartError("negative")
    return value


def optional(kind: Kind[T]) -> Kind[T | None]:
    """Null, or a value of a kind."""
    return lambda found: None if found is None else kind(found)


def list_of(kind: Kind[T]) -> Kind[list[T]]:
    """A list whose items are all of a kind."""

    def read(found: Any) -> list[T]:
        if not isinstance(found, list):
            raise WrongPartError("not a list")
        return [kind(each) for each in found]

    return read


def tuple_of(kind: Kind[T]) -> Kind[tuple[T, ...]]:
    """The same as a tuple."""
    read = list_of(kind)
    return lambda found: tuple(read(found))


def dict_of(kind: Kind[T]) -> Kind[dict[str, T]]:
    """An object whose parts are all of a kind."""

    def read(found: Any) -> dict[str, T]:
        return {key: kind(each) for key, each in an_object(found).items()}

    return read


def one_of(*words: T) -> Kind[T]:
    """One of the given words."""

    def read(found: Any) -> T:
        for word in words:
            if word == found and isinstance(found, str):
                return word
        raise WrongPartError(f"not one of {', '.join(map(str, words))}")

    return read
