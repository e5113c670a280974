"""Runs benchmarks by name and prints their tables as Markdown."""

from __future__ import annotations

import argparse
import importlib
import sys

from benchmarks.table import header, show

MODULES = {
    "accuracy": "benchmarks.accuracy",
    "statistics": "benchmarks.statistics",
    "periods": "benchmarks.periods",
    "recorder": "benchmarks.recorder",
    "marks": "benchmarks.marks",
    "proxy": "benchmarks.proxy",
    "matching": "benchmarks.matching",
    "startup": "benchmarks.startup",
    "phases": "benchmarks.phases",
    "files": "benchmarks.files",
    "runs": "benchmarks.runs",
    "memory": "benchmarks.memory",
    "meters": "benchmarks.meters",
    "fleet": "benchmarks.fleet",
    "nodes": "benchmarks.nodes",
    "dashboard": "benchmarks.dashboard",
    "workloads": "benchmarks.workloads",
    "short": "benchmarks.peers.short",
    "peers": "benchmarks.peers.compare",
    "gpu": "benchmarks.gpu.report",
}
OPTIONAL = ("meters", "fleet", "nodes", "short", "peers", "gpu")


def main() -> int:
    """Run the named benchmarks; by default all but the optional ones."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MODULES))
    parser.add_argument("--quick", action="store_true", help="short runs, once each")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(MODULES)):
        parser.error(f"no such benchmark: {', '.join(unknown)}: choose from {', '.join(MODULES)}")
    names = options.names or [name for name in MODULES if name not in OPTIONAL]
    header(["python", "-m", "benchmarks", *sys.argv[1:]])
    for name in names:
        for table in importlib.import_module(MODULES[name]).tables(options.quick):
            show(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
