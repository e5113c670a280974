"""Who uses AMD and Intel GPUs: known shares of fdinfo trees, and texts that no kernel writes."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.gpu_users import Users, memory_mib, time_pct
from recorders.sources.drm_users import Client, DrmUsers, Engine, parse_fdinfo
from testbench.drm import CARD, DrmClient, DrmProcess, show
from tests.support.doubles import ManualClock

COMMAND, OTHER = 100, 200
OTHER_CARD = "0000:83:00.0"
AMD = {"gfx": 0.62, "compute": 0.1, "dma": 0.03}


def read(
    root: Path,
    clients: Iterable[DrmClient],
    processes: Iterable[DrmProcess] = (DrmProcess(COMMAND), DrmProcess(OTHER)),
    members: frozenset[int] = frozenset({COMMAND}),
    cards: dict[str, str] | None = None,
) -> Users:
    """The users of gpu0 over 2 s."""
    clock = ManualClock()
    users = DrmUsers(cards or {CARD: "gpu0"}, root, clock.monotonic_ns)
    show(root, processes, clients, 10.0)
    users.read(members)
    clock.advance(2.0)
    show(root, processes, clients, 12.0)
    return users.read(members)["gpu0"]


def shares(users: Users, *pids: int) -> tuple[float | None, float | None]:
    uses = users.of(pids)
    return time_pct(uses), memory_mib(uses)


@pytest.mark.parametrize(
    "client",
    [
        DrmClient(7, ((COMMAND, 5),), AMD, {"vram": 2048, "gtt": 64}),
        DrmClient(7, ((COMMAND, 5),), {"render": 0.62}, {"local0": 2048, "system0": 9}, "i915"),
        DrmClient(7, ((COMMAND, 5),), {"ccs": 0.62}, {"vram0": 2048, "gtt": 3}, "xe"),
    ],
    ids=lambda client: client.driver,
)
def test_each_driver_tells_time_and_memory(tmp_path: Path, client: DrmClient) -> None:
    users = read(tmp_path, [client])
    pct, mib = shares(users, COMMAND)
    assert pct == pytest.approx(62.0, rel=1e-4)
    assert mib == 2048
    assert shares(users, OTHER) == (0.0, 0.0)


def test_a_client_is_counted_once_however_many_descriptors_and_processes_share_it(
    tmp_path: Path,
) -> None:
    child = 101
    shared = DrmClient(7, ((COMMAND, 5), (COMMAND, 6), (child, 5)), {"gfx": 0.4}, {"vram": 100})
    own = DrmClient(8, ((child, 9),), {"gfx": 0.25}, {"vram": 30})
    processes = [DrmProcess(COMMAND), DrmProcess(child, parent=COMMAND)]
    users = read(tmp_path, [shared, own], processes, frozenset({COMMAND, child}))
    pct, mib = shares(users, COMMAND, child)
    assert pct == pytest.approx(65.0)
    assert mib == 130


def test_a_client_that_the_command_shares_with_others_is_the_commands(tmp_path: Path) -> None:
    shared = DrmClient(7, ((50, 5), (COMMAND, 5)), {"gfx": 0.4})
    users = read(tmp_path, [shared], [DrmProcess(50), DrmProcess(COMMAND)])
    assert shares(users, COMMAND)[0] == pytest.approx(40.0)
    assert shares(users, 50)[0] == 0.0


def test_the_same_client_number_on_another_card_is_another_client(tmp_path: Path) -> None:
    here = DrmClient(7, ((COMMAND, 5),), {"gfx": 0.4}, {"vram": 10})
    there = DrmClient(7, ((COMMAND, 6),), {"gfx": 0.9}, {"vram": 99}, card=OTHER_CARD)
    users = read(tmp_path, [here, there])
    assert shares(users, COMMAND) == (pytest.approx(40.0), 10)


def test_the_share_is_that_of_the_busiest_engine_and_not_a_sum_of_engines(tmp_path: Path) -> None:
    one = DrmClient(7, ((COMMAND, 5),), {"gfx": 0.5, "compute": 0.2})
    two = DrmClient(8, ((COMMAND, 6),), {"gfx": 0.1, "compute": 0.6})
    assert shares(read(tmp_path, [one, two]), COMMAND)[0] == pytest.approx(80.0)


def test_engines_of_one_kind_share_their_number(tmp_path: Path) -> None:
    client = DrmClient(7, ((COMMAND, 5),), {"vcs": 1.5}, {}, "i915", capacity={"vcs": 2})
    assert shares(read(tmp_path, [client]), COMMAND)[0] == pytest.approx(75.0)


def test_more_than_all_the_time_of_engines_of_unknown_number_is_unknown(tmp_path: Path) -> None:
    client = DrmClient(7, ((COMMAND, 5),), {"compute": 2.4})
    assert shares(read(tmp_path, [client]), COMMAND)[0] is None


def test_a_gpu_in_the_processor_has_no_memory_of_its_own(tmp_path: Path) -> None:
    client = DrmClient(7, ((COMMAND, 5),), {"render": 0.1}, {"system0": 700}, "i915")
    assert shares(read(tmp_path, [client]), COMMAND)[1] is None
    clock = ManualClock()
    inside = DrmUsers({CARD: "igpu0"}, tmp_path, clock.monotonic_ns).read({COMMAND})["igpu0"]
    assert memory_mib(inside.of([COMMAND])) == 700


def test_what_was_only_asked_for_is_no_memory(tmp_path: Path) -> None:
    assert parse_fdinfo("drm-pdev: a\ndrm-client-id: 1\ndrm-total-vram: 5 MiB") == Client("a", 1)


def test_a_time_that_falls_is_not_believed_until_it_is_passed_again(tmp_path: Path) -> None:
    clock, processes = ManualClock(), [DrmProcess(COMMAND)]
    users = DrmUsers({CARD: "gpu0"}, tmp_path, clock.monotonic_ns)
    found = []
    for worked_s in (0.0, 0.5, 0.3, 0.9):
        client = DrmClient(7, ((COMMAND, 5),), {"gfx": worked_s})
        show(tmp_path, processes, [client], 1.0)
        found.append(shares(users.read({COMMAND})["gpu0"], COMMAND)[0])
        clock.advance(1.0)
    assert found == [None, pytest.approx(50.0), 0.0, pytest.approx(40.0)]


def test_a_file_opened_later_counts_from_its_beginning(tmp_path: Path) -> None:
    clock = ManualClock()
    users = DrmUsers({CARD: "gpu0"}, tmp_path, clock.monotonic_ns)
    show(tmp_path, [DrmProcess(COMMAND)], [], 0.0)
    users.read({COMMAND})
    clock.advance(1.0)
    show(tmp_path, [], [DrmClient(7, ((COMMAND, 5),), {"gfx": 0.3})], 1.0)
    assert shares(users.read({COMMAND})["gpu0"], COMMAND)[0] == pytest.approx(30.0)


def test_what_was_used_while_nobody_could_look_is_in_no_share(tmp_path: Path) -> None:
    clock, client = ManualClock(), DrmClient(7, ((COMMAND, 5),), {"gfx": 0.5})
    users = DrmUsers({CARD: "gpu0"}, tmp_path, clock.monotonic_ns)
    fdinfo = tmp_path / f"proc/{COMMAND}/fdinfo/5"
    found = []
    for second in range(1, 6):
        show(tmp_path, [DrmProcess(COMMAND)], [client], float(second))
        if second == 3:
            fdinfo.write_text("drm-pdev:\t0000:03:00.0\n")
        found.append(shares(users.read({COMMAND})["gpu0"], COMMAND)[0])
        clock.advance(1.0)
    assert found == [None, pytest.approx(50.0), None, None, pytest.approx(50.0)]


def test_processes_that_cannot_be_looked_at_are_unknown_and_named_if_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.listdir

    def listdir(path: Path) -> list[str]:
        if f"/{COMMAND}/" in str(path) or f"/{OTHER}/" in str(path):
            raise PermissionError(13, "Permission denied")
        return real(path)

    show(tmp_path, [DrmProcess(COMMAND), DrmProcess(OTHER), DrmProcess(300)], [], 0.0)
    monkeypatch.setattr("recorders.sources.drm_users.os.listdir", listdir)
    users = DrmUsers({CARD: "gpu0"}, tmp_path)
    found = users.read({COMMAND})["gpu0"]
    assert users.unseen == {COMMAND}
    assert shares(found, COMMAND) == (None, None)
    assert shares(found, OTHER) == (None, None)
    assert shares(found, 300) == (0.0, 0.0)
    # Until the next search, the others are not tried again.
    assert shares(users.read(set())["gpu0"], OTHER) == (None, None)


def test_a_process_that_has_ended_uses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show(tmp_path, [DrmProcess(COMMAND)], [], 0.0)
    stat = tmp_path / f"proc/{COMMAND}/stat"
    stat.write_text(stat.read_text().replace(") S", ") Z"))

    def listdir(path: Path) -> list[str]:
        raise PermissionError(13, "Permission denied")

    users = DrmUsers({CARD: "gpu0"}, tmp_path)
    users.read(set())
    monkeypatch.setattr("recorders.sources.drm_users.os.listdir", listdir)
    assert shares(users.read({COMMAND, 999})["gpu0"], COMMAND, 999) == (0.0, 0.0)
    assert not users.unseen


def test_others_are_searched_for_every_ten_seconds_and_then_read_each_time(tmp_path: Path) -> None:
    clock = ManualClock()
    users = DrmUsers({CARD: "gpu0"}, tmp_path, clock.monotonic_ns)
    show(tmp_path, [DrmProcess(COMMAND), DrmProcess(OTHER)], [], 0.0)
    users.read({COMMAND})
    client = DrmClient(7, ((OTHER, 5),), {"gfx": 0.5}, {"vram": 10})
    shown = []
    for second in range(1, 13):
        clock.advance(1.0)
        show(tmp_path, [], [client], float(second))
        shown.append(shares(users.read({COMMAND})["gpu0"], OTHER)[1])
    assert shown[8] == 0.0
    assert shown[9:] == [10, 10, 10]


def test_all_others_are_looked_at_once_a_minute_and_new_ones_every_ten_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[int] = []
    real = DrmUsers._clients

    def clients(users: DrmUsers, pid: int) -> Iterator[Client]:
        looked_at.append(pid)
        return real(users, pid)

    monkeypatch.setattr(DrmUsers, "_clients", clients)
    clock = ManualClock()
    users = DrmUsers({CARD: "gpu0"}, tmp_path, clock.monotonic_ns)
    show(tmp_path, [DrmProcess(OTHER)], [], 0.0)
    found = []
    for second in range(91):
        if second == 33:
            show(tmp_path, [DrmProcess(300)], [], 0.0)
        looked_at.clear()
        users.read(set())
        found += [(second, pid) for pid in looked_at]
        clock.advance(1.0)
    assert [second for second, pid in found if pid == OTHER] == [0, 10, 60]
    assert [second for second, pid in found if pid == 300] == [40, 50, 60]


@pytest.mark.parametrize(
    "text",
    ["", "pos:\t0\nflags:\t02\n", "drm-driver:\tpanfrost\ndrm-client-id:\t3\n"],
    ids=["empty", "no card", "not on the bus"],
)
def test_other_files_are_no_clients(text: str) -> None:
    assert parse_fdinfo(text) is None


@pytest.mark.parametrize(
    "line",
    [
        "drm-client-id:\t-3",
        "drm-engine-gfx:\t12",
        "drm-engine-gfx:\t1e9 ns",
        "drm-memory-vram:\t12 GiB",
        "drm-resident-vram:\t0x10",
    ],
)
def test_what_the_format_does_not_allow_is_no_number(line: str) -> None:
    with pytest.raises(ValueError, match=r"not a number|not a size"):
        parse_fdinfo(f"drm-pdev:\t{CARD}\ndrm-client-id:\t1\n{line}\n")


def test_cycles_without_those_that_passed_are_no_time() -> None:
    text = f"drm-pdev:\t{CARD}\ndrm-client-id:\t1\ndrm-cycles-fragment:\t900\n"
    assert parse_fdinfo(text) == Client(CARD, 1)
    both = text + "drm-engine-fragment:\t5 ns\ndrm-total-cycles-fragment:\t1000\n"
    client = parse_fdinfo(both)
    assert client is not None
    assert client.engines == {"fragment": Engine(5)}


KEYS = st.sampled_from(
    (
        *("pdev", "client-id", "engine-gfx", "engine-capacity-gfx", "cycles-rcs", "driver"),
        *("total-cycles-rcs", "memory-vram", "resident-vram", "total-vram", "engine-", "memory-"),
    )
)
VALUES = st.one_of(
    st.text(max_size=12),
    st.integers(-5, 10**25).map(str),
    st.tuples(st.integers(0, 10**18), st.sampled_from(["ns", "KiB", "MiB", "B"])).map(
        lambda both: f"{both[0]} {both[1]}"
    ),
)
LINES = st.one_of(
    st.text(max_size=40), st.tuples(KEYS, VALUES).map(lambda kv: f"drm-{kv[0]}: {kv[1]}")
)


@given(st.lists(LINES, max_size=12).map("\n".join))
def test_whatever_a_file_says_its_numbers_are_in_it(text: str) -> None:
    try:
        client = parse_fdinfo(text)
    except ValueError:
        return
    if client is None:
        return
    assert client.number >= 0
    for engine in client.engines.values():
        assert engine.busy >= 0
        assert engine.passed >= 0
        assert engine.capacity >= 1
    assert all(math.isfinite(mib) and mib >= 0 for mib in client.memory_mib.values())
