"""What a load achieved: rates, and latencies as a client sees them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from wattui.runs.latencies import percentile
from wattui.tokens.load import Loaded
from wattui.tokens.trace import MS, Trace

PERCENTILES = (50, 90, 99)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """The median and high percentiles of times, seconds; None if there are too few times."""

    p50: float | None
    p90: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """A load in its window, of `seconds` (None: the window did not begin).

    `requests` ended in it, `failed` are those of the whole load. Tokens are those generated or
    computed in it, by the server's usage; `prefill_s` and `decode_s` are the times of slots that
    the server states for them (None: it states none); `passed_on` is the number of output tokens
    that the recording was given for it. `ramp_s` and `drain_s` are the times before and after it.
    """

    label: str
    concurrency: int
    repeat: int | None
    seconds: float | None
    ramp_s: float | None
    drain_s: float | None
    is_whole: bool
    requests: int
    failed: int
    tokens_out: int
    tokens_in: int
    tokens_cached: int
    prefill_s: float | None
    decode_s: float | None
    passed_on: int
    requests_per_s: float | None
    tokens_per_s: float | None
    first_token_s: Percentiles
    per_token_s: Percentiles
    failures: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON."""
        return asdict(self)


def row_of(loaded: Loaded) -> Row:
    """The figures of a load.

    Times to the first token are those of requests whose first token arrived in the window, times
    per output token those of requests that ended in it.
    """
    wish, tokens = loaded.wish, loaded.tokens
    begun_s, ended_s = loaded.begun_s, loaded.ended_s
    seconds = ramp_s = drain_s = None
    firsts: list[Trace] = []
    ended: list[Trace] = []
    if begun_s is not None and ended_s is not None:
        seconds, ramp_s = ended_s - begun_s, begun_s - loaded.started_s
        drain_s = max([t.ended_s or ended_s for t in loaded.traces]) - ended_s
        good = [trace for trace in loaded.traces if not trace.failure]
        firsts = [t for t in good if t.first_s is not None and begun_s < t.first_s <= ended_s]
        ended = [t for t in good if t.ended_s is not None and begun_s < t.ended_s <= ended_s]
    has_times = any(trace.timings for trace in loaded.traces)
    failures: dict[str, int] = {}
    for trace in loaded.traces:
        if trace.failure:
            failures[trace.failure] = failures.get(trace.failure, 0) + 1
    return Row(
        wish.label,
        wish.concurrency,
        wish.repeat,
        seconds,
        ramp_s,
        drain_s,
        loaded.is_whole,
        round(tokens.requests),
        sum(failures.values()),
        round(tokens.out),
        round(tokens.prompt),
        round(tokens.cached),
        tokens.prefill_ms / MS if has_times else None,
        tokens.decode_ms / MS if has_times else None,
        round(loaded.passed_on.out),
        tokens.requests / seconds if seconds else None,
        tokens.out / seconds if seconds else None,
        _percentiles(trace.seconds_to_first for trace in firsts),
        _percentiles(trace.seconds_per_token for trace in ended),
        failures,
    )


def _percentiles(times_s: Iterable[float | None]) -> Percentiles:
    """A percentile p needs 100 / (100 - p) values, so that one of them lies beyond it."""
    ordered = sorted(each for each in times_s if each is not None)
    found = [
        percentile(ordered, p / 100) if len(ordered) * (100 - p) >= 100 else None
        for p in PERCENTILES
    ]
    return Percentiles(*found)
