"""The least that reading RAPL zones can take: each tick one `pread` a zone, unwrapped, no file.

`python -m benchmarks.bare RATE SECONDS [ROOT]` prints the processor time as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

READ_BYTES = 32


def main(rate_hz: str, seconds: str, root: str = "/") -> None:
    """Read every zone at this rate, and print the processor time it took."""
    zones = sorted(Path(root, "sys/class/powercap").glob("intel-rapl:*"))
    descriptors = [os.open(zone / "energy_uj", os.O_RDONLY) for zone in zones]
    ranges_uj = [int((zone / "max_energy_range_uj").read_text()) for zone in zones]
    last_uj = [int(os.pread(descriptor, READ_BYTES, 0)) for descriptor in descriptors]
    totals_uj = [0] * len(zones)
    period_ns = round(1e9 / float(rate_hz))
    begin_ns, begun_ns = time.monotonic_ns(), time.process_time_ns()
    ticks = round(float(rate_hz) * float(seconds))
    for tick in range(1, ticks + 1):
        wait_ns = begin_ns + tick * period_ns - time.monotonic_ns()
        if wait_ns > 0:
            time.sleep(wait_ns * 1e-9)
        for place, descriptor in enumerate(descriptors):
            now_uj = int(os.pread(descriptor, READ_BYTES, 0))
            step_uj = now_uj - last_uj[place]
            totals_uj[place] += step_uj if step_uj >= 0 else step_uj + ranges_uj[place]
            last_uj[place] = now_uj
    spent_ns, elapsed_ns = time.process_time_ns() - begun_ns, time.monotonic_ns() - begin_ns
    json.dump({"cpu_pct": 100 * spent_ns / elapsed_ns, "totals_uj": totals_uj}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
