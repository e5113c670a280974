"""What a server's page of metrics says: its counters, and the requests at work. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from recorders.meters.meter import UnreadableError, cut
from recorders.meters.prometheus import Labels, series
from recorders.servers.dialects import DIALECTS, OUT, RANKS, Dialect, Sum, Term
from recorders.servers.specs import Choice

# The moment at which the process began whose counters these are: a metric, and llama-server's
# header.
BORN, BORN_HEADER = "process_start_time_seconds", "process-start-time-unix"
# What says where a page ends; without either, it ends with the connection.
_LENGTHS = frozenset({"content-length", "transfer-encoding"})
MOST_SHOWN = 3
_DECLARED = re.compile(rb"^(?:# TYPE +)?([A-Za-z_:][\w:]*)(?=[ \t{])", re.M)
_LIKE_A_COUNT = re.compile(r".*(?:token|request)\w*_(?:total|sum)")
NONE = Sum(())
_ENDINGS = ("_total", "_sum", "_count")


class Counter(NamedTuple):
    """A counter of a page: its metric, and its labels but for those of ranks."""

    metric: str
    labels: frozenset[tuple[str, str]]

    def is_of(self, term: Term) -> bool:
        """Whether it is part of a sum."""
        labels = dict(self.labels)
        wanted = all(labels.get(name, "") == value for name, value in term.labels)
        return self.metric == term.metric and wanted


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says: the kind of `server`, what makes up each of its `counts`, and the counters
    as they are, the highest where ranks that do the same work each have one.

    `running` and `waiting` requests are None where it does not say so. `at_end` are the counts that
    move only when a request ends. Another `born` is another process. `steps` are the steps in which
    the page states counts that it rounds.
    """

    server: str
    counts: Mapping[str, Sum]
    counters: Mapping[Counter, float]
    running: int | None = None
    waiting: int | None = None
    born: str = ""
    steps: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_at_rest(self) -> bool:
        """Whether no request is at work or waits."""
        return self.running == 0 and not self.waiting

    @property
    def at_end(self) -> list[str]:
        """The counts of tokens that move only when a request ends."""
        return [name for name, found in self.counts.items() if found.at_end]

    @property
    def unseen(self) -> list[str]:
        """The counts of which the page has no series, as of one with labels that it does not use,
        or does not use yet."""
        return [
            name
            for name, found in self.counts.items()
            if not any(each.is_of(term) for each in self.counters for term in found.terms)
        ]


def read_page(
    body: bytes, headers: Mapping[str, str] | None = None, choices: Iterable[Choice] = ()
) -> Page:
    """Read a page; with choices, only they are counted. Raises UnreadableError, with the fix."""
    declared = {name.decode() for name in _DECLARED.findall(body)}
    dialect = _dialect(declared)
    chosen = {each.name: Sum((Term(each.metric, each.labels),)) for each in choices}
    if chosen:
        missing = [s.terms[0].metric for s in chosen.values() if not _has(s, declared)]
        if missing:
            raise UnreadableError(f"the page has no {cut(missing[0])}{_instead(declared)}")
        counts: Mapping[str, Sum] = {
            name: each._replace(at_end=dialect is not None and _is_at_end(each, dialect))
            for name, each in chosen.items()
        }
    elif dialect is None:
        raise UnreadableError(_strange(body, declared))
    else:
        best = ((name, _best(name, ways, declared)) for name, ways in dialect.counts.items())
        counts = {name: found for name, found in best if found}
    if headers is not None and _is_cut_off(body, headers):
        raise UnreadableError("the page was cut off")
    gauges = (dialect.running, dialect.waiting) if dialect else (NONE, NONE)
    metrics = {metric for found in (*counts.values(), *gauges) for metric in found.metrics}
    counters = _values(body, metrics | {BORN})
    born = [value for counter, value in counters.items() if counter.metric == BORN]
    wanted = {metric for found in counts.values() for metric in found.metrics}
    running, waiting = (_gauge(each, declared, counters) for each in gauges)
    return Page(
        dialect.name if dialect else "",
        counts,
        {each: value for each, value in counters.items() if each.metric in wanted},
        running,
        waiting,
        (headers or {}).get(BORN_HEADER, "") or " ".join(map(str, sorted(born))),
        _steps(counts, counters, dialect.digits) if dialect and dialect.digits else {},
    )


def summed(terms: Iterable[Term], values: Mapping[Counter, float]) -> float:
    """The sum of these terms, over all counters that are part of them."""
    return sum(
        term.factor * value
        for term in terms
        for counter, value in values.items()
        if counter.is_of(term)
    )


def _steps(
    counts: Mapping[str, Sum], counters: Mapping[Counter, float], digits: int
) -> dict[str, int]:
    """The steps of the counts that need more than these significant digits."""
    found = {}
    for name, count in counts.items():
        steps = [
            abs(term.factor) * 10.0 ** (math.floor(math.log10(value)) + 1 - digits)
            for term in count.terms
            for counter, value in counters.items()
            if value and counter.is_of(term)
        ]
        if steps and (step := round(max(steps))) > 1:
            found[name] = step
    return found


def _is_cut_off(body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether a page ends within a line, and nothing said where it should end."""
    return not body.endswith(b"\n") and not _LENGTHS.intersection(headers)


def _dialect(declared: set[str]) -> Dialect | None:
    """The kind of server with most of these metrics, with the prefix that they have."""
    known = [each.with_prefix(prefix) for each in DIALECTS for prefix in each.prefixes]
    shown = [(sum(_has(found, declared) for found in each.sums), each) for each in known]
    most, dialect = max(shown, key=lambda pair: pair[0])
    return dialect if most else None


def _has(found: Sum, declared: set[str]) -> bool:
    """Whether all metrics of a sum are on the page, perhaps without a value yet."""
    names = [(term.metric, _family(term.metric)) for term in found.terms]
    return bool(names) and all(declared.intersection(each) for each in names)


def _family(metric: str) -> str:
    """The name that a page declares the parts of a histogram by."""
    ending = next((each for each in _ENDINGS if metric.endswith(each)), "")
    return metric.removesuffix(ending)


def _best(name: str, ways: tuple[Sum, ...], declared: set[str]) -> Sum | None:
    """The best way that the page has to know a count. Some servers show their counters only once
    the first request has moved them: then the tokens made are 0."""
    return next((way for way in ways if _has(way, declared)), ways[0] if name == OUT else None)


def _is_at_end(found: Sum, dialect: Dialect) -> bool:
    """Whether a chosen counter is known to move only when a request ends."""
    metric = found.terms[0].metric
    return any(each.at_end and each.terms[0].metric == metric for each in dialect.sums)


def _values(body: bytes, metrics: set[str]) -> dict[Counter, float]:
    """The values of these metrics. Ranks that do the same work count the same tokens, so the
    highest counts."""
    values: dict[Counter, float] = {}
    for metric, lines in series(body, metrics).items():
        for labels, value, _ in lines:
            if not (math.isfinite(value) and value >= 0):
                raise UnreadableError(f"{cut(metric)} is {value}")
            counter = Counter(metric, _identity(labels))
            values[counter] = max(value, values.get(counter, 0.0))
    return values


def _identity(labels: Labels) -> frozenset[tuple[str, str]]:
    return frozenset(pair for pair in labels.items() if pair[0] not in RANKS)


def _gauge(found: Sum, declared: set[str], values: Mapping[Counter, float]) -> int | None:
    """A number of requests, over all engines; None if the page does not have it."""
    if not _has(found, declared):
        return None
    return round(summed(found.terms, values))


def _strange(body: bytes, declared: set[str]) -> str:
    """Why a page is not that of a known server, and the fix."""
    begin = body.lstrip()[:200]
    if begin[:1] in (b"[", b"{"):
        fix = "fix: give the address of the metrics; TensorRT-LLM has them at /prometheus/metrics"
        return f"the answer is JSON: {fix}"
    if not declared or begin[:1] == b"<":
        text = cut(begin.decode(errors="replace")) or "nothing"
        return f"the answer is not metrics: {text!r}: fix: give the address of the metrics"
    return f"the page has no counter of a known server{_instead(declared)}"


def _instead(declared: set[str]) -> str:
    """The counters to choose instead, as a fix."""
    like = sorted(name for name in declared if _LIKE_A_COUNT.fullmatch(name))[:MOST_SHOWN]
    return f": fix: choose its counter, as in URL#{' or #'.join(map(cut, like or ['METRIC']))}"
