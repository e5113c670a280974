"""Commands to record, which write what they receive into a file."""

from __future__ import annotations

from pathlib import Path

from .running import python

_HEARS = """
import signal, sys, time
name, status, patience_s, *numbers = sys.argv[1:]
heard = []
for number in numbers:
    signal.signal(int(number), lambda number, _: heard.append(number))
open(name + ".ready", "w").close()
end = time.monotonic() + 30
while time.monotonic() < end:
    time.sleep(0.01)
    if heard and end > time.monotonic() + float(patience_s):
        end = time.monotonic() + float(patience_s)
with open(name, "w") as file:
    file.write(" ".join(map(str, heard)))
sys.exit(int(status))
"""


def hears(
    *signals: int, name: str = "heard", status: int = 5, patience_s: float = 0.4
) -> list[str]:
    """Waits for signals, notes all that come in `patience_s` after the first, then ends."""
    return python(_HEARS, name, str(status), str(patience_s), *map(str, signals))


def ready(directory: Path, name: str = "heard") -> Path:
    """The file that `hears` makes once its handlers are in place."""
    return directory / f"{name}.ready"


def ignores(*signals: int, seconds: float = 30) -> list[str]:
    """Ignores signals and sleeps."""
    code = (
        "import signal, sys, time\n"
        "for number in sys.argv[2:]: signal.signal(int(number), signal.SIG_IGN)\n"
        "open('heard.ready', 'w').close(); time.sleep(float(sys.argv[1]))"
    )
    return python(code, str(seconds), *map(str, signals))
