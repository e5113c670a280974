"""`wattui fleet`: records a job on all nodes of a Ray cluster."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from wattui.capture import process
from wattui.capture.signals import Signals, taken
from wattui.commands import summary
from wattui.commands.parser import Parser
from wattui.errors import INCOMPLETE, UsageError, WattuiError
from wattui.fleet.cluster import AUTO, RayCluster, check_private, joined
from wattui.fleet.driver import READY_S, Driver, named
from wattui.fleet.hosts import started
from wattui.fleet.keeper import Place, environment
from wattui.fleet.ranks import read_rank
from wattui.show.printing import say
from wattui.show.quantities import counted

LOOK_S, QUICK_S = 1.0, 0.2
# Options of the main command that every node's recorder gets.
_VALUES = ("idle", "idle_after", "rate", "tdp")
_FLAGS = ("all_gpus", "simulate", "no_estimate")
EPILOG = """\
examples:
  wattui fleet --csv shared/ -- python job.py                   the cluster that runs here
  wattui fleet --ray 10.0.0.1:6379 --csv shared/ -- python job.py
  wattui fleet --hosts node1,node2 --csv shared/ -- python job.py

The job joins the cluster with ray.init(). Its tasks mark and count with wattui.phase() and
wattui.count(), which find the recorder of their node. DIR/ must be a folder that all nodes share.
"""


def parser() -> argparse.ArgumentParser:
    """The parser of `wattui fleet`."""
    made = Parser(
        prog="wattui fleet",
        usage="wattui fleet [options] --csv DIR/ -- COMMAND [ARGUMENT ...]",
        description="Record a job on all nodes of a Ray cluster as one run.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = made.add_mutually_exclusive_group()
    where.add_argument(
        "--ray",
        default=AUTO,
        metavar="ADDRESS",
        help="address of the cluster, as HOST:PORT (default: the one that runs on this machine)",
    )
    where.add_argument(
        "--hosts",
        metavar="A,B,C",
        help="start a cluster of this machine and these, by ssh, and end it afterwards",
    )
    made.add_argument("--csv", required=True, metavar="DIR/", help="folder that all nodes share")
    made.add_argument("--name", metavar="NAME", help="name of the run (default: date and time)")
    made.add_argument(
        "--idle", type=float, metavar="S", help="seconds of idle baseline before the job"
    )
    made.add_argument("--idle-after", type=float, metavar="S", help="seconds of idle after it")
    made.add_argument("--rate", type=float, metavar="HZ", help="samples per second")
    made.add_argument(
        "--tdp", type=float, metavar="W", help="power of a processor to estimate from"
    )
    made.add_argument("--all-gpus", action="store_true", help="also record GPUs that are hidden")
    made.add_argument("--no-estimate", action="store_true", help="do not estimate processor power")
    made.add_argument("--simulate", action="store_true", help="add a simulated power curve")
    made.add_argument("command", nargs="*", help=argparse.SUPPRESS)
    return made


def main(options: argparse.Namespace) -> int:
    """Record the job; returns its exit status. Raises WattuiError."""
    if not options.command:
        raise UsageError("no job to record: fix: wattui fleet --csv DIR/ -- python job.py")
    if not options.csv.endswith("/"):
        raise UsageError(f"--csv {options.csv}: a folder is needed: fix: --csv {options.csv}/")
    program = process.find_program(options.command[0], os.environ)
    job = options.name or time.strftime("ray-%Y%m%d-%H%M%S")
    link = f"/tmp/wattui-{os.getuid()}-{job}/run"
    with _address(options) as address, taken() as signals, joined(address, link) as cluster:
        csv = f"{os.path.realpath(options.csv)}/"
        driver = Driver(cluster, job, csv, passed_on(options), time.monotonic, say)
        return _record(driver, cluster, program, options.command, signals)


@contextlib.contextmanager
def _address(options: argparse.Namespace) -> Iterator[str]:
    """Where the cluster is; one that is started here is ended afterwards.

    Not to be used while signals are held back: Ray could not be ended then.
    """
    if options.hosts is None:
        yield options.ray
        return
    hosts = [host.strip() for host in options.hosts.split(",") if host.strip()]
    if not hosts:
        raise UsageError(f"--hosts {options.hosts!r} names no host: fix: --hosts node1,node2")
    for host in hosts:
        check_private(host.rpartition("@")[2])
    say(f"starting Ray on {counted(len(hosts), 'other host')}")
    with started(hosts) as address:
        yield address


def _record(
    driver: Driver, cluster: RayCluster, program: str, argv: list[str], signals: Signals
) -> int:
    run = read_rank(environment({}, Place(driver.job, 0, 1, ""))).run
    shared = Path(driver.csv) / f"run={run}"
    try:
        driver.start()
        if interrupted := _wait_ready(driver, signals):
            return interrupted
        say(*beginning(len(driver.states), shared, bool(sys.stderr) and sys.stderr.isatty()))
        looked_s = time.monotonic()

        def look() -> None:
            nonlocal looked_s
            if time.monotonic() - looked_s >= LOOK_S:
                driver.look(QUICK_S)
                looked_s = time.monotonic()

        environ = cluster.environment(os.environ)
        outcome = process.run(program, argv, environ, signals, lambda _: None, on_wake=look)
    except WattuiError:
        driver.end()
        raise
    shortfalls = driver.end()
    say(*shortfalls)
    _show(shared)
    lost = [named(state.node) for state in driver.states.values() if state.lost]
    return outcome.status or (INCOMPLETE if shortfalls or lost else 0)


def _show(shared: Path) -> None:
    """Print the summary where it does not mix with the job's output."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            summary.show([f"{shared}/"], summary.Asked())
    except UsageError as error:
        say(str(error))
    else:
        say(f"one run file: wattui merge {shared} -o run.csv")


def _wait_ready(driver: Driver, signals: Signals) -> int:
    """Wait for the recorders of all nodes; returns an exit status if a signal ended that."""
    until_s = time.monotonic() + READY_S + _idle_s(driver)
    while not driver.is_ready:
        if time.monotonic() > until_s:
            late = [named(s.node) for s in driver.states.values() if not s.is_ready]
            raise UsageError(f"{', '.join(late)}: not ready in time: fix: run wattui doctor there")
        driver.look(QUICK_S)
        if info := signals.sleep(QUICK_S):
            driver.end()
            return 128 + info.si_signo
    return 0


def _idle_s(driver: Driver) -> float:
    options = [*driver.options]
    return float(options[options.index("--idle") + 1]) if "--idle" in options else 10.0


def beginning(nodes: int, run: Path, is_watched: bool) -> list[str]:
    """What is said when the recordings begin; to somebody at a terminal, also how to watch them."""
    found = [f"recording {counted(nodes, 'node')} into {run}"]
    return (
        [*found, f"to watch it: wattui --replay {shlex.quote(f'{run}/')}"] if is_watched else found
    )


def passed_on(options: argparse.Namespace) -> list[str]:
    """The options for the recorder of every node."""
    return [*_options(options)]


def _options(options: argparse.Namespace) -> Iterator[str]:
    for name in _VALUES:
        if (value := getattr(options, name)) is not None:
            yield from (f"--{name.replace('_', '-')}", f"{value:g}")
    for name in _FLAGS:
        if getattr(options, name):
            yield f"--{name.replace('_', '-')}"
