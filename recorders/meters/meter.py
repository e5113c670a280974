"""The interface of a meter: what its spec says, how it is opened, and what it reads."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

Clock = Callable[[], int]

# More than a meter of one machine can show: beyond it, the unit is wrong.
MOST_W = 50_000.0
# More than such a meter can have counted in a lifetime.
MOST_J = 1e15
# The longest that a read may take, and the most that it may take in.
DEADLINE_S, MOST_BYTES = 5.0, 2**20
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class SpecError(ValueError):
    """A spec that cannot be read; the text is for the user, on one line."""


class MeterError(Exception):
    """A meter cannot be reached or has closed the connection: it is opened again later."""


class UnreadableError(Exception):
    """One answer without a usable reading; the connection is still good."""


class Sample(NamedTuple):
    """One reading, at its own CLOCK_MONOTONIC time: the middle of the request, or the device's own
    stamp. `energy_j` is a cumulative counter; None: the device has none, or it is of no use."""

    time_ns: int
    power_w: float | None
    energy_j: float | None = None


class Reader(Protocol):
    """An open meter, used by one thread.

    `waits`: `read` itself waits for the device, at most a second or so, and may return nothing.
    Otherwise it is called every `period_s` of its spec.
    """

    waits: bool

    def read(self) -> Sequence[Sample]:
        """The readings since the last call. Raises MeterError or UnreadableError."""

    def close(self) -> None:
        """Close the connection, or end the program."""


@dataclass(frozen=True, slots=True)
class Access:
    """The things a meter may use apart from its spec: its credentials, and clocks.

    Credentials come from `WATTUI_METER_NAME_TOKEN`, `_USER` and `_PASSWORD`, or from a file that
    `_FILE` names, which only its owner may read and which has lines such as `token = …`; `kind`
    stands where they have METER.
    """

    name: str
    environ: Mapping[str, str] = field(default_factory=dict)
    clock: Clock = time.monotonic_ns
    wall_s: Callable[[], float] = time.time
    kind: str = "meter"

    @property
    def prefix(self) -> str:
        """How the names of its variables begin."""
        return "".join(f"{part}_" for part in ("WATTUI", self.kind, self.name) if part).upper()

    def secret(self, what: str) -> str:
        """A credential (token, user, password); empty if there is none. Raises MeterError."""
        prefix = self.prefix
        found = self.environ.get(prefix + what.upper(), "")
        if not found and (named := self.environ.get(prefix + "FILE")):
            found = _in_file(Path(named)).get(what, "")
        if not (found.isascii() and found.isprintable()):
            raise MeterError(f"{prefix}{what.upper()} has a special character")
        return found


class Spec(Protocol):
    """A meter's kind and place: plain data, checked. Kinds that inherit it state only what differs
    from a meter of power that is read every second."""

    @property
    def shown(self) -> str:
        """The spec, as shown and recorded."""

    @property
    def counts(self) -> bool:
        """Whether its counter gives the energy."""
        return False

    @property
    def step_j(self) -> float:
        """The resolution of its counter, joules; 0 if unknown."""
        return 0.0

    @property
    def period_s(self) -> float:
        """The time between two readings, seconds."""
        return 1.0

    def open(self, access: Access) -> Reader:
        """The meter, ready to be read. Raises MeterError."""


def number(text: str, what: str = "") -> float:
    """A number as text; nothing else is taken for one. Raises UnreadableError."""
    stripped = text.strip()
    if not _NUMBER.fullmatch(stripped):
        raise UnreadableError(f"{what}{cut(text)!r} is not a number")
    return float(stripped)


def parse_factor(text: str) -> float:
    """A factor above 0. Raises SpecError."""
    try:
        factor = number(text)
    except UnreadableError:
        factor = 0.0
    if not 0 < factor < 1e12:
        raise SpecError(f"factor {cut(text)!r} is not a number above 0")
    return factor


def checked(sample: Sample) -> Sample:
    """A sample with possible values. Raises UnreadableError."""
    if sample.power_w is None and sample.energy_j is None:
        raise UnreadableError("it shows neither a power nor an energy")
    for value, unit, most in ((sample.power_w, "W", MOST_W), (sample.energy_j, "J", MOST_J)):
        if value is not None and not 0 <= value <= most:
            known = f"{value:g} {unit}" if math.isfinite(value) else f"{value} {unit}"
            raise UnreadableError(f"it shows {known}, outside the range 0 to {most:g} {unit}")
    return sample


def cut(text: str, most: int = 60) -> str:
    """A device's text as quoted in a message: on one line, and not long."""
    flat = " ".join(text[: 4 * most].split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def _in_file(path: Path) -> dict[str, str]:
    try:
        if path.stat().st_mode & 0o077:
            raise MeterError(f"{path} may be read by others: fix: chmod 600 {path}")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise MeterError(f"{path} cannot be read: {reason}") from None
    pairs = (line.partition("=") for line in lines if not line.lstrip().startswith("#"))
    return {key.strip().lower(): value.strip().strip("\"'") for key, _, value in pairs}
