"""The argument parser of every command."""

from __future__ import annotations

import argparse
from typing import NoReturn

from recorders.counts import check_name
from wattui.errors import UNMET, UsageError
from wattui.marks.repeating import share_of


def target(text: str) -> float:
    """A share such as 1%, for argparse."""
    try:
        return share_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_require_uncertainty(group: argparse._ActionsContainer) -> None:
    """Add the option that makes a wide ± an error."""
    group.add_argument(
        "--require-uncertainty",
        type=target,
        metavar="PCT",
        help=f"exit with {UNMET} if the ± of the headline is unknown or wider than this: 2%%",
    )


def add_per(group: argparse._ActionsContainer) -> None:
    """Add the option that says what energies are stated per."""
    group.add_argument(
        "--per",
        type=count_name,
        metavar="NAME",
        help="state energies per unit of this count, as in tokens_out or requests (default: "
        "inferences if any were counted, else tokens_out)",
    )


def count_name(text: str) -> str:
    """The name of a count. Raises ArgumentTypeError."""
    try:
        return check_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


_PLAIN = {"invalid float value:": "not a number:", "invalid int value:": "not a whole number:"}


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        for term, plain in _PLAIN.items():
            message = message.replace(term, plain, 1)
        raise UsageError(f"{' '.join(message.split())}: see `{self.prog} --help`")
