# Everything a newcomer needs: `make demo` and `make test`. Both build .venv from nothing when it is not there: `demo` with the core and its
# extra `plots`, `test` with everything, in the exact versions of constraints.txt.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
WORKERS ?= 2
BIN := $(VENV)/bin

# Parallelism comes from test workers, not from threads inside each of them.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: demo docs install test test-slow test-pythons resolve build check format constraints clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.installed
	@echo "The whole proof on MovieLens-100K: about four minutes on two quiet cores."
	$(BIN)/r2u run --preset demo

install: $(VENV)/.installed

test: $(VENV)/.installed-dev
	$(ONE_THREAD) $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile

test-slow: $(VENV)/.installed-dev
	$(ONE_THREAD) $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile -m slow

# The built wheel on every interpreter of this machine (3.11 to 3.14), with the newest dependencies that its metadata admits; PYTHONS names others.
test-pythons: build
	.ci/pythons

# Whether what the wheel asks for can be had on the other interpreters, from metadata alone.
resolve: build
	$(BIN)/python .ci/resolve.py dist/*.whl 3.12 3.13 3.14

build: $(VENV)/.installed-dev
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/python -m twine check --strict dist/*

# The documentation site, into site/; tutorials run while it is built.
docs: $(VENV)/.installed-dev
	$(ONE_THREAD) NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Freezes a fresh environment. torch loses its local version tag (+cpu, +cu...), so that the file resolves anywhere.
constraints:
	$(PYTHON) -m venv --clear $(VENV)-fresh
	$(VENV)-fresh/bin/python -m pip install -q -e '.[dev]'
	{ sed -n '/^#/p' constraints.txt; $(VENV)-fresh/bin/python -m pip freeze --exclude-editable | sed 's/+.*//'; } > constraints.txt.new
	mv constraints.txt.new constraints.txt
	rm -rf $(VENV)-fresh

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[plots]'
	touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) $(VENV)-fresh dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
