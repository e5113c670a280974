"""The parts of a report, however it is written down. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Heading:
    """A title; level 1 is the report, 2 a run, 3 a part of it."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Key:
    """The figure to quote, and what it was made from."""

    figure: str
    origin: str
    made_from: str
    estimated: bool


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know: its name, what it is about, what it means, and what mends it."""

    name: str
    where: str
    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Notes:
    """A list of notes under a title."""

    title: str
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; the first column names each row, the others are numbers."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Terms and what is known of them; `code` names the terms whose text is typed as it stands."""

    facts: tuple[tuple[str, str], ...]
    code: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn figure as SVG: its file's stem, its title, what it shows, and a text in its place."""

    name: str
    svg: str
    title: str
    caption: str
    instead: str


Block: TypeAlias = Heading | Key | Words | Notes | Table | Facts | Picture
