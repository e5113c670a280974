"""The metrics that servers define, as in their published packages, against the table of servers.

A counter's name on the page ends in _total: prometheus_client adds it where a definition lacks it.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from recorders.servers.dialects import DIALECTS, RANKS

# The kind of each metric, and its labels; `label=value` where the table asks for a value.
Definitions = Mapping[str, tuple[str, frozenset[str]]]
ENGINE = frozenset({"model_name", "engine"})
# vllm 0.33.0, vllm/v1/metrics/loggers.py, `PrometheusStatLogger`; the values of `source` are
# `PromptTokenStats.ALL_SOURCES` of stats.py. `record` increments all of them in each step.
VLLM: Definitions = {
    "vllm:num_requests_running": ("gauge", ENGINE),
    "vllm:num_requests_waiting": ("gauge", ENGINE),
    "vllm:prompt_tokens_total": ("counter", ENGINE),
    "vllm:prompt_tokens_by_source_total": ("counter", ENGINE | {"source=local_compute"}),
    "vllm:prompt_tokens_cached_total": ("counter", ENGINE),
    "vllm:generation_tokens_total": ("counter", ENGINE),
    "vllm:request_success_total": ("counter", ENGINE | {"finished_reason"}),
}
WHOLE = frozenset({"model_name", "engine_type"})
RANKED = WHOLE | {"tp_rank", "pp_rank", "moe_ep_rank", "dp_rank", "priority="}
# sglang 0.5.23, sglang/srt/observability/metrics_collector.py: `SchedulerMetricsCollector`, whose
# realtime_tokens_total managers/scheduler_components/metrics_reporter.py increments at each prefill
# and in every iteration of decode, though its help says "on each log interval"; and
# `TokenizerMetricsCollector`, which counts in `observe_one_finished_request`.
SGLANG: Definitions = {
    "sglang:num_running_reqs": ("gauge", RANKED),
    "sglang:num_queue_reqs": ("gauge", RANKED),
    "sglang:realtime_tokens_total": (
        "counter",
        RANKED | {"mode=decode", "mode=prefill_compute", "mode=prefill_cache"},
    ),
    "sglang:prompt_tokens_total": ("counter", WHOLE | {"is_streaming"}),
    "sglang:generation_tokens_total": ("counter", WHOLE | {"is_streaming"}),
    "sglang:cached_tokens_total": ("counter", WHOLE | {"cache_source"}),
    "sglang:num_requests_total": ("counter", WHOLE | {"is_streaming"}),
}


@pytest.mark.parametrize(("name", "defined"), [("vLLM", VLLM), ("SGLang", SGLANG)])
def test_the_table_of_servers_names_what_they_define(name: str, defined: Definitions) -> None:
    dialect = next(each for each in DIALECTS if each.name == name)
    dialect = dialect.with_prefix(dialect.prefixes[0])
    terms = [term for found in dialect.sums for term in (*found.terms, *found.at_rest)]
    assert {term.metric for term in terms} == set(defined)
    for term in terms:
        _, labels = defined[term.metric]
        assert {f"{label}={value}" for label, value in term.labels} <= labels, term
    gauges = {metric for metric, (kind, _) in defined.items() if kind == "gauge"}
    assert dialect.running.metrics | dialect.waiting.metrics == gauges


def test_ranks_of_sglang_are_not_added_up_but_its_engines_are() -> None:
    assert {label for label in RANKED if label in RANKS} == {"tp_rank", "pp_rank", "moe_ep_rank"}
