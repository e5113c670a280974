"""The line with the first watts: written as soon as a row has some, gone before the screen."""

from __future__ import annotations

import io

import pytest

from recorders.client import RecorderError
from tests.support.fakes import COLUMNS, FakeSession, row
from wattui.tui.first_watts import ERASED, FirstWatts, line

LONG_S = 30.0


class Starting(FakeSession):
    """A recorder with rows, or one that cannot start."""

    error: RecorderError | None = None

    def wait_ready(self) -> None:
        if self.error:
            raise self.error

    def unread(self) -> list[object]:
        return list(self.coming)


def test_powers_are_summed_by_kind_and_estimates_named() -> None:
    columns = ["package0_W", "package1_W", "core0_W", "gpu0_util_pct", "est_cpu_W"]
    message = {**row(1.0, 0.0), "cells": ["40.0", "20.4", "30.0", "97.0", ""]}
    assert line(columns, [message]) == "cpu 60 W"
    message["cells"] = ["", "", "", "97.0", "7.32"]
    assert line(columns, [row(0.0, 0.0), message][1:]) == "cpu 7.3 W (estimated)"
    assert line(columns, []) == ""


def test_the_line_is_written_once_and_erased_and_the_rows_are_kept() -> None:
    session, output = Starting(), io.StringIO()
    session.coming = [row(0.1, 40.0), row(0.2, 44.0)]
    first = FirstWatts(session, output)  # type: ignore[arg-type]
    first.run()
    assert output.getvalue() == f"{ERASED} wattui  cpu 44 W  dram 4.4 W"
    first.join = lambda timeout=None: None  # type: ignore[method-assign]  it was never started
    first.end()
    assert output.getvalue().endswith(f"dram 4.4 W{ERASED}")
    assert len(session.poll()) == 2
    assert session.columns == COLUMNS


def test_a_recorder_that_cannot_start_is_told_at_the_end() -> None:
    session = Starting()
    session.error = RecorderError("died", "it stopped")
    first = FirstWatts(session, None)  # type: ignore[arg-type]
    first.start()
    first.join(LONG_S)
    with pytest.raises(RecorderError, match="it stopped"):
        first.end()
