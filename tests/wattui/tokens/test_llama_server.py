"""A real llama-server: what it counts and when, and the commands on it as a user gives them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from recorders.meters.meter import Access
from recorders.servers.scraper import Scrape, Scraper
from recorders.servers.specs import KIND, parse_server
from tests.support.llama_server import (
    MISSING,
    PACKAGE,
    PROGRAM,
    LlamaServer,
    serving,
    serving_model,
)
from wattui import cli

pytestmark = [
    pytest.mark.needs_tokens,
    pytest.mark.needs_workloads,
    pytest.mark.slow,
    pytest.mark.skipif(not (PROGRAM or PACKAGE), reason=MISSING),
]

LONG = 20_000
DEADLINE_S = 30.0


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.support.gguf import write_model

    return write_model(tmp_path_factory.mktemp("model") / "tiny.gguf")


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[LlamaServer]:
    with serving_model(model) as started:
        yield started


def scraper_of(url: str) -> Scraper:
    return Scraper(parse_server(url), Access("", {}, kind=KIND))


def scraped(scraper: Scraper) -> Scrape:
    """What the server says now."""
    scraper.step()
    assert scraper.last is not None, scraper.why
    return scraper.last


def at_rest(scraper: Scraper) -> Scrape:
    """What the server says once no request is at work."""
    deadline_s = time.monotonic() + DEADLINE_S
    while (said := scraped(scraper)).open_requests:
        assert time.monotonic() < deadline_s, said
        time.sleep(0.02)
    return said


def test_its_counts_are_those_of_the_usage_of_its_answers(server: LlamaServer) -> None:
    scraper = scraper_of(server.url)
    before = at_rest(scraper).totals
    assert scraper.server == "llama-server"
    usages = [server.complete(text, n) for text, n in (("one", 7), ("another one", 40))]
    again = server.complete("another one" * 20, 3), server.complete("another one" * 20, 3)
    grown = {name: n - before[name] for name, n in at_rest(scraper).totals.items()}
    everything = [*usages, *again]
    cached = [usage["prompt_tokens_details"]["cached_tokens"] for usage in everything]
    assert cached[-1] > 0
    assert grown["tokens_out"] == sum(usage["completion_tokens"] for usage in everything) == 53
    assert grown["tokens_cached"] == sum(cached)
    assert grown["tokens_in"] == sum(u["prompt_tokens"] for u in everything) - sum(cached)
    assert grown["decode_ms"] > 0


def test_it_counts_an_answer_s_tokens_when_its_request_ends(server: LlamaServer) -> None:
    """Also of one that its client gives up: they were computed."""
    scraper = scraper_of(server.url)
    before = at_rest(scraper)
    wish = {"prompt": "long", "max_tokens": LONG, "ignore_eos": True, "stream": True}
    with server.open("/v1/completions", wish) as answer:
        for _ in range(200):
            answer.readline()
        during = scraped(scraper)
    after = at_rest(scraper)
    assert during.open_requests == 1
    assert set(during.at_end) == {"tokens_out", "decode_ms"}
    assert during.totals["tokens_in"] > before.totals["tokens_in"]
    assert during.totals["tokens_out"] == before.totals["tokens_out"]
    assert 50 < after.totals["tokens_out"] - before.totals["tokens_out"] < LONG


def test_without_metrics_it_says_how_to_switch_them_on(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving_model(model, metrics=False) as silent:
        assert cli.main(["tokens", "check", silent.url]) == 0
    models, metrics = capsys.readouterr().out.splitlines()
    assert models == "models: tiny"
    assert metrics.endswith("answers 501: fix: start llama-server with --metrics")


def test_a_restart_loses_nothing_that_was_counted(model: Path) -> None:
    with serving_model(model) as first:
        scraper = scraper_of(first.url)
        scraped(scraper)
        first.complete("before", 30)
        assert at_rest(scraper).totals["tokens_out"] == 30
    scraper.step()
    assert "fix: start the server" in scraper.why
    with serving_model(model, port=first.port) as second:
        second.complete("after", 50)  # more than before: no counter falls
        assert at_rest(scraper).totals["tokens_out"] == 80
    assert scraper.restarts == 1


def test_the_proxy_counts_what_the_server_counts(server: LlamaServer) -> None:
    """Under a load of `wattui tokens bench`, with streams of which it asks the usage."""
    scraper = scraper_of(server.url)
    before = at_rest(scraper).totals
    wattui = [sys.executable, "-m", "wattui", "tokens"]
    argv = [*wattui, "proxy", "--listen", "127.0.0.1:0", "--to", server.url]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdout=pipe, stderr=pipe, text=True) as proxy:
        try:
            assert proxy.stdout is not None
            address = proxy.stdout.readline().split()[-1]
            load = [*wattui, "bench", address, "--prompts", "synthetic:40/30", "--json"]
            load += ["--concurrency", "2", "--seconds", "1", "--armed", "0"]
            done = subprocess.run(load, capture_output=True, text=True, check=False, timeout=60)
            assert done.returncode == 0, done.stderr
        finally:
            proxy.terminate()
            said = proxy.communicate(timeout=DEADLINE_S)[1]
    grown = {name: n - before[name] for name, n in at_rest(scraper).totals.items()}
    out, computed, cached = (grown[f"tokens_{name}"] for name in ("out", "in", "cached"))
    assert f"tokens: {out:,} out, {computed:,} in and {cached:,} cached;" in said
    [stated] = json.loads(done.stdout)["loads"]
    assert stated["failed"] == 0
    assert 0 < stated["tokens_out"] <= grown["tokens_out"]
    assert stated["prefill_s"] > 0
    assert stated["decode_s"] > 0


@pytest.mark.quiet
def test_a_recorded_bench_has_the_tokens_of_its_windows(
    server: LlamaServer, tmp_path: Path
) -> None:
    """And not those of the whole requests that the server counted in them, though it is read."""
    wattui = [sys.executable, "-m", "wattui"]
    load = [*wattui, "tokens", "bench", server.url, "--concurrency", "1,3", "--seconds", "1"]
    load += ["--prompts", "synthetic:40/400", "--armed", "0.5", "--json"]
    path = tmp_path / "llm.csv"
    argv = [*wattui, "--headless", "--csv", str(path), "--tokens", server.url]
    argv += ["--idle", "0", "--simulate", "--", *load]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    stated = {each["label"]: each["tokens_out"] for each in json.loads(done.stdout)["loads"]}
    summary = json.loads(path.with_suffix(".json").read_text())["summary"]
    counted = {g["label"]: g["counts"]["tokens_out"]["count"] for g in summary["labels"]}
    assert counted == stated
    assert "counted_at_request_end" not in {flag["name"] for flag in summary["flags"]}


def test_a_second_bench_finds_none_of_its_prompts_in_the_server_s_cache(
    server: LlamaServer, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["tokens", "bench", server.url, "--prompts", "synthetic:300/8", "--json"]
    argv += ["--concurrency", "1", "--seconds", "0.5", "--armed", "0"]
    for _ in range(2):
        assert cli.main(argv) == 0
        [load] = json.loads(capsys.readouterr().out)["loads"]
        assert load["tokens_cached"] < 0.1 * load["tokens_in"]


@pytest.mark.skipif(not PROGRAM, reason="no llama-server on the PATH")
def test_reading_the_metrics_of_one_of_several_models_loads_none(model: Path) -> None:
    """Reading would otherwise load it, and keep its power in the idle baseline."""
    with serving(["--models-dir", str(model.parent), "--metrics"]) as router:
        nameless = scraper_of(router.url)
        nameless.step()
        assert "fix: add ?model=NAME to the address" in nameless.why
        unknown = scraper_of(f"{router.url}/metrics?model=other")
        unknown.step()
        assert "fix: name one of those that wattui tokens check" in unknown.why
        scraper = scraper_of(f"{router.url}/metrics?model=tiny")
        scraper.step()
        assert "fix: load it, with a request for example" in scraper.why
        with router.open("/v1/models") as answer:
            [listed] = json.load(answer)["data"]
        assert listed["status"]["value"] == "unloaded"
        router.complete("load", 5)
        before = at_rest(scraper).totals
        router.complete("count", 9)
        assert at_rest(scraper).totals["tokens_out"] - before["tokens_out"] == 9
