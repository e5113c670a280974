"""Energy per token or request: the figures are those of inferences if these had been counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recorders.counts import is_tokens
from recorders.summary.figures import Summary, Value
from recorders.summary.per import NotCountedError, by, counted_names, usual_per
from recorders.summary.reduction import EventRow, Reduction, count_event
from recorders.summary.summary import summarise
from tests.support.doubles import event, reduction

CHANNELS = ("package0", "total")


def energy(joules: float) -> dict[str, float]:
    return dict.fromkeys(CHANNELS, joules)


def made(with_inferences: bool = True) -> Reduction:
    """10 W idle, then labels a and b, twice each; tokens and requests beside inferences."""
    rows = [event(0, "note:difference a minus b"), event(0, "note:part a of ab")]
    rows.append(event(0, "note:part b of ab"))
    rows.append(event(0, "begin", "idle", energy(0.0)))
    rows.append(event(10, "end", "idle", energy(100.0)))
    time_s, joules, tokens, n = 10.0, 100.0, 0, 0
    for repeat in (1, 2):
        for label, power_w in (("a", 50.0), ("b", 30.0 + repeat)):
            where = {"phase": "running", "label": label, "repeat": repeat}
            rows.append(
                counted(event(time_s, "begin", energy_j=energy(joules), **where), n, tokens)
            )
            time_s, joules = time_s + 4, joules + 4 * power_w
            tokens, n = tokens + 100 * repeat + len(label), n + 4
            rows.append(counted(event(time_s, "end", energy_j=energy(joules), **where), n, tokens))
    found = reduction(
        rows, CHANNELS, {name: [(t, 10.0 * t) for t in range(11)] for name in CHANNELS}
    )
    if not with_inferences:
        for row in found.events:
            row.inferences = None
    return found


def counted(row: EventRow, n: int, tokens: int) -> EventRow:
    counts = {"requests": tokens // 50, "tokens_out": tokens} if tokens else {}
    return replace(row, inferences=n, counts=counts)


def as_inferences(found: Reduction, name: str) -> Reduction:
    """The same recording if that count had been of inferences."""
    events = [replace(row, inferences=row.counts.get(name), counts={}) for row in found.events]
    return replace(found, events=events)


def without_counts(summary: Summary) -> Summary:
    def plain(group):  # type: ignore[no-untyped-def]
        return replace(group, counts={})

    return replace(
        summary,
        per="inferences",
        running=summary.running and plain(summary.running),
        labels=[*map(plain, summary.labels)],
        repeats=[*map(plain, summary.repeats)],
        differences=[*map(plain, summary.differences)],
        sums=[*map(plain, summary.sums)],
        phases=[*map(plain, summary.phases)],
    )


@pytest.mark.parametrize("name", ["tokens_out", "requests"])
def test_figures_per_token_are_those_of_as_many_inferences(name: str) -> None:
    found = by(summarise(made()), name)
    assert found.per == name
    assert found.running is not None
    assert found.running.inferences
    assert replace(without_counts(found), flags=[]) == replace(
        summarise(as_inferences(made(), name)), flags=[]
    )


def test_flags_are_about_what_the_energy_is_usually_stated_per() -> None:
    found = by(summarise(made(with_inferences=False)))
    assert found.per == "tokens_out"
    assert without_counts(found) == summarise(as_inferences(made(), "tokens_out"))


def test_inferences_are_unchanged_by_other_counts() -> None:
    found = made()
    alone = replace(found, events=[replace(row, counts={}) for row in found.events])
    assert without_counts(summarise(found)) == summarise(alone)


def test_joules_of_a_token_are_those_that_a_person_divides() -> None:
    running = summarise(made()).running
    assert running is not None
    tokens = running.counts["tokens_out"]
    joules = 4 * (50 + 31 + 50 + 32)
    assert tokens.count == 2 * 101 + 2 * 201
    answers = tokens.domains["total"]
    assert answers.total_j is not None
    assert answers.total_j.value == pytest.approx(joules / 604)
    assert answers.dynamic_j is not None
    assert answers.dynamic_j.value == pytest.approx((joules - 16 * 10) / 604)
    assert tokens.per_s == pytest.approx(604 / 16)


def test_what_is_usual_is_inferences_then_output_tokens_then_the_first() -> None:
    assert usual_per(summarise(made()).running) == "inferences"
    assert counted_names(summarise(made()).running) == ["inferences", "requests", "tokens_out"]
    others = made(with_inferences=False)
    assert usual_per(summarise(others).running) == "tokens_out"
    for row in others.events:
        row.counts = {name: n for name, n in row.counts.items() if name == "requests"}
    assert usual_per(summarise(others).running) == "requests"
    assert by(summarise(others)).per == "requests"


def test_what_was_not_counted_is_said_in_a_line() -> None:
    with pytest.raises(NotCountedError, match="did not count images: it has inferences, requests"):
        by(summarise(made()), "images")


def test_a_summary_with_counts_survives_its_json() -> None:
    summary = summarise(made())
    assert Summary.from_dict(summary.to_dict()) == summary
    running = summary.to_dict()["running"]
    assert running["inferences"] == 16
    assert running["counts"]["tokens_out"]["count"] == 604
    assert running["counts"]["requests"]["domains"]["total"]["total_j"]["value"] > 0
    assert "per" not in summary.to_dict()


def test_a_count_of_no_phase_flags_nothing_and_none_at_all_does() -> None:
    flags = {flag.name for flag in summarise(made(with_inferences=False)).flags}
    assert "no_count" not in flags


def test_the_phases_have_their_own_counts() -> None:
    rows = made().events
    overlapped = [*rows[:-1], replace(rows[-1], event=count_event(7, "tokens_out")), rows[-1]]
    phases = summarise(replace(made(), events=overlapped)).phases
    assert phases[-1].counts["tokens_out"] == 7
    assert phases[-2].counts["tokens_out"] == 201


def test_the_figures_of_a_token_have_their_own_uncertainty() -> None:
    value = by(summarise(made()), "tokens_out").quoted
    assert value is not None
    assert isinstance(value.total_j_per_inference, Value)
    assert value.total_j_per_inference.plus_minus is not None


@pytest.mark.parametrize(
    ("name", "is_of_tokens"),
    [
        ("tokens", True),
        ("tokens_out", True),
        ("exo_generation_tokens", True),
        ("requests", False),
        ("tokenizers", False),
    ],
)
def test_tokens_are_known_by_their_name(name: str, is_of_tokens: bool) -> None:
    """A count chosen by its metric has that name, such as exo_generation_tokens."""
    assert is_tokens(name) is is_of_tokens
