# Everything a developer or CI does, by name. `make` alone lists it.
#
# What is built stays: .venv/ (the command is .venv/bin/gateway), datapath/target/, web/dist/.

PYTHON ?= python3
FUZZ_S ?= 20
BIN := .venv/bin
INSTALLED := .venv/.installed
CONTRACT := gateway/datapath/datapath_pb2.py
PAGE := web/dist/index.html
CARGO := cd datapath && cargo
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help run build prerequisites datapath test check check-python check-rust check-web \
        test-python test-rust test-integration test-browser fuzz bench format

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 26
	@scripts/prerequisites || true

# ------------------------------------------------------------------------------------------- use

run: build ## build, start `gateway serve --dev`, make one real call, print links (ONCE=1: stop after the call)
	@$(BIN)/gateway try $(if $(ONCE),--once)

build: prerequisites $(INSTALLED) $(CONTRACT) datapath $(PAGE) ## .venv/bin/gateway, the datapath, the trial page

# ----------------------------------------------------------------------------------------- build

prerequisites:
	@scripts/prerequisites

$(INSTALLED): pyproject.toml constraints.txt hatch_build.py scripts/generate-contract
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --constraint constraints.txt --editable '.[test,dev]'
	@touch $@

$(CONTRACT): datapath/proto/datapath.proto scripts/generate-contract $(INSTALLED)
	$(BIN)/python scripts/generate-contract
	@touch $@

datapath:
	$(CARGO) build --locked --release --package gateway-datapath

web/node_modules: web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	@touch $@

$(PAGE): web/node_modules $(wildcard web/*.mjs web/*.json web/src/*)
	cd web && npm run --silent build
	@touch $@

# ------------------------------------------------------------------------------------------ test

test: prerequisites-of-tests check test-python test-rust test-integration fuzz test-browser ## everything that CI checks

check: check-python check-rust check-web ## linters: ruff, mypy, floors, rustfmt, clippy, tsc

check-python: $(INSTALLED) $(CONTRACT)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check-rust:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- --deny warnings

check-web: web/node_modules
	cd web && npm run --silent check

test-python: $(INSTALLED) $(CONTRACT) ## Python: units, properties, conversations on a fake clock
	$(BIN)/pytest -q -m "not integration" \
	    --ignore tests/browser --ignore tests/deaths --ignore tests/integration

test-rust: ## Rust: units, properties, conformance vectors
	$(CARGO) test --locked --workspace --quiet

test-integration: build ## real sockets: both processes, PyPI livekit and aiortc
	$(BIN)/pytest -q -m integration --ignore tests/browser

test-browser: build ## headless Chromium with livekit-client
	$(BIN)/pytest -q tests/browser

fuzz: ## each fuzz target for FUZZ_S seconds (20)
	datapath/fuzz/run $(FUZZ_S)

bench: ## what a packet costs in the datapath's core
	$(CARGO) bench --locked --package datapath-core

format: $(INSTALLED) ## format Python and Rust
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --quiet .
	$(CARGO) fmt --all

.PHONY: prerequisites-of-tests
prerequisites-of-tests:
	@scripts/prerequisites tests
