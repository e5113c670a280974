"""The counters of each server's pages: names, sums, ranks, caches, and pages of something else."""

from __future__ import annotations

import re

import pytest

from recorders.meters.meter import SpecError, UnreadableError
from recorders.servers.specs import parse_server, parse_servers
from tests.support import servers

pytest.importorskip("prometheus_client", reason="no prometheus-client: wattui[tokens]")
from recorders.servers.epochs import Epochs
from recorders.servers.pages import Page, read_page


def counted(text: str, choices: str = "") -> dict[str, int]:
    """The counts of a page whose counters were all at 0 when the recording began."""
    spec = parse_server(f"http://h:1/metrics{choices}")
    page = read_page(text.encode(), {}, spec.choices)
    epochs = Epochs()
    epochs.take(Page(page.server, page.counts, {}, born=page.born))
    epochs.take(page)
    return dict(epochs.totals(page))


@pytest.mark.parametrize(
    ("text", "server", "counts", "running", "waiting", "at_end"),
    [
        (
            servers.VLLM_V0,
            "vLLM",
            {"tokens_out": 27453, "tokens_in": 8000, "requests": 141},
            3,
            1,
            [],
        ),
        (
            servers.VLLM_DP,
            "vLLM",
            {"tokens_out": 820, "tokens_in": 1600, "tokens_cached": 400, "requests": 5},
            7,
            2,
            [],
        ),
        (
            servers.VLLM_SOURCES,
            "vLLM",
            {"tokens_out": 820, "tokens_in": 1601, "tokens_cached": 400, "requests": 5},
            7,
            2,
            [],
        ),
        (
            servers.llama(789, 1, 1234),
            "llama-server",
            {"tokens_out": 789, "tokens_in": 1234, "prefill_ms": 5600, "decode_ms": 8400},
            1,
            0,
            ["tokens_out", "decode_ms"],
        ),
        (
            servers.llama(789, 0, 1234, 3) + servers.LLAMA_CACHED,
            "llama-server",
            {
                "tokens_out": 789,
                "tokens_in": 1234,
                "tokens_cached": 19425,
                "prefill_ms": 5600,
                "decode_ms": 8400,
            },
            0,
            3,
            ["tokens_out", "decode_ms"],
        ),
        (
            servers.LLAMA_0_5,
            "llama-server",
            {
                "tokens_out": 340,
                "tokens_in": 1_031_400,
                "tokens_cached": 1276,
                "prefill_ms": 329_971,
                "decode_ms": 3,
            },
            0,
            0,
            ["tokens_out", "decode_ms"],
        ),
        (
            servers.SGLANG_OLD,
            "SGLang",
            {"tokens_out": 7557572, "tokens_in": 8128902},
            161,
            2826,
            ["tokens_out", "tokens_in"],
        ),
        (
            servers.SGLANG_DP,
            "SGLang",
            {"tokens_out": 300, "tokens_in": 971400, "tokens_cached": 3829888, "requests": 4},
            9,
            0,
            [],
        ),
        (
            servers.SGLANG_DP.replace("sglang_", "sglang:"),
            "SGLang",
            {"tokens_out": 300, "tokens_in": 971400, "tokens_cached": 3829888, "requests": 4},
            9,
            0,
            [],
        ),
        (
            servers.TGI,
            "TGI",
            {
                "tokens_out": 480,
                "tokens_in": 1250,
                "requests": 4,
                "prefill_ms": 500,
                "decode_ms": 7500,
            },
            2,
            1,
            ["tokens_out"],
        ),
        (
            servers.TRTLLM,
            "TensorRT-LLM",
            {"tokens_out": 896, "tokens_in": 1350, "tokens_cached": 450, "requests": 7},
            6,
            0,
            ["tokens_out", "tokens_in", "tokens_cached"],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_each_server_is_told_by_its_metrics(
    text: str,
    server: str,
    counts: dict[str, int],
    running: int,
    waiting: int,
    at_end: list[str],
) -> None:
    page = read_page(text.encode())
    assert (page.server, page.running, page.waiting) == (server, running, waiting)
    assert counted(text) == counts
    assert page.at_end == at_end


@pytest.mark.parametrize(
    ("shown", "step"),
    [("123456", None), ("1.23457e+06", 10), ("1.23457e+08", 1000), ("1e+06", 10)],
)
def test_a_number_with_six_digits_is_known_to_be_rounded(shown: str, step: int | None) -> None:
    page = read_page(
        servers.llama(7).replace("predicted_total 7", f"predicted_total {shown}").encode()
    )
    assert page.steps.get("tokens_out") == step


def test_a_llama_server_rounds_a_million_tokens_to_ten() -> None:
    assert read_page(servers.LLAMA_0_5.encode()).steps == {"tokens_in": 10}


def test_a_server_that_writes_all_digits_rounds_nothing() -> None:
    page = read_page(b"vllm:generation_tokens_total 1.234567e+08\n")
    assert page.steps == {}


def test_a_server_without_a_request_yet_has_made_no_token() -> None:
    """Counters of several processes appear with the first request."""
    early = "# TYPE sglang:num_running_reqs gauge\nsglang:num_running_reqs 0.0\n"
    epochs = Epochs()
    page = read_page(early.encode())
    epochs.take(page)
    assert epochs.totals(page) == {"tokens_out": 0}
    later = read_page(servers.SGLANG_OLD.encode())
    assert not epochs.take(later)
    assert epochs.totals(later)["tokens_out"] == 7557572


@pytest.mark.parametrize(
    ("choices", "counts"),
    [
        ("#exo_generation_tokens_total", {"exo_generation_tokens": 42}),
        ("#tokens_out=exo_generation_tokens_total", {"tokens_out": 42}),
        ('#tokens_out=exo_generation_tokens_total{instance_id="2"}', {"tokens_out": 2}),
        (
            "#a=exo_generation_tokens_total{instance_id=1}&b=exo_generation_tokens_total",
            {"a": 40, "b": 42},
        ),
    ],
)
def test_any_counter_can_be_chosen(choices: str, counts: dict[str, int]) -> None:
    assert counted(servers.OTHER, choices) == counts


def test_a_chosen_counter_of_a_known_server_keeps_when_it_moves() -> None:
    choices = parse_server("h:1#tokens_out=sglang:generation_tokens_total").choices
    page = read_page(servers.SGLANG_OLD.encode(), {}, choices)
    assert page.at_end == ["tokens_out"]
    assert page.running == 161


@pytest.mark.parametrize(
    ("text", "choices", "why"),
    [
        (servers.OTHER, "", "no counter of a known server: fix: .*#exo_generation_tokens_total"),
        (servers.OTHER, "#no_such_total", "has no no_such_total: fix: .*exo_generation"),
        ("<!DOCTYPE html><html>Hi {x} there", "", "not metrics: '<!DOCTYPE html>.*fix: "),
        ('[{"cpuMemUsage": 0, "numActiveRequests": 1}]', "", "JSON: fix: .*/prometheus/metrics"),
        ("", "", "not metrics: 'nothing': fix: "),
        ("\x00\xff\xfe garbage", "", "fix: "),
        ("vllm:generation_tokens_total NaN\n", "", "vllm:generation_tokens_total is nan"),
        ("vllm:generation_tokens_total -1\n", "", "is -1"),
        ("vllm:generation_tokens_total one\n", "", "cannot be read"),
        ('vllm:generation_tokens_total{engine="0" 4\n', "", "cannot be read"),
    ],
)
def test_a_page_of_something_else_says_what_to_do(text: str, choices: str, why: str) -> None:
    with pytest.raises(UnreadableError, match=why) as raised:
        counted(text, choices)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000/metrics"),
        ("http://h:8000/", "http://h:8000/metrics"),
        ("https://h/prometheus/metrics", "https://h/prometheus/metrics"),
        ("http://h:8000/metrics?model=secret", "http://h:8000/metrics"),
    ],
)
def test_the_page_is_metrics_unless_it_is_named(text: str, page: str) -> None:
    assert parse_server(text).shown == page


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("h/metrics?model=a", "/metrics?model=a&autoload=false"),
        ("h/metrics?model=a&autoload=true", "/metrics?model=a&autoload=true"),
        ("h/metrics?key=model", "/metrics?key=model"),
    ],
)
def test_to_read_the_metrics_of_one_of_several_models_loads_none(text: str, target: str) -> None:
    assert parse_server(text).address.target == target


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["http://me:secret@h:1"], "user or password.*WATTUI_TOKENS_USER"),
        (["ftp://h"], "fix: write it as http://127.0.0.1:8000/metrics"),
        (["http://h#"], "not a counter"),
        (["http://h#Bad Name=x"], "fix: name it, as in #tokens_out=x"),
        (["http://h#9"], "not a counter"),
        (["http://h#a=x&a=y"], "two counters are named a"),
        (["http://h:1", "h:1/metrics"], "given twice"),
    ],
)
def test_a_wrong_address_is_refused_in_a_line(texts: list[str], why: str) -> None:
    with pytest.raises(SpecError, match=why) as raised:
        parse_servers(texts)
    assert "secret" not in str(raised.value)
    assert not re.search("\n", str(raised.value))


def test_a_page_cut_off_within_a_number_is_not_read() -> None:
    """123456 cut to 1234 would be a restart, and the next page 122,222 tokens that nobody made."""
    body = b"vllm:generation_tokens_total 1234"
    with pytest.raises(UnreadableError, match="cut off"):
        read_page(body, {"content-type": "text/plain"})
    whole = ({"content-length": "33"}, body), ({"transfer-encoding": "chunked"}, body)
    for headers, page in (*whole, ({}, body + b"\n")):
        assert list(read_page(page, headers).counters.values()) == [1234]
