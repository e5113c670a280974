"""`wattui mark`: a phase, a count or a note from inside a recorded command."""

from __future__ import annotations

import argparse

from wattui.commands.parser import Parser, count_name
from wattui.errors import UsageError


def parser() -> argparse.ArgumentParser:
    """The parser of `wattui mark`."""
    made = Parser(
        prog="wattui mark",
        description="Inside a recorded command: end the phase of the last mark and start PHASE. "
        "Each mark ends the last one, whoever made it: shells that run in parallel need "
        "wattui.phase() in Python, or a recording each. "
        "Outside a recording it does nothing. Faster, from a shell: "
        'echo running b32 > "$WATTUI_RUN/mark"',
    )
    made.add_argument(
        "phase",
        nargs="?",
        metavar="PHASE",
        help="idle, armed, warmup, running, cooldown or any other name",
    )
    made.add_argument("--label", default="", metavar="TEXT", help="label of what runs in it")
    made.add_argument("--end", action="store_true", help="end the phase and start none")
    made.add_argument("--count", type=int, metavar="N", help="count N inferences")
    made.add_argument(
        "--of",
        type=count_name,
        metavar="NAME",
        help="count this instead of inferences, as in tokens_out",
    )
    made.add_argument("--note", metavar="TEXT", help="write a note into the recording")
    return made


def main(options: argparse.Namespace) -> int:
    """Send the marks in the options to the recorder. Raises UsageError."""
    from wattui import marks

    if not (options.phase or options.end or options.count is not None or options.note):
        raise UsageError("nothing to mark: give a PHASE, --end, --count N or --note TEXT")
    if options.of is not None and options.count is None:
        raise UsageError(f"--of {options.of} says what --count counts: fix: add --count N")
    if options.count is not None and options.count < 0:
        raise UsageError(f"--count {options.count}: must be 0 or more: a count cannot decrease")
    asked: list[dict[str, object]] = []
    if options.count is not None:
        asked.append(
            {"do": "count", "n": options.count} | ({"of": options.of} if options.of else {})
        )
    if options.note:
        asked.append({"do": "note", "text": options.note})
    if options.end:
        asked.append({"do": "mark", "phase": "", "shell": True})
    if options.phase:
        mark = {"do": "mark", "phase": options.phase, "label": options.label, "shell": True}
        asked.append(mark)
    for message in asked:
        if error := marks.ask(**message):
            raise UsageError(f"{error}: see `wattui mark --help`")
    marks.detach()
    return 0
