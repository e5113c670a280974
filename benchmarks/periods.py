"""How often a counter's update period is found while busy loops run beside the recorder's sources.

`python -m benchmarks.periods` is one attempt: it opens the sources on this machine, learns, and
prints as JSON the periods in seconds by channel, and which of them were not seen but assumed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from benchmarks import machine
from benchmarks.table import Table, say
from recorders.sources.nvml import open_nvml
from recorders.sources.powercap import open_powercap
from recorders.texts import OwnNote
from recorders.worker import CALIBRATE_S
from testbench import topologies
from testbench.curves import Constant
from testbench.fakenvml import FakeNvml, Gpu
from testbench.sandbox import Bench

# The true period of each channel, seconds, and the error within which it counts as found.
TRUE_S = {"package0": 0.001, "gpu0": 0.02, "gpu1": 0.1}
CLOSE, WANTED_PCT = 0.05, 95.0
LOADS, ATTEMPTS = (0, 2, 5), 60
# A GPU's period must be known by then.
LEARN_S = 4.0


def tables(quick: bool) -> list[Table]:
    """The share found within 5 %, by number of busy loops."""
    title = "Update periods found beside busy loops"
    if reason := machine.missing():
        return [Table(title, ("",), (), (f"Skipped: {reason}",))]
    attempts = 5 if quick else ATTEMPTS
    rows = [row for loops in LOADS for row in _rows(loops, attempts)]
    headings = (
        "",
        "within 5 %, %",
        "assumed",
        "shortest, ms",
        "longest, ms",
        "none",
        "n",
        "target",
        "",
    )
    notes = (
        f"{os.cpu_count()} processors, ordinary priority. RAPL periods within 10 % of 1 ms are "
        "taken as 1 ms. Assumed: not seen, taken as 1 ms, and said so (note assumed_period).",
    )
    return [Table(title, headings, rows, notes)]


def _rows(loops: int, attempts: int) -> Iterator[Sequence[str]]:
    say(f"periods: {attempts} attempts beside {loops} busy loops")
    gpus = tuple(Gpu(Constant(200.0), energy_refresh_s=TRUE_S[name]) for name in ("gpu0", "gpu1"))
    constant = topologies.plain(package=Constant(50.0), dram=Constant(5.0))
    with Bench(constant, FakeNvml(gpus)) as bench, busy(loops):
        argv = [sys.executable, "-m", "benchmarks.periods"]
        found = [json.loads(bench.run(argv, check=True).stdout) for _ in range(attempts)]
    for channel, true_s in TRUE_S.items():
        seen_s = sorted(each["found"][channel] for each in found if channel in each["found"])
        assumed = sum(channel in each["assumed"] for each in found)
        share_pct = 100 * sum(abs(s / true_s - 1) <= CLOSE for s in seen_s) / attempts
        yield (
            f"{loops} loops, {channel}, refreshed every {true_s * 1e3:g} ms",
            f"{share_pct:.0f}",
            str(assumed),
            *([f"{end * 1e3:.3g}" for end in (seen_s[0], seen_s[-1])] if seen_s else "––"),
            str(attempts - len(seen_s)),
            str(attempts),
            f"≥ {WANTED_PCT:g} %",
            "met" if share_pct >= WANTED_PCT else "missed",
        )


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """So many processes that compute without a pause, ended at the end."""
    argv = [sys.executable, "-S", "-c", "while True: pass"]
    started = [subprocess.Popen(argv) for _ in range(loops)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def learnt() -> Mapping[str, Mapping[str, float] | list[str]]:
    """`found`: the update periods that the sources of this machine learn, seconds by channel;
    `assumed`: the channels whose period is not seen but assumed."""
    powercap, _ = open_powercap()
    nvml = open_nvml({}).source
    zones = powercap.channels() if powercap else ()
    found = dict(powercap.update_periods_s()) if powercap else {}
    end_s = time.monotonic() + LEARN_S
    while nvml and (wait_s := nvml.calibrate()) is not None and time.monotonic() < end_s:
        if len(nvml.update_periods_s()) == len(TRUE_S) - 1:
            break
        time.sleep(max(CALIBRATE_S, wait_s))
    found |= nvml.update_periods_s() if nvml else {}
    assumed = [zone.name for zone in zones if OwnNote.ASSUMED_PERIOD in zone.remarks]
    return {"found": found, "assumed": assumed}


if __name__ == "__main__":
    print(json.dumps(learnt()))
