# Two commands: `make study` runs the study, `make test` runs the tests. Both set up first.
PYTHON ?= python3
VENV ?= .venv
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
# Anything more for snakemake, e.g. make study ARGS="--configfile config/studies/mine.yaml"
ARGS ?=

export PATH := $(abspath $(VENV))/bin:$(PATH)

.PHONY: study test lint format docs clean

study: $(VENV)/.installed
	snakemake --cores $(CORES) $(ARGS)

test: $(VENV)/.installed
	python -m pytest

lint: $(VENV)/.installed
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint

format: $(VENV)/.installed
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow

docs: $(VENV)/.installed
	python -m thinkscale.config.docs

clean:
	rm -rf $(VENV) .snakemake

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"thinkscale needs Python 3.11 or newer; {sys.executable} is {v[0]}.{v[1]}. Name another: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@
