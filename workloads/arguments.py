"""The command line, made from the catalogue."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from workloads.errors import UsageError
from workloads.workload import Option, Workload

AS_REPEAT = "as-repeat"


class RepeatChild(NamedTuple):
    """The repeat to run for a parent process, and the descriptor for its results."""

    repeat: int
    descriptor: int


@dataclass(frozen=True, slots=True)
class ParsedArguments:
    """A parsed command line; `given` holds the user's options, for a fresh process."""

    workload: Workload
    values: dict[str, Any]
    dry_run: bool
    part: RepeatChild | None
    given: tuple[str, ...]


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are UsageErrors."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(f"{message}: see `{self.prog} --help`")


def parse(
    argv: Sequence[str], catalogue: Mapping[str, Workload], prog: str = "wattui workloads"
) -> ParsedArguments:
    """Parse a command line; raises UsageError for faults in it."""
    head, dashes, command = _split(argv)
    parser = make_parser(catalogue, prog)
    if not head:
        parser.print_help(sys.stdout)
        raise SystemExit(0)
    options = vars(parser.parse_args(head))
    workload = catalogue[options.pop("workload")]
    preset, dry_run = options.pop("preset"), options.pop("dry_run")
    part = options.pop(AS_REPEAT.replace("-", "_"))
    known = {option.name: option for option in workload.all_options}
    given = {
        name: options[name.replace("-", "_")]
        for name in known
        if options.get(name.replace("-", "_")) is not None
    }
    if dashes:
        if "argv" not in known:
            raise UsageError(f"{workload.name} runs no command: fix: omit everything after --")
        given["argv"] = tuple(command)
    return ParsedArguments(
        workload, workload.values(given, preset), dry_run, part and RepeatChild(*part), tuple(argv)
    )


def again(asked: ParsedArguments, part: RepeatChild) -> list[str]:
    """The arguments with which a fresh process runs one repeat."""
    head, dashes, command = _split(asked.given)
    return [*head, f"--{AS_REPEAT}", *map(str, part), *dashes, *command]


def _split(argv: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Arguments before the first `--`, the dashes, and those after them."""
    place = argv.index("--") if "--" in argv else len(argv)
    return list(argv[:place]), list(argv[place : place + 1]), list(argv[place + 1 :])


def make_parser(
    catalogue: Mapping[str, Workload], prog: str = "wattui workloads"
) -> argparse.ArgumentParser:
    """The parser of all workloads."""
    parser = Parser(
        prog=prog,
        description="Known neural-network workloads, with their phases marked for wattui. "
        "Record one with: wattui --headless --csv run.csv -- wattui workloads kws. "
        f"A language-model server: {prog} serve --help",
    )
    commands = parser.add_subparsers(dest="workload", metavar="WORKLOAD", required=True)
    for workload in catalogue.values():
        own = commands.add_parser(
            workload.name, help=workload.title, description=workload.title, allow_abbrev=False
        )
        for option in workload.all_options:
            _add(own, option)
        presets = "; ".join(
            f"{name}: {_shown(values)}" for name, values in workload.presets.items()
        )
        own.add_argument(
            "--preset",
            choices=tuple(workload.presets),
            help=presets.replace("%", "%%") or argparse.SUPPRESS,
        )
        own.add_argument(
            "--dry-run",
            action="store_true",
            help="show the cells without running them, with MACs and memory",
        )
        own.add_argument(f"--{AS_REPEAT}", type=int, nargs=2, help=argparse.SUPPRESS)
    return parser


def _add(parser: argparse.ArgumentParser, option: Option) -> None:
    if option.positional:
        if option.name != "argv":  # everything after -- was removed before
            parser.add_argument(option.name, nargs="?", help=option.help)
    elif option.kind == "truth":
        parser.add_argument(f"--{option.name}", action="store_const", const=True, help=option.help)
    else:
        parser.add_argument(
            f"--{option.name}",
            type=_typed(option),
            help=option.help,
            action=_Together if option.kind == "shapes" else "store",
            metavar=option.metavar
            or _METAVARS.get(option.kind)
            or f"{{{','.join(option.choices)}}}",
        )


class _Together(argparse.Action):
    """Adds what each use of an option names."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        known = getattr(namespace, self.dest) or {}
        setattr(namespace, self.dest, known | values)


_METAVARS = {
    "whole": "N",
    "wholes": "N,N,…",
    "shapes": "[NAME=]N,N,…",
    "seconds": "S",
    "text": "TEXT",
}


def _typed(option: Option) -> Callable[[str], Any]:
    def typed(text: str) -> Any:
        try:
            return option.parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return typed


def _shown(values: Mapping[str, Any]) -> str:
    """A preset's values as command-line options."""
    return " ".join(f"--{name} {_text(value)}" for name, value in values.items())


def _text(value: Any) -> str:
    if not isinstance(value, tuple):
        return f"{value:g}" if isinstance(value, float) else str(value)
    shown = [str(each) for each in value]
    return ",".join(shown if len(shown) <= 8 else [*shown[:3], "…", shown[-1]])
