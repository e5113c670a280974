"""Opens the families of sensors in sysfs that this machine has: boards, rails, batteries
and GPUs.

A family is a function of the root and the chips that no family before it took. It returns its
sources, the reasons why others are missing, and the chips that are left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread

from recorders.source import Refusal
from recorders.sources.acpi_power import open_acpi_power
from recorders.sources.amdgpu import open_amdgpu
from recorders.sources.battery import open_battery
from recorders.sources.hwmon_chips import Chip, Found, find_chips
from recorders.sources.intel_gpu import open_intel_gpu
from recorders.sources.jetson import open_jetson
from recorders.sources.rails import open_rails

Family = Callable[[Path, Sequence[Chip]], Found]

# The chips of a family that comes earlier are not offered to the later ones.
BOARDS: tuple[Family, ...] = (open_jetson, open_acpi_power, open_rails, open_battery)
GPUS = (open_amdgpu, open_intel_gpu)
FAMILIES: tuple[Family, ...] = (*BOARDS, *GPUS)
# A sensor on a bus answers within milliseconds; one that has not by then hangs.
ANSWER_S = 1.0


def open_families(
    root: Path, families: Sequence[Family] = FAMILIES, answer_s: float = ANSWER_S
) -> Found:
    """All sources and refusals; those after a sensor that hangs are refused as such."""
    opened: list[Found] = []

    def open_all() -> None:
        try:
            chips: Sequence[Chip] = find_chips(root)
            for family in families:
                opened.append(family(root, chips))
                chips = opened[-1].left
        except Exception as error:  # a broken driver can show anything; other sources still work
            reason = f"the chips cannot be read ({type(error).__name__}: {error})"
            opened.append(Found(refused=[Refusal("hwmon", reason, kind="unread")]))

    # A thread that hangs is left behind, and ends with the process.
    looking = Thread(target=open_all, daemon=True)
    looking.start()
    looking.join(answer_s)
    found = list(opened)
    if looking.is_alive():
        reason = f"a sensor has not answered for {answer_s:g} s, so some chips are not read"
        remedy = "sudo dmesg | grep -i -e i2c -e hwmon"
        found.append(Found(refused=[Refusal("hwmon", reason, remedy, kind="unread")]))
    return Found(
        [source for each in found for source in each.sources],
        [refusal for each in found for refusal in each.refused],
        absent=[refusal for each in found for refusal in each.absent],
    )
