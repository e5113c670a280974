"""A program of one's own, as the launch form orders it."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattui.tui.launching.command import ProgramSubject, wrong_command


def test_a_program_is_looked_for_where_a_shell_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert wrong_command("sh -c x") is None
    (tmp_path / "tool").write_text("")
    assert "is not executable: fix: chmod +x ./tool" in str(wrong_command("./tool"))


@pytest.mark.parametrize(
    ("command", "stem"),
    [
        ("python infer.py --n 3", "infer"),
        ("/usr/bin/python3.11 -u tools/run_all.py", "run_all"),
        ("python -m pkg.bench x.py", "bench"),
        ("./llama-bench -m model.gguf", "llama-bench"),
        ("sh -c 'a | b'", "sh"),
        ("node 'my app.js'", "my-app"),
        ("./../..", "command"),
        ("", "command"),
        ("sh 'unclosed", "command"),
    ],
)
def test_the_run_file_is_named_after_the_script(command: str, stem: str) -> None:
    given = {"command": command} if command else {}
    assert ProgramSubject().stem(given) == stem
