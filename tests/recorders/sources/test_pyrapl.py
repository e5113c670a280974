"""pyRAPL opens counters; what it opened is read without it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

import pytest

from recorders.sources import pyrapl
from recorders.sources.rapl_zones import Zone


class Api:
    """pyRAPL's interface to one socket, whose counter is a file."""

    def __init__(self, path: Path, off_uj: float = 0.0) -> None:
        self._sys_files: list[IO[str]] = [path.open()]
        self._off_uj = off_uj
        self.reads = 0

    def energy(self) -> list[float]:
        self.reads += 1
        self._sys_files[0].seek(0)
        return [float(self._sys_files[0].readline()) + self._off_uj]


def opened(api: Api, zone: Zone, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, int], str]:
    monkeypatch.setattr(pyrapl, "_import_apis", lambda: (lambda _: api, lambda _: api, OSError))
    found, why_not = pyrapl.open_counters([zone], lambda z: int(z.energy_path.read_text()) * 1e-6)
    return dict(found), why_not


@pytest.fixture
def zone(tmp_path: Path) -> Zone:
    (tmp_path / "energy_uj").write_text("1000000\n")
    return Zone("package0", 0, None, tmp_path, None, 1e3)


def test_its_counter_is_compared_once_and_then_read_without_it(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api(zone.energy_path)
    found, why_not = opened(api, zone, monkeypatch)
    assert (list(found), why_not) == (["package0"], "")
    for file in api._sys_files:
        file.close()
    for energy_uj in (2_000_000, 3_000_000):
        zone.energy_path.write_text(f"{energy_uj}\n")
        assert int(os.pread(found["package0"], 32, 0)) == energy_uj
    assert api.reads == 1
    os.close(found["package0"])


def test_a_counter_that_differs_from_its_zone_is_not_used(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api(zone.energy_path, off_uj=1e6)
    assert opened(api, zone, monkeypatch) == ({}, f"disagrees with {zone.energy_path}")


def test_another_version_without_such_files_is_not_used(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api(zone.energy_path)
    api._sys_files.append(zone.energy_path.open())
    found, why_not = opened(api, zone, monkeypatch)
    assert found == {}
    assert why_not.startswith("ValueError")
