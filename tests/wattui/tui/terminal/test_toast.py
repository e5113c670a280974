"""Toasts: what a screen that opens does with one whose time is almost over."""

from __future__ import annotations

from typing import Any

import pytest

from wattui.tui.terminal.app import TerminalApp


@pytest.mark.parametrize(("late_s", "has_expired"), [(-0.01, False), (0.0001, True)])
def test_a_toast_has_time_left_while_a_new_screen_takes_it_over(
    monkeypatch: pytest.MonkeyPatch, late_s: float, has_expired: bool
) -> None:
    """Between asking whether it has expired and how long it lasts, it may expire; with a negative
    time the timer of its widget never ended, and the dashboard took no key any more."""
    posted: list[Any] = []
    app = TerminalApp()
    monkeypatch.setattr(app, "post_message", posted.append)
    app.notify("rec.csv saved", timeout=4)
    (toast,) = [each.notification for each in posted]
    monkeypatch.setattr("textual.notifications.time", lambda: toast.raised_at + 4 + late_s)
    assert toast.has_expired is has_expired
    assert toast.time_left > 0.05
