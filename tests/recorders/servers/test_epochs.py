"""Counts since the recording began, across restarts: nothing negative, nothing counted twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("prometheus_client", reason="no prometheus-client: wattui[tokens]")
from recorders.servers.epochs import Epochs
from recorders.servers.pages import Page, read_page
from tests.support.examples import examples


def vllm(born: float = 1.0, **engines: int) -> Page:
    lines = [f'vllm:generation_tokens_total{{engine="{e}"}} {n}' for e, n in engines.items()]
    lines += ["# TYPE vllm:generation_tokens_total counter", f"process_start_time_seconds {born}"]
    return read_page("\n".join(lines).encode())


def totals(*pages: Page) -> list[int]:
    epochs = Epochs()
    found = []
    for page in pages:
        epochs.take(page)
        found.append(epochs.totals(page)["tokens_out"])
    return found


def test_what_was_counted_before_the_recording_is_not_its_own() -> None:
    assert totals(vllm(a=1000), vllm(a=1100)) == [0, 100]


def test_a_counter_that_falls_has_begun_again_at_0() -> None:
    assert totals(vllm(a=1000), vllm(a=1100), vllm(a=30), vllm(a=50)) == [0, 100, 130, 150]


def test_one_of_two_engines_restarts() -> None:
    pages = vllm(a=100, b=200), vllm(a=150, b=260), vllm(a=10, b=270)
    assert totals(*pages) == [0, 110, 130]


def test_counters_that_are_gone_have_begun_again() -> None:
    assert totals(vllm(a=100), vllm(), vllm(a=120)) == [0, 0, 120]


def test_a_counter_that_a_page_lacks_goes_on_when_it_is_back() -> None:
    """A page may lack some of its lines: what it had counted before is not counted again."""
    pages = vllm(a=1000, b=50), vllm(b=60), vllm(a=1030, b=60)
    assert totals(*pages) == [0, 10, 40]
    assert totals(vllm(a=1000, b=50), vllm(b=60), vllm(a=20, b=60)) == [0, 10, 30]


def test_a_restarted_server_that_has_counted_more_than_before_is_known_by_its_start() -> None:
    assert totals(vllm(1.0, a=100), vllm(2.0, a=150)) == [0, 150]


def test_an_engine_that_is_new_began_at_0() -> None:
    assert totals(vllm(a=100), vllm(a=100, b=7)) == [0, 7]


def test_the_difference_of_two_counters_never_falls() -> None:
    def page(prompt: int, cached: int) -> Page:
        text = f"vllm:prompt_tokens_total {prompt}\nvllm:prompt_tokens_cached_total {cached}\n"
        return read_page(text.encode())

    epochs = Epochs()
    found = []
    for each in (page(0, 0), page(100, 40), page(100, 60), page(200, 60)):
        epochs.take(each)
        found.append(epochs.totals(each)["tokens_in"])
    assert found == [0, 60, 60, 140]


def sglang(decoded: int, ended: int, running: int) -> Page:
    lines = (
        f'sglang:realtime_tokens_total{{mode="decode"}} {decoded}',
        f"sglang:generation_tokens_total {ended}",
        f"sglang:num_running_reqs {running}",
    )
    return read_page("\n".join(lines).encode())


def test_a_counter_in_real_time_is_made_up_for_its_first_tokens_at_rest() -> None:
    """Two requests of 10 tokens, of which the prompts' steps make the first."""
    pages = sglang(0, 0, 0), sglang(8, 0, 2), sglang(18, 20, 0), sglang(23, 20, 1)
    assert totals(*pages) == [0, 8, 20, 25]


def test_requests_from_before_the_recording_are_not_made_up_for() -> None:
    assert totals(sglang(5, 0, 1), sglang(9, 10, 0), sglang(18, 20, 0)) == [0, 4, 14]


@examples(30)
@given(st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=8), min_size=1, max_size=4))
def test_every_token_is_counted_once(lives: list[list[int]]) -> None:
    """Whatever grows within the lives of a server is counted; each begins at 0."""
    pages, expected, began = [], 0, False
    for number, steps in enumerate(lives):
        shown = 0
        for step in steps:
            shown += step
            pages.append(vllm(float(number), a=shown))
            expected += step if began else 0
            began = True
    assert totals(*pages)[-1] == expected
