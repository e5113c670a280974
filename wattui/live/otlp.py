"""Pushes a recording's energies to an OpenTelemetry collector, over HTTP with protobuf.

Names, units and attributes are those of OpenTelemetry's semantic conventions for hardware metrics
(https://opentelemetry.io/docs/specs/semconv/hardware/common/ and …/host/); those that begin with
`wattui.` are ours.
"""

from __future__ import annotations

import logging
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource

from recorders.channels import contains, kind_of
from wattui.live.names import Names
from wattui.live.snapshot import LiveChannel, Snapshot

EVERY_S = 10.0
# A request that takes longer is given up; the next one has newer values.
REQUEST_S = 5.0
# The values of hw.type for the kinds that have one.
TYPES = {
    "package": "cpu",
    "core": "cpu",
    "uncore": "cpu",
    "est_cpu": "cpu",
    "dram": "memory",
    "gpu": "gpu",
    "igpu": "gpu",
    "battery": "battery",
}
# The kinds that can represent the whole host, best first.
HOSTS = ("meter", "board", "psys")

Read = Callable[[], Snapshot | None]
Find = Callable[[Snapshot], Iterable[Observation]]


class TellingExporter(OTLPMetricExporter):
    """Tells why a request failed."""

    def __init__(self, url: str, tell: Callable[[str], None]) -> None:
        super().__init__(endpoint=url, timeout=REQUEST_S)
        self._tell, self._log = tell, _Log()

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        """Send the metrics."""
        self._log.first = ""
        result = super().export(metrics_data, timeout_millis or 10_000, **kwargs)
        if result is not MetricExportResult.SUCCESS:
            self._tell(reason_of(self._log.first))
        return result


class _Log(logging.Handler):
    """Keeps the first thing that the SDK logs about a request, and lets it print nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.first = ""
        sdk = logging.getLogger("opentelemetry")
        sdk.handlers, sdk.propagate = [self], False

    def emit(self, record: logging.LogRecord) -> None:
        self.first = self.first or record.getMessage()


def reason_of(text: str) -> str:
    """Why a request failed, in a few words, from what the SDK logs."""
    if found := re.search(r"\[Errno -?\d+\] ([\w ]+)", text):
        return found[1].lower()
    if found := re.match(r"Transient error (.*?) encountered", text):
        return found[1].lower()
    if found := re.search(r"code: (\d+), reason: (.*)", text):
        return f"status {found[1]} {found[2]}"[:200].strip()
    if not text or "due to timeout" in text:
        return f"no answer within {REQUEST_S:g} s"
    return " ".join(text.split())[:200]


def start(
    url: str, read: Read, tell: Callable[[str], None], every_s: float = EVERY_S
) -> MeterProvider:
    """Push what `read` gives to a collector's metrics endpoint, until `shutdown`.

    `tell` is called with the reason when a request fails.
    """
    reader = PeriodicExportingMetricReader(
        TellingExporter(url, tell),
        export_interval_millis=every_s * 1000,
        export_timeout_millis=REQUEST_S * 1000,
    )
    page = read()
    version = str(page.message["version"] or "") if page else ""
    named = {
        "service.name": "wattui",
        "service.version": version,
        "host.name": socket.gethostname(),
    }
    provider = MeterProvider([reader], Resource.create(named))
    _instruments(provider, read)
    # The first values early: a collector knows increases only from the first value on.
    now = threading.Thread(target=provider.force_flush, args=(REQUEST_S * 1000,), daemon=True)
    now.start()
    return provider


def _instruments(provider: MeterProvider, read: Read) -> None:
    meter = provider.get_meter("wattui")
    labels = Names()

    def observing(find: Find) -> list[Callable[[CallbackOptions], Iterable[Observation]]]:
        def observe(_: CallbackOptions) -> Iterable[Observation]:
            page = read()
            return () if page is None else find(page)

        return [observe]

    def host(unit: str) -> Find:
        return lambda page: _observed(page, unit, is_host=True)

    def parts(unit: str) -> Find:
        return lambda page: _observed(page, unit, is_host=False)

    def counted(page: Snapshot) -> Iterator[Observation]:
        if page.inferences is not None:
            yield Observation(page.inferences)

    def counts(page: Snapshot) -> Iterator[Observation]:
        for name, n in page.counts.items():
            yield Observation(n, {"wattui.of": name})

    def each(page: Snapshot) -> Iterator[Observation]:
        progress = page.progress
        if progress and progress["joules_per_inference"] is not None:
            named = {
                "wattui.label": labels.bounded(progress["label"]),
                "wattui.channel": progress["channel"],
                "wattui.origin": page.origin_of(progress["channel"]),
            }
            yield Observation(progress["joules_per_inference"], named)

    meter.create_observable_counter(
        "hw.energy", observing(parts("J")), "J", "Energy consumed by the component."
    )
    meter.create_observable_gauge(
        "hw.power", observing(parts("W")), "W", "Instantaneous power consumed by the component."
    )
    meter.create_observable_counter(
        "hw.host.energy",
        observing(host("J")),
        "J",
        "Total energy consumed by the entire physical host, in joules.",
    )
    meter.create_observable_gauge(
        "hw.host.power",
        observing(host("W")),
        "W",
        "Instantaneous power consumed by the entire physical host in Watts.",
    )
    meter.create_observable_counter(
        "wattui.inferences", observing(counted), "{inference}", "Inferences counted."
    )
    meter.create_observable_counter(
        "wattui.counted", observing(counts), "1", "Tokens, requests and whatever else is counted."
    )
    meter.create_observable_gauge(
        "wattui.inference.energy", observing(each), "J", "Energy per inference of a label so far."
    )


def _observed(page: Snapshot, unit: str, is_host: bool) -> Iterator[Observation]:
    channels = [
        channel
        for found in page.channels.values()
        for channel in found
        if channel.unit in ("J", "W")
    ]
    host = host_of(channels)
    for channel in channels:
        value = page.current(f"{channel.name}_{unit}")
        if value is not None and (channel is host) == is_host:
            yield Observation(value, attributes(channel, channels))


def host_of(channels: Iterable[LiveChannel]) -> LiveChannel | None:
    """The channel of the whole machine; the conventions keep it out of sums of parts."""
    measured = [channel for channel in channels if channel.origin == "measured"]
    for kind in HOSTS:
        for channel in measured:
            if kind_of(channel.name).name == kind:
                return channel
    return None


def attributes(channel: LiveChannel, channels: Iterable[LiveChannel]) -> Mapping[str, str]:
    """The attributes of a channel: hw.parent is the component that it is part of."""
    kind = kind_of(channel.name)
    found = {
        "hw.id": channel.name,
        "hw.name": channel.name,
        "hw.type": TYPES.get(kind.name, kind.name),
        "wattui.origin": channel.origin,
    }
    number = channel.name.removeprefix(kind.name)
    for other in channels:
        suffix = other.name.removeprefix(kind_of(other.name).name)
        if contains(other.name, channel.name) and suffix in ("", number):
            return found | {"hw.parent": other.name}
    return found
