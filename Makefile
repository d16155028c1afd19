# `make book` builds the book, `make test` checks it. Both first make .venv from the pinned versions.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
BUILD := $(BIN)/jupyter-book build book -W --keep-going

# Kernels of two notebooks run side by side; and sums in a fixed order give the same digits on any machine.
export OMP_NUM_THREADS = 1
export MKL_NUM_THREADS = 1
export OPENBLAS_NUM_THREADS = 1
export NUMBA_NUM_THREADS = 1
export POLARS_MAX_THREADS = 1

.PHONY: help book notebooks run test lint clean

help:
	@echo "make book       execute the notebooks whose inputs changed, then build book/_build/html"
	@echo "make notebooks  only execute them"
	@echo "make run        one notebook on other data: make run NAME=mine NOTEBOOK=02-datasets ARGS=\"-p dataset ml-1m\""
	@echo "make test       tests of the package, of the stored notebook outputs and of the built pages"
	@echo "make lint       ruff"
	@echo "make clean      remove the built book, keep .venv and book/runs"

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("srlaw needs Python 3.11 or newer, but $(PYTHON) is %d.%d. Try: make PYTHON=python3.11" % v[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

# Sphinx reports a warning only when it reads a page: after a failure forget the pages, or the next build passes.
book: notebooks
	@$(BUILD) || { rm -rf book/_build/.doctrees; exit 1; }

notebooks: $(READY)
	@$(BIN)/python book/execute.py

run: $(READY)
	@test -n "$(NAME)" -a -n "$(NOTEBOOK)" || { echo "Say which: make run NAME=mine NOTEBOOK=02-datasets ARGS=\"-p dataset ml-1m\""; exit 2; }
	@mkdir -p "book/runs/$(NAME)"
	$(BIN)/papermill "notebooks/$(NOTEBOOK).ipynb" "book/runs/$(NAME)/$(NOTEBOOK).ipynb" $(ARGS)

test: $(READY)
	$(BIN)/python -m pytest --nbval -n 2 --dist loadfile

lint: $(READY)
	$(BIN)/ruff check .

clean:
	rm -rf book/_build .pytest_cache .ruff_cache .hypothesis
