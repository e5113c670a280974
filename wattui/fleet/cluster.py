"""A Ray cluster: its nodes, and a keeper on each. The only module that imports Ray.

Only control and the newest values go through Ray. What is measured is written on its node.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from wattui.capture.signals import ENDING
from wattui.clean import one_line
from wattui.errors import UsageError
from wattui.fleet.driver import Lost, Node
from wattui.fleet.keeper import Keeper, Look, Place
from wattui.marks import ENVIRONMENT
from wattui.show.printing import say

AUTO = "auto"
# A node's answer is waited for this long.
ANSWER_S, VERSION_S, CONNECT_S, LOOK_S = 2.0, 60.0, 5.0, 0.2
# Ray gives the environment of a job in this variable to the program that joins the cluster.
_JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"
# Without it, Ray warns that it hides the GPUs from an actor that asked for none.
_GPUS = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


class RayCluster:
    """A cluster that was joined; see `joined`."""

    def __init__(self, ray: Any, address: str, link: str) -> None:
        self._ray, self.address, self._link = ray, address, link
        self._actors: dict[str, Any] = {}
        self._asked: dict[Any, str] = {}

    def nodes(self) -> list[Node]:
        """The nodes that are alive, the head first."""
        alive = [each for each in self._ray.nodes() if each["Alive"]]
        head = "node:__internal_head__"
        alive.sort(key=lambda each: (head not in each["Resources"], each["NodeID"]))
        return [
            Node(each["NodeID"], each["NodeManagerAddress"], each["NodeManagerHostname"])
            for each in alive
        ]

    def keep(self, node: Node, csv: str, options: Sequence[str], place: Place) -> str:
        """Start the recorder of a node; returns wattui's version there. Raises Lost."""
        strategies = import_module("ray.util.scheduling_strategies")
        there = strategies.NodeAffinitySchedulingStrategy(node.identity, soft=False)
        actor = self._ray.remote(Keeper).options(num_cpus=0, scheduling_strategy=there)
        with self._losses():
            keeper = self._actors[node.identity] = actor.remote(self._link)
            version = str(self._ray.get(keeper.version.remote(), timeout=VERSION_S))
            self._ray.get(keeper.start.remote(csv, [*options], place), timeout=VERSION_S)
        return version

    def looks(self, wait_s: float = ANSWER_S) -> Mapping[str, Look | Lost]:
        """The nodes that answered, by identity; the others are silent or lost."""
        return self._ask("look", wait_s)

    def end(self, wait_s: float) -> Mapping[str, Look | Lost]:
        """End the recordings, and wait until they are stored."""
        self._asked.clear()
        return self._ask("end", wait_s)

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment of a job on this cluster whose tasks find their node's recorder."""
        config = json.loads(environ.get(_JOB_CONFIG) or "{}")
        runtime = config.setdefault("runtime_env", {})
        runtime.setdefault("env_vars", {})[ENVIRONMENT] = self._link
        added = {"RAY_ADDRESS": self.address, _JOB_CONFIG: json.dumps(config)}
        return {**environ, **added, ENVIRONMENT: self._link}

    def _ask(self, what: str, wait_s: float) -> dict[str, Look | Lost]:
        waiting = set(self._asked.values())
        for identity, actor in self._actors.items():
            if identity not in waiting:
                self._asked[getattr(actor, what).remote()] = identity
        asked = [*self._asked]
        answered, _ = self._ray.wait(asked, num_returns=len(asked), timeout=wait_s)
        found: dict[str, Look | Lost] = {}
        for answer in answered:
            identity = self._asked.pop(answer)
            try:
                with self._losses():
                    found[identity] = self._ray.get(answer)
            except Lost as lost:
                found[identity] = lost
                del self._actors[identity]
        return found

    @contextmanager
    def _losses(self) -> Iterator[None]:
        try:
            yield
        except self._ray.exceptions.GetTimeoutError:
            raise Lost("it does not answer") from None
        except self._ray.exceptions.RayTaskError as error:
            raise Lost(f"{type(error.cause).__name__}: {one_line(str(error.cause))}") from None
        except self._ray.exceptions.RayError as error:
            raise Lost(one_line(str(error)).partition(". ")[0]) from None


@contextmanager
def joined(address: str, link: str) -> Iterator[RayCluster]:
    """The cluster at an address, or the one that runs here. Raises UsageError."""
    if find_spec("ray") is None:
        raise UsageError("this needs Ray: fix: pip install 'wattui[fleet]'")
    if known := _current() if address == AUTO else address:
        _check_answers(known)
    os.environ.update(_GPUS)
    ray: Any = import_module("ray")
    try:
        with _ended_by_signals():
            context = ray.init(
                address,
                namespace="wattui",
                logging_level="ERROR",
                log_to_driver=False,
                runtime_env={"env_vars": _GPUS},
            )
    except ConnectionError:
        where = "on this machine" if address == AUTO else f"at {address}"
        raise UsageError(
            f"no Ray cluster runs {where}: fix: ray start --head, or --hosts a,b"
        ) from None
    except (RuntimeError, ValueError, OSError) as error:
        raise UsageError(f"Ray at {address}: {one_line(str(error))}") from None
    try:
        yield RayCluster(ray, str(context.address_info["gcs_address"]), link)
    finally:
        with contextlib.suppress(Exception):  # the cluster has gone
            ray.shutdown()


def _current() -> str | None:
    """The cluster of this machine, as Ray notes it, also after its end; None if there is none."""
    given = os.environ.get("RAY_ADDRESS", "")
    if given not in ("", AUTO):
        return given
    with contextlib.suppress(OSError):
        noted = Path(os.environ.get("RAY_TMPDIR") or "/tmp", "ray", "ray_current_cluster")
        return noted.read_text().strip() or None
    return None


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let a signal that is held back end this process meanwhile: Ray waits for minutes."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_S):
            if ending := signal.sigpending() & set(ENDING):
                say("stopped while joining the cluster")
                os._exit(128 + min(ending))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _check_answers(address: str) -> None:
    """Ray itself tries for minutes. Raises UsageError."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(f"--ray {address}: fix: give HOST:PORT, as ray start --head prints it")
    check_private(host)
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or "it does not answer"
        raise UsageError(
            f"no Ray cluster at {address} ({why}): fix: ray start --head there"
        ) from None


def check_private(host: str) -> None:
    """Refuse a host outside private networks: whoever reaches a Ray cluster can run programs on it.

    Raises UsageError.
    """
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host.strip("[]"), None)}
    except OSError as error:
        raise UsageError(f"{host}: {error.strerror}: fix: use a name that resolves here") from None
    if public := [each for each in found if not ipaddress.ip_address(each).is_private]:
        named = " is ".join(dict.fromkeys([host, public[0]]))
        raise UsageError(
            f"{named}, a public address, and Ray has no authentication: fix: use a private network "
            "or an ssh tunnel"
        )
