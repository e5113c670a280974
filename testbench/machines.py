"""Whole machines: their RAPL zones, boards and GPUs, whose powers agree with each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from testbench import boards, topologies
from testbench.boards import NO_BOARD, Board
from testbench.curves import Constant, Sine
from testbench.fakenvml import FakeNvml, Gpu
from testbench.zones import Topology


@dataclass(frozen=True)
class Machine:
    """A machine's parts, and the variables by which its programs know where they run."""

    topology: Topology
    board: Board = NO_BOARD
    nvml: FakeNvml | None = None
    environ: Mapping[str, str] = field(default_factory=dict)


def orin_nx() -> Machine:
    """A Jetson Orin NX."""
    return Machine(topologies.no_rapl(), boards.orin_nx())


def amd_laptop() -> Machine:
    """A laptop on its battery, with an AMD processor whose GPU shows the power of the whole."""
    zones = topologies.amd().changed("package0", curve=Sine(9.0, 3.0, 4.0))
    return Machine(zones.changed("core0", curve=Sine(5.0, 2.0, 4.0)), boards.amd_laptop())


def two_arcs() -> Machine:
    """A server with two Intel processors and two Intel Arc cards."""
    return Machine(topologies.two_sockets(), boards.two_arcs())


def gh200() -> Machine:
    """A GH200: the module contains the GPU, which NVML shows, too."""
    return Machine(topologies.no_rapl(), boards.gh200(), FakeNvml((Gpu(Constant(400.0)),)))


def pod() -> Machine:
    """A container of a Kubernetes pod with a GPU, which hides the zones of its node."""
    gpu = FakeNvml((Gpu(Constant(300.0)),))
    return Machine(topologies.pod(), nvml=gpu, environ={"KUBERNETES_SERVICE_HOST": "10.0.0.1"})


ALL = (orin_nx, amd_laptop, two_arcs, gh200, pod)
