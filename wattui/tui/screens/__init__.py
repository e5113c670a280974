"""What opens over the graphs."""
