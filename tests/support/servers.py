"""Pages of metrics as servers of language models show them, shortened, and a server of a test."""

from __future__ import annotations

VLLM_V0 = """# HELP vllm:num_requests_running Number of requests currently running on GPU.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{model_name="m"} 3.0
# TYPE vllm:num_requests_swapped gauge
vllm:num_requests_swapped{model_name="m"} 0.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{model_name="m"} 1.0
# TYPE vllm:gpu_cache_usage_perc gauge
vllm:gpu_cache_usage_perc{model_name="m"} 0.25
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{model_name="m"} 8000.0
# TYPE vllm:prompt_tokens_created gauge
vllm:prompt_tokens_created{model_name="m"} 1.7645e+09
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{model_name="m"} 27453.0
# TYPE vllm:generation_tokens_created gauge
vllm:generation_tokens_created{model_name="m"} 1.7645e+09
# TYPE vllm:request_success_total counter
vllm:request_success_total{finished_reason="stop",model_name="m"} 10.0
vllm:request_success_total{finished_reason="length",model_name="m"} 131.0
# TYPE vllm:request_generation_tokens histogram
vllm:request_generation_tokens_bucket{le="1.0",model_name="m"} 0.0
vllm:request_generation_tokens_sum{model_name="m"} 27000.0
vllm:request_generation_tokens_count{model_name="m"} 141.0
"""
# Two engines, and one with two models.
VLLM_DP = """# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a"} 3.0
vllm:num_requests_running{engine="1",model_name="a"} 4.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="a"} 0.0
vllm:num_requests_waiting{engine="1",model_name="a"} 2.0
# TYPE vllm:num_requests_waiting_by_reason gauge
vllm:num_requests_waiting_by_reason{engine="0",model_name="a",reason="capacity"} 2.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="a"} 0.25
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="a"} 1000.0
vllm:prompt_tokens_total{engine="1",model_name="a"} 600.0
vllm:prompt_tokens_total{engine="1",model_name="b"} 400.0
# TYPE vllm:prompt_tokens_cached_total counter
vllm:prompt_tokens_cached_total{engine="0",model_name="a"} 300.0
vllm:prompt_tokens_cached_total{engine="1",model_name="a"} 100.0
# TYPE vllm:prompt_tokens_recomputed_total counter
vllm:prompt_tokens_recomputed_total{engine="0",model_name="a"} 7.0
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine="0",model_name="a"} 500.0
vllm:generation_tokens_total{engine="1",model_name="a"} 300.0
vllm:generation_tokens_total{engine="1",model_name="b"} 20.0
# TYPE vllm:generation_tokens_created gauge
vllm:generation_tokens_created{engine="0",model_name="a"} 1.7645e+09
# TYPE vllm:request_success_total counter
vllm:request_success_total{engine="0",finished_reason="stop",model_name="a"} 5.0
"""
# The same, with the prompt's tokens by where they came from.
VLLM_SOURCES = (
    VLLM_DP
    + """# TYPE vllm:prompt_tokens_by_source_total counter
vllm:prompt_tokens_by_source_total{engine="0",model_name="a",source="local_compute"} 701.0
vllm:prompt_tokens_by_source_total{engine="1",model_name="a",source="local_compute"} 900.0
vllm:prompt_tokens_by_source_total{engine="0",model_name="a",source="local_cache_hit"} 299.0
vllm:prompt_tokens_by_source_total{engine="0",model_name="a",source="external_kv_transfer"} 100.0
"""
)
LLAMA = """# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total {prompt}
# HELP llamacpp:prompt_seconds_total Prompt process time
# TYPE llamacpp:prompt_seconds_total counter
llamacpp:prompt_seconds_total 5.6
# TYPE llamacpp:tokens_predicted_total counter
llamacpp:tokens_predicted_total {predicted}
# TYPE llamacpp:tokens_predicted_seconds_total counter
llamacpp:tokens_predicted_seconds_total 8.4
# TYPE llamacpp:n_decode_total counter
llamacpp:n_decode_total 100
# TYPE llamacpp:n_busy_slots_per_decode counter
llamacpp:n_busy_slots_per_decode 1.2
# TYPE llamacpp:prompt_tokens_seconds gauge
llamacpp:prompt_tokens_seconds 220.4
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing {running}
# TYPE llamacpp:requests_deferred gauge
llamacpp:requests_deferred {waiting}
"""
LLAMA_CACHED = """# TYPE llamacpp:prompt_tokens_cached_total counter
llamacpp:prompt_tokens_cached_total 19425
# TYPE llamacpp:spec_decode_num_draft_tokens_total counter
llamacpp:spec_decode_num_draft_tokens_total 0
"""
# llama-server 0.5.0-dev (in the sources of llama-cpp-python 0.3.36), after 1,031,398 prompt tokens;
# without the lines that say what a metric is.
LLAMA_0_5 = """# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 1.0314e+06
# TYPE llamacpp:prompt_tokens_cached_total counter
llamacpp:prompt_tokens_cached_total 1276
# TYPE llamacpp:prompt_seconds_total counter
llamacpp:prompt_seconds_total 329.971
# TYPE llamacpp:tokens_predicted_total counter
llamacpp:tokens_predicted_total 340
# TYPE llamacpp:tokens_predicted_seconds_total counter
llamacpp:tokens_predicted_seconds_total 0.003076
# TYPE llamacpp:n_decode_total counter
llamacpp:n_decode_total 540
# TYPE llamacpp:n_tokens_max counter
llamacpp:n_tokens_max 3290
# TYPE llamacpp:spec_decode_num_draft_tokens_total counter
llamacpp:spec_decode_num_draft_tokens_total 0
# TYPE llamacpp:spec_decode_num_accepted_tokens_total counter
llamacpp:spec_decode_num_accepted_tokens_total 0
# TYPE llamacpp:spec_decode_num_drafts_total counter
llamacpp:spec_decode_num_drafts_total 0
# TYPE llamacpp:prompt_tokens_seconds gauge
llamacpp:prompt_tokens_seconds 4490.14
# TYPE llamacpp:predicted_tokens_seconds gauge
llamacpp:predicted_tokens_seconds 6544.95
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 0
# TYPE llamacpp:requests_deferred gauge
llamacpp:requests_deferred 0
# TYPE llamacpp:n_busy_slots_per_decode gauge
llamacpp:n_busy_slots_per_decode 3.24074
"""
_SG = 'engine_type="unified",model_name="m"'
# Counters of whole requests only.
SGLANG_OLD = """# TYPE sglang:prompt_tokens_total counter
sglang:prompt_tokens_total{model_name="m"} 8.128902e+06
# TYPE sglang:generation_tokens_total counter
sglang:generation_tokens_total{model_name="m"} 7.557572e+06
# TYPE sglang:token_usage gauge
sglang:token_usage{model_name="m"} 0.28
# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{model_name="m"} 161.0
# TYPE sglang:num_queue_reqs gauge
sglang:num_queue_reqs{model_name="m"} 2826.0
"""
# Two data-parallel engines of two tensor-parallel ranks each.
SGLANG_DP = f"""# TYPE sglang_prompt_tokens_total counter
sglang_prompt_tokens_total{{{_SG},is_streaming="true"}} 4668037.0
# TYPE sglang_generation_tokens_total counter
sglang_generation_tokens_total{{{_SG},is_streaming="true"}} 290.0
# TYPE sglang_cached_tokens_total counter
sglang_cached_tokens_total{{{_SG},cache_source="device"}} 3696637.0
# TYPE sglang_num_requests_total counter
sglang_num_requests_total{{{_SG}}} 4.0
# TYPE sglang_realtime_tokens_total counter
sglang_realtime_tokens_total{{{_SG},dp_rank="0",tp_rank="0",mode="decode"}} 100.0
sglang_realtime_tokens_total{{{_SG},dp_rank="0",tp_rank="1",mode="decode"}} 100.0
sglang_realtime_tokens_total{{{_SG},dp_rank="1",tp_rank="2",mode="decode"}} 200.0
sglang_realtime_tokens_total{{{_SG},dp_rank="1",tp_rank="3",mode="decode"}} 200.0
sglang_realtime_tokens_total{{{_SG},dp_rank="0",tp_rank="0",mode="prefill_compute"}} 971000.0
sglang_realtime_tokens_total{{{_SG},dp_rank="0",tp_rank="1",mode="prefill_compute"}} 971000.0
sglang_realtime_tokens_total{{{_SG},dp_rank="1",tp_rank="2",mode="prefill_compute"}} 400.0
sglang_realtime_tokens_total{{{_SG},dp_rank="0",tp_rank="0",mode="prefill_cache"}} 3829888.0
# TYPE sglang_num_running_reqs gauge
sglang_num_running_reqs{{{_SG},dp_rank="0",tp_rank="0",priority=""}} 4.0
sglang_num_running_reqs{{{_SG},dp_rank="0",tp_rank="1",priority=""}} 4.0
sglang_num_running_reqs{{{_SG},dp_rank="1",tp_rank="2",priority=""}} 5.0
sglang_num_running_reqs{{{_SG},dp_rank="1",tp_rank="2",priority="9"}} 5.0
# TYPE sglang_num_queue_reqs gauge
sglang_num_queue_reqs{{{_SG},dp_rank="0",tp_rank="0",priority=""}} 0.0
"""
TGI = """# TYPE tgi_request_count counter
tgi_request_count 5
# TYPE tgi_request_success counter
tgi_request_success 4
# TYPE tgi_queue_size gauge
tgi_queue_size 1
# TYPE tgi_batch_current_size gauge
tgi_batch_current_size 2
# TYPE tgi_request_generated_tokens histogram
tgi_request_generated_tokens_bucket{le="1"} 0
tgi_request_generated_tokens_bucket{le="+Inf"} 4
tgi_request_generated_tokens_sum 480
tgi_request_generated_tokens_count 4
# TYPE tgi_request_input_length histogram
tgi_request_input_length_bucket{le="+Inf"} 5
tgi_request_input_length_sum 1250
tgi_request_input_length_count 5
# TYPE tgi_batch_forward_duration histogram
tgi_batch_forward_duration_sum{method="prefill"} 0.5
tgi_batch_forward_duration_sum{method="decode"} 7.5
"""
_TRT = 'engine_type="trtllm",model_name="m"'
TRTLLM = f"""# TYPE trtllm_request_success_total counter
trtllm_request_success_total{{{_TRT},finished_reason="length"}} 7.0
# TYPE trtllm_prompt_tokens_total counter
trtllm_prompt_tokens_total{{{_TRT}}} 1800.0
# TYPE trtllm_prompt_cached_tokens_total counter
trtllm_prompt_cached_tokens_total{{{_TRT}}} 450.0
# TYPE trtllm_generation_tokens_total counter
trtllm_generation_tokens_total{{{_TRT}}} 896.0
# TYPE trtllm_generation_tokens_created gauge
trtllm_generation_tokens_created{{{_TRT}}} 1.7645e+09
# TYPE trtllm_num_requests_running gauge
trtllm_num_requests_running{{{_TRT}}} 6.0
# TYPE trtllm_num_requests_waiting gauge
trtllm_num_requests_waiting{{{_TRT}}} 0.0
"""
OTHER = """# TYPE exo_generation_tokens_total counter
exo_generation_tokens_total{instance_id="1"} 40
exo_generation_tokens_total{instance_id="2"} 2
# TYPE exo_up gauge
exo_up 1
"""


def llama(predicted: int, running: int = 0, prompt: int = 0, waiting: int = 0) -> str:
    """The page of a llama-server."""
    numbers = {"predicted": predicted, "running": running, "prompt": prompt, "waiting": waiting}
    page = LLAMA
    for name, value in numbers.items():
        page = page.replace(f"{{{name}}}", str(value))
    return page
