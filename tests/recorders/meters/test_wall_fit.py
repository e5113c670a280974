"""The energy at the wall, estimated by a fit of this machine: when asked, and labelled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recorders.summary.figures import Summary
from recorders.summary.summary import summarise
from recorders.summary.wall_fit import WallFit, wall_fits
from tests.support.doubles import EventRow, event, reduction
from wattui import calibrations
from wattui.calibrations import fit_text, save_fit, saved_fit
from wattui.errors import UsageError
from wattui.show.summary import estimate_text

FIT = WallFit("wall", 20.5, 1.2, 0.5, ("package0", "dram0"))
CHANNELS = ("package0", "dram0", "total")


def rows(note: str) -> list[EventRow]:
    """Ten seconds of idling at 40 W and as much of running at 90 W."""

    def read(total_j: float) -> dict[str, float]:
        return {"package0": 0.9 * total_j, "dram0": 0.1 * total_j, "total": total_j}

    return [
        event(0, f"note:wall_fit {note}"),
        event(0, "begin", "idle", read(0), n=0),
        event(10, "end", "idle", read(400), n=0),
        event(10, "begin", "running", read(400), n=0),
        event(20, "end", "running", read(1300), n=100),
    ]


def test_the_note_is_read_back() -> None:
    assert list(wall_fits(reduction(rows(FIT.text), CHANNELS))) == [FIT]


def test_it_is_the_line_of_the_fit_with_its_residual() -> None:
    summary = summarise(reduction(rows(FIT.text), CHANNELS))
    (found,) = summary.wall_estimates
    assert found.idle_w == pytest.approx(20.5 + 1.2 * 40)
    assert found.running_j is not None
    assert found.running_j.value == pytest.approx(10 * 20.5 + 1.2 * 900)
    assert summary.quoted is not None
    assert summary.quoted.running_j is not None
    inside_j = summary.quoted.running_j.plus_minus
    assert inside_j is not None
    # Twice the residual for ten seconds, and the ± of the total.
    expected_j = ((2 * 0.5 * 10) ** 2 + (1.2 * inside_j) ** 2) ** 0.5
    assert found.running_j.plus_minus == pytest.approx(expected_j)
    assert found.total_j_per_inference is not None
    assert found.total_j_per_inference.value == pytest.approx(12.85)
    text = estimate_text(found, summary.per)
    assert "wall, estimated from total and not measured: 68.50 W idle" in text
    assert Summary.from_dict(json.loads(json.dumps(summary.to_dict()))) == summary
    assert summary.headline == "total"


def test_a_fit_of_other_parts_estimates_nothing() -> None:
    other = WallFit("wall", 20.5, 1.2, 0.5, ("package0", "dram0", "gpu0"))
    summary = summarise(reduction(rows(other.text), CHANNELS))
    assert summary.wall_estimates == []
    (flag,) = (flag for flag in summary.flags if flag.name == "wall_estimate")
    assert flag.text == "not estimated: its fit is of package0, dram0, gpu0; calibrate again"


@pytest.mark.parametrize(
    "text", ["", "wall = 1 W", "wall = 1e999 W + 1 × package0 ± 1 W", "x" * 99]
)
def test_a_damaged_note_is_no_fit(text: str) -> None:
    assert list(wall_fits(reduction(rows(text), CHANNELS))) == []


def test_a_fit_is_kept_for_its_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATTUI_CONFIG", str(tmp_path / "new" / "config.toml"))
    with pytest.raises(UsageError, match="not calibrated: fix: wattui calibrate"):
        fit_text()
    path = calibrations.calibrations_path()
    save_fit(path, "another", FIT)
    assert saved_fit(path, calibrations.fingerprint()) is None
    save_fit(path, calibrations.fingerprint(), FIT)
    assert fit_text() == FIT.text
    assert saved_fit(path, "another") == FIT


@pytest.mark.parametrize("text", ["{", '{"m": {"meter": 3}}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "calibrations.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=str(path)):
        saved_fit(path, "m")
