"""Combines figures of several groups: repeats, differences, sums. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from recorders.counts import INFERENCES
from recorders.summary.arithmetic import Arithmetic
from recorders.summary.bases import BASES
from recorders.summary.figures import (
    PER_INFERENCE,
    Answers,
    Difference,
    Domain,
    Group,
    PerCount,
    PerOne,
    Repeated,
    Sum,
    Value,
)
from recorders.summary.overlaps import label_and_repeat_of, label_of, repeat_of
from recorders.summary.reduction import NOTE, Reduction
from recorders.summary.spans import Span
from recorders.summary.stats import grouped, interval95, quadrature

DIFFERENCE_NOTE, MINUS = f"{NOTE}difference ", " minus "
PART_NOTE, OF = f"{NOTE}part ", " of "


def are_samples(windows: Iterable[tuple[int | None, str]]) -> bool:
    """Whether running phases, each given by repeat and label, are repeats of one measurement:
    each belongs to one of two or more repeats, and all repeats ran the same labels."""
    labels: dict[int | None, set[str]] = {}
    for repeat, label in windows:
        labels.setdefault(repeat, set()).add(label)
    first = next(iter(labels.values()), set())
    return len(labels) > 1 and None not in labels and all(ran == first for ran in labels.values())


def repeats(arithmetic: Arithmetic, running: Sequence[Span]) -> list[Group]:
    """The groups of two or more repeats, in order."""
    of_repeat = grouped(running, repeat_of)
    of_repeat.pop(None, None)
    if len(of_repeat) < 2:
        return []
    return [arithmetic.group(of_repeat[n], "", n, repeat_of) for n in sorted(of_repeat)]


def samples_among(groups: Sequence[Group], running: Sequence[Span]) -> Sequence[Group]:
    """The groups of the repeats if they are repeats of one measurement; else none.

    Of repeats that overlap there is only one energy, however it is split.
    """
    is_one = are_samples((span.repeat, span.label) for span in running)
    return groups if is_one and not any(group.shared for group in groups) else ()


def samples_of(arithmetic: Arithmetic, label: str, running: Sequence[Span]) -> list[Group]:
    """The groups of the repeats of one label, whose phases these are; none if it has only one."""
    if not are_samples((span.repeat, label) for span in running):
        return []
    of_repeat = grouped(running, repeat_of)
    key = label_and_repeat_of
    return [arithmetic.group(of_repeat[n], label, n, key) for n in sorted(of_repeat)]


def labelled(arithmetic: Arithmetic, label: str, running: Sequence[Span]) -> Group:
    """The group of one label, with ± from its repeats if it has several."""
    group = arithmetic.group(running, label, None, label_of)
    return with_interval(group, samples_of(arithmetic, label, running))


def by_count(group: Group, name: str) -> Group:
    """A group with another count in the place of inferences, which are then among the others."""
    if name == INFERENCES:
        return group
    found = group.counts.get(name, PerCount(None, None, {}))
    unknown = PerOne()
    domains = {
        channel: _answering(domain, found.domains.get(channel, unknown))
        for channel, domain in group.domains.items()
    }
    counters = {
        each: replace(counted, per_inference=_over(counted.count, found.count))
        for each, counted in group.counters.items()
    }
    return replace(
        group,
        inferences=found.count,
        inferences_per_s=found.per_s,
        domains=domains,
        counters=counters,
        counts=_own_count(group) | group.counts,
    )


def _own_count(group: Group) -> dict[str, PerCount]:
    """The inferences of a group, as those of any other count."""
    if not group.inferences:
        return {}
    each = _per_ones(group.domains)
    return {INFERENCES: PerCount(group.inferences, group.inferences_per_s, each)}


def _over(count: float | None, n: int | None) -> float | None:
    return count / n if count is not None and n else None


def _answering(domain: Domain, each: PerOne) -> Domain:
    powers = domain.origin, domain.idle_w, domain.armed_w, domain.running_w, domain.running_j
    return Domain(*powers, *each.values)


def _per_ones(domains: Mapping[str, Domain] | Mapping[str, Answers]) -> dict[str, PerOne]:
    return {
        channel: PerOne(*(basis.of(figures) for basis in BASES))
        for channel, figures in domains.items()
    }


def differences(reduction: Reduction, groups: Sequence[Group]) -> list[Difference]:
    """The differences requested by notes in the recording: `difference LABEL minus LABEL`."""
    by_label = {group.label: group for group in groups}
    return [
        Difference(more, less, *_combined([by_label[more], by_label[less]], (1, -1)))
        for more, less in _noted(reduction, DIFFERENCE_NOTE, MINUS)
        if more in by_label and less in by_label
    ]


def sums(reduction: Reduction, groups: Sequence[Group]) -> list[Sum]:
    """The sums requested by notes in the recording: `part LABEL of LABEL`."""
    by_label = {group.label: group for group in groups}
    parts: dict[str, list[Group]] = {}
    for part, whole in _noted(reduction, PART_NOTE, OF):
        if part in by_label:
            parts.setdefault(whole, []).append(by_label[part])
    return [
        Sum(whole, len(found), *_combined(found, (1,) * len(found)))
        for whole, found in parts.items()
    ]


def _noted(reduction: Reduction, note: str, between: str) -> list[tuple[str, str]]:
    """Pairs of labels from notes of one kind, without duplicates."""
    texts = (r.event.removeprefix(note) for r in reduction.remarks if r.event.startswith(note))
    pairs = (text.partition(between) for text in texts)
    return list(dict.fromkeys((first, last) for first, middle, last in pairs if middle))


def _combined(
    groups: Sequence[Group], signs: Sequence[int]
) -> tuple[dict[str, Answers], dict[str, dict[str, PerOne]]]:
    """Figures per inference, added with signs, by channel, and those per unit of other counts; None
    if one is unknown."""
    counts = {
        name: _per_ones(_added_up([by_count(group, name) for group in groups], signs))
        for name in groups[0].counts
    }
    return _added_up(groups, signs), counts


def _added_up(groups: Sequence[Group], signs: Sequence[int]) -> dict[str, Answers]:
    return {
        channel: Answers(
            *(_added([basis.of(g.domains[channel]) for g in groups], signs) for basis in BASES)
        )
        for channel in groups[0].domains
    }


def _added(values: Sequence[Value | None], signs: Sequence[int]) -> Value | None:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    value = math.fsum(sign * each.value for sign, each in zip(signs, known, strict=True))
    parts = ("plus_minus", "resolution", "baseline_noise")
    return Value(value, *(quadrature(getattr(each, part) for each in known) for part in parts))


def with_interval(group: Group, repeats: Sequence[Group]) -> Group:
    """The group with the scatter of its repeats in ±, for every channel and figure that all repeats
    have."""
    if not repeats:
        return group
    domains = {}
    for channel, domain in group.domains.items():
        fields = {name: getattr(domain, name) for name in Domain.__slots__}
        for name in ("running_j", *PER_INFERENCE):
            if fields[name] is not None and (values := sampled(repeats, channel, name)):
                fields[name] = fields[name].over_samples(interval95(values))
        domains[channel] = Domain(**fields)
    counts = {
        name: replace(found, domains=_sampled_answers(group, repeats, name))
        for name, found in group.counts.items()
    }
    return replace(group, domains=domains, counts=counts)


def _sampled_answers(group: Group, repeats: Sequence[Group], name: str) -> dict[str, PerOne]:
    """Joules per unit of another count, with the scatter of the repeats in ±."""
    own, *others = (replace(by_count(each, name), counts={}) for each in (group, *repeats))
    domains = with_interval(own, others).domains
    return _per_ones(domains)


def sampled(repeats: Sequence[Group], channel: str, name: str) -> list[float]:
    """A figure of each repeat, or for energy what that of all would be; none if one is unknown."""
    if any(channel not in group.domains for group in repeats):
        return []
    known = [getattr(group.domains[channel], name) for group in repeats]
    times = len(repeats) if name == "running_j" else 1
    values = [value.value * times for value in known if value is not None]
    return values if len(values) == len(repeats) else []


def over_repeats(
    together: Group | None, repeats: Sequence[Group], channel: str | None
) -> dict[str, Repeated]:
    """The headline channel's figures over the repeats, if all repeats have them; `together` is the
    group of all of them."""
    found: dict[str, Repeated] = {}
    if together is None or channel is None or not repeats:
        return found
    for name in ("running_j", *PER_INFERENCE):
        whole = getattr(together.domains[channel], name)
        known = [getattr(group.domains[channel], name) for group in repeats]
        values = [value.value for value in known if value is not None]
        if whole is None or len(values) < len(repeats):
            continue
        ranked, n = sorted(values), len(values)
        middle = (ranked[(n - 1) // 2] + ranked[n // 2]) / 2
        of_one = whole.over(n) if name == "running_j" else whole
        error = of_one.over_samples(interval95(values)).plus_minus
        found[name] = Repeated(math.fsum(values) / n, middle, error)
    return found
