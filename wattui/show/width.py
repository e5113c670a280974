"""`--width`: the number of columns that tables are printed for."""

from __future__ import annotations

import argparse

FEWEST_COLUMNS, MOST_COLUMNS = 20, 1000


def add_width(parser: argparse._ActionsContainer) -> None:
    """Add `--width`."""
    parser.add_argument(
        "--width",
        type=_columns,
        metavar="N",
        help="print N columns wide (default: the terminal's width, $COLUMNS, or 80)",
    )


def _columns(text: str) -> int:
    """A whole number of columns; for argparse."""
    if not (text.isascii() and text.isdecimal() and FEWEST_COLUMNS <= int(text) <= MOST_COLUMNS):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of columns from {FEWEST_COLUMNS} to {MOST_COLUMNS}"
        )
    return int(text)
