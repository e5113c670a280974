"""Counts by name: inferences, and whatever else a program or a server counts. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

# What is counted if nothing is said, which has a column of its own; the others are `count_NAME`.
INFERENCES = "inferences"
COUNTED = "count_"
# The most counts with a name in a recording.
MOST_NAMES = 16
# The highest count: a whole number of 64 bits. One that is higher is unknown.
MOST_COUNTED = 2**63 - 1
NAME = "[a-z][a-z0-9_]{0,39}"

_WORDS = {
    "tokens_out": "output tokens",
    "tokens_in": "prompt tokens",
    "tokens_cached": "cached prompt tokens",
}

T = TypeVar("T")
# Totals by name. One that is not in it is unknown.
Counts = Mapping[str, int]


class CountSource(Protocol):
    """Counts that the recorder reads itself, such as those of a server.

    It has the last word on its names: what programs count under them is left out.
    """

    @property
    def names(self) -> Sequence[str]:
        """What it counts."""
        ...

    def totals(self) -> Counts:
        """What was counted since the recording began; never falls, never waits. A count that is not
        known now is left out."""
        ...


def check_name(name: str) -> str:
    """The name of a count. Raises ValueError."""
    if not re.fullmatch(NAME, name):
        raise ValueError(
            f"{name!r} cannot be the name of a count: use a to z, 0 to 9 and _, a letter first, "
            "and at most 40 characters"
        )
    return name


def named(counts: Mapping[str, T]) -> dict[str, T]:
    """The counts other than inferences."""
    return {name: n for name, n in counts.items() if name != INFERENCES}


def every(inferences: int | None, others: Counts) -> dict[str, int]:
    """All counts by name, inferences first if their number is known."""
    return {**({} if inferences is None else {INFERENCES: inferences}), **others}


def growth(before: Counts, after: Counts) -> dict[str, int]:
    """How much each count grew."""
    return {name: n - before.get(name, 0) for name, n in after.items()}


def is_tokens(name: str) -> bool:
    """Whether tokens of a language model are counted."""
    return "tokens" in name.split("_")


def is_time(name: str) -> bool:
    """Whether it is a time that is counted up, as servers do."""
    return name.endswith("_ms")


def after(name: str, names: Sequence[str]) -> str:
    """The count after this one, and after the last the first; the first if it is none of them."""
    return names[(names.index(name) + 1) % len(names) if name in names else 0]


def plural(name: str) -> str:
    """What is counted, in words: `output tokens`."""
    return _WORDS.get(name, name.replace("_", " "))


def singular(name: str) -> str:
    """One of what is counted, in words: `output token`."""
    words = plural(name)
    for end, one in (("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("ss", "ss")):
        if words.endswith(end):
            return words.removesuffix(end) + one
    return words.removesuffix("s")


def short(name: str) -> str:
    """What is counted, in a table's heading: `tok`."""
    return "inf" if name == INFERENCES else "tok" if is_tokens(name) else plural(name)


def count_text(n: int, name: str) -> str:
    """A number of what is counted: `1 inference`, `4,000 output tokens`."""
    return f"{n:,} {singular(name) if n == 1 else plural(name)}"


def column_of(name: str) -> str:
    """The column of a count."""
    return name if name == INFERENCES else f"{COUNTED}{name}"


def names_of(columns: Iterable[str]) -> list[str]:
    """The names of the counts among these columns, without inferences."""
    return [name.removeprefix(COUNTED) for name in columns if name.startswith(COUNTED)]
