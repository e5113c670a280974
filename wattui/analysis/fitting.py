"""The computation of `wattui fit`: lines, networks, shares and correlations from run files."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from recorders.counts import INFERENCES
from recorders.summary.bases import BY_NAME
from recorders.summary.figures import Group
from wattui.analysis.correlation import Matrix, matrix
from wattui.analysis.counter_fit import (
    MACHINE,
    MACS,
    NOT_ALL,
    SECONDS,
    CounterFits,
    CounterPoint,
    CounterRequest,
    counter_points,
    fit_counters,
    fit_macs,
    scopes,
)
from wattui.analysis.fit import (
    FigureName,
    FitPoint,
    FitRequest,
    FitSeries,
    fit_networks,
    fit_series,
    read_points,
    shortened,
    wholes,
)
from wattui.analysis.label_numbers import AGAINST, Against, carried
from wattui.analysis.macs import BUNDLED, command_macs, depthwise, network_macs
from wattui.analysis.networks import NetworkErrors
from wattui.analysis.parts import parts_of
from wattui.analysis.prefill_decode import Apart, Window, told_apart, windows_of
from wattui.analysis.shares import (
    LayerCost,
    Shares,
    layer_cells,
    layer_type,
    negative_cells,
    shares,
)
from wattui.errors import UsageError
from wattui.runs.naming import by_named, load_named
from wattui.runs.recorded import Run
from wattui.runs.run_file import NotARunFileError


@dataclass(frozen=True, slots=True)
class NamedRun:
    """A run file, and the name of its network if one was given."""

    network: str | None
    csv: Path


@dataclass(frozen=True, slots=True)
class FitOptions:
    """The fit asked for; `layers` (types of layers; None: all) and `without` (networks).

    `against` is a quantity of labels, or several of `wattui.analysis.counter_fit`. The runs are
    given with the count `per` in the place of inferences.
    """

    against: Against | tuple[str, ...]
    figure: FigureName
    domain: str | None
    through_origin: bool
    layers: Sequence[str] | None
    without: Sequence[str]
    per: str = INFERENCES


@dataclass(frozen=True, slots=True)
class FitRun:
    """A run, its network's name, the MACs of its labels, and gauges during its phases."""

    name: str
    network: str
    run: Run
    macs: Mapping[str, int]

    def by(self, per: str) -> FitRun:
        """The run and its MACs per unit of a count. Raises UsageError if it has no such count."""
        run = by_named(self.run, per)
        workload, macs = command_macs(run.about.argv, per)
        return replace(self, run=run, macs=macs if workload and per != INFERENCES else self.macs)


@dataclass(frozen=True, slots=True)
class Networks:
    """Networks predicted as the sums of their layers, all and without the `depthwise` ones.

    `wholes` has the cost of each as a whole, if that was recorded.
    """

    every: list[NetworkErrors]
    others: list[NetworkErrors]
    depthwise: list[str]
    wholes: dict[str, float]


@dataclass(frozen=True, slots=True)
class FitResult:
    """The results."""

    asked: FitRequest
    origin: str
    series: list[FitSeries]
    networks: Networks | None
    shares: list[Shares]
    correlation: Matrix | None
    remarks: list[str]


@dataclass(frozen=True, slots=True)
class CounterResult:
    """The results of a fit against counters, with that from MACs (None: not known for all)."""

    asked: CounterRequest
    origin: str
    points: list[CounterPoint]
    found: CounterFits
    from_macs: CounterFits | None
    remarks: list[str]


@dataclass(frozen=True, slots=True)
class ApartResult:
    """Prefill and decode apart, by a figure of a domain."""

    figure: FigureName
    domain: str
    origin: str
    found: list[Apart]
    remarks: list[str]


def load(given: NamedRun, against: Against | tuple[str, ...], network: str | None) -> FitRun:
    """A run with its network and MACs. Raises UsageError."""
    run = load_named(given.csv)
    labels = [group.label for group in run.summary.labels] or [""]
    workload, macs = command_macs(run.about.argv)
    if network is None and not macs and given.network in BUNDLED:
        network = given.network
    if network and (against == "macs" or isinstance(against, tuple)):
        macs = network_macs(network, labels)
    named = given.network or ("" if parts_of(run.summary) else workload)
    return FitRun(given.csv.stem, named, run, macs)


def fitted(runs: Sequence[FitRun], wish: FitOptions) -> FitResult:
    """Fit the loaded runs. Raises UsageError if nothing can be fitted."""
    assert not isinstance(wish.against, tuple)
    domain, origin = _domain(runs, wish.domain, wish.figure)
    asked = FitRequest(wish.against, wish.figure, domain, wish.through_origin, wish.per)
    points: list[FitPoint] = []
    remarks = [remark for each in runs for remark in each.run.remarks]
    names = _names(runs)
    for name, run in zip(names, runs, strict=True):
        found, missing = read_points(run.network, name, run.run.summary, asked, run.macs)
        points += found
        remarks += missing
    points = _without(_of_types(points, wish.layers), wish.without)
    if not points:
        hint = " (--network sets the MACs)" if wish.against == "macs" else ""
        raise UsageError(f"nothing to fit{hint}: {'; '.join(remarks)}")
    # Loads of a server are no layers.
    cells = [] if asked.against == "concurrency" else list(_cells(runs, asked))
    divided = shares(cells)
    if negative := negative_cells(divided):
        remarks.append(negative)
    series = fit_series(points, asked.through_origin)
    networks = _networks(runs, asked, points)
    correlation = _correlation(names, runs, asked)
    return FitResult(asked, origin, series, networks, divided, correlation, remarks)


def counters_fitted(runs: Sequence[FitRun], wish: FitOptions) -> CounterResult:
    """Fit the loaded runs against counters. Raises UsageError if nothing can be fitted."""
    assert isinstance(wish.against, tuple)
    _check_quantities(runs, wish.against, wish.figure)
    domain, origin = _domain(runs, wish.domain, wish.figure)
    asked = CounterRequest(wish.against, wish.figure, domain, wish.through_origin, wish.per)
    points: list[CounterPoint] = []
    remarks = [remark for each in runs for remark in each.run.remarks]
    for name, run in zip(_names(runs), runs, strict=True):
        found, missing = counter_points(run.network, name, run.run.summary, asked, run.macs)
        points += found
        remarks += missing
        scaled = (flag.text for flag in run.run.summary.flags if flag.name == "multiplexed")
        remarks += [f"{name}: {text}" for text in scaled]
    points = _without(_of_types(points, wish.layers), wish.without)
    if not points:
        raise UsageError(f"nothing to fit: {'; '.join(remarks)}")
    for name, of in scopes(points, asked.against):
        if len(of) > 1:
            raise UsageError(
                f"{name} counted the {' in some runs, the '.join(sorted(of))} in others: fix: fit "
                "only runs that counted the same"
            )
        if of != {MACHINE} and wish.figure != SECONDS:
            remarks.append(NOT_ALL.format(name, *of))
    from_macs = fit_macs(points, asked)
    lacking = [point.label or point.run for point in points if point.macs is None]
    if 0 < len(lacking) < len(points):
        remarks.append(
            f"{shortened(lacking)}: MACs are not known, so there is no fit from MACs beside this "
            "one: fix: --layers conv,depthwise,linear"
        )
    return CounterResult(asked, origin, points, fit_counters(points, asked), from_macs, remarks)


def told_apart_in(runs: Sequence[FitRun], figure: FigureName, domain: str | None) -> ApartResult:
    """Prefill and decode of all running phases. Raises UsageError if none has tokens."""
    domain, origin = _domain(runs, domain, figure)
    remarks = [remark for each in runs for remark in each.run.remarks]
    windows: list[Window] = []
    for name, run in zip(_names(runs), runs, strict=True):
        found, missing = windows_of(name, run.run.summary, domain, BY_NAME[figure])
        windows += found
        remarks += missing
    if not windows:
        raise UsageError(f"no running phase has tokens_in and tokens_out: {'; '.join(remarks)}")
    apart, why_not = told_apart(windows, is_subtracted=bool(BY_NAME[figure].baseline))
    return ApartResult(figure, domain, origin, apart, [*remarks, *why_not])


def _check_quantities(runs: Sequence[FitRun], names: Sequence[str], figure: FigureName) -> None:
    """Raises UsageError for what no run has."""
    groups = [run.run.summary.running for run in runs]
    known = dict.fromkeys([n for group in groups if group for n in group.counters])
    if SECONDS in names and figure == SECONDS:
        raise UsageError("--against seconds with --figure seconds is time against itself")
    for name in names:
        if name in known or name in (SECONDS, MACS):
            continue
        if name in AGAINST:
            raise UsageError(f"--against {name}: it goes alone: fix: leave the others out")
        near = difflib.get_close_matches(name, [*known, *AGAINST, SECONDS], 2, 0.6)
        recorded = f"the runs have {', '.join(known)}" if known else "the runs have no counters"
        hint = f"did you mean {' or '.join(near)}?" if near else f"{recorded} (--counters)"
        raise UsageError(f"--against {name}: {hint}")


Placed = TypeVar("Placed", FitPoint, CounterPoint)


def _of_types(points: Sequence[Placed], types: Sequence[str] | None) -> list[Placed]:
    """The points whose layers have these types; all if none were asked for."""
    if types is None:
        return list(points)
    found = [(point, layer_type(point.layer or point.family)) for point in points]
    _check("--layers", types, (each for _, each in found))
    return [point for point, each in found if each in types]


def _without(points: Sequence[Placed], networks: Sequence[str]) -> list[Placed]:
    """The points of all other networks."""
    _check("--without", networks, (point.network for point in points))
    return [point for point in points if point.network not in networks]


def _check(option: str, asked: Sequence[str], there: Iterable[str]) -> None:
    """Raises UsageError for networks or layers that are not there."""
    known = dict.fromkeys(each for each in there if each)
    if unknown := [each for each in asked if each not in known]:
        raise UsageError(
            f"{option} {', '.join(unknown)}: the points have {', '.join(known) or 'none'}"
        )


def _networks(
    runs: Sequence[FitRun], asked: FitRequest, points: Sequence[FitPoint]
) -> Networks | None:
    """Whole networks from their layers; None if there are fewer than two."""
    every = fit_networks(points, asked.through_origin)
    if not every:
        return None
    as_a_whole: dict[str, float] = {}
    for run in runs:
        as_a_whole |= wholes(run.network, run.run.summary, asked)
    grouped = depthwise(row.network for row in every[0].rows)
    others = fit_networks(points, asked.through_origin, grouped) if grouped else []
    return Networks(every, others, grouped, as_a_whole)


def _names(runs: Sequence[FitRun]) -> list[str]:
    """The stems of the files, or their paths if two share a stem."""
    stems = [run.name for run in runs]
    return [run.name if stems.count(run.name) == 1 else str(run.run.csv) for run in runs]


def _domain(runs: Sequence[FitRun], wanted: str | None, figure: FigureName) -> tuple[str, str]:
    """The domain to fit, and its origin; by default the first headline domain.

    Time has no domain; the one returned for it is used in the correlations, if there is one.
    """
    origins: dict[str, str] = {}
    for run in runs:
        if running := run.run.summary.running:
            origins |= {name: domain.origin for name, domain in running.domains.items()}
    if figure == "seconds" and not origins and wanted is None:
        return "", "measured"
    if not origins:
        raise UsageError("nothing to fit: no energy was recorded while something was running")
    headlines = [run.run.summary.headline for run in runs]
    domain = wanted or next((name for name in headlines if name in origins), next(iter(origins)))
    if domain not in origins:
        raise UsageError(
            f"--domain {domain} was not recorded: fix: use one of {', '.join(origins)}"
        )
    return domain, "measured" if figure == "seconds" else origins[domain]


def _cells(runs: Sequence[FitRun], asked: FitRequest) -> Iterator[LayerCost]:
    """Layers of all runs; those of several networks are kept apart by the name in their size."""

    def figure(group: Group) -> float | None:
        value = asked.value(group)
        return value[0] if value else None

    several = len({run.network for run in runs}) > 1
    for run in runs:
        layers = parts_of(run.run.summary)
        for cell in layer_cells(run.run.summary, figure):
            name = "" if layers else run.network if several else ""
            yield LayerCost(cell.layer, f"{name} {cell.size}".strip(), cell.value)


def _correlation(names: Sequence[str], runs: Sequence[FitRun], asked: FitRequest) -> Matrix | None:
    """Correlations of the quantities known for every label; None for fewer than three labels."""
    from wattui.runs.gauges import gauge_means

    rows: list[dict[str, float | None]] = []
    figure = "total" if asked.figure == "seconds" else asked.figure
    basis = BY_NAME[figure]
    for run in runs:
        summary = run.run.summary
        try:
            means = gauge_means(run.run.csv)
        except (NotARunFileError, OSError):  # the summary came from run.json only
            means = {}
        for group in summary.labels or filter(None, [summary.running]):
            domain = group.domains.get(asked.domain)
            if domain is None:
                continue
            label, rate, energy = group.label, group.inferences_per_s, basis.of(domain)
            macs = run.macs.get(label) if asked.against == "macs" else None
            rows.append(
                {
                    "latency_s": 1 / rate if rate else None,
                    "energy_J": energy.value if energy else None,
                    "power_W": domain.running_w,
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
