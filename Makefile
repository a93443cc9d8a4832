# `make demo` runs the first duel; `make test` proves the house. Both install what they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
RUNS ?= runs
PEERS ?= .venv-peers
LLAMA ?= .llama.cpp
LLAMA_CPP_PYTHON := 0.3.36

.PHONY: demo test evidence lint bench bench-quick clean

$(VENV)/.core: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e .
	touch $@

$(VENV)/.test: $(VENV)/.core
	$(PIP) install -c constraints.txt -e '.[test,lm-eval,dev]'
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

# What Leitai is measured against lives apart, so that nobody else installs it.
$(PEERS)/.done: benchmarks/peers.txt benchmarks/litgpt.txt constraints.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip -q install -c constraints.txt -r benchmarks/peers.txt
	$(PEERS)/bin/python -m pip -q install --no-deps -r benchmarks/litgpt.txt
	touch $@

# llama.cpp as llama-cpp-python carries it, built for this machine. Wants cmake and a C++ compiler.
$(LLAMA)/.done: benchmarks/gguf_files.py $(PEERS)/.done
	mkdir -p $(LLAMA)
	$(PEERS)/bin/python -m pip -q download --no-deps --no-binary :all: -d $(LLAMA) \
		llama-cpp-python==$(LLAMA_CPP_PYTHON)
	tar -xzf $(LLAMA)/llama_cpp_python-$(LLAMA_CPP_PYTHON).tar.gz -C $(LLAMA)
	cmake -S $(LLAMA)/llama_cpp_python-$(LLAMA_CPP_PYTHON)/vendor/llama.cpp -B $(LLAMA)/build \
		-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DLLAMA_BUILD_SERVER=OFF \
		-DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_UI=OFF
	cmake --build $(LLAMA)/build --parallel --target llama-bench llama-batched-bench
	$(PEERS)/bin/python benchmarks/gguf_files.py $(LLAMA)/gguf
	touch $@

# About an hour and a half on two idle cores; PARTS="lora-llama growth" measures these alone.
bench: $(VENV)/.test $(PEERS)/.done $(LLAMA)/.done
	PYTHON=$(BIN)/python PEERS_PYTHON=$(PEERS)/bin/python LLAMA_BIN=$(LLAMA)/build/bin \
		GGUF=$(LLAMA)/gguf RUNS=$(RUNS) sh benchmarks/all.sh $(PARTS)

bench-quick: $(VENV)/.test
	$(BIN)/python benchmarks/peers.py --quick
	$(BIN)/python benchmarks/growth.py --quick

clean:
	rm -rf $(VENV) $(PEERS) $(LLAMA) $(RUNS)
