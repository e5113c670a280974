"""A fake amdsmi: AMD's library with cards whose joules are known, answering as ROCm's does.

`MODULE` on PYTHONPATH has the module; its card and its faults are in the environment.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from testbench.curves import PowerCurve, curve_from_dict

# The recorder takes packages only from folders of this name.
MODULE = Path(__file__).with_name("fake_amdsmi") / "site-packages"
CARDS, ZERO = "FAKE_AMDSMI_CARDS", "BENCH_T0_NS"

# still   the counter stands still;  double  it counts twice as much
# none    it shows "N/A";  old  it is called "power", as before 6.2.1;  refuses  the call fails
Fault = Literal["", "still", "double", "none", "old", "refuses"]


class AmdSmiException(Exception):
    """The error that the library raises."""


@dataclass(frozen=True)
class SmiCard:
    """A card: its PCI address, its power, and what one count is worth."""

    pci: str
    curve: PowerCurve
    fault: Fault = ""
    resolution_uj: float = 15.259
    refresh_s: float = 0.001


class FakeAmdSmi:
    """The library's functions, with `seconds` as the bench's time.

    `overlapped` is whether two calls ever ran side by side, which ROCm before 7.2 does not allow.
    """

    AmdSmiException = AmdSmiException

    def __init__(self, cards: Sequence[SmiCard], seconds: Callable[[], float]) -> None:
        self.cards, self._seconds = cards, seconds
        self.overlapped = self.is_initialised = False
        self._lock = Lock()

    def amdsmi_init(self, flag: object = None) -> None:
        """Initialise."""
        self.is_initialised = True

    def amdsmi_get_processor_handles(self) -> list[SmiCard]:
        """A handle for each card."""
        if not self.is_initialised:
            raise AmdSmiException("Error code:\n\t32 | AMDSMI_STATUS_NOT_INIT")
        return list(self.cards)

    def amdsmi_get_gpu_device_bdf(self, handle: SmiCard) -> str:
        """The PCI address of a card."""
        return handle.pci

    def amdsmi_get_energy_count(self, handle: SmiCard) -> dict[str, Any]:
        """The energy counter, what a count is worth in µJ, and the time."""
        if not self._lock.acquire(blocking=False):
            self.overlapped = True
            raise AmdSmiException("two calls at once")
        try:
            return self._count(handle)
        finally:
            self._lock.release()

    def _count(self, card: SmiCard) -> dict[str, Any]:
        if card.fault == "refuses":
            raise AmdSmiException("Error code:\n\t2 | AMDSMI_STATUS_NOT_SUPPORTED")
        at_s = math.floor(self._seconds() / card.refresh_s) * card.refresh_s
        energy_j = 5e6 + card.curve.energy_j(at_s) * (2.0 if card.fault == "double" else 1.0)
        resolution_uj = ctypes.c_float(card.resolution_uj).value
        count: int | str = int((5e6 if card.fault == "still" else energy_j) * 1e6 / resolution_uj)
        return {
            "power" if card.fault == "old" else "energy_accumulator": (
                "N/A" if card.fault == "none" else count
            ),
            "counter_resolution": resolution_uj,
            "timestamp": round(at_s * 1e9),
        }


def environment(*cards: SmiCard) -> Mapping[str, str]:
    """Variables with which a program finds the fake library, and these cards in it."""
    told = [{"pci": c.pci, "curve": c.curve.to_dict(), "fault": c.fault} for c in cards]
    return {
        CARDS: json.dumps(told),
        "PYTHONPATH": os.pathsep.join((str(MODULE), str(MODULE.parents[2]))),
    }


def from_environment() -> FakeAmdSmi:
    """The library with the cards of the environment, on the bench's time."""
    cards = [
        SmiCard(told["pci"], curve_from_dict(told["curve"]), told["fault"])
        for told in json.loads(os.environ[CARDS])
    ]
    return FakeAmdSmi(cards, lambda: (time.monotonic_ns() - int(os.environ[ZERO])) * 1e-9)
