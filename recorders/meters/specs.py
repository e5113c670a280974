"""Specs of meters, `NAME[@DELAY]=KIND:WHERE`, as typed data. Pure.

The module of a kind has `parse(kind, where) -> Spec`, which raises SpecError. It is imported when a
spec asks for it; if it needs more packages, they are the extra of the same name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from recorders.channels import METER
from recorders.meters.meter import Spec, SpecError, UnreadableError, cut, number
from recorders.summary.by_hand import check_names

MANUAL = "manual"
# The longest delay of a meter's readings, seconds.
MOST_DELAY_S = 5.0
# The module with each kind of meter, and an example.
SCHEMES = {
    "exec": ("programs", "exec:PROGRAM [ARGUMENT ...]"),
    "file": ("files", "file:PATH"),
    "csv": ("files", "csv:FILE#COLUMN"),
    "serial": ("serial_line", "serial:/dev/ttyUSB0[,115200]"),
    "scpi": ("scpi", "scpi:TCPIP::HOST::5025::SOCKET[#MEAS:POW?]"),
    "http": ("web", "http://HOST/PATH#/json/pointer"),
    "https": ("web", "https://HOST/PATH#/json/pointer"),
    "shelly1": ("plugs", "shelly1:HOST[/METER]"),
    "shelly2": ("plugs", "shelly2:HOST[/ID]"),
    "tasmota": ("plugs", "tasmota:HOST"),
    "homeassistant": ("plugs", "homeassistant:URL/sensor.NAME"),
    "redfish": ("redfish", "redfish:HOST[/CHASSIS]"),
    "ipmi": ("ipmi", "ipmi:dcmi"),
    "prometheus": ("prometheus", "prometheus:HOST:PORT#METRIC{LABEL=VALUE}"),
    "mqtt": ("mqtt", "mqtt://HOST/TOPIC#/json/pointer"),
    "mqtts": ("mqtt", "mqtts://HOST/TOPIC#/json/pointer"),
}
# Kinds that can stand alone, and what they then mean.
ALONE = {"ipmi": "ipmi:dcmi"}


class _Kind(Protocol):
    """The module of a kind of meter."""

    def parse(self, kind: str, where: str) -> Spec: ...


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter as configured: its name, and its spec, or None if it is read by hand. Its readings
    show what happened `delay_s` before their time."""

    name: str
    spec: Spec | None = None
    delay_s: float = 0.0

    @property
    def channel(self) -> str:
        """The name of its channel."""
        return f"{METER}{self.name}"


def parse_meter(text: str) -> Meter:
    """A meter from `NAME=SPEC`, `NAME@DELAY=SPEC`, `NAME=manual` or `NAME`. Raises SpecError."""
    given, equals, spec = text.partition("=")
    name, at, delay_text = given.strip().partition("@")
    try:
        check_names([name])
    except ValueError as error:
        raise SpecError(str(error)) from None
    if not equals or spec.strip() == MANUAL:
        return Meter(name)
    try:
        delay_s = _delay_s(delay_text) if at else 0.0
        return Meter(name, parse_spec(spec.strip()), delay_s)
    except SpecError as error:
        raise SpecError(f"meter {name}: {error}") from None


def _delay_s(text: str) -> float:
    try:
        delay_s = number(text)
    except UnreadableError:
        delay_s = -1.0
    if not 0 <= delay_s <= MOST_DELAY_S:
        raise SpecError(f"delay {cut(text)!r} is not 0 to {MOST_DELAY_S:g} seconds")
    return delay_s


def parse_spec(text: str) -> Spec:
    """A spec from its text. Raises SpecError, which names the nearest kind if it is unknown."""
    kind, colon, where = ALONE.get(text, text).partition(":")
    if kind not in SCHEMES:
        import difflib

        near = difflib.get_close_matches(kind.lower(), SCHEMES, 1, 0.5)
        fix = SCHEMES[near[0]][1] if near else f"use one of {', '.join(SCHEMES)}, {MANUAL}"
        raise SpecError(f"unknown kind {cut(kind)!r}: fix: {fix}")
    module, example = SCHEMES[kind]
    if not colon or not where.strip():
        raise SpecError(f"{cut(text)!r} does not say where the meter is: fix: {example}")
    try:
        found = cast("_Kind", import_module(f"recorders.meters.{module}"))
    except ModuleNotFoundError as error:
        fix = f"pip install 'wattui[{module}]'"
        raise SpecError(f"{kind}: {error.name} is not installed: fix: {fix}") from None
    try:
        return found.parse(kind, where.strip())
    except SpecError as error:
        raise SpecError(
            f"{error}: fix: {example}" if "fix: " not in str(error) else error
        ) from None


def parse_meters(texts: Sequence[str]) -> list[Meter]:
    """All meters, each with its own name. Raises SpecError."""
    found = [parse_meter(text) for text in texts]
    try:
        check_names([meter.name for meter in found])
    except ValueError as error:
        raise SpecError(str(error)) from None
    return found
