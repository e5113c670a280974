"""Meters that send to an MQTT broker: what a message says, and a real broker (mosquitto)."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recorders.meters.meter import (
    Access,
    MeterError,
    Reader,
    Sample,
    SpecError,
    UnreadableError,
    checked,
)
from recorders.meters.pointer import parse_pointers
from recorders.meters.specs import parse_spec

paho = pytest.importorskip("paho.mqtt.publish", reason="no paho: pip install 'wattui[mqtt]'")
mqtt = pytest.importorskip("recorders.meters.mqtt")

LIMIT_S = 20.0
BROKER = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
needs_broker = pytest.mark.skipif(not BROKER, reason="no mosquitto: apt-get install mosquitto")
PASSWORD = {"WATTUI_METER_WALL_USER": "admin", "WATTUI_METER_WALL_PASSWORD": "hunter2"}


@pytest.mark.parametrize(
    ("fragment", "payload", "power_w", "energy_j"),
    [
        (None, b"103.2", 103.2, None),
        ("/ENERGY/Power", b'{"Time":"2026-11-01T10:00:00","ENERGY":{"Power":103}}', 103, None),
        ("/power", b'{"state":"ON","power":63.4,"energy":1.2}', 63.4, None),
        ("/apower&J=/aenergy/total*3600", b'{"apower":5,"aenergy":{"total":2.5}}', 5, 9000),
        ("*0.001", b"5000", 5, None),
    ],
)
def test_a_message_is_a_reading(
    fragment: str | None, payload: bytes, power_w: float, energy_j: float | None
) -> None:
    pointers = parse_pointers(fragment) if fragment else None
    assert mqtt.message_sample(payload, pointers, 7) == Sample(7, power_w, energy_j)


@pytest.mark.parametrize("payload", [b"", b"unavailable", b"NaN", b"\xff\xfe", b"12 kWh", b"{}"])
def test_a_message_without_a_power_is_refused(payload: bytes) -> None:
    for pointers in (None, parse_pointers("/power")):
        with pytest.raises(UnreadableError):
            mqtt.message_sample(payload, pointers, 7)


@given(st.binary(max_size=100), st.sampled_from([None, "/power", "", "/a/0*1e3"]))
def test_any_message_is_a_possible_power_or_a_refusal(payload: bytes, text: str | None) -> None:
    try:
        found = mqtt.message_sample(payload, None if text is None else parse_pointers(text), 7)
        assert 0 <= (checked(found).power_w or 0) <= 50_000
    except UnreadableError:
        return


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mqtt://broker", "'' is not a topic: fix: mqtt://HOST/TOPIC#/json/pointer"),
        ("mqtt://broker/tele/+/SENSOR#/p", "matches several topics: fix: name one"),
        ("mqtt:///tele/plug", "is not the name or address of a host"),
        ("mqtt://broker:99999/tele/plug", "is not an address"),
        ("mqtts://me:hunter2@broker/tele/plug", "set WATTUI_METER_NAME_USER"),
        ("mqtt://broker/tele/plug#power", "pointer 'power' does not begin with /"),
    ],
)
def test_a_spec_that_cannot_be_read_is_refused(text: str, words: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse_spec(text)
    assert words in str(refused.value)
    assert "hunter2" not in str(refused.value)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def broker(folder: Path, port: int, more: str = "allow_anonymous true") -> Iterator[None]:
    """A mosquitto on a port of the loopback."""
    assert BROKER
    conf = folder / "mosquitto.conf"
    conf.write_text(f"listener {port} 127.0.0.1\n{more}\n")
    process = subprocess.Popen([BROKER, "-c", str(conf)], stderr=subprocess.DEVNULL)
    try:
        until_s = time.monotonic() + LIMIT_S
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < until_s
            time.sleep(0.01)
        yield
    finally:
        process.terminate()
        process.wait(LIMIT_S)


def send(port: int, payload: bytes, retain: bool = False) -> None:
    paho.single("tele/plug", payload, qos=1, retain=retain, hostname="127.0.0.1", port=port)


def until(reads: Callable[[], Sequence[Sample]]) -> Sequence[Sample]:
    """The first readings."""
    until_s = time.monotonic() + LIMIT_S
    while not (found := reads()):
        assert time.monotonic() < until_s
    return found


def until_lost(reader: Reader) -> None:
    """Read until the meter is lost. Raises MeterError."""
    until_s = time.monotonic() + LIMIT_S
    while time.monotonic() < until_s:
        with contextlib.suppress(UnreadableError):
            for sample in reader.read():
                checked(sample)


@needs_broker
def test_a_topic_is_read_until_its_broker_is_lost(tmp_path: Path) -> None:
    port = free_port()
    reader = None
    with broker(tmp_path, port):
        send(port, b'{"power": 900}', retain=True)
        reader = parse_spec(f"mqtt://127.0.0.1:{port}/tele/plug#/power").open(Access("wall"))
        with pytest.raises(UnreadableError, match="was retained, from an unknown time"):
            until(reader.read)
        with pytest.raises(UnreadableError, match="no message on topic tele/plug"):
            until(reader.read)
        before_ns = time.monotonic_ns()
        send(port, b'{"power": 103.5}')
        (sample,) = until(reader.read)
        assert sample.power_w == 103.5
        assert before_ns < sample.time_ns <= time.monotonic_ns()
        send(port, b"{" + b" " * 2**20)
        with pytest.raises(MeterError, match="longer than 1,048,576 bytes"):
            until(reader.read)
        reader.close()
        reader = parse_spec(f"mqtt://127.0.0.1:{port}/tele/plug").open(Access("wall"))
    with pytest.raises(MeterError, match=re.escape(f"mqtt://127.0.0.1:{port}: ")):
        until_lost(reader)
    reader.close()
    with pytest.raises(MeterError, match="Connection refused"):
        parse_spec(f"mqtt://127.0.0.1:{port}/tele/plug").open(Access("wall"))


@needs_broker
def test_a_password_is_sent_and_asked_for_by_its_variables(tmp_path: Path) -> None:
    # As mosquitto_passwd writes it (PBKDF2 with SHA-512): admin, hunter2.
    (tmp_path / "passwords").write_text(
        "admin:$7$101$W5yAWD6qj/L+D/IA$6KnvyRRSPe+ZzkXabDyUeobEVpV91BjzvDNHJhk9UMgrX2Ns5Qbbj1h4+vic6r2+"
        "4cqhGOXBrHseFI8rknXe3w==\n"
    )
    (tmp_path / "passwords").chmod(0o644)
    tmp_path.chmod(0o755)
    port = free_port()
    rules = f"allow_anonymous false\npassword_file {tmp_path / 'passwords'}\nuser root"
    with broker(tmp_path, port, rules):
        spec = parse_spec(f"mqtt://127.0.0.1:{port}/tele/plug")
        with pytest.raises(MeterError, match="fix: set WATTUI_METER_WALL_USER and"):
            spec.open(Access("wall"))
        spec.open(Access("wall", PASSWORD)).close()


def test_a_port_that_accepts_and_says_nothing_is_left_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mqtt, "DEADLINE_S", 0.3)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        port = mute.getsockname()[1]
        for kind in ("mqtt", "mqtts"):
            with pytest.raises(MeterError, match=r"does not answer in 0\.3 s"):
                parse_spec(f"{kind}://127.0.0.1:{port}/tele/plug").open(Access("wall"))


# A broker's answers to a connection and a subscription.
WELCOME = b"\x20\x02\x00\x00\x90\x03\x00\x01\x00"
MESSAGE = b"\x30\x06\x00\x01t103"


@given(st.sampled_from([b"", WELCOME, WELCOME + MESSAGE]), st.binary(max_size=60))
@example(WELCOME, b"\x30\x00")
@example(WELCOME, b"\x30\x02\xff\xff")
@example(WELCOME, b"\x90\x01\x00")
def test_any_bytes_of_a_broker_end_in_a_lost_meter(begin: bytes, more: bytes) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def serve() -> None:
            line, _ = server.accept()
            with line:
                line.sendall(begin + more)

        thread = threading.Thread(target=serve)
        thread.start()
        spec = parse_spec(f"mqtt://127.0.0.1:{server.getsockname()[1]}/t")
        try:
            with pytest.raises(MeterError):
                until_lost(spec.open(Access("wall")))
        finally:
            thread.join(LIMIT_S)
