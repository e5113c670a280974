"""Serves the dashboard to a browser on this machine, in a separate process per visitor."""

from __future__ import annotations

import contextlib
import shlex
import socket
import sys
from collections.abc import Sequence

from wattui.errors import UsageError

HOST = "127.0.0.1"


def main(arguments: Sequence[str], port: int) -> int:
    """Serve until interrupted; returns the exit status. Raises UsageError."""
    try:
        from wattui.web.server import LoopbackServer
    except ImportError:
        raise UsageError("--web needs textual-serve: pip install 'wattui[web]'") from None
    _check_port(port)
    command = shlex.join([sys.executable, "-m", "wattui", *arguments])
    server = LoopbackServer(command, port)
    sys.stderr.write(f"wattui: open {server.link} (for you only); press Ctrl-C to stop\n")
    with contextlib.suppress(KeyboardInterrupt):
        server.serve()
    return 0


def _check_port(port: int) -> None:
    """Raise UsageError if the port cannot be used."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "no such port"
            raise UsageError(
                f"port {port} cannot be used ({reason}): fix: use another --port"
            ) from None
