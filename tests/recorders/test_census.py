"""Names, users and shares of processes, from /proc as it is and as nobody writes it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.census import MOST_NAME, Census, by_who, parse_stat
from testbench.drm import DrmProcess, show
from tests.support.doubles import ManualClock

USERS = {0: "root", 1000: "ana"}
CPUS = os.cpu_count() or 1


def census(root: Path, clock: ManualClock) -> Census:
    return Census(root, clock.monotonic_ns, lambda uid: USERS.get(uid, str(uid)))


def test_shares_are_of_all_processors_since_the_last_time(tmp_path: Path) -> None:
    clock = ManualClock()
    processes = [DrmProcess(10, "python", cpu=0.5), DrmProcess(20, "sshd", uid=0, memory_mib=8)]
    counts = census(tmp_path, clock)
    show(tmp_path, processes, [], 100.0)
    assert [each.cpu_pct for each in counts.take()] == [None, None]
    clock.advance(2.0)
    new = DrmProcess(30, "cc1", uid=77, cpu=0.25)
    show(tmp_path, processes, [], 102.0)
    show(tmp_path, [new], [], 2.0)
    found = {each.seen.pid: each for each in counts.take()}
    shares = {pid: each.cpu_pct for pid, each in found.items()}
    assert shares == {10: pytest.approx(50 / CPUS), 20: 0.0, 30: pytest.approx(25 / CPUS)}
    assert [found[pid].who for pid in (10, 20, 30)] == [
        "python of user ana",
        "sshd of user root",
        "cc1 of user 77",
    ]
    assert found[20].memory_mib == pytest.approx(8.0)


def test_a_number_that_is_used_again_is_another_process(tmp_path: Path) -> None:
    clock = ManualClock()
    counts = census(tmp_path, clock)
    show(tmp_path, [DrmProcess(10, "old", cpu=1.0)], [], 50.0)
    counts.take()
    clock.advance(1.0)
    later = DrmProcess(10, "new", uid=0, cpu=0.1).stat(1.0).replace(" 4242 ", " 9999 ")
    (tmp_path / "proc/10/stat").write_text(later)
    (tmp_path / "proc/10/status").write_text("Uid:\t0\t0\t0\t0\n")
    (found,) = counts.take()
    assert (found.who, found.cpu_pct) == ("new of user root", pytest.approx(10 / CPUS))


def test_processes_that_end_meanwhile_and_other_files_are_left_out(tmp_path: Path) -> None:
    show(tmp_path, [DrmProcess(10)], [], 1.0)
    (tmp_path / "proc/11").mkdir()
    (tmp_path / "proc/self").mkdir()
    (tmp_path / "proc/12").mkdir()
    (tmp_path / "proc/12/stat").write_text("12 (gone) Z 1 " + "0 " * 49)
    assert [each.seen.pid for each in census(tmp_path, ManualClock()).take()] == [10]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a) S 1 (b", "a) S 1 (b"),
        ("up\x1b[2J\nroot", "up?[2J?root"),
        ("", "?"),
        ("x" * 500, "x" * MOST_NAME),
    ],
)
def test_names_that_others_chose_are_one_short_line(name: str, shown: str) -> None:
    seen = parse_stat(DrmProcess(10, name, parent=3).stat(1.0))
    assert seen is not None
    assert (seen.pid, seen.parent, seen.name) == (10, 3, shown)


def test_processes_of_one_name_and_user_are_taken_together(tmp_path: Path) -> None:
    workers = [DrmProcess(pid, "worker") for pid in (1, 2, 3)]
    show(tmp_path, [*workers, DrmProcess(9, "idle")], [], 1.0)
    found = census(tmp_path, ManualClock()).of([1, 2, 3, 9, 1234])
    assert by_who(found, {1: 5.0, 2: 7.0, 3: 1.0, 9: 0.0}) == {"worker of user ana": 13.0}


@given(st.one_of(st.text(), st.text(alphabet="0123456789() SRZ-.", max_size=200)))
def test_any_other_text_is_refused(text: str) -> None:
    try:
        seen = parse_stat(text)
    except ValueError:
        return
    assert seen is None or (seen.cpu_ticks >= 0 and seen.memory_pages >= 0)
