"""The commands that the launch form remembers."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattui.tui.launching.recall import Recall


@pytest.mark.parametrize("text", ["", "{", '{"a": 1}', "[1, null]", "\udcff"])
def test_a_memory_of_commands_that_cannot_be_read_is_empty(tmp_path: Path, text: str) -> None:
    path = tmp_path / "commands.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    assert Recall(path).commands() == []
