"""Metrics of a recording for Prometheus, over HTTP; docs/live.md lists them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from recorders.channels import TOTAL
from recorders.counts import INFERENCES
from recorders.source import COUNT, REQUESTS, columns_of
from wattui.live.names import Names
from wattui.live.snapshot import LiveChannel, Snapshot

# A client that is slower than this, or comes while so many are served, is turned away.
CLIENT_S, MOST_CLIENTS = 10.0, 16
MIB = 2.0**20
# Name, description and factor for a gauge of each unit.
GAUGES = {
    "pct": ("wattui_utilization_ratio", "Utilisation; 1 is all of it.", 0.01),
    "MiB": ("wattui_memory_used_bytes", "Memory in use.", MIB),
    "C": ("wattui_temperature_celsius", "Temperature.", 1.0),
    "MHz": ("wattui_clock_hertz", "Clock frequency.", 1e6),
    REQUESTS: ("wattui_server_requests", "Requests of servers: at work, and waiting.", 1.0),
    "bits": ("wattui_clocks_held_back_bits", "What holds the clocks back, added up.", 1.0),
}
ENERGY = ("channel", "source", "origin", "in_total")

Read = Callable[[], Snapshot | None]


class RecordingCollector(Collector):
    """The metrics of one recording; `read` gives its page at the time of each scrape."""

    def __init__(self, read: Read, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._read, self._now_ns = read, now_ns
        self._phases, self._labels = Names(), Names()

    def describe(self) -> Iterable[Metric]:
        """Nothing: the channels are known when a page is read."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All metrics; of a recorder that does not respond, only that."""
        page = self._read()
        is_up = page is not None and not page.is_stale(self._now_ns())
        yield gauge("wattui_recorder_up", "Whether the recorder responds.", float(is_up))
        if page is None or not is_up:
            return
        yield gauge("wattui_row_seconds", "The time_s of the newest row.", page.time_s)
        start_s = int(page.message["start_utc_ns"]) * 1e-9
        yield gauge("wattui_start_time_seconds", "When the recording began.", start_s)
        yield from _energies(page)
        yield from _gauges(page)
        yield from _sources(page)
        yield from self._work(page)

    def _work(self, page: Snapshot) -> Iterator[Metric]:
        """Phase, inferences, joules per inference and flags."""
        phase = GaugeMetricFamily(
            "wattui_phase_info", "The phase and label now.", labels=("phase", "label")
        )
        if page.phase:
            named = self._phases.bounded(page.phase), self._labels.bounded(page.label)
            phase.add_metric(named, 1.0)
        yield phase
        if (repeat := page.message["repeat"]) is not None:
            yield gauge("wattui_repeat", "The number of the repeat.", float(repeat))
        if page.inferences is not None:
            text = "Inferences since the recording began."
            yield CounterMetricFamily("wattui_inferences", text, float(page.inferences))
        if page.counts:
            total = CounterMetricFamily(
                "wattui_counted", "Tokens, requests and whatever else is counted.", labels=("of",)
            )
            for name, n in page.counts.items():
                total.add_metric((name,), float(n))
            yield total
        progress = page.progress
        if progress and progress["joules_per_inference"] is not None:
            each = GaugeMetricFamily(
                "wattui_inference_energy_joules",
                "Total energy per inference of the label that runs or ran last, so far.",
                labels=("label", "channel", "origin", "contents"),
            )
            channel = progress["channel"]
            label, origin = self._labels.bounded(progress["label"]), page.origin_of(channel)
            labels = label, channel, origin, str(page.message["contents"])
            each.add_metric(labels, float(progress["joules_per_inference"]))
            yield each
        others = {name: each_j for name, each_j in page.joules_per.items() if name != INFERENCES}
        if progress and others:
            each = GaugeMetricFamily(
                "wattui_counted_energy_joules",
                "Total energy per unit of a count, of the label that runs or ran last, so far.",
                labels=("of", "label"),
            )
            for name, each_j in others.items():
                each.add_metric((name, self._labels.bounded(progress["label"])), each_j)
            yield each
        flags = GaugeMetricFamily(
            "wattui_flag", "Warnings about the figures so far.", labels=("flag", "about")
        )
        for flag in page.flags:
            flags.add_metric(flag, 1.0)
        yield flags


def gauge(name: str, text: str, value: float) -> Metric:
    """A gauge without labels."""
    return GaugeMetricFamily(name, text, value)


def _all_energies(page: Snapshot) -> Iterator[tuple[str, LiveChannel]]:
    """The energy channels with their sources, and the sum."""
    for source, channels in page.channels.items():
        yield from ((source, channel) for channel in channels if channel.unit in ("J", "W"))
    yield "", LiveChannel(TOTAL, "J", "measured", False)


def _energies(page: Snapshot) -> Iterator[Metric]:
    joules = CounterMetricFamily(
        "wattui_energy_joules", "Energy since the recording began.", labels=ENERGY
    )
    watts = GaugeMetricFamily("wattui_power_watts", "Power.", labels=ENERGY)
    for source, channel in _all_energies(page):
        labels = channel.name, source, channel.origin, str(channel.in_total).lower()
        if (energy_j := page.current(f"{channel.name}_J")) is not None:
            joules.add_metric(labels, energy_j)
        if (power_w := page.current(f"{channel.name}_W")) is not None:
            watts.add_metric(labels, power_w)
    yield joules
    yield watts


def _gauges(page: Snapshot) -> Iterator[Metric]:
    channels = [channel for found in page.channels.values() for channel in found]
    counts = CounterMetricFamily(
        "wattui_hardware_events", "What a hardware counter counted.", labels=("channel",)
    )
    for channel in (channel for channel in channels if channel.unit == COUNT):
        if (count := page.current(channel.name)) is not None:
            counts.add_metric((channel.name,), count)
    if counts.samples:
        yield counts
    for unit, (name, text, factor) in GAUGES.items():
        family = GaugeMetricFamily(name, text, labels=("channel",))
        for channel in (channel for channel in channels if channel.unit == unit):
            if (value := page.current(columns_of(channel.name, unit)[-1])) is not None:
                family.add_metric((channel.name,), value * factor)
        if family.samples:
            yield family


def _sources(page: Snapshot) -> Iterator[Metric]:
    sources = GaugeMetricFamily(
        "wattui_source_up", "Whether a source gives readings.", labels=("source",)
    )
    channels = GaugeMetricFamily(
        "wattui_channel_up", "Whether a channel gives readings.", labels=("source", "channel")
    )
    ups: dict[str, float] = dict.fromkeys(page.message["refused"], 0.0)
    for source, found in page.channels.items():
        for channel in found:
            channels.add_metric((source, channel.name), float(page.is_up(channel)))
        ups[source] = float(any(map(page.is_up, found)))
    for source, is_up in ups.items():
        sources.add_metric((source,), is_up)
    yield sources
    yield channels


class _Handler(WSGIRequestHandler):
    """Logs no requests, and never waits long for a client."""

    timeout = CLIENT_S

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""


class MetricsServer(ThreadingMixIn, WSGIServer):
    """Serves metrics on a socket that is already listening, to a bounded number of clients."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, read: Read) -> None:
        super().__init__(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_name, self.server_port = map(str, listener.getsockname()[:2])  # type: ignore[assignment]
        self.setup_environ()
        self._room = threading.BoundedSemaphore(MOST_CLIENTS)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(RecordingCollector(read))
        self.set_app(make_wsgi_app(registry))

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a client in its own thread, if there is room."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a client."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that left or sent nonsense."""
