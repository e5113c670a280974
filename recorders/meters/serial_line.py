"""A meter on a serial port that prints a line for each reading; 8 bits, no parity, 1 stop bit."""

from __future__ import annotations

import fcntl
import os
import re
import select
import termios
import tty
from collections.abc import Sequence
from dataclasses import dataclass

from recorders.meters.lines import Texts, line_w
from recorders.meters.meter import Access, MeterError, Sample, Spec, SpecError, cut

WAIT_S = 0.2
USUAL_BAUD = 115_200
PIECE = 1 << 16
_SPEEDS = {
    name[1:]: number for name, number in vars(termios).items() if re.fullmatch(r"B\d+", name)
}


@dataclass(frozen=True, slots=True)
class SerialSpec(Spec):
    """A port and its speed, in baud."""

    path: str
    baud: int = USUAL_BAUD

    @property
    def shown(self) -> str:
        """The port and its speed."""
        return f"serial:{self.path},{self.baud}"

    def open(self, access: Access) -> SerialPort:
        """The port, open."""
        return SerialPort(self, access)


class SerialPort:
    """An open port."""

    waits = True

    def __init__(self, spec: SerialSpec, access: Access) -> None:
        self._path, self._clock = spec.path, access.clock
        try:
            self._port = os.open(
                spec.path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
            )
        except OSError as error:
            fix = ": fix: sudo usermod -aG dialout $USER" if error.errno == 13 else ""
            raise MeterError(f"{spec.path}: {error.strerror}{fix}") from None
        try:
            tty.setraw(self._port)
            settings = termios.tcgetattr(self._port)
            settings[2] |= termios.CLOCAL | termios.CREAD
            settings[4] = settings[5] = _SPEEDS[str(spec.baud)]
            termios.tcsetattr(self._port, termios.TCSANOW, settings)
            fcntl.ioctl(self._port, termios.TIOCEXCL)
            termios.tcflush(self._port, termios.TCIFLUSH)
        except (termios.error, OSError) as error:
            os.close(self._port)
            raise MeterError(f"{spec.path}: not a serial port ({error.args[-1]})") from None
        self._texts = Texts()
        self._is_first = True

    def read(self) -> Sequence[Sample]:
        """The last line that comes within a moment."""
        if not select.select([self._port], [], [], WAIT_S)[0]:
            return []
        data = os.read(self._port, PIECE)
        now_ns = self._clock()
        if not data:
            raise MeterError(f"{self._path} was unplugged")
        lines = self._texts.feed(data)
        if self._is_first and lines:
            # The meter may have been in the middle of it.
            self._is_first, lines = False, lines[1:]
        return [Sample(now_ns, line_w(line)) for line in lines[-1:]]

    def close(self) -> None:
        """Close the port."""
        os.close(self._port)


def parse(kind: str, where: str) -> SerialSpec:
    """A port, and its speed behind a comma. Raises SpecError."""
    path, comma, baud = where.partition(",")
    if comma and baud.strip() not in _SPEEDS:
        raise SpecError(f"{cut(baud)!r} is not a speed: fix: {kind}:{cut(path)},{USUAL_BAUD}")
    return SerialSpec(path.strip(), int(baud) if comma else USUAL_BAUD)
