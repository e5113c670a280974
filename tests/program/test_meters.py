"""Meters outside the machine, as a user gives them."""

from __future__ import annotations

import stat

import pytest

from recorders.summary.figures import Summary
from tests.support.meters import plug

from .running import Place

PASSWORD = "correct-horse-battery"


@pytest.mark.slow
def test_meters_are_in_one_file_and_their_password_is_in_none(place: Place) -> None:
    """A plug with a password, and a program that has one among its arguments."""
    secret = place.path / "secret"
    secret.write_text(f"user = admin\npassword = {PASSWORD}\n")
    secret.chmod(stat.S_IRUSR | stat.S_IWUSR)
    with plug() as device:
        asks = {"WWW-Authenticate": 'Basic realm="shelly"'}
        device.answer = lambda path, headers: (
            (200, {}, b'{"meters": [{"power": 80.5, "is_valid": true, "total": 9}]}')
            if "Authorization" in headers
            else (401, asks, b"")
        )
        result = place.record(
            *("--no-estimate", "--idle", "1", "--rate", "50"),
            *("--meter", f"wall=shelly1:{device.host}"),
            *("--meter", f"usb=exec:sh -c 'while echo 5 2; do sleep 0.1; done' {PASSWORD}"),
            *("--per-inference-from", "wall", "--inferences", "10"),
            command=("sleep", "1"),
            env={**place.environment, "WATTUI_METER_WALL_FILE": str(secret)},
        )
    assert result.status == 0
    run = place.run_json()
    summary = Summary.from_dict(run["summary"])
    assert summary.headline == "meter_wall"
    assert summary.running is not None
    shown = {name: domain.running_w for name, domain in summary.running.domains.items()}
    assert shown["meter_wall"] == pytest.approx(80.5)
    assert shown["meter_usb"] == pytest.approx(10)
    for path in (place.csv, place.csv.with_suffix(".json")):
        assert PASSWORD not in path.read_text()
    assert PASSWORD not in result.err.decode()


def test_a_channel_that_is_not_recorded_cannot_be_quoted(place: Place) -> None:
    result = place.record("--no-estimate", "--per-inference-from", "wall")
    assert result.status == 2
    assert b"--per-inference-from wall: no such channel is recorded" in result.err
    assert not place.csv.exists()
