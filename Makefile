# Everything a newcomer needs, with nothing installed but Python 3.11+ and make. `make` lists it.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# The first interpreter that is new enough; set PYTHON to choose another one.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$python -c '$(NEW_ENOUGH)' 2>/dev/null && { echo $$python; break; }; done)

VENV := .venv
BIN := $(VENV)/bin
# Versions come from constraints.txt, those of the build among them. Both names: pip 25.3 split the second off.
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
	$(BIN)/python -m pip install --quiet
INPUTS := pyproject.toml constraints.txt

# Two at once, each file in one process: scenarios and browsers wait more than they work.
PYTEST_FLAGS ?= -n 2 --dist loadfile
BENCH ?= smoke
ROUNDS ?= 10

.PHONY: help run demo test check bench crash screenshots install browser compiler clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.for-running ## Start the service on SQLite; prints a sign-in link, a key and a line to paste
	@exec $(BIN)/breakwater serve

demo: $(VENV)/.for-running ## Start it with a receiver and gentle traffic, to look around
	@exec $(BIN)/breakwater demo

test: $(VENV)/.for-developing browser compiler ## Run every test, the browser's included (CI=true: none may be skipped)
	@$(BIN)/python -m pytest $(PYTEST_FLAGS)

check: $(VENV)/.for-developing ## Lint, check types and imports, and run the fast tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest $(PYTEST_FLAGS) -q -m 'not browser and not scenario and not slow' --ignore=tests/test_code.py

bench: $(VENV)/.for-developing ## Measure deliveries a second; BENCH=pages, with a million attempts: every page; BENCH=reading: every read
	@$(BIN)/python bench/$(BENCH).py

crash: $(VENV)/.for-developing ## Kill the service ROUNDS times under load, and count what was lost: nothing
	@$(BIN)/python bench/crash.py --rounds $(ROUNDS)

screenshots: $(VENV)/.for-developing browser ## Take the pictures of the documents anew, from a running demo
	@$(BIN)/python tests/browser/screenshots.py $(PAGE)

install: $(VENV)/.for-developing ## Install everything for developing into .venv

clean: ## Remove .venv and what tools have left
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

browser: $(VENV)/.for-developing
	@sh tests/browser/ensure-chromium.sh $(BIN)

compiler:
	@sh tests/scenarios/ensure-compiler.sh

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Breakwater needs Python 3.11 or later: install it, or set PYTHON." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "No virtual environment could be made; on Debian: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.for-running: $(BIN)/python $(INPUTS)
	@echo "Installing Breakwater into $(VENV) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.for-developing: $(BIN)/python $(INPUTS)
	@echo "Installing Breakwater and what its tests need into $(VENV) ..."
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.for-running
