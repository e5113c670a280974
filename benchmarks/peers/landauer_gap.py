"""landauer-gap: `joules run` around the command; joules by device."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.peers.window import OPEN_S, command, report, times, wait_until


def main() -> None:
    """Measure the window."""
    result, ran = Path("joules.json"), Path("window.json")
    options = ["run", "--no-track", "--out", str(result), "--"]
    wait_until(OPEN_S)
    subprocess.run([sys.executable, "-m", "joules", *options, *command(ran)], check=True)
    devices = json.loads(result.read_text())["devices"]
    found = {
        kind: [device["energy_j"] for device in devices if device["kind"] == kind]
        for kind in ("cpu", "dram")
    }
    report(times(ran), found["cpu"], found["dram"], "joules run")


if __name__ == "__main__":
    main()
