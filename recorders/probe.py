"""Finds the sources that this machine has, and why others are missing."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from recorders.channels import is_measured, kind_of
from recorders.gpu_users import GpuUsers
from recorders.meters.source import MeterSource, open_meters
from recorders.opening import Opening, Tell
from recorders.source import Refusal, Source
from recorders.sources.amd_smi import use_counters
from recorders.sources.apple import AppleSilicon, open_apple
from recorders.sources.families import BOARDS, GPUS, open_families
from recorders.sources.gpu_shares import FoundShares, open_gpu_shares
from recorders.sources.hwmon_chips import Found as FoundChips
from recorders.sources.nvml import FoundNvml, open_nvml
from recorders.sources.pci_gpus import cards_on_bus
from recorders.sources.powercap import Powercap
from recorders.sources.rapl import open_rapl
from recorders.sources.rapl_zones import parts_there

if TYPE_CHECKING:
    from recorders.servers.source import Servers


@dataclass(slots=True)
class Wanted:
    """What to probe for; `wattui --help` explains the options."""

    root: Path = Path("/")
    estimate: bool = True
    tdp_w: float | None = None
    all_gpus: bool = False
    simulate: bool = False
    meters: Sequence[str] = ()
    counters: Sequence[str] = ()
    tokens: Sequence[str] = ()
    has_command: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    platform: str = field(default_factory=lambda: sys.platform)


@dataclass(slots=True)
class Found:
    """The working sources, and the reason and remedy for each missing one.

    `absent` are those that nobody misses on this machine. `took_s` is how long each part took to
    open (None: it hangs). `servers` are those whose counts are read.
    """

    sources: list[Source] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    absent: list[Refusal] = field(default_factory=list)
    took_s: dict[str, float | None] = field(default_factory=dict)
    zones: dict[Path, str] = field(default_factory=dict)
    root: Path | None = None
    gpu_users: Callable[[], Sequence[GpuUsers]] = tuple
    servers: Servers | None = None

    def has_measured(self, kind: str = "measured") -> bool:
        """Whether this machine measures its energy, optionally that of a given kind."""
        return any(
            is_measured(channel) and kind in ("measured", kind_of(channel.name).name)
            for source in self.sources
            for channel in source.channels()
        )

    def appeared(self) -> list[str]:
        """Packages and DRAM that have appeared since the machine was probed."""
        if self.root is None:
            return []
        known = {channel.name for source in self.sources for channel in source.channels()}
        found = parts_there(self.root).items()
        return [part for path, part in found if path not in self.zones and part not in known]


# Kinds of channels with the whole processor's energy, beside which there is no estimate.
CONTAIN_PROCESSOR = ("package", "psys", "board")


def probe(wanted: Wanted, tell: Tell = lambda _name, _waited_s: None) -> Found:
    """Try every source; a failure becomes a refusal and is never raised.

    Drivers are opened side by side; `tell` is called while one of them does not answer.
    """
    begun_s = time.monotonic()
    found = Found()
    meters = Opening("meters", lambda: open_meters(wanted.meters, wanted.environ), _no_meters)
    servers = Opening("servers", lambda: _open_servers(wanted), _no_servers)
    if wanted.platform == "darwin":
        _probe_apple(found, tell)
    else:
        _probe_devices(wanted, found, tell)
    if not any(map(found.has_measured, CONTAIN_PROCESSOR)):
        if wanted.estimate:
            from recorders.sources.estimate import open_estimate

            found.sources.append(open_estimate(wanted.root, wanted.tdp_w))
        else:
            found.refused.append(Refusal("estimate", "disabled (--no-estimate)", kind="unread"))
    if wanted.simulate:
        from recorders.sources.simulated import Simulated

        found.sources.append(Simulated())
    meter_sources, meter_refused = meters.result(tell)
    found.took_s[meters.name] = meters.took_s
    found.sources += meter_sources
    found.refused += meter_refused
    found.servers, server_refused = servers.result(tell)
    found.sources += [found.servers] if found.servers else []
    found.refused += server_refused
    if wanted.counters and wanted.platform != "darwin":
        from recorders.sources.counters import open_counters

        counters, refused = open_counters(wanted.counters, wanted.has_command, wanted.root)
        found.sources += counters
        found.refused += refused
    from recorders.sources.system import System

    found.sources.append(System(root=wanted.root))
    found.took_s["all"] = time.monotonic() - begun_s
    return found


def _probe_devices(wanted: Wanted, found: Found, tell: Tell) -> None:
    """RAPL, GPUs and who uses them, boards and batteries."""
    found.root = wanted.root
    rapl = Opening("RAPL", lambda: _open_rapl(wanted.root), _no_rapl)
    nvml = Opening("the NVIDIA driver", lambda: _open_nvml(wanted), _no_nvml)
    boards = Opening("hwmon", lambda: open_families(wanted.root, BOARDS), _no_chips)
    rapl_sources, rapl_refused, found.zones = rapl.result(tell)
    gpus = nvml.result(tell)
    # Their numbers depend on NVIDIA's GPUs.
    cards = Opening(
        "the GPUs of AMD and Intel", lambda: _open_cards(wanted.root, gpus.addresses), _no_chips
    )
    found.sources += rapl_sources
    found.refused += rapl_refused + gpus.refused
    found.sources += [gpus.source] if gpus.source else []
    for chips in (boards.result(tell), cards.result(tell)):
        found.sources += chips.sources
        found.refused += chips.refused
        found.absent += chips.absent
    devices = list(found.sources)
    shares = Opening("GPU shares", lambda: open_gpu_shares(devices, wanted.root), _no_shares)
    gpu_shares, refused, found.gpu_users = shares.result(tell)
    found.sources += [gpu_shares] if gpu_shares else []
    found.refused += refused
    found.took_s = {each.name: each.took_s for each in (rapl, nvml, boards, cards, shares)}


def _probe_apple(found: Found, tell: Tell) -> None:
    """Apple silicon; the rest is not there on macOS."""
    apple = Opening("the energy model", open_apple, _no_apple)
    source, found.refused = apple.result(tell)
    found.sources += [source] if source else []
    found.took_s = {apple.name: apple.took_s}
    reason = "RAPL, counters, GPUs of other makers, boards and batteries are read on Linux only"
    found.refused.append(Refusal("linux", reason, kind="absent"))


def _no_apple(why: str) -> tuple[AppleSilicon | None, list[Refusal]]:
    reason = f"IOReport is not responding ({why})"
    return None, [Refusal("apple", reason, part="package", kind="unread")]


def _open_rapl(root: Path) -> tuple[list[Powercap], list[Refusal], dict[Path, str]]:
    return *open_rapl(root), parts_there(root)


def _no_rapl(why: str) -> tuple[list[Powercap], list[Refusal], dict[Path, str]]:
    reason = f"RAPL is not responding ({why})"
    return [], [Refusal("powercap", reason, "sudo dmesg", part="package", kind="unread")], {}


def _open_nvml(wanted: Wanted) -> FoundNvml:
    cards = cards_on_bus(wanted.root)
    return open_nvml(wanted.environ, wanted.all_gpus, root=wanted.root, cards=cards)


def _no_nvml(why: str) -> FoundNvml:
    reason = f"the NVIDIA driver is not responding ({why})"
    return FoundNvml(None, [Refusal("nvml", reason, "nvidia-smi", part="gpu", kind="unread")])


def _open_cards(root: Path, nvidia: Sequence[str]) -> FoundChips:
    """Cards, by their energy counters where they have any that are right."""
    found = open_families(root, [partial(family, nvidia=nvidia or None) for family in GPUS])
    counted = use_counters(found.sources)
    return replace(found, sources=counted.sources, refused=found.refused + counted.refused)


def _no_meters(why: str) -> tuple[list[MeterSource], list[Refusal]]:
    return [], [Refusal("meters", f"the meters cannot be opened ({why})", kind="unread")]


def _open_servers(wanted: Wanted) -> tuple[Servers | None, list[Refusal]]:
    if not wanted.tokens:
        return None, []
    from recorders.servers.source import open_servers

    return open_servers(wanted.tokens, wanted.environ)


def _no_servers(why: str) -> tuple[Servers | None, list[Refusal]]:
    return None, [Refusal("servers", f"the servers cannot be read ({why})", kind="unread")]


def _no_shares(why: str) -> FoundShares:
    reason = f"who uses the GPUs cannot be read ({why})"
    return None, [Refusal("gpu shares", reason, kind="unread")], tuple


def _no_chips(why: str) -> FoundChips:
    reason = f"the chips cannot be read ({why})"
    return FoundChips(refused=[Refusal("hwmon", reason, kind="unread")])
