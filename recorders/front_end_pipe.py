"""The recorder's end of the pipe to the front end."""

from __future__ import annotations

import contextlib
import os

from recorders import wire


class FrontEndPipe:
    """Sends messages to the front end, without blocking if the front end does not read."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._rest = bytearray()
        os.set_blocking(descriptor, False)

    def send(self, message: wire.Message) -> None:
        """Send a message or queue it; what is soon outdated is dropped while others wait."""
        if not (self._rest and message["t"] in ("row", "pulse", "processes")):
            self._rest += wire.encode(message)
        self._push()

    def finish(self, message: wire.Message) -> None:
        """Send the last message, waiting as long as there is a reader."""
        with contextlib.suppress(OSError):
            os.set_blocking(self.descriptor, True)
        self.send(message)

    def _push(self) -> None:
        try:
            while self._rest:
                del self._rest[: os.write(self.descriptor, self._rest)]
        except BlockingIOError:
            pass
        except OSError:
            self._rest.clear()  # the front end is gone; its end on standard input says so
