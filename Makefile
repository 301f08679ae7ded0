# make demo | test | test-slow | test-faults | test-lowest | audit | check | docs | bench | release | clean. Needs Python >= 3.11 and nothing else.
#   PYTHON=python3.12                another interpreter
#   PIP_FLAGS='--extra-index-url …'  what pip should be told besides, e.g. where the CPU build of torch lies
#   PYTEST_FLAGS='-k nets'           what pytest should be told besides

PYTHON ?= python3
PIP_FLAGS ?=
PYTEST_FLAGS ?=

LOWEST_BUT ?=
LOWEST_TESTS ?= tests/base tests/engine tests/models tests/metrics tests/run tests/studies/test_table.py

VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest -n 2 -rs $(PYTEST_FLAGS)

.PHONY: demo test test-slow test-faults test-lowest audit check docs bench release clean

demo: $(VENV)/for-demo
	$(BIN)/unweave demo

test: $(VENV)/for-test
	$(PYTEST) -m "not slow"

test-slow: $(VENV)/for-test
	$(PYTEST) -m slow

# Every write fails once, every file is damaged: prints how many crash points there were and how many lost anything.
test-faults: $(VENV)/for-test
	$(BIN)/python -m pytest -n 0 -q $(PYTEST_FLAGS) tests/faults

# The oldest versions that pyproject.toml allows, in an environment of their own, under the tests of what needs no
# extra. LOWEST_BUT='torch' leaves some at a newer version, e.g. where the old one cannot be had.
test-lowest:
	$(PYTHON) -m venv .lowest
	$(PYTHON) tests/lowest.py $(LOWEST_BUT) > .lowest/constraints.txt
	.lowest/bin/python -m pip install -q $(PIP_FLAGS) -c .lowest/constraints.txt -e . \
		pytest pytest-timeout hypothesis jaxtyping beartype
	.lowest/bin/python -m pytest -q -m "not slow" $(PYTEST_FLAGS) $(LOWEST_TESTS)

# Known weaknesses of the pinned versions; needs the network.
audit:
	@test -x .audit/bin/pip-audit || { $(PYTHON) -m venv .audit \
		&& .audit/bin/python -m pip install -q $(PIP_FLAGS) pip-audit >/dev/null 2>&1; } \
		|| { rm -rf .audit; echo "make audit needs pip-audit, which could not be installed here; is there a network?"; exit 1; }
	@.audit/bin/pip-audit --strict --progress-spinner off --disable-pip --no-deps -r constraints.txt >.audit/found 2>&1; \
		status=$$?; if grep -qE "Traceback|not found on PyPI|could not be audited|Connection" .audit/found; then \
			echo "make audit found nobody here who knows of weaknesses: PyPI itself must be reached"; exit 1; fi; \
		cat .audit/found; exit $$status

check: $(VENV)/for-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(PYTEST) -m "not slow"

# The site goes to site/; a link that leads nowhere is an error.
docs: $(VENV)/for-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

bench: $(VENV)/for-demo
	@for script in $(sort $(wildcard benchmarks/*.py)); do \
		echo "== $$script"; $(BIN)/python $$script || exit 1; \
	done

# Each package is installed in an environment of its own and asked who it is, outside this folder.
release: $(VENV)/for-dev
	rm -rf dist
	$(BIN)/python -m build
	@for package in $(CURDIR)/dist/*; do \
		echo "== $$package"; rm -rf .release; \
		$(BIN)/python -m venv .release \
		&& .release/bin/python -m pip install $(PIP_FLAGS) -c constraints.txt "$$package" \
		&& (cd .release && bin/unweave --version && bin/unweave list methods) || exit 1; \
	done
	rm -rf .release

clean:
	rm -rf $(VENV) .release .lowest .audit dist demo site .hypothesis .ruff_cache

# Installed again only when what is to be installed has changed; more extras include fewer, docs stands beside them.
EXTRA_docs := [docs]
EXTRA_test := [test]
EXTRA_dev := [dev]
STAMPS_demo := $(VENV)/for-demo
STAMPS_docs := $(STAMPS_demo) $(VENV)/for-docs
STAMPS_test := $(STAMPS_demo) $(VENV)/for-test
STAMPS_dev := $(STAMPS_test) $(VENV)/for-dev

$(VENV)/for-%: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt -e '.$(EXTRA_$*)'
	touch $(STAMPS_$*)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else \
		"unweave needs Python 3.11 or newer; %s is %d.%d. Name another: make PYTHON=python3.12 test" \
		% (sys.executable, *sys.version_info[:2]))'
	$(PYTHON) -m venv $(VENV)
