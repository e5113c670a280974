"""Fixtures of tests on the bench; they skip, with the reason, where it cannot run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NoReturn

import pytest

from testbench.boards import NO_BOARD, Board
from testbench.fakenvml import FakeNvml
from testbench.sandbox import Bench, nvml_unavailable_reason, unavailable_reason
from testbench.zones import Topology

MakeBench = Callable[..., Bench]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip marked tests with the reason."""
    for marker, why in (
        ("needs_bench", unavailable_reason),
        ("needs_nvml", nvml_unavailable_reason),
    ):
        if item.get_closest_marker(marker) and (reason := why()):
            absent(reason)


def absent(reason: str) -> NoReturn:
    """Skip with the reason, or fail where the bench must run (WATTUI_BENCH=required)."""
    if os.environ.get("WATTUI_BENCH") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def make_bench() -> Iterator[MakeBench]:
    """make_bench(topology, nvml=None, board=NO_BOARD) starts a bench that ends with the test."""
    if reason := unavailable_reason():
        absent(reason)
    with ExitStack() as stack:

        def make(
            topology: Topology, nvml: FakeNvml | None = None, board: Board = NO_BOARD
        ) -> Bench:
            if nvml and (missing := nvml_unavailable_reason()):
                absent(missing)
            return stack.enter_context(Bench(topology, nvml, board))

        yield make
