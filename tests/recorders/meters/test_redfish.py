"""Management controllers by Redfish: where they show their power, and whom they show it to."""

from __future__ import annotations

import base64
import json
import re
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.meters.meter import Access, MeterError, Sample, SpecError, UnreadableError, checked
from recorders.meters.redfish import control_w
from recorders.meters.specs import parse_spec
from tests.support.meters import Plug, plug

PASSWORD = {"WATTUI_METER_BMC_USER": "root", "WATTUI_METER_BMC_PASSWORD": "hunter2"}
BASIC = "Basic " + base64.b64encode(b"root:hunter2").decode()
V1 = "/redfish/v1/Chassis"
Pages = dict[str, Any]


def link(path: str) -> dict[str, str]:
    return {"@odata.id": path}


def server(*names: str, **chassis: Any) -> Pages:
    """The pages of a BMC whose chassis refer to these."""
    pages: Pages = {V1: {"Members": [link(f"{V1}/{name}") for name in names]}}
    for name in names:
        pages[f"{V1}/{name}"] = {part: link(f"{V1}/{name}/{part}") for part in chassis}
        pages |= {f"{V1}/{name}/{part}": page for part, page in chassis.items()}
    return pages


ENVIRONMENT = {"PowerWatts": {"Reading": 374.5}, "EnergykWh": {"Reading": 38.126}}
LEGACY = {"PowerControl": [{"MemberId": "0", "PowerConsumedWatts": 344}]}
NEW = server("1", EnvironmentMetrics=ENVIRONMENT, Power=LEGACY)
OLD = server("Self", Power=LEGACY)
EMPTY = server("1", EnvironmentMetrics={"PowerWatts": {"Reading": None}}, Power=LEGACY)
SUPPLIES = server("1", PowerSubsystem={"PowerSupplies": link(f"{V1}/1/P")}) | {
    f"{V1}/1/P": {"Members": [link(f"{V1}/1/P/{i}") for i in range(3)]},
    f"{V1}/1/P/0": {"Metrics": link(f"{V1}/1/P/0/M"), "Status": {"State": "Enabled"}},
    f"{V1}/1/P/1": {"Metrics": link(f"{V1}/1/P/1/M")},
    f"{V1}/1/P/2": {"Status": {"State": "Absent"}},
    f"{V1}/1/P/0/M": {"InputPowerWatts": {"Reading": 180.5}},
    f"{V1}/1/P/1/M": {"InputPowerWatts": {"Reading": 190}},
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with `ca.pem`, and with `bmc.pem` and `bmc.key` for the loopback."""
    if not (openssl := shutil.which("openssl")):
        pytest.skip("no openssl: apt-get install openssl")
    folder = tmp_path_factory.mktemp("authority")
    made = [openssl, "req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"]
    made += ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
    ca = ["-subj", "/CN=lab", "-addext", "keyUsage=critical,keyCertSign"]
    # Python 3.13 and later are strict about what a certificate says of itself.
    own = ["-subj", "/CN=bmc", "-addext", "subjectAltName=IP:127.0.0.1", "-CA", "ca.pem"]
    own += ["-addext", "keyUsage=critical,digitalSignature", "-addext", "basicConstraints=CA:false"]
    for options in (
        [*ca, "-keyout", "ca.key", "-out", "ca.pem"],
        [*own, "-CAkey", "ca.key", "-keyout", "bmc.key", "-out", "bmc.pem"],
    ):
        subprocess.run([*made, *options], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def bmc(authority: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plug]:
    """A BMC that trusts the password, and whose authority is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "bmc.pem", authority / "bmc.key")
    with plug(context) as found:
        yield found


def serve(bmc: Plug, pages: Mapping[str, Any]) -> None:
    def answer(path: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        if headers.get("Authorization") != BASIC:
            return 401, {"WWW-Authenticate": 'Basic realm="bmc"'}, b""
        if path not in pages:
            return 404, {}, b"{}"
        return 200, {}, json.dumps(pages[path]).encode()

    bmc.answer = answer


def read(bmc: Plug, chassis: str = "", environ: Mapping[str, str] = PASSWORD) -> Sample:
    reader = parse_spec(f"redfish:{bmc.host}{chassis}").open(Access("bmc", environ))
    reader.read()
    (sample,) = reader.read()
    return checked(sample)


@pytest.mark.parametrize(
    ("pages", "chassis", "power_w"),
    [
        (NEW, "", 374.5),
        (OLD, "", 344),
        (OLD, "/Self", 344),
        (EMPTY, "", 344),
        (SUPPLIES, "", 370.5),
        (server("1", EnvironmentMetrics={"PowerWatts": {"Reading": 0}}, Power=LEGACY), "", 344),
        (server("1", "2", Power=LEGACY), "/2", 344),
    ],
)
def test_the_power_is_found_where_the_bmc_shows_it(
    bmc: Plug, pages: Pages, chassis: str, power_w: float
) -> None:
    serve(bmc, pages)
    assert read(bmc, chassis).power_w == power_w


def test_the_authorities_are_read_once(bmc: Plug, monkeypatch: pytest.MonkeyPatch) -> None:
    made = ssl.create_default_context()
    contexts = iter([made])
    monkeypatch.setattr(ssl, "create_default_context", lambda: next(contexts))
    serve(bmc, NEW)
    assert read(bmc).power_w == 374.5


def test_once_found_only_the_power_is_asked_for(bmc: Plug) -> None:
    serve(bmc, OLD)
    reader = parse_spec(f"redfish:{bmc.host}").open(Access("bmc", PASSWORD))
    reader.read()
    asked = len(bmc.asked)
    reader.read()
    assert [path for path, _ in bmc.asked[asked:]] == [f"{V1}/Self/Power"]


@pytest.mark.parametrize(
    ("pages", "chassis", "words"),
    [
        (
            server("1", "HGX", Power=LEGACY),
            "",
            "2 chassis: fix: name one, as in redfish:127.0.0.1:",
        ),
        (server(), "", "has no chassis"),
        (OLD, "/2", "/redfish/v1/Chassis/2 answers 404"),
        (server("1", Power={"PowerControl": [{"PowerConsumedWatts": 0}]}), "", "shows 0 W"),
        (server("1", Power={"PowerControl": []}), "", "it has no power control"),
        ({V1: {"Members": [link("http://169.254.169.254/")]}}, "", "which is not Redfish"),
        ({V1: {"Members": 5}}, "", "is not a collection"),
    ],
)
def test_a_bmc_without_a_power_says_why(bmc: Plug, pages: Pages, chassis: str, words: str) -> None:
    serve(bmc, pages)
    with pytest.raises((MeterError, UnreadableError), match=re.escape(words)):
        read(bmc, chassis)


def test_a_supply_without_a_reading_makes_the_power_unknown(bmc: Plug) -> None:
    serve(bmc, SUPPLIES | {f"{V1}/1/P/1/M": {"InputPowerWatts": {"Reading": None}}})
    with pytest.raises(MeterError, match="null is not a number"):
        read(bmc)


def test_a_password_is_asked_for_and_sent_to_a_trusted_bmc_only(
    bmc: Plug, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(bmc, NEW)
    with pytest.raises(MeterError, match="fix: set WATTUI_METER_BMC_USER and"):
        read(bmc, environ={})
    bmc.asked.clear()
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(MeterError, match=r"certificate.*: fix: export SSL_CERT_FILE=CA\.pem"):
        read(bmc)
    assert bmc.asked == []


@pytest.mark.parametrize(
    ("controls", "power_w"),
    [
        ([{"PowerConsumedWatts": 344}], 344),
        ([{"PowerConsumedWatts": 344}, {"PowerConsumedWatts": 120}, {"Name": "memory"}], 344),
        ([{"PowerConsumedWatts": 200}, {"PowerConsumedWatts": 210}], None),
        ([{"PowerConsumedWatts": None}], None),
    ],
)
def test_power_controls_that_overlap_are_not_added_up(
    controls: list[Any], power_w: float | None
) -> None:
    found: Callable[[], float] = lambda: control_w({"PowerControl": controls})  # noqa: E731
    if power_w is None:
        with pytest.raises(UnreadableError):
            found()
    else:
        assert found() == power_w


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("redfish:http://bmc", "is read by https only: fix: redfish:HOST[/CHASSIS]"),
        ("redfish:bmc/a/b", "'a/b' is not the name of a chassis"),
        ("redfish:root:hunter2@bmc/1", "set WATTUI_METER_NAME_USER"),
    ],
)
def test_a_spec_that_cannot_be_read_is_refused(text: str, words: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse_spec(text)
    assert words in str(refused.value)
    assert "hunter2" not in str(refused.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["PowerControl", "PowerConsumedWatts"]), inner)
    ),
    max_leaves=12,
)


@given(
    JSON
    | st.lists(st.fixed_dictionaries({"PowerConsumedWatts": JSON})).map(
        lambda found: {"PowerControl": found}
    )
)
def test_any_document_gives_a_possible_power_or_a_refusal(document: Any) -> None:
    try:
        found = checked(Sample(1, control_w(document))).power_w
    except UnreadableError:
        return
    assert found is not None
    assert 0 <= found <= 50_000
