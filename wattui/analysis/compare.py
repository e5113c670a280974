"""Compares measurements: ratio, difference with its interval, rank test. Pure.

If both sides have two samples or more, the difference has Welch's interval, with a rank test beside
it. What all repeats of a run share, their scatter does not show: the uncertainties of the baseline
and of the counter are added. A side without samples has only these: the variation between runs is
not known, and there is no verdict. One of many labels differs by chance sooner than one alone: the
verdicts are Holm's (Scand. J. Statist. 6, 65, 1979).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from recorders.counts import INFERENCES
from recorders.summary.figures import Value
from recorders.summary.stats import Uncertainty, combined, depend, t_quantile, t_tails
from wattui.analysis.samples import error_of_mean
from wattui.analysis.sides import (
    FIGURES,
    NORMAL_95,
    PER_NOTHING,
    PUBLISHED,
    SUMS,
    ComparisonKey,
    Sampled,
    Side,
    unit_of,
)
from wattui.analysis.two_samples import RankTest, mann_whitney, one_more, root

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
ALPHA = 0.05
# The search for the ends of a ratio's interval: how far, and how exactly as a share of the ratio.
DOUBLINGS, LEAST_STEP = 20, 1e-12


@dataclass(frozen=True)
class Comparison:
    """One figure of one domain on both sides; intervals are those of 1 - `alpha`.

    `p_of_all` is `p` with Holm's correction for all labels compared. `paired`: each sample of a
    belongs to one of b, taken right before or after it. `per` is the count in the place of
    inferences.
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
    paired: bool = False
    per: str = INFERENCES

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

    def differences(self, times_a: float = 1.0) -> list[float]:
        """The differences b - times_a · a of the pairs, in order."""
        return [b - times_a * a for a, b in zip(self.a.samples, self.b.samples, strict=True)]

    @property
    def ratio(self) -> float | None:
        """b / a; None if a is not above zero."""
        return self.b.known.value / self.a.known.value if self.a.known.value > 0 else None

    @cached_property
    def ratio_interval(self) -> tuple[float, float] | None:
        """The interval of the ratio: each r at which b − r · a may be 0 (Fieller, 1954).

        An end is infinite if a is not clearly different from zero; None if errors are not known.
        """
        if self.ratio is None or (half := self._half_width(self.ratio)) is None:
            return None
        return self._ratio_end(-1, half), self._ratio_end(1, half)

    @property
    def rank_test(self) -> RankTest | None:
        """Mann and Whitney's test of the samples; None if they are too few, dependent or
        paired."""
        described = self.a.described, self.b.described
        if self.paired or None in described or depend(self.a.samples) or depend(self.b.samples):
            return None
        return mann_whitney(self.a.samples, self.b.samples)

    @cached_property
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

    def _ratio_end(self, sign: int, half: float) -> float:
        """The r at which b − r · a is clearly different from zero, below or above the ratio, at
        which the half-width of its interval is `half`.

        Fieller's quadratic would give it if the degrees of freedom were the same for each r, which
        Welch's are not.
        """
        ratio, a = self.ratio or 0.0, self.a.known.value

        def beyond(r: float) -> float:
            return abs(r - ratio) * a - (self._half_width(r) or 0.0)

        step = max(half / a, abs(ratio) * LEAST_STEP)
        tried = (ratio + sign * step * 2.0**n for n in range(DOUBLINGS))
        far = next(((r, value) for r in tried if (value := beyond(r)) >= 0), None)
        if far is None:
            return sign * math.inf
        return root((ratio, -half), far, beyond, abs(ratio) * LEAST_STEP)

    def _half_width(self, times_a: float = 1.0) -> float | None:
        """Half-width of the interval of b - times_a · a; None if errors are not known."""
        error = self._error(times_a)
        return error and t_quantile(self.alpha, error.degrees) * error.standard

    def _error(self, times_a: float = 1.0) -> Uncertainty | None:
        """The uncertainty of b - times_a · a; unknown for published figures."""
        a, b = self.a, self.b
        if PUBLISHED in self.origins:
            return None
        if self.paired:
            scatter = [error_of_mean(self.differences(times_a))]
        elif a.described and b.described:
            scatter = [_times(a.described.error, times_a), b.described.error]
        elif a.described:
            scatter = [one_more(a.described, b.known.value, times_a)]
        elif b.described:
            scatter = [one_more(b.described, times_a * a.known.value)]
        else:
            errors = a.known.times(times_a).plus_minus, b.known.plus_minus
            known = [Uncertainty(e / NORMAL_95) for e in errors if e is not None]
            return combined(known) if len(known) == 2 else None
        shared = a.beside_scatter(times_a), b.beside_scatter()
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
    sides = [row.a for row in rows], [row.b for row in rows]
    logs = [_mean_logs(labels) for labels in sides]
    errors = [_shared_of_logs(labels) for labels in sides]
    interval = None
    if (
        not any(row.unrepeated or PUBLISHED in row.origins for row in rows)
        and all(errors)
        and all(logs)
    ):
        a, b = (each or [] for each in logs)
        pairs = [y - x for x, y in zip(a, b, strict=False)]
        scatter = [error_of_mean(each) for each in ([pairs] if first.paired else [a, b])]
        beside = (part for each in errors for part in each or ())
        error = combined([*filter(None, scatter), *beside])
        half = t_quantile(first.alpha, error.degrees) * error.standard
        interval = math.exp(log - half), math.exp(log + half)
    return GeometricMean(first.figure, first.domain, len(rows), math.exp(log), interval)


def _mean_logs(labels: Sequence[Sampled]) -> list[float] | None:
    """The mean logarithm of one side's labels in each sample; None if unknown."""
    counts = {len(each.samples) for each in labels}
    if len(counts) > 1 or counts <= {0, 1} or any(min(each.samples) <= 0 for each in labels):
        return None
    logs = [[math.log(value) for value in each.samples] for each in labels]
    return [math.fsum(each) / len(each) for each in zip(*logs, strict=True)]


def _shared_of_logs(labels: Sequence[Sampled]) -> list[Uncertainty] | None:
    """What the scatter of one side's mean logarithms does not show; None if unknown."""
    shared = [each.beside_scatter() for each in labels]
    if None in shared:
        return None
    relative = [
        [part.standard / each.known.value / len(labels) for part in parts or ()]
        for each, parts in zip(labels, shared, strict=True)
    ]
    counters, baselines = zip(*relative, strict=True)
    return [Uncertainty(math.hypot(*counters)), Uncertainty(math.fsum(baselines))]


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


def side_by_side(
    a: Side,
    b: Side,
    domains: Iterable[tuple[str, str]] | None = None,
    mixed: bool = False,
    alpha: float = ALPHA,
    paired: bool = False,
) -> list[Comparison]:
    """The figures that both sides have: all running phases, then label by label.

    `domains` pairs domains of a and b; without it, every one that both have. A side with a single
    label is compared with one without labels. For several labels together, energy, which is a sum,
    is compared; other figures only if a mixture is asked for (`mixed`). `paired`: their samples are
    pairs. Each p is that of its row alone.
    """
    pairs = [(d, d) for d in a.domains if d in b.domains] if domains is None else list(domains)
    labels = [(label, label) for label in a.labels if label in b.labels]
    if not labels and len(a.labels) == len(b.labels) == 1 and "" in (*a.labels, *b.labels):
        labels = [(a.labels[0], b.labels[0])]
    is_mixed = not mixed and (a.is_mixed or b.is_mixed)
    return [
        Comparison(
            label_a or label_b,
            domain_a if domain_a == domain_b else f"{domain_a}, {domain_b}",
            name,
            unit_of(name, a.per),
            (origin_a, origin_b),
            known_a.of_run,
            known_b.of_run,
            alpha,
            paired=paired,
            per=a.per,
        )
        for label_a, label_b in labels
        for domain_a, domain_b in [*pairs, ("", "")]
        for name in FIGURES
        if a.per == b.per or name in PER_NOTHING
        if name in SUMS or label_a or label_b or not is_mixed
        for origin_a, known_a in _at_key(a, ComparisonKey(label_a, domain_a, name))
        for origin_b, known_b in _at_key(b, ComparisonKey(label_b, domain_b, name))
    ]


def compare(
    a: Side,
    b: Side,
    domains: Iterable[tuple[str, str]] | None = None,
    mixed: bool = False,
    alpha: float = ALPHA,
    paired: bool = False,
) -> list[Comparison]:
    """The same, with the p that each row has as one of all labels."""
    return by_holm(side_by_side(a, b, domains, mixed, alpha, paired))


def _at_key(found: Side, key: ComparisonKey) -> list[tuple[str, Sampled]]:
    known = found.figures.get(key)
    return [] if known is None else [known]
