"""Reasons to doubt a comparison, and what would make it clear, in words. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from recorders.counts import plural
from recorders.summary.stats import depend
from wattui.analysis.compare import Comparison
from wattui.analysis.samples import outlier
from wattui.analysis.sides import Side
from wattui.analysis.two_samples import samples_to_see
from wattui.runs.recorded import Run

# Sampling rates that differ by more than this factor are not comparable.
SAME_RATE = 0.05
MOST_TOLD = 12
# The difference for which the number of repeats is told.
SEEN = 0.05


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
            continue
        if one.is_counted and not other.is_counted:
            yield f"only {one.name} counted {plural(one.per)}"
        if domains := [d for d in one.domains if d not in other.domains]:
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


def doubts_of_samples(
    rows: Sequence[Comparison], names: tuple[str, str], are_recordings: bool = True
) -> Iterator[str]:
    """Signs that the samples of a side are not samples of one thing, in words; recordings have a
    remedy."""
    remedy = ": fix: --cooldown 60" * are_recordings
    for place, name in enumerate(names):
        dependent: dict[str, None] = {}
        for row in rows:
            sampled = (row.a, row.b)[place]
            described, samples = sampled.described, sampled.samples
            what = row.label or row.figure
            if described is None or row.paired:
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
                f"{name}: each repeat depends on the one before{remedy}: {first_of([*dependent])}"
            )


def repeats_needed(rows: Sequence[Comparison]) -> Iterator[str]:
    """How many repeats show a difference of 5 % in what is not clear, in words."""
    needed: list[tuple[float, str]] = []
    for row in rows:
        both = row.a.described, row.b.described
        cvs = [each.cv for each in both if each is not None and each.cv is not None]
        if row.paired or row.verdict not in ("within the error", "clear alone") or len(cvs) < 2:
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
