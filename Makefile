# `make demo` runs the first duel; `make test` proves the house. Both install what they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
RUNS ?= runs

.PHONY: demo test evidence lint bench clean

$(VENV)/.core: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e .
	touch $@

$(VENV)/.test: $(VENV)/.core
	$(PIP) install -c constraints.txt -e '.[test,dev]'
	# The official tokenizers travel in packages whose own dependencies are not needed here.
	$(PIP) install -c constraints.txt --no-deps dashscope llama-models
	touch $@

demo: $(VENV)/.core
	$(BIN)/leitai compare examples/demo.yaml --out $(RUNS)/demo

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not evidence" tests

evidence: $(VENV)/.test
	$(BIN)/python -m pytest -m evidence --log-cli-level=INFO tests

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.test
	$(BIN)/python benchmarks/peers.py

clean:
	rm -rf $(VENV) $(RUNS)
