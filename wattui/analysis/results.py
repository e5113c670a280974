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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from recorders.channels import kind_of
from recorders.summary.bases import BASES, Basis, per_inference_j
from recorders.summary.combining import are_samples
from recorders.summary.figures import Domain, Group, PhaseFigures, Summary, Value, is_unmoved
from recorders.summary.stats import total
from recorders.texts import OwnNote
from wattui.analysis.label_numbers import carried
from wattui.analysis.samples import Described, describe

VERSION = 1
UNITS = {
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
# Over several phases these are summed, all others averaged.
SUMS = ("running_s", "inferences", "energy_j")

# Domain, name and value of a figure.
Named = tuple[str, str, Value]
Level = Literal["run", "label", "repeat", "phase"]


@dataclass(frozen=True, slots=True)
class ResultRow:
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
        return UNITS[self.figure]

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
        many = len(self.samples) if self.figure in SUMS else 1
        return self.known.over_samples(described.half_width * many)


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
            sample = _sample([phase], phase.inferences if phase.phase == "running" else None, {})
            where = (phase.phase, phase.label, phase.repeat, phase.start_s)
            for domain, figure, known in _group_figures(sample, None, None):
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
        pixels = carried(label, "pixels").number
        samples = list(self._samples(windows, group.domains, is_one_thing))
        repeats = any(sample.repeat is not None for sample in samples)
        alike = not repeats or are_samples((w.repeat, w.label) for w in windows)
        repeated = [
            {
                (domain, figure): known
                for domain, figure, known in _group_figures(each, macs, pixels)
            }
            for each in samples
        ]
        for domain, figure, known in _group_figures(group, macs, pixels):
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
                yield _sample(own, self._count(own, repeat), baselines, repeat)
        elif is_one_thing and len(windows) > 1:
            for window in windows:
                yield _sample([window], window.inferences, baselines)

    def _count(self, windows: Sequence[PhaseFigures], repeat: int) -> int | None:
        """Inferences of a repeat's windows, or of the whole repeat if only those were counted."""
        if counted := sum(window.inferences or 0 for window in windows):
            return counted
        ran = [phase for phase in self._outer if phase.repeat == repeat]
        groups = (group for group in self._summary.repeats if group.repeat == repeat)
        beside = next((group.inferences for group in groups), None)
        return beside if beside and len(ran) == len(windows) else None


def _sample(
    windows: Sequence[PhaseFigures],
    n: int | None,
    baselines: Mapping[str, Domain],
    repeat: int | None = None,
) -> Group:
    """Some phases taken together: what is known of them, with the baselines of a group."""
    seconds = math.fsum(window.seconds for window in windows)
    domains = {}
    for name in windows[0].energy_j:
        energy_j = total(window.energy_j.get(name) for window in windows)
        kind, base = kind_of(name), baselines.get(name)
        if energy_j is None or seconds <= 0 or is_unmoved(energy_j, kind.by_hand):
            continue
        powers_w = [basis.baseline_w(base) if base and n else None for basis in BASES]
        nets = [
            None if w is None or not n else Value(per_inference_j(energy_j, w, seconds, n))
            for w in powers_w
        ]
        domains[name] = Domain(kind.origin, None, None, None, Value(energy_j), *nets)
    return Group("", repeat, seconds, n, None, domains)


def _group_figures(group: Group, macs: int | None, pixels: float | None) -> Iterator[Named]:
    seconds, n = group.seconds, group.inferences
    yield from _counted(seconds, n)
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
