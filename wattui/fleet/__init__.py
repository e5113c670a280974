"""One recording over many machines: docs/fleet.md."""
