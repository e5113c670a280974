"""Finds and opens package and DRAM counters with pyRAPL on plain topologies.

Its raw `energy()` counters are compared once with the zones' own; then the files that it opened are
read without it, as each of its reads takes several system calls. Its measurement interface never
reads `max_energy_range_uj`, so it loses every wrap, and it rejects sparse and multi-die zones.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Protocol

from recorders.channels import kind_of

if TYPE_CHECKING:
    from recorders.sources.rapl_zones import Zone


class RawApi(Protocol):
    """The part of pyRAPL's device interface that is used."""

    _sys_files: Sequence[IO[str]]

    def energy(self) -> Sequence[float]:
        """Raw counters in microjoules, by socket number."""


def is_plain(zones: Sequence[Zone]) -> bool:
    """Whether zones intel-rapl:0, :1 … are package-0, -1 … and all or none have DRAM."""
    packages = [zone for zone in zones if kind_of(zone.channel).name == "package"]
    drams = [zone for zone in zones if kind_of(zone.channel).name == "dram"]
    in_order = all(
        zone.directory.name == f"intel-rapl:{place}" and zone.package == place and zone.die is None
        for place, zone in enumerate(packages)
    )
    return bool(packages) and in_order and len(drams) in (0, len(packages))


def open_counters(
    zones: Sequence[Zone], read_at: Callable[[Zone], float]
) -> tuple[Mapping[str, int], str]:
    """A descriptor of the counter of each package and DRAM channel, or none and the reason."""
    try:
        package_api, dram_api, refusal = _import_apis()
    except ImportError as error:
        return {}, str(error)
    makers = {"package": package_api, "dram": dram_api}
    files: dict[str, IO[str]] = {}
    try:
        for zone in zones:
            if make := makers.get(kind_of(zone.channel).name):
                api = make([zone.package])
                if not _agrees(api, zone, read_at):
                    return {}, f"disagrees with {zone.energy_path}"
                (files[zone.channel],) = api._sys_files
        return {channel: os.dup(file.fileno()) for channel, file in files.items()}, ""
    except (refusal, OSError, ValueError, IndexError, AttributeError) as error:
        return {}, f"{type(error).__name__} {error}".strip()


def _agrees(api: RawApi, zone: Zone, read_at: Callable[[Zone], float]) -> bool:
    before, value, after = read_at(zone), api.energy()[zone.package] * 1e-6, read_at(zone)
    return before <= value <= after or after < before


def _import_apis() -> tuple[
    Callable[[list[int]], RawApi], Callable[[list[int]], RawApi], type[Exception]
]:
    """Import pyRAPL, removing the handler that it installs on the root logger."""
    import logging

    handlers = list(logging.root.handlers)
    logging.disable(logging.CRITICAL)
    try:
        from pyRAPL import (
            DramAPI,
            PkgAPI,
            PyRAPLException,
        )
    finally:
        logging.disable(logging.NOTSET)
        logging.root.handlers[:] = handlers
    return PkgAPI, DramAPI, PyRAPLException
