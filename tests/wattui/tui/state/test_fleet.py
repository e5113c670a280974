"""What the folder of a fleet says: the nodes' states, their sum, and what happened."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.growing_fleet import START_S, GrowingNode
from wattui.commands.merge import merge
from wattui.errors import UsageError
from wattui.fleet.folder import newest_run
from wattui.tui.state.fleet import Fleet, FleetNow, FleetWatch, ordered, wanted
from wattui.tui.state.fleet_node import NodeNow, State, ranks_text, read_facts
from wattui.tui.state.playback import Following, Playback

ESTIMATED = ("est_cpu_J", "est_cpu_W")


class Watched:
    """A fleet with clocks that only move when told to."""

    def __init__(self, folder: Path) -> None:
        self.now_s = 0.0
        self.fleet = Fleet(folder, lambda: self.now_s, lambda: START_S + self.now_s)

    def after(self, seconds: float, *growing: GrowingNode) -> FleetNow:
        """Look after some seconds in which these nodes recorded."""
        for node in growing:
            node.record(seconds)
        self.now_s += seconds
        return self.fleet.look()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "shared" / "run=job"
    folder.mkdir(parents=True)
    return folder


def only(now: FleetNow, name: str) -> NodeNow:
    (node,) = [node for node in now.nodes if node.name == name]
    return node


def told(now: FleetNow) -> list[tuple[float, str, str]]:
    return [(each.utc_s - START_S, each.node, each.what) for each in now.happened]


def test_the_sum_is_that_of_the_nodes_and_joules_per_inference_that_of_the_whole(run: Path):
    a, b = GrowingNode(run, "a", 100.0, batch=10), GrowingNode(run, "b", 300.0, 1, batch=10)
    for node in (a, b):
        node.begin("idle")
        node.record(2)
        node.begin("running", "b10")
    watched = Watched(run)
    watched.fleet.look()
    now = watched.after(3, a, b)
    assert only(now, "a").power_w == pytest.approx(100.0)
    assert only(now, "a").energy_j == pytest.approx(500.0)
    assert (only(now, "b").phase, only(now, "b").label) == ("running", "b10")
    assert now.power_w
    assert now.power_w.value == pytest.approx(400.0)
    assert now.energy_j
    assert now.energy_j.value == pytest.approx(2000.0)
    assert now.counts == {"inferences": 600}
    # 3 s of 400 W for 600 inferences: what idled is not in it.
    assert now.j_per_one
    assert now.j_per_one.value == pytest.approx(2.0)
    assert now.contains == "2 nodes"


def test_what_was_recorded_before_it_was_watched_is_in_the_figures(run: Path):
    """Only the end of a long file is read each second, and the rest once."""
    node = GrowingNode(run, "a", 100.0, batch=1)
    node.begin("idle")
    node.record(200)
    node.begin("running")
    node.record(600)
    now = Watched(run).fleet.look()
    assert now.energy_j
    assert now.energy_j.value == pytest.approx(80_000.0)
    assert now.j_per_one
    assert now.j_per_one.value == pytest.approx(10.0)


def test_a_node_without_new_rows_is_silent_then_lost_and_back(run: Path):
    a, b = GrowingNode(run, "a", 100.0), GrowingNode(run, "b", 100.0)
    watched = Watched(run)
    watched.after(1, a, b)
    watched.after(4, a)
    now = watched.after(4, a)
    assert only(now, "b").state_text == "silent 8 s"
    assert only(now, "b").power_w is None
    assert now.power_w
    assert (now.power_w.value, now.power_w.nodes) == (pytest.approx(100.0), 1)
    assert told(now) == []
    now = watched.after(30, a)
    assert only(now, "b").state is State.LOST
    assert told(now) == [(1.0, "b", "was lost")]
    assert now.energy_j
    assert now.energy_j.value == pytest.approx(4000.0)
    now = watched.after(1, a, b)
    assert only(now, "b").state is State.BACK
    assert told(now) == [(1.0, "b", "was lost"), (40.0, "b", "is back")]
    for _ in range(31):
        now = watched.after(1, a, b)
    assert only(now, "b").state is State.RECORDING


def test_a_slow_rate_is_not_silence(run: Path):
    node = GrowingNode(run, "a", 100.0, rate_hz=10)
    watched = Watched(run)
    for _ in range(3):
        node.time_s += 14.9
        watched.now_s += 14.9
        watched.after(0.1, node)
    watched.now_s += 10.0
    assert only(watched.fleet.look(), "a").state is State.RECORDING


def test_a_node_that_was_lost_long_ago_is_lost_at_once(run: Path):
    node = GrowingNode(run, "a", 100.0)
    node.record(3)
    os.utime(node.journal, (START_S - 3600.0,) * 2)
    now = Watched(run).fleet.look()
    assert only(now, "a").state is State.LOST
    assert told(now) == [(-3600.0, "a", "was lost")]


def test_a_node_that_begins_after_the_others_joined_late(run: Path):
    a = GrowingNode(run, "a", 100.0)
    watched = Watched(run)
    watched.after(20, a)
    late = GrowingNode(run, "c", 100.0, starts_s=20.0)
    now = watched.after(1, a, late)
    assert only(now, "c").state is State.LATE
    assert told(now) == [(20.0, "c", "joined 20 s late")]


def test_a_wall_clock_that_is_wrong_does_not_make_a_node_late(run: Path):
    ahead_ns = 3000 * 10**9
    fleet = {"ranks": [{"rank": 1}], "clock": {"wall_offset_ns": -ahead_ns}}
    a = GrowingNode(run, "a", 100.0)
    b = GrowingNode(run, "b", 100.0, 1, starts_s=3000.0, about={"fleet": fleet})
    now = Watched(run).after(1, a, b)
    assert only(now, "b").state is State.RECORDING
    assert told(now) == []


def test_a_sum_says_what_it_lacks(run: Path):
    whole = GrowingNode(run, "a", 100.0)
    partial = GrowingNode(run, "b", 50.0, notes=("missing dram0: only root may read it",))
    estimated = GrowingNode(run, "c", 20.0, columns=ESTIMATED)
    GrowingNode(run, "d", 0.0, columns=("cpu_util_pct", "cpu_temp_C"))
    now = Watched(run).after(2, whole, partial, estimated)
    assert now.contains == "3 of 4 nodes, 1 estimated, 1 with parts missing"
    assert now.energy_j
    assert now.energy_j.value == pytest.approx(340.0)
    assert only(now, "b").of_text == "1 package, no DRAM"
    assert only(now, "c").of_text == "est_cpu, estimated"
    assert only(now, "d").energy_j is None


def test_a_node_that_counts_nothing_is_not_in_joules_per_inference(run: Path):
    counting, other = GrowingNode(run, "a", 100.0, batch=5), GrowingNode(run, "b", 500.0, 1)
    for node in (counting, other):
        node.begin("running")
    watched = Watched(run)
    now = watched.after(2, counting, other)
    assert now.j_per_one
    assert now.j_per_one.value == pytest.approx(2.0)
    assert now.j_per_one.nodes == 1


def test_a_row_without_a_total_leaves_energy_and_power_as_they_were_read(run: Path):
    """As the rows of a slow device, which come between the others."""
    node = GrowingNode(run, "a", 100.0)
    watched = Watched(run)
    watched.after(1, node)
    for _ in range(3):
        node.record(1)
        with node.journal.open("a") as file:
            file.write(f"{node.time_s + 0.05:.6f},,,,,,,12.0,,,\n")
        now = watched.after(0)
        watched.now_s += 1.0
    assert only(now, "a").energy_j == pytest.approx(400.0)
    assert only(now, "a").powers_w == pytest.approx((100.0,) * 4)


def test_nodes_of_one_host_name_are_told_apart_by_their_ranks(run: Path):
    nodes = [GrowingNode(run, name, 1.0, rank, host="vm") for rank, name in enumerate("ab")]
    now = Watched(run).after(1, *nodes, GrowingNode(run, "c", 1.0, 2))
    assert sorted(node.name for node in now.nodes) == ["c", "vm (0)", "vm (1)"]


def test_tokens_stand_in_the_place_of_inferences_where_only_they_were_counted(run: Path):
    nodes = [
        GrowingNode(run, name, 100.0, rank, batch=5, counts="tokens_out")
        for rank, name in enumerate("ab")
    ]
    for node in nodes:
        node.begin("running")
    now = Watched(run).after(2, *nodes)
    assert now.per == "tokens_out"
    assert now.counts == {"tokens_out": 200}
    assert now.j_per_one
    assert now.j_per_one.value == pytest.approx(2.0)
    assert only(now, "a").j_per(now.per) == pytest.approx(2.0)


def test_a_finished_fleet_shows_its_end(run: Path):
    nodes = [GrowingNode(run, name, 100.0, rank, batch=4) for rank, name in enumerate("ab")]
    watched = Watched(run)
    for node in nodes:
        node.begin("running", "b4")
    watched.after(3, *nodes)
    for node in nodes:
        node.finish()
    for fleet in (watched.fleet, Watched(run).fleet):
        now = fleet.look()
        assert [node.state for node in now.nodes] == [State.FINISHED] * 2
        assert now.energy_j
        assert now.energy_j.value == pytest.approx(600.0)
        assert now.j_per_one
        assert now.j_per_one.value == pytest.approx(2.5)
        assert now.power_w is None
        assert [node.file for node in now.nodes] == [node.path / "part.parquet" for node in nodes]
        assert told(now) == []


def test_a_node_whose_recorder_was_ended_is_broken_off_and_keeps_its_ranks(run: Path):
    a, b = GrowingNode(run, "a", 100.0), GrowingNode(run, "b", 100.0, 1)
    watched = Watched(run)
    watched.after(3, a, b)
    b.finish(status="broken off", fleet=None)
    now = watched.after(2, a)
    assert only(now, "b").state is State.BROKEN_OFF
    assert only(now, "b").facts.ranks == (1,)
    assert only(now, "b").energy_j == pytest.approx(300.0)
    assert told(now) == [(pytest.approx(3.0, abs=0.01), "b", "was broken off")]


def test_a_merged_file_among_the_nodes_is_in_no_sum(run: Path, tmp_path: Path):
    nodes = [GrowingNode(run, name, 100.0, rank, batch=4) for rank, name in enumerate("ab")]
    for node in nodes:
        node.begin("running", "b4")
        node.record(3)
        node.finish()
    merge(run, tmp_path / "all.parquet")
    (run / "node=all").mkdir()
    (tmp_path / "all.parquet").rename(run / "node=all" / "part.parquet")
    now = Watched(run).fleet.look()
    assert only(now, "all").why == "a file of several nodes, which is in no sum"
    assert now.energy_j
    assert now.energy_j.value == pytest.approx(600.0)


def test_a_journal_that_was_rewritten_is_read_again(run: Path):
    """As when a command marks its first phase, so that the time before becomes loading."""
    node = GrowingNode(run, "a", 100.0, batch=4)
    node.begin("running")
    watched = Watched(run)
    watched.after(2, node)
    draft = node.path / "draft"
    draft.write_text(node.journal.read_text().replace(",running,", ",loading,"))
    draft.replace(node.journal)
    node.phase = "loading"
    now = watched.after(1, node)
    assert only(now, "a").phase == "loading"
    assert only(now, "a").energy_j == pytest.approx(300.0)
    assert now.j_per_one is None


def test_files_that_cannot_be_read_are_unknown_with_a_reason(run: Path):
    good, bad = GrowingNode(run, "a", 100.0), GrowingNode(run, "b", 100.0)
    bad.journal.write_text("a,b,c\n1,2,3\n")
    (bad.path / "run.json").write_text('{"host": [[[')
    (run / "node=none").mkdir()
    now = Watched(run).after(1, good)
    assert only(now, "b").why == "not a run file"
    assert only(now, "none").state is State.STARTING
    assert only(now, "none").why == "no rows yet"
    assert now.contains == "1 of 3 nodes"


@pytest.mark.parametrize(
    "found",
    [None, [], {"host": 3}, {"host": {"name": 7}, "fleet": {"ranks": 3, "clock": []}}],
)
def test_a_damaged_run_json_says_nothing(found: object):
    facts = read_facts(found)
    assert (facts.host, facts.ranks, facts.summary) == ("", (), None)


def test_nodes_sort_by_a_column_with_unknown_ones_last_and_filter_by_text(run: Path):
    a, b = GrowingNode(run, "a", 100.0, 0), GrowingNode(run, "b", 300.0, 1)
    GrowingNode(run, "c", 0.0, 2)
    now = Watched(run).after(2, a, b)
    names = [node.name for node in ordered(now.nodes, "W", False)]
    assert names == ["b", "a", "c"]
    assert [node.name for node in ordered(now.nodes, "W", True)] == ["a", "b", "c"]
    assert [node.name for node in now.nodes if wanted(node, "RECORD")] == ["a", "b"]


def test_nodes_that_take_long_to_read_come_one_by_one(run: Path):
    for rank in range(3):
        GrowingNode(run, f"n{rank}", 100.0, rank).record(1)
    watched = Watched(run)

    def slow_clock() -> float:
        watched.now_s += 0.2
        return watched.now_s

    watched.fleet.clock = slow_clock
    whys = [{node.why for node in watched.fleet.look().nodes} for _ in range(4)]
    assert whys[0] == {"", "not read yet"}
    assert whys[-1] == {""}


@pytest.mark.parametrize("error", [OSError(116, "Stale file handle"), ValueError("odd")])
def test_what_goes_wrong_is_said_and_looked_at_again(run: Path, error: Exception):
    watch = FleetWatch(Fleet(run))
    look = watch.fleet.look

    def fail() -> FleetNow:
        raise error

    watch.stop()
    watch.fleet = SimpleNamespace(folder=run, look=fail)  # type: ignore[assignment]
    watch._run()
    assert str(run) in watch.trouble
    assert str(error.args[-1]) in watch.trouble
    watch.fleet = SimpleNamespace(folder=run, look=look)  # type: ignore[assignment]
    watch._run()
    assert watch.trouble == ""


@pytest.mark.parametrize(
    ("ranks", "text"),
    [
        ((), "–"),
        ((3,), "3"),
        ((4, 5, 6, 7), "4–7"),
        ((0, 2), "0, 2"),
        ((*range(0, 40, 2),), "20 ranks"),
    ],
)
def test_ranks_in_words(ranks: tuple[int, ...], text: str):
    assert ranks_text(ranks) == text


def test_a_folder_stands_for_its_newest_run(run: Path):
    older = run.with_name("run=older")
    older.mkdir()
    os.utime(older, (1.0, 1.0))
    assert newest_run(run.parent) == run
    assert newest_run(older) == older
    assert newest_run(run / "node=a") is None
    with pytest.raises(UsageError, match="without the recording of a fleet"):
        newest_run(run.parent.parent)


def test_a_playback_of_a_node_goes_on_with_its_rows(run: Path):
    now_s = 0.0
    node = GrowingNode(run, "a", 100.0)
    node.record(3)
    playback = Following(node.journal, node.path / "part.parquet", lambda: now_s)
    playback.seek(playback.length_s)
    while playback.is_seeking:
        playback.poll()
    playback.poll()
    assert playback.position_s == pytest.approx(3.0)
    node.record(1)
    node.begin("running")
    now_s = 2.0
    found = [*playback.poll(), *playback.poll()]
    assert [message["event"] for message in found][-1] == "begin"
    assert playback.position_s == pytest.approx(4.0)
    assert not playback.ended
    node.finish()
    playback.poll()
    assert playback.ended
    assert Playback(playback.path).length_s == pytest.approx(4.0)  # to play it again


def test_a_playback_of_a_node_goes_on_when_a_count_gets_a_column(run: Path):
    now_s = 0.0
    node = GrowingNode(run, "a", 100.0)
    node.record(3)
    playback = Following(node.journal, node.path / "part.parquet", lambda: now_s)
    playback.seek(playback.length_s)
    while playback.is_seeking:
        playback.poll()
    playback.poll()
    node.record(1)
    header, *rows = node.journal.read_text().splitlines()
    lines = [f"{header},count_tokens_out", *(f"{row},{n}" for n, row in enumerate(rows))]
    node.journal.write_text("\n".join(lines) + "\n")
    now_s = 2.0
    found = [*playback.poll(), *playback.poll()]
    assert not playback.ended
    assert [float(message["time"]) for message in found] == pytest.approx(
        [3 + n / 10 for n in range(1, 11)]
    )
    assert found[-1]["counts"] == {"tokens_out": len(rows) - 1}
