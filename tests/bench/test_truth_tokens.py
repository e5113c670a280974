"""Joules per token of a server under a known load, on a machine with a known power."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbench import topologies
from testbench.curves import Constant
from testbench.recording import BenchRecording, command_line, surroundings

from .conftest import MakeBench

pytestmark = [pytest.mark.needs_bench, pytest.mark.needs_tokens, pytest.mark.quiet]

POWER_W = 55.0
SLOTS, RATE = 4, 60.0
SHARE = 0.01


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server that gives each request this many tokens a second."""
    options = ("toy", "--slots", str(SLOTS), "--tokens-per-second", f"{RATE:g}")
    started = subprocess.Popen(
        [sys.executable, "-m", "workloads", "serve", *options], stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    try:
        yield started.stdout.readline().split()[-1]
    finally:
        started.terminate()
        started.communicate(timeout=10)


def test_joules_per_token_are_those_of_the_power_and_the_rate(
    make_bench: MakeBench, tmp_path: Path, server: str
) -> None:
    bench = make_bench(topologies.plain(package=Constant(50.0), dram=Constant(5.0)))
    load = [sys.executable, "-m", "wattui", "tokens", "bench", server, "--json"]
    load += ["--concurrency", str(SLOTS), "--prompts", "synthetic:20/30"]
    load += ["--seconds", "3", "--armed", "0.3"]
    path = tmp_path / "run.csv"
    argv = command_line(path, 10, [], load)
    done = bench.run(argv, cwd=tmp_path, env=surroundings(bench, tmp_path))
    assert done.returncode == 0, done.stderr
    recording = BenchRecording(bench, path, done)
    [stated] = json.loads(done.stdout)["loads"]
    label = f"c{SLOTS}"
    [phase] = [
        each
        for each in recording.run["summary"]["phases"]
        if (each["phase"], each["label"]) == ("running", label)
    ]
    seconds = phase["end_s"] - phase["start_s"]
    assert stated["seconds"] == pytest.approx(seconds, abs=0.05)
    per_token = recording.run["summary"]["running"]["counts"]["tokens_out"]["domains"]["total"]
    figure = per_token["total_j"]
    expected_j = POWER_W / stated["tokens_per_s"]
    assert figure["value"] == pytest.approx(expected_j, rel=SHARE)
    # A token each 1/RATE s in each slot; the first waits for its prompt and the next request.
    assert 0.8 * SLOTS * RATE < stated["tokens_per_s"] <= 1.02 * SLOTS * RATE
    assert stated["tokens_in"] == pytest.approx(20 / 30 * stated["tokens_out"], rel=0.15)
