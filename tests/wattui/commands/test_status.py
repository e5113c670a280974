"""`wattui status`, from pages of recordings."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recorders import directory
from tests.support.pages import whole, write_page
from wattui.commands import status
from wattui.commands.status import NotRunningError
from wattui.live.snapshot import OWN_ARGV

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes the directory of a recorder that lives, or of one that was killed."""
    monkeypatch.setattr(directory, "places", lambda: [tmp_path])
    monkeypatch.delenv("WATTUI_RUN", raising=False)
    locks: list[int] = []

    def made(number: int = 1, killed: bool = False, age_s: float = 0.1, **changes: Any) -> Path:
        place, lock = directory.make([tmp_path / f"wattui-{number}-0000000{number}"])
        at_ns = time.monotonic_ns() - round(age_s * 1e9)
        write_page(place, whole(), **({"at_ns": at_ns, "start_monotonic_ns": number} | changes))
        if killed:
            os.close(lock)
        else:
            locks.append(lock)
        return place

    yield made
    for lock in locks:
        os.close(lock)


def run(*arguments: str) -> int:
    return status.main(status.parser().parse_args(arguments))


def test_it_shows_the_recording_that_runs(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    make()
    assert run() == 0
    assert capsys.readouterr().out == "cpu 42 W · gpu 311 W · running b32 · 0.83 J/inf\n"


def test_of_several_the_newest_is_shown_or_the_one_that_is_asked_for(
    make: Make, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = make(1, csv=str(tmp_path / "a.csv"), label="a")
    make(2, csv=str(tmp_path / "b.csv"), label="b")
    make(3, argv=OWN_ARGV, label="of another wattui status")
    make(4, killed=True, age_s=30.0, label="killed")
    assert run() == 0
    assert "running b ·" in (out := capsys.readouterr().out)
    assert out.endswith(" · +2 more\n")
    assert run(str(tmp_path / "a.csv")) == 0
    assert "running a ·" in capsys.readouterr().out
    monkeypatch.setenv("WATTUI_RUN", str(first))
    run()
    assert "running a ·" in capsys.readouterr().out


@pytest.mark.parametrize("option", [(), ("--follow",), ("--json",)])
def test_a_killed_recorder_is_never_shown_as_live(
    make: Make, capsys: pytest.CaptureFixture[str], option: tuple[str, ...]
) -> None:
    make(killed=True, age_s=30.0)
    assert run(*option) == 1
    out = capsys.readouterr().out
    assert "311" not in out
    assert "the recorder was killed 30 s ago" in out or not json.loads(out)["is_current"]


def test_a_recorder_that_hangs_is_said(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    make(age_s=12.0)
    assert run() == 1
    assert "process 4711) has not responded for 12 s" in capsys.readouterr().out


def test_without_a_recording_it_can_be_silent(
    make: Make, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    make(ended=True)
    make(2, killed=True, age_s=3600.0)
    assert run("--only-running") == 3
    assert capsys.readouterr().out == ""
    with pytest.raises(NotRunningError, match=r"no running recording writes to it"):
        run(str(tmp_path / "none.csv"))
    assert NotRunningError.status == 3


def test_following_ends_with_the_recording(
    make: Make, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make()

    def end(seconds: float) -> None:
        page = place / "live"
        opened = page.open("r+b")  # the same file, as the recorder rewrites it
        page.rename(place / "old")
        write_page(place, whole(), ended=True)
        with opened:
            opened.write((place / "live").read_bytes())

    monkeypatch.setattr(time, "sleep", end)
    assert run("--follow") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_following_a_recorder_that_is_killed_says_so(
    make: Make, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make()
    monkeypatch.setattr(time, "sleep", lambda seconds: directory.remove(place))
    assert run("--follow") == 1
    assert "the recorder was killed" in capsys.readouterr().out.splitlines()[-1]
