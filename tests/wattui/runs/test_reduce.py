"""A summary recomputed from the CSV alone is the summary that the recorder wrote."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.source import Channel, Gone, Retry, SourceError
from recorders.summary.summary import summarise
from tests.support.doubles import ManualClock, Rig, ScriptedSource
from tests.support.examples import examples
from wattui.runs.reduce import reduce_csv
from wattui.runs.run_file import NotARunFileError
from wattui.tui.state.live import Live

PACKAGE = Channel("package0", "J", in_total=True)
DRAM = Channel("dram0", "J", in_total=True)
READ_METER = Channel("meter_plug", "W", origin="manual")
ESTIMATE = Channel("est_cpu", "J", origin="estimated")
UTILISATION = Channel("cpu_util", "pct")

NAMES = st.sampled_from(["idle", "armed", "running", "cooldown", "mine, and yours"])
LABELS = st.sampled_from(["", "b1", "b 32", 'quo"ted, label'])
SCHEDULE = st.lists(
    st.tuples(NAMES, LABELS, st.floats(0.03, 3.0), st.integers(0, 5)), min_size=1, max_size=8
)
FAILURES = st.lists(st.tuples(st.floats(0, 12), st.floats(0.05, 1.7)), max_size=3)


def failing(failures: list[tuple[float, float]], gone_s: float, power_w: float):
    def script(time_s: float) -> float | SourceError:
        if time_s >= gone_s:
            return Gone("away")
        if any(start_s <= time_s < start_s + length_s for start_s, length_s in failures):
            return Retry("busy")
        return power_w * time_s

    return script


def recorded(
    folder: Path,
    schedule: list[tuple[str, str, float, int]],
    failures: list[tuple[float, float]],
    gone_s: float,
    rate_hz: float,
) -> Rig:
    clock = ManualClock()
    source = ScriptedSource(
        clock,
        {
            PACKAGE: failing(failures, gone_s, 31.7),
            DRAM: failing([], gone_s, 4.1),
            READ_METER: failing(failures, gone_s, 3.3),
            ESTIMATE: lambda time_s: 2.0 * time_s,
            UTILISATION: lambda time_s: 10 + 20 * (time_s % 2),
        },
        periods_s={"package0": 0.001},
    )
    rig = Rig(folder, clock, [source], rate_hz)
    at_s = 0.4
    for number, (name, label, length_s, counted) in enumerate(schedule, 1):
        owner = 10 + number
        rig.at(at_s, owner=owner, do="begin", phase=name, label=label)
        rig.at(at_s + length_s / 2, owner=owner, do="count", n=counted)
        rig.at(at_s + length_s, owner=owner, do="bye")
        at_s += length_s + 0.05
    rig.run(at_s + 0.2)
    return rig


@examples(40)
@given(SCHEDULE, FAILURES, st.floats(3, 60), st.sampled_from([2.0, 10.0, 50.0]))
def test_the_csv_alone_gives_the_recorders_summary_to_the_last_digit(
    schedule: list[tuple[str, str, float, int]],
    failures: list[tuple[float, float]],
    gone_s: float,
    rate_hz: float,
) -> None:
    with TemporaryDirectory() as folder:
        rig = recorded(Path(folder), schedule, failures, gone_s, rate_hz)
        again = summarise(reduce_csv(rig.path)).to_dict()
    assert again == summarise(rig.recorder.reduction).to_dict()


MARKS = st.one_of(
    st.builds(lambda name, label: {"do": "mark", "phase": name, "label": label}, NAMES, LABELS),
    st.builds(lambda name: {"do": "begin", "phase": name, "owner": 11}, NAMES),
    st.sampled_from([{"do": "bye", "owner": 11}, {"do": "mark", "phase": ""}]),
    st.builds(
        lambda power_w: {"do": "meter", "name": "wall", "power_w": power_w}, st.floats(0, 2000)
    ),
    st.just({"do": "undo"}),
)


@examples(60)
@given(
    st.lists(st.tuples(MARKS, st.floats(0.03, 2.0)), max_size=12),
    FAILURES,
    st.sampled_from([2.0, 10.0]),
)
def test_readings_by_hand_and_undone_marks_are_in_the_csv_too(
    asked: list[tuple[dict[str, object], float]],
    failures: list[tuple[float, float]],
    rate_hz: float,
) -> None:
    clock = ManualClock()
    source = ScriptedSource(clock, {PACKAGE: failing(failures, 99, 31.7), DRAM: lambda t: 4.1 * t})
    with TemporaryDirectory() as folder:
        rig = Rig(Path(folder), clock, [source], rate_hz, follows=True, meters=["ups", "wall"])
        rig.at(0.01, do="rows", rate_hz=10)
        at_s = 0.4
        for message, wait_s in asked:
            rig.at(at_s, **message)
            at_s += wait_s
        rig.run(at_s + 0.2)
        again = summarise(reduce_csv(rig.path)).to_dict()
    live = Live(rig.layout.columns)
    for message in rig.sent:
        if message["t"] in ("row", "event", "renamed", "undone"):
            live.take(message)
    own = summarise(rig.recorder.reduction).to_dict()
    assert again == own
    if not failures:
        assert live.summary().to_dict()["phases"] == own["phases"]
    assert live.stretch is None
    did = {message["do"] for message, _ in asked}
    is_shown = "meter_wall" in str(own["phases"])
    assert not is_shown or "meter" in did
    if "undo" not in did:
        assert is_shown == ("meter" in did and bool(own["phases"]))


def test_a_file_that_was_cut_anywhere_is_summarised_up_to_there(tmp_path: Path) -> None:
    schedule = [("idle", "", 2.0, 0), ("running", "b1", 3.0, 5)]
    rig = recorded(tmp_path, schedule, [], 60, 10.0)
    whole = rig.path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for kept in (3, 10, 40):
        cut = b"".join(lines[:kept]) + lines[kept][:17]
        rig.path.write_bytes(cut)
        summary = summarise(reduce_csv(rig.path))
        last_s = float(lines[kept - 1].split(b",")[0])
        assert all(phase.end_s <= last_s for phase in summary.phases)
        assert any(flag.name in ("unfinished", "no_running") for flag in summary.flags)


def test_energy_of_a_phase_that_broke_off_ends_at_the_last_row(tmp_path: Path) -> None:
    rig = recorded(tmp_path, [("running", "b1", 3.0, 5)], [], 60, 10.0)
    kept = [line for line in rig.path.read_bytes().splitlines(True) if b",end," not in line]
    rig.path.write_bytes(b"".join(kept[:30]))
    running = summarise(reduce_csv(rig.path)).running
    assert running is not None
    energy = running.domains["package0"].running_j
    assert energy is not None
    assert energy.value == pytest.approx(31.7 * running.seconds, rel=1e-3)


@pytest.mark.parametrize("text", ["", "time_s\n", "a,b,c\n1,2,3\n", "\x00\x01\x02"])
def test_a_file_that_is_no_run_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.csv"
    path.write_text(text)
    with pytest.raises(NotARunFileError, match=r"columns|header line"):
        reduce_csv(path)


def wattui(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wattui", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "COLUMNS": "80"},
    )


@pytest.mark.parametrize("content", [None, "", "x,y\n1,2\n"])
def test_summary_of_a_wrong_file_is_one_line_and_exit_2(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "run.csv"
    if content is not None:
        path.write_text(content)
    shown = wattui("summary", str(path))
    assert shown.returncode == 2
    assert shown.stderr.count("\n") == 1
    assert str(path) in shown.stderr


def test_summary_prints_a_table_that_fits_80_columns(tmp_path: Path) -> None:
    rig = recorded(tmp_path, [("idle", "", 3.0, 0), ("running", "b1", 3.0, 5)], [], 60, 10.0)
    shown = wattui("summary", str(rig.path))
    assert shown.returncode == 0
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "J per inference" in shown.stdout
    assert "est_cpu (estimated)" in shown.stdout
