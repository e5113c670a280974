"""Scaphandre's JSON exporter: a report after the other, with mean powers in microwatts.

`{"host":{…},"consumers":[…],"sockets":[{"id":0,"consumption":1.2e7,"domains":[{"name":"dram",…}],
"timestamp":1700000000.1}]}`. Source: github.com/hubblo-org/scaphandre, src/exporters/json.rs.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from recorders.channels import named
from wattui.analysis.importers.log import SECOND_NS, Log, Omissions, Sample, UnreadableError
from wattui.analysis.importers.stamps import in_order
from wattui.analysis.importers.table import MOST

NAME = "Scaphandre"
COLUMNS = '{"host": {"consumption": …}, "consumers": […], "sockets": […]}'

_DOMAINS = ("core", "uncore", "dram")
_MICRO = 1e-6
_MOST_S = 4e9
# What is not between two reports, or around all of them.
_NEXT = re.compile(r"[^\s,\[\]]")
_FIRST = re.compile(r'\s*\[?\s*\{"host": ?\{"consumption": ?')


def recognises(first: str) -> bool:
    """Recognise it by the beginning of a report."""
    return bool(_FIRST.match(first))


def read(text: str) -> Log:
    """Read the sockets of its reports; a sample's line is the report's place. Raises
    UnreadableError."""
    left_out = Omissions()
    samples = []
    place = 0
    for place, report in enumerate(_reports(text, left_out), 1):
        sockets = report.get("sockets") if isinstance(report, dict) else None
        values: dict[str, float] = {}
        time_s = None
        for socket in sockets if isinstance(sockets, list) else []:
            if isinstance(socket, dict):
                time_s = time_s or _figure(socket.get("timestamp"), _MOST_S)
                values |= _powers_w(socket)
        if values and time_s:
            samples.append(Sample(place, round(time_s * SECOND_NS), values))
        else:
            left_out.add("no time or no power of a socket", place)
    if not samples:
        raise UnreadableError("no report has a time and the power of a socket")
    names = dict.fromkeys(name for sample in samples for name in sample.values)
    remarks = (
        "its versions to date report one socket: others are not in this log",
        "not kept: consumers, and the host, which is the platform's power or that of the sockets",
        *left_out.remarks(),
    )
    channels = tuple(named(name, "W") for name in names)
    ordered = tuple(in_order(samples, left_out))
    return Log(NAME, channels, ordered, place, remarks, utc=True)


def _reports(text: str, left_out: Omissions) -> Iterator[Any]:
    """Values of JSON, in a list or one after the other; one that is cut ends them."""
    decoder = json.JSONDecoder(parse_constant=lambda _: None)
    at = place = 0
    while found := _NEXT.search(text, at):
        at = found.start()
        place += 1
        try:
            report, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            left_out.add("not whole JSON, and all after it", place)
            return
        yield report


def _powers_w(socket: dict[str, Any]) -> dict[str, float]:
    """The powers of a socket and its domains; none without a number of the socket."""
    number = socket.get("id")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1000:
        return {}
    domains = socket.get("domains")
    parts = [("package", socket.get("consumption"))] + [
        (str(part.get("name")), part.get("consumption"))
        for part in (domains if isinstance(domains, list) else [])
        if isinstance(part, dict) and part.get("name") in _DOMAINS
    ]
    found = {}
    for name, microwatts in parts:
        value = _figure(microwatts, MOST["W"] / _MICRO)
        if value is not None:
            found[f"{name}{number}"] = value * _MICRO
    return found


def _figure(value: object, most: float) -> float | None:
    """A number from 0 up to `most`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= most and math.isfinite(value) else None
