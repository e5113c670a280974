"""A server that refuses, hangs, dies, restarts or says something else: a line with the fix each."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping

import pytest

from recorders.meters.meter import Access
from recorders.servers.specs import parse_server
from recorders.summary.served import server_flags
from tests.support import servers
from tests.support.doubles import event, reduction
from tests.support.meters import Plug, plug

pytest.importorskip("prometheus_client", reason="no prometheus-client: wattui[tokens]")
from recorders.servers import scraper as scraper_module
from recorders.servers.scraper import Scraper
from recorders.servers.source import Servers

Reply = tuple[int, Mapping[str, str], bytes]


@pytest.fixture
def device() -> Iterator[Plug]:
    with plug() as found:
        yield found


def scraper(device: Plug, environ: Mapping[str, str] | None = None) -> Scraper:
    return Scraper(parse_server(device.host), Access("", environ or {}, kind="tokens"))


def replying(device: Plug, *replies: Reply) -> None:
    """Give these answers in turn, the last one for ever."""
    left = list(replies)
    device.answer = lambda path, headers: left.pop(0) if len(left) > 1 else left[0]


def page(text: str, headers: Mapping[str, str] | None = None) -> Reply:
    return 200, headers or {}, text.encode()


NO_METRICS = b'{"error":{"code":501,"message":"This server does not support metrics endpoint."}}'


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ((501, {}, NO_METRICS), "/metrics answers 501: fix: start llama-server with --metrics"),
        ((404, {}, b"404 page not found"), "answers 404: fix: .*--enable-metrics.*Ollama.*proxy"),
        ((400, {}, b'{"error":{"message":"model name is missing"}}'), "fix: add ?model=NAME"),
        ((401, {"WWW-Authenticate": "Bearer"}, b""), "fix: set .*WATTUI_TOKENS_TOKEN"),
        ((403, {}, b"no"), "answers 403: fix: set WATTUI_TOKENS_TOKEN"),
        ((503, {}, b'{"error":"Loading model"}'), "answers 503: fix: check"),
        ((302, {"Location": "http://192.0.2.1/"}, b""), "another host, 192.0.2.1:80: .*fix: "),
        (page("<html>hello</html>"), "not metrics: '<html>hello</html>': fix: "),
        (page('{"object":"list"}'), "the answer is JSON: fix: "),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, tuple) else "",
)
def test_a_refusal_is_one_line_with_the_fix(device: Plug, reply: Reply, why: str) -> None:
    import re

    replying(device, reply)
    found = scraper(device)
    found.step()
    assert re.search(why.replace("?", r"\?"), found.why), found.why
    assert "\n" not in found.why
    assert found.last is None
    assert found.notes() == [f"server_unread {found.why}"]
    found.step()
    assert found.notes() == []


def test_a_redirect_of_the_same_server_is_followed(device: Plug) -> None:
    """As that of a page mounted at /metrics/."""
    replying(device, (307, {"Location": "/metrics/"}, b""), page(servers.VLLM_DP))
    found = scraper(device)
    found.step()
    assert found.last is not None
    assert [path for path, _ in device.asked] == ["/metrics", "/metrics/"]


def test_a_server_with_a_key_is_asked_with_it(device: Plug) -> None:
    replying(device, page(servers.TGI))
    found = scraper(device, {"WATTUI_TOKENS_TOKEN": "sk-1"})
    found.step()
    assert device.asked[0][1]["Authorization"] == "Bearer sk-1"


def test_no_server_is_a_line_with_the_fix() -> None:
    with plug() as device:
        pass
    found = scraper(device)
    found.step()
    assert found.why.endswith("Connection refused: fix: start the server, or check the address")


def test_counts_are_unknown_while_a_server_is_away_and_come_back(device: Plug) -> None:
    away = (503, {}, b"")
    replying(
        device,
        page(servers.llama(100)),
        page(servers.llama(150)),
        away,
        away,
        page(servers.llama(400)),
    )
    found = scraper(device)
    all_of_them = Servers([found])
    seen = []
    for _ in range(5):
        found.step()
        seen.append(all_of_them.totals().get("tokens_out"))
    assert seen == [0, 50, None, None, 300]
    notes = [note.partition(" ")[0] for note in found.notes()]
    assert notes == ["server_counts", "server_unread", "server_answers"]


def test_a_restart_is_noted_with_what_may_be_lost(device: Plug) -> None:
    replying(device, page(servers.llama(100)), page(servers.llama(160)), page(servers.llama(5)))
    found = scraper(device)
    for _ in range(3):
        found.step()
    assert found.last is not None
    assert found.last.totals["tokens_out"] == 65
    note = found.notes()[-1]
    assert note.startswith(f"server_restarted http://{device.host}/metrics: what it counted in the")
    assert found.restarts == 1


def test_a_restart_is_known_by_the_header_of_its_start(device: Plug) -> None:
    born = {"Process-Start-Time-Unix": "1"}, {"Process-Start-Time-Unix": "2"}
    replying(device, page(servers.llama(100), born[0]), page(servers.llama(160), born[1]))
    found = scraper(device)
    for _ in range(2):
        found.step()
    assert found.last is not None
    assert found.last.totals["tokens_out"] == 160


def test_it_notes_what_is_counted_and_when(device: Plug) -> None:
    replying(device, page(servers.llama(1)))
    found = scraper(device)
    found.step()
    assert found.notes() == [
        f"server_counts http://{device.host}/metrics: llama-server counts tokens_out tokens_in "
        "prefill_ms decode_ms; at a request's end: tokens_out decode_ms"
    ]


def test_a_label_that_nothing_has_is_said_until_something_has_it(device: Plug) -> None:
    metric = "vllm:request_success_total"
    replying(
        device,
        page(f'{metric}{{finished_reason="stop"}} 5\n'),
        page(f'{metric}{{finished_reason="stop"}} 5\n{metric}{{finished_reason="length"}} 2\n'),
    )
    spec = parse_server(f'{device.host}#cut={metric}{{finished_reason="length"}}')
    found = Scraper(spec, Access("", {}, kind="tokens"))
    found.step()
    assert found.unseen == ["cut"]
    first = found.notes()
    assert first == [f"server_counts {spec.shown}: vLLM counts cut; no series of: cut"]
    found.step()
    assert found.last is not None
    assert (found.last.totals, found.unseen) == ({"cut": 2}, [])
    (second,) = found.notes()
    assert second == f"server_counts {spec.shown}: vLLM counts cut"
    rows = [event(place, f"note:{note}") for place, note in enumerate((*first, second))]
    (flag,) = server_flags(reduction(rows[:1], []))
    assert (flag.name, flag.where) == ("no_series", "cut")
    assert list(server_flags(reduction(rows, []))) == []


def test_two_servers_are_added_and_one_that_is_away_makes_the_sum_unknown(device: Plug) -> None:
    replying(device, page(servers.llama(0, running=1)), page(servers.llama(10, running=2)))
    with plug() as other:
        replying(other, page(servers.TGI), (503, {}, b""))
        both = [scraper(device), scraper(other)]
        together = Servers(both)
        for each in both:
            each.step()
        assert together.totals()["tokens_out"] == 0
        assert [(r.channel, r.value) for r in together.read()] == [(0, 3.0), (1, 1.0)]
        assert together.read() == []
        for each in both:
            each.step()
        # The requests finished are those of the one that counts them, and are unknown with it.
        assert together.totals() == {}
        assert together.read() == []


@contextlib.contextmanager
def running(*scrapers: Scraper) -> Iterator[Servers]:
    together = Servers(scrapers)
    for each in scrapers:
        each.start()
    try:
        yield together
    finally:
        together.close()


def test_an_edge_gets_the_counts_of_its_moment(
    device: Plug, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not those of the last scrape, which may be a second old."""
    monkeypatch.setattr(scraper_module, "PERIOD_S", 3600.0)
    monkeypatch.setattr(scraper_module, "EDGE_S", 30.0)
    monkeypatch.setattr("recorders.servers.source.EDGE_S", 30.0)
    shown = [7]
    device.answer = lambda path, headers: page(servers.llama(shown[0]))
    with running(scraper(device)) as together:
        together.read_now()
        assert set(together.totals().values()) == {0}
        shown[0] = 107
        assert together.totals()["tokens_out"] == 0
        together.read_now()
        assert together.totals()["tokens_out"] == 100
        last = together.scrapers[0].last
        assert last is not None
        assert last.asked_ns <= last.time_ns <= time.monotonic_ns()


def test_an_edge_does_not_wait_long_for_a_server_that_hangs(
    device: Plug, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its counts are unknown there, and an edge soon after does not wait for it again."""
    monkeypatch.setattr(scraper_module, "EDGE_S", 0.05)
    monkeypatch.setattr("recorders.servers.source.EDGE_S", 0.05)
    hangs, goes_on = threading.Event(), threading.Event()

    def answer(path: str, headers: Mapping[str, str]) -> Reply:
        if hangs.is_set():
            goes_on.wait(60)
        return page(servers.llama(1))

    device.answer = answer
    with running(scraper(device)) as together:
        one = together.scrapers[0]
        assert one.wait(1, time.monotonic() + 60)
        hangs.set()
        together.read_now()
        assert together.totals() == {}
        assert "keeps an edge waiting" in one.why
        time.sleep(0.06)
        assert not one.wait(one.ask(), time.monotonic() + 3600)
        goes_on.set()


def test_an_edge_waits_for_requests_of_servers_that_count_at_their_end(device: Plug) -> None:
    shown = [page(servers.llama(0, running=1, waiting=2))]
    device.answer = lambda path, headers: shown[0]
    one = scraper(device)
    together = Servers([one])
    assert together.wait_for(0) == (False, None)
    one.step()
    assert together.open_at_end == 3
    assert together.wait_for(0) == (True, 3)
    assert together.wait_for(time.monotonic_ns()) == (True, None)
    shown[0] = page(servers.llama(128))
    one.step()
    assert together.wait_for(0) == (False, 0)
    shown[0] = page(servers.VLLM_DP)
    one.step()
    assert together.open_at_end == 0
    assert together.wait_for(0) == (False, None)
