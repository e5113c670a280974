"""The command line: calls what is asked for; the one place where errors become exit codes."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import resource
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from wattui.errors import UsageError, WattuiError
from wattui.folders import working_directory
from wattui.own_packages import prefer_own
from wattui.show.printing import cleaning, say

if TYPE_CHECKING:
    import subprocess

# A subcommand's module is imported when it is called.
SUBCOMMANDS = {
    "summary": "summary",
    "doctor": "doctor",
    "calibrate": "calibrate",
    "status": "status",
    "mark": "mark",
    "compare": "compare",
    "ci": "ci",
    "fit": "fit",
    "predict": "predict",
    "report": "report",
    "history": "history",
    "import": "import_logs",
    "export": "export",
    "merge": "merge",
    "tokens": "tokens",
    "fleet": "fleet",
}
WORKLOADS = "workloads"
# Options that the dashboard asks for in its own screens, or has no use for.
HEADLESS_ONLY = (
    "csv",
    "force",
    "quiet",
    "width",
    "require_uncertainty",
    "repeats",
    "target",
    "ab",
    "ab_labels",
    "label",
    "phase_match",
    "inferences",
    "count_match",
    "per",
)
# With these there is no dashboard, or one without a recorder.
NO_RECORDER = frozenset(
    {"--headless", "--replay", "--web", "--help", "-h", "--version", "--completion"}
)
# Errors of writes. Those to files are reported with the file's name, so these are of the output.
UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EBADF)


def main(argv: Sequence[str] | None = None) -> int:
    """Run wattui; returns the exit status. Errors become one line on stderr."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    prefer_own()
    # A workload's output is left alone, like that of any other program.
    with contextlib.nullcontext() if arguments[:1] == [WORKLOADS] else cleaning():
        return _exit_status(arguments)


def _exit_status(arguments: list[str]) -> int:
    try:
        return _written(arguments)
    except WattuiError as error:
        say(str(error))
        return error.status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0  # the reader of our output has gone away
    except Exception as error:  # a person gets one line, never a traceback
        if isinstance(error, OSError) and (fault := _system_fault(error)):
            say(str(fault))
            return fault.status
        if os.environ.get("WATTUI_TRACEBACK"):
            raise
        say(
            f"{type(error).__name__}: {error}: this is a bug in wattui: set WATTUI_TRACEBACK=1 for "
            "a traceback, and please report it"
        )
        return WattuiError.status
    finally:
        _let_go_of_streams()


def _written(arguments: list[str]) -> int:
    """Do what is asked for; its output is written. Raises OSError if that fails."""
    try:
        status = _main(arguments)
    except SystemExit as request:  # --help and --version
        status = int(request.code or 0)
    if not status and sys.stdout:
        sys.stdout.flush()
    return status


def _system_fault(error: OSError) -> WattuiError | None:
    """An error that has to do with the system and not with wattui."""
    if error.filename is None and error.errno in UNWRITTEN:
        return WattuiError(f"standard output: {error.strerror}")
    if working_directory() is None:
        return UsageError("the working directory is gone: fix: cd to a directory that exists")
    if error.errno == errno.ENAMETOOLONG:
        name = str(error.filename)[:40]
        return UsageError(f"{error.strerror}: {name}…: fix: use a shorter name")
    if error.errno == errno.EMFILE:
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return UsageError(
            f"only {most} files may be open at once, which is too few: fix: ulimit -n 64"
        )
    return None


def _main(arguments: list[str]) -> int:
    if arguments and arguments[0] in SUBCOMMANDS:
        module = _module(arguments[0])
        return module.main(_parsed(module.parser(), arguments[1:]))
    if arguments and arguments[0] == WORKLOADS:
        from workloads.cli import main as run_workload

        return run_workload(arguments[1:], f"wattui {WORKLOADS}")
    own, command = split_command(arguments)
    recorder = _recorder_in_advance(own)
    from wattui.commands.main_options import main_parser

    options = _parsed(main_parser(), own, [*SUBCOMMANDS, WORKLOADS])
    if options.completion:
        import shtab

        print(shtab.complete(_whole_parser(), options.completion))  # noqa: T201  stdout is data
        return 0
    if options.counters == ("list",):
        from wattui.commands import counters

        return counters.main()
    if options.web:
        if options.prometheus or options.otlp:
            raise UsageError(
                "--web starts a dashboard for each visitor, which cannot share --prometheus or "
                "--otlp: fix: leave out --web"
            )
        from wattui.web import serve

        return serve.main([a for a in own if a != "--web"], options.port)
    if not options.headless:
        if command:
            raise UsageError(
                "a command after -- needs --headless: fix: add it, or press l in the dashboard"
            )
        if given := [name for name in HEADLESS_ONLY if getattr(options, name)]:
            name = given[0].replace("_", "-")
            raise UsageError(f"--{name} needs --headless: fix: add it, or leave out --{name}")
        from wattui.tui import start

        return start.main(options, recorder)
    if options.csv and options.csv.endswith("/"):  # a folder: the recording of a whole job
        from wattui.fleet import recording

        return recording.main(options, command)
    from wattui.capture import headless

    return headless.main(options, command)


def _recorder_in_advance(own: list[str]) -> subprocess.Popen[bytes] | None:
    """A recorder that starts while this process does, if the dashboard seems to be asked for.

    One started in vain ends with this process.
    """
    if not os.isatty(0) or any(each.partition("=")[0] in NO_RECORDER for each in own):
        return None
    from recorders.own_process import start_recorder

    return start_recorder()


class _Subcommand(Protocol):
    """The module of a subcommand."""

    def parser(self) -> argparse.ArgumentParser: ...

    def main(self, options: argparse.Namespace) -> int: ...


def _module(name: str) -> _Subcommand:
    return cast("_Subcommand", import_module(f"wattui.commands.{SUBCOMMANDS[name]}"))


def split_command(arguments: list[str]) -> tuple[list[str], list[str]]:
    """wattui's own arguments and the command's: everything after the first `--`."""
    if "--" not in arguments:
        return arguments, []
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def _parsed(
    parser: argparse.ArgumentParser, arguments: list[str], commands: Sequence[str] = ()
) -> argparse.Namespace:
    options, loose = parser.parse_known_args(arguments)
    if loose:
        from wattui.commands.unknown import refusal

        known = [name for action in parser._actions for name in action.option_strings]
        raise UsageError(refusal(loose, parser.prog, known, commands))
    return options


def _whole_parser() -> argparse.ArgumentParser:
    """Main command and subcommands in one parser, for completion."""
    from wattui.commands.main_options import main_parser
    from workloads.arguments import make_parser
    from workloads.catalogue import catalogue

    parser = main_parser()
    commands = parser.add_subparsers()
    parts = {name: _module(name).parser() for name in SUBCOMMANDS}
    for name, part in (parts | {WORKLOADS: make_parser(catalogue())}).items():
        commands.add_parser(name, parents=[part], conflict_handler="resolve", help=part.description)
    return parser


def _let_go_of_streams() -> None:
    """Flush now: a stream that nobody reads would turn the exit status into 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream:
                stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    sys.exit(main())
