"""The front end's side of a recording, with a recorder made up for each test."""

from __future__ import annotations

import sys

import pytest

from recorders import client

SAYS = """
import json, sys
def say(**message): print(json.dumps(message), flush=True)
sys.stdin.readline()
say(t="ready", directory="/nonexistent/marks")
sys.stdin.readline()
say(t="done", run={"summary": ["p" * 1000] * int(sys.argv[1])}, write_error=None)
"""


@pytest.mark.parametrize("phases", [0, 12_000])
def test_the_last_message_is_taken_however_many_phases_it_has(
    monkeypatch: pytest.MonkeyPatch, phases: int
) -> None:
    command = [sys.executable, "-I", "-c", SAYS, str(phases)]
    monkeypatch.setattr(client, "recorder_command", lambda: command)
    recording = client.Client(client.Config(csv=None))
    recording.wait_ready()
    done = recording.finish()
    assert len(done["run"]["summary"]) == phases
