"""Blocks of code beside other tools: errors, shares inside ±, and what has no figure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.peers import marking, short
from benchmarks.peers.short import GPU, RAPL, Marked
from testbench.curves import Driven, make_drive

ROW = "steady", RAPL, 0.003


def test_the_rms_error_is_relative_to_each_block() -> None:
    marked = [Marked(1.03, 1.0), Marked(1.92, 2.0), Marked(None, 5.0)]
    assert short.rms_pct(marked) == pytest.approx(100 * ((0.03**2 + 0.04**2) / 2) ** 0.5)
    assert short.rms_pct([Marked(None, 1.0)]) is None


def test_an_unknown_uncertainty_contains_nothing() -> None:
    assert short.inside_pct([Marked(1.1, 1.0, 0.2), Marked(0.9, 1.0, 0.05)]) == 50
    assert short.inside_pct([Marked(1.1, 1.0, None)]) == 0
    assert short.inside_pct([Marked(None, 1.0)]) is None


def test_a_cell_says_how_many_have_a_figure_and_never_a_wrong_zero() -> None:
    assert short.error_cell([]) == "–"
    assert short.error_cell([Marked(0.0, 1.0), Marked(2.0, 1.0)]) == "100"
    assert short.error_cell([Marked(1.1, 1.0), Marked(None, 1.0)]) == "10 [1/2]"
    assert short.error_cell([Marked(0.0, 1.0), Marked(0.0, 2.0)]) == "–"


def test_a_tool_without_a_reading_has_a_dash_and_its_reason() -> None:
    found = {
        "wattui": {ROW: [Marked(1.01, 1.0, 0.02)]},
        "Zeus": {ROW: [Marked(0.0, 1.0)]},
    }
    made = short.table(found, ["pyJoules: –: it failed."], (0.1, 0.2, 0.3), (1.0, 1.0, 1.0))
    (row,) = made.rows
    cells = dict(zip(made.headings, row, strict=False))
    assert cells["wattui"] == "1"
    assert row[3] == "100 %"
    assert cells["pyJoules"] == cells["Zeus"] == "–"
    notes = " ".join(made.notes)
    assert "Zeus, 3 ms on a CPU (RAPL), steady power: –, as it gave 0 J" in notes
    assert "pyJoules: –: it failed." in notes
    assert "Load before 0.10 0.20 0.30, after 1.00 1.00 1.00." in notes


def test_blocks_that_the_machine_drew_out_are_counted() -> None:
    found = {"wattui": {ROW: [Marked(1.0, 1.0, 0.1, 1.05), Marked(1.0, 1.0, 0.1, 1.5)]}}
    assert any(note.startswith("1 of 2 blocks took over 10 %") for note in short.table(found).notes)


@pytest.mark.parametrize("channel", [RAPL, GPU])
def test_every_length_comes_at_both_loads_and_the_quick_run_is_short(channel: str) -> None:
    asked = {
        (load, each.seconds)
        for load in short.LOADS
        for each in short.LENGTHS
        if each.channel == channel
    }
    found = short.blocks(channel)
    assert {(load, float(text)) for load, text, _ in (each[0].split() for each in found)} == asked
    assert all(0.75 <= each[2] / float(each[0].split()[1]) <= 1.25 for each in found)
    assert len({each[2] for each in found}) == len(found)
    assert sum(block[1] + block[2] for block in found) < 40
    assert sum(block[1] + block[2] for block in short.blocks(channel, short.QUICK)) < 6


def test_the_block_is_what_sets_the_power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drive, blocks, result = (tmp_path / name for name in ("drive", "blocks", "result"))
    make_drive(drive)
    blocks.write_text(
        json.dumps([("one", 0.0, 0.002, 20.0, 80.0), ("two", 0.0, 0.002, 20.0, 80.0)])
    )
    called = []
    tool = (called.append, lambda: {"package0": 1.0})
    monkeypatch.setitem(marking.TOOLS, "mine", lambda: tool)
    monkeypatch.setattr(marking, "WARM_UP_S", 0.0)
    monkeypatch.setenv("BENCH_T0_NS", "0")
    marking.main("mine", str(blocks), str(result), str(drive))
    found = json.loads(result.read_text())
    assert called[-2:] == ["one", "two"]
    curve = Driven(50.0, str(drive))
    for _, begin_ns, end_ns, joules in found:
        begin_s, end_s = begin_ns / 1e9, end_ns / 1e9
        assert curve.energy_j(end_s) - curve.energy_j(begin_s) == pytest.approx(
            80.0 * (end_s - begin_s), rel=1e-6
        )
        assert joules == {"package0": 1.0}
    between_s = (found[0][2] + found[1][1]) / 2e9
    assert curve.power_w(between_s) == 20.0
