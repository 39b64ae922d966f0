# Two commands on a fresh machine: `make demo` and `make test`. Each makes .venv by itself.
# Nothing but Python 3.11+, make and a package index is needed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH := .venv-bench

.PHONY: demo test check clean bench bench-quick

demo: $(VENV)/.installed  ## pretrain, reuse, compare on 1,797 real digits: under a minute
	$(BIN)/latens demo --out demo-out

test: $(VENV)/.installed-dev  ## the whole test suite, one test at a time on each core
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

check: $(VENV)/.installed-dev  ## what the tests do not see: style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(BENCH)/.installed  ## speed and memory beside other libraries: three quarters of an hour
	$(BENCH)/bin/python benchmarks/bench.py

bench-quick: $(VENV)/.installed-dev  ## has the engine become slower? two minutes
	$(BIN)/python benchmarks/guard.py

clean:
	rm -rf $(VENV) $(BENCH) build *.egg-info src/*.egg-info demo-out

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) tools/install.py $(VENV)
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PYTHON) tools/install.py $(VENV) --dev
	touch $@

$(BENCH)/.installed: pyproject.toml benchmarks/constraints.txt
	$(PYTHON) tools/install.py $(BENCH) --bench
	touch $@
