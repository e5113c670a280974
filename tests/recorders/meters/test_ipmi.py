"""A BMC by IPMI: recorded output of ipmitool and FreeIPMI, and programs that misbehave."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.meters.ipmi import output, shown_w
from recorders.meters.meter import Access, MeterError, Sample, SpecError, UnreadableError, checked
from recorders.meters.specs import parse_meter, parse_spec

IPMITOOL = """
    Instantaneous power reading:                   {} Watts
    Minimum during sampling period:                  4 Watts
    Maximum during sampling period:                570 Watts
    Average power reading over sample period:      214 Watts
    IPMI timestamp:                           Thu Jan  1 00:00:00 1970
    Sampling period:                          00000001 Seconds.
    Power reading state is:                   {}

"""
FREEIPMI = """Current Power                        : 285 Watts
Minimum Power over sampling duration : 144 watts
Maximum Power over sampling duration : 456 watts
Average Power over sampling duration : 263 watts
Time Stamp                           : 11/01/2026 - 10:00:00
Statistics reporting time period     : 1000 milliseconds
Power Measurement                    : Active
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are found."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("recorders.meters.ipmi.MORE_PATH", "/nowhere")
    return tmp_path


def program(folder: Path, name: str, prints: str, status: int = 0, code: str = "") -> None:
    """A stub that prints this."""
    path = folder / name
    says = f"import sys; sys.stdout.write({prints!r}); sys.stdout.flush()"
    path.write_text(f"#!{sys.executable} -IS\n{says}\n{code}\nsys.exit({status})\n")
    path.chmod(0o755)


def read() -> Sample:
    (sample,) = parse_spec("ipmi").open(Access("bmc")).read()
    return checked(sample)


@pytest.mark.parametrize(
    ("name", "text", "power_w"),
    [
        ("ipmitool", IPMITOOL.format(220, "activated"), 220),
        ("ipmitool", IPMITOOL.format(319, "deactivated"), 319),
        ("ipmi-dcmi", FREEIPMI, 285),
    ],
)
def test_the_power_is_read_whatever_its_state(
    folder: Path, name: str, text: str, power_w: float
) -> None:
    program(folder, name, text)
    assert read().power_w == power_w


@pytest.mark.parametrize("state", ["activated", "deactivated"])
def test_no_watts_are_not_a_reading(folder: Path, state: str) -> None:
    program(folder, "ipmitool", IPMITOOL.format(0, state))
    with pytest.raises(UnreadableError, match="shows 0 W: it does not measure power"):
        read()


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        (
            "Could not open device at /dev/ipmi0 or /dev/ipmi/0 or /dev/ipmidev/0: No such file "
            "or directory\n",
            1,
            "fix: sudo modprobe ipmi_devintf ipmi_si",
        ),
        ("DCMI request failed because: Invalid command (c1)\n", 1, "this BMC has no DCMI: fix: "),
        ("ipmi_cmd_dcmi_get_power_reading: command invalid or unsupported\n", 1, "has no DCMI"),
        ("", 3, "ipmitool ended with status 3"),
    ],
)
def test_a_program_that_fails_says_why(folder: Path, text: str, status: int, words: str) -> None:
    program(folder, "ipmitool", text, status)
    with pytest.raises(MeterError, match=re.escape(words)) as failed:
        read()
    assert "\n" not in str(failed.value)


def test_without_a_program_the_package_is_named(folder: Path) -> None:
    with pytest.raises(SpecError, match="neither ipmitool nor ipmi-dcmi: fix: sudo apt-get"):
        parse_meter("bmc=ipmi")
    with pytest.raises(SpecError, match="knows only dcmi, not 'lan'"):
        parse_meter("bmc=ipmi:lan")


def test_a_program_that_hangs_or_floods_is_ended(folder: Path) -> None:
    program(folder, "hangs", "", code="import time; time.sleep(3600)")
    program(folder, "floods", "W" * 200_000)
    begun_s = time.monotonic()
    with pytest.raises(MeterError, match=r"hangs does not answer in 0\.2 s"):
        output([str(folder / "hangs")], 0.2)
    with pytest.raises(MeterError, match="floods prints more than 65,536 bytes"):
        output([str(folder / "floods")], 20)
    assert time.monotonic() - begun_s < 20


WORDS = st.sampled_from(
    [
        "Instantaneous power reading:",
        "Current Power :",
        " 220",
        " Watts",
        "\n",
        " -5",
        " nan",
        "1e999",
    ]
)


@given(st.lists(WORDS | st.text(max_size=4), max_size=8).map("".join))
def test_any_text_is_a_possible_power_or_a_refusal(text: str) -> None:
    try:
        found = checked(Sample(1, shown_w(text))).power_w
    except UnreadableError:
        return
    assert found is not None
    assert 0 < found <= 50_000
