"""Compares measurements: ratio, difference with its interval, rank test. Pure.

A side is one run, several runs taken as samples of the same thing, or one label of a run. If both
sides have two samples or more, the difference has Welch's interval, with a rank test beside it.
What all repeats of a run share, their scatter does not show: the uncertainties of the baseline and
of the counter are added. A side without samples has only these: the variation between runs is not
known, and there is no verdict. One of many labels differs by chance sooner than one alone: the
verdicts are Holm's (Scand. J. Statist. 6, 65, 1979).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple

from recorders.summary.bases import BASES
from recorders.summary.figures import Value
from recorders.summary.stats import Uncertainty, combined, depend, t_quantile, t_tails
from wattui.analysis.results import SUMS as SUMMED
from wattui.analysis.results import ResultRow
from wattui.analysis.samples import Described, describe, outlier
from wattui.analysis.two_samples import RankTest, mann_whitney, one_more, samples_to_see
from wattui.runs.recorded import Run

Unrepeated = Literal["one run each", "one run"]
Verdict = Literal[
    "clear",
    "clear alone",
    "within the error",
    "unclear: one run each",
    "unclear: one run",
    "unknown",
]

UNREPEATED: dict[Unrepeated, Verdict] = {
    "one run each": "unclear: one run each",
    "one run": "unclear: one run",
}


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
# Figures that make sense for several labels together.
SUMS = ("energy",)
PUBLISHED = "published"
_NAMES = {figure.column: name for name, figure in FIGURES.items()}
# Sampling rates that differ by more than this factor are not comparable.
SAME_RATE = 0.05
MOST_TOLD = 12
ALPHA = 0.05
# A 95 % half-width over its standard uncertainty.
NORMAL_95 = t_quantile(0.05, math.inf)
# The difference for which the number of repeats is told.
SEEN = 0.05
# Steps of the search for the ends of a ratio's interval.
DOUBLINGS, HALVINGS, LEAST_STEP = 20, 30, 1e-12


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

    def beside_scatter(self) -> list[Uncertainty] | None:
        """What its scatter does not show: the counter's uncertainty and the baseline's (last)."""
        noise = self.known.baseline_noise
        if noise is None:
            return None
        return [Uncertainty(part / NORMAL_95) for part in (self.known.resolution or 0.0, noise)]


class ComparisonKey(NamedTuple):
    """Key of a figure; `label` is empty for all running phases together."""

    label: str
    domain: str
    figure: str


@dataclass(frozen=True, slots=True)
class Side:
    """Something to compare: figures by key, and where they come from."""

    name: str
    headline: str | None
    figures: Mapping[ComparisonKey, tuple[str, Sampled]]

    @property
    def labels(self) -> list[str]:
        """Labels in order, the empty one included."""
        return list(dict.fromkeys(key.label for key in self.figures))

    @property
    def is_mixed(self) -> bool:
        """Whether the running phases are a mixture of labels."""
        return len(list(filter(None, self.labels))) > 1

    @property
    def domains(self) -> dict[str, str]:
        """Domains and their origins."""
        return {key.domain: origin for key, (origin, _) in self.figures.items() if key.domain}


@dataclass(frozen=True)
class Comparison:
    """One figure of one domain on both sides; intervals are those of 1 - `alpha`.

    `p_of_all` is `p` with Holm's correction for all labels compared.
    """

    label: str
    domain: str
    figure: str
    unit: str
    origins: tuple[str, str]
    a: Sampled
    b: Sampled
    alpha: float = ALPHA
    p_of_all: float | None = None

    @property
    def unrepeated(self) -> Unrepeated | None:
        """Why there is no verdict: one run on each side or on one; None if there are repeats."""
        if PUBLISHED in self.origins or (self.a.described and self.b.described):
            return None
        return "one run" if self.a.described or self.b.described else "one run each"

    @property
    def origin(self) -> str:
        """The origins of both figures, in words."""
        return " and ".join(dict.fromkeys(self.origins))

    @property
    def difference(self) -> Value:
        """b − a with the half-width of its interval."""
        return Value(self.b.known.value - self.a.known.value, self._half_width())

    @property
    def ratio(self) -> float | None:
        """b / a; None if a is not above zero."""
        return self.b.known.value / self.a.known.value if self.a.known.value > 0 else None

    @cached_property
    def ratio_interval(self) -> tuple[float, float] | None:
        """The interval of the ratio: each r at which b − r · a may be 0 (Fieller, 1954).

        An end is infinite if a is not clearly different from zero; None if errors are not known.
        """
        if self.ratio is None or self._half_width() is None:
            return None
        return self._ratio_end(-1), self._ratio_end(1)

    @property
    def rank_test(self) -> RankTest | None:
        """Mann and Whitney's test of the samples; None if they are too few or dependent."""
        described = self.a.described, self.b.described
        if None in described or depend(self.a.samples) or depend(self.b.samples):
            return None
        return mann_whitney(self.a.samples, self.b.samples)

    @property
    def p(self) -> float | None:
        """The probability of such a difference by chance; None if errors are not known."""
        error = self._error()
        if error is None or self.unrepeated:
            return None
        away = abs(self.b.known.value - self.a.known.value)
        if error.standard == 0:
            return float(away == 0)
        return t_tails(away / error.standard, error.degrees)

    @property
    def verdict(self) -> Verdict:
        """Whether the difference exceeds its error, also as one of several labels; not known if a
        side is one run."""
        if self.unrepeated:
            return UNREPEATED[self.unrepeated]
        if self.p is None:
            return "unknown"
        if self.p >= self.alpha:
            return "within the error"
        return "clear" if (self.p_of_all or self.p) < self.alpha else "clear alone"

    def _ratio_end(self, sign: int) -> float:
        """The r at which b − r · a is clearly different from zero, below or above the ratio."""
        ratio = self.ratio or 0.0

        def is_clear(r: float) -> bool:
            return abs(r - ratio) * self.a.known.value >= (self._half_width(r) or 0.0)

        half = self._half_width(ratio) or 0.0
        step = max(half / self.a.known.value, abs(ratio) * LEAST_STEP)
        far = next(
            (r for n in range(DOUBLINGS) if is_clear(r := ratio + sign * step * 2.0**n)), None
        )
        if far is None:
            return sign * math.inf
        near = ratio
        for _ in range(HALVINGS):
            middle = (near + far) / 2
            near, far = (near, middle) if is_clear(middle) else (middle, far)
        return far

    def _half_width(self, times_a: float = 1.0) -> float | None:
        """Half-width of the interval of b - times_a · a; None if errors are not known."""
        error = self._error(times_a)
        return error and t_quantile(self.alpha, error.degrees) * error.standard

    def _error(self, times_a: float = 1.0) -> Uncertainty | None:
        """The uncertainty of b - times_a · a; unknown for published figures."""
        a, b = self.a, self.b
        if PUBLISHED in self.origins:
            return None
        if a.described and b.described:
            scatter = [_times(a.described.error, times_a), b.described.error]
        elif a.described:
            scatter = [one_more(a.described, b.known.value, times_a)]
        elif b.described:
            scatter = [one_more(b.described, times_a * a.known.value)]
        else:
            errors = a.known.times(times_a).plus_minus, b.known.plus_minus
            known = [Uncertainty(e / NORMAL_95) for e in errors if e is not None]
            return combined(known) if len(known) == 2 else None
        shared = replace(a, known=a.known.times(times_a)).beside_scatter(), b.beside_scatter()
        if None in scatter or None in shared:
            return None
        beside = (part for each in shared for part in each or ())
        return combined([*filter(None, scatter), *beside])


@dataclass(frozen=True, slots=True)
class GeometricMean:
    """The geometric mean of the ratios of several labels, and its interval (None: unknown)."""

    figure: str
    domain: str
    labels: int
    ratio: float
    interval: tuple[float, float] | None


def geometric_means(rows: Sequence[Comparison]) -> list[GeometricMean]:
    """The mean of each figure and domain that two labels or more have."""
    kinds = dict.fromkeys((row.figure, row.domain) for row in rows)
    found = (_geometric_mean([r for r in rows if (r.figure, r.domain) == kind]) for kind in kinds)
    return [mean for mean in found if mean is not None]


def _geometric_mean(rows: Sequence[Comparison]) -> GeometricMean | None:
    """The mean of one figure over its labels; None for fewer than two with a ratio above zero.

    Its interval is that of the labels' mean logarithms, sample by sample, as what is the same for
    all labels of a sample does not average out; nor does the baseline of a run.
    """
    rows = [row for row in rows if row.label and row.ratio is not None and row.ratio > 0]
    if len(rows) < 2:
        return None
    first = rows[0]
    log = math.fsum(math.log(row.ratio or 1.0) for row in rows) / len(rows)
    errors = [_of_logs([row.a for row in rows]), _of_logs([row.b for row in rows])]
    interval = None
    if not any(row.unrepeated or PUBLISHED in row.origins for row in rows) and all(errors):
        error = combined([part for each in errors for part in each or ()])
        half = t_quantile(first.alpha, error.degrees) * error.standard
        interval = math.exp(log - half), math.exp(log + half)
    return GeometricMean(first.figure, first.domain, len(rows), math.exp(log), interval)


def _of_logs(labels: Sequence[Sampled]) -> list[Uncertainty] | None:
    """The uncertainties of the mean logarithm of one side's labels; None if unknown."""
    counts = {len(each.samples) for each in labels}
    if len(counts) > 1 or counts <= {0, 1} or any(min(each.samples) <= 0 for each in labels):
        return None
    logs = [[math.log(value) for value in each.samples] for each in labels]
    error = describe([math.fsum(each) / len(each) for each in zip(*logs, strict=True)]).error
    shared = [each.beside_scatter() for each in labels]
    if error is None or None in shared:
        return None
    relative = [
        [part.standard / each.known.value / len(labels) for part in parts or ()]
        for each, parts in zip(labels, shared, strict=True)
    ]
    counters, baselines = zip(*relative, strict=True)
    return [error, Uncertainty(math.hypot(*counters)), Uncertainty(math.fsum(baselines))]


def by_holm(rows: Sequence[Comparison]) -> list[Comparison]:
    """The rows with the p that each has as one of all labels of its figure and domain."""
    found: dict[int, float] = {}
    for kind in dict.fromkeys((row.figure, row.domain) for row in rows):
        family = [
            (p, place)
            for place, row in enumerate(rows)
            if row.label and (row.figure, row.domain) == kind and (p := row.p) is not None
        ]
        largest = 0.0
        for rank, (p, place) in enumerate(sorted(family)):
            largest = max(largest, min(1.0, (len(family) - rank) * p))
            found[place] = largest
    return [replace(row, p_of_all=found.get(n, row.p)) for n, row in enumerate(rows)]


def _times(error: Uncertainty | None, factor: float) -> Uncertainty | None:
    return error and error._replace(standard=abs(factor) * error.standard)


def side(name: str, runs: Sequence[tuple[str | None, Sequence[ResultRow]]]) -> Side:
    """A side made of one run (its headline channel and rows), or of several as samples."""
    found: dict[ComparisonKey, list[tuple[str, Sampled]]] = {}
    for _, rows in runs:
        repeated = {row.label for row in rows if row.level == "repeat"}
        for row in rows:
            if row.figure in _NAMES and row.level in ("run", "label"):
                key = ComparisonKey(row.label, row.domain, _NAMES[row.figure])
                found.setdefault(key, []).append((row.origin, _sampled(row, row.label in repeated)))
    headlines = {headline for headline, _ in runs}
    return Side(
        name,
        headlines.pop() if len(headlines) == 1 else None,
        {key: _together(each) for key, each in found.items()},
    )


def of_label(found: Side, label: str) -> Side:
    """One label of a side, as something that ran alone."""
    own = {key: known for key, known in found.figures.items() if key.label == label}
    figures = {key._replace(label=""): known for key, known in own.items()}
    return Side(label, found.headline, figures)


def labels_of(found: Side) -> list[Side]:
    """The labels of one run, to compare with each other: the phases of each are its samples."""
    figures = {key: (origin, replace(s, whole=None)) for key, (origin, s) in found.figures.items()}
    return [of_label(replace(found, figures=figures), label) for label in found.labels if label]


def compare(
    a: Side,
    b: Side,
    domains: Iterable[tuple[str, str]] | None = None,
    mixed: bool = False,
    alpha: float = ALPHA,
) -> list[Comparison]:
    """The figures that both sides have: all running phases, then label by label.

    `domains` pairs domains of a and b; without it, every one that both have. A side with a single
    label is compared with one without labels. For several labels together, energy, which is a sum,
    is compared; other figures only if a mixture is asked for (`mixed`).
    """
    pairs = [(d, d) for d in a.domains if d in b.domains] if domains is None else list(domains)
    labels = [(label, label) for label in a.labels if label in b.labels]
    if not labels and len(a.labels) == len(b.labels) == 1 and "" in (*a.labels, *b.labels):
        labels = [(a.labels[0], b.labels[0])]
    is_mixed = not mixed and (a.is_mixed or b.is_mixed)
    rows = [
        Comparison(
            label_a or label_b,
            domain_a if domain_a == domain_b else f"{domain_a}, {domain_b}",
            name,
            figure.unit,
            (origin_a, origin_b),
            known_a.of_run,
            known_b.of_run,
            alpha,
        )
        for label_a, label_b in labels
        for domain_a, domain_b in [*pairs, ("", "")]
        for name, figure in FIGURES.items()
        if name in SUMS or label_a or label_b or not is_mixed
        for origin_a, known_a in _at_key(a, ComparisonKey(label_a, domain_a, name))
        for origin_b, known_b in _at_key(b, ComparisonKey(label_b, domain_b, name))
    ]
    return by_holm(rows)


def first_of(names: Sequence[str]) -> str:
    """The first of many names, in words."""
    more = f" and {len(names) - MOST_TOLD} more" if len(names) > MOST_TOLD else ""
    return ", ".join(names[:MOST_TOLD]) + more


def only_in_one(a: Side, b: Side) -> Iterator[str]:
    """Remarks on data that only one of the two has."""
    for one, other in ((a, b), (b, a)):
        if labels := [label for label in one.labels if label and label not in other.labels]:
            yield f"only in {one.name}: {first_of(labels)}"
        if one.figures and not other.figures:
            yield f"only {one.name} has a running phase"
        elif domains := [d for d in one.domains if d not in other.domains]:
            said = ", ".join(f"{domain} ({one.domains[domain]})" for domain in domains)
            yield f"only in {one.name}: {said}"


def doubts(a: Run, b: Run, names: tuple[str, str] = ("A", "B")) -> Iterator[str]:
    """Reasons to doubt the comparison of two runs, in words."""
    for words, key in (
        ("different machines", "name"),
        ("different processors", "processor"),
        ("different governors", "governor"),
    ):
        first, second = a.about.host.get(key), b.about.host.get(key)
        if first != second and first is not None and second is not None:
            yield f"{words}: {first}, {second}"
    rates = [run.about.sampling.rate_asked_hz if run.about.sampling else 0.0 for run in (a, b)]
    if all(rates) and abs(rates[0] / rates[1] - 1) > SAME_RATE:
        yield f"different sampling rates: {rates[0]:g} Hz, {rates[1]:g} Hz"
    readers = a.about.energy_readers, b.about.energy_readers
    if readers[0] != readers[1] and all(readers):
        yield f"different readers: {', '.join(readers[0])}; {', '.join(readers[1])}"
    quoted = a.summary.quoted, b.summary.quoted
    if quoted[0] and quoted[1] and quoted[0].origin != quoted[1].origin:
        yield (
            f"{names[0]} is {quoted[0].origin}, {names[1]} is {quoted[1].origin}: these are "
            "different kinds of figure"
        )
    for name, run in zip(names, (a, b), strict=True):
        if (sampling := run.about.sampling) and sampling.rate_achieved_hz is not None:
            asked, achieved = sampling.rate_asked_hz, sampling.rate_achieved_hz
            if achieved < (1 - SAME_RATE) * asked:
                said = f"{achieved:.3g} Hz, not the {asked:g} Hz that were asked"
                yield f"{name} was sampled at {said}"
        if contents := run.summary.contents:
            yield f"{name} has {contents} in its {run.summary.headline}"
        if flags := [flag.name for flag in run.summary.flags]:
            yield f"flags of {name}: {', '.join(dict.fromkeys(flags))}"


def doubts_of_samples(rows: Sequence[Comparison], names: tuple[str, str]) -> Iterator[str]:
    """Signs that the samples of a side are not samples of one thing, in words."""
    for place, name in enumerate(names):
        dependent: dict[str, None] = {}
        for row in rows:
            sampled = (row.a, row.b)[place]
            described, samples = sampled.described, sampled.samples
            what = row.label or row.figure
            if described is None:
                continue
            if depend(samples):
                dependent[f"{what} ({len(samples)} count as {described.effective_samples:.1f})"] = (
                    None
                )
            elif (odd := outlier(samples)) is not None:
                yield (
                    f"{name}, {what}: repeat {odd + 1} of {len(samples)} is an outlier: "
                    f"{samples[odd]:.4g} {row.unit}, the median is {described.median:.4g}"
                )
        if dependent:
            yield (
                f"{name}: each repeat depends on the one before: fix: --cooldown 60: "
                f"{first_of([*dependent])}"
            )


def repeats_needed(rows: Sequence[Comparison]) -> Iterator[str]:
    """How many repeats show a difference of 5 % in what is not clear, in words."""
    needed: list[tuple[float, str]] = []
    for row in rows:
        both = row.a.described, row.b.described
        cvs = [each.cv for each in both if each is not None and each.cv is not None]
        if row.verdict not in ("within the error", "clear alone") or len(cvs) < 2:
            continue
        beside = [each.known.baseline_noise or 0.0 for each in (row.a, row.b)]
        name = f"{row.label}: {row.figure}" if row.label else row.figure
        if math.hypot(*beside) > SEEN * abs(row.a.known.value):
            yield (
                f"{name}: no number of repeats shows a difference of {100 * SEEN:g} %, as the "
                "baseline is not known well enough: fix: --idle 60 --idle-after 60"
            )
            continue
        n = samples_to_see(SEEN, cvs, row.alpha)
        needed.append((math.inf if n is None else n, name))
    if needed:
        most, name = max(needed)
        many = f"{most:.0f}" if math.isfinite(most) else "over 1000"
        yield f"{name}: {many} repeats on each side show a difference of {100 * SEEN:g} %"


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


def _at_key(found: Side, key: ComparisonKey) -> list[tuple[str, Sampled]]:
    known = found.figures.get(key)
    return [] if known is None else [known]
