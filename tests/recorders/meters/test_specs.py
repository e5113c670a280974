"""Specs of meters: what is understood, what is refused, and that no secret is shown."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.meters.meter import SpecError
from recorders.meters.specs import SCHEMES, parse_meter, parse_meters, parse_spec


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("wall=shely2:plug", "unknown kind 'shely2': fix: shelly2:HOST[/ID]"),
        ("wall=plug.local", "unknown kind 'plug.local': fix: use one of exec, file"),
        ("wall=shelly2:", "does not say where the meter is: fix: shelly2:HOST[/ID]"),
        ("wall@6=file:/x", "delay '6' is not 0 to 5 seconds"),
        ("wall@nan=file:/x", "delay 'nan' is not 0 to 5 seconds"),
        ("wa ll=file:/x", "wall meter name 'wa ll' is invalid"),
        ("wall=shelly2:plug/fan:0", "no 'fan': fix: one of switch, pm1, cover, em1, em"),
        ("wall=exec:no-such-program-here", "there is no program 'no-such-program-here'"),
        ("wall=exec:'sh", "fix: close the quotes"),
        ("wall@9=exec:sh", "meter wall: delay '9' is not 0 to 5 seconds"),
        ("wall=serial:/dev/ttyUSB0,fast", "'fast' is not a speed: fix: serial:/dev/ttyUSB0,115200"),
        ("wall=http://plug/status#power", "pointer 'power' does not begin with /"),
        ("wall=http://plug/status#/power*0", "factor '0' is not a number above 0"),
        ("wall=http://plug/status#/power*nan", "factor 'nan' is not a number above 0"),
        ("wall=homeassistant:http://hass:8123", "is not the name of a sensor"),
        ("wall=http://pl ug/#/p", "'pl ug' is not the name or address of a host"),
    ],
)
def test_a_refusal_is_one_line_with_its_fix(text: str, words: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse_meter(text)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    for text in (
        "http://me:hunter2@plug/#/p",
        "http://me:hunter2@plug:99999/#/p",
        "shelly1:me:hunter2@plug",
        "tasmota:me:hunter2@p",
        "mqtt://me:hunter2@broker:99999/topic",
    ):
        with pytest.raises(SpecError) as refused:
            parse_spec(text)
        assert "hunter2" not in str(refused.value)
        assert "WATTUI_METER_NAME_PASSWORD" in str(refused.value)


def test_names_that_would_share_their_credentials_are_refused() -> None:
    with pytest.raises(SpecError, match="'wall' is given twice"):
        parse_meters(["wall=shelly2:10.0.0.1", "WALL=shelly2:10.0.0.2"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://plug:8080/a?key=hunter2#/p", "http://plug:8080/a#/p"),
        ("exec:env TOKEN=hunter2 meter", "exec:env …"),
        ("shelly2:10.0.0.7/em:0", "shelly2:10.0.0.7/em:0"),
        ("http://[fe80::1]/s#/p", "http://[fe80::1]/s#/p"),
    ],
)
def test_what_is_shown_has_no_secret(text: str, shown: str) -> None:
    assert parse_spec(text).shown == shown


def test_a_counter_that_is_fine_enough_gives_the_energy() -> None:
    counts = {
        text: parse_spec(text).counts
        for text in ("shelly1:plug", "shelly2:plug", "tasmota:plug", "http://p/#/w&J=/e*3600")
    }
    assert counts == {
        "shelly1:plug": False,
        "shelly2:plug": True,
        "tasmota:plug": False,
        "http://p/#/w&J=/e*3600": True,
    }


def test_a_missing_package_is_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paho.mqtt", None)
    monkeypatch.delitem(sys.modules, "recorders.meters.mqtt", raising=False)
    with pytest.raises(SpecError) as refused:
        parse_meter("wall=mqtt://broker/topic")
    words = "meter wall: mqtt: paho.mqtt is not installed: fix: pip install 'wattui[mqtt]'"
    assert str(refused.value) == words


def test_a_delay_stands_behind_the_name() -> None:
    meter = parse_meter("wall@0.85=file:/x")
    assert (meter.name, meter.channel, meter.delay_s) == ("wall", "meter_wall", 0.85)


def test_a_name_alone_is_read_by_hand_and_no_name_is_given_twice() -> None:
    assert parse_meter("wall").spec is parse_meter("wall=manual").spec is None
    with pytest.raises(SpecError, match="given twice"):
        parse_meters(["wall=file:/a", "wall=file:/b"])


@given(st.sampled_from(sorted(SCHEMES)), st.text(max_size=60))
def test_any_text_is_a_spec_or_a_refusal(kind: str, where: str) -> None:
    try:
        assert parse_spec(f"{kind}:{where}").shown
    except SpecError:
        return
