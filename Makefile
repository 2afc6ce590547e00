# Two commands do everything on a fresh machine with Python 3.11 and Node 20: `make demo` and `make test`.
# `make check` is the quick look between two edits.

PYTHON ?= python3
# JupyterLab refuses to run as root unless told to, and containers run as root
ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# most modules of the dependencies are never imported: Python compiles the others when they are, and keeps that,
# whatever a container's image says, as each of the many processes that the tests start would compile them anew
export PYTHONDONTWRITEBYTECODE :=
INSTALL := install --no-compile --constraint constraints.txt

JS_SOURCES := $(shell find js/src -type f) js/build.mjs js/plotly-patches.mjs js/package-lock.json

.PHONY: demo test check check-py setup lint js-check js-test js-hosts kernel-test py-test oracle-test browser-test notebook-test notebooks hosts callbacks bench papers site dist installed clean

demo: setup ## sets up and opens JupyterLab on the quickstart
	$(BIN)/python -m jupyterlab $(ROOT) --LabApp.default_url=/lab/tree/notebooks/01_quickstart.ipynb

# two lanes of about the same length, of which the page's part is done while pip installs; the second one takes some
# of the kernel's tests, in the process of the notebooks'
test: ## sets up and runs every check
	$(MAKE) --jobs=2 --output-sync=target BESIDE=tests/study/test_evolution.py \
	  kernel-test js-check js-test js-hosts lint browser-test notebook-test

check: ## the inner loop: lint, types, the page, and the tests of the rooms that changed
	$(MAKE) --jobs=2 --output-sync=target check-py lint js-check js-test

# no oracles: there are many; and 5 is what pytest returns where nothing but oracles changed
check-py: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m "not oracle" $$($(BIN)/python -m tests.project.changed) || test $$? = 5

setup: $(VENV)/.installed $(VENV)/.bundled

# constraints.txt pins everything that set-up and CI install; the package itself states ranges
$(VENV)/.torch: constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) $(INSTALL) --upgrade pip  # Python's own takes twice the time for all that follows
	$(PIP) $(INSTALL) torch
	touch $@

$(VENV)/.installed: pyproject.toml hatch_build.py $(VENV)/.torch | js/node_modules/.installed
	$(PIP) $(INSTALL) --editable '.[test]'
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
	$(BIN)/lint-imports

js-check: js/node_modules/.installed
	cd js && npm run --silent check

js-test: js/node_modules/.installed
	cd js && npm run --silent test

# what tests in hosts would fetch themselves
js-hosts: tests/browser/vscode/node_modules/.package-lock.json tests/browser/hosts/node_modules/.package-lock.json

%/node_modules/.package-lock.json: %/package-lock.json
	cd $* && npm ci --ignore-scripts --no-audit --no-fund

# one thread: on a busy machine torch's thread pool costs more than it brings on problems of this size
KERNEL_TESTS := OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests \
  $(addprefix --ignore ,tests/browser tests/notebooks tests/callbacks $(BESIDE))

kernel-test: setup ## both of the next two, in one process, as collecting them takes a quarter of a minute
	$(KERNEL_TESTS)

py-test: setup
	$(KERNEL_TESTS) -m "not oracle"

oracle-test: setup
	$(KERNEL_TESTS) -m oracle

notebook-test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/notebooks $(BESIDE)

notebooks: setup ## executes the shipped notebooks and lessons and stores what they show, pictures included
	$(BIN)/python notebooks/refresh.py

# INSTALLS may be the number of a process that installs the browser meanwhile
browser-test: setup
	$(if $(INSTALLS),tail --pid=$(INSTALLS) --follow /dev/null)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/browser

hosts: setup $(VENV)/.hosted ## the same acts in every host that the explorer is shown in; takes long
	OMP_NUM_THREADS=1 LANDSCAPE_HOSTS=all $(BIN)/python -m pytest tests/browser/hosts

$(VENV)/.hosted: $(VENV)/.installed
	$(PIP) $(INSTALL) --editable '.[hosts]'
	touch $@

callbacks: .venv-callbacks/.installed ## the callbacks for Lightning and Hugging Face's Trainer, with both installed
	OMP_NUM_THREADS=1 .venv-callbacks/bin/python -m pytest tests/callbacks

.venv-callbacks/.installed: pyproject.toml $(VENV)/.bundled
	test -x .venv-callbacks/bin/python || $(PYTHON) -m venv .venv-callbacks
	.venv-callbacks/bin/python -m pip --disable-pip-version-check --quiet $(INSTALL) --editable '.[callbacks]'
	touch $@

# the code of all pages runs before they are built
SNIPPETS := $(addprefix tests/project/test_,docs.py pages_run.py paths_page.py)

site: setup $(VENV)/.sited ## the docs as a site with live pages, into build/site, and its tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(SNIPPETS)
	OMP_NUM_THREADS=1 $(BIN)/python docs/site/build.py
	OMP_NUM_THREADS=1 LANDSCAPE_SITE=built $(BIN)/python -m pytest tests/browser/site

$(VENV)/.sited: $(VENV)/.installed
	$(PIP) $(INSTALL) --editable '.[site]'
	touch $@

papers: setup ## computes what docs/papers.md holds against both papers; DATA=folder for ResNet-56 as well
	$(BIN)/python notebooks/papers/measure.py
	$(if $(DATA),$(BIN)/python notebooks/papers/measure.py --data $(DATA) && $(BIN)/python notebooks/papers/referee.py --data $(DATA))
	$(BIN)/python notebooks/papers/ledger.py

dist: setup ## the wheel and the sdist, into dist; an installed wheel needs no Node
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist

# "append" has the tests import what is installed, not the checkout beside them
INSTALLED_TESTS := $(addprefix tests/,numerics engine curvature export)
installed: .venv-newest/.installed .venv-oldest/.installed ## the wheel on the newest and the oldest dependencies; takes long
	for each in newest oldest; do \
	  OMP_NUM_THREADS=1 .venv-$$each/bin/pytest --import-mode=append -m "not oracle" $(INSTALLED_TESTS) || exit 1; done

# what the tests need beside, of whatever release goes with the dependencies
TOOLS := pytest pytest-timeout curvlinops-for-pytorch ipykernel nbclient nbconvert pandas scikit-learn xarray distributed

.venv-newest/.installed: CONSTRAINTS := constraints.txt
.venv-oldest/.installed: CONSTRAINTS := constraints-oldest.txt
.venv-%/.installed: pyproject.toml constraints.txt constraints-oldest.txt $(JS_SOURCES)
	$(MAKE) dist
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check --quiet install --no-compile \
	  --constraint $(CONSTRAINTS) "$$(echo dist/*.whl)[loky]" $(TOOLS)
	touch $@

bench: setup $(VENV)/.benched .venv-bench/.installed ## measures speed beside other tools; needs an idle machine
	$(BIN)/python -m tests.benchmarks $(ARGS)

$(VENV)/.benched: $(VENV)/.installed
	$(PIP) $(INSTALL) --editable '.[bench]'
	touch $@

# landscaper needs an older numpy than the rest
.venv-bench/.installed: tests/benchmarks/landscaper.txt
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip --disable-pip-version-check --quiet install --requirement $<
	touch $@

clean:
	rm -rf $(VENV) .venv-* js/node_modules landscape_widget/static dist build test-output
