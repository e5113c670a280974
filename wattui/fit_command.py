"""`wattui fit`: energy per inference against sizes or MACs, with what the line leaves open."""

from __future__ import annotations

import argparse
import glob
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recorders.runfile import json_path
from wattui.analysis.correlation import Matrix, matrix
from wattui.analysis.fit import (
    FIGURES,
    VERSION,
    Asked,
    Point,
    Series,
    fit_series,
    read_points,
    series_dict,
)
from wattui.analysis.label_numbers import AGAINST, carried
from wattui.analysis.published import published
from wattui.analysis.recorded import Run, load_run
from wattui.analysis.shares import Cell, Shares, layer_cells, negative_cells, shares
from wattui.errors import INCOMPLETE, UsageError
from wattui.macs import BUNDLED, SPEC, command_macs, network_macs
from wattui.progress import waiting

STDOUT = "-"


@dataclass(frozen=True, slots=True)
class Given:
    """A run file, and the name of its network where one was given."""

    network: str | None
    csv: Path


@dataclass(frozen=True, slots=True)
class Loaded:
    """A run, its network's name, the MACs of its labels, and what ran beside its phases."""

    name: str
    network: str
    run: Run
    macs: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Result:
    """What was found out."""

    asked: Asked
    origin: str
    series: list[Series]
    shares: list[Shares]
    correlation: Matrix | None
    remarks: list[str]


def parser() -> argparse.ArgumentParser:
    """The parser of `wattui fit`."""
    from wattui.cli import Parser

    made = Parser(
        prog="wattui fit",
        description="Fit energy per inference against what the labels of runs carry (224, "
        "conv1 64x64, b32, t128), or against MACs: ordinary and relative least squares, residuals, "
        "and errors of what was left out.",
    )
    made.add_argument(
        "runs",
        nargs="+",
        metavar="[NAME=]RUN.csv",
        help="run files, also as 'runs/*.csv'; NAME: the network that they are of",
    )
    made.add_argument("--against", required=True, choices=AGAINST, help="what x is")
    made.add_argument(
        "--figure", choices=FIGURES, default="total", help="which energy (default: total)"
    )
    made.add_argument("--domain", metavar="NAME", help="such as total, package0, gpu0")
    made.add_argument(
        "--network",
        metavar="MODEL",
        help=f"whose MACs the labels have, where the recorded command does not tell: "
        f"{', '.join(BUNDLED)}, or a spec{SPEC}",
    )
    made.add_argument(
        "--json", metavar="FIT.json", help="write the fit, for `wattui predict`; - is stdout"
    )
    made.add_argument("--force", action="store_true", help="replace an existing FIT.json")
    return made


def main(options: argparse.Namespace) -> int:
    """Fit and print; returns 1 where the points gave no line. Raises UsageError."""
    given = list(_given(options.runs))
    target = _target(options, given)
    with waiting("reading runs"):
        runs = [_load(each, options) for each in given]
        result = _result(runs, options)
    text = json.dumps(_to_dict(result), indent=1, allow_nan=False) + "\n"
    if options.json == STDOUT:
        sys.stdout.write(text)
    else:
        if target is not None:
            _write(target, text, options.force)
        _print(result)
    for remark in result.remarks:
        sys.stderr.write(f"wattui: {remark}\n")
    return 0 if result.series[0].ordinary else INCOMPLETE


def _given(texts: Sequence[str]) -> Iterator[Given]:
    """Every run file that was named, each once; a pattern is expanded."""
    seen = set()
    for text in texts:
        name, equals, pattern = text.partition("=")
        if not equals or Path(text).exists():
            name, pattern = "", text
        paths = [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern, recursive=True))
        csvs = [path for path in paths if len(paths) == 1 or path.endswith(".csv")]
        if not csvs:
            raise UsageError(f"{pattern}: there is no such file: check the name")
        for csv in csvs:
            if (name, csv) not in seen:
                seen.add((name, csv))
                yield Given(name or None, Path(csv))


def _target(options: argparse.Namespace, given: Sequence[Given]) -> Path | None:
    """Where the fit is written. Raises UsageError where something is to stay."""
    if options.json in (None, STDOUT):
        return None
    path = Path(options.json)
    taken = {file.resolve() for each in given for file in (each.csv, json_path(each.csv))}
    if path.resolve() in taken:
        raise UsageError(f"--json {path} belongs to a recording: give another name")
    if path.exists() and not options.force:
        raise UsageError(f"--json {path} exists: give another name, or --force")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--json {path}: there is no folder {path.parent}")
    return path


def _load(given: Given, options: argparse.Namespace) -> Loaded:
    from wattui.analysis.runs import NotARunFileError

    try:
        run = load_run(given.csv)
        labels = [group["label"] for group in run.summary["labels"]] or [""]
    except OSError as error:
        raise UsageError(f"{given.csv} cannot be read ({error.strerror}): check the name") from None
    except NotARunFileError as error:
        raise UsageError(f"{given.csv} is not a run file: {error}") from None
    argv = run.run.get("command", {}).get("argv")
    workload, macs = command_macs(list(map(str, argv)) if isinstance(argv, list) else [])
    network = options.network
    if network is None and not macs and given.network in BUNDLED:
        network = given.network
    if options.against == "macs" and network:
        macs = network_macs(network, labels)
    return Loaded(given.csv.stem, given.network or workload, run, macs)


def _result(runs: Sequence[Loaded], options: argparse.Namespace) -> Result:
    domain, origin = _domain(runs, options.domain)
    asked = Asked(options.against, options.figure, domain)
    points: list[Point] = []
    remarks: list[str] = []
    names = _names(runs)
    for name, run in zip(names, runs, strict=True):
        found, missing = read_points(run.network, name, run.run.summary, asked, run.macs)
        points += found
        remarks += missing
    if not points:
        hint = " (--network tells the MACs)" if options.against == "macs" else ""
        raise UsageError(f"nothing to fit{hint}: {'; '.join(remarks)}")
    cells = list(_cells(runs, asked))
    divided = shares(cells)
    if negative := negative_cells(divided):
        remarks.append(negative)
    series = fit_series(points)
    return Result(asked, origin, series, divided, _correlation(names, runs, asked), remarks)


def _names(runs: Sequence[Loaded]) -> list[str]:
    """The stems of the files, or their paths where two have one stem."""
    stems = [run.name for run in runs]
    return [run.name if stems.count(run.name) == 1 else str(run.run.csv) for run in runs]


def _domain(runs: Sequence[Loaded], wanted: str | None) -> tuple[str, str]:
    """The domain to fit, and where its figures come from; by default the first one to quote."""
    origins: dict[str, str] = {}
    for run in runs:
        running = run.run.summary["running"]
        origins |= {
            name: d["origin"] for name, d in (running or {"domains": {}})["domains"].items()
        }
    if not origins:
        raise UsageError("nothing to fit: no energy was recorded while something was running")
    headlines = [run.run.summary["headline"] for run in runs]
    domain = wanted or next((name for name in headlines if name in origins), next(iter(origins)))
    if domain not in origins:
        raise UsageError(f"--domain {domain} was not recorded: there are {', '.join(origins)}")
    return domain, origins[domain]


def _cells(runs: Sequence[Loaded], asked: Asked) -> Iterator[Cell]:
    """Layers of all runs; those of several networks are kept apart by the name in their size."""
    several = len({run.network for run in runs}) > 1
    for run in runs:
        for cell in layer_cells(run.run.summary, asked.domain, asked.key):
            size = f"{run.network} {cell.size}".strip() if several else cell.size
            yield Cell(cell.layer, size, cell.energy_j)


def _correlation(names: Sequence[str], runs: Sequence[Loaded], asked: Asked) -> Matrix | None:
    """Of what is known of every label; None where there are under three."""
    from wattui.analysis.gauges import gauge_means

    rows: list[dict[str, float | None]] = []
    for run in runs:
        summary = run.run.summary
        try:
            means = gauge_means(run.run.csv)
        except OSError:  # the summary came from run.json alone
            means = {}
        for group in summary["labels"] or filter(None, [summary["running"]]):
            domain = group["domains"].get(asked.domain)
            if domain is None:
                continue
            label, rate, energy = group["label"], group["inferences_per_s"], domain[asked.key]
            macs = run.macs.get(label) if asked.against == "macs" else None
            rows.append(
                {
                    "latency_s": 1 / rate if rate else None,
                    "energy_J": energy["value"] if energy else None,
                    "power_W": domain["running_w"],
                    asked.against: macs or carried(label, asked.against).number,
                    **means.get(label, {}),
                }
            )
    if len(rows) < 3:
        return None
    columns = dict.fromkeys(name for row in rows for name in row)
    table = {name: [row.get(name) for row in rows] for name in columns}
    known = {name: values for name, values in table.items() if any(v is not None for v in values)}
    return matrix(known)


def _to_dict(result: Result) -> dict[str, Any]:
    """The documented JSON (docs/fitting.md)."""
    asked = result.asked
    return {
        "version": VERSION,
        "kind": "fit",
        "against": asked.against,
        "figure": asked.figure,
        "domain": asked.domain,
        "origin": result.origin,
        "series": [series_dict(series) for series in result.series],
        "shares": [asdict(each) for each in result.shares],
        "correlation": asdict(result.correlation) if result.correlation else None,
        "published": _beside(asked),
        "remarks": result.remarks,
    }


def _beside(asked: Asked) -> dict[str, Any]:
    """Published errors of models of the same kind: from MACs."""
    if asked.against != "macs":
        return {}
    synergy = published("synergy")
    rows = [row for row in synergy["relative_test_errors"] if row["from"].startswith("macs")]
    return {"source": synergy["source"], "relative_test_errors": rows}


def _write(path: Path, text: str, force: bool) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"--json {path} cannot be written ({error.strerror})") from None


def _print(result: Result) -> None:
    from rich.console import Console
    from rich.text import Text

    from wattui.fit_tables import correlation_parts, fit_parts, shares_parts

    console = Console()
    parts = [*fit_parts(result.asked, result.origin, result.series, _beside(result.asked))]
    parts += shares_parts(result.shares)
    if result.correlation:
        parts += correlation_parts(result.correlation)
    for place, part in enumerate(parts):
        if place and not (isinstance(part, Text) and isinstance(parts[place - 1], Text)):
            console.print()
        console.print(part)
