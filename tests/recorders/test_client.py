"""The front end's side of a recording, with a recorder made up for each test."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from recorders import client
from recorders.summary.figures import PhaseFigures, Summary
from recorders.summary.reduction import Reduction
from recorders.summary.summary import summarise
from recorders.wire import Message

SAYS = """
import sys
def say(line): print(line, flush=True)
sys.stdin.readline()
say('{"t": "ready", "directory": "/nonexistent/marks"}')
sys.stdin.readline()
say(open(sys.argv[1]).read())
"""
# A label of this length makes the last message longer than any other may be.
PHASE = PhaseFigures("running", "p" * 1000, None, [], 0.0, 1.0, 1, True, False, False, {})

Ended = Callable[[dict[str, Any]], client.Finished]


@pytest.fixture
def ended(tmp_path: Path) -> Ended:
    def finish(summary: dict[str, Any]) -> client.Finished:
        run = {"summary": summary, "status": "finished", "lost_rows": 0}
        said = tmp_path / "said"
        said.write_text(json.dumps({"t": "done", "run": run, "write_error": None}))
        command = [sys.executable, "-I", "-c", SAYS, str(said)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
        recording = client.Client(client.Config(csv=None), process=process)
        recording.wait_ready()
        return recording.finish()

    return finish


@pytest.mark.parametrize("phases", [0, 12_000])
def test_the_summary_arrives_as_it_was_made_however_many_phases_it_has(
    ended: Ended, phases: int
) -> None:
    made = summarise(Reduction([]))
    made.phases.extend([PHASE] * phases)
    done = ended(made.to_dict())
    assert isinstance(done.summary, Summary)
    assert done.summary == made
    assert done.run == {"status": "finished", "lost_rows": 0}


def test_a_recorder_that_says_what_it_waits_for_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = [0.0]
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    recording = object.__new__(client.Client)
    recording._queue = []
    opening = {"t": "opening", "name": "the NVIDIA driver", "waited_s": 15.0}
    coming = iter([opening, opening, {"t": "ready", "directory": "/nonexistent/marks"}])

    def receive(timeout_s: float) -> None:
        now_s[0] += 15.0
        recording._queue.append(next(coming))

    monkeypatch.setattr(recording, "_receive", receive)
    assert recording.wait_ready()["t"] == "ready"


def test_a_malformed_summary_is_an_error_of_the_recorder(ended: Ended) -> None:
    with pytest.raises(client.RecorderError, match="its summary is malformed: version is missing"):
        ended({})


def test_a_recorder_killed_before_it_was_told_what_to_record_is_told_by_wait_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = client.Client._send

    def send_too_late(to: client.Client, message: Message) -> None:
        to.process.kill()
        to.process.wait()
        real(to, message)

    monkeypatch.setattr(client.Client, "_send", send_too_late)
    recorder = client.Client(client.Config(csv=None))
    with pytest.raises(client.RecorderError, match="signal 9"):
        recorder.wait_ready()
    recorder.close()
