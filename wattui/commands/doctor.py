"""`wattui doctor`: every source with a live reading, or why it is missing and how to fix it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from recorders.channels import kind_of, unit_of
from recorders.client import Client, Config, RecorderError
from recorders.meters.specs import parse_meter
from recorders.source import columns_of
from recorders.texts import OwnNote
from recorders.wire import Message, readings
from wattui.capture.progress import waiting
from wattui.commands.parser import Parser
from wattui.config import METERS, TOKENS, config_path, load, refusal
from wattui.errors import UsageError, WattuiError
from wattui.show.printing import console, print_json

# Of the report as JSON, whose schema is docs/doctor.schema.json.
VERSION = 1
# The longest wait for readings and update periods, and how often to look for them.
MOST_S, LOOK_S, RATE_HZ = 2.0, 0.05, 50.0
# A part that takes longer to open is reported.
QUICK_S = 1.0

Tell = Callable[[str], None]


def parser() -> argparse.ArgumentParser:
    """The parser of `wattui doctor`."""
    made = Parser(
        prog="wattui doctor",
        description="Show each source with a live reading, or why it is missing and how to fix it.",
    )
    made.add_argument("--json", action="store_true", help="print it as JSON on stdout")
    made.add_argument("--all-gpus", action="store_true", help="also look at hidden GPUs")
    made.add_argument(
        "--meter",
        action="append",
        metavar="NAME=SPEC",
        help="also try this meter, instead of those in the settings",
    )
    made.add_argument(
        "--tokens",
        action="append",
        metavar="URL[#METRIC]",
        help="also look at this server of language models, instead of those in the settings",
    )
    return made


def main(options: argparse.Namespace) -> int:
    """Look at every sensor, then report on stdout. Raises WattuiError."""
    settings = load(config_path())
    meters, servers = options.meter or settings.meters, options.tokens or settings.tokens
    for option, name, given in (("--meter", METERS, meters), ("--tokens", TOKENS, servers)):
        if wrong := refusal(name, given):
            raise UsageError(f"{option}: {wrong}")
    with waiting("looking for sensors") as tell:
        report = examine(options.all_gpus, tell, meters=meters, servers=servers)
    if options.json:
        print_json(report)
    else:
        _print(report)
    return 0


def examine(
    all_gpus: bool,
    tell: Tell = lambda _: None,
    most_s: float = MOST_S,
    meters: Sequence[str] = (),
    servers: Sequence[str] = (),
) -> dict[str, Any]:
    """Sources with their newest readings and update periods, and what is missing.

    It takes no longer than that needs; `tell` hears what it waits for. Raises WattuiError where
    the recorder cannot start.
    """
    latest: dict[str, float] = {}
    columns: list[str] = []

    def take(message: Message) -> None:
        if message["t"] == "row":
            latest.update(readings(columns, message))
        elif message["t"] == "opening":
            tell(f"waiting for {message['name']}")

    try:
        read = [text for text in meters if parse_meter(text).spec]
        config = Config(
            csv=None,
            rate_hz=RATE_HZ,
            all_gpus=all_gpus,
            meters=read,
            tokens=servers,
            publish=False,
        )
        client = Client(config, take)
        ready = client.wait_ready()
        columns += ready["columns"]
        client.request(do="rows", rate_hz=RATE_HZ)
        begun_s = time.monotonic()
        while True:
            known = client.request(do="sensors")
            waits = waits_for(ready["sources"], latest, known["learns_in_s"])
            looked_s = time.monotonic() - begun_s
            if not waits or looked_s > most_s:
                break
            if looked_s > QUICK_S:
                tell(waits)
            client.poll(LOOK_S)
        run = client.finish().run
    except RecorderError as error:
        raise WattuiError(f"the recorder cannot start ({error})") from None
    periods_s = {
        name: period_s
        for name, period_s in known["update_periods_s"].items()
        if name not in known["learns_in_s"]
    }
    refused = {each["source"] for each in run["missing"]}
    sources = [_source(source, latest, periods_s) for source in run["sources"]]
    return {
        "version": VERSION,
        "kind": "doctor",
        # A meter that did not answer is a source, as it may do so later, but does not work now.
        "sources": [each for each in sources if each["name"] not in refused or _has_reading(each)],
        "missing": [*run["missing"], *ready["absent"]],
        "host": run["host"],
        "versions": run["versions"],
        "scheduler": run["scheduler"],
        "lateness_ms": run["sampling"]["lateness_ms"],
        "opening_s": ready["took_s"],
        "config": str(config_path()),
    }


def _has_reading(source: Mapping[str, Any]) -> bool:
    return any(reading["value"] is not None for reading in source["readings"])


def waits_for(
    sources: Sequence[Mapping[str, Any]],
    latest: Mapping[str, float],
    learns_in_s: Mapping[str, float],
) -> str:
    """The readings, else the update periods, that are still to come, in words; empty if none.

    Shares of a command have no reading without one. A counter that may rest need not move, and a
    period that is only learned in the course of a recording is not waited for.
    """
    channels = [channel for source in sources for channel in source["channels"]]
    unread = [
        each["name"]
        for each in channels
        if _column(each) not in latest
        and not (kind_of(each["name"]).may_rest and f"{each['name']}_J" in latest)
        and not kind_of(each["name"]).of_command
    ]
    if unread:
        return f"reading {', '.join(unread)}"
    learning = [name for name, in_s in learns_in_s.items() if not in_s]
    return f"measuring how often {', '.join(learning)} is updated" if learning else ""


def _column(channel: Mapping[str, Any]) -> str:
    return columns_of(channel["name"], channel["unit"])[-1]


def _source(
    source: Mapping[str, Any], latest: Mapping[str, float], periods_s: Mapping[str, float]
) -> dict[str, Any]:
    found = []
    for channel in source["channels"]:
        name, remarks = channel["name"], channel["remarks"]
        is_assumed = OwnNote.ASSUMED_PERIOD in remarks
        found.append(
            {
                "channel": name,
                "value": latest.get(_column(channel)),
                "unit": unit_of(_column(channel)),
                "origin": channel["origin"],
                "update_period_s": None if is_assumed else periods_s.get(name),
                "remarks": [remark for remark in remarks if remark != OwnNote.ASSUMED_PERIOD],
            }
        )
    return {key: source[key] for key in ("name", "reader", "devices")} | {"readings": found}


def _print(report: Mapping[str, Any]) -> None:
    """Print a report; on a terminal, reasons are wrapped, but not fixes, which are to be copied."""
    from rich.text import Text

    from wattui.show.doctor import FIX, INDENT, lines

    out = console()
    for line in lines(report):
        if not out.is_terminal or line.plain.startswith(FIX):
            out.print(line, soft_wrap=True)
        else:
            first, *others = line.wrap(out, out.width - len(INDENT)) or [line]
            out.print(first, *(Text(INDENT) + other for other in others), sep="\n")
