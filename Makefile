# Every target sets up what it needs in $(VENV). To use another folder: `make VENV=/somewhere/else test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Options and paths for pytest: `make test TESTS="tests/wattui/tui -x"`.
TESTS ?=
# A worker takes a whole file at a time, which may share recordings: `make test WORKERS=0` for none. More
# than cores, because the tests of the bench and of the program mostly wait.
WORKERS ?= 4
PYTEST := $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder
READY := $(VENV)/.ready

# Many tests start Python: what one process compiles, the others read.
unexport PYTHONDONTWRITEBYTECODE

# Duration and random seed of `make fuzz`.
SECONDS ?= 300
SEED ?= 1

.PHONY: example test quick quick-tests search fuzz check lint types contracts bench screenshots clean

example: $(READY)  ## record the bundled example and print its joules per inference
	$(BIN)/wattui --headless --csv example.csv --force -- $(BIN)/python examples/infer.py

test: $(READY)  ## run all tests; the bench tests are skipped without root, /dev/fuse and gcc
	$(PYTEST) $(TESTS)

quick: $(READY)  ## the static checks, and the tests that neither record nor draw
	$(MAKE) --no-print-directory --output-sync -j 2 lint types contracts quick-tests

quick-tests: $(READY)
	$(PYTEST) --quick $(TESTS)

search: $(READY)  ## run the property tests 20 times, with new examples each time
	$(BIN)/python -m pytest -q --search 20 $(TESTS)

fuzz: $(READY)  ## random keys, mouse events and sizes on the dashboard: make fuzz SECONDS=300 SEED=3
	$(BIN)/python -m pytest -q tests/program/test_steady.py -k random_hands \
		--fuzz-seconds $(SECONDS) --fuzz-seed $(SEED)

check: lint types contracts test  ## everything that must pass before a change is proposed

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

contracts: $(READY)
	PYTHONPATH=. $(BIN)/lint-imports

bench: $(READY)  ## print the tables in docs/measured.md
	$(BIN)/python -m benchmarks

screenshots: $(READY)  ## remake screenshots/*.svg and *.png from the real program
	$(BIN)/python -m screenshots

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip  # old ones are slow
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(READY)
