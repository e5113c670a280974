"""The parts of a report in any format. Pure data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from wattui.analysis.results_file import Note


@dataclass(frozen=True, slots=True)
class Heading:
    """A title; level 1 is the report, 2 a run, 3 a part of it."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Headline:
    """The headline figure, and what it was made from."""

    figure: str
    origin: str
    made_from: str
    estimated: bool


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Notes:
    """A list of notes under a title."""

    title: str
    notes: tuple[Note, ...]

    @classmethod
    def of_texts(cls, title: str, texts: Iterable[str]) -> Notes:
        """Notes that are only texts."""
        return cls(title, tuple(Note("", "", text, "") for text in texts))


@dataclass(frozen=True, slots=True)
class PageTable:
    """Rows under a heading; the first column names each row, the others are numbers."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Terms with their values; `code` names the terms whose text is shown verbatim."""

    facts: tuple[tuple[str, str], ...]
    code: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure: file stem, what draws it as SVG at a width in mm, title, caption, and alternative
    text; `one_column`: it is never wider than that."""

    name: str
    svg: Callable[[float], str]
    title: str
    caption: str
    instead: str
    one_column: bool = False


Block: TypeAlias = Heading | Headline | Words | Notes | PageTable | Facts | Picture
