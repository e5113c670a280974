"""What has passed through a proxy: counts for its metrics, and a line at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wattui.tokens.trace import COUNTS, Usage

PREFIX = "wattui_proxy_"
# What each of the counters counts, for its page.
COUNTERS = {
    "tokens_out": "Tokens generated, as the server counts them",
    "tokens_in": "Prompt tokens computed",
    "tokens_cached": "Prompt tokens from the server's cache",
    "requests": "Requests answered whole, with their tokens",
    "requests_failed": "Requests with an error, an answer cut off, or no tokens stated",
    "requests_aborted": "Requests given up by their clients",
    "requests_passed": "Other requests, which have no tokens",
}
RUNNING = "requests_running"


@dataclass(slots=True)
class Totals:
    """Counts so far; `on_count` is told what is added to tokens and requests."""

    on_count: Callable[[Mapping[str, int]], object]
    running: int = 0
    tokens_out: int = 0
    tokens_in: int = 0
    tokens_cached: int = 0
    requests: int = 0
    requests_failed: int = 0
    requests_aborted: int = 0
    requests_passed: int = 0

    def add(self, counts: Mapping[str, int]) -> None:
        """Add to tokens and requests."""
        grown = {name: n for name, n in counts.items() if n}
        for name, n in grown.items():
            setattr(self, name, getattr(self, name) + n)
        if grown:
            self.on_count(grown)

    def page(self) -> str:
        """The page of metrics."""
        lines = []
        for name, meaning in COUNTERS.items():
            full = f"{PREFIX}{name}_total"
            lines += [f"# HELP {full} {meaning}.", f"# TYPE {full} counter"]
            lines.append(f"{full} {getattr(self, name)}")
        full = PREFIX + RUNNING
        lines += [f"# HELP {full} Requests that wait for the rest of their answers."]
        lines += [f"# TYPE {full} gauge", f"{full} {self.running}"]
        return "".join(f"{line}\n" for line in lines)

    def line(self) -> str:
        """Everything in one line."""
        cached = f" and {self.tokens_cached:,} cached" if self.tokens_cached else ""
        others = [
            f", {count:,} {how}"
            for how, count in (
                ("failed", self.requests_failed),
                ("aborted", self.requests_aborted),
                ("others passed", self.requests_passed),
            )
            if count
        ]
        tokens = f"tokens: {self.tokens_out:,} out, {self.tokens_in:,} in{cached}"
        return f"{tokens}; requests: {self.requests:,} answered" + "".join(others)


class Tally:
    """The tokens of one request, which its server may state more than once, each time all."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals
        self._stated = Usage(0, 0)

    def take(self, usage: Usage) -> None:
        """Count what has been added since the last usage."""
        before, self._stated = self._stated, usage
        grown = (
            usage.completion - before.completion,
            usage.computed - before.computed,
            usage.cached - before.cached,
        )
        self._totals.add(dict(zip(COUNTS, (max(0, n) for n in grown), strict=False)))
