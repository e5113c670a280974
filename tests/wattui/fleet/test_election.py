"""Who of a node's processes records it, and what the others learn."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wattui.errors import UsageError
from wattui.fleet.election import (
    GOING,
    STARTING,
    Leader,
    Member,
    Seat,
    boot_id,
    expected,
    lead,
    meeting_place,
)


def member(rank: int, node_rank: int | None = 0, local_size: int | None = 2) -> Member:
    return Member(rank, node_rank, local_size, "1")


def taken(place: Path) -> Leader:
    leader = lead(place, "1", 0)
    assert leader is not None
    return leader


def test_the_first_process_leads_and_the_others_do_not(tmp_path: Path):
    leader = taken(tmp_path)
    assert lead(tmp_path, "1", 0) is None
    seat = Seat(tmp_path, member(1))
    notice = seat.notice()
    assert notice is not None
    assert notice.stage == STARTING
    leader.tell(GOING, "/run/marks")
    notice = seat.notice()
    assert notice is not None
    assert (notice.stage, notice.directory) == (GOING, "/run/marks")
    seat.leave()
    leader.close()


def test_the_leader_knows_how_far_each_command_is(tmp_path: Path):
    leader = taken(tmp_path)
    runs, ends, dies, refused = (Seat(tmp_path, member(rank)) for rank in (1, 2, 3, 4))
    ends.tell(status=0)
    ends.leave()
    refused.leave()
    dies.tell(pid=123)
    os.close(dies.descriptor)  # as the kernel does
    found = leader.members()
    assert [each.rank for each in found] == [1, 2, 3]
    assert [each.is_over for each in found] == [False, True, True]
    assert [each.is_lost for each in found] == [False, False, True]
    runs.leave()
    leader.close()


def test_another_run_of_the_same_name_is_told(tmp_path: Path):
    """Its ranks are those of the first."""
    leader = taken(tmp_path)
    one, again, zero = (Seat(tmp_path, member(rank)) for rank in (1, 1, 0))
    assert one.is_twice()
    assert zero.is_twice()
    again.leave()
    assert not one.is_twice()
    for seat in (one, zero):
        seat.leave()
    leader.close()


def test_after_a_killed_leader_another_process_takes_over(tmp_path: Path):
    killed = taken(tmp_path)
    killed.tell(GOING, "/run/old")
    os.close(Seat(tmp_path, member(1)).descriptor)
    waits = Seat(tmp_path, member(2))
    os.close(killed.descriptor)
    leader = taken(tmp_path)
    assert [each.rank for each in leader.members()] == [2]
    notice = waits.notice()
    assert notice is not None
    assert notice.stage == STARTING
    waits.leave()
    leader.close()


def test_the_place_of_an_ended_recording_can_be_used_again(tmp_path: Path):
    place = meeting_place("mpich", "/shared/a", "0c4f", {}, tmp_path)
    taken(place).close()
    assert not place.exists()
    assert lead(place, "1", 0) is None  # it was just removed: the place is made again
    taken(place).close()


def test_jobs_and_nodes_are_told_apart(tmp_path: Path):
    """Some clusters have one /tmp for all nodes."""
    places = {
        meeting_place(run, folder, node, {}, tmp_path)
        for run in ("mpich", "slurm-7.0")
        for folder in ("/shared/a", "/shared/b")
        for node in ("0c4f", "77aa")
    }
    assert len(places) == 8
    assert all(place.stat().st_mode & 0o777 == 0o700 for place in places)


def test_a_runtime_directory_of_the_machine_that_submitted_the_job_is_not_used(tmp_path: Path):
    there, gone = tmp_path / "run", tmp_path / "gone"
    there.mkdir()
    assert (
        meeting_place("a", "b", "0c4f", {"XDG_RUNTIME_DIR": str(there)}, tmp_path).parent == there
    )
    assert (
        meeting_place("a", "b", "0c4f", {"XDG_RUNTIME_DIR": str(gone)}, tmp_path).parent == tmp_path
    )


def test_a_link_in_place_of_the_meeting_place_is_refused(tmp_path: Path):
    place = meeting_place("a", "b", "0c4f", {}, tmp_path)
    place.rmdir()
    place.symlink_to(tmp_path)
    with pytest.raises(UsageError, match="belongs to somebody else"):
        meeting_place("a", "b", "0c4f", {}, tmp_path)


def test_a_node_is_a_boot_whatever_its_names_are(tmp_path: Path):
    """Two containers of a machine differ in name and machine-id; two machines may share both."""
    for name, machine in (("a", "1"), ("b", "2")):
        path = tmp_path / name / "proc/sys/kernel/random/boot_id"
        path.parent.mkdir(parents=True)
        path.write_text("0c4f\n")
        (tmp_path / name / "etc").mkdir()
        (tmp_path / name / "etc/machine-id").write_text(machine)
    assert boot_id(tmp_path / "a") == boot_id(tmp_path / "b") == "0c4f"
    with pytest.raises(UsageError, match="cannot be read"):
        boot_id(tmp_path)


def test_how_many_processes_are_expected():
    assert expected([member(0, local_size=4)]) == 4
    assert expected([member(0, None, None)]) is None
    # A machine that is two of the launcher's nodes, as with torchrun --nnodes 2 on one.
    assert expected([member(0, 0, 1), member(1, 1, 3), member(2, 1, 3)]) == 4
    assert expected([member(0, 0, 2), member(1, 1, None)]) is None
