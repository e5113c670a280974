"""Options of a layer in a spec: their types, defaults and checks. Pure."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

Options = Mapping[str, Any]
Check = Callable[[Any], Any]

REQUIRED = object()


def whole(value: Any) -> int:
    """A whole number of 1 or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{value!r} is not a whole number of 1 or more")
    return value


def size(value: Any) -> int:
    """A whole number of 0 or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is not a whole number of 0 or more")
    return value


def dimension(value: Any) -> int:
    """The number of a dimension; negative counts from the back."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not a whole number")
    return value


def real(value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")
    if not abs(value) <= sys.float_info.max:
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def truth(value: Any) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is not true or false")
    return value


def pair_of(check: Check) -> Check:
    """Height and width: two values, or one for both."""

    def checked(value: Any) -> tuple[Any, Any]:
        if isinstance(value, list | tuple):
            if len(value) != 2:
                raise ValueError(f"{value!r} is not one value or two")
            return check(value[0]), check(value[1])
        return check(value), check(value)

    return checked


def list_of(check: Check, length: int | None = None) -> Check:
    """A list, of a given length if set."""

    def checked(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or not value:
            raise ValueError(f"{value!r} is not a list")
        if length is not None and len(value) != length:
            raise ValueError(f"{value!r} does not have {length} values")
        return tuple(check(each) for each in value)

    return checked


def one_of(*choices: str) -> Check:
    """One of a few words."""

    def checked(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"{value!r} is not one of {', '.join(choices)}")
        return str(value)

    return checked
