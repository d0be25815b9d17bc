# `make demo` and `make test` set up .venv and run in it; only pip's cache lies outside this folder. The variables of a
# sourced ROS shell are cleared for what is started here: tools/clean_environment.py.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: demo test test-oldest lint types doctor install clean help

PYTHON ?=
TORCH ?= torch==2.13.0
TORCH_INDEX ?=
BAG ?=
DEMO_ARGS ?=
PYTEST_ARGS ?=
# pyenv's `python3.10` on the PATH runs only where it was chosen
OLDEST_PYTHON ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.10.*/bin/python) python3.10)

setup = python=$$(tools/find_python "$(PYTHON)") && "$$python" -Es tools/bootstrap.py install \
	--python "$(PYTHON)" --torch "$(TORCH)" --torch-index "$(TORCH_INDEX)" \
	$(if $(filter file,$(origin TORCH)),,--own-torch)
run = $(or $(DCFM_VENV),.venv)/bin/python -Es tools/bootstrap.py run

demo: ## replay a bag over DDS into the live node, end in a report with pictures; BAG=path takes your bag or video
	@$(setup)
	@$(run) dcfm demo $(if $(BAG),"$(BAG)") $(DEMO_ARGS)

test: ## the test suite on real rclpy, real DDS, real bags
	@$(setup) --test
	@$(run) python -m pytest -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder \
		$(PYTEST_ARGS)

test-oldest: export DCFM_VENV = .venv-oldest
test-oldest: ## what needs no torch, on the versions of Ubuntu 22.04 and Python 3.10
	@python=$$(tools/find_python "$(OLDEST_PYTHON)") && "$$python" -Es tools/bootstrap.py install \
		--python "$(OLDEST_PYTHON)" --own-torch --oldest
	@$(run) python -m pytest -n auto --maxprocesses 8 --dist loadfile --without-torch $(PYTEST_ARGS)

lint: ## ruff: rules and format
	@$(setup) --test
	@$(run) ruff check .
	@$(run) ruff format --check .

types: ## mypy
	@$(setup) --test
	@$(run) mypy

doctor: ## what is installed, which device, what is missing
	@$(setup)
	@$(run) dcfm doctor

install: ## set up .venv only
	@$(setup)

clean: ## remove .venv and everything that was built
	rm -rf .venv .venv-oldest build install log .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20
	@echo "variables: PYTHON=path (3.10 to 3.13)  TORCH=requirement  TORCH_INDEX=url of an index with CPU builds, say"
