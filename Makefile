# `make` lists the targets. All of them run in .venv, which `make setup` creates. Only Python is needed for that.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp

PYTEST := $(BIN)/python -m pytest -n auto --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-long test-all check golden lock build clean

help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## create .venv and install seqsync with its development tools

$(STAMP): pyproject.toml tests/constraints.txt .ci/venv.sh
	@echo "Setting up $(VENV) (about a minute the first time) ..."
	@sh .ci/venv.sh "$(PYTHON)" "$(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c tests/constraints.txt \
		--editable ".[sandbox]" --group test --group lint
	@touch $@

demo: $(STAMP) ## create every step of sequences/ on a local sandbox, then plan again: no changes
	@SEQSYNC=$(CURDIR)/$(BIN)/seqsync PYTHON=$(CURDIR)/$(BIN)/python sh docs/demo.sh

test: $(STAMP) ## run the tests (about 4 minutes on two cores)
	@echo "Running the tests: about 4 minutes on two cores. One package: $(BIN)/python -m pytest tests/plan"
	@$(PYTEST)

test-slow: $(STAMP) ## run whole pipelines, a browser, and a sample of the long tests (about 10 minutes)
	@marks="slow or browser or long"; sh .ci/browser.sh have || marks="(slow or long) and not browser"; \
	echo "Running the slow tests: $$marks. About 10 minutes on two cores."; \
	$(PYTEST) -m "$$marks" --sample 12

test-long: $(STAMP) ## run thousands of simulation seeds, edit scenarios and kills (about 1 hour)
	@echo "Running the long tests: about 1 hour on two cores."
	@$(PYTEST) -m long

test-all: $(STAMP) ## run every test there is, the long ones too
	@sh .ci/browser.sh install
	@echo "Running all tests: more than 1 hour on two cores."
	@$(PYTEST) -m "slow or not slow"

check: $(STAMP) ## lint, check formatting, types and architecture
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_architecture.py

golden: $(STAMP) ## rewrite the golden files; read the diff before you commit it
	@$(PYTEST) -q --update-golden
	@git --no-pager diff --stat -- tests docs README.md

lock: $(STAMP) ## update the locked versions in tests/constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@{ sed '/^[^#]/,$$d' tests/constraints.txt; $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
		--upgrade --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml --extra sandbox \
		--group pyproject.toml:test --group pyproject.toml:lint; } > $(VENV)/constraints.txt
	@mv $(VENV)/constraints.txt tests/constraints.txt

build: $(STAMP) ## build the wheel into dist/
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@ls dist

clean: ## remove builds and caches, but not .venv
	@rm -rf dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .seqsync
	@find sequence_sync tests -name __pycache__ -type d -prune -exec rm -rf {} +
