"""`wattui calibrate`: which meter, what it says, and what it keeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from recorders.source import Channel, Reading
from recorders.wire import Message
from wattui import cli
from wattui.analysis.delay import Delay
from wattui.calibrations import fit_text
from wattui.commands import calibrate
from wattui.commands.calibrate import Measured, chosen, measure
from wattui.config import load
from wattui.errors import UsageError, WattuiError

FOUND = Delay(0.85, 0.05, 0.35, 1.0, 20.1, 1.2, 0.6, 0.999, 57)
KNOWN = ("wall=shelly2:plug", "usb@0.2=file:/x", "hand")


def test_the_meter_is_given_or_known() -> None:
    assert chosen("wall", KNOWN) == "wall=shelly2:plug"
    assert chosen("usb", KNOWN) == "usb=file:/x"
    assert chosen("other=file:/y", KNOWN) == "other=file:/y"
    assert chosen(None, KNOWN[:1]) == "wall=shelly2:plug"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "which meter? (the settings have wall, usb): fix: --meter wall=SPEC"),
        ("hand", "--meter hand: there is no such meter"),
        ("wall=shely2:plug", "unknown kind 'shely2': fix: shelly2:HOST[/ID]"),
    ],
)
def test_any_other_is_refused(given: str | None, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        chosen(given, KNOWN)
    assert words in str(refused.value)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.toml"
    path.write_text('meters = ["usb=file:/x", "wall@0.3=shelly2:plug"]\nrate_hz = 20\n')
    monkeypatch.setenv("WATTUI_CONFIG", str(path))
    monkeypatch.setattr(calibrate, "measure", lambda *_: Measured("total", ("package0",)))
    monkeypatch.setattr(calibrate, "find_delay", lambda *_: FOUND)
    return path


def test_it_says_what_was_found_and_how_to_use_it(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["calibrate", "--meter", "wall"]) == 0
    shown = capsys.readouterr().out
    assert "readings are 0.85 ± 0.05 s late (latency 0.35 s, averaged over 1.00 s)" in shown
    assert "wall = 20.1 W + 1.200 × total, residuals 0.6 W" in shown
    assert "--meter wall@0.85=shelly2:plug (to keep it, add --save)" in shown
    assert "0.85" not in settings.read_text()


def test_the_settings_keep_it_when_asked(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["calibrate", "--meter", "wall", "--save", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["meter"], told["delay_s"], told["channel"]) == ("wall", 0.85, "total")
    kept = load(settings)
    assert kept.meters == ("usb=file:/x", "wall@0.85=shelly2:plug")
    assert kept.rate_hz == 20
    assert fit_text() == "wall = 20.1 W + 1.2 × package0 ± 0.6 W"


class FakeClient:
    """A recorder whose total grows by 5 J with every poll."""

    columns: Sequence[str] = ("total_J",)

    def __init__(self, config: Any, take: Callable[[Message], None]) -> None:
        self._take, self._polls = take, 0

    def wait_ready(self) -> Message:
        return {"columns": list(self.columns), "start_monotonic_ns": 1_000_000_000}

    def request(self, **message: Any) -> Message:
        return {}

    def poll(self, timeout_s: float) -> None:
        self._polls += 1
        cells = [str(5.0 * self._polls)] * len(self.columns)
        self._take({"t": "row", "time": f"{self._polls / 10}", "cells": cells})

    def close(self) -> None:
        pass


class FakeMeter:
    """A meter with one reading."""

    def __init__(self) -> None:
        self.closed = False
        self._readings = [Reading(0, 3_500_000_000, 99.0)]

    def channels(self) -> Sequence[Channel]:
        return [Channel("meter_wall", "W")]

    def read(self) -> Sequence[Reading]:
        found, self._readings = self._readings, []
        return found

    def close(self) -> None:
        self.closed = True


def test_sensors_and_meter_are_read_on_one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    meter, told = FakeMeter(), []  # type: FakeMeter, list[str]
    monkeypatch.setattr(calibrate, "Client", FakeClient)
    monkeypatch.setattr(calibrate, "open_meters", lambda *_: ([meter], []))
    found = measure("wall=file:/x", [["sleep", "60"]], (0.02, 0.02), told.append)
    assert found.inside_j[:2] == [(0.1, 5.0), (0.2, 10.0)]
    assert found.outside == [(2.5, 99.0)]
    assert (found.channel, found.counts, meter.closed) == ("total", False, True)
    assert told == ["idle, 0 s left", "busy, 0 s left"]


def test_without_a_sensor_there_is_nothing_to_compare_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FakeClient, "columns", ["cpu_util_pct"])
    monkeypatch.setattr(calibrate, "Client", FakeClient)
    monkeypatch.setattr(calibrate, "open_meters", lambda *_: ([FakeMeter()], []))
    with pytest.raises(WattuiError, match="no energy of this machine is measured"):
        measure("wall=file:/x", [["sleep", "60"]], (0.02,), lambda _: None)
