"""Pages of metrics with the names and labels of each server.

Sources: vLLM 0.33.0 (vllm/v1/metrics/loggers.py), llama.cpp tools/server/server-task.cpp, SGLang
0.5.23 (srt/observability/metrics_collector.py), TGI's reference/metrics, and
tensorrt_llm/metrics/collector.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from workloads.serve.counters import Counters, Finish, Histogram

TEXT = "text/plain; version=0.0.4; charset=utf-8"
JSON = "application/json"
# Prometheus' Python client adds the time at which a counter was made.
CREATED_S = 1.7e9
NO_METRICS = "This server does not support metrics endpoint. Start it with `--metrics`"

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """An answer to a request for metrics."""

    status: int
    content_type: str
    text: str


class _Writer:
    """Writes families of metrics, all of one model; numbers have at most so many `digits`."""

    def __init__(
        self, prefix: str, labels: Labels, created: bool = False, digits: int | None = None
    ) -> None:
        self._prefix, self._labels, self._created = prefix, labels, created
        self._digits = digits
        self._lines: list[str] = []
        self._typed: set[str] = set()

    def counter(self, name: str, value: float, **labels: str) -> None:
        """Write a counter; its name ends with _total or as the server names it."""
        self._sample(name, "counter", "", value, labels)
        if self._created:
            base = name.removesuffix("_total")
            self._sample(f"{base}_created", "gauge", "", CREATED_S, labels)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Write a gauge."""
        self._sample(name, "gauge", "", value, labels)

    def histogram(self, name: str, values: Histogram, **labels: str) -> None:
        """Write a histogram: its buckets, sum and count."""
        counts = values.cumulative()
        for bound, count in zip((*values.bounds, "+Inf"), counts, strict=True):
            self._sample(name, "histogram", "_bucket", count, {"le": str(bound)} | labels)
        self._sample(name, "histogram", "_sum", values.sum, labels)
        self._sample(name, "histogram", "_count", counts[-1], labels)

    def page(self) -> Page:
        """The page."""
        return Page(200, TEXT, "".join(f"{line}\n" for line in self._lines))

    def _sample(self, name: str, kind: str, ending: str, value: float, labels: Labels) -> None:
        full = self._prefix + name
        if full not in self._typed:
            self._typed.add(full)
            self._lines += [f"# HELP {full} {name.replace('_', ' ')}", f"# TYPE {full} {kind}"]
        every = {**self._labels, **labels}
        shown = ",".join(f'{key}="{text}"' for key, text in every.items())
        shown = f"{{{shown}}}" if shown else ""
        number = float(value) if self._digits is None else f"{value:.{self._digits}g}"
        self._lines.append(f"{full}{ending}{shown} {number}")


def _vllm(counters: Counters, model: str) -> Page:
    page = _Writer("vllm:", {"engine": "0", "model_name": model}, created=True)
    now = counters.now
    page.gauge("num_requests_running", counters.running)
    page.gauge("num_requests_waiting", counters.waiting)
    page.gauge("kv_cache_usage_perc", 0.0)
    page.counter("prefix_cache_queries_total", now.prompt)
    page.counter("prefix_cache_hits_total", now.cached)
    page.counter("prompt_tokens_total", now.prompt)
    page.counter("prompt_tokens_by_source_total", now.computed, source="local_compute")
    page.counter("prompt_tokens_by_source_total", now.cached, source="local_cache_hit")
    page.counter("prompt_tokens_by_source_total", 0, source="external_kv_transfer")
    page.counter("prompt_tokens_cached_total", now.cached)
    page.counter("generation_tokens_total", now.generated)
    for finish, count in counters.finished.items():
        page.counter("request_success_total", count, finished_reason=finish)
    page.histogram("time_to_first_token_seconds", counters.first_token_s)
    page.histogram("e2e_request_latency_seconds", counters.request_s)
    return page.page()


def _llama(counters: Counters, model: str, metrics: bool) -> Page:
    if not metrics:
        error = {"code": 501, "message": NO_METRICS, "type": "not_supported_error"}
        return Page(501, JSON, json.dumps({"error": error}))
    page = _Writer("llamacpp:", {}, digits=6)
    ended, steps = counters.ended, counters.decode_steps
    page.counter("prompt_tokens_total", counters.now.computed)
    page.counter("prompt_tokens_cached_total", counters.now.cached)
    page.counter("prompt_seconds_total", counters.prefill_s)
    page.counter("tokens_predicted_total", ended.generated)
    page.counter("tokens_predicted_seconds_total", counters.ended_decode_s)
    page.counter("n_decode_total", steps + sum(counters.prefill_steps_s.counts))
    page.counter("n_tokens_max", counters.most_tokens)
    for what in ("draft_tokens", "accepted_tokens", "drafts"):
        page.counter(f"spec_decode_num_{what}_total", 0)
    page.gauge("n_busy_slots_per_decode", counters.busy_slots / steps if steps else 0.0)
    page.gauge("prompt_tokens_seconds", _rate(counters.now.computed, counters.prefill_s))
    page.gauge("predicted_tokens_seconds", _rate(ended.generated, counters.ended_decode_s))
    page.gauge("requests_processing", counters.running)
    page.gauge("requests_deferred", counters.waiting)
    return page.page()


def _sglang(counters: Counters, model: str, prefix: str) -> Page:
    page = _Writer(prefix, {"model_name": model, "engine_type": "unified"})
    ended = counters.ended
    page.counter("prompt_tokens_total", ended.prompt)
    page.counter("generation_tokens_total", ended.generated)
    page.counter("cached_tokens_total", ended.cached, cache_source="device")
    page.counter("num_requests_total", sum(counters.finished.values()))
    for dp_rank, tokens in enumerate(counters.ranks):
        for tp_rank in "01":  # the ranks of one model: each counts all its tokens
            ranks = {"tp_rank": tp_rank, "pp_rank": "0", "dp_rank": str(dp_rank)}
            for mode, count in (
                ("prefill_compute", tokens.computed),
                ("prefill_cache", tokens.cached),
                ("decode", tokens.generated),
            ):
                page.counter("realtime_tokens_total", count, **ranks, mode=mode)
    first = {"tp_rank": "0", "pp_rank": "0"}
    page.gauge("num_running_reqs", counters.running, **first)
    page.gauge("num_queue_reqs", counters.waiting, **first)
    page.gauge("token_usage", 0.0, **first)
    page.histogram("time_to_first_token_seconds", counters.first_token_s)
    return page.page()


def _tgi(counters: Counters, model: str) -> Page:
    page = _Writer("tgi_", {})
    page.gauge("batch_current_size", counters.running)
    page.gauge("queue_size", counters.waiting)
    page.counter("request_count", counters.arrived)
    done = counters.finished[Finish.STOP] + counters.finished[Finish.LENGTH]
    page.counter("request_success", done)
    page.histogram("request_duration", counters.request_s)
    page.histogram("request_input_length", counters.input_tokens)
    page.histogram("request_generated_tokens", counters.output_tokens)
    page.histogram("batch_forward_duration", counters.prefill_steps_s, method="prefill")
    page.histogram("batch_forward_duration", counters.decode_steps_s, method="decode")
    return page.page()


def _tensorrt(counters: Counters, model: str) -> Page:
    page = _Writer("trtllm_", {"model_name": model, "engine_type": "trtllm"}, created=True)
    ended = counters.ended
    page.counter("prompt_tokens_total", ended.prompt)
    page.counter("prompt_cached_tokens_total", ended.cached)
    page.counter("generation_tokens_total", ended.generated)
    for finish, count in counters.finished.items():
        page.counter("request_success_total", count, finished_reason=finish)
    page.gauge("num_requests_running", counters.running)
    page.gauge("num_requests_waiting", counters.waiting)
    page.histogram("time_to_first_token_seconds", counters.first_token_s)
    page.histogram("e2e_request_latency_seconds", counters.request_s)
    return page.page()


def _tensorrt_steps(counters: Counters, model: str) -> Page:
    """The newest step as /metrics of TensorRT-LLM reports it: JSON, without tokens."""
    step = {
        "iter": counters.decode_steps,
        "numActiveRequests": counters.running,
        "numQueuedRequests": counters.waiting,
    }
    return Page(200, JSON, json.dumps([step]))


Make = Callable[[Counters, str], Page]
# The pages of each server by their paths; a path that is absent is not found.
DIALECTS: dict[str, dict[str, Make]] = {
    "vllm": {"/metrics": _vllm},
    "llama": {"/metrics": partial(_llama, metrics=True)},
    "sglang": {"/metrics": partial(_sglang, prefix="sglang:")},
    "sglang_": {"/metrics": partial(_sglang, prefix="sglang_")},
    "tgi": {"/metrics": _tgi},
    "ollama": {},
    "tensorrt": {"/metrics": _tensorrt_steps, "/prometheus/metrics": _tensorrt},
}
LLAMA_WITHOUT_METRICS: dict[str, Make] = {"/metrics": partial(_llama, metrics=False)}


def _rate(count: int, seconds: float) -> float:
    return count / seconds if seconds else 0.0
