"""`wattui doctor`: what is there, what is missing, and how to fix it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from wattui import cli
from wattui.commands import doctor
from wattui.commands.doctor import waits_for
from wattui.show.doctor import lines, remedies
from wattui.show.printing import console

DOCS = Path(__file__).parents[3] / "docs"


def refusal(source: str, reason: str, remedy: str, kind: str) -> dict[str, str]:
    return {"source": source, "reason": reason, "remedy": remedy, "kind": kind, "part": ""}


REPORT: dict[str, Any] = {
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
    "missing": [
        refusal("hwmon", "the chips cannot be read, at all", "", "unread"),
        refusal("jetson", "no Jetson", "", "absent"),
        refusal("core0", "root only [1]", "sudo open [it]", "right"),
        refusal("nvml", "no driver [here]", "install [it]", "absent"),
        refusal("dram0", "root only [2]", "sudo open [it]", "right"),
    ],
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


def test_a_period_that_is_not_known_is_not_measured(shown: str) -> None:
    line = next(line for line in shown.splitlines() if "dram0" in line)
    assert "update period – not measured" in line


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
    shown = "\n".join(line.plain for line in lines(report))
    assert f"gpu0_held     clocks held back {words}" in shown


def test_an_estimate_is_called_estimated(shown: str) -> None:
    assert "estimated" in next(line for line in shown.splitlines() if "est_cpu" in line)


def test_missing_sources_are_grouped_by_kind_the_shortest_first_with_each_fix_once(
    shown: str,
) -> None:
    places = [
        shown.index(text)
        for text in (
            "works", "est_cpu", "package0",
            "needs a right", "core0  root only [1]", "dram0  root only [2]", "fix: sudo open [it]",
            "on this machine, but not read", "hwmon",
            "not on this machine", "jetson", "nvml  no driver [here]", "fix: install [it]",
        )
    ]  # fmt: skip
    assert places == sorted(places)
    assert shown.count("sudo open [it]") == 1


def test_only_fixes_of_what_is_there_are_copied() -> None:
    assert remedies(REPORT) == ["sudo open [it]"]


def test_a_gpu_has_the_words_of_its_own_tools() -> None:
    nvidia = {
        "vendor": "NVIDIA",
        "model": "NVIDIA A100-SXM4-40GB",
        "uuid": "GPU-1",
        "pci": "0000:17:00.0",
        "nvidia_smi_index": 0,
        "reading": "energy counter",
    }
    radeon = {"vendor": "AMD", "model": "", "pci_id": "0x1002:0x744c", "pci": "0000:03:00.0"}
    source = {"name": "gpus", "reader": "x", "readings": []}
    devices = {"gpu1": nvidia, "gpu0": radeon | {"reading": "power1_average"}}
    shown = [line.plain for line in lines(REPORT | {"sources": [source | {"devices": devices}]})]
    assert (
        "  gpu1: NVIDIA A100-SXM4-40GB (nvidia-smi 0), 0000:17:00.0, GPU-1, energy counter" in shown
    )
    assert "  gpu0: AMD 0x1002:0x744c, 0000:03:00.0, power1_average" in shown


SOURCES = [
    {
        "channels": [
            {"name": "package0", "unit": "J"},
            {"name": "uncore0", "unit": "J"},
            {"name": "command_cpu", "unit": "pct"},
            {"name": "battery", "unit": "W"},
        ]
    }
]


def test_nothing_is_waited_for_but_readings_and_periods_that_come_soon() -> None:
    none: dict[str, float] = {}
    assert waits_for(SOURCES, none, none) == "reading package0, uncore0, battery"
    read = {"package0_W": 20.0, "uncore0_J": 3.0, "battery_W": 9.0}
    assert waits_for(SOURCES, read, {"battery": 0.5}) == ""
    assert waits_for(SOURCES, read, {"battery": 0.0}) == "measuring how often battery is updated"


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    watts = tmp_path_factory.mktemp("meter") / "watts"
    watts.write_text("98.5")
    return doctor.examine(
        all_gpus=False, meters=[f"ups=file:{watts}", f"gone=file:{watts}.not", "wall"]
    )


@pytest.mark.slow
def test_the_real_machine_is_examined_without_a_file(examined: dict[str, Any]) -> None:
    readings = {r["channel"]: r["value"] for s in examined["sources"] for r in s["readings"]}
    assert readings["cpu_util"] is not None
    assert readings["meter_ups"] == 98.5
    assert "meter_wall" not in readings
    assert "meter_gone" not in readings  # it is among what is missing
    assert all(refusal["reason"] for refusal in examined["missing"])
    assert "meter_gone" in {refusal["source"] for refusal in examined["missing"]}
    named = {refusal["source"] for refusal in examined["missing"]}
    assert {"jetson", "nvml"} <= named | {source["name"] for source in examined["sources"]}


def test_a_meter_that_cannot_be_understood_is_refused_at_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["doctor", "--meter", "wall=shely2:plug"]) == 2
    assert "unknown kind 'shely2': fix: shelly2:HOST[/ID]" in capsys.readouterr().err


@pytest.mark.slow
def test_json_is_as_its_schema_says(examined: dict[str, Any]) -> None:
    schema = json.loads((DOCS / "doctor.schema.json").read_text())
    jsonschema.validate(json.loads(json.dumps(examined)), schema)
    for report in (examined | {"version": 2}, examined | {"more": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(report, schema)


def test_a_server_that_is_not_read_is_shown_only_as_missing() -> None:
    address = "http://h/metrics"
    fact = {"server": "", "counts": [], "at_request_end": [], "why": f"{address}: gone"}
    waiting = {
        "channel": "requests_waiting",
        "value": None,
        "unit": "",
        "origin": "measured",
        "update_period_s": None,
        "remarks": [],
    }
    source = {"name": "servers", "reader": "HTTP", "readings": [waiting]}
    missing = refusal(f"server {address}", "gone", "start the server", "unread")

    def shown(*facts: dict[str, Any]) -> str:
        devices = {f"{place}": each for place, each in enumerate(facts)}
        report = REPORT | {"sources": [source | {"devices": devices}], "missing": [missing]}
        return "\n".join(line.plain for line in lines(report))

    assert "✗ server" in shown(fact)
    assert "✓" not in shown(fact)
    # One of two is read.
    assert "✓ servers" in shown(fact, fact | {"server": "vLLM", "counts": ["requests"], "why": ""})
