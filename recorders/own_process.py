"""How one of our own modules is run in a process, whatever else has the names of our packages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SITES = ("site-packages", "dist-packages")
# Finds our own packages beside this file before any others of the same names, even installed ones.
BOOT = """
import sys
from importlib.machinery import PathFinder
class Own:
    def find_spec(name, path=None, target=None):
        is_own = name in ("recorders", "wattui")
        return PathFinder.find_spec(name, sys.argv[2:3]) if is_own else None
sys.meta_path.insert(0, Own)
sys.path += [place for place in sys.argv[3:] if place not in sys.path]
from {module} import main
sys.exit(main{arguments!r})
"""


def own_command(module: str, *arguments: str) -> list[str]:
    """The command that runs `main` of a module of our packages in a process, ignoring other paths.

    Python runs isolated (no PYTHONPATH, no current directory); installed packages are found where
    this process found its own.
    """
    root = str(Path(__file__).parents[1])
    places = [root, *(path for path in sys.path if path.endswith(SITES) and path != root)]
    boot = BOOT.format(module=module, arguments=arguments)
    return [sys.executable, "-I", "-c", boot, module.partition(".")[0], root, *places]


def start_recorder() -> subprocess.Popen[bytes]:
    """Start a recorder process, which waits for the first line from its `Client`."""
    return subprocess.Popen(
        own_command("recorders.__main__"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
