"""Invalid usage gives one line that names the fix, and nothing is started or created."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .conftest import MakeDisk
from .running import WATTUI, Place, Result, shell

COMMAND = shell("touch started")


def assert_refused(place: Place, result: Result, status: int, *words: str) -> None:
    assert result.status == status, result.err
    assert len(result.lines) == 1, result.lines
    assert result.lines[0].startswith("wattui: ")
    for word in words:
        assert word in result.lines[0]
    assert result.out == b""
    assert not (place.path / "started").exists()


def assert_nothing_made(place: Place, *kept: str) -> None:
    assert sorted(path.name for path in place.path.iterdir()) == sorted(kept)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--no-such-option"], ["--no-such-option", "--help"]),
        (["--rate", "0"], ["--rate 0", "1000"]),
        (["--rate", "1e6"], ["--rate 1e+06", "1000"]),
        (["--rate", "-5"], ["--rate -5", "1000"]),
        (["--rate", "nan"], ["nan", "1000"]),
        (["--rate", "fast"], ["--rate", "fast"]),
        (["--idle", "-1"], ["idle", "-1", "0 to"]),
        (["--idle", "inf"], ["idle", "0 to"]),
        (["--idle-after", "-1"], ["idle", "0 to"]),
        (["--cooldown", "-0.5"], ["cooldown", "-0.5", "0 to"]),
        (["--count-match", "a(b"], ["--count-match", "a(b", "backslash"]),
        (["--phase-match", "*"], ["--phase-match", "*", "backslash"]),
        (["--inferences", "0"], ["--inferences 0", "1 or more"]),
        (["--inferences", "-3"], ["--inferences -3", "1 or more"]),
        (["--inferences", "many"], ["--inferences", "many"]),
        (["--repeats", "0"], ["--repeats 0", "1 or more"]),
        (["--inferences", "3", "--count-match", "x"], ["--inferences", "--count-match", "one"]),
        (["--require", "tpu"], ["--require", "tpu", "gpu"]),
        (["--no-estimate", "--count", "gpu7"], ["--count", "gpu7", "cannot be counted"]),
        (["--tdp", "0"], ["0 W", "1 to"]),
        (["--csv", "run.json"], ["run.json", ".csv"]),
        (["--idle"], ["--idle", "--help"]),
    ],
    ids=" ".join,
)
def test_an_option_given_wrong(place: Place, options: list[str], words: list[str]) -> None:
    result = place.run(place.argv(*options, command=COMMAND))
    assert_refused(place, result, 2, *words)
    assert_nothing_made(place)


@pytest.mark.parametrize("end", [[], ["--"]], ids=["nothing", "nothing after --"])
def test_no_command(place: Place, end: list[str]) -> None:
    result = place.run([*WATTUI, "--headless", "--csv", "run.csv", *end])
    assert_refused(place, result, 2, "command", "--")
    assert_nothing_made(place)


def test_a_command_without_the_two_dashes(place: Place) -> None:
    result = place.run([*WATTUI, "--headless", "--csv", "run.csv", "touch", "started"])
    assert_refused(place, result, 2, "touch")
    assert_nothing_made(place)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rate = 10\n", ["'rate'", "rate_hz"]),
        ("rate_hz = \n", ["TOML", "correct or remove"]),
        ("idle_s = 'long'\n", ["idle_s", "'long'", "number"]),
        ("estimate = 1\n", ["estimate", "true or false"]),
        ("rate_hz = true\n", ["rate_hz", "number"]),
        ("rate_hz = 5000\n", ["5000", "1000"]),
        ("idle_s = nan\n", ["idle_s", "0 to"]),
        ("[recording]\nidle_s = 1\n", ["'recording'"]),
    ],
)
def test_a_configuration_file_that_is_wrong(place: Place, text: str, words: list[str]) -> None:
    (place.path / "config.toml").write_text(text)
    result = place.run(place.argv(command=COMMAND))
    assert_refused(place, result, 2, str(place.path / "config.toml"), *words)
    assert_nothing_made(place, "config.toml")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None], ids=["no text", "a directory"])
def test_a_configuration_file_that_cannot_be_read(place: Place, content: bytes | None) -> None:
    path = place.path / "config.toml"
    path.mkdir() if content is None else path.write_bytes(content)
    result = place.run(place.argv(command=COMMAND))
    assert_refused(place, result, 2, str(path), "fix: ")


def test_a_configuration_file_sets_defaults_and_the_command_line_wins(place: Place) -> None:
    (place.path / "config.toml").write_text("rate_hz = 50\nidle_s = 0.3\nestimate = false\n")
    argv = [*WATTUI, "--headless", "--quiet", "--csv", str(place.csv), "--rate", "20"]
    assert place.run([*argv, "--", "true"]).status == 0
    run = place.run_json()
    assert run["sampling"]["rate_asked_hz"] == 20
    assert "est_cpu_J" not in place.rows()[0]
    assert [phase["phase"] for phase in run["summary"]["phases"]] == ["idle", "running"]


@pytest.mark.parametrize("need", ["gpu", "dram", "measured"])
def test_a_required_sensor_that_is_missing(place: Place, need: str) -> None:
    if need != "gpu" and Path("/sys/class/powercap/intel-rapl:0").exists():
        pytest.skip("this machine may have that sensor")
    if need in ("gpu", "measured") and Path("/dev/nvidia0").exists():
        pytest.skip("this machine has a GPU")
    result = place.run(place.argv("--require", need, "--no-estimate", command=COMMAND))
    assert_refused(place, result, 3, f"--require {need}", "wattui doctor")
    assert "estimate:" not in result.lines[0], "it would not help"
    assert_nothing_made(place)


def test_a_program_that_is_not_there(place: Place) -> None:
    result = place.run(place.argv(command=["no-such-program", "x"]))
    assert_refused(place, result, 127, "no-such-program")
    assert_nothing_made(place)


@pytest.mark.parametrize("program", ["", "./nowhere/infer", "."])
def test_a_program_name_that_is_no_program(place: Place, program: str) -> None:
    assert_refused(place, place.run(place.argv(command=[program])), 127)
    assert_nothing_made(place)


def test_a_program_that_is_not_executable(place: Place) -> None:
    (place.path / "infer.py").write_text("print('hello')\n")
    result = place.run(place.argv(command=["./infer.py"]))
    assert_refused(place, result, 127, "infer.py", "chmod +x")
    assert_nothing_made(place, "infer.py")


@pytest.mark.parametrize("content", ["print('no first line')\n", "#!/no/such/interpreter\n"])
@pytest.mark.parametrize("tap", [[], ["--count-match", "x"]], ids=["plain", "tapped"])
def test_a_program_that_the_system_cannot_start(place: Place, content: str, tap: list[str]) -> None:
    program = place.path / "infer.py"
    program.write_text(content)
    program.chmod(0o755)
    result = place.run(place.argv("--quiet", *tap, command=["./infer.py"]))
    assert_refused(place, result, 127, "infer.py")
    assert place.processes() == [], "the recorder outlives wattui"
    if place.csv.exists():
        assert place.rows()
        assert place.run_json()["status"] != "recording"


@pytest.mark.parametrize("name", ["run.csv", "run.json"])
def test_an_existing_file_is_refused_and_left_alone(place: Place, name: str) -> None:
    (place.path / name).write_text("precious\n")
    result = place.run(place.argv(command=COMMAND))
    assert_refused(place, result, 2, name, "--force")
    assert (place.path / name).read_text() == "precious\n"
    assert_nothing_made(place, name)


def test_a_link_that_leads_nowhere_is_refused_as_well(place: Place) -> None:
    place.csv.symlink_to("elsewhere")
    assert_refused(place, place.run(place.argv(command=COMMAND)), 2, "run.csv", "--force")
    assert_nothing_made(place, "run.csv")


def test_force_replaces_both_files_whole(place: Place) -> None:
    place.csv.write_text("old\n" * 100_000)
    place.csv.with_suffix(".json").write_text("old")
    assert place.record("--quiet", "--force").status == 0
    assert place.rows()[0]["time_s"] == "0.000000"
    assert place.run_json()["status"] == "finished"
    assert "old" not in place.csv.read_text()


@pytest.mark.parametrize("force", [[], ["--force"]], ids=["", "--force"])
def test_a_directory_in_place_of_the_file(place: Place, force: list[str]) -> None:
    place.csv.mkdir()
    assert_refused(place, place.run(place.argv(*force, command=COMMAND)), 2, "run.csv")
    assert_nothing_made(place, "run.csv")


@pytest.mark.parametrize("where", ["missing/run.csv", "file/run.csv"])
def test_a_file_in_a_directory_that_is_not_there(place: Place, where: str) -> None:
    (place.path / "file").write_text("")
    result = place.run(place.argv("--csv", where, command=COMMAND))
    assert_refused(place, result, 2, where, "--csv")
    assert_nothing_made(place, "file")


def test_a_target_that_is_read_only(place: Place, request: pytest.FixtureRequest) -> None:
    if os.geteuid() == 0:
        make_disk: MakeDisk = request.getfixturevalue("make_disk")
        target = make_disk("ro")
    else:
        target = place.path / "locked"
        target.mkdir(mode=0o555)
    result = place.run(place.argv("--csv", str(target / "run.csv"), command=COMMAND))
    assert_refused(place, result, 2, str(target / "run.csv"), "--csv")
    assert list(target.iterdir()) == []


def test_a_disk_that_is_full_from_the_start(place: Place, make_disk: MakeDisk) -> None:
    disk = make_disk("size=16k")
    (disk / "filler").write_bytes(b"x" * 16384)
    result = place.run(place.argv("--csv", str(disk / "run.csv"), command=COMMAND))
    assert_refused(place, result, 2, str(disk / "run.csv"), "--csv")
    assert [path.name for path in disk.iterdir()] == ["filler"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["summary", "no.csv"],
        ["summary", "other.csv"],
        ["summary"],
        ["mark"],
        ["mark", "--count", "-1"],
        ["doctor", "--no"],
        [],
        ["--simulate"],
    ],
    ids=" ".join,
)
def test_a_subcommand_given_wrong(place: Place, arguments: list[str]) -> None:
    (place.path / "other.csv").write_text("a,b\n1,2\n")
    assert_refused(place, place.run([*WATTUI, *arguments]), 2)
    assert_nothing_made(place, "other.csv")


@pytest.mark.parametrize("content", ["", "time_s\n", "\x00\xff", "time_s,time_utc,phase\n1,2\n"])
def test_a_summary_of_something_else(place: Place, content: str) -> None:
    (place.path / "other.csv").write_text(content)
    assert_refused(place, place.run([*WATTUI, "summary", "other.csv"]), 2, "other.csv")


def test_a_recorder_that_cannot_start_is_one_line(place: Place) -> None:
    long = place.temporary / ("x" * 120)
    long.mkdir()
    environment = place.environment | {"TMPDIR": str(long)}
    result = place.run(place.argv(command=COMMAND), env=environment)
    if result.status == 0:
        assert (place.path / "started").exists(), "a long TMPDIR is no hindrance"
        return
    assert len(result.lines) == 1, result.lines
    assert not (place.path / "started").exists()
    assert_nothing_made(place)


@pytest.mark.parametrize("most", [8, 9, 10])
def test_too_few_files_may_be_open(place: Place, most: int) -> None:
    limited = ["sh", "-c", f'ulimit -n {most}; exec "$@"', "sh", *WATTUI]
    result = place.run([*limited, "--headless", "--idle", "0", "--csv", "run.csv", "--", *COMMAND])
    assert_refused(place, result, 2, f"only {most} files", "fix: ulimit -n 64")


def test_a_workload_asked_for_by_wattui_answers_as_wattui(place: Place) -> None:
    result = place.run([*WATTUI, "workloads", "none"])
    assert_refused(place, result, 2, "invalid choice: 'none'", "wattui workloads --help")
