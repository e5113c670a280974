"""Hardware counters: the event behind each name, what is counted, scaling, and rights."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorders.source import Gone, Refusal, Retry, Source
from recorders.sources.counter_names import CounterNameError, CounterNames, Pmu, encoded
from recorders.sources.counters import CommandCounters, Counters, open_counters
from recorders.sources.perf_event import KernelEvents, PmuEvent
from tests.support.counters import AMD_FORMAT, ARM_FORMAT, FakeCounters, processor
from tests.support.doubles import ManualClock

CPU, ONE = 4, {"cpu": (4, "")}
HYBRID = {"cpu_core": (4, "0-3"), "cpu_atom": (10, "4-7")}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def opened(
    root: Path, names: Sequence[str], events: FakeCounters, clock: ManualClock, command: bool = True
) -> tuple[list[Source], list[Refusal]]:
    return open_counters(names, command, root, events, clock.monotonic_ns)


def counts(source: Source) -> dict[str, object]:
    channels = source.channels()
    return {channels[each.channel].name: each.value for each in source.read()}


def paranoid(root: Path, level: int) -> None:
    (root / "proc/sys/kernel").mkdir(parents=True, exist_ok=True)
    (root / "proc/sys/kernel/perf_event_paranoid").write_text(f"{level}\n")


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("kind", "name", "event"),
    [
        ("skylake", "instructions", PmuEvent(0, 1)),
        ("skylake", "llc_misses", PmuEvent(0, 3)),
        ("skylake", "l1d_load_misses", PmuEvent(3, 0x10000)),
        ("skylake", "simd_fp", PmuEvent(CPU, 0x3CC7)),
        ("icelake", "simd_fp", PmuEvent(CPU, 0xFCC7)),
        ("zen3", "simd_flops", PmuEvent(CPU, 0xFF03)),
        ("zen4", "simd_flops", PmuEvent(CPU, 0x1F03)),
        ("neoverse", "llc_misses", PmuEvent(3, 0x10002)),
        ("skylake", "page_faults", PmuEvent(1, 2)),
    ],
)
def test_a_name_is_the_event_of_this_processor(
    tmp_path: Path, kind: str, name: str, event: PmuEvent
) -> None:
    names = CounterNames(processor(tmp_path, kind, ONE))
    assert [each for each, _ in names.event(name).events] == [event]


def test_advanced_simd_of_arm_is_its_architectural_event(tmp_path: Path) -> None:
    root = processor(tmp_path, "neoverse", {"armv8_pmuv3_0": (8, "0-3")}, ARM_FORMAT)
    assert CounterNames(root).event("simd_ops").events == ((PmuEvent(8, 0x74), (0, 1, 2, 3)),)


def test_last_level_misses_of_amd_are_those_of_its_l3_units(tmp_path: Path) -> None:
    pmus = {**ONE, "amd_l3": (12, "0,8")}
    event = CounterNames(processor(tmp_path, "zen3", pmus, AMD_FORMAT)).event("llc_misses")
    assert event.events == ((PmuEvent(12, 0x104), (0, 8)),)
    assert not event.per_thread


def test_events_that_the_kernel_names_are_known_by_their_own_format(tmp_path: Path) -> None:
    root = processor(tmp_path, "zen4", ONE, AMD_FORMAT, {"op-cache": "event=0x28f,umask=0x07"})
    assert CounterNames(root).event("op_cache").events[0][0] == PmuEvent(CPU, 0x2_0000_078F)


def test_each_kind_of_core_counts_its_part(tmp_path: Path) -> None:
    root = processor(tmp_path, "skylake", HYBRID, online="0-7")
    assert CounterNames(root).event("instructions").events == (
        (PmuEvent(0, 1 | 10 << 32), (4, 5, 6, 7)),
        (PmuEvent(0, 1 | 4 << 32), (0, 1, 2, 3)),
    )


@pytest.mark.parametrize(
    ("kind", "name", "why"),
    [
        ("haswell", "simd_fp", "not known for this processor"),
        ("zen4", "simd_fp", "simd_flops works"),
        ("skylake", "instrutions", "did you mean instructions"),
        ("skylake", "watts", "--counters list"),
    ],
)
def test_a_name_that_does_not_work_here_says_what_does(
    tmp_path: Path, kind: str, name: str, why: str
) -> None:
    with pytest.raises(CounterNameError, match=why):
        CounterNames(processor(tmp_path, kind, ONE)).event(name)


def test_without_a_pmu_the_software_events_are_named(tmp_path: Path, clock: ManualClock) -> None:
    root = processor(tmp_path, "zen4", {})
    events = FakeCounters(clock.monotonic_ns)
    sources, (refusal,) = opened(root, ["instructions", "cycles", "page_faults"], events, clock)
    assert [c.name for s in sources for c in s.channels()] == ["perf_page_faults"]
    assert refusal.source == "counters instructions, cycles"
    assert "task_clock" in refusal.reason


FIELDS = st.one_of(st.text(max_size=20), st.from_regex(r"config[12]?:[0-9]{1,3}(-[0-9]{1,3})?"))
TERMS = st.one_of(st.text(max_size=20), st.from_regex(r"event(=0x[0-9a-f]{1,17})?"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TERMS, FIELDS)
def test_no_terms_or_format_crash_it_or_leave_the_64_bits(
    tmp_path: Path, terms: str, bits: str
) -> None:
    path = tmp_path / "format/event"
    path.parent.mkdir(exist_ok=True)
    path.write_text(bits, errors="replace")
    try:
        event = encoded(Pmu("cpu", CPU, tmp_path, None), terms)
    except CounterNameError:
        return
    assert all(0 <= field < 1 << 64 for field in (event.config, event.config1, event.config2))


# ---------------------------------------------------------------- what is counted


def test_the_whole_machine_is_counted_where_permitted(tmp_path: Path, clock: ManualClock) -> None:
    root = processor(tmp_path, "skylake", ONE, online="0-3")
    events = FakeCounters(clock.monotonic_ns, per_s=lambda event: 1e9)
    (source,), refused = opened(root, ["instructions"], events, clock)
    assert refused == []
    assert sorted(cpu for _, cpu, _ in events.on.values()) == [0, 1, 2, 3]
    before = counts(source)["perf_instructions"]
    clock.advance(2.5)
    assert counts(source)["perf_instructions"] - before == pytest.approx(4 * 2.5e9)  # type: ignore[operator]
    assert source.facts()["counted"] == "the whole machine"
    assert source.channels()[0].remarks == ("of_machine",)
    source.close()
    assert events.descriptors == []


@pytest.mark.parametrize(
    ("level", "remark", "kernel"), [(1, "of_command", True), (2, "of_user_mode", False)]
)
def test_else_only_what_the_command_does(
    tmp_path: Path, clock: ManualClock, level: int, remark: str, kernel: bool
) -> None:
    root = processor(tmp_path, "skylake", ONE)
    paranoid(root, level)
    events = FakeCounters(clock.monotonic_ns, per_s=lambda event: 1e6, level=level)
    (source,), _ = opened(root, ["instructions"], events, clock)
    assert isinstance(source, CommandCounters)
    assert source.channels()[0].remarks == (remark,)
    assert f"perf_event_paranoid is {level}" in str(source.facts()["why"])
    assert isinstance(counts(source)["perf_instructions"], Retry)
    source.expect(77)
    assert [(thread, k) for _, thread, k in events.of.values()] == [(77, kernel)]
    assert counts(source)["perf_instructions"] == 0
    events.command_ns = clock.monotonic_ns(), None
    source.watch(os.getpid())
    clock.advance(3)
    assert counts(source)["perf_instructions"] == pytest.approx(3e6)
    source.watch(None)
    assert isinstance(counts(source)["perf_instructions"], Retry)
    assert events.descriptors == []


def test_commands_one_after_the_other_add_up(tmp_path: Path, clock: ManualClock) -> None:
    events = FakeCounters(clock.monotonic_ns, per_s=lambda event: 1e6, level=2)
    (source,), _ = opened(processor(tmp_path, "skylake", ONE), ["cycles"], events, clock)
    assert isinstance(source, CommandCounters)
    for done in (1, 2):
        source.expect(77)
        events.command_ns = clock.monotonic_ns(), None
        source.watch(os.getpid())
        clock.advance(2)
        assert counts(source)["perf_cycles"] == pytest.approx(done * 2e6)
        source.watch(None)
        clock.advance(5)


def test_a_command_that_cannot_be_followed_has_no_count_rather_than_none(
    tmp_path: Path, clock: ManualClock
) -> None:
    events = FakeCounters(clock.monotonic_ns, level=2)
    (source,), _ = opened(processor(tmp_path, "skylake", ONE), ["cycles"], events, clock)
    assert isinstance(source, CommandCounters)
    source.expect(77)
    source.watch(os.getpid())
    clock.advance(1)
    assert isinstance(counts(source)["perf_cycles"], Retry)


def test_a_count_that_lacks_a_nodes_other_ranks_is_unknown(
    tmp_path: Path, clock: ManualClock
) -> None:
    events = FakeCounters(clock.monotonic_ns, per_s=lambda event: 1e6, level=2)
    (source,), _ = opened(processor(tmp_path, "skylake", ONE), ["cycles"], events, clock)
    assert isinstance(source, CommandCounters)
    source.expect(77)
    events.command_ns = clock.monotonic_ns(), None
    source.watch(os.getpid())
    clock.advance(1)
    assert counts(source)["perf_cycles"] == pytest.approx(1e6)
    source.watch(os.getpid(), 4711)
    clock.advance(1)
    assert isinstance(counts(source)["perf_cycles"], Gone)


def test_a_command_with_rights_of_its_own_is_unknown_though_it_was_counted_until_it_had_them(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = FakeCounters(clock.monotonic_ns, per_s=lambda event: 1e6, level=2)
    (source,), _ = opened(processor(tmp_path, "skylake", ONE), ["cycles"], events, clock)
    assert isinstance(source, CommandCounters)
    source.expect(77)
    assert counts(source)["perf_cycles"] == 0
    begin_ns = clock.monotonic_ns()
    clock.advance(0.0005)
    events.command_ns = begin_ns, clock.monotonic_ns()
    another = os.geteuid() + 1
    monkeypatch.setattr("os.geteuid", lambda: another)
    source.watch(os.getpid())
    clock.advance(1)
    assert isinstance(counts(source)["perf_cycles"], Gone)


def test_task_clock_is_the_commands_as_a_machine_counts_its_idle_time_too(
    tmp_path: Path, clock: ManualClock
) -> None:
    events = FakeCounters(clock.monotonic_ns)
    root = processor(tmp_path, "skylake", ONE)
    sources, _ = opened(root, ["task_clock", "page_faults"], events, clock)
    found = {c.name: c.remarks for source in sources for c in source.channels()}
    assert found == {"perf_page_faults": ("of_machine",), "perf_task_clock": ("of_command",)}


def test_counters_of_a_large_machine_are_read_beside_the_sampling_loop(
    tmp_path: Path, clock: ManualClock
) -> None:
    root = processor(tmp_path, "zen3", ONE, online="0-127")
    events = FakeCounters(clock.monotonic_ns)
    (many,), _ = opened(root, ["cycles"], events, clock)
    few, _ = opened(root, ["task_clock"], events, clock)
    assert (many.blocking, many.period_s) == (True, 0.1)
    assert not few[0].blocking


# ---------------------------------------------------------------- rights


def test_nothing_is_permitted_and_the_fix_is_said_once(tmp_path: Path, clock: ManualClock) -> None:
    root = processor(tmp_path, "skylake", ONE)
    paranoid(root, 4)
    events = FakeCounters(clock.monotonic_ns, level=4)
    sources, (refusal,) = opened(root, ["instructions", "cycles"], events, clock)
    assert sources == []
    assert refusal.source == "counters instructions, cycles"
    assert refusal.reason == "perf_event_paranoid is 4: counters need 2, or CAP_PERFMON"
    assert refusal.remedy.startswith("sudo sysctl kernel.perf_event_paranoid=2")


def test_what_happens_in_the_kernel_is_refused_where_that_is_hidden(
    tmp_path: Path, clock: ManualClock
) -> None:
    root = processor(tmp_path, "skylake", ONE)
    paranoid(root, 2)
    events = FakeCounters(clock.monotonic_ns, level=2)
    sources, (refusal,) = opened(root, ["context_switches", "page_faults"], events, clock)
    assert [c.name for s in sources for c in s.channels()] == ["perf_page_faults"]
    assert refusal.source == "counters context_switches"
    assert refusal.remedy.startswith("sudo sysctl kernel.perf_event_paranoid=1")


def test_without_a_command_the_machine_has_to_be_permitted(
    tmp_path: Path, clock: ManualClock
) -> None:
    root = processor(tmp_path, "skylake", ONE)
    paranoid(root, 2)
    events = FakeCounters(clock.monotonic_ns, level=2)
    sources, (refusal,) = opened(root, ["instructions"], events, clock, command=False)
    assert sources == []
    assert refusal.remedy.startswith("sudo sysctl kernel.perf_event_paranoid=0")


def test_an_event_that_the_processor_lacks_leaves_the_others(
    tmp_path: Path, clock: ManualClock
) -> None:
    events = FakeCounters(clock.monotonic_ns, has=lambda event: event.config != 8)
    root = processor(tmp_path, "skylake", ONE)
    names = ["stalled_cycles_backend", "Instructions", "instructions"]
    (source,), (refusal,) = opened(root, names, events, clock)
    assert [c.name for c in source.channels()] == ["perf_instructions"]
    assert refusal.reason == "this processor does not count it"


# ---------------------------------------------------------------- scaling


def test_events_that_take_turns_are_scaled_and_their_share_noted(
    tmp_path: Path, clock: ManualClock
) -> None:
    root = processor(tmp_path, "skylake", ONE)
    events = FakeCounters(clock.monotonic_ns, lambda event: 1e9, shares={0: 0.4})
    (source,), _ = opened(root, ["instructions", "cycles"], events, clock)
    assert isinstance(source, Counters)
    for _ in range(10):
        clock.advance(0.1)
        found = counts(source)
    assert found == pytest.approx({"perf_instructions": 4e9, "perf_cycles": 4e9})
    assert source.news() == ["multiplexed perf_cycles=40"]
    clock.advance(0.1)
    source.read()
    assert source.news() == []


def test_a_read_while_others_have_the_counter_continues_at_the_last_rate(
    tmp_path: Path, clock: ManualClock
) -> None:
    root = processor(tmp_path, "skylake", ONE, online="0")
    events = FakeCounters(clock.monotonic_ns, lambda event: 1e9)
    (source,), _ = opened(root, ["cycles"], events, clock)
    clock.advance(1)
    assert counts(source)["perf_cycles"] == pytest.approx(1e9)
    held = dict(events.on)
    at_1s = {n: events.read_scaled(n) for n in held}
    events.read_scaled = lambda n: at_1s[n]._replace(enabled_ns=1_010_000_000)  # type: ignore[method-assign]
    assert counts(source)["perf_cycles"] == pytest.approx(1.01e9)


def test_a_command_that_moves_between_kinds_of_cores_is_not_scaled(
    tmp_path: Path, clock: ManualClock
) -> None:
    root = processor(tmp_path, "skylake", HYBRID, online="0-7")
    big, small = 1 | 4 << 32, 1 | 10 << 32
    events = FakeCounters(clock.monotonic_ns, lambda event: 1e9, 2, {big: 0.75, small: 0.25})
    (source,), _ = opened(root, ["instructions"], events, clock)
    assert isinstance(source, CommandCounters)
    source.expect(77)
    events.command_ns = clock.monotonic_ns(), None
    clock.advance(2)
    assert counts(source)["perf_instructions"] == pytest.approx(2e9)
    assert source.news() == []


# ---------------------------------------------------------------- the real kernel

WORK = "import subprocess, sys; sum(range(10**6)); subprocess.run([sys.executable, '-c', 'pass'])"


def test_the_kernel_counts_a_command_with_its_children_and_nothing_else() -> None:
    import resource

    (source, *_), refused = open_counters(["task_clock"], True, events=KernelEvents()) or ([], [])
    if refused:
        pytest.skip(f"perf events are not permitted here: {refused[0].reason}")
    assert isinstance(source, CommandCounters)
    source.expect(threading.get_native_id())
    sum(range(10**6))  # our own work is not the command's
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen([sys.executable, "-c", WORK], env=dict(os.environ)) as child:
        source.watch(child.pid)
        child.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert counts(source)["perf_task_clock"] * 1e-9 == pytest.approx(used_s, abs=0.02, rel=0.1)  # type: ignore[operator]
    source.close()
