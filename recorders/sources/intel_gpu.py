"""Intel GPUs: the energy counters of the xe and i915 drivers.

Files: Documentation/ABI/testing/sysfs-driver-intel-xe-hwmon and -i915-hwmon of Linux. xe counts the
card (energy1) and its package (energy2), which lies inside the card; a GPU in a processor has the
latter only. The chips i915_gtN are tiles inside i915. The kernel adds up a register of 32 bits only
when it is read, so a counter that is not read while it counts 2^32 units of 2^-14 J has lapped.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from recorders.sources.hwmon_chips import Chip, Found
from recorders.sources.pci_gpus import Driver, Offer, open_cards

LAP_J = 2**32 / 2**14
ENERGIES = (
    Offer("energy1_input", "J", "energy of the card", LAP_J),
    Offer("energy2_input", "J", "energy of the package", LAP_J),
)
# The bus of a GPU in an Intel processor; a card sits behind a bridge.
ROOT_BUS = "00"


def open_intel_gpu(root: Path, chips: Sequence[Chip]) -> Found:
    """Each card, and why others cannot be read."""
    opened = [
        open_cards(root, chips, Driver(name, ENERGIES, _is_inside)) for name in ("i915", "xe")
    ]
    return Found(
        [source for found in opened for source in found.sources],
        [refusal for found in opened for refusal in found.refused],
        chips,
    )


def _is_inside(chip: Chip) -> bool:
    return chip.device.rpartition(":")[0].endswith(f":{ROOT_BUS}")
