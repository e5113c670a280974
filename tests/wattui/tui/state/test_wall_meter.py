"""Wall-meter readings as typed by a user."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattui.tui.state.wall_meter import MeterReading, parse_reading


@pytest.mark.parametrize(
    ("text", "power_w"),
    [
        ("103.2", 103.2),
        ("103.2 W", 103.2),
        ("103,2w", 103.2),
        ("1.2 kW", 1200.0),
        ("230 V 0.5 A", 115.0),
        ("0.5A × 230V", 115.0),
        ("230 V, 0.5 A, 0.8 pf", 92.0),
        ("0", 0.0),
    ],
)
def test_readings(text: str, power_w: float) -> None:
    reading = parse_reading(text)
    assert isinstance(reading, MeterReading)
    assert reading.power_w == pytest.approx(power_w)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "an empty reading"),
        ("many", "many"),
        ("103 J", "J"),
        ("-3 W", "negative"),
        ("230 V", "volts and amperes"),
        ("100 W 230 V", "either watts"),
        ("230 V 1 A 2 pf", "power factor"),
        ("1 W 2 W", "W"),
    ],
)
def test_what_is_wrong_is_said(text: str, says: str) -> None:
    assert says in str(parse_reading(text))


@given(st.text())
def test_anything_is_a_reading_or_a_sentence(text: str) -> None:
    assert isinstance(parse_reading(text), (MeterReading, str))


def test_the_parts_go_into_the_recording() -> None:
    reading = parse_reading("230 V 0.5 A")
    assert isinstance(reading, MeterReading)
    assert reading.fields == {"power_w": 115.0, "voltage_v": 230.0, "current_a": 0.5}
