"""Folders of run files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.made_runs import B1, B8, IDLE, aged, finished


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three runs, the newest first: quick, slow, and sub/old; other files beside them."""
    (tmp_path / "sub").mkdir()
    aged(finished(tmp_path / "quick.csv", [IDLE, B1]).csv, 10)
    aged(finished(tmp_path / "slow.csv", [IDLE, B8]).csv, 20)
    old = tmp_path / "sub" / "old.csv"
    aged(finished(old, [B8], ["est_cpu"], command={"argv": ["./Bench", "--old"]}).csv, 30)
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "notes.txt").write_text("time_s")
    return tmp_path
