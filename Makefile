# The commands of the project; `make help` lists them. Everything is installed into .venv and nowhere else.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
# The versions that are installed; `make test CONSTRAINTS=` takes the newest that pyproject.toml allows.
CONSTRAINTS ?= constraints.txt
# How many tests run side by side; `make test WORKERS=0` runs them one after another, in one process.
WORKERS ?= logical
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# The tests start many processes of Python; without bytecode each would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs bench faults newest clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.demo ## Run the CRM with the Flex sandbox (DEMO_PORT=8000 SANDBOX_PORT=8765)
	@$(BIN)/python manage.py demo $(ARGS)

test: $(VENV)/.test ## Run the tests (ARGS="-k name" chooses)
	$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 $(ARGS)

lint: $(VENV)/.lint ## Check style, types, layers, templates, migrations and the wheel
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint templates flex_outbound --check --lint --quiet
	$(BIN)/python manage.py makemigrations --check --dry-run
	rm -rf build var/dist
	$(BIN)/python -m build --wheel --outdir var/dist . > /dev/null
	$(BIN)/python tests/wheel_contents.py var/dist

docs: $(VENV)/.docs ## Build the documents into var/docs; warnings are errors
	$(BIN)/python -m sphinx --fail-on-warning --quiet --doctree-dir var/doctrees docs var/docs
	@echo "Open var/docs/index.html"

bench: $(VENV)/.test ## Measure, in about 6 minutes; LONG=1 takes more and larger samples
	$(BIN)/python -m pytest -m benchmark tests/benchmarks -s $(ARGS)

faults: $(VENV)/.test ## Kill real processes in real places
	$(BIN)/python -m pytest -m faults tests/faults -s $(ARGS)

newest: ## Run the tests with the newest dependencies, in an environment of its own
	rm -f var/newest/.test
	$(MAKE) VENV=var/newest CONSTRAINTS= test
	var/newest/bin/python -m pip list --outdated

clean: ## Remove the demo's data and what was built; keep the virtual environment
	rm -rf var build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -path './$(VENV)' -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each set of packages: pip runs only when what it reads has changed since.
$(VENV)/.demo $(VENV)/.test $(VENV)/.lint $(VENV)/.docs: $(VENV)/.%: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	$(BIN)/python -m pip install --quiet $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS),--upgrade --upgrade-strategy eager) \
	  --editable '.[$*]'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
	  echo "Name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
