"""A run in Parquet: the same text, rows and figures as the CSV that it was made from."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.rows import line_text, where_text
from recorders.runfile import RunFile, RunFileBusyError
from recorders.summary.summary import summarise
from tests.figures.recordings import RECORDED
from tests.support.examples import examples
from tests.support.made_runs import B1, B8, IDLE, Part, finished, written
from wattui.cli import main
from wattui.errors import UsageError
from wattui.runs.convert import convert, write_csv, write_parquet
from wattui.runs.gauges import gauge_means
from wattui.runs.lines import lines_of
from wattui.runs.notes import state
from wattui.runs.recorded import find_runs, load_run, reduce_run
from wattui.runs.run_file import NotARunFileError
from wattui.runs.traces import read_traces
from wattui.tui.state.playback import Playback

from .test_reduce import FAILURES, LABELS, SCHEDULE, recorded

REAL = [path for path in RECORDED if path.suffix == ".csv"]
HEADER = "time_s,time_utc,phase,label,repeat,event,inferences,package0_J,package0_W\n"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return finished(tmp_path / "run.csv", [IDLE, B1, B8]).csv


def as_parquet(csv: Path) -> Path:
    out = csv.with_suffix(".parquet")
    assert write_parquet(csv, out) == []
    return out


def back(parquet: Path) -> bytes:
    out = parquet.with_name("back.csv")
    assert write_csv(parquet, out) == []
    return out.read_bytes()


@pytest.mark.parametrize("real", REAL, ids=lambda path: path.stem)
def test_recordings_keep_their_text_figures_traces_and_gauges(real: Path, tmp_path: Path) -> None:
    csv = shutil.copy(real, tmp_path / real.name)
    parquet = as_parquet(csv)
    assert back(parquet) == csv.read_bytes()
    assert reduce_run(parquet) == reduce_run(csv)
    assert summarise(reduce_run(parquet)) == summarise(reduce_run(csv))
    assert read_traces(parquet) == read_traces(csv)
    assert gauge_means(parquet) == gauge_means(csv)


@examples(15)
@given(schedule=SCHEDULE, failures=FAILURES, gone_s=st.floats(1, 40), rate_hz=st.floats(1, 40))
def test_every_recording_keeps_its_text_and_figures(
    schedule: list[tuple[str, str, float, int]],
    failures: list[tuple[float, float]],
    gone_s: float,
    rate_hz: float,
) -> None:
    with TemporaryDirectory() as folder:
        recorded(Path(folder), schedule, failures, gone_s, rate_hz)
        csv = Path(folder, "run.csv")
        parquet = as_parquet(csv)
        assert back(parquet) == csv.read_bytes()
        assert reduce_run(parquet) == reduce_run(csv)


@examples(15)
@given(st.lists(st.tuples(LABELS, st.sampled_from(["", 'note:é, "x"', "note: 'y'"])), max_size=9))
def test_quotes_and_commas_keep_their_form(texts: list[tuple[str, str]]) -> None:
    lines = [
        line_text(
            f"{n}.000000",
            "",
            where_text("a,b", label, n or None),
            event,
            {"inferences": n},
            ["1.5", ""],
        )
        for n, (label, event) in enumerate(texts)
    ]
    with TemporaryDirectory() as folder:
        csv = Path(folder, "run.csv")
        csv.write_text(HEADER + "".join(lines))
        assert back(as_parquet(csv)) == csv.read_bytes()


def test_cells_are_times_whole_numbers_doubles_and_texts(tmp_path: Path) -> None:
    csv = tmp_path / "run.csv"
    csv.write_text(HEADER + "0.100000,2026-01-02T03:04:05.678Z,idle,b1,2,begin,7,1.500000,\n")
    kinds = pl.read_parquet_schema(as_parquet(csv))
    assert kinds == {
        "time_s": pl.Float64,
        "time_utc": pl.Datetime("ms", "UTC"),
        **dict.fromkeys(["phase", "label"], pl.String),
        "repeat": pl.Int64,
        "event": pl.String,
        "inferences": pl.Int64,
        **dict.fromkeys(["package0_J", "package0_W"], pl.Float64),
    }


def test_a_text_that_would_change_is_said_and_the_figures_stay(csv: Path) -> None:
    csv.write_text(csv.read_text().replace("\n", "\r\n"))
    parquet = csv.with_suffix(".parquet")
    (remark,) = write_parquet(csv, parquet)
    assert "run.csv" in remark
    assert reduce_run(parquet) == reduce_run(csv)


def test_a_large_file_is_read_in_pieces(csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wattui.runs.parquet.MOST_ROWS", 4)
    parquet = as_parquet(csv)
    assert pl.scan_parquet(parquet).select(pl.len()).collect().item() > 20
    assert back(parquet) == csv.read_bytes()
    assert summarise(reduce_run(parquet)) == summarise(reduce_run(csv))


@pytest.mark.parametrize("data", [b"", b"PAR1", b"time_s,phase\n1,2\n", b"PAR1" + b"x" * 200])
def test_what_is_not_parquet_is_said_in_a_line(
    tmp_path: Path, data: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.parquet"
    path.write_bytes(data)
    assert main(["summary", str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "run.parquet is not a run file: it" in line
    with pytest.raises(UsageError, match=r"run\.parquet is not a run file: it"):
        Playback(path)
    assert find_runs(tmp_path) == []


def test_a_file_that_ends_early_or_has_other_columns_is_refused(csv: Path) -> None:
    parquet = as_parquet(csv)
    parquet.write_bytes(parquet.read_bytes()[:-100])
    with pytest.raises(NotARunFileError, match="cannot be read as Parquet"):
        reduce_run(parquet)
    pl.DataFrame({"time_s": [1.0], "watts": [2.0]}).write_parquet(parquet)
    with pytest.raises(NotARunFileError, match="lacks columns: time_utc, phase"):
        reduce_run(parquet)


def test_rows_that_another_program_wrote_are_read(csv: Path) -> None:
    parquet = csv.with_name("other.parquet")
    pl.read_csv(csv, infer_schema_length=None).write_parquet(parquet)
    assert reduce_run(parquet) == reduce_run(csv)


def test_run_json_belongs_to_both_formats_until_one_changes(csv: Path) -> None:
    parquet = as_parquet(csv)
    assert load_run(parquet) == replace(load_run(csv), csv=parquet)
    assert load_run(parquet).remarks == []
    frame = pl.read_parquet(parquet)
    frame.with_columns(pl.col("package0_J") * 2).write_parquet(parquet)
    (remark,) = load_run(parquet).remarks
    assert "run.parquet has changed since it was recorded" in remark


def test_a_count_stated_about_one_holds_for_the_other(tmp_path: Path) -> None:
    csv = finished(tmp_path / "run.csv", [IDLE, Part("running", 4, 50.0)]).csv
    parquet = as_parquet(csv)
    state(parquet, 100)
    assert load_run(parquet).summary.running.inferences == 100
    assert load_run(csv).summary == load_run(parquet).summary
    csv.write_text(csv.read_text().replace("50.0", "51.0"))
    assert load_run(csv).summary.running.inferences is None


def test_a_name_is_not_taken_for_a_pattern(csv: Path) -> None:
    named = csv.with_name("b[1] *?.parquet")
    write_parquet(csv, named)
    assert load_run(named).summary == load_run(csv).summary


def test_a_folder_has_a_run_in_both_formats_once(csv: Path) -> None:
    parquet = as_parquet(csv)
    assert find_runs(csv.parent) == [csv]
    csv.unlink()
    assert find_runs(csv.parent) == [parquet]


def test_lines_from_any_place_are_those_of_the_csv(csv: Path) -> None:
    of_csv, of_parquet = lines_of(csv), lines_of(as_parquet(csv))
    assert of_parquet.header() == of_csv.header()
    everything = list(of_csv.since())
    assert list(of_parquet.since()) == everything
    place = of_parquet.place(7.0)
    assert next(of_parquet.since(place)).startswith("7.0")
    assert list(of_parquet.since(place)) == everything[place:]
    assert of_parquet.last() == [*everything[-of_parquet.size() :]]


def test_a_recording_is_converted_and_its_csv_removed(csv: Path) -> None:
    text, summary = csv.read_bytes(), load_run(csv).summary
    parquet = csv.with_suffix(".parquet")
    convert(csv, parquet)
    assert not csv.exists()
    run = load_run(parquet)
    assert (run.summary, run.remarks) == (summary, [])
    again = parquet.with_name("run.csv")
    write_csv(parquet, again)
    assert again.read_bytes() == text
    assert load_run(again).remarks == [], "its run.json is about the text, too"


def test_a_csv_to_which_another_recorder_writes_is_not_converted(csv: Path) -> None:
    """It was replaced with --force between the end of its recording and its conversion."""
    recorder = RunFile(csv, HEADER, force=True)
    with pytest.raises(UsageError, match="another wattui is recording to it"):
        convert(csv, csv.with_suffix(".parquet"))
    recorder.close()
    assert csv.read_text() == HEADER
    assert not csv.with_suffix(".parquet").exists()


def test_no_recorder_replaces_a_csv_while_it_is_converted(
    csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(path: Path, _out: Path) -> list[str]:
        with pytest.raises(RunFileBusyError):
            RunFile(path, HEADER, force=True)
        return []

    monkeypatch.setattr("wattui.runs.convert.write_parquet", begin)
    convert(csv, csv.with_suffix(".parquet"))
    assert not csv.exists()


def test_a_full_disk_is_an_error_of_the_system(csv: Path) -> None:
    with pytest.raises(OSError, match="No space left on device"):
        write_parquet(csv, Path("/dev/full"))


def test_a_file_without_rows_keeps_its_header(tmp_path: Path) -> None:
    csv = tmp_path / "run.csv"
    csv.write_text(HEADER)
    assert back(as_parquet(csv)) == HEADER.encode()


def test_a_csv_without_its_parquet_says_how_to_make_it(
    csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summary", str(csv.with_suffix(".parquet"))]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"fix: wattui export {csv} {csv.with_suffix('.parquet')}" in line


def test_both_ways_on_the_command_line(tmp_path: Path) -> None:
    csv = written(tmp_path / "run.csv", [IDLE, B8])
    text, parquet = csv.read_bytes(), str(csv.with_suffix(".parquet"))
    assert main(["export", str(csv), parquet]) == 0
    csv.unlink()
    assert main(["export", parquet, str(csv)]) == 0
    assert csv.read_bytes() == text
    assert main(["export", parquet, str(tmp_path / "results.csv")]) == 0
    assert (tmp_path / "results.csv").read_text().startswith("run,")
