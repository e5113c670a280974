"""A server's counts since the recording began, across its restarts. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from recorders.servers.pages import Counter, Page, summed


class Epochs:
    """Adds up what each counter has grown by. One that falls has begun again at 0, as have all if
    all are gone; one that is new began at 0, as the page had none of it before. One that is gone
    while others go on was left out of the page: if it comes back no lower, it has gone on too."""

    def __init__(self) -> None:
        self._shown: dict[Counter, float] = {}
        self._grown: dict[Counter, float] = {}
        self._totals: dict[str, int] = {}
        self._first: dict[str, float] = {}
        self._lacks: dict[str, float] = {}
        self._born: str | None = None
        self.restarts = 0

    def take(self, page: Page) -> bool:
        """Take the next page; True if the server, or a part of it, has restarted since the last."""
        if self._born is None:
            self._born = page.born
            self._shown = dict(page.counters)
            return False
        is_other, self._born = page.born != self._born, page.born
        shown = self._shown
        goes_on = any(page.counters.get(each, -1.0) >= was > 0 for each, was in shown.items())
        gone = {each: was for each, was in shown.items() if each not in page.counters}
        self._shown = {**(gone if goes_on and not is_other else {}), **page.counters}
        fell = {each for each, was in shown.items() if self._shown.get(each, 0.0) < was}
        for counter, value in page.counters.items():
            since = 0.0 if is_other or counter in fell else shown.get(counter, 0.0)
            self._grown[counter] = self._grown.get(counter, 0.0) + value - since
        self.restarts += bool(fell or is_other)
        return bool(fell or is_other)

    def totals(self, page: Page) -> Mapping[str, int]:
        """The counts since the first page, as of the last one. A difference of two counters may be
        read between their moves, so a count keeps its highest value."""
        for name, found in page.counts.items():
            total = summed(found.terms, self._grown)
            if found.at_rest:
                more = summed(found.at_rest, self._grown) - total
                total += self._lacking(name, more, page.is_at_rest)
            self._totals[name] = max(round(total), self._totals.get(name, 0))
        return {name: self._totals[name] for name in page.counts}

    def _lacking(self, name: str, more: float, is_at_rest: bool) -> float:
        """How many a count that moves early lacks: `more` than at the first rest, as of the last.
        Requests that were lost count `more` down, but their tokens were made."""
        if is_at_rest:
            first = self._first.setdefault(name, more)
            self._lacks[name] = max(more - first, self._lacks.get(name, 0.0))
        return self._lacks.get(name, 0.0)
