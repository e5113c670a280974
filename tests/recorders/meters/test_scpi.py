"""Laboratory instruments by SCPI: a two-channel supply and a power analyser of pyvisa-sim."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.meters.meter import Access, MeterError, Sample, SpecError, UnreadableError, checked
from recorders.meters.specs import parse_spec

pytest.importorskip("pyvisa", reason="no PyVISA: pip install 'wattui[scpi]'")
scpi = pytest.importorskip("recorders.meters.scpi")

SUPPLY = "TCPIP::supply::5025::SOCKET"
ANALYSER = "USB0::0x0B21::0x0025::C1::INSTR"
INSTRUMENTS = """
spec: "1.1"
devices:
  supply:
    eom: {TCPIP SOCKET: {q: "\\n", r: "\\n"}}
    error: ERROR
    dialogues:
      - {q: "MEAS:POW? CH1", r: "12.25"}
      - {q: "MEAS:POW? CH2", r: "+3.5E+00"}
      - {q: "MEAS:VOLT? (@1)", r: "12.0"}
      - {q: "MEAS:CURR? (@1)", r: "1.5"}
      - {q: "MEAS:VOLT? (@2)", r: "5.0"}
      - {q: "MEAS:CURR? (@2)", r: "0.25"}
      - {q: "MEAS:OVER?", r: "9.91E+37"}
      - {q: "MEAS:BACK?", r: "-12.5"}
  analyser:
    eom: {USB INSTR: {q: "\\n", r: "\\n"}}
    error: ERROR
    dialogues:
      - {q: "MEAS:POW?", r: "103.27E+00"}
      - {q: ":NUM:NORM:VAL? 1", r: "103.27E+00"}
      - {q: ":NUM:NORM:VAL? 5", r: "2.5E-03"}
      - {q: ":NUM:NORM:VAL? 9", r: "NAN"}
resources:
  "TCPIP::supply::5025::SOCKET": {device: supply}
  "USB0::0x0B21::0x0025::C1::INSTR": {device: analyser}
"""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyvisa_sim", reason="no pyvisa-sim: pip install pyvisa-sim")
    path = tmp_path / "bench.yaml"
    path.write_text(INSTRUMENTS)
    monkeypatch.setenv("PYVISA_LIBRARY", f"{path}@sim")


def read(spec: str) -> Sample:
    reader = parse_spec(spec).open(Access("lab"))
    try:
        (sample,) = reader.read()
        return checked(sample)
    finally:
        reader.close()


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize(
    ("spec", "power_w", "energy_j"),
    [
        (f"scpi:{SUPPLY}#MEAS:POW? CH1", 12.25, None),
        (f"scpi:{SUPPLY}#MEAS:POW? CH2*0.001", 0.0035, None),
        (f"scpi:{SUPPLY}#MEAS:POW? CH1&MEAS:POW? CH2", 15.75, None),
        (f"scpi:{SUPPLY}#V=MEAS:VOLT? (@1)&A=MEAS:CURR? (@1)", 18, None),
        (
            f"scpi:{SUPPLY}#V=MEAS:VOLT? (@1)&A=MEAS:CURR? (@1)"
            "&V=MEAS:VOLT? (@2)&A=MEAS:CURR? (@2)",
            19.25,
            None,
        ),
        (f"scpi:{ANALYSER}", 103.27, None),
        (f"scpi:{ANALYSER}#:NUM:NORM:VAL? 1&J=:NUM:NORM:VAL? 5*3600", 103.27, 9),
    ],
)
def test_an_instrument_is_read(spec: str, power_w: float, energy_j: float | None) -> None:
    found = read(spec)
    assert found.power_w == pytest.approx(power_w)
    assert found.energy_j == (None if energy_j is None else pytest.approx(energy_j))
    assert parse_spec(spec).counts == (energy_j is not None)


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("MEAS:OVER?", "9.91e+37 W, outside the range"),
        ("MEAS:BACK?", "-12.5 W, outside the range"),
        ("MEAS:NONE?", "MEAS:NONE?: 'ERROR' is not a number"),
    ],
)
def test_an_answer_without_a_possible_power_is_refused(query: str, words: str) -> None:
    with pytest.raises(UnreadableError, match=re.escape(words)):
        read(f"scpi:{SUPPLY}#{query}")
    with pytest.raises(UnreadableError, match="'NAN' is not a number"):
        read(f"scpi:{ANALYSER}#:NUM:NORM:VAL? 9")


@pytest.mark.usefixtures("bench")
def test_an_instrument_that_is_not_there_says_so() -> None:
    with pytest.raises(MeterError, match="TCPIP::other::5025::SOCKET: "):
        read("scpi:TCPIP::other::5025::SOCKET")


@pytest.mark.parametrize(
    ("answer", "words"), [(b"", "Timeout expired"), (b"1" * 100_000, "is too long")]
)
def test_a_real_socket_that_is_mute_or_floods_is_left(
    answer: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYVISA_LIBRARY", "@py")
    monkeypatch.setattr(scpi, "ANSWER_S", 0.2)
    done = threading.Event()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def serve() -> None:
            line, _ = server.accept()
            with line:
                line.recv(100)
                line.sendall(answer)
                done.wait(20)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with pytest.raises(MeterError, match=words):
                read(f"scpi:TCPIP::127.0.0.1::{server.getsockname()[1]}::SOCKET")
        finally:
            done.set()
            thread.join(20)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scpi:supply", "'supply' is not a VISA resource: fix: scpi:TCPIP::HOST::5025::SOCKET"),
        (f"scpi:{SUPPLY}#OUTP ON", "'OUTP ON' is not a query, such as MEAS:POW?"),
        (f"scpi:{SUPPLY}#V=MEAS:VOLT?", "the queries do not fit: fix: #W=…, or #V=…&A=…"),
        (f"scpi:{SUPPLY}#A=MEAS:CURR?", "the queries do not fit"),
        (f"scpi:{SUPPLY}#J=A?&J=B?", "the queries do not fit"),
        (f"scpi:{SUPPLY}#MEAS:POW?*0", "factor '0' is not a number above 0"),
    ],
)
def test_a_spec_that_cannot_be_read_is_refused(text: str, words: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse_spec(text)
    assert words in str(refused.value)


def test_a_serial_instrument_has_its_speed_behind_a_comma() -> None:
    spec = parse_spec("scpi:ASRL/dev/ttyUSB0::INSTR,115200#MEAS:POW?")
    assert (spec.resource, spec.baud) == ("ASRL/dev/ttyUSB0::INSTR", 115200)  # type: ignore[attr-defined]


@given(
    st.lists(
        st.text(max_size=12) | st.sampled_from(["1.5", "2e3", "9.9E+37", "NAN"]),
        min_size=3,
        max_size=3,
    )
)
def test_any_answers_are_a_possible_reading_or_a_refusal(answers: list[str]) -> None:
    queries = scpi.parse_queries("V=A?&A=B?&J=C?*3600")
    try:
        found = checked(scpi.answered(queries, answers, 1))
    except UnreadableError:
        return
    assert 0 <= (found.power_w or 0) <= 50_000
    assert 0 <= (found.energy_j or 0) <= 1e15
