"""Detecting from the recorder's pulse alone that nothing is being recorded."""

from __future__ import annotations

import os
from errno import EIO, ENOSPC
from typing import Any

import pytest

from wattui.tui.state.health import DISK_SILENT, SILENT, Health, alarm_text

S = 1_000_000_000


def pulse(
    at_s: float, saved: int | None, owed: int = 0, error: str | None = None
) -> dict[str, Any]:
    told = {"saved_bytes": saved, "owed_bytes": owed, "free_bytes": 10**9, "error": error}
    return {"t": "pulse", "at_ns": int(at_s * S), "sampling": None, **told}


def health(*pulses: dict[str, Any]) -> Health:
    made = Health(0)
    for each in pulses:
        made.take(each)
    return made


def test_all_is_well_for_a_second_after_each_pulse() -> None:
    made = health(pulse(0.5, 100))
    assert made.trouble(int(1.4 * S)) is None
    assert made.trouble(int(1.6 * S)) == SILENT


@pytest.mark.parametrize(("number", "said"), [(ENOSPC, "disk full"), (EIO, "input/output error")])
def test_a_write_that_failed_is_told_in_words_with_the_last_good_moment(
    number: int, said: str
) -> None:
    made = health(pulse(0.5, 100), pulse(1.0, 100, 50, os.strerror(number)))
    assert made.trouble(int(1.1 * S)) == said
    assert made.well_s_ago(int(1.1 * S)) == pytest.approx(0.6)


def test_a_disk_that_takes_nothing_is_told_and_one_that_has_nothing_to_take_is_not() -> None:
    still = [pulse(n / 2, 100, owed=50) for n in range(1, 5)]
    assert health(*still).trouble(2 * S) == DISK_SILENT
    assert health(*still, pulse(2.5, 150)).trouble(int(2.6 * S)) is None
    assert health(*(pulse(n / 2, 100) for n in range(1, 9))).trouble(4 * S) is None


def test_without_a_file_only_the_recorder_counts() -> None:
    made = health(*(pulse(n / 2, None) for n in range(1, 9)))
    assert made.trouble(4 * S) is None
    assert made.disk is None


def test_the_line_says_since_when() -> None:
    assert alarm_text("disk full", 0.0, True).startswith("Not recording since ")
    assert alarm_text("disk full", 0.0, False).startswith("No readings since ")
