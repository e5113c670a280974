"""AMD GPUs: the power that the amdgpu driver shows, its mean if there is one.

Files: Documentation/gpu/amdgpu/thermal.rst of Linux. Since Linux 6.6 most cards have one of the
two. Only the GPU of a processor (APU) has a northbridge voltage, in1_input (amdgpu_pm.c); its power
may be that of the whole processor, so it is in no sum. The second die of an MI250 shows 0 W, as the
first shows the power of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from recorders.source import Refusal
from recorders.sources.gpu_metrics import GpuMetrics
from recorders.sources.hwmon_chips import Chip, Found
from recorders.sources.pci_gpus import Driver, Offer, open_cards, pci_id

NO_CARD = Refusal(
    "amdgpu",
    "no AMD GPU with its driver",
    "if this machine has one: sudo modprobe amdgpu",
    kind="absent",
)
# MI250 and MI250X.
TWO_DIES = ("0x7408", "0x740c")
POWERS = (
    Offer("power1_average", "W", "mean power"),
    Offer("power1_input", "W", "instantaneous power"),
)


def open_amdgpu(root: Path, chips: Sequence[Chip], nvidia: Sequence[str] | None = None) -> Found:
    """Each card, and why others cannot be read."""
    found = open_cards(root, chips, Driver("amdgpu", POWERS, _zero, _held), nvidia)
    return found if found.sources or found.refused else replace(found, absent=[NO_CARD])


def _zero(chip: Chip) -> tuple[str, bool]:
    if pci_id(chip, "device") in TWO_DIES:
        return "it is the second die of an MI250, whose first die shows the power of both", True
    return "it does not measure", False


def _held(chip: Chip) -> GpuMetrics:
    return GpuMetrics(chip.directory / "device/gpu_metrics")
