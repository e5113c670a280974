"""A sysfs tree of plain files under a directory, for sources that are given their root."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


def forbid(monkeypatch: pytest.MonkeyPatch, *paths: Path) -> None:
    """Let only root read these files, also in tests that root runs."""
    real_access = os.access

    def guarded(real: Callable[..., Any]) -> Callable[..., Any]:
        def opened(path: Any, *more: Any, **named: Any) -> Any:
            if isinstance(path, Path | str) and Path(path) in paths:
                raise PermissionError(13, os.strerror(13), str(path))
            return real(path, *more, **named)

        return opened

    def may(path: Path | str, mode: int) -> bool:
        return Path(path) not in paths and real_access(path, mode)

    monkeypatch.setattr(os, "open", guarded(os.open))
    monkeypatch.setattr(io, "open", guarded(io.open))
    monkeypatch.setattr(os, "access", may)


@dataclass
class Sysfs:
    """Writes files and links as the kernel would show them."""

    root: Path

    def write(self, path: str, **files: object) -> Path:
        """A directory below the root with these files, each with a line end."""
        directory = self.root / path
        directory.mkdir(parents=True, exist_ok=True)
        for name, value in files.items():
            (directory / name).write_text(f"{value}\n")
        return directory

    def chip(self, number: int, name: str, device: str = "", **files: object) -> Path:
        """The hwmon chip of that number on a device; returns its directory."""
        directory = self.write(f"sys/class/hwmon/hwmon{number}", name=name, **files)
        if device:
            real = self.write(f"sys/devices/platform/{device}")
            (directory / "device").symlink_to(real)
        return directory

    def ina3221(self, number: int, device: str, *rails: tuple[str, int, int]) -> Path:
        """An INA3221 with up to three (label, mV, mA), and what its driver shows beside them."""
        files: dict[str, object] = {"update_interval": 20, "in7_label": "sum of shunt voltages"}
        files |= {"in7_input": 12, "curr4_input": 4000}
        for n, (label, millivolts, milliamperes) in enumerate(rails, 1):
            files |= {f"in{n}_label": label, f"in{n}_enable": 1, f"in{n}_input": millivolts}
            files |= {f"in{n + 3}_input": 4, f"curr{n}_input": milliamperes}
        return self.chip(number, "ina3221", device, **files)

    def acpi_meter(self, number: int, device: str, microwatts: int, oem_info: str = "") -> Path:
        """An ACPI power meter, whose files are on its device."""
        directory = self.chip(number, "power_meter", device)
        self.write(
            f"sys/devices/platform/{device}",
            power1_average=microwatts,
            power1_average_interval=50,
            power1_oem_info=oem_info,
        )
        return directory

    def card(
        self, number: int, driver: str, pci: str, ids: str = "0x1002:0x744c", **files: object
    ) -> Path:
        """A GPU of a driver that is awake; returns its hwmon directory."""
        directory = self.chip(number, driver, pci, **files)
        vendor, device = ids.split(":")
        self.write(f"sys/devices/platform/{pci}", vendor=vendor, device=device)
        self.write(f"sys/devices/platform/{pci}/power", runtime_status="active")
        return directory
