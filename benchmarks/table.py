"""Figures with their spread and target, and the printer of tables."""

from __future__ import annotations

import math
import os
import shlex
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import fill

from recorders.machine import host_facts

WIDTH = 120


@dataclass(frozen=True)
class Figure:
    """One quantity measured several times; its median is compared with the target.

    `target` is the maximum, or the minimum if `at_least`; None if there is none.
    """

    what: str
    values: Sequence[float]
    unit: str
    target: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the median meets the target."""
        if self.target is None:
            return None
        median = statistics.median(self.values)
        return median >= self.target if self.at_least else median <= self.target


@dataclass(frozen=True)
class Table:
    """A title, headings (figures to the right of the first column), rows of text, and notes."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


def of_figures(title: str, figures: Iterable[Figure], notes: Sequence[str] = ()) -> Table:
    """The table of some figures: minimum, median, maximum, target, met or missed."""
    headings = ("", "min", "median", "max", "n", "target", "")
    return Table(title, headings, [_figure_row(figure) for figure in figures], notes)


def number(value: float) -> str:
    """Four significant digits without an exponent."""
    if value == 0:
        return "0"
    decimals = 3 - math.floor(math.log10(abs(float(f"{value:.4g}"))))
    return f"{value:.{max(0, min(4, decimals))}f}"


def facts(command: Sequence[str]) -> dict[str, str]:
    """Machine, processor, kernel, Python, date, load and command."""
    host = host_facts()
    machine = f"{os.uname().machine}, {host['logical_cpus']} logical processors"
    if host["virtual_machine"]:
        machine += ", virtual machine"
    return {
        "machine": machine,
        "processor": host["processor"] or "unknown",
        "kernel": host["system"],
        "Python": sys.version.split()[0],
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "command": shlex.join(command),
    }


def header(command: Sequence[str]) -> None:
    """Print the facts of `facts`."""
    print("\n".join(f"- {name}: {text}" for name, text in facts(command).items()), flush=True)


def markdown(table: Table) -> str:
    """The title, the table in aligned columns (none without rows) and the notes."""
    parts = [f"## {table.title}"]
    if table.rows:
        lines = [table.headings, *table.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        drawn = ["| " + " | ".join(_padded(line, widths)) + " |" for line in lines]
        rule = "|" + "|".join("-" * (w + 1) + ("-:"[place > 0]) for place, w in enumerate(widths))
        parts.append("\n".join((drawn[0], f"{rule}|", *drawn[1:])))
    if table.notes:
        parts.append("\n".join(fill(note, WIDTH) for note in table.notes))
    return "\n\n".join(parts)


def _padded(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The first cell to the left, the others to the right."""
    cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
    return [line[0].ljust(widths[0]), *cells[1:]]


def show(table: Table) -> None:
    """Print one table."""
    print(f"\n{markdown(table)}", flush=True)


def say(text: str) -> None:
    """Report what is being measured."""
    print(text, file=sys.stderr, flush=True)


def _figure_row(figure: Figure) -> list[str]:
    values = sorted(figure.values)
    spread = [number(value) for value in (values[0], statistics.median(values), values[-1])]
    target = ""
    if figure.target is not None:
        target = f"{'≥' if figure.at_least else '≤'} {figure.target:g} {figure.unit}"
    met = {True: "met", False: "missed", None: ""}[figure.met]
    return [f"{figure.what}, {figure.unit}", *spread, str(len(values)), target, met]
