"""A machine whose joules are known, for unmodified programs.

Power follows a closed-form curve (`curves`), so the true energy between two times is exact. The
program reads it where it would read real hardware:

- RAPL: a powercap tree with the kernel's units, 1 ms refresh, 32-bit wraps and faults (`zones`,
  `topologies`), served through FUSE (`fuseproto`, `powercapfs`) in a private mount namespace
  (`server`, `mounts`): the rest of the machine does not see it. Needs root, /dev/fuse and nsenter.
- NVML: a libnvidia-ml.so.1 compiled from `fake_nvml.c` (`fakenvml`), with energy counters, power
  averaged over windows, and faults. Needs a C compiler.

    from testbench import topologies
    from testbench.curves import Constant
    from testbench.fakenvml import FakeNvml, Gpu
    from testbench.sandbox import Bench

    with Bench(topologies.plain(), FakeNvml((Gpu(Constant(200.0)),))) as bench:
        bench.run(["wattui", "--headless", "--csv", "run.csv", "--", "sleep", "5"])
        bench.true_j("gpu0", begin_ns, end_ns)  # CLOCK_MONOTONIC

`recording` records with wattui there. Standard library only: it relies on nothing that it tests.
"""
