"""`python -m workloads`, alone and recorded, as a person starts it."""

from __future__ import annotations

import csv
import json
import re
import signal
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from .running import PACKAGES, PYTHON, WATTUI, Place, edges, last_count, read_rows, until

pytestmark = pytest.mark.needs_workloads

ROOT = Path(__file__).parents[2]
WORKLOADS = [PYTHON, "-P", "-m", "workloads"]
BRIEF = ("--warmup", "0.05")
SIZES = ("--sizes", "32")
LENET = [*WORKLOADS, "lenet", *SIZES, "--images", "10", "--seconds", "0.02", *BRIEF]
KWS = [*WORKLOADS, "kws", *BRIEF]


def rows_of(out: bytes) -> list[list[str]]:
    """Cells of a printed table, its header first, until an empty or other line."""
    return [line.split() for line in out.decode().splitlines()]


def test_alone_it_prints_its_throughput_and_leaves_nothing_behind(place: Place) -> None:
    before = sorted(place.path.iterdir())
    ended = place.run([*KWS, "--bsize", "1,8", "--seconds", "0.2"])
    header, b1, b8, sizes = rows_of(ended.out)
    assert ended.status == 0
    assert header[:5] == ["cell", "batch", "inferences", "s", "inf/s"]
    assert [b1[0], b8[0]] == ["b1", "b8"]
    assert float(b1[4]) > 1000
    assert float(b8[4]) > float(b1[4])
    assert " ".join(sizes) == "172,800 MACs and 173,341 parameters"
    assert sorted(place.path.iterdir()) == before


def test_recorded_its_phases_labels_and_counts_are_in_the_file(place: Place) -> None:
    command = [*KWS, "--bsize", "1,8", "--seconds", "0.2", "--armed", "0.3", "--cooldown", "0.1"]
    ended = place.record("--idle", "0.2", "--quiet", command=command)
    rows = place.rows()
    begun = [(phase, label) for event, phase, label in edges(rows) if event == "begin"]
    assert begun[0] == ("idle", "")
    assert ("armed", "KWS") in begun
    assert [phase for phase in begun if phase[1] == "b8" and phase[0] != "latency"] == [
        ("loading", "b8"),
        ("warmup", "b8"),
        ("running", "b8"),
    ]
    assert begun[-1] == ("cooldown", "KWS")
    printed = sum(int(row[2].replace(",", "")) for row in rows_of(ended.out)[1:3])
    assert last_count(rows) == str(printed)
    summary = place.run_json()["summary"]
    assert [group["label"] for group in summary["labels"]] == ["b1", "b8"]
    for group in summary["labels"]:
        domain = group["domains"][summary["headline"]]
        assert domain["total_j_per_inference"]["value"] > 0
        assert domain["marginal_j_per_inference"] is not None


def test_a_recorded_language_model_counts_its_tokens_and_requests(place: Place) -> None:
    sizes = ["--batch", "2", "--prompt", "8", "--output", "4", "--apart", "--count", "4"]
    command = [*WORKLOADS, "gpt", *sizes, *BRIEF, "--armed", "0.1", "--result", "r.json"]
    ended = place.record("--quiet", command=command)
    assert ended.status == 0
    cells = json.loads((place.path / "r.json").read_text())["cells"]
    whole, prefill, decode = (Counter(cell["counts"]) for cell in cells)
    assert whole == {"tokens_in": 32, "tokens_out": 16, "requests": 4}
    assert (prefill, decode) == ({"tokens_in": 32}, {"tokens_out": 12})
    last = place.rows()[-1]
    for name, count in (whole + prefill + decode).items():
        assert last[f"count_{name}"] == str(count)
    assert last["inferences"] == ""


def test_repeats_are_fresh_processes_and_numbered(place: Place) -> None:
    command = [*KWS, "--count", "200", "--seconds", "0.05", "--repeats", "3", "--armed", "0.1"]
    ended = place.record("--quiet", command=[*command, "--cooldown", "0", "--result", "r.json"])
    assert ended.status == 0
    running = [r for r in place.rows() if r["phase"] == "running" and r["event"] == "begin"]
    assert [row["repeat"] for row in running] == ["1", "2", "3"]
    summary = place.run_json()["summary"]
    assert [group["repeat"] for group in summary["repeats"]] == [1, 2, 3]
    cells = json.loads((place.path / "r.json").read_text())["cells"]
    assert [cell["repeat"] for cell in cells] == [1, 2, 3]
    assert len({cell["checksum"] for cell in cells}) == 1
    assert "medians of 3 repeats" in ended.out.decode()


def test_layers_told_by_difference_reach_the_summary(place: Place) -> None:
    place.record("--quiet", command=[*LENET, "--method", "cumulative", "--armed", "0"])
    differences = place.run_json()["summary"]["differences"]
    assert [d["minus"] for d in differences[1:]] == [d["label"] for d in differences[:-1]]
    assert differences[-1]["label"] == "to linear3 32x32"


@pytest.mark.parametrize("repeats", ["1", "2"])
def test_ctrl_c_ends_with_what_was_measured(place: Place, repeats: str) -> None:
    argv = [*KWS, "--bsize", "1,8", "--seconds", "20", "--warmup", "0.01", "--repeats", repeats]
    command = [*argv, "--armed", "0.01", "--cooldown", "0", "--result", "r.json"]
    started = place.start(place.argv("--simulate", "--quiet", command=command))
    until(lambda: _counts(place), "inferences of the first cell")
    started.send_signal(signal.SIGINT)
    assert started.wait(10) == 130
    (cell,) = json.loads((place.path / "r.json").read_text())["cells"]
    assert (cell["label"], cell["interrupted"]) == ("b1", True)
    assert cell["inferences"] > 0
    assert last_count(place.rows()) == str(cell["inferences"])
    assert place.run_json()["status"] == "finished"


def _counts(place: Place) -> bool:
    counted = re.compile(r",running,b1,\d*,,[1-9]")
    return place.csv.exists() and bool(counted.search(place.csv.read_text()))


def test_results_and_latencies_are_written_and_never_over_another_file(place: Place) -> None:
    argv = [*KWS, "--count", "500", "--result", "r.json", "--latencies", "l.csv"]
    assert place.run(argv).status == 0
    data: dict[str, Any] = json.loads((place.path / "r.json").read_text())
    (cell,) = data["cells"]
    assert (cell["macs"], cell["parameters"]) == (172_800, 173_341)
    assert cell["inferences"] >= 500
    assert cell["latency"]["p50_s"] <= cell["latency"]["p99_s"]
    with (place.path / "l.csv").open() as file:
        kinds = {row["kind"] for row in csv.DictReader(file)}
    assert kinds in ({"chunk mean", "latency pass"}, {"call"})
    again = place.run(argv)
    assert again.status == 2
    assert (
        again.lines[-1] == "workloads: --result r.json: exists: fix: use another name, or remove it"
    )
    assert again.out == b""
    assert json.loads((place.path / "r.json").read_text()) == data


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["kws", "--bsize", "0"], ["--bsize", "0 is below 1"]),
        (["kws", "--engine", "jax"], ["invalid choice 'jax'"]),
        (["lenets"], ["invalid choice", "lenets"]),
        (["alexnet", "--sizes", "10"], ["--sizes 10", "pool1", "MaxPool2d"]),
        (["model", "none.json"], ["none.json: no such file"]),
        (["model", "none.json", "--result", "r.json"], ["none.json: no such file"]),
        (["command"], ["no command", "--"]),
        (["command", "--", "./none"], ["./none", "No such file"]),
        (["command", "--", "false"], ["false", "ended with status 1"]),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    place: Place, options: list[str], words: list[str]
) -> None:
    ended = place.run([*WORKLOADS, *options])
    assert ended.status in (1, 2)
    last = ended.lines[-1]
    assert last.startswith("workloads: ")
    for word in words:
        assert word in last
    assert not (place.path / "r.json").exists()


def test_a_dry_run_shows_every_cell_and_runs_none(place: Place) -> None:
    ended = place.run([*WORKLOADS, "alexnet", "--preset", "paper", "--dry-run"])
    lines = ended.out.decode().splitlines()
    assert lines[0].startswith("AlexNet · not run")
    assert len([line for line in lines if "61,100,840" in line]) == 20
    assert "714,188,480" in ended.out.decode()


def test_without_a_workload_the_choices_are_shown(place: Place) -> None:
    ended = place.run(WORKLOADS)
    assert ended.status == 0
    for name in (b"kws", b"lenet", b"alexnet", b"resnet50", b"bert", b"gpt", b"model", b"command"):
        assert name in ended.out


def test_a_reader_that_goes_away_is_no_traceback(place: Place) -> None:
    line = " ".join([*WORKLOADS, "alexnet", "--dry-run"]) + " | head -n 1"
    assert place.run(["sh", "-c", line]).status == 0


def test_the_accuracy_stands_beside_the_published_one(place: Place) -> None:
    ended = place.run([*WORKLOADS, "kws", "--check"])
    assert ended.status == 0
    assert "92.7 %" in ended.out.decode()
    assert "97.9 %" in ended.out.decode()
    assert "192 utterances" in ended.out.decode()


def test_a_command_runs_as_it_is_and_may_be_told_its_count(place: Place) -> None:
    argv = [*WORKLOADS, "command", "--inferences", "7", "--label", "mine", "--", "echo", "hello"]
    place.record("--quiet", command=argv)
    assert last_count(read_rows(place.csv)) == "7"
    running = [edge for edge in edges(place.rows()) if edge[1] == "running"]
    assert running == [("begin", "running", "mine"), ("end", "running", "mine")]


def test_the_workload_of_the_documentation_runs_as_another_packages(place: Place) -> None:
    page = (ROOT / "docs" / "adding-a-workload.md").read_text()
    code = page.partition("```python\n")[2].partition("```")[0]
    points = page.partition("```toml\n")[2].partition("```")[0]
    assert len(code.splitlines()) <= 50
    (place.path / "sorter.py").write_text(code)
    package = place.path / "sorter-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: sorter\nVersion: 1\n")
    named = tomllib.loads(points)["project"]["entry-points"]["wattui.workloads"]
    lines = [f"{name} = {value}" for name, value in named.items()]
    (package / "entry_points.txt").write_text("\n".join(["[wattui.workloads]", *lines, ""]))
    argv = [PYTHON, "-m", "workloads", "sorter", "--sizes", "10,100", "--count", "5"]
    ended = place.run([*argv, "--seconds", "0", "--warmup", "0"])
    assert ended.status == 0
    assert [row[0] for row in rows_of(ended.out)[1:3]] == ["10", "100"]


WATTUI_WORKLOADS = [*WATTUI, "workloads"]
QUICK = ("kws", "--engine", "numpy", "--bsize", "1", "--seconds", "0.05", "--warmup", "0")


@pytest.mark.parametrize("name", ["workloads", "recorders"])
def test_the_subcommand_runs_our_networks_whatever_lies_beside_it(place: Place, name: str) -> None:
    mine = "raise SystemExit('a module of mine')\n"
    (place.path / f"{name}.py").write_text(mine)
    package = place.path / "library" / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(mine)
    (package / "__main__.py").write_text(mine)
    hiding = {"PYTHONPATH": f"{package.parent}:{PACKAGES}"}
    repeats = ("--repeats", "2", "--cooldown", "0")
    ended = place.run([*WATTUI_WORKLOADS, *QUICK, *repeats], env=place.environment | hiding)
    assert ended.status == 0, ended.err
    assert [row[0] for row in rows_of(ended.out)[:3]] == ["cell", "b1", "b1"]


def test_the_subcommand_is_recorded_as_the_module_is(place: Place) -> None:
    command = [*WATTUI_WORKLOADS, *QUICK, "--armed", "0.1", "--cooldown", "0"]
    place.record("--idle", "0", "--quiet", command=command)
    summary = place.run_json()["summary"]
    assert [group["label"] for group in summary["labels"]] == ["b1"]
    assert summary["running"]["inferences"] > 0
    told = place.run([*WATTUI, "export", "run.csv", "results.csv"])
    assert told.status == 0
    assert "_j_per_mac" in (place.path / "results.csv").read_text()


def test_help_and_errors_name_the_command_that_was_typed(place: Place) -> None:
    assert b"usage: wattui workloads" in place.run([*WATTUI_WORKLOADS, "--help"]).out
    assert b"`wattui workloads --help`" in place.run([*WATTUI_WORKLOADS, "kws", "--x"]).err


def test_a_recording_says_where_the_module_is_hidden(place: Place) -> None:
    (place.path / "workloads.py").write_text("print('mine')\n")
    ended = place.record("--idle", "0", "--quiet", command=[PYTHON, "-m", "workloads"])
    assert "wattui: `python -m workloads` runs" in ended.lines[0]
    assert ended.lines[0].endswith("fix: wattui workloads")
    assert ended.out == b"mine\n"


def test_repeats_of_a_recording_add_to_the_files_of_the_first(place: Place) -> None:
    """Each is a process of its own; an existing file is refused to the first alone."""
    files = ("--latencies", "times.csv", "--result", "cells.json")
    command = [*WATTUI_WORKLOADS, *QUICK, "--armed", "0", "--cooldown", "0", *files]
    options = ("--idle", "0", "--repeats", "3", "--cooldown", "0", "--quiet")
    ended = place.record(*options, command=command)
    assert ended.status == 0, ended.err
    with (place.path / "times.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["repeat"] for row in rows} == {"1", "2", "3"}
    cells = json.loads((place.path / "cells.json").read_text())["cells"]
    assert [(cell["label"], cell["repeat"]) for cell in cells] == [("b1", n) for n in (1, 2, 3)]
    assert len(place.run_json()["summary"]["repeats"]) == 3
    before = (place.path / "times.csv").read_bytes()
    place.csv.unlink()
    (place.path / "run.json").unlink()
    again = place.record(*options, command=command)
    assert again.status != 0
    assert b"cells.json: exists" in again.err
    assert (place.path / "times.csv").read_bytes() == before
