"""The command line: options, subcommands, and the one place where errors become exit codes."""

from __future__ import annotations

import argparse
import contextlib
import errno
import math
import os
import resource
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from wattui import __version__
from wattui.capture.run_names import working_directory
from wattui.clean import one_line
from wattui.commands.parser import Parser
from wattui.errors import UsageError, WattuiError
from wattui.own_packages import prefer_own
from wattui.show.printing import cleaning
from wattui.show.width import add_width

DESCRIPTION = "Shows and records CPU, DRAM and GPU energy, with idle and running phases."

# A subcommand's module is imported when it is called.
SUBCOMMANDS = {
    "summary": "summary",
    "doctor": "doctor",
    "mark": "mark",
    "compare": "compare",
    "fit": "fit",
    "predict": "predict",
    "report": "report",
    "import": "import_logs",
    "export": "export",
}
WORKLOADS = "workloads"

EPILOG = """\
examples:
  wattui
  wattui --replay run.csv --speed 10
  wattui --headless --csv run.csv -- python infer.py
  wattui --headless --csv run.csv --inferences 10000 --repeats 5 -- ./infer
  wattui --headless --csv run.csv --count-match 'batch of (\\d+)' -- ./server --bench
  wattui --headless --csv kws.csv -- wattui workloads kws --bsize 1,8,64
  wattui summary run.csv
  wattui compare before.csv after.csv --max-regression 5%
  wattui fit kws.csv lenet.csv alexnet.csv --against macs --json fit.json
  wattui predict resnet50 --fit fit.json
  wattui report run.csv -o report.html
  wattui import gpu.csv --out run.csv --inferences 10000
  wattui doctor

exit codes: that of the command; 1 the recording is incomplete; 2 invalid usage; 3 a sensor
named by --require is missing; 4 worse than --max-regression allows (2: it does not judge one run
against one, or runs without a common label); 127 the command cannot be started.
Defaults may be set in a configuration file: `wattui doctor` says where.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run wattui; returns the exit status. Errors become one line on stderr."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    prefer_own()
    # A workload's output is left alone, like that of any other program.
    with contextlib.nullcontext() if arguments[:1] == [WORKLOADS] else cleaning():
        return _exit_status(arguments)


def _exit_status(arguments: list[str]) -> int:
    try:
        return _main(arguments)
    except SystemExit as request:  # --help and --version
        return int(request.code or 0)
    except WattuiError as error:
        _say(f"wattui: {error}")
        return error.status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0  # the reader of our output has gone away
    except Exception as error:  # a person gets one line, never a traceback
        if isinstance(error, OSError) and working_directory() is None:
            _say("wattui: the working directory is gone: fix: cd to a directory that exists")
            return UsageError.status
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            _say(f"wattui: {error.strerror}: {str(error.filename)[:40]}…: fix: use a shorter name")
            return UsageError.status
        if isinstance(error, OSError) and error.errno == errno.EMFILE:
            most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            _say(
                f"wattui: only {most} files may be open at once, which is too few: fix: ulimit "
                "-n 64"
            )
            return UsageError.status
        if os.environ.get("WATTUI_TRACEBACK"):
            raise
        _say(
            f"wattui: {type(error).__name__}: {error}: this is a bug in wattui: set "
            "WATTUI_TRACEBACK=1 for a traceback, and please report it"
        )
        return WattuiError.status
    finally:
        _let_go_of_streams()


def _main(arguments: list[str]) -> int:
    if arguments and arguments[0] in SUBCOMMANDS:
        module = _module(arguments[0])
        return module.main(module.parser().parse_args(arguments[1:]))
    if arguments and arguments[0] == WORKLOADS:
        from workloads.cli import main as run_workload

        return run_workload(arguments[1:], f"wattui {WORKLOADS}")
    own, command = split_command(arguments)
    options, loose = main_parser().parse_known_args(own)
    if loose and loose[0].startswith("-"):
        raise UsageError(f"unknown option {' '.join(loose[0].split())}: see `wattui --help`")
    if loose:
        raise UsageError(
            f"unexpected argument {' '.join(loose[0].split())!r}: a command goes after --: see "
            "`wattui --help`"
        )
    if options.completion:
        import shtab

        print(shtab.complete(_whole_parser(), options.completion))  # noqa: T201  stdout is data
        return 0
    if options.web:
        from wattui.web import serve

        return serve.main([a for a in own if a != "--web"], options.port)
    if not options.headless:
        if command:
            raise UsageError(
                "a command after -- needs --headless: fix: add it, or press l in the dashboard"
            )
        from wattui.tui import start

        return start.main(options)
    from wattui.capture import headless

    return headless.main(options, command)


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


def main_parser() -> argparse.ArgumentParser:
    """Build the parser of the main command."""
    parser = Parser(
        prog="wattui",
        usage="wattui [options]\n"
        "       wattui --headless [--csv FILE] [options] -- COMMAND [ARGUMENT ...]\n"
        "       wattui summary | compare | fit | predict | report\n"
        "       wattui import | export | doctor | mark | workloads",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"wattui {__version__}")
    parser.add_argument("--headless", action="store_true", help="record without the dashboard")
    from wattui.config import CHOICES

    shown = parser.add_argument_group("dashboard")
    shown.add_argument("--replay", metavar="FILE", help="play a run file back")
    shown.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="X",
        help="playback speed: 10, 0.5, or max (default: 1)",
    )
    shown.add_argument(
        "--theme",
        choices=CHOICES["theme"],
        help="colours (default: dark)",
    )
    shown.add_argument(
        "--ascii", action="store_true", default=None, help="draw with ASCII characters only"
    )
    shown.add_argument(
        "--web",
        action="store_true",
        help="serve the dashboard to a browser on this machine (needs wattui[web])",
    )
    shown.add_argument(
        "--port", type=int, default=8000, metavar="N", help="port for --web (default: 8000)"
    )
    out = parser.add_argument_group("recording")
    out.add_argument(
        "--csv", metavar="FILE", help="run file to write (default: wattui-DATE-TIME.csv)"
    )
    out.add_argument("--force", action="store_true", help="replace an existing file")
    out.add_argument("--quiet", action="store_true", help="print no progress and no summary")
    add_width(out)
    out.add_argument(
        "--rate", type=float, metavar="HZ", help="samples per second, up to 1000 (default: 10)"
    )
    out.add_argument(
        "--all-gpus",
        action="store_true",
        default=None,
        help="also record GPUs that CUDA_VISIBLE_DEVICES hides",
    )
    out.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="WHAT",
        choices=("measured", "gpu", "dram"),
        help="refuse to start without: measured, gpu or dram energy",
    )
    out.add_argument(
        "--estimate",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="estimate processor power where none is measured (default: on)",
    )
    out.add_argument("--tdp", type=float, metavar="W", help="thermal design power to estimate from")
    out.add_argument(
        "--simulate",
        action="store_true",
        help="add a simulated power curve (sim_ columns) to try things out",
    )
    when = parser.add_argument_group("phases")
    when.add_argument(
        "--idle",
        type=float,
        metavar="S",
        help="seconds of idle baseline before the command (default: 10)",
    )
    when.add_argument(
        "--idle-after", type=float, metavar="S", help="seconds of idle after it (default: 0)"
    )
    when.add_argument(
        "--cooldown",
        type=float,
        metavar="S",
        help="seconds of rest between repeats and before --idle-after (default: 10)",
    )
    when.add_argument(
        "--repeats",
        type=int,
        default=1,
        metavar="N",
        help="run the command N times, each in a fresh process",
    )
    when.add_argument("--label", default="", metavar="TEXT", help="label of the running phases")
    when.add_argument(
        "--phase-match",
        metavar="REGEX",
        help="start a phase at each output line that matches; groups (?P<phase>) and (?P<label>) "
        "name it",
    )
    count = parser.add_argument_group("counting inferences")
    count.add_argument("--inferences", type=int, metavar="N", help="the command runs N inferences")
    count.add_argument(
        "--count-match",
        metavar="REGEX",
        help="count the number in the first group of each output line that matches, or 1; "
        "(?P<total>) is a running total",
    )
    parser.add_argument(
        "--completion",
        choices=("bash", "zsh", "tcsh"),
        help="print a completion script for this shell",
    )
    return parser


def _speed(text: str) -> float:
    """Parse a speed above 0; `max` is as fast as possible."""
    try:
        speed = math.inf if text == "max" else float(text)
    except ValueError:
        speed = math.nan
    if not speed > 0:
        raise argparse.ArgumentTypeError(f"must be a number above 0, or max: {text!r}")
    return speed


def _whole_parser() -> argparse.ArgumentParser:
    """Main command and subcommands in one parser, for completion."""
    parser = main_parser()
    commands = parser.add_subparsers()
    from workloads.arguments import make_parser
    from workloads.catalogue import catalogue

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


def _say(line: str) -> None:
    # With stderr closed, the exit status is all that can be given.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(one_line(line), file=sys.stderr, flush=True)  # noqa: T201  the one place for errors


if __name__ == "__main__":
    sys.exit(main())
