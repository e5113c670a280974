"""The clock, sources and rig of the recorder's tests can be imported here as well."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "recorders"))
