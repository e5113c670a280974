"""The energy counters of AMD GPUs through AMD's library (amdsmi of ROCm), an optional reader.

Some cards count wrongly or not at all (MI100: ROCm/amdsmi issue 38), so a counter is used only
after it was compared with the power that the driver shows, once, for CHECK_S. Calls of ROCm before
7.2 may not run side by side: all counters are read by one source, in one thread.
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from recorders.opening import Opening
from recorders.source import Implausible, Refusal, Retry, SourceError
from recorders.sources.hwmon import MICRO, Clock, Hwmon, Output
from recorders.sources.hwmon_chips import Found
from recorders.sources.pci_gpus import CardSensor
from recorders.sources.rails import power_channel

NAME, DRIVER = "amdsmi", "amdgpu"
CHECK_S, LOOK_S, ANSWER_S = 2.0, 0.005, 3.0
# A counter agrees if its mean power is within this share and this much of the powers shown
# meanwhile, which are means of the second before.
SHARE, APART_W = 0.25, 5.0
# What importing it raises without ROCm, or with another version of ROCm.
MISFITS = (OSError, AttributeError, KeyError, ImportError)
NONE_64 = 2**64 - 1


def energy_j(counted: Mapping[str, object]) -> float:
    """The joules of an answer of `amdsmi_get_energy_count`, whose resolution is in µJ.

    Before version 6.2.1 the count is called `power`. Raises Implausible for a text ("N/A").
    """
    count = counted.get("energy_accumulator", counted.get("power"))
    step_uj = counted.get("counter_resolution")
    is_step = isinstance(step_uj, float) and 0 < step_uj < math.inf
    if type(count) is not int or not isinstance(step_uj, float) or not is_step:
        step = f"{step_uj:g}" if is_step else repr(step_uj)
        raise Implausible(f"amdsmi shows {count!r} times {step} µJ, which is not an energy")
    if not 0 <= count < NONE_64:
        raise Implausible(f"{count} means no value")
    return count * step_uj * MICRO


class SmiCounter(CardSensor):
    """The energy counter of one card, which is not asked while the card sleeps."""

    def __init__(self, library: Any, handle: object, card: Path) -> None:
        super().__init__(card, "J", (card, MICRO))
        self._library, self._handle = library, handle

    def read(self) -> float:
        """Joules now. Raises SourceError."""
        self.check_awake()
        try:
            return energy_j(self._library.amdsmi_get_energy_count(self._handle))
        except self._library.AmdSmiException as error:
            raise Retry(_in_words(error)) from None


@dataclass(slots=True)
class Trial:
    """A counter, the output with the power that it would replace, and what both showed."""

    counter: SmiCounter
    output: Output
    counts: list[tuple[int, float]] = field(default_factory=list)
    powers_w: list[float] = field(default_factory=list)
    failed: str = ""

    def look(self, clock: Clock) -> None:
        """Read both once."""
        try:
            count_j, now_ns = self.counter.read(), clock()
            power_w = sum(sensor.read() for sensor in self.output.sensors)
        except SourceError as error:
            self.failed = str(error)
            return
        self.counts.append((now_ns, count_j))
        self.powers_w.append(power_w)

    def verdict(self) -> str:
        """Why the counter is not used; empty if it is."""
        if len(self.counts) < 2:
            return self.failed or "it was not read in time"
        (begin_ns, begin_j), (end_ns, end_j) = self.counts[0], self.counts[-1]
        seconds = (end_ns - begin_ns) * 1e-9
        if end_j == begin_j:
            return f"its energy counter stood still for {seconds:.1f} s"
        mean_w = (end_j - begin_j) / seconds
        low_w, high_w = min(self.powers_w), max(self.powers_w)
        if low_w * (1 - SHARE) - APART_W <= mean_w <= high_w * (1 + SHARE) + APART_W:
            return ""
        return (
            f"its energy counter rose by {mean_w:.3g} W while the driver showed "
            f"{low_w:.3g} to {high_w:.3g} W"
        )

    @property
    def period_s(self) -> float:
        """The longest that its update period can be: the mean time between moves seen."""
        values = [count_j for _, count_j in self.counts]
        moves = sum(a != b for a, b in pairwise(values))
        return (self.counts[-1][0] - self.counts[0][0]) * 1e-9 / max(moves, 1)


class AmdSmi(Hwmon):
    """Reads the energy counters of all cards one after the other, in one thread."""

    reader = NAME


def use_counters(
    sources: Sequence[Hwmon],
    library: Any = None,
    clock: Clock = time.monotonic_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> Found:
    """The sources, with energy counters instead of the powers that agree with them."""
    cards = {
        str(output.facts["pci"]): (output, sensor.card)
        for source in sources
        for output in source.outputs
        if output.facts.get("driver") == DRIVER and output.channel.in_total
        for sensor in output.sensors
        if isinstance(sensor, CardSensor)
    }
    found = Found(list(sources))
    if not cards:
        return found
    trying = Opening(
        NAME, lambda: _tried(cards, library, clock, sleep), lambda why: ([], [_refusal(why)])
    )
    trials, found.refused = trying.result(lambda _name, _waited_s: None, CHECK_S + ANSWER_S)
    counters = []
    for trial in trials:
        if reason := trial.verdict():
            source = f"{NAME} {trial.output.facts['pci']}"
            found.refused.append(
                Refusal(source, f"{reason}; power is integrated instead", kind="unread")
            )
        else:
            counters.append(_output(trial))
    replaced = {output.channel.name for output in counters}
    found.sources = [kept for source in sources if (kept := source.without(replaced))]
    if counters:
        found.sources.append(AmdSmi(NAME, counters, clock))
    return found


def _tried(
    cards: Mapping[str, tuple[Output, Path]],
    library: Any,
    clock: Clock,
    sleep: Callable[[float], None],
) -> tuple[list[Trial], list[Refusal]]:
    """The counters of the cards, after a look at each every LOOK_S for CHECK_S."""
    try:
        library = library or importlib.import_module(NAME)
    except ModuleNotFoundError:
        text = "not installed: the power of AMD GPUs is integrated, their energy counter not read"
        return [], [Refusal(NAME, text, "pip install 'wattui[amd]'", kind="absent")]
    except MISFITS as error:
        text = f"its library libamd_smi.so cannot be loaded ({type(error).__name__}: {error})"
        remedy = "install ROCm's amd-smi-lib, in the version of amdsmi"
        return [], [Refusal(NAME, text, remedy, kind="unread")]
    try:
        library.amdsmi_init()
        handles = library.amdsmi_get_processor_handles()
        places = {library.amdsmi_get_gpu_device_bdf(each).lower(): each for each in handles}
    except library.AmdSmiException as error:
        return [], [_refusal(_in_words(error))]
    missing = [
        Refusal(f"{NAME} {place}", "the library does not know this card", kind="unread")
        for place in cards
        if place not in places
    ]
    trials = [
        Trial(SmiCounter(library, places[place], card), output)
        for place, (output, card) in cards.items()
        if place in places
    ]
    begun_ns = clock()
    while trials and clock() - begun_ns < CHECK_S * 1e9:
        for trial in trials:
            trial.look(clock)
        sleep(LOOK_S)
    return trials, missing


def _output(trial: Trial) -> Output:
    counter, power = trial.counter, trial.output
    counter.period_s = trial.period_s
    channel = replace(power_channel(power.channel.name, [counter]), remarks=())
    says = {"path": str(counter.path), "reading": NAME, "measures": "energy counter"}
    return Output(
        replace(channel, bound_w=power.channel.bound_w, always_moves=True),
        (counter,),
        {**power.facts, **says},
    )


def _refusal(why: str) -> Refusal:
    return Refusal(NAME, f"{why}; power is integrated instead", "amd-smi list", kind="unread")


def _in_words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
