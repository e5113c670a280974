"""Headless messages while it records."""

from __future__ import annotations

import pytest

from wattui.capture import progress
from wattui.capture.progress import Progress


@pytest.mark.parametrize("quiet", [False, True])
def test_a_repeated_phase_is_told_now_and_then_and_at_its_end(
    quiet: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now_s = 100.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now_s)
    shown = Progress(quiet)
    for after_s, text, is_last in (
        (0.3, "a: ± 9 %, about 8 s more for 1 %", False),
        (0.6, "a: ± 5 %, about 6 s more for 1 %", False),
        (2.4, "a: ± 3 %, about 4 s more for 1 %", False),
        (3.1, "a: ± 0.9 % after 3.1 s", True),
    ):
        now_s = 100 + after_s
        shown.repeat(text, is_last)
    said = capsys.readouterr().err.splitlines()
    assert (
        said == []
        if quiet
        else [
            "wattui: a: ± 9 %, about 8 s more for 1 %",
            "wattui: a: ± 3 %, about 4 s more for 1 %",
            "wattui: a: ± 0.9 % after 3.1 s",
        ]
    )
