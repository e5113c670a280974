"""`wattui calibrate`: how late a meter outside the machine is, and how it follows the sensors."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import cycle
from typing import Any

from recorders.channels import TOTAL, total_parts, with_unit
from recorders.client import Client, Config, RecorderError
from recorders.meters.meter import SpecError
from recorders.meters.source import MeterSource, open_meters
from recorders.meters.specs import Meter, parse_meter
from recorders.summary.wall_fit import WallFit
from recorders.wire import Message, readings
from wattui.analysis.delay import Delay, Seen, find_delay, of_counter
from wattui.calibrations import calibrations_path, fingerprint, save_fit
from wattui.capture.progress import waiting
from wattui.commands.parser import Parser
from wattui.config import config_path, load, save
from wattui.errors import UsageError, WattuiError
from wattui.show.printing import console, print_json

# Seconds of idle and busy in turn; their fractions meet the readings of a meter at other moments.
PATTERN_S = (12.3, 9.3, 6.3, 9.3, 6.4, 9.3, 7.1)
RATE_HZ, LOOK_S = 20.0, 0.05
# The channels to compare with, the best first.
INSIDE = ("total", "board", "psys")
BUSY = (sys.executable, "-I", "-S", "-c", "while True: pass")

Tell = Callable[[str], None]


@dataclass(slots=True)
class Measured:
    """The readings of the sensors and the meter: seconds, and joules or watts."""

    channel: str = ""
    parts: tuple[str, ...] = ()
    inside_j: list[tuple[float, float]] = field(default_factory=list)
    outside: list[tuple[float, float]] = field(default_factory=list)
    counts: bool = False


def parser() -> argparse.ArgumentParser:
    """The parser of `wattui calibrate`."""
    made = Parser(
        prog="wattui calibrate",
        description="Find how late the readings of a meter outside the machine are, from a minute "
        "in which the machine is idle and busy in turn.",
    )
    made.add_argument(
        "--meter",
        metavar="NAME[=SPEC]",
        help="the meter, or the name of one in the settings (default: the only one there)",
    )
    made.add_argument(
        "--load",
        metavar="COMMAND",
        help="a command that keeps the machine busy until it is stopped (default: a loop on every "
        "processor)",
    )
    made.add_argument(
        "--save",
        action="store_true",
        help="keep the delay in the settings, and the fit for --wall-estimate",
    )
    made.add_argument("--json", action="store_true", help="print the result as JSON on stdout")
    return made


def main(options: argparse.Namespace) -> int:
    """Measure, and print what was found. Raises WattuiError."""
    text = chosen(options.meter, load(config_path()).meters)
    meter = parse_meter(text)
    busy = _load(options.load)
    with waiting("preparing the sensors and the meter") as tell:
        measured = measure(text, busy, PATTERN_S, tell)
    try:
        find = of_counter(measured.inside_j, measured.outside) if measured.counts else None
        found = find or find_delay(measured.inside_j, [Seen(*each) for each in measured.outside])
    except ValueError as error:
        raise WattuiError(f"{meter.name}: {error}: fix: see docs/meters.md#calibration") from None
    spec = with_delay(text, found.delay_s)
    if options.save:
        _keep(spec)
        if measured.channel == TOTAL:
            figures = (found.base_w, found.factor, found.residual_w)
            fit = WallFit(meter.name, *figures, measured.parts)
            save_fit(calibrations_path(), fingerprint(), fit)
    if options.json:
        print_json(as_json(meter, measured.channel, found, spec))
    else:
        for line in lines(meter, measured.channel, found, spec, options.save):
            console().print(line, soft_wrap=True, markup=False, highlight=False)
    return 0


def chosen(given: str | None, known: Sequence[str]) -> str:
    """The meter to calibrate, as `NAME=SPEC` and without a delay. Raises UsageError."""
    try:
        read = {meter.name: text for text in known if (meter := parse_meter(text)).spec}
        if given is not None and (meter := parse_meter(given)).spec is not None:
            return with_delay(given, 0.0)
    except SpecError as error:
        raise UsageError(f"--meter: {error}") from None
    name = given or (next(iter(read)) if len(read) == 1 else "")
    if name not in read:
        names = ", ".join(read) or "none"
        what = f"--meter {name}: there is no such meter" if name else "which meter?"
        fix = "fix: --meter wall=SPEC, as in docs/meters.md"
        raise UsageError(f"{what} (the settings have {names}): {fix}")
    return with_delay(read[name], 0.0)


def with_delay(text: str, delay_s: float) -> str:
    """`NAME=SPEC` with a delay, or without one if it is 0."""
    given, _, spec = text.partition("=")
    name = given.partition("@")[0].strip()
    return f"{name}@{delay_s:.2f}={spec}" if delay_s else f"{name}={spec}"


def measure(
    text: str, busy: Sequence[Sequence[str]], pattern_s: Sequence[float], tell: Tell
) -> Measured:
    """Record the sensors and the meter while the machine is idle and busy in turn.

    Raises WattuiError where there is no sensor, or the meter does not answer.
    """
    found = Measured()
    columns: list[str] = []

    def take(message: Message) -> None:
        if message["t"] == "row":
            energy_j = readings(columns, message).get(f"{found.channel}_J")
            if energy_j is not None:
                found.inside_j.append((float(message["time"]), energy_j))

    try:
        client = Client(Config(csv=None, rate_hz=RATE_HZ, estimate=False, publish=False), take)
        ready = client.wait_ready()
    except RecorderError as error:
        raise WattuiError(f"the recorder cannot start ({error})") from None
    columns += ready["columns"]
    found.parts = tuple(total_parts(with_unit(columns, "J")))
    start_ns = int(ready["start_monotonic_ns"])
    found.channel = next((name for name in INSIDE if f"{name}_J" in columns), "")
    sources, refused = open_meters([text], os.environ)
    running: list[subprocess.Popen[bytes]] = []
    try:
        if not found.channel:
            raise WattuiError("no energy of this machine is measured: see `wattui doctor`")
        if refused:
            raise WattuiError(f"{refused[0].reason}: fix: {refused[0].remedy}")
        client.request(do="rows", rate_hz=RATE_HZ)
        left_s = sum(pattern_s)
        for is_busy, seconds in zip(cycle((False, True)), pattern_s, strict=False):
            until_s = time.monotonic() + seconds
            if is_busy:
                for argv in busy:
                    running.append(_started(argv))
            tell(f"{'busy' if is_busy else 'idle'}, {left_s:.0f} s left")
            while time.monotonic() < until_s:
                client.poll(LOOK_S)
                for source in sources:
                    _collect(source, found, start_ns)
            _stop(running)
            left_s -= seconds
    except RecorderError as error:
        raise WattuiError(f"the recorder stopped ({error}): try again") from None
    finally:
        _stop(running)
        for source in sources:
            source.close()
        client.close()
    return found


def lines(meter: Meter, channel: str, found: Delay, spec: str, is_kept: bool) -> list[str]:
    """The result, in words."""
    how = "in the settings now" if is_kept else "to keep it, add --save"
    return [
        f"{meter.name}: readings are {found.delay_s:.2f} ± {found.plus_minus_s:.2f} s late "
        f"(latency {found.latency_s:.2f} s, averaged over {found.window_s:.2f} s)",
        f"{meter.name} = {found.base_w:.1f} W + {found.factor:.3f} × {channel}, residuals "
        f"{found.residual_w:.2g} W, {found.readings} readings, "
        f"{100 * found.explained:.1f} % explained",
        f"use it: --meter {shlex.quote(spec)} ({how})",
    ]


def as_json(meter: Meter, channel: str, found: Delay, spec: str) -> dict[str, Any]:
    """The result, as JSON."""
    shown = meter.spec.shown if meter.spec else ""
    about = {"version": 1, "kind": "calibration", "meter": meter.name, "spec": shown}
    return about | {"channel": channel, **asdict(found), "option": f"--meter {shlex.quote(spec)}"}


def _keep(spec: str) -> None:
    """Put a meter into the settings, replacing the one with its name."""
    name = parse_meter(spec).name
    path = config_path()
    known = load(path).meters
    others = [text for text in known if parse_meter(text).name != name]
    save(path, {"meters": (*others, spec)})


def _collect(source: MeterSource, found: Measured, start_ns: int) -> None:
    """Take the readings of the meter that have come."""
    found.counts = source.channels()[0].unit == "J"
    found.outside += [
        ((reading.time_ns - start_ns) * 1e-9, reading.value)
        for reading in source.read()
        if isinstance(reading.value, float)
    ]


def _load(given: str | None) -> list[Sequence[str]]:
    """The commands that keep the machine busy. Raises UsageError."""
    if given is None:
        return [BUSY] * (os.cpu_count() or 1)
    try:
        return [shlex.split(given)]
    except ValueError as error:
        raise UsageError(f"--load {given!r}: {str(error).lower()}: fix: close the quotes") from None


def _started(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    try:
        return subprocess.Popen(
            argv, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
        )
    except OSError as error:
        raise UsageError(f"--load {argv[0]}: {error.strerror}") from None


def _stop(running: list[subprocess.Popen[bytes]]) -> None:
    """Stop the load at once, and forget it."""
    while running:
        process = running.pop()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()
