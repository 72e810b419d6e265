# Needs Python 3.11 or later and make; everything else is installed into .venv. `make` lists the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# The first interpreter that is recent enough; set PYTHON to choose another one.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$python -c '$(NEW_ENOUGH)' 2>/dev/null && { echo $$python; break; }; done)

VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet
# Dependencies and the build tool are accepted only as the files whose hashes the lock files list: requirements.txt for
# the service, constraints.txt for development. pip has no hash for a folder, so the project itself is installed apart.
LOCKED := $(PIP) --require-hashes --requirement
EDITABLE := $(PIP) --no-deps --no-build-isolation --editable .
UV_LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-strip-extras pyproject.toml
# Removes the distribution under its former name, which would keep `core` and `web` importable by their bare names.
REMOVE_FORMER := $(BIN)/python -P -m pip --disable-pip-version-check uninstall --quiet --quiet --yes breakwater
INPUTS := pyproject.toml requirements.txt constraints.txt

# Two processes, each file in one of them: scenario and browser tests mostly wait.
PYTEST_FLAGS ?= -n 2 --dist loadfile
BENCH ?= smoke
ROUNDS ?= 10

.PHONY: help run demo test lint check bench crash screenshots install lock remove-former browser compiler clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.runtime-installed ## Start the service on SQLite; prints a sign-in link, an API key and a command to try
	@exec $(BIN)/breakwater serve --example-endpoint

demo: $(VENV)/.runtime-installed ## Start the service with a scripted receiver and demo traffic
	@exec $(BIN)/breakwater demo

test: lint browser compiler ## Lint and run every test, browser tests included (with CI=true a skipped test fails)
	@$(BIN)/python -m pytest $(PYTEST_FLAGS)

lint: $(VENV)/.dev-installed ## Check style, format, types and import contracts
	@$(BIN)/ruff check . || { echo "make lint: ruff check failed" >&2; exit 1; }
	@$(BIN)/ruff format --check . || { echo "make lint: the format is wrong; run $(BIN)/ruff format ." >&2; exit 1; }
	@$(BIN)/mypy || { echo "make lint: mypy failed" >&2; exit 1; }
	@$(BIN)/lint-imports || { echo "make lint: an import breaks a contract of pyproject.toml" >&2; exit 1; }

check: lint ## Lint and run the fast tests
	@$(BIN)/python -m pytest $(PYTEST_FLAGS) -q -m 'not browser and not scenario and not slow'

bench: $(VENV)/.dev-installed ## Measure deliveries per second; BENCH=pages measures every page, BENCH=reading every query
	@$(BIN)/python bench/$(BENCH).py

crash: $(VENV)/.dev-installed ## Kill the service ROUNDS times under load and check that nothing is lost
	@$(BIN)/python bench/crash.py --rounds $(ROUNDS)

screenshots: $(VENV)/.dev-installed browser ## Take the screenshots of the documents from a running demo
	@$(BIN)/python tests/browser/screenshots.py $(PAGE)

install: $(VENV)/.dev-installed ## Install the development dependencies into .venv

lock: ## Write both lock files after a change in pyproject.toml; needs uv. UPGRADE=--upgrade takes newer versions
	@$(UV_LOCK) --extra dev $(UPGRADE) --output-file constraints.txt
	@sed -n 's/^\([A-Za-z0-9][^ ]*==[^ ]*\).*/\1/p' constraints.txt > .locked-versions
	@echo 'setuptools>=77' | $(UV_LOCK) - --extra server --constraint .locked-versions --upgrade --output-file requirements.txt
	@rm .locked-versions

clean: ## Remove .venv and the files that tools leave
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

remove-former: $(BIN)/python
	@$(REMOVE_FORMER)

browser: $(VENV)/.dev-installed
	@sh tests/browser/ensure-chromium.sh $(BIN)

compiler:
	@sh tests/scenarios/ensure-compiler.sh

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Breakwater needs Python 3.11 or later: install it, or set PYTHON." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "The virtual environment could not be created; on Debian: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.runtime-installed: $(BIN)/python $(INPUTS)
	@echo "Installing Breakwater into $(VENV) ..."
	@$(REMOVE_FORMER)
	@$(LOCKED) requirements.txt
	@$(EDITABLE)
	@touch $@

$(VENV)/.dev-installed: $(BIN)/python $(INPUTS)
	@echo "Installing Breakwater and its development dependencies into $(VENV) ..."
	@$(REMOVE_FORMER)
	@$(LOCKED) constraints.txt
	@$(EDITABLE)
	@touch $@ $(VENV)/.runtime-installed
