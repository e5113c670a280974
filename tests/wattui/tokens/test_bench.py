"""Loads: their windows, and the tokens that belong to them."""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import Any

import pytest

from tests.support.token_server import Marked, Pace, at_once
from wattui.tokens.bench import Bench, run
from wattui.tokens.figures import Row, row_of
from wattui.tokens.load import Loaded
from wattui.tokens.prompts import Synthetic
from wattui.tokens.server import Server, parse_address

pytestmark = pytest.mark.needs_tokens

POWER_W = 120.0
ADDRESS = parse_address("http://127.0.0.1:8000")


def measured(pace: Pace, *concurrency: int, **settings: Any) -> tuple[list[Row], Marked]:
    """Loads on a server of known pace, on a clock that skips."""
    asked = Bench(
        ADDRESS,
        None,
        settings.pop("prompts", [Synthetic(40, 20)]),
        concurrency,
        **{"seconds": 20.0, **settings},
    )
    loads: list[Loaded] = []
    marked = Marked(edge_s=0.0003)

    async def work() -> None:
        async with pace.client() as client:
            server = Server(client, ADDRESS, asyncio.get_running_loop().time)
            await run(asked, server, marked, loads.append, lambda _: None)

    at_once(work())
    return list(map(row_of, loads)), marked


def windows(marked: Marked) -> list[tuple[float, float, dict[str, int]]]:
    return [(begin, end, n) for name, _, begin, end, n in marked.phases() if name == "running"]


@pytest.mark.parametrize(
    ("concurrency", "per_chunk", "states_usage"),
    [(1, 1, False), (1, 4, True), (8, 1, True), (8, 4, False)],
)
def test_joules_per_token_are_those_of_the_known_power_and_rate(
    concurrency: int, per_chunk: int, states_usage: bool
) -> None:
    pace = Pace(prefill_s=0.13, chunk_s=0.02 * per_chunk, per_chunk=per_chunk)
    pace.states_usage = states_usage
    rows, marked = measured(pace, concurrency)
    [(begun_s, ended_s, counts)] = windows(marked)
    cycle_s = 0.13 + (20 / per_chunk - 1) * pace.chunk_s
    expected_j = POWER_W * cycle_s / (20 * concurrency)
    energy_j = POWER_W * (ended_s - begun_s)
    assert energy_j / counts["tokens_out"] == pytest.approx(expected_j, rel=0.01)
    assert POWER_W / (rows[0].tokens_per_s or 0) == pytest.approx(expected_j, rel=0.002)
    assert energy_j / counts["tokens_in"] == pytest.approx(expected_j / 2, rel=0.01)
    assert rows[0].is_whole


def test_a_window_of_whole_rounds_has_prompts_and_answers_in_proportion() -> None:
    prefill_s, chunk_s, prefill_w, decode_w = 0.7, 0.05, 400.0, 100.0
    pace = Pace(prefill_s=prefill_s, chunk_s=chunk_s)
    _, marked = measured(pace, 1, seconds=4.0)
    [(begun_s, ended_s, counts)] = windows(marked)
    # The prompt of each request is computed in the 0.7 s before its first token.
    firsts_s = [at_s for n, at_s in enumerate(pace.generated_s[3:]) if n % 20 == 0]
    busy_s = sum(max(0.0, min(at_s, ended_s) - max(at_s - prefill_s, begun_s)) for at_s in firsts_s)
    energy_j = prefill_w * busy_s + decode_w * (ended_s - begun_s - busy_s)
    expected_j = (prefill_w * prefill_s + decode_w * 19 * chunk_s) / 20
    # A window of 4 s that ends anywhere has two or three prompts of 280 J, and is off by 10 %.
    assert energy_j / counts["tokens_out"] == pytest.approx(expected_j, rel=0.01)


def test_tokens_of_requests_that_straddle_the_edges_are_those_generated_between_them() -> None:
    lengths = random.Random(3)
    pace = Pace(prefill_s=0.2, chunk_s=0.03, tokens=lambda _: lengths.randint(5, 300))
    rows, marked = measured(pace, 1, 6, seconds=30.0)
    for row, (begun_s, ended_s, counts) in zip(rows, windows(marked), strict=True):
        truth = pace.total(begun_s, ended_s)
        assert row.tokens_out == pytest.approx(truth, abs=2 * row.concurrency)
        assert counts["tokens_out"] == pytest.approx(truth, rel=0.01)


def test_chunks_are_never_taken_for_tokens() -> None:
    several = Pace(chunk_s=0.08, per_chunk=4)
    rows, marked = measured(several, 2)
    chunks = len(set(several.generated_s))
    assert rows[0].tokens_out == several.total(*windows(marked)[0][:2]) > 2 * chunks / 1.2


def test_the_counts_of_all_phases_add_up_to_the_usage_of_all_requests() -> None:
    lengths = random.Random(5)
    pace = Pace(chunk_s=0.05, per_chunk=3, tokens=lambda _: lengths.randint(5, 90))
    _, marked = measured(pace, 4, seconds=10.0)
    total = sum(counts.get("tokens_out", 0) for *_, counts in marked.phases())
    loaded_s = next(begin for name, _, begin, *_ in marked.phases() if name == "warmup")
    assert total == sum(at_s > loaded_s for at_s in pace.generated_s)


def test_phases_are_armed_then_ramp_window_and_drain_of_each_load_and_repeat() -> None:
    _, marked = measured(Pace(), 1, 8, seconds=2.0, repeats=2, armed_s=3.0)
    found = [(name, which) for name, which, *_ in marked.phases()]
    expected: list[tuple[str, object]] = []
    for repeat in (1, 2):
        expected.append(("armed", ("", repeat)))
        for label in ("c1", "c8"):
            expected += [(n, (label, repeat)) for n in ("warmup", "running", "cooldown")]
    assert found == expected
    [(_, _, begin, end, counts), *_] = marked.phases()
    assert end - begin == pytest.approx(3.0)
    assert not counts


def test_a_window_begins_with_the_first_token_of_the_last_of_the_requests_at_once() -> None:
    order = itertools.count()
    pace = Pace(prefill_s=0.4)
    pace.delay_s = lambda: 0.5 * next(order)  # each request waits longer than the one before
    rows, _ = measured(pace, 4, seconds=1.0)
    # Three requests came before the load, so those of the load wait 1.5, 2.0, 2.5 and 3.0 s.
    assert rows[0].ramp_s == pytest.approx(3.0 + 0.4, abs=0.01)


def test_a_warm_up_puts_the_window_off() -> None:
    rows, _ = measured(Pace(), 4, seconds=1.0, warmup_s=7.0)
    assert rows[0].ramp_s is not None
    assert 7.0 <= rows[0].ramp_s < 8.0


def test_a_window_that_no_round_of_requests_fits_in_is_said_to_be_none() -> None:
    rows, _ = measured(Pace(chunk_s=10.0), 2, seconds=20.0)
    assert not rows[0].is_whole
    assert rows[0].seconds == pytest.approx(40.0, abs=0.1)


def test_made_up_prompts_have_the_tokens_asked_for_whatever_a_word_has() -> None:
    for tokens_per_word in (1, 5):
        pace = Pace(tokens_per_word=tokens_per_word)
        rows, _ = measured(pace, 2)
        per_request = rows[0].tokens_in / rows[0].requests
        assert per_request == pytest.approx(40, abs=tokens_per_word)


def test_made_up_prompts_differ_from_each_other() -> None:
    pace = Pace()
    measured(pace, 2)
    prompts = [body["prompt"] for body in pace.bodies]
    assert len(set(prompts)) == len(prompts)


def test_high_percentiles_need_enough_requests() -> None:
    few, _ = measured(Pace(), 1, seconds=5.0)
    many, _ = measured(Pace(), 8, seconds=7.0)
    assert (few[0].first_token_s.p50, few[0].first_token_s.p99) == (pytest.approx(0.1), None)
    assert many[0].first_token_s.p99 == pytest.approx(0.1)
    assert many[0].per_token_s.p99 == pytest.approx(0.02)


def test_an_interrupted_load_keeps_its_window() -> None:
    pace, marked, loads = Pace(), Marked(), list[Loaded]()
    asked = Bench(ADDRESS, "m", [Synthetic(40, 20)], (2, 8), 20.0)

    async def work() -> None:
        async with pace.client() as client:
            server = Server(client, ADDRESS, asyncio.get_running_loop().time)
            task = asyncio.create_task(run(asked, server, marked, loads.append, lambda _: None))
            await asyncio.sleep(12.0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    at_once(work())
    [row] = map(row_of, loads)
    [(begun_s, ended_s, counts)] = windows(marked)
    assert marked.phases()[-1][0] == "running"
    assert row.seconds == pytest.approx(ended_s - begun_s)
    assert row.seconds == pytest.approx(6.3, abs=0.5)
    truth = pace.total(begun_s, ended_s)
    assert row.tokens_out == pytest.approx(truth, abs=2)
    assert counts["tokens_out"] == pytest.approx(truth, abs=2)


def test_several_kinds_of_prompts_are_loads_with_names_of_their_own() -> None:
    kinds = [Synthetic(40, 20), Synthetic(100, 5)]
    rows, marked = measured(Pace(tokens_per_word=2), 1, 4, prompts=kinds, seconds=4.0)
    labels = ["c1 40+20", "c4 40+20", "c1 100+5", "c4 100+5"]
    assert [row.label for row in rows] == labels
    assert [which for name, which, *_ in marked.phases() if name == "running"] == [
        (label, None) for label in labels
    ]
    for row in rows:
        wanted = 2 if "40+20" in row.label else 20
        assert row.tokens_in / row.tokens_out == pytest.approx(wanted, rel=0.04)


def test_the_times_that_a_server_states_are_those_of_the_window() -> None:
    pace = Pace(prefill_s=0.1, chunk_s=0.02, states_times=True)
    rows, marked = measured(pace, 4)
    [(begun_s, ended_s, counts)] = windows(marked)
    busy_s = 4 * (ended_s - begun_s)
    assert (rows[0].prefill_s, rows[0].decode_s) == (
        pytest.approx(busy_s * 0.1 / 0.48, rel=0.01),
        pytest.approx(busy_s * 0.38 / 0.48, rel=0.01),
    )
    assert counts["decode_ms"] == pytest.approx(1000 * (rows[0].decode_s or 0), rel=0.02)
    assert counts["prefill_ms"] == pytest.approx(1000 * (rows[0].prefill_s or 0), rel=0.02)


def test_without_stated_times_none_are_counted() -> None:
    rows, marked = measured(Pace(), 2)
    assert rows[0].prefill_s is None
    assert all("prefill_ms" not in counts for *_, counts in marked.phases())


def test_each_load_notes_what_its_window_and_all_of_it_used() -> None:
    """With 4 requests of 20 tokens in flight, which straddle the edges."""
    pace = Pace(prefill_s=0.13, chunk_s=0.02)
    [row], marked = measured(pace, 4)
    [note] = marked.notes
    label, _, parts = note.removeprefix("usage ").partition(": ")
    used = dict(part.split("=") for part in parts.split(", "))
    window, whole = (int(n) for n in used["tokens_out"].split(" of "))
    assert label == "c4"
    assert window == row.tokens_out
    [only] = {body["max_tokens"] for body in pace.bodies[-10:]}
    assert whole % only == 0
    assert whole == only * sum(body["max_tokens"] == only for body in pace.bodies)


@pytest.mark.parametrize("seed", range(8))
def test_made_up_prompts_are_as_long_as_asked_whatever_their_words(seed: int) -> None:
    """Where a token is a letter, words differ most."""
    prompts = [Synthetic(150, 5, seed)]
    [row], _ = measured(Pace(counts_letters=True), 4, prompts=prompts)
    assert row.tokens_in / row.requests == pytest.approx(150, rel=0.04)
