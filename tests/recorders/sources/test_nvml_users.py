"""Who uses NVIDIA GPUs: samples old and new, processes without a number, and containers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.gpu_users import memory_mib, time_pct
from recorders.sources.nvml_devices import Gpu
from recorders.sources.nvml_users import NvmlUsers, Samples, refused_shares
from tests.support.doubles import ManualClock

GPU = Gpu(0, "gpu0", "handle", "GPU-1", "A GPU")
S_US = 1_000_000


def sample(pid: int, at_us: int, pct: int) -> Any:
    return SimpleNamespace(pid=pid, timeStamp=at_us, smUtil=pct)


def holder(pid: int, mib: int | None, gi: int = 2**32 - 1, ci: int = 2**32 - 1) -> Any:
    used = None if mib is None else mib * 2**20
    return SimpleNamespace(pid=pid, usedGpuMemory=used, gpuInstanceId=gi, computeInstanceId=ci)


class Library:
    """NVML with these answers; an error code is raised."""

    NVMLError = pynvml.NVMLError
    NVML_SUCCESS, NVML_ERROR_NOT_FOUND = pynvml.NVML_SUCCESS, pynvml.NVML_ERROR_NOT_FOUND

    def __init__(self) -> None:
        self.samples: list[Any] | int = []
        self.compute: list[Any] | int = []
        self.graphics: list[Any] | int = []

    def nvmlDeviceGetProcessUtilization(self, handle: str, since_us: int) -> list[Any]:  # noqa: N802
        found = _answer(self.samples)
        return [each for each in found if each.timeStamp > since_us]

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[Any]:  # noqa: N802
        return _answer(self.compute)

    def nvmlDeviceGetGraphicsRunningProcesses(self, handle: str) -> list[Any]:  # noqa: N802
        return _answer(self.graphics)


def _answer(what: list[Any] | int) -> list[Any]:
    if isinstance(what, int):
        raise pynvml.NVMLError(what)
    return what


@pytest.fixture
def library() -> Library:
    return Library()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def look(library: Library, clock: ManualClock) -> Callable[..., tuple[Any, Any]]:
    users = NvmlUsers(library, [GPU], clock.monotonic_ns)

    def shares(*pids: int) -> tuple[Any, Any]:
        uses = users.read(set())["gpu0"].of(pids)
        clock.advance(1.0)
        return time_pct(uses), memory_mib(uses)

    return shares


def test_time_and_memory_of_the_commands_processes_add_up(library: Library, look: Any) -> None:
    library.samples = [sample(10, 5 * S_US, 99)]
    look(10)
    library.samples = [sample(p, 7 * S_US, pct) for p, pct in ((10, 40), (11, 25), (12, 30))]
    library.compute = [holder(10, 2000), holder(11, 500), holder(12, 900)]
    assert look(10, 11) == (pytest.approx(65.0), 2500)
    assert look(99) == (0.0, 0.0)


def test_samples_from_before_the_first_look_are_not_current(library: Library, look: Any) -> None:
    library.samples = [sample(10, 5 * S_US, 80)]
    assert look(10)[0] is None
    assert look(10)[0] == 0.0


def test_a_sample_holds_for_two_seconds_as_the_driver_takes_its_time(
    library: Library, look: Any
) -> None:
    look(10)
    library.samples = [sample(10, 7 * S_US, 80)]
    assert [look(10)[0] for _ in range(4)] == [80.0, 80.0, 80.0, 0.0]


@pytest.mark.parametrize("code", [pynvml.NVML_SUCCESS, pynvml.NVML_ERROR_NOT_FOUND])
def test_no_samples_is_no_use(library: Library, look: Any, code: int) -> None:
    library.samples = code
    look(10)
    assert look(10)[0] == 0.0


@pytest.mark.parametrize("code", [pynvml.NVML_ERROR_NOT_SUPPORTED, pynvml.NVML_ERROR_NO_PERMISSION])
def test_a_driver_that_does_not_tell_is_unknown_and_not_zero(
    library: Library, look: Any, code: int
) -> None:
    library.samples, library.compute = code, [holder(10, 2000)]
    look(10)
    assert look(10) == (None, 2000)
    assert look(99) == (None, 0.0)
    library.graphics = code
    assert look(10) == (None, None)


def test_memory_that_is_not_available_is_no_number(library: Library, look: Any) -> None:
    library.compute = [holder(10, None), holder(11, 5)]
    assert look(10)[1] is None
    assert look(10, 11)[1] is None
    assert look(11)[1] == 5


def test_a_process_that_computes_and_draws_holds_its_memory_once(
    library: Library, look: Any
) -> None:
    library.compute, library.graphics = [holder(10, 300)], [holder(10, 300), holder(11, 20)]
    assert look(10, 11)[1] == 320


def test_a_process_in_two_instances_holds_both_memories(library: Library, look: Any) -> None:
    library.compute = [holder(10, 300, 1, 0), holder(10, 200, 2, 0)]
    assert look(10)[1] == 500


def test_a_share_over_a_hundred_is_a_wrong_one(library: Library, look: Any) -> None:
    look(10)
    library.samples = [sample(10, 7 * S_US, 2**32 - 1), sample(11, 7 * S_US, 20)]
    assert look(10)[0] is None
    assert look(11)[0] == 20.0


def namespace(root: Path, link: str) -> Path:
    directory = root / "proc/self/ns"
    directory.mkdir(parents=True)
    (directory / "pid").symlink_to(link)
    return root


def test_processes_of_a_container_are_not_those_that_nvml_names(
    library: Library, tmp_path: Path
) -> None:
    root = namespace(tmp_path, "pid:[4026532761]")
    without, (refused,) = refused_shares(NvmlUsers(library, [GPU]), [GPU], root)
    assert without == {"command_gpu0", "command_gpu0_mem"}
    assert "this container cannot see" in refused.reason
    assert "--pid=host" in refused.remedy


def test_a_container_with_the_hosts_processes_has_shares(library: Library, tmp_path: Path) -> None:
    root = namespace(tmp_path, "pid:[4026531836]")
    assert refused_shares(NvmlUsers(library, [GPU]), [GPU], root) == (set(), [])


def test_what_the_driver_does_not_tell_is_refused_by_itself(
    library: Library, tmp_path: Path
) -> None:
    library.samples = pynvml.NVML_ERROR_NOT_SUPPORTED
    devices = [GPU, Gpu(1, "gpu1", "handle", "GPU-2", "A GPU", mig=True)]
    without, (refused,) = refused_shares(NvmlUsers(library, devices), devices, tmp_path)
    assert without == {"command_gpu0", "command_gpu1"}
    assert refused.reason.endswith("the processes' use of gpu0, gpu1 (in MIG mode)")


@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(1, 4), st.integers(0, 2**63), st.integers(0, 2**32 - 1)),
            max_size=6,
        ),
        max_size=5,
    )
)
def test_whatever_the_driver_says_a_share_is_of_time(
    looks: list[list[tuple[int, int, int]]],
) -> None:
    clock = ManualClock()
    samples = Samples(clock.monotonic_ns)
    for found in looks:
        shares = samples.shares([sample(*each) for each in found])
        clock.advance(1.0)
        assert all(share is None or 0 <= share <= 1 for share in (shares or {}).values())
