"""The sides of a comparison: figures by label and domain, with the samples they are means of. Pure.

A side is one run, several runs taken as samples of the same thing, or one label of a run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from recorders.counts import INFERENCES, singular
from recorders.summary.bases import BASES
from recorders.summary.figures import Value
from recorders.summary.stats import Uncertainty, t_quantile
from wattui.analysis.results import SUMS as SUMMED
from wattui.analysis.results import ResultRow
from wattui.analysis.samples import Described, describe


class Measure(NamedTuple):
    """A column of the results table, its unit, and whether higher is better."""

    column: str
    unit: str
    more_is_better: bool = False


FIGURES = {
    **{basis.name: Measure(basis.key, "J/inference") for basis in BASES},
    "energy": Measure("energy_j", "J"),
    "power": Measure("power_w", "W"),
    "edp": Measure("total_edp_js", "J s"),
    "rate": Measure("inferences_per_s", "/s", more_is_better=True),
}
# Figures without a count.
PER_NOTHING = ("energy", "power")
# Figures that make sense for several labels together.
SUMS = ("energy",)
PUBLISHED = "published"
# Those that a verdict is about: the first one that is known.
LEADING = ("total", "energy", "dynamic")
NAMES = {figure.column: name for name, figure in FIGURES.items()}
# A 95 % half-width over its standard uncertainty.
NORMAL_95 = t_quantile(0.05, math.inf)


@dataclass(frozen=True, slots=True)
class Sampled:
    """A figure, and the samples that it is the mean of where it has several.

    `whole` is the figure of the whole run if its samples are phases, which are no repeats.
    """

    known: Value
    described: Described | None = None
    samples: tuple[float, ...] = ()
    whole: Value | None = None

    @property
    def of_run(self) -> Sampled:
        """The figure as that of a run, which its phases are no samples of."""
        return self if self.whole is None else Sampled(self.whole)

    def beside_scatter(self, times: float = 1.0) -> list[Uncertainty] | None:
        """What the scatter of so many times the figure does not show: the counter's uncertainty and
        the baseline's (last)."""
        noise = self.known.baseline_noise
        if noise is None:
            return None
        parts = (self.known.resolution or 0.0, noise)
        return [Uncertainty(part * abs(times) / NORMAL_95) for part in parts]


def unit_of(figure: str, per: str) -> str:
    """The unit of a figure, if this count is in the place of inferences."""
    return FIGURES[figure].unit.replace("inference", singular(per))


class ComparisonKey(NamedTuple):
    """Key of a figure; `label` is empty for all running phases together."""

    label: str
    domain: str
    figure: str


@dataclass(frozen=True, slots=True)
class Side:
    """Something to compare: figures by key, and where they come from; `per` is the count in the
    place of inferences."""

    name: str
    headline: str | None
    figures: Mapping[ComparisonKey, tuple[str, Sampled]]
    per: str = INFERENCES

    @property
    def labels(self) -> list[str]:
        """Labels in order, the empty one included."""
        return list(dict.fromkeys(key.label for key in self.figures))

    @property
    def is_counted(self) -> bool:
        """Whether any of it counted what its energies are stated per."""
        return any(key.figure == "rate" for key in self.figures)

    @property
    def is_mixed(self) -> bool:
        """Whether the running phases are a mixture of labels."""
        return len(list(filter(None, self.labels))) > 1

    @property
    def domains(self) -> dict[str, str]:
        """Domains and their origins."""
        return {key.domain: origin for key, (origin, _) in self.figures.items() if key.domain}


def side(
    name: str, runs: Sequence[tuple[str | None, Sequence[ResultRow]]], per: str = INFERENCES
) -> Side:
    """A side made of one run (its headline channel and rows), or of several as samples; `per` is
    the count that is in the place of inferences in these rows."""
    found: dict[ComparisonKey, list[tuple[str, Sampled]]] = {}
    for _, rows in runs:
        repeated = {row.label for row in rows if row.level == "repeat"}
        for row in rows:
            if row.figure in NAMES and row.level in ("run", "label"):
                key = ComparisonKey(row.label, row.domain, NAMES[row.figure])
                found.setdefault(key, []).append((row.origin, _sampled(row, row.label in repeated)))
    headlines = {headline for headline, _ in runs}
    return Side(
        name,
        headlines.pop() if len(headlines) == 1 else None,
        {key: _together(each) for key, each in found.items()},
        per,
    )


def share_labels(a: Side, b: Side) -> bool:
    """Whether two sides are alike enough to compare: a label of both, or none on one side."""
    labels, theirs = set(filter(None, a.labels)), set(filter(None, b.labels))
    return not (labels and theirs) or not labels.isdisjoint(theirs)


def of_label(found: Side, label: str) -> Side:
    """One label of a side, as something that ran alone."""
    own = {key: known for key, known in found.figures.items() if key.label == label}
    figures = {key._replace(label=""): known for key, known in own.items()}
    return replace(found, name=label, figures=figures)


def labels_of(found: Side) -> list[Side]:
    """The labels of one run, to compare with each other: the phases of each are its samples."""
    figures = {key: (origin, replace(s, whole=None)) for key, (origin, s) in found.figures.items()}
    return [of_label(replace(found, figures=figures), label) for label in found.labels if label]


def _sampled(row: ResultRow, is_repeated: bool) -> Sampled:
    """A figure and its samples; energy is that of one repeat, and never that of one phase."""
    described = row.described
    is_phase = row.figure in SUMMED and not is_repeated
    if described is None or described.half_width is None or is_phase:
        return Sampled(row.known)
    known = row.known.over(described.samples) if row.figure in SUMMED else row.known
    mean = replace(known, value=described.mean).over_samples(described.half_width)
    return Sampled(mean, described, row.samples, None if is_repeated else row.known)


def _together(each: Sequence[tuple[str, Sampled]]) -> tuple[str, Sampled]:
    """The figures of several runs as samples of one; their baselines differ, and so scatter."""
    if len(each) == 1:
        return each[0]
    origin = " and ".join(dict.fromkeys(origin for origin, _ in each))
    runs = [sampled.of_run.known for _, sampled in each]
    samples = tuple(run.value for run in runs)
    described = describe(samples)
    ticks = math.hypot(*(run.resolution or 0.0 for run in runs)) / len(runs)
    mean = Value(described.mean, None, ticks, 0.0).over_samples(described.half_width or 0.0)
    return origin, Sampled(mean, described, samples)
