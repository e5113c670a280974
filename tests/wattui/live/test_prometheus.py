"""Metrics for Prometheus, as its own parser reads them."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest

import wattui
from tests.support.pages import CHANNELS, PROGRESS, READINGS, fixed, whole
from wattui.errors import UsageError
from wattui.live import exporting
from wattui.live.exporting import Exports
from wattui.live.names import OTHER, Names
from wattui.live.snapshot import Snapshot

pytestmark = pytest.mark.needs_prometheus

Sample = tuple[str, frozenset[tuple[str, str]]]


def snapshot(**changes: Any) -> Snapshot:
    return Snapshot.of(Path("/run/wattui-1-00000000"), whole(**changes))


class Scraped:
    """One collector, scraped again and again."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry

        from wattui.live.prometheus import RecordingCollector

        self.page: Snapshot | None = None
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(RecordingCollector(lambda: self.page, lambda: 11_500_000_000))

    def text(self, page: Snapshot | None) -> str:
        from prometheus_client import generate_latest

        self.page = page
        return generate_latest(self.registry).decode()

    def samples(self, page: Snapshot | None) -> dict[Sample, float]:
        from prometheus_client.parser import text_string_to_metric_families

        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.text(page))
            for sample in family.samples
        }


def named(samples: dict[Sample, float], name: str, *about: str) -> list[float]:
    """The values of a metric whose labels have all of these values."""
    return [
        value
        for (found, labels), value in samples.items()
        if found == name and {*about} <= {text for _, text in labels}
    ]


def test_every_reading_is_a_metric_in_base_units() -> None:
    found = Scraped().samples(snapshot(readings=READINGS | {"total_J": ("9.8", "3802.223000")}))
    assert named(found, "wattui_energy_joules_total", "package0", "powercap") == [412.1]
    assert named(found, "wattui_energy_joules_total", "gpu0", "nvml", "measured") == [3000.123]
    assert named(found, "wattui_energy_joules_total", "total") == [3802.223]
    assert named(found, "wattui_power_watts", "gpu0") == [311.4]
    assert named(found, "wattui_utilization_ratio", "gpu0_util") == [pytest.approx(0.97)]
    assert named(found, "wattui_inferences_total") == [100]
    assert named(found, "wattui_inference_energy_joules", "b32", "total") == [0.83]
    assert named(found, "wattui_phase_info", "running", "b32") == [1]
    assert named(found, "wattui_repeat") == [2]
    assert named(found, "wattui_row_seconds") == [10.0]
    assert named(found, "wattui_source_up", "psys") == [0]
    assert named(found, "wattui_source_up", "nvml") == [1]
    assert named(found, "wattui_recorder_up") == [1]


DOCS = Path(wattui.__file__).parents[1] / "docs"


def test_the_documents_name_every_metric_and_the_dashboard_only_such() -> None:
    scraped = Scraped()
    channels = CHANNELS | {
        "system": [("gpu0_mem", "MiB", "measured"), ("cpu_temp", "C", "measured")],
        "counters": [("perf_instructions", "count", "measured")],
        "clocks": [("cpu_freq", "MHz", "measured"), ("gpu0_held", "bits", "measured")],
        "servers": [("requests_running", "requests", "measured")],
    }
    gauges = ("gpu0_mem_MiB", "cpu_temp_C", "cpu_freq_MHz", "gpu0_held_bits", "requests_running")
    readings = READINGS | dict.fromkeys((*gauges, "perf_instructions"), ("10.0", "1"))
    counted = {"counts": {"tokens_out": 5}, "progress": PROGRESS | {"counts": {"tokens_out": 5}}}
    sources = fixed(channels)["sources"]
    page = snapshot(sources=sources, readings=readings, flags=[["gap", "gpu0"]], **counted)
    exported = {name for name, _ in scraped.samples(page)}
    table = (DOCS / "live.md").read_text()
    assert set(re.findall(r"`(wattui_\w+)`", table)) == exported
    board = json.loads((DOCS / "grafana.json").read_text())
    queries = " ".join(target["expr"] for panel in board["panels"] for target in panel["targets"])
    assert set(re.findall(r"\bwattui_\w+", queries)) <= exported


def test_tokens_and_requests_are_counters_with_their_energy() -> None:
    progress = PROGRESS | {"energy_j": 200.0, "counts": {"tokens_out": 400}}
    found = Scraped().samples(snapshot(counts={"tokens_out": 500}, progress=progress))
    assert found["wattui_counted_total", frozenset({("of", "tokens_out")})] == 500
    where = frozenset({("of", "tokens_out"), ("label", "b32")})
    assert found["wattui_counted_energy_joules", where] == 0.5


def test_hardware_counters_are_counters() -> None:
    channels = {"counters": [("perf_instructions", "count", "measured")]}
    readings = {"perf_instructions": ("10.0", "123456789012")}
    found = Scraped().samples(snapshot(sources=fixed(channels)["sources"], readings=readings))
    assert named(found, "wattui_hardware_events_total", "perf_instructions") == [123456789012]
    assert named(found, "wattui_channel_up", "perf_instructions") == [1]


def test_a_lost_gpu_has_no_value_and_is_down() -> None:
    found = Scraped().samples(snapshot(lost=["gpu0"], flags=[["lost", "gpu0"]]))
    assert not named(found, "wattui_power_watts", "gpu0")
    assert not named(found, "wattui_energy_joules_total", "gpu0")
    assert named(found, "wattui_channel_up", "gpu0") == [0]
    assert named(found, "wattui_flag", "lost", "gpu0") == [1]
    assert named(found, "wattui_power_watts", "package0") == [21.3]


@pytest.mark.parametrize("page", [None, snapshot(at_ns=1_000_000_000)])
def test_a_recorder_that_does_not_respond_has_no_values(page: Snapshot | None) -> None:
    assert Scraped().samples(page) == {("wattui_recorder_up", frozenset()): 0.0}


def test_labels_are_escaped() -> None:
    label = 'a"b\\c\n\ud800\x1b{x="1"} 0'
    found = Scraped().samples(snapshot(label=label, progress=PROGRESS | {"label": label}))
    labels = next(dict(labels) for name, labels in found if name == "wattui_phase_info")
    assert labels["label"] == 'a"b\\c \\ud800␛{x="1"} 0'
    assert named(found, "wattui_inference_energy_joules", labels["label"]) == [0.83]


def test_endless_labels_become_one() -> None:
    scraped = Scraped()
    seen = set()
    for n in range(300):
        found = scraped.samples(snapshot(label=f"step {n}" + "x" * 500, progress=None))
        labels = next(dict(labels) for name, labels in found if name == "wattui_phase_info")
        assert len(labels["label"]) <= 120
        seen.add(labels["label"])
    assert OTHER in seen
    assert len(seen) == 101


def test_known_names_stay() -> None:
    names = Names(2)
    assert [names.bounded(text) for text in ("a", "b", "c", "a", "")] == ["a", "b", OTHER, "a", ""]


@pytest.fixture
def port() -> Iterator[int]:
    from wattui.live.prometheus import MetricsServer

    listener = exporting._listening("0")
    server = MetricsServer(listener, lambda: snapshot(at_ns=time.monotonic_ns()))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_clients_that_never_ask_keep_nobody_waiting_for_long(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wattui.live import prometheus

    monkeypatch.setattr(prometheus._Handler, "timeout", 0.2)
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
    try:
        end_s, text = time.monotonic() + 20, ""
        while not text and time.monotonic() < end_s:
            connection = HTTPConnection("127.0.0.1", port, timeout=10)
            with contextlib.suppress(OSError, HTTPException), contextlib.closing(connection):
                connection.request("GET", "/metrics")
                text = connection.getresponse().read().decode()
            time.sleep(0.02)
        assert 'wattui_power_watts{channel="gpu0"' in text
    finally:
        for each in idle:
            each.close()


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("x", "must be PORT or HOST:PORT"),
        ("70000", "must be PORT or HOST:PORT"),
        ("localhost:", "must be PORT or HOST:PORT"),
        ("192.0.2.1:0", "fix: use another port"),
    ],
)
def test_a_port_that_cannot_be_used_is_refused(where: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Exports(where, None)


def test_a_port_in_use_is_refused_and_the_chosen_one_is_said() -> None:
    exports = Exports("0", None)
    try:
        (note,) = exports.notes
        address = note.rpartition("//")[2].partition("/")[0]
        assert address.startswith("127.0.0.1:")
        with pytest.raises(UsageError, match=r"in use: fix: use another port, or 0 for any"):
            Exports(address, None)
    finally:
        exports.close()


def test_a_missing_extra_is_said_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "find_spec", lambda module: None)
    with pytest.raises(UsageError, match=r"pip install 'wattui\[prometheus\]'"):
        Exports("0", None)
    with pytest.raises(UsageError, match=r"pip install 'wattui\[otlp\]'"):
        Exports(None, "http://localhost:4318")
