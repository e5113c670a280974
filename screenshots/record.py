"""Records screenshots/runs/*.csv on the test bench, where the power is known: needs root.

`python -m screenshots.record` restarts itself on the bench, once for each recording.
"""

from __future__ import annotations

import os
import random
import sys
import time
from itertools import pairwise
from pathlib import Path

from recorders.client import Client, Config
from testbench import sandbox, topologies
from testbench.curves import Steps
from testbench.fakenvml import FakeNvml, Gpu

HERE = Path(__file__).parent
ROOT = HERE.parent
RUNS = HERE / "runs"
# Start, name, label, and inferences per second of each phase.
SCHEDULE = (
    (3.0, "idle", "", 0),
    (14.0, "armed", "", 0),
    (20.0, "running", "b1", 104),
    (32.0, "running", "b8", 466),
    (44.0, "running", "b32", 1012),
    (58.0, "running", "b64", 1090),
    (70.0, "idle", "", 0),
    (78.0, "", "", 0),
)
# Watts before and in each of those phases.
POWERS_W = {
    "package0": (22, 22, 24, 52, 66, 73, 75, 22, 22),
    "package1": (19, 19, 20, 46, 59, 65, 66, 19, 19),
    "dram0": (2.1, 2.1, 2.3, 5.2, 7.9, 9.1, 9.4, 2.1, 2.1),
    "dram1": (1.9, 1.9, 1.9, 4.8, 7.3, 8.7, 9.0, 1.9, 1.9),
}
GPU_POWERS_W = ((58, 58, 71, 188, 296, 371, 389, 58, 58), (57, 57, 69, 176, 271, 343, 352, 57, 57))
STEP_S, SPREAD, COUNT_S = 0.4, 0.06, 0.02
# The second recording: the same with a power limit on the GPUs, which slows some phases.
LIMIT_W, SLOWER = 250.0, {"b8": 0.94, "b32": 0.82, "b64": 0.80}


def main() -> int:
    """Make both recordings."""
    if not sandbox.available():
        sys.stderr.write(f"screenshots: {sandbox.unavailable_reason()}\n")
        return 1
    RUNS.mkdir(exist_ok=True)
    for name, limit_w in (("resnet50", 1e9), ("resnet50-250w", LIMIT_W)):
        machine = topologies.two_sockets()
        for zone, levels_w in POWERS_W.items():
            machine = machine.changed(zone, curve=curve(levels_w, zone))
        gpus = [
            Gpu(curve([min(level_w, limit_w) for level_w in levels_w], str(n)))
            for n, levels_w in enumerate(GPU_POWERS_W)
        ]
        with sandbox.Bench(machine, nvml=FakeNvml(tuple(gpus))) as bench:
            argv = [sys.executable, "-m", "screenshots.record", str(RUNS / f"{name}.csv")]
            done = bench.run(argv, cwd=ROOT, timeout=120, env=dict(os.environ))
            sys.stderr.write(done.stderr)
    return 0


def curve(levels_w: tuple[float, ...] | list[float], seed: str) -> Steps:
    """Consecutive levels, each varying slightly from step to step."""
    chance = random.Random(seed)
    begins_s = (0.0, *(begin_s for begin_s, *_ in SCHEDULE), 200.0)
    times_s, powers_w = [], []
    for (begin_s, end_s), level_w in zip(pairwise(begins_s), levels_w, strict=True):
        for step in range(max(1, round((end_s - begin_s) / STEP_S))):
            times_s.append(begin_s + step * STEP_S)
            powers_w.append(level_w * chance.uniform(1 - SPREAD, 1 + SPREAD))
    return Steps(tuple(times_s), tuple(powers_w))


def record(csv: Path) -> None:
    """Record one run: phases begin when the bench's powers change."""
    t0_s = int(os.environ["BENCH_T0_NS"]) * 1e-9
    slower = SLOWER if "250w" in csv.name else {}
    about = {"argv": ["python", "infer.py", "--sweep", "batch"]}
    client = Client(Config(csv=csv, force=True, estimate=False, about=about))
    client.wait_ready()
    for (begin_s, phase, label, per_s), (end_s, *_) in pairwise(SCHEDULE):
        sleep_until(t0_s + begin_s)
        client.request(do="mark", phase=phase, label=label)
        counted, rate = 0, per_s * slower.get(label, 1.0)
        while rate and time.monotonic() < t0_s + end_s - COUNT_S:
            due = round((time.monotonic() - t0_s - begin_s) * rate)
            client.request(do="count", n=due - counted)
            counted = due
            time.sleep(COUNT_S)
    sleep_until(t0_s + SCHEDULE[-1][0])
    client.request(do="mark", phase="")
    client.finish(exit_status=0, exit_statuses=[0])


def sleep_until(time_s: float) -> None:
    """Sleep to a moment of CLOCK_MONOTONIC."""
    time.sleep(max(0.0, time_s - time.monotonic()))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        record(Path(sys.argv[1]))
    else:
        sys.exit(main())
