"""Time, processor time and instructions of each run of a command, known without any sensor. Pure.

They are of one inference where these were counted, and else of one run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from recorders.summary.arithmetic import Arithmetic
from recorders.summary.figures import Group, Value
from recorders.summary.overlaps import label_and_repeat_of
from recorders.summary.reduction import Reduction
from recorders.summary.stats import grouped
from wattui.analysis.compare import ALPHA, Comparison, by_holm
from wattui.analysis.pairs import BELOW, LEAST_PAIRS
from wattui.analysis.samples import describe
from wattui.analysis.sides import Sampled


class EffortKey(NamedTuple):
    """A figure of one label; `label` is empty for a command that marks none."""

    label: str
    figure: str


# The counter of each figure, its units in one of the counter's, and its name.
COUNTED = {
    "instructions": ("instructions", 1.0, ""),
    "processor time": ("task_clock", 1e-9, "s"),
}
TIME = "time"
UNITS = {name: unit for name, (_, _, unit) in COUNTED.items()} | {TIME: "s"}
# What a change is judged by without a sensor: the first that was counted.
JUDGING = ("instructions", "processor time", TIME)
COUNTERS = tuple(counter for counter, _, _ in COUNTED.values())

# The values of a figure by repeat.
Efforts = Mapping[EffortKey, Mapping[int, float]]


def efforts(reduction: Reduction) -> Efforts:
    """The figures of every label in every repeat that succeeded (0: it is not numbered)."""
    arithmetic = Arithmetic(reduction)
    found: dict[EffortKey, dict[int, float]] = {}
    for (label, repeat), spans in grouped(arithmetic.running, label_and_repeat_of).items():
        group = arithmetic.group(spans, label, repeat, label_and_repeat_of)
        for figure, value in _figures(group).items():
            found.setdefault(EffortKey(label, figure), {})[repeat or 0] = value
    return found


def of_side(found: Efforts, name: str) -> Efforts:
    """One of two commands that were recorded in turn, with the labels below its name."""
    return {
        key._replace(label=key.label[len(name) :].removeprefix(BELOW)): values
        for key, values in found.items()
        if key.label == name or key.label.startswith(name + BELOW)
    }


def together(runs: Sequence[Efforts]) -> Efforts:
    """Several runs as samples of one thing; of a single one, its repeats are the samples."""
    if len(runs) == 1:
        return runs[0]
    found: dict[EffortKey, dict[int, float]] = {}
    for number, run in enumerate(runs, 1):
        for key, values in run.items():
            found.setdefault(key, {})[number] = describe([*values.values()]).mean
    return found


def compare_efforts(
    a: Efforts, b: Efforts, alpha: float = ALPHA, paired: bool = False
) -> list[Comparison]:
    """The figures that both sides have; `paired`: each repeat of a belongs to that of b."""
    rows = []
    for key in a.keys() & b.keys():
        ours, theirs = a[key], b[key]
        if paired:
            both = sorted(ours.keys() & theirs.keys())
            if len(both) < LEAST_PAIRS:
                continue
            ours, theirs = ({n: each[n] for n in both} for each in (ours, theirs))
        rows.append(
            Comparison(
                key.label,
                "",
                key.figure,
                UNITS[key.figure],
                ("measured", "measured"),
                _sampled([*ours.values()]),
                _sampled([*theirs.values()]),
                alpha,
                paired=paired,
            )
        )
    order = [*UNITS]
    return by_holm(sorted(rows, key=lambda row: (row.label, order.index(row.figure))))


def _figures(group: Group) -> dict[str, float]:
    n = group.inferences or 1
    found = {
        name: counted.count * factor / n
        for name, (counter, factor, _) in COUNTED.items()
        if (counted := group.counters.get(counter)) and counted.count
    }
    return found | ({TIME: group.seconds / n} if group.seconds > 0 else {})


def _sampled(samples: Sequence[float]) -> Sampled:
    described = describe(samples)
    if described.half_width is None:
        return Sampled(Value(described.mean, baseline_noise=0.0))
    mean = Value(described.mean, None, 0.0, 0.0).over_samples(described.half_width)
    return Sampled(mean, described, tuple(samples))
