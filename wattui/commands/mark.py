"""`wattui mark`: a phase, a count or a note from inside a recorded command."""

from __future__ import annotations

import argparse

from wattui.commands.parser import Parser
from wattui.errors import UsageError


def parser() -> argparse.ArgumentParser:
    """The parser of `wattui mark`."""
    made = Parser(
        prog="wattui mark",
        description="From inside a recorded command: end the phase of the last mark and begin "
        "PHASE. Outside a recording it does nothing. From a shell, quicker: "
        'echo running b32 > "$WATTUI_RUN/mark"',
    )
    made.add_argument(
        "phase",
        nargs="?",
        metavar="PHASE",
        help="idle, armed, warmup, running, cooldown or a name of your own",
    )
    made.add_argument("--label", default="", metavar="TEXT", help="what runs in it")
    made.add_argument("--end", action="store_true", help="end the phase, begin none")
    made.add_argument("--count", type=int, default=0, metavar="N", help="count N inferences")
    made.add_argument("--note", metavar="TEXT", help="write a note into the recording")
    return made


def main(options: argparse.Namespace) -> int:
    """Ask the recorder for what the options say. Raises UsageError."""
    from wattui import marks

    if not (options.phase or options.end or options.count or options.note):
        raise UsageError("nothing to mark: give a PHASE, --end, --count N or --note TEXT")
    if options.count < 0:
        raise UsageError(f"--count {options.count}: a count cannot fall: give 1 or more")
    asked: list[dict[str, object]] = []
    if options.count:
        asked.append({"do": "count", "n": options.count})
    if options.note:
        asked.append({"do": "note", "text": options.note})
    if options.end:
        asked.append({"do": "mark", "phase": ""})
    if options.phase:
        asked.append({"do": "mark", "phase": options.phase, "label": options.label})
    for message in asked:
        if error := marks.ask(**message):
            raise UsageError(f"{error}: see `wattui mark --help`")
    marks.detach()
    return 0
