"""Command-line input: one clear line for each error, help for the rest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wattui import __version__
from wattui.cli import SUBCOMMANDS, WORKLOADS, main, split_command
from wattui.commands.main_options import main_parser
from wattui.errors import NOT_STARTED, USAGE

HEADLESS = ["--headless", "--quiet"]
COMMAND = ["--", "true"]


@pytest.fixture(autouse=True)
def _no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATTUI_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.delenv("WATTUI_RUN", raising=False)
    monkeypatch.chdir(tmp_path)


def status_of(arguments: list[str]) -> int:
    try:
        return main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], status: int = USAGE) -> str:
    """The one line on stderr for arguments that are refused before anything starts."""
    assert status_of(arguments) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("wattui: ")
    assert err.endswith("\n")
    assert len(err.splitlines()) == 1, err
    return err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rate", "0"], ["wattui: --rate 0: ", "0.1 to 1000"]),
        (["--rate", "1e6"], ["--rate 1e+06: ", "0.1 to 1000"]),
        (["--rate", "nan"], ["0.1 to 1000"]),
        (["--rate", "fast"], ["--rate", "not a number: 'fast'", "--help"]),
        (["--idle", "-1"], ["wattui: --idle -1: ", "0 to 86400"]),
        (["--idle-after", "nan"], ["wattui: --idle-after nan: ", "0 to 86400"]),
        (["--cooldown", "inf"], ["wattui: --cooldown inf: ", "0 to 86400"]),
        (["--tdp", "0"], ["wattui: --tdp 0: ", "1 to 10000"]),
        (["--inferences", "0"], ["--inferences 0", "1 or more"]),
        (["--inferences", "many"], ["--inferences", "not a whole number: 'many'"]),
        (["--repeats", "0"], ["--repeats 0", "1 or more"]),
        (["--ab", "true", "false"], ["both commands", "leave out"]),
        (["--ab-labels", "a", "b"], ["add --ab"]),
        (["--target", "1%", "--repeats", "2"], ["3 repeats or more", "--repeats 30"]),
        (["--count-match", "("], ["--count-match", "regular expression", "backslash"]),
        (["--phase-match", "["], ["--phase-match", "regular expression", "backslash"]),
        (["--inferences", "5", "--count-match", "x"], ["--inferences and --count-match"]),
        (["--require", "psys"], ["--require", "measured"]),
        (["--csv", "run.json"], ["run.json", ".csv"]),
        (["--bogus"], ["--bogus", "--help"]),
        (["--quie"], ["unknown option --quie", "did you mean --quiet?"]),
        (["--rat=5"], ["unknown option --rat=5", "did you mean --rate?"]),
        (["infer.py"], ["infer.py", "--help"]),
        (["--completion", "fish"], ["fish", "bash"]),
    ],
)
def test_what_is_wrong_is_named_with_its_mend(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    line = refused(capsys, [*HEADLESS, *arguments, *COMMAND])
    assert all(word in line for word in words), line


BENCH = Path(__file__).parents[1] / "bench"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["terminal", "wattui --headless"]),
        (["--headless"], ["no command", "--", "infer.py"]),
        (["--csv", "run.csv", "--", "true"], ["needs --headless", "fix:"]),
        (["--csv", "run.csv"], ["--csv needs --headless", "fix:"]),
        (["--ab", "true", "false"], ["--ab needs --headless", "fix:"]),
        (["--count-match", "x"], ["--count-match needs --headless", "fix:"]),
        (["--headless", "--"], ["no command"]),
        (["--headless", "--ab", "true", "'false"], ["no closing quotation", "close the quotes"]),
        (["--headless", "--ab", "true", ""], ["empty command"]),
        (["--headless", "--ab", "true", "true", "--repeats", "1"], ["one pair", "--repeats 6"]),
        (["--headless", "--ab", "true", "true", "--label", "x"], ["--ab-labels"]),
        (["--headless", "--ab", "true", "true", "--ab-labels", "a", "a"], ["different names"]),
        (["--headless", "--ab", "true", "true", "--ab-labels", "a", "b/c"], ["without a slash"]),
        (["sumary", "run.csv"], ["'sumary'", "did you mean `wattui summary`?"]),
        (["workload"], ["did you mean `wattui workloads`?"]),
        (["run.csv"], ["'run.csv'", "`wattui summary FILE`", "`wattui --replay FILE`"]),
        (["summary", "--jsn", "x.csv"], ["unknown option --jsn", "did you mean --json?"]),
        (["summary"], ["FILE", "wattui summary --help"]),
        (["summary", "missing.csv"], ["missing.csv", "no such file"]),
        (["summary", str(BENCH)], ["bench", "no run file"]),
        (["doctor", "--bogus"], ["--bogus", "wattui doctor --help"]),
        (["mark"], ["PHASE", "--end", "--count"]),
        (["mark", "--count", "-3"], ["--count -3", "0 or more"]),
        (["mark", "--count", "x"], ["--count", "wattui mark --help"]),
        (["mark", "idle", "--of", "tokens_out"], ["--of tokens_out", "--count N"]),
        (["mark", "--count", "3", "--of", "Tokens"], ["--of", "'Tokens'", "a to z"]),
    ],
)
def test_what_is_missing_is_named_with_its_mend(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    line = refused(capsys, arguments)
    assert all(word in line for word in words), line


@pytest.mark.parametrize(
    "arguments",
    [
        ["summary", "none.csv"],
        ["compare", "none.csv", "b.csv"],
        ["compare", "none.json", "none.csv"],
        ["fit", "none.csv", "--against", "macs"],
        ["predict", "--macs", "3", "--fit", "none.json"],
        ["report", "none.csv", "-o", "a.html"],
        ["export", "none.csv", "a.md"],
        ["import", "none.csv", "--out", "b.csv"],
        ["import", "log.csv", "--idle", "none.csv", "--out", "b.csv"],
        ["workloads", "model", "none.json"],
    ],
)
def test_every_command_says_the_same_of_a_file_that_is_missing(
    capsys: pytest.CaptureFixture[str], arguments: list[str], tmp_path: Path
) -> None:
    rows = [f"2024/01/01 00:00:0{second}.000, 50 W" for second in range(3)]
    (tmp_path / "log.csv").write_text("\n".join(["timestamp, power.draw [W]", *rows, ""]))
    line = refused(capsys, arguments)
    assert re.search(r"none\.(csv|json): no such file: check the name$", line), line


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_recording_into_a_folder_that_is_missing_names_the_folder(
    capsys: pytest.CaptureFixture[str], force: list[str]
) -> None:
    line = refused(capsys, ["--headless", "--csv", "none/run.csv", *force, *COMMAND])
    assert line == "wattui: --csv none/run.csv: no such folder: none: check the name\n"


@pytest.mark.parametrize("text", ["", "name,value\na,1\n", "time_s\n", "\x00\xff", "time_s," * 9])
def test_a_file_that_is_no_run_file_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    (tmp_path / "other.csv").write_text(text, encoding="latin-1")
    assert "is not a run file" in refused(capsys, ["summary", "other.csv"])


def test_an_unknown_configuration_key_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text("speed = 1\n")
    assert "unknown key 'speed'" in refused(capsys, [*HEADLESS, *COMMAND])


@pytest.mark.parametrize(
    ("program", "words"),
    [("no-such-program", "no such program"), ("./missing", "no such"), ("./data", "chmod +x")],
)
def test_a_command_that_cannot_be_started_is_127(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, program: str, words: str
) -> None:
    (tmp_path / "data").touch()
    assert words in refused(capsys, [*HEADLESS, "--", program], status=NOT_STARTED)


def test_an_existing_run_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run.csv").write_text("precious\n")
    arguments = [*HEADLESS, "--idle", "0", "--csv", "run.csv", "--", "touch", "started"]
    ended = subprocess.run(
        [sys.executable, "-m", "wattui", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (ended.returncode, ended.stdout) == (USAGE, "")
    assert "--force" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert (tmp_path / "run.csv").read_text() == "precious\n"
    assert not (tmp_path / "started").exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_characters="-"), max_size=8), max_size=4))
@example(["--two\nlines"])
@example(["--rate", "1\n2"])
@example(["--csv", "a\nb.json"])
def test_any_nonsense_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    refused(capsys, [*HEADLESS, *arguments, "--repeats", "0", *COMMAND])


@given(st.lists(st.text().filter(lambda text: text != "--")), st.lists(st.text()))
def test_everything_after_the_first_double_dash_is_the_command(
    own: list[str], command: list[str]
) -> None:
    assert split_command([*own, "--", *command]) == (own, command)


@given(st.lists(st.text().filter(lambda text: text != "--")))
def test_without_a_double_dash_there_is_no_command(own: list[str]) -> None:
    assert split_command(own) == (own, [])


def test_the_usage_names_every_subcommand() -> None:
    named = set(re.findall(r"\w+", main_parser().format_usage()))
    assert {*SUBCOMMANDS, WORKLOADS} <= named


def test_help_shows_every_option_and_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    options = [name for action in main_parser()._actions for name in action.option_strings]
    assert all(option in out for option in options if option != "-h")
    assert "wattui summary" in out
    assert "exit codes" in out


@pytest.mark.parametrize("name", ["summary", "doctor", "mark"])
def test_each_subcommand_has_help_of_its_own(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert status_of([name, "--help"]) == 0
    assert f"usage: wattui {name}" in capsys.readouterr().out


def test_help_of_the_command_is_the_commands_own() -> None:
    assert split_command(["--headless", "--", "infer", "--help"])[1] == ["infer", "--help"]


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["--version"]) == 0
    assert capsys.readouterr().out == f"wattui {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_completion_script_is_data_on_stdout(
    capsys: pytest.CaptureFixture[str], shell: str
) -> None:
    assert status_of(["--completion", shell]) == 0
    assert "count-match" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["running", "--label", "b32"],
        ["--end"],
        ["--count", "5"],
        ["--count", "0", "--of", "tokens_out"],
        ["--note", "hello"],
    ],
)
def test_a_mark_outside_a_recording_does_nothing(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert status_of(["mark", *arguments]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "arguments", [["--version"], ["doctor", "--help"], ["--completion", "bash"]]
)
@pytest.mark.parametrize(
    ("output", "reason"),
    [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")],
)
def test_output_that_cannot_be_written_is_one_line(
    arguments: list[str], output: str, reason: str
) -> None:
    argv = [sys.executable, "-m", "wattui", *arguments]
    environ = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    script = ["sh", "-c", f'"$@" {output}', "sh", *argv]
    done = subprocess.run(script, check=False, stderr=subprocess.PIPE, env=environ, text=True)
    assert (done.returncode, done.stderr) == (1, f"wattui: standard output: {reason}\n")


def test_a_mark_needs_no_output() -> None:
    argv = [sys.executable, "-m", "wattui", "mark", "running"]
    done = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *argv], check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_dashboard_in_a_browser_exports_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert "fix: leave out --web" in refused(capsys, ["--web", "--prometheus", "0"])


STARTED = object()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The recorders that were started in advance, by a command line on a terminal."""
    found: list[object] = []

    def start() -> object:
        found.append(STARTED)
        return STARTED

    monkeypatch.setattr("wattui.cli.os.isatty", lambda _: True)
    monkeypatch.setattr("recorders.own_process.start_recorder", start)
    return found


def test_the_dashboard_takes_over_a_recorder_that_started_before_its_options_were_read(
    started: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def show(options: object, recorder: object) -> int:
        assert [recorder] == started == [STARTED]
        return 7

    monkeypatch.setattr("wattui.tui.start.main", show)
    assert main(["--rate", "5"]) == 7


@pytest.mark.parametrize("option", ["--help", "-h", "--version", "--replay=x.csv", "--headless"])
def test_no_recorder_starts_in_advance_where_none_is_needed(
    started: list[object], option: str
) -> None:
    status_of([option])
    assert not started
