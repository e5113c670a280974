"""Meters over HTTP: plugs on the loopback, and hosts that misbehave."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.meters.meter import (
    Access,
    MeterError,
    Sample,
    UnreadableError,
    checked,
)
from recorders.meters.plugs import home_assistant_sample
from recorders.meters.pointer import parse_json, parse_pointer
from recorders.meters.specs import parse_spec
from recorders.meters.web import Answer, Web, digest, parse_address
from tests.support.meters import Plug, plug

# NVIDIA/TensorRT-LLM pull request 11855, `get_energy_metrics` in serve/openai_server.py.
TRTLLM = {"total_energy_j": 1234.5678, "query_time": 99.5}
GEN1 = {"meters": [{"power": 103.25, "is_valid": True, "timestamp": 0, "total": 23389}]}
GEN2 = {"id": 0, "apower": 103.2, "aenergy": {"total": 1234.567, "by_minute": [0, 0, 0]}}
TASMOTA = {"StatusSNS": {"Time": "2026-11-01T10:00:00", "ENERGY": {"Total": 3.185, "Power": 103}}}
PASSWORD = {"WATTUI_METER_WALL_USER": "admin", "WATTUI_METER_WALL_PASSWORD": "hunter2"}


@pytest.fixture
def device() -> Iterator[Plug]:
    with plug() as found:
        yield found


def read(spec: str, environ: Mapping[str, str] | None = None) -> Sample:
    (sample,) = parse_spec(spec).open(Access("wall", environ or {})).read()
    return checked(sample)


def answers(device: Plug, document: Any) -> None:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    device.answer = lambda path, headers: (200, {}, body)


@pytest.mark.parametrize(
    ("profile", "document", "path", "power_w", "energy_j"),
    [
        ("shelly1:{}", GEN1, "/status", 103.25, None),
        ("shelly2:{}", GEN2, "/rpc/Switch.GetStatus?id=0", 103.2, 1234.567 * 3600),
        ("shelly2:{}/pm1:1", GEN2, "/rpc/PM1.GetStatus?id=1", 103.2, 1234.567 * 3600),
        ("shelly2:{}/em:0", {"total_act_power": 940.5}, "/rpc/EM.GetStatus?id=0", 940.5, None),
        ("tasmota:{}", TASMOTA, "/cm?cmnd=Status%208", 103.0, None),
        ("http://{}/a#/list/1/p*0.001", {"list": [0, {"p": 5000}]}, "/a", 5.0, None),
        (
            "http://{}/energy_metrics#J=/total_energy_j",
            TRTLLM,
            "/energy_metrics",
            None,
            1234.5678,
        ),
        ("http://{}/a#/p&J=/e*3.6e6", {"p": "5.5", "e": 0.002}, "/a", 5.5, 7200.0),
    ],
)
def test_a_profile_reads_its_device(
    device: Plug,
    profile: str,
    document: Any,
    path: str,
    power_w: float | None,
    energy_j: float | None,
) -> None:
    answers(device, document)
    sample = read(profile.format(device.host))
    assert device.asked[0][0] == path
    assert sample.power_w == (None if power_w is None else pytest.approx(power_w))
    assert sample.energy_j == (None if energy_j is None else pytest.approx(energy_j, rel=1e-12))


@pytest.mark.parametrize(
    ("profile", "document", "words"),
    [
        ("shelly1:{}", {"meters": [{"power": 0, "is_valid": False}]}, "is not valid"),
        ("shelly2:{}", {"code": 404, "message": "no handler"}, "has no /apower"),
        ("shelly2:{}", {"apower": -63.1, "aenergy": {"total": 1}}, "-63.1 W, outside the range"),
        ("shelly2:{}", {"apower": None, "aenergy": {"total": 1}}, "null is not a number"),
        ("shelly2:{}", b'{"apower": NaN, "aenergy": {"total": 1}}', "is not JSON"),
        ("shelly2:{}", b'{"apower": 1e309, "aenergy": {"total": 1}}', "inf W, outside the range"),
        ("shelly2:{}", {"apower": True, "aenergy": {"total": 1}}, "true is not a number"),
        ("shelly2:{}", b"<html>", "is not JSON: '<html>'"),
        ("shelly2:{}", b"[" * 100_000, "is not JSON"),
        ("tasmota:{}", {"StatusSNS": {"ENERGY": {"Power": [1, 2]}}}, "has 2 channels: fix"),
        ("tasmota:{}", {"Command": "Unknown"}, "has no /StatusSNS/ENERGY"),
    ],
)
def test_an_answer_without_a_possible_number_is_refused(
    device: Plug, profile: str, document: Any, words: str
) -> None:
    answers(device, document)
    with pytest.raises(UnreadableError, match=re.escape(words)):
        read(profile.format(device.host))


def test_one_of_several_channels_can_be_named(device: Plug) -> None:
    answers(device, {"StatusSNS": {"ENERGY": {"Power": [10, 20]}}})
    assert read(f"tasmota:{device.host}/2").power_w == 20


def test_a_redirect_to_another_host_is_refused(device: Plug) -> None:
    device.answer = lambda path, headers: (302, {"Location": "http://169.254.169.254/secret"}, b"")
    with pytest.raises(MeterError, match=r"to another host, 169\.254\.169\.254:80: refused"):
        read(f"http://{device.host}/#/p")
    device.answer = lambda path, headers: (302, {"Location": "file:///etc/passwd"}, b"")
    with pytest.raises(MeterError, match="redirects"):
        read(f"http://{device.host}/#/p")


def test_a_redirect_on_the_same_host_is_followed_but_not_for_ever(device: Plug) -> None:
    device.answer = lambda path, headers: (
        (302, {"Location": "/there"}, b"") if path == "/" else (200, {}, b'{"p": 4}')
    )
    assert read(f"http://{device.host}/#/p").power_w == 4
    device.answer = lambda path, headers: (302, {"Location": "/"}, b"")
    with pytest.raises(MeterError, match="again and again"):
        read(f"http://{device.host}/#/p")


def test_no_proxy_of_the_environment_is_used(device: Plug, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    answers(device, {"p": 4})
    assert read(f"http://{device.host}/#/p").power_w == 4


def test_a_body_of_100_megabytes_is_not_taken_in(device: Plug) -> None:
    device.answer = lambda path, headers: (200, {}, b" " * 100_000_000)
    with pytest.raises(MeterError, match="longer than 1,048,576 bytes"):
        read(f"http://{device.host}/#/p")


@pytest.mark.parametrize("body", [b"zz\r\n{}", b"5\r\n{}", b"-5\r\n{}\r\n", b"ffffffffffffff\r\n"])
def test_chunked_garbage_is_a_lost_meter(device: Plug, body: bytes) -> None:
    device.answer = lambda path, headers: (200, {"Transfer-Encoding": "chunked"}, body)
    with pytest.raises(MeterError):
        read(f"http://{device.host}/#/p")


def test_a_body_shorter_than_it_says_is_a_lost_meter(device: Plug) -> None:
    device.answer = lambda path, headers: (200, {"Content-Length": "90"}, b'{"p": 4}')
    with pytest.raises(MeterError):
        read(f"http://{device.host}/#/p")


def test_a_host_that_is_not_there_says_so() -> None:
    with pytest.raises(MeterError, match="Connection refused"):
        read("shelly2:127.0.0.1:1")


def test_headers_that_trickle_in_are_left_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            line, _ = server.accept()
            with line, contextlib.suppress(OSError):
                line.sendall(b"HTTP/1.1 200 OK\r\n")
                for number in range(200):
                    line.sendall(b"X-Header: %d\r\n" % number)
                    time.sleep(0.05)

        threading.Thread(target=trickle, daemon=True).start()
        address = parse_address(f"http://127.0.0.1:{server.getsockname()[1]}/status")
        begun_s = time.monotonic()
        with pytest.raises(MeterError, match=r"does not answer in 0\.3 s"):
            Web(Access("wall"), deadline_s=0.3).get(address)
        assert time.monotonic() - begun_s < 5


def test_a_password_is_asked_for_by_the_names_of_its_variables(device: Plug) -> None:
    device.answer = lambda path, headers: (401, {"WWW-Authenticate": 'Basic realm="x"'}, b"")
    with pytest.raises(MeterError, match="fix: set WATTUI_METER_WALL_USER and"):
        read(f"shelly1:{device.host}")
    with pytest.raises(MeterError, match="refuses the user and password") as refused:
        read(f"shelly1:{device.host}", PASSWORD)
    assert "hunter2" not in str(refused.value)


def test_basic_and_bearer_are_sent_to_a_host_that_wants_them(device: Plug) -> None:
    def guarded(path: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        if headers.get("Authorization") in ("Basic YWRtaW46aHVudGVyMg==", "Bearer sesame"):
            return 200, {}, json.dumps(GEN1).encode()
        return 401, {"WWW-Authenticate": 'Basic realm="shelly"'}, b""

    device.answer = guarded
    assert read(f"shelly1:{device.host}", PASSWORD).power_w == 103.25
    assert "Authorization" not in device.asked[0][1]
    assert read(f"shelly1:{device.host}", {"WATTUI_METER_WALL_TOKEN": "sesame"}).power_w == 103.25


def test_a_file_has_credentials_unless_others_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("# of the plug\nuser = admin\npassword = 'hunter2'\n")
    path.chmod(0o600)
    access = Access("wall", {"WATTUI_METER_WALL_FILE": str(path)})
    found = [access.secret(what) for what in ("user", "password", "token")]
    assert found == ["admin", "hunter2", ""]
    path.chmod(0o640)
    with pytest.raises(MeterError, match=f"may be read by others: fix: chmod 600 {path}"):
        access.secret("password")


def test_a_token_with_a_line_break_is_refused_and_not_repeated() -> None:
    with pytest.raises(MeterError) as refused:
        Access("wall", {"WATTUI_METER_WALL_TOKEN": "sesame\nX: y"}).secret("token")
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_digest_is_answered_and_its_nonce_used_again(device: Plug, algorithm: str) -> None:
    hashed = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm]

    def guarded(path: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        given = dict(re.findall(r'(\w+)="?([^",]+)"?', headers.get("Authorization", "")))
        if given:
            secret = hashed(b"admin:shelly:hunter2").hexdigest()
            target = hashed(f"GET:{path}".encode()).hexdigest()
            parts = (secret, "60dc59c6", given["nc"], given["cnonce"], "auth", target)
            if given["response"] == hashed(":".join(parts).encode()).hexdigest():
                return 200, {}, json.dumps(GEN2).encode()
        asks = f'Digest qop="auth", realm="shelly", nonce="60dc59c6", algorithm={algorithm}'
        return 401, {"WWW-Authenticate": asks}, b""

    device.answer = guarded
    reader = parse_spec(f"shelly2:{device.host}").open(Access("wall", PASSWORD))
    for _ in range(3):
        assert reader.read()[0].power_w == 103.2
    assert len(device.asked) == 4


def test_the_digest_is_that_of_the_standard() -> None:
    """The example of RFC 7616, section 3.9.1."""
    given = {
        "realm": "http-auth@example.org",
        "qop": "auth, auth-int",
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    }
    own = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    for algorithm, response in (
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ):
        found = digest(
            "Mufasa", "Circle of Life", given | {"algorithm": algorithm}, "/dir/index.html", 1, own
        )
        assert f'response="{response}"' in found


def state(**changes: Any) -> dict[str, Any]:
    return {
        "state": "42.5",
        "attributes": {"unit_of_measurement": "W"},
        "last_updated": "1970-01-01T00:16:30+00:00",
        "last_reported": "1970-01-01T00:16:37.500000+00:00",
    } | changes


def sampled(document: Any, now_s: float = 1000.0, date: str = "") -> Sample:
    access = Access("wall", wall_s=lambda: now_s)
    return home_assistant_sample(document, Answer(b"", {"date": date}, 10**13), access)


def test_a_state_of_home_assistant_has_the_time_of_its_report() -> None:
    assert sampled(state()) == Sample(10**13 - 2_500_000_000, 42.5)
    assert sampled(state(attributes={"unit_of_measurement": "kW"})).power_w == 42_500
    # The host's clock is an hour behind ours.
    assert sampled(state(), 4600.0, "Thu, 01 Jan 1970 00:16:40 GMT").time_ns == 10**13 - 2.5e9


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (state(state="unavailable"), "state is unavailable"),
        (state(state="on"), "'on' is not a number"),
        (
            state(attributes={"unit_of_measurement": "kWh"}),
            "unit is kWh, not W: fix: use the power",
        ),
        (state(attributes={"unit_of_measurement": "VA"}), "unit is VA, not W"),
        (state(attributes=None), "unit is None, not W"),
        (state(last_reported="1970-01-01T00:10:00+00:00"), "was last reported 400 s ago"),
        (state(last_reported="yesterday"), "time 'yesterday' cannot be read"),
        ([], "is not the state of a sensor"),
    ],
)
def test_a_state_that_is_no_power_is_refused(document: Any, words: str) -> None:
    with pytest.raises(UnreadableError, match=re.escape(words)):
        sampled(document)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["state", "meters", "power", "0", "ENERGY"]), inner)
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from(["/", "/meters/0/power", "/0", "/state*1e3", "/ENERGY/0"]))
def test_any_document_gives_a_number_or_a_refusal(document: Any, pointer: str) -> None:
    try:
        found = checked(Sample(1, parse_pointer(pointer).value(document))).power_w
    except UnreadableError:
        return
    assert found is not None
    assert 0 <= found <= 50_000


@given(st.dictionaries(st.sampled_from([*state()]), JSON))
def test_any_state_is_a_sample_or_a_refusal(changes: dict[str, Any]) -> None:
    try:
        assert isinstance(checked(sampled(state(**changes))).power_w, float)
    except UnreadableError:
        return


@given(st.binary(max_size=300))
def test_any_bytes_are_a_document_or_a_refusal(data: bytes) -> None:
    try:
        parse_json(data)
    except UnreadableError:
        return
