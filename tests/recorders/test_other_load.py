"""Which loads by other programs are noted, how often, and what is read from their notes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recorders.census import cleaned
from recorders.other_load import MOST_NOTES, Noticed, OtherLoad, noted_load
from recorders.texts import OwnNote

S_NS = 1_000_000_000
ANA, BOB, TRIFLE = "python of user ana", "ffmpeg of user bob", "sshd of user root"
BEGIN = f"{OwnNote.OTHER_LOAD} "


def texts(noticed: Noticed, by_who: dict[str, float], at_s: float = 0.0) -> list[str]:
    notes = noticed.notes("gpu0", by_who, round(at_s * S_NS))
    return [note.removeprefix(BEGIN) for note in notes]


def test_the_heaviest_are_noted_but_no_trifles() -> None:
    found = texts(Noticed(), {TRIFLE: 1.0, BOB: 8.0, ANA: 35.2})
    assert found == [f"gpu0 {ANA}: 35 %", f"gpu0 {BOB}: 8 %"]


def test_less_than_a_tenth_is_not_worth_a_note() -> None:
    assert texts(Noticed(), {ANA: 6.0, BOB: 4.0}) == []
    assert len(texts(Noticed(), {ANA: 6.0, BOB: 4.1})) == 2


def test_the_same_name_is_noted_again_after_ten_seconds() -> None:
    noticed = Noticed()
    counts = [len(texts(noticed, {ANA: 50.0}, at_s)) for at_s in (0, 2, 9.9, 10, 12, 20)]
    assert counts == [1, 0, 0, 1, 0, 1]


def test_a_program_that_changes_its_name_does_not_fill_the_file() -> None:
    noticed = Noticed()
    assert sum(len(texts(noticed, {f"name{n}": 90.0})) for n in range(2 * MOST_NOTES)) == MOST_NOTES


def test_it_is_said_in_words() -> None:
    assert OtherLoad("gpu0", ANA, 35.2).in_words == "python of user ana used 35 % of gpu0"
    assert OtherLoad("cpu", BOB, 12).in_words == "ffmpeg of user bob used 12 % of the processor"


@given(st.text(), st.floats(0, 100))
def test_a_note_reads_as_it_was_written_whatever_the_name(name: str, pct: float) -> None:
    load = OtherLoad("gpu1", f"{cleaned(name)} of user ana", round(pct))
    assert noted_load(load.note.removeprefix(BEGIN)) == load


@given(st.text())
def test_any_other_text_is_no_load(text: str) -> None:
    load = noted_load(text)
    assert load is None or load.pct >= 0
