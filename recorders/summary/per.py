"""A summary per another count: tokens or requests in the place of inferences. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from recorders.counts import INFERENCES
from recorders.summary.combining import by_count, over_repeats
from recorders.summary.figures import Answers, Group, PerOne, Summary

# Energy is stated per the first of these that was counted, or per whatever was.
USUAL = (INFERENCES, "tokens_out")


class NotCountedError(ValueError):
    """A recording did not count what its energy is to be stated per."""


def counted_names(running: Group | None) -> list[str]:
    """What was counted in a group; inferences first."""
    if running is None:
        return []
    own = [INFERENCES] if running.inferences else []
    return own + [name for name, found in running.counts.items() if found.count]


def usual_per(running: Group | None) -> str:
    """What the energy of everything that ran is stated per if nobody says."""
    return common_per([counted_names(running)])


def common_per(counted: Sequence[Sequence[str]]) -> str:
    """What several recordings, with what each counted, are compared per: the usual count that all
    of them have, or else that any has."""
    every = list(dict.fromkeys(name for names in counted for name in names))
    common = [name for name in every if all(name in names for names in counted)]
    found = common or every
    return next((name for name in (*USUAL, *found) if name in found), INFERENCES)


def by(summary: Summary, per: str | None = None) -> Summary:
    """The same summary with another count in the place of inferences; by default the usual one.

    Raises NotCountedError if there is no such count.
    """
    names = counted_names(summary.running)
    name = per or usual_per(summary.running)
    if per and per not in names:
        there = f"it has {', '.join(names)}" if names else "it has none"
        raise NotCountedError(f"it did not count {per}: {there}")
    return in_place(summary, name)


def in_place(summary: Summary, name: str) -> Summary:
    """The same summary with this count in the place of inferences, even if there is none."""
    if name == INFERENCES:
        return summary
    running = summary.running and by_count(summary.running, name)
    repeats = [by_count(group, name) for group in summary.repeats]
    samples = repeats if summary.over_repeats else ()
    n = running.inferences if running else None
    return replace(
        summary,
        per=name,
        running=running,
        labels=[by_count(group, name) for group in summary.labels],
        repeats=repeats,
        over_repeats=over_repeats(running, samples, summary.headline),
        differences=[replace(d, domains=_answers(d.counts, name)) for d in summary.differences],
        sums=[replace(each, domains=_answers(each.counts, name)) for each in summary.sums],
        wall_estimates=[
            replace(each, total_j_per_inference=each.running_j.over(n))
            if each.running_j and n
            else each
            for each in summary.wall_estimates
        ],
        phases=[replace(phase, inferences=phase.counts.get(name)) for phase in summary.phases],
    )


def _answers(counts: Mapping[str, Mapping[str, PerOne]], name: str) -> dict[str, Answers]:
    return {channel: Answers(*each.values) for channel, each in counts.get(name, {}).items()}
