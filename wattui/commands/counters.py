"""`wattui --counters list`: the hardware counters of this machine."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from recorders.sources.counter_names import CounterNames
from recorders.sources.counters import open_counters
from wattui.show.printing import console
from wattui.show.stacking import Fitting, plain_table

ROOT = Path("/")


def main() -> int:
    """Try each counter, and print what it counts; returns the exit status."""
    table = plain_table("counter", "counts", "of", left=(0, 1, 2))
    refused: dict[tuple[str, str], list[str]] = {}
    for event in CounterNames(ROOT).here():
        sources, refusals = open_counters([event.name], has_command=True, root=ROOT)
        for source in sources:
            of = str(source.facts()["counted"])
            table.add_row(event.name, Text(f"{event.about} ({event.source})"), of)
            source.close()
        for each in refusals:
            refused.setdefault((each.reason, each.remedy), []).append(event.name)
    out = console()
    if table.row_count:
        out.print(Fitting(table))
    for (reason, remedy), names in refused.items():
        fix = f"\n  fix: {remedy}" if remedy else ""
        out.print(Text(f"– {', '.join(names)}: {reason}{fix}"))
    return 0
