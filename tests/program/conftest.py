"""Fixtures of tests that start the program."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .running import Place

MakeDisk = Callable[[str], Path]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place to run in; at its end no process and no marks directory may be left."""
    with tempfile.TemporaryDirectory(prefix="wt-") as temporary:
        made = Place(tmp_path, Path(temporary))
        yield made
        made.close()
        left = made.end_all()
        directories = [path.name for path in Path(temporary).glob("wattui-*")]
    assert not left, f"processes left behind: {left}"
    assert not directories, f"marks directories left behind: {directories}"


@pytest.fixture
def make_disk(tmp_path: Path) -> Iterator[MakeDisk]:
    """make_disk("size=64k") mounts a small disk; without the right to, it skips."""
    mounted: list[Path] = []

    def make(options: str) -> Path:
        path = tmp_path / f"disk{len(mounted)}"
        path.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "wattui-test", str(path)],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        if done.returncode:
            reason = f"a small disk needs root and mount: {done.stderr.strip()}"
            if os.environ.get("WATTUI_BENCH") == "required":
                pytest.fail(reason)
            pytest.skip(reason)
        mounted.append(path)
        return path

    yield make
    for path in mounted:
        subprocess.run(["umount", str(path)], check=True, timeout=10)
