"""The page of a recording: written by one, read by many."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders import directory, page
from recorders.publisher import Publisher

COLUMNS = ["package0_J", "package0_W", "gpu0_util_pct"]


def published(place: Path) -> Publisher:
    return Publisher(place, {"pid": 1}, COLUMNS)


def read(place: Path) -> dict[str, object]:
    descriptor = page.open_page(place)
    try:
        return page.read(descriptor)
    finally:
        os.close(descriptor)


def test_a_page_has_the_newest_reading_of_each_column_with_its_time(tmp_path: Path) -> None:
    publisher = published(tmp_path)
    publisher.put({"n": 1}, [("0.1", ["1.0", "", "50"]), ("0.2", ["2.0", "10.0", ""])])
    publisher.close()
    assert read(tmp_path) == {
        "pid": 1,
        "n": 1,
        "readings": {
            "package0_J": ["0.2", "2.0"],
            "package0_W": ["0.2", "10.0"],
            "gpu0_util_pct": ["0.1", "50"],
        },
    }


def test_a_page_that_was_not_written_in_time_loses_no_reading(tmp_path: Path) -> None:
    publisher = published(tmp_path)
    for n in range(200):
        publisher.put({"n": n}, [(f"{n}.0", [f"{n}.5", "", "50" if n == 0 else ""])])
    publisher.close()
    found = read(tmp_path)
    assert found["n"] == 199
    assert found["readings"] == {"package0_J": ["199.0", "199.5"], "gpu0_util_pct": ["0.0", "50"]}


def test_only_its_user_may_read_it(tmp_path: Path) -> None:
    published(tmp_path).close()
    assert (tmp_path / page.NAME).stat().st_mode & 0o777 == 0o600


def test_readers_never_see_half_a_page(tmp_path: Path) -> None:
    publisher = published(tmp_path)
    publisher.put({"n": 0, "text": ""}, [])

    def look() -> None:
        for _ in range(300):
            found = read(tmp_path)
            assert found["text"] == "x" * int(str(found["n"]))

    while not (tmp_path / page.NAME).read_bytes().startswith(b"wattui-live"):
        pass
    n = 0
    with ThreadPoolExecutor() as pool:
        readers = [pool.submit(look) for _ in range(4)]
        while not all(reader.done() for reader in readers):
            n = (n + 997) % 5000
            publisher.put({"n": n, "text": "x" * n}, [])
    publisher.close()
    for reader in readers:
        reader.result()


@given(st.binary(max_size=200), st.integers(0, 100))
def test_a_damaged_page_is_refused(junk: bytes, place: int) -> None:
    whole = page.encoded(b'{"a":1}\n', b'{"b":2}\n')
    assert page.decoded(whole + b"older text") == {"a": 1, "b": 2}
    with pytest.raises(page.DamagedPageError):
        page.decoded(whole[: min(place, len(whole) - 1)])
    with pytest.raises(page.DamagedPageError):
        page.decoded(junk)


def test_a_directory_is_abandoned_when_nobody_holds_its_lock(tmp_path: Path) -> None:
    place, lock = directory.make([tmp_path / "wattui-1-00000000"])
    assert not page.is_abandoned(place)
    os.close(lock)
    assert page.is_abandoned(place)
    assert page.is_abandoned(tmp_path / "none")
