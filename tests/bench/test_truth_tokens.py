"""Joules per token of a server under a known load, on a machine with a known power."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from testbench import topologies
from testbench.curves import Constant
from testbench.recording import BenchRecording, command_line, surroundings
from tests.support.llama_server import MISSING, PACKAGE, PROGRAM, serving_model

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


@pytest.fixture
def llama_server(tmp_path: Path) -> Iterator[str]:
    """The address of a real server, with metrics."""
    from tests.support.gguf import write_model

    with serving_model(write_model(tmp_path / "tiny.gguf")) as started:
        yield started.url


def recorded(
    make_bench: MakeBench, folder: Path, server: str, *load: str, options: Sequence[str] = ()
) -> tuple[dict[str, Any], BenchRecording]:
    """What the load states, and its recording."""
    bench = make_bench(topologies.plain(package=Constant(50.0), dram=Constant(5.0)))
    argv = [sys.executable, "-m", "wattui", "tokens", "bench", server, "--json", *load]
    argv += ["--concurrency", str(SLOTS), "--seconds", "3"]
    path = folder / "run.csv"
    done = bench.run(
        command_line(path, 10, options, argv), cwd=folder, env=surroundings(bench, folder)
    )
    assert done.returncode == 0, done.stderr
    [stated] = json.loads(done.stdout)["loads"]
    return stated, BenchRecording(bench, path, done)


def joules_per_token(recording: BenchRecording) -> float:
    """The total energy of an output token, as summarised."""
    counts = recording.run["summary"]["running"]["counts"]
    value: float = counts["tokens_out"]["domains"]["total"]["total_j"]["value"]
    return value


@pytest.mark.skipif(not (PROGRAM or PACKAGE), reason=MISSING)
def test_joules_per_token_of_a_real_server_whose_counters_are_read(
    make_bench: MakeBench, tmp_path: Path, llama_server: str
) -> None:
    """It counts when a request ends; of the tokens, those in the window are taken."""
    load = ("--prompts", "synthetic:60/600", "--armed", "0.5")
    options = ("--tokens", llama_server)
    stated, recording = recorded(make_bench, tmp_path, llama_server, *load, options=options)
    expected_j = POWER_W / stated["tokens_per_s"]
    assert joules_per_token(recording) == pytest.approx(expected_j, rel=SHARE)
    assert "counted_at_request_end" not in recording.flags()


def test_joules_per_token_are_those_of_the_power_and_the_rate(
    make_bench: MakeBench, tmp_path: Path, server: str
) -> None:
    load = ("--prompts", "synthetic:20/30", "--armed", "0.3")
    stated, recording = recorded(make_bench, tmp_path, server, *load)
    label = f"c{SLOTS}"
    [phase] = [
        each
        for each in recording.run["summary"]["phases"]
        if (each["phase"], each["label"]) == ("running", label)
    ]
    seconds = phase["end_s"] - phase["start_s"]
    assert stated["seconds"] == pytest.approx(seconds, abs=0.05)
    expected_j = POWER_W / stated["tokens_per_s"]
    assert joules_per_token(recording) == pytest.approx(expected_j, rel=SHARE)
    # A token each 1/RATE s in each slot; the first waits for its prompt and the next request.
    assert 0.8 * SLOTS * RATE < stated["tokens_per_s"] <= 1.02 * SLOTS * RATE
    assert stated["tokens_in"] == pytest.approx(20 / 30 * stated["tokens_out"], rel=0.15)
