"""The table of servers: which metrics count tokens and requests, and when they move. Pure.

Names and meanings are those of the servers' documentation and sources: vLLM 0.6 to 0.33
(vllm/v1/metrics), llama.cpp (tools/server), SGLang 0.4 to 0.5 (srt/metrics), TGI 2 and 3, and
TensorRT-LLM 1 (tensorrt_llm/metrics).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

# The standard names of counts: tokens generated, prompt tokens computed, prompt tokens from a
# cache, and requests finished; and how long prompts and answers were computed, ms.
OUT, IN, CACHED, REQUESTS = "tokens_out", "tokens_in", "tokens_cached", "requests"
PREFILL, DECODE = "prefill_ms", "decode_ms"
MS = 1000
# Labels of processes that work on the same tokens, and each count all of them.
RANKS = frozenset({"tp_rank", "pp_rank", "ep_rank", "moe_ep_rank"})


class Term(NamedTuple):
    """All series of a metric that have these labels (an empty value: or lack it), times a factor:
    -1 if they are taken from a sum."""

    metric: str
    labels: tuple[tuple[str, str], ...] = ()
    factor: int = 1


class Sum(NamedTuple):
    """A number on a page of metrics. `at_end`: it counts tokens only when their request ends.

    One that moves earlier may lack a few; while no request is at work, `at_rest` is exact.
    """

    terms: tuple[Term, ...]
    at_end: bool = False
    at_rest: tuple[Term, ...] = ()

    @property
    def metrics(self) -> set[str]:
        """Everything that is looked for on a page."""
        return {term.metric for term in (*self.terms, *self.at_rest)}


@dataclass(frozen=True, slots=True)
class Dialect:
    """A kind of server: the prefixes that its metrics have in its versions, and what they mean.

    `counts` and the numbers of requests at work and waiting list the ways to know a number, best
    first: the first whose metrics are all on the page is taken. Its numbers have at most so many
    significant `digits` (None: all that they need).
    """

    name: str
    prefixes: tuple[str, ...]
    counts: Mapping[str, tuple[Sum, ...]]
    running: Sum
    waiting: Sum
    digits: int | None = None

    def with_prefix(self, prefix: str) -> Dialect:
        """The same with whole names of metrics."""
        return Dialect(
            self.name,
            (prefix,),
            {
                name: tuple(_named(each, prefix) for each in ways)
                for name, ways in self.counts.items()
            },
            _named(self.running, prefix),
            _named(self.waiting, prefix),
            self.digits,
        )

    @property
    def sums(self) -> Iterator[Sum]:
        """Everything that is looked for on a page."""
        for ways in self.counts.values():
            yield from ways
        yield self.running
        yield self.waiting


def _named(found: Sum, prefix: str) -> Sum:
    terms, at_rest = (
        tuple(term._replace(metric=prefix + term.metric) for term in part)
        for part in (found.terms, found.at_rest)
    )
    return found._replace(terms=terms, at_rest=at_rest)


def _of(
    metric: str,
    less: str = "",
    at_end: bool = False,
    labels: Mapping[str, str] | None = None,
    at_rest: str = "",
    factor: int = 1,
) -> Sum:
    wanted = tuple((labels or {}).items())
    terms = (Term(metric, wanted, factor), *((Term(less, wanted, -factor),) if less else ()))
    return Sum(terms, at_end, (Term(at_rest),) if at_rest else ())


# SGLang shows how many requests there are of each priority, beside those of all priorities.
_ALL = {"priority": ""}

DIALECTS = (
    # Counted in each step of the engine. The prompt tokens include those from a cache.
    Dialect(
        "vLLM",
        ("vllm:",),
        {
            OUT: (_of("generation_tokens_total"),),
            IN: (
                _of("prompt_tokens_by_source_total", labels={"source": "local_compute"}),
                _of("prompt_tokens_total", less="prompt_tokens_cached_total"),
                _of("prompt_tokens_total"),
            ),
            CACHED: (_of("prompt_tokens_cached_total"),),
            REQUESTS: (_of("request_success_total"),),
        },
        _of("num_requests_running"),
        _of("num_requests_waiting"),
    ),
    # The prompt tokens are those computed, counted at the first token of the answer. Numbers are
    # written by a C++ stream as it is by default: 1234567 is 1.23457e+06 (server-task.cpp,
    # `to_metrics`).
    Dialect(
        "llama-server",
        ("llamacpp:",),
        {
            OUT: (_of("tokens_predicted_total", at_end=True),),
            IN: (_of("prompt_tokens_total"),),
            CACHED: (_of("prompt_tokens_cached_total"),),
            PREFILL: (_of("prompt_seconds_total", factor=MS),),
            DECODE: (_of("tokens_predicted_seconds_total", at_end=True, factor=MS),),
        },
        _of("requests_processing"),
        _of("requests_deferred"),
        digits=6,
    ),
    # Those in real time move at each step, and lack the first token of each request, which its
    # prompt's step makes. The others move at a request's end, and their prompt tokens include those
    # from a cache.
    Dialect(
        "SGLang",
        ("sglang:", "sglang_"),
        {
            OUT: (
                _of(
                    "realtime_tokens_total",
                    labels={"mode": "decode"},
                    at_rest="generation_tokens_total",
                ),
                _of("generation_tokens_total", at_end=True),
            ),
            IN: (
                _of("realtime_tokens_total", labels={"mode": "prefill_compute"}),
                _of("prompt_tokens_total", less="cached_tokens_total", at_end=True),
                _of("prompt_tokens_total", at_end=True),
            ),
            CACHED: (
                _of("realtime_tokens_total", labels={"mode": "prefill_cache"}),
                _of("cached_tokens_total", at_end=True),
            ),
            REQUESTS: (_of("num_requests_total"),),
        },
        _of("num_running_reqs", labels=_ALL),
        _of("num_queue_reqs", labels=_ALL),
    ),
    # Sums of histograms, to which a request adds its prompt at the begin and its answer at the end.
    Dialect(
        "TGI",
        ("tgi_",),
        {
            OUT: (_of("request_generated_tokens_sum", at_end=True),),
            IN: (_of("request_input_length_sum"),),
            REQUESTS: (_of("request_success"), _of("request_generated_tokens_count")),
            PREFILL: (_of("batch_forward_duration_sum", labels={"method": "prefill"}, factor=MS),),
            DECODE: (_of("batch_forward_duration_sum", labels={"method": "decode"}, factor=MS),),
        },
        _of("batch_current_size"),
        _of("queue_size"),
    ),
    # Served at /prometheus/metrics; the requests at work only with enable_iter_perf_stats.
    Dialect(
        "TensorRT-LLM",
        ("trtllm_", "trtllm:"),
        {
            OUT: (_of("generation_tokens_total", at_end=True),),
            IN: (
                _of("prompt_tokens_total", less="prompt_cached_tokens_total", at_end=True),
                _of("prompt_tokens_total", at_end=True),
            ),
            CACHED: (_of("prompt_cached_tokens_total", at_end=True),),
            REQUESTS: (_of("request_success_total"),),
        },
        _of("num_requests_running"),
        _of("num_requests_waiting"),
    ),
    # `wattui tokens proxy`, which knows the tokens when a server states them: mostly at the end.
    Dialect(
        "wattui tokens proxy",
        ("wattui_proxy_",),
        {
            OUT: (_of("tokens_out_total", at_end=True),),
            IN: (_of("tokens_in_total", at_end=True),),
            CACHED: (_of("tokens_cached_total", at_end=True),),
            REQUESTS: (_of("requests_total"),),
        },
        _of("requests_running"),
        Sum(()),
    ),
)
