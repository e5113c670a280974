"""`python -m workloads NAME`: the same as `wattui workloads NAME`."""

from workloads.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
