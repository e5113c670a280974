"""One series of a page of metrics for Prometheus, such as those of DCGM, Kepler, Scaphandre and
node_exporter.

Exactly one series must match: zones overlap, so they are never added up. DCGM repeats the
power of the whole board for each MIG instance and pod, which counts once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from recorders.meters.meter import (
    Access,
    Sample,
    Spec,
    SpecError,
    UnreadableError,
    cut,
    parse_factor,
)
from recorders.meters.plugs import STALE_S, age_s
from recorders.meters.web import Address, Answer, Web, parse_address

# The unit of each known metric, and the factor to W or J: the documentation of the exporters.
KNOWN = {
    "DCGM_FI_DEV_POWER_USAGE": ("W", 1.0),
    "DCGM_FI_DEV_POWER_USAGE_INSTANT": ("W", 1.0),
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": ("J", 1e-3),
    "kepler_node_cpu_joules_total": ("J", 1.0),
    "kepler_node_gpu_joules_total": ("J", 1.0),
    "kepler_platform_watts": ("W", 1.0),
    "scaph_host_energy_microjoules": ("J", 1e-6),
    "scaph_host_rapl_psys_microjoules": ("J", 1e-6),
    "scaph_host_power_microwatts": ("W", 1e-6),
    "scaph_socket_power_microwatts": ("W", 1e-6),
    "node_rapl_package_joules_total": ("J", 1.0),
    "node_rapl_dram_joules_total": ("J", 1.0),
    "node_hwmon_power_average_watt": ("W", 1.0),
    "node_hwmon_energy_joule_total": ("J", 1.0),
}
# Others with a base unit in their name, as Prometheus recommends.
ENDINGS = {"_joules_total": ("J", 1.0), "_watts": ("W", 1.0)}
# The label of a board; all series of DCGM that have the same are one.
BOARD = ("UUID", "uuid")
MOST_SHOWN = 4
_SELECTOR = re.compile(r"(?:([WJ])=)?([A-Za-z_:][\w:]*)\s*(?:\{(.*)\})?\s*(?:\*([^*{}]+))?", re.A)
_LABEL = re.compile(r'\s*([A-Za-z_]\w*)\s*=\s*(?:"([^"\\]*)"|([^"\\,{}\s]+))\s*(?:,|$)', re.A)

Labels = Mapping[str, str]


class Series(NamedTuple):
    """A line of a page: its labels, its value, and its time in seconds since 1970 if it says so."""

    labels: Labels
    value: float
    stamp_s: float | None


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric and the labels that its series must have; its values times `factor` are in `unit`
    (W, or J of a counter)."""

    metric: str
    labels: tuple[tuple[str, str], ...]
    unit: str
    factor: float

    def __str__(self) -> str:
        return self.metric + (_shown(dict(self.labels)) if self.labels else "")


@dataclass(frozen=True, slots=True)
class PrometheusSpec(Spec):
    """A page of metrics, and a series on it."""

    address: Address
    selector: Selector

    @property
    def shown(self) -> str:
        """The page and the series."""
        return f"prometheus:{self.address.shown}#{self.selector}"

    @property
    def counts(self) -> bool:
        """Whether the metric is a counter of energy."""
        return self.selector.unit == "J"

    def open(self, access: Access) -> Page:
        """The page, to be asked for."""
        return Page(self, access)


class Page:
    """Asks for the page each time. A counter that has not moved was not refreshed by its exporter,
    and gives no reading."""

    waits = False

    def __init__(self, spec: PrometheusSpec, access: Access) -> None:
        self._spec, self._access = spec, access
        self._web = Web(access)
        self._last_j: float | None = None

    def read(self) -> Sequence[Sample]:
        """The reading of the series."""
        answer = self._web.get(self._spec.address)
        sample = page_sample(answer, self._spec.selector, self._access)
        if sample.energy_j is not None:
            if sample.energy_j == self._last_j:
                raise UnreadableError(f"{self._spec.selector.metric} has not moved")
            self._last_j = sample.energy_j
        return [sample]

    def close(self) -> None:
        """Each request has its own connection."""


def page_sample(answer: Answer, selector: Selector, access: Access) -> Sample:
    """The sample of a series, at its own stamp if it has one. Raises UnreadableError."""
    value, stamp_s = found(answer.body, selector)
    time_ns = answer.time_ns
    if stamp_s is not None:
        old_s = age_s(stamp_s, answer.headers, access.wall_s())
        if old_s > STALE_S:
            raise UnreadableError(f"{selector.metric} was last updated {old_s:.0f} s ago")
        time_ns -= round(old_s * 1e9)
    if selector.unit == "J":
        return Sample(time_ns, None, value * selector.factor)
    return Sample(time_ns, value * selector.factor)


def found(page: bytes, selector: Selector) -> tuple[float, float | None]:
    """The value of the one series that matches, and its time in seconds since 1970 if it says so.
    Raises UnreadableError."""
    matching = [
        each
        for each in series(page, [selector.metric])[selector.metric]
        if all(each.labels.get(name) == wanted for name, wanted in selector.labels)
    ]
    if not matching:
        raise UnreadableError(f"the page has no {cut(str(selector))}")
    boards = {_identity(selector.metric, labels): labels for labels, _, _ in matching}
    if len(boards) > 1:
        apart = _apart(list(boards.values()))
        raise UnreadableError(f"{selector.metric} has {len(boards)} series: fix: add {apart}")
    if len(matching) > 1 and len({value for _, value, _ in matching}) > 1:
        raise UnreadableError(f"{selector.metric} has several values for one board")
    return matching[0].value, matching[0].stamp_s


def parse(kind: str, where: str) -> PrometheusSpec:
    """The address of a page (the default path is /metrics), and behind `#` a series. Raises
    SpecError."""
    text, mark, selector = where.partition("#")
    address = parse_address(text if "://" in text else f"http://{text}")
    if not mark or not selector.strip():
        raise SpecError("no metric is named")
    if address.target == "/":
        address = Address(address.scheme, address.host, address.port, "/metrics")
    return PrometheusSpec(address, parse_selector(selector.strip()))


def parse_selector(text: str) -> Selector:
    """A series, `[W=|J=]METRIC[{LABEL="VALUE", …}][*FACTOR]`. Raises SpecError."""
    match = _SELECTOR.fullmatch(text)
    if not match:
        raise SpecError(f'{cut(text)!r} is not a series, such as METRIC{{LABEL="VALUE"}}')
    given, metric, labels, factor = match.groups()
    known = KNOWN.get(metric) or next(
        (unit for ending, unit in ENDINGS.items() if metric.endswith(ending)), None
    )
    unit, own_factor = (given, 1.0) if given else known or ("", 1.0)
    if not unit:
        raise SpecError(
            f"the unit of {cut(metric)} is unknown: fix: write #W={cut(metric)}, or #J= for a "
            "counter, and behind it a *FACTOR to watts or joules"
        )
    own_factor *= parse_factor(factor) if factor else 1.0
    return Selector(metric, parse_labels(labels or ""), unit, own_factor)


def parse_labels(text: str) -> tuple[tuple[str, str], ...]:
    """Labels as written between braces. Raises SpecError."""
    labels = []
    place = 0
    while place < len(text.rstrip()):
        match = _LABEL.match(text, place)
        if not match:
            raise SpecError(f'{cut(text)!r} are not labels, such as zone="package"')
        labels.append((match[1], match[2] if match[3] is None else match[3]))
        place = match.end()
    return tuple(labels)


def series(page: bytes, metrics: Collection[str]) -> dict[str, list[Series]]:
    """The series of some metrics on a page, by metric; a metric without any has an empty list.
    Raises UnreadableError."""
    any_of = "|".join(map(re.escape, metrics))
    begins = re.compile(rf"(?:# TYPE )?(?:{any_of})[ \t{{]")
    lines = page.decode(errors="replace").split("\n")
    text = "\n".join(line.strip() for line in lines if begins.match(line))
    found: dict[str, list[Series]] = {metric: [] for metric in metrics}
    try:
        for family in text_string_to_metric_families(text + "\n"):
            for sample in family.samples:
                # The parser gives a counter without the ending _total this ending.
                name = sample.name if sample.name in found else sample.name.removesuffix("_total")
                if name in found:
                    stamp_s = _seconds(sample.timestamp)
                    found[name].append(Series(sample.labels, float(sample.value), stamp_s))
    except (ValueError, KeyError, IndexError, OverflowError):
        shown = cut(", ".join(metrics))
        raise UnreadableError(f"the lines of {shown} cannot be read") from None
    return found


def _seconds(stamp: object) -> float | None:
    return None if stamp is None else float(str(stamp))


def _identity(metric: str, labels: Labels) -> object:
    """A key that all series of the same energy share."""
    if metric.startswith("DCGM_"):
        for name in BOARD:
            if labels.get(name):
                return labels[name]
    return frozenset(labels.items())


def _apart(boards: Sequence[Labels]) -> str:
    """The labels that tell series apart; the shortest if one alone does."""
    names = sorted({name for labels in boards for name in labels})
    differ = [name for name in names if len({labels.get(name) for labels in boards}) > 1]
    alone = [name for name in differ if len({labels.get(name) for labels in boards}) == len(boards)]
    alone.sort(key=lambda name: sum(len(labels.get(name, "")) for labels in boards))
    chosen = alone[:1] or differ
    choices = sorted({_shown({name: labels.get(name, "") for name in chosen}) for labels in boards})
    more = " or …" if len(choices) > MOST_SHOWN else ""
    return " or ".join(choices[:MOST_SHOWN]) + more


def _shown(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{cut(value)}"' for name, value in labels.items()) + "}"
