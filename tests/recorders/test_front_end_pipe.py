"""The recorder's pipe to its front end, which may be suspended."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from recorders import wire
from recorders.front_end_pipe import FrontEndPipe


@pytest.fixture
def pipe() -> Iterator[tuple[int, FrontEndPipe]]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    yield reading, FrontEndPipe(writing)
    os.close(reading)
    os.close(writing)


def received(reading: int) -> list[wire.Message]:
    data = b""
    try:
        while part := os.read(reading, 2**20):
            data += part
    except BlockingIOError:
        pass
    return [wire.decode(line) for line in data.splitlines()]


def test_a_suspended_front_end_costs_no_memory_and_gets_every_event_later(
    pipe: tuple[int, FrontEndPipe],
) -> None:
    reading, outlet = pipe
    for n in range(20_000):
        outlet.send({"t": "row", "n": n, "cells": ["1.0"] * 20})
        outlet.send({"t": "pulse", "n": n})
        outlet.send({"t": "processes", "n": n})
    outlet.send({"t": "event", "n": 1})
    kept = len(outlet._rest)
    outlet.send({"t": "event", "n": 2})
    assert kept < 2**13
    found = received(reading)
    outlet.send({"t": "event", "n": 3})
    found += received(reading)
    assert [message["n"] for message in found if message["t"] == "event"] == [1, 2, 3]


def test_a_front_end_that_is_gone_is_no_error() -> None:
    reading, writing = os.pipe()
    outlet = FrontEndPipe(writing)
    os.close(reading)
    outlet.send({"t": "event"})
    assert not outlet._rest
    os.close(writing)
