"""Logs of sensor programs and of monitoring have the joules that they were made from."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.support.imported_logs import imported, one_import, remarks, run_of, running
from wattui.analysis.importers.log import UnreadableError
from wattui.analysis.importers.registry import read
from wattui.analysis.importers.text import LogText
from wattui.errors import UsageError

SECONDS = 11
MOMENTS = [datetime(2026, 9, 13, 12) + timedelta(seconds=n) for n in range(SECONDS)]
HWINFO = 'Date,Time,"CPU Package [°C]","CPU Package Power [W]","GPU Power [W]","GPU Power [W]",\r\n'


def hwinfo(footer: bool = True) -> str:
    """50 W of a package and 100.5 and 7 W of two GPUs."""
    rows = (f"{t.day}.{t.month}.{t.year},{t:%H:%M:%S}.123,40,50,100.5,7,\r\n" for t in MOMENTS)
    return HWINFO + "".join(rows) + (HWINFO + ',,"CPU [#0]: A","B","C",,\r\n') * footer


def gpu_z() -> str:
    """21.5 W of a board."""
    header = (
        "Date , GPU Clock [MHz] , GPU Load [%] , GPU Temperature [°C] , Board Power Draw [W] ,\n"
    )
    return header + "".join(
        f"{t:%Y-%m-%d %H:%M:%S} , 1410.0 , 5 , 37.0 , 21.5 ,\n" for t in MOMENTS
    )


def lhm() -> str:
    """12.5 W of a package and 100 W of a GPU."""
    header = (
        ",/intelcpu/0/power/0,/gpu-nvidia/0/power/0,/intelcpu/0/load/0\r\n"
        'Time,"CPU Package","GPU Package","CPU Total"\r\n'
    )
    return header + "".join(f"{t:%m/%d/%Y %H:%M:%S},12.5,100,3\r\n" for t in MOMENTS)


def jtop() -> str:
    """5 W of a board and 1.5 W of a rail."""
    header = "time,uptime,CPU1,GPU,Power VDD_CPU,Power TOT,jetson_clocks\n"
    return header + "".join(f"{t}.123456,1:00,5,0,1500,5000,OFF\n" for t in MOMENTS)


def amd_csv() -> str:
    """100 and 150 W of two GPUs, with a second partition of each."""
    rows = (
        f"{1_700_000_000 + n},{g},0,{100 + 50 * g},40\n{1_700_000_000 + n},{g},1,N/A,N/A\n"
        for n in range(SECONDS)
        for g in (0, 1)
    )
    return "timestamp,gpu,xcp,power_usage,hotspot_temperature\n" + "".join(rows)


def amd_table() -> str:
    """The same as text."""
    rows = (
        f"{1_700_000_000 + n}    {g}    0  {100 + 50 * g} W    750 W  40 °C   23.6/ 24.0 GB\n"
        for n in range(SECONDS)
        for g in (0, 1)
    )
    header = " TIMESTAMP  GPU  XCP  POWER  PWR_CAP  GPU_T      VRAM_USAGE\n"
    return "'CTRL' + 'C' to stop watching output:\n" + header + "".join(rows)


def rocm(stamp: str = "{:%Y-%m-%d_%H:%M:%S}") -> str:
    """35 and 15 W of two cards."""
    header = "device,Average Graphics Package Power (W),GPU use (%)"
    return "".join(
        f"{stamp.format(t)}.5 {header}\n{stamp.format(t)}.5 card0,35.0,5\n"
        f"{stamp.format(t)}.6 card1,15.0,5\n\n"
        for t in MOMENTS
    )


def dcgm(header: str, row: str) -> str:
    """Rows of one GPU; `{n}` is the second."""
    return f"{MOMENTS[0]:%Y-%m-%d_%H:%M:%S}.0 #Entity {header}\n" + "".join(
        f"{t:%Y-%m-%d_%H:%M:%S}.1 GPU 0  {row.format(n=1000 * n)}\n" for n, t in enumerate(MOMENTS)
    )


PLIST = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/PropertyList-1.0.dtd">
<plist version="1.0"><dict><key>elapsed_ns</key><integer>1000000000</integer>
<key>timestamp</key><date>2026-07-14T17:00:{:02d}Z</date><key>processor</key><dict>
<key>cpu_power</key><real>450</real><key>combined_power</key><real>570.5</real></dict></dict></plist>
"""


def prometheus(*series: tuple[dict[str, str], list[float]]) -> str:
    """An answer with values every 15 s."""
    found = [
        {"metric": metric, "values": [[1_700_000_000 + 15 * n, str(v)] for n, v in enumerate(them)]}
        for metric, them in series
    ]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": found}})


def kepler(zone: str, path: str, values: list[float]) -> tuple[dict[str, str], list[float]]:
    metric = {"__name__": "kepler_node_cpu_joules_total", "zone": zone, "path": path}
    return metric, values


def ptd() -> str:
    """22.95 W, and a message."""
    rows = (
        f"Time,{t:%m-%d-%Y %H:%M:%S}.123,Watts,22.95,Volts,228.5,Amps,0.2,PF,0.48,Mark,run_1\n"
        for t in MOMENTS
    )
    return "".join(rows) + "Time,09-13-2026 12:00:11.5,NOTICE,Analyzer identity\n"


ZEUS = """start_time,window_name,elapsed_time,gpu0_energy
1700000000.0,step,1.0,30
1700000001.0,step,1.5,40
1699999999.5,epoch,4.0,100
1700000010,eval,2.5,9
"""
MONITORS = {
    "HWiNFO": hwinfo(footer=False),
    "GPU-Z": gpu_z(),
    "LibreHardwareMonitor": lhm(),
    "jtop": jtop(),
    "amd-smi": amd_csv(),
    "rocm-smi": rocm(),
    "DCGM dmon": dcgm("POWER  TOTEC", "45.5  {n}"),
    "powermetrics plist": "\0".join(map(PLIST.format, range(10))),
    "Zeus": ZEUS,
    "Prometheus range": prometheus(kepler("package", "intel-rapl:0", [100, 400, 700])) + "\n",
    "MLPerf PTDaemon": ptd(),
}


@pytest.mark.parametrize(
    ("text", "joules"),
    [
        (hwinfo(), {"package0": 500, "gpu0": 1005, "gpu1": 70}),
        (gpu_z(), {"gpu0": 215}),
        (lhm(), {"package0": 125, "gpu0": 1000, "total": 1125}),
        (jtop(), {"board": 50, "rail_vdd_cpu": 15}),
        (amd_csv(), {"gpu0": 1000, "gpu1": 1500, "total": 2500}),
        (amd_table(), {"gpu0": 1000, "gpu1": 1500, "total": 2500}),
        (rocm(), {"gpu0": 350, "gpu1": 150, "total": 500}),
        (dcgm("POWER  TOTEC", "45.5  {n}"), {"gpu0": 10}),
        (dcgm("POWER  GPUTL", "45.5  3"), {"gpu0": 455}),
        (dcgm("POWER  TOTEC", "45.5  N/A"), {"gpu0": 455}),
        (MONITORS["powermetrics plist"], {"package0": 5.705, "core0": 4.5}),
        (ptd(), {"meter_wall": 229.5}),
    ],
    ids=[
        "hwinfo",
        "gpu-z",
        "lhm",
        "jtop",
        "amd-csv",
        "amd-table",
        "rocm",
        "dcgm-energy",
        "dcgm-power",
        "dcgm-no-energy",
        "plist",
        "ptd",
    ],
)
def test_a_log_has_its_joules_and_nothing_else(
    tmp_path: Path, text: str, joules: dict[str, float]
) -> None:
    run = one_import(tmp_path, text)
    domains = run["summary"]["running"]["domains"]
    assert domains.keys() == joules.keys() | ({"total"} & domains.keys())
    for channel, expected in joules.items():
        assert running(run, channel)["running_j"]["value"] == pytest.approx(expected)
    assert run["summary"]["running"]["seconds"] == pytest.approx(10)


TEMPERATURE, ASIC, PPT = "GPU Temperature [°C]", "GPU ASIC Power [W]", "GPU PPT [W]"
BOARD, GRAPHICS = "Total Board Power (TBP) [W]", "Total Graphics Power (TGP) [W]"
CHIP_ONLY = ": the chip, without the losses on the board"


@pytest.mark.parametrize(
    ("columns", "joules", "said"),
    [
        (
            {ASIC: 150, PPT: 149, BOARD: 205},
            {"gpu0": 2050},
            [f"gpu0 is {BOARD!r}"],
        ),
        ({GRAPHICS: 180, PPT: 149}, {"gpu0": 1800}, [f"gpu0 is {GRAPHICS!r}: chip and memory, "]),
        ({TEMPERATURE: 40, ASIC: 150}, {"gpu0": 1500}, [f"gpu0 is {ASIC!r}{CHIP_ONLY}"]),
        (
            {
                TEMPERATURE: 40,
                ASIC: 15,
                PPT: 14,
                "2" + TEMPERATURE: 60,
                BOARD: 205,
                "2" + ASIC: 150,
            },
            {"gpu0": 150, "gpu1": 2050},
            [f"gpu0 is {ASIC!r}{CHIP_ONLY}", f"gpu1 is {BOARD!r}"],
        ),
        (
            {TEMPERATURE: 60, "GPU Power [W]": 100.5, "2" + TEMPERATURE: 40, ASIC: 15},
            {"gpu0": 1005, "gpu1": 150},
            ["gpu0 is 'GPU Power [W]'", f"gpu1 is {ASIC!r}{CHIP_ONLY}"],
        ),
        (
            {TEMPERATURE: 40, "2" + TEMPERATURE: 60, BOARD: 205},
            {"gpu0": 2050},
            [f"gpu0 is {BOARD!r}"],
        ),
    ],
    ids=["board", "graphics", "chip", "integrated and board", "two makers", "one without power"],
)
def test_a_card_is_read_by_the_power_of_its_board_if_there_is_one(
    tmp_path: Path,
    columns: dict[str, float],
    joules: dict[str, float],
    said: list[str],
) -> None:
    """HWiNFO has several powers of AMD's cards, in columns of the same name for each card."""
    header = ",".join(f'"{name.removeprefix("2")}"' for name in columns)
    cells = ",".join(map(str, columns.values()))
    rows = (f"{t.day}.{t.month}.{t.year},{t:%H:%M:%S}.123,{cells},\r\n" for t in MOMENTS)
    run = one_import(tmp_path, f"Date,Time,{header},\r\n" + "".join(rows))
    domains = run["summary"]["running"]["domains"]
    assert {name: each["running_j"]["value"] for name, each in domains.items()} == pytest.approx(
        joules | {"total": sum(joules.values())}
    )
    for words in said:
        assert words in remarks(run)


def test_a_card_of_two_powers_counts_once_in_librehardwaremonitor(tmp_path: Path) -> None:
    cards = [f"/gpu-amd/{card}/power/{place}" for card in (0, 1) for place in (1, 3)]
    names = ["GPU PPT", "GPU Package", "GPU PPT", "GPU Core"]
    rows = (f"{t:%m/%d/%Y %H:%M:%S},150,160,70,60\r\n" for t in MOMENTS)
    header = f",{','.join(cards)}\r\nTime,{','.join(names)}\r\n"
    run = one_import(tmp_path, header + "".join(rows))
    domains = run["summary"]["running"]["domains"]
    assert {name: each["running_j"]["value"] for name, each in domains.items()} == pytest.approx(
        {"gpu0": 1600, "gpu1": 700, "total": 2300}
    )
    assert f"gpu1 is '{cards[2]} GPU PPT'{CHIP_ONLY}" in remarks(run)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-16"])
def test_a_degree_sign_is_one_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "log.csv").write_bytes(gpu_z().encode(encoding))
    assert imported(tmp_path / "log.csv", "--out", tmp_path / "out.csv") == 0
    assert running(run_of(tmp_path / "out.csv"), "gpu0")["running_j"]["value"] == pytest.approx(215)
    assert "gpu0_temp_C" in (tmp_path / "out.csv").read_text().splitlines()[0]


def test_three_decimals_after_a_comma_are_no_thousands_between_semicolons(tmp_path: Path) -> None:
    rows = (f"{t.day}.{t.month}.{t.year};{t:%H:%M:%S}.5;50,123\n" for t in MOMENTS)
    run = one_import(tmp_path, "Date;Time;CPU Package Power [W]\n" + "".join(rows))
    assert running(run, "package0")["running_j"]["value"] == pytest.approx(501.23)


def test_a_table_of_dates_and_times_is_not_taken_for_hwinfo() -> None:
    with pytest.raises(UnreadableError, match="unknown format"):
        read(LogText("Date,Time,Rain [mm]\n1.1.2026,12:00:00,5\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gpu,power_usage\n0,5\n", "no column of time: fix: log with amd-smi monitor"),
        ("device,Average Graphics Package Power (W)\ncard0,35.0\n", "ts '%Y-%m-%d_%H:%M:%.S'"),
        ("#Entity  POWER\nID  W\nGPU 0  45.5\n", "fix: dcgmi dmon -e 155,156 -d 100 | ts "),
        ("#Entity  GPUTL\nGPU 0  45\n", "line 1: no power: fix: dcgmi dmon -e 155,156"),
        ("# gpu  pid  type  sm\n    0  21  G  7\n", "no power, as in pmon: fix: nvidia-smi dmon"),
        (prometheus(({}, [1, 2])), "series without a name: fix: query the counter itself"),
        (prometheus(), "it has no series: fix: check the query and its times"),
        (
            gpu_z().replace("Board Power Draw", "GPU Chip Power Draw"),
            "fix: if another has it, name it by --time COL --power COL=W",
        ),
        (
            prometheus(
                ({"__name__": "node_rapl_package_joules_total", "instance": "a"}, [1, 2]),
                ({"__name__": "node_rapl_package_joules_total", "instance": "b"}, [1, 2]),
            ),
            "several machines (a, b): fix: query one: {instance='a'}",
        ),
        ('{"status":"success","data":{"resultType":"vector","result":[]}}', "api/v1/query_range"),
        ('{"status":"success","data":{"resultType":"matr', "not whole JSON"),
        ("2026/09/13 12:00:00.1, 5.0 W, 9.0 W\n" * 2, "two columns in W and no header"),
        ("2026/09/13 12:00:00.1, 5.0, 9\n" * 2, "fix: add --time COL --power COL=W"),
        (ZEUS.partition("\n")[0] + "\n1,step,no,5\n", "no window has a time and an energy: line 2"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_way_to_it(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "log.txt").write_text(text)
    with pytest.raises(UsageError) as error:
        imported(tmp_path / "log.txt", "--out", tmp_path / "out.csv")
    assert said in str(error.value)
    assert len(str(error.value).removeprefix(f"{tmp_path}/log.txt cannot be imported: ")) <= 200


def test_a_log_of_nvidia_smi_without_a_header_has_its_power(tmp_path: Path) -> None:
    rows = "".join(f"{t:%Y/%m/%d %H:%M:%S}.1, GPU-1ffe36ef, 50.5 W, 30 %\n" for t in MOMENTS)
    for text in (rows, rows.replace(", ", "\t"), rows.replace(", ", ";")):
        run = one_import(tmp_path, text, "--force")
        assert running(run, "gpu0")["running_j"]["value"] == pytest.approx(505)
        assert "no header in the log" in remarks(run)


def test_a_table_without_a_header_is_read_by_the_numbers_of_its_columns(tmp_path: Path) -> None:
    text = "".join(f"{t:%Y/%m/%d %H:%M:%S}.1, 50.5, 30\n" for t in MOMENTS)
    run = one_import(tmp_path, text, "--time", "1", "--power", "2=W")
    assert running(run, "column2")["running_j"]["value"] == pytest.approx(505)


def test_a_table_without_a_header_may_repeat_the_number_of_its_first_column(tmp_path: Path) -> None:
    text = "".join(f"{n},50.5\n" for n in range(SECONDS))
    run = one_import(tmp_path, text, "--time", "1=s", "--power", "2=W")
    assert running(run, "column2")["running_j"]["value"] == pytest.approx(505)
    assert "repeated header" not in remarks(run)


def test_a_window_that_overlaps_another_is_not_said_to_be_contained_in_it(tmp_path: Path) -> None:
    header = ZEUS.partition("\n")[0]
    run = one_import(tmp_path, f"{header}\n1700000000,a,4,100\n1700000002,b,4,110\n")
    assert running(run, "gpu0")["running_j"]["value"] == pytest.approx(100)
    assert "left out, begins inside another window and ends after it: 1 row" in remarks(run)


def test_a_window_inside_another_does_not_count_twice(tmp_path: Path) -> None:
    run = one_import(tmp_path, ZEUS)
    assert running(run, "gpu0")["running_j"]["value"] == pytest.approx(109)
    assert running(run, "gpu0")["running_j"]["plus_minus"] is None
    assert [phase["label"] for phase in run["summary"]["phases"]] == ["epoch", "eval"]
    assert "inside another window, whose energy contains it: 2 rows (lines 2, 3)" in remarks(run)


def test_zeus_monitor_is_in_milliwatts_and_not_a_meter_in_watts(tmp_path: Path) -> None:
    rows = "".join(f"2022-07-13 02:07:{n:02d}.708783111,32402\n" for n in range(SECONDS))
    run = one_import(tmp_path, "Time,Power\n" + rows)
    assert running(run, "gpu0")["running_j"]["value"] == pytest.approx(324.02)


def test_a_counter_of_prometheus_that_falls_was_reset(tmp_path: Path) -> None:
    """300, 300, none at the reset, 300 J; each domain by its path, and none by mmio again."""
    text = prometheus(
        kepler("package", "/sys/class/powercap/intel-rapl:1", [100, 400, 700, 50, 350]),
        kepler("package", "/sys/class/powercap/intel-rapl-mmio:1", [100, 400, 700, 50, 350]),
        kepler("dram", "/sys/class/powercap/intel-rapl:1:0", [10, 40, 70, 100, 130]),
    )
    run = one_import(tmp_path, text)
    assert running(run, "package1")["running_j"]["value"] == pytest.approx(900)
    assert running(run, "dram1")["running_j"]["value"] == pytest.approx(120)
    assert ",reset:package1," in (tmp_path / "out.csv").read_text()
    assert "the same counter by another way (mmio): 1 row" in remarks(run)


def test_the_modes_of_older_keplers_are_parts(tmp_path: Path) -> None:
    name = "kepler_node_package_joules_total"
    text = prometheus(
        ({"__name__": name, "mode": "dynamic"}, [100, 400, 700]),
        ({"__name__": name, "mode": "idle"}, [10, 40, 70]),
        ({"__name__": "up"}, [1, 1, 1]),
    )
    for pretty in (False, True):
        whole = json.dumps(json.loads(text), indent=2) if pretty else text
        run = one_import(tmp_path, whole, "--force")
        assert running(run, "package0")["running_j"]["value"] == pytest.approx(660)
        assert "left out, a series of another metric: 1 row" in remarks(run)


def test_codecarbon_1_has_one_estimated_energy(tmp_path: Path) -> None:
    header = "timestamp,experiment_id,project_name,duration,emissions,energy_consumed,region\n"
    run = one_import(tmp_path, header + "2020-03-23T09:26:11,68f5,gamma,34,8,0.001,Ohio\n")
    assert running(run, "est_machine")["running_j"]["value"] == pytest.approx(3600)
    assert running(run, "est_machine")["origin"] == "estimated"


def test_a_day_that_comes_first_is_known_by_the_first_that_is_no_month(tmp_path: Path) -> None:
    """Some PTDaemons write the day first; midnight comes between the two rows."""
    rows = (
        "Time,30-11-2026 23:59:59.5,Watts,10,Volts,1\nTime,01-12-2026 00:00:01.5,Watts,10,Volts,1\n"
    )
    run = one_import(tmp_path, rows)
    assert running(run, "meter_wall")["running_j"]["value"] == pytest.approx(20)


@pytest.mark.parametrize(
    "text",
    [rocm(), MONITORS["DCGM dmon"], MONITORS["Prometheus range"]],
    ids=["rocm", "dcgm", "prometheus"],
)
def test_where_it_is_not_known_how_exact_times_are_there_is_no_bar(
    tmp_path: Path, text: str
) -> None:
    run = one_import(tmp_path, text)
    bars = [each["running_j"] for each in run["summary"]["running"]["domains"].values()]
    assert all(bar["value"] and bar["plus_minus"] is None for bar in bars)
    assert "untimed" in {flag["name"] for flag in run["summary"]["flags"]}


def test_a_phase_is_known_no_better_than_whole_seconds_if_its_log_is_in_them(
    tmp_path: Path,
) -> None:
    """50 W, 5 rows a second: an edge may be a second off, not a fifth of one."""
    rows = [
        f"{t:%Y-%m-%d %H:%M:%S}{fraction},50\n"
        for t in MOMENTS
        for fraction in ("", "", "", "", "")
    ]
    fine = [f"{t:%Y-%m-%d %H:%M:%S}.{n},50\n" for t in MOMENTS for n in range(0, 10, 2)]
    bars = []
    for lines in (rows, fine):
        text = "at,P\n" + "".join(lines)
        run = one_import(tmp_path, text, "--time", "at", "--power", "P=W", "--force")
        bars.append(running(run, "p")["running_j"]["plus_minus"])
        assert running(run, "p")["running_j"]["value"] == pytest.approx(540)
    assert bars[0] > 50 > bars[1]
