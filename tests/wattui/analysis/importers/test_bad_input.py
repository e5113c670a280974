"""Whatever a file holds: a run file that can be read, or one line that says what is wrong."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.imported_logs import (
    ABR,
    imported,
    metadata,
    nvidia_smi,
    one_import,
    remarks,
    run_of,
    running,
    s_tui,
    typed,
)
from tests.wattui.analysis.importers.test_formats import (
    CODECARBON,
    DEEPMETER,
    energibridge,
    power_lines,
)
from tests.wattui.analysis.importers.test_monitors import MONITORS
from tests.wattui.analysis.importers.test_text_logs import (
    DMON,
    PERF_I,
    PYJOULES,
    TURBOSTAT,
    power_gadget,
    powermetrics,
    scaphandre,
    tegrastats_line,
)
from wattui.analysis.importers.log import Log, UnreadableError
from wattui.analysis.importers.registry import FORMATS, format_of, read
from wattui.analysis.importers.text import LogText
from wattui.errors import UsageError

GOOD: dict[str, str] = {
    "nvidia-smi": nvidia_smi(9, lambda t: 50 + t),
    "s-tui": s_tui(9, lambda t: 50 + t),
    "meter read by hand": typed([(f"2024-01-01 10:{n:02d}:00", f"{50 + n}") for n in range(20)]),
    "AIPowerMeter": power_lines(40.0, 20, {"nvidia_draw_absolute": 9.0}),
    "DeepMeter": DEEPMETER + "28000,56000,36000,72000,6000,12000,14000,28000\n" * 3,
    "CodeCarbon": CODECARBON
    + "".join(f"2024-01-01T10:00:0{n},kws,{n},50,1,3,0,3,4e-4,0,5e-5,1\n" for n in range(4)),
    "tegrastats": "".join(tegrastats_line(n, 5000 + n) for n in range(10)),
    "powermetrics": powermetrics([1000, 3000] * 5),
    "nvidia-smi dmon": DMON,
    "turbostat": TURBOSTAT,
    "Scaphandre": scaphandre([5.0 + n for n in range(10)]) + "\n",
    "perf stat": PERF_I,
    "pyJoules": PYJOULES,
    "Intel Power Gadget": power_gadget([(n / 2, 10.0 * n, 2.0 * n) for n in range(20)]),
    "Loihi": "Time,Total Power (W),P_VDD,P_VDDM\n"
    + "".join(f"2019-03-25_00:22:{n:02d}.5,0.0{n:02d},0.01,0.02\n" for n in range(10, 30)),
    "EnergiBridge": energibridge(
        "CPU_USAGE_0,PACKAGE_ENERGY (J)", [f"0,{10**12 + 200 * n},5,{9 * n}" for n in range(20)]
    ),
    **MONITORS,
}


def outcome(folder: Path, *arguments: str | Path) -> str:
    """The one line that an import ends with."""
    with pytest.raises(UsageError) as error:
        imported(*arguments, "--out", folder / "out.csv")
    assert "\n" not in str(error.value)
    assert not (folder / "out.csv").exists()
    return str(error.value)


def of_text(folder: Path, text: str, *arguments: str) -> str:
    (folder / "log.csv").write_text(text)
    return outcome(folder, folder / "log.csv", *arguments)


def test_every_format_is_here() -> None:
    assert GOOD.keys() == {form.NAME for form in FORMATS}


@pytest.mark.parametrize("name", GOOD)
def test_a_format_is_recognised_by_its_content(name: str) -> None:
    assert name == format_of(LogText(GOOD[name])).NAME
    first, second = GOOD[name].split("\n")[:2]
    assert [form.NAME for form in FORMATS if form.recognises(first, second)] == [name]


def test_a_file_of_no_known_format_names_the_nearest_and_the_way_to_all(tmp_path: Path) -> None:
    said = of_text(tmp_path, "a,b\n1,2\n")
    assert sum(form.NAME in said for form in FORMATS) == 3
    assert "line 1: 'a,b': fix: add --time COL --power COL=W, or see `wattui import --list`" in said
    assert str(tmp_path / "log.csv") in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("\n\n", "it is empty"),
        ("timestamp, power.draw [W]\n", "a header and no rows"),
        (
            "timestamp, utilization.gpu [%]\n2024/01/01 00:00:00, 5 %\n",
            "power is missing",
        ),
        ("Time,Util:Avg\n2024-01-01_00:00:00,5\n", "power is missing"),
        ("timestamp, power.draw [W]\nnever, 5 W\n", "no row with a time and a reading"),
        ("timestamp, power.draw [W]\n2024/01/01 00:00:00.000, nan\n", "no row has a figure in"),
        (
            "timestamp, power.draw [W]\n2024/01/01 00:00:00.000, 5 W\n",
            "all of its rows have the same time",
        ),
        (
            energibridge("PACKAGE_ENERGY (J)", ["0,1000,5", "1,900000000000000,6"]),
            "line 3: its time is further away than that of any log",
        ),
        ("timestamp, power.draw [W]\n9999/01/01 00:00:00.000, 5 W\n", "no time"),
        (
            GOOD["nvidia-smi"] + "timestamp, power.draw [W], index\n",
            "line 48: different columns begin here",
        ),
        ("timestamp,project_name,duration,emissions\n1,a,5,1\n", "column 'cpu_energy' is missing"),
        ("Delta,Time,CPU_USAGE_0\n0,1,2\n", "column of energy or power is missing"),
        (
            DEEPMETER.replace("DRAM/DRAM_1_energy", "x") + "1,1,1,1,1,1,1,1\n",
            "DRAM_1_energy' is missing",
        ),
        ("Timestamp,Power\n,\n,\n", "no reading in watts"),
        ('{"date": "x", "metrics": {}}\n', "no line with a date and a power"),
    ],
)
def test_what_is_wrong_with_a_log_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    assert said in of_text(tmp_path, text)


def test_an_empty_window_is_told_with_both_times(tmp_path: Path) -> None:
    late = ("--from", "2024-01-01_00:00:00", "--to", "2024-01-01_00:10:00")
    said = of_text(tmp_path, GOOD["nvidia-smi"], *late)
    assert "2024-01-01 00:00:00 to 2024-01-01 00:10:00" in said
    assert "2018-09-15 19:48:00 to 2018-09-15 19:48:09" in said
    turned = ("--from", "2018-09-15_19:48:05", "--to", "2018-09-15_19:48:02")
    assert "the window is empty" in of_text(tmp_path, GOOD["nvidia-smi"], *turned)


@pytest.mark.parametrize(
    ("about", "said"),
    [
        (metadata(5, 5, 10), "empty window"),
        ('{"start_time": "soon", "end_time": "later"}', "no valid start_time"),
        ('{"start_time": "2018-09-15_19:48:01"}', "no valid end_time"),
    ],
)
def test_what_is_wrong_with_metadata_is_one_line(tmp_path: Path, about: str, said: str) -> None:
    (tmp_path / "log.json").write_text(about)
    assert said in of_text(tmp_path, GOOD["nvidia-smi"])


def test_an_idle_log_that_is_too_short_or_missing_is_told(tmp_path: Path) -> None:
    short = tmp_path / "idle.csv"
    short.write_text(nvidia_smi(5, lambda _: 9.0))
    said = of_text(tmp_path, GOOD["nvidia-smi"], "--idle", str(short))
    assert "too short for an idle baseline" in said
    assert str(short) in said
    said = of_text(tmp_path, GOOD["nvidia-smi"], "--idle", str(tmp_path / "none.csv"))
    assert "none.csv: no such file" in said


def test_folders_and_names_that_are_wrong_are_told(tmp_path: Path) -> None:
    assert "holds no runs" in outcome(tmp_path, tmp_path)
    assert "no such file" in outcome(tmp_path, tmp_path / "none.csv")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/gpu_b1.csv").write_text(nvidia_smi(90, lambda _: 5.0))
    (tmp_path / "runs/gpu_b1.json").write_text(metadata(15, 75, 600))
    assert "several runs need a folder" in outcome(tmp_path, tmp_path / "runs")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--inferences", "0"), "--inferences 0"),
        (("--from", "noon"), "--from 'noon' is not a time"),
        (("--meter", "a b"), "is invalid"),
        (("--speed", "3"), "unrecognized arguments"),
    ],
)
def test_options_that_are_wrong_are_told(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    assert said in of_text(tmp_path, GOOD["nvidia-smi"], *arguments)


def test_what_a_file_says_cannot_steer_the_terminal(tmp_path: Path) -> None:
    text = GOOD["nvidia-smi"].replace("[W]\n", "[W], \x1b]0;x\x07\n", 1).replace(" W\n", " W, 1\n")
    (tmp_path / "log.csv").write_text(text)
    assert imported(tmp_path / "log.csv", "--out", tmp_path / "out.csv") == 0
    assert "\x1b" not in (tmp_path / "out.csv").read_text()


@pytest.mark.parametrize("name", GOOD)
def test_no_format_needs_the_last_line_to_have_its_end(tmp_path: Path, name: str) -> None:
    """In every format all of the line but its end is the whole line."""
    summaries = []
    for text in (GOOD[name], GOOD[name].rstrip("\n")):
        (tmp_path / "log.csv").write_text(text)
        assert imported(tmp_path / "log.csv", "--out", tmp_path / "out.csv", "--force") == 0
        summaries.append(run_of(tmp_path / "out.csv")["summary"])
    assert summaries[0] == summaries[1]


NO_CELLS = {
    "AIPowerMeter",
    "tegrastats",
    "powermetrics",
    "powermetrics plist",
    "Scaphandre",
    "amd-smi",
    "rocm-smi",
    "DCGM dmon",
    "Prometheus range",
    "MLPerf PTDaemon",
    "HWiNFO",  # its dates have points: see test_monitors
}


@pytest.mark.parametrize("name", sorted(GOOD.keys() - NO_CELLS))
def test_semicolons_and_decimal_commas_give_the_same(tmp_path: Path, name: str) -> None:
    commas = re.sub(r"(?<=\d)\.(?=\d)", ",", GOOD[name].replace(", ", ",").replace(",", ";"))
    summaries = []
    for text in (GOOD[name], commas):
        (tmp_path / "log.csv").write_text(text)
        assert imported(tmp_path / "log.csv", "--out", tmp_path / "out.csv", "--force") == 0
        summaries.append(run_of(tmp_path / "out.csv")["summary"])
    assert summaries[0] == summaries[1]


# ---------------------------------------------------------------- damaged files


def damaged(text: str, cuts: list[tuple[float, str]]) -> str:
    """The text with pieces replaced, inserted or cut at some places."""
    for share, piece in cuts:
        place = int(share * len(text))
        text = text[:place] + piece + text[place + len(piece) // 2 :]
    return text


DAMAGE = ("\n", "\n\n", ",", '"', "\x00", "nan", "-1", "1e308", "9" * 40, "inf W", "\ufeff", "\r")
ROWS = ("2018/09/15 19:48:03.000, 5 W\n", "timestamp, power.draw [W]\n", "{}\n", "[1]\n", "null\n")
PIECES = st.one_of(st.sampled_from((*DAMAGE, *ROWS)), st.text(max_size=6))
CUTS = st.lists(st.tuples(st.floats(0, 1), PIECES), min_size=1, max_size=6)


def survives(text: str, read_text: Callable[[str], object]) -> None:
    with contextlib.suppress(UnreadableError):
        read_text(text)


@pytest.mark.slow
@examples(150)
@given(st.sampled_from(sorted(GOOD)), CUTS, st.floats(0, 1))
def test_a_damaged_log_is_imported_or_refused_in_one_line(
    name: str, cuts: list[tuple[float, str]], kept: float
) -> None:
    text = damaged(GOOD[name], cuts)
    text = text[: int(len(text) * (1 - kept**4))]
    with TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "log.csv").write_text(text, errors="replace")
        try:
            imported(folder / "log.csv", "--out", folder / "out.csv")
        except UsageError as error:
            assert "\n" not in str(error)  # noqa: PT017  either outcome is right
            assert not (folder / "out.csv").exists()
            return
        check(folder / "out.csv")


def check(csv: Path) -> None:
    """A run file without impossible figures."""
    run = run_of(csv)
    lines = csv.read_text().splitlines()
    width = len(lines[0].split(","))
    times = [float(line.split(",")[0]) for line in lines[1:]]
    assert times == sorted(times)
    assert all(len(line.split(",")) == width for line in lines if '"' not in line)
    for phase in run["summary"]["phases"]:
        assert phase["finished"]
        assert all(joules is None or joules >= 0 for joules in phase["energy_j"].values())


@examples(60)
@given(st.binary(max_size=300))
def test_any_bytes_are_imported_or_refused(content: bytes) -> None:
    with TemporaryDirectory() as place:
        folder = Path(place)
        for name in ("log.csv", "log.json"):
            (folder / name).write_bytes(content)
        with pytest.raises(UsageError):
            imported(folder / "log.csv", "--out", folder / "out.csv")


@given(st.text(max_size=200))
def test_metadata_of_any_text_is_used_or_refused(text: str) -> None:
    from wattui.analysis.importers import abr

    found = abr.metadata(text)
    if found is not None:
        survives(text, lambda _: abr.window(found, "x"))


@pytest.mark.skipif(not ABR.is_dir(), reason=f"the logs of ABR are not in {ABR}")
@examples(15)
@given(CUTS)
def test_a_real_log_that_was_damaged_keeps_its_mean(cuts: list[tuple[float, str]]) -> None:
    text = damaged((ABR / "idle/gpu_idle.csv").read_text()[:20_000], cuts)
    survives(text, lambda damaged_text: read(LogText(damaged_text)))


def two_gpus(rounds: int) -> list[str]:
    """A header, and lines of 50 and 60 W each second."""
    return ["timestamp, index, power.draw [W]\n"] + [
        f"2024/01/01 00:00:{second:02d}.00{gpu}, {gpu}, {50 + 10 * gpu}.00 W\n"
        for second in range(rounds)
        for gpu in (0, 1)
    ]


def test_a_log_that_ends_within_a_round_has_the_energy_of_the_whole_rounds(tmp_path: Path) -> None:
    run = one_import(tmp_path, "".join(two_gpus(11)[:-1]))
    assert running(run, "total")["running_j"]["value"] == pytest.approx((50 + 60) * 9)
    assert "the last reading lacks gpu1: running ends with the one before it" in remarks(run)


def test_a_log_that_begins_within_a_round_has_the_energy_of_the_whole_rounds(
    tmp_path: Path,
) -> None:
    header, _, *lines = two_gpus(11)
    run = one_import(tmp_path, "".join([header, *lines]))
    assert running(run, "total")["running_j"]["value"] == pytest.approx((50 + 60) * 9)
    assert "the first reading lacks gpu0: running begins with the next" in remarks(run)


def test_a_log_with_the_newest_row_first_is_to_be_sorted(tmp_path: Path) -> None:
    header, *lines = two_gpus(5)
    said = of_text(tmp_path, header + "".join(line for line in reversed(lines) if ", 0, " in line))
    assert "not in the order of time: fix: sort them, oldest first" in said


def test_a_typed_table_with_unknown_times_says_so(tmp_path: Path) -> None:
    said = of_text(tmp_path, "Timestamp,Power\n2024-01-01 1:00:00 PM,5\n")
    assert "line 2: '2024-01-01 1:00:00 PM' is not a time" in said


TABLES = sorted(
    {
        "nvidia-smi",
        "s-tui",
        "DeepMeter",
        "CodeCarbon",
        "EnergiBridge",
        "Intel Power Gadget",
        "Loihi",
        "GPU-Z",
        "HWiNFO",
        "jtop",
        "amd-smi",
        "Zeus",
        "meter read by hand",
    }
)


def columns_of(text: str) -> list[list[str]]:
    """The cells of a table without quoted commas, row by row."""
    return [line.split(",") for line in text.splitlines() if "," in line]


def read_or_none(rows: list[list[str]]) -> Log | None:
    try:
        return read(LogText("".join(",".join(row) + "\n" for row in rows)))
    except UnreadableError as error:
        assert "\n" not in str(error)  # noqa: PT017  either outcome is right
        return None


@examples(30)
@given(st.sampled_from(sorted({*TABLES} - {"HWiNFO"})), st.randoms(use_true_random=False))
def test_the_order_of_columns_does_not_matter(name: str, random: Random) -> None:
    """Either it is recognised and has the same readings, or it is refused. HWiNFO has columns of
    the same name, which only their order tells apart."""
    rows = columns_of(GOOD[name])
    order = random.sample(range(len(rows[0])), len(rows[0]))
    whole, turned = read_or_none(rows), read_or_none([[row[n] for n in order] for row in rows])
    assert whole
    assert turned is None or list(turned.samples) == list(whole.samples)


@examples(30)
@given(st.sampled_from(sorted({*TABLES} - {"HWiNFO"})), st.integers(0, 40), st.integers(0, 40))
def test_a_missing_column_loses_its_own_readings_only(name: str, column: int, line: int) -> None:
    rows = columns_of(GOOD[name])
    whole = read_or_none(rows)
    assert whole
    column %= len(rows[0])
    found = read_or_none([row[:column] + row[column + 1 :] for row in rows])
    if found and not found.per_phase and found.reader == whole.reader:
        by_line = {sample.line: sample for sample in whole.samples}
        for sample in found.samples:
            assert sample.values.items() <= by_line[sample.line].values.items()
    line = 1 + line % (len(rows) - 1)
    cut = read_or_none([row[: column + 1] if n == line else row for n, row in enumerate(rows)])
    assert cut is None or len(cut.samples) + 2 >= len(whole.samples) * (not whole.per_phase)


DOCUMENTS = {"Scaphandre", "Prometheus range", "powermetrics plist"}


def left_out(log: Log) -> int:
    """How many rows its remarks say were left out."""
    counts = re.findall(r"^left out, .*: (\d+) rows?", "\n".join(log.remarks), re.MULTILINE)
    return sum(map(int, counts))


@examples(30)
@given(st.sampled_from(sorted(GOOD.keys() - DOCUMENTS)), st.integers(1, 5))
def test_every_row_is_read_or_told(name: str, n: int) -> None:
    """A few lines of something else in the middle lose nothing else, and are told."""
    lines = GOOD[name].splitlines(keepends=True)
    place = len(lines) // 2
    whole = read(LogText(GOOD[name]))
    noisy = read(LogText("".join([*lines[:place], "garbage !\n" * n, *lines[place:]])))
    assert [s.values for s in noisy.samples] == [s.values for s in whole.samples]
    assert left_out(noisy) == left_out(whole) + n * (name not in ("powermetrics", "perf stat"))
