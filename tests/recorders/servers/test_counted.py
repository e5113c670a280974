"""Counts of a server in a recording: at edges, across outages, and when they move at its ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recorders.meters.meter import Access, MeterError
from recorders.meters.web import Address, Answer
from recorders.servers.specs import parse_server
from recorders.source import Channel
from recorders.summary.figures import Summary
from recorders.summary.spans import spans
from recorders.summary.summary import summarise
from tests.support.doubles import ManualClock, Rig, ScriptedSource
from tests.support.servers import llama
from wattui.runs.reduce import reduce_csv

pytest.importorskip("prometheus_client", reason="no prometheus-client: wattui[tokens]")
from recorders.servers.scraper import Scraper
from recorders.servers.source import Servers

# Its page at a time in seconds; None: nobody answers.
PageAt = Callable[[float], str | None]
IDLE_W, BUSY_W = 40.0, 240.0


class InlineScraper(Scraper):
    """Reads when it is asked, so that a manual clock decides when."""

    def __init__(self, clock: ManualClock, page: PageAt) -> None:
        access = Access("", {}, clock=clock.monotonic_ns, kind="tokens")
        super().__init__(parse_server("http://sim:1"), access)
        self._clock, self._page_at, self._zero_ns = clock, page, clock.now_ns
        self._web = self  # type: ignore[assignment]
        self.is_slow = False
        self.step()

    def get(self, address: Address) -> Answer:
        text = self._page_at((self._clock.now_ns - self._zero_ns) * 1e-9)
        if text is None:
            raise MeterError("http://sim:1/metrics: Connection refused")
        return Answer(text.encode(), {}, self._clock.now_ns)

    def ask(self) -> int:
        if not self.is_slow:
            self.step()
        return self._done_ns

    def wait(self, since_ns: int, until_s: float, is_patient: bool = False) -> bool:
        return not self.is_slow


class Requests:
    """Requests at a server, from begin to end, and their tokens, counted at the end."""

    def __init__(self, *requests: tuple[float, float, int]) -> None:
        self._requests = requests

    def page(self, time_s: float) -> str:
        done = sum(n for _, end_s, n in self._requests if end_s <= time_s)
        return llama(done, running=self.open_at(time_s))

    def open_at(self, time_s: float) -> int:
        return sum(begin_s <= time_s < end_s for begin_s, end_s, _ in self._requests)

    def energy_j(self, time_s: float) -> float:
        """A machine that draws more while requests run one after the other."""
        busy_s = sum(max(0.0, min(time_s, end) - begin) for begin, end, _ in self._requests)
        return IDLE_W * time_s + (BUSY_W - IDLE_W) * busy_s


def rig(
    folder: Path,
    page: PageAt,
    energy_j: Callable[[float], float] = lambda t: t,
    slow: tuple[float, float] = (0.0, 0.0),
) -> Rig:
    """A recording whose server keeps edges waiting in a stretch of time."""
    clock = ManualClock()
    package = ScriptedSource(clock, {Channel("package0", "J", in_total=True): energy_j})
    scraper = InlineScraper(clock, page)
    made = Rig(folder, clock, [package], servers=Servers([scraper]))
    for second in range(10):
        made.when(second + 0.5, scraper.step)
    made.when(slow[0], lambda: setattr(scraper, "is_slow", slow[1] > slow[0]))
    made.when(slow[1], lambda: setattr(scraper, "is_slow", False))
    made.inbox.happenings.sort(key=lambda item: item[0])
    return made


def summary_of(made: Rig) -> Summary:
    """The summary, which is that of the file alone."""
    found = summarise(made.recorder.reduction)
    assert summarise(reduce_csv(made.path)).to_dict() == found.to_dict()
    return found


def flags(made: Rig) -> list[tuple[str, str]]:
    return [(flag.name, flag.where) for flag in summary_of(made).flags]


def counted(made: Rig, name: str = "tokens_out") -> dict[str, int | None]:
    return {s.label: s.counted(name) for s in spans(made.recorder.reduction)}


def test_tokens_of_whole_requests_are_charged_for_their_energy(tmp_path: Path) -> None:
    """Three requests of 2 s and 128 tokens, cut by nobody: the edges came when none was open."""
    work = Requests((1.01, 3.0, 128), (3.0, 5.0, 128), (5.0, 7.0, 128), (8.0, 9.0, 50))
    made = rig(tmp_path, work.page, work.energy_j)
    made.at(1.0, do="begin", phase="running", label="c1", id=1)
    made.at(6.8, do="drain", since_ns=made.clock.start_ns + round(6.8e9))
    made.at(7.02, do="end", id=1)
    made.run(10.0)
    assert counted(made) == {"c1": 384}
    found = summary_of(made).running
    assert found is not None
    energy = found.domains["package0"].running_j
    assert energy is not None
    assert energy.value / 384 == pytest.approx(5.99 * BUSY_W / 384, rel=0.01)
    assert "counted_at_request_end" not in dict(flags(made))
    notes = [row.event for row in made.recorder.reduction.remarks if "drained" in row.event]
    assert notes == ["note:drained running c1: 0.22 s before its end"]


def test_an_edge_that_cuts_a_request_is_flagged(tmp_path: Path) -> None:
    work = Requests((1.0, 3.0, 128), (3.0, 5.0, 128))
    made = rig(tmp_path, work.page, work.energy_j)
    made.at(2.0, do="begin", phase="running", label="c1", id=1)
    made.at(6.0, do="end", id=1)
    made.run(7.0)
    assert ("counted_at_request_end", "running c1") in flags(made)
    (flag,) = (f for f in summary_of(made).flags if f.name == "counted_at_request_end")
    assert "1 request at its begin;" in flag.text


def test_warm_up_and_baselines_cut_no_tokens(tmp_path: Path) -> None:
    made = rig(tmp_path, Requests((0.0, 99.0, 1)).page)
    for number, name in enumerate(("idle", "armed", "warmup", "cooldown")):
        made.at(1.0 + number, do="begin", phase=name, id=number + 1)
        made.at(1.5 + number, do="end", id=number + 1)
    made.run(6.0)
    assert "counted_at_request_end" not in dict(flags(made))


def test_a_drain_tells_whether_to_wait_and_for_how_many(tmp_path: Path) -> None:
    made = rig(tmp_path, Requests((0.0, 2.0, 1)).page)
    since_ns = made.clock.now_ns
    made.at(1.0, do="drain", since_ns=since_ns)
    made.at(3.0, do="drain", since_ns=since_ns)
    made.run(4.0)
    first, second = (answer for answer in made.inbox.answers if "wait" in answer)
    assert (first["wait"], first["open"]) == (True, 1)
    assert (second["wait"], second["open"]) == (False, 0)


def test_counts_are_unknown_while_the_server_is_away_and_come_back(tmp_path: Path) -> None:
    """A phase with an edge in that time has none, the next one has its own."""
    made = rig(tmp_path, lambda t: None if 2.0 <= t < 4.0 else llama(int(100 * t)))
    for number, (label, begin_s, end_s) in enumerate(
        (("before", 1.0, 1.5), ("into", 1.6, 3.0), ("across", 3.5, 4.5), ("after", 5.0, 6.0))
    ):
        made.at(begin_s, do="begin", phase="running", label=label, id=number + 1)
        made.at(end_s, do="end", id=number + 1)
    rows = made.run(7.0)
    assert counted(made) == {"before": 50, "into": None, "across": None, "after": 100}
    cells = {row["event"] + row["label"]: row["count_tokens_out"] for row in rows if row["label"]}
    assert cells["endinto"] == cells["beginacross"] == ""
    assert cells["endacross"] == "450"
    assert "server_unread" in dict(flags(made))


def test_counts_that_come_too_late_for_an_edge_are_still_its_own(tmp_path: Path) -> None:
    """As of a server that is busy: its row has none, and a note has them, between two scrapes."""

    def page(time_s: float) -> str:
        return f"vllm:generation_tokens_total {int(100 * time_s)}\n"

    made = rig(tmp_path, page, slow=(1.8, 4.2))
    for number, (label, begin_s, end_s) in enumerate((("into", 1.0, 2.0), ("out", 3.0, 5.0))):
        made.at(begin_s, do="begin", phase="running", label=label, id=number + 1)
        made.at(end_s, do="end", id=number + 1)
    rows = made.run(6.0)
    cells = {row["event"] + row["label"]: row["count_tokens_out"] for row in rows if row["label"]}
    assert (cells["endinto"], cells["beginout"]) == ("", "")
    found = counted(made)
    assert found["into"] == pytest.approx(100, abs=2)
    assert found["out"] == pytest.approx(200, abs=2)
    notes = [row["event"] for row in rows if row["event"].startswith("note:server_counted ")]
    assert len(notes) == 2
    summary_of(made)


def test_a_count_is_never_negative_and_a_restart_is_flagged(tmp_path: Path) -> None:
    made = rig(tmp_path, lambda t: llama(int(100 * (t if t < 3.0 else t - 3.0))))
    made.at(1.0, do="begin", phase="running", label="c1", id=1)
    made.at(3.5, do="note", text="seen")
    made.at(5.0, do="end", id=1)
    rows = made.run(6.0)
    numbers = [int(row["count_tokens_out"]) for row in rows]
    assert numbers == sorted(numbers)
    # Of the 400 tokens, those between its last answer, a scrape before 3 s, and its end are lost.
    found = counted(made)["c1"]
    assert found is not None
    assert 300 <= found < 400
    assert "server_restarted" in dict(flags(made))


def loaded(folder: Path, note: str, other: int = 0) -> Rig:
    """A load of requests of 2 s and 200 tokens, one after the other from 1 s to 9 s, with a window
    from 2 s to 7.5 s; and what another client was given."""
    requests = [(float(t), t + 2.0, 200) for t in (1, 3, 5, 7)] + [(4.0, 5.5, other)] * bool(other)
    made = rig(folder, Requests(*requests).page)
    for number, (phase, begin_s) in enumerate(
        (("warmup", 1.0), ("running", 2.0), ("cooldown", 7.5))
    ):
        made.at(begin_s - 0.01, do="begin", phase=phase, label="c1", id=number + 1)
        made.at((2.0, 7.5, 9.1)[number] - 0.02, do="end", id=number + 1)
    made.at(8.9, do="count", n=4, of="requests")  # by the load, as the server has no such count
    made.at(9.2, do="note", text=note)
    made.run(9.5)
    return made


@pytest.mark.parametrize(
    ("note", "other", "taken"),
    [
        ("usage c1: tokens_out=550 of 800", 0, True),
        ("usage c1: tokens_out=550 of 800, requests=2 of 4", 0, True),
        ("usage c1: tokens_out=550 of 800, requests=2 of 5", 0, False),
        ("usage c1: tokens_out=550 of 800", 80, False),
        ("usage c1: tokens_out=550 of 700", 0, False),
        ("usage c2: tokens_out=550 of 800", 0, False),
        ("usage c1: whatever", 0, False),
    ],
)
def test_a_load_s_own_counts_are_taken_if_it_was_the_only_client(
    tmp_path: Path, note: str, other: int, taken: bool
) -> None:
    """The server counts three whole requests in the window."""
    made = loaded(tmp_path, note, other)
    running = {s.phase: s for s in spans(made.recorder.reduction)}["running"]
    assert running.counted("tokens_out") == (550 if taken else 600 + other)
    assert running.by_usage == taken
    assert (("counted_at_request_end", "running c1") in flags(made)) != taken


def rounded(tokens: float) -> str:
    """The page of a llama-server, which has six digits of each number."""
    return llama(0).replace("predicted_total 0", f"predicted_total {tokens:g}")


@pytest.mark.parametrize(
    ("before", "flagged"), [(900_000, False), (9_000_000, False), (90_000_000, True)]
)
def test_a_count_that_its_server_rounds_too_coarsely_is_flagged(
    tmp_path: Path, before: int, flagged: bool
) -> None:
    """4,000 tokens in steps of 1, 10 and 100: a step of 0.5 % is too much."""
    made = rig(tmp_path, lambda t: rounded(before + 1000 * t))
    made.at(1.0, do="begin", phase="running", label="c1", id=1)
    made.at(5.0, do="end", id=1)
    made.run(6.0)
    found = counted(made)["c1"]
    assert found is not None
    assert abs(found - 4000) <= (100 if flagged else 10)
    assert (("rounded_counts", "tokens_out") in flags(made)) == flagged


def test_what_programs_count_under_its_names_is_left_out_and_said(tmp_path: Path) -> None:
    made = rig(tmp_path, lambda t: llama(int(100 * t)))
    made.at(1.0, do="count", n=7, of="tokens_out")
    rows = made.run(2.0)
    assert rows[0]["count_tokens_out"] == "0"
    assert any(row["event"] == "note:counted_elsewhere tokens_out 7" for row in rows)


def test_a_phase_within_a_long_request_is_not_said_to_have_no_tokens(tmp_path: Path) -> None:
    """128 tokens are made for 20 s, and all counted at the end: what a cut counts is flagged."""
    made = rig(tmp_path, Requests((2.0, 22.0, 128)).page)
    made.at(5.0, do="begin", phase="running", label="cut", id=1)
    made.at(15.0, do="end", id=1)
    made.at(16.0, do="begin", phase="running", label="rest", id=2)
    made.at(23.0, do="end", id=2)
    rows = made.run(24.0)
    assert counted(made) == {"cut": 0, "rest": 128}
    (flag,) = (f for f in summary_of(made).flags if f.name == "counted_at_request_end")
    assert flag.where == "running cut, running rest"
    assert {row["requests_running"] for row in rows} >= {"1", ""}


def test_joules_per_token_are_unknown_where_a_phase_s_tokens_are(tmp_path: Path) -> None:
    """Its energy would be divided by the tokens of the others."""
    made = rig(tmp_path, lambda t: None if 2.5 <= t < 3.5 else llama(int(100 * t)))
    for number, (label, begin_s, end_s) in enumerate(
        (("a", 1.0, 2.0), ("a", 3.0, 4.0), ("b", 5.0, 6.0))
    ):
        made.at(begin_s, do="begin", phase="running", label=label, id=number + 1)
        made.at(end_s, do="end", id=number + 1)
    made.run(7.0)
    found = summary_of(made)
    a, b = (group.counts["tokens_out"] for group in found.labels)
    assert (a.count, b.count) == (None, 100)
    assert a.domains["package0"].total_j is None
    each = b.domains["package0"].total_j
    assert each is not None
    assert each.value == pytest.approx(0.01, rel=0.01)
    assert found.running is not None
    assert found.running.counts["tokens_out"].domains["package0"].total_j is None


def test_what_only_one_of_two_servers_counts_is_no_count_of_both() -> None:
    """llama-server counts no requests: those of vLLM are not what its energy was used for too."""
    made = "vllm:generation_tokens_total {0}\nvllm:request_success_total {0}\n"
    clock = ManualClock()
    scrapers = [
        InlineScraper(clock, lambda time_s: made.format(round(time_s * 10))),
        InlineScraper(clock, lambda time_s: llama(round(time_s * 4))),
    ]
    servers = Servers(scrapers)
    clock.now_ns += 10**9
    servers.read_now()
    assert servers.totals() == {"tokens_out": 14}
