"""`python -m workloads NAME`."""

from workloads.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
