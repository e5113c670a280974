"""Numbers the GPUs of all vendors in the order of their PCI addresses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from recorders.machine import file_text

# Devices of the PCI bus by vendor and class (pci_ids.h of Linux: 0x10de, base class 03).
PCI_DEVICES, NVIDIA, DISPLAY_CLASS = "sys/bus/pci/devices", "0x10de", "0x03"
# Domain, bus, device and function, in hexadecimal; NVML writes the domain with eight digits.
_ADDRESS = re.compile(r"([0-9a-f]{4,8}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])", re.IGNORECASE)

Place = tuple[int, ...]
BEFORE_ALL: Place = ()


def gpu_numbers(nvidia: Sequence[str], cards: Sequence[str]) -> tuple[list[int], list[int]]:
    """The numbers of NVIDIA's GPUs and of other cards, by their PCI addresses, from 0.

    NVIDIA's are in the order of nvidia-smi, which is that of the bus, so without other cards they
    have its numbers. One whose address is not known comes next to the one before it.
    """
    places: list[tuple[Place, int, int]] = []
    place = BEFORE_ALL
    for index, address in enumerate(nvidia):
        place = place_of(address) or place
        places.append((place, 0, index))
    places += [(place_of(address) or BEFORE_ALL, 1, index) for index, address in enumerate(cards)]
    numbers = {each[1:]: number for number, each in enumerate(sorted(places))}
    return [numbers[0, n] for n in range(len(nvidia))], [numbers[1, n] for n in range(len(cards))]


def place_of(address: str) -> Place | None:
    """A PCI address as numbers to sort by; None if it is none."""
    found = _ADDRESS.fullmatch(address)
    return tuple(int(part, 16) for part in found.groups()) if found else None


def short_address(address: str) -> str:
    """A PCI address as Linux writes it; unchanged if it is none."""
    place = place_of(address)
    return "{:04x}:{:02x}:{:02x}.{:x}".format(*place) if place else address


def nvidia_on_bus(root: Path) -> list[str]:
    """The addresses of NVIDIA's GPUs on the PCI bus, with or without a driver."""
    devices = [path for path in (root / PCI_DEVICES).glob("*") if _is_nvidia(path)]
    return sorted((path.name for path in devices), key=lambda name: place_of(name) or BEFORE_ALL)


def _is_nvidia(device: Path) -> bool:
    """Whether a PCI device is an NVIDIA display or 3D controller."""
    is_display = file_text(device / "class").startswith(DISPLAY_CLASS)
    return is_display and file_text(device / "vendor") == NVIDIA
