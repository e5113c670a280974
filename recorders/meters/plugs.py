"""Plugs and home servers by profile: Shelly, Tasmota and Home Assistant.

Facts: the API documentation of Shelly (Gen1 counts watt-minutes from its last restart, Gen2 and
later watt-hours), the Tasmota commands `Status 8` (kWh), and the REST API of Home Assistant. A
counter gives the energy if its steps are 10 J or finer; otherwise power is integrated.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from recorders.meters.meter import (
    Access,
    Sample,
    SpecError,
    UnreadableError,
    cut,
    number,
)
from recorders.meters.pointer import Pointer, Pointers
from recorders.meters.web import Answer, WebSpec, parse_address, pointed

MINUTE_J, WH_J, KWH_J = 60.0, 3600.0, 3.6e6
# The resolution of their counters: a whole watt-minute, and three decimals of Wh and kWh.
GEN1_J, GEN2_J, TASMOTA_J = MINUTE_J, WH_J / 1000, KWH_J / 1000
# The parts of a Gen2 device: the method, and the pointers to power and watt-hours.
GEN2 = {
    "switch": ("Switch", "apower", ("aenergy", "total")),
    "pm1": ("PM1", "apower", ("aenergy", "total")),
    "cover": ("Cover", "apower", ("aenergy", "total")),
    "em1": ("EM1", "act_power", None),
    "em": ("EM", "total_act_power", None),
}
# Units of a Home Assistant sensor, in W or J.
POWERS = {"mW": 1e-3, "W": 1.0, "kW": 1e3}
ENERGIES = {"J": 1.0, "kJ": 1e3, "Wh": WH_J, "kWh": KWH_J, "MWh": 1e3 * KWH_J}
# A Home Assistant state that was not reported for so long is stale.
STALE_S = 60.0
# Clocks of two machines that differ by less than this agree; the header has whole seconds.
AGREE_S = 2.0
_PART = re.compile(r"(?:([a-z0-9]+):)?(\d{1,3})")
_SENSOR = re.compile(r"[a-z_]+\.[a-z0-9_]+")


def parse(kind: str, where: str) -> WebSpec:
    """The spec of a profile. Raises SpecError."""
    makers = {
        "shelly1": _shelly1,
        "shelly2": _shelly2,
        "tasmota": _tasmota,
        "homeassistant": _homeassistant,
    }
    return makers[kind](where)


def _shelly1(where: str) -> WebSpec:
    host, number = _host_and_part(where, r"\d{1,2}")
    place = number or "0"

    def extract(document: Any, answer: Answer, access: Access) -> Sequence[Sample]:
        here = Pointer(("meters", place)).found(document)
        if isinstance(here, dict) and here.get("is_valid") is False:
            raise UnreadableError("the plug says that its reading is not valid")
        return [pointed(pointers, document, answer.time_ns)]

    pointers = Pointers(Pointer(("meters", place, "power")))
    return _spec("shelly1", where, host, "/status", pointers, GEN1_J, extract)


def _shelly2(where: str) -> WebSpec:
    host, part = _host_and_part(where, r"(?:[a-z0-9]+:)?\d{1,3}")
    match = _PART.fullmatch(part or "0")
    what = (match[1] if match else None) or "switch"
    if match is None or what not in GEN2:
        raise SpecError(f"a Shelly has no {cut(what)!r}: fix: one of {', '.join(GEN2)}, as in em:0")
    method, power, energy = GEN2[what]
    pointers = Pointers(Pointer((power,)), Pointer(energy, WH_J) if energy else None)
    target = f"/rpc/{method}.GetStatus?id={match[2]}"
    return _spec("shelly2", where, host, target, pointers, GEN2_J if energy else 0.0)


def _tasmota(where: str) -> WebSpec:
    host, channel = _host_and_part(where, r"\d{1,2}")

    def extract(document: Any, answer: Answer, access: Access) -> Sequence[Sample]:
        energy = Pointer(("StatusSNS", "ENERGY")).found(document)
        watts = energy.get("Power") if isinstance(energy, dict) else None
        if not isinstance(watts, list):
            watts = [watts]
        if channel is None and len(watts) > 1:
            raise UnreadableError(f"it has {len(watts)} channels: fix: name one, as in {where}/1")
        place = int(channel or "1") - 1
        if not 0 <= place < len(watts):
            raise UnreadableError(f"it has no channel {channel}")
        return [Sample(answer.time_ns, Pointer((str(place),)).value(watts))]

    pointers = Pointers(Pointer(("StatusSNS", "ENERGY", "Power")))
    target = "/cm?cmnd=Status%208"
    return _spec("tasmota", where, host, target, pointers, TASMOTA_J, extract)


def _homeassistant(where: str) -> WebSpec:
    url, _, sensor = where.rpartition("/")
    if not _SENSOR.fullmatch(sensor):
        raise SpecError(f"{cut(sensor)!r} is not the name of a sensor, such as sensor.plug_power")
    url = url if "://" in url else f"http://{url}:8123"
    address = parse_address(f"{url.rstrip('/')}/api/states/{sensor}")

    def extract(document: Any, answer: Answer, access: Access) -> Sequence[Sample]:
        return [home_assistant_sample(document, answer, access)]

    return WebSpec(address, Pointers(None), f"homeassistant:{address.shown}", extract=extract)


def home_assistant_sample(document: Any, answer: Answer, access: Access) -> Sample:
    """The state of a power sensor, at the time when it was reported. Raises UnreadableError."""
    if not isinstance(document, dict):
        raise UnreadableError("the answer is not the state of a sensor")
    attributes = document.get("attributes")
    unit = attributes.get("unit_of_measurement") if isinstance(attributes, dict) else None
    state = document.get("state")
    if not isinstance(state, str) or state in ("unavailable", "unknown"):
        raise UnreadableError(f"the sensor's state is {cut(str(state))}")
    if unit not in POWERS:
        fix = ": fix: use the power sensor of the same device" if unit in ENERGIES else ""
        raise UnreadableError(f"the sensor's unit is {cut(str(unit))}, not W{fix}")
    stamps = [document.get(name) for name in ("last_reported", "last_updated")]
    stamp = next((text for text in stamps if isinstance(text, str)), "")
    try:
        stamp_s = datetime.fromisoformat(stamp).timestamp()
    except (ValueError, OverflowError, OSError):
        raise UnreadableError(f"the sensor's time {cut(stamp)!r} cannot be read") from None
    old_s = age_s(stamp_s, answer.headers, access.wall_s())
    if old_s > STALE_S:
        raise UnreadableError(f"the sensor was last reported {old_s:.0f} s ago")
    return Sample(answer.time_ns - round(old_s * 1e9), number(state) * POWERS[unit])


def age_s(stamp_s: float, headers: Mapping[str, str], now_s: float) -> float:
    """How long ago a stamp of the host was, by the host's clock where it differs from ours."""
    try:
        host_s = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        host_s = now_s
    by_s = now_s if abs(host_s - now_s) <= AGREE_S else host_s
    return max(0.0, by_s - stamp_s) if math.isfinite(stamp_s) else math.inf


def _host_and_part(where: str, part: str) -> tuple[str, str | None]:
    """A host, and what comes after a slash. Raises SpecError."""
    host, slash, rest = where.removeprefix("http://").rstrip("/").partition("/")
    if slash and not re.fullmatch(part, rest):
        raise SpecError(f"{cut(rest)!r} after the host is not understood")
    return host, rest if slash else None


def _spec(
    kind: str,
    where: str,
    host: str,
    target: str,
    pointers: Pointers,
    step_j: float,
    extract: Any = None,
) -> WebSpec:
    address = parse_address(f"http://{host}{target}")
    return WebSpec(address, pointers, f"{kind}:{where}", step_j, extract)
