"""Flags: warnings about a recording's figures. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from operator import attrgetter, itemgetter

from recorders.channels import (
    TOTAL,
    is_count,
    kind_of,
    kind_of_column,
    node_of,
    on_node,
    without_node,
)
from recorders.counts import count_text
from recorders.held_back import IN_WORDS
from recorders.other_load import CPU, FOREIGN_PCT, OtherLoad, noted_load
from recorders.summary.bases import DYNAMIC, MARGINAL
from recorders.summary.by_hand import APPARENT
from recorders.summary.contents import incomplete_text
from recorders.summary.counted import counter_flags
from recorders.summary.figures import Difference, Flag, Group, Summary
from recorders.summary.heat import held_back, throttled, warmed
from recorders.summary.reduction import GAP, LOST, Reduction
from recorders.summary.scatter import Drift
from recorders.summary.served import server_flags
from recorders.summary.silences import silences
from recorders.summary.spans import Span, mean_gauge, per_phase, untimed
from recorders.summary.stats import grouped, total
from recorders.summary.stillness import still_times
from recorders.texts import OwnNote

SHORT_UPDATES = 100
# Running time without a label, beside labels, that is too little to tell.
UNLABELLED = 0.01
# The most labels that a flag names.
MOST_NAMED = 20
# Phases that figures are computed from.
CONCERNED = ("idle", "armed", "running")
DRIFT = 0.05
# Phases whose figures suffer from the load by others.
LOADED = ("idle", "running")
# Counters are read one after the other, so they contradict each other only beyond this share.
CONTAINED = 0.05
MOST_NAMES = 3
# Notes whose text is that of a flag with the same name.
CHOICES = (
    OwnNote.WHICH_GPU,
    OwnNote.HIDDEN_GPUS,
    OwnNote.ONLY_PACKAGE,
    OwnNote.OLD_IDLE,
    OwnNote.RUN_FILE,
    OwnNote.STATED_COUNT,
    OwnNote.UNMATCHED,
)
# The flag of each note that raises one, whatever else the recording has.
FLAGS = {
    **{note: note.value for note in (*CHOICES, OwnNote.STUCK)},
    OwnNote.BROKEN_OFF: "unfinished",
    OwnNote.COUNTED_AT_REQUEST_END: "counted_at_request_end",
    OwnNote.CUT: "cut_text",
    OwnNote.DROPPED: "dropped",
    OwnNote.IMPLAUSIBLE: "implausible",
    OwnNote.INTEGRATED: "integrated",
    OwnNote.LEFT_PASS: "left_pass",
    OwnNote.LOST_MARKS: "lost_marks",
    OwnNote.MIG: "mig",
    OwnNote.MIXED_MARKS: "mixed_marks",
    OwnNote.REFUSED: "refused_mark",
    OwnNote.SERVER_RESTARTED: "server_restarted",
    OwnNote.SERVER_UNREAD: "server_unread",
    OwnNote.TARGET_MISSED: "target_missed",
    OwnNote.UNALIGNED: "unaligned",
    OwnNote.UNKNOWN_SHARE: "unknown_share",
}


def find_flags(
    reduction: Reduction,
    everything: Sequence[Span],
    running: Group | None,
    headline: str | None,
    periods_s: Mapping[str, float],
    drifts: Iterable[tuple[Drift, float]] = (),
) -> list[Flag]:
    """All flags of a recording, most serious first."""
    return [
        *_sensors(headline),
        *_missing(reduction, everything, running),
        *_events(reduction, everything),
        *_marks(reduction, everything),
        *_stuck(reduction, everything),
        *_silent(reduction, everything),
        *_notes(reduction),
        *_choices(reduction),
        *counter_flags(reduction, everything),
        *_containment(everything),
        *_covered(everything),
        *_by_hand(reduction, everything),
        *_per_phase(reduction, everything),
        *_untimed(reduction),
        *_windows(everything, periods_s),
        *_resolution(running, headline),
        *_drift(drifts, headline),
        *_heat(reduction, everything),
        *_foreign_load(reduction, everything),
        *_unknown_shares(reduction),
        *server_flags(reduction, [span for span in everything if span.phase == "running"]),
    ]


def incomplete(missing: Mapping[str, str]) -> Iterator[Flag]:
    """Parts of the machine that the headline's sum lacks."""
    if missing:
        yield Flag("incomplete", ", ".join(missing), incomplete_text(missing))


def unlabelled(summary: Summary) -> Iterator[Flag]:
    """Running phases without a label beside labelled ones: they are in no label's figure."""
    running, labels = summary.running, summary.labels
    if running is None or not labels:
        return
    rest_s = running.seconds - sum(group.seconds for group in labels)
    if rest_s > UNLABELLED * running.seconds:
        n = (running.inferences or 0) - sum(group.inferences or 0 for group in labels)
        counted = f" and {count_text(n, summary.per)}" if n > 0 else ""
        yield Flag(
            "unlabelled",
            "running",
            f"{rest_s:.3g} s{counted} have no label and are in the figure of none",
        )


def _sensors(headline: str | None) -> Iterator[Flag]:
    if headline is None:
        yield Flag("no_power", "", "no power was recorded; run `wattui doctor` to see why")
    elif kind_of(headline).origin == "estimated":
        how = "from processor utilisation" if kind_of(headline).name == "est_cpu" else "by a model"
        text = f"no power sensor: energy is estimated {how}, good to a factor of two at best"
        yield Flag("estimated", headline, text)
    elif kind_of(headline).origin == "simulated":
        yield Flag("simulated", headline, "the power is a made-up curve, not a measurement")


def _missing(
    reduction: Reduction, everything: Sequence[Span], running: Group | None
) -> Iterator[Flag]:
    if running is None:
        yield Flag(
            "no_running", "", "nothing was marked as running, so there is no energy to report"
        )
        return
    if not running.inferences:
        yield Flag("no_count", "", _uncounted(reduction))
    if not any(span.phase == "idle" for span in everything):
        text = "no idle baseline, so dynamic energy is unknown; record with --idle 10"
        yield Flag("no_idle", "", f"{text}, or import with --idle LOG")
    for phase in dict.fromkeys(span.phase for span in everything if not span.finished):
        yield Flag("unfinished", phase, "the recording was interrupted during this phase")


def _uncounted(reduction: Reduction) -> str:
    """Why there is no count: it is a server's that was asked for, or none was."""
    if reduction.noted(OwnNote.SERVER_UNREAD):
        return "no count is known, as a server could not be read; see server_unread"
    if reduction.noted(OwnNote.SERVER_RESTARTED):
        return "no count is known, as a server restarted; see server_restarted"
    if reduction.noted(OwnNote.SERVER_COUNTS):
        return "the server counted nothing while running; send it requests in the running phase"
    return (
        "no inferences were counted; use --inferences N or --count-match REGEX, "
        "or call wattui.count() in the program"
    )


def _events(reduction: Reduction, everything: Sequence[Span]) -> Iterator[Flag]:
    yield from _gaps(reduction, everything)
    if channels := _befallen(everything, "reset"):
        lacks = _noted(reduction, OwnNote.LACKS)
        text = "the counter restarted; energy in that interval is missing"
        text += f" (at most {_some(lacks)})" if lacks else ""
        if set(_noted(reduction, OwnNote.NO_RANGE)) & channels.keys():
            text += "; it may have wrapped instead, but max_energy_range_uj cannot be read"
        yield Flag("reset", ", ".join(channels), text)
    lost = grouped(_befallen(everything, "lost"), lambda channel: kind_of(channel).lost)
    for happened, names in lost.items():
        quantity = "count" if is_count(names[0]) else "energy"
        yield Flag("lost", ", ".join(names), f"{happened}; its {quantity} after that is unknown")
    bridged = sorted({name for span in everything for name in span.bridged_j})
    if bridged:
        yield Flag(
            "bridged_edge",
            ", ".join(bridged),
            "a phase edge falls between two readings, which widens the uncertainty",
        )


def _gaps(reduction: Reduction, everything: Sequence[Span]) -> Iterator[Flag]:
    """Flags for failed readings, bridged or not."""
    events = [row.event for row in reduction.remarks]
    failed = {event.removeprefix(GAP) for event in events if event.startswith(GAP)}
    failed -= {event.removeprefix(LOST) for event in events if event.startswith(LOST)}
    unread: dict[str, list[str]] = {}
    for span in everything if failed else ():
        for channel, energy_j in span.energy_j.items():
            if span.phase in CONCERNED and channel in failed and energy_j is None:
                unread.setdefault(channel, []).append(span.name)
    for channel, names in unread.items():
        text = f"no reading at an edge of {_some(list(dict.fromkeys(names)))}"
        yield Flag("gap", channel, f"{text}: its energy there is unknown, and so is the total")
    if bridged := [channel for channel in _befallen(everything, "gap") if channel not in unread]:
        yield Flag("gap", ", ".join(bridged), "missing readings were bridged by the next good one")


def _befallen(everything: Sequence[Span], kind: str) -> dict[str, None]:
    """Channels with an event of this kind in a phase that figures are computed from, in order."""
    return dict.fromkeys(
        channel
        for span in everything
        if span.phase in CONCERNED
        for happened, channel in span.happened
        if happened == kind
    )


def _marks(reduction: Reduction, everything: Sequence[Span]) -> Iterator[Flag]:
    late = [span for span in everything if span.begin.is_late or span.end.is_late]
    if late:
        texts = dict.fromkeys(span.label or span.phase for span in late)
        yield Flag(
            "late_edge",
            ", ".join(list(texts)[:MOST_NAMED]),
            f"the recorder responded late at an edge of {len(late)} "
            f"phase{'s' * (len(late) > 1)}; the energy there is interpolated between readings",
        )
    if aligned := [span for span in everything if span.aligned]:
        texts = dict.fromkeys(span.label or span.phase for span in aligned)
        yield Flag(
            "aligned",
            ", ".join(list(texts)[:MOST_NAMED]),
            f"the program waited, quiet, before and after {len(aligned)} "
            f"phase{'s' * (len(aligned) > 1)}; the power of that time is not in the energy",
        )
    for note, text in (
        (OwnNote.LOST_MARKS, "marks or counts from the program were lost"),
        (OwnNote.REFUSED, "a mark was refused"),
        (OwnNote.CUT, "a label or note was too long and was truncated"),
        (OwnNote.TARGET_MISSED, "the target of a repeated phase was not reached"),
        (OwnNote.UNALIGNED, "a phase could not be aligned and was marked as usual"),
        (OwnNote.BROKEN_OFF, "the recording was interrupted"),
    ):
        if said := reduction.noted(note):
            yield Flag(FLAGS[note], "", f"{text}: {said[0]}" + " …" * (len(said) > 1))


def _notes(reduction: Reduction) -> Iterator[Flag]:
    texts = {
        OwnNote.MIG: "the whole GPU is counted, including other MIG instances",
        OwnNote.MIXED_MARKS: "ended by the mark of another shell or program while the one that had "
        "marked it was still running: marks share one phase, so its time and energy are incomplete",
        OwnNote.LEFT_PASS: "a loop of wattui.repeat() was left during a pass: the energy of that "
        "pass is in the figure, its inferences are not",
        OwnNote.DROPPED: "a reading was discarded because the next one contradicted it",
    }
    for note, text in texts.items():
        if found := _noted(reduction, note):
            yield Flag(FLAGS[note], ", ".join(found), text)
    yield from _integrated(reduction)
    doubts = [text.partition(": ") for text in _noted(reduction, OwnNote.IMPLAUSIBLE)]
    if doubts:
        text = "; ".join(dict.fromkeys(doubt for _, _, doubt in doubts))
        where = ", ".join(dict.fromkeys(channel for channel, _, _ in doubts))
        yield Flag("implausible", where, f"impossible readings were discarded: {text}")


def _integrated(reduction: Reduction) -> Iterator[Flag]:
    """Flags for integrated power: devices without a counter, or with a stuck one."""
    found = [text.partition(" since ") for text in _noted(reduction, OwnNote.INTEGRATED)]
    if never := [channel for channel, _, since in found if not since]:
        text = (
            "no energy counter; power readings were integrated instead, and a sensor that looks "
            "only part of the time can be off by more than ±"
        )
        yield Flag("integrated", ", ".join(never), text)
    for channel, _, since in found:
        if since:
            text = f"its counter got stuck; from {since} s on, power readings were integrated"
            yield Flag("integrated", channel, text)


def _noted(reduction: Reduction, note: OwnNote) -> list[str]:
    """The texts of notes of one kind, without duplicates."""
    return list(dict.fromkeys(reduction.noted(note)))


def _stuck(reduction: Reduction, everything: Sequence[Span]) -> Iterator[Flag]:
    """Flags for stuck counters, with the phases affected."""
    last_s = reduction.events[-1].time_s if reduction.events else 0.0
    by_channel = grouped(still_times(reduction.remarks), attrgetter("channel"))
    for channel, stills in by_channel.items():
        seconds = math.fsum(min(s.until_s, last_s) - s.since_s for s in stills)
        names = dict.fromkeys(
            span.name
            for span in everything
            if any(still.overlaps(span.start_s, span.end_s) for still in stills)
        )
        during = f" in {_some(list(names))}" if names else ""
        text = f"the counter was stuck for {seconds:.1f} s{during}: energy used then is unknown"
        yield Flag("stuck", channel, text)


def _silent(reduction: Reduction, everything: Sequence[Span]) -> Iterator[Flag]:
    """Flags for meters outside the machine that gave no readings, with the phases affected."""
    by_channel = grouped(silences(reduction), attrgetter("channel"))
    for channel, found in by_channel.items():
        ended_s = [silence.until_s - silence.since_s for silence in found if silence.has_ended]
        times = [f"for {math.fsum(ended_s):.1f} s"] if ended_s else []
        times += [f"since {each.since_s:.1f} s" for each in found if not each.has_ended]
        whys = _some(list(dict.fromkeys(silence.why for silence in found)))
        names = dict.fromkeys(
            span.name
            for span in everything
            if any(silence.hides(span.start_s, span.end_s) for silence in found)
        )
        during = f": the energy of {_some(list(names))} is unknown" if names else ""
        yield Flag("silent", channel, f"no reading {' and '.join(times)} ({whys}){during}")


def _some(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _containment(everything: Sequence[Span]) -> Iterator[Flag]:
    """Flags for counters below what they contain, or above what contains them."""
    running = [span for span in everything if span.phase == "running"]
    if not running:
        return
    packages = _together_j(running, "package")
    if packages is None or packages <= 0:
        return
    seconds = math.fsum(span.seconds for span in running)
    package_text = f"{packages / seconds:.3g} W" if seconds > 0 else ""
    psys = _together_j(running, "psys")
    if psys is not None and psys < (1 - CONTAINED) * packages:
        text = (
            f"it read {psys / seconds:.3g} W but its packages {package_text}, "
            "so it does not cover the whole machine"
        )
        yield Flag("implausible", "psys", text)
    for kind in ("core", "dram"):
        inside = _together_j(running, kind)
        if inside is not None and inside > (1 + CONTAINED) * packages:
            drew = f"it read {inside / seconds:.3g} W"
            text = f"{drew} but the packages {package_text}; its unit may be wrong"
            yield Flag("implausible", kind, text)


def _covered(everything: Sequence[Span]) -> Iterator[Flag]:
    """Flags for meters outside the machine that read less than its sensors."""
    running = [span for span in everything if span.phase == "running"]
    seconds = math.fsum(span.seconds for span in running)
    inside_j = total(span.energy_j.get(TOTAL) for span in running)
    if not inside_j or seconds <= 0:
        return
    for channel in (name for name in running[0].energy_j if kind_of(name).by_hand):
        outside_j = total(span.energy_j[channel] for span in running)
        if outside_j is not None and inside_j > (1 + CONTAINED) * outside_j:
            drew = f"it read {_watts(outside_j / seconds)} W"
            text = f"{drew} but the sensors inside {_watts(inside_j / seconds)} W"
            yield Flag("implausible", channel, f"{text}: it does not see the whole machine")


def _together_j(spans: Sequence[Span], kind: str) -> float | None:
    """Energy of all channels of a kind in all spans; None if one is unknown."""
    channels = [channel for channel in spans[0].energy_j if kind_of(channel).name == kind]
    return total(span.energy_j[channel] for channel in channels for span in spans)


def _choices(reduction: Reduction) -> Iterator[Flag]:
    """Flags whose text is in a note: which GPUs, age of the baseline, lost rows."""
    for note in CHOICES:
        for text in _noted(reduction, note):
            yield Flag(FLAGS[note], "", text)


def _by_hand(reduction: Reduction, everything: Sequence[Span]) -> Iterator[Flag]:
    for channel in reduction.by_hand:
        n = sum(channel in row.power_w for row in reduction.events)
        many = "s" * (n > 1)
        text = f"energy from {n} manual reading{many}: mean power in each phase × its duration"
        running = [span for span in everything if span.phase == "running"]
        if any(span.energy_j[channel] is None for span in running):
            text += "; some running phases have no reading"
        if any(channel in r.power_w and r.event.endswith(APPARENT) for r in reduction.events):
            text += "; without a power factor, volts × amperes is apparent power, an upper limit"
        yield Flag("manual", channel, text)


def _per_phase(reduction: Reduction, everything: Sequence[Span]) -> Iterator[Flag]:
    if channels := sorted(per_phase(reduction)):
        running = [span for span in everything if span.phase == "running"]
        lacking = [c for c in channels if any(s.energy_j.get(c) is None for s in running)]
        text = "the imported file gives energy per phase only, so ± is unknown"
        if lacking:
            text += f"; some running phases have none for {', '.join(lacking)}"
        yield Flag("per_phase", ", ".join(channels), text)


def _untimed(reduction: Reduction) -> Iterator[Flag]:
    if channels := sorted(untimed(reduction)):
        text = "the imported file does not say how exact its times are, so ± is unknown"
        yield Flag("untimed", ", ".join(channels), text)


def _windows(everything: Sequence[Span], periods_s: Mapping[str, float]) -> Iterator[Flag]:
    short: dict[str, tuple[float, bool]] = {}
    for span in everything:
        for channel, period_s in periods_s.items():
            if kind_of(channel).by_hand and span.energy_j.get(channel) is None:
                continue
            if span.phase == "running" and span.seconds < SHORT_UPDATES * period_s:
                window = span.seconds / period_s, channel in span.located
                short[channel] = min(short.get(channel, window), window)
    for channel, (updates, is_located) in short.items():
        share = f": ±{_percent(100 / updates)} %" if updates > 0 and not is_located else ""
        least = f"only {updates:.0f} updates" if updates >= 1.5 else "hardly one update"
        text = f"a running phase lasts {least} of the sensor{share}"
        yield Flag("short_window", channel, text)


def _watts(power_w: float) -> str:
    return f"{power_w:,.0f}" if power_w >= 99.5 else f"{power_w:.3g}"


def _percent(value: float) -> str:
    return f"{value:.0f}" if value >= 9.5 else f"{value:.1g}"


def _resolution(running: Group | None, headline: str | None) -> Iterator[Flag]:
    if running is None or headline is None:
        return
    for basis in (DYNAMIC, MARGINAL):
        value = basis.of(running.domains[headline])
        if value and value.plus_minus is not None and abs(value.value) < value.plus_minus:
            yield Flag(
                "below_resolution",
                headline,
                f"the {basis.name} energy is smaller than its own ±",
            )


def _drift(drifts: Iterable[tuple[Drift, float]], headline: str | None) -> Iterator[Flag]:
    for found, above_w in drifts:
        change_w = found.after_w - found.before_w
        if abs(change_w) <= DRIFT * abs(above_w):
            continue
        share = f", {_percent(100 * abs(change_w / above_w))} % of the power above it"
        if found.between:
            text = f"drifted from {_watts(found.before_w)} to {_watts(found.after_w)} W"
        else:
            text = f"was drifting, perhaps by {_watts(abs(change_w))} W until it ran"
        yield Flag(
            "idle_drift", headline or "", f"{found.phase} power {text}{share if above_w else ''}"
        )


def _heat(reduction: Reduction, everything: Sequence[Span]) -> Iterator[Flag]:
    for found in throttled(reduction, everything):
        text = f"the clock fell from {found.first:.0f} to {found.last:.0f} MHz while {found.ran}"
        yield Flag("throttling", found.device, text)
    for device, shares in held_back(reduction, everything):
        whys = sorted(shares, key=shares.__getitem__, reverse=True)
        parts = ", ".join(f"{_percent(100 * shares[why])} % {IN_WORDS[why]}" for why in whys)
        yield Flag("held_back", device, f"its clocks were held back while running: {parts}")
    for found in warmed(reduction, everything):
        text = f"warmed from {found.first:.0f} to {found.last:.0f} °C while {found.ran}"
        yield Flag("thermal_drift", found.device, f"{text}; a warmer chip draws more power")


def _foreign_load(reduction: Reduction, everything: Sequence[Span]) -> Iterator[Flag]:
    """Flags for the load by other programs, who they are if it was noted."""
    noted = [
        (row.time_s, load)
        for row in reduction.remarks
        if (text := row.noted(OwnNote.OTHER_LOAD)) and (load := noted_load(text))
    ]
    yield from _foreign_cpu_load(reduction, everything, noted)
    on_gpus = [
        load
        for span in everything
        if span.phase in LOADED
        for load in _during(noted, span)
        if without_node(load.device) != CPU
    ]
    for device, loads in grouped(on_gpus, attrgetter("device")).items():
        yield Flag("foreign_load", device, _in_words(loads))


def _foreign_cpu_load(
    reduction: Reduction, everything: Sequence[Span], noted: Sequence[tuple[float, OtherLoad]]
) -> Iterator[Flag]:
    nodes = [node_of(name) for name in reduction.seconds if kind_of_column(name).name == "cpu_util"]
    for span, node in product(everything, nodes):
        busy = mean_gauge(reduction, on_node(node, "cpu_util_pct"), span)
        if busy is None or span.phase not in LOADED:
            continue
        command = on_node(node, "command_cpu_pct")
        own = mean_gauge(reduction, command, span) if span.phase == "running" else 0.0
        if own is not None and busy - own > FOREIGN_PCT:
            of = f" of {node}" if node else ""
            text = f"other programs kept {busy - own:.0f} % of the processor{of} busy"
            loads = [load for load in _during(noted, span) if load.device == on_node(node, CPU)]
            yield Flag("foreign_load", span.phase, f"{text}: {_in_words(loads)}" if loads else text)
            return


def _during(noted: Sequence[tuple[float, OtherLoad]], span: Span) -> Iterator[OtherLoad]:
    """The loads that were noted in a phase."""
    place = bisect_left(noted, span.start_s, key=itemgetter(0))
    while place < len(noted) and noted[place][0] <= span.end_s:
        yield noted[place][1]
        place += 1


def _in_words(loads: Iterable[OtherLoad]) -> str:
    """Who used most, and how much at most."""
    most: dict[str, OtherLoad] = {}
    for load in loads:
        most[load.who] = max(load, most.get(load.who, load), key=attrgetter("pct"))
    heaviest = sorted(most.values(), key=attrgetter("pct"), reverse=True)[:MOST_NAMES]
    return ", ".join(load.in_words for load in heaviest)


def _unknown_shares(reduction: Reduction) -> Iterator[Flag]:
    if found := _noted(reduction, OwnNote.UNKNOWN_SHARE):
        text = (
            "some of the command's processes could not be looked at, as they run as another user: "
            "how much they used is unknown, and so is the command's share"
        )
        yield Flag("unknown_share", ", ".join(found), text)


def negative_differences(differences: Sequence[Difference], headline: str | None) -> Iterator[Flag]:
    """Flags for parts with a negative cost: the difference is within the uncertainty."""
    values = [
        (difference.label, value.value)
        for difference in differences
        if headline and (value := difference.domains[headline].total_j_per_inference)
    ]
    negative = [label for label, value in values if value < 0]
    if negative:
        yield Flag(
            "negative_difference",
            ", ".join(negative),
            f"{len(negative)} of {len(values)} differences are negative: the totals are not "
            "known well enough to tell these parts apart",
        )
