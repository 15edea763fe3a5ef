# The two commands for a fresh machine with Python 3.11 and nothing else: `make drill` and `make test`.
PYTHON ?= python3
VENV ?= .venv
TESTERS ?= 4
SOAK ?= 60
BIN = $(VENV)/bin
READY = $(VENV)/.ready

.PHONY: drill run test test-fast test-full lint bench lock screenshots clean

drill: $(READY)  ## open the rehearsal: the whole incident on real PostgreSQL servers
	$(BIN)/midwatch drill

run: $(READY)  ## open the screen on ./runbook.yaml
	$(BIN)/midwatch

test: $(READY) lint  ## style, types and the tests, four files at a time, since most of them wait; one by one: make test TESTERS=0
	$(BIN)/pytest -n $(TESTERS) -m "not heavy"

test-fast: $(READY)  ## under a minute: no server, no Docker, no other user, nothing slow, no property
	$(BIN)/pytest -n logical -m "not (docker or postgres or root or slow or heavy or property)"

test-full: $(READY)  ## the heavy tests that `make test` leaves out, a longer soak, and properties with all examples
	MIDWATCH_SOAK=$(SOAK) MIDWATCH_EXAMPLES=all $(BIN)/pytest -n $(TESTERS) -m "heavy or property"

lint: $(READY)  ## style, types and the walls between the rooms
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## measurements, as ratios against a peer run side by side
	$(BIN)/python -m bench

screenshots: $(READY)  ## the pictures of README and docs, made by the program itself
	$(BIN)/python docs/pictures.py

lock: $(READY)  ## choose the versions of all dependencies anew
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --strip-extras --generate-hashes --allow-unsafe --no-emit-index-url --no-emit-find-links \
		--no-header --extra apprise --extra drill --extra s3 --extra age --extra dev --output-file requirements.lock pyproject.toml

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "midwatch needs Python 3.11 or newer"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

clean:  ## what the commands above made, and what drills left
	-[ ! -x $(BIN)/midwatch ] || $(BIN)/midwatch drill --clean
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
