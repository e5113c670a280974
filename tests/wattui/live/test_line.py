"""A recording in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recorders.page import DamagedPageError
from tests.support.pages import CHANNELS, PROGRESS, READINGS, fixed, whole
from wattui.live.line import as_json, line, silence
from wattui.live.snapshot import Snapshot

PLACE = Path("/run/wattui-1-00000000")


def snapshot(**changes: Any) -> Snapshot:
    return Snapshot.of(PLACE, whole(**changes))


def test_the_line_has_power_phase_and_joules_per_inference() -> None:
    assert line(snapshot()) == "cpu 42 W · gpu 311 W · running b32 · 0.83 J/inf"


@pytest.mark.parametrize("lost", [True, False])
def test_a_gpu_that_is_not_read_any_more_has_no_power(lost: bool) -> None:
    old = READINGS | {"gpu0_W": ("6.5" if not lost else "9.8", "311.400")}
    shown = snapshot(readings=old, lost=["gpu0"] if lost else [])
    assert line(shown).startswith("cpu 42 W · gpu – W · ")


def test_a_sum_without_one_of_its_parts_is_not_shown() -> None:
    readings = {name: pair for name, pair in READINGS.items() if name != "package1_W"}
    assert line(snapshot(readings=readings)).startswith("cpu – W")


def test_a_figure_of_another_phase_is_told_apart() -> None:
    assert line(snapshot(phase="idle", label="")).endswith(" · idle · b32: 0.83 J/inf")
    assert line(snapshot(phase="", label="", csv=None, progress=None)).endswith("not recording")


def test_what_a_figure_is_of_and_that_it_is_estimated_are_said() -> None:
    assert line(snapshot(contents="DRAM only")).endswith("0.83 J/inf (DRAM only)")
    channels = {"estimate": [("est_cpu", "J", "estimated")]}
    shown = snapshot(
        sources=fixed(channels)["sources"],
        readings={"est_cpu_W": ("10.0", "7.04")},
        progress=PROGRESS | {"channel": "est_cpu", "joules_per_inference": 0.0721},
    )
    assert line(shown) == "cpu 7.0 W (estimated) · running b32 · 72 mJ/inf (estimated)"


def test_tokens_have_their_own_figure_where_no_inferences_are_counted() -> None:
    tokens = {"inferences": 0, "joules_per_inference": None, "counts": {"tokens_out": 400}}
    progress = PROGRESS | tokens | {"energy_j": 200.0}
    shown = snapshot(progress=progress, counts={"tokens_out": 500})
    assert line(shown).endswith("running b32 · 0.50 J/tok")
    assert as_json(shown, 0, False)["counts"] == {"tokens_out": 500}


def test_meters_have_their_names_and_their_own_pace() -> None:
    channels = {
        "meter wall": [("meter_wall", "J", "measured")],
        "meters": [("meter_psu", "J", "manual")],
    }
    readings = {"meter_wall_W": ("5.0", "103.2"), "meter_psu_W": ("2.0", "55.0")}
    sources = fixed(channels)["sources"]
    every_2_s = snapshot(sources=sources, readings=readings, periods_s={"meter_wall": 2.0})
    assert line(every_2_s).startswith("wall 103 W · running")
    stopped = snapshot(sources=sources, readings=readings)
    assert line(stopped).startswith("wall – W · running")
    by_hand = snapshot(sources=sources, readings=readings | {"meter_psu_W": ("9.0", "55.0")})
    assert line(by_hand).startswith("wall – W · psu 55 W · running")


def test_labels_are_only_text_and_short() -> None:
    shown = line(snapshot(label="\x1b[31m" + "x" * 100))
    assert "\x1b" not in shown
    assert len(shown) < 120


def test_silence_is_told_from_death() -> None:
    shown = snapshot()
    assert not shown.is_stale(13_900_000_000)
    assert shown.is_stale(23_000_000_000)
    assert silence(shown, 23_000_000_000, is_gone=False) == (
        "/data/run.csv: the recorder (process 4711) has not responded for 12 s"
    )
    assert silence(shown, 23_000_000_000, is_gone=True).endswith("was killed 12 s ago")


def test_a_page_of_another_version_is_refused() -> None:
    for key in whole():
        page = whole()
        del page[key]
        with pytest.raises(DamagedPageError, match="not a page of this version"):
            Snapshot.of(PLACE, page)


def test_json_has_no_old_number() -> None:
    data = as_json(snapshot(lost=["gpu0"]), 12_000_000_000, is_silent=False)
    assert data["powers_w"] == {"cpu": pytest.approx(42.2), "gpu": None}
    assert data["energies_j"]["package0"] == 412.1
    assert data["readings"]["gpu0_W"] is None
    assert data["channels"]["gpu0"] == {"source": "nvml", "origin": "measured", "up": False}
    assert data["channels"]["package0"]["up"]
    silent = as_json(snapshot(), 99_000_000_000, is_silent=True)
    assert silent["is_current"] is False
    assert "powers_w" not in silent
    assert set(CHANNELS) == {"powercap", "nvml"}
