"""Memory that is left: the machine's, or that of the tightest control group round the process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from workloads.memory import available_bytes

MACHINE = 1 << 40
V2 = ("memory.max", "memory.current", "inactive_file")
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


@dataclass
class Groups:
    """Control groups under a plain directory."""

    root: Path
    base: str = "sys/fs/cgroup"
    names: tuple[str, str, str] = V2

    def of_process(self, *lines: str) -> None:
        path = self.root / "proc/self/cgroup"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(lines) + "\n")

    def add(self, path: str, limit: object, usage: object, cached: int | None = None) -> None:
        directory = self.root / self.base / path
        directory.mkdir(parents=True, exist_ok=True)
        (directory / self.names[0]).write_text(f"{limit}\n")
        (directory / self.names[1]).write_text(f"{usage}\n")
        if cached is not None:
            stat = f"anon 5\nx{self.names[2]} 9\n{self.names[2]} {cached}\nfile 7\n"
            (directory / "memory.stat").write_text(stat)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        available = MACHINE

    monkeypatch.setattr(psutil, "virtual_memory", Memory)


@pytest.fixture
def groups(tmp_path: Path) -> Groups:
    return Groups(tmp_path)


@pytest.fixture
def old_groups(tmp_path: Path) -> Groups:
    return Groups(tmp_path, "sys/fs/cgroup/memory", V1)


def test_without_groups_it_is_the_machines(tmp_path: Path) -> None:
    assert available_bytes(tmp_path) == MACHINE


def test_a_group_limits_it(groups: Groups) -> None:
    groups.of_process("0::/user.slice/session")
    groups.add("user.slice/session", 1000, 300)
    assert available_bytes(groups.root) == 700


def test_a_group_further_up_may_limit_it_more(groups: Groups) -> None:
    groups.of_process("0::/user.slice/session")
    groups.add("user.slice/session", 1000, 300)
    groups.add("user.slice", 1200, 900)
    assert available_bytes(groups.root) == 300


def test_a_group_without_a_limit_leaves_it(groups: Groups) -> None:
    groups.of_process("0::/user.slice")
    groups.add("user.slice", "max", 300)
    assert available_bytes(groups.root) == MACHINE


def test_in_a_container_the_root_is_the_containers_own_group(groups: Groups) -> None:
    groups.of_process("0::/../../not/visible/here")
    groups.add("", 1000, 400)
    assert available_bytes(groups.root) == 600


def test_files_in_the_cache_are_given_back(groups: Groups) -> None:
    groups.of_process("0::/")
    groups.add("", 1000, 900, cached=250)
    assert available_bytes(groups.root) == 350


def test_a_group_over_its_limit_has_nothing_left(groups: Groups) -> None:
    groups.of_process("0::/")
    groups.add("", 1000, 1100)
    assert available_bytes(groups.root) == 0


def test_groups_of_the_first_version(old_groups: Groups) -> None:
    old_groups.of_process("9:cpu,cpuacct:/a", "4:memory:/docker/b", "0::/")
    old_groups.add("docker/b", 1000, 300, cached=50)
    old_groups.add("", 9223372036854771712, 5000)
    assert available_bytes(old_groups.root) == 750


def test_a_usage_that_cannot_be_read_leaves_it(groups: Groups) -> None:
    groups.of_process("0::/")
    groups.add("", 1000, "?")
    assert available_bytes(groups.root) == MACHINE
