# Everything that a developer or a site runs by hand. `make help` lists it.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
# Debian's own Python was optimised by a profile of itself at work; one that is compiled by hand seldom is, and takes up to
# twice as long for the same. So Debian's comes first where it is new enough, and complete.
PYTHON ?= $(shell /usr/bin/python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
    && echo /usr/bin/python3 || echo python3)
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := $(VENV)

# Where uv is missing, a private one is put beside the project's environment.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help install demo serve cluster tools test test-long load check format docs build clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

install: $(BIN)/shaoxiang ## create .venv with everything the project needs

$(BIN)/shaoxiang: pyproject.toml uv.lock | uv
	$(UV) sync --frozen --python $(PYTHON)
	@touch $@

.PHONY: uv
uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Shaoxiang needs Python 3.11 or later; $(PYTHON) is older or missing. Set PYTHON=/path/to/python3."; exit 1; }
	@command -v $(UV) >/dev/null 2>&1 || { \
	    $(PYTHON) -m venv .uv || { rm -rf .uv; \
	        echo "Neither uv nor a working venv was found. On Debian: apt-get install python3-venv, then make again."; exit 1; }; \
	    .uv/bin/pip install --quiet 'uv>=0.5'; }

demo: install ## run everything in one process with the demo city
	$(BIN)/shaoxiang demo

serve: install ## run the engine on the store in ./shaoxiang-data
	$(BIN)/shaoxiang serve

cluster: install ## run PostgreSQL, two APIs behind a proxy, workers and tickers, with the demo city
	$(BIN)/python -m bench.cluster

tools: ## install what the tests watch and drive: strace, PostgreSQL's server, docker-compose
	@missing=""; \
	command -v strace >/dev/null 2>&1 || missing="$$missing strace"; \
	command -v docker-compose >/dev/null 2>&1 || missing="$$missing docker-compose"; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	[ -z "$$missing" ] || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 \
	    && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing >/dev/null; } || { \
	    echo "The tests need:$$missing. On Debian: apt-get install$$missing, then make again."; exit 1; }

test: install tools ## run all tests, long ones in their short form
	$(BIN)/pytest -n $(JOBS)

test-long: install tools ## run all tests in their long form
	SHAOXIANG_HYPOTHESIS=long $(BIN)/pytest -n $(JOBS) -m "slow or not slow"

# A time is printed here and proves nothing about another machine, so only what the server fails at counts.
load: install tools ## a minute of a city's traffic on four APIs and PostgreSQL; fails when the server does
	$(BIN)/python -m bench load --store postgres --rate 100 --seconds 60 --timed 0

check: install ## lint, format, types, arrows, documents in step
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m shaoxiang.docs --check

format: install ## put the code in form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install ## write the documents that come from code
	$(BIN)/python -m shaoxiang.docs

build: install ## build the wheel into dist/
	$(UV) build --wheel

clean: ## remove what was made here, except the store
	rm -rf $(VENV) .uv build dist .bench .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
