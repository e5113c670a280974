"""JSON as it is written: the same data, a line for each item of a long list."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from recorders.json_text import LONG, json_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_it_is_what_the_standard_library_writes(value: object) -> None:
    assert json_text(value) == json.dumps(value, indent=1)


def test_a_long_list_has_an_item_a_line() -> None:
    value = {"phases": [{"phase": "running", "energy_j": {"total": 1.5}}] * (LONG + 1)}
    text = json_text(value)
    assert json.loads(text) == value
    assert len(text.splitlines()) == LONG + 5
