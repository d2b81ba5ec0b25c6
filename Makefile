# make demo    the tool, installed in .venv, on one example
# make test    the tests;  make check: the tests and every other check that CI runs
# make theory  compiles the proofs about the core of the language (proofs/theory); installs Coq for it
# Everything is set up by .ci/setup when it is not yet there: Python 3.11 and a network suffice.
.POSIX:
VENV = .venv
BIN = $(VENV)/bin
TESTS = tests
export VENV

.PHONY: help demo demo-env dev-env test check theory format lint types layers fix clean

help:
	@echo "make demo | test | check | theory | fix | clean"

demo: demo-env
	@$(BIN)/wfverify examples/trip.wf

demo-env:
	@bash .ci/setup demo

dev-env:
	@bash .ci/setup dev

test: dev-env
	$(BIN)/python -m pytest -n auto $(TESTS)

check: dev-env format lint types layers test

format: dev-env
	$(BIN)/ruff format --check .

lint: dev-env
	$(BIN)/ruff check .

# The root of the repository is the package: mypy finds it under its name through a link.
types: dev-env
	@mkdir -p .check && ln -sfn .. .check/wfverify
	cd .check && ../$(BIN)/python -m mypy --config-file ../pyproject.toml -p wfverify

layers: dev-env
	$(BIN)/lint-imports --no-cache

theory: demo-env
	@$(BIN)/python bench/theory.py

fix: dev-env
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .check build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache \
	  .hypothesis .import_linter_cache .wfverify
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
