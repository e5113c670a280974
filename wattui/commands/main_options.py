"""The options of the main command."""

from __future__ import annotations

import argparse
import math

from wattui.capture.stages import counted_list
from wattui.commands.parser import Parser, add_per, add_require_uncertainty, target
from wattui.config import CHOICES, counter_list
from wattui.show.width import add_width
from wattui.version import __version__

DESCRIPTION = "Shows and records CPU, DRAM and GPU energy, with idle and running phases."

EPILOG = """\
examples:
  wattui
  wattui --replay run.csv --speed 10
  wattui --headless --csv run.csv -- python infer.py
  wattui --headless --csv run.csv --inferences 10000 --repeats 5 -- ./infer
  wattui --headless --csv ab.csv --ab 'python infer.py' 'python infer.py --int8' --repeats 10
  wattui --headless --csv run.csv --count-match 'batch of (\\d+)' -- ./server --bench
  wattui --headless --csv kws.csv -- wattui workloads kws --bsize 1,8,64
  wattui --headless --csv run.csv --counters instructions,llc_misses -- ./infer
  wattui summary run.csv
  wattui compare before.csv after.csv --max-regression 5%
  wattui fit kws.csv lenet.csv alexnet.csv --against macs --json fit.json
  wattui predict resnet50 --fit fit.json
  wattui report run.csv -o report.html
  wattui import gpu.csv --out run.csv --inferences 10000
  wattui doctor
  wattui status

exit codes: that of the command; 1 the recording is incomplete; 2 invalid usage; 3 a sensor
named by --require is missing, or ± is unknown or wider than --require-uncertainty; 4 worse than
--max-regression allows (2: it does not judge one run against one, or runs without a common label);
127 the command cannot be started.
Defaults may be set in a configuration file: `wattui doctor` says where.
"""


def main_parser() -> argparse.ArgumentParser:
    """Build the parser of the main command."""
    parser = Parser(
        prog="wattui",
        usage="wattui [options]\n"
        "       wattui --headless [--csv FILE] [options] -- COMMAND [ARGUMENT ...]\n"
        "       wattui --headless --ab 'COMMAND A' 'COMMAND B' [options]\n"
        "       wattui summary | compare | history | fit | predict | report | ci\n"
        "       wattui tokens | fleet | merge | import | export | doctor | calibrate\n"
        "       wattui status | mark | workloads",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"wattui {__version__}")
    parser.add_argument("--headless", action="store_true", help="record without the dashboard")
    shown = parser.add_argument_group("dashboard")
    shown.add_argument(
        "--replay",
        metavar="FILE",
        help="play a run file back, or watch the nodes of a fleet in its folder DIR/",
    )
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
    add_recording(parser)
    parser.add_argument(
        "--completion",
        choices=("bash", "zsh", "tcsh"),
        help="print a completion script for this shell",
    )
    return parser


def add_recording(parser: argparse.ArgumentParser) -> None:
    """Add the options of a recording."""
    out = parser.add_argument_group("recording")
    out.add_argument(
        "--csv",
        metavar="FILE",
        help="run file to write, .csv or .parquet (default: wattui-DATE-TIME.csv); DIR/, with a "
        "slash at its end, is the folder for a job of many processes (docs/fleet.md)",
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
        "--meter",
        action="append",
        metavar="NAME=SPEC",
        help="also record a meter outside the machine, as in wall=shelly2:192.168.1.20; may be "
        "given several times (kinds of meters: docs/meters.md)",
    )
    out.add_argument(
        "--tokens",
        action="append",
        metavar="URL[#METRIC]",
        help="count the tokens of a server of language models from its metrics, as in "
        "http://127.0.0.1:8000/metrics; may be given several times (docs/tokens.md)",
    )
    out.add_argument(
        "--drain",
        type=float,
        metavar="SECONDS",
        help="how long the edge of a phase waits until a server that counts at a request's end "
        "has no request (default: 30)",
    )
    out.add_argument(
        "--counters",
        type=_counters,
        metavar="NAMES",
        help="also record hardware counters, as in instructions,llc_misses; list shows those of "
        "this machine",
    )
    out.add_argument(
        "--wall-estimate",
        action="store_true",
        help="also estimate the energy at the wall, by the fit that wattui calibrate saved",
    )
    out.add_argument(
        "--per-inference-from",
        default="",
        metavar="NAME",
        help="quote energies from this meter or channel, and not from the total",
    )
    add_per(out)
    out.add_argument(
        "--count",
        type=counted_list,
        default=(),
        metavar="PARTS",
        help="sum only these parts of the machine in the total: cpu (packages and DRAM), gpus, or "
        "channels as in cpu,gpu0; the others are recorded, but not counted (default: everything)",
    )
    out.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="WHAT",
        choices=("measured", "gpu", "dram"),
        help="refuse to start without: measured, gpu or dram energy",
    )
    add_require_uncertainty(out)
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
    live = parser.add_argument_group("live values")
    live.add_argument(
        "--prometheus",
        metavar="[HOST:]PORT",
        help="serve metrics while recording, on this machine only unless a HOST is given; port 0 "
        "is any (needs wattui[prometheus])",
    )
    live.add_argument(
        "--otlp",
        metavar="URL",
        help="push energies to an OpenTelemetry collector, as http://HOST:4318 (needs "
        "wattui[otlp])",
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
        metavar="N",
        help="run the command N times, each in a fresh process (default: 1; with --ab, and in "
        "wattui ci: 6 each)",
    )
    when.add_argument(
        "--target",
        type=target,
        metavar="PCT",
        help="repeat the command until ± is under this, as in 1%%: at least 3 times, at most "
        "--repeats (default: 30)",
    )
    when.add_argument(
        "--ab",
        nargs=2,
        metavar=("A", "B"),
        help="record two commands in turn (A B B A A B …) and compare them pair by pair, so that "
        "drift cancels; each is one quoted command line, and no shell runs it",
    )
    when.add_argument(
        "--ab-labels", nargs=2, metavar=("A", "B"), help="their labels (default: A B)"
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
        "(?P<total>) is a running total, and any other named group counts what it names: "
        r"'(?P<tokens_out>\d+) tokens'",
    )


def _counters(text: str) -> tuple[str, ...]:
    if not (names := counter_list(text)):
        raise argparse.ArgumentTypeError("names are missing (example: instructions,llc_misses)")
    return names


def _speed(text: str) -> float:
    """Parse a speed above 0; `max` is as fast as possible."""
    try:
        speed = math.inf if text == "max" else float(text)
    except ValueError:
        speed = math.nan
    if not speed > 0:
        raise argparse.ArgumentTypeError(f"must be a number above 0, or max: {text!r}")
    return speed
