"""A meter with a known curve, read when a manual clock says so; and a plug on the loopback."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from recorders.meters.meter import Access, MeterError, Sample, Spec
from recorders.meters.source import MeterSource
from recorders.source import Channel
from tests.support.doubles import ManualClock, Rig, ScriptedSource, constant_power

Curve = Callable[[float], float]


@dataclass
class CurveSpec:
    """A meter that shows a power, and a counter if it `counts`, `delay_s` ago; it can be broken."""

    power_w: Curve
    energy_j: Curve = lambda time_s: 0.0
    counts: bool = False
    delay_s: float = 0.0
    period_s: float = 1.0
    step_j: float = 0.0
    shown: str = "curve:"
    broken: str = ""
    opened: int = 0
    start_ns: int = 0
    asked_s: list[float] = field(default_factory=list)

    def open(self, access: Access) -> CurveReader:
        self.opened += 1
        return CurveReader(self, access)


class CurveReader:
    waits = False

    def __init__(self, spec: CurveSpec, access: Access) -> None:
        self._spec, self._clock = spec, access.clock

    def read(self) -> Sequence[Sample]:
        spec = self._spec
        spec.asked_s.append((self._clock() - spec.start_ns) * 1e-9)
        if spec.broken:
            raise MeterError(spec.broken)
        time_ns = self._clock() - round(spec.delay_s * 1e9)
        time_s = (time_ns - spec.start_ns) * 1e-9
        energy_j = spec.energy_j(time_s) if spec.counts else None
        return [Sample(time_ns, spec.power_w(time_s), energy_j)]

    def close(self) -> None:
        pass


def metered(
    directory: Path, spec: Spec, until_s: float, rate_hz: float = 10.0, delay_s: float = 0.0
) -> Rig:
    """A recording of a package of 50 W and a meter `wall`, which is read as often as it is due, and
    whose readings are taken to be `delay_s` late."""
    clock = ManualClock()
    package = ScriptedSource(clock, {Channel("package0", "J", in_total=True): constant_power(50)})
    if isinstance(spec, CurveSpec):
        spec.start_ns = clock.now_ns
    source = MeterSource("wall", spec, Access("wall", {}, clock=clock.monotonic_ns), delay_s)
    rig = Rig(directory, clock, [package, source], rate_hz)
    due_s = [0.02]

    def step() -> None:
        due_s[0] += max(0.001, source.poller.step())
        if due_s[0] < until_s + 5:
            rig.when(due_s[0], step)
            rig.inbox.happenings.sort(key=lambda item: item[0])

    rig.when(due_s[0], step)
    return rig


@dataclass
class Plug:
    """The answers of a plug on the loopback: status, headers and body, and what it was asked."""

    port: int = 0
    answer: Callable[[str, Mapping[str, str]], tuple[int, Mapping[str, str], bytes]] = (
        lambda path, headers: (200, {}, b"{}")
    )
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextmanager
def plug(context: ssl.SSLContext | None = None) -> Iterator[Plug]:
    """A plug with scripted answers, over TLS if it has a context."""
    device = Plug()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            device.asked.append((self.path, dict(self.headers)))
            status, headers, body = device.answer(self.path, dict(self.headers))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if not {"Content-Length", "Transfer-Encoding"} & headers.keys():
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda request, address: None  # type: ignore[method-assign]
    device.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield device
    finally:
        server.shutdown()
        server.server_close()
