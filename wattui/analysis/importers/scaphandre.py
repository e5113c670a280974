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
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import SECOND_NS, Log, Omissions, UnreadableError
from wattui.analysis.importers.samples import Sample, Samples
from wattui.analysis.importers.stamps import in_order
from wattui.analysis.importers.table import MOST
from wattui.analysis.importers.text import LogText

NAME = "Scaphandre"
COLUMNS = '{"host": {"consumption": …}, "consumers": […], "sockets": […]}'

_DOMAINS = ("core", "uncore", "dram")
_MICRO = 1e-6
_MOST_S = 4e9
_LARGEST = 1 << 24
# What is not between two reports, or around all of them.
_NEXT = re.compile(r"[^\s,\[\]]")
_FIRST = re.compile(r'\s*\[?\s*\{"host": ?\{"consumption": ?')


def recognises(first: str) -> bool:
    """Recognise it by the beginning of a report."""
    return bool(_FIRST.match(first))


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read the sockets of its reports; a sample's line is the report's place. Raises
    UnreadableError."""
    left_out = Omissions()
    reports = _Reports(text, left_out)
    samples = Samples(in_order(_samples(reports, left_out), left_out))
    if not samples:
        raise UnreadableError("no report has a time and the power of a socket")
    names = dict.fromkeys(name for sample in samples for name in sample.values)
    remarks = (
        "its versions to date report one socket: others are not in this log",
        "not kept: consumers, and the host, which is the platform's power or that of the sockets",
        *left_out.remarks(),
    )
    channels = tuple(named(name, "W") for name in names)
    return Log(NAME, channels, samples, reports.last, remarks, utc=True)


def _samples(reports: _Reports, left_out: Omissions) -> Iterator[Sample]:
    for report in reports:
        sockets = report.get("sockets") if isinstance(report, dict) else None
        values: dict[str, float] = {}
        time_s = None
        for socket in sockets if isinstance(sockets, list) else []:
            if isinstance(socket, dict):
                time_s = time_s or _figure(socket.get("timestamp"), _MOST_S)
                values |= _powers_w(socket)
        if values and time_s:
            yield Sample(reports.last, round(time_s * SECOND_NS), values)
        else:
            left_out.add("no time or no power of a socket", reports.last)


class _Reports:
    """Values of JSON, in a list or one after the other; one that is cut ends them. `last` is the
    place of the last."""

    def __init__(self, text: LogText, left_out: Omissions) -> None:
        self._pieces = text.pieces()
        self._left_out = left_out
        self._text = ""
        self.last = 0

    def __iter__(self) -> Iterator[Any]:
        decoder = json.JSONDecoder(parse_constant=lambda _: None)
        while found := self._next():
            self.last += 1
            while True:
                try:
                    report, end = decoder.raw_decode(self._text, found.start())
                    break
                except (ValueError, RecursionError):
                    if len(self._text) > _LARGEST or not self._more():
                        self._left_out.add("not whole JSON, and all after it", self.last)
                        return
            self._text = self._text[end:]
            yield report

    def _next(self) -> re.Match[str] | None:
        while not (found := _NEXT.search(self._text)):
            self._text = ""
            if not self._more():
                return None
        return found

    def _more(self) -> bool:
        """Read as much again as there is."""
        wanted, size, pieces = max(len(self._text), 1), 0, []
        while size < wanted and (piece := next(self._pieces, "")):
            pieces.append(piece)
            size += len(piece)
        self._text += "".join(pieces)
        return size > 0


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
