"""The bench against its own closed forms, through plain reads and through unmodified pyRAPL."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from testbench import topologies
from testbench.curves import Constant, Square
from testbench.sandbox import Bench, UnavailableError
from testbench.zones import INTEL, BenchZone, Register, Topology, ZoneFault, counter_uj

from .conftest import MakeBench

pytestmark = pytest.mark.needs_bench

NOBODY = 65534
CLASS = "/sys/class/powercap"

# So late may reads begin; a busy machine may start a program later.
TRIES, LATE_S = 3, 0.2

SAMPLER = f"""
LATE_S = {LATE_S}
import json, os, sys, time
t0_ns, end_s, pause_s = int(os.environ["BENCH_T0_NS"]), float(sys.argv[1]), float(sys.argv[2])
zones = sys.argv[3:]
late_s = (time.monotonic_ns() - t0_ns) / 1e9
if late_s > LATE_S:
    sys.exit(json.dump(late_s, sys.stdout))
time.sleep(max(0.0, -late_s))
files = {{z: os.open("/sys/class/powercap/" + z + "/energy_uj", os.O_RDONLY) for z in zones}}
reads = []
while time.monotonic_ns() < t0_ns + end_s * 1e9:
    for zone, file in files.items():
        begin_ns = time.monotonic_ns()
        try:
            answer = os.pread(file, 64, 0).decode()
        except OSError as error:
            answer = error.errno
        reads.append((zone, begin_ns, answer, time.monotonic_ns()))
    time.sleep(pause_s)
json.dump(reads, sys.stdout)
"""

PYRAPL = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
from pyRAPL import DramAPI, PkgAPI
reads = []
apis = {"package": PkgAPI(), "dram": DramAPI()} if "dram" in sys.argv else {"package": PkgAPI()}
for _ in range(40):
    for kind, api in apis.items():
        begin_ns = time.monotonic_ns()
        values = api.energy()
        reads.append((kind, begin_ns, values, time.monotonic_ns()))
    time.sleep(0.005)
json.dump(reads, sys.stdout)
"""


class Read(NamedTuple):
    """One read of energy_uj: its text, or the errno it failed with."""

    zone: str
    begin_s: float
    answer: str | int
    end_s: float


def python(bench: Bench, script: str, *argv: object) -> Any:
    """The JSON that a script printed on the bench."""
    done = bench.run([sys.executable, "-W", "ignore", "-c", script, *map(str, argv)])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sample(bench: Bench, end_s: float, pause_s: float, *zones: str) -> list[Read]:
    """Read the zones in turn from the bench's time 0 until end_s.

    A program that starts too late for that is started again, with time 0 later.
    """
    for _ in range(TRIES):
        found = python(bench, SAMPLER, end_s, pause_s, *zones)
        if isinstance(found, list):
            return [
                Read(z, bench.seconds(a), answer, bench.seconds(b)) for z, a, answer, b in found
            ]
        bench.begin_again(bench.lead_s + 3 * found)
    pytest.fail(f"started {found:.1f} s too late, {TRIES} times")


def assert_true(zone: BenchZone, read: Read) -> None:
    """The value is one the counter had between the read's begin and end."""
    low_uj, high_uj = counter_uj(zone, read.begin_s), counter_uj(zone, read.end_s)
    assert low_uj <= int(read.answer) <= high_uj


@pytest.mark.parametrize("make", topologies.ALL, ids=lambda make: make.__name__)
def test_every_topology_shows_what_a_kernel_shows(
    make: Callable[[], Topology], make_bench: MakeBench
) -> None:
    topology = make()
    if topology.sockets * topology.dies > len(os.sched_getaffinity(0)):
        pytest.skip("fewer CPUs than dies")
    bench = make_bench(topology)
    paths = [f"{CLASS}/{zone.directory}" for zone in topology.zones]
    files = [f"{path}/{name}" for path in paths for name in ("name", "max_energy_range_uj")]
    shown = bench.run(["cat", "/dev/null", *files]).stdout.splitlines()
    listed = bench.run(["ls", CLASS]).stdout.split()
    assert shown == [
        str(value) for z in topology.zones for value in (z.name, z.counter.max_energy_range_uj)
    ]
    assert set(listed) == {n for z in topology.zones for n in (z.control, z.directory)}


def test_every_read_is_of_its_own_moment(make_bench: MakeBench) -> None:
    bench = make_bench(topologies.plain())
    reads = sample(bench, 0.4, 0.0, "intel-rapl:0", "intel-rapl:0:0")
    assert len(reads) > 200
    for read in reads:
        assert_true(bench.served.zones[read.zone == "intel-rapl:0:0"], read)


def test_values_are_exact_between_refreshes(make_bench: MakeBench) -> None:
    bench = make_bench(topologies.plain().changed(counter=Register(refresh_s=0.1)))
    reads = sample(bench, 0.5, 0.01, "intel-rapl:0")
    zone = bench.served.zones[0]
    inside = [r for r in reads if zone.counter.floor_s(r.begin_s) == zone.counter.floor_s(r.end_s)]
    assert inside
    assert [int(r.answer) for r in inside] == [counter_uj(zone, r.begin_s) for r in inside]


@pytest.mark.quiet
def test_short_ranges_wrap(make_bench: MakeBench) -> None:
    counter = INTEL.with_range_uj(5_000_000).wrapping_at(Constant(100.0), 0.2)
    bench = make_bench(
        topologies.plain(package=Constant(100.0)).changed("package0", counter=counter)
    )
    reads = sample(bench, 0.6, 0.004, "intel-rapl:0")
    values_uj = [int(r.answer) for r in reads]
    pairs = list(pairwise(values_uj))
    wraps = sum(late < early for early, late in pairs)
    unwrapped_j = (values_uj[-1] - values_uj[0] + wraps * counter.max_energy_range_uj) / 1e6
    span_j = 100.0 * (reads[-1].begin_s - reads[0].begin_s)
    assert wraps >= 5
    assert unwrapped_j == pytest.approx(span_j, abs=0.5)


@pytest.mark.parametrize("make", [topologies.plain, topologies.two_sockets])
def test_pyrapl_reads_fresh_values(make: Callable[[], Topology], make_bench: MakeBench) -> None:
    topology = make()
    if topology.sockets > len(os.sched_getaffinity(0)):
        pytest.skip("fewer CPUs than sockets")
    bench = make_bench(topology)
    zones = {zone.domain: zone for zone in topology.zones}
    for kind, begin_ns, values, end_ns in python(bench, PYRAPL, "dram"):
        assert len(values) == topology.sockets
        for socket, value in enumerate(values):
            assert_true(
                zones[f"{kind}{socket}"],
                Read("", bench.seconds(begin_ns), int(value), bench.seconds(end_ns)),
            )


FAULTS = {
    "eio": ZoneFault("eio", 0.5, 0.7),
    "garbage": ZoneFault("garbage", 0.5, 0.7),
    "empty": ZoneFault("empty", 0.5, 0.7),
    "gone": ZoneFault("gone", 0.5, 0.7),
    "stuck": ZoneFault("stuck", 0.5, 0.7),
    "reset": ZoneFault("reset", 0.5),
    "slow": ZoneFault("slow", 0.8, 0.9, delay_s=0.15),
}
FAULTY = tuple(
    BenchZone(str(n), f"package-{n}", f"package{n}", Square(10.0, 60.0, 0.2), faults=(fault,))
    for n, fault in enumerate(FAULTS.values())
)


Faulty = dict[str, tuple[BenchZone, list[Read]]]


@pytest.fixture(scope="module")
def faulty() -> Faulty:
    """One zone per fault, and its reads over 1.1 s."""
    with Bench(FAULTY) as bench:
        reads = sample(bench, 1.1, 0.002, *(zone.directory for zone in FAULTY))
        zones = bench.served.zones
    return {
        kind: (zone, [r for r in reads if r.zone == zone.directory])
        for kind, zone in zip(FAULTS, zones, strict=True)
    }


def during(reads: list[Read], begin_s: float, end_s: float) -> list[Read]:
    """The reads that lie wholly in a span; there must be some."""
    found = [r for r in reads if begin_s <= r.begin_s and r.end_s < end_s]
    assert found
    return found


@pytest.mark.parametrize(
    ("kind", "answer"), [("eio", errno.EIO), ("garbage", "not a number\n"), ("empty", "")]
)
def test_failed_reads(kind: str, answer: str | int, faulty: Faulty) -> None:
    zone, reads = faulty[kind]
    assert {r.answer for r in during(reads, 0.5, 0.7)} == {answer}
    for read in during(reads, 0.0, 0.5) + during(reads, 0.7, 0.8):
        assert_true(zone, read)


def test_kept_descriptors_of_a_gone_zone_stay_dead(faulty: Faulty) -> None:
    _, reads = faulty["gone"]
    assert {r.answer for r in during(reads, 0.5, 1.2)} == {errno.ENODEV}
    assert all(isinstance(r.answer, str) for r in during(reads, 0.0, 0.5))


def test_a_stuck_counter_holds_then_catches_up(faulty: Faulty) -> None:
    zone, reads = faulty["stuck"]
    held = {r.answer for r in during(reads, 0.5, 0.7)}
    assert held == {f"{counter_uj(zone, 0.5)}\n"}
    for read in during(reads, 0.7, 0.8):
        assert_true(zone, read)


def test_a_reset_counter_begins_again(faulty: Faulty) -> None:
    zone, reads = faulty["reset"]
    late = during(reads, 0.5, 1.2)
    assert int(late[0].answer) < int(during(reads, 0.0, 0.5)[-1].answer)
    for read in late:
        assert_true(zone, read)


def test_a_slow_read_counts_at_its_end(faulty: Faulty) -> None:
    zone, reads = faulty["slow"]
    slow = [r for r in reads if r.end_s - r.begin_s >= 0.15]
    assert slow
    for read in slow:
        assert int(read.answer) >= counter_uj(zone, read.begin_s + 0.15)
        assert_true(zone, read)


def test_a_gone_zone_has_no_path(make_bench: MakeBench) -> None:
    bench = make_bench(topologies.plain().with_faults("package0", ZoneFault("gone")))
    listed = bench.run(["ls", CLASS]).stdout.split()
    opened = bench.run(["cat", "/sys/devices/virtual/powercap/intel-rapl/intel-rapl:0/name"])
    assert listed == ["intel-rapl"]
    assert "No such file" in opened.stderr


def test_root_only_counters_are_refused_to_others(make_bench: MakeBench) -> None:
    bench = make_bench(topologies.plain())
    path = f"{CLASS}/intel-rapl:0"
    refused = bench.run(["cat", f"{path}/name", f"{path}/energy_uj"], uid=NOBODY)
    assert refused.stdout == "package-0\n"
    assert "Permission denied" in refused.stderr
    assert bench.run(["cat", f"{path}/energy_uj"]).returncode == 0


def test_a_group_may_be_let_in(make_bench: MakeBench) -> None:
    bench = make_bench(topologies.plain().changed(mode=0o440, gid=NOBODY))
    assert bench.run(["cat", f"{CLASS}/intel-rapl:0/energy_uj"], uid=NOBODY).returncode == 0


def test_true_joules(make_bench: MakeBench) -> None:
    bench = make_bench(topologies.two_sockets_one_dram().changed("package0", curve=Constant(50.0)))
    begin_ns, end_ns = bench.t0_ns + 10**9, bench.t0_ns + 3 * 10**9
    parts = ("package0", "package1", "dram0")
    assert bench.true_j("package0", begin_ns, end_ns) == 100.0
    assert bench.true_total_j(begin_ns, end_ns) == pytest.approx(
        sum(bench.true_j(domain, begin_ns, end_ns) for domain in parts)
    )


def test_programs_keep_their_pid_directory_and_exit_status(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    bench = make_bench(topologies.plain())
    started = bench.popen(
        ["sh", "-c", "echo $$; pwd; exit 7"], cwd=tmp_path, stdout=subprocess.PIPE
    )
    output, _ = started.communicate()
    assert output.split() == [str(started.pid), str(tmp_path)]
    assert started.returncode == 7


def test_nothing_is_left_over() -> None:
    mounts = Path("/proc/mounts").read_text()
    with Bench(topologies.plain()) as bench:
        workspace = bench.workspace
        bench.run(["sh", "-c", "setsid sleep 60 >/dev/null 2>&1 &"])
        sleeper = bench.popen(["sleep", "60"])
        deadline_s = time.monotonic() + 30
        while len(bench.running()) < 2 and time.monotonic() < deadline_s:
            time.sleep(0.01)
        left = bench.running()
        assert len(left) == 2
    assert not any(Path(f"/proc/{pid}").exists() and _alive(pid) for pid in left)
    assert sleeper.returncode == -9
    assert not workspace.exists()
    assert Path("/proc/mounts").read_text() == mounts


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_too_few_cpus_are_said_so() -> None:
    topology = Topology("huge", topologies.plain().zones, sockets=4096)
    with pytest.raises(UnavailableError, match="huge needs 4096 CPUs"), Bench(topology):
        pass
