"""One file per device reader."""
