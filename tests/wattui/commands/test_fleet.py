"""What `wattui fleet` says."""

from __future__ import annotations

from pathlib import Path

from wattui.commands.fleet import beginning

RUN = Path("/shared/my run=ray-1")


def test_who_sits_at_a_terminal_is_told_how_to_watch() -> None:
    assert beginning(3, RUN, is_watched=True) == [
        "recording 3 nodes into /shared/my run=ray-1",
        "to watch it: wattui --replay '/shared/my run=ray-1/'",
    ]


def test_a_log_is_not() -> None:
    assert beginning(1, RUN, is_watched=False) == ["recording 1 node into /shared/my run=ray-1"]
