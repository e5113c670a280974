"""The line of a summary that says what hardware counters counted."""

from __future__ import annotations

import pytest

from recorders.summary.summary import summarise
from tests.support.doubles import event, reduction
from wattui.show.summary import counters_line

CHANNELS = ("package0", "perf_instructions", "perf_page_faults")


def line(labels: bool, n: int | None = 100) -> str:
    rows = [event(0, "note:of_machine perf_instructions")]
    instructions = 0.0
    for place, label in enumerate(("a", "b") if labels else ("",)):
        begin_s, count = 10.0 * place, None if n is None else n * place
        read = {"package0": 50.0 * place, "perf_instructions": instructions}
        rows.append(event(begin_s, "begin", "running", read, label, n=count))
        instructions += 1.5e11 * (1 + 2 * place)
        read = {"package0": 50.0 * (place + 1), "perf_instructions": instructions}
        end = None if n is None else n * (place + 1)
        rows.append(event(begin_s + 9, "end", "running", read, label, n=end))
    made = reduction(rows, ["package0"])
    made.channels += CHANNELS[1:]
    text = counters_line(summarise(made), apart=labels)
    return text.plain if text else ""


@pytest.mark.parametrize(
    ("labels", "n", "expected"),
    [
        (False, 100, "counted per inference of the machine: instructions 1.500 G · page_faults –"),
        (False, None, "counted of the machine: instructions 150.0 G · page_faults –"),
        (
            True,
            100,
            "counted per inference of the machine: instructions 1.500 G to 4.500 G · page_faults –",
        ),
    ],
)
def test_counts_are_said_per_inference_or_in_all(
    labels: bool, n: int | None, expected: str
) -> None:
    assert line(labels, n) == expected
