"""What the kernel and chrony say themselves about how well this machine's wall clock is kept."""

from __future__ import annotations

import contextlib
import ctypes
import subprocess
from typing import Any

CHRONY_S = 2.0
# The 5th, 7th and 14th field of `chronyc -c tracking`.
TRACKING = {"system_time_s": 4, "rms_offset_s": 6}
LEAP = 13
# adjtimex(2): the clock is not synchronised; its frequency is in units of 2^-16 ppm.
UNSYNCHRONISED, PPM = 0x40, 1 << 16


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 32),
    )


def kernel_clock() -> dict[str, Any]:
    """Facts for run.json: adjtimex's figures, and chrony's where it runs; errors in seconds."""
    found: dict[str, Any] = {}
    with contextlib.suppress(OSError, AttributeError):
        found["adjtimex"] = _adjtimex()
    with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError):
        asked = ["chronyc", "-c", "tracking"]
        ended = subprocess.run(
            asked,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CHRONY_S,
            check=True,
            text=True,
        )
        found["chrony"] = read_tracking(ended.stdout)
    return found


def read_tracking(text: str) -> dict[str, Any]:
    """chrony's correction and RMS offset, in seconds, from `chronyc -c tracking`.

    Raises ValueError for another text.
    """
    fields = text.strip().split(",")
    if len(fields) <= LEAP:
        raise ValueError("not the output of chronyc -c tracking")
    numbers: dict[str, Any] = {name: float(fields[place]) for name, place in TRACKING.items()}
    return numbers | {"leap_status": fields[LEAP]}


def _adjtimex() -> dict[str, Any]:
    timex = _Timex()
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex)) < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")
    return {
        "is_synchronised": not timex.status & UNSYNCHRONISED,
        "max_error_s": timex.maxerror * 1e-6,
        "estimated_error_s": timex.esterror * 1e-6,
        "frequency_ppm": timex.freq / PPM,
    }
