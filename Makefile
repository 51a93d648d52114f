# Everything runs in the project's own environment, .venv; nothing else on the machine is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test fuzz lint docs lock clean bench

# Inputs for each of the decoders that `make fuzz` tries.
RUNS ?= 20000

install: $(STAMP)

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Redshank needs Python 3.11 or later; name one with: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP)
	@$(BIN)/redshank simulate demo/telemetry --days 21 --seed 7
	@$(BIN)/redshank detect demo/telemetry --config demo/telemetry/redshank.toml --alerts demo/alerts.jsonl

# A worker that has died (pytest-xdist says at what) is not replaced: with whole files to each it may wait for ever then.
test: $(STAMP) lint
	$(BIN)/python -m pytest -n auto --dist loadfile --max-worker-restart 0

fuzz: $(STAMP)
	$(BIN)/python -m tests.fuzz --runs $(RUNS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(STAMP)
	$(BIN)/python -m detections.page docs/detections.md

bench: $(STAMP)
	$(BIN)/python -m benchmarks

lock:
	$(BIN)/uv pip compile pyproject.toml --group dev --group bench --generate-hashes --universal --python-version 3.11 --no-header --quiet --output-file requirements.lock

clean:
	rm -rf $(VENV) demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
