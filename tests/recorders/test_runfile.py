"""run.csv is always readable: whole rows only, nothing replaced unasked, nothing lost unsaid."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.rows import quote
from recorders.runfile import (
    Place,
    RunFile,
    RunFileBusyError,
    RunFileExistsError,
    json_path,
    write_json,
)
from tests.support.doubles import read_rows

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
    file.write(row(1).encode())
    file.flush()
    assert path.read_text() == HEADER + row(1)
    file.close()


def test_closing_writes_what_is_left(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    file = RunFile(path, HEADER)
    file.write(row(1).encode())
    file.close()
    assert path.read_text() == HEADER + row(1)
    assert file.lost_rows == 0


def test_a_new_count_has_a_column_which_is_empty_before(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    file = RunFile(path, HEADER)
    path.chmod(0o640)
    file.write(row(1).encode())
    file.add_count("tokens_out")
    file.write(row(2).replace("\n", ",32\n").encode(), ["tokens_out"])
    file.add_count("requests")
    file.write(row(3).replace("\n", ",64,1\n").encode(), ["tokens_out", "requests"])
    assert file.look_after() is None
    file.close()
    found = read_rows(path)
    assert [(each["count_tokens_out"], each["count_requests"]) for each in found] == [
        ("", ""),
        ("32", ""),
        ("64", "1"),
    ]
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["run.csv"]


def test_a_file_with_a_new_column_still_belongs_to_its_recording(tmp_path: Path) -> None:
    file = recording(tmp_path / "run.csv", 1)
    file.add_count("tokens_out")
    with pytest.raises(RunFileBusyError):
        RunFile(tmp_path / "run.csv", HEADER, force=True)
    file.close()


@given(
    st.lists(st.sampled_from(["row", "row", "count", "rename", "undo"]), max_size=12),
    st.integers(0, 11),
)
def test_positions_hold_whatever_columns_are_added(steps: list[str], since: int) -> None:
    with TemporaryDirectory() as folder:
        file = RunFile(Path(folder, "run.csv"), HEADER)
        names: list[str] = []
        begun, renamed_at = {}, None
        for number, step in enumerate(steps):
            if number == since:
                renamed_at = number
                position = file.position
            if step == "count":
                names.append(f"c{number}")
                file.add_count(names[-1])
            elif step == "undo" and renamed_at is not None and number in begun:
                file.rewrite_since(begun[number], lambda lines: lines.split(b"\n", 1)[1])
            begun[number + 1] = file.position
            cells = "".join(f",{number}" for _ in names)
            file.write(row(number).replace("\n", f"{cells}\n").encode(), names)
            file.flush()
        if renamed_at is not None:
            file.rename_running_since(position)
        file.close()
        found = read_rows(Path(folder, "run.csv"))
        own = range(len(steps)) if renamed_at is None else range(renamed_at, len(steps))
        for each in found:
            number = int(float(each["time_s"]))
            loading = renamed_at is not None and number in own
            assert each["phase"] == ("loading" if loading else "running"), (steps, since)
            assert all(each[f"count_{n}"] in ("", str(number)) for n in names)


def test_what_has_no_room_for_its_column_is_left_out_of_the_lines(tmp_path: Path) -> None:
    file = recording(tmp_path / "run.csv", 1)
    file.add_count("requests")
    names = ["refused", "requests", "also"]
    file.write(b"".join(row(n).replace("\n", f",7,{n},8\n").encode() for n in (2, 3)), names)
    position = file.position
    file.write(row(4).replace("\n", ",4\n").encode(), ["requests"])
    file.rename_running_since(position)
    file.close()
    found = read_rows(tmp_path / "run.csv")
    assert [each["count_requests"] for each in found] == ["", "2", "3", "4"]
    assert [each["phase"] for each in found] == ["running"] * 3 + ["loading"]


def test_a_column_is_not_added_to_a_file_that_is_someone_elses(tmp_path: Path) -> None:
    file = recording(tmp_path / "run.csv", 1)
    (tmp_path / "run.csv").unlink()
    (tmp_path / "run.csv").write_text("precious\n")
    with pytest.raises(OSError, match="another program"):
        file.add_count("tokens_out")
    assert (tmp_path / "run.csv").read_text() == "precious\n"
    assert os.listdir(tmp_path) == ["run.csv"]
    file.close()


def test_a_full_disk_leaves_the_file_without_the_column(small_disk: Path) -> None:
    path = small_disk / "run.csv"
    file = recording(path, 1)
    file.write(b"x" * (SMALL_BYTES // 2) + b"\n")
    file.flush()
    before = path.read_bytes()
    with pytest.raises(OSError, match="No space left"):
        file.add_count("tokens_out")
    assert path.read_bytes() == before
    assert os.listdir(small_disk) == ["run.csv"]
    file.write(row(2).replace("\n", ",5\n").encode(), ["tokens_out"])
    file.close()
    assert path.read_bytes() == before + row(2).encode()


def test_an_existing_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_text("precious\n")
    with pytest.raises(RunFileExistsError, match=r"run\.csv"):
        RunFile(path, HEADER)
    assert path.read_text() == "precious\n"


def test_a_folder_is_no_file_that_force_would_replace(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        RunFile(tmp_path, HEADER)


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


@pytest.mark.parametrize("is_there", [True, False])
def test_force_replaces_links_and_not_the_files_they_name(tmp_path: Path, is_there: bool) -> None:
    path = tmp_path / "run.csv"
    earlier = [tmp_path / "earlier.csv", tmp_path / "earlier.json"]
    for link, file in zip((path, json_path(path)), earlier, strict=True):
        link.symlink_to(file)
        if is_there:
            file.write_text("precious")
    file = RunFile(path, HEADER, force=True)
    file.write_json({"status": "recording"})
    file.close()
    for link in (path, json_path(path)):
        assert link.is_file()
        assert not link.is_symlink()
    assert [each.exists() and each.read_text() for each in earlier] == (
        ["precious", "precious"] if is_there else [False, False]
    )


def test_a_file_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file or directory"):
        RunFile(tmp_path / "missing" / "run.csv", HEADER)


def test_the_position_is_where_the_next_line_begins(tmp_path: Path) -> None:
    file = RunFile(tmp_path / "run.csv", HEADER)
    file.write(row(1).encode())
    file.flush()
    file.write("label µ\n".encode())
    position = file.position
    file.close()
    assert position == Place((tmp_path / "run.csv").stat().st_size, 3)


def test_running_rows_become_loading_from_the_position_on(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    file = RunFile(path, HEADER)
    file.write(row(1).encode())
    position = file.position
    file.write(row(2).encode())
    file.flush()
    file.write(row(3).encode())
    file.write(row(4, "idle").encode())
    file.rename_running_since(position)
    file.write(row(5).encode())
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
            file.write(f"1.0,date,{phase},{rest}".encode())
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
            file.write(f"{line}\n".encode())
            if place == flushed:
                file.flush()
        file.rewrite_since(position, lambda old: old.upper()[: len(old) // 2] + new.encode())
        file.write(b"last\n")
        file.close()
        first = since if since < len(lines) else 0
        kept, old = ("".join(f"{line}\n" for line in p) for p in (lines[:first], lines[first:]))
        assert path.read_text() == f"head\n{kept}{old.upper()[: len(old) // 2]}{new}last\n"


def test_what_cannot_be_changed_stays_as_it_was(tmp_path: Path) -> None:
    file = RunFile(tmp_path / "run.csv", HEADER)
    position = file.position
    file.write(row(1).encode())

    def refuse(lines: bytes) -> bytes:
        raise ValueError(f"not these {len(lines)} bytes")

    for _ in ("in memory", "on disk"):
        with pytest.raises(ValueError, match=f"not these {len(row(1))} bytes"):
            file.rewrite_since(position, refuse)
        file.flush()
    file.close()
    assert (tmp_path / "run.csv").read_text() == HEADER + row(1)


def test_on_a_full_disk_a_rewrite_leaves_every_row(small_disk: Path) -> None:
    path = small_disk / "run.csv"
    file = RunFile(path, HEADER)
    position = file.position
    for number in range(20):
        file.write(row(number).encode())
    file.flush()
    before = path.read_bytes()
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * (SMALL_BYTES - 3 * 4096))
    with pytest.raises(OSError, match="No space"):
        file.rewrite_since(position, lambda old: old.upper() + b"y" * 8 * 4096)
    assert path.read_bytes() == before
    ballast.unlink()
    file.write(row(20).encode())
    file.close()
    assert path.read_bytes() == before + row(20).encode()


def test_a_full_disk_raises_keeps_the_lines_and_goes_on_when_there_is_room(
    small_disk: Path,
) -> None:
    ballast = small_disk / "ballast"
    file = RunFile(small_disk / "run.csv", HEADER)
    ballast.write_bytes(b"x" * (SMALL_BYTES - 8192))
    for number in range(400):
        file.write(row(number).encode())
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
        file.write(row(number).encode())
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


# ---------------------------------------------------------------- other programs


def recording(path: Path, *numbers: int) -> RunFile:
    """A run file with some rows on the disk."""
    file = RunFile(path, HEADER)
    for number in numbers:
        file.write(row(number).encode())
    file.flush()
    return file


def go_on(file: RunFile, *numbers: int) -> str | None:
    """Look, write more rows, and close."""
    remark = file.look_after()
    for number in numbers:
        file.write(row(number).encode())
    file.flush()
    assert file.look_after() is None
    file.close()
    return remark


def test_a_file_that_nobody_touches_is_no_remark(tmp_path: Path) -> None:
    file = recording(tmp_path / "run.csv", 1, 2)
    file.rename_running_since(Place(len(HEADER), 1))
    file.rewrite_since(Place(len(HEADER), 1), lambda old: old[: len(old) // 2])
    assert go_on(file, 3) is None
    assert os.listdir(tmp_path) == ["run.csv"]


def test_a_deleted_file_goes_on_beside_its_place_and_loses_nothing(tmp_path: Path) -> None:
    file = recording(tmp_path / "run.csv", 1, 2)
    (tmp_path / "run.csv").unlink()
    remark = go_on(file, 3)
    found = tmp_path / "run.recovered.csv"
    assert remark == f"run.csv was deleted by another program; the recording is now in {found}"
    assert found.read_text() == HEADER + row(1) + row(2) + row(3)
    assert file.path == found
    assert file.lost_rows == 0


def test_a_file_in_its_place_is_someone_elses(tmp_path: Path) -> None:
    file = recording(tmp_path / "run.csv", 1)
    (tmp_path / "other").write_text("precious\n")
    (tmp_path / "run.recovered.csv").write_text("precious too\n")
    (tmp_path / "run.recovered-2.json").write_text("precious as well\n")
    (tmp_path / "other").replace(tmp_path / "run.csv")
    remark = go_on(file, 2)
    assert remark is not None
    assert "was replaced by another program" in remark
    assert (tmp_path / "run.csv").read_text() == "precious\n"
    assert (tmp_path / "run.recovered.csv").read_text() == "precious too\n"
    assert (tmp_path / "run.recovered-3.csv").read_text() == HEADER + row(1) + row(2)


def test_a_file_that_is_moved_is_followed(tmp_path: Path) -> None:
    file = recording(tmp_path / "run.csv", 1)
    (tmp_path / "run.csv").rename(tmp_path / "moved.csv")
    remark = go_on(file, 2)
    moved = tmp_path / "moved.csv"
    assert remark == f"run.csv was moved by another program; the recording is now in {moved}"
    assert moved.read_text() == HEADER + row(1) + row(2)
    assert os.listdir(tmp_path) == ["moved.csv"]


@pytest.mark.parametrize("kept_bytes", [0, 10, len(HEADER), len(HEADER + row(1)) + 7])
def test_what_a_truncated_file_lost_is_counted_and_the_rest_goes_on(
    tmp_path: Path, kept_bytes: int
) -> None:
    file = recording(tmp_path / "run.csv", 1, 2, 3)
    os.truncate(tmp_path / "run.csv", kept_bytes)
    position = file.position
    remark = file.look_after()
    file.write(row(4).encode())
    file.flush()
    file.write(row(5).encode())
    file.rename_running_since(position)
    file.close()
    kept = [row(1)] if kept_bytes > len(HEADER) else []
    lines = [HEADER, *kept, row(4, "loading"), row(5, "loading")]
    assert (tmp_path / "run.recovered.csv").read_text() == "".join(lines)
    assert file.lost_rows == 3 - len(kept)
    assert remark is not None
    assert f"truncated by another program; the recording is now in {file.path}" in remark
    assert f"{file.lost_rows} rows were lost" in remark
    assert (tmp_path / "run.csv").stat().st_size == kept_bytes


def test_another_recording_in_the_same_file_is_not_taken_for_this_one(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    file = recording(path, 1, 2, 3)
    path.write_text(HEADER + row(7) + row(8))
    assert go_on(file, 4)
    assert file.path.read_text() == HEADER + row(4)
    assert file.lost_rows == 3
    assert path.read_text() == HEADER + row(7) + row(8)


def test_bytes_that_another_program_appends_are_told(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    file = recording(path, 1, 2)
    with path.open("a") as other:
        other.write("noise\n")
    remark = go_on(file, 3)
    assert remark is not None
    assert "written to by another program" in remark
    assert file.path.read_text() == HEADER + row(1) + row(2) + row(3)


def test_a_hole_where_rows_were_is_noticed_after_the_next_rows(tmp_path: Path) -> None:
    file = recording(tmp_path / "run.csv", 1, 2)
    os.truncate(tmp_path / "run.csv", len(HEADER))
    file.write(row(3).encode())
    file.flush()
    remark = file.look_after()
    file.close()
    assert remark is not None
    assert "written to" in remark


def test_without_its_directory_a_file_goes_to_a_refuge(tmp_path: Path) -> None:
    folder, refuge = tmp_path / "gone", tmp_path / "refuge"
    folder.mkdir()
    refuge.mkdir()
    file = RunFile(folder / "run.csv", HEADER, refuges=[tmp_path / "nowhere", refuge])
    file.write(row(1).encode())
    file.flush()
    (folder / "run.csv").unlink()
    folder.rmdir()
    go_on(file, 2)
    assert (refuge / "run.recovered.csv").read_text() == HEADER + row(1) + row(2)


def test_with_nowhere_to_go_every_row_is_counted_as_lost(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    file = recording(folder / "run.csv", 1, 2)
    (folder / "run.csv").unlink()
    folder.rmdir()
    remark = go_on(file, 3)
    assert remark is not None
    assert "nowhere else to write it" in remark
    assert file.lost_rows == 3


def test_two_recorders_do_not_write_the_same_file(tmp_path: Path) -> None:
    file = recording(tmp_path / "run.csv", 1)
    with pytest.raises(RunFileBusyError):
        RunFile(tmp_path / "run.csv", HEADER, force=True)
    assert go_on(file, 2) is None
    assert (tmp_path / "run.csv").read_text() == HEADER + row(1) + row(2)


def test_a_run_json_of_someone_elses_is_left_alone(tmp_path: Path) -> None:
    file = recording(tmp_path / "run.csv", 1)
    assert file.write_json({"status": "recording"}) is None
    assert file.write_json({"status": "recording still"}) is None
    (tmp_path / "run.json").write_text("precious\n")
    remark = file.write_json({"status": "finished"})
    file.close()
    assert (tmp_path / "run.json").read_text() == "precious\n"
    assert json.loads((tmp_path / "run.recovered.json").read_text()) == {"status": "finished"}
    assert remark is not None
    assert "run.json was replaced by another program" in remark


def test_run_json_goes_where_the_rows_are(tmp_path: Path) -> None:
    file = recording(tmp_path / "run.csv", 1)
    file.write_json({"status": "recording"})
    (tmp_path / "run.csv").unlink()
    file.look_after()
    assert file.write_json({"status": "finished"}) is None
    file.close()
    assert sorted(os.listdir(tmp_path)) == ["run.recovered.csv", "run.recovered.json"]


def test_a_disk_that_can_only_be_read_now_still_counts_what_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = recording(tmp_path / "run.csv", 1)

    def refuse(*_: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    file.write(row(2).encode())
    monkeypatch.setattr("os.pwrite", refuse)
    monkeypatch.setattr("os.ftruncate", refuse)
    file.close()
    assert file.lost_rows == 1
    assert (tmp_path / "run.csv").read_text() == HEADER + row(1)
