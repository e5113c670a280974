"""The example of AIPowerMeter's protocol, on a made-up run of three repeats."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.made_runs import IDLE, Part, finished

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[3] / "examples" / "alexnet_protocol.py"
SECONDS = {"112": 2, "224": 4, "336": 9}


def run(tmp_path: Path, watts: dict[str, tuple[float, float, float]]) -> Path:
    """Ten inferences a size and repeat; of each size the time is the same in every repeat."""
    parts = [IDLE]
    for repeat in (1, 2, 3):
        parts += [
            Part("running", SECONDS[label], of_repeats[repeat - 1], label, 10, repeat)
            for label, of_repeats in watts.items()
        ]
    return finished(tmp_path / "alexnet.csv", parts).csv


def done(csv: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(EXAMPLE), str(csv)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def shown(csv: Path) -> list[str]:
    found = done(csv)
    assert found.returncode == 0, found.stderr
    return found.stdout.splitlines()


def test_medians_over_repeats_and_not_means(tmp_path: Path) -> None:
    # One repeat of 224 pixels was disturbed: 900 W instead of 50 W.
    watts = {"112": (40.0, 41.0, 42.0), "224": (50.0, 50.0, 900.0), "336": (55.0, 54.0, 53.0)}
    head, names, *rows = shown(run(tmp_path, watts))
    assert head == "medians of 3 repeats, per inference"
    assert names.split() == ["size", "latency", "s", "package0", "J", "total", "J"]
    assert [row.split() for row in rows[:3]] == [
        ["112", "0.2", "8.2", "8.2"],  # 2 s and 41 W, of ten inferences
        ["224", "0.4", "20", "20"],
        ["336", "0.9", "48.6", "48.6"],
    ]


def test_latency_and_energy_correlate_as_the_powers_make_them(tmp_path: Path) -> None:
    steady = dict.fromkeys(SECONDS, (50.0, 50.0, 50.0))
    text = "\n".join(shown(run(tmp_path, steady)))
    assert "Pearson's r of latency and package0 J, measured: 1.000" in text
    assert 'published by AIPowerMeter, "deep learning benchmark": 0.98' in text


def test_a_run_without_labels_is_refused_in_words(tmp_path: Path) -> None:
    found = done(finished(tmp_path / "r.csv", [IDLE]).csv)
    assert found.returncode == 1
    assert "no labelled phase" in found.stderr


@pytest.mark.parametrize("sizes", [("112",), ("112", "224")])
def test_under_three_sizes_nothing_is_said_to_correlate(
    tmp_path: Path, sizes: tuple[str, ...]
) -> None:
    text = "\n".join(shown(run(tmp_path, dict.fromkeys(sizes, (50.0, 50.0, 50.0)))))
    assert "unknown (needs three sizes)" in text
