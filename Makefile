# make demo: train, evaluate, export and draw a small model on real digits.
# make test: the package and its commands.    make lint: ruff and mypy.
# make check: README, guides, docstrings, notebooks and tables are true.
# make fuzz: damages files of all kinds for minutes; writes what came of it.
# make notebooks: runs the notebooks and stores their outputs.
# make docs: guides, API reference and the page to play with (this one needs npm),
#   in build/docs.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
# Two files of tests at a time, for the tests of a file share fixtures; in the
# order of their names, as a file of few tests may be a long one.
PYTEST := $(RUN) -m pytest -n 2 --dist=loadfile --no-loadscope-reorder

.PHONY: install demo test check fuzz notebooks docs lint format clean

# The stamp is newer than setup.py once everything is installed.
$(VENV)/installed: setup.py pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade pip
	$(RUN) -m pip install --quiet --editable '.[test]'
	touch $@

install: $(VENV)/installed

demo: install
	$(RUN) bin/demo

test: install
	$(PYTEST) --ignore=tests/documents

check: install
	$(PYTEST) tests/documents

# The counts of damages are those of the guide on damage.
fuzz: install
	FAULTS=10000 FAULTS_TABLE=assets/benchmarks/faults.csv \
	  $(RUN) -m pytest -q tests/faults

notebooks: install
	$(RUN) notebooks/execute.py

# The variable silences the theme's note about MkDocs 2.
docs: install
	$(RUN) -m pip install --quiet --editable '.[docs,onnx]'
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --quiet
	TF_CPP_MIN_LOG_LEVEL=3 $(RUN) docs/build_page.py build/docs/play

lint: install
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: install
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache
