"""The bench's server process: a private mount namespace with the powercap tree in its place.

Prints "awake", reads one pickled Order from stdin, prints "ready" or what failed, and serves
until stdin ends.
"""

from __future__ import annotations

import gc
import os
import pickle
import shutil
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from testbench import boards
from testbench.boards import NO_BOARD, Board
from testbench.fuseproto import FuseServer
from testbench.mounts import bind, enter_private_namespace, overlay_read_only
from testbench.powercapfs import tree
from testbench.zones import Topology

CPUS = Path("/sys/devices/system/cpu")
# The two halves of the powercap tree, and where they are shown.
POWERCAP = {"devices": "/sys/devices/virtual/powercap", "class": "/sys/class/powercap"}


@dataclass(frozen=True)
class ServeOptions:
    """The machine to serve, a folder for working files, and the monotonic time of 0 s."""

    topology: Topology
    workspace: str
    t0_ns: int
    board: Board = NO_BOARD


def places(cpu: int, cpus: int, topology: Topology) -> tuple[int, int]:
    """Socket and die of a CPU when CPUs are dealt out in equal blocks."""
    unit = cpu * topology.sockets * topology.dies // cpus
    return unit // topology.dies, unit % topology.dies


def _overlay(target: str, workspace: Path, *names: str) -> None:
    """Make `target` hold directories of these names beside what it has."""
    upper = workspace / target.strip("/").replace("/", "-")
    for name in names:
        (upper / name).mkdir(parents=True)
    overlay_read_only(str(upper), target, target)


def _place_cpus(topology: Topology, workspace: Path) -> None:
    """Make every CPU's socket and die agree with the topology."""
    numbers = sorted(int(path.name[3:]) for path in CPUS.glob("cpu[0-9]*"))
    if len(numbers) < topology.sockets * topology.dies:
        raise OSError(f"{topology.name} needs {topology.sockets * topology.dies} CPUs")
    for position, number in enumerate(numbers):
        socket, die = places(position, len(numbers), topology)
        for name, value in (("physical_package_id", socket), ("die_id", die)):
            target = CPUS / f"cpu{number}" / "topology" / name
            if target.exists():
                source = workspace / f"{name}-{value}"
                source.write_text(f"{value}\n")
                bind(str(source), str(target))


def _quit_with_stdin(workspace: str) -> None:
    sys.stdin.buffer.read()
    shutil.rmtree(workspace, ignore_errors=True)
    os._exit(0)


def _show_tree(served: Path, targets: Mapping[str, str]) -> None:
    """Bind the served directories over the system's; needs the server to answer."""
    try:
        for name, target in targets.items():
            bind(str(served / name), target)
        print("ready", flush=True)
    except OSError as error:
        print(error, flush=True)


def main() -> None:
    """Set up, report and serve."""
    print("awake", flush=True)
    order: ServeOptions = pickle.load(sys.stdin.buffer)
    # Started before the namespace is entered: it removes the workspace as everybody else sees it.
    ending = threading.Thread(target=_quit_with_stdin, args=(order.workspace,), daemon=True)
    ending.start()
    workspace = Path(order.workspace)
    served = workspace / "served"
    served.mkdir()
    root, targets = tree(order.topology), dict(POWERCAP)
    for place in order.board.places:
        name = place.replace("/", "-")
        root.children[name] = boards.tree(order.board, place)
        targets[name] = f"/sys/{place}"
    server = FuseServer(root, lambda: (time.monotonic_ns() - order.t0_ns) / 1e9)
    try:
        enter_private_namespace()
        _place_cpus(order.topology, workspace)
        _overlay("/sys/devices/virtual", workspace, "powercap")
        _overlay("/sys/class", workspace, "powercap", "hwmon", "power_supply")
        if boards.IIO in order.board.places:
            _overlay("/sys/bus", workspace, boards.IIO.removeprefix("bus/"))
        server.mount(str(served))
    except OSError as error:
        print(error, flush=True)
        ending.join()
    threading.Thread(target=_show_tree, args=(served, targets), daemon=True).start()
    with suppress(OSError):  # a container may forbid it; reads are then slightly later
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    gc.collect()
    gc.freeze()
    server.serve()
    ending.join()


if __name__ == "__main__":
    main()
