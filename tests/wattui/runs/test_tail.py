"""Reading only the end of a file that grows."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattui.runs.tail import NEAR_BYTES, Tail

HEADER = "time_s,total_J\n"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "journal.csv"
    path.write_text(HEADER)
    return path


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_each_whole_line_is_given_once(csv: Path) -> None:
    tail = Tail(csv)
    append(csv, "0,1\n1,2\n2,")
    assert tail.read() == ["0,1\n", "1,2\n"]
    assert tail.header == HEADER
    assert tail.is_whole
    assert tail.read() == []
    append(csv, "3\n")
    assert tail.read() == ["2,3\n"]


def test_of_a_long_file_only_the_end_is_read(csv: Path) -> None:
    append(csv, "".join(f"{n:09},1\n" for n in range(100_000)))
    tail = Tail(csv)
    found = tail.read()
    assert 0 < sum(map(len, found)) <= NEAR_BYTES
    assert found[-1] == "000099999,1\n"
    assert all(len(line) == len(found[-1]) for line in found)
    assert not tail.is_whole


def test_a_file_that_was_replaced_is_read_again(csv: Path) -> None:
    tail = Tail(csv)
    append(csv, "0,1\n")
    tail.read()
    draft = csv.with_name("draft")
    draft.write_text(f"{HEADER}0,1\n1,2\n")
    draft.replace(csv)
    assert tail.read() == ["0,1\n", "1,2\n"]
    assert tail.starts == 2


def test_a_file_with_a_new_column_is_read_again_even_under_the_same_number(csv: Path) -> None:
    tail = Tail(csv)
    append(csv, "0,1\n")
    tail.read()
    csv.write_text("time_s,total_J,count_tokens_out\n0,1,\n1,2,32\n")
    assert tail.read() == ["0,1,\n", "1,2,32\n"]
    assert tail.header == "time_s,total_J,count_tokens_out\n"


def test_a_file_whose_header_is_not_there_yet_has_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "journal.csv"
    path.write_text("time_s,tot")
    tail = Tail(path)
    assert tail.read() == []
    append(path, "al_J\n0,1\n")
    assert tail.read() == ["0,1\n"]
