"""The ranks of a node, as the one that records it sees them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from wattui import __version__
from wattui.capture.signals import Signal, Signals
from wattui.commands.main_options import main_parser
from wattui.errors import UsageError
from wattui.fleet.election import GOING, REFUSED, Leader, Member, Seat, lead
from wattui.fleet.folder import NodeFolder
from wattui.fleet.ranks import Rank
from wattui.fleet.recording import GRACE_S, START_S, Launched, Others, attach


class Waits(Signals):
    """Signals that come at a time; waiting for them only moves the clock."""

    def __init__(self) -> None:
        super().__init__(set(), set())
        self.now_s = 100.0
        self.coming: list[Signal] = []

    def next(self, timeout_s: float) -> Signal | None:
        self.now_s += timeout_s
        return self.coming.pop() if self.coming else None

    def sleep(self, seconds: float) -> Signal | None:
        return self.next(seconds)


@pytest.fixture
def leader(tmp_path: Path) -> Leader:
    found = lead(tmp_path, "1", 0)
    assert found is not None
    return found


def others(leader: Leader, waits: Waits, size: int | None, launcher: str = "mpich") -> Others:
    rank = Rank(launcher, None, 0, size, 0, size)
    return Others(
        leader, rank, waits, NodeFolder(Path("shared"), "job", "0c4f"), dict, lambda: waits.now_s
    )


def nothing() -> None:
    pass


def test_a_rank_that_never_starts_is_said(leader: Leader, capsys: pytest.CaptureFixture[str]):
    """The others are not kept waiting for ever."""
    waits = Waits()
    team = others(leader, waits, 3)
    seat = Seat(leader.place, Member(1, None, 3, "1"))
    team.gather(nothing)
    assert waits.now_s - 100.0 == pytest.approx(START_S, abs=1)
    assert capsys.readouterr().err == (
        "wattui: 1 of 3 ranks of this node have not started: recording without them: fix: see "
        "what the launcher says\n"
    )
    assert team.facts()["missing_ranks"] == 1
    seat.leave()


def test_it_waits_for_nobody_where_all_have_come(leader: Leader):
    waits = Waits()
    seat = Seat(leader.place, Member(1, None, 2, "1"))
    others(leader, waits, 2).gather(nothing)
    others(leader, waits, None).gather(nothing)
    assert waits.now_s - 100.0 < 1
    seat.leave()


def test_a_signal_while_ranks_are_missing_ends_it(leader: Leader):
    waits = Waits()
    waits.coming.append(Signal(signal.SIGINT, 0))
    assert others(leader, waits, 2).gather(nothing) == Signal(signal.SIGINT, 0)


def test_the_commands_of_others_are_told_once(leader: Leader):
    waits = Waits()
    team = others(leader, waits, 3)
    one, two = (Seat(leader.place, Member(rank, None, 3, "1")) for rank in (1, 2))
    assert team.started() == []
    one.tell(pid=41)
    assert team.started() == [41]
    assert team.started() == []
    two.tell(pid=42)
    assert team.started() == [41, 42]
    for seat in (one, two):
        seat.leave()


def test_it_ends_with_the_last_command(leader: Leader):
    """A rank that was killed is not waited for, and the first failure is the node's."""
    waits = Waits()
    team = others(leader, waits, 4)
    runs, fails, dies = (Seat(leader.place, Member(rank, None, 4, "1")) for rank in (1, 2, 3))
    team.gather(nothing)
    looks: list[float] = []

    def look() -> None:
        looks.append(waits.now_s)
        if len(looks) == 50:
            runs.tell(status=0)

    fails.tell(status=5)
    dies.leave()
    assert team.wait(look, 0) == 5
    assert len(looks) == 50
    runs.leave()
    fails.leave()


def test_a_signal_to_end_shortens_the_wait(leader: Leader):
    waits = Waits()
    team = others(leader, waits, 2)
    hangs = Seat(leader.place, Member(1, None, 2, "1"))
    waits.coming.append(Signal(signal.SIGTERM, 0))
    assert team.wait(nothing, 0) == 0
    assert waits.now_s - 100.0 == pytest.approx(GRACE_S, abs=1)
    hangs.leave()


def test_a_failure_of_the_rank_that_records_reaches_the_launcher(
    leader: Leader, capsys: pytest.CaptureFixture[str]
):
    """The others may wait for it in a collective, until the launcher ends them."""
    waits = Waits()
    team = others(leader, waits, 2)
    hangs = Seat(leader.place, Member(1, None, 2, "1"))
    assert team.wait(nothing, 7) == 0
    assert waits.now_s - 100.0 == pytest.approx(GRACE_S, abs=1)
    assert capsys.readouterr().err == (
        "wattui: rank 0 failed: its node's recording ends, though 1 of its ranks still runs, so "
        "that mpich sees it\n"
    )
    hangs.leave()


def test_srun_lets_the_other_ranks_end(leader: Leader):
    waits = Waits()
    team = others(leader, waits, 2, "slurm")
    runs = Seat(leader.place, Member(1, None, 2, "1"))
    looks: list[float] = []

    def look() -> None:
        looks.append(waits.now_s)
        if waits.now_s > 100.0 + 2 * GRACE_S:
            runs.tell(status=0)

    assert team.wait(look, 7) == 0
    assert looks[-1] > 100.0 + 2 * GRACE_S
    runs.leave()


def rank_1(leader: Leader) -> Launched:
    """The second rank of a node, with a command that must not be started."""
    node = NodeFolder(Path("shared"), "mpich", "0c4f")
    options = main_parser().parse_args(["--headless", "--csv", "shared/"])
    rank = Rank("mpich", None, 1, 2, 1, 2)
    return Launched(rank, leader.place, node, options, ["no-such-command"], [])


def test_a_rank_goes_as_quietly_as_its_recording_was_refused(
    leader: Leader, capsys: pytest.CaptureFixture[str]
):
    """The process that records has said why, also for the others' mistakes."""
    leader.tell(REFUSED, status=3)
    assert attach(rank_1(leader), Waits()) == 3
    assert capsys.readouterr().err == ""
    assert leader.members() == []


def test_a_rank_of_another_version_is_refused(tmp_path: Path):
    other = lead(tmp_path, "0.0.1", 0)
    assert other is not None
    other.tell(GOING, str(tmp_path))
    with pytest.raises(UsageError, match=r"rank 1 has wattui \S+, the recorder of its node 0.0.1"):
        attach(rank_1(other), Waits())


def test_a_rank_that_is_there_already_is_refused(tmp_path: Path):
    first = lead(tmp_path, __version__, 1)
    assert first is not None
    first.tell(GOING, str(tmp_path))
    with pytest.raises(UsageError, match="rank 1 of mpich is recorded into shared/ already"):
        attach(rank_1(first), Waits())


def test_a_signal_ends_a_rank_that_waits(leader: Leader):
    waits = Waits()
    waits.coming.append(Signal(signal.SIGTERM, 0))
    assert attach(rank_1(leader), waits) == 128 + signal.SIGTERM
    assert leader.members() == []
