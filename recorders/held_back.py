"""The reasons for which a GPU's clocks are held back, in one set of bits for all vendors. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntFlag


class HeldBack(IntFlag):
    """The bits of a `gpuN_held_bits` column; 0: nothing holds the clocks back."""

    POWER_CAP = 1
    THERMAL = 2
    POWER_BRAKE = 4
    SYNC_BOOST = 8
    CLOCK_SETTING = 16
    HARDWARE = 32
    BOARD_LIMIT = 64
    RELIABILITY = 128
    CURRENT = 256


IN_WORDS: Mapping[HeldBack, str] = {
    HeldBack.POWER_CAP: "by its power limit",
    HeldBack.THERMAL: "by heat",
    HeldBack.POWER_BRAKE: "by the power supply (power brake)",
    HeldBack.SYNC_BOOST: "by a slower GPU of its group (sync boost)",
    HeldBack.CLOCK_SETTING: "by clocks that were set",
    HeldBack.HARDWARE: "by its hardware, for power or heat",
    HeldBack.BOARD_LIMIT: "by a limit of its board",
    HeldBack.RELIABILITY: "by its voltage limit",
    HeldBack.CURRENT: "by its current limit",
}

# nvmlClocksEventReasons of nvml.h. Idle (1) is no reason of this kind: there is nothing to do.
_OF_NVML: Mapping[int, HeldBack] = {
    0x2: HeldBack.CLOCK_SETTING,
    0x4: HeldBack.POWER_CAP,
    0x8: HeldBack.HARDWARE,
    0x10: HeldBack.SYNC_BOOST,
    0x20: HeldBack.THERMAL,
    0x40: HeldBack.THERMAL,
    0x80: HeldBack.POWER_BRAKE,
    0x100: HeldBack.CLOCK_SETTING,
    0x200: HeldBack.BOARD_LIMIT,
    0x400: HeldBack.RELIABILITY,
}

# SMU_THROTTLER_*_BIT of amdgpu_smu.h (Linux): the first and last bit of each group.
_OF_AMD: Mapping[tuple[int, int], HeldBack] = {
    (0, 7): HeldBack.POWER_CAP,
    (16, 23): HeldBack.CURRENT,
    (32, 45): HeldBack.THERMAL,
    (46, 47): HeldBack.HARDWARE,
    (57, 57): HeldBack.RELIABILITY,
}

# The reasons of xe_gt_throttle.c and intel_gt_sysfs_pm.c (Linux). PROCHOT is a signal of hardware
# outside the GPU.
_OF_INTEL: Mapping[str, HeldBack] = {
    **dict.fromkeys(("pl1", "pl2", "pl4", "psys_pl1", "psys_pl2"), HeldBack.POWER_CAP),
    **dict.fromkeys(
        ("thermal", "soc_thermal", "mem_thermal", "vr_thermal", "vr_thermalert", "ratl"),
        HeldBack.THERMAL,
    ),
    "soc_avg_thermal": HeldBack.THERMAL,
    "prochot": HeldBack.HARDWARE,
    "psys_crit": HeldBack.POWER_BRAKE,
    **dict.fromkeys(("vr_tdc", "iccmax", "fastvmode"), HeldBack.CURRENT),
}


def of_amd(status: int) -> HeldBack | None:
    """AMD's throttle status as our bits; None if there is a reason, but not a known one."""
    found = HeldBack(0)
    for (first, last), reason in _OF_AMD.items():
        if status >> first & (1 << last - first + 1) - 1:
            found |= reason
    return None if status and not found else found


def of_intel(names: Iterable[str]) -> HeldBack:
    """The names of Intel's throttle reasons as our bits; unknown ones have none."""
    found = HeldBack(0)
    for name in names:
        found |= _OF_INTEL.get(name, HeldBack(0))
    return found


def of_nvml(reasons: int) -> HeldBack:
    """NVML's clock event reasons as our bits.

    A hardware slowdown (8) is also set beside its cause, heat or power brake, which then stands
    alone.
    """
    found = HeldBack(0)
    for bit, reason in _OF_NVML.items():
        if reasons & bit:
            found |= reason
    causes = HeldBack.THERMAL | HeldBack.POWER_BRAKE
    return found & ~HeldBack.HARDWARE if found & causes else found


def text_of(held: HeldBack) -> str:
    """The reasons that hold the clocks back, in words."""
    return ", ".join(words for reason, words in IN_WORDS.items() if held & reason) or "by nothing"
