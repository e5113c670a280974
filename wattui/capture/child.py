"""Runs a command without a terminal: output is read as it comes, its end reported at once.

Both happen in threads, so that drawing the screen does not delay a phase edge.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from recorders.processes import end_tree
from wattui.capture.process import DRAIN_S, OnOutput, cannot_start, find_program, shell_status

CHUNK_BYTES = 65536
# If output comes faster than it is shown, the last part is kept.
KEPT_CHUNKS = 64
# A process that cannot be killed, such as another user's, is left behind.
KILL_S = 2.0


class Child:
    """A running command; raises NotStartedError.

    `on_output` (if given) and `on_end`, which takes its status, are called in threads of their own;
    nothing is printed after the end.
    """

    def __init__(
        self,
        argv: Sequence[str],
        environ: Mapping[str, str],
        on_output: OnOutput | None,
        on_end: Callable[[int], None],
    ) -> None:
        self._on_output, self._on_end = on_output, on_end
        self._chunks: deque[bytes] = deque(maxlen=KEPT_CHUNKS)
        program = find_program(argv[0], environ)
        try:
            self._process = subprocess.Popen(
                argv,
                executable=program,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environ,
            )
        except OSError as error:
            raise cannot_start(argv[0], error) from None
        self.pid = self._process.pid
        self._ending = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._waiter = threading.Thread(target=self._wait, daemon=True)

    def follow(self) -> None:
        """Start reading its output and waiting for its end."""
        self._reader.start()
        self._waiter.start()

    @property
    def ended(self) -> bool:
        """Whether it has ended and its end was reported."""
        return not self._waiter.is_alive()

    def printed(self) -> bytes:
        """Output since the last call."""
        chunks = []
        while self._chunks:
            chunks.append(self._chunks.popleft())
        return b"".join(chunks)

    def send(self, number: int) -> None:
        """Send a signal to it and to everything it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._process.poll() is None:
                os.killpg(self.pid, number)

    def kill(self) -> None:
        """Kill it and everything it started, and wait for its end."""
        if self._process.poll() is None:
            end_tree(self.pid, grace_s=0)
        self._waiter.join(KILL_S)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            while not self._ending.is_set():
                ready, _, _ = select.select([pipe], [], [], DRAIN_S / 2)
                if not ready:
                    continue
                data = os.read(pipe.fileno(), CHUNK_BYTES)
                if not data:
                    break
                self._chunks.append(data)
                if self._on_output:
                    self._on_output(1, data)

    def _wait(self) -> None:
        status = self._process.wait()
        # A process that it left behind and that still prints does not delay its end.
        self._reader.join(DRAIN_S)
        self._ending.set()
        self._reader.join()
        self._on_end(shell_status(status))
