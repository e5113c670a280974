"""wattui beside other meters, each in its own environment, on the same known joules."""
