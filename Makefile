# Everything runs in a private environment, .venv, made on first use with the tested versions.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

PUBLIC := fista fista.graphs fista.penalties fista.losses fista.problem fista.solver fista.certificate \
	fista.pointwise fista.smooth fista.fenchel fista.working_sets fista.entry_sets fista.newton fista.null_space fista.path \
	fista.cv fista.penalties.tangent \
	formulations formulations.objectives formulations.dual verification verification.strategies \
	verification.exact verification.penalty_checks verification.solver_checks verification.third_party \
	verification.prototype formulations.penalties formulations.generic formulations.losses \
	formulations.posed formulations.conjugates formulations.recession affect affect.annotations affect.agreement \
	affect.simulate affect.problems affect.methods affect.study affect.tables affect.figures

.DEFAULT_GOAL := help
.PHONY: help verify study test test-deep test-browser mutants mutants-all bench bench-prototypes bench-scaling third-party docs lint clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

# One stamp a set of extras: make installs again only when the project's files have changed.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.verify: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.%: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$*]"
	@touch $@ $(VENV)/.verify

$(VENV)/.browser $(VENV)/.mutation $(VENV)/.third-party: $(VENV)/.test

verify: $(VENV)/.verify  ## verify all objectives against CVXPY, on random and real data (ARGS="--help")
	$(RUN) -m verification $(ARGS)

study: $(VENV)/.affect  ## the study around EG-MTL, on a simulation or on your ratings (ARGS="--help")
	$(RUN) -m affect $(ARGS)

test: $(VENV)/.test  ## lint, types and all tests
	$(RUN) -m pytest -n auto --dist worksteal $(ARGS)

test-deep: $(VENV)/.test  ## thousands of random problems for each objective, design and solver, an hour and a half
	$(RUN) -m pytest -n auto -m deep -rP $(ARGS)

test-browser: $(VENV)/.browser  ## the report of a run in a real browser; needs chromium and chromedriver
	$(RUN) -m pytest -m browser tests/verification/test_page.py $(ARGS)

mutants: $(VENV)/.test  ## plant known mistakes, one at a time, and have each found (docs/mutants.md), some minutes
	$(RUN) -m tests.mutants $(ARGS)

mutants-all: $(VENV)/.mutation  ## mutate solver, penalties and certificate everywhere, and list what survives
	$(RUN) -m mutmut run $(ARGS) && $(RUN) -m mutmut results

bench: $(VENV)/.bench  ## time FISTA and other solvers to the same certified gap (ARGS="--quick"), hours
	$(RUN) -m benchmarks $(ARGS)

bench-prototypes: $(VENV)/.test  ## time penalties from one line of CVXPY against those by hand
	$(RUN) benchmarks/prototypes.py $(ARGS)

bench-scaling: $(VENV)/.test  ## how the cost grows with rows, features, tasks, ..., into docs/scaling.md, minutes
	$(RUN) -m benchmarks.scaling $(ARGS)

third-party: $(VENV)/.third-party  ## try the solvers of other libraries, into docs/third_party.md
	$(RUN) -m verification.third_party $(ARGS)

docs: $(VENV)/.docs  ## API reference from the docstrings, into docs/api/
	$(RUN) -m pdoc --docformat numpy --math --output-directory docs/api $(PUBLIC)

lint: $(VENV)/.test  ## ruff and mypy only
	$(RUN) -m ruff check . && $(RUN) -m ruff format --check . && $(RUN) -m mypy

clean:  ## remove the environment and everything generated
	rm -rf $(VENV) docs/api mutants build dist *.egg-info .hypothesis .pytest_cache .mypy_cache .ruff_cache
