"""The power of a server's chassis by Redfish, as its management controller (BMC) shows it.

Standards: DSP0266 (Redfish) and its schemas EnvironmentMetrics, PowerSupplyMetrics and, before
2020, Power. The certificate is verified.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from recorders.meters.meter import Access, MeterError, Sample, Spec, SpecError, UnreadableError, cut
from recorders.meters.pointer import Pointer, parse_json
from recorders.meters.web import Address, Web, parse_address

ROOT = "/redfish/v1/Chassis"
# More power supplies than a chassis has.
MOST_SUPPLIES = 32
MOST_NAMED = 6
LINK = "@odata.id"
_CHASSIS = re.compile(r"[\w.~:-]+", re.A)


@dataclass(frozen=True, slots=True)
class RedfishSpec(Spec):
    """A BMC, and the chassis behind it (empty: the only one)."""

    address: Address
    chassis: str = ""
    # BMCs refresh their readings every 1 to 60 s, and are slow to answer.
    period_s: float = 2.0

    @property
    def shown(self) -> str:
        """The host and the chassis."""
        port = "" if self.address.port == 443 else f":{self.address.port}"
        chassis = f"/{self.chassis}" if self.chassis else ""
        return f"redfish:{self.address.host}{port}{chassis}"

    def open(self, access: Access) -> Chassis:
        """The chassis, to be found when it is read."""
        return Chassis(self, access)


class Part(NamedTuple):
    """A resource of the BMC, and how its power is taken from it."""

    path: str
    power_w: Callable[[Any], float]


class Chassis:
    """Finds the resources with the chassis's power once, then asks for them each time."""

    waits = False

    def __init__(self, spec: RedfishSpec, access: Access) -> None:
        self._spec, self._clock = spec, access.clock
        self._web = Web(access)
        self._parts: Sequence[Part] = ()

    def read(self) -> Sequence[Sample]:
        """The power now. Its parts are those of one chassis that do not overlap."""
        parts = self._parts or self._found()
        begun_ns = self._clock()
        power_w = self._sum_w(parts)
        self._parts = parts
        return [Sample((begun_ns + self._clock()) // 2, power_w)]

    def close(self) -> None:
        """Each request has its own connection."""

    def _sum_w(self, parts: Sequence[Part]) -> float:
        power_w = sum(part.power_w(self._get(part.path)) for part in parts)
        if power_w == 0:
            raise UnreadableError("the BMC shows 0 W, which means that it does not measure power")
        return power_w

    def _found(self) -> Sequence[Part]:
        """The first resources that show a power. Raises MeterError."""
        chassis = self._get(self._chassis_path())
        reasons = []
        for way in (self._environment, self._supplies, self._legacy):
            try:
                parts = way(chassis)
                self._sum_w(parts)
            except (MeterError, UnreadableError) as error:
                reasons.append(str(error))
            else:
                return parts
        raise MeterError(f"{self._spec.shown} shows no power: {'; '.join(reasons)}")

    def _chassis_path(self) -> str:
        if self._spec.chassis:
            return f"{ROOT}/{self._spec.chassis}"
        paths = _members(self._get(ROOT))
        if len(paths) != 1:
            names = ", ".join(path.rstrip("/").rpartition("/")[2] for path in paths[:MOST_NAMED])
            more = ", …" if len(paths) > MOST_NAMED else ""
            raise MeterError(
                f"it has {len(paths)} chassis: fix: name one, as in "
                f"{self._spec.shown}/NAME, of {cut(names)}{more}"
                if paths
                else f"{self._spec.shown} has no chassis"
            )
        return paths[0]

    def _environment(self, chassis: Any) -> Sequence[Part]:
        return [
            Part(_link(chassis, "EnvironmentMetrics"), Pointer(("PowerWatts", "Reading")).value)
        ]

    def _supplies(self, chassis: Any) -> Sequence[Part]:
        subsystem = self._get(_link(chassis, "PowerSubsystem"))
        paths = _members(self._get(_link(subsystem, "PowerSupplies")))
        if not 0 < len(paths) <= MOST_SUPPLIES:
            raise UnreadableError(f"it has {len(paths)} power supplies")
        supplies = [self._get(path) for path in paths]
        present = [supply for supply in supplies if not _is_absent(supply)]
        input_w = Pointer(("InputPowerWatts", "Reading")).value
        return [Part(_link(supply, "Metrics"), input_w) for supply in present]

    def _legacy(self, chassis: Any) -> Sequence[Part]:
        return [Part(_link(chassis, "Power"), control_w)]

    def _get(self, path: str) -> Any:
        here = self._spec.address
        if not path.startswith("/redfish/") or not path.isascii() or not path.isprintable():
            raise UnreadableError(f"it refers to {cut(path)!r}, which is not Redfish")
        target = Address(here.scheme, here.host, here.port, path.replace(" ", "%20"))
        return parse_json(self._web.get(target).body)


def control_w(document: Any) -> float:
    """The power of a chassis in a resource of the schema Power. Further controls (of the CPUs, the
    memory) are parts of the first one. Raises UnreadableError."""
    controls = Pointer(("PowerControl",)).found(document)
    if not isinstance(controls, list) or not controls:
        raise UnreadableError("it has no power control")
    consumed = Pointer(("PowerConsumedWatts",))
    first_w = consumed.value(controls[0])
    for other in controls[1:]:
        if isinstance(other, dict) and other.get("PowerConsumedWatts") is not None:
            other_w = consumed.value(other)
            if not other_w <= first_w:
                raise UnreadableError(f"it has {len(controls)} power controls, which may overlap")
    return first_w


def parse(kind: str, where: str) -> RedfishSpec:
    """A host, and a chassis after a slash. Raises SpecError."""
    host, slash, chassis = where.removeprefix("https://").rstrip("/").partition("/")
    if "://" in where.removeprefix("https://"):
        raise SpecError(f"{kind} is read by https only")
    address = parse_address(f"https://{host}{ROOT}")
    if slash and not _CHASSIS.fullmatch(chassis):
        raise SpecError(f"{cut(chassis)!r} is not the name of a chassis")
    return RedfishSpec(address, chassis)


def _link(document: Any, name: str) -> str:
    """The path of a resource that another one refers to. Raises UnreadableError."""
    found = Pointer((name, LINK)).found(document)
    if not isinstance(found, str):
        raise UnreadableError(f"the answer has no {name}")
    return found


def _members(document: Any) -> list[str]:
    """The paths of the members of a collection. Raises UnreadableError."""
    members = Pointer(("Members",)).found(document)
    if not isinstance(members, list):
        raise UnreadableError("the answer is not a collection")
    return [str(Pointer((LINK,)).found(member)) for member in members]


def _is_absent(supply: Any) -> bool:
    status = supply.get("Status") if isinstance(supply, dict) else None
    return isinstance(status, dict) and status.get("State") == "Absent"
