"""A thread that reads a server's page of metrics, once a second and whenever it is asked to.

It never reads in the sampler's thread, which only takes what is known. An edge of a phase asks for
a scrape, and waits for it no longer than `EDGE_S`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from recorders.meters.meter import Access, MeterError, UnreadableError, cut
from recorders.meters.web import StatusError, Web
from recorders.server_counts import ServerCounts
from recorders.servers.dialects import CACHED, IN, OUT, REQUESTS
from recorders.servers.epochs import Epochs
from recorders.servers.pages import Page, read_page
from recorders.servers.specs import ServerSpec
from recorders.texts import OwnNote
from recorders.writer import run_as_others

PERIOD_S = 1.0
# The longest that an edge waits for a scrape.
EDGE_S = 0.25
# The longest that a page may take, and the most that it may have: one of 16 engines is 1 MB.
DEADLINE_S, MOST_BYTES = 5.0, 2**24
CLOSE_S = 0.5
MOST_NOTES, MOST_LATELY, MOST_WHY = 16, 64, 300
STANDARD = (OUT, IN, CACHED, REQUESTS)
START = "fix: start the server, or check the address"
FIXES = {
    401: "fix: set WATTUI_TOKENS_TOKEN to the server's key",
    403: "fix: set WATTUI_TOKENS_TOKEN to the server's key",
    404: "fix: start SGLang with --enable-metrics; TensorRT-LLM has its metrics at "
    "/prometheus/metrics; Ollama has none, so count with wattui tokens proxy",
    501: "fix: start llama-server with --metrics",
}
# How a llama-server with several models refuses, which needs the name of one that is loaded.
NAMELESS = "fix: add ?model=NAME to the address, as llama-server has several models"
OF_MODELS = {
    "not loaded": "the model is not loaded: fix: load it, with a request for example",
    "not found": "it has no such model: fix: name one of those that wattui tokens check lists",
}


class Scrape(NamedTuple):
    """What a server said: the counts since the recording began, and the requests at work.

    It was asked at `asked_ns`, and what it said is of `time_ns`, the middle of the request.
    `at_end` are the counts of tokens that move only when a request ends.
    """

    asked_ns: int
    time_ns: int
    totals: Mapping[str, int]
    running: int | None
    waiting: int | None
    at_end: tuple[str, ...]

    @property
    def open_requests(self) -> int | None:
        """The requests at work or waiting; None if the server does not say."""
        return None if self.running is None else self.running + (self.waiting or 0)


class Scraper:
    """Follows one server. `last` is what it said last, None while it says nothing or keeps an edge
    waiting; `why` is the reason, in one line with the fix."""

    def __init__(self, spec: ServerSpec, access: Access) -> None:
        self.spec = spec
        self._access = access
        self._web = Web(access, DEADLINE_S, MOST_BYTES)
        self._epochs = Epochs()
        self._page: Page | None = None
        self._told: ServerCounts | None = None
        self._notes: deque[str] = deque(maxlen=MOST_NOTES)
        # What it said lately, the last one at the end.
        self.lately: deque[Scrape] = deque(maxlen=MOST_LATELY)
        self.last: Scrape | None = None
        self.why = "it has not answered yet"
        self.scrapes = self.failures = 0
        self._since_ns = access.clock()
        self._begun_ns = self._done_ns = 0
        self._wanted = self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=spec.shown, daemon=True)

    @property
    def names(self) -> tuple[str, ...]:
        """The counts that are this server's; all standard ones until it has said which."""
        if self.spec.choices:
            return tuple(choice.name for choice in self.spec.choices)
        return tuple(self._page.counts) if self._page else STANDARD

    @property
    def server(self) -> str:
        """The kind of server; empty if it is not known."""
        return self._page.server if self._page else ""

    @property
    def counted_at_end(self) -> bool:
        """Whether it counted tokens at a request's end when it answered last."""
        return bool(self.lately and self.lately[-1].at_end)

    @property
    def unseen(self) -> list[str]:
        """The chosen counts of which its page has no series, and which are 0 until it has."""
        return self._page.unseen if self._page and self.spec.choices else []

    @property
    def steps(self) -> Mapping[str, int]:
        """The steps in which it states counts that it rounds."""
        return self._page.steps if self._page else {}

    @property
    def restarts(self) -> int:
        """How often the server has restarted."""
        return self._epochs.restarts

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def step(self) -> None:
        """Read once."""
        asked_ns = self._access.clock()
        with self._changed:
            self._begun_ns, self._wanted = asked_ns, False
        try:
            answer = self._web.get(self.spec.address)
            page = read_page(answer.body, answer.headers, self.spec.choices)
        except StatusError as error:
            self._fail(f"{error}{_fix(error)}")
        except UnreadableError as error:
            self._fail(f"{self.spec.shown}: {error}")
        except (MeterError, OSError) as error:
            text = str(error) or type(error).__name__
            self._fail(text if "fix: " in text else f"{text}: {START}")
        except Exception as error:  # a server can send anything; its thread lives on
            self._fail(f"{type(error).__name__}: {error}")
        else:
            self._take(page, asked_ns, answer.time_ns)
        with self._changed:
            self._begun_ns, self._done_ns = 0, asked_ns
            self._changed.notify_all()

    def ask(self) -> int:
        """Ask for a scrape now; returns the time from which on it may have begun."""
        now_ns = self._access.clock()
        with self._changed:
            self._wanted = True
            self._changed.notify_all()
        return now_ns

    def wait(self, since_ns: int, until_s: float, is_patient: bool = False) -> bool:
        """Wait for a scrape that was asked for then, until `until_s` of time.monotonic; whether it
        came. A server that already keeps another one waiting for long is not waited for, unless
        one `is_patient`."""
        with self._changed:
            is_slow = self._begun_ns and since_ns - self._begun_ns > EDGE_S * 1e9
            left_s = max(0.0, until_s - time.monotonic()) if is_patient or not is_slow else 0.0
            return self._changed.wait_for(lambda: self._done_ns >= since_ns, left_s)

    def doubt(self) -> None:
        """What it said last is too old for an edge, so its counts are unknown until it answers."""
        if self.last is not None:
            self._fail(f"{self.spec.shown} keeps an edge waiting: it takes over {EDGE_S:g} s")

    def counted_at(self, name: str, at_ns: int) -> int | None:
        """A count at a moment, between what the server said before and after it; None until it has
        said something after it, or if it did not before."""
        said = list(self.lately)
        after = next((each for each in said if each.time_ns >= at_ns), None)
        before = next((each for each in reversed(said) if each.time_ns <= at_ns), None)
        if after is None or before is None or name not in after.totals:
            return None
        last, first = after.totals[name], before.totals.get(name, 0)
        if name in after.at_end or after is before:
            return last
        share = (at_ns - before.time_ns) / (after.time_ns - before.time_ns)
        return round(first + share * (last - first))

    def notes(self) -> list[str]:
        """What has happened since the last call, as notes of the recorder."""
        return [self._notes.popleft() for _ in range(len(self._notes))]

    def close(self) -> None:
        """End the thread, abandoning a server that hangs."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)

    def _take(self, page: Page, asked_ns: int, time_ns: int) -> None:
        silent_s = (time_ns - self._since_ns) * 1e-9
        if self._page is not None and self.last is None:
            self._notes.append(f"{OwnNote.SERVER_ANSWERS} {self.spec.shown} after {silent_s:.1f} s")
        if self._epochs.take(page):
            self._notes.append(
                f"{OwnNote.SERVER_RESTARTED} {self.spec.shown}: what it counted in the "
                f"{silent_s:.1f} s before was lost"
            )
        self._page = page
        totals = self._epochs.totals(page)
        self.last = Scrape(
            asked_ns, time_ns, totals, page.running, page.waiting, tuple(page.at_end)
        )
        self.lately.append(self.last)
        self._since_ns = time_ns
        self.scrapes += 1
        self._tell(page)

    def _tell(self, page: Page) -> None:
        """Note what is counted, if it is not what was noted."""
        now = ServerCounts(
            self.spec.shown,
            page.server or "chosen",
            tuple(page.counts),
            page.at_end,
            self.steps,
            self.unseen,
        )
        if now != self._told:
            self._told = now
            self._notes.append(f"{OwnNote.SERVER_COUNTS} {now.text}")

    def _fail(self, why: str) -> None:
        self.failures += 1
        self.why = cut(why, MOST_WHY)
        if self.last is not None or self.failures == 1:
            self._notes.append(f"{OwnNote.SERVER_UNREAD} {self.why}")
        self.last = None

    def _run(self) -> None:
        run_as_others()
        while not self._stopped:
            due_s = time.monotonic() + PERIOD_S
            self.step()
            with self._changed:
                left_s = max(0.0, due_s - time.monotonic())
                self._changed.wait_for(lambda: self._wanted or self._stopped, left_s)


def _fix(error: StatusError) -> str:
    """How to make a server show its metrics, from how it refuses."""
    said = error.body.decode(errors="replace").lower()
    if error.status == 400 and "model" in said:
        return f": {next((fix for text, fix in OF_MODELS.items() if text in said), NAMELESS)}"
    if error.status in FIXES:
        return f": {FIXES[error.status]}"
    return ": fix: check the address and the log of the server"
