"""One recording made of several nodes': its joules are the sums of theirs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from recorders.summary.failures import ended_note
from recorders.summary.figures import Summary
from recorders.summary.reduction import NOTE
from recorders.summary.spans import spans
from recorders.summary.summary import summarise
from tests.support.fleets import MadeNode, Marked, publish
from wattui.cli import main
from wattui.commands.merge import MOST_NODES, merge, read_edges
from wattui.fleet.merging import merged
from wattui.fleet.nodes import read_fleet
from wattui.runs.recorded import Run, find_runs, load_run, reduce_run
from wattui.runs.reduce import reduce_edges
from wattui.tui.state.playback import Playback

WATTS = {
    "package0": {"*": 20.0, "idle": 15.0, "running b8": 100.0},
    "dram0": {"*": 2.0, "idle": 1.0, "running b8": 5.0},
}
IDLE = Marked("idle", 0.5, 5.5)
FIRST, SECOND = Marked("running", 6, 9, "b8", 100), Marked("running", 10, 12, "b8", 50)
PHASES = (IDLE, FIRST, SECOND)


def later(phases: Sequence[Marked], by_s: float) -> list[Marked]:
    return [p._replace(begin_s=p.begin_s + by_s, end_s=p.end_s + by_s) for p in phases]


def node(rank: int, phases: Sequence[Marked] = PHASES, **more: object) -> MadeNode:
    """Node 1 draws twice as much as node 0, node 2 three times; it marks a little later."""
    watts = {
        name: {where: watts * (rank + 1) for where, watts in own.items()}
        for name, own in WATTS.items()
    }
    made = MadeNode(f"boot{rank}", later(phases, 0.013 * rank), watts, rank=rank)
    return replace(made, **more)


def joules(nodes: Sequence[MadeNode], phase: str = "running") -> float:
    """The true energy of what is summed, in all of these phases."""
    return sum(
        each.joules(name, own.end_s) - each.joules(name, own.begin_s)
        for each in nodes
        for name in each.watts
        for own in each.phases
        if own.phase == phase
    )


def one_file(folder: Path, nodes: Sequence[MadeNode]) -> Run:
    out = folder / "merged.csv"
    merge(publish(folder, nodes), out)
    return load_run(out)


def total_j(run: Run) -> float:
    assert run.summary.running is not None
    value = run.summary.running.domains["total"].running_j
    assert value is not None
    return value.value


def test_the_energy_of_three_nodes_is_the_sum_of_their_closed_forms(tmp_path: Path) -> None:
    nodes = [node(0), node(1), node(2)]
    run = one_file(tmp_path, nodes)
    assert total_j(run) == pytest.approx(joules(nodes), rel=1e-5)
    running = run.summary.running
    assert running is not None
    assert (running.inferences, running.seconds) == (450, pytest.approx(5.0))
    for rank, each in enumerate(nodes):
        for name in WATTS:
            own = replace(each, watts={name: each.watts[name]})
            found = running.domains[f"node{rank}_{name}"].running_j
            assert found is not None
            assert found.value == pytest.approx(joules([own]), rel=1e-5)
    idle_w = running.domains["total"].idle_w
    assert idle_w == pytest.approx(16 * 6)
    assert [group.label for group in run.summary.labels] == ["b8"]
    assert (run.remarks, [flag.name for flag in run.summary.flags]) == ([], [])


def test_the_uncertainties_of_nodes_add_in_quadrature(tmp_path: Path) -> None:
    nodes = [node(0), node(1), node(2)]
    run = one_file(tmp_path, nodes)
    alone = one_file(tmp_path / "alone", nodes[:1])
    of_all, of_one = (r.summary.running.domains["total"].running_j for r in (run, alone))
    assert of_all.plus_minus == pytest.approx(3**0.5 * of_one.plus_minus)


def test_an_error_of_500_ms_in_a_clock_moves_ticks_and_no_joules(tmp_path: Path) -> None:
    right = one_file(tmp_path / "right", [node(0), node(1)])
    wrong = one_file(tmp_path / "wrong", [node(0), node(1, ahead_s=0.5)])
    of_right, of_wrong = right.summary.to_dict(), wrong.summary.to_dict()
    moved = [
        (b["start_s"] - a["start_s"], b["end_s"] - a["end_s"])
        for a, b in zip(of_right.pop("phases"), of_wrong.pop("phases"), strict=True)
    ]
    assert moved == [(pytest.approx(0.25), pytest.approx(0.25))] * 3
    running, other = of_right["running"], of_wrong["running"]
    assert running["seconds"] == pytest.approx(other["seconds"])
    for name, domain in running["domains"].items():
        assert other["domains"][name]["running_j"] == domain["running_j"], name


def test_a_lost_node_leaves_what_it_had_and_the_whole_is_marked_partial(tmp_path: Path) -> None:
    lost = node(1, lost=True, end_s=8.0)
    run = one_file(tmp_path, [node(0), lost, node(2)])
    known = joules([node(0), node(2)])
    used = sum(lost.joules(n, 8.0) - lost.joules(n, lost.phases[1].begin_s) for n in WATTS)
    assert total_j(run) == pytest.approx(known + used, rel=0.01)
    assert run.summary.contents == "2 of 3 packages, 2 of 3 DRAM"
    flags = {flag.name: flag for flag in run.summary.flags}
    assert "node1_package0" in flags["incomplete"].where
    assert run.about.status == "broken off"


def test_a_node_that_never_came_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fleet = {
        "node": {"rank": 0},
        "world_size": 4,
        "ranks": [{"rank": 0}, {"rank": 1}],
        "clock": {"is_reference": True},
    }
    folder = publish(tmp_path, [node(0, about={"fleet": fleet})])
    assert main(["merge", str(folder), "-o", str(tmp_path / "run.csv"), "--quiet"]) == 1
    assert "2 of 4 ranks are in no node's recording" in capsys.readouterr().err
    summary = load_run(tmp_path / "run.csv").summary
    assert summary.contents == "1 of more than 1 packages, 1 DRAM"
    assert "ranks are in no node's recording" in summary.flags[0].text


@pytest.mark.parametrize(("status", "name"), [(7, "failed_command"), (143, "stopped_command")])
def test_a_rank_that_failed_is_told_though_the_one_that_records_was_stopped_for_it(
    tmp_path: Path, status: int, name: str
) -> None:
    stopped = [NOTE + ended_note(143, None, stopped=True)]
    told = node(1).run_json()["fleet"]
    statuses = [{"rank": 2, "exit_status": 143}, {"rank": 3, "exit_status": status}]
    failing = node(1, notes=stopped, about={"fleet": told | {"ranks": statuses}})
    run = one_file(tmp_path, [node(0, notes=stopped), failing])
    found = {flag.name: flag.text for flag in run.summary.flags if flag.name.endswith("_command")}
    assert list(found) == [name]
    assert f"exit status {status}" in found[name] or "SIGTERM" in found[name]


def test_a_gap_of_a_node_is_bridged_in_the_energies_and_left_open_in_the_ticks(
    tmp_path: Path,
) -> None:
    nodes = [node(0), node(1)]
    folder = publish(tmp_path, [replace(each, lost=True) for each in nodes])
    journal = folder / "node=boot1" / "journal.csv"
    kept = [
        line
        for line in journal.read_text().splitlines(keepends=True)
        if not (line[:1].isdigit() and 7.0 < float(line.split(",")[0]) < 8.0)
    ]
    journal.write_text("".join(kept))
    merge(folder, tmp_path / "run.csv")
    assert total_j(load_run(tmp_path / "run.csv")) == pytest.approx(joules(nodes), rel=1e-5)
    rows = pl.read_csv(tmp_path / "run.csv", infer_schema_length=None)
    silent = rows.filter(pl.col("time_s").is_between(7.2, 7.8), pl.col("event").is_null())
    assert silent["node0_package0_J"].null_count() == 0
    assert silent["node1_package0_J"].null_count() == silent.height > 3
    assert silent["total_J"].null_count() == silent.height


def test_a_phase_that_one_node_marked_is_bridged_on_the_others(tmp_path: Path) -> None:
    extra = Marked("running", 10, 12, "b32", 10)
    nodes = [node(0, [IDLE, FIRST, extra]), node(1, [IDLE, FIRST], end_s=13.0)]
    run = one_file(tmp_path, nodes)
    (group,) = [group for group in run.summary.labels if group.label == "b32"]
    value = group.domains["total"].running_j
    assert value is not None
    other = nodes[1]
    between = sum(other.joules(n, 12.0) - other.joules(n, 10.0) for n in WATTS)
    own = sum(nodes[0].joules(n, 12.0) - nodes[0].joules(n, 10.0) for n in WATTS)
    assert value.value == pytest.approx(own + between, abs=value.plus_minus)
    assert group.inferences == 10


def test_a_node_without_a_sensor_is_missing_in_the_sum(tmp_path: Path) -> None:
    """What it counted is in joules per inference, though, so this must be said."""
    blind = node(2, watts={"est_cpu": {"*": 30.0}})
    run = one_file(tmp_path, [node(0), node(1), blind])
    (flag,) = (flag for flag in run.summary.flags if flag.name == "incomplete")
    assert flag.where == "node2_package"
    assert "host2 (boot2) measures no power, but what it counted is counted" in flag.text
    assert run.summary.running is not None
    assert run.summary.running.inferences == 450
    edges = read_edges(next(tmp_path.rglob("run=*")))[0].summary
    assert flag in edges.flags


def test_a_node_that_ended_before_another_ran_is_missing_there(tmp_path: Path) -> None:
    brief = node(1, phases=(IDLE, FIRST), end_s=9.5)
    flags = {flag.name: flag for flag in one_file(tmp_path, [node(0), brief]).summary.flags}
    assert "node1_package0" in flags["incomplete"].where
    assert "host1 (boot1) ended at 9.4 s, before running b8 had" in flags["incomplete"].text
    assert "under_one_update" not in flags


def test_repetitions_are_matched_in_order_and_a_missing_one_by_its_time(tmp_path: Path) -> None:
    nodes = [node(0), node(1, [IDLE, SECOND])]
    run = one_file(tmp_path, nodes)
    first, second = (phase for phase in run.summary.phases if phase.phase == "running")
    assert (first.inferences, second.inferences) == (100, 100)
    assert second.seconds == pytest.approx(2.0)


def test_overlapping_phases_of_ranks_stay_overlapping(tmp_path: Path) -> None:
    ranks = (Marked("running", 6, 9, "b8", 10), Marked("running", 6.2, 9.5, "b8", 20))
    nodes = [node(0, (IDLE, *ranks)), node(1, (IDLE, *ranks))]
    run = one_file(tmp_path, nodes)
    running = run.summary.running
    assert running is not None
    assert (running.inferences, running.seconds) == (60, pytest.approx(3.5))
    assert "concurrent" in {flag.name for flag in run.summary.flags}
    true_j = sum(
        each.joules(n, own[2].end_s) - each.joules(n, own[1].begin_s)
        for each in nodes
        for own in [each.phases]
        for n in WATTS
    )
    assert total_j(run) == pytest.approx(true_j, rel=1e-5)


def test_estimates_are_summed_where_nothing_is_measured(tmp_path: Path) -> None:
    watts = {"est_cpu": {"*": 5.0, "running b8": 20.0}}
    nodes = [node(rank, watts=watts) for rank in range(2)]
    run = one_file(tmp_path, nodes)
    assert run.summary.headline == "est_cpu"
    assert run.summary.running.domains["est_cpu"].running_j.value == pytest.approx(200.0)
    assert run.summary.flags[0].name == "estimated"


def test_counts_by_name_are_summed_too(tmp_path: Path) -> None:
    folder = publish(tmp_path, [node(0, lost=True), node(1, lost=True)])
    for rank, tokens in ((0, 700), (1, 900)):
        journal = folder / f"node=boot{rank}" / "journal.csv"
        head, *lines = journal.read_text().splitlines()
        count_at = head.split(",").index("inferences")
        counted = (tokens if int(line.split(",")[count_at]) == 150 else 0 for line in lines)
        rows = [f"{line},{n}" for line, n in zip(lines, counted, strict=True)]
        journal.write_text("\n".join([f"{head},count_tokens_out", *rows]) + "\n")
    merge(folder, tmp_path / "run.csv")
    _, *phases = spans(reduce_run(tmp_path / "run.csv"))
    assert [(each.inferences, each.counts["tokens_out"]) for each in phases] == [
        (200, 0),
        (100, 1600),
    ]


def test_notes_are_about_the_channels_of_their_node(tmp_path: Path) -> None:
    notes = ["note:missing gpu0: no driver", "note:stuck package0 since 7.000000", "note:hello"]
    run = one_file(tmp_path, [node(0), node(1, notes=notes), node(2, notes=["note:hello"])])
    events = pl.read_csv(tmp_path / "merged.csv", infer_schema_length=None)["event"].to_list()
    assert events.count("note:hello") == 1
    assert "note:missing node1_gpu0: no driver" in events
    (stuck,) = [event for event in events if event and event.startswith("note:stuck")]
    assert stuck.startswith("note:stuck node1_package0 since 7.0")
    assert run.summary.contents == "3 packages, 3 DRAM, no GPU"


def test_what_was_recorded_is_named_in_run_json(tmp_path: Path) -> None:
    one_file(tmp_path, [node(0), node(1)])
    found = json.loads((tmp_path / "merged.json").read_text())["fleet"]
    assert [(n["node"], n["boot_id"], n["host"]) for n in found["nodes"]] == [
        (0, "boot0", "host0"),
        (1, "boot1", "host1"),
    ]


def test_clocks_an_hour_apart_are_said_and_change_no_joules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = [node(0), node(1, ahead_s=3600.0, knows_offset=False)]
    folder = publish(tmp_path, nodes)
    assert main(["merge", str(folder), "-o", str(tmp_path / "run.csv"), "--quiet"]) == 0
    assert "is 3,600 s ahead of that of host0" in capsys.readouterr().err
    assert total_j(load_run(tmp_path / "run.csv")) == pytest.approx(joules(nodes), rel=1e-5)
    assert load_run(tmp_path / "run.csv").summary.phases[-1].end_s < 20


def test_other_versions_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = publish(tmp_path, [node(0), node(1, about={"versions": {"wattui": "0.9"}})])
    assert main(["merge", str(folder), "-o", str(tmp_path / "run.csv"), "--quiet"]) == 0
    assert "recorded by wattui 0.9 and 1.0: fix:" in capsys.readouterr().err


def test_two_runs_in_a_folder_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for run in ("a", "b"):
        publish(tmp_path, [node(0)], run)
    assert main(["merge", str(tmp_path), "-o", str(tmp_path / "run.csv")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "has 2 runs (run=a, run=b): fix: name one" in line
    assert not (tmp_path / "run.csv").exists()
    assert main(["merge", str(tmp_path / "run=b"), "-o", str(tmp_path / "run.csv")]) == 0


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_a_folder_without_a_run_is_one_line(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["merge", str(tmp_path / name), "-o", str(tmp_path / "run.csv")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("fleet", {"ranks": 5, "world_size": "x", "clock": [], "node": {"rank": "a"}}),
        ("sources", [{"channels": [3]}]),
        ("sources", 5),
        ("sources", [{"channels": 5}]),
        ("versions", {"wattui": None}),
        ("versions", 4),
        ("host", 3),
        ("lost_rows", "x"),
    ],
)
def test_a_damaged_run_json_costs_no_joules(tmp_path: Path, part: str, value: object) -> None:
    nodes = [node(0), node(1)]
    folder = publish(tmp_path, nodes)
    path = next(folder.rglob("node=boot1")) / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), part: value}))
    out = tmp_path / "merged.csv"
    merge(folder, out)
    running = load_run(out).summary.running
    assert running is not None
    assert running.domains["total"].running_j is not None
    assert running.domains["total"].running_j.value == pytest.approx(joules(nodes), rel=1e-3)


def test_a_copy_of_a_node_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nodes = [node(0), node(1)]
    folder = publish(tmp_path, nodes)
    for name in ("node=boot1.bak", "node=a-copy"):
        shutil.copytree(folder / "node=boot1", folder / name)
    out = tmp_path / "merged.csv"
    assert main(["merge", str(folder), "-o", str(out), "--quiet"]) == 0
    assert total_j(load_run(out)) == pytest.approx(joules(nodes), rel=1e-5)
    err = capsys.readouterr().err
    for name in ("node=boot1.bak", "node=a-copy"):
        said = f"{folder / name / 'part.parquet'} is a copy of node=boot1, so it is left out"
        assert said in err


def test_the_joules_of_a_node_with_a_long_name_are_shown_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host = {"host": {"name": "\x1b[31mhost\n" + "n" * 10_000}}
    folder = publish(tmp_path, [node(0, about=host), node(1)])
    out = str(tmp_path / "run.csv")
    assert main(["merge", str(folder), "-o", out, "--width", "80"]) == 0
    assert main(["summary", str(folder), "--width", "80"]) == 0
    shown = capsys.readouterr().out
    assert all(shown.count(f"all {known}\n") == 2 for known in ("525.00", "1050.0", "1575.0"))
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_run_of_several_nodes_is_exported_once_it_is_merged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = publish(tmp_path, [node(0)])
    assert main(["export", str(folder), str(tmp_path / "out.json")]) == 2
    assert f"fix: wattui merge {folder} -o run.csv" in capsys.readouterr().err


def test_ranks_of_a_node_without_a_run_json_are_unknown_and_not_missing(tmp_path: Path) -> None:
    folder = publish(tmp_path, [node(0), node(1)])
    (next(folder.rglob("node=boot1")) / "run.json").write_text("{")
    fleet, _ = merge(folder, tmp_path / "merged.csv")
    assert list(fleet.absent) == []
    told = "boot1: its run.json does not say its ranks: some may be missing"
    assert told in fleet.remarks


@pytest.mark.parametrize("place", ["node=all", "node=boot1"])
def test_a_merged_file_among_the_nodes_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    """It has the joules of all of them; in a node's place it is that node that is missing."""
    nodes = [node(0), node(1)]
    folder = publish(tmp_path, nodes)
    merge(folder, tmp_path / "first.parquet")
    (folder / place).mkdir(exist_ok=True)
    shutil.copy(tmp_path / "first.parquet", folder / place / "part.parquet")
    status = main(["merge", str(folder), "-o", str(tmp_path / "again.csv")])
    there = nodes if place == "node=all" else nodes[:1]
    assert total_j(load_run(tmp_path / "again.csv")) == pytest.approx(joules(there), rel=1e-5)
    line = f"{folder / place / 'part.parquet'} is of several nodes, so it is left out"
    assert line in capsys.readouterr().err
    assert status == (0 if there == nodes else 1)


@pytest.mark.parametrize(
    "option", [["--explain"], ["--inferences", "5"], ["--require-uncertainty", "1%"]]
)
@pytest.mark.parametrize("pattern", ["shared/run=1", "shared/run=*/"])
def test_what_a_summary_of_nodes_cannot_tell_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    option: list[str],
    pattern: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shared").mkdir()
    shutil.move(publish(tmp_path, [node(0), node(1)]), tmp_path / "shared/run=1")
    assert main(["summary", pattern, *option]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{option[0]} is about one file, and shared/run=1 is of several nodes" in line
    assert f"wattui merge shared/run=1 -o run.csv, then wattui summary run.csv {option[0]}" in line


def test_a_file_is_not_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.csv"
    file.write_text("time_s\n")
    assert main(["merge", str(file), "-o", str(tmp_path / "out.csv")]) == 2
    assert f"{file} is a file: fix: name the folder" in " ".join(capsys.readouterr().err.split())


def test_every_reader_takes_the_file(tmp_path: Path) -> None:
    publish(tmp_path, [node(0), node(1)])
    for end in ("csv", "parquet"):
        out = tmp_path / f"all.{end}"
        assert main(["merge", str(tmp_path), "-o", str(out), "--force", "--quiet"]) == 0
        assert main(["summary", str(out)]) == 0
        assert main(["export", str(out), str(tmp_path / f"{end}-results.md")]) == 0
        assert Playback(out, speed=float("inf")).length_s > 12
    assert main(["report", str(out), "-o", str(tmp_path / "report.md")]) == 0
    both = [str(tmp_path / "all.csv"), str(tmp_path / "all.parquet")]
    assert main(["compare", *both, "--single-runs"]) == 0
    assert reduce_run(tmp_path / "all.csv") == reduce_run(tmp_path / "all.parquet")


def test_64_nodes(tmp_path: Path) -> None:
    made = [node(0), node(1), node(2)]
    nodes = [replace(made[n % 3], boot_id=f"b{n:02}", rank=n) for n in range(64)]
    folder = publish(tmp_path, nodes)
    whole = merged([n.node for n in read_fleet(folder, reduce_edges).nodes])
    running = summarise(whole.reduction).running
    assert running is not None
    value = running.domains["total"].running_j
    assert value is not None
    assert value.value == pytest.approx(joules(nodes), rel=1e-5)


def test_a_summary_of_nodes_needs_no_merging_and_has_the_same_joules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = [node(0), node(1), node(2)]
    folder = publish(tmp_path, nodes)
    merge(folder, tmp_path / "merged.csv")
    whole = load_run(tmp_path / "merged.csv").summary.running
    for name in (str(folder), f"{tmp_path}/run=*/", str(tmp_path / "run=1")):
        assert main(["summary", name, "--json"]) == 0
        (row,) = json.loads(capsys.readouterr().out)
        assert row["file"] == str(folder)
        assert row["command"] == "python train.py"
        found = Summary.from_dict(row["summary"]).running
        assert found.domains["total"].running_j == whole.domains["total"].running_j
    assert main(["summary", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "all nodes" in shown
    assert "node2 host2 (boot2)" in shown


def test_a_lost_node_is_partial_in_a_summary_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = publish(tmp_path, [node(0), node(1, lost=True, end_s=8.0)])
    assert main(["summary", str(folder)]) == 1
    told = capsys.readouterr()
    assert "host1 (boot1) was lost, or still records: its rows end at 7.9 s" in told.err
    assert "1 of 2 packages" in told.out


def test_nodes_are_not_taken_for_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = publish(tmp_path, [node(0), node(1)])
    assert main(["compare", str(folder)]) == 2
    assert f"fix: wattui merge {folder} -o run.csv" in capsys.readouterr().err
    assert find_runs(tmp_path) == []


def test_many_nodes_have_labels_of_the_whole_only(tmp_path: Path) -> None:
    made = [replace(node(n % 3), boot_id=f"b{n:02}", rank=n) for n in range(MOST_NODES + 1)]
    row, titles, is_partial = read_edges(publish(tmp_path, made))
    assert len(titles) == len(made)
    assert not is_partial
    (label,) = row.summary.labels
    assert list(label.domains) == ["total"]
    running = row.summary.running
    assert running is not None
    assert "node16_dram0" in running.domains
    assert label.domains["total"].running_j == running.domains["total"].running_j
