"""Computes the summary of a recording: its figures and flags. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from recorders.channels import is_count
from recorders.garbage import uncollected
from recorders.summary.arithmetic import Arithmetic, update_periods_s
from recorders.summary.combining import (
    differences,
    labelled,
    over_repeats,
    repeats,
    samples_among,
    sums,
    with_interval,
)
from recorders.summary.contents import (
    contents,
    headline,
    left_out,
    missing_from,
    missing_parts,
    quoted_channel,
    wanted_channel,
)
from recorders.summary.coverage import coverages
from recorders.summary.figures import VERSION, Flag, Group, PhaseFigures, Summary
from recorders.summary.flags import (
    MOST_NAMED,
    find_flags,
    incomplete,
    negative_differences,
    unlabelled,
)
from recorders.summary.overlaps import Overlaps, label_of, most_at_once
from recorders.summary.per import by
from recorders.summary.reduction import Reduction
from recorders.summary.shares import command_shares
from recorders.summary.spans import Span
from recorders.summary.stats import grouped
from recorders.summary.wall_fit import wall_estimates, wall_fits

UNMOVED = "its counter did not move while {} ran: its energy is unknown, less than one update"


def summarise(reduction: Reduction, by_node: bool = True) -> Summary:
    """Summarise a recording; figures that cannot be computed are None, and a flag says why.

    Of many nodes, labels and repeats may be left without the channels `by_node`.
    """
    with uncollected():
        return _summarised(reduction, by_node)


def _summarised(reduction: Reduction, by_node: bool) -> Summary:
    arithmetic = Arithmetic(reduction, by_node)
    everything, commands, running = arithmetic.everything, arithmetic.commands, arithmetic.running
    kept = [span for span in everything if not commands.leave_out(span)]
    group = arithmetic.group(running, "", None) if running else None
    of_label = grouped(running, label_of)
    of_label.pop("", None)
    by_repeat = repeats(arithmetic, running)
    samples = samples_among(by_repeat, running)
    if group and samples:
        group = with_interval(group, samples)
    by_label = [labelled(arithmetic, label, own) for label, own in of_label.items()]
    differing = differences(reduction, by_label)
    channels = reduction.energy_channels
    quoted = quoted_channel(reduction)
    ran_until_s = max((span.end_s for span in running), default=-math.inf)
    unmoved = {part: UNMOVED.format("it") for part in arithmetic.unmoved(running) if part != quoted}
    drifts = arithmetic.drifts(running, quoted) if running and quoted else ()
    missing = missing_from(quoted, unmoved | missing_parts(reduction, ran_until_s))
    summary = Summary(
        VERSION,
        quoted,
        contents(quoted, channels, missing, left_out(reduction)),
        group,
        by_label,
        by_repeat,
        over_repeats(group, samples, quoted),
        differing,
        sums(reduction, by_label),
        list(coverages(group)),
        list(wall_estimates(reduction, group)),
        [_phase_figures(s, commands.leave_out(s), arithmetic.overlaps) for s in everything],
        command_shares(reduction, everything),
        [],
    )
    stated = by(summary)
    return replace(
        summary,
        flags=[
            *commands.flags(),
            *_chosen(reduction, quoted),
            *_other_parts(reduction, group),
            *incomplete(missing),
            *unlabelled(stated),
            *_concurrent(arithmetic.overlaps, by_label),
            *_unmoved(arithmetic, running, of_label, missing),
            *_in_one_update(arithmetic, of_label or {"": running}),
            *find_flags(
                reduction, kept, stated.running, quoted, update_periods_s(reduction), drifts
            ),
            *negative_differences(stated.differences, quoted),
        ],
    )


def _chosen(reduction: Reduction, quoted: str | None) -> Iterator[Flag]:
    """A flag for a headline channel that was asked for."""
    if wanted := wanted_channel(reduction):
        usual = headline(reduction.energy_channels)
        text = f"energies are quoted from this channel, as asked for, and not from {usual}"
        if quoted != wanted:
            text = f"it was to be quoted, but was never read: energies are those of {quoted}"
        yield Flag("headline", wanted, text)


def _other_parts(reduction: Reduction, running: Group | None) -> Iterator[Flag]:
    """A flag for an estimate of the wall by a fit of other parts than were recorded."""
    made = {each.meter for each in wall_estimates(reduction, running)}
    for fit in wall_fits(reduction):
        if running and fit.meter not in made:
            text = f"not estimated: its fit is of {', '.join(fit.parts)}; calibrate again"
            yield Flag("wall_estimate", fit.meter, text)


def _concurrent(overlaps: Overlaps, by_label: Sequence[Group]) -> Iterator[Flag]:
    """A flag for phases that ran at the same time, and the labels whose energies are shares."""
    if groups := overlaps.concurrent:
        n = max(map(most_at_once, groups))
        text = f"up to {n} running phases overlapped: their time and energy are counted once"
        shared = [group.label for group in by_label if group.shared]
        if shared:
            text += "; energy used during overlaps is split between the labels by time"
        yield Flag("concurrent", ", ".join(shared[:MOST_NAMED]), text)


def _unmoved(
    arithmetic: Arithmetic,
    running: Sequence[Span],
    of_label: Mapping[str, Sequence[Span]],
    missing: Mapping[str, str],
) -> Iterator[Flag]:
    """Flags for counters that did not move while running, or during one label."""
    found: dict[str, list[str]] = {}
    for label, own in of_label.items():
        for channel in arithmetic.unmoved(own, label_of):
            found.setdefault(channel, []).append(label)
    found |= {channel: ["it"] for channel in arithmetic.unmoved(running)}
    for channel, ran in found.items():
        if channel not in missing:
            yield Flag("under_one_update", channel, UNMOVED.format(", ".join(ran[:MOST_NAMED])))


def _in_one_update(
    arithmetic: Arithmetic, of_label: Mapping[str, Sequence[Span]]
) -> Iterator[Flag]:
    """Flags for counters that did not move while a label ran, but whose moves around it tell."""
    found: dict[str, list[str]] = {}
    for label, own in of_label.items():
        key = label_of if label else None
        for channel, (least_j, most_j) in arithmetic.in_one_update(own, key).items() if own else ():
            used = f"{label or 'running'} used {least_j:.2g} to {most_j:.2g} J"
            found.setdefault(channel, []).append(used)
    for channel, texts in found.items():
        text = f"under one refresh of its counter: {'; '.join(texts[:MOST_NAMED])}"
        yield Flag("under_one_update", channel, text)


def _phase_figures(span: Span, left_out: bool, overlaps: Overlaps) -> PhaseFigures:
    return PhaseFigures(
        span.phase,
        span.label,
        span.repeat,
        list(span.inside),
        span.start_s,
        span.end_s,
        span.inferences,
        span.finished,
        left_out,
        overlaps.overlap(span),
        {name: energy_j for name, energy_j in span.energy_j.items() if not is_count(name)},
        dict(span.counts),
    )
