"""run.csv is always readable: whole rows only, nothing replaced unasked, nothing lost unsaid."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from doubles import read_rows
from hypothesis import given
from hypothesis import strategies as st

from recorders.rows import quote
from recorders.runfile import RunFile, RunFileExistsError, json_path, write_json

HEADER = "time_s,time_utc,phase,package0_J\n"
SMALL_BYTES = 64 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_BYTES}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root, with leave to mount, can make a small disk")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def row(number: int, phase: str = "running") -> str:
    return f"{number}.000000,2026-01-01T00:00:00.000Z,{phase},{number * 10}.000000\n"


def test_lines_are_in_the_file_once_flushed(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    file = RunFile(path, HEADER)
    file.write(row(1))
    file.flush()
    assert path.read_text() == HEADER + row(1)
    file.close()


def test_closing_writes_what_is_left(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    file = RunFile(path, HEADER)
    file.write(row(1))
    file.close()
    assert path.read_text() == HEADER + row(1)
    assert file.lost_rows == 0


def test_an_existing_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_text("precious\n")
    with pytest.raises(RunFileExistsError, match=r"run\.csv"):
        RunFile(path, HEADER)
    assert path.read_text() == "precious\n"


def test_an_existing_run_json_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(RunFileExistsError, match=r"run\.json"):
        RunFile(tmp_path / "run.csv", HEADER)
    assert not (tmp_path / "run.csv").exists()


def test_a_dangling_link_counts_as_existing(tmp_path: Path) -> None:
    (tmp_path / "run.csv").symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(RunFileExistsError):
        RunFile(tmp_path / "run.csv", HEADER)
    assert not (tmp_path / "elsewhere.csv").exists()


def test_force_replaces_the_whole_of_an_existing_file(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_text("old line\n" * 100)
    RunFile(path, HEADER, force=True).close()
    assert path.read_text() == HEADER


def test_a_file_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file or directory"):
        RunFile(tmp_path / "missing" / "run.csv", HEADER)


def test_the_position_is_where_the_next_line_begins(tmp_path: Path) -> None:
    file = RunFile(tmp_path / "run.csv", HEADER)
    file.write(row(1))
    file.flush()
    file.write("label µ\n")
    position = file.position
    file.close()
    assert position == (tmp_path / "run.csv").stat().st_size


def test_running_rows_become_loading_from_the_position_on(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    file = RunFile(path, HEADER)
    file.write(row(1))
    position = file.position
    file.write(row(2))
    file.flush()
    file.write(row(3))
    file.write(row(4, "idle"))
    file.rename_running_since(position)
    file.write(row(5))
    file.close()
    phases = [found["phase"] for found in read_rows(path)]
    assert phases == ["running", "loading", "loading", "idle", "running"]


@given(
    st.lists(st.tuples(st.sampled_from(["running", "idle", "runnings"]), st.text()), max_size=9),
    st.integers(0, 9),
    st.integers(0, 9),
)
def test_renaming_changes_nothing_but_the_phase(
    cells: list[tuple[str, str]], flushed: int, since: int
) -> None:
    header = "time_s,time_utc,phase,label\n"
    lines = [(phase, f"{quote(label)}\n") for phase, label in cells]
    with TemporaryDirectory() as directory:
        path = Path(directory) / "run.csv"
        file = RunFile(path, header)
        position = file.position
        for place, (phase, rest) in enumerate(lines):
            position = file.position if place == since else position
            file.write(f"1.0,date,{phase},{rest}")
            if place == flushed:
                file.flush()
        file.rename_running_since(position)
        file.close()
        first = since if since < len(lines) else 0
        words = [
            "loading" if place >= first and phase == "running" else phase
            for place, (phase, _) in enumerate(lines)
        ]
        expected = [f"1.0,date,{word},{rest}" for word, (_, rest) in zip(words, lines, strict=True)]
        assert path.read_bytes().decode() == header + "".join(expected)


@given(st.lists(st.text("ab", max_size=3)), st.integers(0, 9), st.integers(0, 9), st.text("c"))
def test_rewritten_lines_stand_where_the_old_ones_stood(
    lines: list[str], flushed: int, since: int, new: str
) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "run.csv"
        file = RunFile(path, "head\n")
        position = file.position
        for place, line in enumerate(lines):
            position = file.position if place == since else position
            file.write(f"{line}\n")
            if place == flushed:
                file.flush()
        file.rewrite_since(position, lambda old: old.upper()[: len(old) // 2] + new.encode())
        file.write("last\n")
        file.close()
        first = since if since < len(lines) else 0
        kept, old = ("".join(f"{line}\n" for line in p) for p in (lines[:first], lines[first:]))
        assert path.read_text() == f"head\n{kept}{old.upper()[: len(old) // 2]}{new}last\n"


def test_what_cannot_be_changed_stays_as_it_was(tmp_path: Path) -> None:
    file = RunFile(tmp_path / "run.csv", HEADER)
    position = file.position
    file.write(row(1))

    def refuse(lines: bytes) -> bytes:
        raise ValueError(f"not these {len(lines)} bytes")

    for _ in ("in memory", "on disk"):
        with pytest.raises(ValueError, match=f"not these {len(row(1))} bytes"):
            file.rewrite_since(position, refuse)
        file.flush()
    file.close()
    assert (tmp_path / "run.csv").read_text() == HEADER + row(1)


def test_more_than_can_be_rewritten_in_time_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recorders.runfile.REWRITE_LIMIT_BYTES", 100)
    file = RunFile(tmp_path / "run.csv", HEADER)
    position = file.position
    for number in range(10):
        file.write(row(number))
    with pytest.raises(ValueError, match="too much"):
        file.rewrite_since(position, bytes.upper)
    file.close()


def test_on_a_full_disk_a_rewrite_leaves_every_row(small_disk: Path) -> None:
    path = small_disk / "run.csv"
    file = RunFile(path, HEADER)
    position = file.position
    for number in range(20):
        file.write(row(number))
    file.flush()
    before = path.read_bytes()
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * (SMALL_BYTES - 3 * 4096))
    with pytest.raises(OSError, match="No space"):
        file.rewrite_since(position, lambda old: old.upper() + b"y" * 8 * 4096)
    assert path.read_bytes() == before
    ballast.unlink()
    file.write(row(20))
    file.close()
    assert path.read_bytes() == before + row(20).encode()


def test_a_full_disk_raises_keeps_the_lines_and_goes_on_when_there_is_room(
    small_disk: Path,
) -> None:
    ballast = small_disk / "ballast"
    file = RunFile(small_disk / "run.csv", HEADER)
    ballast.write_bytes(b"x" * (SMALL_BYTES - 8192))
    for number in range(400):
        file.write(row(number))
    with pytest.raises(OSError, match="No space"):
        file.flush()
    ballast.unlink()
    file.close()
    assert [found["package0_J"] for found in read_rows(small_disk / "run.csv")] == [
        f"{number * 10}.000000" for number in range(400)
    ]
    assert file.lost_rows == 0


def test_on_a_disk_that_stays_full_the_file_ends_at_a_whole_row(small_disk: Path) -> None:
    path = small_disk / "run.csv"
    file = RunFile(path, HEADER)
    written = 3000
    for number in range(written):
        file.write(row(number))
    file.close()
    assert path.read_bytes().endswith(b"\n")
    kept = read_rows(path)
    assert kept
    assert kept == read_whole(kept)
    assert len(kept) + file.lost_rows == written


def read_whole(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [
        dict(zip(HEADER.strip().split(","), row(n).strip().split(","), strict=True))
        for n in range(len(rows))
    ]


def test_a_disk_too_full_for_the_header_leaves_no_file_behind(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(b"x" * SMALL_BYTES)
    with pytest.raises(OSError, match="No space"):
        RunFile(small_disk / "run.csv", HEADER)
    assert not (small_disk / "run.csv").exists()


def test_what_was_there_before_is_not_removed_where_it_cannot_be_written(tmp_path: Path) -> None:
    target = tmp_path / "run.csv"
    target.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space"):
        RunFile(target, HEADER, force=True)
    assert target.is_symlink()


def test_run_json_stands_beside_run_csv(tmp_path: Path) -> None:
    assert json_path(tmp_path / "run.csv") == tmp_path / "run.json"
    write_json(tmp_path / "run.csv", {"status": "finished"})
    assert json.loads((tmp_path / "run.json").read_text()) == {"status": "finished"}
    assert os.listdir(tmp_path) == ["run.json"]


def test_run_json_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    write_json(tmp_path / "run.csv", {"status": "recording"})
    with pytest.raises(TypeError):
        write_json(tmp_path / "run.csv", {"status": object()})
    assert json.loads((tmp_path / "run.json").read_text()) == {"status": "recording"}
    assert os.listdir(tmp_path) == ["run.json"]
