"""The command line: options, subcommands, and the one place where errors become exit codes."""

from __future__ import annotations

import argparse
import contextlib
import errno
import math
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

from wattui import __version__
from wattui.clean import one_line
from wattui.errors import UsageError, WattuiError
from wattui.own_packages import prefer_own
from wattui.record.run_names import working_directory
from wattui.show.printing import cleaning
from wattui.show.width import add_width

DESCRIPTION = "Shows and records CPU, DRAM and GPU energy, with idle and running phases."

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

exit codes: that of the command; 1 the recording is incomplete; 2 something given was wrong;
3 a sensor named by --require is missing; 4 worse than --max-regression allows (2: it does
not judge one run against one); 127 the command cannot be started.
Defaults may be set in a configuration file: `wattui doctor` says where.
"""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(f"{' '.join(message.split())}: see `{self.prog} --help`")


def main(argv: Sequence[str] | None = None) -> int:
    """Run wattui; returns the exit status. Errors become one line on stderr."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    prefer_own()
    # What a workload prints is its own, as that of any other program is.
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
        return 0  # whoever read our output has left
    except Exception as error:  # a person gets one line, never a traceback
        if isinstance(error, OSError) and working_directory() is None:
            _say("wattui: the working directory is gone: fix: cd to a directory that exists")
            return UsageError.status
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            _say(f"wattui: {error.strerror}: {str(error.filename)[:40]}…: give a shorter name")
            return UsageError.status
        if os.environ.get("WATTUI_TRACEBACK"):
            raise
        _say(
            f"wattui: {type(error).__name__}: {error}: this is a fault in wattui: "
            "set WATTUI_TRACEBACK=1 for its place, and report it"
        )
        return WattuiError.status
    finally:
        _let_go_of_streams()


def _main(arguments: list[str]) -> int:
    if arguments and arguments[0] in _SUBCOMMANDS:
        parser, work = _SUBCOMMANDS[arguments[0]]
        return work(parser().parse_args(arguments[1:]))
    if arguments and arguments[0] == WORKLOADS:
        from workloads.cli import main as run_workload

        return run_workload(arguments[1:], f"wattui {WORKLOADS}")
    own, command = split_command(arguments)
    options, loose = main_parser().parse_known_args(own)
    if loose and loose[0].startswith("-"):
        raise UsageError(f"unknown option {' '.join(loose[0].split())}: see `wattui --help`")
    if loose:
        raise UsageError(
            f"what is {' '.join(loose[0].split())!r}? A command goes after --: see `wattui --help`"
        )
    if options.completion:
        import shtab

        print(shtab.complete(_whole_parser(), options.completion))  # noqa: T201  stdout is data
        return 0
    if options.web:
        from wattui.web import serve

        return serve.main([a for a in own if a != "--web"], options.port)
    if not options.headless:
        from wattui.tui import start

        return start.main(options)
    from wattui.record import headless

    return headless.main(options, command)


def split_command(arguments: list[str]) -> tuple[list[str], list[str]]:
    """wattui's own arguments and the command's: everything after the first `--`."""
    if "--" not in arguments:
        return arguments, []
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def main_parser() -> argparse.ArgumentParser:
    """The parser of the main command."""
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
        help="how fast: 10, 0.5, or max (default: 1)",
    )
    shown.add_argument(
        "--theme",
        choices=CHOICES["theme"],
        help="colours (default: dark)",
    )
    shown.add_argument("--ascii", action="store_true", default=None, help="draw in ASCII alone")
    shown.add_argument(
        "--web",
        action="store_true",
        help="serve the dashboard to a browser on this machine: needs wattui[web]",
    )
    shown.add_argument(
        "--port", type=int, default=8000, metavar="N", help="port for --web (default: 8000)"
    )
    out = parser.add_argument_group("recording")
    out.add_argument(
        "--csv", metavar="FILE", help="run file to write (default: wattui-DATE-TIME.csv)"
    )
    out.add_argument("--force", action="store_true", help="replace an existing file")
    out.add_argument("--quiet", action="store_true", help="print neither progress nor summary")
    add_width(out)
    out.add_argument(
        "--rate", type=float, metavar="HZ", help="samples per second, up to 1000 (default: 10)"
    )
    out.add_argument(
        "--all-gpus",
        action="store_true",
        default=None,
        help="record GPUs that CUDA_VISIBLE_DEVICES hides as well",
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
        help="add a made-up power curve (sim_ columns), to try things out",
    )
    when = parser.add_argument_group("phases")
    when.add_argument("--idle", type=float, metavar="S", help="idle baseline before (default: 10)")
    when.add_argument("--idle-after", type=float, metavar="S", help="and after (default: 0)")
    when.add_argument(
        "--cooldown",
        type=float,
        metavar="S",
        help="rest between repeats and before --idle-after (default: 10)",
    )
    when.add_argument(
        "--repeats",
        type=int,
        default=1,
        metavar="N",
        help="run the command N times, each as a fresh process",
    )
    when.add_argument("--label", default="", metavar="TEXT", help="label of the running phases")
    when.add_argument(
        "--phase-match",
        metavar="REGEX",
        help="begin a phase at each line of output that matches; groups (?P<phase>) "
        "and (?P<label>) name it",
    )
    count = parser.add_argument_group("counting inferences")
    count.add_argument("--inferences", type=int, metavar="N", help="the command makes N inferences")
    count.add_argument(
        "--count-match",
        metavar="REGEX",
        help="count each line of output that matches: its first group, or one; "
        "(?P<total>) holds a running total",
    )
    parser.add_argument(
        "--completion",
        choices=("bash", "zsh", "tcsh"),
        help="print a completion script for this shell",
    )
    return parser


def _speed(text: str) -> float:
    """A factor above 0; `max` is as fast as it goes."""
    speed = math.inf if text == "max" else float(text)
    if not speed > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return speed


def _whole_parser() -> argparse.ArgumentParser:
    """Main command and subcommands in one parser, for completion."""
    parser = main_parser()
    commands = parser.add_subparsers()
    from workloads.arguments import make_parser
    from workloads.catalogue import catalogue

    makers = {name: make for name, (make, _) in _SUBCOMMANDS.items()}
    for name, make in (makers | {WORKLOADS: lambda: make_parser(catalogue())}).items():
        part = make()
        commands.add_parser(name, parents=[part], conflict_handler="resolve", help=part.description)
    return parser


def _summary_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="wattui summary", description="Recompute the summaries of run files.")
    parser.add_argument(
        "csv",
        nargs="+",
        metavar="FILE",
        help="a run.csv that wattui wrote; several, folders and 'runs/**/*.csv' make a table",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON on stdout")
    parser.add_argument(
        "--mixed", action="store_true", help="take several labels together as one figure"
    )
    add_width(parser)
    return parser


def _summary(options: argparse.Namespace) -> int:
    from wattui.commands import summary as show

    return show.main(options.csv, options.json, options.mixed, options.width)


def _doctor_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="wattui doctor",
        description="Show every source with a live reading, or why it is missing and what to do.",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON on stdout")
    parser.add_argument("--all-gpus", action="store_true", help="look at hidden GPUs as well")
    return parser


def _doctor(options: argparse.Namespace) -> int:
    from wattui.commands import doctor

    return doctor.main(options.json, options.all_gpus)


def _mark_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="wattui mark",
        description="From inside a recorded command: end the phase of the last mark and begin "
        "PHASE. Outside a recording it does nothing. From a shell, quicker: "
        'echo running b32 > "$WATTUI_RUN/mark"',
    )
    parser.add_argument(
        "phase",
        nargs="?",
        metavar="PHASE",
        help="idle, armed, warmup, running, cooldown or a name of your own",
    )
    parser.add_argument("--label", default="", metavar="TEXT", help="what runs in it")
    parser.add_argument("--end", action="store_true", help="end the phase, begin none")
    parser.add_argument("--count", type=int, default=0, metavar="N", help="count N inferences")
    parser.add_argument("--note", metavar="TEXT", help="write a note into the recording")
    return parser


def _mark(options: argparse.Namespace) -> int:
    from wattui import marks

    if not (options.phase or options.end or options.count or options.note):
        raise UsageError("nothing to mark: give a PHASE, --end, --count N or --note TEXT")
    if options.count < 0:
        raise UsageError(f"--count {options.count}: a count cannot fall: give 1 or more")
    asked: list[dict[str, object]] = []
    if options.count:
        asked.append({"do": "count", "n": options.count})
    if options.note:
        asked.append({"do": "note", "text": options.note})
    if options.end:
        asked.append({"do": "mark", "phase": ""})
    if options.phase:
        asked.append({"do": "mark", "phase": options.phase, "label": options.label})
    for message in asked:
        if error := marks.ask(**message):
            raise UsageError(f"{error}: see `wattui mark --help`")
    marks.detach()
    return 0


def _later(name: str) -> tuple[Callable[[], argparse.ArgumentParser], Callable[..., int]]:
    """The parser and the work of a subcommand in a module of its own, imported when asked for."""

    def parser() -> argparse.ArgumentParser:
        found: argparse.ArgumentParser = import_module(f"wattui.{name}_command").parser()
        return found

    def work(options: argparse.Namespace) -> int:
        status: int = import_module(f"wattui.{name}_command").main(options)
        return status

    return parser, work


_SUBCOMMANDS = {
    "summary": (_summary_parser, _summary),
    "doctor": (_doctor_parser, _doctor),
    "mark": (_mark_parser, _mark),
    "compare": _later("compare"),
    "fit": _later("fit"),
    "predict": _later("predict"),
    "report": _later("report"),
    "import": _later("import"),
    "export": _later("export"),
}


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
    # Where stderr is closed the exit status has to do.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(one_line(line), file=sys.stderr, flush=True)  # noqa: T201  the one place for errors


if __name__ == "__main__":
    sys.exit(main())
