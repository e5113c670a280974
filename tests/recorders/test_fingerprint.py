"""A summary is taken from run.json only while run.csv is the file that it was made from."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorders import fingerprint as module
from recorders.fingerprint import fingerprint, is_same


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """A file whose last change is some ticks of the kernel's clock ago."""
    path = tmp_path / "run.csv"
    path.write_bytes(bytes(range(256)) * 64)
    while "stamp" not in fingerprint(path):
        time.sleep(0.001)
    return path


EDITS = st.one_of(
    st.tuples(st.just("overwrite"), st.integers(0, 16383), st.binary(min_size=1, max_size=9)),
    st.tuples(st.just("truncate"), st.integers(0, 16383), st.just(b"")),
    st.tuples(st.just("append"), st.just(0), st.binary(min_size=1, max_size=9)),
)


@given(EDITS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_change_is_missed_even_if_the_time_is_set_back(
    known: Path, edit: tuple[str, int, bytes]
) -> None:
    what, place, data = edit
    known.write_bytes(bytes(range(256)) * 64)
    before, content, status = fingerprint(known), known.read_bytes(), known.stat()
    with known.open("r+b") as file:
        if what == "truncate":
            file.truncate(place)
        else:
            file.seek(place, os.SEEK_END if what == "append" else os.SEEK_SET)
            file.write(data)
    os.utime(known, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert is_same(known, before) == (known.read_bytes() == content)


def test_a_file_that_was_not_touched_is_not_read(
    known: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fingerprint(known)
    monkeypatch.setattr(module, "_digest", None)
    assert is_same(known, before)


def test_a_copy_is_known_by_its_digest(known: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.csv"
    copy.write_bytes(known.read_bytes())
    assert is_same(copy, fingerprint(known))


def test_a_file_that_may_change_within_the_same_tick_has_no_stamp(
    known: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "clock_gettime_ns", lambda _: known.stat().st_ctime_ns)
    assert "stamp" not in fingerprint(known)


def test_a_file_system_with_whole_seconds_gives_no_stamp(known: Path) -> None:
    os.utime(known, ns=(0, 1_700_000_000_000_000_000))
    assert "stamp" not in fingerprint(known)
