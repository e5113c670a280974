"""`wattui doctor`: what is there, what is missing, and how to fix it."""

from __future__ import annotations

import io

import pytest

from wattui.commands import doctor
from wattui.show.printing import console

REPORT = {
    "sources": [
        {
            "name": "powercap",
            "reader": "pyRAPL",
            "devices": {},
            "readings": [
                {
                    "channel": "package0",
                    "value": 21.94,
                    "unit": "W",
                    "origin": "measured",
                    "update_period_s": 0.000976,
                    "remarks": [],
                },
                {
                    "channel": "dram0",
                    "value": None,
                    "unit": "W",
                    "origin": "measured",
                    "update_period_s": None,
                    "remarks": [],
                },
            ],
        },
        {
            "name": "estimate",
            "reader": "utilisation model",
            "devices": {"basis": "2 virtual CPUs [made up]"},
            "readings": [
                {
                    "channel": "est_cpu",
                    "value": 1.5,
                    "unit": "W",
                    "origin": "estimated",
                    "update_period_s": 0.01,
                    "remarks": [],
                }
            ],
        },
    ],
    "missing": [{"source": "nvml", "reason": "no driver [here]", "remedy": "install [it]"}],
    "host": {"processor": "A Processor", "system": "Linux"},
    "versions": {},
    "scheduler": "normal",
    "lateness_ms": {"p99_ms": 0.2},
    "config": "/home/person/.config/wattui/config.toml",
}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> str:
    text = io.StringIO()
    monkeypatch.setattr(doctor, "console", lambda: console(file=text, width=80))
    doctor._print(REPORT)
    return text.getvalue()


def test_a_sensor_is_shown_with_reading_period_and_reader(shown: str) -> None:
    assert "powercap  read by pyRAPL" in shown
    assert "21.9 W  updated every 0.976 ms" in shown


def test_a_channel_without_a_reading_says_so_and_shows_no_number(shown: str) -> None:
    line = next(line for line in shown.splitlines() if "dram0" in line)
    assert "no reading yet" in line
    assert "0.0" not in line


@pytest.mark.parametrize(
    ("bits", "words"), [(0.0, "by nothing"), (3.0, "by its power limit, by heat")]
)
def test_what_holds_the_clocks_back_is_in_words(bits: float, words: str) -> None:
    reading = {"channel": "gpu0_held", "value": bits, "unit": "bits", "origin": "measured"}
    source = {"name": "nvml", "reader": "nvidia-ml-py", "devices": {}}
    readings = [reading | {"update_period_s": None, "remarks": []}]
    report = REPORT | {"sources": [source | {"readings": readings}]}
    shown = "\n".join(line.plain for line in doctor.lines(report))
    assert f"gpu0_held     clocks held back {words}" in shown


def test_an_estimate_is_called_estimated(shown: str) -> None:
    assert "estimated" in next(line for line in shown.splitlines() if "est_cpu" in line)


def test_a_missing_source_has_its_reason_and_what_mends_it(shown: str) -> None:
    assert "nvml  no driver [here]" in shown
    assert "install [it]" in shown


@pytest.mark.slow
def test_the_real_machine_is_examined_without_a_file() -> None:
    report = doctor.examine(all_gpus=False, look_s=2.4)
    readings = {r["channel"]: r["value"] for s in report["sources"] for r in s["readings"]}
    assert readings["cpu_util"] is not None
    assert all(refusal["reason"] for refusal in report["missing"])
