"""The recording of a cluster whose nodes come, go and fall silent, without an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from tests.support.doubles import ManualClock
from wattui import __version__
from wattui.errors import UsageError
from wattui.fleet.driver import SILENT_S, Driver, Lost, Node
from wattui.fleet.keeper import Look, Place, environment
from wattui.fleet.ranks import read_rank

GOING = Look(True, None, "")
STORED = Look(False, 0, "")


@dataclass
class FakeCluster:
    """Nodes by name, and what each answers; a node without an answer is silent."""

    alive: list[str] = field(default_factory=lambda: ["a", "b"])
    answers: dict[str, Look | Lost] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    kept: dict[str, Place] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    def nodes(self) -> list[Node]:
        return [Node(name, f"10.0.0.{n}", f"host-{name}") for n, name in enumerate(self.alive, 1)]

    def keep(self, node: Node, csv: str, options: Sequence[str], place: Place) -> str:
        if node.identity in self.broken:
            raise Lost("ModuleNotFoundError: No module named 'wattui'")
        self.kept[node.identity] = place
        self.answers.setdefault(node.identity, GOING)
        return self.versions.get(node.identity, __version__)

    def looks(self, wait_s: float) -> Mapping[str, Look | Lost]:
        return dict(self.answers)

    def end(self, wait_s: float) -> Mapping[str, Look | Lost]:
        return {name: STORED if look is GOING else look for name, look in self.answers.items()}


@dataclass
class Driven:
    cluster: FakeCluster
    clock: ManualClock
    said: list[str]
    driver: Driver


@pytest.fixture
def driven() -> Driven:
    cluster, clock, said = FakeCluster(), ManualClock(), []
    driver = Driver(cluster, "j", "/shared/", [], lambda: clock.now_ns * 1e-9, said.append)
    return Driven(cluster, clock, said, driver)


def test_every_node_has_a_place_and_is_waited_for(driven: Driven) -> None:
    driven.driver.start()
    assert driven.cluster.kept == {
        "a": Place("j", 0, 2, "10.0.0.1"),
        "b": Place("j", 1, 2, "10.0.0.1"),
    }
    assert not driven.driver.is_ready
    driven.driver.look(0)
    assert driven.driver.is_ready
    assert driven.driver.end() == []
    assert driven.said == []


def test_a_late_joiner_is_recorded_from_then_on(driven: Driven) -> None:
    driven.driver.start()
    driven.cluster.alive.append("c")
    driven.driver.look(0)
    assert driven.cluster.kept["c"] == Place("j", 2, 3, "10.0.0.1")
    assert driven.said == ["node host-c (10.0.0.3) joined late: recording it from now on"]


@pytest.mark.parametrize("way", ["its recorder is gone", "it left the cluster"])
def test_a_node_that_is_lost_is_said_once_and_not_waited_for(driven: Driven, way: str) -> None:
    driven.driver.start()
    driven.driver.look(0)
    if way == "it left the cluster":
        driven.cluster.alive.remove("b")
        del driven.cluster.answers["b"]
    else:
        driven.cluster.answers["b"] = Lost(way)
    driven.driver.look(0)
    driven.driver.look(0)
    assert driven.said == [f"node host-b (10.0.0.2) is lost ({way}): what it had is kept"]
    assert driven.driver.is_ready
    assert driven.driver.end() == []


def test_a_silent_node_is_said_and_so_is_its_answer(driven: Driven) -> None:
    driven.driver.start()
    driven.driver.look(0)
    del driven.cluster.answers["b"]
    for _ in range(3):
        driven.clock.now_ns += int(SILENT_S * 0.6e9)
        driven.driver.look(0)
    driven.cluster.answers["b"] = GOING
    driven.driver.look(0)
    assert driven.said == [
        "node host-b (10.0.0.2) has not answered for 5 s",
        "node host-b (10.0.0.2) answers again",
    ]


def test_another_version_or_none_is_refused_in_one_line(driven: Driven) -> None:
    driven.cluster.versions["b"] = "0.0.9"
    with pytest.raises(UsageError, match=r"host-b .* has wattui 0\.0\.9, this machine .*: fix:"):
        driven.driver.start()
    driven.cluster.versions.clear()
    driven.cluster.broken.add("b")
    driven.driver.states.clear()
    with pytest.raises(UsageError, match="No module named 'wattui': fix: pip install wattui there"):
        driven.driver.start()


def test_a_recorder_that_ends_before_the_job_is_said_with_its_own_words(driven: Driven) -> None:
    driven.driver.start()
    refusal = "wattui: nothing\nwattui: /shared/run=j/node=1 exists: fix: use another --csv\n"
    driven.cluster.answers["b"] = Look(False, 2, refusal)
    driven.driver.look(0)
    with pytest.raises(UsageError, match=r"host-b .*: /shared/run=j/node=1 exists: fix"):
        _ = driven.driver.is_ready
    assert driven.driver.end() == [
        "node host-b (10.0.0.2): exit 2: /shared/run=j/node=1 exists: fix: use another --csv"
    ]


def test_a_nodes_recorder_is_in_the_job_of_the_driver_and_sees_all_gpus() -> None:
    """Ray empties CUDA_VISIBLE_DEVICES for an actor without GPUs, and may itself run in Slurm."""
    outer = {"SLURM_PROCID": "3", "SLURM_STEP_ID": "0", "CUDA_VISIBLE_DEVICES": "", "PATH": "/bin"}
    found = environment(outer | {"WATTUI_RUN": "/old"}, Place("j", 1, 2, "10.0.0.1"))
    assert "CUDA_VISIBLE_DEVICES" not in found
    assert "WATTUI_RUN" not in found
    assert found["PATH"] == "/bin"
    rank = read_rank(found)
    assert (rank.run, rank.rank, rank.world_size, rank.node_rank) == ("j", 1, 2, 1)
    assert rank.first_host == "10.0.0.1"
