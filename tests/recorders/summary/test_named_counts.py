"""Counts with names: each count belongs to one phase, and the file alone says to which."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.inbox import SHELL
from recorders.rows import whole_lines
from recorders.source import Channel
from recorders.summary.reduction import EventRow, Reduction
from recorders.summary.spans import Span, spans
from tests.support.doubles import ManualClock, Rig, ScriptedSource, constant_power
from tests.support.examples import examples
from wattui.marks.counts import Counts
from wattui.runs.reduce import reduce_csv

NAMES = {"inferences": 0, "tokens_out": 1, "tokens_in": 2}


def made_rig(folder: Path) -> Rig:
    clock = ManualClock()
    package = Channel("package0", "J", in_total=True)
    return Rig(folder, clock, [ScriptedSource(clock, {package: constant_power(50.0)})])


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return made_rig(tmp_path)


@dataclass
class Program:
    """A marking program, whose threads count in its page."""

    rig: Rig
    owner: int
    numbers: int = 0
    expected: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.counts = Counts(str(self.rig.path.parent / f"counts-{self.owner}"))
        self.open: list[tuple[int, object, Counter[str]]] = []
        page = Path(self.counts.path).name
        self.rig.at(0.01, owner=self.owner, do="hello", page=page, names=NAMES)

    def begin(self, at_s: float) -> None:
        self.numbers += 1
        cell = self.counts.take()
        place, inside = self.counts.place(cell), self.open[-1][0] if self.open else 0
        asked = {"phase": "running", "label": f"{self.owner}", "id": self.numbers, "in": inside}
        self.rig.at(at_s, owner=self.owner, do="begin", place=place, **asked)
        self.open.append((self.numbers, cell, Counter()))

    def count(self, at_s: float, name: str, n: int) -> None:
        def add() -> None:
            cell[NAMES[name]] += n  # type: ignore[index]

        _, cell, counted = self.open[-1]
        counted[name] += n
        self.expected[name] += n
        self.rig.when(at_s, add)

    def end(self, at_s: float) -> None:
        number, _, counted = self.open.pop()
        others = {name: n for name, n in counted.items() if name != "inferences"}
        self.rig.at(
            at_s, owner=self.owner, do="end", id=number, n=counted["inferences"], counts=others
        )


def counted_in(events: list[EventRow]) -> list[tuple[float, str, dict[str, int]]]:
    return [(row.time_s, row.event, row.every_count) for row in events]


def over_phases(reduction: Reduction) -> Counter[str]:
    """The counts of all phases that are in no other."""
    found: Counter[str] = Counter()
    for span in spans(reduction):
        if not span.inside:
            found.update({name: span.counted(name) or 0 for name in NAMES})
    return +found


STEPS = st.tuples(
    st.sampled_from([11, 12, 13]),
    st.sampled_from(["begin", "count", "count", "end"]),
    st.sampled_from(sorted(NAMES)),
    st.integers(1, 1000),
)


@examples(20)
@given(st.lists(STEPS, max_size=25), st.booleans())
def test_every_count_is_in_one_phase_in_both_reductions(
    steps: list[tuple[int, str, str, int]], dies: bool
) -> None:
    with TemporaryDirectory() as folder:
        rig = made_rig(Path(folder))
        programs = {owner: Program(rig, owner) for owner in (11, 12, 13)}
        at_s = 0.15
        for owner, step, name, n in steps:
            program, at_s = programs[owner], at_s + 0.2
            if step == "begin":
                program.begin(at_s)
            elif program.open and step == "count":
                program.count(at_s, name, n)
            elif program.open:
                program.end(at_s)
        for program in programs.values():
            while program.open and not dies:
                at_s += 0.2
                program.end(at_s)
            rig.at(at_s + 0.2, owner=program.owner, do="bye")
        rig.inbox.happenings.sort(key=lambda item: item[0])
        rows = rig.run(at_s + 0.5)
        expected: Counter[str] = Counter()
        for program in programs.values():
            expected.update(program.expected)
        own, again = rig.recorder.reduction, reduce_csv(rig.path)
        assert over_phases(own) == expected
        assert over_phases(again) == expected
        assert counted_in(own.events) == counted_in(again.events)[: len(own.events)]
        columns = {name: f"count_{name}" for name in NAMES} | {"inferences": "inferences"}
        assert expected == +Counter({n: int(rows[-1].get(c) or 0) for n, c in columns.items()})


def shell_counts(rig: Rig) -> list[dict[str, str]]:
    rig.at(0.1, owner=SHELL, do="mark", phase="running", label="b1")
    rig.at(0.25, owner=SHELL, do="count", n=32, of="tokens_out")
    rig.at(0.35, owner=SHELL, do="count", n=10, of="tokens_out")
    rig.at(0.4, owner=SHELL, do="mark", phase="idle")
    return rig.run(0.6)


def span(reduction: Reduction, phase: str) -> Span:
    return next(each for each in spans(reduction) if each.phase == phase)


def test_a_shell_counts_names_into_its_phase(rig: Rig) -> None:
    rows = shell_counts(rig)
    assert span(rig.recorder.reduction, "running").counts == {"tokens_out": 42}
    assert span(rig.recorder.reduction, "running").inferences is None
    assert span(rig.recorder.reduction, "idle").counts == {"tokens_out": 0}
    assert [row["count_tokens_out"] for row in rows if not row["event"]] == [
        *[""] * 3,
        *["32"],
        *["42"] * 3,
    ]


def test_a_count_without_a_program_is_known_from_its_first_row_on(rig: Rig) -> None:
    shell_counts(rig)
    again = reduce_csv(rig.path)
    assert again.events[0].counts == {}
    assert span(again, "running").counts == {"tokens_out": 42}


def test_a_row_for_the_front_end_has_its_named_counts_beside_inferences(rig: Rig) -> None:
    rig.recorder.send_rows(100.0)
    shell_counts(rig)
    rows = [message for message in rig.sent if message["t"] == "row"]
    assert rows[0]["inferences"] is None
    assert "counts" not in rows[0]
    assert rows[-1]["counts"] == {"tokens_out": 42}
    assert len(rows[-1]["cells"]) == rig.layout.width


def test_a_last_line_that_is_cut_has_no_half_a_count(rig: Rig) -> None:
    shell_counts(rig)
    text = rig.path.read_text()
    for cut in range(1, 4):
        rig.path.write_text(text[:-cut])
        remarks: list[str] = []
        assert reduce_csv(rig.path, remarks).events[-1].counts == {"tokens_out": 42}
        assert remarks == [f"{rig.path}: the last line was cut off: left out"]
    columns = text.splitlines()[0].split(",")
    lines = list(csv.reader(whole_lines(text[:-2].splitlines(keepends=True), columns)))
    assert len(lines) == len(text.splitlines()) - 1


def test_a_shells_wrong_count_is_a_line_in_the_file(rig: Rig) -> None:
    rig.at(0.1, owner=SHELL, do="count", n=1, of="Tokens")
    rows = rig.run(0.3)
    notes = [row["event"] for row in rows if row["event"].startswith("note:")]
    assert "note:refused count: 'Tokens' cannot be the name of a count" in notes[0]


def test_an_undone_mark_gives_its_counts_back(rig: Rig) -> None:
    rig.at(0.1, do="mark", phase="running")
    rig.at(0.2, do="count", n=5, of="requests")
    rig.at(0.3, do="mark", phase="idle")
    rig.at(0.4, do="count", n=7, of="requests")
    rig.at(0.5, do="undo")
    rig.run(0.7)
    assert span(rig.recorder.reduction, "running").counts == {"requests": 12}
    assert span(reduce_csv(rig.path), "running").counts == {"requests": 12}


@pytest.mark.parametrize("harm", ["truncated", "replaced"])
def test_a_file_that_another_program_harms_keeps_its_counts(rig: Rig, harm: str) -> None:
    rig.at(0.1, owner=SHELL, do="mark", phase="running")
    rig.at(0.3, owner=SHELL, do="count", n=32, of="tokens_out")
    rig.at(1.1, owner=SHELL, do="mark", phase="idle")

    def harming() -> None:
        if harm == "replaced":
            rig.path.unlink()
        rig.path.write_text("")

    rig.when(2.0, harming)
    rig.at(2.5, owner=SHELL, do="count", n=7, of="tokens_out")
    rig.run(3.0)
    recovered = reduce_csv(rig.path.with_name("run.recovered.csv"))
    assert span(recovered, "running").counts == {"tokens_out": 32}
    assert span(recovered, "idle").counts == {"tokens_out": 7}
    assert spans(recovered)[0].counts == spans(rig.recorder.reduction)[0].counts


def test_a_count_whose_column_does_not_fit_is_said_and_the_recording_goes_on(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    rig.at(0.1, owner=SHELL, do="mark", phase="running")
    rig.when(0.2, lambda: monkeypatch.setattr("recorders.runfile.os.replace", full))
    rig.at(0.3, owner=SHELL, do="count", n=32, of="tokens_out")
    rig.at(1.1, owner=SHELL, do="mark", phase="idle")
    rows = rig.run(2.0)
    said = "note:run_file the count tokens_out is not in the file: No space left on device"
    assert said in [row["event"] for row in rows]
    assert "count_tokens_out" not in rows[0]
    assert all(None not in row for row in rows)
    assert [row["phase"] for row in rows if row["event"] == "begin"] == ["running", "idle"]
    assert rows[-1]["package0_J"]
