# `make` lists what there is. Everything runs in .venv, which `make setup` makes from nothing but Python.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-browser test-long check golden lock build clean

help: ## list what make can do
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## make .venv and install seqsync with all its tools into it

$(STAMP): pyproject.toml tests/constraints.txt .ci/venv.sh
	@echo "Setting up $(VENV) (a minute the first time) ..."
	@sh .ci/venv.sh "$(PYTHON)" "$(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c tests/constraints.txt \
		--editable ".[sandbox]" --group test --group lint
	@touch $@

demo: $(STAMP) ## create every step of sequences/ in a local stand-in of the API, then plan again: no changes
	@SEQSYNC=$(CURDIR)/$(BIN)/seqsync PYTHON=$(CURDIR)/$(BIN)/python sh docs/demo.sh

test: $(STAMP) ## run the tests, without the long ones; those in a browser where there is one
	@if sh .ci/browser.sh have; then marks="not long"; else marks="not long and not browser"; \
		echo "Without chromium and chromedriver: the tests in a browser are left out."; fi; \
	$(BIN)/python -m pytest -n auto --dist loadgroup -m "$$marks"

test-browser: $(STAMP) ## run only the tests in a real browser; chromium and chromedriver must be there
	@$(BIN)/python -m pytest -n 1 --dist loadgroup -m browser tests/browser

test-long: $(STAMP) ## run the long tests: thousands of seeds
	@$(BIN)/python -m pytest -n auto -m long

check: $(STAMP) ## lint, format, types, architecture
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_architecture.py

golden: $(STAMP) ## rewrite the expected outputs of the tests; look at the difference before you commit it
	@$(BIN)/python -m pytest -q -m "not long and not browser" --update-golden
	@git --no-pager diff --stat -- tests

lock: $(STAMP) ## bring the pinned versions in tests/constraints.txt up to date
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@{ sed '/^[^#]/,$$d' tests/constraints.txt; $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
		--upgrade --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml --extra sandbox \
		--group pyproject.toml:test --group pyproject.toml:lint; } > $(VENV)/constraints.txt
	@mv $(VENV)/constraints.txt tests/constraints.txt

build: $(STAMP) ## build the wheel, in dist/
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@ls dist

clean: ## remove builds and caches; .venv stays
	@rm -rf dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .seqsync
	@find sequence_sync tests -name __pycache__ -type d -prune -exec rm -rf {} +
