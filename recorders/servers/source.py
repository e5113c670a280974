"""Servers of language models as a source: the counts of all together, and their requests."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from recorders.meters.meter import Access
from recorders.servers.scraper import EDGE_S, Scrape, Scraper
from recorders.servers.specs import KIND, parse_servers
from recorders.source import REQUESTS, Channel, Reading, Refusal

# How long a recording waits at its start for its servers to answer.
FIRST_S = 3.0
RUNNING, WAITING = "requests_running", "requests_waiting"
FIX = "it is read again while recording, so its counts begin once it answers"


class Servers:
    """The servers of a recording: a source of their requests at work, and of their counts.

    A count is known while every server that has it answers.
    """

    name, reader = "servers", "HTTP"
    period_s, blocking = 0.0005, False

    def __init__(self, scrapers: Sequence[Scraper]) -> None:
        self.scrapers = scrapers
        self._shown_ns = [0] * len(scrapers)

    # ------------------------------------------------------------ counts

    @property
    def names(self) -> tuple[str, ...]:
        """The counts that these servers make."""
        return tuple(dict.fromkeys(name for each in self.scrapers for name in each.names))

    def totals(self) -> Mapping[str, int]:
        """Each count since the recording began, as read last; one that is unknown is left out."""
        return self._added([each.last for each in self.scrapers])

    def totals_now(self) -> Mapping[str, int]:
        """The counts read now, for an edge; one that does not come in time is left out."""
        return self._added(self.read_now())

    def read_now(self) -> list[Scrape | None]:
        """Ask every server now, and wait no longer than `EDGE_S`: what each says, None if it does
        not."""
        until_s = time.monotonic() + EDGE_S
        asked = [(each, each.ask()) for each in self.scrapers]
        return [each.last if each.wait(since_ns, until_s) else None for each, since_ns in asked]

    def _added(self, lasts: Sequence[Scrape | None]) -> dict[str, int]:
        added = {}
        for name in self.names:
            own = [
                last and last.totals.get(name)
                for each, last in zip(self.scrapers, lasts, strict=True)
                if name in each.names
            ]
            known = [total for total in own if total is not None]
            if len(known) == len(own):
                added[name] = sum(known)
        return added

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
        return [note for each in self.scrapers for note in each.notes()]

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
    texts: Sequence[str], environ: Mapping[str, str], wait_s: float = FIRST_S
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
    until_s = time.monotonic() + wait_s
    for each in scrapers:
        each.wait(1, until_s)
    refused = [
        Refusal(f"server {each.spec.shown}", each.why, FIX, kind="unread", warns=True)
        for each in scrapers
        if each.last is None
    ]
    return Servers(scrapers), refused
