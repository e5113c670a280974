"""A recorder that answers, for programs that mark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.mark_recorder import Recorder
from wattui import marks


@pytest.fixture(autouse=True)
def _unattached(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(marks.ENVIRONMENT, raising=False)
    monkeypatch.setattr(marks, "_numbers", {marks.INFERENCES: 0})
    marks.detach()
    yield
    marks.detach()


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    with TemporaryDirectory() as directory:
        recorder = Recorder(Path(directory))
        monkeypatch.setenv(marks.ENVIRONMENT, directory)
        yield recorder
        marks.detach()
        recorder.close()
