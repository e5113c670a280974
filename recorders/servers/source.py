"""Servers of language models as a source: the counts of all together, and their requests."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from recorders.meters.meter import Access
from recorders.servers.scraper import EDGE_S, Scrape, Scraper
from recorders.servers.specs import KIND, parse_servers
from recorders.source import REQUESTS, Channel, Reading, Refusal
from recorders.summary.served import counted_note

# How long a recording waits at its start for its servers to answer.
FIRST_S = 3.0
RUNNING, WAITING = "requests_running", "requests_waiting"


class Servers:
    """The servers of a recording: a source of their requests at work, and of their counts.

    A count is known while every server that has it answers.
    """

    name, reader = "servers", "HTTP"
    period_s, blocking = 0.0005, False

    def __init__(self, scrapers: Sequence[Scraper]) -> None:
        self.scrapers = scrapers
        self._shown_ns = [0] * len(scrapers)
        self._is_late = False
        # The moments of edges whose counts came too late for their rows, and their time_s.
        self._late: dict[int, str] = {}

    # ------------------------------------------------------------ counts

    @property
    def names(self) -> tuple[str, ...]:
        """The counts that these servers make. One that only some of them make is no count of what
        all of them did, and is left out unless it was chosen."""
        chosen = {choice.name for each in self.scrapers for choice in each.spec.choices}
        usual = [each.names for each in self.scrapers if not each.spec.choices]
        found = dict.fromkeys(name for each in self.scrapers for name in each.names)
        return tuple(
            name for name in found if name in chosen or all(name in names for names in usual)
        )

    def totals(self) -> Mapping[str, int]:
        """Each count since the recording began, as read last; one that is unknown is left out."""
        added = {}
        for name in self.names:
            lasts = [each.last for each in self.scrapers if name in each.names]
            own = [last.totals.get(name) for last in lasts if last is not None]
            known = [total for total in own if total is not None]
            if len(known) == len(lasts):
                added[name] = sum(known)
        return added

    def read_now(self) -> None:
        """Ask every server now, for an edge. The counts of one that does not answer within `EDGE_S`
        are unknown in its row; `news` has them once they come."""
        until_s = time.monotonic() + EDGE_S
        asked = [(each, each.ask()) for each in self.scrapers]
        for scraper, since_ns in asked:
            if not scraper.wait(since_ns, until_s):
                self._is_late = True
                scraper.doubt()

    def was_edge(self, at_ns: int, time_s: str) -> None:
        """Say when the edge was for which the servers were asked, and the `time_s` of its row."""
        if self._is_late:
            self._is_late, self._late[at_ns] = False, time_s

    def settle(self, longest_s: float) -> None:
        """At the end, wait for counts of edges that have not come yet."""
        until_s = time.monotonic() + longest_s
        for each in self.scrapers:
            if self._late:
                each.wait(each.ask(), until_s, is_patient=True)

    @property
    def open_at_end(self) -> int | None:
        """The requests, as read last, of servers that count tokens at a request's end: so many have
        used energy for tokens that are not counted yet. None if such a server does not say."""
        numbers = [last.open_requests for last in self._lasts_at_end()]
        numbers += [None for each in self.scrapers if each.last is None and each.counted_at_end]
        known = [n for n in numbers if n is not None]
        return sum(known) if len(known) == len(numbers) else None

    def wait_for(self, since_ns: int) -> tuple[bool, int | None]:
        """Whether an edge that is wanted since then should wait for requests to end, and for how
        many, if that is known; looks again soon."""
        for each in self.scrapers:
            each.ask()
        waited_for = [last for last in self._lasts_at_end() if last.open_requests is not None]
        if not waited_for:
            return False, None
        if any(last.asked_ns < since_ns for last in waited_for):
            return True, None
        n = sum(last.open_requests or 0 for last in waited_for)
        return n > 0, n

    def _lasts_at_end(self) -> list[Scrape]:
        lasts = (each.last for each in self.scrapers)
        return [last for last in lasts if last is not None and last.at_end]

    # ------------------------------------------------------------ the source

    def channels(self) -> Sequence[Channel]:
        """How many requests are at work, and how many wait."""
        return [Channel(RUNNING, REQUESTS), Channel(WAITING, REQUESTS)]

    def read(self, counters_only: bool = False) -> Sequence[Reading]:
        """The requests of all servers, if there is news of one; nothing while one is silent."""
        lasts = [each.last for each in self.scrapers]
        times_ns = [last.time_ns if last else 0 for last in lasts]
        if times_ns == self._shown_ns or not all(times_ns):
            return []
        self._shown_ns = times_ns
        numbers = (
            [last and last.running for last in lasts],
            [last and last.waiting for last in lasts],
        )
        return [
            Reading(place, max(times_ns), float(sum(known)))
            for place, own in enumerate(numbers)
            if (known := [each for each in own if each is not None])
        ]

    def news(self) -> Sequence[str]:
        """What has happened to the servers since the last call."""
        found = [note for each in self.scrapers for note in each.notes()]
        for at_ns in list(self._late):
            if all(each.lately and each.lately[-1].time_ns >= at_ns for each in self.scrapers):
                counted = self._counted_at(at_ns)
                found.append(counted_note(self._late.pop(at_ns), counted))
        return found

    def _counted_at(self, at_ns: int) -> dict[str, int]:
        """The counts that are known at a moment."""
        found = {}
        for name in self.names:
            own = [each.counted_at(name, at_ns) for each in self.scrapers if name in each.names]
            known = [n for n in own if n is not None]
            if len(known) == len(own):
                found[name] = sum(known)
        return found

    def calibrate(self) -> None:
        """Nothing to observe."""

    def update_periods_s(self) -> Mapping[str, float]:
        """None: the requests are a gauge."""
        return {}

    def facts(self) -> Mapping[str, object]:
        """The servers, what they count, and how reading them went."""
        return {
            each.spec.shown: {
                "server": each.server,
                "counts": list(each.names),
                "at_request_end": list(each.last.at_end) if each.last else [],
                "scrapes": each.scrapes,
                "failures": each.failures,
                "restarts": each.restarts,
                "why": "" if each.last else each.why,
            }
            for each in self.scrapers
        }

    def reset(self) -> None:
        """Nothing is kept that a suspension makes wrong."""

    def close(self) -> None:
        """End the threads."""
        for each in self.scrapers:
            each.close()


def open_servers(
    texts: Sequence[str], environ: Mapping[str, str]
) -> tuple[Servers | None, list[Refusal]]:
    """The servers, and a refusal for each that does not answer yet, which is still read.

    Raises SpecError.
    """
    access = Access("", environ, kind=KIND)
    scrapers = [Scraper(spec, access) for spec in parse_servers(texts)]
    if not scrapers:
        return None, []
    for each in scrapers:
        each.start()
    until_s = time.monotonic() + FIRST_S
    for each in scrapers:
        each.wait(1, until_s)
    return Servers(scrapers), [_refusal(each) for each in scrapers if each.last is None]


def _refusal(scraper: Scraper) -> Refusal:
    reason, _, fix = scraper.why.partition(": fix: ")
    name = f"server {scraper.spec.shown}"
    return Refusal(
        name, reason.removeprefix(scraper.spec.shown).lstrip(": "), fix, kind="unread", warns=True
    )
