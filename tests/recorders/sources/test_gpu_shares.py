"""The command's share of GPUs as channels, and notes of who else uses them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from recorders.gpu_users import NOTHING, UNKNOWN, GpuUse, Users
from recorders.other_load import Noticed
from recorders.source import HasNews, WatchesCommand
from recorders.sources.drm_users import DrmUsers
from recorders.sources.gpu_shares import GpuShares, open_gpu_shares
from recorders.sources.system import System
from testbench.drm import CARD, DrmClient, DrmProcess, show
from tests.support.doubles import ManualClock
from tests.support.sysfs import Sysfs

ANA, BOB = DrmProcess(50, "python", uid=4_000_001), DrmProcess(51, "game", uid=4_000_002)


def use(share: float | None, mib: float | None = 0.0) -> GpuUse:
    return GpuUse({"gfx": share}, mib)


@dataclass
class Reader:
    """Processes with known shares; what is not known of others is unknown."""

    users: dict[str, Users]
    gpus: tuple[str, ...] = ("gpu0",)
    unseen: Set[int] = field(default_factory=frozenset)
    reader: str = "fake"

    def read(self, members: Set[int]) -> Mapping[str, Users]:
        return self.users


@dataclass
class Command:
    """A command of two processes."""

    pid: int

    def members(self) -> Set[int]:
        return {self.pid, self.pid + 1}


class Bench:
    def __init__(self, root: Path, without: Set[str] = frozenset()) -> None:
        self.clock = ManualClock()
        self.reader = Reader({})
        show(root, [ANA, BOB], [], 1.0)
        self.source = GpuShares([self.reader], Command, without, self.clock.monotonic_ns, root)

    def read(self, uses: Mapping[int, GpuUse], others: GpuUse = NOTHING) -> dict[str, object]:
        self.reader.users = {"gpu0": Users(uses, others)}
        self.clock.advance(1.0)
        names = [channel.name for channel in self.source.channels()]
        return {names[each.channel]: each.value for each in self.source.read()}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_commands_processes_add_up_and_others_do_not_count(bench: Bench) -> None:
    bench.source.watch(10)
    found = bench.read({10: use(0.4, 1000), 11: use(0.2, 24), 50: use(0.3, 5000)})
    assert found == {"command_gpu0": pytest.approx(60.0), "command_gpu0_mem": 1024}


def test_a_command_that_does_not_use_the_gpu_has_a_share_of_zero(bench: Bench) -> None:
    bench.source.watch(10)
    assert bench.read({50: use(0.3)}) == {"command_gpu0": 0.0, "command_gpu0_mem": 0.0}


def test_a_share_that_is_unknown_is_no_reading(bench: Bench) -> None:
    bench.source.watch(10)
    assert bench.read({10: use(None, 7), 11: use(0.5)}) == {"command_gpu0_mem": 7}
    assert bench.read({10: use(0.5, None)}) == {"command_gpu0": 50.0}
    assert bench.read({}, UNKNOWN) == {}


def test_without_a_command_there_is_no_share_of_a_command(bench: Bench) -> None:
    assert bench.read({10: use(0.4, 1000)}) == {}
    bench.source.watch(10)
    bench.source.watch(None)
    assert bench.read({10: use(0.4, 1000)}) == {}


def test_processes_of_the_command_that_cannot_be_looked_at_are_noted_once(bench: Bench) -> None:
    bench.source.watch(10)
    bench.reader.unseen = {11}
    bench.read({11: UNKNOWN})
    bench.read({11: UNKNOWN})
    assert bench.source.news() == ["unknown_share command_gpu0"]
    assert bench.source.news() == []


def test_who_else_uses_a_gpu_is_noted_by_program_and_user(bench: Bench) -> None:
    bench.source.watch(10)
    for share in (0.3, 0.4, 0.9):
        bench.read({10: use(0.5), 50: use(share), 51: use(0.04), os.getpid(): use(0.03)})
    assert bench.source.news() == [
        "other_load gpu0 python of user 4000001: 35 %",
        "other_load gpu0 game of user 4000002: 4 %",
        "other_load gpu0 wattui itself: 3 %",
    ]


def test_a_note_that_is_collected_while_others_are_added_comes_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    collected: list[str] = []

    def notes(*_: object) -> Iterator[str]:
        collected.extend(bench.source.news())
        yield "other_load gpu0 python of user 4000001: 35 %"

    monkeypatch.setattr(Noticed, "notes", notes)
    bench.source.watch(10)
    bench.reader.unseen = {11}
    for _ in range(3):
        bench.read({50: use(0.35)})
    collected.extend(bench.source.news())
    assert collected == [
        "unknown_share command_gpu0",
        "other_load gpu0 python of user 4000001: 35 %",
    ]


def test_known_shares_of_a_card_are_recorded_and_others_named(tmp_path: Path) -> None:
    clock = ManualClock()
    reader = DrmUsers({CARD: "gpu0"}, tmp_path, clock.monotonic_ns)
    source = GpuShares([reader], Command, clock=clock.monotonic_ns, root=tmp_path)
    source.watch(10)
    clients = [
        DrmClient(1, ((10, 5), (11, 5)), {"gfx": 0.4, "compute": 0.05}, {"vram": 1000}),
        DrmClient(2, ((11, 6),), {"gfx": 0.22}, {"vram": 24}),
        DrmClient(3, ((50, 9),), {"compute": 0.35}, {"vram": 5000}),
    ]
    for second in range(4):
        processes = [DrmProcess(10), DrmProcess(11, parent=10), ANA, BOB]
        show(tmp_path, processes, clients, float(second))
        found = [each.value for each in source.read()]
        clock.advance(1.0)
    assert found == [pytest.approx(62.0), 1024]
    assert source.news() == ["other_load gpu0 python of user 4000001: 35 %"]


def test_a_burst_is_a_load_only_as_far_as_its_mean(bench: Bench) -> None:
    bench.read({50: use(0.15)})
    bench.read({})
    bench.read({})
    assert bench.source.news() == []


def test_a_channel_that_the_driver_does_not_tell_is_not_there(tmp_path: Path) -> None:
    bench = Bench(tmp_path, {"command_gpu0"})
    assert [each.columns for each in bench.source.channels()] == [("command_gpu0_mem_MiB",)]
    bench.source.watch(10)
    assert bench.read({10: use(None, 7)}) == {"command_gpu0_mem": 7}


def test_at_an_edge_nothing_is_read(bench: Bench) -> None:
    bench.reader.users = {"gpu0": Users({10: use(0.4)})}
    bench.source.watch(10)
    assert bench.source.read(counters_only=True) == []


def test_the_recorder_knows_what_it_can_do(bench: Bench) -> None:
    assert isinstance(bench.source, WatchesCommand)
    assert isinstance(bench.source, HasNews)
    assert isinstance(System(), HasNews)


def test_a_machine_without_gpus_has_no_such_source(tmp_path: Path) -> None:
    source, refused, readers = open_gpu_shares([System()], tmp_path)
    assert (source, refused, readers()) == (None, [], [])


def test_cards_are_known_by_their_address(tmp_path: Path) -> None:
    from recorders.sources.families import open_families

    tree = Sysfs(tmp_path)
    tree.card(0, "amdgpu", "0000:03:00.0", power1_average=50_000_000)
    tree.card(1, "amdgpu", "0000:08:00.0", power1_average=9_000_000, in1_input=800)
    sources = open_families(tmp_path).sources
    show(tmp_path, [], [], 0.0)
    (tmp_path / "proc").mkdir(exist_ok=True)
    source, refused, _ = open_gpu_shares(sources, tmp_path)
    assert source is not None
    assert refused == []
    assert [channel.name for channel in source.channels()] == [
        "command_gpu0",
        "command_gpu0_mem",
        "command_igpu0",
        "command_igpu0_mem",
    ]
