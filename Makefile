# `make book` builds the book, `make test` checks it. Both first make .venv from the pinned versions.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

# Kernels of two notebooks run side by side; and sums in a fixed order give the same digits on any machine.
export OMP_NUM_THREADS = 1
export MKL_NUM_THREADS = 1
export OPENBLAS_NUM_THREADS = 1
export NUMBA_NUM_THREADS = 1
export POLARS_MAX_THREADS = 1
# Many containers forbid it; then each of the many processes would compile every module anew.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help book notebooks run test views lint clean

help:
	@echo "make book       execute the notebooks whose inputs changed, then build book/_build/html"
	@echo "make notebooks  only execute them"
	@echo "make run        one notebook on other data: make run NAME=mine NOTEBOOK=02-datasets ARGS=\"-p dataset ml-1m\""
	@echo "make test       tests of the package, of the stored notebook outputs and of the built pages"
	@echo "make views      after make book, every page in a browser, on a laptop and on a phone, by day and by night"
	@echo "make lint       ruff and pyright"
	@echo "make clean      remove the built book, keep .venv and book/runs"

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) book/install.py

# SRLAW_PARENT: whatever ends make, also its being killed, ends the script and the kernels that it started.
book: $(READY)
	@SRLAW_PARENT=$$PPID exec $(BIN)/python book/build.py

notebooks: $(READY)
	@SRLAW_PARENT=$$PPID exec $(BIN)/python book/execute.py

run: export NAME := $(NAME)
run: export NOTEBOOK := $(NOTEBOOK)
run: $(READY)
	@SRLAW_PARENT=$$PPID exec $(BIN)/python book/run.py $(ARGS)

test: $(READY)
	$(BIN)/python -m pytest --nbval -n 4 --dist loadfile --no-loadscope-reorder

views: book
	SRLAW_PAGES=book/_build/html $(BIN)/python -m pytest tests/test_book.py -k test_pages_in_a_browser

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/pyright

clean:
	rm -rf book/_build .pytest_cache .ruff_cache .hypothesis
