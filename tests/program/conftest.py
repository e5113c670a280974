"""Fixtures of tests that start the program."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from .running import Place

MakeDisk = Callable[[str], Path]
DISK_BYTES = 8 * 2**20


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
            timeout=30,
            check=False,
        )
        if done.returncode:
            _no_disk(f"a small disk needs root and mount: {done.stderr.strip()}")
        mounted.append(path)
        return path

    yield make
    for path in mounted:
        subprocess.run(["umount", str(path)], check=True, timeout=30)


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Path]:
    """A real disk, which `fsfreeze` can freeze and an error makes read-only; needs root."""
    path, image = tmp_path / "ext4", tmp_path / "image"
    path.mkdir()
    with image.open("wb") as file:
        file.truncate(DISK_BYTES)
    for argv in (
        ["mkfs.ext4", "-q", str(image)],
        ["mount", "-o", "loop,errors=remount-ro", str(image), str(path)],
    ):
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
        except FileNotFoundError as error:
            _no_disk(f"a disk of its own needs {error.filename}")
        if done.returncode:
            _no_disk(f"a disk of its own needs root and loop devices: {done.stderr.strip()}")
    yield path
    subprocess.run(["fsfreeze", "--unfreeze", str(path)], capture_output=True, check=False)
    subprocess.run(["umount", str(path)], check=True, timeout=30)


def _no_disk(reason: str) -> NoReturn:
    if os.environ.get("WATTUI_BENCH") == "required":
        pytest.fail(reason)
    pytest.skip(reason)
