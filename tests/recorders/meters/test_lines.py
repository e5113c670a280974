"""Lines of programs, serial ports and files."""

from __future__ import annotations

import contextlib
import os
import pty
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.meters.lines import Texts, line_w
from recorders.meters.meter import (
    Access,
    MeterError,
    Reader,
    Sample,
    UnreadableError,
    checked,
)
from recorders.meters.specs import parse_spec
from tests.support.doubles import ManualClock

LIMIT_S = 20.0


@pytest.mark.parametrize(
    ("line", "watts"),
    [
        ("103.2", 103.2),
        ("103.2 W", 103.2),
        ("950mW", 0.95),
        ("1.2 kW", 1200.0),
        ("5 2", 10.0),
        ("5.02 V, 0.5 A", 2.51),
        ("5.02;500 mA", 2.51),
        ("1e2", 100.0),
    ],
)
def test_a_line_is_watts_or_volts_and_amperes(line: str, watts: float) -> None:
    assert line_w(line) == pytest.approx(watts)


@pytest.mark.parametrize(
    "line", ["", "nan", "inf", "W", "12 kWh", "12 VA", "1 2 3", "1,5", "0x10", "1_000", "1.2.3"]
)
def test_anything_else_is_no_reading(line: str) -> None:
    with pytest.raises(UnreadableError):
        line_w(line)


@pytest.mark.parametrize("watts", [-1.0, float("inf"), 1e309, float("nan"), 60_000.0])
def test_an_impossible_power_is_no_reading(watts: float) -> None:
    with pytest.raises(UnreadableError, match="outside the range"):
        checked(Sample(1, watts))


@given(st.lists(st.binary(max_size=6000), max_size=8))
def test_any_bytes_give_possible_powers_or_a_refusal(pieces: list[bytes]) -> None:
    texts = Texts()
    for piece in pieces:
        try:
            for line in texts.feed(piece):
                watts = checked(Sample(1, line_w(line))).power_w
                assert watts is not None
                assert 0 <= watts <= 50_000
        except UnreadableError:
            continue


def runs_in(group: int) -> list[int]:
    """The processes of a group that still run."""
    found = []
    for each in psutil.process_iter(["status"]):
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(each.pid) == group and each.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(each.pid)
    return found


def first(reader: Reader) -> Sequence[Sample]:
    """The first readings that come."""
    until_s = time.monotonic() + LIMIT_S
    while not (found := reader.read()):
        assert time.monotonic() < until_s
    return found


def test_a_program_is_read_and_its_last_words_are_kept() -> None:
    code = (
        "import sys; print('5 2', flush=True); sys.stderr.write('cable came off\\n'); sys.exit(3)"
    )
    reader = parse_spec(f'exec:{sys.executable} -c "{code}"').open(Access("usb"))
    try:
        assert [sample.power_w for sample in first(reader)] == [10.0]
        with pytest.raises(MeterError, match="ended with status 3: cable came off"):
            first(reader)
    finally:
        reader.close()


def test_no_shell_is_between(tmp_path: Path) -> None:
    made = tmp_path / "made"
    reader = parse_spec(f"exec:echo 7; touch {made}").open(Access("usb"))
    with pytest.raises(UnreadableError, match="7; touch"):
        first(reader)
    reader.close()
    assert not made.exists()


def test_a_closed_program_has_ended() -> None:
    reader = parse_spec("exec:sh -c 'trap \"\" TERM; echo 5; sleep 60'").open(Access("usb"))
    first(reader)
    group = reader._process.pid  # type: ignore[attr-defined]
    reader.close()
    until_s = time.monotonic() + LIMIT_S
    while runs_in(group):
        assert time.monotonic() < until_s
        time.sleep(0.01)


def test_a_serial_port_is_read_from_its_first_whole_line() -> None:
    device, port = pty.openpty()
    try:
        reader = parse_spec(f"serial:{os.ttyname(port)},9600").open(Access("usb"))
        os.write(device, b"03.2\r\n103.5\r\n")
        assert [sample.power_w for sample in first(reader)] == [103.5]
        reader.close()
    finally:
        os.close(device)
        os.close(port)


def test_a_file_that_is_written_no_longer_is_stale(tmp_path: Path) -> None:
    path = tmp_path / "watts"
    path.write_text("98500\n")
    clock, wall = ManualClock(), [path.stat().st_mtime]
    access = Access("ups", clock=clock.monotonic_ns, wall_s=lambda: wall[0])
    reader = parse_spec(f"file:{path}*0.001").open(access)
    assert reader.read() == [Sample(clock.now_ns, 98.5)]
    wall[0] += 31
    with pytest.raises(UnreadableError, match="was last written 31 s ago"):
        reader.read()
    path.unlink()
    with pytest.raises(MeterError, match="No such file"):
        reader.read()


def test_a_growing_log_is_followed_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("time,voltage,power_mW\n1,5,1000\n2,5,20")
    reader = parse_spec(f"csv:{path}#power_mW*0.001").open(Access("usb"))
    assert reader.read() == []
    with path.open("a") as file:
        file.write("00\n3,5,3000\n")
    assert [sample.power_w for sample in reader.read()] == [3.0]
    assert reader.read() == []
    path.write_text("time\n")
    with pytest.raises(MeterError, match="has become shorter"):
        reader.read()
    reader.close()


def test_a_log_without_the_column_says_which_it_has(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("time;watt\n")
    with pytest.raises(MeterError, match="has no column 'power', only time, watt"):
        parse_spec(f"csv:{path}#power").open(Access("usb"))


@given(st.binary(max_size=400), st.lists(st.binary(max_size=200), max_size=4))
def test_any_log_gives_possible_powers_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, pieces: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("log") / "log.csv"
    path.write_bytes(b"time,power\n" + head)
    try:
        reader = parse_spec(f"csv:{path}").open(Access("usb"))
    except MeterError:
        return
    for piece in pieces:
        with path.open("ab") as file:
            file.write(piece)
        try:
            for sample in reader.read():
                assert 0 <= (checked(sample).power_w or 0) <= 50_000
        except UnreadableError:
            continue
    reader.close()
