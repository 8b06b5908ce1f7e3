# Every target makes its own environment in .venv; nothing else is needed but Python >= 3.11.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
JOBS ?= 2
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help demo test test-all check bench docs clean

help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.installed ## install if need be, run the head-to-head, write its report
	@$(BIN)/perforin demo

test: .venv/.test ## fast tests
	@$(BIN)/python -m pytest -n $(JOBS)

test-all: .venv/.test ## every test, the slow ones too
	@$(BIN)/python -m pytest -n $(JOBS) -m ""

check: .venv/.test ## style, types, layers
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m pytest -q tests/architecture

bench: .venv/.test ## measure speed on this machine, beside rivals
	@$(BIN)/python benchmarks/run.py

docs: .venv/.docs ## build the site into site/
	@$(BIN)/python docs/generate.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet && echo "site/index.html"

clean: ## forget the environment and what was built
	rm -rf .venv site dist build

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "perforin needs Python 3.11 or later on the path, or: make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -m venv .venv 2>/dev/null || $(PYTHON) -m virtualenv --quiet .venv 2>/dev/null || { rm -rf .venv; \
		echo "$(PYTHON) cannot make a virtual environment (it lacks ensurepip)."; \
		echo "On Debian or Ubuntu: sudo apt install python3-venv. Elsewhere: $(PYTHON) -m pip install --user virtualenv"; \
		exit 1; }

.venv/.installed: pyproject.toml | .venv/bin/python
	@echo "installing perforin into .venv (once; about a minute)"
	@$(PIP) --no-compile --editable .
	@command -v clang >/dev/null || command -v gcc >/dev/null || command -v cc >/dev/null || { \
		echo "no C compiler found: adding the ziglang wheel (100 MB)"; $(PIP) --no-compile --editable '.[compiler]'; }
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -c "import perforin.study, perforin.report.page" # only what is used is compiled
	@touch $@

.venv/.test: .venv/.installed
	@$(PIP) --editable '.[test]'
	@touch $@

.venv/.docs: .venv/.installed
	@$(PIP) --editable '.[docs]'
	@touch $@
