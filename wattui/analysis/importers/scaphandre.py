"""Scaphandre's JSON exporter: a report after the other, with mean powers in microwatts.

`{"host":{…},"consumers":[…],"sockets":[{"id":0,"consumption":1.2e7,"domains":[{"name":"dram",…}],
"timestamp":1700000000.1}]}`. Source: github.com/hubblo-org/scaphandre, src/exporters/json.rs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from recorders.channels import named
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.json_values import JsonValues, figure
from wattui.analysis.importers.log import SECOND_NS, Log, Omissions, UnreadableError
from wattui.analysis.importers.samples import Sample, in_blocks
from wattui.analysis.importers.stamps import in_order
from wattui.analysis.importers.table import MOST
from wattui.analysis.importers.text import LogText

NAME = "Scaphandre"
COLUMNS = '{"host": {"consumption": …}, "consumers": […], "sockets": […]}'
RESOLUTION_NS = 1000

_DOMAINS = ("core", "uncore", "dram")
_MICRO = 1e-6
_MOST_S = 4e9
_FIRST = re.compile(r'\s*\[?\s*\{"host": ?\{"consumption": ?')


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by the beginning of a report."""
    return bool(_FIRST.match(first))


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read the sockets of its reports; a sample's line is the report's place. Raises
    UnreadableError."""
    left_out = Omissions()
    reports = JsonValues(text, left_out)
    samples = in_order(in_blocks(_samples(reports, left_out)), left_out)
    if not samples:
        raise UnreadableError("no report has a time and the power of a socket")
    names = dict.fromkeys(name for sample in samples for name in sample.values)
    remarks = (
        "its versions to date report one socket: others are not in this log",
        "not kept: consumers, and the host, which is the platform's power or that of the sockets",
        *left_out.remarks(),
    )
    channels = tuple(named(name, "W") for name in names)
    return Log(NAME, channels, samples, reports.last, remarks, utc=True, means=True)


def _samples(reports: JsonValues, left_out: Omissions) -> Iterator[Sample]:
    for report in reports:
        sockets = report.get("sockets") if isinstance(report, dict) else None
        values: dict[str, float] = {}
        time_s = None
        for socket in sockets if isinstance(sockets, list) else []:
            if isinstance(socket, dict):
                time_s = time_s or figure(socket.get("timestamp"), _MOST_S)
                values |= _powers_w(socket)
        if values and time_s:
            yield Sample(reports.last, round(time_s * SECOND_NS), values)
        else:
            left_out.add("no time or no power of a socket", reports.last)


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
        value = figure(microwatts, MOST["W"] / _MICRO)
        if value is not None:
            found[f"{name}{number}"] = value * _MICRO
    return found
