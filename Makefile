PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help env demo test browser containers prove mutants check alerts bench lock clean

help: ## what can be done here
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

env: .venv/.stamp ## the Python environment .venv, exactly as requirements.lock says (Python 3.11 or newer; PYTHON=python3.12 names another)

demo: env ## the whole of Wattfall on this machine, with real and invented readings, until Ctrl-C (ONCE=1: one round, then stop)
	@$(BIN)/python -m demo $(if $(ONCE),--once)

test: env ## every test but those of the page, with a real Kafka: some ten minutes (ARGS="tests/unit -x" is for pytest)
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

browser: env ## the dashboard's page in a real browser, which this machine has to have: any Chromium (pictures in build/page)
	@$(BIN)/python -m pytest tests/browser $(ARGS)

containers: env ## the image built, and run as compose.yaml and Kubernetes run it, by a Docker that this machine has to have
	@$(BIN)/python -m pytest tests/containers $(ARGS)

prove: env ## the long runs of everything that may go wrong, some 100 minutes (ARGS="--only crash --scale 0.1")
	@$(BIN)/python -m tests.faults.prove $(ARGS)

mutants: env ## break the product on purpose, in one way after the other, and see which test notices: half an hour (ARGS="--list" shows the ways)
	@$(BIN)/python -m tests.mutants $(ARGS)

check: env ## style, types and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

alerts: ## do the alerts of deploy/prometheus come when they should? (needs promtool, which comes with Prometheus)
	@command -v promtool >/dev/null || { echo "make alerts needs promtool, which comes with Prometheus" >&2; exit 1; }
	@promtool check config deploy/prometheus/prometheus.yaml
	@promtool test rules deploy/prometheus/alerts_test.yaml

bench: env ## how fast it is (ARGS="--help" shows what can be measured)
	@$(BIN)/python -m bench $(ARGS)

# tailer is no wheel, and dsmr-parser needs it only to follow a file that grows, which ingest does not ask of it.
lock: ## resolve the dependencies of pyproject.toml again into requirements.lock, and those of the image (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv" >&2; exit 1; }
	@uv pip compile pyproject.toml --group dashboard --group ingest --group local --group dev --universal --generate-hashes \
		--no-header --no-annotate --quiet --output-file requirements.lock
	@uv pip compile pyproject.toml --group dashboard --group ingest --universal --generate-hashes --no-header --no-annotate --quiet \
		--constraints requirements.lock --no-emit-package tailer --output-file docker/requirements.lock

clean: ## delete caches and what the demo kept (.venv stays)
	@rm -rf .state/demo build .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	@find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# Always from nothing: an environment that was left half-made, or that held another lock's packages, is no longer either.
# The stamp is the last thing to be made and the first to go.
.venv/.stamp: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Wattfall needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1); name another: make PYTHON=python3.12" >&2; exit 1; }
	@echo "making .venv from requirements.lock" >&2
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@touch $@
