"""Boards whose power sensors are files in sysfs: what each shows, from closed-form curves.

A sensor shows the mean power since its last refresh. Their trees are those of the kernel's drivers
(Documentation/hwmon/ina3221.rst, acpi_power_meter.rst; ABI/testing/sysfs-class-power).
"""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from testbench.curves import Constant, PowerCurve, Sine
from testbench.fuseproto import Inode
from testbench.powercapfs import directory, fixed, link

HWMON, SUPPLIES, IIO = "class/hwmon", "class/power_supply", "bus/i2c/drivers/ina3221x"


@dataclass(frozen=True)
class Shown:
    """A file that shows a power, `per_w` for each watt, refreshed every refresh_s."""

    curve: PowerCurve
    per_w: float
    refresh_s: float = 0.02

    def text(self, t_s: float) -> str:
        """Its reading at t_s."""
        end_s = math.floor(t_s / self.refresh_s) * self.refresh_s
        energy_j = self.curve.energy_j(end_s) - self.curve.energy_j(end_s - self.refresh_s)
        return f"{round(energy_j / self.refresh_s * self.per_w)}\n"


@dataclass(frozen=True)
class Counted:
    """A file that shows an energy counter in µJ, refreshed every refresh_s, from `start_uj` on."""

    curve: PowerCurve
    start_uj: int = 0
    refresh_s: float = 0.001

    def text(self, t_s: float) -> str:
        """Its reading at t_s."""
        end_s = math.floor(t_s / self.refresh_s) * self.refresh_s
        return f"{self.start_uj + round(self.curve.energy_j(end_s) * 1e6)}\n"


@dataclass(frozen=True)
class Failing:
    """A file whose reads fail."""

    number: int

    def text(self, t_s: float) -> str:
        """Raises the error."""
        raise OSError(self.number, os.strerror(self.number))


# What a file shows.
Content = str | Shown | Counted | Failing


@dataclass(frozen=True)
class Board:
    """Files and links by their paths below /sys, and the curve of each channel."""

    name: str = "none"
    curves: Mapping[str, PowerCurve] = field(default_factory=dict)
    files: Mapping[str, Content] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def places(self) -> tuple[str, ...]:
        """The directories below /sys that it fills; no others have sensors."""
        iio = (IIO,) if any(path.startswith(IIO) for path in self.files) else ()
        return (HWMON, SUPPLIES, *iio)


def tree(board: Board, place: str) -> Inode:
    """The directory of a place, with its files computed on demand."""
    root = directory({})
    for path, content in board.files.items():
        if path.startswith(f"{place}/"):
            _put(root, path.removeprefix(f"{place}/"), _file(content))
    for path, target in board.links.items():
        if path.startswith(f"{place}/"):
            _put(root, path.removeprefix(f"{place}/"), link(target))
    return root


def _put(root: Inode, path: str, node: Inode) -> None:
    head, _, rest = path.partition("/")
    if not rest:
        root.children[head] = node
        return
    _put(root.children.setdefault(head, directory({})), rest, node)


def _file(content: Content) -> Inode:
    if isinstance(content, str):
        return fixed(f"{content}\n")
    made = fixed("")
    made.show = content.text
    return made


def _ina3221(number: int, address: str, *rails: tuple[str, PowerCurve | None]) -> Board:
    """An INA3221 at 5 V; a rail without a curve is not connected."""
    chip = f"{HWMON}/hwmon{number}"
    files: dict[str, Content] = {
        f"{chip}/name": "ina3221",
        f"{chip}/update_interval": "20",
        f"{chip}/in7_label": "sum of shunt voltages",
        f"{chip}/in7_input": "12",
        f"{chip}/curr4_input": "4000",
        f"{chip}/{address}/name": "ina3221",
    }
    for n, (label, curve) in enumerate(rails, 1):
        current = Shown(curve, 200.0) if curve else Failing(errno.ENODATA)
        files |= {f"{chip}/in{n}_label": label, f"{chip}/in{n}_input": "5000"}
        files |= {f"{chip}/in{n + 3}_input": "4", f"{chip}/curr{n}_input": current}
    return Board("ina3221", {}, files, {f"{chip}/device": address})


def _acpi(number: int, label: str, curve: PowerCurve) -> Board:
    chip, device = f"{HWMON}/hwmon{number}", f"ACPI000D:0{number}"
    files: dict[str, Content] = {
        f"{chip}/name": "power_meter",
        f"{chip}/{device}/power1_average": Shown(curve, 1e6, 0.05),
        f"{chip}/{device}/power1_average_interval": "50",
        f"{chip}/{device}/power1_oem_info": label,
    }
    return Board("acpi", {}, files, {f"{chip}/device": device})


def _card(number: int, driver: str, pci: str, ids: str, **files: Content) -> Board:
    """A GPU on the PCI bus that is awake."""
    chip = f"{HWMON}/hwmon{number}"
    vendor, device = ids.split(":")
    shown: dict[str, Content] = {f"{chip}/{name}": content for name, content in files.items()}
    shown |= {
        f"{chip}/name": driver,
        f"{chip}/{pci}/vendor": vendor,
        f"{chip}/{pci}/device": device,
        f"{chip}/{pci}/power/runtime_status": "active",
    }
    return Board(driver, {}, shown, {f"{chip}/device": pci})


def _together(name: str, curves: Mapping[str, PowerCurve], *parts: Board) -> Board:
    files = {path: content for part in parts for path, content in part.files.items()}
    links = {path: target for part in parts for path, target in part.links.items()}
    return Board(name, curves, files, links)


def orin_nx() -> Board:
    """Jetson Orin NX, JetPack 5: the supply and two rails inside it."""
    supply, gpu, soc = Sine(12.0, 4.0, 4.0), Sine(5.0, 3.0, 4.0), Constant(2.5)
    curves: dict[str, PowerCurve] = {
        "board": supply,
        "rail_VDD_CPU_GPU_CV": gpu,
        "rail_VDD_SOC": soc,
    }
    rails = (("VDD_IN", supply), ("VDD_CPU_GPU_CV", gpu), ("VDD_SOC", soc))
    return _together("orin_nx", curves, _ina3221(3, "1-0040", *rails))


def agx_orin() -> Board:
    """Jetson AGX Orin: rails of two monitors, of which two inputs are not connected."""
    gpu, cpu, io, ram = Constant(12.5), Sine(8.0, 2.0, 4.0), Constant(5.5), Constant(2.0)
    curves: dict[str, PowerCurve] = {
        "rail_VDD_GPU_SOC": gpu,
        "rail_VDD_CPU_CV": cpu,
        "rail_VIN_SYS_5V0": io,
        "rail_VDDQ_VDD2_1V8AO": ram,
    }
    first = (("VDD_GPU_SOC", gpu), ("VDD_CPU_CV", cpu), ("VIN_SYS_5V0", io))
    second = (("NC", None), ("VDDQ_VDD2_1V8AO", ram), ("NC", None))
    return _together(
        "agx_orin", curves, _ina3221(2, "1-0040", *first), _ina3221(5, "1-0041", *second)
    )


def nano() -> Board:
    """Jetson Nano, JetPack 4: the supply and two rails inside it, as an iio device."""
    rails: dict[str, PowerCurve] = {
        "POM_5V_IN": Constant(8.0),
        "POM_5V_GPU": Constant(2.5),
        "POM_5V_CPU": Constant(1.5),
    }
    device = f"{IIO}/6-0040/iio:device0"
    files: dict[str, Content] = {}
    for place, (label, curve) in enumerate(rails.items()):
        files[f"{device}/rail_name_{place}"] = label
        files[f"{device}/in_power{place}_input"] = Shown(curve, 1e3)
    names = ("board", "rail_POM_5V_GPU", "rail_POM_5V_CPU")
    return Board("nano", dict(zip(names, rails.values(), strict=True)), files)


def gh200() -> Board:
    """A GH200: a module with its Grace socket, processor and system I/O."""
    powers: dict[str, PowerCurve] = {
        "SysIO": Constant(20.0),
        "CPU": Sine(150.0, 40.0, 4.0),
        "Grace": Sine(210.0, 40.0, 4.0),
        "Module": Sine(640.0, 100.0, 4.0),
    }
    parts = (_acpi(n, f"{k} Power Socket 0", curve) for n, (k, curve) in enumerate(powers.items()))
    names = ("rail_sysio0", "rail_cpu0", "rail_grace0", "board")
    return _together("gh200", dict(zip(names, powers.values(), strict=True)), *parts)


def hat() -> Board:
    """A single-board computer with an INA226 on a hat."""
    curve, chip = Sine(6.0, 2.0, 4.0), f"{HWMON}/hwmon0"
    files: dict[str, Content] = {
        f"{chip}/name": "ina226",
        f"{chip}/update_interval": "20",
        f"{chip}/power1_input": Shown(curve, 1e6),
        f"{chip}/in0_input": "3",
        f"{chip}/in1_input": "5000",
        f"{chip}/curr1_input": "1",
        f"{chip}/1-0041/name": "ina226",
    }
    return Board("hat", {"rail_ina226_1_0041": curve}, files, {f"{chip}/device": "1-0041"})


def laptop() -> Board:
    """A laptop on its battery, whose current is negative, beside the battery of a mouse."""
    curve, own = Sine(14.0, 3.0, 8.0), f"{SUPPLIES}/BAT0"
    files: dict[str, Content] = {
        f"{own}/type": "Battery",
        f"{own}/status": "Discharging",
        f"{own}/voltage_now": "10000000",
        f"{own}/current_now": Shown(curve, -1e5, 0.2),
        f"{SUPPLIES}/mouse/type": "Battery",
        f"{SUPPLIES}/mouse/scope": "Device",
        f"{SUPPLIES}/mouse/status": "Discharging",
        f"{SUPPLIES}/mouse/power_now": "100000",
    }
    return Board("laptop", {"battery": curve}, files)


def amd_laptop() -> Board:
    """A laptop on its battery with a GPU in its AMD processor, whose power is that of the whole."""
    gpu = Sine(9.0, 3.0, 4.0)
    part = _card(
        2,
        "amdgpu",
        "0000:c4:00.0",
        "0x1002:0x15bf",
        power1_average=Shown(gpu, 1e6),
        in1_input="900",
        in1_label="vddnb",
    )
    return _together("amd_laptop", {"igpu0": gpu, **laptop().curves}, part, laptop())


def two_arcs() -> Board:
    """Two Intel Arc cards, whose counters have passed what 32 bits hold; each shows its package."""
    cards: dict[str, PowerCurve] = {
        "0000:03:00.0": Sine(120.0, 60.0, 4.0),
        "0000:83:00.0": Constant(35.0),
    }
    parts = [
        _card(
            number,
            "xe",
            pci,
            "0x8086:0xe211",
            energy1_input=Counted(curve, 710_520_000_000_000),
            energy1_label="card",
            energy2_input=Counted(curve, 977_130_000_000_000),
            energy2_label="pkg",
            power1_cap="275000000",
        )
        # hwmonN need not be in the order of the bus.
        for number, (pci, curve) in zip((5, 4), cards.items(), strict=True)
    ]
    # The first is held back by its power limit all the time.
    throttle = f"{HWMON}/hwmon5/0000:03:00.0/tile0/gt0/freq0/throttle"
    held: dict[str, Content] = {
        f"{throttle}/status": "1",
        f"{throttle}/reason_pl1": "1",
        f"{throttle}/reason_thermal": "0",
    }
    names = ("gpu0", "gpu1")
    curves = dict(zip(names, cards.values(), strict=True))
    return _together("two_arcs", curves, *parts, Board("held", {}, held))


def radeon() -> Board:
    """An AMD card with the mean power of its driver."""
    curve = Sine(200.0, 40.0, 4.0)
    card = _card(
        1, "amdgpu", "0000:03:00.0", "0x1002:0x744c", power1_average=Shown(curve, 1e6, 0.1)
    )
    return _together("radeon", {"gpu0": curve}, card)


def mixed(nvidia: Sequence[PowerCurve]) -> Board:
    """An AMD card before the two GPUs of a fake NVML on the bus (0x17 and 0x18), and an Arc after
    them; the channels of all four, NVIDIA's with the curves given."""
    amd, arc = Constant(90.0), Sine(120.0, 60.0, 4.0)
    cards = (
        _card(4, "amdgpu", "0000:03:00.0", "0x1002:0x744c", power1_average=Shown(amd, 1e6, 0.1)),
        _card(2, "xe", "0000:ca:00.0", "0x8086:0xe211", energy1_input=Counted(arc, 9_000_000)),
    )
    curves = {"gpu0": amd, "gpu1": nvidia[0], "gpu2": nvidia[1], "gpu3": arc}
    return _together("mixed", curves, *cards)


NO_BOARD = Board()
