"""Records screenshots/runs/*.csv on the test bench, where the power is known: needs root.

`python -m screenshots.record` restarts itself on the bench, once for each recording.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import sys
import time
from itertools import pairwise
from pathlib import Path

from recorders.client import Client, Config
from recorders.json_text import json_text
from testbench import sandbox, topologies
from testbench.curves import Steps
from testbench.fakenvml import PROCESSES, FakeNvml, Gpu, NvmlFault

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
# What the command uses of each GPU meanwhile: % of its time, MiB of its memory.
GPU_USES = {
    "armed": ("0 2210", "0 2210"),
    "b1": ("21 2480", "19 2480"),
    "b8": ("38 3120", "35 3120"),
    "b32": ("52 5600", "48 5600"),
    "b64": ("55 9020", "50 9020"),
}
STEP_S, SPREAD, COUNT_S = 0.4, 0.06, 0.02
# The limits of packages and GPUs. In the second recording, that of the GPUs slows some phases.
PACKAGE_LIMIT_W, GPU_LIMIT_W = 95.0, 700.0
LIMIT_W, SLOWER = 250.0, {"b8": 0.94, "b32": 0.82, "b64": 0.80}
# A GPU settles at so many °C over its surroundings a watt, in this time; it shows them so often.
AROUND_C, C_PER_W, WARMING_S, SHOWN_S = 36.0, 0.085, 9.0, 2
# The share of a core that the command uses: of each period while it waits, and while it runs.
PERIOD_S, WAITING, RUNNING = 0.05, 0.05, 0.85


def main() -> int:
    """Make both recordings."""
    if not sandbox.available():
        sys.stderr.write(f"screenshots: {sandbox.unavailable_reason()}\n")
        return 1
    RUNS.mkdir(exist_ok=True)
    for name, limit_w in (("resnet50", GPU_LIMIT_W), ("resnet50-250w", LIMIT_W)):
        machine = topologies.two_sockets()
        for zone, levels_w in POWERS_W.items():
            limit_uw = round(PACKAGE_LIMIT_W * 1e6) if zone.startswith("package") else None
            machine = machine.changed(zone, curve=curve(levels_w, zone), power_limit_uw=limit_uw)
        gpus = [gpu(n, levels_w, limit_w) for n, levels_w in enumerate(GPU_POWERS_W)]
        with sandbox.Bench(machine, nvml=FakeNvml(tuple(gpus))) as bench:
            argv = [sys.executable, "-m", "screenshots.record", str(RUNS / f"{name}.csv")]
            done = bench.run(argv, cwd=ROOT, timeout=120, env=dict(os.environ))
            sys.stderr.write(done.stderr)
        leave_out_its_place(RUNS / f"{name}.json")
    return 0


def leave_out_its_place(run_json: Path) -> None:
    """Remove what is true only where it was recorded: the path of run.csv, and its inode."""
    run = json.loads(run_json.read_text())
    del run["file"], run["csv"]["stamp"]
    run_json.write_text(json_text(run) + "\n")


def gpu(number: int, levels_w: tuple[float, ...], limit_w: float) -> Gpu:
    """A GPU that keeps to its limit, and warms up and cools down with its power."""
    powers = curve([min(level_w, limit_w) for level_w in levels_w], str(number))
    warm_c, faults = AROUND_C + C_PER_W * levels_w[0] + number, []
    for begin_s in range(0, int(SCHEDULE[-1][0]), SHOWN_S):
        settled_c = AROUND_C + C_PER_W * powers.power_w(begin_s) + number
        warm_c += (settled_c - warm_c) * SHOWN_S / WARMING_S
        shown = {"value": round(warm_c), "begin_s": begin_s, "end_s": begin_s + SHOWN_S}
        faults.append(NvmlFault("nvmlDeviceGetTemperature", **shown))
    return Gpu(powers, power_limit_w=limit_w, faults=tuple(faults))


def curve(levels_w: tuple[float, ...] | list[float], seed: str) -> Steps:
    """Consecutive levels, each varying slightly from step to step."""
    chance = random.Random(seed)
    begins_s = (0.0, *(begin_s for begin_s, *_ in SCHEDULE), 90.0)
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
    command = multiprocessing.Process(target=work, args=(t0_s,), daemon=True)
    command.start()
    processes = Path(PROCESSES.format_map(os.environ))
    about = {"argv": ["python", "infer.py", "--sweep", "batch"]}
    client = Client(Config(csv=csv, force=True, estimate=False, about=about))
    client.wait_ready()
    client.request(do="watch", pid=command.pid)
    for (begin_s, phase, label, per_s), (end_s, *_) in pairwise(SCHEDULE):
        uses = GPU_USES.get(label or phase, ())
        sleep_until(t0_s + begin_s)
        client.request(do="mark", phase=phase, label=label)
        processes.write_text("".join(f"{n} {command.pid} {use}\n" for n, use in enumerate(uses)))
        counted, rate = 0, per_s * slower.get(label, 1.0)
        while rate and time.monotonic() < t0_s + end_s - COUNT_S:
            due = round((time.monotonic() - t0_s - begin_s) * rate)
            client.request(do="count", n=due - counted)
            counted = due
            time.sleep(COUNT_S)
    sleep_until(t0_s + SCHEDULE[-1][0])
    client.request(do="mark", phase="")
    client.finish(exit_status=0, exit_statuses=[0])


def work(t0_s: float) -> None:
    """Use a part of one core, more while the command runs."""
    for (begin_s, phase, *_), (end_s, *_) in pairwise(SCHEDULE):
        share = RUNNING if phase == "running" else WAITING
        sleep_until(t0_s + begin_s)
        while (now_s := time.monotonic()) < t0_s + end_s:
            while time.monotonic() < now_s + share * PERIOD_S:
                pass
            sleep_until(now_s + PERIOD_S)


def sleep_until(time_s: float) -> None:
    """Sleep to a moment of CLOCK_MONOTONIC."""
    time.sleep(max(0.0, time_s - time.monotonic()))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        record(Path(sys.argv[1]))
    else:
        sys.exit(main())
