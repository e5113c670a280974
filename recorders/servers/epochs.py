"""A server's counts since the recording began, across its restarts. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from recorders.servers.dialects import Sum
from recorders.servers.pages import Counter, Page


class Epochs:
    """Adds up what each counter has grown by. One that falls or is gone has begun again at 0, and
    one that is new began at 0, as the page had none of it before."""

    def __init__(self) -> None:
        self._shown: dict[Counter, float] = {}
        self._grown: dict[Counter, float] = {}
        self._totals: dict[str, int] = {}
        self._born: str | None = None
        self.restarts = 0

    def take(self, page: Page) -> bool:
        """Take the next page; True if the server, or a part of it, has restarted since the last."""
        if self._born is None:
            self._born = page.born
            self._shown = dict(page.counters)
            return False
        shown, self._shown = self._shown, dict(page.counters)
        is_other, self._born = page.born != self._born, page.born
        fell = {each for each, was in shown.items() if page.counters.get(each, 0.0) < was}
        for counter, value in page.counters.items():
            since = 0.0 if is_other or counter in fell else shown.get(counter, 0.0)
            self._grown[counter] = self._grown.get(counter, 0.0) + value - since
        self.restarts += bool(fell or is_other)
        return bool(fell or is_other)

    def totals(self, counts: Mapping[str, Sum]) -> Mapping[str, int]:
        """The counts since the first page. A difference of two counters may be read between their
        moves, so it keeps its highest value."""
        for name, found in counts.items():
            total = sum(
                term.sign * grown
                for term in found.terms
                for counter, grown in self._grown.items()
                if counter.is_of(term)
            )
            self._totals[name] = max(round(total), self._totals.get(name, 0))
        return {name: self._totals[name] for name in counts}
