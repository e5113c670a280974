"""A recording as it is now, read from its page; a value that is old is not there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorders import page
from recorders.channels import channel_of
from recorders.counts import INFERENCES
from recorders.marks import ENVIRONMENT
from recorders.source import columns_of

# A page is written twice a second. An older one is not current, even on a busy machine.
STALE_S = 3.0
# How long a killed recorder is reported; the next recording removes what it left.
KILLED_S = 600.0
# The recorder that `wattui status` starts for itself is nobody else's recording.
OWN_ARGV = ["wattui", "status"]
# How long a reading is current: seconds, or periods of a slow recording or sensor.
FRESH_S, FRESH_PERIODS = 3.0, 3.0
# The other parts of a page than sources and readings.
KEYS = frozenset(
    [
        "pid",
        "version",
        "csv",
        "rate_hz",
        "start_monotonic_ns",
        "start_utc_ns",
        "argv",
        "refused",
        "periods_s",
        "at_ns",
        "time_s",
        "phase",
        "label",
        "repeat",
        "inferences",
        "counts",
        "progress",
        "flags",
        "contents",
        "lost",
        "disk",
        "ended",
    ]
)


@dataclass(frozen=True, slots=True)
class LiveChannel:
    """One channel of a source; `unit` is that of its readings, `origin` as in run.json."""

    name: str
    unit: str
    origin: str
    in_total: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One page, and the directory that it is in.

    `readings` has the newest reading of each column, seconds since the start and value;
    `energies_j` and `current` are what may be shown of them.
    """

    place: Path
    message: Mapping[str, Any]
    readings: Mapping[str, tuple[float, float]]
    channels: Mapping[str, Sequence[LiveChannel]]

    @classmethod
    def of(cls, place: Path, message: Mapping[str, Any]) -> Snapshot:
        """The snapshot of a page. Raises DamagedPageError for one of another version."""
        if lacking := KEYS - message.keys():
            raise page.DamagedPageError(f"not a page of this version: without {min(lacking)}")
        try:
            readings = {
                column: (float(time_s), float(text))
                for column, (time_s, text) in message["readings"].items()
            }
            channels = {
                source["name"]: [LiveChannel(**channel) for channel in source["channels"]]
                for source in message["sources"]
            }
        except (KeyError, TypeError, ValueError) as error:
            raise page.DamagedPageError(f"not a page of this version: {error}") from None
        return cls(place, message, readings, channels)

    @property
    def time_s(self) -> float:
        """The time of its newest row."""
        return float(self.message["time_s"])

    @property
    def start_ns(self) -> int:
        """CLOCK_MONOTONIC at its beginning."""
        return int(self.message["start_monotonic_ns"])

    @property
    def csv(self) -> str | None:
        """The run file, if there is one."""
        csv: str | None = self.message["csv"]
        return csv

    @property
    def phase(self) -> str:
        """The phase; empty outside phases."""
        return str(self.message["phase"])

    @property
    def label(self) -> str:
        """The label of the phase."""
        return str(self.message["label"])

    @property
    def inferences(self) -> int | None:
        """The inferences counted so far."""
        n: int | None = self.message["inferences"]
        return n

    @property
    def counts(self) -> Mapping[str, int]:
        """What else was counted so far."""
        counts: Mapping[str, int] = self.message["counts"]
        return counts

    @property
    def joules_per(self) -> Mapping[str, float]:
        """Joules per unit of each count of what runs or ran last; inferences first."""
        progress = self.progress
        if progress is None or progress["energy_j"] is None:
            return {}
        each_j = progress["joules_per_inference"]
        own = {} if each_j is None else {INFERENCES: each_j}
        others = {name: progress["energy_j"] / n for name, n in progress["counts"].items() if n}
        return {**own, **others}

    @property
    def progress(self) -> Mapping[str, Any] | None:
        """Joules per inference of what runs or ran last: the fields of `Progress`."""
        progress: Mapping[str, Any] | None = self.message["progress"]
        return progress

    @property
    def flags(self) -> Sequence[tuple[str, str]]:
        """Flags so far, with what they are about."""
        return [(flag, subject) for flag, subject in self.message["flags"]]

    @property
    def has_ended(self) -> bool:
        """Whether this is the last page of its recording."""
        return bool(self.message["ended"])

    def age_s(self, now_ns: int) -> float:
        """How long ago its recorder wrote it."""
        return float((now_ns - int(self.message["at_ns"])) * 1e-9)

    def is_stale(self, now_ns: int) -> bool:
        """Whether the recorder no longer responds."""
        return not self.has_ended and self.age_s(now_ns) > STALE_S

    def is_current(self, column: str) -> bool:
        """Whether a column has a reading that tells what is now."""
        found, channel = self.readings.get(column), channel_of(column)
        if found is None or channel in self.message["lost"]:
            return False
        period_s = float(self.message["periods_s"].get(channel, 0.0))
        slowest_s = max(1 / float(self.message["rate_hz"]), period_s)
        return self.time_s - found[0] <= max(FRESH_S, FRESH_PERIODS * slowest_s)

    def current(self, column: str) -> float | None:
        """A column's value if it is one of now."""
        return self.readings[column][1] if self.is_current(column) else None

    def is_up(self, channel: LiveChannel) -> bool:
        """Whether a channel is being read."""
        return any(map(self.is_current, columns_of(channel.name, channel.unit)))

    def origin_of(self, channel: str) -> str:
        """Whether a channel, or the sum, is measured, estimated, simulated or read manually."""
        every = (each for channels in self.channels.values() for each in channels)
        return next((each.origin for each in every if each.name == channel), "measured")


class Page:
    """A page kept open: the last one can still be read when its directory is gone.

    Raises OSError if there is none.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self._descriptor = page.open_page(place)

    def read(self) -> Snapshot | None:
        """Its contents; None if it is damaged or of another version."""
        try:
            return Snapshot.of(self.place, page.read(self._descriptor))
        except (OSError, page.DamagedPageError):
            return None

    @property
    def is_removed(self) -> bool:
        """Whether the recorder's directory was removed, as after its end."""
        return os.fstat(self._descriptor).st_nlink == 0

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)


def find(now_ns: int, csv: str | None = None) -> list[Snapshot]:
    """The recordings of this user, the one this program is part of first, then the newest.

    With `csv`, only the recording that writes that file.
    """
    own = os.environ.get(ENVIRONMENT)
    places = dict.fromkeys([*([Path(own)] if own else []), *page.pages()])
    found = [each for place in places if (each := _shown(place, now_ns))]
    if csv is not None:
        found = [each for each in found if each.csv and _same(each.csv, csv)]
    return sorted(
        found,
        key=lambda each: (str(each.place) != own, each.is_stale(now_ns), -each.start_ns),
    )


def _shown(place: Path, now_ns: int) -> Snapshot | None:
    """The recording in a directory, if it is one to show."""
    try:
        opened = Page(place)
    except OSError:
        return None
    try:
        found = opened.read()
    finally:
        opened.close()
    if found is None or found.has_ended or found.message["argv"] == OWN_ARGV:
        return None
    is_old = found.age_s(now_ns) > KILLED_S and page.is_abandoned(place)
    return None if is_old else found


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.abspath(one) == os.path.abspath(other)
