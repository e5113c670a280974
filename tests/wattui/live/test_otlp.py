"""Energies for an OpenTelemetry collector, read by a stub from the protobuf that it gets."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.pages import READINGS, fixed, whole
from wattui.errors import UsageError
from wattui.live.exporting import Exports
from wattui.live.snapshot import LiveChannel, Snapshot

pytestmark = pytest.mark.needs_otlp

Points = dict[str, dict[str, float]]


def snapshot(**changes: Any) -> Snapshot:
    return Snapshot.of(Path("/run/wattui-1-00000000"), whole(**changes))


class Collector:
    """A stub that answers with a status, after some time, and keeps what it was sent."""

    def __init__(self, status: int = 200, after_s: float = 0.0) -> None:
        self.requests: list[Any] = []
        collector, closing = self, threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2

                assert self.path == "/v1/metrics"
                assert self.headers["Content-Type"] == "application/x-protobuf"
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = metrics_service_pb2.ExportMetricsServiceRequest.FromString(body)
                collector.requests.append(request)
                closing.wait(after_s)
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._closing = closing
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def metrics(self) -> dict[str, Any]:
        """The metrics of the last request, by name."""
        (resource,) = self.requests[-1].resource_metrics
        (scope,) = resource.scope_metrics
        return {metric.name: metric for metric in scope.metrics}

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def collectors() -> Iterator[Callable[..., Collector]]:
    made: list[Collector] = []

    def make(*arguments: Any) -> Collector:
        made.append(Collector(*arguments))
        return made[-1]

    yield make
    for each in made:
        each.close()


def push(url: str, page: Snapshot) -> list[str]:
    """Push one page to the end; returns what is said."""
    from wattui.live import otlp

    said: list[str] = []
    provider = otlp.start(f"{url}/v1/metrics", lambda: page, said.append, 3600.0)
    provider.shutdown(timeout_millis=20_000)
    return said


def points(metric: Any) -> Points:
    """Value and attributes by hw.id."""
    data = metric.sum if metric.WhichOneof("data") == "sum" else metric.gauge
    found = {}
    for point in data.data_points:
        texts = {each.key: each.value.string_value for each in point.attributes}
        value = point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
        found[texts.get("hw.id", "")] = {"value": value, **texts}
    return found


def test_energies_and_powers_have_the_names_of_the_conventions(
    collectors: Callable[..., Collector],
) -> None:
    collector = collectors()
    channels = {
        "powercap": [(name, "J", "measured") for name in ("package0", "core0", "dram0", "psys")],
        "nvml": [("gpu0", "J", "measured")],
    }
    readings = READINGS | {
        f"{name}_J": ("10.0", text)
        for name, text in (("core0", "300.5"), ("dram0", "55.0"), ("psys", "700.25"))
    }
    assert (
        push(collector.url, snapshot(sources=fixed(channels)["sources"], readings=readings)) == []
    )
    metrics = collector.metrics()
    energy = metrics["hw.energy"]
    assert (energy.unit, energy.sum.is_monotonic, energy.sum.aggregation_temporality) == ("J", 1, 2)
    found = points(energy)
    assert {name: point["value"] for name, point in found.items()} == {
        "package0": 412.1,
        "core0": 300.5,
        "dram0": 55.0,
        "gpu0": 3000.123,
    }
    assert {name: point["hw.type"] for name, point in found.items()} == {
        "package0": "cpu",
        "core0": "cpu",
        "dram0": "memory",
        "gpu0": "gpu",
    }
    assert found["core0"]["hw.parent"] == "package0"
    assert found["package0"]["wattui.origin"] == "measured"
    assert points(metrics["hw.host.energy"])["psys"]["value"] == 700.25
    assert metrics["hw.power"].WhichOneof("data") == "gauge"
    assert metrics["hw.power"].unit == "W"
    assert points(metrics["hw.power"])["gpu0"]["value"] == 311.4
    assert points(metrics["wattui.inferences"])[""]["value"] == 100
    assert points(metrics["wattui.inference.energy"])[""]["value"] == 0.83
    resource = collector.requests[-1].resource_metrics[0].resource
    named = {each.key: each.value.string_value for each in resource.attributes}
    assert named["service.name"] == "wattui"
    assert named["host.name"]


def test_a_lost_gpu_is_not_pushed(collectors: Callable[..., Collector]) -> None:
    collector = collectors()
    push(collector.url, snapshot(lost=["gpu0"]))
    assert set(points(collector.metrics()["hw.energy"])) == {"package0", "package1"}


@pytest.mark.parametrize(
    ("names", "host"),
    [
        (("package0", "dram0", "gpu0"), None),
        (("package0", "psys"), "psys"),
        (("board", "rail_cpu", "meter_wall", "psys"), "meter_wall"),
        (("board", "rail_cpu"), "board"),
    ],
)
def test_the_whole_host_is_a_meter_or_what_contains_most(
    names: tuple[str, ...], host: str | None
) -> None:
    from wattui.live.otlp import host_of

    channels = [LiveChannel(name, "J", "measured", False) for name in names]
    found = host_of([LiveChannel("sim_cpu", "J", "simulated", False), *channels])
    assert (found and found.name) == host


@pytest.mark.parametrize("status", [400, 404, 413])
def test_the_reason_of_a_refusal_is_given(
    collectors: Callable[..., Collector], status: int
) -> None:
    from wattui.live import otlp

    collector = collectors(status)
    said: list[str] = []
    provider = otlp.start(f"{collector.url}/v1/metrics", snapshot, said.append, 0.05)
    end_s = time.monotonic() + 20
    while len(collector.requests) < 3 and time.monotonic() < end_s:
        time.sleep(0.01)
    provider.shutdown()
    assert len(said) >= 2
    assert said[0].startswith(f"status {status}")


def test_reasons_are_a_few_words() -> None:
    from wattui.live.otlp import reason_of

    refused = 'HTTPConnectionPool(…): (Caused by X("Failed: [Errno 111] Connection refused"))'
    assert reason_of(f"Transient error {refused} encountered while …") == "connection refused"
    busy = "Transient error Service Unavailable encountered while exporting, retrying in 0.9s."
    assert reason_of(busy) == "service unavailable"
    late = "Failed to export metrics batch due to timeout, max retries or shutdown."
    assert reason_of(late) == "no answer within 5 s"


def test_trouble_is_said_once_and_without_a_password(capsys: pytest.CaptureFixture[str]) -> None:
    from wattui.live.exporter import Trouble

    trouble = Trouble("http://me:secret@host:4318/v1/metrics")
    for _ in range(3):
        trouble.tell("connection refused")
    err = capsys.readouterr().err
    assert (
        err
        == "wattui: --otlp: host:4318: connection refused: values are dropped while this lasts\n"
    )


@pytest.mark.parametrize("url", ["localhost:4318", "ftp://x", "http://", "http://h:x"])
def test_an_invalid_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"fix: http://HOST:4318"):
        Exports(None, url)
