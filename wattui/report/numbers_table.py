"""The figures of a summary as tables, the same as `wattui export` writes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from recorders.counts import plural, singular
from recorders.source import Origin
from recorders.summary.bases import BASES, ENERGY, TOTAL
from recorders.summary.figures import Answers, Domain, Group, Summary
from wattui.analysis.cells import costliest, is_mixed
from wattui.analysis.regression import WEIGHTS
from wattui.analysis.run_fits import Fits
from wattui.report.document import PageTable, Words
from wattui.runs.latencies import PERCENTILES, Distribution
from wattui.show.fit import line_text, mean_error
from wattui.show.quantities import energy_unit, minus, number
from wattui.show.summary import answer_texts, combined, figure_text, known_j, origin_word, powers

MEANINGS = Words(" ".join(f"{basis.name}: {basis.meaning}." for basis in BASES))
# A name, its figures, and where they come from.
Answered = tuple[str, Domain | Answers, Origin]


def tables_of(summary: Summary, domain: str | None) -> Iterator[PageTable]:
    """Tables of all domains, of one domain by label and repeat, and of differences and sums."""
    running = summary.running
    if not running:
        return
    apart = is_mixed(summary)
    yield _power(running.domains, apart)
    if not apart and known_j(running.domains.values()):
        of_all = (
            (name + origin_word(d.origin), d, d.origin) for name, d in running.domains.items()
        )
        yield _per_one("By channel", "channel", of_all, summary.per)
    if domain is None:
        return
    repeats = [] if apart else summary.repeats
    for what, groups in (("label", summary.labels), ("repeat", repeats)):
        if shown := costliest(groups, lambda group: ENERGY.of(group.domains[domain])):
            named = [(str(getattr(group, what)), group) for group in shown]
            caption = f"By {what}, channel {domain}{_few(shown, groups)}"
            yield group_table(caption, what, named, domain, summary.per)
    every, quoted = combined(summary, domain), running.domains[domain]
    if found := costliest(every, lambda row: TOTAL.of(row[1])):
        caption = f"Differences and sums of labels, channel {domain}{_few(found, every)}"
        rows = (
            (name + origin_word(quoted.origin), answers, quoted.origin) for name, answers in found
        )
        yield _per_one(caption, "labels", rows, summary.per)


def group_table(
    caption: str, what: str, groups: Sequence[tuple[str, Group]], domain: str, per: str
) -> PageTable:
    """Times, rates, power and energies of groups, in one domain; `per` is the count in the place of
    inferences."""
    domains = [(name, group.domains[domain]) for name, group in groups]
    factor, unit = energy_unit(known_j(d for _, d in domains))
    head = (what, "s", plural(per), f"{plural(per)}/s", "running W", *_titles(unit))
    rows = []
    for (name, group), (_, of_domain) in zip(groups, domains, strict=True):
        count = group.inferences
        rows.append(
            (
                name + origin_word(of_domain.origin),
                number(group.seconds),
                "–" if count is None else f"{count:,}",
                number(group.inferences_per_s),
                number(of_domain.running_w),
                *answer_texts(of_domain, of_domain.origin, factor),
            )
        )
    return PageTable(caption, head, tuple(rows))


def latency_table(found: Sequence[Distribution]) -> PageTable:
    """Percentiles of the call times, ms."""
    head = ("label", "timed as", "calls", *(f"p{p} ms" for p in PERCENTILES), "largest ms")
    rows = tuple(
        (
            each.label or "–",
            each.kind,
            f"{each.calls:,}",
            *(number(each.at(p) * 1e3) for p in PERCENTILES),
            number(each.curve[-1][0] * 1e3),
        )
        for each in found
    )
    return PageTable("Call times", head, rows)


def fit_table(found: Fits) -> PageTable:
    """The lines with their standard errors, R², and leave-one-out errors."""
    rows = []
    for series in found.series:
        for fit in filter(None, map(series.fit, WEIGHTS)):
            r2 = "–" if fit.line.r2 is None else minus(f"{fit.line.r2:.4f}")
            errors = (r2, mean_error(fit.left_out_point))
            parts = ("",) if len(fit.lines) == 1 else (", before", ", after")
            for line, part in zip(fit.lines, parts, strict=True):
                text = line_text(line, found.asked)
                rows.append((series.name, f"{fit.line.weights}{part}", text, *errors))
                errors = ("", "")
    head = (
        "series",
        "line",
        f"per {singular(found.asked.per)} ± standard error",
        "R²",
        "leave-one-out error %",
    )
    return PageTable(f"Lines against {found.asked.against}", head, tuple(rows))


def _power(domains: Mapping[str, Domain], apart: bool) -> PageTable:
    """Watts and joules by channel; no mean power over several labels."""
    titles, powers_w = powers(apart)
    rows = tuple(
        (
            name + origin_word(d.origin),
            *map(number, powers_w(d)),
            figure_text(d.running_j, d.origin),
        )
        for name, d in domains.items()
    )
    energy = "energy while running J" + (", all labels" if apart else "")
    return PageTable("Power and energy", ("channel", *titles, energy), rows)


def _per_one(caption: str, what: str, rows: Iterable[Answered], per: str) -> PageTable:
    found = list(rows)
    factor, unit = energy_unit(known_j(answers for _, answers, _ in found))
    return PageTable(
        f"{caption}, per {singular(per)}",
        (what, *_titles(unit)),
        tuple((name, *answer_texts(answers, origin, factor)) for name, answers, origin in found),
    )


def _few(shown: Sequence[object], known: Sequence[object]) -> str:
    """The part of a caption that says which rows a table shows."""
    few = len(shown) < len(known)
    return f", the {len(shown)} of {len(known):,} that used the most" if few else ""


def _titles(unit: str) -> tuple[str, ...]:
    return tuple(f"{basis.name} {unit}" for basis in BASES)
