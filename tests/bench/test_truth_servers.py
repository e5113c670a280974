"""Joules per token of servers that count at each step, and at a request's end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from urllib.parse import parse_qs, urlsplit

import pytest

from recorders.summary.per import by
from recorders.summary.summary import summarise
from testbench import topologies
from testbench.curves import Constant
from testbench.recording import BenchRecording, record
from tests.support.meters import plug
from tests.support.servers import llama
from wattui.runs.reduce import reduce_csv

from .conftest import MakeBench

pytestmark = [pytest.mark.needs_bench, pytest.mark.quiet]
pytest.importorskip("prometheus_client", reason="no prometheus-client: wattui[tokens]")

WATTS = 65.0
RATE = 500.0
STEPS = """
import time, wattui
with wattui.phase("running", label="steps"):
    time.sleep(2)
"""
ENDS = """
import threading, time, urllib.request, wattui

def ask(seconds, n):
    urllib.request.urlopen(f"http://HOST/generate?s={seconds}&n={n}").read()

def asked(seconds, n):
    thread = threading.Thread(target=ask, args=(seconds, n))
    thread.start()
    time.sleep(0.2)
    return thread

asked(0.6, 9999)
with wattui.phase("running", label="drained"):
    for _ in range(2):
        ask(0.4, 100)
    asked(0.6, 160)
before = asked(0.5, 60)
with wattui.phase("running", label="cut", drain=False):
    time.sleep(0.2)
before.join()
"""

Reply = tuple[int, Mapping[str, str], bytes]


def at_steps(begun_s: float) -> Callable[[str, Mapping[str, str]], Reply]:
    """A server whose counter moves all the time."""

    def answer(path: str, headers: Mapping[str, str]) -> Reply:
        tokens = int(RATE * (time.monotonic() - begun_s))
        return 200, {}, f"vllm:generation_tokens_total {tokens}\n".encode()

    return answer


@dataclass
class AtEnd:
    """A server whose counter moves when a request ends."""

    tokens: int = 0
    running: int = 0
    lock: Lock = field(default_factory=Lock)

    def answer(self, path: str, headers: Mapping[str, str]) -> Reply:
        wish = parse_qs(urlsplit(path).query)
        if not wish:
            return 200, {}, llama(self.tokens, self.running).encode()
        with self.lock:
            self.running += 1
        time.sleep(float(wish["s"][0]))
        with self.lock:
            self.running -= 1
            self.tokens += int(wish["n"][0])
        return 200, {}, b"{}"


def tokens(recording: BenchRecording, label: str) -> int:
    """The tokens of a phase."""
    begin, end = recording.edges(label)
    return int(end["count_tokens_out"]) - int(begin["count_tokens_out"])


def test_joules_of_tokens_counted_at_each_step(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench(topologies.plain(package=Constant(60.0), dram=Constant(5.0)))
    with plug() as device:
        device.answer = at_steps(time.monotonic())
        recording = record(bench, tmp_path, STEPS, options=["--tokens", device.host])
    found = summarise(reduce_csv(recording.path))
    assert found.to_dict() == recording.run["summary"]
    running = by(found, "tokens_out").running
    assert running is not None
    assert running.inferences == tokens(recording, "steps")
    each = running.domains["total"].total_j_per_inference
    assert each is not None
    assert each.plus_minus is not None
    assert each.value == pytest.approx(WATTS / RATE, rel=0.01)
    assert "counted_at_request_end" not in recording.flags()


def test_joules_of_tokens_counted_at_a_request_s_end(make_bench: MakeBench, tmp_path: Path) -> None:
    """An edge waits until the requests before it have ended; one that does not is flagged."""
    bench = make_bench(topologies.plain(package=Constant(60.0), dram=Constant(5.0)))
    server = AtEnd()
    with plug() as device:
        device.answer = server.answer
        source = ENDS.replace("HOST", device.host)
        recording = record(bench, tmp_path, source, options=["--tokens", device.host])
    assert tokens(recording, "drained") == 360
    found_j, true_j = (
        of("total", "drained") for of in (recording.summed_j, recording.true_block_j)
    )
    assert found_j is not None
    assert found_j / 360 == pytest.approx(true_j / 360, rel=0.01)
    drained = [row["event"] for row in recording.rows if row["event"].startswith("note:drained")]
    assert [text.partition(":")[2].split(" ")[0] for text in drained] == ["drained"] * 2, drained
    flags = [f for f in recording.run["summary"]["flags"] if f["name"] == "counted_at_request_end"]
    assert [flag["where"] for flag in flags] == ["running cut"]
