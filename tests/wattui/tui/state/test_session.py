"""The recorder process as the dashboard sees it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from recorders.client import Config, RecorderError
from wattui.live.exporting import Exports
from wattui.tui.state import session
from wattui.tui.state.session import Session


class FakeClient:
    """A recorder that is ready at once and says nothing."""

    def __init__(self, config: Config, on_message: object, process: object = None) -> None:
        self.config = config

    def wait_ready(self) -> dict[str, Any]:
        return {"directory": "/run/wattui-1", "columns": [], "sources": [], "missing": []}

    def request(self, **message: Any) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


class FakeExports:
    """Keeps what happens to exporters, in order."""

    def __init__(self) -> None:
        self.happened: list[str] = []

    def start(self, directory: str, stderr: int | None = None) -> FakeExports:
        self.happened.append(f"start {directory}")
        return self

    def notices(self) -> list[str]:
        return ["connection refused"]

    def leave(self) -> None:
        self.happened.append("leave")


def test_each_recorder_is_exported_and_the_screen_waits_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "Client", FakeClient)
    exports = FakeExports()
    made = Session(Config(csv=None), cast("Exports", exports)).wait_ready()
    assert made.notices() == ["connection refused"]
    made.lost = "signal 9"
    made.finish()
    assert exports.happened == ["start /run/wattui-1", "leave"]
    assert made.notices() == []


def test_a_mark_for_a_recorder_that_died_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Dead(FakeClient):
        def request(self, **message: Any) -> dict[str, Any]:
            raise RecorderError("died", "signal 9")

    monkeypatch.setattr(session, "Client", Dead)
    made = Session(Config(csv=None)).wait_ready()
    stopped = {"error": "the recorder stopped (signal 9); press r to restart"}
    assert made.request(do="mark", phase="running") == stopped
    assert made.request(do="mark", phase="idle") == stopped
    assert not made.is_silent
