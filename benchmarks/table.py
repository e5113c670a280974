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

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

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


def header(command: Sequence[str]) -> None:
    """Print machine, processor, kernel, Python, date and command."""
    facts = host_facts()
    machine = f"{os.uname().machine}, {facts['logical_cpus']} logical processors"
    if facts["virtual_machine"]:
        machine += ", virtual machine"
    lines = {
        "machine": machine,
        "processor": facts["processor"] or "unknown",
        "kernel": facts["system"],
        "Python": sys.version.split()[0],
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "command": shlex.join(command),
    }
    for name, text in lines.items():
        print(f"- {name}: {text}")
    sys.stdout.flush()


def show(table: Table) -> None:
    """Print one table."""
    rich = RichTable(box=box.MARKDOWN)
    for place, heading in enumerate(table.headings):
        rich.add_column(heading, justify="right" if place else "left", overflow="fold")
    for row in table.rows:
        rich.add_row(*row)
    console = Console(width=WIDTH, highlight=False, markup=False)
    console.print(f"\n## {table.title}")
    console.print(rich)
    for note in table.notes:
        console.print(note)
    sys.stdout.flush()


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
