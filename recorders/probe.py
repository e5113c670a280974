"""Finds the sources that this machine has, and why others are missing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from recorders.channels import kind_of
from recorders.source import Refusal, Source


@dataclass(slots=True)
class Wanted:
    """What to probe for; `wattui --help` explains the options."""

    root: Path = Path("/")
    estimate: bool = True
    tdp_w: float | None = None
    all_gpus: bool = False
    simulate: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)


@dataclass(slots=True)
class Found:
    """The working sources, and the reason and remedy for each missing one."""

    sources: list[Source] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    zones: dict[Path, str] = field(default_factory=dict)
    root: Path | None = None

    def has_measured(self, kind: str = "measured") -> bool:
        """Whether there is a measured energy channel, optionally of a given kind."""
        return any(
            channel.is_energy
            and channel.origin == "measured"
            and kind in ("measured", kind_of(channel.name).name)
            for source in self.sources
            for channel in source.channels()
        )

    def appeared(self) -> list[str]:
        """Packages and DRAM that have appeared since the machine was probed."""
        if self.root is None:
            return []
        from recorders.sources.rapl_zones import parts_there

        known = {channel.name for source in self.sources for channel in source.channels()}
        found = parts_there(self.root).items()
        return [part for path, part in found if path not in self.zones and part not in known]


# Kinds of channels with the whole processor's energy, beside which there is no estimate.
CONTAIN_PROCESSOR = ("package", "psys", "board")


def probe(wanted: Wanted) -> Found:
    """Try every source; a failure becomes a refusal and is never raised."""
    found = Found()
    from recorders.sources.amd_smi import use_counters
    from recorders.sources.families import open_families
    from recorders.sources.nvml import open_nvml
    from recorders.sources.rapl import open_rapl
    from recorders.sources.rapl_zones import parts_there

    found.root, found.zones = wanted.root, parts_there(wanted.root)
    nvml: list[tuple[Source | None, list[Refusal]]] = []

    def find_gpus() -> None:
        try:
            nvml.append(open_nvml(wanted.environ, wanted.all_gpus, root=wanted.root))
        except Exception as error:  # a driver library can raise anything; other sources still work
            reason = f"the NVIDIA driver is not responding ({type(error).__name__}: {error})"
            nvml.append((None, [Refusal("nvml", reason, "nvidia-smi", part="gpu", kind="unread")]))

    # A driver can take as long to wake up as probing the RAPL counters.
    gpus = Thread(target=find_gpus)
    gpus.start()
    rapl, found.refused = open_rapl(wanted.root)
    found.sources += rapl
    chips = open_families(wanted.root)
    gpus.join()
    for source, refused in nvml:
        found.refused += refused
        if source is not None:
            found.sources.append(source)
    counted = use_counters(chips.sources)
    found.refused += [*chips.refused, *counted.refused]
    found.sources += counted.sources
    if not any(map(found.has_measured, CONTAIN_PROCESSOR)):
        if wanted.estimate:
            from recorders.sources.estimate import open_estimate

            found.sources.append(open_estimate(wanted.root, wanted.tdp_w))
        else:
            found.refused.append(Refusal("estimate", "disabled (--no-estimate)", kind="unread"))
    if wanted.simulate:
        from recorders.sources.simulated import Simulated

        found.sources.append(Simulated())
    from recorders.sources.system import System

    found.sources.append(System())
    return found
