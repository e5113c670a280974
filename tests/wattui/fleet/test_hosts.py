"""A cluster on hosts that ssh reaches, with stand-ins for Ray and ssh."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wattui.commands import fleet
from wattui.errors import UsageError
from wattui.fleet import hosts

HOST = "127.0.0.2"
RAY = """\
#!/bin/sh
echo $$ >> {pids}
echo Ray runtime started
exec sleep 1000
"""
SSH = """\
#!/bin/sh
shift 5
exec sh -c "$*"
"""
NO_RAY = "#!/bin/sh\necho sh: ray: not found >&2\nexit 127\n"


def program(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def pids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where each Ray writes its process."""
    found = tmp_path / "pids"
    program(tmp_path / "here" / "ray", RAY.format(pids=found))
    program(tmp_path / "bin" / "ssh", SSH)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "here" / "python"))
    return found


def are_ended(pids: Path) -> bool:
    """Whether no Ray is left, within a few seconds."""
    until_s = time.monotonic() + 10.0
    started = [Path("/proc", pid) for pid in pids.read_text().split()]
    while any(each.exists() for each in started) and time.monotonic() < until_s:
        time.sleep(0.02)
    return len(started) == 2 and not any(each.exists() for each in started)


def test_no_process_of_ray_is_left(pids: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the recording itself holds signals back."""
    monkeypatch.setattr(hosts, "STOP_S", 2.0)

    @contextmanager
    def joined(*_: object) -> Iterator[None]:
        raise UsageError("no")
        yield

    monkeypatch.setattr(fleet, "joined", joined)
    options = fleet.parser().parse_args(["--hosts", HOST, "--csv", "shared/", "true"])
    with pytest.raises(UsageError, match="no"):
        fleet.main(options)
    assert are_ended(pids)


def test_why_ray_does_not_start_is_said_at_once(
    pids: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "ray", NO_RAY)
    there = SSH.replace('"$*"', f'"$(echo "$*" | sed s,{pids.parent}/here,{tmp_path},)"')
    program(tmp_path / "bin" / "ssh", there)
    monkeypatch.setattr(hosts, "START_S", 20.0)
    with (
        pytest.raises(UsageError, match=r"Ray on 127.0.0.2: sh: ray: not found"),
        hosts.started([HOST]),
    ):
        pass


@pytest.mark.parametrize("given", ["", ",", " , "])
def test_hosts_without_a_name_are_refused(given: str) -> None:
    options = fleet.parser().parse_args(["--hosts", given, "--csv", "shared/", "true"])
    with pytest.raises(UsageError, match="names no host"):
        fleet.main(options)
