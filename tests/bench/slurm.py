"""A real Slurm on this machine: a controller, and a node on each of some benches."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from testbench.sandbox import Bench

PROGRAMS = ("slurmctld", "slurmd", "srun", "sinfo")
BOUND_S, LOOK_S = 60.0, 0.1
# No user is told from another here, and no part of a node is kept for a task.
CONF = """\
ClusterName=bench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
StateSaveLocation={folder}
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/controller.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
MpiDefault=none
SwitchType=switch/none
"""
NODE = "NodeName=n{number} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2\n"
PARTITION = "PartitionName=all Nodes=n[0-{last}] Default=YES MaxTime=INFINITE State=UP\n"


def missing() -> str | None:
    """Why Slurm cannot run here; None if it can."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    if absent := [name for name in PROGRAMS if not shutil.which(name, path=path)]:
        return f"{absent[0]} is not installed (apt-get install slurm-wlm)"
    return None


class Slurm:
    """A cluster with a node on each bench, until `close`."""

    def __init__(self, benches: Sequence[Bench], folder: Path) -> None:
        self._folder, self._started = folder, list[subprocess.Popen[str]]()
        host = socket.gethostname()
        controller, *ports = _free_ports(1 + len(benches))
        text = CONF.format(host=host, port=controller, folder=folder)
        for number, port in enumerate(ports):
            text += NODE.format(number=number, host=host, port=port)
        conf = folder / "slurm.conf"
        conf.write_text(text + PARTITION.format(last=len(benches) - 1))
        own = {"PATH": f"{os.environ['PATH']}:/usr/sbin", "SLURM_CONF": str(conf)}
        self.environ = {**os.environ, **own}
        with (folder / "controller.log").open("w") as log:
            self._started.append(
                subprocess.Popen(
                    ["slurmctld", "-D"], env=self.environ, stdout=log, stderr=log, text=True
                )
            )
        for number, bench in enumerate(benches):
            (folder / f"n{number}").mkdir()
            with (folder / f"n{number}.log").open("w") as log:
                argv = ["slurmd", "-D", "-N", f"n{number}"]
                self._started.append(bench.popen(argv, env=own, stdout=log, stderr=log))
        until_s = time.monotonic() + BOUND_S
        while self._states() != ["idle"] * len(benches):
            assert time.monotonic() < until_s, self._logs()
            time.sleep(LOOK_S)

    def close(self) -> None:
        """End the nodes and the controller."""
        for started in reversed(self._started):
            with suppress(ProcessLookupError):
                started.send_signal(signal.SIGTERM)
            started.wait(BOUND_S)

    def _states(self) -> list[str]:
        asked = ["sinfo", "--noheader", "--Node", "--format=%t"]
        done = subprocess.run(asked, env=self.environ, capture_output=True, text=True, check=False)
        return done.stdout.split()

    def _logs(self) -> str:
        return "\n".join(log.read_text() for log in self._folder.glob("*.log"))


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
