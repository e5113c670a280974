"""One run of a command, as the recorder is told about it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from wattui.capture import matching
from wattui.capture.command import RecordedCommand
from wattui.capture.stages import CommandStage, Recipe


def test_output_can_be_matched_as_soon_as_the_command_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tmp_path / "started"
    slow = f"import time; time.sleep(0.3); open({str(started)!r}, 'w').close(); {matching.BOOT}"
    monkeypatch.setattr(matching, "BOOT", slow)
    asked: list[tuple[object, bool]] = []

    def ask(**request: Any) -> None:
        asked.append((request["do"], started.exists()))

    recipe = Recipe(["true"], tmp_path / "run.csv", idle_s=0, phase_match=re.compile("epoch"))
    run = RecordedCommand(recipe, CommandStage(None), str(tmp_path), ask)
    assert run.on_output is not None
    run.on_output(1, b"epoch 1\n")
    assert run.ended(0, stopped=False) == ""
    assert asked == [("command", True), ("mark", True), ("command_end", True)]
