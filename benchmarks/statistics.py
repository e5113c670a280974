"""The statistics of figures on made recordings whose true values are known: how often a ± covers
the truth, and how often a verdict or a flag is a false alarm. Nothing is measured.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmarks.table import Table, say
from recorders.summary.figures import Domain, Summary, Value
from recorders.summary.reduction import BEGIN, END, EventRow, Points, Reduction
from recorders.summary.summary import summarise
from wattui.analysis.compare import Comparison, by_holm, compare
from wattui.analysis.networks import MeasuredLayer, network_errors
from wattui.analysis.pairs import judged, pairs_of
from wattui.analysis.regression import fit_line
from wattui.analysis.results import group_rows
from wattui.analysis.samples import describe
from wattui.analysis.sides import Sampled, Side, labels_of, side

CHANNEL = "package0"
IDLE_W, RUNNING_W, NOISE_W = 20.0, 50.0, 0.2
# So short that resolution matters nowhere.
PERIOD_S = 1e-6
# Between repeats, much less than the baseline's noise makes of a run.
SPREAD_W, DRIFT_W_PER_S = 0.02, 0.002
COVERAGE, ALARMS = 95, 5
TRIALS, QUICK_TRIALS, SEED = 4000, 300, 20261129
# Blocks of a second are means of so many values of the noise.
FINE = 5


Trial = Callable[[random.Random], bool]


class Case(NamedTuple):
    """What a share of trials is of, in per cent what it should be, and a trial."""

    what: str
    nominal: int
    trial: Trial


class Part(NamedTuple):
    """A phase of a made recording: its name, and the mean power in each of its seconds."""

    phase: str
    powers_w: Sequence[float]
    label: str = ""
    repeat: int | None = None
    inferences: int = 0


def recorded(parts: Sequence[Part], period_s: float = PERIOD_S) -> Reduction:
    """Phases one after another, as reduced while recording."""
    found = Reduction([f"{CHANNEL}_J"])
    points = found.seconds.setdefault(CHANNEL, Points())
    time_s, energy_j, count = 0.0, 0.0, 0
    note = f"note:update_period_s {CHANNEL}={period_s}"
    found.events.append(EventRow(time_s, note, "", "", None, None, {CHANNEL: 0.0}))

    def edge(event: str, part: Part) -> None:
        where = (part.phase, part.label, part.repeat)
        found.events.append(EventRow(time_s, event, *where, count, {CHANNEL: energy_j}))

    points.add(time_s, energy_j)
    for part in parts:
        edge(BEGIN, part)
        for power_w in part.powers_w:
            time_s, energy_j = time_s + 1, energy_j + power_w
            points.add(time_s, energy_j)
        count += part.inferences
        edge(END, part)
    return found


def noise(draw: random.Random, seconds: int, correlated_s: float = 0.0) -> list[float]:
    """Second by second: independent values, or means of a process whose correlation falls by a
    factor of e in `correlated_s`; with a standard deviation of 1."""
    if not correlated_s:
        return [draw.gauss(0, 1) for _ in range(seconds)]
    keep = math.exp(-1 / FINE / correlated_s)
    fresh, value, found = math.sqrt(1 - keep * keep), draw.gauss(0, 1), []
    for _ in range(seconds):
        total = 0.0
        for _ in range(FINE):
            value = keep * value + fresh * draw.gauss(0, 1)
            total += value
        found.append(total / FINE)
    return found


def idle(draw: random.Random, seconds: int, correlated_s: float = 0.0) -> Part:
    """An idle phase with noise about the true idle power."""
    return Part("idle", [IDLE_W + NOISE_W * x for x in noise(draw, seconds, correlated_s)])


def ran(power_w: float, seconds: int, inferences: int = 100, repeat: int | None = None) -> Part:
    """A running phase of constant power."""
    return Part("running", [power_w] * seconds, "", repeat, inferences)


def quoted(summary: Summary) -> Domain:
    """The figures of the one channel."""
    assert summary.quoted is not None
    return summary.quoted


def share(trial: Trial, trials: int, seed: int = SEED) -> float:
    """How often a trial comes out true."""
    return sum(trial(random.Random(f"{seed} {n}")) for n in range(trials)) / trials


def dynamic(parts: Sequence[Part]) -> Value:
    """The dynamic energy per inference of a recording."""
    found = quoted(summarise(recorded(parts))).dynamic_j_per_inference
    assert found is not None
    return found


def covers(found: Value, truth: float) -> bool:
    """Whether its ± reaches the truth."""
    return found.plus_minus is not None and abs(found.value - truth) <= found.plus_minus


def dynamic_of_one_run(seconds: int, correlated_s: float = 0.0) -> Trial:
    """± of dynamic energy covers; idle before only."""
    truth = (RUNNING_W - IDLE_W) * 30 / 100
    return lambda draw: covers(
        dynamic([idle(draw, seconds, correlated_s), ran(RUNNING_W, 30)]), truth
    )


def dynamic_beside_a_step(draw: random.Random) -> bool:
    """The same; idle power steps up at some time between idle before and idle after."""
    step_w, share_after = draw.gauss(0, 1), draw.random()
    parts = [idle(draw, 10), ran(RUNNING_W + step_w * share_after, 30), idle(draw, 10)]
    parts[2] = Part("idle", [power_w + step_w for power_w in parts[2].powers_w])
    return covers(dynamic(parts), (RUNNING_W - IDLE_W) * 30 / 100)


def dynamic_with_drift(draw: random.Random) -> bool:
    """The same; all power drifts by 2 mW/s, idle of 30 s before only, running for 30 s."""
    noisy = noise(draw, 60)
    drifting = [DRIFT_W_PER_S * (s + 0.5) for s in range(60)]
    before = [IDLE_W + 0.1 * NOISE_W * x + d for x, d in zip(noisy[:30], drifting, strict=False)]
    running = [RUNNING_W + d for d in drifting[30:]]
    found = dynamic([Part("idle", before), Part("running", running, inferences=100)])
    return covers(found, (RUNNING_W - IDLE_W) * 30 / 100)


def dynamic_over_repeats(draw: random.Random) -> bool:
    """± of dynamic energy over five repeats without any spread covers; one idle phase."""
    parts = [idle(draw, 10), *(ran(RUNNING_W, 10, repeat=n) for n in range(1, 6))]
    return covers(dynamic(parts), (RUNNING_W - IDLE_W) * 10 / 100)


def flagged_at_zero(draw: random.Random) -> bool:
    """A run that draws what idle draws is flagged `below_resolution`."""
    flags = summarise(recorded([idle(draw, 10), ran(IDLE_W, 30)])).flags
    return "below_resolution" in {flag.name for flag in flags}


def compared_dynamic(repeats: int) -> Trial:
    """Two runs without a difference, each with its own idle phase, differ clearly."""

    def of_one(draw: random.Random) -> Side:
        spread = [RUNNING_W + SPREAD_W * draw.gauss(0, 1) for _ in range(repeats)]
        parts = [idle(draw, 10), *(ran(w, 10, repeat=n) for n, w in enumerate(spread, 1))]
        summary = summarise(recorded(parts))
        return side("run", [(summary.headline, group_rows(summary))])

    def differ(draw: random.Random) -> bool:
        rows = compare(of_one(draw), of_one(draw))
        return next(row for row in rows if row.figure == "dynamic").verdict == "clear"

    return differ


def made(label: str, a: Sequence[float], b: Sequence[float]) -> Comparison:
    """A comparison of samples."""

    def sampled(values: Sequence[float]) -> Sampled:
        described = describe(values)
        known = Value(described.mean, described.half_width, baseline_noise=0.0)
        return Sampled(known, described, tuple(values))

    origins = "measured", "measured"
    return Comparison(label, CHANNEL, "total", "J/inference", origins, sampled(a), sampled(b))


# Of a recording of two commands in turn: how long each runs and rests, and how long noise lasts.
RUN_S, REST_S, CORRELATED_S = 10, 5, 2.0


def in_turn(draw: random.Random, pairs: int, more: float, drift_w_per_s: float) -> Summary:
    """Two commands recorded in turn, the second of which takes a share more, while the power drifts
    and has noise correlated over two seconds."""
    seconds = 10 + 2 * pairs * (RUN_S + REST_S)
    noisy = [NOISE_W * x for x in noise(draw, seconds, CORRELATED_S)]
    powers_w = iter([w + drift_w_per_s * (s + 0.5) for s, w in enumerate(noisy)])

    def taken(level_w: float, n: int) -> list[float]:
        return [level_w + next(powers_w) for _ in range(n)]

    parts = [Part("idle", taken(IDLE_W, 10))]
    for repeat in range(1, pairs + 1):
        for label in "AB" if repeat % 2 else "BA":
            level_w = RUNNING_W * (1 + more * (label == "B"))
            parts.append(Part("running", taken(level_w, RUN_S), label, repeat, 100))
            parts.append(Part("cooldown", taken(IDLE_W, REST_S)))
    return summarise(recorded(parts))


def paired_verdict(pairs: int, more: float, drift_w_per_s: float = DRIFT_W_PER_S) -> Trial:
    """Two commands recorded in turn differ clearly in their total energy."""

    def differ(draw: random.Random) -> bool:
        found = pairs_of(in_turn(draw, pairs, more, drift_w_per_s))
        assert found is not None
        (row,) = judged(found)
        return row.verdict == "clear"

    return differ


def unpaired_verdict(pairs: int, more: float, drift_w_per_s: float = DRIFT_W_PER_S) -> Trial:
    """The same, from the same recordings, without looking at which belong together."""

    def differ(draw: random.Random) -> bool:
        summary = in_turn(draw, pairs, more, drift_w_per_s)
        a, b = labels_of(side("run", [(summary.headline, group_rows(summary))]))
        row = next(row for row in compare(a, b) if row.figure == "total")
        return row.verdict == "clear"

    return differ


def any_of_labels(labels: int) -> Trial:
    """Of labels with five repeats and no difference, any is called clear."""

    def differ(draw: random.Random) -> bool:
        rows = [
            made(str(n), *([10 + draw.gauss(0, 0.2) for _ in range(5)] for _ in range(2)))
            for n in range(labels)
        ]
        return any(row.verdict == "clear" for row in by_holm(rows))

    return differ


def dependent_repeats(repeats: int, r: float) -> Trial:
    """Repeats of which each depends on the one before differ clearly, without a difference."""

    def series(draw: random.Random) -> list[float]:
        values = [draw.gauss(0, 1)]
        while len(values) < repeats:
            values.append(r * values[-1] + math.sqrt(1 - r * r) * draw.gauss(0, 1))
        return [10 + 0.2 * value for value in values]

    def differ(draw: random.Random) -> bool:
        (row,) = by_holm([made("", series(draw), series(draw))])
        return row.verdict == "clear"

    return differ


def throttles(seconds: int, noise_share: float, fall: float) -> Trial:
    """A clock that falls steadily by this share, with noise, is flagged `throttling`."""

    def flagged(draw: random.Random) -> bool:
        made_run = recorded([ran(RUNNING_W, seconds)])
        clock = made_run.seconds.setdefault("gpu0_clock_MHz", Points())
        for second in range(seconds):
            ramp = 1 - fall * second / (seconds - 1)
            clock.add(float(second), 1980 * (ramp + noise_share * draw.gauss(0, 1)))
        return "throttling" in {flag.name for flag in summarise(made_run).flags}

    return flagged


def network_predicted(draw: random.Random) -> bool:
    """A network of ten layers is inside the interval of its prediction from seven others, whose
    layers are off together by 20 %, and each by 10 % more."""
    layers = [
        MeasuredLayer(str(network), macs, macs * cost * (1 + 0.1 * draw.gauss(0, 1)))
        for network in range(8)
        for cost in [math.exp(0.2 * draw.gauss(0, 1))]
        for macs in [draw.uniform(1, 10) for _ in range(10)]
    ]
    errors = network_errors(layers, "relative", through_origin=True)
    assert errors is not None
    row = errors.rows[0]
    return row.plus_minus is not None and abs(row.predicted - row.measured) <= row.plus_minus


def slope_bias(noise_share: float, trials: int) -> float:
    """By how much the slope of a relative line through 30 points is off on average, as a share."""
    draw = random.Random(SEED)
    xs = [float(x) for x in range(1, 31)]
    total = 0.0
    for _ in range(trials):
        true = [10 + 2 * x for x in xs]
        ys = [max(0.05 * y, y * (1 + noise_share * draw.gauss(0, 1))) for y in true]
        total += fit_line(xs, ys, "relative").slope / 2 - 1
    return total / trials


def verdicts() -> list[Case]:
    """Every case that is a share of trials."""
    return [
        Case("dynamic of one run, idle of 10 s, white noise", COVERAGE, dynamic_of_one_run(10)),
        Case("… correlated over 2 s", COVERAGE, dynamic_of_one_run(10, 2.0)),
        Case("… correlated over 10 s", COVERAGE, dynamic_of_one_run(10, 10.0)),
        Case("… idle of 30 s, correlated over 2 s", COVERAGE, dynamic_of_one_run(30, 2.0)),
        Case("… idle of 30 s, correlated over 10 s", COVERAGE, dynamic_of_one_run(30, 10.0)),
        Case("… idle of 60 s, correlated over 10 s", COVERAGE, dynamic_of_one_run(60, 10.0)),
        Case("… a step of idle power while running", COVERAGE, dynamic_beside_a_step),
        Case(
            "… drift of 2 mW/s, idle of 30 s with 0.1 % noise before only",
            COVERAGE,
            dynamic_with_drift,
        ),
        Case("dynamic over 5 repeats without spread", COVERAGE, dynamic_over_repeats),
        Case("true dynamic 0: flagged below_resolution", COVERAGE, flagged_at_zero),
        Case("compare of dynamic, 5 against 5: clear", ALARMS, compared_dynamic(5)),
        Case("… 10 against 10", ALARMS, compared_dynamic(10)),
        Case("6 pairs in turn, drift of 2 mW/s: clear", ALARMS, paired_verdict(6, 0.0)),
        Case("10 pairs in turn: clear", ALARMS, paired_verdict(10, 0.0)),
        Case("… 0.5 % more: clear", 100, paired_verdict(10, 0.005)),
        Case("… compared as if unpaired", 100, unpaired_verdict(10, 0.005)),
        Case("… 5 % more, drift of 200 mW/s: clear", 100, paired_verdict(10, 0.05, 0.2)),
        Case("… compared as if unpaired", 100, unpaired_verdict(10, 0.05, 0.2)),
        Case("20 labels compared, 5 against 5: any clear", ALARMS, any_of_labels(20)),
        Case("5 repeats, autocorrelation 0: clear", ALARMS, dependent_repeats(5, 0.0)),
        Case("… autocorrelation 0.3", ALARMS, dependent_repeats(5, 0.3)),
        Case("… autocorrelation 0.6", ALARMS, dependent_repeats(5, 0.6)),
        Case("10 repeats, autocorrelation 0.3: clear", ALARMS, dependent_repeats(10, 0.3)),
        Case("… autocorrelation 0.6", ALARMS, dependent_repeats(10, 0.6)),
        Case("throttling, 10 s with 7 % noise of the clock", 0, throttles(10, 0.07, 0.0)),
        Case("… 60 s", 0, throttles(60, 0.07, 0.0)),
        Case("… a real fall of 6 %, 60 s with 1 % noise", 100, throttles(60, 0.01, 0.06)),
        Case("a network predicted from seven others' layers", COVERAGE, network_predicted),
    ]


def tables(quick: bool) -> list[Table]:
    """Nominal and measured shares."""
    trials = QUICK_TRIALS if quick else TRIALS
    rows = []
    for case in verdicts():
        say(f"statistics: {case.what}")
        measured = 100 * share(case.trial, trials)
        rows.append((case.what, str(case.nominal), f"{measured:.1f}"))
    for noise_share in (0.2, 0.4):
        bias = 100 * slope_bias(noise_share, trials // 2)
        rows.append((f"bias of a relative slope, {noise_share:.0%} noise", "0", f"{bias:+.1f}"))
    notes = (
        f"{trials} trials each, seeded; a standard error of {100 * math.sqrt(0.0475 / trials):.1g}",
        "Idle of 20 W with 1 % noise, second by second; running 50 W.",
    )
    headings = ("case", "nominal %", "measured %")
    return [Table("Statistics on simulated recordings", headings, rows, notes)]
