# Two commands do everything on a fresh machine with Python 3.11 and Node 20: `make demo` and `make test`.

PYTHON ?= python3
# JupyterLab refuses to run as root unless told to, and containers run as root
ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

JS_SOURCES := $(shell find js/src -type f) js/build.mjs js/package-lock.json

.PHONY: demo test setup lint js-test py-test browser-test notebooks lock clean

demo: setup ## sets up and opens JupyterLab on the quickstart
	$(BIN)/python -m jupyterlab $(ROOT) --LabApp.default_url=/lab/tree/notebooks/01_quickstart.ipynb

test: setup lint js-test py-test notebooks browser-test ## sets up and runs every check

setup: $(VENV)/.installed $(VENV)/.bundled

# constraints.txt pins everything that set-up and CI install; the package itself states ranges
$(VENV)/.installed: pyproject.toml constraints.txt hatch_build.py | js/node_modules/.installed
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt torch
	$(PIP) install --constraint constraints.txt --editable '.[test]'
	touch $@

js/node_modules/.installed: js/package-lock.json
	cd js && npm ci --no-audit --no-fund
	touch $@

$(VENV)/.bundled: $(JS_SOURCES) $(VENV)/.installed
	cd js && npm run --silent build
	touch $@

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	cd js && npm run --silent check

js-test: setup
	cd js && npm run --silent test

# one thread: on a busy machine torch's thread pool costs more than it brings on problems of this size
py-test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/unit tests/reference

notebooks: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/notebooks

browser-test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/browser

clean:
	rm -rf $(VENV) js/node_modules landscape_widget/static dist test-output
