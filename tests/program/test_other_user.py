"""Another user of the machine can neither mark, count, read nor disturb a recording."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from recorders.marks import PIPE, SOCKET

from .other_user import as_other_user, needs_root
from .running import WATTUI, Place, until

pytestmark = needs_root


def test_the_directory_of_the_marks_is_for_its_user_alone(place: Place) -> None:
    told = place.path / "where"
    script = f'echo "$WATTUI_RUN" > {told}.part; mv {told}.part {told}; exec sleep 60'
    csv = place.path / "run.csv"
    argv = [*WATTUI, "--headless", "--csv", str(csv), "--idle", "0", "--", "sh", "-c", script]
    recording = place.start(argv)
    until(told.exists, "the command's word")
    marks = Path(told.read_text().strip())
    assert (marks / SOCKET).is_socket()

    def connect() -> None:
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(marks / SOCKET))

    refused = "PermissionError"
    assert as_other_user(lambda: os.listdir(marks)) == refused
    assert as_other_user(lambda: os.open(marks / PIPE, os.O_WRONLY | os.O_NONBLOCK)) == refused
    assert as_other_user(connect) == refused
    assert as_other_user(lambda: (marks / "page").write_bytes(b"")) == refused
    assert as_other_user(lambda: csv.open("a")) == refused
    assert as_other_user(lambda: csv.with_suffix(".json").open("a")) == refused
    recording.terminate()
    recording.wait(20)
    assert not [name for name in os.listdir(place.path) if name.startswith(".wattui-")]
