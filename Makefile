# Every target makes its own virtual environment in .venv. `make help` lists them.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
ARGS ?=
ROUNDS ?= 1000
KILLS ?= 200
WORKERS ?= auto
SEED ?= $(shell date +%s)

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

FLOORS := build/floors
FLOORS_READY := $(FLOORS)/.ready
# The reference service is no part of the package, and flask-smorest asks for a newer Flask.
# Crashes and races at random run on the usual versions.
FLOORS_TESTS ?= --ignore=tests/examples -k 'not kill9 and not races'

.DEFAULT_GOAL := help
.PHONY: help run test test-random test-cache test-floors race faults lint format bench docs pins clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(READY) ## start the reference service (HOST=127.0.0.1 PORT=8000)
	$(BIN)/python -m examples.auth_service --host $(HOST) --port $(PORT)

test: $(READY) ## run every test on every core (ARGS="tests/jose -x" goes to pytest)
	@echo 'All tests take about 6 minutes on two cores (WORKERS=0: in this process, one by one).'
	@echo 'A part: make test ARGS="tests/jose -x"'
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

test-random: $(READY) ## the same in another order each time (SEED=1234: in that one again)
	$(BIN)/python -m pytest -n $(WORKERS) --shuffle $(SEED) $(ARGS)

test-cache: $(READY) ## the same without a cache of verified tokens, and with one of one token
	SIGNET_TOKEN_CACHE=0 $(BIN)/python -m pytest -n $(WORKERS) --ignore tests/options/test_table.py $(ARGS)
	SIGNET_TOKEN_CACHE=1 $(BIN)/python -m pytest -n $(WORKERS) --ignore tests/options/test_table.py $(ARGS)

test-floors: $(FLOORS_READY) ## the tests on the oldest versions that pyproject.toml allows
	$(FLOORS)/bin/python -m pytest -n $(WORKERS) $(FLOORS_TESTS) $(ARGS)

race: $(READY) ## race every store (ROUNDS=1000 of 50 clients each, by threads and by processes)
	SIGNET_RACE_ROUNDS=$(ROUNDS) $(BIN)/python -m pytest --durations=0 --durations-min=10 \
		tests/stores/test_races.py tests/scenarios/test_races.py $(ARGS)

faults: $(READY) ## kill -9 at random moments (KILLS=200 for each store and action), and all other faults
	SIGNET_KILLS=$(KILLS) $(BIN)/python -m pytest --durations=0 --durations-min=10 \
		tests/stores/test_kill9.py tests/stores/test_faults.py tests/stores/redis tests/scenarios $(ARGS)

lint: $(READY) ## check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright
	@# What a user's type checker sees of the package: all of it has a known type. (It asks the
	@# first python on the path where packages are, whatever the settings say.)
	PATH="$(abspath $(BIN)):$$PATH" pyright --verifytypes flask_signet --ignoreexternal

format: $(READY) ## put the code into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(READY) ## run every benchmark in turn (each prints a table of ratios)
	@set -e; for script in $(sort $(wildcard benchmarks/bench_*.py)); do \
		printf '\n== %s\n' "$$script"; $(BIN)/python -m "benchmarks.$$(basename "$$script" .py)"; done

docs: $(READY) ## build the documentation into build/docs
	$(BIN)/python -m sphinx -q --fail-on-warning --keep-going -b html docs build/docs
	@echo "build/docs/index.html"

# With the oldest Python there is (Debian 12 has 3.11.2): its pins also install on newer ones, while
# theirs need not install on it.
pins: ## renew constraints.txt from pyproject.toml (PYTHON=/path/to/the/oldest)
	$(PYTHON) -m venv --clear build/pins
	build/pins/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	{ echo "# What the tests run with, all of it. Made by \`make pins\` with the oldest Python, 3.11.2."; \
		build/pins/bin/python -m pip freeze --exclude-editable; } > build/constraints.txt
	mv build/constraints.txt constraints.txt

clean: ## remove .venv and everything built
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last, so an installation that broke half-way is done again from the start.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Flask-Signet needs Python 3.11 or newer, and $(PYTHON) is not:" \
			"run  make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

# The tools of the tests are installed as they are pinned, without what they ask for: some of them
# ask for a newer Flask or cryptography than they need.
$(FLOORS_READY): pyproject.toml constraints.txt constraints-floors.txt
	$(PYTHON) -m venv --clear $(FLOORS)
	$(FLOORS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-floors.txt \
		-e '.[sql,postgresql,mysql,redis,issuers,metrics,async]'
	awk -F== '/^#/ || !NF { next } NR == FNR { floor[$$1]; next } \
		!($$1 in floor) && $$1 !~ /^(mypy|ruff|pyright|nodejs-|playwright|[Ss]phinx|furo)/' \
		constraints-floors.txt constraints.txt > $(FLOORS)/tools.txt
	$(FLOORS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $(FLOORS)/tools.txt
	@touch $@
