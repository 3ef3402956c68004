# Tasks of the project; `make` lists them. Everything runs in .venv, which is made when it is needed.

# PYTHON: the interpreter that .venv is made from. T: seconds that `make fuzz` runs.
# ARGS: passed on to pytest, rhi demo, fuzz and bench.
PYTHON ?= python3
T ?= 60
ARGS ?=

VENV := .venv
RUN  := $(VENV)/bin/python
BASE := $(VENV)/.installed
DEV  := $(VENV)/.installed-dev

# Tests find rhi and exabgp of .venv on the path.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# A copied or moved checkout must not run the code of the tree that it came from.
ifneq ($(shell cat $(VENV)/.home 2>/dev/null),$(CURDIR))
  $(shell rm -f $(BASE) $(DEV))
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test interop check cover fuzz bench docs lab clean

help: ## list these tasks
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(BASE) ## the daemon, its page, a failure and a drain on this machine; no root, no router
	@$(VENV)/bin/rhi demo $(ARGS)

test: $(DEV) ## all tests; as root, first install the router daemons they talk to
	@scripts/lab-if-possible.sh
	@$(RUN) -m pytest $(ARGS)

interop: $(DEV) ## only the tests against router daemons (see: make lab); all green, writes docs/interop.md
	@RHI_WRITE_INTEROP_PAGE=1 $(RUN) -m pytest -m interop $(ARGS)

check: $(DEV) ## format, lint, types, layers, exports
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy --strict
	@$(RUN) -m pytest -q tests/test_layers.py tests/test_exports.py

cover: $(DEV) ## line and branch coverage of the tests that need no router; details in htmlcov/
	@$(RUN) -m coverage erase
	@$(RUN) -m coverage run -m pytest -m "not interop" $(ARGS)
	@$(RUN) -m coverage combine --quiet
	@$(RUN) -m coverage html --quiet
	@$(RUN) -m coverage report

fuzz: $(DEV) ## feed broken input to the decoders and the session for T seconds (T=60)
ifneq ($(wildcard fuzz/__main__.py),)
	@$(RUN) -m fuzz --seconds $(T) $(ARGS)
else
	@echo "make fuzz: fuzz/ holds no targets yet, so nothing was fuzzed." >&2; exit 1
endif

bench: $(DEV) ## speed and memory beside the router daemons, under 5 minutes; FULL=1 for all of it
ifneq ($(wildcard bench/__main__.py),)
	@$(RUN) -m bench $(if $(FULL),--full) $(ARGS)
else
	@echo "make bench: bench/ holds no benchmarks yet, so nothing was measured." >&2; exit 1
endif

docs: $(DEV) ## the documentation site, in build/site (needs Graphviz)
	@$(RUN) -m sphinx -q -W --keep-going -b html docs build/site && echo "build/site/index.html"

lab: $(DEV) ## install the router daemons of the interop tests (root)
	@RHI_REQUIRE_LAB=1 scripts/lab-if-possible.sh

clean: ## remove .venv and everything else that was generated
	@rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BASE): pyproject.toml scripts/venv.sh
	@PYTHON="$(PYTHON)" scripts/venv.sh $(VENV) ".[daemon]"
	@touch $@

$(DEV): pyproject.toml scripts/venv.sh | $(BASE)
	@PYTHON="$(PYTHON)" scripts/venv.sh $(VENV) ".[daemon,uvloop,dev]"
	@touch $@
