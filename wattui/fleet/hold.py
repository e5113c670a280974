"""What a node records while others work on it: a command that shows them the way, and waits.

`python -m wattui.fleet.hold LINK` lets LINK lead to the directory of its recording, so that
`WATTUI_RUN=LINK` joins it, and ends when its standard input does.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from recorders.drafts import draft_name
from wattui.marks import ENVIRONMENT


def main(link: Path) -> int:
    """Wait for the end of standard input; returns the exit status."""
    link.parent.mkdir(mode=0o700, exist_ok=True)
    if link.parent.lstat().st_uid != os.getuid():
        sys.exit(f"{link.parent} belongs to somebody else: fix: give the run another --name")
    draft = draft_name(link)
    draft.symlink_to(os.environ[ENVIRONMENT])
    draft.replace(link)
    while os.read(0, 4096):
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
