"""The power that a BMC shows by DCMI (IPMI's extension for data centres), through ipmitool or, if
that is missing, ipmi-dcmi of FreeIPMI.

The state that they print ("activated") is wrong on many machines in both directions, so the value
tells: 0 W means that the BMC does not measure power.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from recorders.meters.meter import (
    DEADLINE_S,
    Access,
    Clock,
    MeterError,
    Sample,
    Spec,
    SpecError,
    UnreadableError,
    cut,
    number,
)

WAY = "dcmi"
COMMANDS = (
    ("ipmitool", "dcmi", "power", "reading"),
    ("ipmi-dcmi", "--get-system-power-statistics"),
)
# FreeIPMI's programs are where PATH does not lead everybody.
MORE_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
MOST_BYTES, PIECE = 1 << 16, 1 << 14
_POWER = re.compile(
    r"^\s*(?:Instantaneous power reading|Current Power)\s*:\s*(\S+)\s+Watts\s*$", re.M
)


@dataclass(frozen=True, slots=True)
class IpmiSpec(Spec):
    """A program that asks this machine's BMC, and its arguments."""

    argv: tuple[str, ...]
    # BMCs refresh their readings every 1 to 60 s, and asking costs processor time.
    period_s: float = 2.0

    @property
    def shown(self) -> str:
        """The way to the BMC."""
        return f"ipmi:{WAY}"

    def open(self, access: Access) -> Bmc:
        """The BMC, to be asked."""
        return Bmc(self.argv, access.clock)


class Bmc:
    """Starts the program for each reading."""

    waits = False

    def __init__(self, argv: Sequence[str], clock: Clock) -> None:
        self._argv, self._clock = argv, clock

    def read(self) -> Sequence[Sample]:
        """The power now."""
        begun_ns = self._clock()
        status, text = output(self._argv)
        middle_ns = (begun_ns + self._clock()) // 2
        if status != 0:
            raise MeterError(failure(os.path.basename(self._argv[0]), status, text))
        return [Sample(middle_ns, shown_w(text))]

    def close(self) -> None:
        """Each reading has its own process."""


def shown_w(text: str) -> float:
    """The power in what a program printed. Raises UnreadableError."""
    found = _POWER.findall(text)
    if len(found) != 1:
        raise UnreadableError(f"no power in {cut(text)!r}")
    power_w = number(found[0])
    if power_w <= 0:
        raise UnreadableError(f"the BMC shows {power_w:g} W: it does not measure power")
    return power_w


def failure(program: str, status: int, text: str) -> str:
    """Why a program failed, from its last words."""
    words = text.strip().splitlines()
    fix = ""
    if "/dev/ipmi" in text or "ermission" in text:
        fix = ": fix: sudo modprobe ipmi_devintf ipmi_si, and the right to read /dev/ipmi0"
    elif "nvalid" in text or "nsupported" in text:
        fix = ": this BMC has no DCMI: fix: redfish:HOST, if it has Redfish"
    return f"{program} ended with status {status}" + (f": {cut(words[-1])}" if words else "") + fix


def output(argv: Sequence[str], deadline_s: float = DEADLINE_S) -> tuple[int, str]:
    """The exit status and the output of a program, without a shell. Raises MeterError if it takes
    longer than the deadline or prints too much."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=kept | {"LC_ALL": "C"},
            start_new_session=True,
        )
    except OSError as error:
        raise MeterError(f"{argv[0]} cannot be started: {error.strerror}") from None
    assert process.stdout is not None
    name, said = os.path.basename(argv[0]), b""
    ends_s = time.monotonic() + deadline_s
    try:
        with process.stdout as pipe:
            while piece := _piece(pipe.fileno(), ends_s):
                said += piece
                if len(said) > MOST_BYTES:
                    raise MeterError(f"{name} prints more than {MOST_BYTES:,} bytes")
        status = process.wait(max(0.0, ends_s - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired):
        raise MeterError(f"{name} does not answer in {deadline_s:g} s") from None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return status, said.decode(errors="replace")


def _piece(pipe: int, ends_s: float) -> bytes:
    """The next bytes; none at the end. Raises TimeoutError."""
    if not select.select([pipe], [], [], max(0.0, ends_s - time.monotonic()))[0]:
        raise TimeoutError
    return os.read(pipe, PIECE)


def parse(kind: str, where: str) -> IpmiSpec:
    """The way to the BMC, which is `dcmi`. Raises SpecError."""
    if where != WAY:
        raise SpecError(f"{kind} knows only {WAY}, not {cut(where)!r}")
    path = f"{os.environ.get('PATH', os.defpath)}:{MORE_PATH}"
    for program, *arguments in COMMANDS:
        if found := shutil.which(program, path=path):
            return IpmiSpec((found, *arguments))
    programs = " nor ".join(program for program, *_ in COMMANDS)
    raise SpecError(f"{kind}: there is neither {programs}: fix: sudo apt-get install ipmitool")
