"""Runs every part, within eight minutes, and rewrites docs/measured-gpu.md after each one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.gpu.device import Device, UnusableError
from benchmarks.gpu.part import PARTS, ROOT, Part, run
from benchmarks.table import Table, facts, markdown, say

DOCUMENT = ROOT / "docs/measured-gpu.md"
COMMAND = ("python", "-m", "benchmarks", "gpu")


def tables(quick: bool) -> list[Table]:
    """The tables of all parts, which are also written; only a reason where there is no GPU."""
    try:
        device = Device().facts()
    except UnusableError as error:
        return [Table("A real GPU", ("",), (), (f"Skipped: {error}.",))]
    return write(DOCUMENT, device, PARTS)


def write(
    path: Path, device: dict[str, str], parts: Sequence[Part], run: Callable[[Part], Table] = run
) -> list[Table]:
    """Run parts one after another, and write the document."""
    made: list[Table] = []
    for number, part in enumerate(parts, 1):
        say(f"gpu: {number} of {len(parts)}: {part.title}, at most {part.budget_s:g} s")
        begun_s = time.monotonic()
        made.append(run(part))
        say(f"gpu: {number} of {len(parts)}: took {time.monotonic() - begun_s:.0f} s")
        path.write_text(document({**facts(COMMAND), **device}, made))
    return made


def document(about: dict[str, str], made: Sequence[Table]) -> str:
    """The page: what it was measured on, and the tables."""
    head = "\n".join(f"- {name}: {text}" for name, text in about.items())
    return "\n\n".join(("# Measured on a GPU", head, *map(markdown, made))) + "\n"
