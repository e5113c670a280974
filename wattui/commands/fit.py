"""`wattui fit`: energy or time per inference against sizes or MACs, with residuals and errors."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recorders.channels import counter_name
from recorders.counts import INFERENCES
from wattui.analysis.counter_fit import fits_dict, scopes
from wattui.analysis.fit import FIGURES, VERSION, FitRequest, series_dict
from wattui.analysis.fit_json import KIND
from wattui.analysis.fitting import (
    ApartResult,
    CounterResult,
    FitOptions,
    FitResult,
    NamedRun,
    counters_fitted,
    fitted,
    load,
    told_apart_in,
)
from wattui.analysis.label_numbers import AGAINST
from wattui.analysis.macs import BUNDLED, SPEC
from wattui.analysis.prefill_decode import apart_dict
from wattui.analysis.published import published
from wattui.analysis.shares import shares_dict
from wattui.capture.progress import waiting
from wattui.commands.inputs import expand, named
from wattui.commands.parser import Parser, add_per
from wattui.errors import INCOMPLETE, UsageError
from wattui.outputs import FIX, refusal, write_output
from wattui.runs.naming import per_of
from wattui.show.printing import console, say
from wattui.show.width import add_width

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

STDOUT = "-"
Result = FitResult | CounterResult | ApartResult


def parser() -> argparse.ArgumentParser:
    """The parser of `wattui fit`."""
    made = Parser(
        prog="wattui fit",
        description="Fit energy or time per inference against sizes in the labels of runs (224, "
        "conv1 64x64, b32, t128) or against MACs: ordinary and relative least "
        "squares, residuals, and leave-one-out errors.",
    )
    made.add_argument(
        "runs",
        nargs="+",
        metavar="[NAME=]RUN.csv",
        help="run files, also as 'runs/*.csv'; NAME is the network they belong to",
    )
    what = made.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--against",
        type=_against,
        metavar="QUANTITY",
        help=f"{', '.join(AGAINST)}; or several at once: counters of the runs, as in "
        "instructions,llc_misses, with seconds or macs",
    )
    what.add_argument(
        "--prefill-decode",
        action="store_true",
        help="joules per token of prompts and of answers apart, from phases with counted tokens",
    )
    made.add_argument(
        "--figure",
        choices=FIGURES,
        default="total",
        help="which energy to fit, or seconds for wall time (default: total)",
    )
    add_per(made)
    made.add_argument(
        "--through-origin",
        action="store_true",
        help="fit lines without an intercept: energy = slope x MACs",
    )
    made.add_argument(
        "--layers",
        type=_words,
        metavar="TYPE,TYPE",
        help="fit only layers of these types, such as conv,depthwise",
    )
    made.add_argument(
        "--without",
        type=_words,
        default=(),
        metavar="NAME,NAME",
        help="leave these networks out entirely",
    )
    made.add_argument("--domain", metavar="NAME", help="domain, such as total, package0, gpu0")
    made.add_argument(
        "--network",
        metavar="MODEL",
        help="network whose MACs to use, if the recorded command does not say: "
        f"{', '.join(BUNDLED)}, or a spec{SPEC}",
    )
    made.add_argument(
        "--json", metavar="FIT.json", help="write the fit for `wattui predict`; - is stdout"
    )
    made.add_argument("--force", action="store_true", help="replace an existing FIT.json")
    add_width(made)
    return made


def main(options: argparse.Namespace) -> int:
    """Fit and print; returns 1 if no line fits the points. Raises UsageError."""
    given = _given(options.runs)
    target = _target(options, given)
    if options.prefill_decode:
        return _prefill_decode(options, given, target)
    is_line = not isinstance(options.against, tuple)
    with waiting("reading runs"):
        runs = [load(each, options.against, options.network) for each in given]
        per = per_of([each.run for each in runs], options.per)
        runs = [each.by(per) for each in runs]
        wish = _wish(options, per)
        result = fitted(runs, wish) if is_line else counters_fitted(runs, wish)
    if isinstance(result, FitResult):
        found, is_fitted = _to_dict(result), result.series[0].ordinary is not None
    else:
        found, is_fitted = _counters_dict(result), bool(result.found.fits)
    _write(found, result, options, target)
    return 0 if is_fitted else INCOMPLETE


def _prefill_decode(
    options: argparse.Namespace, given: Sequence[NamedRun], target: Path | None
) -> int:
    """Tell prefill and decode apart; returns 1 if nothing does. Raises UsageError."""
    if options.per:
        raise UsageError("--prefill-decode is per token: fix: leave out --per")
    if options.figure == "seconds":
        raise UsageError("--prefill-decode tells energies apart: fix: leave out --figure seconds")
    with waiting("reading runs"):
        runs = [load(each, "tokens", None) for each in given]
        result = told_apart_in(runs, options.figure, options.domain)
    _write(_apart_dict(result), result, options, target)
    return 0 if result.found else INCOMPLETE


def _write(
    found: dict[str, Any], result: Result, options: argparse.Namespace, target: Path | None
) -> None:
    """A result as JSON or as tables, and its remarks."""
    text = json.dumps(found, indent=1, allow_nan=False) + "\n"
    if options.json == STDOUT:
        sys.stdout.write(text)
    else:
        if target is not None:
            write_output(target, text.encode(), options.force)
        _print(list(_parts(result)), options)
    say(*result.remarks)


def _wish(options: argparse.Namespace, per: str) -> FitOptions:
    return FitOptions(
        options.against,
        options.figure,
        options.domain,
        options.through_origin,
        options.layers,
        options.without,
        per,
    )


def _against(text: str) -> str | tuple[str, ...]:
    """One quantity of labels, or the names of several."""
    if text in AGAINST:
        return text
    return tuple(dict.fromkeys(map(counter_name, _words(text)))) or (text,)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _given(texts: Sequence[str]) -> list[NamedRun]:
    """Every run file named, each once per name; folders and patterns are expanded."""
    once: dict[NamedRun, None] = {}
    for text in texts:
        name, pattern = named(text)
        once |= dict.fromkeys(NamedRun(name or None, csv) for csv in expand([pattern]))
    return list(once)


def _target(options: argparse.Namespace, given: Sequence[NamedRun]) -> Path | None:
    """Where the fit is written. Raises UsageError if that would replace a file to keep."""
    if options.json in (None, STDOUT):
        return None
    path = Path(options.json)
    fix = f"{FIX}, or add --force"
    if reason := refusal(path, [each.csv for each in given], force=options.force, fix=fix):
        raise UsageError(f"--json {path}: {reason}")
    return path


def _to_dict(result: FitResult) -> dict[str, Any]:
    """The documented JSON (docs/fitting.md)."""
    asked = result.asked
    return {
        "version": VERSION,
        "kind": KIND,
        "against": asked.against,
        "figure": asked.figure,
        "domain": None if asked.figure == "seconds" else asked.domain,
        "origin": result.origin,
        "unit": asked.unit,
        **_per(asked.per),
        "through_origin": asked.through_origin,
        "series": [series_dict(series, asked) for series in result.series],
        "networks": asdict(result.networks) if result.networks else None,
        "shares": [shares_dict(each, asked.unit) for each in result.shares],
        "correlation": asdict(result.correlation) if result.correlation else None,
        "published": _beside(asked),
        "remarks": result.remarks,
    }


def _per(name: str) -> dict[str, str]:
    """What it is per, if not per inference."""
    return {} if name == INFERENCES else {"per": name}


def _counters_dict(result: CounterResult) -> dict[str, Any]:
    """The documented JSON of a fit against several quantities (docs/fitting.md)."""
    asked, unit = result.asked, result.asked.as_line.unit
    beside = result.from_macs
    return {
        "version": VERSION,
        "kind": KIND,
        "against": list(asked.against),
        "figure": asked.figure,
        "domain": None if asked.figure == "seconds" else asked.domain,
        "origin": result.origin,
        "unit": unit,
        **_per(asked.per),
        "through_origin": asked.through_origin,
        "counted": {name: min(of) for name, of in scopes(result.points, asked.against)},
        "series": [fits_dict(result.found, result.points, unit)],
        "from_macs": fits_dict(beside, result.points, unit) if beside else None,
        "published": _published("counters"),
        "remarks": result.remarks,
    }


def _apart_dict(result: ApartResult) -> dict[str, Any]:
    """The documented JSON of prefill and decode apart (docs/tokens.md)."""
    return {
        "version": VERSION,
        "kind": "prefill_decode",
        "figure": result.figure,
        "domain": result.domain,
        "origin": result.origin,
        "loads": [apart_dict(each) for each in result.found],
        "remarks": result.remarks,
    }


def _published(start: str) -> dict[str, Any]:
    """Published errors of models from the same quantities."""
    synergy = published("synergy")
    rows = [row for row in synergy["relative_test_errors"] if row["from"].startswith(start)]
    return {"source": synergy["source"], "relative_test_errors": rows}


def _beside(asked: FitRequest) -> dict[str, Any]:
    """Published errors of models of the same kind, which start from MACs."""
    return _published("macs") if asked.against == "macs" else {}


def _parts(result: Result) -> Iterator[Table | Text]:
    """The result as tables."""
    from wattui.show.counter_fit import counter_parts
    from wattui.show.fit import correlation_parts, fit_parts
    from wattui.show.networks import network_parts
    from wattui.show.prefill_decode import apart_parts
    from wattui.show.shares import shares_parts

    if isinstance(result, ApartResult):
        yield from apart_parts(result)
        return
    if isinstance(result, CounterResult):
        yield from counter_parts(result, _published("counters"))
        return
    published = _beside(result.asked)
    yield from fit_parts(result.asked, result.origin, result.series, published)
    if result.networks:
        yield from network_parts(result.asked, result.origin, result.networks, published)
    yield from shares_parts(result.shares, result.asked.unit)
    if result.correlation:
        yield from correlation_parts(result.correlation)


def _print(parts: Sequence[Table | Text], options: argparse.Namespace) -> None:
    from rich.table import Table
    from rich.text import Text

    from wattui.show.stacking import Fitting

    out = console(width=options.width)
    for place, part in enumerate(parts):
        if place and not (isinstance(part, Text) and isinstance(parts[place - 1], Text)):
            out.print()
        out.print(Fitting(part) if isinstance(part, Table) else part)
