"""The workload `gpt`: cells, MACs, counts, and what its calls compute."""

from __future__ import annotations

from typing import Any

import pytest

from workloads.catalogue import catalogue
from workloads.engine import Work
from workloads.errors import UsageError
from workloads.gpt.network import decode, prefill
from workloads.plan import Plan


def planned(**given: Any) -> Plan:
    gpt = catalogue()["gpt"]
    return gpt.plan(gpt.values(given))


SMALL = {"batch": (1, 3), "prompt": (5,), "output": (4,), "apart": True}


def test_cells_are_batches_by_prompts_by_outputs() -> None:
    cells = planned(batch=(1, 4), prompt=(32, 128), output=(64,)).cells
    labels = ["b1 p32 o64", "b1 p128 o64", "b4 p32 o64", "b4 p128 o64"]
    assert [cell.label for cell in cells] == labels
    assert [cell.batch for cell in cells] == [1, 1, 4, 4]
    assert {cell.parameters for cell in cells} == {3_161_088}


@pytest.mark.parametrize(("prompt", "output"), [(5, 1), (5, 2), (5, 3), (5, 40), (1, 9)])
def test_macs_are_those_of_the_prefill_and_of_every_decode(prompt: int, output: int) -> None:
    """The first token of the output comes from the prefill."""
    (cell,) = planned(prompt=(prompt,), output=(output,)).cells
    steps = [decode(past).macs for past in range(prompt, prompt + output - 1)]
    assert cell.macs == prefill(prompt).macs + sum(steps)


def test_parts_add_up_to_the_whole() -> None:
    whole, first, rest = planned(**{**SMALL, "batch": (3,)}).cells
    assert [first.label, rest.label] == ["b3 p5 o4 prefill", "b3 p5 o4 decode"]
    assert first.macs + rest.macs == whole.macs  # type: ignore[operator]
    assert whole.counts == {"tokens_in": 15, "tokens_out": 12, "requests": 3}
    assert first.counts == {"tokens_in": 15}
    assert rest.counts == {"tokens_out": 9}


def test_one_token_has_no_decode() -> None:
    assert [cell.label for cell in planned(output=(1,), apart=True).cells] == [
        "b1 p128 o1",
        "b1 p128 o1 prefill",
    ]


def test_the_plan_tells_macs_per_token() -> None:
    plan = planned(batch=(1, 4), prompt=(32,), output=(1, 2, 64))
    first, last = decode(32).macs, decode(94).macs
    assert plan.remarks == (
        "p32 o1: MACs per token: prefill 2,729,472",
        f"p32 o2: MACs per token: prefill 2,729,472, decode {first:,}",
        f"p32 o64: MACs per token: prefill 2,729,472, decode {first:,} to {last:,} "
        "as the context grows",
    )
    assert prefill(32).macs == 32 * 2_729_472


def test_what_is_longer_than_the_network_is_refused() -> None:
    assert planned(prompt=(2000,), output=(48,)).cells
    with pytest.raises(UsageError, match="--prompt 2000 --output 49: 2,049 tokens"):
        planned(prompt=(2000,), output=(48, 49))


@pytest.mark.needs_workloads
@pytest.mark.parametrize(
    "engine", ["onnxruntime", pytest.param("torch", marks=pytest.mark.needs_torch)]
)
def test_the_parts_compute_what_the_whole_does(engine: str) -> None:
    """Their last logits are the prefill's and the whole's, as numpy computes them."""
    from workloads.engines import EngineOptions, open_engine

    def checksums(name: str) -> list[float]:
        plan = planned(**SMALL)
        bind = plan.groups[0].load(open_engine(EngineOptions(name)))
        return [checksum(bind(cell)) for cell in plan.cells]

    expected = checksums("numpy")
    assert checksums(engine) == pytest.approx(expected, rel=1e-5)
    assert expected[2] == pytest.approx(expected[0])
    assert expected[1] != pytest.approx(expected[0])


def checksum(work: Work) -> float:
    """That of two calls, of which the first must leave nothing behind."""
    work.call()
    work.call()
    found = work.checksum()
    assert found is not None
    return found
