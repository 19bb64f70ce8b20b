# Everything here does its own set-up: Python >= 3.11, git and make are enough.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
CORES ?= $(shell nproc 2>/dev/null || echo 2)
export PYTHONDONTWRITEBYTECODE = 1

.PHONY: run setup test proofs check bench fuzz-api sentiment chaos-blackbox mutation icons screenshots lock browser
.DEFAULT_GOAL := run

$(BIN)/python:
	@test -n "$(PYTHON)" || { \
		echo "Python 3.11 or newer with its venv module is needed, and none was found" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 2; }

$(VENV)/.runtime: requirements.txt | $(BIN)/python
	@echo "installing the libraries; the first time this takes a few minutes"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ $(VENV)/.runtime

setup: $(VENV)/.runtime

run: setup
	$(BIN)/python main.py run $(ARGS)

# Debian's Chromium, where there is root and apt; elsewhere the browser tests say that they were skipped.
browser:
	@command -v chromium >/dev/null 2>&1 || if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
		echo "installing chromium for the browser tests" && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; fi

test: $(VENV)/.dev browser
	@rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -n $(CORES) --dist loadgroup -q -rs --durations=10 \
		--cov --cov-report= $(ARGS) tests
	$(BIN)/python -m tests.tools.coverage_gate

# The longer forms of what `make test` shows in short: more kills, more seeds, a whole day, three weeks.
proofs: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(CORES) --dist loadgroup -q -rs --durations=10 -m proof $(ARGS) tests

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/unit/test_architecture.py

# Trains the classifier of headlines anew and writes services/news/sentiment.json; a few seconds.
sentiment: $(VENV)/.dev
	$(BIN)/python -m tests.tools.sentiment $(ARGS)

bench: $(VENV)/.dev browser
	$(BIN)/python -m tests.benchmarks $(ARGS)

# kill -9 of the live trader, 60 times inside its order path and 100 times anywhere, against the double of Binance.US;
# about half an hour.
chaos-blackbox: $(VENV)/.dev
	$(BIN)/python -m tests.chaos.blackbox $(ARGS)

# Icons and splash screens, drawn anew from components/assets/icon.svg.
icons: $(VENV)/.dev browser
	$(BIN)/python -m tests.tools.icons

# Every part of the dashboard as a picture, phone and desktop, light and dark, into docs/images; a minute or two.
screenshots: $(VENV)/.dev browser
	$(BIN)/python -m tests.tools.screenshots $(ARGS)

# Sends the running API whatever its description allows, and what it does not; some minutes.
fuzz-api: $(VENV)/.dev
	$(BIN)/python -m tests.tools.fuzz_api $(ARGS)

# Changes the rules of money one by one and sees whether a test notices; about half an hour.
mutation: $(VENV)/.dev
	$(BIN)/python -m tests.tools.mutation $(ARGS)

lock: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras \
		--custom-compile-command "make lock" pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras \
		--custom-compile-command "make lock" --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt
	for list in requirements-bench benchmarks/peers/freqtrade benchmarks/peers/jesse benchmarks/peers/nautilus_trader; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras \
			--custom-compile-command "make lock" $$list.in -o $$list.txt || exit 1; done
