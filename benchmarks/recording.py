"""A recording of the real recorder, for benchmarks: started, left alone, looked at.

`python -m benchmarks.recording CSV RATE SECONDS [ROOT]` prints the result as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recorders.client import Client, Config
from wattui import marks

# The first seconds are spent learning the GPU's update period.
SETTLE_S = 3.0


@dataclass(slots=True)
class RootedConfig(Config):
    """A recorder's configuration with another file-system root for its sources."""

    root: str = "/"


def cpu_ns(pid: int) -> int:
    """Processor time of all threads of a process so far, read from its own kernel clock."""
    # clock_getcpuclockid(3): the complement of the pid, then 2 for scheduled time.
    return time.clock_gettime_ns((~pid << 3) | 2)


@contextmanager
def recording(config: Config) -> Iterator[Client]:
    """A running recorder that receives this process's marks."""
    client = Client(config)
    directory = client.wait_ready()["directory"]
    with environment({marks.ENVIRONMENT: str(directory)}):
        marks.detach()
        try:
            yield client
        finally:
            marks.detach()
    if client.process.poll() is None:
        client.finish()


@contextmanager
def environment(more: Mapping[str, str]) -> Iterator[None]:
    """These variables for this process and those it starts."""
    before = dict(os.environ)
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def main(csv: str, rate_hz: str, seconds: str, root: str = "/") -> None:
    """Record, and print run.json's sampling with the steady seconds' processor time."""
    config = RootedConfig(Path(csv), rate_hz=float(rate_hz), force=True, root=root)
    client = Client(config)
    client.wait_ready()
    time.sleep(SETTLE_S)
    begin_ns, begun_ns = time.monotonic_ns(), cpu_ns(client.process.pid)
    time.sleep(float(seconds))
    end_ns, ended_ns = time.monotonic_ns(), cpu_ns(client.process.pid)
    run = client.finish().run
    outcome = {
        "sampling": run["sampling"],
        "readers": {source["name"]: source["reader"] for source in run["sources"]},
        "channels": [c["name"] for source in run["sources"] for c in source["channels"]],
        "steady_ns": (begin_ns, end_ns),
        "steady_cpu_pct": 100 * (ended_ns - begun_ns) / (end_ns - begin_ns),
    }
    json.dump(outcome, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
