"""A running recording for other programs: a line, metrics, a collector."""
