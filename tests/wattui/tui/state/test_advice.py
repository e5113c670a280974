"""Advice on screens: keys where the command line has options."""

from __future__ import annotations

import re

import pytest

from recorders.summary.summary import summarise
from tests.support.doubles import event, reduction
from wattui.show.remedies import REMEDIES
from wattui.tui.launching.workload import WorkloadSubject
from wattui.tui.state.advice import with_keys
from workloads.catalogue import catalogue

# What no key does: the dashboard was started with it, the file was imported, or a shell tries it.
WITHOUT_KEY = {"simulated", "headline", "wall_estimate", "old_idle", "no_series"}
OPTION = re.compile(r"(?<!\\w)--[a-z]|wattui doctor")


@pytest.mark.parametrize("name", sorted(REMEDIES.keys() - WITHOUT_KEY))
def test_no_remedy_on_a_screen_names_an_option(name: str) -> None:
    assert not OPTION.search(with_keys(REMEDIES[name]))


def test_the_flags_of_a_run_without_idle_and_count_name_none() -> None:
    rows = [
        event(0, "begin", "running", {"total": 0.0}),
        event(9, "end", "running", {"total": 9.0}),
    ]
    flags = {
        flag.name: with_keys(flag.text) for flag in summarise(reduction(rows, ["total"])).flags
    }
    assert flags["no_count"] == "no inferences were counted"
    assert flags["no_idle"].endswith("; a command that is launched with l begins with one")


def test_the_hints_of_the_launch_form_name_none() -> None:
    for workload in catalogue().values():
        subject = WorkloadSubject(workload)
        hints = [spec.hint for spec in (*subject.fields(), *subject.folded())]
        assert not [hint for hint in hints if OPTION.search(hint)]
