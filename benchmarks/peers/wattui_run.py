"""wattui: `wattui --headless` around the command; joules by domain from run.json."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.peers.window import OPEN_S, command, report, times, wait_until


def main() -> None:
    """Measure the window."""
    ran = Path("window.json")
    options = ["--headless", "--quiet", "--idle", "0", "--csv", "run.csv", "--"]
    wait_until(OPEN_S)
    subprocess.run([sys.executable, "-m", "wattui", *options, *command(ran)], check=True)
    domains = json.loads(Path("run.json").read_text())["summary"]["running"]["domains"]
    found = {
        head: [
            domain["running_j"]["value"]
            for name, domain in domains.items()
            if name.startswith(head) and domain["running_j"]
        ]
        for head in ("package", "dram")
    }
    report(times(ran), found["package"], found["dram"], "wattui --headless, 10 Hz")


if __name__ == "__main__":
    main()
