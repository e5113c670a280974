"""wattui beside other meters, each in an environment of its own, on the same known joules."""
