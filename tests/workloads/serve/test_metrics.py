"""Metrics: each server's names, moving when that server's move."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from threading import Thread

import pytest

from tests.support.language_server import Stepped, serving
from tests.support.servers import LLAMA_0_5
from workloads.serve.counters import Counters
from workloads.serve.dialects import DIALECTS, LLAMA_WITHOUT_METRICS

PROMPT = "a prompt of 24 tokens..."
VLLM = '{engine="0",model_name="gpt"}'


def _until(true: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline_s
        time.sleep(0.002)


class _Midway:
    """A request for 60 tokens that has got 50 of them."""

    def __init__(self, dialect: str, path: str = "/metrics") -> None:
        self.engine = Stepped()
        self._dialect, self._path = dialect, path

    def __enter__(self) -> _Midway:
        self._serving = serving(self._dialect, self.engine)
        self.client = self._serving.__enter__()
        body = {"prompt": PROMPT, "max_tokens": 60}
        self._request = Thread(target=self.client.text, args=("/v1/completions", body))
        self._request.start()
        self.engine.steps.release(50)
        _until(lambda: self.client.scheduler.counters.now.generated == 50)
        return self

    def samples(self) -> dict[str, float]:
        return self.client.samples(self._path)

    def end(self) -> dict[str, float]:
        self.engine.steps.release(10)
        self._request.join()
        return self.samples()

    def __exit__(self, *_: object) -> None:
        self.engine.steps.release(100)
        self._request.join()
        self._serving.__exit__(None, None, None)


@pytest.fixture
def midway() -> Iterator[Callable[..., _Midway]]:
    open_: list[_Midway] = []

    def make(dialect: str, path: str = "/metrics") -> _Midway:
        open_.append(_Midway(dialect, path))
        return open_[-1].__enter__()

    yield make
    for each in open_:
        each.__exit__()


def test_vllm_counts_at_every_step(midway: Callable[..., _Midway]) -> None:
    half = midway("vllm")
    samples = half.samples()
    assert samples[f"vllm:generation_tokens_total{VLLM}"] == 50
    assert samples[f"vllm:prompt_tokens_total{VLLM}"] == 24
    assert samples[f"vllm:num_requests_running{VLLM}"] == 1
    assert f"vllm:generation_tokens_created{VLLM}" in samples
    samples = half.end()
    assert samples[f"vllm:generation_tokens_total{VLLM}"] == 60
    assert samples[f"vllm:num_requests_running{VLLM}"] == 0


def test_llama_server_counts_answers_at_their_ends(midway: Callable[..., _Midway]) -> None:
    half = midway("llama")
    samples = half.samples()
    assert samples["llamacpp:tokens_predicted_total"] == 0
    assert samples["llamacpp:prompt_tokens_total"] == 24
    assert samples["llamacpp:requests_processing"] == 1
    samples = half.end()
    assert samples["llamacpp:tokens_predicted_total"] == 60
    assert samples["llamacpp:tokens_predicted_seconds_total"] > 0


def test_llama_server_s_page_is_that_of_a_real_one() -> None:
    """Its metrics and their kinds, in its order but for gauges; and its six digits."""
    counters = Counters()
    counters.count_prompt(0, 1_234_567, 0, 1.0)
    page = DIALECTS["llama"]["/metrics"](counters, "m").text
    kinds = [
        {line for line in text.splitlines() if line.startswith("# TYPE")}
        for text in (page, LLAMA_0_5)
    ]
    assert kinds[0] == kinds[1]
    assert "\nllamacpp:prompt_tokens_total 1.23457e+06\n" in page


@pytest.mark.parametrize(("dialect", "prefix"), [("sglang", "sglang:"), ("sglang_", "sglang_")])
def test_sglang_counts_at_the_end_and_in_real_time(
    midway: Callable[..., _Midway], dialect: str, prefix: str
) -> None:
    half = midway(dialect)
    samples = half.samples()
    model = 'model_name="gpt",engine_type="unified"'
    whole = f"{prefix}generation_tokens_total{{{model}}}"
    ranks = [
        f'{prefix}realtime_tokens_total{{{model},tp_rank="{tp}",pp_rank="0",dp_rank="{dp}",'
        'mode="decode"}'
        for tp, dp in ((0, 0), (1, 0), (0, 1), (1, 1))
    ]
    # The first token comes from the prompt's step, which is no step of decoding.
    assert samples[whole] == 0
    assert [samples[rank] for rank in ranks] == [49, 49, 0, 0]
    samples = half.end()
    assert samples[whole] == 60
    assert [samples[rank] for rank in ranks] == [59, 59, 0, 0]


def test_tgi_counts_at_the_end_but_its_steps_at_once(midway: Callable[..., _Midway]) -> None:
    half = midway("tgi")
    samples = half.samples()
    assert samples["tgi_request_generated_tokens_sum"] == 0
    assert samples["tgi_request_input_length_sum"] == 24
    assert samples['tgi_batch_forward_duration_count{method="decode"}'] == 49
    assert samples["tgi_batch_current_size"] == 1
    samples = half.end()
    assert samples["tgi_request_generated_tokens_sum"] == 60
    assert samples['tgi_request_generated_tokens_bucket{le="64.0"}'] == 1
    assert samples['tgi_request_generated_tokens_bucket{le="16.0"}'] == 0


def test_tensorrt_has_two_pages(midway: Callable[..., _Midway]) -> None:
    half = midway("tensorrt", "/prometheus/metrics")
    labels = '{model_name="gpt",engine_type="trtllm"}'
    assert half.samples()[f"trtllm_generation_tokens_total{labels}"] == 0
    assert half.client.json("/metrics")[0]["numActiveRequests"] == 1
    assert half.end()[f"trtllm_generation_tokens_total{labels}"] == 60


def test_a_server_without_metrics_says_so() -> None:
    with serving("ollama") as client, client.open("/metrics") as response:
        assert response.status == 404
    with serving(LLAMA_WITHOUT_METRICS) as client, client.open("/metrics") as response:
        assert response.status == 501
        assert "Start it with `--metrics`" in json.loads(response.read())["error"]["message"]


def test_requests_beyond_the_slots_wait() -> None:
    engine = Stepped()
    with serving(engine=engine, slots=1) as client:
        body = {"prompt": PROMPT, "max_tokens": 2}
        threads = [Thread(target=client.text, args=("/v1/completions", body)) for _ in range(3)]
        for each in threads:
            each.start()
        counters = client.scheduler.counters
        _until(lambda: (counters.running, counters.waiting) == (1, 2))
        engine.steps.release(6)
        for each in threads:
            each.join()
        assert (counters.running, counters.waiting, counters.ended.generated) == (0, 0, 6)


def test_a_request_whose_client_has_gone_is_aborted() -> None:
    engine = Stepped()
    with serving(engine=engine) as client:
        body = {"prompt": PROMPT, "max_tokens": 1000, "stream": True}
        response = client.open("/v1/completions", body)
        engine.steps.release(1)
        response.readline()
        response.close()
        counters = client.scheduler.counters

        def ended() -> bool:
            engine.steps.release(1)
            return counters.running == 0

        _until(ended)
        assert counters.finished["abort"] == 1


def test_a_rate_gives_each_request_its_own_tokens_at_it() -> None:
    with serving(step_s=0.01) as client:
        body = {"prompt": PROMPT, "max_tokens": 20, "ignore_eos": True}
        begun_s = time.monotonic()
        threads = [Thread(target=client.text, args=("/v1/completions", body)) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert time.monotonic() - begun_s > 0.15
        assert client.scheduler.counters.decode_steps < 4 * 19
