"""The results table of a recording: a row per figure of each phase, repeat and label. Pure.

Docs: docs/results-table.md. Beside the summary's figures there are, for each basis (total, dynamic,
marginal) of the energy per inference E:

    edp_js         E times the seconds of one inference (energy-delay product)
    j_per_mac      E over the multiply-accumulates of one inference
    gmac_per_j     their number over E, in 1e9
    mj_per_pixel   E over the pixels of one image, in 1e-3 J
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Literal, NamedTuple

from recorders.channels import kind_of
from recorders.counts import COUNTED, INFERENCES, NAME, column_of, named
from recorders.summary.bases import BASES, Basis, per_inference_j
from recorders.summary.combining import are_samples, by_count
from recorders.summary.figures import (
    Domain,
    Group,
    PerCount,
    PerOne,
    PhaseFigures,
    Summary,
    Value,
    is_unmoved,
)
from recorders.summary.stats import total
from recorders.texts import OwnNote
from wattui.analysis.label_numbers import carried
from wattui.analysis.samples import Described, describe

VERSION = 1
_UNITS = {
    "running_s": "s",
    "inferences": "1",
    "inferences_per_s": "1/s",
    "energy_j": "J",
    "power_w": "W",
    "idle_w": "W",
    "armed_w": "W",
    **{basis.key: "J" for basis in BASES},
    **{f"{basis.name}_edp_js": "J s" for basis in BASES},
    **{f"{basis.name}_j_per_mac": "J" for basis in BASES},
    **{f"{basis.name}_gmac_per_j": "1e9/J" for basis in BASES},
    **{f"{basis.name}_mj_per_pixel": "mJ" for basis in BASES},
}
# Over several phases these and counts are summed, all others averaged.
SUMS = ("running_s", "inferences", "energy_j")
# Those that are per inference, or of inferences.
PER_COUNT = frozenset({INFERENCES, "inferences_per_s", *(basis.key for basis in BASES)})
# Figures of counts other than inferences, whose names they have.
_COUNT = re.compile(rf"{COUNTED}{NAME}")
_OTHERS = {
    re.compile(rf"{COUNTED}{NAME}_per_s"): "1/s",
    _COUNT: "1",
    re.compile(rf"(?:{'|'.join(basis.name for basis in BASES)})_j_per_{NAME}"): "J",
}

# Domain, name and value of a figure.
Named = tuple[str, str, Value]
Level = Literal["run", "label", "repeat", "phase"]


class ResultRow(NamedTuple):
    """One figure; `domain` is empty for figures without one, such as inferences per second.

    `samples` are the values of its repeats in order, or of its phases if these have no repeat
    number; empty unless there are known to be several.
    """

    level: Level
    phase: str
    label: str
    repeat: int | None
    start_s: float | None
    domain: str
    origin: str
    figure: str
    known: Value
    samples: tuple[float, ...] = ()

    @property
    def unit(self) -> str:
        """The figure's unit."""
        return unit_of(self.figure)

    @property
    def described(self) -> Described | None:
        """Statistics of the samples."""
        return describe(self.samples) if self.samples else None

    @property
    def best(self) -> Value:
        """The figure with its headline ±, the scatter of its samples included."""
        described = self.described
        if described is None or described.half_width is None:
            return self.known
        many = len(self.samples) if is_sum(self.figure) else 1
        return self.known.over_samples(described.half_width * many)


def unit_of(figure: str) -> str:
    """The unit of a figure."""
    others = (unit for name, unit in _OTHERS.items() if name.fullmatch(figure))
    return _UNITS.get(figure) or next(others)


def is_figure(name: str) -> bool:
    """Whether there is such a figure."""
    return name in _UNITS or any(other.fullmatch(name) for other in _OTHERS)


def is_sum(figure: str) -> bool:
    """Whether a figure of several phases is the sum of theirs."""
    is_rate = figure.endswith("_per_s")
    return figure in SUMS or (_COUNT.fullmatch(figure) is not None and not is_rate)


def per(figure: str, name: str) -> str:
    """The figure that is for another count what this one is for inferences."""
    if name == INFERENCES:
        return figure
    of_count = figure.replace(INFERENCES, column_of(name))
    return of_count.replace("_j_per_inference", f"_j_per_{name}")


def as_per(rows: Sequence[ResultRow], name: str) -> list[ResultRow]:
    """The rows of a table with another count in the place of inferences."""
    inner = {per(figure, name): figure for figure in _UNITS if figure in PER_COUNT}
    return [
        row._replace(figure=inner.get(row.figure, row.figure))
        for row in rows
        if name == INFERENCES or row.figure not in PER_COUNT
    ]


def counted_in_rows(rows: Sequence[ResultRow]) -> list[str]:
    """What was counted, by the rows of everything that ran; inferences first."""
    found = [row.figure for row in rows if row.level == "run" and unit_of(row.figure) == "1"]
    return sorted((figure.removeprefix(COUNTED) for figure in found), key=INFERENCES.__ne__)


def rows(summary: Summary, macs: Mapping[str, int] | None = None) -> list[ResultRow]:
    """The table of a summary: all running phases, labels, their repeats, then every phase.

    `macs` are the multiply-accumulates of one inference by label.
    """
    return [*group_rows(summary, macs), *_Table(summary, {}).phases()]


def group_rows(summary: Summary, macs: Mapping[str, int] | None = None) -> list[ResultRow]:
    """The part of the table about all running phases together."""
    return list(_Table(summary, macs or {}).groups())


def row_dict(run: str, row: ResultRow) -> dict[str, Any]:
    """A row of a run as written to JSON and CSV; unknown values are None."""
    known, described = row.best, row.described
    return {
        "run": run,
        "level": row.level,
        "phase": row.phase,
        "label": row.label,
        "repeat": row.repeat,
        "start_s": row.start_s,
        "domain": row.domain,
        "origin": row.origin,
        "figure": row.figure,
        "unit": row.unit,
        **asdict(known),
        **(asdict(described) if described else dict.fromkeys(STATISTICS)),
    }


STATISTICS = tuple(Described.__slots__)
COLUMNS = tuple(row_dict("", ResultRow("run", "", "", None, None, "", "", "energy_j", Value(0.0))))


class _Table:
    def __init__(self, summary: Summary, macs: Mapping[str, int]) -> None:
        self._summary = summary
        self._macs = macs
        self._outer = [
            phase
            for phase in summary.phases
            if phase.phase == "running" and "running" not in phase.inside and not phase.left_out
        ]

    def groups(self) -> Iterator[ResultRow]:
        """All running phases, each label, and each repeat of a label."""
        whole = self._summary.running
        if whole is None:
            return
        labels = {phase.label for phase in self._outer}
        yield from self._group("run", whole, self._outer, is_one_thing=len(labels) == 1)
        for group in self._summary.labels:
            windows = [phase for phase in self._outer if phase.label == group.label]
            yield from self._group("label", group, windows, is_one_thing=True)

    def phases(self) -> Iterator[ResultRow]:
        """Every single phase, including idle and nested ones."""
        running = self._summary.running
        origins = {n: d.origin for n, d in running.domains.items()} if running else {}
        for phase in self._summary.phases:
            own = {INFERENCES: phase.inferences, **phase.counts} if phase.phase == "running" else {}
            sample = _sample([phase], own, {})
            where = (phase.phase, phase.label, phase.repeat, phase.start_s)
            for domain, figure, known in _group_figures(sample, self._names, None, None):
                yield ResultRow("phase", *where, domain, origins.get(domain, ""), figure, known)

    def _group(
        self,
        level: Level,
        group: Group,
        windows: Sequence[PhaseFigures],
        is_one_thing: bool,
    ) -> Iterator[ResultRow]:
        label = group.label
        macs = self._macs.get(label)
        is_image = self._summary.per == INFERENCES
        pixels = carried(label, "pixels").number if is_image else None
        samples = list(self._samples(windows, group.domains, is_one_thing))
        repeats = any(sample.repeat is not None for sample in samples)
        alike = not repeats or are_samples((w.repeat, w.label) for w in windows)
        repeated = [
            {
                (domain, figure): known
                for domain, figure, known in _group_figures(each, self._names, macs, pixels)
            }
            for each in samples
        ]
        for domain, figure, known in _group_figures(group, self._names, macs, pixels):
            values = [found.get((domain, figure)) for found in repeated]
            whole = tuple(value.value for value in values if value is not None)
            # All of them share one baseline.
            several = whole if alike and len(whole) == len(values) > 1 else ()
            origin = group.domains[domain].origin if domain else self._origin_of(figure)
            yield ResultRow(
                level, "running", label, None, None, domain, origin, figure, known, several
            )
        if repeats:
            for sample, found in zip(samples, repeated, strict=True):
                for (domain, figure), known in found.items():
                    origin = group.domains[domain].origin if domain else self._origin_of(figure)
                    where = (label, sample.repeat, None)
                    yield ResultRow("repeat", "running", *where, domain, origin, figure, known)

    def _origin_of(self, figure: str) -> str:
        """The origin of a figure that belongs to no channel: of a count stated by hand."""
        is_stated = any(flag.name == OwnNote.STATED_COUNT for flag in self._summary.flags)
        return "manual" if is_stated and figure == "inferences" else ""

    def _samples(
        self, windows: Sequence[PhaseFigures], baselines: Mapping[str, Domain], is_one_thing: bool
    ) -> Iterator[Group]:
        """The repeats of some phases, or the phases themselves if they have no repeat numbers.

        Overlapping phases are not samples: each includes the energy of the others.
        """
        if any(window.overlaps for window in windows):
            whole = len(windows) == len(self._outer) and len(self._summary.repeats) > 1
            for found in self._summary.repeats if whole else ():
                known = {n: replace(d, idle_w=None, armed_w=None) for n, d in found.domains.items()}
                yield replace(found, domains=known)
            return
        repeats = sorted({w.repeat for w in windows if w.repeat is not None})
        if len(repeats) > 1:
            for repeat in repeats:
                own = [window for window in windows if window.repeat == repeat]
                counts = {name: self._count(name, own, repeat) for name in self._names}
                yield _sample(own, counts, baselines, repeat)
        elif is_one_thing and len(windows) > 1:
            for window in windows:
                counts = {name: _counted_in(window, name) for name in self._names}
                yield _sample([window], counts, baselines)

    @property
    def _names(self) -> list[str]:
        """Inferences, and all other counts unless one of these is in their place."""
        running = self._summary.running
        is_whole = self._summary.per == INFERENCES
        return [INFERENCES, *(running.counts if running and is_whole else ())]

    def _count(self, name: str, windows: Sequence[PhaseFigures], repeat: int) -> int | None:
        """What a repeat's windows counted, or the whole repeat if only that is known."""
        if counted := sum(_counted_in(window, name) or 0 for window in windows):
            return counted
        ran = [phase for phase in self._outer if phase.repeat == repeat]
        groups = (group for group in self._summary.repeats if group.repeat == repeat)
        beside = next((by_count(group, name).inferences for group in groups), None)
        return beside if beside and len(ran) == len(windows) else None


def _counted_in(phase: PhaseFigures, name: str) -> int | None:
    return phase.inferences if name == INFERENCES else phase.counts.get(name)


def _sample(
    windows: Sequence[PhaseFigures],
    counts: Mapping[str, int | None],
    baselines: Mapping[str, Domain],
    repeat: int | None = None,
) -> Group:
    """Some phases taken together: what is known of them, with the baselines of a group."""
    seconds = math.fsum(window.seconds for window in windows)
    n = counts.get(INFERENCES)
    domains: dict[str, Domain] = {}
    each: dict[str, dict[str, PerOne]] = {name: {} for name in named(counts)}
    for name in windows[0].energy_j:
        energy_j = total(window.energy_j.get(name) for window in windows)
        kind, base = kind_of(name), baselines.get(name)
        if energy_j is None or seconds <= 0 or is_unmoved(energy_j, kind.by_hand):
            continue
        nets = _nets(base, energy_j, seconds, n)
        domains[name] = Domain(kind.origin, None, None, None, Value(energy_j), *nets)
        for count, found in each.items():
            found[name] = PerOne(*_nets(base, energy_j, seconds, counts[count]))
    others = {
        name: PerCount(counts[name], _rate(counts[name], seconds), found)
        for name, found in each.items()
    }
    return Group("", repeat, seconds, n, None, domains, counts=others)


def _nets(
    base: Domain | None, energy_j: float, seconds: float, n: int | None
) -> list[Value | None]:
    """Joules per inference on each basis, as far as its baseline is known."""
    powers_w = [basis.baseline_w(base) if base and n else None for basis in BASES]
    return [
        None if w is None or not n else Value(per_inference_j(energy_j, w, seconds, n))
        for w in powers_w
    ]


def _rate(n: int | None, seconds: float) -> float | None:
    return n / seconds if n and seconds > 0 else None


def _group_figures(
    group: Group, names: Sequence[str], macs: int | None, pixels: float | None
) -> Iterator[Named]:
    seconds, n = group.seconds, group.inferences
    yield from _counted(seconds, n)
    counts = {name: count for name, count in named(group.counts).items() if name in names}
    for name, count in counts.items():
        if count.count:
            yield "", per(INFERENCES, name), Value(float(count.count), baseline_noise=0.0)
        if count.per_s:
            yield "", per("inferences_per_s", name), Value(count.per_s, baseline_noise=0.0)
    for domain, found in group.domains.items():
        if found.running_j is not None and seconds > 0:
            yield domain, "energy_j", found.running_j
            yield domain, "power_w", found.running_j.times(1 / seconds)
        for baseline, power_w in (("idle_w", found.idle_w), ("armed_w", found.armed_w)):
            if power_w is not None:
                yield domain, baseline, Value(power_w)
        for basis in BASES:
            if n and (value := basis.of(found)) is not None:
                for figure, known in _derived(basis, value, seconds / n, macs, pixels):
                    yield domain, figure, known
        for name, count in counts.items():
            each = count.domains.get(domain, PerOne())
            for basis, net in zip(BASES, each.values, strict=True):
                if net is not None:
                    yield domain, per(basis.key, name), net


def _counted(seconds: float, n: int | None) -> Iterator[Named]:
    yield "", "running_s", Value(seconds, baseline_noise=0.0)
    if n:
        yield "", "inferences", Value(float(n), baseline_noise=0.0)
        if seconds > 0:
            yield "", "inferences_per_s", Value(n / seconds, baseline_noise=0.0)


def _derived(
    basis: Basis, energy: Value, delay_s: float, macs: int | None, pixels: float | None
) -> Iterator[tuple[str, Value]]:
    yield basis.key, energy
    yield f"{basis.name}_edp_js", energy.times(delay_s)
    if macs:
        yield f"{basis.name}_j_per_mac", energy.times(1 / macs)
        if energy.value > 0:
            yield f"{basis.name}_gmac_per_j", energy.reciprocal(macs * 1e-9)
    if pixels:
        yield f"{basis.name}_mj_per_pixel", energy.times(1e3 / pixels)
