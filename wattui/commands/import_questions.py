"""Asks on a terminal for the columns of a table of no known format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from wattui.analysis.importers.any_table import ENERGIES, POWERS, TIMES_NS
from wattui.analysis.importers.given import NamedTable
from wattui.analysis.importers.guess import Column, Guess, columns_of, guess, preview

Ask = Callable[[str], str]
DATES = "date"


def ask_columns(head: Sequence[str], say: Callable[..., None], ask: Ask) -> NamedTable | None:
    """The columns of a table as a user confirms or names them, after a preview; None if it has no
    columns, or none of power or energy is named. `ask` returns an answer, empty for the guess."""
    table = columns_of(head)
    if len(table) < 2:
        return None
    found = guess(head)
    say("it has no known format; its first rows:", *preview(table))
    say("which columns are to be read? Enter accepts the guess in brackets")
    time = _column(table, "time", [found.time] if found else [], TIMES_NS, ask)
    if not time:
        return None
    powers = _column(table, "power", found.powers if found else (), POWERS, ask)
    energies = _column(table, "energy counted up", found.energies if found else (), ENERGIES, ask)
    if not (powers or energies):
        return None
    return Guess(time[0], tuple(powers), tuple(energies)).table()


def _column(
    table: Mapping[str, Sequence[str]],
    kind: str,
    guessed: Sequence[Column],
    units: Iterable[str],
    ask: Ask,
) -> list[Column]:
    """The columns of a kind, separated by semicolons in an answer; `-` is none."""
    known = "; ".join(column.name for column in guessed)
    while True:
        answer = ask(f"columns of {kind}, - for none [{known or '-'}]: ").strip() or known or "-"
        names = [] if answer == "-" else [name.strip() for name in answer.split(";")]
        if all(name in table for name in names):
            break
    units_of = {column.name: column.unit for column in guessed}
    return [Column(name, _unit(name, kind, units_of.get(name), units, ask)) for name in names]


def _unit(name: str, kind: str, guessed: str | None, units: Iterable[str], ask: Ask) -> str:
    choices = [*units, *([DATES] if kind == "time" else [])]
    shown = DATES if guessed == "" else guessed
    while True:
        prompt = f"unit of {name}, {', '.join(choices)}" + (f" [{shown}]: " if shown else ": ")
        answer = ask(prompt).strip() or shown or ""
        if answer in choices:
            return "" if answer == DATES else answer
