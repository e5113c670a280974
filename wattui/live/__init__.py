"""What a recording that runs tells other programs: a line, metrics, a collector."""
