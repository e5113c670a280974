"""The real program against known joules, and the test bench against its own closed forms."""
