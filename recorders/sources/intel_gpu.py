"""Intel GPUs: the energy counters of the xe and i915 drivers.

Files: Documentation/ABI/testing/sysfs-driver-intel-xe-hwmon and -i915-hwmon of Linux. xe counts the
card (energy1) and its package (energy2), which lies inside the card; a GPU in a processor has the
latter only. The chips i915_gtN are tiles inside i915. The kernel adds up a register of 32 bits only
when it is read, so a counter that is not read while it counts 2^32 units of 2^-14 J has lapped.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recorders.held_back import HeldBack, of_intel
from recorders.machine import file_text
from recorders.source import Refusal, Retry
from recorders.sources.hwmon_chips import Chip, Found
from recorders.sources.pci_gpus import Driver, Offer, open_cards

NO_CARD = Refusal(
    "intel_gpu",
    "no Intel GPU whose driver counts energy (xe, or i915 since Linux 6.2)",
    kind="absent",
)
LAP_J = 2**32 / 2**14
ENERGIES = (
    Offer("energy1_input", "J", "energy of the card", LAP_J),
    Offer("energy2_input", "J", "energy of the package", LAP_J, is_part=True),
)
# The files that tell why the clocks of each tile's graphics (gt) are held back: of xe, of i915.
THROTTLE = (
    ("device/tile*/gt*/freq*/throttle", "reason_", "status"),
    ("device/gt*/freq*/throttle", "reason_", "status"),
    ("device/drm/card*/gt/gt*", "throttle_reason_", "throttle_reason_status"),
)


def open_intel_gpu(root: Path, chips: Sequence[Chip], nvidia: Sequence[str] | None = None) -> Found:
    """Each card, and why others cannot be read."""
    opened = [
        open_cards(root, chips, Driver(name, ENERGIES, held=_held), nvidia)
        for name in ("i915", "xe")
    ]
    sources = [source for found in opened for source in found.sources]
    refused = [refusal for found in opened for refusal in found.refused]
    return Found(sources, refused, chips, [] if sources or refused else [NO_CARD])


class Throttle:
    """The reasons of all graphics units of a card, each a file with 0 or 1."""

    def __init__(self, directories: Sequence[Path], prefix: str, status: str) -> None:
        self.path = directories[0] / status
        self._prefix = prefix
        # Of each unit, whether it is held back at all, and the reasons.
        self._units = [
            (directory / status, sorted(set(directory.glob(f"{prefix}*")) - {directory / status}))
            for directory in directories
        ]

    def read(self) -> HeldBack:
        """The reasons now. Raises Retry if they cannot be read, or are not known."""
        held = HeldBack(0)
        for status, reasons in self._units:
            if (is_held := file_text(status)) == "0":
                continue
            found = of_intel(
                path.name.removeprefix(self._prefix) for path in reasons if file_text(path) == "1"
            )
            if is_held != "1" or not found:
                raise Retry(f"{status}: {is_held!r} for no known reason")
            held |= found
        return held


def _held(chip: Chip) -> Throttle | None:
    for pattern, prefix, status in THROTTLE:
        found = sorted(chip.directory.glob(pattern))
        if directories := [path for path in found if (path / status).exists()]:
            return Throttle(directories, prefix, status)
    return None
