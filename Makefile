# Two commands do all the set-up on a fresh machine (Python 3.11+, make):
#   make demo    the main job: a worker under load, restarted three times, with its proof
#   make test    the gate: format, lint, types, floors, diagrams, every test
#   make prove   every interleaving within bounds, the kill table, the replays: under ten minutes
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(wildcard lifecycle/*.py lifecycle/*/*.py server/*.py server/*/*.py server/page/* cli/*.py cli/*/*.py diagrams/*.svg) pyproject.toml constraints.txt
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest -q -n 2

.PHONY: demo test check docs fast quick pythons prove prove-short mutants drill-crossfire drill-hooks drill-hosts bench diagrams clean

demo: $(STAMP)
	@$(BIN)/python -m tests.demo

test: check
	@$(PYTEST) --dist loadfile

fast: $(STAMP)
	@$(PYTEST) --dist worksteal -m "not process and not hypothesis and not slow" \
		--ignore tests/quick/lifecycle/posix --ignore tests/quick/lifecycle/lock \
		--ignore tests/quick/proof --ignore tests/quick/server tests/quick tests/spec

quick: $(STAMP)
	@$(PYTEST) --dist worksteal -m "not process" --ignore tests/process

pythons:
	@.ci/pythons

prove: $(STAMP)
	@$(BIN)/python -m tests.proof.prove --write

prove-short: $(STAMP)
	@$(BIN)/python -m tests.proof.prove --short

mutants: $(STAMP)
	@$(BIN)/python -m tests.mutants $(MUTANTS)

drill-hooks: $(STAMP)
	@INCUMBENT_TEST_MOMENTS=20 $(PYTEST) tests/process/test_hook_endings.py

drill-crossfire: $(STAMP)
	@$(BIN)/python -m tests.crossfire

drill-hosts: $(STAMP)
	@$(BIN)/python -m tests.hosts

bench: $(STAMP)
	@$(BIN)/python -m tests.benchmarks --peers --json tests/benchmarks/results.json
	@$(BIN)/python -m tests.benchmarks --render

check: $(STAMP)
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary -p incumbent.lifecycle -p incumbent.server -p incumbent.cli -p tests
	@$(BIN)/lint-imports --no-logo >$(VENV)/floors.log || { cat $(VENV)/floors.log; exit 1; }
	@$(BIN)/worker-service diagrams --check diagrams
	@$(BIN)/python -m tests.docs --check

docs: $(STAMP)
	@$(BIN)/python -m tests.docs

diagrams: $(STAMP)
	@$(BIN)/worker-service diagrams diagrams

$(STAMP): $(SOURCES)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt ".[test,mcp]"
	@touch $@

clean:
	rm -rf $(VENV) dist
