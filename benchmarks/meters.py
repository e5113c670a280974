"""The recorder's memory over two hours of meters on the loopback, its clock running as fast as they
answer.

`python -m benchmarks.meters FOLDER SECONDS` prints the result as JSON.
"""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import cast

from benchmarks.memory import Counters, FastClock, resident_mb
from benchmarks.table import Figure, Table, of_figures, say
from recorders.conductor import Conductor
from recorders.inbox import FRONT_END, Inbox, Request
from recorders.marks import CountPages
from recorders.meters.meter import Access
from recorders.meters.source import MeterSource
from recorders.meters.specs import parse_spec
from recorders.recorder import Recorder
from recorders.rows import Layout
from recorders.runfile import RunFile
from recorders.writer import Writer

RATE_HZ, POWER_W = 10.0, 100.0
GROWTH_MB = 1.0
# A summary keeps one reading a second of each channel: time and value, in arrays with some room.
KEPT_BYTES = 16 * 1.125
SHARES = (0.1, 0.5, 1.0)
METERS = {
    "gen1": "shelly1:{host}",
    "gen2": "shelly2:{host}",
    "tasmota": "tasmota:{host}",
    "web": "http://{host}/web#/power",
    "prom": "prometheus:http://{host}/metrics#node_hwmon_power_average_watt",
    "file": "file:{folder}/power",
    "log": "csv:{folder}/log.csv",
}


def tables(quick: bool) -> list[Table]:
    """Resident memory with all meters, each read once a second."""
    seconds = 600 if quick else 7200
    say(f"meters: {seconds} s of {len(METERS)} meters")
    with tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, "-m", "benchmarks.meters", folder, str(seconds)]
        done = subprocess.run(argv, check=True, capture_output=True, text=True)
    found: Mapping[str, float] = json.loads(done.stdout)
    figures = [
        Figure(f"resident after {share:.0%}", [found[f"{share:.0%}"]], "MB") for share in SHARES
    ]
    growth = found["100%"] - found["10%"]
    kept = KEPT_BYTES * found["channels"] * 0.9 * seconds / 1e6
    figures.append(Figure("growth from 10% to 100%", [growth], "MB"))
    what = "the same without the readings that a summary keeps"
    figures.append(Figure(what, [growth - kept], "MB", GROWTH_MB))
    figures.append(Figure("readings of each meter", [found["readings"]], "", seconds - 5, True))
    title = f"Recorder's memory over {seconds} s, {len(METERS)} meters read once a second"
    return [of_figures(title, figures)]


class Devices(BaseHTTPRequestHandler):
    """Plugs and an exporter, each at constant power."""

    def do_GET(self) -> None:
        """The answer of the device at this path."""
        documents: Mapping[str, object] = {
            "/status": {"meters": [{"power": POWER_W, "is_valid": True, "timestamp": 0}]},
            "/rpc/Switch.GetStatus": {"apower": POWER_W, "aenergy": {"total": 1.0}},
            "/cm": {"StatusSNS": {"ENERGY": {"Total": 3.185, "Power": POWER_W}}},
            "/web": {"power": POWER_W},
        }
        path = self.path.partition("?")[0]
        body = f"node_hwmon_power_average_watt {POWER_W}\n".encode()
        if path in documents:
            body = json.dumps(documents[path]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


@contextmanager
def served() -> Iterator[str]:
    """The devices, in a process of their own; yields their host."""
    server = HTTPServer(("127.0.0.1", 0), Devices)
    process = multiprocessing.get_context("fork").Process(target=server.serve_forever, daemon=True)
    process.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        process.terminate()
        process.join()
        server.server_close()


class MeteredInbox:
    """Advances the clock instead of waiting, and reads every meter once a second."""

    def __init__(
        self, clock: FastClock, sources: Sequence[MeterSource], log: Path, seconds: int
    ) -> None:
        self._clock, self._sources, self._log = clock, sources, log
        self._begun_ns = self._due_ns = clock.now_ns
        self._ends_ns = clock.now_ns + seconds * 10**9
        self._seconds = seconds
        self.resident_mb: dict[str, float] = {}

    def wait(self, timeout_s: float) -> Iterator[Request]:
        """Nobody asks for anything until the end."""
        self._clock.now_ns += max(1, int(timeout_s * 1e9) + 1)
        if self._clock.now_ns >= self._due_ns:
            self._due_ns += 10**9
            second = (self._clock.now_ns - self._begun_ns) // 10**9
            for share in SHARES:
                if second == int(share * self._seconds) - 1:
                    self.resident_mb[f"{share:.0%}"] = resident_mb()
            with self._log.open("a") as file:
                file.write(f"{POWER_W}\n")
            for source in self._sources:
                source.poller.step()
        if self._clock.now_ns >= self._ends_ns:
            yield Request({"do": "stop"}, FRONT_END, lambda _: None)


def main(folder: str, seconds: str) -> None:
    """Record the meters, and print resident megabytes on the way."""
    directory, clock = Path(folder), FastClock()
    (directory / "power").write_text(f"{POWER_W}\n")
    (directory / "log.csv").write_text("power_W\n")
    with served() as host:
        sources = [
            MeterSource(
                name,
                parse_spec(spec.format(host=host, folder=folder)),
                Access(name, {}, clock.monotonic_ns, lambda: clock.now_ns * 1e-9),
            )
            for name, spec in METERS.items()
        ]
        counters = Counters(clock)
        layout = Layout([*counters.channels(), *(c for s in sources for c in s.channels())])
        inbox = MeteredInbox(clock, sources, directory / "log.csv", int(seconds))
        pages = CountPages(folder)
        file = Writer(RunFile(directory / "run.csv", layout.header))
        file.begin({})
        recorder = Recorder(
            [counters, *sources],
            layout,
            file,
            pages,
            cast(Inbox, inbox),
            clock,
            RATE_HZ,
            lambda _: None,
        )
        recorder.run(Conductor(recorder, pages).handle)
        recorder.close()
    file.finish({})
    file.wait(None)
    readings = min(source.poller.read for source in sources)
    found = {"readings": readings, "channels": len(layout.channels) + 1}
    json.dump({**inbox.resident_mb, **found}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
