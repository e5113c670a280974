"""The reasons that hold an AMD GPU's clocks back, from the metrics table of the amdgpu driver.

Layouts: kgd_pp_interface.h of Linux. Cards up to revision 1.3 show a status that is the same for
all; those from 1.6 (MI300) show for how long each reason has held them, so that a reason holds if
its time has grown since the last reading. Revisions 1.4 and 1.5 show only bits whose meaning
depends on the chip, and 1.9 is a list of attributes: neither is read.
"""

from __future__ import annotations

import struct
from pathlib import Path

from recorders.held_back import HeldBack, of_amd
from recorders.source import Retry
from recorders.sources.hwmon import failure

# Size of the table, format revision, content revision.
_HEADER = struct.Struct("<HBB")
_STATUS, _RESIDENCIES = struct.Struct("<Q"), struct.Struct("<5I")
# Where the status or the residencies are, by format revision, content revision and size.
_STATUS_AT = {(1, 3, 120): 112}
_RESIDENCIES_AT = {(1, 6, 1664): 36, (1, 7, 2208): 44, (1, 8, 3360): 44, (1, 8, 3872): 44}
# In the order of the table: PROCHOT, PPT, socket, voltage regulator, HBM.
_REASONS = (
    HeldBack.HARDWARE,
    HeldBack.POWER_CAP,
    HeldBack.THERMAL,
    HeldBack.THERMAL,
    HeldBack.THERMAL,
)
_MOST_BYTES = 8192
_NONE_32, _NONE_64 = 2**32 - 1, 2**64 - 1


class GpuMetrics:
    """Reads the table of one card."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._before: tuple[int, ...] | None = None

    def read(self) -> HeldBack:
        """The reasons now. Raises Retry or Gone if they cannot be read, or are not known."""
        try:
            with self.path.open("rb") as file:
                table = file.read(_MOST_BYTES)
        except OSError as error:
            raise failure(self.path, error) from None
        return self.held_by(table)

    def held_by(self, table: bytes) -> HeldBack:
        """The reasons that a table shows. Raises Retry."""
        if len(table) < _HEADER.size:
            raise Retry(f"{self.path}: no metrics table")
        size, form, content = _HEADER.unpack_from(table)
        if len(table) < size:
            raise Retry(f"{self.path}: {len(table)} of {size} bytes")
        if place := _STATUS_AT.get((form, content, size)):
            return self._of_status(*_STATUS.unpack_from(table, place))
        if place := _RESIDENCIES_AT.get((form, content, size)):
            return self._grown(_RESIDENCIES.unpack_from(table, place))
        raise Retry(f"{self.path}: revision {form}.{content} of {size} bytes is not known")

    def _of_status(self, bits: int) -> HeldBack:
        held = None if bits == _NONE_64 else of_amd(bits)
        if held is None:
            raise Retry(f"{self.path}: throttle status {bits:#x} is not known")
        return held

    def _grown(self, now: tuple[int, ...]) -> HeldBack:
        before, self._before = self._before, now
        if before is None:
            raise Retry(f"{self.path}: the first reading")
        held = HeldBack(0)
        for reason, earlier, later in zip(_REASONS, before, now, strict=True):
            if later not in (earlier, _NONE_32):
                held |= reason
        return held
