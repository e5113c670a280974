"""Property tests run on machines that are busy with other work: no deadline for one example."""

import sys
from pathlib import Path

from hypothesis import settings

# The clock, sources and rig of the recorder's tests.
sys.path.append(str(Path(__file__).parents[1] / "recorders"))

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
