# Everything starts from Python 3.11+, Node 20.19+ and make: `make run` brings up the rest.
# Settings of pip, npm and uv (PIP_*, NPM_CONFIG_*, UV_*) are taken from the environment as they are.

PYTHON ?= $(shell .ci/find-python)
# Tests wait for servers and browsers a good part of their time.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) * 3 / 2)))

BIN := .venv/bin
WEB := web
PAGE := src/nowline/api/page

# A stamp is written at the end of its step and holds what the step depends on besides files;
# a step that was cut short, or was made by another interpreter or in another folder, is redone.
VENV_STAMP := .venv/.ready
PEERS_STAMP := .venv/.peers
VENV_STATE := $(CURDIR) $(shell $(BIN)/python -V 2>/dev/null)
NODE_STAMP := $(WEB)/node_modules/.ready
NODE_STATE := $(shell node -p 'process.version + " " + process.platform + " " + process.arch' 2>/dev/null)
NATIVE_SOURCES := hatch_build.py $(wildcard src/nowline/*/_native.c src/nowline/*/native_*/*.h)
PAGE_STAMP := $(WEB)/node_modules/.page-ready
PAGE_SOURCES := $(shell find $(wildcard $(WEB)/src $(WEB)/public $(WEB)/scripts)) $(wildcard $(WEB)/*.*)

.DELETE_ON_ERROR:
.PHONY: setup run demo test check bench dist fmt types clean venv page

setup: venv page

venv: $(VENV_STAMP)

page: $(PAGE_STAMP)

ifneq ($(shell cat $(VENV_STAMP) 2>/dev/null),$(VENV_STATE))
.PHONY: $(VENV_STAMP)
endif
$(VENV_STAMP): pyproject.toml uv.lock client/pyproject.toml .ci/make-venv $(NATIVE_SOURCES)
	@rm -f $@
	PYTHON="$(PYTHON)" .ci/make-venv
	@printf '%s %s\n' "$(CURDIR)" "$$($(BIN)/python -V)" > $@

# What only the checks and tests need, so that running a server waits for none of it.
$(PEERS_STAMP): $(VENV_STAMP)
	PYTHON="$(PYTHON)" .ci/make-venv --group peers
	@touch $@

ifneq ($(shell cat $(NODE_STAMP) 2>/dev/null),$(NODE_STATE))
.PHONY: $(NODE_STAMP)
endif
$(NODE_STAMP): $(WEB)/package.json $(WEB)/package-lock.json
	@rm -f $@
	@.ci/check-node
	npm --prefix $(WEB) ci --no-audit --no-fund
	@printf '%s\n' "$(NODE_STATE)" > $@

ifeq ($(wildcard $(PAGE)/index.html),)
.PHONY: $(PAGE_STAMP)
endif
$(PAGE_STAMP): $(NODE_STAMP) $(PAGE_SOURCES)
	@rm -f $@
	npm --prefix $(WEB) run build
	@touch $@

run: setup
	$(BIN)/nowline up

demo: setup
	$(BIN)/nowline demo

test: setup $(PEERS_STAMP)
	tests/install-system-packages
	npm --prefix $(WEB) test
	$(BIN)/pytest -n $(WORKERS)

check: setup $(PEERS_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.10 client/src
	$(BIN)/lint-imports
	npm --prefix $(WEB) run check
	BIN=$(BIN) WEB=$(WEB) .ci/check-drift

# The API's description and the page's types of it, after a change to a route or a model.
types: setup
	$(BIN)/nowline openapi > src/nowline/api/openapi.json.new
	mv src/nowline/api/openapi.json.new src/nowline/api/openapi.json
	npm --prefix $(WEB) run types

bench: setup
	$(BIN)/python -m bench

dist: setup
	rm -rf dist
	$(BIN)/uv build --wheel --out-dir dist
	$(BIN)/python .ci/check_wheel.py dist
	$(BIN)/uv build --wheel --out-dir dist client

fmt: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	npm --prefix $(WEB) run format

clean:
	rm -f src/nowline/*/_native*.so src/nowline/*/_native*.pyd
	rm -rf dist build client/dist $(PAGE) $(WEB)/node_modules .venv
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests bench client -name __pycache__ -type d -prune -exec rm -rf {} +
