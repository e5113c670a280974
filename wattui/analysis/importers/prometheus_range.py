"""Prometheus' answer to `query_range` in JSON: Kepler, node_exporter, DCGM and Scaphandre.

`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":
"kepler_node_cpu_joules_total","zone":"package"},"values":[[1700000000,"12.5"],…]}]}}`. Kepler
before 0.10 has a metric for each domain, of which the modes dynamic and idle are parts; later ones
have zones. Source: prometheus.io, "HTTP API"; github.com/sustainable-computing-io/kepler, docs;
github.com/prometheus/node_exporter, collector/rapl_linux.go; NVIDIA's dcgm-exporter.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from recorders.channels import column_order, named
from wattui.analysis.importers.given import NOTHING_GIVEN, ImportOptions
from wattui.analysis.importers.log import SECOND_NS, Log, Omissions, UnreadableError, printable
from wattui.analysis.importers.samples import Sample, Samples
from wattui.analysis.importers.table import MOST
from wattui.analysis.importers.text import LogText

NAME = "Prometheus range"
COLUMNS = '{"status":"success","data":{"resultType":"matrix","result":[…joules_total…]}}'
RESOLUTION_NS = None

_DOMAINS = {
    "package": "package",
    "core": "core",
    "uncore": "uncore",
    "dram": "dram",
    "psys": "psys",
    "platform": "psys",
    "gpu": "gpu",
}
_MACHINES = ("instance", "node", "node_name", "Hostname", "hostname", "exported_instance")
_FIRST = re.compile(r'\s*\{\s*"status"\s*:\s*"success"|\s*\{\s*"resultType"\s*:\s*"matrix"')
_MOST_S = 4e9


class _Kind(NamedTuple):
    """Metrics by a pattern: the label or group that says the domain, the label of the device, the
    unit, and the factor to it."""

    pattern: str
    domain: str
    device: tuple[str, ...]
    unit: str
    factor: float = 1.0


_KINDS = (
    _Kind(r"kepler_node_cpu_joules_total", "zone", ("path",), "J"),
    _Kind(r"kepler_node_(package|core|uncore|dram|platform)_joules_total", "", ("package",), "J"),
    _Kind(r"kepler_node_(gpu)_joules_total", "", ("index", "gpu"), "J"),
    _Kind(r"node_rapl_(package|core|uncore|dram|psys)_joules_total", "", ("index",), "J"),
    _Kind(r"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "gpu", ("gpu",), "J", 1e-3),
    _Kind(r"DCGM_FI_DEV_POWER_USAGE", "gpu", ("gpu",), "W"),
    _Kind(r"scaph_socket_power_microwatts", "package", ("socket_id",), "W", 1e-6),
)


class _Series(NamedTuple):
    """A channel's name and unit, its part (`mode`) of it, and its figures by the time in
    nanoseconds."""

    channel: str
    unit: str
    part: str | None
    figures: dict[int, float]


def recognises(first: str, second: str = "") -> bool:
    """Recognise it by a success."""
    return bool(_FIRST.match(first + second))


def read(text: LogText, given: ImportOptions = NOTHING_GIVEN) -> Log:
    """Read the series of one machine. A counter that falls was reset. Raises UnreadableError."""
    left_out = Omissions()
    all_series = _result(text)
    _check_machine(all_series)
    found: dict[str, _Series] = {}
    for place, series in enumerate(all_series, 1):
        one = _series(series, place, left_out)
        if one is None:
            continue
        same = found.setdefault(one.channel, one)
        if same.part and one.part and same.part != one.part:
            found[one.channel] = _both(same, one)
        elif same is not one:
            left_out.add(f"another series of {one.channel}", place)
    if not all_series:
        raise UnreadableError("it has no series: fix: check the query and its times")
    if not found:
        others = dict.fromkeys(str(each["metric"].get("__name__") or "") for each in all_series)
        shown = printable(", ".join(filter(None, others)))[:60] or "series without a name"
        raise UnreadableError(
            f"no known series of energy or power in {shown}: fix: "
            "query the counter itself, as kepler_node_cpu_joules_total, not its rate"
        )
    by_time: dict[int, dict[str, float]] = {}
    for one in found.values():
        for time_ns, figure in one.figures.items():
            by_time.setdefault(time_ns, {})[one.channel] = figure
    ordered = sorted(by_time.items())
    samples = Samples(Sample(n, time_ns, each) for n, (time_ns, each) in enumerate(ordered, 1))
    names = sorted(found, key=column_order)
    channels = tuple(named(name, found[name].unit) for name in names)
    remarks = (
        "a counter is known only when Prometheus asked for it: energy before a reset is missing",
        *left_out.remarks(),
    )
    return Log(NAME, channels, samples, len(samples), remarks, utc=True)


def _result(text: LogText) -> list[dict[str, Any]]:
    """The series of an answer. Raises UnreadableError."""
    try:
        answer = json.loads(text.whole(), parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"it is not whole JSON: {printable(str(error))[:60]}") from None
    data = answer.get("data", answer) if isinstance(answer, dict) else {}
    if not isinstance(data, dict) or data.get("resultType") != "matrix":
        raise UnreadableError("it has no series over time: fix: ask for /api/v1/query_range")
    result = data.get("result")
    series = [each for each in result if isinstance(each, dict)] if isinstance(result, list) else []
    return [each for each in series if isinstance(each.get("metric"), dict)]


def _check_machine(all_series: list[dict[str, Any]]) -> None:
    """Raise UnreadableError if there are series of several machines."""
    for label in _MACHINES:
        machines = {str(each["metric"][label]) for each in all_series if label in each["metric"]}
        if len(machines) > 1:
            some = printable(", ".join(sorted(machines)))[:50]
            one = printable(min(machines))[:30]
            raise UnreadableError(
                f"series of several machines ({some}): fix: query one: {{{label}={one!r}}}"
            )


def _series(series: Mapping[str, Any], place: int, left_out: Omissions) -> _Series | None:
    metric = series["metric"]
    name = str(metric.get("__name__", ""))
    if "mmio" in str(metric.get("path", "")):
        left_out.add("the same counter by another way (mmio)", place)
        return None
    for kind in _KINDS:
        if found := re.fullmatch(kind.pattern, name):
            told = found[1] if found.groups() else str(metric.get(kind.domain, kind.domain))
            domain = _DOMAINS.get(kind.domain if kind.domain in _DOMAINS else told)
            if domain is None:
                continue
            channel = domain if domain == "psys" else f"{domain}{_number(metric, kind.device)}"
            figures = dict(_figures(series.get("values"), kind, place, left_out))
            part = metric.get("mode")
            return _Series(channel, kind.unit, part and str(part), figures) if figures else None
    left_out.add("a series of another metric", place, name)
    return None


def _number(metric: Mapping[str, Any], labels: tuple[str, ...]) -> int:
    """The number of a device by the last one in its label; 0 without one."""
    for label in labels:
        if found := re.search(r"(\d{1,4})(?::\d+)?$", str(metric.get(label, ""))):
            return int(found[1])
    return 0


def _figures(
    values: Any, kind: _Kind, place: int, left_out: Omissions
) -> Iterator[tuple[int, float]]:
    for pair in values if isinstance(values, list) else []:
        try:
            time_s, figure = float(pair[0]), float(pair[1]) * kind.factor
        except (TypeError, ValueError, IndexError, KeyError):
            time_s = figure = math.nan
        if 0 <= time_s < _MOST_S and 0 <= figure <= MOST[kind.unit]:
            yield round(time_s * 1e3) * (SECOND_NS // 1000), figure
        else:
            left_out.add("no time or no figure", place)


def _both(one: _Series, other: _Series) -> _Series:
    """Two parts of a channel, as dynamic and idle, where both are known."""
    times = one.figures.keys() & other.figures.keys()
    return one._replace(figures={t: one.figures[t] + other.figures[t] for t in times})
