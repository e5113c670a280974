"""Any table has the joules of the columns that are named; what is not told is asked for."""

from __future__ import annotations

import contextlib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.imported_logs import imported, one_import, remarks, running
from wattui.analysis.importers import any_table, registry
from wattui.analysis.importers.given import NamedTable
from wattui.analysis.importers.log import UnreadableError
from wattui.analysis.importers.text import LogText
from wattui.errors import UsageError


def table(header: str, rows: list[tuple[object, ...]], separator: str = ",") -> str:
    lines = [header, *(separator.join(map(str, row)) for row in rows)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("header", "power", "factor", "channel"),
    [
        ("P", "P=W", 1.0, "p"),
        ("P", "P=mW", 1e-3, "p"),
        ("P", "P=uW", 1e-6, "p"),
        ("P", "P=µW", 1e-6, "p"),
        ("Power [mW]", "Power [mW]", 1e-3, "power"),
        ("cpu_power_mw", "cpu_power_mw", 1e-3, "cpu_power"),
        ("a=b", "a=b=mW", 1e-3, "a_b"),
        ("total", "total=W", 1.0, "table_total"),
        ("gpu0", "gpu0=W", 1.0, "gpu0"),
    ],
)
def test_the_unit_is_told_or_in_the_name(
    tmp_path: Path, header: str, power: str, factor: float, channel: str
) -> None:
    """A ramp from 1000 to 3000 units over 10 s."""
    text = table(f"t,{header},x", [(n, 1000 + 200 * n, "a") for n in range(11)])
    run = one_import(tmp_path, text, "--time", "t=s", "--power", power)
    joules = running(run, channel)["running_j"]["value"]
    assert joules == pytest.approx(20_000 * factor, rel=1e-3)
    assert "columns not kept: x" in remarks(run)


@pytest.mark.parametrize(("energy", "joules"), [("E=J", 20.0), ("E=mJ", 0.02), ("E=Wh", 72_000.0)])
def test_an_energy_is_counted_up(tmp_path: Path, energy: str, joules: float) -> None:
    text = table("t\tE", [(n * 500, 7 + n) for n in range(21)], "\t")
    run = one_import(tmp_path, text, "--time", "t=ms", "--energy", energy)
    assert running(run, "e")["running_j"]["value"] == pytest.approx(joules)
    assert run["summary"]["running"]["seconds"] == pytest.approx(10)


def test_dates_and_times_since_1970_are_told_apart_from_counts(tmp_path: Path) -> None:
    for name, stamps, option in (
        ("dates", [f"2024-01-01T00:00:{n:02d}Z" for n in range(11)], "t"),
        ("epoch", [1_704_067_200_000 + 1000 * n for n in range(11)], "t=ms"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        text = table("t,P", [(stamp, 5) for stamp in stamps])
        run = one_import(folder, text, "--time", option, "--power", "P=W")
        assert running(run, "p")["running_j"]["value"] == pytest.approx(50)
        assert run["clock"]["logs"][0]["utc"] == "2024-01-01 00:00:00"


def test_the_first_remark_is_a_preview_of_what_was_understood(tmp_path: Path) -> None:
    text = table("t,Power [mW],E", [(n, 1500, n) for n in range(5)])
    run = one_import(tmp_path, text, "--time", "t=s", "--power", "Power [mW]", "--energy", "E=Wh")
    assert run["import"]["remarks"][0] == (
        "read as a table: 't' is time, in s; 'Power [mW]' in mW is power_W (1.5 in line 2); "
        "'E' in Wh is e_J (0 in line 2)"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--time", "t=s", "--power", "P"), "'P' has no unit: fix: --power 'P=W'"),
        (("--time", "t=s", "--power", "Q=W"), "--power: no column 'Q=W' in: t, P"),
        (("--time", "t=s", "--power", "P=MW"), "'MW' is none of W, mW, uW"),
        (("--time", "t", "--power", "P=W"), "line 2: no time: '0': fix: --time 't=s' if it counts"),
        (("--time", "t=s", "--energy", "P=J"), "line 4: p falls"),
        (("--time", "t=s"), "a table needs --time and --power or --energy"),
        (("--power", "P=W"), "a table needs --time and --power or --energy"),
        (("--time", "t=s", "--power", "P=W", "--power", "P=mW"), "two columns would be named 'p'"),
    ],
)
def test_what_is_not_told_is_asked_for(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    (tmp_path / "log.csv").write_text(table("t,P", [(0, 1), (1, 2), (2, 1)]))
    with pytest.raises(UsageError) as error:
        imported(tmp_path / "log.csv", "--out", tmp_path / "out.csv", *options)
    assert said in str(error.value)
    assert not (tmp_path / "out.csv").exists()


def test_a_megawatt_in_a_name_is_not_taken_for_a_milliwatt() -> None:
    with pytest.raises(UnreadableError, match="has no unit"):
        any_table.read(LogText(table("t,P [MW]", [(0, 1), (1, 1)])), NamedTable("t=s", ("P [MW]",)))


@given(st.text(min_size=1, max_size=300))
def test_a_refusal_is_short_and_names_three_formats_and_the_line(first: str) -> None:
    with contextlib.suppress(UnreadableError):
        if registry.format_of(LogText(first)):
            return
    with pytest.raises(UnreadableError) as error:
        registry.format_of(LogText(first))
    assert len(str(error.value)) <= 200
    if "it is empty" not in str(error.value):
        near = str(error.value).partition("near ")[2].partition(")")[0]
        assert len(near.split(", ")) == registry.NEAREST
        assert "line 1: '" in str(error.value)


def test_the_nearest_format_is_the_first_named() -> None:
    with pytest.raises(UnreadableError, match=r"near nvidia-smi, .*line 1: 'timestamp, power"):
        registry.format_of(LogText("timestamp, power (W)\n2024-01-01 00:00:00, 5\n"))


def test_the_formats_are_listed_without_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        imported("--list")
    assert end.value.code == 0
    listed = capsys.readouterr().out.splitlines()
    assert len(listed) == len(registry.FORMATS)
    assert any(line.startswith("tegrastats  ") for line in listed)


CELLS = st.one_of(st.floats().map(str), st.integers().map(str), st.text(max_size=6))


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8), st.booleans())
def test_no_cell_crashes_and_no_figure_is_invented(
    rows: list[tuple[str, str, str]], counts: bool
) -> None:
    text = table("t,P,E", [*rows, (0, 1, 1)])
    asked = NamedTable("t=s" if counts else "t", ("P=W",), ("E=J",))
    with contextlib.suppress(UnreadableError):
        log = any_table.read(LogText(text), asked)
        cells = {cell.strip() for line in text.splitlines() for cell in line.split(",")}
        figures = {float(c.replace("W", "")) for c in cells if any_table.number(c) is not None}
        for before, after in pairwise(log.samples):
            assert before.line < after.line
        for sample in log.samples:
            assert set(sample.values.values()) <= figures | {1.0}
