"""Text from users in a run file: limited in length, and never like the recorder's own notes."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import recorders
from recorders.texts import MOST_BYTES, OwnNote, cut, users_note

# Notes that programs are meant to write.
FOR_PROGRAMS = {"difference", "part", "usage"}
ROOT = Path(recorders.__file__).parents[1]


@given(st.text(st.characters(exclude_categories=())), st.integers(0, 3000))
def test_a_text_is_kept_or_is_shorter_and_says_so(text: str, times: int) -> None:
    text *= times
    kept, whole = cut(text), text.encode(errors="backslashreplace")
    assert len(kept.encode(errors="backslashreplace")) <= MOST_BYTES
    if len(whole) <= MOST_BYTES:
        assert kept == text
    else:
        assert kept.endswith("…")
        assert whole.startswith(kept[:-1].encode(errors="backslashreplace"))
        assert len(kept.encode()) > MOST_BYTES - 8


@given(st.sampled_from(list(OwnNote)), st.text())
def test_no_users_note_begins_like_one_of_the_recorders(word: str, rest: str) -> None:
    written = users_note(f"{word} {rest}")
    assert written == f" {word} {rest}".rstrip()
    assert not users_note(f"x{word} {rest}").startswith(" ")


def test_every_note_of_the_recorders_own_is_known() -> None:
    """The source names each by its one constant; the documentation lists no other."""
    sources = [*(ROOT / "recorders").rglob("*.py"), *(ROOT / "wattui").rglob("*.py")]
    text = "\n".join(path.read_text() for path in sources)
    assert set(re.findall(r"\"(?:note:|\{NOTE\})([a-z_]{2,})", text)) == FOR_PROGRAMS
    listed = (ROOT / "docs" / "run-file.md").read_text()
    listed = listed.partition("Notes the recorder writes itself")[2].partition("A user's note")[0]
    words = {each.split()[0] for each in re.findall("`([a-z][^`]*)`", listed)}
    words -= {"cpu", "gpu", "in", "end"}  # no notes, but words about them
    assert len(words) > 15
    unknown = {word for word in words - FOR_PROGRAMS if not _is_known(word)}
    assert not unknown


def _is_known(word: str) -> bool:
    return any(note.split()[0] == word.rstrip(":") for note in OwnNote)
