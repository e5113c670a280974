"""`wattui summary` of one file, of many, and of those that are damaged."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from recorders.fingerprint import fingerprint
from tests.support.made_runs import B1, B8, IDLE, TOKENS, Part, finished, written
from wattui.cli import main
from wattui.errors import UNMET, USAGE
from wattui.report.numbers_table import tables_of


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs 1, 2 and 10; the second has no idle phase, the last no run.json."""
    finished(tmp_path / "run1.csv", [IDLE, B1])
    finished(tmp_path / "run2.csv", [B8], command={"argv": ["./bench"]})
    written(tmp_path / "run10.csv", [IDLE, B1, B8], ["est_cpu"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path


def test_several_runs_are_a_table_with_a_row_each(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summary", "run*.csv"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert [row.split("  ")[0] for row in rows] == [
        "run1.csv",
        "run2.csv",
        "run10.csv, best b1",
        "run10.csv, worst b8",
    ]
    assert "total J/inf" in head
    assert "2.00000 ± 0.00050  1.60000 ± 0.00050" in rows[0]
    assert "python infer.py" in rows[0]
    assert "no_idle" in rows[1]
    assert "b1, b8" in rows[2]
    assert "est_cpu (estimated)" in rows[2]


def test_json_of_several_is_a_list_and_of_one_file_its_summary(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summary", "--json", "run1.csv"]) == 0
    one = json.loads(capsys.readouterr().out)
    assert main(["summary", "--json", "."]) == 0
    many = json.loads(capsys.readouterr().out)
    assert [Path(each["file"]).name for each in many] == ["run1.csv", "run2.csv", "run10.csv"]
    assert many[0]["summary"] == one
    assert (many[1]["command"], many[2]["command"]) == ("./bench", None)
    assert main(["summary", "--json", "run1*.csv", "run2.csv"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3


def test_a_file_that_lost_whole_rows_has_changed_and_that_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "run1.csv"
    beside = json.loads(path.with_suffix(".json").read_text())
    told = {**beside, "csv": fingerprint(path)}
    path.with_suffix(".json").write_text(json.dumps(told))
    assert main(["summary", "run1.csv"]) == 0
    assert "has changed" not in capsys.readouterr().err
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert main(["summary", "run1.csv"]) == 0
    assert "run1.csv has changed since it was recorded" in capsys.readouterr().err


def test_what_the_recorder_summed_up_is_printed_without_reading_the_rows(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = finished(folder / "whole.csv", [IDLE, B1]).csv
    path.with_suffix(".json").rename(folder / "kept.json")
    assert main(["summary", "--json", "whole.csv"]) == 0
    alone = capsys.readouterr().out
    (folder / "kept.json").rename(path.with_suffix(".json"))
    monkeypatch.setattr("wattui.runs.reduce.reduce_csv", None)
    assert main(["summary", "--json", "whole.csv"]) == 0
    assert capsys.readouterr().out == alone


def test_a_pattern_of_one_file_is_a_list_of_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summary", "--json", "run2*"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 1


def test_a_bad_file_among_many_is_named_and_the_others_are_done(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.csv").write_text("a,b\n")
    assert main(["summary", "run1.csv", "bad.csv", "none.csv", "run2.csv"]) == 1
    shown = capsys.readouterr()
    assert "run1.csv" in shown.out
    assert "run2.csv" in shown.out
    assert len(shown.err.splitlines()) == 2
    assert "bad.csv is not a run file" in shown.err
    assert "none.csv" in shown.err


@pytest.mark.parametrize("columns", ["80", "100", "120"])
def test_the_table_fits_the_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert main(["summary", "."]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= int(columns)


HEAD = "time_s,time_utc,phase,label,repeat,event,inferences,package0_J,package0_W\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (HEAD.replace("repeat,", "").encode(), "it lacks columns: repeat"),
        (HEAD.replace("0_W", "0_J").encode(), "it has duplicate columns: 'package0_J'"),
        (bytes(range(256)) * 9, "its columns do not start with"),
        (HEAD.encode() + b"x" * (10 << 20), "a line of over 1 MiB"),
    ],
)
def test_what_is_no_run_file_is_said_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, says: str
) -> None:
    path = tmp_path / "run.csv"
    path.write_bytes(content)
    for arguments in (["summary"], ["fit", "--against", "size"], ["export"]):
        out = [str(tmp_path / "out.md")] if arguments == ["export"] else []
        assert main([arguments[0], str(path), *arguments[1:], *out]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert says in line


def test_a_folder_without_runs_is_said_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summary", str(tmp_path)]) == 2
    assert "this folder contains no run file" in capsys.readouterr().err


def test_of_two_recordings_in_one_file_the_first_is_summarised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = written(tmp_path / "first.csv", [IDLE, B1]).read_text()
    second = written(tmp_path / "second.csv", [IDLE, B8], ["package0", "dram0"]).read_text()
    assert main(["summary", "--json", str(tmp_path / "first.csv")]) == 0
    alone = capsys.readouterr().out
    for rest, says in (
        (second, "is a second header"),
        (first.partition("\n")[2], "time goes backwards"),
    ):
        (tmp_path / "both.csv").write_text(first + rest)
        assert main(["summary", "--json", str(tmp_path / "both.csv")]) == 0
        shown = capsys.readouterr()
        assert shown.out == alone
        (line,) = shown.err.splitlines()
        assert f"line {len(first.splitlines()) + 1}" in line
        assert says in line


@pytest.mark.parametrize("cell", ["nan", "inf", "-inf", "1e300", "x", ""])
def test_a_cell_that_is_no_figure_is_an_empty_cell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cell: str
) -> None:
    path = written(tmp_path / "run.csv", [IDLE, B1])
    lines = path.read_text().splitlines()
    begin = next(n for n, line in enumerate(lines) if "running,b1,,begin" in line)
    texts = []
    for text in (cell, ""):
        cells = lines[begin].split(",")
        cells[7] = text
        path.write_text("\n".join([*lines[:begin], ",".join(cells), *lines[begin + 1 :]]) + "\n")
        assert main(["summary", "--json", str(path)]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert "bridged_edge" in texts[0]


def test_what_is_left_out_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "run.csv", [IDLE, B1])
    path.write_text(path.read_text().replace("\n3.000000,", "\n,") + "99.0,2026")
    assert main(["summary", str(path)]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "cut off" in lines[0]
    assert "1 row without a time" in lines[1]


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("files", [["run1.csv"], ["run1.csv", "run2.csv"]])
def test_no_error_and_no_figure_is_left_out_at_any_width(
    folder: Path, columns: int, files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summary", *files, "--width", str(columns)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    said = " ".join(" ".join(lines).replace("│", " ").split())
    assert "…" not in said.replace("infer.…", "")
    assert "2.00000 ± 0.00050" in said
    assert "1.60000 ± 0.00050" in said


def test_labels_and_repeats_keep_their_errors_at_any_width(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "transformer-with-a-long-name"
    finished(tmp_path / "run.csv", [IDLE, B1._replace(label=f"{long}-1"), B8])
    for columns in ("60", "80", "100"):
        assert main(["summary", str(tmp_path / "run.csv"), "--width", columns]) == 0
        said = " ".join(capsys.readouterr().out.replace("│", " ").split())
        for figure in ("2.00000 ± 0.00050", "1.60000 ± 0.00050", "4.00000 ± 0.00040"):
            assert figure in said


def test_several_labels_are_named_best_and_worst_and_mixed_on_request_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(finished(tmp_path / "run.csv", [IDLE, B1, B8]).csv)
    assert main(["summary", run]) == 0
    said = capsys.readouterr().out
    assert "best  2.00000 ± 0.00050 J per inference  b1" in said
    assert "worst 4.00000 ± 0.00040 J per inference  b8" in said
    assert "3.00000 ± 0.00030" not in said  # 600 J over 200 inferences
    assert main(["summary", run, "--mixed"]) == 0
    assert "3.00000 ± 0.00030 J per inference, all labels mixed" in capsys.readouterr().out
    assert main(["summary", run, "--json"]) == 0
    running = json.loads(capsys.readouterr().out)["running"]
    assert running["inferences"] == 200  # as ever: all that ran


def test_a_total_without_a_part_that_did_not_move_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "run.csv", [IDLE, B1], ["package0", "gpu0"])
    head, *lines = path.read_text().splitlines()
    names = head.split(",")
    gpu, total, package = (names.index(f"{name}_J") for name in ("gpu0", "total", "package0"))
    rows = [line.split(",") for line in lines]
    for row in rows:
        if "running" in row:
            row[gpu] = rows[-1][gpu]
            row[total] = str(float(row[package]) + float(row[gpu]))
    path.write_text("\n".join([head, *map(",".join, rows)]) + "\n")
    assert main(["summary", str(path), "--width", "100"]) == 0
    said = capsys.readouterr().out
    assert "2.000 ± ? J per inference  measured: 1 package, no GPU (channel total)" in said
    (gpu0,) = [line for line in said.splitlines() if "gpu0 " in line and "10.00" in line]
    assert gpu0.split("gpu0")[1].split()[1:4] == ["–", "–", "–"]
    assert "incomplete gpu0" in said


@pytest.mark.slow
def test_of_very_many_labels_the_costliest_are_shown_and_the_others_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    labels = [Part("running", 1, 10.0 + n % 300, f"b{n}", 1) for n in range(600)]
    written(tmp_path / "run.csv", [IDLE, *labels])
    assert main(["summary", str(tmp_path / "run.csv")]) == 0
    out = capsys.readouterr().out
    shown = [int(number) for number in re.findall(r"^│ b(\d+) ", out, re.M)]
    # Each energy is that of two labels: the 100 highest, in the order in which they ran.
    assert shown == [*range(200, 300), *range(500, 600)]
    assert "and 400 more labels: --json and wattui export list all" in out
    assert re.search(r"best +10\.00\d* .*b0\b", out)
    assert "600 labels" in out
    assert main(["summary", "--json", str(tmp_path / "run.csv")]) == 0
    assert len(json.loads(capsys.readouterr().out)["labels"]) == 600


def test_a_report_of_very_many_labels_has_the_costliest_too(tmp_path: Path) -> None:
    labels = [Part("running", 1, 10.0 + n, f"b{n}", 1) for n in range(300)]
    run = finished(tmp_path / "run.csv", [IDLE, *labels])
    [table] = [t for t in tables_of(run.summary, "total") if t.caption.startswith("By label")]
    assert [row[0] for row in table.rows] == [f"b{n}" for n in range(100, 300)]
    assert table.caption == "By label, channel total, the 200 of 300 that used the most"


def test_explain_shows_the_parts_of_the_headlines_uncertainty_under_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS")
    assert main(["summary", "run1.csv"]) == 0
    _, *plain, _ = [line.strip("│ ") for line in capsys.readouterr().out.splitlines()]
    assert main(["summary", "--explain", "run1.csv"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert max(map(len, told)) <= 80
    lines = [line.strip("│ ") for line in told]
    assert [*lines[1:3], *lines[-len(plain) + 1 : -1]] == plain, "nothing else changes"
    text = "\n".join(lines)
    # 50 W for 1 ms over 100 inferences; and 10 W, for 4 of the 10 s that it was idle.
    assert "total 2.00000 ± 0.00050 J per inference (0.025 %)" in text
    assert "dynamic 1.60000 ± 0.00050 J per inference (0.031 %)" in text
    assert re.search(r"^resolution package0, idle +0\.00004\d +0\.0025 +quadrature +█$", text, re.M)
    assert "mostly resolution package0; to halve it: run 3× longer (± 0.011 %)" in text


def test_explain_in_json_has_the_same_parts(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summary", "--explain", "--json", "run1.csv"]) == 0
    one = json.loads(capsys.readouterr().out)
    total, dynamic = one["budgets"]
    (part,) = total["parts"]
    assert (part["name"], part["of"], part["joins"]) == ("resolution", "package0", "in quadrature")
    of_summary = one["running"]["domains"]["total"]["total_j_per_inference"]
    assert part["plus_minus"] == total["plus_minus"] == of_summary["plus_minus"]
    assert total["cures"] == [{"text": "run 2× longer", "plus_minus": pytest.approx(0.00025)}]
    assert dynamic["figure"] == "dynamic"
    assert main(["summary", "--explain", "--json", "."]) == 0
    many = json.loads(capsys.readouterr().out)
    assert many[0]["budgets"] == one["budgets"]
    assert main(["summary", "--json", "run1.csv"]) == 0
    assert "budgets" not in json.loads(capsys.readouterr().out)


def test_explain_is_about_the_best_and_the_worst_or_the_label_that_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(folder / "labels.csv", [IDLE, B1, B8])
    assert main(["summary", "--explain", "labels.csv"]) == 0
    out = capsys.readouterr().out
    assert out.index("(0.025 %), b1") < out.index("(0.010 %), b8")
    assert main(["summary", "--explain", "--label", "b8", "labels.csv"]) == 0
    out = capsys.readouterr().out
    assert "(0.010 %), b8" in out
    assert "%), b1" not in out
    assert main(["summary", "--explain", "--label", "b9", "labels.csv"]) == 2
    assert "no such label: it has b1, b8" in capsys.readouterr().err
    assert main(["summary", "--label", "b8", "labels.csv"]) == 2
    assert "fix: add --explain" in capsys.readouterr().err
    assert main(["summary", "--explain", "labels.csv", "run1.csv"]) == 0
    assert "name one file" in capsys.readouterr().err


def test_explain_says_which_part_is_unknown_and_why(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(folder / "short.csv", [Part("idle", 2, 10.0), B1])
    assert main(["summary", "--explain", "short.csv", "--width", "100"]) == 0
    out = capsys.readouterr().out
    assert "baseline scatter, idle: the baseline is too short" in out
    assert "± is unknown; to know it: idle 10 s" in out


def test_a_wider_uncertainty_than_required_is_an_error_that_says_what_would_narrow_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """0.0005 of 2 J is 0.025 %."""
    assert main(["summary", "run1.csv", "--require-uncertainty", "1%"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["summary", "run1.csv", "--require-uncertainty", "0.01%"]) == UNMET
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "wattui: run1.csv: --require-uncertainty 0.01%: ± is 0.025 %: total 2.00000 ± 0.00050 J"
    )
    assert "to halve it: run " in line


def test_an_unknown_uncertainty_is_not_met_whatever_is_required(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of several files each is judged, and of several labels the best and the worst."""
    assert main(["summary", "run10.csv", "run2.csv", "--require-uncertainty", "90%"]) == UNMET
    lines = capsys.readouterr().err.splitlines()
    assert all("run10.csv: --require-uncertainty 90%: ± is unknown" in line for line in lines)
    assert len(lines) == 2


@pytest.mark.parametrize("given", ["0", "2", "x%", "-1%"])
def test_a_required_uncertainty_is_a_share(folder: Path, given: str) -> None:
    assert main(["summary", "run1.csv", f"--require-uncertainty={given}"]) == USAGE


def test_a_stated_count_is_kept_beside_the_run_and_used_everywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """200 J for 100 inferences."""
    monkeypatch.chdir(tmp_path)
    finished(tmp_path / "run.csv", [IDLE, B1._replace(count=0)])
    assert main(["summary", "run.csv", "--inferences", "100", "--json"]) == 0
    stated = json.loads(capsys.readouterr().out)
    assert stated["running"]["domains"]["total"]["total_j_per_inference"]["value"] == 2.0
    assert main(["summary", "run.csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == stated
    assert main(["export", "run.csv", "out.json"]) == 0
    assert "stated by hand" in (tmp_path / "out.json").read_text()
    assert main(["export", "run.csv", "out.csv"]) == 0
    assert "run,run,running,,,,,manual,inferences,1,100.0," in (tmp_path / "out.csv").read_text()
    capsys.readouterr()
    assert main(["summary", "run.csv", "--inferences", "0"]) == 0
    assert "per inference" not in capsys.readouterr().out
    assert main(["summary", "run.csv", "run.csv", "--inferences", "5"]) == 2
    assert "name one file" in capsys.readouterr().err


def test_no_count_is_stated_of_what_is_no_run_file(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    assert main(["summary", str(tmp_path / "table.csv"), "--inferences", "5"]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_a_run_of_tokens_is_stated_per_token_in_the_terms_of_language_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = finished(tmp_path / "llm.csv", [IDLE, TOKENS]).csv
    assert main(["summary", str(path)]) == 0
    text = capsys.readouterr().out
    assert "2.00000 ± 0.00050 J per output token" in text
    assert "100 output tokens · 25.00 output tokens/s" in text
    assert "0.50000 ± 0.00013 tokens/J · 555.56 ± 0.14 Wh per million tokens" in " ".join(
        text.replace("│", " ").split()
    )
    assert "J per output token" in text
    assert "also counted: 10 requests · 2.500/s · 20.0000 ± 0.0050 J each" in text
    assert "inference" not in text
    assert "no_count" not in text


def test_what_else_was_counted_is_introduced_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = {"tokens_out": 100, "tokens_in": 40, "requests": 10}
    one = finished(tmp_path / "one.csv", [IDLE, TOKENS._replace(counts=counts)]).csv
    of_labels = [TOKENS._replace(label=label, counts=counts) for label in ("c1", "c8")]
    two = finished(tmp_path / "two.csv", [IDLE, *of_labels]).csv
    said = []
    for path in (one, two):
        assert main(["summary", str(path)]) == 0
        lines = capsys.readouterr().out.splitlines()
        first = next(place for place, line in enumerate(lines) if "also counted: " in line)
        said.append([line.strip("│ ") for line in lines[first : first + 2]])
        assert sum("also counted" in line for line in lines) == 1
    assert [line.partition(" · ")[0] for line in said[0]] == [
        "also counted: 40 prompt tokens",
        "10 requests",
    ]
    assert said[1] == ["also counted: 80 prompt tokens, 20 requests", ""]


def test_per_states_energies_per_another_count_and_refuses_one_that_was_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = finished(tmp_path / "llm.csv", [IDLE, TOKENS]).csv
    assert main(["summary", "--per", "requests", str(path)]) == 0
    assert "20.0000 ± 0.0050 J per request" in capsys.readouterr().out
    assert main(["summary", "--per", "images", str(path)]) == USAGE
    said = "--per images: it did not count images: it has requests, tokens_out"
    assert said in capsys.readouterr().err
    assert main(["summary", "--per", "No", str(path)]) == USAGE
    assert "cannot be the name of a count" in capsys.readouterr().err


def test_json_has_every_count_whatever_it_is_stated_per(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = finished(tmp_path / "llm.csv", [IDLE, TOKENS]).csv
    assert main(["summary", "--json", str(path)]) == 0
    running = json.loads(capsys.readouterr().out)["running"]
    assert running["inferences"] is None
    tokens = running["counts"]["tokens_out"]
    assert tokens["count"] == 100
    assert tokens["domains"]["total"]["dynamic_j"]["value"] == pytest.approx(1.6)
    assert main(["summary", "--json", "--explain", str(path)]) == 0
    budgets = json.loads(capsys.readouterr().out)["budgets"]
    assert budgets[0]["per"] == "per output token"
    assert budgets[0]["value"] == pytest.approx(2.0)


def test_runs_of_different_counts_share_a_table(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished(folder / "llm.csv", [IDLE, TOKENS])
    assert main(["summary", "llm.csv", "run1.csv"]) == 0
    assert "total J/unit" in capsys.readouterr().out
    finished(folder / "llm2.csv", [IDLE, TOKENS])
    assert main(["summary", "llm.csv", "llm2.csv"]) == 0
    assert "total J/tok" in capsys.readouterr().out
