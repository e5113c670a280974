"""`wattui doctor`: every source with a live reading, or why it is missing and how to fix it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from recorders.channels import kind_of
from recorders.client import Client, Config, RecorderError
from recorders.held_back import HeldBack, text_of
from recorders.wire import Message, readings
from wattui.capture.progress import waiting
from wattui.clean import texts
from wattui.commands.parser import Parser
from wattui.config import config_path
from wattui.errors import WattuiError
from wattui.show.printing import console, print_json

LOOK_S = 2.0
RATE_HZ = 50.0


def parser() -> argparse.ArgumentParser:
    """The parser of `wattui doctor`."""
    made = Parser(
        prog="wattui doctor",
        description="Show each source with a live reading, or why it is missing and how to fix it.",
    )
    made.add_argument("--json", action="store_true", help="print it as JSON on stdout")
    made.add_argument("--all-gpus", action="store_true", help="also look at hidden GPUs")
    return made


def main(options: argparse.Namespace) -> int:
    """Look for two seconds, then report on stdout. Raises WattuiError."""
    with waiting(f"reading the sensors for {LOOK_S:g} s"):
        report = examine(options.all_gpus)
    if options.json:
        print_json(report)
    else:
        _print(report)
    return 0


def examine(all_gpus: bool, look_s: float = LOOK_S) -> dict[str, Any]:
    """Sources with their newest readings and update periods, and what is missing.

    Raises WattuiError where the recorder cannot start.
    """
    latest: dict[str, float] = {}
    columns: list[str] = []

    def keep(message: Message) -> None:
        if message["t"] == "row":
            latest.update(readings(columns, message))

    try:
        client = Client(_config(all_gpus), keep)
        columns += client.wait_ready()["columns"]
        client.request(do="rows", rate_hz=RATE_HZ)
        end = time.monotonic() + look_s
        while (left_s := end - time.monotonic()) > 0:
            client.poll(left_s)
        run = client.finish().run
    except RecorderError as error:
        raise WattuiError(f"the recorder cannot start ({error})") from None
    return {
        "sources": [_source(source, latest, run["update_periods_s"]) for source in run["sources"]],
        "missing": run["missing"],
        "host": run["host"],
        "versions": run["versions"],
        "scheduler": run["scheduler"],
        "lateness_ms": run["sampling"]["lateness_ms"],
        "config": str(config_path()),
    }


def _config(all_gpus: bool) -> Config:
    return Config(csv=None, rate_hz=RATE_HZ, all_gpus=all_gpus, publish=False)


def _source(
    source: dict[str, Any], latest: dict[str, float], periods_s: dict[str, float]
) -> dict[str, Any]:
    readings = []
    for channel in source["channels"]:
        name = channel["name"]
        energy = channel["unit"] in ("J", "W")
        column = f"{name}_W" if energy else f"{name}_{channel['unit']}"
        readings.append(
            {
                "channel": name,
                "value": latest.get(column),
                "unit": "W" if energy else channel["unit"],
                "origin": channel["origin"],
                "update_period_s": periods_s.get(name),
                "remarks": channel["remarks"],
            }
        )
    return {key: source[key] for key in ("name", "reader", "devices")} | {"readings": readings}


def lines(report: Mapping[str, Any]) -> Iterator[Text]:
    """A report as lines for a person."""
    report = texts(report)
    host, late = report["host"], report["lateness_ms"]
    machine = Text(host["processor"] or host["system"], "bold")
    yield machine.append("  ").append(host["system"], "dim")
    yield from _source_lines(report["sources"])
    for refusal in report["missing"]:
        yield Text.assemble(
            ("\n✗", "bold red"), " ", (refusal["source"], "bold"), f"  {refusal['reason']}"
        )
        if refusal["remedy"]:
            yield Text("  fix:", "dim")
            yield Text(f"  {refusal['remedy']}")
    late_text = f", p99 {late['p99_ms']:.2f} ms late" if late else ""
    yield Text(f"\nrecorder   {report['scheduler']} scheduling{late_text}", "dim")
    yield Text(f"settings   {report['config']}", "dim")


def _print(report: Mapping[str, Any]) -> None:
    out = console()
    for line in lines(report):
        out.print(line, soft_wrap=True)


def _source_lines(sources: list[dict[str, Any]]) -> Iterator[Text]:
    for source in sources:
        made_up = any(reading["origin"] == "estimated" for reading in source["readings"])
        sign = ("\n~", "bold yellow") if made_up else ("\n✓", "bold green")
        read_by = (f"read by {source['reader']}", "dim")
        yield Text.assemble(sign, " ", (source["name"], "bold"), "  ", read_by)
        for reading in source["readings"]:
            yield _reading_line(reading)
        for name, fact in source["devices"].items():
            if name == "basis":
                yield Text(f"  {fact}", "dim")
            elif isinstance(fact, dict) and "uuid" in fact:
                yield Text(f"  {name}: {fact['name']}, {fact['uuid']}, {fact['reading']}", "dim")


def _reading_line(reading: dict[str, Any]) -> Text:
    line = Text(f"  {reading['channel']:<14}{_shown(reading)}")
    if period_s := reading["update_period_s"]:
        line.append(f"  updated every {1000 * period_s:.3g} ms", "dim")
    notes = [*reading["remarks"], *([reading["origin"]] if reading["origin"] != "measured" else [])]
    return line.append(f"  {', '.join(notes)}", "yellow") if notes else line


def _shown(reading: dict[str, Any]) -> str:
    value, channel = reading["value"], reading["channel"]
    if value is None:
        return "only while a command runs" if channel == "command_cpu" else "no reading yet"
    if kind_of(channel).quantity == "reasons":
        return f"clocks held back {text_of(HeldBack(int(value)))}"
    return f"{value:8.1f} {'%' if reading['unit'] == 'pct' else reading['unit']}"
