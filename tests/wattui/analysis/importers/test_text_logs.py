"""Logs of tegrastats, perf, pyJoules and Power Gadget have the joules that they were made from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.imported_logs import one_import, remarks, running
from wattui.analysis.importers import dmon, perf_stat, tegrastats, turbostat
from wattui.analysis.importers import powermetrics as powermetrics_reader
from wattui.analysis.importers import scaphandre as scaphandre_reader
from wattui.analysis.importers.log import UnreadableError
from wattui.analysis.importers.text import LogText


def tegrastats_line(second: int, board_mw: int, unit: str = "mW") -> str:
    return (
        f"11-14-2024 12:34:{second:02d} RAM 3162/30536MB (lfb 6x4MB) SWAP 0/15268MB (cached 0MB) "
        f"CPU [1%@729,off] EMC_FREQ 0%@2133 GR3D_FREQ 61%@[305] cpu@47.9C VIC 0%@115 "
        f"VDD_IN {board_mw}{unit}/1{unit} VDD_SOC 1500{unit}/2{unit}\n"
    )


def power_gadget(rows: list[tuple[float, float, float]]) -> str:
    header = (
        "System Time,RDTSC,Elapsed Time (sec), CPU Utilization(%),Processor Power_0(Watt),"
        "Cumulative Processor Energy_0(Joules),Cumulative Processor Energy_0(mWh),"
        "Cumulative DRAM Energy_0(Joules)\n"
    )
    lines = [f"12:11:05:769,61075218,{t:8.3f},50,9,{pkg},1,{ram}\n" for t, pkg, ram in rows]
    end = "\nTotal Elapsed Time (sec) = 10.0\nCumulative Processor Energy_0 (Joules) = 142.3\n"
    return header + "".join(lines) + end


PERF_I = "".join(
    f"     {n}.000000000,20.00,Joules,power/energy-pkg/,2002406532,100.00,,\n"
    f"     {n}.000000000,5.50,Joules,power/energy-ram/,2002406532,100.00,,\n"
    for n in range(1, 11)
)
PERF_TEXT = """
 Performance counter stats for 'system wide':

          2,306.32 Joules power/energy-pkg/
              8.18 Joules power/energy-ram/

       5.000000000 seconds time elapsed
"""
PYJOULES = """timestamp;tag;duration;package_0;dram_0;nvidia_gpu_0
1700000000.5;load;2.0;40000000.0;2000000.0;30000
1700000002.5;run;4.0;120000000.0;8000000.0;60000
"""


@pytest.mark.parametrize("unit", ["mW", ""])
def test_tegrastats_has_the_board_and_its_rails(tmp_path: Path, unit: str) -> None:
    text = "".join(tegrastats_line(n, 5000 + 100 * n, unit) for n in range(11))
    run = one_import(tmp_path, text)
    assert running(run, "board")["running_j"]["value"] == pytest.approx(55.0)
    assert running(run, "rail_vdd_soc")["running_j"]["value"] == pytest.approx(15.0)
    assert {c["name"] for c in run["sources"][0]["channels"]} == {"board", "rail_vdd_soc"}


def test_tegrastats_may_have_the_time_that_other_logs_have(tmp_path: Path) -> None:
    lines = [tegrastats_line(n, 5000).partition(" RAM")[2] for n in range(11)]
    text = "".join(f"2024-11-14_12:34:{n:02d}.5 RAM{line}" for n, line in enumerate(lines))
    run = one_import(tmp_path, text.replace("VDD_IN", "NC 0mW/0mW VDD_IN"))
    assert running(run, "board")["running_j"]["value"] == pytest.approx(50)
    assert "rail_nc" not in run["summary"]["running"]["domains"]


def test_tegrastats_without_a_time_is_refused_with_the_command_that_adds_it() -> None:
    text = tegrastats_line(1, 5000).removeprefix("11-14-2024 12:34:01 ") * 3
    with pytest.raises(UnreadableError, match=r"no time: fix: log with tegrastats \| ts "):
        tegrastats.read(LogText(text))


@pytest.mark.parametrize(
    "text",
    [
        PERF_I,
        "# started on Fri Nov 14 12:00:00 2025\n\n" + PERF_I,
        PERF_I.replace(",", ";"),
        "#           time             counts unit events\n"
        + "".join(
            f"  {n}.000000000  20.00 Joules power/energy-pkg/  \n"
            f"  {n}.000000000   5.50 Joules power/energy-ram/\n"
            for n in range(1, 11)
        ),
    ],
    ids=["csv", "csv of -o", "semicolons", "text"],
)
def test_the_intervals_of_perf_are_summed(tmp_path: Path, text: str) -> None:
    run = one_import(tmp_path, text)
    assert running(run, "package0")["running_j"]["value"] == pytest.approx(200)
    assert running(run, "dram0")["running_j"]["value"] == pytest.approx(55)
    assert running(run, "package0")["running_w"] == pytest.approx(20)
    assert "energies are of all sockets together" in remarks(run)


def test_perf_of_a_whole_run_has_its_joules_and_no_bar(tmp_path: Path) -> None:
    run = one_import(tmp_path, PERF_TEXT)
    package = running(run, "package0")
    assert package["running_j"]["value"] == pytest.approx(2306.32)
    assert package["running_j"]["plus_minus"] is None
    assert package["running_w"] == pytest.approx(2306.32 / 5)
    assert "per_phase" in {flag["name"] for flag in run["summary"]["flags"]}


def test_sockets_are_told_apart_and_what_was_not_counted_is_no_zero(tmp_path: Path) -> None:
    text = "".join(
        f"{n}.000000000,S0,1,20.00,Joules,power/energy-pkg/,1,100.00,,\n"
        f"{n}.000000000,S1,1,30.00,Joules,power/energy-pkg/,1,100.00,,\n"
        f"{n}.000000000,S0,0,<not counted>,Joules,power/energy-psys/,0,100.00,,\n"
        for n in range(1, 6)
    )
    run = one_import(tmp_path, text)
    assert running(run, "package0")["running_j"]["value"] == pytest.approx(100)
    assert running(run, "package1")["running_j"]["value"] == pytest.approx(150)
    assert "psys" not in run["summary"]["running"]["domains"]
    assert "left out, no figure before 'Joules': 5 rows" in remarks(run)
    assert "all sockets together" not in remarks(run)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("475.42,Joules,power/energy-pkg/,20005659301,100.00,,\n", "how long the run took"),
        ("1,000000000,19,63,Joules,power/energy-pkg/,1,100\n", "has no joules"),
        (PERF_I + PERF_I, "line 21: the time starts again"),
        (PERF_TEXT * 2, "another run begins"),
    ],
    ids=["no time", "decimal commas between commas", "two logs", "two runs"],
)
def test_what_perf_does_not_say_is_refused(text: str, said: str) -> None:
    with pytest.raises(UnreadableError, match=said):
        perf_stat.read(LogText(text))


def test_pyjoules_has_a_phase_for_each_tag(tmp_path: Path) -> None:
    run = one_import(tmp_path, PYJOULES, "--inferences", "100")
    phases = {phase["label"]: phase for phase in run["summary"]["phases"]}
    assert phases["load"]["energy_j"]["package0"] == pytest.approx(40)
    assert phases["run"]["energy_j"]["package0"] == pytest.approx(120)
    assert phases["run"]["energy_j"]["dram0"] == pytest.approx(8)
    assert phases["run"]["energy_j"]["gpu0"] == pytest.approx(60)
    assert running(run, "package0")["running_j"]["plus_minus"] is None


def test_power_gadget_has_the_differences_of_its_counters(tmp_path: Path) -> None:
    rows = [(0.1 + 0.5 * n, 7 + 10.0 * n, 1 + 2.0 * n) for n in range(21)]
    run = one_import(tmp_path, power_gadget(rows))
    assert running(run, "package0")["running_j"]["value"] == pytest.approx(200)
    assert running(run, "dram0")["running_j"]["value"] == pytest.approx(40)
    assert running(run, "package0")["running_w"] == pytest.approx(20)


def powermetrics(cpu_mw: list[int], seconds: list[int] | None = None) -> str:
    """Samples of 0.5 s; the seconds of their dates count on unless given."""
    blocks = []
    for place, milliwatts in enumerate(cpu_mw):
        second = seconds[place] if seconds else place // 2
        blocks.append(
            f"*** Sampled system activity (Tue Jul 14 10:00:{second:02d} 2026 -0700) "
            "(500.00ms elapsed) ***\n\n**** Processor usage ****\n\n"
            f"CPU Power: {milliwatts} mW\nGPU Power: 1000 mW\nANE Power: 0 mW\n"
            f"Combined Power (CPU + GPU + ANE): {milliwatts + 1000} mW\n\n"
            "**** GPU usage ****\n\nGPU Power: 990 mW\n"
        )
    return "Machine model: Mac16,10\nOS version: 24A\n\n" + "\n".join(blocks)


def test_powermetrics_has_the_means_times_their_lengths(tmp_path: Path) -> None:
    run = one_import(tmp_path, powermetrics([1000, 3000] * 5))
    assert running(run, "package0")["running_j"]["value"] == pytest.approx(15)
    assert running(run, "core0")["running_j"]["value"] == pytest.approx(10)
    assert running(run, "igpu0")["running_j"]["value"] == pytest.approx(5)
    assert run["summary"]["running"]["seconds"] == pytest.approx(5)
    assert running(run, "total")["running_j"]["value"] == pytest.approx(15)
    assert run["clock"]["logs"][0]["utc"] == "2026-07-14 16:59:59"


def test_nothing_is_counted_in_a_pause_of_powermetrics(tmp_path: Path) -> None:
    run = one_import(tmp_path, powermetrics([1000] * 8, [0, 0, 1, 1, 31, 31, 32, 32]))
    assert running(run, "core0")["running_j"]["value"] == pytest.approx(4)
    assert run["summary"]["running"]["seconds"] == pytest.approx(4)


DMON = "#Date       Time        gpu    pwr  gtemp     sm     fb   pclk\n"
DMON += "#YYYYMMDD   HH:MM:SS    Idx      W      C      %     MB    MHz\n"
DMON += "".join(
    f" 20240104   13:54:{n:02d}      0    {100 + n}     33     50    239   1695\n"
    f" 20240104   13:54:{n:02d}      1    50      -      0      0      -\n"
    for n in range(11)
)
TURBOSTAT = "Time_Of_Day_Seconds\tCore\tCPU\tBusy%\tPkgTmp\tPkgWatt\tRAMWatt\n" + "".join(
    f"{1643720000 + n}.332280\t-\t-\t56.34\t40\t{100 + 2 * n}.00\t5.50\n"
    f"{1643720000 + n}.330357\t0\t0\t100.00\t40\t999.00\t99.00\n"
    for n in range(11)
)


def test_dmon_has_each_gpu_at_the_time_of_its_round(tmp_path: Path) -> None:
    run = one_import(tmp_path, DMON)
    assert running(run, "gpu0")["running_j"]["value"] == pytest.approx(1050)
    assert running(run, "gpu1")["running_j"]["value"] == pytest.approx(500)
    assert running(run, "total")["running_j"]["value"] == pytest.approx(1550)
    assert "gpu1_temp" not in (tmp_path / "out.csv").read_text().splitlines()[0]


def test_dmon_without_a_date_is_refused_with_the_option_that_adds_it() -> None:
    with pytest.raises(UnreadableError, match="fix: log with nvidia-smi dmon -o DT"):
        dmon.read(LogText("# gpu    pwr\n# Idx      W\n    0     86\n"))


def test_turbostat_has_the_machine_and_not_its_cores(tmp_path: Path) -> None:
    for name, text in (
        ("cores", TURBOSTAT),
        ("version", f"turbostat version 2023.11.07\n10.0 sec\n{TURBOSTAT}"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        run = one_import(folder, text)
        assert running(run, "package0")["running_j"]["value"] == pytest.approx(1110)
        assert running(run, "dram0")["running_j"]["value"] == pytest.approx(55)
        assert running(run, "total")["running_j"]["value"] == pytest.approx(1165)
        assert run["clock"]["logs"][0]["utc"] == "2022-02-01 12:53:20"


def test_turbostat_without_a_time_is_refused_with_the_option_that_adds_it() -> None:
    with pytest.raises(UnreadableError, match="--enable Time_Of_Day_Seconds"):
        turbostat.read(LogText("Busy%\tPkgWatt\n1.0\t20.0\n"))


def scaphandre(watts: list[float]) -> str:
    return "".join(
        json.dumps(
            {
                "host": {"consumption": 9e9, "timestamp": 1700000000.5 + n, "components": {}},
                "consumers": [{"exe": "x", "pid": 3, "consumption": 7e9, "timestamp": 1.0}],
                "sockets": [
                    {
                        "id": 0,
                        "consumption": each * 1e6,
                        "domains": [{"name": "dram", "consumption": 2e6, "timestamp": 1.0}],
                        "timestamp": 1700000000.5 + n,
                    }
                ],
            }
        )
        for n, each in enumerate(watts)
    )


def test_scaphandre_has_the_socket_and_its_dram_and_not_the_host(tmp_path: Path) -> None:
    for name, text in (
        ("after each other", scaphandre([10.0 + n for n in range(11)])),
        ("cut", scaphandre([10.0 + n for n in range(12)])[:-30]),
    ):
        folder = tmp_path / name
        folder.mkdir()
        run = one_import(folder, text)
        assert running(run, "package0")["running_j"]["value"] == pytest.approx(155)
        assert running(run, "dram0")["running_j"]["value"] == pytest.approx(20)
        assert set(run["summary"]["running"]["domains"]) == {"package0", "dram0", "total"}
        assert ("left out, not whole JSON" in remarks(run)) == (name == "cut")


KNOWN = [
    scaphandre([5.0]),
    *DMON.splitlines()[:4],
    *TURBOSTAT.splitlines()[:3],
    *PERF_I.splitlines()[:4],
    *PERF_TEXT.splitlines(),
    *powermetrics([7000]).splitlines(),
    tegrastats_line(3, 4),
]
LINES = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.sampled_from(KNOWN),
    ),
    max_size=8,
)


@given(LINES)
def test_no_line_gives_a_figure_that_is_not_in_it(lines: list[str]) -> None:
    text = "\n".join(lines)
    for reader in (perf_stat, tegrastats, powermetrics_reader, dmon, turbostat, scaphandre_reader):
        try:
            log = reader.read(LogText(text))
        except UnreadableError:
            continue
        highest = max(value for sample in log.samples for value in sample.values.values())
        assert highest <= sum([20.0, 5.5, 2306.32, 8.18, 1695.0]) * len(lines)
        assert all(value >= 0 for sample in log.samples for value in sample.values.values())


def test_an_event_that_is_first_counted_later_begins_there(tmp_path: Path) -> None:
    text = PERF_I.replace("5.50,Joules", "<not counted>,Joules", 1)
    run = one_import(tmp_path, text)
    assert running(run, "package0")["running_j"]["value"] == pytest.approx(200)
    assert "no figure before 'Joules': 1 row (line 2)" in remarks(run)
    last = (tmp_path / "out.csv").read_text().splitlines()[-1]
    assert "49.500000" in last


def test_the_interval_in_which_perfs_counter_restarts_after_a_sleep_adds_nothing(
    tmp_path: Path,
) -> None:
    """Of github.com/torvalds/linux, "perf/rapl: restart perf rapl counter after resume"."""
    figures = ["2.16", "1.96", "2.09", "4,294,966,686.01", "3.58", "1.66"]
    text = "".join(
        f"    {second}.278989977   {figure:>16} Joules power/energy-pkg/\n"
        for second, figure in enumerate(figures, 19)
    )
    run = one_import(tmp_path, text)
    joules = running(run, "package0")["running_j"]
    assert joules["value"] == pytest.approx(2.16 + 1.96 + 2.09 + 3.58 + 1.66)
    assert joules["plus_minus"] is None
    assert "reset" in {flag["name"] for flag in run["summary"]["flags"]}
