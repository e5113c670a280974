"""The tokens of a server in a recording made from Python, and by the command line."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import wattui
from tests.support.meters import Plug, plug
from tests.support.servers import VLLM_DP, llama
from wattui import cli

pytestmark = pytest.mark.needs_tokens

Reply = tuple[int, Mapping[str, str], bytes]


@pytest.fixture
def device() -> Iterator[Plug]:
    with plug() as found:
        yield found


def counts(path: Path) -> list[str]:
    with path.open(newline="") as file:
        return [row["count_tokens_out"] for row in csv.DictReader(file)]


def test_a_recording_made_from_python_counts_a_server_s_tokens(
    device: Plug, tmp_path: Path
) -> None:
    shown = [100]
    device.answer = lambda path, headers: (200, {}, llama(shown[0]).encode())
    with (
        wattui.record(tmp_path / "run.csv", tokens=[device.host], simulate=True) as run,
        wattui.phase("running", label="c1"),
    ):
        shown[0] = 164
        time.sleep(0.1)
    assert run.summary.running is not None
    assert run.summary.running.counts["tokens_out"].count == 64
    assert counts(tmp_path / "run.csv")[-1] == "64"


def test_a_server_that_refuses_is_a_warning_with_the_fix_and_the_recording_goes_on(
    device: Plug, tmp_path: Path
) -> None:
    device.answer = lambda path, headers: (501, {}, b"")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "wattui", "--headless", "--csv", "run.csv", "--idle", "0"),
            *("--tokens", device.host, "--", sys.executable, "-c", "pass"),
        ],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "COLUMNS": "300", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = f"server http://{device.host}/metrics: answers 501: fix: start llama-server with"
    assert said in done.stderr


def test_a_wrong_address_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fix: write it as"):
        wattui.record(tmp_path / "run.csv", tokens=["ftp://h"])


def test_doctor_says_what_a_server_counts(device: Plug, capsys: pytest.CaptureFixture[str]) -> None:
    device.answer = lambda path, headers: (200, {}, VLLM_DP.encode())
    assert cli.main(["doctor", "--tokens", device.host]) == 0
    said = capsys.readouterr().out
    assert f"http://{device.host}/metrics: vLLM counts tokens_out, tokens_in, tokens_cached" in said
    assert "requests_running       7.0 requests" in said
