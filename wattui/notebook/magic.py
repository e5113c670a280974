"""The cell magic `%%wattui` of IPython and Jupyter: records the energy of a cell."""

from __future__ import annotations

import argparse
import math
import shlex
import time
from functools import partial
from pathlib import Path
from typing import Any

from recorders.client import RecorderError
from wattui import marks
from wattui.capture.headless import FIXES
from wattui.capture.library import record
from wattui.capture.run_names import suggested
from wattui.commands.parser import Parser
from wattui.errors import UsageError, WattuiError
from wattui.notebook.loaded import LoadedRun, load

IDLE_S = 3.0


def load_ipython_extension(shell: Any) -> None:
    """Add the magic to a shell: `%load_ext wattui`."""
    shell.register_magic_function(partial(_cell, shell), "cell", "wattui")


def parser() -> argparse.ArgumentParser:
    """The parser of the magic's line."""
    made = Parser(prog="%%wattui", description="Record the energy of this cell.")
    made.add_argument("--csv", help="run file to write (default: cell-DATE-TIME.csv)")
    made.add_argument("--force", action="store_true", help="replace an existing file")
    made.add_argument("--label", default="", help="label of the running phase")
    made.add_argument("--inferences", type=int, metavar="N", help="the cell runs N inferences")
    made.add_argument(
        "--idle",
        type=float,
        default=IDLE_S,
        metavar="S",
        help=f"seconds of idle baseline before the cell (default: {IDLE_S:g})",
    )
    made.add_argument("--rate", type=float, default=10.0, metavar="HZ", help="samples per second")
    made.add_argument("--no-estimate", action="store_true", help="only what sensors measure")
    return made


def record_cell(shell: Any, line: str, cell: str) -> LoadedRun:
    """Run a cell in the shell's names while it is recorded.

    Raises what the cell raises, WattuiError, or RecorderError if it cannot be recorded.
    """
    options = _options(line)
    source = shell.transform_cell(cell)
    name = shell.compile.cache(source, shell.execution_count, raw_code=cell)
    code = shell.compile(shell.compile.ast_parse(source, filename=name), name, "exec")
    csv = Path(options.csv) if options.csv else suggested("cell")
    estimate = not options.no_estimate
    try:
        recording = record(csv, rate_hz=options.rate, force=options.force, estimate=estimate)
    except ValueError as error:
        raise UsageError(str(error)) from None
    with recording:
        if options.idle > 0:
            with marks.phase("idle"):
                time.sleep(options.idle)
        with marks.phase("running", label=options.label):
            exec(code, shell.user_ns)
            if options.inferences:
                marks.count(options.inferences)
    return load(csv)


def _options(line: str) -> argparse.Namespace:
    """The options on the magic's line. Raises UsageError."""
    try:
        options = parser().parse_args(shlex.split(line))
    except ValueError as error:  # a quote that is not closed
        raise UsageError(f"{line}: {error}") from None
    if options.inferences is not None and options.inferences < 1:
        raise UsageError(f"--inferences {options.inferences}: must be 1 or more")
    if not 0 <= options.idle < math.inf:
        raise UsageError(f"--idle {options.idle:g}: must be 0 or more")
    return options


def _cell(shell: Any, line: str, cell: str) -> LoadedRun | None:
    """The magic: what stops it is one line, and not a traceback."""
    from IPython.core.error import UsageError as Refused

    try:
        return record_cell(shell, line, cell)
    except WattuiError as error:
        raise Refused(f"%%wattui: {error}") from None
    except RecorderError as error:
        raise Refused(f"%%wattui: {error}{FIXES.get(error.code, '')}") from None
    except SystemExit:  # --help
        return None
